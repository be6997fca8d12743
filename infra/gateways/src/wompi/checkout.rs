//! The address that buyers are sent to.

use std::collections::BTreeMap;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use domain::{Currency, Language, Money, Timestamp};
use reqwest::Url;
use sha2::{Digest, Sha256};

use super::{Account, Wire};
use crate::actions::ActError;
use crate::checkout::{asked_language, problem, to_page};
use crate::ledger::Ledger;
use crate::new_uuid;
use crate::purchase::Buyer;
use crate::purchase::{Method, Purchase};

/// All values one after the other, hashed.
fn integrity(reference: &str, cents: &str, expiration: &str, secret: &str) -> String {
    hex::encode(Sha256::digest(format!("{reference}{cents}COP{expiration}{secret}")))
}

/// Why there is nothing to pay.
enum Problem {
    Said(StatusCode, &'static str, &'static str),
    Storage(ActError),
}

impl From<std::io::Error> for Problem {
    fn from(error: std::io::Error) -> Self {
        Self::Storage(error.into())
    }
}

const fn wrong(es: &'static str, en: &'static str) -> Problem {
    Problem::Said(StatusCode::UNPROCESSABLE_ENTITY, es, en)
}

pub(super) async fn open(
    State(wire): State<Wire>,
    headers: HeaderMap,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Response {
    let language = asked_language(&headers);
    let why = match make(&wire, pairs, language) {
        Ok(purchase) => return to_page(&purchase),
        Err(Problem::Said(status, es, en)) => {
            let why = if language == Language::Es { es } else { en };
            return problem(&wire.service, status, language, why);
        }
        Err(Problem::Storage(error)) => error.to_string(),
    };
    problem(&wire.service, StatusCode::INTERNAL_SERVER_ERROR, language, &why)
}

fn make(wire: &Wire, pairs: Vec<(String, String)>, language: Language) -> Result<Purchase, Problem> {
    let mut given = BTreeMap::new();
    for (name, value) in pairs {
        if given.insert(name, value).is_some() {
            return Err(wrong("Un parámetro está repetido.", "A parameter is there twice."));
        }
    }
    let get = |name: &str| given.get(name).map(String::as_str).filter(|value| !value.is_empty());
    let key = get("public-key").unwrap_or_default();
    let account = wire.accounts.find(|account| account.public_key == key);
    let account = account.ok_or(Problem::Said(
        StatusCode::NOT_FOUND,
        "La llave pública no existe.",
        "There is no such public key.",
    ))?;
    if get("currency") != Some("COP") {
        return Err(wrong("La moneda debe ser COP.", "The currency must be COP."));
    }
    let cents_text = get("amount-in-cents").unwrap_or_default();
    let cents = cents_text.parse::<i64>().ok().filter(|cents| (1..=10_000_000_000_000).contains(cents));
    let cents = cents.ok_or(wrong("El monto no es válido.", "The amount is not valid."))?;
    let reference = get("reference").filter(|reference| reference.chars().count() <= 255);
    let reference = reference.ok_or(wrong("La referencia no es válida.", "The reference is not valid."))?;
    let expiration = get("expiration-time");
    let expected =
        integrity(reference, cents_text, expiration.unwrap_or_default(), &account.integrity_secret);
    if get("signature:integrity") != Some(&expected) {
        return Err(wrong("La firma es inválida.", "The signature is invalid."));
    }
    let expires_at =
        match expiration {
            None => None,
            Some(text) if text.ends_with('Z') => Some(text.parse::<Timestamp>().map_err(|_| {
                wrong("La fecha de expiración no es válida.", "The expiration is not a time.")
            })?),
            Some(_) => {
                return Err(wrong("La fecha de expiración debe ser UTC.", "The expiration must be in UTC."));
            }
        };
    let redirect = get("redirect-url");
    let is_page = |url: &str| url.parse::<Url>().is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    if redirect.is_some_and(|url| !is_page(url)) {
        return Err(wrong("La URL de redirección no es válida.", "The redirect URL is not valid."));
    }
    let buyer = Buyer {
        email: get("customer-data:email").unwrap_or_default().to_owned(),
        name: get("customer-data:full-name").unwrap_or_default().to_owned(),
    };
    let Account { public_key, name, events_url, .. } = account;
    // The same address again, for instance after going back, is the same checkout.
    let known = |ledger: &Ledger<Purchase>| {
        let mut ours = ledger
            .named(reference)
            .filter(|purchase| purchase.reference == reference && purchase.merchant == public_key);
        match ours.next() {
            None => Ok(None),
            Some(before) if before.details.get("signature") == Some(&expected) => Ok(Some(before.clone())),
            Some(_) => Err(wrong("La referencia ya ha sido usada.", "The reference was used before.")),
        }
    };
    wire.service.sell(known, |number, now| {
        if expires_at.is_some_and(|end| end <= now) {
            return Err(wrong("El plazo para pagar terminó.", "The time to pay is over."));
        }
        Ok(Purchase {
            id: new_uuid(),
            number,
            merchant: public_key.clone(),
            reference: reference.to_owned(),
            amount: Money::new(cents, Currency::COP),
            seller: name,
            description: reference.to_owned(),
            buyer,
            language,
            return_urls: [redirect; 3].map(|url| url.map(str::to_owned)),
            notification_url: events_url,
            created_at: now,
            expires_at,
            methods: vec![Method::Card, Method::Wallet, Method::Bank, Method::Cash],
            details: BTreeMap::from([("signature".to_owned(), expected.clone())]),
            attempts: Vec::new(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_the_documented_vectors() {
        let secret = "prod_integrity_Z5mMke9x0k8gpErbDqwrJXMqsI6SFli6";
        for (expiration, expected) in [
            ("", "37c8407747e595535433ef8f6a811d853cd943046624a0ec04662b17bbf33bf5"),
            ("2023-06-09T20:28:50.000Z", "e972f58e7de36b283fbb93d9318d39a54ffdff4e8e917b534f30d63c9d7bb89c"),
        ] {
            assert_eq!(integrity("sk8-438k4-xmxm392-sn2m", "2490000", expiration, secret), expected);
        }
    }
}
