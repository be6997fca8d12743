//! A promotion as its organiser sees it.

use domain::pricing::{AdjustmentType, AppliesTo, Promotion, PromotionCode};
use domain::{Amount, AreaId, Currency, EventId, Language, PromotionId, TenantId, Timestamp, Worth, format};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use web::formatted;

/// A discount for who knows the code. It counts once per order.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Promotion")]
pub(crate) struct PromotionView {
    /// The promotion's id.
    id: PromotionId,
    /// The organiser.
    tenant_id: TenantId,
    /// The name for the organiser's own lists.
    promotion_name: String,
    /// What the buyer types; unique within the tenant.
    promotion_code: PromotionCode,
    /// How `discount_value` is meant.
    discount_type: AdjustmentType,
    /// What is taken off the tickets that the promotion is for: a percentage of their
    /// price, or an amount **per order**, not per ticket. Never more than the tickets
    /// cost; the fee is taken of what is left.
    discount_value: Worth,
    /// The same as people write it.
    discount_value_formatted: String,
    /// The currency of amounts. Events in another currency do not take the code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    currency: Option<Currency>,
    /// What it is for.
    applies_to: AppliesTo,
    /// The event, if it is for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target_event_id: Option<EventId>,
    /// The area, if it is for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target_area_id: Option<AreaId>,
    /// The fewest tickets that it is for which the order must have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    min_quantity: Option<u32>,
    /// The most tickets of an order that it takes something off, of those that it is for
    /// the dearest; for all of them without it. What it takes off a line is spread evenly
    /// over the line's tickets, as without this limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_quantity: Option<u32>,
    /// The most that is taken off one order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_discount_amount: Option<Amount>,
    /// The same as people write it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_discount_amount_formatted: Option<String>,
    /// The first moment at which the code works. Without it, it always has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    start_date: Option<Timestamp>,
    /// The first moment at which it works no longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    end_date: Option<Timestamp>,
    /// The most orders that can use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    total_uses: Option<u32>,
    /// The most orders of one buyer that can use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    uses_per_buyer: Option<u32>,
    /// False while it is switched off.
    active: bool,
    /// The e-mail address of the only buyer who can use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bound_email: Option<String>,
    /// Counts changes.
    version: u32,
    /// Orders that can still use it, if they are limited. Not in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
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
