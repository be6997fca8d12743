//! Putting events on sale: the organiser's side.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Organizer, TestApp};

fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}

/// Longer than the functions cache public data.
const A_WHILE: Duration = Duration::from_secs(6);

async fn organizers(app: &TestApp) -> (Organizer, Organizer) {
    (app.organizer("faroles").await, app.organizer("mareas").await)
}

#[tokio::test]
async fn a_draft_names_its_missing_fields_and_then_goes_on_sale() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let body = json!({"name": "Noche de Faroles", "time_zone": "America/Bogota", "starts_at": "2040-01-10T01:00:00Z"});
    let event = app.post("/api/v1/events").token(&organizer.token).json(body).send().await;
    assert_eq!(event.status, 201);
    let event = event.ok();
    assert_eq!((&event["status"], &event["slug"]), (&json!("draft"), &json!("noche-de-faroles")));
    assert_eq!(event["vat"], json!({"rate": 19, "included": true}), "as its organiser has it");
    let url = format!("/api/v1/events/{}", text(&event["id"]));
    let public = format!("/api/v1/public/events/{}", text(&event["slug"]));

    app.get(&public).refused(404, "event_not_found").await;
    let problem =
        app.post(format!("{url}/publish")).token(&organizer.token).refused(422, "refused_fields").await;
    let pointers: Vec<_> =
        problem["errors"].as_array().expect("errors").iter().map(|e| text(&e["pointer"])).collect();
    assert_eq!(pointers, ["/venue", "/city", "/areas"]);

    let changes = json!({"venue": "Teatro La Chicharra", "city": "Bogotá", "version": 1});
    let changed = app.patch(&url).token(&organizer.token).json(changes.clone()).ok().await;
    assert_eq!(changed["version"], 2);
    let stale = app.patch(&url).token(&organizer.token).json(changes).refused(409, "changed_meanwhile").await;
    assert_eq!(stale["version"], 2);
    let area = json!({"area_name": "Campo", "kind": "general_admission", "capacity": 120, "price": 50_000});
    app.post(format!("{url}/areas")).token(&organizer.token).json(area).ok().await;
    let published = app.post(format!("{url}/publish")).token(&organizer.token).ok().await;
    assert_eq!(published["status"], "published");
    let again = app.post(format!("{url}/publish")).token(&organizer.token).ok().await;
    assert_eq!(again["version"], published["version"], "publishing again changes nothing");
    assert_eq!(app.get(&public).ok().await["organizer"]["name"], "faroles produce");

    app.delete(&url).token(&organizer.token).refused(409, "event_published").await;
    let bad = json!({"venue": ""});
    app.patch(&url).token(&organizer.token).json(bad).refused(422, "refused_fields").await;

    app.post(format!("{url}/unpublish")).token(&organizer.token).ok().await;
    app.clock.advance(A_WHILE);
    app.get(&public).refused(404, "event_not_found").await;
    app.delete(&url).token(&organizer.token).send().await.ok();
    app.get(&url).token(&organizer.token).refused(404, "event_not_found").await;
    app.close().await;
}

#[tokio::test]
async fn a_slug_is_unique_and_readable() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let first = app.draft(&organizer, "¡Última Función!").await;
    let second = app.draft(&organizer, "Última función").await;
    assert_eq!(first["slug"], "ultima-funcion");
    assert!(text(&second["slug"]).starts_with("ultima-funcion-"), "{second}");
    let new = |slug: &str| {
        let body = json!({"name": "Otra", "time_zone": "America/Lima", "starts_at": "2040-01-10T01:00:00Z", "slug": slug});
        app.post("/api/v1/events").token(&organizer.token).json(body)
    };
    new("ultima-funcion").refused(409, "slug_taken").await;
    new("Última").refused(400, "invalid_fields").await;
    assert_eq!(new("otra-noche").ok().await["slug"], "otra-noche");
    app.close().await;
}

#[tokio::test]
async fn the_same_key_creates_once() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let create = |name: &str, key: &str| {
        let body = json!({"name": name, "time_zone": "America/Lima", "starts_at": "2040-01-10T01:00:00Z"});
        app.post("/api/v1/events").token(&organizer.token).idempotent(key).json(body)
    };
    let first = create("Noche", "k1").ok().await;
    assert_eq!(create("Noche", "k1").ok().await, first);
    create("Otra noche", "k1").refused(422, "idempotency_key_reused").await;
    assert_ne!(create("Noche", "k2").ok().await["id"], first["id"]);
    create("Noche", &"k".repeat(129)).refused(400, "invalid_fields").await;
    let events = app.get("/api/v1/events").token(&organizer.token).ok().await;
    assert_eq!(events["items"].as_array().expect("items").len(), 2);

    let url = format!("/api/v1/events/{}/areas", text(&first["id"]));
    let area = json!({"area_name": "Campo", "kind": "general_admission", "capacity": 50, "price": 0});
    let area = || app.post(&url).token(&organizer.token).idempotent("k1").json(area.clone());
    assert_eq!(area().ok().await, area().ok().await, "keys of other routes do not matter");
    app.close().await;
}

