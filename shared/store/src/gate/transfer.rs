//! Transfers: tickets that change hands.
//!
//! A transfer is one item under its sender and, once accepted, a copy under its receiver, so that each
//! has their whole history in one place. The receiver also gets a pointer to the ticket. The order
//! alone says who holds the ticket, so a pointer that was left behind means nothing.

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::order::Order;
use domain::outbox::Outbox;
use domain::transfer::{Transfer, TransferState};
use domain::{TicketId, Timestamp, TransferId, UserId};
use serde::{Deserialize, Serialize};

use crate::failure::accept_if_written;
use crate::gate::{self, GateError};
use crate::items::{Part, carried, number, string, to_item};
use crate::{Failure, Listing, Result, Store, keys};

/// The beginning of the cursors of [`Store::received`], and of none of [`Store::orders`].
pub const RECEIVED_START: &str = keys::RECEIVED_PREFIX;

/// A pointer to a ticket that a user received by a transfer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Received {
    /// Id of the ticket.
    pub ticket: TicketId,
    /// The buyer of the ticket, under whom its order is stored.
    pub buyer: UserId,
}

impl Store {
    /// Writes a new offer. `outbox` mails it.
    ///
    /// # Errors
    /// [`Failure::Refused`] if the offer exists already, another offer of the ticket is open, or the
    /// holder has offered the ticket `most` times.
    pub async fn create_transfer(&self, transfer: &Transfer, outbox: &Outbox, most: usize) -> Result<()> {
        let key = keys::transfer(transfer.from, transfer.id);
        let open = self
            .updating(&keys::offers(transfer.from, transfer.ticket))
            .update_expression("SET open_until = :end ADD n :one")
            .condition_expression("attribute_not_exists(n) OR (open_until <= :now AND n < :most)")
            .expression_attribute_values(":end", number(transfer.expires_at.as_second()))
            .expression_attribute_values(":now", number(transfer.created_at.as_second()))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":most", number(most))
            .part()?;
        let put = self.put_new_part_with(&key, transfer, carried(Some(outbox))?)?;
        self.transact(vec![put, open]).await
    }

    /// The part of a transaction that ends the one open offer of a ticket.
    fn close_part(&self, transfer: &Transfer) -> Result<TransactWriteItem> {
        self.updating(&keys::offers(transfer.from, transfer.ticket))
            .update_expression("SET open_until = :over ADD n :none")
            .expression_attribute_values(":over", number(0))
            .expression_attribute_values(":none", number(0))
            .part()
    }

    /// A transfer that `user` sent or received, read consistently.
    pub async fn transfer(&self, user: UserId, transfer: TransferId) -> Result<Option<Transfer>> {
        self.get_consistent(&keys::transfer(user, transfer)).await
    }

    /// A page of the transfers that `user` sent or received, newest first.
    pub async fn transfers(
        &self,
        user: UserId,
        after: Option<&str>,
        limit: u16,
    ) -> Result<Listing<Transfer>> {
        self.list(&keys::user_partition(user), keys::TRANSFER_PREFIX, after, limit, true).await
    }

    /// The cursor of [`Store::transfers`] after this transfer.
    pub fn after_transfer(transfer: &Transfer) -> String {
        keys::transfer(transfer.from, transfer.id).sk
    }

    /// Cancels an open offer. Safe to repeat with the same `now`.
    ///
    /// # Errors
    /// [`Failure::Refused`] if it was accepted or cancelled meanwhile.
    pub async fn cancel_transfer(&self, transfer: &Transfer, now: Timestamp) -> Result<()> {
        let cancel = self
            .updating(&keys::transfer(transfer.from, transfer.id))
            .update_expression("SET #state = :cancelled, decided_at = :now REMOVE ob")
            .condition_expression("#state = :initiated OR (#state = :cancelled AND decided_at = :now)")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":cancelled", state(TransferState::Cancelled)?)
            .expression_attribute_values(":initiated", state(TransferState::Initiated)?)
            .expression_attribute_values(":now", string(now.to_string()))
            .part()?;
        self.transact(vec![cancel, self.close_part(transfer)?]).await
    }

    /// Writes an accepted transfer: the order with the ticket's new holder and serial, the gate that
    /// refuses the old code, the transfer, the receiver's copy and pointer. All or nothing.
    ///
    /// # Errors
    /// [`GateError::Closed`] if the ticket was used or revoked;
    /// [`Failure::Refused`] if the order or the transfer changed since they were read.
    pub async fn accept_transfer(
        &self,
        transfer: &Transfer,
        order: &Order,
        outbox: &Outbox,
    ) -> Result<(), GateError> {
        let (Some(to), Some(now)) = (transfer.to, transfer.decided_at) else {
            return Err(Failure::Fault("an acceptance without its receiver or time".to_owned()).into());
        };
        let received = Received { ticket: transfer.ticket, buyer: order.user };
        let mut writes = vec![
            self.put_order_part(order, None)?,
            self.rotate_part(order.event, transfer.ticket, transfer.serial, now)?,
            self.accept_part(transfer, outbox)?,
            self.close_part(transfer)?,
            self.put_part(&keys::transfer(to, transfer.id), transfer)?,
        ];
        // The buyer needs no pointer: the ticket is in the buyer's own order. The sender's, if there is
        // one, stays: deleting it would change nothing.
        if to != order.user {
            writes.push(self.put_part(&keys::received(to, transfer.ticket), &received)?);
        }
        let is_written =
            async { Ok(self.transfer(transfer.from, transfer.id).await?.as_ref() == Some(transfer)) };
        match accept_if_written(self.transact(writes).await, is_written).await {
            Err(Failure::Refused(item)) => Err(gate::why_closed(item, transfer.serial)?),
            other => Ok(other?),
        }
    }

    fn accept_part(&self, transfer: &Transfer, outbox: &Outbox) -> Result<TransactWriteItem> {
        let mut item = to_item(&keys::transfer(transfer.from, transfer.id), transfer)?;
        item.extend(carried(Some(outbox))?);
        self.putting(item)
            .condition_expression("#state = :initiated")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":initiated", state(TransferState::Initiated)?)
            .part()
    }

    /// A page of the pointers to tickets that `user` received.
    pub async fn received(&self, user: UserId, after: Option<&str>, limit: u16) -> Result<Listing<Received>> {
        self.list(&keys::user_partition(user), keys::RECEIVED_PREFIX, after, limit, true).await
    }

    /// The pointer to a ticket that `user` received, read consistently.
    pub async fn received_ticket(&self, user: UserId, ticket: TicketId) -> Result<Option<Received>> {
        self.get_consistent(&keys::received(user, ticket)).await
    }
}

