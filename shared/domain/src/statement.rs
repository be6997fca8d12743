//! Statements: what organisers owe the operator for a month's sales, by currency and gateway.
//!
//! The commission of an order is fixed when it is held. It is owed for the part of the order's money that
//! the organiser keeps: a refund takes its share of it away, whenever it comes, so a statement that is read
//! again later says what is true then.

use serde::{Deserialize, Serialize};

use crate::audit::Month;
use crate::money::round_div;
use crate::order::{Order, Payment, PaymentState};
use crate::payable::PriceUnit;
use crate::payment::GatewayName;
use crate::{BasisPoints, Currency};

/// What was sold through one gateway in one currency. All amounts are in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementLine {
    /// The currency of the amounts.
    #[serde(rename = "u")]
    pub currency: Currency,
    /// The gateway that has the money.
    #[serde(rename = "g")]
    pub gateway: GatewayName,
    /// The number of payments of which the organiser keeps something.
    #[serde(rename = "n")]
    pub payments: u32,
    /// The money that the organiser keeps.
    #[serde(rename = "k")]
    pub kept: i64,
    /// The operator's commission of it.
    #[serde(rename = "c")]
    pub commission: i64,
    /// The fee that the gateway was told to keep for the operator, refunded payments included: whether it
    /// gives that back with a refund is the gateway's affair.
    #[serde(rename = "t")]
    pub taken: i64,
}

impl StatementLine {
    /// The part of the commission that the gateway did not take; less than zero if it took more.
    pub const fn owed(&self) -> i64 {
        self.commission.saturating_sub(self.taken)
    }
}

/// The lines of a statement, each currency and gateway once, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Statement(Vec<StatementLine>);

impl Statement {
    /// The lines.
    pub fn lines(&self) -> &[StatementLine] {
        &self.0
    }

    /// Adds the payments of an order, if it was paid in this month (UTC).
    pub fn add(&mut self, order: &Order, month: &Month) {
        if order.paid_at.is_none_or(|paid_at| Month::of(paid_at) != *month) {
            return;
        }
        for payment in order.payments.iter().filter(|payment| payment.state == PaymentState::Approved) {
            let (kept, taken) = (payment.kept().max(0), payment.marketplace_fee);
            if kept == 0 && taken == 0 {
                continue;
            }
            let line = self.line(order.currency, payment.gateway);
            line.payments = line.payments.saturating_add(u32::from(kept > 0));
            line.kept = line.kept.saturating_add(kept);
            line.commission = line.commission.saturating_add(order.commission_of(payment));
            line.taken = line.taken.saturating_add(taken);
        }
    }

    fn line(&mut self, currency: Currency, gateway: GatewayName) -> &mut StatementLine {
        let place = self
            .0
            .binary_search_by_key(&(currency.code(), gateway), |line| (line.currency.code(), line.gateway));
        let place = place.unwrap_or_else(|place| {
            let new = StatementLine { currency, gateway, payments: 0, kept: 0, commission: 0, taken: 0 };
            self.0.insert(place, new);
            place
        });
        &mut self.0[place]
    }
}

impl Order {
    /// The commission of the whole order at this rate: of its total without the tax that is added on top,
    /// in whole units that every gateway takes.
    pub fn commission_at(&self, rate: BasisPoints) -> i64 {
        let lines =
            self.lines.iter().map(|line| line.base + line.stage_adjustment + line.promotion + line.fee);
        let extras =
            self.extras.iter().map(|extra| extra.base + extra.stage_adjustment + extra.promotion + extra.fee);
        PriceUnit::of(self.currency).share(rate, lines.chain(extras).sum(), 0)
    }

    /// The part of the order's commission that belongs to the money which the organiser keeps of a payment.
    pub fn commission_of(&self, payment: &Payment) -> i64 {
        let kept = payment.kept().max(0);
        round_div(i128::from(self.commission) * i128::from(kept), i128::from(self.total))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::order::{OrderStatus, fixture};
    use crate::payment::Dispute;

    fn paid(commission: i64) -> Order {
        fixture::order(OrderStatus::Paid, &[PaymentState::Approved])
            .with(|order| order.commission = commission)
    }

    fn statement<'a>(orders: impl IntoIterator<Item = &'a Order>) -> Statement {
        let mut statement = Statement::default();
        orders.into_iter().for_each(|order| statement.add(order, &Month::of(fixture::now())));
        statement
    }

