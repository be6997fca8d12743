use domain::event::{PricedEvent, RowLayout};
use domain::order::TicketState;
use domain::testing::at;
use domain::{AreaId, OrderId};

use super::*;
use crate::allotment::{Pool, RowKey};
use crate::event::tests::event;
use crate::gate::tests::paid_order;
use crate::testing::store_with_clock;

#[tokio::test]
async fn refunded_places_that_were_sold_again_are_not_secured() {
    let (store, clock) = store_with_clock().await;
    let event = event(&clock, "los-faroles");
    let sheet = PricedEvent::new(event, Vec::new(), Vec::new(), Vec::new()).into();
    let admissions =
        |quantity| vec![Holding::Admissions { line: 0, parts: vec![Part { block: 0, quantity }] }];
    let mut order = paid_order().with(|order| order.holdings = admissions(2));
    let pool = Pool::area(order.event, order.lines[0].area, 1);
    store.create_pool(&pool, 2).await.expect("created");
    order.edit(|order| {
        order.status = OrderStatus::PartlyRefunded;
        order.tickets.insert(0, TicketState { refunded: true, ..TicketState::default() });
    });
    let other = Token::of(OrderId::generate(at(9)));
    store.claim_admissions(&pool, 1, other, Claim::Sold, at(0)).await.expect("one is left");
    let secured = store.secure_holdings(&order, &sheet, at(1000)).await.expect("answers");
    assert_eq!(secured, Secured::All(admissions(1)));
    order.edit(|order| order.holdings = admissions(1));
    assert!(store.sell_holdings(&order).await.expect("answers"));
    // Of an order that keeps nothing, nothing is secured.
    order.edit(|order| {
        order.tickets.insert(1, TicketState { refunded: true, ..TicketState::default() });
    });
    let secured = store.secure_holdings(&order, &sheet, at(1000)).await.expect("answers");
    assert_eq!(secured, Secured::All(admissions(1)));
}

/// Two rows have seats with the same numbers: the refund of one returns that one.
#[tokio::test]
async fn of_two_seats_with_one_number_the_refunded_one_comes_back() {
    let (store, _) = store_with_clock().await;
    let seats = ["A-3", "A-4", "B-3", "B-4"].map(|seat| seat.parse().expect("a seat"));
    let mut order = paid_order().with(|order| {
        order.status = OrderStatus::PartlyRefunded;
        order.lines[0].quantity = 4;
        order.lines[0].seats = seats.to_vec();
        order.holdings = [0, 1].map(|row| Holding::Seats { line: 0, row, seats: vec![3, 4] }).to_vec();
    });
    let (event, area, token) = (order.event, order.lines[0].area, Token::of(order.id));
    let rows = ["A", "B"].map(|label| RowLayout::new(label, 1, 6));
    store.create_rows(event, area, 0, &rows).await.expect("created");
    let row = |index| RowKey { event, area, index };
    for index in [0, 1] {
        store.claim_seats(row(index), &[3, 4], token, Claim::Sold, at(0)).await.expect("free");
    }
    for (ticket, expected) in [(2, [[true, true], [false, true]]), (1, [[true, false], [false, true]])] {
        order.edit(|order| {
            order.tickets.insert(ticket, TicketState { refunded: true, ..TicketState::default() });
        });
        store.return_unused(&order).await.expect("returned");
        for (index, expected) in (0..).zip(expected) {
            for (number, is_sold) in [3, 4].into_iter().zip(expected) {
                let sold = store.seats_are_sold(row(index), &[number], token).await.expect("answers");
                assert_eq!(sold, is_sold, "row {index}, seat {number}, after ticket {ticket}");
            }
        }
        assert!(store.holdings_are_sold(&order).await.expect("answers"));
    }
}

/// An order for two of ten admissions that ends at second 600, its event, and the store.
async fn held_order() -> (Store, StoredEvent, Order, Pool) {
    let (store, clock) = store_with_clock().await;
    let event = event(&clock, "los-faroles");
    let sheet = PricedEvent::new(event, Vec::new(), Vec::new(), Vec::new()).into();
    let mut order = paid_order().with(|order| {
        order.status = OrderStatus::AwaitingPayment;
        order.expires_at = at(600);
    });
    let pool = Pool::area(order.event, order.lines[0].area, 1);
    store.create_pool(&pool, 10).await.expect("created");
    let token = Token::of(order.id);
    let parts = store.claim_admissions(&pool, 2, token, Claim::Until(at(600)), at(0)).await.expect("free");
    order.edit(|order| order.holdings = vec![Holding::Admissions { line: 0, parts }]);
    (store, sheet, order, pool)
}

