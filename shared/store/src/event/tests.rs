use std::time::Duration;

use boot::Clock;
use domain::event::{Area, AreaKind, EventImage, Fees, ImageKind, PricedEvent, Vat};
use domain::pricing::{AdjustmentType, SaleStage};
use domain::{AreaId, Currency, ImageId, Language, SaleStageId};
use serde_json::Map;

use super::*;
use crate::testing::{at_once, store_with_clock};

pub(crate) fn event(clock: &Clock, slug: &str) -> Event {
    let now = clock.now();
    let starts_at = now + Duration::from_secs(86_400);
    Event {
        id: EventId::generate(now),
        tenant_id: TenantId::generate(now),
        slug: slug.to_owned(),
        name: "Noche de faroles".to_owned(),
        artist: "Los Faroles".to_owned(),
        series_id: None,
        genre: String::new(),
        cluster_type: String::new(),
        description: String::new(),
        venue: "Teatro Inventado".to_owned(),
        address: String::new(),
        city: "Bogotá".to_owned(),
        country: "CO".to_owned(),
        time_zone: "America/Bogota".to_owned(),
        starts_at,
        ends_at: starts_at + Duration::from_secs(7200),
        doors_at: None,
        currency: Currency::COP,
        language: Language::Es,
        status: EventStatus::Draft,
        unlisted: false,
        shadowban: false,
        hold_minutes: 10,
        max_tickets_per_order: 10,
        transfer_limit: 3,
        transfers_close_at: None,
        attendee_fields: Vec::new(),
        fees: Fees::default(),
        vat: Vat::default(),
        images: Vec::new(),
        code: None,
        img: None,
        max_discounts: 0,
        ticketing_link: None,
        other_data: Map::new(),
        member_discount: None,
        plan: None,
        created_at: now,
        updated_at: now,
        version: 1,
    }
}

fn area(event: &Event, price: i64, position: u16) -> Area {
    Area {
        id: AreaId::generate(event.created_at),
        event_id: event.id,
        area_name: format!("Zona {position}"),
        description: String::new(),
        kind: AreaKind::GeneralAdmission,
        capacity: 100,
        price,
        currency: event.currency,
        nomenclature_letter: None,
        unit_capacity: 1,
        service: None,
        position,
        rows: Vec::new(),
        category: None,
        layout: None,
        version: 1,
    }
}

pub(super) fn stage(event: &Event, priority_order: u16) -> SaleStage {
    SaleStage {
        id: SaleStageId::generate(event.created_at),
        event_id: event.id,
        stage_name: "Preventa".to_owned(),
        price_adjustment_type: AdjustmentType::Percentage,
        price_adjustment_value: -1000,
        quantity_available: None,
        start_time: None,
        end_time: None,
        target_area_id: None,
        target_product_variant_id: None,
        priority_order,
        active: true,
        version: 1,
    }
}

pub(crate) async fn sheet(store: &Store, event: &Event) -> StoredEvent {
    store.priced_event(event.id).await.expect("reads").expect("exists")
}

async fn listed(store: &Store) -> Vec<(String, Option<i64>)> {
    let shows = store.shows(Timestamp::UNIX_EPOCH, 100).await.expect("reads");
    shows.into_iter().map(|show| (show.name, show.price_from)).collect()
}

#[tokio::test]
async fn an_event_comes_with_its_areas_and_stages_in_order() {
    let (store, clock) = store_with_clock().await;
    let event = event(&clock, "noche");
    store.create_event(&event).await.expect("created");
    let (front, back) = (area(&event, 900, 1), area(&event, 500, 2));
    let (early, late) = (stage(&event, 1), stage(&event, 2));
    for area in [&back, &front] {
        store.create_area(area, clock.now()).await.expect("created");
    }
    for stage in [&late, &early] {
        store.create_sale_stage(stage, event.currency, clock.now()).await.expect("created");
    }
    let sheet = sheet(&store, &event).await;
    assert_eq!(sheet.price_from(), Some(500));
    let expected = PricedEvent {
        event: event.clone(),
        areas: vec![front, back],
        stages: vec![early, late],
        products: Vec::new(),
    };
    assert_eq!(sheet, expected.into());

    let stranger = TenantId::generate(clock.now());
    assert_eq!(store.priced_event_of(stranger, event.id).await.expect("reads"), None);
    assert_eq!(store.event_of(stranger, event.id).await.expect("reads"), None);
    let own = store.event_of(event.tenant_id, event.id).await.expect("reads");
    assert_eq!(own.map(Event::from), Some(event));
}

