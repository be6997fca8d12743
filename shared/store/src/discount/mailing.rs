//! Mailing the answer to a discount request once, and the delivery of that mail.
//!
//! SES sends a mail as often as it is asked to. So a worker takes a lease on the request before it
//! mails the answer, for longer than any worker can run. A worker that dies after SES took the mail
//! leaves the lease behind; before the lease ends, SES's own event about the mail notes that it was
//! sent.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use domain::discount::{DeliveryStatus, DiscountRequest, RequestStatus};
use domain::{DiscountRequestId, RequestId, Timestamp};

use crate::failure::{Item, was_done};
use crate::items::{from_item, number, string};
use crate::{Failure, Result, Store, keys};

/// The result of asking for the lease on mailing an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Mailing {
    /// The caller has the lease, and mails the answer to this request before the lease ends.
    Begun(Box<DiscountRequest>),
    /// Another worker has the lease, until this time at the latest.
    Busy(Timestamp),
    /// There is nothing to mail: it was mailed, failed, or is not to be mailed.
    Done,
}

/// Every delivery status.
const STATUSES: [DeliveryStatus; 5] = [
    DeliveryStatus::Sent,
    DeliveryStatus::Delivered,
    DeliveryStatus::Failed,
    DeliveryStatus::Bounced,
    DeliveryStatus::Complained,
];

impl Store {
    /// Takes the lease on mailing the answer to a request that was sent: `by` has it from `now` until
    /// `until`. The worker that has the lease gets it again.
    pub async fn begin_mailing(
        &self,
        request: DiscountRequestId,
        by: RequestId,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Mailing> {
        let taken = self
            .update_of(&keys::discount_request(request))
            .update_expression(
                "SET mailing_until = :until, mailing_by = :by, version = version + :one REMOVE ob",
            )
            .condition_expression(
                "#status = :sent AND attribute_not_exists(mailed_at) \
                 AND (attribute_not_exists(mailing_until) OR mailing_until <= :now OR mailing_by = :by)",
            )
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":sent", sent()?)
            .expression_attribute_values(":until", number(until.as_millisecond()))
            .expression_attribute_values(":now", number(now.as_millisecond()))
            .expression_attribute_values(":by", string(by.to_string()))
            .expression_attribute_values(":one", number(1))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match taken.map_err(Failure::from) {
            Ok(answer) => {
                let item =
                    answer.attributes.ok_or_else(|| Failure::unreadable("an update without its item"))?;
                Ok(Mailing::Begun(Box::new(from_item(item)?)))
            }
            Err(Failure::Refused(item)) => found(item.as_ref(), now),
            Err(failure) => Err(failure),
        }
    }

    /// Gives the lease of `by` back: nothing was mailed, and another try may start at once.
    pub async fn release_mailing(&self, request: DiscountRequestId, by: RequestId) -> Result<()> {
        let released = self
            .update_of(&keys::discount_request(request))
            .update_expression("SET version = version + :one REMOVE mailing_until, mailing_by")
            .condition_expression("mailing_by = :by")
            .expression_attribute_values(":by", string(by.to_string()))
            .expression_attribute_values(":one", number(1))
            .send()
            .await;
        // Not done if `by` does not have the lease any more.
        was_done(released).map(drop)
    }

    /// Notes that SES took the mail, with SES's message id. The worker that sent it calls this, and so
    /// does the consumer of SES's events; the first call counts.
    pub async fn mark_request_mailed(
        &self,
        request: DiscountRequestId,
        ses_message: &str,
        now: Timestamp,
    ) -> Result<()> {
        let marked = self
            .update_of(&keys::discount_request(request))
            .update_expression(
                "SET mailed_at = :now, ses_message = :message, version = version + :one, \
                 email_delivery_status = if_not_exists(email_delivery_status, :sent) \
                 REMOVE mailing_until, mailing_by, ob",
            )
            .condition_expression("attribute_exists(PK) AND attribute_not_exists(mailed_at)")
            .expression_attribute_values(":now", string(now.to_string()))
            .expression_attribute_values(":message", string(ses_message))
            .expression_attribute_values(":sent", delivery(DeliveryStatus::Sent)?)
            .expression_attribute_values(":one", number(1))
            .send()
            .await;
        was_done(marked).map(drop)
    }

