//! Quotes: the price of an order, sealed, so that the hold can trust it.

use actions::QuoteKey;
use aide::axum::ApiRouter;
use aide::axum::routing::post_with;
use domain::pricing::{
    OutgrownStage, PromotionVerdict, Quote, QuoteExtra, QuoteLine, QuoteRequest, StageVerdict, Totals,
};
use domain::seat::SeatLabel;
use domain::{Amount, AreaId, Currency, EventId, ProductId, QuoteId, SaleStageId, Timestamp, VariantId};
use schemars::JsonSchema;
use serde::Serialize;
use web::{Answer, ClientNetwork, Json, MaybeBuyer, Refuses, Shared};

use crate::State;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/public/quotes",
        post_with(create, |op| {
            op.id("createQuote").summary("Ask for a price").tag("Storefront").description(
                "Answers with every amount of the price and with the signed `quote` that a reservation takes. \
                 Nothing is held yet. Look at `promotion_applied` and `outgrown_stages`: a code that does not \
                 apply, and a stage with fewer tickets left than are wanted, are no errors, unless the request \
                 requires them (`promotion_not_applied`, `stage_outgrown`, both 409). Sign in to use a code that \
                 is personal or can be used only so often by each buyer. From one network only so many wrong codes \
                 are answered in a quarter of an hour. A line of numbered seats with a `quantity` and no `seats` \
                 has its seats chosen when it is reserved (`chosen_at_hold`), at the price of this quote: together, \
                 unless `together` is false; accessible ones only for who asks for them.",
            )
            .refuses(["event_not_found", "event_not_on_sale", "event_over", "prices_not_valid"])
            .refuses(["event_cancelled", "event_postponed", "organiser_suspended"])
            .refuses(["promotion_not_applied", "sold_elsewhere", "sold_out", "stage_outgrown"])
            .refuses(["currency_mismatch", "product_needs_ticket", "refused_fields", "too_many_tries"])
        }),
    )
}

/// The price of an order, and the token that proves it. All amounts are in `currency`, and
/// the lines add up to the totals exactly.
#[serde_with::skip_serializing_none]
#[derive(Debug, Serialize, JsonSchema)]
struct SignedQuote {
    /// The token. Send it to reserve the tickets at this price.
    quote: String,
    /// The quote's id.
    id: QuoteId,
    /// The event's id.
    event_id: EventId,
    /// The currency of all amounts.
    currency: Currency,
    /// True if `vat` is contained in price and fee, false if it is added to them.
    vat_included: bool,
    /// A line for each area, in the order in which they were asked for.
    lines: Vec<LineView>,
    /// An entry for each variant of a product, in the order in which they were asked for.
    extras: Vec<ExtraView>,
    /// The sums over all lines and extras.
    totals: TotalsView,
    /// Each sale stage of the event: whether it applied, or why not.
    stages: Vec<StageVerdict>,
    /// Stages that have tickets left, though fewer than a line wants: none of the line's
    /// tickets has the stage's price. Empty if there is nothing to tell the buyer.
    outgrown_stages: Vec<OutgrownView>,
    /// False if a promotion code was sent and this is the price without it: tell the buyer
    /// why, which `promotion` says. Absent without a code.
    promotion_applied: Option<bool>,
    /// Whether the promotion code applied, or why not; absent without a code.
    promotion: Option<PromotionVerdict>,
    /// When the quote was made.
    created_at: Timestamp,
    /// The first moment at which its prices are no longer guaranteed.
    valid_until: Timestamp,
}

/// The tickets of one area. `base + stage_adjustment + promotion + fee`, and `vat` unless
/// it is included, make `total`.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "QuoteLine")]
struct LineView {
    /// The area's id.
    area_id: AreaId,
    /// The area's name.
    area_name: String,
    /// The seats, in order; empty for general admission. With `chosen_at_hold` a suggestion, which is
    /// kept if it still is free then; empty if there are no such seats at the moment.
    seats: Vec<SeatLabel>,
    /// True if the seats are chosen when they are reserved: the best that are free then.
    chosen_at_hold: bool,
    /// The number of tickets.
    quantity: u8,
    /// The area's base price for one ticket.
    unit_base: Amount,
    /// The sale stage's adjustment of the price of one ticket; negative makes it cheaper.
    unit_stage_adjustment: Amount,
    /// The id of the sale stage that applied. Absent if none did.
    #[serde(skip_serializing_if = "Option::is_none")]
    stage_id: Option<SaleStageId>,
    /// `unit_base` for all tickets.
    base: Amount,
    /// `unit_stage_adjustment` for all tickets.
    stage_adjustment: Amount,
    /// The line's part of the promotion: zero or negative.
    promotion: Amount,
    /// The convenience fee of all tickets.
    fee: Amount,
    /// The value added tax on price and fee.
    vat: Amount,
    /// The amount that the buyer pays for the line.
    total: Amount,
}

impl LineView {
    fn new(line: QuoteLine, currency: Currency) -> Self {
        let QuoteLine { area_id, area_name, seats, wanted, amounts } = line;
        let amount = |minor| Amount::of(minor, currency);
        Self {
            area_id,
            area_name,
            seats,
            chosen_at_hold: wanted.is_some(),
            quantity: amounts.quantity,
            unit_base: amount(amounts.unit_base),
            unit_stage_adjustment: amount(amounts.unit_stage_adjustment),
            stage_id: amounts.stage_id,
            base: amount(amounts.base),
            stage_adjustment: amount(amounts.stage_adjustment),
            promotion: amount(amounts.promotion),
            fee: amount(amounts.fee),
            vat: amount(amounts.vat),
            total: amount(amounts.total),
        }
    }
}

