//! Requests that create or charge can be retried.

use serde_json::Value;

use super::calls::{call, rightful};
use super::document::{Operation, operations};
use super::judge::Judge;
use super::world::SampleBoxOffice;

/// Operations that create something and take no key, each for its reason.
const WITHOUT_KEY: [&str; 4] = [
    // Public. The id follows from the member and the show; a repetition is told which request is open.
    "POST /api/v1/discounts/request",
    // Its answer has a secret that is not stored, so it cannot be repeated.
    "POST /api/v1/door/devices",
    // A repetition changes nothing.
    "POST /api/v1/tenant/staff",
    // Public. A repetition answers with the same member.
    "POST /api/v1/users/register",
];

fn takes_key(operation: &Operation) -> bool {
    operation.parameters("header").any(|parameter| parameter["name"] == "Idempotency-Key")
}

#[test]
fn operations_that_create_take_an_idempotency_key() {
    let creates = |operation: &&Operation| operation.response(201).is_some();
    let mut without: Vec<String> = operations()
        .iter()
        .filter(creates)
        .filter(|operation| !takes_key(operation))
        .map(Operation::route)
        .collect();
    without.sort();
    assert_eq!(without, WITHOUT_KEY);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_key_gets_the_same_answer_and_another_body_a_refusal() {
    let world = SampleBoxOffice::open().await;
    let judge = Judge::new();
    for operation in operations().iter().filter(|operation| takes_key(operation)) {
        let route = operation.route();
        let key = operation.described["operationId"].as_str().expect("an id");
        let prepared = call(&world, operation).await;
        let token = rightful(&world, operation, prepared.whose).expect("somebody");
        let send =
            |call: &super::calls::Call| call.request(&world, operation, Some(&token)).idempotent(key).send();
        let first = send(&prepared).await;
        assert!((200..300).contains(&first.status), "{route}: {}", first.text());
        let again = send(&prepared).await;
        judge.verdict(Some(operation), &again).unwrap_or_else(|problem| panic!("{route}: {problem}"));
        assert_eq!(again.status, first.status, "{route}: {}", again.text());
        assert_eq!(lasting(&again.json()), lasting(&first.json()), "{route}");
        world.app.idle().await;

        let other = call(&world, operation).await;
        if other.body != prepared.body || other.path != prepared.path {
            send(&other).await.refused(422, "idempotency_key_reused");
        }
    }
    world.app.close().await;
}

/// An answer without the fields that differ each time: signatures and their times.
fn lasting(answer: &Value) -> Value {
    let mut answer = answer.clone();
    if let Some(members) = answer.as_object_mut() {
        for name in ["upload_url", "headers", "expires_at", "checkout_url"] {
            members.remove(name);
        }
    }
    answer
}
