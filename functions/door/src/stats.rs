use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use domain::event::event_not_found;
use domain::{Error, EventId, Result, Timestamp};
use futures::future::try_join_all;
use schemars::JsonSchema;
use serde::Serialize;
use store::{GateSummary, StoredEvent};
use web::{Answer, Door, EventPath, Json, Path, Refuses, Shared};

use crate::State;

/// How old cached statistics may be, in milliseconds. Counting reads every gate, and all scanners
/// of a venue show the numbers.
pub(crate) const FRESH_MILLIS: i64 = 5_000;
/// How many minutes back `by_minute` goes.
const MINUTES: i64 = 60;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/door/events/{id}/stats",
        get_with(show, |op| {
            op.id("showDoorStats")
                .tag("Door")
                .summary("How full the house is")
                .description(
                    "Counted at most five seconds ago. Scans that were refused are not counted: they change \
                 nothing and so leave no trace, except entries that were reported late.",
                )
                .refuses(["event_not_found"])
        }),
    )
}

/// Counts of one event, as cached.
#[derive(Debug)]
pub(crate) struct EventCounts {
    gates: GateSummary,
    sold: u32,
    at: Timestamp,
}

/// How many holders have entered.
#[derive(Debug, Serialize, JsonSchema)]
struct Stats {
    /// The event's id.
    event_id: EventId,
    /// Tickets that were used at a door.
    admitted: u32,
    /// Places that are sold.
    sold: u32,
    /// Tickets that were refunded or voided.
    revoked: u32,
    /// Tickets with a newer code than their first: they changed hands.
    transferred: u32,
    /// Late reported entries that contradict what happened to their tickets or vouchers; see
    /// `/door/events/{id}/conflicts`.
    conflicts: usize,
    /// Vouchers whose product was handed out.
    handed_out: u32,
    /// Vouchers that were refunded or voided.
    vouchers_revoked: u32,
    /// When the latest entry was scanned.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_scan_at: Option<Timestamp>,
    /// Entries by minute of the last hour; minutes without entries are left out.
    by_minute: Vec<Minute>,
    /// When the numbers were counted, at most five seconds ago.
    counted_at: Timestamp,
}

/// Entries of one minute.
#[derive(Debug, Serialize, JsonSchema)]
struct Minute {
    /// Start of the minute.
    minute: Timestamp,
    /// Tickets that were used in this minute.
    admitted: u32,
}

async fn show(
    Shared(state): Shared<State>,
    door: Door,
    Path(EventPath { id: event }): Path<EventPath>,
) -> Answer<Json<Stats>> {
    let sheet = state.sheet(door.tenant, event).await?;
    let now = state.clock.now();
    let counted =
        state.stats.get(event, now, || async { count(&state, &sheet, now).await.map(Some) }).await?;
    let numbers = counted.ok_or_else(event_not_found)?;
    let first = numbers.at.as_second().div_euclid(60) - MINUTES;
    let minutes = numbers.gates.by_minute.range(first..);
    Ok(Json(Stats {
        event_id: event,
        admitted: numbers.gates.admitted,
        sold: numbers.sold,
        revoked: numbers.gates.revoked,
        transferred: numbers.gates.reissued,
        conflicts: numbers.gates.conflicts,
        handed_out: numbers.gates.handed_out,
        vouchers_revoked: numbers.gates.vouchers_revoked,
        last_scan_at: numbers.gates.last_at,
        by_minute: minutes
            .filter_map(|(minute, admitted)| {
                let minute = Timestamp::from_second(minute * 60).ok()?;
                Some(Minute { minute, admitted: *admitted })
            })
            .collect(),
        counted_at: numbers.at,
    }))
}

async fn count(state: &State, sheet: &StoredEvent, now: Timestamp) -> Result<EventCounts> {
    let event = sheet.event.id;
    let sold = sheet
        .areas
        .iter()
        .map(|area| async move { Ok::<_, Error>(state.store.area_state(sheet, area, now).await?.sold) });
    let (gates, sold) = futures::try_join!(
        async { Ok::<_, Error>(state.store.gate_summary(event).await?) },
        try_join_all(sold)
    )?;
    Ok(EventCounts { gates, sold: sold.into_iter().sum(), at: now })
}
