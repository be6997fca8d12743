//! Mails about transfers of tickets.

use domain::order::Order;
use domain::transfer::{Transfer, TransferState, TransferToken};
use domain::{Error, Person, Result, TransferId, UserId};
use queue::{Mail, MailMessage, TicketsMail, TransferMail};

use crate::State;
use crate::compose::{admission, admission_with_code, organiser, show};

/// The mail that offers the ticket to its receiver; `None` if the offer is over.
pub(crate) async fn offered(
    state: &State,
    from: UserId,
    transfer: TransferId,
) -> Result<Option<MailMessage>> {
    let (transfer, order) = read(state, from, transfer).await?;
    // A ticket that was refunded since then can not be accepted.
    let offered = order.tickets().find(|ticket| ticket.id == transfer.ticket && !ticket.refunded);
    let Some(ticket) = offered else { return Ok(None) };
    if transfer.state_at(state.clock.now()) != TransferState::Initiated {
        return Ok(None);
    }
    let sheet = state.sheet(order.event).await?;
    let tenant = state.tenant(order.tenant).await?;
    let sender = &transfer.sender;
    let token = TransferToken { from, transfer: transfer.id }.encode(&state.transfer_key);
    Ok(Some(MailMessage {
        to: Person { email: transfer.to_email.clone(), name: String::new() },
        language: order.language,
        reply_to: Some(sender.email.clone()),
        mail: Mail::TransferOffered(TransferMail {
            from: sender.clone(),
            reason: transfer.reason.clone(),
            token,
            expires_at: transfer.expires_at,
            ticket: admission(&sheet, &ticket),
            show: show(&sheet.event),
            organiser: organiser(&tenant),
        }),
        images: Vec::new(),
        consent: None,
    }))
}

/// The mail with the ticket for its new holder; `None` if it was handed on again or refunded.
pub(crate) async fn accepted(
    state: &State,
    from: UserId,
    transfer: TransferId,
) -> Result<Option<MailMessage>> {
    let (transfer, order) = read(state, from, transfer).await?;
    let (Some(to), Some(receiver)) = (transfer.to, &transfer.receiver) else { return Ok(None) };
    let ticket = order
        .tickets()
        .find(|ticket| ticket.id == transfer.ticket && ticket.holder == to && !ticket.refunded);
    let Some(ticket) = ticket else { return Ok(None) };
    let sheet = state.sheet(order.event).await?;
    let tenant = state.tenant(order.tenant).await?;
    let (admission, image) = admission_with_code(&sheet, &ticket, &state.ticket_key)?;
    Ok(Some(MailMessage {
        to: receiver.clone(),
        language: order.language,
        reply_to: Some(tenant.email.clone()),
        mail: Mail::TransferAccepted(TicketsMail {
            user: order.user,
            order: order.id,
            total: None,
            order_link: None,
            show: show(&sheet.event),
            organiser: organiser(&tenant),
            tickets: vec![admission],
            vouchers: Vec::new(),
        }),
        images: vec![image],
        consent: None,
    }))
}

async fn read(state: &State, from: UserId, transfer: TransferId) -> Result<(Transfer, Order)> {
    let found = state.store.transfer(from, transfer).await?;
    let transfer =
        found.ok_or_else(|| Error::internal(format!("the transfer {transfer} of {from} is gone")))?;
    let (order, _) =
        transfer.ticket.order().ok_or_else(|| Error::internal("a transfer of a ticket of no order"))?;
    let order = state.order(transfer.buyer, order).await?;
    Ok((transfer, order))
}
