//! Billing data of orders: an item beside each order that has some, so that orders stay small.

use aws_sdk_dynamodb::types::ReturnValue;
use domain::billing::Billing;
use domain::{OrderId, Timestamp, UserId};

use crate::failure::{accept_if_written, was_done};
use crate::items::{from_item, number, string, to_item};
use crate::{Failure, Result, Store, keys};

impl Store {
    /// The billing data of an order, read consistently.
    pub async fn billing(&self, user: UserId, order: OrderId) -> Result<Option<Billing>> {
        self.get_consistent(&keys::billing(user, order)).await
    }

    /// Writes billing data whose version is counted up.
    ///
    /// # Errors
    /// [`Failure::Refused`] if the data were changed or invoiced since they were read.
    pub async fn put_billing(&self, user: UserId, order: OrderId, billing: &Billing) -> Result<()> {
        let key = keys::billing(user, order);
        let put = self.put_of(to_item(&key, billing)?);
        let put = match billing.version.checked_sub(1) {
            None | Some(0) => put.condition_expression("attribute_not_exists(PK)"),
            Some(before) => put
                .condition_expression("attribute_not_exists(iv) AND v = :before")
                .expression_attribute_values(":before", number(before)),
        };
        let is_written = async { Ok(self.billing(user, order).await?.as_ref() == Some(billing)) };
        accept_if_written(put.send().await.map(drop).map_err(Failure::from), is_written).await
    }

