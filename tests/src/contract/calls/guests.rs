//! Calls that an order's link opens. They are about orders that were made with the buyer's address and
//! without an account, so that the buyer's token opens them, too.

use serde_json::{Value, json};

use super::super::world::{SampleBoxOffice, text};
use super::{Call, DataOwner};

/// Whether a link may open the order or ticket that this route names.
pub(super) fn is_opened(method: &str, path: &str) -> bool {
    matches!(
        (method, path),
        ("GET" | "DELETE", "/reservations/{id}")
            | ("GET", "/reservations/{id}/payment-methods")
            | ("POST", "/purchases" | "/purchases/{id}/link" | "/purchases/{id}/withdrawal")
            | ("POST", "/purchases/{id}/erase")
            | ("GET" | "PUT", "/purchases/{id}/billing")
            | ("GET", "/purchases/{id}" | "/tickets/{id}" | "/qr/{ticket}")
    )
}

pub(super) async fn call(world: &SampleBoxOffice, method: &str, path: &str) -> Option<Call> {
    let call = Call::new(DataOwner::Buyer);
    let of_paid =
        |order: &Value| call.clone().opened_by(world.guest_links.clone()).at("id", text(&order["id"]));
    Some(match (method, path) {
        (_, "/reservations/{id}" | "/reservations/{id}/payment-methods") => {
            let (id, links) = world.new_guest_reservation().await;
            call.at("id", id).opened_by(links)
        }
        ("POST", "/purchases") => {
            let (id, links) = world.new_guest_reservation().await;
            call.body(json!({"reservation_id": id})).opened_by(links)
        }
        // The reservation is a new one, because its links are others then.
        ("POST", "/purchases/{id}/link") => {
            let (id, links) = world.new_guest_reservation().await;
            call.at("id", id).opened_by(links)
        }
        ("POST", "/purchases/{id}/withdrawal") => {
            let (order, links) = world.new_guest_order().await;
            call.at("id", text(&order["id"])).opened_by(links)
        }
        ("POST", "/purchases/{id}/erase") => of_paid(&world.guest_order).body(json!({})),
        ("GET", "/purchases/{id}/billing") => {
            let path = format!("/api/v1/purchases/{}/billing", text(&world.guest_order["id"]));
            world.app.put(path).token(&world.buyer.token).json(billing()).ok().await;
            of_paid(&world.guest_order)
        }
        ("PUT", "/purchases/{id}/billing") => of_paid(&world.guest_order).body(billing()),
        ("GET", "/purchases/{id}") => of_paid(&world.guest_order),
        ("GET", "/tickets/{id}") => of_paid(&world.guest_order["tickets"][0]),
        ("GET", "/qr/{ticket}") => call
            .opened_by(world.guest_links.clone())
            .at("ticket", text(&world.guest_order["tickets"][0]["id"]))
            .query("format=png&size=300"),
        _ => return None,
    })
}

fn billing() -> Value {
    json!({
        "name": "Ana Farola", "id_kind": "cc", "id_number": "1.020.304.050", "address": "Calle Inventada 12",
        "city": "Bogotá", "country": "CO", "email": "cuentas@example.com",
    })
}
