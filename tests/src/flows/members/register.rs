use std::time::Duration;

use serde_json::{Value, json};

use super::{Fixture, pointers, text};

#[tokio::test]
async fn the_public_cannot_set_its_own_subscription_or_fee() {
    let house = Fixture::open().await;
    let tenant = &house.organizer.tenant;
    let body = |change: Value| {
        let mut body = json!({"name": " Ana Farola ", "email": "Ana@Example.com", "tenant_id": tenant});
        body.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        body
    };
    let bold = body(json!({
        "subscription_active": true, "monthly_fee_current": true, "registration_date": "2020-01-01T00:00:00Z",
    }));
    let problem = house.public("register", bold.clone()).refused(422, "refused_fields").await;
    assert_eq!(pointers(&problem), ["/registration_date", "/subscription_active", "/monthly_fee_current"]);
    // A supervisor of another community counts as the public here.
    let stranger = house.app.organizer("mareas").await;
    house.public("register", bold.clone()).token(&stranger.token).refused(422, "refused_fields").await;

    let ana = house.public("register", body(json!({"dni": "1.020.304.050"}))).ok().await;
    assert_eq!((&ana["name"], &ana["email"]), (&json!("Ana Farola"), &json!("ana@example.com")));
    assert_eq!(
        (&ana["country"], &ana["dni"]),
        (&json!("CO"), &json!("1020304050")),
        "the organiser's country"
    );
    assert_eq!((&ana["subscription_active"], &ana["monthly_fee_current"]), (&json!(false), &json!(false)));

    let bold = json!({"email": "eva@example.com", "name": "Eva", "subscription_active": true,
        "registration_date": "2020-01-01T00:00:00Z"});
    let eva = house.post("register", bold).ok().await;
    assert_eq!(
        (&eva["subscription_active"], &eva["registration_date"]),
        (&json!(true), &json!("2020-01-01T00:00:00Z"))
    );
    assert_eq!(eva["updated_by"], json!(house.organizer.person.id));
    house.app.close().await;
}

#[tokio::test]
async fn addresses_and_ids_are_unique_and_a_repeated_registration_is_harmless() {
    let house = Fixture::open().await;
    let tenant = &house.organizer.tenant;
    let ana = json!({"name": "Ana", "email": "ana@example.com", "dni": 1_020_304_050, "tenant_id": tenant});
    let first = house.public("register", ana.clone()).ok().await;
    house.app.clock.advance(Duration::from_secs(5));
    assert_eq!(house.public("register", ana.clone()).ok().await, first, "the answer got lost");
    let other = |change: Value| {
        let mut body = ana.clone();
        body.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        house.public("register", body)
    };
    // Only the community may learn whether the address or the national id is taken.
    let taken = other(json!({"name": "Otra"})).refused(409, "already_registered").await;
    let by_id = other(json!({"email": "eva@example.com"})).refused(409, "already_registered").await;
    assert_eq!(taken["detail"], by_id["detail"]);
    other(json!({"email": "eva@example.com", "dni": "TI 1020304050"}))
        .refused(409, "already_registered")
        .await;
    let known = json!({"name": "Otra", "email": "eva@example.com", "dni": "TI 1020304050"});
    let known = house.app.post("/api/v1/users/register").token(&house.organizer.token).json(known);
    known.refused(409, "dni_taken").await;
    other(json!({"email": "eva@example.com", "country": "AR", "dni": "20-12345678-6"})).ok().await;
    for wrong in ["dni", "phone"] {
        let mut uma = json!({"email": "uma@example.com", "country": "CL", "dni": "12531909-2"});
        uma[wrong] = json!(if wrong == "dni" { "12531909-3" } else { "x" });
        let (status, code) = if wrong == "dni" { (422, "refused_fields") } else { (400, "invalid_fields") };
        let problem = other(uma).refused(status, code).await;
        assert_eq!(pointers(&problem), [format!("/{wrong}")]);
    }

    let stranger = house.app.organizer("mareas").await;
    let elsewhere = json!({"name": "Ana", "email": "ana@example.com", "dni": "1020304050"});
    house.app.post("/api/v1/users/register").token(&stranger.token).json(elsewhere).ok().await;
    other(json!({"tenant_id": "tnt_01h455vb4pex5vsknk084sn02q"})).refused(404, "tenant_not_found").await;
    house.app.close().await;
}

