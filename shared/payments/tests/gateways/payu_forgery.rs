//! Confirmations that buyers make of PayU's return page, and other ways to have one
//! order's money pay for another.

use payments::payu::{Algorithm, SignatureKeys};
use payments::{
    Dispute, GatewayError, PaymentGateway, PaymentHint, PaymentReport, PaymentStatus, SignedReference,
    Subject,
};
use serde_json::{Value, json};

use crate::payu::{APPROVED, confirm, gateway, with};
use crate::stub::{Stub, fixture};

/// A cheap payment of another order, which really was approved.
const CHEAP: &str = "99999999-540d-4579-96f7-2a4b8c65a951";

/// An answer with one order.
fn order(status: Option<&str>, transactions: &[Value]) -> String {
    let order = json!({
        "id": 857_695_047,
        "status": status,
        "referenceCode": "ref-1",
        "transactions": transactions,
        "additionalValues": {"TX_VALUE": {"value": 95_000, "currency": "COP"}},
    });
    json!({"code": "SUCCESS", "error": null, "result": {"payload": order}}).to_string()
}

/// A transaction; `what` is its type, and its parent after a `<`.
fn transaction(id: &str, what: &str, state: &str) -> Value {
    let (kind, parent) = what.split_once('<').unwrap_or((what, ""));
    let word = |word: &str| (!word.is_empty()).then(|| word.to_owned());
    json!({
        "id": id,
        "type": word(kind),
        "parentTransactionId": word(parent),
        "transactionResponse": {"state": state, "responseCode": state, "operationDate": 1_795_186_800_123_i64},
    })
}

fn paid(id: &str, state: &str) -> Value {
    transaction(id, "AUTHORIZATION_AND_CAPTURE", state)
}

fn hint(payment_id: &str, approved: bool) -> PaymentHint {
    let reference = SignedReference { text: "ref-1".to_owned(), approved };
    PaymentHint::Payment { payment_id: payment_id.to_owned(), reference: Some(reference) }
}

fn commands(stub: &Stub) -> Vec<String> {
    let seen = stub.seen().into_iter();
    seen.map(|seen| seen.json()["command"].as_str().expect("text").to_owned()).collect()
}

/// The result of a confirmation of `ref-1` if PayU lists this for it.
async fn confirmed(
    payment_id: &str,
    approved: bool,
    listed: String,
) -> Result<Vec<PaymentReport>, GatewayError> {
    let (stub, gateway) = with([(200, listed)]).await;
    let reports = gateway.payments_behind(&hint(payment_id, approved)).await;
    assert_eq!(commands(&stub), ["ORDER_DETAIL_BY_REFERENCE_CODE"], "nothing is asked that is not signed");
    assert_eq!(stub.seen()[0].json()["details"], json!({"referenceCode": "ref-1"}));
    reports
}

fn statuses(reports: Vec<PaymentReport>) -> Vec<(String, PaymentStatus)> {
    reports.into_iter().map(|report| (report.payment_id, report.status)).collect()
}

#[test]
fn the_signature_of_a_return_page_fits_confirmations_with_any_ids() {
    let keys =
        SignatureKeys { api_key: "4Vj8eK4rloUd272L48hsrarnUA", hmac_secret: None, merchant_id: "508029" };
    let signature = keys.sign(Algorithm::Md5, &["ref-1", "95000.0", "COP", "6"]);
    let page = format!(
        "merchantId=508029&referenceCode=ref-1&TX_VALUE=95000.00&currency=COP&transactionState=6&signature={signature}&reference_pol=857695047&transactionId=1b1f"
    );
    let read = gateway("https://api.payulatam.com").return_page(&page).expect("signed");
    assert_eq!((read.reference.as_str(), read.state.as_str()), ("ref-1", "6"));
    let forged = format!(
        "merchant_id=508029&reference_sale=ref-1&value=95000.00&currency=COP&state_pol=6&sign={signature}&reference_pol=857695047&transaction_id={CHEAP}"
    );
    let about = Subject::Payments(hint(&format!("857695047_{CHEAP}"), false));
    assert_eq!(confirm(&forged), Ok(about), "so nothing else in it may count");
    assert!(confirm(&forged.replace("state_pol=6", "state_pol=4")).is_err(), "the state is signed");
}

#[tokio::test]
async fn a_foreign_transaction_does_not_pay_for_an_order() {
    let declined = || order(Some("DECLINED"), &[paid("1b1f", "DECLINED")]);
    let listed = [("857695047_1b1f".to_owned(), PaymentStatus::Declined)];
    for ids in [format!("857695047_{CHEAP}"), format!("857695048_{CHEAP}"), APPROVED.to_owned()] {
        let reports = confirmed(&ids, false, declined()).await.expect("asked");
        assert_eq!(statuses(reports), listed, "{ids}");
    }
    // Nor if it were noted for this order.
    let (stub, gateway) = with([(200, declined())]).await;
    let report = gateway.payment(&format!("857695047_{CHEAP}")).await;
    assert!(matches!(report, Err(GatewayError::NotFound)), "{report:?}");
    assert_eq!(commands(&stub), ["ORDER_DETAIL"]);
}

