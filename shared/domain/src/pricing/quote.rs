//! The quote: the price of an order, line by line, and its reasons.

use std::ops::Deref;

use crate::OwnAddress;
use crate::event::{Area, Event};
use crate::payable::PriceUnit;
use crate::product::PricedProduct;
use crate::seat::{SeatLabel, Wanted};
use crate::{AreaId, Currency, Error, EventId, ProductId, QuoteId, Result, SaleStageId, TenantId, VariantId};
use jiff::{SignedDuration, Timestamp};

use super::Target;
use super::draft::{apply_promotion, choose_stages};
use super::promotion::{PromotionOffer, PromotionVerdict};
use super::request::QuoteRequest;
use super::stage::{OutgrownStage, StageOffer, StageVerdict, Stages};

/// How long the price of a quote holds.
const VALID_FOR: SignedDuration = SignedDuration::from_mins(15);

/// Everything that a quote depends on, except the time.
#[derive(Debug, Clone, Copy)]
pub struct QuoteInput<'a> {
    /// The id of the quote, of which that of the order is derived.
    pub id: QuoteId,
    /// The event of the tickets.
    pub event: &'a Event,
    /// All areas of the event.
    pub areas: &'a [Area],
    /// The products that are sold at the event, as far as the request may name them: its own, and those
    /// of the tenant.
    pub products: &'a [&'a PricedProduct],
    /// All sale stages of the event.
    pub stages: &'a [StageOffer<'a>],
    /// The tenant's promotion whose code is [`QuoteRequest::code`], if there is one.
    pub promotion: Option<PromotionOffer<'a>>,
    /// The buyer's request.
    pub request: &'a QuoteRequest,
    /// The buyer's address, if the buyer is known.
    pub buyer: Option<OwnAddress<'a>>,
}

/// The price of an order, for a limited time. All amounts are in minor units of
/// `currency`, and the lines add up to the totals exactly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// The quote's id.
    pub id: QuoteId,
    /// The event of the tickets.
    pub event_id: EventId,
    /// The organiser's tenant id.
    pub tenant_id: TenantId,
    /// The currency of all amounts.
    pub currency: Currency,
    /// True if `vat` is contained in price and fee, false if it is added to them.
    pub vat_included: bool,
    /// One line for each area, in the order of the request.
    pub lines: Vec<QuoteLine>,
    /// One entry for each variant of a product, in the order of the request.
    pub extras: Vec<QuoteExtra>,
    /// The sums over all lines and extras.
    pub totals: Totals,
    /// Each sale stage of the event: whether it applied, and if not, why.
    pub stages: Vec<StageVerdict>,
    /// The stages that lines would have if they wanted fewer tickets.
    pub outgrown: Vec<OutgrownStage>,
    /// Whether the promotion code applied, and if not, why; absent without a code.
    pub promotion: Option<PromotionVerdict>,
    /// When the quote was made.
    pub created_at: Timestamp,
    /// The first moment at which its prices are no longer guaranteed. Until then
    /// the price holds, even if a stage ends meanwhile.
    pub valid_until: Timestamp,
}

/// The tickets of one area.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuoteLine {
    /// The area of the tickets.
    pub area_id: AreaId,
    /// The name of the area.
    pub area_name: String,
    /// The seats, in order; empty for general admission. If they are chosen when they are held, those
    /// that were the best when the quote was made, or none: a suggestion.
    pub seats: Vec<SeatLabel>,
    /// The wish by which seats are chosen when they are held; `None` if the buyer named them, and for
    /// general admission.
    pub wanted: Option<Wanted>,
    /// The price of the tickets.
    pub amounts: LineAmounts,
}

/// The units of one variant of a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuoteExtra {
    /// The product.
    pub product_id: ProductId,
    /// The variant.
    pub variant_id: VariantId,
    /// The name of a unit: the product's, and the variant's if it has one.
    pub name: String,
    /// The price of the units.
    pub amounts: LineAmounts,
}

