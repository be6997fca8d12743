//! Discount requests are decided, their answers edited and sent.

use std::time::Duration;

use boot::Env;
use serde_json::{Value, json};
use store::Fingerprints;
use testkit::{Answer, Show, TestUser};

use crate::community::{Community, text};
use crate::table::table_of;

/// Longer than the functions cache public data.
const A_WHILE: Duration = Duration::from_secs(6);

/// Every field of the first seed's table of requests.
const SEED_FIELDS: [&str; 19] = [
    "id",
    "request_id",
    "user_email",
    "user_name",
    "show_description",
    "decision_type",
    "decision_source",
    "show_id",
    "email_subject",
    "email_content",
    "confidence_score",
    "reasoning",
    "processing_time",
    "status",
    "email_delivery_status",
    "created_at",
    "reviewed_at",
    "reviewed_by",
    "supervisor_notes",
];

async fn ids(house: &Community, query: &str) -> Vec<String> {
    let page = house.get(&format!("queue?{query}")).ok().await;
    let items = page["items"].as_array().expect("items");
    items.iter().map(|item| text(&item["id"]).to_owned()).collect()
}

/// The dashboard's counters: approved, rejected, sent, pending, undecided.
async fn counters(house: &Community) -> [u64; 5] {
    let dashboard = house.get("dashboard").ok().await;
    ["approved", "rejected", "sent", "pending", "undecided"]
        .map(|name| dashboard[name].as_u64().unwrap_or_else(|| panic!("{dashboard}")))
}

/// Each endpoint of the first seed's lists of discounts and supervision, with
/// the fields of its tables.
#[tokio::test]
async fn every_endpoint_of_the_first_seed_answers() {
    let house = Community::open().await;
    let show = house.show("Los Faroles", 40).await;
    let ana = house.member("ana").await;
    let app = &house.app;
    let token = &house.organizer.token;

    // POST /api/v1/discounts/request: submit a discount request.
    let body = json!({"user_email": ana, "show_id": show.id, "show_description": "Los Faroles"});
    let asked = app.post("/api/v1/discounts/request").json(body).send().await;
    assert_eq!(asked.status, 201);
    let id = text(&asked.json()["request_id"]).to_owned();
    // GET /api/v1/discounts/health: discount system health.
    assert_eq!(app.get("/api/v1/discounts/health").send().await.status, 200);
    // GET /api/v1/supervision/queue?status={status}: list requests by status.
    let pending = app.get("/api/v1/supervision/queue?status=pending").token(token).ok().await;
    let item = &pending["items"][0];
    let listed = SEED_FIELDS.into_iter().filter(|field| *field != "email_content");
    for field in listed.clone() {
        assert!(item.get(field).is_some(), "{field} is missing in {item}");
    }
    for field in ["decision_type", "email_delivery_status", "reviewed_at", "reviewed_by", "supervisor_notes"]
    {
        assert_eq!(item[field], Value::Null, "{field}");
    }
    // GET /api/v1/supervision/queue/{id}: get a specific request.
    let path = format!("/api/v1/supervision/queue/{id}");
    let detail = app.get(&path).token(token).ok().await;
    for field in listed {
        assert_eq!(detail[field], item[field], "{field}");
    }
    assert!(detail["email_content"].is_string(), "{detail}");
    assert_eq!((&detail["remaining_discounts"], &detail["max_discounts"]), (&json!(40), &json!(40)));
    // POST /api/v1/supervision/queue/{id}/action: approve or reject a request.
    let body = json!({"action": "approve", "supervisor_notes": "Socia desde siempre"});
    let approved = app.post(format!("{path}/action")).token(token).json(body).ok().await;
    assert_eq!((&approved["decision_type"], &approved["status"]), (&json!("approved"), &json!("pending")));
    assert_eq!(approved["reviewed_by"], json!(house.organizer.person.email));
    assert_eq!(approved["supervisor_notes"], "Socia desde siempre");
    assert!(approved["reviewed_at"].is_string());
    // PUT /api/v1/supervision/queue/{id}/edit: edit a request's content.
    let body = json!({"email_subject": "¡Te esperamos!"});
    let edited = app.put(format!("{path}/edit")).token(token).json(body).ok().await;
    assert_eq!(edited["email_subject"], "¡Te esperamos!");
    assert_eq!(edited["email_content"], approved["email_content"]);
    // POST /api/v1/supervision/queue/{id}/send: mark as sent.
    let sent = app.post(format!("{path}/send")).token(token).ok().await;
    assert_eq!((&sent["status"], &sent["email_delivery_status"]), (&json!("sent"), &json!("sent")));
    // GET /api/v1/supervision/stats: queue statistics.
    let stats = app.get("/api/v1/supervision/stats").token(token).ok().await;
    assert_eq!((&stats["total"], &stats["by_state"]["sent"]), (&json!(1), &json!(1)));
    // GET /api/v1/supervision/dashboard, as the second seed names it.
    assert_eq!(counters(&house).await, [0, 0, 1, 0, 0]);
    house.app.close().await;
}

