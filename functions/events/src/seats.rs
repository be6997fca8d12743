//! Single seats of an area: their states, their numbers, their places in the plan, and their orders.

use std::collections::HashMap;

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use domain::error::Fields;
use domain::event::{Area, AreaKind, ROW_PATTERN};
use domain::plan::{Length, PinnedPlan, Plan, PlanSeat, SeatKind, View, categories};
use domain::seat::{SeatLabel, SeatState, normal_row};
use domain::{AreaId, Error, EventId, OrderId, Result, TenantId, Timestamp};
use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use store::{RowKey, RowState, SeatClaim, StoredEvent};
use web::{Answer, Json, Organizer, Page, Paging, Path, Query, Refuses, Shared, Viewer, nullable};

use crate::plan::plan_id;
use crate::units::seats_taken;
use crate::{AreaPath, State};

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route(
            "/api/v1/events/{id}/areas/{area}/units",
            get_with(list, |op| {
                op.id("listUnits").summary("List the seats of an area").tag("Areas").description(
                    "In the order in which they were created, each with its state.",
                )
                .refuses(["area_not_found", "event_not_found", "area_not_seated", "refused_fields"])
            }),
        )
        .api_route(
            "/api/v1/events/{id}/areas/{area}/units/{seat}",
            get_with(show, |op| {
                op.id("showUnit").summary("Show a seat").tag("Areas").description(
                    "Also the order that it is sold to, and when its hold ends.",
                )
                .refuses(["area_not_found", "event_not_found", "area_not_seated", "seat_not_found"])
            })
            .patch_with(update, |op| {
                op.id("updateUnit").summary("Change a seat").tag("Areas").description(
                    "Blocks it or lets it be sold, or makes a new version of the plan with another kind, view or \
                     place of the seat. That version is published if the one before was.",
                )
                .refuses(["area_not_found", "event_not_found", "area_not_seated", "seat_not_found"])
                .refuses(["seats_taken", "changed_meanwhile", "refused_fields", "plan_too_large"])
                .refuses(["plan_loses_seats", "area_missing", "event_published", "too_many_rows"])
            }),
        )
}

/// `/events/{id}/areas/{area}/units/{seat}`.
#[derive(Debug, Deserialize, JsonSchema)]
struct SeatPath {
    /// The event's id.
    id: EventId,
    /// The area's id.
    area: AreaId,
    /// The seat, such as `A-12`.
    seat: SeatLabel,
}

/// Which seats to list.
#[derive(Debug, Deserialize, JsonSchema)]
struct UnitFilter {
    /// Only seats in this state.
    status: Option<SeatState>,
    /// Only seats of this row.
    #[serde(default, deserialize_with = "row_name")]
    #[schemars(regex(pattern = ROW_PATTERN))]
    row: Option<String>,
}

fn row_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    normal_row(&text).map(Some).ok_or_else(|| D::Error::custom("expected the name of a row, such as A or 12"))
}

/// A seat of an area.
#[serde_with::skip_serializing_none]
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Unit")]
struct UnitView {
    /// The seat's id: the area's and the seat's label, joined by a dot.
    unit_id: String,
    /// The area's id.
    area_id: AreaId,
    /// The seat, such as `A-12`.
    seat: SeatLabel,
    /// Whether it is for sale.
    status: SeatState,
    /// The letter of the area, if it has one.
    nomenclature_letter_area: Option<String>,
    /// The number of the seat within the area, from 1; it stays when seats are added or taken out.
    nomenclature_number_area: u32,
    /// The number of the seat within its row.
    nomenclature_number_unit: u16,
    /// For whom it is.
    kind: SeatKind,
    /// Its place in the plan, to the right.
    x: Option<Length>,
    /// Its place in the plan, downwards.
    y: Option<Length>,
    /// What one sees from it.
    view: Option<View>,
    /// When its hold ends. Only of a single seat that is reserved.
    reserved_until: Option<Timestamp>,
    /// The order that it is sold to. Only of a single seat.
    order_id: Option<OrderId>,
}

/// A change of a seat. A missing field stays as it is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct UnitChanges {
    /// Whether the seat is for sale.
    status: Option<UnitStatus>,
    /// For whom it is.
    kind: Option<SeatKind>,
    /// What one sees from it; `null` for what one sees from its section.
    #[serde(default, deserialize_with = "nullable")]
    view: Option<Option<View>>,
    /// Its place in the plan, to the right.
    x: Option<Length>,
    /// Its place in the plan, downwards.
    y: Option<Length>,
}

/// The states that an organiser can give a seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum UnitStatus {
    /// It can be bought.
    Available,
    /// It is not for sale.
    Blocked,
}

