//! Answers to wrong input: they name the field and say what to do.

use std::fmt::Write as _;

use serde_json::{Value, json};
use testkit::{Organizer, Request, Show, TestApp, TestUser};

/// A box office with an organiser's two shows, one of each kind, and another organiser's show.
struct Fixture {
    app: TestApp,
    organizer: Organizer,
    stranger: Organizer,
    ana: TestUser,
    show: Show,
    seated: Show,
    foreign: Show,
}

impl Fixture {
    async fn open() -> Self {
        let app = TestApp::start().await;
        let organizer = app.organizer("faroles").await;
        let stranger = app.organizer("mareas").await;
        let show = app.show(&organizer, "Los Faroles", 20, 50_000).await;
        let seated = app.seated_show(&organizer, "Marea Baja", 1, 10, 50_000).await;
        let foreign = app.show(&stranger, "Otra Orilla", 20, 50_000).await;
        let ana = app.somebody("ana").await;
        Self { app, organizer, stranger, ana, show, seated, foreign }
    }

    /// A request for a quote of one line of `show`.
    fn quote(&self, line: Value) -> Request {
        let body = json!({"event_id": self.show.id, "lines": [line]});
        self.app.post("/api/v1/public/quotes").json(body)
    }

    /// A request for a new event, with the fields of `change` added or replaced.
    fn event(&self, change: Value) -> Request {
        let mut body = json!({
            "name": "Estreno", "time_zone": "America/Bogota", "starts_at": "2027-06-01T01:00:00Z",
        });
        for (name, value) in change.as_object().expect("members") {
            body[name] = value.clone();
        }
        self.app.post("/api/v1/events").token(&self.organizer.token).json(body)
    }

    fn get(&self, path: &str) -> Request {
        self.app.get(path).token(&self.organizer.token)
    }

    fn register(&self, email: &str, password: &str) -> Request {
        self.app.post("/api/v1/auth/register").json(json!({"email": email, "password": password}))
    }
}

/// Sends each request and lists the answers: the status, the code, and each field with its
/// advice, or else the one sentence of detail.
async fn answers(cases: Vec<(&str, Request)>) -> String {
    let mut table = String::new();
    for (case, request) in cases {
        let answer = request.send().await;
        assert_eq!(answer.header("content-type"), "application/problem+json", "{case}: {}", answer.text());
        let problem = answer.json();
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let _ = writeln!(table, "{case}: {} {}", answer.status, text(&problem["code"]));
        match problem["errors"].as_array() {
            None => {
                let _ = writeln!(table, "    {}", text(&problem["detail"]));
            }
            Some(fields) => {
                for field in fields {
                    let pointer = Some(text(&field["pointer"])).filter(|pointer| !pointer.is_empty());
                    let pointer = pointer.as_deref().unwrap_or("the body");
                    let _ = writeln!(table, "    {pointer}: {}", text(&field["detail"]));
                }
            }
        }
    }
    table
}

