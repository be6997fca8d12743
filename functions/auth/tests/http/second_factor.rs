//! Second factors and recent sign-ins.

use auth::testing::Authenticator;
use domain::access::Role;
use domain::second_factor::Proof;
use domain::user::LinkPurpose;
use http::Method;
use serde_json::{Value, json};
use totp_rs::{Builder, Secret};

use crate::app::{Answer, App, PASSWORD, user_id};
use crate::{ANA, claims, minutes};

/// The origin of the box office's own pages.
const ORIGIN: &str = "https://boletas.example";

/// The code that an app with this secret shows now.
fn shown(app: &App, secret: &str) -> String {
    let secret = Secret::try_from_base32(secret).expect("base32");
    let totp = Builder::new().with_secret(secret.as_bytes().to_vec()).build().expect("long enough");
    totp.generate(app.clock.now().as_second().try_into().expect("after 1970")).to_string()
}

/// Adds an authenticator app. Returns its secret and what was answered.
async fn add_app(app: &App, signed_in: &Value) -> (String, Value) {
    let (secret, _, added) = add_app_by_code(app, signed_in).await;
    (secret, added)
}

/// [`add_app`], with the code that proved it.
async fn add_app_by_code(app: &App, signed_in: &Value) -> (String, String, Value) {
    let new = app.post("/me/factors/totp").bearer(signed_in).send().await.expect(200);
    let secret = new["secret"].as_str().expect("a secret").to_owned();
    let code = shown(app, &secret);
    let proof = json!({"enrolment": new["enrolment"], "code": code});
    let added = app.post("/me/factors/totp/confirm").bearer(signed_in).json(proof).await.expect(200);
    (secret, code, added)
}

async fn add_passkey(app: &App, signed_in: &Value, authenticator: &mut Authenticator) -> Value {
    let new = app.post("/me/factors/passkeys/options").bearer(signed_in).send().await.expect(200);
    let credential = authenticator.create(&new["options"]);
    let proof = json!({"enrolment": new["enrolment"], "name": "Teléfono", "credential": credential});
    app.post("/me/factors/passkeys").bearer(signed_in).json(proof).await.expect(200)
}

async fn asked(app: &App) -> Value {
    app.login(ANA, PASSWORD).await.refused(403, "second_factor_required")
}

async fn answer(app: &App, challenge: &Value, name: &str, value: impl Into<Value>) -> Answer {
    let mut body = json!({"challenge": challenge["challenge"]});
    body[name] = value.into();
    app.post("/second-factor").json(body).await
}

#[tokio::test]
async fn an_app_is_asked_for_after_the_password_and_each_code_is_good_once() {
    let app = App::start().await;
    app.sign_up(ANA).await;
    let ana = app.login(ANA, PASSWORD).await.expect(200);
    let (secret, seen, added) = add_app_by_code(&app, &ana).await;
    assert_eq!(added["recovery_codes"].as_array().expect("codes").len(), 10);
    assert_eq!(added["factors"]["recovery_codes_left"], 10);

    let challenge = asked(&app).await;
    assert_eq!(challenge["factors"], json!(["totp", "recovery_code"]));
    assert_eq!(challenge.get("passkey"), None);
    // The code with which the app was added was seen by whoever looked over a shoulder.
    answer(&app, &challenge, "code", seen).await.refused(403, "code_used");
    app.clock.advance(std::time::Duration::from_secs(30));
    let code = shown(&app, &secret);
    answer(&app, &challenge, "code", "000000").await.refused(403, "wrong_code");
    let signed_in = answer(&app, &challenge, "code", code.clone()).await.expect(200);
    assert_eq!(claims(&app, &signed_in).amr, [Proof::Pwd, Proof::Otp]);
    assert_eq!(claims(&app, &signed_in).auth_time, Some(claims(&app, &signed_in).iat));
    // Neither challenge nor code is good again, nor the code with another challenge.
    answer(&app, &challenge, "code", code.clone()).await.refused(401, "challenge_over");
    let again = asked(&app).await;
    answer(&app, &again, "code", code).await.refused(403, "code_used");
    let refreshed = app.post("/refresh").json(json!({"refresh_token": signed_in["refresh_token"]})).await;
    assert_eq!(claims(&app, &refreshed.expect(200)).amr, [Proof::Pwd, Proof::Otp]);

    // A challenge is good for five minutes, and ends with a new password.
    app.clock.advance(minutes(5));
    answer(&app, &again, "code", shown(&app, &secret)).await.refused(401, "challenge_over");
}

