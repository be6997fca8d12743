//! Limits: strangers who guess or ask, and the owner of the address, who still signs in.

use std::time::Duration;

use domain::user::LinkPurpose;
use futures::future::join_all;
use serde_json::{Value, json};

use crate::app::{Answer, App, PASSWORD};

const ANA: &str = "ana@example.com";
/// The network of the attacker.
const STRANGER: &str = "192.0.2.66";
/// A network without attempts.
const ELSEWHERE: &str = "203.0.113.7";

fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

/// An address in a different network for each number.
fn network(number: usize) -> String {
    format!("198.51.100.{number}")
}

async fn login(app: &App, from: &str, email: &str, password: &str, device: Option<&Value>) -> Answer {
    let mut body = json!({"email": email, "password": password});
    if let Some(signed_in) = device {
        body["device_token"] = signed_in["device_token"].clone();
    }
    app.post("/login").from(from).json(body).await
}

async fn ask(app: &App, from: &str, path: &str) {
    app.post(path).from(from).json(json!({"email": ANA})).await.expect(202);
}

/// The number of mails of this kind that the test has not read yet.
async fn mailed(app: &App, kind: LinkPurpose) -> usize {
    app.mails().await.into_iter().filter(|(_, purpose, _)| *purpose == kind).count()
}

#[tokio::test]
async fn ten_failures_from_a_network_stop_that_network_only() {
    let app = App::start().await;
    let phone = app.sign_up(ANA).await;
    let tries = (0..14).map(|_| login(&app, STRANGER, ANA, "a wrong password", None));
    let mut failed = 0;
    for answer in join_all(tries).await {
        if answer.status == 401 {
            failed += 1;
        } else {
            let wait: u64 = answer.headers["retry-after"].to_str().expect("text").parse().expect("seconds");
            assert!((1..=900).contains(&wait), "{wait}");
            answer.refused(429, "too_many_tries");
        }
    }
    assert_eq!(failed, 10);
    login(&app, STRANGER, ANA, PASSWORD, None).await.refused(429, "too_many_tries");
    login(&app, STRANGER, "eva@example.com", PASSWORD, None).await.refused(401, "wrong_credentials");
    login(&app, ELSEWHERE, ANA, PASSWORD, None).await.expect(200);
    login(&app, STRANGER, ANA, PASSWORD, Some(&phone)).await.expect(200);
    app.clock.advance(minutes(15));
    login(&app, STRANGER, ANA, PASSWORD, None).await.expect(200);
}

#[tokio::test]
async fn a_network_takes_fifty_failures_in_a_quarter_of_an_hour() {
    let app = App::start().await;
    let phone = app.sign_up(ANA).await;
    let try_one = |source: String, index: usize| {
        let app = &app;
        async move { login(app, &source, &format!("nobody{index}@example.com"), PASSWORD, None).await }
    };
    // One subscriber with many IPv6 addresses.
    let tries = (0..60).map(|index| try_one(format!("2001:db8::{index:x}"), index));
    let answers = join_all(tries).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 429).count(), 10);
    try_one("2001:db8:0:1::1".to_owned(), 1).await.refused(401, "wrong_credentials");
    login(&app, "2001:db8::7", ANA, PASSWORD, None).await.refused(429, "too_many_tries");
    login(&app, "2001:db8::7", ANA, PASSWORD, Some(&phone)).await.expect(200);
}

#[tokio::test]
async fn a_hundred_failures_from_all_networks_leave_links_and_known_devices() {
    let app = App::start().await;
    let phone = app.sign_up(ANA).await;
    let tries = (0..104).map(|index| {
        let (app, source) = (&app, network(index));
        async move { login(app, &source, ANA, "a wrong password", None).await }
    });
    let answers = join_all(tries).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 401).count(), 100);
    login(&app, ELSEWHERE, ANA, PASSWORD, None).await.refused(429, "link_needed");
    login(&app, ELSEWHERE, ANA, PASSWORD, Some(&phone)).await.expect(200);
    ask(&app, ELSEWHERE, "/magic-link").await;
    let token = app.mail(ANA, LinkPurpose::SignIn).await;
    app.post("/magic-link/redeem").from(ELSEWHERE).json(json!({"token": token})).await.expect(200);
    app.clock.advance(minutes(24 * 60));
    login(&app, ELSEWHERE, ANA, PASSWORD, None).await.expect(200);
}

