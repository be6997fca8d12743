//! Throughput of sales and scans of the local cloud, and its processor time.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use boot::Clock;
use futures::future::try_join_all;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::Problem;
use crate::client::{BoxOffice, OrderLatency, Person, Started, text as text_of};
use crate::crowd::Crowd;
use crate::report::{Entry, Report, Table, as_f64, count, millis, number, percentile};
use crate::server::Server;
use crate::show::Show;

/// Numbers of concurrent buyers, or scanners.
const LEVELS: [usize; 3] = [1, 8, 32];
/// Target: processor time per order.
const MOST_PER_ORDER: Duration = Duration::from_millis(10);

/// Bounds of the work at each level; the first one reached ends it.
#[derive(Clone, Copy)]
struct Bounds {
    orders: usize,
    scans: usize,
    time: Duration,
}

pub(crate) async fn measure(quick: bool) -> Result<Report, Problem> {
    let bounds = match quick {
        true => Bounds { orders: 40, scans: 40, time: Duration::from_secs(10) },
        false => Bounds { orders: 800, scans: 1_500, time: Duration::from_secs(20) },
    };
    let mut server = Server::start().await?;
    let office = BoxOffice::new(&server.places)?;
    let organizer = Person::of_demo(&office, "organiza@example.com").await?;
    let show = Show::general_admission(&organizer, "Medición de carga", 20_000).await?;
    let crowd = Crowd::new(&office, if quick { 64 } else { 640 }).await?;
    let mut report = Report::new("load");

    // Warm-up: connections, caches and the database's pages.
    let warm = Bounds { orders: 20, ..bounds };
    sell(&mut server, &office, &crowd, &show, 4, warm).await?;
    let mut table = orders_table();
    let mut sold = Vec::new();
    for buyers in LEVELS {
        let sales = sell(&mut server, &office, &crowd, &show, buyers, bounds).await?;
        let orders = verify(&crowd, &sales.started).await?;
        table.row(orders_row(buyers, &sales, &orders));
        let each = sales.processor_time.div_f64(as_f64(sales.started.len().max(1)));
        report.target(format!("{buyers} buyers: server CPU per order under 10 ms"), each < MOST_PER_ORDER);
        sold.extend(orders);
    }
    report.add(table);
    report.must("every order that was paid has its tickets and its mail", true);

    let codes = codes(&sold, bounds.scans * LEVELS.len()).await?;
    let door = Person::of_demo(&office, "puerta@example.com").await?;
    let mut table = scans_table();
    let mut scanned = 0;
    for scanners in LEVELS {
        let codes = &codes[scanned..codes.len().min(scanned + bounds.scans)];
        let scans = scan(&mut server, &door, &show, codes, scanners, bounds).await?;
        scanned += scans.took.len();
        table.row(scans_row(scanners, &scans));
    }
    report.add(table);
    verify_door(&door, &show, &codes[..scanned], &mut report).await?;
    Ok(report)
}

/// The sales at one level.
struct Sales {
    started: Vec<Sold>,
    /// Time until the last buyer was done.
    bought: Duration,
    /// Time until the last ticket was mailed.
    whole: Duration,
    processor_time: Duration,
}

struct Sold {
    order: String,
    took: OrderLatency,
    approved_at: Timestamp,
}

/// Lets concurrent buyers buy two tickets each, again and again within the bounds.
async fn sell(
    server: &mut Server,
    office: &Rc<BoxOffice>,
    crowd: &Crowd,
    show: &Show,
    buyers: usize,
    bounds: Bounds,
) -> Result<Sales, Problem> {
    server.finish_work().await?;
    let (before, start) = (server.processor_time()?, Instant::now());
    let (turns, started) = (Cell::new(0), RefCell::new(Vec::new()));
    let clock = Clock::system();
    let buy = async |buyer: usize| {
        let mut turn = 0;
        while start.elapsed() < bounds.time && turns.get() < bounds.orders {
            turns.set(turns.get() + 1);
            let person = crowd.person(buyer, buyers, turn);
            let Started { order, payment, took } = person.start_order(&show.id, show.places(2)).await?;
            let approved_at = clock.now();
            office.approve(&payment).await?;
            started.borrow_mut().push(Sold { order, took, approved_at });
            turn += 1;
        }
        Ok::<_, Problem>(())
    };
    try_join_all((0..buyers).map(buy)).await?;
    let bought = start.elapsed();
    server.finish_work().await?;
    let whole = start.elapsed();
    let processor_time = server.processor_time()?.saturating_sub(before);
    Ok(Sales { started: started.into_inner(), bought, whole, processor_time })
}

