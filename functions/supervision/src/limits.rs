//! Limits of mailed answers.
//!
//! Any user can found an organiser, make strangers its members and answer requests that it
//! made for them. So answers are limited for each organiser, and for each address over all
//! organisers. Requests that the member made signed in do not count for the address, so
//! their answers are sent however many others were mailed there.

use domain::discount::DiscountRequest;
use domain::operator::{QuotaName, quota_reached};
use domain::tenant::{Tenant, tenant_not_found};
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

/// How many answers an organiser may still send today.
pub(crate) struct AnswersLeft {
    /// So many.
    pub(crate) left: usize,
    /// The error once there are none left, to be retried when the day's window ends.
    pub(crate) full: Error,
}

impl State {
    /// The number of answers that the organiser may still send today, by the limit of all organisers and
    /// by the operator's quota.
    pub(crate) async fn answers_left(&self, id: TenantId, now: Timestamp) -> Result<AnswersLeft> {
        let tenant = self.store.tenant(id).await?.ok_or_else(tenant_not_found)?;
        let left = self.store.room(&tenant_count(id), now).await?;
        let quota = self.store.quota_mails_left(&tenant, now).await?;
        let full = match tenant.quotas.mails_per_day {
            Some(most) if left > 0 => quota_reached(QuotaName::MailsPerDay, most),
            _ => too_many_answers(now),
        };
        let left = quota.map_or(left, |quota| quota.min(left));
        let full = full.retry_after(ANSWERS_OF_TENANT.seconds_left(now));
        Ok(AnswersLeft { left: usize::try_from(left).unwrap_or(usize::MAX), full })
    }

    /// Counts an answer of `tenant` that is about to be sent.
    ///
    /// # Errors
    /// `too_many_answers` above the organiser's limit, `quota_reached` above the operator's,
    /// `address_answered_enough` above the address's.
    pub(crate) async fn count_answer(
        &self,
        tenant: &Tenant,
        request: &DiscountRequest,
        now: Timestamp,
    ) -> Result<()> {
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
        let refused = match self.count_of_tenant(tenant, now).await {
            Ok(()) => return Ok(()),
            Err(refused) => refused,
        };
        if let Some(address) = &address {
            self.store.uncount(address, now).await?;
        }
        Err(refused)
    }

    async fn count_of_tenant(&self, tenant: &Tenant, now: Timestamp) -> Result<()> {
        let count = tenant_count(tenant.id);
        if !self.store.count_one(&count, now).await? {
            return Err(too_many_answers(now));
        }
        let within_quota = self.store.count_quota_mail(tenant, now).await;
        if within_quota.is_err() {
            self.store.uncount(&count, now).await?;
        }
        within_quota
    }

    /// Takes back what was counted at `now`, because the answer was not sent.
    pub(crate) async fn uncount_answer(
        &self,
        tenant: &Tenant,
        request: &DiscountRequest,
        now: Timestamp,
    ) -> Result<()> {
        self.store.uncount_quota_mail(tenant, now).await?;
        if let Some(address) = self.address_count(request)? {
            self.store.uncount(&address, now).await?;
        }
        Ok(self.store.uncount(&tenant_count(tenant.id), now).await?)
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
fn too_many_answers(now: Timestamp) -> Error {
    Error::too_many(
        "too_many_answers",
        "You have sent 1000 answers today, which is the most. Send the others tomorrow.",
    )
    .retry_after(ANSWERS_OF_TENANT.seconds_left(now))
}
