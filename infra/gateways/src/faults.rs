//! How gateways misbehave, and the chance that decides about it.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

/// How the gateway misbehaves. Shares are percentages of the calls or
/// notifications that they are about; all are 0 at start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Faults {
    /// Creations, and pages that are opened, that are answered with 500: half of them before, half of them
    /// after the payment was made.
    pub create_500: u8,
    /// Refunds that are answered with 500, likewise.
    pub refund_500: u8,
    /// Questions that are answered with 500.
    pub read_500: u8,
    /// Calls that are not done but answered with 429, or with 423 where the gateway
    /// locks what is in use.
    pub busy: u8,
    /// What those answers ask to wait for, in seconds.
    pub busy_seconds: u32,
    /// Calls that are done, and whose answer breaks off.
    pub lost_answers: u8,
    /// API calls that are done but not answered for `timeout_ms`.
    pub timeouts: u8,
    /// How long those wait, in milliseconds; at most a minute.
    pub timeout_ms: u32,
    /// Notifications that are never sent.
    pub drop_webhooks: u8,
    /// Further copies of every notification that is sent; at most 10.
    pub duplicate_webhooks: u8,
    /// Notifications that are accompanied by a forged one: another status, and a
    /// signature with another key.
    pub forged_webhooks: u8,
    /// How long every notification waits, in milliseconds; at most a minute.
    pub delay_ms: u32,
    /// How long each copy waits beyond that at most, by chance, in milliseconds, so
    /// that notifications overtake each other; at most a minute.
    pub reorder_ms: u32,
    /// The start of chance: the same seed and calls have the same faults.
    pub seed: u64,
}

impl Faults {
    /// Says which field is out of bounds, if one is.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        let shares = [
            self.create_500,
            self.refund_500,
            self.read_500,
            self.busy,
            self.lost_answers,
            self.timeouts,
            self.drop_webhooks,
            self.forged_webhooks,
        ];
        if shares.iter().any(|share| *share > 100) {
            return Err("Shares are percentages: 0 to 100.");
        }
        if self.duplicate_webhooks > 10 {
            return Err("duplicate_webhooks must be at most 10.");
        }
        if [self.timeout_ms, self.delay_ms, self.reorder_ms].iter().any(|wait| *wait > 60_000) {
            return Err("Waits must be at most 60000 ms.");
        }
        Ok(())
    }
}

/// What happens to an API call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallOutcome {
    /// Nothing special.
    Fine,
    /// Answered with 500, not done.
    FailsBefore,
    /// Done, then answered with 500.
    FailsAfter,
    /// Done, then answered late.
    Hangs(Duration),
    /// Not done: try again after so many seconds. The flag is for gateways that have
    /// two ways to say so.
    Busy(u32, bool),
    /// Done, and the answer breaks off.
    Lost,
}

/// The status of a gateway that is busy, where gateways do not lock anything.
pub(crate) fn without_locks(status: StatusCode) -> StatusCode {
    if status == StatusCode::LOCKED { StatusCode::TOO_MANY_REQUESTS } else { status }
}

impl CallOutcome {
    /// Lets `answer` happen as the outcome has it. `trouble` makes the gateway's own error
    /// of a status.
    pub(crate) async fn befall(
        self,
        trouble: impl Fn(StatusCode) -> Response,
        answer: impl Future<Output = Response>,
    ) -> Response {
        match self {
            Self::Fine => answer.await,
            Self::FailsBefore => trouble(StatusCode::INTERNAL_SERVER_ERROR),
            Self::FailsAfter => {
                answer.await;
                trouble(StatusCode::INTERNAL_SERVER_ERROR)
            }
            Self::Hangs(wait) => {
                let answer = answer.await;
                tokio::time::sleep(wait).await;
                answer
            }
            Self::Busy(seconds, locked) => {
                let status = if locked { StatusCode::LOCKED } else { StatusCode::TOO_MANY_REQUESTS };
                ([(header::RETRY_AFTER, seconds.to_string())], trouble(status)).into_response()
            }
            Self::Lost => {
                answer.await;
                let broken = futures::stream::once(async {
                    Err::<Bytes, _>(std::io::Error::other("a simulated loss"))
                });
                Body::from_stream(broken).into_response()
            }
        }
    }
}

