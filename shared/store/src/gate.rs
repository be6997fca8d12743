//! Gates: what decides whether a ticket still admits.
//!
//! A ticket's code is signed, so a gate has nothing to say until something
//! happens: the ticket is redeemed, revoked, or its code replaced. Then there is
//! one item for it, and every change is one conditional write without a read.
//! Gates of one event spread over [`SHARDS`] partitions: a stadium's doors may
//! redeem 16,000 tickets in a second.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use domain::order::Order;
use domain::{DeviceId, Error, EventId, TicketId, Timestamp, UserId};
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};

use crate::failure::Item;
use crate::items::{from_item, number, string};
use crate::keys::{self, SHARDS};
use crate::{Failure, Store, TaskChange};

/// The gates of one page of [`Store::gates`].
const PAGE: i32 = 1000;

/// A look at a ticket at the door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// Names the scan: the same one sent again gets the same answer.
    pub nonce: String,
    /// Who scanned.
    pub by: UserId,
    /// With which paired scanner.
    pub device: Option<DeviceId>,
    /// When.
    pub at: Timestamp,
}

/// What became of a scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redemption {
    /// Its holder may enter: this scan is the one that redeemed the ticket, at
    /// this time.
    Admitted(Timestamp),
    /// Its holder may not.
    Refused(Closed),
}

/// Why a ticket does not admit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Closed {
    /// Its holder is in already, since this scan.
    Used(Scan),
    /// It was refunded.
    Revoked(Timestamp),
    /// The code is not the ticket's latest: it was transferred or issued again.
    Superseded,
}

/// Why a gate did not change.
#[derive(Debug)]
pub enum GateError {
    /// The ticket is used, revoked, or has another code by now.
    Closed(Closed),
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
            GateError::Failure(failure) => failure.into(),
        }
    }
}

/// A gate as the table has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    /// When the ticket was redeemed, in milliseconds.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    used_at: Option<i64>,
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    nonce: Option<String>,
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    by: Option<UserId>,
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    device: Option<DeviceId>,
    /// When the ticket was revoked, in milliseconds.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    revoked_at: Option<i64>,
    /// The serial of the ticket's latest code.
    #[serde(rename = "s", default)]
    serial: u16,
}

impl Record {
    fn read(item: Option<Item>) -> Result<Self, Failure> {
        item.map_or_else(|| Ok(Self::default()), from_item)
    }

    /// Why a code with this serial does not admit, if it does not.
    fn closed(&self, serial: u16) -> Result<Option<Closed>, Failure> {
        if self.serial != serial {
            return Ok(Some(Closed::Superseded));
        }
        if let Some(at) = self.revoked_at {
            return Ok(Some(Closed::Revoked(time(at)?)));
        }
        Ok(self.scan()?.map(Closed::Used))
    }

    fn scan(&self) -> Result<Option<Scan>, Failure> {
        let Some(at) = self.used_at else { return Ok(None) };
        let missing = || Failure::unreadable("a redemption without its scan");
        Ok(Some(Scan {
            nonce: self.nonce.clone().ok_or_else(missing)?,
            by: self.by.ok_or_else(missing)?,
            device: self.device,
            at: time(at)?,
        }))
    }
}

fn time(millisecond: i64) -> Result<Timestamp, Failure> {
    Timestamp::from_millisecond(millisecond).map_err(Failure::unreadable)
}

/// The condition under which a ticket is untouched and `:serial` its latest code.
fn open(serial: u16) -> &'static str {
    // A gate that was never written has no `s`, and stands for the first code.
    if serial == 0 {
        "attribute_not_exists(u) AND attribute_not_exists(r) AND (attribute_not_exists(s) OR s = :serial)"
    } else {
        "attribute_not_exists(u) AND attribute_not_exists(r) AND s = :serial"
    }
}

/// What refused a transaction: the gate of the ticket, whose old item it then
/// is, or something else that changed meanwhile.
pub(crate) fn why_closed(item: Option<Item>, serial: u16) -> Result<GateError, Failure> {
    let closed = item.map(|item| Record::read(Some(item))?.closed(serial)).transpose()?.flatten();
    Ok(closed.map_or(GateError::Failure(Failure::Refused(None)), GateError::Closed))
}

/// A gate that differs from that of an untouched ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gate {
    /// The ticket.
    pub ticket: TicketId,
    /// When it was redeemed.
    pub used_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// The serial of its latest code.
    pub serial: u16,
}

/// Where to go on in the list of an event's gates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GateCursor {
    shard: u16,
    after: Option<TicketId>,
}

impl GateCursor {
    /// The first page.
    pub const START: Self = Self { shard: 0, after: None };
}

impl std::fmt::Display for GateCursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.shard)?;
        self.after.map_or(Ok(()), |ticket| write!(f, ".{}", ticket.suffix()))
    }
}

