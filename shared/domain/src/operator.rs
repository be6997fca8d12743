//! The operator of the installation: whom it keeps from selling, how much organisers may do, what
//! selling costs them, and the bounds of bargaining.
//!
//! Who is the operator is configuration, never data: no route grants it.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Fields;
use crate::tenant::Tenant;
use crate::{BasisPoints, Error, Result};

/// The highest commission of an organiser's sales: a half.
pub const MAX_COMMISSION: BasisPoints = BasisPoints(5_000);
/// The most characters of the reason for a suspension.
pub const MAX_REASON: usize = 500;

/// The shortest and the longest time that buyer and box office may bargain, in seconds.
const BARGAIN_SECONDS: std::ops::RangeInclusive<u32> = 60..=3_600;
/// The fewest and the most offers of a buyer who bargains.
const BARGAIN_ATTEMPTS: std::ops::RangeInclusive<u8> = 1..=10;

/// The operator keeps an organiser from selling. What is sold stays as it is: tickets, refunds and doors
/// work, and money that is under way is settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspension {
    /// The reason, for the organiser.
    pub reason: String,
    /// When it began.
    pub since: Timestamp,
}

/// How much an organiser may do, as the operator says; what has no number is not limited by it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quotas {
    /// The most events that are published and not over, at the same time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published_events: Option<u32>,
    /// The most invitations and answers to members that are mailed in a day (UTC).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mails_per_day: Option<u32>,
}

impl Quotas {
    /// True if nothing is limited.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// A quota of the operator's, as refusals name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum QuotaName {
    /// [`Quotas::published_events`].
    PublishedEvents,
    /// [`Quotas::mails_per_day`].
    MailsPerDay,
}

/// The organiser has done as much as its quota allows.
pub fn quota_reached(quota: QuotaName, most: u32) -> Error {
    let (name, detail) = match quota {
        QuotaName::PublishedEvents => (
            "published_events",
            format!("You may have {most} events published at the same time. Ask the operator for more."),
        ),
        QuotaName::MailsPerDay => (
            "mails_per_day",
            format!("You may have {most} mails sent in a day. Go on tomorrow, or ask the operator for more."),
        ),
    };
    Error::conflict("quota_reached", detail).with("quota", name).with("most", most)
}

impl Tenant {
    /// Checks that buyers can begin to buy of the organiser: a quote, a reservation, a payment.
    ///
    /// # Errors
    /// `organiser_suspended`, without the reason, which is the organiser's affair.
    pub fn may_sell(&self) -> Result<()> {
        match self.suspended {
            Some(_) => Err(organiser_suspended()),
            None => Ok(()),
        }
    }

    /// Checks that the organiser may publish one more event, besides the `published` ones.
    ///
    /// # Errors
    /// `organiser_suspended` with the reason, `quota_reached`.
    pub fn may_publish(&self, published: usize) -> Result<()> {
        if let Some(Suspension { reason, since }) = &self.suspended {
            return Err(organiser_suspended()
                .with("reason", reason.as_str())
                .with("since", since.to_string()));
        }
        match self.quotas.published_events {
            Some(most) if usize::try_from(most).is_ok_and(|most| published >= most) => {
                Err(quota_reached(QuotaName::PublishedEvents, most))
            }
            _ => Ok(()),
        }
    }
}

/// The operator keeps the organiser from selling.
pub fn organiser_suspended() -> Error {
    Error::conflict(
        "organiser_suspended",
        "This organiser sells nothing at the moment. Tickets that were bought stay valid.",
    )
}

/// The bounds within which the box office bargains and adds to suppliers' prices, on the whole
/// installation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorSettings {
    /// The least that is added to a supplier's price.
    pub min_markup: BasisPoints,
    /// The most that is added to a supplier's price.
    pub max_markup: BasisPoints,
    /// How long buyer and box office bargain, in seconds.
    pub bargain_timeout: u32,
    /// How many offers a buyer may make.
    pub max_attempts: u8,
    /// The address of the operator who changed them last; `None` before the first change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_by: Option<String>,
    /// When they were changed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Timestamp>,
    /// Counts changes; 0 before the first.
    pub version: u32,
}