/// The price of the tickets of a line, or of the units of an extra. `base + stage_adjustment +
/// promotion + fee`, and `vat` unless it is included, make `total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineAmounts {
    /// The number of tickets or units.
    pub quantity: u8,
    /// The price of one, rounded to the smallest amount that gateways take.
    pub unit_base: i64,
    /// The stage's adjustment of the price of one; negative if it is cheaper.
    pub unit_stage_adjustment: i64,
    /// The sale stage that applied.
    pub stage_id: Option<SaleStageId>,
    /// `unit_base` for all.
    pub base: i64,
    /// `unit_stage_adjustment` for all.
    pub stage_adjustment: i64,
    /// The part of the promotion's reduction: zero or negative.
    pub promotion: i64,
    /// The convenience fee.
    pub fee: i64,
    /// The value added tax on price and fee.
    pub vat: i64,
    /// The total that the buyer pays.
    pub total: i64,
}

impl Deref for QuoteLine {
    type Target = LineAmounts;

    fn deref(&self) -> &LineAmounts {
        &self.amounts
    }
}

impl Deref for QuoteExtra {
    type Target = LineAmounts;

    fn deref(&self) -> &LineAmounts {
        &self.amounts
    }
}

/// The sums of a quote.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// The number of tickets.
    pub quantity: u8,
    /// The sum of the areas' prices.
    pub base: i64,
    /// The sum of the stages' adjustments.
    pub stage_adjustment: i64,
    /// The reduction by the promotion: zero or negative.
    pub promotion: i64,
    /// The convenience fees.
    pub fee: i64,
    /// The value added tax on prices and fees.
    pub vat: i64,
    /// The total that the buyer pays.
    pub total: i64,
}

impl Totals {
    pub(super) fn of(lines: &[QuoteLine], extras: &[QuoteExtra]) -> Self {
        let quantity = lines.iter().map(|line| line.quantity).sum();
        let amounts = lines.iter().map(|line| line.amounts).chain(extras.iter().map(|extra| extra.amounts));
        amounts.fold(Self { quantity, ..Self::default() }, |sum, line| Self {
            quantity: sum.quantity,
            base: sum.base + line.base,
            stage_adjustment: sum.stage_adjustment + line.stage_adjustment,
            promotion: sum.promotion + line.promotion,
            fee: sum.fee + line.fee,
            vat: sum.vat + line.vat,
            total: sum.total + line.total,
        })
    }
}

impl Quote {
    /// True if the promotion code may be a guess: see [`PromotionVerdict::is_guess`].
    pub fn is_guess(&self) -> bool {
        self.promotion.as_ref().is_some_and(PromotionVerdict::is_guess)
    }

    /// A number that picks among seats that are about equally good, always the same for this quote.
    pub fn spread(&self) -> u64 {
        self.id.uuid().as_u64_pair().1
    }

    /// Checks that the stage and the promotion apply, if the request requires them. Not part of
    /// [`quote`], because its caller counts wrong codes first.
    ///
    /// # Errors
    /// `stage_outgrown` with what is `left`, `promotion_not_applied` with the `reason`.
    pub fn check_required(&self, request: &QuoteRequest) -> Result<()> {
        if let Some(stage) = self.outgrown.first().filter(|_| request.require_stage) {
            let (name, id) = stage.target.member();
            return Err(Error::conflict("stage_outgrown", stage.sentence())
                .with("stage_id", stage.id.to_string())
                .with(name, id)
                .with("left", stage.left));
        }
        let verdict = self.promotion.as_ref().filter(|_| request.require_promotion);
        match verdict.and_then(|verdict| verdict.reason) {
            Some(reason) => Err(Error::conflict("promotion_not_applied", reason.sentence())
                .with("reason", serde_json::to_value(reason).unwrap_or_default())),
            None => Ok(()),
        }
    }
}

impl LineAmounts {
    /// Fills in the amounts that follow from the others.
    pub(super) fn added_up(mut self, vat_included: bool) -> Self {
        let quantity = i64::from(self.quantity);
        self.base = self.unit_base * quantity;
        self.stage_adjustment = self.unit_stage_adjustment * quantity;
        let vat = if vat_included { 0 } else { self.vat };
        self.total = self.base + self.stage_adjustment + self.promotion + self.fee + vat;
        self
    }

    /// The total divided over the tickets, in the order of the seats, or over the units: the amounts
    /// given back when they are refunded one by one.
    pub fn unit_totals(&self, currency: Currency) -> Vec<i64> {
        PriceUnit::of(currency).even_shares(self.total, self.quantity).collect()
    }
}

