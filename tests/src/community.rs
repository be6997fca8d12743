//! A community whose members get discounts.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Organizer, Request, Show, TestApp};

/// A box office with one community, supervised by its organiser's admin.
pub(crate) struct Community {
    pub(crate) app: TestApp,
    pub(crate) organizer: Organizer,
}

impl Community {
    pub(crate) async fn open() -> Self {
        let app = TestApp::start().await;
        let organizer = app.organizer("faroles").await;
        Self { app, organizer }
    }

    /// Changes the show so that `discounts` members get half off one of its tickets.
    pub(crate) async fn offer(&self, show: &Show, discounts: u32) {
        let discount = json!({"discount_type": "percentage", "discount_value": 50, "max_tickets": 1});
        self.change(show, json!({"max_discounts": discounts, "member_discount": discount})).await;
    }

    /// Changes one of the organiser's shows.
    pub(crate) async fn change(&self, show: &Show, change: Value) {
        let path = format!("/api/v1/events/{}", show.id);
        self.app.patch(path).token(&self.organizer.token).json(change).ok().await;
    }

    /// A show in a week, with so many discounts.
    pub(crate) async fn show(&self, name: &str, discounts: u32) -> Show {
        let show = self.app.show(&self.organizer, name, 100, 20_000).await;
        self.offer(&show, discounts).await;
        show
    }

    /// Registers a member who may ask for discounts. Returns the address.
    pub(crate) async fn member(&self, name: &str) -> String {
        self.member_who(name, json!({})).await
    }

    /// Registers a member who may ask for discounts unless `change` says otherwise. Returns the
    /// address.
    pub(crate) async fn member_who(&self, name: &str, change: Value) -> String {
        let email = format!("{name}@example.com");
        let mut body = json!({
            "name": format!("{name} ejemplo"), "email": email, "subscription_active": true,
            "monthly_fee_current": true,
        });
        body.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        self.app.post("/api/v1/users/register").token(&self.organizer.token).json(body).ok().await;
        email
    }

    /// Imports `count` members who may ask for discounts. Returns their addresses.
    pub(crate) async fn members(&self, count: usize) -> Vec<String> {
        let emails: Vec<String> = (0..count).map(|index| format!("socia{index}@example.com")).collect();
        let mut csv = "email,name,subscription_active,monthly_fee_current\n".to_owned();
        for (index, email) in emails.iter().enumerate() {
            csv.push_str(&format!("{email},Socia {index},si,si\n"));
        }
        let import =
            |body: Value| self.app.post("/api/v1/users/import").token(&self.organizer.token).json(body);
        let preview = import(json!({"csv": csv})).ok().await;
        let done = import(json!({"csv": csv, "confirm": preview["digest"]})).ok().await;
        assert_eq!((&done["new"], &done["bad"]), (&json!(count), &json!(0)), "{}", done["errors"]);
        emails
    }

    /// Asks for a discount for each member in turn. Returns the ids of the requests.
    pub(crate) async fn ask_all(&mut self, emails: &[String], show: &Show) -> Vec<String> {
        let mut ids = Vec::with_capacity(emails.len());
        // Half of the requests that one network may make within a quarter of an hour.
        for some in emails.chunks(50) {
            for email in some {
                ids.push(text(&self.ask(email, show).ok().await["id"]).to_owned());
                self.app.clock.advance(Duration::from_secs(1));
            }
            self.app.clock.advance(Duration::from_secs(15 * 60));
        }
        self.sign_in_again().await;
        ids
    }

    /// Signs the organiser in again, because the access token has expired.
    pub(crate) async fn sign_in_again(&mut self) {
        let person = self.app.sign_in(&self.organizer.person.email, Some(&self.organizer.tenant)).await;
        self.organizer.token = person.token;
    }

    /// A member's request for a discount, not sent yet.
    pub(crate) fn ask(&self, email: &str, show: &Show) -> Request {
        self.app.post("/api/v1/discounts/request").json(json!({"email": email, "show_id": show.id}))
    }

    /// Registers a member who asks for a discount. Returns the id of the request.
    pub(crate) async fn request(&self, name: &str, show: &Show) -> String {
        let email = self.member(name).await;
        text(&self.ask(&email, show).ok().await["id"]).to_owned()
    }

    /// Registers a member whose request is decided with `action`. Returns the id of the request.
    pub(crate) async fn decided(&self, name: &str, show: &Show, action: &str) -> String {
        let id = self.request(name, show).await;
        self.act(&id, json!({"action": action})).ok().await;
        id
    }

    /// Reads under `/supervision` as the organiser's admin.
    pub(crate) fn get(&self, path: &str) -> Request {
        self.app.get(format!("/api/v1/supervision/{path}")).token(&self.organizer.token)
    }

    /// A request of the queue, as supervisors see it.
    pub(crate) async fn queued(&self, id: &str) -> Value {
        self.get(&format!("queue/{id}")).ok().await
    }

    /// Decides as the organiser's admin.
    pub(crate) fn act(&self, id: &str, body: Value) -> Request {
        self.act_as(&self.organizer.token, id, body)
    }

    /// Decides as the user of `token`.
    pub(crate) fn act_as(&self, token: &str, id: &str, body: Value) -> Request {
        self.app.post(format!("/api/v1/supervision/queue/{id}/action")).token(token).json(body)
    }

    /// Edits the answer as the organiser's admin.
    pub(crate) fn edit(&self, id: &str, body: Value) -> Request {
        self.app.put(format!("/api/v1/supervision/queue/{id}/edit")).token(&self.organizer.token).json(body)
    }

    /// Sends the answer as the organiser's admin.
    pub(crate) fn send(&self, id: &str) -> Request {
        self.send_as(&self.organizer.token, id)
    }

    /// Sends the answer as the user of `token`.
    pub(crate) fn send_as(&self, token: &str, id: &str) -> Request {
        self.app.post(format!("/api/v1/supervision/queue/{id}/send")).token(token)
    }

    /// Decides or sends many requests at once, as the organiser's admin.
    pub(crate) fn bulk(&self, body: Value) -> Request {
        self.app.post("/api/v1/supervision/queue/bulk").token(&self.organizer.token).json(body)
    }

    /// The number of discounts that a show has left.
    pub(crate) async fn remaining(&self, show: &Show) -> Value {
        self.app.get(format!("/api/v1/discounts/remaining/{}", show.id)).ok().await["remaining"].clone()
    }
}

/// A value that must be text.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}
