//! How each function starts as a process: binary size, time to the first poll of the runtime API,
//! first and second invocation, memory.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use boot::{Clock, Secret};
use serde_json::{Value, json};
use testkit::runtime_api::{Lambda, binary_in};

use crate::Problem;
use crate::client::{BoxOffice, Person, Started, text as text_of};
use crate::report::{self, Entry, Report, Table, megabytes, millis, percentile, text};
use crate::server::Server;
use crate::show::Show;

/// How often each function is started.
const RUNS: usize = 15;
/// Target: time from exec to the first poll.
const MOST_START: Duration = Duration::from_millis(15);
/// Target: size of a binary.
const MOST_BYTES: u64 = 12_000_000;

/// Placeholders in the files under `events/`, replaced by ids and codes that exist.
const EXAMPLE_USER: &str = "usr_01jd8m3n7kf8bq4v3k7w2r9s5t";
const EXAMPLE_EVENT: &str = "evt_01jd8m3n7kf8bq4v3k7w2r9s5t";
const EXAMPLE_ORDER: &str = "ord_01jd8m4p2sf3x9d0h6c1v8a700";
const EXAMPLE_PAYMENT: &str = "pay_01jd8m4p2sf3x9d0h6c1v8a700";
const EXAMPLE_CODE: &str = "TQ1:...";

/// The caller of an event's request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Actor {
    Nobody,
    Buyer,
    Organizer,
    Scanner,
    Gateway,
}

/// The event with which each function is measured.
const CASES: [(&str, &str, Actor); 18] = [
    ("admin", "list-without-token", Actor::Organizer),
    ("auth", "login", Actor::Nobody),
    ("discounts", "remaining", Actor::Nobody),
    ("door", "validate-without-token", Actor::Scanner),
    ("events", "list-without-token", Actor::Organizer),
    ("issuer", "paid-order", Actor::Nobody),
    ("janitor", "reconcile", Actor::Nobody),
    ("mailer", "already-registered", Actor::Nobody),
    ("members", "validate-email", Actor::Nobody),
    ("pricing", "list-promotions-without-token", Actor::Organizer),
    ("purchases", "list-without-token", Actor::Buyer),
    ("relay", "paid-order", Actor::Nobody),
    ("settler", "notification", Actor::Nobody),
    ("site", "ready", Actor::Nobody),
    ("storefront", "search", Actor::Nobody),
    ("supervision", "queue-without-token", Actor::Organizer),
    ("tickets", "list-without-token", Actor::Buyer),
    ("webhooks", "unsigned-notification", Actor::Gateway),
];

/// A function under measurement.
struct Subject {
    name: &'static str,
    case: &'static str,
    env: BTreeMap<String, String>,
    event: Value,
    binary: PathBuf,
    bytes: u64,
    runs: Vec<Run>,
}

/// Measurements of one process.
struct Run {
    start: Duration,
    first: Duration,
    second: Duration,
    memory: u64,
}

pub(crate) async fn measure(quick: bool) -> Result<Report, Problem> {
    let mut server = Server::start().await?;
    let world = World::new(&mut server).await?;
    let measured: Vec<&str> = CASES.iter().map(|(name, ..)| *name).collect();
    if let Some(name) = server.places.functions.keys().find(|name| !measured.contains(&name.as_str())) {
        return Err(format!("the function {name} of the template has no case to be measured with").into());
    }
    // The binaries as they are deployed; this program's own profile is another.
    let release = report::target()?.join("release");
    let mut subjects = Vec::with_capacity(CASES.len());
    for (name, case, actor) in CASES {
        let env = server.places.functions.get(name).cloned();
        let env = env.ok_or_else(|| format!("the template has no function {name}"))?;
        let event = world.event(name, case, actor, &env)?;
        let binary = binary_in(&release, name)?;
        let bytes = std::fs::metadata(&binary)?.len();
        subjects.push(Subject { name, case, env, event, binary, bytes, runs: Vec::new() });
    }
    // All functions in each round, so that a busy moment of the machine affects all of them.
    for round in 0..if quick { 3 } else { RUNS } {
        for subject in &mut subjects {
            subject.event = from_network(subject.event.take(), round);
            let run = subject.run().await.map_err(|problem| format!("{}: {problem}", subject.name))?;
            // The first round only brings the binaries into memory.
            if round > 0 {
                subject.runs.push(run);
            }
        }
        server.finish_work().await?;
    }
    Ok(report(&subjects))
}

/// The event of a request, from a network that this round alone has: limits count by network, and
/// so many runs within a minute would reach them.
fn from_network(mut event: Value, round: usize) -> Value {
    if event["requestContext"]["http"].is_object() {
        let network = format!("198.51.100.{round}");
        event["headers"]["x-forwarded-for"] = json!(network);
        event["requestContext"]["http"]["sourceIp"] = json!(network);
    }
    event
}

impl Subject {
    async fn run(&self) -> Result<Run, Problem> {
        let mut lambda = Lambda::start(&self.binary, self.env.clone()).await?;
        let start = lambda.ready().await?;
        let first = self.invoke(&mut lambda).await?;
        let second = self.invoke(&mut lambda).await?;
        let memory = lambda.peak_memory().ok_or("there is no VmHWM")?;
        Ok(Run { start, first, second, memory })
    }

    async fn invoke(&self, lambda: &mut Lambda) -> Result<Duration, Problem> {
        let invocation = lambda.invoke(&self.event).await?;
        let is_good = invocation.answer.as_ref().is_ok_and(|answer| {
            let is_success = answer["statusCode"].as_u64().is_none_or(|status| (200..300).contains(&status));
            is_success && answer["batchItemFailures"].as_array().is_none_or(Vec::is_empty)
        });
        if is_good {
            return Ok(invocation.took);
        }
        Err(format!("answered {:?} and wrote:\n{}", invocation.answer, lambda.output()).into())
    }
}

