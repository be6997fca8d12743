//! Numbered seats, one buyer after the other.

use domain::event::RowLayout;
use domain::seat::SeatState;

use super::*;
use crate::testing;

/// Two rows of an area of its own: seats 1 to 12, and seats 101 to 105.
pub(super) async fn new_rows(store: &Store) -> [RowKey; 2] {
    let (event, area) = (EventId::generate(at(0)), AreaId::generate(at(0)));
    let row = |label: &str, first, last| RowLayout::new(label, first, last);
    let rows = [row("A", 1, 12), row("B", 101, 105)];
    store.create_rows(event, area, 0, &rows).await.expect("created");
    [0, 1].map(|index| RowKey { event, area, index })
}

/// The seats of a row: `.` available, `r` reserved, `x` sold, `b` blocked, `-` taken out.
pub(super) async fn picture(store: &Store, row: RowKey, now: i64) -> String {
    let rows = store.rows_state(row.event, row.area, row.index + 1, at(now)).await.expect("read");
    let state = rows.into_iter().find(|state| state.index == row.index).expect("a row");
    let letter = |state: &Option<SeatState>| match state {
        None => '-',
        Some(SeatState::Available) => '.',
        Some(SeatState::Reserved) => 'r',
        Some(SeatState::Sold) => 'x',
        Some(SeatState::Blocked) => 'b',
    };
    state.seats.iter().map(letter).collect()
}

#[track_caller]
fn taken(result: Result<(), Refusal>) -> Vec<u16> {
    match result {
        Err(Refusal::SeatsTaken(seats)) => seats,
        other => panic!("expected that seats are taken: {other:?}"),
    }
}

#[track_caller]
fn unknown(result: Result<(), Refusal>) -> Vec<u16> {
    match result {
        Err(Refusal::NoSuchSeats(seats)) => seats,
        other => panic!("expected that there are no such seats: {other:?}"),
    }
}

#[tokio::test]
async fn seats_are_held_all_or_none() {
    let store = testing::store().await;
    let [row, other] = new_rows(&store).await;
    for (expiry, now) in [(600, 0), (600, 1), (900, 2)] {
        store.claim_seats(row, &[3, 4, 5], token(1), until(expiry), at(now)).await.expect("held");
        assert_eq!(picture(&store, row, 0).await, "..rrr.......");
    }
    assert_eq!(taken(store.claim_seats(row, &[5, 6, 3, 2], token(2), until(600), at(900)).await), [5, 3]);
    assert_eq!(picture(&store, row, 900).await, "..rrr.......");
    assert_eq!(picture(&store, row, 901).await, "............");
    store.claim_seats(row, &[5, 6, 3, 2], token(2), until(1500), at(901)).await.expect("free again");
    assert_eq!(picture(&store, row, 901).await, ".rr.rr......");
    assert_eq!(picture(&store, other, 0).await, ".....");
    store.claim_seats(row, &[], token(2), Claim::Sold, at(0)).await.expect("nothing");
}

#[tokio::test]
async fn seats_that_do_not_exist_are_named() {
    let store = testing::store().await;
    let [row, other] = new_rows(&store).await;
    assert_eq!(unknown(store.claim_seats(row, &[12, 13], token(1), until(600), at(0)).await), [13]);
    assert_eq!(unknown(store.claim_seats(row, &[0], token(1), Claim::Sold, at(0)).await), [0]);
    assert_eq!(
        unknown(store.claim_seats(other, &[100, 101, 106], token(1), until(9), at(0)).await),
        [100, 106]
    );
    assert_eq!(unknown(store.block_seats(other, &[9999, 101, 1], at(0)).await), [9999, 1]);
    let nowhere = RowKey { index: 7, ..row };
    assert_eq!(unknown(store.claim_seats(nowhere, &[1], token(1), until(600), at(0)).await), [1]);
    assert_eq!(unknown(store.block_seats(nowhere, &[1], at(0)).await), [1]);
    store.release_seats(nowhere, &[1], token(1)).await.expect("nothing");
    store.return_seats(nowhere, &[1], token(1)).await.expect("nothing");
    store.unblock_seats(nowhere, &[1]).await.expect("nothing");
    assert_eq!(store.row_state(nowhere, token(1), at(0)).await.expect("read"), None);
    assert_eq!(picture(&store, row, 0).await, "............");
}

