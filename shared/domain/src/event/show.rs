//! The fields of an event as a show: its code, picture and ticket shop, the members' discount and
//! further details.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::Fields;
use crate::event::{Event, EventImage, ImageKind};
use crate::pricing::{AdjustmentType, check_discount};
use crate::{Currency, MAX_TICKETS_PER_ORDER};

/// The most discounts that one event can have for members.
pub const MAX_DISCOUNTS: u32 = 10_000;
/// The most JSON members of an event's further details, at the top level.
pub(super) const MAX_OTHER_DATA: usize = 20;
/// The most bytes of an event's further details, as JSON.
pub(super) const MAX_OTHER_DATA_BYTES: usize = 2048;
/// The most levels to which further details can be nested.
const MAX_OTHER_DATA_DEPTH: usize = 5;
/// The most characters of the URL of a picture or of a ticket shop.
const MAX_ADDRESS_CHARS: usize = 500;

/// The reduction of an order by the code of a member's discount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberDiscount {
    /// A percentage or a fixed amount: the unit of `discount_value`.
    pub discount_type: AdjustmentType,
    /// The reduction: basis points of the price of the tickets that the code is for (1500 is 15 %),
    /// or minor units of the event's currency per order.
    pub discount_value: i64,
    /// The most tickets of an order that are reduced, the most expensive first.
    #[serde(default = "one")]
    pub max_tickets: u8,
}

const fn one() -> u8 {
    1
}

impl MemberDiscount {
    /// Notes a discount that is not possible in `currency`, at `pointer`.
    fn check(&self, currency: Currency, pointer: &str, fields: &mut Fields) {
        let value = format!("{pointer}/discount_value");
        check_discount(fields, &value, self.discount_type, self.discount_value, currency);
        fields.check(
            (1..=MAX_TICKETS_PER_ORDER).contains(&self.max_tickets),
            format!("{pointer}/max_tickets"),
            format!("Must be between 1 and {MAX_TICKETS_PER_ORDER}."),
        );
    }
}

impl Event {
    /// The URL of its main picture: the cover, or else the one that is kept elsewhere, or else the
    /// first of the others.
    pub fn picture(&self) -> Option<&str> {
        let cover = self.images.iter().find(|image| image.kind == ImageKind::Cover);
        cover.map(url_of).or(self.img.as_deref()).or(self.images.first().map(url_of))
    }

