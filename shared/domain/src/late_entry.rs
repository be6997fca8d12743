//! Entries that a scanner reports late, judged by when they happened.
//!
//! A scanner without network checks only the signature of a code. The entry that it reports later
//! did happen, even if the ticket was refunded or transferred meanwhile: it is never dropped, and
//! its conflict is reported.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The conflict between a late entry and the ticket's history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConflictKind {
    /// The ticket was refunded: its money is returned, or on its way back.
    Refunded,
    /// The ticket got another code, for a new holder or instead of a lost one.
    Transferred,
    /// Another scan used the ticket.
    UsedTwice,
}

/// The history of a ticket, for one of its codes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TicketPast {
    /// When a scan used the ticket.
    pub used_at: Option<Timestamp>,
    /// When the ticket was refunded.
    pub revoked_at: Option<Timestamp>,
    /// When a newer code replaced this one.
    pub superseded_at: Option<Timestamp>,
}

/// The judgement of an entry that was reported late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LateEntry {
    /// The conflict with the ticket's history.
    pub kind: ConflictKind,
    /// When the refund, the transfer or the other scan happened.
    pub since: Timestamp,
    /// Whether the ticket was valid when its holder entered.
    pub was_valid: bool,
    /// Whether the entry uses the ticket up: it was valid, and no other scan used it.
    pub redeems: bool,
}

impl TicketPast {
    /// The judgement of an entry at `at`; `None` if it has no conflict.
    ///
    /// A conflict from before the entry takes precedence over a later one; otherwise a refund over
    /// a transfer, and that over another scan.
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
    use crate::testing::at;

    fn past(used: Option<i64>, revoked: Option<i64>, superseded: Option<i64>) -> TicketPast {
        TicketPast { used_at: used.map(at), revoked_at: revoked.map(at), superseded_at: superseded.map(at) }
    }

    #[test]
    fn an_entry_is_judged_by_when_it_happened() {
        use ConflictKind::{Refunded, Transferred, UsedTwice};
        let check = |past: TicketPast, entered, expected: Option<(ConflictKind, i64, bool, bool)>| {
            let expected = expected.map(|(kind, since, was_valid, redeems)| LateEntry {
                kind,
                since: at(since),
                was_valid,
                redeems,
            });
            assert_eq!(past.judge(at(entered)), expected, "{past:?} {entered}");
        };
        check(past(None, None, None), 5, None);
        // Entered, and refunded or transferred afterwards: the ticket is used all the same.
        check(past(None, Some(9), None), 5, Some((Refunded, 9, true, true)));
        check(past(None, None, Some(9)), 5, Some((Transferred, 9, true, true)));
        check(past(None, Some(12), Some(9)), 5, Some((Refunded, 12, true, true)));
        // Entered with a ticket that was invalid already.
        check(past(None, Some(3), None), 5, Some((Refunded, 3, false, false)));
        check(past(None, None, Some(5)), 5, Some((Transferred, 5, false, false)));
        check(past(None, Some(9), Some(3)), 5, Some((Transferred, 3, false, false)));
        // Two entries with one ticket, in either order.
        check(past(Some(3), None, None), 5, Some((UsedTwice, 3, false, false)));
        check(past(Some(9), None, None), 5, Some((UsedTwice, 9, true, false)));
        // Transferred, and also used by another scan before or after that.
        check(past(Some(9), None, Some(7)), 5, Some((Transferred, 7, true, false)));
        check(past(Some(3), None, Some(7)), 9, Some((Transferred, 7, false, false)));
    }
}
