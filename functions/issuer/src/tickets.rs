//! The mail with the tickets and vouchers of a paid order.

use domain::order::Order;
use domain::tenant::Tenant;
use domain::{OrderId, Result, UserId};
use queue::{Mail, MailMessage, TicketsMail};
use store::StoredEvent;

use crate::State;
use crate::compose::{admission_with_code, organiser, show, voucher_with_code};

/// The mail with the tickets and vouchers; `None` if it was sent already, none is left to send,
/// or the buyer's data was erased.
pub(crate) async fn paid(state: &State, user: UserId, order: OrderId) -> Result<Option<MailMessage>> {
    let order = state.order(user, order).await?;
    if order.mailed_at.is_some() || order.is_forgotten() {
        return Ok(None);
    }
    let sheet = state.sheet(order.event).await?;
    let tenant = state.tenant(order.tenant).await?;
    compose(state, &order, &sheet, &tenant)
}

/// Composes the mail with the buyer's tickets and vouchers, without those refunded or handed on
/// meanwhile.
fn compose(
    state: &State,
    order: &Order,
    sheet: &StoredEvent,
    tenant: &Tenant,
) -> Result<Option<MailMessage>> {
    let mine = order.tickets().filter(|ticket| !ticket.refunded && ticket.holder == order.user);
    let key = &state.ticket_key;
    let drawn = mine.map(|ticket| admission_with_code(sheet, &ticket, key)).collect::<Result<Vec<_>>>()?;
    let left = order.vouchers().filter(|voucher| !voucher.refunded);
    let extras = left.map(|voucher| voucher_with_code(order, &voucher, key)).collect::<Result<Vec<_>>>()?;
    if drawn.is_empty() && extras.is_empty() {
        return Ok(None);
    }
    let (tickets, mut images): (Vec<_>, Vec<_>) = drawn.into_iter().unzip();
    let (vouchers, more): (Vec<_>, Vec<_>) = extras.into_iter().unzip();
    images.extend(more);
    Ok(Some(MailMessage {
        to: order.buyer.clone(),
        language: order.language,
        reply_to: Some(tenant.email.clone()),
        mail: Mail::Tickets(TicketsMail {
            user: order.user,
            order: order.id,
            total: Some(order.total()),
            order_link: state.guest_link(order),
            show: show(&sheet.event),
            organiser: organiser(tenant),
            tickets,
            vouchers,
        }),
        images,
        consent: None,
    }))
}
