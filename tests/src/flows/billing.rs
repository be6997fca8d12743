//! Who an invoice is for, and what the organiser's own systems keep with an order.

use domain::{OrderId, UserId};
use serde_json::{Value, json};
use testkit::{Request, Show, TestApp};

use crate::table::{fingerprints, table_of};

const ANA: &str = "ana@example.com";

async fn box_office() -> (TestApp, testkit::Organizer, Show) {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.show(&organizer, "Los Faroles", 100, 50_000).await;
    (app, organizer, show)
}

fn place(show: &Show) -> Value {
    json!({"area_id": show.area, "quantity": 1})
}

fn billing(city: &str) -> Value {
    json!({
        "name": "Ana Ríos S.A.S.", "id_kind": "nit", "id_number": "890.903.938-8", "address": "Calle Inventada 12",
        "city": city, "country": "CO", "email": "cuentas@example.com",
    })
}

fn path(order: &Value) -> String {
    format!("/api/v1/purchases/{}/billing", order["id"].as_str().expect("an id"))
}

/// Ends the changes of a guest's billing data, as the making of an invoice will.
async fn invoice(app: &TestApp, email: &str, order: &Value) {
    let user: UserId = fingerprints(app).guest(&email.parse().expect("an address"));
    let order: OrderId = order["id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
    let locked = table_of(app, "purchases").lock_billing(user, order, app.clock.now()).await;
    assert!(locked.expect("locked").is_some());
}

#[tokio::test]
async fn a_buyer_says_who_the_invoice_is_for_until_it_is_made() {
    let (app, _, show) = box_office().await;
    let (order, link) = app.buy_as_guest(ANA, &show.id, place(&show)).await;
    let path = path(&order);
    app.get(&path).link(&link).refused(404, "billing_not_found").await;
    let put = |body: Value| app.put(&path).link(&link).json(body);
    let first = put(billing("Bogotá")).ok().await;
    assert_eq!(
        (&first["id_number"], &first["version"], &first["editable"]),
        (&json!("8909039388"), &json!(1), &json!(true))
    );
    assert_eq!(put(billing("Bogotá")).ok().await["version"], 1, "nothing changed");
    let mut based = billing("Cali");
    based["version"] = json!(1);
    assert_eq!(put(based.clone()).ok().await["version"], 2);
    put(based).refused(409, "changed_meanwhile").await;
    assert_eq!(app.get(&path).link(&link).ok().await["city"], "Cali");

    let wrong = |name: &str, value: Value| {
        let mut body = billing("Cali");
        body[name] = value;
        put(body)
    };
    for (name, value, pointer) in [
        ("id_number", json!("890.903.938-7"), "/id_number"),
        ("id_kind", json!("rut"), "/id_kind"),
        ("id_number", json!("CC 1020304050"), "/id_number"),
    ] {
        let refused = wrong(name, value.clone()).refused(422, "refused_fields").await;
        assert_eq!(refused["errors"][0]["pointer"], pointer, "{name} {value}");
    }
    wrong("country", json!("Colombia")).refused(400, "invalid_fields").await;

    let stranger = app.confirmed("beto").await;
    app.get(&path).token(&stranger.token).refused(404, "reservation_not_found").await;
    invoice(&app, ANA, &order).await;
    put(billing("Pasto")).refused(409, "billing_locked").await;
    let kept = app.get(&path).link(&link).ok().await;
    assert_eq!((&kept["city"], &kept["editable"]), (&json!("Cali"), &json!(false)));
    app.close().await;
}

#[tokio::test]
async fn a_payment_brings_the_data_and_the_next_order_is_offered_them() {
    let (app, _, show) = box_office().await;
    let ana = app.somebody("ana").await;
    let first = app.reserve(&ana.token, &show.id, place(&show)).await;
    let pay = |order: &Value, billing: Value| {
        let body = json!({"reservation_id": order["id"], "billing": billing});
        app.post("/api/v1/purchases").token(&ana.token).json(body)
    };
    let mut wrong = billing("Bogotá");
    wrong["id_number"] = json!("890.903.938-7");
    let refused = pay(&first, wrong).refused(422, "refused_fields").await;
    assert_eq!(refused["errors"][0]["pointer"], "/billing/id_number");
    let held = app.get(format!("/api/v1/purchases/{}", first["id"].as_str().expect("an id")));
    assert_eq!(held.token(&ana.token).ok().await["payments"], json!([]), "no gateway was called");
    pay(&first, billing("Bogotá")).ok().await;
    assert_eq!(app.get(path(&first)).token(&ana.token).ok().await["city"], "Bogotá");
    // Sent again, nothing is written anew.
    pay(&first, billing("Bogotá")).ok().await;
    assert_eq!(app.get(path(&first)).token(&ana.token).ok().await["version"], 1);

    let second = app.reserve(&ana.token, &show.id, place(&show)).await;
    let offered = app.get(path(&second)).token(&ana.token).refused(404, "billing_not_found").await;
    assert_eq!((&offered["last"]["city"], &offered["last"]["id_kind"]), (&json!("Bogotá"), &json!("nit")));
    // A link leads to its order's data only, never to what an account gave before.
    let beto = app.reserve_as_guest("beto@example.com", &show.id, place(&show)).await;
    let link = beto["order_access"].as_str().expect("a link");
    let refused = app.get(path(&beto)).link(link).refused(404, "billing_not_found").await;
    assert_eq!(refused["last"], Value::Null);
    app.close().await;
}

#[tokio::test]
async fn the_organisers_attributes_are_kept_with_an_order_and_never_shown_to_its_buyer() {
    let (app, organizer, show) = box_office().await;
    let ana = app.somebody("ana").await;
    let quote = app.quote(&show.id, place(&show)).await;
    let campaign = json!({"campaign": "otoño", "steps": [1, 2]});
    let reserve = |attributes: Value| {
        let body = json!({"quote": quote["quote"], "extra_attributes": attributes});
        app.post("/api/v1/reservations").token(&ana.token).json(body)
    };
    let long = json!({"a": "x".repeat(1017)});
    let refused = reserve(long.clone()).refused(422, "refused_fields").await;
    assert_eq!(refused["errors"][0]["pointer"], "/extra_attributes");
    let held = reserve(campaign.clone()).send().await.ok();
    let id = held["id"].as_str().expect("an id").to_owned();
    let attributes = format!("/api/v1/purchases/{id}/extra-attributes?event_id={}", show.id);
    let of = |request: Request, token: &str| request.token(token);
    of(app.get(&attributes), &organizer.token).refused(404, "purchase_not_found").await;
    let pay = app.post("/api/v1/purchases").token(&ana.token).json(json!({"reservation_id": id}));
    app.approve(&pay.ok().await).await;

    let read = of(app.get(&attributes), &organizer.token).ok().await;
    assert_eq!((&read["extra_attributes"], &read["version"]), (&campaign, &json!(1)));
    let order = app.get(format!("/api/v1/purchases/{id}")).token(&ana.token).send().await;
    assert!(!order.text().contains("otoño"), "{}", order.text());
    of(app.get(&attributes), &ana.token).refused(403, "role_required").await;
    let stranger = app.organizer("mareas").await;
    of(app.get(&attributes), &stranger.token).refused(404, "purchase_not_found").await;

    let put = |body: Value| of(app.put(&attributes), &organizer.token).json(body);
    let changed = put(json!({"extra_attributes": {"seen": true}, "version": 1})).ok().await;
    assert_eq!((&changed["extra_attributes"], &changed["version"]), (&json!({"seen": true}), &json!(2)));
    put(json!({"extra_attributes": {}, "version": 1})).refused(409, "changed_meanwhile").await;
    put(json!({"extra_attributes": long})).refused(422, "refused_fields").await;
    // A repeated reservation does not bring back what the organiser has changed.
    reserve(campaign).send().await.ok();
    assert_eq!(of(app.get(&attributes), &organizer.token).ok().await["version"], 2);
    app.close().await;
}
