//! Seats together for buyers who name none: chosen when they are reserved, at the price that was quoted.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Organizer, Request, Show, TestApp};

use super::plans::Planner;
use crate::products::drink;

/// Longer than the functions cache events and places.
const A_WHILE: Duration = Duration::from_secs(6);

/// A quote for a line of the show and what else is said.
async fn quoted(app: &TestApp, show: &Show, line: Value, mut more: Value) -> Value {
    more["event_id"] = json!(show.id);
    more["lines"] = json!([line]);
    app.post("/api/v1/public/quotes").json(more).ok().await
}

fn reserve(app: &TestApp, token: &str, quote: &Value) -> Request {
    app.post("/api/v1/reservations").token(token).json(json!({"quote": quote["quote"]}))
}

fn line(show: &Show, quantity: u8) -> Value {
    json!({"area_id": show.area, "quantity": quantity})
}

fn labels(line: &Value) -> Vec<String> {
    let seats = line["seats"].as_array().expect("seats").iter();
    seats.map(|seat| seat.as_str().expect("a label").to_owned()).collect()
}

/// The seats of the area: `.` free, `r` reserved, `x` sold, by row.
pub(crate) async fn picture(app: &TestApp, organizer: &Organizer, show: &Show) -> String {
    let units = Planner { app, organizer, show }.units().await;
    let mut rows: Vec<(String, String)> = Vec::new();
    for (label, state) in units {
        let (row, _) = label.split_once('-').expect("a label");
        let sign = match state.as_str() {
            "available" => '.',
            "reserved" => 'r',
            "sold" => 'x',
            _ => 'b',
        };
        match rows.last_mut() {
            Some((last, signs)) if last == row => signs.push(sign),
            _ => rows.push((row.to_owned(), sign.to_string())),
        }
    }
    rows.into_iter().map(|(_, signs)| signs).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn a_buyer_says_how_many_and_gets_neighbours_at_the_quoted_price() {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.seated_show(&organizer, "Los Faroles", 2, 9, 50_000).await;
    let ana = app.somebody("ana").await;
    let quote = quoted(&app, &show, line(&show, 3), json!({})).await;
    let suggestion = &quote["lines"][0];
    assert_eq!((&suggestion["chosen_at_hold"], &suggestion["quantity"]), (&json!(true), &json!(3)));
    assert_eq!((&quote["totals"]["quantity"], &quote["totals"]["total"]), (&json!(3), &json!(150_000)));
    let seats = labels(suggestion);
    assert_eq!(seats.len(), 3, "{quote}");

    let held = reserve(&app, &ana.token, &quote).ok().await;
    assert_eq!(labels(&held["lines"][0]), seats, "nobody came between");
    assert_eq!(held["total"], 150_000);
    let again = reserve(&app, &ana.token, &quote).ok().await;
    assert_eq!((&again["id"], &again["lines"]), (&held["id"], &held["lines"]), "the same, sent again");
    assert_eq!(picture(&app, &organizer, &show).await.matches('r').count(), 3);

    let purchase =
        app.post("/api/v1/purchases").token(&ana.token).json(json!({"reservation_id": held["id"]}));
    app.approve(&purchase.ok().await).await;
    app.idle().await;
    let path = format!("/api/v1/purchases/{}", held["id"].as_str().expect("an id"));
    let order = app.get(path).token(&ana.token).ok().await;
    let of_tickets =
        order["tickets"].as_array().expect("tickets").iter().map(|ticket| ticket["seat"].clone());
    assert_eq!(json!(of_tickets.collect::<Vec<_>>()), json!(seats), "{order}");
    assert_eq!(picture(&app, &organizer, &show).await.matches('x').count(), 3);
    app.close().await;
}

#[tokio::test]
async fn seats_that_are_gone_by_then_are_others_at_the_same_price() {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.seated_show(&organizer, "Los Faroles", 2, 4, 50_000).await;
    let [ana, beto] = [app.somebody("ana").await, app.somebody("beto").await];
    let quote = quoted(&app, &show, line(&show, 4), json!({})).await;
    let seats = labels(&quote["lines"][0]);
    app.reserve(&beto.token, &show.id, json!({"area_id": show.area, "seats": seats})).await;
    let held = reserve(&app, &ana.token, &quote).ok().await;
    let others = labels(&held["lines"][0]);
    assert!(others.len() == 4 && others.iter().all(|seat| !seats.contains(seat)), "{others:?}");
    assert_eq!(held["total"], quote["totals"]["total"]);
    app.close().await;
}

#[tokio::test]
async fn refused_is_only_who_wants_more_together_than_there_are() {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.seated_show(&organizer, "Los Faroles", 3, 4, 50_000).await;
    let [ana, beto] = [app.somebody("ana").await, app.somebody("beto").await];
    // In the middle row, two are left; in each of the others, one.
    let taken = ["A-1", "A-2", "A-3", "B-1", "B-2", "C-2", "C-3", "C-4"];
    let held = app.reserve(&beto.token, &show.id, json!({"area_id": show.area, "seats": taken})).await;
    app.clock.advance(A_WHILE);

    let wants = async |line: Value| {
        let quote = quoted(&app, &show, line, json!({})).await;
        reserve(&app, &ana.token, &quote)
    };
    let quote = quoted(&app, &show, line(&show, 4), json!({})).await;
    assert_eq!(quote["lines"][0]["seats"], json!([]), "nothing to suggest, and still a price");
    let refused = reserve(&app, &ana.token, &quote).refused(409, "no_adjacent_seats").await;
    assert_eq!((&refused["largest"], &refused["area_id"]), (&json!(2), &json!(show.area)));
    let refused = wants(line(&show, 5)).await.refused(409, "sold_out").await;
    assert_eq!(refused["left"], 4);
    // Two rows one behind the other are together; more rows are not, unless that is asked for.
    let three = wants(line(&show, 3)).await.ok().await;
    assert_eq!(labels(&three["lines"][0]), ["A-4", "B-3", "B-4"]);
    let id = three["id"].as_str().expect("an id");
    app.delete(format!("/api/v1/reservations/{id}")).token(&ana.token).ok().await;
    let mut apart = line(&show, 4);
    apart["together"] = json!(false);
    let all = wants(apart).await.ok().await;
    assert_eq!(labels(&all["lines"][0]), ["A-4", "B-3", "B-4", "C-1"]);
    // What comes back is there at once, whatever was seen before.
    wants(line(&show, 4)).await.refused(409, "sold_out").await;
    let id = held["id"].as_str().expect("an id");
    app.delete(format!("/api/v1/reservations/{id}")).token(&beto.token).ok().await;
    assert_eq!(wants(line(&show, 3)).await.ok().await["lines"][0]["seats"].as_array().map(Vec::len), Some(3));
    app.close().await;
}

#[tokio::test]
async fn a_guest_with_a_code_and_a_drink_sits_together() {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.seated_show(&organizer, "Los Faroles", 2, 9, 50_000).await;
    let variant = drink(&app, &organizer, 10, 8_000).await;
    let promotion = json!({
        "promotion_name": "Parejas", "promotion_code": "PAREJAS", "discount_type": "percentage",
        "discount_value": 10, "applies_to": "area", "target_event_id": show.id, "target_area_id": show.area,
        "min_quantity": 2, "total_uses": 5,
    });
    app.post("/api/v1/promotions").token(&organizer.token).json(promotion).ok().await;
    let stage = json!({"stage_name": "Preventa", "price_adjustment_type": "fixed",
        "price_adjustment_value": -5_000, "quantity_available": 4});
    app.post(format!("/api/v1/events/{}/sale-stages", show.id))
        .token(&organizer.token)
        .json(stage)
        .ok()
        .await;
    app.clock.advance(A_WHILE);

    let more = json!({"extras": [{"variant_id": variant, "quantity": 1}], "promotion_code": "PAREJAS"});
    let quote = quoted(&app, &show, line(&show, 2), more).await;
    assert_eq!(quote["totals"]["total"], 2 * 45_000 * 9 / 10 + 8_000, "{quote}");
    let body = json!({"quote": quote["quote"], "email": "guest@example.com", "name": "Ana Ríos"});
    let held = app.post("/api/v1/reservations").json(body).ok().await;
    let seats = labels(&held["lines"][0]);
    assert_eq!((seats.len(), &held["total"]), (2, &quote["totals"]["total"]));
    let link = held["order_access"].as_str().expect("a link");
    let purchase = app.post("/api/v1/purchases").link(link).json(json!({"reservation_id": held["id"]}));
    app.approve(&purchase.ok().await).await;
    app.idle().await;
    let path = format!("/api/v1/purchases/{}", held["id"].as_str().expect("an id"));
    let order = app.get(&path).link(link).ok().await;
    assert_eq!((&order["status"], order["vouchers"].as_array().map(Vec::len)), (&json!("paid"), Some(1)));
    assert_eq!(app.mails("guest@example.com").last().expect("a mail").attachments.len(), 3);
    let token = app.again(&organizer).await;
    let left = app.get("/api/v1/products").token(&token.token).ok().await;
    assert_eq!(left["items"][0]["variants"][0]["remaining"], 9);
    assert_eq!(picture(&app, &token, &show).await.matches('x').count(), 2);
    app.close().await;
}

#[tokio::test]
async fn seats_for_wheelchairs_are_not_given_to_others() {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.seated_show(&organizer, "Los Faroles", 1, 4, 50_000).await;
    let ana = app.somebody("ana").await;
    for (seat, kind) in [("A-1", "accessible"), ("A-2", "companion")] {
        let path = format!("/api/v1/events/{}/areas/{}/units/{seat}", show.id, show.area);
        app.patch(path).token(&organizer.token).json(json!({"kind": kind})).ok().await;
    }
    app.clock.advance(A_WHILE);
    let quote = quoted(&app, &show, line(&show, 3), json!({})).await;
    let refused = reserve(&app, &ana.token, &quote).refused(409, "no_adjacent_seats").await;
    assert_eq!(refused["largest"], 2);
    let mut wheelchair = line(&show, 2);
    wheelchair["accessible"] = json!(1);
    wheelchair["companions"] = json!(1);
    let quote = quoted(&app, &show, wheelchair, json!({})).await;
    assert_eq!(labels(&quote["lines"][0]), ["A-1", "A-2"]);
    let held = reserve(&app, &ana.token, &quote).ok().await;
    assert_eq!(labels(&held["lines"][0]), ["A-1", "A-2"]);
    app.close().await;
}

#[tokio::test]
async fn a_wish_that_cannot_be_is_refused_with_the_quote() {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let seated = app.seated_show(&organizer, "Los Faroles", 1, 4, 50_000).await;
    let standing = app.show(&organizer, "Los Volantines", 10, 50_000).await;
    let refused = async |show: &Show, line: Value| {
        let body = json!({"event_id": show.id, "lines": [line]});
        let answer = app.post("/api/v1/public/quotes").json(body).send().await;
        let problem = answer.json();
        format!("{} {} {}", answer.status, problem["code"], problem["errors"][0]["pointer"])
    };
    for (show, line, expected) in [
        (&seated, json!({"area_id": seated.area}), "422 \"refused_fields\" \"/lines/0/seats\""),
        (
            &seated,
            json!({"area_id": seated.area, "seats": ["A-1"], "together": true}),
            "422 \"refused_fields\" \"/lines/0\"",
        ),
        (
            &standing,
            json!({"area_id": standing.area, "quantity": 2, "accessible": 1}),
            "422 \"refused_fields\" \"/lines/0\"",
        ),
        (
            &seated,
            json!({"area_id": seated.area, "quantity": 2, "companions": 1}),
            "422 \"refused_fields\" \"/lines/0/companions\"",
        ),
        (
            &seated,
            json!({"area_id": seated.area, "quantity": 2, "accessible": 21}),
            "400 \"invalid_fields\" \"/lines/0/accessible\"",
        ),
    ] {
        assert_eq!(refused(show, line).await, expected);
    }
    app.close().await;
}

/// Two rows have seats with the same numbers: the refund of one ticket puts its own seat on sale again.
#[tokio::test]
async fn of_seats_in_two_rows_the_refunded_one_comes_back() {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.seated_show(&organizer, "Los Faroles", 2, 2, 50_000).await;
    let ana = app.somebody("ana").await;
    let order = app.buy(&ana.token, &show.id, line(&show, 4)).await;
    let tickets = order["tickets"].as_array().expect("tickets");
    let of =
        |seat: &str| tickets.iter().find(|ticket| ticket["seat"] == seat).expect("a ticket")["id"].clone();
    assert_eq!(picture(&app, &organizer, &show).await, "xx xx");
    let path = format!("/api/v1/purchases/{}/refund", order["id"].as_str().expect("an id"));
    for (seat, expected) in [("B-1", "xx .x"), ("A-2", "x. .x")] {
        let refund = json!({"event_id": show.id, "tickets": [of(seat)]});
        app.post(&path).token(&organizer.token).json(refund).ok().await;
        app.idle().await;
        assert_eq!(picture(&app, &organizer, &show).await, expected);
    }
    app.close().await;
}
