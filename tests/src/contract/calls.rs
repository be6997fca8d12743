//! How to call each route so that it succeeds. A new route belongs in the table
//! below; until it is there, the tests of all routes fail.

mod discounts;
mod gateways;
mod guests;
mod members;
mod operator;
mod organizers;
mod person;
mod plans;
mod products;
mod refund_tasks;
mod second_factor;
mod series;
mod sites;
mod templates;
mod workplaces;

use domain::access::OPERATOR;
use domain::audit::Month;
use serde_json::{Value, json};
use testkit::{Request, TestUser};

use super::document::{Operation, operations};
use super::world::{SampleBoxOffice, text};
use crate::flows::checkout::address;

/// The owner of the data that a call is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DataOwner {
    /// No owner: the call names only public data.
    Everybody,
    /// The caller: the call names no data.
    Caller,
    /// The first organiser.
    Tenant,
    /// The buyer.
    Buyer,
    /// The payment gateway, which signs what it sends.
    Gateway,
    /// Amazon SNS, which signs what it sends.
    Sns,
}

/// A call that succeeds once, if the right person makes it.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) whose: DataOwner,
    /// The values of the parameters in the path, by name.
    pub(super) path: Vec<(&'static str, String)>,
    /// The query, without its question mark.
    pub(super) query: String,
    pub(super) body: Option<Value>,
    /// Further members of the body for who is not signed in.
    pub(super) as_guest: Option<Value>,
    /// The links of the order that it is about, if one opens it.
    pub(super) links: Option<Links>,
}

/// The links of one order.
#[derive(Debug, Clone)]
pub(super) struct Links {
    /// The one that opens it.
    pub(super) newest: String,
    /// One that was renewed since.
    pub(super) old: String,
}

impl Call {
    fn new(whose: DataOwner) -> Self {
        Self { whose, path: Vec::new(), query: String::new(), body: None, as_guest: None, links: None }
    }

    fn at(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.path.push((name, value.into()));
        self
    }

    fn query(mut self, query: impl Into<String>) -> Self {
        self.query = query.into();
        self
    }

    fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    fn by_guest(mut self, members: Value) -> Self {
        self.as_guest = Some(members);
        self
    }

    fn opened_by(mut self, links: Links) -> Self {
        self.links = Some(links);
        self
    }

    /// The path with its parameters filled in, and the query.
    pub(super) fn address(&self, operation: &Operation) -> String {
        let mut address = operation.path.clone();
        for (name, value) in &self.path {
            address = address.replace(&format!("{{{name}}}"), value);
        }
        assert!(!address.contains('{'), "{}: the table of calls leaves a parameter open", operation.route());
        if !self.query.is_empty() {
            address.push('?');
            address.push_str(&self.query);
        }
        address
    }

    /// The request, with this token or signed out.
    pub(super) fn request(
        &self,
        world: &SampleBoxOffice,
        operation: &Operation,
        token: Option<&str>,
    ) -> Request {
        let method = operation.method.parse().expect("a method");
        let mut request = world.app.request(method, self.address(operation));
        if let Some(mut body) = self.body.clone() {
            let members = self.as_guest.iter().filter(|_| token.is_none()).filter_map(Value::as_object);
            for (name, value) in members.flatten() {
                body[name] = value.clone();
            }
            request = request.json(body);
        }
        match token {
            Some(token) => request.token(token),
            None => request,
        }
    }
}

/// The token of a person who may call the operation; `None` if it needs none.
pub(super) fn rightful(world: &SampleBoxOffice, operation: &Operation, whose: DataOwner) -> Option<String> {
    let Some(roles) = operation.roles() else {
        // Who may be signed in is: the same call without a token needs more in its body.
        return (whose == DataOwner::Caller).then(|| world.buyer.token.clone());
    };
    Some(match whose {
        DataOwner::Buyer => world.buyer.token.clone(),
        _ if roles.contains(&"scanner") && !roles.contains(&"user") => world.scanner.token.clone(),
        _ if roles.contains(&"user") => world.buyer.token.clone(),
        _ if roles.contains(&OPERATOR) => world.operator.token.clone(),
        _ => world.admin.token.clone(),
    })
}

