//! The operator of the installation: who is one, whom it suspends, what it hides and limits.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Organizer, Show, TestApp, TestUser};

use crate::community::{Community, text};
use crate::operator::operator;
use crate::second_factor::add_app;

/// Longer than the functions cache public data.
const A_WHILE: Duration = Duration::from_secs(6);
const TENANTS: &str = "/api/v1/operator/tenants";

/// Makes a change of an organiser as the operator.
pub(crate) async fn oversee(app: &TestApp, operator: &TestUser, tenant: &str, change: Value) -> Value {
    app.patch(format!("{TENANTS}/{tenant}")).token(&operator.token).json(change).ok().await
}

/// Suspends an organiser.
pub(crate) async fn suspend(app: &TestApp, operator: &TestUser, organizer: &Organizer) {
    let change = json!({"suspended": {"reason": "Falta el contrato."}});
    oversee(app, operator, &organizer.tenant, change).await;
}

/// The slugs of a public list or search.
async fn slugs(app: &TestApp, list: &str) -> Vec<String> {
    let list = app.get(format!("/api/v1/{list}")).ok().await;
    let items = list["items"].as_array().expect("items").iter();
    items.map(|show| text(&show["slug"]).to_owned()).collect()
}

/// The lists and searches that have the show, of those that have all listed shows.
async fn lists_with(app: &TestApp, organizer: &Organizer, show: &Show) -> usize {
    let mut found = 0;
    for list in ["public/events", "public/events?q=faroles", "shows/available", "shows/search?q=faroles"] {
        found += usize::from(slugs(app, list).await.contains(&show.slug));
    }
    let page = app.get(format!("/api/v1/public/organizers/{}", organizer.tenant)).ok().await;
    let shows = page["shows"].as_array().expect("shows");
    found + usize::from(shows.iter().any(|other| other["slug"] == *show.slug))
}

/// The actions in the organiser's audit log, with who did each.
async fn audit(app: &TestApp, organizer: &Organizer) -> Vec<(String, String)> {
    app.idle().await;
    let log = app.get("/api/v1/supervision/audit").token(&organizer.token).ok().await;
    let entry = |entry: &Value| (text(&entry["action"]).to_owned(), text(&entry["by_email"]).to_owned());
    log["items"].as_array().expect("records").iter().map(entry).collect()
}

#[tokio::test]
async fn only_configuration_and_a_second_factor_make_an_operator() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let email = local::OPERATOR;
    let (name, _) = email.split_once('@').expect("an address");
    let refused = async |token: &str| {
        let refused = app.get(TENANTS).token(token).refused(403, "role_required").await;
        assert_eq!(refused["roles"], json!(["operator"]));
        assert_eq!(app.get("/api/v1/auth/me").token(token).ok().await["operator"], false);
    };
    // Another account with two factors, and an organiser's admin.
    add_app(&app, &organizer.person.token).await;
    refused(&organizer.token).await;
    // The address alone, and the address with its first factor.
    let person = app.confirmed(name).await;
    refused(&person.token).await;
    app.get(TENANTS).refused(401, "sign_in_required").await;

    let app = TestApp::start().await;
    let operator = operator(&app).await;
    let me = app.get("/api/v1/auth/me").token(&operator.token).ok().await;
    assert_eq!((&me["operator"], &me["role"], me.get("tenant")), (&json!(true), &json!("user"), None));
    assert_eq!(app.get("/api/v1/auth/verify").token(&operator.token).ok().await["operator"], true);
    // It works for nobody: what organisers do, it may not.
    for path in ["/api/v1/events", "/api/v1/tenant", "/api/v1/tenant/statements", "/api/v1/supervision/queue"]
    {
        app.get(path).token(&operator.token).refused(403, "role_required").await;
    }
    // A session that goes on stays the operator's, but what costs money needs a recent sign-in.
    let organizer = app.organizer("faroles").await;
    app.clock.advance(Duration::from_secs(31 * 60));
    let token = app.refreshed(&operator).await;
    assert_eq!(app.get(TENANTS).token(&token).ok().await["items"].as_array().map(Vec::len), Some(1));
    let path = format!("{TENANTS}/{}", organizer.tenant);
    let change = json!({"commission": 2});
    app.patch(&path).token(&token).json(change).refused(403, "recent_sign_in_required").await;
    app.close().await;
}