    #[test]
    fn commission_is_of_the_price_and_fee_without_the_tax_on_top() {
        let order = paid(0).with(|order| {
            order.currency = Currency::COP;
            let line = &mut order.lines[0];
            (line.base, line.stage_adjustment) = (1_000_000, -100_000);
            (line.promotion, line.fee) = (-50_000, 30_000);
            (line.vat, line.total) = (167_200, 1_047_200);
            order.extras = vec![fixture::extra(2, 400_000)];
        });
        assert_eq!(order.commission_at(BasisPoints(0)), 0);
        // 2.5 % of 8,800 + 4,000 pesos.
        assert_eq!(order.commission_at(BasisPoints(250)), 32_000);
        // 0.37 % is 47.36 pesos, of whose centavos one gateway takes none.
        assert_eq!(order.commission_at(BasisPoints(37)), 4_700);
    }

    #[test]
    fn a_statement_counts_the_money_that_is_kept() {
        let all = paid(10);
        let part = paid(10).with(|order| order.payments[0].refunded = 33);
        let due = paid(10).with(|order| order.payments[0].refund_due = 100);
        let lost = paid(10).with(|order| order.payments[0].dispute = Some(Dispute::Lost));
        let free = paid(0).with(|order| order.payments.clear());
        let other = paid(10).with(|order| {
            order.payments[0].gateway = GatewayName::MercadoPago;
            (order.payments[0].marketplace_fee, order.payments[0].refunded) = (10, 50);
        });
        let statement = statement([&all, &part, &due, &lost, &free, &other]);
        let line = |gateway, payments, kept, commission, taken| StatementLine {
            currency: Currency::CLP,
            gateway,
            payments,
            kept,
            commission,
            taken,
        };
        let [sandbox, wallet] = statement.lines() else { panic!("two gateways: {statement:?}") };
        assert_eq!(*sandbox, line(GatewayName::Sandbox, 2, 167, 17, 0));
        assert_eq!(*wallet, line(GatewayName::MercadoPago, 1, 50, 5, 10));
        assert_eq!((sandbox.owed(), wallet.owed()), (17, -5), "it took the fee of all of it");
    }

    #[test]
    fn money_that_paid_for_nothing_and_other_months_do_not_count() {
        let unused = fixture::order(OrderStatus::Paid, &[PaymentState::Approved, PaymentState::Approved])
            .with(|order| {
                order.commission = 10;
                order.payments[1].refund_due = 100;
            });
        let open = fixture::order(OrderStatus::AwaitingPayment, &[PaymentState::Pending]);
        let later = paid(10).with(|order| {
            order.paid_at = Some("2026-12-01T00:00:00Z".parse().expect("a time"));
        });
        let all = statement([&unused, &open, &later]);
        let [line] = all.lines() else { panic!("{all:?}") };
        assert_eq!((line.payments, line.kept, line.commission), (1, 100, 10));
    }

    proptest! {
        #[test]
        fn commission_of_parts_is_never_more_than_the_whole_and_the_order_of_adding_does_not_matter(
            orders in prop::collection::vec((0..=100_i64, 0..=100_i64, 0_usize..4), 0..12)
        ) {
            let orders: Vec<Order> = orders
                .into_iter()
                .map(|(commission, refunded, gateway)| {
                    paid(commission).with(|order| {
                        order.payments[0].refunded = refunded;
                        order.payments[0].gateway = GatewayName::ALL[gateway];
                    })
                })
                .collect();
            for order in &orders {
                prop_assert!((0..=order.commission).contains(&order.commission_of(&order.payments[0])));
            }
            prop_assert_eq!(statement(&orders), statement(orders.iter().rev()));
        }
    }
}
