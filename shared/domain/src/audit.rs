//! The audit log: which user changed what, for the tenant's admin to read.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{AuditId, TenantId, UserId};

/// The user, action and subject of a change. The note is written with the changed item; the table's
/// stream makes an [`AuditRecord`] of it. So no change goes unrecorded, and no caller waits for the
/// record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditNote {
    /// The tenant whose data changed.
    pub tenant_id: TenantId,
    /// The user who made the change.
    pub by: UserId,
    /// The address with which this user was signed in; empty in notes that items keep, because an
    /// item outlives its author's account.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by_email: String,
    /// The action, such as `discount_request.approve`.
    pub action: String,
    /// The thing that changed: its id, or its name where it has none.
    pub subject: String,
    /// Time of the change.
    pub at: Timestamp,
}

impl AuditNote {
    /// The record's id. It is derived from the note: a stream record that is delivered twice makes
    /// the same id.
    pub fn id(&self) -> AuditId {
        let [subject, action] = [&self.subject, &self.action].map(|text| text.as_bytes());
        AuditId::of_parts(self.at, &[self.by.uuid().as_bytes(), subject, action])
    }

    /// The record of the change from `before` to `after`, without the fields that are equal in
    /// both.
    pub fn record(self, mut before: Map<String, Value>, mut after: Map<String, Value>) -> AuditRecord {
        before.retain(|name, value| match after.get(name) {
            Some(now) if now == value => {
                after.remove(name);
                false
            }
            _ => true,
        });
        AuditRecord { id: self.id(), note: self, before, after }
    }
}

/// A recorded change, with the changed fields before and after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditRecord {
    /// The record's id.
    pub id: AuditId,
    /// The user, the action, its subject and the time.
    #[serde(flatten)]
    pub note: AuditNote,
    /// The changed fields before the change.
    pub before: Map<String, Value>,
    /// The changed fields after the change.
    pub after: Map<String, Value>,
}

/// A month, such as `2026-11`, in UTC.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct Month(#[schemars(regex(pattern = "^20[0-9]{2}-(0[1-9]|1[0-2])$"))] String);

/// The text is not a month of this century.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a month such as 2026-11")]
pub struct InvalidMonth;

impl Month {
    /// The month of a time, in UTC.
    pub fn of(time: Timestamp) -> Self {
        Self(time.strftime("%Y-%m").to_string())
    }

    /// As text, such as `2026-11`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its first moment.
    pub fn start(&self) -> Timestamp {
        self.begins(0)
    }

    /// Its end: the first moment of the next month.
    pub fn end(&self) -> Timestamp {
        self.begins(1)
    }

    /// The first moment of the month that is so many months later.
    fn begins(&self, later: i64) -> Timestamp {
        let first: Option<Date> = format!("{}-01", self.0).parse().ok();
        let first = first.and_then(|first| first.checked_add(Span::new().months(later)).ok());
        let start = first.and_then(|first| first.to_zoned(TimeZone::UTC).ok());
        start.map_or(Timestamp::MAX, |start| start.timestamp())
    }
}

impl TryFrom<String> for Month {
    type Error = InvalidMonth;

    fn try_from(text: String) -> Result<Self, InvalidMonth> {
        let valid =
            text.len() == 7 && text.starts_with("20") && { format!("{text}-01").parse::<Date>().is_ok() };
        if valid { Ok(Self(text)) } else { Err(InvalidMonth) }
    }
}

impl From<Month> for String {
    fn from(month: Month) -> Self {
        month.0
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::at;

    fn note(action: &str) -> AuditNote {
        AuditNote {
            tenant_id: TenantId::from_uuid(uuid::Uuid::nil()),
            by: UserId::from_uuid(uuid::Uuid::nil()),
            by_email: "coordina@example.com".to_owned(),
            action: action.to_owned(),
            subject: "drq_1".to_owned(),
            at: at(0),
        }
    }

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().cloned().expect("an object")
    }

    #[test]
    fn a_record_has_only_the_changed_fields() {
        let before = map(json!({"status": "pending", "notes": "x", "show": "a"}));
        let after = map(json!({"status": "sent", "show": "a", "code": "SOCIO-1"}));
        let record = note("send").record(before, after);
        assert_eq!(Value::from(record.before), json!({"status": "pending", "notes": "x"}));
        assert_eq!(Value::from(record.after), json!({"status": "sent", "code": "SOCIO-1"}));
    }

    #[test]
    fn equal_notes_have_the_same_record_id() {
        assert_eq!(note("send").id(), note("send").id());
        assert_ne!(note("send").id(), note("edit").id());
        assert_eq!(note("send").id().created_at(), note("send").at);
    }

    #[test]
    fn a_month_ends_where_the_next_one_begins() {
        let month = |text: &str| Month::try_from(text.to_owned()).expect("a month");
        for (text, start, end) in [
            ("2026-02", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"),
            ("2026-12", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"),
            ("2099-12", "2099-12-01T00:00:00Z", "2100-01-01T00:00:00Z"),
        ] {
            let month = month(text);
            assert_eq!(
                (month.start().to_string(), month.end().to_string()),
                (start.to_owned(), end.to_owned())
            );
            assert_eq!(Month::of(month.start()), month);
            assert_ne!(Month::of(month.end()), month);
        }
    }

    #[test]
    fn months_are_of_this_century() {
        let month = |text: &str| Month::try_from(text.to_owned());
        assert_eq!(month("2026-11"), Ok(Month::of(note("x").at)));
        for text in ["", "2026-13", "2026-1", "1999-12", "2026-11-01", "20a6-11"] {
            assert_eq!(month(text), Err(InvalidMonth), "{text}");
        }
    }
}
