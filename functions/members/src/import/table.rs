//! A CSV file as lines with named cells.

use std::collections::BTreeMap;

use csv::{ReaderBuilder, StringRecord, Trim};
use domain::text::plain;

use super::ImportError;
use super::columns::{Column, letters};
use super::decode::ADVICE;
use super::reason::Reason;

/// The error for a column whose name is not known.
const UNKNOWN: Reason = Reason::of(
    "There is no such column. Name it nombre, correo, documento, país, teléfono, ciudad, fecha de registro, \
     cómo nos conociste, género musical, suscripción activa, cuota al día or idioma, as it is; or remove it.",
    "Esta columna no existe. Llámala nombre, correo, documento, país, teléfono, ciudad, fecha de registro, \
     cómo nos conociste, género musical, suscripción activa, cuota al día o idioma, según lo que tenga; o quítala.",
);
const NO_EMAIL_COLUMN: Reason = Reason::of(
    "The column is missing, and every line needs it: correo, or email.",
    "Falta la columna, y cada línea la necesita: correo, o email.",
);
const EMPTY_FILE: Reason = Reason::of(
    "The file is empty. Its first line must name the columns.",
    "El archivo está vacío. Su primera línea debe nombrar las columnas.",
);
const OLD_LETTERS: Reason = Reason::of(
    "The letters of this cell are in an old character set.",
    "Las letras de esta celda están en un juego de caracteres antiguo.",
);
const LOST_NAME: Reason = Reason::of(
    "The letters of this name are lost or in an old character set.",
    "Las letras de este nombre se perdieron o están en un juego de caracteres antiguo.",
);

/// The good lines of a file, and its errors.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) rows: Vec<Row>,
    pub(super) errors: Vec<ImportError>,
    /// The dates of all lines, the bad ones included: together they show whether day or month
    /// comes first.
    pub(super) dates: Vec<String>,
    /// The number of lines, the bad ones included.
    pub(super) lines: u32,
    /// The place of the file's cells in the spreadsheet.
    pub(super) sheet: Sheet,
}

/// A line's cells that are not empty, by column.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// The line of the file, from 1.
    pub(super) line: u32,
    pub(super) cells: BTreeMap<&'static str, String>,
}

/// The names of cells in the spreadsheet that was saved as the file, such as `C7`.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    columns: BTreeMap<&'static str, String>,
    /// The spreadsheet's row for each line of the file whose number differs from it.
    rows: BTreeMap<u32, u32>,
}

impl Sheet {
    /// Sets the cell of each error that is about a known column.
    pub(super) fn name_cells(&self, errors: &mut [ImportError]) {
        for error in errors.iter_mut().filter(|error| error.cell.is_none()) {
            let letters = error.field.as_deref().and_then(|field| self.columns.get(field));
            error.cell = letters.map(|letters| self.cell(letters, error.line));
        }
    }

    fn cell(&self, letters: &str, line: u32) -> String {
        format!("{letters}{}", self.rows.get(&line).unwrap_or(&line))
    }
}

impl Table {
    /// Reads a file; `None` if it has more lines than `most`.
    pub(super) fn read(text: &str, most: usize) -> Option<Self> {
        let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n").replace('\r', "\n");
        let (declared, text) = declared_separator(&text);
        let separator = declared.unwrap_or_else(|| likely_separator(text));
        let mut reader = ReaderBuilder::new()
            .delimiter(separator)
            .has_headers(false)
            .flexible(true)
            .trim(Trim::All)
            .from_reader(text.as_bytes());
        // Excel's own first line `sep=` is not a row of the sheet.
        let first = u32::from(declared.is_some());
        let mut lines = Lines { text, byte: 0, line: 1 + first, more_than_rows: first };
        let mut table = Self::default();
        let mut columns: Option<Vec<Column>> = None;
        for record in reader.records() {
            // The text is in memory and valid, so no record can be unreadable.
            let Ok(record) = record else { continue };
            let line = lines.of(&record);
            if lines.more_than_rows > 0 {
                table.sheet.rows.insert(line, line - lines.more_than_rows);
            }
            lines.pass(&record);
            if record.iter().all(|cell| plain(cell).is_empty()) {
                continue;
            }
            let Some(columns) = &columns else {
                columns = table.read_columns(&record, line);
                if columns.is_none() {
                    return Some(table);
                }
                continue;
            };
            if usize::try_from(table.lines).is_ok_and(|lines| lines >= most) {
                return None;
            }
            table.lines += 1;
            table.read_row(&record, columns, line);
        }
        if columns.is_none() {
            table.errors.push(ImportError::new(1, None, EMPTY_FILE));
        }
        Some(table)
    }

