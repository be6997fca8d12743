//! What an order costs at AWS: DynamoDB's units and round trips, and dollars.

use std::net::Ipv4Addr;
use std::rc::Rc;

use cloud::services::{Reading, Usage};
use serde_json::Value;

use crate::client::{BoxOffice, Person};
use crate::crowd::Crowd;
use crate::report::{Report, Table, as_f64, number, text};
use crate::server::Server;
use crate::show::{Show, pair};
use crate::{Problem, discounts};

/// Dollars per write unit, on demand, us-east-1 (aws.amazon.com/dynamodb/pricing).
const WRITE_UNIT: f64 = 0.625e-6;
/// Dollars per read unit, likewise.
const READ_UNIT: f64 = 0.125e-6;
/// Target: write units of an order of two tickets.
const MOST_WRITE_UNITS: f64 = 8.0;
/// Orders of two tickets that make 100,000 tickets.
const ORDERS: f64 = 50_000.0;

/// The steps of an order, each with the function that does it.
const STEPS: [(&str, &str); 8] = [
    ("quote", "storefront"),
    ("hold", "purchases"),
    ("start payment", "purchases"),
    ("notification", "webhooks"),
    ("settle", "settler"),
    ("outbox to queue", "relay"),
    ("issue tickets", "issuer"),
    ("mail", "mailer"),
];

/// Makes the line of order number `index`.
type Line = fn(&Show, u32) -> Value;

/// The kind of the orders of guests.
const GUESTS: &str = "general admission, without an account";

/// The DynamoDB usage of each of [`STEPS`].
type Bill = [Usage; STEPS.len()];

pub(crate) async fn measure(quick: bool) -> Result<Report, Problem> {
    let orders = if quick { 3 } else { 25 };
    let mut server = Server::start().await?;
    let office = BoxOffice::new(&server.places)?;
    let organizer = Person::of_demo(&office, "organiza@example.com").await?;
    let mut report = Report::new("units");
    let mut summary = Table::new(
        "Dollars per 100,000 tickets",
        "DynamoDB only: 50,000 orders of two tickets at the mean units above, at list prices of us-east-1 \
         ($0.625 per million write units, $0.125 per million read units).",
        &["order", "write units", "read units", "round trips", "dollars"],
    );
    let places = Show::general_admission(&organizer, "Medición de pie", 2_000).await?;
    let seats = Show::seated(&organizer, "Medición sentada", 2_000).await?;
    let seats_to_choose = Show::seated(&organizer, "Medición en grupo", 2_000).await?;
    let places_of_guests = Show::general_admission(&organizer, "Medición sin cuenta", 2_000).await?;
    let bar = Show::general_admission(&organizer, "Medición con barra", 2_000).await?;
    let [stocked, endless] = bar.drinks(&organizer).await?;
    let two: Line = |show, _| show.places(2);
    let shows: [(&str, &Show, Line, Vec<Value>); 6] = [
        ("general admission", &places, two, Vec::new()),
        ("seated", &seats, |show, index| show.seats(&pair(index)), Vec::new()),
        ("seated, best available", &seats_to_choose, two, Vec::new()),
        (GUESTS, &places_of_guests, two, Vec::new()),
        ("with two drinks of a stock", &bar, two, vec![stocked]),
        ("with two drinks without a stock", &bar, two, vec![endless]),
    ];
    let crowd = Crowd::new(&office, usize::try_from(orders + 1)?).await?;
    for (kind, show, line, extras) in shows {
        let mut bills = Vec::new();
        for index in 0..=orders {
            let buyer = if kind == GUESTS {
                let email = format!("invitada{index}@example.com");
                Rc::new(Person::guest(&office, email, Ipv4Addr::LOCALHOST)?)
            } else {
                let buyers = usize::try_from(orders + 1)?;
                Rc::clone(crowd.person(usize::try_from(index)?, buyers, 0))
            };
            bills.push(bill(&mut server, &office, &buyer, &show.id, line(show, index), &extras).await?);
        }
        // The functions' caches are filled after the first order.
        let (first, others) = (&bills[0], &bills[1..]);
        let mean = mean(others);
        report.add(table(kind, first, &mean, others.len()));
        let total = sum(&mean);
        summary.row([
            text(kind),
            number(total.write_units, 2),
            number(total.read_units, 2),
            number(total.calls, 2),
            number(ORDERS * (total.write_units * WRITE_UNIT + total.read_units * READ_UNIT), 3),
        ]);
        // A stock is one allotment more: a write unit for the hold, and one for the sale.
        let most = MOST_WRITE_UNITS + if kind.ends_with("of a stock") { 2.0 } else { 0.0 };
        report.target(
            format!("{kind}: at most {most} write units per order of two tickets"),
            total.write_units <= most,
        );
    }
    report.add(summary);
    discounts::measure(&mut server, &organizer, &mut report, quick).await?;
    Ok(report)
}

