//! Products beside tickets: from the organiser's list to the bar, and back.

use serde_json::{Value, json};
use testkit::{Organizer, TestApp};

use crate::flows::purchase::read_qr;
use crate::products::{buy_with, drink, left, reserve_with, voucher_code};

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

/// Makes a shirt of this event in two sizes.
async fn shirt(app: &TestApp, organizer: &Organizer, event: &str) -> Value {
    let new = json!({
        "name": "Camiseta", "kind": "merchandise", "max_per_order": 3,
        "variants": [
            {"name": "M", "price": 45_000, "stock": 20, "attributes": [{"name": "talla", "value": "M"}]},
            {"name": "L", "price": 45_000},
        ],
    });
    app.post(format!("/api/v1/products?event_id={event}")).token(&organizer.token).json(new).ok().await
}

#[tokio::test]
async fn a_drink_is_bought_with_tickets_handed_out_once_and_refunded() {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.show(&organizer, "Los Faroles", 10, 50_000).await;
    let scanner = app.staff(&organizer, "barra", "scanner").await;
    let ana = app.somebody("ana").await;
    let variant = drink(&app, &organizer, 10, 8_000).await;
    let listed = app.get(format!("/api/v1/public/events/{}/products", show.slug)).ok().await;
    let offered = &listed["items"][0]["variants"][0];
    assert_eq!((&offered["left"], &offered["price"]["total"]), (&json!(10), &json!(8_000)), "{listed}");

    let tickets = json!({"area_id": show.area, "quantity": 2});
    let drinks = json!({"variant_id": variant, "quantity": 3});
    let order = buy_with(&app, &ana.token, &show.id, tickets, drinks).await;
    assert_eq!((&order["status"], &order["total"]), (&json!("paid"), &json!(124_000)));
    assert_eq!(order["extras"][0]["name"], "Cerveza, 500 ml");
    assert_eq!((order["tickets"].as_array().map(Vec::len), left(&app, &organizer.token).await), (Some(2), 7));
    let mails = app.mails(&ana.email);
    let mail = mails.last().expect("a mail");
    let codes: Vec<String> = mail.attachments.iter().map(|image| read_qr(&image.content)).collect();
    let kinds: Vec<&str> = codes.iter().map(|code| &code[..4]).collect();
    assert_eq!(kinds, ["TQ1:", "TQ1:", "TP1:", "TP1:", "TP1:"], "tickets first");
    let vouchers = order["vouchers"].as_array().expect("vouchers").clone();
    assert_eq!(voucher_code(&app, &ana.token, &vouchers[0]).await, codes[2], "the same code by the API");
    let foreign = app.get(format!("/api/v1/qr/{}", text(&vouchers[0]["id"]))).token(&organizer.token);
    foreign.refused(404, "voucher_not_found").await;

    // A door admits nobody on a drink, and takes none away.
    let scan = |code: &str, accepts: Value| {
        let body = json!({"code": code, "event_id": show.id, "accepts": accepts});
        app.post("/api/v1/qr/validate").token(&scanner.token).json(body).ok()
    };
    let door = app.post("/api/v1/qr/validate").token(&scanner.token);
    let door = door.json(json!({"code": codes[2], "event_id": show.id})).ok().await;
    assert_eq!((&door["reason"], &door["kind"]), (&json!("wrong_kind"), &json!("voucher")), "{door}");
    assert_eq!(
        scan(&codes[0], json!(["voucher"])).await["reason"],
        "wrong_kind",
        "nor does a bar take tickets"
    );
    let handed = scan(&codes[2], json!(["voucher"])).await;
    assert_eq!((&handed["result"], &handed["product"]), (&json!("admitted"), &json!("Cerveza, 500 ml")));
    assert_eq!(handed["message"], "Entregar: Cerveza, 500 ml.");
    let again = scan(&codes[2], json!(["voucher", "ticket"])).await;
    assert_eq!((&again["result"], &again["reason"]), (&json!("refused"), &json!("already_used")));
    // A bar that hands out something else only.
    let elsewhere = json!({"code": codes[3], "event_id": show.id, "accepts": ["voucher"],
        "variants": ["var_01jd8m3n7kf8bq4v3k7w2r9s5t"]});
    let elsewhere = app.post("/api/v1/qr/validate").token(&scanner.token).json(elsewhere).ok().await;
    assert_eq!(elsewhere["reason"], "wrong_kind");
    assert_eq!(
        scan(&codes[0], json!(["ticket"])).await["result"],
        "admitted",
        "it was not used up at the bar"
    );

    let path = format!("/api/v1/purchases/{}", text(&order["id"]));
    let seen = app.get(&path).token(&ana.token).ok().await;
    let state = |index: usize| seen["vouchers"][index]["status"].clone();
    assert_eq!([state(0), state(1)], [json!("handed_out"), json!("valid")]);
    assert!(seen["vouchers"][0]["handed_out_at"].is_string());
    let door =
        |what: &str| app.get(format!("/api/v1/door/events/{}/{what}", show.id)).token(&organizer.token).ok();
    let stats = door("stats").await;
    assert_eq!((&stats["admitted"], &stats["handed_out"]), (&json!(1), &json!(1)), "{stats}");
    let (mut gates, mut voucher_gates, mut page) = (Vec::new(), Vec::new(), door("manifest").await);
    loop {
        gates.extend(page["gates"].as_array().expect("gates").clone());
        voucher_gates.extend(page["voucher_gates"].as_array().expect("gates").clone());
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        page = door(&format!("manifest?cursor={cursor}")).await;
    }
    let ids = |gates: &[Value], name: &str| gates.iter().map(|gate| gate[name].clone()).collect::<Vec<_>>();
    assert_eq!(ids(&gates, "ticket_id"), [order["tickets"][0]["id"].clone()]);
    assert_eq!(ids(&voucher_gates, "voucher_id"), [vouchers[0]["id"].clone()]);

    // The drink that was fetched is not refunded; another one is, and nothing but that.
    let refund = |vouchers: Value| {
        let body = json!({"event_id": show.id, "vouchers": vouchers});
        app.post(format!("{path}/refund")).token(&organizer.token).json(body)
    };
    let used = refund(json!([vouchers[0]["id"], vouchers[1]["id"]])).refused(409, "voucher_used").await;
    assert!(used["used_at"].is_string());
    refund(json!([order["id"]])).refused(400, "invalid_fields").await;
    for _ in 0..2 {
        let refunded = refund(json!([vouchers[1]["id"]])).ok().await;
        assert_eq!(refunded["status"], "partly_refunded");
        app.idle().await;
    }
    let seen = app.get(&path).token(&ana.token).ok().await;
    assert_eq!((&seen["refunded"], &seen["vouchers"][1]["status"]), (&json!(8_000), &json!("revoked")));
    assert!(seen["tickets"].as_array().expect("tickets").iter().all(|ticket| ticket["refunded"] == false));
    assert_eq!(left(&app, &organizer.token).await, 8, "one is for sale again");
    assert_eq!(scan(&codes[3], json!(["voucher"])).await["reason"], "revoked");
    let qr = app.get(format!("/api/v1/qr/{}", text(&vouchers[1]["id"]))).token(&ana.token);
    qr.refused(409, "voucher_revoked").await;
    // Tickets alone, though one was used; the last drink stays good.
    let tickets = json!({"event_id": show.id, "tickets": [order["tickets"][1]["id"]]});
    app.post(format!("{path}/refund")).token(&organizer.token).json(tickets).ok().await;
    app.idle().await;
    assert_eq!(scan(&codes[4], json!(["voucher"])).await["result"], "admitted");
    app.close().await;
}

