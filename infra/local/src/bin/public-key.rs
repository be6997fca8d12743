//! The public half of a signing key, for the template's parameters `JwtPublicKeys`
//! and `TicketPublicKeys`. Reads the secret from standard input, so that it
//! stands in no command line and no history.

#![expect(clippy::print_stdout, reason = "a command-line program answers on standard output")]

use std::process::ExitCode;

use boot::Secret;

fn main() -> ExitCode {
    let purpose = std::env::args().nth(1).unwrap_or_default();
    if !["jwt", "ticket"].contains(&purpose.as_str()) {
        eprintln!("usage: public-key jwt|ticket < secret");
        return ExitCode::FAILURE;
    }
    let secret = std::io::read_to_string(std::io::stdin());
    match secret.ok().and_then(|secret| Secret::new(secret.trim_end_matches('\n'))) {
        Some(secret) => {
            println!("{}", secret.signing_key(&purpose).public());
            ExitCode::SUCCESS
        }
        None => {
            eprintln!("standard input must hold a secret of at least 32 characters");
            ExitCode::FAILURE
        }
    }
}
