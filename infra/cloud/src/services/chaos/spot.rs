//! Which writes a test means.

/// A write that is about to be done.
#[derive(Clone, Debug)]
pub(crate) struct Write<'a> {
    /// The access key that signed it: the name of the function.
    pub(crate) caller: &'a str,
    /// Partition and sort key of each item, as `PK/SK`; of a secret, what
    /// [`Spot`] says.
    pub(crate) keys: Vec<String>,
}

/// Writes of items whose key, as `PK/SK`, starts with a text: `"U#"` for a user's,
/// `"E#evt_1/E"` for one item. A secret has `secret:` and its name for a key; the empty
/// text is the beginning of every key.
#[derive(Clone, Debug)]
pub struct Spot {
    start: String,
    caller: Option<String>,
}

impl Spot {
    /// Writes at keys that start with this text.
    pub fn at(start: impl Into<String>) -> Self {
        Self { start: start.into(), caller: None }
    }

    /// Those among them that this function does, by the name of its crate.
    #[must_use]
    pub fn by(self, function: impl Into<String>) -> Self {
        Self { caller: Some(function.into()), ..self }
    }

    pub(super) fn includes(&self, write: &Write<'_>) -> bool {
        self.caller.as_deref().is_none_or(|caller| caller == write.caller)
            && write.keys.iter().any(|key| key.starts_with(&self.start))
    }
}

impl From<&str> for Spot {
    fn from(start: &str) -> Self {
        Self::at(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spot_is_the_beginning_of_a_key_and_perhaps_a_function() {
        let keys = ["U#usr_1/O#ord_1", "E#evt_1/B#3"].map(str::to_owned).to_vec();
        let write = Write { caller: "purchases", keys };
        for (spot, expected) in [
            (Spot::at("U#"), true),
            (Spot::at("E#evt_1/B"), true),
            (Spot::at("O#"), false),
            (Spot::at("E#").by("purchases"), true),
            (Spot::at("E#").by("settler"), false),
        ] {
            assert_eq!(spot.includes(&write), expected, "{spot:?}");
        }
    }
}
