//! SES's events about mails, which Amazon SNS posts to our webhook: the check that SNS
//! signed a message for a topic of ours, and the reading of the event in it.
//!
//! Follows "Verifying the signatures of Amazon SNS messages" of its developer
//! guide, and is stricter where that leaves room: certificates and confirmations
//! come from the SNS host of the topic's own region, nothing else.

#![warn(missing_docs)]

mod certificate;
mod fetch;
pub mod ses;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use boot::{ConfigError, Env, Stage};
use domain::{Error, Timestamp};
use jiff::SignedDuration;
use outbound::{Url, service_url};
use serde::{Deserialize, Serialize};

pub use certificate::Certificate;
pub use fetch::{Fetch, FetchError, Web};

/// The largest message that is looked at, in bytes: SNS's own limit for a text is
/// 256 KB, which JSON's escapes can double.
pub const MAX_BYTES: usize = 512 * 1024;

/// The greatest age of a message: SNS tries for up to an hour (see the subscription in
/// the template), and a replay changes nothing anyway.
const MAX_AGE: SignedDuration = SignedDuration::from_hours(2);
/// The most that the clock of SNS may be ahead of ours.
const MAX_LEAD: SignedDuration = SignedDuration::from_mins(5);
/// The most certificates in the cache. SNS has one per region and replaces it once a year.
const MAX_CERTIFICATES: usize = 8;

/// A message of SNS, as it comes over HTTPS. Names are those of the wire.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Message {
    /// The sort of message.
    #[serde(rename = "Type")]
    pub kind: Kind,
    /// The same for every delivery.
    pub message_id: String,
    /// The ARN of the topic.
    pub topic_arn: String,
    /// A title, if the sender gave one.
    pub subject: Option<String>,
    /// The text.
    pub message: String,
    /// The time of publication.
    pub timestamp: String,
    /// `1` is SHA-1, `2` is SHA-256.
    pub signature_version: String,
    /// In base64.
    pub signature: String,
    /// The address of the certificate with the key of the signature.
    #[serde(rename = "SigningCertURL")]
    pub signing_cert_url: String,
    /// The address that confirms a subscription.
    #[serde(rename = "SubscribeURL")]
    pub subscribe_url: Option<String>,
    /// The token that confirms a subscription.
    pub token: Option<String>,
}

/// A sort of message that SNS sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// A text that was published to the topic.
    Notification,
    /// This address was subscribed, and has to confirm it.
    SubscriptionConfirmation,
    /// The subscription was cancelled.
    UnsubscribeConfirmation,
}

impl Message {
    /// The text that is signed; `None` if a part of it is missing.
    pub fn string_to_sign(&self) -> Option<String> {
        let kind = match self.kind {
            Kind::Notification => "Notification",
            Kind::SubscriptionConfirmation => "SubscriptionConfirmation",
            Kind::UnsubscribeConfirmation => "UnsubscribeConfirmation",
        };
        let mut parts = vec![("Message", self.message.as_str()), ("MessageId", &self.message_id)];
        match self.kind {
            Kind::Notification => parts.extend(self.subject.as_deref().map(|subject| ("Subject", subject))),
            Kind::SubscriptionConfirmation | Kind::UnsubscribeConfirmation => {
                parts.push(("SubscribeURL", self.subscribe_url.as_deref()?));
            }
        }
        parts.push(("Timestamp", &self.timestamp));
        if self.kind != Kind::Notification {
            parts.push(("Token", self.token.as_deref()?));
        }
        parts.extend([("TopicArn", self.topic_arn.as_str()), ("Type", kind)]);
        Some(parts.into_iter().map(|(name, value)| format!("{name}\n{value}\n")).collect())
    }
}

/// A message that is not believed.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It is not what SNS sends, not signed by SNS, not ours, or too old.
    #[error("{0}")]
    Forged(&'static str),
    /// The certificate could not be fetched now.
    #[error("the certificate of SNS could not be fetched")]
    Unavailable(#[source] FetchError),
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Forged(_) => {
                Self::unauthenticated("webhook_refused", "This is no message that SNS signed for us.")
            }
            Refused::Unavailable(_) => {
                Self::unavailable("sns_unavailable", "The signature can not be checked now. Send it again.")
                    .retry_after(20)
            }
        }
        .caused_by(refused)
    }
}

/// A message that SNS signed for a topic of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verified {
    /// A text that was published to the topic.
    Notification {
        /// The same for every delivery.
        id: String,
        /// The text.
        message: String,
    },
    /// A subscription to be confirmed with [`Sns::confirm`].
    Subscription(Confirmation),
    /// The subscription was cancelled.
    Unsubscribed {
        /// The topic.
        topic: String,
    },
}

/// The address that confirms a subscription: one of SNS in the topic's region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmation(Url);

/// Verifies the messages of our topics; cheap to clone.
#[derive(Clone)]
pub struct Sns {
    topics: Arc<[String]>,
    fetch: Arc<dyn Fetch>,
    /// Certificates by their addresses.
    certificates: Arc<Mutex<BTreeMap<String, Certificate>>>,
}

impl fmt::Debug for Sns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sns").field("topics", &self.topics).finish_non_exhaustive()
    }
}

impl Sns {
    /// For these topics' ARNs, with certificates from `fetch`.
    pub fn new(topics: impl IntoIterator<Item = String>, fetch: Arc<dyn Fetch>) -> Self {
        Self { topics: topics.into_iter().collect(), fetch, certificates: Arc::default() }
    }

