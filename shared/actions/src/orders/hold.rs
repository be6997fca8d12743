//! Holds places at a quoted price.

use std::sync::Arc;
use std::time::Duration;

use domain::access::email_unverified;
use domain::event::Details;
use domain::operator::organiser_suspended;
use domain::order::attendees::{self, NewAttendee};
use domain::order::attributes::{ExtraAttributes, check_extra_attributes};
use domain::order::{Attendee, Change, Hold, Order, OrderStatus};
use domain::plan::Seatings;
use domain::policy::PolicyVersions;
use domain::pricing::{Promotion, PromotionReason, Quote};
use domain::purchaser::Purchaser;
use domain::{Error, Kind, Language, OrderId, QuoteId, Result, Timestamp};
use futures::future::try_join;
use store::{
    Failure, GateError, HoldError, HoldRequest, Store, StoredEvent, StoredProducts, key_reused, recount,
};

use super::digest::RequestDigest;
use super::guest::count_guest_order;
use super::policies::TermsOfSale;
use super::{Orders, REMEMBERED};

/// Unpaid reservations of one buyer for one event, so that no buyer can block a show without
/// paying.
const MAX_OPEN: usize = 4;

/// How long a request may take to check the buyer's other reservations after it made one.
const UNSURE: Duration = Duration::from_secs(15);

/// A buyer's request to hold places.
#[derive(Debug)]
pub struct NewReservation<'a> {
    /// The sealed quote.
    pub quote: &'a str,
    /// The attendees, one for each ticket in the order of the lines; empty if they follow with the
    /// payment.
    pub attendees: Vec<NewAttendee>,
    /// The language of the order's mails; `None` for the event's.
    pub language: Option<Language>,
    /// What the organiser's own systems keep with the order.
    pub extra_attributes: Details,
    /// The digest that recognises a repeated request; `None` without an idempotency key.
    pub digest: Option<RequestDigest>,
    /// The versions of the organiser's policies that the buyer accepts.
    pub accepts: PolicyVersions,
}

impl Orders {
    /// Takes the places of a quote for some minutes. A quote becomes one order: asking again
    /// returns the same one.
    ///
    /// # Errors
    /// What keeps the event from being sold, what is wrong with the quote, the attendees or the
    /// promotion, `sold_out`, `product_sold_out`, `no_adjacent_seats`, `seats_contended` and their kin,
    /// `quote_used`, `too_many_reservations`, `organiser_suspended`, `policies_changed`,
    /// `idempotency_key_reused` and, for guests, `too_many_tries`.
    pub async fn hold(
        &self,
        buyer: &Purchaser,
        request: NewReservation<'_>,
        now: Timestamp,
    ) -> Result<(Order, Arc<StoredEvent>)> {
        let quote = self.quote_key.open(request.quote, now)?;
        let event = self.event(quote.event_id, now).await?;
        event.event.on_sale(now)?;
        let attendees = attendees::read(request.attendees, quote.totals.quantity, &event.event, now)?;
        check_extra_attributes(&request.extra_attributes)?;
        let digest = request.digest.as_ref();
        let language = request.language.unwrap_or(event.event.language);
        let seatings = self.seatings.get(&self.store, &event, now).await?;
        let products = self.other_products(&quote, &event, now).await?;
        let attempt = HoldAttempt {
            store: &self.store,
            buyer,
            event: &event,
            seatings: &seatings,
            products: products.as_deref(),
            language,
            digest,
            now,
        };
        let order = match attempt.find_existing_order(&quote).await? {
            Some(order) if attempt.is_new(&order) => attempt.confirm_concurrent_order(order).await?,
            Some(order) => order,
            None => {
                let tenant = event.event.tenant_id;
                let terms = self.terms_of_sale(tenant, request.accepts, now).await?;
                attempt.hold(quote, attendees, terms).await?
            }
        };
        if !request.extra_attributes.is_empty() {
            // Also of a repeated request: the first may have died before it came here.
            let attributes = ExtraAttributes::replacing(None, request.extra_attributes, now);
            self.store.create_extra_attributes(order.user, order.id, &attributes).await?;
        }
        Ok((order, event))
    }
}

