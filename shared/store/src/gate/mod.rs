//! Gates: what decides whether a ticket still admits, or a voucher is still handed out.
//!
//! What is said of tickets here is true of vouchers, which have one code and one holder.
//!
//! A ticket's code is signed, so a ticket has no gate item until it is redeemed or revoked, or its code
//! is replaced. Every change is one conditional write without a read. The gates of one event spread
//! over [`SHARDS`](keys::SHARDS) partitions: a stadium's doors may redeem 16,000 tickets in a second.

mod late;
mod listing;
mod record;
mod transfer;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use domain::{DeviceId, Error, EventId, OrderPart, SessionId, TicketId, Timestamp, UserId, VoucherId};
use futures::future::try_join_all;

use crate::failure::Item;
use crate::items::{Part, number, string};
use crate::{Failure, Result, Store, keys};
use record::Record;

pub use late::Report;
pub use listing::{Conflict, Gate, GateCursor, GateSummary};
pub use transfer::{RECEIVED_START, Received};

/// A scan of a ticket's code at the door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// The scanner's name for the scan: the same scan sent again gets the same answer.
    pub nonce: String,
    /// The person who scanned.
    pub by: UserId,
    /// The paired scanner, if one was used.
    pub device: Option<DeviceId>,
    /// The session of a scanner that is not paired: it tells two scanners apart that are signed in as
    /// one person.
    pub session: Option<SessionId>,
    /// When the code was scanned.
    pub at: Timestamp,
}

/// Most seconds by which the time of a scan differs when it is reported again: each report's clock is
/// corrected by how long the report was on its way.
const SAME_MOMENT: u64 = 60;

impl Scan {
    /// True if `again` is this scan sent again: the same nonce from the same person with the same
    /// scanner. A nonce that two scanners share proves nothing: it may be chance, a bad generator, or a
    /// copy of another person's request.
    fn is_repeated_by(&self, again: &Self) -> bool {
        self.nonce == again.nonce && self.by == again.by && self.is_of_scanner(again)
    }

    /// True if `report` is this scan, sent by another person who took over the paired scanner and what
    /// was left in it: the same nonce at the same moment. Such a report admits no one, and is no second
    /// entry either.
    fn is_left_for(&self, report: &Self) -> bool {
        let is_same_moment = self.at.as_second().abs_diff(report.at.as_second()) <= SAME_MOMENT;
        self.device.is_some() && self.device == report.device && self.nonce == report.nonce && is_same_moment
    }

    fn is_of_scanner(&self, other: &Self) -> bool {
        (self.device, self.session) == (other.device, other.session)
    }
}

/// The result of a scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redemption {
    /// The ticket's holder may enter: this scan redeemed the ticket, at this time.
    Admitted(Timestamp),
    /// The ticket's holder may not enter.
    Refused(Closed),
}

/// Why a ticket does not admit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Closed {
    /// The ticket was redeemed before, by this scan.
    Used(Scan),
    /// The ticket was refunded, at this time.
    Revoked(Timestamp),
    /// The code is not the ticket's latest: it was transferred or issued again.
    Superseded,
}

/// Why a gate did not change.
#[derive(Debug)]
pub enum GateError {
    /// The ticket is used, revoked, or has another code by now.
    Closed(Closed),
    /// The voucher was handed out, by this scan.
    VoucherUsed(Scan),
    /// The table failed, or the order changed meanwhile.
    Failure(Failure),
}

impl From<Failure> for GateError {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<GateError> for Error {
    fn from(error: GateError) -> Self {
        match error {
            GateError::Closed(Closed::Used(scan)) => {
                Self::conflict("ticket_used", "This ticket was used at the door already.")
                    .with("used_at", scan.at.to_string())
            }
            GateError::Closed(Closed::Revoked(_)) => {
                Self::conflict("ticket_revoked", "This ticket was refunded; it is worth nothing any more.")
            }
            GateError::Closed(Closed::Superseded) => {
                Self::conflict("ticket_changed", "This ticket has another holder by now.")
            }
            GateError::VoucherUsed(scan) => voucher_used(scan.at),
            GateError::Failure(failure) => failure.into(),
        }
    }
}

fn voucher_used(at: Timestamp) -> Error {
    Error::conflict("voucher_used", "What this voucher is for was handed out already.")
        .with("used_at", at.to_string())
}

/// The condition that a ticket is neither used nor revoked and `:serial` is its latest code.
fn open(serial: u16) -> &'static str {
    // A gate that was never written has no `s`; its code is the first.
    if serial == 0 {
        "attribute_not_exists(u) AND attribute_not_exists(r) AND (attribute_not_exists(s) OR s = :serial)"
    } else {
        "attribute_not_exists(u) AND attribute_not_exists(r) AND s = :serial"
    }
}

/// The error of a refused revocation; `item` is the ticket's gate.
pub(crate) fn why_used(item: Option<Item>) -> Result<GateError> {
    let Some(item) = item else { return Ok(GateError::Failure(Failure::Refused(None))) };
    let sort_key = item.get(keys::SK).and_then(|sk| sk.as_s().ok());
    let part = sort_key.and_then(|sk| OrderPart::from_suffix(sk).ok());
    let Some(scan) = Record::read(Some(item))?.scan()? else {
        return Ok(GateError::Failure(Failure::Refused(None)));
    };
    Ok(match part {
        Some(OrderPart::Voucher(_)) => GateError::VoucherUsed(scan),
        _ => GateError::Closed(Closed::Used(scan)),
    })
}

