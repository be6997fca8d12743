use aide::axum::ApiRouter;
use aide::axum::routing::post_with;
use domain::transfer::{Transfer, TransferState};
use domain::{Error, TransferId};
use schemars::JsonSchema;
use serde::Deserialize;
use store::OnRefused;
use web::{Answer, Json, Purchaser, Refuses, Shared};

use super::TransferView;
use crate::State;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/transfers/cancel",
        post_with(cancel, |op| {
            op.id("cancelTransfer").tag("Transfers").summary("Take an offer back").refuses([
                "transfer_not_found",
                "changed_meanwhile",
                "transfer_accepted",
            ])
        }),
    )
}

/// An offer to be cancelled.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CancelRequest {
    /// The transfer's id.
    transfer_id: TransferId,
}

async fn cancel(
    Shared(state): Shared<State>,
    buyer: Purchaser,
    Json(request): Json<CancelRequest>,
) -> Answer<Json<TransferView>> {
    let transfer = state.tickets.own_offer(&buyer, request.transfer_id).await?;
    let now = state.clock.now();
    if transfer.state == TransferState::Cancelled {
        return Ok(Json(TransferView::new(transfer, &buyer, now)));
    }
    transfer.open(now)?;
    state.store.cancel_transfer(&transfer, now).await.on_refused(|| {
        Error::conflict("transfer_accepted", "This ticket was accepted or its offer cancelled a moment ago.")
    })?;
    let transfer = Transfer { state: TransferState::Cancelled, decided_at: Some(now), ..transfer };
    Ok(Json(TransferView::new(transfer, &buyer, now)))
}