#[tokio::test]
async fn a_link_and_a_reset_password_are_one_factor() {
    let app = App::start().await;
    app.sign_up(ANA).await;
    let ana = app.login(ANA, PASSWORD).await.expect(200);
    let (secret, _) = add_app(&app, &ana).await;
    app.clock.advance(minutes(1));
    app.post("/magic-link").json(json!({"email": ANA})).await.expect(202);
    let token = app.mail(ANA, LinkPurpose::SignIn).await;
    let challenge = app.post("/magic-link/redeem").json(json!({"token": token})).await;
    let challenge = challenge.refused(403, "second_factor_required");
    let before = asked(&app).await;
    app.post("/password/forgot").json(json!({"email": ANA})).await.expect(202);
    let token = app.mail(ANA, LinkPurpose::ResetPassword).await;
    let reset = json!({"token": token, "password": "una clave muy distinta"});
    app.post("/password/reset").json(reset).await.expect(204);
    // What was asked before the new password leads nowhere.
    for challenge in [challenge, before] {
        answer(&app, &challenge, "code", shown(&app, &secret)).await.refused(401, "challenge_over");
    }
    let challenge = app.login(ANA, "una clave muy distinta").await.refused(403, "second_factor_required");
    answer(&app, &challenge, "code", shown(&app, &secret)).await.expect(200);
}

