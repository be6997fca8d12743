use std::error::Error as StdError;
use std::time::Duration;

use domain::Error;
use outbound::{Answer, CallError};

/// The result of a call to a gateway.
pub(crate) type Result<T, E = GatewayError> = std::result::Result<T, E>;

/// A call that a gateway did not carry out.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// It does not answer, or has passing trouble. The call may or may not have
    /// taken effect: repeat it with the same idempotency key.
    #[error("the gateway is unavailable")]
    Unavailable {
        /// The pause that the gateway asks for, if it does.
        retry_after: Option<Duration>,
        /// The cause, for the log.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// It answers, and does this only some time after the payment.
    #[error("the gateway does this only later")]
    TooEarly {
        /// The time from now until it does.
        retry_after: Duration,
    },
    /// The call arrived, and what became of it is unknown. Other than when it is
    /// unavailable, the gateway would do a repeated call twice: the organiser has to look.
    #[error("it is unknown whether the gateway did it")]
    Uncertain {
        /// The cause, for the log.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// It knows no such payment. Right after a notification that can be a replica
    /// which lags behind.
    #[error("the gateway knows no such payment")]
    NotFound,
    /// It understood and will not do it; repeating does not help.
    #[error("the gateway refused: {code}: {message}")]
    Refused {
        /// The gateway's own code, for the log.
        code: String,
        /// The gateway's own words, for the log.
        message: String,
    },
    /// It has no call for this, such as a refund of a payment in cash: the organiser
    /// has to do it by hand.
    #[error("the gateway has no call for this")]
    Unsupported,
    /// The gateway and Taquilla do not understand each other: credentials that are
    /// not accepted, answers that make no sense. The operator has to look.
    #[error("the gateway was not understood: {0}")]
    Protocol(String),
}

impl GatewayError {
    /// True if the same call with the same idempotency key may work later.
    pub fn may_be_repeated(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::TooEarly { .. })
    }

    /// The answer of a gateway that cannot serve at the moment.
    pub(super) fn unavailable(answer: &Answer) -> Self {
        Self::Unavailable {
            retry_after: answer.retry_after,
            source: format!("it answered with status {}", answer.status).into(),
        }
    }
}

impl From<CallError> for GatewayError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Unanswered(_) | CallError::TimedOut => {
                Self::Unavailable { retry_after: None, source: error.into() }
            }
            CallError::TooLarge | CallError::Unsendable(_) => {
                let cause = StdError::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
                Self::Protocol(format!("{error}{cause}"))
            }
        }
    }
}

impl From<GatewayError> for Error {
    /// The problem for the caller of Taquilla; the gateway's own words stay in the log.
    fn from(error: GatewayError) -> Self {
        match &error {
            GatewayError::Unavailable { retry_after, .. } => {
                let seconds = retry_after.map_or(5, |pause| pause.as_secs().clamp(1, 300));
                Self::unavailable(
                    "payment_gateway_unavailable",
                    "The payment gateway does not answer right now. Repeat the request in a moment; nothing happens twice.",
                )
                .retry_after(u32::try_from(seconds).unwrap_or(300))
            }
            GatewayError::TooEarly { retry_after } => Self::unavailable(
                "payment_gateway_too_early",
                "The payment gateway does this only some minutes after the payment. Repeat the request then; nothing happens twice.",
            )
            .retry_after(u32::try_from(retry_after.as_secs().max(1)).unwrap_or(u32::MAX)),
            GatewayError::Uncertain { .. } => Self::conflict(
                "payment_gateway_uncertain",
                "It is unknown whether the payment gateway did this. The organiser has to look there before it is tried again.",
            ),
            GatewayError::NotFound => {
                Self::not_found("payment_not_found", "The payment gateway knows no such payment.")
            }
            GatewayError::Refused { .. } => Self::conflict(
                "payment_gateway_refused",
                "The payment gateway does not accept this. Try another way to pay, or contact the organiser.",
            ),
            GatewayError::Unsupported => Self::conflict(
                "payment_gateway_cannot",
                "The payment gateway cannot do this by itself. The organiser has to do it by hand.",
            ),
            GatewayError::Protocol(_) => return Self::internal(error),
        }
        .caused_by(error)
    }
}

/// A notification that is not believed. Every reason is 401 to the sender, to which
/// more detail would only help forging.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WebhookRefused {
    /// There is no signature.
    #[error("the signature is missing")]
    Unsigned,
    /// The signature is not written as the gateway writes it.
    #[error("the signature is malformed")]
    Malformed,
    /// It was signed too long ago, or in the future: a replay or a wrong clock.
    #[error("the signature's time is too far from now")]
    OutOfTime,
    /// It was signed with another key, or for other content.
    #[error("the signature does not fit the content")]
    Mismatch,
    /// The signature is right, and the content is not a notification.
    #[error("the content is not a notification")]
    NotANotification,
}

impl From<WebhookRefused> for Error {
    fn from(refused: WebhookRefused) -> Self {
        Self::unauthenticated("webhook_refused", "The notification is not signed as the gateway signs.")
            .caused_by(refused)
    }
}

#[cfg(test)]
mod tests {
    use domain::Kind;

    use super::*;

    #[test]
    fn callers_never_hear_the_gateways_words() {
        let secret = "merchant 4711 is blocked";
        let cases = [
            (GatewayError::Unavailable { retry_after: None, source: secret.into() }, Kind::Unavailable),
            (GatewayError::TooEarly { retry_after: Duration::ZERO }, Kind::Unavailable),
            (GatewayError::Uncertain { source: secret.into() }, Kind::Conflict),
            (GatewayError::NotFound, Kind::NotFound),
            (GatewayError::Refused { code: secret.to_owned(), message: secret.to_owned() }, Kind::Conflict),
            (GatewayError::Unsupported, Kind::Conflict),
            (GatewayError::Protocol(secret.to_owned()), Kind::Internal),
        ];
        for (error, kind) in cases {
            assert_eq!(error.may_be_repeated(), kind == Kind::Unavailable);
            let heard = Error::from(error);
            assert_eq!(heard.kind(), kind);
            assert!(!heard.to_string().contains("4711"), "{heard}");
            assert!(StdError::source(&heard).is_some(), "the log knows more");
        }
        let refused = Error::from(WebhookRefused::OutOfTime);
        assert_eq!((refused.kind(), refused.code()), (Kind::Unauthenticated, "webhook_refused"));
        assert_eq!(refused.detail(), Error::from(WebhookRefused::Mismatch).detail());
    }

    #[test]
    fn the_pause_that_a_gateway_asks_for_is_passed_on_within_reason() {
        let pause = |asked: u64| {
            let retry_after = Some(Duration::from_secs(asked));
            Error::from(GatewayError::Unavailable { retry_after, source: "x".into() }).retry_after_seconds()
        };
        assert_eq!([pause(0), pause(30), pause(u64::MAX)], [Some(1), Some(30), Some(300)]);
    }
}
