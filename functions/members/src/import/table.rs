//! A CSV file as lines with named cells.

use std::collections::BTreeMap;

use csv::{ReaderBuilder, StringRecord, Trim};

use super::ImportError;

/// The columns that mean something.
pub(super) const COLUMNS: [&str; 12] = [
    "name",
    "email",
    "dni",
    "country",
    "phone",
    "city",
    "registration_date",
    "how_did_you_find_us",
    "favorite_music_genre",
    "subscription_active",
    "monthly_fee_current",
    "language",
];
/// Columns of our own lists that a file can not set.
const SKIPPED: [&str; 3] = ["id", "created_at", "updated_at"];

/// The lines of a file, and what is wrong with it.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) rows: Vec<Row>,
    pub(super) errors: Vec<ImportError>,
    /// How many lines there are, the bad ones included.
    pub(super) lines: u32,
}

/// A line with as many cells as there are columns.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// The line of the file, from 1.
    pub(super) line: u32,
    /// The cells that have something in them.
    pub(super) cells: BTreeMap<&'static str, String>,
}

impl Table {
    /// Reads a file; `None` if it has more lines than `most`.
    pub(super) fn read(text: &str, most: usize) -> Option<Self> {
        let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n").replace('\r', "\n");
        let header = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        let count = |separator| header.matches(separator).count();
        let separator = if count(';') > count(',') { b';' } else { b',' };
        let mut reader = ReaderBuilder::new()
            .delimiter(separator)
            .has_headers(false)
            .flexible(true)
            .trim(Trim::All)
            .from_reader(text.as_bytes());
        let mut table = Self::default();
        let mut columns: Option<Vec<Option<&'static str>>> = None;
        let mut place = Place { text: &text, byte: 0, line: 1 };
        for record in reader.records() {
            // The text is in memory and valid, so no record can be unreadable.
            let Ok(record) = record else { continue };
            let line = place.line_of(&record);
            if record.iter().all(str::is_empty) {
                continue;
            }
            let Some(columns) = &columns else {
                match read_columns(&record, line) {
                    Ok(read) => columns = Some(read),
                    Err(errors) => return Some(Self { errors, ..table }),
                }
                continue;
            };
            if usize::try_from(table.lines).is_ok_and(|lines| lines >= most) {
                return None;
            }
            table.lines += 1;
            match read_row(&record, columns, line) {
                Ok(row) => table.rows.push(row),
                Err(error) => table.errors.push(error),
            }
        }
        if columns.is_none() {
            table.errors.push(ImportError::new(
                1,
                None,
                "The file is empty. Its first line must name the columns.",
            ));
        }
        Some(table)
    }
}

/// How far the lines of a text are counted.
struct Place<'a> {
    text: &'a str,
    byte: usize,
    line: u32,
}

impl Place<'_> {
    /// The line on which a record begins. Records come in order; empty lines
    /// belong to none.
    fn line_of(&mut self, record: &StringRecord) -> u32 {
        let start = record.position().map_or(0, csv::Position::byte);
        let start = usize::try_from(start).unwrap_or(usize::MAX).min(self.text.len());
        let rest = &self.text.as_bytes()[start..];
        let start = start + rest.iter().take_while(|byte| **byte == b'\n').count();
        let passed = self.text.as_bytes()[self.byte..start].iter().filter(|byte| **byte == b'\n').count();
        self.line += u32::try_from(passed).unwrap_or(0);
        self.byte = start;
        self.line
    }
}

/// The meaning of each column, or what is wrong with their names.
fn read_columns(record: &StringRecord, line: u32) -> Result<Vec<Option<&'static str>>, Vec<ImportError>> {
    let (mut columns, mut errors) = (Vec::new(), Vec::new());
    for name in record {
        let plain = name.to_lowercase().replace([' ', '-'], "_");
        let column = COLUMNS.into_iter().find(|column| *column == plain);
        if column.is_none() && !SKIPPED.contains(&plain.as_str()) {
            let shown: String = name.chars().take(60).collect();
            errors.push(ImportError::new(
                line,
                Some(&shown),
                "There is no such column. Rename or remove it.",
            ));
        }
        if column.is_some() && columns.contains(&column) {
            errors.push(ImportError::new(line, column, "The column is there twice. Remove one."));
        }
        columns.push(column);
    }
    if !columns.contains(&Some("email")) {
        errors.push(ImportError::new(line, Some("email"), "The column is missing, and every line needs it."));
    }
    if errors.is_empty() { Ok(columns) } else { Err(errors) }
}

