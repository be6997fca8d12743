//! Payments at the organiser's own gateway accounts, and the gateways' notifications.

mod cancelling;
mod choice;
mod forgery;
mod notifications;
mod pages;
mod returning_buyer;
mod ways;

use domain::gateway_account::GatewayAccount;
use domain::payment::GatewayName;
use serde_json::{Value, json};
use testkit::{Answer, Organizer, Show, TestApp, TestUser};

/// The path and query to which a gateway sends notifications about an account.
pub(crate) fn address(account: &GatewayAccount) -> String {
    let GatewayAccount { id, tenant_id, gateway, .. } = account;
    format!("/api/v1/webhooks/{gateway}?tenant={tenant_id}&account={id}")
}

/// A show of an organiser with gateway accounts of its own, and Ana, who buys.
struct Fixture {
    app: TestApp,
    organizer: Organizer,
    accounts: Vec<GatewayAccount>,
    show: Show,
    ana: TestUser,
}

impl Fixture {
    /// Opens a box office whose organiser has accounts at these gateways, preferred first.
    async fn open(gateways: &[GatewayName]) -> Self {
        let app = TestApp::start().await;
        let organizer = app.organizer("organiza").await;
        let mut accounts = Vec::new();
        for (position, gateway) in (0..).zip(gateways) {
            accounts.push(app.connect(&organizer, *gateway, position).await);
        }
        let show = app.show(&organizer, "Los Faroles", 20, 50_000).await;
        let ana = app.somebody("ana").await;
        Self { app, organizer, accounts, show, ana }
    }

    async fn reserve(&self) -> Value {
        let places = json!({"area_id": self.show.area, "quantity": 2});
        self.app.reserve(&self.ana.token, &self.show.id, places).await
    }

    /// Starts a payment of a reservation; at the organiser's first gateway if none is named.
    async fn pay(&self, reservation: &Value, gateway: Option<GatewayName>) -> Answer {
        let mut body = json!({"reservation_id": reservation["id"]});
        if let Some(gateway) = gateway {
            body["gateway"] = gateway.as_str().into();
        }
        self.app.post("/api/v1/purchases").token(&self.ana.token).json(body).send().await
    }

    async fn order(&self, purchase: &Value) -> Value {
        let path = format!("/api/v1/purchases/{}", purchase["id"].as_str().expect("an id"));
        self.app.get(path).token(&self.ana.token).ok().await
    }

    /// The buyer pays on the page to which this answer leads, and the messages that follow
    /// arrive. Returns the order.
    async fn approve(&self, gateway: GatewayName, purchase: &Value) -> Value {
        let page = self.app.visit(purchase).await;
        self.app.simulator(gateway).approve(&page).expect("approved");
        self.app.idle().await;
        self.order(purchase).await
    }
}
