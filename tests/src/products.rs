//! Products to sell, and orders that have some.

use serde_json::{Value, json};
use testkit::{Organizer, TestApp};

use crate::flows::purchase::read_qr;

/// A drink that is sold at all shows of the organiser, with and without a ticket. Returns the id of its
/// variant.
pub(crate) async fn drink(app: &TestApp, organizer: &Organizer, stock: u64, price: i64) -> String {
    let new = json!({
        "name": "Cerveza", "kind": "drink", "needs_ticket": false, "max_per_order": 20,
        "variants": [{"name": "500 ml", "price": price, "stock": stock}],
    });
    let made = app.post("/api/v1/products").token(&organizer.token).json(new).ok().await;
    made["variants"][0]["id"].as_str().expect("an id").to_owned()
}

/// Quotes and reserves a line and an extra; without a line, the extra alone. Returns the reservation.
pub(crate) async fn reserve_with(
    app: &TestApp,
    token: &str,
    event: &str,
    line: impl Into<Option<Value>>,
    extra: Value,
) -> Value {
    let lines: Vec<Value> = line.into().into_iter().collect();
    let quote = json!({"event_id": event, "lines": lines, "extras": [extra]});
    let quote = app.post("/api/v1/public/quotes").json(quote).ok().await;
    app.accepting(json!({"quote": quote["quote"]}), |request| request.token(token)).await
}

/// Buys a line and an extra at the sandbox; without a line, the extra alone. Returns the paid order.
pub(crate) async fn buy_with(
    app: &TestApp,
    token: &str,
    event: &str,
    line: impl Into<Option<Value>>,
    extra: Value,
) -> Value {
    let reservation = reserve_with(app, token, event, line, extra).await;
    let pay = app.post("/api/v1/purchases").token(token).json(json!({"reservation_id": reservation["id"]}));
    let purchase = pay.ok().await;
    if purchase["checkout_url"].is_string() {
        app.approve(&purchase).await;
    }
    app.idle().await;
    let id = purchase["id"].as_str().expect("an id");
    app.get(format!("/api/v1/purchases/{id}")).token(token).ok().await
}

/// The units that are left of the first variant of the organiser's first product of all shows.
pub(crate) async fn left(app: &TestApp, token: &str) -> u64 {
    let products = app.get("/api/v1/products").token(token).ok().await;
    products["items"][0]["variants"][0]["remaining"].as_u64().expect("a number")
}

/// The text of a voucher's QR code, as a scanner reads it from the picture.
pub(crate) async fn voucher_code(app: &TestApp, token: &str, voucher: &Value) -> String {
    let id = voucher["id"].as_str().expect("an id");
    let png = app.get(format!("/api/v1/qr/{id}?format=png&size=800")).token(token).send().await;
    assert_eq!(png.status, 200, "{}", png.text());
    read_qr(&png.body)
}
