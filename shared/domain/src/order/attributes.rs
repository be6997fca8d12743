//! What the organiser's own systems keep with an order.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Result;
use crate::error::Fields;
use crate::event::Details;

/// The most bytes of an order's further attributes, as JSON.
pub const MAX_EXTRA_ATTRIBUTES_BYTES: usize = 1024;

/// An order's further attributes. The organiser reads and changes them; the buyer sees them only in an
/// export of all personal data, and they go with the buyer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ExtraAttributes {
    /// The attributes by their names.
    #[serde(default)]
    pub data: Map<String, Value>,
    /// When they were last written.
    pub updated_at: Timestamp,
    /// Counts changes, from 1.
    pub version: u32,
}

impl ExtraAttributes {
    /// The attributes that take the place of `before`.
    pub fn replacing(before: Option<&Self>, data: Details, now: Timestamp) -> Self {
        Self { data: data.into(), updated_at: now, version: before.map_or(0, |before| before.version) + 1 }
    }
}

/// Checks the further attributes of an order, as a request sends them at `/extra_attributes`.
///
/// # Errors
/// `invalid_fields` and `refused_fields`.
pub fn check_extra_attributes(data: &Details) -> Result<()> {
    let mut fields = Fields::new();
    data.check(MAX_EXTRA_ATTRIBUTES_BYTES, "/extra_attributes", &mut fields);
    fields.finish()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::at;

    #[test]
    fn a_kilobyte_is_the_most() {
        let details = |bytes: usize| -> Details {
            // `{"a":"..."}` has eight bytes besides the text.
            serde_json::from_value(json!({"a": "x".repeat(bytes - 8)})).expect("details")
        };
        check_extra_attributes(&details(1024)).expect("fits");
        let refused = check_extra_attributes(&details(1025)).expect_err("refused");
        assert_eq!(
            (refused.code(), refused.field_errors()[0].pointer.as_str()),
            ("refused_fields", "/extra_attributes")
        );
        let first = ExtraAttributes::replacing(None, details(9), at(0));
        assert_eq!(ExtraAttributes::replacing(Some(&first), details(10), at(1)).version, 2);
    }
}