#[tokio::test]
async fn another_tenants_events_do_not_exist() {
    let app = TestApp::start().await;
    let (owner, stranger) = organizers(&app).await;
    let show = app.seated_show(&owner, "Marea Baja", 1, 4, 1000).await;
    let url = format!("/api/v1/events/{}", show.id);
    let area = format!("{url}/areas/{}", show.area);
    for request in [
        app.get(&url),
        app.patch(&url).json(json!({"name": "Robado"})),
        app.delete(&url),
        app.post(format!("{url}/publish")),
        app.post(format!("{url}/unpublish")),
        app.post(format!("{url}/postpone")),
        app.post(format!("{url}/cancel")),
        app.post(format!("{url}/duplicate")).json(json!({"starts_at": "2040-01-10T01:00:00Z"})),
        app.get(format!("{url}/areas")),
        app.get(&area),
        app.patch(&area).json(json!({"price": 0})),
        app.delete(&area),
        app.post(format!("{area}/units")).json(json!({"rows": [{"label": "B", "first": 1, "last": 2}]})),
        app.post(format!("{area}/units/block")).json(json!({"seats": ["A-1"]})),
        app.post(format!("{area}/units/unblock")).json(json!({"seats": ["A-1"]})),
        app.post(format!("{url}/images"))
            .json(json!({"kind": "cover", "content_type": "image/png", "size": 9})),
        app.get(format!("{url}/fees")),
        app.put(format!("{url}/fees")).json(json!({"fees": {}, "vat": {}})),
        app.get(format!("{url}/sale-stages")),
    ] {
        request.token(&stranger.token).refused(404, "event_not_found").await;
    }
    let theirs = app.get("/api/v1/events").token(&stranger.token).ok().await;
    assert_eq!(theirs["items"], json!([]));
    app.close().await;
}

#[tokio::test]
async fn ten_thousand_seats_are_one_request() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let event = app.draft(&organizer, "Marea Alta").await;
    let areas = format!("/api/v1/events/{}/areas", text(&event["id"]));
    let area = json!({"area_name": "Platea", "kind": "seated", "price": 100});
    let area = app.post(&areas).token(&organizer.token).json(area).ok().await;
    let url = format!("{areas}/{}", text(&area["id"]));
    let units = |body: Value| app.post(format!("{url}/units")).token(&organizer.token).json(body);

    let created = units(json!({"from": "A", "to": "IV", "first": 1, "last": 39})).ok().await;
    assert_eq!((&created["rows"], &created["seats"]), (&json!(256), &json!(9984)));
    let more = units(json!({"rows": [{"label": "palco", "first": 1, "last": 100}]})).ok().await;
    assert_eq!(more["capacity"], 10_084);
    let area = app.get(&url).token(&organizer.token).ok().await;
    let rows = area["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), 257);
    assert_eq!(rows[256], json!({"label": "PALCO", "first": 1, "last": 100}), "a long row is one row");

    units(json!({"from": "A", "to": "B", "first": 39, "last": 60})).refused(422, "refused_fields").await;
    units(json!({"from": "JA", "to": "JZ", "first": 1, "last": 400})).refused(422, "refused_fields").await;
    units(json!({"from": "JA"})).refused(422, "refused_fields").await;
    let price = json!({"capacity": 5});
    app.patch(&url).token(&organizer.token).json(price).refused(422, "refused_fields").await;

    let published =
        app.post(format!("/api/v1/events/{}/publish", text(&event["id"]))).token(&organizer.token);
    let slug = text(&published.ok().await["slug"]).to_owned();
    let free =
        app.get(format!("/api/v1/public/events/{slug}/areas/{}/availability", text(&area["id"]))).ok().await;
    assert_eq!(free["left"], 10_084);
    assert_eq!(free["rows"].as_array().expect("rows").len(), 257);
    let ana = app.somebody("ana").await;
    let line = json!({"area_id": area["id"], "seats": ["PALCO-99", "PALCO-100"]});
    let reserved = app.reserve(&ana.token, text(&event["id"]), line).await;
    assert_eq!(reserved["status"], "held", "the seats can be sold at once");
    app.close().await;
}

