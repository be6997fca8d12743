//! Calls about series.

use serde_json::json;

use super::super::world::{SampleBoxOffice, text};
use super::{Call, DataOwner};

pub(super) async fn call(world: &SampleBoxOffice, method: &str, path: &str) -> Option<Call> {
    let new = json!({
        "name": "Temporada de faroles", "artist": "Los Faroles", "description": "Tres noches.\n\nUna banda.",
        "img": "https://fotos.example/temporada.png", "slug": format!("temporada-{}", world.new_code().to_lowercase()),
    });
    if path == "/series" {
        let call = Call::new(DataOwner::Caller);
        return Some(if method == "GET" { call.query("limit=2") } else { call.body(new) });
    }
    let series = world.app.post("/api/v1/series").token(&world.admin.token).json(new).ok().await;
    let id = text(&series["id"]);
    let call = Call::new(DataOwner::Tenant).at("id", &id);
    Some(match (method, path) {
        ("GET" | "DELETE", "/series/{id}") => call,
        ("PATCH", "/series/{id}") => call.body(json!({"name": "Otra temporada", "img": null, "version": 1})),
        ("GET", "/public/series/{slug}") => {
            let date = json!({"series_id": id});
            let show = format!("/api/v1/events/{}", world.show.id);
            world.app.patch(show).token(&world.admin.token).json(date).ok().await;
            Call::new(DataOwner::Everybody).at("slug", text(&series["slug"]))
        }
        _ => return None,
    })
}
