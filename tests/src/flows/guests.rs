//! Buying without an account: the order's link, the address that is confirmed later, and what keeps
//! strangers from using somebody's address.

use std::time::Duration;

use domain::order_link::OrderLink;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Request, Show, TestApp};

const ANA: &str = "ana@example.com";

fn places(show: &Show, quantity: u8) -> Value {
    json!({"area_id": show.area, "quantity": quantity})
}

fn id(value: &Value) -> &str {
    value["id"].as_str().expect("an id")
}

/// The items of all pages of a list.
async fn all_pages(app: &TestApp, token: &str, path: &str) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = app.get(format!("{path}{cursor}")).token(token).ok().await;
        all.extend(page["items"].as_array().expect("items").iter().cloned());
        let Some(next) = page["next_cursor"].as_str() else { return all };
        cursor = format!("&cursor={next}");
    }
}

async fn box_office(price: i64) -> (TestApp, Show) {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.show(&organizer, "Los Faroles", 200, price).await;
    (app, show)
}

/// A request to reserve `quote` as a guest.
fn reserve(request: Request, quote: &Value, email: &str) -> Request {
    request.json(json!({"quote": quote["quote"], "email": email, "name": "Ana Ríos"}))
}

#[tokio::test]
async fn a_guest_buys_with_an_address_and_comes_back_by_the_link() {
    let (app, show) = box_office(50_000).await;
    let quote = app.quote(&show.id, places(&show, 2)).await;
    let body = json!({
        "quote": quote["quote"], "email": "Ana@Example.com", "name": " Ana  Ríos ", "phone": "+57 300 123 4567",
        "language": "en",
    });
    let held = app.post("/api/v1/reservations").json(body).ok().await;
    let link = held["order_access"].as_str().expect("a link");
    assert_eq!(link.len(), OrderLink::LENGTH);
    assert_eq!((&held["guest"], &held["phone"]), (&json!(true), &json!("+57 300 123 4567")));
    let reservation = format!("/api/v1/reservations/{}", id(&held));
    assert_eq!(app.get(&reservation).link(link).ok().await["status"], "held");
    app.get(&reservation).refused(401, "sign_in_required").await;

    let pay = app.post("/api/v1/purchases").link(link).json(json!({"reservation_id": held["id"]}));
    app.approve(&pay.ok().await).await;
    let path = format!("/api/v1/purchases/{}", id(&held));
    let paid = app.get(&path).link(link).ok().await;
    assert_eq!((&paid["status"], paid["tickets"].as_array().map(Vec::len)), (&json!("paid"), Some(2)));

    let mails = app.mails(ANA);
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].subject, "Your tickets for Los Faroles");
    assert!(mails[0].text.as_ref().is_some_and(|text| text.contains("Hello Ana Ríos")));
    assert_eq!(app.mailed_order_link(ANA), link, "the mail brings the same link");
    for ticket in paid["tickets"].as_array().expect("tickets") {
        let shown = app.get(format!("/api/v1/tickets/{}", id(ticket))).link(link).ok().await;
        assert_eq!(shown["status"], "valid");
        let drawn = app.get(format!("/api/v1/qr/{}", id(ticket))).link(link).send().await;
        assert_eq!((drawn.status, drawn.header("content-type")), (200, "image/svg+xml"));
    }
    app.close().await;
}

#[tokio::test]
async fn a_reservation_takes_a_token_or_an_address() {
    let (app, show) = box_office(50_000).await;
    let quote = app.quote(&show.id, places(&show, 1)).await;
    let beto = app.somebody("beto").await;
    let post = |body: Value| app.post("/api/v1/reservations").json(body);
    let neither = json!({"quote": quote["quote"]});
    post(neither.clone()).refused(401, "sign_in_required").await;
    post(json!({"quote": quote["quote"], "name": "Ana"})).refused(401, "sign_in_required").await;
    let nameless = post(json!({"quote": quote["quote"], "email": ANA})).refused(422, "refused_fields").await;
    assert_eq!(nameless["errors"][0]["pointer"], "/name");
    let both = json!({"quote": quote["quote"], "email": ANA, "name": "Ana", "phone": "1"});
    let both = post(both).token(&beto.token).refused(422, "refused_fields").await;
    let pointers: Vec<&Value> =
        both["errors"].as_array().expect("errors").iter().map(|error| &error["pointer"]).collect();
    assert_eq!(pointers, ["/email", "/name", "/phone"]);
    let signed_in = post(neither).token(&beto.token).ok().await;
    assert_eq!((&signed_in["guest"], &signed_in["order_access"]), (&json!(false), &Value::Null));
    app.close().await;
}

