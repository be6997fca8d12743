//! Quotes: the price of an order, signed, so that the hold can trust it.

use aide::axum::ApiRouter;
use aide::axum::routing::post_with;
use axum::extract::State as Of;
use domain::pricing::{
    PromotionOffer, PromotionVerdict, Quote, QuoteInput, QuoteLine, QuoteRequest, StageVerdict, Totals,
    quote, seal,
};
use domain::{Currency, EventId, QuoteId, Result, Timestamp};
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

/// A price, and the token that proves it. All amounts are in minor units of
/// `currency`, and the lines add up to the totals exactly.
#[derive(Debug, Serialize, JsonSchema)]
struct SignedQuote {
    /// Send it to reserve the tickets at this price.
    quote: String,
    /// The quote's id.
    id: QuoteId,
    /// The event.
    event_id: EventId,
    /// The currency of all amounts.
    currency: Currency,
    /// True if `vat` is contained in price and fee, false if it is added to them.
    vat_included: bool,
    /// A line for each area, in the order in which they were asked for.
    lines: Vec<QuoteLine>,
    /// The sums over all lines.
    totals: Totals,
    /// Each sale stage of the event: whether it applied, or why not.
    stages: Vec<StageVerdict>,
    /// Whether the promotion code applied, or why not; absent without a code.
    #[serde(skip_serializing_if = "Option::is_none")]
    promotion: Option<PromotionVerdict>,
    /// When the quote was made.
    created_at: Timestamp,
    /// The first moment at which its prices are no longer guaranteed.
    valid_until: Timestamp,
}

impl SignedQuote {
    fn new(details: Quote, key: &[u8; 32]) -> Self {
        Self {
            quote: seal(&details, key),
            id: details.id,
            event_id: details.event_id,
            currency: details.currency,
            vat_included: details.vat_included,
            lines: details.lines,
            totals: details.totals,
            stages: details.stages,
            promotion: details.promotion,
            created_at: details.created_at,
            valid_until: details.valid_until,
        }
    }
}

async fn create(
    Of(state): Of<State>,
    MaybeBuyer(buyer): MaybeBuyer,
    Json(request): Json<QuoteRequest>,
) -> Answer<Json<SignedQuote>> {
    let details = state.quote(&request, buyer.as_ref()).await?;
    Ok(Json(SignedQuote::new(details, &state.quote_key)))
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
