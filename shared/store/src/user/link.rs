//! Mailed links that sign a user in or set a password, stored by the hash of their token and good for
//! one use.

use aws_sdk_dynamodb::types::{ReturnValue, TransactWriteItem};
use domain::outbox::Outbox;
use domain::user::LinkPurpose;
use domain::{RequestId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use crate::failure::Item;
use crate::items::{Part, carried, from_item, number, string, to_item};
use crate::{Failure, Result, Store, keys};

/// A mailed link, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The link's purpose and its user. Without it the item only carries its outbox: the same kind of
    /// item is written for an address without an account, so that neither time nor cost tells.
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<LinkGrant>,
    /// When the link expires.
    pub expires_at: Timestamp,
    /// The outbox that sends the mail.
    #[serde(skip)]
    pub outbox: Option<Outbox>,
}

/// The grant of a link: its purpose and its user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkGrant {
    /// Purpose of the link, such as a sign-in.
    pub purpose: LinkPurpose,
    /// The user to whom the link was mailed.
    pub user: UserId,
}

/// Adds the attribute by which the table sweeps the item some time after `end`. No check depends on it:
/// expiry is checked where an item is used.
pub(crate) fn with_ttl(mut item: Item, end: Timestamp) -> Item {
    item.insert("ttl".to_owned(), number(end.as_second()));
    item
}

impl Store {
    /// Writes a link under the hash of its token.
    pub async fn put_link(&self, hash: &str, link: &Link) -> Result<()> {
        // A transaction of one, so that it takes as long as the one that writes a new user.
        self.transact(vec![self.put_link_part(hash, link)?]).await
    }

    pub(crate) fn put_link_part(&self, hash: &str, link: &Link) -> Result<TransactWriteItem> {
        let mut item = with_ttl(to_item(&keys::link(hash), link)?, link.expires_at);
        item.extend(carried(link.outbox.as_ref())?);
        self.putting(item).condition_expression("attribute_not_exists(PK)").part()
    }

    /// The grant of the link whose token has this hash, if it is for one of `purposes` and has not
    /// expired. Only [`Store::redeem_link`] tells whether it was used.
    pub async fn link_grant(
        &self,
        hash: &str,
        purposes: &[LinkPurpose],
        now: Timestamp,
    ) -> Result<Option<LinkGrant>> {
        let link: Option<Link> = self.get_consistent(&keys::link(hash)).await?;
        let grant = link.filter(|link| now < link.expires_at).and_then(|link| link.grant);
        Ok(grant.filter(|grant| purposes.contains(&grant.purpose)))
    }

    /// Uses up the link whose token has this hash, if it is for one of `purposes`, and returns what it
    /// grants.
    ///
    /// # Errors
    /// [`Failure::Refused`] if there is no such link, it was used, or it has expired.
    pub async fn redeem_link(
        &self,
        hash: &str,
        purposes: &[LinkPurpose],
        now: Timestamp,
    ) -> Result<LinkGrant> {
        let names: Vec<_> = (0..purposes.len()).map(|index| format!(":p{index}")).collect();
        // The link is marked, not deleted: if the answer is lost, the client's own retry finds its mark
        // and is not refused. The outbox goes, because the mail was sent when the link was written.
        let mut update = self
            .update_of(&keys::link(hash))
            .update_expression("SET used_by = :me REMOVE ob")
            .condition_expression(format!(
                "purpose IN ({}) AND (attribute_not_exists(used_by) OR used_by = :me)",
                names.join(", ")
            ))
            .expression_attribute_values(":me", string(RequestId::generate(now).to_string()))
            .return_values(ReturnValue::AllNew);
        for (name, purpose) in names.into_iter().zip(purposes) {
            update = update.expression_attribute_values(name, string(purpose.name()));
        }
        let link: Link = from_item(update.send().await?.attributes.unwrap_or_default())?;
        link.grant.filter(|_| now < link.expires_at).ok_or(Failure::Refused(None))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::testing::{at_once, store_with_clock};

    const SIGN_IN: &[LinkPurpose] = &[LinkPurpose::SignIn, LinkPurpose::Welcome];

    fn link(purpose: LinkPurpose, now: Timestamp) -> (Link, LinkGrant) {
        let grant = LinkGrant { purpose, user: UserId::generate(now) };
        let expires_at = now + jiff::SignedDuration::from_mins(15);
        (Link { grant: Some(grant.clone()), expires_at, outbox: Some(Outbox::RefundsWaiting) }, grant)
    }

    #[tokio::test]
    async fn of_many_uses_of_a_link_at_once_one_succeeds() {
        let (store, clock) = store_with_clock().await;
        let (link, grant) = link(LinkPurpose::Welcome, clock.now());
        store.put_link("hash", &link).await.expect("written");
        let (store, now) = (Arc::new(store), clock.now());
        let results = at_once(8, |_| {
            let store = store.clone();
            async move { store.redeem_link("hash", SIGN_IN, now).await }
        })
        .await;
        let granted: Vec<_> = results.into_iter().filter_map(Result::ok).collect();
        assert_eq!(granted, [grant]);
    }

    #[tokio::test]
    async fn a_link_is_good_for_its_purpose_in_its_time() {
        let (store, clock) = store_with_clock().await;
        let (reset, grant) = link(LinkPurpose::ResetPassword, clock.now());
        store.put_link("hash", &reset).await.expect("written");
        let refused = |result| matches!(result, Err(Failure::Refused(_)));
        assert!(refused(store.redeem_link("hash", SIGN_IN, clock.now()).await));
        assert!(refused(store.redeem_link("other", SIGN_IN, clock.now()).await));
        let reset_only = &[LinkPurpose::ResetPassword];
        let grants = async |purposes| store.link_grant("hash", purposes, clock.now()).await.expect("read");
        assert_eq!((grants(SIGN_IN).await, grants(reset_only).await), (None, Some(grant.clone())));
        assert_eq!(store.redeem_link("hash", reset_only, clock.now()).await.expect("good"), grant);

        let (late, _) = link(LinkPurpose::SignIn, clock.now());
        store.put_link("late", &late).await.expect("written");
        clock.advance(Duration::from_secs(15 * 60));
        assert!(refused(store.redeem_link("late", SIGN_IN, clock.now()).await));
    }

    #[tokio::test]
    async fn an_item_that_only_carries_its_outbox_grants_nothing() {
        let (store, clock) = store_with_clock().await;
        let (link, _) = link(LinkPurpose::SignIn, clock.now());
        store.put_link("hash", &Link { grant: None, ..link }).await.expect("written");
        let refused = store.redeem_link("hash", SIGN_IN, clock.now()).await;
        assert!(matches!(refused, Err(Failure::Refused(_))), "{refused:?}");
    }
}