#[tokio::test]
async fn whoever_confirms_the_address_later_has_its_orders() {
    let (app, show) = box_office(50_000).await;
    let (first, link) = app.buy_as_guest(ANA, &show.id, places(&show, 1)).await;
    let path = format!("/api/v1/purchases/{}", id(&first));
    let ticket = format!("/api/v1/tickets/{}", id(&first["tickets"][0]));

    let ana = app.somebody("ana").await;
    let list = async |token: &str, path: &str| app.get(path).token(token).ok().await;
    assert_eq!(list(&ana.token, "/api/v1/purchases").await["items"], json!([]), "not confirmed yet");
    app.get(&path).token(&ana.token).refused(404, "reservation_not_found").await;
    app.get(&ticket).token(&ana.token).refused(404, "ticket_not_found").await;
    // Signed in and with the link, both ways are open.
    app.get(&path).token(&ana.token).link(&link).ok().await;

    app.idle().await;
    let body = json!({"token": app.mailed_token(ANA)});
    app.post("/api/v1/auth/magic-link/redeem").token(&ana.token).json(body).ok().await;
    let ana = app.sign_in(ANA, None).await;
    app.clock.advance(Duration::from_secs(2));
    let second = app.buy(&ana.token, &show.id, places(&show, 1)).await;
    app.clock.advance(Duration::from_secs(2));
    let (third, _) = app.buy_as_guest(ANA, &show.id, places(&show, 1)).await;

    let listed = all_pages(&app, &ana.token, "/api/v1/purchases?limit=1").await;
    let listed: Vec<Value> = listed.iter().map(|order| order["id"].clone()).collect();
    assert_eq!(listed, [&third["id"], &second["id"], &first["id"]].map(Clone::clone));
    let tickets = list(&ana.token, "/api/v1/tickets").await;
    let tickets: Vec<&Value> =
        tickets["items"].as_array().expect("items").iter().map(|ticket| &ticket["order_id"]).collect();
    assert_eq!(tickets, [&third["id"], &second["id"], &first["id"]]);
    assert_eq!(app.get(&ticket).token(&ana.token).ok().await["received"], false);

    let beto = app.confirmed("beto").await;
    assert_eq!(list(&beto.token, "/api/v1/purchases").await["items"], json!([]));
    app.get(&path).token(&beto.token).refused(404, "reservation_not_found").await;
    app.close().await;
}

/// Hands a ticket from one user to another by a mailed offer.
async fn hand_on(app: &TestApp, ticket: &Value, from: &testkit::TestUser, to: &testkit::TestUser) {
    let offer = json!({"ticket_id": ticket, "to_email": to.email});
    let offer = app.post("/api/v1/transfers/initiate").token(&from.token).json(offer).ok().await;
    assert_eq!(offer["direction"], "sent");
    app.idle().await;
    let body = json!({"token": app.mailed_token(&to.email)});
    app.post("/api/v1/transfers/accept")
        .token(&from.token)
        .json(body.clone())
        .refused(409, "own_transfer")
        .await;
    app.post("/api/v1/transfers/accept").token(&to.token).json(body).ok().await;
    app.idle().await;
}

#[tokio::test]
async fn a_guests_ticket_is_handed_on_by_the_confirmed_address_and_comes_back_once() {
    let (app, show) = box_office(50_000).await;
    let (order, link) = app.buy_as_guest(ANA, &show.id, places(&show, 2)).await;
    let (ana, eva) = (app.confirmed("ana").await, app.confirmed("eva").await);
    let ticket = &order["tickets"][0]["id"];
    let path = format!("/api/v1/tickets/{}", id(&order["tickets"][0]));
    let by_link = json!({"ticket_id": ticket, "to_email": "eva@example.com"});
    app.post("/api/v1/transfers/initiate").link(&link).json(by_link).refused(401, "sign_in_required").await;

    hand_on(&app, ticket, &ana, &eva).await;
    app.get(&path).link(&link).refused(404, "ticket_not_found").await;
    app.get(&path).token(&ana.token).refused(404, "ticket_not_found").await;
    assert_eq!(app.get(&path).token(&eva.token).ok().await["received"], true);
    let history = app.get("/api/v1/transfers/history").token(&ana.token).ok().await;
    assert_eq!(history["items"][0]["direction"], "sent");

    hand_on(&app, ticket, &eva, &ana).await;
    app.get(&path).link(&link).refused(404, "ticket_not_found").await;
    app.get(&path).token(&ana.token).ok().await;
    let mine = all_pages(&app, &ana.token, "/api/v1/tickets?limit=1").await;
    let count = mine.iter().filter(|other| other["id"] == *ticket).count();
    assert_eq!((count, mine.len()), (1, 2), "{mine:?}");

    // An offer is taken back by who made it as the guest's owner.
    let other = json!({"ticket_id": order["tickets"][1]["id"], "to_email": "eva@example.com"});
    let offer = app.post("/api/v1/transfers/initiate").token(&ana.token).json(other.clone()).ok().await;
    app.post("/api/v1/transfers/initiate").token(&ana.token).json(other).refused(409, "transfer_open").await;
    let cancel = |token: &str| {
        app.post("/api/v1/transfers/cancel").token(token).json(json!({"transfer_id": offer["id"]}))
    };
    cancel(&eva.token).refused(404, "transfer_not_found").await;
    assert_eq!(cancel(&ana.token).ok().await["state"], "cancelled");
    app.close().await;
}

