//! Sells the places of orders whose outcome is written.

use domain::Result;
use domain::order::{Input, Order, OrderStatus, Secured, Step};

use crate::{State, TRIES, contended, save};

/// Turns an order's secured places into sold ones, after its outcome was written; returns the order
/// as it is then. If the places expired before, because workers died, others are taken. If there
/// are none, the unused tickets become void and their money goes back; used tickets stay as they
/// are, for a person to look at.
pub(crate) async fn sell(state: &State, mut order: Order) -> Result<Order> {
    for _ in 0..TRIES {
        if !order.status.is_settled() || state.store.sell_holdings(&order).await? {
            return Ok(order);
        }
        let known = order.version;
        order = read_again(state, &order).await?;
        if order.version != known {
            // A refund gave some of the places back.
            continue;
        }
        tracing::error!(order = %order.id, "the places of an order ran out before they were sold");
        let sheet = state.sheet(order.event).await?;
        let secured = state.store.secure_holdings(&order, &sheet, state.clock.now()).await?;
        let is_over = match secured {
            Secured::All(_) => false,
            Secured::Gone(_) => {
                let unused = state.store.unused_parts(order.event, &order.valid_parts()).await?;
                order.is_over(unused.len())
            }
        };
        let unsold = Input::Unsold { secured: &secured, is_over };
        order = match order.next(unsold, state.clock.now()) {
            Step::Save(changed, change) => match save(state, &changed, &change).await? {
                Some(saved) => saved,
                None => read_again(state, &order).await?,
            },
            Step::Note(difference) => {
                state.store.note_payment_difference(order.tenant, &difference).await?;
                return Ok(order);
            }
            _ => return Ok(order),
        };
    }
    Err(contended())
}

/// Sells the places that a worker left unsold because it died or failed.
pub(crate) async fn sell_rest(state: &State, order: &Order) -> Result<()> {
    if order.status.is_settled() && !state.store.holdings_are_sold(order).await? {
        sell(state, order.clone()).await?;
        // A refund may have come in between.
        let order = read_again(state, order).await?;
        state.store.return_unused(&order).await?;
    }
    Ok(())
}

/// Returns what an order that has ended is not to keep: a worker may have extended its claims while
/// another ended it. Also sells what is unsold of one that is paid.
pub(crate) async fn release(state: &State, order: &Order) -> Result<()> {
    if order.status == OrderStatus::Released {
        return Ok(state.store.release_holdings(order).await?);
    }
    sell_rest(state, order).await?;
    Ok(state.store.return_unused(order).await?)
}

async fn read_again(state: &State, order: &Order) -> Result<Order> {
    let current = state.store.order(order.user, order.id).await?;
    current.ok_or_else(|| domain::Error::internal(format!("the order {} vanished", order.id)))
}