fn state(state: TransferState) -> Result<aws_sdk_dynamodb::types::AttributeValue> {
    serde_dynamo::to_attribute_value(state).map_err(Failure::unreadable)
}

#[cfg(test)]
mod tests {
    use domain::testing::at;
    use domain::{Error, Person};

    use super::*;
    use crate::gate::tests::{paid_order, scan};
    use crate::testing::{at_once, meeting, store};
    use crate::{Closed, Redemption};

    fn offer(order: &Order, from: UserId, serial: u16) -> Transfer {
        Transfer {
            id: TransferId::generate(at(1)),
            from,
            sender: Person { email: "ana@example.com".to_owned(), name: "Ana".to_owned() },
            to_email: "eva@example.com".to_owned(),
            to: None,
            receiver: None,
            ticket: order.id.ticket(0),
            serial,
            buyer: order.user,
            event: order.event,
            reason: None,
            state: TransferState::Initiated,
            created_at: at(1),
            expires_at: at(1000),
            decided_at: None,
        }
    }

    fn eva_herself() -> Person {
        Person { email: "eva@example.com".to_owned(), name: "Eva".to_owned() }
    }

    async fn accept(store: &Store, offer: &Transfer, to: UserId) -> Result<(), Error> {
        let (order, _) = offer.ticket.order().expect("of an order");
        let order = store.order(offer.buyer, order).await?.expect("the order is there");
        let (transfer, order) = offer.accept(&order, to, eva_herself(), at(2))?;
        Ok(store.accept_transfer(&transfer, &order, &Outbox::TransferOffered).await?)
    }

