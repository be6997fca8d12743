//! Rules of the worker itself; the orders' rules are tested in `domain::order`.

use std::time::Duration;

use domain::order::RefundOutcome;
use domain::payment::ManualReason;
use payments::{GatewayError, RefundReport, RefundStatus};

use crate::refund::outcome;
use crate::retry_limit;

#[test]
fn every_refund_answer_maps_to_an_outcome() {
    let meaning = |answer| {
        let (outcome, error) = outcome(answer);
        (outcome, error.is_some())
    };
    let report = |status| Ok(RefundReport { refund_id: "r".to_owned(), status });
    let manual = |reason| (RefundOutcome::Manual(reason), false);
    let pause = Duration::from_secs(60);
    assert_eq!(meaning(report(RefundStatus::Done)), (RefundOutcome::Done, false));
    assert_eq!(meaning(report(RefundStatus::Pending)), (RefundOutcome::Pending("r".to_owned()), false));
    assert_eq!(meaning(report(RefundStatus::Declined)), manual(ManualReason::Declined));
    let refused = GatewayError::Refused { code: "c".to_owned(), message: "m".to_owned() };
    assert_eq!(meaning(Err(refused)), manual(ManualReason::Declined));
    assert_eq!(meaning(Err(GatewayError::Unsupported)), manual(ManualReason::Unsupported));
    let uncertain = GatewayError::Uncertain { source: "x".into() };
    assert_eq!(meaning(Err(uncertain)), manual(ManualReason::Uncertain));
    assert_eq!(
        meaning(Err(GatewayError::TooEarly { retry_after: pause })),
        (RefundOutcome::Later(pause), false)
    );
    let down = GatewayError::Unavailable { retry_after: None, source: "x".into() };
    for trouble in [down, GatewayError::NotFound, GatewayError::Protocol(String::new())] {
        assert_eq!(meaning(Err(trouble)), (RefundOutcome::Again, true));
    }
}

#[test]
fn unknown_payments_are_given_up_before_the_alarm_and_protocol_errors_after_it() {
    // As the template has it: 40 tries of three minutes.
    let alarm = Duration::from_secs(40 * 180);
    let refused = GatewayError::Refused { code: "c".to_owned(), message: "m".to_owned() };
    for nothing in [GatewayError::NotFound, refused, GatewayError::Unsupported] {
        assert!(retry_limit(&nothing).is_some_and(|patience| patience < alarm), "{nothing}");
    }
    let senseless = GatewayError::Protocol(String::new());
    assert!(retry_limit(&senseless).is_some_and(|patience| patience > alarm));
    let down = GatewayError::Unavailable { retry_after: None, source: "x".into() };
    assert_eq!(retry_limit(&down), None);
}
