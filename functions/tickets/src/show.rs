use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::extract;
use domain::TicketId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use web::{Answer, Buyer, Json, Path, Refuses};

use crate::State;
use crate::held::held;
use crate::qr::code;
use crate::view::{TicketStatus, TicketView, view};

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/tickets/{id}",
        get_with(show, |op| {
            op.id("showTicket")
                .tag("Tickets")
                .summary("Show one of one's tickets")
                .refuses(["ticket_not_found"])
        }),
    )
}

/// `/tickets/{id}`.
#[derive(Debug, Deserialize, JsonSchema)]
struct TicketPath {
    /// The ticket.
    id: TicketId,
}

/// A ticket and its code.
#[derive(Debug, Serialize, JsonSchema)]
struct TicketWithCode {
    #[serde(flatten)]
    ticket: TicketView,
    /// What its QR code says; whoever shows it gets in. None once it was refunded.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
}

async fn show(
    extract::State(state): extract::State<State>,
    buyer: Buyer,
    Path(path): Path<TicketPath>,
) -> Answer<Json<TicketWithCode>> {
    let held = held(&state, buyer.user, path.id).await?;
    let ticket = view(&state, &held.order, &held.ticket()).await?;
    let code =
        (ticket.status != TicketStatus::Revoked).then(|| code(&state, held.order.event, &held.ticket()));
    Ok(Json(TicketWithCode { ticket, code }))
}
