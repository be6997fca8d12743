//! What SES publishes about a mail that it took.
//!
//! The local part of an address decides, as that of SES's own mailbox simulator
//! does: mails to `bounce...` come back, whoever has `complaint...` complains, all
//! others get theirs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::ACCOUNT;
use super::mailbox::{Mail, MailOutcome, bare};
use super::sns::Sns;

/// A configuration set: mails that are sent with it are told about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigurationSet {
    /// The name.
    pub name: String,
    /// What is published where.
    pub destinations: Vec<EventDestination>,
}

/// A topic of SNS that hears of some of SES's events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventDestination {
    /// The events, as `send` or `bounce`.
    pub events: BTreeSet<String>,
    /// The ARN of the topic.
    pub topic: String,
}

/// The configuration sets, and where their events go. Clones share them.
#[derive(Clone)]
pub(super) struct Events {
    sets: Arc<RwLock<Vec<ConfigurationSet>>>,
    sns: Sns,
}

impl Events {
    pub(super) fn new(sns: Sns) -> Self {
        Self { sets: Arc::default(), sns }
    }

    pub(super) fn set(&self, sets: Vec<ConfigurationSet>) {
        *self.sets.write().unwrap_or_else(PoisonError::into_inner) = sets;
    }

    /// Whether there is a configuration set of this name.
    pub(super) fn knows(&self, name: &str) -> bool {
        self.sets.read().unwrap_or_else(PoisonError::into_inner).iter().any(|set| set.name == name)
    }

    /// Publishes what becomes of the mail.
    pub(super) fn publish(&self, mail: &Mail) {
        let sets = self.sets.read().unwrap_or_else(PoisonError::into_inner);
        let Some(set) = sets.iter().find(|set| Some(&set.name) == mail.configuration_set.as_ref()) else {
            return;
        };
        let fates = mail.recipients().map(|recipient| (bare(recipient), MailOutcome::of(recipient)));
        let events =
            std::iter::once(("send", event(mail, "Send", json!({})))).chain(fates.map(|(to, fate)| {
                let at = mail.sent_at;
                match fate {
                    MailOutcome::Delivered => ("delivery", event(mail, "Delivery", delivery(to, at))),
                    MailOutcome::Bounced => ("bounce", event(mail, "Bounce", bounce(to, at))),
                    MailOutcome::Complained => ("complaint", event(mail, "Complaint", complaint(to, at))),
                }
            }));
        for (name, event) in events {
            for destination in set.destinations.iter().filter(|to| to.events.contains(name)) {
                self.sns.publish(&destination.topic, &event.to_string());
            }
        }
    }
}

fn event(mail: &Mail, kind: &str, details: Value) -> Value {
    let recipients: Vec<&str> = mail.recipients().collect();
    let mut tags: BTreeMap<&str, Vec<&str>> =
        mail.tags.iter().map(|(name, value)| (name.as_str(), vec![value.as_str()])).collect();
    tags.extend(mail.configuration_set.iter().map(|set| ("ses:configuration-set", vec![set.as_str()])));
    let mut event = json!({
        "eventType": kind,
        "mail": {
            "timestamp": time(mail.sent_at),
            "messageId": mail.id,
            "source": mail.from,
            "sendingAccountId": ACCOUNT,
            "destination": recipients,
            "headersTruncated": false,
            "tags": tags,
        },
    });
    event[kind.to_lowercase()] = details;
    event
}

fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

fn delivery(to: &str, at: Timestamp) -> Value {
    json!({
        "timestamp": time(at),
        "processingTimeMillis": 100,
        "recipients": [to],
        "smtpResponse": "250 2.6.0 Message received",
        "reportingMTA": "local.amazonses.com",
    })
}

