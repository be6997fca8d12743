use domain::UserId;
use domain::audit::Month;
use domain::site::{Checked, ProofLook, SiteProof, SiteToken};
use domain::testing::at;

use super::*;
use crate::testing::{at_once, forgetful, meeting, store};

const DAYS: i64 = 24 * 3600;

fn host(name: &str) -> SiteHost {
    name.parse().expect("a host")
}

fn tenant() -> TenantId {
    TenantId::generate(at(0))
}

fn new_site(tenant: TenantId, name: &str) -> Site {
    Site::new(tenant, host(name), SiteToken::generate(), at(0))
}

fn note(site: &Site, action: &str) -> AuditNote {
    AuditNote {
        tenant_id: site.tenant_id,
        by: UserId::generate(at(0)),
        by_email: "administra@example.com".to_owned(),
        action: format!("site.{action}"),
        subject: site.host.to_string(),
        at: at(0),
    }
}

async fn created(store: &Store, tenant: TenantId, name: &str) -> Site {
    let site = new_site(tenant, name);
    store.create_site(&site, &note(&site, "create")).await.expect("created")
}

/// Proves a site of its tenant against `seen`, and takes it from `loser`.
async fn prove(store: &Store, site: &Site, seen: Option<&SiteClaim>, loser: Option<&Site>) -> Result<Site> {
    let proved = site.clone().proved(SiteProof::Dns, at(60));
    let note = note(site, "prove");
    let claim = proved.claim(note.by).expect("a claim");
    store.prove_site(&proved, &claim, seen, loser, &note).await?;
    Ok(proved)
}

#[tokio::test]
async fn a_host_is_its_provers_until_the_site_is_deleted() {
    let store = store().await;
    let deaf = forgetful(&store, 1);
    let (ours, sala) = (tenant(), host("sala.example"));
    let site = created(&store, ours, "sala.example").await;
    assert_eq!(created(&store, ours, "sala.example").await, site, "the token stays");
    assert_eq!(store.site_tenant(&sala).await.expect("read"), None);
    let proved = prove(&deaf, &site, None, None).await.expect("proved");
    assert_eq!(store.own_sites(ours).await.expect("listed"), std::slice::from_ref(&proved));
    assert_eq!(store.own_sites(tenant()).await.expect("listed"), []);
    assert_eq!(store.site_tenant(&sala).await.expect("read"), Some(ours));

    let stale = store.delete_site(&site, &note(&site, "delete")).await;
    assert!(matches!(stale, Err(Failure::Refused(_))), "{stale:?}");
    let told = note(&proved, "delete");
    let deaf = forgetful(&store, 1);
    for _ in 0..2 {
        deaf.delete_site(&proved, &told).await.expect("deleted");
    }
    assert_eq!(store.site_tenant(&sala).await.expect("read"), None);
    let records = store.audit_records(ours, &Month::of(told.at), None, 10).await.expect("listed");
    let [record] = &records.items[..] else { panic!("{records:?}") };
    assert_eq!((&record.note, &record.before["state"]), (&told, &"proved".into()));
}

#[tokio::test]
async fn a_tenant_has_ten_sites_at_most() {
    let store = store().await;
    let ours = tenant();
    for number in 0..MAX_SITES {
        created(&store, ours, &format!("sala{number}.example")).await;
    }
    let more = new_site(ours, "otra.example");
    let refused = store.create_site(&more, &note(&more, "create")).await;
    assert!(matches!(refused, Err(Failure::Refused(_))), "{refused:?}");
    let first = store.own_site(ours, &host("sala0.example")).await.expect("read").expect("there");
    store.delete_site(&first, &note(&first, "delete")).await.expect("deleted");
    store.create_site(&more, &note(&more, "create")).await.expect("there is room");
}

