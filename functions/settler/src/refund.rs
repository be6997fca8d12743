//! Giving money back through the gateway, once.
//!
//! Not every gateway recognises a refund that is asked for twice. So a worker first
//! writes into the order that it is going to ask; who finds that there waits until the
//! worker must be dead. What it did then nobody knows: a gateway that would do it twice
//! is not asked again, but a person.

use std::time::Duration;

use domain::order::{ManualReason, Order, Payment, RefundAsk, RefundProgress, RefundStep};
use domain::payment::Dispute;
use domain::{Error, Kind, Money, OrderId, Result, Timestamp, UserId};
use integrations::payment::{GatewayError, PaymentGateway, RefundPayment, RefundReport, RefundStatus};
use queue::{OrderNews, Outbox, PaymentMessage};
use store::TaskChange;

use crate::note::{Change, booked, number};
use crate::settle::write;
use crate::{State, TRIES, contended};

/// How long a refund is one worker's: longer than the function lives (its timeout in
/// the template is 30 seconds) and clocks differ.
pub(crate) const CLAIM: Duration = Duration::from_secs(90);

/// The pauses after which a table that does not answer is asked again. What a gateway
/// said is worth more patience than the client has by itself, as long as the function
/// lives.
const PAUSES: [Duration; 6] = [
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(400),
    Duration::from_millis(800),
    Duration::from_millis(1600),
    Duration::from_millis(3200),
];

/// What became of a refund that a gateway was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The money is on its way back.
    Done,
    /// The gateway decides later.
    Pending(String),
    /// A person has to do it.
    Manual(ManualReason),
    /// It is to be asked for again.
    Again,
    /// It was too early, and is asked for again after that time.
    Later(Duration),
}

impl Outcome {
    /// What the gateway's answer means; the error too, if the message must come again.
    pub(crate) fn of(answer: std::result::Result<RefundReport, GatewayError>) -> (Self, Option<Error>) {
        let manual = |reason| (Self::Manual(reason), None);
        match answer {
            Ok(RefundReport { status: RefundStatus::Done, .. }) => (Self::Done, None),
            Ok(RefundReport { status: RefundStatus::Pending, refund_id }) => (Self::Pending(refund_id), None),
            Err(GatewayError::TooEarly { retry_after }) => (Self::Later(retry_after), None),
            Ok(RefundReport { status: RefundStatus::Declined, .. }) | Err(GatewayError::Refused { .. }) => {
                manual(ManualReason::Declined)
            }
            Err(GatewayError::Unsupported) => manual(ManualReason::Unsupported),
            Err(GatewayError::Uncertain { .. }) => manual(ManualReason::Uncertain),
            // Passing trouble, a replica that lags behind, or credentials to be renewed.
            Err(
                error @ (GatewayError::Unavailable { .. }
                | GatewayError::NotFound
                | GatewayError::Protocol(_)),
            ) => (Self::Again, Some(error.into())),
        }
    }
}

/// Has the gateways give back what the order owes, and puts places back on sale whose
/// tickets are worthless.
///
/// # Errors
/// If a gateway or the table does not answer; the message then comes again.
pub(crate) async fn refund(state: &State, user: UserId, order: OrderId) -> Result<()> {
    // Those whose gateway has trouble; the others go on.
    let (mut failed, mut error) = (Vec::new(), None);
    // Each turn has the refund of one payment go a step further.
    for turn in 0..TRIES * 2 {
        let Some(order) = state.store.order(user, order).await? else { return Ok(()) };
        if turn == 0 && order.status.has_outcome() {
            // Those of refunded tickets; and if some places were gone, the others, should
            // the worker that found so have died since.
            state.store.return_unused(&order).await?;
        }
        let now = state.clock.now();
        let steps = order.payments.iter().map(|payment| payment.refund_step(now));
        let steps: Vec<RefundStep> = steps.collect();
        let next = steps.iter().enumerate().find(|(place, step)| {
            matches!(step, RefundStep::Ask(_) | RefundStep::ByHand(_)) && !failed.contains(place)
        });
        match next {
            Some((place, RefundStep::Ask(asked))) => {
                if let Err(trouble) = ask(state, order, place, *asked).await {
                    failed.push(place);
                    error = Some(trouble);
                }
            }
            Some((place, RefundStep::ByHand(reason))) => by_hand(state, order, place, *reason).await?,
            _ => {
                wait(state, (user, order.id), &steps).await?;
                return error.map_or(Ok(()), Err);
            }
        }
    }
    Err(error.unwrap_or_else(contended))
}

/// Looks again once the other worker must be done or dead.
async fn wait(state: &State, (user, order): (UserId, OrderId), steps: &[RefundStep]) -> Result<()> {
    let until = steps.iter().filter_map(|step| match step {
        RefundStep::Wait(until) => Some(*until),
        _ => None,
    });
    let Some(until) = until.min() else { return Ok(()) };
    let left = until.as_second().saturating_sub(state.clock.now().as_second());
    let pause = Duration::from_secs(u64::try_from(left).unwrap_or(0) + 1);
    state.payments.send_later(&PaymentMessage::Refund { user, order }, pause).await
}

