use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use domain::late_entry::{ConflictKind, LateEntry};
use domain::{DeviceId, OrderId, TicketId, Timestamp, UserId, VoucherId};
use schemars::JsonSchema;
use serde::Serialize;
use store::{Conflict, Scan};
use web::{Answer, EventPath, Json, Page, Path, Refuses, Shared, Viewer};

use crate::State;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/door/events/{id}/conflicts",
        get_with(list, |op| {
            op.id("listDoorConflicts").tag("Door").summary("Entries that contradict their tickets").description(
                "A scanner without the network lets people in and reports it later. Entries of tickets that \
                 were refunded, handed on or used by another scan, and of vouchers, are listed here by their time, at most a \
                 thousand: what to do about them, and about money that went back, is the organiser's decision.",
            )
            .refuses(["event_not_found"])
        }),
    )
}

/// An entry that contradicts what happened to its ticket.
#[serde_with::skip_serializing_none]
#[derive(Debug, Serialize, JsonSchema)]
struct ConflictView {
    /// The ticket's id. Absent for a voucher.
    ticket_id: Option<TicketId>,
    /// The voucher's id: its product was handed out. Absent for a ticket.
    voucher_id: Option<VoucherId>,
    /// The order's id.
    order_id: Option<OrderId>,
    /// What the entry contradicts: a refund, a transfer or another entry.
    kind: ConflictKind,
    /// When the holder entered, by the scanner's clock (corrected).
    entered_at: Timestamp,
    /// When the ticket was refunded or handed on, or when the other scan used it.
    since: Timestamp,
    /// True if the ticket was still valid when its holder entered.
    was_valid: bool,
    /// The user id of the person who scanned.
    scanned_by: UserId,
    /// The paired scanner; absent if the scanner was not paired.
    device_id: Option<DeviceId>,
}

impl From<Conflict> for ConflictView {
    fn from(conflict: Conflict) -> Self {
        let Conflict { part, scan: Scan { by, device, at, .. }, late } = conflict;
        let LateEntry { kind, since, was_valid, .. } = late;
        Self {
            ticket_id: part.ticket(),
            voucher_id: part.voucher(),
            order_id: part.order().map(|(order, _)| order),
            kind,
            entered_at: at,
            since,
            was_valid,
            scanned_by: by,
            device_id: device,
        }
    }
}

async fn list(
    Shared(state): Shared<State>,
    viewer: Viewer,
    Path(EventPath { id: event }): Path<EventPath>,
) -> Answer<Json<Page<ConflictView>>> {
    state.sheet(viewer.tenant, event).await?;
    let conflicts = state.store.conflicts(event).await?;
    Ok(Json(Page::new(conflicts.into_iter().map(ConflictView::from).collect(), None)))
}
