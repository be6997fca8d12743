//! Giving money back through the gateway, once.

use domain::order::Order;
use domain::{Error, Money, OrderId, Result, UserId};
use integrations::payment::{RefundPayment, RefundStatus};
use queue::{OrderNews, Outbox};
use store::Failure;

use crate::{State, TRIES};

/// Has the gateways give back what the order owes, puts refunded places back on
/// sale, and tells the buyer.
///
/// # Errors
/// If the gateway or the table does not answer; the message then comes again,
/// and the gateway recognises the refund by its key.
pub(crate) async fn refund(state: &State, user: UserId, order: OrderId) -> Result<()> {
    for _ in 0..TRIES {
        let Some(mut order) = state.store.order(user, order).await? else { return Ok(()) };
        if order.status.is_settled() {
            state.store.return_refunded(&order).await?;
        }
        if order.payments.iter().all(|payment| payment.refund_due == 0) {
            return Ok(());
        }
        give_back(state, &mut order).await?;
        order.version += 1;
        let outbox = Outbox::News { news: OrderNews::RefundDone }.text()?;
        match state.store.update_order(&order, Some(outbox)).await {
            Err(Failure::Refused(_)) => {}
            other => return Ok(other?),
        }
    }
    Err(Error::unavailable("order_contended", "Others keep changing the order."))
}

async fn give_back(state: &State, order: &mut Order) -> Result<()> {
    let (id, currency) = (order.id, order.currency);
    for payment in order.payments.iter_mut().filter(|payment| payment.refund_due > 0) {
        let missing = || Error::internal(format!("a refund of order {id} without a payment"));
        let refund = RefundPayment {
            payment_id: payment.payment_id.clone().ok_or_else(missing)?,
            amount: Money::new(payment.refund_due, currency),
            paid: Money::new(payment.amount, currency),
            refunded_before: Money::new(payment.refunded, currency),
            // What was given back before is part of the key: the same refund
            // again has the same, the next one has another.
            idempotency_key: format!(
                "{id}-{}-refund-{}-{}",
                payment.attempt, payment.refunded, payment.refund_due
            ),
        };
        let report = state.gateways.get(payment.gateway)?.refund(&refund).await?;
        if report.status == RefundStatus::Declined {
            tracing::error!(order = %id, refund = report.refund_id, "the gateway declined a refund");
            return Err(Error::unavailable("refund_declined", "The gateway declined the refund."));
        }
        payment.refunded += payment.refund_due;
        payment.refund_due = 0;
    }
    Ok(())
}
