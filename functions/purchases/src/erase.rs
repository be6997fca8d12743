//! Erases the data of a guest, who has no account to close: by an order's link and a mailed confirmation.

use aide::axum::ApiRouter;
use aide::axum::routing::post_with;
use domain::erasure::WaitingOrder;
use domain::erasure_confirmation::ErasureConfirmation;
use domain::order::Order;
use domain::text::Line;
use domain::{Error, Result, Timestamp, UserId};
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::Limit;
use store::limit::HOUR;
use web::{Answer, ClientNetwork, Json, Opener, Path, Refuses, Shared};

use crate::{OrderPath, State};

/// Confirmations per hour that are mailed to one buyer at the request of one network.
const CONFIRMATIONS_MAILED: Limit = Limit::exact("guest-erasure", 3, HOUR);
/// The most orders of a guest of which the answer says what they wait for; the janitor looks at all.
const LOOKED_AT: u16 = 100;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/purchases/{id}/erase",
        post_with(erase, |op| {
            op.id("eraseGuest")
                .tag("A person's data")
                .summary("Erase what was ordered without an account")
                .description(
                    "Of an order that was made without an account, and of all others that were so made with its \
                     address. Without `confirmation`, one is mailed to that address, at most three times an hour, and \
                     nothing else happens. With it, the orders lose name, address, telephone, data for an invoice \
                     that was not made, and their links; amounts, places, ids and times stay, for the organisers' \
                     books. An order with a payment, a refund or a dispute under way, or with a ticket of a show that \
                     is not over, keeps its buyer until that is done: `waiting_for` lists them. The rest follows \
                     within half an hour. Nobody can take it back. Whoever has an account closes it \
                     (`DELETE /auth/me`).",
                )
                .response::<202, Json<ErasingGuest>>()
                .refuses(["changed_meanwhile", "confirmation_invalid", "not_a_guest", "reservation_not_found"])
                .refuses(["too_many_tries"])
        }),
    )
}

/// The wish of a guest.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct GuestFarewell {
    /// What the mail to the order's address brought. Without it, a mail is sent.
    confirmation: Option<Line<1, 64>>,
}

/// How far the erasure of a guest's data is.
#[serde_with::skip_serializing_none]
#[derive(Debug, Serialize, JsonSchema)]
struct ErasingGuest {
    /// The address to which a confirmation was mailed. Absent once it is confirmed.
    mailed_to: Option<String>,
    /// The orders that still need their buyer's address, and for what. Absent before it is confirmed.
    waiting_for: Option<Vec<WaitingOrder>>,
}

async fn erase(
    Shared(state): Shared<State>,
    network: ClientNetwork,
    opener: Opener,
    Path(path): Path<OrderPath>,
    Json(farewell): Json<GuestFarewell>,
) -> Answer<(StatusCode, Json<ErasingGuest>)> {
    let now = state.clock.now();
    let order = state.orders.own(&opener, path.id, now).await?;
    if !order.is_of_guest() {
        return Err(not_a_guest().into());
    }
    let erasing = match farewell.confirmation {
        None => state.mail_confirmation(&order, &network, now).await?,
        Some(confirmation) => {
            state.keys.check_confirmation(confirmation.as_str(), order.user, now)?;
            let email = order.buyer.email.parse().map_err(Error::internal)?;
            state.erasures.begin_of_guest(order.user, email, now).await?;
            let waiting = state.waiting_orders(order.user, now).await?;
            ErasingGuest { mailed_to: None, waiting_for: Some(waiting) }
        }
    };
    Ok((StatusCode::ACCEPTED, Json(erasing)))
}

/// The refusal of an order that an account made, or of which nothing is left to erase.
fn not_a_guest() -> Error {
    Error::conflict(
        "not_a_guest",
        "This order was made with an account, or its buyer's data is erased already. Whoever has an account closes it.",
    )
}

impl State {
    async fn mail_confirmation(
        &self,
        order: &Order,
        network: &ClientNetwork,
        now: Timestamp,
    ) -> Result<ErasingGuest> {
        let network = self.keys.fingerprints().network_mark(&network.0);
        self.store.count(&[CONFIRMATIONS_MAILED.of(&[&order.user.suffix(), &network])], now).await?;
        let change = order.ask_erasure(ErasureConfirmation::new(order.user, now).until);
        let order = self.store.save_order(order, &change, now).await.map_err(Error::from)?;
        Ok(ErasingGuest { mailed_to: Some(order.buyer.email.clone()), waiting_for: None })
    }

    /// What the guest's latest orders wait for.
    async fn waiting_orders(&self, guest: UserId, now: Timestamp) -> Result<Vec<WaitingOrder>> {
        let mut waiting = Vec::new();
        for order in self.store.orders(guest, None, LOOKED_AT).await?.items {
            // A show without sales may have been deleted since.
            let sheet = self.orders.event(order.event, now).await.ok();
            let waits_for = order.waits_for(sheet.as_deref().map(|sheet| &sheet.event), now);
            // A hold that nobody was sent to pay for is given back.
            let is_given_back = order.is_payable() && order.payments.is_empty();
            if let Some(waits_for) = waits_for.filter(|_| !order.is_forgotten() && !is_given_back) {
                waiting.push(WaitingOrder { order: order.id, waits_for });
            }
        }
        Ok(waiting)
    }
}
