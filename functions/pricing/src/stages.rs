//! Sale stages, such as Early Bird, Preventa and General: one takes over from the other.

use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, patch_with};
use axum::response::NoContent;
use domain::error::Fields;
use domain::event::Area;
use domain::moment::check_zone;
use domain::pricing::{AdjustmentType, MAX_STAGES_PER_EVENT, SaleStage};
use domain::text::Line;
use domain::{
    AreaId, Currency, Error, EventId, Language, Moment, RequestId, Result, SaleStageId, TenantId, Timestamp,
    VariantId, Worth, Written, format,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{OnRefused, Once, Refusal, StoredEvent, recount};
use web::{
    Answer, Created, EventPath, IdempotencyKey, Json, Organizer, Path, Refuses, Shared, Viewer, based_on,
    nullable,
};

use crate::State;
use crate::shelf::NO_SUCH_PRODUCT;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route(
            "/api/v1/events/{id}/sale-stages",
            get_with(list, |op| {
                op.id("listSaleStages")
                    .summary("List the sale stages of an event")
                    .tag("Prices")
                    .refuses(["event_not_found"])
            })
                .post_with(create, |op| {
                    op.id("createSaleStage").summary("Create a sale stage").tag("Prices").description(
                        "A stage changes prices in a window of time, up to a quantity, or both; it ends by whichever \
                         comes first, and the next one takes over by itself.",
                    )
                    .refuses(["event_not_found", "changed_meanwhile", "too_many_sale_stages"])
                    .refuses(["refused_fields", "too_many_decimals"])
                }),
        )
        .api_route(
            "/api/v1/events/{id}/sale-stages/{stage}",
            patch_with(update, |op| {
                op.id("updateSaleStage")
                    .summary("Change a sale stage")
                    .tag("Prices")
                    .refuses(["event_not_found", "sale_stage_not_found"])
                    .refuses(["changed_meanwhile", "not_enough_free", "too_many_decimals"])
            }).delete_with(
                delete,
                |op| {
                    op.id("deleteSaleStage").summary("Delete a sale stage").tag("Prices").description(
                        "What was reserved or quoted at its price keeps the price.",
                    )
                    .refuses(["event_not_found", "sale_stage_not_found", "changed_meanwhile"])
                },
            ),
        )
}

/// JSON pointer of the price adjustment in a request, for refusals.
const VALUE: &str = "/price_adjustment_value";
/// JSON pointers of the stage's times.
const START: &str = "/start_time";
const END: &str = "/end_time";
/// The most tickets that a limited stage can have.
const MAX_QUANTITY: u32 = 200_000;

/// `/events/{id}/sale-stages/{stage}`.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
struct StagePath {
    /// The event's id.
    id: EventId,
    /// The stage's id.
    stage: SaleStageId,
}

/// A sale stage of an event, with the tickets that are left in it. Among the stages that
/// apply to an area at a time, the one with the lowest `priority_order` decides the price.
#[serde_with::skip_serializing_none]
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct StageView {
    /// The stage's id.
    id: SaleStageId,
    /// The event's id.
    event_id: EventId,
    /// The name that buyers see.
    stage_name: String,
    /// Whether `price_adjustment_value` is a percentage or an amount.
    price_adjustment_type: AdjustmentType,
    /// The adjustment of a ticket's price: a percentage (-20 is 20 % less) or an amount.
    /// Negative makes tickets cheaper.
    price_adjustment_value: Worth,
    /// The adjustment as people write it, such as `-20 %`.
    price_adjustment_value_formatted: String,
    /// The event's currency.
    currency: Currency,
    /// The most tickets that are sold in this stage. Absent if only time ends it.
    quantity_available: Option<u32>,
    /// The tickets that are left in this stage. Absent if they are not limited.
    remaining: Option<u32>,
    /// The first moment of the stage. Absent if it has always begun.
    start_time: Option<Timestamp>,
    /// The first moment after the stage. Absent if it lasts as long as the sale.
    end_time: Option<Timestamp>,
    /// The id of the only area that it is for. Absent if it is for all areas of the event, or for a
    /// product.
    target_area_id: Option<AreaId>,
    /// The id of the only variant of a product that it is for. Absent if it is for tickets.
    target_product_variant_id: Option<VariantId>,
    /// The rank of the stage, the lowest first. Between equals the one that started first
    /// applies, then the older one.
    priority_order: u16,
    /// False while it is switched off.
    active: bool,
    /// Counts changes, from 1. A change can name the version that it is based on.
    version: u32,
}

