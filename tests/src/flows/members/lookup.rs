use serde_json::{Value, json};

use super::Fixture;

#[tokio::test]
async fn each_reason_has_its_own_code_and_sentence() {
    let house = Fixture::open().await;
    for (name, active, current) in
        [("socia", true, true), ("morosa", true, false), ("exsocio", false, true), ("nueva", false, false)]
    {
        let flags = json!({"subscription_active": active, "monthly_fee_current": current});
        house.member(&format!("{name}@example.com"), flags).await;
    }
    let mut answers = Vec::new();
    for name in ["socia", "morosa", "exsocio", "nueva", "nadie"] {
        let body = json!({"email": format!("{name}@example.com"), "tenant_id": house.organizer.tenant});
        let answer = house.public("validate-email", body).ok().await;
        answers.push(format!("{} {} {}", answer["valid"], answer["code"], answer["message"]));
    }
    insta::assert_snapshot!(answers.join("\n"), @r#"
    true null "You may ask for discounts."
    false "fee_overdue" "Your monthly fee is overdue. Pay it, or send the organiser the receipt, and try again."
    false "subscription_inactive" "Your subscription is not active. Write to the organiser to take it up again."
    false "subscription_inactive" "Your subscription is not active. Write to the organiser to take it up again."
    false "email_not_found" "No member of the community has this e-mail address. Check its spelling, or register first."
    "#);
    house.app.close().await;
}

#[tokio::test]
async fn the_community_is_that_of_the_request_or_its_show() {
    let house = Fixture::open().await;
    let other = house.app.organizer("mareas").await;
    let show = house.app.show(&house.organizer, "Los Faroles", 20, 50_000).await;
    let draft = house.app.draft(&house.organizer, "Ensayo").await;
    house.member("ana@example.com", json!({})).await;
    let exists = |change: Value| {
        let mut body = json!({"email": "ana@example.com"});
        body.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        house.public("check-email", body)
    };
    let tenant = &house.organizer.tenant;
    assert_eq!(exists(json!({"tenant_id": tenant})).ok().await["exists"], true);
    assert_eq!(exists(json!({"show_id": show.id})).ok().await["exists"], true);
    assert_eq!(exists(json!({"show_id": show.id, "tenant_id": tenant})).ok().await["exists"], true);
    assert_eq!(exists(json!({})).ok().await["exists"], true, "there is only one");
    assert_eq!(exists(json!({"email": "nadie@example.com"})).ok().await["exists"], false);
    assert_eq!(exists(json!({"tenant_id": other.tenant})).ok().await["exists"], false);
    assert_eq!(exists(json!({})).token(&other.token).ok().await["exists"], false, "a supervisor's own");
    for bad in [
        json!({"show_id": show.id, "tenant_id": other.tenant}),
        json!({"show_id": draft["id"]}),
        json!({"show_id": "evt_01h455vb4pex5vsknk084sn02q"}),
    ] {
        let problem = exists(bad).refused(422, "refused_fields").await;
        assert_eq!(super::pointers(&problem), ["/show_id"]);
    }

    let body = json!({"name": "Ana", "email": "ana@example.com"});
    house.app.post("/api/v1/users/register").token(&other.token).json(body.clone()).ok().await;
    for path in ["check-email", "validate-email"] {
        let email = json!({"email": "ana@example.com"});
        let problem = house.public(path, email).refused(422, "tenant_needed").await;
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("`tenant_id`")), "{problem}");
    }
    house.public("register", body).refused(422, "tenant_needed").await;
    house.app.close().await;
}

#[tokio::test]
async fn guessing_member_addresses_is_limited() {
    let house = Fixture::open().await;
    let ask = |path: &str, index: u32| {
        let body = json!({"email": format!("m{index}@example.com"), "tenant_id": house.organizer.tenant});
        house.public(path, body)
    };
    for index in 0..100 {
        ask(["check-email", "validate-email"][index as usize % 2], index).ok().await;
    }
    for path in ["check-email", "validate-email"] {
        ask(path, 100).refused(429, "too_many_tries").await;
    }
    let own = ask("check-email", 100).token(&house.organizer.token);
    own.ok().await;
    house.app.clock.advance(std::time::Duration::from_secs(15 * 60));
    ask("check-email", 100).ok().await;
    house.app.close().await;
}
