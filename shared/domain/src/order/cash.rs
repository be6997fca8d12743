//! Orders that wait for money from a counter or a bank: until when they keep their places.

use std::time::Duration;

use jiff::Timestamp;

use super::{Order, Payment, PaymentState};
use crate::cash::{CREDITED_WITHIN, TRANSFERRED_WITHIN};
use crate::payment::{MethodKind, PayLater, PaymentReport, PaymentStatus};

use super::difference::DECIDED_WITHIN;

/// The longest time for which a gateway is asked about a slip: slips of gateways that were not
/// told an end may be good for that long.
const AWAITED_WITHIN: Duration = Duration::from_secs(7 * 24 * 3600);

impl Payment {
    /// Until when its buyer has to pay it so that the places are still there; `None` if its buyer has
    /// nothing left to do, or nothing is known. Never later than what was allowed when it was begun.
    pub fn pay_by(&self) -> Option<Timestamp> {
        let later = self.later.as_ref()?;
        let allowed = self.may_extend_to;
        match (later.due_at, later.kind) {
            (Some(due), _) => Some(allowed.map_or(due, |allowed| due.min(allowed))),
            (None, MethodKind::Cash) => allowed,
            (None, MethodKind::BankTransfer) => {
                allowed.map(|allowed| allowed.min(self.created_at + TRANSFERRED_WITHIN))
            }
            (None, _) => None,
        }
    }

    /// Until when its places are kept for it, if that was allowed when it was begun.
    fn keeps_until(&self) -> Option<Timestamp> {
        let later = self.later.as_ref().filter(|later| !later.without_places)?;
        self.may_extend_to?;
        let is_told = later.due_at.is_some() || later.kind == MethodKind::Cash;
        self.pay_by().map(|by| if is_told { by + CREDITED_WITHIN } else { by })
    }

    /// The payment as it is known after a report.
    pub(super) fn after(&self, report: &PaymentReport) -> Self {
        let is_known = self.payment_id.as_deref() == Some(&report.payment_id);
        let before = self.later.clone().filter(|_| is_known);
        let is_lost = self.later.as_ref().is_some_and(|later| later.without_places);
        let later = match (before, PayLater::of(report)) {
            (Some(before), Some(news)) => Some(before.with(news)),
            (before, news) => news.or(before),
        };
        let later = later.map(|later| PayLater { without_places: is_lost, ..later });
        Self { later, ..self.clone() }
    }

    /// When its gateway must have decided: what is undecided then is for a person to look at.
    pub fn decided_by(&self) -> Timestamp {
        let usual = self.created_at + DECIDED_WITHIN;
        let due = self.later.as_ref().and_then(|later| later.due_at).or(self.pay_by());
        let late = due.map(|due| (due + CREDITED_WITHIN).min(self.created_at + AWAITED_WITHIN));
        late.map_or(usual, |late| late.max(usual))
    }

    /// True if its buyer has a slip, or an order to a bank, that is not decided.
    pub fn is_awaited(&self) -> bool {
        self.state == PaymentState::Processing && self.later.is_some()
    }
}

impl Order {
    /// When the page of a payment takes no more money. An extension of the order does not move it.
    pub fn page_end(&self, payment: &Payment) -> Timestamp {
        payment.page_end.unwrap_or(self.expires_at)
    }

    /// True if a slip may still be made or paid for this order: it counts against the buyer's.
    pub fn may_wait_for_cash(&self, now: Timestamp) -> bool {
        self.is_payable()
            && now < self.expires_at
            && self.payments.iter().any(|payment| payment.may_extend_to.is_some() && payment.is_open())
    }

    /// Until when a report keeps the order's places, in whole seconds; `None` if that is no longer
    /// than the order has them already, or not at all.
    pub fn extension(&self, attempt: u8, report: &PaymentReport, now: Timestamp) -> Option<Timestamp> {
        let is_ours = report.amount == self.total();
        if report.status != PaymentStatus::Pending || !self.is_payable() || !is_ours {
            return None;
        }
        let payment = &self.payments[self.payment_of(attempt, report)?];
        let until = payment.after(report).keeps_until().filter(|_| payment.is_open())?;
        let until = Timestamp::from_second(until.as_second()).ok()?;
        (until > self.expires_at && until > now).then_some(until)
    }
}

#[cfg(test)]
mod tests {
    use super::super::OrderStatus;
    use super::super::fixture::{now, order};
    use super::*;
    use crate::payment::Due;
    use crate::{Currency, Money};