/// Claims the refund of one payment, asks the gateway for it and writes down what it
/// said. Does nothing if somebody else changed the order meanwhile.
async fn ask(state: &State, order: Order, place: usize, asked: RefundAsk) -> Result<()> {
    let payment = &order.payments[place];
    // Before the claim, so that trouble with the credentials claims nothing.
    let Some(client) = state.client(payment.gateway, order.account_of(payment)).await? else {
        return by_hand(state, order, place, ManualReason::Unsupported).await;
    };
    let refund = request(&order, payment, asked)?;
    let claim = asked.claim(state.clock.now() + CLAIM);
    let taken = patiently(|| take(state, &order, place, &claim)).await?;
    let Some(order) = taken else { return Ok(()) };
    let (outcome, error) = Outcome::of(answer(&*client, &refund).await);
    patiently(|| note_down(state, &order, place, (&claim, &outcome))).await?;
    error.map_or(Ok(()), Err)
}

/// Does what can be done again until the table answers, for some seconds.
async fn patiently<T, F: Future<Output = Result<T>>>(step: impl Fn() -> F) -> Result<T> {
    for pause in PAUSES {
        match step().await {
            Err(error) if error.kind() == Kind::Unavailable => tokio::time::sleep(pause).await,
            done => return done,
        }
    }
    step().await
}

/// The order with the claim written into it; `None` if somebody else changed it meanwhile.
async fn take(state: &State, order: &Order, place: usize, claim: &RefundProgress) -> Result<Option<Order>> {
    let mut claimed = order.clone();
    claimed.payments[place].refund = Some(claim.clone());
    if write(state, &mut claimed, &Change::default()).await? {
        return Ok(Some(claimed));
    }
    // It may have been written although the answer got lost.
    let current = state.store.order(order.user, order.id).await?;
    Ok(current.filter(|current| has(current, place, claim)))
}

/// Writes down what became of a refund, in an order that has the claim. Whoever took
/// the claim over writes down what they hear instead.
async fn note_down(
    state: &State,
    order: &Order,
    place: usize,
    (claim, outcome): (&RefundProgress, &Outcome),
) -> Result<()> {
    let mut order = order.clone();
    for _ in 0..TRIES {
        let amount = order.payments[place].refund_under_way().unwrap_or_default();
        let change = finish(&mut order, place, amount, outcome, state.clock.now());
        if write(state, &mut order, &change).await? {
            return Ok(());
        }
        // Something else of the order changed, or an answer got lost.
        match state.store.order(order.user, order.id).await? {
            Some(current) if has(&current, place, claim) => order = current,
            _ => return Ok(()),
        }
    }
    Err(contended())
}

/// True if the refund of a payment is claimed by this very worker.
fn has(order: &Order, place: usize, claim: &RefundProgress) -> bool {
    order.payments.get(place).and_then(|payment| payment.refund.as_ref()) == Some(claim)
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
        // Who takes over knows when it begun, so the same refund has the same key.
        idempotency_key: format!("{payment_id}-refund-{}", asked.begun.as_millisecond()),
        may_have_been_asked: asked.may_have_been_asked,
        payment_id,
    })
}

/// Notes what became of a refund.
pub(crate) fn finish(
    order: &mut Order,
    place: usize,
    amount: i64,
    outcome: &Outcome,
    now: Timestamp,
) -> Change {
    let payment = &mut order.payments[place];
    match outcome {
        Outcome::Done => return booked(order, place, amount),
        // The bank gave the buyer the money meanwhile.
        Outcome::Manual(_) if payment.dispute == Some(Dispute::Lost) => payment.refund = None,
        Outcome::Manual(reason) => return left(order, place, (amount, *reason), now),
        Outcome::Pending(refund_id) => {
            let refund_id = refund_id.clone();
            payment.refund = Some(RefundProgress::Pending { amount, refund_id, since: now });
            return Change { outbox: Some(Outbox::AwaitPayment), ..Change::default() };
        }
        // The claim stays with its beginning, for whoever comes next to ask for the same.
        Outcome::Again | Outcome::Later(_) => {
            let pause = if let Outcome::Later(pause) = outcome { *pause } else { Duration::ZERO };
            payment.give_up_claim(now + pause);
        }
    }
    Change::default()
}

/// Leaves a refund to a person.
pub(crate) fn left(
    order: &mut Order,
    place: usize,
    (amount, reason): (i64, ManualReason),
    now: Timestamp,
) -> Change {
    order.payments[place].leave_to_person(amount, reason, now);
    let payment = number(place);
    let tasks = vec![TaskChange::Open(payment)];
    let news = OrderNews::RefundByHand { payment, amount, reason, since: now };
    let outbox = Some(Outbox::News { news });
    Change { outbox, tasks, revokes: false }
}

/// Leaves what is due to a person. Does nothing if somebody else changed the order
/// meanwhile.
async fn by_hand(state: &State, mut order: Order, place: usize, reason: ManualReason) -> Result<()> {
    let payment = &order.payments[place];
    let amount = payment.refund_under_way().unwrap_or(payment.refund_due);
    let change = left(&mut order, place, (amount, reason), state.clock.now());
    write(state, &mut order, &change).await.map(drop)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Asks until the table answers the `answers`th time; answers how often it was asked.
    async fn asked(answers: u8, error: fn() -> Error) -> (u8, bool) {
        let count = Cell::new(0);
        let done = patiently(|| async {
            count.set(count.get() + 1);
            if count.get() < answers { Err(error()) } else { Ok(()) }
        });
        let done = done.await.is_ok();
        (count.get(), done)
    }

    #[tokio::test]
    async fn what_a_gateway_said_is_written_down_patiently() {
        assert_eq!(asked(1, contended).await, (1, true));
        assert_eq!(asked(3, contended).await, (3, true));
        assert_eq!(asked(3, || Error::internal("a fault of ours")).await, (1, false));
        // The function has half a minute, of which the gateway may have taken half.
        assert!(PAUSES.iter().sum::<Duration>() < Duration::from_secs(10));
    }
}
