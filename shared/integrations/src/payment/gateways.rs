use std::collections::BTreeMap;
use std::sync::Arc;

use boot::{ConfigError, Env, Stage};
use domain::{Error, Result};

use super::sandbox::SandboxGateway;
use super::{GatewayName, PaymentGateway};

/// The gateways that this installation is configured for.
#[derive(Debug, Clone, Default)]
pub struct PaymentGateways(Arc<BTreeMap<GatewayName, Arc<dyn PaymentGateway>>>);

impl FromIterator<Arc<dyn PaymentGateway>> for PaymentGateways {
    fn from_iter<I: IntoIterator<Item = Arc<dyn PaymentGateway>>>(gateways: I) -> Self {
        Self(Arc::new(gateways.into_iter().map(|gateway| (gateway.name(), gateway)).collect()))
    }
}

impl PaymentGateways {
    /// Reads which gateways there are, and their credentials.
    ///
    /// | Variable | Meaning |
    /// |---|---|
    /// | `STAGE` | `production` refuses the sandbox: tickets for play money |
    /// | `SANDBOX_GATEWAY_URL` | where the sandbox's API answers |
    /// | `SANDBOX_API_KEY` | the key for its API, at least 32 characters |
    /// | `SANDBOX_WEBHOOK_SECRET` | what it signs notifications with, at least 32 characters |
    ///
    /// A deployment may have no gateway at all (free admission only); on one machine
    /// that is a mistake.
    ///
    /// # Errors
    /// If a variable is missing, malformed, or must not be set in this stage.
    pub fn from_env(env: &Env) -> Result<Self, ConfigError> {
        let sandbox = SandboxGateway::VARIABLES.into_iter().find(|name| env.optional(name).is_some());
        match (env.stage()?, sandbox) {
            (Stage::Production, Some(name)) => Err(ConfigError::new(
                name,
                "must not be set when STAGE is production: the sandbox gateway takes no real money",
            )),
            (Stage::Production | Stage::Staging, None) => Ok(Self::default()),
            (Stage::Staging, Some(_)) | (Stage::Local, _) => {
                let sandbox: Arc<dyn PaymentGateway> = Arc::new(SandboxGateway::from_env(env)?);
                Ok(Self::from_iter([sandbox]))
            }
        }
    }

    /// The gateway with this name, or an error for the buyer.
    ///
    /// # Errors
    /// `payment_gateway_unknown` (404) if this installation does not have it.
    pub fn get(&self, name: GatewayName) -> Result<Arc<dyn PaymentGateway>> {
        self.0.get(&name).cloned().ok_or_else(unknown)
    }

    /// The gateway that `/webhooks/{gateway}` names.
    ///
    /// # Errors
    /// `payment_gateway_unknown` (404) if this installation does not have it.
    pub fn at_path(&self, name: &str) -> Result<Arc<dyn PaymentGateway>> {
        self.get(name.parse().map_err(|_| unknown())?)
    }

    /// The gateway for a new payment, while an installation has one for everybody.
    ///
    /// # Errors
    /// `payment_gateway_missing` (409) if there is none.
    pub fn for_new_payments(&self) -> Result<Arc<dyn PaymentGateway>> {
        self.0.values().next().cloned().ok_or_else(|| {
            Error::conflict(
                "payment_gateway_missing",
                "This organiser cannot take payments yet. Contact the organiser.",
            )
        })
    }
}

fn unknown() -> Error {
    Error::not_found("payment_gateway_unknown", "There is no such payment gateway here.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(stage: &str, without: &str, and: &[(&str, &str)]) -> Env {
        let secret = "s".repeat(32);
        [
            ("STAGE", stage),
            ("SANDBOX_GATEWAY_URL", "http://127.0.0.1:4010"),
            ("SANDBOX_API_KEY", &secret),
            ("SANDBOX_WEBHOOK_SECRET", &secret),
        ]
        .iter()
        .chain(and)
        .filter(|(name, _)| *name != without)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
    }

    fn refused(env: &Env) -> String {
        PaymentGateways::from_env(env).expect_err("refused").variable
    }

    #[test]
    fn the_sandbox_is_found_by_name_and_path() {
        for stage in ["local", "staging"] {
            let gateways = PaymentGateways::from_env(&env(stage, "", &[])).expect("configured");
            assert_eq!(gateways.get(GatewayName::Sandbox).expect("there").name(), GatewayName::Sandbox);
            assert_eq!(gateways.at_path("sandbox").expect("there").name(), GatewayName::Sandbox);
            assert_eq!(gateways.for_new_payments().expect("there").name(), GatewayName::Sandbox);
            assert_eq!(gateways.at_path("Sandbox").expect_err("unknown").code(), "payment_gateway_unknown");
        }
    }

    #[test]
    fn production_refuses_to_start_with_any_part_of_the_sandbox() {
        assert_eq!(refused(&env("production", "", &[])), "SANDBOX_GATEWAY_URL");
        assert_eq!(refused(&env("production", "SANDBOX_GATEWAY_URL", &[])), "SANDBOX_API_KEY");
        let only_secret = [("STAGE", "production"), ("SANDBOX_WEBHOOK_SECRET", "x")];
        let only_secret = only_secret.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        assert_eq!(refused(&only_secret.collect()), "SANDBOX_WEBHOOK_SECRET");
    }

    #[test]
    fn a_deployment_may_do_without_a_gateway() {
        for stage in ["staging", "production"] {
            let without = [("STAGE".to_owned(), stage.to_owned())].into_iter().collect();
            let gateways = PaymentGateways::from_env(&without).expect("starts");
            assert_eq!(gateways.for_new_payments().expect_err("none").code(), "payment_gateway_missing");
            assert_eq!(gateways.at_path("sandbox").expect_err("none").code(), "payment_gateway_unknown");
        }
        let local = [("STAGE".to_owned(), "local".to_owned())].into_iter().collect();
        assert_eq!(refused(&local), "SANDBOX_GATEWAY_URL");
    }

    #[test]
    fn every_missing_or_weak_variable_is_named() {
        for name in ["STAGE", "SANDBOX_GATEWAY_URL", "SANDBOX_API_KEY", "SANDBOX_WEBHOOK_SECRET"] {
            assert_eq!(refused(&env("local", name, &[])), name);
            assert_eq!(refused(&env("staging", name, &[])), name);
        }
        assert_eq!(refused(&env("local", "", &[("SANDBOX_API_KEY", "short")])), "SANDBOX_API_KEY");
        assert_eq!(
            refused(&env("local", "", &[("SANDBOX_WEBHOOK_SECRET", "short")])),
            "SANDBOX_WEBHOOK_SECRET"
        );
        let unresolved =
            [("SANDBOX_API_KEY", "arn:aws:secretsmanager:us-east-1:111122223333:secret:sandbox")];
        assert_eq!(refused(&env("staging", "", &unresolved)), "SANDBOX_API_KEY");
        let remote = [("SANDBOX_GATEWAY_URL", "http://gateway.example")];
        assert_eq!(refused(&env("staging", "", &remote)), "SANDBOX_GATEWAY_URL");
    }
}
