//! The current price of one ticket or one unit of a product, for lists.

use jiff::Timestamp;

use crate::event::{Area, Event};
use crate::payable::PriceUnit;
use crate::product::{Product, Variant};
use crate::{Currency, Result, SaleStageId};

use super::Target;
use super::sellable::Sellable;
use super::stage::{StageOffer, Stages};

/// The price of one ticket of an area, or one unit of a variant, at a moment, exactly as a quote for
/// it says. Amounts are in minor units of `currency`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CurrentPrice {
    /// What is priced.
    pub target: Target,
    /// The currency of all amounts.
    pub currency: Currency,
    /// The price without a stage.
    pub base_price: i64,
    /// The price in the current stage, without the fee.
    pub price: i64,
    /// The convenience fee on top.
    pub fee: i64,
    /// The value added tax on price and fee.
    pub vat: i64,
    /// True if `vat` is contained in price and fee, false if it is added to them.
    pub vat_included: bool,
    /// The total that the buyer pays for one.
    pub total: i64,
    /// The current sale stage, if any.
    pub stage_id: Option<SaleStageId>,
    /// The name of the current sale stage.
    pub stage_name: Option<String>,
    /// Tickets or units that are left at this price, if the stage limits them.
    pub stage_remaining: Option<u32>,
    /// The next change of the price, unless the stage sells out before.
    pub next: Option<NextPrice>,
}

/// A change of price at a known time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextPrice {
    /// The first moment of the new price.
    pub at: Timestamp,
    /// The new price in the stage of that time, without the fee.
    pub price: i64,
    /// The total that the buyer then pays for one.
    pub total: i64,
    /// The name of the stage of that time, if any.
    pub stage_name: Option<String>,
}

