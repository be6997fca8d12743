//! Transfers of tickets: `initiated ─accept→ accepted`, `initiated ─cancel or expiry→ over`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use uuid::Uuid;

use crate::event::{Event, EventStatus, event_cancelled};
use crate::order::{Order, Ticket};
use crate::{Error, EventId, Person, Result, TicketId, TransferId, UserId};

/// How long an offer is valid: 72 hours, and never beyond the time until which tickets change hands.
const OFFER: SignedDuration = SignedDuration::from_hours(72);

/// The state of a transfer, as it is stored; see [`Transfer::state_at`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TransferState {
    /// The receiver has the link and has not decided.
    Initiated,
    /// The receiver has the ticket.
    Accepted,
    /// The sender took the offer back.
    Cancelled,
    /// The receiver did not accept in time.
    Expired,
}

/// The offer of a ticket by its holder to another person.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// The transfer's id.
    pub id: TransferId,
    /// The sender's user id.
    pub from: UserId,
    /// The sender's address and name, for the receiver.
    pub sender: Person,
    /// The address to which the offer was mailed.
    pub to_email: String,
    /// The user who accepted it.
    pub to: Option<UserId>,
    /// The address and name of the user who accepted it, for mails.
    pub receiver: Option<Person>,
    /// The ticket that is offered.
    pub ticket: TicketId,
    /// The serial of the code that the transfer replaces.
    pub serial: u16,
    /// The buyer whose order has the ticket.
    pub buyer: UserId,
    /// The event of the ticket.
    pub event: EventId,
    /// The sender's reason, for the receiver.
    pub reason: Option<String>,
    /// The state, as it is stored.
    pub state: TransferState,
    /// When it was offered.
    pub created_at: Timestamp,
    /// When the offer expires.
    pub expires_at: Timestamp,
    /// When it was accepted or cancelled.
    pub decided_at: Option<Timestamp>,
}

/// Checks that `ticket` of `event` can change hands at `now`, as far as its order knows; only its
/// gate knows whether it was used.
pub fn transferable(event: &Event, ticket: &Ticket<'_>, now: Timestamp) -> Result<()> {
    if ticket.refunded {
        return Err(Error::conflict(
            "ticket_revoked",
            "This ticket was refunded; it is worth nothing any more.",
        ));
    }
    if event.status == EventStatus::Cancelled {
        return Err(event_cancelled());
    }
    if now >= event.starts_at {
        return Err(Error::conflict(
            "event_started",
            "The event has begun; its tickets can not change hands any more.",
        ));
    }
    if event.transfer_limit == 0 || now >= event.transfers_end() {
        return Err(Error::conflict(
            "transfers_closed",
            "The organiser lets the tickets of this event change hands no more, or not at all.",
        ));
    }
    if ticket.serial >= event.transfer_limit.into() {
        return Err(Error::conflict(
            "too_many_transfers",
            "This ticket has changed hands too often already. Ask the organiser.",
        ));
    }
    Ok(())
}

impl Transfer {
    /// A new offer at `now` of a ticket that is [`transferable`].
    pub fn offer(
        event: &Event,
        order: &Order,
        ticket: &Ticket<'_>,
        sender: Person,
        to_email: String,
        now: Timestamp,
    ) -> Self {
        Self {
            id: TransferId::generate(now),
            from: ticket.holder,
            sender,
            to_email,
            to: None,
            receiver: None,
            ticket: ticket.id,
            serial: ticket.serial,
            buyer: order.user,
            event: event.id,
            reason: None,
            state: TransferState::Initiated,
            created_at: now,
            expires_at: (now + OFFER).min(event.transfers_end()),
            decided_at: None,
        }
    }

    /// The state at `now`: an offer that ran out is expired, although that is not stored.
    pub fn state_at(&self, now: Timestamp) -> TransferState {
        match self.state {
            TransferState::Initiated if now >= self.expires_at => TransferState::Expired,
            state => state,
        }
    }

