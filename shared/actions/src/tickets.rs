//! A holder's tickets: bought, or received by a transfer.

use std::sync::Arc;

use crate::merged::merged;
use crate::opening::{order_of_link, order_of_person};
use crate::orders::all_orders;
use domain::order::{Order, Ticket, Voucher};
use domain::purchaser::{OrderAccess, Purchaser};
use domain::transfer::Transfer;
use domain::{Error, EventId, Kind, Result, TicketId, Timestamp, TransferId, UserId, VoucherId};
use futures::future::try_join_all;
use schemars::JsonSchema;
use serde::Serialize;
use store::{Closed, EventCache, Listing, RECEIVED_START, Received, SOLD_MILLIS, Store, StoredEvent};

/// Whether a ticket admits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TicketStatus {
    /// The ticket admits its holder.
    Valid,
    /// The ticket was used at a door.
    Used,
    /// The ticket is void: it was refunded, or its payment was taken back.
    Revoked,
}

/// A ticket with its order, which its holder may see.
#[derive(Debug, Clone)]
pub struct HeldTicket {
    /// The order that bought the ticket; its buyer may be another user.
    pub order: Arc<Order>,
    id: TicketId,
}

impl HeldTicket {
    /// The ticket as its order has it.
    pub fn ticket(&self) -> Ticket<'_> {
        let ticket = self.order.tickets().find(|ticket| ticket.id == self.id);
        ticket.expect("a held ticket is one of its order")
    }
}

/// A voucher with its order, which its buyer may see. It does not change hands.
#[derive(Debug, Clone)]
pub struct BoughtVoucher {
    /// The order that bought it.
    pub order: Order,
    id: VoucherId,
}

impl BoughtVoucher {
    /// The voucher as its order has it.
    pub fn voucher(&self) -> Voucher<'_> {
        let voucher = self.order.vouchers().find(|voucher| voucher.id == self.id);
        voucher.expect("a bought voucher is one of its order")
    }
}

/// A held ticket with its event and the state of its gate.
#[derive(Debug, Clone)]
pub struct TicketDetails {
    /// The ticket and its order.
    pub held: HeldTicket,
    /// The event, its areas and its stages.
    pub event: Arc<StoredEvent>,
    /// Whether the ticket admits.
    pub status: TicketStatus,
    /// When it was used at a door; `None` if it was not.
    pub used_at: Option<Timestamp>,
}

/// The tickets of their holders; clones share the cache of events.
#[derive(Clone, Debug)]
pub struct Tickets {
    store: Store,
    events: EventCache,
}

/// Orders; with an id only that ticket of the order, else all.
type Orders = Listing<(Order, Option<TicketId>)>;

impl Tickets {
    /// The tickets in the table of `store`.
    pub fn new(store: &Store) -> Self {
        Self { store: store.clone(), events: EventCache::new(200, SOLD_MILLIS) }
    }

    /// The event of a ticket, cached for half a minute.
    pub async fn event(&self, event: EventId, now: Timestamp) -> Result<Arc<StoredEvent>> {
        let found = self.events.get(&self.store, event, now).await?;
        found.ok_or_else(|| Error::internal(format!("the event {event} with tickets is gone")))
    }

    /// The ticket, if `holder` holds it: bought, or received by a transfer.
    ///
    /// # Errors
    /// `ticket_not_found`, also of other people's tickets.
    pub async fn held(&self, holder: &Purchaser, id: TicketId) -> Result<HeldTicket> {
        let (order, _) = id.order().ok_or_else(ticket_not_found)?;
        let found = match order_of_person(&self.store, holder, order).await? {
            Some(order) => Some(order),
            None => match self.store.received_ticket(holder.user, id).await? {
                Some(received) => self.store.order(received.buyer, order).await?,
                None => None,
            },
        };
        let order = found.ok_or_else(ticket_not_found)?;
        let is_theirs = order.tickets().any(|ticket| ticket.id == id && holder.is(ticket.holder));
        if is_theirs { Ok(HeldTicket { order: Arc::new(order), id }) } else { Err(ticket_not_found()) }
    }

    /// The ticket, if the caller holds it, or sent the link of its order and the buyer still has it.
    ///
    /// # Errors
    /// `ticket_not_found`; `order_link_invalid` and `order_link_over`.
    pub async fn opened(&self, access: &OrderAccess, id: TicketId, now: Timestamp) -> Result<HeldTicket> {
        if let Some(holder) = &access.purchaser {
            match self.held(holder, id).await {
                Err(error) if error.kind() == Kind::NotFound && access.link.is_some() => {}
                answer => return answer,
            }
        }
        let link = access.link.ok_or_else(ticket_not_found)?;
        let (order, _) = id.order().ok_or_else(ticket_not_found)?;
        let order = order_of_link(&self.store, link, order).await?.ok_or_else(ticket_not_found)?;
        let sheet = self.events.get(&self.store, order.event, now).await?;
        link.opens(&order, sheet.as_deref().map(|sheet| &sheet.event), now)?;
        let is_buyers = order.tickets().any(|ticket| ticket.id == id && ticket.holder == order.user);
        if is_buyers { Ok(HeldTicket { order: Arc::new(order), id }) } else { Err(ticket_not_found()) }
    }

