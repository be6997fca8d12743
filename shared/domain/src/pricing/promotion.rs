//! Promotions: reductions of an order by code.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::OwnAddress;
use crate::error::Fields;
use crate::event::{Area, Event};
use crate::payable::PriceUnit;
use crate::{AreaId, BasisPoints, Currency, EventId, Money, PromotionId, TenantId, VariantId};

use super::stage::is_window;
use super::{AdjustmentType, MAX_PRICE, PromotionCode, Target};

/// The tickets that a promotion is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AppliesTo {
    /// All tickets of all events of the tenant.
    Tenant,
    /// The tickets of `target_event_id`. The WaRo seed's word `cluster` is read as this.
    #[serde(alias = "cluster")]
    #[schemars(extend("x-aliases" = ["cluster"]))]
    Event,
    /// The tickets of `target_area_id`.
    Area,
    /// Products that are sold beside tickets: `target_product_variant_id`, or all. It takes nothing off
    /// tickets, and the others take nothing off products.
    Product,
}

/// A reduction for buyers who know the code, once per order.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promotion {
    /// The promotion's id.
    pub id: PromotionId,
    /// The organiser's tenant id.
    pub tenant_id: TenantId,
    /// The name for the organiser's own lists.
    pub promotion_name: String,
    /// The code that the buyer types; unique within the tenant.
    pub promotion_code: PromotionCode,
    /// A percentage or a fixed amount: the unit of `discount_value`.
    pub discount_type: AdjustmentType,
    /// The reduction of the tickets that the promotion is for: basis points of their price (1500 is
    /// 15 %), or minor units **per order**, not per ticket. Never more than the tickets cost; the
    /// fee is computed on the rest.
    pub discount_value: i64,
    /// The currency of a fixed `discount_value` and of `max_discount_amount`. Needed if the
    /// tenant's events may differ in it; the code then does not apply to events in another
    /// currency.
    pub currency: Option<Currency>,
    /// The kind of its target.
    pub applies_to: AppliesTo,
    /// The event, if it is for one event.
    #[serde(alias = "target_cluster_id")]
    pub target_event_id: Option<EventId>,
    /// The area, if it is for one area.
    pub target_area_id: Option<AreaId>,
    /// The variant of a product, if it is for one.
    pub target_product_variant_id: Option<VariantId>,
    /// The fewest tickets or units that the order must have, of those that the promotion is for.
    pub min_quantity: Option<u32>,
    /// The most tickets of an order that are reduced: the most expensive of those that it is for;
    /// without it, all of them. The reduction of a line is spread evenly over the line's tickets,
    /// as without this limit.
    pub max_quantity: Option<u32>,
    /// The largest reduction of one order, in minor units.
    pub max_discount_amount: Option<i64>,
    /// The first moment at which the code works; without it, there is no start.
    pub start_date: Option<Timestamp>,
    /// The first moment at which the code no longer works.
    pub end_date: Option<Timestamp>,
    /// The most orders that can use it.
    pub total_uses: Option<u32>,
    /// The most orders of one buyer that can use it.
    pub uses_per_buyer: Option<u32>,
    /// False while the organiser has switched it off.
    pub active: bool,
    /// The e-mail address of the only buyer who can use it, as for members' discounts.
    pub bound_email: Option<String>,
    /// Counts changes.
    pub version: u32,
}

/// Notes a `value` by which no price can be reduced, at `pointer`.
pub(crate) fn check_discount(
    fields: &mut Fields,
    pointer: &str,
    kind: AdjustmentType,
    value: i64,
    currency: Currency,
) {
    match kind {
        AdjustmentType::Percentage => fields.percent(pointer, value, 1..=10_000),
        AdjustmentType::Fixed => fields.amount(pointer, Money::new(value, currency), 1..=MAX_PRICE),
    };
}

impl Promotion {
    /// The most characters in a promotion's name.
    pub const MAX_NAME_CHARS: usize = 80;