#[tokio::test]
async fn supervisors_correct_members() {
    let house = Fixture::open().await;
    let ana = house.member("ana@example.com", json!({"dni": "1020304050", "city": "Bogotá"})).await;
    let eva = house.member("eva@example.com", json!({"dni": "52123456"})).await;
    let id = text(&ana["id"]);
    house.patch(id, json!({"email": "eva@example.com"})).refused(409, "email_taken").await;
    house.patch(id, json!({"dni": "52.123.456"})).refused(409, "dni_taken").await;
    let bad = house.patch(id, json!({"name": ""})).refused(400, "invalid_fields").await;
    assert_eq!(pointers(&bad), ["/name"]);
    let bad = house.patch(id, json!({"country": "AR"})).refused(422, "refused_fields").await;
    assert_eq!(pointers(&bad), ["/dni"], "the id is one of the country before");
    house.app.clock.advance(Duration::from_secs(1));
    let changes = json!({"email": "ana.b@example.com", "country": "CL", "dni": "12531909-2", "city": null, "version": 1});
    let moved = house.patch(id, changes.clone()).ok().await;
    assert_eq!((&moved["dni_formatted"], &moved["dni_kind"]), (&json!("12.531.909-2"), &json!("rut")));
    assert_eq!((&moved["city"], &moved["version"]), (&Value::Null, &json!(2)));
    assert_eq!(house.get(id).ok().await, moved);
    house.patch(id, changes).refused(409, "changed_meanwhile").await;
    let same = house.patch(id, json!({"email": "ana.b@example.com"})).ok().await;
    assert_eq!(same, moved, "nothing to change");

    // The former address and national id are free again.
    house.patch(text(&eva["id"]), json!({"email": "ana@example.com", "dni": "1020304050"})).ok().await;

    let stranger = house.app.organizer("mareas").await;
    let path = format!("/api/v1/users/{id}");
    house.app.get(&path).token(&stranger.token).refused(404, "member_not_found").await;
    house.app.patch(&path).token(&stranger.token).json(json!({})).refused(404, "member_not_found").await;
    house.app.close().await;
}

#[tokio::test]
async fn a_members_payment_status_is_set_or_toggled() {
    let house = Fixture::open().await;
    let ana = house.member("ana@example.com", json!({})).await;
    let path = format!("{}/payment-status", text(&ana["id"]));
    let status = |body: Value| {
        let answer = house.patch(&path, body);
        async move {
            let member = answer.ok().await;
            (
                member["subscription_active"] == true,
                member["monthly_fee_current"] == true,
                member["version"].clone(),
            )
        }
    };
    assert_eq!(status(json!({})).await, (false, true, json!(2)));
    assert_eq!(status(json!({"monthly_fee_current": true})).await, (false, true, json!(2)));
    assert_eq!(status(json!({"subscription_active": true})).await, (true, true, json!(3)));
    assert_eq!(status(json!({"version": 3})).await, (true, false, json!(4)));
    house.patch(&path, json!({"version": 3})).refused(409, "changed_meanwhile").await;
    let coordinator = house.app.staff(&house.organizer, "coral", "coordinator").await;
    let by =
        house.app.patch(format!("/api/v1/users/{path}")).token(&coordinator.token).json(json!({})).ok().await;
    assert_eq!((&by["monthly_fee_current"], &by["updated_by"]), (&json!(true), &json!(coordinator.id)));
    house.app.close().await;
}

#[tokio::test]
async fn guessing_national_ids_is_limited() {
    let house = Fixture::open().await;
    let tenant = &house.organizer.tenant;
    let register = |email: String| {
        house.public(
            "register",
            json!({"name": "Ana", "email": email, "dni": 1_020_304_050, "tenant_id": tenant}),
        )
    };
    register("ana@example.com".to_owned()).ok().await;
    for index in 0..10 {
        register(format!("nadie{index}@example.com")).refused(409, "already_registered").await;
    }
    register("nadie@example.com".to_owned()).refused(429, "too_many_tries").await;
    house.app.close().await;
}
