//! Tests with files as spreadsheets really write them.
//!
//! LibreOffice's files were written by it and are in `corpus/`. Those of Excel and Google
//! Sheets are built here from what is publicly known about their bytes:
//!
//! - Excel writes the machine's code page (Windows-1252) for "CSV", a byte order mark
//!   for "CSV UTF-8", and UTF-16LE with its mark and tabs for "Unicode text"; the
//!   separator is the system's list separator, `;` where the comma is for decimals
//!   (donatstudios.com/CSV-An-Encoding-Nightmare; SAP's wiki, "Excel files - CSV
//!   format", which also knows the first line `sep=`).
//! - Excel leaves out the separators of empty last cells in some blocks of lines
//!   (stata.com/support/faqs/data-management/how-excel-writes-empty-cells).
//! - Google Sheets writes UTF-8 without a mark, commas in every locale, and CRLF
//!   between lines but not after the last.

use std::fmt::Write as _;

use domain::member::Member;
use domain::testing::at;
use domain::{MemberId, TenantId};
use serde_json::json;

use super::cells::LineValues;
use super::dates::Order;
use super::read;

fn new_member(email: &str) -> Member {
    serde_json::from_value(json!({
        "id": MemberId::generate(at(0)), "tenant_id": TenantId::generate(at(0)), "name": "", "email": email,
        "country": "CO", "registration_date": at(0), "created_at": at(0), "updated_at": at(0),
        "subscription_active": false, "monthly_fee_current": false, "version": 1,
    }))
    .expect("a member")
}

/// The members of a file and its refused cells, one per line.
fn outcome(file: &[u8]) -> String {
    let table = match read(file, "/file") {
        Ok(table) => table,
        Err(error) => return format!("file: {}\n", error.field_errors()[0].detail),
    };
    let (mut told, mut errors) = (String::new(), table.errors);
    let order = Order::of(table.dates.iter().map(String::as_str));
    for row in table.rows {
        let member = LineValues::read(row, order).and_then(|given| {
            let mut member = new_member(given.email.as_str());
            given.apply(&mut member, at(0)).map(|()| member)
        });
        match member {
            Ok(member) => {
                let day = member.registration_date.strftime("%F").to_string();
                let id = member.identity().unwrap_or_default();
                let said = member.how_did_you_find_us.as_deref().unwrap_or("-");
                let _ =
                    writeln!(told, "{}, {id}, {day}, {}, {said}", member.name, member.monthly_fee_current);
            }
            Err(wrong) => errors.extend(wrong),
        }
    }
    table.sheet.name_cells(&mut errors);
    for error in errors {
        // The whole reasons are tested elsewhere; here, only their beginnings.
        let reason: String = error.reason.chars().take(48).collect();
        let _ = writeln!(told, "{}: {reason}", error.cell.as_deref().unwrap_or("-"));
    }
    told
}

macro_rules! libreoffice {
    ($name:literal) => {
        outcome(include_bytes!(concat!("corpus/", $name, ".csv")))
    };
}

