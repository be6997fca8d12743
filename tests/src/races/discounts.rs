//! Sixty-four supervisors, five hundred requests and forty discounts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use cloud::services::{FaultRates, Spot};
use domain::access::Role;
use futures::future::join_all;
use serde_json::{Value, json};
use testkit::{Answer, Request, Show, TestApp};

use crate::community::{Community, text};
use crate::table::table_of;

const SUPERVISORS: usize = 64;
/// Tries of one request while the box office answers 503.
const TRIES: usize = 40;
/// Requests that are made at the same time, within one window of the limit.
const AT_ONCE: usize = 50;

/// The result of a rush: the requests, and what the supervisors were told of each.
struct Outcome {
    show: Show,
    house: Community,
    /// The members' addresses, by the ids of their requests.
    members: BTreeMap<String, String>,
    /// The ids of the requests whose sending was confirmed to a supervisor.
    sent: BTreeSet<String>,
    /// The error codes of refused calls, by the ids of their requests.
    refused: BTreeMap<String, BTreeSet<String>>,
}

fn email(index: usize) -> String {
    format!("socia{index}@example.com")
}

/// Imports so many members.
async fn register(house: &Community, count: usize) {
    let mut csv = "email,name,subscription_active,monthly_fee_current\n".to_owned();
    for index in 0..count {
        csv.push_str(&format!("{},Socia {index},si,si\n", email(index)));
    }
    let import =
        |body: Value| house.app.post("/api/v1/users/import").token(&house.organizer.token).json(body);
    let preview = import(json!({"csv": csv})).ok().await;
    let done = import(json!({"csv": csv, "confirm": preview["digest"]})).ok().await;
    assert_eq!((&done["new"], &done["bad"]), (&json!(count), &json!(0)), "{}", done["errors"]);
}

/// Lets so many members ask. Returns their addresses by the ids of their requests.
async fn requested(house: &mut Community, show: &Show, count: usize) -> BTreeMap<String, String> {
    let mut members = BTreeMap::new();
    for first in (0..count).step_by(AT_ONCE) {
        let asking = (first..count.min(first + AT_ONCE)).map(|index| {
            let request = house.ask(&email(index), show);
            tokio::spawn(async move { (text(&request.ok().await["id"]).to_owned(), email(index)) })
        });
        for asked in asking.collect::<Vec<_>>() {
            let (id, email) = asked.await.expect("no panic");
            members.insert(id, email);
        }
        house.app.clock.advance(Duration::from_secs(15 * 60));
    }
    let organizer = &house.organizer;
    let person = house.app.sign_in(&organizer.person.email, Some(&organizer.tenant)).await;
    house.organizer.token = person.token;
    members
}

/// Lets so many members ask, and approves all requests.
async fn approved(house: &mut Community, show: &Show, count: usize) -> BTreeMap<String, String> {
    let members = requested(house, show, count).await;
    let ids: Vec<&String> = members.keys().collect();
    for some in ids.chunks(100) {
        let done = house.bulk(json!({"action": "approve", "ids": some})).ok().await;
        assert_eq!(done["refused"], 0, "{done}");
    }
    members
}

/// The tokens of so many coordinators that inviting them would exceed the daily limit.
async fn supervisors(house: &Community) -> Vec<String> {
    let (app, tenant) = (&house.app, &house.organizer.tenant);
    let table = table_of(app, "events");
    let mut tokens = Vec::with_capacity(SUPERVISORS);
    for index in 0..SUPERVISORS {
        let person = app.confirmed(&format!("supervisa{index}")).await;
        let (id, works_for) = (person.id.parse().expect("an id"), tenant.parse().expect("an id"));
        table.add_staff(works_for, id, Role::Coordinator, app.clock.now()).await.expect("added");
        tokens.push(app.sign_in(&person.email, Some(tenant)).await.token);
    }
    tokens
}

/// Approves one request and sends the answer: `None` for sent, else the code.
async fn give(app: &TestApp, token: &str, id: &str) -> Option<String> {
    match persist(app, token, id, "action", json!({"action": "approve"})).await {
        None => persist(app, token, id, "send", json!({})).await,
        refused => refused,
    }
}

