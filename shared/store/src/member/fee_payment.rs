//! Payments of members' fees.

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::member::FeePayment;
use domain::{FeePaymentId, MemberId, Timestamp};

use crate::items::{from_item, string};
use crate::member::{CHANGE_ATTEMPTS, member_not_found};
use crate::{Failure, Fingerprints, Listing, Result, Store, keys};

impl Store {
    /// Writes a new payment and, if it `marks_current`, that the member's fee is paid: both or nothing.
    /// Safe to repeat.
    ///
    /// # Errors
    /// `member_not_found` if the payment's tenant has no such member.
    pub async fn create_fee_payment(
        &self,
        fingerprints: &Fingerprints,
        payment: &FeePayment,
        marks_current: bool,
    ) -> domain::Result<()> {
        let parts = || Ok(vec![self.put_new_part(&key(payment), payment)?]);
        self.write_payment(fingerprints, payment, marks_current, parts).await
    }

    /// Stores a changed payment, its version counted up, and, if it
    /// `marks_current`, that the member's fee is paid: both or nothing.
    ///
    /// # Errors
    /// `changed_meanwhile` if the payment was changed meanwhile; `member_not_found`.
    pub async fn replace_fee_payment(
        &self,
        fingerprints: &Fingerprints,
        before: &FeePayment,
        after: &FeePayment,
        marks_current: bool,
    ) -> domain::Result<()> {
        let parts = || {
            if key(before) == key(after) {
                return Ok(vec![self.replace_part(&key(after), after)?]);
            }
            // Payments are sorted by their day, so one with another day is another item.
            Ok(vec![self.delete_version_part(&key(before), before)?, self.put_new_part(&key(after), after)?])
        };
        self.write_payment(fingerprints, after, marks_current, parts).await
    }

    async fn write_payment(
        &self,
        fingerprints: &Fingerprints,
        payment: &FeePayment,
        marks_current: bool,
        parts: impl Fn() -> Result<Vec<TransactWriteItem>>,
    ) -> domain::Result<()> {
        let mut attempt = 0;
        loop {
            let member =
                self.member(payment.tenant_id, payment.member_id).await?.ok_or_else(member_not_found)?;
            let mut writes = parts()?;
            let touches_member = marks_current && !member.monthly_fee_current;
            if touches_member {
                let mut after = member.clone();
                after.monthly_fee_current = true;
                after.touch(Some(payment.updated_by), payment.updated_at);
                writes.extend(self.changed_member_parts(fingerprints, &member, &after)?);
            }
            attempt += 1;
            let Err(failure) = self.transact(writes).await else { return Ok(()) };
            // No other request writes this value, so our own write was carried out and its answer lost.
            let stored: Option<FeePayment> = self.get_consistent(&key(payment)).await?;
            if stored.as_ref() == Some(payment) {
                return Ok(());
            }
            let may_be_the_member = touches_member && matches!(failure, Failure::Refused(_));
            if !may_be_the_member || attempt >= CHANGE_ATTEMPTS {
                return Err(failure.into());
            }
        }
    }

    /// A page of the member's payments, latest day first.
    pub async fn fee_payments(
        &self,
        member: MemberId,
        after: Option<&str>,
        limit: u16,
    ) -> Result<Listing<FeePayment>> {
        if after.is_some_and(|sk| !is_place(sk)) {
            return Err(Failure::ForeignCursor);
        }
        self.list(&keys::fee_payments_partition(member), "", after, limit, true).await
    }

    /// The member's payment with this id, read consistently.
    pub async fn fee_payment(&self, member: MemberId, payment: FeePaymentId) -> Result<Option<FeePayment>> {
        // The payment's day is not known here. A member's payments are few: even twenty years of them
        // fit in one answer.
        let mut items = self
            .query_of(keys::fee_payments_partition(member))
            .key_condition_expression("PK = :pk")
            .filter_expression("id = :id")
            .expression_attribute_values(":id", string(payment.to_string()))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        items.try_next().await?.map(from_item).transpose()
    }
}

fn key(payment: &FeePayment) -> keys::Key {
    keys::fee_payment(payment.member_id, payment.payment_date, payment.id)
}

/// True if a payment can have this sort key.
fn is_place(sk: &str) -> bool {
    sk.split_once('#').is_some_and(|(day, payment)| {
        day.len() == 20 && day.parse::<Timestamp>().is_ok() && FeePaymentId::from_suffix(payment).is_ok()
    })
}

#[cfg(test)]
mod tests {
    use boot::Secret;
    use domain::member::{Member, PaymentMethod};
    use domain::{Currency, Language, TenantId, UserId};
    use jiff::SignedDuration;

