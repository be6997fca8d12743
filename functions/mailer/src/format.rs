//! Times and money as people in each language read them.

use domain::event::Language;
use domain::payment::GatewayName;
use domain::{Money, Timestamp};
use jiff::SignedDuration;
use jiff::tz::TimeZone;

/// The zone with this IANA name; UTC, which is then said, if there is none.
fn zone(name: &str) -> (TimeZone, &'static str) {
    TimeZone::get(name).map_or((TimeZone::UTC, " UTC"), |zone| (zone, ""))
}

/// The time of day on the clocks of `time_zone`.
pub(crate) fn clock(time: Timestamp, time_zone: &str, language: Language) -> String {
    let (zone, note) = zone(time_zone);
    let time = time.to_zoned(zone);
    let hours = if language == Language::Es { " h" } else { "" };
    format!("{:02}:{:02}{hours}{note}", time.hour(), time.minute())
}

/// How long something is good for, rounded to what people count in.
pub(crate) fn lifetime(left: SignedDuration, language: Language) -> String {
    let minutes = (left.as_secs() + 30).div_euclid(60).max(1);
    let (count, es, en) = match minutes {
        ..=119 => (minutes, ["minuto", "minutos"], ["minute", "minutes"]),
        _ => ((minutes + 30) / 60, ["hora", "horas"], ["hour", "hours"]),
    };
    let words = if language == Language::Es { es } else { en };
    format!("{count} {}", words[usize::from(count != 1)])
}

/// An amount with the currency's code before it: `$` alone could mean three of
/// the currencies that Taquilla sells in.
pub(crate) fn money(money: Money, language: Language) -> String {
    let (group, decimal) = if language == Language::Es { ('.', ',') } else { (',', '.') };
    let exponent = money.currency.exponent();
    let unit = 10_u64.pow(exponent);
    let (whole, fraction) = (money.amount.unsigned_abs() / unit, money.amount.unsigned_abs() % unit);
    let mut text = format!("{} {}", money.currency, if money.amount < 0 { "-" } else { "" });
    let digits = whole.to_string();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(group);
        }
        text.push(digit);
    }
    if exponent > 0 {
        text.push_str(&format!("{decimal}{fraction:0width$}", width = exponent as usize));
    }
    text
}

/// A gateway as people call it.
pub(crate) const fn gateway(name: GatewayName) -> &'static str {
    match name {
        GatewayName::Sandbox => "Sandbox",
        GatewayName::MercadoPago => "Mercado Pago",
        GatewayName::Wompi => "Wompi",
        GatewayName::Payu => "PayU",
    }
}

#[cfg(test)]
mod tests {
    use domain::Currency;

    use super::*;

    #[test]
    fn times_are_those_of_the_venue() {
        let time: Timestamp = "2026-11-21T01:30:00Z".parse().expect("a time");
        assert_eq!(clock(time, "America/Bogota", Language::Es), "20:30 h");
        assert_eq!(clock(time, "Nowhere/Else", Language::En), "01:30 UTC");
    }

    #[test]
    fn money_is_grouped_as_its_readers_do() {
        let cop = Money::new(21_238_200, Currency::COP);
        assert_eq!(money(cop, Language::Es), "COP 212.382,00");
        assert_eq!(money(cop, Language::En), "COP 212,382.00");
        assert_eq!(money(Money::new(1_009_900, Currency::CLP), Language::Es), "CLP 1.009.900");
        assert_eq!(money(Money::new(-5, Currency::ARS), Language::En), "ARS -0.05");
        assert_eq!(money(Money::new(0, Currency::CLP), Language::En), "CLP 0");
    }

    #[test]
    fn lifetimes_are_rounded() {
        let of = |seconds| lifetime(SignedDuration::from_secs(seconds), Language::En);
        assert_eq!(
            [of(-5), of(60), of(899), of(7200), of(86_399)],
            ["1 minute", "1 minute", "15 minutes", "2 hours", "24 hours"]
        );
        assert_eq!(lifetime(SignedDuration::from_secs(900), Language::Es), "15 minutos");
    }
}
