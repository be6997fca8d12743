//! Gateway accounts: an account names credentials that are in the vault, and a deleted account
//! leaves none there.

use cloud::services::{Mishap, Spot};
use gateways::Merchant;
use serde_json::{Value, json};

use super::at_each_write;
use crate::flows::gateways::{Fixture, GATEWAYS, path};
use crate::races::gateways::secret_exists;

async fn sign_in(house: &mut Fixture) {
    let admin = &house.admin;
    let person = house.app.sign_in(&admin.person.email, Some(&admin.tenant)).await;
    house.admin.token = person.token;
}

/// Credentials that the gateway accepts.
fn credentials(house: &Fixture) -> Value {
    let merchant = Merchant::payu(999_001, "Faroles", domain::Currency::COP);
    let credentials = merchant.credentials();
    house.app.cloud.gateways().admit(merchant);
    credentials
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_is_added_once() {
    // The idempotency key, the account with its count, and the stored answer.
    at_each_write("admin", 3, async |death| {
        let house = Fixture::open().await;
        let new = json!({"gateway": "payu", "mode": "test", "currencies": ["COP"]});
        let add = || {
            let add = house.app.post(GATEWAYS).token(&house.admin.token);
            add.header("idempotency-key", "account-1").json(new.clone())
        };
        let (has_struck, answer) = death.send(&house.app, add).await;
        let account = answer.ok();
        let listed = house.app.get(GATEWAYS).token(&house.admin.token).ok().await;
        assert_eq!(listed["items"], json!([account]), "{death:?}");
        house.app.close().await;
        has_struck
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_names_credentials_that_are_there() {
    // The count of checks, the secret, and the account.
    at_each_write("admin", 3, async |death| {
        let mut house = Fixture::open().await;
        let credentials = credentials(&house);
        let account = house.add("payu", "COP").await;
        let enter = || house.enter(&account, credentials.clone());
        let (has_struck, answer) = death.send(&house.app, enter).await;
        assert_eq!(answer.ok()["has_credentials"], true, "{death:?}");
        let version = house.stored(&account).await.and_then(|account| account.credentials_version);
        let version = version.expect("credentials");
        assert_eq!(house.secret(&account, &version).await, Some(credentials), "{death:?}");
        sign_in(&mut house).await;
        house.app.delete(path(&account)).token(&house.admin.token).send().await.ok_empty();
        assert!(!secret_exists(&house, &account).await, "{death:?}: all versions go with the account");
        house.app.close().await;
        has_struck
    })
    .await;
}

/// A retry deletes what the first try left, or finds the account gone (404).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_secret_of_a_deleted_account_is_gone() {
    at_each_write("admin", 2, async |death| {
        let house = Fixture::open().await;
        let account = house.add("payu", "COP").await;
        house.enter(&account, credentials(&house)).ok().await;
        let delete = || house.app.delete(path(&account)).token(&house.admin.token);
        let (has_struck, answer) = death.send(&house.app, delete).await;
        assert!([204, 404].contains(&answer.status), "{death:?}: {}", answer.text());
        assert!(house.stored(&account).await.is_none(), "{death:?}");
        assert!(!secret_exists(&house, &account).await, "{death:?}: its secret stays");
        house.app.close().await;
        has_struck
    })
    .await;
}

/// If the function dies before it deletes the secret, the account stays, but only to be
/// deleted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_half_deleted_account_can_only_be_deleted() {
    let house = Fixture::open().await;
    let (account, credentials) = (house.add("payu", "COP").await, credentials(&house));
    house.enter(&account, credentials.clone()).ok().await;
    let token = &house.admin.token;
    let ambush = house.app.chaos.ambush(Spot::at("secret:").by("admin"), 1, Mishap::DiesBefore);
    assert_eq!(house.app.delete(path(&account)).token(token).send().await.status, 500);
    drop(ambush);
    let listed = house.app.get(GATEWAYS).token(token).ok().await;
    let left = &listed["items"][0];
    assert_eq!((&left["active"], &left["has_credentials"]), (&json!(false), &json!(false)), "{listed}");
    house.enter(&account, credentials).refused(409, "gateway_closing").await;
    let change = house.app.patch(path(&account)).token(token).json(json!({"active": true}));
    change.refused(409, "gateway_closing").await;
    house.app.delete(path(&account)).token(token).send().await.ok_empty();
    assert!(!secret_exists(&house, &account).await, "its secret stays");
    house.app.close().await;
}

/// If the function dies while it stores the first credentials, the vault may have a secret that
/// the account does not name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_that_the_account_does_not_name_are_deleted_with_it() {
    at_each_write("admin", 3, async |death| {
        let house = Fixture::open().await;
        let account = house.add("payu", "COP").await;
        let ambush = death.lurk(&house.app);
        let entered = house.enter(&account, credentials(&house)).send().await;
        let has_struck = ambush.has_struck();
        assert_eq!(has_struck, entered.status == 500, "{death:?}: {}", entered.text());
        drop(ambush);
        house.app.delete(path(&account)).token(&house.admin.token).send().await.ok_empty();
        assert!(!secret_exists(&house, &account).await, "{death:?}: its secret stays");
        house.app.close().await;
        has_struck
    })
    .await;
}
