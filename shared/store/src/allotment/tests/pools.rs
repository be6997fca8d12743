//! Pools of admissions, one buyer after the other.

use domain::{SaleStageId, TenantId, UserId};

use super::*;
use crate::testing;

#[tokio::test]
async fn a_claim_takes_its_admissions_once() {
    let store = testing::store().await;
    let pool = new_pool(&store, 120).await;
    let first = store.claim_admissions(&pool, 3, token(1), until(600), at(0)).await.expect("claimed");
    assert_eq!(quantity(&first), 3);
    for (asked, now, expiry) in [(600, 1, 600), (900, 2, 900), (300, 3, 900)] {
        let again = store.claim_admissions(&pool, 3, token(1), until(asked), at(now)).await;
        assert_eq!(again.expect("claimed"), first, "the same under the same token");
        let claims = claims_of(&store, &pool, token(1)).await;
        assert_eq!(
            claims,
            [(first[0].block, ClaimValue::new(3, until(expiry)))],
            "until the latest that was asked for"
        );
    }
    assert_eq!(state(&store, &pool, 900).await, AllotmentState { capacity: 120, left: 117, sold: 0 });
    assert_eq!(state(&store, &pool, 901).await, AllotmentState { capacity: 120, left: 120, sold: 0 });
}

#[tokio::test]
async fn a_claim_of_zero_succeeds_and_a_pool_without_blocks_is_sold_out() {
    let store = testing::store().await;
    let pool = new_pool(&store, 0).await;
    assert_eq!(store.claim_admissions(&pool, 0, token(1), until(600), at(0)).await.expect("nothing"), []);
    assert_eq!(store.secure_admissions(&pool, &[], token(1), Claim::Sold, at(0)).await.expect("nothing"), []);
    store.release_admissions(&pool, &[], token(1)).await.expect("nothing");
    assert_eq!(left(store.claim_admissions(&pool, 1, token(1), until(600), at(0)).await), 0);
    let nowhere = Pool::area(EventId::generate(at(0)), AreaId::generate(at(0)), 3);
    assert_eq!(left(store.claim_admissions(&nowhere, 1, token(1), until(600), at(0)).await), 0);
}

#[tokio::test]
async fn a_hold_is_free_for_others_only_after_its_last_second() {
    let store = testing::store().await;
    let pool = new_pool(&store, 10).await;
    for order in 0..5 {
        store.claim_admissions(&pool, 2, token(order), until(600), at(0)).await.expect("claimed");
    }
    assert_eq!(left(store.claim_admissions(&pool, 1, token(9), until(1200), at(600)).await), 0);
    assert_eq!(left(store.claim_admissions(&pool, 11, token(9), until(1200), at(601)).await), 10);
    store.claim_admissions(&pool, 9, token(9), until(1200), at(601)).await.expect("taken over");
    assert_eq!(state(&store, &pool, 601).await, AllotmentState { capacity: 10, left: 1, sold: 0 });
    for order in 0..5 {
        assert!(claims_of(&store, &pool, token(order)).await.is_empty(), "reclaimed in the same write");
    }
}

#[tokio::test]
async fn a_sale_stays_a_sale_whatever_is_claimed_later() {
    let store = testing::store().await;
    let pool = new_pool(&store, 10).await;
    let parts = store.claim_admissions(&pool, 4, token(1), Claim::Sold, at(0)).await.expect("sold");
    let sold = AllotmentState { capacity: 10, left: 6, sold: 4 };
    assert_eq!(state(&store, &pool, 0).await, sold);
    for claim in [until(600), Claim::Sold, until(0)] {
        let again = store.claim_admissions(&pool, 4, token(1), claim, at(0)).await;
        assert_eq!(again.expect("still sold"), parts);
        assert_eq!(state(&store, &pool, 1_000_000).await, sold);
    }
    let fewer = store.claim_admissions(&pool, 2, token(1), until(600), at(0)).await;
    assert_eq!(fewer.expect("still sold"), parts);
    store.claim_admissions(&pool, 6, token(2), until(600), at(0)).await.expect("the rest");
    let more = store.claim_admissions(&pool, 9, token(1), until(600), at(0)).await;
    assert_eq!(more.expect("still sold"), parts);
    store.release_admissions(&pool, &parts, token(1)).await.expect("nothing to release");
    assert_eq!(state(&store, &pool, 0).await, AllotmentState { capacity: 10, left: 0, sold: 4 });
}

