//! Making the page on which the buyer pays.

use domain::{Currency, Money, Timestamp};
use outbound::{Call, Url};
use serde::{Deserialize, Serialize};

use super::{IDEMPOTENCY_KEY, MercadoPagoGateway, idempotency_key};
use crate::decimal::{Decimal, payable};
use crate::untrusted::{clip, page_address, protocol};
use crate::{BuyerStep, Checkout, CreatePayment, GatewayName, Result};

/// Ways to pay at a counter, which are left out where nobody waits for the money.
const COUNTERS: [Id; 2] = [Id { id: "ticket" }, Id { id: "atm" }];

#[derive(Serialize)]
struct NewPreference<'a> {
    items: [Item<'a>; 1],
    payer: Payer,
    back_urls: BackUrls<'a>,
    auto_return: &'static str,
    notification_url: String,
    external_reference: &'a str,
    expires: bool,
    expiration_date_to: String,
    /// The end of slips, which is later than that of the page.
    #[serde(skip_serializing_if = "Option::is_none")]
    date_of_expiration: Option<String>,
    payment_methods: PaymentMethods,
    /// What Mercado Pago keeps for the operator's application.
    #[serde(skip_serializing_if = "Option::is_none")]
    marketplace_fee: Option<Decimal>,
    #[serde(skip_serializing_if = "String::is_empty")]
    statement_descriptor: String,
}

#[derive(Serialize)]
struct Item<'a> {
    id: &'static str,
    title: String,
    description: &'a str,
    quantity: u8,
    currency_id: Currency,
    unit_price: Decimal,
}

#[derive(Serialize)]
struct Payer {
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    email: String,
}

#[derive(Serialize)]
struct BackUrls<'a> {
    success: &'a str,
    pending: &'a str,
    failure: &'a str,
}

#[derive(Serialize)]
struct PaymentMethods {
    excluded_payment_types: &'static [Id],
    #[serde(skip_serializing_if = "Option::is_none")]
    installments: Option<u8>,
}

#[derive(Serialize)]
struct Id {
    id: &'static str,
}

#[derive(Deserialize)]
struct Preference {
    #[serde(default)]
    external_reference: Option<String>,
    #[serde(default)]
    items: Option<Vec<MadeItem>>,
    marketplace_fee: Option<Decimal>,
    init_point: Option<String>,
    sandbox_init_point: Option<String>,
}

#[derive(Deserialize)]
struct MadeItem {
    unit_price: Option<Decimal>,
}

impl MercadoPagoGateway {
    /// Makes the preference, with the operator's fee if Mercado Pago takes it: a buyer is not to be
    /// turned away because of it.
    pub(super) async fn create_preference(&self, payment: &CreatePayment) -> Result<Checkout> {
        let Some(fee) = payment.marketplace_fee else {
            return self.make_preference(payment, None).await;
        };
        match self.make_preference(payment, Some(fee)).await {
            // How it says so is not documented, so any error that is final may be about the fee.
            Err(error) if !error.may_be_repeated() => {
                tracing::warn!(%error, "Mercado Pago takes no fee for the operator from this account");
                self.make_preference(payment, None).await
            }
            made => made,
        }
    }

