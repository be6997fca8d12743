//! Buyers without an account: who they say they are, and what keeps them from flooding strangers.

use domain::access::{Claims, email_unverified};
use domain::error::Fields;
use domain::order::{GuestTrace, Order};
use domain::purchaser::{OrderAccess, Purchaser};
use domain::text::{Line, Phone};
use domain::user::Email;
use domain::{Error, Person, Result, Timestamp};
use store::Limit;
use store::limit::DAY;
use web::ClientNetwork;

use crate::State;

/// Free orders per day of a user whose address is not confirmed: each sends a mail.
const UNCONFIRMED_MAILS: Limit = Limit::exact("free-unconfirmed", 10, DAY);
/// Free orders per day of guests with one address from one network.
const GUEST_MAILS: Limit = Limit::exact("free-guest", 10, DAY);
/// Free orders per day of all guests from one network, whatever address they type.
const GUEST_NETWORK_MAILS: Limit = Limit::exact("free-guest-network", 50, DAY);

/// The longest name of a guest, in characters.
pub(crate) const MAX_NAME: usize = 120;

/// What a buyer without an account says in place of a token.
#[derive(Debug, Default)]
pub(crate) struct SaidOfGuest {
    pub(crate) email: Option<Email>,
    pub(crate) name: Option<Line<1, MAX_NAME>>,
    pub(crate) phone: Option<Phone>,
}

/// The buyer of a reservation: who is signed in or, without a token, the guest that the request names.
///
/// # Errors
/// `refused_fields` if both are there, or the guest has no name; `sign_in_required` if neither is.
pub(crate) fn purchaser(
    state: &State,
    caller: Option<Claims>,
    network: &ClientNetwork,
    said: SaidOfGuest,
) -> Result<Purchaser> {
    let SaidOfGuest { email, name, phone } = said;
    let mut fields = Fields::new();
    if let Some(claims) = caller {
        let own = "Leave it out: you are signed in, and the account has it.";
        fields.rule(email.is_none(), "/email", own);
        fields.rule(name.is_none(), "/name", own);
        fields.rule(phone.is_none(), "/phone", own);
        fields.finish()?;
        return state.keys.purchaser(&claims);
    }
    let Some(email) = email else {
        return Err(Error::unauthenticated(
            "sign_in_required",
            "Sign in and send `Authorization: Bearer <access token>`, or buy without an account: name `email` and \
             `name`.",
        ));
    };
    fields.rule(name.is_some(), "/name", "Is needed to buy without an account.");
    fields.finish()?;
    let fingerprints = state.keys.fingerprints();
    let name = name.map(String::from).unwrap_or_default();
    let trace =
        GuestTrace { network: fingerprints.network_mark(&network.0), phone: phone.and_then(Phone::some) };
    Ok(Purchaser::guest(fingerprints.guest(&email), Person { email: email.to_string(), name }, trace))
}

/// Counts the mail with free tickets if the address is not known to be the buyer's. A stranger can
/// type or register any address, and order free tickets without end: without the limit, that would
/// flood the address with mails. One address has one account; how many addresses a network can
/// register is limited there.
pub(crate) async fn count_free_order(
    state: &State,
    access: &OrderAccess,
    order: &Order,
    network: &ClientNetwork,
    now: Timestamp,
) -> Result<()> {
    if access.purchaser.as_ref().is_some_and(|person| person.confirmed && person.is(order.user)) {
        return Ok(());
    }
    if !order.is_of_guest() {
        let mails = UNCONFIRMED_MAILS.of(&[&order.user.suffix()]);
        return if state.store.count_one(&mails, now).await? { Ok(()) } else { Err(email_unverified()) };
    }
    let network = state.keys.fingerprints().network_mark(&network.0);
    let counts = [GUEST_MAILS.of(&[&order.user.suffix(), &network]), GUEST_NETWORK_MAILS.of(&[&network])];
    state.store.count(&counts, now).await
}
