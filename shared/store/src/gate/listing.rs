//! Lists and counts over all gates of an event, for doors, organisers and offline scanners.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::late_entry::LateEntry;
use domain::{EventId, OrderPart, Timestamp};
use futures::future::try_join_all;

use super::Scan;
use super::record::Record;
use crate::failure::Item;
use crate::items::from_item;
use crate::keys::{self, SHARDS};
use crate::{Failure, Result, Store};

/// Gates in one page of [`Store::gates`].
const PAGE: i32 = 1000;
/// Most conflicts that [`Store::conflicts`] returns.
const MAX_CONFLICTS: usize = 1000;

/// The gate of a ticket or voucher to which something happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gate {
    /// The ticket or voucher.
    pub part: OrderPart,
    /// When it was redeemed, if it was.
    pub used_at: Option<Timestamp>,
    /// When it was refunded, if it was.
    pub revoked_at: Option<Timestamp>,
    /// Serial of its latest code; older ones do not admit.
    pub serial: u16,
}

/// A cursor in the list of an event's gates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GateCursor {
    shard: u16,
    after: Option<OrderPart>,
}

impl GateCursor {
    /// The cursor of the first page.
    pub const START: Self = Self { shard: 0, after: None };
}

impl std::fmt::Display for GateCursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.shard)?;
        self.after.map_or(Ok(()), |part| write!(f, ".{}", part.suffix()))
    }
}

impl std::str::FromStr for GateCursor {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let problem = "Must be the `next_cursor` of an earlier page, unchanged.";
        let (shard, after) = match text.split_once('.') {
            Some((shard, after)) => (shard, Some(OrderPart::from_suffix(after).map_err(|_| problem)?)),
            None => (text, None),
        };
        let shard = shard.parse().ok().filter(|shard| *shard < SHARDS).ok_or(problem)?;
        Ok(Self { shard, after })
    }
}

/// An entry that was reported late and contradicts what happened to its ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The ticket or voucher.
    pub part: OrderPart,
    /// The scan that let the ticket's holder in, or handed the product out.
    pub scan: Scan,
    /// The kind of the contradiction, and since when it is one.
    pub late: LateEntry,
}

/// Counts over all gates of an event: those of tickets, and what was handed out apart from them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GateSummary {
    /// Number of redeemed tickets.
    pub admitted: u32,
    /// Number of refunded tickets.
    pub revoked: u32,
    /// Number of tickets with another code than their first.
    pub reissued: u32,
    /// Number of entries that were reported late and contradict what happened to their tickets.
    pub conflicts: usize,
    /// When a ticket was redeemed last; `None` if none was.
    pub last_at: Option<Timestamp>,
    /// Number of redeemed tickets by minute (seconds since 1970, divided by 60).
    pub by_minute: BTreeMap<i64, u32>,
    /// Number of vouchers for which the product was handed out.
    pub handed_out: u32,
    /// Number of refunded vouchers.
    pub vouchers_revoked: u32,
}

impl GateSummary {
    fn add(&mut self, part: OrderPart, record: &Record) {
        self.conflicts += record.late_entries().count();
        self.conflicts += usize::from(record.redemption_conflict().is_some());
        if part.voucher().is_some() {
            self.vouchers_revoked += u32::from(record.revoked_at.is_some());
            self.handed_out += u32::from(record.used_at.is_some());
            return;
        }
        self.revoked += u32::from(record.revoked_at.is_some());
        self.reissued += u32::from(record.serial > 0);
        if let Some(used) = record.used_at {
            self.admitted += 1;
            self.last_at = self.last_at.max(Some(used));
            *self.by_minute.entry(used.as_millisecond().div_euclid(60_000)).or_default() += 1;
        }
    }

    fn merge(mut self, other: Self) -> Self {
        self.admitted += other.admitted;
        self.revoked += other.revoked;
        self.reissued += other.reissued;
        self.conflicts += other.conflicts;
        self.handed_out += other.handed_out;
        self.vouchers_revoked += other.vouchers_revoked;
        self.last_at = self.last_at.max(other.last_at);
        for (minute, count) in other.by_minute {
            *self.by_minute.entry(minute).or_default() += count;
        }
        self
    }
}

