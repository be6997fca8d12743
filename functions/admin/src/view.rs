//! Gateway accounts in the API's answers, without their credentials.

use domain::gateway_account::{GatewayAccount, Mode};
use domain::payment::GatewayName;
use domain::{Currency, GatewayAccountId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An account at a payment gateway. Its credentials are never shown.
#[serde_with::skip_serializing_none]
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct GatewayView {
    /// The account's id.
    id: GatewayAccountId,
    /// The gateway.
    gateway: GatewayName,
    /// `test` takes play money, `live` real money.
    mode: Mode,
    /// The currencies for which payments are started with it, such as `COP`.
    currencies: Vec<Currency>,
    /// Order in which accounts are tried for a currency, 0 first; of equal ones the older first.
    position: u16,
    /// False: no new payments are started with it. Payments already started are still settled.
    active: bool,
    /// The most instalments in which buyers may pay; absent for as many as the gateway offers.
    max_installments: Option<u8>,
    /// True if the gateway keeps the operator's commission of its payments. The operator sets it.
    marketplace: bool,
    /// False until credentials are entered; without them the account takes no payments.
    has_credentials: bool,
    /// The name of the account's holder at the gateway, if the gateway tells it; at most 100 characters.
    holder: Option<String>,
    /// When the gateway last accepted the credentials.
    checked_at: Option<Timestamp>,
    /// Address for the gateway's notifications; enter it in the gateway's dashboard if that asks
    /// for one.
    webhook_url: String,
    /// Limits of this gateway or account that the organiser should know before taking money.
    warnings: Vec<Warning>,
    /// When the account was added.
    created_at: Timestamp,
    /// When the account was last changed.
    updated_at: Timestamp,
    /// Counts the changes, from 1. Send it with a change to detect a lost update.
    version: u32,
}

/// A limit of a gateway account that is no mistake, but must be known.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
struct Warning {
    /// The kind of warning, stable.
    code: WarningCode,
    /// What the warning means and what to do, as a sentence in English.
    detail: String,
}

/// The kind of a warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum WarningCode {
    /// The account is in test mode: its tickets are sold for play money.
    PlayMoney,
    /// The account has more than one currency, but a gateway's account takes that of one country.
    OneCountry,
    /// The gateway can undo few payments: most refunds have to be made by hand.
    RefundsByHand,
    /// The gateway reviews refunds for days and does not make all of them.
    RefundsReviewed,
    /// The gateway can leave some payments undecided for days.
    SlowPayments,
}

impl GatewayView {
    /// The view of an account; `public_url` is the box office's address.
    pub(crate) fn new(account: GatewayAccount, public_url: &str) -> Self {
        Self {
            webhook_url: format!(
                "{public_url}/api/v1/webhooks/{}?tenant={}&account={}",
                account.gateway, account.tenant_id, account.id
            ),
            warnings: warnings(&account),
            id: account.id,
            gateway: account.gateway,
            mode: account.mode,
            currencies: account.currencies,
            position: account.position,
            active: account.active,
            max_installments: account.max_installments,
            marketplace: account.marketplace,
            has_credentials: account.credentials_version.is_some(),
            holder: account.holder,
            checked_at: account.checked_at,
            created_at: account.created_at,
            updated_at: account.updated_at,
            version: account.version,
        }
    }
}

fn warnings(account: &GatewayAccount) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let mut warn = |code, detail: &str| warnings.push(Warning { code, detail: detail.to_owned() });
    if account.mode == Mode::Test {
        warn(
            WarningCode::PlayMoney,
            "Whoever pays with this account gets tickets for play money. Switch it off before real sales begin.",
        );
    }
    // PayU's accounts take dollars besides the money of their country.
    let money = account.currencies.iter().filter(|currency| currency.code() != "USD").count();
    match account.gateway {
        GatewayName::MercadoPago | GatewayName::Payu if money > 1 => warn(
            WarningCode::OneCountry,
            "An account is of one country and takes the money of that country. Add an account for each country, and name its currency only.",
        ),
        _ => {}
    }
    match account.gateway {
        GatewayName::MercadoPago => warn(
            WarningCode::SlowPayments,
            "Buyers can pay in cash: their places are kept for as long as the `cash_hours` of your organiser say, and some hours more until the money is credited. Money that comes later is given back if the places are gone.",
        ),
        GatewayName::Wompi => warn(
            WarningCode::RefundsByHand,
            "Wompi can only take back whole card payments, and only until it settles them in the evening. Parts and everything else you have to pay back by hand, by bank transfer; each one is on your list of refunds. That includes cash and transfers that arrive when the places are gone.",
        ),
        GatewayName::Payu => warn(
            WarningCode::RefundsReviewed,
            "PayU may look at refunds for up to three business days. In Colombia it gives back 100 COP or more, and a part of a payment once; in Argentina and Chile no parts with decimals. What it does not give back you have to pay back by hand.",
        ),
        GatewayName::Sandbox => {}
    }
    warnings
}

#[cfg(test)]
mod tests {
    use domain::TenantId;
    use domain::testing::at;

    use super::*;

    fn account(gateway: GatewayName, mode: Mode, currencies: &[Currency]) -> GatewayAccount {
        GatewayAccount {
            id: GatewayAccountId::generate(at(0)),
            tenant_id: TenantId::generate(at(0)),
            gateway,
            mode,
            currencies: currencies.to_vec(),
            position: 0,
            holder: None,
            active: true,
            credentials_version: Some("secret version".to_owned()),
            max_installments: None,
            marketplace: false,
            closing: false,
            checked_at: Some(at(0)),
            created_at: at(0),
            updated_at: at(0),
            version: 2,
        }
    }

    #[test]
    fn the_webhook_address_names_gateway_tenant_and_account() {
        let account = account(GatewayName::MercadoPago, Mode::Live, &[Currency::CLP]);
        let (tenant, id) = (account.tenant_id, account.id);
        let view = GatewayView::new(account, "https://taquilla.example");
        assert_eq!(
            view.webhook_url,
            format!("https://taquilla.example/api/v1/webhooks/mercado_pago?tenant={tenant}&account={id}")
        );
        assert!(!format!("{view:?}").contains("secret version"));
    }

    #[test]
    fn each_gateway_has_its_warnings() {
        let codes = |gateway, mode, currencies: &[Currency]| {
            let warnings = warnings(&account(gateway, mode, currencies));
            warnings.into_iter().map(|warning| warning.code).collect::<Vec<_>>()
        };
        let (cop, ars, usd) = (Currency::COP, Currency::ARS, Currency::USD);
        let (live, test) = (Mode::Live, Mode::Test);
        assert_eq!(codes(GatewayName::Wompi, live, &[cop]), [WarningCode::RefundsByHand]);
        assert_eq!(
            codes(GatewayName::Wompi, test, &[cop]),
            [WarningCode::PlayMoney, WarningCode::RefundsByHand]
        );
        assert_eq!(codes(GatewayName::Payu, live, &[cop, usd]), [WarningCode::RefundsReviewed]);
        assert_eq!(
            codes(GatewayName::Payu, live, &[cop, ars]),
            [WarningCode::OneCountry, WarningCode::RefundsReviewed]
        );
        assert_eq!(codes(GatewayName::MercadoPago, live, &[ars]), [WarningCode::SlowPayments]);
        assert_eq!(
            codes(GatewayName::MercadoPago, live, &[ars, cop]),
            [WarningCode::OneCountry, WarningCode::SlowPayments]
        );
    }
}
