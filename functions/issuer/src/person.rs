//! Mails about a person's account and rights, which no order causes.

use actions::WithdrawableOrder;
use domain::second_factor::FactorNews;
use domain::user::Email;
use domain::{OrderId, Person, Result, Timestamp, UserId};
use queue::{FactorsMail, Mail, MailMessage, WithdrawableFacts, WithdrawalLinksMail};

use crate::State;
use crate::compose::show;

/// The mail about what was done to a user's second factors; `None` if the account was closed since.
pub(crate) async fn factors_changed(
    state: &State,
    user: UserId,
    news: FactorNews,
    at: Timestamp,
) -> Result<Option<MailMessage>> {
    let user = state.store.user(user).await?.filter(|user| user.closed_at.is_none());
    Ok(user.map(|user| MailMessage {
        to: Person { email: user.email.as_str().to_owned(), name: user.name },
        language: user.language,
        reply_to: None,
        mail: Mail::FactorsChanged(FactorsMail { news, at }),
        images: Vec::new(),
        consent: None,
    }))
}

/// The mail with the links of the orders from which the owner of an address can withdraw; `None` if there
/// are none.
pub(crate) async fn withdrawal_asked(
    state: &State,
    email: &Email,
    only: Option<OrderId>,
) -> Result<Option<MailMessage>> {
    let now = state.clock.now();
    let found = state.withdrawals.withdrawable_orders(&state.fingerprints, email, only, now).await?;
    let Some(latest) = found.first() else { return Ok(None) };
    let facts = |found: &WithdrawableOrder| WithdrawableFacts {
        order: found.order.id,
        order_link: state.order_link(&found.order),
        until: found.until,
        show: show(&found.event),
    };
    Ok(Some(MailMessage {
        to: latest.order.buyer.clone(),
        language: latest.order.language,
        reply_to: None,
        mail: Mail::WithdrawalLinks(WithdrawalLinksMail { orders: found.iter().map(facts).collect() }),
        images: Vec::new(),
        consent: None,
    }))
}
