//! Publishing a version of a seating plan: the areas get its seats, and buyers see it.

use std::collections::BTreeSet;

use aide::axum::ApiRouter;
use aide::axum::routing::post_with;
use domain::event::{Area, AreaKind, Event, RowLayout};
use domain::plan::{PinnedPlan, Plan, Point, categories, changes, generate};
use domain::{Error, Result, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{LostSeats, OnRefused, SeatChange, SeatChangeRefusal, StoredEvent};
use web::{Answer, EventPath, Json, Organizer, Path, Refuses, Shared};

use crate::plan::{PlanChanges, plan_id, plan_not_found};
use crate::{State, rows};

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/events/{id}/plan/publish",
        post_with(publish, |op| {
            op.id("publishPlan").summary("Publish a version of the plan").tag("Seating plan").description(
                "The areas get the seats of the plan, each those of its category, and buyers see it. All of it or \
                 nothing: a seat that is sold or held is never taken out. Repeating the request changes nothing, \
                 and finishes one that was cut off.",
            )
            .refuses(["event_not_found", "plan_not_found", "changed_meanwhile", "plan_loses_seats"])
            .refuses(["area_missing", "event_published", "too_many_rows"])
        }),
    )
}

/// The version of a plan to publish.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PlanPublication {
    /// The number of the version.
    #[schemars(range(min = 1))]
    version: u32,
}

/// The plan after a version was published.
#[derive(Debug, Serialize, JsonSchema)]
struct PublishedPlan {
    /// The number of the version that buyers see.
    published_version: u32,
    /// What was done to the seats that there were.
    changes: PlanChanges,
}

async fn publish(
    Shared(state): Shared<State>,
    organizer: Organizer,
    Path(path): Path<EventPath>,
    Json(PlanPublication { version }): Json<PlanPublication>,
) -> Answer<Json<PublishedPlan>> {
    let sheet = state.sheet(organizer.tenant, path.id).await?;
    if version == 0 {
        return Err(plan_not_found().into());
    }
    let plan = state.plan_at(&sheet, version).await?;
    let changes = state.changes_by(&sheet, &plan).await?;
    let pinned = PinnedPlan { id: plan_id(&sheet), version };
    state.publish_plan(&sheet, &plan, pinned, state.clock.now()).await?;
    Ok(Json(PublishedPlan { published_version: version, changes }))
}

impl State {
    /// Gives the event's areas the seats of the plan, and pins it.
    pub(crate) async fn publish_plan(
        &self,
        sheet: &StoredEvent,
        plan: &Plan,
        pinned: PinnedPlan,
        now: Timestamp,
    ) -> Result<()> {
        let mut wanted = seat_changes(sheet, plan)?;
        self.store.change_seats(&mut wanted, now).await.map_err(|refusal| match refusal {
            SeatChangeRefusal::Changed => Error::changed_meanwhile(),
            SeatChangeRefusal::Lost(seats) => loses_seats(&seats),
            SeatChangeRefusal::Failure(failure) => failure.into(),
        })?;
        if sheet.event.plan != Some(pinned) {
            let version = sheet.event.version + 1;
            let after = Event { plan: Some(pinned), updated_at: now, version, ..sheet.event.clone() };
            self.store.update_event(sheet, &after).await.on_refused(Error::changed_meanwhile)?;
        }
        self.note_prices(sheet.event.tenant_id, sheet.event.id).await
    }