#[tokio::test]
async fn a_slug_belongs_to_one_event() {
    let (store, clock) = store_with_clock().await;
    let first = event(&clock, "noche");
    store.create_event(&first).await.expect("created");
    store.create_event(&first).await.expect("the same event again");
    let second = event(&clock, "noche");
    assert!(matches!(store.create_event(&second).await, Err(Failure::Refused(_))));
    assert_eq!(store.event(second.id).await.expect("reads"), None, "nothing of it was written");
    assert_eq!(store.event_by_slug("noche").await.expect("reads"), Some(first.id));

    let contested = at_once(6, |_| {
        let (store, event) = (store.clone(), event(&clock, "otra"));
        async move { store.create_event(&event).await.is_ok() }
    });
    assert_eq!(contested.await.into_iter().filter(|won| *won).count(), 1);
}

#[tokio::test]
async fn the_public_list_follows_the_event() {
    let (store, clock) = store_with_clock().await;
    let draft = event(&clock, "noche");
    store.create_event(&draft).await.expect("created");
    let cheap = area(&draft, 500, 1);
    store.create_area(&cheap, clock.now()).await.expect("created");
    assert_eq!(listed(&store).await, []);

    let published = Event { status: EventStatus::Published, version: 2, ..draft.clone() };
    store.update_event(&sheet(&store, &draft).await, &published).await.expect("published");
    assert_eq!(listed(&store).await, [("Noche de faroles".to_owned(), Some(500))]);

    let renamed_and_moved = Event {
        name: "Otra noche".to_owned(),
        starts_at: published.starts_at + Duration::from_secs(3600),
        version: 3,
        ..published.clone()
    };
    store.update_event(&sheet(&store, &draft).await, &renamed_and_moved).await.expect("moved");
    assert_eq!(listed(&store).await, [("Otra noche".to_owned(), Some(500))]);
    assert!(store.shows(published.starts_at + Duration::from_secs(3601), 9).await.expect("reads").is_empty());

    let before = sheet(&store, &draft).await;
    store.replace_area(&before, &Area { price: 700, version: 2, ..cheap }).await.expect("changed");
    store.update_price_from(&sheet(&store, &draft).await).await.expect("noted");
    assert_eq!(listed(&store).await, [("Otra noche".to_owned(), Some(700))]);

    let unlisted = Event { unlisted: true, version: 4, ..renamed_and_moved };
    store.update_event(&sheet(&store, &draft).await, &unlisted).await.expect("unlisted");
    assert_eq!(listed(&store).await, []);
    store.update_price_from(&sheet(&store, &draft).await).await.expect("nothing to note");
    assert_eq!(listed(&store).await, []);
}

#[tokio::test]
async fn a_postponed_and_a_cancelled_event_stay_in_the_list_with_their_state() {
    let (store, clock) = store_with_clock().await;
    let draft = event(&clock, "noche");
    store.create_event(&draft).await.expect("created");
    assert_eq!(store.ended_sale(draft.id).await.expect("reads"), Some(EventStatus::Draft));
    let mut current = draft;
    for status in [EventStatus::Published, EventStatus::Postponed, EventStatus::Cancelled] {
        let after = Event { status, version: current.version + 1, ..current.clone() };
        store.update_event(&sheet(&store, &current).await, &after).await.expect("changed");
        let [show] = &store.shows(Timestamp::MIN, 10).await.expect("reads")[..] else { panic!("one show") };
        assert_eq!(show.status, status);
        let ended = (status != EventStatus::Published).then_some(status);
        assert_eq!(store.ended_sale(current.id).await.expect("reads"), ended);
        current = after;
    }
}

