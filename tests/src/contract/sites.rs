//! A site decides what a public list shows, and nothing else: no operation of staff depends on it, and
//! whoever writes another organiser's host into a request gets the answer that it would get without.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;
use testkit::{Answer, Request};

use super::calls::{Call, DataOwner, call, in_order};
use super::document::{Operation, operations};
use super::world::{SampleBoxOffice, text};
use crate::flows::sites::prove;

/// Functions whose public lists depend on the site.
const BY_SITE: [&str; 1] = ["storefront"];

/// Extractors of callers who work for an organiser.
const STAFF: [&str; 5] = ["Admin", "Door", "Organizer", "Supervisor", "Viewer"];

fn depends_on_site(operation: &Operation) -> bool {
    operation.described.get("x-site").is_some()
}

#[test]
fn no_operation_of_signed_in_callers_depends_on_the_site() {
    let (by_site, others): (Vec<_>, Vec<_>) =
        operations().iter().partition(|operation| depends_on_site(operation));
    let named: BTreeSet<String> = by_site.iter().map(|operation| operation.route()).collect();
    let public = ["public/events", "public/site", "shows/available", "shows/search"];
    assert_eq!(named, public.iter().map(|path| format!("GET /api/v1/{path}")).collect::<BTreeSet<_>>());
    let wrong: Vec<_> = by_site.iter().filter(|operation| operation.roles().is_some()).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    assert!(others.iter().filter(|operation| operation.roles().is_some()).count() > 50);
}

/// The handlers in a source that take one of these arguments: their signatures.
fn handlers<'a>(source: &'a str, arguments: &[&str]) -> Vec<&'a str> {
    let signatures = source.match_indices("async fn ").map(|(at, _)| {
        let rest = &source[at..];
        &rest[..rest.find('{').unwrap_or(rest.len())]
    });
    let takes = |signature: &&str| {
        arguments
            .iter()
            .any(|name| [',', ')'].iter().any(|end| signature.contains(&format!(": {name}{end}"))))
    };
    signatures.filter(takes).collect()
}

#[test]
fn the_site_never_comes_to_a_handler_of_staff() {
    let functions = Path::new(env!("CARGO_MANIFEST_DIR")).join("../functions");
    let (mut takers, mut of_staff) = (BTreeSet::new(), 0);
    for function in fs::read_dir(functions).expect("functions") {
        let function = function.expect("a function");
        let name = function.file_name().to_string_lossy().into_owned();
        for source in sources(&function.path().join("src")) {
            if source.contains("SiteTenant") || source.contains("web::Sites") || source.contains("AtSite") {
                takers.insert(name.clone());
            }
            of_staff += handlers(&source, &STAFF).len();
            for signature in handlers(&source, &["SiteTenant"]) {
                let both = handlers(signature, &STAFF);
                assert!(both.is_empty(), "{name}: {both:?}");
            }
        }
    }
    assert_eq!(
        takers,
        BTreeSet::from(BY_SITE.map(str::to_owned)),
        "a function of staff has nothing that knows the site"
    );
    assert!(of_staff > 50, "{of_staff} handlers of staff were found");
}

fn sources(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(fs::read_to_string(&path).expect("a text"));
        }
    }
    found
}

/// The control of the search: it finds what it looks for.
#[test]
fn a_handler_that_takes_both_is_found() {
    let source = "async fn list(\n    site: SiteTenant,\n    admin: Admin,\n) -> Answer<()> { }";
    assert_eq!(handlers(handlers(source, &["SiteTenant"])[0], &STAFF).len(), 1);
}

/// The headers of a request that comes from a page of a site, in each way that counts.
fn forged(request: Request, way: usize, host: &str) -> Request {
    match way % 4 {
        0 => request.header("host", host),
        1 => request.header("origin", format!("https://{host}")),
        2 => request.header("referer", format!("https://{host}/programa")),
        _ => request
            .header("host", format!("{host}:443"))
            .header("origin", format!("http://{host}"))
            .header("referer", format!("http://{host}/"))
            .header("x-forwarded-host", host),
    }
}

