//! What the holdings of an order refer to by index.

use domain::order::{ExtraLine, Holding, Order, Part};
use domain::{AreaId, EventId, TenantId, UserId, VariantId};

use super::holding::HoldRequest;
use crate::allotment::{BLOCK_ADMISSIONS, Pool, RowKey};
use crate::keys::SHARDS;
use crate::{Failure, StoredEvent};

/// The ids and the promotion code that the holdings of an order refer to.
pub(crate) struct HoldingContext<'a> {
    event: EventId,
    tenant: TenantId,
    user: UserId,
    areas: Vec<AreaId>,
    variants: Vec<VariantId>,
    promotion: Option<&'a str>,
    /// The event's sheet, to find other places if the held ones are gone.
    sheet: Option<&'a StoredEvent>,
}

impl<'a> HoldingContext<'a> {
    pub(crate) fn of_order(order: &'a Order) -> Self {
        Self {
            event: order.event,
            tenant: order.tenant,
            user: order.user,
            areas: order.lines.iter().map(|line| line.area).collect(),
            variants: order.extras.iter().map(ExtraLine::variant).collect(),
            promotion: order.promotion_code.as_deref(),
            sheet: None,
        }
    }

    /// The same, with the event's sheet to find other places.
    pub(crate) fn within(self, sheet: &'a StoredEvent) -> Self {
        Self { sheet: Some(sheet), ..self }
    }

    pub(super) fn of_quote(request: &HoldRequest<'a>) -> Self {
        Self {
            event: request.quote.event_id,
            tenant: request.quote.tenant_id,
            user: request.user,
            areas: request.quote.lines.iter().map(|line| line.area_id).collect(),
            variants: request.quote.extras.iter().map(|extra| extra.variant_id).collect(),
            promotion: request.promotion.map(|promotion| promotion.promotion_code.as_str()),
            sheet: None,
        }
    }

    fn area(&self, line: u8) -> crate::Result<AreaId> {
        let area = self.areas.get(usize::from(line)).copied();
        area.ok_or_else(|| Failure::unreadable("a holding of a line that the order does not have"))
    }

    /// Row block `index` of the area of a line.
    pub(crate) fn row(&self, line: u8, index: u16) -> crate::Result<RowKey> {
        Ok(RowKey { event: self.event, area: self.area(line)?, index })
    }

    /// The pool of a holding, and the parts that it has of it.
    pub(crate) fn pool(&self, holding: &Holding) -> crate::Result<(Pool, Vec<Part>)> {
        let code = || self.promotion.ok_or_else(|| Failure::unreadable("a use of no promotion"));
        Ok(match holding {
            Holding::Seats { .. } => return Err(Failure::unreadable("seats are not from a pool")),
            Holding::Admissions { line, parts } => {
                let area = self.area(*line)?;
                let blocks = self.sheet.map_or(0, |sheet| sheet.area_blocks(area));
                (Pool::area(self.event, area, blocks.max(blocks_of(parts))), parts.clone())
            }
            Holding::Stage { stage, parts } => {
                let of_sheet =
                    self.sheet.and_then(|sheet| sheet.stages.iter().find(|other| other.id == *stage));
                let quantity = of_sheet.and_then(|stage| stage.quantity_available).unwrap_or(0);
                (Pool::stage(self.event, *stage, quantity.max(admissions_of(parts))), parts.clone())
            }
            Holding::Extra { extra, parts } => {
                let variant = self.variants.get(usize::from(*extra)).copied();
                let variant = variant.ok_or_else(|| Failure::unreadable("a holding of no extra"))?;
                // Wide enough to find all blocks, however many they are: the tenant's products are not
                // in the sheet.
                (Pool::variant(variant, blocks_of(parts).max(SHARDS)), parts.clone())
            }
            Holding::Promotion { parts } => {
                (Pool::promotion(self.tenant, code()?, admissions_of(parts)), parts.clone())
            }
            Holding::PromotionBuyer => {
                let pool = Pool::promotion_buyer(self.tenant, code()?, self.user, 1);
                (pool, vec![Part { block: 0, quantity: 1 }])
            }
        })
    }
}

/// The lowest number of blocks of a pool that gave these parts.
fn blocks_of(parts: &[Part]) -> u16 {
    parts.iter().map(|part| part.block + 1).max().unwrap_or(1)
}

/// The lowest capacity at which a pool is created with that many blocks.
fn admissions_of(parts: &[Part]) -> u32 {
    u32::from(blocks_of(parts)) * BLOCK_ADMISSIONS
}
