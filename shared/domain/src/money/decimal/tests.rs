use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// The amount in `currency` that is read from this JSON, or the message or code of the error.
fn read(json: &str, currency: Currency) -> Result<i64, String> {
    let written: Written = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let mut fields = Fields::new();
    let minor = written.amount(currency, "/price", &mut fields);
    fields.finish().map(|()| minor).map_err(|error| error.code().to_owned())
}

fn text(amount: Amount) -> String {
    serde_json::to_string(&amount).expect("JSON")
}

#[test]
fn an_amount_has_no_decimals_or_all_of_its_currency() {
    for (minor, currency, expected) in [
        (10_568_000, Currency::COP, "105680"),
        (8_783_050, Currency::COP, "87830.50"),
        (-5, Currency::ARS, "-0.05"),
        (0, Currency::USD, "0"),
        (9900, Currency::CLP, "9900"),
        (i64::MAX, Currency::COP, "92233720368547758.07"),
        (i64::MIN, Currency::CLP, "-9223372036854775808"),
    ] {
        assert_eq!(text(Amount::of(minor, currency)), expected);
    }
    assert_eq!(serde_json::to_string(&Percent::of(BasisPoints(-250))).expect("JSON"), "-2.50");
    assert_eq!(serde_json::to_string(&Percent::of(BasisPoints(1900))).expect("JSON"), "19");
}

#[test]
fn numbers_and_texts_are_read_alike() {
    for json in ["87830.5", "87830.50", "87830.500000000000", "\"87830.5\"", "\"87830.50\""] {
        assert_eq!(read(json, Currency::COP), Ok(8_783_050), "{json}");
    }
    // A float would lose the last digit of 2^53 + 1.
    assert_eq!(read("9007199254740993", Currency::CLP), Ok(9_007_199_254_740_993));
    assert_eq!(read("-0", Currency::COP), Ok(0));
    assert_eq!(read("999999999999999999", Currency::COP), Ok(i64::MAX), "for bounds to refuse");
}

#[test]
fn json_other_than_plain_numbers_is_refused() {
    for json in [
        "\"\"",
        "\"1,5\"",
        "\"1.\"",
        "\".5\"",
        "\"01\"",
        "\"+1\"",
        "\" 1\"",
        "\"NaN\"",
        "\"COP 5\"",
        "\"1e3\"",
    ] {
        assert!(
            read(json, Currency::COP).is_err_and(|error| error.contains("without an exponent")),
            "{json}"
        );
    }
    for json in ["true", "[1]", "{\"amount\":1}", "null"] {
        assert!(read(json, Currency::COP).is_err(), "{json}");
    }
    for json in [
        "1234567890123456789".to_owned(),
        "1234567890123.4567891".to_owned(),
        "1e18".to_owned(),
        "0.0001e22".to_owned(),
        "1e99999999999999999999".to_owned(),
    ] {
        assert!(read(&json, Currency::COP).is_err_and(|error| error.contains("at most 18 digits")), "{json}");
    }
}

/// JSON has one type of number, and some clients write the large ones with an exponent.
#[test]
fn a_number_may_have_an_exponent_and_a_text_has_the_form_of_the_schema() {
    for (json, minor) in [
        ("1e3", 100_000),
        ("5E-1", 50),
        ("-1.5e+2", -15_000),
        ("8783050e-2", 8_783_050),
        ("0.0001e6", 10_000),
        ("0e99999", 0),
        ("1000e-3", 100),
    ] {
        assert_eq!(read(json, Currency::COP), Ok(minor), "{json}");
    }
    for json in ["\"5.0000000\"", "\"12345678901234\"", &format!("\"{}\"", "9".repeat(5000))] {
        let refused = read(json, Currency::COP).expect_err("not of the schema");
        assert!(refused.contains("13 digits before the point and 5 after it"), "{refused}");
    }
    assert_eq!(read("\"1234567890123.00000\"", Currency::COP), Ok(123_456_789_012_300));
}

#[test]
fn more_decimals_than_the_currency_has_are_refused() {
    assert_eq!(read("10.005", Currency::COP), Err("too_many_decimals".to_owned()));
    assert_eq!(read("0.30000000000000004", Currency::USD), Err("too_many_decimals".to_owned()));
    assert_eq!(read("10.5", Currency::CLP), Err("too_many_decimals".to_owned()));
    assert_eq!(read("10.000", Currency::CLP), Ok(10));
    // A number other than zero is never read as zero, however small it is.
    for json in ["1e-18", "-1e-124", "5e-99999999999999999999", "100000000000.0000009", "12e-30"] {
        assert_eq!(read(json, Currency::COP), Err("too_many_decimals".to_owned()), "{json}");
    }
    let long = format!("0.{}1", "0".repeat(60));
    assert_eq!(read(&long, Currency::COP), Err("too_many_decimals".to_owned()));
    assert_eq!(read(&format!("{long}e61"), Currency::COP), Ok(100));
    let mut fields = Fields::new();
    let written: Written = serde_json::from_str("2.505").expect("a number");
    assert_eq!(written.percent("/rate", &mut fields), BasisPoints(250), "for the bounds not to complain too");
    assert_eq!(fields.finish().expect_err("too fine").code(), "too_many_decimals");
}

