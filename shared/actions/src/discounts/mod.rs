//! Members' requests for the discount of a show.

mod history;

use boot::Stopwatch;
use domain::access::Claims;
use domain::discount::{DiscountRequest, MAX_ATTEMPTS, offered, suggest};
use domain::error::Fields;
use domain::member::{Ineligible, Member};
use domain::user::Email;
use domain::{DiscountRequestId, Error, EventId, Result, Timestamp};
use store::limit::QUARTER;
use store::{EventRecord, Fingerprints, Limit, Store};

use history::History;

/// Requests from one network.
const NETWORK: Limit = Limit::exact("discount", 100, QUARTER);
/// Refused requests for one address from one network. Not from all networks together: then
/// strangers could keep a member from asking.
const ADDRESS_HERE: Limit = Limit::exact("discount-refused", 20, QUARTER);

/// A member's wish for the discount of a show.
#[derive(Debug)]
pub struct DiscountWish<'a> {
    /// The member's e-mail address.
    pub email: &'a Email,
    /// The show.
    pub show: ShowName<'a>,
    /// A message to the supervisor who decides.
    pub message: Option<String>,
}

/// How a member names a show.
#[derive(Debug, Clone, Copy)]
pub enum ShowName<'a> {
    /// The show's id.
    Id(EventId),
    /// The organiser's own code for the show.
    Code(&'a str),
}

/// The discounts for members.
#[derive(Clone, Debug)]
pub struct Discounts {
    store: Store,
    fingerprints: Fingerprints,
}

impl Discounts {
    /// The requests and shows in the table of `store`.
    pub fn new(store: &Store, fingerprints: Fingerprints) -> Self {
        Self { store: store.clone(), fingerprints }
    }

    /// Opens a request with a suggested decision. A member has one open request for a show.
    ///
    /// # Errors
    /// Why the member may not ask, `show_not_found` and what keeps the show from having discounts,
    /// `request_open`, `discount_already_given`, `asked_too_often`, `too_many_tries` after too many
    /// requests, or too many refused ones for the address, from `network`.
    pub async fn request(
        &self,
        wish: DiscountWish<'_>,
        caller: Option<&Claims>,
        network: &str,
        now: Timestamp,
    ) -> Result<DiscountRequest> {
        let started = Stopwatch::start();
        let (address, network) = (self.fingerprints.email(wish.email), self.fingerprints.source(network));
        let all = [NETWORK.of(&[&network])];
        let here = [ADDRESS_HERE.of(&[&address, &network])];
        // Both run to their end: a request that is refused for the address must be counted for
        // the network all the same.
        let (counted, left) = tokio::join!(self.store.count(&all, now), self.store.check_limits(&here, now));
        counted.and(left)?;
        let opened = self.open_request(wish, caller, started, now).await;
        if opened.is_err() {
            // Members have few requests; a caller who is refused again and again is guessing.
            self.store.count(&here, now).await?;
        }
        opened
    }

    /// A public show, with the discounts that no approval has taken yet.
    ///
    /// # Errors
    /// `show_not_found`.
    pub async fn remaining(&self, show: EventId, now: Timestamp) -> Result<(EventRecord, u32)> {
        let show = self.store.event(show).await?;
        let show = show.filter(|show| show.status.is_public()).ok_or_else(show_not_found)?;
        let remaining = self.store.discounts_left(&show, now).await?;
        Ok((show, remaining))
    }

    /// The request with this id. Whoever asked has the id, and nobody guesses it.
    ///
    /// # Errors
    /// `request_not_found`.
    pub async fn own(&self, id: DiscountRequestId) -> Result<DiscountRequest> {
        let request = self.store.discount_request(id).await?;
        request.ok_or_else(|| Error::not_found("request_not_found", "There is no such request."))
    }

    /// Suggests a decision and writes the request.
    async fn open_request(
        &self,
        wish: DiscountWish<'_>,
        caller: Option<&Claims>,
        started: Stopwatch,
        now: Timestamp,
    ) -> Result<DiscountRequest> {
        let (show, member) = self.show_and_member(&wish, now).await?;
        let own = caller.and_then(|caller| caller.confirmed_email().ok());
        let signed_in = own.is_some_and(|own| own == member.email.as_str());
        let history = History::load(&self.store, &show, &member, now).await?;
        let suggestion = suggest(&history.case(&member));
        let name = suggestion.decision_type.template();
        let template = self.store.mail_template(show.tenant_id, name, member.language).await?;
        let mut attempt = history.next_attempt()?;
        loop {
            let request =
                DiscountRequest::open(&member, &show, attempt, suggestion.clone(), template.version, now);
            let took = u32::try_from(started.elapsed().as_micros()).unwrap_or(u32::MAX);
            let request =
                DiscountRequest { message: wish.message.clone(), signed_in, processing_us: took, ..request };
            let Some(found) = self.store.open_discount_request(&request).await? else { return Ok(request) };
            // Another request was made at the same moment, or too recently to be read before.
            found.check_may_ask_again()?;
            attempt += 1;
            if attempt >= MAX_ATTEMPTS {
                return Err(asked_too_often());
            }
        }
    }

    /// The show, if it has discounts for members, and the member, if eligible.
    async fn show_and_member(
        &self,
        wish: &DiscountWish<'_>,
        now: Timestamp,
    ) -> Result<(EventRecord, Member)> {
        let show = match wish.show {
            ShowName::Id(show) => Some(show),
            ShowName::Code(code) => self.show_by_code(wish.email, code).await?,
        };
        let show = match show {
            Some(show) => self.store.event(show).await?,
            None => None,
        };
        let show = show.ok_or_else(show_not_found)?;
        offered(&show, now)?;
        let member = self.store.member_by_email(&self.fingerprints, show.tenant_id, wish.email).await?;
        let member = member.ok_or_else(|| refused(Ineligible::EmailNotFound))?;
        member.eligible().map_err(refused)?;
        Ok((show, member))
    }

    /// The show with this code in a community of which the address is a member.
    async fn show_by_code(&self, email: &Email, code: &str) -> Result<Option<EventId>> {
        let memberships = self.store.memberships(&self.fingerprints, email).await?;
        if memberships.is_empty() {
            return Err(refused(Ineligible::EmailNotFound));
        }
        let mut found = None;
        for (tenant, _) in memberships {
            let Some(show) = self.store.show_code_owner(tenant, code).await? else { continue };
            if found.replace(show).is_some() {
                let mut fields = Fields::new();
                fields.rule(false, "/show_code", "Several shows have this code. Send the `show_id`.");
                fields.finish()?;
            }
        }
        Ok(found)
    }
}

fn show_not_found() -> Error {
    Error::not_found("show_not_found", "There is no such show. Search for it again.")
}

fn asked_too_often() -> Error {
    Error::conflict(
        "asked_too_often",
        "You have asked for this discount too often. Write to the organiser instead.",
    )
}

fn refused(reason: Ineligible) -> Error {
    Error::forbidden(reason.code(), reason.detail())
}
