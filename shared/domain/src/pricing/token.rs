//! A quote as a signed token: the buyer's client keeps it, and it is not stored.
//!
//! A token is base64url (without padding) of a version byte, the quote as a compact JSON array, and
//! an HMAC-SHA-256 of both. The signature proves that the prices in it are the ones that were
//! shown.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::seat::{SeatLabel, Wanted};
use crate::{
    AreaId, Currency, Error, EventId, ProductId, PromotionId, QuoteId, Result, SaleStageId, TenantId,
    VariantId,
};

use super::{LineAmounts, PromotionVerdict, Quote, QuoteExtra, QuoteLine, StageVerdict, Totals};

/// The longest token that [`open`] reads. The largest possible quote stays below it, as a test
/// shows.
pub const MAX_TOKEN_CHARS: usize = 12 * 1024;

/// The layout of the bytes that follow: a [`Sealed`] quote of tickets alone.
const VERSION: u8 = 1;
/// The layout of a quote with products: an array of the [`Sealed`] quote and its extras. A quote
/// without them keeps the older layout, so that during a deployment only those with products are
/// refused by what runs the old code.
const WITH_EXTRAS: u8 = 2;
/// The layout of a quote with seats that are chosen when they are held: an array of the [`Sealed`]
/// quote, its extras and its wishes. Code that does not know of wishes would sell such a line without
/// its seats.
const WITH_WISHES: u8 = 3;
const MAC_BYTES: usize = 32;

