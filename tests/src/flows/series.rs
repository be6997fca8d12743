//! Several dates of one show: the organiser's side and the page that buyers see.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Organizer, Show, TestApp};

use crate::community::text;

/// Longer than the functions cache public data.
const A_WHILE: Duration = Duration::from_secs(6);

async fn series(app: &TestApp, organizer: &Organizer, name: &str) -> Value {
    app.post("/api/v1/series").token(&organizer.token).json(json!({"name": name})).ok().await
}

/// Makes an event a date of a series, or of none.
fn join(app: &TestApp, organizer: &Organizer, event: &str, series: &Value) -> testkit::Request {
    let change = json!({"series_id": series});
    app.patch(format!("/api/v1/events/{event}")).token(&organizer.token).json(change)
}

async fn public(app: &TestApp, slug: &Value) -> Value {
    app.clock.advance(A_WHILE);
    app.get(format!("/api/v1/public/series/{}", text(slug))).ok().await
}

fn dates<'a>(page: &'a Value, field: &str) -> Vec<&'a Value> {
    page["dates"].as_array().expect("dates").iter().map(|date| &date[field]).collect()
}

async fn change(app: &TestApp, organizer: &Organizer, show: &Show, change: &str) {
    app.post(format!("/api/v1/events/{}/{change}", show.id)).token(&organizer.token).ok().await;
}

#[tokio::test]
async fn a_series_shows_its_dates_with_state_price_and_what_is_left() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let body = json!({
        "name": "Temporada de Faroles", "artist": "Los Faroles", "description": "Tres noches.",
        "img": "https://fotos.example/a.png",
    });
    let series = app.post("/api/v1/series").token(&organizer.token).json(body).ok().await;
    assert_eq!((&series["slug"], &series["event_count"]), (&json!("temporada-de-faroles"), &json!(0)));
    let path = format!("/api/v1/public/series/{}", text(&series["slug"]));
    app.get(&path).refused(404, "series_not_found").await;

    let first = app.show(&organizer, "Primera noche", 10, 20_000).await;
    let second = app.seated_show(&organizer, "Segunda noche", 2, 4, 30_000).await;
    let draft = app.draft(&organizer, "Noche en preparación").await;
    join(&app, &organizer, text(&draft["id"]), &series["id"]).ok().await;
    app.clock.advance(A_WHILE);
    app.get(&path).refused(404, "series_not_found").await;
    for show in [&first, &second] {
        let joined = join(&app, &organizer, &show.id, &series["id"]).ok().await;
        assert_eq!(joined["series_id"], series["id"]);
    }

    let page = public(&app, &series["slug"]).await;
    assert_eq!((&page["name"], &page["artist"]), (&json!("Temporada de Faroles"), &json!("Los Faroles")));
    assert_eq!(
        (&page["image"], &page["description"]),
        (&json!("https://fotos.example/a.png"), &json!("Tres noches."))
    );
    assert_eq!(page["organizer"]["name"], "faroles produce");
    assert_eq!(dates(&page, "slug"), [&json!(first.slug), &json!(second.slug)], "not the draft");
    assert_eq!(dates(&page, "price_from"), [20_000, 30_000]);
    assert_eq!(dates(&page, "availability"), ["available", "available"]);
    assert_eq!(dates(&page, "status"), ["published", "published"]);

    // What is bought shows, and what is called off.
    let ana = app.confirmed("ana").await;
    app.buy(&ana.token, &first.id, json!({"area_id": first.area, "quantity": 9})).await;
    change(&app, &organizer, &second, "postpone").await;
    let page = public(&app, &series["slug"]).await;
    assert_eq!(dates(&page, "availability"), [&json!("few_left"), &Value::Null]);
    assert_eq!(dates(&page, "status"), ["published", "postponed"]);
    change(&app, &organizer, &second, "cancel").await;
    let page = public(&app, &series["slug"]).await;
    assert_eq!(dates(&page, "status"), ["published", "cancelled"], "who has a ticket looks for it");

    // The way from a date to its series.
    let show = app.get(format!("/api/v1/public/events/{}", first.slug)).ok().await;
    assert_eq!(show["series"], json!({"id": series["id"], "slug": series["slug"], "name": series["name"]}));
    for list in ["/api/v1/public/events", "/api/v1/shows/available"] {
        assert_eq!(app.get(list).ok().await["items"][0]["series_id"], series["id"], "{list}");
    }

    // Dates out of lists are not on the page, and those that are over neither; the page stays.
    let unlisted = json!({"unlisted": true});
    let event = format!("/api/v1/events/{}", second.id);
    app.patch(event).token(&organizer.token).json(unlisted).ok().await;
    assert_eq!(dates(&public(&app, &series["slug"]).await, "slug"), [&json!(first.slug)]);
    app.idle().await;
    app.clock.advance(Duration::from_secs(9 * 24 * 3600));
    assert_eq!(public(&app, &series["slug"]).await["dates"], json!([]));
    app.close().await;
}

