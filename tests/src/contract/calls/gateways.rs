//! Calls about an organiser's accounts at payment gateways.

use domain::Currency;
use gateways::Merchant;
use serde_json::json;

use super::super::world::SampleBoxOffice;
use super::{Call, DataOwner};

pub(super) async fn call(world: &SampleBoxOffice, method: &str, path: &str) -> Option<Call> {
    // Nothing is sold in this currency, so that orders are still paid at the sandbox.
    let new = json!({"gateway": "payu", "mode": "test", "currencies": ["ARS"], "position": 3});
    if path == "/tenant/gateways" {
        let call = Call::new(DataOwner::Caller);
        return Some(if method == "GET" { call } else { call.body(new) });
    }
    let account = world.make("/api/v1/tenant/gateways", new, "id").await;
    let call = Call::new(DataOwner::Tenant).at("id", account);
    Some(match (method, path) {
        ("GET" | "DELETE", "/tenant/gateways/{id}") => call,
        ("PATCH", "/tenant/gateways/{id}") => {
            call.body(json!({"position": 5, "active": false, "version": 1}))
        }
        ("PUT", "/tenant/gateways/{id}/credentials") => {
            let merchant = Merchant::payu(999_001, "Faroles del Sur", Currency::ARS);
            let credentials = merchant.credentials();
            world.app.cloud.gateways().admit(merchant);
            call.body(credentials)
        }
        _ => return None,
    })
}
