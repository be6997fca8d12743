//! Organisers as buyers see them: address, contact, looks and policies.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Organizer, Request, Show, TestApp};

use crate::community::text;

/// Longer than the functions cache public data.
const A_WHILE: Duration = Duration::from_secs(6);

fn change(app: &TestApp, organizer: &Organizer, body: Value) -> Request {
    app.patch("/api/v1/tenant").token(&organizer.token).json(body)
}

async fn page(app: &TestApp, name: &str) -> Value {
    app.clock.advance(A_WHILE);
    app.get(format!("/api/v1/public/organizers/{name}")).ok().await
}

#[tokio::test]
async fn an_organiser_has_an_address_and_keeps_the_ones_before() {
    let app = TestApp::start().await;
    let (faroles, mareas) = (app.organizer("faroles").await, app.organizer("mareas").await);
    app.get("/api/v1/public/organizers/faroles").refused(404, "tenant_not_found").await;
    let claimed = change(&app, &faroles, json!({"slug": "faroles"})).ok().await;
    assert_eq!((&claimed["slug"], claimed.get("former_slugs")), (&json!("faroles"), None));
    change(&app, &mareas, json!({"slug": "faroles"})).refused(409, "slug_taken").await;
    let reserved = change(&app, &mareas, json!({"slug": "taquilla"})).refused(422, "refused_fields").await;
    assert_eq!(reserved["errors"][0]["pointer"], "/slug");
    for bad in ["ab", "Faroles", "-faroles", "far oles"] {
        change(&app, &mareas, json!({"slug": bad})).refused(400, "invalid_fields").await;
    }

    let show = app.show(&faroles, "Los Faroles", 100, 20_000).await;
    app.show(&mareas, "Marea Baja", 100, 20_000).await;
    let renamed = change(&app, &faroles, json!({"slug": "faroles-del-sur"})).ok().await;
    assert_eq!(renamed["former_slugs"], json!(["faroles"]));
    let now = page(&app, "faroles-del-sur").await;
    assert_eq!((&now["slug"], &now["id"]), (&json!("faroles-del-sur"), &json!(faroles.tenant)));
    assert_eq!(now["shows"].as_array().expect("shows").len(), 1);
    assert_eq!(
        (&now["shows"][0]["slug"], &now["shows"][0]["price_from"]),
        (&json!(show.slug), &json!(20_000))
    );
    for name in ["faroles", faroles.tenant.as_str()] {
        assert_eq!(page(&app, name).await, now, "{name}");
    }
    change(&app, &mareas, json!({"slug": "faroles"})).refused(409, "slug_taken").await;
    let back = change(&app, &faroles, json!({"slug": "faroles"})).ok().await;
    assert_eq!(back["former_slugs"], json!(["faroles-del-sur"]));
    assert_eq!(page(&app, "faroles-del-sur").await["slug"], "faroles");
    for number in 0..8 {
        change(&app, &faroles, json!({"slug": format!("casa-{number}")})).ok().await;
    }
    let full = change(&app, &faroles, json!({"slug": "casa-8"})).refused(409, "too_many_slugs").await;
    assert_eq!(full["slugs"].as_array().expect("slugs").len(), 10);

    // At once with the organiser.
    let eva = app.confirmed("eva").await;
    let found = |slug: &str| {
        let body = json!({"name": "Eva produce", "country": "AR", "currency": "ARS", "slug": slug,
            "time_zone": "america/argentina/buenos_aires", "language": "en"});
        app.post("/api/v1/tenants").token(&eva.token).json(body)
    };
    found("faroles").refused(409, "slug_taken").await;
    found("admin").refused(422, "refused_fields").await;
    let founded = found("eva-produce").ok().await;
    assert_eq!(
        (&founded["slug"], &founded["time_zone"], &founded["language"]),
        (&json!("eva-produce"), &json!("America/Argentina/Buenos_Aires"), &json!("en"))
    );
    assert_eq!(page(&app, "eva-produce").await["name"], "Eva produce");
    app.close().await;
}

