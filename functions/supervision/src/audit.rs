//! The audit log: decisions, edits and sendings, with the supervisor of each.

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use domain::audit::{AuditRecord, Month};
use schemars::JsonSchema;
use serde::Deserialize;
use web::{Admin, Answer, Json, Page, Paging, Query, Shared};

use crate::State;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/supervision/audit",
        get_with(list, |op| {
            op.id("listAudit").summary("Who changed what").tag("Supervision").description(
                "Every decision, edit and send of a month, the newest first, each with the changed fields as \
                 they were before and after. A record appears a moment after its change.",
            )
        }),
    )
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Filter {
    /// The month in UTC, such as `2026-11`. If missing, the current one.
    month: Option<Month>,
}

async fn list(
    Shared(state): Shared<State>,
    admin: Admin,
    Query(filter): Query<Filter>,
    paging: Paging,
) -> Answer<Json<Page<AuditRecord>>> {
    let month = filter.month.unwrap_or_else(|| Month::of(state.clock.now()));
    let page = state.store.audit_records(admin.tenant, &month, paging.after.as_deref(), paging.limit).await;
    let page = page.map_err(domain::Error::from)?;
    Ok(Json(Page::new(page.items, page.last)))
}
