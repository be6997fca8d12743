//! The events on sale in a benchmark: with plain prices, created through the API by the demo data's
//! organiser.

use std::time::Duration;

use boot::Clock;
use serde_json::{Value, json};

use crate::Problem;
use crate::client::{Person, text};

/// The most seats that one request creates.
const SEATS_AT_ONCE: u32 = 10_000;
/// Seats of a row: as many as one item of the table holds.
const ROW: u32 = 50;

/// A published event with one area.
#[derive(Debug)]
pub(crate) struct Show {
    /// The event's id.
    pub(crate) id: String,
    /// The readable part of the event's address.
    pub(crate) slug: String,
    /// The area's id.
    pub(crate) area: String,
}

impl Show {
    /// Publishes an event with `places` admissions.
    pub(crate) async fn general_admission(
        organizer: &Person,
        name: &str,
        places: u32,
    ) -> Result<Self, Problem> {
        let area = json!({
            "area_name": "Campo", "kind": "general_admission", "capacity": places, "price": 50_000,
        });
        let (event, area) = draft(organizer, name, area).await?;
        publish(organizer, event, area).await
    }

    /// Publishes an event with `seats` numbered seats, a multiple of [`ROW`], in rows `1`, `2` and
    /// so on.
    pub(crate) async fn seated(organizer: &Person, name: &str, seats: u32) -> Result<Self, Problem> {
        let area = json!({ "area_name": "Platea", "kind": "seated", "price": 50_000 });
        let (event, area) = draft(organizer, name, area).await?;
        let mut made = 0;
        while made < seats {
            let more = (seats - made).min(SEATS_AT_ONCE);
            let rows = json!({
                "from": (made / ROW + 1).to_string(),
                "to": ((made + more) / ROW).to_string(),
                "first": 1,
                "last": ROW,
            });
            organizer.post(&format!("/api/v1/events/{event}/areas/{area}/units"), &rows).await?;
            made += more;
        }
        publish(organizer, event, area).await
    }

    /// An order's line for `quantity` admissions.
    pub(crate) fn places(&self, quantity: usize) -> Value {
        json!({ "area_id": self.area, "quantity": quantity })
    }

    /// An order's line for these seats.
    pub(crate) fn seats(&self, seats: &[String]) -> Value {
        json!({ "area_id": self.area, "seats": seats })
    }

    /// Makes a drink with a stock, and three that do not run out. Returns an order's entry for two of
    /// each, the one with the stock first.
    pub(crate) async fn drinks(&self, organizer: &Person) -> Result<Vec<Value>, Problem> {
        let drink = json!({
            "name": "Cerveza", "kind": "drink",
            "variants": [
                {"name": "500 ml", "price": 9_000, "stock": 2_000}, {"name": "330 ml", "price": 7_000},
                {"name": "Roja", "price": 8_000}, {"name": "Sin alcohol", "price": 6_000},
            ],
        });
        let made = organizer.post(&format!("/api/v1/products?event_id={}", self.id), &drink).await?;
        let mut variants = made["variants"].as_array().cloned().unwrap_or_default();
        variants.sort_by_key(|variant| !variant["stock"].is_u64());
        let entry = |variant: &Value| json!({"variant_id": variant["id"], "quantity": 2});
        Ok(variants.iter().map(entry).collect())
    }

    /// The area's public availability.
    pub(crate) async fn availability(&self, buyer: &Person) -> Result<Value, Problem> {
        let Self { slug, area, .. } = self;
        Ok(buyer.get(&format!("/api/v1/public/events/{slug}/areas/{area}/availability")).await?)
    }
}

/// Two neighbours: seats number `index * 2` and the next one, in rows of [`ROW`] seats. Bought in
/// order, pairs leave no single seat.
pub(crate) fn pair(index: u32) -> [String; 2] {
    let seat = |seat: u32| format!("{}-{}", seat / ROW + 1, seat % ROW + 1);
    [seat(index * 2), seat(index * 2 + 1)]
}

async fn draft(organizer: &Person, name: &str, area: Value) -> Result<(String, String), Problem> {
    let starts_at = Clock::system().now() + Duration::from_secs(30 * 24 * 3600);
    let event = json!({
        "name": name,
        "artist": "Los Medidores",
        "venue": "Sala de Pruebas",
        "city": "Bogotá",
        "time_zone": "America/Bogota",
        "starts_at": starts_at.to_string(),
    });
    let event = text(&organizer.post("/api/v1/events", &event).await?["id"]);
    let area = text(&organizer.post(&format!("/api/v1/events/{event}/areas"), &area).await?["id"]);
    Ok((event, area))
}

async fn publish(organizer: &Person, id: String, area: String) -> Result<Show, Problem> {
    let event = organizer.post(&format!("/api/v1/events/{id}/publish"), &json!({})).await?;
    Ok(Show { id, slug: text(&event["slug"]), area })
}

#[cfg(test)]
mod tests {
    use super::pair;

    #[test]
    fn pairs_fill_the_rows_in_order() {
        assert_eq!(pair(0), ["1-1", "1-2"]);
        assert_eq!(pair(24), ["1-49", "1-50"]);
        assert_eq!(pair(25), ["2-1", "2-2"]);
    }
}
