use std::collections::BTreeMap;

use aide::axum::ApiRouter;
use aide::axum::routing::post_with;
use domain::error::Fields;
use domain::{DeviceId, EventId, Moment, OrderPart, Result, VariantId};
use futures::{StreamExt, TryStreamExt, stream};
use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{Scan, StoredEvent};
use web::{Answer, Door, Json, Refuses, Shared};

use crate::State;
use crate::devices::DeviceSecret;
use crate::judge::{Accepted, Code, CodeKind, Verdict, judge_late, read, tickets_only};
use crate::validate::{check_accepted, check_code, check_nonce, clamp_scan_time};

/// The most scans of one request.
const MAX_SCANS: usize = 200;
/// How many tickets are judged concurrently.
const AT_ONCE: usize = 8;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/door/sync",
        post_with(sync, |op| {
            op.id("syncScans").tag("Door").summary("Report scans that were made without the network").description(
                "Each is judged by when it was made, the earliest first; sending them again changes nothing. \
                 `already_used` means that another scan of the same ticket got here first: it says which. An \
                 entry that contradicts what happened meanwhile (a refund, a transfer, another entry) has a \
                 `conflict`, and is kept for the organiser: up to twenty of a ticket, besides the one that \
                 used it up. Whoever takes over a paired scanner may send what the one before left in it: what is known \
                 of that is `already_used`, and no other entry.",
            )
            .refuses(["device_not_paired", "event_not_found"])
        }),
    )
}

/// Scans that one scanner made without the network, at the doors of one event.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SyncRequest {
    /// The event's id.
    event_id: EventId,
    /// The paired scanner's id; its secret comes in the header `X-Device-Secret`.
    #[serde(default)]
    device_id: Option<DeviceId>,
    /// The kinds of codes that the scanner takes: `ticket` if missing. At a bar, `voucher`.
    #[serde(default = "tickets_only")]
    #[schemars(length(min = 1, max = 2), extend("uniqueItems" = true))]
    accepts: Vec<CodeKind>,
    /// The ids of the only variants of products that are handed out there. If missing, all.
    #[serde(default)]
    #[schemars(length(min = 1, max = 100))]
    variants: Option<Vec<VariantId>>,
    /// The scanner's clock as it sends this. The difference from the server's clock corrects the
    /// times of the scans.
    #[serde(default)]
    sent_at: Option<Moment>,
    /// The scans, 1 to 200.
    #[schemars(length(min = 1, max = 200))]
    scans: Vec<OfflineScan>,
}

/// A scan that was made earlier, without the network.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OfflineScan {
    /// The text of the QR code, up to 1000 bytes, as a camera or a keyboard scanner gives it. Caps
    /// Lock, another keyboard layout and marks at both ends are undone.
    #[schemars(length(min = 1, max = 1000))]
    code: String,
    /// The scan's own name, such as a UUID: 1 to 64 visible ASCII characters. The same scan sent
    /// again with it gets the same verdict.
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[!-~]+$"))]
    nonce: String,
    /// When the scan was made. Later than now counts as now, earlier than the event's creation as
    /// that.
    scanned_at: Moment,
    /// Whether the scanner let the holder in, or the product was handed out. If absent: yes, unless the same scanner already
    /// reported an entry with this ticket.
    #[serde(default)]
    admitted: Option<bool>,
}

/// The verdicts about the scans.
#[derive(Debug, Serialize, JsonSchema)]
struct Synced {
    /// One verdict for each scan, in the order of the request.
    results: Vec<SyncedScan>,
    /// Number of scans that admitted.
    admitted: usize,
    /// Number of scans that did not admit.
    refused: usize,
}

/// The verdict about one scan.
#[derive(Debug, Serialize, JsonSchema)]
struct SyncedScan {
    /// The scan's name, from the request.
    nonce: String,
    /// The verdict.
    #[serde(flatten)]
    verdict: Verdict,
}