/// A paid order as the box office shows it.
struct Bought {
    person: Rc<Person>,
    paid: Timestamp,
    mailed: Timestamp,
    tickets: Vec<String>,
}

/// Reads all orders back. Each must be paid, with two tickets and a mail.
async fn verify(crowd: &Crowd, started: &[Sold]) -> Result<BTreeMap<String, Bought>, Problem> {
    let mut orders = crowd.orders().await?;
    let mut bought = BTreeMap::new();
    for Sold { order: id, .. } in started {
        let (person, order) = orders.remove(id).ok_or_else(|| format!("the order {id} is lost"))?;
        let tickets = order["tickets"].as_array().map(Vec::as_slice).unwrap_or_default();
        let time = |name: &str| order[name].as_str().and_then(|time| time.parse::<Timestamp>().ok());
        let (Some(paid), Some(mailed), 2) = (time("paid_at"), time("mailed_at"), tickets.len()) else {
            return Err(format!("an order did not become two mailed tickets: {order}").into());
        };
        let tickets = tickets.iter().map(|ticket| text_of(&ticket["id"])).collect();
        bought.insert(id.clone(), Bought { person, paid, mailed, tickets });
    }
    Ok(bought)
}

fn orders_table() -> Table {
    Table::new(
        "Orders of two general admissions",
        "Buyers on one thread of another process buy as fast as they are answered: quote, reservation, payment, \
         approval at the sandbox gateway. Latencies in ms: of the buyer's three requests together; from the \
         approval to `paid_at` and to `mailed_at`. Orders/s until the last ticket is mailed, accepted/s until \
         the last buyer is done. CPU: user and system time of the server's process (proc(5), stat) from the \
         first request to the last mail, so with all functions, queues, mails, the gateway and the database on \
         disk. The functions' AWS clients sign their requests and the services check and answer them as over \
         TCP, but in memory. Buyers and server share the processors.",
        &[
            "buyers",
            "orders",
            "orders/s",
            "accepted/s",
            "CPU ms/order",
            "p50",
            "p99",
            "quote p50",
            "hold p50",
            "pay p50",
            "paid p50",
            "paid p99",
            "mailed p50",
            "mailed p99",
        ],
    )
}

fn orders_row(buyers: usize, sales: &Sales, bought: &BTreeMap<String, Bought>) -> Vec<Entry> {
    let Sales { started, bought: accepted, whole, processor_time } = sales;
    let of = |part: fn(&OrderLatency) -> Duration| sorted(started.iter().map(|sold| part(&sold.took)));
    let since_approval = |part: fn(&Bought) -> Timestamp| {
        let waited = started.iter().filter_map(|sold| {
            let until = part(bought.get(&sold.order)?);
            // Zero if the payment was settled before the approval was answered.
            Some(Duration::try_from(until.duration_since(sold.approved_at)).unwrap_or_default())
        });
        sorted(waited)
    };
    let (all, paid, mailed) =
        (of(OrderLatency::whole), since_approval(|o| o.paid), since_approval(|o| o.mailed));
    let orders = started.len();
    vec![
        count(buyers),
        count(orders),
        number(as_f64(orders) / whole.as_secs_f64(), 1),
        number(as_f64(orders) / accepted.as_secs_f64(), 1),
        millis(processor_time.div_f64(as_f64(orders.max(1)))),
        at(&all, 500),
        at(&all, 990),
        at(&of(|took| took.quote), 500),
        at(&of(|took| took.hold), 500),
        at(&of(|took| took.pay), 500),
        at(&paid, 500),
        at(&paid, 990),
        at(&mailed, 500),
        at(&mailed, 990),
    ]
}

