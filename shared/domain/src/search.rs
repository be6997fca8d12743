//! Fuzzy search for events while people type: it tolerates missing accents, typos and another order
//! of words.
//!
//! An [`Index`] knows every distinct word of all events once, so a search
//! compares the words of the query with some thousands of short words and not
//! with texts. Words are folded with `deunicode`, distances are those of
//! `rapidfuzz` (optimal string alignment: a swapped pair of letters is one typo).

use std::collections::HashMap;

use deunicode::deunicode;
use rapidfuzz::distance::osa;

/// The most characters of a query that are looked at.
pub const MAX_QUERY_CHARS: usize = 100;
/// The most words of a query that are looked at.
const MAX_QUERY_WORDS: usize = 8;
/// The most characters of one text of an entry that can be found.
const MAX_TEXT_CHARS: usize = 200;
/// The most letters of a word that are compared.
const MAX_WORD_LETTERS: usize = 32;
/// Words of at most this length ("los", "de") need not occur if a longer one does.
const SHORT_WORD: usize = 3;

/// The searchable texts of one event.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a, T> {
    /// The id that the search returns.
    pub id: T,
    /// The title, which counts most.
    pub title: &'a str,
    /// The artist, which counts as much.
    pub artist: &'a str,
    /// The venue, which counts half.
    pub venue: &'a str,
    /// The venue's city, which counts half.
    pub city: &'a str,
    /// The kind of music or show, which counts half.
    pub genre: &'a str,
}

/// The words of some thousand events, ready to be searched.
#[derive(Debug, Clone)]
pub struct Index<T> {
    ids: Vec<T>,
    words: Vec<Word>,
}

/// A folded word, or two neighbours joined without a space, and the events in which it occurs.
#[derive(Debug, Clone)]
struct Word {
    letters: Vec<u8>,
    /// One bit for each letter and digit that occurs in it.
    alphabet: u64,
    /// Indexes of events, each with the weight of its best field.
    places: Vec<(usize, u32)>,
}

impl<T: Clone> Index<T> {
    /// An index of these events. Among equally good answers, a search keeps this order.
    pub fn new<'a>(entries: impl IntoIterator<Item = Entry<'a, T>>) -> Self {
        let mut ids = Vec::new();
        let mut words: Vec<Word> = Vec::new();
        let mut known: HashMap<String, usize> = HashMap::new();
        for entry in entries {
            let place = ids.len();
            let Entry { id, title, artist, venue, city, genre } = entry;
            ids.push(id);
            for (text, weight) in [(title, 4), (artist, 4), (venue, 2), (city, 2), (genre, 2)] {
                for text in with_joined(fold(text, MAX_TEXT_CHARS)) {
                    let index = *known.entry(text).or_insert_with_key(|text| {
                        words.push(Word::new(text));
                        words.len() - 1
                    });
                    words[index].occurs(place, weight);
                }
            }
        }
        Self { ids, words }
    }

    /// The ids of at most `limit` events that `query` may mean, best first, each
    /// with a score that only compares answers to the same query.
    ///
    /// Every word of the query must occur, in any field and any order, with a
    /// typo from four letters on and two from eight on; words of up to three
    /// letters may be missing beside a longer one. The last word may be the
    /// beginning of a word. A query without letters or digits finds nothing.
    pub fn search(&self, query: &str, limit: usize) -> Vec<(T, u32)> {
        let mut words = fold(query, MAX_QUERY_CHARS);
        words.truncate(MAX_QUERY_WORDS);
        let has_long = words.iter().any(|word| word.len() > SHORT_WORD);
        let mut scores = vec![0_u32; self.ids.len()];
        let mut possible = vec![!words.is_empty(); self.ids.len()];
        for (index, word) in words.iter().enumerate() {
            let is_last = index + 1 == words.len();
            let found = self.places_of(word, is_last);
            let is_optional = has_long && word.len() <= SHORT_WORD;
            for (place, score) in found.into_iter().enumerate() {
                scores[place] += score;
                possible[place] &= score > 0 || is_optional;
            }
        }
        let mut places: Vec<usize> = (0..self.ids.len()).filter(|place| possible[*place]).collect();
        places.sort_by_key(|place| std::cmp::Reverse(scores[*place]));
        places.into_iter().take(limit).map(|place| (self.ids[place].clone(), scores[place])).collect()
    }

    /// The score of each event for one word of a query; 0 if it does not match.
    fn places_of(&self, text: &str, may_be_prefix: bool) -> Vec<u32> {
        let wanted = QueryWord::new(text, may_be_prefix);
        let mut best = vec![0; self.ids.len()];
        for word in &self.words {
            let quality = wanted.quality(word);
            if quality > 0 {
                for (place, weight) in &word.places {
                    best[*place] = best[*place].max(quality * weight);
                }
            }
        }
        best
    }
}

