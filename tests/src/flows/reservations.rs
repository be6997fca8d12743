//! Reservations: held, cancelled, expired, requested twice.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Show, TestApp};

fn places(show: &Show, quantity: u8) -> Value {
    json!({"area_id": show.area, "quantity": quantity})
}

#[tokio::test]
async fn held_places_are_taken_until_the_reservation_is_cancelled() {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.show(&organizer, "Los Faroles", 3, 50_000).await;
    let (ana, beto) = (app.somebody("ana").await, app.somebody("beto").await);

    let held = app.reserve(&ana.token, &show.id, places(&show, 2)).await;
    let quote = app.quote(&show.id, places(&show, 2)).await;
    let reserve =
        || app.post("/api/v1/reservations").token(&beto.token).json(json!({"quote": quote["quote"]}));
    let problem = reserve().refused(409, "sold_out").await;
    assert_eq!(problem["left"], 1);

    let own = format!("/api/v1/reservations/{}", held["id"].as_str().expect("an id"));
    app.delete(&own).token(&beto.token).refused(404, "reservation_not_found").await;
    let cancelled = app.delete(&own).token(&ana.token).ok().await;
    assert_eq!(cancelled["status"], "released");
    app.delete(&own).token(&ana.token).ok().await;
    assert_eq!(reserve().ok().await["status"], "held");
    app.close().await;
}

#[tokio::test]
async fn an_expired_hold_frees_its_places_without_a_cleanup_job() {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.show(&organizer, "Los Faroles", 2, 50_000).await;
    let (ana, beto) = (app.somebody("ana").await, app.somebody("beto").await);
    let held = app.reserve(&ana.token, &show.id, places(&show, 2)).await;
    app.clock.advance(Duration::from_secs(11 * 60));
    app.reserve(&beto.token, &show.id, places(&show, 2)).await;
    let own = format!("/api/v1/reservations/{}", held["id"].as_str().expect("an id"));
    assert_eq!(app.get(&own).token(&ana.token).ok().await["status"], "released");
    let body = json!({"reservation_id": held["id"]});
    app.post("/api/v1/purchases").token(&ana.token).json(body).refused(410, "reservation_expired").await;
    app.close().await;
}

#[tokio::test]
async fn a_quote_becomes_one_reservation_when_it_is_sent_again() {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.show(&organizer, "Los Faroles", 10, 50_000).await;
    let (ana, beto) = (app.somebody("ana").await, app.somebody("beto").await);
    let quote = app.quote(&show.id, places(&show, 2)).await;
    let reserve = |quote: &Value, key: &str| {
        let body = json!({"quote": quote["quote"]});
        app.post("/api/v1/reservations").token(&ana.token).idempotent(key).json(body)
    };
    let first = reserve(&quote, "k1").ok().await;
    let second = reserve(&quote, "k1").ok().await;
    assert_eq!(first, second);
    reserve(&quote, "k2").refused(409, "quote_used").await;
    let other = app.quote(&show.id, places(&show, 1)).await;
    reserve(&other, "k1").refused(422, "idempotency_key_reused").await;

    // Another buyer may use the same quote: it is a price, not a place.
    let body = json!({"quote": quote["quote"]});
    let theirs = app.post("/api/v1/reservations").token(&beto.token).json(body).ok().await;
    assert_ne!(theirs["id"], first["id"]);
    let left =
        app.get(format!("/api/v1/public/events/{}/areas/{}/availability", show.slug, show.area)).ok().await;
    assert_eq!(left["left"], 6, "{left}");

    // A buyer gets one reservation of a quote, and the refusal names it even after it ended.
    let own = format!("/api/v1/reservations/{}", first["id"].as_str().expect("an id"));
    app.delete(&own).token(&ana.token).ok().await;
    let used = reserve(&quote, "k1").refused(409, "quote_used").await;
    assert_eq!(used["reservation_id"], first["id"]);
    app.close().await;
}

