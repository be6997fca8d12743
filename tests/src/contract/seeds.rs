//! The names of the drafts that this grew from: `docs/seeds.md` says where each answers, and a show
//! with everything in it has to answer so.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Country, Organizer, Show, TestApp};

use super::document::operations;
use super::world::text;
use crate::operator::operator;

const TABLES: &str = include_str!("../../../docs/seeds.md");

/// A row of the tables: a draft's name, and the place of its value in an operation's answer.
#[derive(Debug, Clone)]
struct Row<'a> {
    name: &'a str,
    /// The route that answers.
    route: &'a str,
    /// A JSON pointer with `*` for any entry of a list.
    pointer: &'a str,
    /// The value, if the row is about a state.
    state: Option<&'a str>,
}

impl<'a> Row<'a> {
    /// Reads a line; `None` if it is no row.
    fn read(line: &'a str) -> Option<Self> {
        let mut cells = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ");
        let name = cells.next()?;
        let mut code = || cells.next()?.strip_prefix('`')?.strip_suffix('`');
        let (route, answer) = (code()?, code()?);
        let (pointer, state) = match answer.split_once(" = ") {
            Some((pointer, state)) => (pointer, Some(state)),
            None => (answer, None),
        };
        Some(Self { name, route, pointer, state })
    }

    /// Whether the row's value is in this answer.
    fn is_in(&self, answer: &Value) -> bool {
        let mut found = vec![answer];
        for part in self.pointer.split('/').skip(1) {
            found = found.into_iter().flat_map(|value| entries(value, part)).collect();
        }
        found.into_iter().any(|value| match self.state {
            None => !value.is_null() && *value != json!("") && *value != json!([]),
            Some(state) => value.as_str().is_some_and(|is| is == state),
        })
    }
}

/// The entries of a value that a part of a pointer means.
fn entries<'a>(value: &'a Value, part: &str) -> Vec<&'a Value> {
    match value {
        Value::Array(items) if part == "*" => items.iter().collect(),
        other => other.get(part).into_iter().collect(),
    }
}

/// What routes answered, by route.
#[derive(Default)]
struct Answers(BTreeMap<&'static str, Vec<Value>>);

impl Answers {
    fn add(&mut self, route: &'static str, answer: Value) {
        self.0.entry(route).or_default().push(answer);
    }

    /// The rows that no answer has.
    fn missing<'a>(&self, rows: &[Row<'a>]) -> Vec<Row<'a>> {
        let is_missing = |row: &&Row<'_>| {
            !self.0.get(row.route).is_some_and(|answers| answers.iter().any(|answer| row.is_in(answer)))
        };
        rows.iter().filter(is_missing).cloned().collect()
    }
}

/// The show, and the people around it.
struct Draft {
    app: TestApp,
    organizer: Organizer,
    show: Show,
    answers: Answers,
}

impl Draft {
    /// Calls a route and keeps its answer. `path` has what stands for the names in the route.
    async fn get(&mut self, token: &str, route: &'static str, path: impl AsRef<str>) -> Value {
        let request = self.app.get(path.as_ref());
        let request = if token.is_empty() { request } else { request.token(token) };
        let answer = request.ok().await;
        self.answers.add(route, answer.clone());
        answer
    }

    async fn post(&self, path: impl AsRef<str>, body: Value) -> Value {
        self.app.post(path).token(&self.organizer.token).json(body).ok().await
    }

    fn seat(&self, seat: &str) -> Value {
        json!({"area_id": self.show.area, "seats": [seat]})
    }

