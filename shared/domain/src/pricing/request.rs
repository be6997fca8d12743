//! Requests for a quote.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Fields;
use crate::event::{Area, AreaKind, Event};
use crate::product::PricedProduct;
use crate::seat::{SeatLabel, Wanted};
use crate::text::Line;
use crate::{AreaId, Currency, Error, EventId, Result, VariantId};

use super::PromotionCode;
use super::draft::Asks;
use super::extras::{self, ExtraRequest};

/// The most areas and products that one order can mix.
pub const MAX_LINES: usize = 10;

/// The most characters that are read as a promotion code, wrong ones included.
const MAX_CODE_CHARS: usize = 64;

/// A request for a quote.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuoteRequest {
    /// The event for which tickets are wanted.
    pub event_id: EventId,
    /// The tickets that are wanted, by area; each area once. Empty for an order of products alone,
    /// which is possible where none of them needs a ticket.
    #[serde(default)]
    #[schemars(length(max = 10))]
    pub lines: Vec<QuoteRequestLine>,
    /// The products that are wanted, by variant; each once. Together with `lines` at most 10.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    pub extras: Vec<ExtraRequest>,
    /// The currency that the buyer expects. An event sells in one currency, so this changes
    /// nothing; another one than the event's is an error.
    pub currency: Option<Currency>,
    /// A promotion code. Unless `require_promotion` is true, one that does not apply is no error:
    /// then `promotion_applied` is false, and `promotion` says why.
    pub promotion_code: Option<Line<0, MAX_CODE_CHARS>>,
    /// True to refuse a quote without a reduction by the promotion (`promotion_not_applied`).
    #[serde(default)]
    pub require_promotion: bool,
    /// True to refuse a quote in which a line wants more tickets than its sale stage has left
    /// (`stage_outgrown`). Otherwise the line has the price of the next stage, and
    /// `outgrown_stages` says so.
    #[serde(default)]
    pub require_stage: bool,
}

/// Tickets of one area: `quantity` for general admission; for numbered rows `seats`, or `quantity` for
/// the best that are free when they are reserved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuoteRequestLine {
    /// The area of the tickets.
    pub area_id: AreaId,
    /// The number of tickets. Not needed with `seats`; else it must be their number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 20))]
    pub quantity: Option<u32>,
    /// The seats, such as `A-12`; only for areas with numbered rows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub seats: Vec<SeatLabel>,
    /// Of numbered seats that are not named: false to take seats apart if there are none together, which
    /// are neighbours or in two rows one behind the other. True if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub together: Option<bool>,
    /// Of numbered seats that are not named: how many are for wheelchairs.
    #[serde(default, skip_serializing_if = "is_none_wanted")]
    #[schemars(range(max = 20))]
    pub accessible: u8,
    /// How many people come along with these. They get companion seats, or others beside.
    #[serde(default, skip_serializing_if = "is_none_wanted")]
    #[schemars(range(max = 20))]
    pub companions: u8,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde wants")]
fn is_none_wanted(seats: &u8) -> bool {
    *seats == 0
}

/// A line of a request that was checked and is possible.
#[derive(Debug)]
pub(super) struct CheckedLine<'a> {
    pub(super) area: &'a Area,
    /// At least 1.
    pub(super) quantity: u8,
    /// Sorted; empty for general admission, and if they are chosen when they are held.
    pub(super) seats: Vec<SeatLabel>,
    /// The wish by which they are chosen, if they are.
    pub(super) wanted: Option<Wanted>,
}

impl QuoteRequest {
    /// The promotion code to look up: `None` without one, and for a text that can not be a code.
    pub fn code(&self) -> Option<PromotionCode> {
        self.promotion_code.as_deref()?.parse().ok()
    }

    /// The variants of products that it names.
    pub fn variants(&self) -> impl Iterator<Item = VariantId> {
        self.extras.iter().map(|extra| extra.variant_id)
    }

