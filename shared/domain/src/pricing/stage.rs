//! Sale stages (Early Bird, Preventa, General): spans of time or quotas with an adjustment of
//! prices.

use std::ops::RangeInclusive;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Fields;
use crate::payable::PriceUnit;
use crate::{AreaId, BasisPoints, Currency, EventId, Money, SaleStageId, VariantId};

use super::{AdjustmentType, MAX_PRICE, Target};

/// The most stages that one event can have.
pub const MAX_STAGES_PER_EVENT: usize = 20;

/// A sale stage of an event. Among the stages that apply to an area at a time, the one with the
/// lowest `priority_order` decides the price.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaleStage {
    /// The stage's id.
    pub id: SaleStageId,
    /// The event of the stage.
    pub event_id: EventId,
    /// The name that buyers see.
    pub stage_name: String,
    /// A percentage or a fixed amount: the unit of `price_adjustment_value`.
    pub price_adjustment_type: AdjustmentType,
    /// The adjustment of a ticket's price: basis points (-2000 is 20 % less) or minor units.
    /// Negative makes tickets cheaper.
    pub price_adjustment_value: i64,
    /// The quota: the most tickets that are sold in this stage. Without it, only time ends it.
    pub quantity_available: Option<u32>,
    /// The first moment of the stage. Without it, there is no start.
    pub start_time: Option<Timestamp>,
    /// The first moment after the stage. Without it, it lasts as long as the sale.
    pub end_time: Option<Timestamp>,
    /// The only area that it is for. Without it and without a variant, all areas of the event.
    pub target_area_id: Option<AreaId>,
    /// The only variant of a product that it is for; then it is for no tickets. No stage is for several
    /// products.
    pub target_product_variant_id: Option<VariantId>,
    /// Its rank, lowest first. Of equal ones, the one that started first applies, then the older
    /// one.
    pub priority_order: u16,
    /// False while the organiser has switched it off.
    pub active: bool,
    /// Counts changes.
    pub version: u32,
}

impl SaleStage {
    /// The most characters in a stage's name.
    pub const MAX_NAME_CHARS: usize = 60;
    /// The bounds of a percentage, in basis points: from free to ten times the price on top.
    const PERCENTAGES: RangeInclusive<i32> = -10_000..=100_000;

    /// Notes every field with which the stage can not be stored. `currency` is the event's.
    pub fn check(&self, currency: Currency, fields: &mut Fields) {
        let (pointer, value) = ("/price_adjustment_value", self.price_adjustment_value);
        match self.price_adjustment_type {
            AdjustmentType::Percentage => fields.percent(pointer, value, Self::PERCENTAGES),
            AdjustmentType::Fixed => {
                fields.amount(pointer, Money::new(value, currency), -MAX_PRICE..=MAX_PRICE)
            }
        };
        fields.check(
            self.quantity_available != Some(0),
            "/quantity_available",
            "Must be at least 1. Leave it out for a stage without a limit.",
        );
        fields.rule(is_window(self.start_time, self.end_time), "/end_time", "Must be later than start_time.");
        fields.rule(
            self.target_area_id.is_none() || self.target_product_variant_id.is_none(),
            "/target_product_variant_id",
            "A stage is for an area or for a product, not for both.",
        );
    }

    /// The adjustment of a ticket at this `price` (0 to [`MAX_PRICE`], whole units), in minor
    /// units. The adjusted price keeps to the same bounds.
    pub fn adjustment(&self, price: i64, unit: PriceUnit) -> i64 {
        let wanted = match self.price_adjustment_type {
            AdjustmentType::Percentage => {
                let (least, most) = (*Self::PERCENTAGES.start(), *Self::PERCENTAGES.end());
                let rate = self.price_adjustment_value.clamp(least.into(), most.into());
                unit.share(BasisPoints(i32::try_from(rate).expect("clamped to six digits")), price, 0)
            }
            AdjustmentType::Fixed => unit.round(self.price_adjustment_value.clamp(-MAX_PRICE, MAX_PRICE)),
        };
        price.saturating_add(wanted).clamp(0, MAX_PRICE) - price
    }

    /// Whether tickets of an area, or units of a variant, are sold in it.
    pub fn is_for(&self, target: Target) -> bool {
        match (target, self.target_product_variant_id) {
            (Target::Area(area), None) => self.target_area_id.is_none_or(|target| target == area),
            (Target::Variant(variant), Some(target)) => target == variant,
            _ => false,
        }
    }
}