/// Reservations are listed by the time of their quotes, which live for a quarter of an hour.
#[tokio::test]
async fn newer_cancelled_reservations_do_not_hide_older_ones() {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.show(&organizer, "Los Faroles", 100, 50_000).await;
    let ana = app.somebody("ana").await;
    let mut quotes = Vec::new();
    for _ in 0..55 {
        quotes.push(app.quote(&show.id, places(&show, 1)).await["quote"].clone());
        app.clock.advance(Duration::from_millis(2));
    }
    let reserve = |quote: &Value, key: &str| {
        app.post("/api/v1/reservations").token(&ana.token).idempotent(key).json(json!({"quote": quote}))
    };
    for (index, quote) in quotes[5..].iter().enumerate() {
        let held = reserve(quote, &format!("newer-{index}")).ok().await;
        let own = format!("/api/v1/reservations/{}", held["id"].as_str().expect("an id"));
        app.delete(own).token(&ana.token).ok().await;
    }
    for (index, quote) in quotes[..4].iter().enumerate() {
        assert_eq!(reserve(quote, &format!("older-{index}")).ok().await["status"], "held");
    }
    reserve(&quotes[4], "older-4").refused(429, "too_many_reservations").await;
    // The idempotency keys of the older ones are found, too.
    let fresh = app.quote(&show.id, places(&show, 2)).await;
    reserve(&fresh["quote"], "older-0").refused(422, "idempotency_key_reused").await;
    app.close().await;
}

#[tokio::test]
async fn a_forged_or_expired_quote_is_refused() {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.show(&organizer, "Los Faroles", 10, 50_000).await;
    let ana = app.somebody("ana").await;
    let quote = app.quote(&show.id, places(&show, 1)).await;
    let reserve =
        |quote: &str| app.post("/api/v1/reservations").token(&ana.token).json(json!({"quote": quote}));
    reserve("nonsense").refused(422, "quote_invalid").await;
    app.clock.advance(Duration::from_secs(14 * 60));
    reserve(quote["quote"].as_str().expect("text")).ok().await;
    app.clock.advance(Duration::from_secs(2 * 60));
    let late = app.somebody("beto").await;
    let body = json!({"quote": quote["quote"]});
    app.post("/api/v1/reservations").token(&late.token).json(body).refused(410, "quote_expired").await;
    app.close().await;
}

#[tokio::test]
async fn a_buyer_has_at_most_four_reservations() {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.show(&organizer, "Los Faroles", 100, 50_000).await;
    let ana = app.somebody("ana").await;
    for _ in 0..4 {
        app.reserve(&ana.token, &show.id, places(&show, 1)).await;
    }
    let quote = app.quote(&show.id, places(&show, 1)).await;
    let body = json!({"quote": quote["quote"]});
    app.post("/api/v1/reservations").token(&ana.token).json(body).refused(429, "too_many_reservations").await;
    app.close().await;
}

#[tokio::test]
async fn an_unconfirmed_address_gets_ten_free_orders_a_day() {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.show(&organizer, "Ensayo Abierto", 100, 0).await;
    let (ana, eva) = (app.somebody("ana").await, app.confirmed("eva").await);
    for _ in 0..10 {
        app.buy(&ana.token, &show.id, places(&show, 1)).await;
    }
    let mails = app.mails(&ana.email).len();
    let held = app.reserve(&ana.token, &show.id, places(&show, 1)).await;
    let pay = |token: &str, order: &Value| {
        app.post("/api/v1/purchases").token(token).json(json!({"reservation_id": order["id"]}))
    };
    pay(&ana.token, &held).refused(403, "email_unverified").await;
    app.idle().await;
    assert_eq!(app.mails(&ana.email).len(), mails);
    // The limit is only for free tickets, and not for confirmed addresses.
    let paid = app.show(&organizer, "Los Faroles", 10, 5000).await;
    app.buy(&ana.token, &paid.id, places(&paid, 1)).await;
    for _ in 0..11 {
        app.buy(&eva.token, &show.id, places(&show, 1)).await;
    }
    app.clock.advance(Duration::from_secs(86_400));
    let ana = app.sign_in(&ana.email, None).await;
    app.buy(&ana.token, &show.id, places(&show, 1)).await;
    app.close().await;
}
