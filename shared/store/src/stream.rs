//! The table's stream: the outbox and the audit note that a record carries.

use domain::audit::{AuditNote, AuditRecord};
use domain::outbox::Outbox;
use domain::{DiscountRequestId, InvitationId, OrderId, TenantId, TransferId, UserId};
use serde_dynamo::{AttributeValue, Item};
use serde_json::{Map, Value};

use crate::items::OUTBOX;
use crate::keys::{self, Key};
use crate::tenant::audit::AUDIT_ATTRIBUTE;

/// Attributes internal to the table, which audit records leave out.
const INTERNAL: [&str; 9] =
    [keys::PK, keys::SK, keys::GSI1PK, keys::GSI1SK, OUTBOX, "ttl", "version", "updated_at", AUDIT_ATTRIBUTE];

/// One record of the stream, as Lambda passes it on.
#[derive(Debug, Clone, Copy)]
pub struct StreamRecord<'a> {
    /// The key of the item.
    pub key: &'a Item,
    /// The item before the write; empty if it is new.
    pub before: &'a Item,
    /// The item after the write; empty if it was deleted.
    pub after: &'a Item,
}

/// The item that a record is about, as far as messages tell items apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A buyer's order.
    Order(UserId, OrderId),
    /// A transfer, under its sender.
    Transfer(UserId, TransferId),
    /// A member's request for a discount.
    DiscountRequest(DiscountRequestId),
    /// An invitation to an organiser's staff.
    Invitation(TenantId, InvitationId),
    /// The second factors of a user.
    SecondFactors(UserId),
    /// Any other item in a tenant's partition.
    Tenant(TenantId),
    /// Any other item.
    Other,
}

impl Subject {
    fn of(key: &Key) -> Self {
        if let Some((user, order)) = keys::parse_order(key) {
            return Self::Order(user, order);
        }
        if let Some((user, transfer)) = keys::parse_transfer(key) {
            return Self::Transfer(user, transfer);
        }
        if let Some(request) = keys::parse_discount_request(key) {
            return Self::DiscountRequest(request);
        }
        if let Some((tenant, invitation)) = keys::parse_invitation(key) {
            return Self::Invitation(tenant, invitation);
        }
        if let Some(user) = keys::parse_second_factors(key) {
            return Self::SecondFactors(user);
        }
        keys::parse_tenant(key).map_or(Self::Other, Self::Tenant)
    }
}

impl StreamRecord<'_> {
    /// The outbox of the write, and the item that it is about; `None` if the write has no outbox.
    ///
    /// # Errors
    /// If the record can not be read, because it is not of this table.
    pub fn outbox(&self) -> Result<Option<(Subject, Outbox)>, String> {
        let Some(text) = string(self.after, OUTBOX) else { return Ok(None) };
        let outbox = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let part = |name| string(self.key, name).ok_or_else(|| format!("the record has no {name}"));
        Ok(Some((Subject::of(&Key::new(part(keys::PK)?, part(keys::SK)?)), outbox)))
    }

    /// The audit record that the write asks for, if it does. A note that was on the item before is of
    /// an earlier write.
    ///
    /// # Errors
    /// If the record can not be read, because it is not of this table.
    pub fn audit(&self) -> Result<Option<AuditRecord>, String> {
        let earlier = string(self.before, AUDIT_ATTRIBUTE);
        let note = string(self.after, AUDIT_ATTRIBUTE).filter(|note| earlier != Some(note));
        let Some(note) = note else { return Ok(None) };
        let note: AuditNote = serde_json::from_str(note).map_err(|error| error.to_string())?;
        Ok(Some(note.record(fields(self.before)?, fields(self.after)?)))
    }
}

fn string<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    match item.inner().get(name) {
        Some(AttributeValue::S(text)) => Some(text),
        _ => None,
    }
}

fn fields(item: &Item) -> Result<Map<String, Value>, String> {
    let mut fields: Map<String, Value> =
        serde_dynamo::from_item(item.clone()).map_err(|error| error.to_string())?;
    fields.retain(|name, _| !INTERNAL.contains(&name.as_str()));
    Ok(fields)
}
