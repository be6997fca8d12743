//! Notifications from gateways: genuine, repeated, forged, of no concern.

use std::time::Duration;

use boot::{Stopwatch, Vault};
use domain::gateway_account::GatewayAccount;
use domain::payment::GatewayName;
use gateways::Faults;
use payments::mercado_pago::{manifest, sign};
use payments::{MAX_SIGNATURE_AGE, MAX_WEBHOOK_BYTES, credentials_name};
use serde_json::{Value, json};
use testkit::{Request, TestApp};

use super::{Fixture, address};

/// The secret with which the gateway signs notifications about an account.
async fn secret(app: &TestApp, account: &GatewayAccount) -> String {
    let vault = Vault::new(&app.cloud.boot("test").expect("variables")).expect("a vault");
    let version = account.credentials_version.as_deref().expect("credentials");
    let text = vault.get(&credentials_name(account.id), version).await.expect("the vault answers");
    let credentials: Value = serde_json::from_str(text.expect("credentials").reveal()).expect("JSON");
    credentials["webhook_secret"].as_str().expect("a secret").to_owned()
}

/// A notification as Mercado Pago sends it, signed with the present time.
fn from_mercado_pago(app: &TestApp, secret: &str, path: &str, kind: &str, id: &str) -> Request {
    let ts = app.clock.now().as_second().to_string();
    let signature = sign(secret, &manifest(Some(id), Some("request-1"), &ts));
    let body = json!({"id": 1, "type": kind, "action": format!("{kind}.updated"), "data": {"id": id}});
    app.post(format!("{path}&data.id={id}&type={kind}"))
        .header("x-signature", format!("ts={ts},v1={signature}"))
        .header("x-request-id", "request-1")
        .json(body)
}

/// The same account's notification address at the route of seed 4.
fn seed_address(account: &GatewayAccount) -> String {
    address(account).replace("/webhooks/mercado_pago", "/purchases/webhook")
}

