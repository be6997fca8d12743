//! Mails to organisers that are not about a single order: reminders and daily reports.

use domain::refund_task::RefundTask;
use domain::tenant::Tenant;
use domain::{Language, Person, Result, TenantId, Timestamp};
use queue::{DifferencesMail, Mail, MailMessage, PaymentFacts, RefundsWaitingMail, WaitingRefund};

use crate::State;
use crate::compose::organiser;

/// The most refunds, or differences, listed in one mail.
const MAX_NAMED: u16 = 20;

/// The mail that reminds of open refund tasks; `None` if none is open.
pub(crate) async fn refunds_waiting(state: &State, tenant: TenantId) -> Result<Option<MailMessage>> {
    let mut tasks = state.store.longest_refund_tasks(tenant, MAX_NAMED + 1).await?;
    let more = tasks.len() > usize::from(MAX_NAMED);
    tasks.truncate(usize::from(MAX_NAMED));
    let Some(first) = tasks.first() else { return Ok(None) };
    let language = state.sheet(first.event_id).await?.event.language;
    let tenant = state.tenant(tenant).await?;
    let refunds = tasks.into_iter().map(waiting).collect();
    let mail = RefundsWaitingMail { refunds, more, organiser: organiser(&tenant) };
    Ok(Some(to(&tenant, language, Mail::RefundsWaiting(mail))))
}

fn waiting(task: RefundTask) -> WaitingRefund {
    WaitingRefund {
        order: task.order_id,
        buyer: task.buyer.clone(),
        since: task.since,
        payment: PaymentFacts {
            gateway: task.gateway,
            payment_id: task.payment_id,
            amount: task.amount,
            reason: Some(task.reason),
        },
    }
}

/// The report of payment differences of a day; `None` if there are none.
pub(crate) async fn payment_differences(
    state: &State,
    tenant: TenantId,
    day: Timestamp,
) -> Result<Option<MailMessage>> {
    let page = state.store.payment_differences_of(tenant, day, None, MAX_NAMED).await?;
    if page.items.is_empty() {
        return Ok(None);
    }
    let tenant = state.tenant(tenant).await?;
    let mail = DifferencesMail {
        day,
        differences: page.items,
        more: page.last.is_some(),
        organiser: organiser(&tenant),
    };
    // It is about no event, so there is no event's language to use.
    Ok(Some(to(&tenant, Language::default(), Mail::PaymentDifferences(mail))))
}

fn to(tenant: &Tenant, language: Language, mail: Mail) -> MailMessage {
    MailMessage {
        to: Person { email: tenant.email.clone(), name: tenant.name.clone() },
        language,
        reply_to: None,
        mail,
        images: Vec::new(),
        consent: None,
    }
}
