//! Members' requests for discounts, and the suggestions of the rules.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::Show;

use crate::community::{Community, text};

/// A window of the limits: after it, requests are accepted again.
const NEXT_WINDOW: Duration = Duration::from_secs(15 * 60);

async fn suggestion(house: &Community, request: &Value) -> (String, f64, String) {
    let queued = house.queued(text(&request["id"])).await;
    let score = queued["confidence_score"].as_f64().expect("a number");
    (text(&queued["suggested_decision"]).to_owned(), score, text(&queued["reasoning"]).to_owned())
}

#[tokio::test]
async fn a_member_asks_and_follows_the_request() {
    let house = Community::open().await;
    let show = house.show("Los Faroles", 40).await;
    let ana = house.member("ana").await;

    let before = house.app.cloud.services().meter().snapshot();
    let asked = house.ask(&ana, &show).send().await;
    let used = house.app.cloud.services().meter().snapshot().since(&before);
    assert_eq!(asked.status, 201, "{}", asked.text());
    let asked = asked.json();
    let (id, request_id) = (&asked["id"], &asked["request_id"]);
    assert_eq!((id, &asked["show_id"]), (request_id, &json!(show.id)));
    assert_eq!((&asked["status"], asked.get("decision_type")), (&json!("pending"), None));
    assert_eq!(asked["show_description"], "Los Faroles, Teatro La Chicharra, Bogotá");
    assert!(!asked.to_string().contains(&ana), "{asked}");
    // The request and its entry in the queue, and one unit for the limit.
    assert_eq!(used.prefixes["DR"].write_units, 2.0, "{used:?}");
    assert!(used.callers["discounts"].write_units <= 4.0, "{used:?}");

    let open = house.ask(&ana.to_uppercase(), &show).refused(409, "request_open").await;
    assert_eq!(&open["id"], id);
    let path = format!("/api/v1/discounts/requests/{}", text(id));
    assert_eq!(house.app.get(&path).ok().await, asked);

    house.act(text(id), json!({"action": "approve"})).ok().await;
    assert_eq!(house.app.get(&path).ok().await, asked, "nothing shows before it is mailed");
    house.send(text(id)).ok().await;
    let sent = house.app.get(&path).ok().await;
    assert_eq!((&sent["status"], &sent["decision_type"]), (&json!("sent"), &json!("approved")));
    assert!(sent["sent_at"].is_string());
    assert!(!sent.to_string().contains("SOCIO-"), "{sent}");
    let given = house.ask(&ana, &show).refused(409, "discount_already_given").await;
    assert_eq!(&given["id"], id);

    house
        .app
        .get("/api/v1/discounts/requests/drq_00000000000000000000000000")
        .refused(404, "request_not_found")
        .await;
    house.app.close().await;
}

#[tokio::test]
async fn a_member_who_may_not_ask_is_told_why() {
    let house = Community::open().await;
    let show = house.show("Los Faroles", 40).await;
    house.member_who("inactiva", json!({"subscription_active": false})).await;
    house.member_who("debe", json!({"monthly_fee_current": false})).await;
    for (name, code) in
        [("nadie", "email_not_found"), ("inactiva", "subscription_inactive"), ("debe", "fee_overdue")]
    {
        let problem = house.ask(&format!("{name}@example.com"), &show).refused(403, code).await;
        assert!(text(&problem["detail"]).len() > 20, "{problem}");
    }
    let queue = house.get("queue").ok().await;
    assert_eq!(queue["items"], json!([]), "who is refused leaves nothing behind");

    // The rules have no exception: the member may ask again only once the fee is paid.
    let page = house.app.get("/api/v1/users/list?q=debe").token(&house.organizer.token).ok().await;
    let path = format!("/api/v1/users/{}/payment-status", text(&page["items"][0]["id"]));
    let paid = json!({"monthly_fee_current": true});
    house.app.patch(path).token(&house.organizer.token).json(paid).ok().await;
    house.ask("debe@example.com", &show).ok().await;
    house.app.close().await;
}