#[tokio::test]
async fn seats_are_blocked_all_or_none() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let show = app.seated_show(&organizer, "Marea Baja", 2, 60, 1000).await;
    let ana = app.somebody("ana").await;
    app.reserve(&ana.token, &show.id, json!({"area_id": show.area, "seats": ["B-59", "B-60"]})).await;
    let units = format!("/api/v1/events/{}/areas/{}/units", show.id, show.area);
    let seats = |verb: &str, seats: Value| {
        app.post(format!("{units}/{verb}")).token(&organizer.token).json(json!({ "seats": seats }))
    };
    let state = async |seat: usize| {
        app.clock.advance(A_WHILE);
        let url = format!("/api/v1/public/events/{}/areas/{}/availability", show.slug, show.area);
        app.get(url).ok().await["rows"][0]["seats"][seat - 1].clone()
    };
    let taken = seats("block", json!(["A-1", "A-60", "B-60"])).refused(409, "seats_taken").await;
    assert_eq!(taken["seats"], json!(["B-60"]));
    assert_eq!(state(1).await, "available", "none was blocked");
    seats("block", json!(["A-1", "A-60"])).ok().await;
    seats("block", json!(["A-1"])).ok().await;
    assert_eq!(state(60).await, "blocked");
    let quote = app.quote(&show.id, json!({"area_id": show.area, "seats": ["A-1"]})).await;
    let reserve = app.post("/api/v1/reservations").token(&ana.token).json(json!({"quote": quote["quote"]}));
    assert_eq!(reserve.send().await.status, 409);
    seats("block", json!(["C-1"])).refused(422, "refused_fields").await;
    seats("block", json!(["A"])).refused(400, "invalid_fields").await;
    seats("unblock", json!(["A-1", "A-2"])).ok().await;
    assert_eq!(state(1).await, "available");
    let vip = json!({"area_name": "VIP", "kind": "general_admission", "capacity": 5, "price": 9});
    let areas = format!("/api/v1/events/{}/areas", show.id);
    let area = format!("{areas}/{}", show.area);
    app.delete(&area).token(&organizer.token).refused(409, "event_published").await;
    app.post(&areas).token(&organizer.token).json(vip).ok().await;
    app.delete(&area).token(&organizer.token).refused(409, "area_has_sales").await;
    assert_eq!(state(2).await, "available", "a deletion that is refused blocks nothing");
    app.clock.advance(Duration::from_secs(11 * 60));
    app.delete(&area).token(&organizer.token).send().await.ok();
    app.get(&area).token(&organizer.token).refused(404, "area_not_found").await;
    let late = json!({"quote": quote["quote"]});
    assert!(app.post("/api/v1/reservations").token(&ana.token).json(late).send().await.status >= 400);
    app.close().await;
}

#[tokio::test]
async fn general_admission_grows_and_shrinks_by_its_free_places() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let show = app.show(&organizer, "Los Faroles", 10, 0).await;
    let ana = app.somebody("ana").await;
    app.buy(&ana.token, &show.id, json!({"area_id": show.area, "quantity": 6})).await;
    let url = format!("/api/v1/events/{}/areas/{}", show.id, show.area);
    let resize =
        |capacity: u32| app.patch(&url).token(&organizer.token).json(json!({ "capacity": capacity }));
    let left = async || {
        app.clock.advance(A_WHILE);
        app.get(format!("/api/v1/public/events/{}/areas", show.slug)).ok().await["items"][0]["left"].clone()
    };
    let refused = resize(5).refused(409, "not_enough_free").await;
    assert_eq!(refused["free"], 4);
    assert_eq!(left().await, 4, "nothing changed");
    assert_eq!(resize(6).ok().await["capacity"], 6);
    assert_eq!(left().await, 0);
    assert_eq!(resize(500).ok().await["capacity"], 500);
    assert_eq!(left().await, 494);
    app.buy(&ana.token, &show.id, json!({"area_id": show.area, "quantity": 10})).await;
    resize(0).refused(400, "invalid_fields").await;
    app.delete(&url).token(&organizer.token).refused(409, "event_published").await;

    app.post(format!("/api/v1/events/{}/unpublish", show.id)).token(&organizer.token).ok().await;
    app.delete(&url).token(&organizer.token).refused(409, "area_has_sales").await;
    let event = format!("/api/v1/events/{}", show.id);
    app.delete(&event).token(&organizer.token).refused(409, "event_has_sales").await;
    assert_eq!(app.get(&url).token(&organizer.token).ok().await["capacity"], 500);
    let currency = json!({"currency": "USD"});
    app.patch(&event).token(&organizer.token).json(currency).refused(409, "currency_fixed").await;
    app.close().await;
}

