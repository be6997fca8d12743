//! The mask of a symbol: eight are possible, and the standard (ISO/IEC 18004, 7.8.3)
//! takes the one with the fewest patterns that mislead a scanner.
//!
//! `qrcode` chooses a mask, too, but module by module: that took 98 % of the time of
//! a ticket's code (some 650 µs). Masks only flip modules, so a masked symbol is the
//! unmasked one XOR what the mask flips, which is the same for all symbols of a
//! version and kept here; a row of modules is a number, whose bits are scored at once.

use std::array;
use std::sync::OnceLock;

use qrcode::bits::encode_auto;
use qrcode::canvas::{Canvas, MaskPattern};
use qrcode::ec::construct_codewords;
use qrcode::types::QrError;
use qrcode::{EcLevel, Version};

/// 15 % of a symbol may be unreadable: the level at which a ticket still has coarse modules.
const LEVEL: EcLevel = EcLevel::M;
/// The largest version (1,451 alphanumeric signs): its 117 modules, with the eight
/// light ones beside them that are scored as well, still fit into 128 bits.
const MAX_VERSION: usize = 25;

const MASKS: [MaskPattern; 8] = [
    MaskPattern::Checkerboard,
    MaskPattern::HorizontalLines,
    MaskPattern::VerticalLines,
    MaskPattern::DiagonalLines,
    MaskPattern::LargeCheckerboard,
    MaskPattern::Fields,
    MaskPattern::Diamonds,
    MaskPattern::Meadow,
];

/// The rows of the symbol with this text under its best mask; bit x of row y is
/// set if the module there is dark.
pub(super) fn symbol(text: &str) -> Result<Vec<u128>, QrError> {
    let bits = encode_auto(text.as_bytes(), LEVEL)?;
    let version = bits.version();
    let (data, correction) = construct_codewords(&bits.into_bytes(), version, LEVEL)?;
    let frame = Frame::of(version).ok_or(QrError::DataTooLong)?;
    let mut canvas = frame.empty.clone();
    canvas.draw_data(&data, &correction);
    let unmasked = Grid::of(canvas);
    let masked = frame.flips.iter().map(|flip| unmasked.flipped(flip));
    // Of equal penalties the first mask, in the standard's numbering.
    masked.min_by_key(Grid::penalty).map(|best| best.rows).ok_or(QrError::DataTooLong)
}

/// The parts that all symbols of a version share.
struct Frame {
    /// The symbol without data, with the patterns by which scanners find it.
    empty: Canvas,
    /// The modules that differ between the unmasked symbol and each masked one, including those
    /// that name the mask.
    flips: [Grid; MASKS.len()],
}

impl Frame {
    /// The frame of a version, made when its first symbol is drawn.
    fn of(version: Version) -> Option<&'static Self> {
        static FRAMES: [OnceLock<Frame>; MAX_VERSION] = [const { OnceLock::new() }; MAX_VERSION];
        let Version::Normal(number) = version else { return None };
        let place = FRAMES.get(usize::try_from(number).ok()?.checked_sub(1)?)?;
        Some(place.get_or_init(|| Self::new(version)))
    }

    fn new(version: Version) -> Self {
        let mut empty = Canvas::new(version, LEVEL);
        empty.draw_all_functional_patterns();
        let unmasked = Grid::of(empty.clone());
        let flips = array::from_fn(|mask| {
            let mut masked = empty.clone();
            masked.apply_mask(MASKS[mask]);
            unmasked.flipped(&Grid::of(masked))
        });
        Self { empty, flips }
    }
}

/// The modules of a square, by row and by column: each is scored in both directions.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Grid {
    rows: Vec<u128>,
    columns: Vec<u128>,
}

impl Grid {
    fn of(canvas: Canvas) -> Self {
        let modules = canvas.into_colors();
        let width = modules.len().isqrt();
        let (mut rows, mut columns) = (vec![0; width], vec![0; width]);
        for (y, (line, row)) in modules.chunks_exact(width).zip(&mut rows).enumerate() {
            for (x, (module, column)) in line.iter().zip(&mut columns).enumerate() {
                let dark = u128::from(module.select(true, false));
                *row |= dark << x;
                *column |= dark << y;
            }
        }
        Self { rows, columns }
    }

    fn flipped(&self, flip: &Self) -> Self {
        let xor = |a: &[u128], b: &[u128]| a.iter().zip(b).map(|(a, b)| a ^ b).collect();
        Self { rows: xor(&self.rows, &flip.rows), columns: xor(&self.columns, &flip.columns) }
    }

    /// The standard's penalty points: the fewer, the better.
    fn penalty(&self) -> u32 {
        let width = self.rows.len();
        // Neighbours in a line: one fewer than modules.
        let pairs = (1 << (width - 1)) - 1;
        let lines = self.rows.iter().chain(&self.columns);
        let lines: u32 = lines.map(|line| runs(*line, pairs) + false_finders(*line)).sum();
        let neighbours = self.rows.iter().zip(&self.rows[1..]);
        let blocks: u32 = neighbours.map(|(above, below)| blocks(*above, *below, pairs)).sum();
        let dark: u32 = self.rows.iter().map(|row| row.count_ones()).sum();
        lines + blocks + imbalance(dark, width)
    }
}