impl UnitChanges {
    /// Whether the plan is to change.
    fn is_of_plan(&self) -> bool {
        self.kind.is_some() || self.view.is_some() || self.x.is_some() || self.y.is_some()
    }
}

async fn list(
    Shared(state): Shared<State>,
    viewer: Viewer,
    Path(path): Path<AreaPath>,
    Query(filter): Query<UnitFilter>,
    paging: Paging,
) -> Answer<Json<Page<UnitView>>> {
    let (sheet, area) = state.seated(viewer.tenant, path).await?;
    let after = match paging.after.as_deref().map(str::parse::<u32>) {
        None => 0,
        Some(Ok(after)) => after,
        Some(Err(_)) => {
            let detail = "Must be the `next_cursor` of an earlier page, unchanged.";
            return Err(Error::refused_field("#cursor", detail).into());
        }
    };
    let plan = state.store.published_plan(&sheet).await?;
    let drawing = Drawing::new(&sheet, &plan, &area);
    let rows = state.store.area_rows(&area, state.clock.now()).await?;
    let is_wanted = |(number, label, status): &(u32, SeatLabel, SeatState)| {
        *number > after
            && filter.status.is_none_or(|wanted| wanted == *status)
            && filter.row.as_deref().is_none_or(|row| row == label.row())
    };
    let mut wanted = units(&area, &rows).into_iter().filter(is_wanted);
    let page: Vec<_> = wanted.by_ref().take(usize::from(paging.limit)).collect();
    let last = wanted.next().and_then(|_| page.last()).map(|(number, ..)| number.to_string());
    let items = page.into_iter().map(|(number, label, status)| drawing.view(number, label, status)).collect();
    Ok(Json(Page::new(items, last)))
}

async fn show(
    Shared(state): Shared<State>,
    viewer: Viewer,
    Path(path): Path<SeatPath>,
) -> Answer<Json<UnitView>> {
    let SeatPath { id, area, seat } = path;
    let (sheet, area) = state.seated(viewer.tenant, AreaPath { id, area }).await?;
    Ok(Json(state.unit(&sheet, &area, &seat).await?))
}

async fn update(
    Shared(state): Shared<State>,
    organizer: Organizer,
    Path(path): Path<SeatPath>,
    Json(changes): Json<UnitChanges>,
) -> Answer<Json<UnitView>> {
    let SeatPath { id, area, seat } = path;
    let at = AreaPath { id, area };
    let (sheet, area) = state.seated(organizer.tenant, at).await?;
    let (row, _) = place_of(&area, &seat)?;
    let now = state.clock.now();
    match changes.status {
        Some(UnitStatus::Blocked) => {
            let taken = state.block(&area, &[(row.index, vec![seat.number()])].into(), now).await?;
            if !taken.is_empty() {
                return Err(seats_taken(&taken).into());
            }
        }
        Some(UnitStatus::Available) => state.store.unblock_seats(row, &[seat.number()]).await?,
        None => {}
    }
    if !changes.is_of_plan() {
        return Ok(Json(state.unit(&sheet, &area, &seat).await?));
    }
    state.redraw(&organizer, &sheet, (&area, &seat), changes, now).await?;
    let (sheet, area) = state.seated(organizer.tenant, at).await?;
    Ok(Json(state.unit(&sheet, &area, &seat).await?))
}

/// The row block of a seat, and the seat's number within the area.
fn place_of(area: &Area, seat: &SeatLabel) -> Result<(RowKey, u32)> {
    let mut before = 0_u32;
    for (index, row) in (0..).zip(&area.rows) {
        if row.has(seat) {
            let place = row.places().take_while(|number| *number < seat.number()).count();
            let place = before + u32::try_from(place).unwrap_or(u32::MAX) + 1;
            return Ok((RowKey::of(area, index), place));
        }
        before += u32::try_from(row.places().count()).unwrap_or(u32::MAX);
    }
    Err(seat_not_found())
}

fn seat_not_found() -> Error {
    Error::not_found("seat_not_found", "The area has no such seat.")
}

/// The seats of an area with their numbers within it and their states.
fn units(area: &Area, rows: &[RowState]) -> Vec<(u32, SeatLabel, SeatState)> {
    let (mut units, mut place) = (Vec::new(), 0);
    for (index, layout) in (0_u16..).zip(&area.rows) {
        let state = rows.iter().find(|row| row.index == index);
        for number in layout.places() {
            place += 1;
            let label = SeatLabel::new(&layout.label, number).ok();
            let status = state.and_then(|row| row.seat(number)).filter(|_| layout.has_number(number));
            units.extend(label.zip(status).map(|(label, status)| (place, label, status)));
        }
    }
    units
}

