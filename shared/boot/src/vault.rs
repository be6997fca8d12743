//! Secrets that come and go while the functions run, such as an organiser's
//! credentials at a payment gateway: texts in Secrets Manager, by name.
//!
//! The writer of a text gets its version and keeps that beside the item which the
//! secret belongs to. A version never changes. So a cached text stays right, and a
//! reader without a newer version still finds the one that it asks for.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_secretsmanager::operation::create_secret::CreateSecretError;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use aws_sdk_secretsmanager::operation::put_secret_value::PutSecretValueError;
use jiff::{SignedDuration, Timestamp};

use crate::secrets::reason;
use crate::{Boot, Clock, ConfigError};

/// The time for which a text is used without reading it again: for so long, deleted
/// credentials still work in a warm function.
const CACHE_LIFETIME: SignedDuration = SignedDuration::from_mins(5);
/// The most texts in the cache.
const MAX_CACHED: usize = 256;

/// The text of a secret. Does not show in debug output.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(Arc<str>);

impl SecretText {
    /// A text to be hidden.
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// The text itself: not for logs, errors or answers.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(..)")
    }
}

/// A failure of Secrets Manager. Holds no text of a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Secrets Manager: {0}")]
pub struct VaultError(String);

impl VaultError {
    fn of<E, R>(error: &SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata,
    {
        Self(reason(error))
    }
}

/// The secrets of one stage; all names begin with `taquilla/<stage>/`. Clones share the
/// cache.
#[derive(Clone)]
pub struct Vault {
    client: Client,
    prefix: Arc<str>,
    /// The KMS key of new secrets; without it Secrets Manager's own.
    key: Option<Arc<str>>,
    clock: Clock,
    cache: Arc<Mutex<Cache>>,
}

/// Texts by name and version, each with the end of its use.
type Cache = HashMap<(String, String), (Timestamp, SecretText)>;

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl Vault {
    /// The secrets of the stage in `STAGE`, encrypted with the key in `SECRETS_KEY` if there is one.
    pub fn new(boot: &Boot) -> Result<Self, ConfigError> {
        boot.env.stage()?;
        let prefix = format!("taquilla/{}/", boot.env.required("STAGE")?).into();
        let client = Client::new(&boot.aws.config());
        let key = boot.env.optional("SECRETS_KEY").map(Into::into);
        Ok(Self { client, prefix, key, clock: boot.clock.clone(), cache: Arc::default() })
    }

    /// Stores a text under `name`, which follows the prefix, and gives its version.
    /// Earlier versions can still be read.
    ///
    /// # Errors
    /// If Secrets Manager does not store it.
    pub async fn put(&self, name: &str, text: &SecretText) -> Result<String, VaultError> {
        // Most of the time the secret is there, and of two that make it one is late.
        if let Some(version) = self.put_existing(name, text).await? {
            return Ok(version);
        }
        if let Some(version) = self.create(name, text).await? {
            return Ok(version);
        }
        let version = self.put_existing(name, text).await?;
        version.ok_or_else(|| VaultError("the secret comes and goes".to_owned()))
    }

    /// The text of a version of the secret. `None` if there is none.
    ///
    /// # Errors
    /// If Secrets Manager does not say.
    pub async fn get(&self, name: &str, version: &str) -> Result<Option<SecretText>, VaultError> {
        let key = (name.to_owned(), version.to_owned());
        let now = self.clock.now();
        let cached = self.lock().get(&key).filter(|(until, _)| now < *until).map(|(_, text)| text.clone());
        if cached.is_some() {
            return Ok(cached);
        }
        let request = self.client.get_secret_value().secret_id(self.full(name)).version_id(version);
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(SdkError::ServiceError(refused))
                if matches!(refused.err(), GetSecretValueError::ResourceNotFoundException(_)) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(VaultError::of(&error)),
        };
        let text = answer.secret_string.ok_or_else(|| VaultError("the secret has no text".to_owned()))?;
        let text = SecretText(text.into());
        let mut cache = self.lock();
        if cache.len() >= MAX_CACHED {
            cache.retain(|_, (until, _)| now < *until);
        }
        if cache.len() >= MAX_CACHED {
            cache.clear();
        }
        cache.insert(key, (now + CACHE_LIFETIME, text.clone()));
        Ok(Some(text))
    }

    /// Deletes the secret for good; one that is not there, too.
    ///
    /// # Errors
    /// If Secrets Manager does not delete it.
    pub async fn delete(&self, name: &str) -> Result<(), VaultError> {
        let request =
            self.client.delete_secret().secret_id(self.full(name)).force_delete_without_recovery(true);
        request.send().await.map_err(|error| VaultError::of(&error))?;
        self.lock().retain(|(cached, _), _| cached != name);
        Ok(())
    }

    /// The version of a text that is added to the secret. `None` without the secret.
    async fn put_existing(&self, name: &str, text: &SecretText) -> Result<Option<String>, VaultError> {
        let request = self.client.put_secret_value().secret_id(self.full(name)).secret_string(text.reveal());
        match request.send().await {
            Ok(answer) => versioned(answer.version_id).map(Some),
            Err(SdkError::ServiceError(refused))
                if matches!(refused.err(), PutSecretValueError::ResourceNotFoundException(_)) =>
            {
                Ok(None)
            }
            Err(error) => Err(VaultError::of(&error)),
        }
    }

    /// The version of the text that makes the secret. `None` if it is there.
    async fn create(&self, name: &str, text: &SecretText) -> Result<Option<String>, VaultError> {
        let request = self.client.create_secret().name(self.full(name)).secret_string(text.reveal());
        let request = request.set_kms_key_id(self.key.as_deref().map(str::to_owned));
        match request.send().await {
            Ok(answer) => versioned(answer.version_id).map(Some),
            Err(SdkError::ServiceError(refused))
                if matches!(refused.err(), CreateSecretError::ResourceExistsException(_)) =>
            {
                Ok(None)
            }
            Err(error) => Err(VaultError::of(&error)),
        }
    }

    fn full(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn lock(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn versioned(version: Option<String>) -> Result<String, VaultError> {
    version.ok_or_else(|| VaultError("the answer tells no version".to_owned()))
}