    /// Notes every show field with which the event can not be stored.
    pub fn check_show(&self, fields: &mut Fields) {
        let is_code = |code: &str| {
            (2..=50).contains(&code.len())
                && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        fields.check(
            self.code.as_deref().is_none_or(is_code),
            "/code",
            "Must have 2 to 50 letters without accents, digits, hyphens and underscores.",
        );
        check_address(self.img.as_deref(), "/img", fields);
        check_address(self.ticketing_link.as_deref(), "/ticketing_link", fields);
        fields.check(
            self.max_discounts <= MAX_DISCOUNTS,
            "/max_discounts",
            format!("Must be at most {MAX_DISCOUNTS}."),
        );
        fields.rule(
            self.max_discounts == 0 || self.ticketing_link.is_some() || self.member_discount.is_some(),
            "/member_discount",
            "Say what a member's code takes off: the event has discounts for members and is sold here.",
        );
        if let Some(discount) = &self.member_discount {
            discount.check(self.currency, "/member_discount", fields);
        }
        check_other_data(&self.other_data, fields);
    }
}

fn url_of(image: &EventImage) -> &str {
    &image.url
}

fn check_other_data(data: &Map<String, Value>, fields: &mut Fields) {
    check_details(data, MAX_OTHER_DATA_BYTES, "/other_data", fields);
}

/// Notes at `pointer` what keeps further details from being stored; they may have so many bytes as JSON.
pub(super) fn check_details(data: &Map<String, Value>, max_bytes: usize, pointer: &str, fields: &mut Fields) {
    fields.check(
        data.len() <= MAX_OTHER_DATA,
        pointer,
        format!("Must have at most {MAX_OTHER_DATA} members."),
    );
    let bytes = serde_json::to_string(data).map_or(usize::MAX, |json| json.len());
    fields.rule(bytes <= max_bytes, pointer, format!("Must be at most {max_bytes} bytes long as JSON."));
    fields.rule(
        data.values().all(|value| is_shallow(value, MAX_OTHER_DATA_DEPTH - 1)),
        pointer,
        format!("Must be nested at most {MAX_OTHER_DATA_DEPTH} levels deep."),
    );
    fields.rule(
        data.iter().all(|(name, value)| !name.is_empty() && has_names(value)),
        pointer,
        "Every member must have a name.",
    );
    fields.rule(
        data.values().all(has_plain_numbers),
        pointer,
        "Numbers must be whole, or between a billionth and 10^15 on either side of zero. Write others as text.",
    );
}

fn is_shallow(value: &Value, depth: usize) -> bool {
    match value {
        Value::Array(values) => depth > 0 && values.iter().all(|value| is_shallow(value, depth - 1)),
        Value::Object(members) => depth > 0 && members.values().all(|value| is_shallow(value, depth - 1)),
        _ => true,
    }
}

fn has_names(value: &Value) -> bool {
    match value {
        Value::Array(values) => values.iter().all(has_names),
        Value::Object(members) => members.iter().all(|(name, value)| !name.is_empty() && has_names(value)),
        _ => true,
    }
}

/// Whether the table can store every number: it keeps decimals with bounded exponents.
fn has_plain_numbers(value: &Value) -> bool {
    match value {
        Value::Number(number) => {
            number.is_i64()
                || number.is_u64()
                || number.as_f64().is_some_and(|number| {
                    let size = number.abs();
                    size == 0.0 || (1e-9..=1e15).contains(&size)
                })
        }
        Value::Array(values) => values.iter().all(has_plain_numbers),
        Value::Object(members) => members.values().all(has_plain_numbers),
        _ => true,
    }
}

/// The pattern of a URL that [`is_https`] accepts, or of an empty text, for descriptions; space
/// around it is removed.
pub const ADDRESS_PATTERN: &str = r"^[\t-\r ]*(https://[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+(:[!$-.0-;=@-\[\]-~]*)?([/?#][!#-;=?-\[\]-~]*)?)?[\t-\r ]*$";
/// The pattern of an organiser's own code of an event, or of an empty text, for descriptions; space
/// around it is removed.
pub const CODE_PATTERN: &str = r"^[\t-\r ]*([A-Za-z0-9_-]{2,50})?[\t-\r ]*$";

/// Notes an `address` that buyers could not follow, at `pointer`.
pub fn check_address(address: Option<&str>, pointer: &str, fields: &mut Fields) {
    let detail = format!(
        "Must be an address that begins with https:// and has at most {MAX_ADDRESS_CHARS} characters."
    );
    fields.check(address.is_none_or(is_https), pointer, detail);
}

/// True for a URL that browsers open without a warning: `https`, a host with a dot, and no text
/// before an `@` that could look like another host.
pub(crate) fn is_https(address: &str) -> bool {
    let Some(rest) = address.strip_prefix("https://") else { return false };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.split_once(':').map_or(host, |(host, _)| host);
    let labels = host.split('.');
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    address.len() <= MAX_ADDRESS_CHARS
        && address.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'\\'))
        && host.contains('.')
        && labels.into_iter().all(is_label)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::event::EventStatus;
    use crate::pricing::fixture::event;
    use crate::testing::at;

    fn bad(change: impl FnOnce(&mut Event)) -> Vec<String> {
        let mut event = event();
        change(&mut event);
        let mut fields = Fields::new();
        event.check_show(&mut fields);
        let error = fields.finish().err();
        error.iter().flat_map(|error| error.field_errors()).map(|field| field.pointer.clone()).collect()
    }

    fn percent(discount_value: i64, max_tickets: u8) -> MemberDiscount {
        MemberDiscount { discount_type: AdjustmentType::Percentage, discount_value, max_tickets }
    }

    fn data(value: Value) -> Map<String, Value> {
        value.as_object().expect("an object").clone()
    }

    #[test]
    fn invalid_show_fields_are_named() {
        assert_eq!(bad(|_| {}), [""; 0]);
        for code in ["", "X", "A B", "Ñ-1", "a/b", &"x".repeat(51)] {
            assert_eq!(bad(|event| event.code = Some(code.to_owned())), ["/code"], "{code:?}");
        }
        for code in ["LF", "los_faroles-2027", &"x".repeat(50)] {
            assert_eq!(bad(|event| event.code = Some(code.to_owned())), [""; 0], "{code:?}");
        }
        assert_eq!(
            bad(|event| {
                event.img = Some("http://fotos.example/a.png".to_owned());
                event.ticketing_link = Some("boletos.example".to_owned());
                event.max_discounts = MAX_DISCOUNTS + 1;
            }),
            ["/img", "/ticketing_link", "/max_discounts"]
        );
    }

    #[test]
    fn discounts_of_events_sold_here_need_a_value() {
        assert_eq!(bad(|event| event.max_discounts = 40), ["/member_discount"]);
        assert_eq!(
            bad(|event| (event.max_discounts, event.member_discount) = (40, Some(percent(5000, 2)))),
            [""; 0]
        );
        let link = Some("https://boletos.example/1".to_owned());
        assert_eq!(bad(|event| (event.max_discounts, event.ticketing_link) = (40, link)), [""; 0]);
        for discount in [percent(0, 1), percent(10_001, 1)] {
            assert_eq!(
                bad(|event| event.member_discount = Some(discount)),
                ["/member_discount/discount_value"]
            );
        }
        for tickets in [0, 21] {
            assert_eq!(
                bad(|event| event.member_discount = Some(percent(1, tickets))),
                ["/member_discount/max_tickets"]
            );
        }
        let fixed = MemberDiscount { discount_type: AdjustmentType::Fixed, ..percent(10_001, 1) };
        assert_eq!(bad(|event| event.member_discount = Some(fixed)), [""; 0]);
        let read: MemberDiscount =
            serde_json::from_value(json!({"discount_type": "percentage", "discount_value": 1500}))
                .expect("a discount");
        assert_eq!(read, percent(1500, 1));
    }

    #[test]
    fn further_details_are_bounded() {
        let ok =
            json!({"genre": "cumbia", "ages": [16, 99], "rating": 4.5, "zero": 0.0, "by": {"a": {"b": [1]}}});
        assert_eq!(bad(|event| event.other_data = data(ok)), [""; 0]);
        let many = (0..21).map(|n| (n.to_string(), Value::Null)).collect();
        assert_eq!(bad(|event| event.other_data = many), ["/other_data"]);
        for wrong in [
            json!({"long": "x".repeat(2048)}),
            json!({"deep": [[[[[1]]]]]}),
            json!({"deep": {"a": {"b": {"c": {"d": {}}}}}}),
            json!({"": 1}),
            json!({"a": [{"": 1}]}),
            json!({"huge": 1e300}),
            json!({"tiny": [1e-200]}),
        ] {
            assert_eq!(bad(|event| event.other_data = data(wrong.clone())), ["/other_data"], "{wrong}");
        }
        assert_eq!(bad(|event| event.other_data = data(json!({"deep": [[[[1]]]]}))), [""; 0]);
    }

    #[test]
    fn urls_are_https_with_a_plain_host() {
        for address in [
            "https://boletos.example",
            "https://boletos.example:8443/a/b?c=d#e",
            "https://xn--fotos-x.example/%20a.png",
        ] {
            assert!(is_https(address), "{address}");
        }
        for address in [
            "",
            "https://",
            "https:///a",
            "https://localhost",
            "https://a..example",
            "https://a b.example",
            "https://boletos.example@evil.example",
            "https://ñandu.example",
            "https://a.example/\"><script>",
            "HTTPS://a.example",
            "javascript:alert(1)//https://a.example",
            &format!("https://a.example/{}", "x".repeat(500)),
        ] {
            assert!(!is_https(address), "{address}");
        }
    }

    #[test]
    fn a_picture_that_is_kept_elsewhere_stands_for_a_cover() {
        assert_eq!(event().picture(), None);
        let elsewhere = Event { img: Some("https://f.example".to_owned()), ..event() };
        assert_eq!(elsewhere.picture(), Some("https://f.example"));
    }

    #[test]
    fn the_state_says_what_can_be_done() {
        use crate::event::EventStatus::{Cancelled, Draft, Postponed, Published};
        const ALL: [EventStatus; 4] = [Draft, Published, Postponed, Cancelled];
        for (status, next, sells) in [
            (Draft, vec![Draft, Published], Err("event_not_on_sale")),
            (Published, vec![Draft, Published, Postponed, Cancelled], Ok(())),
            (Postponed, vec![Published, Postponed, Cancelled], Err("event_postponed")),
            (Cancelled, vec![Cancelled], Err("event_cancelled")),
        ] {
            let event = Event { status, ..event() };
            let reached =
                ALL.into_iter().filter(|to| event.change_state(*to).is_ok_and(|after| after == *to));
            assert_eq!(reached.collect::<Vec<_>>(), next, "{status:?}");
            let refused = ALL.into_iter().filter_map(|to| event.change_state(to).err());
            assert!(refused.into_iter().all(|error| error.code() == "event_state"), "{status:?}");
            assert_eq!(event.on_sale(at(0)).map_err(|error| error.code()), sells, "{status:?}");
            assert_eq!(
                (status.is_public(), event.sells_here()),
                (status != Draft, sells.is_ok()),
                "{status:?}"
            );
        }
        let over = Event { status: Cancelled, ..event() };
        assert_eq!(over.on_sale(over.ends_at).expect_err("refused").code(), "event_cancelled");
    }

    #[test]
    fn an_event_sold_elsewhere_is_not_on_sale_here() {
        let link = "https://boletos.example/1";
        let elsewhere = Event { ticketing_link: Some(link.to_owned()), ..event() };
        let error = elsewhere.on_sale(at(0)).expect_err("refused");
        assert_eq!(
            (error.code(), error.members()["ticketing_link"].as_str()),
            ("sold_elsewhere", Some(link))
        );
        assert_eq!(elsewhere.on_sale(at(100_000)).expect_err("refused").code(), "event_over");
        event().on_sale(at(0)).expect("on sale");
    }
}
