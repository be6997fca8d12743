//! What the merchant hears once a transaction is decided, and what the buyer's
//! browser brings along.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::{Money, Timestamp};
use reqwest::Url;

use super::signature::{in_confirmations, on_return_pages, sign};
use super::wire::zone;
use super::{Account, method_word, standing};
use crate::actions::Change;
use crate::courier::Letter;
use crate::decimal::two_decimals;
use crate::purchase::{Attempt, Purchase, Status};
use crate::service::{Notice, Occasion};

fn detail<'a>(purchase: &'a Purchase, name: &str) -> &'a str {
    purchase.details.get(name).map_or("", String::as_str)
}

/// The value added tax of Colombia that is in an amount, where PayU adds it.
fn tax(purchase: &Purchase) -> Money {
    let taxed = detail(purchase, "taxed") == "1";
    let tax = if taxed { purchase.amount.amount * 19 / 119 } else { 0 };
    Money::new(tax, purchase.amount.currency)
}

/// `state_pol`, only of what is decided for good.
fn final_state(status: Status) -> Option<&'static str> {
    match status {
        Status::Open | Status::Pending => None,
        Status::Approved => Some("4"),
        Status::Declined | Status::Failed | Status::Cancelled => Some("6"),
        Status::Expired => Some("5"),
    }
}

/// The confirmation; `None` if there is nothing to confirm.
pub(super) fn notice(account: &Account, occasion: &Occasion<'_>) -> Option<Notice> {
    let (purchase, attempt) = (occasion.purchase, occasion.attempt);
    if attempt.status == Status::Pending || !matches!(occasion.change, Change::Created | Change::Updated) {
        return None;
    }
    let url = occasion.target.or(purchase.notification_url.as_deref())?.to_owned();
    let status = occasion.status();
    let (state, currency) = (final_state(status)?, purchase.amount.currency.code());
    let amount = in_confirmations(purchase.amount);
    let signer = Account {
        api_key: occasion.key(&account.api_key).to_owned(),
        hmac_secret: account.hmac_secret.as_deref().map(|secret| occasion.key(secret).to_owned()),
        ..account.clone()
    };
    let values = [&purchase.reference, &amount, currency, state];
    let signature = sign(&signer, detail(purchase, "algorithm"), &values)?;
    let fields = confirmation(account, purchase, attempt, status, state, &signature);
    Some(Arc::new(move |attempt, _: Timestamp| {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(&fields).append_pair("attempts", &(attempt + 1).to_string());
        let kind = "application/x-www-form-urlencoded".to_owned();
        Letter { url: url.clone(), headers: vec![("content-type", kind)], body: form.finish() }
    }))
}

fn confirmation(
    account: &Account,
    purchase: &Purchase,
    attempt: &Attempt,
    status: Status,
    state: &str,
    signature: &str,
) -> Vec<(&'static str, String)> {
    let (_, word, code) = standing(status);
    let (method, method_type) = method_word(attempt.method);
    let local = attempt.updated_at.to_zoned(zone(purchase.amount.currency));
    let zero = || "0.00".to_owned();
    let approved = status == Status::Approved;
    let authorization = if approved { attempt.number.to_string() } else { String::new() };
    let mut fields = vec![
        ("merchant_id", account.merchant_id.clone()),
        ("state_pol", state.to_owned()),
        ("risk", String::new()),
        ("response_code_pol", code.to_owned()),
        ("reference_sale", purchase.reference.clone()),
        ("reference_pol", purchase.number.to_string()),
        ("sign", signature.to_owned()),
        ("extra1", detail(purchase, "extra1").to_owned()),
        ("extra2", detail(purchase, "extra2").to_owned()),
        ("extra3", detail(purchase, "extra3").to_owned()),
        ("payment_method", "10".to_owned()),
        ("payment_method_type", method_type.to_owned()),
        ("installments_number", "1".to_owned()),
        ("value", two_decimals(purchase.amount)),
        ("tax", two_decimals(tax(purchase))),
        ("additional_value", zero()),
        ("transaction_date", local.strftime("%Y-%m-%d %H:%M:%S").to_string()),
        ("date", local.strftime("%Y.%m.%d %H:%M:%S").to_string()),
        ("currency", purchase.amount.currency.code().to_owned()),
        ("email_buyer", purchase.buyer.email.clone()),
        ("test", detail(purchase, "test").to_owned()),
        ("description", purchase.description.clone()),
        ("authorization_code", authorization),
        ("error_code_bank", String::new()),
        ("exchange_rate", "1.00".to_owned()),
        ("ip", "203.0.113.7".to_owned()),
        ("payment_request_state", if approved { "A" } else { "R" }.to_owned()),
        ("payment_method_id", method_type.to_owned()),
        ("response_message_pol", word.to_owned()),
        ("transaction_bank_id", attempt.number.to_string()),
        ("transaction_id", attempt.id.clone()),
        ("payment_method_name", method.to_owned()),
        ("franchise", method.to_owned()),
        ("administrative_fee", zero()),
        ("administrative_fee_base", zero()),
        ("administrative_fee_tax", zero()),
        ("commision_pol", zero()),
        ("billing_country", String::new()),
    ];
    // And many that are empty here.
    let empty = [
        "cus",
        "pse_bank",
        "billing_address",
        "billing_city",
        "shipping_address",
        "shipping_city",
        "shipping_country",
        "phone",
        "office_phone",
        "account_number_ach",
        "account_type_ach",
        "airline_code",
        "bank_id",
        "commision_pol_currency",
        "customer_number",
        "error_message_bank",
        "nickname_buyer",
        "nickname_seller",
        "pse_reference1",
        "pse_reference2",
        "pse_reference3",
        "cc_holder",
        "cc_number",
        "cardType",
    ];
    fields.extend(empty.map(|name| (name, String::new())));
    fields
}

