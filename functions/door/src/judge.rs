//! The verdict about a scanned code.

use domain::event::Event;
use domain::late_entry::{ConflictKind, LateEntry};
use domain::seat::SeatLabel;
use domain::ticket::{AreaTag, CodeRefused, TicketCode, verify};
use domain::{DeviceId, Language, Result, TicketId, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use store::{Closed, Redemption, Report, Scan, StoredEvent};

use crate::State;

/// Whether the holder of a ticket may enter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// The holder may enter.
    Admitted,
    /// The holder may not enter; `reason` says why.
    Refused,
}

/// Why the holder may not enter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reason {
    /// The ticket was already used; `first_scan_at` says when.
    AlreadyUsed,
    /// The ticket is for another event.
    WrongEvent,
    /// The ticket is void: it was refunded, or its payment was taken back.
    Revoked,
    /// The ticket was handed on; its new holder has a new code.
    Transferred,
    /// The code looks like a ticket's, but its signature is not ours.
    Forged,
    /// The text is not the code of a ticket.
    Malformed,
}

/// The verdict about a scan. A scan that is sent again gets the same verdict.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Verdict {
    /// Whether the holder may enter.
    pub(crate) result: Outcome,
    /// Why the holder may not enter; absent if they may.
    pub(crate) reason: Option<Reason>,
    /// A sentence for the staff at the door, in the event's language.
    pub(crate) message: String,
    /// The ticket's id, if the code is genuine.
    pub(crate) ticket_id: Option<TicketId>,
    /// Name of the ticket's area.
    pub(crate) area: Option<String>,
    /// The ticket's seat; absent for admissions.
    pub(crate) seat: Option<SeatLabel>,
    /// How many people may enter with the ticket, such as all at a table.
    pub(crate) admits: Option<u8>,
    /// When the scan that admitted was made.
    pub(crate) scanned_at: Option<Timestamp>,
    /// When the ticket was used before; only with the reason `already_used`.
    pub(crate) first_scan_at: Option<Timestamp>,
    /// The paired scanner that used it before; absent if that was not paired.
    pub(crate) first_device_id: Option<DeviceId>,
    /// For an entry that was reported later: the refund, transfer or other entry that it contradicts.
    /// The entry is kept, and listed among the event's conflicts.
    pub(crate) conflict: Option<ConflictKind>,
}

/// Reads the code `text` at a door of `event`.
///
/// # Errors
/// The verdict that refuses it, if it is no genuine code of this event.
pub(crate) fn read(
    state: &State,
    event: &Event,
    text: &str,
) -> std::result::Result<TicketCode, Box<Verdict>> {
    Err(Box::new(match verify(text, &state.ticket_keys) {
        Ok(code) if code.event == event.id => return Ok(code),
        Ok(code) => Verdict { ticket_id: Some(code.ticket), ..refused(event, Reason::WrongEvent) },
        Err(CodeRefused::Malformed) => refused(event, Reason::Malformed),
        Err(CodeRefused::Forged) => refused(event, Reason::Forged),
    }))
}

/// Judges the code of a holder who stands at the door, and uses up the ticket if it admits.
pub(crate) async fn judge(
    state: &State,
    sheet: &StoredEvent,
    code: TicketCode,
    scan: &Scan,
) -> Result<Verdict> {
    let redemption = state.store.redeem(sheet.event.id, code.ticket, code.serial, scan).await?;
    Ok(of_ticket(sheet, code, redemption))
}

/// Judges a scan that was made some time ago; `let_in` is the scanner's word on whether the holder
/// entered.
pub(crate) async fn judge_late(
    state: &State,
    sheet: &StoredEvent,
    code: TicketCode,
    scan: &Scan,
    let_in: Option<bool>,
) -> Result<Verdict> {
    let report = state.store.report(sheet.event.id, code.ticket, code.serial, let_in, scan).await?;
    let Report { redemption, conflict } = report;
    let mut verdict = of_ticket(sheet, code, redemption);
    if let Some(late) = conflict {
        verdict.conflict = Some(late.kind);
        verdict.message.push_str(in_conflict(sheet.event.language, &late));
    }
    Ok(verdict)
}

