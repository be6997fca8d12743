//! A running simulated gateway, and what tests do with it.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::middleware;
use boot::Clock;
use domain::payment::GatewayName;
use payments::BuyerStep;
use tokio::net::TcpListener;

use crate::actions::ActError;
use crate::actions::Action;
use crate::courier::Courier;
use crate::faults::{Chaos, Faults};
use crate::ledger::Ledger;
use crate::purchase::{Attempt, Method, Purchase, Refund, RefundState, Status};
use crate::server::Server;
use crate::service::{Protocol, Service, guard};
use crate::{checkout, control, page, panel};

/// How a simulated gateway runs.
#[derive(Debug)]
pub struct Options {
    /// The listener.
    pub listener: TcpListener,
    /// The time, which decides about expiry, refunds and repeated notifications.
    pub clock: Clock,
    /// The folder of its file; `None` keeps everything in memory.
    pub data_dir: Option<PathBuf>,
    /// The address for all notifications, whatever merchants say.
    pub webhook_url: Option<String>,
    /// Its address as browsers see it, if that is not the listener's.
    pub public_url: Option<String>,
    /// How it misbehaves from the start.
    pub faults: Faults,
    /// The pause before a notification is sent again; doubles each time. `None` waits
    /// as long as the real gateway does, by the clock.
    pub retry_backoff: Option<Duration>,
    /// After which time refunds that a person has to look at are approved; `None`
    /// leaves them to a person.
    pub review_after: Option<Duration>,
    /// The most purchases that it keeps; the oldest are forgotten.
    pub max_purchases: usize,
}

impl Options {
    /// A gateway in memory that behaves.
    pub fn new(listener: TcpListener, clock: Clock) -> Self {
        Self {
            listener,
            clock,
            data_dir: None,
            webhook_url: None,
            public_url: None,
            faults: Faults::default(),
            retry_backoff: None,
            review_after: None,
            max_purchases: 50_000,
        }
    }
}

/// A simulated gateway. Stops when dropped.
///
/// All that it is asked to do is about something with a name: the id of a payment
/// as `payments` has it, a reference of the merchant, or the id of the
/// buyer's page. By a reference, what is pending is decided; without anything
/// pending, the buyer tries to pay.
#[derive(Debug)]
pub struct Simulator {
    service: Arc<Service>,
    http: reqwest::Client,
    server: Server,
}

