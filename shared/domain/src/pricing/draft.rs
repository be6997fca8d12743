//! Lines and extras whose price is not complete yet, while stages and the promotion are chosen.

use std::cmp::Reverse;

use jiff::Timestamp;

use crate::Result;
use crate::event::Event;
use crate::payable::PriceUnit;
use crate::product::unit_name;

use super::Target;
use super::charge::allocate;
use super::extras::CheckedExtra;
use super::promotion::{Promotion, PromotionContext, PromotionReason, PromotionVerdict};
use super::quote::{LineAmounts, QuoteExtra, QuoteInput, QuoteLine};
use super::request::CheckedLine;
use super::sellable::Sellable;
use super::stage::{Choice, OutgrownStage, SaleStage, Stages};

/// The lines and extras of a request that was checked.
#[derive(Debug)]
pub(super) struct Asks<'a> {
    pub(super) lines: Vec<CheckedLine<'a>>,
    pub(super) extras: Vec<CheckedExtra<'a>>,
}

impl Asks<'_> {
    /// Refuses prices that are not valid.
    pub(super) fn check_prices(&self, event: &Event) -> Result<()> {
        let tickets = self.lines.iter().map(|ask| Sellable::ticket(event, ask.area));
        let units = self.extras.iter().map(|ask| Sellable::unit(event, ask.product, ask.variant));
        tickets.chain(units).try_for_each(|sellable| sellable.check(event))
    }
}

