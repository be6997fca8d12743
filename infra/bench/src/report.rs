//! Figures with the way they were taken, as tables for people and as JSON for programs.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::Problem;

/// The results of one part of the benchmark.
#[derive(Debug)]
pub(crate) struct Report {
    part: &'static str,
    tables: Vec<Table>,
    checks: Vec<Check>,
}

/// Figures that were taken in the same way.
#[derive(Debug)]
pub(crate) struct Table {
    title: String,
    /// How the figures were taken, as text below the table.
    how: String,
    columns: Vec<&'static str>,
    rows: Vec<Vec<Entry>>,
}

/// A cell of a table.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    Text(String),
    /// A number, shown with this many decimals.
    Number(f64, usize),
    /// Not measured, or without meaning here.
    Nothing,
}

#[derive(Debug)]
struct Check {
    claim: String,
    holds: bool,
    /// True if a failure means an error of the box office; false for targets of speed and cost.
    must: bool,
}

impl Report {
    pub(crate) fn new(part: &'static str) -> Self {
        Self { part, tables: Vec::new(), checks: Vec::new() }
    }

    pub(crate) fn add(&mut self, table: Table) {
        self.tables.push(table);
    }

    /// Adds a check whose failure means an error of the box office.
    pub(crate) fn must(&mut self, claim: impl Into<String>, holds: bool) {
        self.checks.push(Check { claim: claim.into(), holds, must: true });
    }

    /// Adds a target of speed or cost.
    pub(crate) fn target(&mut self, claim: impl Into<String>, holds: bool) {
        self.checks.push(Check { claim: claim.into(), holds, must: false });
    }

    /// False if a check fails that must hold.
    pub(crate) fn is_sound(&self) -> bool {
        self.checks.iter().all(|check| check.holds || !check.must)
    }

    /// Writes `target/bench/<part>.json`; returns its path.
    pub(crate) fn write(&self) -> Result<PathBuf, Problem> {
        let path = folder()?.join(self.part).with_extension("json");
        let mut text = serde_json::to_string_pretty(&self.json())?;
        text.push('\n');
        std::fs::write(&path, text)?;
        Ok(path)
    }

