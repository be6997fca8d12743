//! The next step of a worker for an order: settle a gateway's report, secure the places, or refund.
//!
//! Pure: a worker reads the order, asks [`Order::next`], takes that one [`Step`] and asks again,
//! until there is nothing to do. Every message may come twice, late or out of order, and two
//! workers may work on the same order. The order's version decides: after a refused write, the
//! worker asks again with the order as it is then.

mod pending;
mod source;

use std::time::Duration;

use jiff::Timestamp;

use super::change::{Change, Revocation};
use super::difference::{amount_differs, used_without_places};
use super::transition::{ended_task, number};
use super::{
    Holding, Order, OrderStatus, Payment, PaymentState, RefundAsk, RefundProgress, RefundStep, Settlement,
    UnusedReason,
};
use crate::outbox::{OrderNews, Outbox, TicketLoss};
use crate::payment::{Dispute, ManualReason, PaymentReport};
use crate::payment_difference::PaymentDifference;

pub use source::{Report, Source};

/// The result of securing an order's places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secured {
    /// The order has all of them for some minutes. Admissions may come from other blocks than were
    /// held, so this replaces the order's holdings.
    All(Vec<Holding>),
    /// Other orders have some. The order has these for as many minutes.
    Gone(Vec<Holding>),
}

/// The result of a refund that a gateway was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefundOutcome {
    /// The money is on its way back.
    Done,
    /// The gateway decides later; this is its id of the refund.
    Pending(String),
    /// A person has to do it, for this reason.
    Manual(ManualReason),
    /// It is to be tried again.
    Again,
    /// It was too early, and is to be tried again after that time.
    Later(Duration),
}