#[tokio::test]
async fn a_new_price_is_for_new_quotes() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let show = app.show(&organizer, "Los Faroles", 10, 1000).await;
    let area = format!("/api/v1/events/{}/areas/{}", show.id, show.area);
    let line = || json!({"area_id": show.area, "quantity": 1});
    let old = app.quote(&show.id, line()).await;
    app.patch(&area).token(&organizer.token).json(json!({"price": 1500})).ok().await;
    app.clock.advance(A_WHILE);
    assert_eq!(app.quote(&show.id, line()).await["totals"]["total"], 1500);
    let listed = app.get("/api/v1/public/events").ok().await;
    assert_eq!(listed["items"][0]["price_from"], 1500);
    let ana = app.somebody("ana").await;
    let body = json!({"quote": old["quote"]});
    let reserved = app.post("/api/v1/reservations").token(&ana.token).json(body).ok().await;
    assert!(reserved.to_string().contains("1000"), "what was quoted stays: {reserved}");
    app.close().await;
}

#[tokio::test]
async fn a_duplicate_is_a_fresh_draft() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let show = app.seated_show(&organizer, "Marea Baja", 2, 60, 1000).await;
    let stage = json!({"stage_name": "Preventa", "price_adjustment_type": "percentage", "price_adjustment_value": -10,
        "quantity_available": 30, "target_area_id": show.area});
    let stages = format!("/api/v1/events/{}/sale-stages", show.id);
    app.post(&stages).token(&organizer.token).json(stage).ok().await;
    let ana = app.somebody("ana").await;
    app.buy(&ana.token, &show.id, json!({"area_id": show.area, "seats": ["A-1"]})).await;

    let url = format!("/api/v1/events/{}/duplicate", show.id);
    let copy = || {
        let body = json!({"starts_at": "2041-05-01T01:00:00Z"});
        app.post(&url).token(&organizer.token).idempotent("copy").json(body)
    };
    let event = copy().ok().await;
    assert_eq!(copy().ok().await, event);
    assert_eq!((&event["status"], &event["ends_at"]), (&json!("draft"), &json!("2041-05-01T05:00:00Z")));
    assert_ne!(event["slug"], show.slug);
    let id = text(&event["id"]);
    let areas = app.get(format!("/api/v1/events/{id}/areas")).token(&organizer.token).ok().await;
    let area = &areas["items"][0];
    assert_eq!(area["capacity"], 120);
    let stages = app.get(format!("/api/v1/events/{id}/sale-stages")).token(&organizer.token).ok().await;
    assert_eq!(stages["items"][0]["target_area_id"], area["id"]);
    assert_eq!(stages["items"][0]["remaining"], 30);
    app.post(format!("/api/v1/events/{id}/publish")).token(&organizer.token).ok().await;
    let bought = app.buy(&ana.token, id, json!({"area_id": area["id"], "seats": ["A-1"]})).await;
    assert_eq!(bought["status"], "paid", "the seat is free again in the copy");
    app.close().await;
}

#[tokio::test]
async fn a_genre_is_shown_searched_and_filtered_by() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let show = app.show(&organizer, "Río Abajo", 10, 2000).await;
    app.show(&organizer, "Otra noche", 10, 2000).await;
    let url = format!("/api/v1/events/{}", show.id);
    let public = format!("/api/v1/public/events/{}", show.slug);
    assert_eq!(app.get(&public).ok().await["genre"], "");
    let kinds = json!({"genre": "Cumbia eléctrica", "cluster_type": "gira"});
    let changed = app.patch(&url).token(&organizer.token).json(kinds).ok().await;
    assert_eq!((&changed["genre"], &changed["cluster_type"]), (&json!("Cumbia eléctrica"), &json!("gira")));
    let copy = json!({"starts_at": "2040-01-10T01:00:00Z"});
    let copy = app.post(format!("{url}/duplicate")).token(&organizer.token).json(copy).ok().await;
    assert_eq!((&copy["genre"], &copy["cluster_type"]), (&json!("Cumbia eléctrica"), &json!("gira")));

    app.clock.advance(A_WHILE);
    let shown = app.get(&public).ok().await;
    assert_eq!((&shown["genre"], &shown["cluster_type"]), (&json!("Cumbia eléctrica"), &Value::Null));
    for (path, count) in [
        ("/api/v1/public/events", 2),
        ("/api/v1/public/events?genre=cumbia%20electrica", 1),
        ("/api/v1/public/events?genre=cumbia", 0),
        ("/api/v1/shows/search?q=electrica", 1),
        ("/api/v1/shows/search?q=gira", 0),
    ] {
        let found = app.get(path).ok().await;
        let found = found["items"].as_array().expect("items");
        assert_eq!(found.len(), count, "{path}");
        let ours = found.iter().find(|found| found["id"] == json!(show.id));
        assert!(ours.is_none_or(|ours| ours["genre"] == "Cumbia eléctrica"), "{path}");
    }
    let none = json!({"genre": ""});
    assert_eq!(app.patch(&url).token(&organizer.token).json(none).ok().await["genre"], "");
    app.close().await;
}

