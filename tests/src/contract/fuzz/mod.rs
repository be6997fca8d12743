//! Random requests, generated from the description of the API.
//!
//! Half of them are as valid as a generator gets them, with the odd value at or
//! beyond its bounds; the others are broken on purpose in body, path, query or
//! headers. Each answer must be one that the description allows, and never a server error.
//! `TAQUILLA_FUZZ` says how many requests to make, and `TAQUILLA_FUZZ_SEED` which; both are
//! printed when a problem is found.

mod attacks;
mod values;

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use reqwest::header::CONTENT_TYPE;
use serde_json::Value;
use testkit::Answer;

use self::values::Pool;
use super::calls::{Call, DataOwner, call, rightful};
use super::document::{Operation, operations};
use super::judge::Judge;
use super::world::SampleBoxOffice;

/// Requests in an ordinary run of the tests.
const REQUESTS: u32 = 1_500;
/// After so many requests a new box office is opened: tokens expire, and the things that
/// requests can name are deleted or sold.
const ROUND: u32 = 1_500;
const SEED: u64 = 20_261_121;
/// How many findings are printed.
const TOLD: usize = 25;
/// How many characters of an address, a header, a body or a problem are printed.
const TOLD_CHARS: usize = 700;

/// A request that can be sent, and printed to be reproduced.
#[derive(Debug, Clone)]
struct Attempt {
    method: String,
    address: String,
    token: Option<String>,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

impl Attempt {
    async fn send(&self, world: &SampleBoxOffice) -> Answer {
        let mut request = world.app.request(self.method.parse().expect("a method"), &self.address);
        let has_type = self.headers.iter().any(|(name, _)| name == CONTENT_TYPE.as_str());
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if let Some(token) = &self.token {
            request = request.token(token);
        }
        match &self.body {
            Some(body) if has_type => request.raw(body.clone()),
            Some(body) => request.body("application/json", body.clone()),
            None => request,
        }
        .send()
        .await
    }

    fn tell(&self) -> String {
        let short = |text: &str| text.chars().take(TOLD_CHARS).collect::<String>();
        let mut text = format!("{} {}", self.method, short(&self.address));
        for (name, value) in &self.headers {
            text.push_str(&format!("\n      {name}: {}", short(value)));
        }
        if let Some(body) = &self.body {
            let bytes = body.len();
            text.push_str(&format!("\n      {bytes} bytes: {}", short(&String::from_utf8_lossy(body))));
        }
        text
    }
}

/// The problems found, by route and kind, and the routes that succeeded.
#[derive(Default)]
struct Findings {
    by_kind: BTreeMap<(String, String), (u32, String)>,
    succeeded: BTreeSet<String>,
}

impl Findings {
    fn note(&mut self, operation: &Operation, problem: &str, number: u32, attempt: &Attempt) {
        // Without digits, the same problem with another id is the same text.
        let kind: String = problem.chars().filter(|c| !c.is_numeric()).take(60).collect();
        let problem: String = problem.chars().take(TOLD_CHARS).collect();
        let told = format!("request {number}: {problem}\n    {}", attempt.tell());
        let entry = self.by_kind.entry((operation.route(), kind)).or_insert((0, told));
        entry.0 += 1;
    }

