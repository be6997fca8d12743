//! An event's prices are in its currency, also if the currency changes while a price is
//! entered.

use cloud::services::{FaultRates, Spot};
use domain::pricing::AdjustmentType;
use serde_json::{Value, json};
use store::StoredEvent;
use testkit::{Answer, Organizer, Request, TestApp};

use crate::table::table_of;

/// The price that is entered while the currency changes.
#[derive(Debug, Clone, Copy)]
enum Entered {
    Area,
    Stage,
    /// A stage whose adjustment changes from a percentage to an amount.
    ChangedStage,
}

/// The request that waits before a write until the other is done.
#[derive(Debug, Clone, Copy)]
enum Late {
    Price,
    Currency,
    /// The change of the currency, once it has its lease on the event.
    CurrencyWithRight,
}

struct Fixture {
    app: TestApp,
    organizer: Organizer,
}

impl Fixture {
    async fn open() -> Self {
        let app = TestApp::start().await;
        let organizer = app.organizer("organiza").await;
        Self { app, organizer }
    }

    fn enter(&self, event: &str, entered: Entered, stage: &Value) -> Request {
        let area = json!({"area_name": "Campo", "kind": "general_admission", "capacity": 200, "price": 500});
        let fixed = json!({"price_adjustment_type": "fixed", "price_adjustment_value": -500});
        let mut new_stage = fixed.clone();
        new_stage["stage_name"] = json!("Preventa");
        let stages = format!("/api/v1/events/{event}/sale-stages");
        let request = match entered {
            Entered::Area => self.app.post(format!("/api/v1/events/{event}/areas")).json(area),
            Entered::Stage => self.app.post(stages).json(new_stage),
            Entered::ChangedStage => {
                self.app.patch(format!("{stages}/{}", stage["id"].as_str().expect("an id"))).json(fixed)
            }
        };
        request.token(&self.organizer.token)
    }

    /// Enters a price in Colombian pesos while the event changes to Chilean ones; each request has
    /// read the event before the other writes. Returns both answers, and the event as it is then.
    async fn change(&self, entered: Entered, late: Late, rates: FaultRates) -> (Answer, Answer, StoredEvent) {
        let app = &self.app;
        let draft = app.draft(&self.organizer, "Los Faroles").await;
        let event = draft["id"].as_str().expect("an id");
        let stage = match entered {
            Entered::ChangedStage => {
                let body = json!({"stage_name": "Preventa", "price_adjustment_type": "percentage",
                    "price_adjustment_value": -10});
                let stages = app.post(format!("/api/v1/events/{event}/sale-stages"));
                stages.token(&self.organizer.token).json(body).ok().await
            }
            Entered::Area | Entered::Stage => Value::Null,
        };
        let price = self.enter(event, entered, &stage).send();
        let currency = app.patch(format!("/api/v1/events/{event}")).token(&self.organizer.token);
        let currency = currency.json(json!({"currency": "CLP"})).send();
        let partition = format!("E#{}/", &event[4..]);
        let price_spot = match entered {
            Entered::Area => Spot::at(format!("{partition}A#")).by("events"),
            Entered::Stage | Entered::ChangedStage => Spot::at(format!("{partition}ST#")).by("pricing"),
        };
        let meta = || Spot::at(format!("{partition}META")).by("events");
        app.chaos.set(rates);
        let (price, currency) = match late {
            Late::Price => {
                let halt = app.chaos.halt(price_spot);
                let pricing = tokio::spawn(price);
                halt.reached().await;
                let currency = currency.await;
                drop(halt);
                (pricing.await.expect("no panic"), currency)
            }
            Late::Currency => {
                let halt = app.chaos.halt(meta());
                let changing = tokio::spawn(currency);
                halt.reached().await;
                let price = price.await;
                drop(halt);
                (price, changing.await.expect("no panic"))
            }
            Late::CurrencyWithRight => {
                let right = app.chaos.halt(meta());
                let changing = tokio::spawn(currency);
                right.reached().await;
                let event = app.chaos.halt(meta());
                drop(right);
                event.reached().await;
                let price = price.await;
                drop(event);
                (price, changing.await.expect("no panic"))
            }
        };
        app.chaos.set(FaultRates::default());
        let tenant = self.organizer.tenant.parse().expect("an id");
        let store = table_of(app, "events");
        let sheet = store.priced_event_of(tenant, event.parse().expect("an id")).await;
        (price, currency, sheet.expect("read").expect("a draft"))
    }
}

/// Whether the event has amounts that were entered in another currency.
fn is_mixed(sheet: &StoredEvent) -> bool {
    let is_fixed = |kind| kind == AdjustmentType::Fixed;
    sheet.event.currency.code() != "COP"
        && (sheet.areas.iter().any(|area| area.currency != sheet.event.currency)
            || sheet.stages.iter().any(|stage| is_fixed(stage.price_adjustment_type)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_price_is_in_the_currency_of_its_event() {
    let house = Fixture::open().await;
    for entered in [Entered::Area, Entered::Stage, Entered::ChangedStage] {
        for late in [Late::Price, Late::Currency, Late::CurrencyWithRight] {
            let (price, currency, sheet) = house.change(entered, late, FaultRates::default()).await;
            assert!(!is_mixed(&sheet), "{entered:?}, {late:?}: {} {}", price.status, currency.status);
            let (is_entered, is_changed) = (price.status < 300, currency.status == 200);
            assert!(is_entered != is_changed, "{entered:?}, {late:?}: {} {}", price.text(), currency.text());
            let (refused, code) = match is_entered {
                true => (currency, "currency_fixed"),
                false => (price, "changed_meanwhile"),
            };
            refused.refused(409, code);
        }
    }
    house.app.idle().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_guard_a_price_is_in_another_currency() {
    let house = Fixture::open().await;
    let unguarded = FaultRates { ignored_conditions: vec!["E#".to_owned()], ..FaultRates::default() };
    for entered in [Entered::Area, Entered::Stage, Entered::ChangedStage] {
        let (.., sheet) = house.change(entered, Late::Price, unguarded.clone()).await;
        assert!(is_mixed(&sheet), "{entered:?}: the race test would not notice a race");
    }
    house.app.idle().await;
}
