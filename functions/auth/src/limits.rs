//! Limits of wrong passwords, invalid links and mails, and what each one counts against.
//!
//! A stranger can name any address, so a request counts against the network that it comes
//! from. A count for an address over all networks, or for a network that the owner may
//! share, always leaves the owner a way to sign in:
//!
//! - A device that signed in before (see [`crate::device`]) has counts of its own. The mails
//!   that it asks for have one for each account, and only once the address is confirmed:
//!   before, the user who signs in need not be the reader of the mails.
//! - A link is mailed on request at least every ten minutes, however many other callers
//!   asked, as long as the network does not ask a thousand times. A request before that
//!   gets none: the last link is a few minutes old and good for a few more. The answer
//!   does not show whether a link was mailed.
//! - A good link opens the account, however many invalid links were tried.
//!
//! Requests for addresses without an account count like those that cause a mail. Otherwise
//! the count would tell which addresses have an account: a stranger would fill it up to the
//! last but one with mails to an own address, ask for another address, and see whether the
//! own address is mailed again.

use domain::second_factor::Proof;
use domain::user::{Email, LinkPurpose, User};
use domain::{Error, Result, SessionId, Timestamp};
use store::limit::{DAY, HOUR, QUARTER};
use store::{Count, Limit};
use web::ClientNetwork;

use crate::State;

/// Wrong passwords from one network, for any account.
const LOGIN_NETWORK: Limit = Limit::exact("login-network", 50, QUARTER);
/// Wrong passwords for one account from one network.
const LOGIN_HERE: Limit = Limit::exact("login-here", 10, QUARTER);
/// Wrong passwords for one account from all networks: as many as NIST SP 800-63B allows in
/// a row.
const LOGIN_ACCOUNT: Limit = Limit::exact("login-account", 100, DAY);
/// Wrong passwords on one device that signed in before.
const LOGIN_DEVICE: Limit = Limit::exact("login-device", 10, QUARTER);
/// Wrong passwords on one device in a day, so that a thief of the device gets no more
/// guesses than a stranger.
const LOGIN_DEVICE_DAILY: Limit = Limit::exact("login-device-daily", 100, DAY);

/// Wrong second factors for one account from one network.
const SECOND_HERE: Limit = Limit::exact("second-here", 5, QUARTER);
/// Wrong second factors on one device that signed in before.
const SECOND_DEVICE: Limit = Limit::exact("second-device", 5, QUARTER);
/// Wrong codes of an app for one account, from all networks and by those who know the password: a
/// hundred of a million, of which three are good at a time. Passkeys and recovery codes are not
/// guessed, and a known device has no such count.
const SECOND_ACCOUNT: Limit = Limit::exact("second-account", 100, DAY);

/// Invalid link tokens from one network. A token of 256 bits cannot be guessed, so good
/// ones are not counted; the limit saves the work that a guessing caller causes.
const LINK_NETWORK: Limit = Limit::exact("link-network", 100, QUARTER);

/// Mails caused from one network. More than wrong passwords, because a school or an office
/// shares one address when sales open. Above it, registrations from the network are
/// refused, and an address gets a link only as often as [`MAIL_AGAIN`] allows.
const MAIL_NETWORK: Limit = Limit::exact("mail-network", 100, QUARTER);
/// Requests for links from one network above [`MAIL_NETWORK`]; further ones are refused.
const MAIL_NETWORK_MORE: Limit = Limit::exact("mail-network-more", 1000, QUARTER);
/// Links of one kind to one address, asked for from one network.
const MAIL_HERE: Limit = Limit::exact("mail-here", 3, HOUR);
/// Links of one kind to one address, asked for from all networks together.
const MAIL_ADDRESS: Limit = Limit::exact("mail-address", 6, HOUR);
/// Links of one kind to one address when another count is full: still one in ten minutes.
/// A link is good for fifteen, so the last one is good for five more when the next can be
/// mailed.
const MAIL_AGAIN: Limit = Limit::exact("mail-again", 1, 10 * 60);
/// Links of one kind to one account, asked for on devices that signed in to it before.
const MAIL_DEVICE: Limit = Limit::exact("mail-device", 6, HOUR);
/// Registrations of one address. From the second one on, the mail has no link and says that
/// the address has an account already.
const MAIL_NOTICE: Limit = Limit::exact("mail-notice", 3, DAY);

/// One attempt to sign in or to get a mail, with all that its counts are named by.
pub(crate) struct Tries<'a> {
    state: &'a State,
    /// The fingerprint of the e-mail address.
    address: String,
    /// The fingerprint of the client's network.
    network: String,
    /// The session in which this device signed in to the account before.
    device: Option<SessionId>,
    now: Timestamp,
}

impl<'a> Tries<'a> {
    /// An attempt from `network` for `email`. `device` is the session in which the device
    /// signed in to the account before, if it did.
    pub(crate) fn new(
        state: &'a State,
        email: &Email,
        network: &ClientNetwork,
        device: Option<SessionId>,
        now: Timestamp,
    ) -> Self {
        let address = state.fingerprints.email(email);
        Self { state, address, network: state.fingerprints.source(&network.0), device, now }
    }

    /// Checks that no count of wrong passwords is full: else `too_many_tries`, or
    /// `link_needed` if it is the one over all networks.
    pub(crate) async fn check_login(&self) -> Result<()> {
        let (near, account) = self.login_counts();
        let (near, account) = tokio::join!(
            self.state.store.check_limits(&near, self.now),
            self.state.store.check_limits(&account, self.now),
        );
        near.and(account.map_err(link_needed))
    }

