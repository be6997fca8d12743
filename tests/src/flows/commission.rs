//! The operator's commission: what it is of, what gateways keep of it, and statements.

use std::time::Duration;

use domain::Currency;
use domain::payment::GatewayName;
use gateways::Merchant;
use serde_json::{Value, json};
use testkit::{Country, Organizer, Show, TestApp, TestUser};

use super::operator::oversee;
use crate::community::text;
use crate::operator::operator;

/// Longer than the functions cache an organiser and its gateways.
const A_WHILE: Duration = Duration::from_secs(6);

/// All lines of a statement, in as many calls as it takes; and how many that were.
async fn statement(app: &TestApp, path: &str, token: &str) -> (Vec<Value>, usize) {
    let (mut lines, mut calls, mut cursor) = (Vec::new(), 0, String::new());
    loop {
        let answer = app.get(format!("{path}{cursor}")).token(token).ok().await;
        lines.extend(answer["items"].as_array().expect("lines").iter().cloned());
        calls += 1;
        match answer["next_cursor"].as_str() {
            Some(next) => {
                let joint = if path.contains('?') { '&' } else { '?' };
                cursor = format!("{joint}cursor={next}");
            }
            None => return (lines, calls),
        }
    }
}

/// Payments, money kept, commission, fee taken and what is owed.
fn sums(line: &Value) -> (i64, [i64; 4]) {
    let amount = |name: &str| line[name]["amount"].as_i64().expect("a whole amount");
    (line["payments"].as_i64().expect("a number"), ["kept", "commission", "taken", "owed"].map(amount))
}

/// Refunds one ticket of an order.
async fn refund(app: &TestApp, organizer: &Organizer, show: &Show, order: &Value, ticket: usize) {
    let body = json!({"event_id": show.id, "tickets": [order["tickets"][ticket]["id"]]});
    let path = format!("/api/v1/purchases/{}/refund", text(&order["id"]));
    app.post(path).token(&organizer.token).json(body).ok().await;
    app.idle().await;
}

async fn buy(app: &TestApp, buyer: &TestUser, show: &Show, quantity: u8) -> Value {
    let order = app.buy(&buyer.token, &show.id, json!({"area_id": show.area, "quantity": quantity})).await;
    assert_eq!(order["status"], "paid", "{order}");
    order
}

#[tokio::test]
async fn statements_count_what_is_kept() {
    let app = TestApp::start().await;
    let operator = operator(&app).await;
    let (faroles, mareas) =
        (app.organizer("faroles").await, app.organizer_in("mareas", Country::CHILE).await);
    let show = app.show(&faroles, "Los Faroles", 100, 50_000).await;
    let other = app.show(&mareas, "Otra Orilla", 100, 9_990).await;
    let ana = app.confirmed("ana").await;
    // Before there is a commission.
    buy(&app, &ana, &show, 1).await;
    oversee(&app, &operator, &faroles.tenant, json!({"commission": 2.5})).await;
    oversee(&app, &operator, &mareas.tenant, json!({"commission": 10})).await;
    app.clock.advance(A_WHILE);
    let order = buy(&app, &ana, &show, 4).await;
    buy(&app, &ana, &other, 1).await;
    // Nothing is owed for what is only held.
    app.start_buying(&ana.token, &show.id, json!({"area_id": show.area, "quantity": 1})).await;

    let own = async |organizer: &Organizer| {
        let (lines, _) = statement(&app, "/api/v1/tenant/statements", &organizer.token).await;
        lines
    };
    let ours = own(&faroles).await;
    let [line] = &ours[..] else { panic!("one line: {ours:?}") };
    assert_eq!(
        (&line["tenant_id"], &line["gateway"], &line["currency"]),
        (&json!(faroles.tenant), &json!("sandbox"), &json!("COP"))
    );
    assert_eq!(sums(line), (2, [250_000, 5_000, 0, 5_000]));
    assert_eq!(line["owed"]["formatted"], "COP 5.000");
    refund(&app, &faroles, &show, &order, 1).await;
    let ours = own(&faroles).await;
    assert_eq!(sums(&ours[0]), (2, [200_000, 3_750, 0, 3_750]));
    let theirs = own(&mareas).await;
    assert_eq!(sums(&theirs[0]), (1, [9_990, 999, 0, 999]));

    // The operator's are the same, for all or one; other months have none.
    let path = "/api/v1/operator/statements";
    let all = statement(&app, path, &operator.token).await.0;
    assert_eq!(all, [ours.clone(), theirs.clone()].concat());
    let one = statement(&app, &format!("{path}?tenant={}", mareas.tenant), &operator.token).await.0;
    assert_eq!(one, theirs);
    for month in ["2026-10", "2026-12"] {
        assert_eq!(
            statement(&app, &format!("{path}?month={month}"), &operator.token).await.0,
            [Value::Null; 0]
        );
    }
    app.get(format!("{path}?month=2026-13")).token(&operator.token).refused(400, "invalid_fields").await;
    app.get(format!("{path}?cursor=abc")).token(&operator.token).refused(422, "refused_fields").await;
    let nobody = format!("{path}?tenant=tnt_01h455vb4pex5vsknk084sn02q");
    app.get(nobody).token(&operator.token).refused(404, "tenant_not_found").await;
    app.close().await;
}

