use std::time::Duration;

use domain::order::{
    Attendee, Holding, OrderLine, OrderStatus, Part, PaymentState, RefundAsk, RefundProgress, Secured,
    TicketState, fixture,
};
use domain::payment::{GatewayName, MethodKind, PayLater};
use domain::policy::{Accepted, PolicyVersions};
use domain::testing::at;
use domain::{AreaId, Currency, GatewayAccountId, PromotionId, SaleStageId};

use super::record::{holding_text, parse_holding};
use super::*;
use crate::testing::store_with_clock;

/// An order of two named tickets with a stage, a promotion and two payments.
fn order(now: Timestamp) -> Order {
    let line = OrderLine {
        area: AreaId::generate(now),
        quantity: 2,
        seats: vec!["AA-101".parse().expect("a seat"), "AA-102".parse().expect("a seat")],
        stage: Some(SaleStageId::generate(now)),
        base: 24_000_000,
        stage_adjustment: -2_400_000,
        promotion: -1_080_000,
        fee: 718_200,
        vat: 3_399_300,
        total: 21_238_200,
    };
    let attendee = |name: &str| Attendee { nombre: Some(name.to_owned()), ..Attendee::default() };
    fixture::order(OrderStatus::AwaitingPayment, &[PaymentState::Pending]).with(|order| {
        order.user = UserId::generate(now);
        order.id = OrderId::of_quote(domain::QuoteId::generate(now), order.user);
        order.currency = Currency::COP;
        order.total = line.total;
        order.holdings = vec![
            Holding::Seats { line: 0, row: 7, seats: vec![101, 102] },
            Holding::Stage { stage: line.stage.expect("set"), parts: vec![Part { block: 3, quantity: 2 }] },
            Holding::Promotion { parts: vec![Part { block: 0, quantity: 1 }] },
            Holding::PromotionBuyer,
        ];
        order.lines = vec![line];
        order.buyer.email = "maria.fernanda@example.com".to_owned();
        order.buyer.name = "María Fernanda Ríos".to_owned();
        // A guest's order has these besides what any order has.
        order.phone = Some("+57 300 123 4567".to_owned());
        order.guest_network = Some("q83vEjRWeJo".to_owned());
        order.link_epoch = 3;
        order.attendees = vec![attendee("María Fernanda Ríos"), attendee("Julián Ortega")];
        order.expires_at = Timestamp::from_second(now.as_second() + 600).expect("in range");
        let payment = &mut order.payments[0];
        payment.payment_id = Some("pay_01jd8m3n7kf8bq4v3k7w2r9s5t".to_owned());
        (payment.amount, payment.created_at) = (order.total, now);
        payment.idempotency = Some("q83vEjRWeJq83vEj".to_owned());
        order.promotion_code = Some("PREVENTA10".to_owned());
        order.promotion_id = Some(PromotionId::generate(now));
        order.idempotency = Some("q83vEjRWeJq83vEj".to_owned());
        let versions = PolicyVersions { terms: 12, privacy: 3, refunds: 101 };
        let at = Timestamp::from_second(now.as_second()).expect("in range");
        order.accepted = Some(Accepted { versions, at });
        order.commission = 424_800;
        order.payments[0].marketplace_fee = 424_800;
    })
}

/// The size in bytes by DynamoDB's rule: names and values, numbers at two digits a byte.
fn size(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(digits) => digits.len().div_ceil(2) + 1,
        AttributeValue::L(list) => 3 + list.iter().map(|value| size(value) + 1).sum::<usize>(),
        AttributeValue::M(map) => {
            3 + map.iter().map(|(name, value)| name.len() + size(value) + 1).sum::<usize>()
        }
        _ => 1,
    }
}

/// The size of an order's item when it is paid.
fn bytes(order: &Order) -> usize {
    let item = write(order, Some(&Outbox::Tickets)).expect("an item");
    item.iter().map(|(name, value)| name.len() + size(value)).sum()
}

/// An order whose gateway's page offers cash costs as much as any other; only one that waits for cash
/// may cost one write unit more.
#[test]
fn what_an_order_in_cash_adds_to_the_item_is_small() {
    let now = at(0);
    let plain = order(now);
    let offered = plain.clone().with(|order| order.payments[0].may_extend_to = Some(at(86_400)));
    let offer = bytes(&offered) - bytes(&plain);
    assert!(offer <= 8, "{offer} bytes for an offer");
    let waiting = offered.with(|order| {
        order.payments[0].page_end = Some(order.expires_at);
        order.payments[0].later = Some(PayLater {
            kind: MethodKind::Cash,
            name: Some("efecty".to_owned()),
            due_at: Some(at(86_400)),
            slip_url: Some(format!(
                "https://www.mercadopago.com/mco/payments/ticket/helper?{}",
                "x".repeat(80)
            )),
            code: Some("1234567890".to_owned()),
            without_places: true,
        });
    });
    let waits = bytes(&waiting) - bytes(&plain);
    assert!(waits <= 250, "{waits} bytes");
}