#[tokio::test]
async fn a_renewed_link_ends_the_one_before_and_comes_by_mail_only() {
    let (app, show) = box_office(50_000).await;
    let (order, first) = app.buy_as_guest(ANA, &show.id, places(&show, 1)).await;
    let path = format!("/api/v1/purchases/{}", id(&order));
    let ticket = format!("/api/v1/tickets/{}", id(&order["tickets"][0]));
    let renew = |link: &str| app.post(format!("{path}/link")).link(link);
    let answer = renew(&first).send().await;
    assert_eq!((answer.status, answer.json()), (202, json!({"mailed_to": ANA})));
    app.idle().await;
    let second = app.mailed_order_link(ANA);
    assert_ne!(second, first);
    for path in [&path, &ticket] {
        app.get(path).link(&first).refused(401, "order_link_invalid").await;
        app.get(path).link(&second).ok().await;
    }
    renew(&first).refused(401, "order_link_invalid").await;
    // The owner of the address ends a link that went astray.
    let ana = app.confirmed("ana").await;
    app.post(format!("{path}/link")).token(&ana.token).ok().await;
    app.idle().await;
    app.get(&path).link(&second).refused(401, "order_link_invalid").await;
    let third = app.mailed_order_link(ANA);
    renew(&third).ok().await;
    app.idle().await;
    let fourth = app.mailed_order_link(ANA);
    renew(&fourth).refused(429, "too_many_tries").await;
    app.get(&path).link(&fourth).ok().await;
    app.clock.advance(Duration::from_secs(3600));
    renew(&fourth).ok().await;
    app.idle().await;
    app.close().await;
}

#[tokio::test]
async fn a_link_opens_its_own_order_only_and_half_a_year_after_the_show_none() {
    let (app, show) = box_office(50_000).await;
    let (mine, link) = app.buy_as_guest(ANA, &show.id, places(&show, 1)).await;
    let (theirs, _) = app.buy_as_guest("beto@example.com", &show.id, places(&show, 1)).await;
    let also_mine = app.reserve_as_guest(ANA, &show.id, places(&show, 1)).await;
    for order in [&theirs, &also_mine] {
        let id = id(order);
        for path in [format!("/api/v1/purchases/{id}"), format!("/api/v1/reservations/{id}")] {
            app.get(&path).link(&link).refused(404, "reservation_not_found").await;
        }
        app.delete(format!("/api/v1/reservations/{id}"))
            .link(&link)
            .refused(404, "reservation_not_found")
            .await;
        app.post(format!("/api/v1/purchases/{id}/link"))
            .link(&link)
            .refused(404, "reservation_not_found")
            .await;
        let pay = app.post("/api/v1/purchases").link(&link).json(json!({"reservation_id": id}));
        pay.refused(404, "reservation_not_found").await;
    }
    let ticket = id(&theirs["tickets"][0]);
    app.get(format!("/api/v1/tickets/{ticket}")).link(&link).refused(404, "ticket_not_found").await;
    app.get(format!("/api/v1/qr/{ticket}")).link(&link).refused(404, "ticket_not_found").await;

    let path = format!("/api/v1/purchases/{}", id(&mine));
    let changed = |at: usize| {
        let other = if &link[at..=at] == "A" { "B" } else { "A" };
        format!("{}{other}{}", &link[..at], &link[at + 1..])
    };
    for text in [changed(0), changed(30), changed(67), "ñ".to_owned(), String::new(), format!("{link}A")] {
        app.get(&path).link(&text).refused(401, "order_link_invalid").await;
    }
    app.clock.advance(Duration::from_secs(187 * 24 * 3600));
    app.get(&path).link(&link).ok().await;
    app.clock.advance(Duration::from_secs(24 * 3600));
    app.get(&path).link(&link).refused(410, "order_link_over").await;
    let ticket = format!("/api/v1/tickets/{}", id(&mine["tickets"][0]));
    app.get(&ticket).link(&link).refused(410, "order_link_over").await;
    app.close().await;
}

