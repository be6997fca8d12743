//! The public lists, search, availability and quotes.

use std::time::Duration;

use domain::Currency;
use domain::event::Area;
use serde_json::{Value, json};
use testkit::TestApp;

use crate::table::table_of;

/// Longer than the functions cache public data.
const A_WHILE: Duration = Duration::from_secs(6);

fn slugs(list: &Value) -> Vec<&str> {
    list["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|show| show["slug"].as_str().expect("a slug"))
        .collect()
}

#[tokio::test]
async fn shows_are_listed_filtered_and_paged() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let first = app.show(&organizer, "Los Faroles", 10, 2000).await;
    app.clock.advance(Duration::from_secs(60));
    let second = app.seated_show(&organizer, "Río Abajo", 1, 4, 1000).await;
    app.draft(&organizer, "Todavía No").await;
    app.clock.advance(A_WHILE);

    let all = app.get("/api/v1/public/events").ok().await;
    assert_eq!(slugs(&all), [first.slug.as_str(), second.slug.as_str()]);
    assert_eq!(all["items"][0]["price_from"], 2000);
    let page = app.get("/api/v1/public/events?limit=1").ok().await;
    assert_eq!(slugs(&page), [first.slug.as_str()]);
    let cursor = page["next_cursor"].as_str().expect("a cursor");
    let rest = app.get(format!("/api/v1/public/events?limit=1&cursor={cursor}")).ok().await;
    assert_eq!((slugs(&rest), &rest["next_cursor"]), (vec![second.slug.as_str()], &Value::Null));

    for (filter, found) in [
        ("city=bogota", 2),
        ("city=cali", 0),
        ("country=co", 2),
        ("country=CL", 0),
        ("q=rio+abaj", 1),
        ("q=%C2%BF", 0),
    ] {
        let list = app.get(format!("/api/v1/public/events?{filter}")).ok().await;
        assert_eq!(slugs(&list).len(), found, "{filter}");
    }
    app.get("/api/v1/public/events?country=COL").refused(400, "invalid_fields").await;
    app.get("/api/v1/public/events?cursor=%21").refused(400, "invalid_fields").await;

    let event = format!("/api/v1/events/{}", first.id);
    app.patch(&event).token(&organizer.token).json(json!({"unlisted": true})).ok().await;
    app.clock.advance(A_WHILE);
    assert_eq!(slugs(&app.get("/api/v1/public/events").ok().await), [second.slug.as_str()]);
    app.get(format!("/api/v1/public/events/{}", first.slug)).ok().await;

    app.clock.advance(Duration::from_secs(8 * 24 * 3600));
    assert_eq!(app.get("/api/v1/public/events").ok().await["items"], json!([]), "what is over is not listed");
    app.close().await;
}

#[tokio::test]
async fn search_tolerates_typos_and_has_the_seeds_field_names() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let show = app.show(&organizer, "Los Faroles", 10, 2000).await;
    app.show(&organizer, "Río Abajo", 10, 2000).await;
    for query in ["los+farols", "FAROL", "chicharra+faroles", "far%C3%B3les"] {
        let found = app.get(format!("/api/v1/shows/search?q={query}")).ok().await;
        let first = &found["items"][0];
        assert_eq!((&first["id"], &first["code"]), (&json!(show.id), &json!(show.slug)), "{query}");
    }
    let found = app.get("/api/v1/shows/search?q=faroles").ok().await;
    let first = &found["items"][0];
    for field in ["title", "artist", "venue", "show_date", "ticketing_link"] {
        assert!(first[field].is_string(), "{field}: {first}");
    }
    assert_eq!(first["other_data"]["price"], 2000);
    let link =
        app.elsewhere("GET".parse().expect("a method"), first["ticketing_link"].as_str().expect("a link"));
    assert_eq!(link.ok().await["id"], show.id);
    assert_eq!(app.get("/api/v1/shows/search?q=").ok().await["items"], json!([]));
    app.get("/api/v1/shows/search").refused(400, "invalid_fields").await;
    app.get("/api/v1/shows/search?q=x&limit=51").refused(400, "invalid_fields").await;
    app.get(format!("/api/v1/shows/search?q={}", "x".repeat(101))).refused(400, "invalid_fields").await;
    assert_eq!(app.get("/api/v1/shows/available").ok().await["items"].as_array().expect("items").len(), 2);
    app.close().await;
}

#[tokio::test]
async fn public_answers_can_be_cached_for_some_seconds() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let show = app.seated_show(&organizer, "Marea Baja", 2, 4, 1000).await;
    let event = format!("/api/v1/public/events/{}", show.slug);
    for (url, seconds) in [
        ("/api/v1/public/events".to_owned(), 30),
        ("/api/v1/shows/search?q=marea".to_owned(), 30),
        (event.clone(), 30),
        (format!("{event}/areas"), 5),
        (format!("{event}/areas/{}/availability", show.area), 2),
    ] {
        let answer = app.get(&url).send().await;
        assert!(answer.header("cache-control").starts_with(&format!("public, max-age={seconds},")), "{url}");
        let tag = answer.header("etag").to_owned();
        let again = app.get(&url).header("if-none-match", &tag).send().await;
        assert_eq!((again.status, again.body.len()), (304, 0), "{url}");
        let changed = app.get(&url).header("if-none-match", "\"other\"").send().await;
        assert_eq!(changed.status, 200, "{url}");
    }
    let missing = app.get("/api/v1/public/events/no-such-show").send().await;
    assert_eq!(missing.header("cache-control"), "no-store", "that something is missing is not kept");
    missing.refused(404, "event_not_found");
    app.close().await;
}

