//! The discounts that approvals reserve.
//!
//! An approval is written first and takes its discount second, like every outcome. A
//! function that dies in between leaves an approval without a discount; sending its answer
//! takes the discount, or is refused. When an approval is taken back, its discount is given
//! back by the name of that approval, so that a late return does no harm. After taking a
//! discount, the function checks whether the approval was taken back meanwhile: else a slow
//! write would leave a discount that belongs to no approval.

use domain::discount::{DecisionType, DiscountRequest};
use domain::event::EventStatus;
use domain::{Error, Result, Timestamp};
use store::{EventRecord, Refusal, was_done};

use crate::State;
use crate::staff::Staff;

pub(crate) fn show_over() -> Error {
    Error::conflict("show_over", "This show is over or cancelled. Reject the request instead.")
}

pub(crate) fn no_discounts_left() -> Error {
    Error::conflict(
        "no_discounts_left",
        "All discounts of this show are given or promised. Reject the request, or raise the show's `max_discounts`.",
    )
    .with("remaining", 0)
}

impl State {
    /// Fails with `no_discounts_left` if the show has none for an approval. Checked before
    /// anything is written.
    pub(crate) async fn has_discounts(&self, request: &DiscountRequest, now: Timestamp) -> Result<()> {
        let show = self.show_of(request, now).await?;
        match self.store.discounts_left(&show, now).await? {
            0 => Err(no_discounts_left()),
            _ => Ok(()),
        }
    }

    /// The show of a request, read now because its discounts may be spread over another number
    /// of blocks since. Fails with `show_over` if it is over, cancelled or
    /// deleted.
    pub(crate) async fn show_of(&self, request: &DiscountRequest, now: Timestamp) -> Result<EventRecord> {
        let show = self.store.event_of(request.tenant_id, request.show_id).await?;
        let goes_on = |show: &EventRecord| now < show.ends_at && show.status != EventStatus::Cancelled;
        show.filter(goes_on).ok_or_else(show_over)
    }

    /// Takes the discount of an approval. Idempotent: a second call changes nothing.
    pub(crate) async fn take(
        &self,
        show: &EventRecord,
        request: &DiscountRequest,
        now: Timestamp,
    ) -> Result<()> {
        let taken = self.store.take_discount(show, request, now).await;
        taken.map_err(|refusal| refusal.meaning(|_: Refusal| no_discounts_left()))?;
        match self.store.discount_request(request.id).await? {
            Some(now) if now.taken_back > request.taken_back => self.give_back(&now).await,
            _ => Ok(()),
        }
    }

    /// Takes the discount of an approval, and gives back those of approvals that were taken
    /// back.
    pub(crate) async fn settle_discounts(&self, decided: &DiscountRequest, now: Timestamp) -> Result<()> {
        self.give_back(decided).await?;
        if decided.decision_type == Some(DecisionType::Approved) {
            let show = self.show_of(decided, now).await?;
            self.take(&show, decided, now).await?;
        }
        Ok(())
    }

    /// Takes and gives back the discounts of a request that was just `decided`, and returns
    /// it. If other approvals took the last discounts, the request becomes again as it was
    /// `before`.
    pub(crate) async fn settle_decision(
        &self,
        staff: &Staff,
        before: &DiscountRequest,
        decided: DiscountRequest,
        now: Timestamp,
    ) -> Result<DiscountRequest> {
        let Err(error) = self.settle_discounts(&decided, now).await else { return Ok(decided) };
        if error.code() == no_discounts_left().code() {
            let undone = decided.with_approval_undone(before);
            let note = staff.note(&undone, "withdraw", now);
            // If another supervisor changed the request meanwhile, that change stands: sending it takes
            // a discount itself or is refused.
            was_done(self.store.replace_discount_request(&undone, &note).await)?;
        }
        Err(error)
    }

    /// Gives back the discounts of the request's approvals that were taken back.
    pub(crate) async fn give_back(&self, request: &DiscountRequest) -> Result<()> {
        if request.taken_back > 0
            && let Some(show) = self.store.event_of(request.tenant_id, request.show_id).await?
        {
            self.store.return_discounts(&show, request).await?;
        }
        Ok(())
    }
}
