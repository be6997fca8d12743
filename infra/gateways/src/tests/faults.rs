//! Every fault, at each gateway.

use std::time::Duration;

use super::common::at_each;
use super::*;
use crate::Faults;

/// Genuine, forged, and how many of each.
fn sorted(arrived: Vec<Arrival>) -> (Vec<Arrival>, Vec<WebhookRefused>) {
    let (genuine, forged): (Vec<_>, Vec<_>) =
        arrived.into_iter().partition(|arrival| arrival.verdict.is_ok());
    (genuine, forged.into_iter().filter_map(|arrival| arrival.verdict.err()).collect())
}

async fn repeated_notifications<G: PaymentGateway>(bench: Bench<G>) {
    let faults = Faults { duplicate_webhooks: 10, reorder_ms: 3, seed: 1, ..Faults::default() };
    bench.simulator.set_faults(faults).expect("in bounds");
    let id = bench.pay("r").await;
    let arrived = bench.arrived().await;
    let about =
        |arrival: &&Arrival| payment_of(&arrival.verdict.as_ref().expect("genuine").subject) == Some(&id);
    let copies: Vec<_> = arrived.iter().filter(about).collect();
    assert_eq!(copies.len(), 11);
    assert!(copies.iter().all(|copy| copy.verdict == copies[0].verdict), "one notification");
}

async fn overtaking_notifications<G: PaymentGateway>(bench: Bench<G>) {
    let references: Vec<_> = (0..10).map(|n| format!("r{n}")).collect();
    for reference in &references {
        bench.open(reference).await;
    }
    let faults = Faults { delay_ms: 5, reorder_ms: 100, seed: 2, ..Faults::default() };
    bench.simulator.set_faults(faults).expect("in bounds");
    let pay = |reference: &String| bench.simulator.approve(reference).expect("paid").payment_id;
    let sent: Vec<_> = references.iter().map(pay).collect();
    let heard = bench.heard_of().await;
    assert!(heard.len() == 10 && heard != sent, "all, in another order");
    assert!(sent.iter().all(|id| heard.contains(id)));
}

async fn lost_notifications<G: PaymentGateway>(bench: Bench<G>) {
    bench.simulator.set_faults(Faults { drop_webhooks: 100, ..Faults::default() }).expect("in bounds");
    let id = bench.pay("r").await;
    assert!(bench.arrived().await.is_empty());
    let found = bench.client.payments_of("r").await.expect("listed");
    assert_eq!((found[0].payment_id.as_str(), found[0].status), (id.as_str(), PaymentStatus::Approved));
}

async fn forged_notifications<G: PaymentGateway>(bench: Bench<G>) {
    bench.simulator.set_faults(Faults { forged_webhooks: 100, ..Faults::default() }).expect("in bounds");
    bench.pay("r").await;
    let (genuine, forged) = sorted(bench.arrived().await);
    assert!(!forged.is_empty() && genuine.len() == forged.len());
    assert!(forged.iter().all(|refused| *refused == WebhookRefused::Mismatch), "{forged:?}");
    assert_eq!(bench.simulator.notifications_to_repeat(), 0, "they are sent once");
}

/// Whatever happens to questions, who asks often enough hears the truth.
async fn questions_in_trouble<G: PaymentGateway>(bench: Bench<G>) {
    let id = bench.pay("r").await;
    let faults = [
        Faults { read_500: 60, ..Faults::default() },
        Faults { busy: 60, ..Faults::default() },
        Faults { lost_answers: 60, ..Faults::default() },
    ];
    for faults in faults {
        bench.simulator.set_faults(Faults { seed: 5, ..faults }).expect("in bounds");
        let mut unanswered = 0;
        for _ in 0..20 {
            match bench.client.payments_of("r").await {
                Ok(found) => assert_eq!(found[0].payment_id, id),
                Err(error) => {
                    assert!(error.may_be_repeated(), "{error}");
                    unanswered += 1;
                }
            }
        }
        assert!((1..20).contains(&unanswered), "{faults:?}: {unanswered}");
    }
    // Slow, but not too slow.
    let slow = Faults { timeouts: 100, timeout_ms: 20, ..Faults::default() };
    bench.simulator.set_faults(slow).expect("in bounds");
    assert_eq!(bench.status(&id).await, PaymentStatus::Approved);
    // A gateway that wants to be left alone for an hour is.
    let busy = Faults { busy: 100, busy_seconds: 3600, ..Faults::default() };
    bench.simulator.set_faults(busy).expect("in bounds");
    let pause = match bench.client.payments_of("r").await {
        Err(GatewayError::Unavailable { retry_after, .. }) => retry_after,
        other => panic!("{other:?}"),
    };
    assert_eq!(pause, Some(Duration::from_secs(3600)));
    bench.simulator.set_faults(Faults { busy: 101, ..Faults::default() }).expect_err("a share");
}

