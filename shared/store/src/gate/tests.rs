use domain::OrderId;
use domain::order::{Change, Order, OrderStatus, Revocation, fixture};
use domain::testing::at;

use super::*;
use crate::testing::{at_once, meeting, store};

mod late;

/// A paid order of two tickets.
pub(crate) fn paid_order() -> Order {
    fixture::order(OrderStatus::Paid, &[]).with(|order| {
        order.lines = vec![fixture::line(2, 2000)];
        order.total = 2000;
    })
}

pub(crate) fn scan(nonce: &str, second: i64) -> Scan {
    let by = UserId::generate(at(0));
    Scan { nonce: nonce.to_owned(), by, device: None, session: None, at: at(second) }
}

fn ticket() -> (EventId, TicketId) {
    (EventId::generate(at(0)), OrderId::generate(at(0)).ticket(0))
}

#[tokio::test]
async fn a_ticket_admits_once_and_a_repeated_scan_gets_its_answer_again() {
    let store = store().await;
    let (event, ticket) = ticket();
    let device = DeviceId::generate(at(0));
    let first = Scan { device: Some(device), ..scan("a", 1) };
    let redeem = |serial, scan| {
        let store = &store;
        async move { store.redeem(event, ticket, serial, &scan).await.expect("answers") }
    };
    assert_eq!(redeem(1, scan("x", 0)).await, Redemption::Refused(Closed::Superseded), "no such code yet");
    assert_eq!(redeem(0, first.clone()).await, Redemption::Admitted(at(1)));
    assert_eq!(redeem(0, Scan { at: at(2), ..first.clone() }).await, Redemption::Admitted(at(1)));
    assert_eq!(redeem(0, scan("b", 3)).await, Redemption::Refused(Closed::Used(first)));
    assert!(matches!(store.gate(event, ticket, 0).await, Ok(Some(Closed::Used(_)))));
}

#[tokio::test]
async fn a_scan_is_repeated_by_its_own_person_with_its_own_scanner() {
    let store = store().await;
    let event = EventId::generate(at(0));
    let device = |second| Some(DeviceId::generate(at(second)));
    let session = |second| Some(SessionId::generate(at(second)));
    for (number, device_of_first) in [(0, None), (1, device(0))] {
        let ticket = OrderId::generate(at(0)).ticket(number);
        let session_of_first = if number == 0 { session(0) } else { None };
        let first = Scan { device: device_of_first, session: session_of_first, ..scan("a", 1) };
        let others = [
            Scan { by: UserId::generate(at(1)), at: at(90), ..first.clone() },
            Scan { session: session(1), at: at(90), ..first.clone() },
            Scan { device: device(1), ..first.clone() },
            Scan { device: if number == 0 { device(2) } else { None }, ..first.clone() },
            Scan { nonce: "b".to_owned(), ..first.clone() },
        ];
        let redeem = |scan| {
            let store = &store;
            async move { store.redeem(event, ticket, 0, &scan).await.expect("answers") }
        };
        assert_eq!(redeem(first.clone()).await, Redemption::Admitted(at(1)));
        for other in others {
            assert_eq!(redeem(other.clone()).await, Redemption::Refused(Closed::Used(first.clone())));
            let report = store.report(event, ticket, 0, Some(false), &other).await.expect("answers");
            assert_eq!(report.redemption, Redemption::Refused(Closed::Used(first.clone())));
        }
        assert_eq!(redeem(Scan { at: at(9), ..first }).await, Redemption::Admitted(at(1)));
    }
}

/// Redeems one ticket by 64 scanners of different people who all use one nonce. Returns how many of the
/// results `judge` accepts.
async fn with_one_nonce(judge: fn(&Scan, Redemption) -> bool) -> usize {
    let store = store().await;
    let (event, ticket) = ticket();
    let admitted = at_once(64, |index| {
        let (store, scan) = (store.clone(), scan("scan-1", i64::try_from(index).expect("few")));
        async move { judge(&scan, store.redeem(event, ticket, 0, &scan).await.expect("answers")) }
    });
    admitted.await.into_iter().filter(|admitted| *admitted).count()
}

