//! Descriptions of the demo data's shows, and the events, areas and stages made from them.

use domain::event::{
    Area, AreaKind, AttendeeField, Event, EventStatus, Fees, MAX_TRANSFERS_PER_TICKET, MemberDiscount,
    RowLayout, Vat,
};
use domain::plan::{RowsLayout, Sides};
use domain::pricing::{AdjustmentType, SaleStage};
use domain::{
    AreaId, BasisPoints, Currency, Error, EventId, Language, Result, SaleStageId, TenantId, Timestamp,
};
use jiff::SignedDuration;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;

use crate::products::DemoProduct;

/// Currency, fees and tax of a country's tickets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Country {
    pub(super) code: &'static str,
    pub(super) currency: Currency,
    /// The convenience fee: basis points of the price, and whole units of the currency.
    fee: (i32, i64),
    /// The general VAT rate in basis points; prices include it.
    vat: i32,
}

pub(super) const ARGENTINA: Country =
    Country { code: "AR", currency: Currency::ARS, fee: (1200, 0), vat: 2100 };
pub(super) const CHILE: Country = Country { code: "CL", currency: Currency::CLP, fee: (1000, 0), vat: 1900 };
pub(super) const COLOMBIA: Country =
    Country { code: "CO", currency: Currency::COP, fee: (800, 2000), vat: 1900 };

impl Country {
    pub(super) const fn vat(&self) -> Vat {
        Vat { rate: BasisPoints(self.vat), included: true }
    }

    pub(super) fn fees(&self) -> Fees {
        let (rate, fixed) = self.fee;
        Fees { convenience_rate: BasisPoints(rate), convenience_fixed: minor(self.currency, fixed) }
    }
}

/// Converts whole units of a currency to minor units.
pub(super) fn minor(currency: Currency, whole: i64) -> i64 {
    whole * 10_i64.pow(currency.exponent())
}

/// A city with its country and clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct City {
    pub(super) name: &'static str,
    pub(super) country: Country,
    /// IANA time zone, such as `America/Bogota`.
    pub(super) time_zone: &'static str,
}

pub(super) const BUENOS_AIRES: City =
    City { name: "Buenos Aires", country: ARGENTINA, time_zone: "America/Argentina/Buenos_Aires" };
pub(super) const CORDOBA: City =
    City { name: "Córdoba", country: ARGENTINA, time_zone: "America/Argentina/Cordoba" };
pub(super) const LA_PLATA: City =
    City { name: "La Plata", country: ARGENTINA, time_zone: "America/Argentina/Buenos_Aires" };
pub(super) const MENDOZA: City =
    City { name: "Mendoza", country: ARGENTINA, time_zone: "America/Argentina/Mendoza" };
pub(super) const ROSARIO: City =
    City { name: "Rosario", country: ARGENTINA, time_zone: "America/Argentina/Buenos_Aires" };
pub(super) const TUCUMAN: City =
    City { name: "Tucumán", country: ARGENTINA, time_zone: "America/Argentina/Tucuman" };
pub(super) const ANTOFAGASTA: City =
    City { name: "Antofagasta", country: CHILE, time_zone: "America/Santiago" };
pub(super) const IQUIQUE: City = City { name: "Iquique", country: CHILE, time_zone: "America/Santiago" };
pub(super) const PUNTA_ARENAS: City =
    City { name: "Punta Arenas", country: CHILE, time_zone: "America/Punta_Arenas" };
pub(super) const SANTIAGO: City = City { name: "Santiago", country: CHILE, time_zone: "America/Santiago" };
pub(super) const VALPARAISO: City =
    City { name: "Valparaíso", country: CHILE, time_zone: "America/Santiago" };
pub(super) const BOGOTA: City = City { name: "Bogotá", country: COLOMBIA, time_zone: "America/Bogota" };
pub(super) const CALI: City = City { name: "Cali", country: COLOMBIA, time_zone: "America/Bogota" };
pub(super) const CARTAGENA: City = City { name: "Cartagena", country: COLOMBIA, time_zone: "America/Bogota" };
pub(super) const MEDELLIN: City = City { name: "Medellín", country: COLOMBIA, time_zone: "America/Bogota" };

impl City {
    /// A venue in this city.
    pub(super) const fn venue(self, name: &'static str, address: &'static str) -> Venue {
        Venue { name, address, city: self }
    }
}

/// The venue of a show.
#[derive(Debug, Clone, Copy)]
pub(super) struct Venue {
    pub(super) name: &'static str,
    pub(super) address: &'static str,
    pub(super) city: City,
}

/// Time of a show, counted from the day on which the demo data is written, so that no show is ever
/// over at the start.
#[derive(Debug, Clone, Copy)]
pub(super) struct When {
    /// 1 for the first such weekday after that day.
    pub(super) week: i32,
    pub(super) weekday: Weekday,
    /// Hour and minute in the venue's time zone.
    pub(super) at: (i8, i8),
    pub(super) minutes: i64,
}

