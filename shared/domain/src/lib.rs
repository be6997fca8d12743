//! The rules of the box office: money, ids, prices, states and ticket codes.
//!
//! Nothing in here does I/O, waits, reads a clock or knows HTTP or AWS. Time and
//! stored state come in as arguments, decisions go out as values, and that is
//! why most tests of Taquilla live in this crate.

#![warn(missing_docs)]

/// Implements `JsonSchema` for a type of text or numbers: the schema stands wherever the type is used.
macro_rules! inline_schema {
    ($name:ident, { $($schema:tt)* }) => {
        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ $($schema)* })
            }
        }
    };
}

pub mod access;
pub mod audit;
pub mod billing;
pub mod birth_date;
pub mod cash;
pub mod colour;
pub mod consent;
pub mod discount;
pub mod erasure;
pub mod erasure_confirmation;
pub mod error;
pub mod event;
pub mod format;
pub mod gateway_account;
pub mod ids;
mod language;
pub mod late_entry;
pub mod mail_template;
pub mod member;
pub mod moment;
pub mod money;
pub mod national_id;
pub mod operator;
pub mod order;
pub mod order_link;
pub mod outbox;
pub mod payable;
pub mod payment;
pub mod payment_difference;
mod person;
pub mod plan;
pub mod policy;
pub mod pricing;
pub mod product;
pub mod purchaser;
pub mod qr;
pub mod refund_task;
pub mod search;
pub mod seat;
pub mod second_factor;
pub mod series;
pub mod session;
pub mod site;
pub mod staff;
pub mod statement;
pub mod tenant;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod text;
pub mod ticket;
pub mod transfer;
pub mod user;
pub mod withdrawal;
pub mod words;

pub use error::{Error, FieldError, Kind, Result};
pub use ids::*;
pub use jiff::Timestamp;
pub use language::Language;
pub use moment::Moment;
pub use money::{Amount, BasisPoints, Currency, Money, Percent, Worth, Written};
pub use person::{OwnAddress, Person};
