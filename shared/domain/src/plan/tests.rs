use std::collections::{BTreeMap, HashMap, HashSet};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::pretix::{PretixPlan, read_pretix, write_pretix};
use super::*;
use crate::error::Fields;
use crate::event::fixture::seated_area;
use crate::event::{Area, RowLayout};

fn fixture() -> Value {
    serde_json::from_str(include_str!("fixture/pretix.json")).expect("json")
}

fn read(document: Value, renumber: bool) -> (Plan, Vec<String>) {
    let pretix: PretixPlan = serde_json::from_value(document).expect("a plan of pretix");
    let mut fields = Fields::new();
    let plan = read_pretix(pretix, renumber, &mut fields);
    (plan, pointers(&mut fields))
}

fn pointers(fields: &mut Fields) -> Vec<String> {
    let errors = fields.finish().err();
    errors.iter().flat_map(|error| error.field_errors()).map(|field| field.pointer.clone()).collect()
}

fn faults(plan: &Plan) -> Vec<String> {
    let mut fields = Fields::new();
    plan.check("", &mut fields);
    pointers(&mut fields)
}

#[test]
fn a_plan_of_pretix_comes_back_as_it_was() {
    let (plan, bad) = read(fixture(), false);
    assert_eq!((bad, faults(&plan)), (Vec::new(), Vec::new()));
    let seat = plan.seat("Platea", &"A-3".parse().expect("a seat")).expect("there").0;
    assert_eq!((seat.at, seat.fills), (Point::hundredths(10_000, 8_150), Some(Fills::Both)));
    assert_eq!(serde_json::to_value(write_pretix(&plan)).expect("json"), fixture());
    let (again, _) = read(serde_json::to_value(write_pretix(&plan)).expect("json"), false);
    assert_eq!(again, plan);
}

#[test]
fn what_is_no_number_is_refused_or_numbered_anew() {
    let mut document = fixture();
    document["zones"][0]["rows"][0]["seats"][1]["seat_number"] = json!("1a");
    document["zones"][0]["rows"][1]["row_number"] = json!("Á");
    let (_, bad) = read(document.clone(), false);
    assert_eq!(bad, ["/zones/0/rows/0/seats/1/seat_number", "/zones/0/rows/1/row_number"]);
    document["zones"][0]["rows"][1]["row_number"] = json!("a");
    let (plan, bad) = read(document, true);
    assert_eq!(bad, Vec::<String>::new());
    let numbers = |category| plan.labels(category).map(|label| label.to_string()).collect::<Vec<_>>();
    assert_eq!(
        (numbers("Platea"), numbers("Balcón")),
        (
            vec!["A-1".to_owned(), "A-2".to_owned(), "A-3".to_owned()],
            vec!["A-1".to_owned(), "A-2".to_owned()],
        )
    );
    assert_eq!(plan.sections[0].rows[0].seats[1].guid.as_deref(), Some("sala-a-1"));
}

#[test]
fn a_wide_gap_in_a_row_of_pretix_is_an_aisle() {
    let mut document = fixture();
    let seat = |number: u16, x: u16| {
        json!({"seat_guid": format!("g-{number}"), "seat_number": number.to_string(),
               "position": {"x": x, "y": 0}, "category": "Platea"})
    };
    document["zones"][0]["rows"][0]["seats"] = [(1, 0), (2, 25), (3, 50), (4, 110), (5, 136), (6, 160)]
        .map(|(number, x)| seat(number, x))
        .to_vec()
        .into();
    let (plan, _) = read(document, false);
    let aisles: Vec<u16> =
        plan.seats().filter(|(_, seat)| seat.aisle_after).map(|(_, seat)| seat.number).collect();
    assert_eq!(aisles, [3]);
}

#[test]
fn unknown_keys_of_pretix_are_refused() {
    let mut document = fixture();
    document["zones"][0]["kind"] = json!("x");
    assert!(serde_json::from_value::<PretixPlan>(document).is_err());
}

