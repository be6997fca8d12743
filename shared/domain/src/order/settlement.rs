//! The consequences of a gateway's report about a payment for its order.

use super::{Order, OrderStatus, Payment, PaymentState, RefundProgress, UnusedReason};
use crate::gateway_account::AccountRef;
use crate::payment::{Dispute, PaymentReport, PaymentStatus};

/// The consequence of a gateway's report about a payment. There is one step at a time: once it is
/// written, the same report is judged again until nothing changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settlement {
    /// Nothing changes.
    Nothing,
    /// Note that the buyer has paid and the gateway decides.
    Process,
    /// Note that it was declined; the buyer may try again.
    Decline,
    /// Sell the places and issue the tickets.
    Settle,
    /// It pays for no tickets: give it back.
    GiveBack(UnusedReason),
    /// The amount or currency is another than was asked for: tell the organiser.
    Alert,
    /// Note that the money went back before it paid for anything.
    Return,
    /// Note that this much of what was due is back with the buyer, in minor units, although no
    /// answer to us said so.
    ConfirmRefund(i64),
    /// Note that this much was given back at the gateway without us, in minor units: the rest may
    /// not cover the tickets.
    RefundedElsewhere(i64),
    /// Note that the dispute was opened, won or lost.
    Dispute(Dispute),
}

impl Order {
    /// The index in `payments` of the payment that `report` is about. An undecided one stands for
    /// any payment of its try: hosted pages let a buyer try again under the same reference.
    pub fn payment_of(&self, attempt: u8, report: &PaymentReport) -> Option<usize> {
        let undecided = |payment: &Payment| payment.attempt == attempt && payment.is_undecided();
        self.payments
            .iter()
            .position(|payment| payment.payment_id.as_deref() == Some(&report.payment_id))
            .or_else(|| self.payments.iter().position(undecided))
    }

    /// The organiser's account with which a payment of this order was made; `None` at the sandbox.
    pub fn account_of(&self, payment: &Payment) -> Option<AccountRef> {
        payment.account.map(|id| AccountRef { tenant_id: self.tenant, id })
    }

    /// The consequence of a report about a payment of the try `attempt`.
    pub fn settlement(&self, attempt: u8, report: &PaymentReport) -> Settlement {
        let payment = self.payment_of(attempt, report).map(|index| &self.payments[index]);
        match (payment.map(|payment| payment.state), report.status) {
            (Some(PaymentState::Mismatched | PaymentState::Returned), _) | (_, PaymentStatus::Open) => {
                Settlement::Nothing
            }
            (Some(PaymentState::Pending | PaymentState::Declined), PaymentStatus::Pending)
                if !self.status.has_outcome() && payment.is_some_and(|known| !known.closed) =>
            {
                Settlement::Process
            }
            // The gateway tells more of a slip than before.
            (Some(PaymentState::Processing), PaymentStatus::Pending)
                if payment.is_some_and(|known| {
                    known.payment_id.as_deref() == Some(&report.payment_id)
                        && known.after(report).later != known.later
                }) =>
            {
                Settlement::Process
            }
            (_, PaymentStatus::Pending) => Settlement::Nothing,
            (Some(PaymentState::Approved), _) => {
                payment.map_or(Settlement::Nothing, |payment| after(payment, report))
            }
            (_, PaymentStatus::Approved) => self.approved(report),
            // No payment of the try is undecided, so a report without money changes nothing.
            (None, _) => Settlement::Nothing,
            // Another card under the same reference, which says nothing about the payment that is
            // being processed.
            (Some(PaymentState::Processing), _)
                if payment
                    .and_then(|known| known.payment_id.as_ref())
                    .is_some_and(|id| *id != report.payment_id) =>
            {
                Settlement::Nothing
            }
            (Some(_), PaymentStatus::Refunded) => Settlement::Return,
            (Some(PaymentState::Pending | PaymentState::Processing), _) => Settlement::Decline,
            (Some(PaymentState::Declined), _) => Settlement::Nothing,
        }
    }

