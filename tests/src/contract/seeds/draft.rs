//! A show with everything in it that the drafts name, and what the box office answers about it.

use std::collections::BTreeMap;
use std::time::Duration;

use gateways::{Action, Method};
use serde_json::{Value, json};
use testkit::{Country, Organizer, Show, TestApp, TestUser};

use super::super::world::text;
use crate::operator::operator;

/// What routes answered, by route.
#[derive(Default)]
pub(super) struct Answers(BTreeMap<&'static str, Vec<Value>>);

impl Answers {
    /// What a route answered.
    pub(super) fn of(&self, route: &str) -> &[Value] {
        self.0.get(route).map_or(&[], Vec::as_slice)
    }

    fn add(&mut self, route: &'static str, answer: Value) {
        self.0.entry(route).or_default().push(answer);
    }
}

/// The show, and the people around it.
pub(super) struct Draft {
    pub(super) app: TestApp,
    pub(super) answers: Answers,
    organizer: Organizer,
    show: Show,
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
    pub(super) async fn new() -> Self {
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
    pub(super) async fn prices(&mut self) {
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
        let shirt = json!({"name": "Camiseta", "kind": "merchandise",
            "variants": [{"name": "M", "price": 12_000, "stock": 10}]});
        let shirt = self.post(format!("/api/v1/products?event_id={}", self.show.id), shirt).await;
        let variant = &shirt["variants"][0]["id"];
        let early = json!({"stage_name": "Hora feliz", "price_adjustment_type": "percentage",
            "price_adjustment_value": -20, "target_product_variant_id": variant, "priority_order": 3});
        self.post(format!("{event}/sale-stages"), early).await;
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
        let aim = json!({"applies_to": "product", "target_product_variant_id": variant});
        self.post("/api/v1/promotions", promotion("CAMISETA", aim)).await;
        self.get(&token, "GET /api/v1/events/{id}/sale-stages", format!("{event}/sale-stages")).await;
        self.get(&token, "GET /api/v1/promotions", "/api/v1/promotions").await;
        let area = format!("{event}/areas/{area}");
        self.get(&token, "GET /api/v1/events/{id}/areas/{area}", area).await;
        self.get(&token, "GET /api/v1/tenant/legal-info", "/api/v1/tenant/legal-info").await;
        let page = format!("/api/v1/public/events/{}", self.show.slug);
        self.get("", "GET /api/v1/public/events/{slug}", page).await;
    }

    /// Buys, cancels, hands on and uses tickets.
    pub(super) async fn orders(&mut self) {
        let (ana, eva) = (self.app.confirmed("ana").await, self.app.confirmed("eva").await);
        let show = self.show.clone();
        let body = json!({"event_id": show.id, "promotion_code": "AMIGOS",
            "lines": [{"area_id": show.area, "seats": ["A-1", "A-2"]}]});
        let quote = self.app.post("/api/v1/public/quotes").token(&ana.token).json(body).ok().await;
        let body = json!({"quote": quote["quote"], "attendees": [attendee(), attendee()],
            "extra_attributes": {"campaign": "volantes"}});
        let held = self.app.post("/api/v1/reservations").token(&ana.token).json(body).ok().await;
        let order = text(&held["id"]);
        let reservation = format!("/api/v1/reservations/{order}");
        self.get(&ana.token, "GET /api/v1/reservations/{id}", &reservation).await;
        self.places().await;
        let bought = self.pay(&ana, &order).await;
        self.app.approve(&bought).await;
        self.get(&ana.token, "GET /api/v1/reservations/{id}", &reservation).await;
        let (route, purchase) = ("GET /api/v1/purchases/{id}", format!("/api/v1/purchases/{order}"));
        let paid = self.get(&ana.token, route, &purchase).await;
        self.places().await;
        let organizer = self.organizer.token.clone();
        let attributes = format!("{purchase}/extra-attributes?event_id={}", show.id);
        self.get(&organizer, "GET /api/v1/purchases/{id}/extra-attributes", attributes).await;
        let billing = json!({"name": "Ana Farola", "id_kind": "rut", "id_number": "12.345.678-5",
            "address": "Calle Inventada 12", "city": "Valparaíso", "country": "CL"});
        self.app.put(format!("{purchase}/billing")).token(&ana.token).json(billing).ok().await;
        self.get(&ana.token, "GET /api/v1/purchases/{id}/billing", format!("{purchase}/billing")).await;

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
        self.get(&ana.token, route, &purchase).await;

        let ticket = format!("/api/v1/tickets/{second}");
        let valid = self.get(&ana.token, "GET /api/v1/tickets/{id}", &ticket).await;
        let drawn = self.app.get(format!("/api/v1/qr/{second}")).token(&ana.token).send().await;
        let kind = drawn.header("content-type").to_owned();
        self.answers.add("GET /api/v1/qr/{ticket}", json!({"headers": {"content-type": kind}}));
        let scan = json!({"code": valid["code"], "event_id": show.id, "nonce": "n-1"});
        self.post("/api/v1/qr/validate", scan).await;
        self.get(&ana.token, "GET /api/v1/tickets/{id}", &ticket).await;
        self.in_cash(&ana).await;
        self.app.idle().await;
    }

    /// Starts the payment of an order.
    async fn pay(&mut self, buyer: &TestUser, order: &str) -> Value {
        let body = json!({"reservation_id": order});
        let purchase = self.app.post("/api/v1/purchases").token(&buyer.token).json(body).ok().await;
        self.answers.add("POST /api/v1/purchases", purchase.clone());
        purchase
    }

    /// Has the buyer take a slip for a seat.
    async fn in_cash(&mut self, buyer: &TestUser) {
        let quote = self.app.quote(&self.show.id, self.seat("A-8")).await;
        let body = json!({"quote": quote["quote"], "attendees": [attendee()]});
        let held = self.app.post("/api/v1/reservations").token(&buyer.token).json(body).ok().await;
        let purchase = self.pay(buyer, &text(&held["id"])).await;
        let page = text(&purchase["payments"][0]["payment_gateway_transaction_id"]);
        self.app.cloud.sandbox().act(&page, Action::Begin(Method::Cash)).expect("possible");
        let path = format!("/api/v1/purchases/{}", text(&purchase["id"]));
        for _ in 0..2 {
            // Coming back has the gateway asked.
            self.app.clock.advance(Duration::from_secs(6));
            self.app.get(&path).token(&buyer.token).ok().await;
            self.app.idle().await;
        }
        self.get(&buyer.token, "GET /api/v1/purchases/{id}", path).await;
    }

    /// What is left of the area, and the state of each seat.
    async fn places(&mut self) {
        // The answers are kept for seconds.
        self.app.clock.advance(Duration::from_secs(10));
        let path = format!("/api/v1/public/events/{}/areas/{}/availability", self.show.slug, self.show.area);
        let route = "GET /api/v1/public/events/{slug}/areas/{area}/availability";
        self.get("", route, path).await;
        let token = self.organizer.token.clone();
        let path = format!("/api/v1/events/{}/areas/{}/units", self.show.id, self.show.area);
        self.get(&token, "GET /api/v1/events/{id}/areas/{area}/units", path).await;
    }

    /// Staff in each role, an organiser's own host, and the box office's own answers.
    pub(super) async fn people(&mut self) {
        let scanner = self.app.staff(&self.organizer, "puerta", "scanner").await;
        let coordinator = self.app.staff(&self.organizer, "coordina", "coordinator").await;
        let user = self.app.confirmed("beto").await;
        let admin = self.organizer.token.clone();
        for token in [&scanner.token, &coordinator.token, &user.token, &admin] {
            self.get(token, "GET /api/v1/auth/verify", "/api/v1/auth/verify").await;
        }
        self.post("/api/v1/tenant/sites", json!({"host": "faroles.example"})).await;
        self.get(&admin, "GET /api/v1/tenant/sites", "/api/v1/tenant/sites").await;
        self.get("", "GET /health", "/health").await;
        self.get("", "GET /ready", "/ready").await;
        let operator = operator(&self.app).await;
        let path = format!("/api/v1/operator/events/{}", self.show.id);
        self.app.patch(path).token(&operator.token).json(json!({"shadowban": true})).ok().await;
        let events = format!("/api/v1/operator/events?tenant={}", self.organizer.tenant);
        self.get(&operator.token, "GET /api/v1/operator/events", events).await;
    }
}

/// The person for whom a ticket is.
fn attendee() -> Value {
    json!({"nombre": "Ana Farola", "rut": "12.345.678-5", "fecha_nacimiento": "1990-05-17"})
}
