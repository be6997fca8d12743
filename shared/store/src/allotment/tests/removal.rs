//! Seats that are taken out of a row, and put back.

use domain::event::RowLayout;
use domain::event::fixture::seated_area;

use super::seats::{new_rows, picture};
use super::*;
use crate::testing;

/// The seats that are in the way.
#[track_caller]
fn taken(result: Result<(), Refusal>) -> Vec<u16> {
    match result {
        Err(Refusal::SeatsTaken(seats)) => seats,
        other => panic!("expected that seats are taken: {other:?}"),
    }
}

#[tokio::test]
async fn seats_that_nobody_has_are_taken_out_and_come_back_as_they_were() {
    let store = testing::store().await;
    let [row, _] = new_rows(&store).await;
    store.claim_seats(row, &[3], token(1), until(600), at(0)).await.expect("held");
    store.block_seats(row, &[4, 5], at(0)).await.expect("blocked");
    for _ in 0..2 {
        store.remove_seats(row, &[2, 3, 4], at(601)).await.expect("free, expired, blocked");
        assert_eq!(picture(&store, row, 601).await, ".---b.......");
    }
    store.unblock_seats(row, &[4, 5]).await.expect("unblocked");
    store.release_seats(row, &[3], token(1)).await.expect("released");
    store.return_seats(row, &[3], token(1)).await.expect("returned");
    assert_eq!(picture(&store, row, 601).await, ".---........");
    for _ in 0..2 {
        store.restore_seats(row, &[1, 2, 3, 4]).await.expect("restored");
        assert_eq!(picture(&store, row, 601).await, "...b........");
    }
}

#[tokio::test]
async fn seats_that_are_held_or_sold_stay_and_the_others_with_them() {
    let store = testing::store().await;
    let [row, _] = new_rows(&store).await;
    store.claim_seats(row, &[3], token(1), until(600), at(0)).await.expect("held");
    store.claim_seats(row, &[5], token(2), Claim::Sold, at(0)).await.expect("sold");
    assert_eq!(taken(store.remove_seats(row, &[2, 3, 5], at(0)).await), [3, 5]);
    assert_eq!(taken(store.remove_seats(row, &[2, 3, 5], at(601)).await), [5]);
    assert_eq!(picture(&store, row, 0).await, "..r.x.......");
}

#[tokio::test]
async fn nobody_holds_or_blocks_a_seat_that_is_out() {
    let store = testing::store().await;
    let [row, _] = new_rows(&store).await;
    store.remove_seats(row, &[2], at(0)).await.expect("removed");
    for claim in [until(600), Claim::Sold] {
        let refused = store.claim_seats(row, &[2, 3], token(1), claim, at(0)).await;
        assert!(matches!(refused, Err(Refusal::NoSuchSeats(seats)) if seats == [2]));
    }
    let refused = store.block_seats(row, &[2, 3], at(0)).await;
    assert!(matches!(refused, Err(Refusal::NoSuchSeats(seats)) if seats == [2]));
    assert!(!store.sell_seats(row, &[2], token(1)).await.expect("no"), "not held");
    assert_eq!(picture(&store, row, 0).await, ".-..........");
    assert_eq!(store.seat_claim(row, 2, at(0)).await.expect("read"), None);
}

#[tokio::test]
async fn a_whole_row_is_taken_out_and_put_back_in_one_write_each() {
    let store = testing::store().await;
    let [row, _] = new_rows(&store).await;
    let all: Vec<u16> = (1..=12).collect();
    store.block_seats(row, &[7], at(0)).await.expect("blocked");
    let forgetful = testing::forgetful(&store, 1);
    forgetful.remove_seats(row, &all, at(0)).await.expect("removed, though the answer was lost");
    assert_eq!(picture(&store, row, 0).await, "------------");
    forgetful.restore_seats(row, &all).await.expect("restored, though the answer was lost");
    assert_eq!(picture(&store, row, 0).await, "......b.....");
}

#[tokio::test]
async fn a_side_has_every_other_number() {
    let store = testing::store().await;
    let rows = vec![RowLayout { step: 2, gone: vec![5], ..RowLayout::new("A", 1, 9) }];
    let area = seated_area("Platea", rows);
    let row = RowKey::of(&area, 0);
    for _ in 0..2 {
        store.create_rows(area.event_id, area.id, 0, &area.rows).await.expect("created");
        store.claim_seats(row, &[3, 7], token(1), until(600), at(0)).await.expect("held");
        assert_eq!(picture(&store, row, 0).await, ".r-r.");
    }
    let state = store.area_rows(&area, at(0)).await.expect("read").remove(0);
    assert_eq!(state.seat(7), Some(domain::seat::SeatState::Reserved));
    assert_eq!((state.seat(2), state.seat(5), state.seat(11)), (None, None, None));
}

#[tokio::test]
async fn rows_are_mended_to_what_their_area_says() {
    let store = testing::store().await;
    let mut area = seated_area("Platea", vec![RowLayout::new("A", 1, 6), RowLayout::new("B", 1, 4)]);
    store.create_rows(area.event_id, area.id, 0, &area.rows).await.expect("created");
    let rows = [0, 1].map(|index| RowKey::of(&area, index));
    store.remove_seats(rows[0], &[1, 2], at(0)).await.expect("removed");
    store.claim_seats(rows[1], &[2], token(1), until(600), at(0)).await.expect("held");
    area.rows[0].gone = vec![2, 3];
    for _ in 0..2 {
        store.mend_rows(&area, at(0)).await.expect("mended");
        assert_eq!(picture(&store, rows[0], 0).await, ".--...");
        assert_eq!(picture(&store, rows[1], 0).await, ".r..");
    }
}
