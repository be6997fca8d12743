//! Names, addresses and documents that people enter, from the form to the gateway.

use domain::payment::GatewayName;
use serde_json::{Value, json};
use testkit::{Country, Show, TestApp, TestUser};

async fn nameless(app: &TestApp, email: &str) -> TestUser {
    let body = json!({"email": email, "password": testkit::PASSWORD});
    app.post("/api/v1/auth/register").json(body).ok().await;
    app.sign_in(email, None).await
}

fn place(show: &Show) -> Value {
    json!({"area_id": show.area, "quantity": 1})
}

#[tokio::test]
async fn a_name_that_gateways_refuse_is_refused_when_it_is_entered() {
    let app = TestApp::start().await;
    let show = app.show(&app.organizer("faroles").await, "Los Faroles", 10, 50_000).await;
    let ana = app.somebody("ana").await;
    let me = |name: &str| app.patch("/api/v1/auth/me").token(&ana.token).json(json!({"name": name}));
    for name in [
        "Ana\nFarola",
        "Ana\u{85}Farola",
        "Ana\u{2028}Farola",
        "Ana\u{b}Farola",
        "\u{202e}anA",
        "Ana\u{fffd}",
    ] {
        let refused = me(name).refused(400, "invalid_fields").await;
        assert_eq!(refused["errors"][0]["pointer"], "/name", "{name:?}");
    }
    // Decomposed, with other kinds of blanks and a line break: stored in one normal form.
    let kept = me(" Ana\u{a0}\u{200b} Nun\u{303}ez\r\n").ok().await;
    assert_eq!(kept["name"], "Ana Nuñez");
    app.buy(&ana.token, &show.id, place(&show)).await;
    app.close().await;
}

#[tokio::test]
async fn a_buyer_without_a_name_can_pay_at_every_gateway() {
    let app = TestApp::start().await;
    let ana = nameless(&app, "ana@example.com").await;
    let show = app.show(&app.organizer("faroles").await, "Los Faroles", 10, 50_000).await;
    let paid = app.buy(&ana.token, &show.id, place(&show)).await;
    assert_eq!((&paid["status"], &paid["payments"][0]["gateway"]), (&json!("paid"), &json!("sandbox")));
    for (name, country, gateway) in [
        ("chile", Country::CHILE, GatewayName::MercadoPago),
        ("wompi", Country::COLOMBIA, GatewayName::Wompi),
        ("payu", Country::COLOMBIA, GatewayName::Payu),
    ] {
        let organizer = app.paid_through(name, country, &[gateway]).await;
        let show = app.show(&organizer, "Los Faroles", 10, 5_000_000).await;
        let purchase = app.start_buying(&ana.token, &show.id, place(&show)).await;
        app.try_visit(&purchase).await.expect(name);
    }
    app.close().await;
}

#[tokio::test]
async fn an_address_at_an_international_domain_is_one_address() {
    let app = TestApp::start().await;
    let ana = nameless(&app, "Ana@Ñandú.cl").await;
    app.idle().await;
    let mails = app.mails("ana@xn--and-6ma2c.cl");
    assert_eq!(mails.len(), 1, "it is mailed as mail systems know it");
    // Other spellings of the address sign in to the same account.
    for spelling in ["ana@xn--and-6ma2c.cl", "ana@N\u{303}ANDU\u{301}.cl", "ana@ñandú。cl"] {
        let same = app.sign_in(spelling, None).await;
        assert_eq!(same.id, ana.id, "{spelling}");
    }
    let body = json!({"email": "aná@ñandú.cl", "password": testkit::PASSWORD});
    app.post("/api/v1/auth/register").json(body).refused(400, "invalid_fields").await;
    app.close().await;
}

#[tokio::test]
async fn attendees_need_valid_check_digits_and_four_digit_years() {
    let app = TestApp::start().await;
    let organizer = app.organizer_in("faroles", Country::CHILE).await;
    let show = app.show(&organizer, "Los Faroles", 10, 50_000).await;
    let ana = app.somebody("ana").await;
    let reserve = async |attendee: Value| {
        let quote = app.quote(&show.id, place(&show)).await["quote"].clone();
        let body = json!({"quote": quote, "attendees": [attendee]});
        app.post("/api/v1/reservations").token(&ana.token).json(body).send().await
    };
    for (field, wrong, advice) in [
        ("rut", "12.345.678-9", "check digit"),
        ("rut", "11111111-2", "check digit"),
        ("fecha_nacimiento", "90-02-28", "four digits"),
        ("fecha_nacimiento", "28/02/90", "four digits"),
        ("fecha_nacimiento", "0090-02-28", "four digits"),
        ("fecha_nacimiento", "2190-02-28", "between 1901 and today"),
        ("nombre", "Ana\nFarola", "single line"),
    ] {
        // Rules that a schema can express are checked before anything is read.
        let is_formless = matches!(advice, "four digits" | "single line");
        let (status, code) = if is_formless { (400, "invalid_fields") } else { (422, "refused_fields") };
        let refused = reserve(json!({ field: wrong })).await.refused(status, code);
        let error = &refused["errors"][0];
        assert_eq!(error["pointer"], format!("/attendees/0/{field}"), "{wrong}");
        assert!(error["detail"].as_str().expect("a sentence").contains(advice), "{wrong}: {error}");
    }
    for document in ["12.345.678-5", "AB 123456", "20123456"] {
        let kept = reserve(json!({"rut": document, "fecha_nacimiento": "1990-02-28"})).await.ok();
        assert_eq!(kept["attendees"][0]["rut"], document);
        let id = kept["id"].as_str().expect("an id").to_owned();
        app.delete(format!("/api/v1/reservations/{id}")).token(&ana.token).ok().await;
    }
    app.close().await;
}
