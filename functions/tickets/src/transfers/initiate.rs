use aide::axum::ApiRouter;
use aide::axum::routing::post_with;
use domain::error::Fields;
use domain::order::Ticket;
use domain::outbox::Outbox;
use domain::text::Paragraph;
use domain::transfer::{Transfer, TransferState, transferable};
use domain::user::Email;
use domain::{Error, Result, TicketId, Timestamp, TransferId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{Count, Failure, GateError, Once};
use web::{Answer, ClientNetwork, Created, IdempotencyKey, Json, Purchaser, Refuses, Shared};

use super::{TransferView, limits};
use crate::State;

/// The most offers of one ticket by the same holder: each sends a mail to a receiver who did not
/// ask for it.
const MAX_OFFERS: usize = 5;
/// The most characters of the message to the receiver.
const MAX_REASON: usize = 300;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/transfers/initiate",
        post_with(initiate, |op| {
            op.id("initiateTransfer").tag("Transfers").summary("Offer a ticket to somebody").description(
                "Mails a link that is good for 72 hours, at most until the event begins or its organiser \
                 lets tickets change hands no more. The ticket stays \
                 valid and with its holder until the offer is accepted. The caller must have confirmed the e-mail \
                 address, which the mail names. It quotes `reason` without links and telephone numbers.",
            )
            .refuses(["email_unverified", "ticket_not_found"])
            .refuses(["changed_meanwhile", "event_cancelled", "event_started", "ticket_changed", "ticket_revoked"])
            .refuses(["ticket_used", "too_many_offers", "too_many_transfers", "transfer_open"])
            .refuses(["transfers_closed"])
            .refuses(["refused_fields", "too_many_tries"])
        }),
    )
}

/// An offer of a ticket.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct InitiateRequest {
    /// The ticket's id.
    ticket_id: TicketId,
    /// The receiver's address, not the caller's own.
    to_email: Email,
    /// A message to the receiver, at most 300 characters. The mail leaves out links and phone
    /// numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<Paragraph<0, MAX_REASON>>,
}

async fn initiate(
    Shared(state): Shared<State>,
    network: ClientNetwork,
    buyer: Purchaser,
    IdempotencyKey(key): IdempotencyKey,
    Json(request): Json<InitiateRequest>,
) -> Answer<Created<TransferView>> {
    let mut fields = Fields::new();
    fields.rule(request.to_email.as_str() != buyer.person.email, "/to_email", "This is your own address.");
    fields.finish()?;
    buyer.check_confirmed()?;
    let now = state.clock.now();
    let once = Once { user: buyer.user, route: "POST /api/v1/transfers/initiate", key: key.as_deref() };
    let counts = limits::counts(&state, &buyer, &request.to_email, &network);
    let transfer = state
        .store
        .once(once, &request, now, |id| {
            offer(&state, &buyer, &request, &counts, TransferId::from_uuid(id.uuid()), now)
        })
        .await?;
    Ok(Created(TransferView::new(transfer, &buyer, now)))
}

async fn offer(
    state: &State,
    buyer: &Purchaser,
    request: &InitiateRequest,
    counts: &[Count],
    id: TransferId,
    now: Timestamp,
) -> Result<Transfer> {
    let held = state.tickets.held(buyer, request.ticket_id).await?;
    let ticket = held.ticket();
    let sheet = state.tickets.event(held.order.event, now).await?;
    transferable(&sheet.event, &ticket, now)?;
    if let Some(closed) = state.store.gate(held.order.event, ticket.id, ticket.serial).await? {
        return Err(GateError::Closed(closed).into());
    }
    check_earlier_offers(state, &ticket, id, now).await?;
    state.store.count(counts, now).await?;
    let to_email = request.to_email.as_str().to_owned();
    let transfer = Transfer {
        id,
        reason: request.reason.clone().and_then(Paragraph::some),
        ..Transfer::offer(&sheet.event, &held.order, &ticket, buyer.person.clone(), to_email, now)
    };
    match state.store.create_transfer(&transfer, &Outbox::TransferOffered, MAX_OFFERS).await {
        Ok(()) => Ok(transfer),
        // The same request was carried out before, or another offer came first.
        Err(Failure::Refused(_)) => match state.store.transfer(ticket.holder, id).await? {
            Some(there) => Ok(there),
            None => {
                check_earlier_offers(state, &ticket, id, now).await?;
                Err(Error::changed_meanwhile())
            }
        },
        Err(other) => Err(other.into()),
    }
}

/// Refuses another offer while one of the same ticket is open, or after too many. Of two concurrent
/// offers, the conditional write lets one through.
async fn check_earlier_offers(
    state: &State,
    ticket: &Ticket<'_>,
    id: TransferId,
    now: Timestamp,
) -> Result<()> {
    let mut earlier = state.store.transfers(ticket.holder, None, 100).await?.items;
    earlier.retain(|offer| offer.ticket == ticket.id && offer.from == ticket.holder && offer.id != id);
    if let Some(open) = earlier.iter().find(|offer| offer.state_at(now) == TransferState::Initiated) {
        return Err(Error::conflict(
            "transfer_open",
            "You have offered this ticket already. Cancel that offer before you make another.",
        )
        .with("transfer_id", open.id.to_string()));
    }
    if earlier.len() >= MAX_OFFERS {
        return Err(Error::conflict(
            "too_many_offers",
            "You have offered this ticket too often. Ask the organiser to help you.",
        ));
    }
    Ok(())
}
