//! Cancelling a reservation whose payment was started.

use domain::payment::GatewayName;
use gateways::{Action, Faults, Method};
use serde_json::{Value, json};

use super::Fixture;

impl Fixture {
    async fn cancel(&self, purchase: &Value) -> Value {
        let path = format!("/api/v1/reservations/{}", purchase["id"].as_str().expect("an id"));
        self.app.delete(path).token(&self.ana.token).ok().await
    }
}

#[tokio::test]
async fn cancelling_a_reservation_cancels_its_payment_at_mercado_pago() {
    let house = Fixture::open(&[GatewayName::MercadoPago]).await;
    let purchase = house.pay(&house.reserve().await, None).await.ok();
    let page = house.app.visit(&purchase).await;
    let gateway = house.app.simulator(GatewayName::MercadoPago);
    // A payment that the bank has yet to decide.
    let begun = gateway.act(&page, Action::Begin(Method::Bank)).expect("begun").payment_id;
    house.app.idle().await;
    assert_eq!(house.order(&purchase).await["payments"][0]["status"], "processing");
    for _ in 0..2 {
        let cancelled = house.cancel(&purchase).await;
        assert_eq!(
            (&cancelled["status"], &cancelled["payments"][0]["status"]),
            (&json!("released"), &json!("declined"))
        );
        assert!(cancelled["payments"][0].get("if_paid").is_none(), "{cancelled}");
    }
    gateway.approve(&begun).expect_err("cancelled");
    gateway.approve(&page).expect_err("nobody can pay any more");
    house.app.idle().await;
    assert_eq!(house.order(&purchase).await["payments"][0]["status"], "declined");
    house.app.close().await;
}

#[tokio::test]
async fn where_a_payment_cannot_be_cancelled_the_buyer_reads_what_paying_does() {
    for (gateway, ends) in [(GatewayName::Wompi, true), (GatewayName::Payu, false)] {
        let house = Fixture::open(&[gateway]).await;
        let purchase = house.pay(&house.reserve().await, None).await.ok();
        assert_eq!(purchase["payments"][0]["if_paid"], "tickets");
        let page = house.app.visit(&purchase).await;
        let cancelled = house.cancel(&purchase).await;
        let payment = &cancelled["payments"][0];
        assert_eq!(
            (&payment["status"], &payment["if_paid"]),
            (&json!("pending"), &json!("refund")),
            "{cancelled}"
        );
        assert_eq!(payment["pay_until"].is_string(), ends, "{cancelled}");
        // A payment after the cancellation is refunded, although the places are free.
        house.app.simulator(gateway).approve(&page).expect("approved");
        house.app.idle().await;
        let order = house.order(&purchase).await;
        assert_eq!(
            (&order["status"], &order["tickets"]),
            (&json!("refund_due"), &json!([])),
            "{gateway}: {order}"
        );
        assert_eq!(order["payments"][0]["unused_because"], "cancelled", "{gateway}: {order}");
        house.app.close().await;
    }
}

/// A page that declined one card would accept another, so the page is closed if the gateway
/// can do that; otherwise the answer says what paying there would do.
#[tokio::test]
async fn after_a_declined_card_the_page_is_closed_or_reported_as_open() {
    for (gateway, closes) in
        [(GatewayName::MercadoPago, true), (GatewayName::Wompi, false), (GatewayName::Payu, false)]
    {
        let house = Fixture::open(&[gateway]).await;
        let purchase = house.pay(&house.reserve().await, None).await.ok();
        let page = house.app.visit(&purchase).await;
        let simulator = house.app.simulator(gateway);
        simulator.decline(&page).expect("declined");
        house.app.idle().await;
        let cancelled = house.cancel(&purchase).await;
        let payment = &cancelled["payments"][0];
        assert_eq!((&cancelled["status"], &payment["status"]), (&json!("released"), &json!("declined")));
        let told = (payment["if_paid"].as_str(), payment["pay_until"].is_string());
        let expected = if closes { (None, false) } else { (Some("refund"), gateway == GatewayName::Wompi) };
        assert_eq!(told, expected, "{gateway}: {cancelled}");
        if closes {
            simulator.approve(&page).expect_err("closed");
        } else {
            simulator.approve(&page).expect("approved");
            house.app.idle().await;
            assert_eq!(house.order(&purchase).await["status"], "refund_due", "{gateway}");
        }
        house.app.close().await;
    }
}

#[tokio::test]
async fn an_order_paid_with_a_second_card_is_not_cancelled_without_a_notification() {
    let house = Fixture::open(&[GatewayName::MercadoPago]).await;
    let purchase = house.pay(&house.reserve().await, None).await.ok();
    let page = house.app.visit(&purchase).await;
    let gateway = house.app.simulator(GatewayName::MercadoPago);
    gateway.decline(&page).expect("declined");
    house.app.idle().await;
    gateway.set_faults(Faults { drop_webhooks: 100, ..Faults::default() }).expect("possible faults");
    gateway.approve(&page).expect("approved");
    let path = format!("/api/v1/reservations/{}", purchase["id"].as_str().expect("an id"));
    house.app.delete(path).token(&house.ana.token).refused(409, "already_paid").await;
    house.app.idle().await;
    assert_eq!(house.order(&purchase).await["status"], "paid");
    house.app.close().await;
}

#[tokio::test]
async fn a_reservation_can_be_cancelled_while_the_gateway_is_down() {
    let house = Fixture::open(&[GatewayName::MercadoPago]).await;
    let purchase = house.pay(&house.reserve().await, None).await.ok();
    let down = Faults { read_500: 100, refund_500: 100, ..Faults::default() };
    house.app.simulator(GatewayName::MercadoPago).set_faults(down).expect("possible faults");
    let cancelled = house.cancel(&purchase).await;
    assert_eq!(
        (&cancelled["status"], &cancelled["payments"][0]["if_paid"]),
        (&json!("released"), &json!("refund"))
    );
    house.app.simulator(GatewayName::MercadoPago).set_faults(Faults::default()).expect("possible faults");
    house.app.close().await;
}

/// Otherwise a buyer who pays, and cancels before the notification, gets a refund to which the
/// organiser did not agree.
#[tokio::test]
async fn a_paid_order_is_not_cancelled_without_a_notification() {
    let house = Fixture::open(&[GatewayName::MercadoPago]).await;
    let purchase = house.pay(&house.reserve().await, None).await.ok();
    let page = house.app.visit(&purchase).await;
    let gateway = house.app.simulator(GatewayName::MercadoPago);
    gateway.set_faults(Faults { drop_webhooks: 100, ..Faults::default() }).expect("possible faults");
    gateway.approve(&page).expect("approved");
    let path = format!("/api/v1/reservations/{}", purchase["id"].as_str().expect("an id"));
    house.app.delete(path).token(&house.ana.token).refused(409, "already_paid").await;
    house.app.idle().await;
    assert_eq!(house.order(&purchase).await["status"], "paid", "and the tickets come at once");
    house.app.close().await;
}

#[tokio::test]
async fn a_cancelled_order_cannot_be_paid_at_the_sandbox() {
    let house = Fixture::open(&[]).await;
    let purchase = house.pay(&house.reserve().await, None).await.ok();
    let cancelled = house.cancel(&purchase).await;
    assert_eq!(cancelled["payments"][0]["status"], "declined", "{cancelled}");
    let payment = purchase["payments"][0]["payment_gateway_transaction_id"].as_str().expect("an id");
    house.app.cloud.sandbox().approve(payment).expect_err("cancelled");
    house.app.close().await;
}
