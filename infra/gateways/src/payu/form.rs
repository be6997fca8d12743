//! The form that a buyer's browser posts.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::Ordering;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use domain::{Currency, Language, Money, Timestamp};
use reqwest::Url;

use super::signature::sign;
use super::wire::{Wire, zone};
use super::{Account, TELLS};
use crate::checkout::{asked_language, problem, to_page};
use crate::decimal::minor_units;
use crate::ledger::Ledger;
use crate::new_uuid;
use crate::purchase::Buyer;
use crate::purchase::{Method, Purchase};

/// Why there is nothing to pay.
enum Problem {
    Said(&'static str, &'static str),
    Missing(&'static str),
    Storage(io::Error),
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Self::Storage(error)
    }
}

const fn wrong(es: &'static str, en: &'static str) -> Problem {
    Problem::Said(es, en)
}

pub(super) async fn open(State(wire): State<Wire>, headers: HeaderMap, body: Bytes) -> Response {
    let mut given = BTreeMap::new();
    let mut twice = false;
    for (name, value) in form_urlencoded::parse(&body) {
        twice |= given.insert(name.into_owned(), value.into_owned()).is_some();
    }
    let language = match given.get("lng").map(String::as_str) {
        Some("en") => Language::En,
        Some(_) => Language::Es,
        None => asked_language(&headers),
    };
    let made = if twice {
        Err(wrong("Un parámetro está repetido.", "A parameter is there twice."))
    } else {
        make(&wire, &given, language)
    };
    let (status, why) = match made {
        Ok(purchase) => return to_page(&purchase),
        Err(Problem::Said(es, en)) => {
            (StatusCode::UNPROCESSABLE_ENTITY, if language == Language::Es { es } else { en }.to_owned())
        }
        Err(Problem::Missing(field)) => {
            let why =
                if language == Language::Es { "Falta el parámetro" } else { "A parameter is missing:" };
            (StatusCode::UNPROCESSABLE_ENTITY, format!("{why} {field}."))
        }
        Err(Problem::Storage(error)) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    };
    problem(&wire.service, status, language, &why)
}

