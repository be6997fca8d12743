//! Shows in the first system's terms: their fields, their discounts for members, and shows that
//! are sold elsewhere.

use std::time::Duration;

use domain::discount::{Case, DiscountRequest, suggest};
use domain::event::Event;
use domain::member::Member;
use domain::{DiscountRequestId, EventId, MemberId, Timestamp};
use serde_json::{Value, json};
use store::{AllotmentState, EventRecord, Store};
use testkit::{Organizer, TestApp};

use crate::table::table_of;

/// Longer than the functions cache public data.
const A_WHILE: Duration = Duration::from_secs(6);
const LINK: &str = "https://boletos.example/noche-de-faroles";

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

fn pointers(problem: &Value) -> Vec<&str> {
    problem["errors"].as_array().expect("errors").iter().map(|field| text(&field["pointer"])).collect()
}

/// A published show that is sold elsewhere, with every field of the first system.
async fn complete_show(app: &TestApp, organizer: &Organizer) -> Value {
    let starts_at = app.clock.now() + Duration::from_secs(7 * 24 * 3600);
    let body = json!({
        "name": "Noche de Faroles", "artist": "Los Faroles", "venue": "Teatro La Chicharra", "city": "Bogotá",
        "time_zone": "America/Bogota", "starts_at": starts_at.to_string(), "code": "LF-2027",
        "img": "https://fotos.example/faroles.png", "max_discounts": 40, "ticketing_link": LINK,
        "other_data": {"genre": "rock", "price": 50_000},
    });
    let show = app.post("/api/v1/events").token(&organizer.token).json(body).ok().await;
    let publish = format!("/api/v1/events/{}/publish", text(&show["id"]));
    app.post(publish).token(&organizer.token).ok().await
}

/// Gives `discounts` of the event's discounts to members.
async fn give(app: &TestApp, event: &str, discounts: u8) {
    let store = table_of(app, "supervision");
    let id: EventId = event.parse().expect("an id");
    let stored = store.event(id).await.expect("read").expect("exists");
    let now = app.clock.now();
    for _ in 0..discounts {
        store.take_discount(&stored, &approved(&stored, now), now).await.expect("one is left");
    }
}

/// A member's request whose approval takes a discount.
fn approved(show: &Event, now: Timestamp) -> DiscountRequest {
    let suggestion = suggest(&Case { remaining: 1, ..Case::default() });
    let member: Member = serde_json::from_value(json!({
        "id": MemberId::generate(now), "tenant_id": show.tenant_id, "name": "Ana", "email": "ana@example.com",
        "country": "CO", "registration_date": now, "created_at": now, "updated_at": now,
        "subscription_active": true, "monthly_fee_current": true, "version": 1,
    }))
    .expect("a member");
    let request = DiscountRequest::open(&member, show, 0, suggestion, 0, now);
    DiscountRequest { id: DiscountRequestId::generate(now), ..request }
}

/// The capacity of the event's discounts, and how many are left.
async fn discounts_of(store: &Store, event: &EventRecord, now: Timestamp) -> AllotmentState {
    store.discounts_state(event, now).await.expect("read")
}

#[tokio::test]
async fn every_endpoint_of_shows_has_every_field_of_the_first_system() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let event = complete_show(&app, &organizer).await;
    let found = app.get("/api/v1/shows/search?q=faroles").ok().await;
    let available = app.get("/api/v1/shows/available").ok().await;
    let detail = app.get(format!("/api/v1/public/events/{}", text(&event["slug"]))).ok().await;
    for (endpoint, show) in [
        ("GET /api/v1/shows/search?q={query}", &found["items"][0]),
        ("GET /api/v1/shows/available", &available["items"][0]),
        ("GET /api/v1/public/events/{slug}", &detail),
    ] {
        for (field, value) in [
            ("id", event["id"].clone()),
            ("code", json!("LF-2027")),
            ("title", json!("Noche de Faroles")),
            ("artist", json!("Los Faroles")),
            ("venue", json!("Teatro La Chicharra")),
            ("img", json!("https://fotos.example/faroles.png")),
            ("show_date", event["starts_at"].clone()),
            ("max_discounts", json!(40)),
            ("ticketing_link", json!(LINK)),
            ("active", json!(true)),
            ("created_at", event["created_at"].clone()),
        ] {
            assert_eq!(show[field], value, "{endpoint}: {field}");
        }
        for (field, value) in [("city", json!("Bogotá")), ("price", json!(50_000)), ("genre", json!("rock"))]
        {
            assert_eq!(show["other_data"][field], value, "{endpoint}: other_data.{field}");
        }
        assert!(text(&show["created_at"]).parse::<Timestamp>().is_ok(), "{endpoint}");
    }
    app.close().await;
}