    /// Drops all rows and reports their cells with guessed letters: nothing of such a file may
    /// be carried out.
    pub(super) fn report_guessed_letters(&mut self) {
        for row in std::mem::take(&mut self.rows) {
            for (column, _) in row.cells.iter().filter(|(_, cell)| cell.contains(char::REPLACEMENT_CHARACTER))
            {
                self.errors.push(ImportError::new(row.line, Some(*column), OLD_LETTERS.and(&ADVICE)));
            }
        }
    }

    /// Reads the line that names the columns. `None` if a name is wrong, with errors noted.
    fn read_columns(&mut self, record: &StringRecord, line: u32) -> Option<Vec<Column>> {
        let columns: Vec<Column> = record.iter().map(Column::of).collect();
        for (place, (&column, name)) in columns.iter().zip(record).enumerate() {
            let letters = letters(place);
            let reason = match column {
                Column::Unknown if name.contains(char::REPLACEMENT_CHARACTER) => LOST_NAME.and(&ADVICE),
                Column::Unknown => UNKNOWN,
                Column::Known(known) => match self.sheet.columns.get(known) {
                    Some(other) => Reason::new(
                        format!("The columns {other} and {letters} say the same. Remove one."),
                        format!("Las columnas {other} y {letters} dicen lo mismo. Quita una."),
                    ),
                    None => {
                        self.sheet.columns.insert(known, letters);
                        continue;
                    }
                },
                Column::Skipped | Column::Unnamed => continue,
            };
            let shown: String = name.chars().take(60).collect();
            let cell = Some(self.sheet.cell(&letters, line));
            self.errors.push(ImportError { cell, ..ImportError::new(line, Some(&shown), reason) });
        }
        if !self.sheet.columns.contains_key("email") {
            self.errors.push(ImportError::new(line, Some("email"), NO_EMAIL_COLUMN));
        }
        self.errors.is_empty().then_some(columns)
    }

    /// Reads a line. It may be shorter than the first: Excel leaves out the separators of empty
    /// last cells.
    fn read_row(&mut self, record: &StringRecord, columns: &[Column], line: u32) {
        let (mut cells, mut errors) = (BTreeMap::new(), Vec::new());
        for (place, cell) in record.iter().enumerate() {
            if plain(cell).is_empty() {
                continue;
            }
            let column = columns.get(place).copied().unwrap_or(Column::Unnamed);
            let (field, reason) = match column {
                Column::Known(known) => match said(cell) {
                    Ok(text) => {
                        if known == "registration_date" {
                            self.dates.push(plain(&text));
                        }
                        cells.insert(known, text);
                        continue;
                    }
                    Err(reason) => (Some(known), reason),
                },
                Column::Skipped => continue,
                Column::Unnamed | Column::Unknown => (None, NO_COLUMN),
            };
            let cell = Some(self.sheet.cell(&letters(place), line));
            errors.push(ImportError { cell, ..ImportError::new(line, field, reason) });
        }
        match errors.is_empty() {
            true => self.rows.push(Row { line, cells }),
            false => self.errors.extend(errors),
        }
    }
}

const NO_COLUMN: Reason = Reason::of(
    "The first line has no name for this column. Name it, or empty the cell; if it belongs to another column, \
     look for a separator within a text on this line.",
    "La primera línea no tiene nombre para esta columna. Nómbrala, o vacía la celda; si pertenece a otra columna, \
     busca un separador dentro de un texto en esta línea.",
);

