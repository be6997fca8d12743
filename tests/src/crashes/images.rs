//! Pictures of an event: the event names those in the bucket, each once.

use std::cell::Cell;

use serde_json::{Value, json};
use testkit::{Organizer, Request, TestApp};

use super::at_each_write;

struct Fixture {
    app: TestApp,
    organizer: Organizer,
    event: String,
    keys: Cell<u32>,
}

impl Fixture {
    async fn open() -> Self {
        let app = TestApp::start().await;
        let organizer = app.organizer("faroles").await;
        let event = text(&app.draft(&organizer, "Los Faroles").await["id"]).to_owned();
        Self { app, organizer, event, keys: Cell::new(0) }
    }

    async fn token(&self) -> String {
        self.app.sign_in(&self.organizer.person.email, Some(&self.organizer.tenant)).await.token
    }

    /// The request that adds a picture, with the same idempotency key each time that it is sent.
    async fn add(&self) -> impl Fn() -> Request + '_ {
        let token = self.token().await;
        self.keys.set(self.keys.get() + 1);
        let key = format!("picture-{}", self.keys.get());
        let body = json!({"kind": "gallery", "content_type": "image/png", "size": PICTURE.len()});
        move || {
            let add = self.app.post(format!("/api/v1/events/{}/images", self.event)).token(&token);
            add.header("idempotency-key", &key).json(body.clone())
        }
    }

    /// Sends the picture itself.
    async fn upload(&self, upload: &Value) {
        let method = text(&upload["method"]).parse().expect("a method");
        let mut request = self.app.elsewhere(method, text(&upload["upload_url"]));
        for (name, value) in upload["headers"].as_object().expect("headers") {
            if name != "content-length" && name != "content-type" {
                request = request.header(name, text(value));
            }
        }
        let sent = request.body(text(&upload["headers"]["content-type"]), PICTURE.to_vec()).send().await;
        assert_eq!(sent.status, 200, "{}", sent.text());
    }

    /// The ids of the event's pictures.
    async fn named(&self) -> Vec<String> {
        let path = format!("/api/v1/events/{}", self.event);
        let event = self.app.get(path).token(&self.token().await).ok().await;
        let images = event["images"].as_array().expect("images").iter();
        images.map(|image| text(&image["id"]).to_owned()).collect()
    }

    /// Whether a picture can be loaded from its public address.
    async fn is_seen(&self, image: &Value) -> bool {
        let get = || "GET".parse().expect("a method");
        let way = self.app.elsewhere(get(), text(&image["url"])).send().await;
        assert_eq!(way.status, 307);
        self.app.elsewhere(get(), way.header("location")).send().await.status == 200
    }
}

const PICTURE: &[u8] = b"not really a picture";

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_picture_is_added_once() {
    let house = Fixture::open().await;
    // The idempotency key, the event, and the stored answer.
    at_each_write("events", 3, async |death| {
        let (has_struck, answer) = death.send(&house.app, house.add().await).await;
        let upload = answer.ok();
        house.upload(&upload).await;
        assert_eq!(house.named().await, [text(&upload["image"]["id"])], "{death:?}");
        assert!(house.is_seen(&upload["image"]).await, "{death:?}");
        let path = format!("/api/v1/events/{}/images/{}", house.event, text(&upload["image"]["id"]));
        house.app.delete(path).token(&house.token().await).send().await.ok_empty();
        has_struck
    })
    .await;
    house.app.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_picture_that_is_deleted_is_gone() {
    let house = Fixture::open().await;
    at_each_write("events", 1, async |death| {
        let add = house.add().await;
        let upload = add().ok().await;
        house.upload(&upload).await;
        let path = format!("/api/v1/events/{}/images/{}", house.event, text(&upload["image"]["id"]));
        let token = house.token().await;
        let (has_struck, answer) = death.send(&house.app, || house.app.delete(&path).token(&token)).await;
        // If the first try deleted the picture, the retry finds none.
        assert!([204, 404].contains(&answer.status), "{death:?}: {}", answer.text());
        assert_eq!(house.named().await, [""; 0], "{death:?}");
        assert!(!house.is_seen(&upload["image"]).await, "{death:?}: nobody sees it any more");
        has_struck
    })
    .await;
    house.app.close().await;
}
