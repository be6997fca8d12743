//! An organiser's staff: invited, and staff once they accept.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Organizer, Request, TestApp, TestUser};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn invite(app: &TestApp, organizer: &Organizer, email: &str, role: &str) -> Request {
    app.post("/api/v1/tenant/staff").token(&organizer.token).json(json!({"email": email, "role": role}))
}

fn answer(app: &TestApp, organizer: &Organizer, person: &TestUser, verb: &str) -> Request {
    let path = format!("/api/v1/workplaces/{}/invitation/{verb}", organizer.tenant);
    app.post(path).token(&person.token)
}

async fn staff(app: &TestApp, organizer: &Organizer) -> Vec<Value> {
    let list = app.get("/api/v1/tenant/staff").token(&organizer.token).ok().await;
    list["items"].as_array().expect("items").clone()
}

/// How many invitations were mailed to an address.
async fn mailed(app: &TestApp, email: &str) -> usize {
    app.idle().await;
    let texts = app.mails(email).into_iter().filter_map(|mail| mail.text.clone());
    texts.filter(|text| text.contains("/#/workplaces/tnt_")).count()
}

/// The answer to a sign-in, without choosing an organiser.
async fn signed_in(app: &TestApp, person: &TestUser) -> Value {
    let body = json!({"email": person.email, "password": testkit::PASSWORD});
    app.post("/api/v1/auth/login").json(body).ok().await
}

#[tokio::test]
async fn the_organiser_does_not_learn_whether_an_address_has_an_account() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let known = app.confirmed("eva").await;
    let mut answers = Vec::new();
    for email in [known.email.as_str(), "nadie@example.com"] {
        let mut answer = invite(&app, &organizer, email, "scanner").ok().await;
        assert_eq!(answer["email"], email);
        for own in ["email", "invitation_id", "expires_at"] {
            assert!(answer[own].take().is_string(), "{own}: {answer}");
        }
        answers.push(answer);
        assert_eq!(mailed(&app, email).await, 1);
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!((&answers[0]["state"], &answers[0]["name"]), (&json!("invited"), &json!("")));
    let listed = staff(&app, &organizer).await;
    let names: Vec<_> = listed.iter().map(|entry| entry["name"].as_str().expect("text")).collect();
    assert_eq!(names, ["faroles", "", ""]);
    app.close().await;
}

#[tokio::test]
async fn an_invitation_does_not_change_roles_at_other_organisers() {
    let app = TestApp::start().await;
    let (first, second) = (app.organizer("faroles").await, app.organizer("mareas").await);
    let eva = app.staff(&first, "eva", "coordinator").await;
    invite(&app, &second, &eva.email, "admin").ok().await;
    let works_at = |signed_in: &Value| signed_in["user"]["tenant"].as_str().expect("a workplace").to_owned();
    let now = signed_in(&app, &eva).await;
    assert_eq!((works_at(&now), &now["user"]["role"]), (first.tenant.clone(), &json!("coordinator")));

    let accepted = answer(&app, &second, &eva, "accept").ok().await;
    let expected = json!({"tenant": second.tenant, "name": "mareas produce", "role": "admin"});
    assert_eq!(accepted, expected);
    assert_eq!(answer(&app, &second, &eva, "accept").ok().await, expected, "again is the same");
    let now = signed_in(&app, &eva).await;
    assert_eq!(works_at(&now), first.tenant, "the second organiser waits to be chosen");
    let mut workplaces = now["user"]["workplaces"].as_array().expect("workplaces").clone();
    workplaces.sort_by_key(|workplace| workplace["role"].as_str().map(str::to_owned));
    assert_eq!(workplaces[0], expected);

    // The refusal names the organisers for whom her role allows it.
    let token = now["access_token"].as_str().expect("a token");
    let refused = app.get("/api/v1/tenant/staff").token(token).refused(403, "role_required").await;
    assert_eq!(refused["workplaces"], json!([expected]));
    let body = json!({"refresh_token": now["refresh_token"], "tenant": second.tenant});
    let chosen = app.post("/api/v1/auth/refresh").json(body).ok().await;
    let token = chosen["access_token"].as_str().expect("a token");
    app.get("/api/v1/tenant/staff").token(token).ok().await;
    assert_eq!(works_at(&signed_in(&app, &eva).await), second.tenant, "the last one chosen");
    app.close().await;
}

