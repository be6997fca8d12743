//! Prices: stages, promotions, fees, and what buyers see of them.

use std::time::Duration;

use domain::pricing::MAX_STAGES_PER_EVENT;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Country, Organizer, Show, TestApp};

fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}

/// Longer than the functions cache public data.
const A_WHILE: Duration = Duration::from_secs(6);

async fn total(app: &TestApp, show: &Show, quantity: u32, code: Option<&str>) -> Value {
    app.clock.advance(A_WHILE);
    let mut body = json!({"event_id": show.id, "lines": [{"area_id": show.area, "quantity": quantity}]});
    if let Some(code) = code {
        body["promotion_code"] = code.into();
    }
    app.post("/api/v1/public/quotes").json(body).ok().await["totals"]["total"].clone()
}

async fn stage(app: &TestApp, organizer: &Organizer, show: &Show, body: Value) -> Value {
    app.post(format!("/api/v1/events/{}/sale-stages", show.id)).token(&organizer.token).json(body).ok().await
}

#[tokio::test]
async fn a_stage_sells_out_and_the_next_takes_over() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let show = app.show(&organizer, "Los Faroles", 100, 1000).await;
    let early = json!({"stage_name": "Early Bird", "price_adjustment_type": "percentage",
        "price_adjustment_value": -50, "quantity_available": 4});
    let early = stage(&app, &organizer, &show, early).await;
    let presale =
        json!({"stage_name": "Preventa", "price_adjustment_type": "fixed", "price_adjustment_value": -100});
    let presale = stage(&app, &organizer, &show, presale).await;
    assert_eq!((&early["priority_order"], &presale["priority_order"]), (&json!(0), &json!(1)));

    assert_eq!(total(&app, &show, 3, None).await, 1500);
    assert_eq!(total(&app, &show, 5, None).await, 4500, "more than the stage has");
    let ana = app.somebody("ana").await;
    app.buy(&ana.token, &show.id, json!({"area_id": show.area, "quantity": 4})).await;
    assert_eq!(total(&app, &show, 1, None).await, 900);
    let areas = app.get(format!("/api/v1/public/events/{}/areas", show.slug)).ok().await;
    let price = &areas["items"][0]["price"];
    assert_eq!((&price["price"], &price["stage_name"]), (&json!(900), &json!("Preventa")));

    let url = format!("/api/v1/events/{}/sale-stages", show.id);
    let change =
        |body: Value| app.patch(format!("{url}/{}", text(&early["id"]))).token(&organizer.token).json(body);
    change(json!({"quantity_available": 3})).refused(409, "not_enough_free").await;
    let more = change(json!({"quantity_available": 60, "version": 1})).ok().await;
    assert_eq!((&more["remaining"], &more["version"]), (&json!(56), &json!(2)));
    change(json!({"quantity_available": 60, "version": 1})).refused(409, "changed_meanwhile").await;
    assert_eq!(total(&app, &show, 1, None).await, 500);
    change(json!({"active": false})).ok().await;
    assert_eq!(total(&app, &show, 1, None).await, 900);
    app.delete(format!("{url}/{}", text(&presale["id"]))).token(&organizer.token).send().await.ok();
    assert_eq!(total(&app, &show, 1, None).await, 1000);
    let listed = app.get(&url).token(&organizer.token).ok().await;
    assert_eq!(listed["items"].as_array().expect("items").len(), 1);
    app.close().await;
}

#[tokio::test]
async fn a_stage_ends_by_its_date() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let show = app.show(&organizer, "Los Faroles", 100, 1000).await;
    let end = app.clock.now() + Duration::from_secs(3600);
    let early = json!({"stage_name": "Early Bird", "price_adjustment_type": "percentage",
        "price_adjustment_value": -20, "end_time": end.to_string()});
    stage(&app, &organizer, &show, early).await;
    assert_eq!(total(&app, &show, 1, None).await, 800);
    let areas = app.get(format!("/api/v1/public/events/{}/areas", show.slug)).ok().await;
    assert_eq!(areas["items"][0]["price"]["next"]["price"], 1000, "{areas}");
    app.clock.advance(Duration::from_secs(3600));
    assert_eq!(total(&app, &show, 1, None).await, 1000);
    app.close().await;
}

