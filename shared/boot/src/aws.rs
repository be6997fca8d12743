use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_http_client::tls;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpClient};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;

use crate::{BootError, ConfigError, Env};

/// The access to AWS, or to the local cloud in its place.
///
/// Lambda hands a function its credentials and region in environment variables,
/// so the credential chain of `aws-config` (with its STS, SSO and metadata
/// clients) would only add size and start-up time.
#[derive(Clone, Debug)]
pub struct Aws {
    base: SdkConfig,
    credentials: Credentials,
    region: String,
    /// The one address of all services, if they are not AWS's (`AWS_ENDPOINT_URL`).
    endpoint: Option<String>,
}

impl Aws {
    /// Requests go out with `http`, or else over connections of the clients' own.
    pub(crate) fn from_env(env: &Env, http: Option<SharedHttpClient>) -> Result<Self, ConfigError> {
        let endpoint = env.optional("AWS_ENDPOINT_URL").map(str::to_owned);
        let http = http.unwrap_or_else(|| connections(endpoint.as_deref()));
        let credentials = Credentials::new(
            env.required("AWS_ACCESS_KEY_ID")?,
            env.required("AWS_SECRET_ACCESS_KEY")?,
            env.optional("AWS_SESSION_TOKEN").map(str::to_owned),
            None,
            "environment",
        );
        let region = env.required("AWS_REGION")?.to_owned();
        let base = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region.clone()))
            .credentials_provider(SharedCredentialsProvider::new(credentials.clone()))
            .http_client(http)
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            .retry_config(
                RetryConfig::standard().with_max_attempts(4).with_initial_backoff(Duration::from_millis(25)),
            )
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(Duration::from_secs(2))
                    .operation_attempt_timeout(Duration::from_secs(5))
                    .operation_timeout(Duration::from_secs(20))
                    .build(),
            )
            .build();
        Ok(Self { base, credentials, region, endpoint })
    }

    /// The configuration for any AWS client.
    pub fn config(&self) -> SdkConfig {
        match &self.endpoint {
            Some(url) => self.base.clone().into_builder().endpoint_url(url).build(),
            None => self.base.clone(),
        }
    }

    /// The one address of all services, if they are not AWS's.
    pub fn endpoint(&self) -> Option<&str> {
        self.endpoint.as_deref()
    }

    /// The credentials that sign requests.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// The region of everything.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Sends a request without a body that is signed already, and answers with the status.
    /// For calls too rare for a client of their service: it keeps no connection.
    ///
    /// # Errors
    /// If there is no answer within `timeout`.
    pub async fn send(&self, method: &str, url: &str, timeout: Duration) -> Result<u16, BootError> {
        let connector = aws_smithy_http_client::Connector::builder();
        let connector = match url.starts_with("http://") {
            true => connector.build_http(),
            false => connector.tls_provider(RUSTLS).build(),
        };
        let mut request = HttpRequest::empty();
        request.set_method(method)?;
        request.set_uri(url)?;
        let answer = tokio::time::timeout(timeout, connector.call(request)).await??;
        Ok(answer.status().as_u16())
    }
}

/// The TLS stack of all clients: rustls with ring.
const RUSTLS: tls::Provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);

/// Connections to AWS, or to an endpoint of this machine.
fn connections(endpoint: Option<&str>) -> SharedHttpClient {
    let http = aws_smithy_http_client::Builder::new();
    match endpoint {
        Some(url) if url.starts_with("http://") => http.build_http(),
        _ => http.tls_provider(RUSTLS).build_https(),
    }
}