#[tokio::test]
async fn wrong_types() {
    let house = Fixture::open().await;
    let (app, area) = (&house.app, &house.show.area);
    let table = answers(vec![
        ("a number in words", house.quote(json!({"area_id": area, "quantity": "two"}))),
        ("half a ticket", house.quote(json!({"area_id": area, "quantity": 0.5}))),
        ("an event's id for an area's", house.quote(json!({"area_id": house.show.id, "quantity": 1}))),
        ("seats as one text", house.quote(json!({"area_id": area, "seats": "A-1"}))),
        ("no seat", house.quote(json!({"area_id": area, "seats": ["A-0"]}))),
        ("nothing where an id must be", house.quote(json!({"area_id": null, "quantity": 1}))),
        ("a list for an object", app.post("/api/v1/public/quotes").json(json!([]))),
        ("a list for a line", house.quote(json!([area, 1]))),
        ("a field is missing", app.post("/api/v1/public/quotes").json(json!({"lines": []}))),
        ("no time", house.event(json!({"starts_at": "tomorrow"}))),
        ("a time without its offset", house.event(json!({"starts_at": "2027-06-01T20:00:00"}))),
        ("the thirtieth of February", house.event(json!({"starts_at": "2027-02-30T20:00:00Z"}))),
        ("no such time zone", house.event(json!({"time_zone": "America/Macondo"}))),
        ("no such choice", house.event(json!({"language": "fr"}))),
        ("no address", house.register("ana at example", "correct horse battery")),
        ("too short and too long", house.register(&format!("{}@example.com", "a".repeat(300)), "short")),
        ("not JSON", app.post("/api/v1/public/quotes").body("application/json", "{\"event_id\": ")),
        ("no body", app.post("/api/v1/public/quotes").body("application/json", "")),
        ("a form", app.post("/api/v1/public/quotes").body("application/x-www-form-urlencoded", "a=b")),
    ]);
    insta::assert_snapshot!(table.await, @r#"
    a number in words: 400 invalid_fields
        /lines/0/quantity: Must be a whole number, not a text.
    half a ticket: 400 invalid_fields
        /lines/0/quantity: Must be a whole number, not a number with decimals.
    an event's id for an area's: 400 invalid_fields
        /lines/0/area_id: Expected an id that starts with "area_".
    seats as one text: 400 invalid_fields
        /lines/0/seats: Must be a list, not a text.
    no seat: 400 invalid_fields
        /lines/0/seats/0: Expected a seat such as "A-12": a row of at most 8 letters and digits, a hyphen, and a number from 1 to 9999.
    nothing where an id must be: 400 invalid_fields
        /lines/0/area_id: Must be a text, not null.
    a list for an object: 400 invalid_fields
        the body: Must be an object with members, not a list.
    a list for a line: 400 invalid_fields
        /lines/0: Must be an object with members, not a list.
    a field is missing: 400 invalid_fields
        /event_id: This field is required.
    no time: 400 invalid_fields
        /starts_at: Must be a time such as 2026-11-21T20:00:00Z, or a date such as 2026-11-21 if it is one, with four digits for the year.
    a time without its offset: 400 invalid_fields
        /starts_at: Must be a time with its offset from UTC, such as 2026-11-21T20:00:00Z.
    the thirtieth of February: 400 invalid_fields
        /starts_at: Must be a time such as 2026-11-21T20:00:00Z, or a date such as 2026-11-21 if it is one, with four digits for the year.
    no such time zone: 422 refused_fields
        /time_zone: Must be a time zone of the IANA database, such as America/Bogota.
    no such choice: 400 invalid_fields
        /language: Unknown value `fr`, expected `es` or `en`.
    no address: 400 invalid_fields
        /email: Must be an e-mail address such as ana@example.com, with at most 254 characters.
    too short and too long: 400 invalid_fields
        /email: Must have at most 254 characters.
        /password: Must have between 10 and 128 characters.
    not JSON: 400 json_malformed
        The body is not valid JSON: EOF while parsing a value at line 1 column 13.
    no body: 400 json_malformed
        The body is not valid JSON: EOF while parsing a value at line 1 column 0.
    a form: 415 json_required
        Send the body as JSON, with the header `Content-Type: application/json`.
    "#);
    house.app.close().await;
}

#[tokio::test]
async fn one_answer_names_all_errors() {
    let house = Fixture::open().await;
    let app = &house.app;
    let area = format!("/api/v1/events/{}/areas", house.show.id);
    let table = answers(vec![
        ("a body in which nothing is right", {
            let line = json!({"quantity": "two", "seats": ["A-1", "A-0"], "price": 1});
            app.post("/api/v1/public/quotes").json(json!({"lines": [line], "currency": "pesos", "total": 1}))
        }),
        (
            "a form that was sent too soon",
            house.event(json!({"name": null, "language": "fr", "starts_at": 7})),
        ),
        ("an empty form", app.post(&area).token(&house.organizer.token).json(json!({}))),
        ("the name of an older client", {
            let body = json!({"user_email": "socia@example.com", "show_id": 7, "message": 7});
            app.post("/api/v1/discounts/request").json(body)
        }),
        ("a query in which nothing is right", {
            app.get("/api/v1/public/events?ciudad=bogota&limit=many&limit=1&country=COL&from=tomorrow")
        }),
        ("a query of two kinds of parameters", house.get("/api/v1/events?order=random&limit=0&cursor=***")),
        ("a key and a query", {
            let post = app.post("/api/v1/events?dry_run=true").token(&house.organizer.token);
            post.json(json!({})).idempotent("with space")
        }),
    ]);
    insta::assert_snapshot!(table.await, @"
    a body in which nothing is right: 400 invalid_fields
        /lines/0/quantity: Must be a whole number, not a text.
        /lines/0/seats/1: Must look like `A-12`.
        /lines/0/area_id: This field is required.
        /lines/0/price: Unknown field `price`, expected one of `area_id`, `quantity`, `seats`, `together`, `accessible`, `companions`.
        /currency: Unknown value `pesos`; the API's description has the values that it can have.
        /event_id: This field is required.
        /total: Unknown field `total`, expected one of `event_id`, `lines`, `extras`, `currency`, `promotion_code`, `require_promotion`, `require_stage`.
    a form that was sent too soon: 400 invalid_fields
        /name: Must be a text, not null.
        /starts_at: Must be a text, not a number.
        /language: Unknown value `fr`, expected `es` or `en`.
    an empty form: 400 invalid_fields
        /area_name: This field is required.
        /kind: This field is required.
        /price: This field is required.
    the name of an older client: 400 invalid_fields
        /show_id: Must be a text, not a number.
        /message: Must be a text, not a number.
    a query in which nothing is right: 400 invalid_fields
        #country: Must be the two letters of a country, such as CO, CL or AR.
        #limit: `limit` is given twice. Give it once.
        #ciudad: Unknown parameter `ciudad`, expected one of `city`, `status`, `genre`, `country`, `q`, `organizer`, `limit`, `cursor`.
        #from: Unknown parameter `from`, expected one of `city`, `status`, `genre`, `country`, `q`, `organizer`, `limit`, `cursor`.
    a query of two kinds of parameters: 400 invalid_fields
        #order: Unknown value `random`, expected `latest_first` or `earliest_first`.
        #limit: Must be between 1 and 100.
        #cursor: Must be the `next_cursor` of an earlier page, unchanged.
    a key and a query: 400 invalid_fields
        #Idempotency-Key: Must match the pattern `^[!-~]+$`.
        #dry_run: Unknown parameter `dry_run`; none is taken here.
    ");
    house.app.close().await;
}

#[tokio::test]
async fn quantities_and_prices() {
    let house = Fixture::open().await;
    let (app, area) = (&house.app, &house.show.area);
    let areas = format!("/api/v1/events/{}/areas", house.show.id);
    let new_area = |price: Value, capacity: f64| {
        let body =
            json!({"area_name": "Balcón", "kind": "general_admission", "capacity": capacity, "price": price});
        app.post(&areas).token(&house.organizer.token).json(body)
    };
    let table = answers(vec![
        ("a negative quantity", house.quote(json!({"area_id": area, "quantity": -1}))),
        ("none", house.quote(json!({"area_id": area, "quantity": 0}))),
        ("too many for an order", house.quote(json!({"area_id": area, "quantity": 11}))),
        ("more than a number holds", house.quote(json!({"area_id": area, "quantity": 99_999_999_999_i64}))),
        ("seats without numbers", house.quote(json!({"area_id": area, "seats": ["A-1"]}))),
        ("a negative price", new_area(json!(-1), 10.0)),
        ("a price beyond belief", new_area(json!(10_000_000_000.01), 10.0)),
        ("a price beyond all bounds", new_area(json!(i64::MAX), 10.0)),
        ("a price with an exponent", new_area(json!("5e4"), 10.0)),
        ("a price with a thousands separator", new_area(json!("50.000,00"), 10.0)),
        ("half a centavo", new_area(json!(0.005), 10.0)),
        ("next to nothing", new_area(json!(1e-124), 10.0)),
        ("a float that was added up", new_area(json!(0.1 + 0.2), 10.0)),
        ("half a centavo and no capacity", new_area(json!("0.005"), 0.0)),
        ("no capacity, which seated areas leave out", {
            let body = json!({"area_name": "Balcón", "kind": "general_admission", "price": 1000.005});
            app.post(&areas).token(&house.organizer.token).json(body)
        }),
        ("a negative capacity", new_area(json!(1_000), -10.0)),
        ("no capacity", new_area(json!(1_000), 0.0)),
    ]);
    insta::assert_snapshot!(table.await, @"
    a negative quantity: 400 invalid_fields
        /lines/0/quantity: Must be between 1 and 20.
    none: 422 refused_fields
        /lines/0/quantity: Must be at least 1.
    too many for an order: 422 refused_fields
        /lines: An order of this event has at most 10 tickets.
    more than a number holds: 400 invalid_fields
        /lines/0/quantity: Must be between 1 and 20.
    seats without numbers: 422 refused_fields
        /lines/0/seats: This area has no numbered seats. Say how many tickets you want with `quantity`.
        /lines/0/quantity: Must be at least 1.
    a negative price: 422 refused_fields
        /price: Must be between 0 and 10000000000 COP.
    a price beyond belief: 422 refused_fields
        /price: Must be between 0 and 10000000000 COP.
    a price beyond all bounds: 400 invalid_fields
        /price: Must be between 0 and 1000000000000.
    a price with an exponent: 400 invalid_fields
        /price: Must be a number such as 50000 or 87830.50, or the same as text, without an exponent.
    a price with a thousands separator: 400 invalid_fields
        /price: Must be a number such as 50000 or 87830.50, or the same as text, without an exponent.
    half a centavo: 422 too_many_decimals
        /price: COP has 2 decimals. Send no more than these.
    next to nothing: 422 too_many_decimals
        /price: COP has 2 decimals. Send no more than these.
    a float that was added up: 422 too_many_decimals
        /price: COP has 2 decimals. Send no more than these.
    half a centavo and no capacity: 400 invalid_fields
        /price: COP has 2 decimals. Send no more than these.
        /capacity: Must be between 1 and 200000.
    no capacity, which seated areas leave out: 422 refused_fields
        /price: COP has 2 decimals. Send no more than these.
        /capacity: Say how many admissions it has: between 1 and 200000.
    a negative capacity: 400 invalid_fields
        /capacity: Must be between 1 and 200000.
    no capacity: 400 invalid_fields
        /capacity: Must be between 1 and 200000.
    ");
    house.app.close().await;
}

#[tokio::test]
async fn foreign_currencies() {
    let house = Fixture::open().await;
    let app = &house.app;
    let line = json!({"area_id": house.show.area, "quantity": 1});
    let quote = |currency: &str| {
        let body = json!({"event_id": house.show.id, "lines": [line], "currency": currency});
        app.post("/api/v1/public/quotes").json(body)
    };
    let promotion = json!({
        "promotion_name": "Amigos", "promotion_code": "AMIGOS", "discount_type": "fixed", "discount_value": 100,
        "applies_to": "event", "target_event_id": house.show.id, "currency": "USD",
    });
    let table = answers(vec![
        ("another currency than the event's", quote("USD")),
        ("no currency", quote("XYZ")),
        ("a currency in small letters", quote("cop")),
        ("an event in no currency", house.event(json!({"currency": "PESOS"}))),
        (
            "a discount in another currency",
            app.post("/api/v1/promotions").token(&house.organizer.token).json(promotion),
        ),
        (
            "another currency for prices that are there",
            app.patch(format!("/api/v1/events/{}", house.show.id))
                .token(&house.organizer.token)
                .json(json!({"currency": "CLP"})),
        ),
    ]);
    insta::assert_snapshot!(table.await, @"
    another currency than the event's: 422 currency_mismatch
        This event sells in COP, not in USD. Leave the currency out or correct it.
    no currency: 400 invalid_fields
        /currency: Unknown value `XYZ`; the API's description has the values that it can have.
    a currency in small letters: 400 invalid_fields
        /currency: Unknown value `cop`; the API's description has the values that it can have.
    an event in no currency: 400 invalid_fields
        /currency: Unknown value `PESOS`; the API's description has the values that it can have.
    a discount in another currency: 422 refused_fields
        /currency: The event sells in another currency.
    another currency for prices that are there: 409 currency_fixed
        The event has areas with prices in its currency. Delete them before you change it.
    ");
    house.app.close().await;
}

#[tokio::test]
async fn unknown_ids() {
    let house = Fixture::open().await;
    let app = &house.app;
    let unknown = |prefix: &str| format!("{prefix}_01h000000000000000000000ff");
    let line = json!({"area_id": unknown("area"), "quantity": 1});
    let elsewhere = json!({"event_id": unknown("evt"), "lines": [line]});
    let code = json!({"code": "NONSENSE", "event_id": unknown("evt")});
    let ana = |path: String| app.get(path).token(&house.ana.token);
    let table = answers(vec![
        ("an event", app.post("/api/v1/public/quotes").json(elsewhere)),
        ("an area", house.quote(line)),
        ("a seat", {
            let line = json!({"area_id": house.seated.area, "seats": ["Z-1"]});
            app.post("/api/v1/public/quotes").json(json!({"event_id": house.seated.id, "lines": [line]}))
        }),
        ("a slug", app.get("/api/v1/public/events/no-such-show")),
        ("a reservation", ana(format!("/api/v1/reservations/{}", unknown("ord")))),
        ("a purchase", ana(format!("/api/v1/purchases/{}", unknown("ord")))),
        ("a ticket", ana(format!("/api/v1/tickets/{}", unknown("tkt")))),
        ("an id of another kind", ana(format!("/api/v1/tickets/{}", unknown("ord")))),
        ("no id at all", ana("/api/v1/tickets/%00".to_owned())),
        ("a promotion", house.get("/api/v1/promotions/NOSUCHCODE")),
        ("an event at the door", app.post("/api/v1/qr/validate").token(&house.organizer.token).json(code)),
        ("a gateway", app.post("/api/v1/webhooks/nobody").json(json!({}))),
        ("a route", app.get("/api/v1/nothing")),
        ("a method", app.delete("/api/v1/public/events")),
    ]);
    insta::assert_snapshot!(table.await, @"
    an event: 404 event_not_found
        There is no such event, or it is not on sale.
    an area: 422 refused_fields
        /lines/0/area_id: The event has no such area.
    a seat: 422 refused_fields
        /lines/0/seats/0: The area has no such seat.
    a slug: 404 event_not_found
        There is no such event, or it is not on sale.
    a reservation: 404 reservation_not_found
        You have no such reservation.
    a purchase: 404 reservation_not_found
        You have no such reservation.
    a ticket: 404 ticket_not_found
        You have no such ticket.
    an id of another kind: 404 not_found
        There is nothing at this address: an id in the path is malformed.
    no id at all: 404 route_not_found
        There is no such route.
    a promotion: 404 promotion_not_found
        You have no promotion with this code.
    an event at the door: 404 event_not_found
        There is no such event.
    a gateway: 404 payment_gateway_not_found
        There is no such account at a payment gateway here.
    a route: 404 route_not_found
        There is nothing at /api/v1/nothing; /docs lists all routes.
    a method: 405 method_not_allowed
        The route takes GET, HEAD.
    ");
    house.app.close().await;
}

#[tokio::test]
async fn tokens() {
    let house = Fixture::open().await;
    let app = &house.app;
    let events = || app.get("/api/v1/events");
    let refresh = |token: &str| app.post("/api/v1/auth/refresh").json(json!({"refresh_token": token}));
    let early = answers(vec![
        ("none", events()),
        ("not a bearer token", events().header("authorization", "Basic YTpi")),
        ("garbage", events().token("garbage")),
        ("of somebody without a role", events().token(&house.ana.token)),
        ("a refresh token in its place", events().token(&house.ana.refresh_token)),
        ("an access token in its place", refresh(&house.ana.token)),
        ("a link that was never mailed", {
            app.post("/api/v1/auth/magic-link/redeem").json(json!({"token": "garbage"}))
        }),
        ("a quote that nobody made", {
            app.post("/api/v1/reservations").token(&house.ana.token).json(json!({"quote": "garbage"}))
        }),
    ]);
    insta::assert_snapshot!(early.await, @"
    none: 401 sign_in_required
        Sign in and send `Authorization: Bearer <access token>`.
    not a bearer token: 401 token_invalid
        Send the token as `Authorization: Bearer <access token>`.
    garbage: 401 token_invalid
        The access token is not valid. Sign in again.
    of somebody without a role: 403 role_required
        Your role does not allow this. Sign in with an account that has the right role.
    a refresh token in its place: 401 token_invalid
        The access token is not valid. Sign in again.
    an access token in its place: 401 session_over
        The session is over, or the refresh token is not one. Sign in again.
    a link that was never mailed: 401 link_invalid
        This link was used already, or its time is over. Ask for a new one.
    a quote that nobody made: 422 quote_invalid
        This is not a quote of ours, or it was changed on its way. Ask for a new quote.
    ");
    let quote = app.quote(&house.show.id, json!({"area_id": house.show.area, "quantity": 1})).await;
    app.clock.advance(std::time::Duration::from_secs(16 * 60));
    let ana = app.sign_in(&house.ana.email, None).await;
    let late = answers(vec![
        ("expired", events().token(&house.organizer.token)),
        ("expired where none is needed", {
            house.quote(json!({"area_id": house.show.area, "quantity": 1})).token(&house.ana.token)
        }),
        ("an expired quote", {
            app.post("/api/v1/reservations").token(&ana.token).json(json!({"quote": quote["quote"]}))
        }),
    ]);
    insta::assert_snapshot!(late.await, @r#"
    expired: 401 token_expired
        The access token has expired. Refresh it or sign in again.
    expired where none is needed: 401 token_expired
        The access token has expired. Refresh it or sign in again.
    an expired quote: 410 quote_expired
        This quote has expired. Ask for a new one.
    "#);
    house.app.close().await;
}

#[tokio::test]
async fn resources_of_other_organisers() {
    let house = Fixture::open().await;
    let (app, token) = (&house.app, &house.organizer.token);
    let theirs = &house.foreign;
    let order = app.buy(&house.ana.token, &theirs.id, json!({"area_id": theirs.area, "quantity": 1})).await;
    let order_id = order["id"].as_str().expect("an id");
    let event = format!("/api/v1/events/{}", theirs.id);
    let promotion = json!({
        "promotion_name": "Amigos", "promotion_code": "AMIGOS", "discount_type": "percentage",
        "discount_value": 10, "applies_to": "event", "target_event_id": theirs.id,
    });
    let stage = json!({
        "stage_name": "Preventa", "price_adjustment_type": "percentage", "price_adjustment_value": -10,
        "target_area_id": theirs.area,
    });
    let mixed = json!({"area_id": theirs.area, "quantity": 1});
    let table = answers(vec![
        ("an event", app.get(&event).token(token)),
        ("a change of an event", app.patch(&event).token(token).json(json!({"name": "Mío"}))),
        ("an area", app.get(format!("{event}/areas/{}", theirs.area)).token(token)),
        ("an area as if of one's own event", {
            app.get(format!("/api/v1/events/{}/areas/{}", house.show.id, theirs.area)).token(token)
        }),
        ("a promotion for an event", app.post("/api/v1/promotions").token(token).json(promotion)),
        ("a stage for an area", {
            app.post(format!("/api/v1/events/{}/sale-stages", house.show.id)).token(token).json(stage)
        }),
        ("an area in a quote", house.quote(mixed)),
        ("a refund", {
            let body = json!({"event_id": theirs.id});
            app.post(format!("/api/v1/purchases/{order_id}/refund")).token(token).json(body)
        }),
        ("a refund as if of one's own event", {
            let body = json!({"event_id": house.show.id});
            app.post(format!("/api/v1/purchases/{order_id}/refund")).token(token).json(body)
        }),
        ("a door", app.get(format!("/api/v1/door/events/{}/stats", theirs.id)).token(token)),
        (
            "somebody's staff",
            app.delete(format!("/api/v1/tenant/staff/{}", house.stranger.person.id)).token(token),
        ),
        ("somebody's order", app.get(format!("/api/v1/purchases/{order_id}")).token(token)),
        ("somebody's tenant", {
            let body = json!({"email": house.ana.email, "password": testkit::PASSWORD, "tenant": house.organizer.tenant});
            app.post("/api/v1/auth/login").json(body)
        }),
    ]);
    insta::assert_snapshot!(table.await, @"
    an event: 404 event_not_found
        There is no such event.
    a change of an event: 404 event_not_found
        There is no such event.
    an area: 404 event_not_found
        There is no such event.
    an area as if of one's own event: 404 area_not_found
        The event has no such area.
    a promotion for an event: 404 event_not_found
        There is no such event.
    a stage for an area: 422 refused_fields
        /target_area_id: The event has no such area.
    an area in a quote: 422 refused_fields
        /lines/0/area_id: The event has no such area.
    a refund: 404 purchase_not_found
        Your events have no such order.
    a refund as if of one's own event: 404 purchase_not_found
        Your events have no such order.
    a door: 404 event_not_found
        There is no such event.
    somebody's staff: 404 staff_not_found
        This person does not work for you.
    somebody's order: 404 reservation_not_found
        You have no such reservation.
    somebody's tenant: 403 not_a_member
        You do not work for this organiser. Sign in without `tenant`, or ask the organiser to invite you.
    ");
    house.app.close().await;
}

#[tokio::test]
async fn lists_and_cursors() {
    let house = Fixture::open().await;
    let table = answers(vec![
        ("no cursor", house.get("/api/v1/events?cursor=***")),
        ("a cursor of another list", house.get("/api/v1/promotions?cursor=RVYjMjAyNi0xMi0wMQ")),
        ("a cursor without end", house.get(&format!("/api/v1/events?cursor={}", "a".repeat(500)))),
        ("a cursor of the door", {
            house.get(&format!("/api/v1/door/events/{}/manifest?cursor=x", house.show.id))
        }),
        ("none", house.get("/api/v1/events?limit=0")),
        ("too many", house.get("/api/v1/events?limit=101")),
        ("less than none", house.get("/api/v1/events?limit=-1")),
        ("two answers", house.get("/api/v1/events?limit=1&limit=2")),
        ("no such order", house.get("/api/v1/events?order=random")),
        ("nothing to search", house.app.get("/api/v1/shows/search")),
        ("a novel to search", house.app.get(format!("/api/v1/shows/search?q={}", "a".repeat(101)))),
        ("a picture too large", {
            let order = house.app.buy(
                &house.ana.token,
                &house.show.id,
                json!({"area_id": house.show.area, "quantity": 1}),
            );
            let ticket = order.await["tickets"][0]["id"].as_str().expect("an id").to_owned();
            house.app.get(format!("/api/v1/qr/{ticket}?format=png&size=9000")).token(&house.ana.token)
        }),
    ]);
    insta::assert_snapshot!(table.await, @"
    no cursor: 400 invalid_fields
        #cursor: Must be the `next_cursor` of an earlier page, unchanged.
    a cursor of another list: 422 refused_fields
        #cursor: Must be the `next_cursor` of an earlier page of this list, unchanged.
    a cursor without end: 400 invalid_fields
        #cursor: Must be the `next_cursor` of an earlier page, unchanged.
    a cursor of the door: 422 refused_fields
        #cursor: Must be the `next_cursor` of an earlier page, unchanged.
    none: 400 invalid_fields
        #limit: Must be between 1 and 100.
    too many: 400 invalid_fields
        #limit: Must be between 1 and 100.
    less than none: 400 invalid_fields
        #limit: Must be between 1 and 100.
    two answers: 400 invalid_fields
        #limit: `limit` is given twice. Give it once.
    no such order: 400 invalid_fields
        #order: Unknown value `random`, expected `latest_first` or `earliest_first`.
    nothing to search: 400 invalid_fields
        #q: This parameter is required.
    a novel to search: 400 invalid_fields
        #q: Must have at most 100 characters.
    a picture too large: 400 invalid_fields
        #size: Must be between 60 and 2000.
    ");
    house.app.close().await;
}

#[tokio::test]
async fn too_much_and_unknown() {
    let house = Fixture::open().await;
    let (app, area) = (&house.app, &house.show.area);
    let huge = json!({"event_id": house.show.id, "lines": [], "promotion_code": "x".repeat(300 * 1024)});
    let line = json!({"area_id": area, "quantity": 1});
    let seats: Vec<String> = (1..30).map(|number| format!("A-{number}")).collect();
    let units = format!("/api/v1/events/{}/areas/{}/units", house.seated.id, house.seated.area);
    let table = answers(vec![
        ("a huge body", app.post("/api/v1/public/quotes").json(huge)),
        ("a body that API Gateway refuses", {
            app.post("/api/v1/public/quotes").body("application/json", vec![b' '; 7 * 1024 * 1024])
        }),
        ("a long code", {
            let body = json!({"event_id": house.show.id, "lines": [line], "promotion_code": "x".repeat(65)});
            app.post("/api/v1/public/quotes").json(body)
        }),
        ("many lines", {
            app.post("/api/v1/public/quotes")
                .json(json!({"event_id": house.show.id, "lines": vec![line.clone(); 11]}))
        }),
        ("many seats", {
            let line = json!({"area_id": house.seated.area, "seats": seats});
            app.post("/api/v1/public/quotes").json(json!({"event_id": house.seated.id, "lines": [line]}))
        }),
        ("too many seats at once", {
            let body = json!({"from": "B", "to": "ZZ", "first": 1, "last": 100});
            app.post(units).token(&house.organizer.token).json(body)
        }),
        ("a long name", house.event(json!({"name": "x".repeat(151)}))),
        ("a long key", house.event(json!({})).idempotent(&"k".repeat(129))),
        ("an unknown field", house.event(json!({"nombre": "Estreno"}))),
        ("an unknown field within", house.quote(json!({"area_id": area, "quantity": 1, "price": 1}))),
        ("one's own price", {
            let body = json!({"quote": "x", "total": 1});
            app.post("/api/v1/reservations").token(&house.ana.token).json(body)
        }),
        ("one's own role", {
            let body =
                json!({"email": "eva@example.com", "password": "correct horse battery", "role": "admin"});
            app.post("/api/v1/auth/register").json(body)
        }),
        ("another organiser's id", house.event(json!({"tenant_id": house.stranger.tenant}))),
    ]);
    insta::assert_snapshot!(table.await, @"
    a huge body: 413 body_too_large
        The body is larger than this route takes.
    a body that API Gateway refuses: 413 body_too_large
        The body is larger than this route takes.
    a long code: 400 invalid_fields
        /promotion_code: Must have at most 64 characters.
    many lines: 400 invalid_fields
        /lines: Must have at most 10 lines.
    many seats: 422 refused_fields
        /lines: An order of this event has at most 10 tickets.
    too many seats at once: 422 refused_fields
        the body: Must be 1 to 10000 seats in all. Create more with further requests.
    a long name: 400 invalid_fields
        /name: Must have between 1 and 150 characters.
    a long key: 400 invalid_fields
        #Idempotency-Key: Must be 1 to 128 visible ASCII characters, such as a UUID.
    an unknown field: 400 invalid_fields
        /nombre: Unknown field `nombre`; the API's description has the fields that there are.
    an unknown field within: 400 invalid_fields
        /lines/0/price: Unknown field `price`, expected one of `area_id`, `quantity`, `seats`, `together`, `accessible`, `companions`.
    one's own price: 400 invalid_fields
        /total: Unknown field `total`, expected one of `quote`, `attendees`, `accepts`, `email`, `name`, `phone`, `extra_attributes`, `language`.
    one's own role: 400 invalid_fields
        /role: Unknown field `role`, expected one of `email`, `password`, `name`, `phone`, `language`.
    another organiser's id: 400 invalid_fields
        /tenant_id: Unknown field `tenant_id`; the API's description has the fields that there are.
    ");
    house.app.close().await;
}