/// Buys two tickets while nothing else happens, and reads the meter after each step.
async fn bill(
    server: &mut Server,
    office: &Rc<BoxOffice>,
    buyer: &Person,
    event: &str,
    line: Value,
    extras: &[Value],
) -> Result<Bill, Problem> {
    // Waits for confirmation mails of users who have just registered.
    server.finish_work().await?;
    let start = server.meter().await?;
    let quote = buyer.quote_with(event, line, extras).await?;
    let quoted = server.meter().await?;
    let order = buyer.hold(&quote).await?;
    let held = server.meter().await?;
    let payment = buyer.pay(&order).await?;
    // Waits for the delayed message that looks after the payment to be queued.
    server.finish_work().await?;
    let paying = server.meter().await?;
    office.approve(&payment).await?;
    server.finish_work().await?;
    let done = server.meter().await?;
    check(office, buyer, &order).await?;

    let readings = [quoted.since(&start), held.since(&quoted), paying.since(&held), done.since(&paying)];
    let mut bill = Bill::default();
    for (index, ((_, function), entry)) in STEPS.iter().zip(&mut bill).enumerate() {
        let reading = &readings[index.min(3)];
        *entry = reading.callers.get(*function).copied().unwrap_or_default();
    }
    let found = |usages: &[Usage]| usages.iter().map(|usage| usage.calls).sum::<u64>();
    let all: Vec<Usage> = readings.iter().map(Reading::total).collect();
    if found(&bill) != found(&all) {
        return Err(format!("somebody unknown called DynamoDB: {readings:?}").into());
    }
    Ok(bill)
}

/// Checks that the order became two mailed tickets.
async fn check(office: &BoxOffice, buyer: &Person, order: &str) -> Result<(), Problem> {
    let order = buyer.get(&format!("/api/v1/purchases/{order}")).await?;
    let tickets = order["tickets"].as_array().map_or(0, Vec::len);
    let mailed = office
        .mails(buyer.email())
        .await?
        .iter()
        .any(|mail| mail["attachments"].as_array().is_some_and(|files| files.len() >= tickets));
    if order["status"] == "paid" && tickets == 2 && order["mailed_at"].is_string() && mailed {
        Ok(())
    } else {
        Err(format!("an order did not become two mailed tickets: {order}").into())
    }
}

/// Mean units and round trips.
#[derive(Clone, Copy, Debug, Default)]
struct Mean {
    write_units: f64,
    read_units: f64,
    calls: f64,
}

fn mean(bills: &[Bill]) -> [Mean; STEPS.len()] {
    let count = as_f64(bills.len());
    std::array::from_fn(|step| {
        let of = |part: fn(&Usage) -> f64| bills.iter().map(|bill| part(&bill[step])).sum::<f64>() / count;
        Mean { write_units: of(|u| u.write_units), read_units: of(|u| u.read_units), calls: of(calls) }
    })
}

fn calls(usage: &Usage) -> f64 {
    as_f64(usize::try_from(usage.calls).unwrap_or(usize::MAX))
}

fn sum(steps: &[Mean]) -> Mean {
    let of = |part: fn(&Mean) -> f64| steps.iter().map(part).sum();
    Mean { write_units: of(|m| m.write_units), read_units: of(|m| m.read_units), calls: of(|m| m.calls) }
}

fn table(kind: &str, first: &Bill, mean: &[Mean], orders: usize) -> Table {
    let how = format!(
        "The meter of the local DynamoDB (ReturnConsumedCapacity of each call, refused and repeated ones \
         included), by calling function, read between the steps while nothing else happened. The first order of \
         an event finds nothing kept; the mean is of the {orders} orders after it, each by another buyer."
    );
    let mut table = Table::new(
        format!("An order of two tickets, {kind}"),
        how,
        &["step", "function", "write units", "read units", "round trips", "first: write", "read", "trips"],
    );
    let row = |step: &str, function: &str, mean: &Mean, first: &Mean| {
        [
            text(step),
            text(function),
            number(mean.write_units, 2),
            number(mean.read_units, 2),
            number(mean.calls, 2),
            number(first.write_units, 1),
            number(first.read_units, 1),
            number(first.calls, 0),
        ]
    };
    let first: Vec<Mean> = first
        .iter()
        .map(|usage| Mean {
            write_units: usage.write_units,
            read_units: usage.read_units,
            calls: calls(usage),
        })
        .collect();
    for (((step, function), mean), first) in STEPS.iter().zip(mean).zip(&first) {
        table.row(row(step, function, mean, first));
    }
    table.row(row("all", "", &sum(mean), &sum(&first)));
    table
}