#[tokio::test]
async fn a_hold_becomes_a_sale_also_late_while_its_places_are_free() {
    let store = testing::store().await;
    let pool = new_pool(&store, 120).await;
    let parts = store.claim_admissions(&pool, 5, token(1), until(600), at(0)).await.expect("claimed");
    for now in [700, 701] {
        let settled = store.secure_admissions(&pool, &parts, token(1), Claim::Sold, at(now)).await;
        assert_eq!(settled.expect("sold"), parts);
        assert_eq!(state(&store, &pool, now).await, AllotmentState { capacity: 120, left: 115, sold: 5 });
    }
}

#[tokio::test]
async fn a_late_sale_takes_other_places_once() {
    let store = testing::store().await;
    let pool = pool_with(&store, &[5, 0, 9]).await;
    let [late, other] = tokens_at(&pool, 0);
    let parts = store.claim_admissions(&pool, 5, late, until(600), at(0)).await.expect("claimed");
    assert_eq!(parts, [Part { block: 0, quantity: 5 }]);
    // Another order comes after the hold's expiry.
    let others = store.claim_admissions(&pool, 3, other, Claim::Sold, at(601)).await.expect("sold");
    assert_eq!(others, [Part { block: 0, quantity: 3 }]);
    let settled =
        store.secure_admissions(&pool, &parts, late, Claim::Sold, at(602)).await.expect("other places");
    assert_eq!(settled, [Part { block: 2, quantity: 5 }]);
    // The message comes again, before and after the order stores its new places.
    for known in [&parts, &settled] {
        let again = store.secure_admissions(&pool, known, late, Claim::Sold, at(603)).await;
        assert_eq!(again.expect("the same places"), settled);
    }
    assert_eq!(state(&store, &pool, 603).await, AllotmentState { capacity: 150, left: 6, sold: 144 });
}

#[tokio::test]
async fn a_late_sale_without_other_places_leaves_nothing_behind() {
    let store = testing::store().await;
    let pool = pool_with(&store, &[2, 1]).await;
    let parts = store.claim_admissions(&pool, 3, token(1), until(600), at(0)).await.expect("claimed");
    assert_eq!(parts, [Part { block: 0, quantity: 2 }, Part { block: 1, quantity: 1 }]);
    let one = store.claim_admissions(&pool, 1, token(2), until(1200), at(601)).await.expect("claimed");
    let settled = store.secure_admissions(&pool, &parts, token(1), Claim::Sold, at(602)).await;
    assert_eq!(left(settled), 2, "what the order still had is free again");
    assert!(claims_of(&store, &pool, token(1)).await.is_empty());
    // As soon as there is enough again, the next try succeeds.
    store.release_admissions(&pool, &one, token(2)).await.expect("released");
    let settled = store.secure_admissions(&pool, &parts, token(1), Claim::Sold, at(603)).await.expect("sold");
    assert_eq!(settled, parts);
    assert_eq!(state(&store, &pool, 603).await, AllotmentState { capacity: 100, left: 0, sold: 100 });
}

#[tokio::test]
async fn a_late_sale_keeps_the_places_that_are_still_free() {
    let store = testing::store().await;
    let pool = pool_with(&store, &[2, 2, 2]).await;
    let [late, other] = tokens_at(&pool, 0);
    let parts = store.claim_admissions(&pool, 3, late, until(600), at(0)).await.expect("claimed");
    assert_eq!(parts, [Part { block: 0, quantity: 2 }, Part { block: 1, quantity: 1 }]);
    let elsewhere = testing::metered(&store).0;
    elsewhere.claim_admissions(&pool, 1, other, until(1200), at(601)).await.expect("claimed");
    let settled = store.secure_admissions(&pool, &parts, late, Claim::Sold, at(603)).await.expect("sold");
    let expected = [Part { block: 1, quantity: 1 }, Part { block: 2, quantity: 2 }];
    assert_eq!(settled, expected);
    assert_eq!(state(&store, &pool, 603).await, AllotmentState { capacity: 150, left: 2, sold: 147 });
}