#[test]
fn a_seat_stands_once_in_its_category() {
    let (mut plan, _) = read(fixture(), false);
    plan.sections[0].rows[1].seats[0].category = "Platea".to_owned();
    plan.sections[0].rows[1].seats[1].category = "Palco".to_owned();
    plan.sections[0].rows[1].seats[1].guid = Some("sala-a-2".to_owned());
    plan.sections[0].rows[0].seats[0].number = 0;
    plan.sections[0].shapes[0].category = Some("Mesas".to_owned());
    plan.size.width = 0;
    let bad = faults(&plan);
    let row = "/sections/0/rows/1/seats";
    for pointer in [
        format!("{row}/0"),
        format!("{row}/1/category"),
        format!("{row}/1/guid"),
        "/sections/0/rows/0/seats/0/number".to_owned(),
        "/sections/0/shapes/0/category".to_owned(),
        "/size/width".to_owned(),
    ] {
        assert!(bad.contains(&pointer), "{pointer} is not among {bad:?}");
    }
    assert_eq!(bad.len(), 6);
}

#[test]
fn a_plan_is_bounded() {
    let (mut plan, _) = read(fixture(), false);
    let row = plan.sections[0].rows[0].clone();
    plan.sections[0].rows = vec![row; MAX_SEATS / 3 + 1];
    let bad = faults(&plan);
    assert!(bad.contains(&"/sections".to_owned()) && bad.contains(&"/sections/0/rows".to_owned()), "{bad:?}");
    assert!(bad.len() <= 50);
}

#[test]
fn packed_plans_are_read_as_they_were() {
    let (mut plan, _) = read(fixture(), false);
    let view = View { text: "Columna".to_owned(), image: None };
    let seat = plan.seat_mut("Balcón", &"A-2".parse().expect("a seat")).expect("there");
    (seat.kind, seat.aisle_after, seat.view) = (SeatKind::Companion, true, Some(view.clone()));
    plan.sections[0].view = Some(view);
    plan.sections[1].shapes[0].kind = ShapeKind::Table;
    plan.sections[1].shapes[0].seats = vec!["A-1".parse().expect("a seat")];
    let packed = pack(&plan).expect("packed");
    assert_eq!(unpack(&packed).expect("read"), plan);
    assert!(unpack(b"{}").is_err());
    plan.categories.clear();
    assert!(pack(&plan).is_err(), "a seat of no category");
    // What the API writes, it takes.
    let (plan, _) = read(fixture(), false);
    let text = serde_json::to_string(&plan).expect("json");
    assert_eq!(serde_json::from_str::<Plan>(&text).expect("a plan"), plan);
}

#[test]
fn each_area_sells_a_category_of_its_own() {
    let mut areas = ["Platea", "Platea", "Palco", "Platea 2"].map(|name| seated_area(name, Vec::new()));
    areas[2].category = Some("Platea".to_owned());
    let names: Vec<String> = categories(&areas).into_iter().map(|(_, category)| category).collect();
    assert_eq!(names, ["Platea 2", "Platea 3", "Platea", "Platea 2 2"]);
}

#[test]
fn numbers_stand_as_the_layout_says() {
    let shown = |numbers: Vec<u16>, layout: &RowsLayout| {
        let seats = in_order(numbers, layout).into_iter();
        seats
            .map(|(number, aisle)| format!("{number}{}", if aisle { " |" } else { "" }))
            .collect::<Vec<_>>()
            .join(" ")
    };
    let layout = RowsLayout { aisles_after: vec![2], ..RowsLayout::default() };
    assert_eq!(shown((1..=6).collect(), &layout), "1 2 | 3 4 5 6");
    let right = RowsLayout { direction: Direction::RightToLeft, ..layout.clone() };
    assert_eq!(shown((1..=6).collect(), &right), "6 5 4 3 | 2 1");
    let sides = RowsLayout { sides: Sides::OddEven, aisles_after: vec![0, 4], ..layout };
    assert_eq!(shown((1..=8).collect(), &sides), "7 5 | 3 1 | 2 4 | 6 8");
    let mirrored = RowsLayout { direction: Direction::RightToLeft, aisles_after: vec![], ..sides };
    assert_eq!(shown((1..=5).collect(), &mirrored), "4 2 1 3 5");
    assert_eq!(
        shown(vec![1, 2, 3, 7, 8], &layout),
        "1 2 | 3 | 7 8",
        "something stands where 4 to 6 would be"
    );
    assert_eq!(shown(vec![1, 3, 5, 9], &RowsLayout::default()), "1 3 5 | 9", "a side with odd numbers");
}