    /// Notes every field with which the promotion can not be stored.
    pub fn check(&self, fields: &mut Fields) {
        check_discount(fields, "/discount_value", self.discount_type, self.discount_value, self.currency());
        let has_amount = self.discount_type == AdjustmentType::Fixed || self.max_discount_amount.is_some();
        fields.rule(
            !has_amount || self.currency.is_some() || self.target_event_id.is_some(),
            "/currency",
            "Say in which currency the amounts are: the promotion is not for one event.",
        );
        fields.rule(
            self.applies_to != AppliesTo::Event || self.target_event_id.is_some(),
            "/target_event_id",
            "Name the event that the promotion is for.",
        );
        fields.rule(
            self.applies_to != AppliesTo::Tenant || self.target_event_id.is_none(),
            "/target_event_id",
            "Leave it out, or set applies_to to `event`.",
        );
        fields.rule(
            (self.applies_to == AppliesTo::Area) == self.target_area_id.is_some(),
            "/target_area_id",
            "Name the area if, and only if, applies_to is `area`.",
        );
        fields.rule(
            self.applies_to == AppliesTo::Product || self.target_product_variant_id.is_none(),
            "/target_product_variant_id",
            "Leave it out, or set applies_to to `product`.",
        );
        let at_least_one = "Must be at least 1. Leave it out for no limit.";
        fields.check(self.min_quantity != Some(0), "/min_quantity", at_least_one);
        fields.check(self.max_quantity != Some(0), "/max_quantity", at_least_one);
        fields.check(self.total_uses != Some(0), "/total_uses", at_least_one);
        fields.check(self.uses_per_buyer != Some(0), "/uses_per_buyer", at_least_one);
        if let Some(most) = self.max_discount_amount {
            fields.amount("/max_discount_amount", Money::new(most, self.currency()), 1..=MAX_PRICE);
        }
        fields.rule(is_window(self.start_date, self.end_date), "/end_date", "Must be later than start_date.");
    }

    /// The promotion's own currency; [`Currency::NONE`] if it has none.
    pub fn currency(&self) -> Currency {
        self.currency.unwrap_or(Currency::NONE)
    }

    /// The reduction of tickets that cost `subtotal` (0 or more, whole units), in minor units. At
    /// most that, and at most `max_discount_amount`.
    pub fn discount(&self, subtotal: i64, unit: PriceUnit) -> i64 {
        let wanted = match self.discount_type {
            AdjustmentType::Percentage => {
                let rate = self.discount_value.clamp(0, 10_000);
                unit.share(BasisPoints(i32::try_from(rate).expect("clamped to five digits")), subtotal, 0)
            }
            AdjustmentType::Fixed => unit.round(self.discount_value.max(0)),
        };
        wanted.min(unit.floor(self.max_discount_amount.unwrap_or(i64::MAX).max(0))).min(subtotal)
    }

    /// The reason why a buyer with this address may not use the code, if any. A bound code is
    /// refused to an unknown buyer, and to one whose address is not confirmed.
    pub fn refuses(&self, buyer: Option<OwnAddress<'_>>) -> Option<PromotionReason> {
        let bound = self.bound_email.as_ref()?.trim().to_lowercase();
        match buyer {
            Some(buyer) if buyer.email.trim().to_lowercase() == bound => {
                (!buyer.confirmed).then_some(PromotionReason::EmailUnverified)
            }
            _ => Some(PromotionReason::NotForBuyer),
        }
    }

    /// Whether it reduces the tickets or units of `target`.
    pub(super) fn is_for(&self, target: Target) -> bool {
        match (target, self.applies_to) {
            (Target::Variant(variant), AppliesTo::Product) => {
                self.target_product_variant_id.is_none_or(|target| target == variant)
            }
            (Target::Variant(_), _) | (Target::Area(_), AppliesTo::Product) => false,
            (Target::Area(area), _) => self.target_area_id.is_none_or(|target| target == area),
        }
    }
}