#[tokio::test]
async fn requests_go_through_the_tabs_of_the_diagram() {
    let house = Community::open().await;
    let show = house.show("Los Faroles", 40).await;
    let mut requests = Vec::new();
    for name in ["ana", "beto", "carla", "dario"] {
        requests.push(house.request(name, &show).await);
        house.app.clock.advance(Duration::from_secs(1));
    }
    let [ana, beto, carla, dario] = [0, 1, 2, 3].map(|index: usize| requests[index].as_str());
    assert_eq!(counters(&house).await, [0, 0, 0, 0, 4]);
    assert_eq!(ids(&house, "status=pending").await, [dario, carla, beto, ana]);
    assert_eq!(ids(&house, "status=undecided&order=oldest_first").await, [ana, beto, carla, dario]);

    house.send(ana).refused(409, "not_decided").await;
    house.act(ana, json!({"action": "approve"})).ok().await;
    house.act(beto, json!({"action": "reject"})).ok().await;
    house.act(carla, json!({"action": "needs_clarification"})).ok().await;
    assert_eq!(counters(&house).await, [1, 1, 0, 2, 1], "to do is what was approved or rejected");
    assert_eq!(house.get("dashboard").ok().await["needs_clarification"], 1);
    assert_eq!(ids(&house, "status=approved").await, [ana]);
    assert_eq!(ids(&house, "status=rejected").await, [beto]);
    assert_eq!(ids(&house, "status=needs_clarification").await, [carla]);
    assert_eq!(ids(&house, "").await.len(), 4, "none of them is sent");

    for id in [ana, beto] {
        house.send(id).ok().await;
    }
    assert_eq!(counters(&house).await, [0, 0, 2, 0, 1]);
    assert_eq!(ids(&house, "status=sent").await, [beto, ana]);
    assert_eq!(ids(&house, "status=pending").await, [dario, carla]);
    house.app.idle().await;
    for name in ["ana", "beto"] {
        assert_eq!(house.app.mails(&format!("{name}@example.com")).len(), 1, "{name}");
    }
    assert_eq!(house.app.mails("carla@example.com").len(), 0, "nothing is mailed before it is sent");
    assert_eq!(house.remaining(&show).await, 39);
    house.app.close().await;
}

