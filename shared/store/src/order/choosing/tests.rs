use boot::Clock;
use domain::event::fixture::seated_area;
use domain::event::{PricedEvent, RowLayout};
use domain::order::fixture;
use domain::order::{Holding, Order, OrderStatus};
use domain::plan::{SeatKind, Seatings, generate};
use domain::pricing::{LineAmounts, Quote, Totals};
use domain::testing::at;
use domain::{Currency, OrderId, QuoteId, TenantId, UserId};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::*;
use crate::allotment::{Claim, Token};
use crate::event::tests::event;
use crate::order::Held;
use crate::testing::{at_once, forgetful, interrupted, meeting, metered, refusing, store, unguarded};
use crate::{Refusal, StoredEvent};

/// A house with one seated area, of which each row is a block.
#[derive(Clone)]
struct House {
    store: Store,
    sheet: Arc<StoredEvent>,
    seatings: Arc<Seatings>,
}

/// One buyer's quote.
#[derive(Clone)]
struct Wish {
    quote: Quote,
    user: UserId,
}

impl Wish {
    fn order(&self) -> OrderId {
        OrderId::of_quote(self.quote.id, self.user)
    }
}

impl House {
    async fn new(store: &Store, rows: &[&str]) -> Self {
        let event = event(&Clock::movable(), "los-faroles");
        let layouts = rows.iter().zip('A'..).map(|(row, label)| {
            RowLayout::new(label.to_string(), 1, u16::try_from(row.len()).expect("few seats"))
        });
        let mut area = seated_area("Platea", layouts.collect());
        area.event_id = event.id;
        let mut plan = generate(std::slice::from_ref(&area));
        for (line, signs) in plan.sections.iter_mut().flat_map(|section| &mut section.rows).zip(rows) {
            for (seat, sign) in line.seats.iter_mut().zip(signs.chars()) {
                seat.kind = match sign {
                    'a' => SeatKind::Accessible,
                    'p' => SeatKind::Companion,
                    _ => SeatKind::Standard,
                };
            }
        }
        let seatings = Arc::new(Seatings::new(plan, std::slice::from_ref(&area)));
        store.create_places(&area).await.expect("created");
        let sheet = Arc::new(PricedEvent::new(event, vec![area], Vec::new(), Vec::new()).into());
        Self { store: store.clone(), sheet, seatings }
    }

    /// The same house in another process.
    fn through(&self, store: Store) -> Self {
        Self { store, ..self.clone() }
    }

    fn area(&self) -> &Area {
        &self.sheet.areas[0]
    }

    fn row(&self, block: u16) -> RowKey {
        RowKey::of(self.area(), block)
    }

    fn wish(&self, wanted: Wanted, suggested: &str) -> Wish {
        let amounts = LineAmounts {
            quantity: wanted.count,
            unit_base: 0,
            unit_stage_adjustment: 0,
            stage_id: None,
            base: 0,
            stage_adjustment: 0,
            promotion: 0,
            fee: 0,
            vat: 0,
            total: 0,
        };
        let line = QuoteLine {
            area_id: self.area().id,
            area_name: "Platea".to_owned(),
            seats: labels(suggested),
            wanted: Some(wanted),
            amounts,
        };
        let quote = Quote {
            id: QuoteId::generate(at(0)),
            event_id: self.sheet.event.id,
            tenant_id: TenantId::generate(at(0)),
            currency: Currency::COP,
            vat_included: true,
            lines: vec![line],
            extras: Vec::new(),
            totals: Totals::default(),
            stages: Vec::new(),
            outgrown: Vec::new(),
            promotion: None,
            created_at: at(0),
            valid_until: at(900),
        };
        Wish { quote, user: UserId::generate(at(0)) }
    }

    async fn hold(&self, wish: &Wish, now: i64) -> Result<Held> {
        let request = HoldRequest {
            quote: &wish.quote,
            sheet: &self.sheet,
            seatings: &self.seatings,
            products: None,
            promotion: None,
            user: wish.user,
            until: at(now + 600),
        };
        self.store.hold(request, at(now)).await
    }

    /// The seats that a buyer of so many together gets, as text.
    async fn seats(&self, count: u8, now: i64) -> String {
        chosen(&self.hold(&self.wish(Wanted::together(count), ""), now).await.expect("held"))
    }

    /// The code with which a buyer of so many together is refused, and the most that are left together.
    async fn refused(&self, count: u8, now: i64) -> String {
        match self.hold(&self.wish(Wanted::together(count), ""), now).await {
            Err(HoldError::Refused(HoldRefusal::NoAdjacentSeats { largest, .. })) => {
                format!("{largest} together")
            }
            Err(HoldError::Refused(HoldRefusal::SoldOut { left, .. })) => format!("{left} left"),
            other => panic!("expected a refusal: {other:?}"),
        }
    }

