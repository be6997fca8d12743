//! An event as its organiser writes it: creating, changing and checking it.

use domain::error::Fields;
use domain::event::{
    ADDRESS_PATTERN, AttendeeField, CODE_PATTERN, Details, Event, EventStatus, Fees,
    MAX_TRANSFERS_PER_TICKET, Move,
};
use domain::moment::check_zone;
use domain::tenant::Tenant;
use domain::text::{Line, Paragraph};
use domain::{Currency, EventId, Language, MAX_TICKETS_PER_ORDER, Moment, Result, SeriesId, Timestamp};
use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Map;
use web::nullable;

use crate::check::{NO_ZONE, country, some_text, time_zone};
use crate::member_discount::NewMemberDiscount;
use crate::slug;

/// The longest event. The public list looks back this far for events that are still on.
const LONGEST: SignedDuration = SignedDuration::from_hours(31 * 24);
/// The length of an event whose end is missing in the request.
const USUAL: SignedDuration = SignedDuration::from_hours(4);
/// The years in which an event can start.
const YEARS: std::ops::RangeInclusive<i16> = 2000..=2099;

/// JSON pointers of the event's times.
const START: &str = "/starts_at";
const END: &str = "/ends_at";
const DOORS: &str = "/doors_at";
const TRANSFERS: &str = "/transfers_close_at";

/// A new event.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewEvent {
    /// The title, such as `Noche de faroles`.
    pub(crate) name: Line<1, 150>,
    /// The artist or the band.
    #[serde(default)]
    artist: Line<0, 150>,
    /// The id of the series of which it is a date, if it is one.
    #[serde(default)]
    series_id: Option<SeriesId>,
    /// The kind of music or show, such as `cumbia`. Buyers see it, search it and filter by it.
    #[serde(default)]
    genre: Line<0, 60>,
    /// Your own kind of event, such as `festival`. Buyers do not see it.
    #[serde(default)]
    cluster_type: Line<0, 40>,
    /// The description for buyers, as plain text.
    #[serde(default)]
    description: Paragraph<0, 10_000>,
    /// The venue's name. Needed before the event is published.
    #[serde(default)]
    venue: Line<0, 150>,
    /// The venue's street address.
    #[serde(default)]
    address: Line<0, 200>,
    /// The venue's city. Needed before the event is published.
    #[serde(default)]
    city: Line<0, 100>,
    /// The venue's country, as an ISO 3166-1 alpha-2 code. If missing, the organiser's.
    #[serde(default)]
    #[schemars(regex(pattern = "^[A-Z]{2}$"), extend("x-must" = "Must be the two capital letters of a country, such as CO, CL or AR."))]
    country: Option<String>,
    /// IANA time zone of the venue, such as `America/Bogota`. If missing, the organiser's, which must then
    /// have one.
    #[serde(default)]
    time_zone: Option<String>,
    /// When the event starts.
    starts_at: Moment,
    /// When the event ends, at most 31 days after the start. If missing, four hours after it.
    #[serde(default)]
    ends_at: Option<Moment>,
    /// When the doors open, at most a day before the start.
    #[serde(default)]
    doors_at: Option<Moment>,
    /// The currency of all its prices. If missing, the organiser's.
    #[serde(default)]
    currency: Option<Currency>,
    /// The language of its tickets' mails unless the buyer chose another. If missing, the organiser's,
    /// or else Spanish.
    #[serde(default)]
    language: Option<Language>,
    /// True keeps the event out of lists and search; its page is still found by its address.
    #[serde(default)]
    unlisted: bool,
    /// Minutes that a reservation holds its places before they are paid. 10 if missing.
    #[serde(default = "ten")]
    #[schemars(range(min = 2, max = 60))]
    hold_minutes: u8,
    /// The most tickets in one order. 10 if missing.
    #[serde(default = "ten")]
    #[schemars(range(min = 1, max = 20))]
    max_tickets_per_order: u8,
    /// How often one of its tickets may change hands; 0 forbids it. 3 if missing.
    #[serde(default = "most_transfers")]
    #[schemars(range(max = 3))]
    transfer_limit: u8,
    /// When its tickets stop changing hands, not after the start. If missing, they do at the start.
    #[serde(default)]
    transfers_close_at: Option<Moment>,
    /// The data that buyers are asked for about each attendee.
    #[serde(default)]
    #[schemars(extend("uniqueItems" = true))]
    attendee_fields: Vec<AttendeeField>,
    /// The readable part of its address, such as `noche-de-faroles`. If missing, it is made
    /// from the name.
    #[serde(default)]
    #[schemars(length(min = 3, max = 80), regex(pattern = "^[a-z0-9]+(-[a-z0-9]+)*$"))]
    pub(crate) slug: Option<String>,
    /// Your own internal code for the event; no other of your events may have it.
    #[serde(default)]
    #[schemars(regex(pattern = CODE_PATTERN))]
    code: Option<String>,
    /// The https address of a picture that is kept elsewhere. An uploaded cover takes
    /// precedence.
    #[serde(default)]
    #[schemars(length(max = 500), regex(pattern = ADDRESS_PATTERN))]
    img: Option<String>,
    /// The most discounts that members get for the event. 0 if missing.
    #[serde(default)]
    #[schemars(range(max = 10_000))]
    max_discounts: u32,
    /// The https address of another seller of its tickets. If set, nothing is sold here.
    #[serde(default)]
    #[schemars(length(max = 500), regex(pattern = ADDRESS_PATTERN))]
    ticketing_link: Option<String>,
    /// Further details as keys and values, shown with the event: at most 20 keys and 2 KB.
    #[serde(default)]
    other_data: Details,
    /// The reduction by the code of a member's discount. Needed if `max_discounts` is not 0
    /// and the event is sold here.
    #[serde(default)]
    member_discount: Option<NewMemberDiscount>,
}

