//! Entries that are reported after the ticket was refunded, transferred or used.

use domain::late_entry::ConflictKind::{Refunded, Transferred, UsedTwice};
use domain::late_entry::{ConflictKind, LateEntry};

use super::*;
use crate::testing::metered;

/// A ticket in a table, and what a test does with it.
struct Door {
    store: Store,
    order: Order,
    ticket: TicketId,
}

impl Door {
    async fn open() -> Self {
        let (store, order) = (store().await, paid_order());
        store.create_order(&order).await.expect("created");
        Self { store, ticket: order.id.ticket(0), order }
    }

    async fn refund(&self, second: i64) {
        let order = self.order.clone().with(|order| order.status = OrderStatus::PartlyRefunded);
        let change = Change { revokes: Revocation::Parts(vec![self.ticket.into()]), ..Change::default() };
        self.store.save_order(&order, &change, at(second)).await.expect("refunded");
    }

    async fn transfer(&self, serial: u16, second: i64) {
        let part = self.store.rotate_part(self.order.event, self.ticket, serial, at(second));
        self.store.transact(vec![part.expect("complete")]).await.expect("handed on");
    }

    async fn report(&self, serial: u16, let_in: Option<bool>, scan: &Scan) -> Report {
        self.store.report(self.order.event, self.ticket, serial, let_in, scan).await.expect("answers")
    }

    async fn redeem(&self, serial: u16, scan: &Scan) -> Redemption {
        self.store.redeem(self.order.event, self.ticket, serial, scan).await.expect("answers")
    }

    /// The kind, the time of the entry and `since` of each conflict.
    async fn conflicts(&self) -> Vec<(ConflictKind, Timestamp, Timestamp)> {
        let conflicts = self.store.conflicts(self.order.event).await.expect("answers");
        let of_ticket =
            self.store.conflicts_of(self.order.event, &[self.ticket.into()]).await.expect("answers");
        assert_eq!(of_ticket.len(), conflicts.len());
        let summary = self.store.gate_summary(self.order.event).await.expect("answers");
        assert_eq!(summary.conflicts, conflicts.len());
        let row = |conflict: Conflict| (conflict.late.kind, conflict.scan.at, conflict.late.since);
        conflicts.into_iter().map(row).collect()
    }
}

fn late(kind: ConflictKind, since: i64, was_valid: bool, redeems: bool) -> Option<LateEntry> {
    Some(LateEntry { kind, since: at(since), was_valid, redeems })
}

#[tokio::test]
async fn an_entry_before_the_refund_uses_the_ticket_and_stays_known() {
    let door = Door::open().await;
    door.refund(20).await;
    let entry = scan("offline", 10);
    for _ in 0..2 {
        let report = door.report(0, None, &entry).await;
        assert_eq!(report.redemption, Redemption::Admitted(at(10)));
        assert_eq!(report.conflict, late(Refunded, 20, true, true));
    }
    assert_eq!(door.conflicts().await, [(Refunded, at(10), at(20))]);
    assert_eq!(door.redeem(0, &scan("b", 30)).await, Redemption::Refused(Closed::Revoked(at(20))));
    let summary = door.store.gate_summary(door.order.event).await.expect("answers");
    assert_eq!((summary.admitted, summary.revoked), (1, 1));
}

#[tokio::test]
async fn an_entry_after_the_refund_is_kept_if_the_scanner_let_it_happen() {
    let door = Door::open().await;
    door.refund(20).await;
    let refused = Redemption::Refused(Closed::Revoked(at(20)));
    let sent_away = door.report(0, Some(false), &scan("a", 30)).await;
    assert_eq!(sent_away, Report { redemption: refused.clone(), conflict: None });
    assert_eq!(door.conflicts().await, []);
    let entry = scan("b", 31);
    for _ in 0..2 {
        let report = door.report(0, Some(true), &entry).await;
        assert_eq!(
            report,
            Report { redemption: refused.clone(), conflict: late(Refunded, 20, false, false) }
        );
    }
    assert_eq!(door.conflicts().await, [(Refunded, at(31), at(20))]);
}

#[tokio::test]
async fn an_entry_before_the_transfer_leaves_the_new_holder_outside() {
    let door = Door::open().await;
    door.transfer(0, 20).await;
    door.transfer(1, 25).await;
    let report = door.report(0, None, &scan("old", 10)).await;
    assert_eq!(report.redemption, Redemption::Admitted(at(10)));
    assert_eq!(report.conflict, late(Transferred, 20, true, true));
    assert!(matches!(door.redeem(2, &scan("new", 40)).await, Redemption::Refused(Closed::Used(_))));
    // The second holder entered, too, with a code that had ended by then.
    let report = door.report(1, None, &scan("between", 30)).await;
    assert_eq!(report.redemption, Redemption::Refused(Closed::Superseded));
    assert_eq!(report.conflict, late(Transferred, 25, false, false));
    assert_eq!(door.conflicts().await, [(Transferred, at(10), at(20)), (Transferred, at(30), at(25))]);
    let other_code = door.report(1, Some(false), &scan("old", 10)).await;
    assert_eq!(other_code.redemption, Redemption::Refused(Closed::Superseded), "no repetition of the first");
}

