//! The sandbox gateway: a payment service of its own, as a merchant sees one.
//!
//! It shares no memory with Taquilla: it has its own port, its own file, and speaks
//! only the protocol that `payments::sandbox` describes. Beside it,
//! there is a page for the buyer (`/pay/{id}`) and a control API for tests and
//! scripts. Neither asks who is there: whoever reaches the port can have any payment
//! approved, so it belongs on loopback, and nowhere near real tickets:
//!
//! - `GET /control/payments?status=&limit=`
//! - `POST /control/payments/{id}/{approve|decline|cancel|expire|chargeback}`;
//!   `approve` takes `?method=cash` (the API cannot refund it) and `?after_seconds=`
//! - `GET`, `POST /control/faults` (see [`Faults`])
//! - `GET /control/idle` answers once no notification is pending
//!
//! Notifications that are not delivered when it stops are lost, as they may be at
//! any gateway: reconciliation has to find those payments.

mod api;
mod checkout;
mod control;
#[cfg(test)]
mod ledger_tests;
mod payment;
#[cfg(test)]
mod tests;
mod webhook;

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use boot::Clock;
use domain::{Currency, Timestamp};
use minijinja::Environment;
use tokio::net::TcpListener;

use api::ApiError;
use webhook::Herald;

use crate::actions::ActError;
use crate::courier::Courier;
use crate::faults::{CallKind, CallOutcome, Chaos, Faults};
use crate::ledger::{Ledger, Record};
use crate::lock;
use crate::server::Server;

#[cfg(test)]
use payment::payment_for_tests;
pub use payment::{Action, Method, Payment, Refund, Status};

/// How the sandbox gateway runs.
#[derive(Debug)]
pub struct SandboxConfig {
    /// The listener.
    pub listener: TcpListener,
    /// The folder of `payments.jsonl`; `None` keeps everything in memory.
    pub data_dir: Option<PathBuf>,
    /// The time, which decides about expiry.
    pub clock: Clock,
    /// What the merchant's calls must carry.
    pub api_key: String,
    /// What notifications are signed with.
    pub webhook_secret: String,
    /// The address for all notifications, whatever the payments say.
    pub webhook_url_override: Option<String>,
    /// Its address as browsers see it, if that is not the listener's.
    pub public_url: Option<String>,
    /// The pause before a notification is sent again; doubles each time.
    pub webhook_backoff: Duration,
    /// How often a notification is sent at most.
    pub webhook_tries: u32,
    /// The most payments that it keeps; the oldest are forgotten.
    pub max_payments: usize,
}

impl SandboxConfig {
    /// A gateway in memory, without faults.
    pub fn new(listener: TcpListener, clock: Clock, api_key: &str, webhook_secret: &str) -> Self {
        Self {
            listener,
            data_dir: None,
            clock,
            api_key: api_key.to_owned(),
            webhook_secret: webhook_secret.to_owned(),
            webhook_url_override: None,
            public_url: None,
            webhook_backoff: Duration::from_millis(500),
            webhook_tries: 6,
            max_payments: 50_000,
        }
    }
}

/// The running gateway. Stops when dropped.
#[derive(Debug)]
pub struct Sandbox {
    service: Arc<Service>,
    server: Server,
}

impl Sandbox {
    /// Starts to serve.
    ///
    /// # Errors
    /// If the data folder cannot be read or written, or the listener has no address.
    pub async fn start(config: SandboxConfig) -> io::Result<Self> {
        let SandboxConfig { listener, clock, api_key, data_dir, public_url, .. } = config;
        let url = match public_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("http://{}", listener.local_addr()?),
        };
        let http = outbound::connection_pool(false, Duration::from_secs(2)).map_err(io::Error::other)?;
        let herald = Herald {
            courier: Courier::new(http, clock.clone()),
            secret: config.webhook_secret,
            url_override: config.webhook_url_override,
            backoff: config.webhook_backoff,
            max_tries: config.webhook_tries,
        };
        let service = Arc::new(Service {
            url,
            clock,
            api_key,
            ledger: Mutex::new(Ledger::open(
                data_dir.map(|folder| folder.join("payments.jsonl")),
                config.max_payments,
            )?),
            chaos: Mutex::default(),
            herald,
            templates: checkout::templates(),
        });
        let router = Router::new()
            .merge(api::router(&service))
            .merge(checkout::router())
            .merge(control::router())
            .fallback(async || ApiError::not_found())
            .with_state(Arc::clone(&service));
        let ticking = Arc::clone(&service);
        let server = Server::start(listener, router, move || {
            if let Err(error) = ticking.run_due() {
                tracing::error!(%error, "the sandbox gateway cannot write its file");
            }
        });
        Ok(Self { service, server })
    }

    /// Its address, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.service.url
    }

    /// All payments, the newest first.
    ///
    /// # Errors
    /// If it cannot write what came due meanwhile.
    pub fn payments(&self) -> Result<Vec<Payment>, ActError> {
        self.service.with_ledger(|ledger| Ok(ledger.newest_first().cloned().collect()))
    }

    /// The payment with this id.
    ///
    /// # Errors
    /// If there is none.
    pub fn payment(&self, id: &str) -> Result<Payment, ActError> {
        self.service.payment(id)?.ok_or(ActError::NoSuchPayment)
    }

    /// The buyer pays by card, in time or late.
    ///
    /// # Errors
    /// As [`Sandbox::act`].
    pub fn approve(&self, id: &str) -> Result<Payment, ActError> {
        self.act(id, Action::Approve(Method::Card))
    }

    /// Does something to a payment, and notifies the merchant if that changes it.
    ///
    /// # Errors
    /// If there is no such payment, or its state does not allow that.
    pub fn act(&self, id: &str, action: Action) -> Result<Payment, ActError> {
        self.service.act(id, action)
    }

    /// Starts to misbehave, or to behave with `Faults::default()`.
    ///
    /// # Errors
    /// If a value is out of bounds.
    pub fn set_faults(&self, faults: Faults) -> Result<(), &'static str> {
        self.service.set_faults(faults)
    }

    /// Waits until no notification is pending: everything that is due has happened,
    /// and each was accepted, given up or lost.
    pub async fn idle(&self) {
        self.service.idle().await;
    }

    /// Stops: answers what was asked, forgets what was not delivered.
    pub async fn stop(mut self) {
        self.server.stop().await;
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.service.herald.courier.stop();
    }
}