#[tokio::test]
async fn a_host_changes_hands_in_one_write() {
    let store = store().await;
    let (theirs, ours) =
        (created(&store, tenant(), "sala.example").await, created(&store, tenant(), "sala.example").await);
    let proved = prove(&store, &theirs, None, None).await.expect("proved");
    let seen = store.site_claim(&theirs.host).await.expect("read").expect("claimed");
    let blind = prove(&store, &ours, None, None).await;
    assert!(matches!(blind, Err(Failure::Refused(_))), "{blind:?}");
    // The loser was looked at again meanwhile: its tenant may have put the proof back.
    let Checked::Stays(looked) = proved.clone().checked(ProofLook::Found(SiteProof::Dns), at(90)) else {
        panic!("it stays");
    };
    store.save_checked_site(&looked).await.expect("saved");
    let late = prove(&store, &ours, Some(&seen), Some(&proved.lost(at(100)))).await;
    assert!(matches!(late, Err(Failure::Refused(_))), "{late:?}");
    let taken = prove(&store, &ours, Some(&seen), Some(&looked.clone().lost(at(100)))).await.expect("taken");
    assert_eq!(store.site_tenant(&ours.host).await.expect("read"), Some(ours.tenant_id));
    let left = store.own_site(theirs.tenant_id, &theirs.host).await.expect("read").expect("there");
    assert_eq!((left.state, &left.token), (SiteState::Pending, &theirs.token));
    // Who lost it deletes what is left, and the claim is another's.
    store.delete_site(&left, &note(&left, "delete")).await.expect("deleted");
    assert_eq!(store.site_tenant(&ours.host).await.expect("read"), Some(ours.tenant_id));
    assert_eq!(store.sites_due(at(8 * DAYS), 9).await.expect("read"), [(taken.tenant_id, taken.host)]);
}

#[tokio::test]
async fn sites_are_due_by_the_time_of_their_next_look() {
    let store = store().await;
    let first = created(&store, tenant(), "uno.example").await;
    let second = created(&store, tenant(), "dos.example").await;
    created(&store, tenant(), "tres.example").await;
    let first = prove(&store, &first, None, None).await.expect("proved");
    let second = prove(&store, &second, None, None).await.expect("proved");
    let due = async |now| -> Vec<String> {
        let due = store.sites_due(now, 9).await.expect("read");
        due.into_iter().map(|(_, host)| host.to_string()).collect()
    };
    assert_eq!(due(at(7 * DAYS)).await, [""; 0]);
    let week = at(60 + 7 * DAYS);
    assert_eq!(due(week).await.len(), 2, "those that are pending are not looked at");
    let Checked::Stays(failing) = second.checked(ProofLook::Missing, week) else { panic!("it stays") };
    store.save_checked_site(&failing).await.expect("saved");
    assert_eq!(due(week).await, ["uno.example"]);
    assert_eq!(due(at(60 + 8 * DAYS)).await, ["uno.example", "dos.example"]);
    let Checked::Ends(lost) = failing.clone().checked(ProofLook::Missing, at(30 * DAYS)) else {
        panic!("it stays");
    };
    let deaf = forgetful(&store, 1);
    deaf.end_site(&lost).await.expect("ended");
    assert_eq!(due(at(40 * DAYS)).await, ["uno.example"]);
    assert_eq!(store.site_claim(&lost.host).await.expect("read"), None);
    let late = store.save_checked_site(&failing).await;
    assert!(matches!(late, Err(Failure::Refused(_))), "{late:?}");
    assert_eq!(store.site_tenant(&first.host).await.expect("read"), Some(first.tenant_id));
}

/// How many of six tenants who prove a host at the same moment are told that it is theirs. Without the
/// condition, each reads whether the host is claimed and then writes.
async fn crowd(guarded: bool) -> usize {
    let store = store().await;
    let mut sites = Vec::new();
    for _ in 0..6 {
        sites.push(created(&store, tenant(), "sala.example").await);
    }
    let racing = meeting(&store, sites.len());
    let won = at_once(sites.len(), |index| {
        let (store, site) = (racing.clone(), sites[index].clone());
        async move {
            if guarded {
                return prove(&store, &site, None, None).await.is_ok();
            }
            let claimed = store.site_claim(&site.host).await.expect("read").is_some();
            let claim = site.clone().proved(SiteProof::Dns, at(60)).claim(UserId::generate(at(0)));
            !claimed && store.put(&keys::site_claim(&site.host), &claim).await.is_ok()
        }
    })
    .await;
    won.into_iter().filter(|won| *won).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_prove_a_host_at_once_one_has_it() {
    assert_eq!(crowd(true).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_condition_a_host_has_several_tenants() {
    assert!(crowd(false).await > 1, "the test of the race would not notice one");
}
