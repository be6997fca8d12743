//! A rush: many buyers sell out a large show under DynamoDB's limits, and each place is sold
//! exactly once.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::{Duration, Instant};

use fastrand::Rng;
use futures::future::try_join_all;
use serde_json::Value;

use crate::Problem;
use crate::client::{BoxOffice, Person, Refused};
use crate::crowd::Crowd;
use crate::plan::Plan;
use crate::report::{Report, Table, as_f64, count, number, text};
use crate::server::Server;
use crate::show::Show;

/// The longest that a sale may take.
const TIME: Duration = Duration::from_secs(30 * 60);
/// Time before a buyer asks again for places that others have reserved.
const PAUSE: Duration = Duration::from_millis(200);
/// A refused buyer reads the availability again if the last reading is as old as caches may keep
/// it.
const FRESH: Duration = Duration::from_secs(2);

/// Target: answers that were not what the buyer wanted, for each order of the best available seats.
const MOST_REFUSALS: f64 = 0.2;
/// Target: write units of such an order.
const MOST_WRITE_UNITS: f64 = 7.3;

/// The size of a sale.
#[derive(Clone, Copy)]
struct Scale {
    places: u32,
    buyers: usize,
    accounts: usize,
}

pub(crate) async fn measure(quick: bool) -> Result<Report, Problem> {
    let scale = match quick {
        true => Scale { places: 500, buyers: 16, accounts: 64 },
        false => Scale { places: 20_000, buyers: 64, accounts: 640 },
    };
    let mut report = Report::new("onsale");
    let mut table = Table::new(
        format!("{} places, {} buyers", scale.places, scale.buyers),
        format!(
            "{} buyers on one thread of another process buy until everything is sold, each order for one to six \
             places (of numbered seats, neighbours that the buyer saw free), by another of {} accounts, paid at \
             once at the sandbox gateway; 1,000 write units per second and partition key are enforced. With the \
             best available, groups of two to six say how many they are, until no two seats together are left; \
             what nobody has then is stranded. Sold and oversold: counted in all orders, read back through the \
             API. Refused writes (conditions that did not hold), throttled calls and write units: the meter of \
             the local DynamoDB. Seconds from the first request to the last mailed ticket.",
            scale.buyers, scale.accounts
        ),
        &[
            "mode",
            "places",
            "sold",
            "oversold",
            "stranded",
            "orders",
            "seconds",
            "sold out after",
            "orders/s",
            "refusals",
            "refused writes",
            "throttled",
            "write units/order",
        ],
    );
    let mut refusals = Table::new(
        "Answers that were not what the buyer wanted",
        "Counted by the buyers, by code. After those with a status, the same request was sent again.",
        &["mode", "code", "answers"],
    );
    for mode in [Mode::GeneralAdmission, Mode::Seated, Mode::Best] {
        for (code, answers) in sale(mode, scale, &mut table, &mut report).await? {
            refusals.row([text(mode.name()), text(code), count(answers)]);
        }
    }
    report.add(table);
    report.add(refusals);
    Ok(report)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    GeneralAdmission,
    /// Buyers choose their seats on a plan.
    Seated,
    /// Buyers say how many they are, and have the best seats chosen.
    Best,
}

impl Mode {
    fn name(self) -> &'static str {
        match self {
            Self::GeneralAdmission => "general admission",
            Self::Seated => "seated",
            Self::Best => "seated, best available",
        }
    }
}