    const HOUR: Duration = Duration::from_secs(3600);

    fn pending(method: MethodKind, by: Option<Timestamp>) -> PaymentReport {
        let amount = Money::new(100, Currency::CLP);
        let report = PaymentReport::new("p".to_owned(), String::new(), PaymentStatus::Pending, amount);
        let due = (method == MethodKind::Cash || by.is_some()).then(|| Due { by, ..Due::default() });
        PaymentReport { method: Some(method), due, ..report }
    }

    /// An order whose payment may keep its places for a day, and ten minutes otherwise.
    fn offered() -> Order {
        order(OrderStatus::AwaitingPayment, &[PaymentState::Pending])
            .with(|order| order.payments[0].may_extend_to = Some(now() + 24 * HOUR))
    }

    #[test]
    fn places_are_kept_until_a_slip_is_due_and_credited() {
        let kept = |order: &Order, report: &PaymentReport| {
            let until = order.extension(0, report, now());
            until.map(|until| until.duration_since(now()).as_secs() / 60)
        };
        let cash = |hours| pending(MethodKind::Cash, Some(now() + hours * HOUR));
        assert_eq!(kept(&offered(), &cash(5)), Some(5 * 60 + 150));
        assert_eq!(kept(&offered(), &cash(24 * 8)), Some(24 * 60 + 150), "no longer than was allowed");
        assert_eq!(kept(&offered(), &pending(MethodKind::Cash, None)), Some(24 * 60 + 150));
        assert_eq!(kept(&offered(), &pending(MethodKind::BankTransfer, None)), Some(60));
        assert_eq!(kept(&offered(), &pending(MethodKind::BankTransfer, Some(now() + HOUR))), Some(210));
        assert_eq!(kept(&offered(), &pending(MethodKind::Card, None)), None, "a bank decides soon");
        // Not what is not pending, not allowed, or known to have no places.
        let approved = PaymentReport { status: PaymentStatus::Approved, ..cash(5) };
        assert_eq!(kept(&offered(), &approved), None);
        assert_eq!(kept(&offered().with(|order| order.payments[0].may_extend_to = None), &cash(5)), None);
        assert_eq!(kept(&offered().with(|order| order.status = OrderStatus::Released), &cash(5)), None);
        assert_eq!(kept(&offered().with(|order| order.payments[0].closed = true), &cash(5)), None);
        let lost = offered().with(|order| {
            let later = PayLater::of(&cash(5)).expect("later");
            order.payments[0].later = Some(PayLater { without_places: true, ..later });
        });
        assert_eq!(kept(&lost, &cash(5)), None);
        assert_eq!(kept(&lost, &PaymentReport { payment_id: "q".to_owned(), ..cash(9) }), None);
    }

    #[test]
    fn an_extension_never_makes_an_order_shorter() {
        let report = pending(MethodKind::Cash, Some(now() + 5 * HOUR));
        let order = offered().with(|order| order.expires_at = now() + 8 * HOUR);
        assert_eq!(order.extension(0, &report, now()), None);
        assert_eq!(offered().extension(0, &report, now() + 9 * HOUR), None, "it is over");
    }

    #[test]
    fn a_gateway_is_asked_until_its_slips_money_must_be_there() {
        let decided = |later: Option<PayLater>, allowed| {
            let mut payment = offered().payments[0].clone();
            (payment.later, payment.may_extend_to) = (later, allowed);
            payment.decided_by().duration_since(now()).as_hours()
        };
        let due = |hours| PayLater::of(&pending(MethodKind::Cash, Some(now() + hours * HOUR)));
        let allowed = Some(now() + 24 * HOUR);
        assert_eq!(decided(None, allowed), 24);
        assert_eq!(decided(due(5), allowed), 24);
        assert_eq!(decided(due(30), allowed), 32, "a gateway may take it longer than places are kept");
        assert_eq!(decided(due(24 * 30), allowed), 7 * 24);
        assert_eq!(decided(PayLater::of(&pending(MethodKind::Cash, None)), Some(now() + 48 * HOUR)), 50);
    }

    #[test]
    fn orders_that_may_wait_for_cash_are_counted_until_they_end() {
        let order = offered();
        assert!(order.may_wait_for_cash(now()));
        assert!(!order.may_wait_for_cash(order.expires_at));
        assert!(!offered().with(|order| order.status = OrderStatus::Paid).may_wait_for_cash(now()));
        assert!(!offered().with(|order| order.payments[0].may_extend_to = None).may_wait_for_cash(now()));
    }
}
