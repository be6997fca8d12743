//! Settles a gateway's report about one payment: the driver of [`Order::next`].

use domain::Result;
use domain::order::{Input, Order, Report, Step};
use domain::payment::{PaymentReference, PaymentReport};
use domain::payment_difference::{DifferenceKind, PaymentDifference};
use payments::OpenPayment;

use crate::{State, TRIES, contended, places, save};

/// Brings the order into line with the report.
///
/// # Errors
/// If the table fails, or after too many lost updates.
pub(crate) async fn settle(state: &State, reference: PaymentReference, report: Report<'_>) -> Result<()> {
    let (mut known, mut is_sold): (Option<Order>, bool) = (None, false);
    for _ in 0..TRIES {
        let order = match known.take() {
            Some(order) => order,
            None => match state.store.order(reference.user, reference.order).await? {
                Some(order) => order,
                None => return note_missing_order(state, reference, report).await,
            },
        };
        let now = state.clock.now();
        let mut step = order.next(Input::Reported(report), now);
        let settles = step == Step::Secure;
        if settles {
            let sheet = state.sheet(order.event).await?;
            let secured = state.store.secure_holdings(&order, &sheet, now).await?;
            step = order.next(Input::Secured(report, &secured), now);
        } else if let Step::Extend(until) = step {
            // The claims first: one that runs longer than its order says harms nobody.
            let sheet = state.sheet(order.event).await?;
            let secured = state.store.extend_holdings(&order, &sheet, until, now).await?;
            step = order.next(Input::Extended(report, &secured, until), now);
        }
        match step {
            Step::Save(changed, change) => {
                known = save(state, &changed, &change).await?;
                if settles && let Some(order) = known.take() {
                    known = Some(places::sell(state, order).await?);
                    is_sold = true;
                }
            }
            Step::Foreign => return note_foreign_account(state, reference, report).await,
            Step::Release => return places::release(state, &order).await,
            Step::Close(place) => return close(state, &order, place).await,
            // This may be the message of a worker that died after it wrote the outcome.
            _ if is_sold => return Ok(()),
            _ => return places::sell_rest(state, &order).await,
        }
    }
    Err(contended())
}

/// Has the gateway close a payment whose places are gone, so that its buyer does not pay for nothing.
/// Where it has no call for that, money that comes all the same goes back.
async fn close(state: &State, order: &Order, place: usize) -> Result<()> {
    let payment = &order.payments[place];
    let Some(client) = state.client(payment.gateway, order.account_of(payment)).await? else { return Ok(()) };
    let reference = PaymentReference { user: order.user, order: order.id, attempt: payment.attempt };
    let open = OpenPayment {
        reference: reference.encode(&state.reference_key),
        payment_id: payment.payment_id.clone(),
        checkout_url: payment.checkout_url.clone(),
        now: state.clock.now(),
    };
    if let Err(error) = client.close(&open).await {
        tracing::info!(order = %order.id, gateway = %payment.gateway, %error, "a slip without places stays open");
        return Ok(());
    }
    let mut closed = order.clone();
    let change = closed.payments_closed(&[place]);
    // On a lost update, another report leads here again.
    save(state, &closed, &change).await.map(drop)
}

/// Notes that the payment names an order that does not exist.
async fn note_missing_order(state: &State, reference: PaymentReference, report: Report<'_>) -> Result<()> {
    tracing::error!(order = %reference.order, payment = report.is.payment_id, "a payment of an order that does not exist");
    note_difference(state, reference, report, DifferenceKind::OrderNotFound).await
}

/// Notes that the payment was made with an account that is not the order's.
async fn note_foreign_account(state: &State, reference: PaymentReference, report: Report<'_>) -> Result<()> {
    tracing::error!(order = %reference.order, payment = report.is.payment_id, gateway = %report.source.gateway, "a payment with an account that the order is not paid with");
    note_difference(state, reference, report, DifferenceKind::ForeignAccount).await
}

/// Notes a difference for the organiser whose account received the money.
async fn note_difference(
    state: &State,
    reference: PaymentReference,
    report: Report<'_>,
    kind: DifferenceKind,
) -> Result<()> {
    let Some(account) = report.source.account else { return Ok(()) };
    let PaymentReport { payment_id, amount, status, .. } = report.is;
    let difference = PaymentDifference {
        order: reference.order,
        payment_id: Some(payment_id.clone()),
        kind,
        detail: format!("The gateway has {amount} as {status:?}."),
        at: state.clock.now(),
    };
    Ok(state.store.note_payment_difference(account.tenant_id, &difference).await?)
}