fn of_ticket(sheet: &StoredEvent, code: TicketCode, redemption: Redemption) -> Verdict {
    let event = &sheet.event;
    let verdict = match redemption {
        Redemption::Admitted(at) => Verdict { scanned_at: Some(at), ..admitted() },
        Redemption::Refused(Closed::Used(first)) => Verdict {
            message: already_used(event, first.at),
            first_scan_at: Some(first.at),
            first_device_id: first.device,
            ..refused(event, Reason::AlreadyUsed)
        },
        Redemption::Refused(Closed::Revoked(_)) => refused(event, Reason::Revoked),
        Redemption::Refused(Closed::Superseded) => refused(event, Reason::Transferred),
    };
    let area = sheet.areas.iter().find(|area| AreaTag::of(area.id) == code.area);
    let mut verdict = Verdict {
        ticket_id: Some(code.ticket),
        area: area.map(|area| area.area_name.clone()),
        seat: code.seat,
        admits: area.map(|area| area.unit_capacity),
        ..verdict
    };
    if verdict.result == Outcome::Admitted {
        verdict.message = welcome(event.language, &verdict);
    }
    verdict
}

fn admitted() -> Verdict {
    Verdict {
        result: Outcome::Admitted,
        reason: None,
        message: String::new(),
        ticket_id: None,
        area: None,
        seat: None,
        admits: None,
        scanned_at: None,
        first_scan_at: None,
        first_device_id: None,
        conflict: None,
    }
}

fn in_conflict(language: Language, late: &LateEntry) -> &'static str {
    let [es, en] = match (late.kind, late.was_valid) {
        (ConflictKind::Refunded, true) => {
            [" Entró antes de que se reembolsara.", " Its holder entered before it was refunded."]
        }
        (ConflictKind::Refunded, false) => {
            [" Entró aunque ya se había reembolsado.", " Its holder entered although it was refunded."]
        }
        (ConflictKind::Transferred, true) => {
            [" Entró antes de que pasara a otra persona.", " Its holder entered before it was handed on."]
        }
        (ConflictKind::Transferred, false) => {
            [" Entró aunque ya era de otra persona.", " Its former holder entered although it was handed on."]
        }
        (ConflictKind::UsedTwice, _) => {
            [" Con esta entrada entraron dos veces.", " It let somebody in twice."]
        }
    };
    if language == Language::Es { es } else { en }
}

fn refused(event: &Event, reason: Reason) -> Verdict {
    let [es, en] = match reason {
        Reason::AlreadyUsed => ["Esta entrada ya se usó.", "This ticket was used already."],
        Reason::WrongEvent => ["Esta entrada es de otro evento.", "This ticket is for another event."],
        Reason::Revoked => {
            ["Esta entrada se reembolsó; ya no vale.", "This ticket was refunded; it is void."]
        }
        Reason::Transferred => [
            "Esta entrada pasó a otra persona; este código ya no vale.",
            "This ticket was handed on; this code is void.",
        ],
        Reason::Forged => ["Este código no es nuestro.", "This code is not one of ours."],
        Reason::Malformed => ["Esto no es el código de una entrada.", "This is not the code of a ticket."],
    };
    let message = if event.language == Language::Es { es } else { en }.to_owned();
    Verdict { result: Outcome::Refused, reason: Some(reason), message, ..admitted() }
}

fn welcome(language: Language, verdict: &Verdict) -> String {
    let es = language == Language::Es;
    let mut text = if es { "Adelante" } else { "Welcome" }.to_owned();
    let mut join = ':';
    let mut add = |part: String| {
        text.extend([join, ' ']);
        text.push_str(&part);
        join = ',';
    };
    if let Some(area) = &verdict.area {
        add(area.clone());
    }
    if let Some(seat) = &verdict.seat {
        add(if es { format!("asiento {seat}") } else { format!("seat {seat}") });
    }
    if let Some(people @ 2..) = verdict.admits {
        add(if es { format!("{people} personas") } else { format!("{people} people") });
    }
    text.push('.');
    text
}

/// The message with the time of the first scan, in the venue's time zone.
fn already_used(event: &Event, at: Timestamp) -> String {
    let time = match at.in_tz(&event.time_zone) {
        Ok(time) => time.strftime("%d/%m %H:%M:%S").to_string(),
        Err(_) => at.to_string(),
    };
    match event.language {
        Language::Es => format!("Esta entrada ya se usó el {time}."),
        Language::En => format!("This ticket was used already on {time}."),
    }
}
