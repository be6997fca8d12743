//! Duplicating an event: the same areas, prices and stages on another date.

use aide::axum::ApiRouter;
use aide::axum::routing::post_with;
use domain::error::Fields;
use domain::event::{Area, Event, EventStatus, Move, PricedEvent};
use domain::moment::check_zone;
use domain::pricing::SaleStage;
use domain::product::{PricedProduct, Product, Variant, find_variant};
use domain::text::Line;
use domain::{
    AreaId, EventId, Moment, ProductId, RequestId, Result, SaleStageId, TenantId, Timestamp, VariantId,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::Once;
use web::{Answer, Created, EventPath, IdempotencyKey, Json, Organizer, Path, Refuses, Shared};

use crate::view::EventView;
use crate::{State, slug, writing};

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/events/{id}/duplicate",
        post_with(duplicate, |op| {
            op.id("duplicateEvent").summary("Duplicate an event").tag("Events").description(
                "Creates a draft with the same areas, seats, prices, stages, products, pictures and discounts for \
                 members. Everything is unsold and no discount given, no seat is blocked. Doors and end move with the start, \
                 stages and the closing of transfers by as many days: all keep their time on the venue's clocks, also where these change \
                 between the days. The internal code stays with the original. A copy of a date of a series is another date of it.",
            )
            .refuses(["event_not_found", "refused_fields", "slug_taken"])
        }),
    )
}

/// The differences of the new event from the original.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Duplicate {
    /// When the new event starts.
    starts_at: Moment,
    /// The new title. If missing, the original's.
    #[serde(default)]
    name: Option<Line<1, 150>>,
}

async fn duplicate(
    Shared(state): Shared<State>,
    organizer: Organizer,
    Path(path): Path<EventPath>,
    IdempotencyKey(key): IdempotencyKey,
    Json(wanted): Json<Duplicate>,
) -> Answer<Created<EventView>> {
    let now = state.clock.now();
    let route = "POST /api/v1/events/{id}/duplicate";
    let once = Once { user: organizer.user, route, key: key.as_deref() };
    let request = (path.id, &wanted);
    let create = |id| state.duplicate(organizer.tenant, path.id, &wanted, id, now);
    Ok(Created(state.store.once(once, &request, now, create).await?))
}

impl State {
    async fn duplicate(
        &self,
        tenant: TenantId,
        original: EventId,
        wanted: &Duplicate,
        id: RequestId,
        now: Timestamp,
    ) -> Result<EventView> {
        let original = self.sheet(tenant, original).await?;
        if let Some(event) = self.store.event_of(tenant, EventId::from_uuid(id.uuid())).await? {
            // An earlier try of this request succeeded; tickets may be sold already.
            return Ok(Event::from(event).into());
        }
        let copy = copy(&original, wanted, id, now);
        let mut fields = Fields::new();
        check_zone(&[("/starts_at", Some(wanted.starts_at))], &copy.event.time_zone, &mut fields);
        writing::check(&copy.event, fields)?;
        self.check_claims(None, &copy.event).await?;
        // The event comes last: until it exists, no request finds the rest.
        self.store.create_discounts(&copy.event).await?;
        for area in &copy.areas {
            self.store.create_places(area).await?;
            self.store.create_area(area, now).await?;
        }
        for priced in &copy.products {
            for variant in &priced.variants {
                self.store.create_stock(variant).await?;
            }
            self.store.create_product(priced, now).await?;
        }
        for stage in &copy.stages {
            self.store.create_quota(stage).await?;
            self.store.create_sale_stage(stage, copy.event.currency, now).await?;
        }
        let slugs = slug::candidates(&copy.event.name, &copy.event.id.suffix());
        self.write_event(copy.event, &slugs).await
    }
}

/// The new event with its areas, stages and products. The ids are derived from `id`, so that a retry
/// creates the same items.
fn copy(original: &PricedEvent, wanted: &Duplicate, id: RequestId, now: Timestamp) -> PricedEvent {
    let event_id = EventId::from_uuid(id.uuid());
    let (old, starts_at) = (&original.event, wanted.starts_at.time());
    let moved = Move::new(old, starts_at, &old.time_zone);
    let event = Event {
        id: event_id,
        name: wanted.name.as_ref().map_or_else(|| old.name.clone(), ToString::to_string),
        starts_at,
        ends_at: moved.end(old, starts_at),
        doors_at: moved.doors(old, starts_at),
        transfers_close_at: moved.transfers_close(old, starts_at),
        status: EventStatus::Draft,
        code: None,
        created_at: now,
        updated_at: now,
        version: 1,
        ..old.clone()
    };
    let area_ids: Vec<(AreaId, AreaId)> = (0..)
        .zip(&original.areas)
        .map(|(index, area)| (area.id, AreaId::from_uuid(id.nth(index).uuid())))
        .collect();
    let new_area = |old: AreaId| area_ids.iter().find(|(id, _)| *id == old).map(|(_, new)| *new);
    let areas = original.areas.iter().zip(&area_ids).map(|(area, (_, id))| Area {
        id: *id,
        event_id,
        version: 1,
        ..area.clone()
    });
    // What is sold at all events is not copied, and keeps its id.
    let new_variant = |old: VariantId| match find_variant(&original.products, old) {
        Some(_) => old.copied_by(id),
        None => old,
    };
    let products = products(original, event_id, id, &moved);
    let stages = (0..).zip(&original.stages).filter_map(|(index, stage)| {
        let target_area_id = match stage.target_area_id {
            // A stage for a deleted area applies to nothing, so it is not copied.
            Some(target) => Some(new_area(target)?),
            None => None,
        };
        let (start_time, end_time) = moved.window(stage.start_time, stage.end_time);
        Some(SaleStage {
            id: SaleStageId::from_uuid(id.nth(index).uuid()),
            event_id,
            target_area_id,
            target_product_variant_id: stage.target_product_variant_id.map(new_variant),
            start_time,
            end_time,
            version: 1,
            ..stage.clone()
        })
    });
    PricedEvent { event, areas: areas.collect(), stages: stages.collect(), products }
}

