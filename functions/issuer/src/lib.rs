//! Composes the mails about orders, to staff and about accounts: reads what a mail needs, signs and draws tickets,
//! and sends the result to the mail queue. Writes nothing to the table.

mod compose;
mod news;
mod person;
mod staff;
mod tenants;
mod tickets;
mod transfers;

use std::sync::Arc;

use actions::Withdrawals;
use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use boot::{Boot, BootError, Clock, ConfigError, Secret, SigningKey};
use domain::erasure_confirmation::ErasureConfirmation;
use domain::order::Order;
use domain::order_link::OrderLink;
use domain::tenant::Tenant;
use domain::{Error, EventId, OrderId, Result, TenantId, Timestamp, UserId};
use queue::{IssueMessage, MailMessage, Queue};
use store::{Cache, EventCache, Fingerprints, SOLD_MILLIS, Store, StoredEvent};

/// The function's clients and settings.
#[derive(Clone)]
pub struct State {
    store: Store,
    clock: Clock,
    mails: Queue<MailMessage>,
    ticket_key: SigningKey,
    transfer_key: [u8; 32],
    order_link_key: [u8; 32],
    fingerprints: Fingerprints,
    withdrawals: Withdrawals,
    /// The box office's address, without a slash at its end.
    public_url: Arc<str>,
    sheets: EventCache,
    tenants: Arc<Cache<TenantId, Tenant>>,
}

impl State {
    /// Reads `TABLE_NAME`, `TICKET_SECRET`, `TICKET_PUBLIC_KEYS`, `ORDER_LINK_SECRET`, `HASH_SECRET`,
    /// `PUBLIC_URL` and `MAIL_QUEUE_URL`.
    ///
    /// # Errors
    /// If a variable is missing or wrong, or if the key that signs tickets is not among the keys
    /// that doors verify with: no door would accept such tickets.
    pub fn new(boot: &Boot) -> Result<Self, ConfigError> {
        let (ticket_key, _) =
            SigningKey::from_env(&boot.env, "ticket", "TICKET_SECRET", "TICKET_PUBLIC_KEYS")?;
        let store = Store::new(boot)?;
        Ok(Self {
            withdrawals: Withdrawals::new(&store),
            fingerprints: Fingerprints::from_env(&boot.env)?,
            store,
            clock: boot.clock.clone(),
            mails: Queue::new(boot)?,
            ticket_key,
            transfer_key: Secret::from_env(&boot.env, "TICKET_SECRET")?.derive("transfer"),
            order_link_key: Secret::from_env(&boot.env, "ORDER_LINK_SECRET")?.derive(OrderLink::PURPOSE),
            public_url: boot.env.public_url()?,
            sheets: EventCache::new(100, SOLD_MILLIS),
            tenants: Arc::new(Cache::new(100, SOLD_MILLIS)),
        })
    }

    async fn order(&self, user: UserId, order: OrderId) -> Result<Order> {
        let found = self.store.order(user, order).await?;
        found.ok_or_else(|| Error::internal(format!("the order {order} of {user} is gone")))
    }

    /// The address that opens the order without a sign-in. The link stands after the `#`: browsers do
    /// not send that part, so neither a log nor another site has it.
    fn order_link(&self, order: &Order) -> String {
        let link = OrderLink::of(order).encode(&self.order_link_key);
        format!("{}/purchases/{}#a={link}", self.public_url, order.id)
    }

    /// [`State::order_link`] for who has no other way to the order.
    fn guest_link(&self, order: &Order) -> Option<String> {
        order.is_of_guest().then(|| self.order_link(order))
    }

    /// The address that opens the order of a guest and confirms, until `until`, that all data is to be
    /// erased.
    fn erasure_link(&self, order: &Order, until: Timestamp) -> String {
        let confirmation = ErasureConfirmation { user: order.user, until }.encode(&self.order_link_key);
        format!("{}&e={confirmation}", self.order_link(order))
    }