#[tokio::test]
async fn a_passkey_signs_in_for_its_site_and_challenge() {
    let app = App::start().await;
    app.sign_up(ANA).await;
    let ana = app.login(ANA, PASSWORD).await.expect(200);
    let mut key = Authenticator::new(1, ORIGIN);
    let added = add_passkey(&app, &ana, &mut key).await;
    assert_eq!(added["factors"]["passkeys"][0]["name"], "Teléfono");
    // The same authenticator is not taken twice.
    let new = app.post("/me/factors/passkeys/options").bearer(&ana).send().await.expect(200);
    assert_eq!(new["options"]["excludeCredentials"][0]["id"], key.id());
    let credential = key.create(&new["options"]);
    let proof = json!({"enrolment": new["enrolment"], "name": "Otra vez", "credential": credential});
    app.post("/me/factors/passkeys").bearer(&ana).json(proof).await.refused(409, "passkey_taken");

    let challenge = asked(&app).await;
    assert_eq!(challenge["factors"], json!(["passkey", "recovery_code"]));
    let assertion = key.get(&challenge["passkey"]);
    // A page elsewhere that relays the challenge gets a signature that names the page.
    key.origin = "https://boletas.example.evil.example".to_owned();
    let lured = key.get(&challenge["passkey"]);
    answer(&app, &challenge, "assertion", lured).await.refused(403, "passkey_refused");
    key.origin = ORIGIN.to_owned();
    let other = asked(&app).await;
    answer(&app, &other, "assertion", assertion.clone()).await.refused(403, "passkey_refused");
    let signed_in = answer(&app, &challenge, "assertion", assertion.clone()).await.expect(200);
    assert_eq!(claims(&app, &signed_in).amr, [Proof::Pwd, Proof::Pop]);
    answer(&app, &challenge, "assertion", assertion).await.refused(401, "challenge_over");

    // A copy of the authenticator counts from where it was copied.
    key.counter = 0;
    let copied = key.get(&other["passkey"]);
    answer(&app, &other, "assertion", copied).await.refused(403, "passkey_refused");
    let listed = app.get("/me/factors").bearer(&signed_in).send().await.expect(200);
    assert!(listed["passkeys"][0]["last_used_at"].is_string(), "{listed}");
    let path = format!("/me/factors/passkeys/{}", key.id());
    app.request(Method::DELETE, &path).bearer(&signed_in).send().await.expect(204);
    app.request(Method::DELETE, &path).bearer(&signed_in).send().await.refused(404, "factor_not_found");
    app.login(ANA, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn a_recovery_code_stands_in_once() {
    let app = App::start().await;
    app.sign_up(ANA).await;
    let ana = app.login(ANA, PASSWORD).await.expect(200);
    app.post("/me/recovery-codes").bearer(&ana).send().await.refused(404, "factor_not_found");
    let (_, added) = add_app(&app, &ana).await;
    let code = |index: usize| added["recovery_codes"][index].clone();
    let typed = code(0).as_str().expect("text").to_uppercase().replace('-', " ");
    let signed_in = answer(&app, &asked(&app).await, "recovery_code", typed).await.expect(200);
    assert_eq!(claims(&app, &signed_in).amr, [Proof::Pwd, Proof::Recovery]);
    answer(&app, &asked(&app).await, "recovery_code", code(0)).await.refused(403, "wrong_code");
    let left = app.get("/me/factors").bearer(&signed_in).send().await.expect(200);
    assert_eq!(left["recovery_codes_left"], 9);
    let renewed = app.post("/me/recovery-codes").bearer(&signed_in).send().await.expect(200);
    answer(&app, &asked(&app).await, "recovery_code", code(1)).await.refused(403, "wrong_code");
    let new = renewed["recovery_codes"][9].clone();
    answer(&app, &asked(&app).await, "recovery_code", new).await.expect(200);
    // With the factor for which they stand, they go.
    app.request(Method::DELETE, "/me/factors/totp").bearer(&signed_in).send().await.expect(204);
    let left = app.get("/me/factors").bearer(&signed_in).send().await.expect(200);
    assert_eq!(left, json!({"passkeys": [], "recovery_codes_left": 0}));
}

#[tokio::test]
async fn a_stolen_password_is_not_enough_to_change_factors() {
    let app = App::start().await;
    app.sign_up(ANA).await;
    // Eve knows the password and is signed in before Ana adds her app.
    let eve = app.login(ANA, PASSWORD).await.expect(200);
    let ana = app.login(ANA, PASSWORD).await.expect(200);
    let (secret, _) = add_app(&app, &ana).await;
    let remove = app.request(Method::DELETE, "/me/factors/totp").bearer(&eve).send().await;
    let challenge = remove.refused(403, "second_factor_required");
    for path in ["/me/factors/totp", "/me/factors/passkeys/options", "/me/recovery-codes"] {
        app.post(path).bearer(&eve).send().await.refused(403, "second_factor_required");
    }
    // That challenge is for her session, and signs nobody in.
    answer(&app, &challenge, "code", shown(&app, &secret)).await.refused(401, "challenge_over");
    app.post("/reauthenticate")
        .bearer(&eve)
        .json(json!({"password": PASSWORD}))
        .await
        .refused(403, "second_factor_required");
    // Ana's session counts as opened with the app.
    app.request(Method::DELETE, "/me/factors/totp").bearer(&ana).send().await.expect(204);
}

#[tokio::test]
async fn an_enrolment_is_its_users_and_good_once() {
    let app = App::start().await;
    app.sign_up(ANA).await;
    app.sign_up("eva@example.com").await;
    let ana = app.login(ANA, PASSWORD).await.expect(200);
    let eva = app.login("eva@example.com", PASSWORD).await.expect(200);
    let new = app.post("/me/factors/totp").bearer(&ana).send().await.expect(200);
    let secret = new["secret"].as_str().expect("a secret");
    let proof = |code: String| json!({"enrolment": new["enrolment"], "code": code});
    let confirm =
        |who: &Value, code: String| app.post("/me/factors/totp/confirm").bearer(who).json(proof(code));
    confirm(&eva, shown(&app, secret)).await.refused(404, "enrolment_not_found");
    confirm(&ana, "000000".to_owned()).await.refused(403, "wrong_code");
    confirm(&ana, shown(&app, secret)).await.expect(200);
    confirm(&ana, shown(&app, secret)).await.refused(404, "enrolment_not_found");
    let table = app.dump();
    assert!(!table.contains(secret), "the secret is sealed");
    // A stranger who registered the address first could shut its owner out.
    let body = json!({"email": "beto@example.com", "password": PASSWORD});
    app.post("/register").json(body).await.expect(202);
    let beto = app.login("beto@example.com", PASSWORD).await.expect(200);
    app.post("/me/factors/totp").bearer(&beto).send().await.refused(403, "email_unverified");
}

#[tokio::test]
async fn wrong_codes_are_limited_for_each_network_and_never_for_a_known_device() {
    let app = App::start().await;
    app.sign_up(ANA).await;
    let ana = app.login(ANA, PASSWORD).await.expect(200);
    let (secret, added) = add_app(&app, &ana).await;
    app.clock.advance(minutes(1));
    let challenge = asked(&app).await;
    let answer_from = async |network: String, mut whole: Value| {
        whole["challenge"] = challenge["challenge"].clone();
        app.post("/second-factor").from(&network).json(whole).await
    };
    let wrong = json!({"code": "000000"});
    for _ in 0..5 {
        answer_from("198.51.100.1".to_owned(), wrong.clone()).await.refused(403, "wrong_code");
    }
    let right = json!({"code": shown(&app, &secret)});
    answer_from("198.51.100.1".to_owned(), right.clone()).await.refused(429, "too_many_tries");
    // A stranger who knows the password tries from everywhere, until no code is taken that way.
    for network in 0..19 {
        for _ in 0..5 {
            answer_from(format!("203.0.113.{network}"), wrong.clone()).await.refused(403, "wrong_code");
        }
    }
    answer_from("192.0.2.9".to_owned(), right.clone()).await.refused(429, "too_many_tries");
    // Whoever owns the account still gets in: with a device that was there before ...
    let known = json!({"code": shown(&app, &secret), "device_token": ana["device_token"]});
    answer_from("192.0.2.9".to_owned(), known).await.expect(200);
    // ... and with what nobody guesses.
    let again = asked(&app).await;
    let code = added["recovery_codes"][0].clone();
    answer(&app, &again, "recovery_code", code).await.expect(200);
}

#[tokio::test]
async fn one_proves_to_be_there_still() {
    let app = App::start().await;
    app.sign_up(ANA).await;
    let ana = app.login(ANA, PASSWORD).await.expect(200);
    let recent = |who: &Value| app.post("/me/factors/totp").bearer(who).send();
    recent(&ana).await.expect(200);
    app.clock.advance(minutes(31));
    let ana = app.post("/refresh").json(json!({"refresh_token": ana["refresh_token"]})).await.expect(200);
    let refused = recent(&ana).await.refused(403, "recent_sign_in_required");
    assert_eq!(refused["reauthenticate"], "/api/v1/auth/reauthenticate");
    let again = |who: &Value, body: Value| app.post("/reauthenticate").bearer(who).json(body);
    again(&ana, json!({})).await.refused(422, "refused_fields");
    again(&ana, json!({"password": "not the password"})).await.refused(403, "wrong_password");
    again(&ana, json!({"code": "123456"})).await.refused(403, "wrong_code");
    let fresh = again(&ana, json!({"password": PASSWORD})).await.expect(200);
    let (secret, _) = add_app(&app, &fresh).await;

    app.clock.advance(minutes(31));
    let ana = app.post("/refresh").json(json!({"refresh_token": ana["refresh_token"]})).await.expect(200);
    assert_eq!(claims(&app, &ana).amr, [Proof::Pwd, Proof::Otp]);
    let asked = again(&ana, json!({})).await.refused(403, "second_factor_required");
    assert_eq!(asked["factors"], json!(["totp", "recovery_code"]));
    let fresh = again(&ana, json!({"code": shown(&app, &secret)})).await.expect(200);
    app.request(Method::DELETE, "/me/factors/totp").bearer(&fresh).send().await.expect(204);
    // The refresh token was not replaced by all this.
    app.post("/refresh").json(json!({"refresh_token": ana["refresh_token"]})).await.expect(200);
    app.post("/logout").bearer(&fresh).send().await.expect(204);
    again(&fresh, json!({"password": PASSWORD})).await.refused(401, "session_over");
}

#[tokio::test]
async fn a_passkey_proves_it_with_a_challenge_of_the_session() {
    let app = App::start().await;
    app.sign_up(ANA).await;
    let ana = app.login(ANA, PASSWORD).await.expect(200);
    let mut key = Authenticator::new(1, ORIGIN);
    add_passkey(&app, &ana, &mut key).await;
    let again = |who: &Value, body: Value| app.post("/reauthenticate").bearer(who).json(body);
    let signing_in = asked(&app).await;
    let assertion = key.get(&signing_in["passkey"]);
    let foreign = json!({"challenge": signing_in["challenge"], "assertion": assertion.clone()});
    again(&ana, foreign).await.refused(401, "challenge_over");
    again(&ana, json!({"assertion": assertion})).await.refused(401, "challenge_over");
    let asked = again(&ana, json!({})).await.refused(403, "second_factor_required");
    let body = json!({"challenge": asked["challenge"], "assertion": key.get(&asked["passkey"])});
    again(&ana, body.clone()).await.expect(200);
    again(&ana, body).await.refused(401, "challenge_over");
}

#[tokio::test]
async fn an_organiser_can_require_two_factors() {
    let app = App::start().await;
    app.sign_up(ANA).await;
    let tenant = app.hire(ANA, Role::Coordinator).await;
    app.require_second_factor(tenant).await;
    let for_tenant = json!({"email": ANA, "password": PASSWORD, "tenant": tenant});
    app.post("/login").json(for_tenant.clone()).await.refused(403, "second_factor_required");
    // As a buyer, one factor is enough, and it is how one adds the second.
    let buyer = app.login(ANA, PASSWORD).await.expect(200);
    assert_eq!(claims(&app, &buyer).role, Role::User);
    let (secret, _) = add_app(&app, &buyer).await;
    let refreshed = json!({"refresh_token": buyer["refresh_token"], "tenant": tenant});
    let staff = app.post("/refresh").json(refreshed).await.expect(200);
    assert_eq!((claims(&app, &staff).role, claims(&app, &staff).tenant), (Role::Coordinator, Some(tenant)));
    app.clock.advance(minutes(1));
    let challenge = app.post("/login").json(for_tenant).await.refused(403, "second_factor_required");
    let staff = answer(&app, &challenge, "code", shown(&app, &secret)).await.expect(200);
    assert_eq!((user_id(&staff), claims(&app, &staff).tenant), (user_id(&buyer), Some(tenant)));
    // Without the factor, the next token has no role; whoever asks for it hears why.
    app.request(Method::DELETE, "/me/factors/totp").bearer(&staff).send().await.expect(204);
    let one = app.login(ANA, PASSWORD).await.expect(200);
    let wished = json!({"refresh_token": one["refresh_token"], "tenant": tenant});
    app.post("/refresh").json(wished).await.refused(403, "second_factor_required");
    // A link is not used up by asking for what it cannot give.
    app.post("/magic-link").json(json!({"email": ANA})).await.expect(202);
    let token = app.mail(ANA, LinkPurpose::SignIn).await;
    let redeem = |body: Value| app.post("/magic-link/redeem").json(body);
    redeem(json!({"token": token, "tenant": tenant})).await.refused(403, "second_factor_required");
    redeem(json!({"token": token})).await.expect(200);
}

#[tokio::test]
async fn a_session_from_before_counts_as_old() {
    let app = App::start().await;
    app.sign_up(ANA).await;
    let ana = app.login(ANA, PASSWORD).await.expect(200);
    app.forget_when_signed_in(&ana).await;
    let ana = app.post("/refresh").json(json!({"refresh_token": ana["refresh_token"]})).await.expect(200);
    assert_eq!((claims(&app, &ana).auth_time, claims(&app, &ana).amr), (None, Vec::new()));
    app.post("/me/factors/totp").bearer(&ana).send().await.refused(403, "recent_sign_in_required");
    let again =
        app.post("/reauthenticate").bearer(&ana).json(json!({"password": PASSWORD})).await.expect(200);
    app.post("/me/factors/totp").bearer(&again).send().await.expect(200);
}