#[tokio::test]
async fn a_known_device_has_its_own_limit() {
    let app = App::start().await;
    let phone = app.sign_up(ANA).await;
    for _ in 0..10 {
        login(&app, STRANGER, ANA, "a wrong password", Some(&phone)).await.refused(401, "wrong_credentials");
    }
    login(&app, STRANGER, ANA, PASSWORD, Some(&phone)).await.refused(429, "too_many_tries");
    // The device token of another account does not help.
    let other = app.sign_up("eva@example.com").await;
    for _ in 0..10 {
        login(&app, STRANGER, ANA, "a wrong password", Some(&other)).await.refused(401, "wrong_credentials");
    }
    login(&app, STRANGER, ANA, PASSWORD, Some(&other)).await.refused(429, "too_many_tries");
    login(&app, STRANGER, "eva@example.com", PASSWORD, Some(&other)).await.expect(200);
}

#[tokio::test]
async fn a_forged_forwarded_header_is_not_believed() {
    for (hops, source) in [(0, STRANGER), (1, "198.51.100.1")] {
        let app = App::start_behind(hops).await;
        let login = |invented: usize, caller: &str| {
            let forwarded = format!("{}, {caller}, 198.51.100.1", network(invented));
            let body = json!({"email": ANA, "password": "a wrong password"});
            app.post("/login").from(source).header("x-forwarded-for", &forwarded).json(body)
        };
        for invented in 0..10 {
            login(invented, STRANGER).await.refused(401, "wrong_credentials");
        }
        login(10, STRANGER).await.refused(429, "too_many_tries");
        let neighbour = login(11, ELSEWHERE).await;
        // The header is believed only behind a configured proxy.
        assert_eq!(neighbour.status, if hops == 0 { 429 } else { 401 });
    }
}

#[tokio::test]
async fn the_owner_signs_in_by_link_from_everywhere_while_strangers_ask_and_guess() {
    let app = App::start().await;
    app.sign_up(ANA).await;
    let (mut mailbox, mut caused) = (Vec::new(), 0);
    for step in 0..15 {
        for stranger in 0..4 {
            let from = network(step % 4 * 4 + stranger);
            for path in ["/magic-link", "/password/forgot", "/magic-link"] {
                ask(&app, &from, path).await;
            }
        }
        let from = network(step % 4);
        let body = json!({"email": ANA, "password": "the password of Eve"});
        app.post("/register").from(&from).json(body).await.expect(202);
        login(&app, &from, ANA, "the password of Eve", None).await;
        // By turns from a stranger's network, and from an unused one.
        let from = if step % 2 == 0 { network(step) } else { format!("203.0.113.{step}") };
        ask(&app, &from, "/magic-link").await;
        for (_, purpose, token) in app.mails().await {
            caused += 1;
            mailbox.extend(token.filter(|_| purpose == LinkPurpose::SignIn));
        }
        let newest = mailbox.pop().expect("a link");
        let answer = app.post("/magic-link/redeem").from(&from).json(json!({"token": newest})).await;
        assert_eq!(answer.status, 200, "step {step} from {from}: {}", answer.body);
        app.clock.advance(minutes(4));
    }
    assert!(caused < 40, "{caused} mails in an hour are a flood");
}

#[tokio::test]
async fn a_mailbox_is_not_flooded_from_many_networks() {
    for email in [ANA, "eva@example.com"] {
        let app = App::start().await;
        app.sign_up(ANA).await;
        let ask_all = |kind: &'static str| {
            let app = &app;
            let asks = (0..40)
                .map(move |index| app.post(kind).from(&network(index % 20)).json(json!({"email": email})));
            async move {
                for answer in join_all(asks).await {
                    answer.expect(202);
                }
            }
        };
        let known = usize::from(email == ANA);
        ask_all("/magic-link").await;
        ask_all("/password/forgot").await;
        let mails = app.mails().await;
        let of = |kind| mails.iter().filter(|(_, purpose, _)| *purpose == kind).count();
        // Six by the address's count, and one more by the count of ten minutes.
        assert_eq!((of(LinkPurpose::SignIn), of(LinkPurpose::ResetPassword)), (7 * known, 7 * known));
        ask_all("/magic-link").await;
        assert_eq!(app.mails().await.len(), 0);
        app.clock.advance(minutes(10));
        ask_all("/magic-link").await;
        assert_eq!(mailed(&app, LinkPurpose::SignIn).await, known);
    }
}