/// How many of the pool others can have at that second.
async fn free(store: &Store, pool: &Pool, second: i64) -> u32 {
    store.pool_state(pool, at(second)).await.expect("answers").left
}

#[tokio::test]
async fn an_extension_holds_the_places_longer_and_a_stale_worker_cuts_nothing_short() {
    let (store, sheet, order, pool) = held_order().await;
    assert_eq!(free(&store, &pool, 601).await, 10, "the hold would be over");
    let extended = store.extend_holdings(&order, &sheet, at(90_000), at(100)).await.expect("answers");
    assert_eq!(extended, Secured::All(order.holdings.clone()));
    assert_eq!(free(&store, &pool, 90_000).await, 8);
    assert_eq!(free(&store, &pool, 90_001).await, 10, "an expired claim needs nobody");
    // A worker that read the order before secures it for some minutes, and another extends it less.
    let stale = store.secure_holdings(&order, &sheet, at(599)).await.expect("answers");
    assert_eq!(stale, Secured::All(order.holdings.clone()));
    store.extend_holdings(&order, &sheet, at(5000), at(200)).await.expect("answers");
    assert_eq!(free(&store, &pool, 90_000).await, 8);
    // Whoever ends the order gives them back.
    store.release_holdings(&order).await.expect("released");
    assert_eq!(free(&store, &pool, 200).await, 10);
}

#[tokio::test]
async fn places_that_others_have_are_not_extended() {
    let (store, sheet, order, pool) = held_order().await;
    let other = Token::of(OrderId::generate(at(9)));
    store.claim_admissions(&pool, 10, other, Claim::Sold, at(700)).await.expect("all are free");
    let gone = store.extend_holdings(&order, &sheet, at(90_000), at(700)).await.expect("answers");
    assert_eq!(gone, Secured::Gone(Vec::new()));
}

#[tokio::test]
async fn places_taken_elsewhere_are_held_for_minutes_until_the_order_names_them() {
    let (store, sheet, order, _) = held_order().await;
    let area = AreaId::generate(at(1));
    let wide = Pool::area(order.event, area, 2);
    store.create_pool(&wide, 100).await.expect("created");
    let mut order = order.with(|order| order.lines[0].area = area);
    let take = async |id: OrderId, quantity, claim, now| {
        store.claim_admissions(&wide, quantity, Token::of(id), claim, at(now)).await.expect("free")
    };
    // An order in the second block, whose hold ran out, and another one that has that block since.
    loop {
        let parts = take(order.id, 2, Claim::Until(at(600)), 0).await;
        order.edit(|order| order.holdings = vec![Holding::Admissions { line: 0, parts: parts.clone() }]);
        if parts[0].block == 1 {
            break;
        }
        store.release_holdings(&order).await.expect("released");
        order.edit(|order| order.id = OrderId::generate(at(2)));
    }
    loop {
        let id = OrderId::generate(at(9));
        let parts = take(id, 50, Claim::Sold, 700).await;
        if parts == [Part { block: 1, quantity: 50 }] {
            break;
        }
        store.return_admissions(&wide, &parts, 0, Token::of(id)).await.expect("returned");
    }
    let moved = store.extend_holdings(&order, &sheet, at(90_000), at(700)).await.expect("answers");
    let elsewhere = vec![Holding::Admissions { line: 0, parts: vec![Part { block: 0, quantity: 2 }] }];
    assert_eq!(moved, Secured::All(elsewhere.clone()));
    assert_eq!((free(&store, &wide, 900).await, free(&store, &wide, 950).await), (48, 50), "for minutes");
    let named = order.with(|order| order.holdings.clone_from(&elsewhere));
    let extended = store.extend_holdings(&named, &sheet, at(90_000), at(710)).await.expect("answers");
    assert_eq!(extended, Secured::All(elsewhere));
    assert_eq!((free(&store, &wide, 90_000).await, free(&store, &wide, 90_001).await), (48, 50));
}
