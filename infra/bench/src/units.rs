//! What an order costs at AWS: DynamoDB's units and round trips, and dollars.

use std::net::Ipv4Addr;
use std::rc::Rc;

use cloud::services::{Reading, Usage};
use serde_json::{Value, json};

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
/// Target: write units of a plain order of two tickets.
const PLAIN_WRITE_UNITS: f64 = 7.0;
/// How far a mean may be beyond its target: what is counted once in fifty times may be counted now.
const BY_CHANCE: f64 = 0.25;
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

/// A kind of orders of two tickets.
struct Kind<'a> {
    name: &'static str,
    show: &'a Show,
    line: Line,
    with: With,
    /// Target: write units beyond those of a plain order.
    adds: f64,
}

/// What an order has besides its tickets.
#[derive(Default)]
struct With {
    /// A buyer without an account.
    guest: bool,
    /// The products' entries of the quote.
    products: Vec<Value>,
    /// Data for an invoice; null for none.
    billing: Value,
    /// What the organiser's own systems keep; null for nothing.
    attributes: Value,
    /// True if it is paid in cash, with a slip.
    slip: bool,
}

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
    let mut others = Vec::new();
    for number in 1..=4 {
        others.push(Show::general_admission(&organizer, &format!("Medición {number}"), 2_000).await?);
    }
    // The sandbox tells of no slip by itself.
    let chile = Person::of_demo(&office, "chile@example.com").await?;
    let paid_in_chile = Show::general_admission(&chile, "Medición en pesos chilenos", 2_000).await?;
    let bar = Show::general_admission(&organizer, "Medición con barra", 2_000).await?;
    let drinks = bar.drinks(&organizer).await?;
    let (stocked, endless) = drinks.split_first().ok_or("the bar has no drinks")?;
    let two: Line = |show, _| show.places(2);
    let plain = |name, show, line| Kind { name, show, line, with: With::default(), adds: 0.0 };
    let kind = |show, name, with, adds| Kind { name, show, line: two, with, adds };
    let with_products = |name, products: &[Value], adds| Kind {
        name,
        show: &bar,
        line: two,
        with: With { products: products.to_vec(), ..With::default() },
        adds,
    };
    let kinds = [
        plain("general admission", &places, two),
        plain("seated", &seats, |show, index| show.seats(&pair(index))),
        plain("seated, best available", &seats_to_choose, two),
        kind(&others[0], "without an account", With { guest: true, ..With::default() }, 0.0),
        // A stock is one allotment more: a write unit for the hold, and one for the sale.
        with_products("with two drinks of a stock", std::slice::from_ref(stocked), 2.0),
        with_products("with two drinks without a stock", &endless[..1], 0.0),
        // From the third entry on, the order's item is larger than a write unit: its five writes cost two.
        with_products("with two drinks of each of three kinds", &endless[..3], 5.0),
        // An item of its own, and what a user with an account is offered the next time.
        kind(&others[1], "with data for an invoice", With { billing: billing(), ..With::default() }, 2.0),
        kind(
            &others[2],
            "with data for an invoice, without an account",
            With { guest: true, billing: billing(), ..With::default() },
            1.0,
        ),
        kind(
            &others[3],
            "with attributes of the organiser's",
            With { attributes: attributes(), ..With::default() },
            1.0,
        ),
        // Mercado Pago tells of a payment twice, and the second worker's refused write costs a unit.
        kind(&paid_in_chile, "at Mercado Pago", With::default(), 1.0),
        // The order, with the mail that says how to pay, and its allotment are written once more when the slip
        // is known, which is also told twice.
        kind(&paid_in_chile, "at Mercado Pago, in cash", With { slip: true, ..With::default() }, 5.0),
    ];
    let crowd = Crowd::new(&office, usize::try_from(orders + 1)?).await?;
    for Kind { name, show, line, with, adds } in kinds {
        let mut bills = Vec::new();
        for index in 0..=orders {
            let buyer = if with.guest {
                let email = format!("invitada{index}@example.com");
                Rc::new(Person::guest(&office, email, Ipv4Addr::LOCALHOST)?)
            } else {
                let buyers = usize::try_from(orders + 1)?;
                Rc::clone(crowd.person(usize::try_from(index)?, buyers, 0))
            };
            bills.push(bill(&mut server, &office, &buyer, &show.id, line(show, index), &with).await?);
        }
        // The functions' caches are filled after the first order.
        let (first, others) = (&bills[0], &bills[1..]);
        let mean = mean(others);
        report.add(table(name, first, &mean, others.len()));
        let total = sum(&mean);
        summary.row([
            text(name),
            number(total.write_units, 2),
            number(total.read_units, 2),
            number(total.calls, 2),
            number(ORDERS * (total.write_units * WRITE_UNIT + total.read_units * READ_UNIT), 3),
        ]);
        let most = PLAIN_WRITE_UNITS + adds;
        report.target(
            format!("{name}: {most} write units per order of two tickets"),
            total.write_units <= most + BY_CHANCE,
        );
    }
    report.add(summary);
    discounts::measure(&mut server, &organizer, &mut report, quick).await?;
    Ok(report)
}

/// Data for an invoice.
fn billing() -> Value {
    json!({
        "name": "Medidas Imaginarias S.A.S.", "id_kind": "nit", "id_number": "890.903.938-8",
        "address": "Calle de la Regla 10-10", "city": "Bogotá", "country": "CO",
    })
}

/// What an organiser's own systems keep with an order.
fn attributes() -> Value {
    json!({"campaign": "volantes", "source": "radio", "seller": "mostrador 4"})
}

/// Buys two tickets while nothing else happens, and reads the meter after each step.
async fn bill(
    server: &mut Server,
    office: &Rc<BoxOffice>,
    buyer: &Person,
    event: &str,
    line: Value,
    with: &With,
) -> Result<Bill, Problem> {
    // Waits for confirmation mails of users who have just registered.
    server.finish_work().await?;
    let start = server.meter().await?;
    let quote = buyer.quote_with(event, line, &with.products).await?;
    let quoted = server.meter().await?;
    let order = buyer.hold_with(&quote, &with.attributes).await?;
    let held = server.meter().await?;
    let checkout = buyer.check_out(&order, &with.billing).await?;
    // Waits for the delayed message that looks after the payment to be queued.
    server.finish_work().await?;
    let paying = server.meter().await?;
    let page = office.open_page(&checkout).await?;
    if with.slip {
        office.at_page(&page, "begin?method=cash").await?;
        server.finish_work().await?;
    }
    office.at_page(&page, "approve").await?;
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