    /// Checks everything that does not depend on what is sold, and finds the areas and products.
    pub(super) fn resolve<'a>(
        &self,
        event: &Event,
        areas: &'a [Area],
        products: &[&'a PricedProduct],
        now: Timestamp,
    ) -> Result<Asks<'a>> {
        self.check_frame(event)?;
        let mut fields = Fields::new();
        let mut asks: Vec<CheckedLine<'a>> = Vec::with_capacity(self.lines.len());
        for (index, line) in self.lines.iter().enumerate() {
            let pointer = format!("/lines/{index}");
            let repeated = self.lines[..index].iter().any(|earlier| earlier.area_id == line.area_id);
            fields.rule(
                !repeated,
                format!("{pointer}/area_id"),
                "Name each area once, with all the tickets or seats that you want there.",
            );
            let area = areas.iter().find(|area| area.id == line.area_id && area.event_id == event.id);
            fields.rule(area.is_some(), format!("{pointer}/area_id"), "The event has no such area.");
            if let Some(area) = area {
                asks.push(line.resolve(area, &pointer, event.ticket_limit(), &mut fields));
            }
        }
        let tickets: u32 = asks.iter().map(|ask| u32::from(ask.quantity)).sum();
        let limit = event.ticket_limit();
        fields.rule(
            tickets <= u32::from(limit),
            "/lines",
            format!("An order of this event has at most {limit} tickets."),
        );
        let has_tickets = !self.lines.is_empty();
        let extras = extras::resolve(&self.extras, event, products, has_tickets, now, &mut fields)?;
        fields.finish()?;
        Ok(Asks { lines: asks, extras })
    }

    /// Checks the other fields than the lines, and that the lines are few enough to check.
    fn check_frame(&self, event: &Event) -> Result<()> {
        if let Some(currency) = self.currency.filter(|currency| *currency != event.currency) {
            return Err(Error::unprocessable(
                "currency_mismatch",
                format!(
                    "This event sells in {}, not in {currency}. Leave the currency out or correct it.",
                    event.currency
                ),
            )
            .with("currency", event.currency.code()));
        }
        let mut fields = Fields::new();
        fields.rule(
            self.event_id == event.id,
            "/event_id",
            "This is not the event that the quote is made for.",
        );
        fields.check(
            self.lines.len() <= MAX_LINES,
            "/lines",
            format!("Must have at most {MAX_LINES} lines."),
        );
        fields.check(
            self.extras.len() <= MAX_LINES,
            "/extras",
            format!("Must have at most {MAX_LINES} products."),
        );
        let both = self.lines.len() + self.extras.len();
        fields.rule(both >= 1, "/lines", "Name tickets or products that you want.");
        fields.rule(
            both <= MAX_LINES || self.lines.len() > MAX_LINES || self.extras.len() > MAX_LINES,
            "/extras",
            format!("An order mixes at most {MAX_LINES} areas and products."),
        );
        let has_code = self.promotion_code.as_deref().is_some_and(|code| !code.trim().is_empty());
        fields.rule(
            has_code || !self.require_promotion,
            "/promotion_code",
            "Send the code of the promotion that is required.",
        );
        fields.finish()
    }
}

