//! An organiser's gateway accounts: their credentials can be entered and never read.

mod secrecy;

use boot::Vault;
use domain::gateway_account::{GatewayAccount, MAX_GATEWAY_ACCOUNTS};
use domain::{Currency, GatewayAccountId, TenantId};
use gateways::{Faults, Merchant};
use payments::credentials_name;
use serde_json::{Value, json};
use store::Store;
use testkit::{Organizer, Request, TestApp};

pub(crate) const GATEWAYS: &str = "/api/v1/tenant/gateways";

/// A tenant with its admin, and access to the table and the vault.
pub(crate) struct Fixture {
    pub(crate) app: TestApp,
    pub(crate) admin: Organizer,
}

impl Fixture {
    pub(crate) async fn open() -> Self {
        let app = TestApp::start().await;
        let admin = app.organizer("faroles").await;
        Self { app, admin }
    }

    /// Adds an account for test payments. Returns the account as the API shows it.
    pub(crate) async fn add(&self, gateway: &str, currency: &str) -> Value {
        let new = json!({"gateway": gateway, "mode": "test", "currencies": [currency]});
        self.app.post(GATEWAYS).token(&self.admin.token).json(new).ok().await
    }

    /// The request that enters the credentials of an account.
    pub(crate) fn enter(&self, account: &Value, credentials: Value) -> Request {
        self.app.put(format!("{}/credentials", path(account))).token(&self.admin.token).json(credentials)
    }

    /// The account as it is in the table.
    pub(crate) async fn stored(&self, account: &Value) -> Option<GatewayAccount> {
        let boot = self.app.cloud.boot("test").expect("variables");
        let store = Store::new(&boot).expect("a table");
        let tenant: TenantId = self.admin.tenant.parse().expect("an id");
        store.gateway_account(tenant, id(account)).await.expect("read")
    }

    /// The credentials in the vault, in one version.
    pub(crate) async fn secret(&self, account: &Value, version: &str) -> Option<Value> {
        // A new vault client each time, with nothing cached.
        let vault = Vault::new(&self.app.cloud.boot("test").expect("variables")).expect("a vault");
        let text = vault.get(&credentials_name(id(account)), version).await.expect("the vault answers");
        text.map(|text| serde_json::from_str(text.reveal()).expect("JSON"))
    }
}

pub(crate) fn path(account: &Value) -> String {
    format!("{GATEWAYS}/{}", account["id"].as_str().expect("an id"))
}

fn id(account: &Value) -> GatewayAccountId {
    account["id"].as_str().expect("an id").parse().expect("an id")
}

/// Makes the simulated gateways accept a merchant. Returns its credentials.
fn merchant(app: &TestApp, merchant: Merchant) -> Value {
    let credentials = merchant.credentials();
    app.cloud.gateways().admit(merchant);
    credentials
}

fn wompi(number: u32) -> Merchant {
    Merchant::wompi(number, "Faroles del Sur S.A.S.", "http://127.0.0.1:9/".to_owned())
}

fn three() -> [(&'static str, &'static str, Merchant); 3] {
    [
        ("mercado_pago", "ARS", Merchant::mercado_pago(44_444, "Faroles del Sur", Currency::ARS)),
        ("wompi", "COP", wompi(1292)),
        ("payu", "COP", Merchant::payu(999_001, "Faroles del Sur", Currency::COP)),
    ]
}

/// The pointers of the errors, in an answer with this status and code.
async fn wrong(request: Request, status: u16, code: &str) -> Vec<String> {
    let problem = request.refused(status, code).await;
    let errors = problem["errors"].as_array().expect("errors").iter();
    errors.map(|error| error["pointer"].as_str().expect("a pointer").to_owned()).collect()
}

/// The texts in credentials that only their gateway may see.
fn secrets(credentials: &Value) -> Vec<String> {
    let named = credentials.as_object().expect("an object").iter();
    let texts = named.filter(|(name, _)| !name.ends_with("_id") && *name != "algorithm");
    texts.map(|(_, value)| value.as_str().expect("a text").to_owned()).collect()
}

