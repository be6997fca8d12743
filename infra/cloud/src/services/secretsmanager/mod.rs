//! Secrets Manager: what is stored and deleted while the functions run. The secrets
//! of the template come with the environment (see `crate::secrets`).

mod secret_store;
#[cfg(test)]
mod tests;

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use boot::Clock;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use self::secret_store::{Refused, SecretStore, Stored, Version};
use super::chaos::{Chaos, Mishap, Write};
use super::life::Life;
use super::reply::Reply;
use super::{ACCOUNT, REGION};

/// The longest text of a secret.
const MOST_TEXT: usize = 65_536;
/// The largest request: the text's escapes need room.
pub(super) const MOST_BYTES: usize = 8 * MOST_TEXT;

/// The local Secrets Manager. Clones share it.
#[derive(Clone)]
pub(super) struct SecretsManager {
    store: Arc<Mutex<SecretStore>>,
    chaos: Chaos,
    clock: Clock,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetSecretValue {
    secret_id: String,
    version_id: Option<String>,
    version_stage: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CreateSecret {
    name: String,
    client_request_token: String,
    secret_string: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutSecretValue {
    secret_id: String,
    client_request_token: String,
    secret_string: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DeleteSecret {
    secret_id: String,
    #[serde(default)]
    force_delete_without_recovery: bool,
}

impl SecretsManager {
    /// Secrets in a file, or in memory without one.
    pub(super) fn open(file: Option<PathBuf>, chaos: Chaos, clock: Clock) -> io::Result<Self> {
        Ok(Self { store: Arc::new(Mutex::new(SecretStore::open(file)?)), chaos, clock })
    }

    /// Answers one request of the JSON protocol, unless a test has prepared something for it.
    pub(super) async fn answer(&self, caller: &str, operation: &str, body: &[u8]) -> Reply {
        let name = written(operation, body).filter(|_| self.chaos.watches_writes());
        let mishap = match name {
            Some(name) => self.chaos.about_to(&Write { caller, keys: vec![format!("secret:{name}")] }).await,
            None => None,
        };
        match mishap {
            Some(Mishap::Refused) => return internal_error(),
            Some(Mishap::DiesBefore) => Life::end().await,
            _ => {}
        }
        let reply = self.reply(operation, body).await;
        match mishap {
            Some(Mishap::AnswerLost) => return internal_error(),
            Some(Mishap::DiesAfter) => Life::end().await,
            _ => {}
        }
        reply
    }

    async fn reply(&self, operation: &str, body: &[u8]) -> Reply {
        let (secrets, operation, body) = (self.clone(), operation.to_owned(), body.to_owned());
        // Changes are written to a file.
        let done = tokio::task::spawn_blocking(move || secrets.carry_out(&operation, &body)).await;
        match done.unwrap_or_else(|error| Err(Refused::Internal(error.to_string()))) {
            Ok(answer) => Reply::json(200, &answer),
            Err(refused) => {
                let (status, name, message) = refused.told();
                Reply::json(status, &json!({ "__type": name, "Message": message }))
            }
        }
    }

    fn carry_out(&self, operation: &str, body: &[u8]) -> Result<Value, Refused> {
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        match operation {
            "GetSecretValue" => {
                let wanted: GetSecretValue = read(body)?;
                let name = name_of(&wanted.secret_id);
                let stored = store.get(name)?;
                let stage = wanted.version_stage.as_deref();
                let (version, stages) = stored.version(wanted.version_id.as_deref(), stage)?;
                let mut answer = told(name, version);
                answer["SecretString"] = version.text.as_str().into();
                answer["VersionStages"] = json!(stages);
                answer["CreatedDate"] = json!(version.created_at.as_millisecond().div_euclid(1000));
                Ok(answer)
            }
            "CreateSecret" => {
                let new: CreateSecret = read(body)?;
                let version = version(new.client_request_token, new.secret_string, now)?;
                let answer = told(&new.name, &version);
                store.create(&new.name, version)?;
                Ok(answer)
            }
            "PutSecretValue" => {
                let new: PutSecretValue = read(body)?;
                let name = name_of(&new.secret_id);
                let version = version(new.client_request_token, new.secret_string, now)?;
                let mut answer = told(name, &version);
                answer["VersionStages"] = json!([Stored::CURRENT]);
                store.put(name, version)?;
                Ok(answer)
            }
            "DeleteSecret" => {
                let old: DeleteSecret = read(body)?;
                if !old.force_delete_without_recovery {
                    let message = "The local Secrets Manager only knows ForceDeleteWithoutRecovery.";
                    return Err(Refused::Invalid(message.to_owned()));
                }
                let name = name_of(&old.secret_id);
                // As on AWS, a secret that is not there can be deleted like this.
                store.delete(name)?;
                Ok(json!({ "ARN": arn(name), "Name": name, "DeletionDate": now.as_second() }))
            }
            _ => Err(Refused::Unknown(operation.to_owned())),
        }
    }
}

fn internal_error() -> Reply {
    let (status, name, message) =
        Refused::Internal("An error occurred on the server side.".to_owned()).told();
    Reply::json(status, &json!({ "__type": name, "Message": message }))
}

/// The name of the secret that a request writes, if it writes.
fn written(operation: &str, body: &[u8]) -> Option<String> {
    if !matches!(operation, "CreateSecret" | "PutSecretValue" | "DeleteSecret") {
        return None;
    }
    let request: Value = serde_json::from_slice(body).ok()?;
    request["Name"].as_str().or_else(|| request["SecretId"].as_str()).map(|id| name_of(id).to_owned())
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refused> {
    serde_json::from_slice(body).map_err(|error| Refused::Invalid(error.to_string()))
}

fn version(id: String, text: String, created_at: jiff::Timestamp) -> Result<Version, Refused> {
    if !(32..=64).contains(&id.len()) {
        return Err(Refused::Invalid("ClientRequestToken must have 32 to 64 characters.".to_owned()));
    }
    if !(1..=MOST_TEXT).contains(&text.len()) {
        return Err(Refused::Invalid(format!("SecretString must have 1 to {MOST_TEXT} bytes.")));
    }
    Ok(Version { id, text, created_at })
}

/// What every answer tells of a secret.
fn told(name: &str, version: &Version) -> Value {
    json!({ "ARN": arn(name), "Name": name, "VersionId": version.id })
}

/// What AWS adds to a secret's name in its ARN is drawn by lot; a policy that allows
/// the name alone allows nothing.
const SUFFIX: &str = "-LoCaL0";

/// The ARN of the secret that a request names, be it by name or by ARN.
pub(crate) fn arn(id: &str) -> String {
    match id.starts_with("arn:") {
        true => id.to_owned(),
        false => format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{id}{SUFFIX}"),
    }
}

/// The name of the secret that a request names.
fn name_of(id: &str) -> &str {
    let Some((_, name)) = id.split_once(":secret:") else { return id };
    name.strip_suffix(SUFFIX).unwrap_or(name)
}
