//! An organiser's own host: added, proved, shown, taken over, lost.

use std::net::IpAddr;
use std::time::Duration;

use cloud::services::WebPage;
use serde_json::{Value, json};
use testkit::{Organizer, Request, TestApp};

const SITES: &str = "/api/v1/tenant/sites";
const PROOF: &str = "/.well-known/taquilla-site";
const DAY: Duration = Duration::from_secs(24 * 3600);

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

/// Adds a site. Returns it as the API shows it.
pub(crate) async fn add(app: &TestApp, organizer: &Organizer, host: &str) -> Value {
    app.post(SITES).token(&organizer.token).json(json!({"host": host})).ok().await
}

/// Puts a site's record into DNS.
pub(crate) fn show_proof(app: &TestApp, site: &Value) {
    app.cloud.services().internet().add_text(text(&site["record_name"]), text(&site["record_text"]));
}

/// The request that has a site's proof looked for.
pub(crate) fn verify(app: &TestApp, organizer: &Organizer, host: &str) -> Request {
    app.post(format!("{SITES}/{host}/verify")).token(&organizer.token)
}

/// Adds a site and proves it by DNS.
pub(crate) async fn prove(app: &TestApp, organizer: &Organizer, host: &str) -> Value {
    let site = add(app, organizer, host).await;
    show_proof(app, &site);
    verify(app, organizer, host).ok().await
}

/// The organiser's sites, by host, with their states.
pub(crate) async fn sites(app: &TestApp, organizer: &Organizer) -> Vec<(String, String)> {
    let list = app.get(SITES).token(&organizer.token).ok().await;
    let sites = list["items"].as_array().expect("sites").iter();
    sites.map(|site| (text(&site["host"]).to_owned(), text(&site["state"]).to_owned())).collect()
}

/// The name of the organiser whose site a request is made at; empty at nobody's.
async fn shown(request: Request) -> String {
    let site = request.ok().await;
    site["organizer"]["name"].as_str().unwrap_or_default().to_owned()
}

fn at_host(app: &TestApp, host: &str) -> Request {
    app.get("/api/v1/public/site").header("host", host)
}

/// The slugs of a list's shows.
async fn slugs(request: Request) -> Vec<String> {
    let list = request.ok().await;
    list["items"].as_array().expect("shows").iter().map(|show| text(&show["slug"]).to_owned()).collect()
}

/// Moves the clock, which ends caches and access tokens, and signs an organiser in again.
async fn later(app: &TestApp, organizer: Organizer, time: Duration) -> Organizer {
    app.clock.advance(time);
    let token = app.sign_in(&organizer.person.email, Some(&organizer.tenant)).await.token;
    Organizer { token, ..organizer }
}

