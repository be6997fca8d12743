//! Statistics of the queue.

use std::collections::BTreeMap;

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use domain::discount::{DecisionSource, DecisionType, DiscountRequest, Tab};
use domain::error::Fields;
use domain::{Moment, Result, TenantId, Timestamp, UserId};
use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::RequestFilter;
use web::{Answer, Json, Query, Refuses, Shared, Supervisor};

use crate::State;
use crate::dashboard::Counters;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/supervision/stats",
        get_with(stats, |op| {
            op.id("showSupervisionStats").summary("Statistics of the queue").tag("Supervision").description(
                "Counts of all requests, and what there is to say about those that were made between `from` and \
                 `to`: at most the last 1000 of them.",
            )
            .refuses(["refused_fields"])
        }),
    )
}

/// The length of the window if the request names no start: 30 days.
const USUAL: SignedDuration = SignedDuration::from_hours(30 * 24);
/// The most requests of a window that are read.
const MOST: usize = 1_000;
/// The requests that are read at once.
const AT_ONCE: u16 = 100;
/// All lists of the queue.
const ALL: [Tab; 7] = [
    Tab::PENDING[0],
    Tab::PENDING[1],
    Tab::PENDING[2],
    Tab::PENDING[3],
    Tab::SENT[0],
    Tab::SENT[1],
    Tab::SENT[2],
];

#[derive(Debug, Deserialize, JsonSchema)]
struct Span {
    /// Only requests made at this time or later. If missing, 30 days before `to`.
    from: Option<Moment>,
    /// Only requests made before this time. If missing, until now.
    to: Option<Moment>,
}

/// Statistics of the queue of discount requests.
#[derive(Debug, Serialize, JsonSchema)]
struct QueueStats {
    /// The number of all requests.
    total: u64,
    /// The number of all requests by state.
    by_state: Counters,
    /// The number of sent requests by decision.
    sent: Decisions,
    /// Further statistics of the requests made between `from` and `to`.
    window: Window,
}

/// Numbers of requests by decision.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
struct Decisions {
    /// Approved requests.
    approved: u64,
    /// Rejected requests.
    rejected: u64,
    /// Requests that the member has to clarify.
    needs_clarification: u64,
}

impl Decisions {
    fn add(&mut self, decision: DecisionType) {
        match decision {
            DecisionType::Approved => self.approved += 1,
            DecisionType::Rejected => self.rejected += 1,
            DecisionType::NeedsClarification => self.needs_clarification += 1,
        }
    }
}

/// Statistics of the requests made in a span of time.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
struct Window {
    /// Requests made at this time or later.
    from: Timestamp,
    /// Requests made before this time.
    to: Timestamp,
    /// The number of requests that were read, at most about 1000: the last ones.
    requests: u64,
    /// True if these are all requests of the span.
    complete: bool,
    /// The number of requests by the source of the suggestion.
    by_decision_source: Sources,
    /// The average time that a suggestion took, in seconds; null without requests.
    average_processing_time: Option<f64>,
    /// How often supervisors decided as suggested.
    agreement: Agreement,
    /// The decisions of each supervisor, the one with the most first.
    reviewers: Vec<ReviewerStats>,
}

/// Numbers of requests by the source of the suggestion.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
struct Sources {
    /// Requests whose suggestion came from fixed rules.
    prefilter_template: u64,
    /// Requests whose suggestion came from a language model.
    llm_generated: u64,
}

/// How often supervisors decided as suggested.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, JsonSchema)]
struct Agreement {
    /// Decided requests.
    decided: u64,
    /// Requests that were decided as suggested.
    agreed: u64,
    /// `agreed` divided by `decided`, from 0 to 1; null if none was decided.
    share: Option<f64>,
}

/// The decisions of one supervisor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
struct ReviewerStats {
    /// The supervisor's e-mail address.
    reviewed_by: String,
    /// The supervisor's user id.
    user_id: UserId,
    /// The number of requests that the supervisor decided.
    decided: u64,
    /// The same number by decision.
    #[serde(flatten)]
    decisions: Decisions,
}

async fn stats(
    Shared(state): Shared<State>,
    supervisor: Supervisor,
    Query(span): Query<Span>,
) -> Answer<Json<QueueStats>> {
    // The list counts in seconds: requests made in the current second count, too.
    let to = span.to.map_or_else(|| state.clock.now() + SignedDuration::from_secs(1), Moment::time);
    let from = span.from.map_or_else(|| to.saturating_sub(USUAL).unwrap_or(Timestamp::MIN), Moment::time);
    let mut fields = Fields::new();
    fields.rule(from < to, "#to", "Must be later than `from`.").finish()?;
    let (counted, (requests, complete)) =
        tokio::try_join!(state.count(supervisor.tenant), state.made(supervisor.tenant, from, to))?;
    let sent = |decision| counted.of(Tab::Sent(decision));
    Ok(Json(QueueStats {
        total: counted.all(),
        by_state: counted.counters(),
        sent: Decisions {
            approved: sent(DecisionType::Approved),
            rejected: sent(DecisionType::Rejected),
            needs_clarification: sent(DecisionType::NeedsClarification),
        },
        window: Window::of(&requests, from, to, complete),
    }))
}