#[tokio::test]
async fn products_alone_are_an_order_if_none_needs_a_ticket() {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.show(&organizer, "Los Faroles", 10, 50_000).await;
    let ana = app.somebody("ana").await;
    let beer = drink(&app, &organizer, 10, 8_000).await;
    let shirt = shirt(&app, &organizer, &show.id).await;
    let quote = |extras: Value| {
        app.post("/api/v1/public/quotes").json(json!({"event_id": show.id, "extras": extras}))
    };
    let shirts = json!([{"variant_id": shirt["variants"][0]["id"], "quantity": 1}]);
    let refused = quote(shirts).refused(409, "product_needs_ticket").await;
    assert_eq!(refused["variant_id"], shirt["variants"][0]["id"]);
    quote(json!([])).refused(422, "refused_fields").await;

    let extra = json!({"variant_id": beer, "quantity": 2});
    let order = buy_with(&app, &ana.token, &show.id, None, extra).await;
    assert_eq!((&order["total"], &order["tickets"]), (&json!(16_000), &json!([])));
    let mails = app.mails(&ana.email);
    let mail = mails.last().expect("a mail");
    assert_eq!((mail.subject.as_str(), mail.attachments.len()), ("Tu compra para Los Faroles", 2));
    let path = format!("/api/v1/purchases/{}/refund", text(&order["id"]));
    let all = app.post(&path).token(&organizer.token).json(json!({"event_id": show.id})).ok().await;
    assert_eq!(all["status"], "refunded", "{all}");
    app.idle().await;
    assert_eq!(left(&app, &organizer.token).await, 10);
    app.close().await;
}

