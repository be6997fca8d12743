//! A refund task is closed once, also if two people mark it as done and retry it at the same
//! moment.

use cloud::services::{FaultRates, Spot};
use futures::future::join_all;
use reqwest::Method;
use serde_json::json;
use testkit::TestApp;

use crate::table::leave_to_person;

/// Refund tasks that are marked as done and retried at the same moment.
const REFUNDS: usize = 12;
/// The amount of each refund, in major units.
const AMOUNT: i64 = 1000;

/// How many refunds were made twice: marked as done by hand, and asked for at the gateway, too.
async fn disagree(rates: FaultRates) -> usize {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.show(&organizer, "Los Faroles", 50, 50_000).await;
    let ana = app.somebody("ana").await;
    let mut bought = Vec::with_capacity(REFUNDS);
    for _ in 0..REFUNDS {
        bought.push(app.buy(&ana.token, &show.id, json!({"area_id": show.area, "quantity": 1})).await);
    }
    app.idle().await;
    for purchase in &bought {
        leave_to_person(&app, &ana, purchase, AMOUNT).await;
    }
    app.chaos.set(rates);
    let mut twice = 0;
    for purchase in &bought {
        let id = purchase["id"].as_str().expect("an id");
        let race = app.chaos.rendezvous(4, Spot::at("U#").by("admin"));
        let say = |verb: &str| {
            let path = format!("/api/v1/tenant/refund-tasks/{id}/0/{verb}");
            race.racer(app.request(Method::POST, path).token(&organizer.token).send())
        };
        let said = join_all([say("done"), say("retry"), say("done"), say("retry")]).await;
        assert_eq!(race.met(), 4, "all have seen that it waits");
        let mut heard = Vec::new();
        for answer in said {
            assert!([200, 404, 409, 503].contains(&answer.status), "{}", answer.text());
            if answer.status == 200 {
                heard.push(answer.json()["outcome"].as_str().expect("an outcome").to_owned());
            }
        }
        heard.sort_unstable();
        heard.dedup();
        assert!(!heard.is_empty(), "somebody is heard");
        twice += usize::from(heard.len() > 1);
    }
    app.chaos.set(FaultRates::default());
    app.idle().await;
    app.idle().await;
    twice
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_is_done_by_hand_or_by_the_gateway() {
    assert_eq!(disagree(FaultRates::default()).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_guard_a_refund_is_done_by_both() {
    let unguarded = FaultRates { ignored_conditions: vec!["U#".to_owned()], ..FaultRates::default() };
    assert!(disagree(unguarded).await > 0, "the race test would not notice a race");
}
