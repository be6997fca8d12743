//! Broken requests: bodies, addresses, queries and headers that no client should send.

use fastrand::Rng;
use serde_json::{Value, json};

use super::super::calls::Call;
use super::super::document::Operation;
use super::places;
use super::values::Pool;

/// Size in bytes of a body that most routes refuse: their limit is 256 KiB.
const TOO_LARGE: usize = 300 * 1024;
/// Size in bytes of a body that API Gateway hands to no function.
const FAR_TOO_LARGE: usize = 7 * 1024 * 1024;

/// Texts that break code which trusts its input.
const TEXTS: [&str; 44] = [
    "",
    " ",
    "\0",
    "\u{202e}",
    "\u{feff}x",
    "ñandú 🎟️",
    "e\u{301}",
    "x\ny",
    "\r\nSet-Cookie: a=b",
    "null",
    "true",
    "0",
    "-1",
    "1e9",
    "NaN",
    "Infinity",
    "0x10",
    "1,5",
    "USD",
    "XXX",
    "cop",
    "EUR",
    "ZZZZ",
    "CO",
    "co",
    "admin",
    "America/Macondo",
    "../../etc/passwd",
    "%00",
    "%s%n",
    "{{7*7}}",
    "${7*7}",
    "<script>alert(1)</script>",
    "' OR '1'='1",
    "evt_",
    "evt_01",
    "EVT_01H00000000000000000000000",
    "A-0",
    "A-99999",
    "2026-13-45T99:99:99Z",
    "0000-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999999Z",
    "-009999-01-01T00:00:00Z",
    "2026-11-21T00:00:00+25:00",
];

/// A value that fits hardly any field.
fn hostile(rng: &mut Rng) -> Value {
    match rng.u8(..30) {
        0 => Value::Null,
        1 => json!(rng.bool()),
        2 => json!([]),
        3 => json!({}),
        4 => json!([null]),
        5 => json!({"$ref": "#"}),
        6 => json!(-1),
        7 => json!(0),
        8 => json!(rng.u64(..300)),
        9 => json!(i64::MAX),
        10 => json!(i64::MIN),
        11 => json!(u64::MAX),
        12 => json!(65_536),
        13 => json!(4_294_967_296_u64),
        14 => json!(0.5),
        15 => json!(1e300),
        16 => json!("x".repeat(rng.usize(1..20_000))),
        17 => json!("ñ".repeat(rng.usize(1..600))),
        18 => (0..rng.usize(1..60)).fold(json!(1), |inner, _| json!([inner])),
        19 => vec![json!("A-1"); rng.usize(1..3_000)].into(),
        _ => json!(TEXTS[rng.usize(..TEXTS.len())]),
    }
}

/// The body with one place in it changed.
pub(super) fn mutate(mut body: Value, pool: &Pool, rng: &mut Rng) -> Value {
    let places = places(&body);
    let place = &places[rng.usize(..places.len())];
    let spot = body.pointer_mut(place).expect("a place of this body");
    match (rng.u8(..10), spot) {
        (0 | 1, Value::Object(members)) => {
            let names: Vec<String> = members.keys().cloned().collect();
            if let Some(name) = rng.choice(&names) {
                members.remove(name);
            }
        }
        (2 | 3, Value::Object(members)) => {
            let name = ["unknown", "id", "tenant_id", "__proto__", "", "price", "role"][rng.usize(..7)];
            members.insert(name.to_owned(), hostile(rng));
        }
        (0..4, Value::Array(items)) => {
            let copies = rng.usize(0..1_500);
            let item = items.first().cloned().unwrap_or_else(|| hostile(rng));
            items.extend(std::iter::repeat_n(item, copies));
        }
        (4, spot) => *spot = pool.any_id(rng).into(),
        (5, Value::Number(number)) => *number = number.as_i64().unwrap_or(1).wrapping_neg().into(),
        (_, spot) => *spot = hostile(rng),
    }
    body
}