impl Default for OperatorSettings {
    /// Those of an installation whose operator has not changed them.
    fn default() -> Self {
        Self {
            min_markup: BasisPoints(500),
            max_markup: BasisPoints(2_000),
            bargain_timeout: 600,
            max_attempts: 3,
            changed_by: None,
            updated_at: None,
            version: 0,
        }
    }
}

impl OperatorSettings {
    /// Notes bad values, each under its own name.
    pub fn check(&self, fields: &mut Fields) {
        let (least, most) = (self.min_markup.0, self.max_markup.0);
        fields.percent("/min_markup", least.into(), 0..=BasisPoints::WHOLE.0);
        fields.percent("/max_markup", most.into(), 0..=BasisPoints::WHOLE.0);
        fields.rule(least <= most, "/max_markup", "Must not be less than `min_markup`.");
        let (shortest, longest) = (BARGAIN_SECONDS.start(), BARGAIN_SECONDS.end());
        fields.check(
            BARGAIN_SECONDS.contains(&self.bargain_timeout),
            "/bargain_timeout",
            format!("Must be between {shortest} and {longest} seconds."),
        );
        let (fewest, most) = (BARGAIN_ATTEMPTS.start(), BARGAIN_ATTEMPTS.end());
        fields.check(
            BARGAIN_ATTEMPTS.contains(&self.max_attempts),
            "/max_attempts",
            format!("Must be between {fewest} and {most}."),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::at;
    use crate::{Currency, TenantId};

    fn tenant() -> Tenant {
        let (id, country) = (TenantId::generate(at(0)), ("CO", Currency::COP));
        Tenant::new(id, "Faroles", "hola@faroles.example", country, at(0))
    }

    #[test]
    fn a_suspended_organiser_neither_sells_nor_publishes() {
        let free = tenant();
        assert!(free.may_sell().is_ok() && free.may_publish(10_000).is_ok());
        let suspended = Some(Suspension { reason: "Sin contrato".to_owned(), since: at(7) });
        let tenant = Tenant { suspended, ..free };
        let refused = tenant.may_sell().expect_err("suspended");
        assert_eq!((refused.code(), refused.members().get("reason")), ("organiser_suspended", None));
        let refused = tenant.may_publish(0).expect_err("suspended");
        assert_eq!(
            (refused.code(), &refused.members()["reason"]),
            ("organiser_suspended", &"Sin contrato".into())
        );
    }

    #[test]
    fn a_quota_is_reached_at_its_number() {
        let quotas = Quotas { published_events: Some(2), mails_per_day: None };
        let tenant = Tenant { quotas, ..tenant() };
        assert!(tenant.may_publish(1).is_ok());
        for published in [2, 3] {
            let refused = tenant.may_publish(published).expect_err("enough");
            assert_eq!((refused.code(), &refused.members()["most"]), ("quota_reached", &2.into()));
        }
        let none = Tenant { quotas: Quotas { published_events: Some(0), ..quotas }, ..tenant };
        assert!(none.may_publish(0).is_err());
    }

    #[test]
    fn the_bounds_of_bargaining_make_sense() {
        let bad = |settings: OperatorSettings| {
            let mut fields = Fields::new();
            settings.check(&mut fields);
            let Err(error) = fields.finish() else { return Vec::new() };
            error.field_errors().iter().map(|field| field.pointer.clone()).collect::<Vec<_>>()
        };
        let usual = OperatorSettings::default;
        assert!(bad(usual()).is_empty());
        let equal = OperatorSettings { max_markup: BasisPoints(500), ..usual() };
        assert!(bad(equal).is_empty());
        assert_eq!(bad(OperatorSettings { min_markup: BasisPoints(2_001), ..usual() }), ["/max_markup"]);
        assert_eq!(bad(OperatorSettings { max_markup: BasisPoints(10_001), ..usual() }), ["/max_markup"]);
        let odd = OperatorSettings { bargain_timeout: 59, max_attempts: 0, ..usual() };
        assert_eq!(bad(odd), ["/bargain_timeout", "/max_attempts"]);
    }
}
