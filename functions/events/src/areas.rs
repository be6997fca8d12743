//! Areas: the parts of a venue, each with one price and its own places.

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::response::NoContent;
use domain::error::Fields;
use domain::event::{Area, AreaKind, Event, RowLayout};
use domain::plan::RowsLayout;
use domain::pricing::MAX_PRICE;
use domain::seat::normal_row;
use domain::text::{Line, Paragraph};
use domain::{Amount, AreaId, Currency, Error, EventId, Money, Result, TenantId, Written};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{Failure, OnRefused, Once, StoredEvent, recount};
use web::{
    Answer, Created, EventPath, IdempotencyKey, Json, Organizer, Path, Refuses, Shared, Viewer, based_on,
    formatted, nullable,
};

use crate::check::area_not_found;
use crate::warnings::{EventWarning, of_area};
use crate::{AreaPath, State, rows};

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route(
            "/api/v1/events/{id}/areas",
            get_with(list, |op| {
                op.id("listAreas")
                    .summary("List the areas of an event")
                    .tag("Areas")
                    .refuses(["event_not_found"])
            }).post_with(
                create,
                |op| {
                    op.id("createArea").summary("Create an area").tag("Areas").description(
                        "An area of general admission can be sold at once; one with numbered seats gets them from \
                         `/units`. What should be looked at comes back as `warnings`: for one, a price that no \
                         gateway takes with all of its decimals.",
                    )
                    .refuses(["event_not_found", "changed_meanwhile", "too_many_areas"])
                    .refuses(["refused_fields", "too_many_decimals"])
                },
            ),
        )
        .api_route(
            "/api/v1/events/{id}/areas/{area}",
            get_with(show, |op| {
                op.id("showArea")
                    .summary("Show an area")
                    .tag("Areas")
                    .refuses(["area_not_found", "event_not_found"])
            })
                .patch_with(update, |op| {
                    op.id("updateArea").summary("Change an area").tag("Areas").description(
                        "A new price is for new quotes: what somebody was quoted stays. The capacity of general \
                         admission can go down as far as places are free.",
                    )
                    .refuses(["area_not_found", "event_not_found"])
                    .refuses(["area_has_sales", "changed_meanwhile", "event_published"])
                    .refuses(["not_enough_free", "refused_fields", "too_many_decimals"])
                })
                .delete_with(delete, |op| {
                    op.id("deleteArea").summary("Delete an area").tag("Areas").description(
                        "Only an area of which nothing is sold or held, and not the last one of a published event.",
                    )
                    .refuses(["area_not_found", "event_not_found"])
                    .refuses(["area_has_sales", "changed_meanwhile", "event_published"])
                }),
        )
}

/// JSON pointer of the price in a request, for refusals.
const PRICE: &str = "/price";
/// The most areas of one event.
pub const MAX_AREAS: usize = 50;
/// The most places of one general admission area.
const MAX_CAPACITY: u32 = 200_000;

/// An area of an event as its organiser sees it: a part of the venue with one price and
/// its own capacity.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct AreaView {
    /// The area's id.
    id: AreaId,
    /// The event's id.
    event_id: EventId,
    /// The name that buyers see.
    area_name: String,
    /// The description for buyers; possibly empty.
    description: String,
    /// Whether its places have numbers.
    kind: AreaKind,
    /// The most tickets that it can sell. Blocked seats are counted, too.
    capacity: u32,
    /// The base price of one ticket.
    price: Amount,
    /// The price as people write it, such as `COP 50.000`.
    price_formatted: String,
    /// The event's currency.
    currency: Currency,
    /// The letter that stands before its unit numbers, such as `M`.
    nomenclature_letter: Option<String>,
    /// The number of people that one ticket admits, such as the places at a table.
    unit_capacity: u8,
    /// What comes with the ticket, such as table service.
    service: Option<String>,
    /// Its position in lists: the lowest comes first.
    position: u16,
    /// The rows of numbered seats.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    rows: Vec<RowLayout>,
    /// The category of the seating plan that it sells; its name if it has none.
    category: Option<String>,
    /// How its rows are drawn as long as the event's plan is generated.
    layout: Option<RowsLayout>,
    /// Counts changes, from 1. A change can name the version that it is based on.
    version: u32,
}