impl std::str::FromStr for GateCursor {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let problem = "Must be the `next_cursor` of an earlier page, unchanged.";
        let (shard, after) = match text.split_once('.') {
            Some((shard, after)) => (shard, Some(TicketId::from_suffix(after).map_err(|_| problem)?)),
            None => (text, None),
        };
        let shard = shard.parse().ok().filter(|shard| *shard < SHARDS).ok_or(problem)?;
        Ok(Self { shard, after })
    }
}

/// How the doors of an event stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GateSummary {
    /// Redeemed tickets.
    pub admitted: u32,
    /// Refunded tickets.
    pub revoked: u32,
    /// Tickets with another code than their first.
    pub reissued: u32,
    /// When the latest ticket was redeemed.
    pub last_at: Option<Timestamp>,
    /// Redeemed tickets by minute (seconds since 1970, divided by 60).
    pub by_minute: BTreeMap<i64, u32>,
}

impl GateSummary {
    fn add(&mut self, record: &Record) -> Result<(), Failure> {
        self.revoked += u32::from(record.revoked_at.is_some());
        self.reissued += u32::from(record.serial > 0);
        if let Some(used) = record.used_at {
            self.admitted += 1;
            self.last_at = self.last_at.max(Some(time(used)?));
            *self.by_minute.entry(used.div_euclid(60_000)).or_default() += 1;
        }
        Ok(())
    }

    fn merge(mut self, other: Self) -> Self {
        self.admitted += other.admitted;
        self.revoked += other.revoked;
        self.reissued += other.reissued;
        self.last_at = self.last_at.max(other.last_at);
        for (minute, count) in other.by_minute {
            *self.by_minute.entry(minute).or_default() += count;
        }
        self
    }
}