fn bounce(to: &str, at: Timestamp) -> Value {
    json!({
        "bounceType": "Permanent",
        "bounceSubType": "General",
        "bouncedRecipients": [{
            "emailAddress": to,
            "action": "failed",
            "status": "5.1.1",
            "diagnosticCode": "smtp; 550 5.1.1 user unknown",
        }],
        "timestamp": time(at),
        "feedbackId": "local",
    })
}

fn complaint(to: &str, at: Timestamp) -> Value {
    json!({
        "complainedRecipients": [{ "emailAddress": to }],
        "timestamp": time(at),
        "feedbackId": "local",
        "complaintSubType": null,
        "complaintFeedbackType": "abuse",
    })
}

#[cfg(test)]
mod tests {
    use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message, MessageTag};
    use mail_events::ses::{Event, EventKind};

    use crate::services::testing::Local;
    use crate::services::{ConfigurationSet, EventDestination, MailOutcome, sns};

    const TOPIC: &str = "arn:aws:sns:us-east-1:000000000000:events";

    async fn send(local: &Local, to: &str, set: &str) -> Result<String, aws_sdk_sesv2::Error> {
        let text = Content::builder().data("Hola").build().unwrap();
        let body = Body::builder().text(text.clone()).build();
        let message = Message::builder().subject(text).body(body).build();
        let tag = MessageTag::builder().name("discount_request").value("drq_1").build().unwrap();
        let sent = local
            .sesv2()
            .send_email()
            .from_email_address("a@example.com")
            .destination(Destination::builder().to_addresses(to).build())
            .content(EmailContent::builder().simple(message).build())
            .configuration_set_name(set)
            .email_tags(tag)
            .send()
            .await?;
        Ok(sent.message_id().unwrap().to_owned())
    }

    /// What is heard of a mail to this address.
    async fn heard(to: &str) -> Vec<EventKind> {
        let local = Local::start().await;
        let (hook, url) = sns::tests::webhook(&local, TOPIC).await;
        local.services.sns().subscribe(TOPIC, &url);
        let events = ["send", "delivery", "bounce", "complaint"].map(str::to_owned).into();
        let destination = EventDestination { events, topic: TOPIC.to_owned() };
        let set = ConfigurationSet { name: "set".to_owned(), destinations: vec![destination] };
        local.services.set_configuration_sets(vec![set]);
        let id = send(&local, to, "set").await.unwrap();
        local.services.sns().idle().await;
        let mut events: Vec<Event> =
            hook.heard().iter().map(|message| Event::parse(message).expect("an event")).collect();
        events.sort_by_key(|event| event.kind != EventKind::Sent);
        for event in &events {
            assert_eq!((&*event.ses_message, &*event.tags["discount_request"][0]), (&*id, "drq_1"));
        }
        events.into_iter().map(|event| event.kind).collect()
    }

    #[tokio::test]
    async fn the_address_decides_what_becomes_of_a_mail() {
        assert_eq!(heard("Ana <ana@example.com>").await, [EventKind::Sent, EventKind::Delivered]);
        let recipients = vec!["bounce+1@example.com".parse().unwrap()];
        let bounced = EventKind::Bounced { permanent: true, recipients };
        assert_eq!(heard("Bounce+1@example.com").await, [EventKind::Sent, bounced]);
        let recipients = vec!["complaint@example.com".parse().unwrap()];
        let complained = EventKind::Complained { not_spam: false, recipients };
        assert_eq!(heard("complaint@example.com").await, [EventKind::Sent, complained]);
        assert_eq!(MailOutcome::of("B <bouncer@example.com>"), MailOutcome::Bounced);
        assert_eq!(MailOutcome::of("ana.bounce@example.com"), MailOutcome::Delivered);
    }

    #[tokio::test]
    async fn a_configuration_set_must_be_there() {
        let local = Local::start().await;
        let refused = send(&local, "ana@example.com", "nowhere").await.unwrap_err();
        assert!(matches!(refused, aws_sdk_sesv2::Error::NotFoundException(_)), "{refused}");
    }
}