/// Whether some moment lies in the half-open window from `start` to `end`.
pub(super) fn is_window(start: Option<Timestamp>, end: Option<Timestamp>) -> bool {
    start.zip(end).is_none_or(|(start, end)| start < end)
}

/// A stage, with its remaining tickets.
#[derive(Debug, Clone, Copy)]
pub struct StageOffer<'a> {
    /// The stage.
    pub stage: &'a SaleStage,
    /// Tickets that can still be sold in it. `None` stands for all of its
    /// `quantity_available`, if it has one.
    pub remaining: Option<u32>,
}

impl StageOffer<'_> {
    /// Tickets that are left, or `None` without a limit.
    pub(super) fn left(&self) -> Option<u32> {
        self.stage.quantity_available.map(|quantity| self.remaining.unwrap_or(quantity))
    }
}

/// The reason why a stage does not apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StageReason {
    /// The organiser has switched it off.
    Inactive,
    /// It has not started yet.
    NotStarted,
    /// It has ended.
    Ended,
    /// It is for an area that is not in the order.
    OtherArea,
    /// It is for a product that is not in the order.
    OtherProduct,
    /// All of its tickets are sold.
    SoldOut,
    /// It has fewer tickets left than a line wants.
    NotEnoughLeft,
    /// Another stage takes precedence.
    LowerPriority,
}

impl StageReason {
    /// The reason as a sentence for the buyer.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Inactive => "The organiser has switched this stage off.",
            Self::NotStarted => "This stage has not started yet.",
            Self::Ended => "This stage is over.",
            Self::OtherArea => "This stage is for another area.",
            Self::OtherProduct => "This stage is for a product.",
            Self::SoldOut => "All tickets of this stage are sold.",
            Self::NotEnoughLeft => {
                "This stage has fewer tickets left than you want. Fewer tickets may still get its price."
            }
            Self::LowerPriority => "Another stage comes before this one.",
        }
    }
}

/// Whether a stage decided the price of some of a quote's tickets, and if not, why.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StageVerdict {
    /// The stage's id.
    pub id: SaleStageId,
    /// The stage's name.
    pub name: String,
    /// True if it decided the price of at least one line.
    pub applied: bool,
    /// The number of the quote's tickets, or units of a product, that are sold in it.
    pub quantity: u8,
    /// True if the stage has a limited quantity, from which the hold takes `quantity`.
    pub limited: bool,
    /// The reason why it did not apply.
    pub reason: Option<StageReason>,
    /// The reason as a sentence.
    pub detail: Option<String>,
}

/// The stage in which a line is sold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Choice<'a> {
    /// The stage, if any.
    pub(super) stage: Option<&'a SaleStage>,
    /// The first stage that has some tickets left, though fewer than the line wants, and
    /// how many.
    pub(super) outgrown: Option<(&'a SaleStage, u32)>,
}

/// A stage with fewer tickets left than a line wants, so that none of the line's tickets has its
/// price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgrownStage {
    /// The stage's id.
    pub id: SaleStageId,
    /// The stage's name.
    pub name: String,
    /// What the line or extra is for.
    pub target: Target,
    /// The tickets that are left in it; an order of so many would have its price.
    pub left: u32,
    /// The tickets that the line wants.
    pub wanted: u8,
    /// The total for one ticket in it, without a promotion.
    pub unit_total: i64,
}

impl OutgrownStage {
    /// The tickets that are left at its price, as a sentence for the buyer.
    pub fn sentence(&self) -> String {
        let Self { name, left, wanted, .. } = self;
        let tickets = match (self.target, left) {
            (Target::Area(_), 1) => "ticket is",
            (Target::Area(_), _) => "tickets are",
            (Target::Variant(_), 1) => "unit is",
            (Target::Variant(_), _) => "units are",
        };
        format!(
            "Only {left} {tickets} left at the price of {name}, so none of your {wanted} has it. Choose no more \
             than {left} to have it."
        )
    }
}

/// The stages of one event at one moment, while lines choose among them.
pub(super) struct Stages<'a> {
    now: Timestamp,
    ranked: Vec<Ranked<'a>>,
}

struct Ranked<'a> {
    offer: StageOffer<'a>,
    /// The number of this quote's tickets that are sold in it.
    taken: u8,
    /// True once a line would have chosen it, had enough tickets been left.
    was_short: bool,
}

