//! Dates of a series that share a seating plan.

use serde_json::{Value, json};
use testkit::{Organizer, Request, Show, TestApp};

use super::plans::{Planner, seats, without};
use crate::community::text;

/// A box office with a series of two seated dates of two rows and four seats, the first of which has
/// published a plan of its own.
struct House {
    app: TestApp,
    organizer: Organizer,
    series: Value,
    first: Show,
    second: Show,
}

impl House {
    async fn open() -> Self {
        let app = TestApp::start().await;
        let organizer = app.organizer("faroles").await;
        let series = json!({"name": "Temporada de Faroles"});
        let series = app.post("/api/v1/series").token(&organizer.token).json(series).ok().await;
        let first = app.seated_show(&organizer, "Primera noche", 2, 4, 30_000).await;
        let second = app.seated_show(&organizer, "Segunda noche", 2, 4, 30_000).await;
        let house = Self { app, organizer, series, first, second };
        for show in [&house.first, &house.second] {
            house.join(show, &house.series["id"]).await;
        }
        let planner = house.planner(&house.first);
        let plan = without(&planner.plan().await, &["B-4"]);
        planner.save(0, &plan).await;
        planner.publish(1).ok().await;
        house
    }

    async fn join(&self, show: &Show, series: &Value) {
        let change = self.app.patch(format!("/api/v1/events/{}", show.id)).token(&self.organizer.token);
        change.json(json!({"series_id": series})).ok().await;
    }

    fn planner<'a>(&'a self, show: &'a Show) -> Planner<'a> {
        Planner { app: &self.app, organizer: &self.organizer, show }
    }

    fn adopt(&self, show: &Show, wish: Value) -> Request {
        self.app
            .post(format!("/api/v1/events/{}/plan/adopt", show.id))
            .token(&self.organizer.token)
            .json(wish)
    }

    /// The plan and version of each date, as the series shows them.
    async fn plans(&self) -> Vec<(Value, Value)> {
        let path = format!("/api/v1/series/{}", text(&self.series["id"]));
        let series = self.app.get(path).token(&self.organizer.token).ok().await;
        let dates = series["dates"].as_array().expect("dates");
        dates.iter().map(|date| (date["plan_id"].clone(), date["plan_version"].clone())).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_date_takes_the_plan_of_its_series_and_shares_it_from_then_on() {
    let house = House::open().await;
    let plans = house.plans().await;
    let shared = plans[0].0.clone();
    assert!(shared.is_string());
    assert_eq!(plans, [(shared.clone(), json!(1)), (Value::Null, Value::Null)]);
    let adopted = house.adopt(&house.second, json!({})).ok().await;
    assert_eq!((&adopted["plan_id"], &adopted["published_version"]), (&shared, &json!(1)));
    assert_eq!((&adopted["changes"]["removed"], &adopted["warnings"]), (&json!(1), &json!([])));
    assert_eq!(house.plans().await, vec![(shared.clone(), json!(1)); 2]);
    let again = house.adopt(&house.second, json!({"from": house.first.id})).ok().await;
    assert_eq!(again["changes"]["removed"], 0, "a repetition changes nothing");
    let seats_of = async |show: &Show| seats(&house.planner(show).plan().await);
    assert_eq!(seats_of(&house.second).await, seats_of(&house.first).await);

    // A version that is saved at one date is there for the other, which publishes it for itself.
    let (first, second) = (house.planner(&house.first), house.planner(&house.second));
    let plan = without(&second.plan().await, &["A-4"]);
    second.save(1, &plan).await;
    assert_eq!(first.get("/plan").await["latest_version"], 2);
    first.publish(2).ok().await;
    assert_eq!(house.plans().await, [(shared.clone(), json!(2)), (shared.clone(), json!(1))]);
    // Without a word from where, the latest that a date has published.
    let adopted = house.adopt(&house.second, json!({})).ok().await;
    assert_eq!((&adopted["published_version"], &adopted["changes"]["removed"]), (&json!(2), &json!(1)));
    house.app.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_that_is_taken_over_never_loses_a_sold_or_held_seat() {
    let house = House::open().await;
    let ana = house.app.confirmed("ana").await;
    let seat = json!({"area_id": house.second.area, "seats": ["B-4"]});
    let held = house.app.reserve(&ana.token, &house.second.id, seat).await;
    let lost = house.adopt(&house.second, json!({})).refused(409, "plan_loses_seats").await;
    assert_eq!((&lost["seats"][0]["seat"], &lost["seats"][0]["status"]), (&json!("B-4"), &json!("reserved")));
    assert_eq!(house.plans().await[1], (Value::Null, Value::Null));
    let path = format!("/api/v1/reservations/{}", text(&held["id"]));
    house.app.delete(path).token(&ana.token).ok().await;
    house.adopt(&house.second, json!({})).ok().await;
    house.app.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_shared_plan_is_refused() {
    let house = House::open().await;
    let app = &house.app;
    // No plan to take: the first date has the only one, and an event of another organiser is none.
    house.adopt(&house.first, json!({})).refused(404, "plan_not_found").await;
    house.adopt(&house.first, json!({"from": house.second.id})).refused(404, "plan_not_found").await;
    let stranger = app.organizer("mareas").await;
    let foreign = app.seated_show(&stranger, "Marea Baja", 2, 4, 30_000).await;
    house.adopt(&house.second, json!({"from": foreign.id})).refused(404, "event_not_found").await;
    let adopt = app.post(format!("/api/v1/events/{}/plan/adopt", foreign.id)).token(&stranger.token);
    adopt.json(json!({"from": house.first.id})).refused(404, "event_not_found").await;
    // An event without a series says from where, and needs areas for the categories.
    let alone = app.show(&house.organizer, "Aparte", 10, 20_000).await;
    house.adopt(&alone, json!({})).refused(404, "series_not_found").await;
    house.adopt(&alone, json!({"from": house.first.id})).refused(422, "area_missing").await;
    // Dates with different plans share none.
    let third = app.seated_show(&house.organizer, "Tercera noche", 2, 4, 30_000).await;
    house.join(&third, &house.series["id"]).await;
    let planner = house.planner(&third);
    planner.save(0, &planner.plan().await).await;
    planner.publish(1).ok().await;
    let differ = house.adopt(&house.second, json!({})).refused(409, "plans_differ").await;
    let mut events: Vec<&str> = differ["events"].as_array().expect("events").iter().map(text).collect();
    events.sort_unstable();
    let mut expected = [house.first.id.as_str(), third.id.as_str()];
    expected.sort_unstable();
    assert_eq!(events, expected);
    house.adopt(&house.second, json!({"from": third.id})).ok().await;
    house.app.close().await;
}
