//! Keys of users: sessions, links, transfers.

use domain::consent::ConsentPurpose;
use domain::{SessionId, TenantId, TicketId, TransferId, UserId};

use super::Key;

/// Everything of one user.
pub(crate) fn user_partition(user: UserId) -> String {
    format!("U#{}", user.suffix())
}

/// A user.
pub(crate) fn user(user: UserId) -> Key {
    Key::new(user_partition(user), "PROFILE")
}

/// The claim of a user on an e-mail address, which is given by its fingerprint.
pub(crate) fn email(fingerprint: &str) -> Key {
    Key::new(format!("EM#{fingerprint}"), "C")
}

/// A session, under its user.
pub(crate) fn session(user: UserId, session: SessionId) -> Key {
    Key::new(user_partition(user), format!("{SESSION_PREFIX}{}", session.suffix()))
}

/// Prefix of the sort keys of sessions.
pub(crate) const SESSION_PREFIX: &str = "SES#";

/// All second factors of a user.
pub(crate) fn second_factors(user: UserId) -> Key {
    Key::new(user_partition(user), SECOND_FACTORS)
}

/// The sort key of [`second_factors`].
const SECOND_FACTORS: &str = "MFA";

/// Reads what [`second_factors`] wrote; `None` for the key of anything else.
pub(crate) fn parse_second_factors(key: &Key) -> Option<UserId> {
    let user = key.pk.strip_prefix("U#").filter(|_| key.sk == SECOND_FACTORS)?;
    UserId::from_suffix(user).ok()
}

/// All consents of an address, which is given by its fingerprint.
pub(crate) fn consents(fingerprint: &str) -> String {
    format!("CN#{fingerprint}")
}

/// What the owner of an address said to a tenant for a purpose.
pub(crate) fn consent(fingerprint: &str, tenant: TenantId, purpose: ConsentPurpose) -> Key {
    Key::new(consents(fingerprint), format!("{}#{}", tenant.suffix(), purpose.name()))
}

/// An erasure of a person's data that is not done.
pub(crate) fn erasure(user: UserId) -> Key {
    Key::new(ERASURES, user.suffix())
}

/// The partition of all erasures that are not done.
pub(crate) const ERASURES: &str = "ERASE";

/// A mailed link, given by the hash of its token.
pub(crate) fn link(hash: &str) -> Key {
    Key::new(format!("ML#{hash}"), "C")
}

/// A transfer, under its sender and, once accepted, under its receiver.
pub(crate) fn transfer(user: UserId, transfer: TransferId) -> Key {
    Key::new(user_partition(user), format!("{TRANSFER_PREFIX}{}", transfer.suffix()))
}

/// Reads what [`transfer`] wrote; `None` for the key of anything else.
pub(crate) fn parse_transfer(key: &Key) -> Option<(UserId, TransferId)> {
    let user = UserId::from_suffix(key.pk.strip_prefix("U#")?).ok()?;
    let transfer = TransferId::from_suffix(key.sk.strip_prefix(TRANSFER_PREFIX)?).ok()?;
    Some((user, transfer))
}

/// Prefix of the sort keys of transfers.
pub(crate) const TRANSFER_PREFIX: &str = "X#";

/// The item about all of a holder's offers of a ticket: until when one is open, and how many there
/// were.
pub(crate) fn offers(holder: UserId, ticket: TicketId) -> Key {
    Key::new(user_partition(holder), format!("OF#{}", ticket.suffix()))
}

/// Points from a holder to a ticket that is in another user's order.
pub(crate) fn received(user: UserId, ticket: TicketId) -> Key {
    Key::new(user_partition(user), format!("{RECEIVED_PREFIX}{}", ticket.suffix()))
}

/// Prefix of the sort keys of [`received`].
pub(crate) const RECEIVED_PREFIX: &str = "TK#";
