//! What is done all the same, and should be looked at.

use serde_json::{Value, json};
use testkit::TestApp;

fn codes(answer: &Value) -> Vec<&str> {
    let warnings = answer["warnings"].as_array().expect("a list").iter();
    warnings.map(|warning| warning["code"].as_str().expect("a code")).collect()
}

#[tokio::test]
async fn an_area_without_places_goes_on_sale_with_a_word_about_it() {
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
async fn who_moves_a_sold_show_hears_that_buyers_know_nothing_of_it() {
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