#[tokio::test]
async fn a_show_is_found_by_its_code_and_links_to_itself_without_one() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let show = app.show(&organizer, "Río Abajo", 10, 2000).await;
    let url = format!("/api/v1/events/{}", show.id);
    let search = async |query: &str| {
        app.clock.advance(A_WHILE);
        app.get(format!("/api/v1/shows/search?q={query}")).ok().await["items"].clone()
    };
    assert_eq!(search("zz-9").await, json!([]));
    app.patch(&url).token(&organizer.token).json(json!({"code": "ZZ-99"})).ok().await;
    let found = search("zz-9").await;
    assert_eq!((&found[0]["code"], &found[0]["slug"]), (&json!("ZZ-99"), &json!(show.slug)));
    assert_eq!(found[0]["sold_elsewhere"], false);
    app.patch(&url).token(&organizer.token).json(json!({"code": null})).ok().await;
    assert_eq!(search("zz-9").await, json!([]));
    let found = search("rio").await;
    assert_eq!(found[0]["code"], json!(show.slug), "the slug stands in for it");
    let link = app.elsewhere("GET".parse().expect("a method"), text(&found[0]["ticketing_link"]));
    assert_eq!(link.ok().await["id"], show.id);
    app.close().await;
}

#[tokio::test]
async fn a_code_is_unique_within_a_tenant() {
    let app = TestApp::start().await;
    let (faroles, mareas) = (app.organizer("faroles").await, app.organizer("mareas").await);
    let new = |organizer: &Organizer, name: &str, code: &str| {
        let body = json!({"name": name, "time_zone": "America/Lima", "starts_at": "2040-01-10T01:00:00Z", "code": code});
        app.post("/api/v1/events").token(&organizer.token).json(body)
    };
    let first = new(&faroles, "Uno", "LF-1").ok().await;
    assert_eq!(first["code"], "LF-1");
    new(&faroles, "Dos", "lf-1").refused(409, "code_taken").await;
    new(&mareas, "Tres", "LF-1").ok().await;
    let second = new(&faroles, "Cuatro", "LF-2").ok().await;
    let url = format!("/api/v1/events/{}", text(&second["id"]));
    let patch = |body: Value| app.patch(&url).token(&faroles.token).json(body);
    patch(json!({"code": "LF-1"})).refused(409, "code_taken").await;
    let discounts = json!({"code": "LF-1", "max_discounts": 40, "ticketing_link": LINK});
    patch(discounts).refused(409, "code_taken").await;
    let unchanged = app.get(&url).token(&faroles.token).ok().await;
    assert_eq!((&unchanged["version"], &unchanged["max_discounts"]), (&json!(1), &json!(0)));
    patch(json!({"code": "LF-3"})).ok().await;
    new(&faroles, "Cinco", "LF-2").ok().await;
    app.delete(format!("/api/v1/events/{}", text(&first["id"]))).token(&faroles.token).send().await.ok();
    new(&faroles, "Seis", "LF-1").ok().await;
    new(&faroles, "Siete", "L F").refused(400, "invalid_fields").await;
    app.close().await;
}