/// The token of `quote`. It has all that is charged; stages and a promotion that did *not* apply
/// only explain the price to the buyer, and are left out.
pub fn seal(quote: &Quote, key: &[u8; 32]) -> String {
    let (sealed, extras, wishes) =
        (Sealed::pack(quote), SealedExtra::pack_all(quote), SealedWish::pack_all(quote));
    let layout = match (extras.is_empty(), wishes.is_empty()) {
        (true, true) => VERSION,
        (false, true) => WITH_EXTRAS,
        (_, false) => WITH_WISHES,
    };
    let mut bytes = vec![layout];
    let written = match layout {
        VERSION => serde_json::to_writer(&mut bytes, &sealed),
        WITH_EXTRAS => serde_json::to_writer(&mut bytes, &SealedWithExtras(sealed, extras)),
        _ => serde_json::to_writer(&mut bytes, &SealedWithWishes(sealed, extras, wishes)),
    };
    written.expect("numbers and texts in arrays are always JSON");
    let mac = mac(key, &bytes).finalize().into_bytes();
    bytes.extend_from_slice(&mac);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The quote in `token`, as [`seal`] left it, if it is genuine and still valid.
///
/// Fails with `quote_invalid` for a text that `seal` did not make with the same key, and with
/// `quote_expired` from `valid_until` on.
pub fn open(token: &str, key: &[u8; 32], now: Timestamp) -> Result<Quote> {
    let quote = verified(token, key).ok_or_else(|| {
        Error::unprocessable(
            "quote_invalid",
            "This is not a quote of ours, or it was changed on its way. Ask for a new quote.",
        )
    })?;
    if quote.valid_until <= now {
        return Err(Error::gone("quote_expired", "This quote has expired. Ask for a new one.")
            .with("valid_until", quote.valid_until.to_string()));
    }
    Ok(quote)
}

/// Reads the token only after its signature was verified.
fn verified(token: &str, key: &[u8; 32]) -> Option<Quote> {
    if token.len() > MAX_TOKEN_CHARS {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (signed, signature) = bytes.split_at_checked(bytes.len().checked_sub(MAC_BYTES)?)?;
    mac(key, signed).verify_slice(signature).ok()?;
    let (version, json) = signed.split_first()?;
    match *version {
        VERSION => serde_json::from_slice::<Sealed>(json).ok()?.unpack(Vec::new(), Vec::new()),
        WITH_EXTRAS => {
            let SealedWithExtras(sealed, extras) = serde_json::from_slice(json).ok()?;
            sealed.unpack(extras, Vec::new())
        }
        WITH_WISHES => {
            let SealedWithWishes(sealed, extras, wishes) = serde_json::from_slice(json).ok()?;
            sealed.unpack(extras, wishes)
        }
        _ => None,
    }
}

fn mac(key: &[u8; 32], bytes: &[u8]) -> Hmac<Sha256> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(bytes);
    mac
}

/// A quote as an array: id, event, tenant, currency, whether VAT is included,
/// created at and valid until (seconds since 1970), lines, applied stages,
/// applied promotion. Sums are left out: they follow.
#[derive(Serialize, Deserialize)]
struct Sealed(
    #[serde(with = "suffix")] QuoteId,
    #[serde(with = "suffix")] EventId,
    #[serde(with = "suffix")] TenantId,
    Currency,
    bool,
    i64,
    i64,
    Vec<SealedLine>,
    Vec<SealedStage>,
    Option<SealedPromotion>,
);

/// Area, its name, quantity, seats, unit base, unit stage adjustment, index of
/// the stage among the applied ones, promotion, fee, VAT.
#[derive(Serialize, Deserialize)]
struct SealedLine(
    #[serde(with = "suffix")] AreaId,
    String,
    u8,
    Vec<SeatLabel>,
    i64,
    i64,
    Option<usize>,
    i64,
    i64,
    i64,
);

/// A quote, and its extras.
#[derive(Serialize, Deserialize)]
struct SealedWithExtras(Sealed, Vec<SealedExtra>);

/// Product, variant, the name of a unit, quantity, unit base, unit stage adjustment, index of the stage
/// among the applied ones, promotion, fee, VAT.
#[derive(Serialize, Deserialize)]
struct SealedExtra(
    #[serde(with = "suffix")] ProductId,
    #[serde(with = "suffix")] VariantId,
    String,
    u8,
    i64,
    i64,
    Option<usize>,
    i64,
    i64,
    i64,
);

/// A quote, its extras, and by which wishes seats are chosen.
#[derive(Serialize, Deserialize)]
struct SealedWithWishes(Sealed, Vec<SealedExtra>, Vec<SealedWish>);

/// Index of the line, whether its seats must be together, accessible seats, companions.
#[derive(Serialize, Deserialize)]
struct SealedWish(usize, bool, u8, u8);

/// Stage, its name, quantity, whether it is limited.
#[derive(Serialize, Deserialize)]
struct SealedStage(#[serde(with = "suffix")] SaleStageId, String, u8, bool);

/// Promotion, its code, whether it is limited.
#[derive(Serialize, Deserialize)]
struct SealedPromotion(#[serde(with = "suffix")] PromotionId, String, bool);

impl Sealed {
    fn pack(quote: &Quote) -> Self {
        let applied = applied_stages(quote);
        let lines = quote.lines.iter().map(|line| {
            SealedLine(
                line.area_id,
                line.area_name.clone(),
                line.quantity,
                line.seats.clone(),
                line.unit_base,
                line.unit_stage_adjustment,
                stage_index(&applied, line.stage_id),
                line.promotion,
                line.fee,
                line.vat,
            )
        });
        let promotion = quote.promotion.as_ref().and_then(|promotion| {
            promotion.id.map(|id| SealedPromotion(id, promotion.code.clone(), promotion.limited))
        });
        Self(
            quote.id,
            quote.event_id,
            quote.tenant_id,
            quote.currency,
            quote.vat_included,
            quote.created_at.as_second(),
            quote.valid_until.as_second(),
            lines.collect(),
            applied.iter().map(|s| SealedStage(s.id, s.name.clone(), s.quantity, s.limited)).collect(),
            promotion,
        )
    }

    /// The quote; `None` if a number is not what [`Sealed::pack`] writes.
    fn unpack(self, extras: Vec<SealedExtra>, wishes: Vec<SealedWish>) -> Option<Quote> {
        let Self(
            id,
            event_id,
            tenant_id,
            currency,
            vat_included,
            created_at,
            valid_until,
            lines,
            stages,
            promotion,
        ) = self;
        let stages: Vec<StageVerdict> = stages.into_iter().map(SealedStage::unpack).collect();
        let mut lines: Vec<QuoteLine> =
            lines.into_iter().map(|line| line.unpack(&stages, vat_included)).collect::<Option<_>>()?;
        for SealedWish(line, together, accessible, companions) in wishes {
            let line = lines.get_mut(line)?;
            line.wanted = Some(Wanted { count: line.quantity, accessible, companions, together });
        }
        let extras: Vec<QuoteExtra> =
            extras.into_iter().map(|extra| extra.unpack(&stages, vat_included)).collect::<Option<_>>()?;
        Some(Quote {
            id,
            event_id,
            tenant_id,
            currency,
            vat_included,
            totals: Totals::of(&lines, &extras),
            lines,
            extras,
            stages,
            outgrown: Vec::new(),
            promotion: promotion.map(SealedPromotion::unpack),
            created_at: Timestamp::from_second(created_at).ok()?,
            valid_until: Timestamp::from_second(valid_until).ok()?,
        })
    }
}

impl SealedLine {
    fn unpack(self, stages: &[StageVerdict], vat_included: bool) -> Option<QuoteLine> {
        let Self(
            area_id,
            area_name,
            quantity,
            seats,
            unit_base,
            unit_stage_adjustment,
            stage,
            promotion,
            fee,
            vat,
        ) = self;
        let charged = Charged { quantity, unit_base, unit_stage_adjustment, stage, promotion, fee, vat };
        let amounts = charged.amounts(stages, vat_included)?;
        Some(QuoteLine { area_id, area_name, seats, wanted: None, amounts })
    }
}

impl SealedWish {
    fn pack_all(quote: &Quote) -> Vec<Self> {
        let wishes = quote.lines.iter().enumerate().filter_map(|(line, of)| Some((line, of.wanted?)));
        wishes
            .map(|(line, wanted)| Self(line, wanted.together, wanted.accessible, wanted.companions))
            .collect()
    }
}

impl SealedExtra {
    fn pack_all(quote: &Quote) -> Vec<Self> {
        let applied = applied_stages(quote);
        let extras = quote.extras.iter().map(|extra| {
            Self(
                extra.product_id,
                extra.variant_id,
                extra.name.clone(),
                extra.quantity,
                extra.unit_base,
                extra.unit_stage_adjustment,
                stage_index(&applied, extra.stage_id),
                extra.promotion,
                extra.fee,
                extra.vat,
            )
        });
        extras.collect()
    }

    fn unpack(self, stages: &[StageVerdict], vat_included: bool) -> Option<QuoteExtra> {
        let Self(
            product_id,
            variant_id,
            name,
            quantity,
            unit_base,
            unit_stage_adjustment,
            stage,
            promotion,
            fee,
            vat,
        ) = self;
        let charged = Charged { quantity, unit_base, unit_stage_adjustment, stage, promotion, fee, vat };
        let amounts = charged.amounts(stages, vat_included)?;
        Some(QuoteExtra { product_id, variant_id, name, amounts })
    }
}

/// The amounts of a line or an extra, as both have them in a token.
struct Charged {
    quantity: u8,
    unit_base: i64,
    unit_stage_adjustment: i64,
    /// The index of the stage among the applied ones.
    stage: Option<usize>,
    promotion: i64,
    fee: i64,
    vat: i64,
}

impl Charged {
    /// All amounts; `None` if there is no such stage.
    fn amounts(self, stages: &[StageVerdict], vat_included: bool) -> Option<LineAmounts> {
        let stage_id = match self.stage {
            Some(index) => Some(stages.get(index)?.id),
            None => None,
        };
        let amounts = LineAmounts {
            quantity: self.quantity,
            unit_base: self.unit_base,
            unit_stage_adjustment: self.unit_stage_adjustment,
            stage_id,
            base: 0,
            stage_adjustment: 0,
            promotion: self.promotion,
            fee: self.fee,
            vat: self.vat,
            total: 0,
        };
        Some(amounts.added_up(vat_included))
    }
}

fn applied_stages(quote: &Quote) -> Vec<&StageVerdict> {
    quote.stages.iter().filter(|stage| stage.applied).collect()
}

fn stage_index(applied: &[&StageVerdict], stage: Option<SaleStageId>) -> Option<usize> {
    stage.and_then(|id| applied.iter().position(|stage| stage.id == id))
}

impl SealedStage {
    fn unpack(self) -> StageVerdict {
        let Self(id, name, quantity, limited) = self;
        StageVerdict { id, name, applied: true, quantity, limited, reason: None, detail: None }
    }
}

impl SealedPromotion {
    fn unpack(self) -> PromotionVerdict {
        let Self(id, code, limited) = self;
        PromotionVerdict { code, id: Some(id), applied: true, limited, reason: None, detail: None }
    }
}

/// Ids without their prefix: the place in the array tells their kind.
mod suffix {
    use std::borrow::Cow;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use type_safe_id::StaticType;

    use crate::ids::Id;

    pub(super) fn serialize<K: StaticType, S: Serializer>(
        id: &Id<K>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&id.suffix())
    }

    pub(super) fn deserialize<'de, K: StaticType, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Id<K>, D::Error> {
        Id::from_suffix(&Cow::<str>::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{
        QuoteFixture, area, area_id, priced_product, promotion, request, seated_area, stage, variant_id,
    };
    use super::super::{MAX_LINES, MAX_PRICE, SaleStage};
    use super::*;
    use crate::event::{Fees, RowLayout, Vat};
    use crate::testing::at;
    use crate::{BasisPoints, Kind};

    const KEY: [u8; 32] = [7; 32];

    /// One line with everything: seats, an applied stage and one that is over, fee, VAT, promotion.
    fn typical() -> Quote {
        let mut house = QuoteFixture::new([seated_area(1, 12_000_000)]);
        house.event.fees = Fees { convenience_rate: BasisPoints(1000), convenience_fixed: 0 };
        house.event.vat = Vat { rate: BasisPoints(1900), included: false };
        house.stages = vec![
            (SaleStage { end_time: Some(at(10)), quantity_available: Some(100), ..stage(1) }, None),
            (SaleStage { price_adjustment_value: -1500, ..stage(2) }, None),
        ];
        house.request.lines[0].quantity = None;
        house.request.lines[0].seats = ["A-1", "A-2"].map(|seat| seat.parse().expect("a seat")).to_vec();
        house.promotion = Some(promotion());
        house.with_code().quote()
    }

    fn code(token: &str) -> &'static str {
        open(token, &KEY, at(1000)).expect_err("is refused").code()
    }

    #[test]
    fn a_sealed_quote_opens() {
        let quote = typical();
        let token = seal(&quote, &KEY);
        assert!(token.len() < 700, "{} characters", token.len());
        let charged =
            Quote { stages: quote.stages.iter().filter(|s| s.applied).cloned().collect(), ..quote.clone() };
        assert_eq!((charged.stages.len(), quote.stages.len()), (1, 2));
        assert_eq!(open(&token, &KEY, at(1000)).expect("opens"), charged);
        assert_eq!(seal(&charged, &KEY), token, "sealing again is the same token");
    }

    #[test]
    fn a_quote_with_products_has_a_layout_of_its_own() {
        let house = QuoteFixture::new([area(1, 1000)]);
        let plain = seal(&house.quote(), &KEY);
        assert_eq!(URL_SAFE_NO_PAD.decode(&plain).expect("base64url")[0], VERSION);
        let mut house = house.with_products(vec![priced_product(1, 500)], &[(1, 2)]);
        house.stages = vec![(
            SaleStage {
                target_product_variant_id: Some(variant_id(1)),
                price_adjustment_value: -1000,
                quantity_available: Some(9),
                ..stage(1)
            },
            None,
        )];
        let quote = house.quote();
        assert_eq!(quote.extras[0].total, 900);
        let token = seal(&quote, &KEY);
        assert_eq!(URL_SAFE_NO_PAD.decode(&token).expect("base64url")[0], WITH_EXTRAS);
        assert_eq!(open(&token, &KEY, at(1000)).expect("opens"), quote);
    }

    #[test]
    fn a_quote_with_seats_to_be_chosen_has_a_layout_of_its_own() {
        let mut house = QuoteFixture::new([area(1, 1000), seated_area(2, 2000)]);
        house.request = request(&[(1, 2), (2, 3)]);
        house.request.lines[1].accessible = 1;
        let mut quote = house.clone().quote();
        let wanted = Wanted { accessible: 1, ..Wanted::together(3) };
        assert_eq!((quote.lines[0].wanted, quote.lines[1].wanted), (None, Some(wanted)));
        quote.lines[1].seats = ["A-1", "A-2", "A-3"].map(|seat| seat.parse().expect("a seat")).to_vec();
        let layout = |token: &str| URL_SAFE_NO_PAD.decode(token).expect("base64url")[0];
        let token = seal(&quote, &KEY);
        assert_eq!(layout(&token), WITH_WISHES);
        assert_eq!(open(&token, &KEY, at(1000)).expect("opens"), quote, "with the suggestion");
        // Beside products, and of seats apart.
        house.request.lines[1].together = Some(false);
        let quote = house.with_products(vec![priced_product(1, 500)], &[(1, 2)]).quote();
        let token = seal(&quote, &KEY);
        assert_eq!(layout(&token), WITH_WISHES);
        assert_eq!(open(&token, &KEY, at(1000)).expect("opens"), quote);
    }

    #[test]
    fn a_promotion_that_did_not_apply_is_left_out() {
        let quote = QuoteFixture::new([area(1, 1000)]).with_code().quote();
        assert!(quote.promotion.is_some());
        let opened = open(&seal(&quote, &KEY), &KEY, at(1000)).expect("opens");
        assert_eq!(opened, Quote { promotion: None, ..quote });
    }

    #[test]
    fn a_token_expires() {
        let token = seal(&typical(), &KEY);
        assert!(open(&token, &KEY, at(1899)).is_ok());
        let error = open(&token, &KEY, at(1900)).expect_err("is over");
        assert_eq!((error.kind(), error.code()), (Kind::Gone, "quote_expired"));
    }

    #[test]
    fn texts_other_than_tokens_are_refused() {
        let token = seal(&typical(), &KEY);
        assert!(open(&token, &[8; 32], at(1000)).is_err(), "another key");
        assert_eq!(code(""), "quote_invalid");
        assert_eq!(code("AQ"), "quote_invalid");
        assert_eq!(code("ñ"), "quote_invalid");
        assert_eq!(code(&"A".repeat(MAX_TOKEN_CHARS)), "quote_invalid");
        assert_eq!(code(&"A".repeat(1_000_000)), "quote_invalid");
        assert_eq!(code(&token[1..]), "quote_invalid");
        assert_eq!(code(&token[..token.len() - 1]), "quote_invalid");
        assert_eq!(code(&format!("{token}A")), "quote_invalid");
        assert_eq!(code(&format!("{token}=")), "quote_invalid");
        assert_eq!(code(&format!(" {token}")), "quote_invalid");
    }

    #[test]
    fn any_changed_character_is_refused() {
        let token = seal(&typical(), &KEY);
        for index in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            for other in [b'A', b'B', b'_', b'=', b'\n'] {
                if token.as_bytes()[index] != other {
                    bytes[index] = other;
                    let changed = String::from_utf8(bytes.clone()).expect("ASCII");
                    assert_eq!(code(&changed), "quote_invalid", "{other} at {index}");
                }
            }
        }
    }

    #[test]
    fn a_genuine_signature_over_something_else_is_refused() {
        let sign = |bytes: &[u8]| {
            let signature = mac(&KEY, bytes).finalize().into_bytes();
            URL_SAFE_NO_PAD.encode([bytes, &signature].concat())
        };
        let sealed = serde_json::to_vec(&Sealed::pack(&typical())).expect("json");
        assert!(open(&sign(&[&[VERSION], &sealed[..]].concat()), &KEY, at(1000)).is_ok());
        for bytes in [
            vec![],
            vec![VERSION],
            vec![VERSION, b'{'],
            [&[WITH_EXTRAS], &sealed[..]].concat(),
            [&[WITH_WISHES], &sealed[..]].concat(),
            [&[WITH_WISHES + 1], &sealed[..]].concat(),
        ] {
            assert_eq!(code(&sign(&bytes)), "quote_invalid");
        }
    }

    #[test]
    fn the_largest_quote_fits() {
        let count = u64::try_from(MAX_LINES).expect("small");
        // Names that are as long as they can be, of characters that take four bytes.
        let mut house = QuoteFixture::new((1..=count).map(|n| {
            let mut area = seated_area(n, MAX_PRICE);
            area.area_name = "🎫".repeat(100);
            area.rows = vec![RowLayout::new("ÑÑÑÑÑÑÑÑ", 9000, 9999)];
            area
        }));
        house.event.max_tickets_per_order = 20;
        house.event.fees = Fees { convenience_rate: BasisPoints(9999), convenience_fixed: MAX_PRICE };
        house.event.vat = Vat { rate: BasisPoints(9999), included: false };
        house.stages = (1..=count)
            .map(|n| {
                let stage = SaleStage {
                    stage_name: "🎫".repeat(SaleStage::MAX_NAME_CHARS),
                    target_area_id: Some(area_id(n)),
                    quantity_available: Some(1000),
                    price_adjustment_value: -1,
                    ..stage(n)
                };
                (stage, None)
            })
            .collect();
        house.request = request(&(1..=count).map(|n| (n, 2)).collect::<Vec<_>>());
        for line in &mut house.request.lines {
            line.seats =
                ["ÑÑÑÑÑÑÑÑ-9998", "ÑÑÑÑÑÑÑÑ-9999"].map(|seat| seat.parse().expect("a seat")).to_vec();
        }
        house.promotion = Some(promotion());
        let quote = house.with_code().quote();
        assert!(quote.stages.iter().all(|stage| stage.applied));
        let token = seal(&quote, &KEY);
        assert!(token.len() <= MAX_TOKEN_CHARS, "{} characters", token.len());
        assert_eq!(open(&token, &KEY, at(1000)).expect("opens"), quote);
    }
}
