//! The ways to pay a reservation, before its buyer is sent to a gateway.

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use domain::Timestamp;
use domain::payment::{GatewayName, MethodKind};
use payments::{MethodOffer, MethodsAsked};
use schemars::JsonSchema;
use serde::Serialize;
use web::{Answer, Json, Opener, Page, Path, Refuses, Shared};

use crate::gateways::PaymentAccounts;
use crate::{OrderPath, State, cash};

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/reservations/{id}/payment-methods",
        get_with(list, |op| {
            op.id("listPaymentMethods")
                .tag("Purchases")
                .summary("The ways to pay a reservation")
                .description(
                    "The organiser's gateways with the ways to pay that their pages offer, the first choice first. \
                     A way with `pay_by` is paid later, in cash at a counter: the places are kept until the money \
                     is there. Cash is left out if the organiser takes none, if the show is too near, or if you \
                     have two reservations for it that wait for cash. A gateway that does not answer is left out.",
                )
                .refuses(["reservation_not_found", "reservation_expired", "already_paid", "event_not_found"])
        }),
    )
}

/// A gateway with its ways to pay.
#[derive(Debug, Serialize, JsonSchema)]
struct GatewayMethods {
    /// The gateway, to be named as `gateway` of the purchase.
    gateway: GatewayName,
    /// The ways to pay that its page offers.
    methods: Vec<MethodView>,
}

/// A way to pay.
#[serde_with::skip_serializing_none]
#[derive(Debug, Serialize, JsonSchema)]
struct MethodView {
    /// The kind of the way.
    kind: MethodKind,
    /// Its name, as the gateway writes it; at most 60 characters.
    name: String,
    /// Until when it has to be paid; absent if that is at once.
    pay_by: Option<Timestamp>,
    /// The most instalments, if the organiser limits them.
    max_installments: Option<u8>,
}

impl From<MethodOffer> for MethodView {
    fn from(offer: MethodOffer) -> Self {
        let MethodOffer { kind, name, pay_by, max_installments } = offer;
        Self { kind, name, pay_by, max_installments }
    }
}

async fn list(
    Shared(state): Shared<State>,
    opener: Opener,
    Path(path): Path<OrderPath>,
) -> Answer<Json<Page<GatewayMethods>>> {
    let now = state.clock.now();
    let order = state.orders.own(&opener, path.id, now).await?;
    order.payable(now)?;
    if order.total == 0 {
        return Ok(Json(Page::new(Vec::new(), None)));
    }
    let event = state.orders.event(order.event, now);
    let (sheet, accounts) = tokio::try_join!(event, PaymentAccounts::of(&state, &order))?;
    let cash_until = cash::offered_until(&state, &order, &sheet, now).await?;
    let mut items: Vec<GatewayMethods> = Vec::new();
    for account in accounts.working().await {
        let gateway = account.gateway.name();
        if items.iter().any(|known| known.gateway == gateway) {
            continue;
        }
        let max_installments = account.max_installments;
        let asked = MethodsAsked { currency: order.currency, cash_until, max_installments, now };
        let methods = account.gateway.methods(&asked).await.map_err(domain::Error::from)?;
        items.push(GatewayMethods { gateway, methods: methods.into_iter().map(MethodView::from).collect() });
    }
    Ok(Json(Page::new(items, None)))
}
