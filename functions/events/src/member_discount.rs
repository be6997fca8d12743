//! The reduction by the code of a member's discount, as the organiser writes and sees it.

use domain::error::Fields;
use domain::event::MemberDiscount;
use domain::pricing::AdjustmentType;
use domain::{Currency, Language, Worth, Written, format};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// JSON pointer of the discount's value in a request, for refusals.
const VALUE: &str = "/member_discount/discount_value";

/// The reduction of an order by the code of a member's discount.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "MemberDiscount")]
pub(crate) struct MemberDiscountView {
    /// Whether `discount_value` is a percentage or an amount.
    discount_type: AdjustmentType,
    /// The reduction: a percentage of the price of the tickets that the code is for, or an
    /// amount in the event's currency per order.
    discount_value: Worth,
    /// The reduction as people write it, such as `50 %` or `COP 20.000`.
    discount_value_formatted: String,
    /// The most tickets of an order that are reduced, the most expensive first.
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

/// The reduction of an order that the code of a member's discount is to give.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewMemberDiscount {
    /// Whether `discount_value` is a percentage or an amount.
    discount_type: AdjustmentType,
    /// The reduction: a percentage of the price of the tickets that the code is for, or an
    /// amount in the event's currency per order.
    #[schemars(range(min = 0, max = 1_000_000_000_000_i64))]
    discount_value: Written,
    /// The most tickets of an order that are reduced, the most expensive first.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 20))]
    max_tickets: u8,
}

const fn one() -> u8 {
    1
}

impl NewMemberDiscount {
    /// The discount in `currency`. A value with too many decimals is noted in `fields`.
    pub(crate) fn read(self, currency: Currency, fields: &mut Fields) -> MemberDiscount {
        MemberDiscount {
            discount_type: self.discount_type,
            discount_value: self.discount_value.worth(self.discount_type, currency, VALUE, fields),
            max_tickets: self.max_tickets,
        }
    }
}