    /// Notes the mail's delivery status, unless the known status outweighs it: events come twice, late
    /// and out of order. The answer then counts as mailed, so that it is not mailed again. Returns the
    /// request; `None` if it does not exist.
    pub async fn mark_delivery(
        &self,
        request: DiscountRequestId,
        status: DeliveryStatus,
        now: Timestamp,
    ) -> Result<Option<DiscountRequest>> {
        let mut update = self
            .update_of(&keys::discount_request(request))
            .update_expression(
                "SET email_delivery_status = :new, mailed_at = if_not_exists(mailed_at, :now), \
                 version = version + :one REMOVE mailing_until, mailing_by, ob",
            )
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":sent", sent()?)
            .expression_attribute_values(":new", delivery(status)?)
            .expression_attribute_values(":now", string(now.to_string()))
            .expression_attribute_values(":one", number(1))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let mut condition = "#status = :sent AND (attribute_not_exists(email_delivery_status)".to_owned();
        let outweighed = STATUSES.into_iter().filter(|known| known.may_become(status));
        for (index, known) in outweighed.enumerate() {
            condition.push_str(&format!(" OR email_delivery_status = :known{index}"));
            update = update.expression_attribute_values(format!(":known{index}"), delivery(known)?);
        }
        condition.push(')');
        match update.condition_expression(condition).send().await.map_err(Failure::from) {
            Ok(answer) => answer.attributes.map(from_item).transpose(),
            Err(Failure::Refused(item)) => item.map(from_item).transpose(),
            Err(failure) => Err(failure),
        }
    }
}

/// The result for a caller whose lease was refused, as its item says it.
fn found(item: Option<&Item>, now: Timestamp) -> Result<Mailing> {
    let Some(item) = item else { return Ok(Mailing::Done) };
    if item.contains_key("mailed_at") || item.get("status") != Some(&sent()?) {
        return Ok(Mailing::Done);
    }
    let until = match item.get("mailing_until") {
        Some(AttributeValue::N(until)) => until.parse().map_err(Failure::unreadable)?,
        _ => now.as_millisecond(),
    };
    Ok(Mailing::Busy(Timestamp::from_millisecond(until).map_err(Failure::unreadable)?))
}

fn sent() -> Result<AttributeValue> {
    serde_dynamo::to_attribute_value(RequestStatus::Sent).map_err(Failure::unreadable)
}

fn delivery(status: DeliveryStatus) -> Result<AttributeValue> {
    serde_dynamo::to_attribute_value(status).map_err(Failure::unreadable)
}

#[cfg(test)]
mod tests {
    use domain::discount::{DecisionSource, DecisionType, Reasoning, Suggestion};
    use domain::mail_template::Wording;
    use domain::testing::at;
    use domain::{EventId, Language, MemberId, TenantId};

    use super::*;
    use crate::items::{OUTBOX, to_item};
    use crate::tenant::audit::AUDIT_ATTRIBUTE;
    use crate::testing::{at_once, forgetful, store, unguarded};

    fn answered(status: RequestStatus) -> DiscountRequest {
        let (member, show) = (MemberId::generate(at(0)), EventId::generate(at(0)));
        DiscountRequest {
            id: DiscountRequestId::of(member, show, 0),
            tenant_id: TenantId::generate(at(0)),
            member_id: member,
            show_id: show,
            attempt: 0,
            user_email: "ana@example.com".to_owned(),
            user_name: "Ana".to_owned(),
            show_description: "Los Faroles".to_owned(),
            message: None,
            language: Language::Es,
            suggestion: Suggestion {
                decision_type: DecisionType::Approved,
                confidence: 10_000,
                reasoning: Reasoning::Eligible { left: 40 },
            },
            decision_source: DecisionSource::PrefilterTemplate,
            decision_type: Some(DecisionType::Approved),
            taken_back: 0,
            status,
            template_version: 0,
            mail: Some(Wording { subject: "Hola".to_owned(), body: "Hola".to_owned() }),
            code: None,
            email_delivery_status: (status == RequestStatus::Sent).then_some(DeliveryStatus::Sent),
            processing_us: 1,
            created_at: at(0),
            reviewed_at: None,
            reviewed_by: None,
            supervisor_notes: None,
            signed_in: false,
            sent_at: None,
            sent_by: None,
            version: 3,
        }
    }

    /// A stored request with an outbox, as sending leaves it.
    async fn written(store: &Store, status: RequestStatus) -> DiscountRequest {
        let request = answered(status);
        let mut item = to_item(&keys::discount_request(request.id), &request).expect("an item");
        item.insert(OUTBOX.to_owned(), string("{}"));
        item.insert(AUDIT_ATTRIBUTE.to_owned(), string("{}"));
        store.put_of(item).send().await.expect("written");
        request
    }

    async fn item(store: &Store, request: &DiscountRequest) -> Item {
        let item = store.get_item(&keys::discount_request(request.id), true).await;
        item.expect("read").expect("there")
    }

    async fn begin(store: &Store, request: &DiscountRequest, second: i64) -> Mailing {
        let by = RequestId::generate(at(second));
        store.begin_mailing(request.id, by, at(second), at(second + 60)).await.expect("answers")
    }

