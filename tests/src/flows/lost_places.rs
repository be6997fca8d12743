//! Free tickets whose places went to another buyer, because the settler sold them too late.

use std::time::Duration;

use cloud::services::{Mishap, Spot};
use serde_json::{Value, json};
use testkit::{Organizer, Show, TestApp, TestUser};

struct Fixture {
    app: TestApp,
    organizer: Organizer,
    show: Show,
    ana: TestUser,
    scanner: TestUser,
    order: String,
}

impl Fixture {
    /// Ana has two free tickets. `purchases` died after it wrote them and before it sold the
    /// places, and the settler's message is late: her hold has expired, and Beto has the places.
    /// The tickets with the indexes in `used` were used before the settler got there.
    async fn resold(used: &[usize]) -> Self {
        let app = TestApp::start().await;
        let organizer = app.organizer("organiza").await;
        let show = app.show(&organizer, "Ensayo Abierto", 2, 0).await;
        let (ana, beto) = (app.somebody("ana").await, app.somebody("beto").await);
        let scanner = app.staff(&organizer, "puerta", "scanner").await;
        let places = json!({"area_id": show.area, "quantity": 2});
        let held = app.reserve(&ana.token, &show.id, places.clone()).await;
        let order = held["id"].as_str().expect("an id").to_owned();
        app.idle().await;
        let dies = app.chaos.ambush(Spot::at("E#").by("purchases"), 1, Mishap::DiesBefore);
        let body = json!({"reservation_id": order});
        let answer = app.post("/api/v1/purchases").token(&ana.token).json(body).send().await;
        assert_eq!(answer.status, 500, "{}", answer.text());
        drop(dies);
        // Everything but the message to the settler, which comes later.
        app.idle().await;
        let late = app.chaos.halt(Spot::at("E#").by("settler"));
        app.clock.advance(Duration::from_secs(11 * 60));
        late.reached().await;
        let held = app.reserve(&beto.token, &show.id, places).await;
        let body = json!({"reservation_id": held["id"]});
        let bought = app.post("/api/v1/purchases").token(&beto.token).json(body).ok().await;
        assert_eq!(bought["status"], "paid", "{bought}");
        let house = Self { app, organizer, show, ana, scanner, order };
        for index in used {
            house.enter(*index).await;
        }
        drop(late);
        house.app.idle().await;
        house
    }

    async fn order(&self) -> Value {
        self.app.get(format!("/api/v1/purchases/{}", self.order)).token(&self.ana.token).ok().await
    }

    async fn enter(&self, index: usize) {
        let order = self.order().await;
        let path = format!("/api/v1/tickets/{}", order["tickets"][index]["id"].as_str().expect("an id"));
        let ticket = self.app.get(path).token(&self.ana.token).ok().await;
        let body = json!({"code": ticket["code"], "event_id": self.show.id});
        let verdict = self.app.post("/api/v1/qr/validate").token(&self.scanner.token).json(body).ok().await;
        assert_eq!(verdict["reason"], Value::Null, "{verdict}");
    }

    /// For each of Ana's tickets, whether it was refunded.
    async fn refunded(&self) -> Vec<bool> {
        let order = self.order().await;
        let tickets = order["tickets"].as_array().expect("tickets").iter();
        tickets.map(|ticket| ticket["refunded"].as_bool().expect("a flag")).collect()
    }

    /// The organiser's payment differences.
    async fn differences(&self) -> Vec<Value> {
        let person = self.app.sign_in(&self.organizer.person.email, Some(&self.organizer.tenant)).await;
        let list = self.app.get("/api/v1/tenant/payment-differences").token(&person.token).ok().await;
        list["items"].as_array().expect("a list").clone()
    }

    /// How many mails told Ana that another buyer has her places.
    fn told(&self) -> usize {
        let texts = self.app.mails(&self.ana.email).into_iter().filter_map(|mail| mail.text.clone());
        texts.filter(|text| text.contains("otras personas tienen los lugares")).count()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_buyer_is_told_when_free_tickets_lose_their_places() {
    let house = Fixture::resold(&[]).await;
    assert_eq!(house.refunded().await, [true, true]);
    assert_eq!(house.told(), 1);
    assert!(house.differences().await.is_empty());
    house.app.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn used_tickets_stay_valid_and_become_a_payment_difference() {
    for (used, refunded, told) in [(&[0][..], [false, true], 1), (&[0, 1], [false, false], 0)] {
        let house = Fixture::resold(used).await;
        assert_eq!(house.refunded().await, refunded);
        assert_eq!(house.told(), told);
        let differences = house.differences().await;
        assert_eq!(differences.len(), 1, "{differences:?}");
        assert_eq!(differences[0]["order"], json!(house.order), "{differences:?}");
        house.app.close().await;
    }
}
