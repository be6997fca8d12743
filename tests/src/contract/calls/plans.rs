//! Calls about seating plans, and about single seats.

use serde_json::{Value, json};

use super::super::world::SampleBoxOffice;
use super::{Call, DataOwner};

/// A small plan for an area named `Platea`, with the seats `A-1` to `A-4`.
fn plan() -> Value {
    let seat =
        |number: u16| json!({"number": number, "category": "Platea", "at": {"x": 25 * number, "y": 90.5}});
    let mut seats: Vec<Value> = (1..=4).map(seat).collect();
    seats[0]["kind"] = "accessible".into();
    seats[0]["guid"] = "sala-a-1".into();
    seats[1]["aisle_after"] = true.into();
    seats[3]["view"] = json!({"text": "Columna a la derecha"});
    let text = json!({"text": "Escenario", "at": {"x": 100, "y": 20}, "size": 16});
    let stage = json!({
        "kind": "stage", "at": {"x": 0, "y": 0}, "outline": {"shape": "rectangle", "width": 200, "height": 40},
        "text": text, "color": "#cccccc", "border_color": "#222222",
    });
    let row = json!({"label": "A", "seats": seats, "label_at": "both", "row_text": "Fila", "seat_text": "Silla %s"});
    json!({
        "name": "Sala grande",
        "size": {"width": 300, "height": 200},
        "focal": {"x": 100, "y": 40},
        "categories": [{"name": "Platea", "color": "#7f4a91"}],
        "sections": [{"name": "Sala", "zone_id": "sala", "rows": [row], "shapes": [stage]}],
    })
}

/// The same house in pretix's form.
fn pretix() -> Value {
    let seat =
        json!({"seat_guid": "a-1", "seat_number": "1", "position": {"x": 0, "y": 0}, "category": "Platea"});
    json!({
        "name": "Sala grande",
        "categories": [{"name": "Platea", "color": "#7f4a91"}],
        "zones": [{"name": "Sala", "position": {"x": 10, "y": 20}, "rows": [{"row_number": "A", "seats": [seat]}]}],
        "size": {"width": 300, "height": 200},
    })
}

/// Prepares a draft with a seated area, its seats, and a saved version of its plan.
pub(super) async fn call(
    world: &SampleBoxOffice,
    method: &str,
    rest: &str,
    event: &str,
    call: Call,
) -> Option<Call> {
    let base = format!("/api/v1/events/{event}");
    let area = json!({"area_name": "Platea", "kind": "seated", "price": 30_000});
    let area = world.make(&format!("{base}/areas"), area, "id").await;
    let units = json!({"from": "A", "to": "B", "first": 1, "last": 4, "layout": {"bend": 20}});
    world.make(&format!("{base}/areas/{area}/units"), units, "area_id").await;
    let put = |based_on: u32| json!({"based_on": based_on, "plan": plan()});
    let save = || world.app.put(format!("{base}/plan")).token(&world.admin.token).json(put(0)).ok();
    Some(match (method, rest) {
        ("GET", "/plan") => call.query("version=0"),
        ("PUT", "/plan") => call.body(put(0)),
        ("POST", "/plan/publish") => {
            save().await;
            call.body(json!({"version": 1}))
        }
        ("POST", "/plan/adopt") => {
            save().await;
            let publish = world.app.post(format!("{base}/plan/publish")).token(&world.admin.token);
            publish.json(json!({"version": 1})).ok().await;
            let draft = world.new_draft().await;
            let area = json!({"area_name": "Platea", "kind": "seated", "price": 30_000});
            world.make(&format!("/api/v1/events/{draft}/areas"), area, "id").await;
            Call::new(DataOwner::Tenant).at("id", draft).body(json!({"from": event}))
        }
        ("GET", "/plan/versions") => {
            save().await;
            call.query("limit=2")
        }
        ("POST", "/plan/import") => call.query("format=pretix&renumber=true").body(pretix()),
        ("GET", "/plan/export") => call.query("format=pretix&version=0"),
        ("GET", "/areas/{area}/units") => call.at("area", area).query("status=available&row=A&limit=2"),
        ("GET", "/areas/{area}/units/{seat}") => call.at("area", area).at("seat", "A-2"),
        ("PATCH", "/areas/{area}/units/{seat}") => call.at("area", area).at("seat", "A-2").body(json!({
            "status": "blocked", "kind": "obstructed_view", "view": {"text": "Columna"}, "x": 40.5, "y": 100,
        })),
        _ => return None,
    })
}

/// A wish for seats of the seated show.
pub(super) fn best(world: &SampleBoxOffice) -> Call {
    Call::new(DataOwner::Everybody).at("slug", &world.seated.slug).at("area", &world.seated.area).body(json!({
        "quantity": 2, "together": true, "accessible": 0, "companions": 0, "near": {"x": 0, "y": 0}, "seed": "1",
    }))
}
