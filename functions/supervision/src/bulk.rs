//! Deciding about many requests, or sending many, at once.
//!
//! Requests are named by their ids or by a filter. A filter may match any number: each
//! call does a part that is far from the 30 seconds that API Gateway waits, and answers
//! with the cursor of the next call. A client that repeats a call, or lost its answer,
//! changes nothing twice; so the work needs no stored task.

use aide::axum::ApiRouter;
use aide::axum::routing::post_with;
use domain::discount::{DecisionType, DiscountRequest, MAX_NOTES, RequestStatus, Tab};
use domain::error::Fields;
use domain::text::Paragraph;
use domain::{DiscountRequestId, Error, EventId, Kind, Result, Timestamp};
use futures::future::join_all;
use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{Failure, RequestFilter, Store};
use web::{Answer, Json, Page, Paging, Refuses, Shared, Supervisor};

use crate::State;
use crate::action::Action;
use crate::limits::AnswersLeft;
use crate::promise::no_discounts_left;
use crate::staff::Staff;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/supervision/queue/bulk",
        post_with(act, |op| {
            op.id("decideMany").summary("Decide or send many requests").tag("Supervision").description(
                "Each request on its own: some may succeed while others are refused, as `items` says. Approvals \
                 are made one after the other, the request that was made first before the others, as long as \
                 discounts are left. With a `filter`, a call does a part of the work; send `next_cursor` as \
                 `cursor` until there is none. If you have sent as many answers as a day takes, `retry_after` says \
                 when to send it. A repeated call changes nothing twice.",
            )
            .refuses(["quota_reached", "refused_fields", "too_many_answers"])
        }),
    )
}

/// The most requests of one bulk call.
pub const MAX_BULK_REQUESTS: u16 = 100;
/// Requests that are worked on concurrently: enough not to wait for the table, few enough
/// not to crowd its items.
const AT_ONCE: usize = 8;
/// After this time a call with a filter starts no further request: the rest of the
/// function's 20 seconds is for the requests that it has started.
const ENOUGH: SignedDuration = SignedDuration::from_secs(10);

/// The action on each request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum BulkAction {
    /// Approve the request.
    Approve,
    /// Reject the request.
    Reject,
    /// Ask the member to say more first.
    NeedsClarification,
    /// Send the answer to the request.
    Send,
}

impl BulkAction {
    const fn action(self) -> Option<Action> {
        match self {
            Self::Approve => Some(Action::Approve),
            Self::Reject => Some(Action::Reject),
            Self::NeedsClarification => Some(Action::NeedsClarification),
            Self::Send => None,
        }
    }
}

/// The state of requests that are not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum UnsentState {
    /// Not decided yet.
    Undecided,
    /// Approved and not sent.
    Approved,
    /// Rejected and not sent.
    Rejected,
    /// To be clarified by the member, and not sent.
    NeedsClarification,
}

impl UnsentState {
    const fn tabs(self) -> &'static [Tab] {
        match self {
            Self::Undecided => &[Tab::Undecided],
            Self::Approved => &[Tab::Decided(DecisionType::Approved)],
            Self::Rejected => &[Tab::Decided(DecisionType::Rejected)],
            Self::NeedsClarification => &[Tab::Decided(DecisionType::NeedsClarification)],
        }
    }
}

/// The requests to work on: all that match every field.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct BulkFilter {
    /// The show's id.
    show_id: EventId,
    /// The state of the requests. Decided requests get the new decision instead.
    status: UnsentState,
    /// The suggested decision. If missing, any.
    suggestion: Option<DecisionType>,
}

/// An action on many requests, named by `ids` or by a `filter`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Bulk {
    /// The action on each request.
    action: BulkAction,
    /// The ids of the requests, each once; not with a `filter`.
    #[schemars(length(min = 1, max = 100), extend("uniqueItems" = true))]
    ids: Option<Vec<DiscountRequestId>>,
    /// A filter for the requests; not with `ids`.
    filter: Option<BulkFilter>,
    /// The `next_cursor` of the call before, with the same `filter`.
    #[schemars(regex(pattern = "^[A-Za-z0-9_-]{1,400}$"))]
    cursor: Option<String>,
    /// Notes for the other supervisors, on each request that is decided.
    supervisor_notes: Option<Paragraph<0, MAX_NOTES>>,
}

