//! A show in the words of the IndieHOY system.

use domain::{Amount, Currency, EventId, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::recent::Priced;

/// A show in the words of the IndieHOY system.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ShortShow {
    /// The event.
    id: EventId,
    /// The organiser's code for it; without one, the slug.
    code: String,
    /// The readable part of its address here.
    slug: String,
    /// The title.
    title: String,
    /// Who plays.
    artist: String,
    /// Where.
    venue: String,
    /// The main picture.
    img: Option<String>,
    /// Start of the show.
    show_date: Timestamp,
    /// The most discounts that members get for it.
    max_discounts: u32,
    /// Where its tickets are sold: here, or at somebody else's address.
    ticketing_link: String,
    /// True if somebody else sells its tickets.
    sold_elsewhere: bool,
    /// Further details.
    other_data: OtherData,
    /// True as long as it is published and not over.
    active: bool,
    /// When it was created.
    created_at: Timestamp,
}

/// Further details of a show: what the box office knows, and what else the organiser says.
#[derive(Debug, Serialize, JsonSchema)]
struct OtherData {
    /// The city.
    city: String,
    /// ISO 3166-1 alpha-2 country.
    country: String,
    /// IANA time zone of the venue.
    time_zone: String,
    /// The currency of `price`.
    currency: Currency,
    /// What the cheapest ticket costs now, with everything: the sale stage, the fee and the
    /// tax. The organiser's word if nothing is sold here.
    price: Option<ShownPrice>,
    /// What else the organiser says.
    #[serde(flatten)]
    said: Map<String, Value>,
}

/// The price of a show, by whoever knows it.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
enum ShownPrice {
    /// The box office.
    Known(Amount),
    /// The organiser.
    Said(Value),
}

impl OtherData {
    fn new(priced: &Priced<'_>) -> Self {
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
    /// The words for a published show.
    pub(crate) fn new(priced: &Priced<'_>, public_url: &str, now: Timestamp) -> Self {
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
            venue: show.venue,
            img: show.image,
            show_date: show.starts_at,
            max_discounts: show.max_discounts,
            active: now < show.ends_at,
            created_at: show.created_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::event::EventSummary;
    use serde_json::json;

    use super::*;
    use crate::shows::tests::{at, show};

    fn words(show: &EventSummary) -> Value {
        words_of(&Priced { show, price_from: None })
    }

    fn words_of(priced: &Priced<'_>) -> Value {
        serde_json::to_value(ShortShow::new(priced, "https://faroles.example", at(0))).expect("JSON")
    }

    #[test]
    fn a_show_of_ours_leads_here_and_goes_by_its_slug() {
        let words = words(&show(10, "Los Faroles", "Bogotá", "CO"));
        assert_eq!((&words["code"], &words["slug"]), (&json!("los-faroles"), &json!("los-faroles")));
        assert_eq!(words["ticketing_link"], "https://faroles.example/api/v1/public/events/los-faroles");
        assert_eq!((&words["sold_elsewhere"], &words["max_discounts"]), (&json!(false), &json!(0)));
    }

    #[test]
    fn a_show_of_others_leads_to_them() {
        let show = EventSummary {
            code: Some("RIO-7".to_owned()),
            ticketing_link: Some("https://boletos.example/rio".to_owned()),
            max_discounts: 12,
            ..show(10, "Río Abajo", "Valparaíso", "CL")
        };
        let words = words(&show);
        assert_eq!((&words["code"], &words["slug"]), (&json!("RIO-7"), &json!("río-abajo")));
        assert_eq!(words["ticketing_link"], "https://boletos.example/rio");
        assert_eq!((&words["sold_elsewhere"], &words["max_discounts"]), (&json!(true), &json!(12)));
    }

    #[test]
    fn what_the_box_office_knows_goes_before_what_the_organiser_says() {
        let said = json!({"city": "Macondo", "price": "desde 20.000", "genre": "cumbia"});
        let said = said.as_object().expect("members").clone();
        let show = EventSummary { other_data: said, ..show(1, "Uno", "Cali", "CO") };
        let priced = words_of(&Priced { show: &show, price_from: Some(500_050) });
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
        let show = show(10, "Los Faroles", "Bogotá", "CO");
        let ends_at = show.ends_at;
        let priced = Priced { show: &show, price_from: None };
        assert!(ShortShow::new(&priced, "", ends_at - std::time::Duration::from_secs(1)).active);
        assert!(!ShortShow::new(&priced, "", ends_at).active);
    }
}
