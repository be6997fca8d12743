//! Secrets on AWS: a variable may hold the ARN of a secret instead of a value,
//! and is replaced by the secret's text, once, at start. So the template
//! never holds a secret, and a function can read just those it names.

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use futures::future::try_join_all;

use crate::{Aws, ConfigError, Env};

/// True for the ARN of a secret, in any partition of AWS.
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
    let answer = answer.map_err(|error| ConfigError::new(name, reason(&error)))?;
    let value = answer.secret_string.ok_or_else(|| ConfigError::new(name, "the secret has no text"))?;
    Ok((name.to_owned(), value))
}

/// The reason of a failure for the log. The SDK's own description of an answer that does
/// not read quotes the answer, and the secret with it.
pub(crate) fn reason<E, R>(error: &SdkError<E, R>) -> String
where
    E: ProvideErrorMetadata,
{
    match error {
        SdkError::ServiceError(refused) => {
            let (code, message) = (refused.err().code(), refused.err().message());
            format!("{}: {}", code.unwrap_or("an error without a code"), message.unwrap_or("no message"))
        }
        SdkError::DispatchFailure(failure) => match failure.as_connector_error() {
            Some(error) => DisplayErrorContext(error).to_string(),
            None => "no answer".to_owned(),
        },
        SdkError::TimeoutError(_) => "no answer in time".to_owned(),
        SdkError::ResponseError(_) => "an answer that does not read".to_owned(),
        _ => "a request that cannot be sent".to_owned(),
    }
}
