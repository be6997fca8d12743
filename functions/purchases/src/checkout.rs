//! Starts payments at a gateway: the page or form to which the buyer is sent, and the order's note
//! of it.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::order::{Change, Order, Payment, PaymentState, StartedPayment};
use domain::payment::{GatewayName, PaymentReference};
use domain::{Error, Money, Result, Timestamp};
use payments::{BuyerStep, Checkout, CreatePayment};
use schemars::JsonSchema;
use serde::Serialize;
use store::StoredEvent;

use crate::gateways::{PaymentAccount, PaymentAccounts};
use crate::{State, cash};
use actions::RequestDigest;

/// Time before the hold's end at which the gateway stops taking money: more than clocks can differ.
const MARGIN: Duration = Duration::from_secs(30);

/// The least time that a buyer needs at the gateway.
const LEAST: Duration = Duration::from_secs(30);

/// The page on which the buyer pays.
#[derive(Debug)]
pub(crate) struct CheckoutPage {
    /// The page to open.
    pub(crate) url: String,
    /// The form that the page posts to the gateway, if the page is the box office's own.
    pub(crate) form: Option<CheckoutForm>,
}

/// A form that a client can post to the gateway by itself.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct CheckoutForm {
    /// The gateway's address, to which the form is posted.
    action: String,
    /// The form's fields and values, all to be sent unchanged.
    fields: BTreeMap<&'static str, String>,
}

/// How the buyer wants to pay.
#[derive(Debug)]
pub(crate) struct PaymentRequest {
    /// The gateway that the buyer chose; if `None`, the organiser's first choice.
    pub(crate) gateway: Option<GatewayName>,
    /// True if the request changed the order's attendees, which are not saved yet.
    pub(crate) corrects: bool,
    /// The digest that recognises a repeated request; `None` without an idempotency key.
    pub(crate) digest: Option<RequestDigest>,
    /// False to keep cash out of the gateway's page.
    pub(crate) cash: bool,
}

/// The time until which a payment can be begun at the gateway's page. `None` if it can not be
/// begun, or has no end: PayU takes cards as long as its page is open.
pub(crate) fn pay_until(order: &Order, payment: &Payment) -> Option<Timestamp> {
    let takes_money = payment.is_open() && payment.state != PaymentState::Processing;
    (takes_money && payment.gateway != GatewayName::Payu).then(|| order.page_end(payment) - MARGIN)
}

/// Returns the way to the buyer's open payment, or starts a new payment.
pub(crate) async fn start(
    accounts: &PaymentAccounts<'_>,
    order: &mut Order,
    sheet: &StoredEvent,
    asked: PaymentRequest,
    now: Timestamp,
) -> Result<CheckoutPage> {
    let expires_at = order.expires_at - MARGIN;
    if expires_at < now + LEAST {
        return Err(Error::gone(
            "reservation_expiring",
            "This reservation ends before a payment could. Cancel it and ask for a new quote.",
        ));
    }
    let state = accounts.state;
    // A page that has ended is of no use, though the order waits for a slip.
    let takes_money = |payment: &&Payment| order.page_end(payment) - MARGIN >= now + LEAST;
    if let Some(payment) = order.open_payment(asked.gateway).filter(takes_money)
        && let Some(account) = accounts.of_payment(payment).await?
    {
        let end = order.page_end(payment) - MARGIN;
        let times = Times { expires_at: end, cash_until: payment.may_extend_to };
        let way = match &payment.checkout_url {
            Some(url) => CheckoutPage { url: url.clone(), form: None },
            None => match create(state, order, sheet, &account, payment.attempt, times).await {
                Ok(checkout) => checkout_page(state, checkout),
                Err(error) => return Err(accounts.with_alternatives(payment.gateway, error).await),
            },
        };
        if asked.corrects {
            *order = state.store.save_order(order, &Change::default(), now).await?;
        }
        return Ok(way);
    }
    let (attempt, account) = (order.next_attempt()?, accounts.open(asked.gateway).await?);
    let gateway = account.gateway.name();
    let cash_until = if asked.cash { cash::offered_until(state, order, sheet, now).await? } else { None };
    let times = Times { expires_at, cash_until };
    let checkout = match create(state, order, sheet, &account, attempt, times).await {
        Ok(checkout) => checkout,
        Err(error) => return Err(accounts.with_alternatives(gateway, error).await),
    };
    let (payment_id, is_repeatable) = (checkout.payment_id.clone(), checkout.is_repeatable);
    let marketplace_fee = if checkout.keeps_fee { order.commission } else { 0 };
    let way = checkout_page(state, checkout);
    let started = StartedPayment {
        attempt,
        gateway,
        account: account.account,
        payment_id,
        checkout_url: (!is_repeatable).then(|| way.url.clone()),
        idempotency: asked.digest.map(|digest| digest.text()),
        cash_until,
        marketplace_fee,
    };
    let change = order.payment_started(started, now);
    *order = state.store.save_order(order, &change, now).await?;
    // Who is suspended meanwhile gets no buyer: this one is not told where to pay.
    state.orders.check_still_sells(order.tenant).await?;
    Ok(way)
}

