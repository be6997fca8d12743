//! Members' codes: a promotion with one use, for one member.

use std::time::Duration;

use domain::pricing::{AdjustmentType, AppliesTo, Promotion, PromotionCode};
use domain::{PromotionId, TenantId};
use serde_json::{Value, json};
use testkit::{Show, TestApp, TestUser};

use crate::table::table_of;

/// Longer than the functions cache public data.
const A_WHILE: Duration = Duration::from_secs(6);

/// Creates a code that takes half off one ticket of the show, for one address.
async fn mint(app: &TestApp, tenant: &str, show: &Show, email: &str) -> String {
    let tenant_id: TenantId = tenant.parse().expect("an id");
    let code = PromotionCode::of_member(email.as_bytes());
    let promotion = Promotion {
        id: PromotionId::generate(app.clock.now()),
        tenant_id,
        promotion_name: "Descuento de socia".to_owned(),
        promotion_code: code.clone(),
        discount_type: AdjustmentType::Percentage,
        discount_value: 5000,
        currency: None,
        applies_to: AppliesTo::Event,
        target_event_id: Some(show.id.parse().expect("an id")),
        target_area_id: None,
        target_product_variant_id: None,
        min_quantity: None,
        max_quantity: Some(1),
        max_discount_amount: None,
        start_date: None,
        end_date: None,
        total_uses: Some(1),
        uses_per_buyer: None,
        active: true,
        bound_email: Some(email.to_owned()),
        version: 1,
    };
    let store = table_of(app, "supervision");
    store.create_uses(&promotion).await.expect("created");
    store.create_promotion(&promotion).await.expect("created");
    code.to_string()
}

/// A quote for two tickets with the code, signed in as `who` or signed out.
async fn quote(app: &TestApp, show: &Show, code: &str, who: Option<&TestUser>) -> Value {
    app.clock.advance(A_WHILE);
    let line = json!({"area_id": show.area, "quantity": 2});
    let body = json!({"event_id": show.id, "lines": [line], "promotion_code": code});
    let request = app.post("/api/v1/public/quotes").json(body);
    match who {
        Some(who) => request.token(&who.token).ok().await,
        None => request.ok().await,
    }
}

fn reason(quote: &Value) -> &str {
    assert_eq!(quote["promotion"]["applied"], false, "{quote}");
    assert!(quote["promotion"]["detail"].is_string(), "{quote}");
    quote["promotion"]["reason"].as_str().expect("a reason")
}

#[tokio::test]
async fn a_members_code_buys_at_the_discount_once_for_that_member_only() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let show = app.show(&organizer, "Los Faroles", 100, 1000).await;
    let (ana, beto) = (app.confirmed("ana").await, app.confirmed("beto").await);
    let code = mint(&app, &organizer.tenant, &show, &ana.email).await;
    let reserve = |who: &TestUser, quote: &Value| {
        app.post("/api/v1/reservations").token(&who.token).json(json!({"quote": quote["quote"]}))
    };

    let anonymous = quote(&app, &show, &code, None).await;
    assert_eq!((reason(&anonymous), &anonymous["totals"]["total"]), ("not_for_buyer", &json!(2000)));
    assert_eq!(reason(&quote(&app, &show, &code, Some(&beto)).await), "not_for_buyer");
    let hers = quote(&app, &show, &code.to_lowercase(), Some(&ana)).await;
    assert_eq!((&hers["promotion"]["applied"], &hers["totals"]["total"]), (&json!(true), &json!(1500)));
    let second = quote(&app, &show, &code, Some(&ana)).await;
    assert_eq!(second["promotion"]["applied"], true, "nothing is held yet");

    reserve(&beto, &hers).refused(403, "promotion_not_for_buyer").await;
    let without = reserve(&beto, &anonymous).ok().await;
    assert_eq!(without["total"], 2000, "nobody's quote has nobody's discount");

    let held = reserve(&ana, &hers).ok().await;
    assert_eq!(held["total"], 1500);
    reserve(&ana, &second).refused(409, "promotion_used_up").await;
    assert_eq!(reason(&quote(&app, &show, &code, Some(&ana)).await), "used_up");

    // The code can be used again after the hold expires unpaid.
    app.clock.advance(Duration::from_secs(11 * 60));
    let ana = app.sign_in(&ana.email, None).await;
    let again = quote(&app, &show, &code, Some(&ana)).await;
    let held = reserve(&ana, &again).ok().await;
    let purchase = json!({"reservation_id": held["id"]});
    let purchase = app.post("/api/v1/purchases").token(&ana.token).json(purchase).ok().await;
    app.approve(&purchase).await;
    let path = format!("/api/v1/purchases/{}", purchase["id"].as_str().expect("an id"));
    let paid = app.get(path).token(&ana.token).ok().await;
    assert_eq!((&paid["status"], &paid["total"]), (&json!("paid"), &json!(1500)));
    assert_eq!(paid["tickets"].as_array().expect("tickets").len(), 2);

    app.clock.advance(Duration::from_secs(14 * 60));
    let ana = app.sign_in(&ana.email, None).await;
    assert_eq!(reason(&quote(&app, &show, &code, Some(&ana)).await), "used_up", "a sale stays");
    app.close().await;
}

