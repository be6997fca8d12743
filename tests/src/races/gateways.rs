//! A gateway account names credentials that exist, also if people save and delete at the same
//! moment.

use cloud::services::{FaultRates, Spot};
use domain::Currency;
use futures::future::join_all;
use gateways::Merchant;
use serde_json::{Value, json};

use crate::flows::gateways::{Fixture, path};

/// People who save at the same moment.
const PEOPLE: u32 = 8;
/// Accounts whose credentials are saved while the account is deleted.
const ACCOUNTS: usize = 4;

/// Ignores the conditions on tenants' accounts.
fn unguarded() -> FaultRates {
    FaultRates { ignored_conditions: vec!["T#".to_owned()], ..FaultRates::default() }
}

fn merchants(house: &Fixture) -> Vec<Value> {
    let merchants = (0..PEOPLE).map(|index| Merchant::payu(999_001 + index, "Faroles", Currency::COP));
    let admitted = merchants.map(|merchant| {
        let credentials = merchant.credentials();
        house.app.cloud.gateways().admit(merchant);
        credentials
    });
    admitted.collect()
}

/// Lets [`PEOPLE`] people save credentials of their own for one account. Returns how many were
/// told that theirs are saved, and how often the account was changed.
async fn save_all(rates: FaultRates) -> (u32, u32) {
    let house = Fixture::open().await;
    let account = house.add("payu", "COP").await;
    let merchants = merchants(&house);
    house.app.chaos.set(rates);
    let race = house.app.chaos.rendezvous(merchants.len(), Spot::at("T#").by("admin"));
    let savers = merchants.iter().map(|credentials| {
        let save = race.racer(house.enter(&account, credentials.clone()).send());
        async move { (save.await, credentials.clone()) }
    });
    let mut saved = Vec::new();
    for (answer, credentials) in join_all(savers).await {
        match answer.status {
            200 => saved.push((answer.json()["version"].as_u64().expect("a version"), credentials)),
            409 => {}
            status => panic!("{status}: {}", answer.text()),
        }
    }
    assert_eq!(race.met(), merchants.len());
    house.app.chaos.set(FaultRates::default());
    let stored = house.stored(&account).await.expect("an account");
    let version = stored.credentials_version.expect("somebody saved");
    let secret = house.secret(&account, &version).await.expect("the vault has what the account names");
    let last = saved.iter().filter(|(version, _)| *version == u64::from(stored.version));
    assert!(last.map(|(_, credentials)| credentials).any(|credentials| *credentials == secret), "{secret}");
    house.app.idle().await;
    (u32::try_from(saved.len()).expect("few"), stored.version - 1)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_reported_as_saved_were_not_overwritten_unseen() {
    let (heard, changes) = save_all(FaultRates::default()).await;
    assert!(heard >= 1);
    assert_eq!(heard, changes, "nobody's are overwritten unseen");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_guard_credentials_are_overwritten_unseen() {
    let (heard, changes) = save_all(unguarded()).await;
    assert!(heard > changes, "the race test would not notice a race");
}

/// The problems after accounts were saved and deleted at the same moment: one of the requests
/// has read the account before the other writes it, and writes it after that.
async fn save_and_delete(rates: FaultRates) -> Vec<String> {
    let house = Fixture::open().await;
    let credentials = merchants(&house).swap_remove(0);
    let mut wrong = Vec::new();
    for saves_late in [true, false].repeat(ACCOUNTS / 2) {
        let account = house.add("payu", "COP").await;
        house.enter(&account, credentials.clone()).ok().await;
        house.app.chaos.set(rates.clone());
        let save = house.enter(&account, credentials.clone()).send();
        let delete = house.app.delete(path(&account)).token(&house.admin.token).send();
        let halt = house.app.chaos.halt(Spot::at("T#").by("admin"));
        let (saved, deleted) = if saves_late {
            let saving = tokio::spawn(save);
            halt.reached().await;
            let deleted = delete.await;
            drop(halt);
            (saving.await.expect("no panic"), deleted)
        } else {
            let deleting = tokio::spawn(delete);
            halt.reached().await;
            let saved = save.await;
            drop(halt);
            (saved, deleting.await.expect("no panic"))
        };
        assert!([200, 404, 409].contains(&saved.status), "{}", saved.text());
        assert!([204, 409].contains(&deleted.status), "{}", deleted.text());
        match house.stored(&account).await {
            Some(_) if deleted.status == 204 => wrong.push("it was deleted and is there".to_owned()),
            Some(stored) => {
                let version = stored.credentials_version.expect("credentials");
                if house.secret(&account, &version).await.is_none() {
                    wrong.push("it names credentials that are not there".to_owned());
                }
            }
            None if secret_exists(&house, &account).await => wrong.push("its secret stays".to_owned()),
            None => {}
        }
        house.app.chaos.set(FaultRates::default());
        // A tenant has at most twenty accounts.
        house.app.delete(path(&account)).token(&house.admin.token).send().await;
    }
    house.app.idle().await;
    wrong
}

/// Whether the vault has a secret of this account, in any version.
pub(crate) async fn secret_exists(house: &Fixture, account: &Value) -> bool {
    let id = account["id"].as_str().expect("an id");
    let asked = house
        .app
        .elsewhere(reqwest::Method::POST, house.app.cloud.services().endpoint())
        .header(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=test/20261121/us-east-1/secretsmanager/aws4_request",
        )
        .header("x-amz-target", "secretsmanager.GetSecretValue")
        .body(
            "application/x-amz-json-1.1",
            json!({"SecretId": format!("taquilla/local/gateway/{id}")}).to_string(),
        )
        .send()
        .await;
    match asked.status {
        200 => true,
        400 if asked.text().contains("ResourceNotFoundException") => false,
        status => panic!("{status}: {}", asked.text()),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_account_is_gone_with_its_secret() {
    let wrong = save_and_delete(FaultRates::default()).await;
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_guard_deleted_accounts_come_back() {
    let wrong = save_and_delete(unguarded()).await;
    assert!(!wrong.is_empty(), "the race test would not notice a race");
}
