//! Organisers with accounts at simulated gateways, and buyers who pay there.

use boot::Vault;
use demo::Connection;
use domain::gateway_account::GatewayAccount;
use domain::payment::GatewayName;
use domain::{Currency, GatewayAccountId, TenantId, UserId};
use gateways::{Merchant, Simulator};
use reqwest::Method;
use serde_json::Value;
use store::Store;

use crate::{Country, Organizer, TestApp};

impl TestApp {
    /// An organiser with accounts at these gateways, the preferred one first.
    pub async fn paid_through(&self, name: &str, country: Country, gateways: &[GatewayName]) -> Organizer {
        let organizer = self.organizer_in(name, country).await;
        for (position, gateway) in (0..).zip(gateways) {
            self.connect(&organizer, *gateway, position).await;
        }
        organizer
    }

    /// Opens an account at a simulated gateway for the organiser, in the currency of the organiser's
    /// country. The box office chooses among the accounts with the lowest `position`. If it has sold
    /// for the organiser before, it may take some seconds to see the new account.
    ///
    /// # Panics
    /// At the sandbox, which has no accounts.
    pub async fn connect(
        &self,
        organizer: &Organizer,
        gateway: GatewayName,
        position: u16,
    ) -> GatewayAccount {
        self.connect_as(organizer, gateway, position, |merchant| merchant).await
    }

    /// As [`TestApp::connect`], at Mercado Pago, for an organiser who gave the operator's application access
    /// there. The operator has yet to say so.
    pub async fn connect_sharing(&self, organizer: &Organizer, position: u16) -> GatewayAccount {
        self.connect_as(organizer, GatewayName::MercadoPago, position, Merchant::sharing).await
    }

    async fn connect_as(
        &self,
        organizer: &Organizer,
        gateway: GatewayName,
        position: u16,
        like: impl FnOnce(Merchant) -> Merchant,
    ) -> GatewayAccount {
        let now = self.clock.now();
        let (tenant, by): (TenantId, UserId) =
            (organizer.tenant.parse().expect("an id"), organizer.person.id.parse().expect("an id"));
        let id = GatewayAccountId::generate(now);
        let currency = Currency::from_code(organizer.country.currency).expect("a currency");
        let merchant = like(self.merchant(gateway, &organizer.person.email, currency, tenant, id));
        self.gateways.admit(merchant.clone());
        let boot = self.cloud.boot("testkit").expect("the box office has a configuration");
        let (store, vault) =
            (Store::new(&boot).expect("a configuration"), Vault::new(&boot).expect("a configuration"));
        let connection = Connection { id, tenant, currency, position, by: (by, &organizer.person.email) };
        connection.make(&merchant, &store, &vault, now).await.expect("the account is written")
    }

    /// A merchant with keys that are unique in this test.
    fn merchant(
        &self,
        gateway: GatewayName,
        name: &str,
        currency: Currency,
        tenant: TenantId,
        id: GatewayAccountId,
    ) -> Merchant {
        let number = self.next_number();
        match gateway {
            GatewayName::Sandbox => panic!("there are no accounts at the sandbox"),
            GatewayName::MercadoPago => Merchant::mercado_pago(number, name, currency),
            GatewayName::Wompi => {
                let url = Connection::notification_url(self.cloud.url(), gateway, tenant, id);
                Merchant::wompi(number, name, url)
            }
            GatewayName::Payu => Merchant::payu(number, name, currency),
        }
    }

    /// The simulation of a gateway.
    pub fn simulator(&self, gateway: GatewayName) -> &Simulator {
        self.gateways.named(gateway)
    }

    /// Follows the answer to a purchase to the gateway's checkout, as the buyer does. Returns the id of
    /// the gateway's page, by which its simulator is told what the buyer does.
    ///
    /// # Errors
    /// The status and text of the gateway's answer, if that is no page.
    pub async fn try_visit(&self, purchase: &Value) -> Result<String, String> {
        let form = &purchase["checkout_form"];
        let request = match form["fields"].as_object() {
            Some(fields) => {
                let fields =
                    fields.iter().map(|(name, value)| (name.as_str(), value.as_str().expect("text")));
                self.elsewhere(Method::POST, form["action"].as_str().expect("an address")).form(fields)
            }
            None => self.elsewhere(Method::GET, purchase["checkout_url"].as_str().expect("an address")),
        };
        let answer = request.try_send().await?;
        let page = answer.headers.get("location").and_then(|value| value.to_str().ok());
        match page.and_then(|page| page.rsplit_once("/pay/")) {
            Some((_, id)) => Ok(id.to_owned()),
            None => Err(format!("{}: {}", answer.status, answer.text())),
        }
    }

    /// As [`TestApp::try_visit`]; panics if the gateway shows no page.
    pub async fn visit(&self, purchase: &Value) -> String {
        self.try_visit(purchase).await.unwrap_or_else(|problem| panic!("{problem}"))
    }
}
