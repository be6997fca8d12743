//! Units: the numbered seats of an area, in bulk.

use std::collections::BTreeMap;

use aide::axum::ApiRouter;
use aide::axum::routing::post_with;
use domain::error::Fields;
use domain::event::ROW_PATTERN;
use domain::event::{Area, AreaKind, RowLayout};
use domain::plan::{RowsLayout, Sides};
use domain::seat::{SeatLabel, SeatState};
use domain::{AreaId, Error, Result, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::OnRefused;
use store::{Refusal, RowKey, RowState};
use web::{Answer, Created, IdempotencyKey, Json, Organizer, Path, Refuses, Shared, based_on};

use crate::{AreaPath, State, rows};

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route(
            "/api/v1/events/{id}/areas/{area}/units",
            post_with(create, |op| {
                op.id("createUnits").summary("Create rows of seats").tag("Areas").description(
                    "Adds up to 10,000 numbered seats behind the rows that there are. They can be sold at once. \
                     Either `rows`, or a range of rows of equal length. Their places in the seating plan follow \
                     from `layout`; a published plan gets a new version with them.",
                )
                .refuses(["area_not_found", "event_not_found"])
                .refuses(["area_not_seated", "changed_meanwhile", "seats_taken", "too_many_rows"])
                .refuses(["refused_fields"])
            }),
        )
        .api_route(
            "/api/v1/events/{id}/areas/{area}/units/block",
            post_with(block, |op| {
                op.id("blockUnits").summary("Keep seats from being sold").tag("Areas").description(
                    "All of the seats or none. Repeating the request changes nothing.",
                )
                .refuses(["area_not_found", "event_not_found"])
                .refuses(["area_not_seated", "changed_meanwhile", "seats_taken", "refused_fields"])
            }),
        )
        .api_route(
            "/api/v1/events/{id}/areas/{area}/units/unblock",
            post_with(unblock, |op| {
                op.id("unblockUnits").summary("Let blocked seats be sold").tag("Areas").description(
                    "Seats that are not blocked stay as they are. Repeating the request changes nothing.",
                )
                .refuses(["area_not_found", "event_not_found"])
                .refuses(["area_not_seated", "changed_meanwhile", "seats_taken"])
            }),
        )
}

/// The most seats that one request creates.
const MAX_NEW_SEATS: u32 = 10_000;
/// The most seats that one request blocks.
const MAX_BLOCKED: usize = 1_000;
/// The most rows that one request creates.
const MAX_NEW_ROWS: u32 = 1_000;
/// The most bad rows that an answer names.
const MAX_BAD_ROWS: usize = 20;

/// Seats to create: either `rows`, or the rows named from `from` to `to` with
/// the seats `first` to `last` each.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewUnits {
    /// The area's version that the request is based on; refused if it has another by now.
    #[serde(default)]
    version: Option<u32>,
    /// The rows, the nearest to the stage first.
    #[serde(default)]
    #[schemars(length(min = 1, max = 1000))]
    rows: Option<Vec<rows::NewRow>>,
    /// The name of the first row: letters or a number, such as `A` or `1`.
    #[serde(default)]
    #[schemars(regex(pattern = ROW_PATTERN))]
    from: Option<String>,
    /// The name of the last row. After `Z` comes `AA`.
    #[serde(default)]
    #[schemars(regex(pattern = ROW_PATTERN))]
    to: Option<String>,
    /// The lowest seat number of each row.
    #[serde(default)]
    #[schemars(range(min = 1, max = 9999))]
    first: Option<u16>,
    /// The highest seat number of each row.
    #[serde(default)]
    #[schemars(range(min = 1, max = 9999))]
    last: Option<u16>,
    /// How the area's rows are drawn in a generated plan, those that there are included.
    #[serde(default)]
    layout: Option<RowsLayout>,
}

/// The numbers of rows and seats after new ones were created.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct UnitsCreated {
    /// The area's id.
    area_id: AreaId,
    /// The number of rows that were added.
    rows: u32,
    /// The number of seats that were added.
    seats: u32,
    /// The number of seats that the area has now.
    capacity: u32,
    /// The area's version now.
    version: u32,
    /// The version of the published plan that has the new seats. Absent if the plan is generated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    plan_version: Option<u32>,
}

/// Seats of an area to block or unblock.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Seats {
    /// The seats, such as `A-12`.
    #[schemars(length(min = 1, max = 1000))]
    seats: Vec<SeatLabel>,
}

/// The seats after they were blocked or unblocked.
#[derive(Debug, Serialize, JsonSchema)]
struct SeatsChanged {
    /// The seats of the request, such as `A-12`.
    seats: Vec<SeatLabel>,
}

