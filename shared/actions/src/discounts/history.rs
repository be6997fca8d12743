//! The facts that the rules for a suggestion need.

use domain::discount::{Case, DecisionType, DiscountRequest, MAX_ATTEMPTS, day_of};
use domain::member::Member;
use domain::{DiscountRequestId, EventId, MemberId, Result, Timestamp};
use store::{EventRecord, Store};

use super::asked_too_often;

/// The most shows of a day that are read.
const MAX_SAME_DAY: u16 = 15;

/// The facts before a request: the discounts left, and earlier requests.
#[derive(Debug)]
pub(super) struct History {
    /// Discounts that the show has left.
    remaining: u32,
    /// Undecided requests for the show whose suggestion is approval.
    waiting: u32,
    /// The member's requests for the show, the first one first.
    own: Vec<DiscountRequest>,
    /// The member's requests for other shows of the same day.
    same_day: Vec<DiscountRequest>,
}

impl History {
    /// Reads the discounts left, the waiting requests and the organiser's shows of the day
    /// concurrently; then all requests that the member may have made for these shows, whose
    /// ids are derived from member and show.
    pub(super) async fn load(
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

    /// The facts for the rules about the request of `member`, who is eligible.
    pub(super) fn case(&self, member: &Member) -> Case<'_> {
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

    /// The number of the member's next request for the show, from 0.
    ///
    /// # Errors
    /// `request_open`, `discount_already_given`, or `asked_too_often` from the sixth request on.
    pub(super) fn next_attempt(&self) -> Result<u8> {
        for request in &self.own {
            request.check_may_ask_again()?;
        }
        let next = self.own.last().map_or(0, |last| last.attempt + 1);
        if next < MAX_ATTEMPTS { Ok(next) } else { Err(asked_too_often()) }
    }
}

/// The ids of all requests that a member can make for a show.
fn attempts(member: MemberId, show: EventId) -> impl Iterator<Item = DiscountRequestId> {
    (0..MAX_ATTEMPTS).map(move |attempt| DiscountRequestId::of(member, show, attempt))
}
