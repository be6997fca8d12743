//! Amounts as PayU signs them: one way in confirmations, another on the page that
//! the buyer returns to.

/// The longest number that is looked at.
const MAX_CHARS: usize = 32;

/// Digits before and after the point.
fn parts(value: &str) -> Option<(&str, &str)> {
    let (whole, fraction) = value.split_once('.').unwrap_or((value, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (value.len() <= MAX_CHARS && digits(whole) && digits(fraction)).then_some((whole, fraction))
}

/// `value` as a confirmation's signature has it: without a second decimal that is
/// zero, never rounded. `None` if it is no amount.
///
/// `150.00` → `150.0`, `150.25` → `150.25`, `20000` → `20000.0`
pub fn confirmation_value(value: &str) -> Option<String> {
    let (whole, fraction) = parts(value)?;
    // More than two decimals are not documented; cutting them is not rounding.
    let fraction = &fraction[..fraction.len().min(2)];
    let fraction = if fraction.ends_with('0') { &fraction[..1] } else { fraction };
    Some(format!("{whole}.{fraction}"))
}

/// `TX_VALUE` as a return page's signature has it: rounded half-even to one decimal.
/// `None` if it is no amount.
///
/// `150.25` → `150.2`, `150.35` → `150.4`, `150.34` → `150.3`
pub fn response_value(value: &str) -> Option<String> {
    let (whole, fraction) = parts(value)?;
    let (tenth, rest) = fraction.split_at(1);
    let rest = rest.trim_end_matches('0');
    let tenths: u128 = format!("{whole}{tenth}").parse().ok()?;
    // Texts of digits compare as fractions do: "5" is half, "51" is more.
    let up = match rest.cmp("5") {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Equal => tenths % 2 == 1,
        std::cmp::Ordering::Greater => true,
    };
    let tenths = tenths + u128::from(up);
    Some(format!("{}.{}", tenths / 10, tenths % 10))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_amount_has_no_signature() {
        for wrong in
            ["", ".", "1.", ".5", "-1", "+1", "1e2", "1,5", "1.2.3", " 1", "1 ", "٣", &"1".repeat(33)]
        {
            assert_eq!(confirmation_value(wrong), None, "{wrong}");
            assert_eq!(response_value(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn more_decimals_are_cut_or_rounded() {
        assert_eq!(confirmation_value("150.259").as_deref(), Some("150.25"));
        assert_eq!(confirmation_value("150.209").as_deref(), Some("150.2"));
        assert_eq!(response_value("150.2500").as_deref(), Some("150.2"));
        assert_eq!(response_value("150.2501").as_deref(), Some("150.3"));
        assert_eq!(response_value("9.99").as_deref(), Some("10.0"));
    }

    proptest! {
        #[test]
        fn a_confirmations_value_is_the_same_amount(whole in 0_u64..10_000_000_000, cents in 0_u64..100) {
            let written = confirmation_value(&format!("{whole}.{cents:02}")).expect("an amount");
            let (kept, fraction) = written.split_once('.').expect("a point");
            prop_assert_eq!(kept, whole.to_string());
            prop_assert_eq!(format!("{fraction:0<2}"), format!("{cents:02}"));
            prop_assert_eq!(fraction.len() == 2, cents % 10 != 0);
        }

        #[test]
        fn a_return_pages_value_is_the_nearest_tenth_and_even_when_in_the_middle(hundredths in 0_u64..10_000_000_000) {
            let written = response_value(&format!("{}.{:02}", hundredths / 100, hundredths % 100)).expect("an amount");
            let tenths: u64 = written.replace('.', "").parse().expect("a number");
            let distance = (tenths * 10).abs_diff(hundredths);
            prop_assert!(distance <= 5);
            prop_assert!(distance < 5 || tenths.is_multiple_of(2));
        }

        #[test]
        fn no_text_makes_it_panic(value in "[0-9.]{0,40}|\\PC{0,20}") {
            let _ = (confirmation_value(&value), response_value(&value));
        }
    }
}