#[tokio::test]
async fn one_network_alone_does_not_limit_another() {
    let app = App::start().await;
    app.sign_up(ANA).await;
    for _ in 0..20 {
        ask(&app, STRANGER, "/magic-link").await;
    }
    assert_eq!(mailed(&app, LinkPurpose::SignIn).await, 4);
    for _ in 0..2 {
        ask(&app, ELSEWHERE, "/magic-link").await;
        app.mail(ANA, LinkPurpose::SignIn).await;
    }
}

#[tokio::test]
async fn a_known_device_gets_its_own_link() {
    let app = App::start().await;
    let phone = app.sign_up(ANA).await;
    for index in 0..10 {
        ask(&app, &network(index), "/magic-link").await;
    }
    app.mails().await;
    ask(&app, ELSEWHERE, "/magic-link").await;
    assert_eq!(app.mails().await, [], "the last one is still good");
    let body = json!({"email": ANA, "device_token": phone["device_token"]});
    app.post("/magic-link").from(ELSEWHERE).json(body.clone()).await.expect(202);
    app.mail(ANA, LinkPurpose::SignIn).await;
    app.post("/password/forgot").from(ELSEWHERE).json(body).await.expect(202);
    app.mail(ANA, LinkPurpose::ResetPassword).await;
}

#[tokio::test]
async fn an_attack_on_one_address_does_not_lock_its_network_out() {
    let app = App::start().await;
    app.sign_up(ANA).await;
    for _ in 0..30 {
        ask(&app, STRANGER, "/magic-link").await;
    }
    assert_eq!(mailed(&app, LinkPurpose::SignIn).await, 4);
    ask(&app, STRANGER, "/password/forgot").await;
    assert_eq!(mailed(&app, LinkPurpose::ResetPassword).await, 1);
    let body = json!({"email": "eva@example.com", "password": PASSWORD});
    app.post("/register").from(STRANGER).json(body).await.expect(202);
}

#[tokio::test]
async fn repeated_registration_of_a_known_address_causes_three_mails_a_day() {
    let app = App::start().await;
    app.sign_up(ANA).await;
    for index in 0..12 {
        let body = json!({"email": ANA, "password": "the password of Eve"});
        app.post("/register").from(&network(index)).json(body).await.expect(202);
    }
    // The first of the three was the owner's own registration.
    assert_eq!(mailed(&app, LinkPurpose::AlreadyRegistered).await, 2);
}

#[tokio::test]
async fn invalid_links_limit_their_network_but_not_good_links() {
    let app = App::start().await;
    app.sign_up(ANA).await;
    ask(&app, STRANGER, "/magic-link").await;
    let token = app.mail(ANA, LinkPurpose::SignIn).await;
    let redeem = |path: &str, from: &str, token: &str| {
        let mut body = json!({"token": token});
        if path == "/password/reset" {
            body["password"] = PASSWORD.into();
        }
        app.post(path).from(from).json(body)
    };
    let tries = (0..104).map(|index| {
        let path = if index % 2 == 0 { "/magic-link/redeem" } else { "/password/reset" };
        redeem(path, STRANGER, "AAAA")
    });
    let answers = join_all(tries).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 401).count(), 100);
    redeem("/magic-link/redeem", STRANGER, "AAAA").await.refused(429, "too_many_tries");
    redeem("/magic-link/redeem", ELSEWHERE, "AAAA").await.refused(401, "link_invalid");
    // The owner may share the attacker's network.
    redeem("/magic-link/redeem", STRANGER, &token).await.expect(200);
    ask(&app, STRANGER, "/password/forgot").await;
    let token = app.mail(ANA, LinkPurpose::ResetPassword).await;
    redeem("/password/reset", STRANGER, &token).await.expect(204);
}

