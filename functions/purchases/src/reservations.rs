//! Reserves places at a quoted price, and cancels reservations.

use actions::{NewReservation, RequestDigest};
use aide::axum::ApiRouter;
use aide::axum::routing::{delete_with, get_with, post_with};
use domain::event::Details;
use domain::order::OrderStatus;
use domain::order::attendees::NewAttendee;
use domain::text::{Line, Phone};
use domain::user::Email;
use domain::{Error, Language};
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use web::{
    Answer, ClientNetwork, IdempotencyKey, Json, MaybeBuyer, Opener, Path, PolicyVersionsView, Refuses,
    Shared,
};

use crate::guest::{MAX_NAME, SaidOfGuest, purchaser};
use crate::payments::show;
use crate::view::OrderView;
use crate::{OrderPath, State, polling};

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
                         `quote_used` (409) once that has ended. Of a line with `chosen_at_hold`, the seats are chosen \
                         now: `no_adjacent_seats` (409) only if none are as they are wanted, `seats_contended` (503) \
                         if many buyers want them at this moment, so that it is worth asking again. Who is signed in sends a token; others name `email` \
                         and `name` in its place and get `order_access`, which opens this one order as \
                         `X-Order-Access`. The orders of an address are also those of the user who confirms it.",
                    )
                    .response::<201, Json<ReservationView>>()
                    .refuses(["sign_in_required", "too_many_tries"])
                    .refuses(["email_unverified", "promotion_not_for_buyer", "event_not_found"])
                    .refuses(["event_cancelled", "event_postponed", "organiser_suspended", "policies_changed"])
                    .refuses(["event_not_on_sale", "event_over", "prices_not_valid"])
                    .refuses(["promotion_used_by_buyer", "promotion_used_up", "quote_outdated"])
                    .refuses(["quote_used", "seats_not_found", "seats_taken", "single_seat_left"])
                    .refuses(["no_adjacent_seats", "seats_contended"])
                    .refuses(["product_sold_out", "sold_elsewhere", "sold_out", "quote_expired"])
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
    /// The versions of the organiser's policies that the buyer accepts. Each policy that the organiser has
    /// published is needed, in the version that holds: `policies_changed` (409) names them.
    #[serde(default)]
    accepts: PolicyVersionsView,
    /// The e-mail address of a buyer without an account, to which the tickets are mailed. In place of
    /// a token, not beside one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    email: Option<Email>,
    /// The name of a buyer without an account; required with `email`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<Line<1, MAX_NAME>>,
    /// The telephone number of a buyer without an account, for the organiser.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    phone: Option<Phone>,
    /// What the organiser's own systems keep with the order, such as a campaign; at most 1,024 bytes as
    /// JSON. Only the organiser sees it again, at `/api/v1/purchases/{id}/extra-attributes`.
    #[serde(default, skip_serializing_if = "Details::is_empty")]
    extra_attributes: Details,
    /// The language of the order's mails; the event's if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    language: Option<Language>,
}

/// A new reservation.
#[derive(Debug, Serialize, JsonSchema)]
struct ReservationView {
    /// The order.
    #[serde(flatten)]
    order: OrderView,
    /// What opens this order without a sign-in, as the header `X-Order-Access`; only of a buyer without
    /// an account. Whoever has it can see, pay and cancel the order and has its tickets.
    #[serde(skip_serializing_if = "Option::is_none")]
    order_access: Option<String>,
}

async fn reserve(
    Shared(state): Shared<State>,
    MaybeBuyer(caller): MaybeBuyer,
    network: ClientNetwork,
    key: IdempotencyKey,
    Json(request): Json<Reserve>,
) -> Answer<(StatusCode, Json<ReservationView>)> {
    let now = state.clock.now();
    let digest = RequestDigest::new("reserve", key.0.as_deref(), &request)?;
    let accepts = request.accepts.into();
    let Reserve { quote, attendees, email, name, phone, extra_attributes, language, .. } = request;
    let buyer = purchaser(&state, caller, &network, SaidOfGuest { email, name, phone })?;
    let request = NewReservation { quote: &quote, attendees, language, extra_attributes, digest, accepts };
    let (order, event) = state.orders.hold(&buyer, request, now).await?;
    // A renewed link goes by mail alone, also if this request is sent again.
    let is_first = buyer.guest.is_some() && order.link_epoch == 0;
    let order_access = is_first.then(|| state.keys.link_of(&order));
    let order = OrderView::new(&order, Some(&event), now);
    Ok((StatusCode::CREATED, Json(ReservationView { order, order_access })))
}

async fn cancel(
    Shared(state): Shared<State>,
    opener: Opener,
    Path(path): Path<OrderPath>,
) -> Answer<Json<OrderView>> {
    let now = state.clock.now();
    let mut order = state.orders.own(&opener, path.id, now).await?;
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
    let event = state.orders.event(order.event, now).await.ok();
    Ok(Json(OrderView::new(&order, event.as_deref(), now)))
}