#[tokio::test]
async fn of_two_changes_based_on_the_same_version_one_is_refused() {
    let (store, clock) = store_with_clock().await;
    let draft = event(&clock, "noche");
    store.create_event(&draft).await.expect("created");
    let before = sheet(&store, &draft).await;
    for status in [EventStatus::Draft, EventStatus::Published] {
        let results = at_once(4, |attempt| {
            let (store, before) = (store.clone(), before.clone());
            let version = before.event.version + 1;
            let after = Event { status, version, name: format!("Noche {attempt}"), ..before.event.clone() };
            async move { store.update_event(&before, &after).await }
        });
        let won = results.await.into_iter().filter(Result::is_ok).count();
        assert_eq!(
            won,
            usize::from(status == EventStatus::Draft),
            "the first round makes the second one stale"
        );
    }
}

#[tokio::test]
async fn a_change_whose_answer_got_lost_can_be_repeated() {
    let (store, clock) = store_with_clock().await;
    let draft = event(&clock, "noche");
    store.create_event(&draft).await.expect("created");
    let before = sheet(&store, &draft).await;
    let after = Event { name: "Otra noche".to_owned(), version: 2, ..draft.clone() };
    store.update_event(&before, &after).await.expect("changed");
    store.update_event(&before, &after).await.expect("is as it should be");
    let other = Event { name: "Otra más".to_owned(), ..after };
    assert!(matches!(store.update_event(&before, &other).await, Err(Failure::Refused(_))));
}

#[tokio::test]
async fn a_tenant_lists_its_own_events_by_date() {
    let (store, clock) = store_with_clock().await;
    let tenant = TenantId::generate(clock.now());
    for (slug, days) in [("b", 2), ("c", 3), ("a", 1)] {
        let mut event = event(&clock, slug);
        event.tenant_id = tenant;
        event.starts_at += Duration::from_secs(86_400 * days);
        store.create_event(&event).await.expect("created");
    }
    store.create_event(&event(&clock, "foreign")).await.expect("created");
    let slugs = |listing: &Listing<Event>| -> String {
        listing.items.iter().map(|event| event.slug.as_str()).collect::<Vec<_>>().join(" ")
    };
    let first = store.events(tenant, None, 2, true).await.expect("reads");
    assert_eq!(slugs(&first), "c b");
    let rest = store.events(tenant, first.last.as_deref(), 2, true).await.expect("reads");
    assert_eq!((slugs(&rest).as_str(), rest.last), ("a", None));
    assert_eq!(slugs(&store.events(tenant, None, 9, false).await.expect("reads")), "a b c");
    let forged = store.events(tenant, Some("META"), 9, false).await;
    assert!(
        matches!(forged, Err(Failure::ForeignCursor)),
        "a cursor from elsewhere is no way into other items"
    );
}

#[tokio::test]
async fn a_deleted_event_leaves_its_slug_to_others() {
    let (store, clock) = store_with_clock().await;
    let first = event(&clock, "noche");
    store.create_event(&first).await.expect("created");
    store.create_area(&area(&first, 500, 1), clock.now()).await.expect("created");
    let stale = Event { version: 7, ..first.clone() };
    let stale = PricedEvent::new(stale, Vec::new(), Vec::new(), Vec::new()).into();
    let change = store.lease_discounts(&first, clock.now()).await.expect("nobody else has the right");
    assert!(matches!(store.delete_event(&change, &stale).await, Err(Failure::Refused(_))));
    store.delete_event(&change, &sheet(&store, &first).await).await.expect("deleted");
    assert_eq!(store.priced_event(first.id).await.expect("reads"), None);
    assert!(store.events(first.tenant_id, None, 9, false).await.expect("reads").items.is_empty());
    store.create_event(&event(&clock, "noche")).await.expect("the slug is free");
}

