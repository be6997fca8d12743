//! Refunds that an organiser starts: the money goes back once, and the place is for sale again.

use serde_json::{Value, json};
use testkit::{Organizer, Show, TestApp, TestUser};

use super::{Death, at_each_write, minutes_pass};

const PLACES: u64 = 100;
const PRICE: i64 = 50_000;

struct Fixture {
    app: TestApp,
    organizer: Organizer,
    show: Show,
    ana: TestUser,
    /// Tickets that were not refunded.
    sold: std::cell::Cell<u64>,
}

impl Fixture {
    async fn open() -> Self {
        let app = TestApp::start().await;
        let organizer = app.organizer("organiza").await;
        let show = app.show(&organizer, "Los Faroles", u32::try_from(PLACES).expect("few"), PRICE).await;
        let ana = app.somebody("ana").await;
        Self { app, organizer, show, ana, sold: std::cell::Cell::new(0) }
    }

    async fn organizer(&self) -> TestUser {
        self.app.sign_in(&self.organizer.person.email, Some(&self.organizer.tenant)).await
    }

    async fn order(&self, bought: &Value) -> Value {
        let ana = self.app.sign_in(&self.ana.email, None).await;
        let path = format!("/api/v1/purchases/{}", text(&bought["id"]));
        self.app.get(path).token(&ana.token).ok().await
    }

    /// Buys two tickets and refunds the first, with `death` at one of the function's writes.
    async fn refund(&self, death: Death) -> bool {
        let ana = self.app.sign_in(&self.ana.email, None).await;
        let line = json!({"area_id": self.show.area, "quantity": 2});
        let bought = self.app.buy(&ana.token, &self.show.id, line).await;
        let code = self.app.get(format!("/api/v1/tickets/{}", text(&bought["tickets"][0]["id"])));
        let code = code.token(&ana.token).ok().await["code"].clone();
        let token = self.organizer().await.token;
        let path = format!("/api/v1/purchases/{}/refund", text(&bought["id"]));
        let body = json!({"event_id": self.show.id, "tickets": [bought["tickets"][0]["id"]]});
        let refund = || self.app.post(&path).token(&token).json(body.clone());
        let told = self.told();

        let has_struck = if death.function == "settler" {
            let ambush = death.lurk(&self.app);
            refund().ok().await;
            // The dead worker's lease on the refund has ended by then.
            minutes_pass(&self.app, 4).await;
            ambush.has_struck()
        } else {
            let (has_struck, answer) = death.send(&self.app, refund).await;
            answer.ok();
            has_struck
        };
        minutes_pass(&self.app, 10).await;
        self.sold.set(self.sold.get() + 1);

        let order = self.order(&bought).await;
        assert_eq!(
            (&order["status"], &order["refunded"], &order["payments"][0]["refund_due"]),
            (&json!("partly_refunded"), &json!(PRICE), &json!(0)),
            "{death:?}: {order}"
        );
        let payment = text(&bought["payments"][0]["payment_gateway_transaction_id"]);
        let payment = self.app.cloud.sandbox().purchase(&payment).expect("a payment");
        assert_eq!(payment.attempts[0].refunds.len(), 1, "{death:?}: {payment:?}");
        assert_eq!(self.told(), told + 1, "{death:?}: it is said once that the money is back");
        let availability =
            format!("/api/v1/public/events/{}/areas/{}/availability", self.show.slug, self.show.area);
        let left = self.app.get(availability).ok().await["left"].as_u64();
        assert_eq!(left, Some(PLACES - self.sold.get()), "{death:?}");
        let door = self.organizer().await.token;
        let scan = json!({"code": code, "event_id": self.show.id});
        let verdict = self.app.post("/api/v1/qr/validate").token(&door).json(scan).ok().await;
        assert_eq!(verdict["result"], "refused", "{death:?}: {verdict}");
        has_struck
    }

    /// How many mails told Ana that her money is back.
    fn told(&self) -> usize {
        self.app.mails(&self.ana.email).iter().filter(|mail| mail.subject.contains("reembolso")).count()
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_is_asked_for_once() {
    let house = Fixture::open().await;
    at_each_write("purchases", 1, async |death| house.refund(death).await).await;
    house.app.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_is_done_once() {
    let house = Fixture::open().await;
    // The place, the lease on the refund, and its outcome.
    at_each_write("settler", 3, async |death| house.refund(death).await).await;
    house.app.close().await;
}