    /// The consequence of money at the gateway that has paid for nothing yet.
    fn approved(&self, report: &PaymentReport) -> Settlement {
        if report.amount != self.total() {
            // A payment that was not noted before a crash counts as well: it still names our order.
            return Settlement::Alert;
        }
        match self.status {
            OrderStatus::Held | OrderStatus::AwaitingPayment => Settlement::Settle,
            // A buyer who cancelled may have bought other tickets since, and expects none of these.
            OrderStatus::Released => Settlement::GiveBack(UnusedReason::Cancelled),
            OrderStatus::RefundDue => {
                let before = self.payments.iter().find_map(|payment| payment.unused);
                Settlement::GiveBack(before.unwrap_or(UnusedReason::PlacesGone))
            }
            OrderStatus::Paid | OrderStatus::PartlyRefunded | OrderStatus::Refunded => {
                Settlement::GiveBack(UnusedReason::PaidTwice)
            }
        }
    }

    /// The part of the price of the valid tickets and vouchers that no kept money covers, in minor units.
    /// More than zero once money left by another way than ours.
    pub fn uncovered(&self) -> i64 {
        let valid = self.valid_parts();
        let prices = self.part_totals().filter(|(part, _)| valid.contains(part));
        let worth: i64 = prices.map(|(_, price)| price).sum();
        (worth - self.kept()).max(0)
    }
}

