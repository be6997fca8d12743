//! The first orders: free tickets of the organiser and for the free show, and the reservations of buyers
//! who are about to pay ([`checkouts`](crate::checkouts)).
//!
//! They are held like any order; free ones are settled and mailed, too.

use domain::event::AreaKind;
use domain::order::{GuestTrace, Hold, Order};
use domain::plan::Seatings;
use domain::policy::Accepted;
use domain::pricing::{
    ExtraRequest, PromotionOffer, QuoteInput, QuoteRequest, QuoteRequestLine, StageOffer, quote,
};
use domain::product::PricedProduct;
use domain::purchaser::Purchaser;
use domain::user::{Email, User};
use domain::{BasisPoints, Error, Person, QuoteId, Result, Timestamp};
use futures::future::try_join_all;
use jiff::SignedDuration;
use store::{Fingerprints, HoldRequest, Store, StoredEvent};

use crate::program::{FREE_SHOW, INVITATION, SEATED_SHOW};
use crate::shows::{Sheets, sheet};

/// The network from which the demo's buyers without an account have come.
const HERE: &str = "127.0.0.1";

/// A free order of an invited user.
struct FreeOrder {
    /// Index of the user.
    guest: usize,
    /// The slug of the show.
    show: &'static str,
    /// The tickets, of the show's first area of that kind.
    tickets: Tickets,
}

/// The tickets of an order.
#[derive(Debug, Clone, Copy)]
pub(super) enum Tickets {
    /// This many admissions.
    Any(u32),
    /// These seats.
    Seats(&'static [&'static str]),
}

const GIFTS: [FreeOrder; 5] = [
    FreeOrder { guest: 0, show: FREE_SHOW, tickets: Tickets::Any(3) },
    FreeOrder { guest: 1, show: FREE_SHOW, tickets: Tickets::Any(2) },
    FreeOrder { guest: 2, show: FREE_SHOW, tickets: Tickets::Any(4) },
    FreeOrder { guest: 1, show: SEATED_SHOW, tickets: Tickets::Seats(&["D-13", "D-14"]) },
    FreeOrder { guest: 2, show: SEATED_SHOW, tickets: Tickets::Seats(&["E-7", "E-8", "E-9", "E-10"]) },
];

/// What a buyer reserves.
pub(super) struct Basket<'a> {
    pub(super) sheet: &'a StoredEvent,
    pub(super) tickets: Tickets,
    /// Names of products without variants, one unit each.
    pub(super) products: &'a [&'static str],
    pub(super) code: Option<&'a str>,
    pub(super) buyer: &'a Purchaser,
    /// The organiser's policies that the buyer accepts.
    pub(super) accepted: Option<Accepted>,
}

/// A buyer without an account.
pub(super) fn guest(fingerprints: &Fingerprints, email: &str, name: &str) -> Result<Purchaser> {
    let email: Email = email.parse().map_err(Error::internal)?;
    let trace = GuestTrace { network: fingerprints.network_mark(HERE), phone: None };
    let person = Person { email: email.to_string(), name: name.to_owned() };
    Ok(Purchaser::guest(fingerprints.guest(&email), person, trace))
}

fn with_account(user: &User) -> Purchaser {
    Purchaser {
        user: user.id,
        as_guest: None,
        person: Person { email: user.email.to_string(), name: user.name.clone() },
        confirmed: true,
        guest: None,
    }
}

/// Makes all free orders.
pub(super) async fn give_away(store: &Store, sheets: &Sheets, guests: &[User], now: Timestamp) -> Result<()> {
    let given = GIFTS.iter().map(|gift| async move {
        let guest = guests.get(gift.guest).ok_or_else(|| Error::internal("a gift for nobody"))?;
        let sheet = sheet(sheets, gift.show)?;
        let basket = Basket {
            sheet,
            tickets: gift.tickets,
            products: &[],
            code: (gift.show == SEATED_SHOW).then_some(INVITATION),
            buyer: &with_account(guest),
            accepted: None,
        };
        settle(store, sheet, reserve(store, basket, now).await?, now).await
    });
    try_join_all(given).await.map(drop)
}

