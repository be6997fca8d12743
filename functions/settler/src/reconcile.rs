//! Asks about payments and refunds whose outcome is not known, and repairs orders whose worker may
//! have died.
//!
//! Each order that awaits a payment or a refund has a message that comes back every 15 minutes, the
//! longest delay that SQS allows; its gateways are asked less and less often.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::order::{
    Input, Order, Payment, PaymentState, RefundOutcome, RefundProgress, Report, Settlement, Source, undecided,
};
use domain::payment::{ManualReason, PaymentReference, PaymentReport, PaymentStatus};
use domain::{OrderId, Result, Timestamp, UserId};
use payments::{GatewayError, PaymentGateway, RefundStatus};
use queue::PaymentMessage;

use crate::refund::save_refund_outcome;
use crate::settle::settle;
use crate::{State, places};

/// Time between two rounds.
const PAUSE: Duration = Duration::from_secs(900);

/// How long before its hold ends an order that may be paid in cash is asked about: not every gateway
/// tells of a slip by itself, and a later extension may find the places gone.
const LAST_LOOK: Duration = Duration::from_secs(20);

/// How long a gateway may take for a refund. Real ones take up to three working days.
const REFUNDED_WITHIN: Duration = Duration::from_secs(7 * 24 * 3600);

/// The last round: [`REFUNDED_WITHIN`] and a day more, in case workers are late.
const LAST: u16 = 8 * 24 * 4;

/// True if gateways are asked in this round: at once, every quarter of an hour for an hour, then
/// less and less often, at least every four hours.
fn is_turn(round: u16) -> bool {
    match round {
        0..=4 => true,
        5..=8 => round.is_multiple_of(2),
        9..=24 => round.is_multiple_of(4),
        _ => round.is_multiple_of(16),
    }
}

/// Time until the next round: shorter if the hold ends before.
fn pause_before_end(order: &Order, now: Timestamp) -> Duration {
    let left = order.expires_at.duration_since(now + LAST_LOOK);
    let left = Duration::try_from(left).ok().filter(|left| !left.is_zero() && order.may_wait_for_cash(now));
    left.map_or(PAUSE, |left| left.min(PAUSE))
}

/// True once an hour, when gateways are asked about payments that their buyers have yet to make.
fn is_hourly(round: u16) -> bool {
    round.is_multiple_of(4)
}

/// Asks about an order's undecided payments and refunds, and queues the next round while some are
/// undecided. Also sells places that are still unsold although the order has its outcome.
///
/// # Errors
/// If a gateway or the table does not answer; the queue then delivers the message again.
pub(crate) async fn reconcile(state: &State, user: UserId, order: OrderId, round: u16) -> Result<()> {
    let (is_turn, mut pause) = (is_turn(round), PAUSE);
    if is_turn || is_hourly(round) {
        let Some(order) = state.store.order(user, order).await? else { return Ok(()) };
        // Money at a counter has to be found before the places are gone.
        if !is_turn && !order.payments.iter().any(Payment::is_awaited) {
            return next_round(state, user, order.id, round, PAUSE).await;
        }
        pause = pause_before_end(&order, state.clock.now());
        let mut trouble = None;
        let mut is_open = false;
        if let Err(error) = places::sell_rest(state, &order).await {
            trouble = Some(error);
        }
        for attempt in undecided_attempts(&order) {
            match ask_about(state, &order, attempt).await {
                Ok(open) => is_open |= open,
                // A gateway that is down must not keep the others from being asked.
                Err(error) => trouble = Some(error),
            }
        }
        match ask_about_refunds(state, &order).await {
            Ok(open) => is_open |= open,
            Err(error) => trouble = Some(error),
        }
        if let Some(error) = trouble {
            return Err(error);
        }
        if !is_open {
            return Ok(());
        }
    }
    next_round(state, user, order, round, pause).await
}

async fn next_round(state: &State, user: UserId, order: OrderId, round: u16, pause: Duration) -> Result<()> {
    if round >= LAST {
        return Ok(());
    }
    state.payments.send_later(&PaymentMessage::Reconcile { user, order, round: round + 1 }, pause).await
}