/// Calls an action on one request until the answer is not a 503: `None` for done, else the
/// code.
async fn persist(app: &TestApp, token: &str, id: &str, what: &str, body: Value) -> Option<String> {
    for _ in 0..TRIES {
        let path = format!("/api/v1/supervision/queue/{id}/{what}");
        let answer = app.post(path).token(token).json(body.clone()).send().await;
        match answer.status {
            200 => return None,
            503 => tokio::time::sleep(Duration::from_millis(5)).await,
            409 => return Some(text(&answer.json()["code"]).to_owned()),
            status => panic!("{status}: {}", answer.text()),
        }
    }
    panic!("the box office never had time")
}

/// Lets all supervisors approve and send all requests at the same time. Every third request is
/// given to two of them.
async fn rush(discounts: u32, requests: usize, rates: FaultRates) -> Outcome {
    let mut house = Community::open().await;
    let show = house.show("Los Faroles", discounts).await;
    register(&house, requests).await;
    let members = requested(&mut house, &show, requests).await;
    let tokens = supervisors(&house).await;
    house.app.idle().await;

    let mut work: Vec<Vec<String>> = vec![Vec::new(); SUPERVISORS];
    for (index, id) in members.keys().enumerate() {
        work[index % SUPERVISORS].push(id.clone());
        if index % 3 == 0 {
            work[(index + 17) % SUPERVISORS].push(id.clone());
        }
    }
    house.app.chaos.set(rates);
    let Community { app, organizer } = house;
    let app = Arc::new(app);
    let workers = tokens.into_iter().zip(work).map(|(token, ids)| {
        let app = app.clone();
        tokio::spawn(async move {
            let mut heard = Vec::with_capacity(ids.len());
            for id in ids {
                let answer = give(&app, &token, &id).await;
                heard.push((id, answer));
            }
            heard
        })
    });
    let (mut sent, mut refused) = (BTreeSet::new(), BTreeMap::<_, BTreeSet<String>>::new());
    for worker in workers.collect::<Vec<_>>() {
        for (id, answer) in worker.await.expect("no panic") {
            match answer {
                None => drop(sent.insert(id)),
                Some(code) => drop(refused.entry(id).or_default().insert(code)),
            }
        }
    }
    app.idle().await;
    app.chaos.set(FaultRates::default());
    // The mails of dead workers are retried when their lease has ended.
    for _ in 0..5 {
        app.clock.advance(Duration::from_secs(70));
        app.idle().await;
    }
    let app = Arc::into_inner(app).expect("everybody is done");
    let person = app.sign_in(&organizer.person.email, Some(&organizer.tenant)).await;
    let house = Community { app, organizer: testkit::Organizer { token: person.token, ..organizer } };
    house.app.idle().await;
    Outcome { show, house, members, sent, refused }
}