/// A body that mostly does not fit its content type, or has none.
pub(super) fn raw_body(body: Option<&Value>, rng: &mut Rng) -> (Option<&'static str>, Vec<u8>) {
    let json = Some("application/json");
    let text = body.map_or_else(|| "{}".to_owned(), Value::to_string);
    let cut = |rng: &mut Rng| {
        let at = rng.usize(..=text.len());
        text.bytes().take(at).collect::<Vec<u8>>()
    };
    match rng.u8(..22) {
        0 | 1 => (json, cut(rng)),
        2 => (json, format!("{text}{text}").into_bytes()),
        3 => (json, "[".repeat(20_000).into_bytes()),
        4 => (json, "{\"a\":".repeat(20_000).into_bytes()),
        5 => (json, b"\xff\xfe{\"a\":1}".to_vec()),
        6 => (json, format!("\u{feff}{text}").into_bytes()),
        7 => (json, Vec::new()),
        8 => (json, b"null".to_vec()),
        9 => (json, "9".repeat(500).into_bytes()),
        10 => (json, br#"{"email":"\ud800"}"#.to_vec()),
        11 => (json, format!("{{\"padding\":\"{}\"}}", "x".repeat(TOO_LARGE)).into_bytes()),
        12 => (json, format!("{text}{}", " ".repeat(TOO_LARGE)).into_bytes()),
        13 if rng.u8(..4) == 0 => (json, vec![b' '; FAR_TOO_LARGE]),
        13 => (json, text.replace('"', "'").into_bytes()),
        14 => (json, format!("{},\"unknown\":1}}", text.trim_end_matches('}')).into_bytes()),
        15 => (None, text.into_bytes()),
        16 => (Some("text/plain"), text.into_bytes()),
        17 => (Some("application/x-www-form-urlencoded"), b"email=ana%40example.com&quantity=1".to_vec()),
        18 => (Some("multipart/form-data; boundary=x"), b"--x\r\n\r\n{}\r\n--x--".to_vec()),
        19 => (Some("application/json; charset=utf-16"), text.into_bytes()),
        20 => (Some("application/vnd.taquilla+json"), text.into_bytes()),
        _ => (Some(";;;/"), text.into_bytes()),
    }
}

/// The address with one of its path parameters replaced; without any, with a broken end.
pub(super) fn address(operation: &Operation, call: &Call, pool: &Pool, rng: &mut Rng) -> String {
    let mut call = call.clone();
    if call.path.is_empty() {
        return format!(
            "{}{}",
            call.address(operation),
            ["/", "//", "%2f", "/..%2f..", ";a=b", "%00", "/x"][rng.usize(..7)]
        );
    }
    let index = rng.usize(..call.path.len());
    let value = &mut call.path[index].1;
    *value = match rng.u8(..16) {
        0 => "%00".to_owned(),
        1 => "%ff%fe".to_owned(),
        2 => "%2e%2e%2f%2e%2e%2fetc%2fpasswd".to_owned(),
        3 => format!("{value}%20"),
        4 => format!("{value}%2F"),
        5 => value.to_uppercase(),
        6 => value.chars().skip(1).collect(),
        7 => "a".repeat(rng.usize(1..6_000)),
        8 => "%F0%9F%8E%9F".to_owned(),
        9 => "%25".to_owned(),
        10 => "%zz".to_owned(),
        11 => "%7Bid%7D".to_owned(),
        12 => "'%22%3E%3Cscript%3E".to_owned(),
        _ => match value.split_once('_') {
            Some((prefix, _)) if rng.bool() => pool.id(prefix, rng),
            _ => pool.any_id(rng),
        },
    };
    call.address(operation)
}

/// An address with these query parameters instead of its own.
pub(super) fn with_query(address: &str, query: &[(String, String)]) -> String {
    let path = address.split('?').next().unwrap_or_default();
    let pairs: Vec<String> = query.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) }
}

/// The value percent-encoded, except for what is encoded already.
fn encode(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~%".contains(&byte);
    value
        .bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// A query of known and unknown parameters with values that are mostly wrong.
pub(super) fn query(operation: &Operation, rng: &mut Rng) -> Vec<(String, String)> {
    let mut names: Vec<String> = operation
        .parameters("query")
        .map(|parameter| parameter["name"].as_str().expect("a name").to_owned())
        .collect();
    names.extend(["limit", "cursor", "unknown"].map(str::to_owned));
    (0..rng.usize(1..4))
        .map(|_| {
            let name = names[rng.usize(..names.len())].clone();
            let value = match rng.u8(..12) {
                0 => "-1".to_owned(),
                1 => "0".to_owned(),
                2 => "101".to_owned(),
                3 => "99999999999999999999".to_owned(),
                4 => "1.5".to_owned(),
                5 => "%ff".to_owned(),
                6 => "%00".to_owned(),
                // Cursors that decode, but to no position in any list.
                7 => "RVYjMjAyNg".to_owned(),
                8 => "TyM".to_owned(),
                9 => "a".repeat(rng.usize(1..3_000)),
                _ => TEXTS[rng.usize(..TEXTS.len())].to_owned(),
            };
            (name, value)
        })
        .collect()
}

/// A header that clients do not send, or not with this value.
pub(super) fn header(rng: &mut Rng) -> (&'static str, String) {
    let headers = [
        ("authorization", "Bearer"),
        ("authorization", "Bearer "),
        ("authorization", "Basic YTpi"),
        ("authorization", "Bearer a.b.c"),
        ("authorization", "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1c3IifQ."),
        ("idempotency-key", ""),
        ("idempotency-key", "with space"),
        ("idempotency-key", "one-key-for-all"),
        ("if-none-match", "*"),
        ("if-none-match", "W/\"x\", \"y\",,,"),
        ("accept", "image/gif;q=0"),
        ("accept-language", "xx-YY;q=2"),
        ("accept-encoding", "br;q=1, gzip;q=2"),
        ("content-encoding", "gzip"),
        ("x-forwarded-for", "not an address"),
        ("x-request-id", "chosen by the caller"),
        ("x-http-method-override", "DELETE"),
        ("x-device-secret", "guessed"),
        ("x-sandbox-signature", "t=1,v1=00"),
        ("x-sandbox-signature", "t=,v1="),
        ("range", "bytes=0-0"),
        ("cookie", "a; =b; c=\"d"),
        ("origin", "null"),
        ("user-agent", ""),
    ];
    match rng.u8(..20) {
        0 => ("authorization", format!("Bearer {}", "a".repeat(rng.usize(1..9_000)))),
        1 => ("idempotency-key", "k".repeat(rng.usize(100..400))),
        2 => ("user-agent", "u".repeat(rng.usize(1..4_000))),
        3 => ("if-none-match", "\"x\",".repeat(rng.usize(1..1_000))),
        _ => {
            let (name, value) = headers[rng.usize(..headers.len())];
            (name, value.to_owned())
        }
    }
}
