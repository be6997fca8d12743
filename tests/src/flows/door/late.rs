//! Entries that an offline scanner reports after the ticket was refunded or transferred.

use super::*;

impl DoorFixture {
    fn minutes_ago(&self, minutes: u64) -> String {
        (self.app.clock.now() - std::time::Duration::from_secs(minutes * 60)).to_string()
    }

    fn pass(&self, minutes: u64) {
        self.app.clock.advance(std::time::Duration::from_secs(minutes * 60));
    }

    async fn report(&self, scan: Value) -> Value {
        let body = json!({"event_id": self.show.id, "scans": [scan]});
        let synced = self.app.post("/api/v1/door/sync").token(&self.scanner.token).json(body).ok().await;
        synced["results"][0].clone()
    }

    /// The conflicts that the organiser sees; the statistics must count as many.
    async fn conflicts(&self) -> Vec<Value> {
        // The statistics may be five seconds old.
        self.pass(1);
        let of_event = |what: &str| {
            let path = format!("/api/v1/door/events/{}/{what}", self.show.id);
            self.app.get(path).token(&self.organizer.token)
        };
        let items = of_event("conflicts").ok().await["items"].as_array().expect("a list").clone();
        assert_eq!(of_event("stats").ok().await["conflicts"], items.len());
        items
    }

    async fn refund(&self, index: usize) -> Value {
        let orders = self.app.get("/api/v1/purchases").token(&self.ana.token).ok().await;
        let order = orders["items"][0]["id"].as_str().expect("an id");
        let body = json!({"event_id": self.show.id, "tickets": [self.tickets[index]]});
        let refund = self.app.post(format!("/api/v1/purchases/{order}/refund"));
        refund.token(&self.organizer.token).json(body).ok().await
    }
}

#[tokio::test]
async fn an_entry_before_the_refund_is_a_conflict() {
    let evening = DoorFixture::open().await;
    let code = evening.code(0).await;
    evening.pass(8);
    let entered_at = evening.minutes_ago(4);
    let refunded = evening.refund(0).await;
    assert_eq!(refunded["tickets"][0]["entered_at"], Value::Null);
    let scan = json!({"code": code, "nonce": "n-1", "scanned_at": entered_at});
    for _ in 0..2 {
        let verdict = evening.report(scan.clone()).await;
        assert_eq!((reason(&verdict), &verdict["conflict"]), ("admitted", &json!("refunded")));
        assert_eq!(verdict["message"], "Adelante: Platea, asiento A-1. Entró antes de que se reembolsara.");
    }
    let conflicts = evening.conflicts().await;
    assert_eq!(conflicts.len(), 1);
    let conflict = &conflicts[0];
    assert_eq!((&conflict["kind"], &conflict["was_valid"]), (&json!("refunded"), &json!(true)));
    assert_eq!(
        (&conflict["ticket_id"], &conflict["entered_at"]),
        (&json!(evening.tickets[0]), &json!(entered_at))
    );
    assert_eq!(
        (&conflict["order_id"], &conflict["scanned_by"]),
        (&refunded["id"], &json!(evening.scanner.id))
    );
    assert_eq!(evening.refund(0).await["tickets"][0]["entered_at"], json!(entered_at));
    assert_eq!(reason(&evening.scan(&code).await), "revoked", "in once, and not again");
    evening.app.close().await;
}

#[tokio::test]
async fn an_entry_before_the_transfer_uses_the_ticket() {
    let evening = DoorFixture::open().await;
    let (app, old) = (&evening.app, evening.code(0).await);
    evening.pass(8);
    let entered_at = evening.minutes_ago(4);
    let eva = app.somebody("eva").await;
    let offer = json!({"ticket_id": evening.tickets[0], "to_email": eva.email});
    app.post("/api/v1/transfers/initiate").token(&evening.ana.token).json(offer).ok().await;
    app.idle().await;
    let mail = app.mails(&eva.email).pop().and_then(|mail| mail.text.clone()).expect("a mail");
    let token = mail.split_once("token=").expect("a link").1.split_whitespace().next().expect("a token");
    let accept = app.post("/api/v1/transfers/accept").token(&eva.token);
    let accepted = accept.json(json!({"token": token})).ok().await;
    let path = format!("/api/v1/tickets/{}", accepted["id"].as_str().expect("an id"));
    let ticket = app.get(path).token(&eva.token).ok().await;
    let new = ticket["code"].as_str().expect("a code").to_owned();

    let verdict = evening.report(json!({"code": old, "nonce": "n-1", "scanned_at": entered_at})).await;
    assert_eq!((reason(&verdict), &verdict["conflict"]), ("admitted", &json!("transferred")));
    assert_eq!(reason(&evening.scan(&new).await), "already_used");
    let conflicts = evening.conflicts().await;
    assert_eq!((conflicts.len(), &conflicts[0]["kind"]), (1, &json!("transferred")));
    evening.app.close().await;
}

#[tokio::test]
async fn a_refused_scan_is_no_entry_and_a_wrong_clock_is_corrected() {
    let evening = DoorFixture::open().await;
    let (first, second) = (evening.code(0).await, evening.code(1).await);
    evening.pass(8);
    evening.refund(0).await;
    evening.pass(3);
    let refused =
        json!({"code": first, "nonce": "n-1", "scanned_at": evening.minutes_ago(1), "admitted": false});
    let verdict = evening.report(refused).await;
    assert_eq!((reason(&verdict), &verdict["conflict"]), ("revoked", &Value::Null));
    assert_eq!(evening.conflicts().await, [] as [Value; 0]);
    // A scanner whose clock is two hours fast admitted Ana's second ticket three minutes ago.
    let now = evening.app.clock.now();
    let fast = |minutes: u64| (now + std::time::Duration::from_secs(7200 - minutes * 60)).to_string();
    let scan = json!({"code": second, "nonce": "n-2", "scanned_at": fast(3)});
    let body = json!({"event_id": evening.show.id, "sent_at": fast(0), "scans": [scan]});
    let sync = evening.app.post("/api/v1/door/sync").token(&evening.scanner.token);
    let synced = sync.json(body).ok().await;
    let corrected: jiff::Timestamp =
        synced["results"][0]["scanned_at"].as_str().expect("a time").parse().expect("a time");
    let off = corrected.duration_since(now - std::time::Duration::from_secs(180)).as_secs_f64();
    assert!(off.abs() < 5.0, "off by {off} s: as long as the report took");
    evening.app.close().await;
}
