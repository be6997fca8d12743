//! Mails about orders say what happened, not how the order is when the mail is written.

use std::sync::Arc;

use cloud::services::Mail;
use domain::order::Change;
use domain::payment::GatewayName;
use serde_json::{Value, json};
use testkit::{Country, Organizer, Show, TestApp, TestUser};

/// An order of three tickets for 20.889 pesos each, paid at the sandbox unless the organiser
/// has gateway accounts.
struct Fixture {
    app: TestApp,
    organizer: Organizer,
    show: Show,
    ana: TestUser,
    bought: Value,
}

const PRICE: i64 = 20_889;

impl Fixture {
    async fn open(gateways: &[GatewayName]) -> Self {
        let app = TestApp::start().await;
        let organizer = app.paid_through("organiza", Country::COLOMBIA, gateways).await;
        let show = app.show(&organizer, "Los Faroles", 10, PRICE).await;
        let ana = app.somebody("ana").await;
        let line = json!({"area_id": show.area, "quantity": 3});
        let bought = app.buy(&ana.token, &show.id, line).await;
        assert_eq!(bought["status"], "paid", "{bought}");
        Self { app, organizer, show, ana, bought }
    }

    fn id(&self) -> &str {
        self.bought["id"].as_str().expect("an id")
    }

    fn payment(&self) -> &str {
        self.bought["payments"][0]["payment_gateway_transaction_id"].as_str().expect("an id")
    }

    /// The organiser refunds one ticket.
    async fn refund(&self, ticket: usize) {
        let path = format!("/api/v1/purchases/{}/refund", self.id());
        let body = json!({"event_id": self.show.id, "tickets": [self.bought["tickets"][ticket]["id"]]});
        self.app.post(path).token(&self.organizer.token).json(body).ok().await;
    }

    async fn order(&self) -> Value {
        self.app.get(format!("/api/v1/purchases/{}", self.id())).token(&self.ana.token).ok().await
    }
}

fn text(mail: &Arc<Mail>) -> String {
    mail.text.as_deref().expect("text").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The texts of the mails to `to` with `word` in their subject, oldest first.
fn mails(app: &TestApp, to: &str, word: &str) -> Vec<String> {
    app.mails(to).iter().filter(|mail| mail.subject.contains(word)).map(text).collect()
}

#[tokio::test]
async fn each_refund_is_announced_with_its_own_amount() {
    let house = Fixture::open(&[]).await;
    house.refund(0).await;
    house.app.idle().await;
    // Two at once: each is requested before the other is done.
    house.refund(1).await;
    house.refund(2).await;
    house.app.idle().await;
    assert_eq!(house.order().await["refunded"], 3 * PRICE);
    let told = mails(&house.app, &house.ana.email, "reembolso");
    let amount = |mail: &String| {
        let (_, amount) = mail.split_once("Devolvimos COP ").expect("an amount");
        let digits = amount.split(' ').next().expect("a number").replace('.', "");
        digits.parse::<i64>().expect("a number")
    };
    assert_eq!(amount(&told[0]), PRICE, "{told:?}");
    let sum: i64 = told.iter().map(amount).sum();
    assert_eq!(sum, 3 * PRICE, "together they are what was refunded: {told:?}");
    house.app.close().await;
}

#[tokio::test]
async fn a_double_payment_is_explained_in_the_mail_and_the_tickets_stay_valid() {
    let app = TestApp::start().await;
    let organizer =
        app.paid_through("organiza", Country::COLOMBIA, &[GatewayName::Wompi, GatewayName::Payu]).await;
    let show = app.show(&organizer, "Los Faroles", 10, PRICE).await;
    let ana = app.somebody("ana").await;
    let reservation = app.reserve(&ana.token, &show.id, json!({"area_id": show.area, "quantity": 1})).await;
    let mut pages = Vec::new();
    for gateway in ["payu", "wompi"] {
        let body = json!({"reservation_id": reservation["id"], "gateway": gateway});
        let begun = app.post("/api/v1/purchases").token(&ana.token).json(body).ok().await;
        pages.push(app.visit(&begun).await);
    }
    app.simulator(GatewayName::Payu).approve(&pages[0]).expect("approved");
    app.idle().await;
    app.simulator(GatewayName::Wompi).approve(&pages[1]).expect("approved");
    app.idle().await;
    let path = format!("/api/v1/purchases/{}", reservation["id"].as_str().expect("an id"));
    let order = app.get(path).token(&ana.token).ok().await;
    assert_eq!(
        (&order["status"], &order["paid"], &order["refunded"]),
        (&json!("paid"), &json!(2 * PRICE), &json!(PRICE))
    );
    assert_eq!(order["tickets"][0]["refunded"], false);
    assert!(order["payments"][0].get("unused_because").is_none(), "{order}");
    let second = &order["payments"][1];
    assert_eq!(
        (&second["unused_because"], &second["refund"]["state"]),
        (&json!("paid_twice"), &json!("done"))
    );
    let told = mails(&app, &ana.email, "Pagaste dos veces");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains("Este pedido se pagó dos veces") && told[0].contains("tus entradas valen igual"),
        "{told:?}"
    );
    assert!(told[0].contains("Devolvimos COP 20.889 "), "{told:?}");
    app.close().await;
}