/// Sells out a show and adds the figures to `table`; returns the buyers' refusals by code.
async fn sale(
    mode: Mode,
    scale: Scale,
    table: &mut Table,
    report: &mut Report,
) -> Result<BTreeMap<String, usize>, Problem> {
    let mut server = Server::start().await?;
    let office = BoxOffice::new(&server.places)?;
    let organizer = Person::of_demo(&office, "organiza@example.com").await?;
    let show = match mode {
        Mode::GeneralAdmission => {
            Show::general_admission(&organizer, "Apertura de pie", scale.places).await?
        }
        Mode::Seated => Show::seated(&organizer, "Apertura sentada", scale.places).await?,
        Mode::Best => Show::seated(&organizer, "Apertura en grupo", scale.places).await?,
    };
    let crowd = Crowd::new(&office, scale.accounts).await?;
    server.finish_work().await?;
    server.limit_partitions().await?;
    office.take_repeated();
    let before = server.meter().await?;

    let start = Instant::now();
    let tally = SaleCounts::default();
    let buyers = (0..scale.buyers).map(|buyer| {
        let rush =
            RushBuyer { office: &office, show: &show, crowd: &crowd, tally: &tally, buyer, scale, start };
        rush.buy_until_sold_out(mode)
    });
    try_join_all(buyers).await?;
    let sold_out = start.elapsed();
    server.finish_work().await?;
    let whole = start.elapsed();

    let used = server.meter().await?.since(&before).total();
    let sold = Sold::read(&crowd, &show).await?;
    let (orders, places) = (sold.orders, usize::try_from(scale.places)?);
    let mut refused = tally.refused.take();
    refused.extend(office.take_repeated());
    table.row([
        text(mode.name()),
        count(places),
        count(sold.places),
        count(sold.oversold(places)),
        count(places.saturating_sub(sold.places)),
        count(orders),
        number(whole.as_secs_f64(), 1),
        number(sold_out.as_secs_f64(), 1),
        number(as_f64(orders) / whole.as_secs_f64(), 1),
        count(refused.values().sum()),
        count(usize::try_from(used.failed_conditions)?),
        count(usize::try_from(used.throttled)?),
        number(used.write_units / as_f64(orders.max(1)), 2),
    ]);
    let name = mode.name();
    report.must(format!("{name}: nothing is oversold"), sold.oversold(places) == 0);
    if mode == Mode::Best {
        let stranded = places.saturating_sub(sold.places);
        let per_order = as_f64(refused.values().sum()) / as_f64(orders.max(1));
        report
            .target(format!("{name}: at most 1 % of {places} seats are stranded"), stranded * 100 <= places);
        report
            .target(format!("{name}: at most {MOST_REFUSALS} refusals an order"), per_order <= MOST_REFUSALS);
        report.target(
            format!("{name}: at most {MOST_WRITE_UNITS} write units an order, refused ones included"),
            used.write_units <= MOST_WRITE_UNITS * as_f64(orders),
        );
    } else {
        report.must(format!("{name}: all {places} places are sold"), sold.places == places);
    }
    report.must(
        format!("{name}: each of {} approved payments paid one order", tally.approved.get()),
        sold.orders == tally.approved.get() && sold.payments == tally.approved.get(),
    );
    report.must(format!("{name}: all tickets are mailed"), sold.unmailed == 0);
    Ok(refused)
}

/// The buyers' shared counts of a sale.
#[derive(Default)]
struct SaleCounts {
    approved: Cell<usize>,
    /// Refusals by code.
    refused: RefCell<BTreeMap<String, usize>>,
}

/// One of the concurrent buyers.
struct RushBuyer<'a> {
    office: &'a Rc<BoxOffice>,
    show: &'a Show,
    crowd: &'a Crowd,
    tally: &'a SaleCounts,
    buyer: usize,
    scale: Scale,
    start: Instant,
}

impl RushBuyer<'_> {
    async fn buy_until_sold_out(self, mode: Mode) -> Result<(), Problem> {
        // The same sequence of wishes in each run; which buyer is faster differs.
        let mut rng = Rng::with_seed(u64::try_from(self.buyer)?);
        match mode {
            Mode::GeneralAdmission => self.buy_places(&mut rng).await,
            Mode::Seated => self.buy_seats(&mut rng).await,
            Mode::Best => self.buy_together(&mut rng).await,
        }
    }

    async fn buy_places(&self, rng: &mut Rng) -> Result<(), Problem> {
        let mut wanted = rng.usize(1..=6);
        for turn in 0.. {
            self.check_time()?;
            match self.order(turn, self.show.places(wanted)).await? {
                Ok(()) => wanted = rng.usize(1..=6),
                Err(refused) => {
                    let left = refused.problem["left"].as_u64().and_then(|left| usize::try_from(left).ok());
                    match (refused.code.as_str(), left) {
                        // Sold out for good: reserved places that are being paid do not come back.
                        ("sold_out", Some(0)) => return Ok(()),
                        ("sold_out", left) => wanted = left.unwrap_or(wanted - 1).clamp(1, wanted),
                        _ => self.wait_or_fail(refused).await?,
                    }
                }
            }
        }
        Ok(())
    }

    async fn buy_seats(&self, rng: &mut Rng) -> Result<(), Problem> {
        let mut plan = self.look(0).await?;
        for turn in 0.. {
            self.check_time()?;
            let Some(seats) = plan.choose(rng) else {
                plan = self.look(turn).await?;
                if plan.is_sold_out() {
                    return Ok(());
                }
                if plan.is_full() {
                    tokio::time::sleep(PAUSE).await;
                }
                continue;
            };
            match self.order(turn, self.show.seats(&seats)).await? {
                Ok(()) => plan.take(&seats),
                Err(refused) => match refused.code.as_str() {
                    "seats_taken" => {
                        let taken: Vec<String> =
                            serde_json::from_value(refused.problem["seats"].clone()).unwrap_or_default();
                        // A refusal without seats must not be repeated for ever.
                        if taken.is_empty() {
                            plan.take(&seats);
                        } else {
                            plan.take(&taken);
                        }
                        if plan.seen.elapsed() > FRESH {
                            plan = self.look(turn).await?;
                        }
                    }
                    // The buyer's availability is stale.
                    "single_seat_left" => plan = self.look(turn).await?,
                    _ => self.wait_or_fail(refused).await?,
                },
            }
        }
        Ok(())
    }

    /// Buys for groups who sit together. Nobody comes alone, because who does fills the seats that were
    /// stranded before.
    async fn buy_together(&self, rng: &mut Rng) -> Result<(), Problem> {
        let mut wanted = rng.usize(2..=6);
        for turn in 0.. {
            self.check_time()?;
            match self.order(turn, self.show.places(wanted)).await? {
                Ok(()) => wanted = rng.usize(2..=6),
                Err(refused) => match largest_group(&refused.code, &refused.problem) {
                    Some(largest) if largest < 2 => return Ok(()),
                    Some(largest) => wanted = largest.min(wanted - 1),
                    None => self.wait_or_fail(refused).await?,
                },
            }
        }
        Ok(())
    }

    /// Reads the availability of the seats, as this buyer sees it.
    async fn look(&self, turn: usize) -> Result<Plan, Problem> {
        Plan::read(&self.show.availability(self.person(turn)).await?)
    }

    fn person(&self, turn: usize) -> &Person {
        self.crowd.person(self.buyer, self.scale.buyers, turn)
    }

    /// Makes and pays one order.
    async fn order(&self, turn: usize, line: Value) -> Result<Result<(), Refused>, Problem> {
        match self.person(turn).start_order(&self.show.id, line).await {
            Ok(started) => {
                self.office.approve(&started.payment).await?;
                self.tally.approved.set(self.tally.approved.get() + 1);
                Ok(Ok(()))
            }
            Err(refused) => {
                *self.tally.refused.borrow_mut().entry(refused.code.clone()).or_default() += 1;
                Ok(Err(refused))
            }
        }
    }

    /// Waits if the buyer's own payments are still being settled; any other refusal is an error.
    async fn wait_or_fail(&self, refused: Refused) -> Result<(), Problem> {
        if refused.code == "too_many_reservations" {
            tokio::time::sleep(PAUSE).await;
            return Ok(());
        }
        Err(refused.into())
    }

    fn check_time(&self) -> Result<(), Problem> {
        if self.start.elapsed() < TIME { Ok(()) } else { Err("the sale does not come to an end".into()) }
    }
}

