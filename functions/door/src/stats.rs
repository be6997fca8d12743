use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::extract;
use domain::{Error, EventId, Result, Timestamp};
use futures::future::try_join_all;
use schemars::JsonSchema;
use serde::Serialize;
use store::{GateSummary, StoredEvent};
use web::{Answer, Door, Json, Path, Refuses};

use crate::{EventPath, State};

/// How long the numbers may be behind, in milliseconds: counting reads every
/// gate, and a hall full of scanners looks at them.
pub(crate) const FRESH_MILLIS: i64 = 5_000;
/// How many minutes back the admissions are told one by one.
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

/// What is counted.
#[derive(Debug)]
pub(crate) struct Numbers {
    gates: GateSummary,
    sold: u32,
    at: Timestamp,
}

/// How full the house is.
#[derive(Debug, Serialize, JsonSchema)]
struct Stats {
    /// The event.
    event_id: EventId,
    /// Tickets that were used.
    admitted: u32,
    /// Tickets that are sold.
    sold: u32,
    /// Tickets that were refunded.
    revoked: u32,
    /// Tickets that changed hands.
    transferred: u32,
    /// Entries that were reported late and contradict what happened to their
    /// tickets; `/door/events/{id}/conflicts` lists them.
    conflicts: usize,
    /// When the latest one was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_scan_at: Option<Timestamp>,
    /// The last hour, without the minutes in which nobody came.
    by_minute: Vec<Minute>,
    /// When this was counted.
    counted_at: Timestamp,
}

/// One minute at the doors.
#[derive(Debug, Serialize, JsonSchema)]
struct Minute {
    /// Its begin.
    minute: Timestamp,
    /// Tickets that were used in it.
    admitted: u32,
}

async fn show(
    extract::State(state): extract::State<State>,
    door: Door,
    Path(EventPath { id: event }): Path<EventPath>,
) -> Answer<Json<Stats>> {
    let sheet = state.sheet(door.tenant, event).await?;
    let now = state.clock.now();
    let counted =
        state.stats.get(event, now, || async { count(&state, &sheet, now).await.map(Some) }).await?;
    let numbers = counted.ok_or_else(|| Error::not_found("event_not_found", "There is no such event."))?;
    let first = numbers.at.as_second().div_euclid(60) - MINUTES;
    let minutes = numbers.gates.by_minute.range(first..);
    Ok(Json(Stats {
        event_id: event,
        admitted: numbers.gates.admitted,
        sold: numbers.sold,
        revoked: numbers.gates.revoked,
        transferred: numbers.gates.reissued,
        conflicts: numbers.gates.conflicts,
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

async fn count(state: &State, sheet: &StoredEvent, now: Timestamp) -> Result<Numbers> {
    let event = sheet.event.id;
    let sold = sheet
        .areas
        .iter()
        .map(|area| async move { Ok::<_, Error>(state.store.area_state(sheet, area, now).await?.sold) });
    let (gates, sold) = futures::try_join!(
        async { Ok::<_, Error>(state.store.gate_summary(event).await?) },
        try_join_all(sold)
    )?;
    Ok(Numbers { gates, sold: sold.into_iter().sum(), at: now })
}