#[tokio::test]
async fn only_public_shows_with_discounts_can_be_asked_for() {
    let house = Community::open().await;
    let ana = house.member("ana").await;
    let without = house.app.show(&house.organizer, "Marea Baja", 100, 1000).await;
    house.ask(&ana, &without).refused(409, "no_discounts_offered").await;
    let draft = house.app.draft(&house.organizer, "Ensayo").await;
    let draft = Show { id: text(&draft["id"]).to_owned(), ..without.clone() };
    house.ask(&ana, &draft).refused(404, "show_not_found").await;
    let path = format!("/api/v1/discounts/remaining/{}", draft.id);
    house.app.get(path).refused(404, "show_not_found").await;
    let nowhere = Show { id: "evt_00000000000000000000000000".to_owned(), ..without.clone() };
    house.ask(&ana, &nowhere).refused(404, "show_not_found").await;

    let show = house.show("Los Faroles", 3).await;
    let remaining = house.app.get(format!("/api/v1/discounts/remaining/{}", show.id)).ok().await;
    assert_eq!(remaining, json!({"show_id": show.id, "max_discounts": 3, "remaining": 3}));
    house.app.clock.advance(Duration::from_secs(9 * 24 * 3600));
    house.ask(&ana, &show).refused(409, "show_over").await;

    let ask = |body: Value| house.app.post("/api/v1/discounts/request").json(body);
    for body in [json!({"email": ana}), json!({"email": ana, "show_id": show.id, "show_code": "FAROLES-1"})] {
        ask(body).refused(422, "refused_fields").await;
    }
    for body in [
        json!({"email": "ana", "show_id": show.id}),
        json!({"email": ana, "show_id": show.id, "approved": true}),
        json!({"email": ana, "show_id": show.id, "message": "x".repeat(281)}),
    ] {
        ask(body).refused(400, "invalid_fields").await;
    }
    assert_eq!(house.app.get("/api/v1/discounts/health").ok().await, json!({"status": "ok"}));
    house.app.close().await;
}

#[tokio::test]
async fn a_show_that_was_called_off_takes_no_requests() {
    let house = Community::open().await;
    let (ana, eva) = (house.member("ana").await, house.member("eva").await);
    for (change, code) in [("postpone", "event_postponed"), ("cancel", "event_cancelled")] {
        let show = house.show(&format!("Noche {change}"), 40).await;
        let early = house.ask(&ana, &show).ok().await;
        let post = |change: &str| {
            let path = format!("/api/v1/events/{}/{change}", show.id);
            house.app.post(path).token(&house.organizer.token)
        };
        post(change).ok().await;
        house.ask(&eva, &show).refused(409, code).await;
        let path = format!("/api/v1/discounts/requests/{}", text(&early["id"]));
        assert_eq!(house.app.get(path).ok().await["status"], "pending", "what was asked before stays");
        assert_eq!(house.remaining(&show).await, 40);
        match change {
            "postpone" => {
                post("publish").ok().await;
                house.ask(&eva, &show).ok().await;
            }
            _ => drop(post("publish").refused(409, "event_state").await),
        }
    }
    house.app.close().await;
}

#[tokio::test]
async fn a_show_is_found_by_its_code_in_the_members_own_communities() {
    let house = Community::open().await;
    let show = house.show("Los Faroles", 40).await;
    house.change(&show, json!({"code": "FAROLES-1"})).await;
    let ana = house.member("ana").await;
    let ask = |email: &str, code: &str| {
        let body =
            json!({"user_email": email, "show_code": code, "show_description": "Los Faroles, ¡por favor!"});
        house.app.post("/api/v1/discounts/request").json(body)
    };
    ask("nadie@example.com", "FAROLES-1").refused(403, "email_not_found").await;
    ask(&ana, "FAROLES-2").refused(404, "show_not_found").await;
    let asked = ask(&ana, "faroles-1").ok().await;
    assert_eq!(asked["show_id"], show.id);
    let queued = house.queued(text(&asked["id"])).await;
    assert_eq!(queued["message"], "Los Faroles, ¡por favor!");
    house.app.close().await;
}