#[tokio::test]
async fn of_two_supervisors_one_decides_and_the_other_gets_a_conflict() {
    let house = Community::open().await;
    let show = house.show("Los Faroles", 40).await;
    let carlos = house.app.staff(&house.organizer, "carlos", "coordinator").await;
    let id = house.request("ana", &show).await;
    let first = house.act_as(&carlos.token, &id, json!({"action": "approve"})).ok().await;
    assert_eq!(first["reviewed_by"], json!(carlos.email));

    let second = house.act(&id, json!({"action": "reject"})).refused(409, "already_decided").await;
    assert_eq!(second["reviewed_by"], json!(carlos.email));
    assert_eq!((&second["reviewed_at"], &second["version"]), (&first["reviewed_at"], &first["version"]));
    assert_eq!(second["decision_type"], "approved");
    house.act(&id, json!({"action": "reject", "version": 1})).refused(409, "already_decided").await;
    let again = house.act_as(&carlos.token, &id, json!({"action": "approve"})).ok().await;
    assert_eq!(again["version"], first["version"], "the same decision again changes nothing");
    let changed = house.act(&id, json!({"action": "reject", "version": first["version"]})).ok().await;
    assert_eq!(changed["decision_type"], "rejected");

    // A supervisor who sends an outdated version is refused, too.
    let path = format!("/api/v1/supervision/queue/{id}/send");
    let stale = json!({"version": first["version"]});
    house.app.post(&path).token(&carlos.token).json(stale).refused(409, "changed_meanwhile").await;
    let sent =
        house.app.post(&path).token(&carlos.token).json(json!({"version": changed["version"]})).ok().await;
    assert_eq!(sent["sent_by"], json!(carlos.email));
    let told = house.send(&id).refused(409, "already_sent").await;
    assert_eq!(told["sent_by"], json!(carlos.email));
    let again = house.send_as(&carlos.token, &id).ok().await;
    assert_eq!(again["sent_at"], sent["sent_at"], "who did not hear the answer gets it again");
    house.act(&id, json!({"action": "approve"})).refused(409, "already_sent").await;
    house.edit(&id, json!({"supervisor_notes": "x"})).refused(409, "already_sent").await;
    house.app.idle().await;
    assert_eq!(house.app.mails("ana@example.com").len(), 1);
    house.app.close().await;
}

#[tokio::test]
async fn an_answer_has_the_supervisors_text_and_must_have_the_code() {
    let house = Community::open().await;
    let show = house.show("Los Faroles", 40).await;
    let id = house.request("ana", &show).await;
    let proposed = house.queued(&id).await;
    let content = text(&proposed["email_content"]);
    let code = content.split_whitespace().find(|word| word.starts_with("SOCIO-")).expect("a code").to_owned();
    assert!(content.contains("50 %") && content.contains(&format!("/#/events/{}", show.slug)), "{content}");

    let bad = house.edit(&id, json!({"email_subject": "a\nb"})).send().await.refused(400, "invalid_fields");
    assert_eq!(bad["errors"][0]["pointer"], "/email_subject");
    let bad = house.edit(&id, json!({"email_content": "Ven."})).send().await.refused(422, "refused_fields");
    assert_eq!(bad["errors"][0]["pointer"], "/email_content");
    assert!(text(&bad["errors"][0]["detail"]).contains(&code), "{bad}");
    let body = json!({"email_content": "Ven con <b>{{ code }}</b> y buen humor.", "supervisor_notes": "Amiga", "version": 1});
    let edited = house.edit(&id, body).ok().await;
    assert_eq!(edited["email_content"], json!(format!("Ven con <b>{code}</b> y buen humor.")));
    assert_eq!((&edited["email_subject"], &edited["version"]), (&proposed["email_subject"], &json!(2)));
    house.edit(&id, json!({"email_content": "x", "version": 1})).refused(409, "changed_meanwhile").await;

    // The edited text belongs to the approval; a rejection has its own.
    let rejected = house.act(&id, json!({"action": "reject"})).ok().await;
    assert!(!text(&rejected["email_content"]).contains("SOCIO-"), "{rejected}");
    let body = json!({"action": "approve", "version": rejected["version"]});
    let approved = house.act(&id, body).ok().await;
    assert_eq!(approved["email_content"], proposed["email_content"]);
    let body = json!({"email_subject": "Ven", "email_content": format!("Ven con <b>{code}</b>")});
    house.edit(&id, body).ok().await;
    house.send(&id).ok().await;
    house.app.idle().await;
    let mail = &house.app.mails("ana@example.com")[0];
    assert_eq!(mail.subject, "Ven");
    let html = mail.html.as_deref().expect("a page");
    assert!(html.contains(&format!("Ven con &lt;b&gt;{code}&lt;/b&gt;")), "{html}");
    assert!(mail.text.as_deref().expect("text").contains(&format!("Ven con <b>{code}</b>")));

    // The audit log has who decided, edited and sent.
    let audit = house.get("audit").ok().await;
    let actions: Vec<_> =
        audit["items"].as_array().expect("items").iter().map(|a| text(&a["action"])).collect();
    for action in ["approve", "reject", "edit", "send"] {
        assert!(actions.contains(&format!("discount_request.{action}").as_str()), "{action}: {actions:?}");
    }
    house.app.close().await;
}

