//! Seating plans: reading, saving, importing and exporting them, and their versions.

use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, post_with};
use axum::extract::DefaultBodyLimit;
use domain::error::Fields;
use domain::event::AreaKind;
use domain::plan::pretix::{PretixPlan, read_pretix, write_pretix};
use domain::plan::{PinnedPlan, Plan, View, categories, changes};
use domain::{Error, PlanId, Result, Timestamp, UserId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use store::{PlanVersion, StoredEvent};
use web::{
    Answer, EventPath, Json, Organizer, Page, Paging, Path, Query, Refuses, Shared, Viewer, misplaced_list,
    read_part,
};

use crate::State;
use crate::warnings::{EventWarning, unsold_categories};

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route(
            "/api/v1/events/{id}/plan",
            get_with(show, |op| {
                op.id("showPlan").summary("Show the seating plan of an event").tag("Seating plan").description(
                    "The latest version, or the one that `version` names. As long as none was saved, the plan is drawn \
                     from the rows and layouts of the areas, and is version 0.",
                )
                .refuses(["event_not_found", "plan_not_found"])
            })
            .put_with(save, |op| {
                op.id("savePlan").summary("Save a new version of the plan").tag("Seating plan").description(
                    "Versions never change, and buyers see none of it until it is published. `changes` says what \
                     publishing it would do to the seats that there are. What should be looked at comes back as \
                     `warnings`.",
                )
                .refuses(["event_not_found", "changed_meanwhile", "plan_too_large", "refused_fields"])
            }),
        )
        .api_route(
            "/api/v1/events/{id}/plan/versions",
            get_with(versions, |op| {
                op.id("listPlanVersions")
                    .summary("List the versions of a plan")
                    .tag("Seating plan")
                    .refuses(["event_not_found"])
            }),
        )
        .api_route(
            "/api/v1/events/{id}/plan/import",
            post_with(import, |op| {
                op.id("importPlan").summary("Read the plan of another system").tag("Seating plan").description(
                    "A plan in pretix's form comes back in ours. Nothing is saved: look at it, add what pretix does not \
                     know (focal point, aisles, accessible seats, the stage), and save it. With `renumber=true`, seats \
                     get numbers from 1 in the order of each row.",
                )
                .refuses(["event_not_found", "refused_fields"])
            }),
        )
        .api_route(
            "/api/v1/events/{id}/plan/export",
            get_with(export, |op| {
                op.id("exportPlan").summary("Write the plan for another system").tag("Seating plan").description(
                    "The latest version, or the one that `version` names, in pretix's form, which does not know focal \
                     points, aisles, kinds of seats, views and what shapes stand for.",
                )
                .refuses(["event_not_found", "plan_not_found"])
            }),
        )
        .layer(DefaultBodyLimit::max(BODY_BYTES))
}

/// The largest body, in bytes: 20,000 seats with a hundred bytes each.
const BODY_BYTES: usize = 2_000_000;

/// The version of a plan that a request is about.
#[derive(Debug, Deserialize, JsonSchema)]
struct VersionQuery {
    /// The version; the latest if missing. 0 is the plan that is drawn from the areas.
    version: Option<u32>,
}

/// The other system whose form a plan has.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "PlanFormat")]
enum Format {
    /// pretix's `seating-plan.schema.json`.
    Pretix,
}

/// How to read a plan.
#[derive(Debug, Deserialize, JsonSchema)]
struct ImportQuery {
    /// The form of the plan.
    format: Format,
    /// Whether seats get new numbers.
    renumber: Option<bool>,
}

/// How to write a plan.
#[derive(Debug, Deserialize, JsonSchema)]
struct ExportQuery {
    /// The form of the plan.
    format: Format,
    /// The version; the latest if missing. 0 is the plan that is drawn from the areas.
    version: Option<u32>,
}

/// A plan in the form of another system.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(transparent)]
struct ForeignPlan(Map<String, Value>);

/// A version of an event's seating plan.
#[derive(Debug, Serialize, JsonSchema)]
struct EventPlan {
    /// The number of the version, or 0 for the plan that is drawn from the areas.
    version: u32,
    /// The number of the latest version, on which a new one must be based; 0 if there is none.
    latest_version: u32,
    /// The number of the version that buyers see, or 0 for the plan that is drawn from the areas.
    published_version: u32,
    /// True if the plan is drawn from the areas.
    generated: bool,
    /// The plan.
    plan: Plan,
}

/// A plan to save.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewPlan {
    /// The latest version, which the plan is based on: 0 if there is none. Refused if there is another by
    /// now.
    based_on: u32,
    /// The plan.
    plan: Plan,
}

