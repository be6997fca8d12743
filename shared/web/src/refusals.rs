//! The failures that an operation's description names, by their codes. Each extractor
//! names its own, each route those of its handler; the description of the whole API
//! sorts them by status and adds what they mean.

use aide::openapi::Operation;
use aide::transform::TransformOperation;
use serde_json::Value;

/// The extension of an operation's description that lists the codes.
pub const REFUSALS: &str = "x-refusals";

/// Names failures in an operation's description.
pub trait Refuses {
    /// Adds the codes with which the handler refuses, be it through what it calls. Those
    /// of its extractors are known.
    #[must_use]
    fn refuses<const N: usize>(self, codes: [&str; N]) -> Self;
}

impl Refuses for TransformOperation<'_> {
    fn refuses<const N: usize>(mut self, codes: [&str; N]) -> Self {
        may_refuse(self.inner_mut(), codes);
        self
    }
}

/// Notes that the operation may answer with these codes.
pub(crate) fn may_refuse<const N: usize>(operation: &mut Operation, codes: [&str; N]) {
    let listed = operation.extensions.entry(REFUSALS.to_owned()).or_insert_with(|| Value::Array(Vec::new()));
    if let Value::Array(listed) = listed {
        for code in codes {
            if !listed.iter().any(|other| other == code) {
                listed.push(code.into());
            }
        }
    }
}