#[tokio::test]
async fn contact_looks_and_defaults_are_the_organisers() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let bare = json!({"name": "Noche", "starts_at": "2040-01-10T01:00:00Z"});
    let create = |body: &Value| app.post("/api/v1/events").token(&organizer.token).json(body.clone());
    let refused = create(&bare).refused(422, "refused_fields").await;
    assert_eq!(refused["errors"][0]["pointer"], "/time_zone");

    let looks = json!({
        "slug": "faroles", "phone": " +57 300 000 00 00 ", "website": "https://faroles.example", "accent": "#0B6B4F",
        "time_zone": "america/bogota", "language": "en",
    });
    let changed = change(&app, &organizer, looks).ok().await;
    assert_eq!((&changed["accent"], &changed["warnings"]), (&json!("#0b6b4f"), &json!([])));
    let shown = page(&app, "faroles").await;
    for (field, value) in
        [("phone", "+57 300 000 00 00"), ("website", "https://faroles.example"), ("accent", "#0b6b4f")]
    {
        assert_eq!(shown[field], value);
    }
    let event = create(&bare).ok().await;
    assert_eq!((&event["time_zone"], &event["language"]), (&json!("America/Bogota"), &json!("en")));
    let own = json!({"name": "Noche", "starts_at": "2040-01-10T01:00:00Z", "time_zone": "America/Lima", "language": "es"});
    let event = create(&own).ok().await;
    assert_eq!((&event["time_zone"], &event["language"]), (&json!("America/Lima"), &json!("es")));

    let pale = change(&app, &organizer, json!({"accent": "#ffee00"})).ok().await;
    assert_eq!(pale["warnings"][0]["code"], "accent_too_pale");
    assert!(text(&pale["warnings"][0]["message_es"]).contains("#ffee00"));
    for (bad, code) in [
        (json!({"accent": "red"}), "invalid_fields"),
        (json!({"website": "http://faroles.example"}), "invalid_fields"),
        (json!({"phone": "llámame"}), "invalid_fields"),
        (json!({"language": "fr"}), "invalid_fields"),
        (json!({"time_zone": "America/Macondo"}), "refused_fields"),
    ] {
        let status = if code == "invalid_fields" { 400 } else { 422 };
        change(&app, &organizer, bad).refused(status, code).await;
    }
    let none = json!({"phone": null, "website": null, "accent": null, "time_zone": null, "language": null});
    change(&app, &organizer, none).ok().await;
    let shown = page(&app, "faroles").await;
    for field in ["phone", "website", "accent"] {
        assert_eq!(shown.get(field), None, "{field}");
    }
    create(&bare).refused(422, "refused_fields").await;
    app.close().await;
}

#[tokio::test]
async fn a_logo_is_uploaded_shown_and_removed() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let picture = b"not really a logo".to_vec();
    let add = |size: usize| {
        let body = json!({"content_type": "image/webp", "size": size});
        app.post("/api/v1/tenant/logo").token(&organizer.token).json(body)
    };
    add(1_048_577).refused(400, "invalid_fields").await;
    let upload = add(picture.len()).ok().await;
    let mut request =
        app.elsewhere(text(&upload["method"]).parse().expect("a method"), text(&upload["upload_url"]));
    for (name, value) in upload["headers"].as_object().expect("headers") {
        if name != "content-length" && name != "content-type" {
            request = request.header(name, text(value));
        }
    }
    let sent = request.body(text(&upload["headers"]["content-type"]), picture.clone()).send().await;
    assert_eq!(sent.status, 200);
    let shown = page(&app, &organizer.tenant).await;
    assert_eq!(shown["logo"], upload["logo"]);
    let get = || "GET".parse().expect("a method");
    let public = app.elsewhere(get(), text(&upload["logo"])).send().await;
    assert_eq!(public.status, 307);
    let file = app.elsewhere(get(), public.header("location")).send().await;
    assert_eq!((file.header("content-type"), file.body.as_slice()), ("image/webp", picture.as_slice()));

    for _ in 0..2 {
        app.delete("/api/v1/tenant/logo").token(&organizer.token).send().await.ok_empty();
    }
    assert_eq!(page(&app, &organizer.tenant).await.get("logo"), None);
    let public = app.elsewhere(get(), text(&upload["logo"])).send().await;
    let gone = app.elsewhere(get(), public.header("location")).send().await;
    assert!(gone.status >= 400, "{}", gone.status);
    app.close().await;
}