/// All operations, those after which others would fail at the end.
pub(super) fn in_order() -> Vec<&'static Operation> {
    let mut sorted: Vec<&Operation> = operations().iter().collect();
    sorted.sort_by_key(|operation| match operation.path.as_str() {
        "/api/v1/auth/me" if operation.method == "DELETE" => 3,
        "/api/v1/auth/logout" => 2,
        _ if operation.method == "DELETE" => 1,
        _ => 0,
    });
    sorted
}

/// Prepares a call of this operation that will succeed.
pub(super) async fn call(world: &SampleBoxOffice, operation: &Operation) -> Call {
    let route = operation.route();
    let Some((method, path)) = route.split_once(" /api/v1") else { return outside(world, &route).await };
    let found = match path.split('/').nth(1).unwrap_or_default() {
        "auth" => auth(world, method, path).await,
        "tenant" if path.starts_with("/tenant/gateways") => gateways::call(world, method, path).await,
        "tenant" if path.starts_with("/tenant/sites") => sites::call(world, method, path).await,
        "tenant" if refund_tasks::PATHS.iter().any(|start| path.starts_with(start)) => {
            refund_tasks::call(world, method, path).await
        }
        "tenant" | "public" if organizers::PATHS.iter().any(|start| path.starts_with(start)) => {
            organizers::call(world, method, path).await
        }
        "operator" => operator::call(world, method, path).await,
        "tenants" | "tenant" => tenant(world, method, path).await,
        "workplaces" => workplaces::call(world, method).await,
        "events" => event(world, method, path).await,
        "promotions" => promotion(world, method, path).await,
        "series" => series::call(world, method, path).await,
        "public" if path.starts_with("/public/series") => series::call(world, method, path).await,
        "products" => products::call(world, method, path).await,
        "public" | "shows" => public(world, method, path),
        // Unsigned, and so refused: signatures of each gateway are for its own tests.
        "purchases" if path == "/purchases/webhook" => {
            let address = address(&world.foreign_account);
            let (_, query) = address.split_once('?').expect("a query");
            let body = json!({"id": 1, "type": "payment", "data": {"id": "1"}});
            Some(Call::new(DataOwner::Gateway).query(query).body(body))
        }
        "reservations" | "purchases" => purchase(world, method, path).await,
        "tickets" | "qr" if guests::is_opened(method, path) => guests::call(world, method, path).await,
        "tickets" | "transfers" => ticket(world, method, path).await,
        "qr" | "door" => door(world, method, path).await,
        "users" => members::call(world, method, path).await,
        "supervision" if path.starts_with("/supervision/templates") => {
            templates::call(world, method, path).await
        }
        "discounts" | "supervision" => discounts::call(world, method, path).await,
        "webhooks" if path == "/webhooks/ses" => Some(Call::new(DataOwner::Sns).body(json!({
            "eventType": "Delivery", "delivery": {},
            "mail": {"messageId": "0100", "tags": {"discount_request": [discounts::new_request(world).await]}},
        }))),
        "webhooks" => Some(Call::new(DataOwner::Gateway).at("gateway", "sandbox").body(json!({
            "id": "n1", "type": "payment.updated", "created_at": world.app.clock.now().to_string(),
            "data": {"id": "unknown", "status": "approved"},
        }))),
        _ => None,
    };
    found.unwrap_or_else(|| {
        panic!("{route} is not in the table of tests/src/contract/calls.rs; say how to call it")
    })
}

async fn outside(world: &SampleBoxOffice, route: &str) -> Call {
    match route {
        "GET /images/{owner}/{file}" => {
            let url = world.new_image(&world.seated.id).await["image"]["url"].clone();
            let (_, file) = url.as_str().and_then(|url| url.rsplit_once('/')).expect("an address");
            Call::new(DataOwner::Everybody).at("owner", &world.seated.id).at("file", file)
        }
        "GET /problems/{code}" => Call::new(DataOwner::Everybody).at("code", "sold_out"),
        "GET /" | "GET /health" | "GET /health/database" | "GET /ready" | "GET /.well-known/jwks.json" => {
            Call::new(DataOwner::Everybody)
        }
        _ => panic!("{route} is not in the table of tests/src/contract/calls.rs; say how to call it"),
    }
}

