//! Gives money back through the gateway, once.
//!
//! Not every gateway recognises a repeated refund. So a worker first saves a claim on the order
//! before it asks. Another worker that finds the claim waits until the first must be dead. Its
//! call's outcome is then unknown: a gateway that would refund twice is not asked again, a person
//! is.

use std::time::Duration;

use domain::order::{Input, Order, Payment, RefundAsk, RefundOutcome, RefundProgress, Step};
use domain::payment::ManualReason;
use domain::{Error, Kind, Money, OrderId, Result, Timestamp, UserId};
use payments::{GatewayError, PaymentGateway, RefundPayment, RefundReport, RefundStatus};
use queue::PaymentMessage;

use crate::{State, TRIES, contended, save};

/// Length of a claim on a refund: longer than the function may run (30 seconds, see the template),
/// and than clocks differ.
pub(crate) const CLAIM: Duration = Duration::from_secs(90);

/// Pauses before a write is retried while the table does not answer. Longer than the client's own
/// retries, because the gateway's answer must not be lost; bounded by the function's timeout.
const PAUSES: [Duration; 6] = [
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(400),
    Duration::from_millis(800),
    Duration::from_millis(1600),
    Duration::from_millis(3200),
];

/// The outcome that a gateway's answer to a refund means; also the error, if the message must come
/// again.
pub(crate) fn outcome(
    answer: std::result::Result<RefundReport, GatewayError>,
) -> (RefundOutcome, Option<Error>) {
    let manual = |reason| (RefundOutcome::Manual(reason), None);
    match answer {
        Ok(RefundReport { status: RefundStatus::Done, .. }) => (RefundOutcome::Done, None),
        Ok(RefundReport { status: RefundStatus::Pending, refund_id }) => {
            (RefundOutcome::Pending(refund_id), None)
        }
        Err(GatewayError::TooEarly { retry_after }) => (RefundOutcome::Later(retry_after), None),
        Ok(RefundReport { status: RefundStatus::Declined, .. }) | Err(GatewayError::Refused { .. }) => {
            manual(ManualReason::Declined)
        }
        Err(GatewayError::Unsupported) => manual(ManualReason::Unsupported),
        Err(GatewayError::Uncertain { .. }) => manual(ManualReason::Uncertain),
        // Passing trouble, a replica that lags behind, or credentials to be renewed.
        Err(
            error @ (GatewayError::Unavailable { .. } | GatewayError::NotFound | GatewayError::Protocol(_)),
        ) => (RefundOutcome::Again, Some(error.into())),
    }
}

/// Asks the gateways to give back what the order owes, and returns the places of void tickets to
/// sale.
///
/// # Errors
/// If a gateway or the table does not answer; the queue then delivers the message again.
pub(crate) async fn refund(state: &State, user: UserId, order: OrderId) -> Result<()> {
    // Payments whose gateway has trouble; the others continue.
    let (mut failed, mut error) = (Vec::new(), None);
    // Each turn takes one payment's refund one step further.
    for turn in 0..TRIES * 2 {
        let Some(order) = state.store.order(user, order).await? else { return Ok(()) };
        if turn == 0 && order.status.has_outcome() {
            // The places of refunded tickets; and, if some of the order's places were gone, all
            // others, in case the worker that found it died.
            state.store.return_unused(&order).await?;
        }
        match order.next(Input::Due(&failed), state.clock.now()) {
            Step::Ask(place, asked) => {
                if let Err(trouble) = ask(state, &order, place, asked).await {
                    failed.push(place);
                    error = Some(trouble);
                }
            }
            Step::Save(changed, change) => drop(save(state, &changed, &change).await?),
            Step::Wait(until) => {
                requeue_after_claim(state, &order, until).await?;
                return error.map_or(Ok(()), Err);
            }
            _ => return error.map_or(Ok(()), Err),
        }
    }
    Err(error.unwrap_or_else(contended))
}

/// Queues the refund again for the time when the other worker must be done or dead.
async fn requeue_after_claim(state: &State, order: &Order, until: Timestamp) -> Result<()> {
    let left = until.as_second().saturating_sub(state.clock.now().as_second());
    let pause = Duration::from_secs(u64::try_from(left).unwrap_or(0) + 1);
    let message = PaymentMessage::Refund { user: order.user, order: order.id };
    state.payments.send_later(&message, pause).await
}

