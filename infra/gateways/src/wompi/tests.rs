use payments::wompi::{WompiGateway, event_checksum};
use payments::{BuyerStep, GatewayError, PaymentGateway, PaymentStatus, RefundStatus, Subject};
use serde_json::Value;

use super::Account;
use crate::tests::{Bench, Wanted, payment_of, wompi_account, wompi_bench, wompi_client};
use crate::{Action, Faults, Method, Status, lock};

async fn start() -> Bench<WompiGateway> {
    wompi_bench(Wanted::default()).await
}

impl Bench<WompiGateway> {
    /// Calls the API without the client.
    async fn call(&self, path: &str, key: &str, body: Option<&str>) -> (u16, Value) {
        let url = format!("{}{path}", self.simulator.url());
        let request = match body {
            Some(body) => self.browser.post(url).body(body.to_owned()),
            None => self.browser.get(url),
        };
        let answer = request.bearer_auth(key).send().await.expect("an answer");
        let status = answer.status().as_u16();
        (status, answer.json().await.expect("JSON"))
    }

    async fn address(&self, reference: &str) -> String {
        match self.client.checkout(&self.order(reference)).await.expect("a checkout").step {
            BuyerStep::Open { url } => url,
            BuyerStep::Post { .. } => panic!("an address"),
        }
    }

    async fn open_address(&self, url: String) -> Result<String, String> {
        self.simulator.visit(&BuyerStep::Open { url }).await
    }
}

#[tokio::test]
async fn addresses_are_good_as_they_are_signed_and_no_other() {
    let bench = start().await;
    let url = bench.address("r").await;
    let page = bench.open_address(url.clone()).await.expect("a page");
    assert_eq!(bench.open_address(url.clone()).await.expect("the same"), page);
    assert_eq!(bench.simulator.purchases().expect("listed").len(), 1);
    for (from, to, why) in [
        ("amount-in-cents=2500050", "amount-in-cents=2500049", "La firma es inválida."),
        ("amount-in-cents=2500050", "amount-in-cents=1.5", "El monto no es válido."),
        ("amount-in-cents=2500050", "amount-in-cents=0", "El monto no es válido."),
        ("reference=r", "reference=s", "La firma es inválida."),
        ("reference=r&", "", "La referencia no es válida."),
        ("currency=COP", "currency=USD", "La moneda debe ser COP."),
        ("expiration-time=20", "expiration-time=21", "La firma es inválida."),
        ("signature%3Aintegrity", "other", "La firma es inválida."),
        ("public-key=", "public-key=x", "La llave pública no existe."),
        ("currency=COP", "currency=COP&currency=COP", "Un parámetro está repetido."),
        ("redirect-url=http", "redirect-url=javascript", "La URL de redirección no es válida."),
    ] {
        let wrong = url.replacen(from, to, 1);
        assert_ne!(wrong, url, "{from}");
        let said = bench.open_address(wrong).await.expect_err("refused");
        assert!(said.contains(why), "{from}: {said}");
    }
    // Another amount, signed, under a reference that is taken.
    let dearer =
        payments::CreatePayment { amount: domain::Money::new(9_999_999, bench.currency), ..bench.order("r") };
    let said = bench.visit(&dearer).await.expect_err("refused");
    assert!(said.contains("La referencia ya ha sido usada."), "{said}");
}

#[tokio::test]
async fn nobody_pays_after_the_expiry_but_who_began_before() {
    let bench = start().await;
    let (known, unknown) = (bench.address("a").await, bench.address("b").await);
    bench.open_address(known.clone()).await.expect("a page");
    let late = bench.simulator.act("a", Action::Begin(Method::Bank)).expect("begun").payment_id;
    bench.seconds_pass(9 * 60);
    bench.open_address(known).await.expect("its page says how it stands");
    let said = bench.open_address(unknown).await.expect_err("too late");
    assert!(said.contains("El plazo para pagar terminó."), "{said}");
    bench.simulator.act("a", Action::Begin(Method::Card)).expect_err("too late");
    bench.simulator.approve(&late).expect("its bank was slow");
    assert_eq!(bench.status(&late).await, PaymentStatus::Approved);
}