#[tokio::test]
async fn an_account_is_added_entered_changed_and_deleted() {
    let house = Fixture::open().await;
    let (app, token) = (&house.app, &house.admin.token);
    for (gateway, currency, who) in three() {
        let account = house.add(gateway, currency).await;
        assert_eq!((&account["has_credentials"], &account["active"]), (&json!(false), &json!(true)));
        assert_eq!((&account["position"], &account["version"]), (&json!(0), &json!(1)));
        let address = format!(
            "{}/api/v1/webhooks/{gateway}?tenant={}&account={}",
            app.cloud.url(),
            house.admin.tenant,
            account["id"].as_str().expect("an id")
        );
        assert_eq!(account["webhook_url"], address);

        app.clock.advance(std::time::Duration::from_secs(60));
        let credentials = merchant(app, who);
        let entered = house.enter(&account, credentials.clone()).ok().await;
        assert_eq!((&entered["has_credentials"], &entered["version"]), (&json!(true), &json!(2)));
        assert_eq!(entered["checked_at"], entered["updated_at"]);
        assert_ne!(entered["checked_at"], account["created_at"]);
        let stored = house.stored(&account).await.expect("an account");
        let version = stored.credentials_version.expect("credentials");
        assert_eq!(house.secret(&account, &version).await, Some(credentials.clone()));

        let changes = json!({"position": 7, "active": false, "version": 2});
        let changed = app.patch(path(&account)).token(token).json(changes.clone()).ok().await;
        assert_eq!((&changed["position"], &changed["active"]), (&json!(7), &json!(false)));
        assert_eq!(app.get(path(&account)).token(token).ok().await, changed);
        assert_eq!(app.get(GATEWAYS).token(token).ok().await["items"], json!([changed]));
        app.patch(path(&account)).token(token).json(changes).refused(409, "changed_meanwhile").await;

        app.delete(path(&account)).token(token).send().await.ok();
        app.get(path(&account)).token(token).refused(404, "gateway_not_found").await;
        house.enter(&account, credentials.clone()).refused(404, "gateway_not_found").await;
        assert_eq!(app.get(GATEWAYS).token(token).ok().await["items"], json!([]));
        assert_eq!(house.secret(&account, &version).await, None, "the secret goes with its account");

        app.idle().await;
        let month = app.clock.now().strftime("%Y-%m");
        let audit =
            app.get(format!("/api/v1/supervision/audit?limit=4&month={month}")).token(token).ok().await;
        let records = audit["items"].as_array().expect("items").iter();
        let actions: Vec<_> = records.map(|record| record["action"].as_str().expect("an action")).collect();
        let expected =
            ["delete", "update", "credentials", "create"].map(|action| format!("gateway_account.{action}"));
        assert_eq!(actions, expected);
        for secret in secrets(&credentials) {
            assert!(!audit.to_string().contains(&secret), "the audit log tells {secret}: {audit}");
        }
    }
    house.app.close().await;
}

#[tokio::test]
async fn an_account_shows_its_holder_and_warns_of_its_limits() {
    let house = Fixture::open().await;
    let account = house.add("wompi", "COP").await;
    assert_eq!(account["holder"], Value::Null);
    let entered = house.enter(&account, merchant(&house.app, wompi(1292))).ok().await;
    assert_eq!(entered["holder"], "Faroles del Sur S.A.S.");
    let codes: Vec<_> =
        entered["warnings"].as_array().expect("warnings").iter().map(|w| &w["code"]).collect();
    assert_eq!(codes, ["play_money", "refunds_by_hand"]);
    house.app.close().await;
}

#[tokio::test]
async fn credentials_that_the_gateway_refuses_are_reported_and_not_stored() {
    let house = Fixture::open().await;
    let strangers = [("access_token", 0), ("public_key", 1), ("api_key", 2)];
    for (field, index) in strangers {
        let (gateway, currency, who) = three()[index].clone();
        let account = house.add(gateway, currency).await;
        let pointers = wrong(house.enter(&account, who.credentials()), 422, "credentials_refused").await;
        assert_eq!(pointers, [format!("/{field}")], "a merchant whom {gateway} does not know");
        assert_eq!(house.stored(&account).await.and_then(|account| account.credentials_version), None);
    }

    // One key of another merchant among one's own.
    let account = house.add("wompi", "COP").await;
    let mut mixed = merchant(&house.app, wompi(1292));
    let own = mixed.clone();
    mixed["private_key"] = wompi(1293).credentials()["private_key"].clone();
    house.enter(&account, own.clone()).ok().await;
    let before = house.stored(&account).await.expect("an account");
    assert_eq!(wrong(house.enter(&account, mixed), 422, "credentials_refused").await, ["/private_key"]);
    assert_eq!(house.stored(&account).await.as_ref(), Some(&before), "those before still hold");
    let version = before.credentials_version.expect("credentials");
    assert_eq!(house.secret(&account, &version).await, Some(own));
    house.app.close().await;
}

