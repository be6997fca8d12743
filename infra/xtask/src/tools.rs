//! Tools that are not written in Rust: AWS's SAM CLI, cargo-lambda and schemathesis. They come from
//! Python's package index, into a virtual environment under `target/tools`.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{cargo, only_flag};

/// A tool, with a fixed version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tool {
    /// Checks, builds and deploys the template. Needs aws-lambda-builders 1.66 or later: earlier
    /// versions compile all dependencies again for each function.
    Sam,
    /// Builds functions for Lambda's processors, and runs them with `watch`.
    CargoLambda,
    /// Fuzzes the API by its description.
    Schemathesis,
}

impl Tool {
    /// The tools that `test` and deploying need.
    const NEEDED: [Self; 2] = [Self::Sam, Self::CargoLambda];

    fn program(self) -> &'static str {
        match self {
            Self::Sam => "sam",
            Self::CargoLambda => "cargo-lambda",
            Self::Schemathesis => "schemathesis",
        }
    }

    fn package(self) -> &'static str {
        match self {
            Self::Sam => "aws-sam-cli==1.170.0",
            Self::CargoLambda => "cargo-lambda==1.9.2",
            Self::Schemathesis => "schemathesis==4.32.5",
        }
    }

    /// Start of a command with this tool, which must be installed.
    pub(crate) fn command(self) -> Result<Command, String> {
        Ok(Command::new(in_environment(self.program())?))
    }

    /// True if the expected version is installed. Read from a stamp file, because asking SAM takes
    /// seconds.
    fn is_there(self) -> Result<bool, String> {
        let stamp = std::fs::read_to_string(self.stamp()?).unwrap_or_default();
        Ok(stamp == self.as_installed()? && in_environment(self.program())?.is_file())
    }

    /// Content of the stamp file. With the environment's folder: its programs contain that path and
    /// do not start once it was moved.
    fn as_installed(self) -> Result<String, String> {
        Ok(format!("{} in {}", self.package(), environment()?.display()))
    }

    fn stamp(self) -> Result<PathBuf, String> {
        Ok(environment()?.join(format!("{}.installed", self.program())))
    }

    fn install(self) -> Result<(), String> {
        let mut pip = Command::new(in_environment("python")?);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", self.package()]);
        cargo::run(&mut pip)
            .map_err(|problem| format!("{} cannot be installed: {problem}", self.package()))?;
        write(&self.stamp()?, &self.as_installed()?)
    }
}

/// Installs the tools or, with `--no-install`, names a missing one.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let note = provide(&Tool::NEEDED, !only_flag("--no-install", arguments)?)?;
    println!("{note}");
    for tool in Tool::NEEDED {
        println!("{}", in_environment(tool.program())?.display());
    }
    Ok(())
}

/// Makes sure that `tools` are installed; returns their versions. If one is missing and may not or
/// can not be installed, the error says how to get it.
pub(crate) fn provide(tools: &[Tool], install: bool) -> Result<String, String> {
    for tool in tools {
        if tool.is_there()? {
            continue;
        }
        if !install {
            return Err(format!("{} is lacking; `cargo xtask tools` installs it", tool.package()));
        }
        println!("Installing {} into {}", tool.package(), environment()?.display());
        make_environment()?;
        tool.install()?;
    }
    Ok(tools.iter().map(|tool| tool.package()).collect::<Vec<_>>().join(", "))
}

/// Folder of the virtual environment.
fn environment() -> Result<PathBuf, String> {
    Ok(cargo::target()?.join("tools"))
}

/// Path of a program in the virtual environment.
fn in_environment(program: &str) -> Result<PathBuf, String> {
    let folder = if cfg!(windows) { "Scripts" } else { "bin" };
    Ok(environment()?.join(folder).join(program).with_extension(std::env::consts::EXE_EXTENSION))
}

fn make_environment() -> Result<(), String> {
    let folder = environment()?;
    if works(&folder) {
        return Ok(());
    }
    if make_with_python(&folder).is_err() {
        // Debian has Python without the `venv` module, or no Python at all.
        install_python()?;
        make_with_python(&folder)?;
    }
    Ok(())
}

fn make_with_python(folder: &Path) -> Result<(), String> {
    let python = if cfg!(windows) { "python" } else { "python3" };
    cargo::output(Command::new(python).args(["-m", "venv", "--clear"]).arg(folder))?;
    if works(folder) { Ok(()) } else { Err("the new Python environment has no pip".to_owned()) }
}

/// True if there is a working environment with pip. One whose creation was interrupted has none;
/// one that was moved, or whose Python was removed, does not start.
fn works(folder: &Path) -> bool {
    let pip = in_environment("pip");
    folder.is_dir() && pip.is_ok_and(|pip| cargo::output(Command::new(pip).arg("--version")).is_ok())
}

/// Installs Python with apt-get, if run as root where there is one.
fn install_python() -> Result<(), String> {
    const NEEDED: &str = "Python 3.10 or later with its `venv` module is lacking; \
        on Debian and Ubuntu: `sudo apt-get install python3 python3-venv`";
    let is_root = cargo::output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    if !is_root || cargo::output(Command::new("apt-get").arg("--version")).is_err() {
        return Err(NEEDED.to_owned());
    }
    println!("Installing python3-venv with apt-get");
    let apt = |arguments: &[&str]| {
        cargo::run(
            Command::new("apt-get")
                .args(["-qq", "-y"])
                .args(arguments)
                .env("DEBIAN_FRONTEND", "noninteractive"),
        )
    };
    apt(&["update"])
        .and_then(|()| apt(&["install", "--no-install-recommends", "python3", "python3-venv"]))
        .map_err(|problem| format!("{problem}. {NEEDED}"))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}
