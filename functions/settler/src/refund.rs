//! Giving money back through the gateway, once.
//!
//! Not every gateway recognises a refund that is asked for twice. So a worker first
//! writes into the order that it is going to ask; who finds that there waits until the
//! worker must be dead.

use std::time::Duration;

use domain::order::{ManualReason, Order, Payment, RefundProgress, RefundStep};
use domain::payment::Dispute;
use domain::{Error, Money, OrderId, Result, Timestamp, UserId};
use integrations::payment::{GatewayError, PaymentGateway, RefundPayment, RefundReport, RefundStatus};
use queue::{OrderNews, Outbox, PaymentMessage};
use store::TaskChange;

use crate::note::{Change, booked, task_place};
use crate::settle::write;
use crate::{State, TRIES, contended};

/// How long a refund is one worker's: longer than the function lives (its timeout in
/// the template is 30 seconds) and clocks differ.
pub(crate) const CLAIM: Duration = Duration::from_secs(90);

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
        if turn == 0 && order.status.is_settled() {
            state.store.return_refunded(&order).await?;
        }
        let now = state.clock.now();
        let steps = order.payments.iter().map(|payment| payment.refund_step(now));
        let steps: Vec<RefundStep> = steps.collect();
        let next = steps.iter().enumerate().find(|(place, step)| {
            matches!(step, RefundStep::Ask { .. } | RefundStep::ByHand) && !failed.contains(place)
        });
        match next {
            Some((place, RefundStep::Ask { amount, begun })) => {
                if let Err(trouble) = ask(state, order, place, (*amount, *begun)).await {
                    failed.push(place);
                    error = Some(trouble);
                }
            }
            Some((place, _)) => by_hand(state, order, place, ManualReason::Disputed).await?,
            None => {
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
async fn ask(state: &State, mut order: Order, place: usize, (amount, begun): (i64, Timestamp)) -> Result<()> {
    let payment = &order.payments[place];
    // Before the claim, so that trouble with the credentials claims nothing.
    let Some(client) = state.client(payment.gateway, order.account_of(payment)).await? else {
        return by_hand(state, order, place, ManualReason::Unsupported).await;
    };
    let refund = request(&order, payment, (amount, begun))?;
    let claim = RefundProgress::Claimed { amount, begun, until: state.clock.now() + CLAIM };
    order.payments[place].refund = Some(claim.clone());
    if !write(state, &mut order, &Change::default()).await? {
        return Ok(());
    }
    let (outcome, error) = Outcome::of(answer(&*client, &refund).await);
    for _ in 0..TRIES {
        let change = finish(&mut order, place, amount, &outcome, state.clock.now());
        if write(state, &mut order, &change).await? {
            return error.map_or(Ok(()), Err);
        }
        // Something else of the order changed; the claim is still ours, or the worker
        // that took it over writes down what it hears.
        let Some(current) = state.store.order(order.user, order.id).await? else { return Ok(()) };
        order = current;
        if order.payments.get(place).and_then(|payment| payment.refund.as_ref()) != Some(&claim) {
            return Ok(());
        }
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

fn request(order: &Order, payment: &Payment, (amount, begun): (i64, Timestamp)) -> Result<RefundPayment> {
    let missing = || Error::internal(format!("a refund of order {} without a payment", order.id));
    let payment_id = payment.payment_id.clone().ok_or_else(missing)?;
    Ok(RefundPayment {
        amount: Money::new(amount, order.currency),
        paid: Money::new(payment.amount, order.currency),
        refunded_before: Money::new(payment.refunded, order.currency),
        // Who takes over knows when it begun, so the same refund has the same key.
        idempotency_key: format!("{payment_id}-refund-{}", begun.as_millisecond()),
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
            if let Some(RefundProgress::Claimed { until, .. }) = &mut payment.refund {
                *until = now + pause;
            }
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
    let tasks = vec![TaskChange::Open(task_place(place))];
    let outbox = Some(Outbox::News { news: OrderNews::RefundByHand });
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
