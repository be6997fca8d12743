//! The end of a guest's data: asked for by an order's link, confirmed by mail, done by the janitor.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Organizer, Request, Show, TestApp};

use crate::community::text;
use crate::table::everything;

const ANA: &str = "ana.tormenta@example.com";
const DAY: Duration = Duration::from_secs(24 * 3600);

async fn box_office() -> (TestApp, Organizer, Show) {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.show(&organizer, "Los Faroles", 200, 20_000).await;
    (app, organizer, show)
}

fn erase(app: &TestApp, order: &Value, link: &str, wish: Value) -> Request {
    app.post(format!("/api/v1/purchases/{}/erase", text(&order["id"]))).link(link).json(wish)
}

/// Buys a ticket without an account, with all that a guest can say.
async fn buy(app: &TestApp, email: &str, show: &Show) -> (Value, String) {
    let quote = app.quote(&show.id, json!({"area_id": show.area, "quantity": 1})).await;
    let said =
        json!({"quote": quote["quote"], "email": email, "name": "Ana Tormenta", "phone": "300 555 0177"});
    let held = app.post("/api/v1/reservations").json(said).ok().await;
    let link = text(&held["order_access"]).to_owned();
    let billing = json!({
        "name": "Ana Tormenta", "id_kind": "cc", "id_number": "41998277", "address": "Calle Inventada 12",
        "city": "Bogotá", "country": "CO",
    });
    let pay = json!({"reservation_id": held["id"], "billing": billing});
    let purchase = app.post("/api/v1/purchases").link(&link).json(pay).ok().await;
    app.approve(&purchase).await;
    (held, link)
}

/// The confirmation in the latest mail to an address that has one.
pub(crate) fn mailed_confirmation(app: &TestApp, to: &str) -> String {
    let texts = app.mails(to).into_iter().rev().filter_map(|mail| mail.text.clone());
    let found = texts.filter_map(|text| {
        let (_, confirmation) = text.split_once("&e=")?;
        confirmation.split_whitespace().next().map(str::to_owned)
    });
    found.into_iter().next().expect("a mail with a confirmation")
}

async fn traces(app: &TestApp) -> Vec<String> {
    let known = ["tormenta", "300 555 0177", "3005550177", "41998277"];
    let rows = everything(app).await.into_iter();
    let names = |item: &str| known.iter().any(|known| item.to_lowercase().contains(known));
    rows.filter(|(_, item)| names(item)).map(|(key, _)| key).collect()
}