    use super::*;
    use crate::testing::{forgetful, store_with_clock};

    fn fingerprints() -> Fingerprints {
        Fingerprints::new(&Secret::new(&"s".repeat(32)).expect("long enough"))
    }

    fn member(now: Timestamp) -> Member {
        Member {
            id: MemberId::generate(now),
            tenant_id: TenantId::generate(now),
            name: "Ana Ejemplo".to_owned(),
            email: "ana@example.com".parse().expect("valid"),
            country: "CO".to_owned(),
            dni: None,
            phone: None,
            city: None,
            registration_date: now,
            how_did_you_find_us: None,
            favorite_music_genre: None,
            subscription_active: true,
            monthly_fee_current: false,
            language: Language::Es,
            email_bounced_at: None,
            updated_by: None,
            created_at: now,
            updated_at: now,
            version: 1,
        }
    }

    fn payment(member: &Member, days_ago: i64, now: Timestamp) -> FeePayment {
        FeePayment {
            id: FeePaymentId::generate(now),
            tenant_id: member.tenant_id,
            member_id: member.id,
            amount_paid: 1_500_000,
            currency: Currency::COP,
            payment_date: now - SignedDuration::from_hours(24 * days_ago),
            payment_method: PaymentMethod::Transfer,
            description: None,
            receipt: None,
            confirmed: false,
            updated_by: UserId::generate(now),
            created_at: now,
            updated_at: now,
            version: 1,
        }
    }

    #[tokio::test]
    async fn payments_are_listed_by_their_day_the_latest_first() {
        let (store, clock) = store_with_clock().await;
        let member = member(clock.now());
        store.create_member(&fingerprints(), &member).await.expect("created");
        let payments = [30, 0, 60].map(|days| payment(&member, days, clock.now()));
        for payment in &payments {
            for _ in 0..2 {
                store.create_fee_payment(&fingerprints(), payment, false).await.expect("again is fine");
            }
        }
        let ids = |listing: Listing<FeePayment>| -> Vec<FeePaymentId> {
            listing.items.into_iter().map(|payment| payment.id).collect()
        };
        let first = store.fee_payments(member.id, None, 2).await.expect("reads");
        let last = first.last.clone();
        assert_eq!(ids(first), [payments[1].id, payments[0].id]);
        let rest = store.fee_payments(member.id, last.as_deref(), 2).await.expect("reads");
        assert_eq!(ids(rest), [payments[2].id]);
        for foreign in ["x", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z#x", "x#x"] {
            let refused = store.fee_payments(member.id, Some(foreign), 2).await;
            assert!(matches!(refused, Err(Failure::ForeignCursor)), "{foreign}");
        }
        let read = |id| store.fee_payment(member.id, id);
        assert_eq!(read(payments[2].id).await.expect("reads"), Some(payments[2].clone()));
        assert_eq!(read(FeePaymentId::generate(clock.now())).await.expect("reads"), None);
        let unchanged = store.member(member.tenant_id, member.id).await.expect("reads").expect("there");
        assert_eq!(unchanged, member);
    }

    #[tokio::test]
    async fn a_payment_and_the_members_paid_fee_are_written_together() {
        let (store, clock) = store_with_clock().await;
        let (now, prints) = (clock.now(), fingerprints());
        let member = member(now);
        let lost = payment(&member, 0, now);
        let error = store.create_fee_payment(&prints, &lost, true).await.expect_err("refused");
        assert_eq!(error.code(), "member_not_found");
        store.create_member(&prints, &member).await.expect("created");

        // The table's answers are lost.
        let deaf = forgetful(&store, 9);
        let before = payment(&member, 3, now);
        deaf.create_fee_payment(&prints, &before, false).await.expect("written, whatever was heard");
        let day_before = before.payment_date - SignedDuration::from_hours(24);
        let after = FeePayment { payment_date: day_before, confirmed: true, version: 2, ..before.clone() };
        deaf.replace_fee_payment(&prints, &before, &after, true).await.expect("written, whatever was heard");
        let listed = store.fee_payments(member.id, None, 9).await.expect("reads").items;
        assert_eq!(listed, std::slice::from_ref(&after), "the other day's item is gone");
        let current = store.member(member.tenant_id, member.id).await.expect("reads").expect("there");
        assert_eq!(
            (current.monthly_fee_current, current.version, current.updated_by),
            (true, 2, Some(after.updated_by))
        );

        let late = FeePayment { amount_paid: 1, version: 2, ..before.clone() };
        let error = store.replace_fee_payment(&prints, &before, &late, true).await.expect_err("refused");
        assert_eq!(error.code(), "changed_meanwhile");
    }
}
