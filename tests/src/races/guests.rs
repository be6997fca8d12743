//! Buyers without an account at the same moment: limits by address and network, one order of one
//! quote, and a link that was ended.

use std::collections::BTreeSet;

use cloud::services::{FaultRates, Spot};
use domain::order::{Order, OrderStatus};
use domain::order_link::OrderLink;
use domain::{OrderId, Timestamp};
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Answer, Request, Show, TestApp};

use crate::table::{fingerprints, table_of};

const ANA: &str = "ana@example.com";

/// Makes queries of users' items stale, so that counting again after a write finds nothing.
fn blind() -> FaultRates {
    FaultRates { stale_queries: vec!["U#".to_owned()], ..FaultRates::default() }
}

/// Switches off the conditions of writes to users' items.
fn unguarded() -> FaultRates {
    FaultRates { ignored_conditions: vec!["U#".to_owned()], ..FaultRates::default() }
}

async fn box_office() -> (TestApp, Show) {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.show(&organizer, "Los Faroles", 100, 50_000).await;
    (app, show)
}

/// A guest's reservation of one place from a network.
async fn hold(app: &TestApp, show: &Show, network: u8) -> Request {
    let quote = app.quote(&show.id, json!({"area_id": show.area, "quantity": 1})).await;
    let body = json!({"quote": quote["quote"], "email": ANA, "name": "Ana"});
    app.from_network(network, Method::POST, "/api/v1/reservations").json(body)
}

