//! The products of a request for a quote.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Fields;
use crate::event::Event;
use crate::product::{PricedProduct, Product, Variant, find_variant, needs_ticket};
use crate::{MAX_VOUCHERS_PER_ORDER, ProductId, Result, VariantId};

/// The most units of products in one order, over all of them.
pub const MAX_EXTRA_UNITS: u32 = MAX_VOUCHERS_PER_ORDER as u32;

/// Units of one variant of a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExtraRequest {
    /// The id of the product's variant.
    pub variant_id: VariantId,
    /// The number of units.
    #[schemars(range(min = 1, max = 20))]
    pub quantity: u32,
}

/// An extra of a request that was checked and is possible.
#[derive(Debug)]
pub(super) struct CheckedExtra<'a> {
    pub(super) product: &'a Product,
    pub(super) variant: &'a Variant,
    /// At least 1.
    pub(super) quantity: u8,
}

/// Finds the products of `extras`, and notes what is wrong with them. Whether they are left is the
/// hold's matter.
///
/// # Errors
/// `product_needs_ticket` (409) if the order has no tickets, and a product is only sold with one.
pub(super) fn resolve<'a>(
    extras: &[ExtraRequest],
    event: &Event,
    products: &[&'a PricedProduct],
    has_tickets: bool,
    now: Timestamp,
    fields: &mut Fields,
) -> Result<Vec<CheckedExtra<'a>>> {
    let mut asks: Vec<CheckedExtra<'a>> = Vec::with_capacity(extras.len());
    let mut of_product: BTreeMap<ProductId, u32> = BTreeMap::new();
    for (index, extra) in extras.iter().enumerate() {
        let pointer = |field: &str| format!("/extras/{index}/{field}");
        let repeated = extras[..index].iter().any(|earlier| earlier.variant_id == extra.variant_id);
        fields.rule(
            !repeated,
            pointer("variant_id"),
            "Name each variant once, with all the units that you want.",
        );
        let found = find_variant(products.iter().copied(), extra.variant_id).filter(|(product, variant)| {
            let is_sold_here = product.tenant_id == event.tenant_id
                && product.event_id.is_none_or(|id| id == event.id)
                && product.currency == event.currency;
            is_sold_here && product.active && variant.active
        });
        fields.rule(found.is_some(), pointer("variant_id"), "The event has no such product.");
        let Some((product, variant)) = found else { continue };
        fields.rule(
            product.is_on_sale(now),
            pointer("variant_id"),
            "This product is not on sale at the moment.",
        );
        fields.check(
            (1..=MAX_EXTRA_UNITS).contains(&extra.quantity),
            pointer("quantity"),
            format!("Must be between 1 and {MAX_EXTRA_UNITS}."),
        );
        let most = u32::from(product.max_per_order);
        let wanted = of_product.entry(product.id).or_default();
        *wanted = wanted.saturating_add(extra.quantity);
        fields.rule(
            *wanted <= most,
            pointer("quantity"),
            format!("An order has at most {most} units of this product."),
        );
        if product.needs_ticket && !has_tickets {
            return Err(needs_ticket(variant.id));
        }
        // More than 255 is as wrong as 255, which the limit of the order refuses.
        asks.push(CheckedExtra {
            product,
            variant,
            quantity: u8::try_from(extra.quantity).unwrap_or(u8::MAX),
        });
    }
    let units: u32 = asks.iter().map(|ask| u32::from(ask.quantity)).sum();
    fields.rule(
        units <= MAX_EXTRA_UNITS,
        "/extras",
        format!("An order has at most {MAX_EXTRA_UNITS} units of products."),
    );
    Ok(asks)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{
        QuoteFixture, area, extras, priced_product, promotion, request, stage, variant_id,
    };
    use super::super::{AppliesTo, Promotion, PromotionReason, SaleStage, Target};
    use super::*;
    use crate::event::{Fees, Vat};
    use crate::testing::at;
    use crate::{BasisPoints, Currency, EventId, TenantId};

    fn house() -> QuoteFixture {
        QuoteFixture::new([area(1, 1000)]).with_products(vec![priced_product(1, 400)], &[(1, 2)])
    }

    /// The bad fields of a request for these units, as `pointer: detail` lines.
    fn bad_fields(house: &QuoteFixture, units: &[(u64, u32)]) -> String {
        let mut house = house.clone();
        house.request.extras = extras(units);
        let error = house.quote_at(at(1000)).expect_err("is refused");
        let bad = error.field_errors().iter();
        bad.map(|field| format!("{}: {}", field.pointer, field.detail)).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn bad_extras_are_named_by_their_pointers() {
        let house = house();
        let unknown = "/extras/0/variant_id: The event has no such product.";
        assert_eq!(bad_fields(&house, &[(9, 1)]), unknown);
        insta::assert_snapshot!(bad_fields(&house, &[(1, 0)]), @"/extras/0/quantity: Must be between 1 and 20.");
        insta::assert_snapshot!(bad_fields(&house, &[(1, 1), (1, 1)]), @"/extras/1/variant_id: Name each variant once, with all the units that you want.");
        insta::assert_snapshot!(bad_fields(&house, &[(1, u32::MAX)]), @r"
        /extras/0/quantity: Must be between 1 and 20.
        /extras/0/quantity: An order has at most 20 units of this product.
        /extras: An order has at most 20 units of products.
        ");
        let many: Vec<(u64, u32)> = (1..=10).map(|n| (n, 1)).collect();
        insta::assert_snapshot!(bad_fields(&house, &many), @"/extras: An order mixes at most 10 areas and products.");
        let many: Vec<(u64, u32)> = (1..=5000).map(|n| (n, 1)).collect();
        insta::assert_snapshot!(bad_fields(&house, &many), @"/extras: Must have at most 10 products.");

        type Change = fn(&mut PricedProduct);
        let changes: [Change; 5] = [
            |priced| priced.product.active = false,
            |priced| priced.variants[0].active = false,
            |priced| priced.product.tenant_id = TenantId::from_uuid(variant_id(9).uuid()),
            |priced| priced.product.event_id = Some(EventId::from_uuid(variant_id(9).uuid())),
            |priced| priced.product.currency = Currency::CLP,
        ];
        for change in changes {
            let mut house = house.clone();
            change(&mut house.products[0]);
            assert_eq!(bad_fields(&house, &[(1, 1)]), unknown);
        }
        let mut over = house;
        over.products[0].product.end_time = Some(at(1000));
        assert_eq!(
            bad_fields(&over, &[(1, 1)]),
            "/extras/0/variant_id: This product is not on sale at the moment."
        );
    }

    #[test]
    fn a_product_may_need_a_ticket() {
        let mut house = house();
        house.products[0].product.needs_ticket = true;
        house.products[0].product.event_id = None;
        assert_eq!(house.quote().totals.total, 1800, "of the whole tenant, with a ticket");
        house.request.lines.clear();
        let refused = house.quote_at(at(1000)).expect_err("no ticket");
        assert_eq!(refused.code(), "product_needs_ticket");
        assert_eq!(refused.members()["variant_id"], variant_id(1).to_string());
        house.products[0].product.needs_ticket = false;
        let alone = house.quote();
        assert_eq!((alone.totals.quantity, alone.totals.total, alone.lines.len()), (0, 800, 0));
        house.request.extras.clear();
        assert_eq!(house.quote_at(at(1000)).expect_err("nothing").field_errors()[0].pointer, "/lines");
    }

    #[test]
    fn a_limit_counts_all_variants_of_a_product() {
        let mut house = house();
        let other =
            Variant { id: variant_id(2), name: "Grande".into(), ..house.products[0].variants[0].clone() };
        house.products[0].variants.push(other);
        house.products[0].product.max_per_order = 3;
        house.request.extras = extras(&[(1, 1), (2, 2)]);
        let quote = house.quote();
        assert_eq!(quote.extras[1].name, "Drink-1, Grande");
        assert_eq!(
            bad_fields(&house, &[(1, 2), (2, 2)]),
            "/extras/1/quantity: An order has at most 3 units of this product."
        );
    }

    #[test]
    fn a_product_has_its_own_fee_and_rate_of_tax() {
        let mut house = house();
        house.event.fees = Fees { convenience_rate: BasisPoints(1000), convenience_fixed: 0 };
        house.event.vat = Vat { rate: BasisPoints(1900), included: false };
        let amounts = |house: &QuoteFixture| {
            let extra = house.quote().extras.remove(0);
            (extra.fee, extra.vat, extra.total)
        };
        assert_eq!(amounts(&house), (0, 152, 952));
        house.products[0].product.vat_rate = Some(BasisPoints(500));
        assert_eq!(amounts(&house), (0, 40, 840));
        house.products[0].product.has_fee = true;
        assert_eq!(amounts(&house), (80, 44, 924));
        house.event.vat.included = true;
        assert_eq!(amounts(&house), (80, 42, 880));
    }

    #[test]
    fn a_promotion_for_products_takes_nothing_off_tickets() {
        let of_products = Promotion { applies_to: AppliesTo::Product, ..promotion() };
        let of_variant =
            |n| Promotion { target_product_variant_id: Some(variant_id(n)), ..of_products.clone() };
        let mut house =
            house().with_products(vec![priced_product(1, 400), priced_product(2, 100)], &[(1, 2), (2, 1)]);
        let outcome = |house: &QuoteFixture, promotion: Promotion| {
            let mut house = house.with_code();
            house.promotion = Some(promotion);
            let quote = house.quote();
            let off = [quote.lines.first().map_or(0, |line| line.promotion), quote.extras[0].promotion];
            (off, quote.promotion.expect("a code was given").reason)
        };
        assert_eq!(outcome(&house, promotion()), ([-100, 0], None));
        assert_eq!(outcome(&house, of_products.clone()), ([0, -80], None));
        assert_eq!(outcome(&house, of_variant(1)), ([0, -80], None));
        assert_eq!(outcome(&house, of_variant(9)), ([0, 0], Some(PromotionReason::NotForProduct)));
        let two = Promotion { min_quantity: Some(3), ..of_variant(1) };
        assert_eq!(outcome(&house, two), ([0, 0], Some(PromotionReason::MinQuantity)));
        house.request.lines.clear();
        assert_eq!(outcome(&house, promotion()), ([0, 0], Some(PromotionReason::NotForProducts)));
        house.request = request(&[(1, 1)]);
        let mut plain = house.with_code();
        plain.promotion = Some(of_products);
        assert_eq!(plain.quote().promotion.expect("a code").reason, Some(PromotionReason::NotForTickets));
    }

    #[test]
    fn a_stage_of_a_product_is_outgrown_as_those_of_areas() {
        let mut house = house();
        let early = SaleStage {
            target_product_variant_id: Some(variant_id(1)),
            price_adjustment_value: -5000,
            quantity_available: Some(10),
            ..stage(1)
        };
        house.stages = vec![(early, Some(2))];
        let quote = house.quote();
        assert_eq!((quote.extras[0].total, quote.lines[0].total, quote.stages[0].quantity), (400, 1000, 2));
        house.stages[0].1 = Some(1);
        let quote = house.quote();
        assert_eq!((quote.extras[0].total, quote.outgrown[0].left), (800, 1));
        assert_eq!(quote.outgrown[0].target, Target::Variant(variant_id(1)));
        assert!(quote.outgrown[0].sentence().starts_with("Only 1 unit is left"));
        house.request.require_stage = true;
        let refused = quote.check_required(&house.request).expect_err("required");
        assert_eq!(refused.members()["variant_id"], variant_id(1).to_string());
    }

    #[test]
    fn a_product_with_a_price_out_of_range_is_not_quoted() {
        let mut house = house();
        house.products[0].variants[0].price = -1;
        assert_eq!(house.quote_at(at(1000)).expect_err("not valid").code(), "prices_not_valid");
    }
}
