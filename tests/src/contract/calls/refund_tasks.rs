//! Calls about refund tasks and payment differences.

use serde_json::json;

use super::super::world::{SampleBoxOffice, text};
use super::{Call, DataOwner};
use crate::table::leave_to_person;

/// The beginnings of their paths.
pub(super) const PATHS: [&str; 2] = ["/tenant/refund-tasks", "/tenant/payment-differences"];

pub(super) async fn call(world: &SampleBoxOffice, method: &str, path: &str) -> Option<Call> {
    if path == "/tenant/payment-differences" {
        return Some(Call::new(DataOwner::Caller).query("day=2026-11-20&limit=2"));
    }
    let order = world.new_order(&world.buyer).await;
    world.app.idle().await;
    leave_to_person(&world.app, &world.buyer, &order, 1000).await;
    let call = Call::new(DataOwner::Tenant).at("order", text(&order["id"])).at("payment", "0");
    Some(match (method, path) {
        ("GET", "/tenant/refund-tasks") => Call::new(DataOwner::Caller).query("limit=2"),
        ("POST", "/tenant/refund-tasks/{order}/{payment}/done") => {
            call.body(json!({"note": "Por transferencia"}))
        }
        ("POST", "/tenant/refund-tasks/{order}/{payment}/retry") => call.body(json!({})),
        _ => return None,
    })
}
