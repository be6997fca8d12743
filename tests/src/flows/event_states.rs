//! What the state of an event allows: who sees it, who can buy, and what its tickets are good for.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Organizer, Show, TestApp, TestUser};

/// Longer than the functions cache public data.
const A_WHILE: Duration = Duration::from_secs(6);

/// A show with two tickets sold and a quote from before its state changed.
struct Fixture {
    app: TestApp,
    organizer: Organizer,
    show: Show,
    ana: TestUser,
    eva: TestUser,
    tickets: Vec<Value>,
    quote: Value,
}

impl Fixture {
    /// A published show, then changed by these requests.
    async fn after(changes: &[&str]) -> Self {
        let app = TestApp::start().await;
        let organizer = app.organizer("organiza").await;
        let show = app.show(&organizer, "Los Faroles", 10, 0).await;
        let (ana, eva) = (app.confirmed("ana").await, app.confirmed("eva").await);
        let line = json!({"area_id": show.area, "quantity": 2});
        let bought = app.buy(&ana.token, &show.id, line.clone()).await;
        let tickets = bought["tickets"].as_array().expect("tickets").clone();
        app.idle().await;
        let quote = app.quote(&show.id, line).await["quote"].clone();
        let house = Self { app, organizer, show, ana, eva, tickets, quote };
        for change in changes {
            house.change(change).await;
        }
        house.app.clock.advance(A_WHILE);
        house
    }

    fn request(&self, change: &str) -> testkit::Request {
        self.app.post(format!("/api/v1/events/{}/{change}", self.show.id)).token(&self.organizer.token)
    }

    async fn change(&self, change: &str) -> Value {
        self.request(change).ok().await
    }

    /// What a request came to: `yes`, or the code of its refusal.
    async fn outcome(request: testkit::Request) -> String {
        let answer = request.send().await;
        if answer.status < 300 {
            return "yes".to_owned();
        }
        answer.json()["code"].as_str().expect("a code").to_owned()
    }

    /// Whether a list has the show, and in which state.
    async fn listed(&self, path: &str) -> String {
        let found = self.app.get(path).ok().await;
        let found = found["items"].as_array().expect("items").iter();
        let ours = found.filter(|show| show["id"] == json!(self.show.id));
        ours.map(|show| show["status"].as_str().expect("a state").to_owned()).next().unwrap_or_default()
    }

    /// Each thing that the state decides, with its outcome.
    async fn outcomes(&self) -> Vec<(&'static str, String)> {
        let app = &self.app;
        let line = json!({"area_id": self.show.area, "quantity": 1});
        let quote = json!({"event_id": self.show.id, "lines": [line]});
        let public = format!("/api/v1/public/events/{}", self.show.slug);
        let offer = json!({"ticket_id": self.tickets[0]["id"], "to_email": self.eva.email});
        let path = format!("/api/v1/tickets/{}", self.tickets[1]["id"].as_str().expect("an id"));
        let code = app.get(&path).token(&self.ana.token).ok().await["code"].clone();
        let scan = json!({"code": code, "event_id": self.show.id});
        let scan = app.post("/api/v1/qr/validate").token(&self.organizer.token).json(scan).ok().await;
        let reserve = app.post("/api/v1/reservations").token(&self.ana.token);
        let url = format!("/api/v1/events/{}", self.show.id);
        vec![
            ("page", Self::outcome(app.get(&public)).await),
            ("areas", Self::outcome(app.get(format!("{public}/areas"))).await),
            ("list", self.listed("/api/v1/public/events").await),
            ("list of cancelled", self.listed("/api/v1/public/events?status=cancelled").await),
            ("list of postponed", self.listed("/api/v1/public/events?status=postponed").await),
            ("available", self.listed("/api/v1/shows/available").await),
            ("search", self.listed("/api/v1/shows/search?q=faroles").await),
            ("quote", Self::outcome(app.post("/api/v1/public/quotes").json(quote)).await),
            ("reserve", Self::outcome(reserve.json(json!({"quote": self.quote}))).await),
            ("transfer", {
                let initiate = app.post("/api/v1/transfers/initiate").token(&self.ana.token);
                Self::outcome(initiate.json(offer)).await
            }),
            ("scan", scan["result"].as_str().expect("a result").to_owned()),
            ("change", {
                let changes = json!({"description": "Otra fecha"});
                Self::outcome(app.patch(&url).token(&self.organizer.token).json(changes)).await
            }),
            ("delete", Self::outcome(app.delete(&url).token(&self.organizer.token)).await),
        ]
    }
}

