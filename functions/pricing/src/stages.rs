//! Sale stages: Early Bird, Preventa, General, one taking over from the other.

use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, patch_with};
use axum::extract::State as Of;
use axum::response::NoContent;
use domain::error::Fields;
use domain::event::Area;
use domain::pricing::{AdjustmentType, MAX_STAGES_PER_EVENT, SaleStage};
use domain::{AreaId, Error, EventId, RequestId, Result, SaleStageId, TenantId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::allotment::{Pool, Refusal};
use store::{EventSheet, OnRefused, Once};
use web::{Answer, Created, IdempotencyKey, Json, Organizer, Path, Viewer, based_on, nullable};

use crate::{EventPath, State};

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route(
            "/api/v1/events/{id}/sale-stages",
            get_with(list, |op| op.id("listSaleStages").summary("List the sale stages of an event").tag("Prices"))
                .post_with(create, |op| {
                    op.id("createSaleStage").summary("Create a sale stage").tag("Prices").description(
                        "A stage changes prices in a window of time, up to a quantity, or both; it ends by whichever \
                         comes first, and the next one takes over by itself.",
                    )
                }),
        )
        .api_route(
            "/api/v1/events/{id}/sale-stages/{stage}",
            patch_with(update, |op| op.id("updateSaleStage").summary("Change a sale stage").tag("Prices")).delete_with(
                delete,
                |op| {
                    op.id("deleteSaleStage").summary("Delete a sale stage").tag("Prices").description(
                        "What was reserved or quoted at its price keeps the price.",
                    )
                },
            ),
        )
}

/// The most tickets that a limited stage can have.
const MAX_QUANTITY: u32 = 200_000;

/// `/events/{id}/sale-stages/{stage}`.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
struct StagePath {
    /// The event.
    id: EventId,
    /// The stage.
    stage: SaleStageId,
}

/// A sale stage, with how much of it is left.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct StageView {
    #[serde(flatten)]
    stage: SaleStage,
    /// Tickets that are left in it, if they are limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    remaining: Option<u32>,
}

/// All sale stages of an event.
#[derive(Debug, Serialize, JsonSchema)]
struct Stages {
    /// The stages, the one that applies first before the others.
    items: Vec<StageView>,
}

/// A new sale stage.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewStage {
    /// The name that buyers see.
    #[schemars(length(min = 1, max = 60))]
    stage_name: String,
    /// How `price_adjustment_value` is meant.
    price_adjustment_type: AdjustmentType,
    /// What is added to the price of a ticket: basis points (-2000 is 20 % less)
    /// or minor units.
    price_adjustment_value: i64,
    /// The most tickets that are sold in it.
    #[serde(default)]
    #[schemars(range(min = 1, max = 200_000))]
    quantity_available: Option<u32>,
    /// The first moment of the stage.
    #[serde(default)]
    start_time: Option<Timestamp>,
    /// The first moment after the stage.
    #[serde(default)]
    end_time: Option<Timestamp>,
    /// The only area that it is for.
    #[serde(default)]
    target_area_id: Option<AreaId>,
    /// Its rank, lowest first; after all others if absent.
    #[serde(default)]
    priority_order: Option<u16>,
    /// False to keep it switched off.
    #[serde(default = "yes")]
    active: bool,
}

const fn yes() -> bool {
    true
}

/// A change of a sale stage: what is absent stays.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct StageChanges {
    /// The version that the change is based on.
    version: Option<u32>,
    /// The name that buyers see.
    #[schemars(length(min = 1, max = 60))]
    stage_name: Option<String>,
    /// How `price_adjustment_value` is meant.
    price_adjustment_type: Option<AdjustmentType>,
    /// What is added to the price of a ticket.
    price_adjustment_value: Option<i64>,
    /// The most tickets that are sold in it, or `null` for no limit. A limit that
    /// is new counts from now on; one that goes down must leave what is sold.
    #[serde(default, deserialize_with = "nullable")]
    quantity_available: Option<Option<u32>>,
    /// The first moment of the stage, or `null`.
    #[serde(default, deserialize_with = "nullable")]
    start_time: Option<Option<Timestamp>>,
    /// The first moment after the stage, or `null`.
    #[serde(default, deserialize_with = "nullable")]
    end_time: Option<Option<Timestamp>>,
    /// The only area that it is for, or `null` for all.
    #[serde(default, deserialize_with = "nullable")]
    target_area_id: Option<Option<AreaId>>,
    /// Its rank, lowest first.
    priority_order: Option<u16>,
    /// False to switch it off.
    active: Option<bool>,
}

