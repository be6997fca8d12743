//! Every write stays at one write unit, and within what DynamoDB takes.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::event::RowLayout;
use domain::{SaleStageId, TenantId, Timestamp, UserId};

use super::super::BLOCK_SEATS;
use super::*;
use crate::keys::{self, Key};
use crate::testing;

/// Bytes that one write unit pays for.
const UNIT: usize = 1024;

/// The size of an item by DynamoDB's rule, numbers at their worst: a byte for
/// each two digits, one more, and one more for digits that do not pair.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>
fn size(item: &HashMap<String, AttributeValue>) -> usize {
    let value = |value: &AttributeValue| match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(digits) => digits.len().div_ceil(2) + 2,
        other => panic!("blocks have no such values: {other:?}"),
    };
    item.iter().map(|(name, of)| name.len() + value(of)).sum()
}

async fn item(store: &Store, key: &Key) -> HashMap<String, AttributeValue> {
    store.get_item(key, true).await.expect("read").expect("an item")
}

/// The pools with the longest keys, at a capacity of one block.
fn longest_pools() -> [Pool; 5] {
    let (event, tenant) = (EventId::generate(at(0)), TenantId::generate(at(0)));
    let code = "X".repeat(32);
    [
        Pool::area(event, AreaId::generate(at(0)), 1),
        Pool::stage(event, SaleStageId::generate(at(0)), 1),
        Pool::discounts(event, 1),
        Pool::promotion(tenant, &code, 1),
        Pool::promotion_buyer(tenant, &code, UserId::generate(at(0)), BLOCK_ADMISSIONS),
    ]
}

#[tokio::test]
async fn a_full_block_fits_one_write_unit() {
    let store = testing::store().await;
    let (metered, meter) = testing::metered(&store);
    for pool in longest_pools() {
        if pool.on_demand().is_none() {
            store.create_pool(&pool, BLOCK_ADMISSIONS).await.expect("created");
        }
        let mut parts = Vec::new();
        for order in 0..BLOCK_ADMISSIONS {
            let claim = Claim::Until(Timestamp::from_second(i64::from(u32::MAX)).expect("a time"));
            parts = metered.claim_admissions(&pool, 1, token(order), claim, at(0)).await.expect("claimed");
        }
        // The longest key of an index is three characters longer than this one's.
        let size = size(&item(&store, &pool.key(0)).await) + 3;
        assert!(size <= UNIT, "{size} bytes: {}", pool.key(0).pk);
        let last = token(BLOCK_ADMISSIONS - 1);
        metered.secure_admissions(&pool, &parts, last, Claim::Sold, at(0)).await.expect("sold");
        metered.return_admissions(&pool, &parts, 0, last).await.expect("returned");
        let units = meter.take();
        assert_eq!(units.len(), 52, "one write each");
        assert!(units.iter().all(|units| (*units - 1.0).abs() < 0.01), "{units:?}");
    }
}

#[tokio::test]
async fn a_block_full_of_expired_holds_is_reclaimed_in_one_write() {
    let store = testing::store().await;
    let (metered, meter) = testing::metered(&store);
    for pool in longest_pools() {
        if pool.on_demand().is_none() {
            store.create_pool(&pool, BLOCK_ADMISSIONS).await.expect("created");
        }
        for order in 0..BLOCK_ADMISSIONS {
            metered.claim_admissions(&pool, 1, token(order), until(600), at(0)).await.expect("claimed");
        }
        meter.take();
        metered.claim_admissions(&pool, 1, token(99), until(1200), at(601)).await.expect("claimed");
        assert_eq!(meter.take(), [1.0]);
        assert_eq!(blocks(&store, &pool).await[0].claims.len(), 1);
        for order in 0..BLOCK_ADMISSIONS - 1 {
            metered.claim_admissions(&pool, 1, token(order), until(1200), at(601)).await.expect("claimed");
        }
        if pool.on_demand().is_none() {
            metered.resize_pool(&pool, 1, at(1201)).await.expect("shrunk");
            assert_eq!(state(&store, &pool, 1201).await, AllotmentState { capacity: 1, left: 1, sold: 0 });
        }
    }
}

#[tokio::test]
async fn a_full_row_fits_one_write_unit() {
    let store = testing::store().await;
    let (metered, meter) = testing::metered(&store);
    let (event, area) = (EventId::generate(at(0)), AreaId::generate(at(0)));
    let key = RowKey { event, area, index: 9_999 };
    let (first, last) = (10_000 - BLOCK_SEATS, 9_999);
    let row = [RowLayout::new("A", first, last)];
    store.create_rows(event, area, key.index, &row).await.expect("created");
    let seats: Vec<u16> = (first..=last).collect();
    let most = usize::from(domain::MAX_TICKETS_PER_ORDER);
    for (order, seats) in (0..).zip(seats.chunks(most)) {
        metered.claim_seats(key, seats, token(order), until(600), at(0)).await.expect("held");
        assert_eq!(meter.take(), [1.0]);
    }
    let size = size(&item(&store, &keys::area_block(event, area, key.index)).await);
    assert!(size <= UNIT, "{size} bytes");
    for (order, seats) in (0..).zip(seats.chunks(most)) {
        metered.claim_seats(key, seats, token(order), Claim::Sold, at(0)).await.expect("sold");
        metered.return_seats(key, seats, token(order)).await.expect("returned");
        metered.claim_seats(key, seats, token(order), until(600), at(0)).await.expect("held");
        metered.release_seats(key, seats, token(order)).await.expect("released");
        assert_eq!(meter.take(), [1.0; 4]);
    }
    metered.block_seats(key, &seats, at(0)).await.expect("blocked");
    metered.unblock_seats(key, &seats).await.expect("unblocked");
    assert_eq!(meter.take(), [1.0; 2], "the whole row in one write");
}

#[test]
fn a_stake_keeps_its_quantity_and_its_kind() {
    for quantity in [1, 9, 10, 20, 99, 100, 255] {
        let (hold, sold) = (ClaimValue::new(quantity, until(0)), ClaimValue::new(quantity, Claim::Sold));
        assert_eq!((hold.quantity(), sold.quantity()), (quantity, quantity));
        assert!(sold.is_sold() && !hold.is_sold());
        for forever in [Timestamp::MAX, Timestamp::MIN] {
            let stake = ClaimValue::new(quantity, Claim::Until(forever));
            assert!(stake.quantity() == quantity && !stake.is_sold());
        }
        assert_eq!(hold.keeping(1), ClaimValue::new(1, until(0)));
        assert_eq!(sold.keeping(1), ClaimValue::new(1, Claim::Sold));
    }
}
