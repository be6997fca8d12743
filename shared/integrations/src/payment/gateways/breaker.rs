//! Stops asking a gateway that does not answer, for a while.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use boot::Clock;
use reliakit_circuit::{CircuitBreaker, State};

use super::super::{
    Checkout, CreatePayment, CredentialCheck, GatewayError, GatewayName, Notification, OpenPayment,
    PaymentGateway, PaymentHint, PaymentReport, RefundPayment, RefundReport, Reply, WebhookRefused,
    WebhookRequest,
};

/// So many calls in a row without an answer, and no more are made.
pub(super) const FAILURES: u32 = 5;
/// For so long no more are made; then one at a time, until one is answered.
pub(super) const PAUSE: Duration = Duration::from_secs(60);
/// When to come back while somebody else tries.
const TRIAL: Duration = Duration::from_secs(2);

/// A circuit breaker of one account, in the memory of one execution environment.
#[derive(Debug)]
pub(super) struct Breaker {
    clock: Clock,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    circuit: CircuitBreaker,
    /// When it opened last, in the circuit's milliseconds.
    opened_at: u64,
    /// True while a call finds out whether the gateway is back.
    trying: bool,
}

/// What a call says of the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Answers,
    DoesNot,
    /// Nothing: perhaps nobody was asked.
    None,
}

impl Breaker {
    pub(super) fn new(clock: Clock) -> Self {
        let circuit = CircuitBreaker::new(FAILURES, u64::try_from(PAUSE.as_millis()).unwrap_or(u64::MAX));
        Self { clock, inner: Mutex::new(Inner { circuit, opened_at: 0, trying: false }) }
    }

    /// How long not to call any more; `None` if a call may be made.
    pub(super) fn pause(&self) -> Option<Duration> {
        self.lock().pause(self.now())
    }

    /// Lets a call through.
    ///
    /// # Errors
    /// [`GatewayError::Unavailable`] if it should not be made.
    fn enter(&self) -> Result<Pass<'_>, GatewayError> {
        let now = self.now();
        let mut inner = self.lock();
        if let Some(pause) = inner.pause(now) {
            let source = "it did not answer lately, and is not asked for a while".into();
            return Err(GatewayError::Unavailable { retry_after: Some(pause), source });
        }
        inner.circuit.allow(now);
        let trial = inner.circuit.state() == State::HalfOpen;
        inner.trying |= trial;
        Ok(Pass { breaker: self, trial })
    }

    fn now(&self) -> u64 {
        u64::try_from(self.clock.now().as_millisecond()).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn pause(&self, now: u64) -> Option<Duration> {
        let until = self.opened_at.saturating_add(self.circuit.cooldown());
        match self.circuit.state() {
            State::Open if now < until => Some(Duration::from_millis(until - now)),
            State::Open | State::HalfOpen if self.trying => Some(TRIAL),
            State::Open | State::HalfOpen | State::Closed => None,
        }
    }
}

/// A call that is let through. Dropped without a verdict, by a caller who waits no
/// longer, it makes way for the next.
struct Pass<'a> {
    breaker: &'a Breaker,
    trial: bool,
}

impl Pass<'_> {
    /// Notes how the call went. True if the circuit opened or closed by it.
    fn note(self, verdict: Verdict) -> bool {
        let now = self.breaker.now();
        let mut inner = self.breaker.lock();
        let before = inner.circuit.state();
        // What was asked before the circuit opened does not close it or open it again.
        if before == State::Closed || self.trial {
            match verdict {
                Verdict::Answers => inner.circuit.on_success(),
                Verdict::DoesNot => inner.circuit.on_failure(now),
                Verdict::None => {}
            }
        }
        let after = inner.circuit.state();
        if after == State::Open && before != State::Open {
            inner.opened_at = now;
        }
        before != after
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.trial {
            self.breaker.lock().trying = false;
        }
    }
}

