use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_sqs::types::{MessageAttributeValue, QueueAttributeName, SendMessageBatchRequestEntry};

use super::{Depth, SqsError};
use crate::services::testing::{Folder, Local};

const NOW: Duration = Duration::ZERO;

fn attributes(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// A queue whose messages go to `dead` after two deliveries.
fn queues(local: &Local) -> String {
    let policy = r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead","maxReceiveCount":"2"}"#;
    local.services.create_queue("dead", &attributes(&[])).unwrap();
    local
        .services
        .create_queue("mail", &attributes(&[("VisibilityTimeout", "60"), ("RedrivePolicy", policy)]))
        .unwrap()
}

fn send(local: &Local, body: &str) {
    local.services.sqs().send("mail", body.to_owned(), BTreeMap::new(), None).unwrap();
}

async fn bodies(local: &Local, queue: &str) -> Vec<String> {
    let messages = local.services.sqs().receive(queue, 10, NOW).await.unwrap();
    messages.into_iter().map(|message| message.body).collect()
}

#[tokio::test]
async fn what_is_not_deleted_comes_again_and_ends_in_the_dead_letters() {
    let local = Local::start().await;
    let (sqs, url) = (local.sqs(), queues(&local));
    let kind = MessageAttributeValue::builder().data_type("String").string_value("order").build().unwrap();
    let sent = sqs.send_message().queue_url(&url).message_body("hi").message_attributes("kind", kind);
    let sent = sent.send().await.unwrap();

    for delivery in 1..=2 {
        let received = sqs.receive_message().queue_url(&url).send().await.unwrap();
        let [message] = received.messages() else { panic!("{received:?}") };
        assert_eq!(message.message_id, sent.message_id);
        let attributes = message.attributes.as_ref().unwrap();
        assert_eq!(attributes[&"ApproximateReceiveCount".into()], delivery.to_string());
        assert!(attributes.contains_key(&"SentTimestamp".into()));
        let kind = &message.message_attributes.as_ref().unwrap()["kind"];
        assert_eq!(kind.string_value(), Some("order"));
        let hidden = sqs.receive_message().queue_url(&url).send().await.unwrap();
        assert!(hidden.messages().is_empty(), "it is hidden while it is in flight");
        local.clock.advance(Duration::from_secs(61));
    }
    assert!(bodies(&local, "mail").await.is_empty());
    let dead = local.services.sqs().receive("dead", 10, NOW).await.unwrap();
    assert_eq!((dead[0].body.as_str(), dead[0].dead_letter_of.as_deref()), ("hi", Some("mail")));
    assert_eq!(local.services.sqs().depth("mail").unwrap(), Depth::default());
}

#[tokio::test]
async fn a_deleted_message_is_gone_and_an_old_receipt_deletes_nothing() {
    let local = Local::start().await;
    let (sqs, url) = (local.sqs(), queues(&local));
    send(&local, "once");
    let first = sqs.receive_message().queue_url(&url).send().await.unwrap();
    let old = first.messages()[0].receipt_handle().unwrap().to_owned();
    local.services.sqs().make_visible_now("mail", &old).unwrap();
    let second = sqs.receive_message().queue_url(&url).send().await.unwrap();
    let current = second.messages()[0].receipt_handle().unwrap();

    sqs.delete_message().queue_url(&url).receipt_handle(&old).send().await.unwrap();
    assert_eq!(local.services.sqs().depth("mail").unwrap().in_flight, 1);
    sqs.delete_message().queue_url(&url).receipt_handle(current).send().await.unwrap();
    assert_eq!(local.services.sqs().depth("mail").unwrap().total(), 0);
    let nonsense = sqs.delete_message().queue_url(&url).receipt_handle("nonsense").send().await.unwrap_err();
    assert!(nonsense.into_service_error().is_receipt_handle_is_invalid());
}

#[tokio::test]
async fn a_long_poll_ends_when_a_message_arrives() {
    let local = Local::start().await;
    let (sqs, url) = (local.sqs(), queues(&local));
    let poll = tokio::spawn(sqs.receive_message().queue_url(&url).wait_time_seconds(4).send());
    tokio::task::yield_now().await;
    send(&local, "at last");
    let received = tokio::time::timeout(Duration::from_secs(2), poll).await.unwrap().unwrap().unwrap();
    assert_eq!(received.messages()[0].body(), Some("at last"));
}

#[tokio::test]
async fn some_of_a_batch_may_fail() {
    let local = Local::start().await;
    let (sqs, url) = (local.sqs(), queues(&local));
    let entry = |id: &str, delay: i32| {
        let entry = SendMessageBatchRequestEntry::builder().id(id).message_body(id).delay_seconds(delay);
        entry.build().unwrap()
    };
    let sent = sqs.send_message_batch().queue_url(&url).entries(entry("now", 0));
    let sent = sent.entries(entry("later", 30)).entries(entry("never", 5_000)).send().await.unwrap();
    assert_eq!(sent.successful().len(), 2);
    assert_eq!((sent.failed()[0].id(), sent.failed()[0].sender_fault()), ("never", true));
    let depth = local.services.sqs().depth("mail").unwrap();
    assert_eq!(depth, Depth { visible: 1, in_flight: 0, delayed: 1 });

    let described = sqs.get_queue_attributes().queue_url(&url).attribute_names(QueueAttributeName::All);
    let described = described.send().await.unwrap().attributes.unwrap();
    assert_eq!(described[&QueueAttributeName::ApproximateNumberOfMessagesDelayed], "1");
    assert_eq!(bodies(&local, "mail").await, ["now"]);
    local.clock.advance(Duration::from_secs(31));
    assert_eq!(bodies(&local, "mail").await, ["later"]);

    let same = sqs.send_message_batch().queue_url(&url).entries(entry("a", 0)).entries(entry("a", 0));
    let refused = same.send().await.unwrap_err().into_service_error();
    assert!(refused.is_batch_entry_ids_not_distinct());
}

#[tokio::test]
async fn queues_are_found_by_name_and_made_with_the_same_attributes_only_once() {
    let local = Local::start().await;
    let (sqs, url) = (local.sqs(), queues(&local));
    let found = sqs.get_queue_url().queue_name("mail").send().await.unwrap();
    assert_eq!(found.queue_url(), Some(url.as_str()));
    let missing = sqs.get_queue_url().queue_name("other").send().await.unwrap_err();
    assert!(missing.into_service_error().is_queue_does_not_exist());
    let again = sqs.create_queue().queue_name("mail");
    let same = again.clone().attributes(QueueAttributeName::VisibilityTimeout, "60").send().await.unwrap();
    assert_eq!(same.queue_url(), Some(url.as_str()));
    let other = again.attributes(QueueAttributeName::VisibilityTimeout, "61").send().await.unwrap_err();
    assert!(other.into_service_error().is_queue_name_exists());
    send(&local, "x");
    sqs.purge_queue().queue_url(&url).send().await.unwrap();
    assert_eq!(local.services.sqs().depth("mail").unwrap().total(), 0);
}

#[tokio::test]
async fn chaos_doubles_reorders_and_delays() {
    let local = Local::start().await;
    queues(&local);
    let sqs = local.services.sqs();
    local.services.chaos().change(|rates| rates.duplicate_delivery = 1.0);
    send(&local, "twice");
    for _ in 0..2 {
        let received = sqs.receive("mail", 1, NOW).await.unwrap();
        assert_eq!(received[0].body, "twice");
        sqs.delete("mail", &received[0].receipt_handle).unwrap();
    }
    assert_eq!(sqs.depth("mail").unwrap().total(), 0, "a copy is not doubled again");

    local.services.chaos().change(|rates| {
        rates.duplicate_delivery = 0.0;
        rates.reordered_delivery = 1.0;
    });
    let in_order: Vec<String> = (0..9).map(|number| number.to_string()).collect();
    in_order.iter().for_each(|body| send(&local, body));
    let mut received = bodies(&local, "mail").await;
    assert_ne!(received, in_order);
    received.sort();
    assert_eq!(received, in_order);

    local.services.chaos().change(|rates| {
        rates.delayed_delivery = 1.0;
        rates.delivery_delay = Duration::from_secs(3);
    });
    send(&local, "late");
    assert!(bodies(&local, "mail").await.is_empty());
    local.clock.advance(Duration::from_secs(3));
    assert_eq!(bodies(&local, "mail").await, ["late"]);
}

#[tokio::test]
async fn an_overridden_visibility_brings_messages_back_at_once() {
    let local = Local::start().await;
    queues(&local);
    local.services.sqs().set_visibility_override(Some(Duration::from_millis(5)));
    send(&local, "again");
    let sqs = local.services.sqs();
    let first = sqs.receive("mail", 1, NOW).await.unwrap();
    // A waiting receiver sees it without anybody moving the clock.
    let second = sqs.receive("mail", 1, Duration::from_secs(5)).await.unwrap();
    assert_eq!((first[0].receive_count, second[0].receive_count), (1, 2));
}

#[tokio::test]
async fn messages_survive_a_restart_and_deleted_ones_do_not() {
    let folder = Folder::new();
    let local = Local::start_in(&folder).await;
    queues(&local);
    ["kept", "in flight", "deleted"].iter().for_each(|body| send(&local, body));
    let sqs = local.services.sqs();
    let received = sqs.receive("mail", 3, NOW).await.unwrap();
    sqs.make_visible_now("mail", &received[0].receipt_handle).unwrap();
    sqs.delete("mail", &received[2].receipt_handle).unwrap();
    local.services.stop().await;
    assert_eq!(sqs.receive("mail", 1, Duration::from_secs(9)).await.unwrap_err(), SqsError::Stopping);

    let local = Local::start_in(&folder).await;
    queues(&local);
    let mut left = bodies(&local, "mail").await;
    left.sort();
    assert_eq!(left, ["in flight", "kept"]);
}
