//! Work on payments that is left to organisers: refund tasks and payment differences.

use std::time::Duration;

use domain::order::Change;
use domain::payment::GatewayName;
use domain::payment_difference::DifferenceKind;
use domain::{OrderId, QuoteId, UserId};
use serde_json::{Value, json};
use testkit::{Country, Organizer, Show, TestApp, TestUser};

use crate::table::{leave_to_person, order_of};

const TASKS: &str = "/api/v1/tenant/refund-tasks";
const DIFFERENCES: &str = "/api/v1/tenant/payment-differences";

/// More orders than one run of the audit compares.
const ORDERS: usize = 900;

/// An organiser, and an order that Ana paid.
struct Fixture {
    app: TestApp,
    organizer: Organizer,
    show: Show,
    ana: TestUser,
    bought: Value,
}

impl Fixture {
    /// Two tickets, paid at the sandbox.
    async fn open() -> Self {
        let app = TestApp::start().await;
        let organizer = app.organizer("organiza").await;
        Self::of(app, organizer).await
    }

    /// Two tickets, paid at Wompi.
    async fn at_wompi() -> Self {
        let app = TestApp::start().await;
        let organizer = app.paid_through("organiza", Country::COLOMBIA, &[GatewayName::Wompi]).await;
        Self::of(app, organizer).await
    }

    /// Two tickets, paid at Mercado Pago, and the gateway's id of the payment.
    async fn at_mercado_pago() -> (Self, String) {
        let app = TestApp::start().await;
        let organizer = app.paid_through("organiza", Country::CHILE, &[GatewayName::MercadoPago]).await;
        let house = Self::of(app, organizer).await;
        let id = house.purchase().await["payments"][0]["payment_gateway_transaction_id"].clone();
        (house, id.as_str().expect("an id").to_owned())
    }

    async fn of(app: TestApp, organizer: Organizer) -> Self {
        let show = app.show(&organizer, "Los Faroles", 10, 50_000).await;
        let ana = app.somebody("ana").await;
        let line = json!({"area_id": show.area, "quantity": 2});
        let bought = app.buy(&ana.token, &show.id, line).await;
        assert_eq!(bought["status"], "paid", "{bought}");
        app.idle().await;
        Self { app, organizer, show, ana, bought }
    }

    /// Lets `time` pass and signs both people in again, because access tokens expire meanwhile.
    async fn after(&mut self, time: Duration) {
        self.app.clock.advance(time);
        self.app.idle().await;
        let tenant = Some(self.organizer.tenant.as_str());
        self.organizer.token = self.app.sign_in(&self.organizer.person.email, tenant).await.token;
        self.ana = self.app.sign_in(&self.ana.email, None).await;
    }

    async fn list(&self, path: &str) -> Vec<Value> {
        let page = self.app.get(path).token(&self.organizer.token).ok().await;
        page["items"].as_array().expect("a list").clone()
    }

    /// The path of an action (`done` or `retry`) on the purchase's refund task.
    fn task(&self, verb: &str) -> String {
        format!("{TASKS}/{}/0/{verb}", self.bought["id"].as_str().expect("an id"))
    }

    async fn purchase(&self) -> Value {
        let path = format!("/api/v1/purchases/{}", self.bought["id"].as_str().expect("an id"));
        self.app.get(path).token(&self.ana.token).ok().await
    }

    /// Runs a schedule of the janitor now, and the work that follows from it.
    async fn janitor(&self, schedule: &str) {
        self.app.cloud.run_schedule_now(schedule).await.expect("the janitor works");
        self.app.idle().await;
    }

    /// How many mails `to` got with `subject` in their subject.
    fn mails(&self, to: &str, subject: &str) -> usize {
        self.app.mails(to).iter().filter(|mail| mail.subject.contains(subject)).count()
    }

    /// How many mails the organiser got with `subject` in their subject.
    fn organizers_mails(&self, subject: &str) -> usize {
        self.mails(&self.organizer.person.email, subject)
    }
}

