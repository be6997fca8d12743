//! The currency of an event, which is that of the amounts of its areas and stages.
//!
//! Areas and stages are items of their own: without this check, one could be written while its event
//! changes to another currency. So the write of an amount has the event's currency as its condition,
//! and a request that changes the currency takes the lease ([`Store::lease_discounts`]) before it looks
//! for amounts.

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::{Currency, EventId, Timestamp};

use crate::items::{Part, number, string};
use crate::{Result, Store, keys};

impl Store {
    /// The part of a transaction that is refused if the event sells in another currency, or a request
    /// has the lease to change that. An event that does not exist yet has no currency.
    pub(crate) fn currency_check(
        &self,
        event: EventId,
        currency: Currency,
        now: Timestamp,
    ) -> Result<TransactWriteItem> {
        self.checking(&keys::event(event))
            .condition_expression(
                "attribute_not_exists(PK) OR (currency = :currency \
                 AND (attribute_not_exists(changing) OR changing_until < :now))",
            )
            .expression_attribute_values(":currency", string(currency.code()))
            .expression_attribute_values(":now", number(now.as_second()))
            .part()
    }
}
