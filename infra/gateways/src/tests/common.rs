//! What a payment goes through, at each gateway.

use std::time::Duration;

use payments::{BuyerStep, CredentialCheck, GatewayError, PaymentGateway, PaymentStatus};

use super::*;
use crate::{Action, Method, Status};

async fn from_creation_to_approval<G: PaymentGateway>(bench: Bench<G>) {
    bench.open("r").await;
    assert_eq!(bench.client.payments_of("r").await.expect("listed"), [], "nobody tried yet");
    assert!(bench.arrived().await.is_empty());

    let id = bench.simulator.approve("r").expect("paid").payment_id;
    let arrived = bench.arrived().await;
    let about: Vec<_> = arrived.iter().map(|arrival| arrival.verdict.as_ref().expect("genuine")).collect();
    let naming = about.iter().filter(|notice| payment_of(&notice.subject) == Some(&id));
    assert_eq!(naming.count(), 1, "{about:?}");
    let report = bench.report(&id).await;
    assert_eq!((report.status, report.payment_id.as_str()), (PaymentStatus::Approved, id.as_str()));
    assert_eq!((report.amount, report.refunded.amount), (bench.price(), 0));
    assert_eq!(report.reference, "r");
    assert!(report.approved_at.is_some());
    assert_eq!(bench.client.payments_of("r").await.expect("listed"), [report]);

    assert_eq!(bench.simulator.approve("r").expect("paid already").payment_id, id);
    assert!(bench.arrived().await.is_empty(), "nothing changed");
    assert!(matches!(bench.client.payment("1000000000").await, Err(GatewayError::NotFound)));
    assert_eq!(bench.client.payments_of("another").await.expect("listed"), []);
    bench.simulator.stop().await;
}

async fn another_try_after_a_refusal<G: PaymentGateway>(bench: Bench<G>) {
    bench.open("r").await;
    let first = bench.simulator.decline("r").expect("declined").payment_id;
    bench.seconds_pass(2);
    let failed = bench.simulator.act("r", Action::Decide(Method::Card, Status::Failed)).expect("failed");
    bench.seconds_pass(2);
    let last = bench.simulator.approve("r").expect("paid").payment_id;
    let mut heard = bench.heard_of().await;
    let mut sent = vec![first.clone(), failed.payment_id.clone(), last.clone()];
    heard.sort();
    sent.sort();
    assert_eq!(heard, sent);
    let found = bench.client.payments_of("r").await.expect("listed");
    let found: Vec<_> = found.into_iter().map(|report| (report.payment_id, report.status)).collect();
    let declined = PaymentStatus::Declined;
    let expected = [(last, PaymentStatus::Approved), (failed.payment_id, declined), (first, declined)];
    assert_eq!(found, expected, "the newest first");
    bench.simulator.decline("r").expect_err("it is paid");
}

async fn pending_then_decided<G: PaymentGateway>(bench: Bench<G>) {
    for (reference, status, expected) in
        [("a", Status::Approved, PaymentStatus::Approved), ("b", Status::Declined, PaymentStatus::Declined)]
    {
        bench.open(reference).await;
        let pending = bench.simulator.pending_then(reference, status, Duration::from_secs(300));
        let id = pending.expect("pending").payment_id;
        assert_eq!(bench.status(&id).await, PaymentStatus::Pending);
        bench.arrived().await;
        bench.seconds_pass(240);
        assert_eq!(bench.status(&id).await, PaymentStatus::Pending);
        bench.seconds_pass(60);
        assert_eq!(bench.status(&id).await, expected);
        assert_eq!(bench.heard_of().await, [id]);
    }
}

/// Paid after the merchant wanted the money, which it has to find out.
async fn paid_late<G: PaymentGateway>(bench: Bench<G>) {
    bench.open("r").await;
    let late = bench.simulator.pending_then_approve("r", Duration::from_secs(660)).expect("pending");
    let deadline = bench.simulator.purchase("r").expect("there").expires_at.expect("told");
    bench.seconds_pass(660);
    let report = bench.report(&late.payment_id).await;
    assert_eq!(report.status, PaymentStatus::Approved);
    assert!(report.approved_at.expect("a time") > deadline);
}

/// Two tries at once, both of which are paid in the end.
async fn paid_twice<G: PaymentGateway>(bench: Bench<G>) {
    bench.open("r").await;
    let first = bench.simulator.act("r", Action::Begin(Method::Card)).expect("pending").payment_id;
    let second = bench.simulator.act("r", Action::Begin(Method::Bank)).expect("pending").payment_id;
    bench.arrived().await;
    for id in [&first, &second] {
        assert_eq!(bench.simulator.approve(id).expect("paid").payment_id, **id);
    }
    let mut heard = bench.heard_of().await;
    heard.sort();
    let mut both = [first, second];
    both.sort();
    assert_eq!(heard, both);
    let found = bench.client.payments_of("r").await.expect("listed");
    assert!(found.len() == 2 && found.iter().all(|report| report.status == PaymentStatus::Approved));
}

async fn a_restart<G: PaymentGateway>(folder: &std::path::Path, start: impl AsyncFn(Wanted) -> Bench<G>) {
    let wanted = || Wanted { data_dir: Some(folder.to_owned()), ..Wanted::default() };
    let bench = start(wanted()).await;
    let paid = bench.pay("a").await;
    bench.open("b").await;
    let pending = bench.simulator.pending_then_approve("b", Duration::from_secs(60)).expect("pending");
    let before = bench.report(&paid).await;
    bench.simulator.idle().await;
    bench.simulator.stop().await;

    let bench = start(wanted()).await;
    assert_eq!(bench.report(&paid).await, before);
    // The new clock knows nothing of the seconds that the old one went.
    bench.seconds_pass(120);
    assert_eq!(bench.status(&pending.payment_id).await, PaymentStatus::Approved, "what was due goes on");
    let new = bench.pay("c").await;
    assert!(new != paid && new != pending.payment_id, "ids go on as well");
    assert_eq!(bench.simulator.purchases().expect("listed").len(), 3);
}

