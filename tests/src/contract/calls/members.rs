//! Calls about members of a community.

use serde_json::json;

use super::super::world::{SampleBoxOffice, text};
use super::{Call, DataOwner};

pub(super) async fn call(world: &SampleBoxOffice, method: &str, path: &str) -> Option<Call> {
    let tenant = &world.admin.tenant;
    let public = Call::new(DataOwner::Everybody);
    Some(match (method, path) {
        ("POST", "/users/check-email" | "/users/validate-email") => {
            public.body(json!({"email": new_member(world).await.1, "tenant_id": tenant}))
        }
        ("POST", "/users/register") => public.body(json!({
            "name": "Ana Farola", "email": world.new_address(), "tenant_id": tenant, "phone": "+57 300 000 0000",
        })),
        ("GET", "/users/list") => {
            Call::new(DataOwner::Caller).query("limit=2&subscription_active=false&email_bounced=false&city=bogota&q=ana")
        }
        ("GET", "/users/stats") => Call::new(DataOwner::Caller),
        ("POST", "/users/import") => {
            let csv = format!("email,name,dni\n{},Ana,1020304050\n", world.new_address());
            Call::new(DataOwner::Caller).body(json!({"csv": csv}))
        }
        _ => of_one(world, method, path).await?,
    })
}

async fn of_one(world: &SampleBoxOffice, method: &str, path: &str) -> Option<Call> {
    let member = new_member(world).await.0;
    let call = Call::new(DataOwner::Tenant).at("id", &member);
    let payment = json!({"amount_paid": 25_000, "payment_method": "transfer"});
    let payments = format!("/api/v1/users/{member}/payments");
    Some(match (method, path) {
        ("GET", "/users/{id}") => call,
        ("PATCH", "/users/{id}") => call.body(json!({"email": world.new_address(), "dni": null})),
        ("PATCH", "/users/{id}/payment-status") => call.body(json!({"monthly_fee_current": true})),
        ("GET", "/users/{id}/payments") => {
            world.make(&payments, payment, "id").await;
            call.query("limit=2")
        }
        ("POST", "/users/{id}/payments") => call.body(payment),
        ("PATCH", "/users/{id}/payments/{payment}") => call
            .at("payment", world.make(&payments, payment, "id").await)
            .body(json!({"confirmed": true, "payment_date": "2026-01-31T12:00:00Z"})),
        _ => return None,
    })
}

/// The id and the address of a new member of the first organiser's community.
async fn new_member(world: &SampleBoxOffice) -> (String, String) {
    let email = world.new_address();
    let body = json!({"name": "Ana Farola", "email": email, "city": "Bogotá"});
    let member = world.app.post("/api/v1/users/register").token(&world.admin.token).json(body).ok().await;
    (text(&member["id"]), email)
}