fn publish(app: &TestApp, organizer: &Organizer, kind: &str, body: Value) -> Request {
    app.put(format!("/api/v1/tenant/policies/{kind}")).token(&organizer.token).json(body)
}

#[tokio::test]
async fn policies_have_versions_that_stay() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let public = format!("/api/v1/public/organizers/{}/policies", organizer.tenant);
    app.get(format!("{public}/terms")).refused(404, "policy_not_found").await;
    let list = || app.get("/api/v1/tenant/policies").token(&organizer.token).ok();
    assert_eq!(list().await["items"], json!([]));

    let first = json!({"es": "Uno.\n\nDos.", "en": "One.", "based_on": 0});
    let terms = publish(&app, &organizer, "terms", first.clone()).ok().await;
    assert_eq!((&terms["version"], &terms["es"]), (&json!(1), &json!("Uno.\n\nDos.")));
    assert_eq!(
        publish(&app, &organizer, "terms", first).ok().await,
        terms,
        "the same text is no new version"
    );
    let stale = json!({"es": "Otro", "based_on": 0});
    let stale = publish(&app, &organizer, "terms", stale).refused(409, "changed_meanwhile").await;
    assert_eq!(stale["version"], 1);
    let second = publish(&app, &organizer, "terms", json!({"es": "Tres.", "based_on": 1})).ok().await;
    assert_eq!((&second["version"], second.get("en")), (&json!(2), None));
    let refunds = json!({"es": "Diez días.", "withdrawal": "argentina_button"});
    publish(&app, &organizer, "refunds", refunds.clone()).ok().await;
    publish(&app, &organizer, "terms", refunds).refused(422, "refused_fields").await;
    publish(&app, &organizer, "cookies", json!({"es": "No."})).refused(404, "not_found").await;
    publish(&app, &organizer, "terms", json!({"es": ""})).refused(400, "invalid_fields").await;

    let held = list().await;
    let held: Vec<_> = held["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|item| (&item["kind"], &item["version"]))
        .collect();
    assert_eq!(held, [(&json!("terms"), &json!(2)), (&json!("refunds"), &json!(1))]);
    let shown = page(&app, &organizer.tenant).await;
    assert_eq!(shown["policies"], json!({"terms": 2, "refunds": 1}));
    assert_eq!(app.get(format!("{public}/terms")).ok().await, second);
    assert_eq!(app.get(format!("{public}/terms?version=1")).ok().await, terms);
    app.get(format!("{public}/terms?version=3")).refused(404, "policy_not_found").await;
    assert_eq!(app.get(format!("{public}/refunds")).ok().await["withdrawal"], "argentina_button");

    app.idle().await;
    let audit = app.get("/api/v1/supervision/audit").token(&organizer.token).ok().await;
    let actions: Vec<_> =
        audit["items"].as_array().expect("items").iter().map(|item| &item["action"]).collect();
    assert_eq!(actions, ["policy.publish"; 3]);
    app.close().await;
}

async fn quote(app: &TestApp, show: &Show) -> Value {
    app.quote(&show.id, json!({"area_id": show.area, "quantity": 1})).await["quote"].clone()
}

