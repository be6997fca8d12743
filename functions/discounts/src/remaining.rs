use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use domain::EventId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use web::{Answer, Json, Path, Refuses, Shared};

use crate::State;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/discounts/remaining/{show}",
        get_with(remaining, |op| {
            op.id("showRemainingDiscounts")
                .tag("Discounts")
                .summary("How many discounts a show has left")
                .description("A discount is gone once a request for it is approved; if the approval is taken back, so is that.")
                .refuses(["show_not_found"])
        }),
    )
}

#[derive(Debug, Deserialize, JsonSchema)]
struct ShowPath {
    /// The show's id.
    show: EventId,
}

/// The discounts that a show has for members.
#[derive(Debug, Serialize, JsonSchema)]
struct Remaining {
    /// The show's id.
    show_id: EventId,
    /// The most discounts that members get for the show.
    max_discounts: u32,
    /// The discounts that no approval has taken yet.
    remaining: u32,
}

async fn remaining(Shared(state): Shared<State>, Path(path): Path<ShowPath>) -> Answer<Json<Remaining>> {
    let (show, remaining) = state.discounts.remaining(path.show, state.clock.now()).await?;
    Ok(Json(Remaining { show_id: show.id, max_discounts: show.max_discounts, remaining }))
}