#[tokio::test]
async fn of_many_scanners_with_one_nonce_exactly_one_admits() {
    assert_eq!(with_one_nonce(|_, result| matches!(result, Redemption::Admitted(_))).await, 1);
}

#[tokio::test]
async fn judged_by_the_nonce_alone_all_scanners_would_admit() {
    let by_nonce = |scan: &Scan, result| match result {
        Redemption::Admitted(_) => true,
        Redemption::Refused(Closed::Used(first)) => first.nonce == scan.nonce,
        Redemption::Refused(_) => false,
    };
    assert_eq!(with_one_nonce(by_nonce).await, 64);
}

#[tokio::test]
async fn an_old_code_is_refused_and_the_new_one_admits() {
    let store = store().await;
    let (event, ticket) = ticket();
    assert_eq!(store.gate(event, ticket, 0).await.expect("answers"), None);
    for serial in 0..2 {
        let rotate = vec![store.rotate_part(event, ticket, serial, at(0)).expect("complete")];
        store.transact(rotate).await.expect("rotated");
    }
    for old in [0, 1, 3] {
        let refused = store.redeem(event, ticket, old, &scan("a", 0)).await.expect("answers");
        assert_eq!(refused, Redemption::Refused(Closed::Superseded));
    }
    let rotate = vec![store.rotate_part(event, ticket, 1, at(0)).expect("complete")];
    assert!(matches!(store.transact(rotate).await, Err(Failure::Refused(Some(_)))), "not twice");
    assert_eq!(
        store.redeem(event, ticket, 2, &scan("a", 5)).await.expect("answers"),
        Redemption::Admitted(at(5))
    );
    let rotate = vec![store.rotate_part(event, ticket, 2, at(0)).expect("complete")];
    assert!(matches!(store.transact(rotate).await, Err(Failure::Refused(Some(_)))), "not when used");
}

#[tokio::test]
async fn of_many_scans_at_once_exactly_one_admits() {
    let store = meeting(&store().await, 64);
    let (event, ticket) = ticket();
    let results = at_once(64, |index| {
        let (store, scan) =
            (store.clone(), scan(&format!("nonce-{index}"), i64::try_from(index).expect("few")));
        async move { store.redeem(event, ticket, 0, &scan).await.expect("answers") }
    })
    .await;
    let admitted: Vec<_> = results
        .iter()
        .filter_map(|result| match result {
            Redemption::Admitted(at) => Some(*at),
            Redemption::Refused(_) => None,
        })
        .collect();
    assert_eq!(admitted.len(), 1);
    for result in &results {
        if let Redemption::Refused(closed) = result {
            assert!(matches!(closed, Closed::Used(first) if first.at == admitted[0]), "{closed:?}");
        }
    }
}

/// [`Store::redeem`] without its condition: read, then write.
async fn redeem_unguarded(store: &Store, event: EventId, ticket: TicketId, scan: &Scan) -> bool {
    if store.gate(event, ticket, 0).await.expect("answers").is_some() {
        return false;
    }
    let write = store
        .update_of(&keys::gate(event, ticket.into()))
        .update_expression("SET u = :at, n = :nonce, b = :by")
        .expression_attribute_values(":at", number(scan.at.as_millisecond()))
        .expression_attribute_values(":nonce", string(&scan.nonce))
        .expression_attribute_values(":by", string(scan.by.to_string()));
    write.send().await.expect("written");
    true
}

#[tokio::test]
async fn without_the_condition_the_same_race_admits_several() {
    let store = meeting(&store().await, 64);
    let (event, ticket) = ticket();
    let admitted = at_once(64, |index| {
        let (store, scan) = (store.clone(), scan(&format!("nonce-{index}"), 0));
        async move { redeem_unguarded(&store, event, ticket, &scan).await }
    })
    .await;
    assert_eq!(admitted.iter().filter(|admitted| **admitted).count(), 64, "the race test proves nothing");
}

