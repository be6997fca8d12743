//! Reserves places at a quoted price, and cancels reservations.

use std::time::Duration;

use aide::axum::ApiRouter;
use aide::axum::routing::{delete_with, get_with, post_with};
use domain::access::email_unverified;
use domain::event::Event;
use domain::order::{Attendee, Change, Hold, Order, OrderStatus};
use domain::pricing::{Promotion, PromotionReason, Quote, open};
use domain::{Error, EventId, Kind, OrderId, Person, Result, Timestamp};
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{Failure, GateError, HoldRequest, StoredEvent, recount};
use web::{Answer, Buyer, IdempotencyKey, Json, Path, Refuses, Shared};

use crate::attendees::NewAttendee;
use crate::idempotency::{KEY_REUSED, RequestDigest, key_reused};
use crate::payments::show;
use crate::polling;
use crate::view::OrderView;
use crate::{State, attendees};

/// Unpaid reservations of one buyer for one event, so that no buyer can block a show without
/// paying.
const MAX_OPEN: usize = 4;

/// How long a request may take to check the buyer's other reservations after it made one.
const UNSURE: Duration = Duration::from_secs(15);

/// How far back a repeated idempotency key is recognised.
const REMEMBERED: Duration = Duration::from_secs(24 * 3600);

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route(
            "/api/v1/reservations",
            post_with(reserve, |op| {
                op.id("createReservation")
                    .tag("Purchases")
                    .summary("Hold places at a quoted price")
                    .description(
                        "Takes the places of a quote for some minutes (10 unless the event says otherwise). A \
                         quote becomes one reservation: sending it again answers with the same one, or with \
                         `quote_used` (409) once that has ended.",
                    )
                    .response::<201, Json<OrderView>>()
                    .refuses(["email_unverified", "promotion_not_for_buyer", "event_not_found"])
                    .refuses(["event_not_on_sale", "event_over", "prices_not_valid"])
                    .refuses(["promotion_used_by_buyer", "promotion_used_up", "quote_outdated"])
                    .refuses(["quote_used", "seats_not_found", "seats_taken", "single_seat_left"])
                    .refuses(["sold_elsewhere", "sold_out", "quote_expired"])
                    .refuses(["quote_invalid", "refused_fields", "too_many_reservations"])
            }),
        )
        .api_route(
            "/api/v1/reservations/{id}",
            get_with(show, |op| {
                op.id("getReservation")
                    .tag("Purchases")
                    .summary("One reservation")
                    .refuses(["reservation_not_found"])
            }),
        )
        .api_route(
            "/api/v1/reservations/{id}",
            delete_with(cancel, |op| {
                op.id("cancelReservation")
                    .tag("Purchases")
                    .summary("Give the places of an unpaid reservation back")
                    .description(
                        "A payment that was begun is cancelled at the gateway, where the gateway can: it is then \
                         `declined`. One that stays `pending` or `processing`, or was declined and takes another card, can still be paid or approved: `if_paid` \
                         says that its money would go back, and `pay_until` how long its page takes it, if that is \
                         known. `already_paid` (409) if the gateway has the money already.",
                    )
                    .refuses(["reservation_not_found", "already_paid", "changed_meanwhile"])
            }),
        )
}

/// The quote to reserve.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Reserve {
    /// The `quote` of `POST /api/v1/public/quotes`, unchanged.
    #[schemars(length(max = 12288))]
    quote: String,
    /// The attendees, one for each ticket in the order of the lines; can also be sent with the
    /// payment.
    #[serde(default)]
    #[schemars(length(max = 20))]
    attendees: Vec<NewAttendee>,
}

/// Path with the id of an order.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct OrderPath {
    /// The order's id.
    pub(crate) id: OrderId,
}

async fn reserve(
    Shared(state): Shared<State>,
    buyer: Buyer,
    key: IdempotencyKey,
    Json(request): Json<Reserve>,
) -> Answer<(StatusCode, Json<OrderView>)> {
    let now = state.clock.now();
    let quote = open(&request.quote, &state.keys.quote, now)?;
    let sheet = state.sheet(quote.event_id).await?;
    sheet.event.on_sale(now)?;
    let digest = RequestDigest::new("reserve", key.0.as_deref(), &request)?;
    let attendees = attendees::read(request.attendees, quote.totals.quantity, &sheet.event, now)?;

    let order = match find_existing_order(&state, &buyer, &quote, digest.as_ref(), now).await? {
        Some(order) if is_new(&order, &sheet.event, now) => {
            confirm_concurrent_order(&state, order, digest.as_ref(), now).await?
        }
        Some(order) => order,
        None => hold(&state, &buyer, quote, &sheet, attendees, digest, now).await?,
    };
    Ok((StatusCode::CREATED, Json(OrderView::new(&order, Some(&sheet), now))))
}