impl StageView {
    fn new(stage: SaleStage, currency: Currency, remaining: Option<u32>) -> Self {
        let (kind, value) = (stage.price_adjustment_type, stage.price_adjustment_value);
        Self {
            id: stage.id,
            event_id: stage.event_id,
            stage_name: stage.stage_name,
            price_adjustment_type: kind,
            price_adjustment_value: Worth::of(value, kind, currency),
            price_adjustment_value_formatted: format::worth(value, kind, currency, Language::default()),
            currency,
            quantity_available: stage.quantity_available,
            remaining,
            start_time: stage.start_time,
            end_time: stage.end_time,
            target_area_id: stage.target_area_id,
            target_product_variant_id: stage.target_product_variant_id,
            priority_order: stage.priority_order,
            active: stage.active,
            version: stage.version,
        }
    }
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
    stage_name: Line<1, { SaleStage::MAX_NAME_CHARS }>,
    /// Whether `price_adjustment_value` is a percentage or an amount.
    price_adjustment_type: AdjustmentType,
    /// The adjustment of a ticket's price: a percentage (-20 is 20 % less), or an amount in
    /// the event's currency.
    price_adjustment_value: Written,
    /// The most tickets that are sold in this stage. If missing, only time ends it.
    #[serde(default)]
    #[schemars(range(min = 1, max = 200_000))]
    quantity_available: Option<u32>,
    /// The first moment of the stage. If missing, it begins at once.
    #[serde(default)]
    start_time: Option<Moment>,
    /// The first moment after the stage. If missing, it lasts as long as the sale.
    #[serde(default)]
    end_time: Option<Moment>,
    /// The id of the only area that it is for. If missing, it is for all areas.
    #[serde(default)]
    target_area_id: Option<AreaId>,
    /// The id of the only variant of a product that it is for, of this event or of all events. If
    /// missing, it is for tickets.
    #[serde(default)]
    target_product_variant_id: Option<VariantId>,
    /// The rank of the stage, the lowest first. If missing, after all others.
    #[serde(default)]
    priority_order: Option<u16>,
    /// False creates it switched off. True if missing.
    #[serde(default = "web::yes")]
    active: bool,
}

/// A change of a sale stage. A missing field stays as it is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct StageChanges {
    /// The version that the change is based on; refused if the stage has another by now.
    version: Option<u32>,
    /// The name that buyers see.
    stage_name: Option<Line<1, { SaleStage::MAX_NAME_CHARS }>>,
    /// Whether `price_adjustment_value` is a percentage or an amount.
    price_adjustment_type: Option<AdjustmentType>,
    /// The adjustment of a ticket's price. If missing, the number stays, and is a percentage
    /// or an amount as `price_adjustment_type` now says.
    price_adjustment_value: Option<Written>,
    /// The most tickets that are sold in this stage, or `null` for no limit. A new limit
    /// counts from now on; a lower one must not be less than the tickets sold.
    #[serde(default, deserialize_with = "nullable")]
    #[schemars(range(min = 1, max = 200_000))]
    quantity_available: Option<Option<u32>>,
    /// The first moment of the stage, or `null`.
    #[serde(default, deserialize_with = "nullable")]
    start_time: Option<Option<Moment>>,
    /// The first moment after the stage, or `null`.
    #[serde(default, deserialize_with = "nullable")]
    end_time: Option<Option<Moment>>,
    /// The id of the only area that it is for, or `null` for all.
    #[serde(default, deserialize_with = "nullable")]
    target_area_id: Option<Option<AreaId>>,
    /// The id of the only variant of a product that it is for, or `null` for tickets.
    #[serde(default, deserialize_with = "nullable")]
    target_product_variant_id: Option<Option<VariantId>>,
    /// The rank of the stage, the lowest first.
    priority_order: Option<u16>,
    /// False switches it off, true on again.
    active: Option<bool>,
}

async fn list(
    Shared(state): Shared<State>,
    viewer: Viewer,
    Path(path): Path<EventPath>,
) -> Answer<Json<Stages>> {
    let sheet = state.sheet(viewer.tenant, path.id).await?;
    let left = state.store.stages_left(&sheet.stages, state.clock.now()).await?;
    let currency = sheet.event.currency;
    let items = sheet.into_priced().stages.into_iter().map(|stage| {
        let remaining = left.of(stage.id);
        StageView::new(stage, currency, remaining)
    });
    Ok(Json(Stages { items: items.collect() }))
}