#[tokio::test]
async fn an_organiser_makes_changes_and_deletes_a_series() {
    let app = TestApp::start().await;
    let (organizer, stranger) = (app.organizer("faroles").await, app.organizer("mareas").await);
    let one = series(&app, &organizer, "Temporada").await;
    let url = format!("/api/v1/series/{}", text(&one["id"]));
    let changes =
        json!({"name": "Gira", "artist": "Los Faroles", "img": "https://fotos.example/a.png", "version": 1});
    let changed = app.patch(&url).token(&organizer.token).json(changes.clone()).ok().await;
    assert_eq!(
        (&changed["name"], &changed["slug"], &changed["version"]),
        (&json!("Gira"), &json!("temporada"), &json!(2))
    );
    app.patch(&url).token(&organizer.token).json(changes).refused(409, "changed_meanwhile").await;
    let removed = app.patch(&url).token(&organizer.token).json(json!({"img": null})).ok().await;
    assert_eq!((removed.get("img"), &removed["artist"]), (None, &json!("Los Faroles")));
    for bad in [json!({"slug": "otra"}), json!({"img": "http://fotos.example"}), json!({"name": ""})] {
        app.patch(&url).token(&organizer.token).json(bad).refused(400, "invalid_fields").await;
    }
    let all = app.get("/api/v1/series").token(&organizer.token).ok().await;
    assert_eq!(all["items"], json!([removed]));
    assert_eq!(app.get("/api/v1/series").token(&stranger.token).ok().await["items"], json!([]));
    for request in [app.get(&url), app.patch(&url).json(json!({"name": "Robada"})), app.delete(&url)] {
        request.token(&stranger.token).refused(404, "series_not_found").await;
    }

    // One name for one thing: events and series share their addresses.
    let new = |path: &str, body: Value| app.post(path).token(&organizer.token).json(body);
    new("/api/v1/series", json!({"name": "Otra", "slug": "temporada"})).refused(409, "slug_taken").await;
    let event =
        json!({"name": "Temporada", "time_zone": "America/Bogota", "starts_at": "2040-01-10T01:00:00Z"});
    let draft = new("/api/v1/events", event.clone()).ok().await;
    assert!(text(&draft["slug"]).starts_with("temporada-"), "{draft}");
    let mut named = event.clone();
    named["slug"] = json!("temporada");
    new("/api/v1/events", named).refused(409, "slug_taken").await;
    app.get("/api/v1/public/events/temporada").refused(404, "event_not_found").await;
    app.get(format!("/api/v1/public/series/{}", text(&draft["slug"]))).refused(404, "series_not_found").await;

    // Only the own series takes an event, and keeps it until it is taken out.
    let theirs = series(&app, &stranger, "Ajena").await;
    let draft = text(&draft["id"]);
    let refused = join(&app, &organizer, draft, &theirs["id"]).refused(422, "refused_fields").await;
    assert_eq!(refused["errors"][0]["pointer"], "/series_id");
    let mut dated = event;
    dated["series_id"] = theirs["id"].clone();
    new("/api/v1/events", dated.clone()).refused(422, "refused_fields").await;
    dated["series_id"] = one["id"].clone();
    let created = new("/api/v1/events", dated).ok().await;
    join(&app, &organizer, draft, &one["id"]).ok().await;
    let copy = json!({"starts_at": "2040-02-10T01:00:00Z"});
    let copied = new(&format!("/api/v1/events/{draft}/duplicate"), copy).ok().await;
    assert_eq!(copied["series_id"], one["id"], "a copy is another date");
    let with_dates = app.get(&url).token(&organizer.token).ok().await;
    assert_eq!((dates(&with_dates, "event_id").len(), &with_dates["event_count"]), (3, &json!(3)));
    assert_eq!(dates(&with_dates, "listed"), [false; 3]);
    let kept = app.delete(&url).token(&organizer.token).refused(409, "series_has_events").await;
    assert_eq!(kept["dates"], 3);
    join(&app, &organizer, draft, &Value::Null).ok().await;
    for event in [&created["id"], &copied["id"]] {
        app.delete(format!("/api/v1/events/{}", text(event))).token(&organizer.token).send().await.ok_empty();
    }
    app.delete(&url).token(&organizer.token).send().await.ok_empty();
    app.get(&url).token(&organizer.token).refused(404, "series_not_found").await;
    let again = new("/api/v1/series", json!({"name": "Otra", "slug": "temporada"})).ok().await;
    assert_ne!(again["id"], one["id"], "the address is free again");
    app.close().await;
}
