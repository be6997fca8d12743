//! Consents, under the fingerprint of their address.

use domain::consent::{Consent, ConsentPurpose, ConsentSource};
use domain::{TenantId, Timestamp};

use crate::{Result, Store, keys};

/// Most consents of one address that are read.
const MOST: usize = 1000;

impl Store {
    /// What the owner of the address with this fingerprint said to organisers.
    pub async fn consents(&self, fingerprint: &str) -> Result<Vec<Consent>> {
        self.list_all(&keys::consents(fingerprint), "", MOST).await
    }

    /// Whether the owner of the address with this fingerprint lets a tenant use it for a purpose, by a
    /// consistent read: who has just taken a consent back hears nothing more.
    pub async fn has_consent(
        &self,
        fingerprint: &str,
        tenant: TenantId,
        purpose: ConsentPurpose,
    ) -> Result<bool> {
        let key = keys::consent(fingerprint, tenant, purpose);
        let said: Option<Consent> = self.get_consistent(&key).await?;
        Ok(said.is_some_and(|consent| consent.given))
    }

    /// Writes what the person said last.
    pub async fn put_consent(&self, fingerprint: &str, consent: &Consent) -> Result<()> {
        self.put(&keys::consent(fingerprint, consent.tenant, consent.purpose), consent).await
    }

    /// Takes all consents of an address back. That they were taken back stays, so that nobody writes
    /// there again.
    pub async fn withdraw_consents(&self, fingerprint: &str, now: Timestamp) -> Result<()> {
        for consent in self.consents(fingerprint).await?.into_iter().filter(|consent| consent.given) {
            let consent = Consent { given: false, at: now, source: ConsentSource::Erasure, ..consent };
            self.put_consent(fingerprint, &consent).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::store_with_clock;

    #[tokio::test]
    async fn the_last_word_counts_and_all_are_taken_back_at_once() {
        let (store, clock) = store_with_clock().await;
        let now = clock.now();
        let [one, other] = [(); 2].map(|()| TenantId::generate(now));
        let consent = |tenant, given| Consent {
            tenant,
            purpose: ConsentPurpose::News,
            given,
            at: now,
            text_version: 3,
            source: ConsentSource::Account,
        };
        for said in [consent(one, false), consent(one, true), consent(other, true)] {
            store.put_consent("ana", &said).await.expect("written");
        }
        store.put_consent("eva", &consent(one, true)).await.expect("written");
        let given = async |whose| {
            let consents = store.consents(whose).await.expect("read");
            consents.into_iter().filter(|consent| consent.given).count()
        };
        assert_eq!((given("ana").await, given("eva").await), (2, 1));
        let has = async |tenant, purpose| store.has_consent("ana", tenant, purpose).await.expect("read");
        assert!(has(one, ConsentPurpose::News).await);
        assert!(!has(one, ConsentPurpose::Surveys).await, "without a word there is none");
        store.withdraw_consents("ana", now).await.expect("taken back");
        assert_eq!((given("ana").await, given("eva").await), (0, 1));
        assert!(!has(one, ConsentPurpose::News).await);
        assert_eq!(store.consents("ana").await.expect("read").len(), 2, "that it was taken back is known");
    }
}
