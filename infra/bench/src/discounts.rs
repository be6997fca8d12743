//! Cost and latency of a discount request.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use cloud::services::Usage;
use serde_json::{Value, json};

use crate::Problem;
use crate::client::{Person, text as text_of};
use crate::report::{Report, Table, as_f64, millis, number, percentile, text};
use crate::server::Server;

/// The show of the demo data with the most discounts, among those sold by the box office.
const SHOW: &str = "/api/v1/public/events/festival-alto-viento";
/// Target: write units of a request.
const MOST_WRITE_UNITS: f64 = 4.0;
/// Target: latency of a request.
const MOST_TIME: Duration = Duration::from_millis(50);

/// The steps of a request, each with the function that does it.
const STEPS: [(&str, &str); 7] = [
    ("discount request", "discounts"),
    ("decide", "supervision"),
    ("audit", "relay"),
    ("send", "supervision"),
    ("audit, outbox to queue", "relay"),
    ("mail", "mailer"),
    ("hear of delivery", "webhooks"),
];
/// Indexes in [`STEPS`] of the first steps of request, decision and sending.
const BEGINS: [usize; 3] = [0, 1, 3];

/// The DynamoDB usage of each of [`STEPS`].
type Bill = [Usage; STEPS.len()];

pub(crate) async fn measure(
    server: &mut Server,
    organizer: &Person,
    report: &mut Report,
    quick: bool,
) -> Result<(), Problem> {
    let show = text_of(&organizer.get(SHOW).await?["id"]);
    let (mut bills, mut took) = (Vec::new(), Vec::new());
    for index in 0..if quick { 3 } else { 25 } {
        let email = format!("medida{index}@example.com");
        let member = json!({
            "name": "Mila Medida", "email": email, "subscription_active": true, "monthly_fee_current": true,
        });
        organizer.post("/api/v1/users/register", &member).await?;
        let (bill, answered) = bill(server, organizer, &json!({ "email": email, "show_id": show })).await?;
        bills.push(bill);
        took.push(answered);
    }
    took.sort_unstable();
    let mean = |step: usize, of: fn(&Usage) -> f64| {
        bills.iter().map(|bill| of(&bill[step])).sum::<f64>() / as_f64(bills.len())
    };
    let mut table = Table::new(
        "A discount from the request to the mail",
        format!(
            "As for orders, the mean of {} requests of other members of the demo's community, each approved and \
             sent alone in the house.",
            bills.len()
        ),
        &["step", "function", "write units", "read units", "round trips"],
    );
    for (step, (name, function)) in STEPS.iter().enumerate() {
        table.row([
            text(*name),
            text(*function),
            number(mean(step, |usage| usage.write_units), 2),
            number(mean(step, |usage| usage.read_units), 2),
            number(mean(step, calls), 2),
        ]);
    }
    report.add(table);
    let longest = took.last().copied().unwrap_or_default();
    let mut times = Table::new(
        "How soon a request is decided",
        "From sending the request to the last byte of the answer, over HTTP on this machine, in ms.",
        &["requests", "median", "longest"],
    );
    let median = percentile(&took, 500).unwrap_or_default();
    times.row([number(as_f64(took.len()), 0), millis(median), millis(longest)]);
    report.add(times);
    let most = bills.iter().map(|bill| bill[0].write_units).fold(0.0, f64::max);
    report.target(
        format!("discount request: at most {MOST_WRITE_UNITS} write units"),
        most <= MOST_WRITE_UNITS,
    );
    report.target("discount request: decided in under 50 ms, the slowest one", longest < MOST_TIME);
    Ok(())
}

fn calls(usage: &Usage) -> f64 {
    as_f64(usize::try_from(usage.calls).unwrap_or(usize::MAX))
}

/// Requests, approves and sends one discount, and reads the meter after each step. Also returns the
/// request's latency.
async fn bill(server: &mut Server, organizer: &Person, asking: &Value) -> Result<(Bill, Duration), Problem> {
    server.finish_work().await?;
    let mut readings = vec![server.meter().await?];
    let start = Instant::now();
    let asked = organizer.post("/api/v1/discounts/request", asking).await?;
    let answered = start.elapsed();
    readings.push(server.meter().await?);
    let request = format!("/api/v1/supervision/queue/{}", text_of(&asked["id"]));
    organizer.post(&format!("{request}/action"), &json!({ "action": "approve" })).await?;
    server.finish_work().await?;
    readings.push(server.meter().await?);
    organizer.post(&format!("{request}/send"), &json!({})).await?;
    server.finish_work().await?;
    readings.push(server.meter().await?);
    let sent = organizer.get(&request).await?;
    if sent["status"] != "sent" || sent["decision_type"] != "approved" {
        return Err(format!("a request did not become a discount: {sent}").into());
    }
    let used: Vec<BTreeMap<String, Usage>> =
        readings.windows(2).map(|pair| pair[1].since(&pair[0]).callers).collect();
    let mut bill = Bill::default();
    for (step, ((_, function), entry)) in STEPS.iter().zip(&mut bill).enumerate() {
        let part = BEGINS.iter().rposition(|first| *first <= step).unwrap_or(0);
        *entry = used[part].get(*function).copied().unwrap_or_default();
    }
    Ok((bill, answered))
}
