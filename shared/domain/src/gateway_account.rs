//! Tenants' accounts at payment gateways: which one takes which currency, and in which order they
//! are tried. Their credentials are not in here: they are kept with the other secrets.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Fields;
use crate::payment::GatewayName;
use crate::{Currency, GatewayAccountId, TenantId};

/// The most accounts of one tenant.
pub const MAX_GATEWAY_ACCOUNTS: usize = 20;
/// The highest position in the order in which accounts are tried.
pub const MAX_POSITION: u16 = 99;

/// The most instalments that an account can be limited to.
pub const MAX_INSTALLMENTS: u8 = 36;

/// True if the gateway can be told the most instalments of a payment.
pub const fn limits_installments(gateway: GatewayName) -> bool {
    matches!(gateway, GatewayName::MercadoPago)
}

/// True if the gateway can keep a part of a payment for the operator.
pub const fn keeps_fees(gateway: GatewayName) -> bool {
    matches!(gateway, GatewayName::MercadoPago)
}

/// Whether an account moves test money or real money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The gateway's own test environment, or its test users.
    Test,
    /// Real money.
    Live,
}

/// A tenant's account at a gateway. Its gateway and its mode never change: the gateway's reports
/// about its payments are still asked for with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayAccount {
    /// The account's id.
    pub id: GatewayAccountId,
    /// The organiser that receives the money.
    pub tenant_id: TenantId,
    /// The gateway where the account is.
    pub gateway: GatewayName,
    /// Test money or real money.
    pub mode: Mode,
    /// The currencies for which it is used, each once; the gateway may take more.
    pub currencies: Vec<Currency>,
    /// The position in the order of trying: 0 is first for its currencies; of equal ones, the older
    /// account.
    pub position: u16,
    /// The holder of the account as the gateway names it, if it does.
    pub holder: Option<String>,
    /// False to start no more payments with it. Payments that were started are not affected.
    pub active: bool,
    /// The version of the stored credentials that is used; `None` until there are any.
    pub credentials_version: Option<String>,
    /// The most instalments in which its gateway lets buyers pay, where it can be told; `None` for as
    /// many as the gateway offers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_installments: Option<u8>,
    /// True if the operator's application may keep a fee of its payments: the organiser gave it access at
    /// the gateway, and these credentials come from there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub marketplace: bool,
    /// True once its deletion has begun: its secret is removed, and it takes no other.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub closing: bool,
    /// When the gateway accepted the credentials.
    pub checked_at: Option<Timestamp>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// Counts changes.
    pub version: u32,
}

/// A reference to an account: its tenant and its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AccountRef {
    /// The organiser that receives the money.
    pub tenant_id: TenantId,
    /// The account's id.
    pub id: GatewayAccountId,
}

/// The codes of the currencies that accounts at a gateway can take. None for the sandbox, which all
/// organisers share and which has no accounts.
pub const fn currencies_of(gateway: GatewayName) -> &'static [&'static str] {
    match gateway {
        GatewayName::Sandbox => &[],
        // One per country. An account belongs to one country, which its holder knows.
        GatewayName::MercadoPago => &["ARS", "BRL", "CLP", "COP", "MXN", "PEN", "UYU"],
        GatewayName::Wompi => &["COP"],
        GatewayName::Payu => &["ARS", "BRL", "CLP", "COP", "MXN", "PEN", "USD"],
    }
}

impl GatewayAccount {
    /// Notes bad values of the fields that people choose, each under its own name.
    pub fn check(&self, fields: &mut Fields) {
        let takes = currencies_of(self.gateway);
        fields.rule(!takes.is_empty(), "/gateway", "There are no accounts at this gateway. Choose another.");
        fields.check(
            !self.currencies.is_empty(),
            "/currencies",
            "Name at least one currency; to use the account for nothing, send `active: false`.",
        );
        for (index, currency) in self.currencies.iter().enumerate() {
            let pointer = format!("/currencies/{index}");
            if !takes.is_empty() && !takes.contains(&currency.code()) {
                fields.rule(false, pointer, format!("This gateway takes {}.", takes.join(", ")));
            } else {
                let first = !self.currencies[..index].contains(currency);
                fields.check(first, pointer, "This currency is there already. Name each once.");
            }
        }
        if let Some(most) = self.max_installments {
            fields.rule(
                limits_installments(self.gateway),
                "/max_installments",
                "This gateway can not be told. Leave it out, and set it in the gateway's own panel.",
            );
            fields.check(
                (1..=MAX_INSTALLMENTS).contains(&most),
                "/max_installments",
                format!("Must be between 1, which is all at once, and {MAX_INSTALLMENTS}."),
            );
        }
        fields.check(
            self.position <= MAX_POSITION,
            "/position",
            format!("Must be between 0, which is tried first, and {MAX_POSITION}."),
        );
    }