/// Asks about an order's payments once, because its buyer is waiting.
///
/// # Errors
/// If a gateway or the table does not answer; the queue then delivers the message again.
pub(crate) async fn ask_now(state: &State, user: UserId, order: OrderId) -> Result<()> {
    let Some(order) = state.store.order(user, order).await? else { return Ok(()) };
    for attempt in undecided_attempts(&order) {
        settle_attempt(state, &order, attempt).await?;
    }
    Ok(())
}

/// The attempts without an approved payment. Declined ones are included: gateways let the buyer try
/// again under the same reference.
fn undecided_attempts(order: &Order) -> Vec<u8> {
    let decided = |attempt: u8| {
        let mut of_try = order.payments.iter().filter(|payment| payment.attempt == attempt);
        of_try.any(|payment| matches!(payment.state, PaymentState::Approved | PaymentState::Mismatched))
    };
    attempts(order).filter(|attempt| !decided(*attempt)).collect()
}

/// The numbers of the order's attempts, each once.
pub(crate) fn attempts(order: &Order) -> impl Iterator<Item = u8> {
    order.payments.iter().map(|payment| payment.attempt).collect::<BTreeSet<_>>().into_iter()
}

/// Settles all payments of an attempt. True if there is still something to wait for.
async fn ask_about(state: &State, order: &Order, attempt: u8) -> Result<bool> {
    let reports = settle_attempt(state, order, attempt).await?;
    let now = state.clock.now();
    let pending: Vec<_> = reports.iter().filter(|report| report.status.is_undecided()).collect();
    let of_try = || order.payments.iter().filter(|payment| payment.attempt == attempt);
    let decided_by = of_try().map(Payment::decided_by).max().unwrap_or(now);
    if pending.is_empty() || now < decided_by {
        let may_begin = of_try().any(|payment| now < order.page_end(payment) + payment.gateway.grace());
        let is_paid = reports.iter().any(|report| report.status == PaymentStatus::Approved);
        return Ok(!pending.is_empty() || (may_begin && !is_paid));
    }
    for report in pending {
        tracing::error!(order = %order.id, payment = report.payment_id, "a payment stays undecided");
        state.store.note_payment_difference(order.tenant, &undecided(order.id, report, now)).await?;
    }
    Ok(false)
}

/// Asks the gateway for all payments of an attempt and settles them; returns the gateway's reports.
pub(crate) async fn settle_attempt(state: &State, order: &Order, attempt: u8) -> Result<Vec<PaymentReport>> {
    let payments: Vec<_> = order.payments.iter().filter(|payment| payment.attempt == attempt).collect();
    let Some(first) = payments.first() else { return Ok(Vec::new()) };
    let source = Source { gateway: first.gateway, account: order.account_of(first) };
    let Some(client) = state.client(source.gateway, source.account).await? else { return Ok(Vec::new()) };
    let reference = PaymentReference { user: order.user, order: order.id, attempt };
    let mut reports = client.payments_of(&reference.encode(&state.reference_key)).await?;
    for id in payments.iter().filter_map(|payment| payment.payment_id.as_deref()) {
        // A gateway's list may lag behind.
        if reports.iter().all(|report| report.payment_id != id) {
            reports.extend(none_if_not_found(client.payment(id).await)?);
        }
    }
    for report in &reports {
        settle(state, reference, Report { source, attempt, is: report }).await?;
    }
    Ok(reports)
}