async fn known_and_unknown_credentials<G: PaymentGateway>(bench: &Bench<G>, stranger: &dyn PaymentGateway) {
    let check = bench.client.check_credentials().await.expect("asked");
    assert!(matches!(check, CredentialCheck::Accepted { .. }), "{check:?}");
    let check = stranger.check_credentials().await.expect("asked");
    assert!(matches!(check, CredentialCheck::Refused(_)), "{check:?}");
}

/// Each of these at each of the gateways; the tries where the buyer makes a payment by trying,
/// possibly again.
macro_rules! at_each {
    ($($test:ident),+ $(,)? $(; tries: $($try:ident),+)?) => {
        mod at_sandbox {
            use super::*;
            $(#[tokio::test] async fn $test() { super::$test(sandbox_bench(Wanted::default()).await).await; })+
        }
        at_each! { @in at_mercado_pago, mercado_pago_bench: $($test),+ $(, $($try),+)? }
        at_each! { @in at_wompi, wompi_bench: $($test),+ $(, $($try),+)? }
        at_each! { @in at_payu, payu_bench: $($test),+ $(, $($try),+)? }
    };
    (@in $place:ident, $bench:ident: $($test:ident),+) => {
        mod $place {
            use super::*;
            $(#[tokio::test] async fn $test() { super::$test($bench(Wanted::default()).await).await; })+
        }
    };
}
pub(super) use at_each;

at_each![
    pending_then_decided, paid_late;
    tries: from_creation_to_approval, another_try_after_a_refusal, paid_twice
];

#[tokio::test]
async fn restarts_keep_everything() {
    let folder = tempfile::tempdir().expect("a folder");
    a_restart(folder.path(), sandbox_bench).await;
    a_restart(folder.path(), mercado_pago_bench).await;
    a_restart(folder.path(), wompi_bench).await;
    a_restart(folder.path(), payu_bench).await;
    let mut files: Vec<_> = std::fs::read_dir(folder.path())
        .expect("there")
        .map(|entry| entry.expect("there").file_name().into_string().expect("a name"))
        .collect();
    files.sort();
    assert_eq!(files, ["mercado_pago.jsonl", "payu.jsonl", "sandbox.jsonl", "wompi.jsonl"]);
}

#[tokio::test]
async fn credentials_are_accepted_if_they_are_known() {
    let bench = mercado_pago_bench(Wanted::default()).await;
    let stranger = mp_client(bench.simulator.url(), "APP_USR-unknown-unknown");
    known_and_unknown_credentials(&bench, &stranger).await;
    assert!(matches!(stranger.payments_of("r").await, Err(GatewayError::Protocol(_))));

    let bench = wompi_bench(Wanted::default()).await;
    let private = wompi::Account { private_key: "prv_test_unknown1234".to_owned(), ..wompi_account(None) };
    let stranger = wompi_client(bench.simulator.url(), &private);
    known_and_unknown_credentials(&bench, &stranger).await;
    let public = wompi::Account { public_key: "pub_test_unknown1234".to_owned(), ..wompi_account(None) };
    known_and_unknown_credentials(&bench, &wompi_client(bench.simulator.url(), &public)).await;

    let bench = payu_bench(Wanted::default()).await;
    let unknown = payu::Account { api_key: "unknownunknown".to_owned(), ..payu_account(bench.currency) };
    let stranger = payu_client(bench.simulator.url(), &unknown, pu::Algorithm::Md5, &bench.clock);
    known_and_unknown_credentials(&bench, &stranger).await;
    assert_eq!(refusal(stranger.payments_of("r").await), "ERROR: Invalid credentials");
}

#[tokio::test]
async fn merchants_that_join_later_are_known() {
    let clock = Clock::movable();
    let accounts = Accounts::default();
    let options = Options::new(listen().await, clock);
    let simulator = mercado_pago::start(options, accounts.clone()).await.expect("started");
    let client = mp_client(simulator.url(), TOKEN);
    assert!(client.payments_of("r").await.is_err());
    accounts.add(mp_account(Currency::CLP));
    assert_eq!(client.payments_of("r").await.expect("known"), []);
}

#[tokio::test]
async fn addresses_may_be_others_than_merchants_say() {
    let clock = Clock::movable();
    let shop = shop(&clock).await;
    let options = Options {
        webhook_url: Some(format!("{}/hook?for=all", shop.url)),
        public_url: Some("https://pay.example/".to_owned()),
        ..Options::new(listen().await, clock.clone())
    };
    let address = format!("http://{}", options.listener.local_addr().expect("bound"));
    let accounts = Accounts::from_iter([mp_account(Currency::CLP)]);
    let simulator = mercado_pago::start(options, accounts).await.expect("started");
    let bench = bench(simulator, mp_client(&address, TOKEN), clock, Currency::CLP, shop);
    let nowhere =
        CreatePayment { notification_url: "http://127.0.0.1:1/hook".to_owned(), ..bench.order("r") };
    let made = bench.client.checkout(&nowhere).await.expect("made");
    let BuyerStep::Open { url } = made.step else { panic!("an address") };
    assert!(url.starts_with("https://pay.example/checkout/v1/redirect?pref_id=44444-"));
    bench.simulator.approve("r").expect("paid");
    let arrived = bench.arrived().await;
    assert_eq!(arrived.len(), 2);
    assert!(arrived.iter().all(|arrival| arrival.query.starts_with("for=all") && arrival.accepted));
}
