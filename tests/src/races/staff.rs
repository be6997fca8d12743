//! An organiser keeps an admin, also if its admins remove each other at the same moment.

use cloud::services::Spot;
use testkit::{Organizer, TestApp, TestUser};

/// For each of so many pairs of admins who remove each other at once, whether the organiser has
/// an admin left. Both have read that the other is there before either writes.
async fn pairs(count: usize, guarded: bool) -> Vec<bool> {
    let app = TestApp::start().await;
    let mut kept = Vec::with_capacity(count);
    for pair in 0..count {
        let ana = app.organizer(&format!("ana{pair}")).await;
        let eva = app.staff(&ana, &format!("eva{pair}"), "admin").await;
        app.idle().await;
        if !guarded {
            app.chaos.ignore_conditions("T#");
        }
        remove_each_other(&app, &ana, &eva).await;
        app.chaos.set(Default::default());
        let admins = [&ana.person.email, &eva.email];
        let mut left = 0;
        for email in admins {
            let tries_to_work = app.post("/api/v1/auth/login").json(serde_json::json!({
                "email": email, "password": testkit::PASSWORD, "tenant": ana.tenant,
            }));
            left += usize::from(tries_to_work.send().await.status == 200);
        }
        assert!(left < 2, "somebody was removed");
        kept.push(left == 1);
    }
    app.idle().await;
    kept
}

async fn remove_each_other(app: &TestApp, ana: &Organizer, eva: &TestUser) {
    let remove = |token: &str, user: &str| app.delete(format!("/api/v1/tenant/staff/{user}")).token(token);
    let race = app.chaos.rendezvous(2, Spot::at("U#").by("events"));
    let (one, other) = tokio::join!(
        race.racer(remove(&ana.token, &eva.id).send()),
        race.racer(remove(&eva.token, &ana.person.id).send()),
    );
    assert_eq!(race.met(), 2);
    for answer in [one, other] {
        assert!([204, 409].contains(&answer.status), "{}", answer.text());
        if answer.status == 409 {
            drop(answer.refused(409, "last_admin"));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_admins_who_remove_each_other_one_stays() {
    assert_eq!(pairs(12, true).await, [true; 12]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_guard_no_admin_is_left() {
    assert_eq!(pairs(2, false).await, [false; 2]);
}
