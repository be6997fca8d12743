//! The function over HTTP: what its clients see.

mod app;
mod limits;
mod second_factor;

use std::time::Duration;

use app::{App, PASSWORD, user_id};
use boot::Clock;
use domain::access::{Claims, Role};
use domain::user::LinkPurpose;
use http::Method;
use serde_json::{Value, json};
use web::TokenVerifier;

const ANA: &str = "ana@example.com";

fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

/// The claims of the access token, as every other function reads them.
fn claims(app: &App, signed_in: &Value) -> Claims {
    let boot = app::boot(app::variables("http://127.0.0.1:1"), app.clock.clone());
    let verifier = TokenVerifier::from_env(&boot.env, boot.clock).expect("keys");
    verifier.verify(signed_in["access_token"].as_str().expect("a token")).expect("a genuine token")
}

#[tokio::test]
async fn a_new_user_signs_in_at_once_and_confirms_later() {
    let app = App::start().await;
    let body =
        json!({"email": " Ana@Example.com ", "password": PASSWORD, "name": "Ana López", "language": "en"});
    let answer = app.post("/register").json(body).await.expect(202);
    assert_eq!(answer, json!({"status": "check_your_email"}));

    let signed_in = app.login("ANA@example.com", PASSWORD).await.expect(200);
    insta::assert_json_snapshot!(signed_in, {
        ".access_token" => "[token]", ".refresh_token" => "[token]", ".device_token" => "[token]", ".user.id" => "[id]", ".user.created_at" => "[time]",
    }, @r#"
    {
      "access_token": "[token]",
      "token_type": "bearer",
      "expires_in": 900,
      "refresh_token": "[token]",
      "device_token": "[token]",
      "user": {
        "id": "[id]",
        "email": "ana@example.com",
        "email_verified": false,
        "name": "Ana López",
        "language": "en",
        "role": "user",
        "operator": false,
        "workplaces": [],
        "has_password": true,
        "created_at": "[time]"
      }
    }
    "#);
    let claims = claims(&app, &signed_in);
    assert_eq!((claims.user, claims.email.as_str()), (user_id(&signed_in), ANA));
    assert_eq!((claims.role, claims.tenant, claims.exp - claims.iat), (Role::User, None, 900));

    assert!(!claims.email_verified);

    // The owner opens the link where she registered: all stays as it is.
    let token = app.mail(ANA, LinkPurpose::Welcome).await;
    let redeem = || app.post("/magic-link/redeem").bearer(&signed_in).json(json!({"token": token}));
    let confirmed = redeem().await.expect(200);
    assert_eq!((user_id(&confirmed), &confirmed["user"]["email_verified"]), (claims.user, &json!(true)));
    assert_eq!(confirmed["user"]["name"], "Ana López");
    assert!(self::claims(&app, &confirmed).email_verified);
    redeem().await.refused(401, "link_invalid");
    app.login(ANA, PASSWORD).await.expect(200);
    app.get("/verify").bearer(&signed_in).send().await.expect(200);
}

#[tokio::test]
async fn registering_a_known_address_shows_in_the_mail_and_not_in_the_answer() {
    let app = App::start().await;
    app.sign_up(ANA).await;
    let body = json!({"email": ANA, "password": "another password", "name": "Eve"});
    let answer = app.post("/register").json(body).await.expect(202);
    assert_eq!(answer, json!({"status": "check_your_email"}));
    assert_eq!(app.mails().await, [(ANA.to_owned(), LinkPurpose::AlreadyRegistered, None)]);
    app.login(ANA, "another password").await.refused(401, "wrong_credentials");
    assert_eq!(app.login(ANA, PASSWORD).await.expect(200)["user"]["name"], "");
}

#[tokio::test]
async fn one_of_two_concurrent_registrations_gets_the_address() {
    let app = App::start().await;
    let register = |password: &'static str| {
        let body = json!({"email": ANA, "password": password});
        app.post("/register").json(body)
    };
    let (first, second) = futures::join!(register("the first password"), register("the second password"));
    assert_eq!((first.expect(202), app.mails().await.len()), (second.expect(202), 2));
    let first = app.login(ANA, "the first password").await.status;
    let second = app.login(ANA, "the second password").await.status;
    assert_eq!(first.is_success(), !second.is_success());
}