fn make(wire: &Wire, given: &BTreeMap<String, String>, language: Language) -> Result<Purchase, Problem> {
    let get = |name: &str| given.get(name).map(String::as_str).filter(|value| !value.is_empty());
    let need = |name: &'static str| get(name).ok_or(Problem::Missing(name));
    let (merchant, account) = (need("merchantId")?, need("accountId")?);
    let account = wire
        .accounts
        .find(|known| known.merchant_id == merchant && known.account_id == account)
        .ok_or(wrong("El comercio o la cuenta no existe.", "There is no such merchant or account."))?;
    let (reference, amount_text, currency) = (need("referenceCode")?, need("amount")?, need("currency")?);
    let (description, email) = (need("description")?, need("buyerEmail")?);
    check_signature(&account, given)?;
    let currency = Currency::from_code(currency)
        .filter(|currency| *currency == account.currency || *currency == Currency::USD)
        .ok_or(wrong("La cuenta no recibe esa moneda.", "The account does not take that currency."))?;
    let amount = minor_units(amount_text, currency).filter(|amount| *amount > 0);
    let amount = amount.ok_or(wrong("El monto no es válido.", "The amount is not valid."))?;
    if reference.chars().count() > 255 || description.chars().count() > 255 {
        return Err(wrong("Un parámetro es demasiado largo.", "A parameter is too long."));
    }
    let expires_at = get("expirationDate").map(|text| local_time(text, currency)).transpose()?;
    let page = |name: &str| match get(name).map(str::parse::<Url>) {
        None => Ok(None),
        Some(Ok(url)) if matches!(url.scheme(), "http" | "https") => Ok(get(name).map(str::to_owned)),
        Some(_) => Err(wrong("Una URL no es válida.", "A URL is not valid.")),
    };
    let (return_url, notification_url) = (page("responseUrl")?, page("confirmationUrl")?);
    // What is not told of the tax in Colombia, PayU adds.
    let taxed = get("tax").is_none() && account.currency == Currency::COP;
    let details = [
        ("algorithm", get("algorithmSignature").unwrap_or("MD5")),
        ("test", get("test").unwrap_or("0")),
        ("taxed", if taxed { "1" } else { "0" }),
        ("extra1", get("extra1").unwrap_or_default()),
        ("extra2", get("extra2").unwrap_or_default()),
        ("extra3", get("extra3").unwrap_or_default()),
    ];
    let amount = Money::new(amount, currency);
    // The same form again, for instance after going back, is the same order.
    let known = |ledger: &Ledger<Purchase>| {
        let mut ours = ledger
            .named(reference)
            .filter(|purchase| purchase.reference == reference && purchase.merchant == account.key());
        match ours.next() {
            None => Ok(None),
            Some(before) if before.amount == amount => Ok(Some(before.clone())),
            Some(_) => {
                Err(wrong("El código de referencia ya fue usado.", "The reference code was used before."))
            }
        }
    };
    wire.service.sell(known, |number, now: Timestamp| {
        let id = new_uuid();
        let page = [("page", format!("{}/pay/{id}", wire.service.url))];
        let tells = wire.made.fetch_add(1, Ordering::Relaxed).is_multiple_of(2);
        let tells = tells.then(|| (TELLS, String::new()));
        let details =
            details.map(|(name, value)| (name, value.to_owned())).into_iter().chain(page).chain(tells);
        Ok(Purchase {
            id,
            number,
            merchant: account.key(),
            reference: reference.to_owned(),
            amount,
            seller: account.name.clone(),
            description: description.to_owned(),
            buyer: Buyer {
                email: email.to_owned(),
                name: get("buyerFullName").or(get("payerFullName")).unwrap_or_default().to_owned(),
            },
            language,
            return_urls: [return_url.clone(), return_url.clone(), return_url],
            notification_url,
            created_at: now,
            expires_at,
            methods: methods(get("paymentMethods")),
            details: details.map(|(name, value)| (name.to_owned(), value)).collect(),
            attempts: Vec::new(),
        })
    })
}

/// The signature covers what the browser must not change, amount as it is written.
fn check_signature(account: &Account, given: &BTreeMap<String, String>) -> Result<(), Problem> {
    let get = |name: &str| given.get(name).map(String::as_str).filter(|value| !value.is_empty());
    let values = ["referenceCode", "amount", "currency", "paymentMethods", "iin", "pseBanks"];
    let values: Vec<_> = values.into_iter().filter_map(get).collect();
    let expected = sign(account, get("algorithmSignature").unwrap_or("MD5"), &values)
        .ok_or(wrong("El algoritmo de la firma no existe.", "There is no such algorithm of signatures."))?;
    let signature = get("signature").ok_or(Problem::Missing("signature"))?;
    if signature.eq_ignore_ascii_case(&expected) {
        Ok(())
    } else {
        Err(wrong("La firma digital no es válida.", "The digital signature is not valid."))
    }
}

/// A time such as `2026-11-20 10:15:00`, on the clock of the currency's country.
fn local_time(text: &str, currency: Currency) -> Result<Timestamp, Problem> {
    jiff::civil::DateTime::strptime("%Y-%m-%d %H:%M:%S", text)
        .and_then(|time| time.to_zoned(zone(currency)))
        .map(|time| time.timestamp())
        .map_err(|_| wrong("La fecha de expiración no es válida.", "The expiration date is not valid."))
}

/// The ways to pay, if the merchant names some.
fn methods(named: Option<&str>) -> Vec<Method> {
    let all = [
        (Method::Card, &["VISA", "MASTERCARD", "AMEX", "DINERS"][..]),
        (Method::Wallet, &["NEQUI"]),
        (Method::Bank, &["PSE"]),
        (Method::Cash, &["EFECTY", "BALOTO"]),
    ];
    let wanted =
        |words: &[&str]| named.is_none_or(|named| named.split(',').any(|name| words.contains(&name.trim())));
    all.into_iter().filter(|(_, words)| wanted(words)).map(|(method, _)| method).collect()
}
