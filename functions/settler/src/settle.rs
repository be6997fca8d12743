//! One payment, one order: what the gateway's report means and writing it down.

use domain::order::{Order, OrderStatus, Payment, PaymentState, Settlement};
use domain::payment::{GatewayName, PaymentReference, PaymentReport};
use domain::{Error, Result};
use queue::{OrderNews, Outbox};
use store::{Failure, Settled};

use crate::{State, TRIES};

/// Makes the order say what the report says.
///
/// # Errors
/// If the table fails, or others change the order faster than it can be judged.
pub(crate) async fn settle(
    state: &State,
    gateway: GatewayName,
    reference: PaymentReference,
    report: &PaymentReport,
) -> Result<()> {
    for _ in 0..TRIES {
        let Some(mut order) = state.store.order(reference.user, reference.order).await? else {
            tracing::error!(order = %reference.order, payment = report.payment_id, "a payment of an order that does not exist");
            return Ok(());
        };
        let settlement = order.settlement(reference.attempt, report);
        if settlement == Settlement::Nothing {
            return Ok(());
        }
        let (sold, outbox) =
            decide(state, &mut order, settlement, gateway, reference.attempt, report).await?;
        order.version += 1;
        let outbox = outbox.map(|outbox| outbox.text()).transpose()?;
        let written = match state.store.update_order(&order, outbox).await {
            Ok(()) => order,
            Err(Failure::Refused(_)) => {
                let current = state.store.order(order.user, order.id).await?;
                state.store.return_unused(&sold, current.as_ref().unwrap_or(&order)).await?;
                continue;
            }
            Err(other) => return Err(other.into()),
        };
        return Ok(state.store.return_unused(&sold, &written).await?);
    }
    Err(Error::unavailable("order_contended", "Others keep changing the order."))
}

/// Changes the order in memory. Answers with what was sold on the way and what
/// must happen afterwards.
async fn decide(
    state: &State,
    order: &mut Order,
    settlement: Settlement,
    gateway: GatewayName,
    attempt: u8,
    report: &PaymentReport,
) -> Result<(Vec<domain::order::Holding>, Option<Outbox>)> {
    let now = state.clock.now();
    let total = order.total;
    let index = order.payment_of(attempt, report).unwrap_or_else(|| {
        order.payments.push(Payment {
            attempt,
            gateway,
            account: None,
            payment_id: None,
            checkout_url: None,
            state: PaymentState::Pending,
            amount: total,
            refunded: 0,
            refund_due: 0,
            refund: None,
            dispute: None,
            created_at: now,
            idempotency: None,
        });
        order.payments.len() - 1
    });
    let payment = &mut order.payments[index];
    payment.payment_id = Some(report.payment_id.clone());
    match settlement {
        Settlement::Nothing => Ok((Vec::new(), None)),
        Settlement::Decline => {
            payment.state = PaymentState::Declined;
            Ok((Vec::new(), None))
        }
        Settlement::Return => {
            payment.state = PaymentState::Returned;
            Ok((Vec::new(), None))
        }
        Settlement::ConfirmRefund(amount) => {
            payment.book_refund(amount);
            Ok((Vec::new(), Some(Outbox::News { news: OrderNews::RefundDone })))
        }
        Settlement::RefundedElsewhere(amount) => {
            payment.refunded += amount;
            Ok((Vec::new(), None))
        }
        Settlement::Dispute(dispute) => {
            payment.dispute = Some(dispute);
            Ok((Vec::new(), None))
        }
        Settlement::Alert => {
            tracing::error!(order = %order.id, payment = report.payment_id, asked = %order.total(), paid = %report.amount, "paid amount differs");
            order.payments[index].state = PaymentState::Mismatched;
            Ok((Vec::new(), Some(Outbox::News { news: OrderNews::PaymentMismatch })))
        }
        Settlement::GiveBack => {
            payment.state = PaymentState::Approved;
            payment.refund_due = payment.amount;
            Ok((Vec::new(), Some(Outbox::Refund { news: None })))
        }
        Settlement::Settle => {
            payment.state = PaymentState::Approved;
            let sheet = state.sheet(order.event).await?;
            match state.store.settle_holdings(order, &sheet, now).await? {
                Settled::Sold(sold) => {
                    order.holdings.clone_from(&sold);
                    order.status = OrderStatus::Paid;
                    order.paid_at = Some(now);
                    Ok((sold, Some(Outbox::Tickets)))
                }
                Settled::Gone(sold) => {
                    let payment = &mut order.payments[index];
                    payment.refund_due = payment.amount;
                    order.status = OrderStatus::RefundDue;
                    Ok((sold, Some(Outbox::Refund { news: Some(OrderNews::RefundDue) })))
                }
            }
        }
    }
}