const fn ten() -> u8 {
    10
}

const fn most_transfers() -> u8 {
    MAX_TRANSFERS_PER_TICKET
}

/// A change of an event. A missing field stays as it is. The slug and the organiser never
/// change; fees and tax have a route of their own.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventChanges {
    /// The version that the change is based on; refused if the event has another by now.
    pub(crate) version: Option<u32>,
    /// The title, such as `Noche de faroles`.
    name: Option<Line<1, 150>>,
    /// The artist or the band.
    artist: Option<Line<0, 150>>,
    /// The id of the series of which it is a date, or `null`.
    #[serde(default, deserialize_with = "nullable")]
    series_id: Option<Option<SeriesId>>,
    /// The kind of music or show, such as `cumbia`. Buyers see it, search it and filter by it.
    genre: Option<Line<0, 60>>,
    /// Your own kind of event, such as `festival`. Buyers do not see it.
    cluster_type: Option<Line<0, 40>>,
    /// The description for buyers, as plain text.
    description: Option<Paragraph<0, 10_000>>,
    /// The venue's name. Needed before the event is published.
    venue: Option<Line<0, 150>>,
    /// The venue's street address.
    address: Option<Line<0, 200>>,
    /// The venue's city. Needed before the event is published.
    city: Option<Line<0, 100>>,
    /// The venue's country, as an ISO 3166-1 alpha-2 code such as `CO`.
    #[schemars(regex(pattern = "^[A-Z]{2}$"), extend("x-must" = "Must be the two capital letters of a country, such as CO, CL or AR."))]
    country: Option<String>,
    /// IANA time zone of the venue, such as `America/Bogota`.
    time_zone: Option<String>,
    /// When the event starts.
    starts_at: Option<Moment>,
    /// When the event ends. If only the start is given, the end moves with it, on the venue's
    /// clocks.
    ends_at: Option<Moment>,
    /// When the doors open, or `null`. If only the start is given, the doors move with it.
    #[serde(default, deserialize_with = "nullable")]
    doors_at: Option<Option<Moment>>,
    /// The currency of all its prices. It can change only while the event has no areas, fixed
    /// fee or other amounts.
    currency: Option<Currency>,
    /// The language of its tickets' mails unless the buyer chose another.
    language: Option<Language>,
    /// True keeps the event out of lists and search.
    unlisted: Option<bool>,
    /// Minutes that a reservation holds its places before they are paid.
    #[schemars(range(min = 2, max = 60))]
    hold_minutes: Option<u8>,
    /// The most tickets in one order.
    #[schemars(range(min = 1, max = 20))]
    max_tickets_per_order: Option<u8>,
    /// How often one of its tickets may change hands; 0 forbids it. It holds for open offers, too.
    #[schemars(range(max = 3))]
    transfer_limit: Option<u8>,
    /// When its tickets stop changing hands, or `null` for the start. If only the start is given,
    /// this moves with it.
    #[serde(default, deserialize_with = "nullable")]
    transfers_close_at: Option<Option<Moment>>,
    /// The data that buyers are asked for about each attendee.
    #[schemars(extend("uniqueItems" = true))]
    attendee_fields: Option<Vec<AttendeeField>>,
    /// Your own internal code for the event, or `null`.
    #[serde(default, deserialize_with = "nullable")]
    #[schemars(regex(pattern = CODE_PATTERN))]
    code: Option<Option<String>>,
    /// The https address of a picture that is kept elsewhere, or `null`.
    #[serde(default, deserialize_with = "nullable")]
    #[schemars(length(max = 500), regex(pattern = ADDRESS_PATTERN))]
    img: Option<Option<String>>,
    /// The most discounts that members get for the event; never fewer than were given already.
    #[schemars(range(max = 10_000))]
    pub(crate) max_discounts: Option<u32>,
    /// The https address of another seller of its tickets, or `null` to sell them here.
    #[serde(default, deserialize_with = "nullable")]
    #[schemars(length(max = 500), regex(pattern = ADDRESS_PATTERN))]
    ticketing_link: Option<Option<String>>,
    /// Further details as keys and values. They replace all former ones.
    other_data: Option<Details>,
    /// The reduction by the code of a member's discount, or `null`. Codes that were sent
    /// already keep their reduction.
    #[serde(default, deserialize_with = "nullable")]
    member_discount: Option<Option<NewMemberDiscount>>,
}