/// The merchant's page with what PayU adds to its address, signed in a way of its own.
pub(super) fn return_url(
    account: &Account,
    purchase: &Purchase,
    attempt: Option<&Attempt>,
) -> Option<String> {
    let mut url: Url = purchase.return_urls[0].as_deref()?.parse().ok()?;
    let Some(attempt) = attempt else { return Some(url.into()) };
    let (state, pol_state) = match attempt.status {
        Status::Approved => ("4", "4"),
        Status::Declined | Status::Cancelled => ("6", "6"),
        Status::Expired => ("5", "5"),
        Status::Open | Status::Pending => ("7", "14"),
        Status::Failed => ("104", "104"),
    };
    let (lap_state, word, code) = standing(attempt.status);
    let (method, method_type) = method_word(attempt.method);
    let (currency, amount) = (purchase.amount.currency.code(), on_return_pages(purchase.amount));
    let values = [&purchase.reference, &amount, currency, state];
    let signature = sign(account, detail(purchase, "algorithm"), &values)?;
    let local = attempt.updated_at.to_zoned(zone(purchase.amount.currency));
    let fields = BTreeMap::from([
        ("merchantId", account.merchant_id.clone()),
        ("merchant_name", account.name.clone()),
        ("transactionState", state.to_owned()),
        ("polTransactionState", pol_state.to_owned()),
        ("lapTransactionState", lap_state.to_owned()),
        ("message", lap_state.to_owned()),
        ("risk", String::new()),
        ("polResponseCode", code.to_owned()),
        ("lapResponseCode", word.to_owned()),
        ("referenceCode", purchase.reference.clone()),
        ("reference_pol", purchase.number.to_string()),
        ("transactionId", attempt.id.clone()),
        ("signature", signature),
        ("polPaymentMethod", "10".to_owned()),
        ("polPaymentMethodType", method_type.to_owned()),
        ("lapPaymentMethod", method.to_owned()),
        ("installmentsNumber", "1".to_owned()),
        ("TX_VALUE", two_decimals(purchase.amount)),
        ("TX_TAX", two_decimals(tax(purchase))),
        ("TX_ADMINISTRATIVE_FEE", "0.00".to_owned()),
        ("currency", currency.to_owned()),
        ("buyerEmail", purchase.buyer.email.clone()),
        ("processingDate", local.strftime("%Y-%m-%d").to_string()),
        ("description", purchase.description.clone()),
        ("lng", if purchase.language == domain::Language::Es { "es" } else { "en" }.to_owned()),
        ("extra1", detail(purchase, "extra1").to_owned()),
        ("extra2", detail(purchase, "extra2").to_owned()),
        ("extra3", detail(purchase, "extra3").to_owned()),
        ("cus", String::new()),
        ("pseBank", String::new()),
        ("authorizationCode", attempt.number.to_string()),
        ("trazabilityCode", attempt.number.to_string()),
    ]);
    url.query_pairs_mut().extend_pairs(&fields);
    Some(url.into())
}
