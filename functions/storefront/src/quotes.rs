//! Quotes: the price of an order, signed, so that the hold can trust it.

use aide::axum::ApiRouter;
use aide::axum::routing::post_with;
use axum::extract::State as Of;
use domain::pricing::{PromotionOffer, Quote, QuoteInput, QuoteRequest, quote, seal};
use domain::{QuoteId, Result};
use schemars::JsonSchema;
use serde::Serialize;
use web::{Answer, Buyer, Json, MaybeBuyer};

use crate::State;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/public/quotes",
        post_with(create, |op| {
            op.id("createQuote").summary("Ask for a price").tag("Storefront").description(
                "Answers with every amount of the price and with the signed `quote` that a reservation takes. \
                 Nothing is held yet. Sign in to use a code that is personal or can be used only so often by each \
                 buyer.",
            )
        }),
    )
}

/// A price, and the token that proves it.
#[derive(Debug, Serialize, JsonSchema)]
struct SignedQuote {
    /// Send it to reserve the tickets at this price.
    quote: String,
    #[serde(flatten)]
    details: Quote,
}

async fn create(
    Of(state): Of<State>,
    MaybeBuyer(buyer): MaybeBuyer,
    Json(request): Json<QuoteRequest>,
) -> Answer<Json<SignedQuote>> {
    let details = state.quote(&request, buyer.as_ref()).await?;
    Ok(Json(SignedQuote { quote: seal(&details, &state.quote_key), details }))
}

impl State {
    async fn quote(&self, request: &QuoteRequest, buyer: Option<&Buyer>) -> Result<Quote> {
        let now = self.clock.now();
        let sheet = self.published(request.event_id, now).await?;
        let stages_left = self.stages_left(&sheet, now).await?;
        let promotion = match request.code() {
            Some(code) => self.promotion(sheet.event.tenant_id, code.as_str(), now).await?,
            None => None,
        };
        let offer = match promotion.as_deref() {
            Some((promotion, remaining)) => {
                let buyer_remaining = match buyer {
                    Some(buyer) => self.store.promotion_buyer_left(promotion, buyer.user, now).await?,
                    None => None,
                };
                Some(PromotionOffer { promotion, remaining: *remaining, buyer_remaining })
            }
            None => None,
        };
        let input = QuoteInput {
            id: QuoteId::generate(now),
            event: &sheet.event,
            areas: &sheet.areas,
            stages: &stages_left.offers(&sheet.stages),
            promotion: offer,
            request,
            buyer_email: buyer.map(|buyer| buyer.email.as_str()),
        };
        quote(&input, now)
    }
}