#[tokio::test]
async fn tickets_are_refunded_together_and_never_after_use() {
    let store = store().await;
    let order = paid_order();
    let [one, two] = [order.id.ticket(0), order.id.ticket(1)];
    store.create_order(&order).await.expect("created");
    let after = |version| {
        order.clone().with(|order| (order.version, order.status) = (version, OrderStatus::Refunded))
    };
    let revoke = async |version, tickets: &[TicketId], second| {
        let change = Change {
            revokes: Revocation::Parts(tickets.iter().map(|ticket| (*ticket).into()).collect()),
            ..Change::default()
        };
        store.save_order(&after(version), &change, at(second)).await
    };

    store.redeem(order.event, two, 0, &scan("a", 5)).await.expect("answers");
    let refused = revoke(1, &[one, two], 6).await.expect_err("one is used");
    assert_eq!(Error::from(refused).code(), "ticket_used");
    assert_eq!(store.gate(order.event, one, 0).await.expect("answers"), None, "nothing changed");
    assert_eq!(store.order(order.user, order.id).await.expect("read"), Some(order.clone()));

    let refused = revoke(2, &[one], 7).await.expect_err("another version");
    assert_eq!(Error::from(refused).code(), "changed_meanwhile");
    for _ in 0..2 {
        revoke(1, &[one], 8).await.expect("revoked, also when repeated");
    }
    assert_eq!(
        store.redeem(order.event, one, 0, &scan("b", 9)).await.expect("answers"),
        Redemption::Refused(Closed::Revoked(at(8)))
    );
}

#[tokio::test]
async fn the_summary_and_the_list_have_every_gate() {
    let store = store().await;
    let event = EventId::generate(at(0));
    let mut tickets = Vec::new();
    for index in 0..40 {
        let ticket = OrderId::generate(at(index)).ticket(0);
        store.redeem(event, ticket, 0, &scan("a", index * 30)).await.expect("answers");
        tickets.push(ticket);
    }
    let rotated = OrderId::generate(at(0)).ticket(1);
    let rotate = vec![store.rotate_part(event, rotated, 0, at(0)).expect("complete")];
    store.transact(rotate).await.expect("rotated");
    let [drink, refunded] = [0, 1].map(|index| OrderId::generate(at(0)).voucher(index));
    store.redeem(event, drink, 0, &scan("bar", 9000)).await.expect("answers");
    let revoke = vec![store.revoke_part(event, refunded.into(), at(0)).expect("complete")];
    store.transact(revoke).await.expect("revoked");
    let handed_out = store.handed_out(event, &[drink, refunded]).await.expect("answers");
    assert_eq!(handed_out, [(drink, at(9000))]);

    let summary = store.gate_summary(event).await.expect("answers");
    assert_eq!((summary.admitted, summary.revoked, summary.reissued), (40, 0, 1), "vouchers are no tickets");
    assert_eq!((summary.handed_out, summary.vouchers_revoked), (1, 1));
    assert_eq!(summary.last_at, Some(at(39 * 30)));
    assert_eq!(summary.by_minute.len(), 21, "two scans a minute, from the middle of one");
    assert_eq!(summary.by_minute.values().sum::<u32>(), 40);

    let (mut listed, mut cursor) = (Vec::new(), Some(GateCursor::START));
    while let Some(from) = cursor {
        assert_eq!(from.to_string().parse(), Ok(from));
        let (gates, next) = store.gates(event, from).await.expect("answers");
        listed.extend(gates.into_iter().map(|gate| gate.part));
        cursor = next;
    }
    tickets.push(rotated);
    let mut parts: Vec<OrderPart> = tickets.into_iter().map(OrderPart::from).collect();
    parts.extend([drink, refunded].map(OrderPart::from));
    parts.sort();
    listed.sort();
    assert_eq!(listed, parts);
    for bad in ["", "16", "-1", "0.", "0.x", "a"] {
        assert!(bad.parse::<GateCursor>().is_err(), "{bad}");
    }
}
