//! What all organisers owe for a month's sales.

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use domain::TenantId;
use domain::audit::Month;
use schemars::JsonSchema;
use serde::Deserialize;
use store::Store;
use web::{Answer, Json, Operator, Page, Query, Refuses, Shared};

use super::TAG;
use crate::State;
use crate::statements::{STEPS, StatementCursor, StatementView, Summing};

/// The most lines of one answer, after which no further organiser is begun.
const MAX_LINES: usize = 100;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/operator/statements",
        get_with(list, |op| {
            op.id("listStatements").summary("What organisers owe for a month").tag(TAG).description(
                "A line for each organiser, currency and gateway, the oldest organiser first, of what was paid in the \
                 month (UTC) and is kept now: a refund takes its share of the commission away, whenever it comes. \
                 Each call adds up a part; an organiser's lines come once they are complete. Go on with `next_cursor` \
                 until there is none, also after an answer without lines.",
            )
            .refuses(["tenant_not_found", "refused_fields"])
        }),
    )
}

/// Which statements to make.
#[derive(Debug, Deserialize, JsonSchema)]
struct Wanted {
    /// The month in UTC, such as `2026-11`. If missing, the current one.
    month: Option<Month>,
    /// Only those of this organiser.
    tenant: Option<TenantId>,
    /// The `next_cursor` of the call before, with the same `month` and `tenant`.
    #[schemars(regex(pattern = "^[A-Za-z0-9_-]{1,4000}$"))]
    cursor: Option<String>,
}

async fn list(
    Shared(state): Shared<State>,
    _operator: Operator,
    Query(wanted): Query<Wanted>,
) -> Answer<Json<Page<StatementView>>> {
    let month = wanted.month.unwrap_or_else(|| Month::of(state.clock.now()));
    let mut at = StatementCursor::read(wanted.cursor.as_deref())?;
    let mut left = STEPS;
    if let Some(tenant) = wanted.tenant {
        let tenant = state.any_tenant(tenant).await?;
        let sums = at.sums.unwrap_or_else(|| Summing::of(tenant.id));
        let (items, sums) = state.add_up(&tenant, sums, &month, &mut left).await?;
        return Ok(Json(Page::new(items, sums.map(StatementCursor::within).map(|at| at.text()))));
    }
    let mut lines = Vec::new();
    while left > 0 && lines.len() < MAX_LINES {
        let (tenant, sums) = match at.sums.take() {
            Some(sums) => (state.any_tenant(sums.tenant).await?, sums),
            None => {
                let page = state.store.tenant_page(at.after.as_deref(), 1).await?;
                let Some(tenant) = page.items.into_iter().next() else {
                    return Ok(Json(Page::new(lines, None)));
                };
                at.after = Some(Store::after_tenant(&tenant));
                let sums = Summing::of(tenant.id);
                (tenant, sums)
            }
        };
        let (complete, unfinished) = state.add_up(&tenant, sums, &month, &mut left).await?;
        lines.extend(complete);
        at.sums = unfinished;
    }
    Ok(Json(Page::new(lines, Some(at.text()))))
}
