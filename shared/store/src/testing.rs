//! A store over an empty table in memory, for the tests of this crate.

mod meeting;
mod tampering;

use std::time::Duration;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType,
};
use boot::{Boot, Clock, Env};

use crate::Store;

pub(crate) use meeting::meeting;
pub(crate) use tampering::{colliding, forgetful, interrupted, metered, refusing, unguarded, unguarded_puts};

const TABLE: &str = "taquilla-test";

/// A store over a table of its own, for one test.
pub(crate) async fn store() -> Store {
    store_with_clock().await.0
}

/// A store over a table of its own, for one test, and a clock that the test can move. The store itself
/// reads no clock: times are arguments.
pub(crate) async fn store_with_clock() -> (Store, Clock) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let database = dynoxide::Database::memory().expect("a database in memory");
    // The server ends with the test's runtime.
    tokio::spawn(dynoxide::server::serve_on(listener, database));
    let variables = [
        ("AWS_ENDPOINT_URL", format!("http://{address}")),
        ("AWS_REGION", "us-east-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", "test".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
        ("TABLE_NAME", TABLE.to_owned()),
        ("HASH_SECRET", "only for tests, only for tests, only for tests".to_owned()),
    ];
    let env = Env::from_iter(variables.map(|(name, value)| (name.to_owned(), value)));
    let clock = Clock::movable();
    let boot = Boot::new(env, clock.clone()).expect("complete configuration");
    let store = Store::new(&boot).expect("complete configuration");
    create_table(&store).await;
    (store, clock)
}

/// Runs `attempts` tasks at the same time and returns their results in order.
pub(crate) async fn at_once<T, F>(attempts: usize, attempt: impl Fn(usize) -> F) -> Vec<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let tasks: Vec<_> = (0..attempts).map(|index| tokio::spawn(attempt(index))).collect();
    let mut results = Vec::with_capacity(attempts);
    for task in tasks {
        let result = tokio::time::timeout(Duration::from_secs(60), task).await;
        results.push(result.expect("no deadlock").expect("no panic"));
    }
    results
}

async fn create_table(store: &Store) {
    let attribute = |name: &str| {
        AttributeDefinition::builder()
            .attribute_name(name)
            .attribute_type(ScalarAttributeType::S)
            .build()
            .expect("complete")
    };
    let key = |name: &str, kind: KeyType| {
        KeySchemaElement::builder().attribute_name(name).key_type(kind).build().expect("complete")
    };
    let index = GlobalSecondaryIndex::builder()
        .index_name("GSI1")
        .key_schema(key("GSI1PK", KeyType::Hash))
        .key_schema(key("GSI1SK", KeyType::Range))
        .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build())
        .build()
        .expect("complete");
    store
        .client
        .create_table()
        .table_name(TABLE)
        .billing_mode(BillingMode::PayPerRequest)
        .set_attribute_definitions(Some(["PK", "SK", "GSI1PK", "GSI1SK"].map(attribute).to_vec()))
        .key_schema(key("PK", KeyType::Hash))
        .key_schema(key("SK", KeyType::Range))
        .global_secondary_indexes(index)
        .send()
        .await
        .expect("the table is created");
}
