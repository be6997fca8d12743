use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use web::{Answer, Json, Page, Paging, Purchaser, Shared};

use crate::State;
use crate::view::TicketView;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/tickets",
        get_with(list, |op| {
            op.id("listTickets").tag("Tickets").summary("List one's tickets").description(
                "First those of one's own orders, the latest order first, also of those made with the confirmed \
                 address and without an account, then those that others handed on. \
                 Tickets of one order stay together, so a page can have up to 19 more than `limit`, and a page \
                 without items can still have a next one.",
            )
        }),
    )
}

async fn list(
    Shared(state): Shared<State>,
    buyer: Purchaser,
    paging: Paging,
) -> Answer<Json<Page<TicketView>>> {
    let Paging { limit, after } = paging;
    let page = state.tickets.list(&buyer, after.as_deref(), limit, state.clock.now()).await?;
    Ok(Json(Page::new(page.items.iter().map(TicketView::from).collect(), page.last)))
}
