//! What the rules for a suggestion look at.

use domain::discount::{Case, DecisionType, DiscountRequest, MAX_ATTEMPTS, day_of};
use domain::member::Member;
use domain::{DiscountRequestId, Error, EventId, MemberId, Result, Timestamp};
use store::{EventRecord, Store};

/// The most other shows of a day that are looked at.
const MAX_SAME_DAY: u16 = 15;

pub(crate) fn show_not_found() -> Error {
    Error::not_found("show_not_found", "There is no such show. Search for it again.")
}

pub(crate) fn asked_too_often() -> Error {
    Error::conflict(
        "asked_too_often",
        "You have asked for this discount too often. Write to the organiser instead.",
    )
}

/// What there was before a request.
#[derive(Debug)]
pub(crate) struct History {
    /// Discounts that the show has left.
    remaining: u32,
    /// Undecided requests for the show that are proposed for approval.
    waiting: u32,
    /// The member's requests for the show, the first one first.
    own: Vec<DiscountRequest>,
    /// The member's requests for other shows of the same day.
    same_day: Vec<DiscountRequest>,
}

impl History {
    /// Reads it: how many are left, who asked before, and what else there is that day at the same
    /// time, then all requests that the member may have made, whose ids follow
    /// from the shows.
    pub(crate) async fn read(
        store: &Store,
        show: &EventRecord,
        member: &Member,
        now: Timestamp,
    ) -> Result<Self> {
        let (remaining, waiting, shows) = tokio::try_join!(
            store.discounts_left(show, now),
            store.discount_requests_waiting(show.tenant_id, show.id, show.max_discounts),
            store.events_starting(show.tenant_id, day_of(show), MAX_SAME_DAY),
        )?;
        let others = shows.into_iter().filter(|other| *other != show.id);
        let ids: Vec<DiscountRequestId> =
            std::iter::once(show.id).chain(others).flat_map(|show| attempts(member.id, show)).collect();
        let found = store.discount_requests_of(&ids).await?;
        let (mut own, same_day): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|request| request.show_id == show.id);
        own.sort_by_key(|request| request.attempt);
        Ok(Self { remaining, waiting, own, same_day })
    }

    /// The case of `member`, who is eligible.
    pub(crate) fn case(&self, member: &Member) -> Case<'_> {
        let given =
            self.same_day.iter().find(|request| request.decision_type == Some(DecisionType::Approved));
        Case {
            remaining: self.remaining,
            waiting: self.waiting,
            address_bounces: member.email_bounced_at.is_some(),
            same_day: given.map(|request| request.show_description.as_str()),
            before: self.own.last().map(DiscountRequest::outcome),
        }
    }

    /// Which of the member's requests for the show the next one is.
    ///
    /// # Errors
    /// If there is an open one, a discount was given, or the member asked too often.
    pub(crate) fn next_attempt(&self) -> Result<u8> {
        for request in &self.own {
            request.lets_ask_again()?;
        }
        let next = self.own.last().map_or(0, |last| last.attempt + 1);
        if next < MAX_ATTEMPTS { Ok(next) } else { Err(asked_too_often()) }
    }
}

/// The ids of all requests that a member can make for a show.
fn attempts(member: MemberId, show: EventId) -> impl Iterator<Item = DiscountRequestId> {
    (0..MAX_ATTEMPTS).map(move |attempt| DiscountRequestId::of(member, show, attempt))
}
