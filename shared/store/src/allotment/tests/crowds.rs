//! Many buyers at the same time. The races over pools, discounts and rows also run on a table whose
//! conditions are switched off, where they must see the harm that the conditions prevent.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use domain::event::RowLayout;
use domain::seat::SeatState;

use super::*;
use crate::testing::{self, at_once, meeting};

const BUYERS: usize = 64;

fn order(buyer: usize, number: usize) -> Token {
    token(u32::try_from(1000 * number + buyer).expect("few"))
}

/// A pseudo-random generator; each seed has its own sequence.
fn dice(seed: usize) -> impl FnMut(usize) -> usize {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed as u64 + 1);
    move |sides| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % sides as u64).expect("small")
    }
}

/// Each buyer claims two of a hundred admissions. Returns how many buyers got them, or what is wrong.
async fn buy_pairs(store: &Store, pool: &Pool, claim: Claim) -> Result<usize, String> {
    let (shared, of) = (meeting(store, BUYERS), pool.clone());
    let results = at_once(BUYERS, move |buyer| {
        let (store, pool) = (shared.clone(), of.clone());
        async move { store.claim_admissions(&pool, 2, order(buyer, 0), claim, at(0)).await }
    });
    let mut sold = 0;
    for result in results.await {
        match result {
            Ok(parts) if quantity(&parts) == 2 => sold += 1,
            Err(Refusal::SoldOut(0)) => {}
            other => return Err(format!("{other:?}")),
        }
    }
    if sold > 50 {
        return Err(format!("{sold} buyers have two of a hundred each"));
    }
    for block in store.read_pool(pool).await.map_err(|failure| failure.to_string())? {
        if block.left + super::super::block::admissions(&block.claims) != block.capacity || block.left < 0 {
            return Err(format!("a block does not add up: {block:?}"));
        }
    }
    Ok(sold)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_crowd_buys_a_pool_to_the_last_admission_and_no_further() {
    let store = testing::store().await;
    for claim in [until(600), Claim::Sold] {
        let pool = new_pool(&store, 100).await;
        assert_eq!(buy_pairs(&store, &pool, claim).await, Ok(50));
        assert_eq!(state(&store, &pool, 0).await.left, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_crowd_oversells_a_pool_without_conditions() {
    let store = testing::unguarded(&testing::store().await);
    for claim in [until(600), Claim::Sold] {
        let pool = new_pool(&store, 100).await;
        let seen = buy_pairs(&store, &pool, claim).await;
        assert!(seen.is_err(), "the race proves nothing: {seen:?}");
    }
}

/// Each supervisor tries to give eight of forty discounts away, one after the other. Returns how many
/// were given, or what is wrong.
async fn give_discounts(store: &Store) -> Result<usize, String> {
    let pool = Pool::discounts(EventId::generate(at(0)), Pool::blocks_for(40));
    store.create_pool(&pool, 40).await.map_err(|failure| failure.to_string())?;
    let (shared, of) = (meeting(store, BUYERS), pool.clone());
    let results = at_once(BUYERS, move |supervisor| {
        let (store, pool) = (shared.clone(), of.clone());
        async move {
            let mut given = 0;
            for request in 0..8 {
                match store.claim_admissions(&pool, 1, order(supervisor, request), Claim::Sold, at(0)).await {
                    Ok(parts) if quantity(&parts) == 1 => given += 1,
                    Err(Refusal::SoldOut(0)) => {}
                    other => return Err(format!("{other:?}")),
                }
            }
            Ok(given)
        }
    });
    let given = results.await.into_iter().sum::<Result<usize, String>>()?;
    let left = store.pool_state(&pool, at(0)).await.map_err(|failure| failure.to_string())?;
    if given != 40 || left != (AllotmentState { capacity: 40, left: 0, sold: 40 }) {
        return Err(format!("{given} of forty were given, which leaves {left:?}"));
    }
    Ok(given)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_crowd_gives_every_discount_away_and_none_twice() {
    assert_eq!(give_discounts(&testing::store().await).await, Ok(40));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_crowd_gives_too_many_discounts_away_without_conditions() {
    let seen = give_discounts(&testing::unguarded(&testing::store().await)).await;
    assert!(seen.is_err(), "the race proves nothing: {seen:?}");
}

/// Each buyer takes seats of one row, two neighbours at a time, until it is full. Returns what is
/// wrong.
async fn buy_neighbours(store: &Store) -> Result<(), String> {
    let key = RowKey { event: EventId::generate(at(0)), area: AreaId::generate(at(0)), index: 0 };
    let row = [RowLayout::new("A", 1, 40)];
    store.create_rows(key.event, key.area, 0, &row).await.expect("created");
    let shared = meeting(store, BUYERS);
    let results = at_once(BUYERS, move |buyer| {
        let store = shared.clone();
        async move {
            let mut dice = dice(buyer);
            // Each buyer has seen an empty row.
            let mut free: Vec<u16> = (1..=40).collect();
            let mut bought = Vec::new();
            for number in 0.. {
                let pairs: Vec<&[u16]> = free.windows(2).filter(|pair| pair[0] + 1 == pair[1]).collect();
                let seats = match (pairs.len(), free.len()) {
                    (0, 0) => return Ok(bought),
                    (0, some) => vec![free[dice(some)]],
                    (some, _) => pairs[dice(some)].to_vec(),
                };
                let claim = if dice(2) == 0 { Claim::Sold } else { until(600) };
                match store.claim_seats(key, &seats, order(buyer, number), claim, at(0)).await {
                    Ok(()) => bought.extend(seats),
                    Err(Refusal::SeatsTaken(taken)) if taken.iter().all(|seat| seats.contains(seat)) => {}
                    Err(other) => return Err(format!("{other:?}")),
                }
                let row = store.row_state(key, order(buyer, 999), at(0)).await.expect("read").expect("a row");
                free = (1..=40).filter(|seat| row.seat(*seat) == Some(SeatState::Available)).collect();
            }
            Ok(bought)
        }
    });
    let mut owners: BTreeMap<u16, usize> = BTreeMap::new();
    for bought in results.await {
        for seat in bought? {
            *owners.entry(seat).or_default() += 1;
        }
    }
    let twice: Vec<u16> = owners.iter().filter(|(_, owners)| **owners > 1).map(|(seat, _)| *seat).collect();
    if !twice.is_empty() {
        return Err(format!("these seats have more than one owner: {twice:?}"));
    }
    if owners.len() < 40 { Err(format!("only {} seats were sold", owners.len())) } else { Ok(()) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_crowd_fills_a_row_and_every_seat_has_one_owner() {
    assert_eq!(buy_neighbours(&testing::store().await).await, Ok(()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_crowd_buys_seats_twice_without_conditions() {
    let seen = buy_neighbours(&testing::unguarded(&testing::store().await)).await;
    assert!(seen.is_err(), "the race proves nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_crowd_buys_the_last_admissions_spread_over_blocks() {
    let store = testing::store().await;
    for (left_over, wanted, claim) in
        [(vec![1; 8], 3, until(600)), (vec![2; 5], 3, Claim::Sold), (vec![1, 2, 3, 1], 4, until(600))]
    {
        let pool = pool_with(&store, &left_over).await;
        let total: u32 = left_over.iter().map(|left| u32::from(*left)).sum();
        let (shared, of) = (store.clone(), pool.clone());
        let results = at_once(BUYERS, move |buyer| {
            let (store, pool) = (shared.clone(), of.clone());
            async move { store.claim_admissions(&pool, wanted, order(buyer, 0), claim, at(0)).await }
        });
        let mut bought = 0;
        for result in results.await {
            match result {
                Ok(parts) => bought += quantity(&parts),
                Err(Refusal::SoldOut(_)) => {}
                Err(other) => panic!("nobody is put off: {other:?}"),
            }
        }
        let wanted = u32::from(wanted);
        assert_eq!(bought, total / wanted * wanted, "all that could be sold is sold");
        assert_eq!(state(&store, &pool, 0).await.left, total % wanted);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_crowd_reclaims_expired_holds() {
    let store = testing::store().await;
    let pool = new_pool(&store, 150).await;
    for buyer in 0..150 {
        store.claim_admissions(&pool, 1, order(buyer, 1), until(600), at(0)).await.expect("claimed");
    }
    let (shared, of) = (store.clone(), pool.clone());
    let results = at_once(BUYERS, move |buyer| {
        let (store, pool) = (shared.clone(), of.clone());
        async move { store.claim_admissions(&pool, 3, order(buyer, 2), until(1200), at(601)).await }
    });
    let results = results.await;
    let bought = results.iter().filter(|result| result.is_ok()).count();
    let refused = results.iter().filter(|result| matches!(result, Err(Refusal::SoldOut(_)))).count();
    assert_eq!((bought, refused), (50, 14), "{results:?}");
    assert_eq!(state(&store, &pool, 601).await.left, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_order_that_is_handled_many_times_at_once_claims_once() {
    let store = testing::store().await;
    for (left_over, claim) in [
        (vec![50, 50, 50, 50], until(600)),
        (vec![50, 50, 50, 50], Claim::Sold),
        (vec![3, 0, 3, 1], until(600)),
        (vec![3, 0, 3, 1], Claim::Sold),
        (vec![3, 1, 1], Claim::Sold),
    ] {
        let pool = pool_with(&store, &left_over).await;
        let (shared, of) = (store.clone(), pool.clone());
        let results = at_once(16, move |_| {
            // Each as in a process of its own, without the others' hints.
            let (store, pool) = (testing::metered(&shared).0, of.clone());
            async move { store.claim_admissions(&pool, 5, token(1), claim, at(0)).await }
        });
        for result in results.await {
            assert_eq!(quantity(&result.expect("claimed")), 5);
        }
        let has: u32 = claims_of(&store, &pool, token(1))
            .await
            .iter()
            .map(|(_, stake)| u32::from(stake.quantity()))
            .sum();
        assert_eq!(has, 5, "{left_over:?} {claim:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_late_payment_that_is_reported_many_times_is_settled_once() {
    let store = testing::store().await;
    let pool = pool_with(&store, &[5, 5, 5, 5]).await;
    let parts = store.claim_admissions(&pool, 5, token(1), until(600), at(0)).await.expect("claimed");
    for buyer in 0..3 {
        store.claim_admissions(&pool, 5, order(buyer, 1), Claim::Sold, at(601)).await.expect("sold");
    }
    let (shared, of) = (store.clone(), pool.clone());
    let results = at_once(16, move |_| {
        let (store, pool, parts) = (testing::metered(&shared).0, of.clone(), parts.clone());
        async move { store.secure_admissions(&pool, &parts, token(1), Claim::Sold, at(602)).await }
    });
    for result in results.await {
        assert_eq!(quantity(&result.expect("sold")), 5);
    }
    assert_eq!(state(&store, &pool, 602).await, AllotmentState { capacity: 200, left: 0, sold: 200 });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_pool_shrinks_fully_or_not_at_all_while_a_crowd_buys() {
    let store = testing::store().await;
    for _ in 0..4 {
        let pool = new_pool(&store, 200).await;
        let (shared, of) = (store.clone(), pool.clone());
        let results = at_once(BUYERS, move |buyer| {
            let (store, pool) = (shared.clone(), of.clone());
            async move {
                if buyer == BUYERS / 4 {
                    return store.resize_pool(&pool, 110, at(0)).await.map(|_| 0);
                }
                let parts = store.claim_admissions(&pool, 2, order(buyer, 0), Claim::Sold, at(0)).await;
                parts.map(|parts| quantity(&parts))
            }
        });
        let mut results = results.await;
        let resized = results.remove(BUYERS / 4);
        let sold: u32 = results.iter().map(|sold| sold.as_ref().map_or(0, |sold| *sold)).sum();
        let capacity = match resized {
            Ok(_) => 110,
            Err(Refusal::SoldOut(free)) => {
                assert!(free < 90, "{free} were free");
                200
            }
            Err(other) => panic!("{other:?}"),
        };
        assert_eq!(state(&store, &pool, 0).await, AllotmentState { capacity, left: capacity - sold, sold });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_admission_is_lost_or_created_while_a_crowd_comes_and_goes() {
    let store = testing::store().await;
    let pool = new_pool(&store, 70).await;
    let clock = Arc::new(AtomicI64::new(0));
    let (shared, of, time) = (store.clone(), pool.clone(), clock.clone());
    let sold = at_once(24, move |buyer| {
        let (store, pool, clock) = (shared.clone(), of.clone(), time.clone());
        async move {
            let (mut dice, mut sold) = (dice(buyer), Vec::new());
            for number in 0..12 {
                let now = clock.fetch_add(20, Ordering::Relaxed);
                let (token, wanted) = (order(buyer, number), u8::try_from(1 + dice(6)).expect("small"));
                let held = store.claim_admissions(&pool, wanted, token, until(now + 600), at(now)).await;
                let parts = match held {
                    Ok(parts) => parts,
                    Err(Refusal::SoldOut(left)) if left < u32::from(wanted) => continue,
                    Err(other) => panic!("{other:?}"),
                };
                match dice(6) {
                    // Abandoned: another order reclaims it after its expiry.
                    0 | 1 => {}
                    2 | 3 => store.release_admissions(&pool, &parts, token).await.expect("released"),
                    _ => {
                        let late = now + 900 * i64::try_from(dice(2)).expect("small");
                        match store.secure_admissions(&pool, &parts, token, Claim::Sold, at(late)).await {
                            Ok(parts) if dice(3) == 0 => {
                                store.return_admissions(&pool, &parts, 0, token).await.expect("returned");
                            }
                            Ok(parts) => sold.push((token, parts)),
                            Err(Refusal::SoldOut(_)) => {}
                            Err(other) => panic!("{other:?}"),
                        }
                    }
                }
                if dice(8) == 0 {
                    let capacity = 60 + u32::try_from(dice(30)).expect("small");
                    let resized = store.resize_pool(&pool, capacity, at(now)).await;
                    assert!(!matches!(resized, Err(Refusal::NoSuchSeats(_) | Refusal::SeatsTaken(_))));
                }
            }
            sold
        }
    });
    let sold: Vec<_> = sold.await.into_iter().flatten().collect();
    let mut expected = BTreeSet::new();
    for (token, parts) in &sold {
        for part in parts {
            expected.insert((part.block, token.as_str().to_owned(), part.quantity));
        }
    }
    let mut found = BTreeSet::new();
    for block in blocks(&store, &pool).await {
        assert!(block.capacity <= 50);
        let sales = block.claims.iter().filter(|(_, stake)| stake.is_sold());
        found.extend(sales.map(|(name, stake)| (block.index, name.clone(), stake.quantity())));
    }
    assert!(!sold.is_empty());
    assert_eq!(found, expected, "what was sold is there, and nothing else");
}
