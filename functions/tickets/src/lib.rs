//! A holder's tickets, their QR codes and transfers.

mod held;
mod list;
mod qr;
mod show;
mod transfers;
mod view;

use std::ops::Deref;
use std::sync::Arc;

use aide::axum::ApiRouter;
use boot::{Boot, ConfigError, Secret, SigningKey};
use domain::{Error, EventId, Result};
use store::{EventCache, Fingerprints, SOLD_MILLIS, StoredEvent};
use web::Api;

/// The function's clients, settings and cache.
#[derive(Clone)]
pub struct State {
    api: Api,
    fingerprints: Fingerprints,
    ticket_key: SigningKey,
    transfer_key: [u8; 32],
    sheets: EventCache,
}

impl State {
    /// Reads `TABLE_NAME`, `JWT_PUBLIC_KEYS`, `HASH_SECRET`, `TRUSTED_HOPS`,
    /// `TICKET_SECRET` and `TICKET_PUBLIC_KEYS`.
    ///
    /// # Errors
    /// If a variable is missing or wrong, or if the key that signs tickets is not among the keys
    /// that doors verify with: no door would accept such tickets.
    pub fn new(boot: &Boot) -> Result<Self, ConfigError> {
        let (ticket_key, _) =
            SigningKey::from_env(&boot.env, "ticket", "TICKET_SECRET", "TICKET_PUBLIC_KEYS")?;
        Ok(Self {
            api: Api::new(boot)?,
            fingerprints: Fingerprints::from_env(&boot.env)?,
            ticket_key,
            transfer_key: Secret::from_env(&boot.env, "TICKET_SECRET")?.derive("transfer"),
            sheets: EventCache::new(200, SOLD_MILLIS),
        })
    }

    async fn sheet(&self, event: EventId) -> Result<Arc<StoredEvent>> {
        let sheet = self.sheets.get(&self.store, event, self.clock.now()).await?;
        sheet.ok_or_else(|| Error::internal(format!("the event {event} with tickets is gone")))
    }
}

impl Deref for State {
    type Target = Api;

    fn deref(&self) -> &Api {
        &self.api
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