fn sorted(durations: impl Iterator<Item = Duration>) -> Vec<Duration> {
    let mut durations: Vec<_> = durations.collect();
    durations.sort_unstable();
    durations
}

fn at(sorted: &[Duration], per_mille: usize) -> Entry {
    percentile(sorted, per_mille).map_or(Entry::Nothing, millis)
}

/// The codes of at most `most` tickets.
async fn codes(orders: &[(String, Bought)], most: usize) -> Result<Vec<String>, Problem> {
    let mut codes = Vec::with_capacity(most);
    for (person, ticket) in
        orders.iter().flat_map(|(_, order)| order.tickets.iter().map(|t| (&order.person, t)))
    {
        if codes.len() == most {
            break;
        }
        let ticket = person.get(&format!("/api/v1/tickets/{ticket}")).await?;
        codes.push(text_of(&ticket["code"]));
    }
    Ok(codes)
}

/// The scans at one level.
struct Scans {
    took: Vec<Duration>,
    whole: Duration,
    processor_time: Duration,
}

/// Lets concurrent scanners scan each of `codes` once.
async fn scan(
    server: &mut Server,
    door: &Person,
    show: &Show,
    codes: &[String],
    scanners: usize,
    bounds: Bounds,
) -> Result<Scans, Problem> {
    server.finish_work().await?;
    let (before, start) = (server.processor_time()?, Instant::now());
    let (next, took) = (Cell::new(0), RefCell::new(Vec::with_capacity(codes.len())));
    let work = async |_| {
        while start.elapsed() < bounds.time
            && let Some(code) = codes.get(next.replace(next.get() + 1))
        {
            let began = Instant::now();
            let verdict = validate(door, show, code).await?;
            took.borrow_mut().push(began.elapsed());
            if verdict["result"] != "admitted" {
                return Err(format!("a fresh ticket was not admitted: {verdict}").into());
            }
        }
        Ok::<_, Problem>(())
    };
    try_join_all((0..scanners).map(work)).await?;
    let whole = start.elapsed();
    let processor_time = server.processor_time()?.saturating_sub(before);
    Ok(Scans { took: took.into_inner(), whole, processor_time })
}

async fn validate(door: &Person, show: &Show, code: &str) -> Result<Value, Problem> {
    let nonce = format!("{:016x}", fastrand::u64(..));
    let scan = json!({ "code": code, "event_id": show.id, "nonce": nonce });
    Ok(door.post("/api/v1/qr/validate", &scan).await?)
}

fn scans_table() -> Table {
    Table::new(
        "Scans at the door",
        "Scanners on one thread of another process validate tickets, each once, as fast as they are answered; \
         every one must be admitted. Latencies in ms. CPU as above.",
        &["scanners", "scans", "scans/s", "CPU ms/scan", "p50", "p99"],
    )
}

fn scans_row(scanners: usize, scans: &Scans) -> Vec<Entry> {
    let Scans { took, whole, processor_time } = scans;
    let sorted = sorted(took.iter().copied());
    vec![
        count(scanners),
        count(took.len()),
        number(as_f64(took.len()) / whole.as_secs_f64(), 1),
        millis(processor_time.div_f64(as_f64(took.len().max(1)))),
        at(&sorted, 500),
        at(&sorted, 990),
    ]
}

/// Checks that the door counted each ticket once, and refuses it from now on.
async fn verify_door(
    door: &Person,
    show: &Show,
    scanned: &[String],
    report: &mut Report,
) -> Result<(), Problem> {
    let mut refused = 0;
    let again = &scanned[..scanned.len().min(50)];
    for code in again {
        let verdict = validate(door, show, code).await?;
        let is_refused = verdict["result"] == "refused" && verdict["reason"] == "already_used";
        refused += usize::from(is_refused && verdict["first_scan_at"].is_string());
    }
    report.must(
        format!("{} tickets scanned again: all refused with the time of the first scan", again.len()),
        refused == again.len(),
    );
    let stats = door.get(&format!("/api/v1/door/events/{}/stats", show.id)).await?;
    report.must(
        format!("the door counts {} admitted", scanned.len()),
        stats["admitted"].as_u64() == u64::try_from(scanned.len()).ok(),
    );
    Ok(())
}