/// The version of a plan after it was saved.
#[derive(Debug, Serialize, JsonSchema)]
struct SavedPlan {
    /// The number of the new version.
    version: u32,
    /// What publishing it does to the seats that there are.
    changes: PlanChanges,
    /// Problems that the organiser should look at. The plan was saved all the same.
    warnings: Vec<EventWarning>,
}

/// What publishing a plan does to seats.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct PlanChanges {
    /// The number of seats that are new.
    added: u32,
    /// The number of seats that come back.
    restored: u32,
    /// The number of seats that are taken out.
    removed: u32,
    /// The number of seats that stand elsewhere in the drawing.
    moved: u32,
}

/// A plan that was read from another system's form.
#[derive(Debug, Serialize, JsonSchema)]
struct ImportedPlan {
    /// The plan, to be saved.
    plan: Plan,
}

/// A version of a plan, without its seats.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PlanVersion")]
struct PlanVersionView {
    /// The number of the version.
    version: u32,
    /// The number of its seats.
    seats: u32,
    /// True if buyers see it.
    published: bool,
    /// The id of the user who saved it.
    created_by: UserId,
    /// When it was saved.
    created_at: Timestamp,
}

async fn show(
    Shared(state): Shared<State>,
    viewer: Viewer,
    Path(path): Path<EventPath>,
    Query(query): Query<VersionQuery>,
) -> Answer<Json<EventPlan>> {
    let sheet = state.sheet(viewer.tenant, path.id).await?;
    let latest_version = state.latest_plan(&sheet).await?;
    let version = query.version.unwrap_or(latest_version);
    let plan = state.plan_at(&sheet, version).await?;
    let published_version = sheet.event.plan.map_or(0, |plan| plan.version);
    Ok(Json(EventPlan { version, latest_version, published_version, generated: version == 0, plan }))
}

async fn save(
    Shared(state): Shared<State>,
    organizer: Organizer,
    Path(path): Path<EventPath>,
    Json(new): Json<NewPlan>,
) -> Answer<Json<SavedPlan>> {
    let now = state.clock.now();
    let sheet = state.sheet(organizer.tenant, path.id).await?;
    let mut fields = Fields::new();
    new.plan.check("/plan", &mut fields);
    check_views(&new.plan, &sheet, &mut fields);
    fields.finish()?;
    let latest = state.latest_plan(&sheet).await?;
    let version = if latest != new.based_on && state.is_saved(&sheet, &new).await? {
        // The answer to an earlier try of this request was lost.
        new.based_on + 1
    } else {
        domain::error::based_on(Some(new.based_on), latest)?;
        let by = (latest, organizer.user, now);
        state.store.save_plan(organizer.tenant, plan_id(&sheet), &new.plan, by).await?.version
    };
    let changes = state.changes_by(&sheet, &new.plan).await?;
    let warnings = unsold_categories(&sheet, &new.plan).into_iter().collect();
    Ok(Json(SavedPlan { version, changes, warnings }))
}

async fn versions(
    Shared(state): Shared<State>,
    viewer: Viewer,
    Path(path): Path<EventPath>,
    paging: Paging,
) -> Answer<Json<Page<PlanVersionView>>> {
    let sheet = state.sheet(viewer.tenant, path.id).await?;
    let page = state.store.plan_versions(plan_id(&sheet), paging.after.as_deref(), paging.limit).await?;
    let published = sheet.event.plan.map(|plan| plan.version);
    let view = |PlanVersion { version, seats, created_by, created_at }: PlanVersion| PlanVersionView {
        version,
        seats,
        published: published == Some(version),
        created_by,
        created_at,
    };
    Ok(Json(Page::of(page, view)))
}

async fn import(
    Shared(state): Shared<State>,
    organizer: Organizer,
    Path(path): Path<EventPath>,
    Query(ImportQuery { format: Format::Pretix, renumber }): Query<ImportQuery>,
    Json(document): Json<Map<String, Value>>,
) -> Answer<Json<ImportedPlan>> {
    state.sheet(organizer.tenant, path.id).await?;
    let document = Value::Object(document);
    if let Some(fault) = misplaced_list::<PretixPlan>(&document) {
        return Err(Error::refused_fields(vec![fault]).into());
    }
    let pretix: PretixPlan = read_part(document, "")?;
    let mut fields = Fields::new();
    let plan = read_pretix(pretix, renumber.unwrap_or(false), &mut fields);
    fields.finish()?;
    // As a request that saves it would be read, so that its texts are checked.
    let written = serde_json::to_value(plan).map_err(Error::internal)?;
    let plan: Plan = read_part(written, "/plan")?;
    plan.check("/plan", &mut fields);
    let faults = fields.finish().err().map(|error| error.field_errors().to_vec());
    match faults {
        // None of it breaks the description of this request.
        Some(faults) => Err(Error::refused_fields(faults).into()),
        None => Ok(Json(ImportedPlan { plan })),
    }
}

