//! Audit records: who changed what. A change carries a note in the attribute `au`, in the same write;
//! `relay` sees it on the table's stream, with the item as it was before, and stores the record.

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use domain::TenantId;
use domain::audit::{AuditNote, AuditRecord, Month};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::failure::Item;
use crate::items::string;
use crate::{Failure, Listing, Result, Store, keys};

/// The attribute with the note of a change, as JSON text.
pub(crate) const AUDIT_ATTRIBUTE: &str = "au";

/// The note as an attribute of the item that it is about: without the author's address, which the
/// record has.
pub(crate) fn noted(note: &AuditNote) -> Result<(String, AttributeValue)> {
    let note = AuditNote { by_email: String::new(), ..note.clone() };
    let text = serde_json::to_string(&note).map_err(Failure::unreadable)?;
    Ok((AUDIT_ATTRIBUTE.to_owned(), string(text)))
}

/// The attributes of a write that is to be recorded and has no outbox.
pub(crate) fn audited(note: &AuditNote) -> Result<Item> {
    Ok(Item::from([noted(note)?]))
}

impl Store {
    /// The part of a transaction that records the deletion of `before`: a deleted item can not carry a
    /// note. Without the fields that `relay` leaves out of its records.
    pub(crate) fn deletion_record_part(
        &self,
        note: &AuditNote,
        before: &impl Serialize,
    ) -> Result<TransactWriteItem> {
        let mut before = match serde_json::to_value(before) {
            Ok(Value::Object(fields)) => fields,
            _ => return Err(Failure::Fault("what is deleted is an object".to_owned())),
        };
        before.retain(|name, _| !["version", "updated_at"].contains(&name.as_str()));
        let record = note.clone().record(before, Map::new());
        self.put_part(&keys::audit(note.tenant_id, note.at, record.id), &record)
    }

    /// Stores an audit record. Safe to repeat.
    pub async fn put_audit(&self, record: &AuditRecord) -> Result<()> {
        self.put(&keys::audit(record.note.tenant_id, record.note.at, record.id), record).await
    }

    /// A page of a tenant's records of one month, newest first.
    pub async fn audit_records(
        &self,
        tenant: TenantId,
        month: &Month,
        after: Option<&str>,
        limit: u16,
    ) -> Result<Listing<AuditRecord>> {
        self.list(&keys::audit_partition(tenant, month), month.as_str(), after, limit, true).await
    }
}

#[cfg(test)]
mod tests {
    use domain::UserId;

    use super::*;
    use crate::testing::store_with_clock;

    #[tokio::test]
    async fn records_are_listed_once_newest_first_and_only_their_tenants() {
        let (store, clock) = store_with_clock().await;
        let [tenant, other] = [(); 2].map(|()| TenantId::generate(clock.now()));
        let record = |tenant, action: &str| {
            let note = AuditNote {
                tenant_id: tenant,
                by: UserId::generate(clock.now()),
                by_email: "coordina@example.com".to_owned(),
                action: action.to_owned(),
                subject: "drq_1".to_owned(),
                at: clock.now(),
            };
            note.record(Map::new(), Map::new())
        };
        let first = record(tenant, "approve");
        clock.advance(std::time::Duration::from_secs(1));
        let second = record(tenant, "send");
        for record in [&first, &second, &first, &record(other, "reject")] {
            store.put_audit(record).await.expect("kept");
        }
        let month = Month::of(clock.now());
        let page = store.audit_records(tenant, &month, None, 10).await.expect("listed");
        assert_eq!(page.items, [second, first]);
    }
}