/// The consequence of a report about a payment that was approved.
fn after(payment: &Payment, report: &PaymentReport) -> Settlement {
    let back = match report.status {
        PaymentStatus::Refunded => payment.amount,
        // Some gateways count what the bank took as given back.
        PaymentStatus::ChargedBack => payment.refunded,
        _ => report.refunded.amount,
    } - payment.refunded;
    match &payment.refund {
        _ if back <= 0 => {}
        _ if payment.refund_due == 0 => return Settlement::RefundedElsewhere(back),
        // No worker has begun: money that went back meanwhile is not given back again.
        None => return Settlement::ConfirmRefund(back.min(payment.refund_due)),
        // The worker that has the claim writes the result.
        Some(RefundProgress::Claimed { .. }) => {}
        Some(RefundProgress::Pending { amount, .. } | RefundProgress::Manual { amount, .. }) => {
            if back >= *amount {
                return Settlement::ConfirmRefund(*amount);
            }
        }
    }
    let dispute = match (report.status, report.dispute) {
        (PaymentStatus::ChargedBack, None) => Some(Dispute::Lost),
        (_, dispute) => dispute,
    };
    match (payment.dispute, dispute) {
        // A report from before the decision, or the decision again.
        (Some(Dispute::Won | Dispute::Lost), Some(Dispute::Open)) => Settlement::Nothing,
        (known, Some(dispute)) if known != Some(dispute) => Settlement::Dispute(dispute),
        _ => Settlement::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{now, order};
    use super::super::{OrderStatus, PaymentState, RefundAsk};
    use super::*;
    use crate::payment::ManualReason;
    use crate::{Currency, Money};

    fn report(id: &str, status: PaymentStatus, amount: i64) -> PaymentReport {
        PaymentReport::new(id.to_owned(), String::new(), status, Money::new(amount, Currency::CLP))
    }

    #[test]
    fn the_consequence_of_a_report_depends_on_the_order() {
        use OrderStatus::{AwaitingPayment, Held, Paid, RefundDue, Refunded, Released};
        use PaymentState::{Approved, Declined, Mismatched, Pending, Processing, Returned};
        use PaymentStatus as Is;
        use Settlement::{Alert, Decline, Nothing, Process, Return, Settle};
        let twice = Settlement::GiveBack(UnusedReason::PaidTwice);
        let cancelled = Settlement::GiveBack(UnusedReason::Cancelled);
        let too_late = Settlement::GiveBack(UnusedReason::PlacesGone);
        let cases = [
            // The usual way.
            (AwaitingPayment, vec![Pending], 0, Is::Open, 100, Nothing),
            (AwaitingPayment, vec![Pending], 0, Is::Pending, 100, Process),
            (AwaitingPayment, vec![Declined], 0, Is::Pending, 100, Process),
            (AwaitingPayment, vec![Processing], 0, Is::Pending, 100, Nothing),
            (AwaitingPayment, vec![Processing], 0, Is::Approved, 100, Settle),
            (Paid, vec![Approved, Pending], 1, Is::Pending, 100, Nothing),
            (AwaitingPayment, vec![Processing], 0, Is::Declined, 100, Decline),
            (AwaitingPayment, vec![Pending], 0, Is::Approved, 100, Settle),
            (AwaitingPayment, vec![Pending], 0, Is::Declined, 100, Decline),
            (AwaitingPayment, vec![Pending], 0, Is::Expired, 100, Decline),
            // The same again.
            (AwaitingPayment, vec![Declined], 0, Is::Cancelled, 100, Nothing),
            // After the buyer cancelled. A hold that only ran out is not written as released.
            (Released, vec![Pending], 0, Is::Approved, 100, cancelled),
            (Released, vec![Declined], 0, Is::Approved, 100, cancelled),
            (Released, vec![Pending], 0, Is::Approved, 99, Alert),
            // Approved after all, or by another card under the same reference.
            (AwaitingPayment, vec![Declined], 0, Is::Approved, 100, Settle),
            // Paid twice: by two tries, by one, after it was refunded.
            (Paid, vec![Approved, Pending], 1, Is::Approved, 100, twice),
            (Paid, vec![Approved, Declined], 1, Is::Approved, 100, twice),
            (Paid, vec![Approved], 0, Is::Approved, 100, twice),
            (Refunded, vec![Approved, Pending], 1, Is::Approved, 100, twice),
            (RefundDue, vec![Approved, Pending], 1, Is::Approved, 100, too_late),
            // Another card under the reference of the payment that paid.
            (Paid, vec![Approved], 0, Is::Declined, 100, Nothing),
            (Paid, vec![Approved], 0, Is::Refunded, 100, Nothing),
            // Another amount than was asked for.
            (AwaitingPayment, vec![Pending], 0, Is::Approved, 99, Alert),
            (Paid, vec![Mismatched], 0, Is::Approved, 100, twice),
            // Made at the gateway, but never noted.
            (Held, vec![], 0, Is::Approved, 100, Settle),
            (Held, vec![], 0, Is::Approved, 1, Alert),
            (Paid, vec![], 3, Is::Approved, 100, twice),
            (Held, vec![], 0, Is::Declined, 100, Nothing),
            (Held, vec![], 0, Is::ChargedBack, 100, Nothing),
            // It went back at the gateway before we looked.
            (AwaitingPayment, vec![Pending], 0, Is::Refunded, 100, Return),
            (AwaitingPayment, vec![Declined], 0, Is::Refunded, 100, Return),
            // The bank took it back before we looked, and may give it again.
            (AwaitingPayment, vec![Pending], 0, Is::ChargedBack, 100, Decline),
            (Paid, vec![Returned, Approved], 0, Is::Declined, 100, Nothing),
        ];
        for (status, payments, attempt, is, amount, expected) in cases {
            let settlement = order(status, &payments).settlement(attempt, &report("new", is, amount));
            assert_eq!(settlement, expected, "{status:?} {payments:?} {attempt} {is:?} {amount}");
        }
        let ars =
            PaymentReport { amount: Money::new(100, Currency::ARS), ..report("new", Is::Approved, 100) };
        assert_eq!(order(AwaitingPayment, &[Pending]).settlement(0, &ars), Alert);
    }

    /// An order that was paid by the payment `known`.
    fn paid() -> Order {
        let mut order = order(OrderStatus::Paid, &[PaymentState::Approved]);
        order.0.payments[0].payment_id = Some("known".to_owned());
        order
    }

    fn known(status: PaymentStatus, refunded: i64, dispute: Option<Dispute>) -> PaymentReport {
        let refunded = Money::new(refunded, Currency::CLP);
        PaymentReport { refunded, dispute, ..report("known", status, 100) }
    }

    #[test]
    fn a_report_of_another_card_leaves_a_processing_payment_alone() {
        let mut order = order(OrderStatus::AwaitingPayment, &[PaymentState::Processing]);
        order.0.payments[0].payment_id = Some("this".to_owned());
        for status in [PaymentStatus::Declined, PaymentStatus::Refunded, PaymentStatus::Pending] {
            assert_eq!(order.settlement(0, &report("another", status, 100)), Settlement::Nothing);
        }
        assert_eq!(order.settlement(0, &report("this", PaymentStatus::Declined, 100)), Settlement::Decline);
        assert_eq!(order.settlement(0, &report("another", PaymentStatus::Approved, 100)), Settlement::Settle);
    }

    #[test]
    fn a_report_that_was_noted_changes_nothing_again() {
        for state in [PaymentState::Mismatched, PaymentState::Returned] {
            let mut order = order(OrderStatus::AwaitingPayment, &[state]);
            order.0.payments[0].payment_id = Some("known".to_owned());
            for status in [PaymentStatus::Approved, PaymentStatus::Refunded, PaymentStatus::Declined] {
                assert_eq!(order.settlement(0, &known(status, 0, None)), Settlement::Nothing);
            }
        }
        for status in [PaymentStatus::Approved, PaymentStatus::Declined, PaymentStatus::Pending] {
            assert_eq!(paid().settlement(0, &known(status, 0, None)), Settlement::Nothing);
        }
    }

    #[test]
    fn our_own_refunds_are_told_from_those_made_elsewhere() {
        let (approved, refunded) = (PaymentStatus::Approved, PaymentStatus::Refunded);
        let mut order = paid();
        let judged = |order: &Order, status, back| order.settlement(0, &known(status, back, None));
        assert_eq!(judged(&order, refunded, 0), Settlement::RefundedElsewhere(100));
        assert_eq!(judged(&order, approved, 30), Settlement::RefundedElsewhere(30));
        // Our own refund.
        order.0.payments[0].refunded = 30;
        assert_eq!(judged(&order, approved, 30), Settlement::Nothing);
        assert_eq!(judged(&order, approved, 0), Settlement::Nothing, "an old report");
        assert_eq!(judged(&order, refunded, 100), Settlement::RefundedElsewhere(70));
        // A due refund that was made by another way first.
        order.0.payments[0].refund_due = 60;
        assert_eq!(judged(&order, approved, 50), Settlement::ConfirmRefund(20));
        assert_eq!(judged(&order, refunded, 0), Settlement::ConfirmRefund(60));
        // A refund that a worker is asking for.
        order.0.payments[0].refund =
            Some(RefundAsk { amount: 50, begun: now(), may_have_been_asked: false }.claim(now()));
        assert_eq!(judged(&order, approved, 80), Settlement::Nothing);
        // A refund that the gateway decided, or a person did by hand; more is due by now.
        let pending = RefundProgress::Pending { amount: 50, refund_id: "r".to_owned(), since: now() };
        let manual = RefundProgress::Manual { amount: 50, reason: ManualReason::Unsupported, since: now() };
        for progress in [pending, manual] {
            order.0.payments[0].refund = Some(progress);
            assert_eq!(judged(&order, approved, 79), Settlement::Nothing, "not all of it yet");
            assert_eq!(judged(&order, approved, 80), Settlement::ConfirmRefund(50));
            assert_eq!(judged(&order, refunded, 0), Settlement::ConfirmRefund(50));
            assert_eq!(judged(&order, PaymentStatus::ChargedBack, 80), Settlement::Dispute(Dispute::Lost));
        }
    }

    #[test]
    fn a_dispute_goes_forward_only() {
        let mut order = paid();
        let judged = |order: &Order, status, dispute| order.settlement(0, &known(status, 0, dispute));
        let (approved, back) = (PaymentStatus::Approved, PaymentStatus::ChargedBack);
        assert_eq!(judged(&order, approved, Some(Dispute::Open)), Settlement::Dispute(Dispute::Open));
        assert_eq!(judged(&order, back, None), Settlement::Dispute(Dispute::Lost));
        order.0.payments[0].dispute = Some(Dispute::Open);
        assert_eq!(judged(&order, back, Some(Dispute::Open)), Settlement::Nothing);
        assert_eq!(judged(&order, approved, Some(Dispute::Won)), Settlement::Dispute(Dispute::Won));
        assert_eq!(judged(&order, back, Some(Dispute::Lost)), Settlement::Dispute(Dispute::Lost));
        order.0.payments[0].dispute = Some(Dispute::Lost);
        assert_eq!(judged(&order, back, Some(Dispute::Open)), Settlement::Nothing);
        assert_eq!(judged(&order, back, None), Settlement::Nothing);
        assert_eq!(judged(&order, approved, Some(Dispute::Won)), Settlement::Dispute(Dispute::Won));
    }

    #[test]
    fn tickets_are_covered_by_kept_money() {
        let mut order = paid();
        assert_eq!(order.uncovered(), 0);
        order.0.payments[0].refunded = 33;
        assert_eq!(order.uncovered(), 33);
        order.0.tickets.entry(2).or_default().refunded = true;
        assert_eq!(order.uncovered(), 0);
        order.0.payments[0].refund_due = 67;
        assert_eq!(order.uncovered(), 67);
        let mut lost = paid();
        lost.0.payments[0].dispute = Some(Dispute::Open);
        assert_eq!(lost.uncovered(), 0);
        lost.0.payments[0].dispute = Some(Dispute::Lost);
        assert_eq!(lost.uncovered(), 100);
    }
}
