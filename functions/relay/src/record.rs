//! The messages of one record of the table's stream.

use std::time::Duration;

use domain::outbox::Outbox;
use queue::{DiscountMail, IssueMessage, LinkMail, Mail, MailMessage, PaymentMessage};
use store::stream::{StreamRecord, Subject};

/// How long a gateway has to notify us of a payment before we ask it. Most buyers have paid by
/// then, and their holds still live. Less than the time for which places stay secured
/// ([`store::SETTLING`]).
pub(crate) const ASK_AFTER: Duration = Duration::from_secs(180);

/// A message, by the queue to which it goes.
#[derive(Debug, PartialEq)]
pub(crate) enum RoutedMessage {
    Payment(PaymentMessage),
    /// For the payments queue, delayed by [`ASK_AFTER`].
    PaymentLater(PaymentMessage),
    Issue(IssueMessage),
    Mail(Box<MailMessage>),
}

/// The messages of a record; none if its item carries no outbox.
pub(crate) fn messages(record: StreamRecord<'_>) -> Result<Vec<RoutedMessage>, String> {
    match record.outbox()? {
        Some((subject, outbox)) => of_item(subject, outbox),
        None => Ok(Vec::new()),
    }
}

fn of_item(subject: Subject, outbox: Outbox) -> Result<Vec<RoutedMessage>, String> {
    Ok(match (outbox, subject) {
        (Outbox::Tickets, Subject::Order(user, order)) => {
            vec![RoutedMessage::Issue(IssueMessage::Tickets { user, order })]
        }
        (Outbox::FreeTickets, Subject::Order(user, order)) => vec![
            RoutedMessage::Issue(IssueMessage::Tickets { user, order }),
            RoutedMessage::PaymentLater(PaymentMessage::Reconcile { user, order, round: 0 }),
        ],
        (Outbox::AwaitPayment, Subject::Order(user, order)) => {
            vec![RoutedMessage::PaymentLater(PaymentMessage::Reconcile { user, order, round: 0 })]
        }
        (Outbox::AskNow, Subject::Order(user, order)) => {
            vec![RoutedMessage::Payment(PaymentMessage::Ask { user, order })]
        }
        (Outbox::Refund { news }, Subject::Order(user, order)) => {
            let refund = RoutedMessage::Payment(PaymentMessage::Refund { user, order });
            let news = news.map(|news| RoutedMessage::Issue(IssueMessage::News { user, order, news }));
            [refund].into_iter().chain(news).collect()
        }
        (Outbox::News { news }, Subject::Order(user, order)) => {
            vec![RoutedMessage::Issue(IssueMessage::News { user, order, news })]
        }
        (Outbox::Link { to, language, purpose, sealed_token, expires_at }, _) => {
            let mail = Mail::Link(LinkMail { purpose, sealed_token, expires_at });
            let message =
                MailMessage { to, language, reply_to: None, mail, images: Vec::new(), consent: None };
            vec![RoutedMessage::Mail(Box::new(message))]
        }
        (Outbox::Discount { to, language, reply_to }, Subject::DiscountRequest(request)) => {
            let mail = Mail::Discount(DiscountMail { request });
            let message = MailMessage { to, language, reply_to, mail, images: Vec::new(), consent: None };
            vec![RoutedMessage::Mail(Box::new(message))]
        }
        (Outbox::RefundsWaiting, Subject::Tenant(tenant)) => {
            vec![RoutedMessage::Issue(IssueMessage::RefundsWaiting { tenant })]
        }
        (Outbox::PaymentDifferences { day }, Subject::Tenant(tenant)) => {
            vec![RoutedMessage::Issue(IssueMessage::PaymentDifferences { tenant, day })]
        }
        (Outbox::TransferOffered, Subject::Transfer(from, transfer)) => {
            vec![RoutedMessage::Issue(IssueMessage::TransferOffered { from, transfer })]
        }
        (Outbox::TransferAccepted, Subject::Transfer(from, transfer)) => {
            vec![RoutedMessage::Issue(IssueMessage::TransferAccepted { from, transfer })]
        }
        (Outbox::StaffInvited, Subject::Invitation(tenant, invitation)) => {
            vec![RoutedMessage::Issue(IssueMessage::StaffInvited { tenant, invitation })]
        }
        (Outbox::FactorsChanged { news, at }, Subject::SecondFactors(user)) => {
            vec![RoutedMessage::Issue(IssueMessage::FactorsChanged { user, news, at })]
        }
        (outbox, subject) => return Err(format!("{outbox:?} on {subject:?}")),
    })
}

