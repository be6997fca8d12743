//! Entries that a door reports after the fact, judged by when they happened.
//!
//! A scanner without the network lets people in on the strength of the signature
//! alone. What it reports later did happen, whatever became of the ticket
//! meanwhile: it is never dropped, and what it contradicts is told.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What an entry contradicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConflictKind {
    /// The ticket was refunded: its money is gone, or on its way.
    Refunded,
    /// The ticket got another code, for a new holder or instead of a lost one.
    Transferred,
    /// Another scan used the ticket.
    UsedTwice,
}

/// What happened to a ticket until now, as far as one of its codes is concerned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TicketPast {
    /// When a scan used it.
    pub used_at: Option<Timestamp>,
    /// When it was refunded.
    pub revoked_at: Option<Timestamp>,
    /// When another code took the place of this one.
    pub superseded_at: Option<Timestamp>,
}

/// What an entry means that became known late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LateEntry {
    /// What it contradicts.
    pub kind: ConflictKind,
    /// When that happened.
    pub since: Timestamp,
    /// Whether the ticket was valid when its holder entered.
    pub was_valid: bool,
    /// Whether it uses the ticket up, because no other scan did.
    pub redeems: bool,
}

impl TicketPast {
    /// What an entry at `at` means; `None` if nothing contradicts it.
    ///
    /// What made the ticket worthless before the entry goes before what did so
    /// after it, and money before people.
    pub fn judge(&self, at: Timestamp) -> Option<LateEntry> {
        let happened = [
            (ConflictKind::Refunded, self.revoked_at),
            (ConflictKind::Transferred, self.superseded_at),
            (ConflictKind::UsedTwice, self.used_at),
        ];
        let happened = happened.into_iter().filter_map(|(kind, since)| Some((kind, since?)));
        let (before, after): (Vec<_>, Vec<_>) = happened.partition(|(_, since)| *since <= at);
        let was_valid = before.is_empty();
        let (kind, since) = before.into_iter().chain(after).next()?;
        Some(LateEntry { kind, since, was_valid, redeems: was_valid && self.used_at.is_none() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    fn past(used: Option<i64>, revoked: Option<i64>, superseded: Option<i64>) -> TicketPast {
        TicketPast { used_at: used.map(at), revoked_at: revoked.map(at), superseded_at: superseded.map(at) }
    }

    #[test]
    fn an_entry_is_judged_by_when_it_happened() {
        use ConflictKind::{Refunded, Transferred, UsedTwice};
        let check = |past: TicketPast, entered, expected: Option<(ConflictKind, i64, bool, bool)>| {
            let late = past.judge(at(entered));
            let late = late.map(|late| (late.kind, late.since.as_second(), late.was_valid, late.redeems));
            assert_eq!(late, expected, "{past:?} {entered}");
        };
        check(past(None, None, None), 5, None);
        // In, and refunded or handed on afterwards: the ticket is used all the same.
        check(past(None, Some(9), None), 5, Some((Refunded, 9, true, true)));
        check(past(None, None, Some(9)), 5, Some((Transferred, 9, true, true)));
        check(past(None, Some(12), Some(9)), 5, Some((Refunded, 12, true, true)));
        // In with what was worthless already.
        check(past(None, Some(3), None), 5, Some((Refunded, 3, false, false)));
        check(past(None, None, Some(5)), 5, Some((Transferred, 5, false, false)));
        check(past(None, Some(9), Some(3)), 5, Some((Transferred, 3, false, false)));
        // Two people with one ticket, whoever came first.
        check(past(Some(3), None, None), 5, Some((UsedTwice, 3, false, false)));
        check(past(Some(9), None, None), 5, Some((UsedTwice, 9, true, false)));
        // The old holder was in before the new one, and the new one is in as well.
        check(past(Some(9), None, Some(7)), 5, Some((Transferred, 7, true, false)));
        check(past(Some(3), None, Some(7)), 9, Some((Transferred, 7, false, false)));
    }
}
