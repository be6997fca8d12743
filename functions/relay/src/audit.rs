//! The audit record of a change, from one record of the stream.

use aws_lambda_events::event::dynamodb::StreamRecord;
use domain::audit::{AuditNote, AuditRecord};
use serde_dynamo::{AttributeValue, Item};
use serde_json::{Map, Value};
use store::AUDIT_ATTRIBUTE;

/// Attributes of the table's own: they do not belong into an audit record.
const INTERNAL: [&str; 9] =
    ["PK", "SK", "GSI1PK", "GSI1SK", "ob", "ttl", "version", "updated_at", AUDIT_ATTRIBUTE];

/// The audit record that a change asks for. A note that stood on the item before
/// is of an earlier change.
pub(crate) fn audit(change: &StreamRecord) -> Result<Option<AuditRecord>, String> {
    let note = |image: &Item| match image.inner().get(AUDIT_ATTRIBUTE) {
        Some(AttributeValue::S(text)) => Some(text.clone()),
        _ => None,
    };
    let now = note(&change.new_image).filter(|now| note(&change.old_image).as_ref() != Some(now));
    let Some(text) = now else { return Ok(None) };
    let note: AuditNote = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    Ok(Some(note.record(fields(&change.old_image)?, fields(&change.new_image)?)))
}

fn fields(image: &Item) -> Result<Map<String, Value>, String> {
    let mut fields: Map<String, Value> =
        serde_dynamo::from_item(image.clone()).map_err(|error| error.to_string())?;
    fields.retain(|name, _| !INTERNAL.contains(&name.as_str()));
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use aws_lambda_events::event::dynamodb::Event;

    use super::*;

    #[test]
    fn a_decision_is_recorded_with_what_it_changed() {
        let event: Event =
            serde_json::from_str(include_str!("../../../events/relay/decision.json")).expect("an event");
        let records: Vec<_> = event.records.iter().map(|record| audit(&record.change)).collect();
        let [Ok(Some(decision)), Ok(None)] = &records[..] else { panic!("{records:?}") };
        insta::assert_json_snapshot!(decision, @r#"
        {
          "id": "aud_01m7q5cqg0emwadq126q3xg0yr",
          "tenant_id": "tnt_01jd8m3n7kf8bq4v3k7w2r9s5t",
          "by": "usr_01jd8m3n7kf8bq4v3k7w2r9s5t",
          "by_email": "coordina@example.com",
          "action": "discount_request.approve",
          "subject": "drq_01jd8m3n7kf8bq4v3k7w2r9s5t",
          "at": "2026-11-18T11:06:40Z",
          "before": {},
          "after": {
            "decision_type": "approved"
          }
        }
        "#);
    }
}
