//! Seating plans: generated, saved, published, exchanged; single seats; the best of those that are free.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Organizer, Request, Show, TestApp, TestUser};

/// Longer than the functions cache events and places.
const A_WHILE: Duration = Duration::from_secs(6);

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

/// The labels of the seats of a plan.
pub(crate) fn seats(plan: &Value) -> Vec<String> {
    let each = |value: &Value, key: &str| value[key].as_array().cloned().unwrap_or_default();
    let mut seats = Vec::new();
    for row in each(plan, "sections").iter().flat_map(|section| each(section, "rows")) {
        for seat in each(&row, "seats") {
            seats.push(format!("{}-{}", text(&row["label"]), seat["number"]));
        }
    }
    seats.sort();
    seats
}

/// The plan without these seats.
pub(crate) fn without(plan: &Value, gone: &[&str]) -> Value {
    let mut plan = plan.clone();
    for section in plan["sections"].as_array_mut().expect("sections") {
        for row in section["rows"].as_array_mut().expect("rows") {
            let label = text(&row["label"]).to_owned();
            let seats = row["seats"].as_array_mut().expect("seats");
            seats.retain(|seat| !gone.contains(&format!("{label}-{}", seat["number"]).as_str()));
        }
    }
    plan
}

/// What an organiser does with the plan of one show.
pub(crate) struct Planner<'a> {
    pub(crate) app: &'a TestApp,
    pub(crate) organizer: &'a Organizer,
    pub(crate) show: &'a Show,
}

impl Planner<'_> {
    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/api/v1/events/{}{rest}", self.show.id)
    }

    pub(crate) async fn get(&self, rest: &str) -> Value {
        self.app.get(self.path(rest)).token(&self.organizer.token).ok().await
    }

    pub(crate) async fn plan(&self) -> Value {
        self.get("/plan").await["plan"].clone()
    }

    pub(crate) async fn save(&self, based_on: u32, plan: &Value) -> Value {
        let body = json!({"based_on": based_on, "plan": plan});
        self.app.put(self.path("/plan")).token(&self.organizer.token).json(body).ok().await
    }

    pub(crate) fn publish(&self, version: u32) -> Request {
        let publish = self.app.post(self.path("/plan/publish")).token(&self.organizer.token);
        publish.json(json!({"version": version}))
    }

    /// The seats of the show's area, each with its state.
    pub(crate) async fn units(&self) -> Vec<(String, String)> {
        let (mut units, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("/areas/{}/units?limit=100{cursor}", self.show.area)).await;
            for unit in page["items"].as_array().expect("items") {
                units.push((text(&unit["seat"]).to_owned(), text(&unit["status"]).to_owned()));
            }
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        units.sort();
        units
    }
}

#[tokio::test]
async fn rows_made_in_bulk_have_a_plan_and_a_saved_one_takes_its_place() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let show = app.seated_show(&organizer, "Los Faroles", 2, 6, 50_000).await;
    let planner = Planner { app: &app, organizer: &organizer, show: &show };
    let generated = planner.get("/plan").await;
    assert_eq!(
        (&generated["version"], &generated["published_version"], &generated["generated"]),
        (&json!(0), &json!(0), &json!(true))
    );
    assert_eq!(seats(&generated["plan"]).len(), 12);
    let public = format!("/api/v1/public/events/{}/plan", show.slug);
    assert_eq!(app.get(&public).ok().await, generated["plan"]);
    app.get(planner.path("/plan?version=1")).token(&organizer.token).refused(404, "plan_not_found").await;

    // One row less, one seat more, one that is another kind, one that is moved.
    let mut plan = without(&generated["plan"], &["B-1", "B-2", "B-3", "B-4", "B-5", "B-6"]);
    let row = &mut plan["sections"][1]["rows"][0]["seats"];
    let mut more = row[5].clone();
    more["number"] = 7.into();
    more["at"]["x"] = 400.into();
    row[0]["kind"] = "accessible".into();
    row[1]["at"]["y"] = 99.5.into();
    row.as_array_mut().expect("seats").push(more);
    let saved = planner.save(0, &plan).await;
    assert_eq!(saved["version"], 1);
    assert_eq!(saved["changes"], json!({"added": 1, "restored": 0, "removed": 6, "moved": 1}));
    assert_eq!(saved["warnings"], json!([]));
    assert_eq!(planner.save(0, &plan).await["version"], 1, "sent again, it is the same version");
    let put = app.put(planner.path("/plan")).token(&organizer.token);
    put.json(json!({"based_on": 0, "plan": generated["plan"]})).refused(409, "changed_meanwhile").await;
    app.clock.advance(A_WHILE);
    assert_eq!(app.get(&public).ok().await, generated["plan"], "buyers do not see it yet");

    for _ in 0..2 {
        planner.publish(1).ok().await;
        let labels: Vec<String> = planner.units().await.into_iter().map(|(label, _)| label).collect();
        assert_eq!(labels, seats(&plan));
    }
    app.clock.advance(A_WHILE);
    assert_eq!(app.get(&public).ok().await, plan);
    let availability = format!("/api/v1/public/events/{}/areas/{}/availability", show.slug, show.area);
    let places = app.get(&availability).ok().await;
    assert_eq!(
        (&places["left"], places["rows"].as_array().map(Vec::len)),
        (&json!(7), Some(1)),
        "one row again"
    );
    let areas = planner.get("/areas").await;
    assert_eq!(
        (&areas["items"][0]["capacity"], &areas["items"][0]["category"]),
        (&json!(7), &json!("Platea"))
    );
    let quote = json!({"event_id": show.id, "lines": [{"area_id": show.area, "seats": ["B-1"]}]});
    app.post("/api/v1/public/quotes").json(quote).refused(422, "refused_fields").await;

    // The old rows come back as the same blocks.
    planner.save(1, &generated["plan"]).await;
    planner.publish(2).ok().await;
    assert_eq!(planner.units().await.len(), 12);
    let versions = planner.get("/plan/versions").await;
    let shown: Vec<_> = versions["items"].as_array().expect("items").iter().collect();
    assert_eq!(
        (&shown[0]["version"], &shown[0]["published"], &shown[0]["seats"]),
        (&json!(2), &json!(true), &json!(12))
    );
    assert_eq!((&shown[1]["version"], &shown[1]["published"]), (&json!(1), &json!(false)));
    app.close().await;
}

