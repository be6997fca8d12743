//! The verdict about a scanned code: a ticket's, which admits, or a voucher's, for which a product is
//! handed out.

use domain::event::Event;
use domain::late_entry::{ConflictKind, LateEntry};
use domain::seat::SeatLabel;
use domain::ticket::{AreaTag, CodeRefused, TicketCode, VariantTag, VoucherCode, verify, verify_voucher};
use domain::{DeviceId, Language, OrderPart, Result, TicketId, Timestamp, VariantId, VoucherId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{Closed, Redemption, Report, Scan, StoredEvent};

use crate::State;

/// A kind of code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CodeKind {
    /// A ticket, which admits its holder.
    Ticket,
    /// A voucher, for which a product is handed out.
    Voucher,
}

/// What a scanner takes: where people come in, tickets; at a bar, vouchers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Accepted<'a> {
    pub(crate) kinds: &'a [CodeKind],
    /// The only variants that are handed out there; all without it.
    pub(crate) variants: Option<&'a [VariantId]>,
}

impl Accepted<'_> {
    fn takes(&self, code: &Code) -> bool {
        match code {
            Code::Ticket(_) => self.kinds.contains(&CodeKind::Ticket),
            Code::Voucher(code) => {
                let is_here = |ids: &[VariantId]| ids.iter().any(|id| VariantTag::of(*id) == code.variant);
                self.kinds.contains(&CodeKind::Voucher) && self.variants.is_none_or(is_here)
            }
        }
    }
}

/// What a scanner takes that does not say it.
pub(crate) fn tickets_only() -> Vec<CodeKind> {
    vec![CodeKind::Ticket]
}

/// A genuine code.
#[derive(Debug, Clone)]
pub(crate) enum Code {
    /// A ticket's.
    Ticket(TicketCode),
    /// A voucher's.
    Voucher(VoucherCode),
}

impl Code {
    /// The ticket or voucher.
    pub(crate) fn part(&self) -> OrderPart {
        match self {
            Self::Ticket(code) => code.ticket.into(),
            Self::Voucher(code) => code.voucher.into(),
        }
    }

    /// A voucher has only one code.
    fn serial(&self) -> u16 {
        match self {
            Self::Ticket(code) => code.serial,
            Self::Voucher(_) => 0,
        }
    }

    fn kind(&self) -> CodeKind {
        match self {
            Self::Ticket(_) => CodeKind::Ticket,
            Self::Voucher(_) => CodeKind::Voucher,
        }
    }

    /// The genuine code of a scanned text.
    fn read(state: &State, text: &str) -> std::result::Result<Self, CodeRefused> {
        match verify(text, &state.ticket_keys) {
            Ok(code) => Ok(Self::Ticket(code)),
            Err(CodeRefused::Forged) => Err(CodeRefused::Forged),
            Err(CodeRefused::Malformed) => verify_voucher(text, &state.ticket_keys).map(Self::Voucher),
        }
    }

    fn is_of(&self, event: &Event) -> bool {
        match self {
            Self::Ticket(code) => code.event == event.id,
            Self::Voucher(code) => code.event == event.id,
        }
    }
}

/// Whether the holder of a ticket may enter, or a product is handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// The holder may enter, or gets the product.
    Admitted,
    /// The holder may not enter, or gets nothing; `reason` says why.
    Refused,
}

/// Why the holder may not enter, or gets nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reason {
    /// The ticket or voucher was already used; `first_scan_at` says when.
    AlreadyUsed,
    /// The ticket or voucher is for another event.
    WrongEvent,
    /// It is a voucher at a door, a ticket at a bar, or a voucher for what is not handed out here. It was
    /// not used up.
    WrongKind,
    /// The ticket or voucher is void: it was refunded, or its payment was taken back.
    Revoked,
    /// The ticket was handed on; its new holder has a new code.
    Transferred,
    /// The code looks like a ticket's or voucher's, but its signature is not ours.
    Forged,
    /// The text is not the code of a ticket or voucher.
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
    /// Whether the code is a ticket's or a voucher's, if it is genuine.
    pub(crate) kind: Option<CodeKind>,
    /// The ticket's id, if it is a genuine code of one.
    pub(crate) ticket_id: Option<TicketId>,
    /// The voucher's id, if it is a genuine code of one.
    pub(crate) voucher_id: Option<VoucherId>,
    /// What is handed out for the voucher.
    pub(crate) product: Option<String>,
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

/// Reads the code `text` at a door of `event` that takes these kinds.
///
/// # Errors
/// The verdict that refuses it, if it is no genuine code of this event, or none that is taken here.
pub(crate) fn read(
    state: &State,
    event: &Event,
    text: &str,
    accepted: Accepted<'_>,
) -> std::result::Result<Code, Box<Verdict>> {
    let (reason, code) = match Code::read(state, text) {
        Ok(code) if !code.is_of(event) => (Reason::WrongEvent, Some(code)),
        Ok(code) if accepted.takes(&code) => return Ok(code),
        Ok(code) => (Reason::WrongKind, Some(code)),
        Err(CodeRefused::Malformed) => (Reason::Malformed, None),
        Err(CodeRefused::Forged) => (Reason::Forged, None),
    };
    let kind = code.as_ref().map_or(CodeKind::Ticket, Code::kind);
    let verdict = refused(event, kind, reason);
    Err(Box::new(match code {
        Some(code) => Verdict {
            kind: Some(code.kind()),
            ticket_id: code.part().ticket(),
            voucher_id: code.part().voucher(),
            ..verdict
        },
        None => verdict,
    }))
}