#[tokio::test]
async fn a_repeated_reservation_gives_its_link_to_the_same_network_and_key_only() {
    let (app, show) = box_office(50_000).await;
    let quote = app.quote(&show.id, places(&show, 1)).await;
    let path = "/api/v1/reservations";
    let first = reserve(app.post(path), &quote, ANA).idempotent("k1").ok().await;
    let again = reserve(app.post(path), &quote, ANA).idempotent("k1").ok().await;
    assert_eq!((&again["id"], &again["order_access"]), (&first["id"], &first["order_access"]));
    reserve(app.post(path), &quote, ANA).refused(409, "quote_used").await;
    reserve(app.post(path), &quote, ANA).idempotent("k2").refused(409, "quote_used").await;
    let elsewhere = app.from_network(7, Method::POST, path);
    reserve(elsewhere, &quote, ANA).idempotent("k1").refused(409, "quote_used").await;
    // Another address makes another order of the same quote.
    let other = reserve(app.post(path), &quote, "beto@example.com").ok().await;
    assert_ne!(other["id"], first["id"]);
    app.close().await;
}

#[tokio::test]
async fn limits_count_by_address_and_network() {
    let (app, show) = box_office(0).await;
    let path = "/api/v1/reservations";
    let hold = async |network: u8, email: &str| {
        let quote = app.quote(&show.id, places(&show, 1)).await;
        reserve(app.from_network(network, Method::POST, path), &quote, email).send().await
    };
    for _ in 0..4 {
        hold(2, ANA).await.ok();
    }
    hold(2, ANA).await.refused(429, "too_many_reservations");
    hold(3, ANA).await.ok();
    hold(2, "beto@example.com").await.ok();

    // Counts are by the day and by the quarter of an hour: both begin anew, so that this test meets
    // those of mails alone.
    let into_day = app.clock.now().as_second().rem_euclid(24 * 3600);
    app.clock.advance(Duration::from_secs(u64::try_from(24 * 3600 - into_day).expect("positive")));
    let next_quarter = || app.clock.advance(Duration::from_secs(15 * 60));
    let free = async |network: u8, email: &str| {
        let held = hold(network, email).await.ok();
        let body = json!({"reservation_id": held["id"]});
        let pay = app.from_network(network, Method::POST, "/api/v1/purchases").json(body);
        let answer = pay.link(held["order_access"].as_str().expect("a link")).send().await;
        app.idle().await;
        answer
    };
    for _ in 0..10 {
        free(4, "eva@example.com").await.ok();
    }
    free(4, "eva@example.com").await.refused(429, "too_many_tries");
    free(5, "eva@example.com").await.ok();
    // The refused one counts against its network, too.
    for number in 0..39 {
        if number % 10 == 0 {
            next_quarter();
        }
        free(4, &format!("persona{}@example.com", number / 8)).await.ok();
    }
    free(4, "otra@example.com").await.refused(429, "too_many_tries");
    app.close().await;
}

#[tokio::test]
async fn a_personal_code_is_not_for_an_address_that_was_only_typed() {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.show(&organizer, "Los Faroles", 10, 50_000).await;
    let ana = app.confirmed("ana").await;
    let promotion = json!({
        "promotion_name": "Amiga", "promotion_code": "PARAANA", "discount_type": "percentage", "discount_value": 50,
        "applies_to": "event", "target_event_id": show.id, "bound_email": ANA,
    });
    app.post("/api/v1/promotions").token(&organizer.token).json(promotion).ok().await;
    let quote = async |token: Option<&str>| {
        let body = json!({"event_id": show.id, "lines": [places(&show, 1)], "promotion_code": "PARAANA"});
        let request = app.post("/api/v1/public/quotes").json(body);
        match token {
            Some(token) => request.token(token).ok().await,
            None => request.ok().await,
        }
    };
    assert_eq!(quote(None).await["promotion"]["reason"], "not_for_buyer");
    let hers = quote(Some(&ana.token)).await;
    assert_eq!(hers["promotion"]["applied"], true);
    let path = "/api/v1/reservations";
    reserve(app.post(path), &hers, ANA).refused(403, "promotion_not_for_buyer").await;
    app.post(path).token(&ana.token).json(json!({"quote": hers["quote"]})).ok().await;
    app.close().await;
}
