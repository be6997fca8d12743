//! Members of a tenant's community, and their fee payments.
//!
//! A member needs no login: the community's data is the tenant's, and a member is known by the
//! e-mail address.

use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Fields;
use crate::national_id::NationalId;
use crate::user::Email;
use crate::{Currency, Error, FeePaymentId, Language, MemberId, Money, TenantId, UserId};

/// The most characters of a member's name.
pub const MAX_NAME: usize = 120;
/// The most characters of the other texts about a member.
pub const MAX_TEXT: usize = 120;
/// The most characters of a fee payment's description.
pub const MAX_DESCRIPTION: usize = 500;
/// The largest fee payment, in minor units.
pub const MAX_PAYMENT: i64 = 1_000_000_000_000;

/// A person in a tenant's community.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The member's id.
    pub id: MemberId,
    /// The organiser of the community.
    pub tenant_id: TenantId,
    /// The member's full name.
    pub name: String,
    /// The e-mail address; no other member of the tenant has it.
    pub email: Email,
    /// The country of the national id, as an ISO 3166-1 alpha-2 code.
    pub country: String,
    /// The national id; no other member of the tenant has it.
    pub dni: Option<NationalId>,
    /// The telephone number as it was written.
    pub phone: Option<String>,
    /// The member's city.
    pub city: Option<String>,
    /// When the member joined the community.
    pub registration_date: Timestamp,
    /// How the member heard of the community.
    pub how_did_you_find_us: Option<String>,
    /// The member's favourite genre of music.
    pub favorite_music_genre: Option<String>,
    /// True if the subscription is active.
    pub subscription_active: bool,
    /// True if the monthly fee is paid.
    pub monthly_fee_current: bool,
    /// The language of mails to the member.
    #[serde(default)]
    pub language: Language,
    /// When a mail to the address bounced for good.
    pub email_bounced_at: Option<Timestamp>,
    /// The user of the staff who made the last change.
    pub updated_by: Option<UserId>,
    /// When the member was recorded.
    pub created_at: Timestamp,
    /// When the member was last changed.
    pub updated_at: Timestamp,
    /// Counts changes; a change names the version that it is based on.
    pub version: u32,
}

/// The reason why a member gets no discount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ineligible {
    /// No member of the community has the e-mail address.
    EmailNotFound,
    /// The subscription is not active.
    SubscriptionInactive,
    /// The monthly fee is not paid.
    FeeOverdue,
}

impl Ineligible {
    /// The stable code that clients may branch on.
    pub const fn code(self) -> &'static str {
        match self {
            Self::EmailNotFound => "email_not_found",
            Self::SubscriptionInactive => "subscription_inactive",
            Self::FeeOverdue => "fee_overdue",
        }
    }

    /// The meaning of the reason and what to do about it, as sentences for the member.
    pub const fn detail(self) -> &'static str {
        match self {
            Self::EmailNotFound => {
                "No member of the community has this e-mail address. Check its spelling, or register first."
            }
            Self::SubscriptionInactive => {
                "Your subscription is not active. Write to the organiser to take it up again."
            }
            Self::FeeOverdue => {
                "Your monthly fee is overdue. Pay it, or send the organiser the receipt, and try again."
            }
        }
    }
}

impl fmt::Display for Ineligible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.detail())
    }
}

/// No member of this organiser has the id.
pub fn member_not_found() -> Error {
    Error::not_found("member_not_found", "There is no such member.")
}

/// Another member of the organiser has the e-mail address.
pub fn email_taken() -> Error {
    Error::conflict(
        "email_taken",
        "Another member has this e-mail address. Use another one, or change that member.",
    )
}

/// Another member of the organiser has the national id.
pub fn national_id_taken() -> Error {
    Error::conflict(
        "dni_taken",
        "Another member has this national id. Check it for a typo, or change that member.",
    )
}

impl Member {
    /// Checks that the member may ask for discounts. The subscription counts before the fee: a
    /// member without a subscription owes none.
    ///
    /// # Errors
    /// The reason, never [`Ineligible::EmailNotFound`].
    pub fn eligible(&self) -> Result<(), Ineligible> {
        if !self.subscription_active {
            Err(Ineligible::SubscriptionInactive)
        } else if !self.monthly_fee_current {
            Err(Ineligible::FeeOverdue)
        } else {
            Ok(())
        }
    }

    /// The key by which the national id is unique within the tenant: its country and
    /// [`NationalId::identity`].
    pub fn identity(&self) -> Option<String> {
        Some(format!("{}:{}", self.country, self.dni.as_ref()?.identity()))
    }

