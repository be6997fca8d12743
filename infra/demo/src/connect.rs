//! Connects a tenant to an account at a simulated gateway.

use boot::{SecretText, Vault};
use domain::audit::AuditNote;
use domain::gateway_account::{GatewayAccount, Mode};
use domain::payment::GatewayName;
use domain::{Currency, Error, GatewayAccountId, Result, TenantId, Timestamp, UserId};
use gateways::Merchant;
use payments::credentials_name;
use store::Store;

/// A tenant's settings of a gateway account, as its admin would enter them.
#[derive(Debug, Clone)]
pub struct Connection<'a> {
    /// The id of the gateway account in the box office.
    pub id: GatewayAccountId,
    /// The tenant that gets the money.
    pub tenant: TenantId,
    /// The currency for which the account is used.
    pub currency: Currency,
    /// Order in which accounts are tried; 0 first.
    pub position: u16,
    /// The admin who connects it: user id and address.
    pub by: (UserId, &'a str),
}

impl Connection<'_> {
    /// The address for the gateway's notifications, of a box office at `public_url`.
    pub fn notification_url(
        public_url: &str,
        gateway: GatewayName,
        tenant: TenantId,
        id: GatewayAccountId,
    ) -> String {
        format!("{public_url}/api/v1/webhooks/{gateway}?tenant={tenant}&account={id}")
    }

    /// Writes the account and its credentials, as the box office does after the gateway has
    /// accepted them.
    ///
    /// # Errors
    /// If the vault or the table refuses them.
    pub async fn make(
        &self,
        merchant: &Merchant,
        store: &Store,
        vault: &Vault,
        now: Timestamp,
    ) -> Result<GatewayAccount> {
        let text = SecretText::new(&merchant.credentials().to_string());
        let version = vault.put(&credentials_name(self.id), &text).await.map_err(Error::internal)?;
        let account = GatewayAccount {
            id: self.id,
            tenant_id: self.tenant,
            gateway: merchant.gateway(),
            mode: Mode::Test,
            currencies: vec![self.currency],
            position: self.position,
            holder: Some(merchant.name().to_owned()),
            active: true,
            credentials_version: Some(version),
            max_installments: None,
            marketplace: false,
            closing: false,
            checked_at: Some(now),
            created_at: now,
            updated_at: now,
            version: 1,
        };
        let (by, by_email) = self.by;
        let note = AuditNote {
            tenant_id: self.tenant,
            by,
            by_email: by_email.to_owned(),
            action: "gateway_account.create".to_owned(),
            subject: self.id.to_string(),
            at: now,
        };
        store.create_gateway_account(&account, &note).await?;
        Ok(account)
    }
}