impl<'a> Stages<'a> {
    /// The stages of `event` among `offers`, in their order of precedence.
    pub(super) fn new(offers: &[StageOffer<'a>], event: EventId, now: Timestamp) -> Self {
        let mut ranked: Vec<Ranked<'a>> = offers
            .iter()
            .filter(|offer| offer.stage.event_id == event)
            .map(|offer| Ranked { offer: *offer, taken: 0, was_short: false })
            .collect();
        ranked.sort_by_key(|ranked| {
            let stage = ranked.offer.stage;
            (stage.priority_order, stage.start_time, stage.id)
        });
        Self { now, ranked }
    }

    /// The stage in which `quantity` of `target` are sold now, if any. A line is sold in one
    /// stage as a whole, and its tickets are not left for the next line.
    pub(super) fn choose(&mut self, target: Target, quantity: u8) -> Choice<'a> {
        let mut outgrown = None;
        for ranked in &mut self.ranked {
            let stage = ranked.offer.stage;
            if standing(stage, self.now).is_some() || !stage.is_for(target) {
                continue;
            }
            let wanted = ranked.taken.saturating_add(quantity);
            if ranked.offer.left().is_none_or(|left| u32::from(wanted) <= left) {
                ranked.taken = wanted;
                return Choice { stage: Some(stage), outgrown };
            }
            ranked.was_short = true;
            let left = ranked.offer.left().unwrap_or(0).saturating_sub(ranked.taken.into());
            if left > 0 {
                outgrown.get_or_insert((stage, left));
            }
        }
        Choice { stage: None, outgrown }
    }

    /// The verdict on every stage, after all lines and extras for `targets` have chosen theirs.
    pub(super) fn verdicts(&self, targets: &[Target]) -> Vec<StageVerdict> {
        self.ranked.iter().map(|ranked| ranked.verdict(targets, self.now)).collect()
    }
}

impl Ranked<'_> {
    fn verdict(&self, targets: &[Target], now: Timestamp) -> StageVerdict {
        let stage = self.offer.stage;
        let applied = self.taken > 0;
        let reason = (!applied).then(|| match standing(stage, now) {
            Some(reason) => reason,
            None if !targets.iter().any(|target| stage.is_for(*target)) => {
                match stage.target_product_variant_id {
                    Some(_) => StageReason::OtherProduct,
                    None => StageReason::OtherArea,
                }
            }
            None if self.offer.left() == Some(0) => StageReason::SoldOut,
            None if self.was_short => StageReason::NotEnoughLeft,
            None => StageReason::LowerPriority,
        });
        StageVerdict {
            id: stage.id,
            name: stage.stage_name.clone(),
            applied,
            quantity: self.taken,
            limited: stage.quantity_available.is_some(),
            reason,
            detail: reason.map(|reason| reason.sentence().to_owned()),
        }
    }
}