/// Judges the code of a holder who stands at the door, and uses up the ticket or voucher if it is good.
pub(crate) async fn judge(state: &State, sheet: &StoredEvent, code: Code, scan: &Scan) -> Result<Verdict> {
    let redemption = state.store.redeem(sheet.event.id, code.part(), code.serial(), scan).await?;
    Ok(of_code(sheet, code, redemption))
}

/// Judges a scan that was made some time ago; `let_in` is the scanner's word on whether the holder
/// entered, or got the product.
pub(crate) async fn judge_late(
    state: &State,
    sheet: &StoredEvent,
    code: Code,
    scan: &Scan,
    let_in: Option<bool>,
) -> Result<Verdict> {
    let report = state.store.report(sheet.event.id, code.part(), code.serial(), let_in, scan).await?;
    let Report { redemption, conflict } = report;
    let kind = code.kind();
    let mut verdict = of_code(sheet, code, redemption);
    if let Some(late) = conflict {
        verdict.conflict = Some(late.kind);
        verdict.message.push_str(in_conflict(sheet.event.language, kind, &late));
    }
    Ok(verdict)
}

fn of_code(sheet: &StoredEvent, code: Code, redemption: Redemption) -> Verdict {
    let (event, kind) = (&sheet.event, code.kind());
    let verdict = match redemption {
        Redemption::Admitted(at) => Verdict { scanned_at: Some(at), ..admitted() },
        Redemption::Refused(Closed::Used(first)) => Verdict {
            message: already_used(event, kind, first.at),
            first_scan_at: Some(first.at),
            first_device_id: first.device,
            ..refused(event, kind, Reason::AlreadyUsed)
        },
        Redemption::Refused(Closed::Revoked(_)) => refused(event, kind, Reason::Revoked),
        Redemption::Refused(Closed::Superseded) => refused(event, kind, Reason::Transferred),
    };
    let mut verdict = match code {
        Code::Ticket(code) => {
            let area = sheet.areas.iter().find(|area| AreaTag::of(area.id) == code.area);
            Verdict {
                ticket_id: Some(code.ticket),
                area: area.map(|area| area.area_name.clone()),
                seat: code.seat,
                admits: area.map(|area| area.unit_capacity),
                ..verdict
            }
        }
        Code::Voucher(code) => {
            Verdict { voucher_id: Some(code.voucher), product: Some(code.label), ..verdict }
        }
    };
    verdict.kind = Some(kind);
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
        kind: None,
        ticket_id: None,
        voucher_id: None,
        product: None,
        area: None,
        seat: None,
        admits: None,
        scanned_at: None,
        first_scan_at: None,
        first_device_id: None,
        conflict: None,
    }
}

fn in_conflict(language: Language, kind: CodeKind, late: &LateEntry) -> &'static str {
    let [es, en] = match (late.kind, late.was_valid) {
        (ConflictKind::Refunded, true) if kind == CodeKind::Voucher => {
            [" Se entregó antes de que se reembolsara.", " It was handed out before it was refunded."]
        }
        (ConflictKind::Refunded, false) if kind == CodeKind::Voucher => {
            [" Se entregó aunque ya se había reembolsado.", " It was handed out although it was refunded."]
        }
        (ConflictKind::UsedTwice, _) if kind == CodeKind::Voucher => {
            [" Con este vale se entregó dos veces.", " It was handed out twice for this voucher."]
        }
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

fn refused(event: &Event, kind: CodeKind, reason: Reason) -> Verdict {
    let [es, en] = match reason {
        Reason::AlreadyUsed if kind == CodeKind::Voucher => {
            ["Este vale ya se entregó.", "This voucher was handed out already."]
        }
        Reason::WrongEvent if kind == CodeKind::Voucher => {
            ["Este vale es de otro evento.", "This voucher is for another event."]
        }
        Reason::Revoked if kind == CodeKind::Voucher => {
            ["Este vale se reembolsó; ya no vale.", "This voucher was refunded; it is void."]
        }
        Reason::WrongKind if kind == CodeKind::Voucher => {
            ["Este vale no se canjea aquí. Sigue valiendo.", "This voucher is not taken here. It stays good."]
        }
        Reason::WrongKind => [
            "Esto es una entrada, no un vale. Sigue valiendo.",
            "This is a ticket, no voucher. It stays good.",
        ],
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
        Reason::Malformed => [
            "Esto no es el código de una entrada ni de un vale.",
            "This is not the code of a ticket or voucher.",
        ],
    };
    let message = if event.language == Language::Es { es } else { en }.to_owned();
    Verdict { result: Outcome::Refused, reason: Some(reason), message, ..admitted() }
}

fn welcome(language: Language, verdict: &Verdict) -> String {
    let es = language == Language::Es;
    if let Some(product) = &verdict.product {
        return if es { format!("Entregar: {product}.") } else { format!("Hand out: {product}.") };
    }
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
fn already_used(event: &Event, kind: CodeKind, at: Timestamp) -> String {
    let time = match at.in_tz(&event.time_zone) {
        Ok(time) => time.strftime("%d/%m %H:%M:%S").to_string(),
        Err(_) => at.to_string(),
    };
    match (event.language, kind) {
        (Language::Es, CodeKind::Ticket) => format!("Esta entrada ya se usó el {time}."),
        (Language::En, CodeKind::Ticket) => format!("This ticket was used already on {time}."),
        (Language::Es, CodeKind::Voucher) => format!("Este vale ya se entregó el {time}."),
        (Language::En, CodeKind::Voucher) => format!("This voucher was handed out already on {time}."),
    }
}