#[tokio::test]
async fn organisers_are_listed_searched_and_shown() {
    let app = TestApp::start().await;
    let operator = operator(&app).await;
    let mut organizers = Vec::new();
    for name in ["faroles", "mareas", "calesita"] {
        organizers.push(app.organizer(name).await);
        app.clock.advance(Duration::from_secs(1));
    }
    let list = async |query: &str| {
        let list = app.get(format!("{TENANTS}{query}")).token(&operator.token).ok().await;
        let names = list["items"].as_array().expect("organisers").iter().map(|tenant| tenant["id"].clone());
        (names.collect::<Vec<_>>(), list["next_cursor"].clone())
    };
    let ids: Vec<Value> = organizers.iter().map(|organizer| json!(organizer.tenant)).collect();
    assert_eq!(list("").await, (ids.clone(), Value::Null));
    let (first, cursor) = list("?limit=2").await;
    assert_eq!((first, cursor.is_string()), (ids[..2].to_vec(), true));
    assert_eq!(list(&format!("?limit=2&cursor={}", text(&cursor))).await.0, ids[2..]);
    assert_eq!(list("?q=MAREAS").await.0, ids[1..2]);
    assert_eq!(list("?q=%40example.com&limit=2").await.0, ids[..2]);
    suspend(&app, &operator, &organizers[2]).await;
    assert_eq!(
        (list("?suspended=true").await.0, list("?suspended=false").await.0),
        (ids[2..].to_vec(), ids[..2].to_vec())
    );

    let show = app.show(&organizers[0], "Los Faroles", 10, 5_000).await;
    app.staff(&organizers[0], "olga", "organizer").await;
    let path = format!("{TENANTS}/{}", organizers[0].tenant);
    let detail = app.get(&path).token(&operator.token).ok().await;
    assert_eq!(
        (&detail["published_events"], &detail["staff"], &detail["commission"]),
        (&json!(1), &json!(2), &json!(0))
    );
    assert_eq!((&detail["quotas"], &detail["gateways"]), (&json!({}), &json!([])));
    let events = app.get(format!("/api/v1/operator/events?tenant={}", organizers[0].tenant));
    let events = events.token(&operator.token).ok().await;
    assert_eq!(
        (&events["items"][0]["slug"], &events["items"][0]["shadowban"]),
        (&json!(show.slug), &json!(false))
    );

    let nobody = "tnt_01h455vb4pex5vsknk084sn02q";
    app.get(format!("{TENANTS}/{nobody}")).token(&operator.token).refused(404, "tenant_not_found").await;
    let events = app.get(format!("/api/v1/operator/events?tenant={nobody}"));
    events.token(&operator.token).refused(404, "tenant_not_found").await;
    let stale = json!({"commission": 1, "version": 7});
    app.patch(&path).token(&operator.token).json(stale).refused(409, "changed_meanwhile").await;
    let half = json!({"commission": 50.01});
    app.patch(&path).token(&operator.token).json(half).refused(422, "refused_fields").await;
    app.close().await;
}

