//! `cargo run`: the box office on one machine.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use boot::Env;
use clap::Parser;
use cloud::private;
use cloud::services::{Chaos, FaultRates};
use cloud::template::Template;
use gateways::Faults;
use local::{Cloud, Options, StartError, functions};
use tracing_subscriber::EnvFilter;

/// How long stopping may take before the process ends anyway.
const FAREWELL: Duration = Duration::from_millis(1900);

/// The box office on this machine: no Docker, no account, nothing leaves it.
#[derive(Parser)]
#[command(name = "taquilla", version)]
struct Arguments {
    /// The public port; the payment sandbox, the AWS services and three simulated
    /// payment gateways take the next five.
    #[arg(long, default_value_t = 8000)]
    port: u16,
    /// The folder that keeps the state, made beside the template if it is not there.
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// Forget everything and start anew.
    #[arg(long)]
    fresh: bool,
    /// Write no line for each request.
    #[arg(long)]
    quiet: bool,
    /// Do without the demo shows and logins.
    #[arg(long)]
    no_seed: bool,
    /// Misbehave as the real cloud may: throttle, lose answers, repeat and reorder
    /// messages, kill workers. The same seed misbehaves the same way.
    #[arg(long, value_name = "SEED", num_args = 0..=1, require_equals = true, default_missing_value = "1")]
    chaos: Option<u64>,
    /// The file to write the environment to for `cargo lambda watch --env-file`
    /// [default: lambda.env in the data folder].
    #[arg(long, value_name = "PATH")]
    env_file: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "taquilla: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), StartError> {
    let env = Env::process();
    let filter =
        if arguments.quiet { "warn" } else { "warn,cloud=info,gateways=info,local=info,taquilla=info" };
    let filter = env.optional("RUST_LOG").unwrap_or(filter);
    let filter =
        EnvFilter::try_new(filter).map_err(|error| StartError::Other(format!("RUST_LOG: {error}")))?;
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).init();

    let root = root().ok_or_else(|| {
        StartError::Other(
            "there is no template.yaml here or in a folder above; run this inside the repository".to_owned(),
        )
    })?;
    let template =
        Template::read(&root.join("template.yaml")).map_err(|error| StartError::Other(error.to_string()))?;
    let data_dir = arguments.data.unwrap_or_else(|| root.join(".taquilla"));
    let chaos = Chaos::seeded(arguments.chaos.unwrap_or_default());
    let cloud = Cloud::start(Options {
        data_dir: Some(data_dir.clone()),
        fresh: arguments.fresh,
        seed: !arguments.no_seed,
        port: arguments.port,
        chaos: chaos.clone(),
        // In a storm, workers die often; waiting minutes for each teaches nobody anything.
        retry_after: arguments.chaos.map(|_| Duration::from_secs(1)),
        ..Options::new(template, functions::registry())
    })
    .await?;
    if let Some(seed) = arguments.chaos {
        chaos.set(FaultRates::stormy());
        let faults =
            Faults { duplicate_webhooks: 1, drop_webhooks: 5, reorder_ms: 500, seed, ..Faults::default() };
        // What calls suffer too, at gateways that say how it is dealt with.
        let more = Faults { read_500: 5, refund_500: 5, busy: 3, ..faults };
        let set = cloud.gateways().set_faults(more).and_then(|()| cloud.sandbox().set_faults(faults));
        set.map_err(|problem| StartError::Other(problem.to_owned()))?;
    }
    let env_file = arguments.env_file.unwrap_or_else(|| data_dir.join("lambda.env"));
    private::write(&env_file, &cloud.environment())
        .map_err(|error| StartError::Other(format!("{}: {error}", env_file.display())))?;
    // Nobody may be reading, which is no reason to stop.
    let _ = welcome(&mut io::stdout(), &cloud, arguments.chaos);

    stop_signal().await;
    let _ = writeln!(io::stdout(), "\nGood night.");
    tokio::select! {
        stopped = tokio::time::timeout(FAREWELL, cloud.stop()) => drop(stopped),
        () = stop_signal() => {}
    }
    Ok(())
}

/// The nearest folder with a template, from here upwards.
fn root() -> Option<PathBuf> {
    let here = std::env::current_dir().ok()?;
    here.ancestors().find(|folder| folder.join("template.yaml").is_file()).map(Path::to_owned)
}

fn welcome(out: &mut impl Write, cloud: &Cloud, chaos: Option<u64>) -> io::Result<()> {
    let url = cloud.url();
    writeln!(out, "The box office is open.\n")?;
    writeln!(out, "  Box office   {url}")?;
    writeln!(out, "  API          {url}/docs")?;
    writeln!(out, "  Mailbox      {url}/local/mailbox")?;
    writeln!(out, "  AWS          {}", cloud.services().endpoint())?;
    if let Some((_, port)) = url.rsplit_once(':').filter(|_| cloud.logins().is_some()) {
        writeln!(out, "  Own host     http://{}:{port}, an organiser's", demo::site_host())?;
    }
    writeln!(out, "\n  Payments, all of play money. On its page each can be approved, declined, left")?;
    writeln!(out, "  pending and then approved, or paid too late:")?;
    let gateways = cloud.gateways();
    for (name, url, also) in [
        ("Sandbox", gateways.sandbox.url(), "refunded, charged back"),
        ("Mercado Pago", gateways.mercado_pago.url(), "refunded, disputed, charged back"),
        ("Wompi", gateways.wompi.url(), "refunded"),
        ("PayU", gateways.payu.url(), "refunded, once somebody there has looked at it"),
    ] {
        writeln!(out, "    {name:12}   {url}   also {also}")?;
    }
    if let Some(logins) = cloud.logins() {
        writeln!(out, "\n{logins}")?;
    }
    if let Some(seed) = chaos {
        writeln!(out, "\n  A storm rages: --chaos={seed}")?;
    }
    writeln!(out, "\nCtrl-C closes it.")
}

/// Waits until somebody wants the process to end.
async fn stop_signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