    /// Adds rows that an area got in bulk to the event's published plan, below what there is. `None` if
    /// the plan is generated, which has them anyway; or if another version came in between: the rows can
    /// be sold all the same, and stand behind the others.
    pub(crate) async fn plan_new_rows(
        &self,
        organizer: &Organizer,
        area: &Area,
        blocks: Vec<RowLayout>,
        now: Timestamp,
    ) -> Result<Option<u32>> {
        let sheet = self.sheet(organizer.tenant, area.event_id).await?;
        if sheet.event.plan.is_none() {
            return Ok(None);
        }
        let mut plan = self.store.published_plan(&sheet).await?;
        let category = categories(&sheet.areas).into_iter().find(|(id, _)| *id == area.id);
        let Some((_, category)) = category else { return Ok(None) };
        append(&mut plan, &Area { rows: blocks, category: Some(category), ..area.clone() });
        let by = (self.latest_plan(&sheet).await?, organizer.user, now);
        let saved = match self.store.save_plan(organizer.tenant, plan_id(&sheet), &plan, by).await {
            Ok(saved) => saved,
            Err(error) if error.code() == "changed_meanwhile" => return Ok(None),
            Err(error) => return Err(error),
        };
        let pinned = PinnedPlan { id: plan_id(&sheet), version: saved.version };
        match self.publish_plan(&sheet, &plan, pinned, now).await {
            Ok(()) => Ok(Some(saved.version)),
            Err(error) if error.code() == "changed_meanwhile" => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Draws the area's rows below the plan.
fn append(plan: &mut Plan, area: &Area) {
    let drawn = generate(std::slice::from_ref(area));
    let below = Point::hundredths(0, i64::from(plan.size.height) * 100);
    for mut section in drawn.sections.into_iter().filter(|section| !section.rows.is_empty()) {
        section.position = section.position + below;
        for seat in section.rows.iter_mut().flat_map(|row| &mut row.seats) {
            seat.at = seat.at + below;
        }
        plan.sections.push(section);
    }
    for category in drawn.categories {
        if !plan.categories.iter().any(|known| known.name == category.name) {
            plan.categories.push(category);
        }
    }
    plan.size.width = plan.size.width.max(drawn.size.width);
    plan.size.height = (plan.size.height + drawn.size.height).min(domain::plan::MAX_SIZE);
}

/// What is to be done to the event's seated areas.
fn seat_changes(sheet: &StoredEvent, plan: &Plan) -> Result<Vec<SeatChange>> {
    let categories = categories(&sheet.areas);
    let sold_by = |category: &str| {
        let areas = sheet.areas.iter().zip(&categories);
        areas.into_iter().any(|(area, (_, own))| area.kind == AreaKind::Seated && own == category)
    };
    let missing: BTreeSet<&str> =
        plan.seats().map(|(_, seat)| seat.category.as_str()).filter(|category| !sold_by(category)).collect();
    if !missing.is_empty() {
        let detail = "No area with numbered seats sells some categories of the plan: see `categories`. Create areas \
                      with these names, or with these in `category`.";
        let missing: Vec<&str> = missing.into_iter().collect();
        return Err(Error::unprocessable("area_missing", detail).with("categories", missing));
    }
    let mut wanted = Vec::new();
    for (area, (_, category)) in sheet.areas.iter().zip(&categories) {
        if area.kind != AreaKind::Seated {
            continue;
        }
        let change = changes(area, category, plan);
        let blocks: Vec<RowLayout> = change.add.iter().flat_map(store::row_blocks).collect();
        if area.rows.len() + blocks.len() > rows::MAX_BLOCKS {
            let detail = format!("The area {} gets too many rows. Divide it into several.", area.area_name);
            return Err(Error::conflict("too_many_rows", detail));
        }
        let after = Area { category: Some(category.clone()), ..area.changed(&change, blocks.clone()) };
        let version = area.version + u32::from(after != *area);
        wanted.push(SeatChange { before: area.clone(), after: Area { version, ..after }, change, blocks });
    }
    let general = sheet.areas.iter().filter(|area| area.kind == AreaKind::GeneralAdmission);
    let mut places =
        general.map(|area| area.capacity).chain(wanted.iter().map(|change| change.after.capacity));
    if sheet.event.sells_here() && places.all(|places| places == 0) {
        let detail =
            "An event on sale needs places. Unpublish the event before you take its last seats away.";
        return Err(Error::conflict("event_published", detail));
    }
    Ok(wanted)
}

fn loses_seats(lost: &LostSeats) -> Error {
    let seats: Vec<_> = lost
        .iter()
        .flat_map(|(area, seats)| {
            seats.iter().map(move |(seat, status)| json!({"area_id": area, "seat": seat, "status": status}))
        })
        .collect();
    let detail = "The plan lacks seats that are sold or held: see `seats`. Nothing was changed.";
    Error::conflict("plan_loses_seats", detail).with("seats", seats)
}