async fn create(
    Shared(state): Shared<State>,
    organizer: Organizer,
    Path(path): Path<AreaPath>,
    IdempotencyKey(key): IdempotencyKey,
    Json(new): Json<NewUnits>,
) -> Answer<Created<UnitsCreated>> {
    let now = state.clock.now();
    let route = "POST /api/v1/events/{id}/areas/{area}/units";
    let once = store::Once { user: organizer.user, route, key: key.as_deref() };
    let request = (path.id, path.area, &new);
    let create = |_| state.create_units(&organizer, path, &new, now);
    Ok(Created(state.store.once(once, &request, now, create).await?))
}

async fn block(
    Shared(state): Shared<State>,
    organizer: Organizer,
    Path(path): Path<AreaPath>,
    Json(wanted): Json<Seats>,
) -> Answer<Json<SeatsChanged>> {
    let (_, area) = state.area(organizer.tenant, path).await?;
    let by_block = wanted.by_block(&area)?;
    let taken = state.block(&area, &by_block, state.clock.now()).await?;
    if !taken.is_empty() {
        return Err(seats_taken(&taken).into());
    }
    Ok(Json(SeatsChanged { seats: wanted.seats }))
}

async fn unblock(
    Shared(state): Shared<State>,
    organizer: Organizer,
    Path(path): Path<AreaPath>,
    Json(wanted): Json<Seats>,
) -> Answer<Json<SeatsChanged>> {
    let (_, area) = state.area(organizer.tenant, path).await?;
    for (block, seats) in wanted.by_block(&area)? {
        state.store.unblock_seats(RowKey::of(&area, block), &seats).await?;
    }
    Ok(Json(SeatsChanged { seats: wanted.seats }))
}

impl State {
    async fn create_units(
        &self,
        organizer: &Organizer,
        path: AreaPath,
        new: &NewUnits,
        now: Timestamp,
    ) -> Result<UnitsCreated> {
        let (_, area) = self.area(organizer.tenant, path).await?;
        based_on(new.version, area.version)?;
        let added = new.layout(&area)?;
        let layout = new.layout.clone().or_else(|| area.layout.clone());
        let has_sides = layout.as_ref().is_some_and(|layout| layout.sides == Sides::OddEven);
        let blocks: Vec<RowLayout> = match has_sides {
            true => added.iter().flat_map(store::side_blocks).collect(),
            false => added.iter().flat_map(store::row_blocks).collect(),
        };
        let first_index = u16::try_from(area.rows.len()).unwrap_or(u16::MAX);
        let seats: u32 = added.iter().map(RowLayout::len).sum();

        let change = self.store.lease_places(&area, now).await.on_refused(Error::changed_meanwhile)?;
        self.store.mend_rows(&area, now).await?;
        if let Err(failure) = self.store.create_rows(area.event_id, area.id, first_index, &blocks).await {
            self.store.release_places(&change, &area).await?;
            return Err(failure.into());
        }
        let mut after = Area { capacity: area.capacity + seats, version: area.version + 1, layout, ..area };
        after.rows.extend(blocks.iter().cloned());
        self.store.finish_places(&change, &after).await.on_refused(Error::changed_meanwhile)?;
        self.note_prices(organizer.tenant, path.id).await?;
        let plan_version = self.plan_new_rows(organizer, &after, blocks, now).await?;
        Ok(UnitsCreated {
            plan_version,
            area_id: after.id,
            rows: u32::try_from(added.len()).unwrap_or(u32::MAX),
            seats,
            capacity: after.capacity,
            version: after.version,
        })
    }

    /// Takes the seats off sale, all or none. `by_block` has them by the area's blocks.
    pub(crate) async fn block(
        &self,
        area: &Area,
        by_block: &ByBlock,
        now: Timestamp,
    ) -> Result<Vec<SeatLabel>> {
        let states = self.store.area_rows(area, now).await?;
        let states: BTreeMap<u16, RowState> = states.into_iter().map(|state| (state.index, state)).collect();
        let taken: Vec<SeatLabel> = by_block
            .iter()
            .flat_map(|(block, seats)| {
                let is_taken = |seat: &&u16| {
                    matches!(state_of(&states, *block, **seat), Some(SeatState::Reserved | SeatState::Sold))
                };
                seats
                    .iter()
                    .filter(is_taken)
                    .filter_map(|seat| label(area, *block, *seat))
                    .collect::<Vec<_>>()
            })
            .collect();
        if !taken.is_empty() {
            return Ok(taken);
        }
        let mut done: Vec<(u16, Vec<u16>)> = Vec::new();
        for (block, seats) in by_block {
            if let Err(refusal) = self.store.block_seats(RowKey::of(area, *block), seats, now).await {
                // Another request took a seat after the check: undo what this one did.
                for (block, seats) in done {
                    self.store.unblock_seats(RowKey::of(area, block), &seats).await?;
                }
                return match refusal {
                    Refusal::SeatsTaken(seats) => {
                        Ok(seats.iter().filter_map(|seat| label(area, *block, *seat)).collect())
                    }
                    refusal => Err(refusal.meaning(|_| Error::changed_meanwhile())),
                };
            }
            let was_free = |seat: &&u16| state_of(&states, *block, **seat) == Some(SeatState::Available);
            done.push((*block, seats.iter().filter(was_free).copied().collect()));
        }
        Ok(Vec::new())
    }
}