#[test]
fn a_run_ends_at_aisles_walls_and_other_categories() {
    let (mut plan, _) = read(fixture(), false);
    plan.sections[0].rows[0].seats[0].aisle_after = true;
    let rows = vec![RowLayout::new("A", 1, 2), RowLayout::new("A", 3, 4), RowLayout::new("B", 1, 2)];
    let area = seated_area("Platea", rows);
    let shown = |seating: &Seating| {
        let run = |run: &Run| {
            let seats = run.seats.iter().map(|place| format!("{}/{}", place.label, place.block));
            format!("{}.{}: {}", run.section, run.row, seats.collect::<Vec<_>>().join(" "))
        };
        seating.runs.iter().map(run).collect::<Vec<_>>()
    };
    let seating = Seating::new(&plan, "Platea", &area);
    assert_eq!(shown(&seating), ["0.0: A-3/1", "0.0: A-1/0 A-2/0", "2.2: A-4/1", "2.4: B-1/2 B-2/2"]);
    let mut without = area;
    without.rows[0].gone = vec![1];
    assert_eq!(shown(&Seating::new(&plan, "Platea", &without))[..2], ["0.0: A-3/1", "0.0: A-2/0"]);
}

fn layouts() -> impl Strategy<Value = RowsLayout> {
    (
        -100_i8..=100,
        proptest::collection::vec(0_u16..40, 0..4),
        any::<bool>(),
        any::<bool>(),
        10_u16..200,
        0_u16..100,
    )
        .prop_map(|(bend, aisles_after, odd_even, right, spacing, more)| RowsLayout {
            bend,
            aisles_after,
            sides: if odd_even { Sides::OddEven } else { Sides::Sequential },
            direction: if right { Direction::RightToLeft } else { Direction::LeftToRight },
            spacing,
            gap: spacing + more,
        })
}

/// A row: its first number, its seats, the step between them, and whether its first seat is gone.
type Numbers = (u16, u16, u8, bool);

fn areas() -> impl Strategy<Value = Vec<Area>> {
    let row = (1_u16..20, 1_u16..45, 1_u8..=2, any::<bool>());
    let area = (proptest::collection::vec(row, 0..6), layouts());
    proptest::collection::vec(area, 1..4).prop_map(|areas| {
        let area = |(name, (rows, layout)): (usize, (Vec<Numbers>, RowsLayout))| {
            let row = |(index, (first, seats, step, gone)): (usize, Numbers)| RowLayout {
                step,
                gone: if gone { vec![first] } else { Vec::new() },
                ..RowLayout::new(format!("R{index}"), first, first + (seats - 1) * u16::from(step))
            };
            let mut area =
                seated_area(&format!("Area {name}"), rows.into_iter().enumerate().map(row).collect());
            area.layout = Some(layout);
            area
        };
        areas.into_iter().enumerate().map(area).collect()
    })
}

/// The labels of an area's seats.
fn seats_of(area: &Area) -> HashSet<SeatLabel> {
    let rows = area.rows.iter();
    rows.flat_map(|row| row.numbers().map(|number| SeatLabel::new(&row.label, number).expect("a label")))
        .collect()
}

/// The plan's places by row and number of one category.
fn places(plan: &Plan, category: &str) -> HashMap<SeatLabel, Point> {
    let seats = plan.seats().filter(|(_, seat)| seat.category == category);
    seats.map(|(row, seat)| (SeatLabel::new(&row.label, seat.number).expect("a label"), seat.at)).collect()
}