/// The requests in a list of the queue, by their ids.
async fn queue(house: &Community, status: &str) -> BTreeMap<String, Value> {
    let (mut all, mut cursor) = (BTreeMap::new(), String::new());
    loop {
        let page = house.get(&format!("queue?status={status}&limit=100{cursor}")).ok().await;
        for item in page["items"].as_array().expect("items") {
            assert!(all.insert(text(&item["id"]).to_owned(), item.clone()).is_none(), "on two pages");
        }
        let Some(next) = page["next_cursor"].as_str() else { return all };
        cursor = format!("&cursor={next}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forty_discounts_are_given_to_forty_members_and_mailed_once() {
    let Outcome { show, house, members, sent, mut refused } = rush(40, 500, FaultRates::stormy()).await;
    let (given, left) = (queue(&house, "sent").await, queue(&house, "undecided").await);
    assert_eq!((given.len(), left.len()), (40, 460), "none is lost, and no promise is left over");
    assert_eq!(given.keys().collect::<Vec<_>>(), sent.iter().collect::<Vec<_>>(), "who sent it knows");
    assert!(given.values().all(|request| request["decision_type"] == "approved"));
    // Of two supervisors with the same request, at most one succeeded. Both may have been told
    // of an approval that found no discount and was withdrawn.
    for id in given.keys() {
        let heard = refused.remove(id).unwrap_or_default();
        assert!(heard.iter().all(|code| code.starts_with("already_")), "{heard:?}");
    }
    assert_eq!(refused.len(), 460);
    for (id, mut codes) in refused {
        codes.remove("already_decided");
        assert_eq!(codes.into_iter().collect::<Vec<_>>(), ["no_discounts_left"], "{id}");
    }
    assert_eq!(house.remaining(&show).await, 0);

    let mut codes = BTreeSet::new();
    for (id, email) in &members {
        let mails = house.app.mails(email);
        assert_eq!(mails.len(), usize::from(given.contains_key(id)), "mails to {email}");
        for mail in mails {
            let text = mail.text.as_deref().expect("text");
            let code = text.split_whitespace().find(|word| word.starts_with("SOCIO-")).expect("a code");
            assert!(codes.insert(code.to_owned()), "{code} is mailed twice");
        }
    }
    assert_eq!(codes.len(), 40);
    house.app.close().await;
}

/// Each supervisor approves another request at the same moment, and all have read that
/// discounts are left. Returns how many approvals succeeded.
async fn approve_at_once(discounts: u32, guarded: bool) -> usize {
    let mut house = Community::open().await;
    let show = house.show("Los Faroles", discounts).await;
    register(&house, SUPERVISORS).await;
    let members = requested(&mut house, &show, SUPERVISORS).await;
    let tokens = supervisors(&house).await;
    house.app.idle().await;
    if !guarded {
        house.app.chaos.ignore_conditions("E#");
    }
    let race = house.app.chaos.rendezvous(SUPERVISORS, Spot::at("E#").by("supervision"));
    let approving = tokens.iter().zip(members.keys()).map(|(token, id)| {
        let approve = house.act_as(token, id, json!({"action": "approve"}));
        race.racer(approve.send())
    });
    let mut approved = 0;
    for answer in join_all(approving).await {
        match answer.status {
            200 => approved += 1,
            _ => drop(answer.refused(409, "no_discounts_left")),
        }
    }
    assert_eq!(race.met(), SUPERVISORS);
    drop(race);
    house.app.chaos.set(FaultRates::default());
    let promised = queue(&house, "approved").await.len();
    assert_eq!(promised, approved, "who heard so has it, and nobody else");
    house.app.idle().await;
    approved
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_sixty_four_approvals_at_once_ten_get_the_ten_discounts() {
    assert_eq!(approve_at_once(10, true).await, 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_guard_more_discounts_are_given_than_there_are() {
    let approved = approve_at_once(10, false).await;
    assert_eq!(approved, SUPERVISORS, "the race test would not notice a race");
}

/// Sends requests at once; all have reached their write before the first one writes.
async fn together(app: &TestApp, requests: Vec<Request>) -> Vec<Answer> {
    let race = app.chaos.rendezvous(requests.len(), "DR#");
    let answers = join_all(requests.into_iter().map(|request| race.racer(request.send()))).await;
    assert_eq!(race.met(), answers.len());
    answers
}

/// One member asks 16 times at once for the same show. Returns how many requests were opened.
async fn asked(rates: FaultRates) -> usize {
    let house = Community::open().await;
    let show = house.show("Los Faroles", 40).await;
    let ana = house.member("ana").await;
    house.app.chaos.set(rates);
    // Fewer than the refused requests that one address may make.
    let asking = (0..16).map(|_| house.ask(&ana, &show)).collect();
    let mut opened = 0;
    for answer in together(&house.app, asking).await {
        match answer.status {
            201 => opened += 1,
            _ => drop(answer.refused(409, "request_open")),
        }
    }
    house.app.idle().await;
    opened
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_has_one_open_request_for_a_show() {
    assert_eq!(asked(FaultRates::default()).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_guard_a_member_has_many_requests() {
    let rates = FaultRates { ignored_conditions: vec!["DR#".to_owned()], ..FaultRates::default() };
    assert_eq!(asked(rates).await, 16, "the race test would not notice a race");
}

/// Eight supervisors decide the same request at once. Returns how many succeeded.
async fn decided(rates: FaultRates) -> usize {
    let house = Community::open().await;
    let show = house.show("Los Faroles", 40).await;
    let id = house.request("ana", &show).await;
    let mut tokens = vec![house.organizer.token.clone()];
    for index in 0..7 {
        tokens.push(house.app.staff(&house.organizer, &format!("carlos{index}"), "coordinator").await.token);
    }
    house.app.idle().await;
    house.app.chaos.set(rates);
    let deciding = tokens.iter().enumerate().map(|(index, token)| {
        let action = ["approve", "reject", "needs_clarification"][index % 3];
        house.act_as(token, &id, json!({"action": action}))
    });
    let mut won = 0;
    for answer in together(&house.app, deciding.collect()).await {
        match answer.status {
            200 => won += 1,
            _ => drop(answer.refused(409, "already_decided")),
        }
    }
    house.app.idle().await;
    won
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_eight_decisions_at_once_one_succeeds_and_the_others_conflict() {
    assert_eq!(decided(FaultRates::default()).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_guard_decisions_overwrite_each_other() {
    let rates = FaultRates { ignored_conditions: vec!["DR#".to_owned()], ..FaultRates::default() };
    assert_eq!(decided(rates).await, 8, "the race test would not notice a race");
}

/// Sends the answer to a request; before that call's write number `nth`, another supervisor
/// rejects the request and sends the rejection. False if the call has fewer writes.
async fn reject_before_write(house: &Community, sender: &str, id: &str, nth: usize) -> bool {
    let spot = || Spot::at("").by("supervision");
    let chaos = &house.app.chaos;
    let mut halt = chaos.halt(spot());
    let mut sending = Box::pin(house.send_as(sender, id).send());
    for passed in 0..nth {
        tokio::select! {
            sent = &mut sending => {
                assert_eq!(sent.status, 200, "{}", sent.text());
                house.act(id, json!({"action": "reject", "version": 2})).refused(409, "already_sent").await;
                return false;
            }
            () = halt.reached() => {}
        }
        if passed + 1 < nth {
            // The next halt is in place before this write goes on.
            let next = chaos.halt(spot());
            drop(std::mem::replace(&mut halt, next));
        }
    }
    let rejecting = async {
        house.act(id, json!({"action": "reject", "version": 2})).ok().await;
        house.send(id).ok().await;
    };
    tokio::select! {
        sent = &mut sending => panic!("it waits for the rejection: {}", sent.text()),
        () = rejecting => {}
    }
    drop(halt);
    drop(sending.await.refused(409, "already_sent"));
    true
}

/// Two supervisors send and reject the same request at once: the discounts that the show has
/// left agree with the answers that were sent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sending_and_rejecting_at_once_gives_or_returns_the_discount() {
    let mut house = Community::open().await;
    let show = house.show("Los Faroles", 40).await;
    register(&house, 8).await;
    let members = approved(&mut house, &show, 8).await;
    let carlos = house.app.staff(&house.organizer, "carlos", "coordinator").await;
    house.app.idle().await;
    let (mut ids, mut nth) = (members.keys(), 1);
    while reject_before_write(&house, &carlos.token, ids.next().expect("few writes"), nth).await {
        assert_eq!(house.remaining(&show).await, 40 - (8 - nth), "before write {nth}");
        nth += 1;
    }
    assert!(nth > 1, "sending writes something");
    assert_eq!(house.remaining(&show).await, 40 - (8 - (nth - 1)));
    let sent = queue(&house, "sent").await;
    let given = sent.values().filter(|request| request["decision_type"] == "approved").count();
    assert_eq!((sent.len(), given), (nth, 1), "the last one was sent before anybody rejected it");
    house.app.idle().await;
    for (id, email) in members.iter().filter(|(id, _)| sent.contains_key(*id)) {
        let mails = house.app.mails(email);
        assert_eq!(mails.len(), 1, "mails to {email}");
        let has_code = mails[0].text.as_deref().is_some_and(|text| text.contains("SOCIO-"));
        assert_eq!(has_code, sent[id]["decision_type"] == "approved", "{email}");
    }
    house.app.close().await;
}

/// An approval takes its discount late: it is replaced by a rejection, which is sent meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_discount_taken_after_its_approval_was_taken_back_is_returned() {
    let house = Community::open().await;
    let show = house.show("Los Faroles", 40).await;
    let id = house.request("ana", &show).await;
    let carlos = house.app.staff(&house.organizer, "carlos", "coordinator").await;
    let halt = house.app.chaos.halt(Spot::at("E#").by("supervision"));
    let approving = house.act_as(&carlos.token, &id, json!({"action": "approve"})).send();
    let meanwhile = async {
        halt.reached().await;
        house.act(&id, json!({"action": "reject", "version": 2})).ok().await;
        house.send(&id).ok().await;
        drop(halt);
    };
    let (approved, ()) = tokio::join!(approving, meanwhile);
    assert_eq!(approved.status, 200, "it held for a moment: {}", approved.text());
    assert_eq!(house.remaining(&show).await, 40);
    house.app.close().await;
}