async fn sync(
    Shared(state): Shared<State>,
    door: Door,
    secret: DeviceSecret,
    Json(request): Json<SyncRequest>,
) -> Answer<Json<Synced>> {
    check(&request)?;
    let sheet = state.sheet(door.tenant, request.event_id).await?;
    secret.check(&state, door.tenant, request.device_id).await?;
    let now = state.clock.now();
    let session = request.device_id.is_none().then_some(door.claims.session);
    let accepted = Accepted { kinds: &request.accepts, variants: request.variants.as_deref() };
    let slow = request.sent_at.map_or(SignedDuration::ZERO, |sent_at| now.duration_since(sent_at.time()));
    let scans: Vec<Reported> = request
        .scans
        .into_iter()
        .map(|scan| {
            let said_at = scan.scanned_at.time();
            let said = said_at.saturating_add(slow).unwrap_or(said_at);
            let at = clamp_scan_time(Some(said), sheet.event.created_at, now);
            Reported {
                code: read(&state, &sheet.event, &scan.code, accepted),
                scan: Scan { nonce: scan.nonce, by: door.user, device: request.device_id, session, at },
                let_in: scan.admitted,
            }
        })
        .collect();
    let judged = stream::iter(group_by_ticket(&scans))
        .map(|turn| judge_group(&state, &sheet, &scans, turn))
        .buffer_unordered(AT_ONCE)
        .try_collect::<Vec<_>>()
        .await?;
    let verdicts: BTreeMap<usize, Verdict> = judged.into_iter().flatten().collect();
    let results: Vec<_> = scans
        .into_iter()
        .zip(verdicts.into_values())
        .map(|(reported, verdict)| SyncedScan { nonce: reported.scan.nonce, verdict })
        .collect();
    let admitted = results.iter().filter(|scan| scan.verdict.reason.is_none()).count();
    Ok(Json(Synced { admitted, refused: results.len() - admitted, results }))
}

fn check(request: &SyncRequest) -> Result<()> {
    let mut fields = Fields::new();
    check_accepted(&mut fields, &request.accepts, request.variants.as_deref());
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

/// A scan, read from the request and ready to be judged.
#[derive(Debug)]
struct Reported {
    /// The code, or the verdict that refuses it: it is no genuine code of this event.
    code: std::result::Result<Code, Box<Verdict>>,
    scan: Scan,
    let_in: Option<bool>,
}

/// The scans' indexes, grouped by ticket or voucher and sorted by time in each group: of two scans of one
/// ticket, the one made first must win. Grouped by ticket, not by text: the texts of one ticket's
/// codes differ by reader and by holder.
fn group_by_ticket(scans: &[Reported]) -> Vec<Vec<usize>> {
    let (mut turns, mut others) = (BTreeMap::<OrderPart, Vec<usize>>::new(), Vec::new());
    for (place, reported) in scans.iter().enumerate() {
        match &reported.code {
            Ok(code) => turns.entry(code.part()).or_default().push(place),
            Err(_) => others.push(vec![place]),
        }
    }
    let mut turns: Vec<_> = turns.into_values().collect();
    turns.iter_mut().for_each(|turn| turn.sort_by_key(|place| (scans[*place].scan.at, *place)));
    turns.extend(others);
    turns
}

async fn judge_group(
    state: &State,
    sheet: &StoredEvent,
    scans: &[Reported],
    turn: Vec<usize>,
) -> Result<Vec<(usize, Verdict)>> {
    let mut verdicts = Vec::with_capacity(turn.len());
    for place in turn {
        let Reported { code, scan, let_in } = &scans[place];
        let verdict = match code {
            Ok(code) => judge_late(state, sheet, code.clone(), scan, *let_in).await?,
            Err(verdict) => Verdict::clone(verdict),
        };
        verdicts.push((place, verdict));
    }
    Ok(verdicts)
}

#[cfg(test)]
mod tests {
    use domain::testing::at;
    use domain::ticket::{AreaTag, TicketCode};
    use domain::{AreaId, OrderId, QuoteId, UserId};

    use super::*;

    #[test]
    fn scans_of_one_ticket_are_judged_in_the_order_of_their_times() {
        let user = UserId::generate(at(0));
        let order = OrderId::of_quote(QuoteId::generate(at(0)), user);
        let scan = |ticket: u8, serial, second| Reported {
            code: Ok(Code::Ticket(TicketCode {
                event: EventId::generate(at(0)),
                ticket: order.ticket(ticket),
                serial,
                area: AreaTag::of(AreaId::generate(at(0))),
                seat: None,
            })),
            scan: Scan { nonce: String::new(), by: user, device: None, session: None, at: at(second) },
            let_in: None,
        };
        let scans = [scan(1, 0, 9), scan(0, 0, 5), scan(1, 1, 7), scan(0, 0, 5), scan(2, 0, 1)];
        assert_eq!(
            group_by_ticket(&scans),
            [vec![1, 3], vec![2, 0], vec![4]],
            "an old code is of the same ticket"
        );
    }
}
