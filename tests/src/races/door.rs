//! Sixty-four scans of one ticket at once, all with the same nonce.

use futures::future::join_all;
use serde_json::json;
use testkit::TestApp;

const SCANNERS: usize = 64;
const PEOPLE: usize = 4;

/// How many of the scans admit.
async fn admissions(guarded: bool) -> usize {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.show(&organizer, "Los Faroles", 10, 0).await;
    let ana = app.somebody("ana").await;
    let bought = app.buy(&ana.token, &show.id, json!({"area_id": show.area, "quantity": 1})).await;
    let ticket = bought["tickets"][0]["id"].as_str().expect("an id");
    let ticket = app.get(format!("/api/v1/tickets/{ticket}")).token(&ana.token).ok().await;
    let mut people = Vec::with_capacity(PEOPLE);
    for index in 0..PEOPLE {
        people.push(app.staff(&organizer, &format!("puerta{index}"), "scanner").await);
    }
    let mut devices = Vec::with_capacity(SCANNERS / PEOPLE);
    for index in 0..SCANNERS / PEOPLE {
        let paired = app.post("/api/v1/door/devices").token(&organizer.token);
        devices.push(paired.json(json!({"name": format!("Puerta {index}")})).ok().await);
    }
    if !guarded {
        app.chaos.ignore_conditions("Q#");
    }
    let race = app.chaos.rendezvous(SCANNERS, "Q#");
    let scans = (0..SCANNERS).map(|index| {
        let (person, device) = (&people[index % PEOPLE], &devices[index / PEOPLE]);
        let scan = json!({
            "code": ticket["code"], "event_id": show.id, "nonce": "scan-1", "device_id": device["device_id"],
        });
        let secret = device["secret"].as_str().expect("a secret");
        let request = app.post("/api/v1/qr/validate").token(&person.token);
        race.racer(request.header("x-device-secret", secret).json(scan).ok())
    });
    let verdicts = join_all(scans).await;
    app.idle().await;
    verdicts.iter().filter(|verdict| verdict["result"] == "admitted").count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_scanners_with_one_nonce_one_admits() {
    assert_eq!(admissions(true).await, 1);
}

/// Two telephones that are not paired as scanners, with one login and one nonce.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_telephones_with_one_login_one_admits() {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.show(&organizer, "Los Faroles", 10, 0).await;
    let ana = app.somebody("ana").await;
    let bought = app.buy(&ana.token, &show.id, json!({"area_id": show.area, "quantity": 1})).await;
    let ticket = bought["tickets"][0]["id"].as_str().expect("an id");
    let ticket = app.get(format!("/api/v1/tickets/{ticket}")).token(&ana.token).ok().await;
    let one = app.staff(&organizer, "puerta", "scanner").await;
    let other = app.sign_in(&one.email, Some(&organizer.tenant)).await;
    let scan = |token: &str| {
        let body = json!({"code": ticket["code"], "event_id": show.id, "nonce": "scan-1"});
        app.post("/api/v1/qr/validate").token(token).json(body).ok()
    };
    assert_eq!(scan(&one.token).await["result"], "admitted");
    assert_eq!(scan(&other.token).await["reason"], "already_used");
    assert_eq!(scan(&one.token).await["result"], "admitted", "its answer got lost");
    app.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_guard_all_scanners_admit() {
    assert_eq!(admissions(false).await, SCANNERS);
}