#[tokio::test]
async fn bad_stages_are_refused() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let show = app.show(&organizer, "Los Faroles", 100, 1000).await;
    let url = format!("/api/v1/events/{}/sale-stages", show.id);
    let pointers = async |bad: Value, status: u16, code: &str| {
        let problem = app.post(&url).token(&organizer.token).json(bad).refused(status, code).await;
        let errors = problem["errors"].as_array().expect("errors").iter();
        errors.map(|error| text(&error["pointer"]).to_owned()).collect::<Vec<_>>()
    };
    let mut bad = json!({"stage_name": "", "price_adjustment_type": "percentage", "price_adjustment_value": -100.01,
        "quantity_available": 0, "target_area_id": "area_01h455vb4pex5vsknk084sn02q"});
    let formless = pointers(bad.clone(), 400, "invalid_fields").await;
    assert_eq!(formless, ["/stage_name", "/quantity_available"]);
    (bad["stage_name"], bad["quantity_available"]) = (json!("Preventa"), json!(1));
    let ruled_out = pointers(bad, 422, "refused_fields").await;
    assert_eq!(ruled_out, ["/price_adjustment_value", "/target_area_id"]);
    let wrong = json!({"stage_name": "x", "price_adjustment_type": "halves", "price_adjustment_value": 1});
    app.post(&url).token(&organizer.token).json(wrong).refused(400, "invalid_fields").await;
    for n in 0..MAX_STAGES_PER_EVENT {
        let body = json!({"stage_name": format!("Etapa {n}"), "price_adjustment_type": "fixed", "price_adjustment_value": n});
        stage(&app, &organizer, &show, body).await;
    }
    let one_more =
        json!({"stage_name": "Otra", "price_adjustment_type": "fixed", "price_adjustment_value": 0});
    app.post(&url).token(&organizer.token).json(one_more).refused(409, "too_many_sale_stages").await;
    app.close().await;
}

#[tokio::test]
async fn a_promotion_is_used_up_to_its_total_uses() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let show = app.show(&organizer, "Los Faroles", 100, 1000).await;
    let new = |body: Value| app.post("/api/v1/promotions").token(&organizer.token).json(body);
    let promotion = json!({"promotion_name": "Socios", "promotion_code": "socios", "discount_type": "percentage",
        "discount_value": 10, "applies_to": "event", "target_event_id": show.id, "total_uses": 1});
    let created = new(promotion.clone()).ok().await;
    assert_eq!((&created["promotion_code"], &created["remaining"]), (&json!("SOCIOS"), &json!(1)));
    assert_eq!(created["currency"], "COP", "as the event has it");
    new(promotion.clone()).refused(409, "code_taken").await;

    let validate = |code: &str| {
        let body = json!({"event_id": show.id, "lines": [{"area_id": show.area, "quantity": 2}]});
        app.post(format!("/api/v1/promotions/{code}/validate")).json(body)
    };
    let valid = validate("Socios").ok().await;
    assert_eq!(
        (&valid["applies"], &valid["discount"], &valid["total"]),
        (&json!(true), &json!(200), &json!(1800))
    );
    assert_eq!(validate("NADIE").ok().await["reason"], "not_found");
    validate("n").refused(404, "not_found").await;
    assert_eq!(total(&app, &show, 2, Some("socios")).await, 1800);

    let url = "/api/v1/promotions/socios";
    app.delete(url).token(&organizer.token).send().await.ok();
    assert_eq!(validate("SOCIOS").ok().await["reason"], "not_found");
    assert_eq!(new(promotion).ok().await["remaining"], 1, "the code can be used again");

    let ana = app.somebody("ana").await;
    app.clock.advance(A_WHILE);
    let body = json!({"event_id": show.id, "promotion_code": "SOCIOS", "lines": [{"area_id": show.area, "quantity": 2}]});
    let quote = app.post("/api/v1/public/quotes").token(&ana.token).json(body).ok().await;
    assert_eq!(quote["promotion"]["applied"], true, "{quote}");
    let body = json!({"quote": quote["quote"]});
    app.post("/api/v1/reservations").token(&ana.token).json(body).ok().await;
    assert_eq!(validate("SOCIOS").ok().await["reason"], "used_up");
    assert_eq!(app.get(url).token(&organizer.token).ok().await["remaining"], 0);
    app.delete(url).token(&organizer.token).refused(409, "promotion_in_use").await;
    let more = app.patch(url).token(&organizer.token).json(json!({"total_uses": 3})).ok().await;
    assert_eq!(more["remaining"], 2);
    assert_eq!(validate("SOCIOS").ok().await["applies"], true);
    app.patch(url).token(&organizer.token).json(json!({"active": false})).ok().await;
    assert_eq!(validate("SOCIOS").ok().await["reason"], "inactive");
    app.close().await;
}