/// The input of [`Order::next`]: a report, secured places, or a refund to make.
#[derive(Debug, Clone, Copy)]
pub enum Input<'a> {
    /// A gateway's report has to be settled.
    Reported(Report<'a>),
    /// The report buys the tickets; with the result of securing the places.
    Secured(Report<'a>, &'a Secured),
    /// The report keeps the places until this time; with the result of extending their claims.
    Extended(Report<'a>, &'a Secured, Timestamp),
    /// The places of a paid order ran out before they were sold, and a worker tried to secure them
    /// again.
    Unsold {
        /// The result of securing the places.
        secured: &'a Secured,
        /// True if nothing can be taken back any more; see [`Order::is_over`].
        is_over: bool,
    },
    /// A refund may be due. Payments with these indexes are left out: their gateways fail.
    Due(&'a [usize]),
    /// The account with which this payment was made is gone, so no refund can be asked for there.
    NoAccount(usize),
    /// A gateway answered the refund of this payment.
    Refunded {
        /// The index of the payment.
        place: usize,
        /// The refund as the order had it when the gateway was asked.
        asked: &'a RefundProgress,
        /// The result of the refund.
        outcome: &'a RefundOutcome,
    },
}

/// The next step of a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "a worker has one at a time, as long as a step takes")]
pub enum Step {
    /// Nothing is left to do.
    Nothing,
    /// Write this order with this change.
    Save(Order, Change),
    /// Note this difference for the organiser: nothing else can be done about it.
    Note(PaymentDifference),
    /// Secure the order's places, and continue with [`Input::Secured`].
    Secure,
    /// Extend the claims on the order's places until this time, and continue with
    /// [`Input::Extended`].
    Extend(Timestamp),
    /// Return what the order is not to keep: a worker may have extended its claims while another
    /// ended the order.
    Release,
    /// Have the gateway close the payment with this index, if it can: its places are gone.
    Close(usize),
    /// The payment was made with an account that can not pay for the order: tell the account's
    /// organiser.
    Foreign,
    /// Claim the refund of the payment with this index, ask the gateway for it, and continue with
    /// [`Input::Refunded`].
    Ask(usize, RefundAsk),
    /// Try again at this time: another worker has a refund in hand.
    Wait(Timestamp),
}

impl Order {
    /// The next step for the order, which was just read.
    pub fn next(&self, input: Input<'_>, now: Timestamp) -> Step {
        match input {
            Input::Reported(report) => self.reported(report, now),
            Input::Secured(report, secured) => self.after(|order| {
                let place = order.place_of(report, now);
                order.approved_payment(place, secured.clone(), now)
            }),
            Input::Extended(report, Secured::All(holdings), until) => self.after(|order| {
                if order.holdings != *holdings {
                    // Long claims are only made on places that the order names, so that whoever ends
                    // the order finds them.
                    order.0.holdings.clone_from(holdings);
                    return Change::default();
                }
                order.extended(report, until, now)
            }),
            Input::Extended(report, Secured::Gone(_), _) => {
                self.after(|order| order.slip_without_places(report, now))
            }
            Input::Unsold { secured: Secured::All(holdings), .. } => self.after(|order| {
                order.0.holdings.clone_from(holdings);
                Change::default()
            }),
            Input::Unsold { is_over: false, .. } => self.after(Self::places_lost),
            Input::Unsold { .. } => Step::Note(used_without_places(self, now)),
            Input::Due(failed) => self.due(failed, now),
            Input::NoAccount(place) => self.by_hand(place, ManualReason::Unsupported, now),
            Input::Refunded { place, asked, outcome } => {
                let refund = self.payments.get(place).and_then(|payment| payment.refund.as_ref());
                match refund == Some(asked) {
                    true => self.after(|order| order.refund_answered(place, outcome, now)),
                    // Another worker took it over, and writes its result.
                    false => Step::Nothing,
                }
            }
        }
    }

    /// True if nothing more can be taken back of the order: `unused`, the number of its valid
    /// tickets that are not used, is 0, and none of its money is kept.
    pub fn is_over(&self, unused: usize) -> bool {
        unused == 0 && self.kept() <= 0
    }

    fn after(&self, transition: impl FnOnce(&mut Self) -> Change) -> Step {
        let mut order = self.clone();
        let change = transition(&mut order);
        Step::Save(order, change)
    }

    fn reported(&self, report: Report<'_>, now: Timestamp) -> Step {
        if !report.source.may_pay(self, report.attempt) {
            return Step::Foreign;
        }
        if let Some(until) = self.extension(report.attempt, report.is, now) {
            return Step::Extend(until);
        }
        match self.settlement(report.attempt, report.is) {
            Settlement::Nothing => self.nothing_new(report, now),
            Settlement::Settle => Step::Secure,
            settlement => self.after(|order| {
                let place = order.place_of(report, now);
                order.settled(place, settlement, report.is, now)
            }),
        }
    }

    /// The index of the payment that the report is about. A payment that was never noted is added.
    fn place_of(&mut self, report: Report<'_>, now: Timestamp) -> usize {
        let Report { source, attempt, is } = report;
        let place = self.payment_of(attempt, is).unwrap_or_else(|| {
            let account = source.account.map(|account| account.id);
            let total = self.total;
            self.0.payments.push(Payment::pending(attempt, source.gateway, account, total, now));
            self.payments.len() - 1
        });
        let payment = &mut self.0.payments[place];
        if payment.payment_id.as_ref() != Some(&is.payment_id) {
            // What is known of another slip is not true of this payment.
            payment.later = payment.later.take().filter(|later| later.without_places);
            payment.payment_id = Some(is.payment_id.clone());
        }
        place
    }

    /// Applies a settlement that does not depend on an allotment.
    fn settled(
        &mut self,
        place: usize,
        settlement: Settlement,
        report: &PaymentReport,
        now: Timestamp,
    ) -> Change {
        let number = number(place);
        let payment = &mut self.0.payments[place];
        match settlement {
            // `Settle` depends on the places: see `approved_payment`.
            Settlement::Nothing | Settlement::Settle => Change::default(),
            Settlement::Process => self.processing(place, report, now),
            Settlement::Decline => {
                payment.state = PaymentState::Declined;
                Change::default()
            }
            Settlement::Return => {
                payment.state = PaymentState::Returned;
                Change::default()
            }
            Settlement::Alert => {
                payment.state = PaymentState::Mismatched;
                let news = OrderNews::PaymentMismatch { payment: number, paid: report.amount };
                Change { difference: Some(amount_differs(self, report, now)), ..tell(news) }
            }
            Settlement::GiveBack(reason) => {
                payment.give_back(reason);
                // A buyer who has valid tickets is only told that the money went back.
                let is_told = reason != UnusedReason::PaidTwice;
                let news =
                    is_told.then_some(OrderNews::RefundDue { payment: number, amount: payment.amount });
                if reason == UnusedReason::Cancelled {
                    self.0.status = OrderStatus::RefundDue;
                }
                Change::with_message(Outbox::Refund { news })
            }
            Settlement::ConfirmRefund(amount) => self.booked(place, amount, false),
            Settlement::RefundedElsewhere(amount) => {
                payment.refunded += amount;
                let loss = TicketLoss::default();
                self.after_loss(OrderNews::RefundedElsewhere { payment: number, amount, loss })
            }
            Settlement::Dispute(dispute) => self.disputed(place, dispute),
        }
    }

    /// Applies an approved payment: the tickets are sold or, if the places are gone, the money goes
    /// back.
    fn approved_payment(&mut self, place: usize, secured: Secured, now: Timestamp) -> Change {
        self.0.payments[place].state = PaymentState::Approved;
        match secured {
            Secured::All(holdings) => {
                self.sold(holdings, now);
                Change::with_message(Outbox::Tickets)
            }
            Secured::Gone(some) => {
                // The worker that refunds the money also releases these.
                self.0.holdings = some;
                self.0.status = OrderStatus::RefundDue;
                let payment = &mut self.0.payments[place];
                payment.give_back(UnusedReason::PlacesGone);
                let news = OrderNews::RefundDue { payment: number(place), amount: payment.amount };
                Change::with_message(Outbox::Refund { news: Some(news) })
            }
        }
    }

    /// Applies the loss of a paid order's places, which ran out before they were sold and went to
    /// other orders: its unused tickets become worthless, and its money goes back.
    fn places_lost(&mut self) -> Change {
        // At most one payment is kept, and none for free tickets.
        let mut news = OrderNews::PlacesLost;
        let kept = self.0.payments.iter_mut().enumerate().filter(|(_, payment)| payment.kept() > 0);
        for (place, payment) in kept {
            let amount = payment.kept();
            payment.refund_due += amount;
            payment.unused = Some(UnusedReason::PlacesLost);
            news = OrderNews::RefundDue { payment: number(place), amount };
        }
        Change { revokes: Revocation::Unused, ..Change::with_message(Outbox::Refund { news: Some(news) }) }
    }

    fn disputed(&mut self, place: usize, dispute: Dispute) -> Change {
        let number = number(place);
        let payment = &mut self.0.payments[place];
        payment.dispute = Some(dispute);
        if dispute == Dispute::Open {
            return tell(OrderNews::DisputeOpened { payment: number });
        }
        // The dispute is decided: close the task, unless the organiser won and an earlier
        // refund call has an unknown outcome.
        let uncertain =
            matches!(&payment.refund, Some(RefundProgress::Manual { reason: ManualReason::Uncertain, .. }));
        if uncertain && dispute == Dispute::Won {
            return tell(OrderNews::DisputeWon { payment: number });
        }
        let tasks = ended_task(payment, place);
        if !tasks.is_empty() {
            payment.refund = None;
        }
        let change = match dispute {
            Dispute::Lost => {
                self.after_loss(OrderNews::DisputeLost { payment: number, loss: TicketLoss::default() })
            }
            // A refund that is due waited for the decision.
            _ if payment.refund_due > 0 => {
                let news = Some(OrderNews::DisputeWon { payment: number });
                Change::with_message(Outbox::Refund { news })
            }
            _ => tell(OrderNews::DisputeWon { payment: number }),
        };
        Change { tasks, ..change }
    }

    /// Tells of money that left by another way than ours. If none is kept, the unused tickets are
    /// revoked.
    fn after_loss(&self, news: OrderNews) -> Change {
        if self.status.is_settled() && self.kept() <= 0 && self.uncovered() > 0 {
            // The refund also puts the places back on sale.
            let outbox = Outbox::Refund { news: Some(news) };
            return Change { revokes: Revocation::Unused, ..Change::with_message(outbox) };
        }
        tell(news)
    }

    /// The step for the first payment with a refund to make.
    fn due(&self, failed: &[usize], now: Timestamp) -> Step {
        let mut wait: Option<Timestamp> = None;
        for (place, payment) in self.payments.iter().enumerate() {
            match payment.refund_step(now) {
                RefundStep::Ask(asked) if !failed.contains(&place) => return Step::Ask(place, asked),
                RefundStep::ByHand(reason) if !failed.contains(&place) => {
                    return self.by_hand(place, reason, now);
                }
                RefundStep::Wait(until) => wait = Some(wait.map_or(until, |earlier| earlier.min(until))),
                RefundStep::Nothing | RefundStep::Ask(_) | RefundStep::ByHand(_) => {}
            }
        }
        wait.map_or(Step::Nothing, Step::Wait)
    }

    /// Leaves the refund of a payment to a person.
    fn by_hand(&self, place: usize, reason: ManualReason, now: Timestamp) -> Step {
        self.after(|order| {
            let payment = &order.payments[place];
            let amount = payment.refund_under_way().unwrap_or(payment.refund_due);
            order.leave_to_person(place, amount, reason, now)
        })
    }

    /// Applies the result of the refund that is under way.
    fn refund_answered(&mut self, place: usize, outcome: &RefundOutcome, now: Timestamp) -> Change {
        let payment = &mut self.0.payments[place];
        let amount = payment.refund_under_way().unwrap_or_default();
        match outcome {
            RefundOutcome::Done => return self.booked(place, amount, false),
            // The bank gave the money to the buyer meanwhile.
            RefundOutcome::Manual(_) if payment.dispute == Some(Dispute::Lost) => payment.refund = None,
            RefundOutcome::Manual(reason) => return self.leave_to_person(place, amount, *reason, now),
            RefundOutcome::Pending(refund_id) => {
                let refund_id = refund_id.clone();
                payment.refund = Some(RefundProgress::Pending { amount, refund_id, since: now });
                return Change::with_message(Outbox::AwaitPayment);
            }
            // The claim keeps its beginning, so that the next worker asks for the same refund.
            RefundOutcome::Again => payment.give_up_claim(now),
            RefundOutcome::Later(pause) => payment.give_up_claim(now + *pause),
        }
        Change::default()
    }
}

fn tell(news: OrderNews) -> Change {
    Change::with_message(Outbox::News { news })
}

#[cfg(test)]
mod tests;
