use std::time::Duration;

use serde_json::{Value, json};

use super::Fixture;

async fn community() -> Fixture {
    let house = Fixture::open().await;
    for (name, city, genre, active, current) in [
        ("Ana Farola", "Bogotá", "Cumbia", true, true),
        ("Beto Bambalina", "Medellín", "Rock", true, false),
        ("Carla Candil", "bogota", "Rock", false, false),
        ("Dora Decorado", "Cali", "rock", true, true),
        ("Ñusta Telón", "Bogotá", "Jazz", true, false),
    ] {
        house.app.clock.advance(Duration::from_secs(1));
        let email = format!(
            "{}@example.com",
            name.split(' ').next().expect("a name").replace('Ñ', "n").to_lowercase()
        );
        let change = json!({
            "name": name, "city": city, "favorite_music_genre": genre, "subscription_active": active,
            "monthly_fee_current": current, "how_did_you_find_us": "Un cartel",
        });
        house.member(&email, change).await;
    }
    house
}

fn names(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().expect("items");
    items.iter().map(|item| item["name"].as_str().expect("a name").split(' ').next().expect("one")).collect()
}

#[tokio::test]
async fn members_are_filtered_and_found() {
    let house = community().await;
    for (query, expected) in [
        ("", &["Ñusta", "Dora", "Carla", "Beto", "Ana"][..]),
        ("subscription_active=false", &["Carla"]),
        ("subscription_active=true&monthly_fee_current=false", &["Ñusta", "Beto"]),
        ("city=BOGOTA", &["Ñusta", "Carla", "Ana"]),
        ("favorite_music_genre=Rock&city=bogot%C3%A1", &["Carla"]),
        ("email_bounced=true", &[]),
        ("email_bounced=false&city=Cali", &["Dora"]),
        ("q=fraola", &["Ana"]),
        ("q=nusta%20telon", &["Ñusta"]),
        ("q=beto@example.com", &["Beto"]),
        ("q=beto@example.com&monthly_fee_current=true", &[]),
        ("q=nadie", &[]),
    ] {
        let page = house.get(&format!("list?{query}")).ok().await;
        assert_eq!(names(&page), expected, "{query}");
        assert!(page.get("next_cursor").is_none(), "{query}");
    }
    house.get("list?q=x&city=y&monthly_fee_current=quizas").refused(400, "invalid_fields").await;
    let stranger = house.app.organizer("mareas").await;
    let page = house.app.get("/api/v1/users/list").token(&stranger.token).ok().await;
    assert_eq!(names(&page), [""; 0]);
    house.app.close().await;
}

#[tokio::test]
async fn pages_follow_each_other_with_filters_and_without() {
    let house = community().await;
    for (query, expected) in [
        ("", &["Ñusta", "Dora", "Carla", "Beto", "Ana"][..]),
        ("&subscription_active=true", &["Ñusta", "Dora", "Beto", "Ana"]),
    ] {
        let (mut cursor, mut seen) = (String::new(), Vec::new());
        for _ in 0..4 {
            let page = house.get(&format!("list?limit=2{query}{cursor}")).ok().await;
            seen.extend(names(&page).into_iter().map(str::to_owned));
            let Some(next) = page["next_cursor"].as_str() else { break };
            assert_eq!(names(&page).len(), 2, "{page}");
            cursor = format!("&cursor={next}");
        }
        assert_eq!(seen, expected);
    }
    house.get("list?cursor=RVYjMjAyNg").refused(422, "refused_fields").await;
    house.app.close().await;
}

#[tokio::test]
async fn the_community_is_counted() {
    let house = community().await;
    let stats = house.get("stats").ok().await;
    assert_eq!(
        stats,
        json!({
            "total": 5, "subscription_active": 4, "subscription_inactive": 1, "monthly_fee_current": 2,
            "monthly_fee_overdue": 2, "eligible": 2, "email_bounced": 0, "registered_last_30_days": 5,
            "by_city": [
                {"name": "Bogotá", "count": 3}, {"name": "Cali", "count": 1}, {"name": "Medellín", "count": 1},
            ],
            "by_favorite_music_genre": [
                {"name": "Rock", "count": 3}, {"name": "Cumbia", "count": 1}, {"name": "Jazz", "count": 1},
            ],
            "by_how_did_you_find_us": [{"name": "Un cartel", "count": 5}],
            "complete": true,
        })
    );
    house.app.clock.advance(Duration::from_secs(31 * 24 * 3600));
    let token = house.app.sign_in(&house.organizer.person.email, Some(&house.organizer.tenant)).await.token;
    let later = house.app.get("/api/v1/users/stats").token(token).ok().await;
    assert_eq!(later["registered_last_30_days"], 0);
    house.app.close().await;
}