    /// Counts a wrong password. Fails as [`Self::check_login`] does if it was one too many, so
    /// that of many concurrent tries no more than the limit learn that their password is wrong.
    pub(crate) async fn count_login(&self) -> Result<()> {
        let (near, account) = self.login_counts();
        let (near, account) = tokio::join!(
            self.state.store.count(&near, self.now),
            self.state.store.count(&account, self.now),
        );
        near.and(account.map_err(link_needed))
    }

    /// The counts of the device, or of the network, and then the account's over all networks,
    /// which a known device does not have.
    fn login_counts(&self) -> (Vec<Count>, Vec<Count>) {
        match self.device {
            Some(device) => {
                let device = device.suffix();
                (vec![LOGIN_DEVICE.of(&[&device]), LOGIN_DEVICE_DAILY.of(&[&device])], Vec::new())
            }
            None => (
                vec![LOGIN_NETWORK.of(&[&self.network]), LOGIN_HERE.of(&[&self.address, &self.network])],
                vec![LOGIN_ACCOUNT.of(&[&self.address])],
            ),
        }
    }

    /// Checks that no count of wrong second factors is full.
    ///
    /// # Errors
    /// `too_many_tries`.
    pub(crate) async fn check_second(&self, proof: Proof) -> Result<()> {
        self.state.store.check_limits(&self.second_counts(proof), self.now).await
    }

    /// Counts a wrong second factor. Fails as [`Self::check_second`] does if it was one too many.
    pub(crate) async fn count_second(&self, proof: Proof) -> Result<()> {
        self.state.store.count(&self.second_counts(proof), self.now).await
    }

    fn second_counts(&self, proof: Proof) -> Vec<Count> {
        if let Some(device) = self.device {
            return vec![SECOND_DEVICE.of(&[&device.suffix()])];
        }
        let mut counts = vec![SECOND_HERE.of(&[&self.address, &self.network])];
        if proof == Proof::Otp {
            counts.push(SECOND_ACCOUNT.of(&[&self.address]));
        }
        counts
    }

    /// Counts a mail with a link. False if there were enough: then the address has a link of
    /// this kind that is still good for some minutes. `own` is the account, if the caller's
    /// device signed in to it before.
    ///
    /// # Errors
    /// `too_many_tries` if this network is above [`MAIL_NETWORK_MORE`].
    pub(crate) async fn count_link(&self, purpose: LinkPurpose, own: Option<&User>) -> Result<bool> {
        let (store, kind) = (&self.state.store, purpose.name());
        if let Some(owner) = own.filter(|user| user.email_verified_at.is_some())
            && store.count_one(&MAIL_DEVICE.of(&[kind, &owner.id.suffix()]), self.now).await?
        {
            return Ok(true);
        }
        let network = MAIL_NETWORK.of(&[&self.network]);
        if !store.count_one(&network, self.now).await? {
            store.count(&[MAIL_NETWORK_MORE.of(&[&self.network])], self.now).await?;
            return Ok(store.count_one(&again(purpose, &self.address), self.now).await?);
        }
        // One after the other: a network above its own count must not fill the count of all
        // networks.
        let fills =
            [MAIL_HERE.of(&[kind, &self.address, &self.network]), MAIL_ADDRESS.of(&[kind, &self.address])];
        let mut room = true;
        for count in &fills {
            room = room && store.count_one(count, self.now).await?;
        }
        if room || store.count_one(&again(purpose, &self.address), self.now).await? {
            return Ok(true);
        }
        // The request caused no mail, so the network gets its count back. Else an attack on one
        // address would lock the whole network out.
        store.uncount(&network, self.now).await?;
        Ok(false)
    }

    /// Counts the mail of a registration. False if the address had enough of them today; then
    /// it has an account already.
    ///
    /// # Errors
    /// `too_many_tries` if this network is above [`MAIL_NETWORK`].
    pub(crate) async fn count_notice(&self) -> Result<bool> {
        let store = &self.state.store;
        let network = MAIL_NETWORK.of(&[&self.network]);
        store.count(std::slice::from_ref(&network), self.now).await?;
        let room = store.count_one(&MAIL_NOTICE.of(&[&self.address]), self.now).await?;
        if !room {
            // No mail, as in `count_link`.
            store.uncount(&network, self.now).await?;
        }
        Ok(room)
    }
}

impl State {
    /// Runs `redeem`, and counts against the network if it finds the link's token invalid. The
    /// error is then `too_many_tries` if there were too many.
    pub(crate) async fn redeem_limited<T>(
        &self,
        network: &ClientNetwork,
        now: Timestamp,
        redeem: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let redeemed = redeem.await;
        if redeemed.as_ref().is_err_and(|error| error.code() == "link_invalid") {
            let tries = [LINK_NETWORK.of(&[&self.fingerprints.source(&network.0)])];
            self.store.count(&tries, now).await?;
        }
        redeemed
    }

    /// Lets the next link of this kind be mailed at once: the one before is used up.
    pub(crate) async fn link_used(&self, email: &Email, purpose: LinkPurpose, now: Timestamp) -> Result<()> {
        let again = again(purpose, &self.fingerprints.email(email));
        Ok(self.store.reset_counts(&[again], now).await?)
    }
}

fn again(purpose: LinkPurpose, address: &str) -> Count {
    MAIL_AGAIN.of(&[purpose.name(), address])
}

/// Turns `too_many_tries` of the account's count over all networks into `link_needed`: no
/// password is accepted, but a mailed link and a known device still sign in.
fn link_needed(full: Error) -> Error {
    if full.code() != "too_many_tries" {
        return full;
    }
    Error::too_many(
        "link_needed",
        "Too many wrong passwords were tried for this account. Ask for a sign-in link by mail, or sign in on a \
         device that signed in before.",
    )
    .retry_after(full.retry_after_seconds().unwrap_or(DAY))
}