    /// The rows: `.` available, `r` held, `x` sold.
    async fn picture(&self, now: i64) -> String {
        let rows = self.store.area_rows(self.area(), at(now)).await.expect("read");
        let sign = |state| match state {
            SeatState::Available => '.',
            SeatState::Reserved => 'r',
            SeatState::Sold => 'x',
            SeatState::Blocked => 'b',
        };
        rows.iter().map(|row| row.states().map(sign).collect()).collect::<Vec<String>>().join(" ")
    }

    /// Sells seats, or returns them.
    async fn sell(&self, block: u16, seats: &[u16]) {
        self.store
            .claim_seats(self.row(block), seats, stranger(), Claim::Sold, at(0))
            .await
            .expect("they are free");
    }

    async fn give_back(&self, block: u16, seats: &[u16]) {
        self.store.return_seats(self.row(block), seats, stranger()).await.expect("returned");
    }

    /// The order that a request makes of what it held.
    fn order(&self, wish: &Wish, held: &Held) -> Order {
        fixture::order(OrderStatus::Held, &[]).with(|order| {
            (order.id, order.user, order.event) = (wish.order(), wish.user, self.sheet.event.id);
            order.lines[0].area = self.area().id;
            order.lines[0].seats.clone_from(&held.chosen[0].seats);
            order.holdings.clone_from(&held.holdings);
        })
    }
}

/// The token of an order of somebody else.
fn stranger() -> Token {
    Token::of("ord_01h455vb4pex5vsknk084sn02q".parse().expect("an id"))
}

fn labels(seats: &str) -> Vec<SeatLabel> {
    seats.split_whitespace().map(|seat| seat.parse().expect("a seat")).collect()
}