/// The payment, or `None` if the gateway does not know it.
fn none_if_not_found(
    answer: std::result::Result<PaymentReport, GatewayError>,
) -> Result<Option<PaymentReport>> {
    match answer {
        Ok(report) => Ok(Some(report)),
        Err(GatewayError::NotFound) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Asks about refunds that gateways decide later. True if there is still something to wait for.
pub(crate) async fn ask_about_refunds(state: &State, order: &Order) -> Result<bool> {
    let mut is_open = false;
    for place in 0..order.payments.len() {
        let Some(waiting) = PendingRefund::of(order, place) else { continue };
        match waiting.ask(state, order, state.clock.now()).await? {
            None => is_open = true,
            Some(outcome) => {
                let refunded = Input::Refunded { place, asked: waiting.progress, outcome: &outcome };
                save_refund_outcome(state, order.clone(), refunded).await?;
            }
        }
    }
    Ok(is_open)
}

/// A refund that its gateway has not decided yet.
struct PendingRefund<'a> {
    progress: &'a RefundProgress,
    amount: i64,
    payment_id: &'a str,
    refund_id: &'a str,
    since: Timestamp,
    source: Source,
    attempt: u8,
}

impl<'a> PendingRefund<'a> {
    fn of(order: &'a Order, place: usize) -> Option<Self> {
        let payment = order.payments.get(place)?;
        let progress = payment.refund.as_ref()?;
        let RefundProgress::Pending { amount, refund_id, since } = progress else { return None };
        Some(Self {
            progress,
            amount: *amount,
            payment_id: payment.payment_id.as_deref()?,
            refund_id,
            since: *since,
            source: Source { gateway: payment.gateway, account: order.account_of(payment) },
            attempt: payment.attempt,
        })
    }

    /// The refund's outcome; `None` while it is undecided.
    async fn ask(&self, state: &State, order: &Order, now: Timestamp) -> Result<Option<RefundOutcome>> {
        let Source { gateway, account } = self.source;
        let client = state.client(gateway, account).await?;
        let answer = match &client {
            Some(client) => client.refund_report(self.payment_id, self.refund_id).await,
            None => Err(GatewayError::Unsupported),
        };
        let status = match answer {
            Ok(report) => report.status,
            // Not every gateway can be asked about refunds, or gives each an id from the start.
            Err(GatewayError::Unsupported | GatewayError::NotFound | GatewayError::Refused { .. }) => {
                self.by_payment(client.as_deref(), order).await?
            }
            Err(error) => return Err(error.into()),
        };
        Ok(match status {
            RefundStatus::Done => Some(RefundOutcome::Done),
            RefundStatus::Declined => Some(RefundOutcome::Manual(ManualReason::Declined)),
            RefundStatus::Pending if now >= self.since + REFUNDED_WITHIN => {
                Some(RefundOutcome::Manual(ManualReason::Uncertain))
            }
            RefundStatus::Pending => None,
        })
    }

    /// The refund's status, derived from the amount that the payment's report shows as given back.
    async fn by_payment(&self, client: Option<&dyn PaymentGateway>, order: &Order) -> Result<RefundStatus> {
        let Some(client) = client else { return Ok(RefundStatus::Pending) };
        let report = client.payment(self.payment_id).await?;
        let confirmed = order.settlement(self.attempt, &report);
        Ok(match confirmed {
            Settlement::ConfirmRefund(amount) if amount == self.amount => RefundStatus::Done,
            _ => RefundStatus::Pending,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_that_may_be_paid_in_cash_is_looked_at_before_its_hold_ends() {
        use domain::order::{OrderStatus, fixture};
        let order = |cash: bool| {
            fixture::order(OrderStatus::AwaitingPayment, &[PaymentState::Pending]).with(|order| {
                order.payments[0].may_extend_to = cash.then(|| fixture::now() + 24 * PAUSE);
            })
        };
        let at = |second| fixture::now() + Duration::from_secs(second);
        assert_eq!(pause_before_end(&order(true), at(180)), Duration::from_secs(400), "of ten minutes");
        assert_eq!(pause_before_end(&order(true), at(590)), PAUSE, "too late");
        assert_eq!(pause_before_end(&order(true), at(700)), PAUSE);
        assert_eq!(pause_before_end(&order(false), at(180)), PAUSE);
        let long = order(true).with(|order| order.expires_at = at(86_400));
        assert_eq!(pause_before_end(&long, at(180)), PAUSE);
    }

    #[test]
    fn gateways_are_asked_less_and_less_often() {
        let turns: Vec<u16> = (0..=96).filter(|round| is_turn(*round)).collect();
        assert_eq!(turns, [0, 1, 2, 3, 4, 6, 8, 12, 16, 20, 24, 32, 48, 64, 80, 96]);
    }
}
