//! The first tickets: for the free show, and free tickets of the organiser.
//!
//! They are held, settled and mailed like any order. Only free orders are made: a paid one would
//! need a payment that never existed.

use domain::OwnAddress;
use domain::event::AreaKind;
use domain::order::{Hold, Order};
use domain::plan::Seatings;
use domain::pricing::{PromotionOffer, QuoteInput, QuoteRequest, QuoteRequestLine, StageOffer, quote};
use domain::user::User;
use domain::{Error, Person, QuoteId, Result, TenantId, Timestamp};
use futures::future::try_join_all;
use jiff::SignedDuration;
use store::{HoldRequest, Store, StoredEvent};

use crate::program::{FREE_SHOW, INVITATION, SEATED_SHOW};
use crate::shows::{Sheets, sheet};

/// A free order of a guest.
struct FreeOrder {
    /// Index of the guest.
    guest: usize,
    /// The slug of the show.
    show: &'static str,
    /// Number of tickets, or the seats, of the show's first area of that kind.
    tickets: Tickets,
}

enum Tickets {
    Any(u32),
    Seats(&'static [&'static str]),
}

const GIFTS: [FreeOrder; 5] = [
    FreeOrder { guest: 0, show: FREE_SHOW, tickets: Tickets::Any(3) },
    FreeOrder { guest: 1, show: FREE_SHOW, tickets: Tickets::Any(2) },
    FreeOrder { guest: 2, show: FREE_SHOW, tickets: Tickets::Any(4) },
    FreeOrder { guest: 1, show: SEATED_SHOW, tickets: Tickets::Seats(&["D-13", "D-14"]) },
    FreeOrder { guest: 2, show: SEATED_SHOW, tickets: Tickets::Seats(&["E-7", "E-8", "E-9", "E-10"]) },
];

/// Makes all free orders.
pub(super) async fn give_away(
    store: &Store,
    tenant: TenantId,
    sheets: &Sheets,
    guests: &[User],
    now: Timestamp,
) -> Result<()> {
    let given = GIFTS.iter().map(|gift| async move {
        let guest = guests.get(gift.guest).ok_or_else(|| Error::internal("a gift for nobody"))?;
        give(store, tenant, sheet(sheets, gift.show)?, guest, &gift.tickets, now).await
    });
    try_join_all(given).await.map(drop)
}

async fn give(
    store: &Store,
    tenant: TenantId,
    sheet: &StoredEvent,
    guest: &User,
    tickets: &Tickets,
    now: Timestamp,
) -> Result<()> {
    let code = (sheet.event.slug == SEATED_SHOW).then_some(INVITATION);
    let promotion = match code {
        Some(code) => store.promotion(tenant, code).await?,
        None => None,
    };
    let request = request(sheet, tickets, code)?;
    let offer = promotion.as_ref().map(|promotion| PromotionOffer {
        promotion,
        remaining: None,
        buyer_remaining: None,
    });
    let stages: Vec<StageOffer<'_>> =
        sheet.stages.iter().map(|stage| StageOffer { stage, remaining: None }).collect();
    let quote = quote(
        &QuoteInput {
            id: QuoteId::generate(now),
            event: &sheet.event,
            areas: &sheet.areas,
            products: &[],
            stages: &stages,
            promotion: offer,
            request: &request,
            buyer: Some(OwnAddress { email: guest.email.as_str(), confirmed: true }),
        },
        now,
    )?;
    if quote.totals.total != 0 {
        return Err(Error::internal("a gift that costs something"));
    }
    let until = now + SignedDuration::from_mins(sheet.event.hold_minutes.into());
    let seatings = Seatings::new(store.published_plan(sheet).await?, &sheet.areas);
    let hold = HoldRequest {
        quote: &quote,
        sheet,
        seatings: &seatings,
        products: None,
        promotion: promotion.as_ref(),
        user: guest.id,
        until,
    };
    let holdings = store.hold(hold, now).await?;
    let hold = Hold {
        user: guest.id,
        buyer: Person { email: guest.email.to_string(), name: guest.name.clone() },
        guest: None,
        language: sheet.event.language,
        attendees: Vec::new(),
        holdings,
        expires_at: until,
        idempotency: None,
        accepted: None,
    };
    let mut order = Order::hold(quote, hold);
    store.create_order(&order).await?;
    let secured = store.secure_holdings(&order, sheet, now).await?;
    let change = order.settle_free(secured, now);
    let order = store.save_order(&order, &change, now).await?;
    let is_given = order.status.is_settled() && store.sell_holdings(&order).await?;
    if is_given { Ok(()) } else { Err(Error::internal("a gift that somebody else has")) }
}

fn request(sheet: &StoredEvent, tickets: &Tickets, code: Option<&str>) -> Result<QuoteRequest> {
    let kind = match tickets {
        Tickets::Any(_) => AreaKind::GeneralAdmission,
        Tickets::Seats(_) => AreaKind::Seated,
    };
    let area = sheet.areas.iter().find(|area| area.kind == kind);
    let area = area.ok_or_else(|| Error::internal("a gift for no area"))?;
    let (quantity, seats) = match tickets {
        Tickets::Any(quantity) => (Some(*quantity), Vec::new()),
        Tickets::Seats(seats) => {
            (None, seats.iter().map(|seat| seat.parse()).collect::<Result<_, _>>().map_err(Error::internal)?)
        }
    };
    Ok(QuoteRequest {
        event_id: sheet.event.id,
        lines: vec![QuoteRequestLine { area_id: area.id, quantity, seats }],
        extras: Vec::new(),
        currency: None,
        promotion_code: code.map(str::parse).transpose().map_err(Error::internal)?,
        require_promotion: code.is_some(),
        require_stage: false,
    })
}
