//! A request as its member sees it.

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use domain::discount::{DecisionType, DiscountRequest, RequestStatus};
use domain::{DiscountRequestId, EventId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use web::{Answer, Json, Path, Refuses, Shared};

use crate::State;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/discounts/requests/{id}",
        get_with(show, |op| {
            op.id("showDiscountRequest").tag("Discounts").summary("How far a request is").description(
                "Whoever asked has the id, and nobody guesses it. The decision shows once it was mailed; neither \
                 the member nor the code ever does.",
            )
            .refuses(["request_not_found"])
        }),
    )
}

#[derive(Debug, Deserialize, JsonSchema)]
struct RequestPath {
    /// The request's id.
    id: DiscountRequestId,
}

/// A request as its member sees it, without personal data and without the code.
#[serde_with::skip_serializing_none]
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RequestView {
    /// The request's id.
    id: DiscountRequestId,
    /// The same as `id`, under the name that older clients use.
    request_id: DiscountRequestId,
    /// The show's id.
    show_id: EventId,
    /// The show in a few words.
    show_description: String,
    /// Whether the answer was sent.
    status: RequestStatus,
    /// The decision. Absent until the answer was sent.
    decision_type: Option<DecisionType>,
    /// When the member asked.
    created_at: Timestamp,
    /// When the answer was sent. Absent until then.
    sent_at: Option<Timestamp>,
    /// The next step, as a sentence for the member.
    message: &'static str,
}

impl From<DiscountRequest> for RequestView {
    fn from(request: DiscountRequest) -> Self {
        let is_sent = request.status == RequestStatus::Sent;
        Self {
            id: request.id,
            request_id: request.id,
            show_id: request.show_id,
            show_description: request.show_description,
            status: request.status,
            decision_type: request.decision_type.filter(|_| is_sent),
            created_at: request.created_at,
            sent_at: request.sent_at,
            message: if is_sent {
                "We have answered by mail. Look for it among the unwanted ones too."
            } else {
                "Somebody is looking at your request. The answer comes by mail."
            },
        }
    }
}

async fn show(Shared(state): Shared<State>, Path(path): Path<RequestPath>) -> Answer<Json<RequestView>> {
    Ok(Json(state.discounts.own(path.id).await?.into()))
}
