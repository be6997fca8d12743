use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use boot::Clock;
use domain::{Currency, Language, Money, Timestamp};
use futures::FutureExt;
use http::HeaderMap;
use outbound::{FAILURES, PAUSE, TRIAL};

use super::*;
use crate::{BuyerStep, PaymentStatus, Subject};

/// The result of a call.
#[derive(Debug, Clone, Copy)]
enum Scripted {
    Fine,
    Down,
    Refused,
    NotFound,
    Uncertain,
    Never,
}

/// A gateway all of whose calls have the scripted result.
#[derive(Debug)]
struct Fake {
    scripted: Mutex<Scripted>,
    calls: AtomicUsize,
}

impl Fake {
    fn answer<'a, T: Send + 'a>(&'a self, fine: T) -> Reply<'a, T> {
        Box::pin(async move {
            self.calls.fetch_add(1, Ordering::SeqCst);
            let scripted = *self.scripted.lock().expect("alive");
            let text = || "x".to_owned();
            match scripted {
                Scripted::Fine => Ok(fine),
                Scripted::Down => Err(GatewayError::Unavailable { retry_after: None, source: "x".into() }),
                Scripted::Refused => Err(GatewayError::Refused { code: text(), message: text() }),
                Scripted::NotFound => Err(GatewayError::NotFound),
                Scripted::Uncertain => Err(GatewayError::Uncertain { source: "x".into() }),
                Scripted::Never => std::future::pending().await,
            }
        })
    }
}

fn report() -> PaymentReport {
    let amount = Money::new(100, Currency::COP);
    PaymentReport::new("1".to_owned(), "r".to_owned(), PaymentStatus::Pending, amount)
}

fn refunded() -> RefundReport {
    RefundReport { refund_id: "2".to_owned(), status: crate::RefundStatus::Done }
}

impl PaymentGateway for Fake {
    fn name(&self) -> GatewayName {
        GatewayName::Wompi
    }

    fn checkout<'a>(&'a self, payment: &'a CreatePayment) -> Reply<'a, Checkout> {
        let step = BuyerStep::Open { url: "https://pay.example/1".to_owned() };
        let expires_at = payment.expires_at;
        self.answer(Checkout { payment_id: None, step, is_repeatable: true, keeps_fee: false, expires_at })
    }

    fn verify_webhook(&self, _: &WebhookRequest<'_>) -> Result<Notification, WebhookRefused> {
        let subject = Subject::Unknown { kind: "x".to_owned() };
        Ok(Notification { id: "1".to_owned(), subject })
    }

    fn payment<'a>(&'a self, _: &'a str) -> Reply<'a, PaymentReport> {
        self.answer(report())
    }

    fn payments_of<'a>(&'a self, _: &'a str) -> Reply<'a, Vec<PaymentReport>> {
        self.answer(vec![report()])
    }

    fn payments_behind<'a>(&'a self, _: &'a PaymentHint) -> Reply<'a, Vec<PaymentReport>> {
        self.answer(vec![report(), report()])
    }

    fn refund<'a>(&'a self, _: &'a RefundPayment) -> Reply<'a, RefundReport> {
        self.answer(refunded())
    }

    fn refund_report<'a>(&'a self, _: &'a str, _: &'a str) -> Reply<'a, RefundReport> {
        self.answer(refunded())
    }

    fn check_credentials(&self) -> Reply<'_, CredentialCheck> {
        self.answer(CredentialCheck::Accepted { account: None })
    }
}

struct Bench {
    fake: Arc<Fake>,
    guarded: Guarded,
    clock: Clock,
}

impl Bench {
    /// Asserts that a pause began within the last second: the clock runs on while a test does.
    fn has_just_paused(&self) {
        let left = self.guarded.breaker().pause().expect("a pause");
        assert!(PAUSE - Duration::from_secs(1) < left && left <= PAUSE, "{left:?}");
    }

    fn new() -> Self {
        let clock = Clock::movable();
        let fake = Arc::new(Fake { scripted: Mutex::new(Scripted::Fine), calls: AtomicUsize::new(0) });
        let breaker = Arc::new(Breaker::new(clock.clone()));
        Self { guarded: Guarded::new(Arc::clone(&fake) as _, breaker), fake, clock }
    }

