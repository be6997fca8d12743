//! SES's events about the mails that were sent through it.
//!
//! Events of a configuration set say `eventType`, the feedback of an identity
//! `notificationType`; the rest is the same. More fields and more types than
//! these may come at any time.

use std::collections::BTreeMap;

use domain::user::Email;
use serde::Deserialize;

/// An event in the life of a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The kind of event.
    pub kind: EventKind,
    /// SES's id of the mail, as sending answered it.
    pub ses_message: String,
    /// The mail's tags; each can have several values.
    pub tags: BTreeMap<String, Vec<String>>,
}

/// A kind of event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventKind {
    /// SES took it and tries to deliver it.
    Sent,
    /// The receiver's mail server took it.
    Delivered,
    /// The mail bounced.
    Bounced {
        /// True if there is no such mailbox, so that another mail must not be sent there.
        permanent: bool,
        /// The addresses that it did not reach.
        recipients: Vec<Email>,
    },
    /// The receiver's provider passed on what the receiver said about it.
    Complained {
        /// True if the receiver said that it is no spam, which is no complaint at all.
        not_spam: bool,
        /// The addresses that complained.
        recipients: Vec<Email>,
    },
    /// SES took it and then did not want to send it.
    Rejected,
    /// Anything else, such as a delay.
    Other(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    #[serde(alias = "notificationType")]
    event_type: String,
    mail: Mail,
    bounce: Option<Bounce>,
    complaint: Option<Complaint>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Mail {
    message_id: String,
    #[serde(default)]
    tags: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bounce {
    bounce_type: String,
    #[serde(default)]
    bounced_recipients: Vec<Recipient>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Complaint {
    complaint_feedback_type: Option<String>,
    #[serde(default)]
    complained_recipients: Vec<Recipient>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Recipient {
    email_address: String,
}

impl Event {
    /// Reads the text of a notification.
    ///
    /// # Errors
    /// If it is none of SES's events, such as the greeting that SES sends to a new
    /// topic.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        let payload: Payload = serde_json::from_str(text)?;
        let kind = match (payload.event_type.as_str(), payload.bounce, payload.complaint) {
            ("Send", ..) => EventKind::Sent,
            ("Delivery", ..) => EventKind::Delivered,
            ("Bounce", Some(bounce), _) => EventKind::Bounced {
                permanent: bounce.bounce_type == "Permanent",
                recipients: addresses(bounce.bounced_recipients),
            },
            ("Complaint", _, Some(complaint)) => EventKind::Complained {
                not_spam: complaint.complaint_feedback_type.as_deref() == Some("not-spam"),
                recipients: addresses(complaint.complained_recipients),
            },
            ("Reject" | "Rendering Failure", ..) => EventKind::Rejected,
            _ => EventKind::Other(payload.event_type),
        };
        Ok(Self { kind, ses_message: payload.mail.message_id, tags: payload.mail.tags })
    }
}

/// The addresses, without the names that may stand before them.
fn addresses(recipients: Vec<Recipient>) -> Vec<Email> {
    let bare = |text: &str| match (text.rfind('<'), text.rfind('>')) {
        (Some(start), Some(end)) if start < end => text[start + 1..end].parse().ok(),
        _ => text.parse().ok(),
    };
    recipients.iter().filter_map(|recipient| bare(&recipient.email_address)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn kind(event: Value) -> EventKind {
        let mut event = event;
        event["mail"] = json!({"messageId": "0100-1", "timestamp": "2018-10-08T14:05:45 +0000", "new": {}});
        Event::parse(&event.to_string()).expect("an event").kind
    }

    fn emails(addresses: &[&str]) -> Vec<Email> {
        addresses.iter().map(|address| address.parse().expect("an address")).collect()
    }

    #[test]
    fn both_forms_of_every_type() {
        for name in ["eventType", "notificationType"] {
            assert_eq!(kind(json!({name: "Send", "send": {}})), EventKind::Sent);
            assert_eq!(kind(json!({name: "Delivery", "delivery": {"recipients": []}})), EventKind::Delivered);
            assert_eq!(
                kind(json!({name: "Reject", "reject": {"reason": "Bad content"}})),
                EventKind::Rejected
            );
            let bounced = json!([{"emailAddress": "Ana <Ana@Example.com>", "status": "5.1.1"},
                {"emailAddress": "bruno@example.com"}, {"emailAddress": "nonsense"}]);
            for (bounce_type, permanent) in
                [("Permanent", true), ("Transient", false), ("Undetermined", false)]
            {
                let bounce = json!({"bounceType": bounce_type, "bouncedRecipients": bounced});
                let recipients = emails(&["ana@example.com", "bruno@example.com"]);
                let expected = EventKind::Bounced { permanent, recipients };
                assert_eq!(kind(json!({name: "Bounce", "bounce": bounce})), expected);
            }
            for (feedback, not_spam) in
                [(json!("abuse"), false), (Value::Null, false), (json!("not-spam"), true)]
            {
                let complaint = json!({"complaintFeedbackType": feedback, "complaintSubType": null,
                    "complainedRecipients": [{"emailAddress": "ana@example.com"}]});
                let expected = EventKind::Complained { not_spam, recipients: emails(&["ana@example.com"]) };
                assert_eq!(kind(json!({name: "Complaint", "complaint": complaint})), expected);
            }
            for other in ["DeliveryDelay", "Open", "Subscription", "Something new"] {
                assert_eq!(kind(json!({name: other})), EventKind::Other(other.to_owned()));
            }
        }
    }

    #[test]
    fn tags_and_the_mails_id() {
        let text = json!({"eventType": "Send", "mail": {"messageId": "0100-1",
            "tags": {"ses:configuration-set": ["x"], "discount_request": ["drq_1"]}}});
        let event = Event::parse(&text.to_string()).expect("an event");
        assert_eq!((&*event.ses_message, &*event.tags["discount_request"][0]), ("0100-1", "drq_1"));
    }

    #[test]
    fn what_is_no_event_is_told_apart() {
        for text in ["Successfully validated SNS topic for Amazon SES event publishing.", "{}", "[]", ""] {
            assert!(Event::parse(text).is_err(), "{text}");
        }
    }
}
