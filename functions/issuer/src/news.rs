//! What people should hear about an order besides its tickets.

use domain::order::{Order, Payment, RefundProgress};
use domain::payment::Dispute;
use domain::refund_task::{RefundTask, TaskOutcome};
use domain::{Money, OrderId, Result, UserId};
use queue::{Mail, MailMessage, OrderMail, OrderNews, PaymentFacts, PaymentsMail, Recipient};

use crate::State;
use crate::compose::{organiser, recipient, show};

/// The mails with the news; none if it is no news any more.
pub(crate) async fn about(
    state: &State,
    user: UserId,
    order: OrderId,
    news: OrderNews,
) -> Result<Vec<MailMessage>> {
    let order = state.order(user, order).await?;
    let sheet = state.sheet(order.event).await?;
    let tenant = state.tenant(order.tenant).await?;
    let facts = |amount| OrderMail {
        order: order.id,
        amount,
        by_hand: order.payments.iter().any(|payment| payment.by_hand > 0),
        show: show(&sheet.event),
        organiser: organiser(&tenant),
    };
    let to_buyer = |mail| MailMessage {
        to: recipient(&order.buyer),
        language: order.language,
        reply_to: Some(tenant.email.clone()),
        mail,
        images: Vec::new(),
    };
    let to_organiser = |mail| MailMessage {
        to: Recipient { email: tenant.email.clone(), name: tenant.name.clone() },
        language: sheet.event.language,
        reply_to: None,
        mail,
        images: Vec::new(),
    };
    let payments = payments(&order, news);
    let about_payments = || PaymentsMail {
        order: order.id,
        buyer: recipient(&order.buyer),
        payments: payments.clone(),
        uncovered: Some(order.uncovered())
            .filter(|lost| *lost > 0)
            .map(|lost| Money::new(lost, order.currency)),
        worthless: is_worthless(&order),
        show: show(&sheet.event),
        organiser: organiser(&tenant),
    };
    let all = order.total();
    Ok(match news {
        OrderNews::RefundDone => vec![to_buyer(Mail::RefundDone(facts(amount(&order, news))))],
        OrderNews::RefundDue => vec![to_buyer(Mail::RefundDue(facts(amount(&order, news))))],
        OrderNews::PaymentMismatch => vec![to_organiser(Mail::PaymentMismatch(facts(all)))],
        // What was decided meanwhile has news of its own.
        _ if payments.is_empty() => Vec::new(),
        OrderNews::DisputeOpened => vec![to_organiser(Mail::DisputeOpened(about_payments()))],
        OrderNews::DisputeWon => vec![to_organiser(Mail::DisputeWon(about_payments()))],
        OrderNews::DisputeLost | OrderNews::RefundedElsewhere => {
            let mail = if news == OrderNews::DisputeLost {
                Mail::DisputeLost(about_payments())
            } else {
                Mail::RefundedElsewhere(about_payments())
            };
            let buyers = is_worthless(&order).then(|| to_buyer(Mail::TicketsWorthless(facts(all))));
            [to_organiser(mail)].into_iter().chain(buyers).collect()
        }
        OrderNews::RefundByHand => {
            let amount = payments.iter().map(|payment| payment.amount.amount).sum();
            let due = Mail::RefundByHandDue(facts(Money::new(amount, order.currency)));
            let buyers = (!was_told(state, &order).await?).then(|| to_buyer(due));
            [to_organiser(Mail::RefundByHand(about_payments()))].into_iter().chain(buyers).collect()
        }
    })
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

/// The payments that the news is about, each with its money.
fn payments(order: &Order, news: OrderNews) -> Vec<PaymentFacts> {
    let of = |payment: &Payment| {
        let (amount, reason) = match (news, &payment.refund) {
            (OrderNews::DisputeOpened, _) if payment.dispute == Some(Dispute::Open) => (payment.amount, None),
            (OrderNews::DisputeLost, _) if payment.dispute == Some(Dispute::Lost) => (payment.amount, None),
            (OrderNews::DisputeWon, _) if payment.dispute == Some(Dispute::Won) => (payment.amount, None),
            (OrderNews::RefundedElsewhere, _) if payment.refunded > 0 => (payment.refunded, None),
            (OrderNews::RefundByHand, Some(RefundProgress::Manual { amount, reason, .. })) => {
                (*amount, Some(*reason))
            }
            _ => return None,
        };
        Some(PaymentFacts {
            gateway: payment.gateway,
            payment_id: payment.payment_id.clone().unwrap_or_default(),
            amount: Money::new(amount, order.currency),
            reason,
        })
    };
    order.payments.iter().filter_map(of).collect()
}

/// True once the money went back by another way than ours, and took tickets with it.
fn is_worthless(order: &Order) -> bool {
    order.kept() <= 0 && order.status.is_settled() && order.tickets().any(|ticket| ticket.refunded)
}

/// True if the buyer knows already that a person gives this money back: it was such a
/// task before, and the gateway was only asked again.
async fn was_told(state: &State, order: &Order) -> Result<bool> {
    let tasks = (0..).zip(&order.payments).filter_map(|(place, _)| RefundTask::of(order, place));
    for task in tasks {
        let closed = state.store.closed_refund_task(task.tenant_id, task.order_id, task.payment).await?;
        let again = closed.is_some_and(|closed| {
            closed.outcome == TaskOutcome::TriedAgain && closed.task.amount == task.amount
        });
        if !again {
            return Ok(false);
        }
    }
    Ok(true)
}
