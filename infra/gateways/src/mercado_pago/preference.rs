//! Making preferences.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::payable::decimals;
use domain::payment::GatewayName;
use domain::{Currency, Language, Money, Timestamp};
use reqwest::Url;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::api::{Failure, look};
use super::{Account, FEE, PAGE, SLIP_END, Wire, preference_id, written};
use crate::decimal::{Number, minor_units, shortest};
use crate::purchase::Buyer;
use crate::purchase::{Method, Purchase};

#[derive(Deserialize)]
struct NewPreference {
    #[serde(default)]
    items: Vec<Item>,
    #[serde(default)]
    payer: Payer,
    #[serde(default)]
    back_urls: BackUrls,
    auto_return: Option<String>,
    notification_url: Option<String>,
    external_reference: Option<String>,
    #[serde(default)]
    expires: bool,
    expiration_date_to: Option<String>,
    date_of_expiration: Option<String>,
    #[serde(default)]
    payment_methods: Methods,
    marketplace_fee: Option<Box<RawValue>>,
    statement_descriptor: Option<String>,
}

#[derive(Deserialize)]
struct Item {
    title: Option<String>,
    description: Option<String>,
    quantity: Option<i64>,
    currency_id: Option<String>,
    unit_price: Option<Box<RawValue>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Payer {
    name: String,
    email: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct BackUrls {
    success: Option<String>,
    pending: Option<String>,
    failure: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Methods {
    excluded_payment_types: Vec<Id>,
}

#[derive(Deserialize)]
struct Id {
    id: String,
}

/// What a merchant said of a preference, as it was said.
type Given = BTreeMap<String, Box<RawValue>>;

/// The name under which a purchase keeps it.
const GIVEN: &str = "preference";

/// What was asked for, and what became of it.
#[derive(Serialize)]
struct Made {
    total_amount: Number,
    #[serde(flatten)]
    given: Given,
    #[serde(flatten)]
    more: Value,
}

impl Made {
    fn of(wire: &Wire, account: &Account, purchase: &Purchase) -> Result<Self, Failure> {
        let page = |path: &str| format!("{}{path}?pref_id={}", wire.service.url, purchase.id);
        let is_over = purchase.expires_at.is_some_and(|end| end <= wire.service.clock.now());
        let more = json!({
            "id": purchase.id,
            "init_point": page("/checkout/v1/redirect"),
            "sandbox_init_point": page("/sandbox/checkout/v1/redirect"),
            "date_created": written(purchase.created_at),
            "collector_id": account.collector_id,
            "client_id": account.collector_id.to_string(),
            "operation_type": "regular_payment",
            "preference_expired": is_over,
            "site_id": account.site(),
        });
        let mut given = given(purchase)?;
        given.retain(|name, _| name != "total_amount" && more.get(name).is_none());
        Ok(Self { total_amount: Number(shortest(purchase.amount)), given, more })
    }
}

fn invalid(error: &serde_json::Error) -> Failure {
    Failure::invalid(error.to_string())
}

fn given(purchase: &Purchase) -> Result<Given, Failure> {
    let text = purchase.details.get(GIVEN).map_or("{}", String::as_str);
    serde_json::from_str(text).map_err(|error| invalid(&error))
}

pub(super) async fn create(
    State(wire): State<Wire>,
    account: Account,
    body: Bytes,
) -> Result<Response, Failure> {
    let wanted: NewPreference = serde_json::from_slice(&body).map_err(|error| invalid(&error))?;
    let text = std::str::from_utf8(&body).map_err(|error| Failure::invalid(error.to_string()))?;
    let make = |number, now| {
        if wanted.end()?.is_some_and(|end| end <= now) {
            return Err(Failure::invalid("expiration_date_to must be in the future"));
        }
        let mut purchase = wanted.purchase(&account, number, now)?;
        if wire.made.fetch_add(1, Ordering::Relaxed) % 2 == 1 {
            purchase.details.remove(SLIP_END);
        }
        purchase.details.insert(PAGE.to_owned(), format!("{}/pay/{}", wire.service.url, purchase.id));
        purchase.details.insert(GIVEN.to_owned(), text.to_owned());
        Ok(purchase)
    };
    let purchase = wire.service.sell(|_| Ok(None), make)?;
    Ok((StatusCode::CREATED, Json(Made::of(&wire, &account, &purchase)?)).into_response())
}

fn not_found() -> Failure {
    Failure::not_found(404, "Preference")
}

fn own(wire: &Wire, account: &Account, id: &str) -> Result<Purchase, Failure> {
    let found = look(wire, account, id, |purchase| (purchase.id == id).then(|| purchase.clone()))?;
    found.ok_or_else(not_found)
}

pub(super) async fn read(
    State(wire): State<Wire>,
    account: Account,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let purchase = own(&wire, &account, &id)?;
    Ok(Json(Made::of(&wire, &account, &purchase)?).into_response())
}

/// Changes what is named and leaves the rest. Whether an end may be in the past is not
/// documented; here it may, which is how a preference ends at once.
pub(super) async fn change(
    State(wire): State<Wire>,
    account: Account,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, Failure> {
    own(&wire, &account, &id)?;
    let news: Given = serde_json::from_slice(&body).map_err(|error| invalid(&error))?;
    let changed = wire.service.edit(&id, |purchase, _, _| {
        let mut given = given(purchase)?;
        given.extend(news);
        let text = serde_json::to_string(&given).map_err(|error| invalid(&error))?;
        let wanted: NewPreference = serde_json::from_str(&text).map_err(|error| invalid(&error))?;
        let made = wanted.purchase(&account, purchase.number, purchase.created_at)?;
        let page = purchase.details.get(PAGE).cloned().unwrap_or_default();
        let has_own_end = purchase.details.contains_key(SLIP_END);
        *purchase = Purchase { id: purchase.id.clone(), attempts: purchase.attempts.clone(), ..made };
        purchase.details.insert(PAGE.to_owned(), page);
        if !has_own_end {
            purchase.details.remove(SLIP_END);
        }
        purchase.details.insert(GIVEN.to_owned(), text);
        Ok::<_, Failure>((purchase.clone(), None))
    })?;
    Ok(Json(Made::of(&wire, &account, &changed)?).into_response())
}

/// A time with an offset: one without is none.
fn parsed(name: &str, text: Option<&str>) -> Result<Option<Timestamp>, Failure> {
    text.map(str::parse).transpose().map_err(|_: jiff::Error| {
        Failure::invalid(format!("{name} must be a date in the format yyyy-MM-dd'T'HH:mm:ss.SSSZ"))
    })
}

/// What an application keeps of a payment, in minor units. What Mercado Pago says where it may not is not
/// documented; here it refuses.
fn fee_of(written: &str, of: Money, account: &Account) -> Result<i64, Failure> {
    if !account.shares {
        return Err(Failure::invalid("marketplace_fee is not allowed for this seller"));
    }
    let fee = minor_units(written, account.currency).filter(|fee| (1..of.amount).contains(fee));
    fee.ok_or_else(|| Failure::invalid("marketplace_fee invalid"))
}

impl NewPreference {
    fn purchase(self, account: &Account, number: u64, now: Timestamp) -> Result<Purchase, Failure> {
        let (amount, expires_at) = (self.total(account)?, self.end()?);
        let (title, description) = self
            .items
            .into_iter()
            .next()
            .map(|item| (item.title.unwrap_or_default(), item.description.unwrap_or_default()))
            .unwrap_or_default();
        let address = |name: &str, url: Option<String>| match url.as_deref().map(str::parse::<Url>) {
            None => Ok(None),
            Some(Ok(parsed)) if matches!(parsed.scheme(), "http" | "https") => Ok(url),
            Some(_) => Err(Failure::invalid(format!("{name} must be a valid url"))),
        };
        let return_urls = [
            address("back_urls.success", self.back_urls.success)?,
            address("back_urls.pending", self.back_urls.pending)?,
            address("back_urls.failure", self.back_urls.failure)?,
        ];
        if self.auto_return.is_some() && return_urls[0].is_none() {
            return Err(Failure::invalid("auto_return invalid. back_urls.success must be defined"));
        }
        let reference = self.external_reference.unwrap_or_default();
        if reference.chars().count() > 256 {
            return Err(Failure::invalid("external_reference must have at most 256 characters"));
        }
        let mut details = BTreeMap::new();
        if let Some(fee) = &self.marketplace_fee {
            details.insert(FEE.to_owned(), fee_of(fee.get(), amount, account)?.to_string());
        }
        if let Some(end) = parsed("date_of_expiration", self.date_of_expiration.as_deref())? {
            details.insert(SLIP_END.to_owned(), end.to_string());
        }
        if let Some(text) = self.statement_descriptor {
            if text.chars().count() > 22 {
                return Err(Failure::invalid("statement_descriptor must have at most 22 characters"));
            }
            details.insert("statement_descriptor".to_owned(), text);
        }
        let excludes =
            |kind: &str| self.payment_methods.excluded_payment_types.iter().any(|id| id.id == kind);
        let methods = [
            (Method::Card, excludes("credit_card")),
            (Method::Wallet, excludes("account_money")),
            (Method::Bank, excludes("bank_transfer")),
            (Method::Cash, excludes("ticket")),
        ];
        Ok(Purchase {
            id: preference_id(account),
            number,
            merchant: account.key(),
            reference,
            amount,
            seller: account.name.clone(),
            description: if description.is_empty() { title } else { format!("{title} ({description})") },
            buyer: Buyer { email: self.payer.email, name: self.payer.name },
            language: Language::Es,
            return_urls,
            notification_url: address("notification_url", self.notification_url)?,
            created_at: now,
            expires_at,
            methods: methods.into_iter().filter(|(_, out)| !out).map(|(method, _)| method).collect(),
            details,
            attempts: Vec::new(),
        })
    }

    /// Until when it can be paid.
    fn end(&self) -> Result<Option<Timestamp>, Failure> {
        parsed("expiration_date_to", self.expiration_date_to.as_deref().filter(|_| self.expires))
    }

    /// What all items cost.
    fn total(&self, account: &Account) -> Result<Money, Failure> {
        if self.items.is_empty() {
            return Err(Failure::invalid("items needed"));
        }
        let mut total: i64 = 0;
        for item in &self.items {
            if item.title.as_deref().is_none_or(str::is_empty) {
                return Err(Failure::invalid("items[].title needed"));
            }
            let asked = item.currency_id.as_deref().map(Currency::from_code);
            if asked.is_some_and(|asked| asked != Some(account.currency)) {
                return Err(Failure::invalid("currency_id invalid"));
            }
            let quantity = item.quantity.filter(|quantity| (1..=10_000).contains(quantity));
            let quantity =
                quantity.ok_or_else(|| Failure::invalid("quantity must be a number greater than zero"))?;
            let price = item.unit_price.as_ref().map_or("", |price| price.get());
            // Pesos without cents have no decimals at all, not even zeros. Those of Colombia
            // are said to be refused on the page; here they are at once.
            if decimals(GatewayName::MercadoPago, account.currency) == 0 && price.contains('.') {
                return Err(Failure::invalid("unit_price invalid: this currency has no decimals here"));
            }
            let price = minor_units(price, account.currency).filter(|price| *price > 0);
            let price = price.ok_or_else(|| Failure::invalid("unit_price invalid"))?;
            total = price.checked_mul(quantity).and_then(|sum| total.checked_add(sum)).unwrap_or(i64::MAX);
        }
        if total > 10_000_000_000_000 {
            return Err(Failure::invalid("unit_price invalid: too much"));
        }
        Ok(Money::new(total, account.currency))
    }
}