async fn export(
    Shared(state): Shared<State>,
    viewer: Viewer,
    Path(path): Path<EventPath>,
    Query(ExportQuery { format: Format::Pretix, version }): Query<ExportQuery>,
) -> Answer<Json<ForeignPlan>> {
    let sheet = state.sheet(viewer.tenant, path.id).await?;
    let version = match version {
        Some(version) => version,
        None => state.latest_plan(&sheet).await?,
    };
    let plan = state.plan_at(&sheet, version).await?;
    match serde_json::to_value(write_pretix(&plan)) {
        Ok(Value::Object(plan)) => Ok(Json(ForeignPlan(plan))),
        Ok(_) => Err(Error::internal("a plan that is no object").into()),
        Err(error) => Err(Error::internal(error).into()),
    }
}

/// The plan of which the event has versions.
pub(crate) fn plan_id(sheet: &StoredEvent) -> PlanId {
    sheet.event.plan.map_or_else(|| PlanId::of_event(sheet.event.id), |plan| plan.id)
}

pub(crate) fn plan_not_found() -> Error {
    Error::not_found("plan_not_found", "The plan has no such version.")
}

/// Notes views whose picture is none of the event's.
fn check_views(plan: &Plan, sheet: &StoredEvent, fields: &mut Fields) {
    let mut check = |view: Option<&View>, pointer: &dyn Fn() -> String| {
        let image = view.and_then(|view| view.image);
        let is_known = image.is_none_or(|image| sheet.event.images.iter().any(|known| known.id == image));
        if !is_known {
            fields.rule(false, format!("{}/view/image", pointer()), "The event has no such picture.");
        }
    };
    for (section, part) in plan.sections.iter().enumerate() {
        check(part.view.as_ref(), &|| format!("/plan/sections/{section}"));
        for (row, line) in part.rows.iter().enumerate() {
            for (seat, place) in line.seats.iter().enumerate() {
                let pointer = || format!("/plan/sections/{section}/rows/{row}/seats/{seat}");
                check(place.view.as_ref(), &pointer);
            }
        }
    }
}

impl State {
    /// The latest version of the event's plan; 0 if there is none.
    pub(crate) async fn latest_plan(&self, sheet: &StoredEvent) -> Result<u32> {
        Ok(self.store.latest_plan(sheet.event.tenant_id, plan_id(sheet)).await?)
    }

    /// A version of the event's plan; 0 is the generated one.
    pub(crate) async fn plan_at(&self, sheet: &StoredEvent, version: u32) -> Result<Plan> {
        if version == 0 {
            return Ok(domain::plan::generate(&sheet.areas));
        }
        let pinned = PinnedPlan { id: plan_id(sheet), version };
        if version > self.latest_plan(sheet).await? {
            return Err(plan_not_found());
        }
        self.store.plan_version(pinned).await?.ok_or_else(plan_not_found)
    }

    /// Whether the version after the one that the request is based on is the request's own.
    async fn is_saved(&self, sheet: &StoredEvent, new: &NewPlan) -> Result<bool> {
        let Some(version) = new.based_on.checked_add(1) else { return Ok(false) };
        let stored = self.store.plan_version(PinnedPlan { id: plan_id(sheet), version }).await?;
        Ok(stored.as_ref() == Some(&new.plan))
    }

    /// What publishing the plan does to the event's seats.
    pub(crate) async fn changes_by(&self, sheet: &StoredEvent, plan: &Plan) -> Result<PlanChanges> {
        let published = self.store.published_plan(sheet).await?;
        let moved = u32::try_from(plan.moved(&published)).unwrap_or(u32::MAX);
        let mut sum = PlanChanges { moved, ..PlanChanges::default() };
        for (area, (_, category)) in sheet.areas.iter().zip(categories(&sheet.areas)) {
            if area.kind == AreaKind::Seated {
                let [added, restored, removed] = changes(area, &category, plan).counts();
                sum.added += added;
                sum.restored += restored;
                sum.removed += removed;
            }
        }
        Ok(sum)
    }
}
