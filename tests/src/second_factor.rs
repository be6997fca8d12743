//! Authenticator apps of people in tests.

use serde_json::{Value, json};
use testkit::TestApp;
use totp_rs::{Builder, Secret};

/// An app that was added, with the recovery codes that came with it.
pub(crate) struct AddedApp {
    pub(crate) secret: String,
    pub(crate) recovery_codes: Vec<Value>,
}

/// The code that an app with this secret shows now.
pub(crate) fn code_of(app: &TestApp, secret: &str) -> String {
    let secret = Secret::try_from_base32(secret).expect("base32");
    let totp = Builder::new().with_secret(secret.as_bytes().to_vec()).build().expect("long enough");
    totp.generate(app.clock.now().as_second().try_into().expect("after 1970")).to_string()
}

/// Adds an authenticator app to the account of this access token, which has none.
pub(crate) async fn add_app(app: &TestApp, token: &str) -> AddedApp {
    let new = app.post("/api/v1/auth/me/factors/totp").token(token).ok().await;
    let secret = new["secret"].as_str().expect("a secret").to_owned();
    let proof = json!({"enrolment": new["enrolment"], "code": code_of(app, &secret)});
    let added = app.post("/api/v1/auth/me/factors/totp/confirm").token(token).json(proof).ok().await;
    let recovery_codes = added["recovery_codes"].as_array().expect("codes of the first factor").clone();
    AddedApp { secret, recovery_codes }
}