#[tokio::test]
async fn one_request_at_a_time_changes_the_places_of_an_area() {
    let (store, clock) = store_with_clock().await;
    let draft = event(&clock, "noche");
    let area = area(&draft, 500, 1);
    store.create_area(&area, clock.now()).await.expect("created");
    let attempts = at_once(6, |_| {
        let (store, area, now) = (store.clone(), area.clone(), clock.now());
        async move { store.lease_places(&area, now).await.ok() }
    });
    let mut winners: Vec<_> = attempts.await.into_iter().flatten().collect();
    assert_eq!(winners.len(), 1);
    let first = winners.remove(0);

    clock.advance(Duration::from_secs(61));
    let second = store.lease_places(&area, clock.now()).await.expect("the first one is taken for dead");
    let after = Area { capacity: 200, version: 2, ..area.clone() };
    assert!(matches!(store.finish_places(&first, &after).await, Err(Failure::Refused(_))));
    store.finish_places(&second, &after).await.expect("changed");
    store.finish_places(&second, &after).await.expect("safe to repeat");
    assert_eq!(store.area(draft.id, area.id).await.expect("reads"), Some(after.clone()));

    assert!(
        matches!(store.lease_places(&area, clock.now()).await, Err(Failure::Refused(_))),
        "a stale version"
    );
    let third = store.lease_places(&after, clock.now()).await.expect("free again");
    store.release_places(&third, &after).await.expect("given back");
    let fourth = store.lease_places(&after, clock.now()).await.expect("free again");
    store.delete_area(&fourth, &after).await.expect("deleted");
    assert_eq!(store.area(draft.id, area.id).await.expect("reads"), None);
}

#[tokio::test]
async fn a_code_belongs_to_one_event_of_a_tenant() {
    let (store, clock) = store_with_clock().await;
    let coded = |slug: &str, tenant, code: &str| Event {
        tenant_id: tenant,
        code: Some(code.to_owned()),
        ..event(&clock, slug)
    };
    let (tenant, other) = (TenantId::generate(clock.now()), TenantId::generate(clock.now()));
    let first = coded("uno", tenant, "LF-1");
    store.create_event(&first).await.expect("created");
    let refused = store.create_event(&coded("dos", tenant, "lf-1")).await;
    assert!(matches!(refused, Err(Failure::Refused(_))), "{refused:?}");
    assert_eq!(store.event_by_slug("dos").await.expect("reads"), None, "nothing of it was written");
    store.create_event(&coded("tres", other, "LF-1")).await.expect("another tenant's own codes");
    assert_eq!(store.show_code_owner(tenant, "Lf-1").await.expect("reads"), Some(first.id));

    let second = coded("cuatro", tenant, "LF-2");
    store.create_event(&second).await.expect("created");
    let before = sheet(&store, &second).await;
    let with = |code: Option<&str>| Event { code: code.map(str::to_owned), version: 2, ..second.clone() };
    let refused = store.update_event(&before, &with(Some("LF-1"))).await;
    assert!(matches!(refused, Err(Failure::Refused(_))), "{refused:?}");
    store.update_event(&before, &with(Some("lf-2"))).await.expect("only its case changes");
    let before = sheet(&store, &second).await;
    let bare = Event { code: None, version: 3, ..second.clone() };
    store.update_event(&before, &bare).await.expect("given up");
    store.update_event(&before, &bare).await.expect("safe to repeat");
    assert_eq!(store.show_code_owner(tenant, "LF-2").await.expect("reads"), None);

    let change = store.lease_discounts(&first, clock.now()).await.expect("nobody else has the right");
    store.delete_event(&change, &sheet(&store, &first).await).await.expect("deleted");
    store.create_event(&coded("cinco", tenant, "LF-1")).await.expect("the code is free");
    let contested = at_once(6, |attempt| {
        let (store, event) = (store.clone(), coded(&format!("noche-{attempt}"), tenant, "LF-9"));
        async move { store.create_event(&event).await.is_ok() }
    });
    assert_eq!(contested.await.into_iter().filter(|won| *won).count(), 1);
}

#[test]
fn the_list_entry_shows_the_cover_or_else_the_external_picture_or_else_the_first_one() {
    let mut event = event(&Clock::movable(), "noche");
    let image =
        |kind, url: &str| EventImage { id: ImageId::generate(event.created_at), kind, url: url.to_owned() };
    let (map, cover) = (image(ImageKind::SeatMap, "map"), image(ImageKind::Cover, "cover"));
    event.images = vec![map.clone()];
    assert_eq!(EventSummary::new(&event, None).image.as_deref(), Some("map"));
    event.img = Some("elsewhere".to_owned());
    assert_eq!(EventSummary::new(&event, None).image.as_deref(), Some("elsewhere"));
    event.images = vec![map, cover];
    assert_eq!(EventSummary::new(&event, None).image.as_deref(), Some("cover"));
}