fn report(subjects: &[Subject]) -> Report {
    let mut report = Report::new("functions");
    let runs = subjects.first().map_or(0, |subject| subject.runs.len());
    let mut table = Table::new(
        "Functions as processes",
        format!(
            "Release binaries, stripped, as `cargo build --release --bins` of the functions makes them, started \
             by a stub of Lambda's runtime API on this machine with DynamoDB, SQS and SES of a local cloud \
             beside them. Start: from before the process is made to the request for the first event; first and \
             second: from handing over the event `events/<function>/<case>.json` (with ids and tokens that \
             exist) to the last byte of the answer. Medians of {runs} runs, in ms. Memory: the largest VmHWM, in \
             MB, after both."
        ),
        &["function", "event", "binary MB", "start", "start max", "first", "second", "memory MB"],
    );
    for Subject { name, case, bytes, runs, .. } in subjects {
        let median = |part: fn(&Run) -> Duration| {
            let mut values: Vec<Duration> = runs.iter().map(part).collect();
            values.sort_unstable();
            percentile(&values, 500).map_or(Entry::Nothing, millis)
        };
        table.row([
            text(*name),
            text(*case),
            megabytes(*bytes),
            median(|run| run.start),
            runs.iter().map(|run| run.start).max().map_or(Entry::Nothing, millis),
            median(|run| run.first),
            median(|run| run.second),
            runs.iter().map(|run| run.memory).max().map_or(Entry::Nothing, megabytes),
        ]);
    }
    report.add(table);
    let slowest = subjects.iter().filter_map(|subject| {
        let mut starts: Vec<Duration> = subject.runs.iter().map(|run| run.start).collect();
        starts.sort_unstable();
        percentile(&starts, 500)
    });
    let in_time = slowest.max().is_some_and(|slowest| slowest < MOST_START);
    report.target("exec to first poll under 15 ms for every function (medians)", in_time);
    report.target("binaries under 12 MB", subjects.iter().all(|subject| subject.bytes < MOST_BYTES));
    report
}

/// The things that events name: a sold ticket, and the users around it.
struct World {
    buyer: Person,
    organizer: Person,
    scanner: Person,
    user: String,
    show: String,
    order: String,
    payment: String,
    code: String,
}

impl World {
    async fn new(server: &mut Server) -> Result<Self, Problem> {
        let office: Rc<BoxOffice> = BoxOffice::new(&server.places)?;
        let buyer = Person::of_demo(&office, "ana@example.com").await?;
        let organizer = Person::of_demo(&office, "organiza@example.com").await?;
        let scanner = Person::of_demo(&office, "puerta@example.com").await?;
        let show = Show::general_admission(&organizer, "Medición en frío", 100).await?;
        let Started { order, payment, .. } = buyer.start_order(&show.id, show.places(2)).await?;
        office.approve(&payment).await?;
        server.finish_work().await?;
        let paid = buyer.get(&format!("/api/v1/purchases/{order}")).await?;
        let ticket = text_of(&paid["tickets"][0]["id"]);
        let code = text_of(&buyer.get(&format!("/api/v1/tickets/{ticket}")).await?["code"]);
        let user = text_of(&buyer.get("/api/v1/auth/me").await?["id"]);
        if code.is_empty() || user.is_empty() {
            return Err(format!("no ticket was sold: {paid}").into());
        }
        Ok(Self { buyer, organizer, scanner, user, show: show.id, order, payment, code })
    }

    /// The event of a case, with ids and tokens that exist.
    fn event(
        &self,
        function: &str,
        case: &str,
        actor: Actor,
        env: &BTreeMap<String, String>,
    ) -> Result<Value, Problem> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../events/{function}/{case}.json"));
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let suffix = |id: &str| id.split_once('_').map_or_else(String::new, |(_, suffix)| suffix.to_owned());
        let text = text
            .replace(EXAMPLE_USER, &self.user)
            .replace(EXAMPLE_EVENT, &self.show)
            .replace(EXAMPLE_ORDER, &self.order)
            .replace(EXAMPLE_PAYMENT, &self.payment)
            .replace(EXAMPLE_CODE, &self.code)
            // The table's keys.
            .replace(&format!("U#{}", suffix(EXAMPLE_USER)), &format!("U#{}", suffix(&self.user)))
            .replace(&format!("O#{}", suffix(EXAMPLE_ORDER)), &format!("O#{}", suffix(&self.order)));
        let mut event: Value = serde_json::from_str(&text)?;
        let bearer = |person: &Person| json!(format!("Bearer {}", person.token()));
        match actor {
            Actor::Nobody => {}
            Actor::Buyer => event["headers"]["authorization"] = bearer(&self.buyer),
            Actor::Organizer => event["headers"]["authorization"] = bearer(&self.organizer),
            Actor::Scanner => event["headers"]["authorization"] = bearer(&self.scanner),
            Actor::Gateway => {
                let body = event["body"].as_str().unwrap_or_default();
                event["headers"]["x-sandbox-signature"] = json!(signature(body, env)?);
            }
        }
        Ok(event)
    }
}

/// The sandbox gateway's signature of a notification; valid for five minutes.
fn signature(body: &str, env: &BTreeMap<String, String>) -> Result<String, Problem> {
    let secret = env.get("SANDBOX_WEBHOOK_SECRET").and_then(|secret| Secret::new(secret));
    let time = Clock::system().now().as_second();
    // `derive` is HMAC-SHA-256 under the secret, the same as signing.
    let signature = secret.ok_or("there is no webhook secret")?.derive(&format!("{time}.{body}"));
    Ok(format!("t={time},v1={}", hex::encode(signature)))
}