/// The existing order of this quote, if there is one. Reads the buyer's orders of the last day,
/// which also show a reused key and too many open reservations.
async fn find_existing_order(
    state: &State,
    buyer: &Buyer,
    quote: &Quote,
    digest: Option<&RequestDigest>,
    now: Timestamp,
) -> Result<Option<Order>> {
    let id = OrderId::of_quote(quote.id, buyer.user);
    let recent = state.store.orders_since(buyer.user, now - REMEMBERED).await?;
    let known = recent.iter().find(|order| order.id == id).cloned();
    let repeats = |order: &Order| digest.is_none_or(|digest| order.idempotency == Some(digest.text()));
    if known.as_ref().is_some_and(repeats) {
        return known.map(|known| unless_released(known, now)).transpose();
    }
    for kept in recent.iter().filter_map(|order| order.idempotency.as_deref()) {
        digest.map_or(Ok(false), |digest| digest.repeats(kept))?;
    }
    if known.is_some() {
        return Err(quote_used(
            "This quote is a reservation already. Pay that one, or ask for a new quote.",
            id,
        ));
    }
    if recent.iter().filter(|order| is_open(order, quote.event_id, now)).count() >= MAX_OPEN {
        return Err(too_many());
    }
    Ok(None)
}

fn quote_used(detail: &'static str, id: OrderId) -> Error {
    Error::conflict("quote_used", detail).with("reservation_id", id.to_string())
}

/// The existing order of a quote, unless it has ended: a quote can become only one order.
fn unless_released(known: Order, now: Timestamp) -> Result<Order> {
    match known.status_at(now) {
        OrderStatus::Released => {
            Err(quote_used("The reservation of this quote has ended. Ask for a new quote.", known.id))
        }
        _ => Ok(known),
    }
}

fn is_open(order: &Order, event: EventId, now: Timestamp) -> bool {
    order.event == event && matches!(order.status_at(now), OrderStatus::Held | OrderStatus::AwaitingPayment)
}

fn too_many() -> Error {
    Error::too_many(
        "too_many_reservations",
        "You have too many unpaid reservations for this event. Pay or cancel one first.",
    )
}

/// Checks the buyer's reservations again after saving the new one: concurrent requests may have
/// made others. Cancels the new one if there are too many or another has its idempotency key. Only
/// for the request that made it: see [`confirm_concurrent_order`].
async fn enforce_limits(
    state: &State,
    mut order: Order,
    digest: Option<&RequestDigest>,
    now: Timestamp,
) -> Result<Order> {
    let Some(refusal) = refusal(state, &order, digest, now).await? else { return Ok(order) };
    // The idempotency key then belongs to the other order.
    let change = order.release_for_other(refusal.code() == KEY_REUSED);
    match state.store.save_order(&order, &change, now).await {
        Ok(order) => {
            state.store.release_holdings(&order).await?;
            Err(refusal)
        }
        Err(GateError::Failure(Failure::Refused(_))) => {
            let current = state.store.order(order.user, order.id).await?;
            match current.ok_or_else(|| Error::internal("an order vanished"))? {
                current if current.status == OrderStatus::Released => Err(refusal),
                // The order is being paid, or the same request, sent twice, has confirmed it.
                current => Ok(current),
            }
        }
        Err(error) => Err(error.into()),
    }
}

/// Why an order that was just saved must be cancelled; `None` if it may stay.
async fn refusal(
    state: &State,
    order: &Order,
    digest: Option<&RequestDigest>,
    now: Timestamp,
) -> Result<Option<Error>> {
    let look = || state.store.orders_consistent(order.user, now - REMEMBERED);
    let there = look().await?;
    let again = || async { Ok(with_key(&look().await?, digest)) };
    if with_key(&there, digest).len() > 1 && !recount::is_within_limit(1, &order.id, again).await? {
        return Ok(Some(key_reused()));
    }
    let again = || async { Ok(open_for(&look().await?, order.event, now)) };
    if open_for(&there, order.event, now).len() > MAX_OPEN
        && !recount::is_within_limit(MAX_OPEN, &order.id, again).await?
    {
        return Ok(Some(too_many()));
    }
    Ok(None)
}

/// The orders that have the request's idempotency key.
fn with_key(orders: &[Order], digest: Option<&RequestDigest>) -> Vec<OrderId> {
    let has_key = |kept: &str| digest.is_some_and(|digest| digest.shares_key(kept));
    let orders = orders.iter().filter(|order| order.idempotency.as_deref().is_some_and(has_key));
    orders.map(|order| order.id).collect()
}

/// The unpaid reservations for an event.
fn open_for(orders: &[Order], event: EventId, now: Timestamp) -> Vec<OrderId> {
    orders.iter().filter(|order| is_open(order, event, now)).map(|order| order.id).collect()
}

/// True if the request that made the order may not have checked the buyer's others yet.
fn is_new(order: &Order, event: &Event, now: Timestamp) -> bool {
    let held = order.expires_at - Duration::from_secs(60 * u64::from(event.hold_minutes));
    order.version == 1 && now < held + UNSURE
}