impl From<ActError> for ApiError {
    fn from(error: ActError) -> Self {
        match error {
            ActError::NoSuchPayment => Self::not_found(),
            ActError::Refused(refusal) => refusal.into(),
            ActError::Storage(error) => error.into(),
        }
    }
}

/// What all handlers share.
struct Service {
    url: String,
    clock: Clock,
    api_key: String,
    ledger: Mutex<Ledger<Payment>>,
    chaos: Mutex<Chaos>,
    herald: Herald,
    templates: Environment<'static>,
}

impl std::fmt::Debug for Service {
    /// Without the secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Service {
    /// Uses the ledger as it stands now: what is due has happened.
    fn with_ledger<T, E: From<io::Error>>(
        &self,
        use_it: impl FnOnce(&mut Ledger<Payment>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut ledger = lock(&self.ledger);
        for (payment, ()) in ledger.run_due(self.clock.now())? {
            self.announce(&payment);
        }
        use_it(&mut ledger)
    }

    fn run_due(&self) -> io::Result<()> {
        self.with_ledger(|_| Ok(()))
    }

    fn payment(&self, id: &str) -> io::Result<Option<Payment>> {
        self.with_ledger(|ledger| Ok(ledger.get(id).cloned()))
    }

    fn act(&self, id: &str, action: Action) -> Result<Payment, ActError> {
        self.with_ledger(|ledger| {
            let before = ledger.get(id).ok_or(ActError::NoSuchPayment)?;
            let mut payment = before.clone();
            if payment.apply(action, self.clock.now())? {
                let told = payment.status != before.status;
                ledger.save(payment.clone())?;
                if told {
                    self.announce(&payment);
                }
            }
            Ok(payment)
        })
    }

    fn refund(
        &self,
        id: &str,
        amount: i64,
        currency: Currency,
        key: &str,
    ) -> Result<(Payment, Refund), ActError> {
        self.with_ledger(|ledger| {
            let mut payment = ledger.get(id).ok_or(ActError::NoSuchPayment)?.clone();
            let (refund, new) = payment.refund(amount, currency, key, self.clock.now())?;
            if new {
                ledger.save(payment.clone())?;
                self.announce(&payment);
            }
            Ok((payment, refund))
        })
    }

    /// The time so many seconds from now, at most a month.
    fn later(&self, seconds: u32) -> Timestamp {
        self.clock.now() + jiff::SignedDuration::from_secs(i64::from(seconds).min(30 * 24 * 3600))
    }

    fn announce(&self, payment: &Payment) {
        let outcome = lock(&self.chaos).webhook();
        self.herald.announce(payment, &outcome);
    }

    fn call_outcome(&self, kind: CallKind) -> CallOutcome {
        lock(&self.chaos).call(kind)
    }

    fn faults(&self) -> Faults {
        lock(&self.chaos).faults()
    }

    fn set_faults(&self, faults: Faults) -> Result<(), &'static str> {
        faults.check()?;
        *lock(&self.chaos) = Chaos::new(faults);
        Ok(())
    }

    async fn idle(&self) {
        if let Err(error) = self.run_due() {
            tracing::error!(%error, "the sandbox gateway cannot write its file");
        }
        self.herald.courier.idle().await;
    }
}

impl Record for Payment {
    type Change = ();

    fn id(&self) -> &str {
        &self.id
    }

    fn names(&self) -> Vec<String> {
        vec![self.reference.clone(), self.idempotency_key.clone()]
    }

    fn due_at(&self) -> Option<Timestamp> {
        Self::due_at(self)
    }

    fn step(&mut self, now: Timestamp) -> Option<()> {
        Self::step(self, now).then_some(())
    }
}

/// The payment that was created with this key.
fn created_with<'a>(ledger: &'a Ledger<Payment>, key: &str) -> Option<&'a Payment> {
    ledger.named(key).find(|payment| payment.idempotency_key == key)
}

/// The payments with this reference, the newest first.
fn with_reference<'a>(ledger: &'a Ledger<Payment>, reference: &str) -> impl Iterator<Item = &'a Payment> {
    ledger.named(reference).filter(move |payment| payment.reference == reference)
}

/// A fresh id that nobody can guess.
fn new_id(prefix: &str) -> String {
    let mut random = [0; 16];
    getrandom::fill(&mut random).expect("the operating system provides randomness");
    format!("{prefix}_{}", hex::encode(random))
}
