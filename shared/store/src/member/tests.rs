use std::sync::Arc;

use boot::Secret;
use domain::Language;
use domain::national_id::NationalId;

use super::*;
use crate::testing::{at_once, forgetful, store_with_clock};

fn fingerprints() -> Fingerprints {
    Fingerprints::new(&Secret::new(&"s".repeat(32)).expect("long enough"))
}

fn email(text: &str) -> Email {
    text.parse().expect("valid")
}

fn member(tenant: TenantId, address: &str, dni: &str, now: Timestamp) -> Member {
    Member {
        id: MemberId::generate(now),
        tenant_id: tenant,
        name: "Ana Ejemplo".to_owned(),
        email: email(address),
        country: "AR".to_owned(),
        dni: NationalId::parse("AR", dni).ok(),
        phone: None,
        city: None,
        registration_date: now,
        how_did_you_find_us: None,
        favorite_music_genre: None,
        subscription_active: false,
        monthly_fee_current: false,
        language: Language::Es,
        email_bounced_at: None,
        updated_by: None,
        created_at: now,
        updated_at: now,
        version: 1,
    }
}

fn changed(member: &Member, change: impl FnOnce(&mut Member)) -> Member {
    let mut after = member.clone();
    change(&mut after);
    after.touch(None, member.updated_at);
    after
}

#[tokio::test]
async fn a_member_is_found_by_address_in_its_tenant_only() {
    let (store, clock) = store_with_clock().await;
    let now = clock.now();
    let (tenant, other) = (TenantId::generate(now), TenantId::generate(now));
    let ana = member(tenant, "ana@example.com", "20123456", now);
    store.create_member(&fingerprints(), &ana).await.expect("created");
    store.create_member(&fingerprints(), &ana).await.expect("again is fine");
    let found = |tenant, text| {
        let (store, address) = (store.clone(), email(text));
        async move { store.member_by_email(&fingerprints(), tenant, &address).await.expect("reads") }
    };
    assert_eq!(found(tenant, " Ana@Example.com").await, Some(ana.clone()));
    assert_eq!(found(other, "ana@example.com").await, None);
    assert_eq!(found(tenant, "eva@example.com").await, None);
    assert_eq!(store.member(other, ana.id).await.expect("reads"), None);

    let elsewhere = member(other, "ana@example.com", "20123456", now);
    store.create_member(&fingerprints(), &elsewhere).await.expect("another tenant's");
    let mut memberships = store.memberships(&fingerprints(), &ana.email).await.expect("reads");
    memberships.sort();
    let mut expected = [(tenant, ana.id), (other, elsewhere.id)];
    expected.sort();
    assert_eq!(memberships, expected);
}

#[tokio::test]
async fn a_second_member_is_told_what_is_taken() {
    let (store, clock) = store_with_clock().await;
    let now = clock.now();
    let tenant = TenantId::generate(now);
    let ana = member(tenant, "ana@example.com", "20123456", now);
    store.create_member(&fingerprints(), &ana).await.expect("created");
    let same_email = member(tenant, "ana@example.com", "5536168", now);
    let error = store.create_member(&fingerprints(), &same_email).await.expect_err("taken");
    assert!(matches!(error, MemberError::EmailTaken(by) if by == ana.id), "{error:?}");
    // The same person with her CUIL.
    let same_id = member(tenant, "eva@example.com", "20-20123456-6", now);
    assert!(same_id.dni.is_some());
    let error = store.create_member(&fingerprints(), &same_id).await.expect_err("taken");
    assert!(matches!(error, MemberError::NationalIdTaken(by) if by == ana.id), "{error:?}");
    for loser in [same_email.id, same_id.id] {
        assert_eq!(store.member(tenant, loser).await.expect("reads"), None, "a loser left its member behind");
    }
}

