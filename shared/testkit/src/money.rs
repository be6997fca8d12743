//! Amounts of the API in minor units, as the table and the gateways have them.

use domain::error::Fields;
use domain::{Currency, Written};
use serde_json::Value;

/// An amount of an answer, in minor units of the currency beside it.
///
/// # Panics
/// If it is not an amount of this currency.
pub fn minor(amount: &Value, currency: &Value) -> i64 {
    let written: Written = serde_json::from_value(amount.clone()).expect("an amount");
    let currency = currency.as_str().and_then(Currency::from_code).expect("a currency");
    let mut fields = Fields::new();
    let minor = written.amount(currency, "/amount", &mut fields);
    fields.finish().expect("no more decimals than the currency has");
    minor
}