#[tokio::test]
async fn an_organisers_own_host_shows_its_shows_only() {
    let app = TestApp::start().await;
    let (faroles, mareas) = (app.organizer("faroles").await, app.organizer("mareas").await);
    let ours = app.show(&faroles, "Los Faroles", 50, 20_000).await.slug;
    let theirs = app.show(&mareas, "Marea Baja", 50, 20_000).await.slug;
    let site = add(&app, &faroles, "Peña.Example.").await;
    assert_eq!((text(&site["host"]), text(&site["state"])), ("xn--pea-8ma.example", "pending"));
    assert_eq!(text(&site["record_name"]), "_taquilla.xn--pea-8ma.example");
    assert_eq!(text(&site["page_url"]), "https://xn--pea-8ma.example/.well-known/taquilla-site");
    // An unproved host is nobody's.
    let host = "xn--pea-8ma.example";
    assert_eq!(shown(at_host(&app, host)).await, "");
    show_proof(&app, &site);
    let proved = verify(&app, &faroles, "PEÑA.example").ok().await;
    assert_eq!((text(&proved["state"]), text(&proved["proof"])), ("proved", "dns"));

    app.clock.advance(Duration::from_secs(11));
    let name = shown(at_host(&app, host)).await;
    assert!(!name.is_empty());
    for (header, value) in [
        ("host", "XN--PEA-8MA.example.:8000"),
        ("origin", "https://xn--pea-8ma.example"),
        ("referer", "http://xn--pea-8ma.example:8000/programa?x"),
    ] {
        let ask = |path: &str| app.get(path).header(header, value);
        assert_eq!(shown(ask("/api/v1/public/site")).await, name, "{header}");
        for list in ["/api/v1/public/events", "/api/v1/shows/available", "/api/v1/shows/search?q=a"] {
            let answer = ask(list).send().await;
            assert_eq!(answer.header("vary"), "accept-encoding, origin, referer", "{list}");
            let shows = slugs(ask(list)).await;
            assert!(!shows.contains(&theirs), "{list} by {header}: {shows:?}");
            assert!(shows.contains(&ours) || list.contains("search"), "{list} by {header}: {shows:?}");
        }
        assert_eq!(slugs(ask("/api/v1/shows/search?q=faroles")).await, [ours.as_str()]);
        assert_eq!(slugs(ask("/api/v1/shows/search?q=marea")).await, [""; 0]);
        // A show that somebody has the address of is shown: the site is no wall.
        ask(&format!("/api/v1/public/events/{theirs}")).ok().await;
    }
    // Host counts before Origin: a page elsewhere does not change what this host shows.
    let mixed = at_host(&app, host).header("origin", "https://otra.example");
    assert_eq!(shown(mixed).await, name);
    for other in
        ["127.0.0.1", "localhost:8000", "otra.example", "[::1]:8000", "xn--pea-8ma.example.evil.example"]
    {
        assert_eq!(shown(at_host(&app, other)).await, "", "{other}");
        assert_eq!(slugs(app.get("/api/v1/public/events").header("host", other)).await.len(), 2, "{other}");
    }
    app.delete(format!("{SITES}/{host}")).token(&faroles.token).send().await.ok_empty();
    app.clock.advance(Duration::from_secs(11));
    assert_eq!(shown(at_host(&app, host)).await, "");
    app.close().await;
}

#[tokio::test]
async fn what_cannot_be_a_site_is_refused() {
    let app = TestApp::start().await;
    let (faroles, mareas) = (app.organizer("faroles").await, app.organizer("mareas").await);
    let post = |host: &str| app.post(SITES).token(&faroles.token).json(json!({"host": host}));
    for host in [
        "127.0.0.1",
        "127.1",
        "[::1]",
        "sala",
        "https://sala.example",
        "sala.example:443",
        "sala.example/x",
        "sala.localhost",
        "db.internal",
        "impresora.local",
        "xn--a.example",
    ] {
        let problem = post(host).refused(422, "refused_fields").await;
        assert_eq!(problem["errors"][0]["pointer"], "/host", "{host}: {problem}");
    }
    let first = post("sala.example").ok().await;
    assert_eq!(post("SALA.example.").ok().await, first, "the token stays");
    for number in 1..10 {
        post(&format!("sala{number}.example")).ok().await;
    }
    post("otra.example").refused(409, "too_many_sites").await;
    for request in [
        verify(&app, &faroles, "otra.example"),
        verify(&app, &faroles, "127.0.0.1"),
        verify(&app, &mareas, "sala.example"),
        app.delete(format!("{SITES}/sala.example")).token(&mareas.token),
    ] {
        request.refused(404, "site_not_found").await;
    }
    assert_eq!(sites(&app, &faroles).await.len(), 10);
    app.close().await;
}