impl NewEvent {
    /// The event as a draft of `tenant`. Numbers with too many decimals, and times that
    /// contradict its time zone, are noted in `fields`.
    pub(crate) fn event(&self, id: EventId, tenant: &Tenant, now: Timestamp, fields: &mut Fields) -> Event {
        let currency = self.currency.unwrap_or(tenant.currency);
        let fees = match currency == tenant.currency {
            true => tenant.fees,
            // The same number in another currency would be another fee.
            false => Fees { convenience_fixed: 0, ..tenant.fees },
        };
        let starts_at = self.starts_at.time();
        let after_start = starts_at.checked_add(USUAL).unwrap_or(Timestamp::MAX);
        let times = [
            (START, Some(self.starts_at)),
            (END, self.ends_at),
            (DOORS, self.doors_at),
            (TRANSFERS, self.transfers_close_at),
        ];
        let said_zone = self.time_zone.clone().or_else(|| tenant.time_zone.clone());
        let missing = "Say in which time zone the venue is, or give the organiser one.";
        fields.rule(said_zone.is_some(), "/time_zone", missing);
        if let Some(zone) = &said_zone {
            check_zone(&times, zone, fields);
        }
        // Without one, the event is refused: the rest is checked all the same.
        let said_zone = said_zone.unwrap_or_else(|| "UTC".to_owned());
        Event {
            id,
            tenant_id: tenant.id,
            slug: self.slug.clone().unwrap_or_else(|| "made-from-the-name".to_owned()),
            name: self.name.to_string(),
            artist: self.artist.to_string(),
            series_id: self.series_id,
            genre: self.genre.to_string(),
            cluster_type: self.cluster_type.to_string(),
            description: self.description.to_string(),
            venue: self.venue.to_string(),
            address: self.address.to_string(),
            city: self.city.to_string(),
            country: self.country.clone().unwrap_or_else(|| tenant.country.clone()),
            time_zone: time_zone(&said_zone).unwrap_or(said_zone),
            starts_at,
            ends_at: self.ends_at.map_or(after_start, Moment::time),
            doors_at: self.doors_at.map(Moment::time),
            currency,
            language: self.language.or(tenant.language).unwrap_or_default(),
            status: EventStatus::Draft,
            unlisted: self.unlisted,
            shadowban: false,
            hold_minutes: self.hold_minutes,
            max_tickets_per_order: self.max_tickets_per_order,
            transfer_limit: self.transfer_limit,
            transfers_close_at: self.transfers_close_at.map(Moment::time),
            attendee_fields: self.attendee_fields.clone(),
            fees,
            vat: tenant.vat,
            images: Vec::new(),
            code: self.code.as_deref().and_then(some_text),
            img: self.img.as_deref().and_then(some_text),
            max_discounts: self.max_discounts,
            ticketing_link: self.ticketing_link.as_deref().and_then(some_text),
            other_data: self.other_data.clone().into(),
            member_discount: self.member_discount.map(|discount| discount.read(currency, fields)),
            plan: None,
            created_at: now,
            updated_at: now,
            version: 1,
        }
    }
}

