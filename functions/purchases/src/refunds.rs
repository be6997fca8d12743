//! Refunds tickets and vouchers at the organiser's request.

use aide::axum::ApiRouter;
use aide::axum::routing::post_with;
use domain::order::Order;
use domain::{
    Error, EventId, MAX_TICKETS_PER_ORDER, MAX_VOUCHERS_PER_ORDER, OrderPart, Result, TicketId, Timestamp,
    VoucherId,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{Closed, Conflict, GateError, StoredEvent};
use web::{Answer, Json, Organizer, Path, Recent, Refuses, Shared, formatted};

use crate::attributes::sold_by;
use crate::view::OrderView;
use crate::{OrderPath, State};

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/purchases/{id}/refund",
        post_with(refund, |op| {
            op.id("refundPurchase").tag("Purchases").summary("Refund tickets and products of an order").description(
                "Makes the tickets worthless at the door and the vouchers at the bar, puts their places and units \
                     back on sale and has the gateway give the money back. A refunded ticket does not refund the \
                     products that were bought with it: name their vouchers, too. Tickets that were refunded before stay so, which makes it safe to \
                     repeat; a ticket that was used at the door is not refunded, nor a voucher whose product was handed \
                     out. If a door that was without \
                     the network reports an entry later, the repeated answer says so (`entered_at`), and \
                     `GET /api/v1/door/events/{id}/conflicts` lists all such entries of the event.",
            )
            .refuses(["purchase_not_found"])
            .refuses(["changed_meanwhile", "nothing_to_refund", "ticket_revoked"])
            .refuses(["ticket_used", "voucher_used"])
        }),
    )
}

/// The tickets and vouchers to refund.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Refund {
    /// The id of the order's event.
    event_id: EventId,
    /// The tickets' ids, 1 to 20. Without them and without `vouchers`, all of the order.
    #[serde(default)]
    #[schemars(length(min = 1, max = 20))]
    tickets: Option<Vec<TicketId>>,
    /// The vouchers' ids, 1 to 20. Without them and without `tickets`, all of the order.
    #[serde(default)]
    #[schemars(length(min = 1, max = 20))]
    vouchers: Option<Vec<VoucherId>>,
}

/// An order after a refund, for its organiser.
#[derive(Debug, Serialize, JsonSchema)]
struct RefundedOrder {
    /// The order.
    #[serde(flatten)]
    order: OrderView,
    /// The total, formatted for people, such as `COP 212,382`.
    total_formatted: String,
    /// The amount already given back, formatted for people.
    refunded_formatted: String,
    /// The amount still to be given back, formatted for people.
    refund_due_formatted: String,
}

impl RefundedOrder {
    fn new(order: &Order, sheet: &StoredEvent, entries: &[Conflict], now: Timestamp) -> Self {
        let due = order.payments.iter().map(|payment| payment.refund_due).sum();
        Self {
            order: OrderView::new(order, Some(sheet), now).with_entries(entries),
            total_formatted: formatted(order.total, order.currency),
            refunded_formatted: formatted(order.refunded(), order.currency),
            refund_due_formatted: formatted(due, order.currency),
        }
    }
}

async fn refund(
    Shared(state): Shared<State>,
    Recent(organizer): Recent<Organizer>,
    Path(path): Path<OrderPath>,
    Json(request): Json<Refund>,
) -> Answer<Json<RefundedOrder>> {
    let now = state.clock.now();
    let mut order = sold_by(&state, organizer.tenant, request.event_id, &path).await?;
    let sheet = state.orders.event(request.event_id, now).await?;

    let parts = wanted(&order, &request)?;
    if !parts.is_empty() {
        let change = order.refund_parts(&parts)?;
        order = state.store.save_order(&order, &change, now).await.map_err(|error| match error {
            GateError::Closed(Closed::Used(scan)) => Error::conflict(
                "ticket_used",
                "A ticket was used at the door and can not be refunded. Leave it out and repeat.",
            )
            .with("used_at", scan.at.to_string()),
            GateError::Closed(_) => {
                Error::conflict("ticket_revoked", "A ticket is worthless already. Read the order again.")
            }
            GateError::VoucherUsed(scan) => Error::conflict(
                "voucher_used",
                "A product was handed out already and can not be refunded. Leave its voucher out and repeat.",
            )
            .with("used_at", scan.at.to_string()),
            GateError::Failure(failure) => failure.into(),
        })?;
    }
    // A door without the network may have admitted the holders, and report it only later.
    let refunded = order.tickets().filter(|ticket| ticket.refunded).map(|ticket| ticket.id.into());
    let refunded: Vec<OrderPart> = refunded.collect();
    let entries = state.store.conflicts_of(order.event, &refunded).await?;
    Ok(Json(RefundedOrder::new(&order, &sheet, &entries, now)))
}

/// The tickets and vouchers to refund that are not refunded yet.
fn wanted(order: &Order, request: &Refund) -> Result<Vec<OrderPart>> {
    let asked: Vec<OrderPart> = [
        parts(order, "/tickets", request.tickets.as_deref(), MAX_TICKETS_PER_ORDER)?,
        parts(order, "/vouchers", request.vouchers.as_deref(), MAX_VOUCHERS_PER_ORDER)?,
    ]
    .concat();
    let is_all = request.tickets.is_none() && request.vouchers.is_none();
    Ok(order.valid_parts().into_iter().filter(|part| is_all || asked.contains(part)).collect())
}

/// The parts of the order that a list of the request names.
fn parts<I: Copy + Into<OrderPart>>(
    order: &Order,
    pointer: &'static str,
    asked: Option<&[I]>,
    most: u8,
) -> Result<Vec<OrderPart>> {
    let Some(asked) = asked else { return Ok(Vec::new()) };
    let asked: Vec<OrderPart> = asked.iter().map(|id| (*id).into()).collect();
    let known: Vec<OrderPart> = order.part_totals().map(|(part, _)| part).collect();
    let bounded = (1..=usize::from(most)).contains(&asked.len());
    if !bounded || !asked.iter().all(|part| known.contains(part)) {
        return Err(Error::refused_field(pointer, "Must name those of this order, at least one."));
    }
    Ok(asked)
}