async fn auth(world: &SampleBoxOffice, method: &str, path: &str) -> Option<Call> {
    second_factor::forget(world).await;
    if let Some(call) = second_factor::call(world, method, path).await {
        return Some(call);
    }
    if let Some(call) = person::call(world, method, path).await {
        return Some(call);
    }
    let password = "another horse battery";
    Some(match (method, path) {
        ("POST", "/auth/register") => {
            Call::new(DataOwner::Everybody).body(json!({"email": world.new_address(), "password": password}))
        }
        ("POST", "/auth/login") => Call::new(DataOwner::Everybody)
            .body(json!({"email": world.friend.email, "password": testkit::PASSWORD})),
        ("POST", "/auth/refresh") => {
            let session = world.app.sign_in(&world.friend.email, None).await;
            Call::new(DataOwner::Everybody).body(json!({"refresh_token": session.refresh_token}))
        }
        ("POST", "/auth/magic-link" | "/auth/password/forgot") => {
            Call::new(DataOwner::Everybody).body(json!({"email": world.new_address()}))
        }
        ("POST", "/auth/magic-link/redeem") => {
            let token = world.mailed_token(&world.new_person().await).await;
            Call::new(DataOwner::Everybody).body(json!({"token": token}))
        }
        ("POST", "/auth/password/reset") => {
            let email = world.new_person().await;
            world.app.post("/api/v1/auth/password/forgot").json(json!({"email": email})).ok().await;
            let token = world.mailed_token(&email).await;
            Call::new(DataOwner::Everybody).body(json!({"token": token, "password": password}))
        }
        ("GET", "/auth/me" | "/auth/verify") | ("POST", "/auth/logout") => Call::new(DataOwner::Caller),
        ("GET", "/auth/sessions") => Call::new(DataOwner::Caller).query("limit=5"),
        ("PATCH", "/auth/me") => {
            Call::new(DataOwner::Caller).body(json!({"name": "Otro Nombre", "phone": null}))
        }
        ("DELETE", "/auth/sessions/{id}") => {
            let session = world.app.sign_in(&world.buyer.email, None).await;
            let session = world.app.get("/api/v1/auth/verify").token(session.token).ok().await;
            Call::new(DataOwner::Buyer).at("id", text(&session["session_id"]))
        }
        _ => return None,
    })
}

async fn tenant(world: &SampleBoxOffice, method: &str, path: &str) -> Option<Call> {
    let invitation = json!({"email": world.new_address(), "role": "scanner"});
    let legal_info = json!({
        "nit": "900123456-7", "legal_name": "Faroles del Sur S.A.S.", "address": "Calle Inventada 12",
        "city": "Bogotá", "country": "CO",
    });
    Some(match (method, path) {
        ("POST", "/tenants") => Call::new(DataOwner::Caller).body(json!({
            "name": "Otra casa", "country": "CL", "currency": "CLP", "vat": {"rate": 19, "included": true},
            "slug": format!("otra-casa-{}", world.new_code().to_lowercase()), "time_zone": "America/Santiago",
            "language": "es",
        })),
        ("GET", "/tenant") => Call::new(DataOwner::Caller),
        ("GET", "/tenant/statements") => {
            let month = Month::of(world.app.clock.now());
            Call::new(DataOwner::Caller).query(format!("month={}", month.as_str()))
        }
        ("PATCH", "/tenant") => Call::new(DataOwner::Caller).body(json!({
            "name": "Faroles del Sur", "phone": "+57 300 000 0000", "website": "https://faroles.example",
            "accent": "#0b6b4f", "time_zone": "America/Bogota", "language": "es",
        })),
        ("PUT", "/tenant/legal-info") => Call::new(DataOwner::Caller).body(legal_info),
        ("GET", "/tenant/legal-info") => {
            for token in [&world.admin.token, &world.stranger.token] {
                world.app.put("/api/v1/tenant/legal-info").token(token).json(legal_info.clone()).ok().await;
            }
            Call::new(DataOwner::Caller)
        }
        ("GET", "/tenant/staff") => Call::new(DataOwner::Caller),
        ("POST", "/tenant/staff") => Call::new(DataOwner::Caller).body(invitation),
        ("DELETE", "/tenant/staff/invitations/{invitation}") => {
            let id = world.make("/api/v1/tenant/staff", invitation, "invitation_id").await;
            Call::new(DataOwner::Tenant).at("invitation", id)
        }
        ("PATCH", "/tenant/staff/{user}") => Call::new(DataOwner::Tenant)
            .at("user", world.new_staff().await)
            .body(json!({"role": "coordinator"})),
        ("DELETE", "/tenant/staff/{user}") => {
            Call::new(DataOwner::Tenant).at("user", world.new_staff().await)
        }
        _ => return None,
    })
}

