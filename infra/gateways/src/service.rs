//! What all simulated gateways do alike: keep purchases, let things happen to them,
//! and tell merchants. What they do each in its own way is a [`Protocol`].

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{Method as Verb, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use boot::Clock;
use domain::payment::GatewayName;
use domain::{Language, Timestamp};
use minijinja::Environment;

use crate::actions::ActError;
use crate::actions::{Action, Change, Happened, Ids, Rules};
use crate::courier::{Courier, Letter, Parcel, Retries};
use crate::faults::{CallKind, Chaos, Faults};
use crate::ledger::Ledger;
use crate::lock;
use crate::page::say;
use crate::purchase::{Attempt, Method, Purchase, Status};

/// Merchants that a gateway knows. Clones share them, so that more can join later.
#[derive(Debug)]
pub struct Accounts<A>(Arc<RwLock<Vec<A>>>);

impl<A> Clone for Accounts<A> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<A> Default for Accounts<A> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<A> FromIterator<A> for Accounts<A> {
    fn from_iter<I: IntoIterator<Item = A>>(accounts: I) -> Self {
        Self(Arc::new(RwLock::new(accounts.into_iter().collect())))
    }
}

impl<A: Clone> Accounts<A> {
    /// Lets another merchant in. Of two with the same key the later one counts.
    pub fn add(&self, account: A) {
        self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner).push(account);
    }

    /// The latest account for which this is true.
    pub(super) fn find(&self, is: impl Fn(&A) -> bool) -> Option<A> {
        let accounts = self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        accounts.iter().rev().find(|account| is(account)).cloned()
    }
}

/// How a gateway delivers its notifications.
#[derive(Debug, Clone, Copy)]
pub(super) struct Delivery {
    pub(super) patience: Duration,
    pub(super) accepted: fn(StatusCode) -> bool,
    pub(super) retries: Retries,
}

/// A reason to notify a merchant.
#[derive(Debug, Clone, Copy)]
pub(super) struct Occasion<'a> {
    pub(super) purchase: &'a Purchase,
    pub(super) attempt: &'a Attempt,
    pub(super) change: Change,
    /// The first of the ids, of which an occasion may take ten.
    pub(super) number: u64,
    /// Chooses among forms that are equally right: spread like chance, and the same in
    /// each run.
    pub(super) form: u64,
    pub(super) now: Timestamp,
    /// True if somebody else sends it, with a key of his own.
    pub(super) forged: bool,
    /// The address for all notifications, if not where they should.
    pub(super) target: Option<&'a str>,
}

impl Occasion<'_> {
    /// The key to sign with.
    pub(super) fn key<'a>(&self, genuine: &'a str) -> &'a str {
        if self.forged { "the key of somebody else" } else { genuine }
    }

    /// The status to tell, which a forger lies about.
    pub(super) fn status(&self) -> Status {
        match (self.forged, self.attempt.status) {
            (true, Status::Approved) => Status::Declined,
            (true, _) => Status::Approved,
            (false, status) => status,
        }
    }
}

/// Writes the letter of a notification: for which try, counted from 0, and when.
pub(super) type Notice = Arc<dyn Fn(u32, Timestamp) -> Letter + Send + Sync>;

/// What a gateway does in its own way.
pub(super) trait Protocol: Send + Sync + 'static {
    fn name(&self) -> GatewayName;

    /// The name for people.
    fn title(&self) -> &'static str;

    fn rules(&self) -> Rules;

    fn delivery(&self) -> Delivery;

    /// What faults a call may have; `None` for what is no part of the protocol.
    fn call_kind(&self, verb: &Verb, path: &str) -> Option<CallKind>;

    /// An error of the gateway itself.
    fn trouble(&self, status: StatusCode) -> Response;

    /// Ids for what comes next.
    fn ids(&self, purchase: &Purchase, number: u64, now: Timestamp) -> Ids;

    /// What the merchant is told.
    fn notices(&self, occasion: &Occasion<'_>) -> Vec<Notice>;

    /// The address that the browser goes to after a try, or without one.
    fn return_url(&self, purchase: &Purchase, attempt: Option<&Attempt>) -> Option<String>;

    /// A way to pay, in words.
    fn method_name(&self, method: Method, language: Language) -> &'static str {
        usual_name(method, language)
    }

    /// What becomes of the try of a buyer who leaves; `None` if there is none.
    fn leaving(&self) -> Option<Status> {
        None
    }
}

