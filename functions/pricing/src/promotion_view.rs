//! A promotion as its organiser sees it.

use domain::pricing::{AdjustmentType, AppliesTo, Promotion, PromotionCode};
use domain::{
    Amount, AreaId, Currency, EventId, Language, PromotionId, TenantId, Timestamp, VariantId, Worth, format,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use web::formatted;

/// A reduction of an order by a code. It counts once per order.
#[serde_with::skip_serializing_none]
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Promotion")]
pub(crate) struct PromotionView {
    /// The promotion's id.
    id: PromotionId,
    /// The organiser's id.
    tenant_id: TenantId,
    /// The name for the organiser's own lists; buyers do not see it.
    promotion_name: String,
    /// The code that the buyer types, such as `SOCIOS-10`; unique within the tenant.
    promotion_code: PromotionCode,
    /// Whether `discount_value` is a percentage or an amount.
    discount_type: AdjustmentType,
    /// The reduction of the tickets that the promotion is for: a percentage of their price,
    /// or an amount **per order**, not per ticket. Never more than the tickets cost; the fee
    /// is computed from the reduced price.
    discount_value: Worth,
    /// The reduction as people write it, such as `10 %` or `COP 5.000`.
    discount_value_formatted: String,
    /// The currency of its amounts. Events in another currency do not take the code.
    currency: Option<Currency>,
    /// The tickets or products that it is for.
    applies_to: AppliesTo,
    /// The event's id, if it is for an event or for one of its areas.
    target_event_id: Option<EventId>,
    /// The area's id, if it is for an area.
    target_area_id: Option<AreaId>,
    /// The id of a product's variant, if it is for one. Absent and `applies_to` is `product` if it is for
    /// all products.
    target_product_variant_id: Option<VariantId>,
    /// The fewest tickets or units that the order must have, of those that it is for.
    min_quantity: Option<u32>,
    /// The most tickets of an order that are reduced, the most expensive of those that it is
    /// for. Absent if all are. The reduction of a line is spread evenly over the line's
    /// tickets, as without this limit.
    max_quantity: Option<u32>,
    /// The largest reduction of one order, in `currency`.
    max_discount_amount: Option<Amount>,
    /// The largest reduction as people write it, such as `COP 20.000`.
    max_discount_amount_formatted: Option<String>,
    /// The first moment at which the code works. Absent if it works from the start.
    start_date: Option<Timestamp>,
    /// The first moment at which the code no longer works. Absent if it never ends.
    end_date: Option<Timestamp>,
    /// The most orders that can use it. Absent if there is no limit.
    total_uses: Option<u32>,
    /// The most orders of one buyer that can use it. Absent if there is no limit.
    uses_per_buyer: Option<u32>,
    /// False while it is switched off.
    active: bool,
    /// The e-mail address of the only buyer who can use it.
    bound_email: Option<String>,
    /// Counts changes, from 1. A change can name the version that it is based on.
    version: u32,
    /// The number of orders that can still use it. Absent in lists, and if there is no limit.
    remaining: Option<u32>,
}

impl PromotionView {
    pub(crate) fn new(promotion: Promotion, remaining: Option<u32>) -> Self {
        let (kind, value, currency) =
            (promotion.discount_type, promotion.discount_value, promotion.currency());
        let most = promotion.max_discount_amount;
        Self {
            id: promotion.id,
            tenant_id: promotion.tenant_id,
            promotion_name: promotion.promotion_name,
            promotion_code: promotion.promotion_code,
            discount_type: kind,
            discount_value: Worth::of(value, kind, currency),
            discount_value_formatted: format::worth(value, kind, currency, Language::default()),
            currency: promotion.currency,
            applies_to: promotion.applies_to,
            target_event_id: promotion.target_event_id,
            target_area_id: promotion.target_area_id,
            target_product_variant_id: promotion.target_product_variant_id,
            min_quantity: promotion.min_quantity,
            max_quantity: promotion.max_quantity,
            max_discount_amount: most.map(|most| Amount::of(most, currency)),
            max_discount_amount_formatted: most.map(|most| formatted(most, currency)),
            start_date: promotion.start_date,
            end_date: promotion.end_date,
            total_uses: promotion.total_uses,
            uses_per_buyer: promotion.uses_per_buyer,
            active: promotion.active,
            bound_email: promotion.bound_email,
            version: promotion.version,
            remaining,
        }
    }
}
