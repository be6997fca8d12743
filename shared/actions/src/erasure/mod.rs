//! Erasing a person's data: begun by the person, gone on with by the janitor until nothing is left.
//!
//! Each pass does what can be done now and can be repeated: every write is conditional on what was
//! read, so what changes at the same moment is seen by the next pass.

mod log;
mod orders;

use domain::discount::MAX_ATTEMPTS;
use domain::erasure::{Erasure, WaitingOrder};
use domain::member::Member;
use domain::transfer::{Transfer, TransferState};
use domain::user::{Email, User, user_not_found};
use domain::{DiscountRequestId, Error, InvitationId, Result, TenantId, Timestamp, UserId};
use store::{Fingerprints, Store, was_done};

/// The most events of an organiser whose requests are looked for.
const EVENTS: u16 = 2000;
/// The orders, transfers and records that are read at once.
const PAGE: u16 = 100;
/// The tries to close an account that changes at the same moment.
const TRIES: usize = 4;

/// How far an erasure is.
#[derive(Debug, Default)]
pub struct ErasureProgress {
    /// The orders that still need their buyer.
    pub waiting: Vec<WaitingOrder>,
    /// Something changed at the same moment, and is for the next pass.
    again: bool,
    /// True once nothing is left.
    pub done: bool,
}

/// The erasures of persons' data.
#[derive(Clone, Debug)]
pub struct Erasures {
    store: Store,
    fingerprints: Fingerprints,
}

impl Erasures {
    /// The erasures in the table of `store`.
    pub fn new(store: &Store, fingerprints: Fingerprints) -> Self {
        Self { store: store.clone(), fingerprints }
    }

    /// Closes the account of `user`: sessions, links, staff and address end at once. What stands in
    /// orders and elsewhere is for [`Erasures::pass`].
    ///
    /// # Errors
    /// `last_admin` before anything is changed, if an organiser would be left without one;
    /// `user_not_found`, `changed_meanwhile`.
    pub async fn begin(&self, user: UserId, now: Timestamp) -> Result<Erasure> {
        if let Some(begun) = self.store.erasure(user).await? {
            return Ok(begun);
        }
        let before = self.account(user).await?;
        let tenants: Vec<TenantId> = before.staff.keys().copied().collect();
        for tenant in &tenants {
            self.store.check_not_last_admin(*tenant, &before).await?;
        }
        for tenant in &tenants {
            self.store.remove_staff(*tenant, user, now).await?;
        }
        for _ in 0..TRIES {
            let mut closed = self.account(user).await?;
            closed.close(now);
            closed.touch(now);
            let erasure = Erasure {
                user,
                guest: false,
                ids: self.ids_of(&closed),
                email: closed.email.clone(),
                tenants: tenants.clone(),
                asked_at: now,
                left_communities: false,
                version: 1,
            };
            if was_done(self.store.begin_erasure(&self.fingerprints, &closed, &erasure).await)? {
                return Ok(erasure);
            }
        }
        Err(Error::changed_meanwhile())
    }

    /// Begins to erase the orders that a guest made, once the mail to the address was answered. All else is
    /// for [`Erasures::pass`].
    pub async fn begin_of_guest(&self, guest: UserId, email: Email, now: Timestamp) -> Result<()> {
        Ok(self.store.begin_guest_erasure(&Erasure::of_guest(guest, email, now)).await?)
    }

    /// All ids under which the person has ordered: the account's, and that of orders without an account
    /// for its address, once that is confirmed to be the person's.
    pub fn ids_of(&self, user: &User) -> Vec<UserId> {
        let guest = user.email_verified_at.map(|_| self.fingerprints.guest(&user.email));
        std::iter::once(user.id).chain(guest).collect()
    }

    async fn account(&self, user: UserId) -> Result<User> {
        self.store.user(user).await?.ok_or_else(user_not_found)
    }

    /// Does what can be done now.
    ///
    /// # Errors
    /// If the table does not answer; the next pass goes on.
    pub async fn pass(&self, erasure: &Erasure, now: Timestamp) -> Result<ErasureProgress> {
        let mut progress = ErasureProgress::default();
        if !erasure.guest {
            self.store.end_other_sessions(erasure.user, None).await?;
            self.store.forget_factors(erasure.user).await?;
        }
        for id in &erasure.ids {
            if self.store.last_billing(*id).await?.is_some() {
                self.store.forget_last_billing(*id).await?;
            }
            self.forget_transfers(*id, now, &mut progress).await?;
        }
        let erasure = self.leave_communities(erasure, now).await?;
        for id in &erasure.ids {
            self.forget_orders(&erasure, *id, now, &mut progress).await?;
        }
        if !progress.again && progress.waiting.is_empty() && erasure.is_alone(now) {
            progress.done = self.end(&erasure, now).await?;
        }
        Ok(progress)
    }

