//! Selling the places of orders whose outcome is written.

use domain::Result;
use domain::order::Order;
use store::Secured;

use crate::differences::used_without_places;
use crate::note::{self, Change};
use crate::settle::write;
use crate::{State, TRIES, contended};

/// Makes an order's places its own for good, after its outcome was written. If they ran
/// out before, because workers died, others are taken; if there are none, the tickets that
/// nobody used become worthless and the money goes back. What was used stays as it is, for
/// people to look at. Answers with the order as it is then.
pub(crate) async fn sell(state: &State, mut order: Order) -> Result<Order> {
    for _ in 0..TRIES {
        if !order.status.is_settled() || state.store.sell_holdings(&order).await? {
            return Ok(order);
        }
        let known = order.version;
        order = read_again(state, &order).await?;
        if order.version != known {
            // A refund, which took some of them back.
            continue;
        }
        tracing::error!(order = %order.id, "the places of an order ran out before they were sold");
        let sheet = state.sheet(order.event).await?;
        let change = match state.store.secure_holdings(&order, &sheet, state.clock.now()).await? {
            Secured::All(holdings) => {
                order.holdings = holdings;
                Change::default()
            }
            Secured::Gone(_) if is_lost(state, &order).await? => {
                let noted = used_without_places(&order, state.clock.now());
                state.store.note_payment_difference(order.tenant, &noted).await?;
                return Ok(order);
            }
            Secured::Gone(_) => note::lost(&mut order),
        };
        if !write(state, &mut order, &change).await? {
            order = read_again(state, &order).await?;
        }
    }
    Err(contended())
}

/// True if all that can be taken back of an order is: its tickets are used or worthless,
/// and none of its money is kept.
async fn is_lost(state: &State, order: &Order) -> Result<bool> {
    let unused = state.store.unused_tickets(order.event, &note::valid_tickets(order)).await?;
    Ok(unused.is_empty() && order.kept() <= 0)
}

/// Sells what a worker that died, or met trouble, left unsold of an order.
pub(crate) async fn sell_rest(state: &State, order: &Order) -> Result<()> {
    if order.status.is_settled() && !state.store.holdings_are_sold(order).await? {
        sell(state, order.clone()).await?;
        // In case a refund had its turn in between.
        let order = read_again(state, order).await?;
        state.store.return_unused(&order).await?;
    }
    Ok(())
}

async fn read_again(state: &State, order: &Order) -> Result<Order> {
    let current = state.store.order(order.user, order.id).await?;
    current.ok_or_else(|| domain::Error::internal(format!("the order {} vanished", order.id)))
}
