//! The door: which scans admit, which do not, and why.

mod late;

use serde_json::{Value, json};
use testkit::{Organizer, Show, TestApp, TestUser};

/// A show with two sold tickets, and a scanner at its door.
struct DoorFixture {
    app: TestApp,
    organizer: Organizer,
    scanner: TestUser,
    show: Show,
    ana: TestUser,
    tickets: [String; 2],
}

impl DoorFixture {
    async fn open() -> Self {
        let app = TestApp::start().await;
        let organizer = app.organizer("organiza").await;
        let show = app.seated_show(&organizer, "Marea Baja", 2, 10, 40_000).await;
        let scanner = app.staff(&organizer, "puerta", "scanner").await;
        let ana = app.confirmed("ana").await;
        let line = json!({"area_id": show.area, "seats": ["A-1", "A-2"]});
        let bought = app.buy(&ana.token, &show.id, line).await;
        let ticket = |index: usize| bought["tickets"][index]["id"].as_str().expect("an id").to_owned();
        let tickets = [ticket(0), ticket(1)];
        Self { app, organizer, scanner, show, ana, tickets }
    }

    async fn code(&self, index: usize) -> String {
        let path = format!("/api/v1/tickets/{}", self.tickets[index]);
        let ticket = self.app.get(path).token(&self.ana.token).ok().await;
        ticket["code"].as_str().expect("a code").to_owned()
    }

    async fn scan(&self, code: &str) -> Value {
        let body = json!({"code": code, "event_id": self.show.id});
        self.app.post("/api/v1/qr/validate").token(&self.scanner.token).json(body).ok().await
    }
}

fn reason(verdict: &Value) -> &str {
    verdict["reason"].as_str().unwrap_or("admitted")
}

#[tokio::test]
async fn the_door_names_the_seat_or_the_reason_for_a_refusal() {
    let evening = DoorFixture::open().await;
    let code = evening.code(0).await;
    let admitted = evening.scan(&code).await;
    assert_eq!(admitted["message"], "Adelante: Platea, asiento A-1.");
    assert_eq!(
        (&admitted["area"], &admitted["seat"], &admitted["admits"]),
        (&json!("Platea"), &json!("A-1"), &json!(1))
    );
    assert_eq!(admitted["ticket_id"], *evening.tickets[0]);
    let again = evening.scan(&code.to_lowercase()).await;
    assert_eq!(reason(&again), "already_used");
    assert_eq!(again["first_scan_at"], admitted["scanned_at"]);

    let last = if code.ends_with('A') { "B" } else { "A" };
    let forged = format!("{}{last}", &code[..code.len() - 1]);
    assert_ne!(reason(&evening.scan(&forged).await), "admitted");
    assert_eq!(reason(&evening.scan("https://example.com").await), "malformed");

    let other = evening.app.show(&evening.organizer, "Otra Noche", 5, 0).await;
    let body = json!({"code": evening.code(1).await, "event_id": other.id});
    let wrong = evening.app.post("/api/v1/qr/validate").token(&evening.scanner.token).json(body).ok().await;
    assert_eq!((reason(&wrong), &wrong["area"]), ("wrong_event", &Value::Null));

    let orders = evening.app.get("/api/v1/purchases").token(&evening.ana.token).ok().await;
    let refund = format!("/api/v1/purchases/{}/refund", orders["items"][0]["id"].as_str().expect("an id"));
    let second = evening.code(1).await;
    let body = json!({"event_id": evening.show.id, "tickets": [evening.tickets[0]]});
    evening.app.post(&refund).token(&evening.organizer.token).json(body).refused(409, "ticket_used").await;
    let body = json!({"event_id": evening.show.id, "tickets": [evening.tickets[1]]});
    evening.app.post(&refund).token(&evening.organizer.token).json(body).ok().await;
    assert_eq!(reason(&evening.scan(&second).await), "revoked");
    evening.app.close().await;
}

