//! Renders and sends e-mails.

mod discount;
mod format;
mod render;
mod send;

use std::sync::Arc;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use boot::{Boot, BootError, Clock, ConfigError, Secret};
use domain::consent::UnsubscribeToken;
use domain::user::Email;
use domain::{Error, Result};
use queue::{Mail, MailMessage, NeededConsent, Queue, TokenSeal};
use store::{Fingerprints, Store};

use render::Templates;

/// The function's clients and settings.
#[derive(Clone)]
pub struct State {
    store: Store,
    clock: Clock,
    ses: aws_sdk_sesv2::Client,
    /// The sender's address of all mails.
    sender: Arc<str>,
    /// The box office's address, with which links begin; without a slash at its end.
    public_url: Arc<str>,
    seal: TokenSeal,
    templates: Arc<Templates>,
    /// The SES configuration set that publishes a mail's events.
    configuration_set: Arc<str>,
    fingerprints: Fingerprints,
    /// The key of the links that take a consent back.
    unsubscribe_key: [u8; 32],
    /// The mail queue, to which a mail goes back while another worker is sending it.
    mails: Queue<MailMessage>,
}

impl State {
    /// Reads `TABLE_NAME`, `SENDER_ADDRESS`, `PUBLIC_URL`, `MAIL_SECRET`, `HASH_SECRET`,
    /// `CONFIGURATION_SET` and `MAIL_QUEUE_URL`.
    pub fn new(boot: &Boot) -> Result<Self, ConfigError> {
        let templates = Templates::new().map_err(|error| ConfigError::new("templates", error.to_string()))?;
        Ok(Self {
            store: Store::new(boot)?,
            clock: boot.clock.clone(),
            ses: aws_sdk_sesv2::Client::new(&boot.aws.config()),
            sender: boot.env.required("SENDER_ADDRESS")?.into(),
            public_url: boot.env.public_url()?,
            seal: TokenSeal::from_env(&boot.env)?,
            templates: Arc::new(templates),
            fingerprints: Fingerprints::from_env(&boot.env)?,
            unsubscribe_key: Secret::from_env(&boot.env, "HASH_SECRET")?.derive(UnsubscribeToken::PURPOSE),
            configuration_set: boot.env.required("CONFIGURATION_SET")?.into(),
            mails: Queue::new(boot)?,
        })
    }
}

/// Handles a batch of the mail queue: sends each message's mail.
///
/// # Errors
/// Never as a whole: failed messages are reported one by one.
pub async fn handle(state: State, event: SqsEvent) -> Result<SqsBatchResponse, BootError> {
    let state = &state;
    Ok(queue::process(event, |message| deliver(state, message)).await)
}

/// Sends one mail. An order's tickets are marked as mailed only after the mail was sent: if the
/// mark is lost, the buyer gets them twice, which is better than not at all. The answer to a
/// discount request is mailed at most once.
async fn deliver(state: &State, message: MailMessage) -> Result<()> {
    let (message, now) = (message.sanitised(), state.clock.now());
    if let Mail::Discount(mail) = &message.mail {
        return discount::deliver(state, &message, mail.request).await;
    }
    if let Mail::Tickets(mail) = &message.mail {
        let order = state.store.order(mail.user, mail.order).await?;
        if order.is_none_or(|order| order.mailed_at.is_some()) {
            return Ok(());
        }
    }
    let unsubscribe = match &message.consent {
        None => None,
        Some(needed) => match state.unsubscribe_link(&message.to.email, needed).await? {
            Some(link) => Some(link),
            None => {
                tracing::info!(tenant = %needed.tenant, purpose = ?needed.purpose, "not mailed without consent");
                return Ok(());
            }
        },
    };
    let token = match &message.mail {
        Mail::Link(link) if link.expires_at.is_some_and(|end| end <= now) => {
            tracing::warn!(purpose = ?link.purpose, "a link ran out before it was mailed");
            return Ok(());
        }
        Mail::Link(link) => {
            let open = |sealed: &String| state.seal.open(sealed, &message.to.email).map_err(Error::internal);
            link.sealed_token.as_ref().map(open).transpose()?
        }
        _ => None,
    };
    let rendered = state.templates.render(&message, token.as_deref(), &state.public_url, now)?;
    let guarantee = send::Guarantee::AtLeastOnce;
    send::send(state, &message, rendered, unsubscribe.as_deref(), guarantee).await?;
    if let Mail::Tickets(mail) = &message.mail {
        state.store.mark_mailed(mail.user, mail.order, state.clock.now()).await?;
    }
    Ok(())
}

impl State {
    /// The address at which the owner of `email` takes the consent back that a mail needs; `None` if it was
    /// not given, or taken back since the mail was queued.
    async fn unsubscribe_link(&self, email: &str, needed: &NeededConsent) -> Result<Option<String>> {
        let NeededConsent { tenant, purpose } = *needed;
        let email: Email = email.parse().map_err(Error::internal)?;
        let fingerprint = self.fingerprints.email(&email);
        if !self.store.has_consent(&fingerprint, tenant, purpose).await? {
            return Ok(None);
        }
        let token = UnsubscribeToken::of(&fingerprint, tenant, purpose)?;
        Ok(Some(token.url(&self.public_url, &self.unsubscribe_key)))
    }
}
