//! Calls about an organiser's own hosts.

use serde_json::json;

use super::super::world::{SampleBoxOffice, text};
use super::{Call, DataOwner};
use crate::flows::sites::show_proof;

const SITES: &str = "/api/v1/tenant/sites";
/// The beginning of the hosts of these calls.
const OF_CALLS: &str = "amigos";

pub(super) async fn call(world: &SampleBoxOffice, method: &str, path: &str) -> Option<Call> {
    let new = json!({"host": format!("{}.example", world.new_code().to_lowercase())});
    if path == "/tenant/sites" {
        let call = Call::new(DataOwner::Caller);
        return Some(if method == "GET" { call } else { call.body(new) });
    }
    make_room(world).await;
    let site = world.app.post(SITES).token(&world.admin.token).json(new).ok().await;
    let call = Call::new(DataOwner::Tenant).at("host", text(&site["host"]));
    match (method, path) {
        ("DELETE", "/tenant/sites/{host}") => Some(call),
        ("POST", "/tenant/sites/{host}/verify") => {
            show_proof(&world.app, &site);
            Some(call)
        }
        _ => None,
    }
}

/// Deletes the sites of earlier calls: a tenant has at most ten.
async fn make_room(world: &SampleBoxOffice) {
    let token = &world.admin.token;
    for site in world.app.get(SITES).token(token).ok().await["items"].as_array().expect("sites") {
        if !text(&site["host"]).starts_with(OF_CALLS) {
            continue;
        }
        world.app.delete(format!("{SITES}/{}", text(&site["host"]))).token(token).send().await.ok_empty();
    }
}
