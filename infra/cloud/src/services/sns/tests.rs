use std::sync::atomic::{AtomicBool, AtomicUsize};

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use mail_events::{Confirmation, Sns as Believer, Verified, Web};
use tokio::net::TcpListener;

use super::*;
use crate::services::testing::Local;

const TOPIC: &str = "arn:aws:sns:us-east-1:000000000000:taquilla-mail-events";

/// A webhook that checks what it is sent as the box office does.
pub(crate) struct Webhook {
    believer: Believer,
    clock: Clock,
    /// Whether it confirms.
    willing: AtomicBool,
    /// How many messages it does not take before it takes one.
    ill: AtomicUsize,
    heard: Mutex<Vec<String>>,
}

impl Webhook {
    /// The messages that it was told, in this order.
    pub(crate) fn heard(&self) -> Vec<String> {
        lock(&self.heard).clone()
    }
}

async fn hear(State(hook): State<Arc<Webhook>>, body: axum::body::Bytes) -> StatusCode {
    let verified = hook.believer.verify(&body, hook.clock.now()).await.expect("signed");
    let ill = hook.ill.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
    match verified {
        Verified::Subscription(confirmation) if hook.willing.load(Ordering::SeqCst) => {
            confirm(&hook.believer, &confirmation).await;
        }
        Verified::Subscription(_) => return StatusCode::FORBIDDEN,
        Verified::Notification { .. } if ill.is_ok() => return StatusCode::SERVICE_UNAVAILABLE,
        Verified::Notification { message, .. } => lock(&hook.heard).push(message),
        Verified::Unsubscribed { .. } => panic!("nobody does"),
    }
    StatusCode::OK
}

async fn confirm(believer: &Believer, confirmation: &Confirmation) {
    believer.confirm(confirmation).await.expect("confirmed");
}

pub(crate) async fn webhook(local: &Local, topic: &str) -> (Arc<Webhook>, String) {
    let web = Web::at_endpoint(local.services.endpoint().parse().expect("a URL"));
    let hook = Arc::new(Webhook {
        believer: Believer::new([topic.to_owned()], Arc::new(web)),
        clock: local.clock.clone(),
        willing: AtomicBool::new(true),
        ill: AtomicUsize::new(0),
        heard: Mutex::default(),
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/hook", listener.local_addr().expect("bound"));
    let router = Router::new().route("/hook", post(hear)).with_state(Arc::clone(&hook));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (hook, url)
}

#[tokio::test]
async fn a_webhook_confirms_and_then_hears_everything_although_it_is_ill() {
    let local = Local::start().await;
    let (hook, url) = webhook(&local, TOPIC).await;
    let sns = local.services.sns();
    sns.subscribe(TOPIC, &url);
    sns.publish(TOPIC, "one");
    sns.publish("arn:aws:sns:us-east-1:000000000000:another", "never");
    sns.idle().await;
    hook.ill.store(3, Ordering::SeqCst);
    sns.publish(TOPIC, "two");
    sns.idle().await;
    assert_eq!(hook.heard(), ["one", "two"]);
    assert_eq!(sns.changes(), 3, "a confirmation and two notifications");
}

#[tokio::test]
async fn who_does_not_confirm_hears_nothing() {
    let local = Local::start().await;
    let (hook, url) = webhook(&local, TOPIC).await;
    hook.willing.store(false, Ordering::SeqCst);
    local.services.sns().subscribe(TOPIC, &url);
    local.services.sns().publish(TOPIC, "one");
    let patience = Duration::from_millis(200);
    assert!(tokio::time::timeout(patience, local.services.sns().idle()).await.is_err());
    assert!(hook.heard().is_empty());
    let wrong = format!("{}/?Action=ConfirmSubscription&Token=guessed", local.services.endpoint());
    let answer = crate::services::testing::browser().get(wrong).send().await.expect("an answer");
    assert_eq!(answer.status(), 400);
}

#[tokio::test]
async fn in_a_storm_messages_come_twice_and_out_of_order_and_none_is_lost() {
    let local = Local::start().await;
    let (hook, url) = webhook(&local, TOPIC).await;
    local.services.chaos().change(|rates| {
        rates.duplicate_delivery = 0.5;
        rates.reordered_delivery = 0.5;
    });
    local.services.sns().subscribe(TOPIC, &url);
    let sent: Vec<String> = (10..40).map(|number| number.to_string()).collect();
    for message in &sent {
        local.services.sns().publish(TOPIC, message);
    }
    local.services.sns().idle().await;
    let mut heard = hook.heard();
    assert!(heard.len() > sent.len(), "some came twice");
    assert!(!heard.is_sorted(), "some came late");
    heard.sort();
    heard.dedup();
    assert_eq!(heard, sent);
}
