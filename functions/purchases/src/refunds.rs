//! Giving money back for tickets.

use aide::axum::ApiRouter;
use aide::axum::routing::post_with;
use axum::extract::State as Shared;
use domain::order::{Order, OrderStatus};
use domain::{Error, EventId, FieldError, MAX_TICKETS_PER_ORDER, Result, TicketId, Timestamp};
use queue::Outbox;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{Closed, Conflict, EventSheet, GateError};
use web::{Answer, Json, Organizer, Path, Refuses, formatted};

use crate::State;
use crate::reservations::OrderPath;
use crate::view::OrderView;

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

/// What to refund.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Refund {
    /// The event that the order is for.
    event_id: EventId,
    /// The tickets; all of the order's if absent.
    #[serde(default)]
    #[schemars(length(min = 1, max = 20))]
    tickets: Option<Vec<TicketId>>,
}

/// An order after a refund, as its organiser sees it.
#[derive(Debug, Serialize, JsonSchema)]
struct RefundedOrder {
    /// The order.
    #[serde(flatten)]
    order: OrderView,
    /// What was paid, as people write it.
    total_formatted: String,
    /// What is back already, as people write it.
    refunded_formatted: String,
    /// What still has to go back, as people write it.
    refund_due_formatted: String,
}

impl RefundedOrder {
    fn new(order: &Order, sheet: &EventSheet, entries: &[Conflict], now: Timestamp) -> Self {
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
    organizer: Organizer,
    Path(path): Path<OrderPath>,
    Json(request): Json<Refund>,
) -> Answer<Json<RefundedOrder>> {
    let now = state.clock.now();
    let sheet = state.sheet(request.event_id).await.map_err(|_| not_found())?;
    if sheet.event.tenant_id != organizer.tenant {
        return Err(not_found().into());
    }
    let user =
        state.store.buyer_of(request.event_id, path.id).await.map_err(Error::from)?.ok_or_else(not_found)?;
    let order = state.store.order(user, path.id).await.map_err(Error::from)?;
    let mut order = order.filter(|order| order.tenant == organizer.tenant).ok_or_else(not_found)?;

    let tickets = wanted(&order, request.tickets.as_deref())?;
    if !tickets.is_empty() {
        mark(&mut order, &tickets)?;
        let outbox = Outbox::Refund { news: None }.text()?;
        state.store.revoke_tickets(&order, &tickets, Some(outbox), now).await.map_err(
            |error| match error {
                GateError::Closed(Closed::Used(scan)) => Error::conflict(
                    "ticket_used",
                    "A ticket was used at the door and can not be refunded. Leave it out and repeat.",
                )
                .with("used_at", scan.at.to_string()),
                GateError::Closed(_) => {
                    Error::conflict("ticket_revoked", "A ticket is worthless already. Read the order again.")
                }
                GateError::Failure(failure) => failure.into(),
            },
        )?;
    }
    // A door without the network may have let their holders in, and say so only later.
    let refunded = order.tickets().filter(|ticket| ticket.refunded).map(|ticket| ticket.id);
    let refunded: Vec<TicketId> = refunded.collect();
    let entries = state.store.conflicts_of(order.event, &refunded).await.map_err(Error::from)?;
    Ok(Json(RefundedOrder::new(&order, &sheet, &entries, now)))
}

/// The tickets to refund that are not refunded yet.
fn wanted(order: &Order, asked: Option<&[TicketId]>) -> Result<Vec<TicketId>> {
    if let Some(asked) = asked {
        let known = |ticket: &TicketId| order.tickets().any(|other| other.id == *ticket);
        let bounded = (1..=usize::from(MAX_TICKETS_PER_ORDER)).contains(&asked.len());
        if !bounded || !asked.iter().all(known) {
            let detail = "Must name tickets of this order, at least one.".to_owned();
            return Err(Error::refused_fields(vec![FieldError { pointer: "/tickets".to_owned(), detail }]));
        }
    }
    let tickets = order.tickets().filter(|ticket| !ticket.refunded);
    Ok(tickets.map(|ticket| ticket.id).filter(|id| asked.is_none_or(|asked| asked.contains(id))).collect())
}

/// Notes in the order that the tickets are refunded and how much money goes back.
fn mark(order: &mut Order, tickets: &[TicketId]) -> Result<()> {
    let amounts: Vec<i64> = order.ticket_totals().collect();
    // What went back already without any ticket: at the gateway, or through the bank.
    let before = order.uncovered();
    let mut due = 0;
    for (_, index) in tickets.iter().filter_map(TicketId::order) {
        order.tickets.entry(index).or_default().refunded = true;
        due += amounts.get(usize::from(index)).copied().unwrap_or(0);
    }
    let mut due = (due - before).max(0);
    for payment in &mut order.payments {
        let part = due.min(payment.kept().max(0));
        payment.refund_due += part;
        due -= part;
    }
    if due > 0 {
        return Err(Error::conflict("nothing_to_refund", "The money of this order is back already."));
    }
    let all = order.tickets().all(|ticket| ticket.refunded);
    order.status = if all { OrderStatus::Refunded } else { OrderStatus::PartlyRefunded };
    order.version += 1;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use domain::order::{OrderLine, Payment, PaymentState, Person};
    use domain::payment::{Dispute, GatewayName};
    use domain::{AreaId, Currency, Language, OrderId, QuoteId, TenantId, UserId};

    use super::*;

    fn payment(amount: i64) -> Payment {
        Payment {
            attempt: 0,
            gateway: GatewayName::Sandbox,
            account: None,
            payment_id: None,
            checkout_url: None,
            state: PaymentState::Approved,
            amount,
            refunded: 0,
            by_hand: 0,
            refund_due: 0,
            refund: None,
            unused: None,
            dispute: None,
            created_at: Timestamp::UNIX_EPOCH,
            idempotency: None,
            closed: false,
        }
    }

    /// An order of two tickets for 50 each.
    fn paid(payments: Vec<Payment>) -> Order {
        let (now, user) = (Timestamp::UNIX_EPOCH, UserId::generate(Timestamp::UNIX_EPOCH));
        let line = OrderLine {
            area: AreaId::generate(now),
            quantity: 2,
            seats: Vec::new(),
            stage: None,
            base: 100,
            stage_adjustment: 0,
            promotion: 0,
            fee: 0,
            vat: 0,
            total: 100,
        };
        Order {
            id: OrderId::of_quote(QuoteId::generate(now), user),
            user,
            tenant: TenantId::generate(now),
            event: EventId::generate(now),
            status: OrderStatus::Paid,
            currency: Currency::CLP,
            lines: vec![line],
            total: 100,
            buyer: Person { email: "ana@example.com".to_owned(), name: String::new() },
            language: Language::Es,
            attendees: Vec::new(),
            holdings: Vec::new(),
            expires_at: now,
            paid_at: Some(now),
            payments,
            tickets: BTreeMap::new(),
            promotion_code: None,
            idempotency: None,
            mailed_at: None,
            version: 1,
        }
    }

    /// What is due of each payment after these tickets were refunded.
    fn due(payments: Vec<Payment>, tickets: &[u8]) -> Vec<i64> {
        let mut order = paid(payments);
        let tickets: Vec<_> = tickets.iter().map(|index| order.id.ticket(*index)).collect();
        mark(&mut order, &tickets).expect("refunded");
        order.payments.iter().map(|payment| payment.refund_due).collect()
    }

    #[test]
    fn tickets_are_paid_back_once_by_whoever_has_the_money() {
        assert_eq!(due(vec![payment(100)], &[1]), [50]);
        assert_eq!(due(vec![payment(100)], &[0, 1]), [100]);
        let declined = Payment { state: PaymentState::Declined, ..payment(100) };
        let spare = Payment { refunded: 100, ..payment(100) };
        assert_eq!(due(vec![declined, spare, payment(100)], &[0]), [0, 0, 50]);
        // Somebody gave the price of a ticket back at the gateway before.
        let part = Payment { refunded: 50, ..payment(100) };
        assert_eq!(due(vec![part.clone()], &[0]), [0]);
        assert_eq!(due(vec![part], &[0, 1]), [50]);
        // The bank gave the buyer everything.
        let lost = Payment { dispute: Some(Dispute::Lost), ..payment(100) };
        assert_eq!(due(vec![lost], &[0, 1]), [0]);
    }
}
