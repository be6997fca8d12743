//! More requests than discounts: an approval reserves a discount, and the earliest request
//! comes first.

use std::time::Duration;

use cloud::services::{FaultRates, Mishap, Spot};
use domain::audit::AuditNote;
use domain::discount::{DecisionType, Reviewer};
use serde_json::{Value, json};
use supervision::MAX_BULK_REQUESTS;
use testkit::Show;

use crate::community::{Community, text};
use crate::table::table_of;

/// The ids in a list of the queue, oldest first.
async fn queue(house: &Community, query: &str) -> Vec<String> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = house.get(&format!("queue?order=oldest_first&limit=100&{query}{cursor}")).ok().await;
        let items = page["items"].as_array().expect("items");
        all.extend(items.iter().map(|item| text(&item["id"]).to_owned()));
        let Some(next) = page["next_cursor"].as_str() else { return all };
        cursor = format!("&cursor={next}");
    }
}

/// One bulk call on the requests that match a filter.
fn step(house: &Community, action: &str, filter: &Value, cursor: &Value) -> testkit::Request {
    let mut body = json!({"action": action, "filter": filter});
    if !cursor.is_null() {
        body["cursor"] = cursor.clone();
    }
    house.bulk(body)
}

/// Repeats bulk calls on the requests that match a filter, to the last page. Returns how many
/// succeeded, how many were refused, and the number of calls.
async fn work(house: &Community, action: &str, filter: Value) -> (u64, u64, usize) {
    let (mut succeeded, mut refused, mut calls, mut cursor) = (0, 0, 0, Value::Null);
    loop {
        let done = step(house, action, &filter, &cursor).ok().await;
        succeeded += done["succeeded"].as_u64().expect("a number");
        refused += done["refused"].as_u64().expect("a number");
        calls += 1;
        cursor = done["next_cursor"].clone();
        if cursor.is_null() {
            return (succeeded, refused, calls);
        }
    }
}