#[tokio::test]
async fn a_suspended_organiser_sells_nothing_and_what_is_sold_stays() {
    let app = TestApp::start().await;
    let (operator, organizer) = (operator(&app).await, app.organizer("faroles").await);
    let token = organizer.token.clone();
    let show = app.show(&organizer, "Los Faroles", 20, 5_000).await;
    let draft = text(&app.draft(&organizer, "Ensayo").await["id"]).to_owned();
    let area = json!({"area_name": "Campo", "kind": "general_admission", "capacity": 5, "price": 1_000});
    app.post(format!("/api/v1/events/{draft}/areas")).token(&token).json(area).ok().await;
    let (ana, place) = (app.confirmed("ana").await, json!({"area_id": show.area, "quantity": 2}));
    let paid = app.buy(&ana.token, &show.id, place.clone()).await;
    let underway = app.start_buying(&ana.token, &show.id, place.clone()).await;
    let held = app.reserve(&ana.token, &show.id, place.clone()).await;
    let quote = app.quote(&show.id, place.clone()).await["quote"].clone();
    assert_eq!(lists_with(&app, &organizer, &show).await, 5);

    suspend(&app, &operator, &organizer).await;
    app.clock.advance(A_WHILE);
    assert_eq!(lists_with(&app, &organizer, &show).await, 0);
    let page = app.get(format!("/api/v1/public/events/{}", show.slug)).ok().await;
    assert_eq!(page["organizer"]["suspended"], true);
    let wanted = json!({"event_id": show.id, "lines": [place]});
    app.post("/api/v1/public/quotes").json(wanted.clone()).refused(409, "organiser_suspended").await;
    let reserve = app.post("/api/v1/reservations").token(&ana.token).json(json!({"quote": quote}));
    let refused = reserve.refused(409, "organiser_suspended").await;
    assert_eq!(refused.get("reason"), None, "the reason is the organiser's");
    let pay = json!({"reservation_id": held["id"]});
    app.post("/api/v1/purchases").token(&ana.token).json(pay).refused(409, "organiser_suspended").await;
    let publish = app.post(format!("/api/v1/events/{draft}/publish")).token(&token);
    let refused = publish.refused(409, "organiser_suspended").await;
    assert_eq!(refused["reason"], "Falta el contrato.");
    let own = app.get("/api/v1/tenant").token(&token).ok().await;
    assert_eq!(own["suspended"]["reason"], "Falta el contrato.");

    // Money that is under way is settled; tickets, the door and refunds work.
    app.approve(&underway).await;
    let path = format!("/api/v1/purchases/{}", text(&underway["id"]));
    assert_eq!(app.get(path).token(&ana.token).ok().await["status"], "paid");
    let ticket = format!("/api/v1/tickets/{}", text(&paid["tickets"][0]["id"]));
    let code = app.get(ticket).token(&ana.token).ok().await["code"].clone();
    let scan = json!({"code": code, "event_id": show.id, "nonce": "n-1"});
    assert_eq!(app.post("/api/v1/qr/validate").token(&token).json(scan).ok().await["result"], "admitted");
    let refund = json!({"event_id": show.id, "tickets": [paid["tickets"][1]["id"]]});
    let path = format!("/api/v1/purchases/{}/refund", text(&paid["id"]));
    app.post(path).token(&token).json(refund).ok().await;
    app.idle().await;
    let path = format!("/api/v1/purchases/{}", text(&paid["id"]));
    assert_eq!(app.get(path).token(&ana.token).ok().await["status"], "partly_refunded");
    assert!(audit(&app, &organizer).await.contains(&("tenant.oversee".to_owned(), operator.email.clone())));

    oversee(&app, &operator, &organizer.tenant, json!({"suspended": null})).await;
    app.clock.advance(A_WHILE);
    app.post("/api/v1/public/quotes").json(wanted).ok().await;
    assert_eq!(lists_with(&app, &organizer, &show).await, 5);
    app.post(format!("/api/v1/events/{draft}/publish")).token(&token).ok().await;
    app.close().await;
}

#[tokio::test]
async fn a_hidden_show_is_in_no_list_and_is_sold() {
    let app = TestApp::start().await;
    let (operator, organizer) = (operator(&app).await, app.organizer("faroles").await);
    let show = app.show(&organizer, "Los Faroles", 20, 5_000).await;
    let (ana, place) = (app.confirmed("ana").await, json!({"area_id": show.area, "quantity": 1}));
    let before = app.buy(&ana.token, &show.id, place.clone()).await;
    let hide = async |shadowban: bool| {
        let path = format!("/api/v1/operator/events/{}", show.id);
        let change = json!({"shadowban": shadowban});
        assert_eq!(app.patch(path).token(&operator.token).json(change).ok().await["shadowban"], shadowban);
        app.clock.advance(A_WHILE);
    };
    app.clock.advance(A_WHILE);
    assert_eq!(lists_with(&app, &organizer, &show).await, 5);
    for _ in 0..2 {
        hide(true).await;
    }
    assert_eq!(lists_with(&app, &organizer, &show).await, 0);
    // Its page, its sale and its tickets are as before.
    app.get(format!("/api/v1/public/events/{}", show.slug)).ok().await;
    assert_eq!(app.buy(&ana.token, &show.id, place).await["status"], "paid");
    let ticket = format!("/api/v1/tickets/{}", text(&before["tickets"][0]["id"]));
    assert_eq!(app.get(ticket).token(&ana.token).ok().await["status"], "valid");

    // The organiser sees it, and who did it once; no change of its own undoes it, nor a copy.
    let event = format!("/api/v1/events/{}", show.id);
    let own = app.get(&event).token(&organizer.token).ok().await;
    assert_eq!((&own["shadowban"], &own["unlisted"]), (&json!(true), &json!(false)));
    let hidden = ("event.shadowban".to_owned(), operator.email.clone());
    assert_eq!(audit(&app, &organizer).await.iter().filter(|entry| **entry == hidden).count(), 1);
    app.patch(&event).token(&organizer.token).json(json!({"unlisted": false, "name": "Faroles"})).ok().await;
    app.patch(&event)
        .token(&organizer.token)
        .json(json!({"shadowban": false}))
        .refused(400, "invalid_fields")
        .await;
    let copy = json!({"starts_at": (app.clock.now() + Duration::from_secs(30 * 24 * 3600)).to_string()});
    let copy = app.post(format!("{event}/duplicate")).token(&organizer.token).json(copy).ok().await;
    assert_eq!(copy["shadowban"], true);
    app.clock.advance(A_WHILE);
    assert_eq!(lists_with(&app, &organizer, &show).await, 0);

    hide(false).await;
    assert_eq!(lists_with(&app, &organizer, &show).await, 5);
    let nobody = app.patch("/api/v1/operator/events/evt_01h455vb4pex5vsknk084sn02q").token(&operator.token);
    nobody.json(json!({"shadowban": true})).refused(404, "event_not_found").await;
    app.close().await;
}