#[tokio::test]
async fn a_published_plan_never_loses_a_sold_or_held_seat() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let show = app.seated_show(&organizer, "Los Faroles", 1, 8, 50_000).await;
    let buyer = app.somebody("ana").await;
    let planner = Planner { app: &app, organizer: &organizer, show: &show };
    let whole = planner.plan().await;
    let order = app.buy(&buyer.token, &show.id, json!({"area_id": show.area, "seats": ["A-1", "A-2"]})).await;
    app.reserve(&buyer.token, &show.id, json!({"area_id": show.area, "seats": ["A-7", "A-8"]})).await;
    let stale = app.quote(&show.id, json!({"area_id": show.area, "seats": ["A-5", "A-6"]})).await;
    let block = app.post(planner.path(&format!("/areas/{}/units/block", show.area))).token(&organizer.token);
    block.json(json!({"seats": ["A-3"]})).ok().await;

    planner.save(0, &without(&whole, &["A-1", "A-3", "A-8"])).await;
    let refused = planner.publish(1).refused(409, "plan_loses_seats").await;
    let seat = |seat, status| json!({"area_id": show.area, "seat": seat, "status": status});
    assert_eq!(refused["seats"], json!([seat("A-1", "sold"), seat("A-8", "reserved")]));
    assert_eq!(planner.units().await.len(), 8, "nothing was changed");

    planner.save(1, &without(&whole, &["A-3", "A-6"])).await;
    planner.publish(2).ok().await;
    let reserve = app.post("/api/v1/reservations").token(&buyer.token);
    reserve.json(json!({"quote": stale["quote"]})).refused(409, "seats_not_found").await;
    // The blocked seat comes back as blocked.
    planner.save(2, &whole).await;
    planner.publish(3).ok().await;
    let states: Vec<String> = planner.units().await.into_iter().map(|(_, status)| status).collect();
    assert_eq!(
        states,
        ["sold", "sold", "blocked", "available", "available", "available", "reserved", "reserved"]
    );

    // Each seat, for the staff.
    let unit = |seat: &str| planner.path(&format!("/areas/{}/units/{seat}", show.area));
    let sold = app.get(unit("a-2")).token(&organizer.token).ok().await;
    assert_eq!((&sold["order_id"], &sold["nomenclature_number_area"]), (&order["id"], &json!(2)));
    let held = app.get(unit("A-8")).token(&organizer.token).ok().await;
    assert_eq!(held["status"], "reserved");
    assert!(held["reserved_until"].is_string() && held["order_id"].is_null());
    app.get(unit("B-1")).token(&organizer.token).refused(404, "seat_not_found").await;
    app.close().await;
}

