//! The main use case: a ticket is found, held, paid, mailed and scanned.

use serde_json::json;
use testkit::TestApp;

#[tokio::test]
async fn a_ticket_is_bought_mailed_and_admits_once() {
    from_search_to_door(TestApp::start().await).await;
}

/// The main use case, from the search to the door, in any kind of box office.
pub(crate) async fn from_search_to_door(app: TestApp) {
    let organizer = app.organizer("organiza").await;
    let show = app.show(&organizer, "Los Faroles", 100, 50_000).await;
    let scanner = app.staff(&organizer, "puerta", "scanner").await;
    let ana = app.somebody("ana").await;

    let found = app.get("/api/v1/shows/search?q=los+farols").ok().await;
    assert_eq!(found["items"][0]["id"], *show.id, "{found}");

    let quote = app.quote(&show.id, json!({"area_id": show.area, "quantity": 2})).await;
    assert_eq!(quote["totals"]["total"], 100_000);
    let body = json!({"quote": quote["quote"]});
    let reservation = app.post("/api/v1/reservations").token(&ana.token).json(body).ok().await;
    assert_eq!(reservation["status"], "held");

    let body = json!({"reservation_id": reservation["id"]});
    let purchase = app.post("/api/v1/purchases").token(&ana.token).json(body).ok().await;
    assert_eq!(purchase["status"], "awaiting_payment");
    assert!(
        app.mails(&ana.email).iter().all(|mail| mail.attachments.is_empty()),
        "nothing is mailed before it is paid"
    );
    app.approve(&purchase).await;

    let paid = app.get(format!("/api/v1/purchases/{}", reservation["id"].as_str().expect("an id")));
    let paid = paid.token(&ana.token).ok().await;
    assert_eq!(paid["status"], "paid");
    assert!(paid["mailed_at"].is_string(), "{paid}");
    let mails = app.mails(&ana.email);
    let mail = mails.last().expect("a mail");
    let codes: Vec<String> = mail.attachments.iter().map(|image| read_qr(&image.content)).collect();
    assert_eq!(codes.len(), 2, "a code for each ticket");

    let scan = |code: &str, nonce: &str| {
        let body = json!({"code": code, "event_id": show.id, "nonce": nonce});
        app.post("/api/v1/qr/validate").token(&scanner.token).json(body)
    };
    let first = scan(&codes[0], "n1").ok().await;
    assert_eq!(first["result"], "admitted", "{first}");
    let again = scan(&codes[0], "n1").ok().await;
    assert_eq!(again["result"], "admitted", "the same scan gets the same answer: {again}");
    let second = scan(&codes[0], "n2").ok().await;
    assert_eq!((&second["result"], &second["reason"]), (&json!("refused"), &json!("already_used")));
    assert!(second["first_scan_at"].is_string(), "{second}");
    assert_eq!(scan(&codes[1], "n3").ok().await["result"], "admitted");
    app.close().await;
}

/// Reads a QR code from the picture, as a phone would, with another library than the one that
/// drew it.
pub(crate) fn read_qr(png: &[u8]) -> String {
    let picture = image::load_from_memory(png).expect("a picture").to_luma8();
    let mut picture = rqrr::PreparedImage::prepare(picture);
    let grids = picture.detect_grids();
    let (_, text) = grids.first().expect("a code").decode().expect("a readable code");
    text
}

#[tokio::test]
async fn a_free_ticket_needs_no_gateway() {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.show(&organizer, "Ensayo Abierto", 10, 0).await;
    let ana = app.somebody("ana").await;
    let purchase = app.buy(&ana.token, &show.id, json!({"area_id": show.area, "quantity": 1})).await;
    assert_eq!(purchase["status"], "paid");
    assert_eq!(purchase["payments"], json!([]));
    assert!(purchase["mailed_at"].is_string());
    app.close().await;
}

#[tokio::test]
async fn numbered_seats_belong_to_one_buyer() {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.seated_show(&organizer, "Marea Baja", 2, 10, 40_000).await;
    let (ana, beto) = (app.somebody("ana").await, app.somebody("beto").await);
    let seats = |seats: &[&str]| json!({"area_id": show.area, "seats": seats});

    let both = app.quote(&show.id, seats(&["A-1", "A-2"])).await;
    let bought = app.buy(&ana.token, &show.id, seats(&["A-1", "A-2"])).await;
    assert_eq!(bought["tickets"][1]["seat"], "A-2");
    let body = json!({"quote": both["quote"]});
    let problem =
        app.post("/api/v1/reservations").token(&beto.token).json(body).refused(409, "seats_taken").await;
    assert_eq!(problem["seats"], json!(["A-1", "A-2"]));

    let alone = app.quote(&show.id, seats(&["A-4"])).await;
    let body = json!({"quote": alone["quote"]});
    app.post("/api/v1/reservations").token(&beto.token).json(body).refused(409, "single_seat_left").await;
    app.buy(&beto.token, &show.id, seats(&["A-3"])).await;
    app.close().await;
}