/// An area and its places.
#[derive(Debug, Clone, Copy)]
pub(super) struct DemoArea {
    pub(super) name: &'static str,
    pub(super) description: &'static str,
    /// The price in whole units of the currency.
    pub(super) price: i64,
    pub(super) places: Places,
    pub(super) unit_capacity: u8,
    pub(super) service: Option<&'static str>,
    /// Seats that are not sold, such as `A-1`.
    pub(super) blocked: &'static [&'static str],
}

impl DemoArea {
    /// An area without description, service or blocked seats.
    pub(super) const fn plain(name: &'static str, price: i64, places: Places) -> Self {
        Self { name, description: "", price, places, unit_capacity: 1, service: None, blocked: &[] }
    }
}

/// The places of an area.
#[derive(Debug, Clone, Copy)]
pub(super) enum Places {
    /// This many admissions.
    General(u32),
    /// Rows with these names and this many seats each; a row is one block ([`store::row_blocks`]).
    Rows(&'static [&'static str], u16),
    /// The same, with odd numbers on the left of the aisle and even ones on its right; the rows are bent
    /// by this many per cent.
    Sides(&'static [&'static str], u16, i8),
}

impl Places {
    /// The rows of numbered seats, and how they are drawn if not in straight lines.
    fn rows(self) -> (Vec<RowLayout>, Option<RowsLayout>) {
        let rows = |labels: &[&'static str], seats| {
            labels.iter().map(|label| RowLayout::new(*label, 1, seats)).collect()
        };
        match self {
            Self::General(_) => (Vec::new(), None),
            Self::Rows(labels, seats) => (rows(labels, seats), None),
            Self::Sides(labels, seats, bend) => {
                let layout = RowsLayout {
                    bend,
                    sides: Sides::OddEven,
                    aisles_after: vec![0],
                    ..RowsLayout::default()
                };
                (rows(labels, seats), Some(layout))
            }
        }
    }
}

/// A sale stage for all areas.
#[derive(Debug, Clone, Copy)]
pub(super) struct Price {
    pub(super) name: &'static str,
    pub(super) adjustment: Adjustment,
    pub(super) lasts: StageEnd,
}

/// The adjustment of a stage to the price.
#[derive(Debug, Clone, Copy)]
pub(super) enum Adjustment {
    /// Adds percent; negative for a reduction.
    Percent(i64),
    /// Adds whole units of the currency; negative for a reduction.
    Amount(i64),
}

/// The end of a stage.
#[derive(Debug, Clone, Copy)]
pub(super) enum StageEnd {
    /// Until this many tickets are sold.
    Tickets(u32),
    /// Until this many days before the show.
    UntilDaysBefore(i64),
    /// Until the end of the sale.
    ToTheEnd,
}

/// The discounts of a show for members.
#[derive(Debug, Clone, Copy)]
pub(super) struct Discounts {
    /// Their number; 0 for none.
    pub(super) count: u32,
    /// The reduction of a code; `None` if another seller sells the show, and sets it.
    pub(super) off: Option<Off>,
}

impl Discounts {
    /// No discounts.
    pub(super) const NONE: Self = Self { count: 0, off: None };
}

/// The reduction of a member's code: percent, on at most this many tickets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Off {
    pub(super) percent: i64,
    pub(super) tickets: u8,
}

/// The seller of a show's tickets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seller {
    /// The box office.
    Us,
    /// Another seller, at this address.
    At(&'static str),
}

/// Whether a show is public.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listing {
    /// Published and listed.
    OnSale,
    /// A draft, which stays unlisted when it is published.
    UnlistedDraft,
}

/// A show of the demo data.
#[derive(Debug, Clone, Copy)]
pub(super) struct DemoShow {
    pub(super) slug: &'static str,
    /// The organiser's own code for the show.
    pub(super) code: &'static str,
    pub(super) name: &'static str,
    pub(super) artist: &'static str,
    pub(super) genre: &'static str,
    pub(super) description: &'static str,
    pub(super) venue: Venue,
    pub(super) when: When,
    pub(super) zones: &'static [DemoArea],
    /// The sale stages, the one with the highest priority first.
    pub(super) prices: &'static [Price],
    pub(super) asks: &'static [AttendeeField],
    pub(super) max_tickets: u8,
    /// How often a ticket may change hands; with fewer than usual, until a day before the show.
    pub(super) transfers: u8,
    pub(super) discounts: Discounts,
    pub(super) seller: Seller,
    /// The products that are sold at this show alone.
    pub(super) products: &'static [DemoProduct],
    /// Further details: name and text.
    pub(super) details: &'static [(&'static str, &'static str)],
    pub(super) listing: Listing,
}

