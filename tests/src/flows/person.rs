//! A person's data: the whole of it on request, and its end.

use std::time::Duration;

use domain::billing::Billing;
use domain::order::{Change, PaymentState};
use domain::payment::{MethodKind, PayLater};
use serde_json::{Value, json};
use testkit::{PASSWORD, Show, TestUser};

use crate::community::{Community, text};
use crate::products::drink;
use crate::second_factor::add_app;
use crate::table::{everything, leave_to_person, order_of};

/// Everything by which the person can be known.
const KNOWN_BY: [&str; 5] = ["farolera", "3005550199", "300 555 0199", "52998224", "slip-4711"];

/// Data for an invoice.
fn billing() -> Value {
    json!({
        "name": "Ana Farolera", "id_kind": "cc", "id_number": "52998224", "address": "Calle Inventada 12",
        "city": "Bogotá", "country": "CO", "email": "ana.farolera@example.com",
    })
}

/// What stands beside and in an order since others than the buyer wrote there: data for an invoice, what
/// the organiser's own systems keep, a slip, and a refund that a person made.
async fn around(house: &Community, ana: &TestUser, show: &Show, order: &Value) {
    let app = &house.app;
    let path = format!("/api/v1/purchases/{}", text(&order["id"]));
    app.put(format!("{path}/billing")).token(&ana.token).json(billing()).ok().await;
    let attributes = json!({"extra_attributes": {"crm": {"cliente": "Ana Farolera"}}});
    let put = app.put(format!("{path}/extra-attributes?event_id={}", show.id));
    put.token(&house.organizer.token).json(attributes).ok().await;
    leave_to_person(app, ana, order, 1_000).await;
    let done = app.post(format!("/api/v1/tenant/refund-tasks/{}/0/done", text(&order["id"])));
    let note = json!({"note": "Transferido a la cuenta de Ana Farolera"});
    done.token(&house.organizer.token).json(note).ok().await;
    app.idle().await;
    let (store, mut order) = order_of(app, ana, order).await;
    order.edit(|order| {
        order.payments[0].later = Some(PayLater {
            kind: MethodKind::Cash,
            name: Some("efecty".to_owned()),
            due_at: None,
            slip_url: Some("https://pagos.example/slip-4711".to_owned()),
            code: Some("slip-4711".to_owned()),
            without_places: false,
        });
    });
    store.save_order(&order, &Change::default(), app.clock.now()).await.expect("written");
}

/// Buys a ticket and a drink without an account, with the person's confirmed address.
async fn buy_as_guest(house: &Community, ana: &TestUser, show: &Show) -> Value {
    let app = &house.app;
    let drink = drink(app, &house.organizer, 10, 9_000).await;
    let lines = json!([{"area_id": show.area, "quantity": 1}]);
    let wish = json!({"event_id": show.id, "lines": lines, "extras": [{"variant_id": drink, "quantity": 1}]});
    let quote = app.post("/api/v1/public/quotes").json(wish).ok().await;
    let said = json!({
        "quote": quote["quote"], "email": ana.email, "name": "Ana Farolera", "phone": "300 555 0199",
    });
    let held = app.post("/api/v1/reservations").json(said).ok().await;
    let pay = json!({"reservation_id": held["id"], "billing": billing()});
    let purchase = app.post("/api/v1/purchases").link(text(&held["order_access"])).json(pay).ok().await;
    app.approve(&purchase).await;
    held
}

async fn register(house: &Community) -> TestUser {
    let app = &house.app;
    let ana = app.confirmed("ana.farolera").await;
    let profile = json!({"name": "Ana Farolera", "phone": "+57 300 555 0199", "language": "en"});
    app.patch("/api/v1/auth/me").token(&ana.token).json(profile).ok().await;
    app.sign_in(&ana.email, None).await
}

/// Offers a ticket of `from` to `to`, who accepts it.
async fn hand_on(house: &Community, from: &TestUser, ticket: &Value, to: &TestUser, reason: &str) {
    let app = &house.app;
    let offer = json!({"ticket_id": ticket, "to_email": to.email, "reason": reason});
    app.post("/api/v1/transfers/initiate").token(&from.token).json(offer).ok().await;
    app.idle().await;
    let token = json!({"token": app.mailed_token(&to.email)});
    app.post("/api/v1/transfers/accept").token(&to.token).json(token).ok().await;
}

async fn buy(house: &Community, who: &TestUser, show: &Show, quantity: u8) -> Value {
    let order =
        house.app.buy(&who.token, &show.id, json!({"area_id": show.area, "quantity": quantity})).await;
    house.app.idle().await;
    order
}

