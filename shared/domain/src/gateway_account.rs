//! Tenants' accounts at payment gateways: which one takes which currency, and in
//! which order they are tried. What the gateway wants to know before it believes us
//! is not in here: it is kept where secrets are.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Fields;
use crate::payment::GatewayName;
use crate::{Currency, GatewayAccountId, TenantId};

/// The most accounts of one tenant.
pub const MAX_GATEWAY_ACCOUNTS: usize = 20;
/// The highest position.
pub const MAX_POSITION: u16 = 99;

/// Play money or real money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The gateway's own test environment, or its test users.
    Test,
    /// Real money.
    Live,
}

/// A tenant's account at a gateway. Its gateway and its mode never change: payments
/// that were made with it are asked about with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayAccount {
    /// The account.
    pub id: GatewayAccountId,
    /// Whose money it takes.
    pub tenant_id: TenantId,
    /// The gateway.
    pub gateway: GatewayName,
    /// Play money or real money.
    pub mode: Mode,
    /// What it is used for, each once; the gateway may take more.
    pub currencies: Vec<Currency>,
    /// 0 is tried first for its currencies. Of equal ones, the older.
    pub position: u16,
    /// Whose account it is in the gateway's words, if the gateway says so.
    pub holder: Option<String>,
    /// False to start no payments with it. Those that were started go on.
    pub active: bool,
    /// Which version of the stored credentials holds; `None` until there are any.
    pub credentials_version: Option<String>,
    /// True once somebody deletes it: its secret goes, and it takes no other.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub closing: bool,
    /// When the gateway accepted the credentials.
    pub checked_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// Counts the changes.
    pub version: u32,
}

/// Names an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AccountRef {
    /// Whose money it takes.
    pub tenant_id: TenantId,
    /// The account.
    pub id: GatewayAccountId,
}

/// The codes of the currencies that a gateway can take for its accounts' holders.
/// None of the sandbox, which is one for everybody and has no accounts.
pub const fn currencies_of(gateway: GatewayName) -> &'static [&'static str] {
    match gateway {
        GatewayName::Sandbox => &[],
        // One per country; an account is of one country, which its holder knows.
        GatewayName::MercadoPago => &["ARS", "BRL", "CLP", "COP", "MXN", "PEN", "UYU"],
        GatewayName::Wompi => &["COP"],
        GatewayName::Payu => &["ARS", "BRL", "CLP", "COP", "MXN", "PEN", "USD"],
    }
}

impl GatewayAccount {
    /// Checks what people choose, each field under its own name.
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

/// The accounts that take `currency`, the first choice first.
pub fn choose(accounts: &[GatewayAccount], currency: Currency) -> Vec<&GatewayAccount> {
    let mut takers: Vec<_> = accounts.iter().filter(|account| account.takes(currency)).collect();
    // The id begins with the time at which the account was made.
    takers.sort_by_key(|account| (account.position, account.id));
    takers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    fn account(gateway: GatewayName, currencies: &[Currency], position: u16) -> GatewayAccount {
        GatewayAccount {
            id: GatewayAccountId::generate(at(1_795_000_000)),
            tenant_id: TenantId::generate(at(0)),
            gateway,
            mode: Mode::Test,
            currencies: currencies.to_vec(),
            position,
            holder: None,
            active: true,
            credentials_version: Some("v1".to_owned()),
            closing: false,
            checked_at: Some(at(1_795_000_000)),
            created_at: at(1_795_000_000),
            updated_at: at(1_795_000_000),
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
    fn the_first_choice_comes_first_and_what_cannot_take_the_currency_not_at_all() {
        let (cop, ars) = (Currency::COP, Currency::ARS);
        let second = account(GatewayName::Payu, &[cop, ars], 1);
        let first = account(GatewayName::Wompi, &[cop], 0);
        let newer = GatewayAccount { id: GatewayAccountId::generate(at(1_795_000_009)), ..second.clone() };
        let off = GatewayAccount { active: false, ..first.clone() };
        let empty = GatewayAccount { credentials_version: None, ..first.clone() };
        let accounts = [newer.clone(), off, second.clone(), empty, first.clone()];
        assert_eq!(choose(&accounts, cop), [&first, &second, &newer]);
        assert_eq!(choose(&accounts, ars), [&second, &newer]);
        assert!(choose(&accounts, Currency::CLP).is_empty());
    }

    #[test]
    fn an_account_takes_what_its_gateway_takes_each_once() {
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
    fn every_code_is_a_currency() {
        for gateway in GatewayName::ALL {
            for code in currencies_of(gateway) {
                assert!(Currency::from_code(code).is_some(), "{code}");
            }
        }
    }
}