    /// A published show with a seated area, all of whose fields have a value.
    async fn new() -> Self {
        let app = TestApp::start().await;
        let organizer = app.organizer_in("faroles", Country::CHILE).await;
        let token = organizer.token.clone();
        let legal = json!({"nit": "76.192.083-9", "legal_name": "Faroles SpA", "pulep_code": "ABC123",
            "address": "Calle Inventada 12", "city": "Valparaíso", "country": "CL"});
        app.put("/api/v1/tenant/legal-info").token(&token).json(legal).ok().await;
        let draft = app.draft(&organizer, "Los Faroles").await;
        let id = text(&draft["id"]);
        let event = format!("/api/v1/events/{id}");
        let area = json!({"area_name": "Platea", "description": "Frente al escenario", "kind": "seated",
            "price": 30_000, "nomenclature_letter": "P", "unit_capacity": 1, "service": "Guardarropa"});
        let area = app.post(format!("{event}/areas")).token(&token).json(area).ok().await;
        let show = Show { id, slug: text(&draft["slug"]), area: text(&area["id"]) };
        let mut made = Self { app, organizer, show, answers: Answers::default() };
        let rows = json!({"rows": [{"label": "A", "first": 1, "last": 8}]});
        made.post(format!("{event}/areas/{}/units", made.show.area), rows).await;
        made.post(
            format!("{event}/images"),
            json!({"kind": "cover", "content_type": "image/png", "size": 900}),
        )
        .await;
        let changes = json!({"version": made.app.get(&event).token(&token).ok().await["version"],
            "description": "Una noche de farolas.", "genre": "rock", "cluster_type": "concierto",
            "attendee_fields": ["nombre", "rut", "fecha_nacimiento"]});
        made.app.patch(&event).token(&token).json(changes).ok().await;
        made.get(&token, "GET /api/v1/events/{id}", &event).await;
        made.app.post(format!("{event}/publish")).token(&token).ok().await;
        made.get(&token, "GET /api/v1/events/{id}", &event).await;
        made
    }

    /// Stages and promotions: one for everything that a field can say.
    async fn prices(&mut self) {
        let (event, area) = (format!("/api/v1/events/{}", self.show.id), self.show.area.clone());
        let token = self.organizer.token.clone();
        let now = self.app.clock.now();
        let (start, end) = (now.to_string(), (now + Duration::from_secs(86_400)).to_string());
        let stage = json!({"stage_name": "Preventa", "price_adjustment_type": "percentage",
            "price_adjustment_value": -10, "quantity_available": 20, "start_time": start, "end_time": end,
            "target_area_id": area, "priority_order": 1});
        self.post(format!("{event}/sale-stages"), stage).await;
        let door = json!({"stage_name": "Puerta", "price_adjustment_type": "fixed",
            "price_adjustment_value": 1_000, "priority_order": 2, "active": false});
        self.post(format!("{event}/sale-stages"), door).await;
        let promotion = |code: &str, aim: Value| {
            let mut body = json!({"promotion_name": "Amigos", "promotion_code": code, "total_uses": 20,
                "discount_type": "percentage", "discount_value": 10, "start_date": start, "end_date": end,
                "min_quantity": 1, "max_discount_amount": 5_000, "currency": "CLP",
                "target_event_id": self.show.id});
            body.as_object_mut().expect("an object").extend(aim.as_object().expect("an object").clone());
            body
        };
        self.post("/api/v1/promotions", promotion("AMIGOS", json!({"applies_to": "event"}))).await;
        let aim = json!({"applies_to": "area", "target_area_id": area});
        self.post("/api/v1/promotions", promotion("PLATEA", aim)).await;
        self.get(&token, "GET /api/v1/events/{id}/sale-stages", format!("{event}/sale-stages")).await;
        self.get(&token, "GET /api/v1/promotions", "/api/v1/promotions").await;
        let area = format!("{event}/areas/{area}");
        self.get(&token, "GET /api/v1/events/{id}/areas/{area}", area).await;
        self.get(&token, "GET /api/v1/tenant/legal-info", "/api/v1/tenant/legal-info").await;
        let page = format!("/api/v1/public/events/{}", self.show.slug);
        self.get("", "GET /api/v1/public/events/{slug}", page).await;
    }

