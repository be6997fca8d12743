//! Warnings: the change is made, and the organiser should look at it.

use serde_json::{Value, json};
use testkit::TestApp;

fn codes(answer: &Value) -> Vec<&str> {
    let warnings = answer["warnings"].as_array().expect("a list");
    for warning in warnings {
        let [english, spanish] =
            ["message", "message_es"].map(|field| warning[field].as_str().unwrap_or_default());
        assert!(!english.is_empty() && !spanish.is_empty() && english != spanish, "{warning}");
    }
    warnings.iter().map(|warning| warning["code"].as_str().expect("a code")).collect()
}

#[tokio::test]
async fn an_area_without_places_goes_on_sale_with_a_warning() {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let event = app.draft(&organizer, "Los Faroles").await;
    let url = format!("/api/v1/events/{}", event["id"].as_str().expect("an id"));
    let create = |area: Value| app.post(format!("{url}/areas")).token(&organizer.token).json(area).ok();
    create(json!({"area_name": "Campo", "kind": "general_admission", "capacity": 10, "price": 0})).await;
    let balcony = create(json!({"area_name": "Balcón", "kind": "seated", "price": 0})).await;
    let published = app.post(format!("{url}/publish")).token(&organizer.token).ok().await;
    assert_eq!((&published["status"], codes(&published)), (&json!("published"), vec!["area_without_places"]));
    insta::assert_snapshot!(published["warnings"][0]["message"].as_str().expect("a sentence"), @"The area Balcón has no places, so nobody can buy there. Give it rows or a capacity, or delete it.");
    let changed = app.patch(&url).token(&organizer.token).json(json!({"artist": "Otros"})).ok().await;
    assert_eq!(codes(&changed), ["area_without_places"]);
    let area = balcony["id"].as_str().expect("an id");
    let rows = json!({"rows": [{"label": "A", "first": 1, "last": 5}]});
    app.post(format!("{url}/areas/{area}/units")).token(&organizer.token).json(rows).ok().await;
    let again = app.post(format!("{url}/publish")).token(&organizer.token).ok().await;
    assert_eq!(codes(&again), [""; 0]);
    app.close().await;
}

#[tokio::test]
async fn moving_a_show_with_sold_tickets_warns_that_buyers_are_not_told() {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.show(&organizer, "Los Faroles", 10, 0).await;
    let change = async |body: Value| {
        let changed = app.patch(format!("/api/v1/events/{}", show.id)).token(&organizer.token).json(body);
        changed.ok().await
    };
    let later = |hours: u64| (app.clock.now() + std::time::Duration::from_secs(hours * 3600)).to_string();
    assert_eq!(codes(&change(json!({"starts_at": later(200)})).await), [""; 0], "nothing is sold");
    let ana = app.somebody("ana").await;
    app.buy(&ana.token, &show.id, json!({"area_id": show.area, "quantity": 1})).await;
    assert_eq!(codes(&change(json!({"artist": "Otros"})).await), [""; 0], "the time is what it was");
    for body in
        [json!({"starts_at": later(300)}), json!({"doors_at": later(299)}), json!({"venue": "Otro teatro"})]
    {
        assert_eq!(codes(&change(body.clone()).await), ["tickets_sold"], "{body}");
    }
    app.close().await;
}

#[tokio::test]
async fn an_area_that_is_added_later_is_checked_too() {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.show(&organizer, "Los Faroles", 10, 0).await;
    let areas = format!("/api/v1/events/{}/areas", show.id);
    let create = |area: Value| app.post(&areas).token(&organizer.token).json(area);
    let balcony = json!({"area_name": "Balcón", "kind": "seated", "price": 0});
    let balcony = create(balcony).idempotent("balcony").ok().await;
    assert_eq!(codes(&balcony), ["area_without_places"]);
    let odd = json!({"area_name": "Palco", "kind": "general_admission", "capacity": 5, "price": 87_830.5});
    let odd = create(odd).ok().await;
    assert_eq!(codes(&odd), ["price_rounded"]);
    assert_eq!(
        odd["warnings"][0]["message"],
        "No gateway takes the decimals of COP 87,830.50: a ticket of Palco costs buyers COP 87,831."
    );
    assert_eq!(
        odd["warnings"][0]["message_es"],
        "Ninguna pasarela recibe los decimales de COP 87.830,50: una entrada de Palco le cuesta COP 87.831 al comprador."
    );
    let change = |price: Value| {
        let area = odd["id"].as_str().expect("an id");
        app.patch(format!("{areas}/{area}")).token(&organizer.token).json(json!({"price": price})).ok()
    };
    let tiny = change(json!(0.4)).await;
    assert_eq!(codes(&tiny), ["price_rounded"]);
    assert_eq!(
        tiny["warnings"][0]["message"],
        "No gateway takes the decimals of COP 0.40: a ticket of Palco is free for buyers."
    );
    assert_eq!(codes(&change(json!(87_831)).await), [""; 0]);
    let publish = app.post(format!("/api/v1/events/{}/publish", show.id)).token(&organizer.token).ok().await;
    assert_eq!(codes(&publish), ["area_without_places"]);
    app.close().await;
}

#[tokio::test]
async fn moving_a_show_warns_which_stages_keep_their_dates() {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let draft = app.draft(&organizer, "Los Faroles").await;
    let url = format!("/api/v1/events/{}", draft["id"].as_str().expect("an id"));
    let later = |hours: u64| (app.clock.now() + std::time::Duration::from_secs(hours * 3600)).to_string();
    let stage = |name: &str, end: Value| {
        let body = json!({"stage_name": name, "price_adjustment_type": "percentage", "price_adjustment_value": -10, "end_time": end});
        app.post(format!("{url}/sale-stages")).token(&organizer.token).json(body).ok()
    };
    let patch = |body: Value| app.patch(&url).token(&organizer.token).json(body).ok();
    stage("Siempre", Value::Null).await;
    assert_eq!(codes(&patch(json!({"starts_at": later(200)})).await), [""; 0]);
    stage("Preventa", json!(later(100))).await;
    assert_eq!(codes(&patch(json!({"artist": "Otros"})).await), [""; 0]);
    let moved = patch(json!({"starts_at": later(300)})).await;
    assert_eq!(codes(&moved), ["stages_not_moved"]);
    assert_eq!(
        moved["warnings"][0]["message_es"],
        "Las etapas de venta con fechas se quedan en las suyas: Preventa. Cámbialas si deben moverse con el evento; las promociones con fechas, también."
    );
    app.close().await;
}