/// One address reserves from several networks at once, `each` times from each. Returns how many are
/// held by the answers and in the table, by network.
async fn reserve_at_once(networks: u8, each: usize, rates: FaultRates) -> Vec<(usize, usize)> {
    let (app, show) = box_office().await;
    let mut requests = Vec::new();
    for network in 0..networks {
        for _ in 0..each {
            requests.push((network, hold(&app, &show, 2 + network).await));
        }
    }
    app.chaos.set(rates);
    let race = app.chaos.rendezvous(requests.len(), Spot::at("U#").by("purchases"));
    let sent = requests.into_iter().map(|(network, request)| {
        let answer = race.racer(request.send());
        async move { (network, answer.await) }
    });
    let answers: Vec<(u8, Answer)> = join_all(sent).await;
    assert_eq!(race.met(), answers.len(), "all have seen that there are none");
    app.chaos.set(FaultRates::default());
    let marks = fingerprints(&app);
    let guest = marks.guest(&ANA.parse().expect("an address"));
    let orders = table_of(&app, "purchases").orders_consistent(guest, Timestamp::UNIX_EPOCH).await;
    let orders = orders.expect("read");
    let outcome = (0..networks).map(|network| {
        let heard = answers.iter().filter(|(from, answer)| *from == network && answer.status == 201).count();
        let mark = marks.network_mark(&format!("127.0.0.{}", 2 + network));
        let is_held =
            |order: &&Order| order.status == OrderStatus::Held && order.guest_network.as_ref() == Some(&mark);
        (heard, orders.iter().filter(is_held).count())
    });
    let outcome = outcome.collect();
    app.idle().await;
    outcome
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_twenty_holds_of_a_guest_at_once_four_stay() {
    assert_eq!(reserve_at_once(1, 20, FaultRates::default()).await, [(4, 4)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_five_networks_at_once_four_stay_of_each() {
    assert_eq!(reserve_at_once(5, 5, FaultRates::default()).await, [(4, 4); 5]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_counting_again_all_twenty_of_a_guest_stay() {
    assert_eq!(reserve_at_once(1, 20, blind()).await, [(20, 20)]);
}

/// Two requests with the same quote and address at the same moment. Returns the statuses, the ids
/// and the links that they were told, and how many orders there are.
async fn same_quote_at_once(networks: [u8; 2]) -> (Vec<Answer>, usize) {
    let (app, show) = box_office().await;
    let quote = app.quote(&show.id, json!({"area_id": show.area, "quantity": 1})).await;
    let body = json!({"quote": quote["quote"], "email": ANA, "name": "Ana"});
    let race = app.chaos.rendezvous(2, Spot::at("U#").by("purchases"));
    let sent = networks.map(|network| {
        let request = app.from_network(network, Method::POST, "/api/v1/reservations").json(body.clone());
        race.racer(request.send())
    });
    let answers = join_all(sent).await;
    assert_eq!(race.met(), 2, "neither knew of the other");
    drop(race);
    let guest = fingerprints(&app).guest(&ANA.parse().expect("an address"));
    let orders = table_of(&app, "purchases").orders_consistent(guest, Timestamp::UNIX_EPOCH).await;
    let path = format!("/api/v1/public/events/{}/areas/{}/availability", show.slug, show.area);
    assert_eq!(app.get(path).ok().await["left"], 99, "one place is held");
    app.idle().await;
    (answers, orders.expect("read").len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_quote_at_once_is_one_order_with_one_link() {
    let (answers, orders) = same_quote_at_once([2, 2]).await;
    let told: Vec<Value> = answers.into_iter().map(Answer::ok).collect();
    assert_eq!(orders, 1);
    assert_eq!(told[0]["id"], told[1]["id"]);
    assert_eq!(told[0]["order_access"], told[1]["order_access"]);
}

/// The control of the test above: a request of another network is told nothing of the order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_quote_at_once_from_two_networks_gives_one_of_them_the_link() {
    let (answers, orders) = same_quote_at_once([2, 3]).await;
    assert_eq!(orders, 1);
    let (told, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 201);
    assert_eq!((told.len(), refused.len()), (1, 1));
    refused.into_iter().for_each(|answer| drop(answer.refused(409, "quote_used")));
}

/// A purchase is under way with the order as it was before its link was renewed. Returns the status
/// of the purchase, and of a request with the old link afterwards.
async fn renew_while_paying(rates: FaultRates) -> (u16, u16) {
    let (app, show) = box_office().await;
    let place = json!({"area_id": show.area, "quantity": 1});
    let held = app.reserve_as_guest(ANA, &show.id, place).await;
    let (id, old) = (held["id"].as_str().expect("an id"), held["order_access"].as_str().expect("a link"));
    app.chaos.set(rates);
    let halt = app.chaos.halt(Spot::at("U#").by("purchases"));
    let pay = app.post("/api/v1/purchases").link(old).json(json!({"reservation_id": id}));
    let paying = tokio::spawn(pay.send());
    halt.reached().await;
    let renewed = app.post(format!("/api/v1/purchases/{id}/link")).link(old).send().await;
    assert_eq!(renewed.status, 202, "{}", renewed.text());
    drop(halt);
    let paid = paying.await.expect("no panic");
    app.chaos.set(FaultRates::default());
    app.idle().await;
    let opened = app.get(format!("/api/v1/reservations/{id}")).link(old).send().await;
    app.idle().await;
    (paid.status, opened.status)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_was_ended_stays_ended() {
    assert_eq!(renew_while_paying(FaultRates::default()).await, (409, 401));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_guard_an_ended_link_opens_its_order_again() {
    let outcome = renew_while_paying(unguarded()).await;
    assert_eq!(outcome, (201, 200), "the race test would not notice a race");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_links_renewed_at_once_one_opens_the_order() {
    let (app, show) = box_office().await;
    let place = json!({"area_id": show.area, "quantity": 1});
    let held = app.reserve_as_guest(ANA, &show.id, place).await;
    let (id, old) = (held["id"].as_str().expect("an id"), held["order_access"].as_str().expect("a link"));
    let race = app.chaos.rendezvous(2, Spot::at("U#").by("purchases"));
    let renew = || app.post(format!("/api/v1/purchases/{id}/link")).link(old);
    let answers = join_all([renew(), renew()].map(|request| race.racer(request.send()))).await;
    assert_eq!(race.met(), 2, "both have read the same order");
    drop(race);
    app.idle().await;
    let renewed = answers.iter().filter(|answer| answer.status == 202).count();
    let guest = fingerprints(&app).guest(&ANA.parse().expect("an address"));
    let order: OrderId = id.parse().expect("an id");
    let order = table_of(&app, "purchases").order(guest, order).await.expect("read").expect("there");
    // Both wrote the very same order, or one was told that it changed.
    assert!(renewed >= 1 && answers.iter().all(|answer| [202, 409].contains(&answer.status)));
    assert_eq!(order.link_epoch, 1);
    let mailed: BTreeSet<String> = app
        .mails(ANA)
        .iter()
        .filter_map(|mail| {
            Some(mail.text.as_ref()?.split_once("#a=")?.1.get(..OrderLink::LENGTH)?.to_owned())
        })
        .collect();
    assert_eq!(mailed.len(), 1, "one link was mailed");
    let path = format!("/api/v1/reservations/{id}");
    for link in &mailed {
        app.get(&path).link(link).ok().await;
    }
    app.get(&path).link(old).refused(401, "order_link_invalid").await;
    app.close().await;
}