#[tokio::test]
async fn a_hold_is_released_once_and_a_sale_never() {
    let store = testing::store().await;
    let pool = new_pool(&store, 10).await;
    let parts = store.claim_admissions(&pool, 4, token(1), until(600), at(0)).await.expect("claimed");
    for wrong in [1, 3, 5, 255] {
        let wrong = [Part { block: parts[0].block, quantity: wrong }];
        store.release_admissions(&pool, &wrong, token(1)).await.expect("nothing like that");
        assert_eq!(state(&store, &pool, 0).await.left, 6, "only what was claimed comes back");
    }
    for _ in 0..3 {
        store.release_admissions(&pool, &parts, token(1)).await.expect("released");
        assert_eq!(state(&store, &pool, 0).await, AllotmentState { capacity: 10, left: 10, sold: 0 });
    }
    store.claim_admissions(&pool, 4, token(1), until(600), at(0)).await.expect("claimed");
    store.secure_admissions(&pool, &parts, token(1), Claim::Sold, at(0)).await.expect("sold");
    store.release_admissions(&pool, &parts, token(1)).await.expect("too late");
    assert_eq!(state(&store, &pool, 0).await, AllotmentState { capacity: 10, left: 6, sold: 4 });
}

#[tokio::test]
async fn a_hold_is_sold_once_however_late_unless_its_places_are_gone() {
    let store = testing::store().await;
    let pool = new_pool(&store, 4).await;
    let parts = store.claim_admissions(&pool, 3, token(1), until(600), at(0)).await.expect("claimed");
    assert!(!store.admissions_are_sold(&pool, &parts, token(1)).await.expect("read"));
    for _ in 0..2 {
        assert!(store.sell_admissions(&pool, &parts, token(1)).await.expect("sold"));
        assert!(store.admissions_are_sold(&pool, &parts, token(1)).await.expect("read"));
    }
    // A refund in between took one of them.
    let fewer = [Part { quantity: 2, ..parts[0] }];
    assert!(store.sell_admissions(&pool, &fewer, token(1)).await.expect("sold"));
    assert_eq!(state(&store, &pool, 0).await, AllotmentState { capacity: 4, left: 2, sold: 2 });
    assert!(!store.sell_admissions(&pool, &parts, token(1)).await.expect("no more than it has"));

    let late = store.claim_admissions(&pool, 2, token(2), until(600), at(0)).await.expect("claimed");
    let taken = store.claim_admissions(&pool, 2, token(3), until(900), at(601)).await.expect("expired");
    assert!(!store.sell_admissions(&pool, &late, token(2)).await.expect("somebody else's by now"));
    assert!(store.sell_admissions(&pool, &taken, token(3)).await.expect("sold"));
    assert_eq!(state(&store, &pool, 901).await, AllotmentState { capacity: 4, left: 0, sold: 4 });
}

#[tokio::test]
async fn a_claim_of_another_quantity_is_not_settled_as_this_one() {
    let store = testing::store().await;
    let pool = new_pool(&store, 10).await;
    store.claim_admissions(&pool, 2, token(1), until(600), at(0)).await.expect("claimed");
    let thought = [Part { block: 0, quantity: 4 }];
    let settled = store.secure_admissions(&pool, &thought, token(1), Claim::Sold, at(0)).await.expect("sold");
    assert_eq!(quantity(&settled), 4);
    assert_eq!(state(&store, &pool, 0).await, AllotmentState { capacity: 10, left: 6, sold: 4 });
}

#[tokio::test]
async fn refunds_return_what_the_order_does_not_keep() {
    let store = testing::store().await;
    let pool = pool_with(&store, &[2, 2, 2]).await;
    let parts = store.claim_admissions(&pool, 5, token(1), Claim::Sold, at(0)).await.expect("sold");
    assert_eq!(parts.iter().map(|part| part.quantity).collect::<Vec<_>>(), [2, 2, 1]);
    // Repeated and late refunds among them: `keeps` 3 after it kept 1 changes nothing.
    for (keeps, free) in [(5, 1), (4, 2), (4, 2), (3, 3), (1, 5), (3, 5), (1, 5), (0, 6), (0, 6), (5, 6)] {
        store.return_admissions(&pool, &parts, keeps, token(1)).await.expect("returned");
        let now = state(&store, &pool, 0).await;
        assert_eq!((now.left, now.sold), (free, 150 - free), "keeping {keeps}");
    }
    let again = store.claim_admissions(&pool, 6, token(2), Claim::Sold, at(0)).await.expect("resold");
    store.return_admissions(&pool, &parts, 0, token(1)).await.expect("nothing to return");
    assert_eq!((quantity(&again), state(&store, &pool, 0).await.left), (6, 0));
}

