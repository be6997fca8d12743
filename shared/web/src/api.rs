use std::ops::Deref;

use aide::axum::ApiRouter;
use axum::extract::FromRef;
use boot::{Boot, BootError, Clock, ConfigError};
use domain::EventId;
use schemars::JsonSchema;
use serde::Deserialize;
use store::Store;

use crate::{TokenVerifier, TrustedHops, finish};

/// The parts that every function with routes has. A function's own state derefs to it, and the
/// extractors take what they need from there.
#[derive(Clone, Debug)]
pub struct Api {
    /// The time.
    pub clock: Clock,
    /// The table.
    pub store: Store,
    verifier: TokenVerifier,
    hops: TrustedHops,
}

impl Api {
    /// Reads `TABLE_NAME`, `JWT_PUBLIC_KEYS` and, if it is set, `TRUSTED_HOPS`.
    pub fn new(boot: &Boot) -> Result<Self, ConfigError> {
        Ok(Self {
            clock: boot.clock.clone(),
            store: Store::new(boot)?,
            verifier: TokenVerifier::from_env(&boot.env, boot.clock.clone())?,
            hops: TrustedHops::from_env(&boot.env)?,
        })
    }

    /// Opens the connection to the table before the first request needs it.
    pub async fn warm(&self) {
        self.store.warm().await;
    }
}

/// Makes a function's state deref to the [`Api`] in its field `api`, from which the extractors take
/// what they need.
#[macro_export]
macro_rules! has_api {
    ($state:ty) => {
        impl ::std::ops::Deref for $state {
            type Target = $crate::Api;

            fn deref(&self) -> &$crate::Api {
                &self.api
            }
        }
    };
}

/// Runs a function with routes on Lambda. Its connection to the table is opened before the first
/// request comes.
///
/// # Errors
/// If the environment lacks a variable of the function's state, or Lambda cannot be reached.
pub async fn serve<S: Deref<Target = Api>>(
    state: fn(&Boot) -> Result<S, ConfigError>,
    router: fn(S) -> ApiRouter,
) -> Result<(), BootError> {
    boot::serve_http(|boot| async move {
        let state = state(&boot)?;
        state.warm().await;
        Ok(finish(router(state)))
    })
    .await
}

impl<S: Deref<Target = Api>> FromRef<S> for TokenVerifier {
    fn from_ref(state: &S) -> Self {
        state.verifier.clone()
    }
}

impl<S: Deref<Target = Api>> FromRef<S> for TrustedHops {
    fn from_ref(state: &S) -> Self {
        state.hops
    }
}

/// The path of what belongs to an event: `/events/{id}`.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
pub struct EventPath {
    /// The event's id.
    pub id: EventId,
}