    async fn make_preference(&self, payment: &CreatePayment, fee: Option<Money>) -> Result<Checkout> {
        payable(GatewayName::MercadoPago, payment.amount)?;
        let seller = clip(&payment.seller, 100);
        let body = NewPreference {
            // One item for all: the order's fees and discounts have no item of their own.
            items: [Item {
                id: "tickets",
                title: clip(&payment.description, 250),
                description: &seller,
                quantity: 1,
                currency_id: payment.amount.currency,
                unit_price: Decimal::new(payment.amount),
            }],
            payer: Payer { name: clip(&payment.buyer_name, 100), email: clip(&payment.buyer_email, 254) },
            back_urls: BackUrls {
                success: &payment.return_url,
                pending: &payment.return_url,
                failure: &payment.return_url,
            },
            auto_return: "approved",
            notification_url: webhooks_only(&payment.notification_url)?,
            external_reference: &payment.reference,
            expires: true,
            expiration_date_to: with_offset(payment.expires_at),
            date_of_expiration: payment.cash_until.map(with_offset),
            payment_methods: PaymentMethods {
                // Cash machines take days to say what they took.
                excluded_payment_types: if payment.cash_until.is_some() { &COUNTERS[1..] } else { &COUNTERS },
                installments: payment.max_installments,
            },
            marketplace_fee: fee.map(Decimal::new),
            statement_descriptor: on_a_statement(&payment.seller),
        };
        // It is not documented that the same key makes one preference. A second one costs
        // nothing, and the buyer sees one page only.
        let key = match payment.marketplace_fee.is_some() && fee.is_none() {
            true => format!("{}-without-fee", payment.idempotency_key),
            false => payment.idempotency_key.clone(),
        };
        let call = Call::post(["checkout", "preferences"], &body)?
            .idempotency_key(IDEMPOTENCY_KEY, &idempotency_key(&key))?;
        let made: Preference = self.call(&call).await?;
        let other_reference = made.external_reference.is_some_and(|reference| reference != payment.reference);
        let price = made.items.and_then(|items| items.into_iter().next()?.unit_price);
        let other_price =
            price.is_some_and(|price| price.money(payment.amount.currency) != Some(payment.amount));
        if other_reference || other_price {
            return Err(protocol("it created another preference than it was asked for"));
        }
        // An answer has what was asked for; what is said of a fee that is not kept is not documented. So
        // only the same fee is believed.
        let kept = made.marketplace_fee.and_then(|kept| kept.money(payment.amount.currency));
        if fee.is_some() && kept != fee {
            tracing::warn!("Mercado Pago says nothing of the operator's fee");
        }
        let test_page = made.sandbox_init_point.filter(|_| self.test_page);
        let page = test_page.or(made.init_point).ok_or_else(|| protocol("a preference has no page"))?;
        Ok(Checkout {
            // The payment comes into being when the buyer pays.
            payment_id: None,
            step: BuyerStep::Open { url: page_address(&page)? },
            is_repeatable: false,
            keeps_fee: fee.is_some() && kept == fee,
            expires_at: payment.expires_at,
        })
    }
}

/// A time as Mercado Pago's examples have it, with milliseconds and an offset.
pub(super) fn with_offset(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%3f+00:00").to_string()
}

/// Asks for signed webhooks only, and not also for the older notifications, which have
/// no signature.
fn webhooks_only(url: &str) -> Result<String> {
    let mut url: Url = url.parse().map_err(|_| protocol("the notification address is none"))?;
    url.query_pairs_mut().append_pair("source_news", "webhooks");
    Ok(url.into())
}

/// The seller's name as card statements can print it.
fn on_a_statement(seller: &str) -> String {
    let printable = |letter: &char| letter.is_ascii_alphanumeric() || *letter == ' ';
    let text: String = seller.chars().filter(printable).take(22).collect();
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_milliseconds_and_an_offset() {
        let time: Timestamp = "2026-11-20T13:15:00.987654321Z".parse().expect("a time");
        assert_eq!(with_offset(time), "2026-11-20T13:15:00.987+00:00");
        let time: Timestamp = "2026-11-20T13:15:00Z".parse().expect("a time");
        assert_eq!(with_offset(time), "2026-11-20T13:15:00.000+00:00");
    }

    #[test]
    fn notifications_are_asked_for_as_webhooks() {
        let asked = |url: &str| webhooks_only(url).expect("an address");
        assert_eq!(asked("https://b.example/wh/mp"), "https://b.example/wh/mp?source_news=webhooks");
        assert_eq!(asked("https://b.example/wh?a=1"), "https://b.example/wh?a=1&source_news=webhooks");
    }

    #[test]
    fn statements_show_what_they_can_print() {
        assert_eq!(on_a_statement("Sala Ñandú — Conciertos del Sur S.A."), "Sala and  Conciertos d");
        assert_eq!(on_a_statement("音楽"), "");
    }
}
