//! The item of a gate, and what it says about a code.

use domain::late_entry::{LateEntry, TicketPast};
use domain::{DeviceId, OrderPart, SessionId, Timestamp, UserId};
use jiff::fmt::serde::timestamp::millisecond;
use serde::{Deserialize, Serialize};

use super::{Closed, Conflict, Scan};
use crate::failure::Item;
use crate::items::from_item;
use crate::{Failure, Result};

/// The item of a gate. Times are in milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Record {
    /// When the ticket was redeemed.
    #[serde(rename = "u", default, with = "millisecond::optional")]
    pub(super) used_at: Option<Timestamp>,
    #[serde(rename = "n")]
    nonce: Option<String>,
    #[serde(rename = "b")]
    by: Option<UserId>,
    #[serde(rename = "d")]
    device: Option<DeviceId>,
    #[serde(rename = "i")]
    session: Option<SessionId>,
    /// The serial of the code that redeemed it, if that was not the latest when
    /// the door reported it.
    #[serde(rename = "c")]
    pub(super) used_serial: Option<u16>,
    /// When the ticket was revoked.
    #[serde(rename = "r", default, with = "millisecond::optional")]
    pub(super) revoked_at: Option<Timestamp>,
    /// The serial of the ticket's latest code.
    #[serde(rename = "s", default)]
    pub(super) serial: u16,
    /// When each earlier code ended, in the order of their serials.
    #[serde(rename = "t", default)]
    ended: Vec<Moment>,
    /// Entries that were reported late and did not redeem the ticket.
    #[serde(rename = "e", default)]
    pub(super) entries: Vec<Entry>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
struct Moment(#[serde(with = "millisecond::required")] Timestamp);

/// An entry that did not redeem its ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    #[serde(rename = "u", with = "millisecond::required")]
    at: Timestamp,
    #[serde(rename = "n")]
    nonce: String,
    #[serde(rename = "b")]
    by: UserId,
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    device: Option<DeviceId>,
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    session: Option<SessionId>,
    #[serde(rename = "s")]
    pub(super) serial: u16,
}

impl Entry {
    pub(super) fn new(scan: &Scan, serial: u16) -> Self {
        let Scan { nonce, by, device, session, at } = scan.clone();
        Self { at, nonce, by, device, session, serial }
    }

    fn scan(&self) -> Scan {
        let Self { at, by, device, session, .. } = *self;
        Scan { nonce: self.nonce.clone(), by, device, session, at }
    }
}

impl Record {
    /// Reads a gate. Without an item, it is that of a ticket to which nothing happened.
    pub(super) fn read(item: Option<Item>) -> Result<Self> {
        item.map_or_else(|| Ok(Self::default()), from_item)
    }

    /// Why a code with this serial does not admit; `None` if it does.
    pub(super) fn closed(&self, serial: u16) -> Result<Option<Closed>> {
        if self.serial != serial {
            return Ok(Some(Closed::Superseded));
        }
        if let Some(at) = self.revoked_at {
            return Ok(Some(Closed::Revoked(at)));
        }
        Ok(self.scan()?.map(Closed::Used))
    }

    /// The scan that redeemed the ticket, if one did.
    pub(super) fn scan(&self) -> Result<Option<Scan>> {
        let Some(at) = self.used_at else { return Ok(None) };
        let missing = || Failure::unreadable("a redemption without its scan");
        Ok(Some(Scan {
            nonce: self.nonce.clone().ok_or_else(missing)?,
            by: self.by.ok_or_else(missing)?,
            device: self.device,
            session: self.session,
            at,
        }))
    }

    /// The scan that redeemed the ticket, if it was by the code with `serial` and `is_it`.
    pub(super) fn redemption(&self, serial: u16, is_it: impl Fn(&Scan) -> bool) -> Result<Option<Scan>> {
        Ok(self.scan()?.filter(|used| self.redeemed_serial() == serial && is_it(used)))
    }

    /// The conflict of the entry that `scan` of the code with `serial` reported before, if it is among
    /// the entries that did not redeem the ticket.
    pub(super) fn known_entry(&self, serial: u16, scan: &Scan) -> Option<LateEntry> {
        let is_it = |known: &Scan| known.is_repeated_by(scan) || known.is_left_for(scan);
        let mut late = self.late_entries();
        late.find(|(entry, _)| entry.serial == serial && is_it(&entry.scan())).map(|(_, late)| late)
    }

    /// True if the scanner of `scan` let a person in with this ticket before.
    pub(super) fn knows_scanner(&self, scan: &Scan) -> Result<bool> {
        let mut known = self.scan()?.into_iter().chain(self.entries.iter().map(Entry::scan));
        Ok(known.any(|other| other.by == scan.by && other.is_of_scanner(scan)))
    }

    /// The past of the ticket, as far as its code with `serial` is concerned.
    pub(super) fn past(&self, serial: u16) -> TicketPast {
        // If a code's end was not noted, it counts as over since 1970.
        let ended = || self.ended.get(usize::from(serial)).map_or(Timestamp::UNIX_EPOCH, |ended| ended.0);
        TicketPast {
            used_at: self.used_at,
            revoked_at: self.revoked_at,
            superseded_at: (serial < self.serial).then(ended),
        }
    }

    /// The conflict of the entry that redeemed the ticket, if that was reported late.
    pub(super) fn redemption_conflict(&self) -> Option<LateEntry> {
        TicketPast { used_at: None, ..self.past(self.redeemed_serial()) }.judge(self.used_at?)
    }

    /// The entries that did not redeem the ticket, with what they contradict.
    pub(super) fn late_entries(&self) -> impl Iterator<Item = (&Entry, LateEntry)> {
        self.entries.iter().filter_map(|entry| Some((entry, self.past(entry.serial).judge(entry.at)?)))
    }

    /// The conflicts of this gate, which is that of `part`.
    pub(super) fn conflicts_of(&self, part: OrderPart) -> Result<Vec<Conflict>> {
        let redeemed = self.scan()?.zip(self.redemption_conflict());
        let others = self.late_entries().map(|(entry, late)| (entry.scan(), late));
        Ok(redeemed.into_iter().chain(others).map(|(scan, late)| Conflict { part, scan, late }).collect())
    }

    fn redeemed_serial(&self) -> u16 {
        self.used_serial.unwrap_or(self.serial)
    }
}
