//! What an event says as a show: its code and picture, who sells it, and what
//! members get off.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::Fields;
use crate::event::{Event, EventImage, EventStatus, ImageKind};
use crate::pricing::{AdjustmentType, MAX_PRICE};
use crate::{MAX_TICKETS_PER_ORDER, Timestamp};

/// The most discounts that one event can have for members.
pub const MAX_DISCOUNTS: u32 = 10_000;
/// The most members of an event's further details.
const MAX_OTHER_DATA: usize = 20;
/// The most bytes of an event's further details, as JSON.
const MAX_OTHER_DATA_BYTES: usize = 2048;
/// How deep further details can be nested.
const MAX_OTHER_DATA_DEPTH: usize = 5;
/// The most characters of an address of a picture or of a ticket shop.
const MAX_ADDRESS_CHARS: usize = 500;

/// What the code of a member's discount takes off an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberDiscount {
    /// How `discount_value` is meant.
    pub discount_type: AdjustmentType,
    /// What is taken off: basis points of the price of the tickets that the code
    /// is for (1500 is 15 %), or minor units of the event's currency per order.
    pub discount_value: i64,
    /// The most tickets of an order that something is taken off, the dearest first.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 20))]
    pub max_tickets: u8,
}

const fn one() -> u8 {
    1
}

impl MemberDiscount {
    /// Notes at `pointer` what can not be a discount.
    fn check(&self, pointer: &str, fields: &mut Fields) {
        let (most, detail) = match self.discount_type {
            AdjustmentType::Percentage => {
                (10_000, "A percentage is in basis points, between 1 and 10000.".to_owned())
            }
            AdjustmentType::Fixed => {
                (MAX_PRICE, format!("A fixed discount is in minor units, between 1 and {MAX_PRICE}."))
            }
        };
        fields
            .check((1..=most).contains(&self.discount_value), format!("{pointer}/discount_value"), detail)
            .check(
                (1..=MAX_TICKETS_PER_ORDER).contains(&self.max_tickets),
                format!("{pointer}/max_tickets"),
                format!("Must be between 1 and {MAX_TICKETS_PER_ORDER}."),
            );
    }
}

impl Event {
    /// The internal code, or what stands for it if there is none: the slug.
    pub fn code_or_slug(&self) -> &str {
        self.code.as_deref().unwrap_or(&self.slug)
    }

    /// Where its main picture is: the cover, or else the one that is kept
    /// elsewhere, or else any.
    pub fn picture(&self) -> Option<&str> {
        let cover = self.images.iter().find(|image| image.kind == ImageKind::Cover);
        cover.map(url_of).or(self.img.as_deref()).or(self.images.first().map(url_of))
    }

    /// True while everybody can see it and it is not over.
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.status == EventStatus::Published && now < self.ends_at
    }

    /// The event as the API shows it: without what only the table needs.
    #[must_use]
    pub fn shown(mut self) -> Self {
        self.discount_blocks = 0;
        self
    }

    /// Notes every field of the event as a show with which it can not be stored.
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
        for (pointer, address) in [("/img", &self.img), ("/ticketing_link", &self.ticketing_link)] {
            fields.check(
                address.as_deref().is_none_or(is_https),
                pointer,
                format!(
                    "Must be an address that begins with https:// and has at most {MAX_ADDRESS_CHARS} characters."
                ),
            );
        }
        fields.check(
            self.max_discounts <= MAX_DISCOUNTS,
            "/max_discounts",
            format!("Must be at most {MAX_DISCOUNTS}."),
        );
        fields.check(
            self.max_discounts == 0 || self.ticketing_link.is_some() || self.member_discount.is_some(),
            "/member_discount",
            "Say what a member's code takes off: the event has discounts for members and is sold here.",
        );
        if let Some(discount) = &self.member_discount {
            discount.check("/member_discount", fields);
        }
        check_other_data(&self.other_data, fields);
    }
}

fn url_of(image: &EventImage) -> &str {
    &image.url
}

fn check_other_data(data: &Map<String, Value>, fields: &mut Fields) {
    let pointer = "/other_data";
    fields.check(
        data.len() <= MAX_OTHER_DATA,
        pointer,
        format!("Must have at most {MAX_OTHER_DATA} members."),
    );
    let bytes = serde_json::to_string(data).map_or(usize::MAX, |json| json.len());
    fields.check(
        bytes <= MAX_OTHER_DATA_BYTES,
        pointer,
        format!("Must be at most {MAX_OTHER_DATA_BYTES} bytes long as JSON."),
    );
    fields.check(
        data.values().all(|value| is_shallow(value, MAX_OTHER_DATA_DEPTH - 1)),
        pointer,
        format!("Must be nested at most {MAX_OTHER_DATA_DEPTH} levels deep."),
    );
    fields.check(
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

/// Whether every number survives the table, which keeps decimals with bounded
/// exponents.
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

/// An address on the web that browsers open without a warning: `https`, a host
/// with a dot, nothing before an `@` that could look like another host.
fn is_https(address: &str) -> bool {
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
