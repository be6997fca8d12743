//! Withdraws from a purchase at its buyer's request.

use aide::axum::ApiRouter;
use aide::axum::routing::post_with;
use domain::withdrawal;
use schemars::JsonSchema;
use serde::Serialize;
use web::{Answer, Json, Opener, Path, Refuses, Shared};

use crate::view::OrderView;
use crate::{OrderPath, State};

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/purchases/{id}/withdrawal",
        post_with(withdraw, |op| {
            op.id("withdrawPurchase")
                .tag("Purchases")
                .summary("Withdraw from a purchase")
                .description(
                    "Where the refund policy that the buyer accepted names a right to: gives all tickets back that \
                     were neither used nor handed on, and the money goes back as with a refund. The buyer gets a mail \
                     with the `code`. `withdraw_until` of the order says how long. Repeating the request changes \
                     nothing.",
                )
                .refuses(["reservation_not_found", "event_not_found", "changed_meanwhile"])
                .refuses(["no_withdrawal", "withdrawal_over", "nothing_to_refund"])
        }),
    )
}

/// An order from which its buyer withdrew.
#[derive(Debug, Serialize, JsonSchema)]
struct WithdrawnOrder {
    #[serde(flatten)]
    order: OrderView,
    /// The name of the withdrawal, the same however often it is asked for.
    code: String,
}

async fn withdraw(
    Shared(state): Shared<State>,
    opener: Opener,
    Path(path): Path<OrderPath>,
) -> Answer<Json<WithdrawnOrder>> {
    let now = state.clock.now();
    let order = state.orders.withdraw(&opener, path.id, now).await?;
    let sheet = state.orders.event(order.event, now).await.ok();
    let code = withdrawal::code(order.id);
    Ok(Json(WithdrawnOrder { order: OrderView::new(&order, sheet.as_deref(), now), code }))
}
