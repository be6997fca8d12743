//! What is sold beside tickets, by whom, and how the buyers pay who are at the gateways.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::colour::Colour;
use domain::error::Fields;
use domain::order::OrderStatus;
use domain::plan::{Plan, SeatKind, categories, changes};
use domain::policy::PolicyKind;
use domain::product::{PricedProduct, ProductCategory};
use domain::text::{Line, Paragraph};
use gateways::{Method, Status};

use super::house::TestStore;
use crate::checkouts::CHECKOUTS;
use crate::products::{CHOCOLATE, HOUSE, PARKING};
use crate::season::{DATES, SERIES};
use crate::{Demo, ORGANIZERS, TENANT, organizers};

pub(super) async fn three_dates_share_a_drawn_plan(house: &TestStore) {
    let found = house.store.series_by_slug(SERIES).await.expect("read");
    let (tenant, id) = found.expect("a series");
    let series = house.store.series_of(tenant, id).await.expect("read").expect("a series");
    assert_eq!((tenant, series.dates), (TENANT, 3));
    let listed = house.store.series_dates(id).await.expect("read");
    let slugs: BTreeSet<_> =
        listed.iter().filter(|date| date.listed).map(|date| date.slug.as_str()).collect();
    assert_eq!(slugs, DATES.iter().map(|date| date.slug).collect());

    let mut pinned = BTreeSet::new();
    for date in &DATES {
        let sheet = house.sheet(date.slug).await;
        assert_eq!(sheet.event.series_id, Some(id));
        pinned.extend(sheet.event.plan.map(|plan| (plan.id, plan.version)));
        let plan = house.store.published_plan(&sheet).await.expect("a plan");
        for (area, (_, category)) in sheet.areas.iter().zip(categories(&sheet.areas)) {
            let change = changes(area, &category, &plan);
            assert!(change.is_empty(), "the areas sell the plan's seats: {change:?}");
            assert!(area.capacity > 0 && plan.labels(&category).count() > 0);
        }
        the_plan_is_bent_and_has_sides(&plan);
    }
    assert_eq!(pinned.len(), 1, "one version of one plan");
}

fn the_plan_is_bent_and_has_sides(plan: &Plan) {
    let mut fields = Fields::new();
    plan.check("/plan", &mut fields);
    fields.finish().unwrap_or_else(|error| panic!("{:?}", error.field_errors()));
    let rows: Vec<_> = plan.sections.iter().flat_map(|section| &section.rows).collect();
    assert_eq!(rows.len(), 10);
    for row in &rows {
        let (left, right) = row.seats.split_at(row.seats.len() / 2);
        assert!(
            left.iter().all(|seat| seat.number % 2 == 1) && right.iter().all(|seat| seat.number % 2 == 0)
        );
        let inner = left.last().expect("a seat");
        assert!(inner.number == 1 && inner.aisle_after, "the aisle is in the middle of {}", row.label);
        let ends = [left.first(), right.last()].map(|seat| seat.expect("a seat").at.y.in_hundredths());
        assert!(
            ends.iter().all(|end| *end + 500 < inner.at.y.in_hundredths()),
            "bent by five units: {ends:?}"
        );
    }
    let of_kind = |kind| {
        let seats = plan.seats().filter(move |(_, seat)| seat.kind == kind);
        seats.map(|(row, seat)| format!("{}-{}", row.label, seat.number)).collect::<BTreeSet<_>>()
    };
    assert_eq!(of_kind(SeatKind::Accessible), BTreeSet::from(["A-13", "A-14"].map(str::to_owned)));
    assert_eq!(of_kind(SeatKind::Companion), BTreeSet::from(["A-11", "A-12"].map(str::to_owned)));
}

pub(super) async fn a_product_of_each_kind_is_for_sale(house: &TestStore) {
    let ours = house.store.tenant_products(TENANT, true).await.expect("read");
    let sheet = house.sheet(DATES[0].slug).await;
    let all: Vec<&PricedProduct> = ours.iter().chain(&sheet.products).collect();
    let kinds: Vec<_> = all.iter().map(|priced| (priced.product.kind, priced.variants.len())).collect();
    assert_eq!(
        kinds,
        [(ProductCategory::Drink, 1), (ProductCategory::Merchandise, 3), (ProductCategory::Parking, 1)]
    );
    assert_eq!((ours.len(), sheet.products.len()), (HOUSE.len(), 1));
    for priced in &all {
        let mut fields = Fields::new();
        priced.product.check(&mut fields);
        assert_eq!(priced.product.name.parse::<Line<1, 60>>().as_deref(), Ok(priced.product.name.as_str()));
        for variant in &priced.variants {
            variant.check(priced.product.currency, "", &mut fields);
        }
        fields.finish().unwrap_or_else(|error| panic!("{:?}", error.field_errors()));
    }
    let left = house.store.stock_left(all.iter().copied(), Some(&sheet), Some(&ours), house.now()).await;
    let left = left.expect("counted");
    for priced in all {
        for variant in &priced.variants {
            // A buyer who is at a gateway's page has one.
            let held = u32::from(priced.product.name == CHOCOLATE.name);
            assert_eq!(left.of(variant.id), variant.stock.map(|stock| stock - held), "{priced:?}");
        }
    }
    for date in &DATES {
        assert_eq!(house.sheet(date.slug).await.products[0].product.name, PARKING.name);
    }
}

