//! `cargo xtask bench`: builds and starts the benchmark: the functions in release, as they are
//! deployed, and the local cloud in the profile `fast`.

use std::path::Path;
use std::process::Command;

use crate::USAGE;
use crate::cargo::{self, cargo};

const PARTS: [&str; 4] = ["units", "functions", "load", "onsale"];

/// Runs these parts of the benchmark, or all.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let known = |argument: &&String| argument.as_str() == "--quick" || PARTS.contains(&argument.as_str());
    if let Some(unknown) = arguments.iter().find(|argument| !known(argument)) {
        return Err(format!("unknown argument `{unknown}`\n\n{USAGE}"));
    }
    let parts: Vec<&str> = arguments.iter().map(String::as_str).filter(|part| PARTS.contains(part)).collect();
    let parts = if parts.is_empty() { PARTS.to_vec() } else { parts };

    if parts.contains(&"functions") {
        build_functions()?;
    }
    cargo::run(&mut cargo(&["build", "--profile", "fast", "--locked", "--package", "bench"]))?;
    let mut command = Command::new(cargo::built("fast", "bench")?);
    command.current_dir(cargo::root()).args(parts);
    if arguments.iter().any(|argument| argument == "--quick") {
        command.arg("--quick");
    }
    cargo::run(&mut command)
}

/// Builds the functions' binaries apart from the rest of the workspace: the local cloud turns on
/// features of shared dependencies that deployed functions do not have.
fn build_functions() -> Result<(), String> {
    let mut command = cargo(&["build", "--release", "--locked", "--bins"]);
    for function in crates(&cargo::root().join("functions"))? {
        command.args(["--package", &function]);
    }
    cargo::run(&mut command)
}

/// Names of the crates in `folder`, sorted.
fn crates(folder: &Path) -> Result<Vec<String>, String> {
    let problem = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(problem)? {
        let entry = entry.map_err(problem)?;
        if entry.path().join("Cargo.toml").is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}