/// The result of an action on many requests.
#[serde_with::skip_serializing_none]
#[derive(Debug, Serialize, JsonSchema)]
struct Outcomes {
    /// The number of requests on which the action succeeded.
    succeeded: usize,
    /// The number of requests on which the action was refused.
    refused: usize,
    /// The result of each request: in the order of `ids`, or with a filter the oldest request
    /// first.
    items: Vec<BulkOutcome>,
    /// Send it as `cursor`, with the same filter, for the requests that this call did not
    /// reach. Absent if there are none.
    next_cursor: Option<String>,
    /// Seconds until more answers can be sent. Absent unless the day's limit is reached.
    retry_after: Option<u32>,
}

/// The result of the action on one request.
#[serde_with::skip_serializing_none]
#[derive(Debug, Serialize, JsonSchema)]
struct BulkOutcome {
    /// The request's id.
    id: DiscountRequestId,
    /// True if the action succeeded.
    ok: bool,
    /// Whether the request's answer is sent. Absent unless `ok`.
    status: Option<RequestStatus>,
    /// The decision about the request. Absent unless `ok`.
    decision_type: Option<DecisionType>,
    /// The request's new version. Absent unless `ok`.
    version: Option<u32>,
    /// The stable code of the error. Absent if `ok`.
    code: Option<&'static str>,
    /// The error as a sentence. Absent if `ok`.
    detail: Option<String>,
}

impl BulkOutcome {
    fn new(id: DiscountRequestId, done: Result<DiscountRequest>) -> Self {
        let (request, error) = match done {
            Ok(request) => (Some(request), None),
            Err(error) => (None, Some(error)),
        };
        Self {
            id,
            ok: request.is_some(),
            status: request.as_ref().map(|request| request.status),
            decision_type: request.as_ref().and_then(|request| request.decision_type),
            version: request.as_ref().map(|request| request.version),
            code: error.as_ref().map(Error::code),
            detail: error.as_ref().map(|error| error.detail().to_owned()),
        }
    }
}

async fn act(
    Shared(state): Shared<State>,
    supervisor: Supervisor,
    Json(bulk): Json<Bulk>,
) -> Answer<Json<Outcomes>> {
    check(&bulk)?;
    let staff = Staff::from(supervisor);
    let outcomes = match (&bulk.filter, &bulk.ids) {
        (Some(filter), _) => state.step(&staff, &bulk, filter).await?,
        (None, ids) => state.each(&staff, &bulk, ids.as_deref().unwrap_or_default()).await?,
    };
    Ok(Json(outcomes))
}

/// A request to work on.
#[derive(Debug, Clone, Copy)]
struct BulkItem {
    id: DiscountRequestId,
    /// The request's show, if the request was read before.
    show: Option<EventId>,
    /// The version that the work is based on.
    version: Option<u32>,
}

impl State {
    /// Works on all requests that `ids` names.
    async fn each(&self, staff: &Staff, bulk: &Bulk, ids: &[DiscountRequestId]) -> Result<Outcomes> {
        let mut order: Vec<BulkItem> =
            ids.iter().map(|id| BulkItem { id: *id, show: None, version: None }).collect();
        if bulk.action == BulkAction::Approve {
            let mut known = self.store.discount_requests_of(ids).await?;
            known.retain(|request| request.tenant_id == staff.tenant);
            known.sort_by_key(|request| (request.created_at, request.id));
            let place = |piece: &BulkItem| known.iter().position(|request| request.id == piece.id);
            for piece in &mut order {
                piece.show = place(piece).map(|at| known[at].show_id);
            }
            order.sort_by_key(|piece| place(piece).unwrap_or(usize::MAX));
        }
        let mut items = self.work(staff, bulk, &order, self.clock.now()).await?;
        items.sort_by_key(|item| ids.iter().position(|id| *id == item.id));
        Ok(Outcomes::new(items, None, None))
    }