/// Waits until an order made just now by another, identical request is sure to stay. That request
/// may be about to cancel the order, or may have returned it already. So this one never cancels it,
/// and returns it only if the buyer is within the limits. Then it increments the version, so that a
/// late cancellation is refused.
async fn confirm_concurrent_order(
    state: &State,
    order: Order,
    digest: Option<&RequestDigest>,
    now: Timestamp,
) -> Result<Order> {
    for look in 0..recount::MAX_COUNTS {
        if look > 0 {
            tokio::time::sleep(recount::PAUSE).await;
        }
        let there = state.store.orders_consistent(order.user, now - REMEMBERED).await?;
        let current = state.store.order(order.user, order.id).await?;
        let current = current.ok_or_else(|| Error::internal("an order vanished"))?;
        if current.status == OrderStatus::Released && digest.is_some() && current.idempotency.is_none() {
            // It was cancelled because another order has the key.
            return Err(key_reused());
        }
        if current.version > 1 {
            return unless_released(current, now);
        }
        if with_key(&there, digest).len() <= 1 && open_for(&there, current.event, now).len() <= MAX_OPEN {
            match state.store.save_order(&current, &Change::default(), now).await {
                Ok(confirmed) => return Ok(confirmed),
                Err(GateError::Failure(Failure::Refused(_))) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Err(Failure::Unavailable("another request has the reservation in hand".to_owned()).into())
}

async fn hold(
    state: &State,
    buyer: &Buyer,
    quote: Quote,
    sheet: &StoredEvent,
    attendees: Vec<Attendee>,
    digest: Option<RequestDigest>,
    now: Timestamp,
) -> Result<Order> {
    let promotion = promotion(state, buyer, &quote).await?;
    // Whole seconds, as allotments count time.
    let ends = now.as_second() + i64::from(sheet.event.hold_minutes) * 60;
    let expires_at = Timestamp::from_second(ends).map_err(Error::internal)?;
    let user = buyer.user;
    let request =
        HoldRequest { quote: &quote, sheet, promotion: promotion.as_ref(), user, until: expires_at };
    let holdings = state.store.hold(request, now).await?;
    let buyer = Person { email: buyer.email.clone(), name: buyer.name.clone() };
    let (language, idempotency) = (sheet.event.language, digest.as_ref().map(RequestDigest::text));
    let order =
        Order::hold(quote, Hold { user, buyer, language, attendees, holdings, expires_at, idempotency });
    let order = match state.store.create_order(&order).await? {
        Some(known) => {
            let answer = confirm_concurrent_order(state, known, digest.as_ref(), now).await;
            if answer.as_ref().is_err_and(|error| error.kind() != Kind::Unavailable) {
                // The order is gone, so the places just claimed belong to no order.
                state.store.release_holdings(&order).await?;
            }
            return answer;
        }
        None => order,
    };
    enforce_limits(state, order, digest.as_ref(), now).await
}

/// The promotion of the quote, read again if its uses are limited or it is bound to a buyer: the
/// quote may have been made before the buyer was known.
async fn promotion(state: &State, buyer: &Buyer, quote: &Quote) -> Result<Option<Promotion>> {
    let Some(verdict) = quote.promotion.as_ref().filter(|verdict| verdict.applied && verdict.limited) else {
        return Ok(None);
    };
    let promotion = state.store.promotion(quote.tenant_id, &verdict.code).await?;
    let promotion = promotion.filter(|promotion| Some(promotion.id) == verdict.id).ok_or_else(|| {
        Error::conflict("quote_outdated", "The promotion of this quote has ended. Ask for a new quote.")
    })?;
    match promotion.refuses(Some(buyer.address())) {
        None => Ok(Some(promotion)),
        Some(PromotionReason::EmailUnverified) => Err(email_unverified()),
        Some(_) => Err(Error::forbidden(
            "promotion_not_for_buyer",
            "This promotion code is personal. Sign in with the address that it was sent to.",
        )),
    }
}

/// The buyer's order with this id; other buyers' orders count as not found.
pub(crate) async fn own_order(state: &State, buyer: &Buyer, id: OrderId) -> Result<Order> {
    let order = state.store.order(buyer.user, id).await?;
    order.ok_or_else(|| Error::not_found("reservation_not_found", "You have no such reservation."))
}

async fn cancel(
    Shared(state): Shared<State>,
    buyer: Buyer,
    Path(path): Path<OrderPath>,
) -> Answer<Json<OrderView>> {
    let now = state.clock.now();
    let mut order = own_order(&state, &buyer, path.id).await?;
    order.cancellable(now)?;
    if order.status != OrderStatus::Released {
        // A cancelled order's money goes back. A buyer who has paid must not get that without the
        // organiser.
        if polling::is_paid(&state, &mut order, now).await {
            return Err(Error::conflict(
                "already_paid",
                "Your payment has arrived, so this reservation is about to be paid; its tickets can only be refunded.",
            )
            .into());
        }
        // The order first, then the places: a payment that settles meanwhile is refused by the
        // order's version, never by missing places.
        let change = order.cancel(now)?;
        order = state.store.save_order(&order, &change, now).await.map_err(Error::from)?;
    }
    state.store.release_holdings(&order).await?;
    polling::close(&state, &mut order, now).await;
    let sheet = state.sheet(order.event).await.ok();
    Ok(Json(OrderView::new(&order, sheet.as_deref(), now)))
}
