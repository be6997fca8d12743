//! How often one may try.

use domain::user::Email;
use domain::{Result, Timestamp};
use futures::future::try_join;
use store::throttle::Limit;
use web::network;

use crate::State;

/// Failed tries to sign in to one account.
const LOGIN_ACCOUNT: Limit = Limit { scope: "login", most: 10 };
/// Failed tries to sign in from one network.
const LOGIN_SOURCE: Limit = Limit { scope: "login", most: 50 };
/// Mails to one address that anybody can cause.
const MAIL_ADDRESS: Limit = Limit { scope: "mail", most: 5 };
/// Mails that can be caused from one network. More than of failed tries, because
/// a school or an office shares one address when sales open.
const MAIL_SOURCE: Limit = Limit { scope: "mail", most: 100 };

/// Who is trying: an account by its address, from a network.
pub(crate) struct Tries<'a> {
    state: &'a State,
    account: String,
    source: String,
    now: Timestamp,
}

impl<'a> Tries<'a> {
    /// A try at `email`'s account from `source`.
    pub(crate) fn new(state: &'a State, email: &Email, source: &str, now: Timestamp) -> Self {
        let account = state.fingerprints.email(email);
        Self { state, account, source: state.fingerprints.source(&network(source)), now }
    }

    /// Checks that neither the account nor the network has failed too often.
    pub(crate) async fn check_login(&self) -> Result<()> {
        let store = &self.state.store;
        let account = store.check_tries(LOGIN_ACCOUNT, &self.account, self.now);
        let source = store.check_tries(LOGIN_SOURCE, &self.source, self.now);
        try_join(account, source).await.map(|_| ())
    }

    /// Counts a failed try to sign in. It is an error if it was one too many, so
    /// that of many tries at once no more than the limit learn that they failed.
    pub(crate) async fn count_login(&self) -> Result<()> {
        let store = &self.state.store;
        let account = store.count_try(LOGIN_ACCOUNT, &self.account, self.now);
        let source = store.count_try(LOGIN_SOURCE, &self.source, self.now);
        try_join(account, source).await.map(|_| ())
    }

    /// Counts a mail, if one more may go to this address from this network.
    pub(crate) async fn count_mail(&self) -> Result<()> {
        let store = &self.state.store;
        let account = store.count_try(MAIL_ADDRESS, &self.account, self.now);
        let source = store.count_try(MAIL_SOURCE, &self.source, self.now);
        try_join(account, source).await.map(|_| ())
    }
}