async fn event(world: &SampleBoxOffice, method: &str, path: &str) -> Option<Call> {
    let starts_at = (world.app.clock.now() + std::time::Duration::from_secs(20 * 24 * 3600)).to_string();
    let off = json!({"discount_type": "percentage", "discount_value": 20, "max_tickets": 2});
    let event = json!({
        "name": "Estreno", "time_zone": "America/Bogota", "starts_at": starts_at, "max_discounts": 60,
        "member_discount": off, "img": "https://fotos.example/a.png", "genre": "rock", "cluster_type": "festival", "transfer_limit": 2, "transfers_close_at": starts_at, "other_data": {"genre": ["rock", 4.5]},
    });
    if path == "/events" {
        let call = Call::new(DataOwner::Caller);
        return Some(if method == "GET" {
            call.query("limit=2&order=earliest_first")
        } else {
            call.body(event)
        });
    }
    let draft = world.new_draft().await;
    let base = format!("/api/v1/events/{draft}");
    let call = Call::new(DataOwner::Tenant).at("id", &draft);
    let rest = path.strip_prefix("/events/{id}").unwrap_or_default();
    if rest.starts_with("/plan")
        || rest.ends_with("/units/{seat}")
        || (method, rest) == ("GET", "/areas/{area}/units")
    {
        return plans::call(world, method, rest, &draft, call).await;
    }
    if let Some(rest) = path.strip_prefix("/events/{id}/areas") {
        return area(world, method, rest, &draft, call).await;
    }
    if let Some(rest) = path.strip_prefix("/events/{id}/sale-stages") {
        return stage(world, method, rest, &draft, call).await;
    }
    Some(match (method, path) {
        ("GET" | "DELETE", "/events/{id}") | ("POST", "/events/{id}/publish") => call,
        ("PATCH", "/events/{id}") => call.body(json!({
            "name": "Otro título", "genre": "jazz", "cluster_type": "", "transfer_limit": 0, "transfers_close_at": null, "doors_at": null, "max_discounts": 10, "member_discount": off, "code": null,
        })),
        ("POST", "/events/{id}/unpublish" | "/events/{id}/postpone" | "/events/{id}/cancel") => {
            world.app.post(format!("{base}/publish")).token(&world.admin.token).ok().await;
            call
        }
        ("POST", "/events/{id}/duplicate") => call.body(json!({"starts_at": starts_at})),
        ("POST", "/events/{id}/images") => {
            call.body(json!({"kind": "cover", "content_type": "image/png", "size": 1000}))
        }
        ("DELETE", "/events/{id}/images/{image}") => {
            call.at("image", text(&world.new_image(&draft).await["image"]["id"]))
        }
        ("GET", "/events/{id}/fees") => call,
        ("PUT", "/events/{id}/fees") => call.body(json!({
            "fees": {"convenience_rate": 5, "convenience_fixed": "900.50"}, "vat": {"rate": 19, "included": true},
        })),
        _ => return None,
    })
}