#[tokio::test]
async fn a_part_that_wompi_does_not_give_back_is_given_back_by_hand() {
    let mut house = Fixture::at_wompi().await;
    let tickets = json!([house.bought["tickets"][0]["id"]]);
    let path = format!("/api/v1/purchases/{}/refund", house.bought["id"].as_str().expect("an id"));
    let refund = house.app.post(path).token(&house.organizer.token);
    refund.json(json!({"event_id": house.show.id, "tickets": tickets})).ok().await;
    house.app.idle().await;

    let [task] = &house.list(TASKS).await[..] else { panic!("one task") };
    assert_eq!(task["order_id"], house.bought["id"]);
    assert_eq!(task["amount"], json!({"amount": 50_000, "currency": "COP", "formatted": "COP 50.000"}));
    assert_eq!((&task["gateway"], &task["reason"]), (&json!("wompi"), &json!("unsupported")));
    let paid = house.purchase().await;
    let payment = &paid["payments"][0];
    assert_eq!(task["payment_id"], payment["payment_gateway_transaction_id"]);
    assert_eq!(payment["refund"]["state"], "by_hand", "{paid}");
    assert_eq!((&paid["refunded"], &payment["refund"]["amount"]), (&json!(0), &json!(50_000)));
    assert_eq!(house.organizers_mails("Devuelve dinero"), 1);
    assert_eq!(house.mails(&house.ana.email, "Te devolverán"), 1);

    let done = json!({"since": task["since"], "note": "Transferencia 4711"});
    let close = || house.app.post(house.task("done")).token(&house.organizer.token).json(done.clone());
    let first = close().ok().await;
    assert_eq!((&first["outcome"], &first["note"]), (&json!("done"), &json!("Transferencia 4711")));
    house.app.idle().await;
    assert_eq!(close().ok().await, first, "said again");
    house.app.idle().await;
    let paid = house.purchase().await;
    assert_eq!(
        (&paid["refunded"], &paid["payments"][0]["refund"]["state"]),
        (&json!(50_000), &json!("done"))
    );
    assert!(house.list(TASKS).await.is_empty());
    assert_eq!(house.mails(&house.ana.email, "Tu reembolso"), 1);
    let audit = house.app.get("/api/v1/supervision/audit").token(&house.organizer.token).ok().await;
    let of_task = |record: &&Value| record["action"] == "refund_task.done";
    assert_eq!(audit["items"].as_array().expect("records").iter().filter(of_task).count(), 1);

    // Wompi knows nothing of the bank transfer. The audit must not report that as a difference.
    house.after(Duration::from_secs(3600)).await;
    house.janitor("Audit").await;
    assert_eq!(house.list(DIFFERENCES).await, Vec::<Value>::new());
    house.app.close().await;
}