/// Runs of five modules or more of one colour: three points, and one for each module beyond.
fn runs(line: u128, pairs: u128) -> u32 {
    let equal = !(line ^ (line >> 1)) & pairs;
    // A run of n modules has n - 1 equal pairs, so n - 4 places with four in a row.
    let fours = equal & (equal >> 1) & (equal >> 2) & (equal >> 3);
    let starts = fours & !(fours << 1);
    fours.count_ones() + 2 * starts.count_ones()
}

/// Patterns like a finder's (1:1:3:1:1) with four light modules on one side, those around the
/// symbol included: 40 points.
fn false_finders(line: u128) -> u32 {
    let line = line << 4;
    let finder = line & !(line >> 1) & (line >> 2) & (line >> 3) & (line >> 4) & !(line >> 5) & (line >> 6);
    let light_before = !(line << 1 | line << 2 | line << 3 | line << 4);
    let light_after = !(line >> 7 | line >> 8 | line >> 9 | line >> 10);
    40 * (finder & (light_before | light_after)).count_ones()
}

/// Squares of two by two modules of one colour: three points.
fn blocks(above: u128, below: u128, pairs: u128) -> u32 {
    let equal = |line: u128| !(line ^ (line >> 1));
    3 * (equal(above) & equal(below) & !(above ^ below) & pairs).count_ones()
}

/// Ten points for each five per cent that the dark modules are more or fewer than half.
fn imbalance(dark: u32, width: usize) -> u32 {
    // At most 117 modules wide.
    let all = u32::try_from(width * width).unwrap_or(u32::MAX);
    10 * ((20 * dark).abs_diff(10 * all) / all)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use qrcode::Color;

    use super::*;

    /// The points as the standard words them, module by module.
    fn points(dark: &dyn Fn(i32, i32) -> bool, width: i32) -> u32 {
        let inside = |i: i32| (0..width).contains(&i);
        let mut points = 0;
        for across in [true, false] {
            let at = |line: i32, i: i32| inside(i) && if across { dark(i, line) } else { dark(line, i) };
            for line in 0..width {
                let mut run = 1;
                for i in 1..=width {
                    if i < width && at(line, i) == at(line, i - 1) {
                        run += 1;
                        continue;
                    }
                    points += if run >= 5 { run - 2 } else { 0 };
                    run = 1;
                }
                for start in 0..width - 6 {
                    let finder = [true, false, true, true, true, false, true];
                    let found = (start..).zip(finder).all(|(i, module)| at(line, i) == module);
                    let light = |from: i32| (from..from + 4).all(|i| !at(line, i));
                    points += if found && (light(start - 4) || light(start + 7)) { 40 } else { 0 };
                }
            }
        }
        for (x, y) in (1..width).flat_map(|y| (1..width).map(move |x| (x, y))) {
            let same =
                [(x - 1, y), (x, y - 1), (x - 1, y - 1)].iter().all(|(i, j)| dark(*i, *j) == dark(x, y));
            points += if same { 3 } else { 0 };
        }
        let all = width * width;
        let per_cent: i32 = (0..all).map(|i| if dark(i % width, i / width) { 100 } else { 0 }).sum();
        for step in 1..=10 {
            points += if (per_cent - 50 * all).abs() >= 5 * step * all { 10 } else { 0 };
        }
        points
    }

    /// The symbol as `qrcode` draws it under each mask.
    fn drawn_by_the_library(text: &str) -> Vec<Vec<Color>> {
        let bits = encode_auto(text.as_bytes(), LEVEL).expect("fits");
        let version = bits.version();
        let (data, correction) = construct_codewords(&bits.into_bytes(), version, LEVEL).expect("codewords");
        let mut canvas = Canvas::new(version, LEVEL);
        canvas.draw_all_functional_patterns();
        canvas.draw_data(&data, &correction);
        let masked = MASKS.iter().map(|mask| {
            let mut masked = canvas.clone();
            masked.apply_mask(*mask);
            masked.into_colors()
        });
        masked.collect()
    }

    fn check(text: &str) {
        let rows = symbol(text).expect("fits");
        let width = rows.len();
        let side = i32::try_from(width).expect("small");
        let best = drawn_by_the_library(text).into_iter().min_by_key(|modules| {
            let dark = |x: i32, y: i32| {
                let place = usize::try_from(y * side + x).expect("inside");
                modules[place] == Color::Dark
            };
            points(&dark, side)
        });
        let ours = (0..width * width).map(|i| rows[i / width] >> (i % width) & 1 == 1);
        let ours: Vec<Color> = ours.map(|dark| if dark { Color::Dark } else { Color::Light }).collect();
        assert_eq!(Some(ours), best, "{text}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// The best of the masks that the library applies, judged by code that shares nothing with ours.
        #[test]
        fn the_mask_is_the_one_of_the_standard(text in "[A-Z0-9 $%*+./:-]{1,220}|[a-zñ0-9]{1,90}") {
            check(&text);
        }
    }

    #[test]
    fn the_largest_symbol_is_as_right_as_the_smallest() {
        check("7");
        check(&"0".repeat(2395));
        check(&"TAQUILLA-".repeat(161));
        assert!(matches!(symbol(&"A".repeat(1452)), Err(QrError::DataTooLong)));
        assert!(matches!(symbol(&"A".repeat(10_000)), Err(QrError::DataTooLong)));
    }
}
