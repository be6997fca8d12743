//! Properties of every quote, whatever the prices are.

use jiff::SignedDuration;
use proptest::prelude::*;

use crate::event::{Fees, Vat};
use crate::gateway_account::currencies_of;
use crate::payable::{PriceUnit, fits};
use crate::payment::GatewayName;
use crate::testing::at;
use crate::{BasisPoints, Currency, Money};

use super::fixture::{QuoteFixture, area, area_id, priced_product, promotion, request, stage, variant_id};
use super::{
    AdjustmentType, AppliesTo, LineAmounts, MAX_PRICE, Promotion, Quote, SaleStage, Target, current_price,
    current_product_price, open, seal,
};

/// Prices that people use, and the ends of the range.
fn price() -> impl Strategy<Value = i64> {
    prop_oneof![
        1 => Just(0),
        1 => Just(MAX_PRICE),
        2 => 1_i64..100,
        6 => 1_000_i64..50_000_000,
        1 => 0..=MAX_PRICE,
    ]
}

fn adjustment(up: i64, down: i64) -> impl Strategy<Value = (AdjustmentType, i64)> {
    prop_oneof![
        (-10_000_i64..=20_000).prop_map(|value| (AdjustmentType::Percentage, value)),
        (-down..=up).prop_map(|value| (AdjustmentType::Fixed, value)),
    ]
}

/// An area or a variant that the order may have, or none.
fn a_target() -> impl Strategy<Value = Option<Target>> {
    prop_oneof![
        Just(None),
        (1_u64..5).prop_map(|n| Some(Target::Area(area_id(n)))),
        (1_u64..4).prop_map(|n| Some(Target::Variant(variant_id(n)))),
    ]
}

/// The amounts of all lines and extras.
fn all_amounts(quote: &Quote) -> Vec<LineAmounts> {
    let lines = quote.lines.iter().map(|line| line.amounts);
    lines.chain(quote.extras.iter().map(|extra| extra.amounts)).collect()
}

fn a_stage(n: u64) -> impl Strategy<Value = (SaleStage, Option<u32>)> {
    (
        adjustment(10_000_000, 10_000_000),
        proptest::option::of(1_u32..8),
        proptest::option::of(500_i64..1500),
        proptest::option::of(500_i64..1500),
        a_target(),
        0_u16..3,
        prop::bool::weighted(0.9),
    )
        .prop_map(move |((kind, value), quantity, start, end, target, priority_order, active)| {
            let stage = SaleStage {
                price_adjustment_type: kind,
                price_adjustment_value: value,
                quantity_available: quantity.map(|_| 1000),
                start_time: start.map(at),
                end_time: end.map(at),
                target_area_id: target.and_then(Target::area),
                target_product_variant_id: target.and_then(Target::variant),
                priority_order,
                active,
                ..stage(n)
            };
            (stage, quantity)
        })
}

fn a_promotion() -> impl Strategy<Value = Promotion> {
    (
        prop_oneof![
            (0_i64..=10_000).prop_map(|value| (AdjustmentType::Percentage, value)),
            (0_i64..=100_000_000).prop_map(|value| (AdjustmentType::Fixed, value)),
        ],
        proptest::option::of(0_i64..10_000_000),
        (a_target(), any::<bool>()),
        proptest::option::of(0_u32..6),
        proptest::option::of(0_u32..12),
    )
        .prop_map(|((kind, value), most, (target, is_for_all_products), min_quantity, max_quantity)| {
            Promotion {
                discount_type: kind,
                discount_value: value,
                max_discount_amount: most,
                applies_to: match target {
                    Some(Target::Area(_)) => AppliesTo::Area,
                    Some(Target::Variant(_)) => AppliesTo::Product,
                    None if is_for_all_products => AppliesTo::Product,
                    None => AppliesTo::Tenant,
                },
                target_area_id: target.and_then(Target::area),
                target_product_variant_id: target.and_then(Target::variant),
                min_quantity,
                max_quantity,
                ..promotion()
            }
        })
}

