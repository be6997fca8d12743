//! The tables of `docs/payments.md` and of the gateways' modules, for tests that
//! hold them against the code.

use std::collections::BTreeSet;

const DOCS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/payments.md"));

/// A word that no gateway has yet.
const NEW: &str = "SOMETHING_NEW";

/// The code's reading of words: the cells after them, and whether it recognises the
/// words, if it says so.
pub(super) type Meaning = (String, Option<bool>);

/// A table: first the gateway's words, then our reading of them, last a note.
pub(super) struct Table {
    name: String,
    /// The number of cells with the gateway's words.
    words: usize,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// The first table below a heading of the documentation.
    pub(super) fn documented(heading: &str, words: usize) -> Self {
        Self::below(DOCS, heading, words)
    }

    /// The first table below a heading of a module's documentation.
    fn of_module(source: &str, words: usize) -> Self {
        let docs: Vec<_> = source.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim).collect();
        Self::below(&docs.join("\n"), "# Statuses", words)
    }

    fn below(text: &str, heading: &str, words: usize) -> Self {
        let after = text.lines().skip_while(|line| *line != heading).skip(1);
        let table = after.skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
        let cells = |line: &str| {
            let inner = line.strip_prefix('|')?.strip_suffix('|')?;
            Some(inner.split('|').map(|cell| cell.trim().to_owned()).collect())
        };
        let rows: Option<Vec<Vec<String>>> = table.skip(2).map(cells).collect();
        let rows = rows.expect("every row ends as it begins");
        assert!(!rows.is_empty(), "no table below {heading}");
        Self { name: heading.to_owned(), words, rows }
    }

    /// All words that are written down for a place.
    fn written(&self, place: usize) -> BTreeSet<&str> {
        self.rows.iter().flat_map(|row| literals(&row[place])).collect()
    }

    /// Holds every row against the code, by all words of `theirs` for each place and
    /// some that no gateway has. Each of the first place must be written down, and no
    /// row may be there for nothing.
    pub(super) fn check(&self, theirs: &[&[&str]], meaning: impl Fn(&[&str]) -> Meaning) {
        assert_eq!(theirs.len(), self.words, "{}", self.name);
        let first: BTreeSet<_> = theirs[0].iter().copied().collect();
        let missing: Vec<_> = first.difference(&self.written(0)).copied().collect();
        assert!(missing.is_empty(), "{}: not written down: {missing:?}", self.name);
        let mut used = BTreeSet::new();
        for words in self.combinations(theirs) {
            let row =
                self.rows.iter().position(|row| row.iter().zip(&words).all(|(cell, word)| fits(cell, word)));
            let row = row.unwrap_or_else(|| panic!("{}: nothing about {words:?}", self.name));
            used.insert(row);
            let cells = &self.rows[row];
            let (expected, recognised) = meaning(&words);
            let between = cells[self.words..cells.len() - 1].iter().flat_map(|cell| literals(cell));
            let documented = between.collect::<Vec<_>>().join(" ");
            assert_eq!(documented, expected, "{}: {words:?}", self.name);
            let logged = cells.last().is_some_and(|note| note.contains("error in the log"));
            match recognised {
                Some(true) => assert!(!logged, "{}: {words:?} are recognised", self.name),
                // A word that is not recognised never stands for money.
                Some(false) => assert!(
                    logged || !["approved", "refunded", "done"].contains(&&*expected),
                    "{}: {words:?} are not recognised",
                    self.name
                ),
                None => {}
            }
        }
        let unused: Vec<_> = (0..self.rows.len()).filter(|row| !used.contains(row)).collect();
        assert!(unused.is_empty(), "{}: rows for nothing: {unused:?}", self.name);
    }

    /// Every combination of words: theirs, those that are written down, a new one
    /// and none.
    fn combinations<'a>(&'a self, theirs: &[&'a [&'a str]]) -> Vec<Vec<&'a str>> {
        let mut all: Vec<Vec<&str>> = vec![Vec::new()];
        for (place, words) in theirs.iter().enumerate() {
            let mut words: BTreeSet<_> = words.iter().copied().chain(self.written(place)).collect();
            words.extend([NEW, ""]);
            let longer = |start: &Vec<&'a str>| {
                let with = |word: &&'a str| start.iter().copied().chain([*word]).collect();
                words.iter().map(with).collect::<Vec<_>>()
            };
            all = all.iter().flat_map(longer).collect();
        }
        all
    }
}

/// The words in backticks.
fn literals(cell: &str) -> Vec<&str> {
    let mut words: Vec<_> = cell.split('`').skip(1).step_by(2).collect();
    if cell.split(", ").any(|part| part == "none") {
        words.push("");
    }
    words
}

fn fits(cell: &str, word: &str) -> bool {
    cell == "any" || literals(cell).contains(&word)
}

/// A word of ours as it is written down, and stored.
fn ours(word: impl serde::Serialize) -> String {
    let word = serde_json::to_value(word).expect("a word");
    word.as_str().expect("a word").to_owned()
}

/// A refund's status as the tables write it.
pub(super) fn refund(status: super::RefundStatus) -> Meaning {
    (format!("{status:?}").to_lowercase(), None)
}