fn chosen(held: &Held) -> String {
    let seats = held.chosen.iter().flat_map(|chosen| &chosen.seats);
    seats.map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn the_best_seats_that_are_free_are_held() {
    let house = House::new(&store().await, &["......", "..."]).await;
    let held = house.hold(&house.wish(Wanted::together(6), ""), 0).await.expect("held");
    assert_eq!(chosen(&held), "A-1 A-2 A-3 A-4 A-5 A-6");
    let all = vec![1, 2, 3, 4, 5, 6];
    assert_eq!(held.holdings, [Holding::Seats { line: 0, row: 0, seats: all }]);
    assert_eq!(house.picture(0).await, "rrrrrr ...");
    assert_eq!(house.seats(3, 1).await, "B-1 B-2 B-3");
    assert_eq!(house.refused(1, 1).await, "0 left");
    assert_eq!(house.picture(601).await, "...... rrr", "each hold ends by itself");
    assert_eq!(house.seats(6, 601).await, "A-1 A-2 A-3 A-4 A-5 A-6");
}

#[tokio::test]
async fn a_choice_costs_one_write_of_one_unit() {
    let table = store().await;
    let house = House::new(&table, &["....", "....", "...."]).await;
    let (counted, meter) = metered(&table);
    let counted = house.through(counted);
    assert_eq!(counted.refused(20, 0).await, "12 left");
    // What is seen before is out of date; that costs reads, and no write.
    house.sell(0, &[1, 2, 3, 4]).await;
    for _ in 0..4 {
        assert!(!counted.seats(2, 0).await.contains('A'));
        assert_eq!(meter.take(), [1.0]);
    }
}

#[tokio::test]
async fn what_others_did_meanwhile_is_seen_before_anything_is_claimed_or_refused() {
    let house = House::new(&store().await, &["....", "....", "...."]).await;
    let elsewhere = house.through(forgetful(&house.store, 0));
    // This process believes that all is free.
    assert_eq!(house.refused(20, 0).await, "12 left");
    elsewhere.sell(0, &[1, 2, 3, 4]).await;
    elsewhere.sell(1, &[1, 2, 3, 4]).await;
    assert_eq!(house.seats(4, 0).await, "C-1 C-2 C-3 C-4");
    // It believes that all is taken.
    assert_eq!(house.refused(1, 0).await, "0 left");
    elsewhere.give_back(0, &[2, 3]).await;
    elsewhere.give_back(1, &[3]).await;
    assert_eq!(house.refused(4, 0).await, "3 left");
    elsewhere.give_back(1, &[1]).await;
    assert_eq!(house.refused(4, 0).await, "2 together");
    elsewhere.give_back(1, &[2, 4]).await;
    assert!(["B-1 B-2 B-3", "B-2 B-3 B-4"].contains(&house.seats(3, 0).await.as_str()));
}

#[tokio::test]
async fn neighbours_go_before_two_rows_whatever_was_seen_before() {
    let house = House::new(&store().await, &["..", "..", "...."]).await;
    let elsewhere = house.through(forgetful(&house.store, 0));
    elsewhere.sell(2, &[1, 2, 3, 4]).await;
    assert_eq!(house.refused(20, 0).await, "4 left");
    elsewhere.give_back(2, &[1, 2, 3, 4]).await;
    assert_eq!(house.seats(4, 0).await, "C-1 C-2 C-3 C-4");
    assert_eq!(house.seats(4, 0).await, "A-1 A-2 B-1 B-2");
}

#[tokio::test]
async fn two_rows_are_two_claims_with_one_number_each() {
    let house = House::new(&store().await, &["..", ".."]).await;
    let wish = house.wish(Wanted::together(4), "");
    let held = house.hold(&wish, 0).await.expect("held");
    let block = |row| Holding::Seats { line: 0, row, seats: vec![1, 2] };
    assert_eq!(held.holdings, [block(0), block(1)]);
    house.store.release_holdings(&house.order(&wish, &held)).await.expect("released");
    assert_eq!(house.picture(0).await, ".. ..");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_row_is_given_back_if_the_second_is_taken() {
    let house = House::new(&store().await, &["..", "..", "..", ".."]).await;
    let rival = house.clone();
    let beaten = house.through(interrupted(&house.store, 2, async move { rival.sell(1, &[1]).await }));
    assert_eq!(beaten.seats(4, 0).await, "C-1 C-2 D-1 D-2");
    assert_eq!(house.picture(0).await, ".. x. rr rr");
}

#[tokio::test]
async fn what_the_quote_suggested_is_kept_while_it_may_be_had() {
    let house = House::new(&store().await, &["......", "......"]).await;
    let hold = async |wish: Wish| chosen(&house.hold(&wish, 0).await.expect("held"));
    let two = Wanted::together(2);
    assert_eq!(hold(house.wish(two, "B-1 B-2")).await, "B-1 B-2");
    assert_ne!(hold(house.wish(two, "B-2 B-3")).await, "B-2 B-3", "it is taken");
    assert_ne!(hold(house.wish(two, "A-8 A-9")).await, "A-8 A-9", "there is no such seat any more");
}

#[tokio::test]
async fn seats_for_wheelchairs_are_for_who_asks_for_them() {
    let house = House::new(&store().await, &["..ap", "...."]).await;
    assert_eq!(house.seats(4, 0).await, "B-1 B-2 B-3 B-4");
    assert_eq!(house.refused(3, 0).await, "2 together");
    let wanted = Wanted { accessible: 1, companions: 1, ..Wanted::together(2) };
    let held = house.hold(&house.wish(wanted, ""), 0).await.expect("held");
    assert_eq!(chosen(&held), "A-3 A-4");
}

#[tokio::test]
async fn a_line_for_an_area_without_numbers_is_out_of_date() {
    let mut house = House::new(&store().await, &["...."]).await;
    let wish = house.wish(Wanted::together(2), "");
    let mut priced = PricedEvent::clone(&house.sheet);
    priced.areas[0].kind = AreaKind::GeneralAdmission;
    house.sheet = Arc::new(priced.into());
    let refused = house.hold(&wish, 0).await;
    assert!(matches!(refused, Err(HoldError::Refused(HoldRefusal::QuoteOutdated))), "{refused:?}");
}

#[tokio::test]
async fn a_line_that_names_no_seats_and_has_none_chosen_is_out_of_date() {
    let house = House::new(&store().await, &["...."]).await;
    let mut wish = house.wish(Wanted::together(2), "");
    wish.quote.lines[0].wanted = None;
    let refused = house.hold(&wish, 0).await;
    assert!(matches!(refused, Err(HoldError::Refused(HoldRefusal::QuoteOutdated))), "{refused:?}");
}

#[tokio::test]
async fn who_is_always_too_late_is_told_that_others_want_the_seats() {
    let house = House::new(&store().await, &["...."]).await;
    let late = house.through(refusing(&house.store));
    let contended = late.hold(&late.wish(Wanted::together(2), ""), 0).await;
    assert!(matches!(contended, Err(HoldError::Refused(HoldRefusal::SeatsContended))), "{contended:?}");
    assert_eq!(house.picture(0).await, "....");
}

#[tokio::test]
async fn two_requests_of_one_quote_have_seats_of_their_own() {
    let house = House::new(&store().await, &["........"]).await;
    let wish = house.wish(Wanted::together(2), "A-1 A-2");
    let [first, second] =
        [house.hold(&wish, 0).await, house.hold(&wish, 0).await].map(|held| held.expect("held"));
    assert_eq!(chosen(&first), "A-1 A-2");
    assert!(!chosen(&second).contains("A-1") && !chosen(&second).contains("A-2"), "{second:?}");
    assert_eq!(house.picture(0).await.matches('r').count(), 4);
    // One of them made the order, whichever: nothing stays but what it names.
    for (made, other) in [(&first, &second), (&second, &first)] {
        let order = house.order(&wish, made);
        house.store.release_unnamed(&order, made).await.expect("nothing to release");
        house.store.release_unnamed(&order, other).await.expect("released");
        let expected = if made.holdings == first.holdings { "rr......" } else { "........" };
        assert_eq!(house.picture(0).await, expected);
    }
}

#[tokio::test]
async fn of_the_last_seats_a_second_request_has_those_of_the_first_once_that_is_over() {
    let house = House::new(&store().await, &["..", "xx"]).await;
    house.sell(1, &[1, 2]).await;
    let wish = house.wish(Wanted::together(2), "");
    house.hold(&wish, 0).await.expect("held");
    for now in [0, 5, 30] {
        let beside = house.hold(&wish, now).await;
        assert!(matches!(beside, Err(HoldError::BesideAnother)), "after {now} seconds: {beside:?}");
        assert_eq!(house.refused(2, now).await, "0 left", "of others");
    }
    let held = house.hold(&wish, 31).await.expect("the first request is over");
    assert_eq!(chosen(&held), "A-1 A-2");
    let beside = house.hold(&wish, 32).await;
    assert!(matches!(beside, Err(HoldError::BesideAnother)), "the second is not: {beside:?}");
}

#[tokio::test]
async fn an_answer_that_was_lost_leaves_nothing_held() {
    let house = House::new(&store().await, &["........"]).await;
    let deaf = house.through(forgetful(&house.store, 1));
    let wish = house.wish(Wanted::together(2), "A-1 A-2");
    // The client repeats a write whose answer was lost, and takes its own claim for another request's.
    let beside = deaf.hold(&wish, 0).await;
    assert!(matches!(beside, Err(HoldError::BesideAnother)), "{beside:?}");
    assert_eq!(house.picture(0).await, "rrrrrrrr");
    let held = house.hold(&wish, 31).await.expect("that is over");
    assert_eq!(chosen(&held), "A-1 A-2");
    house.store.release_unnamed(&house.order(&wish, &held), &held).await.expect("released");
    assert_eq!(house.picture(31).await, "rr......");
}

/// Buyers of pairs who all come at once, each in a process of its own, until they are refused. Returns
/// how often each seat was had, by row and number, and the rows at the end.
async fn sell_pairs(table: &Store, racing: &Store) -> (BTreeMap<String, usize>, String) {
    const BUYERS: usize = 12;
    let house = House::new(table, &["........", "......", "....."]).await;
    let racing = house.through(meeting(racing, BUYERS));
    let answers = at_once(BUYERS, move |_| {
        let house = racing.through(forgetful(&racing.store, 0));
        async move {
            let mut had = Vec::new();
            // More than there are: without a guard nobody is ever refused.
            for _ in 0..10 {
                match house.hold(&house.wish(Wanted::together(2), ""), 0).await {
                    Ok(held) => had.extend(held.chosen[0].seats.iter().map(ToString::to_string)),
                    Err(HoldError::Refused(
                        HoldRefusal::NoAdjacentSeats { .. } | HoldRefusal::SoldOut { .. },
                    )) => break,
                    Err(other) => panic!("nobody is put off: {other:?}"),
                }
            }
            had
        }
    });
    let mut owners = BTreeMap::new();
    for seat in answers.await.into_iter().flatten() {
        *owners.entry(seat).or_default() += 1;
    }
    (owners, house.picture(0).await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_is_refused_only_when_no_two_seats_together_are_left() {
    let table = store().await;
    for _ in 0..4 {
        let (owners, rows) = sell_pairs(&table, &table).await;
        assert!(owners.values().all(|times| *times == 1), "{owners:?}");
        assert!(!rows.contains(".."), "{rows}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_guard_a_crowd_has_seats_twice() {
    let table = store().await;
    let (owners, _) = sell_pairs(&table, &unguarded(&table)).await;
    assert!(owners.values().any(|times| *times > 1), "the race proves nothing: {owners:?}");
}

/// A house, which of its seats are sold when this process sees it, and which a moment later.
fn houses() -> impl Strategy<Value = Taken> {
    let seat = prop_oneof![8 => Just('.'), 1 => Just('a'), 1 => Just('p')];
    let row = proptest::collection::vec((seat, any::<bool>(), any::<bool>()), 1..9);
    proptest::collection::vec(row, 1..5).prop_map(|rows| {
        let signs = rows.iter().map(|row| row.iter().map(|(sign, ..)| *sign).collect()).collect();
        let sold = rows.iter().map(|row| row.iter().map(|(_, seen, is)| (*seen, *is)).collect());
        (signs, sold.collect())
    })
}

fn wishes() -> impl Strategy<Value = Wanted> {
    (1_u8..6, 0_u8..3, 0_u8..3, any::<bool>()).prop_map(|(count, accessible, companions, together)| {
        let accessible = accessible.saturating_sub(1).min(count);
        let companions = if accessible == 0 { 0 } else { companions.min(count - accessible) };
        Wanted { count, accessible, companions, together }
    })
}

/// The numbers of a row's seats for which `is` says so.
fn numbers(row: &[(bool, bool)], is: impl Fn(&(bool, bool)) -> bool) -> Vec<u16> {
    (1_u16..).zip(row).filter(|(_, sold)| is(sold)).map(|(number, _)| number).collect()
}

/// A house: the signs of its rows, and of each seat whether it is held, and sold.
type Taken = (Vec<String>, Vec<Vec<(bool, bool)>>);

async fn is_held_as_choose_says(table: Store, ((signs, sold), wanted): (Taken, Wanted)) {
    let signs: Vec<&str> = signs.iter().map(String::as_str).collect();
    let house = House::new(&table, &signs).await;
    let elsewhere = house.through(forgetful(&table, 0));
    for (block, row) in (0..).zip(&sold) {
        elsewhere.sell(block, &numbers(row, |(seen, _)| *seen)).await;
    }
    // Refused, and the house is known from then on.
    let many = Wanted::together(40);
    assert!(house.hold(&house.wish(many, ""), 0).await.is_err());
    for (block, row) in (0..).zip(&sold) {
        elsewhere.give_back(block, &numbers(row, |(seen, is)| *seen && !is)).await;
        elsewhere.sell(block, &numbers(row, |(seen, is)| !seen && *is)).await;
    }
    let seating = house.seatings.of(house.area().id).expect("a seating");
    let is_free = |place: &Place| !sold[usize::from(place.block)][usize::from(place.label.number() - 1)].1;
    let truth: Vec<RunState<'_>> = seating.runs.iter().map(|run| RunState::new(run, is_free)).collect();
    let wish = house.wish(wanted, "");
    let best = choose(&truth, seating.focal, &wanted, wish.quote.spread());
    match (house.hold(&wish, 0).await, best) {
        (Ok(held), Choice::Together(_) | Choice::AdjacentRows(_) | Choice::Apart(_)) => {
            let seats = &held.chosen[0].seats;
            assert!(may_have(&truth, seats, &wanted), "{seats:?}");
            let is_together = seating.runs_of(seats).count() == 1;
            let neighbours = |run: &Run| {
                let at: Vec<usize> =
                    (0..run.seats.len()).filter(|at| seats.contains(&run.seats[*at].label)).collect();
                at.windows(2).all(|pair| pair[0] + 1 == pair[1])
            };
            let best = choose(&truth, seating.focal, &wanted, 0);
            if matches!(best, Choice::Together(_)) {
                assert!(is_together && seating.runs_of(seats).all(neighbours), "{seats:?}");
            }
            for holding in &held.holdings {
                let Holding::Seats { row, seats, .. } = holding else { panic!("{holding:?}") };
                let others =
                    house.store.claim_seats(house.row(*row), seats, stranger(), Claim::Sold, at(0)).await;
                assert!(matches!(others, Err(Refusal::SeatsTaken(_))), "they are held: {others:?}");
            }
        }
        (Err(HoldError::Refused(refusal)), Choice::None { largest }) => {
            let left = truth.iter().flat_map(|run| &run.free).filter(|free| **free).count();
            let left = u32::try_from(left).expect("few");
            assert_eq!(refusal, HoldRefusal::of_wish(house.area().id, &wanted, left, largest));
        }
        (held, best) => panic!("{held:?} where there is {best:?}"),
    }
}

/// Whatever this process saw before: a buyer is refused only if there is nothing to choose, and has
/// neighbours if there are.
#[test]
fn a_buyer_has_what_is_there() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let table = runtime.block_on(store());
    let config = Config { cases: 150, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let outcome = runner.run(&(houses(), wishes()), |case| {
        runtime.block_on(is_held_as_choose_says(table.clone(), case));
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}
