//! Transfers of tickets between holders.

use serde_json::{Value, json};
use testkit::{Show, TestApp, TestUser};

/// Longer than the functions cache the events of tickets.
const A_WHILE: std::time::Duration = std::time::Duration::from_secs(31);

async fn ticket_of(app: &TestApp, show: &Show, buyer: &TestUser) -> String {
    let bought = app.buy(&buyer.token, &show.id, json!({"area_id": show.area, "quantity": 1})).await;
    bought["tickets"][0]["id"].as_str().expect("an id").to_owned()
}

async fn offer(app: &TestApp, from: &TestUser, ticket: &str, to: &str) -> Value {
    let body = json!({"ticket_id": ticket, "to_email": to, "reason": "No puedo ir"});
    app.post("/api/v1/transfers/initiate").token(&from.token).json(body).ok().await
}

/// The token in the latest mail to an address.
fn token(app: &TestApp, to: &str) -> String {
    let mails = app.mails(to);
    let text = mails.last().and_then(|mail| mail.text.clone()).expect("a mail");
    let (_, token) = text.split_once("transfers/accept?token=").expect("a link");
    token.split_whitespace().next().expect("a token").to_owned()
}

async fn tickets(app: &TestApp, somebody: &TestUser) -> Vec<Value> {
    let mut tickets = Vec::new();
    let mut path = "/api/v1/tickets?limit=2".to_owned();
    loop {
        let page = app.get(&path).token(&somebody.token).ok().await;
        tickets.extend(page["items"].as_array().expect("items").iter().cloned());
        let Some(cursor) = page["next_cursor"].as_str() else { return tickets };
        path = format!("/api/v1/tickets?limit=2&cursor={cursor}");
    }
}

#[tokio::test]
async fn a_ticket_goes_to_a_friend_and_its_old_code_is_void() {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.show(&organizer, "Los Faroles", 10, 0).await;
    let (ana, eva) = (app.confirmed("ana").await, app.confirmed("eva").await);
    let ticket = ticket_of(&app, &show, &ana).await;
    let path = format!("/api/v1/tickets/{ticket}");
    let old = app.get(&path).token(&ana.token).ok().await;
    app.idle().await;
    let mails = app.mails(&eva.email).len();

    let offered = offer(&app, &ana, &ticket, &eva.email).await;
    assert_eq!((&offered["state"], &offered["direction"]), (&json!("initiated"), &json!("sent")));
    app.idle().await;
    assert_eq!(app.mails(&eva.email).len(), mails + 1);
    let body = json!({"ticket_id": ticket, "to_email": "otro@example.com"});
    app.post("/api/v1/transfers/initiate").token(&ana.token).json(body).refused(409, "transfer_open").await;

    let body = json!({"token": token(&app, &eva.email)});
    let accept = || app.post("/api/v1/transfers/accept").json(body.clone());
    accept().refused(401, "sign_in_required").await;
    accept().token(&ana.token).refused(409, "own_transfer").await;
    let accepted = accept().token(&eva.token).ok().await;
    assert_eq!((&accepted["id"], &accepted["received"]), (&json!(ticket), &json!(true)));
    assert_eq!(accept().token(&eva.token).ok().await, accepted, "again is the same");
    let late = app.somebody("tarde").await;
    accept().token(&late.token).refused(409, "transfer_accepted").await;
    app.idle().await;
    let mail = app.mails(&eva.email).last().cloned().expect("a mail");
    assert_eq!(mail.attachments.len(), 1, "the new code");

    app.get(&path).token(&ana.token).refused(404, "ticket_not_found").await;
    assert!(tickets(&app, &ana).await.is_empty());
    let mine = tickets(&app, &eva).await;
    assert_eq!((mine.len(), &mine[0]["id"]), (1, &json!(ticket)));
    for (somebody, direction) in [(&ana, "sent"), (&eva, "received")] {
        let history = app.get("/api/v1/transfers/history").token(&somebody.token).ok().await;
        let [transfer] = &history["items"].as_array().expect("items")[..] else { panic!("{history}") };
        assert_eq!((&transfer["direction"], &transfer["state"]), (&json!(direction), &json!("accepted")));
    }

    let new = app.get(&path).token(&eva.token).ok().await;
    let scan = |code: &Value| {
        let body = json!({"code": code, "event_id": show.id});
        app.post("/api/v1/qr/validate").token(&organizer.token).json(body)
    };
    assert_eq!(scan(&old["code"]).ok().await["reason"], "transferred");
    assert_eq!(scan(&new["code"]).ok().await["result"], "admitted");
    let body = json!({"ticket_id": ticket, "to_email": ana.email});
    app.post("/api/v1/transfers/initiate").token(&eva.token).json(body).refused(409, "ticket_used").await;
    app.close().await;
}

