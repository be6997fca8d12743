//! Writes shows the way organisers do: drafts first, then places, prices and promotions, and the
//! publication last.

use std::collections::{BTreeMap, HashMap};

use domain::event::{Area, Event, EventStatus, PricedEvent};
use domain::pricing::{AdjustmentType, AppliesTo, Promotion, SaleStage};
use domain::seat::SeatLabel;
use domain::{Currency, Error, PromotionId, Result, TenantId, Timestamp};
use futures::future::try_join_all;
use futures::stream::{StreamExt, TryStreamExt};
use store::{OnRefused, Refusal, RowKey, Store, StoredEvent};

use crate::act::{DemoArea, DemoShow, Listing, minor};
use crate::products;
use crate::program::{CODES, Code, Worth};

/// The shows as written, by slug.
pub(super) type Sheets = HashMap<&'static str, StoredEvent>;

/// Shows that are written concurrently: enough to keep the table busy.
const AT_ONCE: usize = 4;

/// Writes all shows of a program.
pub(super) async fn write_program(
    store: &Store,
    tenant: TenantId,
    program: &'static [DemoShow],
    now: Timestamp,
) -> Result<Sheets> {
    let drafts = program.iter().map(|act| Ok((act, act.draft(tenant, now)?)));
    write_drafts(store, drafts.collect::<Result<_>>()?, now).await
}

/// Writes shows of which there are drafts.
pub(super) async fn write_drafts(
    store: &Store,
    drafts: Vec<(&'static DemoShow, Event)>,
    now: Timestamp,
) -> Result<Sheets> {
    let written = drafts
        .into_iter()
        .map(|(act, event)| async move { Ok((act.slug, write(store, act, event, now).await?)) });
    // Collected, because a lazy closure over borrowed shows makes a future that is not `Send`.
    futures::stream::iter(written.collect::<Vec<_>>()).buffer_unordered(AT_ONCE).try_collect().await
}

async fn write(store: &Store, act: &DemoShow, event: Event, now: Timestamp) -> Result<StoredEvent> {
    let taken = || Error::conflict("slug_taken", format!("another event has the slug {}", event.slug));
    store.create_discounts(&event).await?;
    store.create_event(&event).await.on_refused(taken)?;
    let areas = act.areas(&event, now);
    let stages = act.stages(&event, now);
    let zones = areas.iter().zip(act.zones);
    let owner = (event.tenant_id, Some(event.id));
    let products = (0..).zip(act.products);
    let products = products.map(|(position, product)| product.priced(owner, event.currency, position, now));
    let products: Vec<_> = products.collect();
    tokio::try_join!(
        products::stock_up(store, &products, now),
        try_join_all(zones.map(|(area, zone)| create_area(store, area, zone, now))),
        try_join_all(stages.iter().map(|stage| create_stage(store, stage, event.currency, now))),
    )?;
    let sheet = PricedEvent { event, areas, stages, products }.into();
    match act.listing {
        Listing::UnlistedDraft => Ok(sheet),
        Listing::OnSale => publish(store, sheet, now).await,
    }
}

async fn create_area(store: &Store, area: &Area, zone: &DemoArea, now: Timestamp) -> Result<()> {
    store.create_places(area).await?;
    block_seats(store, area, zone.blocked, now).await?;
    store.create_area(area, now).await?;
    Ok(())
}

async fn block_seats(store: &Store, area: &Area, blocked: &[&str], now: Timestamp) -> Result<()> {
    let mut by_row: BTreeMap<u16, Vec<u16>> = BTreeMap::new();
    for text in blocked {
        let seat: SeatLabel = text.parse().map_err(Error::internal)?;
        let row = (0..).zip(&area.rows).find(|(_, row)| row.label == seat.row());
        let (row, _) = row.ok_or_else(|| Error::internal(format!("there is no seat {text}")))?;
        by_row.entry(row).or_default().push(seat.number());
    }
    for (row, seats) in by_row {
        let done = store.block_seats(RowKey::of(area, row), &seats, now).await;
        done.map_err(|refusal| refusal.meaning(|refused: Refusal| Error::internal(format!("{refused:?}"))))?;
    }
    Ok(())
}

async fn create_stage(store: &Store, stage: &SaleStage, currency: Currency, now: Timestamp) -> Result<()> {
    store.create_quota(stage).await?;
    store.create_sale_stage(stage, currency, now).await?;
    Ok(())
}

async fn publish(store: &Store, draft: StoredEvent, now: Timestamp) -> Result<StoredEvent> {
    let version = draft.event.version + 1;
    let event = Event { status: EventStatus::Published, updated_at: now, version, ..draft.event.clone() };
    store.update_event(&draft, &event).await?;
    Ok(PricedEvent { event, ..draft.into_priced() }.into())
}

/// Creates the promotion codes.
pub(super) async fn create_promotions(
    store: &Store,
    tenant: TenantId,
    sheets: &Sheets,
    now: Timestamp,
) -> Result<()> {
    let created = CODES.iter().map(|code| async move {
        let promotion = promotion(code, tenant, sheets, now)?;
        let taken = || Error::conflict("promotion_code_taken", format!("there is another {}", code.code));
        store.create_uses(&promotion).await?;
        store.create_promotion(&promotion).await.on_refused(taken)
    });
    try_join_all(created).await.map(drop)
}

pub(super) fn promotion(code: &Code, tenant: TenantId, sheets: &Sheets, now: Timestamp) -> Result<Promotion> {
    let (discount_type, discount_value, currency) = match code.worth {
        Worth::Percent(percent) => (AdjustmentType::Percentage, percent * 100, None),
        Worth::Amount(currency, whole) => (AdjustmentType::Fixed, minor(currency, whole), Some(currency)),
    };
    let target = code.event.map(|slug| sheet(sheets, slug)).transpose()?;
    Ok(Promotion {
        id: PromotionId::generate(now),
        tenant_id: tenant,
        promotion_name: code.name.to_owned(),
        promotion_code: code.code.parse().map_err(Error::internal)?,
        discount_type,
        discount_value,
        currency,
        applies_to: if target.is_some() { AppliesTo::Event } else { AppliesTo::Tenant },
        target_event_id: target.map(|sheet| sheet.event.id),
        target_area_id: None,
        target_product_variant_id: None,
        min_quantity: code.min_quantity,
        max_quantity: None,
        max_discount_amount: None,
        start_date: None,
        end_date: None,
        total_uses: code.total_uses,
        uses_per_buyer: code.uses_per_buyer,
        active: true,
        bound_email: None,
        version: 1,
    })
}

/// The show with this slug.
pub(super) fn sheet<'a>(sheets: &'a Sheets, slug: &str) -> Result<&'a StoredEvent> {
    sheets.get(slug).ok_or_else(|| Error::internal(format!("the program has no {slug}")))
}
