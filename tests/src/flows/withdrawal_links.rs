//! Purchases from which one can withdraw, found again by their address alone.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Organizer, Show, TestApp};

use crate::community::text;

const ANA: &str = "ana@example.com";
const ASK: &str = "/api/v1/public/withdrawals";

/// A box office whose organiser's refund policy names Argentina's button.
async fn box_office() -> (TestApp, Organizer, Show) {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let policy = json!({"es": "Diez días.", "withdrawal": "argentina_button"});
    app.put("/api/v1/tenant/policies/refunds").token(&organizer.token).json(policy).ok().await;
    let show = app.show(&organizer, "Los Faroles", 50, 20_000).await;
    (app, organizer, show)
}

/// Asks for the links; the answer is always the same.
async fn ask(app: &TestApp, wish: Value) {
    let answer = app.post(ASK).json(wish).send().await;
    assert_eq!((answer.status, answer.json()), (202, json!({"status": "check_your_email"})));
    app.idle().await;
}

/// The texts of the mails with links that an address got.
fn mailed(app: &TestApp, to: &str) -> Vec<String> {
    let mails = app.mails(to).into_iter();
    let with_links = mails.filter(|mail| mail.subject.contains("arrepentir"));
    with_links.filter_map(|mail| mail.text.clone()).collect()
}

/// The links to orders in a mail, by the order's id.
fn links(mail: &str) -> Vec<(String, String)> {
    let found = mail.split("/purchases/").skip(1).filter_map(|rest| {
        let (order, rest) = rest.split_once("#a=")?;
        Some((order.to_owned(), rest.split_whitespace().next()?.to_owned()))
    });
    found.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_buyer_without_account_and_mail_withdraws_by_the_address() {
    let (app, organizer, show) = box_office().await;
    let place = json!({"area_id": show.area, "quantity": 1});
    let (guests, _) = app.buy_as_guest(ANA, &show.id, place.clone()).await;
    let ana = app.confirmed("ana").await;
    let own = app.buy(&ana.token, &show.id, place.clone()).await;
    let (others, _) = app.buy_as_guest("eva@example.com", &show.id, place.clone()).await;
    // Of another organiser, who gives no such right.
    let elsewhere = app.organizer("mareas").await;
    let other_show = app.show(&elsewhere, "Marea Baja", 50, 20_000).await;
    app.buy_as_guest(ANA, &other_show.id, json!({"area_id": other_show.area, "quantity": 1})).await;

    ask(&app, json!({"email": "nadie@example.com"})).await;
    assert_eq!(mailed(&app, "nadie@example.com"), [""; 0]);
    ask(&app, json!({"email": "Ana@Example.com"})).await;
    let mails = mailed(&app, ANA);
    assert_eq!(mails.len(), 1, "one mail for all");
    let found = links(&mails[0]);
    let mut orders: Vec<&str> = found.iter().map(|(order, _)| order.as_str()).collect();
    orders.sort_unstable();
    let mut expected = [text(&guests["id"]), text(&own["id"])];
    expected.sort_unstable();
    assert_eq!(orders, expected, "those of the address from which one can withdraw");

    // Each link opens its order without a sign-in, and withdraws from it.
    for (order, link) in &found {
        let path = format!("/api/v1/purchases/{order}/withdrawal");
        assert_eq!(app.post(path).link(link).ok().await["status"], "refunded");
    }
    app.idle().await;
    ask(&app, json!({"email": ANA})).await;
    assert_eq!(mailed(&app, ANA).len(), 1, "nothing is left to withdraw from");
    // The one that is named, if it is the address's.
    ask(&app, json!({"email": "eva@example.com", "order_id": guests["id"]})).await;
    assert_eq!(mailed(&app, "eva@example.com"), [""; 0]);
    ask(&app, json!({"email": "eva@example.com", "order_id": others["id"]})).await;
    assert_eq!(mailed(&app, "eva@example.com").len(), 1);
    let _ = organizer;
    app.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_gets_three_such_mails_an_hour_for_a_network() {
    let (app, _, show) = box_office().await;
    app.buy_as_guest(ANA, &show.id, json!({"area_id": show.area, "quantity": 1})).await;
    for _ in 0..5 {
        ask(&app, json!({"email": ANA})).await;
    }
    assert_eq!(mailed(&app, ANA).len(), 3, "the further ones were answered alike");
    let elsewhere = app.from_network(9, Method::POST, ASK).json(json!({"email": ANA}));
    assert_eq!(elsewhere.send().await.status, 202);
    app.idle().await;
    assert_eq!(mailed(&app, ANA).len(), 4, "a neighbour uses up nothing");
    app.clock.advance(Duration::from_secs(3601));
    ask(&app, json!({"email": ANA})).await;
    assert_eq!(mailed(&app, ANA).len(), 5);
    // Who names address after address is stopped.
    let mut last = 202;
    for number in 0..101 {
        last =
            app.post(ASK).json(json!({"email": format!("persona{number}@example.com")})).send().await.status;
    }
    assert_eq!(last, 429);
    app.close().await;
}