    /// The voucher, if the caller bought it, or sent the link of its order.
    ///
    /// # Errors
    /// `voucher_not_found`, also of other people's vouchers; `order_link_invalid` and `order_link_over`.
    pub async fn bought_voucher(
        &self,
        access: &OrderAccess,
        id: VoucherId,
        now: Timestamp,
    ) -> Result<BoughtVoucher> {
        let not_found = || Error::not_found("voucher_not_found", "You have no such voucher.");
        let (order, _) = id.order().ok_or_else(not_found)?;
        let own = match &access.purchaser {
            Some(person) => order_of_person(&self.store, person, order).await?,
            None => None,
        };
        let order = match (own, access.link) {
            (Some(order), _) => order,
            (None, Some(link)) => {
                let order = order_of_link(&self.store, link, order).await?.ok_or_else(not_found)?;
                let sheet = self.events.get(&self.store, order.event, now).await?;
                link.opens(&order, sheet.as_deref().map(|sheet| &sheet.event), now)?;
                order
            }
            (None, None) => return Err(not_found()),
        };
        let is_issued = order.vouchers().any(|voucher| voucher.id == id);
        if is_issued { Ok(BoughtVoucher { order, id }) } else { Err(not_found()) }
    }

    /// The ticket with its event and the state of its gate.
    pub async fn details(&self, held: HeldTicket, now: Timestamp) -> Result<TicketDetails> {
        let event = self.event(held.order.event, now).await?;
        let ticket = held.ticket();
        let closed = self.store.gate(held.order.event, ticket.id, ticket.serial).await?;
        let (status, used_at) = match closed {
            _ if ticket.refunded => (TicketStatus::Revoked, None),
            Some(Closed::Used(scan)) => (TicketStatus::Used, Some(scan.at)),
            Some(Closed::Revoked(_)) => (TicketStatus::Revoked, None),
            // The ticket was handed on after the order was read, so this order's data is a moment old.
            Some(Closed::Superseded) | None => (TicketStatus::Valid, None),
        };
        Ok(TicketDetails { held, event, status, used_at })
    }

    /// The holder's tickets: first those of their own orders, the latest order first, then those
    /// that others handed on. Tickets of one order stay together, so a page can have some more than
    /// `limit`, and a page without items can still have a next one.
    pub async fn list(
        &self,
        holder: &Purchaser,
        after: Option<&str>,
        limit: u16,
        now: Timestamp,
    ) -> Result<Listing<TicketDetails>> {
        let user = holder.user;
        let page = match after {
            Some(after) if after.starts_with(RECEIVED_START) => self.received(user, after, limit).await?,
            _ => self.bought(holder, after, limit).await?,
        };
        let tickets = page.items.into_iter().flat_map(|(order, only)| {
            // What came back to the person by a transfer is listed where it was received.
            let is_listed = |ticket: &Ticket<'_>| match only {
                Some(only) => ticket.id == only && ticket.holder == user,
                None => ticket.holder == order.user,
            };
            let ids: Vec<TicketId> = order.tickets().filter(is_listed).map(|ticket| ticket.id).collect();
            let order = Arc::new(order);
            ids.into_iter().map(move |id| HeldTicket { order: order.clone(), id })
        });
        let items = try_join_all(tickets.map(|held| self.details(held, now))).await?;
        Ok(Listing { items, last: page.last })
    }

    /// Whole orders, until they have about `limit` tickets together.
    async fn bought(&self, holder: &Purchaser, after: Option<&str>, limit: u16) -> Result<Orders> {
        let page = all_orders(&self.store, holder, after, limit).await?;
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
            _ => Some(RECEIVED_START.to_owned()),
        };
        // Most users never received a ticket: they are spared an empty page.
        if last.as_deref() == Some(RECEIVED_START)
            && self.store.received(holder.user, None, 1).await?.items.is_empty()
        {
            return Ok(Listing { items, last: None });
        }
        Ok(Listing { items, last })
    }

    /// A page of the transfers that the person sent or received, also as a guest, newest first.
    pub async fn transfers_of(
        &self,
        person: &Purchaser,
        after: Option<&str>,
        limit: u16,
    ) -> Result<Listing<Transfer>> {
        let pages = try_join_all(person.ids().map(|user| self.store.transfers(user, after, limit))).await?;
        Ok(merged(pages, limit, Store::after_transfer))
    }

    /// An offer that the person made.
    ///
    /// # Errors
    /// `transfer_not_found`.
    pub async fn own_offer(&self, person: &Purchaser, id: TransferId) -> Result<Transfer> {
        for user in person.ids() {
            let found = self.store.transfer(user, id).await?;
            if let Some(transfer) = found.filter(|transfer| transfer.from == user) {
                return Ok(transfer);
            }
        }
        Err(Error::not_found("transfer_not_found", "You have made no such offer."))
    }

    async fn received(&self, user: UserId, after: &str, limit: u16) -> Result<Orders> {
        let after = Some(after).filter(|after| *after != RECEIVED_START);
        let page = self.store.received(user, after, limit).await?;
        let orders = page.items.iter().map(|Received { ticket, buyer }| async move {
            let Some((order, _)) = ticket.order() else { return Ok(None) };
            let order = self.store.order(*buyer, order).await?;
            Ok::<_, Error>(order.map(|order| (order, Some(*ticket))))
        });
        Ok(Listing { items: try_join_all(orders).await?.into_iter().flatten().collect(), last: page.last })
    }
}

fn ticket_not_found() -> Error {
    Error::not_found("ticket_not_found", "You have no such ticket.")
}
