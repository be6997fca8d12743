//! A show in the words of the IndieHOY system.

use domain::{EventId, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use store::Show;

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
    /// Further details: `city`, `country`, `time_zone`, `currency` and `price` (the
    /// lowest of its areas in minor units, without stages and fees), and what else
    /// the organiser says. The price of a show without areas is the organiser's word.
    other_data: Map<String, Value>,
    /// True as long as it is published and not over.
    active: bool,
    /// When it was created.
    created_at: Timestamp,
}

impl ShortShow {
    /// The words for a published show.
    pub(crate) fn new(show: Show, public_url: &str, now: Timestamp) -> Self {
        let here = || format!("{public_url}/api/v1/public/events/{}", show.slug);
        let mut other_data = show.other_data;
        if let Some(price) = show.price_from {
            other_data.insert("price".to_owned(), price.into());
        }
        other_data.entry("price").or_insert(Value::Null);
        for (name, value) in [
            ("city", show.city),
            ("country", show.country),
            ("time_zone", show.time_zone),
            ("currency", show.currency.code().to_owned()),
        ] {
            other_data.insert(name.to_owned(), value.into());
        }
        Self {
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
            other_data,
            active: now < show.ends_at,
            created_at: show.created_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::shows::tests::{at, show};

    fn words(show: Show) -> Value {
        serde_json::to_value(ShortShow::new(show, "https://faroles.example", at(0))).expect("JSON")
    }

    #[test]
    fn a_show_of_ours_leads_here_and_goes_by_its_slug() {
        let words = words(show(10, "Los Faroles", "Bogotá", "CO"));
        assert_eq!((&words["code"], &words["slug"]), (&json!("los-faroles"), &json!("los-faroles")));
        assert_eq!(words["ticketing_link"], "https://faroles.example/api/v1/public/events/los-faroles");
        assert_eq!((&words["sold_elsewhere"], &words["max_discounts"]), (&json!(false), &json!(0)));
    }

    #[test]
    fn a_show_of_others_leads_to_them() {
        let show = Show {
            code: Some("RIO-7".to_owned()),
            ticketing_link: Some("https://boletos.example/rio".to_owned()),
            max_discounts: 12,
            ..show(10, "Río Abajo", "Valparaíso", "CL")
        };
        let words = words(show);
        assert_eq!((&words["code"], &words["slug"]), (&json!("RIO-7"), &json!("río-abajo")));
        assert_eq!(words["ticketing_link"], "https://boletos.example/rio");
        assert_eq!((&words["sold_elsewhere"], &words["max_discounts"]), (&json!(true), &json!(12)));
    }

    #[test]
    fn what_the_box_office_knows_goes_before_what_the_organiser_says() {
        let said = json!({"city": "Macondo", "price": "desde 20.000", "genre": "cumbia"});
        let said = said.as_object().expect("members").clone();
        let priced =
            Show { other_data: said.clone(), price_from: Some(5000), ..show(1, "Uno", "Cali", "CO") };
        let priced = words(priced);
        assert_eq!(
            priced["other_data"],
            json!({
                "city": "Cali", "country": "CO", "time_zone": "America/Bogota", "currency": "COP",
                "price": 5000, "genre": "cumbia",
            })
        );
        let unpriced = words(Show { other_data: said, ..show(1, "Uno", "Cali", "CO") });
        assert_eq!(unpriced["other_data"]["price"], "desde 20.000");
        assert_eq!(words(show(1, "Uno", "Cali", "CO"))["other_data"]["price"], Value::Null);
    }

    #[test]
    fn a_show_that_is_over_is_not_active() {
        let show = show(10, "Los Faroles", "Bogotá", "CO");
        let ends_at = show.ends_at;
        assert!(ShortShow::new(show.clone(), "", ends_at - std::time::Duration::from_secs(1)).active);
        assert!(!ShortShow::new(show, "", ends_at).active);
    }
}
