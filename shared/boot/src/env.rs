use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// A variable that is missing or makes no sense. Shown to the operator at the start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("environment variable {variable}: {problem}")]
pub struct ConfigError {
    /// The environment variable.
    pub variable: String,
    /// The fault.
    pub problem: String,
}

impl ConfigError {
    /// `variable` is wrong because of `problem`.
    pub fn new(variable: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { variable: variable.into(), problem: problem.into() }
    }
}

/// The stage that the function runs in. Decides which configuration is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The local cloud or a test.
    Local,
    /// A deployed environment without real money.
    Staging,
    /// Real buyers, real money.
    Production,
}

impl FromStr for Stage {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "local" => Ok(Self::Local),
            "staging" => Ok(Self::Staging),
            "production" => Ok(Self::Production),
            _ => Err("must be local, staging or production"),
        }
    }
}

/// The environment variables of one function. The local cloud runs many
/// functions in one process, each with its own.
#[derive(Clone)]
pub struct Env(Arc<HashMap<String, String>>);

impl fmt::Debug for Env {
    /// Names only: values may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl FromIterator<(String, String)> for Env {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Self {
        Self(Arc::new(variables.into_iter().collect()))
    }
}

impl Env {
    /// The variables of this process.
    pub fn process() -> Self {
        #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
        std::env::vars().collect()
    }

    /// All variables with their values.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &String)> {
        self.0.iter()
    }

    /// The variable, if it is set and not empty.
    pub fn optional(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The box office's address for browsers, `PUBLIC_URL`, without a slash at its end.
    pub fn public_url(&self) -> Result<Arc<str>, ConfigError> {
        Ok(self.required("PUBLIC_URL")?.trim_end_matches('/').into())
    }

    /// The variable, or an error that names it.
    pub fn required(&self, name: &str) -> Result<&str, ConfigError> {
        self.optional(name).ok_or_else(|| ConfigError::new(name, "is not set"))
    }

    /// The variable read as a `T`, if it is set.
    pub fn parsed<T>(&self, name: &str) -> Result<Option<T>, ConfigError>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        self.optional(name)
            .map(|value| value.parse().map_err(|error: T::Err| ConfigError::new(name, error.to_string())))
            .transpose()
    }

    /// The stage that the function runs in (`STAGE`).
    pub fn stage(&self) -> Result<Stage, ConfigError> {
        self.required("STAGE")?.parse().map_err(|problem: &str| ConfigError::new("STAGE", problem))
    }
}