fn a_house() -> impl Strategy<Value = QuoteFixture> {
    let money = (
        prop::sample::select(vec![Currency::COP, Currency::CLP, Currency::ARS]),
        (0_i32..=3000, prop_oneof![Just(0), 0_i64..500_000, Just(MAX_PRICE)]),
        (0_i32..=3000, any::<bool>()),
    );
    let lines = proptest::collection::vec((price(), 0_u16..3, 1_u32..6), 1..5);
    let extras = proptest::collection::vec(
        (price(), 0_u16..3, 1_u32..6, proptest::option::of(0_i32..3000), any::<bool>()),
        0..4,
    );
    let stages = (0_usize..5).prop_flat_map(|count| (1..=count as u64).map(a_stage).collect::<Vec<_>>());
    (money, lines, extras, stages, proptest::option::of(a_promotion())).prop_map(
        |((currency, (rate, fixed), (vat, included)), lines, extras, stages, promotion)| {
            let numbered = || (1_u64..).zip(&lines);
            let areas = numbered().map(|(n, (price, position, _))| {
                let mut area = area(n, *price);
                area.position = *position;
                area
            });
            let mut house = QuoteFixture::in_currency(currency, areas.collect::<Vec<_>>());
            house.event.max_tickets_per_order = 20;
            house.event.fees = Fees { convenience_rate: BasisPoints(rate), convenience_fixed: fixed };
            house.event.vat = Vat { rate: BasisPoints(vat), included };
            house.stages = stages;
            house.promotion = promotion;
            house.request =
                request(&numbered().map(|(n, (_, _, quantity))| (n, *quantity)).collect::<Vec<_>>());
            let units: Vec<_> =
                (1_u64..).zip(&extras).map(|(n, (_, _, quantity, ..))| (n, *quantity)).collect();
            let products = (1_u64..).zip(&extras).map(|(n, (price, position, _, rate, has_fee))| {
                let mut priced = priced_product(n, *price);
                priced.product.position = *position;
                priced.product.vat_rate = rate.map(BasisPoints);
                priced.product.has_fee = *has_fee;
                priced
            });
            house.with_products(products.collect(), &units).with_code()
        },
    )
}

