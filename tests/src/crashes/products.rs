//! Functions die while a product is made, changed or reserved: no unit is lost, and none is sold twice.

use serde_json::{Value, json};
use testkit::{Organizer, TestApp, TestUser};

use super::{at_each_write, minutes_pass};
use crate::products::{drink, left};

const STOCK: u64 = 120;

async fn again(app: &TestApp, organizer: &Organizer) -> TestUser {
    app.sign_in(&organizer.person.email, Some(&organizer.tenant)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reservation_has_its_drinks_once() {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.show(&organizer, "Los Faroles", 500, 50_000).await;
    let ana = app.somebody("ana").await;
    let variant = drink(&app, &organizer, STOCK, 8_000).await;
    // The places, the drinks, the order.
    at_each_write("purchases", 3, async |death| {
        let ana = app.sign_in(&ana.email, None).await;
        let quote = json!({
            "event_id": show.id, "lines": [{"area_id": show.area, "quantity": 2}],
            "extras": [{"variant_id": variant, "quantity": 2}],
        });
        let quote = app.post("/api/v1/public/quotes").json(quote).ok().await;
        let reserve =
            || app.post("/api/v1/reservations").token(&ana.token).json(json!({"quote": quote["quote"]}));
        let (has_struck, answer) = death.send(&app, reserve).await;
        let order = answer.ok();
        let token = again(&app, &organizer).await.token;
        assert_eq!(left(&app, &token).await, STOCK - 2, "{death:?}: {order}");
        let path = format!("/api/v1/reservations/{}", order["id"].as_str().expect("an id"));
        app.delete(path).token(&ana.token).ok().await;
        assert_eq!(left(&app, &token).await, STOCK, "{death:?}");
        has_struck
    })
    .await;
    app.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_product_is_made_whole() {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let made = std::cell::Cell::new(0_usize);
    at_each_write("pricing", 3, async |death| {
        let token = again(&app, &organizer).await.token;
        let new = json!({"name": "Camiseta", "kind": "merchandise", "variants": [
            {"name": "M", "price": 45_000, "stock": STOCK}, {"name": "L", "price": 45_000, "stock": 5},
        ]});
        let key = format!("producto-{}-{:?}", death.nth, death.mishap);
        let create =
            || app.post("/api/v1/products").token(&token).header("idempotency-key", &key).json(new.clone());
        let (has_struck, answer) = death.send(&app, create).await;
        let product = answer.ok();
        made.set(made.get() + 1);
        let of = |name: &str| {
            let variants = product["variants"].as_array().expect("variants");
            variants.iter().find(|variant| variant["name"] == name).expect("a size")["remaining"].clone()
        };
        assert_eq!([of("M"), of("L")], [json!(STOCK), json!(5)], "{death:?}: {product}");
        let token = again(&app, &organizer).await.token;
        let listed = app.get("/api/v1/products").token(&token).ok().await;
        assert_eq!(listed["items"].as_array().map(Vec::len), Some(made.get()), "{death:?}: once");
        has_struck
    })
    .await;
    app.close().await;
}

/// A change that died between the stock and its item is set right by the next change.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stock_and_its_item_agree_after_the_next_change() {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    drink(&app, &organizer, STOCK, 8_000).await;
    at_each_write("pricing", 2, async |death| {
        let token = again(&app, &organizer).await.token;
        let product = app.get("/api/v1/products").token(&token).ok().await["items"][0].clone();
        let variant = &product["variants"][0];
        let path = format!("/api/v1/products/{}/variants/{}", text(&product["id"]), text(&variant["id"]));
        let stock = if variant["stock"] == STOCK { 30 } else { STOCK };
        let ambush = death.lurk(&app);
        app.patch(&path).token(&token).json(json!({"stock": stock})).send().await;
        let has_struck = ambush.has_struck();
        drop(ambush);
        // Longer than the dead request's lease.
        minutes_pass(&app, 2).await;
        let token = again(&app, &organizer).await.token;
        let after = app.patch(&path).token(&token).json(json!({"price": 9_000})).ok().await;
        assert_eq!(after["stock"], after["remaining"], "{death:?}: nothing was sold: {after}");
        has_struck
    })
    .await;
    app.close().await;
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}