#[tokio::test]
async fn a_members_code_needs_the_members_confirmed_address() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let show = app.show(&organizer, "Los Faroles", 100, 1000).await;
    let code = mint(&app, &organizer.tenant, &show, "ana@example.com").await;
    let stranger = app.somebody("ana").await;
    let theirs = quote(&app, &show, &code, Some(&stranger)).await;
    assert_eq!((reason(&theirs), &theirs["totals"]["total"]), ("email_unverified", &json!(2000)));

    // Nor with the member's own quote.
    app.idle().await;
    let body = json!({"token": app.mailed_token("ana@example.com")});
    let ana = app.post("/api/v1/auth/magic-link/redeem").json(body).ok().await;
    let ana =
        TestUser { token: ana["access_token"].as_str().expect("a token").to_owned(), ..stranger.clone() };
    let hers = quote(&app, &show, &code, Some(&ana)).await;
    assert_eq!(hers["promotion"]["applied"], true);
    let reserve = |who: &TestUser| {
        app.post("/api/v1/reservations").token(&who.token).json(json!({"quote": hers["quote"]}))
    };
    reserve(&stranger).refused(403, "email_unverified").await;
    assert_eq!(reserve(&ana).ok().await["total"], 1500);
    app.close().await;
}

#[tokio::test]
async fn members_codes_are_not_among_an_organisers_promotions() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let show = app.show(&organizer, "Los Faroles", 100, 1000).await;
    let ana = app.confirmed("ana").await;
    let code = mint(&app, &organizer.tenant, &show, &ana.email).await;
    let body = json!({"promotion_name": "Mío", "promotion_code": "socio-mio", "discount_type": "percentage",
        "discount_value": 10, "applies_to": "tenant"});
    let own = |code: &str| {
        let mut body = body.clone();
        body["promotion_code"] = code.into();
        app.post("/api/v1/promotions").token(&organizer.token).json(body)
    };
    let problem = own("socio-mio").refused(422, "refused_fields").await;
    assert_eq!(problem["errors"][0]["pointer"], "/promotion_code");
    own("SOCIOS-10").ok().await;
    let listed = app.get("/api/v1/promotions").token(&organizer.token).ok().await;
    let codes: Vec<_> =
        listed["items"].as_array().expect("items").iter().map(|p| &p["promotion_code"]).collect();
    assert_eq!(codes, ["SOCIOS-10"]);
    let url = format!("/api/v1/promotions/{code}");
    for request in [app.get(&url), app.patch(&url).json(json!({"active": false})), app.delete(&url)] {
        request.token(&organizer.token).refused(404, "promotion_not_found").await;
    }
    let order = json!({"event_id": show.id, "lines": [{"area_id": show.area, "quantity": 1}]});
    let validate = || app.post(format!("{url}/validate")).json(order.clone());
    assert_eq!(validate().ok().await["reason"], "not_for_buyer");
    assert_eq!(validate().token(&ana.token).ok().await["total"], 500);
    app.close().await;
}

#[tokio::test]
async fn a_promotion_with_a_maximum_leaves_further_tickets_at_full_price() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let show = app.show(&organizer, "Los Faroles", 100, 1000).await;
    let body = json!({"promotion_name": "Amigos", "promotion_code": "AMIGOS", "discount_type": "percentage",
        "discount_value": 20, "applies_to": "event", "target_event_id": show.id, "max_quantity": 2});
    let created = app.post("/api/v1/promotions").token(&organizer.token).json(body).ok().await;
    assert_eq!(created["max_quantity"], 2);
    let total = async |quantity: u32| {
        app.clock.advance(A_WHILE);
        let line = json!({"area_id": show.area, "quantity": quantity});
        let body = json!({"event_id": show.id, "lines": [line], "promotion_code": "AMIGOS"});
        app.post("/api/v1/public/quotes").json(body).ok().await["totals"]["total"].clone()
    };
    assert_eq!((total(1).await, total(2).await, total(5).await), (json!(800), json!(1600), json!(4600)));
    let url = "/api/v1/promotions/AMIGOS";
    let patch = |body: Value| app.patch(url).token(&organizer.token).json(body);
    patch(json!({"max_quantity": 0})).refused(400, "invalid_fields").await;
    assert_eq!(patch(json!({"max_quantity": null})).ok().await.get("max_quantity"), None);
    assert_eq!(total(5).await, 4000);
    app.close().await;
}