/// One request to hold places of an event, with what each of its steps needs.
struct HoldAttempt<'a> {
    store: &'a Store,
    buyer: &'a Purchaser,
    event: &'a StoredEvent,
    seatings: &'a Seatings,
    language: Language,
    /// The products of the organiser for all events, if the quote has some of them.
    products: Option<&'a StoredProducts>,
    digest: Option<&'a RequestDigest>,
    now: Timestamp,
}

impl HoldAttempt<'_> {
    /// The existing order of this quote, if there is one. Reads the buyer's orders of the last day,
    /// which also show a reused key and too many open reservations.
    async fn find_existing_order(&self, quote: &Quote) -> Result<Option<Order>> {
        let id = OrderId::of_quote(quote.id, self.buyer.user);
        let mut recent = self.store.orders_since(self.buyer.user, self.now - REMEMBERED).await?;
        let known = recent.iter().find(|order| order.id == id).cloned();
        if known.as_ref().is_some_and(|known| self.repeats(known)) {
            return known.map(|known| self.unless_released(known)).transpose();
        }
        recent.retain(|order| self.counts(order));
        for kept in recent.iter().filter_map(|order| order.idempotency.as_deref()) {
            self.digest.map_or(Ok(false), |digest| digest.repeats(kept))?;
        }
        if known.is_some() {
            return Err(is_order_already(id));
        }
        if self.open_reservations(&recent).len() >= MAX_OPEN {
            return Err(too_many());
        }
        Ok(None)
    }

    /// True if the request is the one that made the order. A guest's must have the same network and
    /// the same key: the answer has the order's link, and a quote and an address are no proof.
    fn repeats(&self, order: &Order) -> bool {
        let digest = self.digest.map(RequestDigest::text);
        match &self.buyer.guest {
            None => digest.is_none() || order.idempotency == digest,
            Some(guest) => {
                order.guest_network.as_ref() == Some(&guest.network) && order.idempotency == digest
            }
        }
    }

    /// True if the order counts against the buyer's limits: a guest's, if it was made from the same
    /// network. Otherwise strangers could use up what an address has.
    fn counts(&self, order: &Order) -> bool {
        let network = self.buyer.guest.as_ref().map(|guest| &guest.network);
        network.is_none_or(|network| order.guest_network.as_ref() == Some(network))
    }

    /// The existing order of a quote, unless it has ended: a quote can become only one order.
    fn unless_released(&self, known: Order) -> Result<Order> {
        match known.status_at(self.now) {
            OrderStatus::Released => {
                Err(quote_used("The reservation of this quote has ended. Ask for a new quote.", known.id))
            }
            _ => Ok(known),
        }
    }

    /// The unpaid reservations for the event among the buyer's orders.
    fn open_reservations(&self, orders: &[Order]) -> Vec<OrderId> {
        let is_open = |order: &&Order| {
            let status = order.status_at(self.now);
            order.event == self.event.event.id
                && matches!(status, OrderStatus::Held | OrderStatus::AwaitingPayment)
        };
        orders.iter().filter(is_open).map(|order| order.id).collect()
    }

    /// The orders that have the request's idempotency key.
    fn with_key(&self, orders: &[Order]) -> Vec<OrderId> {
        let has_key = |kept: &str| self.digest.is_some_and(|digest| digest.shares_key(kept));
        let orders = orders.iter().filter(|order| order.idempotency.as_deref().is_some_and(has_key));
        orders.map(|order| order.id).collect()
    }

    /// Claims the places and creates the order.
    async fn hold(&self, quote: Quote, attendees: Vec<Attendee>, terms: TermsOfSale) -> Result<Order> {
        if let Some(guest) = &self.buyer.guest {
            count_guest_order(self.store, self.buyer.user, &guest.network, self.now).await?;
        }
        let promotion = self.promotion(&quote).await?;
        let (user, event) = (self.buyer.user, &self.event.event);
        // Whole seconds, as allotments count time.
        let ends = self.now.as_second() + i64::from(event.hold_minutes) * 60;
        let expires_at = Timestamp::from_second(ends).map_err(Error::internal)?;
        let request = HoldRequest {
            quote: &quote,
            sheet: self.event,
            seatings: self.seatings,
            products: self.products,
            promotion: promotion.as_ref(),
            user,
            until: expires_at,
        };
        let held = match self.store.hold(request, self.now).await {
            Err(HoldError::BesideAnother) => return self.await_other(quote.id).await,
            held => held?,
        };
        let hold = Hold {
            user,
            buyer: self.buyer.person.clone(),
            guest: self.buyer.guest.clone(),
            language: self.language,
            attendees,
            holdings: held.holdings.clone(),
            chosen: held.chosen.clone(),
            expires_at,
            idempotency: self.digest.map(RequestDigest::text),
            accepted: terms.accepted,
            commission: terms.commission,
        };
        let order = Order::hold(quote, hold);
        let known = self.store.create_order(&order).await?;
        self.store.release_unnamed(known.as_ref().unwrap_or(&order), &held).await?;
        let Some(known) = known else { return self.enforce_limits(order).await };
        if self.buyer.guest.is_some() && !self.repeats(&known) {
            // The places that are still claimed are those of the order that is there.
            return Err(is_order_already(known.id));
        }
        let answer = self.confirm_concurrent_order(known).await;
        if answer.as_ref().is_err_and(|error| error.kind() != Kind::Unavailable) {
            // The order is gone, so the places just claimed belong to no order.
            self.store.release_holdings(&order).await?;
        }
        answer
    }

    /// Waits for the order that another request of this quote makes of the last seats.
    async fn await_other(&self, quote: QuoteId) -> Result<Order> {
        for look in 0..recount::MAX_COUNTS {
            if look > 0 {
                tokio::time::sleep(recount::PAUSE).await;
            }
            let id = OrderId::of_quote(quote, self.buyer.user);
            let Some(known) = self.store.order(self.buyer.user, id).await? else { continue };
            if !self.repeats(&known) {
                return Err(is_order_already(id));
            }
            return self.confirm_concurrent_order(known).await;
        }
        Err(HoldError::BesideAnother.into())
    }

    /// The promotion of the quote, read again if its uses are limited or it is bound to a buyer: the
    /// quote may have been made before the buyer was known.
    async fn promotion(&self, quote: &Quote) -> Result<Option<Promotion>> {
        let verdict = quote.promotion.as_ref().filter(|verdict| verdict.applied && verdict.limited);
        let Some(verdict) = verdict else { return Ok(None) };
        let promotion = self.store.promotion(quote.tenant_id, &verdict.code).await?;
        let promotion = promotion.filter(|promotion| Some(promotion.id) == verdict.id).ok_or_else(|| {
            Error::conflict("quote_outdated", "The promotion of this quote has ended. Ask for a new quote.")
        })?;
        match promotion.refuses(self.buyer.own_address()) {
            None => Ok(Some(promotion)),
            Some(PromotionReason::EmailUnverified) => Err(email_unverified()),
            Some(_) => Err(Error::forbidden(
                "promotion_not_for_buyer",
                "This promotion code is personal. Sign in with the address that it was sent to.",
            )),
        }
    }

    /// Checks the event and the buyer's reservations again after saving the new one: the organiser may
    /// have taken the event off sale, the operator may have suspended the organiser, and concurrent
    /// requests may have made others. Cancels the new one
    /// if it is not on sale, there are too many, or another has its idempotency key.
    /// Only for the request that made it: see [`HoldAttempt::confirm_concurrent_order`].
    async fn enforce_limits(&self, mut order: Order) -> Result<Order> {
        let Some(refusal) = self.refusal(&order).await? else { return Ok(order) };
        // The idempotency key then belongs to the other order.
        let change = order.release_for_other(refusal.code() == key_reused().code());
        match self.store.save_order(&order, &change, self.now).await {
            Ok(order) => {
                self.store.release_holdings(&order).await?;
                Err(refusal)
            }
            Err(GateError::Failure(Failure::Refused(_))) => match self.saved(&order).await? {
                current if current.status == OrderStatus::Released => Err(refusal),
                // The order is being paid, or the same request, sent twice, has confirmed it.
                current => Ok(current),
            },
            Err(error) => Err(error.into()),
        }
    }

    /// Why an order that was just saved must be cancelled; `None` if it may stay.
    async fn refusal(&self, order: &Order) -> Result<Option<Error>> {
        let (there, ended) = try_join(self.buyers_orders(), self.ended_sale()).await?;
        if ended.is_some() {
            return Ok(ended);
        }
        let again = || async { Ok(self.with_key(&self.buyers_orders().await?)) };
        if self.with_key(&there).len() > 1 && !recount::is_within_limit(1, &order.id, again).await? {
            return Ok(Some(key_reused()));
        }
        let again = || async { Ok(self.open_reservations(&self.buyers_orders().await?)) };
        if self.open_reservations(&there).len() > MAX_OPEN
            && !recount::is_within_limit(MAX_OPEN, &order.id, again).await?
        {
            return Ok(Some(too_many()));
        }
        Ok(None)
    }

    /// True if the request that made the order may not have checked the buyer's others yet.
    fn is_new(&self, order: &Order) -> bool {
        let held = order.expires_at - Duration::from_secs(60 * u64::from(self.event.event.hold_minutes));
        order.version == 1 && self.now < held + UNSURE
    }

    /// Waits until an order made just now by another, identical request is sure to stay. That
    /// request may be about to cancel the order, or may have returned it already. So this one never
    /// cancels it, and returns it only if the buyer is within the limits. Then it increments the
    /// version, so that a late cancellation is refused.
    async fn confirm_concurrent_order(&self, order: Order) -> Result<Order> {
        for look in 0..recount::MAX_COUNTS {
            if look > 0 {
                tokio::time::sleep(recount::PAUSE).await;
            }
            let there = self.buyers_orders().await?;
            let current = self.saved(&order).await?;
            if current.status == OrderStatus::Released
                && self.digest.is_some()
                && current.idempotency.is_none()
            {
                // It was cancelled because another order has the key.
                return Err(key_reused());
            }
            if current.version > 1 {
                return self.unless_released(current);
            }
            if self.with_key(&there).len() <= 1
                && self.open_reservations(&there).len() <= MAX_OPEN
                && self.ended_sale().await?.is_none()
            {
                match self.store.save_order(&current, &Change::default(), self.now).await {
                    Ok(confirmed) => return Ok(confirmed),
                    Err(GateError::Failure(Failure::Refused(_))) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Err(Failure::Unavailable("another request has the reservation in hand".to_owned()).into())
    }

    /// Why nothing is sold any more, as it is now: the event's state, or its organiser's suspension.
    async fn ended_sale(&self) -> Result<Option<Error>, Failure> {
        let event = &self.event.event;
        let (ended, suspended) =
            try_join(self.store.ended_sale(event.id), self.store.suspended_sale(event.tenant_id)).await?;
        let refusal = ended.and_then(|status| status.sells().err());
        Ok(refusal.or_else(|| suspended.then(organiser_suspended)))
    }

    /// The buyer's orders of the last day that count against the limits, as they are now.
    async fn buyers_orders(&self) -> Result<Vec<Order>, Failure> {
        let mut orders = self.store.orders_consistent(self.buyer.user, self.now - REMEMBERED).await?;
        orders.retain(|order| self.counts(order));
        Ok(orders)
    }

    /// The order as it is now.
    async fn saved(&self, order: &Order) -> Result<Order> {
        let saved = self.store.order(order.user, order.id).await?;
        saved.ok_or_else(|| Error::internal("an order vanished"))
    }
}

fn is_order_already(id: OrderId) -> Error {
    quote_used("This quote is a reservation already. Pay that one, or ask for a new quote.", id)
}

fn quote_used(detail: &'static str, id: OrderId) -> Error {
    Error::conflict("quote_used", detail).with("reservation_id", id.to_string())
}

fn too_many() -> Error {
    Error::too_many(
        "too_many_reservations",
        "You have too many unpaid reservations for this event. Pay or cancel one first.",
    )
}