#[tokio::test]
async fn each_state_says_what_sells_lists_shows_scans_and_transfers() {
    let table = [
        ("page", ["event_not_found", "yes", "yes", "yes"]),
        ("areas", ["event_not_found", "yes", "yes", "yes"]),
        ("list", ["", "published", "postponed", ""]),
        ("list of cancelled", ["", "", "", "cancelled"]),
        ("list of postponed", ["", "", "postponed", ""]),
        ("available", ["", "published", "", ""]),
        ("search", ["", "published", "postponed", "cancelled"]),
        ("quote", ["event_not_found", "yes", "event_postponed", "event_cancelled"]),
        ("reserve", ["event_not_on_sale", "yes", "event_postponed", "event_cancelled"]),
        ("transfer", ["yes", "yes", "yes", "event_cancelled"]),
        ("scan", ["admitted", "admitted", "admitted", "admitted"]),
        ("change", ["yes", "yes", "yes", "yes"]),
        ("delete", ["event_has_sales", "event_published", "event_state", "event_state"]),
    ];
    let states: [(&str, &[&str]); 4] = [
        ("draft", &["unpublish"]),
        ("published", &[]),
        ("postponed", &["postpone"]),
        ("cancelled", &["cancel"]),
    ];
    for (place, (state, changes)) in states.into_iter().enumerate() {
        let house = Fixture::after(changes).await;
        let expected: Vec<_> =
            table.iter().map(|(what, outcomes)| (*what, outcomes[place].to_owned())).collect();
        assert_eq!(house.outcomes().await, expected, "{state}");
        house.app.idle().await;
        house.app.close().await;
    }
}

#[tokio::test]
async fn the_organiser_postpones_publishes_again_and_cancels_for_good() {
    let house = Fixture::after(&[]).await;
    let codes = |answer: &Value| -> Vec<String> {
        let warnings = answer["warnings"].as_array().expect("warnings").iter();
        warnings.map(|warning| warning["code"].as_str().expect("a code").to_owned()).collect()
    };
    let postponed = house.change("postpone").await;
    assert_eq!(
        (&postponed["status"], codes(&postponed)),
        (&json!("postponed"), vec!["refunds_not_started".to_owned()])
    );
    let again = house.change("postpone").await;
    assert_eq!(
        (&again["version"], codes(&again)),
        (&postponed["version"], codes(&postponed)),
        "nothing changes"
    );
    house.request("unpublish").refused(409, "event_state").await;

    let published = house.change("publish").await;
    assert_eq!(published["status"], "published");
    house.app.clock.advance(A_WHILE);
    let line = json!({"area_id": house.show.area, "quantity": 1});
    house.app.buy(&house.eva.token, &house.show.id, line).await;

    house.change("postpone").await;
    let cancelled = house.change("cancel").await;
    assert_eq!(
        (&cancelled["status"], codes(&cancelled)),
        (&json!("cancelled"), vec!["refunds_not_started".to_owned()])
    );
    assert_eq!(house.change("cancel").await["version"], cancelled["version"]);
    for change in ["publish", "unpublish", "postpone"] {
        house.request(change).refused(409, "event_state").await;
    }

    let draft = house.app.draft(&house.organizer, "Otra noche").await;
    let draft = draft["id"].as_str().expect("an id");
    for change in ["postpone", "cancel"] {
        let request = house.app.post(format!("/api/v1/events/{draft}/{change}"));
        request.token(&house.organizer.token).refused(409, "event_state").await;
    }
    let unsold = house.app.show(&house.organizer, "Sin ventas", 10, 0).await;
    let request = house.app.post(format!("/api/v1/events/{}/cancel", unsold.id));
    assert_eq!(request.token(&house.organizer.token).ok().await["warnings"], json!([]));
    house.app.idle().await;
    house.app.close().await;
}

#[tokio::test]
async fn a_postponed_show_is_published_for_a_date_in_the_future_only() {
    let house = Fixture::after(&["postpone"]).await;
    let url = format!("/api/v1/events/{}", house.show.id);
    house.app.clock.advance(Duration::from_secs(40 * 24 * 3600));
    let email = &house.organizer.person.email;
    let organizer = house.app.sign_in(email, Some(&house.organizer.tenant)).await;
    let publish = || house.app.post(format!("{url}/publish")).token(&organizer.token);
    publish().refused(422, "refused_fields").await;
    let starts_at = house.app.clock.now() + Duration::from_secs(30 * 24 * 3600);
    let moved = json!({"starts_at": starts_at.to_string()});
    house.app.patch(&url).token(&organizer.token).json(moved).ok().await;
    assert_eq!(publish().ok().await["status"], "published");
    assert_eq!(house.listed("/api/v1/public/events").await, "published", "under its new date");
    house.app.idle().await;
    house.app.close().await;
}
