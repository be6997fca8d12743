//! A gateway behind a circuit breaker.

use std::sync::Arc;
use std::time::Duration;

use outbound::{Breaker, Outcome};

use crate::{
    Checkout, CreatePayment, CredentialCheck, GatewayError, GatewayName, MethodOffer, MethodsAsked,
    Notification, OpenPayment, PaymentGateway, PaymentHint, PaymentReport, RefundPayment, RefundReport,
    Reply, Result, WebhookRefused, WebhookRequest,
};

/// A call's outcome for the breaker.
fn outcome<T>(result: &Result<T>) -> Outcome {
    match result {
        Ok(_) | Err(GatewayError::Refused { .. } | GatewayError::TooEarly { .. }) => Outcome::Answered,
        Err(GatewayError::Unavailable { .. }) => Outcome::Unanswered,
        // These may come from here: an id that cannot be one, a refund that no call does.
        Err(
            GatewayError::NotFound
            | GatewayError::Unsupported
            | GatewayError::Protocol(_)
            | GatewayError::Uncertain { .. },
        ) => Outcome::Unknown,
    }
}

/// A gateway that is not called while it does not answer.
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
    /// `timeout` at most.
    pub(super) async fn probe(&self, timeout: Duration) -> Result<CredentialCheck> {
        let asked = async {
            let late = |_| GatewayError::Unavailable {
                retry_after: None,
                source: "it does not answer as soon as a buyer would like".into(),
            };
            tokio::time::timeout(timeout, self.gateway.check_credentials()).await.map_err(late)?
        };
        self.guard(asked, outcome).await
    }

    async fn guard<T>(
        &self,
        call: impl Future<Output = Result<T>>,
        outcome: fn(&Result<T>) -> Outcome,
    ) -> Result<T> {
        let pass = self.breaker.enter().map_err(paused)?;
        let result = call.await;
        if pass.note(outcome(&result)) {
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

fn paused(pause: Duration) -> GatewayError {
    let source = "it did not answer lately, and is not asked for a while".into();
    GatewayError::Unavailable { retry_after: Some(pause), source }
}

impl PaymentGateway for Guarded {
    fn name(&self) -> GatewayName {
        self.gateway.name()
    }

    fn checkout<'a>(&'a self, payment: &'a CreatePayment) -> Reply<'a, Checkout> {
        // Some gateways' pages are addresses that are signed here: that one was made
        // does not show that the gateway answers.
        let outcome = |result: &Result<Checkout>| match result {
            Ok(_) => Outcome::Unknown,
            Err(_) => outcome(result),
        };
        Box::pin(self.guard(self.gateway.checkout(payment), outcome))
    }

    fn methods<'a>(&'a self, asked: &'a MethodsAsked) -> Reply<'a, Vec<MethodOffer>> {
        // It falls back on what is known, so its success does not show that the gateway answers.
        self.gateway.methods(asked)
    }

    fn verify_webhook(&self, request: &WebhookRequest<'_>) -> Result<Notification, WebhookRefused> {
        self.gateway.verify_webhook(request)
    }

    fn payment<'a>(&'a self, payment_id: &'a str) -> Reply<'a, PaymentReport> {
        Box::pin(self.guard(self.gateway.payment(payment_id), outcome))
    }

    fn payments_of<'a>(&'a self, reference: &'a str) -> Reply<'a, Vec<PaymentReport>> {
        Box::pin(self.guard(self.gateway.payments_of(reference), outcome))
    }

    fn payments_behind<'a>(&'a self, hint: &'a PaymentHint) -> Reply<'a, Vec<PaymentReport>> {
        Box::pin(self.guard(self.gateway.payments_behind(hint), outcome))
    }

    fn refund<'a>(&'a self, refund: &'a RefundPayment) -> Reply<'a, RefundReport> {
        Box::pin(self.guard(self.gateway.refund(refund), outcome))
    }

    fn refund_report<'a>(&'a self, payment_id: &'a str, refund_id: &'a str) -> Reply<'a, RefundReport> {
        Box::pin(self.guard(self.gateway.refund_report(payment_id, refund_id), outcome))
    }

    fn close<'a>(&'a self, payment: &'a OpenPayment) -> Reply<'a, ()> {
        Box::pin(self.guard(self.gateway.close(payment), outcome))
    }

    fn check_credentials(&self) -> Reply<'_, CredentialCheck> {
        Box::pin(self.guard(self.gateway.check_credentials(), outcome))
    }
}

#[cfg(test)]
mod tests;