impl From<Area> for AreaView {
    fn from(area: Area) -> Self {
        Self {
            id: area.id,
            event_id: area.event_id,
            area_name: area.area_name,
            description: area.description,
            kind: area.kind,
            capacity: area.capacity,
            price: Amount::of(area.price, area.currency),
            price_formatted: formatted(area.price, area.currency),
            currency: area.currency,
            nomenclature_letter: area.nomenclature_letter,
            unit_capacity: area.unit_capacity,
            service: area.service,
            position: area.position,
            rows: rows::rows(&area.rows),
            category: area.category,
            layout: area.layout,
            version: area.version,
        }
    }
}

/// An area after a change, with warnings for its organiser.
#[derive(Debug, Serialize, JsonSchema)]
struct AreaWithWarnings {
    #[serde(flatten)]
    area: AreaView,
    /// Problems that the organiser should look at. The change was made all the same.
    warnings: Vec<EventWarning>,
}

/// All areas of an event.
#[derive(Debug, Serialize, JsonSchema)]
struct Areas {
    /// The areas, ordered by `position`.
    items: Vec<AreaView>,
}

/// A new area.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewArea {
    /// The name that buyers see.
    area_name: Line<1, 100>,
    /// The description for buyers. Empty if missing.
    #[serde(default)]
    description: Paragraph<0, 2000>,
    /// Whether its places have numbers.
    kind: AreaKind,
    /// The most tickets that it can sell. For general admission only: numbered seats are
    /// counted.
    #[serde(default)]
    #[schemars(range(min = 1, max = 200_000))]
    capacity: Option<u32>,
    /// The base price of one ticket in the event's currency.
    #[schemars(range(min = 0, max = 1_000_000_000_000_i64))]
    price: Written,
    /// The letter that stands before its unit numbers, such as `M`.
    #[serde(default)]
    #[schemars(regex(pattern = LETTER))]
    nomenclature_letter: Option<String>,
    /// The number of people that one ticket admits, such as the places at a table.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 50))]
    unit_capacity: u8,
    /// What comes with the ticket, such as table service.
    #[serde(default)]
    service: Option<Line<0, 200>>,
    /// Its position in lists: the lowest comes first. If missing, the area comes last.
    #[serde(default)]
    position: Option<u16>,
    /// The category of the seating plan that it sells; its name if missing.
    #[serde(default)]
    category: Option<Line<0, 110>>,
    /// How its rows are drawn as long as the event's plan is generated.
    #[serde(default)]
    layout: Option<RowsLayout>,
}

const fn one() -> u8 {
    1
}

/// A change of an area. A missing field stays as it is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AreaChanges {
    /// The version that the change is based on; refused if the area has another by now.
    version: Option<u32>,
    /// The name that buyers see.
    area_name: Option<Line<1, 100>>,
    /// The description for buyers.
    description: Option<Paragraph<0, 2000>>,
    /// The most tickets that it can sell. For general admission only.
    #[schemars(range(min = 1, max = 200_000))]
    capacity: Option<u32>,
    /// The base price of one ticket in the event's currency.
    #[schemars(range(min = 0, max = 1_000_000_000_000_i64))]
    price: Option<Written>,
    /// The letter that stands before its unit numbers; `null` for none.
    #[serde(default, deserialize_with = "nullable")]
    #[schemars(regex(pattern = LETTER))]
    nomenclature_letter: Option<Option<String>>,
    /// The number of people that one ticket admits.
    #[schemars(range(min = 1, max = 50))]
    unit_capacity: Option<u8>,
    /// What comes with the ticket; `null` for nothing.
    #[serde(default, deserialize_with = "nullable")]
    service: Option<Option<Line<0, 200>>>,
    /// Its position in lists: the lowest comes first.
    position: Option<u16>,
    /// The category of the seating plan that it sells; `null` for its name. It stays once a plan is
    /// published.
    #[serde(default, deserialize_with = "nullable")]
    category: Option<Option<Line<0, 110>>>,
    /// How its rows are drawn as long as the event's plan is generated; `null` for straight rows.
    #[serde(default, deserialize_with = "nullable")]
    layout: Option<Option<RowsLayout>>,
}