/// The reason why the stage sells no tickets at `now`, for any request.
fn standing(stage: &SaleStage, now: Timestamp) -> Option<StageReason> {
    if !stage.active {
        Some(StageReason::Inactive)
    } else if stage.start_time.is_some_and(|start| now < start) {
        Some(StageReason::NotStarted)
    } else if stage.end_time.is_some_and(|end| end <= now) {
        Some(StageReason::Ended)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{area_id, event, stage, variant_id};
    use super::*;
    use crate::testing::at;

    #[test]
    fn an_adjustment_goes_up_or_down_but_not_below_zero() {
        for (kind, value, price, adjustment) in [
            (AdjustmentType::Percentage, -2000, 10_000, -2000),
            (AdjustmentType::Percentage, 1550, 9990, 1548),
            (AdjustmentType::Percentage, -3333, 100, -33),
            (AdjustmentType::Percentage, -10_000, 777, -777),
            (AdjustmentType::Percentage, 0, 777, 0),
            (AdjustmentType::Fixed, -2500, 10_000, -2500),
            (AdjustmentType::Fixed, -2500, 2000, -2000),
            (AdjustmentType::Fixed, 2500, 0, 2500),
            (AdjustmentType::Fixed, MAX_PRICE, MAX_PRICE, 0),
            (AdjustmentType::Percentage, i64::MAX, MAX_PRICE, 0),
            (AdjustmentType::Fixed, i64::MIN, MAX_PRICE, -MAX_PRICE),
        ] {
            let stage = SaleStage { price_adjustment_type: kind, price_adjustment_value: value, ..stage(1) };
            assert_eq!(
                stage.adjustment(price, PriceUnit::of(Currency::ARS)),
                adjustment,
                "{kind:?} {value} on {price}"
            );
        }
    }

    #[test]
    fn bad_fields_are_named() {
        let bad = SaleStage {
            target_area_id: Some(area_id(1)),
            target_product_variant_id: Some(variant_id(1)),
            price_adjustment_value: -10_001,
            quantity_available: Some(0),
            start_time: Some(at(10)),
            end_time: Some(at(10)),
            ..stage(1)
        };
        let mut fields = Fields::new();
        bad.check(Currency::COP, &mut fields);
        let error = fields.finish().expect_err("is bad");
        let pointers: Vec<&str> = error.field_errors().iter().map(|field| field.pointer.as_str()).collect();
        assert_eq!(
            pointers,
            ["/price_adjustment_value", "/quantity_available", "/end_time", "/target_product_variant_id"]
        );

        let mut fields = Fields::new();
        stage(1).check(Currency::COP, &mut fields);
        assert!(fields.finish().is_ok());
    }

    /// The reason of each stage after a line of two tickets in area 1, `applied` for the one.
    fn outcome(stages: &[SaleStage], left: Option<u32>) -> Vec<(String, String)> {
        let offers: Vec<StageOffer<'_>> =
            stages.iter().map(|stage| StageOffer { stage, remaining: left }).collect();
        let mut stages = Stages::new(&offers, event().id, at(1000));
        stages.choose(Target::Area(area_id(1)), 2);
        let text = |reason: Option<StageReason>| {
            reason.map_or("applied".into(), |reason| {
                serde_json::to_value(reason).expect("json").as_str().expect("text").to_owned()
            })
        };
        stages
            .verdicts(&[Target::Area(area_id(1))])
            .into_iter()
            .map(|verdict| (verdict.name, text(verdict.reason)))
            .collect()
    }

    fn one(stage: SaleStage, left: Option<u32>) -> String {
        outcome(&[stage], left).remove(0).1
    }

    #[test]
    fn every_stage_says_why_it_does_not_apply() {
        let limited = SaleStage { quantity_available: Some(5), ..stage(1) };
        for (expected, stage, left) in [
            ("applied", stage(1), None),
            ("applied", limited.clone(), None),
            ("applied", limited.clone(), Some(2)),
            ("not_enough_left", limited.clone(), Some(1)),
            ("sold_out", limited, Some(0)),
            ("inactive", SaleStage { active: false, end_time: Some(at(1)), ..stage(1) }, None),
            ("not_started", SaleStage { start_time: Some(at(1001)), ..stage(1) }, None),
            ("applied", SaleStage { start_time: Some(at(1000)), ..stage(1) }, None),
            ("ended", SaleStage { end_time: Some(at(1000)), ..stage(1) }, None),
            ("applied", SaleStage { end_time: Some(at(1001)), ..stage(1) }, None),
            ("other_area", SaleStage { target_area_id: Some(area_id(2)), ..stage(1) }, None),
            ("applied", SaleStage { target_area_id: Some(area_id(1)), ..stage(1) }, None),
            ("other_product", SaleStage { target_product_variant_id: Some(variant_id(1)), ..stage(1) }, None),
        ] {
            assert_eq!(one(stage.clone(), left), expected, "{stage:?} with {left:?} left");
        }
    }

    #[test]
    fn the_lowest_priority_order_applies_then_the_earliest_start_then_the_oldest() {
        let first = SaleStage { priority_order: 1, ..stage(3) };
        let early = SaleStage { priority_order: 2, start_time: Some(at(5)), ..stage(2) };
        let late = SaleStage { priority_order: 2, start_time: Some(at(6)), ..stage(1) };
        let twin = SaleStage { priority_order: 2, start_time: Some(at(6)), ..stage(4) };
        let names = |stages: &[SaleStage]| {
            outcome(stages, None)
                .into_iter()
                .map(|(name, reason)| format!("{name} {reason}"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        let expected =
            "Stage 3 applied, Stage 2 lower_priority, Stage 1 lower_priority, Stage 4 lower_priority";
        assert_eq!(names(&[twin.clone(), late.clone(), early.clone(), first.clone()]), expected);
        assert_eq!(names(&[first, early, twin, late]), expected);
    }

    #[test]
    fn the_next_stage_takes_over_when_one_is_sold_out() {
        let early = SaleStage { priority_order: 1, quantity_available: Some(100), ..stage(1) };
        let general = SaleStage { priority_order: 2, ..stage(2) };
        let reasons = |left| {
            outcome(&[early.clone(), general.clone()], left)
                .into_iter()
                .map(|(_, reason)| reason)
                .collect::<Vec<_>>()
        };
        assert_eq!(reasons(Some(2)), ["applied", "lower_priority"]);
        assert_eq!(reasons(Some(1)), ["not_enough_left", "applied"]);
        assert_eq!(reasons(Some(0)), ["sold_out", "applied"]);
    }
}
