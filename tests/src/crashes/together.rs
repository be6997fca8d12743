//! Functions die while seats are chosen and held: no seat stays held but those of the order.

use std::time::Duration;

use serde_json::json;
use testkit::TestApp;

use super::at_each_write;
use crate::flows::together::picture;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reservation_has_its_seats_and_no_others_are_held() {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    let show = app.seated_show(&organizer, "Los Faroles", 2, 8, 50_000).await;
    let ana = app.somebody("ana").await;
    // How long the client waits before it asks again: while the dead request may still be alive to the
    // next, and when it cannot be.
    for pause in [1, 61].map(Duration::from_secs) {
        // The seats, the order.
        at_each_write("purchases", 2, async |death| {
            let (ana, organizer) = (app.sign_in(&ana.email, None).await, app.again(&organizer).await);
            let quote = app.quote(&show.id, json!({"area_id": show.area, "quantity": 2})).await;
            let reserve = || {
                let request = app.post("/api/v1/reservations").token(&ana.token);
                request.json(json!({"quote": quote["quote"]})).send()
            };
            let ambush = death.lurk(&app);
            let mut answer = reserve().await;
            let has_struck = ambush.has_struck();
            drop(ambush);
            if has_struck {
                app.clock.advance(pause);
                answer = reserve().await;
            }
            let order = answer.ok();
            let held = picture(&app, &organizer, &show).await;
            assert_eq!(held.matches('r').count(), 2, "{death:?}: {held}");
            assert_eq!(order["lines"][0]["seats"].as_array().map(Vec::len), Some(2), "{death:?}");
            let path = format!("/api/v1/reservations/{}", order["id"].as_str().expect("an id"));
            app.delete(path).token(&ana.token).ok().await;
            assert!(!picture(&app, &organizer, &show).await.contains('r'), "{death:?}");
            app.clock.advance(Duration::from_secs(3));
            has_struck
        })
        .await;
    }
    app.close().await;
}
