//! The functions of this repository, each started as its `main.rs` does it.

use std::collections::BTreeMap;

use aide::axum::ApiRouter;
use boot::{Boot, ConfigError};
use cloud::lambda::Registry;

macro_rules! functions {
    (http: $($http:ident)*; workers: $($worker:ident)*;) => {
        /// All functions of this repository.
        pub fn registry() -> Registry {
            Registry::new()
                $(.http(
                    stringify!($http),
                    |boot| $http::State::new(boot).map(|state| web::finish($http::router(state))),
                ))*
                $(.worker(stringify!($worker), $worker::State::new, $worker::handle))*
        }

        /// The described routes of all functions that answer requests. `boot`
        /// makes a function's surroundings from its name.
        ///
        /// # Errors
        /// If a function does not accept its configuration.
        pub(crate) fn routers(
            boot: impl Fn(&str) -> Result<Boot, ConfigError>,
        ) -> Result<BTreeMap<&'static str, ApiRouter>, ConfigError> {
            Ok(BTreeMap::from([$((
                stringify!($http),
                $http::router($http::State::new(&boot(stringify!($http))?)?),
            )),*]))
        }
    };
}

functions! {
    http: admin auth discounts door events members pricing purchases site storefront supervision tickets webhooks;
    workers: issuer janitor mailer relay settler;
}