#[tokio::test]
async fn stages_and_promotions_of_products_leave_tickets_alone() {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.show(&organizer, "Los Faroles", 10, 50_000).await;
    let ana = app.somebody("ana").await;
    let beer = drink(&app, &organizer, 100, 8_000).await;
    let make = |path: String, body: Value| app.post(path).token(&organizer.token).json(body);
    let stage = |target: &str| {
        json!({"stage_name": "Hora feliz", "price_adjustment_type": "percentage",
            "price_adjustment_value": -50, "quantity_available": 3, "target_product_variant_id": target})
    };
    let stages = format!("/api/v1/events/{}/sale-stages", show.id);
    make(stages.clone(), stage("var_01jd8m3n7kf8bq4v3k7w2r9s5t")).refused(422, "refused_fields").await;
    let made = make(stages.clone(), stage(&beer)).ok().await;
    assert_eq!(made["target_product_variant_id"], json!(beer));
    let promotion = json!({"promotion_name": "Bar", "promotion_code": "BARRA", "discount_type": "percentage",
        "discount_value": 10, "applies_to": "product", "target_product_variant_id": beer});
    make("/api/v1/promotions".to_owned(), promotion).ok().await;

    let quote = |drinks: u32| {
        let body = json!({
            "event_id": show.id, "promotion_code": "BARRA",
            "lines": [{"area_id": show.area, "quantity": 1}],
            "extras": [{"variant_id": beer, "quantity": drinks}],
        });
        app.post("/api/v1/public/quotes").json(body).ok()
    };
    let happy = quote(2).await;
    assert_eq!((&happy["lines"][0]["total"], &happy["extras"][0]["total"]), (&json!(50_000), &json!(7_200)));
    assert_eq!(happy["promotion_applied"], true);
    let many = quote(4).await;
    assert_eq!(many["extras"][0]["total"], 28_800, "more than the stage has left: {many}");
    assert_eq!(many["outgrown_stages"][0]["variant_id"], json!(beer));
    let reserve = app.post("/api/v1/reservations").token(&ana.token);
    reserve.json(json!({"quote": happy["quote"]})).ok().await;
    let listed = app.get(&stages).token(&organizer.token).ok().await;
    assert_eq!(listed["items"][0]["remaining"], 1, "the hold took two of the stage");

    let code = json!({"event_id": show.id, "lines": [{"area_id": show.area, "quantity": 1}]});
    let tickets_only = app.post("/api/v1/promotions/BARRA/validate").json(code).ok().await;
    assert_eq!(tickets_only["reason"], "not_for_tickets");
    let code = json!({"event_id": show.id, "extras": [{"variant_id": beer, "quantity": 1}]});
    assert_eq!(app.post("/api/v1/promotions/BARRA/validate").json(code).ok().await["applies"], true);
    app.close().await;
}

#[tokio::test]
async fn the_last_units_are_one_buyers() {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.show(&organizer, "Los Faroles", 10, 50_000).await;
    let [ana, beto] = [app.somebody("ana").await, app.somebody("beto").await];
    let beer = drink(&app, &organizer, 3, 8_000).await;
    let extra = |quantity: u32| json!({"variant_id": beer, "quantity": quantity});
    let quote =
        json!({"event_id": show.id, "lines": [{"area_id": show.area, "quantity": 1}], "extras": [extra(2)]});
    let quote = app.post("/api/v1/public/quotes").json(quote).ok().await;
    reserve_with(&app, &ana.token, &show.id, None, extra(2)).await;
    let late = app.post("/api/v1/reservations").token(&beto.token).json(json!({"quote": quote["quote"]}));
    let refused = late.refused(409, "product_sold_out").await;
    assert_eq!((&refused["variant_id"], &refused["left"]), (&json!(beer), &json!(1)));
    let places = format!("/api/v1/public/events/{}/areas/{}/availability", show.slug, show.area);
    assert_eq!(app.get(places).ok().await["left"], 10, "the ticket of the refused hold is free again");

    // What is switched off is not held either, at whatever price it was quoted.
    let quote = json!({"event_id": show.id, "extras": [extra(1)]});
    let quote = app.post("/api/v1/public/quotes").json(quote).ok().await;
    let products = app.get("/api/v1/products").token(&organizer.token).ok().await;
    let product = format!("/api/v1/products/{}", text(&products["items"][0]["id"]));
    app.patch(&product).token(&organizer.token).json(json!({"active": false})).ok().await;
    app.clock.advance(std::time::Duration::from_secs(10));
    let off = app.post("/api/v1/reservations").token(&beto.token).json(json!({"quote": quote["quote"]}));
    off.refused(409, "quote_outdated").await;
    app.close().await;
}

