use std::collections::BTreeMap;

use boot::Clock;
use domain::event::{Event, PricedEvent};
use domain::order::{Holding, Order, OrderStatus, Part, TicketState, fixture};
use domain::product::{PricedProduct, Product, ProductCategory, Variant};
use domain::{Currency, OrderId, ProductId, QuoteId, UserId, VariantId};

use super::*;
use crate::Failure;
use crate::allotment::{Claim, Refusal, Token};
use crate::event::tests::{event, sheet};
use crate::testing::{at_once, interrupted, store_with_clock, unguarded};

fn shirt(event: &Event, stocks: &[Option<u32>]) -> PricedProduct {
    let now = event.created_at;
    let product = Product {
        id: ProductId::generate(now),
        tenant_id: event.tenant_id,
        event_id: Some(event.id),
        name: "Camiseta".to_owned(),
        description: String::new(),
        kind: ProductCategory::Merchandise,
        currency: event.currency,
        vat_rate: None,
        has_fee: false,
        needs_ticket: true,
        max_per_order: 4,
        start_time: None,
        end_time: None,
        image: None,
        position: 0,
        active: true,
        version: 1,
    };
    let variants = stocks.iter().map(|stock| variant(&product, *stock, event)).collect();
    PricedProduct { product, variants }
}

fn variant(product: &Product, stock: Option<u32>, event: &Event) -> Variant {
    Variant {
        id: VariantId::generate(event.created_at),
        product_id: product.id,
        name: "M".to_owned(),
        attributes: BTreeMap::from([("size".to_owned(), "M".to_owned())]),
        price: 5_000_000,
        stock,
        active: true,
        version: 1,
    }
}

/// A stored event that has a product with these stocks.
async fn sold_at(store: &Store, clock: &Clock, stocks: &[Option<u32>]) -> (Event, PricedProduct) {
    let event = event(clock, "los-faroles");
    store.create_event(&event).await.expect("created");
    let mut priced = shirt(&event, stocks);
    for variant in &priced.variants {
        store.create_stock(variant).await.expect("created");
    }
    store.create_product(&priced, clock.now()).await.expect("created");
    priced.variants.sort_by_key(|variant| variant.id);
    (event, priced)
}

async fn stored(store: &Store, event: &Event) -> Vec<PricedProduct> {
    sheet(store, event).await.products.clone()
}

fn token(clock: &Clock) -> Token {
    let now = clock.now();
    Token::of(OrderId::of_quote(QuoteId::generate(now), UserId::generate(now)))
}

#[tokio::test]
async fn products_are_read_with_their_event_and_those_of_the_tenant_apart() {
    let (store, clock) = store_with_clock().await;
    let (event, priced) = sold_at(&store, &clock, &[Some(20), None]).await;
    assert_eq!(stored(&store, &event).await, std::slice::from_ref(&priced));
    let again = store.create_product(&priced, clock.now()).await.expect("safe to repeat");
    assert_eq!(again, priced.product);

    let mut of_all = shirt(&event, &[Some(900)]);
    of_all.product.event_id = None;
    store.create_stock(&of_all.variants[0]).await.expect("created");
    store.create_product(&of_all, clock.now()).await.expect("created");
    let products = store.tenant_products(event.tenant_id, true).await.expect("reads");
    assert_eq!(&*products, [of_all.clone()]);
    assert_eq!(products.blocks(of_all.variants[0].id), 18);
    assert_eq!(stored(&store, &event).await, std::slice::from_ref(&priced), "not those of all events");

    let sheet = sheet(&store, &event).await;
    let all = sheet.products.iter().chain(products.iter());
    let left = store.stock_left(all, Some(&sheet), Some(&products), clock.now()).await.expect("reads");
    let of = |variant: &Variant| left.of(variant.id);
    assert_eq!(of(&of_all.variants[0]), Some(900));
    let both: Vec<_> = priced.variants.iter().map(|variant| (variant.stock, of(variant))).collect();
    assert!(both.iter().all(|(stock, left)| stock == left), "{both:?}");
}

#[tokio::test]
async fn a_product_has_the_currency_of_its_event() {
    let (store, clock) = store_with_clock().await;
    let event = event(&clock, "los-faroles");
    store.create_event(&event).await.expect("created");
    let mut priced = shirt(&event, &[None]);
    priced.product.currency = Currency::USD;
    let refused = store.create_product(&priced, clock.now()).await;
    assert!(matches!(refused, Err(Failure::Refused(_))), "{refused:?}");
    let sheet = PricedEvent::new(event, Vec::new(), Vec::new(), vec![priced]);
    assert_eq!(sheet.check_unpriced().expect_err("has a price").code(), "currency_fixed");
}