fn state_of(states: &BTreeMap<u16, RowState>, block: u16, seat: u16) -> Option<SeatState> {
    states.get(&block)?.seat(seat)
}

fn label(area: &Area, block: u16, seat: u16) -> Option<SeatLabel> {
    SeatLabel::new(&area.rows.get(usize::from(block))?.label, seat).ok()
}

pub(crate) fn seats_taken(seats: &[SeatLabel]) -> Error {
    let seats: Vec<String> = seats.iter().map(ToString::to_string).collect();
    Error::conflict("seats_taken", "Some of these seats are sold or held; none was blocked. See `seats`.")
        .with("seats", seats)
}

/// Seat numbers by the index of their block in the area.
pub(crate) type ByBlock = BTreeMap<u16, Vec<u16>>;

/// All seats of the area, by block.
pub(crate) fn every_seat(area: &Area) -> ByBlock {
    (0..).zip(&area.rows).map(|(index, row)| (index, row.numbers().collect())).collect()
}

impl Seats {
    fn by_block(&self, area: &Area) -> Result<ByBlock> {
        let mut fields = Fields::new();
        let count = 1..=MAX_BLOCKED;
        fields
            .check(count.contains(&self.seats.len()), "/seats", format!("Must be 1 to {MAX_BLOCKED} seats."))
            .finish()?;
        let mut by_label: BTreeMap<&str, Vec<(u16, &RowLayout)>> = BTreeMap::new();
        for (index, row) in (0..).zip(&area.rows) {
            by_label.entry(&row.label).or_default().push((index, row));
        }
        let mut by_block = ByBlock::new();
        for (index, seat) in self.seats.iter().enumerate() {
            let blocks = by_label.get(seat.row()).map_or(&[][..], Vec::as_slice);
            let block = blocks.iter().find(|(_, row)| row.has_number(seat.number()));
            fields.rule(block.is_some(), format!("/seats/{index}"), "The area has no such seat.");
            if let Some((block, _)) = block {
                let seats = by_block.entry(*block).or_default();
                if !seats.contains(&seat.number()) {
                    seats.push(seat.number());
                }
            }
        }
        fields.finish()?;
        Ok(by_block)
    }
}

impl NewUnits {
    /// The rows to add to `area`.
    fn layout(&self, area: &Area) -> Result<Vec<RowLayout>> {
        if area.kind != AreaKind::Seated {
            return Err(Error::conflict(
                "area_not_seated",
                "This area is of general admission. Create an area of the kind `seated` for numbered seats.",
            ));
        }
        let mut fields = Fields::new();
        let rows = self.wanted(&mut fields);
        if let Some(layout) = &self.layout {
            layout.check("/layout", &mut fields);
        }
        fields.finish()?;
        let (rows, bad) = rows::check(&area.rows, rows);
        for bad in bad.into_iter().take(MAX_BAD_ROWS) {
            match self.rows {
                Some(_) => fields.rule(false, format!("/rows/{}{}", bad.index, bad.field), bad.detail),
                None => fields.rule(false, "/from", bad.detail),
            };
        }
        fields.finish()?;
        let seats: u64 = rows.iter().map(|row| u64::from(row.len())).sum();
        fields.rule(
            (1..=u64::from(MAX_NEW_SEATS)).contains(&seats),
            "",
            format!("Must be 1 to {MAX_NEW_SEATS} seats in all. Create more with further requests."),
        );
        fields.finish()?;
        // A side of a long row may need a block more.
        let blocks: usize = rows.iter().map(|row| store::side_blocks(row).len()).sum();
        if area.rows.len() + blocks > rows::MAX_BLOCKS {
            return Err(Error::conflict(
                "too_many_rows",
                "The area has too many rows. Create another area for them.",
            ));
        }
        Ok(rows)
    }

