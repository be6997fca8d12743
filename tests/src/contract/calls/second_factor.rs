//! Calls about second factors. The buyer and the friend have some only while such a call needs them, and the
//! operator only to sign in: all other calls sign in by the password alone.

use auth::testing::Authenticator;
use domain::UserId;
use domain::second_factor::SecondFactors;
use serde_json::{Value, json};
use testkit::TestUser;

use super::super::world::{SampleBoxOffice, text};
use super::{Call, DataOwner};
use crate::second_factor::{add_app, code_of};
use crate::table::table_of;

/// Takes the second factors of buyer, friend and operator away.
pub(super) async fn forget(world: &SampleBoxOffice) {
    let (store, now) = (table_of(&world.app, "auth"), world.app.clock.now());
    for person in [&world.buyer, &world.friend, &world.operator] {
        let user: UserId = person.id.parse().expect("an id");
        let forget = |factors: &mut SecondFactors| {
            (factors.app, factors.passkeys, factors.recovery) = (None, Vec::new(), Vec::new());
            Ok(())
        };
        if !store.second_factors(user).await.expect("read").is_empty() {
            store.change_factors(user, now, forget).await.expect("changed");
        }
    }
}

pub(super) async fn call(world: &SampleBoxOffice, method: &str, path: &str) -> Option<Call> {
    let buyers = || Call::new(DataOwner::Buyer);
    Some(match (method, path) {
        ("GET", "/auth/me/factors")
        | ("POST", "/auth/me/factors/totp" | "/auth/me/factors/passkeys/options") => {
            Call::new(DataOwner::Caller)
        }
        ("POST", "/auth/reauthenticate") => {
            Call::new(DataOwner::Caller).body(json!({"password": testkit::PASSWORD}))
        }
        ("POST", "/auth/me/factors/totp/confirm") => {
            let new = begin(world, "totp").await;
            let code = code_of(&world.app, &text(&new["secret"]));
            buyers().body(json!({"enrolment": new["enrolment"], "code": code}))
        }
        ("POST", "/auth/me/factors/passkeys") => buyers().body(new_passkey(world, 7).await),
        ("POST", "/auth/me/recovery-codes") | ("DELETE", "/auth/me/factors/totp") => {
            add_app(&world.app, &world.buyer.token).await;
            buyers()
        }
        ("DELETE", "/auth/me/factors/passkeys/{id}") => {
            let new = new_passkey(world, 8).await;
            let path = "/api/v1/auth/me/factors/passkeys";
            world.app.post(path).token(&world.buyer.token).json(new.clone()).ok().await;
            buyers().at("id", text(&new["credential"]["id"]))
        }
        ("POST", "/auth/second-factor") => {
            Call::new(DataOwner::Everybody).body(answered(world, &world.friend).await)
        }
        _ => return None,
    })
}

async fn begin(world: &SampleBoxOffice, what: &str) -> Value {
    world.app.post(format!("/api/v1/auth/me/factors/{what}")).token(&world.buyer.token).ok().await
}

/// A new passkey of the buyer, as it is added.
async fn new_passkey(world: &SampleBoxOffice, id: u8) -> Value {
    let new = begin(world, "passkeys/options").await;
    let credential = Authenticator::new(id, world.app.cloud.url()).create(&new["options"]);
    json!({"enrolment": new["enrolment"], "name": "Celular", "credential": credential})
}

/// The answer that finishes a sign-in of `person`.
async fn answered(world: &SampleBoxOffice, person: &TestUser) -> Value {
    let added = add_app(&world.app, &person.token).await;
    let login = json!({"email": person.email, "password": testkit::PASSWORD});
    let asked = world.app.post("/api/v1/auth/login").json(login).refused(403, "second_factor_required").await;
    json!({"challenge": asked["challenge"], "recovery_code": added.recovery_codes[0]})
}