#[tokio::test]
async fn a_retry_that_fails_again_sends_the_buyer_no_second_mail() {
    let house = Fixture::at_wompi().await;
    leave_to_person(&house.app, &house.ana, &house.bought, 50_000).await;
    for _ in 0..2 {
        house.app.post(house.task("retry")).token(&house.organizer.token).json(json!({})).ok().await;
        house.app.idle().await;
        let [task] = &house.list(TASKS).await[..] else { panic!("one task") };
        assert_eq!(task["reason"], "unsupported", "Wompi gives no parts back");
        // A task is identified by its time, so two of the same moment would be the same.
        house.app.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(house.organizers_mails("Devuelve dinero"), 2);
    assert_eq!(house.mails(&house.ana.email, "Te devolverán"), 0, "told when it became a task first");
    house.app.close().await;
}

#[tokio::test]
async fn the_organiser_is_told_of_a_dispute_and_the_buyer_of_its_loss() {
    for won in [true, false] {
        let (house, payment) = Fixture::at_mercado_pago().await;
        let gateway = house.app.simulator(GatewayName::MercadoPago);
        gateway.charge_back(&payment).expect("charged back");
        house.app.idle().await;
        assert_eq!(house.organizers_mails("Un banco reclama un pago"), 1);
        gateway.close_dispute(&payment, won).expect("decided");
        house.app.idle().await;
        assert_eq!(house.organizers_mails("sigue siendo tuyo"), usize::from(won));
        assert_eq!(house.organizers_mails("El banco se llevó un pago"), usize::from(!won));
        assert_eq!(house.mails(&house.ana.email, "ya no valen"), usize::from(!won));
        house.app.close().await;
    }
}

#[tokio::test]
async fn the_buyer_is_told_once_the_gateway_has_refunded_everything() {
    let (house, payment) = Fixture::at_mercado_pago().await;
    let gateway = house.app.simulator(GatewayName::MercadoPago);
    gateway.refund_at_gateway(&payment, Some(50_000)).expect("given back");
    house.app.idle().await;
    let subject = "Se devolvió dinero de Los Faroles en la pasarela";
    let mails = house.app.mails(&house.organizer.person.email);
    let mail = mails.iter().find(|mail| mail.subject == subject).expect("a mail");
    let text = mail.text.as_deref().expect("a text");
    assert!(text.contains(&payment) && text.contains("CLP 50.000 ya no están"), "{text}");
    assert_eq!(house.mails(&house.ana.email, "ya no valen"), 0);
    gateway.refund_at_gateway(&payment, None).expect("given back");
    house.app.idle().await;
    assert_eq!(house.organizers_mails(subject), 2);
    assert_eq!(house.mails(&house.ana.email, "ya no valen"), 1);
    house.app.close().await;
}

#[tokio::test]
async fn a_declined_refund_is_retried_by_the_organiser() {
    let house = Fixture::open().await;
    leave_to_person(&house.app, &house.ana, &house.bought, 50_000).await;
    let retry = || house.app.post(house.task("retry")).token(&house.organizer.token);
    let first = retry().ok().await;
    assert_eq!(first["outcome"], "tried_again");
    assert_eq!(retry().ok().await, first, "asked again");
    house.app.idle().await;
    assert_eq!(house.purchase().await["refunded"], 50_000);
    assert!(house.list(TASKS).await.is_empty());
    assert_eq!(house.mails(&house.ana.email, "Tu reembolso"), 1);
    let done = house.app.post(house.task("done")).token(&house.organizer.token);
    done.refused(409, "refund_task_changed").await;
    house.app.close().await;
}

#[tokio::test]
async fn a_task_is_closed_in_the_version_read_and_by_its_organiser() {
    let house = Fixture::open().await;
    let close = |token: &str, body: Value| house.app.post(house.task("done")).token(token).json(body);
    close(&house.organizer.token, json!({})).refused(404, "refund_task_not_found").await;
    leave_to_person(&house.app, &house.ana, &house.bought, 1000).await;
    let other = json!({"since": "2026-01-01T00:00:00Z"});
    close(&house.organizer.token, other).refused(409, "refund_task_changed").await;
    let long = json!({"note": "ñ".repeat(501)});
    close(&house.organizer.token, long).refused(400, "invalid_fields").await;
    let stranger = house.app.organizer("otra").await;
    close(&stranger.token, json!({})).refused(404, "refund_task_not_found").await;
    close(&house.ana.token, json!({})).refused(403, "role_required").await;
    assert_eq!(house.purchase().await["refunded"], 0);
    let strange = format!("{DIFFERENCES}?day=yesterday");
    house.app.get(strange).token(&house.organizer.token).refused(400, "invalid_fields").await;
    house.app.close().await;
}

#[tokio::test]
async fn organisers_are_reminded_of_open_tasks_once_a_day() {
    let mut house = Fixture::open().await;
    leave_to_person(&house.app, &house.ana, &house.bought, 1000).await;
    house.after(Duration::from_secs(23 * 3600)).await;
    house.janitor("Remind").await;
    assert_eq!(house.organizers_mails("reembolsos que te esperan"), 0, "not yet");
    house.after(Duration::from_secs(3600)).await;
    for _ in 0..2 {
        house.janitor("Remind").await;
    }
    assert_eq!(house.organizers_mails("reembolsos que te esperan"), 1);
    house.after(Duration::from_secs(24 * 3600)).await;
    house.janitor("Remind").await;
    assert_eq!(house.organizers_mails("reembolsos que te esperan"), 2);

    house.app.post(house.task("done")).token(&house.organizer.token).ok().await;
    house.app.idle().await;
    house.after(Duration::from_secs(24 * 3600)).await;
    house.janitor("Remind").await;
    assert_eq!(house.organizers_mails("reembolsos que te esperan"), 2, "it is done");
    assert_eq!(house.mails(&house.ana.email, "esperan"), 0);
    house.app.close().await;
}

#[tokio::test]
async fn payment_differences_are_listed_and_mailed_when_the_day_is_over() {
    let mut house = Fixture::at_wompi().await;
    house.janitor("Audit").await;
    assert_eq!(house.list(DIFFERENCES).await, Vec::<Value>::new(), "all is well");

    // The table says that money went back, and the gateway does not.
    let (store, mut order) = order_of(&house.app, &house.ana, &house.bought).await;
    order.edit(|order| order.payments[0].refunded = 1_000_000);
    store.save_order(&order, &Change::default(), house.app.clock.now()).await.expect("written");
    // Orders are audited whether or not their show is still on sale.
    let unpublish = house.app.post(format!("/api/v1/events/{}/unpublish", house.show.id));
    unpublish.token(&house.organizer.token).ok().await;
    house.janitor("Audit").await;
    assert_eq!(house.list(DIFFERENCES).await, Vec::<Value>::new(), "once a day");
    house.after(Duration::from_secs(24 * 3600)).await;
    let today = house.app.clock.now().strftime("%Y-%m-%d").to_string();
    house.janitor("Audit").await;
    let found = house.list(DIFFERENCES).await;
    let mut kinds: Vec<&str> = found.iter().filter_map(|one| one["kind"].as_str()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["refund_differs", "uncovered"], "{found:?}");
    assert!(found.iter().all(|one| one["order"] == house.bought["id"]));
    assert_eq!(house.list(&format!("{DIFFERENCES}?day={today}")).await.len(), 2);
    assert!(house.list(&format!("{DIFFERENCES}?day=2026-01-01")).await.is_empty());

    house.janitor("Report").await;
    assert_eq!(house.organizers_mails("Revisa los pagos"), 0, "the day is not over");
    house.after(Duration::from_secs(24 * 3600)).await;
    for _ in 0..2 {
        house.janitor("Report").await;
    }
    assert_eq!(house.organizers_mails(&format!("Revisa los pagos del {today}")), 1);
    house.app.close().await;
}

#[tokio::test]
async fn many_orders_are_audited_in_parts() {
    let house = Fixture::open().await;
    let (store, sold) = order_of(&house.app, &house.ana, &house.bought).await;
    let now = house.app.clock.now();
    for _ in 0..ORDERS {
        // Valid tickets without a payment.
        let user = UserId::generate(now);
        let id = OrderId::of_quote(QuoteId::generate(now), user);
        let order = sold.clone().with(|order| {
            (order.id, order.user, order.version) = (id, user, 1);
            order.payments.clear();
        });
        store.create_order(&order).await.expect("written");
    }
    let found = async || {
        let page = store.payment_differences(sold.tenant, None, 2000).await.expect("read");
        page.items.iter().filter(|found| found.kind == DifferenceKind::Uncovered).count()
    };
    house.janitor("Audit").await;
    let part = found().await;
    assert!((ORDERS / 2..ORDERS).contains(&part), "{part} in the first run");
    house.janitor("Audit").await;
    assert_eq!(found().await, ORDERS);
    house.app.close().await;
}
