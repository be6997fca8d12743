//! Merchants with an account at a simulated gateway, as both sides know them.

use domain::Currency;
use domain::payment::GatewayName;
use payments::payu::Algorithm;
use payments::{mercado_pago as mp, payu as pu, wompi as wo};
use serde::Serialize;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use crate::{mercado_pago, payu, wompi};

/// A merchant at one of the gateways. The keys are made up from the gateway and the
/// merchant's number: they look like real ones, are the same on every machine, and
/// open nothing but a simulation.
#[derive(Debug, Clone)]
pub enum Merchant {
    /// At Mercado Pago.
    MercadoPago(mercado_pago::Account),
    /// At Wompi.
    Wompi(wompi::Account),
    /// At PayU.
    Payu(payu::Account),
}

impl Merchant {
    /// A merchant of Mercado Pago in the country with this money.
    pub fn mercado_pago(number: u32, name: &str, currency: Currency) -> Self {
        let key = Key { gateway: "mercado_pago", number };
        Self::MercadoPago(mercado_pago::Account {
            access_token: format!("APP_USR-{}-112026-{}-{number}", key.digits(16), key.of("token", 32)),
            webhook_secret: key.of("webhook", 64),
            collector_id: number.into(),
            name: name.to_owned(),
            currency,
            shares: false,
        })
    }

    /// The same merchant, who gave the operator's application access to the account, where the gateway
    /// knows that.
    #[must_use]
    pub fn sharing(self) -> Self {
        match self {
            Self::MercadoPago(account) => {
                Self::MercadoPago(mercado_pago::Account { shares: true, ..account })
            }
            other => other,
        }
    }

    /// A merchant of Wompi, whose events go to this address.
    pub fn wompi(number: u32, name: &str, events_url: String) -> Self {
        let key = Key { gateway: "wompi", number };
        Self::Wompi(wompi::Account {
            public_key: format!("pub_test_{}", key.of("public", 32)),
            private_key: format!("prv_test_{}", key.of("private", 32)),
            events_secret: format!("test_events_{}", key.of("events", 32)),
            integrity_secret: format!("test_integrity_{}", key.of("integrity", 32)),
            number: number.into(),
            name: name.to_owned(),
            events_url: Some(events_url),
        })
    }

    /// A merchant of PayU, with an account in the country with this money.
    pub fn payu(number: u32, name: &str, currency: Currency) -> Self {
        let key = Key { gateway: "payu", number };
        Self::Payu(payu::Account {
            merchant_id: number.to_string(),
            account_id: (u64::from(number) + 1).to_string(),
            api_login: key.of("login", 15),
            api_key: key.of("key", 26),
            hmac_secret: None,
            name: name.to_owned(),
            currency,
            lists_newest_only: false,
        })
    }

    /// The gateway of the account.
    pub fn gateway(&self) -> GatewayName {
        match self {
            Self::MercadoPago(_) => GatewayName::MercadoPago,
            Self::Wompi(_) => GatewayName::Wompi,
            Self::Payu(_) => GatewayName::Payu,
        }
    }

    /// The merchant's name.
    pub fn name(&self) -> &str {
        match self {
            Self::MercadoPago(account) => &account.name,
            Self::Wompi(account) => &account.name,
            Self::Payu(account) => &account.name,
        }
    }

    /// What the merchant enters at the box office to use the account.
    pub fn credentials(&self) -> Json {
        match self {
            Self::MercadoPago(account) => json(&mp::Credentials {
                access_token: account.access_token.clone(),
                webhook_secret: account.webhook_secret.clone(),
            }),
            Self::Wompi(account) => json(&wo::Credentials {
                public_key: account.public_key.clone(),
                private_key: account.private_key.clone(),
                events_secret: account.events_secret.clone(),
                integrity_secret: account.integrity_secret.clone(),
            }),
            Self::Payu(account) => json(&pu::Credentials {
                merchant_id: account.merchant_id.clone(),
                account_id: account.account_id.clone(),
                api_login: account.api_login.clone(),
                api_key: account.api_key.clone(),
                algorithm: Algorithm::default(),
                hmac_secret: account.hmac_secret.clone(),
            }),
        }
    }
}

fn json(credentials: &impl Serialize) -> Json {
    serde_json::to_value(credentials).expect("credentials are made of texts")
}

/// The source of a merchant's keys.
#[derive(Clone, Copy)]
struct Key {
    gateway: &'static str,
    number: u32,
}

impl Key {
    fn digest(self, what: &str) -> [u8; 32] {
        Sha256::digest(format!("taquilla simulation {} {} {what}", self.gateway, self.number)).into()
    }

    /// So many characters, at most 64.
    fn of(self, what: &str, length: usize) -> String {
        let mut text = hex::encode(self.digest(what));
        text.truncate(length);
        text
    }

    /// So many decimal digits, at most 32.
    fn digits(self, length: usize) -> String {
        self.digest("application").iter().take(length).map(|byte| char::from(b'0' + byte % 10)).collect()
    }
}

#[cfg(test)]
mod tests {
    use payments::Mode;

    use super::*;

    #[test]
    fn made_up_credentials_pass_for_real_ones_and_are_always_the_same() {
        let merchant = |number| Merchant::mercado_pago(number, "Sala Ficticia", Currency::CLP).credentials();
        let ours: mp::Credentials = serde_json::from_value(merchant(44_444)).expect("credentials");
        ours.check(Mode::Live).expect("well formed");
        assert_eq!(merchant(44_444), merchant(44_444));
        assert_ne!(merchant(44_444), merchant(44_445));

        let merchant = Merchant::wompi(1292, "Sala Ficticia", "http://127.0.0.1/hook".to_owned());
        let ours: wo::Credentials = serde_json::from_value(merchant.credentials()).expect("credentials");
        ours.check(Mode::Test).expect("well formed");
        assert_eq!(ours.public_key.len(), "pub_test_".len() + 32);

        let merchant = Merchant::payu(999_001, "Sala Ficticia", Currency::COP);
        let ours: pu::Credentials = serde_json::from_value(merchant.credentials()).expect("credentials");
        ours.check().expect("well formed");
        assert_eq!((ours.merchant_id.as_str(), ours.account_id.as_str()), ("999001", "999002"));
    }
}