#[tokio::test]
async fn a_buyers_uses_of_a_promotion_are_created_by_the_first_claim() {
    let store = testing::store().await;
    let (tenant, buyer) = (TenantId::generate(at(0)), UserId::generate(at(0)));
    let pool = Pool::promotion_buyer(tenant, "PREVENTA-10", buyer, 2);
    assert_eq!(state(&store, &pool, 0).await, AllotmentState { capacity: 2, left: 2, sold: 0 });
    assert_eq!(left(store.claim_admissions(&pool, 3, token(1), until(600), at(0)).await), 2);
    let parts = store.claim_admissions(&pool, 1, token(1), until(600), at(0)).await.expect("used");
    store.claim_admissions(&pool, 1, token(1), until(600), at(0)).await.expect("the same use");
    assert_eq!(state(&store, &pool, 0).await, AllotmentState { capacity: 2, left: 1, sold: 0 });
    store.claim_admissions(&pool, 1, token(2), Claim::Sold, at(0)).await.expect("used");
    assert_eq!(left(store.claim_admissions(&pool, 1, token(3), until(600), at(0)).await), 0);
    store.secure_admissions(&pool, &parts, token(1), Claim::Sold, at(700)).await.expect("sold");
    assert_eq!(left(store.claim_admissions(&pool, 1, token(3), until(900), at(700)).await), 0);
    store.return_admissions(&pool, &parts, 0, token(1)).await.expect("returned");
    store.claim_admissions(&pool, 1, token(3), Claim::Sold, at(700)).await.expect("the last use");
    assert_eq!(state(&store, &pool, 700).await, AllotmentState { capacity: 2, left: 0, sold: 2 });
    let other = Pool::promotion_buyer(tenant, "PREVENTA-10", UserId::generate(at(0)), 2);
    assert_eq!(state(&store, &other, 700).await.left, 2, "another buyer's own uses");
}

#[tokio::test]
async fn pools_of_an_event_and_a_tenant_do_not_mix() {
    let store = testing::store().await;
    let (event, tenant) = (EventId::generate(at(0)), TenantId::generate(at(0)));
    let stages = [SaleStageId::generate(at(0)), SaleStageId::generate(at(0))];
    let pools = [
        Pool::stage(event, stages[0], 60),
        Pool::stage(event, stages[1], 60),
        Pool::discounts(event, Pool::blocks_for(60)),
        Pool::promotion(tenant, "A", 60),
        Pool::promotion(tenant, "A-1", 60),
    ];
    for (order, pool) in (0..).zip(&pools) {
        store.create_pool(pool, 60).await.expect("created");
        store.claim_admissions(pool, 7, token(order), Claim::Sold, at(0)).await.expect("sold");
    }
    for pool in &pools {
        assert_eq!(state(&store, pool, 0).await, AllotmentState { capacity: 60, left: 53, sold: 7 });
    }
}

#[tokio::test]
async fn a_pool_created_again_keeps_its_claims() {
    let store = testing::store().await;
    let pool = new_pool(&store, 130).await;
    store.claim_admissions(&pool, 20, token(1), Claim::Sold, at(0)).await.expect("sold");
    store.create_pool(&pool, 130).await.expect("a late repetition");
    assert_eq!(state(&store, &pool, 0).await, AllotmentState { capacity: 130, left: 110, sold: 20 });
}

#[tokio::test]
async fn a_large_pool_has_all_its_blocks() {
    let store = testing::store().await;
    let pool = new_pool(&store, 20_001).await;
    let blocks = blocks(&store, &pool).await;
    assert_eq!(blocks.len(), 401);
    assert!((0..).zip(&blocks).all(|(index, block)| block.index == index));
    assert_eq!(state(&store, &pool, 0).await, AllotmentState { capacity: 20_001, left: 20_001, sold: 0 });
}

