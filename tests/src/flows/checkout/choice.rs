//! The buyer's choice of a gateway, and gateways that do not answer.

use std::time::Duration;

use domain::payment::GatewayName;
use gateways::Faults;
use serde_json::json;

use super::Fixture;

const BOTH: [GatewayName; 2] = [GatewayName::Wompi, GatewayName::Payu];

#[tokio::test]
async fn the_buyer_may_choose_a_gateway_and_change_it() {
    let house = Fixture::open(&BOTH).await;
    let reservation = house.reserve().await;
    let wompi = house.pay(&reservation, None).await.ok();
    assert_eq!(wompi["payments"][0]["gateway"], "wompi");
    let payu = house.pay(&reservation, Some(GatewayName::Payu)).await.ok();
    let payments = payu["payments"].as_array().expect("payments");
    let states: Vec<_> = payments.iter().map(|payment| (&payment["gateway"], &payment["status"])).collect();
    let pending = json!("pending");
    assert_eq!(states, [(&json!("wompi"), &pending), (&json!("payu"), &pending)]);

    // Each open payment is found again; without a choice, the last one.
    let again = house.pay(&reservation, Some(GatewayName::Wompi)).await.ok();
    assert_eq!((&again["checkout_url"], payments.len()), (&wompi["checkout_url"], 2));
    let again = house.pay(&reservation, None).await.ok();
    assert_eq!(again["checkout_url"], payu["checkout_url"]);
    let problem =
        house.pay(&reservation, Some(GatewayName::MercadoPago)).await.refused(409, "payment_gateway_missing");
    assert_eq!(problem["alternatives"], json!([{"gateway": "wompi"}, {"gateway": "payu"}]));
    house.pay(&reservation, Some(GatewayName::Sandbox)).await.refused(409, "payment_gateway_missing");
    assert_eq!(house.order(&reservation).await["payments"].as_array().map(Vec::len), Some(2));

    // If the buyer pays both, one is refunded.
    let paid = house.approve(GatewayName::Payu, &payu).await;
    assert_eq!(paid["status"], "paid");
    let twice = house.approve(GatewayName::Wompi, &wompi).await;
    assert_eq!((&twice["status"], &twice["refunded"]), (&json!("paid"), &json!(100_000)), "{twice}");
    assert_eq!(twice["payments"][0]["refund"]["state"], "done", "{twice}");
    house.app.close().await;
}

#[tokio::test]
async fn while_a_gateway_is_down_the_others_are_offered_and_nothing_is_written() {
    let house = Fixture::open(&BOTH).await;
    let down = Faults { read_500: 100, ..Faults::default() };
    let reservation = house.reserve().await;
    house.app.simulator(GatewayName::Wompi).set_faults(down).expect("possible faults");
    let problem = house.pay(&reservation, None).await.refused(503, "payment_gateway_unavailable");
    assert_eq!(problem["alternatives"], json!([{"gateway": "payu"}]));
    let order = house.order(&reservation).await;
    assert_eq!((&order["status"], &order["payments"]), (&json!("held"), &json!([])));
    assert!(house.app.simulator(GatewayName::Wompi).purchases().expect("purchases").is_empty());

    let payu = house.pay(&reservation, Some(GatewayName::Payu)).await.ok();
    assert_eq!(house.approve(GatewayName::Payu, &payu).await["status"], "paid");

    let other = house.reserve().await;
    house.app.clock.advance(Duration::from_secs(120));
    house.app.simulator(GatewayName::Payu).set_faults(down).expect("possible faults");
    for gateway in [None, Some(GatewayName::Payu)] {
        let problem = house.pay(&other, gateway).await.refused(503, "payment_gateway_unavailable");
        assert_eq!(problem["alternatives"], json!([]));
    }
    house.app.simulator(GatewayName::Wompi).set_faults(Faults::default()).expect("possible faults");
    house.app.clock.advance(Duration::from_secs(120));
    let wompi = house.pay(&other, None).await.ok();
    assert_eq!(wompi["payments"][0]["gateway"], "wompi");
    house.app.close().await;
}

#[tokio::test]
async fn an_open_payment_is_not_continued_while_its_gateway_is_down() {
    let house = Fixture::open(&[GatewayName::MercadoPago, GatewayName::Payu]).await;
    let reservation = house.reserve().await;
    let first = house.pay(&reservation, None).await.ok();
    house.app.clock.advance(Duration::from_secs(60));
    let down = Faults { read_500: 100, create_500: 100, ..Faults::default() };
    house.app.simulator(GatewayName::MercadoPago).set_faults(down).expect("possible faults");
    let problem = house.pay(&reservation, None).await.refused(503, "payment_gateway_unavailable");
    assert_eq!(problem["alternatives"], json!([{"gateway": "payu"}]));
    house.app.simulator(GatewayName::MercadoPago).set_faults(Faults::default()).expect("possible faults");
    house.app.clock.advance(Duration::from_secs(60));
    let again = house.pay(&reservation, None).await.ok();
    assert_eq!(first["checkout_url"], again["checkout_url"]);
    house.app.close().await;
}
