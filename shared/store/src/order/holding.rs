//! Holds of an order on all of its allotments: taken one after the other in a fixed order, each of
//! which expires by itself. If a later one is refused, the earlier ones are released; after a crash in
//! between, they expire. No transaction, so no doubled write cost and no conflicts.

use domain::event::AreaKind;
use domain::order::{ExtraLine, HoldRefusal, Holding, Order, Part};
use domain::plan::{Place, Run, Seatings};
use domain::pricing::{Promotion, Quote, QuoteLine};
use domain::product::{Product, Variant, find_variant};
use domain::seat::{RunState, SeatLabel, SeatState, leaves_single};
use domain::{AreaId, Error, EventId, OrderId, SaleStageId, TenantId, Timestamp, UserId, VariantId};
use futures::future::try_join_all;

use crate::allotment::{BLOCK_ADMISSIONS, Claim, Pool, Refusal, RowKey, RowState, Token};
use crate::keys::SHARDS;
use crate::{Failure, Store, StoredEvent, StoredProducts};

/// The input of [`Store::hold`].
#[derive(Debug, Clone, Copy)]
pub struct HoldRequest<'a> {
    /// The quote that the buyer was shown.
    pub quote: &'a Quote,
    /// The event, its areas, stages and products as they are now.
    pub sheet: &'a StoredEvent,
    /// Where the seats of the event stand.
    pub seatings: &'a Seatings,
    /// The products that the tenant has for all events, if the quote has some of them.
    pub products: Option<&'a StoredProducts>,
    /// The quote's promotion as it is now, if it took effect.
    pub promotion: Option<&'a Promotion>,
    /// The buyer.
    pub user: UserId,
    /// When the holds end.
    pub until: Timestamp,
}

impl HoldRequest<'_> {
    /// The token of the claims: that of the order that the quote becomes for this buyer.
    fn token(&self) -> Token {
        Token::of(OrderId::of_quote(self.quote.id, self.user))
    }

    /// A variant that is still sold, and its pool.
    fn variant(&self, id: VariantId) -> Option<(&Variant, Pool)> {
        let is_sold = |(product, variant): &(&Product, &Variant)| product.active && variant.active;
        let blocks = self.sheet.variant_blocks(id).max(self.products.map_or(0, |other| other.blocks(id)));
        let others = self.products.into_iter().flat_map(|products| products.iter());
        let (_, variant) = find_variant(self.sheet.products.iter().chain(others), id).filter(is_sold)?;
        Some((variant, Pool::variant(id, blocks)))
    }
}

/// Why nothing was held.
#[derive(Debug)]
pub enum HoldError {
    /// What was asked for is not to be had.
    Refused(HoldRefusal),
    /// The table failed.
    Failure(Failure),
}

type Result<T> = std::result::Result<T, HoldError>;

