//! An organiser whose staff signs in with two factors, and what needs a recent sign-in.

use std::time::Duration;

use serde_json::json;
use testkit::TestApp;

use crate::second_factor::{add_app, code_of};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organiser_has_all_staff_sign_in_with_two_factors() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let scanner = app.staff(&organizer, "elena", "scanner").await;
    let door = |token: &str| app.get("/api/v1/door/devices").token(token);
    let require =
        |token: &str| app.patch("/api/v1/tenant").token(token).json(json!({"requires_second_factor": true}));
    // Who has none would shut herself out.
    require(&organizer.token).refused(403, "second_factor_required").await;
    let admin = add_app(&app, &organizer.token).await;
    require(&organizer.token).refused(403, "second_factor_required").await;
    app.clock.advance(Duration::from_secs(60));
    let login =
        json!({"email": organizer.person.email, "password": testkit::PASSWORD, "tenant": organizer.tenant});
    let asked = app.post("/api/v1/auth/login").json(login).refused(403, "second_factor_required").await;
    let answer = json!({"challenge": asked["challenge"], "code": code_of(&app, &admin.secret)});
    let signed_in = app.post("/api/v1/auth/second-factor").json(answer).ok().await;
    let token = signed_in["access_token"].as_str().expect("a token").to_owned();
    let tenant = require(&token).ok().await;
    assert_eq!(tenant["requires_second_factor"], true);

    // The token that the scanner has goes on until its end; the next one has no role.
    door(&scanner.token).ok().await;
    app.post("/api/v1/auth/login")
        .json(json!({"email": scanner.email, "password": testkit::PASSWORD, "tenant": organizer.tenant}))
        .refused(403, "second_factor_required")
        .await;
    let scanner = app.sign_in(&scanner.email, None).await;
    door(&scanner.token).refused(403, "role_required").await;
    // She adds a factor; her session has the role again.
    add_app(&app, &scanner.token).await;
    let refresh = json!({"refresh_token": scanner.refresh_token, "tenant": organizer.tenant});
    let refreshed = app.post("/api/v1/auth/refresh").json(refresh).ok().await;
    door(refreshed["access_token"].as_str().expect("a token")).ok().await;
    // Turning it off needs no second factor, but a recent sign-in.
    let off = json!({"requires_second_factor": false});
    let tenant = app.patch("/api/v1/tenant").token(&token).json(off).ok().await;
    assert_eq!(tenant["requires_second_factor"], false);
    app.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_needs_a_recent_sign_in() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let show = app.show(&organizer, "Los Faroles", 50, 50_000).await;
    let ana = app.somebody("ana").await;
    let order = app.buy(&ana.token, &show.id, json!({"area_id": show.area, "quantity": 1})).await;
    let path = format!("/api/v1/purchases/{}/refund", order["id"].as_str().expect("an id"));
    let refund = |token: &str| app.post(&path).token(token).json(json!({"event_id": show.id}));
    let session = app.sign_in(&organizer.person.email, Some(&organizer.tenant)).await;
    app.clock.advance(Duration::from_secs(31 * 60));
    let token = app.refreshed(&session).await;
    let refused = refund(&token).refused(403, "recent_sign_in_required").await;
    assert_eq!(refused["max_age_seconds"], 1800);
    assert!(refused["detail"].as_str().expect("text").contains("/api/v1/auth/reauthenticate"), "{refused}");
    // What can be taken back goes on.
    app.get("/api/v1/events").token(&token).ok().await;
    let again = json!({"password": testkit::PASSWORD});
    let fresh = app.post("/api/v1/auth/reauthenticate").token(&token).json(again).ok().await;
    refund(fresh["access_token"].as_str().expect("a token")).ok().await;
    app.close().await;
}

/// What the mails to an address say was done to its second factors, the oldest first.
fn told(app: &TestApp, to: &str) -> Vec<String> {
    let about = ["El segundo factor de tu cuenta", "The second factor of your account"];
    let mails = app
        .mails(to)
        .into_iter()
        .filter(|mail| mail.html.as_ref().is_some_and(|html| about.iter().any(|title| html.contains(title))));
    let sentence = |text: &str| {
        let said = text
            .lines()
            .find(|line| ["Se ", "The ", "A ", "An "].iter().any(|start| line.starts_with(start)));
        said.map(str::to_owned)
    };
    mails.filter_map(|mail| sentence(mail.text.as_deref()?)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_hears_by_mail_what_was_done_to_the_second_factors() {
    let app = TestApp::start().await;
    let ana = app.confirmed("ana").await;
    let added = add_app(&app, &ana.token).await;
    app.idle().await;
    assert_eq!(told(&app, &ana.email), ["Se agregó una app de autenticación a tu cuenta."]);
    // A sign-in with the app is no news; one with a recovery code is.
    app.clock.advance(Duration::from_secs(60));
    let sign_in = async |proof: &str, value: serde_json::Value| {
        let login = json!({"email": ana.email, "password": testkit::PASSWORD});
        let asked = app.post("/api/v1/auth/login").json(login).refused(403, "second_factor_required").await;
        let answer = json!({"challenge": asked["challenge"], proof: value});
        let signed_in = app.post("/api/v1/auth/second-factor").json(answer).ok().await;
        app.idle().await;
        signed_in["access_token"].as_str().expect("a token").to_owned()
    };
    sign_in("code", code_of(&app, &added.secret).into()).await;
    assert_eq!(told(&app, &ana.email).len(), 1);
    let token = sign_in("recovery_code", added.recovery_codes[0].clone()).await;
    app.post("/api/v1/auth/me/recovery-codes").token(&token).ok().await;
    app.idle().await;
    app.patch("/api/v1/auth/me").token(&token).json(json!({"language": "en"})).ok().await;
    app.delete("/api/v1/auth/me/factors/totp").token(&token).send().await.ok_empty();
    app.idle().await;
    assert_eq!(
        told(&app, &ana.email),
        [
            "Se agregó una app de autenticación a tu cuenta.",
            "Se usó un código de recuperación de tu cuenta. Te quedan 9.",
            "Se hicieron códigos de recuperación nuevos para tu cuenta; los de antes ya no valen.",
            "The authenticator app of your account was removed. Your account has no second factor any more: your \
             password or a link is enough to sign in.",
        ]
    );
    app.close().await;
}