#[tokio::test]
async fn a_sold_seat_never_becomes_a_held_one() {
    let store = testing::store().await;
    let [row, _] = new_rows(&store).await;
    store.claim_seats(row, &[3, 4], token(1), Claim::Sold, at(0)).await.expect("sold");
    store.claim_seats(row, &[3, 4], token(1), until(600), at(0)).await.expect("has them");
    store.claim_seats(row, &[3, 4], token(1), Claim::Sold, at(0)).await.expect("has them");
    store.release_seats(row, &[3, 4], token(1)).await.expect("nothing to release");
    assert_eq!(picture(&store, row, 100_000).await, "..xx........");
    assert_eq!(taken(store.claim_seats(row, &[4, 5], token(2), Claim::Sold, at(100_000)).await), [4]);
}

#[tokio::test]
async fn a_claim_succeeds_for_all_seats_also_when_some_were_sold_before() {
    let store = testing::store().await;
    let [row, _] = new_rows(&store).await;
    store.claim_seats(row, &[3, 4], token(1), Claim::Sold, at(0)).await.expect("sold");
    store.return_seats(row, &[4], token(1)).await.expect("returned");
    store.claim_seats(row, &[3, 4], token(1), until(600), at(0)).await.expect("has both");
    assert_eq!(picture(&store, row, 0).await, "..xr........");
    store.claim_seats(row, &[3, 4], token(1), until(900), at(700)).await.expect("has both again");
    assert_eq!(picture(&store, row, 700).await, "..xr........");
    store.claim_seats(row, &[5], token(2), until(600), at(0)).await.expect("held");
    assert_eq!(taken(store.claim_seats(row, &[3, 4, 5], token(1), until(600), at(0)).await), [5]);
}

#[tokio::test]
async fn a_late_sale_takes_its_own_seats_unless_another_order_has_one() {
    let store = testing::store().await;
    let [row, _] = new_rows(&store).await;
    store.claim_seats(row, &[1, 2], token(1), until(600), at(0)).await.expect("held");
    store.claim_seats(row, &[3, 4], token(2), until(600), at(0)).await.expect("held");
    store.claim_seats(row, &[4], token(3), until(1500), at(700)).await.expect("free again");
    store.claim_seats(row, &[1, 2], token(1), Claim::Sold, at(701)).await.expect("still there");
    assert_eq!(taken(store.claim_seats(row, &[3, 4], token(2), Claim::Sold, at(701)).await), [4]);
    assert_eq!(picture(&store, row, 701).await, "xx.r........");
    store.release_seats(row, &[4], token(3)).await.expect("released");
    store.claim_seats(row, &[3, 4], token(2), Claim::Sold, at(702)).await.expect("free again");
    assert_eq!(picture(&store, row, 702).await, "xxxx........");
}

#[tokio::test]
async fn releasing_frees_only_the_orders_held_seats() {
    let store = testing::store().await;
    let [row, _] = new_rows(&store).await;
    store.claim_seats(row, &[1, 2, 3, 4], token(1), until(600), at(0)).await.expect("held");
    store.claim_seats(row, &[2], token(2), until(1500), at(700)).await.expect("free again");
    store.claim_seats(row, &[1], token(1), Claim::Sold, at(700)).await.expect("sold");
    store.claim_seats(row, &[3, 4], token(1), until(1500), at(700)).await.expect("held longer");
    for _ in 0..2 {
        store.release_seats(row, &[4, 3, 2, 1, 9], token(1)).await.expect("released");
        assert_eq!(picture(&store, row, 700).await, "xr..........");
    }
    store.return_seats(row, &[1, 2, 3], token(1)).await.expect("returned");
    assert_eq!(picture(&store, row, 700).await, ".r..........");
}

