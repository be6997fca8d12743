//! Settles payments: asks the gateway what is true and makes the order say so.
//!
//! Every message may come twice, late or out of order, and two workers may have
//! the same payment in hand. What decides is the order's version: who writes
//! second finds that out, reads the order again and judges anew.

mod refund;
mod settle;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use boot::{Boot, BootError, Clock, ConfigError};
use domain::payment::{GatewayName, PaymentReference, PaymentReport, PaymentStatus};
use domain::{Error, EventId, OrderId, Result, UserId};
use integrations::payment::{PaymentGateways, reference_key};
use queue::{Notification, PaymentMessage, Queue};
use store::{EventSheet, Fresh, Store};

/// How often a worker judges an order anew that others keep changing.
const TRIES: usize = 6;

/// How often an undecided payment is asked about: every 15 minutes for a day,
/// after which gateways have cancelled it.
const ROUNDS: u16 = 96;

/// What the worker works with.
#[derive(Clone, Debug)]
pub struct State {
    clock: Clock,
    store: Store,
    gateways: PaymentGateways,
    payments: Queue<PaymentMessage>,
    reference_key: Arc<[u8; 32]>,
    sheets: Arc<Fresh<EventId, EventSheet>>,
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
            sheets: Arc::new(Fresh::new(256, 3000)),
        })
    }

    async fn sheet(&self, event: EventId) -> Result<Arc<EventSheet>> {
        let read = || async { Ok(self.store.event_sheet(event).await?) };
        let sheet = self.sheets.get(event, self.clock.now(), read).await?;
        sheet.ok_or_else(|| Error::internal(format!("an order of the unknown event {event}")))
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
                    reconcile(state, user, order, round).await
                }
                PaymentMessage::Refund { user, order } => refund::refund(state, user, order).await,
                PaymentMessage::Audit { user, order } => reconcile(state, user, order, ROUNDS).await,
            }
        })
    };
    Ok(queue::process(event, one).await)
}

async fn notified(state: &State, notification: &Notification) -> Result<()> {
    let gateway = state.gateways.get(notification.gateway)?;
    for report in gateway.payments_behind(&notification.hint).await? {
        let Some(reference) = PaymentReference::decode(&report.reference, &state.reference_key) else {
            // Somebody else's payment at the same account, or a forged reference.
            tracing::warn!(gateway = %notification.gateway, payment = report.payment_id, "a payment that is not ours");
            continue;
        };
        settle::settle(state, notification.gateway, reference, &report).await?;
    }
    Ok(())
}

/// Asks about the open payments of an order whose notification may never come.
async fn reconcile(state: &State, user: UserId, order: OrderId, round: u16) -> Result<()> {
    let Some(order) = state.store.order(user, order).await? else { return Ok(()) };
    let mut undecided = false;
    for payment in &order.payments {
        if payment.state != domain::order::PaymentState::Pending {
            continue;
        }
        let reference = PaymentReference { user, order: order.id, attempt: payment.attempt };
        let reports = reports(state, payment.gateway, payment.payment_id.as_deref(), reference).await?;
        for report in &reports {
            settle::settle(state, payment.gateway, reference, report).await?;
        }
        undecided |= reports.iter().all(|report| report.status == PaymentStatus::Pending);
    }
    if undecided && round < ROUNDS {
        let again = PaymentMessage::Reconcile { user, order: order.id, round: round + 1 };
        state.payments.send_later(&again, Duration::from_secs(900)).await?;
    }
    Ok(())
}

async fn reports(
    state: &State,
    gateway: GatewayName,
    payment_id: Option<&str>,
    reference: PaymentReference,
) -> Result<Vec<PaymentReport>> {
    let gateway = state.gateways.get(gateway)?;
    Ok(match payment_id {
        Some(payment_id) => vec![gateway.payment(payment_id).await?],
        None => gateway.payments_of(&reference.encode(&state.reference_key)).await?,
    })
}
