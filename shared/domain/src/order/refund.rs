//! Refunds of payments: their next step, their claims and their booking.

use jiff::Timestamp;

use super::{Order, Payment, RefundProgress};
use crate::payment::{Dispute, ManualReason};

/// The next step for the refund of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundStep {
    /// Nothing is due, or it is with the gateway, a person, or the buyer's bank.
    Nothing,
    /// Another worker has it in hand until this time.
    Wait(Timestamp),
    /// Claim it, then ask the gateway for it.
    Ask(RefundAsk),
    /// The buyer's bank wants the money back, too: a person has to see which of the two gives it,
    /// and whether the gateway already did.
    ByHand(ManualReason),
}

/// A refund for which a gateway has to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefundAsk {
    /// The amount, in minor units.
    pub amount: i64,
    /// When a worker first asked for it. It is part of what the gateway recognises a repetition by,
    /// so a worker that takes over asks for the same.
    pub begun: Timestamp,
    /// True if a worker may have asked for it before, and died or could not write the result.
    pub may_have_been_asked: bool,
}

impl RefundAsk {
    /// The claim of one worker, which must be dead at `until`. No two claims are the same.
    pub fn claim(self, until: Timestamp) -> RefundProgress {
        let mut owner = [0; 8];
        getrandom::fill(&mut owner).expect("the operating system provides randomness");
        RefundProgress::Claimed {
            amount: self.amount,
            begun: self.begun,
            until,
            owner: Some(u64::from_ne_bytes(owner)),
            unasked: !self.may_have_been_asked,
        }
    }
}

impl Payment {
    /// The next step at `now` for the money that is due.
    pub fn refund_step(&self, now: Timestamp) -> RefundStep {
        let may_have_been_asked = match &self.refund {
            Some(RefundProgress::Claimed { owner, unasked, .. }) => owner.is_some() || !unasked,
            _ => false,
        };
        match (&self.refund, self.dispute) {
            _ if self.refund_due == 0 => RefundStep::Nothing,
            (Some(RefundProgress::Claimed { until, .. }), _) if now < *until => RefundStep::Wait(*until),
            // After a lost dispute, the bank gave the buyer the money.
            (Some(RefundProgress::Pending { .. } | RefundProgress::Manual { .. }), _)
            | (_, Some(Dispute::Lost)) => RefundStep::Nothing,
            (_, Some(Dispute::Open)) if may_have_been_asked => RefundStep::ByHand(ManualReason::Uncertain),
            (_, Some(Dispute::Open)) => RefundStep::ByHand(ManualReason::Disputed),
            (Some(RefundProgress::Claimed { amount, begun, .. }), _) => {
                RefundStep::Ask(RefundAsk { amount: *amount, begun: *begun, may_have_been_asked })
            }
            (None, _) => {
                RefundStep::Ask(RefundAsk { amount: self.refund_due, begun: now, may_have_been_asked })
            }
        }
    }

    /// Gives up a claim that changed nothing at the gateway: from `from` on another worker may
    /// claim it, and knows that.
    pub(super) fn give_up_claim(&mut self, from: Timestamp) {
        if let Some(RefundProgress::Claimed { until, owner, .. }) = &mut self.refund {
            (*until, *owner) = (from, None);
        }
    }

    /// The amount of the refund that is under way, in minor units. `refund_due` grows meanwhile if
    /// further tickets are refunded.
    pub fn refund_under_way(&self) -> Option<i64> {
        self.refund.as_ref().map(|progress| match progress {
            RefundProgress::Claimed { amount, .. }
            | RefundProgress::Pending { amount, .. }
            | RefundProgress::Manual { amount, .. } => *amount,
        })
    }

    /// Notes that the buyer has `amount` of what was due.
    pub(super) fn book_refund(&mut self, amount: i64) {
        self.refunded += amount;
        self.refund_due = (self.refund_due - amount).max(0);
        self.refund = None;
    }
}

impl Order {
    /// True if a refund is due that no worker has begun.
    pub fn has_refund_to_begin(&self) -> bool {
        self.payments.iter().any(|payment| {
            payment.refund_due > 0 && payment.refund.is_none() && payment.dispute != Some(Dispute::Lost)
        })
    }