/// Claims the refund of one payment, asks the gateway for it and saves its answer. Does nothing on
/// a lost update.
async fn ask(state: &State, order: &Order, place: usize, asked: RefundAsk) -> Result<()> {
    let payment = &order.payments[place];
    // The client first: trouble with credentials must not leave a claim behind.
    let Some(client) = state.client(payment.gateway, order.account_of(payment)).await? else {
        if let Step::Save(changed, change) = order.next(Input::NoAccount(place), state.clock.now()) {
            save(state, &changed, &change).await?;
        }
        return Ok(());
    };
    let refund = request(order, payment, asked)?;
    let claim = asked.claim(state.clock.now() + CLAIM);
    let taken = retry_unavailable(|| take(state, order, place, &claim)).await?;
    let Some(order) = taken else { return Ok(()) };
    let (outcome, error) = outcome(answer(&*client, &refund).await);
    retry_unavailable(|| {
        save_refund_outcome(state, order.clone(), Input::Refunded { place, asked: &claim, outcome: &outcome })
    })
    .await?;
    error.map_or(Ok(()), Err)
}

/// Retries a repeatable step while the table does not answer, for some seconds.
async fn retry_unavailable<T, F: Future<Output = Result<T>>>(step: impl Fn() -> F) -> Result<T> {
    for pause in PAUSES {
        match step().await {
            Err(error) if error.kind() == Kind::Unavailable => tokio::time::sleep(pause).await,
            done => return done,
        }
    }
    step().await
}

/// The order with the claim saved in it; `None` on a lost update.
async fn take(state: &State, order: &Order, place: usize, claim: &RefundProgress) -> Result<Option<Order>> {
    let mut claimed = order.clone();
    let change = claimed.claim_refund(place, claim.clone());
    if let Some(claimed) = save(state, &claimed, &change).await? {
        return Ok(Some(claimed));
    }
    // The write may have succeeded although its answer was lost.
    let current = state.store.order(order.user, order.id).await?;
    let has_claim = |current: &Order| {
        current.payments.get(place).and_then(|payment| payment.refund.as_ref()) == Some(claim)
    };
    Ok(current.filter(has_claim))
}

/// Saves the outcome of a refund that was in progress. Does nothing if another worker has taken the
/// refund over: that one saves its own outcome.
pub(crate) async fn save_refund_outcome(state: &State, mut order: Order, refunded: Input<'_>) -> Result<()> {
    for _ in 0..TRIES {
        let Step::Save(changed, change) = order.next(refunded, state.clock.now()) else { return Ok(()) };
        if save(state, &changed, &change).await?.is_some() {
            return Ok(());
        }
        // Another part of the order changed, or an answer was lost.
        let Some(current) = state.store.order(order.user, order.id).await? else { return Ok(()) };
        order = current;
    }
    Err(contended())
}

async fn answer(
    client: &dyn PaymentGateway,
    refund: &RefundPayment,
) -> std::result::Result<RefundReport, GatewayError> {
    let answer = client.refund(refund).await;
    if let Err(error) = &answer {
        tracing::warn!(payment = refund.payment_id, %error, "a refund is not done");
    }
    answer
}

fn request(order: &Order, payment: &Payment, asked: RefundAsk) -> Result<RefundPayment> {
    let missing = || Error::internal(format!("a refund of order {} without a payment", order.id));
    let payment_id = payment.payment_id.clone().ok_or_else(missing)?;
    Ok(RefundPayment {
        amount: Money::new(asked.amount, order.currency),
        paid: Money::new(payment.amount, order.currency),
        refunded_before: Money::new(payment.refunded, order.currency),
        // A worker that takes over knows when the refund began, so it uses the same key.
        idempotency_key: format!("{payment_id}-refund-{}", asked.begun.as_millisecond()),
        may_have_been_asked: asked.may_have_been_asked,
        payment_id,
    })
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Lets the table answer only at call number `answers`; returns the number of calls and whether
    /// it succeeded.
    async fn asked(answers: u8, error: fn() -> Error) -> (u8, bool) {
        let count = Cell::new(0);
        let done = retry_unavailable(|| async {
            count.set(count.get() + 1);
            if count.get() < answers { Err(error()) } else { Ok(()) }
        });
        let done = done.await.is_ok();
        (count.get(), done)
    }

    #[tokio::test]
    async fn saving_a_gateways_answer_is_retried() {
        assert_eq!(asked(1, contended).await, (1, true));
        assert_eq!(asked(3, contended).await, (3, true));
        assert_eq!(asked(3, || Error::internal("a fault of ours")).await, (1, false));
        // The function may run 30 seconds, of which the gateway may have taken half.
        assert!(PAUSES.iter().sum::<Duration>() < Duration::from_secs(10));
    }
}