#[tokio::test]
async fn promotions_are_their_tenants_own() {
    let app = TestApp::start().await;
    let (owner, other) = (app.organizer("faroles").await, app.organizer("mareas").await);
    let show = app.show(&owner, "Los Faroles", 100, 1000).await;
    let new = |organizer: &Organizer, change: Value| {
        let mut body = json!({"promotion_name": "Socios", "promotion_code": "SOCIOS", "discount_type": "percentage",
            "discount_value": 10, "applies_to": "tenant"});
        body.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        app.post("/api/v1/promotions").token(&organizer.token).json(body)
    };
    new(&other, json!({"applies_to": "event", "target_event_id": show.id}))
        .refused(404, "event_not_found")
        .await;
    new(&owner, json!({})).ok().await;
    new(&other, json!({"discount_value": 90})).ok().await;
    assert_eq!(total(&app, &show, 1, Some("SOCIOS")).await, 900, "the other tenant's code is not known here");
    app.delete("/api/v1/promotions/SOCIOS").token(&other.token).send().await.ok();
    let listed = app.get("/api/v1/promotions").token(&owner.token).ok().await;
    assert_eq!(listed["items"].as_array().expect("items").len(), 1);
    app.get("/api/v1/promotions/SOCIOS").token(&other.token).refused(404, "promotion_not_found").await;
    app.close().await;
}

/// The lowest price of the first show, as the list, the search and the show itself have it.
async fn prices_from(app: &TestApp, slug: &str) -> [Value; 3] {
    app.clock.advance(A_WHILE);
    let list = app.get("/api/v1/public/events").ok().await;
    let found = app.get(format!("/api/v1/shows/search?q={slug}")).ok().await;
    let show = app.get(format!("/api/v1/public/events/{slug}")).ok().await;
    [&list["items"][0]["price_from"], &found["items"][0]["other_data"]["price"], &show["other_data"]["price"]]
        .map(Value::clone)
}

#[tokio::test]
async fn the_price_in_lists_is_what_a_quote_says() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let show = app.show(&organizer, "Los Faroles", 100, 10_000).await;
    let listed = async |charged: &Value| {
        assert_eq!(total(&app, &show, 1, None).await, *charged);
        assert_eq!(prices_from(&app, &show.slug).await, [charged, charged, charged].map(Value::clone));
    };
    listed(&json!(10_000)).await;
    let fees = json!({"fees": {"convenience_rate": 10}, "vat": {"rate": 19}});
    app.put(format!("/api/v1/events/{}/fees", show.id)).token(&organizer.token).json(fees).ok().await;
    listed(&json!(13_090)).await;
    let early = json!({"stage_name": "Early Bird", "price_adjustment_type": "percentage",
        "price_adjustment_value": -50, "quantity_available": 1});
    stage(&app, &organizer, &show, early).await;
    listed(&json!(6545)).await;
    let ana = app.somebody("ana").await;
    app.buy(&ana.token, &show.id, json!({"area_id": show.area, "quantity": 1})).await;
    listed(&json!(13_090)).await;
    app.close().await;
}

