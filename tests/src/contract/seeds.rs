//! The names of the drafts that this grew from: `docs/seeds.md` lists them and says where each answers,
//! and a show with everything in it has to answer so.

mod draft;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use self::draft::{Answers, Draft};
use super::document::operations;

const PAGE: &str = include_str!("../../../docs/seeds.md");

/// A row of the tables: a draft's name, and the place of its value in an operation's answer.
#[derive(Debug, Clone)]
struct Row<'a> {
    name: &'a str,
    /// The route that answers.
    route: &'a str,
    /// A JSON pointer with `*` for any entry of a list.
    pointer: &'a str,
    /// The value, if the row is about a state.
    state: Option<&'a str>,
}

impl<'a> Row<'a> {
    /// Reads a line; `None` if it is no row.
    fn read(line: &'a str) -> Option<Self> {
        let mut cells = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ");
        let name = cells.next()?;
        let mut code = || cells.next()?.strip_prefix('`')?.strip_suffix('`');
        let (route, answer) = (code()?, code()?);
        let (pointer, state) = match answer.split_once(" = ") {
            Some((pointer, state)) => (pointer, Some(state)),
            None => (answer, None),
        };
        Some(Self { name, route, pointer, state })
    }

    /// Whether the row's value is in this answer.
    fn is_in(&self, answer: &Value) -> bool {
        let mut found = vec![answer];
        for part in self.pointer.split('/').skip(1) {
            found = found.into_iter().flat_map(|value| entries(value, part)).collect();
        }
        found.into_iter().any(|value| match self.state {
            None => !value.is_null() && *value != json!("") && *value != json!([]),
            Some(state) => value.as_str().is_some_and(|is| is == state),
        })
    }
}

/// The entries of a value that a part of a pointer means.
fn entries<'a>(value: &'a Value, part: &str) -> Vec<&'a Value> {
    match value {
        Value::Array(items) if part == "*" => items.iter().collect(),
        other => other.get(part).into_iter().collect(),
    }
}

/// The rows that no answer has.
fn missing<'a>(answers: &Answers, rows: &[Row<'a>]) -> Vec<Row<'a>> {
    let is_missing = |row: &&Row<'_>| !answers.of(row.route).iter().any(|answer| row.is_in(answer));
    rows.iter().filter(is_missing).cloned().collect()
}

/// The names that a line of a list has: of its fields, or of their states; of the table, if it has none.
///
/// A line such as `units: area_id status(free sold)` has `units.area_id`, `units.status free` and
/// `units.status sold`.
fn names(line: &str) -> Vec<String> {
    let Some((table, fields)) = line.split_once(": ") else { return vec![line.to_owned()] };
    let (mut names, mut field): (Vec<String>, Option<String>) = (Vec::new(), None);
    for word in fields.split(' ') {
        let (state, name) = match (&field, word.split_once('(')) {
            (Some(name), _) => (word, name.clone()),
            (None, Some((name, state))) => (state, format!("{table}.{name}")),
            (None, None) => {
                names.push(format!("{table}.{word}"));
                continue;
            }
        };
        field = (!state.ends_with(')')).then(|| name.clone());
        names.push(format!("{name} {}", state.trim_end_matches(')')));
    }
    names
}

/// The names of all lists of a page: those between fences.
fn listed(page: &str) -> BTreeSet<String> {
    let fences = page.split("```").skip(1).step_by(2);
    let lines = fences.flat_map(|fence| fence.trim_start_matches("text").lines());
    lines.filter(|line| !line.is_empty()).flat_map(names).collect()
}

/// What the lists of a page have and its tables lack, and the other way round.
fn unmatched(page: &str) -> Vec<String> {
    let listed = listed(page);
    let rows: BTreeSet<String> = page.lines().filter_map(Row::read).map(|row| row.name.to_owned()).collect();
    listed.symmetric_difference(&rows).cloned().collect()
}

#[test]
fn each_name_of_the_lists_has_a_row_and_each_row_a_name() {
    assert_eq!(listed(PAGE).len(), PAGE.lines().filter_map(Row::read).count(), "a row is there twice");
    assert_eq!(unmatched(PAGE), [""; 0]);

    // The check itself.
    let read = ["units.area_id", "units.status free", "units.status held", "units.status sold", "units.x"];
    assert_eq!(names("units: area_id status(free held sold) x"), read);
    assert_eq!(names("sites"), ["sites"]);
    let page = "```text\nsites\nunits: a s(b c)\n```\n\n| sites | `GET /a` | `/b` |\n| units.s b | `GET /a` | `/b` |\n\
                | units.d | `GET /a` | `/b` |\n";
    assert_eq!(unmatched(page), ["units.a", "units.d", "units.s c"]);
}

#[tokio::test]
async fn every_name_of_the_drafts_answers() {
    let rows: Vec<Row<'_>> = PAGE.lines().filter_map(Row::read).collect();
    let lines = PAGE.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| Name |"));
    assert_eq!(rows.len(), lines.count(), "a row of docs/seeds.md does not read as one");
    let described: Vec<String> = operations().iter().map(super::document::Operation::route).collect();
    for row in &rows {
        assert!(described.iter().any(|route| route == row.route), "{} names no operation: {row:?}", row.name);
    }

    let mut draft = Draft::new().await;
    draft.prices().await;
    draft.orders().await;
    draft.people().await;
    assert_eq!(format!("{:#?}", missing(&draft.answers, &rows)), "[]", "these answer nowhere");

    // The check itself: other names, states and routes are missed.
    let wrong = [
        Row { pointer: "/cluster_name", ..Row::read("| a | `GET /health` | `/status` |").expect("a row") },
        Row::read("| b | `GET /health` | `/status = late` |").expect("a row"),
        Row::read("| c | `GET /nowhere` | `/status` |").expect("a row"),
        Row::read("| d | `GET /api/v1/promotions` | `/items/*/colour` |").expect("a row"),
    ];
    assert_eq!(missing(&draft.answers, &wrong).len(), wrong.len());
    draft.app.close().await;
}
