//! Invitations to a tenant's staff, under their tenant.

use domain::outbox::Outbox;
use domain::staff::{Invitation, InvitationState, MAX_STAFF};
use domain::user::User;
use domain::{InvitationId, TenantId, Timestamp};
use serde::Deserialize;

use crate::failure::{Item, accept_if_written, was_done};
use crate::items::{carried, from_item, number, query_all, string, to_item};
use crate::tenant::StaffPointer;
use crate::user::link::with_ttl;
use crate::{Failure, Listing, Result, Store, keys, recount};

/// An entry in the list of a tenant's staff.
#[derive(Debug)]
pub enum StaffEntry {
    /// A user who works for the tenant, with a role.
    Member(Box<User>),
    /// An open invitation to an address.
    Invited(Box<Invitation>),
}

/// The result of [`Store::invite`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invited {
    /// The invitation was made.
    Made,
    /// The tenant has [`MAX_STAFF`] people on the staff or invited; no invitation was made.
    Full,
}

/// One of the [`MAX_STAFF`] places of a tenant's staff: earlier ones sort first, as [`recount::is_within_limit`]
/// needs it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
struct Place {
    /// When the invitation was made; absent for a user on the staff.
    #[serde(rename = "created_at", default)]
    since: Option<Timestamp>,
    /// The sort key.
    #[serde(rename = "SK")]
    key: String,
}

impl Store {
    /// The tenant's invitation, read consistently.
    pub async fn invitation(&self, tenant: TenantId, invitation: InvitationId) -> Result<Option<Invitation>> {
        self.get_consistent(&keys::invitation(tenant, invitation)).await
    }

    /// Writes an invitation that takes one more place among the tenant's staff, if
    /// there is room. `outbox` mails it.
    ///
    /// Another invitation may be written between the count and the write, so the places are counted
    /// again after it (see [`recount`]): an invitation that is too many is deleted.
    ///
    /// # Errors
    /// As [`Store::put_invitation`].
    pub async fn invite(
        &self,
        invitation: &Invitation,
        outbox: Option<&Outbox>,
        now: Timestamp,
    ) -> Result<Invited> {
        if self.staff_places(invitation.tenant, now).await?.len() >= MAX_STAFF {
            return Ok(Invited::Full);
        }
        self.put_invitation(invitation, outbox).await?;
        self.keep_if_room(invitation, now).await
    }

    async fn keep_if_room(&self, invitation: &Invitation, now: Timestamp) -> Result<Invited> {
        let key = keys::invitation(invitation.tenant, invitation.id);
        let there = || self.staff_places(invitation.tenant, now);
        let own = Place { since: Some(invitation.created_at), key: key.sk.clone() };
        if recount::is_within_limit(MAX_STAFF, &own, there).await? {
            return Ok(Invited::Made);
        }
        // Not done if another request changed the invitation meanwhile: then it stays.
        was_done(self.transact(vec![self.delete_version_part(&key, invitation)?]).await)?;
        Ok(Invited::Full)
    }

    /// Writes a new invitation, or a changed one with its version counted up.
    /// `outbox` mails it.
    ///
    /// # Errors
    /// [`Failure::Refused`] if another request made or changed it meanwhile.
    pub async fn put_invitation(&self, invitation: &Invitation, outbox: Option<&Outbox>) -> Result<()> {
        let key = keys::invitation(invitation.tenant, invitation.id);
        let attributes = attributes(invitation, outbox)?;
        if invitation.version > 1 {
            return self.replace_with(&key, invitation, attributes).await;
        }
        let mut item = to_item(&key, invitation)?;
        item.extend(attributes);
        let sent = self.put_of(item).condition_expression("attribute_not_exists(PK)").send().await;
        let is_written = async {
            Ok(self.invitation(invitation.tenant, invitation.id).await?.as_ref() == Some(invitation))
        };
        accept_if_written(sent.map(drop).map_err(Failure::from), is_written).await
    }

    /// Makes the invited person staff: the accepted invitation, the user with the
    /// role, and the tenant's pointer to the user. All or nothing.
    ///
    /// # Errors
    /// [`Failure::Refused`] if the invitation or the user changed since they were read.
    pub async fn accept_invitation(&self, accepted: &Invitation, user: &User) -> Result<()> {
        let key = keys::invitation(accepted.tenant, accepted.id);
        let pointer = StaffPointer { user_id: user.id };
        self.transact(vec![
            self.replace_part_with(&key, accepted, attributes(accepted, None)?)?,
            self.replace_part(&keys::user(user.id), user)?,
            self.put_part(&keys::staff(accepted.tenant, user.id), &pointer)?,
        ])
        .await
    }