#[tokio::test]
async fn malformed_credentials_are_found_before_the_gateway_is_asked() {
    let house = Fixture::open().await;
    // The gateways answer every read with an error.
    house
        .app
        .cloud
        .gateways()
        .set_faults(Faults { read_500: 100, ..Faults::default() })
        .expect("possible faults");
    let account = house.add("wompi", "COP").await;
    let good = wompi(1292).credentials();
    let mut swapped = good.clone();
    swapped["events_secret"] = good["integrity_secret"].clone();
    swapped["integrity_secret"] = good["events_secret"].clone();
    assert_eq!(wrong(house.enter(&account, swapped), 422, "refused_fields").await, ["/events_secret"]);
    let partial = json!({"public_key": 1, "private_key": "", "other": "x"});
    assert_eq!(
        wrong(house.enter(&account, partial), 422, "refused_fields").await,
        ["/public_key", "/private_key", "/events_secret", "/integrity_secret", ""]
    );
    // A secret in the wrong place is not repeated in the answer either.
    let lost = house.enter(&account, json!("prv_test_4711")).send().await;
    assert_eq!((lost.status, lost.text().contains("4711")), (422, false), "{}", lost.text());

    let live = json!({"gateway": "wompi", "mode": "live", "currencies": ["COP"]});
    let live = house.app.post(GATEWAYS).token(&house.admin.token).json(live).ok().await;
    assert_eq!(live["warnings"].as_array().map(Vec::len), Some(1), "{live}");
    assert_eq!(wrong(house.enter(&live, good), 422, "refused_fields").await, ["/public_key"], "test keys");

    let account = house.add("mercado_pago", "CLP").await;
    let token = json!({"access_token": "a-webhook-secret-4711", "webhook_secret": "APP_USR-1234567890"});
    assert_eq!(wrong(house.enter(&account, token), 422, "refused_fields").await, ["/access_token"]);
    let account = house.add("payu", "COP").await;
    let mut payu = Merchant::payu(999_001, "Faroles", Currency::COP).credentials();
    payu["algorithm"] = json!("ROT13");
    assert_eq!(wrong(house.enter(&account, payu), 422, "refused_fields").await, ["/algorithm"]);
    house.app.close().await;
}

#[tokio::test]
async fn no_credentials_are_stored_while_the_gateway_is_down() {
    let house = Fixture::open().await;
    let gateways = house.app.cloud.gateways();
    let account = house.add("wompi", "COP").await;
    let credentials = merchant(&house.app, wompi(1292));
    gateways.set_faults(Faults { read_500: 100, ..Faults::default() }).expect("possible faults");
    let down = house.enter(&account, credentials.clone()).send().await;
    assert_ne!(down.header("retry-after"), "");
    down.refused(503, "payment_gateway_unavailable");
    let stored = house.stored(&account).await.expect("an account");
    assert_eq!((stored.credentials_version, stored.version), (None, 1));
    gateways.set_faults(Faults::default()).expect("possible faults");
    house.enter(&account, credentials).ok().await;
    house.app.close().await;
}

