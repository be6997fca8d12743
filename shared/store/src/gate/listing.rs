//! What doors, organisers and offline scanners read of all gates of an event.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::late_entry::LateEntry;
use domain::{EventId, TicketId, Timestamp};
use futures::future::try_join_all;

use super::Scan;
use super::record::{Record, time};
use crate::failure::Item;
use crate::items::{from_item, string};
use crate::keys::{self, SHARDS};
use crate::{Failure, Store};

/// The gates of one page of [`Store::gates`].
const PAGE: i32 = 1000;
/// The most conflicts of [`Store::conflicts`].
const MAX_CONFLICTS: usize = 1000;

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

/// An entry that was reported late and contradicts what happened to its ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The ticket.
    pub ticket: TicketId,
    /// The scan that let its holder in.
    pub scan: Scan,
    /// What it contradicts.
    pub late: LateEntry,
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
    /// Entries that were reported late and contradict what happened to their tickets.
    pub conflicts: usize,
    /// When the latest ticket was redeemed.
    pub last_at: Option<Timestamp>,
    /// Redeemed tickets by minute (seconds since 1970, divided by 60).
    pub by_minute: BTreeMap<i64, u32>,
}

impl GateSummary {
    fn add(&mut self, record: &Record) -> Result<(), Failure> {
        self.revoked += u32::from(record.revoked_at.is_some());
        self.reissued += u32::from(record.serial > 0);
        self.conflicts += record.late_entries()?.len();
        self.conflicts += usize::from(record.redemption_conflict()?.is_some());
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
        self.conflicts += other.conflicts;
        self.last_at = self.last_at.max(other.last_at);
        for (minute, count) in other.by_minute {
            *self.by_minute.entry(minute).or_default() += count;
        }
        self
    }
}

impl Store {
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
        let gate = |item| {
            let (ticket, record) = keyed(item)?;
            Ok(Gate {
                ticket,
                used_at: record.used_at.map(time).transpose()?,
                revoked_at: record.revoked_at.map(time).transpose()?,
                serial: record.serial,
            })
        };
        let gates: Vec<Gate> =
            answer.items.unwrap_or_default().into_iter().map(gate).collect::<Result<_, Failure>>()?;
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
            .projection_expression("u, r, s, c, t, e")
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

    /// The conflicts of an event by the time of the entry, at most a thousand. Reads
    /// all of its gates, as [`Store::gate_summary`] does.
    pub async fn conflicts(&self, event: EventId) -> Result<Vec<Conflict>, Failure> {
        let shards = try_join_all((0..SHARDS).map(|shard| self.shard_conflicts(event, shard))).await?;
        let mut conflicts = shards.concat();
        conflicts.sort_by_key(|conflict| (conflict.scan.at, conflict.ticket));
        conflicts.truncate(MAX_CONFLICTS);
        Ok(conflicts)
    }

    async fn shard_conflicts(&self, event: EventId, shard: u16) -> Result<Vec<Conflict>, Failure> {
        let mut pages = self
            .client
            .query()
            .table_name(&*self.table)
            .key_condition_expression("PK = :pk")
            .filter_expression("attribute_exists(e) OR (attribute_exists(u) AND (attribute_exists(r) OR attribute_exists(c)))")
            .expression_attribute_values(":pk", string(keys::gate_partition(event, shard)))
            .into_paginator()
            .send();
        let mut conflicts = Vec::new();
        while let Some(page) = pages.try_next().await? {
            for item in page.items.unwrap_or_default() {
                let (ticket, gate) = keyed(item)?;
                conflicts.extend(gate.conflicts_of(ticket)?);
            }
        }
        Ok(conflicts)
    }

    /// The conflicts of these tickets, with every report that was confirmed before.
    /// One read unit for each ticket.
    pub async fn conflicts_of(&self, event: EventId, tickets: &[TicketId]) -> Result<Vec<Conflict>, Failure> {
        let gates = tickets.iter().map(|ticket| async {
            let gate = Record::read(self.get_item(&keys::gate(event, *ticket), true).await?)?;
            gate.conflicts_of(*ticket)
        });
        Ok(try_join_all(gates).await?.concat())
    }
}

/// The ticket of a gate's item, and the gate.
fn keyed(mut item: Item) -> Result<(TicketId, Record), Failure> {
    let Some(AttributeValue::S(sk)) = item.remove(keys::SK) else {
        return Err(Failure::unreadable("a gate without its key"));
    };
    Ok((TicketId::from_suffix(&sk).map_err(Failure::unreadable)?, from_item(item)?))
}
