//! The operator of a box office in tests, as its configuration names it.

use local::OPERATOR;
use serde_json::json;
use testkit::{TestApp, TestUser};

use crate::second_factor::{add_app, code_of};

/// The operator, signed in with a second factor. For the first time in a test.
pub(crate) async fn operator(app: &TestApp) -> TestUser {
    let (name, _) = OPERATOR.split_once('@').expect("an address");
    let person = app.confirmed(name).await;
    let secret = add_app(app, &person.token).await.secret;
    // A step of the app counts once.
    app.clock.advance(std::time::Duration::from_secs(30));
    sign_in(app, person, &secret).await
}

async fn sign_in(app: &TestApp, person: TestUser, secret: &str) -> TestUser {
    let login = json!({"email": person.email, "password": testkit::PASSWORD});
    let asked = app.post("/api/v1/auth/login").json(login).refused(403, "second_factor_required").await;
    let answer = json!({"challenge": asked["challenge"], "code": code_of(app, secret)});
    let signed_in = app.post("/api/v1/auth/second-factor").json(answer).ok().await;
    let text = |name: &str| signed_in[name].as_str().expect("a token").to_owned();
    TestUser { token: text("access_token"), refresh_token: text("refresh_token"), ..person }
}
