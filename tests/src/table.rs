//! The table behind a box office, for what no route does alone.

use boot::{Boot, Env};
use store::Store;
use testkit::TestApp;

/// The table as `function` may use it.
pub(crate) fn table_of(app: &TestApp, function: &str) -> Store {
    let environment = app.cloud.environment_of(function).expect("a function of the template");
    let boot = Boot::new(Env::from_iter(environment), app.clock.clone()).expect("complete configuration");
    Store::new(&boot).expect("complete configuration")
}
