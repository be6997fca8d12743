//! The secrets: in memory, and in a file that only its owner may read.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::private;

/// So many versions of a secret are kept, the newest.
const MOST_VERSIONS: usize = 100;

/// Why Secrets Manager refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refused {
    /// There is no such secret or version.
    Missing,
    /// There is a secret of this name, or a version of this token with another text.
    Exists,
    /// A parameter makes no sense.
    Invalid(String),
    /// There is no such operation here.
    Unknown(String),
    /// The file cannot be written.
    Internal(String),
}

impl Refused {
    /// Status, name and message, as AWS tells them.
    pub(super) fn told(self) -> (u16, &'static str, String) {
        match self {
            Self::Missing => (
                400,
                "ResourceNotFoundException",
                "Secrets Manager can't find the specified secret.".to_owned(),
            ),
            Self::Exists => {
                (400, "ResourceExistsException", "The operation failed because it exists already.".to_owned())
            }
            Self::Invalid(message) => (400, "InvalidParameterException", message),
            Self::Unknown(operation) => {
                (400, "UnknownOperationException", format!("There is no operation {operation} here."))
            }
            Self::Internal(message) => (500, "InternalServiceError", message),
        }
    }
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        Self::Internal(error.to_string())
    }
}

/// A version of a secret.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Version {
    /// The token of the request that made it.
    pub(super) id: String,
    pub(super) text: String,
    pub(super) created_at: Timestamp,
}

/// A secret: its versions, the oldest first.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(super) struct Stored {
    versions: Vec<Version>,
}

impl Stored {
    /// The stage of the version that was put last.
    pub(super) const CURRENT: &str = "AWSCURRENT";
    /// The stage of the version before it.
    const PREVIOUS: &str = "AWSPREVIOUS";

    /// The version with this id and in this stage; without both, the current one.
    pub(super) fn version(
        &self,
        id: Option<&str>,
        stage: Option<&str>,
    ) -> Result<(&Version, Vec<&'static str>), Refused> {
        let staged = self.versions.iter().rev().enumerate().map(|(age, version)| {
            let stages = [Self::CURRENT, Self::PREVIOUS].get(age).map_or_else(Vec::new, |stage| vec![*stage]);
            (version, stages)
        });
        let stage = stage.or(if id.is_none() { Some(Self::CURRENT) } else { None });
        staged
            .filter(|(version, _)| id.is_none_or(|id| id == version.id))
            .find(|(_, stages)| stage.is_none_or(|stage| stages.contains(&stage)))
            .ok_or(Refused::Missing)
    }

    /// Adds a version. Sending the same again changes nothing.
    fn add(&mut self, version: Version) -> Result<(), Refused> {
        match self.versions.iter().find(|known| known.id == version.id) {
            Some(known) if known.text == version.text => return Ok(()),
            Some(_) => return Err(Refused::Exists),
            None => self.versions.push(version),
        }
        let surplus = self.versions.len().saturating_sub(MOST_VERSIONS);
        self.versions.drain(..surplus);
        Ok(())
    }
}

/// All secrets, by name.
pub(super) struct SecretStore {
    file: Option<PathBuf>,
    secrets: BTreeMap<String, Stored>,
}

impl SecretStore {
    pub(super) fn open(file: Option<PathBuf>) -> io::Result<Self> {
        let secrets = match file.as_ref().map(std::fs::read_to_string) {
            None => BTreeMap::new(),
            Some(Err(error)) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Some(text) => serde_json::from_str(&text?)?,
        };
        Ok(Self { file, secrets })
    }

    pub(super) fn get(&self, name: &str) -> Result<&Stored, Refused> {
        self.secrets.get(name).ok_or(Refused::Missing)
    }

    /// Makes a secret. Sending the same again changes nothing.
    pub(super) fn create(&mut self, name: &str, version: Version) -> Result<(), Refused> {
        let mut stored = Stored::default();
        if let Some(known) = self.secrets.get(name) {
            let same = known.versions.iter().any(|old| old.id == version.id && old.text == version.text);
            return if same { Ok(()) } else { Err(Refused::Exists) };
        }
        stored.add(version)?;
        self.keep(name, Some(stored))
    }

    /// Adds a version to a secret.
    pub(super) fn put(&mut self, name: &str, version: Version) -> Result<(), Refused> {
        let mut stored = self.get(name)?.clone();
        stored.add(version)?;
        self.keep(name, Some(stored))
    }

    pub(super) fn delete(&mut self, name: &str) -> Result<(), Refused> {
        if !self.secrets.contains_key(name) {
            return Ok(());
        }
        self.keep(name, None)
    }

    /// Changes one secret, in the file first: what was answered survives a crash.
    fn keep(&mut self, name: &str, stored: Option<Stored>) -> Result<(), Refused> {
        let mut secrets = self.secrets.clone();
        match stored {
            Some(stored) => secrets.insert(name.to_owned(), stored),
            None => secrets.remove(name),
        };
        if let Some(file) = &self.file {
            let text = serde_json::to_string_pretty(&secrets).map_err(io::Error::other)?;
            private::write(file, &text)?;
        }
        self.secrets = secrets;
        Ok(())
    }
}
