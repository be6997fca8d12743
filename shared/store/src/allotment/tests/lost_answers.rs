//! Writes that are carried out but whose answer is lost, and that are repeated: by the SDK's client at
//! once, or by the caller after the client has given up.

use super::seats::{new_rows, picture};
use super::*;
use crate::{Failure, testing};

/// More lost answers than the client has tries.
const ALL: u32 = 100;

#[track_caller]
fn unheard<T: std::fmt::Debug, R: Into<Refusal>>(result: Result<T, R>) {
    match result.map_err(Into::into) {
        Err(Refusal::Failure(Failure::Unavailable(_))) => {}
        other => panic!("expected that the answer is lost: {other:?}"),
    }
}

#[tokio::test]
async fn admissions_change_hands_once_when_the_client_repeats() {
    let store = testing::store().await;
    let forgetful = testing::forgetful(&store, 1);
    let pool = Pool::area(EventId::generate(at(0)), AreaId::generate(at(0)), 2);
    forgetful.create_pool(&pool, 60).await.expect("created");
    assert_eq!(forgetful.resize_pool(&pool, 100, at(0)).await.expect("grown"), 2);
    assert_eq!(state(&store, &pool, 0).await, AllotmentState { capacity: 100, left: 100, sold: 0 });

    let parts = forgetful.claim_admissions(&pool, 40, token(1), until(600), at(0)).await.expect("claimed");
    assert_eq!(quantity(&parts), 40);
    assert_eq!(state(&store, &pool, 0).await, AllotmentState { capacity: 100, left: 60, sold: 0 });
    forgetful.secure_admissions(&pool, &parts, token(1), Claim::Sold, at(0)).await.expect("sold");
    assert_eq!(state(&store, &pool, 0).await, AllotmentState { capacity: 100, left: 60, sold: 40 });
    forgetful.return_admissions(&pool, &parts, 30, token(1)).await.expect("returned");
    assert_eq!(state(&store, &pool, 0).await, AllotmentState { capacity: 100, left: 70, sold: 30 });
    forgetful.return_admissions(&pool, &parts, 0, token(1)).await.expect("returned");
    assert_eq!(state(&store, &pool, 0).await, AllotmentState { capacity: 100, left: 100, sold: 0 });

    // Out of several blocks, then taken back; sold out of several blocks.
    let parts = forgetful.claim_admissions(&pool, 90, token(2), until(600), at(0)).await.expect("claimed");
    assert_eq!((parts.len(), quantity(&parts)), (2, 90));
    forgetful.release_admissions(&pool, &parts, token(2)).await.expect("released");
    assert_eq!(state(&store, &pool, 0).await.left, 100);
    let parts = forgetful.claim_admissions(&pool, 90, token(3), Claim::Sold, at(0)).await.expect("sold");
    assert_eq!((parts.len(), quantity(&parts)), (2, 90));
    assert_eq!(state(&store, &pool, 0).await, AllotmentState { capacity: 100, left: 10, sold: 90 });
    forgetful.resize_pool(&pool, 95, at(0)).await.expect("shrunk");
    assert_eq!(state(&store, &pool, 0).await, AllotmentState { capacity: 95, left: 5, sold: 90 });

    // Expired holds are reclaimed once.
    forgetful.claim_admissions(&pool, 5, token(4), until(600), at(0)).await.expect("claimed");
    forgetful.claim_admissions(&pool, 3, token(5), until(1200), at(601)).await.expect("claimed");
    assert_eq!(state(&store, &pool, 601).await, AllotmentState { capacity: 95, left: 2, sold: 90 });
}