/// The price of one ticket of `area` at `now`, and its next change.
///
/// `stages` are all stages of the event. Fails only if the organiser's prices are
/// out of range, which they can not be when they were stored through the API.
pub fn current_price(
    event: &Event,
    area: &Area,
    stages: &[StageOffer<'_>],
    now: Timestamp,
) -> Result<CurrentPrice> {
    price_of(event, Sellable::ticket(event, area), stages, now)
}

/// The price of one unit of `variant` at `now`, and its next change: as [`current_price`].
pub fn current_product_price(
    event: &Event,
    product: &Product,
    variant: &Variant,
    stages: &[StageOffer<'_>],
    now: Timestamp,
) -> Result<CurrentPrice> {
    price_of(event, Sellable::unit(event, product, variant), stages, now)
}

fn price_of(
    event: &Event,
    sellable: Sellable,
    stages: &[StageOffer<'_>],
    now: Timestamp,
) -> Result<CurrentPrice> {
    sellable.check(event)?;
    let current = price_at(event, sellable, stages, now);
    let next = next_price(event, sellable, stages, now, current.price);
    Ok(CurrentPrice { next, ..current })
}

/// The total for the cheapest ticket of the event at `now`, with stage, fee and tax. `None` without
/// an area that has places.
///
/// Fails as [`current_price`] does.
pub fn price_from(
    event: &Event,
    areas: &[Area],
    stages: &[StageOffer<'_>],
    now: Timestamp,
) -> Result<Option<i64>> {
    let mut cheapest = None;
    for area in areas.iter().filter(|area| area.capacity > 0) {
        let ticket = Sellable::ticket(event, area);
        ticket.check(event)?;
        let total = price_at(event, ticket, stages, now).total;
        cheapest = Some(cheapest.map_or(total, |cheapest: i64| cheapest.min(total)));
    }
    Ok(cheapest)
}

/// The price at `moment`, without its next change.
fn price_at(event: &Event, sellable: Sellable, offers: &[StageOffer<'_>], moment: Timestamp) -> CurrentPrice {
    let stage = Stages::new(offers, event.id, moment).choose(sellable.target, 1).stage;
    let base_price = sellable.base();
    let adjustment = stage.map_or(0, |stage| stage.adjustment(base_price, PriceUnit::of(event.currency)));
    let price = base_price + adjustment;
    let charge = sellable.charge(price, 1);
    let remaining = |id| offers.iter().find(|offer| offer.stage.id == id).and_then(StageOffer::left);
    CurrentPrice {
        target: sellable.target,
        currency: event.currency,
        base_price,
        price,
        fee: charge.fee,
        vat: charge.vat,
        vat_included: event.vat.included,
        total: charge.total,
        stage_id: stage.map(|stage| stage.id),
        stage_name: stage.map(|stage| stage.stage_name.clone()),
        stage_remaining: stage.and_then(|stage| remaining(stage.id)),
        next: None,
    }
}

/// The first price after `now` that differs from `price`. It can only begin where a stage begins or
/// ends.
fn next_price(
    event: &Event,
    sellable: Sellable,
    offers: &[StageOffer<'_>],
    now: Timestamp,
    price: i64,
) -> Option<NextPrice> {
    let mut moments: Vec<Timestamp> = offers
        .iter()
        .flat_map(|offer| [offer.stage.start_time, offer.stage.end_time])
        .flatten()
        .filter(|moment| now < *moment && *moment < event.ends_at)
        .collect();
    moments.sort_unstable();
    moments.dedup();
    moments.into_iter().find_map(|at| {
        let then = price_at(event, sellable, offers, at);
        (then.price != price).then_some(NextPrice {
            at,
            price: then.price,
            total: then.total,
            stage_name: then.stage_name,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::super::SaleStage;
    use super::super::fixture::{QuoteFixture, area, area_id, stage};
    use super::*;
    use crate::BasisPoints;
    use crate::event::Fees;
    use crate::testing::at;

    fn house() -> QuoteFixture {
        let mut house = QuoteFixture::new([area(1, 10_000)]);
        house.event.fees = Fees { convenience_rate: BasisPoints(1000), convenience_fixed: 0 };
        house.stages = vec![
            (
                SaleStage {
                    price_adjustment_value: -2000,
                    end_time: Some(at(2000)),
                    quantity_available: Some(50),
                    ..stage(1)
                },
                Some(7),
            ),
            (
                SaleStage {
                    price_adjustment_value: 0,
                    start_time: Some(at(500)),
                    priority_order: 2,
                    ..stage(2)
                },
                None,
            ),
        ];
        house
    }

    fn price(house: &QuoteFixture, now: i64) -> CurrentPrice {
        current_price(&house.event, &house.areas[0], &house.offers(), at(now)).expect("valid prices")
    }

    #[test]
    fn the_current_stage_and_the_next_change_are_shown() {
        let now = price(&house(), 1000);
        assert_eq!((now.base_price, now.price, now.fee, now.total), (10_000, 8000, 800, 8800));
        assert_eq!((now.stage_name.as_deref(), now.stage_remaining), (Some("Stage 1"), Some(7)));
        let next =
            NextPrice { at: at(2000), price: 10_000, total: 11_000, stage_name: Some("Stage 2".into()) };
        assert_eq!(now.next, Some(next));

        let then = price(&house(), 2000);
        assert_eq!((then.price, then.stage_name.as_deref(), then.next), (10_000, Some("Stage 2"), None));
    }

    #[test]
    fn the_lowest_price_includes_stage_and_fee() {
        let mut house = house();
        house.areas.push(Area { capacity: 0, ..area(2, 1) });
        house.areas.push(area(3, 9_000));
        let from = |house: &QuoteFixture| {
            price_from(&house.event, &house.areas, &house.offers(), at(1000)).expect("valid prices")
        };
        assert_eq!(from(&house), Some(7920), "20 % less, and 10 % fee on that");
        house.stages[0].0.target_area_id = Some(area_id(1));
        assert_eq!(from(&house), Some(8800), "what was cheapest without stages is not");
        house.stages[0].1 = Some(0);
        assert_eq!(from(&house), Some(9900));
        house.areas.clear();
        assert_eq!(from(&house), None);
    }

    #[test]
    fn a_sold_out_stage_hands_over_at_once() {
        let mut house = house();
        house.stages[0].1 = Some(0);
        let now = price(&house, 1000);
        assert_eq!((now.price, now.stage_name.as_deref(), now.next), (10_000, Some("Stage 2"), None));
    }

    #[test]
    fn a_time_without_a_new_price_is_no_change() {
        let mut house = house();
        house.stages[0].0.target_area_id = Some(area_id(2));
        assert_eq!(price(&house, 100).next, None, "stage 2 starts at 500 and costs the same");
        house.stages[0].0.target_area_id = None;
        house.stages[0].0.end_time = Some(house.event.ends_at);
        assert_eq!(price(&house, 1000).next, None, "nothing is sold after the end");
    }

    #[test]
    fn prices_out_of_range_are_refused() {
        let mut house = house();
        house.areas[0].price = -1;
        let refused = current_price(&house.event, &house.areas[0], &house.offers(), at(1000));
        assert_eq!(refused.expect_err("not valid").code(), "prices_not_valid");
    }
}