async fn list(
    Shared(state): Shared<State>,
    viewer: Viewer,
    Path(path): Path<EventPath>,
) -> Answer<Json<Areas>> {
    let sheet = state.sheet(viewer.tenant, path.id).await?;
    Ok(Json(Areas { items: sheet.into_priced().areas.into_iter().map(AreaView::from).collect() }))
}

async fn show(
    Shared(state): Shared<State>,
    viewer: Viewer,
    Path(path): Path<AreaPath>,
) -> Answer<Json<AreaView>> {
    let (_, area) = state.area(viewer.tenant, path).await?;
    Ok(Json(area.into()))
}

async fn create(
    Shared(state): Shared<State>,
    organizer: Organizer,
    Path(path): Path<EventPath>,
    IdempotencyKey(key): IdempotencyKey,
    Json(new): Json<NewArea>,
) -> Answer<Created<AreaWithWarnings>> {
    let now = state.clock.now();
    let once = Once { user: organizer.user, route: "POST /api/v1/events/{id}/areas", key: key.as_deref() };
    let request = (path.id, &new);
    let create = |id: domain::RequestId| {
        let id = AreaId::from_uuid(id.uuid());
        let (state, new) = (&state, &new);
        async move { state.create_area(organizer.tenant, path.id, new, id).await.map(AreaView::from) }
    };
    let area: AreaView = state.store.once(once, &request, now, create).await?;
    let sheet = state.sheet(organizer.tenant, path.id).await?;
    let warnings = sheet.area(area.id).map(|area| of_area(&sheet.event, area)).unwrap_or_default();
    Ok(Created(AreaWithWarnings { area, warnings }))
}

async fn update(
    Shared(state): Shared<State>,
    organizer: Organizer,
    Path(path): Path<AreaPath>,
    Json(changes): Json<AreaChanges>,
) -> Answer<Json<AreaWithWarnings>> {
    let (sheet, before) = state.area(organizer.tenant, path).await?;
    based_on(changes.version, before.version)?;
    let capacity = changes.capacity;
    let mut fields = Fields::new();
    let after = changes.apply(before.clone(), &mut fields);
    fields.rule(
        after.category == before.category || sheet.event.plan.is_none(),
        "/category",
        "The published plan goes by it. Publish a plan in which the seats have another category.",
    );
    check(&after, capacity, fields)?;
    let written = match capacity {
        Some(_) => None,
        None => Some(state.store.replace_area(&sheet, &after).await),
    };
    let after = match written {
        Some(Ok(())) => after,
        // An earlier request that was changing the places may have been cut off. After this
        // they are as many as the area says.
        None | Some(Err(Failure::Refused(_))) => {
            state.change_places(&before, after, state.clock.now()).await?
        }
        Some(Err(failure)) => return Err(Error::from(failure).into()),
    };
    state.note_prices(organizer.tenant, path.id).await?;
    let warnings = of_area(&sheet.event, &after);
    Ok(Json(AreaWithWarnings { area: after.into(), warnings }))
}

async fn delete(
    Shared(state): Shared<State>,
    organizer: Organizer,
    Path(path): Path<AreaPath>,
) -> Answer<NoContent> {
    let (sheet, area) = state.area(organizer.tenant, path).await?;
    let is_last = !sheet.areas_with_places().any(|other| other.id != area.id);
    if sheet.event.sells_here() && is_last {
        return Err(Error::conflict(
            "event_published",
            "An event on sale needs an area. Unpublish the event before you delete its last one.",
        )
        .into());
    }
    let now = state.clock.now();
    let change = state.store.lease_deletion(&sheet, &area, now).await.on_refused(Error::changed_meanwhile)?;
    let closed = state.close(&sheet, &area, now).await;
    if !matches!(closed, Ok(true)) {
        state.store.release_places(&change, &area).await?;
        closed?;
        return Err(Error::conflict(
            "area_has_sales",
            "Tickets of this area are sold or held. Take what is free off sale instead of deleting it.",
        )
        .into());
    }
    state.store.delete_area(&change, &area).await.on_refused(Error::changed_meanwhile)?;
    state.note_prices(organizer.tenant, path.id).await?;
    Ok(NoContent)
}

fn too_many() -> Error {
    Error::conflict("too_many_areas", format!("An event has at most {MAX_AREAS} areas."))
}