    /// Notes a change of the member at `now`, by a user of the staff or, if `by` is `None`, by news
    /// of a mail.
    pub fn touch(&mut self, by: Option<UserId>, now: Timestamp) {
        self.updated_by = by.or(self.updated_by);
        self.updated_at = now;
        self.version += 1;
    }

    /// Sets the e-mail address. No mail to a new address has bounced yet.
    pub fn set_email(&mut self, email: Email) {
        if self.email != email {
            self.email = email;
            self.email_bounced_at = None;
        }
    }
}

/// Notes a country that is not two capital letters, at `/country`.
pub fn check_country(country: &str, fields: &mut Fields) {
    fields.check(is_country(country), "/country", "Must be an ISO 3166-1 alpha-2 code such as CO.");
}

/// True for two capital letters, the form of a country's code.
pub fn is_country(country: &str) -> bool {
    country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// How a member's fee was paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaymentMethod {
    /// By card.
    Card,
    /// By bank transfer.
    Transfer,
    /// In cash.
    Cash,
}

/// A payment of a member's fee.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeePayment {
    /// The payment's id.
    pub id: FeePaymentId,
    /// The organiser of the community.
    pub tenant_id: TenantId,
    /// The member who paid.
    pub member_id: MemberId,
    /// The amount, in minor units of `currency`.
    pub amount_paid: i64,
    /// The currency of the amount.
    pub currency: Currency,
    /// When it was paid.
    pub payment_date: Timestamp,
    /// How it was paid.
    pub payment_method: PaymentMethod,
    /// What the payment was for.
    pub description: Option<String>,
    /// Where the receipt is kept.
    pub receipt: Option<String>,
    /// True once the staff confirmed that the money arrived.
    pub confirmed: bool,
    /// The user of the staff who made the last change.
    pub updated_by: UserId,
    /// When the payment was recorded.
    pub created_at: Timestamp,
    /// When the payment was last changed.
    pub updated_at: Timestamp,
    /// Counts changes; a change names the version that it is based on.
    pub version: u32,
}

impl FeePayment {
    /// Notes an amount that no payment can have.
    pub fn check(&self, fields: &mut Fields) {
        let amount = Money::new(self.amount_paid, self.currency);
        fields.amount("/amount_paid", amount, 1..=MAX_PAYMENT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(country: &str, dni: &str) -> Member {
        let now = Timestamp::UNIX_EPOCH;
        Member {
            id: MemberId::generate(now),
            tenant_id: TenantId::generate(now),
            name: "Ana Ejemplo".to_owned(),
            email: "ana@example.com".parse().expect("valid"),
            country: country.to_owned(),
            dni: NationalId::parse(country, dni).ok(),
            phone: None,
            city: None,
            registration_date: now,
            how_did_you_find_us: None,
            favorite_music_genre: None,
            subscription_active: true,
            monthly_fee_current: true,
            language: Language::Es,
            email_bounced_at: None,
            updated_by: None,
            created_at: now,
            updated_at: now,
            version: 1,
        }
    }

    #[test]
    fn a_member_with_a_paid_subscription_may_ask() {
        let member = member("CO", "1020304050");
        assert_eq!(member.eligible(), Ok(()));
        let overdue = Member { monthly_fee_current: false, ..member.clone() };
        assert_eq!(overdue.eligible(), Err(Ineligible::FeeOverdue));
        for monthly_fee_current in [true, false] {
            let gone = Member { subscription_active: false, monthly_fee_current, ..member.clone() };
            assert_eq!(gone.eligible(), Err(Ineligible::SubscriptionInactive));
        }
    }

    #[test]
    fn reason_codes_are_those_of_json() {
        for reason in [Ineligible::EmailNotFound, Ineligible::SubscriptionInactive, Ineligible::FeeOverdue] {
            assert_eq!(serde_json::to_value(reason).expect("JSON"), reason.code());
        }
    }

    #[test]
    fn the_same_number_in_two_countries_is_two_people() {
        let (colombian, argentine) = (member("CO", "20123456"), member("AR", "20123456"));
        assert_ne!(colombian.identity(), argentine.identity());
        assert_eq!(Member { dni: None, ..colombian }.identity(), None);
    }

    #[test]
    fn a_new_address_has_not_bounced() {
        let mut member = member("CO", "1020304050");
        member.email_bounced_at = Some(Timestamp::UNIX_EPOCH);
        member.set_email("Ana@Example.com".parse().expect("valid"));
        assert!(member.email_bounced_at.is_some(), "the same address");
        member.set_email("ana.b@example.com".parse().expect("valid"));
        assert_eq!(member.email_bounced_at, None);
    }
}