    /// The rows as the request names them, listed or as a range.
    fn wanted(&self, fields: &mut Fields) -> Vec<RowLayout> {
        match (&self.rows, &self.from, &self.to, self.first, self.last) {
            (Some(rows), None, None, None, None) => {
                let most = usize::try_from(MAX_NEW_ROWS).unwrap_or(usize::MAX);
                let count = (1..=most).contains(&rows.len());
                fields.check(count, "/rows", format!("Must be 1 to {MAX_NEW_ROWS} rows."));
                rows.iter().cloned().map(RowLayout::from).collect()
            }
            (None, Some(from), Some(to), Some(first), Some(last)) => {
                let names = rows::names(from, to, MAX_NEW_ROWS);
                fields.rule(
                    names.is_some(),
                    "/to",
                    format!("`from` and `to` must both be letters without accents or both numbers, in order, and at most {MAX_NEW_ROWS} rows apart."),
                );
                let row = |label| RowLayout::new(label, first, last);
                names.unwrap_or_default().into_iter().map(row).collect()
            }
            _ => {
                fields.rule(false, "", "Send either `rows`, or all of `from`, `to`, `first` and `last`.");
                Vec::new()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::areas::tests::area;

    fn seated() -> Area {
        let mut area = area(json!({"area_name": "Platea", "kind": "seated", "price": 5000}));
        let row = RowLayout::new;
        area.rows = vec![row("A", 1, 30), row("A", 31, 60), row("B", 1, 20)];
        area
    }

    fn layout(body: Value) -> Result<Vec<RowLayout>> {
        serde_json::from_value::<NewUnits>(body).expect("units").layout(&seated())
    }

    fn refusal(body: Value) -> String {
        let error = layout(body).expect_err("refused");
        let pointers: Vec<_> = error.field_errors().iter().map(|field| field.pointer.as_str()).collect();
        format!("{} {}", error.code(), pointers.join(" ")).trim().to_owned()
    }

    #[test]
    fn a_range_of_letters_makes_rows() {
        let rows = layout(json!({"from": "c", "to": "Z", "first": 1, "last": 40})).expect("valid");
        assert_eq!(rows.len(), 24);
        assert_eq!((rows[0].label.as_str(), rows[23].label.as_str(), rows[23].last), ("C", "Z", 40));
        let many = layout(json!({"from": "AA", "to": "HZ", "first": 1, "last": 48})).expect("9,984 seats");
        assert_eq!(many.iter().map(RowLayout::len).sum::<u32>(), 9984);
    }

    #[test]
    fn rows_can_differ() {
        let rows = json!([{"label": "c", "first": 5, "last": 50}, {"label": "A", "first": 61, "last": 61}]);
        let rows = layout(json!({"rows": rows})).expect("valid");
        assert_eq!((rows[0].label.as_str(), rows[0].len(), rows[1].len()), ("C", 46, 1));
    }

    #[test]
    fn invalid_rows_are_refused() {
        assert_eq!(refusal(json!({})), "refused_fields");
        assert_eq!(refusal(json!({"rows": []})), "invalid_fields /rows");
        assert_eq!(refusal(json!({"rows": [], "from": "A"})), "refused_fields");
        assert_eq!(refusal(json!({"from": "C", "to": "D", "first": 1})), "refused_fields");
        assert_eq!(refusal(json!({"from": "D", "to": "C", "first": 1, "last": 9})), "refused_fields /to");
        assert_eq!(refusal(json!({"from": "A", "to": "A", "first": 60, "last": 70})), "refused_fields /from");
        assert_eq!(refusal(json!({"from": "C", "to": "D", "first": 1, "last": 9999})), "refused_fields");
        let general =
            area(json!({"area_name": "Campo", "kind": "general_admission", "capacity": 9, "price": 0}));
        let units: NewUnits = serde_json::from_value(json!({"rows": []})).expect("units");
        assert_eq!(units.layout(&general).expect_err("refused").code(), "area_not_seated");
    }

    #[test]
    fn seats_are_found_in_their_blocks() {
        let seats = |seats: Value| -> Result<ByBlock> {
            serde_json::from_value::<Seats>(json!({ "seats": seats })).expect("seats").by_block(&seated())
        };
        let found = seats(json!(["A-30", "a-31", "B-1", "A-1", "A-1"])).expect("found");
        assert_eq!(found, BTreeMap::from([(0, vec![30, 1]), (1, vec![31]), (2, vec![1])]));
        let error = seats(json!(["A-61", "B-1", "C-1"])).expect_err("refused");
        let pointers: Vec<_> = error.field_errors().iter().map(|field| field.pointer.as_str()).collect();
        assert_eq!(pointers, ["/seats/0", "/seats/2"]);
        assert!(seats(json!([])).is_err());
    }
}