#[tokio::test]
async fn a_proof_is_the_organisers_own_text_in_dns_or_at_the_host() {
    let app = TestApp::start().await;
    let (faroles, mareas) = (app.organizer("faroles").await, app.organizer("mareas").await);
    let internet = app.cloud.services().internet();
    let site = add(&app, &faroles, "sala.example").await;
    let problem = verify(&app, &faroles, "sala.example").refused(409, "site_not_proved").await;
    for member in ["record_name", "record_text", "page_url", "page_text"] {
        assert_eq!(problem[member], site[member], "{problem}");
    }
    // Another organiser's text proves nothing for this one.
    let theirs = add(&app, &mareas, "sala.example").await;
    show_proof(&app, &theirs);
    verify(&app, &faroles, "sala.example").refused(409, "site_not_proved").await;
    // A page: not if it sends elsewhere, is too long, or has another status.
    let public: IpAddr = "9.9.9.9".parse().expect("an address");
    internet.set_addresses("sala.example", [public]);
    let token = text(&site["page_text"]).to_owned();
    let page = |body: &str| WebPage { body: body.to_owned(), ..WebPage::default() };
    for wrong in [
        page(""),
        page(&format!("<html>{token}</html>")),
        page(&format!("{token}{}", "\n".repeat(2000))),
        page(&format!("{token}{}", " ".repeat(10 * 1024 * 1024))),
        WebPage { status: Some(404), ..page(&token) },
        WebPage { status: Some(302), location: Some(format!("https://otra.example{PROOF}")), ..page(&token) },
    ] {
        internet.set_page("sala.example", PROOF, wrong);
        verify(&app, &faroles, "sala.example").refused(409, "site_not_proved").await;
    }
    internet.set_page("sala.example", PROOF, page(&format!("{token}\n")));
    let proved = verify(&app, &faroles, "sala.example").ok().await;
    assert_eq!(text(&proved["proof"]), "well_known");
    app.close().await;
}

#[tokio::test]
async fn a_host_that_leads_inside_is_never_asked() {
    let app = TestApp::start().await;
    let faroles = app.organizer("faroles").await;
    let internet = app.cloud.services().internet();
    let address = |text: &str| text.parse::<IpAddr>().expect(text);
    for (host, addresses) in [
        ("127.0.0.1.nip.io", vec!["127.0.0.1"]),
        ("metadatos.example", vec!["169.254.169.254"]),
        ("dentro.example", vec!["10.0.0.1"]),
        ("seis.example", vec!["::1"]),
        ("mapeada.example", vec!["::ffff:127.0.0.1"]),
        // The first would do; a connection may take the second.
        ("mitad.example", vec!["9.9.9.9", "127.0.0.1"]),
        ("nadie.example", vec![]),
    ] {
        let site = add(&app, &faroles, host).await;
        internet.set_addresses(host, addresses.into_iter().map(address));
        let body = text(&site["page_text"]).to_owned();
        internet.set_page(host, PROOF, WebPage { body, ..WebPage::default() });
        verify(&app, &faroles, host).refused(409, "site_not_proved").await;
        assert_eq!(internet.pages_asked(), 0, "{host} was asked");
    }
    // The control: at a public address, the same page is read.
    internet.set_addresses("dentro.example", [address("9.9.9.9")]);
    verify(&app, &faroles, "dentro.example").ok().await;
    assert_eq!(internet.pages_asked(), 1);
    app.close().await;
}

#[tokio::test]
async fn a_host_changes_hands_when_its_owners_proof_is_gone() {
    let app = TestApp::start().await;
    let (faroles, mareas) = (app.organizer("faroles").await, app.organizer("mareas").await);
    let internet = app.cloud.services().internet();
    let old = prove(&app, &faroles, "sala.example").await;
    let new = add(&app, &mareas, "sala.example").await;
    verify(&app, &mareas, "sala.example").refused(409, "site_not_proved").await;
    show_proof(&app, &new);
    verify(&app, &mareas, "sala.example").refused(409, "site_taken").await;
    // While DNS does not answer, nobody loses anything.
    internet.set_deaf(true);
    verify(&app, &mareas, "sala.example").refused(503, "site_check_unavailable").await;
    internet.set_deaf(false);
    internet.remove_texts(text(&old["record_name"]));
    show_proof(&app, &new);
    verify(&app, &mareas, "sala.example").ok().await;
    assert_eq!(sites(&app, &faroles).await, [("sala.example".to_owned(), "pending".to_owned())]);
    assert_eq!(sites(&app, &mareas).await, [("sala.example".to_owned(), "proved".to_owned())]);
    // Who lost it can not take what it was told before, and has it back by a proof of its own.
    verify(&app, &faroles, "sala.example").refused(409, "site_not_proved").await;
    show_proof(&app, &old);
    verify(&app, &faroles, "sala.example").refused(409, "site_taken").await;
    app.delete(format!("{SITES}/sala.example")).token(&mareas.token).send().await.ok_empty();
    verify(&app, &faroles, "sala.example").ok().await;
    app.close().await;
}

