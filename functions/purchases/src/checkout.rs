//! Sending a buyer to a gateway: the page, the form, and what is noted of it.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::order::{Change, Order, Payment, PaymentState, StartedPayment};
use domain::payment::{GatewayName, PaymentReference};
use domain::{Error, Result, Timestamp};
use payments::{BuyerStep, Checkout, CreatePayment};
use schemars::JsonSchema;
use serde::Serialize;
use store::StoredEvent;

use crate::State;
use crate::gateways::{Till, Tills};
use crate::idempotency::RequestDigest;

/// How long before the hold the gateway stops taking the money: longer than our
/// clocks can differ.
const MARGIN: Duration = Duration::from_secs(30);

/// The least time a buyer needs at the gateway.
const LEAST: Duration = Duration::from_secs(30);

/// How the buyer gets to the gateway.
#[derive(Debug)]
pub(crate) struct WayToPay {
    /// The page to open.
    pub(crate) url: String,
    /// What that page posts, if it is ours.
    pub(crate) form: Option<CheckoutForm>,
}

/// A form that leads to the gateway's page.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct CheckoutForm {
    /// The address to post it to.
    action: String,
    /// Its fields and their values, none of which may be changed.
    fields: BTreeMap<&'static str, String>,
}

/// How the buyer wants to pay.
#[derive(Debug)]
pub(crate) struct Wish {
    /// At which gateway; at the organiser's first choice if it is not said.
    pub(crate) gateway: Option<GatewayName>,
    /// True if `attendees` of the order are not yet written.
    pub(crate) corrects: bool,
    /// What a repetition of the request is known by.
    pub(crate) digest: Option<RequestDigest>,
}

/// Until when somebody can begin to pay; `None` if nobody can, or if it has no end: PayU
/// takes cards as long as its page is open.
pub(crate) fn pay_until(order: &Order, payment: &Payment) -> Option<Timestamp> {
    let takes_money = payment.is_open() && payment.state != PaymentState::Processing;
    (takes_money && payment.gateway != GatewayName::Payu).then(|| order.expires_at - MARGIN)
}

/// Finds the buyer's open payment again, or makes one.
pub(crate) async fn start(
    tills: &Tills<'_>,
    order: &mut Order,
    sheet: &StoredEvent,
    wish: Wish,
    now: Timestamp,
) -> Result<WayToPay> {
    let expires_at = order.expires_at - MARGIN;
    if expires_at < now + LEAST {
        return Err(Error::gone(
            "reservation_expiring",
            "This reservation ends before a payment could. Cancel it and ask for a new quote.",
        ));
    }
    let state = tills.state;
    if let Some(payment) = order.open_payment(wish.gateway)
        && let Some(till) = tills.of_payment(payment).await?
    {
        let way = match &payment.checkout_url {
            Some(url) => WayToPay { url: url.clone(), form: None },
            None => match create(state, order, sheet, &till, payment.attempt, expires_at).await {
                Ok(checkout) => way_to_pay(state, checkout),
                Err(error) => return Err(tills.or_others(payment.gateway, error).await),
            },
        };
        if wish.corrects {
            *order = state.store.save_order(order, &Change::default(), now).await?;
        }
        return Ok(way);
    }
    let (attempt, till) = (order.next_attempt()?, tills.open(wish.gateway).await?);
    let gateway = till.gateway.name();
    let checkout = match create(state, order, sheet, &till, attempt, expires_at).await {
        Ok(checkout) => checkout,
        Err(error) => return Err(tills.or_others(gateway, error).await),
    };
    let (payment_id, is_repeatable) = (checkout.payment_id.clone(), checkout.is_repeatable);
    let way = way_to_pay(state, checkout);
    let started = StartedPayment {
        attempt,
        gateway,
        account: till.account,
        payment_id,
        checkout_url: (!is_repeatable).then(|| way.url.clone()),
        idempotency: wish.digest.map(|digest| digest.text()),
    };
    let change = order.payment_started(started, now);
    *order = state.store.save_order(order, &change, now).await?;
    Ok(way)
}

/// Makes the payment at the gateway; one that is there already once more.
async fn create(
    state: &State,
    order: &Order,
    sheet: &StoredEvent,
    till: &Till,
    attempt: u8,
    expires_at: Timestamp,
) -> Result<Checkout> {
    let reference = PaymentReference { user: order.user, order: order.id, attempt };
    let payment = CreatePayment {
        reference: reference.encode(&state.keys.reference),
        amount: order.total(),
        seller: sheet.event.name.clone(),
        description: format!("{} × {}", order.ticket_count(), sheet.event.name),
        buyer_email: order.buyer.email.clone(),
        buyer_name: order.buyer.name.clone(),
        expires_at,
        // Gateways add a query to it, which would get lost after a `#`.
        return_url: format!("{}/purchases/{}", state.public_url, order.id),
        notification_url: notification_url(state, order, till),
        idempotency_key: format!("{}-{attempt}", order.id),
        language: order.language,
    };
    Ok(till.gateway.checkout(&payment).await?)
}

/// Where the gateway notifies us: it says whose account it is about, because that is
/// what knows how the notification is signed.
fn notification_url(state: &State, order: &Order, till: &Till) -> String {
    let url = format!("{}/api/v1/webhooks/{}", state.public_url, till.gateway.name());
    match till.account {
        Some(account) => format!("{url}?tenant={}&account={account}", order.tenant),
        None => url,
    }
}

fn way_to_pay(state: &State, checkout: Checkout) -> WayToPay {
    match checkout.step {
        BuyerStep::Open { url } => WayToPay { url, form: None },
        BuyerStep::Post { action, fields } => {
            let url = page_with_form(&state.public_url, &action, checkout.expires_at, &fields);
            WayToPay { url, form: Some(CheckoutForm { action, fields: fields.into_iter().collect() }) }
        }
    }
}

/// The page of ours that posts a form: by itself before `until`, for a gateway may take
/// cards after that. What is after the `#` stays in the browser.
fn page_with_form(
    public_url: &str,
    action: &str,
    until: Timestamp,
    fields: &[(&'static str, String)],
) -> String {
    let page = format!("{public_url}/checkout#");
    let start = page.len();
    let mut form = form_urlencoded::Serializer::for_suffix(page, start);
    form.append_pair("action", action).append_pair("until", &until.as_second().to_string());
    form.extend_pairs(fields).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_posted_never_reaches_a_server_on_the_way() {
        let fields = [("referenceCode", "ref-1".to_owned()), ("buyerFullName", "Ana Ñ & hijas".to_owned())];
        let until = Timestamp::from_second(1_795_000_000).expect("in range");
        let url = page_with_form("https://boletos.example", "https://gateway.example/pay/", until, &fields);
        let (page, form) = url.split_once('#').expect("a fragment");
        assert_eq!(page, "https://boletos.example/checkout");
        assert!(form.starts_with("action="), "{form}");
        let pairs: Vec<_> = form_urlencoded::parse(form.as_bytes()).into_owned().collect();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let expected = [
            pair("action", "https://gateway.example/pay/"),
            pair("until", "1795000000"),
            pair("referenceCode", "ref-1"),
            pair("buyerFullName", "Ana Ñ & hijas"),
        ];
        assert_eq!(pairs, expected);
    }
}
