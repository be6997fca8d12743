//! Entries that a scanner reports after they happened, such as one without the network.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use domain::late_entry::LateEntry;
use domain::{EventId, OrderPart};

use super::record::{Entry, Record};
use super::{Closed, Redemption, Scan};
use crate::failure::Item;
use crate::items::{number, string};
use crate::{Failure, Result, Store, keys};

/// Most entries of one ticket that are stored beside the one that redeemed it.
const MAX_LATE_ENTRIES: usize = 20;

/// The result of a scan that was reported late.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Whether this scan redeemed the ticket.
    pub redemption: Redemption,
    /// The conflict of the entry, if it contradicts anything; then the entry is stored with the ticket.
    pub conflict: Option<LateEntry>,
}

impl Store {
    /// Redeems a ticket by a scan that was made earlier: as [`Store::redeem`], one conditional write,
    /// unless something happened to the ticket meanwhile. Then the entry is judged by when it happened,
    /// and stored with a second write.
    ///
    /// `let_in` is what the scanner says that it did. If it does not say, the ticket's holder counts as
    /// let in, except by a scanner that let a person in with the same ticket before.
    pub async fn report(
        &self,
        event: EventId,
        part: impl Into<OrderPart>,
        serial: u16,
        let_in: Option<bool>,
        scan: &Scan,
    ) -> Result<Report> {
        let part = part.into();
        let Some(mut gate) = self.try_redeem(event, part, serial, scan).await? else {
            return Ok(Report { redemption: Redemption::Admitted(scan.at), conflict: None });
        };
        // Each refused write means that another entry was stored, and their number is bounded.
        for _ in 0..2 * MAX_LATE_ENTRIES {
            if let Some(first) = gate.redemption(serial, |first| first.is_repeated_by(scan))? {
                let redemption = Redemption::Admitted(first.at);
                return Ok(Report { redemption, conflict: gate.redemption_conflict() });
            }
            let refused = Redemption::Refused(gate.why_closed(serial)?);
            // The same scan, but reported by another person: no second entry, and no admission.
            if gate.redemption(serial, |first| first.is_left_for(scan))?.is_some() {
                return Ok(Report { redemption: refused, conflict: None });
            }
            if let Some(late) = gate.known_entry(serial, scan) {
                return Ok(Report { redemption: refused, conflict: Some(late) });
            }
            let let_in = match let_in {
                Some(let_in) => let_in,
                None => !gate.knows_scanner(scan)?,
            };
            let keeps = let_in && serial <= gate.serial && gate.entries.len() < MAX_LATE_ENTRIES;
            let late = if keeps { gate.past(serial).judge(scan.at) } else { None };
            let Some(late) = late else { return Ok(Report { redemption: refused, conflict: None }) };
            match self.keep_entry(event, part, &gate, serial, late.redeems, scan).await {
                Ok(()) => {
                    let redemption = if late.redeems { Redemption::Admitted(scan.at) } else { refused };
                    return Ok(Report { redemption, conflict: Some(late) });
                }
                Err(Failure::Refused(item)) => gate = Record::read(item)?,
                Err(other) => return Err(other),
            }
        }
        Err(Failure::Unavailable("many scans of one ticket were reported at once".to_owned()))
    }

    /// Writes an entry to the gate, if the gate is still as it was read.
    async fn keep_entry(
        &self,
        event: EventId,
        part: OrderPart,
        gate: &Record,
        serial: u16,
        redeems: bool,
        scan: &Scan,
    ) -> Result<()> {
        let (condition, mut values) = gate.unchanged();
        let set = if redeems {
            values.insert(":at".to_owned(), number(scan.at.as_millisecond()));
            values.insert(":nonce".to_owned(), string(&scan.nonce));
            values.insert(":by".to_owned(), string(scan.by.to_string()));
            values.extend(scan.device.map(|device| (":device".to_owned(), string(device.to_string()))));
            values.extend(scan.session.map(|session| (":session".to_owned(), string(session.to_string()))));
            let is_old = serial != gate.serial;
            values.extend(is_old.then(|| (":code".to_owned(), number(serial))));
            let device = if scan.device.is_some() { ", d = :device" } else { "" };
            let session = if scan.session.is_some() { ", i = :session" } else { "" };
            let code = if is_old { ", c = :code" } else { "" };
            format!("SET u = :at, n = :nonce, b = :by{device}{session}{code}")
        } else {
            values.insert(":none".to_owned(), AttributeValue::L(Vec::new()));
            let entry = serde_dynamo::to_attribute_value(Entry::new(scan, serial));
            values.insert(":entry".to_owned(), AttributeValue::L(vec![entry.map_err(Failure::unreadable)?]));
            "SET e = list_append(if_not_exists(e, :none), :entry)".to_owned()
        };
        self.update_of(&keys::gate(event, part))
            .update_expression(set)
            .condition_expression(condition)
            .set_expression_attribute_values(Some(values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await?;
        Ok(())
    }
}

impl Record {
    /// Why the code with `serial` did not redeem the ticket.
    pub(super) fn why_closed(&self, serial: u16) -> Result<Closed> {
        self.closed(serial)?.ok_or_else(|| Failure::Fault("a gate was closed for no reason".to_owned()))
    }

    /// The condition that the gate is still as it was read, and its values.
    fn unchanged(&self) -> (String, Item) {
        let serial = (self.serial > 0).then(|| number(self.serial));
        let time = |at: domain::Timestamp| number(at.as_millisecond());
        let mut values = Item::new();
        let mut conditions = Vec::with_capacity(4);
        for (attribute, value) in
            [("u", self.used_at.map(time)), ("r", self.revoked_at.map(time)), ("s", serial)]
        {
            match value {
                Some(value) => {
                    conditions.push(format!("{attribute} = :{attribute}"));
                    values.insert(format!(":{attribute}"), value);
                }
                None => conditions.push(format!("attribute_not_exists({attribute})")),
            }
        }
        if self.entries.is_empty() {
            conditions.push("attribute_not_exists(e)".to_owned());
        } else {
            conditions.push("size(e) = :entries".to_owned());
            values.insert(":entries".to_owned(), number(self.entries.len()));
        }
        (conditions.join(" AND "), values)
    }
}
