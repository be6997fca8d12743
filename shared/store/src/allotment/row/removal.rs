//! Seats that a published plan takes out of a row, and puts back.
//!
//! A seat that is held or sold cannot be taken out, and one that is out cannot be held: each is the
//! condition of the other's write.

use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use domain::Timestamp;
use domain::event::Area;
use domain::seat::SeatState;

use super::{BLOCKED, Refusal, RowKey, RowState, attribute, moment, value};
use crate::failure::was_done;
use crate::items::string;
use crate::{Failure, Result, Store};

/// Taken out while it was free. Sorts as blocked seats do, so that nobody can hold it.
pub(super) const GONE: &str = "}x";
/// Taken out while it was blocked.
const GONE_BLOCKED: &str = "}y";
/// How often a row that changes meanwhile is read again.
const ROUNDS: u32 = 16;

/// Whether a seat with this value was taken out.
pub(super) fn is_gone(value: &str) -> bool {
    value == GONE || value == GONE_BLOCKED
}

impl Store {
    /// Takes seats out of a row, blocked or free: all or none. Safe to repeat.
    ///
    /// # Errors
    /// [`Refusal::SeatsTaken`] with those that are held or sold.
    pub(crate) async fn remove_seats(
        &self,
        row: RowKey,
        seats: &[u16],
        now: Timestamp,
    ) -> Result<(), Refusal> {
        if seats.is_empty() {
            return Ok(());
        }
        let mut item = self.get_item(&row.block(), true).await?.unwrap_or_default();
        for _ in 0..ROUNDS {
            let state = RowState::read(row.index, &item, now)?;
            let is_taken =
                |seat: &u16| matches!(state.seat(*seat), Some(SeatState::Reserved | SeatState::Sold));
            let taken: Vec<u16> = seats.iter().copied().filter(is_taken).collect();
            if !taken.is_empty() {
                return Err(Refusal::SeatsTaken(taken));
            }
            let (mut set, mut conditions) = (Vec::new(), Vec::new());
            let mut update = self.update_row(row).expression_attribute_values(":gone", string(GONE));
            let is_blocked = |seat: &u16| {
                value(&item, *seat).is_some_and(|value| value == BLOCKED || value == GONE_BLOCKED)
            };
            let (blocked, free): (Vec<u16>, Vec<u16>) = seats.iter().partition(|seat| is_blocked(seat));
            for seat in free.iter().map(|seat| attribute(*seat)) {
                set.push(format!("{seat} = :gone"));
                conditions.push(format!("(attribute_not_exists({seat}) OR {seat} < :now OR {seat} = :gone)"));
            }
            if free.is_empty() {
                update = self.update_row(row);
            } else {
                update = update.expression_attribute_values(":now", string(moment(now)));
            }
            for seat in blocked.iter().map(|seat| attribute(*seat)) {
                set.push(format!("{seat} = :goneblocked"));
                conditions.push(format!("({seat} = :blocked OR {seat} = :goneblocked)"));
            }
            if !blocked.is_empty() {
                update = update
                    .expression_attribute_values(":blocked", string(BLOCKED))
                    .expression_attribute_values(":goneblocked", string(GONE_BLOCKED));
            }
            let sent = update
                .update_expression(format!("SET {}", set.join(", ")))
                .condition_expression(conditions.join(" AND "))
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
                .send()
                .await;
            match sent.map_err(Failure::from) {
                Ok(_) => return Ok(()),
                Err(Failure::Refused(Some(old))) => item = old,
                Err(Failure::Refused(None)) => return Err(Refusal::NoSuchSeats(seats.to_vec())),
                Err(failure) => return Err(failure.into()),
            }
        }
        Err(Failure::Unavailable("a row that changes all the time".to_owned()).into())
    }

    /// Puts seats back that were taken out of a row, blocked if they were. Others stay as they are. Safe
    /// to repeat.
    pub(crate) async fn restore_seats(&self, row: RowKey, seats: &[u16]) -> Result<()> {
        for _ in 0..ROUNDS {
            let item = self.get_item(&row.block(), true).await?.unwrap_or_default();
            let with = |wanted: &str| -> Vec<String> {
                let those = seats.iter().filter(|seat| value(&item, **seat) == Some(wanted));
                those.map(|seat| attribute(*seat)).collect()
            };
            let (free, blocked) = (with(GONE), with(GONE_BLOCKED));
            let mut expression = String::new();
            let mut update = self.update_row(row);
            if !blocked.is_empty() {
                let set: Vec<String> = blocked.iter().map(|seat| format!("{seat} = :blocked")).collect();
                expression.push_str(&format!("SET {}", set.join(", ")));
                update = update
                    .expression_attribute_values(":blocked", string(BLOCKED))
                    .expression_attribute_values(":goneblocked", string(GONE_BLOCKED));
            }
            if !free.is_empty() {
                expression.push_str(&format!(" REMOVE {}", free.join(", ")));
                update = update.expression_attribute_values(":gone", string(GONE));
            }
            if expression.is_empty() {
                return Ok(());
            }
            let free = free.iter().map(|seat| format!("{seat} = :gone"));
            let blocked = blocked.iter().map(|seat| format!("{seat} = :goneblocked"));
            let condition: Vec<String> = free.chain(blocked).collect();
            let sent = update
                .update_expression(expression)
                .condition_expression(condition.join(" AND "))
                .send()
                .await;
            if was_done(sent)? {
                return Ok(());
            }
        }
        Err(Failure::Unavailable("a row that changes all the time".to_owned()))
    }

    /// Makes the seats that are taken out of an area's rows those that the area says, under the lease on
    /// its places: whoever published a plan and died may have left others.
    pub async fn mend_rows(&self, area: &Area, now: Timestamp) -> Result<()> {
        for state in self.area_rows(area, now).await? {
            let Some(layout) = area.rows.get(usize::from(state.index)) else { continue };
            let row = RowKey::of(area, state.index);
            let out = |number: u16| layout.gone.contains(&number);
            let back: Vec<u16> =
                state.places().filter(|(n, seat)| seat.is_none() && !out(*n)).map(|(n, _)| n).collect();
            let away: Vec<u16> =
                state.places().filter(|(n, seat)| seat.is_some() && out(*n)).map(|(n, _)| n).collect();
            self.restore_seats(row, &back).await?;
            // Nobody can hold a seat that the area does not have.
            self.remove_seats(row, &away, now).await.map_err(|refusal| match refusal {
                Refusal::Failure(failure) => failure,
                _ => Failure::unreadable("a seat that is sold although its area does not have it"),
            })?;
        }
        Ok(())
    }
}