    #[tokio::test]
    async fn a_ticket_changes_hands_and_comes_back() {
        let store = store().await;
        let order = paid_order();
        let (ana, eva) = (order.user, UserId::generate(at(0)));
        let ticket = order.id.ticket(0);
        store.create_order(&order).await.expect("created");
        let first = offer(&order, ana, 0);
        store.create_transfer(&first, &Outbox::TransferOffered, 10).await.expect("created");
        for _ in 0..2 {
            // The second time as a client whose answer was lost.
            let (transfer, after) = first.accept(&order, eva, eva_herself(), at(2)).expect("possible");
            store.accept_transfer(&transfer, &after, &Outbox::TransferOffered).await.expect("accepted");
        }
        let now = store.order(ana, order.id).await.expect("read").expect("there");
        let held = now.tickets().next().expect("a ticket");
        assert_eq!((held.holder, held.serial), (eva, 1));
        assert_eq!(store.received_ticket(eva, ticket).await.expect("read").expect("there").buyer, ana);
        assert_eq!(store.gate(order.event, ticket, 0).await.expect("read"), Some(Closed::Superseded));
        let history = |user| {
            let store = &store;
            async move { store.transfers(user, None, 10).await.expect("listed").items }
        };
        assert_eq!(history(ana).await, history(eva).await);

        let back = offer(&order, eva, 1);
        store.create_transfer(&back, &Outbox::TransferOffered, 10).await.expect("created");
        accept(&store, &back, ana).await.expect("accepted");
        let now = store.order(ana, order.id).await.expect("read").expect("there");
        assert_eq!(now.tickets().next().expect("a ticket").holder, ana, "whatever Eva's pointer says");
        assert_eq!(store.received_ticket(ana, ticket).await.expect("read"), None, "it is in her own order");
        assert_eq!(history(ana).await.len(), 2);
        assert_eq!(
            store.redeem(order.event, ticket, 2, &scan("a", 3)).await.expect("answers"),
            Redemption::Admitted(at(3))
        );
    }

    #[tokio::test]
    async fn a_ticket_has_one_open_offer_and_not_too_many_in_all() {
        let store = store().await;
        let order = paid_order();
        let offer = || offer(&order, order.user, 0);
        let create = async |offer: &Transfer| store.create_transfer(offer, &Outbox::TransferOffered, 2).await;
        let first = offer();
        create(&first).await.expect("created");
        assert!(matches!(create(&offer()).await, Err(Failure::Refused(_))), "one is open");
        store.cancel_transfer(&first, at(2)).await.expect("cancelled");
        let second = offer();
        create(&second).await.expect("none is open");
        store.cancel_transfer(&second, at(3)).await.expect("cancelled");
        assert!(matches!(create(&offer()).await, Err(Failure::Refused(_))), "two are enough");
    }

    #[tokio::test]
    async fn of_many_acceptances_of_an_offer_exactly_one_wins() {
        let store = store().await;
        let order = paid_order();
        store.create_order(&order).await.expect("created");
        let offer = offer(&order, order.user, 0);
        store.create_transfer(&offer, &Outbox::TransferOffered, 10).await.expect("created");
        let store = meeting(&store, 16);
        let results = at_once(16, |_| {
            let (store, offer) = (store.clone(), offer.clone());
            async move { accept(&store, &offer, UserId::generate(at(0))).await.is_ok() }
        })
        .await;
        assert_eq!(results.iter().filter(|accepted| **accepted).count(), 1);
    }

    #[tokio::test]
    async fn a_used_ticket_and_a_cancelled_offer_cannot_be_accepted() {
        let store = store().await;
        let order = paid_order();
        store.create_order(&order).await.expect("created");
        let (used, cancelled) = (offer(&order, order.user, 0), offer(&order, order.user, 0));
        let eva = UserId::generate(at(0));
        store.create_transfer(&cancelled, &Outbox::TransferOffered, 10).await.expect("created");
        store.cancel_transfer(&cancelled, at(2)).await.expect("cancelled");
        store.cancel_transfer(&cancelled, at(2)).await.expect("the same cancellation again");
        assert!(matches!(store.cancel_transfer(&cancelled, at(3)).await, Err(Failure::Refused(_))));
        assert_eq!(accept(&store, &cancelled, eva).await.expect_err("over").code(), "changed_meanwhile");
        store.create_transfer(&used, &Outbox::TransferOffered, 10).await.expect("none is open");
        store.redeem(order.event, used.ticket, 0, &scan("a", 3)).await.expect("answers");
        assert_eq!(accept(&store, &used, eva).await.expect_err("used").code(), "ticket_used");
        assert_eq!(store.order(order.user, order.id).await.expect("read"), Some(order));
    }
}
