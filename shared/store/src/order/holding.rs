//! What an order takes from all the allotments it touches: one after the other
//! in a fixed order, each with a hold that expires by itself. If a later one
//! refuses, the earlier ones are given back; if we crash in between, their time
//! runs out. No transaction, so no doubled write cost and no conflicts.

use domain::event::AreaKind;
use domain::order::{Holding, Order, Part};
use domain::pricing::{Promotion, Quote, QuoteLine};
use domain::seat::{SeatLabel, SeatState, normal_row, strands_single_seat};
use domain::{AreaId, Error, EventId, Kind, OrderId, Result, SaleStageId, TenantId, Timestamp, UserId};

use crate::allotment::{BLOCK_ADMISSIONS, Claim, Pool, Refusal, RowState, Token};
use crate::{EventSheet, Failure, Store};

/// What a hold is made from.
#[derive(Debug, Clone, Copy)]
pub struct HoldRequest<'a> {
    /// The price that the buyer was shown.
    pub quote: &'a Quote,
    /// The event, its areas and stages as they are now.
    pub sheet: &'a EventSheet,
    /// The quote's promotion as it is now, if it took effect.
    pub promotion: Option<&'a Promotion>,
    /// Who buys.
    pub user: UserId,
    /// When the hold ends.
    pub until: Timestamp,
}

impl HoldRequest<'_> {
    /// In whose name the allotments are claimed: the order's that the quote becomes.
    fn token(&self) -> Token {
        Token::of(OrderId::of_quote(self.quote.id, self.user))
    }
}

fn outdated() -> Error {
    Error::conflict("quote_outdated", "The price has changed since this quote. Ask for a new one.")
}

fn sold_out(line: &QuoteLine, left: u32) -> Error {
    let detail = if left == 0 {
        "This area is sold out."
    } else {
        "This area has fewer places left than you asked for."
    };
    Error::conflict("sold_out", detail).with("area_id", line.area_id.to_string()).with("left", left)
}

fn seats_taken(seats: &[SeatLabel]) -> Error {
    let labels: Vec<String> = seats.iter().map(SeatLabel::to_string).collect();
    Error::conflict("seats_taken", "Somebody else has some of these seats. Choose others.")
        .with("seats", labels)
}

fn no_such_seats(seats: &[SeatLabel]) -> Error {
    let labels: Vec<String> = seats.iter().map(SeatLabel::to_string).collect();
    Error::conflict("seats_not_found", "This area has no such seats any more.").with("seats", labels)
}