#[tokio::test]
async fn an_offer_ends_by_cancelling_by_time_and_by_the_event() {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.show(&organizer, "Los Faroles", 10, 0).await;
    let (ana, eva) = (app.confirmed("ana").await, app.confirmed("eva").await);
    let ticket = ticket_of(&app, &show, &ana).await;

    let offered = offer(&app, &ana, &ticket, &eva.email).await;
    app.idle().await;
    let accept = json!({"token": token(&app, &eva.email)});
    let cancel = json!({"transfer_id": offered["id"]});
    let cancelling = || app.post("/api/v1/transfers/cancel").json(cancel.clone());
    cancelling().token(&eva.token).refused(404, "transfer_not_found").await;
    let cancelled = cancelling().token(&ana.token).ok().await;
    assert_eq!(cancelling().token(&ana.token).ok().await, cancelled);
    app.post("/api/v1/transfers/accept")
        .token(&eva.token)
        .json(accept)
        .refused(410, "transfer_cancelled")
        .await;

    offer(&app, &ana, &ticket, &eva.email).await;
    app.idle().await;
    let accept = json!({"token": token(&app, &eva.email)});
    app.clock.advance(std::time::Duration::from_secs(73 * 3600));
    let eva = app.sign_in(&eva.email, None).await;
    app.post("/api/v1/transfers/accept")
        .token(&eva.token)
        .json(accept)
        .refused(410, "transfer_expired")
        .await;

    app.clock.advance(std::time::Duration::from_secs(6 * 24 * 3600));
    let (ana, eva) = (app.sign_in(&ana.email, None).await, app.sign_in(&eva.email, None).await);
    let body = json!({"ticket_id": ticket, "to_email": eva.email});
    app.post("/api/v1/transfers/initiate")
        .token(&ana.token)
        .json(body.clone())
        .refused(409, "event_started")
        .await;
    let (formless, ruled_out) = ((400, "invalid_fields"), (422, "refused_fields"));
    for (field, value, (status, code)) in [
        ("to_email", json!("nobody"), formless),
        ("to_email", json!(ana.email), ruled_out),
        ("reason", json!("x".repeat(301)), formless),
    ] {
        let mut body = body.clone();
        body[field] = value;
        app.post("/api/v1/transfers/initiate").token(&ana.token).json(body).refused(status, code).await;
    }
    app.post("/api/v1/transfers/accept")
        .token(&eva.token)
        .json(json!({"token": "x"}))
        .refused(404, "transfer_not_found")
        .await;
    app.close().await;
}

#[tokio::test]
async fn a_ticket_changes_hands_three_times_at_most() {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.show(&organizer, "Los Faroles", 10, 0).await;
    let (ana, eva) = (app.confirmed("ana").await, app.confirmed("eva").await);
    let ticket = ticket_of(&app, &show, &ana).await;
    for (from, to) in [(&ana, &eva), (&eva, &ana), (&ana, &eva)] {
        offer(&app, from, &ticket, &to.email).await;
        app.idle().await;
        let body = json!({"token": token(&app, &to.email)});
        app.post("/api/v1/transfers/accept").token(&to.token).json(body).ok().await;
        app.idle().await;
        assert_eq!(tickets(&app, to).await.len(), 1);
        assert_eq!(tickets(&app, from).await.len(), 0);
    }
    let body = json!({"ticket_id": ticket, "to_email": ana.email});
    app.post("/api/v1/transfers/initiate")
        .token(&eva.token)
        .json(body)
        .refused(409, "too_many_transfers")
        .await;
    app.close().await;
}

