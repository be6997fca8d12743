//! Signing messages, and posting them until somebody takes them.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use boot::Clock;
use mail_events::{Kind, Message};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::{CERTIFICATE_PATH, host};

/// The key of the certificate: made for tests, no secret.
const KEY: &[u8] = include_bytes!("key.pem");
/// How long a receiver may take to answer.
const PATIENCE: Duration = Duration::from_secs(15);
/// Deliveries that are on the wire at the same time.
const AT_ONCE: usize = 16;
/// How often a message is tried. The real SNS tries for an hour.
const TRIES: u32 = 12;
/// The pause before the second try; it doubles with each further one.
const BACKOFF: Duration = Duration::from_millis(20);

/// A message before it is signed.
#[derive(Clone)]
pub(super) struct Envelope {
    pub(super) kind: Kind,
    pub(super) topic: String,
    pub(super) message: String,
    pub(super) token: Option<String>,
}

/// Signs a message with the local SNS's key, in version 2. Its signature, and
/// where the certificate is, are filled in.
pub fn sign(mut message: Message) -> Message {
    message.signature_version = "2".to_owned();
    message.signing_cert_url = format!("{}{CERTIFICATE_PATH}", host());
    let key = PrivatePkcs8KeyDer::from_pem_slice(KEY).expect("the key is part of the program");
    let key = RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).expect("the key is part of the program");
    let signed = message.string_to_sign().unwrap_or_default();
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
        .expect("the buffer has the size of the key");
    message.signature = STANDARD.encode(signature);
    message
}

/// Posts messages.
pub(super) struct Courier {
    http: reqwest::Client,
    clock: Clock,
    slots: Semaphore,
}

impl Courier {
    pub(super) fn new(clock: Clock) -> Self {
        let http = outbound::connection_pool(false, Duration::from_secs(2))
            .expect("a client without certificates needs nothing of this machine");
        Self { http, clock, slots: Semaphore::new(AT_ONCE) }
    }

    /// The message as SNS publishes it now.
    pub(super) fn sign(&self, envelope: Envelope) -> Message {
        let Envelope { kind, topic, message, token } = envelope;
        let subscribe_url = token
            .as_ref()
            .map(|token| format!("{}/?Action=ConfirmSubscription&TopicArn={topic}&Token={token}", host()));
        sign(Message {
            kind,
            message_id: Uuid::now_v7().to_string(),
            topic_arn: topic,
            subject: None,
            message,
            timestamp: self.clock.now().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
            signature_version: String::new(),
            signature: String::new(),
            signing_cert_url: String::new(),
            subscribe_url,
            token,
        })
    }

    /// Posts the message, and again if it is not taken.
    pub(super) async fn deliver(&self, endpoint: &str, message: &Message) {
        for attempt in 0..TRIES {
            if attempt > 0 {
                tokio::time::sleep(BACKOFF * 2_u32.pow(attempt - 1)).await;
            }
            // Fails only if the semaphore is closed, which nobody does.
            let Ok(_slot) = self.slots.acquire().await else { return };
            match self.post(endpoint, message).await {
                Ok(status) if status.is_success() => return,
                Ok(status) => tracing::debug!(%status, attempt, "a message of SNS was not taken"),
                Err(error) => tracing::debug!(%error, attempt, "a message of SNS did not arrive"),
            }
        }
        tracing::warn!(endpoint, tries = TRIES, "SNS gave up on a message");
    }

    async fn post(&self, endpoint: &str, message: &Message) -> reqwest::Result<reqwest::StatusCode> {
        let body = serde_json::to_string(message).unwrap_or_default();
        let kind = match message.kind {
            Kind::Notification => "Notification",
            Kind::SubscriptionConfirmation => "SubscriptionConfirmation",
            Kind::UnsubscribeConfirmation => "UnsubscribeConfirmation",
        };
        let request = self
            .http
            .post(endpoint)
            .header("content-type", "text/plain; charset=UTF-8")
            .header("x-amz-sns-message-type", kind)
            .header("x-amz-sns-message-id", &message.message_id)
            .header("x-amz-sns-topic-arn", &message.topic_arn)
            .timeout(PATIENCE)
            .body(body);
        Ok(request.send().await?.status())
    }
}