    /// Scripts the calls from now on.
    fn set(&self, scripted: Scripted) {
        *self.fake.scripted.lock().expect("alive") = scripted;
    }

    async fn ask(&self, scripted: Scripted) -> Result<PaymentReport> {
        self.set(scripted);
        self.guarded.payment("1").await
    }

    fn calls(&self) -> usize {
        self.fake.calls.load(Ordering::SeqCst)
    }

    /// Fails until the gateway is not called any more.
    async fn open(&self) {
        for _ in 0..FAILURES {
            self.ask(Scripted::Down).await.expect_err("down");
        }
        self.has_just_paused();
    }

    /// As [`Bench::open`], and the pause is over.
    async fn half_open(&self) {
        self.open().await;
        self.clock.advance(PAUSE);
    }

    /// True if calls reach the gateway.
    async fn reaches(&self) -> bool {
        let before = self.calls();
        let _ = self.ask(Scripted::NotFound).await;
        self.calls() > before
    }
}

fn pause_of<T>(result: Result<T>) -> Option<Duration> {
    match result {
        Err(GatewayError::Unavailable { retry_after, .. }) => retry_after,
        _ => None,
    }
}

fn payment() -> CreatePayment {
    CreatePayment {
        reference: "r".to_owned(),
        amount: Money::new(100, Currency::COP),
        seller: "Los Faroles".to_owned(),
        description: "2 × Los Faroles".to_owned(),
        buyer_email: "ana@example.com".to_owned(),
        buyer_name: "Ana Pérez".to_owned(),
        expires_at: Timestamp::MAX,
        cash_until: None,
        max_installments: None,
        marketplace_fee: None,
        return_url: "https://boletos.example/".to_owned(),
        notification_url: "https://boletos.example/".to_owned(),
        idempotency_key: "k".to_owned(),
        language: Language::Es,
    }
}

#[tokio::test]
async fn a_silent_gateway_is_left_alone_for_a_while() {
    let bench = Bench::new();
    bench.open().await;
    bench.clock.advance(PAUSE / 3);
    let calls = bench.calls();
    let pause = pause_of(bench.ask(Scripted::Fine).await).expect("a pause");
    assert!(pause <= PAUSE * 2 / 3 && pause > PAUSE / 2, "{pause:?}");
    assert_eq!(bench.calls(), calls, "the gateway was not called");
    bench.clock.advance(PAUSE);
    bench.ask(Scripted::Fine).await.expect("back again");
    assert_eq!(bench.guarded.breaker().pause(), None);
}

#[tokio::test]
async fn only_failures_in_a_row_count() {
    let bench = Bench::new();
    for answer in [Scripted::Fine, Scripted::Refused] {
        for _ in 1..FAILURES {
            bench.ask(Scripted::Down).await.expect_err("down");
        }
        let _ = bench.ask(answer).await;
        assert!(bench.reaches().await);
    }
    // An error that may come from our side is no sign of life, and no failure either.
    for nothing in [Scripted::NotFound, Scripted::Uncertain, Scripted::Down] {
        assert!(bench.reaches().await);
        let _ = bench.ask(nothing).await;
        for _ in 2..FAILURES {
            let _ = bench.ask(nothing).await;
        }
    }
    assert!(bench.reaches().await);
    bench.ask(Scripted::Down).await.expect_err("the fifth in a row");
    assert!(!bench.reaches().await);
}

#[tokio::test]
async fn one_trial_at_a_time_finds_out_whether_the_gateway_is_back() {
    let bench = Bench::new();
    bench.half_open().await;
    bench.set(Scripted::Never);
    let mut trial = bench.guarded.payment("1");
    assert!((&mut trial).now_or_never().is_none(), "it waits");
    assert_eq!(pause_of(bench.ask(Scripted::Fine).await), Some(TRIAL));
    assert_eq!(bench.guarded.breaker().pause(), Some(TRIAL));
    // A caller that waits no longer makes way.
    drop(trial);
    assert!(bench.reaches().await);
    bench.ask(Scripted::Fine).await.expect("back again");
}