impl Simulator {
    pub(super) async fn start(
        options: Options,
        protocol: Arc<dyn Protocol>,
        wire: impl FnOnce(&Arc<Service>) -> Router,
    ) -> io::Result<Self> {
        options.faults.check().map_err(io::Error::other)?;
        let url = match options.public_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("http://{}", options.listener.local_addr()?),
        };
        let file = options.data_dir.map(|folder| folder.join(format!("{}.jsonl", protocol.name())));
        let http = outbound::connection_pool(false, Duration::from_secs(2)).map_err(io::Error::other)?;
        // Never the number of an earlier run, or receivers would take it for a repetition.
        let first_number = u64::try_from(options.clock.now().as_millisecond()).unwrap_or_default() * 1000;
        let service = Arc::new(Service {
            protocol,
            url,
            courier: Courier::new(http.clone(), options.clock.clone()),
            clock: options.clock,
            templates: page::templates(&[
                ("checkout.html", include_str!("checkout.html")),
                ("panel.html", include_str!("panel.html")),
            ]),
            webhook_url: options.webhook_url,
            retry_backoff: options.retry_backoff,
            review_after: options.review_after,
            ledger: Mutex::new(Ledger::open(file, options.max_purchases)?),
            chaos: Mutex::new(Chaos::new(options.faults)),
            first_number,
            occasions: AtomicU64::default(),
        });
        let guarded = wire(&service).layer(middleware::from_fn_with_state(Arc::clone(&service), guard));
        let own = checkout::router().merge(control::router()).merge(panel::router());
        let router = Router::new().merge(guarded).merge(own.with_state(Arc::clone(&service)));
        let ticking = Arc::clone(&service);
        let server = Server::start(options.listener, router, move || ticking.run_due());
        Ok(Self { service, http, server })
    }

    /// Which gateway this pretends to be.
    pub fn name(&self) -> GatewayName {
        self.service.protocol.name()
    }

    /// Its address, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.service.url
    }

    /// Does what a buyer's browser does to get to the gateway's page, and answers
    /// with the address of that page.
    ///
    /// # Errors
    /// What the gateway shows instead, or why there is no answer.
    pub async fn visit(&self, step: &BuyerStep) -> Result<String, String> {
        let request = match step {
            BuyerStep::Open { url } => self.http.get(url),
            BuyerStep::Post { action, fields } => {
                let mut form = form_urlencoded::Serializer::new(String::new());
                let form = form.extend_pairs(fields).finish();
                let kind = "application/x-www-form-urlencoded";
                self.http.post(action).header(header::CONTENT_TYPE, kind).body(form)
            }
        };
        let answer = request.send().await.map_err(|error| error.to_string())?;
        let status = answer.status();
        let page = answer.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
        match page {
            Some(page) if status == StatusCode::SEE_OTHER => Ok(format!("{}{page}", self.url())),
            _ if status == StatusCode::OK => Ok(answer.url().to_string()),
            _ => Err(format!("{status}: {}", answer.text().await.unwrap_or_default())),
        }
    }

    /// All purchases, the newest first.
    ///
    /// # Errors
    /// If it cannot write what came due meanwhile.
    pub fn purchases(&self) -> Result<Vec<Purchase>, ActError> {
        self.service.with_ledger(|ledger| Ok(ledger.newest_first().cloned().collect()))
    }

    /// The newest purchase that has this name, or something with this name.
    ///
    /// # Errors
    /// If there is none.
    pub fn purchase(&self, about: &str) -> Result<Purchase, ActError> {
        let found = self.service.look(about, |purchase| Some(purchase.clone()))?;
        found.ok_or(ActError::NoSuchPayment)
    }

    /// Does something, and answers with the try that it is about.
    ///
    /// # Errors
    /// If nothing has this name, or its state does not allow that.
    pub fn act(&self, about: &str, action: Action) -> Result<Attempt, ActError> {
        self.service.act(about, action).map(|(_, attempt)| attempt)
    }

    /// The buyer pays by card, or what is pending is approved. Fine if it is already.
    ///
    /// # Errors
    /// As [`Simulator::act`].
    pub fn approve(&self, about: &str) -> Result<Attempt, ActError> {
        self.act(about, Action::Decide(Method::Card, Status::Approved))
    }

    /// The bank says no, to what is pending or to another try by card.
    ///
    /// # Errors
    /// As [`Simulator::act`].
    pub fn decline(&self, about: &str) -> Result<Attempt, ActError> {
        self.act(about, Action::Decide(Method::Card, Status::Declined))
    }

    /// The buyer pays by card now, and the bank takes so long to approve: possibly
    /// beyond the expiry.
    ///
    /// # Errors
    /// As [`Simulator::act`].
    pub fn pending_then_approve(&self, about: &str, after: Duration) -> Result<Attempt, ActError> {
        self.pending_then(about, Status::Approved, after)
    }

    /// The buyer pays by card now, and this becomes of it after so long.
    ///
    /// # Errors
    /// As [`Simulator::act`].
    pub fn pending_then(&self, about: &str, status: Status, after: Duration) -> Result<Attempt, ActError> {
        let after = jiff::SignedDuration::try_from(after).map_err(io::Error::other)?;
        let at = self.service.clock.now().checked_add(after).map_err(io::Error::other)?;
        self.act(about, Action::BeginThen(Method::Card, status, at))
    }

    /// The buyer's bank takes the money back.
    ///
    /// # Errors
    /// As [`Simulator::act`]; Wompi and PayU tell merchants nothing of it.
    pub fn charge_back(&self, about: &str) -> Result<Attempt, ActError> {
        self.act(about, Action::ChargeBack)
    }

    /// A dispute ends, for the merchant or against it.
    ///
    /// # Errors
    /// As [`Simulator::act`].
    pub fn close_dispute(&self, about: &str, won: bool) -> Result<Attempt, ActError> {
        self.act(about, Action::CloseDispute { won })
    }

    /// The merchant gives money back on the gateway's own pages: so many minor units,
    /// or what is left.
    ///
    /// # Errors
    /// As [`Simulator::act`].
    pub fn refund_at_gateway(&self, about: &str, amount: Option<i64>) -> Result<Attempt, ActError> {
        self.act(about, Action::Refund(amount))
    }

    /// The refunds that a person at the gateway has to look at.
    ///
    /// # Errors
    /// If it cannot write what came due meanwhile.
    pub fn refunds_in_review(&self) -> Result<Vec<Refund>, ActError> {
        let refunds = self.purchases()?.into_iter().flat_map(|purchase| purchase.attempts);
        let refunds = refunds.flat_map(|attempt| attempt.refunds);
        Ok(refunds.filter(|refund| refund.state == RefundState::InReview).collect())
    }

    /// A person at the gateway approves or declines a refund. What would give back
    /// more than was paid is declined in any case.
    ///
    /// # Errors
    /// If there is no such refund, or somebody looked at it already.
    pub fn review_refund(&self, refund: &str, approve: bool) -> Result<(), ActError> {
        self.service.review(refund, approve)
    }

    /// Starts to misbehave, or to behave with `Faults::default()`.
    ///
    /// # Errors
    /// If a value is out of bounds.
    pub fn set_faults(&self, faults: Faults) -> Result<(), &'static str> {
        self.service.set_faults(faults)
    }

    /// How many notifications wait for the clock to be sent again.
    pub fn notifications_to_repeat(&self) -> usize {
        self.service.courier.waiting()
    }

    /// Waits until everything that is due by the clock has happened, and each
    /// notification was accepted, lost, given up, or waits for the clock.
    pub async fn idle(&self) {
        self.service.idle().await;
    }

    /// Stops: answers what was asked, forgets what was not delivered.
    pub async fn stop(mut self) {
        self.server.stop().await;
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.service.courier.stop();
    }
}