#[tokio::test]
async fn a_seat_is_blocked_described_and_moved() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let show = app.seated_show(&organizer, "Los Faroles", 1, 4, 50_000).await;
    let buyer = app.somebody("ana").await;
    let planner = Planner { app: &app, organizer: &organizer, show: &show };
    let unit = |seat: &str| planner.path(&format!("/areas/{}/units/{seat}", show.area));
    let change = |seat: &str, body: Value| app.patch(unit(seat)).token(&organizer.token).json(body);
    assert_eq!(change("A-1", json!({"status": "blocked"})).ok().await["status"], "blocked");
    assert_eq!(planner.get("/plan").await["latest_version"], 0, "the plan is as it was");
    assert_eq!(change("A-1", json!({"status": "available"})).ok().await["status"], "available");
    let described = json!({"kind": "obstructed_view", "view": {"text": "Columna"}, "x": 12.25});
    let seat = change("A-2", described).ok().await;
    assert_eq!(
        (&seat["kind"], &seat["view"]["text"], &seat["x"]),
        (&json!("obstructed_view"), &json!("Columna"), &json!(12.25))
    );
    assert_eq!(planner.get("/plan").await["published_version"], 1);
    let other = json!({"view": {"image": "img_01jq3k5m2vf6f8p9r7s4t5w6x8"}});
    change("A-2", other).refused(422, "refused_fields").await;
    app.reserve(&buyer.token, &show.id, json!({"area_id": show.area, "seats": ["A-1", "A-2"]})).await;
    change("A-1", json!({"status": "blocked"})).refused(409, "seats_taken").await;
    assert_eq!(change("A-1", json!({"view": {"text": "Cerca"}})).ok().await["status"], "reserved");
    // What is not published yet stays so.
    planner.save(2, &planner.plan().await).await;
    change("A-3", json!({"kind": "companion"})).ok().await;
    let plan = planner.get("/plan").await;
    assert_eq!((&plan["latest_version"], &plan["published_version"]), (&json!(4), &json!(2)));
    app.close().await;
}

#[tokio::test]
async fn plans_come_from_pretix_and_go_there() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let show = app.seated_show(&organizer, "Los Faroles", 1, 4, 50_000).await;
    let planner = Planner { app: &app, organizer: &organizer, show: &show };
    let document: Value =
        serde_json::from_str(include_str!("../../../shared/domain/src/plan/fixture/pretix.json"))
            .expect("json");
    let import = |query: &str, body: &Value| {
        let import = app.post(planner.path(&format!("/plan/import?format=pretix{query}")));
        import.token(&organizer.token).json(body.clone())
    };
    let plan = import("", &document).ok().await["plan"].clone();
    let saved = planner.save(0, &plan).await;
    assert_eq!(saved["warnings"][0]["code"], "category_not_sold");
    assert_eq!(planner.get("/plan/export?format=pretix").await, document);
    let missing = planner.publish(1).refused(422, "area_missing").await;
    assert_eq!(missing["categories"], json!(["Balcón"]));
    let area = json!({"area_name": "Arriba", "category": "Balcón", "kind": "seated", "price": 20_000});
    let area = app.post(planner.path("/areas")).token(&organizer.token).json(area).ok().await;
    planner.publish(1).ok().await;
    let areas = planner.get("/areas").await;
    let capacities: Vec<_> =
        areas["items"].as_array().expect("items").iter().map(|area| &area["capacity"]).collect();
    assert_eq!(capacities, [3, 2]);
    let path = planner.path(&format!("/areas/{}", text(&area["id"])));
    let other = json!({"category": "Otra"});
    app.patch(&path).token(&organizer.token).json(other).refused(422, "refused_fields").await;

    let mut odd = document.clone();
    odd["zones"][0]["rows"][0]["seats"][0]["seat_number"] = "3 bis".into();
    let refused = import("", &odd).refused(422, "refused_fields").await;
    assert_eq!(refused["errors"][0]["pointer"], "/zones/0/rows/0/seats/0/seat_number");
    import("&renumber=true", &odd).ok().await;
    odd["zones"][0]["extra"] = true.into();
    let refused = import("&renumber=true", &odd).refused(422, "refused_fields").await;
    assert!(text(&refused["errors"][0]["pointer"]).starts_with("/zones/0"), "{refused}");
    let mut list = document.clone();
    list["zones"][0]["position"] = json!([10, 20]);
    let refused = import("", &list).refused(422, "refused_fields").await;
    assert_eq!(refused["errors"][0]["pointer"], "/zones/0/position", "a list is no point");
    app.close().await;
}

