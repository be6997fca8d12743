//! Direct access to a box office's table, for states that no single route produces.

use boot::{Boot, Env};
use domain::order::{Change, Order, RefundProgress, TaskChange};
use domain::payment::ManualReason;
use domain::{OrderId, UserId};
use serde_json::Value;
use store::{Fingerprints, Store};
use testkit::{TestApp, TestUser};

/// The table, with the environment and so the permissions of `function`.
pub(crate) fn table_of(app: &TestApp, function: &str) -> Store {
    let environment = app.cloud.environment_of(function).expect("a function of the template");
    let boot = Boot::new(Env::from_iter(environment), app.clock.clone()).expect("complete configuration");
    Store::new(&boot).expect("complete configuration")
}

/// The keyed fingerprints with which the functions turn addresses into keys.
pub(crate) fn fingerprints(app: &TestApp) -> Fingerprints {
    let environment = app.cloud.environment_of("events").expect("a function of the template");
    Fingerprints::from_env(&Env::from_iter(environment)).expect("a secret")
}

/// The stored order of a purchase that `buyer` was shown, and the table with all permissions.
pub(crate) async fn order_of(app: &TestApp, buyer: &TestUser, purchase: &Value) -> (Store, Order) {
    let store = Store::new(&app.cloud.boot("test").expect("variables")).expect("a table");
    let user: UserId = buyer.id.parse().expect("an id");
    let id: OrderId = purchase["id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
    let order = store.order(user, id).await.expect("read").expect("an order");
    (store, order)
}

/// Every item of the table: its key, and all of it as text.
pub(crate) async fn everything(app: &TestApp) -> Vec<(String, String)> {
    let table = &app.cloud.stack().tables[0].name;
    let items = app.cloud.services().dynamodb().items(table).await.expect("read");
    let part = |item: &Value, name: &str| item[name]["S"].as_str().unwrap_or_default().to_owned();
    items
        .iter()
        .map(|item| (format!("{}/{}", part(item, "PK"), part(item, "SK")), item.to_string()))
        .collect()
}

/// Turns a refund of `amount`, in major units, into a task for a person, as when a gateway
/// declines it.
pub(crate) async fn leave_to_person(app: &TestApp, buyer: &TestUser, purchase: &Value, amount: i64) {
    let (store, mut order) = order_of(app, buyer, purchase).await;
    let amount = amount * 10_i64.pow(order.currency.exponent());
    let (reason, since) = (ManualReason::Declined, app.clock.now());
    order.edit(|order| {
        order.payments[0].refund_due += amount;
        order.payments[0].refund = Some(RefundProgress::Manual { amount, reason, since });
    });
    let change = Change { tasks: vec![TaskChange::Open(0)], ..Change::default() };
    store.save_order(&order, &change, since).await.expect("written");
}