#[tokio::test]
async fn a_lost_answer_is_not_taken_for_another_members_claim() {
    let (store, clock) = store_with_clock().await;
    let now = clock.now();
    let tenant = TenantId::generate(now);
    // An answer that the client retries, and more than it retries.
    for (lost, address) in [(1, "uno@example.com"), (9, "nueve@example.com")] {
        let store = forgetful(&store, lost);
        let ana = member(tenant, address, "", now);
        store.create_member(&fingerprints(), &ana).await.expect("written, whatever was heard");
        let eva = changed(&ana, |member| member.email = email(&format!("otra.{address}")));
        store.replace_member(&fingerprints(), &ana, &eva).await.expect("written, whatever was heard");
        let found = store.member_by_email(&fingerprints(), tenant, &eva.email).await.expect("reads");
        assert_eq!(found, Some(eva));
    }
}

#[tokio::test]
async fn claims_move_with_the_member() {
    let (store, clock) = store_with_clock().await;
    let now = clock.now();
    let tenant = TenantId::generate(now);
    let prints = fingerprints();
    let ana = member(tenant, "ana@example.com", "20123456", now);
    let eva = member(tenant, "eva@example.com", "5536168", now);
    for member in [&ana, &eva] {
        store.create_member(&prints, member).await.expect("created");
    }
    let greedy = changed(&ana, |member| member.email = eva.email.clone());
    let error = store.replace_member(&prints, &ana, &greedy).await.expect_err("taken");
    assert!(matches!(error, MemberError::EmailTaken(by) if by == eva.id), "{error:?}");
    let greedy = changed(&ana, |member| member.dni = eva.dni.clone());
    let error = store.replace_member(&prints, &ana, &greedy).await.expect_err("taken");
    assert!(matches!(error, MemberError::NationalIdTaken(by) if by == eva.id), "{error:?}");
    assert_eq!(store.member(tenant, ana.id).await.expect("reads"), Some(ana.clone()));

    let moved = changed(&ana, |member| {
        member.email = email("ana.b@example.com");
        member.dni = NationalId::parse("AR", "30123456").ok();
    });
    store.replace_member(&prints, &ana, &moved).await.expect("moved");
    assert_eq!(store.member_by_email(&prints, tenant, &ana.email).await.expect("reads"), None);
    assert_eq!(
        store.member_by_email(&prints, tenant, &moved.email).await.expect("reads"),
        Some(moved.clone())
    );
    let heir = member(tenant, "ana@example.com", "20123456", now);
    store.create_member(&prints, &heir).await.expect("what was given up is free");
    // A request with the old version can not take the claims back.
    let late = changed(&ana, |member| member.name = "Otra".to_owned());
    let error = store.replace_member(&prints, &ana, &late).await.expect_err("changed meanwhile");
    assert!(matches!(error, MemberError::Failure(Failure::Refused(_))), "{error:?}");

    let without = changed(&moved, |member| member.dni = None);
    store.replace_member(&prints, &moved, &without).await.expect("given up");
    let other = member(tenant, "beto@example.com", "30123456", now);
    store.create_member(&prints, &other).await.expect("free");
}

#[tokio::test]
async fn of_several_members_who_want_one_address_at_once_one_gets_it() {
    let (store, clock) = store_with_clock().await;
    let (store, now) = (Arc::new(store), clock.now());
    let tenant = TenantId::generate(now);
    let mut members = Vec::new();
    for index in 0..8 {
        let member = member(tenant, &format!("m{index}@example.com"), "", now);
        store.create_member(&fingerprints(), &member).await.expect("created");
        members.push(member);
    }
    let results = at_once(members.len(), |index| {
        let (store, member) = (store.clone(), members[index].clone());
        async move {
            let after = changed(&member, |member| member.email = email("deseada@example.com"));
            store.replace_member(&fingerprints(), &member, &after).await
        }
    })
    .await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    let listed = store.members(tenant, None, 100).await.expect("reads").items;
    let owners = listed.iter().filter(|member| member.email == email("deseada@example.com"));
    assert_eq!(owners.count(), 1);
}