#[tokio::test]
async fn new_rows_are_appended_to_a_published_plan() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let show = app.seated_show(&organizer, "Los Faroles", 1, 4, 50_000).await;
    let planner = Planner { app: &app, organizer: &organizer, show: &show };
    let units = planner.path(&format!("/areas/{}/units", show.area));
    let add = |row: &str, layout: Value| {
        let mut body = json!({"rows": [{"label": row, "first": 1, "last": 60}]});
        if layout.is_object() {
            body["layout"] = layout;
        }
        app.post(&units).token(&organizer.token).json(body)
    };
    let added = add("B", json!({"sides": "odd_even", "aisles_after": [0], "bend": 30})).ok().await;
    assert!(added["plan_version"].is_null(), "the generated plan has them anyway");
    assert_eq!(seats(&planner.plan().await).len(), 64);
    // A row with sides is in blocks of its own for each of them.
    let rows = planner.get("/areas").await["items"][0]["rows"].clone();
    assert_eq!(rows[1], json!({"label": "B", "first": 1, "last": 59, "step": 2}));
    planner.save(0, &planner.plan().await).await;
    planner.publish(1).ok().await;
    let added = add("C", Value::Null).ok().await;
    assert_eq!(added["plan_version"], 2);
    assert_eq!(seats(&planner.plan().await).len(), 124);
    assert_eq!(planner.units().await.len(), 124);
    app.close().await;
}

#[tokio::test]
async fn the_best_free_seats_are_suggested_and_can_be_had() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let show = app.seated_show(&organizer, "Los Faroles", 2, 9, 50_000).await;
    let buyer = app.somebody("ana").await;
    let planner = Planner { app: &app, organizer: &organizer, show: &show };
    let best = |body: Value| {
        let path = format!("/api/v1/public/events/{}/areas/{}/best", show.slug, show.area);
        app.post(path).json(body)
    };
    let suggested = best(json!({"quantity": 3, "seed": "a"})).ok().await;
    assert_eq!((&suggested["together"], &suggested["left"]), (&json!("together"), &json!(18)));
    let labels = |answer: &Value| -> Vec<String> {
        let seats = answer["seats"].as_array().expect("seats").iter();
        seats.map(|seat| text(&seat["seat"]).to_owned()).collect()
    };
    assert_eq!(labels(&suggested), labels(&best(json!({"quantity": 3, "seed": "a"})).ok().await));
    app.reserve(&buyer.token, &show.id, json!({"area_id": show.area, "seats": labels(&suggested)})).await;
    app.clock.advance(A_WHILE);
    let next = best(json!({"quantity": 9, "seed": "a"})).ok().await;
    assert_eq!(labels(&next).len(), 9, "the whole second row");
    assert_eq!(best(json!({"quantity": 12})).ok().await["together"], "adjacent_rows");
    assert_eq!(best(json!({"quantity": 13})).refused(409, "no_adjacent_seats").await["largest"], 9);
    assert_eq!(best(json!({"quantity": 13, "together": false})).ok().await["together"], "apart");
    assert_eq!(best(json!({"quantity": 16})).refused(409, "sold_out").await["left"], 15);

    // Seats for wheelchairs are for who asks for them.
    let patch = |seat: &str, kind: &str| {
        let path = planner.path(&format!("/areas/{}/units/{seat}", show.area));
        app.patch(path).token(&organizer.token).json(json!({"kind": kind}))
    };
    patch("B-8", "accessible").ok().await;
    patch("B-9", "companion").ok().await;
    app.clock.advance(A_WHILE);
    let pair = best(json!({"quantity": 2, "accessible": 1, "companions": 1})).ok().await;
    assert_eq!(labels(&pair), ["B-8", "B-9"]);
    assert_eq!(best(json!({"quantity": 11})).refused(409, "no_adjacent_seats").await["largest"], 7);
    let near = best(json!({"quantity": 2, "near": {"x": 0, "y": 10_000}})).ok().await;
    assert!(labels(&near).iter().all(|seat| seat.starts_with('B')), "{near}");
    app.close().await;
}

#[tokio::test]
async fn no_seat_is_left_alone_across_blocks_and_aisles() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let show = app.seated_show(&organizer, "Los Faroles", 1, 50, 50_000).await;
    let buyer = app.somebody("ana").await;
    let planner = Planner { app: &app, organizer: &organizer, show: &show };
    let hold = |seats: Value| hold(&app, &show, &buyer, seats);
    // Blocks end at A-25: a block's end is no wall.
    hold(json!(["A-24"])).await.ok().await;
    hold(json!(["A-26", "A-27"])).await.refused(409, "single_seat_left").await;
    let mut plan = planner.plan().await;
    plan["sections"][1]["rows"][0]["seats"][24]["aisle_after"] = true.into();
    planner.save(0, &plan).await;
    planner.publish(1).ok().await;
    app.clock.advance(A_WHILE);
    hold(json!(["A-26", "A-27"])).await.ok().await;
    app.close().await;
}

/// The request that reserves these seats.
async fn hold(app: &TestApp, show: &Show, buyer: &TestUser, seats: Value) -> Request {
    let quote = app.quote(&show.id, json!({"area_id": show.area, "seats": seats})).await;
    app.post("/api/v1/reservations").token(&buyer.token).json(json!({"quote": quote["quote"]}))
}
