//! How often one may try, and against whom it counts.
//!
//! An address can be named by strangers, so what is done with one counts against the
//! network that it is done from. What is counted for an address over all networks, or for
//! a network that its owner may share, never takes the owner's way:
//!
//! - A device that signed in before (see [`crate::device`]) has counts of its own. Mails
//!   that it asks for have one for each account, and only once the address is confirmed:
//!   before, whoever signs in need not be who gets the mails.
//! - A link is mailed within ten minutes, whoever else asked, as long as the network does
//!   not ask a thousand times. Whoever asks sooner gets none, because the last one is a few
//!   minutes old and its link is good for a few more. Nothing of this shows in the answer.
//! - A link that is good opens the account, whoever else tried links that are none.
//!
//! Requests for addresses without an account count as those that mail somebody. Else the
//! count would tell which is which: to whoever fills it up to the last but one with mails
//! to an own address, asks for another one, and sees whether the own is mailed again.

use domain::user::{Email, LinkPurpose, User};
use domain::{Error, Result, SessionId, Timestamp};
use store::limit::{DAY, HOUR, QUARTER};
use store::{Count, Limit};
use web::ClientNetwork;

use crate::State;

/// Wrong passwords from one network.
const LOGIN_NETWORK: Limit = Limit::exact("login-network", 50, QUARTER);
/// Wrong passwords for one account from one network.
const LOGIN_HERE: Limit = Limit::exact("login-here", 10, QUARTER);
/// Wrong passwords for one account from everywhere: as many as NIST SP 800-63B allows in
/// a row.
const LOGIN_ACCOUNT: Limit = Limit::exact("login-account", 100, DAY);
/// Wrong passwords on one device that signed in before.
const LOGIN_DEVICE: Limit = Limit::exact("login-device", 10, QUARTER);
/// The same over a day, so that whoever took the device guesses no more than others.
const LOGIN_DEVICE_DAILY: Limit = Limit::exact("login-device-daily", 100, DAY);

/// Tokens of links that are none, from one network. Nobody guesses one of 256 bits, so
/// good ones are not counted; this keeps who tries from working us for nothing.
const LINK_NETWORK: Limit = Limit::exact("link-network", 100, QUARTER);

/// Mails that can be caused from one network. More than of wrong passwords, because a
/// school or an office shares one address when sales open. After that, nobody registers
/// from there, and links go only to those who have none that is still good.
const MAIL_NETWORK: Limit = Limit::exact("mail-network", 100, QUARTER);
/// Links that were asked for from one network after that.
const MAIL_NETWORK_MORE: Limit = Limit::exact("mail-network-more", 1000, QUARTER);
/// Links of one kind to one address that were asked for from one network.
const MAIL_HERE: Limit = Limit::exact("mail-here", 3, HOUR);
/// Links of one kind to one address that were asked for from everywhere.
const MAIL_ADDRESS: Limit = Limit::exact("mail-address", 6, HOUR);
/// One more of them, whoever asks and however often, in ten minutes. A link is good for
/// fifteen, so the last one is good for five more when the next can be had.
const MAIL_AGAIN: Limit = Limit::exact("mail-again", 1, 10 * 60);
/// Links of one kind that were asked for on devices that signed in to one account before.
const MAIL_DEVICE: Limit = Limit::exact("mail-device", 6, HOUR);
/// Mails that say that an address has an account already. They bear no link.
const MAIL_NOTICE: Limit = Limit::exact("mail-notice", 3, DAY);

/// The counts of one attempt to sign in: its address, network and device, as fingerprints.
pub(crate) struct Tries<'a> {
    state: &'a State,
    /// Fingerprints.
    address: String,
    network: String,
    /// The session in which this device signed in to the account before.
    device: Option<SessionId>,
    now: Timestamp,
}

impl<'a> Tries<'a> {
    /// The counts of an attempt from `network` that names `email`; `device` is known to the
    /// account if it is there.
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

    /// Checks that there may be another wrong password.
    pub(crate) async fn check_login(&self) -> Result<()> {
        let (near, account) = self.login_counts();
        let (near, account) = tokio::join!(
            self.state.store.check_limits(&near, self.now),
            self.state.store.check_limits(&account, self.now),
        );
        near.and(account.map_err(link_needed))
    }

    /// Counts a wrong password. It is an error if it was one too many, so that of many
    /// tries at once no more than the limit learn that they failed.
    pub(crate) async fn count_login(&self) -> Result<()> {
        let (near, account) = self.login_counts();
        let (near, account) = tokio::join!(
            self.state.store.count(&near, self.now),
            self.state.store.count(&account, self.now),
        );
        near.and(account.map_err(link_needed))
    }

    /// The counts that another network does not have, and that of the account.
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

    /// Counts a mail with a link. False if there were enough: then the address has a
    /// link of this kind that is still good for some minutes. `own` is the account that
    /// the caller's device signed in to before.
    ///
    /// # Errors
    /// `too_many_tries` if this network asked for far too many, to whomever.
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
        // One after the other: what one network asks for too often must not fill the
        // count of all of them.
        let fills =
            [MAIL_HERE.of(&[kind, &self.address, &self.network]), MAIL_ADDRESS.of(&[kind, &self.address])];
        let mut room = true;
        for count in &fills {
            room = room && store.count_one(count, self.now).await?;
        }
        if room || store.count_one(&again(purpose, &self.address), self.now).await? {
            return Ok(true);
        }
        // It caused no mail. Else an attack on one address would shut this network out.
        store.uncount(&network, self.now).await?;
        Ok(false)
    }

    /// Counts the mail of a registration. False if the address had enough of those that
    /// say that it has an account, and so has one.
    ///
    /// # Errors
    /// `too_many_tries` if this network caused too many mails, to whomever.
    pub(crate) async fn count_notice(&self) -> Result<bool> {
        let store = &self.state.store;
        let network = MAIL_NETWORK.of(&[&self.network]);
        store.count(std::slice::from_ref(&network), self.now).await?;
        let room = store.count_one(&MAIL_NOTICE.of(&[&self.address]), self.now).await?;
        if !room {
            // As with links.
            store.uncount(&network, self.now).await?;
        }
        Ok(room)
    }
}

impl State {
    /// What `redeem` makes of a link's token. If it is none, it is counted: the error is
    /// then `too_many_tries` if there were too many from this network.
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
        Ok(self.store.forget_counts(&[again], now).await?)
    }
}

fn again(purpose: LinkPurpose, address: &str) -> Count {
    MAIL_AGAIN.of(&[purpose.name(), address])
}

/// Too many wrong passwords from too many networks: what is left is not to guess.
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
