//! A buyer who comes back from the gateway before its notification arrives.

use std::time::Duration;

use domain::payment::GatewayName;
use gateways::{Action, Faults, Method};
use serde_json::json;
use store::Limit;
use store::limit::QUARTER;

use super::Fixture;

const GATEWAYS: [GatewayName; 3] = [GatewayName::MercadoPago, GatewayName::Wompi, GatewayName::Payu];

#[tokio::test]
async fn the_gateway_is_asked_when_its_notification_is_lost() {
    for gateway in GATEWAYS {
        let house = Fixture::open(&[gateway]).await;
        let purchase = house.pay(&house.reserve().await, None).await.ok();
        let page = house.app.visit(&purchase).await;
        let simulator = house.app.simulator(gateway);
        simulator.set_faults(Faults { drop_webhooks: 100, ..Faults::default() }).expect("possible faults");
        house.app.clock.advance(Duration::from_secs(6));
        assert_eq!(house.order(&purchase).await["payments"][0]["status"], "pending", "nobody has paid");
        house.app.clock.advance(Duration::from_secs(20));
        simulator.approve(&page).expect("approved");

        let (_, before) = crate::table::order_of(&house.app, &house.ana, &purchase).await;
        let seen = house.order(&purchase).await;
        assert_eq!(
            (&seen["status"], &seen["payments"][0]["status"]),
            (&json!("awaiting_payment"), &json!("processing"))
        );
        // No second payment meanwhile, unless the buyer names a gateway.
        house.pay(&purchase, None).await.refused(409, "payment_processing");
        let (_, after) = crate::table::order_of(&house.app, &house.ana, &purchase).await;
        assert_eq!(before, after, "{gateway}: what is about to be told costs no write");

        house.app.clock.advance(Duration::from_secs(5));
        house.order(&purchase).await;
        house.app.idle().await;
        let paid = house.order(&purchase).await;
        assert_eq!(
            (&paid["status"], &paid["payments"][0]["status"]),
            (&json!("paid"), &json!("approved")),
            "{gateway}"
        );
        house.app.close().await;
    }
}

/// A gateway's page lets a buyer whose card was declined try another one.
#[tokio::test]
async fn a_payment_with_a_second_card_is_shown_instead_of_the_declined_one() {
    for gateway in GATEWAYS {
        let house = Fixture::open(&[gateway]).await;
        let purchase = house.pay(&house.reserve().await, None).await.ok();
        let page = house.app.visit(&purchase).await;
        let simulator = house.app.simulator(gateway);
        simulator.decline(&page).expect("declined");
        house.app.idle().await;
        let declined = &house.order(&purchase).await["payments"][0];
        assert_eq!((&declined["status"], &declined["if_paid"]), (&json!("declined"), &json!("tickets")));
        simulator.set_faults(Faults { drop_webhooks: 100, ..Faults::default() }).expect("possible faults");
        simulator.approve(&page).expect("approved");
        house.app.clock.advance(Duration::from_secs(6));
        assert_eq!(house.order(&purchase).await["payments"][0]["status"], "processing", "{gateway}");
        house.pay(&purchase, None).await.refused(409, "payment_processing");
        house.app.clock.advance(Duration::from_secs(5));
        house.order(&purchase).await;
        house.app.idle().await;
        let paid = house.order(&purchase).await;
        assert_eq!((&paid["status"], paid["payments"].as_array().map(Vec::len)), (&json!("paid"), Some(1)));
        house.app.close().await;
    }
}

/// The function last asked the gateway before the bank declined.
#[tokio::test]
async fn a_stale_processing_state_does_not_block_another_payment() {
    let house = Fixture::open(&[GatewayName::Wompi]).await;
    let purchase = house.pay(&house.reserve().await, None).await.ok();
    let page = house.app.visit(&purchase).await;
    let wompi = house.app.simulator(GatewayName::Wompi);
    let begun = wompi.act(&page, Action::Begin(Method::Bank)).expect("begun").payment_id;
    house.app.clock.advance(Duration::from_secs(6));
    assert_eq!(house.order(&purchase).await["payments"][0]["status"], "processing");
    wompi.decline(&begun).expect("declined");
    house.app.idle().await;
    house.app.clock.advance(Duration::from_secs(6));
    let again = house.pay(&purchase, None).await.ok();
    assert_eq!(again["payments"].as_array().map(Vec::len), Some(2), "{again}");
    house.app.close().await;
}