/// The ends of a payment.
#[derive(Debug, Clone, Copy)]
struct Times {
    /// That of the gateway's page.
    expires_at: Timestamp,
    /// That of its slips; `None` without cash.
    cash_until: Option<Timestamp>,
}

/// Creates the payment at the gateway. Safe to repeat: the same attempt is the same payment.
async fn create(
    state: &State,
    order: &Order,
    sheet: &StoredEvent,
    account: &PaymentAccount,
    attempt: u8,
    Times { expires_at, cash_until }: Times,
) -> Result<Checkout> {
    let reference = PaymentReference { user: order.user, order: order.id, attempt };
    let payment = CreatePayment {
        reference: reference.encode(&state.reference_key.0),
        amount: order.total(),
        seller: sheet.event.name.clone(),
        description: description(order, &sheet.event.name),
        buyer_email: order.buyer.email.clone(),
        buyer_name: order.buyer.name.clone(),
        expires_at,
        cash_until,
        max_installments: account.max_installments,
        marketplace_fee: (account.marketplace && order.commission > 0)
            .then(|| Money::new(order.commission, order.currency)),
        // Gateways append a query, which would be lost after a `#`.
        return_url: format!("{}/purchases/{}", state.public_url, order.id),
        notification_url: notification_url(state, order, account),
        idempotency_key: format!("{}-{attempt}", order.id),
        language: order.language,
    };
    Ok(account.gateway.checkout(&payment).await?)
}

/// What the buyer pays for, in a line: the tickets, or the products of an order without any.
fn description(order: &Order, event: &str) -> String {
    match (order.ticket_count(), order.extras.first()) {
        (0, Some(extra)) => format!("{} × {} ({event})", extra.quantity, extra.name),
        (tickets, _) => format!("{tickets} × {event}"),
    }
}

/// The address for the gateway's notifications. It names the account, because the secret that
/// verifies a notification's signature belongs to the account.
fn notification_url(state: &State, order: &Order, account: &PaymentAccount) -> String {
    let url = format!("{}/api/v1/webhooks/{}", state.public_url, account.gateway.name());
    match account.account {
        Some(account) => format!("{url}?tenant={}&account={account}", order.tenant),
        None => url,
    }
}

fn checkout_page(state: &State, checkout: Checkout) -> CheckoutPage {
    match checkout.step {
        BuyerStep::Open { url } => CheckoutPage { url, form: None },
        BuyerStep::Post { action, fields } => {
            let url = page_with_form(&state.public_url, &action, checkout.expires_at, &fields);
            CheckoutPage { url, form: Some(CheckoutForm { action, fields: fields.into_iter().collect() }) }
        }
    }
}

/// The box office's page that posts a form to the gateway. It posts by itself only before `until`:
/// a gateway may take cards after that. The part after the `#` stays in the browser.
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
    use domain::testing::at;

    use super::*;

    #[test]
    fn checkout_form_fields_stay_in_the_url_fragment() {
        let fields = [("referenceCode", "ref-1".to_owned()), ("buyerFullName", "Ana Ñ & hijas".to_owned())];
        let until = at(0);
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