#[tokio::test]
async fn a_person_who_registers_after_the_invitation_must_confirm_the_address() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    invite(&app, &organizer, "eva@example.com", "scanner").ok().await;
    let stranger = app.confirmed("beto").await;
    answer(&app, &organizer, &stranger, "accept").refused(404, "invitation_not_found").await;

    let eva = app.somebody("eva").await;
    answer(&app, &organizer, &eva, "accept").refused(403, "email_unverified").await;
    app.idle().await;
    let body = json!({"token": app.mailed_token(&eva.email)});
    app.post("/api/v1/auth/magic-link/redeem").token(&eva.token).json(body).ok().await;
    let eva = app.sign_in(&eva.email, None).await;
    let path = format!("/api/v1/workplaces/{}/invitation", organizer.tenant);
    let shown = app.get(path).token(&eva.token).ok().await;
    assert_eq!(
        (&shown["name"], &shown["role"], &shown["invited_by"]),
        (&json!("faroles produce"), &json!("scanner"), &json!("faroles@example.com"))
    );
    answer(&app, &organizer, &eva, "accept").ok().await;
    let listed = staff(&app, &organizer).await;
    assert_eq!((&listed[1]["state"], &listed[1]["name"]), (&json!("active"), &json!("eva")));
    app.close().await;
}

#[tokio::test]
async fn an_invitation_is_declined_revoked_or_expires_and_staff_leave() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let eva = app.confirmed("eva").await;
    invite(&app, &organizer, &eva.email, "scanner").ok().await;
    for _ in 0..2 {
        answer(&app, &organizer, &eva, "decline").send().await.ok_empty();
    }
    answer(&app, &organizer, &eva, "accept").refused(409, "invitation_declined").await;
    invite(&app, &organizer, &eva.email, "scanner").refused(409, "invitation_declined").await;

    let beto = app.confirmed("beto").await;
    let invited = invite(&app, &organizer, &beto.email, "scanner").ok().await;
    let id = invited["invitation_id"].as_str().expect("an id");
    let revoke = || app.delete(format!("/api/v1/tenant/staff/invitations/{id}")).token(&organizer.token);
    revoke().send().await.ok_empty();
    revoke().refused(404, "invitation_not_found").await;
    answer(&app, &organizer, &beto, "accept").refused(410, "invitation_revoked").await;

    invite(&app, &organizer, &beto.email, "coordinator").ok().await;
    app.clock.advance(14 * DAY);
    let beto = app.sign_in(&beto.email, None).await;
    answer(&app, &organizer, &beto, "accept").refused(410, "invitation_expired").await;
    let organizer = Organizer { token: app.sign_in(&organizer.person.email, None).await.token, ..organizer };
    assert_eq!(staff(&app, &organizer).await.len(), 1, "only who invites");

    invite(&app, &organizer, &beto.email, "coordinator").ok().await;
    answer(&app, &organizer, &beto, "accept").ok().await;
    let leave = |who: &str| app.delete(format!("/api/v1/workplaces/{}", organizer.tenant)).token(who);
    leave(&beto.token).send().await.ok_empty();
    leave(&beto.token).refused(404, "workplace_not_found").await;
    leave(&organizer.token).refused(409, "last_admin").await;
    assert_eq!(signed_in(&app, &beto).await["user"]["role"], "user");
    app.close().await;
}

#[tokio::test]
async fn a_role_changes_without_another_invitation_and_there_is_always_an_admin() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let door = app.staff(&organizer, "puerta", "scanner").await;
    app.get("/api/v1/events").token(&door.token).refused(403, "role_required").await;
    app.get("/api/v1/tenant/staff").token(&door.token).refused(403, "role_required").await;
    invite(&app, &organizer, &door.email, "user").refused(400, "invalid_fields").await;
    let refused = invite(&app, &organizer, &door.email, "admin").refused(409, "already_staff").await;
    assert_eq!(refused["user_id"], door.id);

    let (own, hers) = [&organizer.person.id, &door.id].map(|id| format!("/api/v1/tenant/staff/{id}")).into();
    let change = |path: &str, role: &str| app.patch(path).token(&organizer.token).json(json!({"role": role}));
    change(&own, "organizer").refused(409, "last_admin").await;
    app.delete(&own).token(&organizer.token).refused(409, "last_admin").await;
    change(&hers, "user").refused(400, "invalid_fields").await;
    assert_eq!(change(&hers, "admin").ok().await["role"], "admin");
    app.delete(&own).token(&organizer.token).send().await.ok_empty();
    app.delete(&own).token(&organizer.token).refused(404, "staff_not_found").await;
    change(&own, "admin").refused(404, "staff_not_found").await;
    app.close().await;
}