/// The seats of one area as the published plan draws them.
struct Drawing<'a> {
    area: &'a Area,
    seats: HashMap<SeatLabel, (&'a PlanSeat, Option<&'a View>)>,
}

impl<'a> Drawing<'a> {
    fn new(sheet: &StoredEvent, plan: &'a Plan, area: &'a Area) -> Self {
        let category = category_of(sheet, area);
        let mut seats = HashMap::new();
        for section in &plan.sections {
            for row in &section.rows {
                for seat in row.seats.iter().filter(|seat| seat.category == category) {
                    if let Ok(label) = SeatLabel::new(&row.label, seat.number) {
                        seats.insert(label, (seat, seat.view.as_ref().or(section.view.as_ref())));
                    }
                }
            }
        }
        Self { area, seats }
    }

    fn view(&self, place: u32, seat: SeatLabel, status: SeatState) -> UnitView {
        let drawn = self.seats.get(&seat);
        UnitView {
            unit_id: format!("{}.{seat}", self.area.id),
            area_id: self.area.id,
            status,
            nomenclature_letter_area: self.area.nomenclature_letter.clone(),
            nomenclature_number_area: place,
            nomenclature_number_unit: seat.number(),
            kind: drawn.map(|(seat, _)| seat.kind).unwrap_or_default(),
            x: drawn.map(|(seat, _)| seat.at.x),
            y: drawn.map(|(seat, _)| seat.at.y),
            view: drawn.and_then(|(_, view)| view.cloned()),
            reserved_until: None,
            order_id: None,
            seat,
        }
    }
}

/// The category that the area sells.
fn category_of(sheet: &StoredEvent, area: &Area) -> String {
    let categories = categories(&sheet.areas).into_iter();
    categories.filter(|(id, _)| *id == area.id).map(|(_, category)| category).next().unwrap_or_default()
}

impl State {
    /// The area, if it has numbered seats.
    async fn seated(&self, tenant: TenantId, path: AreaPath) -> Result<(StoredEvent, Area)> {
        let (sheet, area) = self.area(tenant, path).await?;
        match area.kind {
            AreaKind::Seated => Ok((sheet, area)),
            AreaKind::GeneralAdmission => {
                Err(Error::conflict("area_not_seated", "The places of this area have no numbers."))
            }
        }
    }

    /// A seat with all that is known of it.
    async fn unit(&self, sheet: &StoredEvent, area: &Area, seat: &SeatLabel) -> Result<UnitView> {
        let (row, place) = place_of(area, seat)?;
        let claim = self.store.seat_claim(row, seat.number(), self.clock.now()).await?;
        let claim = claim.ok_or_else(seat_not_found)?;
        let order_id = self.store.order_of_seat(row, seat.number(), &claim).await?;
        let plan = self.store.published_plan(sheet).await?;
        let SeatClaim { state, until, .. } = claim;
        let view = Drawing::new(sheet, &plan, area).view(place, seat.clone(), state);
        Ok(UnitView { reserved_until: until, order_id, ..view })
    }

    /// Saves a version of the plan with the seat as the changes say, and publishes it if the version
    /// before is published.
    async fn redraw(
        &self,
        organizer: &Organizer,
        sheet: &StoredEvent,
        (area, seat): (&Area, &SeatLabel),
        changes: UnitChanges,
        now: Timestamp,
    ) -> Result<()> {
        let latest = self.latest_plan(sheet).await?;
        let mut plan = self.plan_at(sheet, latest).await?;
        let Some(drawn) = plan.seat_mut(&category_of(sheet, area), seat) else {
            let detail = "The latest version of the plan, which is not published yet, has no such seat.";
            return Err(Error::refused_field("", detail));
        };
        drawn.kind = changes.kind.unwrap_or(drawn.kind);
        drawn.at.x = changes.x.unwrap_or(drawn.at.x);
        drawn.at.y = changes.y.unwrap_or(drawn.at.y);
        if let Some(view) = changes.view {
            let image = view.as_ref().and_then(|view| view.image);
            let is_known = |image| sheet.event.images.iter().any(|known| known.id == image);
            let mut fields = Fields::new();
            fields
                .rule(image.is_none_or(is_known), "/view/image", "The event has no such picture.")
                .finish()?;
            drawn.view = view;
        }
        let id = plan_id(sheet);
        let saved = self.store.save_plan(organizer.tenant, id, &plan, (latest, organizer.user, now)).await?;
        if sheet.event.plan.map_or(0, |plan| plan.version) != latest {
            return Ok(());
        }
        let pinned = PinnedPlan { id, version: saved.version };
        self.publish_plan(sheet, &plan, pinned, now).await
    }
}
