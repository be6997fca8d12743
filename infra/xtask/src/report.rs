//! Steps of a longer command, and their results.

#![expect(clippy::disallowed_methods, reason = "a command-line program reads the monotonic clock")]

use std::time::{Duration, Instant};

/// Runs steps one after the other, also after a failure, and keeps their results.
#[derive(Default)]
pub(crate) struct Report(Vec<Step>);

struct Step {
    name: &'static str,
    took: Duration,
    /// A note on success, the problem on failure.
    outcome: Result<String, String>,
}

impl Report {
    /// Runs one step. True if it passed.
    pub(crate) fn step(&mut self, name: &'static str, run: impl FnOnce() -> Result<String, String>) -> bool {
        println!("==> {name}");
        let started = Instant::now();
        let outcome = run();
        if let Err(problem) = &outcome {
            eprintln!("{name}: {problem}");
        }
        self.0.push(Step { name, took: started.elapsed(), outcome });
        self.0.last().is_some_and(|step| step.outcome.is_ok())
    }

    /// Prints each step's result and the totals.
    pub(crate) fn close(self) -> Result<(), String> {
        println!("\n==> summary");
        for Step { name, took, outcome } in &self.0 {
            let (word, text) = match outcome {
                Ok(note) => ("ok", note),
                Err(problem) => ("FAILED", problem),
            };
            let first_line = text.lines().next().unwrap_or_default();
            println!("{word:<8}{name:<18}{:>6.1} s  {first_line}", took.as_secs_f32());
        }
        let failed = self.0.iter().filter(|step| step.outcome.is_err()).count();
        println!("{} passed, {failed} failed", self.0.len() - failed);
        if failed == 0 { Ok(()) } else { Err("not everything passed".to_owned()) }
    }
}