    /// The places of the staff and of open invitations, read consistently. A person who accepts
    /// meanwhile is counted twice, not left out.
    async fn staff_places(&self, tenant: TenantId, now: Timestamp) -> Result<Vec<Place>> {
        let query = |prefix| {
            self.query_of(keys::tenant_partition(tenant))
                .consistent_read(true)
                .key_condition_expression("PK = :pk AND begins_with(SK, :prefix)")
                .projection_expression("SK, created_at")
                .expression_attribute_values(":prefix", string(prefix))
        };
        let open = query(keys::INVITATION_PREFIX)
            .filter_expression("#state = :open AND #ttl > :now")
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(
                ":open",
                serde_dynamo::to_attribute_value(InvitationState::Open).map_err(Failure::unreadable)?,
            )
            .expression_attribute_values(":now", number(now.as_second()));
        let mut places = Vec::new();
        for query in [open, query(keys::STAFF_PREFIX)] {
            for item in query_all(query).await? {
                places.push(from_item(item)?);
            }
        }
        Ok(places)
    }

    /// A page of the tenant's staff, and after them of the open invitations.
    pub async fn staff_and_invited(
        &self,
        tenant: TenantId,
        after: Option<&str>,
        limit: u16,
        now: Timestamp,
    ) -> Result<Listing<StaffEntry>> {
        let (mut items, mut start) = (Vec::new(), after);
        let mut room = limit;
        if !after.is_some_and(|after| after.starts_with(keys::INVITATION_PREFIX)) {
            let staff = self.staff(tenant, after, limit).await?;
            room = room.saturating_sub(u16::try_from(staff.items.len()).unwrap_or(limit));
            items.extend(staff.items.into_iter().map(|user| StaffEntry::Member(Box::new(user))));
            if staff.last.is_some() {
                return Ok(Listing { items, last: staff.last });
            }
            // From the first invitation on.
            start = Some(keys::INVITATION_PREFIX);
        }
        if room == 0 {
            return Ok(Listing { items, last: start.map(str::to_owned) });
        }
        let partition = keys::tenant_partition(tenant);
        let invited: Listing<Invitation> =
            self.list(&partition, keys::INVITATION_PREFIX, start, room, false).await?;
        let open = invited.items.into_iter().filter(|invitation| invitation.is_open(now));
        items.extend(open.map(|invitation| StaffEntry::Invited(Box::new(invitation))));
        Ok(Listing { items, last: invited.last })
    }
}

