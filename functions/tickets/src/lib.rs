//! A holder's tickets, their QR codes and transfers.

mod list;
mod qr;
mod show;
mod transfers;
mod view;

use actions::Tickets;
use aide::axum::ApiRouter;
use axum::extract::FromRef;
use boot::{Boot, ConfigError, Secret, SigningKey};
use web::{Api, OrderKeys};

/// The function's clients, settings and cache.
#[derive(Clone)]
pub struct State {
    api: Api,
    tickets: Tickets,
    keys: OrderKeys,
    ticket_key: SigningKey,
    transfer_key: [u8; 32],
}

impl State {
    /// Reads `TABLE_NAME`, `JWT_PUBLIC_KEYS`, `HASH_SECRET`, `ORDER_LINK_SECRET`, `TRUSTED_HOPS`,
    /// `TICKET_SECRET` and `TICKET_PUBLIC_KEYS`.
    ///
    /// # Errors
    /// If a variable is missing or wrong, or if the key that signs tickets is not among the keys
    /// that doors verify with: no door would accept such tickets.
    pub fn new(boot: &Boot) -> Result<Self, ConfigError> {
        let (ticket_key, _) =
            SigningKey::from_env(&boot.env, "ticket", "TICKET_SECRET", "TICKET_PUBLIC_KEYS")?;
        let api = Api::new(boot)?;
        Ok(Self {
            tickets: Tickets::new(&api.store),
            api,
            keys: OrderKeys::from_env(&boot.env)?,
            ticket_key,
            transfer_key: Secret::from_env(&boot.env, "TICKET_SECRET")?.derive("transfer"),
        })
    }
}

web::has_api!(State);

impl FromRef<State> for OrderKeys {
    fn from_ref(state: &State) -> Self {
        state.keys.clone()
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
