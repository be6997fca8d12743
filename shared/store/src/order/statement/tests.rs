use std::collections::BTreeMap;

use boot::Clock;
use domain::order::{OrderStatus, PaymentState, fixture};
use domain::payment::{Dispute, GatewayName};
use domain::statement::Statement;
use domain::{BasisPoints, OrderPart, QuoteId, UserId};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::*;
use crate::event::tests::event;
use crate::testing;

/// The month of the statements.
const MONTH: &str = "2026-11";
const GATEWAYS: [GatewayName; 2] = [GatewayName::Sandbox, GatewayName::MercadoPago];

fn month() -> Month {
    Month::try_from(MONTH.to_owned()).expect("a month")
}

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

/// When orders are quoted, and when they are paid: most in the month, some around its ends, one after a
/// week.
const TIMES: [(&str, &str); 6] = [
    ("2026-10-31T23:50:00Z", "2026-10-31T23:59:59Z"),
    ("2026-10-31T23:50:00Z", "2026-11-01T00:00:00Z"),
    ("2026-11-18T11:00:00Z", "2026-11-18T11:02:00Z"),
    ("2026-11-20T11:00:00Z", "2026-11-27T11:00:00Z"),
    ("2026-11-30T23:59:00Z", "2026-11-30T23:59:59Z"),
    ("2026-11-30T23:59:00Z", "2026-12-01T00:00:00Z"),
];

#[derive(Debug, Clone)]
enum Happening {
    /// An order of so many tickets for a price is paid.
    Sale { event: usize, time: usize, gateway: usize, tickets: u8, price: i64, rate: i32, taken: bool },
    /// A ticket of the order is refunded.
    Refund { order: usize, ticket: u8 },
    /// Some of its money goes back at the gateway.
    Elsewhere { order: usize, amount: i64 },
    /// The buyer's bank has the money.
    ChargeBack { order: usize },
}

fn happening() -> impl Strategy<Value = Happening> {
    let sale = (0..3_usize, 0..TIMES.len(), 0..2_usize, 1..5_u8, 1..2_000_i64, 0..3_000_i32, any::<bool>());
    prop_oneof![
        4 => sale.prop_map(|(event, time, gateway, tickets, price, rate, taken)| {
            Happening::Sale { event, time, gateway, tickets, price, rate, taken }
        }),
        3 => (0..12_usize, 0..4_u8).prop_map(|(order, ticket)| Happening::Refund { order, ticket }),
        1 => (0..12_usize, 1..500_i64).prop_map(|(order, amount)| Happening::Elsewhere { order, amount }),
        1 => (0..12_usize).prop_map(|order| Happening::ChargeBack { order }),
    ]
}

/// What the test itself knows of an order.
struct Sold {
    order: Order,
    is_in_month: bool,
    gateway: GatewayName,
    total: i64,
    commission: i64,
    taken: i64,
    /// What went back, by its tickets.
    back: BTreeMap<u8, i64>,
    /// What went back otherwise.
    elsewhere: i64,
    is_charged_back: bool,
}

impl Sold {
    fn kept(&self) -> i64 {
        let back: i64 = self.back.values().sum();
        if self.is_charged_back { 0 } else { (self.total - back - self.elsewhere).max(0) }
    }
}

/// A tenant with three events.
struct World {
    store: Store,
    tenant: TenantId,
    events: Vec<EventId>,
    sold: Vec<Sold>,
}

impl World {
    async fn new(store: Store) -> Self {
        let clock = Clock::movable();
        let tenant = TenantId::generate(clock.now());
        let mut events = Vec::new();
        // One more is over long before the month, and another made after it.
        for (starts_at, created_at) in [
            ("2026-11-28T20:00:00Z", "2026-10-01T00:00:00Z"),
            ("2026-12-24T20:00:00Z", "2026-10-02T00:00:00Z"),
            ("2027-06-01T20:00:00Z", "2026-10-03T00:00:00Z"),
            ("2026-03-01T20:00:00Z", "2026-01-01T00:00:00Z"),
            ("2027-06-02T20:00:00Z", "2026-12-02T00:00:00Z"),
        ] {
            let (starts_at, created_at) = (time(starts_at), time(created_at));
            let (id, ends_at) = (EventId::generate(created_at), starts_at + SignedDuration::from_hours(2));
            let new = Event {
                id,
                tenant_id: tenant,
                starts_at,
                ends_at,
                created_at,
                ..event(&clock, &id.suffix())
            };
            store.create_event(&new).await.expect("created");
            events.push(id);
        }
        Self { store, tenant, events, sold: Vec::new() }
    }

