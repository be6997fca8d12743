//! The public list of shows: search and filters.

use deunicode::deunicode;
use domain::event::{EventStatus, EventSummary};
use domain::search::{Entry, Index};
use domain::{TenantId, Timestamp};

/// The fewest characters of an event's internal code that find it.
const MIN_CODE_CHARS: usize = 2;

/// The public list, with an index to search it.
#[derive(Debug)]
pub struct ShowList {
    shows: Vec<EventSummary>,
    /// The search index; its ids are positions in `shows`.
    index: Index<usize>,
}

/// The shows that a customer wants to see; each part narrows the list.
#[derive(Debug, Clone, Copy, Default)]
pub struct ShowFilter<'a> {
    /// The city; accents and capitals do not matter.
    pub city: Option<&'a str>,
    /// The country, as an ISO 3166-1 alpha-2 code in any letters.
    pub country: Option<&'a str>,
    /// The genre; accents and capitals do not matter.
    pub genre: Option<&'a str>,
    /// The state. Without one, cancelled shows are left out.
    pub status: Option<EventStatus>,
    /// Words that the shows may mean; typos are forgiven.
    pub query: Option<&'a str>,
    /// The organiser.
    pub tenant: Option<TenantId>,
}

impl ShowList {
    /// The list of shows that are sorted by their start.
    pub fn new(shows: Vec<EventSummary>) -> Self {
        let index = Index::new(shows.iter().enumerate().map(|(place, show)| Entry {
            id: place,
            title: &show.name,
            artist: &show.artist,
            venue: &show.venue,
            city: &show.city,
            genre: &show.genre,
        }));
        Self { shows, index }
    }

    /// The shows that are not over at `now`, by their start.
    pub fn upcoming(&self, now: Timestamp) -> impl Iterator<Item = &EventSummary> {
        self.shows.iter().filter(move |show| now < show.ends_at)
    }

    /// The shows that are on sale here or elsewhere at `now`, by their start.
    pub fn available(&self, now: Timestamp) -> impl Iterator<Item = &EventSummary> {
        self.upcoming(now).filter(|show| show.status == EventStatus::Published)
    }

    /// The shows that `query` may mean and that are not over, best first. Shows whose code
    /// begins with `query` come before all others.
    pub fn search(&self, query: &str, now: Timestamp) -> Vec<&EventSummary> {
        let typed = query.trim().to_ascii_lowercase();
        let has_code = |show: &EventSummary| {
            let code = show.code.as_deref().filter(|_| typed.len() >= MIN_CODE_CHARS);
            code.is_some_and(|code| code.to_ascii_lowercase().starts_with(&typed))
        };
        let found = self.index.search(query, self.shows.len());
        let found = found.into_iter().filter_map(|(place, _)| self.shows.get(place));
        let by_code = self.shows.iter().filter(|show| has_code(show));
        let shows = by_code.chain(found.filter(|show| !has_code(show)));
        shows.filter(|show| now < show.ends_at).collect()
    }

    /// The shows that fit `filter` and are not over: best first with a query, else by their start.
    pub fn filtered(&self, filter: ShowFilter<'_>, now: Timestamp) -> Vec<&EventSummary> {
        let [city, genre] =
            [filter.city, filter.genre].map(|text| text.map(folded).filter(|text| !text.is_empty()));
        let mut shows: Vec<&EventSummary> = match filter.query.filter(|query| !query.is_empty()) {
            Some(query) => self.search(query, now),
            None => self.upcoming(now).collect(),
        };
        shows.retain(|show| {
            filter.tenant.is_none_or(|tenant| show.tenant_id == tenant)
                && city.as_deref().is_none_or(|city| folded(&show.city) == city)
                && genre.as_deref().is_none_or(|genre| folded(&show.genre) == genre)
                && filter.status.map_or(show.status != EventStatus::Cancelled, |status| show.status == status)
                && filter.country.is_none_or(|country| show.country.eq_ignore_ascii_case(country))
        });
        shows
    }
}

fn folded(text: &str) -> String {
    deunicode(text.trim()).to_lowercase()
}

#[cfg(test)]
mod tests {
    use domain::event::fixture::summary;
    use domain::testing::at;

    use super::*;