impl EventChanges {
    /// The changed event. Numbers with too many decimals, and times that contradict its
    /// time zone, are noted in `fields`.
    pub(crate) fn apply(self, event: Event, now: Timestamp, fields: &mut Fields) -> Event {
        let currency = self.currency.unwrap_or(event.currency);
        let optional = |change: Option<Option<String>>, old| match change {
            Some(changed) => changed.as_deref().and_then(some_text),
            None => old,
        };
        let starts_at = self.starts_at.map_or(event.starts_at, Moment::time);
        let time_zone = match self.time_zone {
            Some(name) => time_zone(&name).unwrap_or(name),
            None => event.time_zone.clone(),
        };
        let times = [
            (START, self.starts_at),
            (END, self.ends_at),
            (DOORS, self.doors_at.flatten()),
            (TRANSFERS, self.transfers_close_at.flatten()),
        ];
        check_zone(&times, &time_zone, fields);
        let moved = Move::new(&event, starts_at, &time_zone);
        Event {
            ends_at: self.ends_at.map_or_else(|| moved.end(&event, starts_at), Moment::time),
            doors_at: match self.doors_at {
                Some(doors_at) => doors_at.map(Moment::time),
                None => moved.doors(&event, starts_at),
            },
            transfers_close_at: match self.transfers_close_at {
                Some(closes_at) => closes_at.map(Moment::time),
                None => moved.transfers_close(&event, starts_at),
            },
            name: self.name.map_or(event.name, String::from),
            artist: self.artist.map_or(event.artist, String::from),
            series_id: self.series_id.unwrap_or(event.series_id),
            genre: self.genre.map_or(event.genre, String::from),
            cluster_type: self.cluster_type.map_or(event.cluster_type, String::from),
            description: self.description.map_or(event.description, String::from),
            venue: self.venue.map_or(event.venue, String::from),
            address: self.address.map_or(event.address, String::from),
            city: self.city.map_or(event.city, String::from),
            country: self.country.unwrap_or(event.country),
            time_zone,
            starts_at,
            currency,
            language: self.language.unwrap_or(event.language),
            unlisted: self.unlisted.unwrap_or(event.unlisted),
            hold_minutes: self.hold_minutes.unwrap_or(event.hold_minutes),
            max_tickets_per_order: self.max_tickets_per_order.unwrap_or(event.max_tickets_per_order),
            transfer_limit: self.transfer_limit.unwrap_or(event.transfer_limit),
            attendee_fields: self.attendee_fields.unwrap_or(event.attendee_fields),
            code: optional(self.code, event.code),
            img: optional(self.img, event.img),
            max_discounts: self.max_discounts.unwrap_or(event.max_discounts),
            ticketing_link: optional(self.ticketing_link, event.ticketing_link),
            other_data: self.other_data.map_or(event.other_data, Map::from),
            member_discount: match self.member_discount {
                Some(changed) => changed.map(|discount| discount.read(currency, fields)),
                None => event.member_discount,
            },
            updated_at: now,
            version: event.version + 1,
            ..event
        }
    }
}

/// Checks everything that must hold for an event to be stored, draft or not. `fields`
/// already has what is wrong with its numbers.
pub(crate) fn check(event: &Event, mut fields: Fields) -> Result<()> {
    country(&mut fields, "/country", &event.country);
    fields.rule(time_zone(&event.time_zone).is_some(), "/time_zone", NO_ZONE);
    check_times(event, &mut fields);
    fields.check(
        (2..=60).contains(&event.hold_minutes),
        "/hold_minutes",
        "Must be between 2 and 60 minutes.",
    );
    fields.check(
        (1..=MAX_TICKETS_PER_ORDER).contains(&event.max_tickets_per_order),
        "/max_tickets_per_order",
        format!("Must be between 1 and {MAX_TICKETS_PER_ORDER}."),
    );
    fields.check(
        event.transfer_limit <= MAX_TRANSFERS_PER_TICKET,
        "/transfer_limit",
        format!("Must be at most {MAX_TRANSFERS_PER_TICKET}."),
    );
    let repeats = (1..event.attendee_fields.len())
        .any(|index| event.attendee_fields[..index].contains(&event.attendee_fields[index]));
    fields.check(!repeats, "/attendee_fields", "Name each field once.");
    slug::check(&mut fields, &event.slug);
    event.check_show(&mut fields);
    fields.finish()
}