    async fn happens(&mut self, happening: Happening) {
        match happening {
            Happening::Sale { event, time: at, gateway, tickets, price, rate, taken } => {
                let (quoted, paid) = TIMES[at];
                let (event, gateway) = (self.events[event], GATEWAYS[gateway]);
                let total = price * i64::from(tickets);
                let order = fixture::order(OrderStatus::Paid, &[PaymentState::Approved]).with(|order| {
                    order.user = UserId::generate(time(quoted));
                    order.id = OrderId::of_quote(QuoteId::generate(time(quoted)), order.user);
                    (order.tenant, order.event, order.total) = (self.tenant, event, total);
                    order.lines = vec![fixture::line(tickets, total)];
                    order.paid_at = Some(time(paid));
                    (order.payments[0].amount, order.payments[0].gateway) = (total, gateway);
                });
                let commission = order.commission_at(BasisPoints(rate));
                let taken = if taken { commission } else { 0 };
                let order = order.with(|order| {
                    (order.commission, order.payments[0].marketplace_fee) = (commission, taken);
                });
                self.store.create_order(&order).await.expect("written");
                let is_in_month = paid.starts_with(MONTH);
                let (back, elsewhere) = (BTreeMap::new(), 0);
                let is_charged_back = false;
                self.sold.push(Sold {
                    order,
                    is_in_month,
                    gateway,
                    total,
                    commission,
                    taken,
                    back,
                    elsewhere,
                    is_charged_back,
                });
            }
            Happening::Refund { order, ticket } => {
                let Some(sold) = self.sold.get_mut(order) else { return };
                let id = sold.order.id.ticket(ticket);
                let valid = sold.order.tickets().any(|ticket| ticket.id == id && !ticket.refunded);
                if !valid || sold.is_charged_back || sold.elsewhere > 0 {
                    return;
                }
                // The fixtures' tickets of one line cost the same, but for the last pesos.
                let part = OrderPart::from(id);
                let price = sold.order.part_totals().find(|(other, _)| *other == part).expect("a price").1;
                let change = sold.order.refund_parts(&[part]).expect("money is left");
                sold.order =
                    self.store.save_order(&sold.order, &change, fixture::now()).await.expect("saved");
                sold.back.insert(ticket, price);
            }
            Happening::Elsewhere { order, amount } => {
                let Some(sold) = self.sold.get_mut(order) else { return };
                let amount = amount.min(sold.kept());
                sold.order.edit(|order| order.payments[0].refunded += amount);
                sold.order = self
                    .store
                    .save_order(&sold.order, &domain::order::Change::default(), fixture::now())
                    .await
                    .expect("saved");
                sold.elsewhere += amount;
            }
            Happening::ChargeBack { order } => {
                let Some(sold) = self.sold.get_mut(order) else { return };
                sold.order.edit(|order| order.payments[0].dispute = Some(Dispute::Lost));
                sold.order = self
                    .store
                    .save_order(&sold.order, &domain::order::Change::default(), fixture::now())
                    .await
                    .expect("saved");
                sold.is_charged_back = true;
            }
        }
    }

    /// The statement, by steps of at most `limit` orders of a shard.
    async fn statement(&self, limit: u16) -> Statement {
        let (mut statement, mut place) = (Statement::default(), Some(StatementPlace::start()));
        while let Some(here) = place {
            let step = self.store.statement_step(self.tenant, &here, &month(), limit).await.expect("read");
            step.orders.iter().for_each(|order| statement.add(order, &month()));
            place = step.next;
        }
        statement
    }

    /// Payments, money kept, commission and fees of each gateway, counted order by order.
    fn recount(&self) -> BTreeMap<GatewayName, (u32, i64, i64, i64)> {
        let mut sums: BTreeMap<GatewayName, (u32, i64, i64, i64)> = BTreeMap::new();
        for sold in self.sold.iter().filter(|sold| sold.is_in_month) {
            let (kept, total) = (sold.kept(), sold.total);
            if kept == 0 && sold.taken == 0 {
                continue;
            }
            let (payments, money, commission, taken) = sums.entry(sold.gateway).or_default();
            *payments += u32::from(kept > 0);
            *money += kept;
            // Half a unit is rounded up.
            *commission += (2 * sold.commission * kept + total).div_euclid(2 * total);
            *taken += sold.taken;
        }
        sums
    }
}

fn sums(statement: &Statement) -> BTreeMap<GatewayName, (u32, i64, i64, i64)> {
    let line = |line: &domain::statement::StatementLine| {
        (line.gateway, (line.payments, line.kept, line.commission, line.taken))
    };
    statement.lines().iter().map(line).collect()
}

/// Whatever is sold and goes back, and in steps of whatever size it is read, a statement is a recount of
/// all orders.
#[test]
fn a_statement_is_a_recount_of_all_orders() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let store = runtime.block_on(testing::store());
    let config = Config { cases: 40, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let histories = proptest::collection::vec(happening(), 1..40);
    let outcome = runner.run(&histories, |history| {
        runtime.block_on(async {
            let mut world = World::new(store.clone()).await;
            for happening in history {
                world.happens(happening).await;
            }
            let expected = world.recount();
            for limit in [1, 3, 100] {
                prop_assert_eq!(&sums(&world.statement(limit).await), &expected, "by {}", limit);
            }
            Ok(())
        })
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

#[tokio::test]
async fn a_statement_is_of_one_tenant_and_takes_any_place() {
    let mut world = World::new(testing::store().await).await;
    let sale =
        Happening::Sale { event: 0, time: 2, gateway: 0, tickets: 2, price: 100, rate: 1_000, taken: false };
    world.happens(sale).await;
    assert_eq!(sums(&world.statement(9).await), BTreeMap::from([(GatewayName::Sandbox, (1, 200, 20, 0))]));
    let step = |tenant, place: StatementPlace| {
        let store = world.store.clone();
        async move { store.statement_step(tenant, &place, &month(), 9).await.expect("read") }
    };
    let foreign = step(TenantId::generate(fixture::now()), StatementPlace::start()).await;
    assert_eq!((foreign.orders.len(), foreign.next), (0, None));
    // A caller may write any text into a cursor.
    for text in ["", "A", "EV#", "EV#2099", "META", "~"] {
        let mut place = Some(StatementPlace::before(text.to_owned()));
        let mut found = 0;
        while let Some(here) = place {
            let step = step(world.tenant, here).await;
            found += step.orders.len();
            place = step.next;
        }
        assert_eq!(found, usize::from(text <= "EV#"), "{text}");
    }
}