/// The other attributes of an invitation's item: the outbox, and the time from which the table may
/// sweep it.
fn attributes(invitation: &Invitation, outbox: Option<&Outbox>) -> Result<Item> {
    Ok(with_ttl(carried(outbox)?, invitation.expires_at))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use domain::Language;
    use domain::access::Role;
    use domain::staff::Offer;

    use super::*;
    use crate::testing::{at_once, store_with_clock, unguarded_puts};
    use crate::{Fingerprints, OnRefused};

    fn invitation(tenant: TenantId, email: &str, now: Timestamp) -> Invitation {
        let offer = Offer {
            email: email.parse().expect("valid"),
            role: Role::Scanner,
            language: Language::Es,
            by: "ana@example.com".to_owned(),
        };
        Invitation::new(InvitationId::of(tenant, email), tenant, offer, now)
    }

    async fn count(store: &Store, tenant: TenantId, now: Timestamp) -> usize {
        store.staff_places(tenant, now).await.expect("read").len()
    }

    async fn user(store: &Store, email: &str, now: Timestamp) -> User {
        let secret = boot::Secret::new(&"s".repeat(32)).expect("long enough");
        let user = User::new(email.parse().expect("valid"), now);
        store.create_user(&Fingerprints::new(&secret), &user, None).await.expect("created");
        user
    }

    /// Accepts the invitation as it was read before the race.
    async fn accept(store: &Store, invitation: &Invitation, user: &User, now: Timestamp) -> Result<()> {
        let mut user = user.clone();
        user.set_role(invitation.tenant, Some(invitation.role)).expect("room");
        user.touch(now);
        store.accept_invitation(&invitation.decided(InvitationState::Accepted), &user).await
    }

    /// How many of two acceptances, a refusal and a revocation at the same moment succeed, in each of
    /// eight rounds.
    async fn disagree(guarded: bool) -> Vec<usize> {
        let (store, clock) = store_with_clock().await;
        let (store, now) = (if guarded { store } else { unguarded_puts(&store) }, clock.now());
        let mut held = Vec::new();
        for round in 0..8 {
            let tenant = TenantId::generate(now);
            let invitation = invitation(tenant, "eva@example.com", now);
            store.put_invitation(&invitation, None).await.expect("made");
            let eva = user(&store, &format!("eva{round}@example.com"), now).await;
            let results = at_once(4, |index| {
                let (store, invitation, eva) = (store.clone(), invitation.clone(), eva.clone());
                async move {
                    let decide = |state| invitation.decided(state);
                    match index {
                        0 | 1 => accept(&store, &invitation, &eva, now).await.is_ok(),
                        2 => store.put_invitation(&decide(InvitationState::Declined), None).await.is_ok(),
                        _ => store.put_invitation(&decide(InvitationState::Revoked), None).await.is_ok(),
                    }
                }
            })
            .await;
            held.push(results.iter().filter(|held| **held).count());
            let works = !store.staff(tenant, None, 9).await.expect("read").items.is_empty();
            assert_eq!(works, results[0] || results[1], "whoever is on the staff was told so");
        }
        held
    }

    #[tokio::test]
    async fn of_acceptances_refusal_and_revocation_at_once_one_succeeds() {
        assert_eq!(disagree(true).await, [1; 8]);
    }

    #[tokio::test]
    async fn without_the_version_more_than_one_succeeds() {
        assert!(disagree(false).await.into_iter().all(|held| held > 1));
    }

    /// How many places are taken on a staff with room for three more, after ten invitations at the same
    /// moment. Without the second count, all of them are written after the first.
    async fn crowd(second_look: bool) -> usize {
        let (store, clock) = store_with_clock().await;
        let now = clock.now();
        let tenant = TenantId::generate(now);
        let before = now - Duration::from_secs(60);
        for number in 3..MAX_STAFF {
            let invitation = invitation(tenant, &format!("p{number}@example.com"), before);
            store.put_invitation(&invitation, None).await.expect("made");
        }
        let barrier = Arc::new(tokio::sync::Barrier::new(10));
        at_once(10, |index| {
            let (store, barrier) = (store.clone(), barrier.clone());
            let invitation = invitation(tenant, &format!("n{index}@example.com"), now);
            async move {
                barrier.wait().await;
                if second_look {
                    store.invite(&invitation, None, now).await.expect("answered");
                } else if count(&store, tenant, now).await < MAX_STAFF {
                    barrier.wait().await;
                    store.put_invitation(&invitation, None).await.expect("made");
                }
            }
        })
        .await;
        count(&store, tenant, now).await
    }

    #[tokio::test]
    async fn of_ten_invitations_at_once_no_more_are_made_than_there_is_room_for() {
        assert_eq!(crowd(true).await, MAX_STAFF);
    }

    #[tokio::test]
    async fn without_a_second_count_there_are_more() {
        assert_eq!(crowd(false).await, MAX_STAFF + 7);
    }

    #[tokio::test]
    async fn an_invitation_is_counted_while_it_is_open_and_the_person_after_that() {
        let (store, clock) = store_with_clock().await;
        let now = clock.now();
        let tenant = TenantId::generate(now);
        let (eva, beto) =
            (invitation(tenant, "eva@example.com", now), invitation(tenant, "beto@example.com", now));
        for invitation in [&eva, &beto] {
            store.put_invitation(invitation, Some(&Outbox::StaffInvited)).await.expect("made");
            let again = store.put_invitation(invitation, None).await;
            again.expect("the same write again, whose answer got lost");
        }
        assert_eq!(count(&store, tenant, now).await, 2);
        assert_eq!(count(&store, tenant, eva.expires_at).await, 0, "run out");

        let person = user(&store, "eva@example.com", now).await;
        accept(&store, &eva, &person, now)
            .await
            .on_refused(domain::Error::changed_meanwhile)
            .expect("accepted");
        assert_eq!(count(&store, tenant, now).await, 2);
        let revoked = beto.decided(InvitationState::Revoked);
        store.put_invitation(&revoked, None).await.expect("revoked");
        assert_eq!(count(&store, tenant, now).await, 1);
        let listed = store.staff_and_invited(tenant, None, 9, now).await.expect("listed");
        assert!(
            matches!(&listed.items[..], [StaffEntry::Member(user)] if user.id == person.id),
            "{listed:?}"
        );
    }

    #[tokio::test]
    async fn staff_are_listed_before_invitations_page_by_page() {
        let (store, clock) = store_with_clock().await;
        let now = clock.now();
        let tenant = TenantId::generate(now);
        for name in ["eva", "beto", "olga"] {
            let invitation = invitation(tenant, &format!("{name}@example.com"), now);
            store.put_invitation(&invitation, None).await.expect("made");
            if name != "eva" {
                let person = user(&store, &format!("{name}@example.com"), now).await;
                accept(&store, &invitation, &person, now).await.expect("accepted");
            }
        }
        for limit in 1..5 {
            let (mut words, mut after) = (String::new(), None);
            loop {
                let page = store.staff_and_invited(tenant, after.as_deref(), limit, now).await.expect("read");
                assert!(page.items.len() <= usize::from(limit));
                for entry in page.items {
                    words.push(if matches!(entry, StaffEntry::Member(_)) { 'm' } else { 'i' });
                }
                after = page.last;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(words, "mmi", "pages of {limit}");
        }
    }
}