fn check_times(event: &Event, fields: &mut Fields) {
    let year = event.starts_at.to_zoned(jiff::tz::TimeZone::UTC).year();
    fields.rule(YEARS.contains(&year), "/starts_at", "Must be in this century.");
    let length = event.ends_at.duration_since(event.starts_at);
    fields.rule(length.is_positive(), "/ends_at", "Must be after the start.");
    fields.rule(length <= LONGEST, "/ends_at", "Must be at most 31 days after the start.");
    if let Some(doors_at) = event.doors_at {
        let before = event.starts_at.duration_since(doors_at);
        let range = SignedDuration::ZERO..=SignedDuration::from_hours(24);
        fields.rule(range.contains(&before), DOORS, "Must be in the 24 hours before the start.");
    }
    if let Some(closes_at) = event.transfers_close_at {
        fields.rule(closes_at <= event.starts_at, TRANSFERS, "Must not be after the start.");
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use domain::TenantId;
    use domain::testing::at;
    use serde_json::{Value, json};

    use super::*;

    pub(crate) fn draft() -> Event {
        let (id, country) = (TenantId::generate(at(0)), ("CO", Currency::COP));
        let tenant = Tenant {
            fees: Fees { convenience_fixed: 900, ..Fees::default() },
            ..Tenant::new(id, "Faroles del Sur", "hola@faroles.example", country, at(0))
        };
        let new: NewEvent = serde_json::from_value(json!({
            "name": " Noche de faroles ", "venue": "Teatro Inventado", "time_zone": "america/bogota",
            "starts_at": "2027-01-10T01:00:00Z", "doors_at": "2027-01-09T23:00:00Z",
        }))
        .expect("a new event");
        new.event(EventId::generate(at(0)), &tenant, at(0), &mut Fields::new())
    }

    fn bad(change: impl FnOnce(&mut Event)) -> Vec<String> {
        let mut event = draft();
        change(&mut event);
        let error = check(&event, Fields::new()).expect_err("refused");
        error.field_errors().iter().map(|field| field.pointer.clone()).collect()
    }

    #[test]
    fn a_new_event_takes_missing_fields_from_its_organiser() {
        let event = draft();
        check(&event, Fields::new()).expect("valid");
        assert_eq!((event.name.as_str(), event.country.as_str()), ("Noche de faroles", "CO"));
        assert_eq!((event.time_zone.as_str(), event.currency), ("America/Bogota", Currency::COP));
        assert_eq!((event.fees.convenience_fixed, event.status), (900, EventStatus::Draft));
        assert_eq!(event.ends_at.to_string(), "2027-01-10T05:00:00Z");
    }

    #[test]
    fn invalid_fields_are_refused_at_their_pointers() {
        assert_eq!(bad(|event| event.time_zone = "America/Macondo".to_owned()), ["/time_zone"]);
        assert_eq!(bad(|event| event.ends_at = event.starts_at), ["/ends_at"]);
        assert_eq!(bad(|event| event.ends_at = event.starts_at + LONGEST * 2), ["/ends_at"]);
        assert_eq!(bad(|event| event.doors_at = Some(event.ends_at)), ["/doors_at"]);
        assert_eq!(
            bad(|event| (event.starts_at, event.doors_at) = (Timestamp::MIN, None)),
            ["/starts_at", "/ends_at"]
        );
        assert_eq!(bad(|event| event.hold_minutes = 1), ["/hold_minutes"]);
        assert_eq!(bad(|event| event.max_tickets_per_order = 21), ["/max_tickets_per_order"]);
        assert_eq!(bad(|event| event.transfer_limit = 4), ["/transfer_limit"]);
        assert_eq!(bad(|event| event.transfers_close_at = Some(event.ends_at)), ["/transfers_close_at"]);
        assert_eq!(bad(|event| event.attendee_fields = vec![AttendeeField::Rut; 2]), ["/attendee_fields"]);
        assert_eq!(bad(|event| event.slug = "Mal Slug".to_owned()), ["/slug"]);
        assert_eq!(bad(|event| event.max_discounts = 1), ["/member_discount"]);
    }

    #[test]
    fn a_time_that_contradicts_its_zone_is_refused_at_its_pointer() {
        let bad = |time: &str| {
            let changes = json!({"time_zone": "America/Santiago", "starts_at": time, "doors_at": time});
            let changes: EventChanges = serde_json::from_value(changes).expect("changes");
            let mut fields = Fields::new();
            changes.apply(draft(), at(1), &mut fields);
            let error = fields.finish().err();
            let errors = error.iter().flat_map(|error| error.field_errors());
            errors.map(|field| field.pointer.clone()).collect::<Vec<_>>()
        };
        assert_eq!(bad("2026-09-26T21:00:00-03:00"), [""; 0], "spring");
        assert_eq!(bad("2026-09-27T00:00:00Z"), [""; 0], "UTC");
        assert_eq!(bad("2026-09-26T21:00:00-04:00"), ["/starts_at", "/doors_at"], "winter's offset");
        let time = json!({"starts_at": "2026-09-26T21:00:00-04:00[America/Santiago]"});
        assert!(serde_json::from_value::<EventChanges>(time).is_err());
    }

    fn changed(changes: Value) -> Event {
        let changes: EventChanges = serde_json::from_value(changes).expect("changes");
        changes.apply(draft(), at(1), &mut Fields::new())
    }

    #[test]
    fn a_change_keeps_the_fields_that_it_does_not_name() {
        let before = draft();
        let after = changed(json!({"artist": " Los Faroles "}));
        assert_eq!((after.artist.as_str(), after.version, after.updated_at), ("Los Faroles", 2, at(1)));
        assert_eq!((after.name, after.doors_at, after.slug), (before.name, before.doors_at, before.slug));
    }

    #[test]
    fn optional_fields_of_an_event_can_be_removed() {
        let said = json!({
            "code": " LF-1 ", "img": "https://fotos.example/a.png", "ticketing_link": "https://boletos.example",
            "max_discounts": 40, "other_data": {"genre": "rock"},
            "member_discount": {"discount_type": "fixed", "discount_value": 900, "max_tickets": 2},
        });
        let after = changed(said);
        check(&after, Fields::new()).expect("valid");
        assert_eq!(
            (after.code.as_deref(), after.max_discounts, after.other_data.len()),
            (Some("LF-1"), 40, 1)
        );
        let nothing = json!({"code": null, "img": "", "ticketing_link": null, "member_discount": null, "other_data": {}});
        let nothing: EventChanges = serde_json::from_value(nothing).expect("changes");
        let after = nothing.apply(after, at(2), &mut Fields::new());
        assert_eq!((after.code, after.img, after.ticketing_link), (None, None, None));
        assert_eq!((after.member_discount, after.max_discounts), (None, 40));
        assert!(after.other_data.is_empty());
    }

    #[test]
    fn a_moved_event_moves_its_end_and_doors() {
        let after = changed(json!({"starts_at": "2027-02-10T01:00:00Z"}));
        assert_eq!(after.ends_at.to_string(), "2027-02-10T05:00:00Z");
        assert_eq!(after.doors_at.map(|at| at.to_string()).as_deref(), Some("2027-02-09T23:00:00Z"));
        assert_eq!(changed(json!({"doors_at": null})).doors_at, None);
    }

    #[test]
    fn a_moved_event_keeps_its_local_times() {
        let winter = Event {
            time_zone: "America/Santiago".to_owned(),
            starts_at: "2026-09-05T01:00:00Z".parse().expect("a time"),
            doors_at: Some("2026-09-05T00:00:00Z".parse().expect("a time")),
            ends_at: "2026-09-05T06:00:00Z".parse().expect("a time"),
            ..draft()
        };
        // From nine to two, and a day later again, when the hour after midnight is skipped.
        let changes = json!({"starts_at": "2026-09-06T01:00:00Z"});
        let changes: EventChanges = serde_json::from_value(changes).expect("changes");
        let after = changes.apply(winter, at(1), &mut Fields::new());
        assert_eq!(after.doors_at.map(|at| at.to_string()).as_deref(), Some("2026-09-06T00:00:00Z"));
        assert_eq!(after.ends_at.to_string(), "2026-09-06T05:00:00Z");
    }

    #[test]
    fn fields_with_their_own_route_are_not_in_a_change() {
        for field in ["slug", "status", "fees", "tenant_id", "images", "discount_blocks"] {
            assert!(serde_json::from_value::<EventChanges>(json!({ field: null })).is_err(), "{field}");
        }
    }
}
