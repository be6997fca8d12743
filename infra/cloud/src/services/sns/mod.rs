//! SNS: topics whose messages go to webhooks, signed as the real one signs them.
//!
//! Addresses in messages are those of the real SNS; whoever stands in for it is
//! asked for the same paths (`AWS_ENDPOINT_URL_SNS`).

mod delivery;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use boot::Clock;
use mail_events::Kind;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::REGION;
use super::chaos::{Chaos, Fault};
use delivery::{Courier, Envelope};

pub use delivery::sign;

/// The certificate whose key signs.
const CERTIFICATE: &str = include_str!("certificate.pem");
/// The path of the certificate.
const CERTIFICATE_PATH: &str = "/SimpleNotificationService-test.pem";
/// The time between messages that chaos puts out of order.
const SHUFFLE: Duration = Duration::from_millis(60);

/// The local SNS. Clones share it.
#[derive(Clone)]
pub struct Sns(Arc<Inner>);

struct Inner {
    chaos: Chaos,
    courier: Courier,
    subscriptions: Mutex<Vec<Arc<Subscription>>>,
    /// Deliveries that are waiting or on the wire.
    pending: watch::Sender<usize>,
    /// Deliveries that have come to an end.
    ended: AtomicU64,
    deliveries: Mutex<JoinSet<()>>,
    /// The runtime of deliveries, whoever causes them.
    runtime: Handle,
}

struct Subscription {
    topic: String,
    endpoint: String,
    /// With what the endpoint shows that it wants to hear.
    token: String,
    confirmed: watch::Sender<bool>,
}

impl Sns {
    /// Must be called in a runtime, which then runs the deliveries.
    pub(super) fn new(chaos: Chaos, clock: Clock) -> Self {
        Self(Arc::new(Inner {
            chaos,
            courier: Courier::new(clock),
            subscriptions: Mutex::default(),
            pending: watch::Sender::new(0),
            ended: AtomicU64::new(0),
            deliveries: Mutex::default(),
            runtime: Handle::current(),
        }))
    }

    /// Asks the endpoint whether it wants to hear of the topic. What is published
    /// before it says so waits, which the real SNS would not do.
    pub fn subscribe(&self, topic: &str, endpoint: &str) {
        let subscription = Arc::new(Subscription {
            topic: topic.to_owned(),
            endpoint: endpoint.to_owned(),
            token: Uuid::now_v7().simple().to_string(),
            confirmed: watch::Sender::new(false),
        });
        lock(&self.0.subscriptions).push(Arc::clone(&subscription));
        let envelope = Envelope {
            kind: Kind::SubscriptionConfirmation,
            topic: topic.to_owned(),
            message: format!(
                "You have chosen to subscribe to the topic {topic}.\nTo confirm the subscription, visit the \
                 SubscribeURL included in this message."
            ),
            token: Some(subscription.token.clone()),
        };
        self.deliver(subscription, envelope, Duration::ZERO);
    }

    /// Sends a message to everybody who hears of the topic.
    pub(super) fn publish(&self, topic: &str, message: &str) {
        let listening: Vec<_> =
            lock(&self.0.subscriptions).iter().filter(|of| of.topic == topic).cloned().collect();
        let (chaos, rates) = (&self.0.chaos, self.0.chaos.rates());
        for subscription in listening {
            let envelope = Envelope {
                kind: Kind::Notification,
                topic: topic.to_owned(),
                message: message.to_owned(),
                token: None,
            };
            let copies = 1 + u8::from(chaos.strikes(Fault::Notification, rates.duplicate_delivery));
            for _ in 0..copies {
                let mut wait = Duration::ZERO;
                if chaos.strikes(Fault::Notification, rates.reordered_delivery) {
                    wait += chaos.up_to(Fault::Notification, SHUFFLE);
                }
                if chaos.strikes(Fault::Notification, rates.delayed_delivery) {
                    wait += rates.delivery_delay;
                }
                self.deliver(Arc::clone(&subscription), envelope.clone(), wait);
            }
        }
    }

    fn deliver(&self, subscription: Arc<Subscription>, envelope: Envelope, wait: Duration) {
        let signed = self.0.courier.sign(envelope);
        self.0.pending.send_modify(|count| *count += 1);
        let sns = self.clone();
        let delivering = async move {
            tokio::time::sleep(wait).await;
            if signed.kind == Kind::Notification {
                // Fails only if the sender is gone, which the subscription rules out.
                let _ = subscription.confirmed.subscribe().wait_for(|confirmed| *confirmed).await;
            }
            sns.0.courier.deliver(&subscription.endpoint, &signed).await;
            sns.0.ended.fetch_add(1, Ordering::SeqCst);
            sns.0.pending.send_modify(|count| *count -= 1);
        };
        let mut deliveries = lock(&self.0.deliveries);
        while deliveries.try_join_next().is_some() {}
        deliveries.spawn_on(delivering, &self.0.runtime);
    }

    /// Answers what SNS is asked without a signature: its certificate, and to
    /// confirm a subscription. `None` if it is something else.
    pub(super) fn answer(&self, path: &str, query: Option<&str>) -> Option<Response> {
        if path == CERTIFICATE_PATH {
            return Some(CERTIFICATE.into_response());
        }
        let query = query.filter(|_| path == "/")?;
        let pairs: BTreeMap<&str, &str> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
        if pairs.get("Action") != Some(&"ConfirmSubscription") {
            return None;
        }
        let token = pairs.get("Token").copied().unwrap_or_default();
        let subscriptions = lock(&self.0.subscriptions);
        let Some(subscription) = subscriptions.iter().find(|of| of.token == token) else {
            return Some((StatusCode::BAD_REQUEST, "Invalid token").into_response());
        };
        subscription.confirmed.send_replace(true);
        Some("<ConfirmSubscriptionResponse/>".into_response())
    }

    /// Waits until nothing is waiting or on the wire.
    pub async fn idle(&self) {
        // Fails only if the sender is gone, which this borrow rules out.
        let _ = self.0.pending.subscribe().wait_for(|count| *count == 0).await;
    }

    /// A number that grows whenever a delivery ends.
    pub fn changes(&self) -> u64 {
        self.0.ended.load(Ordering::SeqCst)
    }

    /// Drops everything that is not delivered.
    pub(super) fn stop(&self) {
        lock(&self.0.deliveries).abort_all();
        self.0.pending.send_replace(0);
    }
}

/// The host of the SNS that is stood in for.
fn host() -> String {
    format!("https://sns.{REGION}.amazonaws.com")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
pub(super) mod tests;