/// What a draft is for, with what the quote says of it besides amounts.
#[derive(Debug)]
enum Ask<'a> {
    Line(CheckedLine<'a>),
    Extra(CheckedExtra<'a>),
}

/// A line or extra whose price is not complete yet.
#[derive(Debug)]
pub(super) struct Draft<'a> {
    /// Its index in the request; extras come after all lines.
    pub(super) index: usize,
    pub(super) sellable: Sellable,
    ask: Ask<'a>,
    quantity: u8,
    stage: Option<&'a SaleStage>,
    unit_base: i64,
    /// The stage that it would have with at most this many tickets or units.
    outgrown: Option<(&'a SaleStage, u32)>,
    unit_adjustment: i64,
    discount: i64,
}

impl<'a> Draft<'a> {
    fn new(index: usize, ask: Ask<'a>, event: &Event, stages: &mut Stages<'a>) -> Self {
        let (sellable, quantity) = match &ask {
            Ask::Line(line) => (Sellable::ticket(event, line.area), line.quantity),
            Ask::Extra(extra) => (Sellable::unit(event, extra.product, extra.variant), extra.quantity),
        };
        let Choice { stage, outgrown } = stages.choose(sellable.target, quantity);
        let (unit, unit_base) = (PriceUnit::of(event.currency), sellable.base());
        let unit_adjustment = stage.map_or(0, |stage| stage.adjustment(unit_base, unit));
        Self { index, sellable, ask, quantity, stage, unit_base, outgrown, unit_adjustment, discount: 0 }
    }

    /// The price of one ticket or unit in its stage, before the promotion.
    fn unit_price(&self) -> i64 {
        self.unit_base + self.unit_adjustment
    }

    /// The stage that it has outgrown, if it is more expensive for it.
    pub(super) fn outgrown(&self, event: &Event) -> Option<OutgrownStage> {
        let (stage, left) = self.outgrown?;
        let adjustment = stage.adjustment(self.unit_base, PriceUnit::of(event.currency));
        let charge = self.sellable.charge(self.unit_base + adjustment, 1);
        (adjustment < self.unit_adjustment).then(|| OutgrownStage {
            id: stage.id,
            name: stage.stage_name.clone(),
            target: self.sellable.target,
            left,
            wanted: self.quantity,
            unit_total: charge.total,
        })
    }

    /// Adds what the quote says of it to the quote's lines or extras.
    pub(super) fn finish(self, event: &Event, lines: &mut Vec<QuoteLine>, extras: &mut Vec<QuoteExtra>) {
        let price = self.unit_price() * i64::from(self.quantity) - self.discount;
        let charge = self.sellable.charge(price, self.quantity);
        let amounts = LineAmounts {
            quantity: self.quantity,
            unit_base: self.unit_base,
            unit_stage_adjustment: self.unit_adjustment,
            stage_id: self.stage.map(|stage| stage.id),
            base: 0,
            stage_adjustment: 0,
            promotion: -self.discount,
            fee: charge.fee,
            vat: charge.vat,
            total: 0,
        }
        .added_up(event.vat.included);
        debug_assert_eq!(amounts.total, charge.total);
        match self.ask {
            Ask::Line(line) => lines.push(QuoteLine {
                area_id: line.area.id,
                area_name: line.area.area_name.clone(),
                seats: line.seats,
                wanted: line.wanted,
                amounts,
            }),
            Ask::Extra(extra) => extras.push(QuoteExtra {
                product_id: extra.product.id,
                variant_id: extra.variant.id,
                name: unit_name(&extra.product.name, &extra.variant.name),
                amounts,
            }),
        }
    }
}

/// Chooses the stage of every line and extra. They are served, and returned, in the order in which
/// the event lists its areas and products, so that the order of the request does not matter when a
/// limited stage is short.
pub(super) fn choose_stages<'a>(asks: Asks<'a>, event: &Event, stages: &mut Stages<'a>) -> Vec<Draft<'a>> {
    let lines = asks.lines.len();
    let mut tickets: Vec<(usize, CheckedLine<'a>)> = asks.lines.into_iter().enumerate().collect();
    tickets.sort_by_key(|(_, ask)| (ask.area.position, ask.area.id));
    let mut units: Vec<(usize, CheckedExtra<'a>)> = (lines..).zip(asks.extras).collect();
    units.sort_by_key(|(_, ask)| (ask.product.position, ask.product.id, ask.variant.id));
    let tickets = tickets.into_iter().map(|(index, ask)| (index, Ask::Line(ask)));
    let units = units.into_iter().map(|(index, ask)| (index, Ask::Extra(ask)));
    tickets.chain(units).map(|(index, ask)| Draft::new(index, ask, event, stages)).collect()
}

/// Reduces the lines or extras that the promotion is for, if it applies.
pub(super) fn apply_promotion(
    input: &QuoteInput<'_>,
    drafts: &mut [Draft<'_>],
    now: Timestamp,
) -> Option<PromotionVerdict> {
    let text = input.request.promotion_code.as_deref().filter(|code| !code.is_empty())?;
    let code = input.request.code();
    let offer = input.promotion.filter(|offer| code.as_ref() == Some(&offer.promotion.promotion_code));
    let Some(offer) = offer else {
        return Some(PromotionVerdict::refused(text, PromotionReason::NotFound));
    };
    let wanted: Vec<(Target, u8)> =
        drafts.iter().map(|draft| (draft.sellable.target, draft.quantity)).collect();
    let circumstances =
        PromotionContext { event: input.event, areas: input.areas, wanted: &wanted, buyer: input.buyer, now };
    if let Some(reason) = offer.refusal(&circumstances) {
        return Some(PromotionVerdict::refused(text, reason));
    }
    Some(match take_off(offer.promotion, drafts, PriceUnit::of(input.event.currency)) {
        0 => PromotionVerdict::refused(text, PromotionReason::NothingOff),
        _ => PromotionVerdict::applied(offer.promotion),
    })
}

/// Reduces what the promotion is for, and returns the sum.
fn take_off(promotion: &Promotion, drafts: &mut [Draft<'_>], unit: PriceUnit) -> i64 {
    let mut dearest: Vec<usize> =
        (0..drafts.len()).filter(|index| promotion.is_for(drafts[*index].sellable.target)).collect();
    // Stable: of those with the same price, the one that the event lists first.
    dearest.sort_by_key(|index| Reverse(drafts[*index].unit_price()));
    let mut rest = promotion.max_quantity.unwrap_or(u32::MAX);
    let mut prices = vec![0; drafts.len()];
    for index in dearest {
        let reduced = rest.min(u32::from(drafts[index].quantity));
        prices[index] = drafts[index].unit_price() * i64::from(reduced);
        rest -= reduced;
    }
    let discount = promotion.discount(prices.iter().sum(), unit);
    for (draft, share) in drafts.iter_mut().zip(allocate(discount, &prices, unit)) {
        draft.discount = share;
    }
    discount
}