/// Mercado Pago's id of the order's first payment.
fn number(order: &Value) -> String {
    order["payments"][0]["payment_gateway_transaction_id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn a_repeated_notification_changes_nothing() {
    let house = Fixture::open(&[GatewayName::MercadoPago]).await;
    let purchase = house.pay(&house.reserve().await, None).await.ok();
    let paid = house.approve(GatewayName::MercadoPago, &purchase).await;
    assert_eq!(paid["status"], "paid");
    let mails = house.app.mails(&house.ana.email).len();
    let account = &house.accounts[0];
    let secret = secret(&house.app, account).await;
    for path in [address(account), seed_address(account)] {
        for _ in 0..2 {
            let answer =
                from_mercado_pago(&house.app, &secret, &path, "payment", &number(&paid)).send().await;
            assert_eq!((answer.status, answer.text()), (200, String::new()), "{path}");
        }
    }
    house.app.idle().await;
    assert_eq!(house.order(&purchase).await, paid);
    assert_eq!(house.app.mails(&house.ana.email).len(), mails);
    house.app.close().await;
}

#[tokio::test]
async fn the_seeds_address_settles_payments_too() {
    let house = Fixture::open(&[GatewayName::MercadoPago]).await;
    let purchase = house.pay(&house.reserve().await, None).await.ok();
    let page = house.app.visit(&purchase).await;
    let lost = Faults { drop_webhooks: 100, ..Faults::default() };
    house.app.simulator(GatewayName::MercadoPago).set_faults(lost).expect("possible faults");
    let attempt = house.app.simulator(GatewayName::MercadoPago).approve(&page).expect("approved");
    house.app.idle().await;
    assert_eq!(house.order(&purchase).await["status"], "awaiting_payment");
    let (secret, path) = (secret(&house.app, &house.accounts[0]).await, seed_address(&house.accounts[0]));
    from_mercado_pago(&house.app, &secret, &path, "payment", &attempt.payment_id).send().await.ok();
    house.app.idle().await;
    assert_eq!(house.order(&purchase).await["status"], "paid");
    house.app.close().await;
}

#[tokio::test]
async fn a_notification_that_is_not_signed_for_the_account_is_refused() {
    let house = Fixture::open(&[GatewayName::MercadoPago, GatewayName::Wompi]).await;
    let (app, accounts) = (&house.app, &house.accounts);
    let other = app.organizer("otra").await;
    let stranger = app.connect(&other, GatewayName::Payu, 0).await;
    let (ours, wompi) = (address(&accounts[0]), address(&accounts[1]));
    let secret = secret(app, &accounts[0]).await;

    let notify = |secret: &str, path: &str| from_mercado_pago(app, secret, path, "payment", "123");
    notify(&secret, &ours).send().await.ok();
    notify(&"f".repeat(64), &ours).refused(401, "webhook_refused").await;
    app.post(&ours).json(json!({})).refused(401, "webhook_refused").await;
    app.post(&wompi).json(json!({"event": "x"})).refused(401, "webhook_refused").await;
    app.post(address(&stranger)).raw("sign=1").refused(401, "webhook_refused").await;

    let old = notify(&secret, &ours);
    app.clock.advance(MAX_SIGNATURE_AGE + Duration::from_secs(1));
    old.refused(401, "webhook_refused").await;

    // Accounts that do not exist, or are another tenant's or gateway's.
    let (tenant, account) = (&house.organizer.tenant, &accounts[0].id);
    let at = "/api/v1/webhooks/mercado_pago";
    for path in [
        format!("{at}?a=1"),
        "/api/v1/purchases/webhook?a=1".to_owned(),
        format!("{at}?tenant=x&account=y"),
        format!("{at}?tenant={tenant}"),
        format!("{at}?tenant={tenant}&account={}", stranger.id),
        format!("{at}?tenant={}&account={account}", other.tenant),
        format!("{at}?tenant={tenant}&account={}", accounts[1].id),
        format!("/api/v1/purchases/webhook?tenant={tenant}&account={}", accounts[1].id),
        ours.replace("mercado_pago", "paypal"),
        ours.replace("mercado_pago", "wompi"),
    ] {
        notify(&secret, &path).refused(404, "payment_gateway_not_found").await;
    }
    // The size is checked before the account.
    let large = vec![b'x'; MAX_WEBHOOK_BYTES + 1];
    app.post("/api/v1/webhooks/paypal").raw(large).refused(413, "body_too_large").await;
    house.app.close().await;
}

#[tokio::test]
async fn events_of_no_concern_are_acknowledged() {
    let house = Fixture::open(&[GatewayName::MercadoPago]).await;
    let (secret, path) = (secret(&house.app, &house.accounts[0]).await, address(&house.accounts[0]));
    for kind in ["subscription_preapproval", "stop_delivery_op_wh", "something_new"] {
        from_mercado_pago(&house.app, &secret, &path, kind, "77").send().await.ok();
    }
    house.app.close().await;
}

/// The gateway's panel sends such notifications to test the address.
#[tokio::test]
async fn notifications_of_unknown_payments_are_discarded_after_a_while() {
    let house = Fixture::open(&[GatewayName::MercadoPago]).await;
    let (secret, path) = (secret(&house.app, &house.accounts[0]).await, address(&house.accounts[0]));
    from_mercado_pago(&house.app, &secret, &path, "payment", "123456").send().await.ok();
    let janitor = house.app.cloud.environment_of("janitor").expect("a function of the template");
    let queue = janitor["PAYMENTS_DEAD_LETTERS_URL"].rsplit('/').next().expect("a name").to_owned();
    let left = async || {
        house.app.idle().await;
        house.app.cloud.services().sqs().depth(&queue).expect("a queue").total()
    };
    // The local queue retries failed messages at once, so it is a dead letter already.
    assert_eq!(left().await, 1, "it may be a replica that lags behind");
    house.app.clock.advance(Duration::from_secs(3600));
    house.app.cloud.run_schedule_now("Reconcile").await.expect("the janitor works");
    assert_eq!(left().await, 0);
    house.app.close().await;
}

/// The answer takes some milliseconds on an idle machine, which no test can check while others
/// run. So this checks the reason: the webhook calls no gateway.
#[tokio::test]
async fn a_notification_is_answered_without_asking_the_gateway() {
    let house = Fixture::open(&[GatewayName::MercadoPago]).await;
    let (secret, path) = (secret(&house.app, &house.accounts[0]).await, address(&house.accounts[0]));
    let reservation = house.reserve().await;
    let slow = Faults { timeouts: 100, timeout_ms: 4_000, ..Faults::default() };
    let simulator = house.app.simulator(GatewayName::MercadoPago);
    simulator.set_faults(slow).expect("possible faults");
    let started = Stopwatch::start();
    from_mercado_pago(&house.app, &secret, &path, "payment", "77").send().await.ok();
    assert!(started.elapsed() < Duration::from_millis(1_500), "{:?}", started.elapsed());
    // A request that calls the gateway does wait.
    house.pay(&reservation, None).await.refused(503, "payment_gateway_unavailable");
    assert!(started.elapsed() > Duration::from_secs(2), "{:?}", started.elapsed());
    simulator.set_faults(Faults::default()).expect("possible faults");
    house.app.close().await;
}

/// PayU's page accepts a card as long as it is open, even after the hold has expired.
#[tokio::test]
async fn a_late_payment_at_payu_is_found_without_a_notification() {
    let house = Fixture::open(&[GatewayName::Payu]).await;
    let purchase = house.pay(&house.reserve().await, None).await.ok();
    let page = house.app.visit(&purchase).await;
    let quarters = async |count| {
        for _ in 0..count {
            house.app.clock.advance(Duration::from_secs(15 * 60 + 1));
            house.app.idle().await;
        }
    };
    quarters(5).await;
    let payu = house.app.simulator(GatewayName::Payu);
    payu.set_faults(Faults { drop_webhooks: 100, ..Faults::default() }).expect("possible faults");
    payu.approve(&page).expect("approved");
    quarters(4).await;
    let token = house.app.sign_in(&house.ana.email, None).await.token;
    let path = format!("/api/v1/purchases/{}", purchase["id"].as_str().expect("an id"));
    let order = house.app.get(path).token(&token).ok().await;
    assert_eq!(order["status"], "paid", "the places were still free");
    house.app.close().await;
}