#[tokio::test]
async fn pictures_go_straight_to_the_bucket() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let event = app.draft(&organizer, "Los Faroles").await;
    let url = format!("/api/v1/events/{}/images", text(&event["id"]));
    let add = |body: Value| app.post(&url).token(&organizer.token).json(body);
    add(json!({"kind": "cover", "content_type": "image/gif", "size": 9}))
        .refused(400, "invalid_fields")
        .await;
    add(json!({"kind": "cover", "content_type": "image/png", "size": 9_000_000}))
        .refused(400, "invalid_fields")
        .await;
    let picture = b"not really a picture".to_vec();
    let upload = add(json!({"kind": "cover", "content_type": "image/png", "size": picture.len()})).ok().await;
    let send = |bytes: Vec<u8>| {
        let mut request =
            app.elsewhere(text(&upload["method"]).parse().expect("a method"), text(&upload["upload_url"]));
        for (name, value) in upload["headers"].as_object().expect("headers") {
            if name != "content-length" && name != "content-type" {
                request = request.header(name, text(value));
            }
        }
        request.body(text(&upload["headers"]["content-type"]), bytes)
    };
    assert_eq!(send(picture.clone()).send().await.status, 200);
    let event = app.get(format!("/api/v1/events/{}", text(&event["id"]))).token(&organizer.token).ok().await;
    assert_eq!(event["images"][0], upload["image"]);
    let get = || "GET".parse().expect("a method");
    let public = app.elsewhere(get(), text(&upload["image"]["url"])).send().await;
    assert_eq!(public.status, 307);
    let shown = app.elsewhere(get(), public.header("location")).send().await;
    assert_eq!((shown.header("content-type"), shown.body.as_slice()), ("image/png", picture.as_slice()));
    app.get(format!("/images/{}/other.png", text(&event["id"]))).refused(404, "image_not_found").await;
    let image = format!("{url}/{}", text(&upload["image"]["id"]));
    assert_eq!(app.delete(&image).token(&organizer.token).send().await.status, 204);
    app.delete(&image).token(&organizer.token).refused(404, "image_not_found").await;
    app.close().await;
}

#[tokio::test]
async fn a_tenant_keeps_its_profile_and_legal_info() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let (tenant, legal) = ("/api/v1/tenant", "/api/v1/tenant/legal-info");
    app.get(legal).token(&organizer.token).refused(404, "legal_info_missing").await;
    let info = json!({"nit": "900123456-7", "legal_name": "Faroles S.A.S.", "pulep_code": "abc123",
        "address": "Calle Inventada 12", "city": "Bogotá", "country": "CO"});
    let stored = app.put(legal).token(&organizer.token).json(info).ok().await;
    assert_eq!(stored["pulep_code"], "ABC123");
    assert_eq!(app.get(legal).token(&organizer.token).ok().await, stored);
    let changed = json!({"name": "Faroles del Sur", "fees": {"convenience_rate": 3.5}, "version": 2});
    let changed = app.patch(tenant).token(&organizer.token).json(changed).ok().await;
    assert_eq!((&changed["name"], &changed["version"]), (&json!("Faroles del Sur"), &json!(3)));
    let bad = json!({"country": "Colombia", "fees": {"convenience_rate": 100.01}});
    let bad = app.patch(tenant).token(&organizer.token).json(bad).refused(400, "invalid_fields").await;
    assert_eq!(bad["errors"].as_array().expect("errors").len(), 2);
    app.close().await;
}