/// What a gateway's answer says of it.
fn verdict<T>(result: &Result<T, GatewayError>) -> Verdict {
    match result {
        Ok(_) | Err(GatewayError::Refused { .. } | GatewayError::TooEarly { .. }) => Verdict::Answers,
        Err(GatewayError::Unavailable { .. }) => Verdict::DoesNot,
        // These may come from here: an id that cannot be one, a refund that no call does.
        Err(
            GatewayError::NotFound
            | GatewayError::Unsupported
            | GatewayError::Protocol(_)
            | GatewayError::Uncertain { .. },
        ) => Verdict::None,
    }
}

/// A gateway that is not asked while it does not answer.
#[derive(Debug)]
pub(super) struct Guarded {
    gateway: Arc<dyn PaymentGateway>,
    breaker: Arc<Breaker>,
}

impl Guarded {
    pub(super) fn new(gateway: Arc<dyn PaymentGateway>, breaker: Arc<Breaker>) -> Self {
        Self { gateway, breaker }
    }

    pub(super) fn breaker(&self) -> &Arc<Breaker> {
        &self.breaker
    }

    /// Asks whether the gateway answers and takes the credentials, and waits for
    /// `patience` at most.
    pub(super) async fn probe(&self, patience: Duration) -> Result<CredentialCheck, GatewayError> {
        let asked = async {
            let late = |_| GatewayError::Unavailable {
                retry_after: None,
                source: "it does not answer as soon as a buyer would like".into(),
            };
            tokio::time::timeout(patience, self.gateway.check_credentials()).await.map_err(late)?
        };
        self.guard(asked, verdict).await
    }

    async fn guard<T>(
        &self,
        call: impl Future<Output = Result<T, GatewayError>>,
        verdict: fn(&Result<T, GatewayError>) -> Verdict,
    ) -> Result<T, GatewayError> {
        let pass = self.breaker.enter()?;
        let result = call.await;
        if pass.note(verdict(&result)) {
            let gateway = self.gateway.name();
            match &result {
                Err(error @ GatewayError::Unavailable { .. }) => {
                    tracing::error!(%gateway, %error, "a gateway does not answer and is given a pause");
                }
                _ => tracing::info!(%gateway, "a gateway answers again"),
            }
        }
        result
    }
}

impl PaymentGateway for Guarded {
    fn name(&self) -> GatewayName {
        self.gateway.name()
    }

    fn checkout<'a>(&'a self, payment: &'a CreatePayment) -> Reply<'a, Checkout> {
        // Some gateways' pages are addresses that are signed here: that one was made
        // says nothing of who answers there.
        let verdict = |result: &Result<Checkout, GatewayError>| match result {
            Ok(_) => Verdict::None,
            Err(_) => verdict(result),
        };
        Box::pin(self.guard(self.gateway.checkout(payment), verdict))
    }

    fn verify_webhook(&self, request: &WebhookRequest<'_>) -> Result<Notification, WebhookRefused> {
        self.gateway.verify_webhook(request)
    }

    fn payment<'a>(&'a self, payment_id: &'a str) -> Reply<'a, PaymentReport> {
        Box::pin(self.guard(self.gateway.payment(payment_id), verdict))
    }

    fn payments_of<'a>(&'a self, reference: &'a str) -> Reply<'a, Vec<PaymentReport>> {
        Box::pin(self.guard(self.gateway.payments_of(reference), verdict))
    }

    fn payments_behind<'a>(&'a self, hint: &'a PaymentHint) -> Reply<'a, Vec<PaymentReport>> {
        Box::pin(self.guard(self.gateway.payments_behind(hint), verdict))
    }

    fn refund<'a>(&'a self, refund: &'a RefundPayment) -> Reply<'a, RefundReport> {
        Box::pin(self.guard(self.gateway.refund(refund), verdict))
    }

    fn refund_report<'a>(&'a self, payment_id: &'a str, refund_id: &'a str) -> Reply<'a, RefundReport> {
        Box::pin(self.guard(self.gateway.refund_report(payment_id, refund_id), verdict))
    }

    fn close<'a>(&'a self, payment: &'a OpenPayment) -> Reply<'a, ()> {
        Box::pin(self.guard(self.gateway.close(payment), verdict))
    }

    fn check_credentials(&self) -> Reply<'_, CredentialCheck> {
        Box::pin(self.guard(self.gateway.check_credentials(), verdict))
    }
}

#[cfg(test)]
mod tests;