impl Word {
    fn new(text: &str) -> Self {
        let letters = text.as_bytes().to_vec();
        Self { alphabet: alphabet(&letters), letters, places: Vec::new() }
    }

    /// Adds an occurrence. Events must come one after the other.
    fn occurs(&mut self, place: usize, weight: u32) {
        match self.places.last_mut() {
            Some((last, best)) if *last == place => *best = weight.max(*best),
            _ => self.places.push((place, weight)),
        }
    }
}

/// A word of a query.
struct QueryWord<'a> {
    letters: &'a [u8],
    alphabet: u64,
    /// The number of typos that it may have.
    typos: usize,
    may_be_prefix: bool,
    comparator: osa::BatchComparator<u8>,
}

impl<'a> QueryWord<'a> {
    fn new(text: &'a str, may_be_prefix: bool) -> Self {
        let letters = text.as_bytes();
        let typos = match letters.len() {
            0..=3 => 0,
            4..=7 => 1,
            _ => 2,
        };
        let comparator = osa::BatchComparator::new(letters.iter().copied());
        Self { letters, alphabet: alphabet(letters), typos, may_be_prefix, comparator }
    }

    /// The quality of the match with `word`, up to 100; 0 if it does not match.
    fn quality(&self, word: &Word) -> u32 {
        // Each letter that the word lacks is a typo, so most words need no comparison.
        let lacking = (self.alphabet & !word.alphabet).count_ones() as usize;
        let too_long = !self.may_be_prefix && word.letters.len() > self.letters.len() + self.typos;
        if lacking > self.typos || too_long {
            return 0;
        }
        if word.letters == self.letters {
            return 100;
        }
        if self.may_be_prefix && word.letters.starts_with(self.letters) {
            return 90;
        }
        if self.typos == 0 {
            return 0;
        }
        if let Some(typos) = self.typos_in(&word.letters) {
            return if typos == 1 { 70 } else { 50 };
        }
        let beginnings = self.letters.len() - self.typos..=self.letters.len() + self.typos;
        let as_beginning = beginnings
            .filter(|length| self.may_be_prefix && *length < word.letters.len())
            .filter_map(|length| self.typos_in(&word.letters[..length]))
            .min();
        match as_beginning {
            Some(1) => 60,
            Some(_) => 40,
            None => 0,
        }
    }

    /// The number of typos that turn one word into the other, if they are few enough.
    fn typos_in(&self, letters: &[u8]) -> Option<usize> {
        if letters.len().abs_diff(self.letters.len()) > self.typos {
            return None;
        }
        let limit = osa::Args::default().score_cutoff(self.typos);
        self.comparator.distance_with_args(letters.iter().copied(), &limit)
    }
}

/// The words of a text in small letters without accents, other signs left out.
fn fold(text: &str, max_chars: usize) -> Vec<String> {
    let bounded: String = text.chars().take(max_chars).collect();
    deunicode(&bounded)
        .to_ascii_lowercase()
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| word[..word.len().min(MAX_WORD_LETTERS)].to_owned())
        .collect()
}

/// The words, and each two neighbours as one: people forget the space between them.
fn with_joined(mut words: Vec<String>) -> Vec<String> {
    let joined: Vec<String> = words.windows(2).map(|pair| pair.concat()).collect();
    words.extend(joined);
    words
}