impl QuoteRequestLine {
    fn resolve<'a>(&self, area: &'a Area, pointer: &str, limit: u8, fields: &mut Fields) -> CheckedLine<'a> {
        let is_chosen = area.kind == AreaKind::Seated && self.seats.is_empty();
        fields.rule(
            is_chosen || (self.together.is_none() && self.accessible == 0 && self.companions == 0),
            pointer,
            "`together`, `accessible` and `companions` are for numbered seats that you do not name.",
        );
        let quantity = match area.kind {
            AreaKind::GeneralAdmission => {
                fields.rule(
                    self.seats.is_empty(),
                    format!("{pointer}/seats"),
                    "This area has no numbered seats. Say how many tickets you want with `quantity`.",
                );
                let quantity = self.quantity.unwrap_or(0);
                fields.rule(quantity >= 1, format!("{pointer}/quantity"), "Must be at least 1.");
                quantity
            }
            AreaKind::Seated if is_chosen => self.resolve_number(pointer, fields),
            AreaKind::Seated => self.resolve_seats(area, pointer, limit, fields),
        };
        // More than 255 is as wrong as 255, which the limit of the order refuses.
        let quantity = u8::try_from(quantity).unwrap_or(u8::MAX);
        let wanted = is_chosen.then(|| self.wanted(quantity));
        if let Some(wanted) = wanted.filter(|wanted| wanted.count > 0) {
            wanted.check(pointer, fields);
        }
        let mut seats = self.seats.clone();
        seats.sort();
        CheckedLine { area, quantity, seats, wanted }
    }

    /// What a buyer wants who names no seats.
    fn wanted(&self, count: u8) -> Wanted {
        let Self { accessible, companions, .. } = *self;
        Wanted { count, accessible, companions, together: self.together.unwrap_or(true) }
    }

    /// The number of seats that are to be chosen.
    fn resolve_number(&self, pointer: &str, fields: &mut Fields) -> u32 {
        let Some(quantity) = self.quantity else {
            fields.rule(
                false,
                format!("{pointer}/seats"),
                "This area has numbered seats. Name those that you want, such as [\"A-12\"], or say with \
                 `quantity` how many of the best.",
            );
            return 0;
        };
        fields.rule(quantity >= 1, format!("{pointer}/quantity"), "Must be at least 1.");
        quantity
    }

    /// The number of seats. Seats that are wrong are noted at `pointer`.
    fn resolve_seats(&self, area: &Area, pointer: &str, limit: u8, fields: &mut Fields) -> u32 {
        let count = u32::try_from(self.seats.len()).unwrap_or(u32::MAX);
        fields.rule(
            self.quantity.is_none_or(|quantity| quantity == count),
            format!("{pointer}/quantity"),
            "Must be the number of seats, or left out.",
        );
        // Comparing each with each is only for as many seats as an order can have.
        if count <= u32::from(limit) {
            for (index, seat) in self.seats.iter().enumerate() {
                let pointer = format!("{pointer}/seats/{index}");
                fields.rule(!self.seats[..index].contains(seat), pointer.clone(), "Name each seat once.");
                fields.rule(area.has_seat(seat), pointer, "The area has no such seat.");
            }
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{area, area_id, event, request, seated_area};
    use super::*;
    use crate::testing::at;
    use serde_json::{Value, json};

    /// The bad fields of a request for an event with general admission (area 1)
    /// and rows A and B with seats 1 to 10 (area 2), as `pointer: detail` lines.
    fn bad_fields(lines: Value) -> String {
        let request = QuoteRequest { lines: serde_json::from_value(lines).expect("lines"), ..request(&[]) };
        let areas = [area(1, 100), seated_area(2, 100)];
        let error = request.resolve(&event(), &areas, &[], at(1000)).expect_err("is refused");
        assert!(matches!(error.code(), "invalid_fields" | "refused_fields"), "{error}");
        error
            .field_errors()
            .iter()
            .map(|field| format!("{}: {}", field.pointer, field.detail))
            .collect::<Vec<_>>()
            .join("\n")
    }

    fn id(n: u64) -> String {
        area_id(n).to_string()
    }

    #[test]
    fn bad_lines_are_named_by_their_pointers() {
        insta::assert_snapshot!(bad_fields(json!([])), @"/lines: Name tickets or products that you want.");
        insta::assert_snapshot!(bad_fields(json!([{"area_id": id(1)}])), @"/lines/0/quantity: Must be at least 1.");
        insta::assert_snapshot!(bad_fields(json!([{"area_id": id(1), "quantity": 0}])), @"/lines/0/quantity: Must be at least 1.");
        insta::assert_snapshot!(bad_fields(json!([{"area_id": id(1), "quantity": 11}])), @"/lines: An order of this event has at most 10 tickets.");
        insta::assert_snapshot!(bad_fields(json!([{"area_id": id(1), "quantity": u32::MAX}, {"area_id": id(1), "quantity": u32::MAX}])), @r"
        /lines/1/area_id: Name each area once, with all the tickets or seats that you want there.
        /lines: An order of this event has at most 10 tickets.
        ");
        insta::assert_snapshot!(bad_fields(json!([{"area_id": id(1), "seats": ["A-1"]}])), @r"
        /lines/0/seats: This area has no numbered seats. Say how many tickets you want with `quantity`.
        /lines/0/quantity: Must be at least 1.
        ");
        insta::assert_snapshot!(bad_fields(json!([{"area_id": id(9), "quantity": 1}])), @"/lines/0/area_id: The event has no such area.");
        insta::assert_snapshot!(bad_fields(json!([{"area_id": id(1), "quantity": 1}, {"area_id": id(2)}])), @r#"/lines/1/seats: This area has numbered seats. Name those that you want, such as ["A-12"], or say with `quantity` how many of the best."#);
        insta::assert_snapshot!(bad_fields(json!([{"area_id": id(2), "seats": ["A-1"], "quantity": 2}])), @"/lines/0/quantity: Must be the number of seats, or left out.");
        insta::assert_snapshot!(bad_fields(json!([{"area_id": id(2), "seats": ["A-1", "C-1", "a-1", "B-11"]}])), @r"
        /lines/0/seats/1: The area has no such seat.
        /lines/0/seats/2: Name each seat once.
        /lines/0/seats/3: The area has no such seat.
        ");
        let many: Vec<String> = (1..=5000).map(|n| format!("A-{n}")).collect();
        insta::assert_snapshot!(bad_fields(json!([{"area_id": id(2), "seats": many}])), @"/lines: An order of this event has at most 10 tickets.");
        let many: Vec<Value> = (0..5000).map(|_| json!({"area_id": id(1), "quantity": 1})).collect();
        insta::assert_snapshot!(bad_fields(json!(many)), @"/lines: Must have at most 10 lines.");
    }

    #[test]
    fn wishes_are_for_numbered_seats_that_are_not_named() {
        insta::assert_snapshot!(bad_fields(json!([{"area_id": id(1), "quantity": 2, "together": true}])), @"/lines/0: `together`, `accessible` and `companions` are for numbered seats that you do not name.");
        insta::assert_snapshot!(bad_fields(json!([{"area_id": id(2), "seats": ["A-1"], "accessible": 1}])), @"/lines/0: `together`, `accessible` and `companions` are for numbered seats that you do not name.");
        insta::assert_snapshot!(bad_fields(json!([{"area_id": id(2), "quantity": 0, "together": false}])), @"/lines/0/quantity: Must be at least 1.");
        insta::assert_snapshot!(bad_fields(json!([{"area_id": id(2), "quantity": 1, "accessible": 1, "companions": 1}])), @"/lines/0/companions: `quantity` counts accessible seats and companions, too.");
        insta::assert_snapshot!(bad_fields(json!([{"area_id": id(2), "quantity": 2, "companions": 1}])), @"/lines/0/companions: Companion seats are for who comes along with a person on an accessible seat.");
        insta::assert_snapshot!(bad_fields(json!([{"area_id": id(2), "quantity": 2, "accessible": 21}])), @r"
        /lines/0/accessible: Must be 0 to 20.
        /lines/0/companions: `quantity` counts accessible seats and companions, too.
        ");
        insta::assert_snapshot!(bad_fields(json!([{"area_id": id(2), "quantity": 11}])), @"/lines: An order of this event has at most 10 tickets.");
        insta::assert_snapshot!(bad_fields(json!([{"area_id": id(2), "quantity": u32::MAX}])), @"/lines: An order of this event has at most 10 tickets.");

        let asks = |line: Value| {
            let lines = serde_json::from_value(json!([line])).expect("lines");
            let request = QuoteRequest { lines, ..request(&[]) };
            let areas = [seated_area(2, 100)];
            let asks = request.resolve(&event(), &areas, &[], at(1000)).expect("is possible");
            (asks.lines[0].quantity, asks.lines[0].seats.len(), asks.lines[0].wanted)
        };
        let wanted = Wanted::together(3);
        assert_eq!(asks(json!({"area_id": id(2), "quantity": 3})), (3, 0, Some(wanted)));
        let apart =
            json!({"area_id": id(2), "quantity": 3, "together": false, "accessible": 1, "companions": 1});
        let wanted = Wanted { accessible: 1, companions: 1, together: false, ..wanted };
        assert_eq!(asks(apart), (3, 0, Some(wanted)));
        assert_eq!(asks(json!({"area_id": id(2), "seats": ["A-1"], "quantity": 1})), (1, 1, None));
    }

    #[test]
    fn the_currency_of_a_request_is_checked() {
        let areas = [area(1, 100)];
        let foreign = QuoteRequest { currency: Some(Currency::USD), ..request(&[(1, 1)]) };
        let error = foreign.resolve(&event(), &areas, &[], at(1000)).expect_err("another currency");
        assert_eq!((error.code(), error.members()["currency"].as_str()), ("currency_mismatch", Some("ARS")));

        let same = QuoteRequest { currency: Some(Currency::ARS), ..request(&[(1, 1)]) };
        assert!(same.resolve(&event(), &areas, &[], at(1000)).is_ok());
    }

    #[test]
    fn an_area_of_another_event_is_not_known() {
        let mut foreign = area(1, 100);
        foreign.event_id = EventId::from_uuid(area_id(7).uuid());
        assert!(request(&[(1, 1)]).resolve(&event(), &[foreign], &[], at(1000)).is_err());
    }

    #[test]
    fn a_request_is_read_strictly() {
        let valid = json!({
            "event_id": event().id, "currency": "ARS", "promotion_code": "x",
            "lines": [{"area_id": id(1), "quantity": 2}, {"area_id": id(2), "seats": ["b-2", "A-3"]}],
        });
        let request: QuoteRequest = serde_json::from_value(valid.clone()).expect("a request");
        assert_eq!(request.code(), None, "x is too short for a code");
        let areas = [area(1, 100), seated_area(2, 100)];
        let asks = request.resolve(&event(), &areas, &[], at(1000)).expect("is possible");
        assert_eq!(asks.lines[1].seats.iter().map(ToString::to_string).collect::<Vec<_>>(), ["A-3", "B-2"]);
        assert_eq!((asks.lines[0].quantity, asks.lines[1].quantity), (2, 2));

        for (pointer, bad) in [
            ("/lines/0/quantity", json!(-1)),
            ("/lines/0/quantity", json!(1.5)),
            ("/lines/0/quantity", json!("2")),
            ("/lines/1/seats/0", json!("A12")),
            ("/currency", json!("PESO")),
            ("/promotion_code", json!("X".repeat(65))),
            ("/event_id", json!(id(1))),
            ("/lines/0", json!({"area_id": id(1), "quantity": 1, "price": 1})),
        ] {
            let mut body = valid.clone();
            *body.pointer_mut(pointer).expect("exists") = bad.clone();
            assert!(serde_json::from_value::<QuoteRequest>(body).is_err(), "{pointer} = {bad}");
        }
    }
}
