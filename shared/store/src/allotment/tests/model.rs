//! Random histories of pools and rows, each step compared with a simple model.

use std::collections::{BTreeMap, BTreeSet};

use domain::order::Part;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::seats::{new_rows, picture};
use super::*;
use crate::testing;

/// Runs `check` on `cases` of the histories that `histories` makes, over one table. The seed is fixed:
/// they are always the same.
fn check_histories<H: std::fmt::Debug, F: Future<Output = ()>>(
    cases: u32,
    histories: impl Strategy<Value = H>,
    check: impl Fn(Store, H) -> F,
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let store = runtime.block_on(testing::store());
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 500, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let outcome = runner.run(&histories, |history| {
        runtime.block_on(check(store.clone(), history));
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

/// Quantity of each order; a few of them exhaust the pool.
const QUANTITIES: [u8; 8] = [1, 2, 3, 7, 12, 20, 31, 49];
const CAPACITY: u32 = 110;

#[derive(Debug, Clone, Copy)]
enum PoolStep {
    Hold { order: usize, seconds: i64 },
    Sell { order: usize },
    Settle { order: usize },
    Release { order: usize },
    Return { order: usize, keeps: u8 },
    Resize { capacity: u32 },
    Wait { seconds: i64 },
}

fn pool_step() -> impl Strategy<Value = PoolStep> {
    let order = 0..QUANTITIES.len();
    prop_oneof![
        6 => (order.clone(), 0_i64..900).prop_map(|(order, seconds)| PoolStep::Hold { order, seconds }),
        2 => order.clone().prop_map(|order| PoolStep::Sell { order }),
        3 => order.clone().prop_map(|order| PoolStep::Settle { order }),
        2 => order.clone().prop_map(|order| PoolStep::Release { order }),
        2 => (order, 0_u8..20).prop_map(|(order, keeps)| PoolStep::Return { order, keeps }),
        1 => (0_u32..160).prop_map(|capacity| PoolStep::Resize { capacity }),
        2 => (1_i64..600).prop_map(|seconds| PoolStep::Wait { seconds }),
    ]
}

/// An order, as its buyer knows it.
#[derive(Debug, Default)]
struct Buyer {
    /// Counts the orders that this buyer made one after the other.
    generation: u32,
    parts: Vec<Part>,
    claim: Option<Claim>,
    /// Holds that an earlier try left in other blocks.
    strays: Vec<(u16, ClaimValue)>,
    refunded: bool,
}

struct PoolModel {
    store: Store,
    pool: Pool,
    event: EventId,
    area: AreaId,
    capacity: u32,
    now: i64,
    buyers: Vec<Buyer>,
    /// Refunded orders.
    history: Vec<(Token, Buyer)>,
}

/// The result of a step.
enum Outcome {
    Claimed(usize, Claim, Result<Vec<Part>, Refusal>),
    Resized(u32, Result<u16, Refusal>),
    Nothing,
}

impl PoolModel {
    fn token(&self, order: usize) -> Token {
        token(u32::try_from(order).expect("few") + 1000 * self.buyers[order].generation)
    }

    async fn step(&mut self, step: PoolStep) {
        let before = blocks(&self.store, &self.pool).await;
        let outcome = self.carry_out(step).await;
        let now = at(self.now);
        if let Outcome::Resized(capacity, Ok(blocks)) = outcome {
            assert!(blocks >= self.pool.blocks);
            self.pool = Pool::area(self.event, self.area, blocks);
            self.capacity = capacity;
        }
        let blocks = blocks(&self.store, &self.pool).await;
        never_shorter(step, &before, &blocks);
        let free: i64 = blocks.iter().map(|block| block.free(now)).sum();
        match outcome {
            Outcome::Claimed(order, claim, Ok(parts)) => self.note_claim(order, claim, parts, &blocks),
            Outcome::Claimed(order, _, refused) => {
                let left = left(refused);
                assert_eq!(i64::from(left), free, "the truth about what is left");
                assert!(left < u32::from(QUANTITIES[order]), "refused although {left} are left");
                let (token, buyer) = (self.token(order), &mut self.buyers[order]);
                assert!(blocks.iter().all(|block| block.claim(token).is_none()), "nothing stays behind");
                assert_ne!(buyer.claim, Some(Claim::Sold), "sold is sold");
                *buyer = Buyer { generation: buyer.generation, ..Buyer::default() };
            }
            Outcome::Resized(capacity, refused @ Err(_)) => {
                let left = left(refused);
                assert_eq!(i64::from(left), free, "the truth about what is left");
                assert!(self.capacity - left > capacity, "that many can go: {left}");
            }
            Outcome::Resized(..) | Outcome::Nothing => {}
        }
        self.compare(step, &blocks);
    }

    async fn carry_out(&mut self, step: PoolStep) -> Outcome {
        let (now, store) = (at(self.now), self.store.clone());
        match step {
            PoolStep::Hold { order, seconds } => self.claim(order, until(self.now + seconds)).await,
            PoolStep::Sell { order } => self.claim(order, Claim::Sold).await,
            PoolStep::Settle { order } => {
                if self.buyers[order].refunded || self.buyers[order].parts.is_empty() {
                    return Outcome::Nothing;
                }
                let (token, parts) = (self.token(order), self.buyers[order].parts.clone());
                let result = store.secure_admissions(&self.pool, &parts, token, Claim::Sold, now).await;
                Outcome::Claimed(order, Claim::Sold, result)
            }
            PoolStep::Release { order } => {
                let (token, buyer) = (self.token(order), &mut self.buyers[order]);
                store.release_admissions(&self.pool, &buyer.parts, token).await.expect("released");
                // The parts stay known, in case the payment comes late.
                buyer.claim.take_if(|claim| *claim != Claim::Sold);
                Outcome::Nothing
            }
            PoolStep::Return { order, keeps } => {
                let (token, buyer) = (self.token(order), &mut self.buyers[order]);
                if buyer.claim != Some(Claim::Sold) {
                    return Outcome::Nothing;
                }
                store.return_admissions(&self.pool, &buyer.parts, keeps, token).await.expect("returned");
                buyer.refunded = true;
                let mut kept = keeps;
                for part in &mut buyer.parts {
                    part.quantity = part.quantity.min(kept);
                    kept -= part.quantity;
                }
                Outcome::Nothing
            }
            PoolStep::Resize { capacity } => {
                Outcome::Resized(capacity, store.resize_pool(&self.pool, capacity, now).await)
            }
            PoolStep::Wait { seconds } => {
                self.now += seconds;
                Outcome::Nothing
            }
        }
    }

    async fn claim(&mut self, order: usize, claim: Claim) -> Outcome {
        if self.buyers[order].refunded {
            // A refunded order is over, and what it kept stays sold: this is the buyer's next order.
            let token = self.token(order);
            let next = Buyer { generation: self.buyers[order].generation + 1, ..Buyer::default() };
            self.history.push((token, std::mem::replace(&mut self.buyers[order], next)));
        }
        let token = self.token(order);
        let result =
            self.store.claim_admissions(&self.pool, QUANTITIES[order], token, claim, at(self.now)).await;
        Outcome::Claimed(order, claim, result)
    }

    fn note_claim(&mut self, order: usize, claim: Claim, parts: Vec<Part>, blocks: &[Block]) {
        assert_eq!(quantity(&parts), u32::from(QUANTITIES[order]), "the parts add up");
        let (token, buyer) = (self.token(order), &mut self.buyers[order]);
        if buyer.claim == Some(Claim::Sold) {
            assert!(parts == buyer.parts || claim != Claim::Sold, "nothing is sold twice");
        } else {
            let claim = match (buyer.claim, claim) {
                (Some(Claim::Until(had)), Claim::Until(asked)) => Claim::Until(had.max(asked)),
                _ => claim,
            };
            (buyer.parts, buyer.claim) = (parts, Some(claim));
        }
        let has = blocks.iter().filter_map(|block| Some((block.index, block.claim(token)?)));
        let known = |block: u16| buyer.parts.iter().any(|part| part.block == block);
        buyer.strays = has.filter(|(block, _)| !known(*block)).collect();
        assert!(buyer.strays.iter().all(|(_, stake)| !stake.is_sold()), "strays end: {buyer:?}");
    }

    /// Compares what the table says with what the buyers know.
    fn compare(&self, step: PoolStep, blocks: &[Block]) {
        let now = at(self.now);
        let mut live: BTreeMap<(u16, String), ClaimValue> = BTreeMap::new();
        for block in blocks {
            let expired = block.expired(now);
            let claims = block.claims.iter().filter(|claim| !expired.contains(claim));
            live.extend(claims.map(|(name, stake)| ((block.index, name.clone()), *stake)));
        }
        let claimed: i64 = live.values().map(|stake| i64::from(stake.quantity())).sum();
        assert!(claimed <= i64::from(self.capacity), "after {step:?}: oversold");
        let free: i64 = blocks.iter().map(|block| block.free(now)).sum();
        assert_eq!(free + claimed, i64::from(self.capacity), "after {step:?}");

        let buyers = (0..).zip(&self.buyers).map(|(order, buyer)| (self.token(order), buyer));
        for (token, buyer) in buyers.chain(self.history.iter().map(|(token, buyer)| (*token, buyer))) {
            let name = |block: u16| (block, token.as_str().to_owned());
            let claim = buyer.claim.filter(|claim| !matches!(claim, Claim::Until(last) if *last < now));
            if let Some(claim) = claim {
                for part in buyer.parts.iter().filter(|part| part.quantity > 0) {
                    let has = live.remove(&name(part.block));
                    let least = ClaimValue::new(part.quantity, claim);
                    let is_so = has.is_some_and(|has| has.quantity() == part.quantity && has >= least);
                    assert!(is_so, "after {step:?}: {buyer:?} has {has:?}");
                }
            }
            if buyer.claim.is_some() {
                // What an earlier try of the same order claimed for longer.
                for part in &buyer.parts {
                    live.remove(&name(part.block));
                }
            }
            for (block, _) in &buyer.strays {
                live.remove(&name(*block));
            }
        }
        assert!(live.is_empty(), "after {step:?}: nobody knows of {live:?}");
    }
}

/// Checks that no order's claim ends earlier than before: a slow worker that secures places for some
/// minutes must not cut a longer hold short.
fn never_shorter(step: PoolStep, before: &[Block], after: &[Block]) {
    for block in before {
        let now = after.iter().find(|other| other.index == block.index);
        for (name, had) in &block.claims {
            let has = now.and_then(|now| now.claims.iter().find(|(other, _)| other == name));
            let has = has.filter(|(_, has)| has.quantity() == had.quantity());
            assert!(has.is_none_or(|(_, has)| has >= had), "{step:?} cut {had:?} to {has:?}");
        }
    }
}

#[test]
fn a_pool_agrees_with_its_model_in_every_history() {
    check_histories(40, proptest::collection::vec(pool_step(), 1..40), async |store: Store, steps| {
        let (event, area) = (EventId::generate(at(0)), AreaId::generate(at(0)));
        let pool = Pool::area(event, area, Pool::blocks_for(CAPACITY));
        store.create_pool(&pool, CAPACITY).await.expect("created");
        let buyers = QUANTITIES.iter().map(|_| Buyer::default()).collect();
        let (capacity, history) = (CAPACITY, Vec::new());
        let mut model = PoolModel { store, pool, event, area, capacity, now: 0, buyers, history };
        for step in steps {
            model.step(step).await;
        }
    });
}

#[derive(Debug, Clone)]
enum RowStep {
    Hold { order: u32, seats: BTreeSet<u16>, seconds: i64 },
    Sell { order: u32, seats: BTreeSet<u16> },
    SellHeld { order: u32, seats: BTreeSet<u16> },
    Release { order: u32, seats: BTreeSet<u16> },
    Return { order: u32, seats: BTreeSet<u16> },
    Block { seats: BTreeSet<u16> },
    Unblock { seats: BTreeSet<u16> },
    Wait { seconds: i64 },
}

fn row_step() -> impl Strategy<Value = RowStep> {
    let seats = || proptest::collection::btree_set(0_u16..=13, 0..5);
    let order = 0_u32..4;
    prop_oneof![
        5 => (order.clone(), seats(), 0_i64..900)
            .prop_map(|(order, seats, seconds)| RowStep::Hold { order, seats, seconds }),
        3 => (order.clone(), seats()).prop_map(|(order, seats)| RowStep::Sell { order, seats }),
        3 => (order.clone(), seats()).prop_map(|(order, seats)| RowStep::SellHeld { order, seats }),
        2 => (order.clone(), seats()).prop_map(|(order, seats)| RowStep::Release { order, seats }),
        2 => (order, seats()).prop_map(|(order, seats)| RowStep::Return { order, seats }),
        1 => seats().prop_map(|seats| RowStep::Block { seats }),
        1 => seats().prop_map(|seats| RowStep::Unblock { seats }),
        2 => (1_i64..600).prop_map(|seconds| RowStep::Wait { seconds }),
    ]
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Seat {
    Held(u32, i64),
    Sold(u32),
    Blocked,
}

/// A row with the seats 1 to 12, of which those that are not free are listed.
#[derive(Default)]
struct RowModel {
    seats: BTreeMap<u16, Seat>,
    now: i64,
}

impl RowModel {
    fn get(&self, seat: u16) -> Option<Seat> {
        self.seats.get(&seat).copied().filter(|seat| !matches!(seat, Seat::Held(_, last) if *last < self.now))
    }

    /// `Ok`, or the seats that do not exist, or else those that are taken.
    fn expected(&self, seats: &BTreeSet<u16>, fits: impl Fn(Option<Seat>) -> bool) -> Result<(), Vec<u16>> {
        let unknown: Vec<u16> = seats.iter().copied().filter(|seat| !(1..=12).contains(seat)).collect();
        let taken: Vec<u16> = seats.iter().copied().filter(|seat| !fits(self.get(*seat))).collect();
        if !unknown.is_empty() {
            return Err(unknown);
        }
        if taken.is_empty() { Ok(()) } else { Err(taken) }
    }

    fn picture(&self) -> String {
        let letter = |seat| match self.get(seat) {
            None => '.',
            Some(Seat::Held(..)) => 'r',
            Some(Seat::Sold(_)) => 'x',
            Some(Seat::Blocked) => 'b',
        };
        (1..=12).map(letter).collect()
    }

    async fn step(&mut self, store: &Store, row: RowKey, step: RowStep) {
        let now = at(self.now);
        let list = |seats: &BTreeSet<u16>| seats.iter().rev().copied().collect::<Vec<u16>>();
        let outcome = |result: Result<(), Refusal>| match result {
            Ok(()) => Ok(()),
            Err(Refusal::SeatsTaken(mut seats) | Refusal::NoSuchSeats(mut seats)) => {
                seats.sort_unstable();
                Err(seats)
            }
            Err(other) => panic!("{other:?}"),
        };
        match step {
            RowStep::Hold { order, seats, seconds } => {
                let last = self.now + seconds;
                let mine = |seat| {
                    matches!(seat, None | Some(Seat::Held(_, _) | Seat::Sold(_)))
                        && !matches!(seat, Some(Seat::Held(by, _) | Seat::Sold(by)) if by != order)
                };
                let expected = self.expected(&seats, mine);
                let result = store.claim_seats(row, &list(&seats), token(order), until(last), now).await;
                assert_eq!(outcome(result), expected);
                if expected.is_ok() {
                    for seat in seats {
                        let entry = self.seats.entry(seat).or_insert(Seat::Held(order, last));
                        *entry = match *entry {
                            Seat::Sold(by) => Seat::Sold(by),
                            Seat::Held(by, had) if by == order => Seat::Held(order, had.max(last)),
                            _ => Seat::Held(order, last),
                        };
                    }
                }
            }
            RowStep::Sell { order, seats } => {
                let mine = |seat| match seat {
                    None => true,
                    Some(Seat::Held(by, _) | Seat::Sold(by)) => by == order,
                    Some(Seat::Blocked) => false,
                };
                let expected = self.expected(&seats, mine);
                let result = store.claim_seats(row, &list(&seats), token(order), Claim::Sold, now).await;
                assert_eq!(outcome(result), expected);
                if expected.is_ok() {
                    self.seats.extend(seats.into_iter().map(|seat| (seat, Seat::Sold(order))));
                }
            }
            RowStep::SellHeld { order, seats } => {
                // Expired or not: it counts until another order takes it.
                let mine = |seat: &u16| matches!(self.seats.get(seat), Some(Seat::Held(by, _) | Seat::Sold(by)) if *by == order);
                let expected = seats.iter().all(mine);
                let sold = store.sell_seats(row, &list(&seats), token(order)).await.expect("answers");
                assert_eq!(sold, expected);
                if expected {
                    self.seats.extend(seats.iter().map(|seat| (*seat, Seat::Sold(order))));
                }
                let are_sold = seats.iter().all(|seat| self.seats.get(seat) == Some(&Seat::Sold(order)));
                let seen = store.seats_are_sold(row, &list(&seats), token(order)).await.expect("answers");
                assert_eq!(seen, are_sold);
            }
            RowStep::Release { order, seats } => {
                store.release_seats(row, &list(&seats), token(order)).await.expect("released");
                self.seats.retain(|seat, of| {
                    !(seats.contains(seat) && matches!(of, Seat::Held(by, _) if *by == order))
                });
            }
            RowStep::Return { order, seats } => {
                store.return_seats(row, &list(&seats), token(order)).await.expect("returned");
                let mine = |of: &Seat| matches!(of, Seat::Held(by, _) | Seat::Sold(by) if *by == order);
                self.seats.retain(|seat, of| !(seats.contains(seat) && mine(of)));
            }
            RowStep::Block { seats } => {
                let expected = self.expected(&seats, |seat| matches!(seat, None | Some(Seat::Blocked)));
                let result = store.block_seats(row, &list(&seats), now).await;
                assert_eq!(outcome(result), expected);
                if expected.is_ok() {
                    self.seats.extend(seats.into_iter().map(|seat| (seat, Seat::Blocked)));
                }
            }
            RowStep::Unblock { seats } => {
                store.unblock_seats(row, &list(&seats)).await.expect("unblocked");
                self.seats.retain(|seat, of| !(seats.contains(seat) && *of == Seat::Blocked));
            }
            RowStep::Wait { seconds } => self.now += seconds,
        }
    }
}

#[test]
fn a_row_agrees_with_its_model_in_every_history() {
    check_histories(40, proptest::collection::vec(row_step(), 1..60), async |store: Store, steps| {
        let [row, _] = new_rows(&store).await;
        let mut model = RowModel::default();
        for step in steps {
            let text = format!("{step:?}");
            model.step(&store, row, step).await;
            assert_eq!(picture(&store, row, model.now).await, model.picture(), "after {text}");
        }
    });
}
