//! Renews the link that opens an order without a sign-in.

use aide::axum::ApiRouter;
use aide::axum::routing::post_with;
use domain::Error;
use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use store::Limit;
use store::limit::HOUR;
use web::{Answer, ClientNetwork, Json, Opener, Path, Refuses, Shared};

use crate::{OrderPath, State};

/// Links per hour that are mailed to one buyer at the request of one network.
const LINKS_MAILED: Limit = Limit::exact("order-link", 3, HOUR);

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/purchases/{id}/link",
        post_with(renew, |op| {
            op.id("renewOrderLink")
                .tag("Purchases")
                .summary("Mail another link to an order, and end the one before")
                .description(
                    "The link opens the order without a sign-in. It goes to the order's address and to nobody \
                     else: this answer does not have it. Links that were sent before open nothing from now on. At \
                     most three an hour.",
                )
                .response::<202, Json<LinkMailed>>()
                .refuses(["changed_meanwhile", "reservation_not_found", "too_many_tries"])
        }),
    )
}

/// The address to which a new link was mailed.
#[derive(Debug, Serialize, JsonSchema)]
struct LinkMailed {
    /// The order's e-mail address.
    mailed_to: String,
}

async fn renew(
    Shared(state): Shared<State>,
    network: ClientNetwork,
    opener: Opener,
    Path(path): Path<OrderPath>,
) -> Answer<(StatusCode, Json<LinkMailed>)> {
    let now = state.clock.now();
    let mut order = state.orders.own(&opener, path.id, now).await?;
    let network = state.keys.fingerprints().network_mark(&network.0);
    state.store.count(&[LINKS_MAILED.of(&[&order.user.suffix(), &network])], now).await?;
    let change = order.renew_link();
    let order = state.store.save_order(&order, &change, now).await.map_err(Error::from)?;
    Ok((StatusCode::ACCEPTED, Json(LinkMailed { mailed_to: order.buyer.email.clone() })))
}
