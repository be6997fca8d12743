//! A code, a recovery code and a challenge are good once, also for two who use them at the same moment.

use cloud::services::{FaultRates, Spot};
use futures::future::join_all;
use serde_json::{Value, json};
use testkit::{TestApp, TestUser};

use crate::second_factor::{add_app, code_of};

/// What two sign-ins at the same moment share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shared {
    Code,
    RecoveryCode,
    /// The challenge and the code: the same request twice.
    All,
}

async fn asked(app: &TestApp, person: &TestUser) -> Value {
    let login = json!({"email": person.email, "password": testkit::PASSWORD});
    app.post("/api/v1/auth/login").json(login).refused(403, "second_factor_required").await["challenge"]
        .clone()
}

/// How many of two simultaneous sign-ins succeed.
async fn signed_in(shared: Shared, rates: FaultRates) -> usize {
    let app = TestApp::start().await;
    let ana = app.confirmed("ana").await;
    let added = add_app(&app, &ana.token).await;
    app.clock.advance(std::time::Duration::from_secs(60));
    let first = asked(&app, &ana).await;
    let second = if shared == Shared::All { first.clone() } else { asked(&app, &ana).await };
    let code = code_of(&app, &added.secret);
    let answer = |challenge: Value| match shared {
        Shared::RecoveryCode => json!({"challenge": challenge, "recovery_code": added.recovery_codes[0]}),
        Shared::Code | Shared::All => json!({"challenge": challenge, "code": code}),
    };
    app.chaos.set(rates);
    let race = app.chaos.rendezvous(2, Spot::at("U#").by("auth"));
    let send = |challenge| race.racer(app.post("/api/v1/auth/second-factor").json(answer(challenge)).send());
    let answers = join_all([send(first), send(second)]).await;
    assert_eq!(race.met(), 2, "both have seen that it is not used");
    app.chaos.set(FaultRates::default());
    let (good, bad): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
    for answer in bad {
        let code = answer.json()["code"].clone();
        assert!(
            ["code_used", "wrong_code", "challenge_over"].contains(&code.as_str().expect("a code")),
            "{code}"
        );
    }
    app.close().await;
    good.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_factor_is_used_once() {
    for shared in [Shared::Code, Shared::RecoveryCode, Shared::All] {
        assert_eq!(signed_in(shared, FaultRates::default()).await, 1, "{shared:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_condition_it_is_used_twice() {
    for shared in [Shared::Code, Shared::RecoveryCode, Shared::All] {
        let unguarded = FaultRates { ignored_conditions: vec!["U#".to_owned()], ..FaultRates::default() };
        assert_eq!(
            signed_in(shared, unguarded).await,
            2,
            "{shared:?}: the race test would not notice a race"
        );
    }
}
