//! Answers are mailed once, and SES reports their delivery, bounce or complaint.

use std::collections::BTreeMap;
use std::time::Duration;

use boot::{Boot, Env};
use cloud::services::sns::sign;
use cloud::services::{Chaos, FaultRates};
use domain::discount::{DeliveryStatus, DiscountRequest};
use domain::{DiscountRequestId, Language, Person, RequestId, Timestamp};
use mail_events::{Kind, Message};
use queue::{DiscountMail, Mail, MailMessage, Queue};
use serde_json::{Value, json};
use store::{Mailing, Store};
use testkit::{Answer, Show, TestApp};

use crate::community::{Community, text};

/// Longer than a worker's lease on a mailing, which is 60 seconds.
const A_LEASE: Duration = Duration::from_secs(62);

/// The mailer's environment with all permissions.
fn boot(app: &TestApp) -> Boot {
    let mut env = app.cloud.environment_of("mailer").expect("a function of the template");
    env.insert("AWS_ACCESS_KEY_ID".to_owned(), "test".to_owned());
    Boot::new(env.into_iter().collect::<Env>(), app.clock.clone()).expect("complete configuration")
}

/// A discount request whose answer was sent by the supervisor and is not mailed yet.
pub(crate) struct Unmailed {
    store: Store,
    request: DiscountRequestId,
    queue: Queue<MailMessage>,
}

impl Unmailed {
    /// A copy of a sent request, under another id.
    pub(crate) async fn like(app: &TestApp, id: &str) -> Self {
        let boot = boot(app);
        let store = Store::new(&boot).expect("complete configuration");
        let sent = store.discount_request(id_of(id)).await.expect("read").expect("there");
        let request = DiscountRequestId::of(sent.member_id, sent.show_id, 9);
        let unmailed = DiscountRequest {
            id: request,
            attempt: 9,
            email_delivery_status: Some(DeliveryStatus::Sent),
            ..sent
        };
        store.open_discount_request(&unmailed).await.expect("written");
        Self { store, request, queue: Queue::new(&boot).expect("complete configuration") }
    }

    /// Takes the lease on the mailing, as a worker that then dies.
    pub(crate) async fn abandoned(self, now: Timestamp) -> Self {
        let until = now + Duration::from_secs(60);
        let begun = self.store.begin_mailing(self.request, RequestId::generate(now), now, until);
        assert!(matches!(begun.await.expect("answers"), Mailing::Begun(_)));
        self
    }

    /// Queues the message that asks for the mail.
    pub(crate) async fn mail(&self, to: &str) {
        self.queue.send(&message_for(self.request, to)).await.expect("queued");
    }

    async fn status(&self) -> Option<DeliveryStatus> {
        let request = self.store.discount_request(self.request).await;
        request.expect("read").expect("there").email_delivery_status
    }
}

fn message_for(request: DiscountRequestId, to: &str) -> MailMessage {
    MailMessage {
        to: Person { email: to.to_owned(), name: "Ana".to_owned() },
        language: Language::Es,
        reply_to: None,
        mail: Mail::Discount(DiscountMail { request }),
        images: Vec::new(),
        consent: None,
    }
}

fn id_of(id: &str) -> DiscountRequestId {
    id.parse().expect("an id")
}

/// Approves and sends a request, and lets it be mailed. Returns the request's id.
async fn sent(house: &Community, name: &str, show: &Show) -> String {
    let id = house.decided(name, show, "approve").await;
    house.send(&id).ok().await;
    house.app.idle().await;
    id
}

async fn delivery(house: &Community, id: &str) -> String {
    text(&house.queued(id).await["email_delivery_status"]).to_owned()
}

/// When SES first reported that mail to the member came back, or null.
async fn bounced_at(house: &Community, name: &str) -> Value {
    let list = house.app.get(format!("/api/v1/users/list?q={name}")).token(&house.organizer.token).ok().await;
    let items = list["items"].as_array().expect("items").clone();
    let email = json!(format!("{name}@example.com"));
    let member = items.into_iter().find(|member| member["email"] == email);
    member.unwrap_or_else(|| panic!("no {name} in {list}"))["email_bounced_at"].clone()
}