proptest! {
    #[test]
    fn every_seat_stands_once_and_far_enough_from_others(areas in areas()) {
        let plan = generate(&areas);
        prop_assert_eq!(&plan, &generate(&areas), "the same again");
        prop_assert_eq!(faults(&plan), Vec::<String>::new());
        prop_assert_eq!(plan.seats().count(), areas.iter().map(|area| seats_of(area).len()).sum::<usize>());
        for (area, (_, category)) in areas.iter().zip(categories(&areas)) {
            let at = places(&plan, &category);
            prop_assert_eq!(at.keys().cloned().collect::<HashSet<_>>(), seats_of(area));
            let least = i64::from(area.layout.as_ref().expect("a layout").spacing) * 80;
            let points: Vec<Point> = at.values().copied().collect();
            for (index, point) in points.iter().enumerate() {
                for other in &points[index + 1..] {
                    prop_assert!(point.distance(*other) >= least, "{point:?} and {other:?}, {least}");
                }
            }
            for point in points {
                let within = |length: Length, most: u32| (0..=i64::from(most) * 100).contains(&length.in_hundredths().into());
                prop_assert!(within(point.x, plan.size.width) && within(point.y, plan.size.height), "{point:?}");
            }
        }
        prop_assert_eq!(&unpack(&pack(&plan).expect("packed")).expect("read"), &plan);
        let text = serde_json::to_string(&plan).expect("json");
        prop_assert_eq!(serde_json::from_str::<Plan>(&text).expect("what is answered is taken"), plan);
    }

    #[test]
    fn sides_and_aisles_are_where_they_were_asked_for(mut areas in areas()) {
        areas.truncate(1);
        let layout = areas[0].layout.clone().expect("a layout");
        let plan = generate(&areas);
        for row in plan.sections.iter().flat_map(|section| &section.rows) {
            for pair in row.seats.windows(2) {
                let (left, right) = (&pair[0], &pair[1]);
                prop_assert!(left.at.x < right.at.x);
                let apart = i64::from(right.at.x.in_hundredths()) - i64::from(left.at.x.in_hundredths());
                let spaces = (apart + 2) / (i64::from(layout.spacing) * 100);
                prop_assert_eq!(spaces, 1 + i64::from(left.aisle_after));
                let (low, high) = (left.number.min(right.number), left.number.max(right.number));
                if layout.sides == Sides::OddEven && low % 2 != high % 2 {
                    prop_assert_eq!(left.aisle_after, layout.aisles_after.contains(&0));
                } else if layout.aisles_after.iter().any(|after| (low..high).contains(after)) {
                    prop_assert!(left.aisle_after);
                }
                if layout.sides == Sides::OddEven {
                    let odd_first = layout.direction == Direction::LeftToRight;
                    prop_assert!(!(left.number % 2 == u16::from(!odd_first) && right.number % 2 == u16::from(odd_first)));
                }
            }
        }
        let seating = Seating::new(&plan, &areas[0].area_name, &areas[0]);
        let aisles = plan.seats().filter(|(_, seat)| seat.aisle_after).count();
        let rows = plan.sections.iter().flat_map(|section| &section.rows).count();
        prop_assert_eq!(seating.runs.len(), rows + aisles);
    }

    #[test]
    fn a_published_plan_gives_an_area_its_seats_and_moves_no_block(mut old in areas(), new in areas()) {
        let mut area = old.remove(0);
        let plan = generate(&new);
        for category in new.iter().map(|area| area.area_name.clone()) {
            let change = changes(&area, &category, &plan);
            // As the store splits rows.
            let split = |row: &RowLayout| {
                let numbers: Vec<u16> = row.numbers().collect();
                let block = |some: &[u16]| RowLayout { first: some[0], last: some[some.len() - 1], ..row.clone() };
                numbers.chunks(7).map(block).collect::<Vec<_>>()
            };
            let blocks: Vec<RowLayout> = change.add.iter().flat_map(split).collect();
            let after = area.changed(&change, blocks);
            let wanted: HashSet<SeatLabel> = plan.labels(&category).collect();
            prop_assert_eq!(seats_of(&after), wanted.clone());
            prop_assert_eq!(after.capacity as usize, wanted.len());
            for (before, after) in area.rows.iter().zip(&after.rows) {
                prop_assert_eq!((&before.label, before.first, before.last, before.step), (&after.label, after.first, after.last, after.step));
            }
            prop_assert!(changes(&after, &category, &plan).is_empty(), "once is enough");
            let mut seen = BTreeMap::new();
            for (index, row) in after.rows.iter().enumerate() {
                for number in row.places() {
                    prop_assert_eq!(seen.insert((row.label.clone(), number), index), None, "one block for each seat");
                }
            }
            area = after;
        }
    }
}