fn read_row(record: &StringRecord, columns: &[Option<&'static str>], line: u32) -> Result<Row, ImportError> {
    if record.iter().any(|cell| cell.contains('\n')) {
        let reason =
            "A cell goes on over several lines; a quotation mark is missing here or on a line below.";
        return Err(ImportError::new(line, None, reason));
    }
    if record.len() != columns.len() {
        let (cells, wanted) = (record.len(), columns.len());
        let reason = format!("The line has {cells} cells instead of {wanted}; look for a missing separator.");
        return Err(ImportError::new(line, None, reason));
    }
    let cells = columns.iter().zip(record);
    let cells =
        cells.filter_map(|(column, cell)| Some((column.filter(|_| !cell.is_empty())?, cell.to_owned())));
    Ok(Row { line, cells: cells.collect() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Table {
        Table::read(text, 100).expect("not too long")
    }

    fn cell<'a>(row: &'a Row, column: &str) -> Option<&'a str> {
        row.cells.get(column).map(String::as_str)
    }

    #[test]
    fn commas_semicolons_marks_and_line_ends_are_forgiven() {
        for text in [
            "name,email\nAna,ana@example.com\n",
            "name;email\r\nAna;ana@example.com",
            "\u{feff}NAME;Email\r\n\r\n\"Ana\" ; ana@example.com \r\n;\r\n",
            "\n\nname,email\rAna,ana@example.com\r",
            "id;name;email;created_at\n1;Ana;ana@example.com;2026\n",
        ] {
            let table = read(text);
            assert_eq!(table.errors, [], "{text:?}");
            assert_eq!((table.lines, table.rows.len()), (1, 1), "{text:?}");
            let row = &table.rows[0];
            assert_eq!((cell(row, "name"), cell(row, "email")), (Some("Ana"), Some("ana@example.com")));
        }
        let quoted = read("email,city\na@example.com,\"Lugar, el \"\"otro\"\"\"\n");
        assert_eq!(cell(&quoted.rows[0], "city"), Some("Lugar, el \"otro\""));
        assert_eq!(cell(&read("email;city\na@example.com;\n").rows[0], "city"), None);
    }

    #[test]
    fn lines_are_counted_as_editors_do() {
        for end in ["\n", "\r\n"] {
            let lines = [
                "",
                "email,city",
                "",
                "a@example.com,x",
                "b@example.com",
                "",
                "",
                "c@example.com,\"x",
                "y\"",
                ",",
                "d@example.com,z",
            ];
            let table = read(&lines.join(end));
            assert_eq!(table.rows.iter().map(|row| row.line).collect::<Vec<_>>(), [4, 11], "{end:?}");
            assert_eq!(table.errors.iter().map(|error| error.line).collect::<Vec<_>>(), [5, 8], "{end:?}");
            assert_eq!(table.lines, 4);
        }
    }

    #[test]
    fn wrong_columns_are_all_named() {
        let table = read("correo,name,name,nombre\nx,y,z,w\n");
        let errors: Vec<_> = table.errors.iter().map(|error| error.field.as_deref().unwrap_or("")).collect();
        assert_eq!((errors, table.rows.len()), (vec!["correo", "name", "nombre", "email"], 0));
        for empty in ["", "\n\n", "\u{feff}"] {
            assert_eq!(read(empty).errors.len(), 1, "{empty:?}");
        }
    }

    #[test]
    fn long_files_are_refused() {
        let file = |lines: usize| format!("email\n{}", "a@example.com\n".repeat(lines));
        assert!(Table::read(&file(3), 3).is_some());
        assert!(Table::read(&file(4), 3).is_none());
    }

    proptest! {
        #[test]
        fn any_text_is_a_table_or_is_not(text in "[a-z@,;\"\\r\\n \u{feff}]{0,80}") {
            let table = read(&format!("email,name\n{text}"));
            prop_assert!(table.rows.len() + table.errors.len() <= table.lines as usize + 1);
        }
    }
}