    /// Checks that the offer can be accepted or cancelled at `now`.
    pub fn open(&self, now: Timestamp) -> Result<()> {
        match self.state_at(now) {
            TransferState::Initiated => Ok(()),
            TransferState::Accepted => {
                Err(Error::conflict("transfer_accepted", "This ticket was accepted already."))
            }
            TransferState::Cancelled => {
                Err(Error::gone("transfer_cancelled", "The sender took this offer back."))
            }
            TransferState::Expired => Err(Error::gone(
                "transfer_expired",
                "This offer has run out. Ask its sender to offer the ticket again.",
            )),
        }
    }

    /// The transfer and the order after `to` accepts at `now`. Any user with the link may: it was
    /// mailed to one address, and people have several.
    ///
    /// # Errors
    /// If the offer is over, or the ticket is no longer the sender's, or was refunded, or `to` is
    /// the sender.
    pub fn accept(
        &self,
        order: &Order,
        to: UserId,
        receiver: Person,
        now: Timestamp,
    ) -> Result<(Self, Order)> {
        self.open(now)?;
        let ticket = order.tickets().find(|ticket| ticket.id == self.ticket);
        let ticket = ticket.filter(|ticket| {
            ticket.holder == self.from && ticket.serial == self.serial && !ticket.refunded && to != self.from
        });
        let Some(ticket) = ticket else {
            return Err(Error::conflict(
                "ticket_changed",
                "This ticket is not its sender's to give any more.",
            ));
        };
        let index = ticket.index;
        let mut after = order.clone();
        let change = after.transfer_ticket(index, to, now);
        let transfer = Self {
            state: TransferState::Accepted,
            to: Some(to),
            receiver: Some(receiver),
            decided_at: Some(now),
            ..self.clone()
        };
        Ok((transfer, after.written(&change, &[]).0))
    }
}

/// The content of an offer's link: the transfer, and our signature.
///
/// The text is 64 characters of base64url: 16 bytes sender, 16 bytes transfer,
/// and the first 16 bytes of an HMAC-SHA-256 over them. So the link needs no
/// item, and the table holds nothing with which an offer could be accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransferToken {
    /// The sender's user id.
    pub from: UserId,
    /// The transfer's id.
    pub transfer: TransferId,
}

const SIGNED_BYTES: usize = 32;
const TOKEN_BYTES: usize = SIGNED_BYTES + 16;

impl TransferToken {
    /// The length of the text in characters.
    pub const LENGTH: usize = TOKEN_BYTES / 3 * 4;

    /// The text, signed with `key`.
    pub fn encode(&self, key: &[u8; 32]) -> String {
        let mut bytes = [0; TOKEN_BYTES];
        bytes[..16].copy_from_slice(self.from.uuid().as_bytes());
        bytes[16..SIGNED_BYTES].copy_from_slice(self.transfer.uuid().as_bytes());
        let mac = mac(key, &bytes[..SIGNED_BYTES]).finalize().into_bytes();
        bytes[SIGNED_BYTES..].copy_from_slice(&mac[..TOKEN_BYTES - SIGNED_BYTES]);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads what [`TransferToken::encode`] wrote with the same key; `None` for any other text.
    pub fn decode(text: &str, key: &[u8; 32]) -> Option<Self> {
        let mut bytes = [0; TOKEN_BYTES];
        if text.len() != Self::LENGTH || URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()? != TOKEN_BYTES {
            return None;
        }
        let (signed, signature) = bytes.split_at(SIGNED_BYTES);
        mac(key, signed).verify_truncated_left(signature).ok()?;
        Some(Self {
            from: UserId::from_uuid(Uuid::from_slice(&signed[..16]).ok()?),
            transfer: TransferId::from_uuid(Uuid::from_slice(&signed[16..]).ok()?),
        })
    }
}

fn mac(key: &[u8; 32], signed: &[u8]) -> Hmac<Sha256> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(b"taquilla transfer\0");
    mac.update(signed);
    mac
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AreaId;
    use crate::pricing::fixture::event;
    use crate::testing::at;

