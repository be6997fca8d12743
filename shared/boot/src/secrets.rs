//! Secrets on AWS: a variable may hold the ARN of a secret instead of a value,
//! and is replaced by what Secrets Manager has, once, at start. So the template
//! never holds a secret, and a function can read just those it names.

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::DisplayErrorContext;
use futures::future::try_join_all;

use crate::{Aws, ConfigError, Env};

/// What the ARN of a secret begins with, in every partition of AWS.
fn is_secret(value: &str) -> bool {
    value.starts_with("arn:aws") && value.split(':').nth(2) == Some("secretsmanager")
}

/// The variables with every secret in place of its ARN; all are fetched at the
/// same time. Makes no client if there are none.
pub(crate) async fn resolve(env: Env, aws: &Aws) -> Result<Env, ConfigError> {
    let named: Vec<(&String, &String)> = env.iter().filter(|(_, value)| is_secret(value)).collect();
    if named.is_empty() {
        return Ok(env);
    }
    let client = Client::new(&aws.config());
    let fetched = try_join_all(named.into_iter().map(|(name, arn)| fetch(&client, name, arn))).await?;
    let plain =
        env.iter().filter(|(_, value)| !is_secret(value)).map(|(name, value)| (name.clone(), value.clone()));
    Ok(plain.chain(fetched).collect())
}

async fn fetch(client: &Client, name: &str, arn: &str) -> Result<(String, String), ConfigError> {
    let answer = client.get_secret_value().secret_id(arn).send().await;
    let answer = answer.map_err(|error| ConfigError::new(name, DisplayErrorContext(&error).to_string()))?;
    let value = answer.secret_string.ok_or_else(|| ConfigError::new(name, "the secret has no text"))?;
    Ok((name.to_owned(), value))
}