async fn quote(house: &Community, show: &Show, who: &TestUser, code: &str) -> Value {
    house.app.clock.advance(A_WHILE);
    let line = json!({"area_id": show.area, "quantity": 2});
    let body = json!({"event_id": show.id, "lines": [line], "promotion_code": code});
    house.app.post("/api/v1/public/quotes").token(&who.token).json(body).ok().await
}

#[tokio::test]
async fn the_code_of_the_mail_buys_at_the_discount_once_for_that_member_only() {
    let house = Community::open().await;
    let show = house.show("Los Faroles", 40).await;
    let id = house.decided("ana", &show, "approve").await;
    let (ana, beto) = (house.app.confirmed("ana").await, house.app.confirmed("beto").await);
    let shown = house.queued(&id).await;
    let shown = text(&shown["email_content"]).to_owned();
    let code_in = |text: &str| {
        text.split_whitespace().find(|word| word.starts_with("SOCIO-")).expect("a code").to_owned()
    };
    let early = quote(&house, &show, &ana, &code_in(&shown)).await;
    assert_eq!(early["promotion"]["reason"], "not_found", "a code that was not sent is none");

    house.send(&id).ok().await;
    house.app.idle().await;
    let mails = house.app.mails("ana@example.com");
    let mail = mails.iter().find_map(|mail| mail.text.as_deref().filter(|text| text.contains("SOCIO-")));
    let code = code_in(mail.expect("a mail with a code"));
    assert_eq!(code, code_in(&shown), "the preview told the truth");

    let others = quote(&house, &show, &beto, &code).await;
    assert_eq!(others["promotion"]["reason"], "not_for_buyer", "{others}");
    let hers = quote(&house, &show, &ana, &code).await;
    assert_eq!(hers["totals"]["total"], 30_000, "half off one ticket: {hers}");
    let second = quote(&house, &show, &ana, &code).await;
    let reserve = |who: &TestUser, quote: &Value| {
        house.app.post("/api/v1/reservations").token(&who.token).json(json!({"quote": quote["quote"]}))
    };
    reserve(&beto, &hers).refused(403, "promotion_not_for_buyer").await;
    let held = reserve(&ana, &hers).ok().await;
    reserve(&ana, &second).refused(409, "promotion_used_up").await;
    let body = json!({"reservation_id": held["id"]});
    let purchase = house.app.post("/api/v1/purchases").token(&ana.token).json(body).ok().await;
    house.app.approve(&purchase).await;
    let path = format!("/api/v1/purchases/{}", text(&purchase["id"]));
    let paid = house.app.get(path).token(&ana.token).ok().await;
    assert_eq!((&paid["status"], &paid["total"]), (&json!("paid"), &json!(30_000)));
    let third = quote(&house, &show, &ana, &code).await;
    assert_eq!(third["promotion"]["reason"], "used_up", "{third}");
    house.app.close().await;
}

#[tokio::test]
async fn a_show_that_is_sold_elsewhere_is_answered_with_its_link() {
    let house = Community::open().await;
    let show = house.show("Los Faroles", 40).await;
    house.change(&show, json!({"ticketing_link": "https://boletos.example/faroles"})).await;
    let id = house.decided("ana", &show, "approve").await;
    house.edit(&id, json!({"email_content": "Ven."})).refused(422, "refused_fields").await;
    let sent = house.send(&id).ok().await;
    let content = text(&sent["email_content"]);
    assert!(content.contains("https://boletos.example/faroles") && !content.contains("SOCIO-"), "{content}");
    assert_eq!(house.remaining(&show).await, 39);
    house.app.close().await;
}