/// The units of one variant of a product. Its amounts make `total` as those of a line do.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "QuoteExtra")]
struct ExtraView {
    /// The product's id.
    product_id: ProductId,
    /// The variant's id.
    variant_id: VariantId,
    /// The name of a unit: the product's, and the variant's if it has one.
    name: String,
    /// The number of units.
    quantity: u8,
    /// The base price of one unit.
    unit_base: Amount,
    /// The sale stage's adjustment of the price of one unit; negative makes it cheaper.
    unit_stage_adjustment: Amount,
    /// The id of the sale stage that applied. Absent if none did.
    #[serde(skip_serializing_if = "Option::is_none")]
    stage_id: Option<SaleStageId>,
    /// `unit_base` for all units.
    base: Amount,
    /// `unit_stage_adjustment` for all units.
    stage_adjustment: Amount,
    /// The extra's part of the promotion: zero or negative.
    promotion: Amount,
    /// The convenience fee, if the product has one.
    fee: Amount,
    /// The value added tax on price and fee, at the product's own rate if it has one.
    vat: Amount,
    /// The amount that the buyer pays for the units.
    total: Amount,
}

impl ExtraView {
    fn new(extra: QuoteExtra, currency: Currency) -> Self {
        let QuoteExtra { product_id, variant_id, name, amounts } = extra;
        let amount = |minor| Amount::of(minor, currency);
        Self {
            product_id,
            variant_id,
            name,
            quantity: amounts.quantity,
            unit_base: amount(amounts.unit_base),
            unit_stage_adjustment: amount(amounts.unit_stage_adjustment),
            stage_id: amounts.stage_id,
            base: amount(amounts.base),
            stage_adjustment: amount(amounts.stage_adjustment),
            promotion: amount(amounts.promotion),
            fee: amount(amounts.fee),
            vat: amount(amounts.vat),
            total: amount(amounts.total),
        }
    }
}

/// The sums over the lines and extras of a quote.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Totals")]
struct TotalsView {
    /// The number of tickets, without products.
    quantity: u8,
    /// The base prices of all tickets and products.
    base: Amount,
    /// The adjustments by sale stages; negative if they make the order cheaper.
    stage_adjustment: Amount,
    /// The reduction by the promotion: zero or negative.
    promotion: Amount,
    /// The convenience fees.
    fee: Amount,
    /// The value added tax on prices and fees.
    vat: Amount,
    /// The amount that the buyer pays.
    total: Amount,
}

impl TotalsView {
    fn new(totals: Totals, currency: Currency) -> Self {
        let amount = |minor| Amount::of(minor, currency);
        Self {
            quantity: totals.quantity,
            base: amount(totals.base),
            stage_adjustment: amount(totals.stage_adjustment),
            promotion: amount(totals.promotion),
            fee: amount(totals.fee),
            vat: amount(totals.vat),
            total: amount(totals.total),
        }
    }
}

/// A sale stage that has fewer tickets left than a line wants.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "OutgrownStage")]
struct OutgrownView {
    /// The stage's id.
    id: SaleStageId,
    /// The stage's name.
    name: String,
    /// The id of the line's area. Absent for a product.
    #[serde(skip_serializing_if = "Option::is_none")]
    area_id: Option<AreaId>,
    /// The id of the product's variant. Absent for tickets.
    #[serde(skip_serializing_if = "Option::is_none")]
    variant_id: Option<VariantId>,
    /// The tickets or units that are left in the stage. A line of at most this many has its price.
    left: u32,
    /// The tickets or units that the line wants.
    wanted: u8,
    /// The amount that the buyer pays for one in the stage, without a promotion.
    unit_total: Amount,
    /// The explanation for the buyer, as a sentence.
    detail: String,
}

impl OutgrownView {
    fn new(stage: OutgrownStage, currency: Currency) -> Self {
        Self {
            detail: stage.sentence(),
            id: stage.id,
            name: stage.name,
            area_id: stage.target.area(),
            variant_id: stage.target.variant(),
            left: stage.left,
            wanted: stage.wanted,
            unit_total: Amount::of(stage.unit_total, currency),
        }
    }
}

impl SignedQuote {
    fn new(details: Quote, key: &QuoteKey) -> Self {
        let currency = details.currency;
        Self {
            quote: key.seal(&details),
            id: details.id,
            event_id: details.event_id,
            currency,
            vat_included: details.vat_included,
            lines: details.lines.into_iter().map(|line| LineView::new(line, currency)).collect(),
            extras: details.extras.into_iter().map(|extra| ExtraView::new(extra, currency)).collect(),
            totals: TotalsView::new(details.totals, currency),
            stages: details.stages,
            outgrown_stages: details.outgrown.into_iter().map(|s| OutgrownView::new(s, currency)).collect(),
            promotion_applied: details.promotion.as_ref().map(|verdict| verdict.applied),
            promotion: details.promotion,
            created_at: details.created_at,
            valid_until: details.valid_until,
        }
    }
}

async fn create(
    Shared(state): Shared<State>,
    ClientNetwork(network): ClientNetwork,
    MaybeBuyer(buyer): MaybeBuyer,
    Json(request): Json<QuoteRequest>,
) -> Answer<Json<SignedQuote>> {
    let now = state.clock.now();
    let quote = state.quotes.quote(&request, buyer.as_ref(), &network, now).await?;
    Ok(Json(SignedQuote::new(quote, &state.quote_key)))
}
