use schemars::JsonSchema;
use serde_json::json;

use super::*;

/// A request as functions declare them.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only described")]
struct Request {
    id: domain::EventId,
    #[schemars(length(min = 1, max = 3))]
    lines: Vec<Line>,
    language: Option<Language>,
    email: domain::user::Email,
    starts_at: Timestamp,
    #[schemars(extend("x-aliases" = ["note"]))]
    message: Option<String>,
}

#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only described")]
struct Line {
    #[schemars(range(min = 1, max = 10))]
    quantity: u32,
    seats: Option<Vec<domain::seat::SeatLabel>>,
}

/// All faults of a value, as aide would describe its type.
fn broken<T: JsonSchema>(value: &Value) -> Vec<String> {
    let (schema, components) = testing::described::<T>();
    let broken = Schemas(Some(&components)).broken(&schema, value, "");
    broken.into_iter().map(|broken| format!("{}: {}", broken.field.pointer, broken.field.detail)).collect()
}

fn id() -> String {
    domain::EventId::generate(Timestamp::UNIX_EPOCH).to_string()
}

fn right() -> Value {
    json!({
        "id": id(), "lines": [{"quantity": 2, "seats": ["A-1"]}], "language": "es",
        "email": "ana@example.com", "starts_at": "2026-11-21T20:00:00-05:00",
    })
}

#[test]
fn nothing_is_wrong_with_what_is_right() {
    assert_eq!(broken::<Request>(&right()), [""; 0]);
    let mut sparse = right();
    (sparse["language"], sparse["note"], sparse["lines"]) =
        (Value::Null, json!("hola"), json!([{"quantity": 10}]));
    assert_eq!(broken::<Request>(&sparse), [""; 0]);
}

#[test]
fn every_wrong_place_is_found_and_explained() {
    let found = broken::<Request>(&json!({
        "id": "area_1",
        "lines": [{"quantity": 0}, {"quantity": "two", "price": 1}, {"quantity": 1, "seats": ["A-0", 7]}],
        "language": "fr",
        "email": "ana at example",
        "starts_at": "tomorrow",
        "message": 7,
        "ciudad": "x",
    }));
    let expected = [
        "/id: Must match the pattern `^evt_[0-7][0-9a-hjkmnp-tv-z]{25}$`.",
        "/lines/0/quantity: Must be between 1 and 10.",
        "/lines/1/quantity: Must be a whole number, not a text.",
        "/lines/1/price: Unknown field `price`, expected `quantity` or `seats`.",
        "/lines/2/seats/0: Must look like `A-12`.",
        "/lines/2/seats/1: Must be a text, not a number.",
        "/language: Unknown value `fr`, expected `es` or `en`.",
        "/email: Must be an e-mail address such as ana@example.com.",
        "/starts_at: Must be a time with its offset from UTC, such as 2026-11-21T20:00:00Z.",
        "/message: Must be a text, not a number.",
        "/ciudad: Unknown field `ciudad`, expected one of `id`, `lines`, `language`, `email`, `starts_at`, `message`.",
    ];
    assert_eq!(found, expected);
}

#[test]
fn what_is_missing_is_pointed_at() {
    let found = broken::<Request>(&json!({"lines": []}));
    let required = |name: &str| format!("/{name}: This field is required.");
    let lines = "/lines: Must have between 1 and 3 items.".to_owned();
    assert_eq!(found, [lines, required("id"), required("email"), required("starts_at")]);
    assert_eq!(broken::<Request>(&json!([])), [": Must be an object with members, not a list."]);
}

#[test]
fn of_several_kinds_the_one_that_fits_best_is_meant() {
    #[derive(JsonSchema)]
    #[serde(tag = "is", rename_all = "snake_case")]
    #[expect(dead_code, reason = "only described")]
    enum Prize {
        Seat { label: domain::seat::SeatLabel },
        Money { amount: u64, currency: domain::money::Currency },
    }
    let found = broken::<Option<Prize>>(&json!({"is": "money", "amount": -1}));
    assert_eq!(found, ["/amount: Must be at least 0.", "/currency: This field is required."]);
    assert_eq!(broken::<Option<Prize>>(&json!(7)), [": Must be an object with members, not a number."]);
    assert_eq!(broken::<Option<Prize>>(&Value::Null), [""; 0]);
}

#[test]
fn a_long_list_of_wrong_things_ends() {
    let lines = vec![json!({"quantity": -1}); 10_000];
    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only described")]
    struct Many {
        lines: Vec<Line>,
    }
    assert_eq!(broken::<Many>(&json!({"lines": lines})).len(), MAX_FOUND);
}

#[test]
fn nothing_long_or_invisible_is_repeated() {
    let name = "\u{1}x".repeat(500);
    let found = broken::<Line>(&json!({"quantity": 1, name: 1}));
    let [found] = &found[..] else { panic!("{found:?}") };
    assert!(found.contains(&format!("Unknown field `{}…`", "x".repeat(60))), "{found}");
}