const SEVERAL_LINES: Reason = Reason::of(
    "The cell goes on over several lines. Take the line breaks out of it, or look for a missing quotation mark on \
     this line and the next.",
    "La celda sigue en varias líneas. Quítale los saltos de línea, o busca unas comillas que falten en esta línea y \
     la siguiente.",
);
const FORMULA: Reason = Reason::of(
    "This is a formula. Put its value into the cell: copy it and paste the values only.",
    "Es una fórmula. Pon su valor en la celda: cópiala y pega solo los valores.",
);
const SHEET_ERROR: Reason = Reason::of(
    "The spreadsheet wrote an error or had no room for the value. Mend the formula, or make the column wider, and \
     save the file again.",
    "La hoja de cálculo escribió un error o no le cupo el valor. Corrige la fórmula, o ensancha la columna, y guarda \
     el archivo de nuevo.",
);

/// The text of a cell, without the signs that spreadsheets put around it.
fn said(cell: &str) -> Result<String, Reason> {
    let text = cell.trim();
    // `="0034"` is how people make Excel take digits for text.
    let text = text.strip_prefix("=\"").and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let is_escaped = |rest: &&str| rest.starts_with(|c: char| c.is_ascii_digit() || "=+-@".contains(c));
    let text = text.strip_prefix('\'').filter(is_escaped).unwrap_or(text);
    if text.contains('\n') {
        return Err(SEVERAL_LINES);
    }
    if text.starts_with('=') {
        return Err(FORMULA);
    }
    let is_error =
        text.starts_with('#') && (text.ends_with(['#', '!', '?']) || matches!(text, "#N/A" | "#N/D"));
    if is_error {
        return Err(SHEET_ERROR);
    }
    Ok(text.to_owned())
}

/// The separator that a first line such as `sep=;` declares for Excel, and the text after
/// that line.
fn declared_separator(text: &str) -> (Option<u8>, &str) {
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    let first = first.trim().trim_matches('"').to_ascii_lowercase();
    match first.strip_prefix("sep=").map(str::as_bytes) {
        Some([separator]) => (Some(*separator), rest),
        // A tab may have been trimmed.
        Some([]) => (Some(b'\t'), rest),
        _ => (None, text),
    }
}

/// The separator with which the first line has most known columns.
fn likely_separator(text: &str) -> u8 {
    let header = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let known = |separator: u8| {
        let reader =
            ReaderBuilder::new().delimiter(separator).has_headers(false).from_reader(header.as_bytes());
        let record = reader.into_records().next().and_then(Result::ok).unwrap_or_default();
        let known = record.iter().filter(|name| matches!(Column::of(name), Column::Known(_))).count();
        (known, record.len())
    };
    // Of equals, `max_by_key` takes the last: the comma.
    [b'|', b'\t', b';', b','].into_iter().max_by_key(|separator| known(*separator)).unwrap_or(b',')
}

/// Counts the lines of a text as its records are read.
struct Lines<'a> {
    text: &'a str,
    byte: usize,
    line: u32,
    /// The number of lines so far that are not rows of the sheet.
    more_than_rows: u32,
}

