//! Settles payments: asks the gateways for their reports and brings orders into line with them.
//!
//! Every message may come twice, late or out of order, and two workers may handle the same payment.
//! The order's version decides: the second writer's write is refused, and it reads the order again
//! and decides anew.

mod audit;
mod places;
mod reconcile;
mod refund;
mod settle;
#[cfg(test)]
mod tests;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use boot::{Boot, BootError, Clock, ConfigError};
use domain::gateway_account::{AccountRef, GatewayAccount};
use domain::order::{Change, Order, Report, Source};
use domain::payment::{GatewayName, PaymentReference};
use domain::{Error, EventId, Result};
use payments::{GatewayError, PaymentGateway, PaymentGateways, reference_key};
use queue::{Notification, PaymentMessage, Queue};
use store::{Cache, Closed, EventCache, Failure, GateError, ON_SALE_MILLIS, Store, StoredEvent};

/// How often a worker decides anew about an order, after its own steps or lost updates.
const TRIES: usize = 8;

/// How long a notification is retried while the gateway answers "not found" or refuses to report. A
/// gateway's replicas lag by seconds; after an hour the payment never existed, such as when a
/// merchant sends a test notification from the gateway's panel. Below the two hours for which the
/// queue retries, or the dead-letter alarm rings. A payment that does exist is found by its order's
/// reference.
const DOUBTED_FOR: Duration = Duration::from_secs(3600);

/// How long a notification is retried while the gateway's answers make no sense, such as without
/// valid credentials: the alarm rings and a person has to look. As long as a queue keeps a message;
/// without a limit, messages redriven from the dead letters would live for ever.
const KEPT_FOR: Duration = Duration::from_secs(14 * 24 * 3600);

/// The function's clients, settings and caches.
#[derive(Clone, Debug)]
pub struct State {
    clock: Clock,
    store: Store,
    gateways: PaymentGateways,
    payments: Queue<PaymentMessage>,
    reference_key: Arc<[u8; 32]>,
    sheets: EventCache,
    accounts: Arc<Cache<AccountRef, GatewayAccount>>,
}

impl State {
    /// Reads `TABLE_NAME`, `PAYMENTS_QUEUE_URL`, `REFERENCE_SECRET` and the gateways' variables.
    pub fn new(boot: &Boot) -> Result<Self, ConfigError> {
        Ok(Self {
            clock: boot.clock.clone(),
            store: Store::new(boot)?,
            gateways: PaymentGateways::new(boot)?,
            payments: Queue::new(boot)?,
            reference_key: Arc::new(reference_key(&boot.env)?),
            sheets: EventCache::new(256, ON_SALE_MILLIS),
            accounts: Arc::new(Cache::new(256, ON_SALE_MILLIS)),
        })
    }

    async fn sheet(&self, event: EventId) -> Result<Arc<StoredEvent>> {
        let sheet = self.sheets.get(&self.store, event, self.clock.now()).await?;
        sheet.ok_or_else(|| Error::internal(format!("an order of the unknown event {event}")))
    }

    /// The client of an organiser's account, or of the sandbox; `None` if the organiser deleted the
    /// account, so that its payments can no longer be looked up.
    async fn client(
        &self,
        gateway: GatewayName,
        account: Option<AccountRef>,
    ) -> Result<Option<Arc<dyn PaymentGateway>>> {
        let Some(account) = account else {
            let sandbox = self.gateways.sandbox().filter(|sandbox| sandbox.name() == gateway);
            let missing = || Error::internal(format!("there is no {gateway} without an account here"));
            return sandbox.map(Some).ok_or_else(missing);
        };
        let read = || async { Ok(self.store.gateway_account(account.tenant_id, account.id).await?) };
        let found = self.accounts.get(account, self.clock.now(), read).await?;
        let Some(found) = found.filter(|found| found.gateway == gateway) else {
            tracing::error!(account = %account.id, %gateway, "an account of payments is gone");
            return Ok(None);
        };
        self.gateways.of(&found).await.map(Some)
    }
}

/// Handles a batch of the payments queue.
///
/// # Errors
/// Never as a whole: failed messages are reported one by one and delivered again.
pub async fn handle(state: State, event: SqsEvent) -> Result<SqsBatchResponse, BootError> {
    let state = &state;
    // Boxed: the compiler does not see through the loop of `process` that this future is `Send`,
    // which the local cloud needs.
    let one = |message: PaymentMessage| -> Pin<Box<dyn Future<Output = Result<()>> + Send + '_>> {
        Box::pin(async move {
            match message {
                PaymentMessage::Notification(notification) => notified(state, &notification).await,
                PaymentMessage::Reconcile { user, order, round } => {
                    reconcile::reconcile(state, user, order, round).await
                }
                PaymentMessage::Ask { user, order } => reconcile::ask_now(state, user, order).await,
                PaymentMessage::Refund { user, order } => refund::refund(state, user, order).await,
                PaymentMessage::Audit { user, order } => audit::audit(state, user, order).await,
            }
        })
    };
    Ok(queue::process(event, one).await)
}

async fn notified(state: &State, notification: &Notification) -> Result<()> {
    let source = Source { gateway: notification.gateway, account: notification.account };
    let Some(client) = state.client(source.gateway, source.account).await? else { return Ok(()) };
    let age = state.clock.now().duration_since(notification.received_at);
    let age = Duration::try_from(age).unwrap_or_default();
    let reports = match client.payments_behind(&notification.hint).await {
        Ok(reports) => reports,
        Err(error) if retry_limit(&error).is_some_and(|patience| age >= patience) => {
            tracing::warn!(gateway = %source.gateway, hint = ?notification.hint, %error, "a notification is given up");
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    for report in reports {
        let Some(reference) = PaymentReference::decode(&report.reference, &state.reference_key) else {
            // A payment of other software at the same account, or a forged reference.
            tracing::warn!(gateway = %source.gateway, payment = report.payment_id, "a payment that is not ours");
            continue;
        };
        settle::settle(state, reference, Report { source, attempt: reference.attempt, is: &report }).await?;
    }
    Ok(())
}

/// How long a notification is retried if the gateway answers with this error; `None` for an error
/// that will pass.
fn retry_limit(error: &GatewayError) -> Option<Duration> {
    match error {
        GatewayError::NotFound | GatewayError::Refused { .. } | GatewayError::Unsupported => {
            Some(DOUBTED_FOR)
        }
        GatewayError::Protocol(_) => Some(KEPT_FOR),
        GatewayError::Unavailable { .. } | GatewayError::TooEarly { .. } | GatewayError::Uncertain { .. } => {
            None
        }
    }
}

fn contended() -> Error {
    Error::unavailable("order_contended", "Others keep changing the order.")
}

/// Saves a changed order with everything that belongs to the change. `None` on a lost update, or if
/// a ticket to be voided was used meanwhile; its secured places then expire.
async fn save(state: &State, order: &Order, change: &Change) -> Result<Option<Order>> {
    if let Some(difference) = &change.difference {
        tracing::error!(order = %order.id, difference = difference.detail, "an order and a gateway differ");
    }
    match state.store.save_order(order, change, state.clock.now()).await {
        Ok(order) => Ok(Some(order)),
        Err(
            GateError::Failure(Failure::Refused(_))
            | GateError::Closed(Closed::Used(_))
            | GateError::VoucherUsed(_),
        ) => Ok(None),
        Err(other) => Err(other.into()),
    }
}
