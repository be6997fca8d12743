//! Paths of the repository, and commands with cargo.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The repository's root folder.
pub(crate) fn root() -> &'static Path {
    // `infra/xtask` is two folders below the root.
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.ancestors().nth(2).unwrap_or(own)
}

/// Cargo's target folder: this program is in `<target>/<profile>`.
pub(crate) fn target() -> Result<PathBuf, String> {
    let own = std::env::current_exe().map_err(|error| format!("where this program is: {error}"))?;
    let target = own.ancestors().nth(2).ok_or("this program is not in a target folder")?;
    Ok(target.to_owned())
}

/// Path of a program that `cargo build` made, by its profile's folder and its name.
pub(crate) fn built(profile: &str, name: &str) -> Result<PathBuf, String> {
    Ok(target()?.join(profile).join(name).with_extension(std::env::consts::EXE_EXTENSION))
}

/// A command with the cargo that runs this program, in the root folder.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(root()).args(arguments);
    // What `cargo run` tells this program of its own package: `ring` looks at the same variables, and
    // would be built again with all that needs it after each cargo that was started by hand.
    let of_package = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(of_package) {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a command, whose output goes to the terminal.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{name} ended with {status}")),
        Err(error) => Err(format!("{name} cannot be started: {error}")),
    }
}

/// Runs a command and returns its output.
pub(crate) fn output(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{name} cannot be started: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    Err(format!("{name} ended with {}:\n{text}{}", output.status, String::from_utf8_lossy(&output.stderr)))
}
