//! The two types of texts in requests.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::pattern::pattern;
use super::{Form, InvalidText, read};

macro_rules! text {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "Cow<'_, str>")]
        pub struct $name<const MIN: usize, const MAX: usize>(String);

        impl<const MIN: usize, const MAX: usize> $name<MIN, MAX> {
            /// The text as it is kept.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The text; `None` if it is empty.
            pub fn some(self) -> Option<String> {
                Some(self.0).filter(|text| !text.is_empty())
            }
        }

        impl<const MAX: usize> Default for $name<0, MAX> {
            /// An empty text.
            fn default() -> Self {
                Self(String::new())
            }
        }

        impl<const MIN: usize, const MAX: usize> FromStr for $name<MIN, MAX> {
            type Err = InvalidText;

            fn from_str(text: &str) -> Result<Self, InvalidText> {
                read(text, Form::$name, MIN, MAX).map(Self)
            }
        }

        impl<const MIN: usize, const MAX: usize> TryFrom<Cow<'_, str>> for $name<MIN, MAX> {
            type Error = InvalidText;

            fn try_from(text: Cow<'_, str>) -> Result<Self, InvalidText> {
                text.parse()
            }
        }

        impl<const MIN: usize, const MAX: usize> From<$name<MIN, MAX>> for String {
            fn from(text: $name<MIN, MAX>) -> Self {
                text.0
            }
        }

        impl<const MIN: usize, const MAX: usize> Deref for $name<MIN, MAX> {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl<const MIN: usize, const MAX: usize> fmt::Display for $name<MIN, MAX> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<const MIN: usize, const MAX: usize> JsonSchema for $name<MIN, MAX> {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                format!("{}{MIN}To{MAX}", stringify!($name)).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                let mut schema = json_schema!({
                    "type": "string",
                    "format": Form::$name.name(),
                    "maxLength": MAX,
                    "pattern": pattern(Form::$name, MIN),
                });
                if MIN > 0 {
                    schema.insert("minLength".to_owned(), MIN.into());
                }
                schema
            }
        }
    };
}

text! {
    /// One line of text with `MIN` to `MAX` characters, as [the rule](super) keeps it.
    Line
}

text! {
    /// Text that may have line breaks, with `MIN` to `MAX` characters, as [the rule](super) keeps
    /// it.
    Paragraph
}