    /// True if payments in `currency` can be started with it.
    pub fn takes(&self, currency: Currency) -> bool {
        self.active && self.credentials_version.is_some() && self.currencies.contains(&currency)
    }
}

/// The accounts that take `currency`, in the order in which they are tried.
pub fn choose(accounts: &[GatewayAccount], currency: Currency) -> Vec<&GatewayAccount> {
    let mut takers: Vec<_> = accounts.iter().filter(|account| account.takes(currency)).collect();
    // The id begins with the time of creation: of equal positions, the older account comes first.
    takers.sort_by_key(|account| (account.position, account.id));
    takers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::at;

    fn account(gateway: GatewayName, currencies: &[Currency], position: u16) -> GatewayAccount {
        GatewayAccount {
            id: GatewayAccountId::generate(at(0)),
            tenant_id: TenantId::generate(at(0)),
            gateway,
            mode: Mode::Test,
            currencies: currencies.to_vec(),
            position,
            holder: None,
            active: true,
            credentials_version: Some("v1".to_owned()),
            max_installments: None,
            marketplace: false,
            closing: false,
            checked_at: Some(at(0)),
            created_at: at(0),
            updated_at: at(0),
            version: 1,
        }
    }

    fn bad(account: &GatewayAccount) -> Vec<String> {
        let mut fields = Fields::new();
        account.check(&mut fields);
        let Err(error) = fields.finish() else { return Vec::new() };
        error.field_errors().iter().map(|field| field.pointer.clone()).collect()
    }

    #[test]
    fn accounts_are_chosen_by_currency_and_position() {
        let (cop, ars) = (Currency::COP, Currency::ARS);
        let second = account(GatewayName::Payu, &[cop, ars], 1);
        let first = account(GatewayName::Wompi, &[cop], 0);
        let newer = GatewayAccount { id: GatewayAccountId::generate(at(9)), ..second.clone() };
        let off = GatewayAccount { active: false, ..first.clone() };
        let empty = GatewayAccount { credentials_version: None, ..first.clone() };
        let accounts = [newer.clone(), off, second.clone(), empty, first.clone()];
        assert_eq!(choose(&accounts, cop), [&first, &second, &newer]);
        assert_eq!(choose(&accounts, ars), [&second, &newer]);
        assert!(choose(&accounts, Currency::CLP).is_empty());
    }

    #[test]
    fn an_account_takes_each_currency_of_its_gateway_once() {
        let (cop, ars, clp) = (Currency::COP, Currency::ARS, Currency::CLP);
        assert!(bad(&account(GatewayName::Wompi, &[cop], MAX_POSITION)).is_empty());
        assert!(bad(&account(GatewayName::MercadoPago, &[ars, clp, cop], 0)).is_empty());
        assert!(bad(&account(GatewayName::Payu, &[Currency::USD], 0)).is_empty());
        assert_eq!(bad(&account(GatewayName::MercadoPago, &[Currency::USD], 0)), ["/currencies/0"]);
        assert_eq!(
            bad(&account(GatewayName::Wompi, &[ars, cop, cop], MAX_POSITION + 1)),
            ["/currencies/0", "/currencies/2", "/position"]
        );
        assert_eq!(bad(&account(GatewayName::Payu, &[], 0)), ["/currencies"]);
        assert_eq!(bad(&account(GatewayName::Sandbox, &[cop], 0)), ["/gateway"]);
    }

    #[test]
    fn every_code_of_a_gateway_is_a_currency() {
        for gateway in GatewayName::ALL {
            for code in currencies_of(gateway) {
                assert!(Currency::from_code(code).is_some(), "{code}");
            }
        }
    }
}