#[tokio::test]
async fn a_quote_says_why_the_promotion_or_stage_does_not_apply() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let show = app.show(&organizer, "Los Faroles", 100, 1000).await;
    let early = json!({"stage_name": "Early Bird", "price_adjustment_type": "percentage",
        "price_adjustment_value": -50, "quantity_available": 3});
    let early = stage(&app, &organizer, &show, early).await;
    let ask = |change: Value| {
        let lines = json!([{"area_id": show.area, "quantity": 4}]);
        let mut body = json!({"event_id": show.id, "lines": lines, "promotion_code": "AMIGOS"});
        body.as_object_mut().expect("members").extend(change.as_object().expect("members").clone());
        app.post("/api/v1/public/quotes").json(body)
    };
    let quote = ask(json!({})).ok().await;
    assert_eq!(
        (&quote["promotion_applied"], &quote["promotion"]["reason"]),
        (&json!(false), &json!("not_found"))
    );
    let outgrown = json!([{
        "id": early["id"], "name": "Early Bird", "area_id": show.area, "left": 3, "wanted": 4, "unit_total": 500,
        "detail": "Only 3 tickets are left at the price of Early Bird, so none of your 4 has it. Choose no more \
            than 3 to have it.",
    }]);
    assert_eq!((&quote["outgrown_stages"], &quote["totals"]["total"]), (&outgrown, &json!(4000)));

    let refused = ask(json!({"require_promotion": true})).refused(409, "promotion_not_applied").await;
    assert_eq!(refused["reason"], "not_found");
    let refused = ask(json!({"require_stage": true})).refused(409, "stage_outgrown").await;
    assert_eq!((&refused["left"], &refused["area_id"]), (&json!(3), &json!(show.area)));
    let no_code = json!({"promotion_code": null, "require_promotion": true});
    ask(no_code).refused(422, "refused_fields").await;
    let plain =
        ask(json!({"promotion_code": null, "lines": [{"area_id": show.area, "quantity": 3}]})).ok().await;
    assert_eq!((plain.get("promotion_applied"), &plain["outgrown_stages"]), (None, &json!([])));
    app.close().await;
}

#[tokio::test]
async fn fees_and_tax_are_the_events_own() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let show = app.show(&organizer, "Los Faroles", 100, 10_000).await;
    let url = format!("/api/v1/events/{}/fees", show.id);
    let before = app.get(&url).token(&organizer.token).ok().await;
    assert_eq!(before["vat"], json!({"rate": 19, "included": true}));
    let body = json!({"fees": {"convenience_rate": 10, "convenience_fixed": 50}, "vat": {"rate": 19},
        "version": before["version"]});
    app.put(&url).token(&organizer.token).json(body.clone()).ok().await;
    app.put(&url).token(&organizer.token).json(body).refused(409, "changed_meanwhile").await;
    assert_eq!(total(&app, &show, 1, None).await, 13_150, "10000 + 1050 and 19 % of it, in whole pesos");
    let bad = json!({"fees": {"convenience_rate": -1, "convenience_fixed": -1}, "vat": {"rate": 100.01}});
    let bad = app.put(&url).token(&organizer.token).json(bad).refused(422, "refused_fields").await;
    assert_eq!(bad["errors"].as_array().expect("errors").len(), 3);
    app.close().await;
}

#[tokio::test]
async fn guessing_promotion_codes_is_limited() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let show = app.show(&organizer, "Los Faroles", 100, 1000).await;
    let promotion = json!({"promotion_name": "Amigos", "promotion_code": "AMIGOS", "discount_type": "percentage",
        "discount_value": 10, "applies_to": "tenant"});
    app.post("/api/v1/promotions").token(&organizer.token).json(promotion).ok().await;
    let quote = |code: Option<&str>| {
        let lines = json!([{"area_id": show.area, "quantity": 1}]);
        app.post("/api/v1/public/quotes")
            .json(json!({"event_id": show.id, "lines": lines, "promotion_code": code}))
    };
    let insist = |code: &str| {
        let lines = json!([{"area_id": show.area, "quantity": 1}]);
        let body =
            json!({"event_id": show.id, "lines": lines, "promotion_code": code, "require_promotion": true});
        app.post("/api/v1/public/quotes").json(body)
    };
    let validate = |code: &str| {
        let lines = json!([{"area_id": show.area, "quantity": 1}]);
        app.post(format!("/api/v1/promotions/{code}/validate"))
            .json(json!({"event_id": show.id, "lines": lines}))
    };
    for index in 0..50 {
        quote(Some("AMIGOS")).ok().await;
        match index % 2 {
            0 => quote(Some(&format!("AMIGO{index}"))).ok().await,
            _ => insist(&format!("AMIGO{index}")).refused(409, "promotion_not_applied").await,
        };
        validate(&format!("AMIGA{index}")).ok().await;
    }
    // Even a valid code is refused, so that the answer does not confirm it.
    quote(Some("AMIGOS")).refused(429, "too_many_tries").await;
    validate("AMIGOS").refused(429, "too_many_tries").await;
    quote(None).ok().await;
    app.clock.advance(Duration::from_secs(15 * 60));
    quote(Some("AMIGOS")).ok().await;
    app.close().await;
}