#[tokio::test]
async fn an_organiser_does_as_much_as_its_quotas_allow() {
    let community = Community::open().await;
    let (app, organizer) = (&community.app, &community.organizer);
    let operator = operator(app).await;
    let first = community.show("Los Faroles", 10).await;
    let quotas = json!({"quotas": {"published_events": 1, "mails_per_day": 2}});
    oversee(app, &operator, &organizer.tenant, quotas).await;
    let own = app.get("/api/v1/tenant").token(&organizer.token).ok().await;
    assert_eq!(own["quotas"], json!({"published_events": 1, "mails_per_day": 2}));

    let draft = text(&app.draft(organizer, "Ensayo").await["id"]).to_owned();
    let area = json!({"area_name": "Campo", "kind": "general_admission", "capacity": 5, "price": 1_000});
    app.post(format!("/api/v1/events/{draft}/areas")).token(&organizer.token).json(area).ok().await;
    let publish = |id: &str| app.post(format!("/api/v1/events/{id}/publish")).token(&organizer.token);
    let refused = publish(&draft).refused(409, "quota_reached").await;
    assert_eq!((&refused["quota"], &refused["most"]), (&json!("published_events"), &json!(1)));
    // What is published may be changed and published again.
    publish(&first.id).ok().await;
    app.post(format!("/api/v1/events/{}/unpublish", first.id)).token(&organizer.token).ok().await;
    publish(&draft).ok().await;
    publish(&first.id).refused(409, "quota_reached").await;
    let more = json!({"quotas": {"published_events": 2, "mails_per_day": 2}});
    oversee(app, &operator, &organizer.tenant, more).await;
    publish(&first.id).ok().await;

    // An invitation and an answer are two mails.
    let invite = |name: &str| {
        let body = json!({"email": format!("{name}@example.com"), "role": "scanner"});
        app.post("/api/v1/tenant/staff").token(&organizer.token).json(body)
    };
    invite("elena").ok().await;
    let second = community.decided("ana", &first, "reject").await;
    let third = community.decided("eva", &first, "reject").await;
    community.send(&second).ok().await;
    let refused = community.send(&third).refused(409, "quota_reached").await;
    assert_eq!((&refused["quota"], &refused["most"]), (&json!("mails_per_day"), &json!(2)));
    let filter = json!({"action": "send", "filter": {"show_id": first.id, "status": "rejected"}});
    let bulk = || app.post("/api/v1/supervision/queue/bulk").token(&organizer.token).json(filter.clone());
    bulk().refused(409, "quota_reached").await;
    invite("olga").refused(409, "quota_reached").await;

    oversee(app, &operator, &organizer.tenant, json!({"quotas": {"mails_per_day": 3}})).await;
    let sent = bulk().ok().await;
    assert_eq!((&sent["succeeded"], &sent["refused"]), (&json!(1), &json!(0)), "{sent}");
    publish(&first.id).ok().await;
    app.idle().await;
    community.app.close().await;
}

#[tokio::test]
async fn the_bounds_of_bargaining_are_the_operators() {
    let app = TestApp::start().await;
    let operator = operator(&app).await;
    let path = "/api/v1/operator/settings";
    let usual =
        json!({"min_markup": 5, "max_markup": 20, "bargain_timeout": 600, "max_attempts": 3, "version": 0});
    assert_eq!(app.get(path).token(&operator.token).ok().await, usual);
    let put = |body: Value| app.put(path).token(&operator.token).json(body);
    let new = json!({"min_markup": "2.50", "max_markup": 15, "bargain_timeout": 300, "max_attempts": 5, "version": 0});
    let changed = put(new.clone()).ok().await;
    assert_eq!((&changed["min_markup"], &changed["version"]), (&json!(2.5), &json!(1)));
    assert_eq!(changed["changed_by"], *operator.email);
    put(new).refused(409, "changed_meanwhile").await;
    let crossed = json!({"min_markup": 30, "max_markup": 15, "bargain_timeout": 300, "max_attempts": 5});
    put(crossed).refused(422, "refused_fields").await;
    let short = json!({"min_markup": 3, "max_markup": 15, "bargain_timeout": 5, "max_attempts": 5});
    put(short).refused(400, "invalid_fields").await;
    assert_eq!(app.get(path).token(&operator.token).ok().await, changed);
    app.close().await;
}
