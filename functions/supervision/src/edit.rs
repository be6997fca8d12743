//! Editing the answer to a request before it is sent.

use aide::axum::ApiRouter;
use aide::axum::routing::put_with;
use domain::Error;
use domain::discount::{Edit, MAX_CONTENT, MAX_NOTES, MAX_SUBJECT};
use domain::mail_template::CODE_PLACE;
use domain::text::{Line, Paragraph};
use schemars::JsonSchema;
use serde::Deserialize;
use store::OnRefused;
use web::{Answer, Json, Path, Refuses, Shared, Supervisor};

use crate::State;
use crate::staff::{RequestPath, Staff};
use crate::view::RequestDetail;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/supervision/queue/{id}/edit",
        put_with(edit, |op| {
            op.id("editQueued").summary("Word the answer to a request").tag("Supervision").description(
                "What is left out stays. The wording is of the decision that was made, or of the proposed one: \
                 deciding otherwise drops it. An approval must still say its code or link. Other links are \
                 broken up when it is sent, unless the member asked signed in.",
            )
            .refuses(["request_not_found", "already_sent", "changed_meanwhile"])
            .refuses(["refused_fields"])
        }),
    )
}

/// A change of the answer. A missing field stays as it is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Change {
    /// The subject of the answer.
    email_subject: Option<Line<1, MAX_SUBJECT>>,
    /// The text of the answer; `{{ code }}` stands for the member's code.
    email_content: Option<Paragraph<1, MAX_CONTENT>>,
    /// Notes for the other supervisors; an empty text removes them.
    supervisor_notes: Option<Paragraph<0, MAX_NOTES>>,
    /// The version that the change is based on; refused if the request has another by now.
    version: Option<u32>,
}

async fn edit(
    Shared(state): Shared<State>,
    supervisor: Supervisor,
    Path(path): Path<RequestPath>,
    Json(change): Json<Change>,
) -> Answer<Json<RequestDetail>> {
    let staff = Staff::from(supervisor);
    let before = state.request_of(staff.tenant, path.id).await?;
    let desk = state.mail_context(staff.tenant, std::slice::from_ref(&before)).await?;
    let must_say = desk.must_say(&before);
    let content = change.email_content.map(|text| match &must_say {
        Some(said) => text.replace(CODE_PLACE, said),
        None => text.into(),
    });
    let edit = Edit {
        subject: change.email_subject.map(String::from),
        content,
        notes: change.supervisor_notes.map(String::from),
    };
    let after = before.edit(&edit, desk.mail(&before)?, must_say.as_deref(), change.version)?;
    if after != before {
        let note = staff.note(&after, "edit", state.clock.now());
        state.store.replace_discount_request(&after, &note).await.on_refused(Error::changed_meanwhile)?;
    }
    Ok(Json(RequestDetail::new(after, &desk)?))
}