    fn ticket(serial: u16) -> Ticket<'static> {
        Ticket {
            id: TicketId::from_uuid(Uuid::nil()),
            index: 0,
            area: AreaId::from_uuid(Uuid::nil()),
            seat: None,
            attendee: None,
            serial,
            refunded: false,
            holder: UserId::from_uuid(Uuid::nil()),
            transferred_at: None,
        }
    }

    #[test]
    fn the_event_says_how_often_and_until_when_tickets_change_hands() {
        let starts_at = event().starts_at;
        let before = |seconds: i64| starts_at - SignedDuration::from_secs(seconds);
        let closing = Some(before(60));
        for (transfer_limit, transfers_close_at, serial, now, expected) in [
            (3, None, 2, before(1), Ok(())),
            (3, None, 3, before(1), Err("too_many_transfers")),
            (3, None, 0, starts_at, Err("event_started")),
            (1, None, 0, before(1), Ok(())),
            (1, None, 1, before(1), Err("too_many_transfers")),
            (0, None, 0, at(0), Err("transfers_closed")),
            (3, closing, 0, before(61), Ok(())),
            (3, closing, 0, before(60), Err("transfers_closed")),
            (3, closing, 3, before(60), Err("transfers_closed")),
            (3, closing, 0, starts_at, Err("event_started")),
            // The start was moved by a request that did not know of the closing.
            (3, Some(starts_at + SignedDuration::from_secs(60)), 0, starts_at, Err("event_started")),
        ] {
            let event = Event { transfer_limit, transfers_close_at, ..event() };
            let answer = transferable(&event, &ticket(serial), now).map_err(|error| error.code());
            assert_eq!(answer, expected, "{transfer_limit} {transfers_close_at:?} {serial} {now}");
        }
        for status in [EventStatus::Draft, EventStatus::Postponed] {
            transferable(&Event { status, ..event() }, &ticket(0), at(0)).expect("tickets stay valid");
        }
        let cancelled = Event { status: EventStatus::Cancelled, ..event() };
        assert_eq!(
            transferable(&cancelled, &ticket(0), at(0)).expect_err("refused").code(),
            "event_cancelled"
        );
        let refunded = Ticket { refunded: true, ..ticket(0) };
        assert_eq!(transferable(&event(), &refunded, at(0)).expect_err("refused").code(), "ticket_revoked");
    }

    #[test]
    fn a_stored_event_without_rules_keeps_those_of_before() {
        let mut stored = serde_json::to_value(event()).expect("JSON");
        stored.as_object_mut().expect("an object").remove("transfer_limit");
        let event: Event = serde_json::from_value(stored).expect("an event");
        assert_eq!((event.transfer_limit, event.transfers_end()), (3, event.starts_at));
    }

    #[test]
    fn a_token_opens_with_its_key_only_and_no_changed_one_does() {
        let now = Timestamp::UNIX_EPOCH;
        let token = TransferToken { from: UserId::generate(now), transfer: TransferId::generate(now) };
        let text = token.encode(&[1; 32]);
        assert_eq!(text.len(), TransferToken::LENGTH);
        assert_eq!(TransferToken::decode(&text, &[1; 32]), Some(token));
        assert_eq!(TransferToken::decode(&text, &[2; 32]), None);
        for at in 0..text.len() {
            let other = if &text[at..=at] == "A" { "B" } else { "A" };
            let changed = format!("{}{other}{}", &text[..at], &text[at + 1..]);
            assert_eq!(TransferToken::decode(&changed, &[1; 32]), None, "{changed}");
        }
        assert_eq!(TransferToken::decode("", &[1; 32]), None);
    }
}
