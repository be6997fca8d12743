//! Buyers without an account who stand at a gateway's page when the box office opens: one pays by card,
//! the other takes a slip to pay in cash tomorrow.
//!
//! Their reservations and payments are written like any, and the payments exist at the simulated gateways.
//! What happens there next, the gateways notify, and the box office does the rest as it does for
//! everybody: so an order is paid, and another one waits.

use std::sync::Arc;
use std::time::Duration;

use boot::{Boot, ConfigError};
use domain::cash::CashPolicy;
use domain::gateway_account::choose;
use domain::order::{Order, StartedPayment};
use domain::payment::{GatewayName, PaymentReference};
use domain::{Error, GatewayAccountId, Result, Timestamp};
use futures::future::try_join_all;
use gateways::{ActError, Action, Gateways, Method, Status};
use payments::{BuyerStep, CreatePayment, PaymentGateway, PaymentGateways, reference_key};
use store::{Fingerprints, Store, StoredEvent};

use crate::connect::Connection;
use crate::organizers;
use crate::products::CHOCOLATE;
use crate::sales::{self, Basket, Tickets};
use crate::season::DATES;
use crate::shows::{Sheets, sheet};

/// How long before the end of the hold a gateway's page ends.
const MARGIN: Duration = Duration::from_secs(30);

/// A buyer on the way to a gateway's page.
pub(super) struct DemoCheckout {
    pub(super) email: &'static str,
    pub(super) name: &'static str,
    /// The slug of the show.
    pub(super) show: &'static str,
    tickets: Tickets,
    /// Names of products, one unit each.
    products: &'static [&'static str],
    action: Action,
}

pub(super) const CHECKOUTS: [DemoCheckout; 2] = [
    DemoCheckout {
        email: "ines@example.com",
        name: "Inés Intermedio",
        show: DATES[1].slug,
        tickets: Tickets::Seats(&["E-2", "E-4"]),
        products: &[CHOCOLATE.name],
        action: Action::Decide(Method::Card, Status::Approved),
    },
    DemoCheckout {
        email: "efrain@example.com",
        name: "Efraín Efectivo",
        show: organizers::VOLANTINES.slug,
        tickets: Tickets::Any(2),
        products: &[],
        action: Action::Begin(Method::Cash),
    },
];

/// What a buyer does at a gateway's page once the box office is open, because only then it hears of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// The gateway.
    pub gateway: GatewayName,
    /// The reference of the payment.
    pub reference: String,
    /// What the buyer does.
    pub action: Action,
}

impl Visit {
    /// Has the buyer do it.
    ///
    /// # Errors
    /// If the gateway does not know the payment, or can not keep what happens to it.
    pub fn make(&self, gateways: &Gateways) -> Result<(), ActError> {
        gateways.named(self.gateway).act(&self.reference, self.action).map(drop)
    }
}

/// What is needed to send buyers to gateways.
pub(super) struct CheckoutDesk<'a> {
    store: &'a Store,
    fingerprints: &'a Fingerprints,
    gateways: PaymentGateways,
    reference_key: [u8; 32],
    public_url: Arc<str>,
}

/// The gateway of a payment, with the organiser's account there.
struct Counter {
    gateway: Arc<dyn PaymentGateway>,
    account: Option<GatewayAccountId>,
}

impl<'a> CheckoutDesk<'a> {
    /// Reads `REFERENCE_SECRET`, `PUBLIC_URL` and the gateways' variables, as `purchases` does.
    pub(super) fn new(
        boot: &Boot,
        store: &'a Store,
        fingerprints: &'a Fingerprints,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            store,
            fingerprints,
            gateways: PaymentGateways::new(boot)?,
            reference_key: reference_key(&boot.env)?,
            public_url: boot.env.public_url()?,
        })
    }

    /// Sends the buyers to the gateways, those of shows that are among `sheets`.
    pub(super) async fn send(&self, sheets: &Sheets, now: Timestamp) -> Result<Vec<Visit>> {
        let there = CHECKOUTS.iter().filter(|checkout| sheets.contains_key(checkout.show));
        let sent = there
            .map(|checkout| async move { self.begin(checkout, sheet(sheets, checkout.show)?, now).await });
        try_join_all(sent.collect::<Vec<_>>()).await
    }

    async fn begin(&self, checkout: &DemoCheckout, sheet: &StoredEvent, now: Timestamp) -> Result<Visit> {
        let tenant = sheet.event.tenant_id;
        let basket = Basket {
            sheet,
            tickets: checkout.tickets,
            products: checkout.products,
            code: None,
            buyer: &sales::guest(self.fingerprints, checkout.email, checkout.name)?,
            accepted: organizers::accepted_policies(tenant, now)?,
        };
        let (order, counter) =
            tokio::try_join!(sales::reserve(self.store, basket, now), self.counter(sheet))?;
        self.pay(checkout, sheet, order, counter, now).await
    }

    /// The organiser's first account, or the sandbox.
    async fn counter(&self, sheet: &StoredEvent) -> Result<Counter> {
        let accounts = self.store.gateway_accounts(sheet.event.tenant_id).await?;
        match choose(&accounts, sheet.event.currency).first() {
            Some(account) => {
                Ok(Counter { gateway: self.gateways.of(account).await?, account: Some(account.id) })
            }
            None => {
                let sandbox = self.gateways.sandbox();
                let gateway = sandbox.ok_or_else(|| Error::internal("there is no sandbox"))?;
                Ok(Counter { gateway, account: None })
            }
        }
    }

    /// Begins the payment at the gateway, and notes it.
    async fn pay(
        &self,
        checkout: &DemoCheckout,
        sheet: &StoredEvent,
        mut order: Order,
        Counter { gateway, account }: Counter,
        now: Timestamp,
    ) -> Result<Visit> {
        let (name, attempt, public_url) = (gateway.name(), order.next_attempt()?, &self.public_url);
        let reference = PaymentReference { user: order.user, order: order.id, attempt };
        let reference = reference.encode(&self.reference_key);
        let cash_until = CashPolicy::default().until(sheet.event.opens_at(), 0, now);
        let notification_url = match account {
            Some(account) => Connection::notification_url(public_url, name, order.tenant, account),
            None => format!("{public_url}/api/v1/webhooks/{name}"),
        };
        let payment = CreatePayment {
            reference: reference.clone(),
            amount: order.total(),
            seller: sheet.event.name.clone(),
            description: format!("{} × {}", order.ticket_count(), sheet.event.name),
            buyer_email: order.buyer.email.clone(),
            buyer_name: order.buyer.name.clone(),
            expires_at: order.expires_at - MARGIN,
            cash_until,
            max_installments: None,
            return_url: format!("{public_url}/purchases/{}", order.id),
            notification_url,
            idempotency_key: format!("{}-{attempt}", order.id),
            language: order.language,
            marketplace_fee: None,
        };
        let page = gateway.checkout(&payment).await?;
        let url = match page.step {
            BuyerStep::Open { url } => Some(url),
            BuyerStep::Post { .. } => None,
        };
        let started = StartedPayment {
            attempt,
            gateway: name,
            account,
            payment_id: page.payment_id,
            checkout_url: url.filter(|_| !page.is_repeatable),
            idempotency: None,
            cash_until,
            marketplace_fee: 0,
        };
        let change = order.payment_started(started, now);
        self.store.save_order(&order, &change, now).await?;
        Ok(Visit { gateway: name, reference, action: checkout.action })
    }
}