#[tokio::test]
async fn only_the_same_person_and_device_can_repeat_a_scan() {
    let evening = DoorFixture::open().await;
    let app = &evening.app;
    let other = app.staff(&evening.organizer, "otra-puerta", "scanner").await;
    let mut devices = Vec::new();
    for name in ["Puerta norte", "Puerta sur"] {
        let paired = app.post("/api/v1/door/devices").token(&evening.organizer.token);
        devices.push(paired.json(json!({"name": name})).ok().await);
    }
    let code = evening.code(0).await;
    let look = async |person: &TestUser, device: Option<&Value>, late: bool| {
        let now = app.clock.now().to_string();
        let mut body = json!({"event_id": evening.show.id});
        let path = if late {
            let scan = json!({"code": code, "nonce": "scan-1", "scanned_at": now, "admitted": false});
            body["scans"] = json!([scan]);
            "/api/v1/door/sync"
        } else {
            body["code"] = json!(code);
            body["nonce"] = json!("scan-1");
            "/api/v1/qr/validate"
        };
        let mut request = app.post(path).token(&person.token);
        if let Some(device) = device {
            body["device_id"] = device["device_id"].clone();
            request = request.header("x-device-secret", device["secret"].as_str().expect("a secret"));
        }
        let answer = request.json(body).ok().await;
        let verdict = if late { &answer["results"][0] } else { &answer };
        reason(verdict).to_owned()
    };
    let north = Some(&devices[0]);
    assert_eq!(look(&evening.scanner, north, false).await, "admitted");
    for late in [false, true] {
        assert_eq!(look(&evening.scanner, north, late).await, "admitted", "its own repetition");
        assert_eq!(look(&other, north, late).await, "already_used", "another person");
        assert_eq!(look(&evening.scanner, Some(&devices[1]), late).await, "already_used", "another scanner");
        assert_eq!(look(&evening.scanner, None, late).await, "already_used", "no scanner");
    }
    evening.app.close().await;
}

#[tokio::test]
async fn another_tenants_staff_cannot_scan_at_the_door() {
    let evening = DoorFixture::open().await;
    let stranger = evening.app.organizer("otra").await;
    let app = &evening.app;
    let code = evening.code(0).await;
    let body = json!({"code": code, "event_id": evening.show.id});
    let validate = || app.post("/api/v1/qr/validate").json(body.clone());
    validate().token(&stranger.token).refused(404, "event_not_found").await;
    validate().token(&evening.ana.token).refused(403, "role_required").await;
    validate().refused(401, "sign_in_required").await;
    for path in ["manifest", "stats"] {
        let path = format!("/api/v1/door/events/{}/{path}", evening.show.id);
        app.get(path).token(&stranger.token).refused(404, "event_not_found").await;
    }
    assert_eq!(reason(&evening.scan(&code).await), "admitted", "nobody used it up meanwhile");
    evening.app.close().await;
}

