//! Answers to members who may not have asked: a spammer can found an organiser, import
//! strangers as its members, and ask and answer in their names.

use std::time::Duration;

use domain::TenantId;
use serde_json::{Value, json};
use store::Limit;
use store::limit::DAY;
use supervision::{ANSWERS_OF_TENANT, ANSWERS_TO_ADDRESS};
use testkit::Show;

use crate::community::{Community, text};
use crate::table::{fingerprints, table_of};

/// The subject that the spammer wants to send, with a link.
const SUBJECT: &str = "Ganaste: entra en premios.example";
const BODY: &str = "Entra en https://premios.example/x con tu código {{ code }}.\nO en www.premios.example";

impl Community {
    /// Uses up the answers of a day until `left` are left.
    async fn use_up(&self, limit: Limit, who: &str, left: u32) {
        let store = table_of(&self.app, "supervision");
        let count = limit.of(&[who]);
        for _ in left..store.room(&count, self.app.clock.now()).await.expect("read") {
            assert!(store.count_one(&count, self.app.clock.now()).await.expect("counted"));
        }
    }

    async fn use_up_the_day(&self, left: u32) {
        let tenant: TenantId = self.organizer.tenant.parse().expect("an id");
        self.use_up(ANSWERS_OF_TENANT, &tenant.suffix(), left).await;
    }

    /// The text and the subject of the only mail with a code to this address.
    async fn answer(&self, email: &str) -> (String, String) {
        self.app.idle().await;
        let mails = self.app.mails(email).into_iter();
        let with_code = mails.filter(|mail| mail.text.as_deref().is_some_and(|text| text.contains("SOCIO-")));
        let [mail] = &with_code.collect::<Vec<_>>()[..] else { panic!("not one answer to {email}") };
        (mail.text.clone().expect("text"), mail.subject.clone())
    }

    async fn approve_with_links(&self, id: &str) {
        self.act(id, json!({"action": "approve"})).ok().await;
        self.edit(id, json!({"email_subject": SUBJECT, "email_content": BODY})).ok().await;
        self.send(id).ok().await;
    }

    async fn ask_here(&self, email: &str, show: &Show) -> String {
        text(&self.ask(email, show).ok().await["id"]).to_owned()
    }
}

#[tokio::test]
async fn an_answer_to_a_signed_out_request_has_no_links_but_ours() {
    let house = Community::open().await;
    let show = house.show("Los Faroles", 40).await;
    let victim = house.member("victima").await;
    house.approve_with_links(&house.ask_here(&victim, &show).await).await;
    let (said, subject) = house.answer(&victim).await;
    assert_eq!(subject, "Ganaste: entra en premios·example");
    assert!(said.starts_with("Un mensaje de faroles produce, por medio de Taquilla:\n"), "{said}");
    assert!(said.contains("https: premios·example/x con tu código SOCIO-"), "{said}");
    assert!(said.contains("\nO en www·premios·example"), "{said}");

    // Nor if another person is signed in, or the address is not confirmed.
    let second = house.show("Los Grillos", 40).await;
    let (ana, eva) = (house.app.somebody("ana").await, house.app.confirmed("eva").await);
    for (number, caller) in [&ana, &eva].into_iter().enumerate() {
        let email = house.member(if number == 0 { "ana" } else { "beto" }).await;
        let asked = house.ask(&email, &second).token(&caller.token).ok().await;
        house.approve_with_links(text(&asked["id"])).await;
        assert!(!house.answer(&email).await.0.contains("https://premios.example"));
    }
    // The default text keeps its link and its address.
    let third = house.show("Las Mareas", 40).await;
    let carla = house.member("carla").await;
    let id = house.ask_here(&carla, &third).await;
    house.act(&id, json!({"action": "approve"})).ok().await;
    house.send(&id).ok().await;
    let (said, _) = house.answer(&carla).await;
    for whole in [format!("/#/events/{}", third.slug), format!("con el correo {carla}")] {
        assert!(said.contains(&whole), "{whole} in {said}");
    }
    house.app.close().await;
}