#[test]
fn payments_of_mercado_pago_are_understood_as_documented() {
    use super::mercado_pago::map_status;
    let statuses = [
        "pending",
        "approved",
        "authorized",
        "in_process",
        "in_mediation",
        "rejected",
        "cancelled",
        "refunded",
        "charged_back",
    ];
    let details = ["accredited", "partially_refunded", "in_process", "cc_rejected_high_risk"];
    let table = Table::documented("### Mercado Pago: payments", 2);
    table.check(&[&statuses, &details], |words| {
        let mapped = map_status(words[0], words[1]);
        let dispute = mapped.dispute.map(|dispute| format!(" {}", ours(dispute))).unwrap_or_default();
        (ours(mapped.status) + &dispute, Some(mapped.recognised))
    });
    let module = Table::of_module(include_str!("mercado_pago/mod.rs"), 2);
    assert_eq!(module.rows, table.rows, "the module says the same");
}

#[test]
fn transactions_of_wompi_are_understood_as_documented() {
    let statuses = ["PENDING", "APPROVED", "DECLINED", "VOIDED", "ERROR"];
    let table = Table::documented("### Wompi: transactions", 1);
    table.check(&[&statuses], |words| {
        let status = crate::wompi::status(words[0]);
        (status.map_or_else(|| "pending".to_owned(), ours), Some(status.is_some()))
    });
    let module = Table::of_module(include_str!("wompi/mod.rs"), 1);
    assert_eq!(module.rows, table.rows, "the module says the same");
}

#[test]
fn transactions_of_payu_are_understood_as_documented() {
    let states = ["APPROVED", "DECLINED", "ERROR", "EXPIRED", "PENDING", "SUBMITTED"];
    let orders =
        ["NEW", "IN_PROGRESS", "AUTHORIZED", "CAPTURED", "CANCELLED", "DECLINED", "REFUNDED", "CHARGEBACK"];
    let codes = ["APPROVED", "INSUFFICIENT_FUNDS", "ANTIFRAUD_REJECTED", "ABANDONED_TRANSACTION"];
    let table = Table::documented("### PayU: transactions", 3);
    table.check(&[&states, &orders, &codes], |words| {
        let mapped = crate::payu::map_status(words[1], words[0], words[2]);
        (ours(mapped.status), Some(mapped.recognised))
    });
    let module = Table::of_module(include_str!("payu/mod.rs"), 3);
    assert_eq!(module.rows, table.rows, "the module says the same");
}

#[test]
fn decimals_are_those_that_are_documented() {
    use domain::gateway_account::currencies_of;
    use domain::payable::decimals;
    use domain::{Currency, payment::GatewayName};
    let table = Table::documented("## Decimals", 2);
    let mut documented = BTreeSet::new();
    for row in &table.rows {
        let gateway = match row[0].as_str() {
            "Mercado Pago" => GatewayName::MercadoPago,
            "Wompi" => GatewayName::Wompi,
            "PayU" => GatewayName::Payu,
            other => panic!("{other} is no gateway"),
        };
        for code in literals(&row[1]) {
            let currency = Currency::from_code(code).expect("a currency");
            assert_eq!(literals(&row[2]), [decimals(gateway, currency).to_string()], "{gateway} {code}");
            assert!(documented.insert((gateway, code)), "{gateway} {code} twice");
        }
    }
    let takes = GatewayName::ALL
        .into_iter()
        .flat_map(|gateway| currencies_of(gateway).iter().map(move |code| (gateway, *code)));
    assert_eq!(documented, takes.collect());
}

#[test]
fn ways_to_pay_are_those_that_are_documented() {
    use domain::payment::GatewayName;

    use crate::methods::methods_of;
    let table = Table::documented("### Methods", 2);
    let mut documented = BTreeSet::new();
    for row in &table.rows {
        let gateway = match row[0].as_str() {
            "Mercado Pago" => GatewayName::MercadoPago,
            "Wompi" => GatewayName::Wompi,
            "PayU" => GatewayName::Payu,
            other => panic!("{other} is no gateway"),
        };
        for word in literals(&row[1]) {
            let kind = crate::method_kind(gateway, word);
            assert_eq!(literals(&row[2]), [ours(kind)], "{gateway} {word}");
            let is_left_out = kind == crate::MethodKind::Cash && crate::leaves_cash_out(gateway);
            assert_eq!(row[4] == "yes", is_left_out, "{gateway} {word}");
            assert!(documented.insert((gateway, word)), "{gateway} {word} twice");
        }
    }
    let real = GatewayName::ALL.into_iter().filter(|gateway| *gateway != GatewayName::Sandbox);
    let known = real.flat_map(|gateway| methods_of(gateway).iter().map(move |method| (gateway, method.word)));
    assert_eq!(documented, known.collect());
}

/// The checks above would find what is wrong.
#[test]
#[should_panic(expected = "[\"APPROVED\"]")]
fn a_wrong_row_is_found() {
    let table = Table::documented("### Wompi: transactions", 1);
    table.check(&[&["APPROVED"]], |words| match words[0] {
        "APPROVED" => ("declined".to_owned(), Some(true)),
        other => {
            let status = crate::wompi::status(other);
            (status.map_or_else(|| "pending".to_owned(), ours), Some(status.is_some()))
        }
    });
}

#[test]
#[should_panic(expected = "not written down: [\"REVERSED\"]")]
fn a_missing_row_is_found() {
    let table = Table::documented("### Wompi: transactions", 1);
    table.check(&[&["REVERSED"]], |_| ("pending".to_owned(), Some(false)));
}