/// What happens to a notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WebhookOutcome {
    /// How long each copy waits; none if the notification is lost.
    pub(crate) copies: Vec<Duration>,
    /// How long the forged one waits, if there is one.
    pub(crate) forged: Option<Duration>,
}

/// What an API call does, as far as faults tell calls apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallKind {
    Create,
    Refund,
    Read,
}

/// The faults, and the chance that decides about each.
#[derive(Debug)]
pub(crate) struct Chaos {
    faults: Faults,
    dice: fastrand::Rng,
}

impl Default for Chaos {
    fn default() -> Self {
        Self::new(Faults::default())
    }
}

impl Chaos {
    pub(crate) fn new(faults: Faults) -> Self {
        Self { faults, dice: fastrand::Rng::with_seed(faults.seed) }
    }

    pub(crate) fn faults(&self) -> Faults {
        self.faults
    }

    pub(crate) fn call(&mut self, kind: CallKind) -> CallOutcome {
        let fails = match kind {
            CallKind::Create => self.faults.create_500,
            CallKind::Refund => self.faults.refund_500,
            CallKind::Read => self.faults.read_500,
        };
        if happens(&mut self.dice, fails) {
            return if self.dice.bool() { CallOutcome::FailsBefore } else { CallOutcome::FailsAfter };
        }
        if happens(&mut self.dice, self.faults.timeouts) {
            return CallOutcome::Hangs(Duration::from_millis(self.faults.timeout_ms.into()));
        }
        // Faults that came later draw only if they are wanted, so that a seed means for
        // the others what it always meant.
        if self.faults.lost_answers > 0 && happens(&mut self.dice, self.faults.lost_answers) {
            return CallOutcome::Lost;
        }
        if self.faults.busy > 0 && happens(&mut self.dice, self.faults.busy) {
            return CallOutcome::Busy(self.faults.busy_seconds, self.dice.bool());
        }
        CallOutcome::Fine
    }

    pub(crate) fn webhook(&mut self) -> WebhookOutcome {
        let Faults { delay_ms, reorder_ms, .. } = self.faults;
        let wait = |dice: &mut fastrand::Rng| {
            Duration::from_millis(u64::from(delay_ms) + u64::from(dice.u32(..=reorder_ms)))
        };
        let lost = happens(&mut self.dice, self.faults.drop_webhooks);
        let count = if lost { 0 } else { 1 + self.faults.duplicate_webhooks };
        WebhookOutcome {
            copies: (0..count).map(|_| wait(&mut self.dice)).collect(),
            forged: happens(&mut self.dice, self.faults.forged_webhooks).then(|| wait(&mut self.dice)),
        }
    }
}

/// True in `share` percent of the calls.
fn happens(dice: &mut fastrand::Rng, share: u8) -> bool {
    dice.u8(..100) < share
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_has_the_same_faults_in_about_the_wanted_share() {
        let faults = Faults {
            create_500: 20,
            drop_webhooks: 10,
            duplicate_webhooks: 2,
            reorder_ms: 9,
            seed: 7,
            ..Faults::default()
        };
        let run = || {
            let mut chaos = Chaos::new(faults);
            (0..1000).map(|_| (chaos.call(CallKind::Create), chaos.webhook())).collect::<Vec<_>>()
        };
        let outcomes = run();
        assert_eq!(outcomes, run());
        let failed = outcomes.iter().filter(|(call, _)| *call != CallOutcome::Fine).count();
        let lost = outcomes.iter().filter(|(_, webhook)| webhook.copies.is_empty()).count();
        assert!((150..250).contains(&failed) && (60..140).contains(&lost), "{failed} {lost}");
        assert!(
            outcomes
                .iter()
                .all(|(_, webhook)| [0, 3].contains(&webhook.copies.len()) && webhook.forged.is_none())
        );
    }

    #[test]
    fn no_faults_means_none() {
        let mut chaos = Chaos::default();
        for kind in [CallKind::Create, CallKind::Refund, CallKind::Read] {
            assert!((0..1000).all(|_| chaos.call(kind) == CallOutcome::Fine));
        }
        assert_eq!(chaos.webhook(), WebhookOutcome { copies: vec![Duration::ZERO], forged: None });
    }
}
