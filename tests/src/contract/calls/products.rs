//! Calls about products, and what is bought of them.

use serde_json::{Value, json};

use super::super::world::{SampleBoxOffice, text};
use super::{Call, DataOwner};

pub(super) async fn call(world: &SampleBoxOffice, method: &str, path: &str) -> Option<Call> {
    let event = world.new_draft().await;
    let query = format!("event_id={event}");
    let call = Call::new(DataOwner::Tenant).query(&query);
    let new = json!({
        "name": "Camiseta", "description": "De algodón.", "kind": "merchandise", "vat_rate": 19,
        "max_per_order": 4, "image": "https://fotos.example/c.png",
        "variants": [
            {"name": "M", "price": 45_000, "stock": 20, "attributes": [{"name": "talla", "value": "M"}]},
            {"name": "L", "price": 45_000, "stock": 10},
        ],
    });
    if path == "/products" {
        return Some(if method == "POST" {
            call.body(new)
        } else {
            made(world, &query, new).await;
            call
        });
    }
    let product = made(world, &query, new).await;
    let call = call.at("id", text(&product["id"]));
    let variant = || text(&product["variants"][0]["id"]);
    Some(match (method, path) {
        ("GET" | "DELETE", "/products/{id}") => call,
        ("PATCH", "/products/{id}") => {
            call.body(json!({"name": "Camiseta negra", "needs_ticket": false, "image": null, "version": 1}))
        }
        ("POST", "/products/{id}/variants") => {
            call.body(json!({"name": "S", "price": "44000.50", "stock": 5}))
        }
        ("PATCH", "/products/{id}/variants/{variant}") => {
            call.at("variant", variant()).body(json!({"price": 50_000, "stock": 30}))
        }
        ("DELETE", "/products/{id}/variants/{variant}") => call.at("variant", variant()),
        _ => return None,
    })
}

/// A new product, as the admin sees it.
async fn made(world: &SampleBoxOffice, query: &str, new: Value) -> Value {
    let path = format!("/api/v1/products?{query}");
    world.app.post(path).token(&world.admin.token).json(new).ok().await
}