#[tokio::test]
async fn refunded_seats_come_back_once() {
    let store = testing::store().await;
    let [row, _] = new_rows(&store).await;
    store.claim_seats(row, &[1, 2, 3], token(1), Claim::Sold, at(0)).await.expect("sold");
    store.return_seats(row, &[1, 2], token(1)).await.expect("returned");
    store.claim_seats(row, &[2], token(2), Claim::Sold, at(0)).await.expect("resold");
    store.return_seats(row, &[1, 2], token(1)).await.expect("nothing to return");
    store.return_seats(row, &[1, 2, 3], token(3)).await.expect("not theirs");
    assert_eq!(picture(&store, row, 0).await, ".xx.........");
}

#[tokio::test]
async fn the_organiser_blocks_only_free_seats() {
    let store = testing::store().await;
    let [row, _] = new_rows(&store).await;
    store.claim_seats(row, &[1], token(1), until(600), at(0)).await.expect("held");
    store.claim_seats(row, &[2], token(2), Claim::Sold, at(0)).await.expect("sold");
    assert_eq!(taken(store.block_seats(row, &[3, 2, 1], at(600)).await), [2, 1]);
    for _ in 0..2 {
        store.block_seats(row, &[1, 3, 4, 5], at(601)).await.expect("blocked");
    }
    assert_eq!(picture(&store, row, 601).await, "bxbbb.......");
    for claim in [until(900), Claim::Sold] {
        assert_eq!(taken(store.claim_seats(row, &[1, 6], token(1), claim, at(601)).await), [1]);
    }
    for token in [token(1), token(2)] {
        store.release_seats(row, &[1, 2, 3], token).await.expect("nothing to release");
        store.return_seats(row, &[1, 3], token).await.expect("nothing to return");
    }
    for _ in 0..2 {
        store.unblock_seats(row, &[1, 2, 3, 6, 4]).await.expect("unblocked");
    }
    assert_eq!(picture(&store, row, 601).await, ".x..b.......");
}

#[tokio::test]
async fn an_order_sees_its_own_seats_as_available() {
    let store = testing::store().await;
    let [row, _] = new_rows(&store).await;
    store.claim_seats(row, &[1, 2], token(1), until(600), at(0)).await.expect("held");
    store.claim_seats(row, &[3], token(2), until(600), at(0)).await.expect("held");
    store.block_seats(row, &[4], at(0)).await.expect("blocked");
    let seats = store.row_state(row, token(1), at(0)).await.expect("read").expect("a row").seats;
    let expected = [SeatState::Available, SeatState::Available, SeatState::Reserved, SeatState::Blocked];
    assert_eq!(seats[..4], expected.map(Some));
}

#[tokio::test]
async fn rows_laid_out_again_keep_their_claims() {
    let store = testing::store().await;
    let [row, _] = new_rows(&store).await;
    store.claim_seats(row, &[12], token(1), Claim::Sold, at(0)).await.expect("sold");
    let longer = [RowLayout::new("A", 1, 14)];
    store.create_rows(row.event, row.area, 0, &longer).await.expect("laid out");
    assert_eq!(picture(&store, row, 0).await, "...........x..");
}

#[tokio::test]
async fn many_rows_come_in_order() {
    let store = testing::store().await;
    let (event, area) = (EventId::generate(at(0)), AreaId::generate(at(0)));
    let rows: Vec<RowLayout> = (0..40).map(|row| RowLayout::new(format!("R{row}"), 1, 1 + row)).collect();
    store.create_rows(event, area, 0, &rows[..18]).await.expect("created");
    store.create_rows(event, area, 18, &rows[18..]).await.expect("created");
    let states = store.rows_state(event, area, 40, at(0)).await.expect("read");
    assert_eq!(states.len(), 40);
    for (index, row) in (0..).zip(&states) {
        assert_eq!((row.index, row.seats.len()), (index, usize::from(index) + 1));
    }
}