#[tokio::test]
async fn an_answer_to_a_signed_in_request_keeps_the_supervisors_text() {
    let house = Community::open().await;
    let show = house.show("Los Faroles", 40).await;
    let ana = house.app.confirmed("ana").await;
    let email = house.member("ana").await;
    let asked = house.ask(&email, &show).token(&ana.token).ok().await;
    // Even if strangers have used up the answers to this address.
    house
        .use_up(ANSWERS_TO_ADDRESS, &fingerprints(&house.app).email(&email.parse().expect("valid")), 0)
        .await;
    house.approve_with_links(text(&asked["id"])).await;
    let (said, subject) = house.answer(&email).await;
    assert!(said.contains("https://premios.example/x"), "{said}");
    assert_eq!(subject, SUBJECT);

    // Not if the answer goes to another address than the one that asked.
    let second = house.show("Los Grillos", 40).await;
    let asked = house.ask(&email, &second).token(&ana.token).ok().await;
    let members = house.app.get("/api/v1/users/list?limit=100").token(&house.organizer.token).ok().await;
    let path = format!("/api/v1/users/{}", text(&members["items"][0]["id"]));
    let change = json!({"email": "victima@example.com", "version": members["items"][0]["version"]});
    house.app.patch(path).token(&house.organizer.token).json(change).ok().await;
    house.approve_with_links(text(&asked["id"])).await;
    assert!(!house.answer("victima@example.com").await.0.contains("https://premios.example"));
    house.app.close().await;
}

#[tokio::test]
async fn an_address_gets_ten_answers_a_day_to_signed_out_requests() {
    let house = Community::open().await;
    let show = house.show("Los Faroles", 40).await;
    let email = house.member("victima").await;
    let id = house.ask_here(&email, &show).await;
    house
        .use_up(ANSWERS_TO_ADDRESS, &fingerprints(&house.app).email(&email.parse().expect("valid")), 1)
        .await;
    house.act(&id, json!({"action": "reject"})).ok().await;
    house.send(&id).ok().await;
    let again = house.ask_here(&email, &show).await;
    house.act(&again, json!({"action": "reject"})).ok().await;
    let refused = house.send(&again).refused(429, "address_answered_enough").await;
    assert!(refused["retry_after"].as_u64().is_none_or(|wait| wait <= u64::from(DAY)), "{refused}");
    // A refused answer does not count against the organiser's limit.
    let other = house.request("ana", &show).await;
    house.act(&other, json!({"action": "reject"})).ok().await;
    house.send(&other).ok().await;
    house.app.close().await;
}

#[tokio::test]
async fn an_organiser_sends_a_thousand_answers_a_day_and_the_rest_the_next() {
    let mut house = Community::open().await;
    let show = house.show("Los Faroles", 40).await;
    let emails = house.members(14).await;
    let ids = house.ask_all(&emails, &show).await;
    let rejected = house.bulk(json!({"action": "reject", "ids": ids})).ok().await;
    assert_eq!(rejected["succeeded"], 14);
    house.use_up_the_day(11).await;
    let send = |cursor: &Value| {
        let filter = json!({"show_id": show.id, "status": "rejected"});
        json!({"action": "send", "filter": filter, "cursor": cursor})
    };
    let first = house.bulk(send(&Value::Null)).ok().await;
    assert_eq!((&first["succeeded"], &first["refused"]), (&json!(11), &json!(0)), "{first}");
    assert!(first["retry_after"].as_u64().is_some_and(|wait| wait <= u64::from(DAY)), "{first}");
    let next = &first["next_cursor"];
    assert!(next.is_string(), "{first}");
    house.bulk(send(next)).refused(429, "too_many_answers").await;
    let left = house.get("queue?status=rejected").ok().await["items"].as_array().expect("items").clone();
    assert_eq!(left.len(), 3);
    let one = text(&left[0]["id"]);
    house.send(one).refused(429, "too_many_answers").await;
    let named = house.bulk(json!({"action": "send", "ids": [one]})).ok().await;
    assert_eq!(named["items"][0]["code"], "too_many_answers");

    house.app.clock.advance(Duration::from_secs(u64::from(DAY)));
    house.sign_in_again().await;
    let second = house.bulk(send(next)).ok().await;
    assert_eq!((&second["succeeded"], &second["refused"]), (&json!(3), &json!(0)), "{second}");
    assert!(second.get("retry_after").is_none() && second.get("next_cursor").is_none(), "{second}");
    house.app.close().await;
}