#[tokio::test]
async fn suggestions_and_approvals_count_approved_discounts() {
    let mut house = Community::open().await;
    let (show, other) = (house.show("Los Faroles", 3).await, house.show("Marea Baja", 3).await);
    let members = house.members(7).await;
    let all = house.ask_all(&members, &show).await;
    let elsewhere = house.ask_all(&members[..1], &other).await;
    let suggested =
        |suggestion: &str| format!("status=undecided&show_id={}&suggestion={suggestion}", show.id);
    assert_eq!(queue(&house, &suggested("approved")).await, all[..3]);
    assert_eq!(queue(&house, &suggested("rejected")).await, all[3..]);
    assert_eq!(queue(&house, &format!("show_id={}", other.id)).await, elsewhere);
    let reasons = async |index: usize| text(&house.queued(&all[index]).await["reasoning"]).to_owned();
    insta::assert_snapshot!(format!("{}\n{}", reasons(2).await, reasons(3).await), @"
    The member is eligible and 1 discount is left; open requests may take them.
    3 discounts are left, and 3 earlier requests are proposed for approval.
    ");

    let undecided = json!({"show_id": show.id, "status": "undecided"});
    assert_eq!(work(&house, "approve", undecided.clone()).await, (3, 4, 1));
    assert_eq!(queue(&house, "status=approved").await, all[..3], "who asked first is first");
    assert_eq!(house.remaining(&show).await, 0, "though nothing is sent");
    house.act(&all[3], json!({"action": "approve"})).refused(409, "no_discounts_left").await;
    let late = house.member("late").await;
    let late = text(&house.ask(&late, &show).ok().await["id"]).to_owned();
    assert_eq!(house.queued(&late).await["suggested_decision"], "rejected");

    // A discount that is taken back goes to the next request.
    house.act(&all[1], json!({"action": "reject", "version": 2})).ok().await;
    assert_eq!(house.remaining(&show).await, 1);
    assert_eq!(work(&house, "approve", undecided.clone()).await, (1, 4, 1));
    assert_eq!(queue(&house, "status=approved").await, [0, 2, 3].map(|index: usize| all[index].clone()));

    // The remaining requests are rejected in one call, and the answers sent in one.
    assert_eq!(work(&house, "reject", undecided).await, (4, 0, 1));
    let decided = |status: &str| json!({"show_id": show.id, "status": status});
    assert_eq!(work(&house, "send", decided("approved")).await, (3, 0, 1));
    assert_eq!(work(&house, "send", decided("rejected")).await, (5, 0, 1));
    assert_eq!(house.remaining(&show).await, 0);
    house.app.close().await;
}

#[tokio::test]
async fn lists_leave_out_the_mail_texts() {
    let mut house = Community::open().await;
    let show = house.show("Los Faroles", 40).await;
    let members = house.members(25).await;
    let ids = house.ask_all(&members, &show).await;
    let page = house.get("queue").send().await;
    assert!(page.body.len() < 25 * 1_100, "{} bytes", page.body.len());
    let item = &page.ok()["items"][24];
    assert_eq!((&item["id"], item.get("email_content")), (&json!(ids[0]), None));
    assert!(item["email_subject"].is_string());
    assert!(house.queued(&ids[0]).await["email_content"].is_string());
    house.app.close().await;
}

/// A function that dies between the two writes of an approval: the approval is written, and its
/// discount is not taken.
#[tokio::test]
async fn an_interrupted_approval_takes_its_discount_when_it_is_sent() {
    let house = Community::open().await;
    let show = house.show("Los Faroles", 1).await;
    let table = table_of(&house.app, "supervision");
    let (ana, beto) = (house.request("ana", &show).await, house.request("beto", &show).await);
    for id in [&ana, &beto] {
        let before = table.discount_request(id.parse().expect("an id")).await.expect("read").expect("there");
        let now = house.app.clock.now();
        let eva = Reviewer { user: domain::UserId::generate(now), email: "eva@example.com".to_owned() };
        let after = before.decide(DecisionType::Approved, None, &eva, None, 0, now).expect("decided");
        let note = AuditNote {
            tenant_id: after.tenant_id,
            by: eva.user,
            by_email: eva.email,
            action: "discount_request.approve".to_owned(),
            subject: id.clone(),
            at: now,
        };
        table.replace_discount_request(&after, &note).await.expect("written");
    }
    assert_eq!(house.remaining(&show).await, 1);
    house.send(&ana).ok().await;
    assert_eq!(house.remaining(&show).await, 0);
    house.send(&beto).refused(409, "no_discounts_left").await;
    let left_over = json!({"show_id": show.id, "status": "approved"});
    assert_eq!(work(&house, "reject", left_over).await, (1, 0, 1));
    house.send(&beto).ok().await;
    assert_eq!(house.remaining(&show).await, 0, "ana's is hers");
    house.app.close().await;
}

/// Each approval takes a discount of its own, whether or not earlier ones were taken back.
#[tokio::test]
async fn an_approval_that_is_taken_back_returns_its_discount() {
    let house = Community::open().await;
    let show = house.show("Los Faroles", 5).await;
    let table = table_of(&house.app, "supervision");
    let event = table.event(show.id.parse().expect("an id")).await.expect("read").expect("there");
    let id = house.decided("beto", &show, "approve").await;
    let stored =
        async || table.discount_request(id.parse().expect("an id")).await.expect("read").expect("there");
    let approved = stored().await;
    assert_eq!(house.remaining(&show).await, 4);
    house.act(&id, json!({"action": "reject", "version": 2})).ok().await;
    let rejected = stored().await;
    assert_eq!(house.remaining(&show).await, 5);
    house.act(&id, json!({"action": "approve", "version": 3})).ok().await;
    table.return_discounts(&event, &rejected).await.expect("late, and of no effect");
    assert_eq!(house.remaining(&show).await, 4);
    // The first approval's discount is taken late, after three more decisions.
    house.act(&id, json!({"action": "reject", "version": 4})).ok().await;
    table.take_discount(&event, &approved, house.app.clock.now()).await.expect("one is left");
    assert_eq!(house.remaining(&show).await, 4);
    for _ in 0..2 {
        house.send(&id).ok().await;
        assert_eq!(house.remaining(&show).await, 5);
    }
    house.app.close().await;
}

/// Repeats bulk calls on the requests that match a filter while functions and answers are
/// lost. Every call whose answer is lost is retried.
async fn work_in_bad_weather(house: &Community, action: &str, filter: &Value) {
    for _ in 0..40 {
        let (mut cursor, mut clean) = (Value::Null, true);
        loop {
            let answer = step(house, action, filter, &cursor).send().await;
            if answer.status == 503 {
                clean = false;
                continue;
            }
            let done = answer.ok();
            let items = done["items"].as_array().expect("items");
            clean &= items.iter().all(|item| item["ok"] == true || item["code"] == "no_discounts_left");
            cursor = done["next_cursor"].clone();
            if cursor.is_null() {
                break;
            }
        }
        if clean {
            return;
        }
    }
    panic!("{action} never ended");
}

/// Eight times as many requests as discounts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bulk_calls_in_a_storm_give_all_discounts_and_answer_each_member_once() {
    const DISCOUNTS: usize = 37;
    let mut house = Community::open().await;
    let show: Show = house.show("Los Faroles", 37).await;
    let members = house.members(300).await;
    let all = house.ask_all(&members, &show).await;
    house.app.chaos.set(FaultRates::stormy());
    let of = |status: &str| json!({"show_id": show.id, "status": status});
    work_in_bad_weather(&house, "approve", &of("undecided")).await;
    work_in_bad_weather(&house, "reject", &of("undecided")).await;
    work_in_bad_weather(&house, "send", &of("approved")).await;
    // If a function died between an approval and its discount, another approval may have taken it.
    work_in_bad_weather(&house, "reject", &of("approved")).await;
    work_in_bad_weather(&house, "send", &of("rejected")).await;
    house.app.chaos.set(FaultRates::default());
    // A worker lives for seconds and its lease for a minute: time does not jump while one is at work.
    house.app.idle().await;
    for _ in 0..5 {
        house.app.clock.advance(Duration::from_secs(70));
        house.app.idle().await;
    }
    house.sign_in_again().await;
    assert_eq!(queue(&house, "status=pending").await, [""; 0]);
    let sent = queue(&house, "status=sent").await;
    assert_eq!(sent, all);
    let mut given = 0;
    for (id, email) in all.iter().zip(&members) {
        given += usize::from(house.queued(id).await["decision_type"] == "approved");
        assert_eq!(house.app.mails(email).len(), 1, "mails to {email}");
    }
    assert_eq!(given, DISCOUNTS);
    assert_eq!(house.remaining(&show).await, 0);
    house.app.close().await;
}