async fn area(world: &SampleBoxOffice, method: &str, rest: &str, event: &str, call: Call) -> Option<Call> {
    let base = format!("/api/v1/events/{event}/areas");
    let new = json!({"area_name": "Platea", "kind": "seated", "price": 30_000});
    let rows = json!({"rows": [{"label": "A", "first": 1, "last": 10}]});
    Some(match (method, rest) {
        ("GET", "") => call,
        ("POST", "") => call.body(new),
        (_, "/{area}") => {
            let call = call.at("area", world.new_area(event).await);
            if method == "PATCH" { call.body(json!({"price": 40_000, "capacity": 60})) } else { call }
        }
        ("POST", _) => {
            let area = world.make(&base, new, "id").await;
            let call = call.at("area", &area);
            if rest == "/{area}/units" {
                return Some(call.body(rows));
            }
            world.make(&format!("{base}/{area}/units"), rows, "area_id").await;
            call.body(json!({"seats": ["A-1", "A-2"]}))
        }
        _ => return None,
    })
}

async fn stage(world: &SampleBoxOffice, method: &str, rest: &str, event: &str, call: Call) -> Option<Call> {
    let stage = json!({
        "stage_name": "Preventa", "price_adjustment_type": "percentage", "price_adjustment_value": -15,
        "quantity_available": 40,
    });
    if rest.is_empty() {
        return Some(if method == "GET" { call } else { call.body(stage) });
    }
    let stage = world.make(&format!("/api/v1/events/{event}/sale-stages"), stage, "id").await;
    let call = call.at("stage", stage);
    Some(if method == "PATCH" { call.body(json!({"active": false, "quantity_available": 30})) } else { call })
}

async fn promotion(world: &SampleBoxOffice, method: &str, path: &str) -> Option<Call> {
    let new = json!({
        "promotion_name": "Amigos", "promotion_code": world.new_code(), "discount_type": "percentage",
        "discount_value": 10, "applies_to": "event", "target_event_id": world.show.id, "total_uses": 20,
    });
    Some(match (method, path) {
        ("GET", "/promotions") => Call::new(DataOwner::Caller).query("limit=3"),
        ("POST", "/promotions") => Call::new(DataOwner::Tenant).body(new),
        ("POST", "/promotions/{code}/validate") => Call::new(DataOwner::Everybody)
            .at("code", &world.promotion)
            .body(json!({"event_id": world.show.id, "lines": [world.places(2)]})),
        _ => {
            let code = world.make("/api/v1/promotions", new, "promotion_code").await;
            let call = Call::new(DataOwner::Tenant).at("code", code);
            if method == "PATCH" { call.body(json!({"discount_value": 5, "total_uses": 30})) } else { call }
        }
    })
}

fn public(world: &SampleBoxOffice, method: &str, path: &str) -> Option<Call> {
    let call = Call::new(DataOwner::Everybody);
    let organizer = format!("organizer={}", world.admin.tenant);
    Some(match (method, path) {
        ("GET", "/public/site") => call,
        ("GET", "/public/events") => call.query(format!("limit=2&city=bogota&status=published&{organizer}")),
        (
            "GET",
            "/public/events/{slug}" | "/public/events/{slug}/areas" | "/public/events/{slug}/products",
        ) => call.at("slug", &world.show.slug),
        ("GET", "/public/events/{slug}/plan") => call.at("slug", &world.seated.slug),
        ("POST", "/public/events/{slug}/areas/{area}/best") => plans::best(world),
        ("GET", "/public/events/{slug}/areas/{area}/availability") => {
            call.at("slug", &world.seated.slug).at("area", &world.seated.area)
        }
        ("POST", "/public/quotes") => {
            let seats = json!({"area_id": world.seated.area, "quantity": 2, "together": true});
            let drinks = json!({"variant_id": world.drink, "quantity": 2});
            call.body(json!({
                "event_id": world.seated.id, "lines": [seats], "extras": [drinks], "currency": "COP",
            }))
        }
        ("POST", "/public/withdrawals") => {
            call.body(json!({"email": world.new_address(), "order_id": world.order["id"]}))
        }
        ("GET", "/shows/search") => call.query(format!("q=los%20farols&{organizer}")),
        ("GET", "/shows/available") => call.query(organizer),
        _ => return None,
    })
}

