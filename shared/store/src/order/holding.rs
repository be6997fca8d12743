//! Holds of an order on all of its allotments: taken one after the other in a fixed order, each of
//! which expires by itself. If a later one is refused, the earlier ones are released; after a crash in
//! between, they expire. No transaction, so no doubled write cost and no conflicts.

use domain::event::{Area, AreaKind};
use domain::order::{ChosenSeats, HoldRefusal, Holding, Order};
use domain::plan::{Place, Run, Seatings};
use domain::pricing::{Promotion, Quote, QuoteLine};
use domain::product::{Product, Variant, find_variant};
use domain::seat::{RunState, SeatLabel, SeatState, leaves_single};
use domain::{Error, OrderId, SaleStageId, Timestamp, UserId, VariantId};
use futures::future::try_join_all;

use super::choosing::ChosenLine;
use super::context::HoldingContext;
use crate::allotment::{Claim, Pool, Refusal, RowKey, RowState, Token};
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
    pub(super) fn token(&self) -> Token {
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

/// What was held for a quote.
#[derive(Debug, Default)]
pub struct Held {
    /// The claims on allotments.
    pub holdings: Vec<Holding>,
    /// The seats of the lines for which they were chosen.
    pub chosen: Vec<ChosenSeats>,
    /// Seats that other requests of the same quote and buyer have, as far as they were met.
    pub(super) beside: Vec<Holding>,
}

/// Why nothing was held.
#[derive(Debug)]
pub enum HoldError {
    /// What was asked for is not to be had.
    Refused(HoldRefusal),
    /// There are no seats to choose but those that another request of the same quote has. It may be
    /// about to make the order of them, or has died.
    BesideAnother,
    /// The table failed.
    Failure(Failure),
}

pub(super) type Result<T> = std::result::Result<T, HoldError>;

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
            HoldError::BesideAnother => {
                Failure::Unavailable("another request has the seats in hand".to_owned()).into()
            }
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

/// The seats of a line, grouped by the row block that they are in: the blocks in the order of their
/// first seats, by which [`KeptParts`](super::settling) tells seats with one number apart.
pub(super) fn seats_by_row(area: &Area, seats: &[SeatLabel]) -> Result<Vec<(u16, Vec<u16>)>> {
    let mut rows: Vec<(u16, Vec<u16>)> = Vec::new();
    for seat in seats {
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

/// The labels of the line's seats with these numbers in a row block of the area.
fn labels(area: &Area, line: &QuoteLine, (block, numbers): (u16, &[u16])) -> Vec<SeatLabel> {
    let layout = area.rows.get(usize::from(block));
    let is_named =
        |seat: &&SeatLabel| numbers.contains(&seat.number()) && layout.is_some_and(|layout| layout.has(seat));
    line.seats.iter().filter(is_named).cloned().collect()
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
    /// buyer, but for seats that are chosen: two requests may have others, and what the order does not
    /// name is then to be released ([`Store::release_unnamed`]).
    ///
    /// # Errors
    /// `seats_taken`, `seats_not_found`, `sold_out`, `product_sold_out`, `single_seat_left`,
    /// `no_adjacent_seats`, `seats_contended`, `quote_outdated`, `promotion_used_up`,
    /// `promotion_used_by_buyer`: then nothing is held. If the table fails, the holds stay until they
    /// expire: the same request may have come twice, and the other one may have made an order of them.
    pub async fn hold(&self, request: HoldRequest<'_>, now: Timestamp) -> Result<Held> {
        let mut held = Held::default();
        let result = match self.hold_chosen(&mut held, &request, now).await {
            Ok(()) => self.hold_into(&mut held.holdings, request, now).await,
            refused => refused,
        };
        match result {
            Ok(()) => Ok(held),
            Err(HoldError::Failure(failure)) => Err(failure.into()),
            Err(refused) => {
                self.release(&held.holdings, &HoldingContext::of_quote(&request), request.token()).await?;
                Err(refused)
            }
        }
    }

    /// Chooses and holds the seats of the lines that name none: before everything else, because what is
    /// then held is this request's alone, and may be released whatever another one does.
    async fn hold_chosen(&self, held: &mut Held, request: &HoldRequest<'_>, now: Timestamp) -> Result<()> {
        for (index, line) in (0..).zip(&request.quote.lines) {
            let Some(wanted) = line.wanted else { continue };
            let ChosenLine { seats, blocks, beside } = self.hold_best(request, line, wanted, now).await?;
            let holding = |(row, seats)| Holding::Seats { line: index, row, seats };
            held.holdings.extend(blocks.into_iter().map(holding));
            held.beside.extend(beside.into_iter().map(holding));
            held.chosen.push(ChosenSeats { line: index, seats });
        }
        Ok(())
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
        for (index, line) in (0..).zip(&quote.lines).filter(|(_, line)| line.wanted.is_none()) {
            let area = sheet.area(line.area_id).ok_or(HoldRefusal::QuoteOutdated)?;
            match area.kind {
                AreaKind::Seated => {
                    if line.seats.len() != usize::from(line.quantity) {
                        return Err(HoldRefusal::QuoteOutdated.into());
                    }
                    let by_row = seats_by_row(area, &line.seats)?;
                    self.check_seats(&request, line, now).await?;
                    for (row, seats) in by_row {
                        let claimed =
                            self.claim_seats(RowKey::of(area, row), &seats, token, until, now).await;
                        claimed.map_err(|refusal| {
                            meaning(refusal, |refused| match refused {
                                Refusal::SeatsTaken(numbers) => {
                                    HoldRefusal::SeatsTaken(labels(area, line, (row, &numbers)))
                                }
                                Refusal::NoSuchSeats(numbers) => {
                                    HoldRefusal::SeatsNotFound(labels(area, line, (row, &numbers)))
                                }
                                _ => HoldRefusal::QuoteOutdated,
                            })
                        })?;
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

    /// Releases the seats that were chosen in `held` and those that were met beside them, unless the order
    /// names them: once there is an order, a claim under its token that it does not name is nobody's.
    pub async fn release_unnamed(&self, order: &Order, held: &Held) -> crate::Result<()> {
        let (names, token) = (HoldingContext::of_order(order), Token::of(order.id));
        let chosen = held.holdings.iter().filter(|holding| match holding {
            Holding::Seats { line, .. } => held.chosen.iter().any(|chosen| chosen.line == *line),
            _ => false,
        });
        for holding in chosen.chain(&held.beside) {
            let Holding::Seats { line, row, seats } = holding else { continue };
            let is_named = |seat: &u16| {
                order.holdings.iter().any(|holding| match holding {
                    Holding::Seats { line: of, row: block, seats } => {
                        (of, block) == (line, row) && seats.contains(seat)
                    }
                    _ => false,
                })
            };
            let unnamed: Vec<u16> = seats.iter().copied().filter(|seat| !is_named(seat)).collect();
            self.release_seats(names.row(*line, *row)?, &unnamed, token).await?;
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