#[tokio::test]
async fn the_suggestion_follows_from_discounts_left_and_earlier_requests() {
    let house = Community::open().await;
    let show = house.show("Los Faroles", 2).await;
    let ana = house.member("ana").await;
    let first = house.ask(&ana, &show).ok().await;
    let (decision, score, reasoning) = suggestion(&house, &first).await;
    assert_eq!((decision.as_str(), score), ("approved", 0.85));
    assert_eq!(reasoning, "The member is eligible and 2 discounts are left; open requests may take them.");
    let queued = house.queued(text(&first["id"])).await;
    assert_eq!(queued["decision_source"], "prefilter_template");
    let took = queued["processing_time"].as_f64().expect("seconds");
    assert!(took > 0.0 && took < 10.0, "{took}");

    // The member has a discount for another show on the same day.
    house.act(text(&first["id"]), json!({"action": "approve"})).ok().await;
    let other = house.show("Marea Baja", 2).await;
    let (decision, _, reasoning) = suggestion(&house, &house.ask(&ana, &other).ok().await).await;
    assert_eq!(decision, "needs_clarification");
    assert!(reasoning.contains("same day: Los Faroles"), "{reasoning}");

    // No discounts are left.
    house.send(text(&first["id"])).ok().await;
    let id = house.decided("beto", &show, "approve").await;
    house.send(&id).ok().await;
    assert_eq!(house.remaining(&show).await, 0);
    let eva = house.member("eva").await;
    let third = house.ask(&eva, &show).ok().await;
    let (decision, score, _) = suggestion(&house, &third).await;
    assert_eq!((decision.as_str(), score), ("rejected", 0.99));

    // A rejected member may ask again, and the suggestion takes that into account.
    house.act(text(&third["id"]), json!({"action": "reject"})).ok().await;
    house.ask(&eva, &show).refused(409, "request_open").await;
    house.send(text(&third["id"])).ok().await;
    house.offer(&show, 20).await;
    let again = house.ask(&eva, &show).ok().await;
    assert_ne!(again["id"], third["id"]);
    let (decision, score, reasoning) = suggestion(&house, &again).await;
    assert_eq!((decision.as_str(), score), ("approved", 0.65), "{reasoning}");
    assert_eq!(house.queued(text(&again["id"])).await["attempt"], 2);
    house.app.close().await;
}

#[tokio::test]
async fn a_member_asks_at_most_five_times_for_a_show() {
    let house = Community::open().await;
    let show = house.show("Los Faroles", 40).await;
    let ana = house.member("ana").await;
    for _ in 0..5 {
        let asked = house.ask(&ana, &show).ok().await;
        house.act(text(&asked["id"]), json!({"action": "needs_clarification"})).ok().await;
        house.send(text(&asked["id"])).ok().await;
    }
    house.ask(&ana, &show).refused(409, "asked_too_often").await;
    house.app.close().await;
}

#[tokio::test]
async fn guessing_addresses_and_flooding_are_limited() {
    let house = Community::open().await;
    let show = house.show("Los Faroles", 40).await;
    for _ in 0..20 {
        house.ask("nadie@example.com", &show).refused(403, "email_not_found").await;
    }
    let problem = house.ask("nadie@example.com", &show).refused(429, "too_many_tries").await;
    assert_eq!(problem["status"], 429);
    let ana = house.member("ana").await;
    house.ask(&ana, &show).ok().await;
    for index in 0..78 {
        house.ask(&format!("nadie{index}@example.com"), &show).refused(403, "email_not_found").await;
    }
    house.ask("otra@example.com", &show).refused(429, "too_many_tries").await;
    house.app.clock.advance(NEXT_WINDOW);
    house.ask("nadie@example.com", &show).refused(403, "email_not_found").await;
    house.app.close().await;
}