async fn purchase(world: &SampleBoxOffice, method: &str, path: &str) -> Option<Call> {
    if guests::is_opened(method, path) {
        return guests::call(world, method, path).await;
    }
    Some(match (method, path) {
        ("POST", "/reservations") => {
            world.new_reservation().await;
            let tenant = world.app.get("/api/v1/tenant").token(&world.admin.token).ok().await;
            let quote = world.new_quote().await;
            Call::new(DataOwner::Caller)
                .body(json!({
                    "quote": quote, "language": "en", "accepts": tenant["policies"],
                    "extra_attributes": {"campaign": "otoño"},
                }))
                .by_guest(
                    json!({"email": world.new_address(), "name": "Ana Farola", "phone": "+57 300 1234567"}),
                )
        }
        ("GET", "/purchases") => Call::new(DataOwner::Caller).query("limit=2"),
        (_, "/purchases/{id}/extra-attributes") => {
            let call = Call::new(DataOwner::Tenant).at("id", text(&world.order["id"]));
            let call = call.query(format!("event_id={}", world.show.id));
            if method == "PUT" {
                call.body(json!({"extra_attributes": {"campaign": "otoño"}}))
            } else {
                call
            }
        }
        ("POST", "/purchases/{id}/refund") => {
            let order = world.new_order(&world.buyer).await;
            Call::new(DataOwner::Tenant).at("id", text(&order["id"])).body(json!({"event_id": world.show.id}))
        }
        _ => return None,
    })
}

async fn ticket(world: &SampleBoxOffice, method: &str, path: &str) -> Option<Call> {
    Some(match (method, path) {
        ("GET", "/tickets" | "/transfers/history") => Call::new(DataOwner::Caller).query("limit=2"),
        ("POST", "/transfers/initiate") => {
            let ticket = world.new_order(&world.buyer).await["tickets"][0]["id"].clone();
            Call::new(DataOwner::Buyer).body(json!({"ticket_id": ticket, "to_email": world.friend.email}))
        }
        ("POST", "/transfers/cancel") => Call::new(DataOwner::Buyer)
            .body(json!({"transfer_id": world.new_transfer(&world.buyer, "alguien@example.com").await})),
        // Every person with the link may accept, except the sender.
        ("POST", "/transfers/accept") => {
            let to = world.new_address();
            world.new_transfer(&world.friend, &to).await;
            Call::new(DataOwner::Caller).body(json!({"token": world.mailed_token(&to).await}))
        }
        _ => return None,
    })
}

async fn door(world: &SampleBoxOffice, method: &str, path: &str) -> Option<Call> {
    let code = |person: &TestUser, ticket: String| {
        let request = world.app.get(format!("/api/v1/tickets/{ticket}")).token(&person.token);
        async move { text(&request.ok().await["code"]) }
    };
    let call = Call::new(DataOwner::Tenant);
    Some(match (method, path) {
        ("POST", "/qr/validate") => {
            let code = code(&world.buyer, world.ticket(1)).await;
            call.body(json!({"code": code, "event_id": world.show.id, "nonce": "scan-1"}))
        }
        ("POST", "/door/devices") => Call::new(DataOwner::Caller).body(json!({"name": "Puerta 2"})),
        ("GET", "/door/devices") => Call::new(DataOwner::Caller),
        ("DELETE", "/door/devices/{id}") => call.at("id", world.new_device().await),
        ("GET", "/door/events/{id}/manifest" | "/door/events/{id}/stats" | "/door/events/{id}/conflicts") => {
            call.at("id", &world.show.id)
        }
        ("POST", "/door/sync") => {
            let code = code(&world.buyer, world.ticket(2)).await;
            let scan = json!({"code": code, "nonce": "n-1", "scanned_at": world.app.clock.now().to_string()});
            call.body(json!({"event_id": world.show.id, "scans": [scan]}))
        }
        _ => return None,
    })
}