#[test]
fn a_number_keeps_its_digits_through_json_values() {
    let of = |value: Value| serde_json::from_value::<Written>(value).expect("a number").to_string();
    assert_eq!(
        (of(json!(50_000)), of(json!(87_830.5)), of(json!("0.07"))),
        ("50000".into(), "87830.5".into(), "0.07".into())
    );
    #[derive(Serialize)]
    struct Flat {
        #[serde(flatten)]
        inner: Inner,
    }
    #[derive(Serialize)]
    struct Inner {
        price: Amount,
    }
    let flat = Flat { inner: Inner { price: Amount::of(8_783_050, Currency::COP) } };
    assert_eq!(serde_json::to_string(&flat).expect("JSON"), r#"{"price":87830.50}"#);
}

#[test]
fn the_schema_has_the_pattern_of_numbers_as_text() {
    let schema = schemars::schema_for!(Written);
    let pattern = schema.get("pattern").and_then(Value::as_str).expect("a pattern");
    assert_eq!(pattern, r"^-?(0|[1-9][0-9]{0,12})(\.[0-9]{1,5})?$");
}

/// Whether a number has no more digits than the schema lets a text have.
fn has_form_of_text(json: &str) -> bool {
    let (whole, fraction) = json.split_once('.').unwrap_or((json, ""));
    whole.trim_start_matches('-').len() <= 13 && fraction.len() <= 5
}

/// Every currency of ISO 4217.
fn currency() -> impl Strategy<Value = Currency> {
    let letters = || (b'A'..=b'Z').map(char::from);
    let codes =
        letters().flat_map(|a| letters().flat_map(move |b| letters().map(move |c| format!("{a}{b}{c}"))));
    let all: Vec<Currency> = codes.filter_map(|code| Currency::from_code(&code)).collect();
    assert!(all.len() > 150, "{}", all.len());
    prop::sample::select(all)
}

proptest! {
    #[test]
    fn written_amounts_are_read_again(minor in -MAX_MINOR..=MAX_MINOR, currency in currency()) {
        let json = text(Amount::of(minor, currency));
        prop_assert_eq!(read(&json, currency), Ok(minor), "{}", json);
        if has_form_of_text(&json) {
            prop_assert_eq!(read(&format!("\"{json}\""), currency), Ok(minor), "{}", json);
        }
        let again: Amount = serde_json::from_str(&json).expect("what was written");
        prop_assert_eq!(again, Amount::of(minor, currency));
    }

    #[test]
    fn one_decimal_more_is_refused(minor in -MAX_MINOR..=MAX_MINOR, digit in 1..=9_u8, currency in currency()) {
        let (sign, size) = (if minor < 0 { "-" } else { "" }, minor.unsigned_abs());
        let unit = 10_u64.pow(currency.exponent());
        let (whole, fraction, width) = (size / unit, size % unit, currency.exponent() as usize);
        let json = match width {
            0 => format!("{sign}{whole}.{digit}"),
            _ => format!("{sign}{whole}.{fraction:0width$}{digit}"),
        };
        let as_text = Some(format!("\"{json}\"")).filter(|_| has_form_of_text(&json));
        for json in as_text.into_iter().chain([json]) {
            prop_assert_eq!(read(&json, currency), Err("too_many_decimals".to_owned()), "{}", json);
        }
    }

    #[test]
    fn rates_survive_as_percentages(rate in -10_000..=100_000_i32) {
        let json = serde_json::to_string(&Percent::of(BasisPoints(rate))).expect("JSON");
        let written: Written = serde_json::from_str(&json).expect("a number");
        let mut fields = Fields::new();
        prop_assert_eq!(written.percent("/rate", &mut fields), BasisPoints(rate));
        prop_assert!(fields.finish().is_ok());
    }

    #[test]
    fn reading_never_panics(text in "[-+0-9.eE, \"]{0,50}") {
        let _ = Decimal::parse_json(&text);
    }
}

/// Far more than any amount of the API, and few enough digits for one decimal more.
const MAX_MINOR: i64 = 10_000_000_000_000_000;
