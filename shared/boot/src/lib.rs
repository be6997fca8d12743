//! Starting a function: configuration, clock, logs, AWS connections, and the
//! loop that serves. The only crate that reads the process environment and the
//! system clock; other crates are handed both.

#![warn(missing_docs)]

mod aws;
mod clock;
mod env;
mod keys;
mod secrets;
mod serve;
mod vault;

pub use aws::Aws;
pub use clock::{Clock, Stopwatch};
pub use env::{ConfigError, Env, Stage};
pub use keys::{PublicKey, Secret, SigningKey, parse_public_keys};
pub use serve::{BootError, serve_http, serve_worker};
pub use vault::{SecretText, Vault, VaultError};

use aws_smithy_runtime_api::client::http::SharedHttpClient;

/// The parts that every function starts from.
#[derive(Clone, Debug)]
pub struct Boot {
    /// The configuration.
    pub env: Env,
    /// The time.
    pub clock: Clock,
    /// The access to AWS, or to the local cloud.
    pub aws: Aws,
}

impl Boot {
    /// Starts from `env` and tells the time with `clock`.
    pub fn new(env: Env, clock: Clock) -> Result<Self, ConfigError> {
        let aws = Aws::from_env(&env, None)?;
        Ok(Self { env, clock, aws })
    }

    /// As [`Boot::new`], but AWS's clients send their requests with `http`. For the
    /// local cloud, whose services are in the same process.
    ///
    /// # Errors
    /// If a variable is missing or makes no sense.
    pub fn with_http(env: Env, clock: Clock, http: SharedHttpClient) -> Result<Self, ConfigError> {
        let aws = Aws::from_env(&env, Some(http))?;
        Ok(Self { env, clock, aws })
    }
}
