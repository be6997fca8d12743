use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::{Fixture, pointers, text};

fn payment(change: Value) -> Value {
    let mut body = json!({"amount_paid": 25_000, "payment_method": "transfer"});
    body.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
    body
}

async fn is_current(house: &Fixture, member: &str) -> bool {
    house.get(member).ok().await["monthly_fee_current"] == true
}

#[tokio::test]
async fn a_confirmed_payment_makes_the_fee_current_unless_marked_otherwise() {
    let house = Fixture::open().await;
    let ana = house.member("ana@example.com", json!({})).await;
    let member = text(&ana["id"]);
    let path = format!("{member}/payments");
    let seen = house.post(&path, payment(json!({"payment_method": "cash"}))).ok().await;
    assert_eq!(
        (&seen["currency"], &seen["confirmed"]),
        (&json!("COP"), &json!(false)),
        "the organiser's currency"
    );
    assert!(!is_current(&house, member).await);
    house.post(&path, payment(json!({"confirmed": true, "marks_current": false}))).ok().await;
    assert!(!is_current(&house, member).await);

    let one = format!("{path}/{}", text(&seen["id"]));
    let corrected = house.patch(&one, json!({"amount_paid": 26_000, "description": "Noviembre"})).ok().await;
    assert_eq!((&corrected["version"], &corrected["confirmed"]), (&json!(2), &json!(false)));
    house.patch(&one, json!({"confirmed": true, "marks_current": false, "version": 2})).ok().await;
    assert!(!is_current(&house, member).await);
    house.patch(&one, json!({"confirmed": true, "version": 2})).refused(409, "changed_meanwhile").await;
    house.patch(&one, json!({"confirmed": true, "version": 3})).ok().await;
    assert!(is_current(&house, member).await);
    house.patch(&one, json!({"confirmed": false})).ok().await;
    assert!(is_current(&house, member).await, "taking it back says nothing about the fee");

    let beto = house.member("beto@example.com", json!({})).await;
    let beto = text(&beto["id"]);
    house.post(&format!("{beto}/payments"), payment(json!({"confirmed": true}))).ok().await;
    assert!(is_current(&house, beto).await);
    house
        .patch(&format!("{beto}/payments/{}", text(&seen["id"])), json!({}))
        .refused(404, "payment_not_found")
        .await;
    house.app.close().await;
}

#[tokio::test]
async fn payments_are_listed_by_payment_date_after_corrections_too() {
    let house = Fixture::open().await;
    let ana = house.member("ana@example.com", json!({})).await;
    let path = format!("{}/payments", text(&ana["id"]));
    let day = |days: u64| (house.app.clock.now() - Duration::from_secs(days * 24 * 3600)).to_string();
    for (days, what) in [(60, "a"), (0, "b"), (30, "c")] {
        house.post(&path, payment(json!({"payment_date": day(days), "description": what}))).ok().await;
    }
    let listed = |query: &str| house.get(&format!("{path}?{query}"));
    let what = |page: &Value| -> String {
        page["items"].as_array().expect("items").iter().map(|item| text(&item["description"])).collect()
    };
    let first = listed("limit=2").ok().await;
    assert_eq!(what(&first), "bc");
    let second = listed(&format!("limit=2&cursor={}", text(&first["next_cursor"]))).ok().await;
    assert_eq!((what(&second).as_str(), second.get("next_cursor")), ("a", None));

    let moved = format!("{path}/{}", text(&second["items"][0]["id"]));
    house.patch(&moved, json!({"payment_date": day(10)})).ok().await;
    assert_eq!(what(&listed("limit=9").ok().await), "bac");

    let bad = payment(json!({"amount_paid": 0, "payment_date": "2090-01-01T00:00:00Z"}));
    assert_eq!(
        pointers(&house.post(&path, bad).refused(422, "refused_fields").await),
        ["/amount_paid", "/payment_date"]
    );
    house.post(&path, payment(json!({"payment_method": "cheque"}))).refused(400, "invalid_fields").await;

    let again = || house.post(&path, payment(json!({"description": "d"}))).idempotent("d");
    let (once, twice) = (again().ok().await, again().ok().await);
    assert_eq!(once["id"], twice["id"]);
    assert_eq!(what(&listed("limit=9").ok().await), "dbac");

    let stranger = house.app.organizer("mareas").await;
    let foreign = format!("/api/v1/users/{path}");
    house.app.get(&foreign).token(&stranger.token).refused(404, "member_not_found").await;
    house
        .app
        .post(&foreign)
        .token(&stranger.token)
        .json(payment(json!({})))
        .refused(404, "member_not_found")
        .await;
    house.app.close().await;
}

#[tokio::test]
async fn a_receipt_is_private_and_read_by_a_link_that_expires() {
    let house = Fixture::open().await;
    let ana = house.member("ana@example.com", json!({})).await;
    let path = format!("{}/payments", text(&ana["id"]));
    let receipt = json!({"receipt": {"content_type": "application/pdf", "size": 5}});
    let created = house.post(&path, payment(receipt)).ok().await;
    let upload = |signed: &Value, bytes: &'static [u8]| {
        let mut request = house.app.elsewhere(Method::PUT, text(&signed["upload_url"]));
        for (name, value) in signed["headers"].as_object().expect("headers") {
            // The HTTP client sets the length by itself.
            if name != "content-length" {
                request = request.header(name, text(value));
            }
        }
        request.raw(bytes).send()
    };
    assert_eq!(upload(&created["receipt_upload"], b"%PDF-").await.status, 200);
    assert_ne!(upload(&created["receipt_upload"], b"%PDF-much more").await.status, 200);
    let link = house.get(&path).ok().await["items"][0]["receipt"].clone();
    let shown = house.app.elsewhere(Method::GET, text(&link)).send().await;
    assert_eq!((shown.status, &shown.body[..]), (200, &b"%PDF-"[..]));
    let (bare, _) = text(&link).split_once('?').expect("a signed link");
    assert_ne!(house.app.elsewhere(Method::GET, bare).send().await.status, 200, "the bucket is closed");
    house.app.clock.advance(Duration::from_secs(5 * 60 + 1));
    assert_ne!(house.app.elsewhere(Method::GET, text(&link)).send().await.status, 200, "the link has ended");

    let one = format!("{path}/{}", text(&created["id"]));
    let replaced = house.patch(&one, json!({"receipt": {"content_type": "image/png", "size": 4}})).ok().await;
    assert_eq!(upload(&replaced["receipt_upload"], b"\x89PNG").await.status, 200);
    let shown = house.app.elsewhere(Method::GET, text(&replaced["receipt"])).send().await;
    assert_eq!((shown.status, &shown.body[..]), (200, &b"\x89PNG"[..]));
    let removed = house.patch(&one, json!({"receipt": null})).ok().await;
    assert_eq!((&removed["receipt"], &removed["receipt_upload"]), (&Value::Null, &Value::Null));
    house.app.close().await;
}
