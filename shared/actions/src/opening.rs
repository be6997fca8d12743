//! How a caller comes to one order: by the user ids that the caller has, or by the order's link.

use domain::order::Order;
use domain::order_link::{OrderLink, order_link_invalid};
use domain::purchaser::Purchaser;
use domain::{OrderId, Result};
use store::Store;

/// The order, if it is one of the person's own; those that the person made as a guest are looked at
/// second.
pub(crate) async fn order_of_person(store: &Store, person: &Purchaser, id: OrderId) -> Result<Option<Order>> {
    for user in person.ids() {
        if let Some(order) = store.order(user, id).await? {
            return Ok(Some(order));
        }
    }
    Ok(None)
}

/// The order, if the link names it. [`OrderLink::opens`] says whether it is still good.
///
/// # Errors
/// `order_link_invalid` if there is no order any more.
pub(crate) async fn order_of_link(store: &Store, link: OrderLink, id: OrderId) -> Result<Option<Order>> {
    if link.order != id {
        return Ok(None);
    }
    store.order(link.user, id).await?.map(Some).ok_or_else(order_link_invalid)
}
