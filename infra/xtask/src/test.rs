//! `cargo xtask test`: runs all tests, and checks the template and the generated files. Formatting
//! and lints are checked by `.ci/run`, which ends with this.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::cargo::{self, cargo};
use crate::report::Report;
use crate::tools::{self, Tool};
use crate::{USAGE, generate};

/// Runs all tests, or those that match a filter.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let (own, filter) = match arguments.iter().position(|argument| argument == "--") {
        Some(at) => (&arguments[..at], &arguments[at + 1..]),
        None => (arguments, &[][..]),
    };
    let install = match own {
        [] => true,
        [flag] if flag == "--no-install" => false,
        [unknown, ..] => return Err(format!("unknown argument `{unknown}`\n\n{USAGE}")),
    };
    let mut report = Report::default();
    if !filter.is_empty() {
        println!("With a filter, only Rust tests run; the template and generated files are not checked.");
        report.step("build", build);
        report.step("cargo test", || cargo_test(filter));
        return report.close();
    }
    // Concurrently: installing waits for the network, building for the processor.
    let tools = std::thread::scope(|scope| {
        let tools = scope.spawn(|| tools::provide(&[Tool::Sam], install));
        report.step("build", build);
        report.step("tools", || tools.join().unwrap_or_else(|_| Err("the installation panicked".to_owned())))
    });
    report.step("generated files", || {
        cargo::run(&mut generate::program("all", true)?)?;
        Ok(String::new())
    });
    report.step("cargo test", || cargo_test(&[]));
    report.step("sam validate", || if tools { sam_validate() } else { Err("sam is lacking".to_owned()) });
    report.close()
}

/// Builds all targets: the tests, and the functions' binaries that some of them start.
fn build() -> Result<String, String> {
    cargo::run(&mut cargo(&["build", "--workspace", "--all-targets", "--locked"]))?;
    Ok(String::new())
}

fn cargo_test(filter: &[String]) -> Result<String, String> {
    let mut command = cargo(&["test", "--workspace", "--locked", "--no-fail-fast"]);
    let mut child = command
        .args(filter)
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cargo cannot be started: {error}"))?;
    let mut counts = Counts::default();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            println!("{line}");
            counts.read(&line);
        }
    }
    let status = child.wait().map_err(|error| format!("cargo: {error}"))?;
    let note = counts.to_string();
    if !status.success() {
        return Err(note);
    }
    // A filter may match nothing; a whole run can not.
    if counts.passed == 0 {
        return Err(if filter.is_empty() { "no test ran" } else { "no test matches" }.to_owned());
    }
    Ok(note)
}

/// Totals of all crates' test harnesses.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    passed: usize,
    failed: usize,
    ignored: usize,
}

impl Counts {
    /// Adds a result line, such as `test result: ok. 3 passed; 0 failed; 1 ignored; ..`.
    fn read(&mut self, line: &str) {
        let Some((_, result)) = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". "))
        else {
            return;
        };
        for part in result.split("; ") {
            let Some((count, what)) = part.split_once(' ') else { continue };
            let Ok(count) = count.parse::<usize>() else { continue };
            match what {
                "passed" => self.passed += count,
                "failed" => self.failed += count,
                "ignored" => self.ignored += count,
                _ => {}
            }
        }
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} tests passed, {} failed, {} ignored", self.passed, self.failed, self.ignored)
    }
}

fn sam_validate() -> Result<String, String> {
    let mut command = Tool::Sam.command()?;
    command.args(["validate", "--lint", "--template"]).arg(cargo::root().join("template.yaml"));
    // The linter needs a region, but calls nothing of AWS.
    command.env("AWS_DEFAULT_REGION", "us-east-1").env("SAM_CLI_TELEMETRY", "0");
    cargo::run(&mut command)?;
    Ok(String::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_all_harnesses_add_up() {
        let mut counts = Counts::default();
        for line in [
            "running 3 tests",
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 7 filtered out; finished in 0.01s",
            "test a ... ok",
            "test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.2s",
        ] {
            counts.read(line);
        }
        assert_eq!(counts, Counts { passed: 5, failed: 1, ignored: 1 });
        assert_eq!(counts.to_string(), "5 tests passed, 1 failed, 1 ignored");
    }
}