proptest! {
    #[test]
    fn lines_add_up_to_the_totals_and_nothing_is_negative(house in a_house()) {
        let quote = house.quote();
        let amounts = all_amounts(&quote);
        let sum = |amount: fn(&LineAmounts) -> i64| amounts.iter().map(amount).sum::<i64>();
        prop_assert_eq!(quote.totals.base, sum(|line| line.base));
        prop_assert_eq!(quote.totals.stage_adjustment, sum(|line| line.stage_adjustment));
        prop_assert_eq!(quote.totals.promotion, sum(|line| line.promotion));
        prop_assert_eq!(quote.totals.fee, sum(|line| line.fee));
        prop_assert_eq!(quote.totals.vat, sum(|line| line.vat));
        prop_assert_eq!(quote.totals.total, sum(|line| line.total));
        let tickets = quote.lines.iter().map(|line| line.quantity).sum::<u8>();
        prop_assert_eq!(quote.totals.quantity, tickets, "products are no tickets");
        for line in &amounts {
            let price = line.base + line.stage_adjustment + line.promotion;
            let vat_on_top = if quote.vat_included { 0 } else { line.vat };
            prop_assert_eq!(price + line.fee + vat_on_top, line.total);
            prop_assert_eq!(line.base, line.unit_base * i64::from(line.quantity));
            prop_assert!(line.unit_base + line.unit_stage_adjustment >= 0);
            prop_assert!(price >= 0 && line.promotion <= 0 && line.fee >= 0 && line.vat >= 0 && line.total >= 0);
            prop_assert!(price > 0 || line.total == 0, "free tickets carry no fee");
            prop_assert_eq!(line.unit_totals(quote.currency).iter().sum::<i64>(), line.total);
        }
    }

    #[test]
    fn every_gateway_takes_all_charges_and_refunds(house in a_house()) {
        let quote = house.quote();
        let amounts = all_amounts(&quote);
        let tickets = amounts.iter().flat_map(|line| line.unit_totals(quote.currency));
        let asked = [quote.totals.total, quote.totals.total - quote.totals.vat];
        for gateway in GatewayName::ALL {
            if !currencies_of(gateway).contains(&quote.currency.code()) {
                continue;
            }
            let taken = |amount| fits(gateway, Money::new(amount, quote.currency));
            prop_assert!(taken(asked[0]), "{gateway} {asked:?}");
            prop_assert!(quote.vat_included || taken(asked[1]), "{gateway} {asked:?}");
            prop_assert!(tickets.clone().all(taken), "{gateway}: a ticket's refund");
            for line in &amounts {
                prop_assert!([line.unit_base, line.base, line.stage_adjustment, line.promotion, line.fee, line.total].into_iter().all(taken));
            }
        }
    }

    #[test]
    fn the_same_input_at_the_same_time_is_the_same_quote(house in a_house()) {
        prop_assert_eq!(house.quote(), house.quote());
    }

    #[test]
    fn the_order_of_lines_areas_and_stages_does_not_matter(house in a_house(), turn in 0_usize..5) {
        let mut turned = house.clone();
        let count = turned.areas.len();
        turned.request.lines.rotate_left(turn % count);
        turned.request.extras.reverse();
        turned.areas.reverse();
        turned.products.reverse();
        turned.stages.reverse();
        let (mut quote, mut other) = (house.quote(), turned.quote());
        for quote in [&mut quote, &mut other] {
            quote.lines.sort_by_key(|line| line.area_id);
            quote.extras.sort_by_key(|extra| extra.variant_id);
        }
        prop_assert_eq!(quote, other);
    }

    #[test]
    fn an_adjustment_of_zero_changes_nothing(house in a_house(), kind in prop::sample::select(vec![AdjustmentType::Percentage, AdjustmentType::Fixed])) {
        let mut plain = house;
        plain.stages.clear();
        plain.promotion = None;
        let mut zero = plain.clone();
        let nothing = SaleStage { price_adjustment_type: kind, price_adjustment_value: 0, ..stage(1) };
        zero.stages = vec![(nothing, None)];
        zero.promotion = Some(Promotion { discount_type: kind, discount_value: 0, ..promotion() });
        prop_assert_eq!(plain.quote().totals, zero.quote().totals);
    }

    #[test]
    fn a_discount_exceeds_neither_its_maximum_nor_the_price(house in a_house()) {
        let quote = house.quote();
        let off = -quote.totals.promotion;
        prop_assert!(off <= quote.totals.base + quote.totals.stage_adjustment);
        match house.promotion {
            Some(Promotion { max_discount_amount: Some(most), .. }) => prop_assert!(off <= most),
            Some(_) => {}
            None => prop_assert_eq!(off, 0),
        }
        let applied = quote.promotion.is_some_and(|verdict| verdict.applied);
        prop_assert!(applied || off == 0);
    }

    #[test]
    fn a_discount_is_that_of_the_most_expensive_tickets(house in a_house(), offer in a_promotion()) {
        let mut house = house;
        house.promotion = Some(offer.clone());
        let quote = house.quote();
        let lines = quote.lines.iter().map(|line| (Target::Area(line.area_id), line.amounts));
        let extras = quote.extras.iter().map(|extra| (Target::Variant(extra.variant_id), extra.amounts));
        let reduced = lines.chain(extras).filter(|(target, _)| offer.is_for(*target)).map(|(_, amounts)| amounts);
        let mut prices: Vec<i64> = reduced
            .flat_map(|line| vec![line.unit_base + line.unit_stage_adjustment; line.quantity.into()])
            .collect();
        prices.sort_unstable();
        let most = usize::try_from(offer.max_quantity.unwrap_or(u32::MAX)).unwrap_or(usize::MAX);
        let capped: i64 = prices.iter().rev().take(most).sum();
        let applied = quote.promotion.is_some_and(|verdict| verdict.applied);
        prop_assert_eq!(-quote.totals.promotion, if applied { offer.discount(capped, PriceUnit::of(quote.currency)) } else { 0 });
        prop_assert!(-quote.totals.promotion <= capped);
    }

    #[test]
    fn a_larger_discount_never_costs_more(house in a_house(), offer in a_promotion(), more in 0_i64..5_000) {
        let mut house = house;
        let larger = Promotion { discount_value: offer.discount_value + more, ..offer.clone() };
        house.promotion = Some(offer);
        let small = house.quote();
        house.promotion = Some(larger);
        let large = house.quote();
        for (small, large) in all_amounts(&small).iter().zip(all_amounts(&large)) {
            prop_assert!(large.total <= small.total);
        }
    }

    #[test]
    fn a_cheaper_stage_never_costs_more(house in a_house(), offer in a_stage(1), less in 0_i64..5_000) {
        let mut house = house;
        let mut cheaper = offer.clone();
        cheaper.0.price_adjustment_value -= less;
        house.promotion = None;
        house.stages = vec![offer];
        let dear = house.quote().totals.total;
        house.stages = vec![cheaper];
        prop_assert!(house.quote().totals.total <= dear);
    }

    #[test]
    fn the_price_in_the_list_is_the_price_of_one_ticket(house in a_house()) {
        let mut house = house;
        house.promotion = None;
        for index in 0..house.areas.len() {
            let area = house.areas[index].clone();
            let shown = current_price(&house.event, &area, &house.offers(), at(1000)).expect("valid prices");
            house.request = request(&[(u64::try_from(index).expect("small") + 1, 1)]);
            let line = house.quote().lines.remove(0);
            prop_assert_eq!(shown.price, line.base + line.stage_adjustment);
            prop_assert_eq!((shown.fee, shown.vat, shown.total), (line.fee, line.vat, line.total));
            prop_assert_eq!(shown.stage_id, line.stage_id);
            if let Some(next) = shown.next {
                // The event may end before: then nothing is announced.
                let then = house.quote_at(next.at).expect("still on sale").lines.remove(0);
                prop_assert_eq!(next.total, then.total);
                let just_before = (next.at - SignedDuration::from_secs(1)).max(at(1000));
                let before = house.quote_at(just_before).expect("still on sale").lines.remove(0);
                prop_assert_eq!(before.total, line.total);
            }
        }
    }

    #[test]
    fn the_price_of_a_product_in_the_list_is_that_of_one_unit(house in a_house()) {
        let mut house = house;
        house.promotion = None;
        for priced in house.products.clone() {
            let (product, variant) = (&priced.product, &priced.variants[0]);
            let shown = current_product_price(&house.event, product, variant, &house.offers(), at(1000));
            let shown = shown.expect("valid prices");
            house.request.lines.clear();
            house.request.extras = vec![super::ExtraRequest { variant_id: variant.id, quantity: 1 }];
            let extra = house.quote().extras.remove(0);
            prop_assert_eq!(shown.price, extra.base + extra.stage_adjustment);
            prop_assert_eq!((shown.fee, shown.vat, shown.total), (extra.fee, extra.vat, extra.total));
            prop_assert_eq!(shown.stage_id, extra.stage_id);
        }
    }

    #[test]
    fn promotions_and_stages_of_tickets_leave_products_alone(house in a_house()) {
        let mut plain = house.clone();
        plain.stages.retain(|(stage, _)| stage.target_product_variant_id.is_some());
        plain.promotion = house.promotion.clone().filter(|promotion| promotion.applies_to == AppliesTo::Product);
        prop_assert_eq!(house.quote().extras, plain.quote().extras);
    }

    #[test]
    fn no_stage_sells_more_than_it_has_left(house in a_house()) {
        let quote = house.quote();
        for verdict in &quote.stages {
            let (stage, left) = house.stages.iter().find(|(stage, _)| stage.id == verdict.id).expect("a stage of the house");
            let lines = all_amounts(&quote).into_iter().filter(|line| line.stage_id == Some(stage.id));
            prop_assert_eq!(verdict.quantity, lines.map(|line| line.quantity).sum::<u8>());
            prop_assert_eq!(verdict.applied, verdict.reason.is_none());
            prop_assert!(!verdict.limited || left.is_none_or(|left| u32::from(verdict.quantity) <= left));
        }
    }

    #[test]
    fn a_sealed_quote_opens_with_all_its_charges(house in a_house(), key in any::<[u8; 32]>()) {
        let mut quote = house.quote();
        let opened = open(&seal(&quote, &key), &key, at(1000)).expect("opens");
        quote.stages.retain(|stage| stage.applied);
        quote.promotion = quote.promotion.filter(|promotion| promotion.applied);
        quote.outgrown.clear();
        prop_assert_eq!(opened, quote);
    }

    #[test]
    fn any_flipped_bit_of_a_token_is_refused(house in a_house(), index in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let key = [3; 32];
        let mut token = seal(&house.quote(), &key).into_bytes();
        let index = index.index(token.len());
        token[index] ^= 1 << bit;
        let refused = match String::from_utf8(token) {
            Ok(token) => open(&token, &key, at(1000)).is_err_and(|error| error.code() == "quote_invalid"),
            Err(_) => true,
        };
        prop_assert!(refused);
    }

    #[test]
    fn no_random_text_opens_or_panics(token in "\\PC{0,200}") {
        prop_assert!(open(&token, &[3; 32], at(1000)).is_err());
    }
}
