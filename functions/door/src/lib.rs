//! The doors: lets each ticket in once, pairs scanners, gives them manifests for work without the
//! network, and takes their later reports.
//!
//! A scan that admits costs one write and one round trip: the code proves itself by its signature,
//! and the event and the scanner are cached for half a minute.

mod conflicts;
mod devices;
mod judge;
mod manifest;
mod stats;
mod sync;
mod validate;

use domain::event::event_not_found;
use std::sync::Arc;

use aide::axum::ApiRouter;
use boot::{Boot, ConfigError, PublicKey, parse_public_keys};
use domain::ticket::TicketKeys;
use domain::{DeviceId, EventId, Result, TenantId};
use store::{Cache, Device, EventCache, SOLD_MILLIS, StoredEvent};
use web::Api;

/// The function's clients, settings and caches.
#[derive(Clone)]
pub struct State {
    api: Api,
    ticket_keys: TicketKeys,
    public_keys: Arc<[PublicKey]>,
    sheets: EventCache,
    devices: Arc<Cache<(TenantId, DeviceId), Device>>,
    stats: Arc<Cache<EventId, stats::EventCounts>>,
}

impl State {
    /// Reads `TABLE_NAME`, `JWT_PUBLIC_KEYS` and `TICKET_PUBLIC_KEYS`.
    pub fn new(boot: &Boot) -> Result<Self, ConfigError> {
        let public_keys = parse_public_keys(&boot.env, "TICKET_PUBLIC_KEYS")?;
        let ticket_keys = TicketKeys::new(public_keys.iter().map(|key| key.0));
        Ok(Self {
            api: Api::new(boot)?,
            ticket_keys: ticket_keys
                .ok_or_else(|| ConfigError::new("TICKET_PUBLIC_KEYS", "has a key that is not Ed25519's"))?,
            public_keys: public_keys.into(),
            sheets: EventCache::new(200, SOLD_MILLIS),
            devices: Arc::new(Cache::new(1000, SOLD_MILLIS)),
            stats: Arc::new(Cache::new(200, stats::FRESH_MILLIS)),
        })
    }

    /// The event with its areas, cached. Another tenant's event counts as not found.
    async fn sheet(&self, tenant: TenantId, event: EventId) -> Result<Arc<StoredEvent>> {
        let sheet = self.sheets.get(&self.store, event, self.clock.now()).await?;
        sheet.filter(|sheet| sheet.event.tenant_id == tenant).ok_or_else(event_not_found)
    }
}

web::has_api!(State);

/// `/api/v1/qr/validate` and the routes below `/api/v1/door`.
pub fn router(state: State) -> ApiRouter {
    ApiRouter::new()
        .merge(validate::routes())
        .merge(sync::routes())
        .merge(devices::routes())
        .merge(manifest::routes())
        .merge(stats::routes())
        .merge(conflicts::routes())
        .with_state(state)
}