#[cfg(test)]
mod tests {
    use aws_lambda_events::event::dynamodb::Event;

    use super::*;

    /// One line for each message or failure.
    fn sent(event: &str) -> String {
        let event: Event = serde_json::from_str(event).expect("an event");
        let line = |message: RoutedMessage| match message {
            RoutedMessage::Payment(message) => format!("payments {}", serde_json::json!(message)),
            RoutedMessage::PaymentLater(message) => format!("payments, later {}", serde_json::json!(message)),
            RoutedMessage::Issue(message) => format!("issue {}", serde_json::json!(message)),
            RoutedMessage::Mail(message) => format!("mail {}", serde_json::json!(message)),
        };
        let lines =
            event.records.iter().flat_map(|record| match messages(crate::stream_record(&record.change)) {
                Ok(messages) => messages.into_iter().map(line).collect(),
                Err(reason) => vec![format!("failed: {reason}")],
            });
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_paid_order_goes_to_the_issuer() {
        let sent = sent(include_str!("../../../events/relay/paid-order.json"));
        insta::assert_snapshot!(sent, @r#"issue {"kind":"tickets","user":"usr_01jd8m3n7kf8bq4v3k7w2r9s5t","order":"ord_01jd8m4p2sf3x9d0h6c1v8a700"}"#);
    }

    #[test]
    fn every_outbox_goes_to_its_queue_and_unreadable_ones_fail() {
        let sent = sent(include_str!("../../../events/relay/mixed.json"));
        insta::assert_snapshot!(sent, @r#"
        payments {"kind":"refund","user":"usr_01jd8m3n7kf8bq4v3k7w2r9s5t","order":"ord_01jd8m4p2sf3x9d0h6c1v8a700"}
        issue {"kind":"news","user":"usr_01jd8m3n7kf8bq4v3k7w2r9s5t","order":"ord_01jd8m4p2sf3x9d0h6c1v8a700","news":{"is":"refund_due","payment":0,"amount":2088900}}
        issue {"kind":"news","user":"usr_01jd8m3n7kf8bq4v3k7w2r9s5t","order":"ord_01jd8m4p2sf3x9d0h6c1v8a700","news":{"is":"refund_done","payment":0,"amount":2088900}}
        failed: expected ident at line 1 column 2
        failed: Tickets on Other
        mail {"to":{"email":"ana@example.com","name":""},"language":"en","mail":{"template":"link","purpose":"sign_in","sealed_token":"c2VhbGVk","expires_at":"2026-11-18T12:00:00Z"}}
        issue {"kind":"transfer_offered","from":"usr_01jd8m3n7kf8bq4v3k7w2r9s5t","transfer":"trf_01jd9a7w5efjm8t2y4g0k6x3zb"}
        issue {"kind":"transfer_accepted","from":"usr_01jd8m3n7kf8bq4v3k7w2r9s5t","transfer":"trf_01jd9a7w5efjm8t2y4g0k6x3zb"}
        payments, later {"kind":"reconcile","user":"usr_01jd8m3n7kf8bq4v3k7w2r9s5t","order":"ord_01jd8m4p2sf3x9d0h6c1v8a700","round":0}
        mail {"to":{"email":"ana@example.com","name":"Ana"},"language":"es","reply_to":"hola@almendra.example","mail":{"template":"discount","request":"drq_01jd8m3n7kf8bq4v3k7w2r9s5t"}}
        issue {"kind":"refunds_waiting","tenant":"tnt_01jd8m3n7kf8bq4v3k7w2r9s5t"}
        issue {"kind":"payment_differences","tenant":"tnt_01jd8m3n7kf8bq4v3k7w2r9s5t","day":"2026-11-20T00:00:00Z"}
        issue {"kind":"tickets","user":"usr_01jd8m3n7kf8bq4v3k7w2r9s5t","order":"ord_01jd8m4p2sf3x9d0h6c1v8a700"}
        payments, later {"kind":"reconcile","user":"usr_01jd8m3n7kf8bq4v3k7w2r9s5t","order":"ord_01jd8m4p2sf3x9d0h6c1v8a700","round":0}
        issue {"kind":"staff_invited","tenant":"tnt_01jd8m3n7kf8bq4v3k7w2r9s5t","invitation":"inv_4qk1f3v8s0hd9rj2c7n5w6b8xe"}
        issue {"kind":"factors_changed","user":"usr_01jd8m3n7kf8bq4v3k7w2r9s5t","news":{"is":"passkey_removed","name":"Celular","last":true},"at":"2026-11-18T11:06:40Z"}
        "#);
    }
}
