//! Calls about a person's data.

use domain::access::Role;
use serde_json::{Value, json};

use super::super::world::{SampleBoxOffice, text};
use super::{Call, DataOwner};
use crate::table::table_of;

fn consent(world: &SampleBoxOffice) -> Value {
    json!({"tenant": world.admin.tenant, "purpose": "news", "given": true, "text_version": 1})
}

pub(super) async fn call(world: &SampleBoxOffice, method: &str, path: &str) -> Option<Call> {
    Some(match (method, path) {
        ("GET", "/auth/me/export") => Call::new(DataOwner::Caller).query("limit=2"),
        ("GET", "/auth/me/consents") => Call::new(DataOwner::Caller),
        ("PUT", "/auth/me/consents") => Call::new(DataOwner::Caller).body(consent(world)),
        ("POST", "/auth/unsubscribe/{token}") => {
            let said = world.app.put("/api/v1/auth/me/consents").token(&world.buyer.token);
            let url = text(&said.json(consent(world)).ok().await["unsubscribe_url"]);
            let (_, token) = url.rsplit_once('/').expect("an address");
            Call::new(DataOwner::Everybody).at("token", token)
        }
        ("DELETE", "/auth/me") => {
            // No organiser is left without an admin.
            let (store, now) = (table_of(&world.app, "events"), world.app.clock.now());
            let friend = world.friend.id.parse().expect("an id");
            let staff = [&world.organizer.token, &world.coordinator.token, &world.scanner.token];
            let admins =
                [&world.admin.token, &world.stranger.token, &world.strict.token, &world.operator.token];
            for token in [&world.buyer.token].into_iter().chain(staff).chain(admins) {
                let profile = world.app.get("/api/v1/auth/me").token(token).send().await;
                // The account is closed, after an earlier call.
                if profile.status != 200 {
                    continue;
                }
                let profile = profile.json();
                for place in profile["workplaces"].as_array().into_iter().flatten() {
                    let tenant = text(&place["tenant"]).parse().expect("an id");
                    store.add_staff(tenant, friend, Role::Admin, now).await.expect("added");
                }
            }
            Call::new(DataOwner::Caller).body(json!({"erase": true}))
        }
        _ => return None,
    })
}
