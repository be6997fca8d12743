//! How many offers one may have us mail.

use domain::user::Email;
use store::limit::DAY;
use store::{Count, Limit};
use web::{Buyer, ClientNetwork};

use crate::State;

/// Offers of one person: all tickets of two full orders.
const SENDER: Limit = Limit::exact("transfer-sender", 40, DAY);
/// Offers from one network. More, because a whole city's phones may share an address.
const NETWORK: Limit = Limit::exact("transfer-network", 400, DAY);
/// Offers to one address, of all people. Strangers with tickets can fill it, but that
/// takes nothing from the address but more mails.
const ADDRESS: Limit = Limit::exact("transfer-address", 60, DAY);

/// What is counted when `buyer` offers a ticket to `to` from `network`.
pub(super) fn counts(state: &State, buyer: &Buyer, to: &Email, network: &ClientNetwork) -> [Count; 3] {
    let fingerprints = &state.fingerprints;
    [
        SENDER.of(&[&buyer.user.suffix()]),
        NETWORK.of(&[&fingerprints.source(&network.0)]),
        ADDRESS.of(&[&fingerprints.email(to)]),
    ]
}