impl Lines<'_> {
    /// The line on which a record begins. Records come in order; empty lines
    /// belong to none.
    fn of(&mut self, record: &StringRecord) -> u32 {
        let start = record.position().map_or(0, csv::Position::byte);
        let start = usize::try_from(start).unwrap_or(usize::MAX).min(self.text.len());
        let rest = &self.text.as_bytes()[start..];
        let start = start + rest.iter().take_while(|byte| **byte == b'\n').count();
        let passed = self.text.as_bytes()[self.byte..start].iter().filter(|byte| **byte == b'\n').count();
        self.line += u32::try_from(passed).unwrap_or(0);
        self.byte = start;
        self.line
    }

    /// Counts the line breaks in a record's cells, which begin no row of the sheet.
    fn pass(&mut self, record: &StringRecord) {
        let breaks: usize = record.iter().map(|cell| cell.matches('\n').count()).sum();
        self.more_than_rows += u32::try_from(breaks).unwrap_or(0);
    }
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

    fn cells(table: &Table) -> Vec<&str> {
        table.errors.iter().map(|error| error.cell.as_deref().unwrap_or("-")).collect()
    }

    #[test]
    fn all_separators_marks_and_line_ends_are_read() {
        for text in [
            "name,email\nAna,ana@example.com\n",
            "name;email\r\nAna;ana@example.com",
            "Nombre\tCorreo electrónico\r\nAna\tana@example.com\r\n",
            "nombre|correo\nAna|ana@example.com",
            "sep=;\r\nNombre;Correo\r\nAna;ana@example.com\r\n",
            "\u{feff}\"sep=,\"\nNombre,Correo\nAna,ana@example.com",
            "sep=\t\nNombre\tCorreo\nAna\tana@example.com",
            "\u{feff}NAME;Email\r\n\r\n\"Ana\" ; ana@example.com \r\n;\r\n",
            "\n\nname,email\rAna,ana@example.com\r",
            "id;name;email;created_at\n1;Ana;ana@example.com;2026\n",
            "name,email,,\nAna,ana@example.com,,\n,,,\n",
            "name,,email\nAna,\u{a0},ana@example.com,,,\n",
            "email,name,city,phone\nana@example.com,Ana\n",
            "name,email\n'Ana,ana@example.com",
        ] {
            let table = read(text);
            assert_eq!(table.errors, [], "{text:?}");
            assert_eq!((table.lines, table.rows.len()), (1, 1), "{text:?}");
            let row = &table.rows[0];
            assert_eq!(cell(row, "name").map(|name| name.trim_start_matches('\'')), Some("Ana"), "{text:?}");
            assert_eq!(cell(row, "email"), Some("ana@example.com"), "{text:?}");
        }
        let quoted = read("email,city\na@example.com,\"Lugar, el \"\"otro\"\"\"\n");
        assert_eq!(cell(&quoted.rows[0], "city"), Some("Lugar, el \"otro\""));
        assert_eq!(cell(&read("email;city\na@example.com;\n").rows[0], "city"), None);
    }

    #[test]
    fn signs_of_spreadsheets_around_texts_are_removed() {
        let table = read("email,dni,phone\na@example.com,'52123456,\"=\"\"0034\"\"\"\n");
        assert_eq!(
            (cell(&table.rows[0], "dni"), cell(&table.rows[0], "phone")),
            (Some("52123456"), Some("0034"))
        );
        let table = read("email,dni,name,city\na@example.com,=A1+1,########,#¡REF!\n");
        assert_eq!((cells(&table), table.rows.len()), (vec!["B2", "C2", "D2"], 0));
    }

    #[test]
    fn cells_are_named_as_the_spreadsheet_does() {
        let table = read(
            "email,city,,name\n\na@example.com,\"x\ny\",,Ana\nb@example.com,,suelta,\nc@example.com,,,Ana,más\n",
        );
        assert_eq!(cells(&table), ["B3", "C4", "E5"]);
        assert_eq!(table.errors.iter().map(|error| error.line).collect::<Vec<_>>(), [3, 5, 6]);
        let table = read("sep=;\nemail;edad\n");
        assert_eq!((cells(&table), table.errors[0].line), (vec!["B1"], 2));
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
            assert_eq!(table.rows.iter().map(|row| row.line).collect::<Vec<_>>(), [4, 5, 11], "{end:?}");
            assert_eq!(table.errors.iter().map(|error| error.line).collect::<Vec<_>>(), [8], "{end:?}");
            assert_eq!(table.lines, 4);
        }
    }

    #[test]
    fn wrong_columns_are_all_named() {
        let table = read("apellido,name,name,nombre\nx,y,z,w\n");
        let errors: Vec<_> = table.errors.iter().map(|error| error.field.as_deref().unwrap_or("")).collect();
        assert_eq!((errors, table.rows.len()), (vec!["apellido", "name", "nombre", "email"], 0));
        assert_eq!(cells(&table), ["A1", "C1", "D1", "-"]);
        for empty in ["", "\n\n", "\u{feff}", "sep=;\n"] {
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
        fn any_text_has_no_more_rows_than_lines(text in "[a-z@,;\t\"=#'\\r\\n \u{feff}\u{a0}]{0,80}") {
            let table = read(&format!("email,name\n{text}"));
            let lines: std::collections::BTreeSet<u32> = table.errors.iter().map(|error| error.line).collect();
            prop_assert!(table.rows.len() + lines.len() <= table.lines as usize + 1);
        }
    }
}