impl Store {
    /// Lets the holder of a ticket in, once. One conditional write, no read.
    pub async fn redeem(
        &self,
        event: EventId,
        ticket: TicketId,
        serial: u16,
        scan: &Scan,
    ) -> Result<Redemption, Failure> {
        let mut update = self
            .client
            .update_item()
            .table_name(&*self.table)
            .set_key(Some(keys::gate(event, ticket).attributes()))
            .condition_expression(open(serial))
            .expression_attribute_values(":serial", number(serial))
            .expression_attribute_values(":at", number(scan.at.as_millisecond()))
            .expression_attribute_values(":nonce", string(&scan.nonce))
            .expression_attribute_values(":by", string(scan.by.to_string()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        update = match scan.device {
            Some(device) => update
                .update_expression("SET u = :at, n = :nonce, b = :by, d = :device")
                .expression_attribute_values(":device", string(device.to_string())),
            None => update.update_expression("SET u = :at, n = :nonce, b = :by"),
        };
        match update.send().await.map_err(Failure::from) {
            Ok(_) => Ok(Redemption::Admitted(scan.at)),
            Err(Failure::Refused(item)) => {
                let gate = Record::read(item)?;
                match gate.closed(serial)? {
                    Some(Closed::Used(first)) if first.nonce == scan.nonce => {
                        Ok(Redemption::Admitted(first.at))
                    }
                    Some(closed) => Ok(Redemption::Refused(closed)),
                    None => Err(Failure::Fault("a gate was closed for no reason".to_owned())),
                }
            }
            Err(other) => Err(other),
        }
    }

    /// Replaces a paid order, as [`Store::update_order`] does, and in the same
    /// transaction makes these of its tickets worthless.
    ///
    /// # Errors
    /// [`Closed::Used`] if one of them was used at the door: then nothing changes.
    pub async fn revoke_tickets(
        &self,
        order: &Order,
        tickets: &[TicketId],
        outbox: Option<String>,
        now: Timestamp,
    ) -> Result<(), GateError> {
        self.revoke_tickets_with(order, tickets, (outbox, &[]), now).await
    }

    /// [`Store::revoke_tickets`] with what becomes of the order's refund tasks in the
    /// same transaction.
    ///
    /// # Errors
    /// As there.
    pub async fn revoke_tickets_with(
        &self,
        order: &Order,
        tickets: &[TicketId],
        (outbox, tasks): (Option<String>, &[TaskChange]),
        now: Timestamp,
    ) -> Result<(), GateError> {
        let mut writes = vec![self.update_order_part(order, outbox)?];
        writes.extend(self.task_parts(order, tasks)?);
        for ticket in tickets {
            let update = Update::builder()
                .table_name(&*self.table)
                .set_key(Some(keys::gate(order.event, *ticket).attributes()))
                .update_expression("SET r = if_not_exists(r, :now)")
                .condition_expression("attribute_not_exists(u)")
                .expression_attribute_values(":now", number(now.as_millisecond()))
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
                .build()
                .map_err(Failure::unreadable)?;
            writes.push(TransactWriteItem::builder().update(update).build());
        }
        match self.transact(writes).await {
            Err(Failure::Refused(Some(item))) => match Record::read(Some(item))?.scan()? {
                Some(scan) => Err(GateError::Closed(Closed::Used(scan))),
                None => Err(Failure::Refused(None).into()),
            },
            // The order is not as it was read, or the transaction was ours and
            // its answer got lost.
            Err(Failure::Refused(None)) => match self.order(order.user, order.id).await? {
                Some(current) if current == *order => Ok(()),
                _ => Err(Failure::Refused(None).into()),
            },
            other => Ok(other?),
        }
    }

    /// Those of the tickets that were not used at the door until now.
    pub async fn unused_tickets(
        &self,
        event: EventId,
        tickets: &[TicketId],
    ) -> Result<Vec<TicketId>, Failure> {
        let gates = tickets.iter().map(|ticket| async {
            let gate = Record::read(self.get_item(&keys::gate(event, *ticket), true).await?)?;
            Ok::<_, Failure>(gate.used_at.is_none().then_some(*ticket))
        });
        Ok(try_join_all(gates).await?.into_iter().flatten().collect())
    }

    /// The part of a transaction that gives a ticket its next code, so that the
    /// one with `serial` is worth nothing any more.
    pub(crate) fn rotate_part(
        &self,
        event: EventId,
        ticket: TicketId,
        serial: u16,
    ) -> Result<TransactWriteItem, Failure> {
        let update = Update::builder()
            .table_name(&*self.table)
            .set_key(Some(keys::gate(event, ticket).attributes()))
            .update_expression("SET s = :next")
            .condition_expression(open(serial))
            .expression_attribute_values(":serial", number(serial))
            .expression_attribute_values(":next", number(serial + 1))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(Failure::unreadable)?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// Why the code with `serial` of a ticket does not admit, if it does not.
    /// Half a read unit; may be a moment behind.
    pub async fn gate(
        &self,
        event: EventId,
        ticket: TicketId,
        serial: u16,
    ) -> Result<Option<Closed>, Failure> {
        Record::read(self.get_item(&keys::gate(event, ticket), false).await?)?.closed(serial)
    }

    /// A page of the gates of an event, and where to go on.
    pub async fn gates(
        &self,
        event: EventId,
        from: GateCursor,
    ) -> Result<(Vec<Gate>, Option<GateCursor>), Failure> {
        let GateCursor { shard, after } = from;
        let start = after.map(|ticket| keys::Key::new(keys::gate_partition(event, shard), ticket.suffix()));
        let answer = self
            .client
            .query()
            .table_name(&*self.table)
            .key_condition_expression("PK = :pk")
            .expression_attribute_values(":pk", string(keys::gate_partition(event, shard)))
            .projection_expression("SK, u, r, s")
            .set_exclusive_start_key(start.map(|key| key.attributes()))
            .limit(PAGE)
            .send()
            .await?;
        let gate = |mut item: Item| {
            let Some(AttributeValue::S(sk)) = item.remove("SK") else {
                return Err(Failure::unreadable("a gate without its key"));
            };
            let record: Record = from_item(item)?;
            Ok(Gate {
                ticket: TicketId::from_suffix(&sk).map_err(Failure::unreadable)?,
                used_at: record.used_at.map(time).transpose()?,
                revoked_at: record.revoked_at.map(time).transpose()?,
                serial: record.serial,
            })
        };
        let gates: Vec<Gate> =
            answer.items.unwrap_or_default().into_iter().map(gate).collect::<Result<_, _>>()?;
        let next = match (answer.last_evaluated_key, gates.last()) {
            (Some(_), Some(last)) => Some(GateCursor { shard, after: Some(last.ticket) }),
            _ => Some(GateCursor { shard: shard + 1, after: None }).filter(|next| next.shard < SHARDS),
        };
        Ok((gates, next))
    }

    /// How the doors of an event stand. Reads all of its gates: half a read unit
    /// for about 30 of them.
    pub async fn gate_summary(&self, event: EventId) -> Result<GateSummary, Failure> {
        let shards = try_join_all((0..SHARDS).map(|shard| self.shard_summary(event, shard))).await?;
        Ok(shards.into_iter().fold(GateSummary::default(), GateSummary::merge))
    }

    async fn shard_summary(&self, event: EventId, shard: u16) -> Result<GateSummary, Failure> {
        let mut pages = self
            .client
            .query()
            .table_name(&*self.table)
            .key_condition_expression("PK = :pk")
            .expression_attribute_values(":pk", string(keys::gate_partition(event, shard)))
            .projection_expression("u, r, s")
            .into_paginator()
            .send();
        // Page by page: of a stadium they would be too many at once.
        let mut summary = GateSummary::default();
        while let Some(page) = pages.try_next().await? {
            for item in page.items.unwrap_or_default() {
                summary.add(&from_item(item)?)?;
            }
        }
        Ok(summary)
    }
}

#[cfg(test)]
pub(crate) mod tests;
