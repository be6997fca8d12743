//! `cargo xtask`: the repository's chores. It has no dependencies, so that it is built in a second;
//! chores that need the functions' code are programs of their own, which this one builds and
//! starts.

#![expect(clippy::print_stdout, reason = "a command-line program talks to whoever started it")]

mod bench;
mod cargo;
mod generate;
mod report;
mod schemathesis;
mod sdk;
mod test;
mod tools;

use std::process::ExitCode;

const USAGE: &str = "\
Usage: cargo xtask <command>

  test [--no-install] [-- <filter and options of cargo test>]
          Runs every test, and checks the template and the generated files;
          `.ci/run` also asks rustfmt and clippy. Missing tools are installed
          under target/, or with apt-get where that is allowed; --no-install
          only names them. With a filter, only the matching Rust tests run.
  openapi [--check]
          Writes functions/site/openapi.json and docs/API_DOCUMENTATION.md from
          the functions' routes and docs/examples.json.
  examples
          Writes the examples in docs/examples.json that have another shape than
          what the contract test is answered, and what `openapi` writes.
  watch [--check]
          Writes CargoLambda.toml, the router of `cargo lambda watch`, from
          template.yaml.
  bench [<part>...] [--quick]
          Measures, prints tables and writes target/bench/<part>.json. Parts:
          units, functions, load, onsale; all of them without an argument.
  sdk     Has Mercado Pago's own library for Node.js, installed under target/,
          talk to the simulated gateway and read the notices that it signs.
  schemathesis [<role>...] [-- <options of schemathesis>]
          Fuzzes a box office by its description, 20 examples an operation, as
          user, member, admin, scanner, coordinator and public. Takes minutes
          for each; CI does without.
  tools [--no-install]
          Installs what `test` and `sam build` need, and tells where it is.

--check only tells whether the file is up to date.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", &[][..]),
    };
    let done = match command {
        "test" => test::run(rest),
        "openapi" => generate::run("openapi", rest),
        "examples" if rest.is_empty() => generate::examples(),
        "watch" => generate::run("watch", rest),
        "bench" => bench::run(rest),
        "sdk" => sdk::run(rest),
        "schemathesis" => schemathesis::run(rest),
        "tools" => tools::run(rest),
        "help" | "--help" | "-h" => {
            print!("{USAGE}");
            Ok(())
        }
        other => Err(format!("there is no command `{other}`\n\n{USAGE}")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("xtask: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// True if `flag` is given; any other argument is an error.
fn only_flag(flag: &str, arguments: &[String]) -> Result<bool, String> {
    match arguments.iter().find(|argument| *argument != flag) {
        Some(unknown) => Err(format!("unknown argument `{unknown}`\n\n{USAGE}")),
        None => Ok(!arguments.is_empty()),
    }
}