#[tokio::test]
async fn a_pool_grows_and_shrinks() {
    let store = testing::store().await;
    let (event, area) = (EventId::generate(at(0)), AreaId::generate(at(0)));
    let pool = Pool::area(event, area, 2);
    store.create_pool(&pool, 70).await.expect("created");
    let sizes =
        async |pool: &Pool| blocks(&store, pool).await.iter().map(|block| block.capacity).collect::<Vec<_>>();
    for _ in 0..2 {
        assert_eq!(store.resize_pool(&pool, 90, at(0)).await.expect("grown"), 2);
        assert_eq!(sizes(&pool).await, [50, 40]);
    }
    // The area does not know of the third block yet; the repetition finds it.
    for _ in 0..2 {
        assert_eq!(store.resize_pool(&pool, 130, at(0)).await.expect("grown"), 3);
    }
    let pool = Pool::area(event, area, 3);
    assert_eq!(sizes(&pool).await, [50, 50, 30]);
    assert_eq!(store.resize_pool(&pool, 60, at(0)).await.expect("shrunk"), 3);
    assert_eq!(sizes(&pool).await, [50, 10, 0]);
    assert_eq!(store.resize_pool(&pool, 110, at(0)).await.expect("grown"), 3);
    assert_eq!(sizes(&pool).await, [50, 50, 10]);
    assert_eq!(state(&store, &pool, 0).await, AllotmentState { capacity: 110, left: 110, sold: 0 });
}

#[tokio::test]
async fn only_free_admissions_can_be_taken_out_of_a_pool() {
    let store = testing::store().await;
    let pool = new_pool(&store, 110).await;
    for order in 0..5 {
        store.claim_admissions(&pool, 20, token(order), until(600), at(0)).await.expect("claimed");
    }
    let before = blocks(&store, &pool).await;
    assert_eq!(left(store.resize_pool(&pool, 99, at(600)).await), 10);
    let after = blocks(&store, &pool).await;
    assert_eq!(format!("{before:?}").len(), format!("{after:?}").len(), "nothing changed");
    store
        .secure_admissions(&pool, &[claims_part(&store, &pool, 0).await], token(0), Claim::Sold, at(0))
        .await
        .expect("sold");
    store.resize_pool(&pool, 20, at(601)).await.expect("all but the sold ones, expired ones too");
    assert_eq!(state(&store, &pool, 601).await, AllotmentState { capacity: 20, left: 0, sold: 20 });
    assert_eq!(left(store.resize_pool(&pool, 19, at(601)).await), 0);
}

/// The only part that an order has.
async fn claims_part(store: &Store, pool: &Pool, order: u32) -> Part {
    let claims = claims_of(store, pool, token(order)).await;
    assert_eq!(claims.len(), 1);
    Part { block: claims[0].0, quantity: claims[0].1.quantity() }
}

#[tokio::test]
async fn the_last_admissions_are_found_in_any_block() {
    let store = testing::store().await;
    let pool = pool_with(&store, &[1, 0, 3, 0, 2, 1, 0, 0, 1]).await;
    for claim in [until(600), Claim::Sold] {
        assert_eq!(left(store.claim_admissions(&pool, 9, token(1), claim, at(0)).await), 8);
        let parts = store.claim_admissions(&pool, 7, token(1), claim, at(0)).await.expect("claimed");
        assert_eq!(quantity(&parts), 7);
        assert_eq!(claims_of(&store, &pool, token(1)).await.len(), parts.len());
        let again = store.claim_admissions(&pool, 7, token(1), claim, at(0)).await.expect("claimed");
        assert_eq!(quantity(&again), 7);
        assert_eq!(state(&store, &pool, 0).await.left, 1);
        assert_eq!(left(store.claim_admissions(&pool, 2, token(2), claim, at(0)).await), 1);
    }
    let last = store.claim_admissions(&pool, 1, token(2), until(600), at(0)).await.expect("the last one");
    assert_eq!(quantity(&last), 1);
    assert_eq!(left(store.claim_admissions(&pool, 1, token(3), until(600), at(0)).await), 0);
    store.release_admissions(&pool, &last, token(2)).await.expect("released");
    assert_eq!(store.claim_admissions(&pool, 1, token(3), Claim::Sold, at(0)).await.expect("found"), last);
}

