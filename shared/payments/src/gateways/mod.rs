//! All gateways that an installation can use: the sandbox, which all tenants share,
//! and tenants' own accounts.

mod account;
mod addresses;
mod guarded;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use boot::{Boot, Clock, ConfigError, Env, Stage, Vault};
use domain::gateway_account::{GatewayAccount, Mode};
use domain::{Error, GatewayAccountId, Result};
use outbound::Connections;
use serde_json::Value;

use self::account::{Account, unavailable};
use self::addresses::Addresses;
use crate::credential_form::read_credentials;
use crate::mercado_pago::MercadoPagoGateway;
use crate::payu::PayuGateway;
use crate::sandbox::SandboxGateway;
use crate::wompi::WompiGateway;
use crate::{BadCredential, GatewayName, PaymentGateway};

/// The most accounts for which clients are kept.
const MAX_CLIENTS: usize = 256;

/// The gateways of this installation and its tenants. Clones share clients,
/// connections and circuit breakers.
#[derive(Debug, Clone)]
pub struct PaymentGateways(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    sandbox: Option<Arc<dyn PaymentGateway>>,
    addresses: Addresses,
    connections: Connections,
    vault: Vault,
    clock: Clock,
    accounts: Mutex<HashMap<GatewayAccountId, Arc<Account>>>,
}

/// The name of an account's credentials in the [`Vault`]: an object of texts, as
/// [`PaymentGateways::client`] takes it.
pub fn credentials_name(account: GatewayAccountId) -> String {
    format!("gateway/{account}")
}

impl PaymentGateways {
    /// Reads the configuration of the gateways.
    ///
    /// | Variable | Meaning |
    /// |---|---|
    /// | `STAGE` | `production` refuses the sandbox: tickets for play money |
    /// | `SANDBOX_GATEWAY_URL` | where the sandbox's API answers |
    /// | `SANDBOX_API_KEY` | the key for its API, at least 32 characters |
    /// | `SANDBOX_WEBHOOK_SECRET` | what it signs notifications with, at least 32 characters |
    /// | `MERCADO_PAGO_URL` | in stage `local` only: what answers instead of Mercado Pago |
    /// | `WOMPI_URL`, `WOMPI_CHECKOUT_URL` | in stage `local` only: instead of Wompi's API, with its `/v1`, and its page |
    /// | `PAYU_URL`, `PAYU_CHECKOUT_URL` | in stage `local` only: instead of PayU's APIs and its page |
    ///
    /// A deployment may have no sandbox; on one machine that is a mistake.
    ///
    /// # Errors
    /// If a variable is missing, malformed, or must not be set in this stage.
    pub fn new(boot: &Boot) -> Result<Self, ConfigError> {
        let connections = Connections::default();
        Self::with(sandbox(&boot.env, &connections)?, connections, boot)
    }

    /// Tenants' own accounts without the sandbox: for functions that take no payments. Reads the other variables of [`Self::new`].
    ///
    /// # Errors
    /// If a variable is missing or malformed.
    pub fn without_sandbox(boot: &Boot) -> Result<Self, ConfigError> {
        Self::with(None, Connections::default(), boot)
    }

    fn with(
        sandbox: Option<Arc<dyn PaymentGateway>>,
        connections: Connections,
        boot: &Boot,
    ) -> Result<Self, ConfigError> {
        Ok(Self(Arc::new(Shared {
            sandbox,
            addresses: Addresses::from_env(&boot.env)?,
            connections,
            vault: Vault::new(boot)?,
            clock: boot.clock.clone(),
            accounts: Mutex::default(),
        })))
    }

    /// The sandbox, if this installation has it.
    pub fn sandbox(&self) -> Option<Arc<dyn PaymentGateway>> {
        self.0.sandbox.clone()
    }

    /// The client of a tenant's account, with the credentials at the account's
    /// version. It does not call a gateway that did not answer lately.
    ///
    /// # Errors
    /// `payment_gateway_missing` (409) if the account has no credentials,
    /// `payment_gateway_unavailable` (503) if they cannot be read now.
    pub async fn of(&self, account: &GatewayAccount) -> Result<Arc<dyn PaymentGateway>> {
        Ok(self.account(account).await?.client())
    }

