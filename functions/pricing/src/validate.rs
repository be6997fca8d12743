//! A public check of whether a promotion code applies to an order.

use aide::axum::ApiRouter;
use aide::axum::routing::post_with;
use domain::pricing::{ExtraRequest, PromotionReason, QuoteRequest, QuoteRequestLine};
use domain::{Amount, Currency, EventId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use web::{Answer, ClientNetwork, Json, MaybeBuyer, Path, Refuses, Shared};

use crate::State;
use crate::promotions::CodePath;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/promotions/{code}/validate",
        post_with(validate, |op| {
            op.id("validatePromotion").summary("Check a promotion code").tag("Prices").description(
                "Says whether the code would take something off an order, and if not, why. Sign in to check a code \
                 that is personal or can be used only so often by each buyer.",
            )
            .refuses(["event_not_found", "event_over", "prices_not_valid", "refused_fields"])
            .refuses(["product_needs_ticket", "sold_elsewhere", "too_many_tries"])
            .refuses(["event_cancelled", "event_postponed", "organiser_suspended"])
        }),
    )
}

/// The order that the code is checked for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Order {
    /// The event's id.
    event_id: EventId,
    /// The tickets of each area; each area once.
    #[serde(default)]
    #[schemars(length(max = 10))]
    lines: Vec<QuoteRequestLine>,
    /// The units of each variant of a product; each variant once.
    #[serde(default)]
    #[schemars(length(max = 10))]
    extras: Vec<ExtraRequest>,
}

/// Whether a promotion code applies to an order, and the order's price with it.
#[serde_with::skip_serializing_none]
#[derive(Debug, Serialize, JsonSchema)]
struct Validity {
    /// The code, in capital letters.
    code: String,
    /// True if the code reduces the order's price.
    applies: bool,
    /// Why the code does not apply. Absent if it does.
    reason: Option<PromotionReason>,
    /// The reason as a sentence.
    detail: Option<String>,
    /// The reduction of the order's price; 0 if the code does not apply.
    discount: Amount,
    /// The total of the order, with the code if it applies.
    total: Amount,
    /// The currency of the amounts.
    currency: Currency,
}

async fn validate(
    Shared(state): Shared<State>,
    ClientNetwork(network): ClientNetwork,
    MaybeBuyer(buyer): MaybeBuyer,
    Path(path): Path<CodePath>,
    Json(order): Json<Order>,
) -> Answer<Json<Validity>> {
    let request = QuoteRequest {
        event_id: order.event_id,
        lines: order.lines,
        extras: order.extras,
        currency: None,
        promotion_code: path.code.as_str().parse().ok(),
        require_promotion: false,
        require_stage: false,
    };
    let quote = state.quotes.quote(&request, buyer.as_ref(), &network, state.clock.now()).await?;
    let verdict = quote.promotion.as_ref();
    Ok(Json(Validity {
        code: path.code.to_string(),
        applies: verdict.is_some_and(|verdict| verdict.applied),
        reason: verdict.and_then(|verdict| verdict.reason),
        detail: verdict.and_then(|verdict| verdict.detail.clone()),
        discount: Amount::of(-quote.totals.promotion, quote.currency),
        total: Amount::of(quote.totals.total, quote.currency),
        currency: quote.currency,
    }))
}
