//! Limits of mailed answers.
//!
//! Any user can found an organiser, make strangers its members and answer requests that it
//! made for them. So answers are limited for each organiser, and for each address over all
//! organisers. Requests that the member made signed in do not count for the address, so
//! their answers are sent however many others were mailed there.

use domain::discount::DiscountRequest;
use domain::user::Email;
use domain::{Error, Result, TenantId, Timestamp};
use store::limit::DAY;
use store::{Count, Limit};

use crate::State;

/// Answers of one organiser: meant to be some times as many as a large show has discounts.
/// A show may have up to 10,000; then the other answers wait for the next day.
pub const ANSWERS_OF_TENANT: Limit = Limit::exact("answer-tenant", 1000, DAY);
/// Answers to one address, of all organisers together, to requests that were not made
/// signed in: its reader may not have made them.
pub const ANSWERS_TO_ADDRESS: Limit = Limit::exact("answer-address", 10, DAY);

impl State {
    /// The number of answers that the organiser may still send today.
    pub(crate) async fn answers_left(&self, tenant: TenantId, now: Timestamp) -> Result<usize> {
        let left = self.store.room(&tenant_count(tenant), now).await?;
        Ok(usize::try_from(left).unwrap_or(usize::MAX))
    }

    /// Counts an answer that is about to be sent.
    ///
    /// # Errors
    /// `too_many_answers` above the organiser's limit, `address_answered_enough` above the
    /// address's.
    pub(crate) async fn count_answer(&self, request: &DiscountRequest, now: Timestamp) -> Result<()> {
        let address = self.address_count(request)?;
        if let Some(address) = &address
            && !self.store.count_one(address, now).await?
        {
            return Err(Error::too_many(
                "address_answered_enough",
                "This address has had ten answers today, of all organisers together. Send this one tomorrow.",
            )
            .retry_after(ANSWERS_TO_ADDRESS.seconds_left(now)));
        }
        if self.store.count_one(&tenant_count(request.tenant_id), now).await? {
            return Ok(());
        }
        if let Some(address) = &address {
            self.store.uncount(address, now).await?;
        }
        Err(too_many_answers(now))
    }

    /// Takes back what was counted at `now`, because the answer was not sent.
    pub(crate) async fn uncount_answer(&self, request: &DiscountRequest, now: Timestamp) -> Result<()> {
        if let Some(address) = self.address_count(request)? {
            self.store.uncount(&address, now).await?;
        }
        Ok(self.store.uncount(&tenant_count(request.tenant_id), now).await?)
    }

    /// The count of the request's address; `None` if the member asked signed in.
    fn address_count(&self, request: &DiscountRequest) -> Result<Option<Count>> {
        if request.signed_in {
            return Ok(None);
        }
        let email: Email = request.user_email.parse().map_err(Error::internal)?;
        Ok(Some(ANSWERS_TO_ADDRESS.of(&[&self.fingerprints.email(&email)])))
    }
}

fn tenant_count(tenant: TenantId) -> Count {
    ANSWERS_OF_TENANT.of(&[&tenant.suffix()])
}

/// The error above the organiser's limit, to be retried when the day's window ends.
pub(crate) fn too_many_answers(now: Timestamp) -> Error {
    Error::too_many(
        "too_many_answers",
        "You have sent 1000 answers today, which is the most. Send the others tomorrow.",
    )
    .retry_after(ANSWERS_OF_TENANT.seconds_left(now))
}