#[tokio::test]
async fn discounts_follow_the_show_and_never_go_below_those_given() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let show = app.show(&organizer, "Los Faroles", 100, 1000).await;
    let url = format!("/api/v1/events/{}", show.id);
    let patch = |body: Value| app.patch(&url).token(&organizer.token).json(body);
    let missing = patch(json!({"max_discounts": 40})).refused(422, "refused_fields").await;
    assert_eq!(pointers(&missing), ["/member_discount"]);
    let off = json!({"discount_type": "percentage", "discount_value": 50});
    let changed = patch(json!({"max_discounts": 40, "member_discount": off})).ok().await;
    let kept = json!({"discount_type": "percentage", "discount_value": 50, "discount_value_formatted": "50 %",
        "max_tickets": 1});
    assert_eq!((&changed["max_discounts"], &changed["member_discount"]), (&json!(40), &kept));
    assert_eq!(changed.get("discount_blocks"), None, "only the table knows of blocks");
    patch(json!({"max_discounts": 10_001})).refused(400, "invalid_fields").await;

    give(&app, &show.id, 12).await;
    let below = patch(json!({"max_discounts": 11})).refused(422, "refused_fields").await;
    assert_eq!((pointers(&below), &below["given"]), (vec!["/max_discounts"], &json!(12)));
    assert!(text(&below["errors"][0]["detail"]).contains("12 discounts"), "{below}");
    let state = async || {
        let store = table_of(&app, "supervision");
        let event = store.event(show.id.parse().expect("an id")).await.expect("read").expect("exists");
        let state = discounts_of(&store, &event, app.clock.now()).await;
        (event.max_discounts, state.capacity, state.left)
    };
    assert_eq!(state().await, (40, 40, 28), "nothing changed");
    for (wanted, left) in [(12, 0), (12, 0), (75, 63)] {
        assert_eq!(patch(json!({"max_discounts": wanted})).ok().await["max_discounts"], wanted);
        assert_eq!(state().await, (wanted, wanted, left));
    }
    let stale = json!({"max_discounts": 80, "version": 1});
    patch(stale).refused(409, "changed_meanwhile").await;

    app.post(format!("{url}/unpublish")).token(&organizer.token).ok().await;
    app.delete(&url).token(&organizer.token).refused(409, "event_has_discounts").await;
    assert_eq!(state().await, (75, 75, 63), "nothing is closed");
    let on_sale = app.post(format!("{url}/publish")).token(&organizer.token).ok().await;
    assert_eq!(on_sale["max_discounts"], 75);
    app.close().await;
}

#[tokio::test]
async fn an_interrupted_change_of_discounts_is_repaired_by_the_next() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let event = complete_show(&app, &organizer).await;
    let store = table_of(&app, "events");
    let id: EventId = text(&event["id"]).parse().expect("an id");
    let stored = store.event(id).await.expect("read").expect("exists");
    let now = app.clock.now();
    let mut change = store.lease_discounts(&stored, now).await.expect("nobody else has the right");
    store.resize_discounts(&mut change, id, 300, now).await.expect("raised, and then nothing more");

    let url = format!("/api/v1/events/{id}");
    let patch = |body: Value| app.patch(&url).token(&organizer.token).json(body);
    patch(json!({"max_discounts": 60})).refused(409, "changed_meanwhile").await;
    patch(json!({"name": "Otra"})).refused(409, "changed_meanwhile").await;
    app.clock.advance(Duration::from_secs(61));
    patch(json!({"max_discounts": 60})).ok().await;
    let stored = store.event(id).await.expect("read").expect("exists");
    let state = discounts_of(&store, &stored, app.clock.now()).await;
    assert_eq!((stored.max_discounts, state.capacity, state.left), (60, 60, 60));
    patch(json!({"name": "Otra"})).ok().await;
    app.close().await;
}