#[tokio::test]
async fn an_order_that_waits_for_cash_is_read_as_it_was_written() {
    let (store, clock) = store_with_clock().await;
    let bare = PayLater {
        kind: MethodKind::BankTransfer,
        name: None,
        due_at: None,
        slip_url: None,
        code: None,
        without_places: false,
    };
    let told = PayLater { due_at: Some(at(86_400)), code: Some("1".to_owned()), ..bare.clone() };
    for later in [bare, told] {
        let order = order(clock.now()).with(|order| {
            let (page_end, payment) = (order.expires_at, &mut order.payments[0]);
            (payment.may_extend_to, payment.page_end) = (Some(at(86_400)), Some(page_end));
            payment.later = Some(later);
        });
        store.create_order(&order).await.expect("written");
        assert_eq!(store.order(order.user, order.id).await.expect("read"), Some(order));
    }
}

/// The longest ids: PayU's have an order and a transaction.
#[test]
fn an_order_that_is_paid_at_an_organisers_own_account_costs_one_write_unit_too() {
    let now = at(0);
    let order = order(now).with(|order| {
        order.status = OrderStatus::Paid;
        order.paid_at = Some(now);
        order.payments[0].gateway = GatewayName::Payu;
        order.payments[0].account = Some(GatewayAccountId::generate(now));
        order.payments[0].payment_id = Some("1400449660_60e2080d-08b1-4db2-a54f-8bcbe8271662".to_owned());
        order.payments[0].state = PaymentState::Approved;
    });
    let paid = bytes(&order);
    assert!(paid <= 1024, "{paid} bytes");
    // So is the order with a refund's claim and refunded tickets.
    let begun = now + Duration::from_millis(1);
    let asked = RefundAsk { amount: order.total, begun, may_have_been_asked: false };
    let refunded = TicketState { refunded: true, ..TicketState::default() };
    let claimed = order.with(|order| {
        order.payments[0].refund_due = order.total;
        order.status = OrderStatus::Refunded;
        order.tickets = [0, 1].map(|index| (index, refunded.clone())).into();
        order.payments[0].refund = match asked.claim(begun) {
            RefundProgress::Claimed { amount, begun, until, unasked, .. } => {
                Some(RefundProgress::Claimed { amount, begun, until, owner: Some(u64::MAX), unasked })
            }
            other => panic!("{other:?}"),
        };
    });
    let claimed = bytes(&claimed);
    assert!(claimed <= 1024, "{claimed} bytes");
}

/// What a product adds to an order: as `cargo xtask bench` and the documents say.
#[test]
fn an_order_with_two_products_of_typical_names_costs_one_write_unit_too() {
    let now = at(0);
    let plain = fixture::order(OrderStatus::Paid, &[PaymentState::Approved]).with(|order| {
        order.lines[0].quantity = 2;
        order.holdings = vec![Holding::Admissions { line: 0, parts: vec![Part { block: 3, quantity: 2 }] }];
        order.buyer.email = "maria.fernanda@example.com".to_owned();
        order.buyer.name = "María Fernanda Ríos".to_owned();
        order.payments[0].payment_id = Some("pay_01jd8m3n7kf8bq4v3k7w2r9s5t".to_owned());
        order.payments[0].created_at = now;
    });
    let with = |count: usize| {
        plain.clone().with(|order| {
            for index in 0..count {
                let extra = u8::try_from(index).expect("few");
                order.extras.push(fixture::extra(2, 1_600_000));
                order.holdings.push(Holding::Extra { extra, parts: vec![Part { block: 0, quantity: 2 }] });
            }
        })
    };
    let [none, one, two] = [0, 1, 2].map(|count| bytes(&with(count)));
    assert!(one - none <= 150 && two <= 1024, "{none}, {one}, {two} bytes");
    let written = with(2);
    let as_read = read(write(&written, None).expect("an item")).expect("is read");
    assert_eq!(as_read, written);
}