    /// Works on the next part of the requests that a filter matches.
    async fn step(&self, staff: &Staff, bulk: &Bulk, filter: &BulkFilter) -> Result<Outcomes> {
        let started = self.clock.now();
        let cursor = bulk.cursor.as_deref().map(|cursor| Paging::place(cursor).ok_or_else(bad_cursor));
        let after = cursor.transpose()?;
        let (show, suggestion) = (Some(filter.show_id), filter.suggestion);
        let wanted = RequestFilter { show, suggestion, ..RequestFilter::of(filter.status.tabs()) };
        let found =
            self.store.discount_requests(staff.tenant, wanted, after.as_deref(), MAX_BULK_REQUESTS).await;
        let found = found.map_err(|failure| match failure {
            Failure::ForeignCursor => bad_cursor(),
            other => other.into(),
        })?;
        let piece = |request: &DiscountRequest| BulkItem {
            id: request.id,
            show: Some(request.show_id),
            version: bulk.action.action().map(|_| request.version),
        };
        let pieces: Vec<BulkItem> = found.items.iter().map(piece).collect();
        let items = self.work(staff, bulk, &pieces, started).await?;
        let last = match found.items.get(items.len()) {
            Some(_) => found.items[..items.len()].last().map(Store::after_discount_request),
            None => found.last,
        };
        let is_stopped = bulk.action == BulkAction::Send && last.is_some();
        let now = self.clock.now();
        let room = if is_stopped { Some(self.answers_left(staff.tenant, now).await?) } else { None };
        let retry_after = room.filter(|room| room.left == 0).and_then(|room| room.full.retry_after_seconds());
        Ok(Outcomes::new(items, last, retry_after))
    }

    /// Works on requests in their order. With a filter it may stop early: when the time or the
    /// day's answers are used up, or at a request that fails because something is unavailable.
    /// The next call begins with that request.
    ///
    /// # Errors
    /// With a filter, if that was the first request, or if no answer can be sent today.
    async fn work(
        &self,
        staff: &Staff,
        bulk: &Bulk,
        pieces: &[BulkItem],
        started: Timestamp,
    ) -> Result<Vec<BulkOutcome>> {
        let at_once = if bulk.action == BulkAction::Approve { 1 } else { AT_ONCE };
        let (mut items, mut given_away) = (Vec::with_capacity(pieces.len()), Vec::new());
        for some in pieces.chunks(at_once) {
            if bulk.filter.is_some() && !items.is_empty() && self.clock.now().duration_since(started) > ENOUGH
            {
                break;
            }
            let mut some = some;
            if bulk.filter.is_some() && bulk.action == BulkAction::Send {
                let now = self.clock.now();
                let AnswersLeft { left, full } = self.answers_left(staff.tenant, now).await?;
                some = &some[..some.len().min(left)];
                match (some.is_empty(), items.is_empty()) {
                    (true, true) => return Err(full),
                    (true, false) => break,
                    _ => {}
                }
            }
            let worked: Vec<_> =
                some.iter().map(|piece| self.one(staff, bulk, *piece, &given_away)).collect();
            for (piece, done) in some.iter().zip(join_all(worked).await) {
                let is_stopped = bulk.filter.is_some()
                    && done.as_ref().is_err_and(|error| error.kind() == Kind::Unavailable);
                match done {
                    Err(error) if is_stopped && items.is_empty() => return Err(error),
                    Err(_) if is_stopped => return Ok(items),
                    _ => {}
                }
                let is_out = done.as_ref().is_err_and(|error| error.code() == no_discounts_left().code());
                given_away.extend(piece.show.filter(|show| is_out && !given_away.contains(show)));
                items.push(BulkOutcome::new(piece.id, done));
            }
        }
        Ok(items)
    }

    /// Works on one request. For shows in `given_away`, whose discounts are all taken, nothing
    /// more is approved.
    async fn one(
        &self,
        staff: &Staff,
        bulk: &Bulk,
        piece: BulkItem,
        given_away: &[EventId],
    ) -> Result<DiscountRequest> {
        let Some(action) = bulk.action.action() else { return self.send(staff, piece.id, None).await };
        if piece.show.is_some_and(|show| given_away.contains(&show)) {
            return Err(no_discounts_left());
        }
        self.decide(staff, piece.id, action, bulk.supervisor_notes.as_deref(), piece.version).await
    }
}

impl Outcomes {
    fn new(items: Vec<BulkOutcome>, last: Option<String>, retry_after: Option<u32>) -> Self {
        let succeeded = items.iter().filter(|item| item.ok).count();
        let refused = items.len() - succeeded;
        let Page { items, next_cursor } = Page::new(items, last);
        Self { succeeded, refused, items, next_cursor, retry_after }
    }
}

fn bad_cursor() -> Error {
    Error::refused_field("/cursor", "Must be the `next_cursor` of an earlier call, unchanged.")
}

