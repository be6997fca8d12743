//! Starting a function: configuration, clock, logs, AWS connections, and the
//! loop that serves. The only crate that reads the process environment and the
//! system clock; everybody else is handed what they need.

mod aws;
mod clock;
mod env;
mod keys;
mod secrets;
mod serve;
mod vault;

pub use aws::Aws;
pub use clock::Clock;
pub use env::{ConfigError, Env, Stage};
pub use keys::{PublicKey, Secret, SigningKey, parse_public_keys};
pub use serve::{BootError, serve_http, serve_worker};
pub use vault::{SecretText, Vault, VaultError};

/// What every function starts from.
#[derive(Clone, Debug)]
pub struct Boot {
    /// The configuration.
    pub env: Env,
    /// The time.
    pub clock: Clock,
    /// How to reach AWS, or the local cloud.
    pub aws: Aws,
}

impl Boot {
    /// Starts from `env` and tells the time with `clock`.
    pub fn new(env: Env, clock: Clock) -> Result<Self, ConfigError> {
        let aws = Aws::from_env(&env)?;
        Ok(Self { env, clock, aws })
    }
}
