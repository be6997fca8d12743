//! Reservations that are paid later: in cash at a counter, or by a transfer that a bank confirms later.

use std::time::Duration;

use domain::payment::GatewayName;
use gateways::{Action, Faults, Method, Status};
use jiff::Timestamp;
use serde_json::{Value, json};
use testkit::{Answer, Country, Organizer, Show, TestApp, TestUser};

const HOUR: Duration = Duration::from_secs(3600);
/// How long after its due time the money of a slip may be credited.
const CREDITED: Duration = Duration::from_secs(150 * 60);
/// Longer than the functions cache an organiser's rules.
const A_WHILE: Duration = Duration::from_secs(6);

/// A show with ten places in a week, and Ana, who reserves two of them.
struct Fixture {
    app: TestApp,
    gateway: GatewayName,
    organizer: Organizer,
    show: Show,
    ana: TestUser,
}

impl Fixture {
    async fn open(gateway: GatewayName) -> Self {
        let app = TestApp::start().await;
        let gateways: &[GatewayName] = if gateway == GatewayName::Sandbox { &[] } else { &[gateway] };
        let organizer = app.paid_through("organiza", Country::COLOMBIA, gateways).await;
        let show = app.show(&organizer, "Los Faroles", 10, 50_000).await;
        let ana = app.somebody("ana").await;
        app.idle().await;
        Self { app, gateway, organizer, show, ana }
    }

    async fn reserve(&self) -> Value {
        let places = json!({"area_id": self.show.area, "quantity": 2});
        self.app.reserve(&self.ana.token, &self.show.id, places).await
    }

    async fn pay(&self, reservation: &Value, more: Value) -> Answer {
        let mut body = json!({"reservation_id": reservation["id"]});
        body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        self.app.post("/api/v1/purchases").token(&self.ana.token).json(body).send().await
    }

    /// The id by which the simulator knows the page of a payment.
    async fn page(&self, purchase: &Value) -> String {
        match self.gateway {
            GatewayName::Sandbox => {
                let payment = purchase["payments"].as_array().expect("payments").last().expect("one");
                payment["payment_gateway_transaction_id"].as_str().expect("an id").to_owned()
            }
            _ => self.app.visit(purchase).await,
        }
    }

    fn act(&self, page: &str, action: Action) {
        self.app.simulator(self.gateway).act(page, action).expect("possible");
    }

    /// The order as its buyer reads it, who signs in again if the token is old.
    async fn order(&self, purchase: &Value) -> Value {
        let ana = self.app.sign_in(&self.ana.email, None).await;
        let path = format!("/api/v1/purchases/{}", purchase["id"].as_str().expect("an id"));
        self.app.get(path).token(&ana.token).ok().await
    }

    /// A reservation with a page on which its buyer may get a slip. Of every second preference of
    /// Mercado Pago, slips end with the page; `ends_early` says which one it is.
    async fn begin(&self, ends_early: bool) -> (Value, String) {
        loop {
            let purchase = self.pay(&self.reserve().await, json!({})).await.ok();
            let page = self.page(&purchase).await;
            let details = self.app.simulator(self.gateway).purchase(&page).expect("a purchase").details;
            if self.gateway != GatewayName::MercadoPago || details.contains_key("slip_end") != ends_early {
                return (purchase, page);
            }
            let path = format!("/api/v1/reservations/{}", purchase["id"].as_str().expect("an id"));
            self.app.delete(path).token(&self.ana.token).ok().await;
        }
    }

    /// A reservation whose buyer got a slip on the gateway's page, with the page's id. Who comes
    /// back from there reads the order, which has gateways asked that do not tell by themselves.
    async fn slip(&self, ends_early: bool) -> (Value, String) {
        let (purchase, page) = self.begin(ends_early).await;
        self.act(&page, Action::Begin(Method::Cash));
        (self.come_back(&purchase).await, page)
    }

    async fn come_back(&self, purchase: &Value) -> Value {
        self.app.idle().await;
        for _ in 0..2 {
            self.app.clock.advance(A_WHILE);
            self.order(purchase).await;
            self.app.idle().await;
        }
        self.order(purchase).await
    }

    async fn left(&self) -> u64 {
        self.app.clock.advance(A_WHILE);
        let path = format!("/api/v1/public/events/{}/areas/{}/availability", self.show.slug, self.show.area);
        self.app.get(path).ok().await["left"].as_u64().expect("a number")
    }

