use aide::axum::ApiRouter;
use aide::axum::routing::post_with;
use domain::order::Order;
use domain::outbox::Outbox;
use domain::transfer::{Transfer, TransferState, TransferToken, transferable};
use domain::{Error, Result};
use schemars::JsonSchema;
use serde::Deserialize;
use store::{Failure, GateError};
use web::{Answer, Json, Purchaser, Refuses, Shared};

use crate::State;
use crate::view::TicketView;

/// How often an acceptance is retried after a lost update of the order, such as when its tickets
/// were just mailed.
const TRIES: usize = 4;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/transfers/accept",
        post_with(accept, |op| {
            op.id("acceptTransfer").tag("Transfers").summary("Accept a ticket").description(
                "The ticket gets a new code; the sender's is void from this moment. Accepting again answers the \
                 same.",
            )
            .refuses(["transfer_not_found"])
            .refuses(["changed_meanwhile", "event_cancelled", "event_started", "own_transfer", "ticket_changed"])
            .refuses(["ticket_revoked", "ticket_used", "too_many_transfers", "transfer_accepted"])
            .refuses(["transfers_closed"])
            .refuses(["transfer_cancelled", "transfer_expired"])
        }),
    )
}

/// An acceptance of an offered ticket.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AcceptRequest {
    /// The token from the mailed link, 64 characters.
    #[schemars(length(min = 64, max = 64))]
    token: String,
}

async fn accept(
    Shared(state): Shared<State>,
    buyer: Purchaser,
    Json(request): Json<AcceptRequest>,
) -> Answer<Json<TicketView>> {
    let not_found = || Error::not_found("transfer_not_found", "There is no such offer. Check the link.");
    let token = TransferToken::decode(&request.token, &state.transfer_key).ok_or_else(not_found)?;
    if buyer.is(token.from) {
        return Err(Error::conflict("own_transfer", "You offered this ticket yourself; it is yours.").into());
    }
    let outbox = Outbox::TransferAccepted;
    for _ in 0..TRIES {
        let transfer = state.store.transfer(token.from, token.transfer).await?;
        let transfer = transfer.ok_or_else(not_found)?;
        if transfer.state == TransferState::Accepted && transfer.to == Some(buyer.user) {
            return answer(&state, &buyer, &transfer).await;
        }
        let (transfer, order) = prepare(&state, &buyer, transfer).await?;
        match state.store.accept_transfer(&transfer, &order, &outbox).await {
            Ok(()) => return answer(&state, &buyer, &transfer).await,
            Err(GateError::Failure(Failure::Refused(_))) => {}
            Err(other) => return Err(Error::from(other).into()),
        }
    }
    Err(Error::from(Failure::Refused(None)).into())
}

/// Transfer and order as they become by the acceptance.
async fn prepare(state: &State, buyer: &Purchaser, transfer: Transfer) -> Result<(Transfer, Order)> {
    let now = state.clock.now();
    transfer.open(now)?;
    let gone = || Error::internal("the order of a transfer is gone");
    let (order, index) = transfer.ticket.order().ok_or_else(gone)?;
    let order = state.store.order(transfer.buyer, order).await?.ok_or_else(gone)?;
    let sheet = state.tickets.event(order.event, now).await?;
    if let Some(ticket) = order.tickets().nth(usize::from(index)) {
        transferable(&sheet.event, &ticket, now)?;
    }
    transfer.accept(&order, buyer.user, buyer.person.clone(), now)
}

async fn answer(state: &State, buyer: &Purchaser, transfer: &Transfer) -> Answer<Json<TicketView>> {
    let held = state.tickets.held(buyer, transfer.ticket).await?;
    let details = state.tickets.details(held, state.clock.now()).await?;
    Ok(Json(TicketView::from(&details)))
}
