//! Settles payments: asks the gateway what is true and makes the order say so.
//!
//! Every message may come twice, late or out of order, and two workers may have
//! the same payment in hand. What decides is the order's version: who writes
//! second finds that out, reads the order again and judges anew.

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
use domain::order::{Report, Source};
use domain::payment::{GatewayName, PaymentReference};
use domain::{Error, EventId, Result};
use payments::{GatewayError, PaymentGateway, PaymentGateways, reference_key};
use queue::{Notification, PaymentMessage, Queue};
use store::{EventCache, Fresh, ON_SALE_MILLIS, Store, StoredEvent};

/// How often a worker judges an order anew, after its own steps or because others
/// keep changing it.
const TRIES: usize = 8;

/// How long a gateway may not know, or refuse to say, what it told us of. Its replicas lag
/// by seconds; after an hour it is something that never was, such as the notification
/// that a merchant has a gateway's panel send for a try. Less than the two hours for which
/// the queue tries, so that nobody is alarmed. A payment that there is after all is found
/// by its order's reference.
const DOUBTED_FOR: Duration = Duration::from_secs(3600);

/// How long a gateway's answers may make no sense, such as without valid credentials:
/// somebody is alarmed and has to look. As long as a queue keeps a message; those that
/// come back from the dead letters would live for ever.
const KEPT_FOR: Duration = Duration::from_secs(14 * 24 * 3600);

/// What the worker works with.
#[derive(Clone, Debug)]
pub struct State {
    clock: Clock,
    store: Store,
    gateways: PaymentGateways,
    payments: Queue<PaymentMessage>,
    reference_key: Arc<[u8; 32]>,
    sheets: EventCache,
    accounts: Arc<Fresh<AccountRef, GatewayAccount>>,
}

impl State {
    /// Reads the configuration.
    pub fn new(boot: &Boot) -> Result<Self, ConfigError> {
        Ok(Self {
            clock: boot.clock.clone(),
            store: Store::new(boot)?,
            gateways: PaymentGateways::new(boot)?,
            payments: Queue::new(boot)?,
            reference_key: Arc::new(reference_key(&boot.env)?),
            sheets: EventCache::new(256, ON_SALE_MILLIS),
            accounts: Arc::new(Fresh::new(256, ON_SALE_MILLIS)),
        })
    }

    async fn sheet(&self, event: EventId) -> Result<Arc<StoredEvent>> {
        let sheet = self.sheets.get(&self.store, event, self.clock.now()).await?;
        sheet.ok_or_else(|| Error::internal(format!("an order of the unknown event {event}")))
    }

    /// The client of an organiser's account, or of the sandbox; `None` if the organiser
    /// deleted the account, so that nobody can be asked any more.
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

/// Handles a batch of messages from the payments queue.
///
/// # Errors
/// None: what fails is reported message by message and delivered again.
pub async fn handle(state: State, event: SqsEvent) -> Result<SqsBatchResponse, BootError> {
    let state = &state;
    // Boxed, because the compiler does not see through the loop of `process` that
    // this may change threads, which the local cloud asks for.
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
        Err(error) if patience(&error).is_some_and(|patience| age >= patience) => {
            tracing::warn!(gateway = %source.gateway, hint = ?notification.hint, %error, "a notification is given up");
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    for report in reports {
        let Some(reference) = PaymentReference::decode(&report.reference, &state.reference_key) else {
            // Somebody else's payment at the same account, or a forged reference.
            tracing::warn!(gateway = %source.gateway, payment = report.payment_id, "a payment that is not ours");
            continue;
        };
        settle::settle(state, reference, Report { source, attempt: reference.attempt, is: &report }).await?;
    }
    Ok(())
}

/// How old a notification gets if this is all that the gateway says; `None` if that it
/// will answer some day.
fn patience(error: &GatewayError) -> Option<Duration> {
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
