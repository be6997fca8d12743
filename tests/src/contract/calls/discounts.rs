//! Calls about requests for discounts and their supervision.

use serde_json::json;

use super::super::world::{SampleBoxOffice, text};
use super::{Call, DataOwner};

pub(super) async fn call(world: &SampleBoxOffice, method: &str, path: &str) -> Option<Call> {
    let (public, tenants, callers) =
        (Call::new(DataOwner::Everybody), Call::new(DataOwner::Tenant), Call::new(DataOwner::Caller));
    Some(match (method, path) {
        ("POST", "/discounts/request") => {
            let email = new_member(world).await;
            public.body(json!({"email": email, "show_id": world.show.id, "message": "Por favor"}))
        }
        ("GET", "/discounts/requests/{id}") => public.at("id", new_request(world).await),
        ("GET", "/discounts/health") => public,
        ("GET", "/discounts/remaining/{show}") => public.at("show", &world.show.id),
        ("GET", "/supervision/queue") => {
            new_request(world).await;
            callers.query("status=undecided&order=oldest_first&limit=3&q=ana&from=2026-01-01T00:00:00Z")
        }
        ("GET", "/supervision/audit") => callers.query("limit=3&month=2026-11"),
        ("GET", "/supervision/dashboard") => callers,
        ("GET", "/supervision/stats") => callers.query("from=2026-01-01T00:00:00Z&to=2026-12-31T00:00:00Z"),
        ("GET", "/supervision/queue/{id}") => tenants.at("id", new_request(world).await),
        ("POST", "/supervision/queue/{id}/action") => tenants
            .at("id", new_request(world).await)
            .body(json!({"action": "approve", "supervisor_notes": "Socia", "version": 1})),
        ("PUT", "/supervision/queue/{id}/edit") => tenants
            .at("id", new_request(world).await)
            .body(json!({"email_subject": "Ven", "email_content": "Con {{ code }}", "supervisor_notes": ""})),
        ("POST", "/supervision/queue/{id}/send") => {
            let id = new_request(world).await;
            let act = world.app.post(format!("/api/v1/supervision/queue/{id}/action"));
            act.token(&world.admin.token).json(json!({"action": "approve"})).ok().await;
            tenants.at("id", id).body(json!({"version": 2}))
        }
        ("POST", "/supervision/queue/bulk") => {
            let ids = [new_request(world).await, new_request(world).await];
            callers.body(json!({"action": "reject", "ids": ids, "supervisor_notes": "Lleno"}))
        }
        _ => return None,
    })
}

/// The address of a new member who may ask for discounts.
async fn new_member(world: &SampleBoxOffice) -> String {
    let email = world.new_address();
    let body = json!({
        "name": "Ana Farola", "email": email, "subscription_active": true, "monthly_fee_current": true,
    });
    world.app.post("/api/v1/users/register").token(&world.admin.token).json(body).ok().await;
    email
}

/// The id of a new request for a discount.
pub(in crate::contract) async fn new_request(world: &SampleBoxOffice) -> String {
    let body = json!({"email": new_member(world).await, "show_id": world.show.id});
    text(&world.app.post("/api/v1/discounts/request").json(body).ok().await["id"])
}
