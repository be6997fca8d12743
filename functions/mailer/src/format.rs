//! Times, durations and gateways' names for a mail's text, by language.

use domain::payment::GatewayName;
use domain::{Language, Timestamp};
use jiff::SignedDuration;
use jiff::tz::TimeZone;

/// The time zone with this IANA name; UTC, with a note to print, if there is none.
fn zone(name: &str) -> (TimeZone, &'static str) {
    TimeZone::get(name).map_or((TimeZone::UTC, " UTC"), |zone| (zone, ""))
}

/// The time of day in `time_zone`.
pub(crate) fn clock(time: Timestamp, time_zone: &str, language: Language) -> String {
    let (zone, note) = zone(time_zone);
    let time = time.to_zoned(zone);
    let hours = if language == Language::Es { " h" } else { "" };
    format!("{:02}:{:02}{hours}{note}", time.hour(), time.minute())
}

/// The offset from UTC at that time in `time_zone`, such as `UTC−5` or `UTC+5:30`.
pub(crate) fn offset(time: Timestamp, time_zone: &str) -> String {
    let minutes = zone(time_zone).0.to_offset(time).seconds() / 60;
    let (sign, hours, rest) = (if minutes < 0 { '−' } else { '+' }, minutes.abs() / 60, minutes.abs() % 60);
    if rest == 0 { format!("UTC{sign}{hours}") } else { format!("UTC{sign}{hours}:{rest:02}") }
}

/// A duration in words, rounded to minutes, hours or days.
pub(crate) fn lifetime(left: SignedDuration, language: Language) -> String {
    let minutes = (left.as_secs() + 30).div_euclid(60).max(1);
    let (count, es, en) = match minutes {
        ..=119 => (minutes, ["minuto", "minutos"], ["minute", "minutes"]),
        120..=2879 => ((minutes + 30) / 60, ["hora", "horas"], ["hour", "hours"]),
        _ => ((minutes + 720) / 1440, ["día", "días"], ["day", "days"]),
    };
    let words = if language == Language::Es { es } else { en };
    format!("{count} {}", words[usize::from(count != 1)])
}

/// A gateway's brand name.
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
    use super::*;

    #[test]
    fn times_are_those_of_the_venue() {
        let time: Timestamp = "2026-11-21T01:30:00Z".parse().expect("a time");
        assert_eq!(clock(time, "America/Bogota", Language::Es), "20:30 h");
        assert_eq!(clock(time, "Nowhere/Else", Language::En), "01:30 UTC");
        assert_eq!(offset(time, "America/Bogota"), "UTC−5");
        assert_eq!(offset(time, "America/Santiago"), "UTC−3");
        assert_eq!(offset(time, "Asia/Kolkata"), "UTC+5:30");
        assert_eq!(offset(time, "Nowhere/Else"), "UTC+0");
    }

    #[test]
    fn lifetimes_are_rounded() {
        let of = |seconds| lifetime(SignedDuration::from_secs(seconds), Language::En);
        assert_eq!(
            [of(-5), of(60), of(899), of(7200), of(86_399), of(14 * 86_400 - 5)],
            ["1 minute", "1 minute", "15 minutes", "2 hours", "24 hours", "14 days"]
        );
        assert_eq!(lifetime(SignedDuration::from_secs(900), Language::Es), "15 minutos");
    }
}