    /// The last step; false if the account was changed meanwhile.
    async fn end(&self, erasure: &Erasure, now: Timestamp) -> Result<bool> {
        for id in &erasure.ids {
            self.store.forget_last_billing(*id).await?;
        }
        if erasure.guest {
            return Ok(self.store.end_guest_erasure(erasure).await?);
        }
        // A token from before may have given some again.
        self.store.withdraw_consents(&self.fingerprints.email(&erasure.email), now).await?;
        let mut user = self.account(erasure.user).await?;
        user.forget();
        user.touch(now);
        Ok(was_done(self.store.end_erasure(&user, erasure).await)?)
    }

    async fn forget_transfers(
        &self,
        id: UserId,
        now: Timestamp,
        progress: &mut ErasureProgress,
    ) -> Result<()> {
        let mut after = None;
        loop {
            let page = self.store.transfers(id, after.as_deref(), PAGE).await?;
            for transfer in page.items {
                let is_offer = transfer.from == id && transfer.state == TransferState::Initiated;
                // Who accepts at this moment is refused, or has the ticket: then it is no offer any more.
                let transfer = if is_offer {
                    was_done(self.store.cancel_transfer(&transfer, now).await)?;
                    self.store.transfer(id, transfer.id).await?.unwrap_or(transfer)
                } else {
                    transfer
                };
                progress.again |= !self.forget_copies(id, &transfer).await?;
            }
            after = page.last;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// Empties both copies of a transfer of what they say of `id`. False if one changed meanwhile.
    async fn forget_copies(&self, id: UserId, own: &Transfer) -> Result<bool> {
        let other = if own.from == id { own.to } else { Some(own.from) };
        let mut done = true;
        for owner in [Some(id), other].into_iter().flatten() {
            let Some(before) = self.store.transfer(owner, own.id).await? else { continue };
            let mut after = before.clone();
            if after.forget(id) {
                done &= self.store.forget_transfer(owner, &before, &after).await?;
            }
        }
        Ok(done)
    }

    /// Empties the memberships of the address, their requests and codes, and what logs say of them.
    async fn leave_communities(&self, erasure: &Erasure, now: Timestamp) -> Result<Erasure> {
        if erasure.left_communities {
            return Ok(erasure.clone());
        }
        let mut tenants = erasure.tenants.clone();
        let mut since = self.account(erasure.user).await?.created_at;
        let mut subjects = vec![erasure.user.to_string()];
        for (tenant, id) in self.store.memberships(&self.fingerprints, &erasure.email).await? {
            let Some(member) = self.store.member(tenant, id).await? else { continue };
            if member.email != erasure.email {
                continue;
            }
            since = since.min(member.created_at);
            subjects.push(member.id.to_string());
            subjects.extend(self.forget_requests(&member).await?);
            self.forget_membership(&member, now).await?;
            if !tenants.contains(&tenant) {
                tenants.push(tenant);
            }
        }
        for tenant in &erasure.tenants {
            let invitation = InvitationId::of(*tenant, &self.fingerprints.email(&erasure.email));
            self.store.forget_invitation(*tenant, invitation).await?;
        }
        for tenant in tenants {
            self.redact_log(tenant, since, now, &subjects, erasure.email.as_str()).await?;
        }
        self.store.withdraw_consents(&self.fingerprints.email(&erasure.email), now).await?;
        let left = Erasure { left_communities: true, version: erasure.version + 1, ..erasure.clone() };
        self.store.note_erasure(&left).await?;
        Ok(left)
    }

    async fn forget_membership(&self, member: &Member, now: Timestamp) -> Result<()> {
        let mut before = member.clone();
        for _ in 0..TRIES {
            let mut after = before.clone();
            after.forget(now);
            if was_done(self.store.forget_member(&self.fingerprints, &before, &after).await)? {
                return Ok(());
            }
            match self.store.member(before.tenant_id, before.id).await? {
                Some(member) if !member.is_forgotten() => before = member,
                _ => return Ok(()),
            }
        }
        Err(Error::changed_meanwhile())
    }

    /// Empties a member's requests, whose ids follow from the organiser's events, and ends their codes.
    /// Returns the ids.
    async fn forget_requests(&self, member: &Member) -> Result<Vec<String>> {
        let events = self.store.events_ever(member.tenant_id, EVENTS).await?;
        let ids: Vec<_> = events
            .into_iter()
            .flat_map(|event| (0..MAX_ATTEMPTS).map(move |attempt| (event, attempt)))
            .map(|(event, attempt)| DiscountRequestId::of(member.id, event, attempt))
            .collect();
        let mut forgotten = Vec::new();
        for mut request in self.store.discount_requests_of(&ids).await? {
            forgotten.push(request.id.to_string());
            if let Some(code) = &request.code
                && let Some(mut promotion) = self.store.promotion(request.tenant_id, code.as_str()).await?
                && promotion.bound_email.as_deref() == Some(request.user_email.as_str())
            {
                promotion.forget_owner();
                self.store.forget_code_owner(&promotion).await?;
            }
            if request.forget() {
                self.store.forget_discount_request(&request).await?;
            }
        }
        Ok(forgotten)
    }
}