/// Of an organiser with many events, a statement takes several calls; a cursor of another organiser's tells
/// nothing of that one.
#[tokio::test]
async fn a_statement_goes_on_from_call_to_call() {
    let app = TestApp::start().await;
    let operator = operator(&app).await;
    let (faroles, mareas) = (app.organizer("faroles").await, app.organizer("mareas").await);
    let ana = app.confirmed("ana").await;
    oversee(&app, &operator, &faroles.tenant, json!({"commission": 10})).await;
    let first = app.show(&faroles, "Los Faroles", 100, 1_000).await;
    for number in 0..45 {
        app.draft(&faroles, &format!("Ensayo {number}")).await;
    }
    let last = app.show(&faroles, "Los Faroles otra vez", 100, 2_000).await;
    for show in [&first, &last] {
        buy(&app, &ana, show, 1).await;
    }
    let path = "/api/v1/tenant/statements";
    let (lines, calls) = statement(&app, path, &faroles.token).await;
    assert!(calls > 1, "{calls}");
    assert_eq!(sums(&lines[0]), (2, [3_000, 300, 0, 300]));
    let (all, calls) = statement(&app, "/api/v1/operator/statements", &operator.token).await;
    assert!(calls > 1, "{calls}");
    assert_eq!(all, lines);
    let begun = app.get(path).token(&faroles.token).ok().await;
    let foreign = format!("{path}?cursor={}", text(&begun["next_cursor"]));
    let answer = app.get(foreign).token(&mareas.token).ok().await.to_string();
    assert!(!answer.contains(&faroles.tenant) && !answer.contains("faroles"), "{answer}");
    app.close().await;
}

/// The fee that a gateway was asked to keep of its newest payment.
fn fee(app: &TestApp) -> Option<String> {
    let purchases = app.simulator(GatewayName::MercadoPago).purchases().expect("listed");
    purchases.first().expect("a purchase").details.get("marketplace_fee").cloned()
}

#[tokio::test]
async fn mercado_pago_keeps_the_commission_where_the_account_allows_it() {
    let app = TestApp::start().await;
    let operator = operator(&app).await;
    let ana = app.confirmed("ana").await;
    let own = app.paid_through("propia", Country::CHILE, &[GatewayName::MercadoPago]).await;
    let sharing = app.organizer_in("comparte", Country::CHILE).await;
    let account = app.connect_sharing(&sharing, 0).await;
    let mut shows = Vec::new();
    for organizer in [&own, &sharing] {
        oversee(&app, &operator, &organizer.tenant, json!({"commission": 5})).await;
        shows.push(app.show(organizer, "Los Faroles", 100, 10_000).await);
    }
    let mark = async |organizer: &Organizer, id: &str| {
        let path = format!("/api/v1/operator/tenants/{}/gateways/{id}", organizer.tenant);
        app.patch(path).token(&operator.token).json(json!({"marketplace": true})).ok().await
    };
    let id = account.id.to_string();
    // An account is asked for no fee until the operator says so.
    let plain = buy(&app, &ana, &shows[1], 1).await;
    assert_eq!(fee(&app), None, "{plain}");
    assert_eq!(mark(&sharing, &id).await["marketplace"], true);
    let detail =
        app.get(format!("/api/v1/operator/tenants/{}", own.tenant)).token(&operator.token).ok().await;
    mark(&own, text(&detail["gateways"][0]["id"])).await;
    app.clock.advance(A_WHILE);
    let kept = buy(&app, &ana, &shows[1], 2).await;
    assert_eq!(fee(&app).as_deref(), Some("1000"));
    // The other organiser's token is its own: the fee is refused, and the buyer notices nothing.
    buy(&app, &ana, &shows[0], 2).await;
    assert_eq!(fee(&app), None);
    refund(&app, &sharing, &shows[1], &kept, 0).await;

    let statements = statement(&app, "/api/v1/operator/statements", &operator.token).await.0;
    let of = |organizer: &Organizer| {
        let line = statements.iter().find(|line| line["tenant_id"] == *organizer.tenant);
        sums(line.expect("a line"))
    };
    assert_eq!(of(&own), (1, [20_000, 1_000, 0, 1_000]));
    // The gateway took the fee of both tickets, and one went back since.
    assert_eq!(of(&sharing), (2, [20_000, 1_000, 1_000, 0]));

    // The organiser sees it. New credentials may be any, so they end it.
    let gateway = format!("/api/v1/tenant/gateways/{id}");
    assert_eq!(app.get(&gateway).token(&sharing.token).ok().await["marketplace"], true);
    let again = app.again(&sharing).await;
    let merchant = Merchant::mercado_pago(77_001, "otra", Currency::CLP);
    app.gateways.admit(merchant.clone());
    let entered = app.put(format!("{gateway}/credentials")).token(&again.token);
    let changed = entered.json(merchant.credentials()).ok().await;
    assert_eq!(changed["marketplace"], false);
    app.close().await;
}

#[tokio::test]
async fn other_gateways_keep_no_fee() {
    let app = TestApp::start().await;
    let operator = operator(&app).await;
    let organizer = app.paid_through("faroles", Country::COLOMBIA, &[GatewayName::Wompi]).await;
    let other = app.paid_through("mareas", Country::COLOMBIA, &[GatewayName::Wompi]).await;
    let accounts = async |organizer: &Organizer| {
        let detail = app.get(format!("/api/v1/operator/tenants/{}", organizer.tenant));
        detail.token(&operator.token).ok().await["gateways"][0]["id"].as_str().expect("an id").to_owned()
    };
    let (id, foreign) = (accounts(&organizer).await, accounts(&other).await);
    let mark = |id: &str| {
        let path = format!("/api/v1/operator/tenants/{}/gateways/{id}", organizer.tenant);
        app.patch(path).token(&operator.token).json(json!({"marketplace": true}))
    };
    mark(&id).refused(422, "refused_fields").await;
    mark(&foreign).refused(404, "gateway_not_found").await;
    app.close().await;
}