#[tokio::test]
async fn a_trial_that_fails_begins_another_pause() {
    let bench = Bench::new();
    bench.half_open().await;
    bench.ask(Scripted::Down).await.expect_err("still down");
    bench.has_just_paused();
    bench.clock.advance(PAUSE);
    // Neither the one nor the other: the next is a trial as well.
    bench.ask(Scripted::NotFound).await.expect_err("no such payment");
    bench.ask(Scripted::Down).await.expect_err("still down");
    bench.has_just_paused();
}

#[tokio::test]
async fn what_was_asked_before_the_pause_does_not_end_it() {
    let bench = Bench::new();
    let early = bench.guarded.breaker().enter().expect("closed");
    let other = bench.guarded.breaker().enter().expect("closed");
    bench.half_open().await;
    bench.ask(Scripted::NotFound).await.expect_err("no such payment");
    assert!(!early.note(Outcome::Answered) && !other.note(Outcome::Unanswered));
    // One failure is enough, and was not counted yet.
    bench.ask(Scripted::Down).await.expect_err("still down");
    assert!(!bench.reaches().await);
}

#[tokio::test]
async fn a_page_that_was_signed_here_is_no_sign_of_life() {
    let bench = Bench::new();
    for _ in 1..FAILURES {
        bench.ask(Scripted::Down).await.expect_err("down");
    }
    bench.set(Scripted::Fine);
    bench.guarded.checkout(&payment()).await.expect("a page");
    bench.ask(Scripted::Down).await.expect_err("the fifth in a row");
    bench.set(Scripted::Fine);
    assert!(pause_of(bench.guarded.checkout(&payment()).await).is_some(), "no buyer is sent there");
    bench.clock.advance(PAUSE);
    bench.guarded.checkout(&payment()).await.expect("a page");
    bench.ask(Scripted::Down).await.expect_err("one is enough");
    bench.has_just_paused();
}

#[tokio::test]
async fn everything_but_notifications_waits() {
    let bench = Bench::new();
    let hint = PaymentHint::Chargeback { id: "1".to_owned() };
    let refund = RefundPayment {
        payment_id: "1".to_owned(),
        amount: Money::new(1, Currency::COP),
        paid: Money::new(1, Currency::COP),
        refunded_before: Money::new(0, Currency::COP),
        idempotency_key: "k".to_owned(),
        may_have_been_asked: false,
    };
    let payment = payment();
    let gateway = &bench.guarded;
    for open in [false, true] {
        if open {
            bench.open().await;
            bench.set(Scripted::Fine);
        }
        let before = bench.calls();
        let all = [
            gateway.checkout(&payment).await.is_ok(),
            gateway.payment("1").await.is_ok_and(|found| found == report()),
            gateway.payments_of("r").await.is_ok_and(|found| found.len() == 1),
            gateway.payments_behind(&hint).await.is_ok_and(|found| found.len() == 2),
            gateway.refund(&refund).await.is_ok(),
            gateway.refund_report("1", "2").await.is_ok(),
            gateway.check_credentials().await.is_ok(),
        ];
        assert_eq!(all, [!open; 7]);
        assert_eq!(bench.calls() - before, if open { 0 } else { 7 });
        let headers = HeaderMap::new();
        let request = WebhookRequest { headers: &headers, query: "", body: b"", received_at: Timestamp::MAX };
        assert_eq!(gateway.verify_webhook(&request).expect("believed").id, "1");
        assert_eq!(gateway.name(), GatewayName::Wompi);
    }
}

#[tokio::test]
async fn a_probe_waits_as_long_as_it_is_told_and_counts() {
    let bench = Bench::new();
    bench.set(Scripted::Never);
    for _ in 0..FAILURES {
        let late = bench.guarded.probe(Duration::from_millis(1)).await.expect_err("late");
        assert!(late.may_be_repeated());
    }
    bench.set(Scripted::Fine);
    assert!(pause_of(bench.guarded.probe(Duration::from_secs(2)).await).is_some());
    bench.clock.advance(PAUSE);
    bench.guarded.probe(Duration::from_secs(2)).await.expect("an answer");
    assert!(bench.reaches().await);
}