#[tokio::test]
async fn a_stock_is_resized_and_never_below_what_is_sold() {
    let (store, clock) = store_with_clock().await;
    let (event, priced) = sold_at(&store, &clock, &[Some(60)]).await;
    let (product, before) = (&priced.product, &priced.variants[0]);
    let pool = Pool::variant(before.id, 2);
    store.claim_admissions(&pool, 8, token(&clock), Claim::Sold, clock.now()).await.expect("sold");
    let sized = |stock| Variant { stock, version: before.version + 1, ..before.clone() };
    let replace = async |after: &Variant| store.replace_variant(product, before, after, clock.now()).await;
    let refused = replace(&sized(Some(7))).await;
    assert!(matches!(refused, Err(Refusal::SoldOut(52))), "{refused:?}");
    assert_eq!(stored(&store, &event).await, std::slice::from_ref(&priced), "nothing changed");
    replace(&sized(Some(130))).await.expect("changed");
    replace(&sized(Some(130))).await.expect_err("the version is another by now");
    let sheet = sheet(&store, &event).await;
    assert_eq!(sheet.products[0].variants, [sized(Some(130))]);
    assert_eq!(sheet.variant_blocks(before.id), 3, "orders find the new blocks");
    let left = store.stock_left(&sheet.products, Some(&sheet), None, clock.now()).await.expect("reads");
    assert_eq!(left.of(before.id), Some(122));
}

#[tokio::test]
async fn only_what_was_never_sold_is_deleted() {
    let (store, clock) = store_with_clock().await;
    let now = clock.now();
    let (event, priced) = sold_at(&store, &clock, &[Some(20), Some(20), None]).await;
    let limited: Vec<&Variant> = priced.variants.iter().filter(|variant| variant.stock.is_some()).collect();
    let pool = |variant: &Variant| Pool::variant(variant.id, 1);
    let (last, held) = (token(&clock), pool(limited[1]));
    store.claim_admissions(&held, 1, last, Claim::Until(now), now).await.expect("held");
    let refused = store.delete_product(&priced, now).await;
    assert!(matches!(refused, Err(Refusal::SoldOut(19))), "{refused:?}");
    let refused = store.delete_variant(&priced.product, limited[1], now).await;
    assert!(matches!(refused, Err(Refusal::SoldOut(19))), "{refused:?}");
    assert_eq!(stored(&store, &event).await, std::slice::from_ref(&priced), "all or nothing");
    let state = store.pool_state(&pool(limited[0]), now).await.expect("reads");
    assert_eq!(state.left, 20, "what was taken away for the deletion is back");
    store.release_admissions(&held, &[Part { block: 0, quantity: 1 }], last).await.expect("released");
    store.delete_variant(&priced.product, limited[1], now).await.expect("deleted");
    let rest = stored(&store, &event).await.remove(0);
    assert_eq!(rest.variants.len(), 2);
    store.delete_product(&rest, now).await.expect("deleted");
    assert_eq!(stored(&store, &event).await, []);
    let sold_out = store.claim_admissions(&pool(limited[0]), 1, last, Claim::Until(now), now).await;
    assert!(matches!(sold_out, Err(Refusal::SoldOut(0))), "an old sheet sells nothing");
}

#[tokio::test]
async fn a_variant_comes_only_to_a_product_as_it_was_read() {
    let (store, clock) = store_with_clock().await;
    let (event, priced) = sold_at(&store, &clock, &[None]).await;
    let one = variant(&priced.product, None, &event);
    store.create_variant(&priced.product, &one).await.expect("created");
    store.create_variant(&priced.product, &one).await.expect("safe to repeat");
    let other = variant(&priced.product, None, &event);
    let refused = store.create_variant(&priced.product, &other).await;
    assert!(matches!(refused, Err(Failure::Refused(_))), "one of two that come at once: {refused:?}");
    let now = stored(&store, &event).await.remove(0);
    assert_eq!((now.variants.len(), now.product.version), (2, 2));
    store.delete_product(&priced, clock.now()).await.expect_err("it got a variant since");
    store.delete_product(&now, clock.now()).await.expect("deleted");
    let refused = store.create_variant(&now.product, &other).await;
    assert!(matches!(refused, Err(Failure::Refused(_))), "the product is gone: {refused:?}");
}