impl State {
    /// The area, with the sheet of its event, if the event is the tenant's.
    pub(crate) async fn area(&self, tenant: TenantId, path: AreaPath) -> Result<(StoredEvent, Area)> {
        let sheet = self.sheet(tenant, path.id).await?;
        let area = sheet.area(path.area).cloned().ok_or_else(area_not_found)?;
        Ok((sheet, area))
    }

    async fn create_area(&self, tenant: TenantId, event: EventId, new: &NewArea, id: AreaId) -> Result<Area> {
        let sheet = self.sheet(tenant, event).await?;
        if let Some(area) = sheet.area(id) {
            // An earlier try of this request created the area; its places may be sold already.
            return Ok(area.clone());
        }
        if sheet.areas.len() >= MAX_AREAS {
            return Err(too_many());
        }
        let last = sheet.areas.last().map_or(0, |area| area.position.saturating_add(1));
        let mut fields = Fields::new();
        let area = new.area(id, &sheet.event, last, &mut fields);
        fields.rule(
            area.kind == AreaKind::Seated || new.capacity.is_some(),
            "/capacity",
            format!("Say how many admissions it has: between 1 and {MAX_CAPACITY}."),
        );
        check(&area, new.capacity, fields)?;
        self.store.create_places(&area).await?;
        // Refused if the event got another currency after it was read.
        let area = self.store.create_area(&area, self.clock.now()).await;
        let area = area.on_refused(Error::changed_meanwhile)?;
        self.enforce_area_limit(tenant, &area).await?;
        self.note_prices(tenant, event).await?;
        Ok(area)
    }

    /// Counts the areas again after the new one was written: other requests may have created
    /// areas at the same moment. Deletes the new one if there are too many.
    async fn enforce_area_limit(&self, tenant: TenantId, area: &Area) -> Result<()> {
        let there = || async {
            let sheet = self.store.priced_event_of(tenant, area.event_id).await?;
            let areas = sheet.map(|sheet| sheet.into_priced().areas).unwrap_or_default();
            Ok(areas.into_iter().map(|area| area.id).collect())
        };
        if recount::is_within_limit(MAX_AREAS, &area.id, there).await? {
            return Ok(());
        }
        let now = self.clock.now();
        let change = self.store.lease_places(area, now).await.on_refused(Error::changed_meanwhile)?;
        self.store.delete_area(&change, area).await.on_refused(Error::changed_meanwhile)?;
        Err(too_many())
    }

    /// Updates the lowest price in the public list after an area has changed.
    pub(crate) async fn note_prices(&self, tenant: TenantId, event: EventId) -> Result<()> {
        if let Some(sheet) = self.store.priced_event_of(tenant, event).await? {
            self.store.update_price_from(&sheet).await?;
        }
        Ok(())
    }
}

/// The pattern of `nomenclature_letter`: the name of a row, with space around it.
const LETTER: &str = r"^[\t-\r ]*[A-Za-z0-9Ññ]{1,8}[\t-\r ]*$";

/// The letter in the spelling of row names. An invalid one stays as it is, for [`check`] to
/// refuse.
fn letter(text: &str) -> String {
    normal_row(text.trim()).unwrap_or_else(|| text.to_owned())
}

impl NewArea {
    fn area(&self, id: AreaId, event: &Event, last: u16, fields: &mut Fields) -> Area {
        let capacity = self.capacity.unwrap_or(0);
        Area {
            id,
            event_id: event.id,
            area_name: self.area_name.to_string(),
            description: self.description.to_string(),
            kind: self.kind,
            capacity,
            price: self.price.amount(event.currency, PRICE, fields),
            currency: event.currency,
            nomenclature_letter: self.nomenclature_letter.as_deref().map(letter),
            unit_capacity: self.unit_capacity,
            service: self.service.clone().and_then(Line::some),
            position: self.position.unwrap_or(last),
            rows: Vec::new(),
            category: self.category.clone().and_then(Line::some),
            layout: self.layout.clone(),
            version: 1,
        }
    }
}

