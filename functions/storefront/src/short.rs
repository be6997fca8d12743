//! A show with the field names of the IndieHOY system.

use actions::PricedShow;
use domain::event::EventStatus;
use domain::{Amount, Currency, EventId, SeriesId, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

/// A show in short form, with the field names of the IndieHOY system.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ShortShow {
    /// The event's id.
    id: EventId,
    /// The organiser's code for the show; without one, the slug.
    code: String,
    /// The readable part of its address here, such as `noche-de-faroles`.
    slug: String,
    /// The title, such as `Noche de faroles`.
    title: String,
    /// The artist or the band; possibly empty.
    artist: String,
    /// The kind of music or show, such as `cumbia`; possibly empty.
    genre: String,
    /// The series of which it is a date.
    #[serde(skip_serializing_if = "Option::is_none")]
    series_id: Option<SeriesId>,
    /// The venue's name.
    venue: String,
    /// The address of the main picture, if there is one.
    img: Option<String>,
    /// When the show starts.
    show_date: Timestamp,
    /// The most discounts that members get for the show.
    max_discounts: u32,
    /// The address at which its tickets are sold: here, or by another seller.
    ticketing_link: String,
    /// True if another seller sells its tickets.
    sold_elsewhere: bool,
    /// Further details of the show.
    other_data: OtherData,
    /// The show's state: `published`, `postponed` or `cancelled`.
    status: EventStatus,
    /// True until the show is over or cancelled.
    active: bool,
    /// When the event was created.
    created_at: Timestamp,
}

/// Further details of a show: the box office's own, and those that the organiser added.
#[derive(Debug, Serialize, JsonSchema)]
struct OtherData {
    /// The venue's city.
    city: String,
    /// The venue's country, as an ISO 3166-1 alpha-2 code such as `CO`.
    country: String,
    /// IANA time zone of the venue, such as `America/Bogota`.
    time_zone: String,
    /// The currency of `price`.
    currency: Currency,
    /// The current price of the cheapest ticket, with sale stage, fee and tax. Without one,
    /// for example if nothing is sold here, the price that the organiser entered.
    price: Option<ShownPrice>,
    /// Further details that the organiser entered.
    #[serde(flatten)]
    said: Map<String, Value>,
}

/// The price of a show, computed or entered.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
enum ShownPrice {
    /// The price that the box office computed.
    Known(Amount),
    /// The price that the organiser entered, in any form, such as `desde 20.000`.
    Said(Value),
}

impl OtherData {
    fn new(priced: &PricedShow<'_>) -> Self {
        let show = priced.show;
        let mut said = show.other_data.clone();
        for known in ["city", "country", "time_zone", "currency"] {
            said.remove(known);
        }
        let word = said.remove("price").filter(|price| !price.is_null()).map(ShownPrice::Said);
        let known = priced.amount().map(ShownPrice::Known);
        Self {
            city: show.city.clone(),
            country: show.country.clone(),
            time_zone: show.time_zone.clone(),
            currency: show.currency,
            price: known.or(word),
            said,
        }
    }
}