/// A product is deleted, and a unit of it is held in the middle. True if both went through: then the
/// buyer has what does not exist any more.
async fn is_sold_while_deleted(store: &Store, clock: &Clock) -> bool {
    let (_, priced) = sold_at(store, clock, &[Some(1)]).await;
    let (now, pool) = (clock.now(), Pool::variant(priced.variants[0].id, 1));
    let (other, order) = (store.clone(), token(clock));
    let (held, is_held) = tokio::sync::oneshot::channel();
    let hold = async move {
        let claimed = other.claim_admissions(&pool, 1, order, Claim::Until(now), now).await;
        held.send(claimed.is_ok()).expect("is waited for");
    };
    // The first update takes the lease; the second takes the stock away, which was free when read.
    let deleting = interrupted(store, 2, hold);
    let deleted = deleting.delete_product(&priced, now).await.is_ok();
    deleted && is_held.await.expect("was tried")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_product_is_sold_or_deleted() {
    let (store, clock) = store_with_clock().await;
    assert!(!is_sold_while_deleted(&store, &clock).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_conditions_a_product_is_sold_and_deleted() {
    let (store, clock) = store_with_clock().await;
    assert!(is_sold_while_deleted(&unguarded(&store), &clock).await, "the race proves nothing");
}

/// Twenty units for sixty-four orders at once. Returns how many have one.
async fn buyers_with_one(store: &Store, clock: &Clock) -> usize {
    let (_, priced) = sold_at(store, clock, &[Some(20)]).await;
    let (id, now) = (priced.variants[0].id, clock.now());
    let attempts = at_once(64, |_| {
        let (store, order) = (store.clone(), token(clock));
        async move {
            let pool = Pool::variant(id, 1);
            store.claim_admissions(&pool, 1, order, Claim::Until(now), now).await.is_ok()
        }
    });
    attempts.await.into_iter().filter(|has_one| *has_one).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stock_sells_what_there_is() {
    let (store, clock) = store_with_clock().await;
    assert_eq!(buyers_with_one(&store, &clock).await, 20);
}

/// A paid order of two drinks of a stock of three, which it holds.
async fn order_of_drinks(store: &Store, clock: &Clock) -> (Order, Pool) {
    let (_, priced) = sold_at(store, clock, &[Some(3)]).await;
    let extra = domain::order::ExtraLine {
        kind: domain::order::ExtraKind::Product {
            product: priced.product.id,
            variant: priced.variants[0].id,
        },
        ..fixture::extra(2, 40)
    };
    let order = fixture::order(OrderStatus::Paid, &[]).with(|order| {
        order.lines.clear();
        order.extras = vec![extra];
        order.holdings = vec![Holding::Extra { extra: 0, parts: vec![Part { block: 0, quantity: 2 }] }];
    });
    let pool = Pool::variant(priced.variants[0].id, 1);
    let claim = Claim::Until(order.expires_at);
    store.claim_admissions(&pool, 2, Token::of(order.id), claim, clock.now()).await.expect("held");
    (order, pool)
}

#[tokio::test]
async fn a_refunded_unit_goes_back_to_the_stock() {
    let (store, clock) = store_with_clock().await;
    let (mut order, pool) = order_of_drinks(&store, &clock).await;
    assert!(!store.holdings_are_sold(&order).await.expect("reads"));
    assert!(store.sell_holdings(&order).await.expect("sold"));
    assert!(store.holdings_are_sold(&order).await.expect("reads"));
    let state = async || store.pool_state(&pool, clock.now()).await.expect("reads");
    assert_eq!((state().await.left, state().await.sold), (1, 2));
    store.return_unused(&order).await.expect("nothing is refunded");
    assert_eq!(state().await.sold, 2);
    order.edit(|order| {
        order.status = OrderStatus::PartlyRefunded;
        order.tickets.insert(128, TicketState { refunded: true, ..TicketState::default() });
    });
    for _ in 0..2 {
        store.return_unused(&order).await.expect("returned");
        assert_eq!((state().await.left, state().await.sold), (2, 1));
    }
    assert!(store.holdings_are_sold(&order).await.expect("reads"), "what it keeps");
}

#[tokio::test]
async fn units_whose_hold_ran_out_are_secured_from_any_block() {
    let (store, clock) = store_with_clock().await;
    let (order, pool) = order_of_drinks(&store, &clock).await;
    let now = order.expires_at + std::time::Duration::from_secs(1);
    let claim = Claim::Sold;
    store.claim_admissions(&pool, 3, token(&clock), claim, now).await.expect("another buyer has all");
    // The organiser has more brought, which go into further blocks.
    store.resize_pool(&pool, 120, now).await.expect("resized");
    let sheet = PricedEvent::new(event(&clock, "otro"), Vec::new(), Vec::new(), Vec::new()).into();
    let secured = store.secure_holdings(&order, &sheet, now).await.expect("answers");
    let domain::order::Secured::All(holdings) = secured else { panic!("{secured:?}") };
    let order = order.with(|order| order.holdings = holdings);
    assert!(store.sell_holdings(&order).await.expect("sold"));
}