/// The largest group that a refusal leaves seats for; `None` if it is about something else.
fn largest_group(code: &str, problem: &Value) -> Option<usize> {
    let member = match code {
        "no_adjacent_seats" => "largest",
        "sold_out" => "left",
        _ => return None,
    };
    problem[member].as_u64().and_then(|largest| usize::try_from(largest).ok())
}

/// The sales, counted from all orders.
#[derive(Default)]
struct Sold {
    orders: usize,
    places: usize,
    /// How often each seat was sold.
    seats: BTreeMap<String, usize>,
    /// Approved payments of paid orders.
    payments: usize,
    unmailed: usize,
}

impl Sold {
    async fn read(crowd: &Crowd, show: &Show) -> Result<Self, Problem> {
        let mut sold = Self::default();
        let mut tickets = BTreeSet::new();
        for (_, order) in crowd.orders().await?.into_values() {
            if order["event_id"] != show.id || order["status"] != "paid" {
                continue;
            }
            sold.orders += 1;
            sold.unmailed += usize::from(!order["mailed_at"].is_string());
            let payments = order["payments"].as_array().map(Vec::as_slice).unwrap_or_default();
            sold.payments += payments.iter().filter(|payment| payment["status"] == "approved").count();
            for ticket in order["tickets"].as_array().map(Vec::as_slice).unwrap_or_default() {
                sold.places += 1;
                if !tickets.insert(ticket["id"].to_string()) {
                    return Err(format!("the ticket {} was issued twice", ticket["id"]).into());
                }
                if let Some(seat) = ticket["seat"].as_str() {
                    *sold.seats.entry(seat.to_owned()).or_default() += 1;
                }
            }
        }
        Ok(sold)
    }

    /// Places sold beyond the capacity, or seats sold more than once.
    fn oversold(&self, places: usize) -> usize {
        let twice: usize = self.seats.values().map(|times| times - 1).sum();
        twice.max(self.places.saturating_sub(places))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_refused_group_asks_for_what_is_left() {
        assert_eq!(largest_group("no_adjacent_seats", &json!({"largest": 3, "left": 9})), Some(3));
        assert_eq!(largest_group("sold_out", &json!({"left": 0})), Some(0));
        assert_eq!(largest_group("too_many_reservations", &json!({"left": 0})), None);
    }

    #[test]
    fn a_seat_sold_twice_is_oversold() {
        let seats = BTreeMap::from([("A-1".to_owned(), 2), ("A-2".to_owned(), 1)]);
        let sold = Sold { places: 3, seats, ..Sold::default() };
        assert_eq!((sold.oversold(3), sold.oversold(10), sold.oversold(1)), (1, 1, 2));
    }
}
