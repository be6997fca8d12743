//! What people should hear about an order besides its tickets.

use domain::order::Order;
use domain::{Money, OrderId, Result, UserId};
use queue::{Mail, MailMessage, OrderMail, OrderNews, Recipient};

use crate::State;
use crate::compose::{organiser, recipient, show};

/// The mail with the news.
pub(crate) async fn about(
    state: &State,
    user: UserId,
    order: OrderId,
    news: OrderNews,
) -> Result<MailMessage> {
    let order = state.order(user, order).await?;
    let sheet = state.sheet(order.event).await?;
    let tenant = state.tenant(order.tenant).await?;
    let facts = OrderMail {
        order: order.id,
        amount: amount(&order, news),
        show: show(&sheet.event),
        organiser: organiser(&tenant),
    };
    let (to, language, reply_to) = match news {
        OrderNews::RefundDone | OrderNews::RefundDue => {
            (recipient(&order.buyer), order.language, Some(tenant.email.clone()))
        }
        OrderNews::PaymentMismatch
        | OrderNews::DisputeOpened
        | OrderNews::DisputeLost
        | OrderNews::DisputeWon
        | OrderNews::RefundedElsewhere
        | OrderNews::RefundByHand
        | OrderNews::RefundByHandReminder => {
            let to = Recipient { email: tenant.email.clone(), name: tenant.name.clone() };
            (to, sheet.event.language, None)
        }
    };
    let mail = match news {
        OrderNews::RefundDone => Mail::RefundDone(facts),
        OrderNews::RefundDue => Mail::RefundDue(facts),
        OrderNews::PaymentMismatch
        | OrderNews::DisputeOpened
        | OrderNews::DisputeLost
        | OrderNews::DisputeWon
        | OrderNews::RefundedElsewhere
        | OrderNews::RefundByHand
        | OrderNews::RefundByHandReminder => Mail::PaymentMismatch(facts),
    };
    Ok(MailMessage { to, language, reply_to, mail, images: Vec::new() })
}

/// The money that the news is about. What was still due may be given back by the
/// time that its mail is written; then it is what was given back.
fn amount(order: &Order, news: OrderNews) -> Money {
    let due: i64 = order.payments.iter().map(|payment| payment.refund_due).sum();
    let amount = match news {
        OrderNews::RefundDue if due > 0 => due,
        OrderNews::RefundDone | OrderNews::RefundDue if order.refunded() > 0 => order.refunded(),
        _ => order.total,
    };
    Money::new(amount, order.currency)
}