#[tokio::test]
async fn the_organiser_says_how_often_and_until_when_tickets_change_hands() {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.show(&organizer, "Los Faroles", 10, 0).await;
    let (ana, eva) = (app.confirmed("ana").await, app.confirmed("eva").await);
    let ticket = ticket_of(&app, &show, &ana).await;
    let url = format!("/api/v1/events/{}", show.id);
    let rule = async |rule: Value| {
        let changed = app.patch(&url).token(&organizer.token).json(rule).ok().await;
        app.clock.advance(A_WHILE);
        changed
    };
    let initiate = |from: &TestUser, to: &TestUser| {
        let body = json!({"ticket_id": ticket, "to_email": to.email});
        app.post("/api/v1/transfers/initiate").token(&from.token).json(body)
    };
    let accept = || {
        let body = json!({"token": token(&app, &eva.email)});
        app.post("/api/v1/transfers/accept").token(&eva.token).json(body)
    };

    rule(json!({"transfer_limit": 1})).await;
    offer(&app, &ana, &ticket, &eva.email).await;
    app.idle().await;
    rule(json!({"transfer_limit": 0})).await;
    accept().refused(409, "transfers_closed").await;
    initiate(&ana, &eva).refused(409, "transfers_closed").await;
    rule(json!({"transfer_limit": 1})).await;
    accept().ok().await;
    app.idle().await;
    initiate(&eva, &ana).refused(409, "too_many_transfers").await;

    let hour = std::time::Duration::from_secs(3600);
    let closes_at = (app.clock.now() + hour).round(jiff::Unit::Second).expect("in range");
    let event = rule(json!({"transfer_limit": 3, "transfers_close_at": closes_at})).await;
    let public = app.get(format!("/api/v1/public/events/{}", show.slug)).ok().await;
    for view in [&event, &public] {
        assert_eq!(
            (&view["transfer_limit"], &view["transfers_close_at"]),
            (&json!(3), &json!(closes_at)),
            "{view}"
        );
    }
    let offered = offer(&app, &eva, &ticket, &ana.email).await;
    assert_eq!(offered["expires_at"], json!(closes_at), "no offer outlives the closing");
    app.idle().await;
    app.clock.advance(hour);
    let (ana, eva) = (app.sign_in(&ana.email, None).await, app.sign_in(&eva.email, None).await);
    let organizer = app.sign_in(&organizer.person.email, Some(&organizer.tenant)).await;
    let body = json!({"token": token(&app, &ana.email)});
    app.post("/api/v1/transfers/accept").token(&ana.token).json(body).refused(410, "transfer_expired").await;
    initiate(&eva, &ana).refused(409, "transfers_closed").await;

    let day = std::time::Duration::from_secs(24 * 3600);
    let starts_at: domain::Timestamp = event["starts_at"].as_str().expect("text").parse().expect("a time");
    let later = json!({"starts_at": starts_at + day});
    let moved = app.patch(&url).token(&organizer.token).json(later.clone()).ok().await;
    assert_eq!(moved["transfers_close_at"], json!(closes_at + day), "it moves with the show");
    let copy = app.post(format!("{url}/duplicate")).token(&organizer.token).json(later).ok().await;
    assert_eq!((&copy["transfers_close_at"], &copy["transfer_limit"]), (&json!(closes_at + day), &json!(3)));
    for (changes, status, code) in [
        (json!({"transfers_close_at": starts_at + day * 2}), 422, "refused_fields"),
        (json!({"transfer_limit": 4}), 400, "invalid_fields"),
    ] {
        app.patch(&url).token(&organizer.token).json(changes).refused(status, code).await;
    }
    let open = json!({"transfers_close_at": null});
    let open = app.patch(&url).token(&organizer.token).json(open).ok().await;
    assert_eq!(open["transfers_close_at"], Value::Null);
    app.close().await;
}

