//! Calls about organisers' logos, policies and pages.

use serde_json::json;

use super::super::world::SampleBoxOffice;
use super::{Call, DataOwner};

/// The beginnings of their paths.
pub(super) const PATHS: [&str; 3] = ["/tenant/logo", "/tenant/policies", "/public/organizers"];

pub(super) async fn call(world: &SampleBoxOffice, method: &str, path: &str) -> Option<Call> {
    let callers = Call::new(DataOwner::Caller);
    let everybodys = Call::new(DataOwner::Everybody).at("slug", &world.admin.tenant);
    // The same text each time, so that the versions stay few.
    let policy =
        json!({"es": "Usamos tus datos para tus entradas.\n\nY para nada más.", "en": "For your tickets."});
    Some(match (method, path) {
        ("POST", "/tenant/logo") => callers.body(json!({"content_type": "image/png", "size": 1000})),
        ("DELETE", "/tenant/logo") | ("GET", "/tenant/policies") => callers,
        ("PUT", "/tenant/policies/{kind}") => callers.at("kind", "refunds").body(json!({
            "es": format!("Devolvemos {}.", world.new_code()), "withdrawal": "argentina_button",
        })),
        ("GET", "/public/organizers/{slug}") => everybodys,
        ("GET", "/public/organizers/{slug}/policies/{kind}") => {
            let path = "/api/v1/tenant/policies/privacy";
            world.app.put(path).token(&world.admin.token).json(policy).ok().await;
            everybodys.at("kind", "privacy").query("version=1")
        }
        _ => return None,
    })
}