#[tokio::test]
async fn a_claim_is_split_over_as_few_blocks_as_possible() {
    let store = testing::store().await;
    let pool = pool_with(&store, &[1, 1, 4, 1, 1, 4]).await;
    let parts = store.claim_admissions(&pool, 8, token(1), until(600), at(0)).await.expect("claimed");
    assert_eq!(parts, [Part { block: 2, quantity: 4 }, Part { block: 5, quantity: 4 }]);
}

#[tokio::test]
async fn the_next_try_uses_the_claims_that_a_crash_left_behind() {
    let store = testing::store().await;
    let pool = pool_with(&store, &[3, 2, 2]).await;
    let crashed = async |block: u16, stake: ClaimValue| {
        let update = store.update_block(&pool, block).update_expression("SET l = l - :q, #t = :v");
        let update = update.expression_attribute_names("#t", token(1).as_str());
        let update = update.expression_attribute_values(":q", number(stake.quantity()));
        update.expression_attribute_values(":v", stake.value()).send().await.expect("written");
    };
    crashed(1, ClaimValue::new(2, until(60))).await;
    let parts = store.claim_admissions(&pool, 6, token(1), Claim::Sold, at(0)).await.expect("sold");
    assert_eq!((quantity(&parts), state(&store, &pool, 0).await.left), (6, 1));
    store.return_admissions(&pool, &parts, 0, token(1)).await.expect("returned");

    // The rest is in the block of the earlier claim, and a block takes one claim of an order.
    crashed(0, ClaimValue::new(1, until(60))).await;
    let parts = store.claim_admissions(&pool, 7, token(1), until(600), at(0)).await.expect("claimed");
    assert_eq!((quantity(&parts), state(&store, &pool, 0).await.left), (7, 0));
    store.release_admissions(&pool, &parts, token(1)).await.expect("released");

    crashed(0, ClaimValue::new(1, until(60))).await;
    assert_eq!(left(store.claim_admissions(&pool, 8, token(1), until(600), at(0)).await), 7);
    assert!(claims_of(&store, &pool, token(1)).await.is_empty());
}

#[tokio::test]
async fn a_retry_leaves_at_most_an_expiring_hold_and_never_a_second_sale() {
    let store = testing::store().await;
    let pool = pool_with(&store, &[4, 4, 4]).await;
    let held = store.claim_admissions(&pool, 3, token(1), until(600), at(0)).await.expect("claimed");
    // The process knows that the block is full now, and nothing of the order.
    let again = store.claim_admissions(&pool, 3, token(1), until(900), at(1)).await.expect("claimed");
    assert_eq!(quantity(&again), 3);
    let sold = store.secure_admissions(&pool, &again, token(1), Claim::Sold, at(2)).await.expect("sold");
    assert_eq!(sold, again);
    assert_eq!(state(&store, &pool, 601).await.left, 9, "{held:?} ends by itself");
    for fresh in [store.clone(), testing::metered(&store).0] {
        let again = fresh.claim_admissions(&pool, 3, token(1), Claim::Sold, at(3)).await;
        assert_eq!(again.expect("still sold"), sold);
    }
    assert_eq!(state(&store, &pool, 601).await.left, 9);
}

#[tokio::test]
async fn a_process_finds_the_admission_that_another_process_released() {
    let store = testing::store().await;
    let elsewhere = testing::metered(&store).0;
    let pool = new_pool(&store, 200).await;
    let mut parts = Vec::new();
    for order in 0..200 {
        parts.push(store.claim_admissions(&pool, 1, token(order), until(600), at(0)).await.expect("claimed"));
    }
    assert_eq!(left(store.claim_admissions(&pool, 1, token(999), until(600), at(0)).await), 0);
    elsewhere.release_admissions(&pool, &parts[77], token(77)).await.expect("released");
    let found = store.claim_admissions(&pool, 1, token(999), until(600), at(0)).await.expect("claimed");
    assert_eq!(found, parts[77]);
}