#[tokio::test]
async fn an_address_gets_one_invitation_a_day_from_an_organiser_and_few_from_all() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let invited = invite(&app, &organizer, "eva@example.com", "scanner").ok().await;
    let id = invited["invitation_id"].as_str().expect("an id").to_owned();
    for _ in 0..3 {
        let revoke = app.delete(format!("/api/v1/tenant/staff/invitations/{id}"));
        revoke.token(&organizer.token).send().await.ok_empty();
        let again = invite(&app, &organizer, "eva@example.com", "organizer").ok().await;
        assert_eq!((&again["invitation_id"], &again["role"]), (&json!(id), &json!("organizer")));
    }
    assert_eq!(mailed(&app, "eva@example.com").await, 1);

    for other in ["mareas", "calesita", "papagayos", "volantines"] {
        let other = app.organizer(other).await;
        invite(&app, &other, "eva@example.com", "scanner").ok().await;
    }
    // The first five may have been strangers. The sixth organiser gets the same answer, and Eva
    // finds the invitation although no mail is sent.
    let sixth = app.organizer("farolitos").await;
    let own = ["email", "invitation_id", "expires_at"];
    let mut others = Vec::new();
    for email in ["eva@example.com", "olga@example.com"] {
        let mut answer = invite(&app, &sixth, email, "scanner").ok().await;
        own.iter().for_each(|field| drop(answer[field].take()));
        others.push(answer);
    }
    assert_eq!(others[0], others[1]);
    assert_eq!(mailed(&app, "eva@example.com").await, 5);
    let eva = app.confirmed("eva").await;
    let path = format!("/api/v1/workplaces/{}/invitation", sixth.tenant);
    assert_eq!(app.get(path).token(&eva.token).ok().await["role"], "scanner");
    let again = invite(&app, &sixth, "eva@example.com", "coordinator").ok().await;
    assert_eq!(again["role"], "coordinator");
    assert_eq!(mailed(&app, "eva@example.com").await, 5);

    app.clock.advance(DAY);
    let sixth = Organizer { token: app.sign_in(&sixth.person.email, None).await.token, ..sixth };
    invite(&app, &sixth, "eva@example.com", "coordinator").ok().await;
    assert_eq!(mailed(&app, "eva@example.com").await, 6, "nobody mailed it before");
    let organizer = Organizer { token: app.sign_in(&organizer.person.email, None).await.token, ..organizer };
    invite(&app, &organizer, "eva@example.com", "scanner").ok().await;
    assert_eq!(mailed(&app, "eva@example.com").await, 7);
    app.close().await;
}

#[tokio::test]
async fn an_organiser_invites_fifty_a_day() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    for number in 0..50 {
        invite(&app, &organizer, &format!("p{number}@example.com"), "scanner").ok().await;
    }
    invite(&app, &organizer, "p50@example.com", "scanner").refused(429, "too_many_tries").await;
    assert_eq!(mailed(&app, "p50@example.com").await, 0);
    app.close().await;
}

#[tokio::test]
async fn an_organiser_is_founded_with_a_confirmed_address_only() {
    let app = TestApp::start().await;
    let ana = app.somebody("ana").await;
    let body = json!({"name": "Faroles", "country": "CO", "currency": "COP"});
    let found = |person: &TestUser| app.post("/api/v1/tenants").token(&person.token).json(body.clone());
    found(&ana).refused(403, "email_unverified").await;
    let beto = app.confirmed("beto").await;
    found(&beto).ok().await;
    assert_eq!(signed_in(&app, &beto).await["user"]["role"], "admin");
    app.close().await;
}
