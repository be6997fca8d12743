//! Deciding about a request.

use aide::axum::ApiRouter;
use aide::axum::routing::post_with;
use domain::discount::{DecisionType, DiscountRequest, MAX_NOTES};
use domain::text::Paragraph;
use domain::{DiscountRequestId, Error, Result};
use schemars::JsonSchema;
use serde::Deserialize;
use store::Failure;
use web::{Answer, Json, Path, Refuses, Shared, Supervisor};

use crate::State;
use crate::staff::{RequestPath, Staff};
use crate::view::RequestDetail;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/supervision/queue/{id}/action",
        post_with(act, |op| {
            op.id("decide").summary("Approve or reject a request").tag("Supervision").description(
                "Nothing is mailed before it is sent. An approval reserves one of the show's discounts; without one \
                 left the answer is 409 `no_discounts_left` and nothing changes. Of two people who decide at the same time, one is told 409 \
                 `already_decided`, with who decided what and when; naming the current `version` then decides \
                 otherwise.",
            )
            .refuses(["request_not_found"])
            .refuses(["already_decided", "already_sent", "changed_meanwhile"])
            .refuses(["no_discounts_left", "show_over"])
        }),
    )
}

/// A supervisor's decision about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Action {
    /// The member gets a discount.
    Approve,
    /// The member gets none.
    Reject,
    /// The member has to say more first.
    NeedsClarification,
}

impl Action {
    pub(crate) const fn decision(self) -> DecisionType {
        match self {
            Self::Approve => DecisionType::Approved,
            Self::Reject => DecisionType::Rejected,
            Self::NeedsClarification => DecisionType::NeedsClarification,
        }
    }

    /// The name in the audit log.
    const fn name(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::NeedsClarification => "needs_clarification",
        }
    }
}

/// A decision about a request, with notes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Decision {
    /// The decision to write.
    action: Action,
    /// Notes for the other supervisors. If missing, they stay; an empty text removes them.
    supervisor_notes: Option<Paragraph<0, MAX_NOTES>>,
    /// The version that the decision is based on. Needed to change an earlier decision.
    version: Option<u32>,
}

async fn act(
    Shared(state): Shared<State>,
    supervisor: Supervisor,
    Path(path): Path<RequestPath>,
    Json(decision): Json<Decision>,
) -> Answer<Json<RequestDetail>> {
    let (notes, version) = (decision.supervisor_notes.as_deref(), decision.version);
    let request = state.decide(&supervisor.into(), path.id, decision.action, notes, version).await?;
    Ok(Json(state.request_detail(request).await?))
}

/// How often a decision is tried when other supervisors change the request at the same moment.
const ROUNDS: u32 = 5;

impl State {
    /// Decides about a request and returns it.
    pub(crate) async fn decide(
        &self,
        staff: &Staff,
        id: DiscountRequestId,
        action: Action,
        notes: Option<&str>,
        version: Option<u32>,
    ) -> Result<DiscountRequest> {
        let (now, decision) = (self.clock.now(), action.decision());
        let mut round = 0;
        loop {
            let before = self.request_of(staff.tenant, id).await?;
            let template = if before.outcome() == decision {
                before.template_version
            } else {
                let name = decision.template();
                self.store.mail_template(staff.tenant, name, before.language).await?.version
            };
            let after = before.decide(decision, notes, &staff.reviewer, version, template, now)?;
            if after == before {
                // An earlier try may have been cut off before this.
                self.settle_discounts(&after, now).await?;
                return Ok(after);
            }
            // An approved request has its discount already, so only a new approval is checked.
            if decision == DecisionType::Approved && before.decision_type != Some(decision) {
                self.has_discounts(&before, now).await?;
            }
            let note = staff.note(&after, action.name(), now);
            round += 1;
            match self.store.replace_discount_request(&after, &note).await {
                Ok(()) => return self.settle_decision(staff, &before, after, now).await,
                // Another change came first: the next round judges by it.
                Err(Failure::Refused(_)) if round < ROUNDS => {}
                Err(failure) => return Err(Error::from(failure)),
            }
        }
    }
}
