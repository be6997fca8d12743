//! Composes the mails about orders: signs and draws the tickets of a paid one,
//! and hands everything that a mail needs to the mailer. Writes nothing.

mod compose;
mod news;
mod tickets;
mod transfers;

use std::sync::Arc;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use boot::{Boot, BootError, Clock, ConfigError, Secret, SigningKey};
use domain::event::Tenant;
use domain::order::Order;
use domain::{Error, EventId, OrderId, Result, TenantId, UserId};
use queue::{IssueMessage, MailMessage, Queue};
use store::{EventSheet, Fresh, Store};

/// How long what an organiser wrote may be behind, in milliseconds.
const FRESH_MILLIS: i64 = 30_000;

/// What the function works with.
#[derive(Clone)]
pub struct State {
    store: Store,
    clock: Clock,
    mails: Queue<MailMessage>,
    ticket_key: SigningKey,
    transfer_key: [u8; 32],
    sheets: Arc<Fresh<EventId, EventSheet>>,
    tenants: Arc<Fresh<TenantId, Tenant>>,
}

impl State {
    /// Reads `TABLE_NAME`, `TICKET_SECRET` and `MAIL_QUEUE_URL`.
    pub fn new(boot: &Boot) -> Result<Self, ConfigError> {
        let secret = Secret::from_env(&boot.env, "TICKET_SECRET")?;
        Ok(Self {
            store: Store::new(boot)?,
            clock: boot.clock.clone(),
            mails: Queue::new(boot)?,
            ticket_key: secret.signing_key("ticket"),
            transfer_key: secret.derive("transfer"),
            sheets: Arc::new(Fresh::new(100, FRESH_MILLIS)),
            tenants: Arc::new(Fresh::new(100, FRESH_MILLIS)),
        })
    }

    async fn order(&self, user: UserId, order: OrderId) -> Result<Order> {
        let found = self.store.order(user, order).await?;
        found.ok_or_else(|| Error::internal(format!("the order {order} of {user} is gone")))
    }

    async fn sheet(&self, event: EventId) -> Result<Arc<EventSheet>> {
        let read = || async { Ok(self.store.event_sheet(event).await?) };
        let found = self.sheets.get(event, self.clock.now(), read).await?;
        found.ok_or_else(|| Error::internal(format!("the event {event} is gone")))
    }

    async fn tenant(&self, tenant: TenantId) -> Result<Arc<Tenant>> {
        let read = || async { Ok(self.store.tenant(tenant).await?) };
        let found = self.tenants.get(tenant, self.clock.now(), read).await?;
        found.ok_or_else(|| Error::internal(format!("the tenant {tenant} is gone")))
    }
}

/// Handles a batch of the issue queue.
///
/// # Errors
/// Never: failures are reported message by message.
pub async fn handle(state: State, event: SqsEvent) -> Result<SqsBatchResponse, BootError> {
    let state = &state;
    Ok(queue::process(event, |message| async move {
        let mail = match message {
            IssueMessage::Tickets { user, order } => tickets::paid(state, user, order).await?,
            IssueMessage::News { user, order, news } => Some(news::about(state, user, order, news).await?),
            IssueMessage::TransferOffered { from, transfer } => {
                transfers::offered(state, from, transfer).await?
            }
            IssueMessage::TransferAccepted { from, transfer } => {
                transfers::accepted(state, from, transfer).await?
            }
        };
        match mail {
            Some(mail) => state.mails.send(&mail).await,
            None => Ok::<(), Error>(()),
        }
    })
    .await)
}