    /// Ends the changes of an order's billing data, because its invoice is made of what this returns;
    /// `None` if there are no data. Locking again returns the same.
    pub async fn lock_billing(
        &self,
        user: UserId,
        order: OrderId,
        now: Timestamp,
    ) -> Result<Option<Billing>> {
        let locked = self
            .update_of(&keys::billing(user, order))
            .update_expression("SET iv = if_not_exists(iv, :now)")
            .condition_expression("attribute_exists(PK)")
            .expression_attribute_values(":now", string(now.to_string()))
            .return_values(ReturnValue::AllNew)
            .send()
            .await
            .map_err(Failure::from);
        match locked {
            Ok(answer) => from_item(answer.attributes.unwrap_or_default()).map(Some),
            Err(Failure::Refused(_)) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Deletes the billing data of an order. Of data that were invoiced the law wants the invoice kept:
    /// only the address for its mail goes.
    pub async fn forget_billing(&self, user: UserId, order: OrderId) -> Result<()> {
        let key = keys::billing(user, order);
        let delete = self.delete_of(&key).condition_expression("attribute_not_exists(iv)");
        if was_done(delete.send().await)? {
            return Ok(());
        }
        self.update_of(&key).update_expression("REMOVE m").send().await?;
        Ok(())
    }

    /// Forgets the billing data that a user gave last.
    pub async fn forget_last_billing(&self, user: UserId) -> Result<()> {
        self.delete(&keys::last_billing(user)).await
    }

    /// The billing data that a user gave last, for the next order.
    pub async fn last_billing(&self, user: UserId) -> Result<Option<Billing>> {
        self.get(&keys::last_billing(user)).await
    }

    /// Keeps the billing data that a user gave last.
    pub async fn keep_last_billing(&self, user: UserId, billing: &Billing) -> Result<()> {
        self.put(&keys::last_billing(user), billing).await
    }
}

#[cfg(test)]
mod tests {
    use domain::QuoteId;
    use domain::national_id::IdKind;
    use domain::testing::at;

    use super::*;
    use crate::testing::{meeting, store, unguarded_puts};

    fn ids() -> (UserId, OrderId) {
        let user = UserId::generate(at(0));
        (user, OrderId::of_quote(QuoteId::generate(at(0)), user))
    }

    fn billing(city: &str, version: u32) -> Billing {
        Billing {
            name: "Ana Ríos".to_owned(),
            id_kind: IdKind::Cc,
            id_number: "1020304050".to_owned(),
            address: "Calle Inventada 12".to_owned(),
            city: city.to_owned(),
            country: "CO".to_owned(),
            email: None,
            version,
            invoiced_at: None,
        }
    }

    #[tokio::test]
    async fn a_stale_change_is_refused_and_the_same_one_again_is_not() {
        let store = store().await;
        let (user, order) = ids();
        let put = async |city: &str, version| store.put_billing(user, order, &billing(city, version)).await;
        put("Bogotá", 1).await.expect("written");
        put("Bogotá", 1).await.expect("the same again");
        assert!(matches!(put("Cali", 1).await, Err(Failure::Refused(_))), "there are some");
        put("Cali", 2).await.expect("written");
        assert!(matches!(put("Pasto", 2).await, Err(Failure::Refused(_))), "stale");
        assert_eq!(store.billing(user, order).await.expect("read"), Some(billing("Cali", 2)));
    }

    /// The buyer has read the first version; the invoice is made before the change is written. Returns
    /// what the invoice has, whether the change was taken, and what is stored.
    async fn change_while_invoiced(late: &Store, store: &Store) -> (Billing, bool, Billing) {
        let (user, order) = ids();
        store.put_billing(user, order, &billing("Bogotá", 1)).await.expect("written");
        let invoiced = store.lock_billing(user, order, at(5)).await.expect("locked").expect("there");
        let taken = late.put_billing(user, order, &billing("Cali", 2)).await.is_ok();
        let stored = store.billing(user, order).await.expect("read").expect("there");
        (invoiced, taken, stored)
    }

    #[tokio::test]
    async fn an_invoice_has_the_data_that_were_locked() {
        let store = store().await;
        let (invoiced, taken, stored) = change_while_invoiced(&store, &store).await;
        assert_eq!((taken, &stored), (false, &invoiced));
        assert_eq!((invoiced.city.as_str(), invoiced.invoiced_at), ("Bogotá", Some(at(5))));
        let (user, order) = ids();
        assert_eq!(store.lock_billing(user, order, at(5)).await.expect("answers"), None);
    }

    #[tokio::test]
    async fn without_the_guard_an_invoice_has_other_data_than_its_order() {
        let store = store().await;
        let (invoiced, taken, stored) = change_while_invoiced(&unguarded_puts(&store), &store).await;
        assert!(taken && stored.city != invoiced.city, "the race test would not notice a race");
    }

    #[tokio::test]
    async fn what_was_invoiced_is_kept_and_all_else_is_forgotten() {
        let store = store().await;
        let (user, order) = ids();
        store.forget_billing(user, order).await.expect("nothing to forget");
        let mailed = Billing { email: Some("cuentas@example.com".to_owned()), ..billing("Cali", 1) };
        store.put_billing(user, order, &mailed).await.expect("written");
        store.lock_billing(user, order, at(5)).await.expect("locked");
        store.forget_billing(user, order).await.expect("forgotten");
        let kept = Billing { invoiced_at: Some(at(5)), ..billing("Cali", 1) };
        assert_eq!(store.billing(user, order).await.expect("read"), Some(kept));
        let other = OrderId::of_quote(QuoteId::generate(at(7)), user);
        store.put_billing(user, other, &mailed).await.expect("written");
        assert_eq!(store.orders_with_more(user).await.expect("read"), [order, other]);
        store.forget_billing(user, other).await.expect("forgotten");
        assert_eq!(store.billing(user, other).await.expect("read"), None);
        assert_eq!(store.orders_with_more(user).await.expect("read"), [order]);
    }

    /// Whether an invoice that is made while its data are forgotten keeps them. The deletion was sent
    /// before the invoice, and arrives after it.
    async fn invoice_keeps_its_data(late: &Store, store: &Store) -> bool {
        let (user, order) = ids();
        store.put_billing(user, order, &billing("Cali", 1)).await.expect("written");
        store.lock_billing(user, order, at(5)).await.expect("locked");
        late.forget_billing(user, order).await.expect("forgotten");
        store.billing(user, order).await.expect("read").is_some_and(|kept| kept.city == "Cali")
    }

    #[tokio::test]
    async fn an_invoice_that_is_made_meanwhile_keeps_its_data() {
        let store = store().await;
        assert!(invoice_keeps_its_data(&store, &store).await);
    }

    #[tokio::test]
    async fn without_the_guard_an_invoice_loses_its_data() {
        let store = store().await;
        let late = unguarded_puts(&store);
        assert!(!invoice_keeps_its_data(&late, &store).await, "the race test would not notice a race");
    }

    #[tokio::test]
    async fn locking_and_changing_at_once_agree_whoever_is_first() {
        for _ in 0..8 {
            let store = store().await;
            let (user, order) = ids();
            store.put_billing(user, order, &billing("Bogotá", 1)).await.expect("written");
            let store = meeting(&store, 2);
            let change = billing("Cali", 2);
            let (locked, changed) = tokio::join!(
                store.lock_billing(user, order, at(5)),
                store.put_billing(user, order, &change),
            );
            let locked = locked.expect("locked").expect("there");
            assert_eq!(locked.city == "Cali", changed.is_ok());
            assert_eq!(store.billing(user, order).await.expect("read"), Some(locked.clone()));
            assert_eq!(store.lock_billing(user, order, at(6)).await.expect("again"), Some(locked));
        }
    }
}