    /// A client with credentials that are not stored: to check them.
    ///
    /// # Errors
    /// All that are missing or of a wrong form; or the first that cannot be right.
    pub fn client(
        &self,
        gateway: GatewayName,
        mode: Mode,
        credentials: &Value,
    ) -> Result<Arc<dyn PaymentGateway>, Vec<BadCredential>> {
        let Shared { addresses, connections, clock, .. } = &*self.0;
        let alone = |bad| vec![bad];
        Ok(match gateway {
            GatewayName::Sandbox => {
                return Err(alone(BadCredential::new("", "There are no accounts at this gateway.")));
            }
            GatewayName::MercadoPago => {
                let (url, credentials) = (addresses.mercado_pago(), read_credentials(gateway, credentials)?);
                Arc::new(MercadoPagoGateway::new(url, &credentials, mode, connections).map_err(alone)?)
            }
            GatewayName::Wompi => {
                let (urls, credentials) = (addresses.wompi(mode), read_credentials(gateway, credentials)?);
                Arc::new(WompiGateway::new(urls, credentials, mode, connections).map_err(alone)?)
            }
            GatewayName::Payu => {
                let (urls, credentials) = (addresses.payu(mode), read_credentials(gateway, credentials)?);
                Arc::new(PayuGateway::new(urls, credentials, mode, connections, clock).map_err(alone)?)
            }
        })
    }

    /// Checks that a buyer can be sent to the account's gateway: it answers, and takes
    /// the credentials. Asks it for two seconds at most, and not again for half a minute.
    ///
    /// # Errors
    /// `payment_gateway_unavailable` (503) if it is not; and those of [`Self::of`].
    pub async fn available(&self, account: &GatewayAccount) -> Result<()> {
        self.account(account).await?.available(account, &self.0.clock).await
    }

    async fn account(&self, account: &GatewayAccount) -> Result<Arc<Account>> {
        let version = account.credentials_version.as_deref().ok_or_else(missing)?;
        // Not only for a new client: the vault drops credentials that were deleted.
        let text = self.0.vault.get(&credentials_name(account.id), version).await;
        let text = text.map_err(|error| unavailable(Duration::from_secs(5), error))?;
        let text = text.ok_or_else(|| {
            let id = account.id;
            Error::internal(format!("the credentials of the account {id} are not there at version {version}"))
        })?;
        let mut accounts = self.0.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let before = accounts.get(&account.id);
        if let Some(kept) = before.filter(|kept| kept.is_at(version)) {
            return Ok(Arc::clone(kept));
        }
        // Neither error may quote the text.
        let senseless =
            || Error::internal(format!("the credentials of the account {} make no sense", account.id));
        let credentials: Value = serde_json::from_str(text.reveal()).map_err(|_| senseless())?;
        let client = self.client(account.gateway, account.mode, &credentials).map_err(|_| senseless())?;
        let made = Arc::new(Account::new(version, client, &self.0.clock, before.map(|before| &**before)));
        if accounts.len() >= MAX_CLIENTS && before.is_none() {
            accounts.clear();
        }
        accounts.insert(account.id, Arc::clone(&made));
        Ok(made)
    }
}

/// The sandbox, as the stage wants it or not.
fn sandbox(env: &Env, connections: &Connections) -> Result<Option<Arc<dyn PaymentGateway>>, ConfigError> {
    let set = SandboxGateway::VARIABLES.into_iter().find(|name| env.optional(name).is_some());
    match (env.stage()?, set) {
        (Stage::Production, Some(name)) => Err(ConfigError::new(
            name,
            "must not be set when STAGE is production: the sandbox gateway takes no real money",
        )),
        (Stage::Production | Stage::Staging, None) => Ok(None),
        (Stage::Staging, Some(_)) | (Stage::Local, _) => {
            Ok(Some(Arc::new(SandboxGateway::from_env(env, connections)?)))
        }
    }
}

fn missing() -> Error {
    Error::conflict(
        "payment_gateway_missing",
        "This organiser cannot take payments yet. Contact the organiser.",
    )
}

#[cfg(test)]
mod tests;
