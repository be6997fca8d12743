//! Giving money back: who may ask the gateway for it, and what became of it.

use jiff::Timestamp;

use super::{ManualReason, Order, Payment, RefundProgress};
use crate::payment::Dispute;

/// What is to be done about the money of a payment that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundStep {
    /// Nothing is due, or it is with the gateway, a person, or the buyer's bank.
    Nothing,
    /// Another worker has it in hand until then.
    Wait(Timestamp),
    /// Claim it, then ask the gateway for it.
    Ask {
        /// How much, in minor units.
        amount: i64,
        /// When somebody first asked for it. Part of what the gateway recognises a
        /// repetition by, so a worker that takes over asks for the same.
        begun: Timestamp,
    },
    /// The buyer's bank wants the money back, too: a person has to see who gives it.
    ByHand,
}

impl Payment {
    /// What is to be done at `now` about the money that is due.
    pub fn refund_step(&self, now: Timestamp) -> RefundStep {
        match (&self.refund, self.dispute) {
            _ if self.refund_due == 0 => RefundStep::Nothing,
            (Some(RefundProgress::Claimed { until, .. }), _) if now < *until => RefundStep::Wait(*until),
            // The bank gave the buyer the money.
            (Some(RefundProgress::Pending { .. } | RefundProgress::Manual { .. }), _)
            | (_, Some(Dispute::Lost)) => RefundStep::Nothing,
            (_, Some(Dispute::Open)) => RefundStep::ByHand,
            (Some(RefundProgress::Claimed { amount, begun, .. }), _) => {
                RefundStep::Ask { amount: *amount, begun: *begun }
            }
            (None, _) => RefundStep::Ask { amount: self.refund_due, begun: now },
        }
    }

    /// The amount of the refund that is under way, in minor units: what is due grows
    /// while it is, when further tickets are refunded.
    pub fn refund_under_way(&self) -> Option<i64> {
        self.refund.as_ref().map(|progress| match progress {
            RefundProgress::Claimed { amount, .. }
            | RefundProgress::Pending { amount, .. }
            | RefundProgress::Manual { amount, .. } => *amount,
        })
    }

    /// Notes that `amount` of what was due is back with the buyer.
    pub fn book_refund(&mut self, amount: i64) {
        self.refunded += amount;
        self.refund_due = (self.refund_due - amount).max(0);
        self.refund = None;
    }

    /// Notes that a person gave `amount` of what was due back, perhaps without the gateway.
    pub fn book_refund_by_hand(&mut self, amount: i64) {
        self.by_hand += amount;
        self.book_refund(amount);
    }

    /// Leaves `amount` of what is due to a person.
    pub fn leave_to_person(&mut self, amount: i64, reason: ManualReason, now: Timestamp) {
        self.refund = Some(RefundProgress::Manual { amount, reason, since: now });
    }
}

impl Order {
    /// True if a gateway is still to be asked for a refund that nobody began with.
    pub fn has_refund_to_begin(&self) -> bool {
        self.payments.iter().any(|payment| {
            payment.refund_due > 0 && payment.refund.is_none() && payment.dispute != Some(Dispute::Lost)
        })
    }

    /// What of the order's money is still the organiser's and not about to go back,
    /// in minor units.
    pub fn kept(&self) -> i64 {
        self.payments.iter().map(Payment::kept).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::tests::{now, order};
    use super::super::{OrderStatus, PaymentState};
    use super::*;

    #[test]
    fn one_worker_at_a_time_asks_for_a_refund() {
        let mut payment = order(OrderStatus::Paid, &[PaymentState::Approved]).payments.remove(0);
        assert_eq!(payment.refund_step(now()), RefundStep::Nothing);
        payment.refund_due = 60;
        assert_eq!(payment.refund_step(now()), RefundStep::Ask { amount: 60, begun: now() });
        let until = now() + Duration::from_secs(60);
        payment.refund = Some(RefundProgress::Claimed { amount: 60, begun: now(), until });
        payment.refund_due = 100;
        assert_eq!(payment.refund_step(now()), RefundStep::Wait(until));
        let repeated = RefundStep::Ask { amount: 60, begun: now() };
        assert_eq!(payment.refund_step(until), repeated, "the same again, though more is due by now");
        payment.book_refund(60);
        assert_eq!((payment.refunded, payment.refund_due, &payment.refund), (60, 40, &None));
        assert_eq!(payment.refund_step(until), RefundStep::Ask { amount: 40, begun: until });
    }

    #[test]
    fn what_is_with_the_gateway_a_person_or_the_bank_is_not_asked_for() {
        let mut order = order(OrderStatus::Paid, &[PaymentState::Approved]);
        order.payments[0].refund_due = 60;
        let with = |refund, dispute| {
            let mut order = order.clone();
            (order.payments[0].refund, order.payments[0].dispute) = (refund, dispute);
            (order.payments[0].refund_step(now()), order.has_refund_to_begin())
        };
        let pending = RefundProgress::Pending { amount: 60, refund_id: "r".to_owned(), since: now() };
        let manual = RefundProgress::Manual { amount: 60, reason: ManualReason::Declined, since: now() };
        let over = RefundProgress::Claimed { amount: 60, begun: now(), until: now() };
        let again = RefundStep::Ask { amount: 60, begun: now() };
        assert_eq!(with(Some(pending), None), (RefundStep::Nothing, false));
        assert_eq!(with(Some(manual), None), (RefundStep::Nothing, false));
        assert_eq!(with(None, Some(Dispute::Lost)), (RefundStep::Nothing, false));
        assert_eq!(with(Some(over.clone()), Some(Dispute::Lost)), (RefundStep::Nothing, false));
        assert_eq!(with(None, Some(Dispute::Open)), (RefundStep::ByHand, true));
        assert_eq!(with(Some(over.clone()), Some(Dispute::Open)), (RefundStep::ByHand, false));
        assert_eq!(with(Some(over), None), (again, false));
        assert_eq!(with(None, Some(Dispute::Won)), (again, true));
    }
}
