//! Parts that several mails share.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use boot::SigningKey;
use domain::Result;
use domain::event::Event;
use domain::order::{Order, Ticket, Voucher};
use domain::qr::Qr;
use domain::tenant::Tenant;
use domain::ticket::{AreaTag, TicketCode, VoucherCode, sign, sign_voucher};
use queue::{Admission, Image, Organiser, Show, VoucherFacts};
use store::StoredEvent;

/// Pixels per module of a QR code in a mail: about twice the size at which it is shown.
const MODULE_PIXELS: u8 = 8;

pub(crate) fn show(event: &Event) -> Show {
    Show {
        name: event.name.clone(),
        artist: event.artist.clone(),
        venue: event.venue.clone(),
        address: event.address.clone(),
        city: event.city.clone(),
        starts_at: event.starts_at,
        doors_at: event.doors_at,
        time_zone: event.time_zone.clone(),
    }
}

pub(crate) fn organiser(tenant: &Tenant) -> Organiser {
    Organiser { name: tenant.name.clone(), email: tenant.email.clone(), legal: tenant.legal_info.clone() }
}

/// The ticket's facts for a mail, without its code.
pub(crate) fn admission(sheet: &StoredEvent, ticket: &Ticket<'_>) -> Admission {
    let area = sheet.area(ticket.area);
    Admission {
        ticket: ticket.id,
        // Areas with sold tickets can not be deleted; an empty name would be odd, but not wrong.
        area: area.map(|area| area.area_name.clone()).unwrap_or_default(),
        seat: ticket.seat.map(ToString::to_string),
        attendee: ticket.attendee.and_then(|attendee| attendee.nombre.clone()),
        admits: area.map_or(1, |area| area.unit_capacity),
        image: None,
    }
}

/// The ticket's facts for a mail, with its signed code as a picture.
pub(crate) fn admission_with_code(
    sheet: &StoredEvent,
    ticket: &Ticket<'_>,
    key: &SigningKey,
) -> Result<(Admission, Image)> {
    let code = TicketCode {
        event: sheet.event.id,
        ticket: ticket.id,
        serial: ticket.serial,
        area: AreaTag::of(ticket.area),
        seat: ticket.seat.cloned(),
    };
    let image = picture(format!("ticket-{}", ticket.index + 1), &sign(&code, &key.0))?;
    Ok((Admission { image: Some(image.content_id.clone()), ..admission(sheet, ticket) }, image))
}

/// The voucher's facts for a mail, with its signed code as a picture.
pub(crate) fn voucher_with_code(
    order: &Order,
    voucher: &Voucher<'_>,
    key: &SigningKey,
) -> Result<(VoucherFacts, Image)> {
    let extra = voucher.extra;
    let code = VoucherCode::new(order.event, voucher.id, extra.variant(), &extra.name);
    let image = picture(format!("voucher-{}", voucher.index + 1), &sign_voucher(&code, &key.0))?;
    let content_id = image.content_id.clone();
    Ok((VoucherFacts { voucher: voucher.id, name: extra.name.clone(), image: Some(content_id) }, image))
}

/// The QR code of a text, as a picture of a mail.
fn picture(content_id: String, text: &str) -> Result<Image> {
    let png = Qr::new(text)?.png(MODULE_PIXELS)?;
    Ok(Image { content_id, png: STANDARD.encode(png) })
}