    async fn set_cash_hours(&self, hours: u16) {
        let admin = self.app.sign_in(&self.organizer.person.email, Some(&self.organizer.tenant)).await;
        let body = json!({"cash_hours": hours});
        let tenant = self.app.patch("/api/v1/tenant").token(&admin.token).json(body).ok().await;
        assert_eq!(tenant["cash_hours"], hours);
        self.app.clock.advance(A_WHILE);
    }

    /// How many mails Ana has whose text says this.
    fn told(&self, words: &str) -> usize {
        let texts = self.app.mails(&self.ana.email).into_iter().filter_map(|mail| mail.text.clone());
        let flat = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
        texts.map(flat).filter(|text| text.contains(words)).count()
    }

    async fn methods(&self, reservation: &Value) -> Vec<Value> {
        let path =
            format!("/api/v1/reservations/{}/payment-methods", reservation["id"].as_str().expect("an id"));
        let list = self.app.get(path).token(&self.ana.token).ok().await;
        list["items"].as_array().expect("a list").clone()
    }
}

fn time(value: &Value) -> Timestamp {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{value} is no time"))
}

fn kinds(item: &Value) -> Vec<&str> {
    let methods = item["methods"].as_array().expect("methods");
    methods.iter().map(|method| method["kind"].as_str().expect("a kind")).collect()
}

async fn paid_the_next_morning(gateway: GatewayName) {
    let house = Fixture::open(gateway).await;
    let begun = house.app.clock.now();
    let (order, page) = house.slip(false).await;
    let payment = &order["payments"][0];
    assert_eq!((&order["status"], &payment["status"]), (&json!("awaiting_payment"), &json!("processing")));
    assert_eq!(payment["payment_method"], "cash", "{order}");
    let due = time(&payment["due_at"]);
    assert!(due <= begun + 24 * HOUR, "{due}: no later than the organiser's rule");
    assert_eq!(time(&order["expires_at"]), due + CREDITED, "{order}");
    assert!(payment.get("pay_until").is_none() || time(&payment["pay_until"]) < begun + HOUR, "{order}");
    assert_eq!(order["customer_email"], house.ana.email);
    assert_eq!(house.told("Paga COP 100.000"), 1, "{:?}", house.app.mails(&house.ana.email));
    let again = house.pay(&order, json!({})).await;
    assert_eq!(again.json()["due_at"], payment["due_at"]);
    again.refused(409, "payment_processing");
    // Long after the hold would have been over, others do not have the places.
    house.app.clock.advance(Duration::from_secs(20 * 60));
    assert_eq!(house.left().await, 8);
    // Money at the last second of the slip.
    let now = house.app.clock.now();
    house.app.clock.advance(due.duration_since(now).unsigned_abs() - Duration::from_secs(1));
    house.act(&page, Action::Decide(Method::Cash, Status::Approved));
    house.app.idle().await;
    let paid = house.order(&order).await;
    assert_eq!(
        (&paid["status"], &paid["tickets"].as_array().map(Vec::len)),
        (&json!("paid"), &Some(2)),
        "{paid}"
    );
    assert!(paid["mailed_at"].is_string(), "{paid}");
    house.app.clock.advance(30 * HOUR);
    assert_eq!(house.left().await, 8);
    house.app.close().await;
}

#[tokio::test]
async fn a_slip_of_the_sandbox_is_paid_the_next_morning() {
    paid_the_next_morning(GatewayName::Sandbox).await;
}

#[tokio::test]
async fn a_slip_of_mercado_pago_is_paid_the_next_morning() {
    paid_the_next_morning(GatewayName::MercadoPago).await;
}

/// It is not documented whether the end of a preference is that of its slips, too.
#[tokio::test]
async fn a_slip_of_mercado_pago_that_ends_with_its_page_keeps_the_places_no_longer() {
    let house = Fixture::open(GatewayName::MercadoPago).await;
    let (order, _) = house.slip(true).await;
    let due = time(&order["payments"][0]["due_at"]);
    assert!(due < house.app.clock.now() + Duration::from_secs(600), "{order}");
    assert_eq!(time(&order["expires_at"]), due + CREDITED, "{order}");
    house.app.clock.advance(4 * HOUR);
    house.app.idle().await;
    assert_eq!(house.order(&order).await["status"], "released");
    assert_eq!(house.left().await, 10);
    house.app.close().await;
}