#[tokio::test]
async fn an_entry_with_a_void_code_leaves_the_ticket_to_its_new_holder() {
    let door = Door::open().await;
    door.transfer(0, 20).await;
    let report = door.report(0, None, &scan("old", 30)).await;
    assert_eq!(report.conflict, late(Transferred, 20, false, false));
    assert_eq!(door.redeem(1, &scan("new", 40)).await, Redemption::Admitted(at(40)));
    assert_eq!(door.conflicts().await, [(Transferred, at(30), at(20))]);
}

#[tokio::test]
async fn two_doors_that_let_in_with_one_ticket_are_both_known() {
    let door = Door::open().await;
    let first = Scan { device: Some(DeviceId::generate(at(0))), ..scan("a", 20) };
    assert_eq!(door.redeem(0, &first).await, Redemption::Admitted(at(20)));
    // A second scan by the scanner that let the holder in is no second entry.
    let again = Scan { nonce: "b".to_owned(), at: at(25), ..first.clone() };
    assert_eq!(door.report(0, None, &again).await.conflict, None);
    let earlier = door.report(0, None, &scan("c", 10)).await;
    assert_eq!(earlier.redemption, Redemption::Refused(Closed::Used(first)), "one ticket admits once");
    assert_eq!(earlier.conflict, late(UsedTwice, 20, true, false));
    assert_eq!(door.conflicts().await, [(UsedTwice, at(10), at(20))]);
}

#[tokio::test]
async fn the_next_person_with_a_paired_scanner_reports_what_is_left_in_it() {
    let door = Door::open().await;
    let device = Some(DeviceId::generate(at(0)));
    let first = Scan { device, ..scan("a", 200) };
    let next_shift = Scan { by: UserId::generate(at(9)), ..first.clone() };
    assert_eq!(door.report(0, Some(true), &first).await.conflict, None);
    for again in [next_shift.clone(), Scan { at: at(203), ..next_shift.clone() }] {
        let report = door.report(0, Some(true), &again).await;
        let redemption = Redemption::Refused(Closed::Used(first.clone()));
        assert_eq!(report, Report { redemption, conflict: None }, "no second entry");
    }
    let other = Scan { at: at(100), ..next_shift.clone() };
    let report = door.report(0, Some(true), &other).await;
    assert_eq!(report.redemption, Redemption::Refused(Closed::Used(first)), "another entry of that name");
    assert_eq!(report.conflict, late(UsedTwice, 200, true, false));
    // The same entry, sent by a third person with the scanner, is known.
    let kept = Scan { by: UserId::generate(at(10)), ..other };
    assert_eq!(door.report(0, Some(true), &kept).await.conflict, report.conflict);
    assert_eq!(door.conflicts().await.len(), 1);
    // At the door, the next person's scan is another scan.
    assert!(matches!(door.redeem(0, &next_shift).await, Redemption::Refused(Closed::Used(_))));
}

#[tokio::test]
async fn reports_at_once_are_all_kept_once_and_bounded() {
    let door = std::sync::Arc::new(Door::open().await);
    door.redeem(0, &scan("online", 0)).await;
    let reports = |count| {
        let door = door.clone();
        at_once(count, move |index| {
            let (door, scan) =
                (door.clone(), scan(&format!("n-{index}"), 1 + i64::try_from(index).expect("few")));
            let scan = Scan { by: door.order.user, ..scan };
            async move { door.report(0, Some(true), &scan).await.conflict.is_some() }
        })
    };
    assert_eq!(reports(12).await, [true; 12]);
    assert_eq!(reports(12).await, [true; 12], "sent again, they are known");
    assert_eq!(door.conflicts().await.len(), 12);
    let kept = reports(30).await.into_iter().filter(|kept| *kept).count();
    assert_eq!((kept, door.conflicts().await.len()), (20, 20));
}

#[tokio::test]
async fn a_report_that_contradicts_nothing_costs_one_write() {
    let door = Door::open().await;
    let (store, meter) = metered(&door.store);
    let report = store.report(door.order.event, door.ticket, 0, None, &scan("a", 1)).await.expect("answers");
    assert_eq!(report, Report { redemption: Redemption::Admitted(at(1)), conflict: None });
    assert_eq!(meter.take(), [1.0]);
}
