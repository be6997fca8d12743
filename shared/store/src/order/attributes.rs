//! The organiser's further attributes of orders: an item beside each order that has some.

use domain::order::attributes::ExtraAttributes;
use domain::{OrderId, UserId};

use crate::failure::was_done;
use crate::items::to_item;
use crate::{Result, Store, Versioned, keys};

impl Versioned for ExtraAttributes {
    fn version(&self) -> u32 {
        self.version
    }
}

impl Store {
    /// The further attributes of an order, read consistently.
    pub async fn extra_attributes(&self, user: UserId, order: OrderId) -> Result<Option<ExtraAttributes>> {
        self.get_consistent(&keys::extra_attributes(user, order)).await
    }

    /// Writes the attributes that an order was made with, unless it has some: a request may be
    /// repeated when the organiser has changed them.
    pub async fn create_extra_attributes(
        &self,
        user: UserId,
        order: OrderId,
        attributes: &ExtraAttributes,
    ) -> Result<()> {
        let put = self
            .put_of(to_item(&keys::extra_attributes(user, order), attributes)?)
            .condition_expression("attribute_not_exists(PK)")
            .send()
            .await;
        was_done(put).map(drop)
    }

    /// Deletes the further attributes of an order.
    pub async fn forget_extra_attributes(&self, user: UserId, order: OrderId) -> Result<()> {
        self.delete(&keys::extra_attributes(user, order)).await
    }

    /// Writes attributes whose version is counted up.
    ///
    /// # Errors
    /// [`Failure::Refused`](crate::Failure::Refused) if they were changed since they were read.
    pub async fn replace_extra_attributes(
        &self,
        user: UserId,
        order: OrderId,
        attributes: &ExtraAttributes,
    ) -> Result<()> {
        let key = keys::extra_attributes(user, order);
        if attributes.version <= 1 {
            return self.put_new(&key, attributes).await;
        }
        self.replace(&key, attributes).await
    }
}