#[tokio::test]
async fn a_slip_of_wompi_is_paid_the_next_morning() {
    paid_the_next_morning(GatewayName::Wompi).await;
}

#[tokio::test]
async fn a_slip_of_payu_is_paid_the_next_morning() {
    paid_the_next_morning(GatewayName::Payu).await;
}

#[tokio::test]
async fn places_of_a_slip_that_nobody_pays_are_for_sale_again() {
    let house = Fixture::open(GatewayName::Sandbox).await;
    let (order, _) = house.slip(false).await;
    house.app.clock.advance(24 * HOUR);
    house.app.idle().await;
    assert_eq!(house.left().await, 8, "the money may be on its way");
    house.app.clock.advance(CREDITED);
    house.app.idle().await;
    assert_eq!(house.left().await, 10);
    let ended = house.order(&order).await;
    assert_eq!((&ended["status"], &ended["payments"][0]["status"]), (&json!("released"), &json!("declined")));
    house.app.close().await;
}

#[tokio::test]
async fn a_buyer_with_a_slip_may_cancel_or_pay_by_card() {
    let house = Fixture::open(GatewayName::MercadoPago).await;
    let (order, page) = house.slip(false).await;
    let path = format!("/api/v1/reservations/{}", order["id"].as_str().expect("an id"));
    let cancelled = house.app.delete(path).token(&house.ana.token).ok().await;
    assert_eq!(
        (&cancelled["status"], &cancelled["payments"][0]["status"]),
        (&json!("released"), &json!("declined"))
    );
    house.app.idle().await;
    assert_eq!(house.left().await, 10);
    house.app.simulator(house.gateway).approve(&page).expect_err("closed");
    // A card instead: who names the gateway gets another page, and the slip's money would go back.
    let (order, slip) = house.slip(false).await;
    let purchase = house.pay(&order, json!({"gateway": "mercado_pago"})).await.ok();
    let card = house.page(&purchase).await;
    assert_ne!(card, slip);
    house.act(&card, Action::Decide(Method::Card, Status::Approved));
    house.app.idle().await;
    assert_eq!(house.order(&order).await["status"], "paid");
    house.act(&slip, Action::Decide(Method::Cash, Status::Approved));
    house.app.idle().await;
    let order = house.order(&order).await;
    assert_eq!((&order["status"], &order["refunded"]), (&json!("paid"), &order["total"]), "{order}");
    house.app.close().await;
}

#[tokio::test]
async fn cash_is_offered_as_organiser_show_and_buyer_allow() {
    let house = Fixture::open(GatewayName::MercadoPago).await;
    let reservation = house.reserve().await;
    let items = house.methods(&reservation).await;
    assert_eq!(items[0]["gateway"], "mercado_pago");
    assert!(kinds(&items[0]).contains(&"cash"), "{items:?}");
    // Not if the buyer wants none: then the page has none either.
    let purchase = house.pay(&reservation, json!({"cash": false})).await.ok();
    let page = house.page(&purchase).await;
    house.app.simulator(house.gateway).act(&page, Action::Begin(Method::Cash)).expect_err("no cash here");
    // Not if the organiser takes none.
    house.set_cash_hours(0).await;
    assert!(!kinds(&house.methods(&reservation).await[0]).contains(&"cash"));
    house.set_cash_hours(5).await;
    let offered = house.methods(&reservation).await;
    let cash =
        offered[0]["methods"].as_array().expect("methods").iter().find(|method| method["kind"] == "cash");
    let pay_by = time(&cash.expect("cash")["pay_by"]);
    assert!(pay_by <= house.app.clock.now() + 5 * HOUR && pay_by > house.app.clock.now() + 4 * HOUR);
    // Nor for a third order of the show that would wait for cash.
    for _ in 0..2 {
        house.pay(&house.reserve().await, json!({})).await.ok();
    }
    let third = house.reserve().await;
    assert!(!kinds(&house.methods(&third).await[0]).contains(&"cash"));
    // Nor when the show is near.
    house.app.clock.advance(7 * 24 * HOUR - 5 * HOUR);
    house.app.idle().await;
    let near = Fixture { ana: house.app.sign_in(&house.ana.email, None).await, ..house };
    let reservation = near.reserve().await;
    assert!(!kinds(&near.methods(&reservation).await[0]).contains(&"cash"));
    near.app.close().await;
}

