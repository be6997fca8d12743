//! One payment, one order: what the gateway's report means and writing it down, step
//! by step until there is nothing to do.

use domain::Result;
use domain::order::{Order, Settlement};
use domain::payment::{PaymentReference, PaymentReport};
use domain::payment_difference::DifferenceKind;
use queue::Loss;
use store::{Closed, Failure, GateError};

use crate::differences::{amount_differs, difference};
use crate::note::{self, Change, Source};
use crate::{State, TRIES, contended, places};

/// Makes the order say what the report says.
///
/// # Errors
/// If the table fails, or others change the order faster than it can be judged.
pub(crate) async fn settle(
    state: &State,
    source: Source,
    reference: PaymentReference,
    report: &PaymentReport,
) -> Result<()> {
    let (mut known, mut is_sold): (Option<Order>, bool) = (None, false);
    for _ in 0..TRIES {
        let order = match known.take() {
            Some(order) => order,
            None => match state.store.order(reference.user, reference.order).await? {
                Some(order) => order,
                None => return missing(state, source, reference, report).await,
            },
        };
        if !source.may_pay(&order, reference.attempt) {
            return foreign(state, source, reference, report).await;
        }
        let settlement = order.settlement(reference.attempt, report);
        if settlement == Settlement::Nothing {
            // This may be the message of a worker that died after it wrote the outcome.
            return if is_sold { Ok(()) } else { places::sell_rest(state, &order).await };
        }
        known = step(state, order, settlement, (source, reference.attempt), report).await?;
        is_sold |= settlement == Settlement::Settle && known.is_some();
    }
    Err(contended())
}

/// Takes one step and writes it down. Answers with the order as it is then; `None` if
/// somebody else changed it meanwhile. What was secured for it then runs out.
async fn step(
    state: &State,
    mut order: Order,
    settlement: Settlement,
    (source, attempt): (Source, u8),
    report: &PaymentReport,
) -> Result<Option<Order>> {
    let now = state.clock.now();
    let place = note::place_of(&mut order, (source, attempt), report, now);
    if settlement == Settlement::Alert {
        tracing::error!(order = %order.id, payment = report.payment_id, asked = %order.total(), paid = %report.amount, "paid amount differs");
        state.store.note_payment_difference(order.tenant, &amount_differs(&order, report, now)).await?;
    }
    if settlement != Settlement::Settle {
        let change = note::note(&mut order, place, settlement, report);
        return Ok(write(state, &mut order, &change).await?.then_some(order));
    }
    let sheet = state.sheet(order.event).await?;
    let secured = state.store.secure_holdings(&order, &sheet, now).await?;
    let change = note::settled(&mut order, place, secured, now);
    if !write(state, &mut order, &change).await? {
        return Ok(None);
    }
    places::sell(state, order).await.map(Some)
}

/// Writes a changed order with all that belongs to the change, and counts its version
/// up. False if somebody else changed it meanwhile, or used a ticket that was to
/// become worthless.
pub(crate) async fn write(state: &State, order: &mut Order, change: &Change) -> Result<bool> {
    order.version += 1;
    let mut revoked = Vec::new();
    if change.revokes {
        let valid = note::valid_tickets(order);
        revoked = state.store.unused_tickets(order.event, &valid).await?;
        note::revoke(order, &revoked);
    }
    let loss = Loss { revoked: !revoked.is_empty(), uncovered: order.uncovered() };
    let outbox = change.outbox.clone().map(|outbox| outbox.with_loss(loss).text()).transpose()?;
    let written = if revoked.is_empty() {
        state.store.update_order_with(order, outbox, &change.tasks).await.map_err(GateError::Failure)
    } else {
        let now = state.clock.now();
        state.store.revoke_tickets_with(order, &revoked, (outbox, &change.tasks), now).await
    };
    match written {
        Ok(()) => Ok(true),
        Err(GateError::Failure(Failure::Refused(_)) | GateError::Closed(Closed::Used(_))) => Ok(false),
        Err(other) => Err(other.into()),
    }
}

/// The payment names an order that does not exist.
async fn missing(
    state: &State,
    source: Source,
    reference: PaymentReference,
    report: &PaymentReport,
) -> Result<()> {
    tracing::error!(order = %reference.order, payment = report.payment_id, "a payment of an order that does not exist");
    tell_owner(state, source, reference, report, DifferenceKind::OrderNotFound).await
}

/// The payment was made with an account that the order is not paid with.
async fn foreign(
    state: &State,
    source: Source,
    reference: PaymentReference,
    report: &PaymentReport,
) -> Result<()> {
    tracing::error!(order = %reference.order, payment = report.payment_id, gateway = %source.gateway, "a payment with an account that the order is not paid with");
    tell_owner(state, source, reference, report, DifferenceKind::ForeignAccount).await
}

/// Notes a difference for the organiser whose account has the money.
async fn tell_owner(
    state: &State,
    source: Source,
    reference: PaymentReference,
    report: &PaymentReport,
    kind: DifferenceKind,
) -> Result<()> {
    let Some(account) = source.account else { return Ok(()) };
    let detail = format!("The gateway has {} as {:?}.", report.amount, report.status);
    let noted = difference(reference.order, Some(&report.payment_id), kind, detail, state.clock.now());
    Ok(state.store.note_payment_difference(account.tenant_id, &noted).await?)
}