impl When {
    /// The start of the show in the time zone `zone`, for demo data written at `now`.
    fn starts_at(&self, zone: &str, now: Timestamp) -> Result<Timestamp, jiff::Error> {
        let zone = TimeZone::get(zone)?;
        let today = now.to_zoned(zone.clone()).date();
        let day = today.nth_weekday(self.week, self.weekday)?;
        let (hour, minute) = self.at;
        Ok(day.at(hour, minute, 0, 0).to_zoned(zone)?.timestamp())
    }
}

impl DemoShow {
    /// The show as a new draft.
    pub(super) fn draft(&self, tenant: TenantId, now: Timestamp) -> Result<Event> {
        let City { name: city, country, time_zone } = self.venue.city;
        let starts_at = self.when.starts_at(time_zone, now).map_err(Error::internal)?;
        Ok(Event {
            id: EventId::generate(now),
            tenant_id: tenant,
            slug: self.slug.to_owned(),
            name: self.name.to_owned(),
            artist: self.artist.to_owned(),
            series_id: None,
            genre: self.genre.to_owned(),
            cluster_type: String::new(),
            description: self.description.to_owned(),
            venue: self.venue.name.to_owned(),
            address: self.venue.address.to_owned(),
            city: city.to_owned(),
            country: country.code.to_owned(),
            time_zone: time_zone.to_owned(),
            starts_at,
            ends_at: starts_at + SignedDuration::from_mins(self.when.minutes),
            doors_at: Some(starts_at - SignedDuration::from_hours(1)),
            currency: country.currency,
            language: Language::Es,
            status: EventStatus::Draft,
            unlisted: self.listing == Listing::UnlistedDraft,
            shadowban: false,
            hold_minutes: 10,
            max_tickets_per_order: self.max_tickets,
            transfer_limit: self.transfers,
            transfers_close_at: (self.transfers < MAX_TRANSFERS_PER_TICKET)
                .then(|| starts_at - SignedDuration::from_hours(24)),
            attendee_fields: self.asks.to_vec(),
            fees: country.fees(),
            vat: country.vat(),
            images: Vec::new(),
            code: Some(self.code.to_owned()),
            img: None,
            max_discounts: self.discounts.count,
            ticketing_link: match self.seller {
                Seller::Us => None,
                Seller::At(address) => Some(address.to_owned()),
            },
            other_data: self
                .details
                .iter()
                .map(|(name, text)| ((*name).to_owned(), (*text).into()))
                .collect(),
            member_discount: self.discounts.off.map(|off| MemberDiscount {
                discount_type: AdjustmentType::Percentage,
                discount_value: off.percent * 100,
                max_tickets: off.tickets,
            }),
            plan: None,
            created_at: now,
            updated_at: now,
            version: 1,
        })
    }

    /// The areas of `event`, in order.
    pub(super) fn areas(&self, event: &Event, now: Timestamp) -> Vec<Area> {
        let area = |(position, zone): (u16, &DemoArea)| {
            let (rows, layout) = zone.places.rows();
            let (kind, capacity) = match zone.places {
                Places::General(capacity) => (AreaKind::GeneralAdmission, capacity),
                Places::Rows(..) | Places::Sides(..) => {
                    (AreaKind::Seated, rows.iter().map(RowLayout::len).sum())
                }
            };
            Area {
                id: AreaId::generate(now),
                event_id: event.id,
                area_name: zone.name.to_owned(),
                description: zone.description.to_owned(),
                kind,
                capacity,
                price: minor(event.currency, zone.price),
                currency: event.currency,
                nomenclature_letter: None,
                unit_capacity: zone.unit_capacity,
                service: zone.service.map(str::to_owned),
                position,
                rows,
                // As an area gets it when a plan is published.
                category: event.plan.map(|_| zone.name.to_owned()),
                layout,
                version: 1,
            }
        };
        (0..).zip(self.zones).map(area).collect()
    }

    /// The sale stages of `event`, the one with the highest priority first.
    pub(super) fn stages(&self, event: &Event, now: Timestamp) -> Vec<SaleStage> {
        let stage = |(priority_order, price): (u16, &Price)| {
            let (price_adjustment_type, price_adjustment_value) = match price.adjustment {
                Adjustment::Percent(percent) => (AdjustmentType::Percentage, percent * 100),
                Adjustment::Amount(whole) => (AdjustmentType::Fixed, minor(event.currency, whole)),
            };
            let (quantity_available, end_time) = match price.lasts {
                StageEnd::Tickets(quantity) => (Some(quantity), None),
                StageEnd::UntilDaysBefore(days) => {
                    (None, Some(event.starts_at - SignedDuration::from_hours(24 * days)))
                }
                StageEnd::ToTheEnd => (None, None),
            };
            SaleStage {
                id: SaleStageId::generate(now),
                event_id: event.id,
                stage_name: price.name.to_owned(),
                price_adjustment_type,
                price_adjustment_value,
                quantity_available,
                start_time: None,
                end_time,
                target_area_id: None,
                target_product_variant_id: None,
                priority_order,
                active: true,
                version: 1,
            }
        };
        (1..).zip(self.prices).map(stage).collect()
    }
}
