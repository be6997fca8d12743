use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use domain::order::Order;
use domain::{Result, TicketId, UserId};
use futures::future::try_join_all;
use store::{Listing, Received, Store};
use web::{Answer, Buyer, Json, Page, Paging, Shared};

use crate::State;
use crate::view::{TicketView, view};

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/tickets",
        get_with(list, |op| {
            op.id("listTickets").tag("Tickets").summary("List one's tickets").description(
                "First those of one's own orders, the latest order first, then those that others handed on. \
                 Tickets of one order stay together, so a page can have up to 19 more than `limit`, and a page \
                 without items can still have a next one.",
            )
        }),
    )
}

async fn list(Shared(state): Shared<State>, buyer: Buyer, paging: Paging) -> Answer<Json<Page<TicketView>>> {
    let Paging { limit, after } = paging;
    let in_received = after.as_deref().is_some_and(|after| after.starts_with(RECEIVED));
    let page = if in_received {
        received(&state, buyer.user, after.as_deref(), limit).await?
    } else {
        bought(&state, buyer.user, after.as_deref(), limit).await?
    };
    let tickets = page.items.iter().flat_map(|(order, wanted)| {
        order
            .tickets()
            .filter(|ticket| ticket.holder == buyer.user && wanted.is_none_or(|wanted| wanted == ticket.id))
            .map(move |ticket| (order, ticket))
    });
    let views = tickets.map(|(order, ticket)| {
        let state = &state;
        async move { view(state, order, &ticket).await }
    });
    Ok(Json(Page::new(try_join_all(views).await?, page.last)))
}

/// Orders; with an id only that ticket of the order, else all.
type Orders = Listing<(Order, Option<TicketId>)>;

/// Start of the cursors in the list's second part, the received tickets.
const RECEIVED: &str = store::RECEIVED_START;

/// Whole orders, until they have about `limit` tickets together.
async fn bought(state: &State, user: UserId, after: Option<&str>, limit: u16) -> Result<Orders> {
    let page = state.store.orders(user, after, limit).await?;
    let (read, mut items, mut tickets) = (page.items.len(), Vec::new(), 0_usize);
    for order in page.items {
        if tickets >= usize::from(limit) {
            break;
        }
        tickets += order.tickets().count();
        items.push((order, None));
    }
    let last = match items.last() {
        Some((order, _)) if items.len() < read || page.last.is_some() => Some(Store::after_order(order)),
        _ => Some(RECEIVED.to_owned()),
    };
    // Most users never received a ticket: they are spared an empty page.
    if last.as_deref() == Some(RECEIVED) && state.store.received(user, None, 1).await?.items.is_empty() {
        return Ok(Listing { items, last: None });
    }
    Ok(Listing { items, last })
}

async fn received(state: &State, user: UserId, after: Option<&str>, limit: u16) -> Result<Orders> {
    let after = after.filter(|after| *after != RECEIVED);
    let page = state.store.received(user, after, limit).await?;
    let orders = page.items.iter().map(|Received { ticket, buyer }| async move {
        let Some((order, _)) = ticket.order() else { return Ok(None) };
        let order = state.store.order(*buyer, order).await?;
        Ok::<_, domain::Error>(order.map(|order| (order, Some(*ticket))))
    });
    Ok(Listing { items: try_join_all(orders).await?.into_iter().flatten().collect(), last: page.last })
}