fn check(bulk: &Bulk) -> Result<()> {
    let mut fields = Fields::new();
    fields.rule(
        bulk.ids.is_some() != bulk.filter.is_some(),
        "/ids",
        "Name the requests by their `ids` or by a `filter`, one of both.",
    );
    let most = usize::from(MAX_BULK_REQUESTS);
    if let Some(ids) = &bulk.ids {
        fields.check(
            (1..=most).contains(&ids.len()),
            "/ids",
            format!("Must have between 1 and {MAX_BULK_REQUESTS} requests."),
        );
        // Bounded, so that a huge list is not compared with itself.
        for (index, id) in ids.iter().enumerate().take(most) {
            fields.check(
                !ids[..index].contains(id),
                format!("/ids/{index}"),
                "Stands in the list twice. Name each request once.",
            );
        }
    }
    if let Some(filter) = &bulk.filter {
        let decided = filter.status.tabs().iter().find_map(|tab| match tab {
            Tab::Decided(decision) => Some(*decision),
            Tab::Undecided | Tab::Sent(_) => None,
        });
        match bulk.action.action() {
            None => fields.rule(
                decided.is_some(),
                "/filter/status",
                "Decide these requests before you send them.",
            ),
            Some(action) => fields.rule(
                decided != Some(action.decision()),
                "/filter/status",
                "These requests are decided so already.",
            ),
        };
    }
    fields.rule(
        bulk.cursor.is_none() || bulk.filter.is_some(),
        "/cursor",
        "A cursor goes with the `filter` of the call before.",
    );
    fields.rule(
        bulk.action != BulkAction::Send || bulk.supervisor_notes.is_none(),
        "/supervisor_notes",
        "Notes are taken with a decision, not when sending.",
    );
    fields.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(count: usize) -> Vec<DiscountRequestId> {
        (0..count).map(|_| DiscountRequestId::generate(Timestamp::UNIX_EPOCH)).collect()
    }

    #[test]
    fn every_bad_field_is_named() {
        let pointers = |action, ids: Vec<_>, notes: Option<&str>| {
            let supervisor_notes = notes.map(|notes| notes.parse().expect("a note"));
            let bulk = Bulk { action, ids: Some(ids), filter: None, cursor: None, supervisor_notes };
            let bad = check(&bulk).map_or_else(|error| error.field_errors().to_vec(), |()| Vec::new());
            bad.into_iter().map(|field| field.pointer).collect::<Vec<_>>()
        };
        assert_eq!(pointers(BulkAction::Send, ids(100), None), [""; 0]);
        assert_eq!(pointers(BulkAction::Reject, ids(1), Some("ok")), [""; 0]);
        assert_eq!(pointers(BulkAction::Send, ids(0), Some("ok")), ["/ids", "/supervisor_notes"]);
        assert_eq!(pointers(BulkAction::Approve, ids(101), None), ["/ids"]);
        let mut twice = ids(2);
        twice.push(twice[0]);
        assert_eq!(pointers(BulkAction::Approve, twice, None), ["/ids/2"]);
    }

    #[test]
    fn a_filter_replaces_ids_and_must_have_an_effect() {
        let show_id = EventId::generate(Timestamp::UNIX_EPOCH);
        let pointers = |action, status, ids: Option<Vec<_>>| {
            let filter = Some(BulkFilter { show_id, status, suggestion: None });
            let bulk = Bulk { action, ids, filter, cursor: Some("x".to_owned()), supervisor_notes: None };
            let bad = check(&bulk).map_or_else(|error| error.field_errors().to_vec(), |()| Vec::new());
            bad.into_iter().map(|field| field.pointer).collect::<Vec<_>>()
        };
        assert_eq!(pointers(BulkAction::Reject, UnsentState::Undecided, None), [""; 0]);
        assert_eq!(pointers(BulkAction::Reject, UnsentState::Approved, None), [""; 0]);
        assert_eq!(pointers(BulkAction::Send, UnsentState::Approved, None), [""; 0]);
        assert_eq!(pointers(BulkAction::Send, UnsentState::Undecided, None), ["/filter/status"]);
        assert_eq!(pointers(BulkAction::Approve, UnsentState::Approved, None), ["/filter/status"]);
        assert_eq!(pointers(BulkAction::Reject, UnsentState::Undecided, Some(ids(1))), ["/ids"]);
        let nothing = Bulk {
            action: BulkAction::Send,
            ids: None,
            filter: None,
            cursor: Some("x".to_owned()),
            supervisor_notes: None,
        };
        let bad = check(&nothing).expect_err("refused");
        let pointers: Vec<_> = bad.field_errors().iter().map(|field| field.pointer.as_str()).collect();
        assert_eq!(pointers, ["/ids", "/cursor"]);
    }
}