#[tokio::test]
async fn an_answer_arrives_bounces_or_is_complained_about() {
    let house = Community::open().await;
    let show = house.show("Los Faroles", 10).await;
    let ana = sent(&house, "ana", &show).await;
    let mails = house.app.mails("ana@example.com");
    let [mail] = &mails[..] else { panic!("{} mails", mails.len()) };
    assert!(mail.tags.contains(&("discount_request".to_owned(), ana.clone())), "{:?}", mail.tags);
    assert_eq!(mail.reply_to, ["faroles@example.com"]);
    assert_eq!(delivery(&house, &ana).await, "delivered");
    assert_eq!(bounced_at(&house, "ana").await, Value::Null);

    for (name, status) in [("bounce", "bounced"), ("complaint", "complained")] {
        let id = sent(&house, name, &show).await;
        assert_eq!(delivery(&house, &id).await, status);
        assert!(bounced_at(&house, name).await.is_string(), "{name}");
    }
    let mailbox = house.app.get("/local/mailbox.json?to=bounce@example.com").send().await.json();
    assert_eq!(mailbox["mails"][0]["fate"], "bounced");
    house.app.close().await;
}

/// How many mails go out when the same message is delivered 20 more times at once.
async fn mails_of_many_deliveries(guarded: bool) -> usize {
    let house = Community::open().await;
    let show = house.show("Los Faroles", 10).await;
    let app = &house.app;
    let id = house.decided("ana", &show, "approve").await;
    let queued = Queue::<MailMessage>::new(&boot(app)).expect("complete configuration");
    if !guarded {
        app.chaos.ignore_conditions("DR#");
    }
    house.send(&id).ok().await;
    queued.send_all(&vec![message_for(id_of(&id), "ana@example.com"); 20]).await.expect("queued");
    app.idle().await;
    app.clock.advance(A_LEASE);
    app.idle().await;
    let mails = app.mails("ana@example.com").len();
    house.app.close().await;
    mails
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_deliveries_of_one_message_are_one_mail() {
    assert_eq!(mails_of_many_deliveries(true).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_lease_many_deliveries_are_many_mails() {
    assert!(mails_of_many_deliveries(false).await > 1, "the race test would not notice a race");
}

#[tokio::test]
async fn a_mail_whose_worker_died_before_ses_is_sent_after_the_lease() {
    let house = Community::open().await;
    let show = house.show("Los Faroles", 10).await;
    let app = &house.app;
    let id = sent(&house, "ana", &show).await;
    let unmailed = Unmailed::like(app, &id).await.abandoned(app.clock.now()).await;
    unmailed.mail("ana@example.com").await;
    app.idle().await;
    assert_eq!(app.mails("ana@example.com").len(), 1, "the second one may be on its way");
    app.clock.advance(A_LEASE);
    app.idle().await;
    assert_eq!(app.mails("ana@example.com").len(), 2);
    assert_eq!(unmailed.status().await, Some(DeliveryStatus::Delivered));
    app.clock.advance(A_LEASE);
    house.app.close().await;
}

#[tokio::test]
async fn a_mail_that_ses_refuses_has_failed_and_is_not_retried() {
    let house = Community::open().await;
    let show = house.show("Los Faroles", 10).await;
    let app = &house.app;
    let id = sent(&house, "ana", &show).await;
    let unmailed = Unmailed::like(app, &id).await;
    unmailed.mail("no address at all").await;
    app.idle().await;
    assert_eq!(unmailed.status().await, Some(DeliveryStatus::Failed));
    unmailed.mail("ana@example.com").await;
    app.idle().await;
    assert_eq!(app.mails("ana@example.com").len(), 1, "the first request's");
    house.app.close().await;
}

#[tokio::test]
async fn a_mail_whose_worker_died_after_ses_is_not_sent_again() {
    let house = Community::open().await;
    let show = house.show("Los Faroles", 10).await;
    let app = &house.app;
    app.chaos.change(|rates| rates.mail_answer_lost = 1.0);
    let id = sent(&house, "ana", &show).await;
    assert_eq!(delivery(&house, &id).await, "delivered", "SES's own events say so");
    for _ in 0..3 {
        app.clock.advance(A_LEASE);
        app.idle().await;
    }
    assert_eq!(app.mails("ana@example.com").len(), 1);
    house.app.close().await;
}

/// A message of the SNS topic of SES's events, unsigned.
fn message(app: &TestApp, event: &Value) -> Message {
    Message {
        kind: Kind::Notification,
        message_id: "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324".to_owned(),
        topic_arn: app.cloud.stack().function("webhooks").expect("a function").env["MAIL_EVENTS_TOPIC"]
            .clone(),
        subject: None,
        message: event.to_string(),
        timestamp: app.clock.now().to_string(),
        signature_version: String::new(),
        signature: String::new(),
        signing_cert_url: String::new(),
        subscribe_url: None,
        token: None,
    }
}

async fn post(app: &TestApp, message: &Message) -> Answer {
    let body = serde_json::to_vec(message).expect("JSON");
    app.post("/api/v1/webhooks/ses").body("text/plain; charset=UTF-8", body).send().await
}

fn event(kind: &str, id: &str) -> Value {
    json!({"eventType": kind, "mail": {"messageId": "0100-test", "tags": {"discount_request": [id]}}})
}

#[tokio::test]
async fn late_repeated_and_unknown_events_change_nothing() {
    let house = Community::open().await;
    let show = house.show("Los Faroles", 10).await;
    let app = &house.app;
    let id = sent(&house, "bounce", &show).await;
    let before = house.queued(&id).await;
    for kind in ["Send", "Delivery", "Open", "DeliveryDelay", "Something new"] {
        for _ in 0..2 {
            assert_eq!(post(app, &sign(message(app, &event(kind, &id)))).await.status, 200, "{kind}");
        }
    }
    for kind in ["Delivery", "Bounce", "Complaint"] {
        assert_eq!(post(app, &sign(message(app, &event(kind, "drq_nonsense")))).await.status, 200, "{kind}");
    }
    let greeting = Message {
        message: "Successfully validated SNS topic for Amazon SES event publishing.".to_owned(),
        ..message(app, &json!({}))
    };
    assert_eq!(post(app, &sign(greeting)).await.status, 200);
    assert_eq!(house.queued(&id).await, before);
    house.app.close().await;
}

#[tokio::test]
async fn feedback_without_a_tag_marks_the_members_of_all_tenants() {
    let house = Community::open().await;
    let app = &house.app;
    let other = app.organizer("mareas").await;
    for name in ["ana", "beto"] {
        house.member(name).await;
    }
    let body = json!({"name": "Ana", "email": "ana@example.com"});
    app.post("/api/v1/users/register").token(&other.token).json(body).ok().await;
    let feedback = json!({
        "notificationType": "Bounce", "mail": {"messageId": "0100-test"},
        "bounce": {"bounceType": "Permanent", "bouncedRecipients": [
            {"emailAddress": "Ana <ana@example.com>"}, {"emailAddress": "nobody@example.com"},
        ]},
    });
    for _ in 0..2 {
        assert_eq!(post(app, &sign(message(app, &feedback))).await.status, 200);
    }
    assert!(bounced_at(&house, "ana").await.is_string());
    assert_eq!(bounced_at(&house, "beto").await, Value::Null);
    let theirs = app.get("/api/v1/users/list?q=ana").token(&other.token).ok().await;
    assert!(theirs["items"][0]["email_bounced_at"].is_string(), "{theirs}");
    let soft = json!({
        "notificationType": "Bounce", "mail": {"messageId": "0100-test"},
        "bounce": {"bounceType": "Transient", "bouncedRecipients": [{"emailAddress": "beto@example.com"}]},
    });
    let not_spam = json!({
        "notificationType": "Complaint", "mail": {"messageId": "0100-test"},
        "complaint": {"complaintFeedbackType": "not-spam",
            "complainedRecipients": [{"emailAddress": "beto@example.com"}]},
    });
    for harmless in [soft, not_spam] {
        assert_eq!(post(app, &sign(message(app, &harmless))).await.status, 200);
    }
    assert_eq!(bounced_at(&house, "beto").await, Value::Null);
    house.app.close().await;
}

#[tokio::test]
async fn a_message_that_sns_did_not_sign_for_our_topic_is_refused() {
    let house = Community::open().await;
    let show = house.show("Los Faroles", 10).await;
    let app = &house.app;
    let id = sent(&house, "ana", &show).await;
    let good = message(app, &event("Bounce", &id));
    let signed = sign(good.clone());
    let forged = Message { message: event("Complaint", &id).to_string(), ..signed.clone() };
    let unsigned = Message { signature_version: "2".to_owned(), ..good.clone() };
    let foreign = "arn:aws:sns:us-east-1:123456789012:ses-events".to_owned();
    let foreign = sign(Message { topic_arn: foreign, ..good.clone() });
    let old = (app.clock.now() - Duration::from_secs(3 * 3600)).to_string();
    let stale = sign(Message { timestamp: old, ..good.clone() });
    let elsewhere = "https://sns.us-east-1.amazonaws.com.example.com/x.pem".to_owned();
    let elsewhere = Message { signing_cert_url: elsewhere, ..signed.clone() };
    let unknown = "https://sns.us-east-1.amazonaws.com/x.txt.pem".to_owned();
    let unknown = Message { signing_cert_url: unknown, ..signed };
    for bad in [forged, unsigned, foreign, stale, elsewhere, unknown] {
        post(app, &bad).await.refused(401, "webhook_refused");
    }
    for body in ["", "{}", "null", "\u{0}"] {
        app.post("/api/v1/webhooks/ses").raw(body).send().await.refused(401, "webhook_refused");
    }
    let huge = " ".repeat(600 * 1024);
    app.post("/api/v1/webhooks/ses").raw(huge).send().await.refused(413, "body_too_large");
    assert_eq!(delivery(&house, &id).await, "delivered");
    house.app.close().await;
}

/// Many answers while the cloud fails at random: each is mailed once, and its delivery status
/// is right.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_storm_every_answer_is_mailed_once() {
    const SEED: u64 = 20_261_122;
    eprintln!("seed {SEED}");
    let app = TestApp::start_with(Chaos::seeded(SEED)).await;
    let organizer = app.organizer("faroles").await;
    let house = Community { app, organizer };
    let show = house.show("Los Faroles", 40).await;
    let mut requests = BTreeMap::new();
    for index in 0..24 {
        let name = match index % 4 {
            0 => format!("bounce{index}"),
            1 => format!("complaint{index}"),
            _ => format!("socia{index}"),
        };
        let id = house.decided(&name, &show, "approve").await;
        requests.insert(name, id);
    }
    house.app.idle().await;
    house.app.chaos.set(FaultRates { mail_answer_lost: 0.1, ..FaultRates::stormy() });
    for id in requests.values() {
        while house.send(id).send().await.status != 200 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    for _ in 0..4 {
        house.app.idle().await;
        house.app.clock.advance(A_LEASE);
    }
    house.app.chaos.set(FaultRates::default());
    for _ in 0..4 {
        house.app.idle().await;
        house.app.clock.advance(A_LEASE);
    }
    for (name, id) in &requests {
        assert_eq!(house.app.mails(&format!("{name}@example.com")).len(), 1, "{name}");
        let expected = match name {
            name if name.starts_with("bounce") => "bounced",
            name if name.starts_with("complaint") => "complained",
            _ => "delivered",
        };
        assert_eq!(delivery(&house, id).await, expected, "{name}");
    }
    house.app.close().await;
}
