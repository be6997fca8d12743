//! Taking over the seating plan of another event: so the dates of a series share one.

use aide::axum::ApiRouter;
use aide::axum::routing::post_with;
use domain::plan::PinnedPlan;
use domain::series::shared_plan;
use domain::{Error, EventId, PlanId, Result, TenantId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::StoredEvent;
use web::{Answer, EventPath, Json, Organizer, Path, Refuses, Shared};

use crate::State;
use crate::plan::{PlanChanges, plan_not_found};
use crate::warnings::{EventWarning, pictures_missing};

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/events/{id}/plan/adopt",
        post_with(adopt, |op| {
            op.id("adoptPlan").summary("Share the plan of another event").tag("Seating plan").description(
                "Publishes here what another event of yours has published: the one in `from` or, without it, the plan \
                 that the other dates of the event's series share, in the latest version that one of them published. \
                 From then on both have the same plan: a version that is saved at one is there for all, and each \
                 publishes it when its own seats allow. Areas get the seats of their categories, as when a version \
                 is published; for an event without areas, duplicate the other one. Versions that were saved here \
                 before stay behind. Repeating the request changes nothing.",
            )
            .refuses(["event_not_found", "plan_not_found", "plans_differ", "series_not_found"])
            .refuses(["changed_meanwhile", "plan_loses_seats", "area_missing", "event_published", "too_many_rows"])
        }),
    )
}

/// The event whose plan is taken over.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PlanAdoption {
    /// The other event. If missing, the other dates of the series.
    from: Option<EventId>,
}

/// The plan after it was taken over.
#[derive(Debug, Serialize, JsonSchema)]
struct AdoptedPlan {
    /// The plan that the events share.
    plan_id: PlanId,
    /// The number of the version that buyers see.
    published_version: u32,
    /// What was done to the seats that there were.
    changes: PlanChanges,
    /// Problems that the organiser should look at. The plan was taken over all the same.
    warnings: Vec<EventWarning>,
}

async fn adopt(
    Shared(state): Shared<State>,
    organizer: Organizer,
    Path(path): Path<EventPath>,
    Json(PlanAdoption { from }): Json<PlanAdoption>,
) -> Answer<Json<AdoptedPlan>> {
    let sheet = state.sheet(organizer.tenant, path.id).await?;
    let pinned = state.plan_to_adopt(organizer.tenant, &sheet, from).await?;
    let plan = state.store.plan_version(pinned).await?.ok_or_else(plan_not_found)?;
    let changes = state.changes_by(&sheet, &plan).await?;
    state.publish_plan(&sheet, &plan, pinned, state.clock.now()).await?;
    let PinnedPlan { id, version } = pinned;
    let warnings = pictures_missing(&sheet, &plan).into_iter().collect();
    Ok(Json(AdoptedPlan { plan_id: id, published_version: version, changes, warnings }))
}

impl State {
    /// The plan that another event, or the other dates of the event's series, have published.
    async fn plan_to_adopt(
        &self,
        tenant: TenantId,
        sheet: &StoredEvent,
        from: Option<EventId>,
    ) -> Result<PinnedPlan> {
        if let Some(from) = from {
            let nothing =
                || Error::not_found("plan_not_found", "That event has published no plan of its own.");
            return self.sheet(tenant, from).await?.event.plan.ok_or_else(nothing);
        }
        let none = || {
            let detail =
                "This event is no date of a series. Name in `from` the event whose plan it is to have.";
            Error::not_found("series_not_found", detail)
        };
        let dates = self.store.series_dates(sheet.event.series_id.ok_or_else(none)?).await?;
        shared_plan(&dates, sheet.event.id)
    }
}
