use super::*;

#[tokio::test]
async fn refunds_are_hidden_until_somebody_looked() {
    let bench = start().await;
    let whole = bench.price().amount;
    let id = bench.pay("r").await;
    let early = bench.ask("payments-api", &refund_request(&id, "REFUND", None)).await;
    assert!(early["error"].as_str().is_some_and(|error| error.contains("too new")), "{early}");
    assert!(matches!(bench.refund(&id, whole).await, Err(GatewayError::TooEarly { .. })), "the client knows");
    bench.seconds_pass(TEN_MINUTES);
    bench.arrived().await;
    let report = bench.refund(&id, whole).await.expect("taken");
    let order = bench.simulator.purchase("r").expect("there").number.to_string();
    assert_eq!((report.status, report.refund_id.as_str()), (RefundStatus::Pending, order.as_str()));
    let before = bench.report(&id).await;
    assert_eq!((before.status, before.refunded.amount), (PaymentStatus::Approved, 0));
    let refund = bench.simulator.refunds_in_review().expect("listed").remove(0).id;
    assert!(matches!(bench.client.refund_report(&id, &refund).await, Err(GatewayError::NotFound)));
    assert_eq!(bench.client.refund_report(&id, &order).await.expect("asked"), report, "by its order");

    bench.review(false);
    assert_eq!(bench.status(&id).await, PaymentStatus::Approved);
    for known in [&refund, &order] {
        let report = bench.client.refund_report(&id, known).await.expect("known");
        assert_eq!((&report.refund_id, report.status), (known, RefundStatus::Declined));
    }
    bench.refund(&id, whole).await.expect("taken again");
    bench.review(true);
    let after = bench.report(&id).await;
    assert_eq!((after.status, after.refunded), (PaymentStatus::Refunded, bench.price()));
    assert_eq!(bench.refund(&id, whole).await.expect("known").status, RefundStatus::Done);
    assert!(bench.arrived().await.is_empty(), "nobody confirms refunds");
}

#[tokio::test]
async fn refunds_may_be_reviewed_by_the_clock() {
    let bench =
        payu_bench(Wanted { review_after: Some(Duration::from_secs(3600)), ..Wanted::default() }).await;
    let id = bench.pay("r").await;
    bench.seconds_pass(TEN_MINUTES);
    bench.refund(&id, 100_000).await.expect("taken");
    bench.seconds_pass(3500);
    assert_eq!(bench.report(&id).await.refunded.amount, 0);
    bench.seconds_pass(100);
    let report = bench.report(&id).await;
    assert_eq!((report.status, report.refunded.amount), (PaymentStatus::Approved, 100_000));
    assert_eq!(
        report.reason.as_deref(),
        Some("REFUNDED, APPROVED: APPROVED"),
        "a part makes the order refunded"
    );
}

fn refund_request(id: &str, kind: &str, value: Option<&str>) -> Value {
    let (order, transaction) = id.split_once('_').expect("two ids");
    let mut details =
        json!({ "order": { "id": order }, "type": kind, "reason": "x", "parentTransactionId": transaction });
    if let Some(value) = value {
        details["additionalValues"] = json!({ "TX_VALUE": { "value": value, "currency": "COP" } });
    }
    request("SUBMIT_TRANSACTION", "transaction", &details)
}

#[tokio::test]
async fn nothing_keeps_a_refund_from_being_asked_for_twice() {
    let bench = start().await;
    let id = bench.pay("r").await;
    bench.seconds_pass(TEN_MINUTES);
    for _ in 0..2 {
        let answer =
            bench.ask("payments-api", &refund_request(&id, "PARTIAL_REFUND", Some("10000.00"))).await;
        let response = &answer["transactionResponse"];
        assert_eq!((&answer["code"], &response["state"]), (&"SUCCESS".into(), &"PENDING".into()), "{answer}");
        assert!(response["transactionId"].is_null());
    }
    for refund in bench.simulator.refunds_in_review().expect("listed") {
        bench.simulator.review_refund(&refund.id, true).expect("reviewed");
    }
    assert_eq!(bench.report(&id).await.refunded.amount, 2_000_000, "twice, as the real one would");
}

