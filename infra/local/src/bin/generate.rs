//! Writes the files that are made from the template and the functions and
//! checked in, or tells whether they are up to date. `cargo xtask openapi` and
//! `cargo xtask watch` start it.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use cloud::template::Template;
use local::openapi;

/// Writes generated files.
#[derive(Parser)]
struct Arguments {
    /// Which.
    kind: Kind,
    /// Only tell whether they are up to date.
    #[arg(long)]
    check: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// The description of the API, for programs and for people.
    Openapi,
    /// The router of `cargo lambda watch`.
    Watch,
    /// All of them.
    All,
}

fn main() -> ExitCode {
    let Arguments { kind, check } = Arguments::parse();
    match run(kind, check) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            let _ = writeln!(io::stderr(), "generate: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// Writes or checks what was asked for. False if something is out of date.
fn run(kind: Kind, check: bool) -> Result<bool, String> {
    let mut up_to_date = true;
    if matches!(kind, Kind::Openapi | Kind::All) {
        up_to_date &= file("functions/site/openapi.json", &openapi::text(), check, "openapi")?;
        up_to_date &= file("docs/API_DOCUMENTATION.md", &openapi::page(), check, "openapi")?;
    }
    if matches!(kind, Kind::Watch | Kind::All) {
        let router = Template::repository().and_then(|template| template.watch_router(&openapi::routes()));
        let router = router.map_err(|error| error.to_string())?;
        up_to_date &= file("CargoLambda.toml", &router, check, "watch")?;
    }
    Ok(up_to_date)
}

/// Writes or checks the file at `path`, as seen from the repository's root.
fn file(path: &str, text: &str, check: bool, task: &str) -> Result<bool, String> {
    let problem = |error: io::Error| format!("{path}: {error}");
    let full = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    let before = match std::fs::read_to_string(&full) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        before => Some(before.map_err(problem)?),
    };
    let mut out = io::stdout();
    if before.as_deref() == Some(text) {
        writeln!(out, "{path} is up to date.").map_err(problem)?;
        return Ok(true);
    }
    if check {
        writeln!(out, "{path} is out of date; run `cargo xtask {task}` and look at what changed.")
            .map_err(problem)?;
        return Ok(false);
    }
    std::fs::write(&full, text).map_err(problem)?;
    writeln!(out, "{path} is written.").map_err(problem)?;
    Ok(true)
}
