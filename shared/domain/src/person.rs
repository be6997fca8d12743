//! A person by address and name.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An e-mail address and the name that goes with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Person {
    /// E-mail address, lower case.
    pub email: String,
    /// Name, possibly empty.
    pub name: String,
}