#[tokio::test]
async fn an_order_keeps_the_versions_that_its_buyer_accepted() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let show = app.show(&organizer, "Los Faroles", 100, 0).await;
    let ana = app.confirmed("ana").await;
    let reserve = |quote: &Value, accepts: Option<Value>| {
        let mut body = json!({"quote": quote});
        if let Some(accepts) = accepts {
            body["accepts"] = accepts;
        }
        app.post("/api/v1/reservations").token(&ana.token).json(body)
    };
    let before = reserve(&quote(&app, &show).await, None).ok().await;
    assert_eq!(before.get("accepted_policies"), None, "nothing was published");

    publish(&app, &organizer, "terms", json!({"es": "Uno."})).ok().await;
    publish(&app, &organizer, "refunds", json!({"es": "Uno."})).ok().await;
    app.clock.advance(A_WHILE);
    let first = quote(&app, &show).await;
    let asked = reserve(&first, None).refused(409, "policies_changed").await;
    assert_eq!(asked["policies"], json!({"terms": 1, "refunds": 1}));
    reserve(&first, Some(json!({"terms": 1}))).refused(409, "policies_changed").await;
    reserve(&first, Some(json!({"terms": 1, "cookies": 1}))).refused(400, "invalid_fields").await;
    let accepted_at = app.clock.now();
    let order = reserve(&first, Some(asked["policies"].clone())).ok().await;
    assert_eq!(order["accepted_policies"]["versions"], json!({"terms": 1, "refunds": 1}));
    let at: domain::Timestamp = text(&order["accepted_policies"]["accepted_at"]).parse().expect("a time");
    assert_eq!(at.as_second(), accepted_at.as_second());

    // Published between quote and hold: the buyer is asked again, at the latest after the cache's time.
    let second = quote(&app, &show).await;
    publish(&app, &organizer, "terms", json!({"es": "Dos."})).ok().await;
    let newest = reserve(&second, Some(json!({"terms": 2, "refunds": 1}))).ok().await;
    assert_eq!(
        newest["accepted_policies"]["versions"]["terms"], 2,
        "who has seen the new one has accepted it"
    );
    app.clock.advance(A_WHILE);
    let third = quote(&app, &show).await;
    let asked =
        reserve(&third, Some(json!({"terms": 1, "refunds": 1}))).refused(409, "policies_changed").await;
    assert_eq!(asked["policies"], json!({"terms": 2, "refunds": 1}));
    let repeated = reserve(&first, Some(json!({"terms": 1, "refunds": 1}))).ok().await;
    assert_eq!(repeated["id"], order["id"], "an order that is there is not asked again");

    let path = format!("/api/v1/purchases/{}", text(&order["id"]));
    let kept = app.get(path).token(&ana.token).ok().await;
    assert_eq!(kept["accepted_policies"], order["accepted_policies"]);
    app.idle().await;
    app.close().await;
}

#[tokio::test]
async fn lists_of_shows_can_be_one_organisers() {
    let app = TestApp::start().await;
    let (faroles, mareas) = (app.organizer("faroles").await, app.organizer("mareas").await);
    for slug in ["faroles", "faroles-del-sur"] {
        change(&app, &faroles, json!({"slug": slug})).ok().await;
    }
    let ours = app.show(&faroles, "Los Faroles", 100, 20_000).await.slug;
    let theirs = app.show(&mareas, "Los Faroles de la Marea", 100, 20_000).await.slug;
    app.clock.advance(A_WHILE);
    let slugs = async |request: Request| {
        let list = request.ok().await;
        let shows = list["items"].as_array().expect("shows").iter();
        let mut slugs: Vec<String> = shows.map(|show| text(&show["slug"]).to_owned()).collect();
        slugs.sort();
        slugs
    };
    let mut both = [ours.clone(), theirs.clone()];
    both.sort();
    for list in [
        "/api/v1/public/events?limit=50",
        "/api/v1/shows/available?limit=50",
        "/api/v1/shows/search?q=faroles",
    ] {
        assert_eq!(slugs(app.get(list)).await, both, "{list}");
        // By its slug, one that it had before, or its id.
        for name in ["faroles-del-sur", "faroles", faroles.tenant.as_str()] {
            let of = app.get(format!("{list}&organizer={name}"));
            assert_eq!(slugs(of).await, [ours.as_str()], "{list} of {name}");
        }
        assert_eq!(slugs(app.get(format!("{list}&organizer={}", mareas.tenant))).await, [theirs.as_str()]);
        for nobody in ["nadie-conocido", "Faroles", "x"] {
            app.get(format!("{list}&organizer={nobody}")).refused(404, "tenant_not_found").await;
        }
    }
    // At an organiser's own host, the list of another is empty.
    super::sites::prove(&app, &mareas, "marea.example").await;
    app.clock.advance(Duration::from_secs(11));
    let at_host =
        |query: &str| app.get(format!("/api/v1/public/events?{query}")).header("host", "marea.example");
    assert_eq!(slugs(at_host(&format!("organizer={}", mareas.tenant))).await, [theirs.as_str()]);
    assert_eq!(slugs(at_host("organizer=faroles")).await, [""; 0]);
    app.close().await;
}