/// The seats of a line, grouped by the row block that they are in.
fn seats_by_row(request: &HoldRequest<'_>, line: &QuoteLine) -> Result<Vec<(u16, Vec<u16>)>> {
    let area = request.sheet.area(line.area_id).ok_or_else(outdated)?;
    let mut rows: Vec<(u16, Vec<u16>)> = Vec::new();
    for seat in &line.seats {
        let found = (0..).zip(&area.rows).find(|(_, row)| {
            (row.first..=row.last).contains(&seat.number())
                && normal_row(&row.label).is_some_and(|label| label == seat.row())
        });
        let Some((index, _)) = found else { return Err(no_such_seats(std::slice::from_ref(seat))) };
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

/// Refuses a choice that somebody was faster with, or that leaves a single seat
/// alone without need.
fn check_choice(line: &QuoteLine, row: &RowState, seats: &[u16]) -> Result<()> {
    let indexes: Vec<usize> =
        seats.iter().filter_map(|seat| seat.checked_sub(row.first).map(usize::from)).collect();
    let state = |seat: u16| row.seats.get(usize::from(seat.checked_sub(row.first)?)).copied();
    let taken: Vec<u16> =
        seats.iter().copied().filter(|seat| state(*seat) != Some(SeatState::Available)).collect();
    if !taken.is_empty() {
        return Err(seats_taken(&labels(line, &taken)));
    }
    if strands_single_seat(&row.seats, &indexes) {
        return Err(Error::conflict(
            "single_seat_left",
            "This choice leaves a single seat alone. Move by one seat, or choose a place at the end of the row.",
        ));
    }
    Ok(())
}

impl Store {
    /// Holds everything that a quote needs until `request.until`. Asking again
    /// for the same quote and buyer gives the same.
    ///
    /// # Errors
    /// `seats_taken`, `sold_out`, `single_seat_left`, `quote_outdated`,
    /// `promotion_used_up`: then nothing is held. If the table fails, what is held
    /// stays so until its time is over: the same request may have come twice, and the
    /// other one have made an order of it.
    pub async fn hold(&self, request: HoldRequest<'_>, now: Timestamp) -> Result<Vec<Holding>> {
        let mut held = Vec::new();
        let taken = self.hold_into(&mut held, request, now).await;
        if let Err(refused) = taken {
            if matches!(refused.kind(), Kind::Unavailable | Kind::Internal) {
                return Err(refused);
            }
            self.release(&held, &Names::of_quote(&request), request.token()).await?;
            return Err(refused);
        }
        Ok(held)
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
            let area = sheet.area(line.area_id).ok_or_else(outdated)?;
            match area.kind {
                AreaKind::Seated => {
                    for (row, seats) in seats_by_row(&request, line)? {
                        self.hold_seats((quote.event_id, line, row), &seats, token, until, now).await?;
                        held.push(Holding::Seats { line: index, row, seats });
                    }
                }
                AreaKind::GeneralAdmission => {
                    let pool = Pool::area(quote.event_id, area.id, area.blocks);
                    let parts = self.claim_admissions(&pool, line.quantity, token, until, now).await;
                    let parts = parts.map_err(|refusal| {
                        refusal.meaning(|refused| match refused {
                            Refusal::SoldOut(left) => sold_out(line, left),
                            _ => outdated(),
                        })
                    })?;
                    held.push(Holding::Admissions { line: index, parts });
                }
            }
        }
        for (stage, quantity) in limited_stages(quote, sheet)? {
            let pool = stage_pool(sheet, stage);
            let parts = self.claim_admissions(&pool, quantity, token, until, now).await;
            let parts = parts.map_err(|refusal| refusal.meaning(|_| outdated()))?;
            held.push(Holding::Stage { stage, parts });
        }
        if let Some(promotion) = request.promotion {
            self.hold_promotion(held, promotion, request, now).await?;
        }
        Ok(())
    }

    async fn hold_seats(
        &self,
        (event, line, row): (EventId, &QuoteLine, u16),
        seats: &[u16],
        token: Token,
        until: Claim,
        now: Timestamp,
    ) -> Result<()> {
        let place = (event, line.area_id, row);
        let state =
            self.row_state(place, token, now).await?.ok_or_else(|| no_such_seats(&labels(line, seats)))?;
        check_choice(line, &state, seats)?;
        let claimed = self.claim_seats(place, seats, token, until, now).await;
        claimed.map_err(|refusal| {
            refusal.meaning(|refused| match refused {
                Refusal::SeatsTaken(numbers) => seats_taken(&labels(line, &numbers)),
                Refusal::NoSuchSeats(numbers) => no_such_seats(&labels(line, &numbers)),
                _ => outdated(),
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
        let used_up = || {
            Error::conflict("promotion_used_up", "This promotion code has been used up. Ask for a new quote.")
        };
        if let Some(uses) = promotion.total_uses {
            let pool = Pool::promotion(tenant, code, uses);
            let parts = self.claim_admissions(&pool, 1, request.token(), until, now).await;
            let parts = parts.map_err(|refusal| refusal.meaning(|_| used_up()))?;
            held.push(Holding::Promotion { parts });
        }
        if let Some(uses) = promotion.uses_per_buyer {
            let pool = Pool::promotion_buyer(tenant, code, request.user, uses);
            let claimed = self.claim_admissions(&pool, 1, request.token(), until, now).await;
            claimed.map_err(|refusal| {
                refusal.meaning(|_| {
                    Error::conflict(
                        "promotion_used_by_buyer",
                        "You have used this promotion code already. Ask for a new quote.",
                    )
                })
            })?;
            held.push(Holding::PromotionBuyer);
        }
        Ok(())
    }

    /// Gives back what an unpaid order holds. What was sold meanwhile stays sold.
    pub async fn release_holdings(&self, order: &Order) -> Result<(), Failure> {
        self.release(&order.holdings, &Names::of_order(order), Token::of(order.id)).await
    }

    async fn release(&self, holdings: &[Holding], names: &Names<'_>, token: Token) -> Result<(), Failure> {
        for holding in holdings {
            match holding {
                Holding::Seats { line, row, seats } => {
                    self.release_seats((names.event, names.area(*line)?, *row), seats, token).await?;
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

/// The limited stages that set prices of the quote, and for how many tickets.
fn limited_stages(quote: &Quote, sheet: &EventSheet) -> Result<Vec<(SaleStageId, u8)>> {
    let mut stages: Vec<(SaleStageId, u8)> = Vec::new();
    for line in &quote.lines {
        let Some(id) = line.stage_id else { continue };
        let stage = sheet.stages.iter().find(|stage| stage.id == id).ok_or_else(outdated)?;
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

fn stage_pool(sheet: &EventSheet, id: SaleStageId) -> Pool {
    let stage = sheet.stages.iter().find(|stage| stage.id == id);
    let quantity = stage.and_then(|stage| stage.quantity_available).unwrap_or(1);
    Pool::stage(sheet.event.id, id, quantity)
}

/// What the holdings of an order refer to.
pub(crate) struct Names<'a> {
    pub(crate) event: EventId,
    tenant: TenantId,
    user: UserId,
    areas: Vec<AreaId>,
    promotion: Option<&'a str>,
    /// Where to look for other places, if the held ones are gone.
    sheet: Option<&'a EventSheet>,
}

impl<'a> Names<'a> {
    pub(crate) fn of_order(order: &'a Order) -> Self {
        Self {
            event: order.event,
            tenant: order.tenant,
            user: order.user,
            areas: order.lines.iter().map(|line| line.area).collect(),
            promotion: order.promotion_code.as_deref(),
            sheet: None,
        }
    }

    /// The same, with other places to look for.
    pub(crate) fn within(self, sheet: &'a EventSheet) -> Self {
        Self { sheet: Some(sheet), ..self }
    }

    fn of_quote(request: &HoldRequest<'a>) -> Self {
        Self {
            event: request.quote.event_id,
            tenant: request.quote.tenant_id,
            user: request.user,
            areas: request.quote.lines.iter().map(|line| line.area_id).collect(),
            promotion: request.promotion.map(|promotion| promotion.promotion_code.as_str()),
            sheet: None,
        }
    }

    pub(crate) fn area(&self, line: u8) -> Result<AreaId, Failure> {
        let area = self.areas.get(usize::from(line)).copied();
        area.ok_or_else(|| Failure::unreadable("a holding of a line that the order does not have"))
    }

    /// The pool that a holding is from, and what it has of it.
    pub(crate) fn pool(&self, holding: &Holding) -> Result<(Pool, Vec<Part>), Failure> {
        let code = || self.promotion.ok_or_else(|| Failure::unreadable("a use of no promotion"));
        Ok(match holding {
            Holding::Seats { .. } => return Err(Failure::unreadable("seats are not from a pool")),
            Holding::Admissions { line, parts } => {
                let area = self.area(*line)?;
                let blocks = self.sheet.and_then(|sheet| sheet.area(area)).map_or(0, |area| area.blocks);
                (Pool::area(self.event, area, blocks.max(blocks_of(parts))), parts.clone())
            }
            Holding::Stage { stage, parts } => {
                let of_sheet =
                    self.sheet.and_then(|sheet| sheet.stages.iter().find(|other| other.id == *stage));
                let quantity = of_sheet.and_then(|stage| stage.quantity_available).unwrap_or(0);
                (Pool::stage(self.event, *stage, quantity.max(admissions_of(parts))), parts.clone())
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

/// How many blocks a pool has at least that gave these parts.
fn blocks_of(parts: &[Part]) -> u16 {
    parts.iter().map(|part| part.block + 1).max().unwrap_or(1)
}

/// How many admissions a pool has at least that gave these parts.
fn admissions_of(parts: &[Part]) -> u32 {
    u32::from(blocks_of(parts)) * BLOCK_ADMISSIONS
}