#[tokio::test]
async fn a_scanner_works_without_the_network_and_reports_later() {
    let evening = DoorFixture::open().await;
    let (app, door) = (&evening.app, &evening.scanner.token);
    // A scan must not be older than the event.
    app.clock.advance(std::time::Duration::from_secs(600));
    let paired = app.post("/api/v1/door/devices").token(&evening.organizer.token);
    let paired = paired.json(json!({"name": "Puerta norte"})).ok().await;
    let (device, secret) = (&paired["device_id"], paired["secret"].as_str().expect("a secret"));

    let path = format!("/api/v1/door/events/{}/manifest", evening.show.id);
    let answer = app.get(&path).token(door).send().await;
    let etag = answer.header("etag").to_owned();
    assert_eq!(answer.header("cache-control"), "private, no-cache");
    let mut manifest = answer.ok();
    assert_eq!(manifest["areas"][0]["name"], "Platea");
    assert_eq!(manifest["public_keys"].as_array().map(Vec::len), Some(1));
    assert_eq!(app.get(&path).token(door).header("if-none-match", &etag).send().await.status, 304);

    let (first, second) = (evening.code(0).await, evening.code(1).await);
    let scan = |code: &str, nonce: &str, minutes: i64| {
        let at = app.clock.now() - std::time::Duration::from_secs(minutes.unsigned_abs() * 60);
        json!({"code": code, "nonce": nonce, "scanned_at": at.to_string()})
    };
    let body = json!({
        "event_id": evening.show.id,
        "device_id": device,
        "scans": [scan(&first, "late", 5), scan(&first, "early", 9), scan(&second, "only", 7), scan("?", "bad", 1)],
    });
    let sync = || app.post("/api/v1/door/sync").token(door).json(body.clone());
    sync().refused(403, "device_not_paired").await;
    let synced = sync().header("x-device-secret", secret).ok().await;
    let reasons: Vec<&str> = synced["results"].as_array().expect("results").iter().map(reason).collect();
    assert_eq!(reasons, ["already_used", "admitted", "admitted", "malformed"]);
    assert_eq!((&synced["admitted"], &synced["refused"]), (&json!(2), &json!(2)));
    assert_eq!(synced["results"][0]["first_scan_at"], synced["results"][1]["scanned_at"]);
    assert_eq!(synced["results"][0]["first_device_id"], *device);
    assert_eq!(sync().header("x-device-secret", secret).ok().await, synced, "again is the same");

    // Read again from the first page, which was read before the scans.
    manifest = app.get(&path).token(door).ok().await;
    let mut gates = 0;
    loop {
        gates += manifest["gates"].as_array().expect("gates").len();
        let Some(cursor) = manifest["next_cursor"].as_str() else { break };
        manifest = app.get(format!("{path}?cursor={cursor}")).token(door).ok().await;
    }
    assert_eq!(gates, 2, "both are used now");
    app.get(format!("{path}?cursor=99")).token(door).refused(422, "refused_fields").await;

    let stats = app.get(format!("/api/v1/door/events/{}/stats", evening.show.id)).token(door).ok().await;
    assert_eq!((&stats["admitted"], &stats["sold"], &stats["revoked"]), (&json!(2), &json!(2), &json!(0)));
    assert_eq!(stats["by_minute"].as_array().map(Vec::len), Some(2));

    let id = device.as_str().expect("an id");
    let removed = app.delete(format!("/api/v1/door/devices/{id}"));
    assert_eq!(removed.token(&evening.organizer.token).send().await.status, 204);
    app.clock.advance(std::time::Duration::from_secs(60));
    sync().header("x-device-secret", secret).refused(403, "device_not_paired").await;
    evening.app.close().await;
}

#[tokio::test]
async fn only_the_holder_sees_the_code() {
    let evening = DoorFixture::open().await;
    let stranger = evening.app.somebody("eva").await;
    let path = format!("/api/v1/qr/{}", evening.tickets[0]);
    evening.app.get(&path).token(&stranger.token).refused(404, "ticket_not_found").await;
    evening
        .app
        .get(format!("{path}?format=gif"))
        .token(&evening.ana.token)
        .refused(400, "invalid_fields")
        .await;
    let answer = evening.app.get(&path).token(&evening.ana.token).send().await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "image/svg+xml"));
    assert_eq!(answer.header("cache-control"), "private, no-store");
    let png = evening.app.get(format!("{path}?format=png&size=300")).token(&evening.ana.token).send().await;
    let picture = image::load_from_memory(&png.body).expect("a picture");
    assert_eq!(picture.width(), 265, "five pixels for each of 53 modules");
    let mut picture = rqrr::PreparedImage::prepare(picture.to_luma8());
    let (_, text) = picture.detect_grids()[0].decode().expect("a readable code");
    assert_eq!(text, evening.code(0).await);
    evening.app.close().await;
}