/// Issues the tickets of an order with nothing to pay.
async fn settle(store: &Store, sheet: &StoredEvent, mut order: Order, now: Timestamp) -> Result<()> {
    if order.total != 0 {
        return Err(Error::internal("a gift that costs something"));
    }
    let secured = store.secure_holdings(&order, sheet, now).await?;
    let change = order.settle_free(secured, now);
    let order = store.save_order(&order, &change, now).await?;
    let is_given = order.status.is_settled() && store.sell_holdings(&order).await?;
    if is_given { Ok(()) } else { Err(Error::internal("a gift that somebody else has")) }
}

/// Makes a reservation.
pub(super) async fn reserve(store: &Store, basket: Basket<'_>, now: Timestamp) -> Result<Order> {
    let Basket { sheet, buyer, .. } = basket;
    let tenant = sheet.event.tenant_id;
    let promotion = match basket.code {
        Some(code) => store.promotion(tenant, code).await?,
        None => None,
    };
    let others = match basket.products {
        [] => None,
        _ => Some(store.tenant_products(tenant, true).await?),
    };
    let sold: Vec<&PricedProduct> =
        sheet.products.iter().chain(others.iter().flat_map(|others| others.iter())).collect();
    let request = request(&basket, &sold)?;
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
            products: &sold,
            stages: &stages,
            promotion: offer,
            request: &request,
            buyer: buyer.own_address(),
        },
        now,
    )?;
    // Whole seconds, as allotments count time.
    let until = now + SignedDuration::from_mins(sheet.event.hold_minutes.into());
    let until = Timestamp::from_second(until.as_second()).map_err(Error::internal)?;
    let seatings = Seatings::new(store.published_plan(sheet).await?, &sheet.areas);
    let hold = HoldRequest {
        quote: &quote,
        sheet,
        seatings: &seatings,
        products: others.as_ref(),
        promotion: promotion.as_ref(),
        user: buyer.user,
        until,
    };
    let held = store.hold(hold, now).await?;
    let hold = Hold {
        user: buyer.user,
        buyer: buyer.person.clone(),
        guest: buyer.guest.clone(),
        language: sheet.event.language,
        attendees: Vec::new(),
        holdings: held.holdings,
        chosen: held.chosen,
        expires_at: until,
        idempotency: None,
        accepted: basket.accepted,
        commission: BasisPoints(0),
    };
    let order = Order::hold(quote, hold);
    store.create_order(&order).await?;
    Ok(order)
}

fn request(basket: &Basket<'_>, sold: &[&PricedProduct]) -> Result<QuoteRequest> {
    let kind = match basket.tickets {
        Tickets::Any(_) => AreaKind::GeneralAdmission,
        Tickets::Seats(_) => AreaKind::Seated,
    };
    let area = basket.sheet.areas.iter().find(|area| area.kind == kind);
    let area = area.ok_or_else(|| Error::internal("tickets for no area"))?;
    let (quantity, seats) = match basket.tickets {
        Tickets::Any(quantity) => (Some(quantity), Vec::new()),
        Tickets::Seats(seats) => {
            (None, seats.iter().map(|seat| seat.parse()).collect::<Result<_, _>>().map_err(Error::internal)?)
        }
    };
    let extra = |name: &&str| {
        let priced = sold.iter().find(|priced| priced.product.name == *name);
        let variant = priced.and_then(|priced| priced.variants.first());
        let variant = variant.ok_or_else(|| Error::internal(format!("nobody sells {name}")))?;
        Ok(ExtraRequest { variant_id: variant.id, quantity: 1 })
    };
    Ok(QuoteRequest {
        event_id: basket.sheet.event.id,
        lines: vec![QuoteRequestLine {
            area_id: area.id,
            quantity,
            seats,
            together: None,
            accessible: 0,
            companions: 0,
        }],
        extras: basket.products.iter().map(extra).collect::<Result<_>>()?,
        currency: None,
        promotion_code: basket.code.map(str::parse).transpose().map_err(Error::internal)?,
        require_promotion: basket.code.is_some(),
        require_stage: false,
    })
}
