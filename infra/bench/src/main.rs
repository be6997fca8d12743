//! Benchmarks the box office: what an order costs at AWS, how functions start, how fast the local
//! cloud serves, and that nothing is sold twice in a rush. `cargo xtask bench` builds and starts
//! it.
//!
//! Needs Linux: processor time and memory are read from `/proc`.

#![expect(clippy::disallowed_methods, reason = "a benchmark reads the monotonic clock")]
#![expect(clippy::print_stdout, reason = "a command-line program talks to whoever started it")]

mod client;
mod crowd;
mod discounts;
mod functions;
mod load;
mod onsale;
mod plan;
mod report;
mod server;
mod show;
mod units;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};

use crate::report::Report;

/// An error of the benchmark, for the terminal.
type Problem = Box<dyn Error + Send + Sync>;

/// Measures the box office.
#[derive(Parser)]
struct Arguments {
    /// The parts to measure.
    #[arg(required_unless_present = "serve")]
    parts: Vec<Part>,
    /// Measures little, only to see whether everything works.
    #[arg(long)]
    quick: bool,
    /// Runs the measured server instead, with its state in this folder.
    #[arg(long, hide = true)]
    serve: Option<PathBuf>,
}

/// A part of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// DynamoDB units and dollars per order.
    Units,
    /// Size, start and memory of each function.
    Functions,
    /// Processor time, latency and throughput of the local cloud.
    Load,
    /// A rush: many buyers sell out a show under DynamoDB's limits.
    Onsale,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // Only plain HTTP on loopback is used, but the client needs a TLS provider all the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let done = match arguments.serve {
        // With several threads, as `cargo run`.
        Some(folder) => run(&mut tokio::runtime::Builder::new_multi_thread(), server::serve(folder)),
        // One thread for all buyers leaves the other processors to the server.
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

/// Measures one part after the other. False if a check fails that must hold.
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