#[tokio::test]
async fn an_organiser_changes_copies_and_deletes_products() {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let stranger = app.organizer("otra").await;
    let show = app.show(&organizer, "Los Faroles", 10, 50_000).await;
    let made = shirt(&app, &organizer, &show.id).await;
    let at = |rest: &str| format!("/api/v1/products/{}{rest}?event_id={}", text(&made["id"]), show.id);
    let variants = made["variants"].as_array().expect("variants");
    let medium = variants.iter().find(|variant| variant["name"] == "M").expect("a size");
    let size = format!("/variants/{}", text(&medium["id"]));
    app.get(at("")).token(&stranger.token).refused(404, "event_not_found").await;
    let of_all = format!("/api/v1/products/{}", text(&made["id"]));
    app.get(&of_all).token(&organizer.token).refused(404, "product_not_found").await;

    let change = |path: String, body: Value| app.patch(path).token(&organizer.token).json(body);
    let renamed = change(at(""), json!({"name": "Camiseta negra", "version": 1})).ok().await;
    assert_eq!((&renamed["name"], &renamed["version"]), (&json!("Camiseta negra"), &json!(2)));
    change(at(""), json!({"position": 2, "version": 1})).refused(409, "changed_meanwhile").await;
    let added = app.post(at("/variants")).token(&organizer.token);
    let added = added.json(json!({"name": "S", "price": 44_000, "stock": 1})).ok().await;
    assert_eq!((added["variants"].as_array().map(Vec::len), &added["version"]), (Some(3), &json!(3)));
    let twice = app.post(at("/variants")).token(&organizer.token).json(json!({"name": "S", "price": 1}));
    twice.refused(422, "refused_fields").await;
    let ana = app.somebody("ana").await;
    let line = json!({"area_id": show.area, "quantity": 1});
    let extra = json!({"variant_id": medium["id"], "quantity": 3});
    let order = buy_with(&app, &ana.token, &show.id, line, extra).await;
    let few = change(at(&size), json!({"stock": 2})).refused(409, "not_enough_free").await;
    assert_eq!(few["free"], 17);
    let fewer = change(at(&size), json!({"stock": 3})).ok().await;
    assert_eq!((&fewer["stock"], &fewer["remaining"]), (&json!(3), &json!(0)));
    let delete = |path: String| app.delete(path).token(&organizer.token);
    delete(at(&size)).refused(409, "product_has_sales").await;
    delete(at("")).refused(409, "product_has_sales").await;

    // The copy of the show has products and a stage of its own, all unsold.
    let stage = json!({"stage_name": "Feria", "price_adjustment_type": "fixed", "price_adjustment_value": -5_000,
        "target_product_variant_id": medium["id"]});
    let stages = format!("/api/v1/events/{}/sale-stages", show.id);
    app.post(stages).token(&organizer.token).json(stage).ok().await;
    let starts_at = (app.clock.now() + std::time::Duration::from_secs(40 * 24 * 3600)).to_string();
    let copy = app.post(format!("/api/v1/events/{}/duplicate", show.id)).token(&organizer.token);
    let copy = text(&copy.json(json!({"starts_at": starts_at})).ok().await["id"]).to_owned();
    let copied = app.get(format!("/api/v1/products?event_id={copy}")).token(&organizer.token).ok().await;
    let new = copied["items"][0]["variants"].as_array().expect("variants");
    let new = new.iter().find(|variant| variant["name"] == "M").expect("a size");
    assert_eq!((&new["stock"], &new["remaining"]), (&json!(3), &json!(3)), "{copied}");
    let stages = app.get(format!("/api/v1/events/{copy}/sale-stages")).token(&organizer.token).ok().await;
    assert_eq!(stages["items"][0]["target_product_variant_id"], new["id"]);
    assert_ne!(new["id"], medium["id"]);
    delete(format!("/api/v1/events/{copy}")).ok().await;

    // Once everything is back, it may go; the order keeps the name.
    let refund = app.post(format!("/api/v1/purchases/{}/refund", text(&order["id"]))).token(&organizer.token);
    refund.json(json!({"event_id": show.id})).ok().await;
    app.idle().await;
    delete(at("")).ok().await;
    app.get(at("")).token(&organizer.token).refused(404, "product_not_found").await;
    let seen = app.get(format!("/api/v1/purchases/{}", text(&order["id"]))).token(&ana.token).ok().await;
    assert_eq!(seen["extras"][0]["name"], "Camiseta negra, M");
    app.close().await;
}
