//! Steps for payments that come later: their places are kept, or their buyers told that there are
//! none.

use jiff::Timestamp;

use super::super::change::Change;
use super::super::transition::number;
use super::super::{Order, OrderStatus, Payment, PaymentState};
use super::{Report, Step, tell};
use crate::outbox::OrderNews;
use crate::payment::{MethodKind, PaymentReport, PaymentStatus};

impl Order {
    /// The step for a report that changes nothing: what an earlier worker may have left to do.
    pub(super) fn nothing_new(&self, Report { attempt, is, .. }: Report<'_>, now: Timestamp) -> Step {
        let has_money = matches!(
            is.status,
            PaymentStatus::Approved | PaymentStatus::Refunded | PaymentStatus::ChargedBack
        );
        let of_try = |payment: &Payment| payment.attempt == attempt && payment.may_extend_to.is_some();
        // Of a paid order, only refunded tickets' places could be claimed: few reports are worth a look.
        let is_usual = self.is_payable() || (self.status.is_settled() && has_money);
        if !is_usual && self.payments.iter().any(of_try) {
            return Step::Release;
        }
        let is_useless = |payment: &Payment| {
            let is_lost = payment.later.as_ref().is_some_and(|later| later.without_places);
            payment.attempt == attempt && is_lost && payment.is_open() && now >= self.expires_at
        };
        match self.payments.iter().position(is_useless) {
            Some(place) if is.status == PaymentStatus::Pending && self.is_payable() => Step::Close(place),
            _ => Step::Nothing,
        }
    }

    /// Applies a payment that its buyer has made, or has yet to make at a counter.
    pub(super) fn processing(&mut self, place: usize, report: &PaymentReport, now: Timestamp) -> Change {
        let was_told = self.payments[place].later.is_some();
        self.note_pending(place, report);
        let payment = &self.payments[place];
        let is_slip = payment.later.as_ref().is_some_and(|later| later.kind == MethodKind::Cash);
        match payment.pay_by().filter(|_| is_slip && !was_told) {
            Some(until) if self.status_at(now) == OrderStatus::AwaitingPayment && now < until => {
                tell(OrderNews::PaymentPending { payment: number(place), until })
            }
            _ => Change::default(),
        }
    }

    /// Applies a payment that comes later, for which the order's places are kept until `until`.
    pub(super) fn extended(&mut self, report: Report<'_>, until: Timestamp, now: Timestamp) -> Change {
        let place = self.place_of(report, now);
        let end = self.expires_at;
        for payment in &mut self.0.payments {
            payment.page_end.get_or_insert(end);
        }
        self.0.expires_at = until;
        self.note_pending(place, report.is);
        let until = self.payments[place].pay_by().unwrap_or(until);
        tell(OrderNews::PaymentPending { payment: number(place), until })
    }

    /// Applies a payment that would come later, when the order's time is over and its places are gone.
    pub(super) fn slip_without_places(&mut self, report: Report<'_>, now: Timestamp) -> Change {
        let place = self.place_of(report, now);
        self.note_pending(place, report.is);
        if let Some(later) = &mut self.0.payments[place].later {
            later.without_places = true;
        }
        tell(OrderNews::SlipWithoutPlaces { payment: number(place) })
    }

    fn note_pending(&mut self, place: usize, report: &PaymentReport) {
        let state = PaymentState::Processing;
        self.0.payments[place] = Payment { state, ..self.payments[place].after(report) };
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::super::fixture::{now, order};
    use super::super::super::{Holding, Secured, Source};
    use super::super::Input;
    use super::*;
    use crate::payment::{Due, GatewayName};
    use crate::{Currency, Money};

    const HOUR: Duration = Duration::from_secs(3600);

    fn slip(id: &str, hours: u32) -> PaymentReport {
        let amount = Money::new(100, Currency::CLP);
        let report = PaymentReport::new(id.to_owned(), String::new(), PaymentStatus::Pending, amount);
        let due = Some(Due { by: Some(now() + hours * HOUR), ..Due::default() });
        PaymentReport { method: Some(MethodKind::Cash), due, ..report }
    }

    fn heard(is: &PaymentReport) -> Report<'_> {
        Report { source: Source { gateway: GatewayName::Sandbox, account: None }, attempt: 0, is }
    }

    /// An order with seats whose payment may be made in cash within a day.
    fn offered() -> Order {
        order(OrderStatus::AwaitingPayment, &[PaymentState::Pending]).with(|order| {
            order.payments[0].may_extend_to = Some(now() + 24 * HOUR);
            order.holdings = vec![row(1)];
        })
    }

    fn row(row: u16) -> Holding {
        Holding::Seats { line: 0, row, seats: vec![1, 2, 3] }
    }

    fn saved(step: Step) -> (Order, Change) {
        match step {
            Step::Save(order, change) => (order, change),
            other => panic!("{other:?}"),
        }
    }

    /// The order after its places were kept for this report.
    fn kept(order: &Order, report: &PaymentReport) -> (Order, Change) {
        let Step::Extend(until) = order.next(Input::Reported(heard(report)), now()) else {
            panic!("no extension")
        };
        let secured = Secured::All(order.holdings.clone());
        saved(order.next(Input::Extended(heard(report), &secured, until), now()))
    }