#[tokio::test]
async fn a_transfer_without_a_due_time_keeps_its_places_for_an_hour() {
    let house = Fixture::open(GatewayName::Wompi).await;
    let purchase = house.pay(&house.reserve().await, json!({})).await.ok();
    let page = house.page(&purchase).await;
    let begun = time(&purchase["payments"][0]["created_at"]);
    house.act(&page, Action::Begin(Method::Bank));
    let order = house.come_back(&purchase).await;
    assert_eq!(order["payments"][0]["payment_method"], "bank_transfer", "{order}");
    assert_eq!(time(&order["expires_at"]).as_second(), (begun + HOUR).as_second(), "{order}");
    assert_eq!(house.told("Tu banco todavía no confirma"), 1);
    house.app.clock.advance(Duration::from_secs(50 * 60));
    assert_eq!(house.left().await, 8);
    house.act(&page, Action::Decide(Method::Bank, Status::Approved));
    house.app.idle().await;
    assert_eq!(house.order(&purchase).await["status"], "paid");
    house.app.close().await;
}

/// PayU tells nothing of a slip by itself. A buyer who does not come back keeps the places,
/// because the order is looked at before its hold ends.
#[tokio::test]
async fn a_slip_of_which_nobody_tells_is_found_before_the_hold_ends() {
    let house = Fixture::open(GatewayName::Payu).await;
    let purchase = house.pay(&house.reserve().await, json!({})).await.ok();
    let page = house.page(&purchase).await;
    house.app.clock.advance(Duration::from_secs(4 * 60));
    house.app.idle().await;
    house.act(&page, Action::Begin(Method::Cash));
    for _ in 0..12 {
        house.app.clock.advance(Duration::from_secs(30));
        house.app.idle().await;
    }
    house.app.clock.advance(Duration::from_secs(20 * 60));
    assert_eq!(house.left().await, 8);
    assert_eq!(house.order(&purchase).await["payments"][0]["payment_method"], "cash");
    assert_eq!(house.told("Paga COP 100.000"), 1);
    house.app.close().await;
}

/// Ana's slip is not told of before her hold is over and Beto has bought all places.
async fn without_places() -> (Fixture, Value, String) {
    let house = Fixture::open(GatewayName::MercadoPago).await;
    house.app.connect(&house.organizer, GatewayName::Wompi, 1).await;
    house.app.clock.advance(A_WHILE);
    let beto = house.app.somebody("beto").await;
    let (purchase, page) = house.begin(false).await;
    house.app.clock.advance(Duration::from_secs(540));
    house.app.idle().await;
    let silent = Faults { drop_webhooks: 100, read_500: 100, ..Faults::default() };
    house.app.simulator(house.gateway).set_faults(silent).expect("possible");
    house.act(&page, Action::Begin(Method::Cash));
    house.app.clock.advance(Duration::from_secs(80));
    let all = json!({"area_id": house.show.area, "quantity": 10});
    let held = house.app.reserve(&beto.token, &house.show.id, all).await;
    let body = json!({"reservation_id": held["id"], "gateway": "wompi"});
    let bought = house.app.post("/api/v1/purchases").token(&beto.token).json(body).ok().await;
    let card = house.app.visit(&bought).await;
    house.app.simulator(GatewayName::Wompi).approve(&card).expect("paid");
    // Not idle: the messages about Ana's order come again and again.
    let path = format!("/api/v1/purchases/{}", bought["id"].as_str().expect("an id"));
    for _ in 0..200 {
        if house.app.get(&path).token(&beto.token).ok().await["status"] == "paid" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    house.app.simulator(house.gateway).set_faults(Faults::default()).expect("possible");
    house.app.clock.advance(Duration::from_secs(200));
    house.app.idle().await;
    let order = house.order(&purchase).await;
    (house, order, page)
}

#[tokio::test]
async fn a_buyer_whose_slip_has_no_places_is_told_not_to_pay() {
    let (house, order, page) = without_places().await;
    let payment = &order["payments"][0];
    assert_eq!((&order["status"], &payment["without_places"]), (&json!("released"), &json!(true)), "{order}");
    assert_eq!((house.told("No lo pagues"), house.told("Paga COP")), (1, 0));
    assert_eq!(payment["status"], "declined", "Mercado Pago can close it: {order}");
    house.app.simulator(house.gateway).approve(&page).expect_err("closed");
    assert_eq!(house.left().await, 0, "Beto has them");
    house.app.close().await;
}
