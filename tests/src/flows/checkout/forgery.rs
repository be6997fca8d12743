//! PayU confirmations that a buyer forges: PayU signs none of its ids, and shows every buyer a
//! signature that stays valid.

use std::collections::BTreeMap;

use domain::payment::GatewayName;
use reqwest::{Method, Url};
use serde_json::{Value, json};

use super::{Fixture, address};

/// The parameters that PayU adds to the address to which the buyer returns.
type Shown = BTreeMap<String, String>;

impl Fixture {
    /// The buyer presses `button` on PayU's page and returns.
    async fn go_back(&self, page: &str, button: &str) -> Shown {
        let url = format!("{}/pay/{page}/{button}", self.app.simulator(GatewayName::Payu).url());
        let answer = self.app.elsewhere(Method::POST, &url).send().await;
        let back: Url = answer.header("location").parse().expect("an address");
        self.app.idle().await;
        back.query_pairs().into_owned().collect()
    }

    /// The buyer forges a confirmation from these parameters, for another transaction.
    async fn confirm(&self, shown: &Shown, transaction: &str) {
        let names = [
            ("merchant_id", "merchantId"),
            ("reference_sale", "referenceCode"),
            ("value", "TX_VALUE"),
            ("currency", "currency"),
            ("state_pol", "transactionState"),
            ("sign", "signature"),
            ("reference_pol", "reference_pol"),
        ];
        let fields = names.map(|(field, parameter)| (field, shown[parameter].as_str()));
        let fields = fields.into_iter().chain([("transaction_id", transaction)]);
        let answer = self.app.post(address(&self.accounts[0])).form(fields).send().await;
        assert_eq!((answer.status, answer.text()), (200, String::new()), "its signature fits");
        self.app.idle().await;
    }
}

fn payment_id(order: &Value) -> &str {
    order["payments"][0]["payment_gateway_transaction_id"].as_str().expect("an id")
}

#[tokio::test]
async fn a_cheap_payment_does_not_pay_for_an_expensive_order() {
    let house = Fixture::open(&[GatewayName::Payu]).await;
    let cheap = house.app.show(&house.organizer, "Los Grillos", 20, 1_000).await;
    let line = json!({"area_id": cheap.area, "quantity": 1});
    let reservation = house.app.reserve(&house.ana.token, &cheap.id, line).await;
    let purchase = house.pay(&reservation, None).await.ok();
    let paid = house.approve(GatewayName::Payu, &purchase).await;
    assert_eq!(paid["status"], "paid", "{paid}");
    let (_, approved) = payment_id(&paid).split_once('_').expect("an order and a transaction");

    // An order of a hundred times the price is declined, and PayU signs the decline.
    let purchase = house.pay(&house.reserve().await, None).await.ok();
    let page = house.app.visit(&purchase).await;
    let shown = house.go_back(&page, "leave").await;
    let declined = house.order(&purchase).await;
    assert_eq!(declined["payments"][0]["status"], "declined", "{declined}");
    for _ in 0..2 {
        house.confirm(&shown, approved).await;
        let order = house.order(&purchase).await;
        assert_eq!(order, declined);
        assert_eq!((&order["status"], &order["tickets"]), (&json!("awaiting_payment"), &json!([])));
    }

    // A real payment still gets its tickets.
    let paid = house.approve(GatewayName::Payu, &purchase).await;
    assert_eq!((&paid["status"], paid["tickets"].as_array().map(Vec::len)), (&json!("paid"), Some(2)));
    house.app.close().await;
}

#[tokio::test]
async fn a_refund_is_not_mistaken_for_a_payment_and_refunded_again() {
    let house = Fixture::open(&[GatewayName::Payu]).await;
    let purchase = house.pay(&house.reserve().await, None).await.ok();
    let page = house.app.visit(&purchase).await;
    let shown = house.go_back(&page, "approve").await;
    let paid = house.order(&purchase).await;
    assert_eq!(paid["status"], "paid", "{paid}");
    let simulator = house.app.simulator(GatewayName::Payu);
    let refunded = simulator.refund_at_gateway(payment_id(&paid), None).expect("given back");

    // The forged confirmation only makes us ask PayU, which reports the refund.
    house.confirm(&shown, &refunded.refunds[0].id).await;
    let order = house.order(&purchase).await;
    assert_eq!((&order["status"], &order["refunded"]), (&json!("refunded"), &json!(100_000)), "{order}");
    assert_eq!(order["payments"].as_array().map(Vec::len), Some(1), "{order}");
    assert_eq!(order["payments"][0]["refund_due"], 0, "{order}");
    house.app.close().await;
}