/// A page that could not be opened can be opened again, and is the same checkout.
async fn checkouts_in_trouble<G: PaymentGateway>(bench: Bench<G>) {
    let faults = Faults { create_500: 60, seed: 4, ..Faults::default() };
    bench.simulator.set_faults(faults).expect("in bounds");
    let mut failed = 0;
    for n in 0..10 {
        let order = bench.order(&format!("r{n}"));
        // The client has its own retries where it makes the call itself.
        while let Err(error) = attempt(&bench, &order).await {
            failed += 1;
            assert!(failed < 100, "{error}");
        }
    }
    assert!(failed > 0, "the faults were there");
    for n in 0..10 {
        let reference = format!("r{n}");
        bench.simulator.approve(&reference).expect("paid");
        let found = bench.client.payments_of(&reference).await.expect("listed");
        assert_eq!(found.len(), 1, "one payment, whatever went wrong before");
    }
}

async fn attempt<G: PaymentGateway>(bench: &Bench<G>, order: &CreatePayment) -> Result<(), String> {
    let checkout = bench.client.checkout(order).await.map_err(|error| error.to_string())?;
    bench.simulator.visit(&checkout.step).await.map(drop)
}

at_each![
    repeated_notifications,
    overtaking_notifications,
    lost_notifications,
    forged_notifications,
    questions_in_trouble,
    checkouts_in_trouble,
];

/// How often a notification comes, and when, to a shop that is down.
async fn tries<G: PaymentGateway>(bench: &Bench<G>) -> Vec<u64> {
    bench.simulator.set_faults(Faults { delay_ms: 1, ..Faults::default() }).expect("in bounds");
    lock(&bench.shop.moods).extend([503; 200]);
    bench.pay("r").await;
    let mut minutes = Vec::new();
    let payment = |arrivals: Vec<Arrival>| {
        let about_payments = arrivals.into_iter().filter(|arrival| {
            assert!(!arrival.accepted);
            payment_of(&arrival.verdict.as_ref().expect("genuine").subject).is_some()
        });
        about_payments.count()
    };
    let mut passed = 0;
    while passed < 48 * 60 {
        minutes.extend(vec![passed; payment(bench.arrived().await)]);
        bench.clock.advance(Duration::from_secs(300));
        passed += 5;
    }
    assert_eq!(bench.simulator.notifications_to_repeat(), 0, "given up");
    minutes
}

#[tokio::test]
async fn notifications_come_again_as_the_real_gateways_send_them() {
    let bench = mercado_pago_bench(Wanted::default()).await;
    assert_eq!(tries(&bench).await, [0, 15, 30, 45, 105, 465, 1905]);
    let bench = wompi_bench(Wanted::default()).await;
    assert_eq!(tries(&bench).await, [0, 30, 210, 1650]);
    let bench = payu_bench(Wanted::default()).await;
    assert_eq!(tries(&bench).await, [0, 5, 15, 35, 75, 155, 315, 635, 1275]);
}

#[tokio::test]
async fn notifications_come_again_until_they_are_accepted() {
    let bench = wompi_bench(Wanted::default()).await;
    // Only 200 will do.
    lock(&bench.shop.moods).extend([201, 500]);
    bench.pay("r").await;
    assert_eq!(bench.arrived().await.len(), 1);
    bench.seconds_pass(1800);
    assert_eq!(bench.arrived().await.len(), 1);
    bench.seconds_pass(3 * 3600);
    let last = bench.arrived().await;
    assert!(last.len() == 1 && last[0].accepted);
    bench.seconds_pass(24 * 3600);
    assert!(bench.arrived().await.is_empty());
}

#[tokio::test]
async fn retries_may_be_soon() {
    let wanted = Wanted { retry_backoff: Some(Duration::from_millis(1)), ..Wanted::default() };
    let bench = payu_bench(wanted).await;
    lock(&bench.shop.moods).extend([500; 8]);
    bench.pay("a").await;
    assert_eq!(bench.arrived().await.len(), 9, "the ninth is accepted");
    lock(&bench.shop.moods).extend([500; 9]);
    bench.pay("b").await;
    assert_eq!(bench.arrived().await.len(), 9, "and there is no tenth");
}

#[tokio::test]
async fn the_same_seed_has_the_same_faults() {
    let run = async || {
        let bench = wompi_bench(Wanted::default()).await;
        let faults =
            Faults { drop_webhooks: 30, duplicate_webhooks: 1, read_500: 30, seed: 9, ..Faults::default() };
        bench.simulator.set_faults(faults).expect("in bounds");
        let mut outcomes = Vec::new();
        for n in 0..20 {
            bench.pay(&format!("r{n}")).await;
            let url = format!("{}/v1/merchants/{}", bench.simulator.url(), wompi_account(None).public_key);
            let asked = bench.browser.get(url).send().await.expect("an answer").status().as_u16();
            outcomes.push((bench.arrived().await.len(), asked));
        }
        outcomes
    };
    let outcomes = run().await;
    assert_eq!(outcomes, run().await);
    for outcome in [(0, 200), (2, 200), (0, 500), (2, 500)] {
        assert!(outcomes.contains(&outcome), "{outcomes:?}");
    }
}
