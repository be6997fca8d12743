//! A person's tickets, their QR codes, and handing one on.

mod held;
mod list;
mod qr;
mod show;
mod transfers;
mod view;

use std::sync::Arc;

use aide::axum::ApiRouter;
use axum::extract::FromRef;
use boot::{Boot, Clock, ConfigError, Secret, SigningKey, parse_public_keys};
use domain::{Error, EventId, Result};
use store::{EventSheet, Fresh, Store};
use web::TokenVerifier;

/// How long what an organiser wrote may be behind, in milliseconds.
const FRESH_MILLIS: i64 = 30_000;

/// What the function works with.
#[derive(Clone)]
pub struct State {
    store: Store,
    clock: Clock,
    verifier: TokenVerifier,
    ticket_key: SigningKey,
    transfer_key: [u8; 32],
    sheets: Arc<Fresh<EventId, EventSheet>>,
}

impl State {
    /// Reads `TABLE_NAME`, `JWT_PUBLIC_KEYS`, `TICKET_SECRET` and
    /// `TICKET_PUBLIC_KEYS`.
    ///
    /// # Errors
    /// If one is missing or wrong, or if the key that signs tickets is not among
    /// those that doors verify with: then nobody would get in.
    pub fn new(boot: &Boot) -> Result<Self, ConfigError> {
        let secret = Secret::from_env(&boot.env, "TICKET_SECRET")?;
        let ticket_key = secret.signing_key("ticket");
        if !parse_public_keys(&boot.env, "TICKET_PUBLIC_KEYS")?.contains(&ticket_key.public()) {
            let problem = format!("misses the key of TICKET_SECRET, {}", ticket_key.public());
            return Err(ConfigError::new("TICKET_PUBLIC_KEYS", problem));
        }
        Ok(Self {
            store: Store::new(boot)?,
            clock: boot.clock.clone(),
            verifier: TokenVerifier::from_env(&boot.env, boot.clock.clone())?,
            ticket_key,
            transfer_key: secret.derive("transfer"),
            sheets: Arc::new(Fresh::new(200, FRESH_MILLIS)),
        })
    }

    /// Opens the connection to the table.
    pub async fn warm(&self) {
        self.store.warm().await;
    }

    async fn sheet(&self, event: EventId) -> Result<Arc<EventSheet>> {
        let read = || async { Ok(self.store.event_sheet(event).await?) };
        let sheet = self.sheets.get(event, self.clock.now(), read).await?;
        sheet.ok_or_else(|| Error::internal(format!("the event {event} with tickets is gone")))
    }
}

impl FromRef<State> for TokenVerifier {
    fn from_ref(state: &State) -> Self {
        state.verifier.clone()
    }
}

/// `/api/v1/tickets`, `/api/v1/qr/{ticket}` and `/api/v1/transfers`.
pub fn router(state: State) -> ApiRouter {
    ApiRouter::new()
        .merge(list::routes())
        .merge(show::routes())
        .merge(qr::routes())
        .merge(transfers::routes())
        .with_state(state)
}
