//! Two requests that change the same pool, one of them between the other's read and its write.

use super::*;
use crate::testing::{self, interrupted};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expired_hold_that_is_settled_just_now_is_not_taken_over() {
    let store = testing::store().await;
    let pool = new_pool(&store, 10).await;
    let parts = store.claim_admissions(&pool, 10, token(1), until(600), at(0)).await.expect("claimed");
    let (other, of) = (store.clone(), pool.clone());
    // The first write finds the block full, the second one reclaims.
    let store = interrupted(&store, 2, async move {
        other.secure_admissions(&of, &parts, token(1), Claim::Sold, at(601)).await.expect("sold");
    });
    assert_eq!(left(store.claim_admissions(&pool, 4, token(2), until(1200), at(601)).await), 0);
    assert_eq!(state(&store, &pool, 601).await, AllotmentState { capacity: 10, left: 0, sold: 10 });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_that_expires_while_it_is_settled_is_sold_whole_or_released() {
    let store = testing::store().await;
    let pool = pool_with(&store, &[2, 2]).await;
    let parts = store.claim_admissions(&pool, 4, token(1), until(600), at(0)).await.expect("claimed");
    let (other, of) = (store.clone(), pool.clone());
    // One part is sold when another order takes the other part.
    let store = interrupted(&store, 2, async move {
        let taken = other.claim_admissions(&of, 2, token(2), Claim::Sold, at(601)).await.expect("sold");
        assert_eq!(taken, [Part { block: 1, quantity: 2 }]);
    });
    assert_eq!(left(store.secure_admissions(&pool, &parts, token(1), Claim::Sold, at(601)).await), 2);
    assert!(claims_of(&store, &pool, token(1)).await.is_empty());
    assert_eq!(state(&store, &pool, 601).await, AllotmentState { capacity: 100, left: 2, sold: 98 });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sale_does_not_rely_on_its_own_expired_hold() {
    let store = testing::store().await;
    let pool = pool_with(&store, &[3, 3]).await;
    let [late, faster] = tokens_at(&pool, 0);
    let parts = store.claim_admissions(&pool, 3, late, until(600), at(0)).await.expect("claimed");
    let (other, of) = (testing::metered(&store).0, pool.clone());
    let store = interrupted(&store, 1, async move {
        let taken = other.claim_admissions(&of, 3, faster, until(1200), at(601)).await.expect("claimed");
        assert_eq!(taken, parts);
    });
    let sold = store.claim_admissions(&pool, 3, late, Claim::Sold, at(601)).await.expect("sold");
    assert_eq!(sold, [Part { block: 1, quantity: 3 }]);
    assert_eq!(state(&store, &pool, 601).await, AllotmentState { capacity: 100, left: 0, sold: 97 });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_gets_only_half_keeps_nothing() {
    let store = testing::store().await;
    // A hold asks both blocks for all four first.
    for (claim, second) in [(Claim::Sold, 2), (until(600), 4)] {
        let pool = pool_with(&store, &[2, 2]).await;
        let (other, of) = (store.clone(), pool.clone());
        let store = interrupted(&store, second, async move {
            let parts = other.claim_admissions(&of, 2, token(2), Claim::Sold, at(0)).await.expect("sold");
            assert_eq!(parts, [Part { block: 1, quantity: 2 }]);
        });
        assert_eq!(left(store.claim_admissions(&pool, 4, token(1), claim, at(0)).await), 2, "{claim:?}");
        assert!(claims_of(&store, &pool, token(1)).await.is_empty());
        assert_eq!(state(&store, &pool, 0).await, AllotmentState { capacity: 100, left: 2, sold: 98 });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_is_handled_twice_at_once_claims_its_places_once() {
    let store = testing::store().await;
    // A sale out of two blocks is four writes: two holds, then two sales.
    for write in 1..=4 {
        let pool = pool_with(&store, &[2, 2, 1]).await;
        let (other, of) = (store.clone(), pool.clone());
        let store = interrupted(&store, write, async move {
            other.claim_admissions(&of, 4, token(1), Claim::Sold, at(0)).await.expect("sold");
        });
        let parts = store.claim_admissions(&pool, 4, token(1), Claim::Sold, at(0)).await.expect("sold");
        assert_eq!(quantity(&parts), 4, "at write {write}");
        assert_eq!(state(&store, &pool, 0).await, AllotmentState { capacity: 150, left: 1, sold: 149 });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_refunds_of_one_order_return_the_larger_of_both() {
    let store = testing::store().await;
    let pool = new_pool(&store, 10).await;
    let parts = store.claim_admissions(&pool, 5, token(1), Claim::Sold, at(0)).await.expect("sold");
    for (mine, theirs, sold) in [(4, 3, 3), (1, 2, 1)] {
        let (other, of, from) = (store.clone(), pool.clone(), parts.clone());
        let store = interrupted(&store, 1, async move {
            other.return_admissions(&of, &from, theirs, token(1)).await.expect("returned");
        });
        store.return_admissions(&pool, &parts, mine, token(1)).await.expect("returned");
        assert_eq!(state(&store, &pool, 0).await, AllotmentState { capacity: 10, left: 10 - sold, sold });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_keeps_its_capacity_if_buyers_are_faster_than_its_shrinking() {
    let store = testing::store().await;
    let pool = pool_with(&store, &[50, 50]).await;
    let (other, of) = (store.clone(), pool.clone());
    // The second block is emptied already when an order buys from the first.
    let store = interrupted(&store, 2, async move {
        other.claim_admissions(&of, 30, token(1), Claim::Sold, at(0)).await.expect("sold");
    });
    assert_eq!(left(store.resize_pool(&pool, 20, at(0)).await), 70);
    assert_eq!(state(&store, &pool, 0).await, AllotmentState { capacity: 100, left: 70, sold: 30 });
    assert_eq!(store.resize_pool(&pool, 30, at(0)).await.expect("shrunk"), 2);
    assert_eq!(state(&store, &pool, 0).await, AllotmentState { capacity: 30, left: 0, sold: 30 });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_requests_for_the_same_capacity_set_it_once() {
    let store = testing::store().await;
    for (before, after) in [(60, 90), (90, 60), (90, 40)] {
        let pool = new_pool(&store, before).await;
        let (other, of) = (store.clone(), pool.clone());
        let store = interrupted(&store, 1, async move {
            other.resize_pool(&of, after, at(0)).await.expect("set");
        });
        store.resize_pool(&pool, after, at(0)).await.expect("set");
        assert_eq!(state(&store, &pool, 0).await, AllotmentState { capacity: after, left: after, sold: 0 });
    }
}