async fn janitor(app: &TestApp) {
    // The second run looks whether somebody wrote meanwhile.
    for _ in 0..2 {
        app.cloud.run_schedule_now("Erase").await.expect("the janitor works");
        app.idle().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_is_forgotten_by_link_and_mail_once_the_show_is_over() {
    let (app, _, show) = box_office().await;
    let (order, link) = buy(&app, ANA, &show).await;
    let (second, _) = buy(&app, ANA, &show).await;
    let asked = erase(&app, &order, &link, json!({})).send().await;
    assert_eq!((asked.status, asked.json()), (202, json!({"mailed_to": ANA})));
    app.idle().await;
    janitor(&app).await;
    assert!(!traces(&app).await.is_empty(), "nothing is erased before the mail is answered");
    let confirmation = json!({"confirmation": mailed_confirmation(&app, ANA)});
    let begun = erase(&app, &order, &link, confirmation.clone()).send().await;
    assert_eq!(begun.status, 202, "{}", begun.text());
    let mut waiting = begun.json()["waiting_for"].as_array().expect("orders").clone();
    waiting.sort_by_key(|order| order["order"].to_string());
    let waits = |order: &Value| json!({"order": order["id"], "waits_for": "show"});
    let mut expected = vec![waits(&order), waits(&second)];
    expected.sort_by_key(|order| order["order"].to_string());
    assert_eq!(waiting, expected);
    janitor(&app).await;
    // The ticket still lets its buyer in, and a repetition says the same.
    app.get(format!("/api/v1/purchases/{}", text(&order["id"]))).link(&link).ok().await;
    assert_eq!(erase(&app, &order, &link, confirmation).send().await.status, 202);

    app.clock.advance(DAY * 9);
    janitor(&app).await;
    app.clock.advance(DAY * 3);
    app.cloud.services().dynamodb().sweep().await.expect("swept");
    assert_eq!(traces(&app).await, [""; 0]);
    let rows = everything(&app).await;
    assert!(!rows.iter().any(|(key, _)| key.starts_with("ERASE")), "nothing is left to do");
    let (_, id) = text(&order["id"]).split_once('_').expect("an id");
    assert!(rows.iter().any(|(key, _)| key.ends_with(&format!("O#{id}"))), "the organiser's books stay");
    let path = format!("/api/v1/purchases/{}", text(&order["id"]));
    app.get(path).link(&link).refused(401, "order_link_invalid").await;
    app.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_an_address_ordered_without_an_account_until_then_is_erased() {
    let (app, organizer, show) = box_office().await;
    let ana = app.confirmed("ana.tormenta").await;
    let own = app.buy(&ana.token, &show.id, json!({"area_id": show.area, "quantity": 1})).await;
    let over = app.show(&organizer, "Marea Baja", 50, 20_000).await;
    let (order, link) = buy(&app, ANA, &over).await;
    let (others, _) = buy(&app, "eva.otra@example.com", &over).await;
    erase(&app, &order, &link, json!({})).send().await;
    app.idle().await;
    let confirmation = json!({"confirmation": mailed_confirmation(&app, ANA)});
    // An order of an account is not closed by it, signed in or not.
    let owns = app.post(format!("/api/v1/purchases/{}/erase", text(&own["id"]))).token(&ana.token);
    owns.json(confirmation.clone()).refused(409, "not_a_guest").await;
    assert_eq!(erase(&app, &order, &link, confirmation).send().await.status, 202);
    app.clock.advance(Duration::from_secs(60));
    let (later, later_link) = buy(&app, ANA, &over).await;
    app.clock.advance(DAY * 9);
    janitor(&app).await;
    let ana = app.sign_in(ANA, None).await;
    let shown = async |order: &Value| {
        app.get(format!("/api/v1/purchases/{}", text(&order["id"]))).token(&ana.token).ok().await
    };
    assert_eq!(shown(&order).await["customer_email"], "");
    assert_eq!(shown(&own).await["customer_email"], ANA);
    assert_eq!(shown(&later).await["customer_email"], ANA, "ordered after it");
    app.get(format!("/api/v1/purchases/{}/billing", text(&later["id"]))).link(&later_link).ok().await;
    let eva = everything(&app).await;
    let (_, id) = text(&others["id"]).split_once('_').expect("an id");
    let evas = eva.iter().find(|(key, _)| key.ends_with(&format!("/O#{id}"))).expect("her order");
    assert!(evas.1.contains("eva.otra"), "another's order stays as it is");
    app.close().await;
}

#[tokio::test]
async fn without_the_mail_of_that_address_nothing_is_erased() {
    let (app, _, show) = box_office().await;
    let (order, link) = buy(&app, ANA, &show).await;
    let (others, other_link) = buy(&app, "eva.otra@example.com", &show).await;
    let path = format!("/api/v1/purchases/{}/erase", text(&order["id"]));
    app.post(&path).json(json!({})).refused(401, "sign_in_required").await;
    erase(&app, &order, &other_link, json!({})).refused(404, "reservation_not_found").await;
    for wrong in ["nonsense", &"A".repeat(56)] {
        let wish = json!({"confirmation": wrong});
        erase(&app, &order, &link, wish).refused(403, "confirmation_invalid").await;
    }
    erase(&app, &order, &link, json!({"confirmation": &link[..64]}))
        .refused(403, "confirmation_invalid")
        .await;
    // The mail of one address confirms nothing for another's orders.
    erase(&app, &others, &other_link, json!({})).send().await;
    app.idle().await;
    let evas = json!({"confirmation": mailed_confirmation(&app, "eva.otra@example.com")});
    erase(&app, &order, &link, evas.clone()).refused(403, "confirmation_invalid").await;
    // A day later it confirms nothing any more.
    app.clock.advance(DAY);
    erase(&app, &others, &other_link, evas).refused(403, "confirmation_invalid").await;
    for _ in 0..3 {
        assert_eq!(erase(&app, &order, &link, json!({})).send().await.status, 202);
    }
    erase(&app, &order, &link, json!({})).refused(429, "too_many_tries").await;
    assert!(!everything(&app).await.iter().any(|(key, _)| key.starts_with("ERASE")));
    app.close().await;
}