impl ShortShow {
    /// The short form of a published show.
    pub(crate) fn new(priced: &PricedShow<'_>, public_url: &str, now: Timestamp) -> Self {
        let show = priced.show.clone();
        let here = || format!("{public_url}/api/v1/public/events/{}", show.slug);
        Self {
            other_data: OtherData::new(priced),
            sold_elsewhere: show.ticketing_link.is_some(),
            ticketing_link: show.ticketing_link.clone().unwrap_or_else(here),
            id: show.id,
            code: show.code.unwrap_or_else(|| show.slug.clone()),
            slug: show.slug.clone(),
            title: show.name,
            artist: show.artist,
            genre: show.genre,
            series_id: show.series_id,
            venue: show.venue,
            img: show.image,
            show_date: show.starts_at,
            max_discounts: show.max_discounts,
            status: show.status,
            active: now < show.ends_at && show.status != EventStatus::Cancelled,
            created_at: show.created_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::event::EventSummary;
    use domain::event::fixture::summary;
    use domain::testing::at;
    use serde_json::json;

    use super::*;

    fn words(show: &EventSummary) -> Value {
        words_of(&PricedShow { show, price_from: None })
    }

    fn words_of(priced: &PricedShow<'_>) -> Value {
        serde_json::to_value(ShortShow::new(priced, "https://faroles.example", at(0))).expect("JSON")
    }

    #[test]
    fn a_show_sold_here_links_here_and_has_its_slug_as_code() {
        let words = words(&summary(10, "Los Faroles", "Bogotá", "CO"));
        assert_eq!((&words["code"], &words["slug"]), (&json!("los-faroles"), &json!("los-faroles")));
        assert_eq!(words["ticketing_link"], "https://faroles.example/api/v1/public/events/los-faroles");
        assert_eq!((&words["sold_elsewhere"], &words["max_discounts"]), (&json!(false), &json!(0)));
    }

    #[test]
    fn a_show_sold_elsewhere_links_there() {
        let show = EventSummary {
            code: Some("RIO-7".to_owned()),
            ticketing_link: Some("https://boletos.example/rio".to_owned()),
            max_discounts: 12,
            ..summary(10, "Río Abajo", "Valparaíso", "CL")
        };
        let words = words(&show);
        assert_eq!((&words["code"], &words["slug"]), (&json!("RIO-7"), &json!("río-abajo")));
        assert_eq!(words["ticketing_link"], "https://boletos.example/rio");
        assert_eq!((&words["sold_elsewhere"], &words["max_discounts"]), (&json!(true), &json!(12)));
    }

    #[test]
    fn a_show_is_active_until_it_is_over_or_cancelled() {
        let show = summary(10, "Los Faroles", "Bogotá", "CO");
        for (status, now, expected) in [
            (EventStatus::Published, at(0), ("published", true)),
            (EventStatus::Published, show.ends_at, ("published", false)),
            (EventStatus::Postponed, at(0), ("postponed", true)),
            (EventStatus::Cancelled, at(0), ("cancelled", false)),
        ] {
            let show = EventSummary { status, ..show.clone() };
            let priced = PricedShow { show: &show, price_from: None };
            let words = serde_json::to_value(ShortShow::new(&priced, "https://faroles.example", now));
            let words = words.expect("JSON");
            assert_eq!((&words["status"], &words["active"]), (&json!(expected.0), &json!(expected.1)));
        }
    }

    #[test]
    fn computed_details_replace_those_of_the_organiser() {
        let said = json!({"city": "Macondo", "price": "desde 20.000", "genre": "cumbia"});
        let said = said.as_object().expect("members").clone();
        let show = EventSummary { other_data: said, ..summary(1, "Uno", "Cali", "CO") };
        let priced = words_of(&PricedShow { show: &show, price_from: Some(500_050) });
        assert_eq!(
            priced["other_data"],
            json!({
                "city": "Cali", "country": "CO", "time_zone": "America/Bogota", "currency": "COP",
                "price": 5000.5, "genre": "cumbia",
            })
        );
        assert_eq!(words(&show)["other_data"]["price"], "desde 20.000");
        let nothing_said = EventSummary { other_data: Map::new(), ..show };
        assert_eq!(words(&nothing_said)["other_data"]["price"], Value::Null);
    }

    #[test]
    fn a_show_that_is_over_is_not_active() {
        let show = summary(10, "Los Faroles", "Bogotá", "CO");
        let ends_at = show.ends_at;
        let priced = PricedShow { show: &show, price_from: None };
        assert!(ShortShow::new(&priced, "", ends_at - std::time::Duration::from_secs(1)).active);
        assert!(!ShortShow::new(&priced, "", ends_at).active);
    }
}
