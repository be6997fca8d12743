use actions::TicketStatus;
use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use domain::TicketId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use web::{Answer, Json, Opener, Path, Refuses, Shared};

use crate::State;
use crate::qr::code;
use crate::view::TicketView;

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

/// Path of `/tickets/{id}`.
#[derive(Debug, Deserialize, JsonSchema)]
struct TicketPath {
    /// The ticket's id.
    id: TicketId,
}

/// A ticket with its code.
#[derive(Debug, Serialize, JsonSchema)]
struct TicketWithCode {
    #[serde(flatten)]
    ticket: TicketView,
    /// The text of the ticket's QR code. It admits any person who shows it. Absent once the ticket
    /// was refunded.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
}

async fn show(
    Shared(state): Shared<State>,
    opener: Opener,
    Path(path): Path<TicketPath>,
) -> Answer<Json<TicketWithCode>> {
    let now = state.clock.now();
    let held = state.tickets.opened(&opener, path.id, now).await?;
    let details = state.tickets.details(held, now).await?;
    let code = (details.status != TicketStatus::Revoked).then(|| code(&state, &details.held));
    Ok(Json(TicketWithCode { ticket: TicketView::from(&details), code }))
}