async fn create(
    Shared(state): Shared<State>,
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
    Shared(state): Shared<State>,
    organizer: Organizer,
    Path(path): Path<StagePath>,
    Json(changes): Json<StageChanges>,
) -> Answer<Json<StageView>> {
    let sheet = state.sheet(organizer.tenant, path.id).await?;
    let before = stage(&sheet, path.stage)?;
    based_on(changes.version, before.version)?;
    let mut fields = Fields::new();
    let times = [(START, changes.start_time.flatten()), (END, changes.end_time.flatten())];
    check_zone(&times, &sheet.event.time_zone, &mut fields);
    let after = changes.apply(before.clone(), sheet.event.currency, &mut fields);
    state.check_stage(&after, &sheet, fields).await?;
    let (now, currency) = (state.clock.now(), sheet.event.currency);
    let replaced = state.store.replace_sale_stage(before, &after, currency, now).await;
    replaced.map_err(not_enough_tickets)?;
    Ok(Json(state.view(after, currency, now).await?))
}

async fn delete(
    Shared(state): Shared<State>,
    organizer: Organizer,
    Path(path): Path<StagePath>,
) -> Answer<NoContent> {
    let sheet = state.sheet(organizer.tenant, path.id).await?;
    let stage = stage(&sheet, path.stage)?;
    state.store.delete_sale_stage(path.id, stage.id).await?;
    Ok(NoContent)
}

fn stage(sheet: &StoredEvent, id: SaleStageId) -> Result<&SaleStage> {
    sheet
        .stages
        .iter()
        .find(|stage| stage.id == id)
        .ok_or_else(|| Error::not_found("sale_stage_not_found", "The event has no such sale stage."))
}

fn too_many() -> Error {
    let detail = format!("An event has at most {MAX_STAGES_PER_EVENT} sale stages. Delete one that is over.");
    Error::conflict("too_many_sale_stages", detail)
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
            return Err(too_many());
        }
        let last = sheet.stages.last().map_or(0, |stage| stage.priority_order.saturating_add(1));
        let mut fields = Fields::new();
        check_zone(&[(START, new.start_time), (END, new.end_time)], &sheet.event.time_zone, &mut fields);
        let stage = new.stage(id, event, sheet.event.currency, last, &mut fields);
        self.check_stage(&stage, &sheet, fields).await?;
        // The quota comes first: a stage without its items would count as sold out.
        self.store.create_quota(&stage).await?;
        // Refused if the event got another currency after it was read.
        let stage = self.store.create_sale_stage(&stage, sheet.event.currency, now).await;
        let stage = stage.on_refused(Error::changed_meanwhile)?;
        // Other requests may have created stages at the same moment.
        let there = || async {
            let sheet = self.store.priced_event_of(tenant, event).await?;
            let stages = sheet.map(|sheet| sheet.into_priced().stages).unwrap_or_default();
            Ok(stages.into_iter().map(|stage| stage.id).collect())
        };
        if !recount::is_within_limit(MAX_STAGES_PER_EVENT, &stage.id, there).await? {
            self.store.delete_sale_stage(event, stage.id).await?;
            return Err(too_many());
        }
        self.view(stage, sheet.event.currency, now).await
    }

    /// Checks a stage of this event, and that the product that it is for exists.
    async fn check_stage(&self, stage: &SaleStage, sheet: &StoredEvent, mut fields: Fields) -> Result<()> {
        let known =
            self.is_sold_variant(stage.target_product_variant_id, Some(sheet), sheet.event.tenant_id).await?;
        fields.rule(known, "/target_product_variant_id", NO_SUCH_PRODUCT);
        check(stage, &sheet.areas, sheet.event.currency, fields)
    }

    async fn view(&self, stage: SaleStage, currency: Currency, now: Timestamp) -> Result<StageView> {
        let remaining = self.store.stages_left([&stage], now).await?.of(stage.id);
        Ok(StageView::new(stage, currency, remaining))
    }
}

fn not_enough_tickets(refusal: Refusal) -> Error {
    refusal.not_enough_free(|free| {
        format!("Only {free} tickets of the stage are left; the others are sold or held.")
    })
}

impl NewStage {
    fn stage(
        &self,
        id: SaleStageId,
        event: EventId,
        currency: Currency,
        last: u16,
        fields: &mut Fields,
    ) -> SaleStage {
        let kind = self.price_adjustment_type;
        SaleStage {
            id,
            event_id: event,
            stage_name: self.stage_name.to_string(),
            price_adjustment_type: kind,
            price_adjustment_value: self.price_adjustment_value.worth(kind, currency, VALUE, fields),
            quantity_available: self.quantity_available,
            start_time: self.start_time.map(Moment::time),
            end_time: self.end_time.map(Moment::time),
            target_area_id: self.target_area_id,
            target_product_variant_id: self.target_product_variant_id,
            priority_order: self.priority_order.unwrap_or(last),
            active: self.active,
            version: 1,
        }
    }
}