    #[tokio::test]
    async fn an_answer_is_mailed_once_and_by_one_worker_at_a_time() {
        let store = store().await;
        let request = written(&store, RequestStatus::Sent).await;
        let Mailing::Begun(begun) = begin(&store, &request, 1).await else { panic!("nobody mails it") };
        assert_eq!(*begun, DiscountRequest { version: 4, ..request.clone() });
        assert!(!item(&store, &request).await.contains_key(OUTBOX), "or the relay would send it again");
        assert_eq!(begin(&store, &request, 60).await, Mailing::Busy(at(61)));
        assert!(matches!(begin(&store, &request, 61).await, Mailing::Begun(_)), "the first died");
        store.mark_request_mailed(request.id, "0100-1", at(62)).await.expect("marked");
        assert_eq!(begin(&store, &request, 1000).await, Mailing::Done);
        // SES's event comes after the worker's own mark.
        store.mark_request_mailed(request.id, "0100-2", at(63)).await.expect("known");
        let item = item(&store, &request).await;
        assert_eq!(item.get("ses_message"), Some(&string("0100-1")));
        assert!(item.contains_key(AUDIT_ATTRIBUTE) && !item.contains_key("mailing_until"));
    }

    #[tokio::test]
    async fn a_request_that_is_not_sent_or_does_not_exist_is_not_mailed() {
        let store = store().await;
        let pending = written(&store, RequestStatus::Pending).await;
        assert_eq!(begin(&store, &pending, 1).await, Mailing::Done);
        assert_eq!(begin(&store, &answered(RequestStatus::Sent), 1).await, Mailing::Done);
        assert_eq!(item(&store, &pending).await.get("version"), Some(&number(3)));
        let nobodys = answered(RequestStatus::Sent).id;
        store.mark_request_mailed(nobodys, "0100-1", at(1)).await.expect("nothing to do");
        let marked = store.mark_delivery(nobodys, DeliveryStatus::Delivered, at(1)).await;
        assert_eq!(marked.expect("nothing to do"), None);
    }

    #[tokio::test]
    async fn a_lease_is_given_back_by_its_own_worker_only_and_survives_lost_answers() {
        let store = store().await;
        let request = written(&store, RequestStatus::Sent).await;
        let (first, other) = (RequestId::generate(at(1)), RequestId::generate(at(1)));
        let deaf = forgetful(&store, 1);
        let begun = deaf.begin_mailing(request.id, first, at(1), at(61)).await.expect("answers");
        assert!(matches!(begun, Mailing::Begun(_)), "its own lease keeps nobody out");
        store.release_mailing(request.id, other).await.expect("nothing to do");
        assert_eq!(begin(&store, &request, 2).await, Mailing::Busy(at(61)));
        deaf.release_mailing(request.id, first).await.expect("released");
        assert!(matches!(begin(&store, &request, 2).await, Mailing::Begun(_)));
    }

    #[tokio::test]
    async fn events_in_any_order_end_in_the_same_state() {
        let store = store().await;
        let rank = [DeliveryStatus::Delivered, DeliveryStatus::Bounced, DeliveryStatus::Complained];
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let request = written(&store, RequestStatus::Sent).await;
            for index in order {
                for _ in 0..2 {
                    let marked = store.mark_delivery(request.id, rank[index], at(5)).await;
                    assert!(
                        marked.expect("marked").is_some_and(|marked| marked.tenant_id == request.tenant_id)
                    );
                }
                store.mark_request_mailed(request.id, "0100-1", at(9)).await.expect("a late event");
            }
            let item = item(&store, &request).await;
            assert_eq!(item.get("email_delivery_status"), Some(&string("complained")), "{order:?}");
            // One version for each status that outweighed the one before, however often the events
            // came.
            let news =
                order.iter().enumerate().filter(|(place, index)| order[..*place].iter().all(|o| o < index));
            let news = i64::try_from(news.count()).expect("few");
            assert_eq!(item.get("version"), Some(&number(3 + news)), "{order:?}");
        }
    }

    #[tokio::test]
    async fn a_mail_that_ses_refused_is_not_mailed_again() {
        let store = store().await;
        let request = written(&store, RequestStatus::Sent).await;
        let marked = store.mark_delivery(request.id, DeliveryStatus::Failed, at(5)).await.expect("marked");
        assert_eq!(marked.and_then(|marked| marked.email_delivery_status), Some(DeliveryStatus::Failed));
        assert_eq!(begin(&store, &request, 6).await, Mailing::Done);
    }

    /// How many of 32 simultaneous workers get the lease.
    async fn race(guarded: bool) -> usize {
        let store = store().await;
        let request = written(&store, RequestStatus::Sent).await;
        let store = if guarded { store } else { unguarded(&store) };
        let begun = at_once(32, |_| {
            let (store, request) = (store.clone(), request.clone());
            async move { matches!(begin(&store, &request, 1).await, Mailing::Begun(_)) }
        });
        begun.await.into_iter().filter(|begun| *begun).count()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn of_many_workers_one_gets_the_lease() {
        assert_eq!(race(true).await, 1);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn without_the_lease_many_workers_would_mail() {
        assert!(race(false).await > 1, "the race test would not notice a race");
    }
}