#[tokio::test]
async fn a_site_without_its_proof_is_lost_after_fourteen_days() {
    let app = TestApp::start().await;
    let faroles = app.organizer("faroles").await;
    let internet = app.cloud.services().internet();
    let site = prove(&app, &faroles, "sala.example").await;
    let janitor = async || {
        app.cloud.run_schedule_now("Sites").await.expect("the janitor runs");
        app.idle().await;
    };
    let state = async |organizer: &Organizer| sites(&app, organizer).await.remove(0).1;
    internet.remove_texts(text(&site["record_name"]));
    janitor().await;
    assert_eq!(state(&faroles).await, "proved", "it is looked at once a week");
    let faroles = later(&app, faroles, 8 * DAY).await;
    internet.set_deaf(true);
    janitor().await;
    assert_eq!(state(&faroles).await, "proved", "without an answer nothing is lost");
    internet.set_deaf(false);
    let faroles = later(&app, faroles, DAY).await;
    janitor().await;
    assert_eq!(state(&faroles).await, "failing");
    let shown_site = &app.get(SITES).token(&faroles.token).ok().await["items"][0];
    let since: domain::Timestamp = text(&shown_site["failing_since"]).parse().expect("a time");
    assert_eq!(text(&shown_site["ends_at"]).parse::<domain::Timestamp>().expect("a time"), since + 14 * DAY);
    let faroles = later(&app, faroles, 13 * DAY).await;
    janitor().await;
    assert_eq!(state(&faroles).await, "failing");
    assert!(!shown(at_host(&app, "sala.example")).await.is_empty(), "it is still its organiser's");
    // Back in time: all is well.
    show_proof(&app, &site);
    let faroles = later(&app, faroles, DAY).await;
    janitor().await;
    assert_eq!(state(&faroles).await, "proved");
    internet.remove_texts(text(&site["record_name"]));
    let mut faroles = later(&app, faroles, 8 * DAY).await;
    janitor().await;
    assert_eq!(state(&faroles).await, "failing");
    faroles = later(&app, faroles, 14 * DAY).await;
    janitor().await;
    assert_eq!(state(&faroles).await, "pending");
    assert_eq!(shown(at_host(&app, "sala.example")).await, "");
    app.close().await;
}

#[tokio::test]
async fn what_is_done_to_sites_is_in_the_audit_log() {
    let app = TestApp::start().await;
    let faroles = app.organizer("faroles").await;
    prove(&app, &faroles, "sala.example").await;
    app.delete(format!("{SITES}/sala.example")).token(&faroles.token).send().await.ok_empty();
    app.idle().await;
    let log = app.get("/api/v1/supervision/audit").token(&faroles.token).ok().await;
    let mut actions: Vec<&str> =
        log["items"].as_array().expect("records").iter().map(|record| text(&record["action"])).collect();
    actions.sort_unstable();
    assert_eq!(actions, ["site.create", "site.delete", "site.prove"]);
    assert!(
        log["items"].as_array().expect("records").iter().all(|record| record["subject"] == "sala.example")
    );
    app.close().await;
}

#[tokio::test]
async fn looks_are_limited() {
    let app = TestApp::start().await;
    let faroles = app.organizer("faroles").await;
    add(&app, &faroles, "sala.example").await;
    for _ in 0..60 {
        verify(&app, &faroles, "sala.example").refused(409, "site_not_proved").await;
    }
    verify(&app, &faroles, "sala.example").refused(429, "too_many_tries").await;
    app.close().await;
}
