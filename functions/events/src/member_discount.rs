//! What the code of a member's discount takes off, as the organiser writes and sees it.

use domain::error::Fields;
use domain::event::MemberDiscount;
use domain::pricing::AdjustmentType;
use domain::{Currency, Language, Worth, Written, format};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// JSON pointer of the discount's value in a request, for refusals.
const VALUE: &str = "/member_discount/discount_value";

/// What the code of a member's discount takes off an order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "MemberDiscount")]
pub(crate) struct MemberDiscountView {
    /// How `discount_value` is meant.
    discount_type: AdjustmentType,
    /// What is taken off: a percentage of the price of the tickets that the code is for,
    /// or an amount in the event's currency per order.
    discount_value: Worth,
    /// The same as people write it.
    discount_value_formatted: String,
    /// The most tickets of an order that something is taken off, the dearest first.
    max_tickets: u8,
}

impl MemberDiscountView {
    pub(crate) fn new(discount: MemberDiscount, currency: Currency) -> Self {
        let (kind, value) = (discount.discount_type, discount.discount_value);
        Self {
            discount_type: kind,
            discount_value: Worth::of(value, kind, currency),
            discount_value_formatted: format::worth(value, kind, currency, Language::default()),
            max_tickets: discount.max_tickets,
        }
    }
}

/// What the code of a member's discount is to take off an order.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewMemberDiscount {
    /// How `discount_value` is meant.
    discount_type: AdjustmentType,
    /// What is taken off: a percentage of the price of the tickets that the code is for,
    /// or an amount in the event's currency per order.
    #[schemars(range(min = 0, max = 1_000_000_000_000_i64))]
    discount_value: Written,
    /// The most tickets of an order that something is taken off, the dearest first.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 20))]
    max_tickets: u8,
}

const fn one() -> u8 {
    1
}

impl NewMemberDiscount {
    /// The discount in `currency`; a value that has too many decimals is noted.
    pub(crate) fn read(self, currency: Currency, fields: &mut Fields) -> MemberDiscount {
        MemberDiscount {
            discount_type: self.discount_type,
            discount_value: self.discount_value.worth(self.discount_type, currency, VALUE, fields),
            max_tickets: self.max_tickets,
        }
    }
}