/// The price of what `input.request` asks for at `now`. The same input at the
/// same time is the same quote.
///
/// Fails if the event is not on sale, if the request is not possible (with a JSON pointer to each
/// bad field), or if it names another currency. It does not check which seats are free; the hold
/// does.
///
/// A promotion that does not apply does not fail the quote, and neither does a line that
/// wants more tickets than its stage has left: the quote says so, and
/// [`Quote::check_required`] fails if the request requires them.
pub fn quote(input: &QuoteInput<'_>, now: Timestamp) -> Result<Quote> {
    let event = input.event;
    event.on_sale(now)?;
    let asks = input.request.resolve(event, input.areas, input.products, now)?;
    asks.check_prices(event)?;

    let mut stages = Stages::new(input.stages, event.id, now);
    let mut drafts = choose_stages(asks, event, &mut stages);
    let outgrown: Vec<_> = drafts.iter().filter_map(|draft| draft.outgrown(event)).collect();
    let promotion = apply_promotion(input, &mut drafts, now);

    drafts.sort_by_key(|draft| draft.index);
    let targets: Vec<Target> = drafts.iter().map(|draft| draft.sellable.target).collect();
    let (mut lines, mut extras) = (Vec::new(), Vec::new());
    for draft in drafts {
        draft.finish(event, &mut lines, &mut extras);
    }
    let created_at = whole_second(now);
    let valid_until =
        created_at.checked_add(VALID_FOR).unwrap_or(Timestamp::MAX).min(whole_second(event.ends_at));
    Ok(Quote {
        id: input.id,
        event_id: event.id,
        tenant_id: event.tenant_id,
        currency: event.currency,
        vat_included: event.vat.included,
        totals: Totals::of(&lines, &extras),
        lines,
        extras,
        stages: stages.verdicts(&targets),
        outgrown,
        promotion,
        created_at,
        valid_until,
    })
}

