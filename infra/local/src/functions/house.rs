//! The functions of this repository, each started as its `main.rs` does it.

use super::Registry;

/// A function that answers HTTP requests.
macro_rules! http {
    ($name:ident) => {
        |boot| $name::State::new(boot).map(|state| web::finish($name::router(state)))
    };
}

impl Registry {
    /// All functions of this repository.
    pub fn house() -> Self {
        Self::new()
            .http("auth", http!(auth))
            .http("door", http!(door))
            .http("events", http!(events))
            .http("pricing", http!(pricing))
            .http("purchases", http!(purchases))
            .http("purchases", http!(purchases))
            .http("site", http!(site))
            .http("storefront", http!(storefront))
            .http("tickets", http!(tickets))
            .http("webhooks", http!(webhooks))
            .worker("issuer", issuer::State::new, issuer::handle)
            .worker("janitor", janitor::State::new, janitor::handle)
            .worker("mailer", mailer::State::new, mailer::handle)
            .worker("relay", relay::State::new, relay::handle)
            .worker("settler", settler::State::new, settler::handle)
    }
}