/// A promotion, with its remaining uses.
#[derive(Debug, Clone, Copy)]
pub struct PromotionOffer<'a> {
    /// The promotion whose code the request has.
    pub promotion: &'a Promotion,
    /// Orders that can still use it. `None` stands for all of its `total_uses`,
    /// if it has them.
    pub remaining: Option<u32>,
    /// Orders of this buyer that can still use it. `None` stands for all of its
    /// `uses_per_buyer`, which is right as long as the buyer is not known.
    pub buyer_remaining: Option<u32>,
}

/// The reason why a promotion does not apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PromotionReason {
    /// The organiser has no such code.
    NotFound,
    /// The organiser has switched it off.
    Inactive,
    /// It has not started yet.
    NotStarted,
    /// It has ended.
    Ended,
    /// It is for products, and the order has none.
    NotForTickets,
    /// It is for another product.
    NotForProduct,
    /// It is for tickets, and the order has none.
    NotForProducts,
    /// It is for another event.
    NotForEvent,
    /// Its amounts are in another currency than the event's.
    OtherCurrency,
    /// It is for an area that is not in the order.
    NotForArea,
    /// It is for another buyer, or the buyer is not known.
    NotForBuyer,
    /// It is for the buyer's address, which the buyer has not confirmed yet.
    EmailUnverified,
    /// The order has too few tickets.
    MinQuantity,
    /// All of its uses are taken.
    UsedUp,
    /// The buyer has used it as often as one buyer can.
    UsedByBuyer,
    /// It would take nothing off this order, because what it is for is free or its amount is less
    /// than the smallest that is paid.
    NothingOff,
}

impl PromotionReason {
    /// The reason as a sentence for the buyer.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::NotFound => "There is no such code. Check the spelling.",
            Self::Inactive => "This code does not work at the moment.",
            Self::NotStarted => "This code does not work yet.",
            Self::Ended => "This code has expired.",
            Self::NotForTickets => "This code is not for tickets.",
            Self::NotForProduct => "This code is for another product.",
            Self::NotForProducts => "This code is for tickets, not for products.",
            Self::NotForEvent => "This code is for another event.",
            Self::OtherCurrency => "This code is for events in another currency.",
            Self::NotForArea => "This code is for another area of the event.",
            Self::NotForBuyer => "This code is personal. Sign in with the address that it was sent to.",
            Self::EmailUnverified => {
                "This code is personal. First confirm your e-mail address with the link that we mailed you."
            }
            Self::MinQuantity => "This code needs more tickets in the order.",
            Self::UsedUp => "This code has been used up.",
            Self::UsedByBuyer => "You have used this code already.",
            Self::NothingOff => "This code takes nothing off these tickets.",
        }
    }
}

/// Whether the promotion of a quote applied, and if not, why.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PromotionVerdict {
    /// The code that the buyer gave, in capital letters.
    pub code: String,
    /// The promotion, if it applied.
    pub id: Option<PromotionId>,
    /// True if it reduced the price.
    pub applied: bool,
    /// True if its uses are limited or bound to a buyer, so that the hold must check it again.
    pub limited: bool,
    /// The reason why it did not apply.
    pub reason: Option<PromotionReason>,
    /// The reason as a sentence.
    pub detail: Option<String>,
}

impl PromotionVerdict {
    /// True if the code does not exist or is another buyer's: the buyer may be guessing codes.
    pub fn is_guess(&self) -> bool {
        matches!(self.reason, Some(PromotionReason::NotFound | PromotionReason::NotForBuyer))
    }
}

impl PromotionVerdict {
    pub(super) fn applied(promotion: &Promotion) -> Self {
        Self {
            code: promotion.promotion_code.to_string(),
            id: Some(promotion.id),
            applied: true,
            limited: promotion.total_uses.is_some()
                || promotion.uses_per_buyer.is_some()
                || promotion.bound_email.is_some(),
            reason: None,
            detail: None,
        }
    }

