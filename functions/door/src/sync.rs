use std::collections::BTreeMap;

use aide::axum::ApiRouter;
use aide::axum::routing::post_with;
use axum::extract;
use domain::error::Fields;
use domain::{DeviceId, EventId, Result, Timestamp};
use futures::{StreamExt, TryStreamExt, stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{EventSheet, Scan};
use web::{Answer, Door, Json};

use crate::State;
use crate::devices::DeviceSecret;
use crate::judge::{Verdict, judge};
use crate::validate::{believable, check_code, check_nonce};

/// The most scans of one request.
const MAX_SCANS: usize = 200;
/// How many tickets are judged at the same time.
const AT_ONCE: usize = 8;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/door/sync",
        post_with(sync, |op| {
            op.id("syncScans").tag("Door").summary("Report scans that were made without the network").description(
                "Each is judged with its own time, the earliest first; sending them again changes nothing. \
                 `already_used` means that another scan of the same ticket got here first: it says which.",
            )
        }),
    )
}

/// Scans of one scanner at the doors of one event.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SyncRequest {
    /// The event.
    event_id: EventId,
    /// The paired scanner; its secret comes in the header `X-Device-Secret`.
    #[serde(default)]
    device_id: Option<DeviceId>,
    /// The scans.
    #[schemars(length(min = 1, max = 200))]
    scans: Vec<OfflineScan>,
}

/// A scan that was made earlier.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OfflineScan {
    /// What the QR code says.
    #[schemars(length(min = 1, max = 1000))]
    code: String,
    /// Names the scan.
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[!-~]+$"))]
    nonce: String,
    /// When it was made. Later than now counts as now.
    scanned_at: Timestamp,
}

/// What became of the scans.
#[derive(Debug, Serialize, JsonSchema)]
struct Synced {
    /// One for each scan, in the order of the request.
    results: Vec<SyncedScan>,
    /// How many admitted.
    admitted: usize,
    /// How many did not.
    refused: usize,
}

/// What became of one scan.
#[derive(Debug, Serialize, JsonSchema)]
struct SyncedScan {
    /// The name of the scan.
    nonce: String,
    /// What became of it.
    #[serde(flatten)]
    verdict: Verdict,
}

async fn sync(
    extract::State(state): extract::State<State>,
    door: Door,
    secret: DeviceSecret,
    Json(request): Json<SyncRequest>,
) -> Answer<Json<Synced>> {
    check(&request)?;
    let sheet = state.sheet(door.tenant, request.event_id).await?;
    secret.check(&state, door.tenant, request.device_id).await?;
    let now = state.clock.now();
    let scans: Vec<(String, Scan)> = request
        .scans
        .into_iter()
        .map(|scan| {
            let at = believable(Some(scan.scanned_at), sheet.event.created_at, now);
            (scan.code, Scan { nonce: scan.nonce, by: door.user, device: request.device_id, at })
        })
        .collect();
    let judged = stream::iter(in_turns(&scans))
        .map(|turn| judge_in_turn(&state, &sheet, &scans, turn))
        .buffer_unordered(AT_ONCE)
        .try_collect::<Vec<_>>()
        .await?;
    let verdicts: BTreeMap<usize, Verdict> = judged.into_iter().flatten().collect();
    let results: Vec<_> = scans
        .into_iter()
        .zip(verdicts.into_values())
        .map(|((_, scan), verdict)| SyncedScan { nonce: scan.nonce, verdict })
        .collect();
    let admitted = results.iter().filter(|scan| scan.verdict.reason.is_none()).count();
    Ok(Json(Synced { admitted, refused: results.len() - admitted, results }))
}

fn check(request: &SyncRequest) -> Result<()> {
    let mut fields = Fields::new();
    fields.check(
        (1..=MAX_SCANS).contains(&request.scans.len()),
        "/scans",
        format!("Must have between 1 and {MAX_SCANS} scans."),
    );
    for (index, scan) in request.scans.iter().enumerate().take(MAX_SCANS) {
        check_code(&mut fields, &format!("/scans/{index}/code"), &scan.code);
        check_nonce(&mut fields, &format!("/scans/{index}/nonce"), &scan.nonce);
    }
    fields.finish()
}

/// The places of the scans, those with the same code together and the earliest
/// of them first: of two scans of one ticket, the one made first must win.
fn in_turns(scans: &[(String, Scan)]) -> Vec<Vec<usize>> {
    let mut turns: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, (code, _)) in scans.iter().enumerate() {
        turns.entry(code).or_default().push(place);
    }
    let mut turns: Vec<_> = turns.into_values().collect();
    turns.iter_mut().for_each(|turn| turn.sort_by_key(|place| (scans[*place].1.at, *place)));
    turns
}

async fn judge_in_turn(
    state: &State,
    sheet: &EventSheet,
    scans: &[(String, Scan)],
    turn: Vec<usize>,
) -> Result<Vec<(usize, Verdict)>> {
    let mut verdicts = Vec::with_capacity(turn.len());
    for place in turn {
        let (code, scan) = &scans[place];
        verdicts.push((place, judge(state, sheet, code, scan).await?));
    }
    Ok(verdicts)
}

#[cfg(test)]
mod tests {
    use domain::UserId;

    use super::*;

    #[test]
    fn scans_of_one_ticket_are_judged_in_the_order_of_their_times() {
        let at = |second| Timestamp::from_second(second).expect("in range");
        let scan = |code: &str, second| {
            let by = UserId::generate(at(0));
            (code.to_owned(), Scan { nonce: String::new(), by, device: None, at: at(second) })
        };
        let scans = [scan("B", 9), scan("A", 5), scan("B", 7), scan("A", 5), scan("C", 1)];
        assert_eq!(in_turns(&scans), [vec![1, 3], vec![2, 0], vec![4]]);
    }
}