#[tokio::test]
async fn gateway_and_mode_never_change_and_the_rest_is_checked() {
    let house = Fixture::open().await;
    let (app, token) = (&house.app, &house.admin.token);
    let post = |body: Value| app.post(GATEWAYS).token(token).json(body);
    let new = |gateway: &str, currencies: Value, position: u32| {
        post(json!({"gateway": gateway, "mode": "live", "currencies": currencies, "position": position}))
    };
    assert_eq!(wrong(new("sandbox", json!(["COP"]), 0), 422, "refused_fields").await, ["/gateway"]);
    assert_eq!(
        wrong(new("wompi", json!(["ARS", "COP", "COP"]), 100), 400, "invalid_fields").await,
        ["/currencies/0", "/currencies/2", "/position"]
    );
    let account = new("payu", json!(["COP", "USD"]), 3).ok().await;
    let patch = |body: Value| app.patch(path(&account)).token(token).json(body);
    for fixed in [json!({"gateway": "wompi"}), json!({"mode": "test"}), json!({"holder": "Otra casa"})] {
        wrong(patch(fixed), 400, "invalid_fields").await;
    }
    assert_eq!(wrong(patch(json!({"currencies": []})), 400, "invalid_fields").await, ["/currencies"]);
    assert_eq!(wrong(patch(json!({"currencies": ["UYU"]})), 422, "refused_fields").await, ["/currencies/0"]);
    let changed = patch(json!({"currencies": ["ARS"]})).ok().await;
    assert_eq!((&changed["currencies"], &changed["position"]), (&json!(["ARS"]), &json!(3)));
    house.app.close().await;
}

#[tokio::test]
async fn an_account_is_its_tenants_and_only_the_admin_sees_it() {
    let house = Fixture::open().await;
    let app = &house.app;
    let account = house.add("wompi", "COP").await;
    let credentials = merchant(app, wompi(1292));
    house.enter(&account, credentials.clone()).ok().await;
    let (stranger, at) = (app.organizer("mareas").await, path(&account));
    let entry = format!("{at}/credentials");
    let all = |token: &str| {
        [
            app.get(&at).token(token),
            app.patch(&at).token(token).json(json!({"position": 1})),
            app.put(&entry).token(token).json(credentials.clone()),
            app.delete(&at).token(token),
        ]
    };
    for request in all(&stranger.token) {
        request.refused(404, "gateway_not_found").await;
    }
    assert_eq!(app.get(GATEWAYS).token(&stranger.token).ok().await["items"], json!([]));
    for role in ["organizer", "coordinator", "scanner"] {
        let somebody = app.staff(&house.admin, role, role).await;
        for request in all(&somebody.token) {
            assert_eq!(request.send().await.status, 403, "{role}");
        }
        let new = json!({"gateway": "wompi", "mode": "test", "currencies": ["COP"]});
        assert_eq!(app.post(GATEWAYS).token(&somebody.token).json(new).send().await.status, 403, "{role}");
        assert_eq!(app.get(GATEWAYS).token(&somebody.token).send().await.status, 403, "{role}");
    }
    let stored = house.stored(&account).await.expect("an account");
    assert_eq!((stored.version, stored.position), (2, 0));
    house.app.close().await;
}

#[tokio::test]
async fn a_tenant_has_no_more_accounts_than_it_may() {
    let house = Fixture::open().await;
    let mut accounts = Vec::new();
    for _ in 0..MAX_GATEWAY_ACCOUNTS {
        accounts.push(house.add("wompi", "COP").await);
    }
    let (app, token) = (&house.app, &house.admin.token);
    let new = || {
        app.post(GATEWAYS)
            .token(token)
            .json(json!({"gateway": "wompi", "mode": "test", "currencies": ["COP"]}))
    };
    new().refused(409, "too_many_gateways").await;
    app.delete(path(&accounts[4])).token(token).send().await.ok();
    new().ok().await;
    new().refused(409, "too_many_gateways").await;
    let page = app.get(GATEWAYS).token(token).ok().await;
    assert_eq!(page["items"].as_array().map(Vec::len), Some(MAX_GATEWAY_ACCOUNTS));
    house.app.close().await;
}

#[tokio::test]
async fn trying_credentials_is_limited() {
    let house = Fixture::open().await;
    let account = house.add("payu", "COP").await;
    let stolen = Merchant::payu(999_001, "Faroles", Currency::COP).credentials();
    let mut tries = 0;
    let refused = loop {
        let answer = house.enter(&account, stolen.clone()).send().await;
        if answer.status != 422 {
            break answer;
        }
        tries += 1;
        assert!(tries <= 100, "they are never stopped");
    };
    refused.refused(429, "too_many_tries");
    assert!(tries >= 20, "somebody with several accounts has tries enough: {tries}");
    house.app.close().await;
}
