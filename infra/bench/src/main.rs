//! Measures the box office: what an order costs at AWS, how the functions start,
//! how fast the local cloud serves, and that nothing is sold twice when
//! everybody comes at once. `cargo xtask bench` builds and starts it.
//!
//! It needs Linux: processor time and memory are read from `/proc`.

#![expect(clippy::print_stdout, reason = "a command-line program talks to whoever started it")]

mod client;
mod crowd;
mod discounts;
mod functions;
mod load;
mod onsale;
mod report;
mod server;
mod show;
mod units;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};

use crate::report::Report;

/// What goes wrong in a benchmark, in words for whoever started it.
type Problem = Box<dyn Error + Send + Sync>;

/// Measures the box office.
#[derive(Parser)]
struct Arguments {
    /// What to measure.
    #[arg(required_unless_present = "serve")]
    parts: Vec<Part>,
    /// Measures little, to see whether everything works.
    #[arg(long)]
    quick: bool,
    /// Is the server that is measured, with its state in this folder.
    #[arg(long, hide = true)]
    serve: Option<PathBuf>,
}

/// A part of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// DynamoDB units and dollars of an order.
    Units,
    /// Size, start and memory of each function.
    Functions,
    /// Processor time, latency and throughput of the local cloud.
    Load,
    /// Everybody at once.
    Onsale,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // Only plain HTTP on loopback is spoken; the client still wants to know whose
    // TLS it would use.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let done = match arguments.serve {
        // As `cargo run` has it.
        Some(folder) => run(&mut tokio::runtime::Builder::new_multi_thread(), server::serve(folder)),
        // One thread for all buyers leaves the processors to the server.
        None => {
            run(&mut tokio::runtime::Builder::new_current_thread(), measure(arguments.parts, arguments.quick))
        }
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("bench: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn run(
    runtime: &mut tokio::runtime::Builder,
    task: impl Future<Output = Result<bool, Problem>>,
) -> Result<bool, Problem> {
    runtime.enable_all().build()?.block_on(task)
}

/// Takes one part after the other. False if one shows that the box office is wrong.
async fn measure(parts: Vec<Part>, quick: bool) -> Result<bool, Problem> {
    let mut sound = true;
    for part in parts {
        let report: Report = match part {
            Part::Units => units::measure(quick).await?,
            Part::Functions => functions::measure(quick).await?,
            Part::Load => load::measure(quick).await?,
            Part::Onsale => onsale::measure(quick).await?,
        };
        print!("{report}");
        println!("Written to {}\n", report.write()?.display());
        sound &= report.is_sound();
    }
    Ok(sound)
}