async fn list(Of(state): Of<State>, viewer: Viewer, Path(path): Path<EventPath>) -> Answer<Json<Stages>> {
    let sheet = state.sheet(viewer.tenant, path.id).await?;
    let left = state.store.stages_left(&sheet.stages, state.clock.now()).await.map_err(Error::from)?;
    let items = sheet.stages.into_iter().map(|stage| StageView { remaining: left.of(stage.id), stage });
    Ok(Json(Stages { items: items.collect() }))
}

async fn create(
    Of(state): Of<State>,
    organizer: Organizer,
    Path(path): Path<EventPath>,
    IdempotencyKey(key): IdempotencyKey,
    Json(new): Json<NewStage>,
) -> Answer<Created<StageView>> {
    let now = state.clock.now();
    let once =
        Once { user: organizer.user, route: "POST /api/v1/events/{id}/sale-stages", key: key.as_deref() };
    let request = (path.id, &new);
    let create = |id: RequestId| {
        let id = SaleStageId::from_uuid(id.uuid());
        state.create_stage(organizer.tenant, path.id, &new, id, now)
    };
    Ok(Created(state.store.once(once, &request, now, create).await?))
}

async fn update(
    Of(state): Of<State>,
    organizer: Organizer,
    Path(path): Path<StagePath>,
    Json(changes): Json<StageChanges>,
) -> Answer<Json<StageView>> {
    let sheet = state.sheet(organizer.tenant, path.id).await?;
    let before = stage(&sheet, path.stage)?;
    based_on(changes.version, before.version)?;
    let quantity = changes.quantity_available;
    let after = changes.apply(before.clone());
    check(&after, &sheet.areas)?;
    let now = state.clock.now();
    if let Some(Some(quantity)) = quantity {
        state.resize_stage(&after, quantity, now).await?;
    }
    state.store.replace_sale_stage(&after).await.on_refused(Error::changed_meanwhile)?;
    Ok(Json(state.view(after, now).await?))
}

async fn delete(
    Of(state): Of<State>,
    organizer: Organizer,
    Path(path): Path<StagePath>,
) -> Answer<NoContent> {
    let sheet = state.sheet(organizer.tenant, path.id).await?;
    let stage = stage(&sheet, path.stage)?;
    state.store.delete_sale_stage(path.id, stage.id).await.map_err(Error::from)?;
    Ok(NoContent)
}

fn stage(sheet: &EventSheet, id: SaleStageId) -> Result<&SaleStage> {
    sheet
        .stages
        .iter()
        .find(|stage| stage.id == id)
        .ok_or_else(|| Error::not_found("sale_stage_not_found", "The event has no such sale stage."))
}

impl State {
    async fn create_stage(
        &self,
        tenant: TenantId,
        event: EventId,
        new: &NewStage,
        id: SaleStageId,
        now: Timestamp,
    ) -> Result<StageView> {
        let sheet = self.sheet(tenant, event).await?;
        let is_repetition = sheet.stages.iter().any(|stage| stage.id == id);
        if sheet.stages.len() >= MAX_STAGES_PER_EVENT && !is_repetition {
            return Err(Error::conflict(
                "too_many_sale_stages",
                format!("An event has at most {MAX_STAGES_PER_EVENT} sale stages. Delete one that is over."),
            ));
        }
        let last = sheet.stages.last().map_or(0, |stage| stage.priority_order.saturating_add(1));
        let stage = new.stage(id, event, last);
        check(&stage, &sheet.areas)?;
        // The pool comes first: a stage without one would count as sold out.
        if let Some(quantity) = stage.quantity_available {
            self.store.create_pool(&Pool::stage(event, id, quantity), quantity).await?;
        }
        let stage = self.store.create_sale_stage(&stage).await?;
        self.view(stage, now).await
    }

