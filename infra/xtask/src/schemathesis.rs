//! `cargo xtask schemathesis`: fuzzes a box office of its own by the API's description, as each
//! role. Finds requests that the description allows and the box office refuses, and the reverse.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::USAGE;
use crate::cargo::{self, cargo};
use crate::report::Report;
use crate::tools::{self, Tool};

/// Callers of the demo data by role; the last one is signed out.
const CALLERS: [(&str, Option<&str>); 6] = [
    ("user", Some("ana@example.com")),
    ("member", Some("socia@example.com")),
    ("admin", Some("organiza@example.com")),
    ("scanner", Some("puerta@example.com")),
    ("coordinator", Some("coordina@example.com")),
    ("public", None),
];
/// The first of the ports that the box office uses.
const PORT: u16 = 8700;
/// How often the box office's port is tried before giving up, [`PAUSE`] apart.
const TRIES: u32 = 300;
const PAUSE: Duration = Duration::from_millis(100);

/// Runs the fuzzer as these roles, or all; arguments after `--` go to the fuzzer.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let (roles, options) = match arguments.iter().position(|argument| argument == "--") {
        Some(at) => (&arguments[..at], &arguments[at + 1..]),
        None => (arguments, &[][..]),
    };
    if let Some(unknown) = roles.iter().find(|role| !CALLERS.iter().any(|(name, _)| name == role)) {
        return Err(format!("unknown role `{unknown}`\n\n{USAGE}"));
    }
    tools::provide(&[Tool::Schemathesis], true)?;
    cargo::run(&mut cargo(&["build", "--quiet", "--workspace", "--bin", "taquilla"]))?;
    let mut report = Report::default();
    for (role, email) in CALLERS {
        if roles.is_empty() || roles.iter().any(|wanted| wanted == role) {
            report.step(role, || fuzz(email, options));
        }
    }
    report.close()
}

/// Fuzzes as one caller, on a fresh box office.
fn fuzz(email: Option<&str>, options: &[String]) -> Result<String, String> {
    let folder = cargo::target()?.join("schemathesis");
    let _open = BoxOffice::open(&folder.join("data"))?;
    let mut command = Tool::Schemathesis.command()?;
    command.arg("--config-file").arg(config(&folder, email.is_some())?);
    if let Some(email) = email {
        command.env("TAQUILLA_CALLER", email);
    }
    // In its own folder: notes of earlier runs would change the next run.
    command.current_dir(&folder).args([
        "run",
        &format!("http://127.0.0.1:{PORT}/openapi.json"),
        "--url",
        &format!("http://127.0.0.1:{PORT}"),
        "--checks",
        "all",
        "--max-examples",
        "20",
        "--seed",
        "1",
        "--continue-on-failure",
    ]);
    if email.is_some() {
        // Wrong passwords would use up the limit by which the fuzzer itself signs in.
        command.args(["--exclude-operation-id", "login"]);
    }
    cargo::run(command.args(options))?;
    Ok(String::new())
}

/// Writes the fuzzer's configuration; without its sign-in part for the caller who is signed out.
fn config(folder: &Path, signs_in: bool) -> Result<PathBuf, String> {
    let path = cargo::root().join("tests/schemathesis.toml");
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let own = match text.split_once("[auth.") {
        Some((before, _)) if !signs_in => before,
        _ => &text,
    };
    let path = folder.join("schemathesis.toml");
    fs::write(&path, own).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(path)
}

/// The local cloud as a process, which is killed on drop.
struct BoxOffice(Child);

impl BoxOffice {
    fn open(data: &Path) -> Result<Self, String> {
        fs::create_dir_all(data).map_err(|error| format!("{}: {error}", data.display()))?;
        if TcpStream::connect(("127.0.0.1", PORT)).is_ok() {
            return Err(format!("something answers on port {PORT} already"));
        }
        let mut command = Command::new(cargo::built("debug", "taquilla")?);
        command
            .current_dir(cargo::root())
            .args(["--port", &PORT.to_string(), "--fresh", "--quiet", "--data"])
            .arg(data);
        let child = command.stdout(Stdio::null()).spawn();
        let mut open = Self(child.map_err(|error| format!("the box office cannot be started: {error}"))?);
        for _ in 0..TRIES {
            if TcpStream::connect(("127.0.0.1", PORT)).is_ok() {
                return Ok(open);
            }
            if let Ok(Some(status)) = open.0.try_wait() {
                return Err(format!("the box office ended with {status}"));
            }
            sleep(PAUSE);
        }
        Err("the box office does not open".to_owned())
    }
}

impl Drop for BoxOffice {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