    fn json(&self) -> Value {
        let tables: Vec<Value> = self.tables.iter().map(Table::json).collect();
        let checks = self
            .checks
            .iter()
            .map(|Check { claim, holds, must }| json!({ "claim": claim, "holds": holds, "must_hold": must }));
        json!({
            "part": self.part,
            "machine": machine(),
            "tables": tables,
            "checks": checks.collect::<Vec<_>>(),
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tables.iter().try_for_each(|table| writeln!(f, "{table}"))?;
        for Check { claim, holds, must } in &self.checks {
            let verdict = match (holds, must) {
                (true, _) => "yes",
                (false, false) => "MISSED",
                (false, true) => "WRONG",
            };
            writeln!(f, "{verdict:<7}{claim}")?;
        }
        Ok(())
    }
}

impl Table {
    pub(crate) fn new(title: impl Into<String>, how: impl Into<String>, columns: &[&'static str]) -> Self {
        Self { title: title.into(), how: how.into(), columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row, with a cell for each column.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Entry>) {
        self.rows.push(cells.into_iter().collect());
    }

    fn json(&self) -> Value {
        let rows = self.rows.iter().map(|row| {
            let entries = self.columns.iter().zip(row);
            Value::Object(
                entries.map(|(name, cell)| ((*name).to_owned(), cell.json())).collect::<Map<_, _>>(),
            )
        });
        json!({ "title": self.title, "how": self.how, "rows": rows.collect::<Vec<_>>() })
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<Vec<String>> =
            self.rows.iter().map(|row| row.iter().map(Entry::to_string).collect()).collect();
        let widths: Vec<usize> = (0..self.columns.len())
            .map(|column| {
                let cells = texts.iter().filter_map(|row| row.get(column)).map(|text| text.chars().count());
                cells.chain([self.columns[column].chars().count()]).max().unwrap_or(0)
            })
            .collect();
        writeln!(f, "## {}", self.title)?;
        let header: Vec<String> = self.columns.iter().map(|name| (*name).to_owned()).collect();
        for row in [&header].into_iter().chain(&texts) {
            for (column, text) in row.iter().enumerate() {
                let width = widths[column];
                // Names are left-aligned, figures right-aligned.
                if column == 0 { write!(f, "{text:<width$}")? } else { write!(f, "  {text:>width$}")? }
            }
            writeln!(f)?;
        }
        writeln!(f, "{}", self.how)
    }
}

impl Entry {
    fn json(&self) -> Value {
        match self {
            Self::Text(text) => json!(text),
            // Only the shown decimals were measured well enough.
            Self::Number(number, decimals) => {
                format!("{number:.decimals$}").parse::<f64>().map_or(Value::Null, |number| json!(number))
            }
            Self::Nothing => Value::Null,
        }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Number(number, decimals) => write!(f, "{number:.decimals$}"),
            Self::Nothing => f.write_str("-"),
        }
    }
}

/// A cell with text.
pub(crate) fn text(text: impl Into<String>) -> Entry {
    Entry::Text(text.into())
}

/// A cell with a count.
pub(crate) fn count(count: usize) -> Entry {
    Entry::Number(as_f64(count), 0)
}

/// A cell with a number, shown with this many decimals.
pub(crate) fn number(number: f64, decimals: usize) -> Entry {
    Entry::Number(number, decimals)
}

/// A cell with a duration in milliseconds, to the hundredth.
pub(crate) fn millis(duration: Duration) -> Entry {
    Entry::Number(duration.as_secs_f64() * 1e3, 2)
}

/// A cell with bytes in megabytes (10⁶), to the hundredth.
pub(crate) fn megabytes(bytes: u64) -> Entry {
    Entry::Number(as_f64(usize::try_from(bytes).unwrap_or(usize::MAX)) / 1e6, 2)
}

/// A count as a number to calculate with; exact, as no count here exceeds 2⁵³.
pub(crate) fn as_f64(count: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "nothing here is counted beyond 2^53")]
    let number = count as f64;
    number
}

/// The nearest-rank percentile of `sorted`: `per_mille` 500 is the median, 990 the 99th percentile.
pub(crate) fn percentile<T: Copy>(sorted: &[T], per_mille: usize) -> Option<T> {
    let rank = (sorted.len() * per_mille).div_ceil(1000);
    sorted.get(rank.saturating_sub(1)).copied()
}

/// Cargo's target folder: this program is in `<target>/<profile>`.
pub(crate) fn target() -> Result<PathBuf, Problem> {
    let own = std::env::current_exe()?;
    Ok(own.ancestors().nth(2).unwrap_or(Path::new("target")).to_owned())
}

/// Folder of results and servers' logs, `target/bench`.
pub(crate) fn folder() -> Result<PathBuf, Problem> {
    let folder = target()?.join("bench");
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// The machine on which the figures were taken.
fn machine() -> Value {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    json!({
        "processor": model.map_or("unknown", |(_, model)| model),
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "architecture": std::env::consts::ARCH,
        "profile": if cfg!(debug_assertions) { "debug" } else { "fast" },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let values: Vec<u32> = (1..=200).collect();
        let of = |per_mille| percentile(&values, per_mille);
        assert_eq!((of(500), of(990), of(1000), of(0)), (Some(100), Some(198), Some(200), Some(1)));
        assert_eq!(percentile(&[7, 8, 9], 500), Some(8));
        assert_eq!(percentile::<u32>(&[], 500), None);
    }

    #[test]
    fn a_table_says_how_its_figures_were_taken() {
        let mut table = Table::new("Orders", "Taken by hand.", &["step", "ms", "units"]);
        table.row([text("hold"), number(1.256, 2), count(12)]);
        table.row([text("pay"), number(10.0, 2), Entry::Nothing]);
        let mut report = Report::new("test");
        report.add(table);
        report.target("below 1 ms", false);
        assert_eq!(
            report.to_string(),
            "## Orders\nstep     ms  units\nhold   1.26     12\npay   10.00      -\nTaken by hand.\n\n\
             MISSED below 1 ms\n"
        );
        assert!(report.is_sound());
        let json = report.json();
        assert_eq!(json["tables"][0]["how"], "Taken by hand.");
        assert_eq!(json["tables"][0]["rows"][0], json!({"step": "hold", "ms": 1.26, "units": 12.0}));
        report.must("sold once", false);
        assert!(!report.is_sound());
    }
}