/// Ana leaves traces wherever a person can. Returns her, an order of her account and one without it.
async fn a_life(house: &Community, show: &Show) -> (TestUser, [Value; 2]) {
    let app = &house.app;
    let ana = register(house).await;
    let beto = app.confirmed("beto").await;
    // In a community, with an id, a fee, a discount that was asked for, approved and used.
    let member =
        json!({"name": "Ana Farolera", "dni": "52998224", "phone": "300 555 0199", "city": "Bogotá"});
    house.member_who("ana.farolera", member).await;
    let wish = json!({"email": ana.email, "show_id": show.id, "message": "Soy Ana Farolera"});
    let request = app.post("/api/v1/discounts/request").token(&ana.token).json(wish).ok().await;
    let path = format!("/api/v1/supervision/queue/{}", request["id"].as_str().expect("an id"));
    let approve = json!({"action": "approve", "supervisor_notes": "Ana Farolera viene siempre"});
    app.post(format!("{path}/action")).token(&house.organizer.token).json(approve).ok().await;
    app.post(format!("{path}/send")).token(&house.organizer.token).ok().await;
    app.idle().await;
    // On the staff.
    let body = json!({"email": ana.email, "role": "coordinator"});
    app.post("/api/v1/tenant/staff").token(&house.organizer.token).json(body).ok().await;
    let accept = format!("/api/v1/workplaces/{}/invitation/accept", house.organizer.tenant);
    app.post(accept).token(&ana.token).ok().await;
    let at_work = app.sign_in(&ana.email, Some(&house.organizer.tenant)).await;
    let template = json!({"subject": "Hola", "body": "Hola {{ name }}"});
    let path = "/api/v1/supervision/templates/discount_rejected/es";
    app.put(path).token(&at_work.token).json(template).send().await;
    // A second factor, a hold, tickets bought, handed on, received and offered.
    add_app(app, &ana.token).await;
    app.reserve(&ana.token, &show.id, json!({"area_id": show.area, "quantity": 1})).await;
    let order = buy(house, &ana, show, 3).await;
    hand_on(house, &ana, &order["tickets"][0]["id"], &beto, "De Ana Farolera").await;
    let betos = buy(house, &beto, show, 1).await;
    hand_on(house, &beto, &betos["tickets"][0]["id"], &ana, "No puedo ir").await;
    let offer = json!({"ticket_id": order["tickets"][1]["id"], "to_email": "carla@example.com"});
    app.post("/api/v1/transfers/initiate").token(&ana.token).json(offer).ok().await;
    app.idle().await;
    around(house, &ana, show, &order).await;
    let guests = buy_as_guest(house, &ana, show).await;
    let news = json!({"tenant": house.organizer.tenant, "purpose": "news", "given": true, "text_version": 1});
    app.put("/api/v1/auth/me/consents").token(&ana.token).json(news).ok().await;
    (ana, [order, guests])
}

