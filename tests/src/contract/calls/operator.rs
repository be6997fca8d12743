//! Calls of the installation's operator. What it changes it changes at an organiser whose shows no other
//! call needs.

use domain::TenantId;
use domain::audit::Month;
use domain::payment::GatewayName;
use serde_json::json;

use super::super::world::SampleBoxOffice;
use super::{Call, DataOwner};
use crate::table::table_of;

pub(super) async fn call(world: &SampleBoxOffice, method: &str, path: &str) -> Option<Call> {
    let call = Call::new(DataOwner::Everybody);
    let (tenant, changed) = (&world.admin.tenant, &world.strict.tenant);
    let month = Month::of(world.app.clock.now());
    Some(match (method, path) {
        ("GET", "/operator/tenants") => call.query("q=faroles&suspended=false&limit=5"),
        ("GET", "/operator/tenants/{id}") => call.at("id", tenant),
        ("PATCH", "/operator/tenants/{id}") => call.at("id", changed).body(json!({
            "suspended": {"reason": "Falta el contrato."}, "commission": 2.5,
            "quotas": {"published_events": 10, "mails_per_day": 100},
        })),
        ("PATCH", "/operator/tenants/{id}/gateways/{account}") => {
            call.at("id", changed).at("account", account(world).await).body(json!({"marketplace": true}))
        }
        ("GET", "/operator/events") => call.query(format!("tenant={tenant}&limit=5")),
        ("PATCH", "/operator/events/{id}") => {
            call.at("id", world.new_draft().await).body(json!({"shadowban": true}))
        }
        ("GET", "/operator/settings") => call,
        ("PUT", "/operator/settings") => call.body(json!({
            "min_markup": 5, "max_markup": "20.00", "bargain_timeout": 600, "max_attempts": 3,
        })),
        ("GET", "/operator/statements") => call.query(format!("month={}&tenant={tenant}", month.as_str())),
        _ => return None,
    })
}

/// The organiser's account at Mercado Pago: an organiser has at most twenty.
async fn account(world: &SampleBoxOffice) -> String {
    let tenant: TenantId = world.strict.tenant.parse().expect("an id");
    let accounts = table_of(&world.app, "admin").gateway_accounts(tenant).await.expect("read");
    match accounts.first() {
        Some(account) => account.id.to_string(),
        None => world.app.connect(&world.strict, GatewayName::MercadoPago, 0).await.id.to_string(),
    }
}