    #[test]
    fn a_slip_keeps_the_order_its_places_in_one_write() {
        let (before, report) = (offered(), slip("p", 5));
        let (order, change) = kept(&before, &report);
        assert_eq!(order.expires_at, now() + 5 * HOUR + crate::cash::CREDITED_WITHIN);
        assert_eq!(order.page_end(&order.payments[0]), before.expires_at, "its page has ended all the same");
        assert!(order.payments[0].is_awaited());
        assert_eq!(order.payments[0].payment_id.as_deref(), Some("p"));
        assert_eq!(change, tell(OrderNews::PaymentPending { payment: 0, until: now() + 5 * HOUR }));
        // The same again changes nothing, and a decline leaves the rest of the time for another try.
        assert_eq!(order.next(Input::Reported(heard(&report)), now()), Step::Nothing);
        let expired = PaymentReport { status: PaymentStatus::Expired, ..report };
        let (declined, _) = saved(order.next(Input::Reported(heard(&expired)), now()));
        assert_eq!(declined.payments[0].state, PaymentState::Declined);
        assert_eq!(declined.expires_at, order.expires_at);
    }

    #[test]
    fn of_two_slips_of_an_order_the_later_one_counts() {
        let (first, second) = (slip("p", 5), slip("q", 9));
        for order in [[&first, &second], [&second, &first]] {
            let mut kept_order = offered();
            for report in order {
                if let Step::Extend(_) = kept_order.next(Input::Reported(heard(report)), now()) {
                    kept_order = kept(&kept_order, report).0;
                } else {
                    let step = kept_order.next(Input::Reported(heard(report)), now());
                    assert_eq!(step, Step::Nothing, "an earlier one is no news");
                }
            }
            assert_eq!(kept_order.payments[0].pay_by(), Some(now() + 9 * HOUR));
            assert_eq!(kept_order.payments[0].payment_id.as_deref(), Some("q"));
        }
    }

    #[test]
    fn long_claims_are_only_made_on_places_that_the_order_names() {
        let (order, report) = (offered(), slip("p", 5));
        let moved = Secured::All(vec![row(2)]);
        let input = Input::Extended(heard(&report), &moved, now() + 5 * HOUR);
        let (moved, change) = saved(order.next(input, now()));
        assert_eq!((moved.expires_at, &moved.holdings), (order.expires_at, &vec![row(2)]));
        assert_eq!(change, Change::default());
        assert!(matches!(moved.next(Input::Reported(heard(&report)), now()), Step::Extend(_)));
    }

    #[test]
    fn a_slip_whose_places_are_gone_is_told_once_and_closed() {
        let (order, report) = (offered(), slip("p", 5));
        let late = order.expires_at;
        let gone = Secured::Gone(Vec::new());
        let (order, change) = saved(order.next(Input::Extended(heard(&report), &gone, late + HOUR), late));
        assert_eq!(change, tell(OrderNews::SlipWithoutPlaces { payment: 0 }));
        assert_eq!((order.expires_at, &order.holdings), (late, &vec![row(1)]));
        assert_eq!(order.next(Input::Reported(heard(&report)), late), Step::Close(0));
        // Money that comes all the same buys the tickets if the places are free again.
        let paid = PaymentReport { status: PaymentStatus::Approved, ..report.clone() };
        assert_eq!(order.next(Input::Reported(heard(&paid)), late), Step::Secure);
        let closed = order.with(|order| order.payments[0].closed = true);
        assert_eq!(closed.next(Input::Reported(heard(&report)), late), Step::Nothing);
    }

    #[test]
    fn whoever_finds_a_slip_of_an_ended_order_returns_its_places() {
        for status in [OrderStatus::Released, OrderStatus::RefundDue, OrderStatus::Paid] {
            let order = offered().with(|order| {
                order.status = status;
                order.payments[0].state = PaymentState::Processing;
                order.payments[0].payment_id = Some("p".to_owned());
            });
            let known = kept_later(&order, &slip("p", 5));
            assert_eq!(known.next(Input::Reported(heard(&slip("p", 5))), now()), Step::Release);
            let unable = known.with(|order| order.payments[0].may_extend_to = None);
            assert_eq!(unable.next(Input::Reported(heard(&slip("p", 5))), now()), Step::Nothing);
        }
    }

    fn kept_later(order: &Order, report: &PaymentReport) -> Order {
        let order = order.clone();
        order.with(|order| order.payments[0].later = crate::payment::PayLater::of(report))
    }

    #[test]
    fn a_slip_that_ends_before_its_hold_is_told_too() {
        let order = offered().with(|order| order.expires_at = now() + 9 * HOUR);
        let report = slip("p", 5);
        let (order, change) = saved(order.next(Input::Reported(heard(&report)), now()));
        assert_eq!(change, tell(OrderNews::PaymentPending { payment: 0, until: now() + 5 * HOUR }));
        assert_eq!(order.next(Input::Reported(heard(&report)), now()), Step::Nothing);
        // What the gateway tells later is noted, and nobody is told again.
        let due = Due { code: Some("4711".to_owned()), ..Due::default() };
        let more = PaymentReport { due: Some(due), ..report };
        let (order, change) = saved(order.next(Input::Reported(heard(&more)), now()));
        assert_eq!(change, Change::default());
        let later = order.payments[0].later.as_ref().expect("known");
        assert_eq!((later.due_at, later.code.as_deref()), (Some(now() + 5 * HOUR), Some("4711")));
        // Another amount than was asked for keeps no places.
        let cheaper = PaymentReport { amount: Money::new(1, Currency::CLP), ..slip("p", 20) };
        assert!(!matches!(order.next(Input::Reported(heard(&cheaper)), now()), Step::Extend(_)));
    }
}
