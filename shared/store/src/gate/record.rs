//! The item of a gate, and what it says about a code.

use domain::late_entry::{LateEntry, TicketPast};
use domain::{DeviceId, SessionId, TicketId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use super::{Closed, Conflict, Scan};
use crate::Failure;
use crate::failure::Item;
use crate::items::from_item;

/// The item of a gate. Times are in milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// When the ticket was redeemed.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub(super) used_at: Option<i64>,
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    nonce: Option<String>,
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    by: Option<UserId>,
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    device: Option<DeviceId>,
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    session: Option<SessionId>,
    /// The serial of the code that redeemed it, if that was not the latest when
    /// the door reported it.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub(super) used_serial: Option<u16>,
    /// When the ticket was revoked.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub(super) revoked_at: Option<i64>,
    /// The serial of the ticket's latest code.
    #[serde(rename = "s", default)]
    pub(super) serial: u16,
    /// When each earlier code ended, in the order of their serials.
    #[serde(rename = "t", default, skip_serializing_if = "Vec::is_empty")]
    ended: Vec<i64>,
    /// Entries that were reported late and did not redeem the ticket.
    #[serde(rename = "e", default, skip_serializing_if = "Vec::is_empty")]
    pub(super) entries: Vec<Entry>,
}

/// An entry that did not redeem its ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    #[serde(rename = "u")]
    at: i64,
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
        Self { at: at.as_millisecond(), nonce, by, device, session, serial }
    }

    fn scan(&self) -> Result<Scan, Failure> {
        let Self { by, device, session, .. } = *self;
        Ok(Scan { nonce: self.nonce.clone(), by, device, session, at: time(self.at)? })
    }
}

impl Record {
    /// Reads a gate. Without an item, it is that of a ticket to which nothing happened.
    pub(super) fn read(item: Option<Item>) -> Result<Self, Failure> {
        item.map_or_else(|| Ok(Self::default()), from_item)
    }

    /// Why a code with this serial does not admit; `None` if it does.
    pub(super) fn closed(&self, serial: u16) -> Result<Option<Closed>, Failure> {
        if self.serial != serial {
            return Ok(Some(Closed::Superseded));
        }
        if let Some(at) = self.revoked_at {
            return Ok(Some(Closed::Revoked(time(at)?)));
        }
        Ok(self.scan()?.map(Closed::Used))
    }

    /// The scan that redeemed the ticket, if one did.
    pub(super) fn scan(&self) -> Result<Option<Scan>, Failure> {
        let Some(at) = self.used_at else { return Ok(None) };
        let missing = || Failure::unreadable("a redemption without its scan");
        Ok(Some(Scan {
            nonce: self.nonce.clone().ok_or_else(missing)?,
            by: self.by.ok_or_else(missing)?,
            device: self.device,
            session: self.session,
            at: time(at)?,
        }))
    }

    /// The scan that redeemed the ticket, if it was by the code with `serial` and `is_it`.
    pub(super) fn redemption(
        &self,
        serial: u16,
        is_it: impl Fn(&Scan) -> bool,
    ) -> Result<Option<Scan>, Failure> {
        Ok(self.scan()?.filter(|used| self.redeemed_serial() == serial && is_it(used)))
    }

    /// The conflict of the entry that `scan` of the code with `serial` reported before, if it is among
    /// the entries that did not redeem the ticket.
    pub(super) fn known_entry(&self, serial: u16, scan: &Scan) -> Result<Option<LateEntry>, Failure> {
        for (entry, late) in self.late_entries()? {
            let known = entry.scan()?;
            if entry.serial == serial && (known.is_repeated_by(scan) || known.is_left_for(scan)) {
                return Ok(Some(late));
            }
        }
        Ok(None)
    }

    /// True if the scanner of `scan` let a person in with this ticket before.
    pub(super) fn knows_scanner(&self, scan: &Scan) -> Result<bool, Failure> {
        let mut known = self.scan()?.into_iter().map(Ok).chain(self.entries.iter().map(Entry::scan));
        known.try_fold(false, |knows, other| {
            let other = other?;
            Ok(knows || (other.by == scan.by && other.is_of_scanner(scan)))
        })
    }

    /// The past of the ticket, as far as its code with `serial` is concerned.
    pub(super) fn past(&self, serial: u16) -> Result<TicketPast, Failure> {
        let ended = self.ended.get(usize::from(serial)).copied();
        // If a code's end was not noted, it counts as over since 1970.
        let superseded = (serial < self.serial).then(|| ended.unwrap_or(0));
        Ok(TicketPast {
            used_at: self.used_at.map(time).transpose()?,
            revoked_at: self.revoked_at.map(time).transpose()?,
            superseded_at: superseded.map(time).transpose()?,
        })
    }

    /// The conflict of the entry that redeemed the ticket, if that was reported late.
    pub(super) fn redemption_conflict(&self) -> Result<Option<LateEntry>, Failure> {
        let Some(at) = self.used_at else { return Ok(None) };
        Ok(TicketPast { used_at: None, ..self.past(self.redeemed_serial())? }.judge(time(at)?))
    }

    /// The entries that did not redeem the ticket, with what they contradict.
    pub(super) fn late_entries(&self) -> Result<Vec<(&Entry, LateEntry)>, Failure> {
        let mut late = Vec::with_capacity(self.entries.len());
        for entry in &self.entries {
            late.extend(self.past(entry.serial)?.judge(time(entry.at)?).map(|judged| (entry, judged)));
        }
        Ok(late)
    }

    /// The conflicts of this gate, which is that of `ticket`.
    pub(super) fn conflicts_of(&self, ticket: TicketId) -> Result<Vec<Conflict>, Failure> {
        let redeemed = self.scan()?.zip(self.redemption_conflict()?);
        let mut conflicts: Vec<_> =
            redeemed.into_iter().map(|(scan, late)| Conflict { ticket, scan, late }).collect();
        for (entry, late) in self.late_entries()? {
            conflicts.push(Conflict { ticket, scan: entry.scan()?, late });
        }
        Ok(conflicts)
    }

    fn redeemed_serial(&self) -> u16 {
        self.used_serial.unwrap_or(self.serial)
    }
}

pub(super) fn time(millisecond: i64) -> Result<Timestamp, Failure> {
    Timestamp::from_millisecond(millisecond).map_err(Failure::unreadable)
}