#[tokio::test]
async fn a_bulk_call_does_a_page_and_returns_the_cursor_of_the_next() {
    let mut house = Community::open().await;
    let show = house.show("Los Faroles", 1).await;
    let most = usize::from(MAX_BULK_REQUESTS);
    let members = house.members(most + 1).await;
    let all = house.ask_all(&members, &show).await;
    let undecided = json!({"show_id": show.id, "status": "undecided"});
    let first = step(&house, "reject", &undecided, &Value::Null).ok().await;
    assert_eq!((&first["succeeded"], first["items"].as_array().map(Vec::len)), (&json!(most), Some(most)));
    assert_eq!(queue(&house, "status=undecided").await, all[most..]);
    for _ in 0..2 {
        let last = step(&house, "reject", &undecided, &first["next_cursor"]).ok().await;
        assert!(last["next_cursor"].is_null() && last["refused"] == 0, "{last}");
    }
    assert_eq!(queue(&house, "status=rejected").await, all);
    let foreign = json!("RVYjMjAyNi0xMi0wMQ");
    step(&house, "reject", &undecided, &foreign).refused(422, "refused_fields").await;
    house.app.close().await;
}

/// API Gateway would time out if a call worked on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bulk_call_that_takes_long_starts_no_more_requests() {
    let mut house = Community::open().await;
    let show = house.show("Los Faroles", 1).await;
    let members = house.members(20).await;
    let all = house.ask_all(&members, &show).await;
    let undecided = json!({"show_id": show.id, "status": "undecided"});
    let halt = house.app.chaos.halt(Spot::at("DR#").by("supervision"));
    let slow = tokio::spawn(step(&house, "reject", &undecided, &Value::Null).send());
    halt.reached().await;
    house.app.clock.advance(Duration::from_secs(11));
    drop(halt);
    let first = slow.await.expect("no panic").ok();
    let done = first["succeeded"].as_u64().expect("a number");
    assert!(0 < done && done < 20, "{first}");
    let rest = step(&house, "reject", &undecided, &first["next_cursor"]).ok().await;
    assert_eq!((&rest["succeeded"], &rest["next_cursor"]), (&json!(20 - done), &Value::Null));
    assert_eq!(queue(&house, "status=rejected").await, all);
    house.app.close().await;
}

/// A throttled write is not counted as refused, and the cursor stops before its request.
#[tokio::test]
async fn a_throttled_bulk_call_stops_and_can_be_continued() {
    let mut house = Community::open().await;
    let show = house.show("Los Faroles", 10).await;
    let members = house.members(12).await;
    let all = house.ask_all(&members, &show).await;
    let filter = |status: &str| json!({"show_id": show.id, "status": status});
    for (action, status) in [("reject", "undecided"), ("send", "rejected")] {
        let throttled = house.app.chaos.ambush(Spot::at("DR#").by("supervision"), 10, Mishap::Refused);
        let first = step(&house, action, &filter(status), &Value::Null).ok().await;
        assert!(throttled.has_struck());
        drop(throttled);
        assert_eq!(first["refused"], 0, "{action}: {first}");
        let rest = step(&house, action, &filter(status), &first["next_cursor"]).ok().await;
        assert_eq!((&rest["refused"], &rest["next_cursor"]), (&json!(0), &Value::Null), "{action}: {rest}");
        assert_eq!(queue(&house, &format!("status={status}")).await, [""; 0], "{action}");
    }
    assert_eq!(queue(&house, "status=sent").await, all);
    house.app.close().await;
}
