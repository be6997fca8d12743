use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use web::{Answer, Json, Page, Paging, Purchaser, Shared};

use super::TransferView;
use crate::State;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/transfers/history",
        get_with(history, |op| {
            op.id("listTransfers")
                .tag("Transfers")
                .summary("List the tickets that one offered and got, the latest first")
        }),
    )
}

async fn history(
    Shared(state): Shared<State>,
    buyer: Purchaser,
    paging: Paging,
) -> Answer<Json<Page<TransferView>>> {
    let Paging { limit, after } = paging;
    let page = state.tickets.transfers_of(&buyer, after.as_deref(), limit).await?;
    let now = state.clock.now();
    Ok(Json(Page::of(page, |transfer| TransferView::new(transfer, &buyer, now))))
}
