//! One member for each address and each national id, also if many register at the same moment.

use std::collections::BTreeSet;
use std::sync::Arc;

use cloud::services::{FaultRates, Spot};
use serde_json::{Value, json};
use testkit::TestApp;

const PEOPLE: usize = 32;
/// Tries of one registration while the box office answers 503.
const TRIES: usize = 20;

/// The result of many registrations at the same moment.
struct Outcome {
    /// The names in the successful answers.
    registered: Vec<String>,
    /// The error codes of the refusals.
    refused: BTreeSet<String>,
    /// The names in the supervisors' list of members.
    listed: Vec<String>,
}

/// Registers [`PEOPLE`] people at the same moment, each under another name, and retries while
/// the answer is 503.
async fn rush(rates: FaultRates, body: fn(usize) -> Value) -> Outcome {
    let app = Arc::new(TestApp::start().await);
    let organizer = app.organizer("faroles").await;
    app.chaos.set(rates);
    // All requests have read that the address and the id are free.
    let race = Arc::new(app.chaos.rendezvous(PEOPLE, Spot::at("MB").by("members")));
    let attempts: Vec<_> = (0..PEOPLE)
        .map(|index| {
            // As staff, whose registrations are not limited.
            let (app, token, mut body) = (app.clone(), organizer.token.clone(), body(index));
            body["name"] = json!(format!("Persona {index}"));
            let race = race.clone();
            let register = async move {
                for _ in 0..TRIES {
                    let request = app.post("/api/v1/users/register").token(&token).json(body.clone());
                    let answer = request.send().await;
                    match answer.status {
                        201 => return Ok(answer.json()["name"].clone()),
                        503 => {}
                        409 => return Err(answer.json()["code"].clone()),
                        status => panic!("{status}: {}", answer.text()),
                    }
                }
                panic!("the box office never had time")
            };
            tokio::spawn(async move { race.racer(register).await })
        })
        .collect();
    let (mut registered, mut refused) = (Vec::new(), BTreeSet::new());
    for attempt in attempts {
        let text = |value: Value| value.as_str().expect("text").to_owned();
        match attempt.await.expect("no panic") {
            Ok(name) => registered.push(text(name)),
            Err(code) => {
                refused.insert(text(code));
            }
        }
    }
    app.chaos.set(FaultRates::default());
    assert_eq!(race.met(), PEOPLE);
    let page = app.get("/api/v1/users/list?limit=100").token(&organizer.token).ok().await;
    let items = page["items"].as_array().expect("items").iter();
    let listed = items.map(|member| member["name"].as_str().expect("a name").to_owned()).collect();
    app.idle().await;
    Outcome { registered, refused, listed }
}

fn same_address(_: usize) -> Value {
    json!({"email": "deseada@example.com"})
}

fn same_id(index: usize) -> Value {
    json!({"email": format!("persona{index}@example.com"), "dni": 1_020_304_050})
}

/// Ignores the conditions on members, their addresses and their national ids.
fn unguarded() -> FaultRates {
    FaultRates { ignored_conditions: vec!["MB".to_owned()], ..FaultRates::default() }
}

fn check(outcome: &Outcome, code: &str) {
    assert_eq!(outcome.registered.len(), 1, "{:?}", outcome.registered);
    assert_eq!(outcome.listed, outcome.registered, "who was told is who is there");
    assert_eq!(outcome.refused, BTreeSet::from([code.to_owned()]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_has_one_member() {
    check(&rush(FaultRates::default(), same_address).await, "email_taken");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_guard_an_address_has_many() {
    let outcome = rush(unguarded(), same_address).await;
    assert_eq!(outcome.listed.len(), PEOPLE, "the race test would not notice a race");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_national_id_has_one_member() {
    check(&rush(FaultRates::default(), same_id).await, "dni_taken");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_guard_a_national_id_has_many() {
    let outcome = rush(unguarded(), same_id).await;
    assert_eq!(outcome.listed.len(), PEOPLE, "the race test would not notice a race");
}

/// The table's answers are lost after it has written: the person who got the address must not
/// be told that it is taken.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registration_whose_answer_was_lost_is_not_refused() {
    let rates = || FaultRates { conflicts_in_flight: true, lost_answer: 0.5, ..FaultRates::default() };
    check(&rush(rates(), same_address).await, "email_taken");
    check(&rush(rates(), same_id).await, "dni_taken");
}