#[tokio::test]
async fn each_refund_at_the_gateway_is_mailed_and_lost_tickets_once() {
    let house = Fixture::open(&[GatewayName::MercadoPago]).await;
    let gateway = house.app.simulator(GatewayName::MercadoPago);
    gateway.refund_at_gateway(house.payment(), Some(PRICE * 100)).expect("given back");
    house.app.idle().await;
    gateway.refund_at_gateway(house.payment(), None).expect("given back");
    house.app.idle().await;
    let told = mails(&house.app, &house.organizer.person.email, "devolvió dinero");
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("COP 20.889 · Mercado Pago") && !told[0].contains("ya no valen"), "{told:?}");
    assert!(told[0].contains("Entradas válidas por COP 20.889 ya no están pagadas"), "{told:?}");
    assert!(told[1].contains("COP 41.778 · Mercado Pago") && told[1].contains("ya no valen"), "{told:?}");
    assert_eq!(mails(&house.app, &house.ana.email, "ya no valen").len(), 1);
    house.app.close().await;
}

/// Wompi gives back a whole payment or nothing, so the organiser gives back parts by hand.
#[tokio::test]
async fn each_refund_by_hand_is_mailed_with_its_own_amount() {
    let house = Fixture::open(&[GatewayName::Wompi]).await;
    let done = async || {
        let path = format!("/api/v1/tenant/refund-tasks/{}/0/done", house.id());
        house.app.post(path).token(&house.organizer.token).json(json!({})).ok().await;
        house.app.idle().await;
    };
    house.refund(0).await;
    house.app.idle().await;
    done().await;
    house.refund(1).await;
    house.app.idle().await;
    done().await;
    for (to, word) in [
        (&house.organizer.person.email, "Devuelve dinero"),
        (&house.ana.email, "Te devolverán COP 20.889"),
        (&house.ana.email, "Tu reembolso"),
    ] {
        let told = mails(&house.app, to, word);
        assert_eq!(told.len(), 2, "{word}: {told:?}");
        assert!(told.iter().all(|mail| mail.contains("COP 20.889")), "{word}: {told:?}");
    }
    assert!(mails(&house.app, &house.ana.email, "Tu reembolso")[1].contains("organiza produce te devolvió"));
    house.app.close().await;
}

#[tokio::test]
async fn a_payment_after_cancelling_is_explained_in_the_mails() {
    let app = TestApp::start().await;
    let organizer = app.paid_through("organiza", Country::COLOMBIA, &[GatewayName::Wompi]).await;
    let show = app.show(&organizer, "Los Faroles", 10, PRICE).await;
    let ana = app.somebody("ana").await;
    let begun = app.start_buying(&ana.token, &show.id, json!({"area_id": show.area, "quantity": 1})).await;
    let page = app.visit(&begun).await;
    let id = begun["id"].as_str().expect("an id");
    app.delete(format!("/api/v1/reservations/{id}")).token(&ana.token).ok().await;
    app.simulator(GatewayName::Wompi).approve(&page).expect("approved");
    app.idle().await;
    let due = mails(&app, &ana.email, "llegó después de cancelar");
    assert_eq!(due.len(), 1, "{due:?}");
    assert!(due[0].contains("Cancelaste la reserva") && due[0].contains("COP 20.889"), "{due:?}");
    let done = mails(&app, &ana.email, "Tu reembolso");
    assert!(done[0].contains("llegó después de que cancelaste"), "{done:?}");
    app.close().await;
}

/// The sandbox only takes the amount that it was asked to take, so the test changes the order's.
#[tokio::test]
async fn a_payment_of_another_amount_is_mailed_with_both_amounts() {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.show(&organizer, "Los Faroles", 10, PRICE).await;
    let ana = app.somebody("ana").await;
    let begun = app.start_buying(&ana.token, &show.id, json!({"area_id": show.area, "quantity": 1})).await;
    // The order costs one peso more than the gateway was asked to take.
    let (store, mut order) = crate::table::order_of(&app, &ana, &begun).await;
    order.edit(|order| order.total += 100); // One peso.
    store.save_order(&order, &Change::default(), app.clock.now()).await.expect("written");
    let payment = begun["payments"][0]["payment_gateway_transaction_id"].as_str().expect("an id");
    app.cloud.sandbox().approve(payment).expect("approved");
    app.idle().await;
    let told = mails(&app, &organizer.person.email, "Revisa un pago");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("El pedido cuesta COP 20.890") && told[0].contains(payment), "{told:?}");
    assert!(told[0].contains("COP 20.889 · Sandbox"), "{told:?}");
    app.close().await;
}
