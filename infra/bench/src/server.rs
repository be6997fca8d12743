//! The measured server: the whole local cloud as a process of its own, so that its processor time
//! is apart from the buyers'. It reads commands as lines of JSON, and answers with such lines.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use cloud::services::{Chaos, Reading};
use cloud::template::Template;
use local::{Cloud, Options, functions};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::{Problem, report};

/// The longest that a server may take to start, or to finish its work.
const PATIENCE: Duration = Duration::from_secs(900);

/// Addresses and settings of a running server.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Places {
    /// The public address.
    pub(crate) url: String,
    /// The simulated payment gateway's address.
    pub(crate) sandbox: String,
    /// The password of the demo data's users.
    pub(crate) password: String,
    /// Environment variables by function, with which its own binary uses this server's table and
    /// queues.
    pub(crate) functions: BTreeMap<String, BTreeMap<String, String>>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
enum Order {
    /// Answer with the meter's [`Reading`].
    ReadMeter,
    /// Wait until all work is done, and answer `null`; after [`PATIENCE`], answer with the work
    /// that is left.
    FinishWork,
    /// Refuse more than DynamoDB's 1,000 write units per second and partition key.
    LimitPartitions,
}

/// Runs the server: opens a box office with the demo data, as `cargo run` does, and follows
/// commands until its input ends.
pub(crate) async fn serve(folder: PathBuf) -> Result<bool, Problem> {
    // As quiet as `cargo run`.
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::WARN)
        .with_writer(io::stderr)
        .init();
    let chaos = Chaos::default();
    let cloud = Cloud::start(Options {
        data_dir: Some(folder),
        seed: true,
        chaos: chaos.clone(),
        ..Options::new(Template::repository()?, functions::registry())
    })
    .await?;
    say(&places(&cloud))?;
    while let Some(order) = next_order().await? {
        match order {
            Order::ReadMeter => say(&cloud.services().meter().snapshot())?,
            Order::FinishWork => {
                let left = cloud.idle(PATIENCE).await.err().map(|not_idle| not_idle.to_string());
                say(&left)?;
            }
            Order::LimitPartitions => {
                chaos.change(|rates| rates.partition_limit = true);
                say(&())?;
            }
        }
    }
    cloud.stop().await;
    Ok(true)
}

async fn next_order() -> Result<Option<Order>, Problem> {
    let line = tokio::task::spawn_blocking(|| io::stdin().lines().next()).await?.transpose()?;
    Ok(line.map(|line| serde_json::from_str(&line)).transpose()?)
}

fn places(cloud: &Cloud) -> Places {
    let functions = cloud.stack().functions.iter().map(|function| {
        let name = function.name.clone();
        let env = cloud.environment_of(&name).unwrap_or_default();
        (name, env)
    });
    Places {
        url: cloud.url().to_owned(),
        sandbox: cloud.sandbox().url().to_owned(),
        password: cloud.logins().map(|logins| logins.password.to_owned()).unwrap_or_default(),
        functions: functions.collect(),
    }
}

fn say(answer: &impl Serialize) -> Result<(), Problem> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", serde_json::to_string(answer)?)?;
    Ok(out.flush()?)
}

/// A running server. On drop its process is killed and its state deleted.
pub(crate) struct Server {
    process: Child,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    /// The server's addresses and settings.
    pub(crate) places: Places,
    _state: State,
}

/// The folder of a server's state, deleted on drop.
struct State(PathBuf);

impl Drop for State {
    fn drop(&mut self) {
        // What can not be deleted stays in the target folder, and does no harm.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Server {
    /// Starts a server with fresh state on disk. Its log goes to `target/bench/server.log`.
    pub(crate) async fn start() -> Result<Self, Problem> {
        let results = report::folder()?;
        let state = State(results.join(format!("state-{}", std::process::id())));
        std::fs::create_dir_all(&state.0)?;
        let log = std::fs::File::create(results.join("server.log"))?;
        let mut process = Command::new(std::env::current_exe()?)
            .arg("--serve")
            .arg(&state.0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()?;
        let (Some(orders), Some(answers)) = (process.stdin.take(), process.stdout.take()) else {
            return Err("the server has no pipes".into());
        };
        let mut answers = BufReader::new(answers).lines();
        let places = answer(&mut answers).await?;
        Ok(Self { process, orders, answers, places, _state: state })
    }

    /// The DynamoDB usage so far.
    pub(crate) async fn meter(&mut self) -> Result<Reading, Problem> {
        self.ask(&Order::ReadMeter).await
    }

    /// Waits until all work that requests started is done.
    pub(crate) async fn finish_work(&mut self) -> Result<(), Problem> {
        match self.ask::<Option<String>>(&Order::FinishWork).await? {
            None => Ok(()),
            Some(left) => Err(format!("the server does not come to rest: {left}").into()),
        }
    }

    /// Enforces DynamoDB's limit per partition key from now on.
    pub(crate) async fn limit_partitions(&mut self) -> Result<(), Problem> {
        self.ask(&Order::LimitPartitions).await
    }

    /// Processor time of the server so far, user and system, to the hundredth of a second (proc(5),
    /// `stat`, fields 14 and 15).
    pub(crate) fn processor_time(&self) -> Result<Duration, Problem> {
        // The kernel counts in units of USER_HZ, which is 100 everywhere.
        const TICK: Duration = Duration::from_millis(10);
        let id = self.process.id().ok_or("the server has ended")?;
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat"))?;
        // The second field is a name that may contain anything, but ends with a parenthesis.
        let (_, fields) = stat.rsplit_once(')').ok_or("an unknown format of stat")?;
        let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u32>);
        Ok(TICK * ticks.sum::<Result<u32, _>>()?)
    }

    async fn ask<T: DeserializeOwned>(&mut self, order: &Order) -> Result<T, Problem> {
        let mut line = serde_json::to_string(order)?;
        line.push('\n');
        self.orders.write_all(line.as_bytes()).await?;
        answer(&mut self.answers).await
    }
}

async fn answer<T: DeserializeOwned>(answers: &mut Lines<BufReader<ChildStdout>>) -> Result<T, Problem> {
    let line = tokio::time::timeout(PATIENCE + Duration::from_secs(10), answers.next_line())
        .await
        .map_err(|_| "the server does not answer; see target/bench/server.log")??;
    let line = line.ok_or("the server has ended; see target/bench/server.log")?;
    Ok(serde_json::from_str(&line)?)
}