/// What an answer says, without what each answer makes anew.
fn said(answer: &Answer) -> (u16, Value) {
    if !answer.header("content-type").contains("json") {
        return (answer.status, answer.text().into());
    }
    let mut body = answer.json();
    if let Some(members) = body.as_object_mut() {
        for name in ["upload_url", "headers", "expires_at", "request_id", "exported_at"] {
            members.remove(name);
        }
    }
    (answer.status, body)
}

/// A signed-in caller at a host that is another organiser's.
struct Caller<'a> {
    name: &'static str,
    role: &'static str,
    token: &'a str,
    host: &'static str,
}

impl Caller<'_> {
    /// Whether the call succeeds for the caller, who would then change something by it.
    fn may(&self, operation: &Operation, call: &Call) -> bool {
        operation.roles().unwrap_or_default().contains(&self.role)
            && match call.whose {
                DataOwner::Buyer => self.name == "buyer",
                DataOwner::Tenant => self.name != "stranger",
                _ => true,
            }
    }
}

/// For each operation of signed-in callers, and each caller, the answer to a request with a foreign
/// organiser's host in it is the answer to the same request without.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forged_host_changes_no_answer_to_staff() {
    let world = SampleBoxOffice::open().await;
    let (ours, theirs) = ("faroles.example", "mareas.example");
    prove(&world.app, &world.admin, ours).await;
    prove(&world.app, &world.stranger, theirs).await;
    // The hosts are known: a public list has the shows of the one or of the other.
    for (host, slug) in [(ours, &world.show.slug), (theirs, &world.foreign.slug)] {
        let list = forged(world.app.get("/api/v1/public/events"), 0, host).ok().await;
        assert!(list["items"].as_array().expect("shows").iter().any(|show| show["slug"] == **slug), "{list}");
    }
    let caller = |name, role, token, host| Caller { name, role, token, host };
    let callers = [
        caller("admin", "admin", world.admin.token.as_str(), theirs),
        caller("organizer", "organizer", &world.organizer.token, theirs),
        caller("coordinator", "coordinator", &world.coordinator.token, theirs),
        caller("buyer", "user", &world.buyer.token, theirs),
        // The stranger pretends to be at the first organiser's.
        caller("stranger", "admin", &world.stranger.token, ours),
    ];
    let (mut problems, mut compared) = (Vec::new(), 0);
    let staffed = in_order().into_iter().filter(|operation| operation.roles().is_some());
    for (way, operation) in staffed.enumerate() {
        let prepared = call(&world, operation).await;
        world.app.idle().await;
        let request = |token: &str| prepared.request(&world, operation, Some(token));
        for caller in &callers {
            // What changes something gives two answers to two requests, whatever their host.
            if operation.method != "GET" && caller.may(operation, &prepared) {
                continue;
            }
            let plain = request(caller.token).send().await;
            let other = forged(request(caller.token), way, caller.host).send().await;
            compared += 1;
            if said(&plain) != said(&other) {
                problems.push(format!(
                    "{} as {} at {}: {} {} became {} {}",
                    operation.route(),
                    caller.name,
                    caller.host,
                    plain.status,
                    plain.text(),
                    other.status,
                    other.text()
                ));
            }
        }
        // It works once, with the foreign host too.
        if operation.method != "GET" && prepared.whose == DataOwner::Tenant {
            let done = forged(request(&world.admin.token), way, theirs).send().await;
            compared += 1;
            if !(200..300).contains(&done.status) {
                problems.push(format!("{} at {theirs}: {} {}", operation.route(), done.status, done.text()));
            }
        }
        world.app.idle().await;
    }
    assert!(problems.is_empty(), "{} of {compared}:\n{}", problems.len(), problems.join("\n"));
    assert!(compared > 300, "{compared} answers were compared");
    world.app.close().await;
}

/// The control: if no header were heard, the test above would compare nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_way_of_naming_a_site_is_heard_by_public_lists() {
    let world = SampleBoxOffice::open().await;
    prove(&world.app, &world.stranger, "mareas.example").await;
    for way in 0..4 {
        let site = forged(world.app.get("/api/v1/public/site"), way, "mareas.example").ok().await;
        assert_eq!(text(&site["host"]), "mareas.example", "{way}");
    }
    world.app.close().await;
}
