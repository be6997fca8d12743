//! Settling: the holds of an order become sales, or are returned.
//!
//! Allotments and order are different items, so a worker can die between their writes. Therefore no
//! claim is permanent before the order's outcome is written: first the places are *secured* for some
//! minutes, which the hold itself does as long as it lasts; then the outcome is written under the
//! order's version; then the places are *sold*. The claims of a worker that dies, or whose outcome is
//! refused, expire by themselves. If a worker dies after the outcome is written, the repeated message
//! sells what is not sold yet.

use std::time::Duration;

use domain::Timestamp;
use domain::order::{Holding, Order, OrderStatus, Part, Secured};

use crate::allotment::{Claim, Refusal, Token};
use crate::order::context::HoldingContext;
use crate::{Failure, Result, Store, StoredEvent};

/// How long places stay secured while an outcome is written and the places are sold: longer than a
/// queue takes to deliver a dead worker's message again (180 seconds), and than a worker runs (30).
pub const SETTLING: Duration = Duration::from_secs(240);

/// How many tickets of each line, and units of each extra, an order keeps after its refunds.
struct KeptParts<'a> {
    order: &'a Order,
    /// Of each line, the index of its first ticket and how many are kept.
    lines: Vec<(u8, u8)>,
    /// Of each extra, how many units are kept.
    extras: Vec<u8>,
}

impl<'a> KeptParts<'a> {
    fn of(order: &'a Order) -> Self {
        let (mut first, mut lines) = (0, Vec::with_capacity(order.lines.len()));
        for line in &order.lines {
            let kept = (first..first + line.quantity).filter(|index| !order.is_refunded(*index)).count();
            lines.push((first, u8::try_from(kept).unwrap_or(u8::MAX)));
            first += line.quantity;
        }
        Self { order, lines, extras: order.kept_units() }
    }

    /// How many admissions a holding of a pool keeps. A promotion's use comes back only
    /// when all tickets and units are refunded.
    fn admissions(&self, holding: &Holding) -> u8 {
        match holding {
            Holding::Admissions { line, .. } => {
                self.lines.get(usize::from(*line)).map_or(0, |(_, kept)| *kept)
            }
            Holding::Stage { stage, .. } => {
                let lines = self.order.lines.iter().zip(&self.lines);
                let lines = lines.map(|(line, (_, kept))| (line.stage, *kept));
                let extras = self.order.extras.iter().zip(&self.extras);
                let extras = extras.map(|(extra, kept)| (extra.stage, *kept));
                lines.chain(extras).filter(|(of, _)| *of == Some(*stage)).map(|(_, kept)| kept).sum()
            }
            Holding::Extra { extra, .. } => self.extras.get(usize::from(*extra)).copied().unwrap_or(0),
            _ => u8::from(self.lines.iter().map(|(_, kept)| kept).chain(&self.extras).any(|kept| *kept > 0)),
        }
    }

    /// The seats of the holding at an index that the order keeps, and its refunded ones.
    fn seats(&self, at: usize) -> (Vec<u16>, Vec<u16>) {
        let (earlier, rest) = self.order.holdings.split_at(at);
        let Some(Holding::Seats { line, seats, .. }) = rest.first() else { return (Vec::new(), Vec::new()) };
        let labels = self.order.lines.get(usize::from(*line)).map(|line| line.seats.as_slice());
        let (first, _) = self.lines.get(usize::from(*line)).copied().unwrap_or_default();
        let is_kept = |number: &u16| {
            // Other rows of the line may have a seat with this number. Holdings are in the order of the
            // line's seats, so it is the one after those of the rows before.
            let has_number = |holding: &&Holding| matches!(holding, Holding::Seats { line: of, seats, .. } if of == line && seats.contains(number));
            let of_rows_before = earlier.iter().filter(has_number).count();
            let places = (first..).zip(labels.unwrap_or_default());
            let mut places = places.filter(|(_, seat)| seat.number() == *number);
            places.nth(of_rows_before).is_none_or(|(index, _)| !self.order.is_refunded(index))
        };
        seats.iter().partition(|number| is_kept(number))
    }
}

/// The first parts of a holding, up to `keeps` admissions.
fn keeping(parts: &[Part], keeps: u8) -> Vec<Part> {
    let mut rest = keeps;
    let kept = parts.iter().map(|part| {
        let quantity = part.quantity.min(rest);
        rest -= quantity;
        Part { quantity, ..*part }
    });
    kept.filter(|part| part.quantity > 0).collect()
}

fn with_parts(holding: &Holding, parts: Vec<Part>) -> Holding {
    match holding {
        Holding::Admissions { line, .. } => Holding::Admissions { line: *line, parts },
        Holding::Stage { stage, .. } => Holding::Stage { stage: *stage, parts },
        Holding::Extra { extra, .. } => Holding::Extra { extra: *extra, parts },
        Holding::Promotion { .. } => Holding::Promotion { parts },
        other => other.clone(),
    }
}