#[tokio::test]
async fn invalid_fields_are_named_by_pointer() {
    let app = App::start().await;
    let refused = |body: Value, status: u16, code: &'static str| {
        let call = app.post("/register").json(body);
        async move {
            let body = call.await.refused(status, code);
            let errors = body["errors"].as_array().expect("errors").iter();
            errors.map(|error| error["pointer"].as_str().expect("a pointer").to_owned()).collect::<Vec<_>>()
        }
    };
    let pointers = |body| refused(body, 400, "invalid_fields");
    assert_eq!(pointers(json!({"email": "ana", "password": PASSWORD})).await, ["/email"]);
    assert_eq!(pointers(json!({"email": ANA, "password": PASSWORD, "role": "admin"})).await, ["/role"]);
    let bad = json!({"email": ANA, "password": PASSWORD, "name": "a\u{7}", "phone": "call me"});
    assert_eq!(pointers(bad).await, ["/name", "/phone"]);
    assert_eq!(pointers(json!({"email": ANA, "password": "short"})).await, ["/password"]);
    for weak in ["1234567890", "Password123", "ana.lopez12"] {
        assert_eq!(
            refused(json!({"email": ANA, "password": weak, "name": "Ana López"}), 422, "refused_fields")
                .await,
            ["/password"]
        );
    }
    assert!(app.mails().await.is_empty());
}

#[tokio::test]
async fn wrong_password_and_unknown_account_look_the_same() {
    let app = App::start().await;
    app.sign_up(ANA).await;
    let wrong = app.login(ANA, "tres tristes tigre").await.refused(401, "wrong_credentials");
    let unknown = app.login("eva@example.com", PASSWORD).await.refused(401, "wrong_credentials");
    assert_eq!(wrong, unknown);
    app.post("/magic-link").json(json!({"email": "eva@example.com"})).await.expect(202);
    app.post("/password/forgot").json(json!({"email": "eva@example.com"})).await.expect(202);
    assert_eq!(app.mails().await, []);
}