    /// For the topic whose ARN is in `topic_variable`. In the local cloud
    /// `AWS_ENDPOINT_URL_SNS` is the address of the simulated SNS.
    ///
    /// # Errors
    /// If a variable is missing or malformed, or that one is set elsewhere: the server that
    /// gives certificates can sign anything.
    pub fn from_env(env: &Env, topic_variable: &str) -> Result<Self, ConfigError> {
        const SNS_URL: &str = "AWS_ENDPOINT_URL_SNS";
        let topic = env.required(topic_variable)?;
        if region(topic).is_none() {
            return Err(ConfigError::new(topic_variable, "must be the ARN of a topic"));
        }
        let web = match (env.stage()?, env.optional(SNS_URL)) {
            (_, None) => Web::default(),
            (Stage::Local, Some(_)) => Web::at_endpoint(service_url(env, SNS_URL)?),
            (Stage::Staging | Stage::Production, Some(_)) => {
                return Err(ConfigError::new(
                    SNS_URL,
                    "must not be set unless STAGE is local: certificates come from Amazon",
                ));
            }
        };
        Ok(Self::new([topic.to_owned()], Arc::new(web)))
    }

    /// Checks that SNS signed this message for one of our topics, not long ago.
    ///
    /// # Errors
    /// [`Refused::Forged`] if it did not; [`Refused::Unavailable`] if the certificate can
    /// not be fetched now.
    pub async fn verify(&self, body: &[u8], now: Timestamp) -> Result<Verified, Refused> {
        let message: Message =
            serde_json::from_slice(body).map_err(|_| Refused::Forged("it is not a message of SNS"))?;
        if !self.topics.contains(&message.topic_arn) {
            return Err(Refused::Forged("the topic is not ours"));
        }
        let timestamp: Timestamp =
            message.timestamp.parse().map_err(|_| Refused::Forged("the time does not read"))?;
        if timestamp < now - MAX_AGE || timestamp > now + MAX_LEAD {
            return Err(Refused::Forged("it is too old, or from the future"));
        }
        let host = host_of(&message.topic_arn).ok_or(Refused::Forged("the topic has no region"))?;
        let address = address_at(&host, &message.signing_cert_url)
            .filter(|url| url.path().ends_with(".pem") && url.query().is_none())
            .ok_or(Refused::Forged("the certificate is not at SNS"))?;
        let signed = message.string_to_sign().ok_or(Refused::Forged("a signed part is missing"))?;
        let signature = STANDARD
            .decode(&message.signature)
            .map_err(|_| Refused::Forged("the signature is not base64"))?;
        let certificate = self.certificate(&address).await?;
        if !certificate.verifies(&message.signature_version, signed.as_bytes(), &signature) {
            return Err(Refused::Forged("the signature is wrong"));
        }
        match message.kind {
            Kind::Notification => {
                Ok(Verified::Notification { id: message.message_id, message: message.message })
            }
            Kind::UnsubscribeConfirmation => Ok(Verified::Unsubscribed { topic: message.topic_arn }),
            Kind::SubscriptionConfirmation => {
                let address = message.subscribe_url.as_deref().and_then(|url| address_at(&host, url));
                address
                    .map(|url| Verified::Subscription(Confirmation(url)))
                    .ok_or(Refused::Forged("the confirmation is not at SNS"))
            }
        }
    }

    /// Confirms a subscription. Doing it again is fine.
    ///
    /// # Errors
    /// If SNS does not answer, or refuses the token.
    pub async fn confirm(&self, confirmation: &Confirmation) -> Result<(), FetchError> {
        self.fetch.get(&confirmation.0).await.map(drop)
    }

    async fn certificate(&self, address: &Url) -> Result<Certificate, Refused> {
        if let Some(cached) = self.certificates().get(address.as_str()) {
            return Ok(cached.clone());
        }
        let fetched = match self.fetch.get(address).await {
            Ok(fetched) => fetched,
            Err(FetchError::Refused(_)) => return Err(Refused::Forged("there is no such certificate")),
            Err(error) => return Err(Refused::Unavailable(error)),
        };
        let certificate =
            Certificate::parse(&fetched).ok_or(Refused::Forged("the certificate does not read"))?;
        let mut certificates = self.certificates();
        if certificates.len() >= MAX_CERTIFICATES {
            certificates.clear();
        }
        certificates.insert(address.to_string(), certificate.clone());
        Ok(certificate)
    }

    fn certificates(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Certificate>> {
        self.certificates.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The partition and region in a topic's ARN.
fn region(topic: &str) -> Option<(&str, &str)> {
    let parts: Vec<&str> = topic.split(':').collect();
    let ["arn", partition, "sns", region, account, name] = parts[..] else { return None };
    let plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    (plain(region) && region.len() >= 3 && !account.is_empty() && !name.is_empty())
        .then_some((partition, region))
}

/// The host of SNS in a topic's region.
fn host_of(topic: &str) -> Option<String> {
    let (partition, region) = region(topic)?;
    let suffix = if partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
    Some(format!("sns.{region}.{suffix}"))
}

/// The address, if it is HTTPS at this host and nothing unusual about it.
fn address_at(host: &str, address: &str) -> Option<Url> {
    let url: Url = address.parse().ok()?;
    // An address that one parser repairs, another may read differently.
    let is_plain = address.starts_with(&format!("https://{host}/"));
    let unusual = url.port().is_some()
        || !url.username().is_empty()
        || url.password().is_some()
        || url.fragment().is_some();
    (url.scheme() == "https" && url.host_str() == Some(host) && is_plain && !unusual).then_some(url)
}