#[tokio::test]
async fn countries_have_rules() {
    let bench = start().await;
    let id = bench.pay("r").await;
    bench.seconds_pass(TEN_MINUTES);
    let refused = async |kind: &str, value: Option<&str>| {
        let answer = bench.ask("payments-api", &refund_request(&id, kind, value)).await;
        assert!(answer["transactionResponse"].is_null());
        format!(
            "{}: {}",
            answer["code"].as_str().expect("text"),
            answer["error"].as_str().unwrap_or_default()
        )
    };
    let amount = "ERROR: The amount is more than can be refunded, or too little";
    assert_eq!(refused("PARTIAL_REFUND", Some("99.99")).await, amount);
    assert_eq!(refused("PARTIAL_REFUND", Some("25000.51")).await, amount);
    assert_eq!(refused("PARTIAL_REFUND", Some("x")).await, "ERROR: The amount is invalid");
    assert_eq!(refused("PARTIAL_REFUND", None).await, "ERROR: additionalValues.TX_VALUE is missing");
    assert_eq!(refused("VOID", None).await, "ERROR: Only REFUND and PARTIAL_REFUND are supported");
    bench.refund(&id, 1_000_000).await.expect("taken");
    bench.review(true);
    let second = refused("PARTIAL_REFUND", Some("100.00")).await;
    assert_eq!(second, "ERROR: An order has one partial refund at most");
    assert_eq!(refused("REFUND", None).await, "ERROR: The order was refunded before");
    let old = bench.pay("s").await;
    bench.seconds_pass(358 * 24 * 3600);
    assert!(refusal(bench.refund(&old, bench.price().amount).await).contains("too old"));

    let bench = in_currency(Currency::ARS).await;
    let id = bench.pay("r").await;
    for (amount, before) in [(1_000_000, 0), (500_000, 1_000_000)] {
        bench.refund_after(&id, amount, before).await.expect("at once, and in many parts");
        bench.review(true);
    }
    assert_eq!(bench.report(&id).await.refunded.amount, 1_500_000);
    let centavos = bench.refund_after(&id, 100_050, 1_500_000).await;
    assert!(matches!(centavos, Err(GatewayError::Unsupported)), "the client knows");
    let centavos = {
        let mut request = refund_request(&id, "PARTIAL_REFUND", Some("1000.50"));
        request["transaction"]["additionalValues"]["TX_VALUE"]["currency"] = json!("ARS");
        bench.ask("payments-api", &request).await
    };
    assert_eq!(centavos["error"], "The amount must have no decimals");

    let bench = in_currency(Currency::CLP).await;
    let id = bench.pay("r").await;
    bench.refund(&id, bench.price().amount).await.expect("taken");
    bench.review(true);
    assert_eq!(bench.status(&id).await, PaymentStatus::Refunded);
}

#[tokio::test]
async fn a_refund_in_trouble_is_uncertain_and_not_repeated() {
    let bench = start().await;
    let faults =
        [Faults { refund_500: 100, ..Faults::default() }, Faults { lost_answers: 100, ..Faults::default() }];
    let mut taken = 0;
    for (n, faults) in (0..8).zip(faults.into_iter().cycle()) {
        let id = bench.pay(&format!("r{n}")).await;
        bench.seconds_pass(TEN_MINUTES);
        // Looking first must work, or nothing is asked for.
        let url = bench.simulator.url().to_owned();
        let request = refund_request(&id, "REFUND", None);
        bench.simulator.set_faults(Faults { seed: 31 * n, ..faults }).expect("in bounds");
        let answer = bench
            .browser
            .post(format!("{url}/payments-api/4.0/service.cgi"))
            .header(ACCEPT, "application/json")
            .json(&request)
            .send()
            .await;
        let answered = match answer {
            Ok(answer) => answer.status() == 200 && answer.bytes().await.is_ok(),
            Err(_) => false,
        };
        assert!(!answered);
        taken = bench.simulator.refunds_in_review().expect("listed").len();
        bench.simulator.set_faults(Faults::default()).expect("in bounds");
    }
    assert!((4..8).contains(&taken), "after the effect always or half the time: {taken}");

    let id = bench.pay("s").await;
    bench.seconds_pass(TEN_MINUTES);
    bench.simulator.set_faults(Faults { refund_500: 100, ..Faults::default() }).expect("in bounds");
    let error = bench.refund(&id, bench.price().amount).await.expect_err("unknown");
    assert!(matches!(error, GatewayError::Uncertain { .. }), "{error}");
}
