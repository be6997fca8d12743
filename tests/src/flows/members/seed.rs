//! The first seed's endpoints for users, at its paths and with its fields.

use serde_json::{Value, json};

use super::{Fixture, text};

/// The columns of the seed's table USERS.
const USERS: [&str; 13] = [
    "id",
    "name",
    "email",
    "dni",
    "phone",
    "city",
    "registration_date",
    "how_did_you_find_us",
    "favorite_music_genre",
    "subscription_active",
    "monthly_fee_current",
    "created_at",
    "updated_at",
];

/// The columns of the seed's table PAYMENT_HISTORY.
const PAYMENT_HISTORY: [&str; 9] = [
    "id",
    "user_id",
    "amount_paid",
    "payment_date",
    "payment_method",
    "description",
    "receipt",
    "confirmed",
    "created_at",
];

fn has_all(columns: &[&str], value: &Value, route: &str) {
    for column in columns {
        assert!(value.get(column).is_some_and(|value| !value.is_null()), "{route}: {column} in {value}");
    }
}

#[tokio::test]
async fn every_endpoint_of_the_seed_for_users_answers_with_its_fields() {
    let house = Fixture::open().await;
    let (tenant, token) = (&house.organizer.tenant, &house.organizer.token);

    let body = json!({
        "name": "Ana Farola", "email": "ana@example.com", "dni": 1_020_304_050, "phone": "+57 300 000 0000",
        "city": "Bogotá", "how_did_you_find_us": "Un cartel", "favorite_music_genre": "Cumbia",
        "subscription_active": false, "monthly_fee_current": false, "tenant_id": tenant,
    });
    let registered = house.app.post("/api/v1/users/register").json(body).ok().await;
    has_all(&USERS, &registered, "POST /users/register");

    let question = json!({"email": "ana@example.com", "tenant_id": tenant});
    let known = house.app.post("/api/v1/users/check-email").json(question.clone()).ok().await;
    assert_eq!(known, json!({"exists": true}));

    let valid = house.app.post("/api/v1/users/validate-email").json(question).ok().await;
    assert_eq!(
        (&valid["valid"], &valid["exists"], &valid["subscription_active"], &valid["monthly_fee_current"]),
        (&json!(false), &json!(true), &json!(false), &json!(false))
    );
    assert_eq!(valid["code"], "subscription_inactive");

    let listed = house.app.get("/api/v1/users/list").token(token).ok().await;
    has_all(&USERS, &listed["items"][0], "GET /users/list");

    let id = text(&registered["id"]);
    let status = house.app.patch(format!("/api/v1/users/{id}/payment-status")).token(token);
    let toggled = status.json(json!({})).ok().await;
    has_all(&USERS, &toggled, "PATCH /users/{user_id}/payment-status");
    assert_eq!(toggled["monthly_fee_current"], true);

    let stats = house.app.get("/api/v1/users/stats").token(token).ok().await;
    assert_eq!((&stats["total"], &stats["monthly_fee_current"]), (&json!(1), &json!(1)));

    let payment = json!({
        "amount_paid": 25_000, "payment_method": "transfer", "description": "Noviembre", "confirmed": true,
        "receipt": {"content_type": "application/pdf", "size": 4},
    });
    house.app.post(format!("/api/v1/users/{id}/payments")).token(token).json(payment).ok().await;
    let paid = house.app.get(format!("/api/v1/users/{id}/payments")).token(token).ok().await;
    has_all(&PAYMENT_HISTORY, &paid["items"][0], "GET /users/{user_id}/payments");
    assert_eq!(paid["items"][0]["user_id"], registered["id"]);
    house.app.close().await;
}