impl Store {
    /// A page of the gates of an event, and the cursor of the next page.
    pub async fn gates(&self, event: EventId, from: GateCursor) -> Result<(Vec<Gate>, Option<GateCursor>)> {
        let GateCursor { shard, after } = from;
        let start = after.map(|part| keys::Key::new(keys::gate_partition(event, shard), part.suffix()));
        let answer = self
            .query_of(keys::gate_partition(event, shard))
            .key_condition_expression("PK = :pk")
            .projection_expression("SK, u, r, s")
            .set_exclusive_start_key(start.map(|key| key.attributes()))
            .limit(PAGE)
            .send()
            .await?;
        let gate = |item| {
            let (part, record) = keyed(item)?;
            Ok(Gate { part, used_at: record.used_at, revoked_at: record.revoked_at, serial: record.serial })
        };
        let gates: Vec<Gate> =
            answer.items.unwrap_or_default().into_iter().map(gate).collect::<Result<_>>()?;
        let next = match (answer.last_evaluated_key, gates.last()) {
            (Some(_), Some(last)) => Some(GateCursor { shard, after: Some(last.part) }),
            _ => Some(GateCursor { shard: shard + 1, after: None }).filter(|next| next.shard < SHARDS),
        };
        Ok((gates, next))
    }

    /// The counts over all gates of an event. Reads all of them: half a read unit for about 30.
    pub async fn gate_summary(&self, event: EventId) -> Result<GateSummary> {
        let shards = try_join_all((0..SHARDS).map(|shard| self.shard_summary(event, shard))).await?;
        Ok(shards.into_iter().fold(GateSummary::default(), GateSummary::merge))
    }

    async fn shard_summary(&self, event: EventId, shard: u16) -> Result<GateSummary> {
        let mut pages = self
            .query_of(keys::gate_partition(event, shard))
            .key_condition_expression("PK = :pk")
            .projection_expression("SK, u, r, s, c, t, e")
            .into_paginator()
            .send();
        // Page by page: a stadium's gates would be too many at once.
        let mut summary = GateSummary::default();
        while let Some(page) = pages.try_next().await? {
            for item in page.items.unwrap_or_default() {
                let (part, record) = keyed(item)?;
                summary.add(part, &record);
            }
        }
        Ok(summary)
    }

    /// The conflicts of an event, sorted by the time of the entry, at most a thousand. Reads all of its
    /// gates, as [`Store::gate_summary`] does.
    pub async fn conflicts(&self, event: EventId) -> Result<Vec<Conflict>> {
        let shards = try_join_all((0..SHARDS).map(|shard| self.shard_conflicts(event, shard))).await?;
        let mut conflicts = shards.concat();
        conflicts.sort_by_key(|conflict| (conflict.scan.at, conflict.part));
        conflicts.truncate(MAX_CONFLICTS);
        Ok(conflicts)
    }

    async fn shard_conflicts(&self, event: EventId, shard: u16) -> Result<Vec<Conflict>> {
        let mut pages = self
            .query_of(keys::gate_partition(event, shard))
            .key_condition_expression("PK = :pk")
            .filter_expression("attribute_exists(e) OR (attribute_exists(u) AND (attribute_exists(r) OR attribute_exists(c)))")
            .into_paginator()
            .send();
        let mut conflicts = Vec::new();
        while let Some(page) = pages.try_next().await? {
            for item in page.items.unwrap_or_default() {
                let (part, gate) = keyed(item)?;
                conflicts.extend(gate.conflicts_of(part)?);
            }
        }
        Ok(conflicts)
    }

    /// The conflicts of these tickets and vouchers, read consistently. One read unit for each.
    pub async fn conflicts_of(&self, event: EventId, parts: &[OrderPart]) -> Result<Vec<Conflict>> {
        let gates = parts.iter().map(|part| async {
            let gate = Record::read(self.get_item(&keys::gate(event, *part), true).await?)?;
            gate.conflicts_of(*part)
        });
        Ok(try_join_all(gates).await?.concat())
    }
}

/// The ticket or voucher of a gate's item, from its key, and the gate.
fn keyed(mut item: Item) -> Result<(OrderPart, Record)> {
    let Some(AttributeValue::S(sk)) = item.remove(keys::SK) else {
        return Err(Failure::unreadable("a gate without its key"));
    };
    Ok((OrderPart::from_suffix(&sk).map_err(Failure::unreadable)?, from_item(item)?))
}