/// The function last asked the gateway before the buyer paid. A request to pay asks again.
#[tokio::test]
async fn a_buyer_who_has_just_paid_is_not_sent_to_pay_again() {
    let house = Fixture::open(&[GatewayName::MercadoPago]).await;
    let purchase = house.pay(&house.reserve().await, None).await.ok();
    let page = house.app.visit(&purchase).await;
    let simulator = house.app.simulator(GatewayName::MercadoPago);
    simulator.set_faults(Faults { drop_webhooks: 100, ..Faults::default() }).expect("possible faults");
    house.app.clock.advance(Duration::from_secs(6));
    assert_eq!(house.order(&purchase).await["payments"][0]["status"], "pending");
    assert_eq!(house.pay(&purchase, None).await.ok()["checkout_url"], purchase["checkout_url"]);
    simulator.approve(&page).expect("approved");
    house.app.clock.advance(Duration::from_secs(1));
    house.pay(&purchase, None).await.refused(409, "payment_processing");
    // From then on the order shows what the gateway reported.
    assert_eq!(house.order(&purchase).await["payments"][0]["status"], "processing");
    house.app.close().await;
}

#[tokio::test]
async fn asking_the_gateway_for_one_buyer_is_limited() {
    let house = Fixture::open(&[GatewayName::Wompi]).await;
    let purchase = house.pay(&house.reserve().await, None).await.ok();
    let page = house.app.visit(&purchase).await;
    let wompi = house.app.simulator(GatewayName::Wompi);
    wompi.set_faults(Faults { drop_webhooks: 100, ..Faults::default() }).expect("possible faults");
    wompi.approve(&page).expect("approved");
    house.app.clock.advance(Duration::from_secs(6));
    // Other environments of the function have used up the limit.
    let (store, _) = crate::table::order_of(&house.app, &house.ana, &purchase).await;
    let user = house.ana.id.split_once('_').expect("an id").1;
    let asked = Limit::exact("gateway-asked", 500, QUARTER).of(&[user]);
    let start = house.app.clock.now();
    while store.count_one(&asked, start).await.expect("counts") {}
    assert_eq!(house.order(&purchase).await["payments"][0]["status"], "pending");
    store.reset_counts(&[asked], start).await.expect("forgotten");
    house.app.clock.advance(Duration::from_secs(6));
    assert_eq!(house.order(&purchase).await["payments"][0]["status"], "processing");
    house.app.close().await;
}

#[tokio::test]
async fn a_payment_is_processing_until_the_bank_decides() {
    let house = Fixture::open(&[GatewayName::Wompi, GatewayName::Payu]).await;
    let purchase = house.pay(&house.reserve().await, None).await.ok();
    let page = house.app.visit(&purchase).await;
    let wompi = house.app.simulator(GatewayName::Wompi);
    let begun = wompi.act(&page, Action::Begin(Method::Bank)).expect("begun").payment_id;
    house.app.clock.advance(Duration::from_secs(6));
    for _ in 0..2 {
        let seen = house.order(&purchase).await;
        assert_eq!(
            (&seen["payments"][0]["status"], &seen["payments"][0]["if_paid"]),
            (&json!("processing"), &json!("tickets"))
        );
        house.app.clock.advance(Duration::from_secs(5));
    }
    house.pay(&purchase, None).await.refused(409, "payment_processing");
    house.app.idle().await;
    // The buyer may pay at another gateway instead; a second payment would be refunded.
    let other = house.pay(&purchase, Some(GatewayName::Payu)).await.ok();
    assert_eq!(other["payments"][1]["gateway"], "payu");

    wompi.decline(&begun).expect("declined");
    house.app.idle().await;
    assert_eq!(house.order(&purchase).await["payments"][0]["status"], "declined");
    assert_eq!(house.approve(GatewayName::Payu, &other).await["status"], "paid");
    house.app.close().await;
}

#[tokio::test]
async fn an_order_is_shown_while_its_gateway_does_not_answer() {
    let house = Fixture::open(&[GatewayName::MercadoPago]).await;
    let purchase = house.pay(&house.reserve().await, None).await.ok();
    house.app.clock.advance(Duration::from_secs(6));
    let down = Faults { read_500: 100, ..Faults::default() };
    house.app.simulator(GatewayName::MercadoPago).set_faults(down).expect("possible faults");
    let order = house.order(&purchase).await;
    assert_eq!(
        (&order["status"], &order["payments"][0]["status"]),
        (&json!("awaiting_payment"), &json!("pending"))
    );
    house.app.simulator(GatewayName::MercadoPago).set_faults(Faults::default()).expect("possible faults");
    house.app.close().await;
}