/// A way to pay, as most gateways call it.
pub(super) fn usual_name(method: Method, language: Language) -> &'static str {
    let (es, en) = match method {
        Method::Card => ("Tarjeta", "Card"),
        Method::Wallet => ("Dinero en cuenta", "Account money"),
        Method::Bank => ("Transferencia", "Bank transfer"),
        Method::Cash => ("Efectivo", "Cash"),
    };
    say(language, es, en)
}

/// What all handlers share.
pub(super) struct Service {
    pub(super) protocol: Arc<dyn Protocol>,
    pub(super) url: String,
    pub(super) clock: Clock,
    pub(super) templates: Environment<'static>,
    pub(super) courier: Courier,
    pub(super) webhook_url: Option<String>,
    pub(super) retry_backoff: Option<Duration>,
    pub(super) review_after: Option<Duration>,
    pub(super) ledger: Mutex<Ledger<Purchase>>,
    pub(super) chaos: Mutex<Chaos>,
    pub(super) first_number: u64,
    pub(super) occasions: AtomicU64,
}

impl std::fmt::Debug for Service {
    /// Without anything secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Service {
    /// Uses the ledger as it stands now: what is due has happened.
    pub(super) fn with_ledger<T, E: From<io::Error>>(
        &self,
        use_it: impl FnOnce(&mut Ledger<Purchase>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut ledger = lock(&self.ledger);
        for (purchase, happened) in ledger.run_due(self.clock.now())? {
            self.announce(&purchase, happened);
        }
        use_it(&mut ledger)
    }

    pub(super) fn run_due(&self) {
        if let Err(error) = self.with_ledger(|_| Ok::<_, io::Error>(())) {
            tracing::error!(%error, "a simulated gateway cannot write its file");
        }
        self.courier.send_due();
    }

    /// Keeps a new purchase, unless `before` finds that it is there already.
    pub(super) fn sell<E: From<io::Error>>(
        &self,
        before: impl FnOnce(&Ledger<Purchase>) -> Result<Option<Purchase>, E>,
        make: impl FnOnce(u64, Timestamp) -> Result<Purchase, E>,
    ) -> Result<Purchase, E> {
        self.with_ledger(|ledger| {
            if let Some(known) = before(ledger)? {
                return Ok(known);
            }
            let purchase = make(ledger.number(), self.clock.now())?;
            ledger.save(purchase.clone())?;
            Ok(purchase)
        })
    }

    /// The first purchase with this name that `pick` takes, and what it makes of it.
    pub(super) fn look<T>(
        &self,
        name: &str,
        pick: impl Fn(&Purchase) -> Option<T>,
    ) -> Result<Option<T>, io::Error> {
        self.with_ledger(|ledger| Ok(ledger.named(name).find_map(pick)))
    }

    /// Changes a purchase, and tells its merchant if anything happened.
    pub(super) fn edit<T, E: From<io::Error> + From<ActError>>(
        &self,
        id: &str,
        edit: impl FnOnce(&mut Purchase, Ids, Timestamp) -> Result<(T, Option<Happened>), E>,
    ) -> Result<T, E> {
        self.with_ledger(|ledger| {
            let now = self.clock.now();
            let number = ledger.number();
            let mut purchase = ledger.get(id).cloned().ok_or(ActError::NoSuchPayment)?;
            let ids = self.protocol.ids(&purchase, number, now);
            let (done, happened) = edit(&mut purchase, ids, now)?;
            ledger.save(purchase.clone())?;
            if let Some(happened) = happened {
                self.announce(&purchase, happened);
            }
            Ok(done)
        })
    }

    /// Does something to what `about` names: a try, a purchase, a reference.
    pub(super) fn act(&self, about: &str, action: Action) -> Result<(Purchase, Attempt), ActError> {
        let found = self.with_ledger(|ledger| Ok::<_, ActError>(resolve(ledger, about)))?;
        let (id, target) = found.ok_or(ActError::NoSuchPayment)?;
        self.edit(&id, |purchase, ids, now| {
            let happened = purchase.apply(target, action, ids, self.protocol.rules(), now)?;
            let attempt = purchase.attempts[happened.attempt].clone();
            Ok(((purchase.clone(), attempt), Some(happened)))
        })
    }

    /// A person at the gateway approves or declines a refund.
    pub(super) fn review(&self, refund: &str, approve: bool) -> Result<(), ActError> {
        let has = |purchase: &Purchase| {
            let mut refunds = purchase.attempts.iter().flat_map(|attempt| &attempt.refunds);
            refunds.any(|known| known.id == refund).then(|| purchase.id.clone())
        };
        let id = self.look(refund, has)?.ok_or(ActError::NoSuchPayment)?;
        self.edit(&id, |purchase, _, now| Ok(((), Some(purchase.review(refund, approve, now)?))))
    }

    fn announce(&self, purchase: &Purchase, happened: Happened) {
        let (Some(change), attempt) = (happened.change, &purchase.attempts[happened.attempt]) else { return };
        let turn = self.occasions.fetch_add(1, Ordering::Relaxed);
        let genuine = Occasion {
            purchase,
            attempt,
            change,
            number: self.first_number + 20 * turn,
            // The golden ratio's bits: neighbours get far from each other.
            form: (turn + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 16,
            now: self.clock.now(),
            forged: false,
            target: self.webhook_url.as_deref(),
        };
        let lies = Occasion { forged: true, number: genuine.number + 10, ..genuine };
        let delivery = self.protocol.delivery();
        let retries = self.retry_backoff.map_or(delivery.retries, |backoff| delivery.retries.sooner(backoff));
        let send = |write: &Notice, wait, retries| {
            let Delivery { patience, accepted, .. } = delivery;
            self.courier.send(Parcel { write: Arc::clone(write), wait, patience, accepted, retries });
        };
        let forged = self.protocol.notices(&lies);
        for (notice, lie) in self.protocol.notices(&genuine).iter().zip(&forged) {
            let outcome = lock(&self.chaos).webhook();
            for wait in outcome.copies {
                send(notice, wait, retries);
            }
            if let Some(wait) = outcome.forged {
                send(lie, wait, Retries::NONE);
            }
        }
    }

    pub(super) fn faults(&self) -> Faults {
        lock(&self.chaos).faults()
    }

    pub(super) fn set_faults(&self, faults: Faults) -> Result<(), &'static str> {
        faults.check()?;
        *lock(&self.chaos) = Chaos::new(faults);
        Ok(())
    }

    /// Waits until everything that is due has happened, and each notification was
    /// accepted, lost, given up, or waits for the clock.
    pub(super) async fn idle(&self) {
        self.run_due();
        self.courier.idle().await;
    }
}

/// The purchase that something names, and the try if it names one. Of several with
/// the same reference the one that is paid, or else the one in the works.
fn resolve(ledger: &Ledger<Purchase>, about: &str) -> Option<(String, Option<usize>)> {
    let exact = |purchase: &Purchase| purchase.position(about).map(|at| (purchase.id.clone(), Some(at)));
    let with = |status: Status| {
        let mut named = ledger.named(about);
        named.find(|purchase| purchase.newest(status).is_some()).map(|purchase| (purchase.id.clone(), None))
    };
    ledger
        .named(about)
        .find_map(exact)
        .or_else(|| with(Status::Approved))
        .or_else(|| with(Status::Pending))
        .or_else(|| ledger.named(about).next().map(|purchase| (purchase.id.clone(), None)))
}

/// Lets the calls of a protocol suffer the faults that are wanted.
pub(super) async fn guard(State(service): State<Arc<Service>>, request: Request, next: Next) -> Response {
    let Some(kind) = service.protocol.call_kind(request.method(), request.uri().path()) else {
        return next.run(request).await;
    };
    let outcome = lock(&service.chaos).call(kind);
    outcome.befall(|status| service.protocol.trouble(status), next.run(request)).await
}