impl StageChanges {
    fn apply(self, stage: SaleStage, currency: Currency, fields: &mut Fields) -> SaleStage {
        let kind = self.price_adjustment_type.unwrap_or(stage.price_adjustment_type);
        let before = Worth::of(stage.price_adjustment_value, stage.price_adjustment_type, currency);
        let value = self.price_adjustment_value.unwrap_or(before.into());
        SaleStage {
            stage_name: self.stage_name.map_or(stage.stage_name, String::from),
            price_adjustment_type: kind,
            price_adjustment_value: value.worth(kind, currency, VALUE, fields),
            quantity_available: self.quantity_available.unwrap_or(stage.quantity_available),
            start_time: self.start_time.map_or(stage.start_time, |time| time.map(Moment::time)),
            end_time: self.end_time.map_or(stage.end_time, |time| time.map(Moment::time)),
            target_area_id: self.target_area_id.unwrap_or(stage.target_area_id),
            target_product_variant_id: (self.target_product_variant_id)
                .unwrap_or(stage.target_product_variant_id),
            priority_order: self.priority_order.unwrap_or(stage.priority_order),
            active: self.active.unwrap_or(stage.active),
            version: stage.version + 1,
            ..stage
        }
    }
}

/// Checks a stage of an event with these areas. `fields` already has what is wrong with its
/// numbers.
fn check(stage: &SaleStage, areas: &[Area], currency: Currency, mut fields: Fields) -> Result<()> {
    stage.check(currency, &mut fields);
    fields.check(
        stage.quantity_available.is_none_or(|quantity| quantity <= MAX_QUANTITY),
        "/quantity_available",
        format!("Must be at most {MAX_QUANTITY}."),
    );
    fields.rule(
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
        let (id, event) = (SaleStageId::generate(now), EventId::generate(now));
        new.stage(id, event, Currency::COP, 4, &mut Fields::new())
    }

    fn preventa() -> SaleStage {
        new(json!({
            "stage_name": " Preventa ", "price_adjustment_type": "percentage", "price_adjustment_value": -20,
            "quantity_available": 100, "end_time": "2027-01-01T00:00:00Z",
        }))
    }

    #[test]
    fn a_new_stage_comes_after_the_others() {
        let stage = preventa();
        check(&stage, &[], Currency::COP, Fields::new()).expect("valid");
        assert_eq!(stage.price_adjustment_value, -2000);
        assert_eq!((stage.stage_name.as_str(), stage.priority_order, stage.active), ("Preventa", 4, true));
    }

    #[test]
    fn a_stage_is_for_an_area_of_its_event_and_bounded() {
        let stage = SaleStage {
            target_area_id: Some(AreaId::generate(Timestamp::UNIX_EPOCH)),
            quantity_available: Some(MAX_QUANTITY + 1),
            ..preventa()
        };
        let error = check(&stage, &[], Currency::COP, Fields::new()).expect_err("refused");
        let pointers: Vec<_> = error.field_errors().iter().map(|field| field.pointer.as_str()).collect();
        assert_eq!(pointers, ["/quantity_available", "/target_area_id"]);
    }

    #[test]
    fn a_change_clears_null_fields_and_keeps_the_rest() {
        let before = preventa();
        let changes: StageChanges =
            serde_json::from_value(json!({"quantity_available": null, "active": false})).expect("changes");
        let after = changes.apply(before.clone(), Currency::COP, &mut Fields::new());
        assert_eq!(after, SaleStage { quantity_available: None, active: false, version: 2, ..before });
    }

    #[test]
    fn a_kept_number_is_read_in_the_new_type() {
        let change = |changes: serde_json::Value, currency| {
            let changes: StageChanges = serde_json::from_value(changes).expect("changes");
            let mut fields = Fields::new();
            let stage = changes.apply(preventa(), currency, &mut fields);
            check(&stage, &[], currency, fields).map(|()| stage.price_adjustment_value)
        };
        let fixed = json!({"price_adjustment_type": "fixed"});
        assert_eq!(change(fixed.clone(), Currency::COP).expect("20 pesos less"), -2000);
        assert_eq!(change(fixed, Currency::CLP).expect("20 pesos less"), -20);
        let half = json!({"price_adjustment_type": "fixed", "price_adjustment_value": -0.5});
        assert_eq!(change(half, Currency::CLP).expect_err("no centavos").code(), "too_many_decimals");
        for absurd in [json!(-100.01), json!(1000.01), json!("99999")] {
            let absurd = change(json!({"price_adjustment_value": absurd}), Currency::COP);
            assert_eq!(absurd.expect_err("out of bounds").code(), "refused_fields");
        }
    }
}
