//! Buying at each gateway, from the checkout to the tickets.

use domain::payment::GatewayName;
use serde_json::{Value, json};

use super::Fixture;

/// Checks that an answer to a buyer does not name the organiser's account.
fn tells_nothing_of_the_account(house: &Fixture, answer: &Value) {
    let account = house.accounts[0].id.to_string();
    let mut answer = answer.clone();
    // Gateways must know our notification address, and PayU gets it from the buyer's browser.
    for address in ["checkout_url", "checkout_form"] {
        answer.as_object_mut().expect("an object").remove(address);
    }
    assert!(!answer.to_string().contains(&account), "{answer}");
}

async fn bought_at(gateway: GatewayName) {
    let house = Fixture::open(&[gateway]).await;
    let purchase = house.pay(&house.reserve().await, None).await.ok();
    assert_eq!(purchase["status"], "awaiting_payment");
    assert_eq!(purchase["payments"][0]["gateway"], gateway.as_str());
    assert_eq!(purchase["checkout_form"].is_object(), gateway == GatewayName::Payu, "{purchase}");
    tells_nothing_of_the_account(&house, &purchase);

    let paid = house.approve(gateway, &purchase).await;
    assert_eq!(paid["status"], "paid", "{paid}");
    assert!(paid["mailed_at"].is_string(), "{paid}");
    assert!(paid["payments"][0]["payment_gateway_transaction_id"].is_string(), "{paid}");
    assert!(paid["payments"][0].get("refund").is_none(), "{paid}");
    tells_nothing_of_the_account(&house, &paid);
    house.pay(&purchase, None).await.refused(409, "already_paid");
    house.app.close().await;
}

#[tokio::test]
async fn tickets_are_bought_at_mercado_pago() {
    bought_at(GatewayName::MercadoPago).await;
}

#[tokio::test]
async fn tickets_are_bought_at_wompi() {
    bought_at(GatewayName::Wompi).await;
}

#[tokio::test]
async fn tickets_are_bought_at_payu() {
    bought_at(GatewayName::Payu).await;
}

#[tokio::test]
async fn a_second_request_to_pay_returns_the_same_payment() {
    for gateway in [GatewayName::MercadoPago, GatewayName::Wompi, GatewayName::Payu] {
        let house = Fixture::open(&[gateway]).await;
        let reservation = house.reserve().await;
        let first = house.pay(&reservation, None).await.ok();
        house.app.clock.advance(std::time::Duration::from_secs(40));
        let second = house.pay(&reservation, Some(gateway)).await.ok();
        assert_eq!(first["checkout_url"], second["checkout_url"], "{gateway}");
        assert_eq!(second["payments"].as_array().map(Vec::len), Some(1), "{gateway}");
        let pages = [house.app.visit(&first).await, house.app.visit(&second).await];
        assert_eq!(pages[0], pages[1], "{gateway}");
        let simulator = house.app.simulator(gateway);
        assert_eq!(simulator.purchases().expect("purchases").len(), 1, "{gateway}");
        house.approve(gateway, &second).await;
        house.app.close().await;
    }
}

#[tokio::test]
async fn a_declined_payment_is_tried_again_at_the_gateway() {
    let house = Fixture::open(&[GatewayName::MercadoPago]).await;
    let reservation = house.reserve().await;
    let first = house.pay(&reservation, None).await.ok();
    let page = house.app.visit(&first).await;
    house.app.simulator(GatewayName::MercadoPago).decline(&page).expect("declined");
    house.app.idle().await;
    assert_eq!(house.order(&first).await["payments"][0]["status"], "declined");
    let second = house.pay(&reservation, None).await.ok();
    assert_ne!(first["checkout_url"], second["checkout_url"]);
    let paid = house.approve(GatewayName::MercadoPago, &second).await;
    let states: Vec<_> =
        paid["payments"].as_array().expect("payments").iter().map(|p| &p["status"]).collect();
    assert_eq!((&paid["status"], states), (&json!("paid"), vec![&json!("declined"), &json!("approved")]));
    house.app.close().await;
}

#[tokio::test]
async fn an_order_shows_the_buyer_a_refund_by_hand() {
    let house = Fixture::open(&[GatewayName::Wompi]).await;
    let purchase = house.pay(&house.reserve().await, None).await.ok();
    let paid = house.approve(GatewayName::Wompi, &purchase).await;
    // Wompi voids a whole payment or nothing.
    let tickets = json!([paid["tickets"][0]["id"]]);
    let body = json!({"event_id": house.show.id, "tickets": tickets});
    let path = format!("/api/v1/purchases/{}/refund", paid["id"].as_str().expect("an id"));
    house.app.post(path).token(&house.organizer.token).json(body).ok().await;
    house.app.idle().await;
    let order = house.order(&paid).await;
    let refund = &order["payments"][0]["refund"];
    assert_eq!((&refund["state"], &refund["amount"]), (&json!("by_hand"), &json!(50_000)), "{order}");
    assert!(refund["since"].is_string(), "{order}");
    assert_eq!((&order["status"], &order["refunded"]), (&json!("partly_refunded"), &json!(0)));
    house.app.close().await;
}

/// Mercado Pago takes no centavos of COP, and a price must not depend on the gateway.
#[tokio::test]
async fn a_price_with_centavos_is_rounded_before_it_is_shown() {
    for gateway in [GatewayName::MercadoPago, GatewayName::Wompi] {
        let house = Fixture::open(&[gateway]).await;
        let show = house.app.show(&house.organizer, "La Calesita", 10, 1).await;
        let area = format!("/api/v1/events/{}/areas/{}", show.id, show.area);
        house.app.patch(area).token(&house.organizer.token).json(json!({"price": "87830.50"})).ok().await;
        // Other functions may have the old price cached for some seconds.
        house.app.clock.advance(std::time::Duration::from_secs(5));
        let quote = house.app.quote(&show.id, json!({"area_id": show.area, "quantity": 3})).await;
        assert_eq!(quote["totals"]["total"], 3 * 87_831, "{quote}");
        let areas = house.app.get(format!("/api/v1/public/events/{}/areas", show.slug)).ok().await;
        assert!(areas.to_string().contains("87831"), "{areas}");
        let reservation = json!({"quote": quote["quote"]});
        let held =
            house.app.post("/api/v1/reservations").token(&house.ana.token).json(reservation).ok().await;
        let purchase = house.pay(&held, None).await.ok();
        let paid = house.approve(gateway, &purchase).await;
        assert_eq!(
            (&paid["status"], &paid["total"]),
            (&json!("paid"), &json!(3 * 87_831)),
            "{gateway}: {paid}"
        );
        house.app.close().await;
    }
}