impl State {
    /// The last requests made in this span of time, and whether these are all.
    async fn made(
        &self,
        tenant: TenantId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<(Vec<DiscountRequest>, bool)> {
        let wanted =
            RequestFilter { from: Some(from), to: Some(to), newest_first: true, ..RequestFilter::of(&ALL) };
        let (mut requests, mut after) = (Vec::new(), None);
        loop {
            let page = self.store.discount_requests(tenant, wanted, after.as_deref(), AT_ONCE).await?;
            requests.extend(page.items);
            after = page.last;
            if after.is_none() || requests.len() >= MOST {
                return Ok((requests, after.is_none()));
            }
        }
    }
}

impl Window {
    fn of(requests: &[DiscountRequest], from: Timestamp, to: Timestamp, complete: bool) -> Self {
        let mut sources = Sources::default();
        let mut agreement = Agreement::default();
        let mut reviewers: BTreeMap<UserId, ReviewerStats> = BTreeMap::new();
        let mut took = 0_u64;
        for request in requests {
            took += u64::from(request.processing_us);
            match request.decision_source {
                DecisionSource::PrefilterTemplate => sources.prefilter_template += 1,
                DecisionSource::LlmGenerated => sources.llm_generated += 1,
            }
            let (Some(decision), Some(by)) = (request.decision_type, &request.reviewed_by) else { continue };
            agreement.decided += 1;
            agreement.agreed += u64::from(decision == request.suggestion.decision_type);
            let stats = reviewers.entry(by.user).or_insert_with(|| ReviewerStats {
                reviewed_by: by.email.clone(),
                user_id: by.user,
                decided: 0,
                decisions: Decisions::default(),
            });
            stats.decided += 1;
            stats.decisions.add(decision);
        }
        agreement.share = share(agreement.agreed, agreement.decided);
        let mut reviewers: Vec<_> = reviewers.into_values().collect();
        reviewers.sort_by_key(|stats| std::cmp::Reverse(stats.decided));
        let count = u32::try_from(requests.len()).unwrap_or(u32::MAX);
        Self {
            from,
            to,
            requests: count.into(),
            complete,
            by_decision_source: sources,
            average_processing_time: average_seconds(took, count),
            agreement,
            reviewers,
        }
    }
}

/// The average of `count` times whose sum is `microseconds`, in seconds. Rounded down to the
/// microsecond: finer digits would be noise.
fn average_seconds(microseconds: u64, count: u32) -> Option<f64> {
    let average = microseconds.checked_div(count.into())?;
    Some(f64::from(u32::try_from(average).unwrap_or(u32::MAX)) / 1_000_000.0)
}

/// `part` divided by `whole`; `None` if `whole` is 0. Both are small counts.
fn share(part: u64, whole: u64) -> Option<f64> {
    let [part, whole] = [part, whole].map(|count| f64::from(u32::try_from(count).unwrap_or(u32::MAX)));
    (whole > 0.0).then(|| part / whole)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(source: &str, took: u32, decision: Option<(&str, u128)>) -> DiscountRequest {
        let id = |prefix: &str| format!("{prefix}_01h0000000e008000000000001");
        let user = |number| UserId::from_uuid(uuid::Uuid::from_u128(number));
        serde_json::from_value(json!({
            "id": id("drq"), "tenant_id": id("tnt"), "member_id": id("mem"), "show_id": id("evt"), "attempt": 0,
            "user_email": "ana@example.com", "user_name": "Ana", "show_description": "Los Faroles",
            "language": "es", "decision_source": source, "status": "pending", "template_version": 0,
            "suggestion": {"decision_type": "approved", "confidence": 9500, "reasoning": {"rule": "none_left"}},
            "processing_us": took, "created_at": "2026-11-21T10:00:00Z", "version": 1,
            "decision_type": decision.map(|(decision, _)| decision),
            "reviewed_by": decision.map(|(_, by)| json!({"user": user(by), "email": format!("{by}@example.com")})),
        }))
        .expect("a request")
    }

    #[test]
    fn a_window_counts_decisions_by_supervisor_and_agreement() {
        let requests = [
            request("prefilter_template", 1_000, None),
            request("prefilter_template", 2_000, Some(("approved", 1))),
            request("llm_generated", 3_000, Some(("rejected", 2))),
            request("prefilter_template", 6_000, Some(("approved", 2))),
        ];
        let (from, to) = (Timestamp::UNIX_EPOCH, Timestamp::MAX);
        let window = Window::of(&requests, from, to, true);
        assert_eq!(window.by_decision_source, Sources { prefilter_template: 3, llm_generated: 1 });
        assert_eq!(window.average_processing_time, Some(0.003));
        assert_eq!(window.agreement, Agreement { decided: 3, agreed: 2, share: Some(2.0 / 3.0) });
        let by: Vec<_> = window.reviewers.iter().map(|by| (by.reviewed_by.as_str(), by.decided)).collect();
        assert_eq!(by, [("2@example.com", 2), ("1@example.com", 1)]);
        assert_eq!(
            window.reviewers[0].decisions,
            Decisions { approved: 1, rejected: 1, needs_clarification: 0 }
        );

        let nothing = Window::of(&[], from, to, true);
        assert_eq!((nothing.average_processing_time, nothing.agreement.share), (None, None));
    }
}