impl From<HoldRefusal> for HoldError {
    fn from(refusal: HoldRefusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Failure> for HoldError {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<HoldError> for Error {
    fn from(error: HoldError) -> Self {
        match error {
            HoldError::Refused(refusal) => refusal.into(),
            HoldError::Failure(failure) => failure.into(),
        }
    }
}

/// Gives an allotment's refusal its meaning for the buyer.
fn meaning(refusal: Refusal, refused: impl FnOnce(Refusal) -> HoldRefusal) -> HoldError {
    match refusal {
        Refusal::Failure(failure) => failure.into(),
        other => refused(other).into(),
    }
}

/// The seats of a line, grouped by the row block that they are in.
fn seats_by_row(request: &HoldRequest<'_>, line: &QuoteLine) -> Result<Vec<(u16, Vec<u16>)>> {
    let area = request.sheet.area(line.area_id).ok_or(HoldRefusal::QuoteOutdated)?;
    let mut rows: Vec<(u16, Vec<u16>)> = Vec::new();
    for seat in &line.seats {
        let found = (0..).zip(&area.rows).find(|(_, row)| row.has(seat));
        let Some((index, _)) = found else {
            return Err(HoldRefusal::SeatsNotFound(vec![seat.clone()]).into());
        };
        match rows.iter_mut().find(|(row, _)| *row == index) {
            Some((_, seats)) => seats.push(seat.number()),
            None => rows.push((index, vec![seat.number()])),
        }
    }
    Ok(rows)
}

/// The labels of the line's seats with these numbers.
fn labels(line: &QuoteLine, numbers: &[u16]) -> Vec<SeatLabel> {
    line.seats.iter().filter(|seat| numbers.contains(&seat.number())).cloned().collect()
}

/// Refuses seats that are not available any more, and a choice that leaves a single seat alone without
/// need. `rows` are the blocks of all seats in `runs`.
fn check_choice(line: &QuoteLine, runs: &[&Run], rows: &[RowState]) -> Result<()> {
    let state = |place: &Place| {
        let row = rows.iter().find(|row| row.index == place.block)?;
        row.seat(place.label.number())
    };
    let places = || runs.iter().flat_map(|run| &run.seats).filter(|place| line.seats.contains(&place.label));
    let labels = |wrong: fn(Option<SeatState>) -> bool| -> Vec<SeatLabel> {
        places().filter(|place| wrong(state(place))).map(|place| place.label.clone()).collect()
    };
    // A plan without them may be published at this moment.
    let missing = labels(|state| state.is_none());
    if !missing.is_empty() {
        return Err(HoldRefusal::SeatsNotFound(missing).into());
    }
    let taken = labels(|state| state != Some(SeatState::Available));
    if !taken.is_empty() {
        return Err(HoldRefusal::SeatsTaken(taken).into());
    }
    let leaves_single = |run: &&Run| {
        let run = RunState::new(run, |place| state(place) == Some(SeatState::Available));
        let chosen = run.run.seats.iter().enumerate().filter(|(_, place)| line.seats.contains(&place.label));
        leaves_single(&run, &chosen.map(|(index, _)| index).collect::<Vec<_>>())
    };
    if runs.iter().any(leaves_single) { Err(HoldRefusal::SingleSeatLeft.into()) } else { Ok(()) }
}

impl Store {
    /// Holds everything that a quote needs until `request.until`. Safe to repeat for the same quote and
    /// buyer.
    ///
    /// # Errors
    /// `seats_taken`, `seats_not_found`, `sold_out`, `product_sold_out`, `single_seat_left`, `quote_outdated`,
    /// `promotion_used_up`, `promotion_used_by_buyer`: then nothing is held. If the table fails, the
    /// holds stay until they expire: the same request may have come twice, and the other one may have
    /// made an order of them.
    pub async fn hold(&self, request: HoldRequest<'_>, now: Timestamp) -> Result<Vec<Holding>> {
        let mut held = Vec::new();
        match self.hold_into(&mut held, request, now).await {
            Ok(()) => Ok(held),
            Err(HoldError::Refused(refusal)) => {
                self.release(&held, &HoldingContext::of_quote(&request), request.token()).await?;
                Err(refusal.into())
            }
            Err(failure) => Err(failure),
        }
    }

    async fn hold_into(
        &self,
        held: &mut Vec<Holding>,
        request: HoldRequest<'_>,
        now: Timestamp,
    ) -> Result<()> {
        let HoldRequest { quote, sheet, .. } = request;
        let token = request.token();
        let until = Claim::Until(request.until);
        for (index, line) in (0..).zip(&quote.lines) {
            let area = sheet.area(line.area_id).ok_or(HoldRefusal::QuoteOutdated)?;
            match area.kind {
                AreaKind::Seated => {
                    let by_row = seats_by_row(&request, line)?;
                    self.check_seats(&request, line, now).await?;
                    for (row, seats) in by_row {
                        let key = RowKey { event: quote.event_id, area: line.area_id, index: row };
                        self.hold_seats(key, line, &seats, token, until, now).await?;
                        held.push(Holding::Seats { line: index, row, seats });
                    }
                }
                AreaKind::GeneralAdmission => {
                    let pool = Pool::area(quote.event_id, area.id, sheet.area_blocks(area.id));
                    let parts = self.claim_admissions(&pool, line.quantity, token, until, now).await;
                    let parts = parts.map_err(|refusal| {
                        meaning(refusal, |refused| match refused {
                            Refusal::SoldOut(left) => HoldRefusal::SoldOut { area: area.id, left },
                            _ => HoldRefusal::QuoteOutdated,
                        })
                    })?;
                    held.push(Holding::Admissions { line: index, parts });
                }
            }
        }
        for (index, extra) in (0..).zip(&quote.extras) {
            let (variant, pool) = request.variant(extra.variant_id).ok_or(HoldRefusal::QuoteOutdated)?;
            if variant.stock.is_none() {
                continue;
            }
            let parts = self.claim_admissions(&pool, extra.quantity, token, until, now).await;
            let parts = parts.map_err(|refusal| {
                meaning(refusal, |refused| match refused {
                    Refusal::SoldOut(left) => HoldRefusal::ProductSoldOut { variant: extra.variant_id, left },
                    _ => HoldRefusal::QuoteOutdated,
                })
            })?;
            held.push(Holding::Extra { extra: index, parts });
        }
        for (stage, quantity) in limited_stages(quote, sheet)? {
            let pool = stage_pool(sheet, stage);
            let parts = self.claim_admissions(&pool, quantity, token, until, now).await;
            let parts = parts.map_err(|refusal| meaning(refusal, |_| HoldRefusal::QuoteOutdated))?;
            held.push(Holding::Stage { stage, parts });
        }
        if let Some(promotion) = request.promotion {
            self.hold_promotion(held, promotion, request, now).await?;
        }
        Ok(())
    }

    /// Reads the rows in which the line's seats are, and checks the choice.
    async fn check_seats(&self, request: &HoldRequest<'_>, line: &QuoteLine, now: Timestamp) -> Result<()> {
        let seating = request.seatings.of(line.area_id).ok_or(HoldRefusal::QuoteOutdated)?;
        let runs: Vec<&Run> = seating.runs_of(&line.seats).collect();
        let mut blocks: Vec<u16> = runs.iter().flat_map(|run| &run.seats).map(|place| place.block).collect();
        blocks.sort_unstable();
        blocks.dedup();
        let row = |index| RowKey { event: request.quote.event_id, area: line.area_id, index };
        let rows = blocks.into_iter().map(|block| self.row_state(row(block), request.token(), now));
        let rows: Vec<RowState> = try_join_all(rows).await?.into_iter().flatten().collect();
        check_choice(line, &runs, &rows)
    }

    async fn hold_seats(
        &self,
        row: RowKey,
        line: &QuoteLine,
        seats: &[u16],
        token: Token,
        until: Claim,
        now: Timestamp,
    ) -> Result<()> {
        let claimed = self.claim_seats(row, seats, token, until, now).await;
        claimed.map_err(|refusal| {
            meaning(refusal, |refused| match refused {
                Refusal::SeatsTaken(numbers) => HoldRefusal::SeatsTaken(labels(line, &numbers)),
                Refusal::NoSuchSeats(numbers) => HoldRefusal::SeatsNotFound(labels(line, &numbers)),
                _ => HoldRefusal::QuoteOutdated,
            })
        })
    }

    async fn hold_promotion(
        &self,
        held: &mut Vec<Holding>,
        promotion: &Promotion,
        request: HoldRequest<'_>,
        now: Timestamp,
    ) -> Result<()> {
        let (code, tenant, until) =
            (promotion.promotion_code.as_str(), request.quote.tenant_id, Claim::Until(request.until));
        if let Some(uses) = promotion.total_uses {
            let pool = Pool::promotion(tenant, code, uses);
            let parts = self.claim_admissions(&pool, 1, request.token(), until, now).await;
            let parts = parts.map_err(|refusal| meaning(refusal, |_| HoldRefusal::PromotionUsedUp))?;
            held.push(Holding::Promotion { parts });
        }
        if let Some(uses) = promotion.uses_per_buyer {
            let pool = Pool::promotion_buyer(tenant, code, request.user, uses);
            let claimed = self.claim_admissions(&pool, 1, request.token(), until, now).await;
            claimed.map_err(|refusal| meaning(refusal, |_| HoldRefusal::PromotionUsedByBuyer))?;
            held.push(Holding::PromotionBuyer);
        }
        Ok(())
    }

    /// Releases what an unpaid order holds. What was sold meanwhile stays sold.
    pub async fn release_holdings(&self, order: &Order) -> crate::Result<()> {
        self.release(&order.holdings, &HoldingContext::of_order(order), Token::of(order.id)).await
    }

    async fn release(
        &self,
        holdings: &[Holding],
        names: &HoldingContext<'_>,
        token: Token,
    ) -> crate::Result<()> {
        for holding in holdings {
            match holding {
                Holding::Seats { line, row, seats } => {
                    self.release_seats(names.row(*line, *row)?, seats, token).await?;
                }
                other => {
                    let (pool, parts) = names.pool(other)?;
                    self.release_admissions(&pool, &parts, token).await?;
                }
            }
        }
        Ok(())
    }
}

/// The limited stages that set prices of the quote, each with its number of tickets and units.
fn limited_stages(quote: &Quote, sheet: &StoredEvent) -> Result<Vec<(SaleStageId, u8)>> {
    let mut stages: Vec<(SaleStageId, u8)> = Vec::new();
    let lines = quote.lines.iter().map(|line| line.amounts);
    for line in lines.chain(quote.extras.iter().map(|extra| extra.amounts)) {
        let Some(id) = line.stage_id else { continue };
        let stage = sheet.stages.iter().find(|stage| stage.id == id).ok_or(HoldRefusal::QuoteOutdated)?;
        if stage.quantity_available.is_none() {
            continue;
        }
        match stages.iter_mut().find(|(stage, _)| *stage == id) {
            Some((_, quantity)) => *quantity += line.quantity,
            None => stages.push((id, line.quantity)),
        }
    }
    Ok(stages)
}

fn stage_pool(sheet: &StoredEvent, id: SaleStageId) -> Pool {
    let stage = sheet.stages.iter().find(|stage| stage.id == id);
    let quantity = stage.and_then(|stage| stage.quantity_available).unwrap_or(1);
    Pool::stage(sheet.event.id, id, quantity)
}

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

    fn of_quote(request: &HoldRequest<'a>) -> Self {
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
