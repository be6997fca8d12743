//! Users: an address has one account, and a link does all that it says, if need be with the
//! help of a second link.

use std::cell::Cell;

use serde_json::{Value, json};
use testkit::{Answer, PASSWORD, Request, TestApp, TestUser};

use super::{Death, at_each_write, minutes_pass};

const NEW_PASSWORD: &str = "tres tristes tigres";

/// A box office with another person for each run.
struct Fixture {
    app: TestApp,
    people: Cell<u32>,
}

impl Fixture {
    async fn open() -> Self {
        Self { app: TestApp::start().await, people: Cell::new(0) }
    }

    /// A name that is not in use yet. An hour passes first, so that no limit is near.
    async fn somebody_new(&self) -> String {
        minutes_pass(&self.app, 1).await;
        self.app.clock.advance(std::time::Duration::from_secs(3600));
        self.people.set(self.people.get() + 1);
        format!("persona{}", self.people.get())
    }

    fn post(&self, what: &str, body: &Value) -> Request {
        self.app.post(format!("/api/v1/auth/{what}")).json(body.clone())
    }

    async fn login(&self, email: &str, password: &str) -> u16 {
        self.post("login", &json!({"email": email, "password": password})).send().await.status
    }

    /// How many links were mailed to an address.
    async fn links(&self, email: &str) -> usize {
        self.app.idle().await;
        let texts = self.app.mails(email).into_iter().filter_map(|mail| mail.text.clone());
        texts.filter(|text| text.contains("token=")).count()
    }

    /// Follows a mailed link. If the function dies and the link is used up, the person asks for
    /// another one.
    async fn by_link(
        &self,
        death: Death,
        email: &str,
        ask: impl Fn() -> Request,
        follow: impl Fn(&str) -> Request,
    ) -> (bool, Answer) {
        self.app.idle().await;
        let token = self.app.mailed_token(email);
        let (has_struck, mut answer) = death.send(&self.app, || follow(&token)).await;
        if has_struck && answer.status == 401 {
            assert_eq!(answer.json()["code"], "link_invalid", "{death:?}");
            assert_eq!(ask().send().await.status, 202, "{death:?}");
            self.app.idle().await;
            answer = follow(&self.app.mailed_token(email)).send().await;
        }
        (has_struck, answer)
    }

    /// Checks that the person's earlier session has ended.
    async fn is_signed_out(&self, person: &TestUser, death: Death) {
        let answer = self.post("refresh", &json!({"refresh_token": person.refresh_token})).send().await;
        assert_eq!(answer.status, 401, "{death:?}: {}", answer.text());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_registers_has_one_account_and_one_link() {
    let house = Fixture::open().await;
    // Two limits and the account.
    at_each_write("auth", 3, async |death| {
        let name = house.somebody_new().await;
        let email = format!("{name}@example.com");
        let body = json!({"email": email, "password": PASSWORD, "name": name});
        let (has_struck, answer) = death.send(&house.app, || house.post("register", &body)).await;
        assert_eq!(answer.status, 202, "{death:?}: {}", answer.text());
        assert_eq!(house.links(&email).await, 1, "{death:?}");
        let person = house.app.sign_in(&email, None).await;
        let redeem = house.post("magic-link/redeem", &json!({"token": house.app.mailed_token(&email)}));
        let confirmed = redeem.token(&person.token).ok().await;
        assert_eq!(confirmed["user"]["id"], json!(person.id), "{death:?}");
        has_struck
    })
    .await;
    house.app.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_confirms_the_registered_address() {
    let house = Fixture::open().await;
    // The link, the limit of links, the user and the session.
    at_each_write("auth", 4, async |death| {
        let person = house.app.somebody(&house.somebody_new().await).await;
        let ask = || house.post("magic-link", &json!({"email": person.email})).token(&person.token);
        let follow =
            |token: &str| house.post("magic-link/redeem", &json!({"token": token})).token(&person.token);
        let (has_struck, answer) = house.by_link(death, &person.email, ask, follow).await;
        assert_eq!(answer.ok()["user"]["email_verified"], true, "{death:?}");
        assert_eq!(house.login(&person.email, PASSWORD).await, 200, "{death:?}: the password stays");
        has_struck
    })
    .await;
    house.app.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_takes_the_account_from_a_stranger_who_registered_the_address() {
    let house = Fixture::open().await;
    // The link, the limit of links, the user, the stranger's session and the owner's.
    at_each_write("auth", 5, async |death| {
        let stranger = house.app.somebody(&house.somebody_new().await).await;
        let ask = || house.post("magic-link", &json!({"email": stranger.email}));
        let follow = |token: &str| house.post("magic-link/redeem", &json!({"token": token}));
        let (has_struck, answer) = house.by_link(death, &stranger.email, ask, follow).await;
        let owner = answer.ok();
        assert_eq!(
            (&owner["user"]["email_verified"], &owner["user"]["has_password"]),
            (&json!(true), &json!(false)),
            "{death:?}"
        );
        assert_eq!(house.login(&stranger.email, PASSWORD).await, 401, "{death:?}");
        house.is_signed_out(&stranger, death).await;
        let token = owner["access_token"].as_str().expect("a token");
        house.app.get("/api/v1/auth/verify").token(token).ok().await;
        has_struck
    })
    .await;
    house.app.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_reset_replaces_the_password_and_ends_all_sessions() {
    let house = Fixture::open().await;
    at_each_write("auth", 4, async |death| {
        let person = house.app.confirmed(&house.somebody_new().await).await;
        let ask = || house.post("password/forgot", &json!({"email": person.email}));
        assert_eq!(ask().send().await.status, 202);
        let follow =
            |token: &str| house.post("password/reset", &json!({"token": token, "password": NEW_PASSWORD}));
        let (has_struck, answer) = house.by_link(death, &person.email, ask, follow).await;
        answer.ok_empty();
        assert_eq!(house.login(&person.email, PASSWORD).await, 401, "{death:?}");
        assert_eq!(house.login(&person.email, NEW_PASSWORD).await, 200, "{death:?}");
        house.is_signed_out(&person, death).await;
        has_struck
    })
    .await;
    house.app.close().await;
}