#[tokio::test]
async fn availability_goes_down_to_the_seat() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let show = app.seated_show(&organizer, "Marea Baja", 2, 5, 1000).await;
    let ana = app.somebody("ana").await;
    app.buy(&ana.token, &show.id, json!({"area_id": show.area, "seats": ["A-1", "A-2"]})).await;
    app.reserve(&ana.token, &show.id, json!({"area_id": show.area, "seats": ["B-5", "B-4"]})).await;
    app.clock.advance(A_WHILE);
    let url = format!("/api/v1/public/events/{}/areas/{}/availability", show.slug, show.area);
    let now = app.get(&url).ok().await;
    assert_eq!(now["left"], 6);
    let (a, b) = ("available", "reserved");
    assert_eq!(now["rows"][0], json!({"label": "A", "first": 1, "seats": ["sold", "sold", a, a, a]}));
    assert_eq!(now["rows"][1], json!({"label": "B", "first": 1, "seats": [a, a, a, b, b]}));
    app.clock.advance(Duration::from_secs(11 * 60));
    assert_eq!(app.get(&url).ok().await["left"], 8, "a hold that ran out is free without anybody's doing");
    let areas = app.get(format!("/api/v1/public/events/{}/areas", show.slug)).ok().await;
    assert_eq!(
        (&areas["items"][0]["left"], &areas["items"][0]["availability"]),
        (&json!(8), &json!("available"))
    );
    let elsewhere =
        format!("/api/v1/public/events/{}/areas/area_01h455vb4pex5vsknk084sn02q/availability", show.slug);
    app.get(elsewhere).refused(404, "area_not_found").await;
    app.close().await;
}

#[tokio::test]
async fn a_quote_says_what_is_wrong_with_its_request() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let show = app.show(&organizer, "Los Faroles", 10, 1000).await;
    let draft = app.draft(&organizer, "Todavía No").await;
    let ask = |body: Value| app.post("/api/v1/public/quotes").json(body);
    let line = json!({"area_id": show.area, "quantity": 1});
    let good = ask(json!({"event_id": show.id, "lines": [line]})).ok().await;
    assert!(good["quote"].is_string());
    assert_eq!(good["totals"]["total"], 1000);
    ask(json!({"event_id": draft["id"], "lines": [line]})).refused(404, "event_not_found").await;
    ask(json!({"event_id": show.id, "lines": []})).refused(422, "refused_fields").await;
    ask(json!({"event_id": show.id, "lines": [line], "currency": "USD"}))
        .refused(422, "currency_mismatch")
        .await;
    ask(json!({"event_id": show.id, "lines": [line], "price": 1})).refused(400, "invalid_fields").await;
    let many = json!({"area_id": show.area, "quantity": 11});
    ask(json!({"event_id": show.id, "lines": [many]})).refused(422, "refused_fields").await;
    let code = ask(json!({"event_id": show.id, "lines": [line], "promotion_code": "NADA"})).ok().await;
    assert_eq!(
        (&code["promotion"]["applied"], &code["promotion"]["reason"]),
        (&json!(false), &json!("not_found"))
    );
    app.clock.advance(Duration::from_secs(8 * 24 * 3600));
    ask(json!({"event_id": show.id, "lines": [line]})).refused(409, "event_over").await;
    app.close().await;
}

#[tokio::test]
async fn a_show_whose_prices_are_wrong_hides_no_other() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let good = app.show(&organizer, "Los Faroles", 10, 2000).await;
    let broken = app.show(&organizer, "Faroles Rotos", 10, 1000).await;
    let store = table_of(&app, "events");
    let (event, area) = (broken.id.parse().expect("an id"), broken.area.parse().expect("an id"));
    let stored = store.priced_event(event).await.expect("read").expect("an event");
    let area = stored.area(area).expect("an area").clone();
    let wrong = Area { currency: Currency::CLP, version: area.version + 1, ..area };
    store.replace_area(&stored, &wrong).await.expect("written");
    app.clock.advance(A_WHILE);
    let list = app.get("/api/v1/public/events").ok().await;
    let priced: Vec<_> = list["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|show| (&show["id"], &show["price_from"]))
        .collect();
    assert_eq!(priced, [(&json!(good.id), &json!(2000)), (&json!(broken.id), &Value::Null)]);
    for path in ["/api/v1/shows/available", "/api/v1/shows/search?q=faroles"] {
        let list = app.get(path).ok().await;
        assert_eq!(list["items"].as_array().expect("items").len(), 2, "{path}: {list}");
        let prices = |show: &Value| show["other_data"]["price"].clone();
        let prices: Vec<Value> = list["items"].as_array().expect("items").iter().map(prices).collect();
        assert!(prices.contains(&json!(2000)), "{path}: {list}");
    }
    let page = app.get(format!("/api/v1/public/events/{}", broken.slug)).ok().await;
    assert_eq!(page["id"], broken.id);
    let line = json!({"area_id": broken.area, "quantity": 1});
    let ask = app.post("/api/v1/public/quotes").json(json!({"event_id": broken.id, "lines": [line]}));
    ask.refused(409, "prices_not_valid").await;
    app.close().await;
}
