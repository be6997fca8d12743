//! A host has one organiser, and only while that organiser has the site.

use cloud::services::{FaultRates, Spot};
use domain::TenantId;
use domain::site::{SiteHost, SiteState};
use futures::future::join_all;
use testkit::{Organizer, TestApp};

use crate::flows::sites::{add, show_proof, text, verify};
use crate::table::table_of;

const HOST: &str = "sala.example";

fn host() -> SiteHost {
    HOST.parse().expect("a host")
}

fn unguarded(start: &str) -> FaultRates {
    FaultRates { ignored_conditions: vec![start.to_owned()], ..FaultRates::default() }
}

fn tenant(organizer: &Organizer) -> TenantId {
    organizer.tenant.parse().expect("an id")
}

/// How many organisers have the host, and how many of them were told so, after all prove it at the same
/// moment.
async fn prove_at_once(rates: FaultRates) -> (usize, usize) {
    const ORGANISERS: usize = 4;
    let app = TestApp::start().await;
    let mut organizers = Vec::new();
    for index in 0..ORGANISERS {
        let organizer = app.organizer(&format!("organiza{index}")).await;
        show_proof(&app, &add(&app, &organizer, HOST).await);
        organizers.push(organizer);
    }
    app.idle().await;
    app.chaos.set(rates);
    let race = app.chaos.rendezvous(ORGANISERS, Spot::at("SITE#").by("admin"));
    let racers = organizers.iter().map(|organizer| race.racer(verify(&app, organizer, HOST).send()));
    let answers = join_all(racers).await;
    assert_eq!(race.met(), ORGANISERS);
    app.chaos.set(FaultRates::default());
    let mut told = 0;
    for answer in answers {
        match answer.status {
            200 => told += 1,
            _ => drop(answer.refused(409, "site_taken")),
        }
    }
    let (store, mut have) = (table_of(&app, "admin"), 0);
    for organizer in &organizers {
        let site = store.own_site(tenant(organizer), &host()).await.expect("read").expect("a site");
        have += usize::from(site.state == SiteState::Proved);
    }
    assert!(store.site_claim(&host()).await.expect("read").is_some(), "somebody has it");
    app.close().await;
    (have, told)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_organisers_who_prove_a_host_at_once_one_has_it() {
    assert_eq!(prove_at_once(FaultRates::default()).await, (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_guard_a_host_has_several_organisers() {
    let (have, told) = prove_at_once(unguarded("SITE#")).await;
    assert!(have > 1 && told > 1, "the race test would not notice a race: {have}, {told}");
}

/// What is wrong after a site was deleted while its proof was looked for: the proof was found, and the
/// deletion comes before it is written.
async fn prove_and_delete(rates: FaultRates) -> Vec<&'static str> {
    let app = TestApp::start().await;
    let organizer = app.organizer("organiza").await;
    show_proof(&app, &add(&app, &organizer, HOST).await);
    app.idle().await;
    app.chaos.set(rates);
    let halt = app.chaos.halt(Spot::at("SITE#").by("admin"));
    let proving = tokio::spawn(verify(&app, &organizer, HOST).send());
    halt.reached().await;
    let deleted = app.delete(format!("/api/v1/tenant/sites/{HOST}")).token(&organizer.token).send().await;
    deleted.ok_empty();
    drop(halt);
    let proved = proving.await.expect("no panic");
    app.chaos.set(FaultRates::default());
    let (store, mut wrong) = (table_of(&app, "admin"), Vec::new());
    if proved.status == 200 {
        wrong.push("it was proved after it was deleted");
    } else {
        drop(proved.refused(409, "changed_meanwhile"));
    }
    if store.site_claim(&host()).await.expect("read").is_some() {
        wrong.push("the host is claimed without a site");
    }
    if store.own_site(tenant(&organizer), &host()).await.expect("read").is_some() {
        wrong.push("the site is back");
    }
    app.close().await;
    wrong
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_site_is_not_proved_afterwards() {
    assert_eq!(prove_and_delete(FaultRates::default()).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_guard_a_deleted_site_comes_back() {
    // The version of the site is in its tenant's partition.
    assert_eq!(prove_and_delete(unguarded("T#")).await.len(), 3, "the race test would not notice a race");
}

/// The organisers that have a host after one takes it from another, who has its proof looked for again at
/// the same moment: the loser's proof was missing, and is back before the change is written.
async fn take_and_keep(rates: FaultRates) -> Vec<&'static str> {
    let app = TestApp::start().await;
    let (old, new) = (app.organizer("antes").await, app.organizer("despues").await);
    let internet = app.cloud.services().internet();
    let site = add(&app, &old, HOST).await;
    show_proof(&app, &site);
    verify(&app, &old, HOST).ok().await;
    internet.remove_texts(text(&site["record_name"]));
    let challenger = add(&app, &new, HOST).await;
    show_proof(&app, &challenger);
    app.idle().await;
    app.chaos.set(rates);
    let halt = app.chaos.halt(Spot::at("SITE#").by("admin"));
    let taking = tokio::spawn(verify(&app, &new, HOST).send());
    halt.reached().await;
    show_proof(&app, &site);
    verify(&app, &old, HOST).ok().await;
    drop(halt);
    let taken = taking.await.expect("no panic");
    app.chaos.set(FaultRates::default());
    let store = table_of(&app, "admin");
    let claim = store.site_claim(&host()).await.expect("read").expect("a claim");
    let mut has = Vec::new();
    for (name, organizer) in [("old", &old), ("new", &new)] {
        let own = store.own_site(tenant(organizer), &host()).await.expect("read").expect("a site");
        if own.state == SiteState::Proved {
            has.push(name);
        }
        assert_eq!(own.state == SiteState::Proved, claim.tenant == tenant(organizer), "site and claim agree");
    }
    match has[..] {
        ["old"] => drop(taken.refused(409, "site_taken")),
        _ => drop(taken.ok()),
    }
    app.close().await;
    has
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_whose_proof_is_back_is_not_taken() {
    assert_eq!(take_and_keep(FaultRates::default()).await, ["old"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_guard_a_host_whose_proof_is_back_is_taken() {
    assert_eq!(take_and_keep(unguarded("T#")).await, ["new"]);
}
