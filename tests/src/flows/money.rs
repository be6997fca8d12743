//! Amounts and percentages in the API: major units and per cent, exact to the last digit.

use serde_json::{Value, json};
use testkit::{Country, TestApp};

#[tokio::test]
async fn an_amount_keeps_its_digits_from_the_request_to_the_order() {
    let app = TestApp::start().await;
    // A country where buyers pay centavos.
    let organizer = app.organizer_in("faroles", Country::ARGENTINA).await;
    let show = app.show(&organizer, "Los Faroles", 10, 1000).await;
    let area = format!("/api/v1/events/{}/areas/{}", show.id, show.area);
    for price in [json!(87_830.5), json!("87830.50")] {
        let changed = app.patch(&area).token(&organizer.token).json(json!({"price": price})).send().await;
        assert!(
            changed.text().contains(r#""price":87830.50,"price_formatted":"ARS 87.830,50""#),
            "{}",
            changed.text()
        );
    }
    let ana = app.somebody("ana").await;
    let line = json!({"area_id": show.area, "quantity": 3});
    let body = json!({"event_id": show.id, "lines": [line]});
    let quote = app.post("/api/v1/public/quotes").json(body).send().await;
    // The total keeps two decimals, which a float would print as 263491.5.
    assert!(quote.text().contains(r#""total":263491.50"#), "{}", quote.text());
    let order = app.reserve(&ana.token, &show.id, line).await;
    assert_eq!((&order["total"], &order["currency"]), (&json!(263_491.5), &json!("ARS")));
    let listed = app.get("/api/v1/shows/search?q=faroles").send().await;
    assert!(listed.text().contains(r#""price":87830.50"#), "{}", listed.text());
    app.close().await;
}

#[tokio::test]
async fn an_idempotent_request_may_write_its_amount_in_another_way() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let show = app.show(&organizer, "Los Faroles", 10, 1000).await;
    let create = |price: Value| {
        let area = json!({"area_name": "VIP", "kind": "general_admission", "capacity": 5, "price": price});
        let create = app.post(format!("/api/v1/events/{}/areas", show.id)).token(&organizer.token);
        create.idempotent("vip").json(area)
    };
    let area = create(json!(87_830.5)).ok().await;
    assert_eq!(create(json!("87830.500")).ok().await, area);
    create(json!(87_830.51)).refused(422, "idempotency_key_reused").await;
    app.close().await;
}

#[tokio::test]
async fn an_organisers_fixed_fee_is_in_its_own_currency() {
    let app = TestApp::start().await;
    let organizer = app.organizer_in("faroles", Country::COLOMBIA).await;
    let tenant = |body: Value| app.patch("/api/v1/tenant").token(&organizer.token).json(body);
    let fees = json!({"convenience_rate": 2.5, "convenience_fixed": 900});
    let changed = tenant(json!({"fees": fees})).ok().await;
    assert_eq!(changed["fees"]["convenience_fixed_formatted"], "COP 900");
    let refused = tenant(json!({"currency": "CLP"})).refused(422, "refused_fields").await;
    assert_eq!(refused["errors"][0]["pointer"], "/fees");

    let draft = async |currency: &str| {
        let body = json!({"name": "Gira", "time_zone": "America/Santiago", "starts_at": "2027-06-01T01:00:00Z",
            "currency": currency});
        app.post("/api/v1/events").token(&organizer.token).json(body).ok().await
    };
    let abroad = draft("USD").await;
    let fees = &abroad["fees"];
    assert_eq!((&fees["convenience_rate"], &fees["convenience_fixed"]), (&json!(2.5), &json!(0)));
    let home = draft("COP").await;
    assert_eq!(home["fees"]["convenience_fixed"], 900);
    let path = format!("/api/v1/events/{}", home["id"].as_str().expect("an id"));
    let moved = app.patch(path).token(&organizer.token).json(json!({"currency": "USD"}));
    moved.refused(409, "currency_fixed").await;
    app.close().await;
}

#[tokio::test]
async fn a_promotion_has_the_currency_of_its_amounts() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let create = |change: Value| {
        let mut body = json!({"promotion_name": "Camisetas", "promotion_code": "CAMISA", "discount_type": "fixed",
            "discount_value": "5000.50", "applies_to": "product"});
        body.as_object_mut().expect("members").extend(change.as_object().expect("members").clone());
        app.post("/api/v1/promotions").token(&organizer.token).json(body)
    };
    let refused = create(json!({})).refused(422, "refused_fields").await;
    assert_eq!(refused["errors"][0]["pointer"], "/currency");
    let fine = create(json!({"currency": "CLP"})).refused(422, "too_many_decimals").await;
    assert_eq!(fine["errors"][0]["pointer"], "/discount_value");
    let created = create(json!({"currency": "COP", "max_discount_amount": 20_000})).ok().await;
    assert_eq!(created["discount_value"], 5000.5);
    assert_eq!(created["discount_value_formatted"], "COP 5.000,50");
    assert_eq!(created["max_discount_amount_formatted"], "COP 20.000");
    app.close().await;
}
