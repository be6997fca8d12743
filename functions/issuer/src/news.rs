//! Mails with an order's news, besides its tickets.
//!
//! A message carries the facts of its news. The order is read only for its present state, and to
//! drop news that is out of date.

use domain::order::{Order, Payment, UnusedReason};
use domain::outbox::{OrderNews, TicketLoss};
use domain::payment::{Dispute, MethodKind};
use domain::refund_task::{RefundTask, TaskOutcome};
use domain::{Error, Language, Money, OrderId, Person, Result, UserId};
use queue::{
    ErasureMail, Mail, MailMessage, OrderLinkMail, OrderMail, PaymentFacts, PaymentsMail, SlipMail,
    WithdrawalMail,
};

use crate::State;
use crate::compose::{organiser, show};

/// The mails for this news; empty if it is out of date. A buyer whose data was erased has no address
/// any more, so only the organiser hears of it.
pub(crate) async fn mails(
    state: &State,
    user: UserId,
    order: OrderId,
    news: OrderNews,
) -> Result<Vec<MailMessage>> {
    let mut mails = mails_to_all(state, user, order, news).await?;
    mails.retain(|mail| !mail.to.email.is_empty());
    Ok(mails)
}

async fn mails_to_all(
    state: &State,
    user: UserId,
    order: OrderId,
    news: OrderNews,
) -> Result<Vec<MailMessage>> {
    let order = state.order(user, order).await?;
    let sheet = state.sheet(order.event).await?;
    let tenant = state.tenant(order.tenant).await?;
    let money = |amount| Money::new(amount, order.currency);
    let facts_of = |unused, amount, by_hand| OrderMail {
        order: order.id,
        amount: money(amount),
        by_hand,
        unused,
        order_link: state.guest_link(&order),
        tickets_hold: order.tickets().any(|ticket| !ticket.refunded),
        show: show(&sheet.event),
        organiser: organiser(&tenant),
    };
    let to_buyer = |mail| MailMessage {
        to: order.buyer.clone(),
        language: order.language,
        reply_to: Some(tenant.email.clone()),
        mail,
        images: Vec::new(),
        consent: None,
    };
    if news == OrderNews::LinkRenewed {
        let facts = OrderLinkMail {
            order: order.id,
            order_link: state.order_link(&order),
            show: show(&sheet.event),
            organiser: organiser(&tenant),
        };
        return Ok(vec![to_buyer(Mail::OrderLink(facts))]);
    }
    if let OrderNews::ErasureAsked { until } = news {
        return Ok(vec![to_buyer(Mail::ErasureAsked(ErasureMail {
            order: order.id,
            confirm_link: state.erasure_link(&order, until),
            expires_at: until,
            show: show(&sheet.event),
            organiser: organiser(&tenant),
        }))]);
    }
    if let OrderNews::Withdrawn { amount } = news {
        return Ok(vec![to_buyer(Mail::Withdrawn(WithdrawalMail {
            order: order.id,
            code: domain::withdrawal::code(order.id),
            amount: money(amount),
            tickets_hold: order.tickets().any(|ticket| !ticket.refunded),
            show: show(&sheet.event),
            organiser: organiser(&tenant),
        }))]);
    }
    let Some(place) = place(news) else {
        let facts = facts_of(Some(UnusedReason::PlacesGone), 0, false);
        return Ok(vec![to_buyer(Mail::TicketsWorthless(facts))]);
    };
    let payment = order.payments.get(usize::from(place));
    let payment =
        payment.ok_or_else(|| Error::internal(format!("news about a payment that {} has not", order.id)))?;
    let slip = |payment: &Payment, until| {
        let later = payment.later.as_ref();
        SlipMail {
            order: order.id,
            order_link: state.guest_link(&order),
            amount: money(payment.amount),
            gateway: payment.gateway,
            kind: later.map_or(MethodKind::Other, |later| later.kind),
            method: later.and_then(|later| later.name.clone()),
            until,
            slip_url: later.and_then(|later| later.slip_url.clone()),
            code: later.and_then(|later| later.code.clone()),
            show: show(&sheet.event),
            organiser: organiser(&tenant),
        }
    };
    let facts = |amount, by_hand| facts_of(payment.unused, amount, by_hand);
    let to_organiser = |mail| MailMessage {
        to: Person { email: tenant.email.clone(), name: tenant.name.clone() },
        language: sheet.event.language,
        reply_to: None,
        mail,
        images: Vec::new(),
        consent: None,
    };
    let about_payment = |amount, loss: TicketLoss| PaymentsMail {
        order: order.id,
        buyer: buyer_of(&order, sheet.event.language),
        payments: vec![PaymentFacts {
            gateway: payment.gateway,
            payment_id: payment.payment_id.clone().unwrap_or_default(),
            amount,
            reason: None,
        }],
        asked: None,
        uncovered: Some(loss.uncovered).filter(|amount| *amount > 0).map(money),
        worthless: loss.revoked,
        show: show(&sheet.event),
        organiser: organiser(&tenant),
    };
    let whole = |loss| about_payment(money(payment.amount), loss);
    // To the organiser and, if tickets became void, to the buyer.
    let loss_mails = |mail, amount, loss: TicketLoss| {
        let worthless = loss.revoked.then(|| to_buyer(Mail::TicketsWorthless(facts(amount, false))));
        [to_organiser(mail)].into_iter().chain(worthless).collect()
    };
    Ok(match news {
        OrderNews::RefundDone { amount, by_hand, .. } => {
            vec![to_buyer(Mail::RefundDone(facts(amount, by_hand)))]
        }
        OrderNews::RefundDue { amount, .. } => vec![to_buyer(Mail::RefundDue(facts(amount, false)))],
        OrderNews::PaymentMismatch { paid, .. } => {
            let mail =
                PaymentsMail { asked: Some(order.total()), ..about_payment(paid, TicketLoss::default()) };
            vec![to_organiser(Mail::PaymentMismatch(mail))]
        }
        OrderNews::PaymentPending { until, .. } if is_waiting(&order, payment) => {
            vec![to_buyer(Mail::PaymentPending(slip(payment, Some(until))))]
        }
        OrderNews::SlipWithoutPlaces { .. } if is_waiting(&order, payment) => {
            vec![to_buyer(Mail::SlipWithoutPlaces(slip(payment, None)))]
        }
        OrderNews::PlacesLost
        | OrderNews::LinkRenewed
        | OrderNews::ErasureAsked { .. }
        | OrderNews::Withdrawn { .. }
        | OrderNews::PaymentPending { .. }
        | OrderNews::SlipWithoutPlaces { .. } => Vec::new(),
        _ if is_over(payment, news) => Vec::new(),
        OrderNews::DisputeOpened { .. } => {
            vec![to_organiser(Mail::DisputeOpened(whole(TicketLoss::default())))]
        }
        OrderNews::DisputeWon { .. } => vec![to_organiser(Mail::DisputeWon(whole(TicketLoss::default())))],
        OrderNews::DisputeLost { loss, .. } => {
            loss_mails(Mail::DisputeLost(whole(loss)), payment.amount, loss)
        }
        OrderNews::RefundedElsewhere { amount, loss, .. } => {
            loss_mails(Mail::RefundedElsewhere(about_payment(money(amount), loss)), amount, loss)
        }
        OrderNews::RefundByHand { amount, reason, since, .. } => {
            let task = RefundTask::of(&order, place);
            // An organiser that already gave the money back must not be told to give it back.
            let Some(task) = task.filter(|task| task.since == since) else { return Ok(Vec::new()) };
            let mut mail = about_payment(money(amount), TicketLoss::default());
            mail.payments[0].reason = Some(reason);
            let due = Mail::RefundByHandDue(facts(amount, false));
            let buyers = (!is_buyer_informed(state, &task).await?).then(|| to_buyer(due));
            [to_organiser(Mail::RefundByHand(mail))].into_iter().chain(buyers).collect()
        }
    })
}