#[tokio::test]
async fn no_more_discounts_are_approved_than_the_show_has() {
    let house = Community::open().await;
    let show = house.show("Los Faroles", 1).await;
    let ana = house.decided("ana", &show, "approve").await;
    let beto = house.request("beto", &show).await;
    let refused = house.act(&beto, json!({"action": "approve"})).refused(409, "no_discounts_left").await;
    assert_eq!(refused["remaining"], 0, "it is promised");
    let noted = json!({"action": "approve", "supervisor_notes": "Viene siempre.", "version": 2});
    house.act(&ana, noted).ok().await;
    assert_eq!(house.queued(&ana).await["decision_type"], "approved", "with the last one");
    house.send(&ana).ok().await;
    house.act(&beto, json!({"action": "approve"})).refused(409, "no_discounts_left").await;
    let queued = house.queued(&beto).await;
    assert_eq!((&queued["version"], &queued["decision_type"]), (&json!(1), &Value::Null), "nothing changed");

    house.offer(&show, 2).await;
    house.act(&beto, json!({"action": "approve"})).ok().await;
    house.send(&beto).ok().await;
    assert_eq!(house.remaining(&show).await, 0);
    let carla = house.decided("carla", &show, "reject").await;
    house.send(&carla).ok().await;
    assert_eq!(house.remaining(&show).await, 0, "a rejection takes none and gives none");

    house.offer(&show, 3).await;
    let late = house.decided("dario", &show, "approve").await;
    house.app.clock.advance(Duration::from_secs(9 * 24 * 3600));
    let organizer = house.app.sign_in(&house.organizer.person.email, Some(&house.organizer.tenant)).await;
    house.send_as(&organizer.token, &late).refused(409, "show_over").await;
    house.app.close().await;
}

/// Marks the member as if SES had reported that a mail came back.
async fn bounce(house: &Community, email: &str) {
    let environment = house.app.cloud.environment_of("webhooks").expect("a function of the template");
    let fingerprints = Fingerprints::from_env(&Env::from_iter(environment)).expect("a secret");
    let (tenant, email) =
        (house.organizer.tenant.parse().expect("an id"), email.parse().expect("an address"));
    let table = table_of(&house.app, "webhooks");
    table.mark_member_bounced(&fingerprints, tenant, &email, house.app.clock.now()).await.expect("marked");
}

#[tokio::test]
async fn an_answer_to_a_bouncing_address_is_refused() {
    let house = Community::open().await;
    let show = house.show("Los Faroles", 40).await;
    let id = house.decided("ana", &show, "approve").await;
    bounce(&house, "ana@example.com").await;
    house.send(&id).refused(409, "address_bounces").await;
    assert_eq!(house.remaining(&show).await, 39, "the approval has its own");

    let member = house.queued(&id).await["member_id"].clone();
    let path = format!("/api/v1/users/{}", text(&member));
    let change = json!({"email": "ana.nueva@example.com"});
    house.app.patch(path).token(&house.organizer.token).json(change).ok().await;
    let sent = house.send(&id).ok().await;
    assert_eq!(sent["user_email"], "ana.nueva@example.com");
    assert!(text(&sent["email_content"]).contains("ana.nueva@example.com"), "{sent}");
    house.app.idle().await;
    assert_eq!(house.app.mails("ana.nueva@example.com").len(), 1);
    assert_eq!(house.app.mails("ana@example.com").len(), 0);

    // The suggestion takes it into account as well.
    house.member("beto").await;
    bounce(&house, "beto@example.com").await;
    let asked = house.ask("beto@example.com", &show).ok().await;
    let queued = house.queued(text(&asked["id"])).await;
    assert_eq!(queued["suggested_decision"], "needs_clarification");
    house.app.close().await;
}