#[tokio::test]
async fn admissions_change_hands_once_when_the_caller_repeats() {
    let store = testing::store().await;
    let deaf = testing::forgetful(&store, ALL);
    let (event, area) = (EventId::generate(at(0)), AreaId::generate(at(0)));
    let pool = Pool::area(event, area, 2);
    store.create_pool(&pool, 100).await.expect("created");
    unheard(deaf.claim_admissions(&pool, 7, token(1), until(600), at(0)).await);
    let parts = store.claim_admissions(&pool, 7, token(1), until(600), at(1)).await.expect("claimed");
    assert_eq!(state(&store, &pool, 1).await, AllotmentState { capacity: 100, left: 93, sold: 0 });
    unheard(deaf.secure_admissions(&pool, &parts, token(1), Claim::Sold, at(1)).await);
    assert_eq!(
        store.secure_admissions(&pool, &parts, token(1), Claim::Sold, at(2)).await.expect("sold"),
        parts
    );
    assert_eq!(state(&store, &pool, 1).await, AllotmentState { capacity: 100, left: 93, sold: 7 });
    unheard(deaf.return_admissions(&pool, &parts, 5, token(1)).await);
    store.return_admissions(&pool, &parts, 5, token(1)).await.expect("returned");
    assert_eq!(state(&store, &pool, 1).await, AllotmentState { capacity: 100, left: 95, sold: 5 });

    // Sold from both blocks: cut off after the first part, which is only held.
    unheard(deaf.claim_admissions(&pool, 80, token(2), Claim::Sold, at(2)).await);
    assert_eq!(state(&store, &pool, 2).await.sold, 5);
    let parts = store.claim_admissions(&pool, 80, token(2), Claim::Sold, at(3)).await.expect("sold");
    assert_eq!(quantity(&parts), 80);
    assert_eq!(state(&store, &pool, 3).await, AllotmentState { capacity: 100, left: 15, sold: 85 });

    let held = store.claim_admissions(&pool, 9, token(3), until(600), at(3)).await.expect("claimed");
    unheard(deaf.release_admissions(&pool, &held, token(3)).await);
    store.release_admissions(&pool, &held, token(3)).await.expect("released");
    unheard(deaf.resize_pool(&pool, 120, at(3)).await);
    store.resize_pool(&pool, 120, at(3)).await.expect("grown");
    unheard(deaf.resize_pool(&pool, 110, at(3)).await);
    store.resize_pool(&pool, 110, at(3)).await.expect("shrunk");
    let pool = Pool::area(event, area, 3);
    assert_eq!(state(&store, &pool, 3).await, AllotmentState { capacity: 110, left: 25, sold: 85 });
}

#[tokio::test]
async fn seats_change_hands_once() {
    let store = testing::store().await;
    let [row, _] = new_rows(&store).await;
    let (forgetful, deaf) = (testing::forgetful(&store, 1), testing::forgetful(&store, ALL));
    forgetful.claim_seats(row, &[1, 2, 3], token(1), until(600), at(0)).await.expect("held");
    forgetful.release_seats(row, &[3], token(1)).await.expect("released");
    forgetful.claim_seats(row, &[1, 2], token(1), Claim::Sold, at(0)).await.expect("sold");
    forgetful.return_seats(row, &[2], token(1)).await.expect("returned");
    forgetful.block_seats(row, &[4, 5], at(0)).await.expect("blocked");
    forgetful.unblock_seats(row, &[4]).await.expect("unblocked");
    assert_eq!(picture(&store, row, 0).await, "x...b.......");

    unheard(deaf.claim_seats(row, &[7, 8], token(2), until(600), at(0)).await);
    store.claim_seats(row, &[7, 8], token(2), until(700), at(0)).await.expect("held");
    unheard(deaf.claim_seats(row, &[7, 8], token(2), Claim::Sold, at(0)).await);
    store.claim_seats(row, &[7, 8], token(2), Claim::Sold, at(0)).await.expect("sold");
    unheard(deaf.return_seats(row, &[7], token(2)).await);
    // Another order was faster than the repetition.
    store.claim_seats(row, &[7], token(3), Claim::Sold, at(0)).await.expect("sold");
    store.return_seats(row, &[7], token(2)).await.expect("returned long ago");
    assert_eq!(picture(&store, row, 0).await, "x...b.xx....");
}