#[tokio::test]
async fn a_refund_is_no_payment() {
    let refunded = fixture!("payu/order_refunded_newest_only.json");
    let part = fixture!("payu/order_part_refunded.json");
    let refund = "857695047_77777777-540d-4579-96f7-2a4b8c65a951";
    assert_eq!(confirmed(refund, true, refunded.to_owned()).await.expect("asked"), []);
    let reports = confirmed(refund, true, part.to_owned()).await.expect("asked");
    assert_eq!(statuses(reports), [(APPROVED.to_owned(), PaymentStatus::Approved)]);
    let without_type = part.replacen(r#""type":"PARTIAL_REFUND","#, "", 1);
    assert_ne!(without_type, part);
    for order in [refunded.to_owned(), part.to_owned(), without_type] {
        let (stub, gateway) = with([(200, order)]).await;
        let report = gateway.payment(refund).await;
        assert!(matches!(report, Err(GatewayError::NotFound)), "{report:?}");
        assert_eq!(commands(&stub), ["ORDER_DETAIL"]);
    }
}

/// The answer about a transaction alone names no order.
#[tokio::test]
async fn a_transaction_is_asked_about_by_its_id_only_if_its_order_lists_a_refund_of_it() {
    let refund = |parent: &str, state| transaction("7-7", &format!("REFUND{parent}"), state);
    let (of_this, of_another) = (format!("<{CHEAP}"), "<1b1f");
    let void = transaction("7-7", &format!("VOID{of_this}"), "APPROVED");
    let cases = [
        // Nothing that is listed is of it.
        (None, vec![], None),
        (Some("NEW"), vec![], None),
        (Some("IN_PROGRESS"), vec![paid("1b1f", "PENDING")], None),
        (Some("DECLINED"), vec![paid("1b1f", "DECLINED")], None),
        (Some("AUTHORIZED"), vec![], None),
        (Some("SOMETHING_NEW"), vec![], None),
        (Some("CAPTURED"), vec![], None),
        (Some("CAPTURED"), vec![paid("1b1f", "DECLINED")], None),
        (Some("CHARGEBACK"), vec![transaction("7-7", "SOMETHING_NEW", "APPROVED")], None),
        // The money is of a payment that is listed.
        (Some("CAPTURED"), vec![paid("1b1f", "APPROVED")], None),
        (Some("CAPTURED"), vec![paid("1b1f", "DECLINED"), paid("1b20", "APPROVED")], None),
        (Some("REFUNDED"), vec![paid("1b1f", "APPROVED"), refund(of_another, "APPROVED")], None),
        (Some("REFUNDED"), vec![paid("1b1f", "APPROVED"), refund("", "APPROVED")], None),
        // Or of another that is not.
        (Some("REFUNDED"), vec![refund(of_another, "APPROVED")], None),
        (Some("DECLINED"), vec![refund(of_another, "DECLINED")], None),
        (Some("REFUNDED"), vec![refund(of_another, "APPROVED"), refund(&of_this, "APPROVED")], None),
        // The newest transaction alone is listed, which is a refund of it.
        (Some("REFUNDED"), vec![refund(&of_this, "APPROVED")], Some(PaymentStatus::Refunded)),
        (Some("REFUNDED"), vec![refund("", "APPROVED")], Some(PaymentStatus::Refunded)),
        (Some("DECLINED"), vec![refund(&of_this, "DECLINED")], Some(PaymentStatus::Approved)),
        (Some("IN_PROGRESS"), vec![refund(&of_this, "PENDING")], Some(PaymentStatus::Approved)),
        (Some("CANCELLED"), vec![void], Some(PaymentStatus::Refunded)),
    ];
    for (status, transactions, expected) in cases {
        let alone = expected.map(|_| (200, fixture!("payu/transaction.json").to_owned()));
        let answers = [(200, order(status, &transactions))].into_iter().chain(alone);
        let (stub, gateway) = with(answers).await;
        let report = gateway.payment(&format!("857695047_{CHEAP}")).await;
        let asked = commands(&stub);
        match (report, expected) {
            (Ok(report), Some(expected)) => {
                assert_eq!(report.status, expected, "{status:?} {transactions:?}");
                assert_eq!(asked, ["ORDER_DETAIL", "TRANSACTION_RESPONSE_DETAIL"]);
            }
            (Err(GatewayError::NotFound), None) => assert_eq!(asked, ["ORDER_DETAIL"]),
            (report, _) => panic!("{status:?} {transactions:?}: {report:?}"),
        }
    }
}

#[tokio::test]
async fn what_payu_confirmed_and_does_not_list_yet_is_not_found() {
    let is_behind = |answer| matches!(answer, Err(GatewayError::NotFound));
    let nothing = || fixture!("payu/nothing.json").to_owned();
    for approved in [true, false] {
        assert!(is_behind(confirmed(APPROVED, approved, nothing()).await));
        assert!(is_behind(confirmed(APPROVED, approved, order(Some("NEW"), &[])).await));
    }
    // An earlier try under the same reference is not what was approved.
    for state in ["DECLINED", "PENDING"] {
        let listed = || order(Some("IN_PROGRESS"), &[paid("1b1f", state)]);
        assert!(is_behind(confirmed(APPROVED, true, listed()).await), "{state}");
        assert_eq!(confirmed(APPROVED, false, listed()).await.expect("listed").len(), 1, "{state}");
    }
    let listed = order(Some("CAPTURED"), &[paid("1b1f", "DECLINED"), paid("1b20", "APPROVED")]);
    assert_eq!(confirmed(APPROVED, true, listed).await.expect("listed").len(), 2);
}

/// The form's `test` is not signed, so that a buyer can set it.
#[tokio::test]
async fn a_test_payment_pays_for_nothing_and_raises_no_alarm() {
    let played = fixture!("payu/order_approved.json").replacen(r#""isTest":false"#, r#""isTest":true"#, 1);
    assert!(played.contains(r#""isTest":true"#));
    assert_eq!(confirmed(APPROVED, true, played.clone()).await.expect("asked"), []);
    let (_stub, gateway) = with([(200, played.as_str()), (200, played.as_str())]).await;
    assert_eq!(gateway.payments_of("ref-1").await.expect("asked"), []);
    assert!(matches!(gateway.payment(APPROVED).await, Err(GatewayError::Protocol(_))));
}

/// As two payments, one of them would be given back, and with it all the money.
#[tokio::test]
async fn an_authorisation_and_its_capture_are_one_payment() {
    let authorised = transaction("a", "AUTHORIZATION", "APPROVED");
    let pending = ("857695047_a".to_owned(), PaymentStatus::Pending);
    for status in [None, Some("NEW"), Some("IN_PROGRESS"), Some("DECLINED"), Some("AUTHORIZED")] {
        let listed = order(status, std::slice::from_ref(&authorised));
        let reports = confirmed("1_a", true, listed).await.expect("listed");
        assert_eq!(statuses(reports), std::slice::from_ref(&pending), "{status:?}");
    }
    for parent in ["", "<a"] {
        let capture = |state| transaction("c", &format!("CAPTURE{parent}"), state);
        let listed = order(Some("CAPTURED"), &[authorised.clone(), capture("APPROVED")]);
        let reports = confirmed("1_c", true, listed.clone()).await.expect("listed");
        assert_eq!(statuses(reports), [("857695047_c".to_owned(), PaymentStatus::Approved)]);
        let (_stub, gateway) = with([(200, listed)]).await;
        assert!(matches!(gateway.payment("857695047_a").await, Err(GatewayError::NotFound)));

        let listed = order(Some("AUTHORIZED"), &[authorised.clone(), capture("DECLINED")]);
        let reports = confirmed("1_a", true, listed).await.expect("listed");
        let declined = ("857695047_c".to_owned(), PaymentStatus::Declined);
        assert_eq!(statuses(reports), [pending.clone(), declined]);
    }
}

#[tokio::test]
async fn what_comes_after_a_payment_does_not_undo_it_unless_money_went_back() {
    let refund = |state| transaction("r", "REFUND<a", state);
    let cases = [
        ("DECLINED", vec![paid("a", "APPROVED"), refund("DECLINED")], PaymentStatus::Approved),
        ("IN_PROGRESS", vec![paid("a", "APPROVED"), refund("PENDING")], PaymentStatus::Approved),
        ("DECLINED", vec![paid("a", "APPROVED"), paid("b", "DECLINED")], PaymentStatus::Approved),
        ("REFUNDED", vec![paid("a", "APPROVED"), refund("APPROVED")], PaymentStatus::Refunded),
        ("CHARGEBACK", vec![paid("a", "APPROVED")], PaymentStatus::ChargedBack),
    ];
    for (status, transactions, expected) in cases {
        let (_stub, gateway) = with([(200, order(Some(status), &transactions))]).await;
        let report = gateway.payment("857695047_a").await.expect("listed");
        let dispute = (expected == PaymentStatus::ChargedBack).then_some(Dispute::Lost);
        assert_eq!((report.status, report.dispute), (expected, dispute), "{status}");
    }
}