/// Quotes count in whole seconds: fractions would only make their tokens longer.
fn whole_second(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{QuoteFixture, area, area_id, promotion, request, seated_area, stage};
    use super::super::{AdjustmentType, AppliesTo, Promotion, PromotionReason, SaleStage};
    use super::*;
    use crate::event::{EventStatus, Fees, Vat};
    use crate::testing::at;
    use crate::{BasisPoints, EventId};

    /// Lines and totals as a table.
    fn table(quote: &Quote) -> String {
        let mut rows = vec!["area qty base stage promotion fee vat total".to_owned()];
        rows.extend(quote.lines.iter().map(|l| {
            let (base, stage, total) = (l.base, l.stage_adjustment, l.total);
            format!(
                "{} {} {base} {stage} {} {} {} {total}",
                l.area_name, l.quantity, l.promotion, l.fee, l.vat
            )
        }));
        let t = quote.totals;
        let (base, stage, total) = (t.base, t.stage_adjustment, t.total);
        rows.push(format!("= {} {base} {stage} {} {} {} {total}", t.quantity, t.promotion, t.fee, t.vat));
        rows.join("\n")
    }

    fn reason(quote: &Quote) -> Option<PromotionReason> {
        quote.promotion.as_ref().expect("a code was given").reason
    }

    #[test]
    fn vat_is_added_and_centavos_are_counted() {
        let mut house = QuoteFixture::new([area(1, 12_000_050), area(2, 8_000_000)]);
        house.event.fees = Fees { convenience_rate: BasisPoints(1250), convenience_fixed: 150_000 };
        house.event.vat = Vat { rate: BasisPoints(1900), included: false };
        house.stages = vec![(SaleStage { price_adjustment_value: -1500, ..stage(1) }, None)];
        house.promotion = Some(promotion());
        house.request = request(&[(1, 2), (2, 1)]);
        insta::assert_snapshot!(table(&house.with_code().quote()), @r"
        area qty base stage promotion fee vat total
        Area-1 2 24000100 -3600016 -2040008 2595010 3981466 24936552
        Area-2 1 8000000 -1200000 -680000 915000 1336650 8371650
        = 3 32000100 -4800016 -2720008 3510010 5318116 33308202
        ");
    }

    #[test]
    fn in_chile_there_are_no_decimals_and_vat_is_included() {
        let mut house = QuoteFixture::in_currency(Currency::CLP, [area(1, 15_990)]);
        house.event.fees = Fees { convenience_rate: BasisPoints(999), convenience_fixed: 0 };
        house.event.vat = Vat { rate: BasisPoints(1900), included: true };
        house.request = request(&[(1, 3)]);
        insta::assert_snapshot!(table(&house.quote()), @r"
        area qty base stage promotion fee vat total
        Area-1 3 47970 0 0 4791 8424 52761
        = 3 47970 0 0 4791 8424 52761
        ");
    }

    #[test]
    fn several_tickets_cost_a_multiple_of_one() {
        // Rounded over the line, the fee of three would be 4796 and not 3 * 1599.
        let mut house = QuoteFixture::in_currency(Currency::CLP, [area(1, 15_986)]);
        house.event.fees = Fees { convenience_rate: BasisPoints(1000), convenience_fixed: 0 };
        house.request = request(&[(1, 1)]);
        let one = house.quote().totals;
        house.request = request(&[(1, 3)]);
        let three = house.quote().totals;
        assert_eq!((one.fee, three.fee, three.total), (1599, 3 * 1599, 3 * one.total));
    }

    #[test]
    fn free_tickets_carry_no_fee() {
        let mut house = QuoteFixture::new([area(1, 0), area(2, 5000)]);
        house.event.fees = Fees { convenience_rate: BasisPoints(1000), convenience_fixed: 700 };
        house.request = request(&[(1, 2), (2, 1)]);
        insta::assert_snapshot!(table(&house.quote()), @r"
        area qty base stage promotion fee vat total
        Area-1 2 0 0 0 0 0 0
        Area-2 1 5000 0 0 1200 0 6200
        = 3 5000 0 0 1200 0 6200
        ");
        house.promotion = Some(Promotion { discount_value: 10_000, ..promotion() });
        assert_eq!(house.with_code().quote().totals.total, 0);
    }

    #[test]
    fn a_promotion_that_takes_nothing_off_does_not_apply() {
        let bound = Promotion { total_uses: Some(1), ..promotion() };
        let fixed = |value| Promotion {
            discount_type: AdjustmentType::Fixed,
            discount_value: value,
            currency: Some(Currency::COP),
            ..bound.clone()
        };
        let capped =
            Promotion { max_discount_amount: Some(50), currency: Some(Currency::COP), ..bound.clone() };
        for (price, promotion) in [(0, bound.clone()), (5000, capped), (5000, fixed(40))] {
            let mut house = QuoteFixture::in_currency(Currency::COP, [area(1, price)]);
            house.request = request(&[(1, 1)]);
            house.promotion = Some(promotion);
            let quote = house.with_code().quote();
            assert_eq!(reason(&quote), Some(PromotionReason::NothingOff), "{price}");
            let verdict = quote.promotion.as_ref().expect("a code was given");
            assert_eq!((verdict.applied, verdict.limited, verdict.id), (false, false, None));
            house.request.require_promotion = true;
            let refused = quote.check_required(&house.request).expect_err("nothing is taken off");
            assert_eq!(refused.code(), "promotion_not_applied");
        }
    }

    #[test]
    fn a_more_expensive_stage_is_never_outgrown() {
        let mut house = QuoteFixture::new([area(1, 1000)]);
        let limited = |adjustment| SaleStage {
            price_adjustment_value: adjustment,
            quantity_available: Some(50),
            ..stage(1)
        };
        for (adjustment, is_missed) in [(2000, false), (0, false), (-2000, true)] {
            house.stages = vec![(limited(adjustment), Some(1))];
            house.request = request(&[(1, 2)]);
            assert_eq!(house.quote().outgrown.len(), usize::from(is_missed), "{adjustment}");
        }
    }

    #[test]
    fn seats_are_quoted_in_order() {
        let mut house = QuoteFixture::new([seated_area(1, 100)]);
        house.request.lines[0].quantity = None;
        house.request.lines[0].seats =
            ["B-2", "A-10", "A-9"].map(|seat| seat.parse().expect("a seat")).to_vec();
        let line = house.quote().lines.remove(0);
        assert_eq!(line.seats.iter().map(ToString::to_string).collect::<Vec<_>>(), ["A-9", "A-10", "B-2"]);
        assert_eq!((line.quantity, line.total), (3, 300));
    }

    #[test]
    fn lines_share_a_limited_stage_in_the_order_of_the_areas() {
        let mut house = QuoteFixture::new([area(1, 1000), area(2, 1000)]);
        let early = SaleStage { price_adjustment_value: -5000, quantity_available: Some(50), ..stage(1) };
        house.stages = vec![(early, Some(3)), (SaleStage { priority_order: 9, ..stage(2) }, None)];
        for lines in [[(1, 2), (2, 2)], [(2, 2), (1, 2)]] {
            house.request = request(&lines);
            let quote = house.quote();
            let first = quote.lines.iter().find(|line| line.area_id == area_id(1)).expect("area 1");
            let second = quote.lines.iter().find(|line| line.area_id == area_id(2)).expect("area 2");
            assert_eq!((first.total, second.total), (1000, 2000));
            assert_eq!(first.stage_id, Some(house.stages[0].0.id));
            assert_eq!(quote.lines[0].area_id, area_id(lines[0].0), "lines keep the order of the request");
            let taken: Vec<(bool, u8, bool)> =
                quote.stages.iter().map(|stage| (stage.applied, stage.quantity, stage.limited)).collect();
            assert_eq!(taken, [(true, 2, true), (true, 2, false)]);
        }
        house.stages[0].1 = Some(4);
        assert_eq!(house.quote().totals.total, 2000);
    }

    #[test]
    fn a_promotion_says_why_it_does_not_apply() {
        use PromotionReason as R;
        type Change = fn(&mut Promotion);
        let house = QuoteFixture::new([area(1, 1000), area(2, 1000)]);
        let elsewhere = || EventId::from_uuid(area_id(99).uuid());
        assert_ne!(house.event.id, elsewhere());
        let changes: [(Option<R>, Change); 18] = [
            (None, |_| {}),
            (Some(R::NotFound), |p| p.tenant_id = TenantId::from_uuid(area_id(99).uuid())),
            (Some(R::NotFound), |p| p.promotion_code = "OTHER".parse().expect("a code")),
            (Some(R::Inactive), |p| p.active = false),
            (Some(R::NotStarted), |p| p.start_date = Some(at(1001))),
            (None, |p| p.start_date = Some(at(1000))),
            (Some(R::Ended), |p| p.end_date = Some(at(1000))),
            (None, |p| p.end_date = Some(at(1001))),
            (Some(R::NotForTickets), |p| p.applies_to = AppliesTo::Product),
            (Some(R::NotForEvent), |p| p.applies_to = AppliesTo::Event),
            (Some(R::NotForEvent), |p| p.target_event_id = Some(EventId::from_uuid(area_id(99).uuid()))),
            (Some(R::NotForEvent), |p| p.target_area_id = Some(area_id(99))),
            (Some(R::OtherCurrency), |p| p.currency = Some(Currency::CLP)),
            (Some(R::NotForArea), |p| p.target_area_id = Some(area_id(2))),
            (Some(R::NotForBuyer), |p| p.bound_email = Some("ana@example.com".into())),
            (Some(R::MinQuantity), |p| p.min_quantity = Some(3)),
            (None, |p| p.min_quantity = Some(2)),
            (None, |p| p.total_uses = Some(1)),
        ];
        for (expected, change) in changes {
            let mut promotion = promotion();
            change(&mut promotion);
            let mut house = house.clone();
            house.request = request(&[(1, 2)]);
            house.promotion = Some(promotion);
            let quote = house.with_code().quote();
            assert_eq!(reason(&quote), expected, "{:?}", house.promotion);
            assert_eq!(quote.totals.total, if expected.is_none() { 1800 } else { 2000 });
        }
    }

    #[test]
    fn an_outgrown_stage_is_named_with_the_tickets_it_has_left() {
        let mut house = QuoteFixture::new([area(1, 1000), area(2, 1000)]);
        house.event.fees = Fees { convenience_rate: BasisPoints(1000), convenience_fixed: 0 };
        let early = SaleStage { price_adjustment_value: -5000, quantity_available: Some(9), ..stage(1) };
        house.stages = vec![(early, Some(3))];
        let outgrown = |lines: &[(u64, u32)]| {
            let mut house = house.clone();
            house.request = request(lines);
            let quote = house.quote();
            quote.outgrown.iter().map(|s| (s.target, s.left, s.wanted, s.unit_total)).collect::<Vec<_>>()
        };
        assert_eq!(outgrown(&[(1, 3)]), []);
        assert_eq!(outgrown(&[(1, 4)]), [(Target::Area(area_id(1)), 3, 4, 550)]);
        assert_eq!(outgrown(&[(1, 2), (2, 2)]), [(Target::Area(area_id(2)), 1, 2, 550)], "two are taken");
        assert_eq!(outgrown(&[(1, 3), (2, 1)]), [], "nothing is left for the second line");

        house.request = QuoteRequest { require_stage: true, ..request(&[(1, 4)]) };
        let error = house.quote().check_required(&house.request).expect_err("refused when asked for");
        assert_eq!((error.code(), &error.members()["left"]), ("stage_outgrown", &3.into()));
        assert_eq!(
            error.detail(),
            "Only 3 tickets are left at the price of Stage 1, so none of your 4 has it. Choose no more than 3 to have it."
        );
        house.stages[0].0.price_adjustment_value = 0;
        assert_eq!(house.quote().outgrown, [], "the price is the same");
    }

    #[test]
    fn a_promotion_can_be_required() {
        let mut house = QuoteFixture::new([area(1, 1000)]);
        house.promotion = Some(Promotion { active: false, ..promotion() });
        let mut house = house.with_code();
        assert_eq!(house.quote().totals.total, 1000);
        house.request.require_promotion = true;
        let error = house.quote().check_required(&house.request).expect_err("refused when asked for");
        assert_eq!((error.code(), &error.members()["reason"]), ("promotion_not_applied", &"inactive".into()));
        house.promotion = Some(promotion());
        house.quote().check_required(&house.request).expect("it applies");
        house.request.promotion_code = Some(" ".parse().expect("a line"));
        let error = house.quote_at(at(1000)).expect_err("which one?");
        assert_eq!(error.field_errors()[0].pointer, "/promotion_code");
    }

    #[test]
    fn a_used_up_promotion_tells_all_uses_from_the_buyers() {
        let mut house = QuoteFixture::new([area(1, 1000)]);
        house.promotion = Some(Promotion { total_uses: Some(5), uses_per_buyer: Some(1), ..promotion() });
        let mut house = house.with_code();
        assert_eq!(reason(&house.quote()), None);
        assert!(house.quote().promotion.is_some_and(|verdict| verdict.limited && verdict.applied));
        house.buyer_remaining = Some(0);
        assert_eq!(reason(&house.quote()), Some(PromotionReason::UsedByBuyer));
        house.promotion_remaining = Some(0);
        assert_eq!(reason(&house.quote()), Some(PromotionReason::UsedUp));
    }

    #[test]
    fn a_personal_code_is_for_its_buyer() {
        let mut house = QuoteFixture::new([area(1, 1000)]).with_code();
        house.promotion = Some(Promotion { bound_email: Some("ana@example.com".into()), ..promotion() });
        assert_eq!(reason(&house.quote()), Some(PromotionReason::NotForBuyer));
        house.buyer = Some(OwnAddress { email: "Ana@example.com", confirmed: false });
        assert_eq!(reason(&house.quote()), Some(PromotionReason::EmailUnverified));
        house.buyer = Some(OwnAddress { email: "Ana@example.com", confirmed: true });
        assert_eq!(reason(&house.quote()), None);
    }

    #[test]
    fn impossible_codes_are_unknown_and_an_empty_code_is_no_promotion() {
        let mut house = QuoteFixture::new([area(1, 1000)]);
        for (code, echo) in [("nope", Some("NOPE")), ("¡hola!", Some("¡HOLA!")), ("  ", None), ("", None)] {
            house.request.promotion_code = Some(code.parse().expect("a line"));
            assert_eq!(house.quote().promotion.map(|verdict| verdict.code).as_deref(), echo);
        }
    }

    #[test]
    fn a_promotion_for_an_area_leaves_the_others_alone() {
        let mut house = QuoteFixture::new([area(1, 1000), area(2, 1000)]);
        house.promotion = Some(Promotion {
            applies_to: AppliesTo::Area,
            target_area_id: Some(area_id(2)),
            discount_type: AdjustmentType::Fixed,
            discount_value: 1500,
            ..promotion()
        });
        house.request = request(&[(1, 2), (2, 1)]);
        let quote = house.with_code().quote();
        let promotions: Vec<i64> = quote.lines.iter().map(|line| line.promotion).collect();
        assert_eq!(promotions, [0, -1000], "a fixed discount is capped by the tickets that it is for");
    }

    #[test]
    fn a_promotion_for_few_tickets_reduces_the_most_expensive() {
        let mut house = QuoteFixture::new([area(1, 1000), area(2, 3000), area(3, 3000)]);
        house.request = request(&[(1, 2), (2, 1), (3, 2)]);
        let off = |max_quantity, house: &QuoteFixture| {
            let mut house = house.clone();
            house.promotion = Some(Promotion { discount_value: 5000, max_quantity, ..promotion() });
            let lines = house.with_code().quote().lines;
            lines.iter().map(|line| -line.promotion).collect::<Vec<i64>>()
        };
        assert_eq!(off(Some(1), &house), [0, 1500, 0], "of equals, the area that comes first in the list");
        assert_eq!(off(Some(2), &house), [0, 1500, 1500]);
        assert_eq!(off(Some(4), &house), [500, 1500, 3000]);
        assert_eq!(off(Some(99), &house), off(None, &house));
        let mut cheaper = house;
        cheaper.stages = vec![(
            SaleStage { price_adjustment_value: -9000, target_area_id: Some(area_id(2)), ..stage(1) },
            None,
        )];
        assert_eq!(off(Some(1), &cheaper), [0, 0, 1500], "what a ticket costs in its stage is what counts");
    }

    #[test]
    fn a_fixed_discount_is_per_order() {
        let mut house = QuoteFixture::new([area(1, 1000), area(2, 2000)]);
        house.promotion =
            Some(Promotion { discount_type: AdjustmentType::Fixed, discount_value: 700, ..promotion() });
        house.request = request(&[(1, 3), (2, 2)]);
        assert_eq!(house.with_code().quote().totals.promotion, -700);
    }

    #[test]
    fn a_quote_is_valid_for_a_quarter_of_an_hour_or_until_the_event_ends() {
        let house = QuoteFixture::new([area(1, 1000)]);
        let quote = house.quote();
        assert_eq!((quote.created_at, quote.valid_until), (at(1000), at(1900)));
        let end = house.event.ends_at;
        let late = quote_at(&house, end - SignedDuration::from_secs(10)).expect("still on sale");
        assert_eq!(late.valid_until, end);
        assert_eq!(quote_at(&house, end).expect_err("is over").code(), "event_over");
    }

    fn quote_at(house: &QuoteFixture, now: Timestamp) -> Result<Quote> {
        house.quote_at(now)
    }

    #[test]
    fn events_off_sale_or_with_invalid_prices_are_not_quoted() {
        let mut draft = QuoteFixture::new([area(1, 1000)]);
        draft.event.status = EventStatus::Draft;
        assert_eq!(draft.quote_at(at(1000)).expect_err("a draft").code(), "event_not_on_sale");

        for change in [
            (|house: &mut QuoteFixture| house.areas[0].price = -1) as fn(&mut QuoteFixture),
            |house| house.areas[0].price = i64::MAX,
            |house| house.areas[0].currency = Currency::USD,
            |house| house.event.fees.convenience_rate = BasisPoints(-1),
            |house| house.event.fees.convenience_fixed = i64::MAX,
            |house| house.event.vat.rate = BasisPoints(i32::MAX),
        ] {
            let mut house = QuoteFixture::new([area(1, 1000)]);
            change(&mut house);
            assert_eq!(house.quote_at(at(1000)).expect_err("not valid").code(), "prices_not_valid");
        }
    }

    #[test]
    fn tickets_share_the_total_of_their_line() {
        let mut house = QuoteFixture::new([area(1, 1000)]);
        house.promotion =
            Some(Promotion { discount_type: AdjustmentType::Fixed, discount_value: 1, ..promotion() });
        house.request = request(&[(1, 3)]);
        assert_eq!(house.with_code().quote().lines[0].unit_totals(Currency::ARS), [1000, 1000, 999]);
    }
}
