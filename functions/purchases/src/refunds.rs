//! Refunds tickets at the organiser's request.

use aide::axum::ApiRouter;
use aide::axum::routing::post_with;
use domain::order::Order;
use domain::{Error, EventId, MAX_TICKETS_PER_ORDER, Result, TicketId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{Closed, Conflict, GateError, StoredEvent};
use web::{Answer, Json, Organizer, Path, Recent, Refuses, Shared, formatted};

use crate::view::OrderView;
use crate::{OrderPath, State};

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/purchases/{id}/refund",
        post_with(refund, |op| {
            op.id("refundPurchase").tag("Purchases").summary("Refund tickets of an order").description(
                "Makes the tickets worthless at the door, puts their places back on sale and has the gateway \
                     give the money back. Tickets that were refunded before stay so, which makes it safe to \
                     repeat; a ticket that was used at the door is not refunded. If a door that was without \
                     the network reports an entry later, the repeated answer says so (`entered_at`), and \
                     `GET /api/v1/door/events/{id}/conflicts` lists all such entries of the event.",
            )
            .refuses(["purchase_not_found"])
            .refuses(["changed_meanwhile", "nothing_to_refund", "ticket_revoked"])
            .refuses(["ticket_used"])
        }),
    )
}

/// The tickets to refund.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Refund {
    /// The id of the order's event.
    event_id: EventId,
    /// The tickets' ids, 1 to 20; absent: all of the order.
    #[serde(default)]
    #[schemars(length(min = 1, max = 20))]
    tickets: Option<Vec<TicketId>>,
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

fn not_found() -> Error {
    Error::not_found("purchase_not_found", "Your events have no such order.")
}

async fn refund(
    Shared(state): Shared<State>,
    Recent(organizer): Recent<Organizer>,
    Path(path): Path<OrderPath>,
    Json(request): Json<Refund>,
) -> Answer<Json<RefundedOrder>> {
    let now = state.clock.now();
    let sheet = state.orders.event(request.event_id, now).await.map_err(|_| not_found())?;
    if sheet.event.tenant_id != organizer.tenant {
        return Err(not_found().into());
    }
    let user = state.store.buyer_of(request.event_id, path.id).await?.ok_or_else(not_found)?;
    let order = state.store.order(user, path.id).await?;
    let mut order = order.filter(|order| order.tenant == organizer.tenant).ok_or_else(not_found)?;

    let tickets = wanted(&order, request.tickets.as_deref())?;
    if !tickets.is_empty() {
        let change = order.refund_tickets(&tickets)?;
        order = state.store.save_order(&order, &change, now).await.map_err(|error| match error {
            GateError::Closed(Closed::Used(scan)) => Error::conflict(
                "ticket_used",
                "A ticket was used at the door and can not be refunded. Leave it out and repeat.",
            )
            .with("used_at", scan.at.to_string()),
            GateError::Closed(_) => {
                Error::conflict("ticket_revoked", "A ticket is worthless already. Read the order again.")
            }
            GateError::Failure(failure) => failure.into(),
        })?;
    }
    // A door without the network may have admitted the holders, and report it only later.
    let refunded = order.tickets().filter(|ticket| ticket.refunded).map(|ticket| ticket.id);
    let refunded: Vec<TicketId> = refunded.collect();
    let entries = state.store.conflicts_of(order.event, &refunded).await?;
    Ok(Json(RefundedOrder::new(&order, &sheet, &entries, now)))
}

/// The tickets to refund that are not refunded yet.
fn wanted(order: &Order, asked: Option<&[TicketId]>) -> Result<Vec<TicketId>> {
    if let Some(asked) = asked {
        let known = |ticket: &TicketId| order.tickets().any(|other| other.id == *ticket);
        let bounded = (1..=usize::from(MAX_TICKETS_PER_ORDER)).contains(&asked.len());
        if !bounded || !asked.iter().all(known) {
            let detail = "Must name tickets of this order, at least one.";
            return Err(Error::refused_field("/tickets", detail));
        }
    }
    let tickets = order.tickets().filter(|ticket| !ticket.refunded);
    Ok(tickets.map(|ticket| ticket.id).filter(|id| asked.is_none_or(|asked| asked.contains(id))).collect())
}