#[tokio::test]
async fn a_copy_has_its_own_discounts_and_a_deleted_show_none() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let event = complete_show(&app, &organizer).await;
    give(&app, text(&event["id"]), 7).await;
    let copy = json!({"starts_at": "2040-01-10T01:00:00Z"});
    let copy = app
        .post(format!("/api/v1/events/{}/duplicate", text(&event["id"])))
        .token(&organizer.token)
        .json(copy)
        .ok()
        .await;
    assert_eq!((copy.get("code"), &copy["max_discounts"]), (None, &json!(40)));
    let store = table_of(&app, "supervision");
    let id: EventId = text(&copy["id"]).parse().expect("an id");
    let stored = store.event(id).await.expect("read").expect("exists");
    let state = discounts_of(&store, &stored, app.clock.now()).await;
    assert_eq!((state.capacity, state.left), (40, 40));

    app.delete(format!("/api/v1/events/{id}")).token(&organizer.token).send().await.ok();
    // Read with the event as it was before the deletion.
    let state = discounts_of(&store, &stored, app.clock.now()).await;
    assert_eq!((state.capacity, state.left), (0, 0));
    app.close().await;
}

#[tokio::test]
async fn a_show_that_is_sold_elsewhere_is_not_sold_here() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let ana = app.somebody("ana").await;
    let show = app.show(&organizer, "Los Faroles", 10, 1000).await;
    let url = format!("/api/v1/events/{}", show.id);
    let line = json!({"area_id": show.area, "quantity": 1});
    let quote = app.quote(&show.id, line.clone()).await;
    let held = app.reserve(&ana.token, &show.id, line.clone()).await;

    app.patch(&url).token(&organizer.token).json(json!({"ticketing_link": LINK})).ok().await;
    app.clock.advance(A_WHILE);
    let body = json!({"event_id": show.id, "lines": [line]});
    let checked = app.post("/api/v1/promotions/FAROL10/validate").json(body.clone());
    checked.refused(409, "sold_elsewhere").await;
    let refused = app.post("/api/v1/public/quotes").json(body.clone()).refused(409, "sold_elsewhere").await;
    assert_eq!(refused["ticketing_link"], LINK);
    let reserve = json!({"quote": quote["quote"]});
    let refused =
        app.post("/api/v1/reservations").token(&ana.token).json(reserve).refused(409, "sold_elsewhere").await;
    assert_eq!(refused["ticketing_link"], LINK);
    let detail = app.get(format!("/api/v1/public/events/{}", show.slug)).ok().await;
    assert_eq!((&detail["sold_elsewhere"], &detail["ticketing_link"]), (&json!(true), &json!(LINK)));
    let paid = json!({"reservation_id": held["id"]});
    let paid = app.post("/api/v1/purchases").token(&ana.token).json(paid).ok().await;
    assert!(paid["checkout_url"].is_string(), "what was reserved before can be paid: {paid}");
    app.approve(&paid).await;

    // A show that is not sold elsewhere needs places to be on sale.
    let event = complete_show(&app, &organizer).await;
    let url = format!("/api/v1/events/{}", text(&event["id"]));
    let patch = |body: Value| app.patch(&url).token(&organizer.token).json(body);
    let refused = patch(json!({"ticketing_link": null})).refused(422, "refused_fields").await;
    assert_eq!(pointers(&refused), ["/member_discount"]);
    let refused =
        patch(json!({"ticketing_link": null, "max_discounts": 0})).refused(422, "refused_fields").await;
    assert_eq!(pointers(&refused), ["/areas"]);
    app.close().await;
}

#[tokio::test]
async fn invalid_fields_of_a_show_are_refused_by_their_pointers() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let bad = json!({
        "name": "Noche", "time_zone": "America/Lima", "starts_at": "2040-01-10T01:00:00Z", "code": "a b",
        "img": "http://fotos.example/a.png", "ticketing_link": "javascript:alert(1)", "max_discounts": 10_001,
        "member_discount": {"discount_type": "percentage", "discount_value": 100.01, "max_tickets": 0},
        "other_data": {"deep": [[[[[[]]]]]]},
    });
    let problem =
        app.post("/api/v1/events").token(&organizer.token).json(bad).refused(400, "invalid_fields").await;
    assert_eq!(
        pointers(&problem),
        [
            "/code",
            "/img",
            "/ticketing_link",
            "/max_discounts",
            "/member_discount/discount_value",
            "/member_discount/max_tickets",
            "/other_data"
        ]
    );
    app.close().await;
}
