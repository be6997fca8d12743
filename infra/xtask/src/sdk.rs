//! Tests the simulated gateways with the gateways' own client libraries.
//!
//! Mercado Pago has one for Node.js. Wompi publishes none, and those of PayU Latam, for Java and
//! PHP, are no longer maintained; see `docs/payments.md`.

use std::process::Command;

use crate::cargo;

/// The library, in the version that the documentation mentions.
const LIBRARY: &str = "mercadopago@3.6.1";

/// Installs the library under the target folder and runs the test that uses it.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    if let Some(unknown) = arguments.first() {
        return Err(format!("unknown argument `{unknown}`"));
    }
    for program in ["node", "npm"] {
        cargo::output(Command::new(program).arg("--version"))
            .map_err(|problem| format!("{problem}. Node.js 20 or later is needed; see https://nodejs.org"))?;
    }
    let folder = cargo::target()?.join("sdk");
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--save-exact", "--prefix"]);
    cargo::run(npm.arg(&folder).arg(LIBRARY))?;
    let test = [
        "test",
        "--locked",
        "-p",
        "gateways",
        "--lib",
        "the_vendors_library",
        "--",
        "--ignored",
        "--nocapture",
    ];
    cargo::run(cargo::cargo(&test).env("TAQUILLA_SDK_MODULES", folder.join("node_modules")))
}
