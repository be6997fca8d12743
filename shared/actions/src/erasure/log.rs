//! Taking a person out of organisers' logs.

use domain::audit::{AuditRecord, Month};
use domain::{Result, TenantId, Timestamp};
use serde_json::Value;

use super::{Erasures, PAGE};

impl Erasures {
    /// Takes out of an organiser's log what it says of the person: the fields of changes of one of
    /// `subjects` or that name the address, and the address of who made a change.
    pub(super) async fn redact_log(
        &self,
        tenant: TenantId,
        from: Timestamp,
        now: Timestamp,
        subjects: &[String],
        email: &str,
    ) -> Result<()> {
        let (mut at, last) = (from, Month::of(now));
        loop {
            let month = Month::of(at);
            let mut after = None;
            loop {
                let page = self.store.audit_records(tenant, &month, after.as_deref(), PAGE).await?;
                for mut record in page.items {
                    if redact(&mut record, subjects, email) {
                        self.store.put_audit(&record).await?;
                    }
                }
                after = page.last;
                if after.is_none() {
                    break;
                }
            }
            if month >= last {
                return Ok(());
            }
            at += std::time::Duration::from_secs(28 * 24 * 3600);
        }
    }
}

/// Redacts a record; true if that changed it.
fn redact(record: &mut AuditRecord, subjects: &[String], email: &str) -> bool {
    let before = record.clone();
    let names =
        |fields: &serde_json::Map<String, Value>| Value::from(fields.clone()).to_string().contains(email);
    if subjects.contains(&record.note.subject) || names(&record.before) || names(&record.after) {
        (record.before, record.after) = Default::default();
    }
    if record.note.by_email == email {
        record.note.by_email.clear();
    }
    if record.note.subject == email {
        record.note.subject.clear();
    }
    *record != before
}