pub(super) async fn an_organiser_has_a_page_with_policies(house: &TestStore) {
    let organizer = organizers::with_page().expect("one");
    let page = organizer.page.expect("its page");
    assert_eq!(house.store.tenant_by_slug(page.slug).await.expect("read"), Some(organizer.id));
    let tenant = house.store.tenant(organizer.id).await.expect("read").expect("a tenant");
    assert_eq!(tenant.slug.as_deref(), Some(page.slug));
    assert!(tenant.phone.is_some() && tenant.website.is_some());
    let contrast = tenant.accent.expect("a colour").contrast(Colour::PAPER);
    assert!(contrast >= 4.5, "texts in the colour can be read: {contrast}");
    let logo = tenant.logo.expect("a logo");
    let key = logo.strip_prefix("http://127.0.0.1/").expect("ours");
    let (info, bytes) = house.services.s3().object(&house.images, key).await.expect("read").expect("there");
    assert!(bytes.starts_with(b"\x89PNG"), "{info:?}");
    assert!(info.headers.iter().any(|(name, value)| name == "content-type" && value == "image/png"));
    for kind in PolicyKind::ALL {
        let version = tenant.policies.get(kind);
        let policy = house.store.policy_version(tenant.id, kind, version).await.expect("read");
        let text = policy.expect("published").text;
        for text in [&text.es, text.en.as_ref().expect("a translation")] {
            assert_eq!(text.parse::<Paragraph<1, 20_000>>().as_deref(), Ok(text.as_str()));
        }
    }
    let others = ORGANIZERS.iter().filter(|other| other.id != organizer.id);
    for other in others {
        let tenant = house.store.tenant(other.id).await.expect("read").expect("a tenant");
        assert!(tenant.policies.is_none() && tenant.slug.is_none());
    }
}

pub(super) async fn two_guests_are_at_the_gateways(house: &TestStore, demo: &Demo) {
    let now = house.now();
    assert_eq!(demo.visits.len(), CHECKOUTS.len());
    for (checkout, visit) in CHECKOUTS.iter().zip(&demo.visits) {
        let user = house.fingerprints.guest(&checkout.email.parse().expect("an address"));
        let orders = house.store.orders_since(user, now - Duration::from_secs(60)).await.expect("read");
        let [order] = &orders[..] else { panic!("one order: {orders:?}") };
        assert_eq!((order.status, order.buyer.name.as_str()), (OrderStatus::AwaitingPayment, checkout.name));
        assert!(order.is_of_guest() && order.expires_at > now);
        let sheet = house.sheet(checkout.show).await;
        assert_eq!((order.event, order.tenant), (sheet.event.id, sheet.event.tenant_id));
        let is_with_policies = organizers::with_page().is_some_and(|organizer| organizer.id == order.tenant);
        assert_eq!(order.accepted.is_some(), is_with_policies);
        let [payment] = &order.payments[..] else { panic!("one payment") };
        let until = payment.may_extend_to.expect("cash is offered");
        assert!(until > now + Duration::from_secs(23 * 3600), "a day, in whole minutes: {until}");
        let at_gateway = house.gateways.named(visit.gateway).purchase(&visit.reference).expect("a purchase");
        assert_eq!(at_gateway.amount, order.total());
    }
    let [paying, waiting] = &demo.visits[..] else { panic!("two") };
    for visit in [paying, waiting] {
        visit.make(&house.gateways).expect("possible");
    }
    let newest = |visit: &crate::Visit| {
        let purchase = house.gateways.named(visit.gateway).purchase(&visit.reference).expect("a purchase");
        purchase.attempts.last().cloned().expect("a try")
    };
    assert_eq!(newest(paying).status, Status::Approved);
    let slip = newest(waiting);
    assert_eq!((slip.method, slip.status), (Method::Cash, Status::Pending));
    let end = slip.slip_end.expect("an end");
    assert!(end > now + Duration::from_secs(23 * 3600), "it can be paid tomorrow: {end}");
    house.wait(Duration::from_secs(25 * 3600));
    assert_eq!(newest(waiting).status, Status::Expired);
}