/// The products of the new event, whose sale moves with it.
fn products(original: &PricedEvent, event: EventId, id: RequestId, moved: &Move) -> Vec<PricedProduct> {
    let copies = (0..).zip(&original.products).map(|(index, PricedProduct { product, variants })| {
        let product_id = ProductId::from_uuid(id.nth(index).uuid());
        let (start_time, end_time) = moved.window(product.start_time, product.end_time);
        let variants = variants.iter().map(|variant| Variant {
            id: variant.id.copied_by(id),
            product_id,
            version: 1,
            ..variant.clone()
        });
        let variants = variants.collect();
        let product = Product {
            id: product_id,
            event_id: Some(event),
            start_time,
            end_time,
            version: 1,
            ..product.clone()
        };
        PricedProduct { product, variants }
    });
    copies.collect()
}

#[cfg(test)]
mod tests {
    use domain::pricing::AdjustmentType;
    use domain::testing::at;
    use jiff::SignedDuration;
    use serde_json::json;

    use super::*;
    use crate::areas::tests::area;
    use crate::writing::tests::draft;

    fn duplicate_at(time: &str) -> Duplicate {
        Duplicate { starts_at: time.parse().expect("a time"), name: None }
    }

    #[test]
    fn a_copy_has_ids_and_times_of_its_own() {
        let event = Event { status: EventStatus::Published, version: 7, ..draft() };
        let general =
            area(json!({"area_name": "Campo", "kind": "general_admission", "capacity": 120, "price": 5000}));
        let areas = vec![Area { event_id: event.id, version: 4, ..general }];
        let stage = |target_area_id| SaleStage {
            id: SaleStageId::generate(at(1)),
            event_id: event.id,
            stage_name: "Preventa".to_owned(),
            price_adjustment_type: AdjustmentType::Percentage,
            price_adjustment_value: -1000,
            quantity_available: None,
            start_time: None,
            end_time: Some(event.starts_at),
            target_area_id,
            target_product_variant_id: None,
            priority_order: 1,
            active: true,
            version: 3,
        };
        let stages = vec![stage(None), stage(Some(AreaId::generate(at(9)))), stage(Some(areas[0].id))];
        let original = PricedEvent { event, areas, stages, products: Vec::new() };
        let starts_at = original.event.starts_at + SignedDuration::from_hours(24);
        let wanted = duplicate_at(&starts_at.to_string());
        let id = RequestId::generate(at(100));
        let new = copy(&original, &wanted, id, at(100));

        assert_eq!((new.event.status, new.event.version), (EventStatus::Draft, 1));
        assert_eq!(new.event.ends_at, original.event.ends_at + SignedDuration::from_hours(24));
        assert_eq!(new.areas[0].event_id, new.event.id);
        assert_ne!(new.areas[0].id, original.areas[0].id);
        let targets: Vec<_> = new.stages.iter().map(|stage| stage.target_area_id).collect();
        assert_eq!(targets, [None, Some(new.areas[0].id)], "the stage of the area that is gone is gone");
        assert_eq!(new.stages[0].end_time, Some(starts_at));
        assert_ne!(new.stages[0].id, new.stages[1].id);
        assert_eq!(copy(&original, &wanted, id, at(100)), new, "a repetition makes the same");
    }

    #[test]
    fn a_copy_keeps_the_clock_of_its_stages_across_a_clock_change() {
        let time = |text: &str| -> Timestamp { text.parse().expect("a time") };
        let event = Event {
            time_zone: "America/Santiago".to_owned(),
            starts_at: time("2026-08-29T21:00:00-04:00"),
            ends_at: time("2026-08-30T02:00:00-04:00"),
            doors_at: None,
            ..draft()
        };
        // A presale from ten in the morning until the midnight before the show. The copy's
        // begins before the clocks of Santiago change, and the copy is played after that.
        let stage = SaleStage {
            id: SaleStageId::generate(at(1)),
            event_id: event.id,
            stage_name: "Preventa".to_owned(),
            price_adjustment_type: AdjustmentType::Percentage,
            price_adjustment_value: -1000,
            quantity_available: None,
            start_time: Some(time("2026-08-24T10:00:00-04:00")),
            end_time: Some(time("2026-08-29T00:00:00-04:00")),
            target_area_id: None,
            target_product_variant_id: None,
            priority_order: 1,
            active: true,
            version: 1,
        };
        let original = PricedEvent { event, areas: Vec::new(), stages: vec![stage], products: Vec::new() };
        let wanted = duplicate_at("2026-09-08T21:00:00-03:00");
        let new = copy(&original, &wanted, RequestId::generate(at(100)), at(100));
        assert_eq!(new.stages[0].start_time, Some(time("2026-09-03T10:00:00-04:00")));
        assert_eq!(new.stages[0].end_time, Some(time("2026-09-08T00:00:00-03:00")));
        assert_eq!(new.event.ends_at, time("2026-09-09T02:00:00-03:00"));
    }
}
