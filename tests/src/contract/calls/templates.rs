//! Calls about a tenant's mail templates.

use serde_json::json;

use super::super::world::SampleBoxOffice;
use super::{Call, DataOwner};

pub(super) async fn call(world: &SampleBoxOffice, method: &str, path: &str) -> Option<Call> {
    let rest = path.strip_prefix("/supervision/templates")?;
    let one = Call::new(DataOwner::Caller).at("name", "discount_rejected").at("language", "en");
    let saved = world.app.put("/api/v1/supervision/templates/discount_rejected/en").token(&world.admin.token);
    let saved = saved.json(json!({"subject": world.new_code(), "body": "Not for {{ show }}, {{ name }}."}));
    Some(match (method, rest) {
        ("GET", "") => Call::new(DataOwner::Caller),
        ("POST", "/preview") => Call::new(DataOwner::Caller).body(json!({
            "name": "discount_approved", "language": "es", "subject": "Ven a {{ show }}",
            "body": "Hola {{ name }}:\n\n{% if code %}Usa {{ code }}{% else %}{{ link }}{% endif %}",
        })),
        ("GET", "/{name}/{language}") => one,
        ("PUT", "/{name}/{language}") => {
            one.body(json!({"subject": world.new_code(), "body": "Not this time, {{ name }}."}))
        }
        ("DELETE", "/{name}/{language}") => {
            saved.ok().await;
            one
        }
        ("GET", "/{name}/{language}/versions") => {
            saved.ok().await;
            one.query("limit=2")
        }
        ("POST", "/{name}/{language}/restore") => {
            // The stranger needs a version to restore as well.
            let path = "/api/v1/supervision/templates/discount_rejected/en";
            let body = json!({"subject": "Sorry", "body": "Not this time."});
            world.app.put(path).token(&world.stranger.token).json(body).ok().await;
            saved.ok().await;
            one.body(json!({"version": 1}))
        }
        _ => return None,
    })
}
