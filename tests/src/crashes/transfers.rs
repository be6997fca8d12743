//! Transfers: one person has the ticket, the other's code is void, and one mail says so.

use std::cell::Cell;

use serde_json::{Value, json};
use testkit::{Organizer, Request, Show, TestApp, TestUser};

use super::at_each_write;

/// Ana, who offers tickets, and Eva, who accepts them.
struct Fixture {
    app: TestApp,
    organizer: Organizer,
    show: Show,
    ana: String,
    eva: String,
    keys: Cell<u32>,
}

impl Fixture {
    async fn open() -> Self {
        let app = TestApp::start().await;
        let organizer = app.organizer("organiza").await;
        let show = app.show(&organizer, "Los Faroles", 100, 0).await;
        let (ana, eva) = (app.confirmed("ana").await.email, app.confirmed("eva").await.email);
        Self { app, organizer, show, ana, eva, keys: Cell::new(0) }
    }

    async fn sign_in(&self, email: &str) -> TestUser {
        self.app.sign_in(email, None).await
    }

    /// Buys a ticket for Ana.
    async fn ticket(&self) -> String {
        let ana = self.sign_in(&self.ana).await;
        let line = json!({"area_id": self.show.area, "quantity": 1});
        text(&self.app.buy(&ana.token, &self.show.id, line).await["tickets"][0]["id"])
    }

    /// Ana's offer of a ticket to Eva, with the same idempotency key each time that it is sent.
    async fn offer(&self, ticket: &str) -> impl Fn() -> Request + '_ {
        let ana = self.sign_in(&self.ana).await;
        let body = json!({"ticket_id": ticket, "to_email": self.eva});
        self.keys.set(self.keys.get() + 1);
        let key = format!("offer-{}", self.keys.get());
        move || {
            let offer = self.app.post("/api/v1/transfers/initiate").token(&ana.token);
            offer.header("idempotency-key", &key).json(body.clone())
        }
    }

    /// The tokens of the offers that were mailed to Eva.
    async fn offers(&self) -> Vec<String> {
        self.app.idle().await;
        let texts = self.app.mails(&self.eva).into_iter().filter_map(|mail| mail.text.clone());
        let token = |text: String| {
            let (_, token) = text.split_once("transfers/accept?token=")?;
            token.split_whitespace().next().map(str::to_owned)
        };
        texts.filter_map(token).collect()
    }

    /// The ticket's code, or `None` if the ticket is not `holder`'s.
    async fn code(&self, holder: &str, ticket: &str) -> Option<String> {
        let holder = self.sign_in(holder).await;
        let answer = self.app.get(format!("/api/v1/tickets/{ticket}")).token(&holder.token).send().await;
        (answer.status == 200).then(|| text(&answer.json()["code"]))
    }

    /// Whether the door admits a code.
    async fn admits(&self, code: &str) -> bool {
        let Organizer { person, tenant, .. } = &self.organizer;
        let door = self.app.sign_in(&person.email, Some(tenant)).await;
        let scan = json!({"code": code, "event_id": self.show.id, "nonce": "scan-1"});
        let verdict = self.app.post("/api/v1/qr/validate").token(&door.token).json(scan).ok().await;
        verdict["result"] == "admitted"
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_is_offered_once() {
    let house = Fixture::open().await;
    let offers = Cell::new(0);
    // The idempotency key, three limits, the offer and the stored answer.
    at_each_write("tickets", 4, async |death| {
        let ticket = house.ticket().await;
        let offer = house.offer(&ticket).await;
        let (has_struck, answer) = death.send(&house.app, offer).await;
        let answer = answer.ok();
        offers.set(offers.get() + 1);
        assert_eq!(house.offers().await.len(), offers.get(), "{death:?}: one mail for each");
        // While the offer is open, one with another idempotency key is refused.
        let other = house.offer(&ticket).await;
        let open = other().refused(409, "transfer_open").await;
        assert_eq!(open["transfer_id"], answer["id"], "{death:?}");
        has_struck
    })
    .await;
    house.app.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_is_accepted_once() {
    let house = Fixture::open().await;
    at_each_write("tickets", 1, async |death| {
        let ticket = house.ticket().await;
        let old = house.code(&house.ana, &ticket).await.expect("it is hers");
        let offer = house.offer(&ticket).await;
        offer().ok().await;
        let token = house.offers().await.pop().expect("a mail");
        let eva = house.sign_in(&house.eva).await;
        let accept = || {
            let accept = house.app.post("/api/v1/transfers/accept").token(&eva.token);
            accept.json(json!({"token": token}))
        };
        let before = house.app.mails(&house.eva).len();
        let (has_struck, answer) = death.send(&house.app, accept).await;
        assert_eq!(answer.ok()["id"], json!(ticket), "{death:?}");
        let new = house.code(&house.eva, &ticket).await.expect("it is hers");
        assert_eq!(house.code(&house.ana, &ticket).await, None, "{death:?}");
        house.app.idle().await;
        assert_eq!(house.app.mails(&house.eva).len(), before + 1, "{death:?}: one mail with the ticket");
        assert!(!house.admits(&old).await, "{death:?}: the old code is void");
        assert!(house.admits(&new).await, "{death:?}");
        has_struck
    })
    .await;
    house.app.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_offer_is_cancelled_once_and_can_be_made_again() {
    let house = Fixture::open().await;
    at_each_write("tickets", 1, async |death| {
        let ticket = house.ticket().await;
        let offer = house.offer(&ticket).await;
        let offered = offer().ok().await;
        let token = house.offers().await.pop().expect("a mail");
        let ana = house.sign_in(&house.ana).await;
        let cancel = || {
            let cancel = house.app.post("/api/v1/transfers/cancel").token(&ana.token);
            cancel.json(json!({"transfer_id": offered["id"]}))
        };
        let (has_struck, answer) = death.send(&house.app, cancel).await;
        assert_eq!(answer.ok()["state"], "cancelled", "{death:?}");
        let eva = house.sign_in(&house.eva).await;
        let accept = house.app.post("/api/v1/transfers/accept").token(&eva.token);
        accept.json(json!({"token": token})).refused(410, "transfer_cancelled").await;
        let again = house.offer(&ticket).await;
        again().ok().await;
        has_struck
    })
    .await;
    house.app.close().await;
}
