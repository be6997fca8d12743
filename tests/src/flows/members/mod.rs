//! A community: its members, their right to ask for discounts, and their fees.

mod fees;
mod import;
mod list;
mod lookup;
mod register;
mod seed;

use serde_json::{Value, json};
use testkit::{Organizer, Request, TestApp};

/// A box office with one community.
struct Fixture {
    app: TestApp,
    organizer: Organizer,
}

impl Fixture {
    async fn open() -> Self {
        let app = TestApp::start().await;
        let organizer = app.organizer("faroles").await;
        Self { app, organizer }
    }

    fn get(&self, path: &str) -> Request {
        self.app.get(format!("/api/v1/users/{path}")).token(&self.organizer.token)
    }

    fn post(&self, path: &str, body: Value) -> Request {
        self.app.post(format!("/api/v1/users/{path}")).token(&self.organizer.token).json(body)
    }

    fn patch(&self, path: &str, body: Value) -> Request {
        self.app.patch(format!("/api/v1/users/{path}")).token(&self.organizer.token).json(body)
    }

    /// The same request signed out.
    fn public(&self, path: &str, body: Value) -> Request {
        self.app.post(format!("/api/v1/users/{path}")).json(body)
    }

    /// Registers a member as the organiser's admin.
    async fn member(&self, email: &str, change: Value) -> Value {
        let mut body = json!({"name": "Ana Farola", "email": email});
        body.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        self.post("register", body).ok().await
    }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}

/// The pointers of the problem's errors.
fn pointers(problem: &Value) -> Vec<&str> {
    problem["errors"].as_array().expect("errors").iter().map(|error| text(&error["pointer"])).collect()
}