#[tokio::test]
async fn a_refresh_token_is_good_once() {
    let app = App::start().await;
    let first = app.sign_up(ANA).await;
    let refresh =
        |signed_in: &Value| app.post("/refresh").json(json!({"refresh_token": signed_in["refresh_token"]}));
    app.clock.advance(minutes(20));
    app.get("/me").bearer(&first).send().await.refused(401, "token_expired");
    let second = refresh(&first).await.expect(200);
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    app.get("/me").bearer(&second).send().await.expect(200);

    // The answer got lost and the phone tries again: it gets the same successor.
    app.clock.advance(Duration::from_secs(9));
    let again = refresh(&first).await.expect(200);
    assert_eq!(again["refresh_token"], second["refresh_token"]);
    let third = refresh(&second).await.expect(200);

    // A copy is used later: the session ends for both.
    app.clock.advance(Duration::from_secs(11));
    refresh(&second).await.refused(401, "refresh_reused");
    refresh(&third).await.refused(401, "session_over");
    app.get("/verify").bearer(&third).send().await.refused(401, "session_over");
    app.login(ANA, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn only_a_token_that_was_good_once_ends_its_session() {
    let app = App::start().await;
    let signed_in = app.sign_up(ANA).await;
    let refresh = |token: &str| app.post("/refresh").json(json!({"refresh_token": token}));
    let first = signed_in["refresh_token"].as_str().expect("a token");
    let (place, _) = first.rsplit_once('.').expect("three parts");
    // A stranger who knows the ids can invent a secret.
    refresh(&format!("{place}.{}", "A".repeat(43))).await.refused(401, "session_over");
    app.get("/verify").bearer(&signed_in).send().await.expect(200);

    let mut last = signed_in.clone();
    for _ in 0..3 {
        last = refresh(last["refresh_token"].as_str().expect("a token")).await.expect(200);
    }
    refresh(&format!("{place}.{}", "A".repeat(43))).await.refused(401, "session_over");
    app.get("/verify").bearer(&last).send().await.expect(200);
    refresh(first).await.refused(401, "refresh_reused");
    app.get("/verify").bearer(&last).send().await.refused(401, "session_over");
}

#[tokio::test]
async fn concurrent_refreshes_get_the_same_successor() {
    let app = App::start().await;
    let signed_in = app.sign_up(ANA).await;
    let body = json!({"refresh_token": signed_in["refresh_token"]});
    let answers = futures::future::join_all((0..8).map(|_| app.post("/refresh").json(body.clone()))).await;
    let tokens: Vec<_> =
        answers.into_iter().map(|answer| answer.expect(200)["refresh_token"].clone()).collect();
    assert!(tokens.iter().all(|token| *token == tokens[0]), "{tokens:?}");
    app.post("/refresh").json(json!({"refresh_token": tokens[0]})).await.expect(200);
}

#[tokio::test]
async fn a_session_ends_after_thirty_days_without_use() {
    let app = App::start().await;
    let signed_in = app.sign_up(ANA).await;
    app.clock.advance(minutes(29 * 24 * 60));
    let body = json!({"refresh_token": signed_in["refresh_token"]});
    let refreshed = app.post("/refresh").json(body).await.expect(200);
    app.clock.advance(minutes(30 * 24 * 60));
    let body = json!({"refresh_token": refreshed["refresh_token"]});
    app.post("/refresh").json(body).await.refused(401, "session_over");
    for nonsense in ["", "a.b.c", &"x".repeat(100_000)] {
        app.post("/refresh").json(json!({"refresh_token": nonsense})).await.refused(401, "session_over");
    }
}

#[tokio::test]
async fn signing_out_ends_one_session() {
    let app = App::start().await;
    let phone = app.sign_up(ANA).await;
    let laptop = app.login(ANA, PASSWORD).await.expect(200);
    let verified = app.get("/verify").bearer(&phone).send().await.expect(200);
    assert_eq!(
        (&verified["valid"], &verified["email"], &verified["role"]),
        (&json!(true), &json!(ANA), &json!("user"))
    );
    app.post("/logout").bearer(&phone).send().await.expect(204);
    app.get("/verify").bearer(&phone).send().await.refused(401, "session_over");
    app.post("/refresh")
        .json(json!({"refresh_token": phone["refresh_token"]}))
        .await
        .refused(401, "session_over");
    app.post("/logout").bearer(&phone).send().await.expect(204);
    app.get("/verify").bearer(&laptop).send().await.expect(200);
}

#[tokio::test]
async fn sessions_are_listed_in_pages_and_ended_one_by_one() {
    let app = App::start().await;
    let first = app.sign_up(ANA).await;
    app.clock.advance(minutes(1));
    let second = app.login(ANA, PASSWORD).await.expect(200);
    let page = app.get("/sessions?limit=1").bearer(&first).send().await.expect(200);
    assert_eq!(
        (&page["items"][0]["current"], &page["items"][0]["user_agent"]),
        (&json!(false), &json!("test/1"))
    );
    let next = page["next_cursor"].as_str().expect("another page");
    let rest = app.get(&format!("/sessions?limit=1&cursor={next}")).bearer(&first).send().await.expect(200);
    assert_eq!(rest["items"][0]["current"], true);

    let path = format!("/sessions/{}", page["items"][0]["id"].as_str().expect("an id"));
    let stranger = app.sign_up("eva@example.com").await;
    app.request(Method::DELETE, &path).bearer(&stranger).send().await.refused(404, "session_not_found");
    app.request(Method::DELETE, &path).bearer(&first).send().await.expect(204);
    app.request(Method::DELETE, &path).bearer(&first).send().await.refused(404, "session_not_found");
    app.get("/verify").bearer(&second).send().await.refused(401, "session_over");
    assert_eq!(
        app.get("/sessions").bearer(&first).send().await.expect(200)["items"].as_array().map(Vec::len),
        Some(1)
    );
}

#[tokio::test]
async fn a_magic_link_signs_in_once_and_in_time() {
    let app = App::start().await;
    app.sign_up(ANA).await;
    let ask = || app.post("/magic-link").json(json!({"email": ANA}));
    let redeem = |token: &str| app.post("/magic-link/redeem").json(json!({"token": token}));
    ask().await.expect(202);
    let token = app.mail(ANA, LinkPurpose::SignIn).await;
    app.post("/password/reset")
        .json(json!({"token": token, "password": PASSWORD}))
        .await
        .refused(401, "link_invalid");
    assert_eq!(redeem(&token).await.expect(200)["user"]["email"], ANA);
    redeem(&token).await.refused(401, "link_invalid");
    app.login(ANA, PASSWORD).await.expect(200);

    ask().await.expect(202);
    let token = app.mail(ANA, LinkPurpose::SignIn).await;
    app.clock.advance(minutes(15));
    redeem(&token).await.refused(401, "link_invalid");
    for nonsense in ["", "AAAA", &"A".repeat(43)] {
        redeem(nonsense).await.refused(401, "link_invalid");
    }
}

/// Checks that the stranger's password, session, name and telephone are gone.
async fn ends_for(app: &App, eve: &Value, ana: &Value) {
    let user = &ana["user"];
    assert_eq!(
        (&user["email_verified"], &user["name"], &user["phone"]),
        (&json!(true), &json!(""), &Value::Null)
    );
    app.login(ANA, "the password of Eve").await.refused(401, "wrong_credentials");
    app.get("/verify").bearer(eve).send().await.refused(401, "session_over");
    let body = json!({"refresh_token": eve["refresh_token"]});
    app.post("/refresh").json(body).await.refused(401, "session_over");
    app.get("/verify").bearer(ana).send().await.expect(200);
}

/// Eve registers Ana's address and signs in.
async fn registered_by_eve(app: &App) -> Value {
    let body = json!({
        "email": ANA, "password": "the password of Eve", "name": "Your account is blocked", "phone": "300 555 0100",
    });
    app.post("/register").json(body).await.expect(202);
    app.login(ANA, "the password of Eve").await.expect(200)
}

#[tokio::test]
async fn every_link_takes_the_account_from_a_stranger_who_registered_it() {
    // The welcome link that Eve's registration caused; one that she asks for while she is
    // signed in; one that Ana asks for.
    for (asks, purpose) in
        [(None, LinkPurpose::Welcome), (Some(true), LinkPurpose::Welcome), (Some(false), LinkPurpose::SignIn)]
    {
        let app = App::start().await;
        let eve = registered_by_eve(&app).await;
        if let Some(eve_asks) = asks {
            app.mails().await;
            let ask = app.post("/magic-link");
            let ask = if eve_asks { ask.bearer(&eve) } else { ask };
            ask.json(json!({"email": ANA})).await.expect(202);
        }
        let token = app.mail(ANA, purpose).await;
        let ana = app.post("/magic-link/redeem").json(json!({"token": token})).await.expect(200);
        assert_eq!(ana["user"]["has_password"], false);
        ends_for(&app, &eve, &ana).await;
    }
}

#[tokio::test]
async fn a_new_password_takes_the_account_from_a_stranger_who_registered_it() {
    let app = App::start().await;
    let eve = registered_by_eve(&app).await;
    app.mails().await;
    app.post("/password/forgot").json(json!({"email": ANA})).await.expect(202);
    let token = app.mail(ANA, LinkPurpose::ResetPassword).await;
    app.post("/password/reset").json(json!({"token": token, "password": PASSWORD})).await.expect(204);
    let ana = app.login(ANA, PASSWORD).await.expect(200);
    ends_for(&app, &eve, &ana).await;
}

#[tokio::test]
async fn a_link_opened_with_another_or_an_ended_session_resets_the_account() {
    for ended in [false, true] {
        let app = App::start().await;
        let beto = app.sign_up("beto@example.com").await;
        let eve = registered_by_eve(&app).await;
        app.post("/logout").bearer(&eve).send().await.expect(204);
        let token = app.mail(ANA, LinkPurpose::Welcome).await;
        let redeem = app.post("/magic-link/redeem").bearer(if ended { &eve } else { &beto });
        let ana = redeem.json(json!({"token": token})).await.expect(200);
        assert_eq!(ana["user"]["has_password"], false);
        ends_for(&app, &eve, &ana).await;
    }
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_and_every_session_ends() {
    let app = App::start().await;
    let before = app.sign_up(ANA).await;
    app.post("/password/forgot").json(json!({"email": ANA})).await.expect(202);
    let token = app.mail(ANA, LinkPurpose::ResetPassword).await;
    app.post("/magic-link/redeem").json(json!({"token": token})).await.refused(401, "link_invalid");
    let reset =
        |password: &str| app.post("/password/reset").json(json!({"token": token, "password": password}));
    reset("short").await.refused(400, "invalid_fields");
    for weak in ["password1234", "ana@example.com"] {
        reset(weak).await.refused(422, "refused_fields");
    }
    reset("a new password").await.expect(204);
    reset("another password").await.refused(401, "link_invalid");
    app.post("/refresh")
        .json(json!({"refresh_token": before["refresh_token"]}))
        .await
        .refused(401, "session_over");
    app.login(ANA, PASSWORD).await.refused(401, "wrong_credentials");
    app.login(ANA, "a new password").await.expect(200);
}

#[tokio::test]
async fn a_changed_password_ends_the_other_sessions() {
    let app = App::start().await;
    let mine = app.sign_up(ANA).await;
    let other = app.login(ANA, PASSWORD).await.expect(200);
    let patch = |body: Value| app.request(Method::PATCH, "/me").bearer(&mine).json(body);
    for weak in ["qwertyuiop", "ana@example1"] {
        patch(json!({"password": weak, "current_password": PASSWORD})).await.refused(422, "refused_fields");
    }
    patch(json!({"password": "a new password"})).await.refused(422, "refused_fields");
    patch(json!({"password": "a new password", "current_password": "no"}))
        .await
        .refused(403, "wrong_password");
    patch(json!({"password": "a new password", "current_password": PASSWORD})).await.expect(200);
    app.get("/verify").bearer(&other).send().await.refused(401, "session_over");
    app.post("/refresh")
        .json(json!({"refresh_token": other["refresh_token"]}))
        .await
        .refused(401, "session_over");
    app.post("/refresh").json(json!({"refresh_token": mine["refresh_token"]})).await.expect(200);
    app.login(ANA, "a new password").await.expect(200);
}

#[tokio::test]
async fn a_profile_changes_only_the_fields_in_the_body() {
    let app = App::start().await;
    let signed_in = app.sign_up(ANA).await;
    let patch = |body: Value| app.request(Method::PATCH, "/me").bearer(&signed_in).json(body);
    let changed = patch(json!({"name": " Ana ", "phone": "+54 11 5555-0100"})).await.expect(200);
    assert_eq!((&changed["name"], &changed["phone"]), (&json!("Ana"), &json!("+54 11 5555-0100")));
    let changed = patch(json!({"phone": null, "language": "en"})).await.expect(200);
    assert_eq!(
        (&changed["name"], &changed["phone"], &changed["language"]),
        (&json!("Ana"), &Value::Null, &json!("en"))
    );
    patch(json!({"email": "eva@example.com"})).await.refused(400, "invalid_fields");
    let shown = app.get("/me").bearer(&signed_in).send().await.expect(200);
    assert_eq!(shown, changed);
}

#[tokio::test]
async fn staff_choose_the_organiser_that_they_act_for() {
    let app = App::start().await;
    app.sign_up(ANA).await;
    let first = app.hire(ANA, Role::Organizer).await;
    let signed_in = app.login(ANA, PASSWORD).await.expect(200);
    let role = |signed_in: &Value| (claims(&app, signed_in).role, claims(&app, signed_in).tenant);
    assert_eq!(role(&signed_in), (Role::Organizer, Some(first)), "the only organiser there is");

    let second = app.hire(ANA, Role::Scanner).await;
    let refresh = |signed_in: &Value, tenant: Option<domain::TenantId>| {
        let mut body = json!({"refresh_token": signed_in["refresh_token"]});
        if let Some(tenant) = tenant {
            body["tenant"] = tenant.to_string().into();
        }
        app.post("/refresh").json(body)
    };
    let signed_in = refresh(&signed_in, None).await.expect(200);
    assert_eq!(role(&signed_in), (Role::Organizer, Some(first)), "as before");
    let signed_in = refresh(&signed_in, Some(second)).await.expect(200);
    assert_eq!(role(&signed_in), (Role::Scanner, Some(second)), "as asked");
    let signed_in = refresh(&signed_in, None).await.expect(200);
    assert_eq!(role(&signed_in), (Role::Scanner, Some(second)), "as asked before");

    let foreign = domain::TenantId::generate(app.clock.now());
    let body = json!({"email": ANA, "password": PASSWORD, "tenant": foreign});
    app.post("/login").json(body).await.refused(403, "not_a_member");
    let again = app.login(ANA, PASSWORD).await.expect(200);
    assert_eq!(role(&again), (Role::Scanner, Some(second)), "the last one chosen");
    assert_eq!(again["user"]["workplaces"].as_array().map(Vec::len), Some(2));
    let elsewhere = claims(&app, &again).workplaces;
    assert_eq!((elsewhere.len(), elsewhere[0].tenant), (1, first));

    app.store.remove_staff(second, user_id(&signed_in), app.clock.now()).await.expect("removed");
    let signed_in = refresh(&signed_in, None).await.expect(200);
    assert_eq!(role(&signed_in), (Role::Organizer, Some(first)), "the only one left");
}

#[tokio::test]
async fn a_link_is_not_used_up_by_asking_for_a_foreign_organiser() {
    let app = App::start().await;
    app.sign_up(ANA).await;
    let tenant = app.hire(ANA, Role::Organizer).await;
    app.post("/magic-link").json(json!({"email": ANA})).await.expect(202);
    let token = app.mail(ANA, LinkPurpose::SignIn).await;
    let redeem =
        |tenant| app.post("/magic-link/redeem").json(json!({"token": token.as_str(), "tenant": tenant}));
    redeem(domain::TenantId::generate(app.clock.now())).await.refused(403, "not_a_member");
    assert_eq!(redeem(tenant).await.expect(200)["user"]["role"], "organizer");
    redeem(tenant).await.refused(401, "link_invalid");
    // A link that confirms the address also gives the role that waits for it.
    let eva = "eva@example.com";
    app.post("/register").json(json!({"email": eva, "password": PASSWORD})).await.expect(202);
    let token = app.mail(eva, LinkPurpose::Welcome).await;
    let tenant = app.hire(eva, Role::Scanner).await;
    let body = json!({"token": token, "tenant": tenant});
    assert_eq!(app.post("/magic-link/redeem").json(body).await.expect(200)["user"]["role"], "scanner");
}

#[tokio::test]
async fn a_role_waits_until_the_address_is_confirmed() {
    let app = App::start().await;
    app.post("/register").json(json!({"email": ANA, "password": PASSWORD})).await.expect(202);
    let token = app.mail(ANA, LinkPurpose::Welcome).await;
    let tenant = app.hire(ANA, Role::Admin).await;
    assert_eq!(app.login(ANA, PASSWORD).await.expect(200)["user"]["role"], "user");
    let body = json!({"email": ANA, "password": PASSWORD, "tenant": tenant});
    app.post("/login").json(body.clone()).await.refused(403, "email_unverified");
    let signed_in = app.login(ANA, PASSWORD).await.expect(200);
    app.post("/magic-link/redeem").bearer(&signed_in).json(json!({"token": token})).await.expect(200);
    assert_eq!(app.post("/login").json(body).await.expect(200)["user"]["role"], "admin");
}

#[tokio::test]
async fn the_table_holds_no_secret() {
    let app = App::start().await;
    let signed_in = app.sign_up(ANA).await;
    app.post("/password/forgot").json(json!({"email": ANA})).await.expect(202);
    let dump = app.dump();
    let token = app.mail(ANA, LinkPurpose::ResetPassword).await;
    let refresh_token = signed_in["refresh_token"].as_str().expect("a token");
    let (_, secret) = refresh_token.rsplit_once('.').expect("three parts");
    for text in [PASSWORD, secret, &token] {
        assert!(!dump.contains(text), "{text} is in the table");
    }
    assert!(dump.contains("$argon2id$v=19$m=19456,t=2,p=1$"));
}

#[tokio::test]
async fn the_keys_are_public_and_cached() {
    let app = App::start().await;
    let signed_in = app.sign_up(ANA).await;
    let answer = app.get("/.well-known/jwks.json").send().await;
    let (headers, keys) = (answer.headers.clone(), answer.expect(200));
    assert_eq!(headers["cache-control"], "public, max-age=3600, stale-while-revalidate=3600");
    let key = &keys["keys"][0];
    assert_eq!((&key["kty"], &key["crv"], &key["alg"]), (&json!("OKP"), &json!("Ed25519"), &json!("EdDSA")));
    let header =
        signed_in["access_token"].as_str().and_then(|token| token.split('.').next()).expect("a header");
    let header =
        base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, header).expect("base64");
    assert_eq!(serde_json::from_slice::<Value>(&header).expect("JSON")["kid"], key["kid"]);
    let tag = headers["etag"].to_str().expect("text");
    app.get("/.well-known/jwks.json").header("if-none-match", tag).send().await.expect(304);
}

#[tokio::test]
async fn a_signing_key_that_is_not_published_stops_the_start() {
    let start = |changes: &[(&'static str, &str)]| {
        let mut variables = app::variables("http://127.0.0.1:1");
        for (name, value) in changes {
            variables.retain(|(variable, _)| variable != name);
            variables.push((name, (*value).to_owned()));
        }
        auth::State::new(&app::boot(variables, Clock::movable())).err().map(|error| error.variable)
    };
    assert_eq!(start(&[]), None);
    assert_eq!(start(&[("JWT_SECRET", &"x".repeat(32))]).as_deref(), Some("JWT_PUBLIC_KEYS"));
    for name in ["JWT_SECRET", "HASH_SECRET", "MAIL_SECRET"] {
        assert_eq!(start(&[(name, "short")]).as_deref(), Some(name));
    }
}

#[test]
fn every_route_is_described() {
    let boot = app::boot(app::variables("http://127.0.0.1:1"), Clock::movable());
    let router = auth::router(auth::State::new(&boot).expect("complete configuration"));
    let api = serde_json::to_value(web::describe(router)).expect("JSON");
    let mut routes = Vec::new();
    for (path, methods) in api["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            let tags = [json!(["Auth"]), json!(["Second factor"]), json!(["A person's data"])];
            assert!(tags.contains(&operation["tags"]), "{path}");
            assert!(operation["summary"].is_string(), "{path}");
            let id = operation["operationId"].as_str().expect("an id");
            let mut statuses: Vec<_> =
                operation["responses"].as_object().expect("responses").keys().map(String::as_str).collect();
            statuses.sort_unstable();
            let secured = if operation["security"].is_array() { " (signed in)" } else { "" };
            routes.push(format!("{} {path} {id} {}{secured}", method.to_uppercase(), statuses.join(",")));
        }
    }
    routes.sort();
    insta::assert_snapshot!(routes.join("\n"), @r"
    DELETE /api/v1/auth/me eraseMe 202 (signed in)
    DELETE /api/v1/auth/me/factors/passkeys/{id} removePasskey 204 (signed in)
    DELETE /api/v1/auth/me/factors/totp removeTotp 204 (signed in)
    DELETE /api/v1/auth/sessions/{id} endSession 204 (signed in)
    GET /.well-known/jwks.json showKeySet 200,304
    GET /api/v1/auth/me showMe 200 (signed in)
    GET /api/v1/auth/me/consents listConsents 200 (signed in)
    GET /api/v1/auth/me/export exportMe 200 (signed in)
    GET /api/v1/auth/me/factors listFactors 200 (signed in)
    GET /api/v1/auth/sessions listSessions 200 (signed in)
    GET /api/v1/auth/verify verifySession 200 (signed in)
    PATCH /api/v1/auth/me updateMe 200 (signed in)
    POST /api/v1/auth/login login 200
    POST /api/v1/auth/logout logout 204 (signed in)
    POST /api/v1/auth/magic-link sendMagicLink 202
    POST /api/v1/auth/magic-link/redeem redeemMagicLink 200
    POST /api/v1/auth/me/factors/passkeys addPasskey 200 (signed in)
    POST /api/v1/auth/me/factors/passkeys/options beginPasskey 200 (signed in)
    POST /api/v1/auth/me/factors/totp beginTotp 200 (signed in)
    POST /api/v1/auth/me/factors/totp/confirm addTotp 200 (signed in)
    POST /api/v1/auth/me/recovery-codes renewRecoveryCodes 200 (signed in)
    POST /api/v1/auth/password/forgot forgotPassword 202
    POST /api/v1/auth/password/reset resetPassword 204
    POST /api/v1/auth/reauthenticate reauthenticate 200 (signed in)
    POST /api/v1/auth/refresh refresh 200
    POST /api/v1/auth/register register 202
    POST /api/v1/auth/second-factor answerSecondFactor 200
    POST /api/v1/auth/unsubscribe/{token} unsubscribe 204
    PUT /api/v1/auth/me/consents putConsent 200 (signed in)
    ");
}