#[tokio::test]
async fn an_offer_quotes_its_senders_message_without_links() {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.show(&organizer, "Los Faroles en premio.example", 10, 0).await;
    let ana = app.confirmed("ana").await;
    let ticket = ticket_of(&app, &show, &ana).await;
    let name = json!({"name": "Tu cuenta fue bloqueada, entra en premio.example"});
    app.patch("/api/v1/auth/me").token(&ana.token).json(name).ok().await;
    let ana = app.sign_in(&ana.email, None).await;
    let reason = "Tu cuenta fue bloqueada» Entra en https://premio.example/x o llama al 300 555 0100";
    let body = json!({"ticket_id": ticket, "to_email": "eva@example.com", "reason": reason});
    app.post("/api/v1/transfers/initiate").token(&ana.token).json(body).ok().await;
    app.idle().await;
    let mail = app.mails("eva@example.com").last().cloned().expect("a mail");
    assert_eq!(mail.subject, "Te ofrecen una entrada");
    let (text, html) = (mail.text.clone().expect("text"), mail.html.clone().expect("a page"));
    for part in [&text, &html] {
        assert!(!part.contains("premio.example") && !part.contains("300 555"), "{part}");
        assert!(part.contains("Te la pasa ana@example.com."), "{part}");
        assert!(part.contains("Su mensaje, que no escribió Taquilla: «Tu cuenta"), "{part}");
        assert_eq!(part.matches('»').count(), 1, "{part}");
    }
    app.close().await;
}

#[tokio::test]
async fn a_sender_must_confirm_the_address_before_offering_a_ticket() {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.show(&organizer, "Los Faroles", 10, 0).await;
    let ana = app.somebody("ana").await;
    let ticket = ticket_of(&app, &show, &ana).await;
    let body = json!({"ticket_id": ticket, "to_email": "eva@example.com"});
    app.post("/api/v1/transfers/initiate")
        .token(&ana.token)
        .json(body)
        .refused(403, "email_unverified")
        .await;
    app.close().await;
}

#[tokio::test]
async fn a_sender_makes_at_most_forty_offers_a_day() {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.show(&organizer, "Los Faroles", 50, 0).await;
    let ana = app.confirmed("ana").await;
    let mut tickets = Vec::new();
    for _ in 0..5 {
        let bought = app.buy(&ana.token, &show.id, json!({"area_id": show.area, "quantity": 9})).await;
        tickets.extend(bought["tickets"].as_array().expect("tickets").clone());
    }
    let offer = |index: usize| {
        let body = json!({"ticket_id": tickets[index]["id"], "to_email": format!("eva{index}@example.com")});
        app.post("/api/v1/transfers/initiate").token(&ana.token).json(body)
    };
    for index in 0..40 {
        offer(index).ok().await;
    }
    offer(40).refused(429, "too_many_tries").await;
    app.idle().await;
    assert!(app.mails("eva40@example.com").is_empty());
    app.close().await;
}

#[tokio::test]
async fn tickets_are_listed_page_by_page() {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.show(&organizer, "Los Faroles", 50, 0).await;
    let ana = app.confirmed("ana").await;
    let mut bought = Vec::new();
    for quantity in [1, 3, 1, 1] {
        let line = json!({"area_id": show.area, "quantity": quantity});
        let purchase = app.buy(&ana.token, &show.id, line).await;
        bought.push(
            purchase["tickets"]
                .as_array()
                .expect("tickets")
                .iter()
                .map(|ticket| ticket["id"].clone())
                .collect::<Vec<_>>(),
        );
        app.clock.advance(std::time::Duration::from_secs(2));
    }
    bought.reverse();
    let listed: Vec<Value> = tickets(&app, &ana).await.iter().map(|ticket| ticket["id"].clone()).collect();
    assert_eq!(listed, bought.concat(), "the latest order first");
    app.close().await;
}

#[tokio::test]
async fn a_refused_offer_frees_its_idempotency_key() {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.show(&organizer, "Los Faroles", 10, 0).await;
    let ana = app.confirmed("ana").await;
    let ticket = ticket_of(&app, &show, &ana).await;
    let first = offer(&app, &ana, &ticket, "eva@example.com").await;
    let body = json!({"ticket_id": ticket, "to_email": "uma@example.com"});
    let again =
        || app.post("/api/v1/transfers/initiate").token(&ana.token).idempotent("one").json(body.clone());
    again().refused(409, "transfer_open").await;
    let cancel = json!({"transfer_id": first["id"]});
    app.post("/api/v1/transfers/cancel").token(&ana.token).json(cancel).ok().await;
    // The refused request freed the key, so it is not in progress.
    assert_eq!(again().ok().await["to_email"], "uma@example.com");
    app.close().await;
}
