//! The currency of an event, in which its areas and stages have their amounts.
//!
//! They are items of their own: without this, one could be written into an event that went
//! over to another currency in this moment. So the write of an amount has the currency as
//! a condition on the event, and whoever changes the currency has the right to change
//! ([`Store::begin_discounts`]) before looking whether there are amounts.

use aws_sdk_dynamodb::types::{ConditionCheck, TransactWriteItem};
use domain::{Currency, EventId, Timestamp};

use crate::items::{number, string};
use crate::{Failure, Store, keys};

impl Store {
    /// The part of a transaction that is refused if the event sells in another currency, or
    /// somebody has the right to change that. An event that is not there yet has none.
    pub(crate) fn sells_in_part(
        &self,
        event: EventId,
        currency: Currency,
        now: Timestamp,
    ) -> Result<TransactWriteItem, Failure> {
        let check = ConditionCheck::builder()
            .table_name(&*self.table)
            .set_key(Some(keys::event(event).attributes()))
            .condition_expression(
                "attribute_not_exists(PK) OR (currency = :currency \
                 AND (attribute_not_exists(changing) OR changing_until < :now))",
            )
            .expression_attribute_values(":currency", string(currency.code()))
            .expression_attribute_values(":now", number(now.as_second()));
        let check = check.build().map_err(Failure::unreadable)?;
        Ok(TransactWriteItem::builder().condition_check(check).build())
    }
}