#[tokio::test]
async fn an_unconfirmed_account_gets_no_more_mails_by_more_sessions() {
    let app = App::start().await;
    let body = json!({"email": ANA, "password": PASSWORD});
    app.post("/register").from(STRANGER).json(body).await.expect(202);
    app.mail(ANA, LinkPurpose::Welcome).await;
    for _ in 0..4 {
        let own = login(&app, STRANGER, ANA, PASSWORD, None).await.expect(200);
        for _ in 0..7 {
            let body = json!({"email": ANA, "device_token": own["device_token"]});
            for path in ["/magic-link", "/password/forgot"] {
                app.post(path).from(STRANGER).json(body.clone()).await.expect(202);
            }
            app.post("/magic-link").from(STRANGER).bearer(&own).json(json!({"email": ANA})).await.expect(202);
        }
    }
    let mails = app.mails().await;
    let of = |kind| mails.iter().filter(|(_, purpose, _)| *purpose == kind).count();
    // As many as from a network without a session.
    assert_eq!(
        (of(LinkPurpose::SignIn), of(LinkPurpose::ResetPassword), of(LinkPurpose::Welcome)),
        (4, 4, 4)
    );
}

#[tokio::test]
async fn the_devices_of_an_account_share_one_count_of_mails() {
    let app = App::start().await;
    app.sign_up(ANA).await;
    for _ in 0..3 {
        let device = login(&app, ELSEWHERE, ANA, PASSWORD, None).await.expect(200);
        let body = json!({"email": ANA, "device_token": device["device_token"]});
        for _ in 0..10 {
            app.post("/magic-link").from(ELSEWHERE).json(body.clone()).await.expect(202);
        }
    }
    // Six by the devices' count, and four that any caller gets from one network.
    assert_eq!(mailed(&app, LinkPurpose::SignIn).await, 6 + 4);
}

#[tokio::test]
async fn a_network_that_asks_for_many_addresses_leaves_each_owner_a_link() {
    let app = App::start().await;
    app.sign_up(ANA).await;
    let asks = (0..300).map(|index| {
        let body = json!({"email": format!("nobody{index}@example.com")});
        app.post("/magic-link").from(STRANGER).json(body)
    });
    for answer in join_all(asks).await {
        answer.expect(202);
    }
    for _ in 0..3 {
        for path in ["/magic-link", "/password/forgot"] {
            ask(&app, STRANGER, path).await;
        }
    }
    let mails = app.mails().await;
    let kinds: Vec<_> = mails.iter().map(|(_, purpose, _)| *purpose).collect();
    assert_eq!(kinds.len(), 2, "{kinds:?}");
    assert!(kinds.contains(&LinkPurpose::SignIn) && kinds.contains(&LinkPurpose::ResetPassword));
    let body = json!({"email": "eva@example.com", "password": PASSWORD});
    app.post("/register").from(STRANGER).json(body).await.refused(429, "too_many_tries");
    app.clock.advance(minutes(10));
    ask(&app, STRANGER, "/magic-link").await;
    app.mail(ANA, LinkPurpose::SignIn).await;
    // After a thousand more requests, the network gets no links, either.
    for some in 0..8 {
        let asks = (0..100).map(|index| {
            let body = json!({"email": format!("nobody{some}.{index}@example.com")});
            app.post("/magic-link").from(STRANGER).json(body)
        });
        join_all(asks).await;
    }
    let body = json!({"email": ANA});
    app.post("/magic-link").from(STRANGER).json(body.clone()).await.refused(429, "too_many_tries");
    app.post("/magic-link").from(ELSEWHERE).json(body).await.expect(202);
}

#[tokio::test]
async fn repeated_registration_of_a_known_address_does_not_lock_the_network_out() {
    let app = App::start().await;
    app.sign_up(ANA).await;
    for _ in 0..120 {
        let body = json!({"email": ANA, "password": "the password of Eve"});
        app.post("/register").from(STRANGER).json(body).await.expect(202);
    }
    let body = json!({"email": "eva@example.com", "password": PASSWORD});
    app.post("/register").from(STRANGER).json(body).await.expect(202);
}
