//! The publication of a seating plan: cut off at any write, it is finished by the next.

use serde_json::json;
use testkit::{Organizer, Show, TestApp};

use super::at_each_write;
use crate::flows::plans::{Planner, seats, without};

/// A show with two seated areas, whose plan's second version takes seats out of both, adds some, and puts
/// one back that the first took out.
async fn open(app: &TestApp, organizer: &Organizer) -> Show {
    let show = app.seated_show(organizer, "Los Faroles", 2, 6, 50_000).await;
    let planner = Planner { app, organizer, show: &show };
    let balcony = json!({"area_name": "Balcón", "kind": "seated", "price": 20_000});
    let balcony = app.post(planner.path("/areas")).token(&organizer.token).json(balcony).ok().await;
    let rows = json!({"rows": [{"label": "A", "first": 1, "last": 5}]});
    let units = planner.path(&format!("/areas/{}/units", balcony["id"].as_str().expect("an id")));
    app.post(units).token(&organizer.token).json(rows).ok().await;
    let block = app.post(planner.path(&format!("/areas/{}/units/block", show.area))).token(&organizer.token);
    block.json(json!({"seats": ["B-6"]})).ok().await;
    let whole = planner.plan().await;
    planner.save(0, &without(&whole, &["B-1"])).await;
    planner.publish(1).ok().await;
    let mut second = without(&whole, &["A-1", "A-5", "B-6"]);
    let row = second["sections"][1]["rows"][0]["seats"].as_array_mut().expect("seats");
    let mut more = row[0].clone();
    more["number"] = 7.into();
    row.push(more);
    planner.save(1, &second).await;
    show
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publication_that_was_cut_off_is_finished_by_the_next() {
    let app = TestApp::start().await;
    let first = app.organizer("faroles").await;
    // Two leases, four rows, new places, two areas, the event and its lists.
    at_each_write("events", 9, async |death| {
        let token = app.sign_in(&first.person.email, Some(&first.tenant)).await.token;
        let organizer = Organizer { token, ..first.clone() };
        let show = open(&app, &organizer).await;
        let planner = Planner { app: &app, organizer: &organizer, show: &show };
        let (has_struck, answer) = death.send(&app, || planner.publish(2)).await;
        answer.ok();
        let plan = planner.get("/plan").await;
        assert_eq!(plan["published_version"], 2, "{death:?}");
        let areas = planner.get("/areas").await;
        let mut units = Vec::new();
        for area in areas["items"].as_array().expect("items") {
            let show = Show { area: area["id"].as_str().expect("an id").to_owned(), ..show.clone() };
            let of_area = Planner { show: &show, ..planner }.units().await;
            assert!(of_area.iter().all(|(_, status)| status == "available"), "{death:?}: {of_area:?}");
            assert_eq!(area["capacity"], of_area.len(), "{death:?}");
            units.extend(of_area.into_iter().map(|(label, _)| label));
        }
        units.sort();
        assert_eq!(units, seats(&plan["plan"]), "{death:?}");
        has_struck
    })
    .await;
    app.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_publication_that_was_cut_off_another_version_is_whole() {
    let app = TestApp::start().await;
    let first = app.organizer("faroles").await;
    at_each_write("events", 9, async |death| {
        let token = app.sign_in(&first.person.email, Some(&first.tenant)).await.token;
        let organizer = Organizer { token, ..first.clone() };
        let show = open(&app, &organizer).await;
        let planner = Planner { app: &app, organizer: &organizer, show: &show };
        let ambush = death.lurk(&app);
        planner.publish(2).send().await;
        let has_struck = ambush.has_struck();
        drop(ambush);
        app.clock.advance(std::time::Duration::from_secs(61));
        // The organiser changes their mind: the version before.
        planner.publish(1).ok().await;
        let plan = planner.get("/plan?version=1").await;
        assert_eq!(plan["published_version"], 1, "{death:?}");
        let units = planner.units().await;
        assert_eq!(units.len(), 11, "{death:?}");
        let blocked: Vec<_> = units.iter().filter(|(_, status)| status != "available").collect();
        assert_eq!(blocked, [&("B-6".to_owned(), "blocked".to_owned())], "{death:?}");
        has_struck
    })
    .await;
    app.close().await;
}