#[tokio::test]
async fn many_members_are_written_together_or_not_at_all() {
    let (store, clock) = store_with_clock().await;
    let now = clock.now();
    let tenant = TenantId::generate(now);
    let many = |from: u32| -> Vec<Member> {
        let numbers = from..from + u32::try_from(MEMBERS_AT_ONCE).expect("small");
        numbers
            .map(|index| {
                member(tenant, &format!("m{index}@example.com"), &(20_000_000 + index).to_string(), now)
            })
            .collect()
    };
    let (first, overlapping) = (many(0), many(30));
    store.create_members(&fingerprints(), &first).await.expect("written");
    let refused = store.create_members(&fingerprints(), &overlapping).await;
    assert!(matches!(refused, Err(Failure::Refused(_))), "{refused:?}");
    let listed = store.members(tenant, None, 100).await.expect("reads").items;
    assert_eq!(listed.len(), MEMBERS_AT_ONCE);

    let emails: Vec<_> = overlapping.iter().map(|member| &member.email).collect();
    let identities: Vec<_> = first[..2].iter().filter_map(Member::identity).collect();
    let identities: Vec<_> = identities.iter().map(String::as_str).collect();
    let mut known = store.members_with(&fingerprints(), tenant, &emails, &identities).await.expect("reads");
    known.sort_by_key(|member| member.email.clone());
    let known: Vec<_> = known.iter().map(|member| member.email.as_str()).collect();
    assert_eq!(
        known,
        ["m0@example.com", "m1@example.com", "m30@example.com", "m31@example.com", "m32@example.com"]
    );
}

#[tokio::test]
async fn members_are_listed_page_by_page_the_latest_first() {
    let (store, clock) = store_with_clock().await;
    let tenant = TenantId::generate(clock.now());
    let mut expected = Vec::new();
    for index in 0..5 {
        clock.advance(std::time::Duration::from_secs(1));
        let member = member(tenant, &format!("m{index}@example.com"), "", clock.now());
        store.create_member(&fingerprints(), &member).await.expect("created");
        expected.insert(0, member);
    }
    let first = store.members(tenant, None, 2).await.expect("reads");
    assert_eq!(first.items, expected[..2]);
    let after = Store::after_member(&expected[2]);
    assert_eq!(store.members(tenant, Some(&after), 9).await.expect("reads").items, expected[3..]);
    let foreign = store.members(tenant, Some("EV#2026"), 2).await;
    assert!(matches!(foreign, Err(Failure::ForeignCursor)));
}

#[tokio::test]
async fn a_bounce_is_noted_once_and_only_for_the_address_it_was_for() {
    let (store, clock) = store_with_clock().await;
    let prints = fingerprints();
    let now = clock.now();
    let tenant = TenantId::generate(now);
    let ana = member(tenant, "ana@example.com", "", now);
    store.create_member(&prints, &ana).await.expect("created");
    clock.advance(std::time::Duration::from_secs(60));
    let first = clock.now();
    for time in [first, first + jiff::SignedDuration::from_secs(9)] {
        store.mark_member_bounced(&prints, tenant, &ana.email, time).await.expect("noted");
    }
    let noted = store.member(tenant, ana.id).await.expect("reads").expect("there");
    assert_eq!((noted.email_bounced_at, noted.version), (Some(first), 2));
    store
        .mark_member_bounced(&prints, tenant, &email("nadie@example.com"), now)
        .await
        .expect("nothing to do");
}

#[tokio::test]
async fn a_missing_member_can_not_be_changed() {
    let (store, clock) = store_with_clock().await;
    let now = clock.now();
    let (tenant, nobody) = (TenantId::generate(now), MemberId::generate(now));
    let error = store.change_member(&fingerprints(), tenant, nobody, |_| Ok(())).await.expect_err("refused");
    assert_eq!(error.code(), "member_not_found");
}