#[tokio::test]
async fn a_time_that_contradicts_the_events_zone_is_refused_at_stages_and_promotions() {
    let app = TestApp::start().await;
    let organizer = app.organizer_in("faroles", Country::CHILE).await;
    let show = app.show(&organizer, "Los Faroles", 100, 1000).await;
    // Santiago is at -03:00 in December and at -04:00 in July.
    let (good, utc, wrong) =
        ("2027-07-01T10:00:00-04:00", "2027-07-01T14:00:00Z", "2027-07-01T10:00:00-03:00");
    let send = async |method: Method, path: &str, body: Value, pointers: &[&str]| {
        let answer = app.request(method, path).token(&organizer.token).json(body).send().await;
        if pointers.is_empty() {
            return answer.ok();
        }
        let problem = answer.refused(422, "refused_fields");
        let named: Vec<_> = problem["errors"].as_array().expect("errors").iter().collect();
        assert_eq!(
            named.iter().map(|error| text(&error["pointer"])).collect::<Vec<_>>(),
            pointers,
            "{problem}"
        );
        assert!(named.iter().all(|error| text(&error["detail"]).contains("-04:00 then")), "{problem}");
        problem
    };
    let stages = format!("/api/v1/events/{}/sale-stages", show.id);
    let stage = |start: &str, end: &str| {
        json!({"stage_name": "Preventa", "price_adjustment_type": "percentage", "price_adjustment_value": -10,
            "start_time": start, "end_time": end})
    };
    send(Method::POST, &stages, stage(wrong, good), &["/start_time"]).await;
    send(Method::POST, &stages, stage(utc, "2027-07-02T10:00:00-03:00"), &["/end_time"]).await;
    let made = send(Method::POST, &stages, stage(utc, "2027-07-02T10:00:00-04:00"), &[]).await;
    let made = format!("{stages}/{}", text(&made["id"]));
    send(Method::PATCH, &made, json!({"start_time": wrong}), &["/start_time"]).await;
    send(Method::PATCH, &made, json!({"start_time": good}), &[]).await;

    let promotion = |event: Value, start: &str, end: &str| {
        json!({"promotion_name": "Amigos", "promotion_code": "AMIGOS", "discount_type": "percentage",
            "discount_value": 10, "applies_to": "event", "target_event_id": event, "start_date": start, "end_date": end})
    };
    let late = "2027-07-02T10:00:00-03:00";
    send(
        Method::POST,
        "/api/v1/promotions",
        promotion(json!(show.id), wrong, late),
        &["/start_date", "/end_date"],
    )
    .await;
    send(
        Method::POST,
        "/api/v1/promotions",
        promotion(json!(show.id), good, "2027-07-02T10:00:00-04:00"),
        &[],
    )
    .await;
    send(Method::PATCH, "/api/v1/promotions/AMIGOS", json!({"end_date": late}), &["/end_date"]).await;
    // A promotion without an event has no time zone to contradict.
    let all = json!({"promotion_name": "Todos", "promotion_code": "TODOS", "discount_type": "percentage",
        "discount_value": 10, "applies_to": "tenant", "start_date": wrong});
    send(Method::POST, "/api/v1/promotions", all, &[]).await;
    // Once it is for an event, its times must fit the event's zone.
    let aimed = json!({"applies_to": "event", "target_event_id": show.id, "start_date": wrong});
    send(Method::PATCH, "/api/v1/promotions/TODOS", aimed, &["/start_date"]).await;
    app.close().await;
}