#[tokio::test]
async fn card_payments_are_voided_on_their_day() {
    let bench = start().await;
    let whole = bench.price().amount;
    let id = bench.pay("a").await;
    bench.arrived().await;
    assert!(matches!(bench.refund(&id, whole - 1).await, Err(GatewayError::Unsupported)), "no parts");
    let report = bench.refund(&id, whole).await.expect("voided");
    assert_eq!((report.refund_id.as_str(), report.status), (id.as_str(), RefundStatus::Done));
    assert_eq!(bench.refund(&id, whole).await.expect("voided already"), report);
    assert_eq!(bench.client.refund_report(&id, &report.refund_id).await.expect("known"), report);
    assert_eq!(bench.heard_of().await, std::slice::from_ref(&id));
    let after = bench.report(&id).await;
    assert_eq!((after.status, after.refunded), (PaymentStatus::Refunded, bench.price()));

    let old = bench.pay("b").await;
    bench.seconds_pass(24 * 3600);
    assert!(matches!(bench.refund(&old, whole).await, Err(GatewayError::Unsupported)), "another day");
    let nequi = {
        bench.open("c").await;
        bench.simulator.act("c", Action::Decide(Method::Wallet, Status::Approved)).expect("paid").payment_id
    };
    assert!(matches!(bench.refund(&nequi, whole).await, Err(GatewayError::Unsupported)), "no card");
    let private = wompi_account(None).private_key;
    for (id, body) in [(&old, "{}"), (&nequi, "{}"), (&id, "{}")] {
        let (status, answer) = bench.call(&format!("/v1/transactions/{id}/void"), &private, Some(body)).await;
        assert_eq!((status, &answer["error"]["type"]), (422, &"INPUT_VALIDATION_ERROR".into()), "{answer}");
    }
    let fresh = bench.pay("d").await;
    let path = format!("/v1/transactions/{fresh}/void");
    let part = bench.call(&path, &private, Some(r#"{"amount_in_cents":100}"#)).await;
    assert_eq!(part.0, 422, "a part is no void");
    assert_eq!(bench.call(&path, &wompi_account(None).public_key, Some("{}")).await.0, 401);
    assert_eq!(bench.call("/v1/transactions/1-1-1/void", &private, Some("{}")).await.0, 404);
    assert_eq!(bench.call(&path, &private, Some("")).await.0, 201);
}

#[tokio::test]
async fn what_support_gives_back_stays_invisible() {
    let bench = start().await;
    let voided = bench.pay("s").await;
    bench.arrived().await;
    bench.simulator.refund_at_gateway(&voided, None).expect("voided on its pages");
    assert_eq!(bench.heard_of().await, std::slice::from_ref(&voided));
    assert_eq!(bench.status(&voided).await, PaymentStatus::Refunded);

    let id = bench.pay("r").await;
    bench.arrived().await;
    bench.seconds_pass(24 * 3600);
    bench.simulator.refund_at_gateway(&id, None).expect("paid back by hand");
    assert!(bench.arrived().await.is_empty());
    assert_eq!(bench.status(&id).await, PaymentStatus::Approved);
    assert_eq!(bench.simulator.purchase(&id).expect("there").attempts[0].refunded(), bench.price().amount);
    bench.simulator.charge_back(&id).expect_err("Wompi tells nothing of disputes");
}

#[tokio::test]
async fn a_void_in_trouble_is_found_out_about() {
    let bench = start().await;
    let faults = Faults { refund_500: 50, lost_answers: 30, seed: 6, ..Faults::default() };
    let mut unanswered = 0;
    for n in 0..10 {
        let id = bench.pay(&format!("r{n}")).await;
        bench.simulator.set_faults(Faults { seed: faults.seed + n, ..faults }).expect("in bounds");
        while let Err(error) = bench.refund(&id, bench.price().amount).await {
            assert!(error.may_be_repeated(), "{error}");
            unanswered += 1;
        }
        bench.simulator.set_faults(Faults::default()).expect("in bounds");
        assert_eq!(bench.status(&id).await, PaymentStatus::Refunded);
    }
    assert!(unanswered > 0, "the faults were there");
}

#[tokio::test]
async fn every_status_is_understood() {
    let bench = start().await;
    let mut table = Vec::new();
    let mut note = async |reference: &str, method, status| {
        bench.open(reference).await;
        let action = match status {
            Status::Pending => Action::Begin(method),
            status => Action::Decide(method, status),
        };
        let id = bench.simulator.act(reference, action).expect("done").payment_id;
        let report = bench.report(&id).await;
        table.push(format!("{} -> {:?}", report.reason.expect("said"), report.status));
    };
    note("a", Method::Bank, Status::Pending).await;
    note("b", Method::Bank, Status::Approved).await;
    note("c", Method::Card, Status::Declined).await;
    note("d", Method::Card, Status::Failed).await;
    note("e", Method::Wallet, Status::Cancelled).await;
    note("f", Method::Bank, Status::Expired).await;
    insta::assert_snapshot!(table.join("\n"), @r"
    PENDING:  -> Pending
    APPROVED:  -> Approved
    DECLINED: Fondos insuficientes -> Declined
    ERROR: Error en el procesador -> Declined
    DECLINED: El usuario canceló -> Declined
    ERROR: La transacción expiró -> Declined
    ");
}

#[tokio::test]
async fn events_are_sent_of_what_is_decided_and_come_in_all_forms() {
    let bench = start().await;
    let secret = wompi_account(None).events_secret;
    let mut forms = std::collections::BTreeSet::new();
    for n in 0..24 {
        let reference = format!("r{n}");
        bench.open(&reference).await;
        bench.simulator.act(&reference, Action::Begin(Method::Card)).expect("begun");
        assert!(bench.arrived().await.is_empty(), "nothing is decided");
        bench.simulator.approve(&reference).expect("paid");
        let arrived = bench.arrived().await;
        assert_eq!(arrived.len(), 1);
        let event: Value = serde_json::from_slice(&arrived[0].body).expect("JSON");
        let stated = event["signature"]["checksum"].as_str().expect("text");
        assert_eq!(arrived[0].header("x-event-checksum"), stated);
        let properties: Vec<_> = event["signature"]["properties"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|property| property.as_str().expect("text").to_owned())
            .collect();
        // The client's own helper signs the same.
        let values = properties.iter().map(|path| {
            let value = event["data"].pointer(&format!("/{}", path.replace('.', "/"))).expect("there");
            value.as_str().map_or_else(|| value.to_string(), str::to_owned)
        });
        let timestamp = event["timestamp"].to_string();
        let expected = hex::encode(event_checksum(values, &timestamp, &secret));
        assert_eq!(stated.to_lowercase(), expected);
        assert_eq!(event["environment"], "test");
        forms.insert((properties, stated == expected));
    }
    assert_eq!(forms.len(), 6, "{forms:?}");
}

#[tokio::test]
async fn repeated_events_are_the_same_with_their_old_time() {
    let bench = start().await;
    lock(&bench.shop.moods).extend([500; 3]);
    bench.pay("r").await;
    let first = bench.arrived().await.remove(0);
    for pause in [1800, 3 * 3600, 24 * 3600] {
        bench.seconds_pass(pause);
        let again = bench.arrived().await.remove(0);
        assert_eq!((&again.body, &again.verdict), (&first.body, &first.verdict));
    }
}

#[tokio::test]
async fn nequi_causes_an_event_that_is_about_no_payment() {
    let bench = start().await;
    bench.open("r").await;
    let id =
        bench.simulator.act("r", Action::Decide(Method::Wallet, Status::Approved)).expect("paid").payment_id;
    let mut subjects: Vec<_> =
        bench.arrived().await.into_iter().map(|arrival| arrival.verdict.expect("genuine").subject).collect();
    subjects.sort_by_key(|subject| format!("{subject:?}"));
    assert_eq!(subjects[1], Subject::Unknown { kind: "nequi_token.updated".to_owned() });
    assert_eq!((payment_of(&subjects[0]), subjects.len()), (Some(id.as_str()), 2));
}

#[tokio::test]
async fn keys_open_what_they_should_and_merchants_see_nothing_of_each_other() {
    let bench = start().await;
    let id = bench.pay("r").await;
    let Account { public_key, private_key, .. } = wompi_account(None);
    let (transaction, list) = (format!("/v1/transactions/{id}"), "/v1/transactions?reference=r");
    for (path, key, expected) in [
        (transaction.as_str(), public_key.as_str(), 200),
        (&transaction, &private_key, 200),
        (&transaction, "pub_test_unknown", 401),
        (&transaction, "pub_test_somebodyelse", 404),
        (list, &private_key, 200),
        (list, &public_key, 401),
        ("/v1/transactions", &private_key, 422),
        ("/v1/transactions/none", &private_key, 404),
        ("/v1/merchants/none", &private_key, 404),
    ] {
        let (status, answer) = bench.call(path, key, None).await;
        assert_eq!(status, expected, "{path} {key}");
        assert_eq!(answer.get("error").is_some(), status != 200);
    }
    let (_, refused) = bench.call(list, &public_key, None).await;
    assert_eq!(refused["error"]["type"], "INVALID_ACCESS_TOKEN");
    let stranger = Account {
        public_key: "pub_test_somebodyelse".to_owned(),
        private_key: "prv_test_somebodyelse".to_owned(),
        ..wompi_account(None)
    };
    let stranger = wompi_client(bench.simulator.url(), &stranger);
    assert!(matches!(stranger.payment(&id).await, Err(GatewayError::NotFound)));
    assert_eq!(stranger.payments_of("r").await.expect("listed"), []);
}