fn traces(rows: &[(String, String)]) -> Vec<&str> {
    let names = |text: &str| KNOWN_BY.iter().any(|known| text.to_lowercase().contains(known));
    rows.iter().filter(|(_, item)| names(item)).map(|(key, _)| key.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_gets_all_data() {
    let house = Community::open().await;
    let show = house.show("Los Faroles", 5).await;
    let (ana, [order, guests]) = a_life(&house, &show).await;
    let export = |query: &str| house.app.get(format!("/api/v1/auth/me/export{query}")).token(&ana.token);
    let page = export("?limit=1").ok().await;
    let person = page["person"].clone();
    assert_eq!(person["account"]["phone"], "+57 300 555 0199");
    assert!(person["second_factors"]["totp_added_at"].is_string(), "{person}");
    assert_eq!(person["communities"][0]["dni"], "52998224");
    assert_eq!(person["communities"][0]["requests"][0]["message"], "Soy Ana Farolera");
    assert_eq!(person["communities"][0]["requests"][0]["decision"], "approved");
    let (mut orders, mut transfers, mut page) = (Vec::new(), Vec::new(), page);
    loop {
        orders.extend(page["orders"].as_array().expect("orders").clone());
        transfers.extend(page["transfers"].as_array().expect("transfers").clone());
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        page = export(&format!("?limit=1&cursor={cursor}")).ok().await;
        assert_eq!(page.get("person"), None, "once");
    }
    assert_eq!((orders.len(), transfers.len()), (3, 3));
    let found = |order: &Value| orders.iter().find(|one| one["id"] == order["id"]).expect("the order");
    let (paid, without_account) = (found(&order), found(&guests));
    assert_eq!(paid["billing"]["id_number"], "52998224");
    assert_eq!(paid["extra_attributes"], json!({"crm": {"cliente": "Ana Farolera"}}));
    let payment = &paid["payments"][0];
    assert_eq!((&payment["method"], &payment["slip_code"]), (&json!("cash"), &json!("slip-4711")));
    assert!(paid["tickets"][0]["transferred_at"].is_string(), "{paid}");
    assert_eq!((&paid["guest"], &without_account["guest"]), (&json!(false), &json!(true)));
    assert_eq!(without_account["buyer_phone"], "300 555 0199");
    assert_eq!(without_account["network_mark"].as_str().map(str::len), Some(11));
    assert_eq!(without_account["extras"][0]["quantity"], 1);
    assert_eq!(without_account["vouchers"].as_array().map(Vec::len), Some(1));
    assert_eq!(without_account["billing"]["name"], "Ana Farolera");
    assert_eq!(person["consents"][0]["given"], true);
    assert_eq!(person["last_billing"]["city"], "Bogotá");
    assert_eq!((&paid["buyer_email"], &paid["total"]), (&json!(ana.email), &order["total"]));
    assert_eq!(paid["tickets"][0]["handed_on"], true);
    let secrets = serde_json::to_string(&person).expect("JSON");
    assert!(!secrets.contains("hash") && !secrets.contains("sealed"), "{secrets}");
    export("?cursor=bm9uc2Vuc2U").refused(422, "refused_fields").await;
    // Who found an open browser hears nothing.
    house.app.clock.advance(Duration::from_secs(31 * 60));
    let token = house.app.refreshed(&ana).await;
    house.app.get("/api/v1/auth/me/export").token(&token).refused(403, "recent_sign_in_required").await;
    house.app.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_is_forgotten_everywhere() {
    let house = Community::open().await;
    let app = &house.app;
    let show = house.show("Los Faroles", 5).await;
    let (ana, [order, guests]) = a_life(&house, &show).await;
    assert!(!traces(&everything(app).await).is_empty(), "or the test would find nothing ever");
    let erase = |token: &str| {
        let request = app.delete("/api/v1/auth/me").token(token);
        async move { request.json(json!({"erase": true})).send().await }
    };
    app.delete("/api/v1/auth/me")
        .token(&ana.token)
        .json(json!({"erase": false}))
        .refused(422, "refused_fields")
        .await;
    erase(&house.organizer.token).await.refused(409, "last_admin");
    let begun = erase(&ana.token).await;
    assert_eq!(begun.status, 202, "{}", begun.text());
    let waits = |order: &Value| json!({"order": order["id"], "waits_for": "show"});
    assert_eq!(begun.json(), json!({"waiting_for": [waits(&order), waits(&guests)]}));
    // At once: no sign-in, no link, no staff, no offer; a repetition says the same.
    assert_eq!(erase(&ana.token).await.status, 202);
    let login = json!({"email": ana.email, "password": PASSWORD});
    app.post("/api/v1/auth/login").json(login).refused(401, "wrong_credentials").await;
    app.post("/api/v1/auth/refresh")
        .json(json!({"refresh_token": ana.refresh_token}))
        .refused(401, "session_over")
        .await;
    let staff = app.get("/api/v1/tenant/staff").token(&house.organizer.token).ok().await;
    assert!(!staff.to_string().contains("farolera"), "{staff}");
    let offered = json!({"token": app.mailed_token("carla@example.com")});
    let carla = app.confirmed("carla").await;
    app.post("/api/v1/transfers/accept")
        .token(&carla.token)
        .json(offered)
        .refused(410, "transfer_cancelled")
        .await;
    app.idle().await;
    // Ana's tickets still let people in: the show takes place.
    let path = format!("/api/v1/purchases/{}", order["id"].as_str().expect("an id"));
    let seen = app.get(&path).token(&ana.token).ok().await;
    assert_eq!(seen["status"], "paid");

    // Once the show is over and what waits for its time is swept, nothing is left.
    app.clock.advance(Duration::from_secs(9 * 24 * 3600));
    // The second run looks whether somebody wrote meanwhile.
    for _ in 0..2 {
        app.cloud.run_schedule_now("Erase").await.expect("the janitor works");
        app.idle().await;
    }
    app.clock.advance(Duration::from_secs(3 * 24 * 3600));
    app.cloud.services().dynamodb().sweep().await.expect("swept");
    let rows = everything(app).await;
    assert_eq!(traces(&rows), Vec::<&str>::new());
    // The books are: order, lines and total of whoever it was.
    let id = order["id"].as_str().and_then(|id| id.split_once('_')).expect("an id").1;
    let kept = rows.iter().find(|(key, _)| key.ends_with(&format!("O#{id}"))).expect("the order is kept");
    let total = order["total"].to_string();
    assert!(kept.1.contains(total.trim_end_matches(".0")), "{kept:?}");
    assert!(!rows.iter().any(|(key, _)| key.starts_with("ERASE")), "nothing is left to do");
    assert!(rows.iter().any(|(key, item)| key.starts_with("CN#") && item.contains("erasure")), "a no stays");
    house.app.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_what_was_invoiced_the_invoice_is_kept_and_nothing_else() {
    let house = Community::open().await;
    let app = &house.app;
    let show = house.show("Los Faroles", 5).await;
    let ana = register(&house).await;
    let [one, other] = [buy(&house, &ana, &show, 1).await, buy(&house, &ana, &show, 1).await];
    for order in [&one, &other] {
        let path = format!("/api/v1/purchases/{}/billing", text(&order["id"]));
        app.put(path).token(&ana.token).json(billing()).ok().await;
    }
    // As the making of an invoice will.
    let (store, order) = order_of(app, &ana, &one).await;
    let invoice = store.lock_billing(order.user, order.id, app.clock.now()).await.expect("locked");
    app.delete("/api/v1/auth/me").token(&ana.token).json(json!({"erase": true})).send().await;
    app.clock.advance(Duration::from_secs(9 * 24 * 3600));
    for _ in 0..2 {
        app.cloud.run_schedule_now("Erase").await.expect("the janitor works");
    }
    app.clock.advance(Duration::from_secs(3 * 24 * 3600));
    app.cloud.services().dynamodb().sweep().await.expect("swept");
    let rows = everything(app).await;
    let left = traces(&rows);
    assert!(left.len() == 1 && left[0].contains("/OB#"), "{left:?}");
    let kept = store.billing(order.user, order.id).await.expect("read");
    let invoice = invoice.map(|invoice| Billing { email: None, ..invoice });
    assert_eq!(kept, invoice, "all that an invoice names, and no address for its mail");
    house.app.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_with_an_open_slip_waits() {
    let house = Community::open().await;
    let app = &house.app;
    let show = house.show("Los Faroles", 5).await;
    let ana = register(&house).await;
    let place = json!({"area_id": show.area, "quantity": 1});
    let started = app.start_buying(&ana.token, &show.id, place).await;
    let (store, mut order) = order_of(app, &ana, &started).await;
    let due = app.clock.now() + Duration::from_secs(24 * 3600);
    order.edit(|order| {
        order.payments[0].state = PaymentState::Processing;
        order.payments[0].may_extend_to = Some(due);
        order.payments[0].later = Some(PayLater {
            kind: MethodKind::Cash,
            name: Some("efecty".to_owned()),
            due_at: Some(due),
            slip_url: None,
            code: Some("slip-4711".to_owned()),
            without_places: false,
        });
        order.expires_at = due;
    });
    let order = store.save_order(&order, &Change::default(), app.clock.now()).await.expect("written");
    let erased = app.delete("/api/v1/auth/me").token(&ana.token).json(json!({"erase": true})).send().await;
    assert_eq!(erased.json()["waiting_for"], json!([{"order": started["id"], "waits_for": "payment"}]));
    let stored = store.order(order.user, order.id).await.expect("read").expect("there");
    assert_eq!((stored.buyer.email.as_str(), stored.payments[0].later.is_some()), (ana.email.as_str(), true));
    // The slip is paid after all: the buyer hears of it.
    app.approve(&started).await;
    app.idle().await;
    assert!(app.mails(&ana.email).iter().any(|mail| mail.subject.contains("Los Faroles")));
    house.app.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consent_is_given_and_taken_back_with_one_click() {
    let house = Community::open().await;
    let app = &house.app;
    let ana = app.somebody("ana").await;
    let say = |given: bool| json!({"tenant": house.organizer.tenant, "purpose": "news", "given": given, "text_version": 2});
    let path = "/api/v1/auth/me/consents";
    app.put(path).token(&ana.token).json(say(true)).refused(403, "email_unverified").await;
    app.idle().await;
    let confirm = json!({"token": app.mailed_token(&ana.email)});
    app.post("/api/v1/auth/magic-link/redeem").token(&ana.token).json(confirm).ok().await;
    let ana = app.sign_in(&ana.email, None).await;
    let said = app.put(path).token(&ana.token).json(say(true)).ok().await;
    assert_eq!((&said["given"], &said["source"]), (&json!(true), &json!("account")));
    let url =
        said["unsubscribe_url"].as_str().and_then(|url| url.strip_prefix(app.cloud.url())).expect("ours");
    // As a mail program does it, twice, without a sign-in.
    for _ in 0..2 {
        app.post(url).form([("List-Unsubscribe", "One-Click")]).send().await.ok_empty();
    }
    let listed = app.get(path).token(&ana.token).ok().await;
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        (&listed["items"][0]["given"], &listed["items"][0]["source"]),
        (&json!(false), &json!("link"))
    );
    let forged = format!("{}A", &url[..url.len() - 1]);
    app.post(forged).send().await.refused(404, "unsubscribe_invalid");
    house.app.close().await;
}
