//! What was sent by e-mail: kept, instead of delivered.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::journal::Journal;

/// How many messages the mailbox keeps: the last ones.
pub const MOST_MAILS: usize = 10_000;

/// An e-mail that SES accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// SES's `MessageId`.
    pub id: String,
    /// When it was accepted.
    pub sent_at: Timestamp,
    /// The sender, as it was given: perhaps with a name.
    pub from: String,
    /// The recipients in `To`.
    pub to: Vec<String>,
    /// The recipients in `Cc`.
    pub cc: Vec<String>,
    /// The recipients whom the others do not see.
    pub bcc: Vec<String>,
    /// The addresses for answers.
    pub reply_to: Vec<String>,
    /// The subject.
    pub subject: String,
    /// The HTML version, if there is one.
    pub html: Option<String>,
    /// The plain version, if there is one.
    pub text: Option<String>,
    /// Further headers, in order; of a raw message, all of them.
    pub headers: Vec<(String, String)>,
    /// The files, those included that the HTML shows inline.
    pub attachments: Vec<Attachment>,
    /// Tags for event publishing (`EmailTags`).
    pub tags: Vec<(String, String)>,
    /// The configuration set, if one was named.
    pub configuration_set: Option<String>,
}

/// A file in an e-mail.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// Its name.
    pub file_name: String,
    /// Its MIME type.
    pub content_type: String,
    /// What the HTML calls it after `cid:`, without angle brackets.
    pub content_id: Option<String>,
    /// Shown within the text, rather than in a list below.
    pub inline: bool,
    /// What is in it.
    #[serde(serialize_with = "to_base64", deserialize_with = "from_base64")]
    pub content: Vec<u8>,
}

fn to_base64<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(bytes))
}

fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    STANDARD.decode(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

impl Mail {
    /// Everybody who gets it.
    pub fn recipients(&self) -> impl Iterator<Item = &str> {
        [&self.to, &self.cc, &self.bcc].into_iter().flatten().map(String::as_str)
    }

    /// True if it goes to this address, which may stand in `Name <address>`.
    pub fn goes_to(&self, address: &str) -> bool {
        self.recipients().any(|recipient| bare(recipient).eq_ignore_ascii_case(bare(address)))
    }
}

/// What becomes of a mail; see `services::ses_events`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MailOutcome {
    /// It arrives.
    Delivered,
    /// It comes back: there is no such mailbox.
    Bounced,
    /// It arrives, and its reader calls it spam.
    Complained,
}

impl MailOutcome {
    /// What becomes of mails to this recipient.
    pub fn of(recipient: &str) -> Self {
        let address = bare(recipient).to_ascii_lowercase();
        match address.split('@').next().unwrap_or_default() {
            local if local.starts_with("bounce") => Self::Bounced,
            local if local.starts_with("complaint") => Self::Complained,
            _ => Self::Delivered,
        }
    }

    /// In a word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Bounced => "bounced",
            Self::Complained => "complained",
        }
    }
}

/// The address in `Name <address>`.
pub(super) fn bare(recipient: &str) -> &str {
    match (recipient.rfind('<'), recipient.rfind('>')) {
        (Some(start), Some(end)) if start < end => &recipient[start + 1..end],
        _ => recipient,
    }
    .trim()
}

/// The e-mails that were sent. Clones share them.
#[derive(Clone, Default)]
pub struct Mailbox(Arc<Mutex<Contents>>);

#[derive(Default)]
struct Contents {
    mails: VecDeque<Arc<Mail>>,
    journal: Option<Journal<Mail>>,
}

impl Mailbox {
    /// Opens the mailbox with what was sent before, if there is a file for it.
    pub(super) fn open(journal: Option<&Path>) -> std::io::Result<Self> {
        let mut contents = Contents::default();
        if let Some(path) = journal {
            let mails = &mut contents.mails;
            let journal = Journal::open(path, |mail: Mail| {
                mails.push_back(Arc::new(mail));
                if mails.len() > MOST_MAILS {
                    mails.pop_front();
                }
            })?;
            contents.journal = Some(journal);
            contents.compact()?;
        }
        Ok(Self(Arc::new(Mutex::new(contents))))
    }

    /// All messages that are kept, oldest first.
    pub fn messages(&self) -> Vec<Arc<Mail>> {
        self.contents().mails.iter().cloned().collect()
    }

    /// The message with this `MessageId`.
    pub fn message(&self, id: &str) -> Option<Arc<Mail>> {
        self.contents().mails.iter().find(|mail| mail.id == id).cloned()
    }

    /// The messages to this address, oldest first.
    pub fn find(&self, to: &str) -> Vec<Arc<Mail>> {
        self.contents().mails.iter().filter(|mail| mail.goes_to(to)).cloned().collect()
    }

    /// Forgets everything.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn clear(&self) -> std::io::Result<()> {
        let mut contents = self.contents();
        contents.mails.clear();
        contents.compact()
    }

    /// Keeps an e-mail.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn add(&self, mail: Mail) -> std::io::Result<()> {
        let mut contents = self.contents();
        if let Some(journal) = &mut contents.journal {
            journal.append(&mail)?;
        }
        contents.mails.push_back(Arc::new(mail));
        if contents.mails.len() > MOST_MAILS {
            contents.mails.pop_front();
        }
        if contents.journal.as_ref().is_some_and(|journal| journal.lines() >= 2 * MOST_MAILS) {
            contents.compact()?;
        }
        Ok(())
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Contents {
    fn compact(&mut self) -> std::io::Result<()> {
        match &mut self.journal {
            Some(journal) => journal.rewrite(self.mails.iter().map(Arc::as_ref)),
            None => Ok(()),
        }
    }
}