    fn tell(&self, seed: u64, requests: u32) -> String {
        let kinds = self.by_kind.len();
        let mut text =
            format!("TAQUILLA_FUZZ_SEED={seed} TAQUILLA_FUZZ={requests} found {kinds} kinds of problems\n");
        for ((route, _), (count, told)) in self.by_kind.iter().take(TOLD) {
            text.push_str(&format!("\n{route}, {count} times, first with {told}\n"));
        }
        text
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_gets_an_answer_that_is_not_described() {
    let env = boot::Env::process();
    let requests: u32 = env.parsed("TAQUILLA_FUZZ").expect("a number").unwrap_or(REQUESTS);
    let seed: u64 = env.parsed("TAQUILLA_FUZZ_SEED").expect("a number").unwrap_or(SEED);
    let judge = Judge::new();
    let mut findings = Findings::default();
    let mut rng = Rng::with_seed(seed);
    for first in (0..requests).step_by(ROUND as usize) {
        let numbers = first..requests.min(first + ROUND);
        round(&judge, &mut findings, &mut rng, numbers).await;
    }
    assert!(findings.by_kind.is_empty(), "{}", findings.tell(seed, requests));
    // Otherwise the requests were so bad that they reached nothing behind the first check.
    let (reached, all) = (findings.succeeded.len(), operations().len());
    assert!(
        requests < REQUESTS || reached * 4 >= all * 3,
        "only {reached} of {all} operations succeeded once"
    );
}

async fn round(judge: &Judge, findings: &mut Findings, rng: &mut Rng, numbers: std::ops::Range<u32>) {
    let world = SampleBoxOffice::open().await;
    let mut prepared = Vec::new();
    for operation in operations() {
        prepared.push((operation, call(&world, operation).await));
    }
    let pool = Pool::new(&world, prepared.iter().map(|(_, call)| call));
    for number in numbers {
        let (operation, call) = &prepared[rng.usize(..prepared.len())];
        let attempt = attempt(&world, &pool, operation, call, rng);
        let answer = attempt.send(&world).await;
        if answer.status < 400 {
            findings.succeeded.insert(operation.route());
        }
        if let Err(problem) = judge.verdict(Some(operation), &answer) {
            findings.note(operation, &problem, number, &attempt);
        }
        if number % 10 == 0 {
            world.app.clock.advance(std::time::Duration::from_millis(rng.u64(0..2_000)));
        }
    }
    // The messages that the requests caused must be processed as well.
    world.app.close().await;
}

/// Generates a request to an operation.
fn attempt(
    world: &SampleBoxOffice,
    pool: &Pool,
    operation: &Operation,
    call: &Call,
    rng: &mut Rng,
) -> Attempt {
    let mut attempt = Attempt {
        method: operation.method.clone(),
        address: call.address(operation),
        token: token(world, operation, call, rng),
        headers: Vec::new(),
        body: None,
    };
    let mut body = call.body.clone();
    if let Some(schema) = operation.body_schema().filter(|_| rng.u8(..10) < 4) {
        body = Some(pool.value(schema, "", rng));
    }
    if rng.u8(..10) < 3 {
        attempt.address = attacks::with_query(&call.address(operation), &pool.query(operation, rng));
    }
    match rng.u8(..20) {
        0..8 => {}
        8..13 => {
            for _ in 0..rng.u8(1..4) {
                body = body.map(|body| attacks::mutate(body, pool, rng));
            }
        }
        13 => {
            let (kind, bytes) = attacks::raw_body(body.as_ref(), rng);
            attempt.headers.extend(kind.map(|kind| (CONTENT_TYPE.to_string(), kind.to_owned())));
            attempt.body = Some(bytes);
            return attempt;
        }
        14 | 15 => attempt.address = attacks::address(operation, call, pool, rng),
        16 | 17 => attempt.address = attacks::with_query(&attempt.address, &attacks::query(operation, rng)),
        _ => {
            let (name, value) = attacks::header(rng);
            if name == "authorization" {
                attempt.token = None;
            }
            attempt.headers.push((name.to_owned(), value));
        }
    }
    attempt.body = body.as_ref().map(|body| body.to_string().into_bytes());
    if call.whose == DataOwner::Gateway && rng.u8(..4) > 0 {
        let signature = world.signature(attempt.body.as_deref().unwrap_or_default());
        attempt.headers.push(("x-sandbox-signature".to_owned(), signature));
    }
    if call.whose == DataOwner::Sns && rng.u8(..4) > 0 {
        let event = body.unwrap_or_default().to_string();
        attempt.body = Some(serde_json::to_vec(&world.signed_by_sns(&event)).expect("JSON"));
    }
    attempt
}

/// A token, mostly of a person who may call the operation.
fn token(world: &SampleBoxOffice, operation: &Operation, call: &Call, rng: &mut Rng) -> Option<String> {
    if rng.u8(..10) < 7 {
        return rightful(world, operation, call.whose);
    }
    let tokens =
        [&world.buyer.token, &world.admin.token, &world.scanner.token, &world.stranger.token, &world.expired];
    rng.choice(tokens).filter(|_| rng.u8(..6) > 0).cloned()
}

/// All places in a value, by JSON pointer; the value itself is the first.
fn places(value: &Value) -> Vec<String> {
    let mut places = vec![String::new()];
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.replace('~', "~0").replace('/', "~1"), value)).collect()
        }
        Value::Array(items) => {
            items.iter().take(20).enumerate().map(|(index, value)| (index.to_string(), value)).collect()
        }
        _ => Vec::new(),
    };
    for (name, value) in inner {
        places.extend(self::places(value).into_iter().map(|place| format!("/{name}{place}")));
    }
    places
}
