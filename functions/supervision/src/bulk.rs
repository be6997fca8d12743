//! Deciding about many requests, or sending many, at once.

use aide::axum::ApiRouter;
use aide::axum::routing::post_with;
use axum::extract::State as Of;
use domain::discount::{DecisionType, DiscountRequest, MAX_NOTES, RequestStatus};
use domain::error::Fields;
use domain::text::Paragraph;
use domain::{DiscountRequestId, Error, Result};
use futures::StreamExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use web::{Answer, Json, Supervisor};

use crate::State;
use crate::action::Action;
use crate::staff::Staff;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/supervision/queue/bulk",
        post_with(act, |op| {
            op.id("decideMany").summary("Decide or send many requests").tag("Supervision").description(
                "Each request on its own: some may succeed while others are refused, as `items` says in the order \
                 of `ids`.",
            )
        }),
    )
}

/// The most requests at once.
const MOST: usize = 100;
/// Requests that are worked on at the same time: enough not to wait for the
/// table, few enough not to crowd the last discounts of a show.
const AT_ONCE: usize = 8;

/// What to do with each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Work {
    /// Approve it.
    Approve,
    /// Reject it.
    Reject,
    /// Have the member say more first.
    NeedsClarification,
    /// Send its answer.
    Send,
}

/// What to do with which requests.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Bulk {
    /// What to do with each.
    action: Work,
    /// The requests, each once.
    #[schemars(length(min = 1, max = 100))]
    ids: Vec<DiscountRequestId>,
    /// Notes for the other supervisors, on each that is decided.
    supervisor_notes: Option<Paragraph<0, MAX_NOTES>>,
}

/// What became of each request.
#[derive(Debug, Serialize, JsonSchema)]
struct Outcomes {
    /// How many succeeded.
    succeeded: usize,
    /// How many were refused.
    refused: usize,
    /// Each request, in the order of `ids`.
    items: Vec<BulkOutcome>,
}

/// What became of a request.
#[derive(Debug, Serialize, JsonSchema)]
struct BulkOutcome {
    /// The request.
    id: DiscountRequestId,
    /// True if it was done.
    ok: bool,
    /// How far the request is, if it was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<RequestStatus>,
    /// What was decided, if it was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    decision_type: Option<DecisionType>,
    /// The request's version, if it was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
    /// Why it was not done, if so: a stable code.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    /// What that means, as a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
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

async fn act(Of(state): Of<State>, supervisor: Supervisor, Json(bulk): Json<Bulk>) -> Answer<Json<Outcomes>> {
    check(&bulk)?;
    let staff = Staff::from(supervisor);
    let notes = bulk.supervisor_notes.as_deref();
    let done = bulk.ids.iter().map(|id| {
        let (state, staff) = (&state, &staff);
        async move {
            let decide = |action| state.decide(staff, *id, action, notes, None);
            let done = match bulk.action {
                Work::Approve => decide(Action::Approve).await,
                Work::Reject => decide(Action::Reject).await,
                Work::NeedsClarification => decide(Action::NeedsClarification).await,
                Work::Send => state.send(staff, *id, None).await,
            };
            BulkOutcome::new(*id, done)
        }
    });
    // Collected, because a lazy closure over borrowed ids makes no future that may change threads.
    let done = done.collect::<Vec<_>>();
    let items: Vec<BulkOutcome> = futures::stream::iter(done).buffered(AT_ONCE).collect().await;
    let succeeded = items.iter().filter(|item| item.ok).count();
    Ok(Json(Outcomes { succeeded, refused: items.len() - succeeded, items }))
}

fn check(bulk: &Bulk) -> Result<()> {
    let mut fields = Fields::new();
    fields.check(
        (1..=MOST).contains(&bulk.ids.len()),
        "/ids",
        format!("Must have between 1 and {MOST} requests."),
    );
    // Bounded, so that a huge list is not compared with itself.
    for (index, id) in bulk.ids.iter().enumerate().take(MOST) {
        fields.check(
            !bulk.ids[..index].contains(id),
            format!("/ids/{index}"),
            "Stands in the list twice. Name each request once.",
        );
    }
    fields.check(
        bulk.action != Work::Send || bulk.supervisor_notes.is_none(),
        "/supervisor_notes",
        "Notes are taken with a decision, not when sending.",
    );
    fields.finish()
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;

    use super::*;

    fn ids(count: usize) -> Vec<DiscountRequestId> {
        (0..count).map(|_| DiscountRequestId::generate(Timestamp::UNIX_EPOCH)).collect()
    }

    #[test]
    fn every_bad_field_is_named() {
        let pointers = |action, ids: Vec<_>, notes: Option<&str>| {
            let bulk =
                Bulk { action, ids, supervisor_notes: notes.map(|notes| notes.parse().expect("a note")) };
            let bad = check(&bulk).map_or_else(|error| error.field_errors().to_vec(), |()| Vec::new());
            bad.into_iter().map(|field| field.pointer).collect::<Vec<_>>()
        };
        assert_eq!(pointers(Work::Send, ids(100), None), [""; 0]);
        assert_eq!(pointers(Work::Reject, ids(1), Some("ok")), [""; 0]);
        assert_eq!(pointers(Work::Send, ids(0), Some("ok")), ["/ids", "/supervisor_notes"]);
        assert_eq!(pointers(Work::Approve, ids(101), None), ["/ids"]);
        let mut twice = ids(2);
        twice.push(twice[0]);
        assert_eq!(pointers(Work::Approve, twice, None), ["/ids/2"]);
    }
}
