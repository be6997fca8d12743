//! Orders whose buyer withdraws, where the accepted refund policy gives the right to.

use jiff::Timestamp;

use super::{Change, Order};
use crate::event::Event;
use crate::outbox::{OrderNews, Outbox};
use crate::policy::Law;
use crate::withdrawal::until;
use crate::{Error, OrderPart, Result};

impl Order {
    /// Until when its buyer can withdraw under `law`; `None` if it was never paid, or there is no right to.
    pub fn withdraw_until(&self, law: Option<Law>, event: &Event) -> Option<Timestamp> {
        law.zip(self.paid_at).map(|(law, paid_at)| until(law, paid_at, event))
    }

    /// Checks that its buyer may withdraw at `now`.
    ///
    /// # Errors
    /// `no_withdrawal`, `withdrawal_over`.
    pub fn check_withdrawal(&self, law: Option<Law>, event: &Event, now: Timestamp) -> Result<()> {
        match self.withdraw_until(law, event) {
            None => Err(Error::conflict(
                "no_withdrawal",
                "The refund policy of this purchase gives no right to withdraw. Ask the organiser.",
            )),
            Some(until) if now >= until => {
                let detail = "The time in which you could withdraw from this purchase is over.";
                Err(Error::conflict("withdrawal_over", detail).with("until", until.to_string()))
            }
            Some(_) => Ok(()),
        }
    }

    /// The tickets and vouchers that its buyer gives back by withdrawing, unless they were used: not the
    /// tickets that were handed on.
    pub fn own_parts(&self) -> Vec<OrderPart> {
        let own = self.tickets().filter(|ticket| !ticket.refunded && ticket.holder == self.user);
        let vouchers = self.vouchers().filter(|voucher| !voucher.refunded).map(|voucher| voucher.id.into());
        own.map(|ticket| ticket.id.into()).chain(vouchers).collect()
    }

    /// Refunds these tickets and vouchers because the buyer withdraws, and tells the buyer so.
    ///
    /// # Errors
    /// `nothing_to_refund`.
    pub fn withdraw(&mut self, parts: &[OrderPart], now: Timestamp) -> Result<Change> {
        let due = |order: &Self| order.payments.iter().map(|payment| payment.refund_due).sum::<i64>();
        if parts.is_empty() {
            let detail = "Nothing of this order can be given back: it was used, handed on or refunded.";
            return Err(Error::conflict("nothing_to_refund", detail));
        }
        let before = due(self);
        let change = self.refund_parts(parts)?;
        self.0.withdrawn_at = Some(now);
        let news = OrderNews::Withdrawn { amount: due(self) - before };
        Ok(Change { outbox: Some(Outbox::Refund { news: Some(news) }), ..change })
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::order::{OrderStatus, PaymentState, TicketState, fixture};
    use crate::pricing::fixture::event as sample;
    use crate::testing::at;

    #[test]
    fn an_order_says_whether_its_buyer_may_withdraw() {
        let starts_at = "2027-03-01T21:00:00-05:00".parse().expect("a time");
        let event = Event { time_zone: "America/Bogota".to_owned(), starts_at, ..sample() };
        let order = fixture::order(OrderStatus::Paid, &[]);
        let law = Some(Law::ColombiaRetracto);
        let code =
            |law, order: &Order, now| order.check_withdrawal(law, &event, now).map_err(|error| error.code());
        let until = order.withdraw_until(law, &event).expect("paid");
        assert_eq!(code(law, &order, until - SignedDuration::from_secs(1)), Ok(()));
        assert_eq!(code(law, &order, until), Err("withdrawal_over"));
        assert_eq!(code(None, &order, at(0)), Err("no_withdrawal"));
        let held = fixture::order(OrderStatus::Held, &[]);
        assert_eq!(code(law, &held, at(0)), Err("no_withdrawal"));
    }

    #[test]
    fn what_was_not_handed_on_goes_back() {
        let friend = crate::UserId::generate(at(9));
        let mut order = fixture::order(OrderStatus::Paid, &[PaymentState::Approved]).with(|order| {
            order
                .tickets
                .insert(1, TicketState { serial: 1, holder: Some(friend), ..TicketState::default() });
        });
        let own = order.own_parts();
        assert_eq!(own, [order.id.ticket(0).into(), order.id.ticket(2).into()]);
        let change = order.withdraw(&own, at(5)).expect("withdrawn");
        let due = order.payments[0].refund_due;
        assert!(0 < due && due < order.total, "{due}");
        assert_eq!(change.outbox, Some(Outbox::Refund { news: Some(OrderNews::Withdrawn { amount: due }) }));
        assert_eq!((order.withdrawn_at, order.status), (Some(at(5)), OrderStatus::PartlyRefunded));
        let left = order.own_parts();
        assert_eq!(order.withdraw(&left, at(6)).expect_err("nothing is left").code(), "nothing_to_refund");
    }
}