/// The error of a refused transaction: `item` is the ticket's gate if that refused it; else something
/// else changed meanwhile.
pub(crate) fn why_closed(item: Option<Item>, serial: u16) -> Result<GateError> {
    let closed = item.map(|item| Record::read(Some(item))?.closed(serial)).transpose()?.flatten();
    Ok(closed.map_or(GateError::Failure(Failure::Refused(None)), GateError::Closed))
}

impl Store {
    /// Redeems a ticket: lets its holder in, once; or a voucher. One conditional write, no read.
    pub async fn redeem(
        &self,
        event: EventId,
        part: impl Into<OrderPart>,
        serial: u16,
        scan: &Scan,
    ) -> Result<Redemption> {
        let part = part.into();
        let Some(gate) = self.try_redeem(event, part, serial, scan).await? else {
            return Ok(Redemption::Admitted(scan.at));
        };
        Ok(match gate.redemption(serial, |first| first.is_repeated_by(scan))? {
            Some(first) => Redemption::Admitted(first.at),
            None => Redemption::Refused(gate.why_closed(serial)?),
        })
    }

    /// Redeems a ticket; returns the gate if it was closed already.
    async fn try_redeem(
        &self,
        event: EventId,
        part: OrderPart,
        serial: u16,
        scan: &Scan,
    ) -> Result<Option<Record>> {
        let mut update = self
            .update_of(&keys::gate(event, part))
            .condition_expression(open(serial))
            .expression_attribute_values(":serial", number(serial))
            .expression_attribute_values(":at", number(scan.at.as_millisecond()))
            .expression_attribute_values(":nonce", string(&scan.nonce))
            .expression_attribute_values(":by", string(scan.by.to_string()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        update = match (scan.device, scan.session) {
            (Some(device), _) => update
                .update_expression("SET u = :at, n = :nonce, b = :by, d = :device")
                .expression_attribute_values(":device", string(device.to_string())),
            (None, Some(session)) => update
                .update_expression("SET u = :at, n = :nonce, b = :by, i = :session")
                .expression_attribute_values(":session", string(session.to_string())),
            (None, None) => update.update_expression("SET u = :at, n = :nonce, b = :by"),
        };
        match update.send().await.map_err(Failure::from) {
            Ok(_) => Ok(None),
            Err(Failure::Refused(item)) => Ok(Some(Record::read(item)?)),
            Err(other) => Err(other),
        }
    }

    /// The part of a transaction that revokes a ticket or voucher at `now`, unless it was used.
    pub(crate) fn revoke_part(
        &self,
        event: EventId,
        part: OrderPart,
        now: Timestamp,
    ) -> Result<TransactWriteItem> {
        self.updating(&keys::gate(event, part))
            .update_expression("SET r = if_not_exists(r, :now)")
            .condition_expression("attribute_not_exists(u)")
            .expression_attribute_values(":now", number(now.as_millisecond()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .part()
    }

    /// The tickets and vouchers among these that were not used at the door, read consistently.
    pub async fn unused_parts(&self, event: EventId, parts: &[OrderPart]) -> Result<Vec<OrderPart>> {
        let gates = parts.iter().map(|part| async {
            let gate = Record::read(self.get_item(&keys::gate(event, *part), true).await?)?;
            Ok::<_, Failure>(gate.used_at.is_none().then_some(*part))
        });
        Ok(try_join_all(gates).await?.into_iter().flatten().collect())
    }

    /// When the products of these vouchers were handed out; those that were not are left out. Eventually
    /// consistent reads, for half a read unit each.
    pub async fn handed_out(
        &self,
        event: EventId,
        vouchers: &[VoucherId],
    ) -> Result<Vec<(VoucherId, Timestamp)>> {
        let gates = vouchers.iter().map(|voucher| async {
            let gate = Record::read(self.get_item(&keys::gate(event, (*voucher).into()), false).await?)?;
            Ok::<_, Failure>(gate.used_at.map(|at| (*voucher, at)))
        });
        Ok(try_join_all(gates).await?.into_iter().flatten().collect())
    }

    /// The part of a transaction that gives a ticket its next code at `now`. The code with `serial`
    /// does not admit from then on.
    pub(crate) fn rotate_part(
        &self,
        event: EventId,
        ticket: TicketId,
        serial: u16,
        now: Timestamp,
    ) -> Result<TransactWriteItem> {
        self.updating(&keys::gate(event, ticket.into()))
            .update_expression("SET s = :next, t = list_append(if_not_exists(t, :none), :ended)")
            .condition_expression(open(serial))
            .expression_attribute_values(":serial", number(serial))
            .expression_attribute_values(":next", number(serial + 1))
            .expression_attribute_values(":none", AttributeValue::L(Vec::new()))
            .expression_attribute_values(":ended", AttributeValue::L(vec![number(now.as_millisecond())]))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .part()
    }

    /// Why the code with `serial` of a ticket does not admit; `None` if it does. An eventually
    /// consistent read, for half a read unit.
    pub async fn gate(
        &self,
        event: EventId,
        part: impl Into<OrderPart>,
        serial: u16,
    ) -> Result<Option<Closed>> {
        Record::read(self.get_item(&keys::gate(event, part.into()), false).await?)?.closed(serial)
    }
}

#[cfg(test)]
pub(crate) mod tests;
