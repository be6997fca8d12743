//! Generated files that are checked in.

use std::process::Command;

use crate::cargo::{self, cargo};
use crate::only_flag;

/// Writes the file of this kind or, with `--check`, tells whether it is up to date.
pub(crate) fn run(kind: &str, arguments: &[String]) -> Result<(), String> {
    let check = only_flag("--check", arguments)?;
    // With `--workspace`, dependencies get the same features as for the tests, so they are not
    // built twice.
    cargo::run(&mut cargo(&["build", "--quiet", "--workspace", "--bin", "generate"]))?;
    cargo::run(&mut program(kind, check)?)
}

/// Has the contract test rewrite examples that no longer fit, and then writes the description with
/// them.
pub(crate) fn examples() -> Result<(), String> {
    let test = "contract::examples::every_operation_has_an_example_of_the_shape_that_it_answers_with";
    let mut command = cargo(&["test", "--workspace", "--locked", "--quiet", "--lib", "--", "--exact", test]);
    cargo::run(command.env("TAQUILLA_WRITE_EXAMPLES", "1"))?;
    run("openapi", &[])
}

/// A command with the `generate` program, which knows the functions, as last built.
pub(crate) fn program(kind: &str, check: bool) -> Result<Command, String> {
    let mut command = Command::new(cargo::built("debug", "generate")?);
    command.current_dir(cargo::root()).arg(kind);
    if check {
        command.arg("--check");
    }
    Ok(command)
}
