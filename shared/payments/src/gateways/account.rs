//! A tenant's account as an execution environment keeps it between calls.

use std::sync::Arc;
use std::time::Duration;

use boot::Clock;
use domain::gateway_account::GatewayAccount;
use domain::{Error, Result, Timestamp};
use outbound::Breaker;

use super::guarded::Guarded;
use crate::{CredentialCheck, GatewayError, PaymentGateway};

/// The longest that a buyer waits for a probe of the gateway.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);
/// The time in which a probe's result is good for further buyers.
const PROBE_LIFETIME: Duration = Duration::from_secs(30);

/// The client of an account at one version of its credentials.
#[derive(Debug)]
pub(super) struct Account {
    version: String,
    client: Arc<Guarded>,
    probed: tokio::sync::Mutex<Option<ProbeResult>>,
}

/// The result of a probe.
#[derive(Debug, Clone, Copy)]
struct ProbeResult {
    until: Timestamp,
    answers: bool,
}

impl Account {
    /// The client of an account whose credentials were not used here before.
    /// `before` is the same account with others: the gateway behind it is the same.
    pub(super) fn new(
        version: &str,
        gateway: Arc<dyn PaymentGateway>,
        clock: &Clock,
        before: Option<&Self>,
    ) -> Self {
        let breaker = match before {
            Some(before) => Arc::clone(before.client.breaker()),
            None => Arc::new(Breaker::new(clock.clone())),
        };
        let client = Arc::new(Guarded::new(gateway, breaker));
        Self { version: version.to_owned(), client, probed: tokio::sync::Mutex::default() }
    }

    pub(super) fn is_at(&self, version: &str) -> bool {
        self.version == version
    }

    pub(super) fn client(&self) -> Arc<dyn PaymentGateway> {
        Arc::clone(&self.client) as _
    }

    /// Checks that a buyer can be sent to the gateway.
    ///
    /// # Errors
    /// `payment_gateway_unavailable` (503) if not.
    pub(super) async fn available(&self, account: &GatewayAccount, clock: &Clock) -> Result<()> {
        let pause = self.client.breaker().pause();
        if let Some(pause) = pause {
            return Err(unavailable(pause, "it did not answer lately"));
        }
        // One buyer's request probes, and the others wait for its result.
        let mut probed = self.probed.lock().await;
        let kept = probed.filter(|probed| clock.now() < probed.until);
        let answer = match kept {
            Some(kept) => kept,
            None => {
                let answers = self.probe(account).await;
                *probed.insert(ProbeResult { until: clock.now() + PROBE_LIFETIME, answers })
            }
        };
        if answer.answers {
            return Ok(());
        }
        let left = Duration::try_from(answer.until.duration_since(clock.now())).unwrap_or_default();
        Err(unavailable(left, "it did not answer when it was asked"))
    }

    async fn probe(&self, account: &GatewayAccount) -> bool {
        let (account, gateway) = (account.id, account.gateway);
        match self.client.probe(PROBE_TIMEOUT).await {
            // A gateway without a call for it cannot be probed, and is taken to answer.
            Ok(CredentialCheck::Accepted { .. }) | Err(GatewayError::Unsupported) => true,
            Ok(CredentialCheck::Refused(bad)) => {
                let field = bad.field;
                tracing::error!(%account, %gateway, field, "a gateway does not take an account's credentials any more");
                false
            }
            Err(error) => {
                tracing::warn!(%account, %gateway, %error, "a gateway is not worth sending a buyer to");
                false
            }
        }
    }
}

/// The gateway does not answer.
pub(super) fn unavailable(
    pause: Duration,
    why: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> Error {
    GatewayError::Unavailable { retry_after: Some(pause), source: why.into() }.into()
}