impl AreaChanges {
    fn apply(self, area: Area, fields: &mut Fields) -> Area {
        Area {
            area_name: self.area_name.map_or(area.area_name, String::from),
            description: self.description.map_or(area.description, String::from),
            capacity: self.capacity.unwrap_or(area.capacity),
            price: self.price.map_or(area.price, |price| price.amount(area.currency, PRICE, fields)),
            nomenclature_letter: match self.nomenclature_letter {
                Some(changed) => changed.as_deref().map(letter),
                None => area.nomenclature_letter,
            },
            unit_capacity: self.unit_capacity.unwrap_or(area.unit_capacity),
            service: match self.service {
                Some(changed) => changed.and_then(Line::some),
                None => area.service,
            },
            position: self.position.unwrap_or(area.position),
            category: match self.category {
                Some(changed) => changed.and_then(Line::some),
                None => area.category,
            },
            layout: self.layout.unwrap_or(area.layout),
            version: area.version + 1,
            ..area
        }
    }
}

/// Checks an area before it is stored. `capacity` is the one in the request, if any, and
/// `fields` already has what is wrong with the price.
fn check(area: &Area, capacity: Option<u32>, mut fields: Fields) -> Result<()> {
    match (area.kind, capacity) {
        (AreaKind::GeneralAdmission, Some(capacity)) => {
            let range = 1..=MAX_CAPACITY;
            fields.check(
                range.contains(&capacity),
                "/capacity",
                format!("Must be between 1 and {MAX_CAPACITY}."),
            );
        }
        (AreaKind::Seated, Some(_)) => {
            fields.rule(
                false,
                "/capacity",
                "Leave it out: the seats are counted. Create them with `/units`.",
            );
        }
        (_, None) => {}
    }
    fields.amount(PRICE, Money::new(area.price, area.currency), 0..=MAX_PRICE);
    fields.check(
        area.nomenclature_letter.as_deref().is_none_or(|letter| normal_row(letter).is_some()),
        "/nomenclature_letter",
        "Must be 1 to 8 letters and digits.",
    );
    if let Some(layout) = &area.layout {
        layout.check("/layout", &mut fields);
    }
    fields.check((1..=50).contains(&area.unit_capacity), "/unit_capacity", "Must be between 1 and 50.");
    fields.finish()
}

#[cfg(test)]
pub(crate) mod tests {
    use domain::testing::at;
    use serde_json::json;

    use super::*;
    use crate::writing::tests::draft;

    pub(crate) fn area(body: serde_json::Value) -> Area {
        let new: NewArea = serde_json::from_value(body).expect("a new area");
        new.area(AreaId::generate(at(1)), &draft(), 3, &mut Fields::new())
    }

    fn bad(area: &Area, capacity: Option<u32>) -> Vec<String> {
        let error = check(area, capacity, Fields::new()).expect_err("refused");
        error.field_errors().iter().map(|field| field.pointer.clone()).collect()
    }

    #[test]
    fn an_area_is_bounded() {
        let general =
            json!({"area_name": " Campo ", "kind": "general_admission", "capacity": 120, "price": 5000});
        let valid = area(general);
        check(&valid, Some(120), Fields::new()).expect("valid");
        assert_eq!((valid.area_name.as_str(), valid.position), ("Campo", 3));
        assert_eq!(bad(&valid, Some(0)), ["/capacity"]);
        assert_eq!(bad(&valid, Some(200_001)), ["/capacity"]);
        let wrong = Area { price: -1, unit_capacity: 0, nomenclature_letter: Some("#".to_owned()), ..valid };
        assert_eq!(bad(&wrong, None), ["/price", "/nomenclature_letter", "/unit_capacity"]);

        let seated =
            area(json!({"area_name": "Platea", "kind": "seated", "price": 0, "nomenclature_letter": "p"}));
        check(&seated, None, Fields::new()).expect("valid");
        assert_eq!(seated.nomenclature_letter.as_deref(), Some("P"));
        assert_eq!(bad(&seated, Some(5)), ["/capacity"]);
    }

    #[test]
    fn a_change_clears_null_fields() {
        let before = area(json!({
            "area_name": "Mesas", "kind": "general_admission", "capacity": 10, "price": 9, "unit_capacity": 4,
            "service": "Cena", "nomenclature_letter": "M",
        }));
        let changes: AreaChanges =
            serde_json::from_value(json!({"service": null, "price": 7.5})).expect("changes");
        let after = changes.apply(before.clone(), &mut Fields::new());
        assert_eq!(after, Area { service: None, price: 750, version: 2, ..before });
    }
}