    async fn resize_stage(&self, stage: &SaleStage, quantity: u32, now: Timestamp) -> Result<()> {
        let pool = Pool::stage(stage.event_id, stage.id, quantity);
        let resized = self.store.resize_pool(&pool, quantity, now).await;
        resized.map(drop).map_err(|refusal| {
            refusal.meaning(|refusal| {
                let free = if let Refusal::SoldOut(free) = refusal { free } else { 0 };
                Error::conflict(
                    "not_enough_free",
                    format!("Only {free} tickets of the stage are left; the others are sold or held."),
                )
                .with("free", free)
            })
        })
    }

    async fn view(&self, stage: SaleStage, now: Timestamp) -> Result<StageView> {
        let left = self.store.stages_left([&stage], now).await?;
        Ok(StageView { remaining: left.of(stage.id), stage })
    }
}

impl NewStage {
    fn stage(&self, id: SaleStageId, event: EventId, last: u16) -> SaleStage {
        SaleStage {
            id,
            event_id: event,
            stage_name: self.stage_name.trim().to_owned(),
            price_adjustment_type: self.price_adjustment_type,
            price_adjustment_value: self.price_adjustment_value,
            quantity_available: self.quantity_available,
            start_time: self.start_time,
            end_time: self.end_time,
            target_area_id: self.target_area_id,
            priority_order: self.priority_order.unwrap_or(last),
            active: self.active,
            version: 1,
        }
    }
}

impl StageChanges {
    fn apply(self, stage: SaleStage) -> SaleStage {
        SaleStage {
            stage_name: self.stage_name.map_or(stage.stage_name, |name| name.trim().to_owned()),
            price_adjustment_type: self.price_adjustment_type.unwrap_or(stage.price_adjustment_type),
            price_adjustment_value: self.price_adjustment_value.unwrap_or(stage.price_adjustment_value),
            quantity_available: self.quantity_available.unwrap_or(stage.quantity_available),
            start_time: self.start_time.unwrap_or(stage.start_time),
            end_time: self.end_time.unwrap_or(stage.end_time),
            target_area_id: self.target_area_id.unwrap_or(stage.target_area_id),
            priority_order: self.priority_order.unwrap_or(stage.priority_order),
            active: self.active.unwrap_or(stage.active),
            version: stage.version + 1,
            ..stage
        }
    }
}

fn check(stage: &SaleStage, areas: &[Area]) -> Result<()> {
    let mut fields = Fields::new();
    stage.check(&mut fields);
    fields.check(
        stage.quantity_available.is_none_or(|quantity| quantity <= MAX_QUANTITY),
        "/quantity_available",
        format!("Must be at most {MAX_QUANTITY}."),
    );
    fields.check(
        stage.target_area_id.is_none_or(|target| areas.iter().any(|area| area.id == target)),
        "/target_area_id",
        "The event has no such area.",
    );
    fields.finish()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn new(body: serde_json::Value) -> SaleStage {
        let now = Timestamp::UNIX_EPOCH;
        let new: NewStage = serde_json::from_value(body).expect("a new stage");
        new.stage(SaleStageId::generate(now), EventId::generate(now), 4)
    }

    fn preventa() -> SaleStage {
        new(json!({
            "stage_name": " Preventa ", "price_adjustment_type": "percentage", "price_adjustment_value": -2000,
            "quantity_available": 100, "end_time": "2027-01-01T00:00:00Z",
        }))
    }

    #[test]
    fn a_new_stage_comes_after_the_others() {
        let stage = preventa();
        check(&stage, &[]).expect("valid");
        assert_eq!((stage.stage_name.as_str(), stage.priority_order, stage.active), ("Preventa", 4, true));
    }

    #[test]
    fn a_stage_is_for_an_area_of_its_event_and_bounded() {
        let stage = SaleStage {
            target_area_id: Some(AreaId::generate(Timestamp::UNIX_EPOCH)),
            quantity_available: Some(MAX_QUANTITY + 1),
            ..preventa()
        };
        let error = check(&stage, &[]).expect_err("refused");
        let pointers: Vec<_> = error.field_errors().iter().map(|field| field.pointer.as_str()).collect();
        assert_eq!(pointers, ["/quantity_available", "/target_area_id"]);
    }

    #[test]
    fn a_change_clears_what_is_null_and_leaves_the_rest() {
        let before = preventa();
        let changes: StageChanges =
            serde_json::from_value(json!({"quantity_available": null, "active": false})).expect("changes");
        let after = changes.apply(before.clone());
        assert_eq!(after, SaleStage { quantity_available: None, active: false, version: 2, ..before });
    }
}