/// One bit for each letter and digit in `letters`, which [`fold`] made.
fn alphabet(letters: &[u8]) -> u64 {
    letters.iter().fold(0, |bits, letter| {
        let bit = match letter {
            b'a'..=b'z' => letter - b'a',
            digit => 26 + digit.wrapping_sub(b'0') % 10,
        };
        bits | 1 << bit
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn index() -> Index<&'static str> {
        let entry = |id, title, artist, venue, city| Entry { id, title, artist, venue, city, genre: "" };
        Index::new([
            entry("faroles", "Los Faroles en vivo", "Los Faroles", "Teatro Inventado", "Córdoba"),
            entry("nandu", "El vuelo del ñandú", "Orquesta Quimera", "Club Ficticio", "Santiago"),
            entry("plata", "Río de la Plata: la fiesta", "DJ Marea", "Anfiteatro Imaginario", "Buenos Aires"),
            entry("sol", "Sol y sombra", "Cuarteto Penumbra", "Teatro Inventado", "Medellín"),
            entry("faro", "Faro", "Faro", "Sala Tres", "Bogotá"),
        ])
    }

    fn found(query: &str) -> Vec<&'static str> {
        index().search(query, 10).into_iter().map(|(id, _)| id).collect()
    }

    #[test]
    fn accents_typos_and_swapped_words_are_forgiven() {
        for (query, first) in [
            ("Los Faroles", "faroles"),
            ("los farols", "faroles"),
            ("faorles", "faroles"),
            ("fároles", "faroles"),
            ("FAROLES LOS", "faroles"),
            ("farloes cordoba", "faroles"),
            ("las faroles", "faroles"),
            ("losfaroles", "faroles"),
            ("losfarols cordoba", "faroles"),
            ("nandu", "nandu"),
            ("ñandú", "nandu"),
            ("ñandu vuelo", "nandu"),
            ("orqesta qimera", "nandu"),
            ("rio plata", "plata"),
            ("plata, río de la", "plata"),
            ("buenos aires marea", "plata"),
            ("anfiteatro imajinario", "plata"),
            ("medelin", "sol"),
            ("medellin teatro", "sol"),
            ("sol", "sol"),
            ("faro", "faro"),
        ] {
            assert_eq!(found(query).first(), Some(&first), "{query}");
        }
    }

    #[test]
    fn the_last_word_is_found_from_its_beginning() {
        for query in ["f", "fa", "far", "faro", "farol", "farole", "los fa", "teatro faro", "faorl"] {
            assert!(found(query).contains(&"faroles"), "{query}");
        }
        for query in ["quim", "qui", "orquesta qu", "qiumer"] {
            assert_eq!(found(query), ["nandu"], "{query}");
        }
        assert_eq!(found("inven"), ["faroles", "sol"], "equal answers keep the order of the index");
        assert!(found("inven teatro").is_empty(), "only the last word may be unfinished");
    }

    #[test]
    fn nonsense_finds_nothing() {
        for query in [
            "",
            "   ",
            "!?",
            "zzzz",
            "xqwv",
            "faroles xyzzyx",
            "zz zz",
            "asdfgh",
            "💥",
            "los zzzz",
            "0",
            "qqqfaroles",
        ] {
            assert_eq!(found(query), [""; 0], "{query:?}");
        }
    }

    #[test]
    fn titles_count_more_than_places_and_exact_words_more_than_typos() {
        let entry = |id, title, city| Entry { id, title, artist: "", venue: "", city, genre: "" };
        let index = Index::new([
            entry(1, "Otra cosa", "Cordoba"),
            entry(2, "Cordobas", "Lugar"),
            entry(3, "Córdoba", "Lugar"),
            entry(4, "Cordova", "Lugar"),
        ]);
        let order: Vec<i32> = index.search("cordoba", 10).into_iter().map(|(id, _)| id).collect();
        assert_eq!(order, [3, 2, 4, 1]);
        assert_eq!(index.search("cordoba", 2).len(), 2);
        assert!(index.search("cordoba", 0).is_empty());
    }

    #[test]
    fn long_queries_are_cut() {
        let padded = format!("faroles {}", " ".repeat(200_000));
        assert_eq!(found(&padded).first(), Some(&"faroles"));
        assert!(found(&"faroles ".repeat(1000)).contains(&"faroles"));
        assert!(found(&"x".repeat(100_000)).is_empty());
    }

    #[test]
    fn an_empty_index_finds_nothing() {
        assert!(Index::<u8>::new([]).search("faroles", 10).is_empty());
    }

    proptest! {
        #[test]
        fn any_text_is_a_possible_query(query in "\\PC{0,120}", limit in 0_usize..8) {
            let answers = index().search(&query, limit);
            prop_assert!(answers.len() <= limit);
            prop_assert!(answers.windows(2).all(|pair| pair[0].1 >= pair[1].1));
        }

        #[test]
        fn one_typo_in_a_long_word_still_finds_it(place in 1_usize..7, letter in "[a-z]", kind in 0_u8..4) {
            let mut word: Vec<char> = "quimera".chars().collect();
            let letter = letter.chars().next().expect("one letter");
            match kind {
                0 => word[place.min(6)] = letter,
                1 => word.insert(place, letter),
                2 => { word.remove(place.min(6)); }
                _ => word.swap(place - 1, place.min(6)),
            }
            let query: String = word.into_iter().collect();
            prop_assert!(found(&query).contains(&"nandu"), "{}", query);
        }
    }
}