    /// The part of the order's money that the organiser keeps: neither given back nor due, in minor
    /// units.
    pub fn kept(&self) -> i64 {
        self.payments.iter().map(Payment::kept).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::fixture::{now, order};
    use super::super::{OrderStatus, PaymentState};
    use super::*;

    #[test]
    fn one_worker_at_a_time_asks_for_a_refund() {
        let mut payment = order(OrderStatus::Paid, &[PaymentState::Approved]).payments[0].clone();
        assert_eq!(payment.refund_step(now()), RefundStep::Nothing);
        payment.refund_due = 60;
        let first = ask(60, now(), false);
        assert_eq!(payment.refund_step(now()), RefundStep::Ask(first));
        let until = now() + Duration::from_secs(60);
        payment.refund = Some(first.claim(until));
        payment.refund_due = 100;
        assert_eq!(payment.refund_step(now()), RefundStep::Wait(until));
        let repeated = RefundStep::Ask(ask(60, now(), true));
        assert_eq!(payment.refund_step(until), repeated, "the same again, though more is due by now");
        payment.book_refund(60);
        assert_eq!((payment.refunded, payment.refund_due, &payment.refund), (60, 40, &None));
        assert_eq!(payment.refund_step(until), RefundStep::Ask(ask(40, until, false)));
    }

    fn ask(amount: i64, begun: Timestamp, may_have_been_asked: bool) -> RefundAsk {
        RefundAsk { amount, begun, may_have_been_asked }
    }

    #[test]
    fn no_two_workers_have_the_same_claim() {
        let asked = ask(60, now(), false);
        assert_ne!(asked.claim(now()), asked.claim(now()));
    }

    #[test]
    fn a_worker_that_takes_over_knows_whether_the_gateway_may_have_been_asked() {
        let mut payment = order(OrderStatus::Paid, &[PaymentState::Approved]).payments[0].clone();
        payment.refund_due = 60;
        let next = |payment: &Payment| match payment.refund_step(now()) {
            RefundStep::Ask(asked) => asked,
            step => panic!("{step:?}"),
        };
        // A worker that gives up by itself did not ask.
        payment.refund = Some(next(&payment).claim(now()));
        payment.give_up_claim(now());
        assert_eq!(next(&payment), ask(60, now(), false));
        // A worker that dies may have asked.
        payment.refund = Some(next(&payment).claim(now()));
        assert_eq!(next(&payment), ask(60, now(), true));
        // The next worker's giving up does not change that.
        payment.refund = Some(next(&payment).claim(now()));
        payment.give_up_claim(now());
        assert_eq!(next(&payment), ask(60, now(), true));
    }

    #[test]
    fn an_old_claim_without_an_owner_may_have_been_asked_for() {
        let old = serde_json::json!({"is": "claimed", "amount": 60, "begun": now(), "until": now()});
        let mut payment = order(OrderStatus::Paid, &[PaymentState::Approved]).payments[0].clone();
        payment.refund_due = 60;
        payment.refund = Some(serde_json::from_value(old.clone()).expect("a claim"));
        assert_eq!(payment.refund_step(now()), RefundStep::Ask(ask(60, now(), true)));
        assert_eq!(serde_json::to_value(&payment.refund).expect("JSON"), old);
    }

    #[test]
    fn refunds_with_the_gateway_a_person_or_the_bank_are_not_asked_for() {
        let mut order = order(OrderStatus::Paid, &[PaymentState::Approved]);
        order.0.payments[0].refund_due = 60;
        let with = |refund, dispute| {
            let mut order = order.clone();
            (order.0.payments[0].refund, order.0.payments[0].dispute) = (refund, dispute);
            (order.payments[0].refund_step(now()), order.has_refund_to_begin())
        };
        let pending = RefundProgress::Pending { amount: 60, refund_id: "r".to_owned(), since: now() };
        let manual = RefundProgress::Manual { amount: 60, reason: ManualReason::Declined, since: now() };
        let over = ask(60, now(), false).claim(now());
        let mut given_up = order.payments[0].clone();
        given_up.refund = Some(over.clone());
        given_up.give_up_claim(now());
        let again = |perhaps| RefundStep::Ask(ask(60, now(), perhaps));
        let by_hand = RefundStep::ByHand;
        assert_eq!(with(Some(pending), None), (RefundStep::Nothing, false));
        assert_eq!(with(Some(manual), None), (RefundStep::Nothing, false));
        assert_eq!(with(None, Some(Dispute::Lost)), (RefundStep::Nothing, false));
        assert_eq!(with(Some(over.clone()), Some(Dispute::Lost)), (RefundStep::Nothing, false));
        assert_eq!(with(None, Some(Dispute::Open)), (by_hand(ManualReason::Disputed), true));
        assert_eq!(with(given_up.refund, Some(Dispute::Open)), (by_hand(ManualReason::Disputed), false));
        assert_eq!(with(Some(over.clone()), Some(Dispute::Open)), (by_hand(ManualReason::Uncertain), false));
        assert_eq!(with(Some(over), None), (again(true), false));
        assert_eq!(with(None, Some(Dispute::Won)), (again(false), true));
    }
}