#[tokio::test]
async fn the_queue_is_searched_and_paged() {
    let house = Community::open().await;
    let (faroles, marea) = (house.show("Los Faroles", 40).await, house.show("Marea Baja", 40).await);
    let mut all = Vec::new();
    for (index, name) in ["ana", "beto", "carla", "mariana", "dario"].into_iter().enumerate() {
        let show = if index % 2 == 0 { &faroles } else { &marea };
        all.push(house.request(name, show).await);
        house.app.clock.advance(Duration::from_secs(1));
    }
    let [ana, beto, carla, mariana, dario] = [0, 1, 2, 3, 4].map(|index: usize| all[index].as_str());
    assert_eq!(ids(&house, "q=beto").await, [beto]);
    assert_eq!(ids(&house, "q=betto%40example.com").await, [beto], "a typo in an address");
    assert_eq!(ids(&house, "q=farols").await, [dario, carla, ana], "in the list's order");
    assert_eq!(ids(&house, "q=marea%20mariana").await, [mariana]);
    assert_eq!(ids(&house, "q=nadie").await, [""; 0]);

    let mut seen = Vec::new();
    let mut path = "queue?limit=2&q=example".to_owned();
    loop {
        let page = house.get(&path).ok().await;
        seen.extend(page["items"].as_array().expect("items").iter().map(|item| text(&item["id"]).to_owned()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        path = format!("queue?limit=2&q=example&cursor={next}");
    }
    assert_eq!(seen, [dario, mariana, carla, beto, ana]);
    house.get("queue?cursor=eA").refused(422, "refused_fields").await;
    house.get("queue?status=lost").refused(400, "invalid_fields").await;
    let time = house.queued(carla).await["created_at"].clone();
    assert_eq!(ids(&house, &format!("from={}", text(&time))).await, [dario, mariana, carla]);
    assert_eq!(ids(&house, &format!("to={}", text(&time))).await, [beto, ana]);
    house.app.close().await;
}

#[tokio::test]
async fn another_organisers_requests_do_not_exist() {
    let house = Community::open().await;
    let show = house.show("Los Faroles", 40).await;
    let id = house.decided("ana", &show, "approve").await;
    let stranger = house.app.organizer("mareas").await;
    let path = format!("/api/v1/supervision/queue/{id}");
    house.app.get(&path).token(&stranger.token).refused(404, "request_not_found").await;
    house.act_as(&stranger.token, &id, json!({"action": "reject"})).refused(404, "request_not_found").await;
    house.send_as(&stranger.token, &id).refused(404, "request_not_found").await;
    let body = json!({"action": "send", "ids": [id]});
    let bulk = house.app.post("/api/v1/supervision/queue/bulk").token(&stranger.token).json(body).ok().await;
    assert_eq!(bulk["items"][0]["code"], "request_not_found");
    let queue = house.app.get("/api/v1/supervision/queue").token(&stranger.token).ok().await;
    assert_eq!(queue["items"], json!([]));
    let elena = house.app.staff(&house.organizer, "elena", "scanner").await;
    house.send_as(&elena.token, &id).refused(403, "role_required").await;
    house.app.close().await;
}

#[tokio::test]
async fn bulk_calls_decide_and_send_each_request_on_its_own() {
    let house = Community::open().await;
    let show = house.show("Los Faroles", 2).await;
    let mut all = Vec::new();
    for name in ["ana", "beto", "carla", "dario"] {
        all.push(house.request(name, &show).await);
        house.app.clock.advance(Duration::from_secs(1));
    }
    house.act(&all[3], json!({"action": "reject"})).ok().await;
    let nobodys = "drq_00000000000000000000000000";
    let body = json!({"action": "approve", "ids": [all[0], nobodys, all[1], all[2], all[3]], "supervisor_notes": "Sí"});
    let approved = house.bulk(body).ok().await;
    assert_eq!((&approved["succeeded"], &approved["refused"]), (&json!(2), &json!(3)));
    let items = approved["items"].as_array().expect("items");
    let told: Vec<_> = items.iter().map(|item| (item["ok"].clone(), item.get("code").cloned())).collect();
    let done = (json!(true), None);
    let refused = |code: &str| (json!(false), Some(json!(code)));
    assert_eq!(
        told,
        [
            done.clone(),
            refused("request_not_found"),
            done,
            refused("no_discounts_left"),
            refused("no_discounts_left")
        ]
    );

    let sent = house.bulk(json!({"action": "send", "ids": all})).ok().await;
    let items = sent["items"].as_array().expect("items");
    let given = items.iter().filter(|item| item["decision_type"] == "approved").count();
    let out = items.iter().filter(|item| item["code"] == "not_decided").count();
    assert_eq!((given, out), (2, 1), "{sent}");
    assert_eq!((&items[3]["ok"], &items[3]["status"]), (&json!(true), &json!("sent")), "{sent}");
    house.bulk(json!({"action": "send", "ids": []})).refused(400, "invalid_fields").await;
    house.bulk(json!({"action": "send", "ids": [all[0], all[0]]})).refused(400, "invalid_fields").await;
    house.app.close().await;
}

#[tokio::test]
async fn statistics_count_decisions_by_reviewer_and_agreement_with_suggestions() {
    let house = Community::open().await;
    let show = house.show("Los Faroles", 40).await;
    let carlos = house.app.staff(&house.organizer, "carlos", "coordinator").await;
    house.request("ana", &show).await;
    house.decided("beto", &show, "approve").await;
    let carla = house.request("carla", &show).await;
    house.act_as(&carlos.token, &carla, json!({"action": "reject"})).ok().await;
    house.send(&carla).ok().await;
    let stats = house.get("stats").ok().await;
    let by_state = json!({"approved": 1, "rejected": 0, "sent": 1, "pending": 1, "undecided": 1, "needs_clarification": 0});
    assert_eq!((&stats["total"], &stats["by_state"]), (&json!(3), &by_state));
    assert_eq!(stats["sent"], json!({"approved": 0, "rejected": 1, "needs_clarification": 0}));
    let window = &stats["window"];
    assert_eq!((&window["requests"], &window["complete"]), (&json!(3), &json!(true)));
    assert_eq!(window["by_decision_source"], json!({"prefilter_template": 3, "llm_generated": 0}));
    assert_eq!(window["agreement"], json!({"decided": 2, "agreed": 1, "share": 0.5}));
    assert!(window["average_processing_time"].as_f64().is_some_and(|took| took > 0.0), "{window}");
    let reviewers = window["reviewers"].as_array().expect("reviewers");
    assert!(reviewers.iter().any(|by| by["reviewed_by"] == json!(carlos.email) && by["rejected"] == 1));
    house.app.clock.advance(Duration::from_secs(2));
    let now = house.app.clock.now().to_string();
    let later = house.get(&format!("stats?from={now}&to=2099-01-01T00:00:00Z")).ok().await;
    assert_eq!((&later["window"]["requests"], &later["total"]), (&json!(0), &json!(3)));
    house.get(&format!("stats?from={now}&to={now}")).refused(422, "refused_fields").await;
    house.app.close().await;
}

/// A decision costs at most 5 write units, sending its answer at most 15.
#[tokio::test]
async fn decisions_are_cheap() {
    let house = Community::open().await;
    let show = house.show("Los Faroles", 40).await;
    let id = house.request("ana", &show).await;
    let meter = house.app.cloud.services().meter();
    let used = async |request: testkit::Request| {
        let before = meter.snapshot();
        let answer: Answer = request.send().await;
        answer.ok();
        meter.snapshot().since(&before).callers["supervision"].write_units
    };
    // The item, its entry in the index removed and added again, and the discount.
    assert!(used(house.act(&id, json!({"action": "approve"}))).await <= 5.0);
    house.app.idle().await;
    // A transaction: the item with the mail's text, the promotion, its use.
    assert!(used(house.send(&id)).await <= 15.0);
    house.app.close().await;
}
