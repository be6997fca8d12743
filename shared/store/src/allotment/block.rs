//! One block of a pool, as the table stores it.

use std::ops::RangeInclusive;

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::Timestamp;

use super::{Claim, Token, seconds};
use crate::failure::Item;
use crate::items::number;
use crate::{Failure, Result};

/// Factor of the quantity in a claim's value: it stands before eleven digits of time.
const ADMISSION: i64 = 100_000_000_000;
/// The time of a sold claim: the largest in eleven digits, a second of the year 5138.
const NEVER_OVER: i64 = ADMISSION - 1;

/// The value of a claim: how many admissions, and the last second of the hold.
///
/// The quantity stands first, so that a write can demand with one comparison that a claim has just the
/// quantity that it is about to give back. A caller's mistake can then not create admissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ClaimValue(i64);

impl ClaimValue {
    pub(super) fn new(quantity: u8, claim: Claim) -> Self {
        let last = match claim {
            Claim::Until(expiry) => seconds(expiry).clamp(0, NEVER_OVER - 1),
            Claim::Sold => NEVER_OVER,
        };
        Self(i64::from(quantity) * ADMISSION + last)
    }

    /// All holds of this quantity, whatever their expiry.
    pub(super) fn held(quantity: u8) -> RangeInclusive<Self> {
        let least = i64::from(quantity) * ADMISSION;
        Self(least)..=Self(least + NEVER_OVER - 1)
    }

    /// All holds and sales of this quantity.
    pub(super) fn held_or_sold(quantity: u8) -> RangeInclusive<Self> {
        let least = i64::from(quantity) * ADMISSION;
        Self(least)..=Self(least + NEVER_OVER)
    }

    /// This claim and all that end before it, on as many admissions.
    pub(super) fn or_shorter(self) -> RangeInclusive<Self> {
        Self(self.0 - self.0 % ADMISSION)..=self
    }

    /// The same claim on fewer admissions.
    pub(super) fn keeping(self, quantity: u8) -> Self {
        Self(i64::from(quantity) * ADMISSION + self.0 % ADMISSION)
    }

    pub(super) fn quantity(self) -> u8 {
        u8::try_from(self.0 / ADMISSION).unwrap_or(u8::MAX)
    }

    pub(super) fn is_sold(self) -> bool {
        self.0 % ADMISSION == NEVER_OVER
    }

    fn is_over(self, now: Timestamp) -> bool {
        self.0 % ADMISSION < seconds(now)
    }

    pub(super) fn value(self) -> AttributeValue {
        number(self.0)
    }
}

/// A block of a pool, as read from the table.
#[derive(Debug, Clone)]
pub(super) struct Block {
    pub(super) index: u16,
    pub(super) capacity: i64,
    /// Unclaimed admissions; those of expired holds are not among them.
    pub(super) left: i64,
    pub(super) claims: Vec<(String, ClaimValue)>,
}

impl Block {
    /// A block without claims.
    pub(super) fn untouched(index: u16, capacity: u32) -> Self {
        Self { index, capacity: capacity.into(), left: capacity.into(), claims: Vec::new() }
    }

    pub(super) fn read(index: u16, item: Item) -> Result<Self> {
        let mut block = Self::untouched(index, 0);
        for (name, value) in item {
            let AttributeValue::N(value) = value else { continue };
            let value = value.parse().map_err(Failure::unreadable)?;
            match name.as_str() {
                "c" => block.capacity = value,
                "l" => block.left = value,
                _ => block.claims.push((name, ClaimValue(value))),
            }
        }
        Ok(block)
    }

    pub(super) fn claim(&self, token: Token) -> Option<ClaimValue> {
        self.claims.iter().find(|(name, _)| name == token.as_str()).map(|(_, stake)| *stake)
    }

    /// The holds whose last second has passed.
    pub(super) fn expired(&self, now: Timestamp) -> Vec<(String, ClaimValue)> {
        self.claims.iter().filter(|(_, stake)| stake.is_over(now)).cloned().collect()
    }

    /// Admissions that can be claimed: unclaimed ones, and those of expired holds.
    pub(super) fn free(&self, now: Timestamp) -> i64 {
        self.left + admissions(&self.expired(now))
    }
}

/// The total quantity of these claims.
pub(super) fn admissions(claims: &[(String, ClaimValue)]) -> i64 {
    claims.iter().map(|(_, stake)| i64::from(stake.quantity())).sum()
}

/// Adds the removal of expired holds to a write. Returns the update, the text to append to its
/// expression, and the text to append to its condition: the holds must be unchanged.
pub(super) fn reclaiming(
    update: UpdateItemFluentBuilder,
    expired: &[(String, ClaimValue)],
) -> (UpdateItemFluentBuilder, String, String) {
    let (mut update, mut remove, mut condition) = (update, String::new(), String::new());
    for (i, (name, stake)) in expired.iter().enumerate() {
        remove.push_str(if i == 0 { " REMOVE " } else { ", " });
        remove.push_str(&format!("#e{i}"));
        condition.push_str(&format!(" AND #e{i} = :e{i}"));
        update = update
            .expression_attribute_names(format!("#e{i}"), name)
            .expression_attribute_values(format!(":e{i}"), stake.value());
    }
    (update, remove, condition)
}