    async fn sheet(&self, event: EventId) -> Result<Arc<StoredEvent>> {
        let found = self.sheets.get(&self.store, event, self.clock.now()).await?;
        found.ok_or_else(|| Error::internal(format!("the event {event} is gone")))
    }

    async fn tenant(&self, tenant: TenantId) -> Result<Arc<Tenant>> {
        let read = || async { Ok(self.store.tenant(tenant).await?) };
        let found = self.tenants.get(tenant, self.clock.now(), read).await?;
        found.ok_or_else(|| Error::internal(format!("the tenant {tenant} is gone")))
    }
}

/// Handles a batch of the issue queue: composes each message's mails and queues them.
///
/// # Errors
/// Never as a whole: failed messages are reported one by one.
pub async fn handle(state: State, event: SqsEvent) -> Result<SqsBatchResponse, BootError> {
    let state = &state;
    Ok(queue::process(event, |message| async move {
        let mail = match message {
            IssueMessage::Tickets { user, order } => tickets::paid(state, user, order).await?,
            IssueMessage::News { user, order, news } => {
                return state.mails.send_all(&news::mails(state, user, order, news).await?).await;
            }
            IssueMessage::RefundsWaiting { tenant } => tenants::refunds_waiting(state, tenant).await?,
            IssueMessage::PaymentDifferences { tenant, day } => {
                tenants::payment_differences(state, tenant, day).await?
            }
            IssueMessage::TransferOffered { from, transfer } => {
                transfers::offered(state, from, transfer).await?
            }
            IssueMessage::StaffInvited { tenant, invitation } => {
                staff::invited(state, tenant, invitation).await?
            }
            IssueMessage::TransferAccepted { from, transfer } => {
                transfers::accepted(state, from, transfer).await?
            }
            IssueMessage::FactorsChanged { user, news, at } => {
                person::factors_changed(state, user, news, at).await?
            }
            IssueMessage::WithdrawalAsked { email, order } => {
                person::withdrawal_asked(state, &email, order).await?
            }
        };
        match mail {
            Some(mail) => state.mails.send(&mail).await,
            None => Ok::<(), Error>(()),
        }
    })
    .await)
}

#[cfg(test)]
mod tests {
    use boot::Env;

    use super::*;

    fn boot(public_key: &str) -> Boot {
        let variables = [
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("TABLE_NAME", "taquilla"),
            ("MAIL_QUEUE_URL", "test"),
            ("TICKET_SECRET", SECRET),
            ("ORDER_LINK_SECRET", SECRET),
            ("HASH_SECRET", SECRET),
            ("PUBLIC_URL", "https://box.example"),
            ("TICKET_PUBLIC_KEYS", public_key),
        ];
        let env = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Boot::new(Env::from_iter(env), Clock::system()).expect("complete configuration")
    }

    const SECRET: &str = "only for tests, only for tests, only for tests";

    fn public_key(secret: &str) -> String {
        Secret::new(secret).expect("long enough").signing_key("ticket").public().to_string()
    }

    #[test]
    fn a_signing_key_that_no_door_accepts_is_refused_at_start() {
        let other = public_key(&SECRET.to_uppercase());
        let refused = State::new(&boot(&other)).err().expect("refused");
        assert_eq!(refused.variable, "TICKET_PUBLIC_KEYS");
        assert!(State::new(&boot(&format!("{other},{}", public_key(SECRET)))).is_ok());
    }

    #[tokio::test]
    async fn a_message_that_does_not_parse_fails_alone() {
        let state = State::new(&boot(&public_key(SECRET))).expect("complete configuration");
        let event =
            serde_json::from_str(include_str!("../../../events/issuer/poison.json")).expect("an event");
        let response = handle(state, event).await.expect("handled");
        assert_eq!(response.batch_item_failures.len(), 1);
        assert_eq!(response.batch_item_failures[0].item_identifier, "00000001-1111-4222-8333-444444444444");
    }
}