#[tokio::test]
async fn a_refund_claim_is_read_as_it_was_written() {
    let (store, clock) = store_with_clock().await;
    let mut order = order(clock.now());
    let asked = RefundAsk { amount: 7, begun: clock.now(), may_have_been_asked: false };
    let RefundProgress::Claimed { amount, begun, until, .. } = asked.claim(clock.now()) else {
        panic!("a claim")
    };
    for (owner, unasked) in [(Some(u64::MAX), true), (Some(1), false), (None, true), (None, false)] {
        order.edit(|order| {
            order.id = OrderId::of_quote(domain::QuoteId::generate(clock.now()), order.user);
            order.payments[0].refund = Some(RefundProgress::Claimed { amount, begun, until, owner, unasked });
        });
        store.create_order(&order).await.expect("written");
        assert_eq!(store.order(order.user, order.id).await.expect("read"), Some(order.clone()));
    }
}

#[test]
fn holdings_have_one_text() {
    let now = Timestamp::UNIX_EPOCH;
    let parts = vec![Part { block: 12, quantity: 2 }, Part { block: 13, quantity: 1 }];
    for holding in order(now)
        .holdings
        .clone()
        .into_iter()
        .chain([Holding::Admissions { line: 1, parts: parts.clone() }, Holding::Extra { extra: 9, parts }])
    {
        assert_eq!(parse_holding(&holding_text(&holding)), Some(holding));
    }
    for text in ["", "x", "r0:3", "a:1x1", "a0:1", "sabc:0x1", "é"] {
        assert_eq!(parse_holding(text), None, "{text}");
    }
}

#[tokio::test]
async fn an_order_is_read_as_it_was_written_and_costs_one_write_unit() {
    let (store, clock) = store_with_clock().await;
    let order = order(clock.now());
    assert_eq!(store.create_order(&order).await.expect("written"), None);
    assert_eq!(store.order(order.user, order.id).await.expect("read"), Some(order.clone()));
    let mut order = order;
    let change = order.settle_free(Secured::All(order.holdings.clone()), clock.now());
    let order = store.save_order(&order, &change, clock.now()).await.expect("written");
    assert_eq!(order.version, 2);
    let bytes = bytes(&order);
    assert!(bytes <= 1024, "an order of two costs more than one write unit: {bytes} bytes");
    assert_eq!(store.buyer_of(order.event, order.id).await.expect("read"), Some(order.user));
}

#[tokio::test]
async fn a_second_creation_gets_the_first_order_and_a_stale_change_is_refused() {
    let (store, clock) = store_with_clock().await;
    let first = order(clock.now());
    store.create_order(&first).await.expect("written");
    let second = first.clone().with(|order| order.total = 1);
    assert_eq!(store.create_order(&second).await.expect("read"), Some(first.clone()));

    let save = async |order: &Order, change: &Change| store.save_order(order, change, clock.now()).await;
    let mut cancelled = first.clone();
    let change = cancelled.cancel(clock.now()).expect("unpaid");
    let written = save(&cancelled, &change).await.expect("written");
    assert_eq!(save(&cancelled, &change).await.expect("the same change is no conflict"), written);
    let mut late = first.clone();
    let change = late.settle_free(Secured::All(Vec::new()), clock.now());
    assert!(matches!(save(&late, &change).await, Err(GateError::Failure(Failure::Refused(_)))));
}

#[tokio::test]
async fn mailing_is_noted_once_and_makes_a_concurrent_change_stale() {
    let (store, clock) = store_with_clock().await;
    let order = order(clock.now()).with(|order| order.status = OrderStatus::Paid);
    store.create_order(&order).await.expect("written");
    let (user, id) = (order.user, order.id);
    store.mark_mailed(user, id, clock.now()).await.expect("noted");
    let noted = store.order(user, id).await.expect("read").expect("there");
    clock.advance(Duration::from_secs(60));
    store.mark_mailed(user, id, clock.now()).await.expect("noted");
    assert_eq!(store.order(user, id).await.expect("read").expect("there"), noted);
    let late = store.save_order(&order, &Change::default(), clock.now()).await;
    assert!(matches!(late, Err(GateError::Failure(Failure::Refused(_)))));
}

#[tokio::test]
async fn the_newest_order_comes_first() {
    let (store, clock) = store_with_clock().await;
    let user = UserId::generate(clock.now());
    let mut ids = Vec::new();
    for _ in 0..3 {
        clock.advance(Duration::from_secs(3600));
        let order = order(clock.now()).with(|order| order.user = user);
        store.create_order(&order).await.expect("written");
        ids.insert(0, order.id);
    }
    let page = store.orders(user, None, 2).await.expect("read");
    assert_eq!(page.items.iter().map(|order| order.id).collect::<Vec<_>>(), ids[..2]);
    let rest = store.orders(user, page.last.as_deref(), 2).await.expect("read");
    assert_eq!(rest.items[0].id, ids[2]);
    let recent = store.orders_since(user, ids[1].created_at()).await.expect("read");
    assert_eq!(recent.len(), 2);
}