impl Store {
    /// Secures an order's places while its outcome is written, also if its hold has expired, as long as
    /// no other order took them; not those of refunded tickets. Admissions that are gone are replaced
    /// by others, if there are any. Writes nothing while the hold itself lasts long enough. Safe to
    /// repeat.
    pub async fn secure_holdings(
        &self,
        order: &Order,
        sheet: &StoredEvent,
        now: Timestamp,
    ) -> Result<Secured> {
        let until = now + SETTLING;
        if matches!(order.status, OrderStatus::Held | OrderStatus::AwaitingPayment)
            && until <= order.expires_at
        {
            return Ok(Secured::All(order.holdings.clone()));
        }
        let (names, token, kept) =
            (HoldingContext::of_order(order).within(sheet), Token::of(order.id), KeptParts::of(order));
        let mut secured = Vec::with_capacity(order.holdings.len());
        for (at, holding) in order.holdings.iter().enumerate() {
            let outcome = match holding {
                Holding::Seats { line, row, .. } => {
                    let row = names.row(*line, *row)?;
                    let seats = kept.seats(at).0;
                    let claimed = self.claim_seats(row, &seats, token, Claim::Until(until), now).await;
                    claimed.map(|()| holding.clone())
                }
                // All tickets of this holding were refunded.
                other if kept.admissions(other) == 0 => Ok(other.clone()),
                other => {
                    let (pool, parts) = names.pool(other)?;
                    let parts = keeping(&parts, kept.admissions(other));
                    let parts = self.secure_admissions(&pool, &parts, token, Claim::Until(until), now).await;
                    parts.map(|parts| with_parts(other, parts))
                }
            };
            match outcome {
                Ok(holding) => secured.push(holding),
                Err(Refusal::Failure(failure)) => return Err(failure),
                Err(_) => return Ok(Secured::Gone(secured)),
            }
        }
        Ok(Secured::All(secured))
    }

    /// Extends an order's claims until `until`, before the order says so. If its hold is over, its places
    /// are first secured for some minutes; if they had to be taken elsewhere, that is all that is done,
    /// so that no long claim is on places that the order does not name. Safe to repeat.
    ///
    /// # Errors
    /// If the table fails, or the secured places were lost meanwhile.
    pub async fn extend_holdings(
        &self,
        order: &Order,
        sheet: &StoredEvent,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Secured> {
        let secured = self.secure_holdings(order, sheet, now).await?;
        match &secured {
            Secured::All(holdings) if *holdings == order.holdings => {}
            _ => return Ok(secured),
        }
        let (names, token, claim) =
            (HoldingContext::of_order(order), Token::of(order.id), Claim::Until(until));
        for holding in &order.holdings {
            let extended = match holding {
                Holding::Seats { line, row, seats } => {
                    let row = names.row(*line, *row)?;
                    self.claim_seats(row, seats, token, claim, now).await
                }
                other => {
                    let (pool, parts) = names.pool(other)?;
                    self.extend_admissions(&pool, &parts, token, claim).await
                }
            };
            extended.map_err(|refusal| match refusal {
                Refusal::Failure(failure) => failure,
                _ => Failure::Unavailable("secured places were lost while they were extended".to_owned()),
            })?;
        }
        Ok(secured)
    }

    /// Sells the places of an order whose outcome is written; not those of refunded tickets. One write
    /// for each allotment. Safe to repeat.
    ///
    /// False if the claims expired before and another order has some of the places, or the order was
    /// changed since it was read.
    pub async fn sell_holdings(&self, order: &Order) -> Result<bool> {
        let (names, token, kept) =
            (HoldingContext::of_order(order), Token::of(order.id), KeptParts::of(order));
        for (at, holding) in order.holdings.iter().enumerate() {
            let sold = match holding {
                Holding::Seats { line, row, .. } => {
                    let row = names.row(*line, *row)?;
                    self.sell_seats(row, &kept.seats(at).0, token).await?
                }
                other => {
                    let (pool, parts) = names.pool(other)?;
                    self.sell_admissions(&pool, &keeping(&parts, kept.admissions(other)), token).await?
                }
            };
            if !sold {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// True if all that [`Store::sell_holdings`] sells is sold: one read for each allotment.
    pub async fn holdings_are_sold(&self, order: &Order) -> Result<bool> {
        let (names, token, kept) =
            (HoldingContext::of_order(order), Token::of(order.id), KeptParts::of(order));
        for (at, holding) in order.holdings.iter().enumerate() {
            let sold = match holding {
                Holding::Seats { line, row, .. } => {
                    let row = names.row(*line, *row)?;
                    self.seats_are_sold(row, &kept.seats(at).0, token).await?
                }
                other => {
                    let (pool, parts) = names.pool(other)?;
                    let parts = keeping(&parts, kept.admissions(other));
                    self.admissions_are_sold(&pool, &parts, token).await?
                }
            };
            if !sold {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Returns the places that `order` is not to keep: those of its refunded tickets and vouchers or, if
    /// its money goes back, all. Safe to repeat.
    pub async fn return_unused(&self, order: &Order) -> Result<()> {
        if order.status.is_settled() && !order.tickets.values().any(|ticket| ticket.refunded) {
            return Ok(());
        }
        let (names, token, kept) =
            (HoldingContext::of_order(order), Token::of(order.id), KeptParts::of(order));
        let keeps_some = order.status.is_settled();
        for (at, holding) in order.holdings.iter().enumerate() {
            match holding {
                Holding::Seats { line, row, seats } => {
                    let row = names.row(*line, *row)?;
                    let refunded = kept.seats(at).1;
                    self.return_seats(row, if keeps_some { &refunded } else { seats }, token).await?;
                }
                other => {
                    let (pool, parts) = names.pool(other)?;
                    let keeps = if keeps_some { kept.admissions(other) } else { 0 };
                    self.return_admissions(&pool, &parts, keeps, token).await?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
