//! Our pages before and after the gateway's checkout.

use std::collections::BTreeSet;

use domain::payment::GatewayName;

use super::{Fixture, address};

#[tokio::test]
async fn the_forms_action_is_allowed_by_the_pages_policy() {
    let house = Fixture::open(&[GatewayName::Payu]).await;
    let purchase = house.pay(&house.reserve().await, None).await.ok();
    let url = purchase["checkout_url"].as_str().expect("an address");
    let (page, form) = url.split_once('#').expect("a fragment");
    assert_eq!(page, format!("{}/checkout", house.app.cloud.url()));
    let fields = purchase["checkout_form"]["fields"].as_object().expect("fields");
    let names = form.split('&').map(|pair| pair.split('=').next().expect("a name"));
    let ours = ["action", "until"];
    let posted: BTreeSet<_> = names.filter(|name| !ours.contains(name)).collect();
    assert_eq!(posted, fields.keys().map(String::as_str).collect());
    let order = purchase["id"].as_str().expect("an id");
    assert_eq!(fields["responseUrl"], format!("{}/purchases/{order}", house.app.cloud.url()));
    assert!(fields["confirmationUrl"].as_str().expect("text").ends_with(&address(&house.accounts[0])));

    let answer = house.app.get("/checkout").send().await;
    let policy = answer.header("content-security-policy");
    let (_, actions) = policy.split_once("form-action ").expect("a rule for forms");
    let (actions, _) = actions.split_once(';').expect("more rules");
    let action = purchase["checkout_form"]["action"].as_str().expect("an address");
    assert!(actions.split(' ').any(|host| action.starts_with(&format!("{host}/"))), "{policy}: {action}");
    assert!(answer.text().contains(&format!("{action:?}")), "the script allows it, too");
    assert_eq!(answer.header("referrer-policy"), "no-referrer");
    house.app.close().await;
}

#[tokio::test]
async fn query_parameters_of_the_gateway_do_not_change_the_return_page() {
    let house = Fixture::open(&[GatewayName::MercadoPago]).await;
    let purchase = house.pay(&house.reserve().await, None).await.ok();
    let path = format!("/purchases/{}", purchase["id"].as_str().expect("an id"));
    let home = house.app.get("/").header("accept", "text/html").send().await;
    for query in ["", "?status=approved&payment_id=1", "?id=1-2&env=test", "?transactionState=4&%%%"] {
        let answer = house.app.get(format!("{path}{query}")).send().await;
        assert_eq!((answer.status, answer.text()), (200, home.text()), "{query}");
    }
    assert_eq!(house.order(&purchase).await["status"], "awaiting_payment", "nobody believed it");
    house.app.close().await;
}