/// The buyer as the organiser's mails name one.
fn buyer_of(order: &Order, language: Language) -> Person {
    let gone = match language {
        Language::Es => "una persona que borró sus datos",
        Language::En => "a person who had all data erased",
    };
    match order.is_forgotten() {
        true => Person { email: gone.to_owned(), name: String::new() },
        false => order.buyer.clone(),
    }
}

/// True if the buyer still has to pay, or a bank to decide.
fn is_waiting(order: &Order, payment: &Payment) -> bool {
    order.is_payable() && payment.is_awaited() && !payment.closed
}

/// Index of the payment that the news is about, if any.
const fn place(news: OrderNews) -> Option<u8> {
    match news {
        OrderNews::PlacesLost
        | OrderNews::LinkRenewed
        | OrderNews::ErasureAsked { .. }
        | OrderNews::Withdrawn { .. } => None,
        OrderNews::RefundDone { payment, .. }
        | OrderNews::RefundDue { payment, .. }
        | OrderNews::PaymentPending { payment, .. }
        | OrderNews::SlipWithoutPlaces { payment }
        | OrderNews::PaymentMismatch { payment, .. }
        | OrderNews::DisputeOpened { payment }
        | OrderNews::DisputeLost { payment, .. }
        | OrderNews::DisputeWon { payment }
        | OrderNews::RefundedElsewhere { payment, .. }
        | OrderNews::RefundByHand { payment, .. } => Some(payment),
    }
}

/// True if the dispute has changed since: that change has its own news.
fn is_over(payment: &Payment, news: OrderNews) -> bool {
    let announced = match news {
        OrderNews::DisputeOpened { .. } => Dispute::Open,
        OrderNews::DisputeWon { .. } => Dispute::Won,
        OrderNews::DisputeLost { .. } => Dispute::Lost,
        _ => return false,
    };
    payment.dispute != Some(announced)
}

/// True if the buyer was told before that a person gives this money back: the same task existed,
/// and was closed only to ask the gateway again.
async fn is_buyer_informed(state: &State, task: &RefundTask) -> Result<bool> {
    let closed = state.store.closed_refund_task(task.tenant_id, task.order_id, task.payment).await?;
    Ok(closed
        .is_some_and(|closed| closed.outcome == TaskOutcome::TriedAgain && closed.task.amount == task.amount))
}