    pub(super) fn refused(code: &str, reason: PromotionReason) -> Self {
        Self {
            code: code.trim().to_uppercase(),
            id: None,
            applied: false,
            limited: false,
            reason: Some(reason),
            detail: Some(reason.sentence().to_owned()),
        }
    }
}

/// The facts against which a promotion is checked.
pub(super) struct PromotionContext<'a> {
    pub(super) event: &'a Event,
    /// All areas of the event.
    pub(super) areas: &'a [Area],
    /// The areas and variants of the order with their numbers of tickets and units.
    pub(super) wanted: &'a [(Target, u8)],
    pub(super) buyer: Option<OwnAddress<'a>>,
    pub(super) now: Timestamp,
}

impl PromotionOffer<'_> {
    /// The reason why the promotion does not apply; `None` if it does. Lasting reasons come before
    /// those that the buyer can change.
    pub(super) fn refusal(&self, order: &PromotionContext<'_>) -> Option<PromotionReason> {
        let promotion = self.promotion;
        let event = order.event;
        let target_elsewhere = promotion.target_event_id.is_some_and(|target| target != event.id)
            || (promotion.applies_to == AppliesTo::Event && promotion.target_event_id.is_none())
            || promotion
                .target_area_id
                .is_some_and(|target| order.areas.iter().all(|area| area.id != target));
        let is_for_products = promotion.applies_to == AppliesTo::Product;
        let has_kind = order.wanted.iter().any(|(target, _)| target.variant().is_some() == is_for_products);
        let reduced: u32 = order
            .wanted
            .iter()
            .filter(|(target, _)| promotion.is_for(*target))
            .map(|(_, quantity)| u32::from(*quantity))
            .sum();
        let used_up = |limit: Option<u32>, remaining: Option<u32>| {
            limit.is_some_and(|limit| remaining.unwrap_or(limit) == 0)
        };

        let not_buyers = promotion.refuses(order.buyer);

        let reasons = [
            (promotion.tenant_id != event.tenant_id, PromotionReason::NotFound),
            (!promotion.active, PromotionReason::Inactive),
            (promotion.start_date.is_some_and(|start| order.now < start), PromotionReason::NotStarted),
            (promotion.end_date.is_some_and(|end| end <= order.now), PromotionReason::Ended),
            (!has_kind && is_for_products, PromotionReason::NotForTickets),
            (!has_kind, PromotionReason::NotForProducts),
            (target_elsewhere, PromotionReason::NotForEvent),
            (
                promotion.currency.is_some_and(|currency| currency != event.currency),
                PromotionReason::OtherCurrency,
            ),
            (reduced == 0 && is_for_products, PromotionReason::NotForProduct),
            (reduced == 0, PromotionReason::NotForArea),
            (not_buyers == Some(PromotionReason::NotForBuyer), PromotionReason::NotForBuyer),
            (not_buyers == Some(PromotionReason::EmailUnverified), PromotionReason::EmailUnverified),
            (promotion.min_quantity.is_some_and(|fewest| reduced < fewest), PromotionReason::MinQuantity),
            (used_up(promotion.total_uses, self.remaining), PromotionReason::UsedUp),
            (used_up(promotion.uses_per_buyer, self.buyer_remaining), PromotionReason::UsedByBuyer),
        ];
        reasons.into_iter().find_map(|(holds, reason)| holds.then_some(reason))
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{area_id, event, promotion, variant_id};
    use super::*;
    use crate::testing::at;

    #[test]
    fn the_words_of_the_seed_are_read() {
        assert_eq!(serde_json::from_str::<AppliesTo>("\"cluster\"").expect("json"), AppliesTo::Event);
        assert_eq!(serde_json::to_string(&AppliesTo::Event).expect("json"), "\"event\"");
    }

    #[test]
    fn a_discount_is_capped_by_the_maximum_and_the_subtotal() {
        use AdjustmentType::{Fixed, Percentage};
        for (kind, value, most, subtotal, discount) in [
            (Percentage, 1500, None, 10_000, 1500),
            (Percentage, 1500, Some(1000), 10_000, 1000),
            (Percentage, 3333, None, 100, 33),
            (Percentage, 10_000, None, 777, 777),
            (Percentage, 0, None, 777, 0),
            (Percentage, 99_999, None, 777, 777),
            (Fixed, 500, None, 10_000, 500),
            (Fixed, 500, None, 300, 300),
            (Fixed, 500, Some(200), 300, 200),
            (Fixed, -500, None, 300, 0),
            (Fixed, 500, Some(-1), 300, 0),
        ] {
            let promotion = Promotion {
                discount_type: kind,
                discount_value: value,
                max_discount_amount: most,
                ..promotion()
            };
            assert_eq!(
                promotion.discount(subtotal, PriceUnit::of(Currency::ARS)),
                discount,
                "{kind:?} {value}, at most {most:?}, of {subtotal}"
            );
        }
    }

    #[test]
    fn bad_fields_are_named() {
        let pointers = |promotion: Promotion| {
            let mut fields = Fields::new();
            promotion.check(&mut fields);
            let bad = fields.finish().map_or_else(|error| error.field_errors().to_vec(), |()| Vec::new());
            bad.into_iter().map(|field| field.pointer).collect::<Vec<_>>()
        };
        assert_eq!(pointers(promotion()), [""; 0]);
        assert_eq!(
            pointers(Promotion {
                discount_value: 0,
                min_quantity: Some(0),
                max_quantity: Some(0),
                total_uses: Some(0),
                uses_per_buyer: Some(0),
                max_discount_amount: Some(0),
                currency: Some(Currency::CLP),
                start_date: Some(at(2)),
                end_date: Some(at(1)),
                ..promotion()
            }),
            [
                "/discount_value",
                "/min_quantity",
                "/max_quantity",
                "/total_uses",
                "/uses_per_buyer",
                "/max_discount_amount",
                "/end_date"
            ]
        );
        assert_eq!(pointers(Promotion { applies_to: AppliesTo::Event, ..promotion() }), ["/target_event_id"]);
        assert_eq!(
            pointers(Promotion { target_event_id: Some(event().id), ..promotion() }),
            ["/target_event_id"]
        );
        assert_eq!(pointers(Promotion { applies_to: AppliesTo::Area, ..promotion() }), ["/target_area_id"]);
        assert_eq!(
            pointers(Promotion { target_area_id: Some(area_id(1)), ..promotion() }),
            ["/target_area_id"]
        );
        let of_product = Promotion { target_product_variant_id: Some(variant_id(1)), ..promotion() };
        assert_eq!(pointers(of_product.clone()), ["/target_product_variant_id"]);
        assert_eq!(pointers(Promotion { applies_to: AppliesTo::Product, ..of_product }), [""; 0]);
        assert_eq!(
            pointers(Promotion { discount_type: AdjustmentType::Fixed, ..promotion() }),
            ["/currency"]
        );
    }

    #[test]
    fn a_bound_code_is_for_one_address() {
        let bound = Promotion { bound_email: Some("ana@example.com".into()), ..promotion() };
        let address = |email, confirmed| Some(OwnAddress { email, confirmed });
        assert_eq!(bound.refuses(address(" Ana@Example.com ", true)), None);
        assert_eq!(bound.refuses(address("ana@example.com", false)), Some(PromotionReason::EmailUnverified));
        assert_eq!(bound.refuses(address("ben@example.com", true)), Some(PromotionReason::NotForBuyer));
        assert_eq!(bound.refuses(None), Some(PromotionReason::NotForBuyer));
        assert_eq!(promotion().refuses(None), None);
    }
}