#[test]
fn libreoffice() {
    let spanish = libreoffice!("es-semicolon-utf8");
    insta::assert_snapshot!(spanish, @r#"
    Ana Farola, CO:cc:1020304050, 2025-11-21, true, Un "cartel"; en la calle, creo
    Beto Bambalina, CO:cc:52123456, 2025-01-31, false, -
    C4: A spreadsheet made a number with decimals or pow
    C5: A spreadsheet made a number with decimals or pow
    "#);
    let cells_of_comma = libreoffice!("en-comma-utf8");
    assert_eq!(cells_of_comma, spanish, "the other separator, order of dates and words");
    for other in [
        libreoffice!("es-quoted-values"),
        libreoffice!("es-semicolon-windows1252"),
        libreoffice!("es-tab-utf16"),
    ] {
        assert_eq!(other, spanish);
    }
    insta::assert_snapshot!(libreoffice!("es-comma-macroman"), @r"
    F1: The letters of this name are lost or in an old c
    G1: The letters of this name are lost or in an old c
    ");
}

/// A sheet with the separator, decimals and words of a locale.
fn sheet(separator: char, dates: [&str; 2], yes_and_no: [&str; 2], end: &str) -> String {
    let rows = [
        ["Correo", "Nombre", "Documento", "Fecha de ingreso", "Cuota al día", ""],
        ["ana@example.com", "Ana Farola", "1.020.304.050", dates[0], yes_and_no[0], ""],
        ["beto@example.com", "Beto Núñez", "52123456", dates[1], yes_and_no[1], ""],
    ];
    let lines = rows.map(|cells| cells.map(|cell| quoted(cell, separator)).join(&separator.to_string()));
    format!("{}{end}", lines.join("\r\n"))
}

fn quoted(cell: &str, separator: char) -> String {
    if cell.contains([separator, '"', '\n']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

const SPANISH: [[&str; 2]; 2] = [["21/11/2025", "03/04/2025"], ["VERDADERO", "FALSO"]];
const ENGLISH: [[&str; 2]; 2] = [["11/21/2025", "4/3/2025"], ["TRUE", "FALSE"]];
const BOTH: &str =
    "Ana Farola, CO:cc:1020304050, 2025-11-21, true, -\nBeto Núñez, CO:cc:52123456, 2025-04-03, false, -\n";

#[test]
fn excel() {
    let [dates, words] = SPANISH;
    let spanish = sheet(';', dates, words, "\r\n");
    let marked = format!("\u{feff}{spanish}");
    assert_eq!(outcome(marked.as_bytes()), BOTH, "CSV UTF-8");
    // All of its letters have their own number in Windows-1252.
    let windows: Vec<u8> =
        spanish.chars().map(|letter| u8::try_from(u32::from(letter)).expect("Latin-1")).collect();
    assert_eq!(outcome(&windows), BOTH, "CSV");
    let tabs = format!("\u{feff}{}", sheet('\t', dates, words, "\r\n"));
    let unicode: Vec<u8> = tabs.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(outcome(&unicode), BOTH, "Unicode text");
    let declared = format!("sep=;\r\n{spanish}");
    assert_eq!(outcome(declared.as_bytes()), BOTH, "with the separator said");
    let [dates, words] = ENGLISH;
    assert_eq!(outcome(sheet(',', dates, words, "\r\n").as_bytes()), BOTH, "in English");
    // Without the separators of empty last cells, and with the old Mac's line ends.
    let short = spanish.replace(";\r\n", "\r");
    assert_eq!(outcome(short.as_bytes()), BOTH);
    assert!(outcome(b"PK\x03\x04\x14\0\x06\0").starts_with("file: This is a workbook"));
}

#[test]
fn google_sheets() {
    let [dates, words] = SPANISH;
    assert_eq!(outcome(sheet(',', dates, words, "").as_bytes()), BOTH, "in Spanish");
    let [dates, words] = ENGLISH;
    assert_eq!(outcome(sheet(',', dates, words, "").as_bytes()), BOTH, "in English");
    assert_eq!(outcome(sheet('\t', dates, words, "").as_bytes()), BOTH, "as TSV");
    let form =
        "Marca temporal,Dirección de correo electrónico,Nombre\r\n21/11/2025 20:30:15,ana@example.com,Ana";
    assert!(outcome(form.as_bytes()).starts_with("Ana, "), "the answers to a form");
}

/// The only date that shows that the month comes first is on a bad line or behind signs.
#[test]
fn dates_on_bad_lines_count_for_the_order() {
    let beto = "beto@example.com,Beto,4/3/2025,Cali";
    for ana in [
        "ana@example.com,=A1,11/21/2025,Cali",
        "ana,Ana,11/21/2025,Cali",
        "ana@example.com,Ana,11/21/2025,Cali,33",
        "ana@example.com,Ana,\u{200e}11/21/2025,Cali",
        "ana@example.com,Ana,=\"11/21/2025\",Cali",
    ] {
        let file = format!("Correo,Nombre,Fecha de ingreso,Ciudad\r\n{ana}\r\n{beto}\r\n");
        let told = outcome(file.as_bytes());
        assert!(told.contains("2025-04-03"), "{ana}: {told}");
    }
}