    fn shows() -> ShowList {
        let genre = "Música electrónica".to_owned();
        ShowList::new(vec![
            summary(10, "Los Faroles", "Bogotá", "CO"),
            EventSummary { genre, ..summary(20, "Río Abajo", "Valparaíso", "CL") },
            summary(30, "Los Faroles otra vez", "BOGOTA", "CO"),
        ])
    }

    fn found(filter: ShowFilter<'_>, hour: i64) -> Vec<String> {
        shows().filtered(filter, at(hour * 3600)).iter().map(|show| show.slug.clone()).collect()
    }

    #[test]
    fn filters_forgive_accents_and_case() {
        let city = ShowFilter { city: Some(" bogota "), ..ShowFilter::default() };
        assert_eq!(found(city, 0), ["los-faroles", "los-faroles-otra-vez"]);
        let country = ShowFilter { country: Some("cl"), ..ShowFilter::default() };
        assert_eq!(found(country, 0), ["río-abajo"]);
        let genre = ShowFilter { genre: Some("musica ELECTRONICA"), ..ShowFilter::default() };
        assert_eq!(found(genre, 0), ["río-abajo"]);
        assert_eq!(found(ShowFilter { genre: Some("musica"), ..ShowFilter::default() }, 0), [""; 0]);
        let word = ShowFilter { query: Some("electronica"), ..ShowFilter::default() };
        assert_eq!(found(word, 0), ["río-abajo"], "a word of the genre finds it");
        let query = ShowFilter { query: Some("los farols"), ..ShowFilter::default() };
        assert_eq!(found(query, 0), ["los-faroles", "los-faroles-otra-vez"]);
        assert_eq!(found(ShowFilter { query: Some(""), ..ShowFilter::default() }, 0).len(), 3);
    }

    #[test]
    fn an_organisers_list_has_its_shows_only() {
        let ours = TenantId::generate(at(1));
        let list = ShowList::new(vec![
            EventSummary { tenant_id: ours, ..summary(10, "Los Faroles", "Bogotá", "CO") },
            summary(20, "Los Faroles otra vez", "Bogotá", "CO"),
        ]);
        let slugs = |tenant, query| {
            let shows = list.filtered(ShowFilter { tenant, query, ..ShowFilter::default() }, at(0));
            shows.iter().map(|show| show.slug.clone()).collect::<Vec<_>>()
        };
        for query in [None, Some("faroles")] {
            assert_eq!(slugs(Some(ours), query), ["los-faroles"]);
            assert_eq!(slugs(Some(TenantId::generate(at(2))), query), [""; 0]);
            assert_eq!(slugs(None, query).len(), 2);
        }
    }

    #[test]
    fn cancelled_shows_are_listed_if_asked_for() {
        let with = |status, show| EventSummary { status, ..show };
        let list = ShowList::new(vec![
            summary(10, "Uno", "Cali", "CO"),
            with(EventStatus::Postponed, summary(20, "Dos", "Cali", "CO")),
            with(EventStatus::Cancelled, summary(30, "Tres", "Cali", "CO")),
        ]);
        let slugs =
            |shows: Vec<&EventSummary>| shows.iter().map(|show| show.slug.clone()).collect::<Vec<_>>();
        let listed = |status| slugs(list.filtered(ShowFilter { status, ..ShowFilter::default() }, at(0)));
        assert_eq!(listed(None), ["uno", "dos"]);
        assert_eq!(listed(Some(EventStatus::Published)), ["uno"]);
        assert_eq!(listed(Some(EventStatus::Postponed)), ["dos"]);
        assert_eq!(listed(Some(EventStatus::Cancelled)), ["tres"]);
        assert_eq!(slugs(list.available(at(0)).collect()), ["uno"]);
        assert_eq!(
            slugs(list.search("tres", at(0))),
            ["tres"],
            "who looks for it learns that it is cancelled"
        );
    }

    #[test]
    fn shows_are_listed_until_they_end() {
        assert_eq!(found(ShowFilter::default(), 11).len(), 3);
        assert_eq!(found(ShowFilter::default(), 12), ["río-abajo", "los-faroles-otra-vez"]);
        assert!(shows().search("faroles", at(32 * 3600)).is_empty());
    }
}
