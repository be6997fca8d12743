//! Refunds of some tickets or all, by the organiser.

use serde_json::{Value, json};
use testkit::TestApp;

#[tokio::test]
async fn a_refunded_tickets_place_is_for_sale_and_its_money_back_once() {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let stranger = app.organizer("otra").await;
    let show = app.show(&organizer, "Los Faroles", 2, 50_001).await;
    let ana = app.somebody("ana").await;
    let bought = app.buy(&ana.token, &show.id, json!({"area_id": show.area, "quantity": 2})).await;
    let path = format!("/api/v1/purchases/{}/refund", bought["id"].as_str().expect("an id"));
    let one = json!({"event_id": show.id, "tickets": [bought["tickets"][0]["id"]]});

    app.post(&path).token(&ana.token).json(one.clone()).refused(403, "role_required").await;
    app.post(&path).token(&stranger.token).json(one.clone()).refused(404, "purchase_not_found").await;
    let refunded = app.post(&path).token(&organizer.token).json(one.clone()).ok().await;
    assert_eq!(refunded["status"], "partly_refunded");
    assert_eq!(
        (&refunded["total_formatted"], &refunded["refund_due_formatted"]),
        (&json!("COP 100.002"), &json!("COP 50.001"))
    );
    app.idle().await;
    app.post(&path).token(&organizer.token).json(one).ok().await;
    app.idle().await;
    let order = order(&app, &ana.token, &bought).await;
    assert_eq!(order["refunded"], 50_001, "once: {order}");
    assert_eq!(left(&app, &show.slug, &show.area).await, 1);

    app.post(&path).token(&organizer.token).json(json!({"event_id": show.id})).ok().await;
    app.idle().await;
    let order = self::order(&app, &ana.token, &bought).await;
    assert_eq!((&order["status"], &order["refunded"]), (&json!("refunded"), &json!(100_002)));
    assert_eq!(left(&app, &show.slug, &show.area).await, 2);
    app.close().await;
}

async fn order(app: &TestApp, token: &str, purchase: &Value) -> Value {
    app.get(format!("/api/v1/purchases/{}", purchase["id"].as_str().expect("an id"))).token(token).ok().await
}

async fn left(app: &TestApp, slug: &str, area: &str) -> u64 {
    app.clock.advance(std::time::Duration::from_secs(5));
    let availability = app.get(format!("/api/v1/public/events/{slug}/areas/{area}/availability")).ok().await;
    availability["left"].as_u64().expect("a number")
}