    /// Buys, cancels, hands on and uses tickets.
    async fn orders(&mut self) {
        let (ana, eva) = (self.app.confirmed("ana").await, self.app.confirmed("eva").await);
        let show = self.show.clone();
        let body = json!({"event_id": show.id, "promotion_code": "AMIGOS",
            "lines": [{"area_id": show.area, "seats": ["A-1", "A-2"]}]});
        let quote = self.app.post("/api/v1/public/quotes").token(&ana.token).json(body).ok().await;
        let born = "1990-05-17";
        let attendee = json!({"nombre": "Ana Farola", "rut": "12.345.678-5", "fecha_nacimiento": born});
        let body = json!({"quote": quote["quote"], "attendees": [attendee, attendee]});
        let held = self.app.post("/api/v1/reservations").token(&ana.token).json(body).ok().await;
        let order = text(&held["id"]);
        let reservation = format!("/api/v1/reservations/{order}");
        self.get(&ana.token, "GET /api/v1/reservations/{id}", &reservation).await;
        self.availability().await;
        let body = json!({"reservation_id": order});
        let purchase = self.app.post("/api/v1/purchases").token(&ana.token).json(body).ok().await;
        self.app.approve(&purchase).await;
        self.get(&ana.token, "GET /api/v1/reservations/{id}", &reservation).await;
        let route = "GET /api/v1/purchases/{id}";
        let paid = self.get(&ana.token, route, format!("/api/v1/purchases/{order}")).await;
        self.availability().await;

        let other = self.app.reserve(&ana.token, &show.id, self.seat("A-5")).await;
        let other = format!("/api/v1/reservations/{}", text(&other["id"]));
        self.app.delete(&other).token(&ana.token).ok().await;
        self.get(&ana.token, "GET /api/v1/reservations/{id}", &other).await;

        let [first, second] = [0, 1].map(|index| text(&paid["tickets"][index]["id"]));
        let offer = json!({"ticket_id": first, "to_email": eva.email, "reason": "No puedo ir"});
        self.app.post("/api/v1/transfers/initiate").token(&ana.token).json(offer).ok().await;
        self.app.idle().await;
        let accept = json!({"token": self.app.mailed_token(&eva.email)});
        self.app.post("/api/v1/transfers/accept").token(&eva.token).json(accept).ok().await;
        self.get(&ana.token, "GET /api/v1/transfers/history", "/api/v1/transfers/history").await;

        let ticket = format!("/api/v1/tickets/{second}");
        let valid = self.get(&ana.token, "GET /api/v1/tickets/{id}", &ticket).await;
        let scan = json!({"code": valid["code"], "event_id": show.id, "nonce": "n-1"});
        let verdict = self.post("/api/v1/qr/validate", scan).await;
        self.answers.add("POST /api/v1/qr/validate", verdict);
        self.get(&ana.token, "GET /api/v1/tickets/{id}", &ticket).await;
        self.app.idle().await;
    }

    async fn availability(&mut self) {
        // The answers are kept for seconds.
        self.app.clock.advance(Duration::from_secs(10));
        let path = format!("/api/v1/public/events/{}/areas/{}/availability", self.show.slug, self.show.area);
        let route = "GET /api/v1/public/events/{slug}/areas/{area}/availability";
        self.get("", route, path).await;
    }

    /// Staff in each role, and the box office's own answers.
    async fn people(&mut self) {
        let scanner = self.app.staff(&self.organizer, "puerta", "scanner").await;
        let coordinator = self.app.staff(&self.organizer, "coordina", "coordinator").await;
        let user = self.app.confirmed("beto").await;
        let admin = self.organizer.token.clone();
        for token in [&scanner.token, &coordinator.token, &user.token, &admin] {
            self.get(token, "GET /api/v1/auth/verify", "/api/v1/auth/verify").await;
        }
        self.get("", "GET /health", "/health").await;
        self.get("", "GET /ready", "/ready").await;
        let operator = operator(&self.app).await;
        let path = format!("/api/v1/operator/events/{}", self.show.id);
        self.app.patch(path).token(&operator.token).json(json!({"shadowban": true})).ok().await;
        let events = format!("/api/v1/operator/events?tenant={}", self.organizer.tenant);
        self.get(&operator.token, "GET /api/v1/operator/events", events).await;
    }
}

#[tokio::test]
async fn every_name_of_the_drafts_answers() {
    let rows: Vec<Row<'_>> = TABLES.lines().filter_map(Row::read).collect();
    let lines = TABLES.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| Name |"));
    assert_eq!(rows.len(), lines.count(), "a row of docs/seeds.md does not read as one");
    let described: Vec<String> = operations().iter().map(super::document::Operation::route).collect();
    for row in &rows {
        assert!(described.iter().any(|route| route == row.route), "{} names no operation: {row:?}", row.name);
    }

    let mut draft = Draft::new().await;
    draft.prices().await;
    draft.orders().await;
    draft.people().await;
    assert_eq!(format!("{:#?}", draft.answers.missing(&rows)), "[]", "these answer nowhere");

    // The check itself: other names, states and routes are missed.
    let wrong = [
        Row { pointer: "/cluster_name", ..Row::read("| a | `GET /health` | `/status` |").expect("a row") },
        Row::read("| b | `GET /health` | `/status = late` |").expect("a row"),
        Row::read("| c | `GET /nowhere` | `/status` |").expect("a row"),
        Row::read("| d | `GET /api/v1/promotions` | `/items/*/colour` |").expect("a row"),
    ];
    assert_eq!(draft.answers.missing(&wrong).len(), wrong.len());
    draft.app.close().await;
}
