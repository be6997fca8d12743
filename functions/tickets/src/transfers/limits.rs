//! Limits of offers, because each sends a mail.

use domain::user::Email;
use store::limit::DAY;
use store::{Count, Limit};
use web::{ClientNetwork, Purchaser};

use crate::State;

/// Offers of one user per day: all tickets of two full orders.
const SENDER: Limit = Limit::exact("transfer-sender", 40, DAY);
/// Offers from one network per day. More, because the phones of a whole city may share an address.
const NETWORK: Limit = Limit::exact("transfer-network", 400, DAY);
/// Offers to one receiver's address per day, from all users. Strangers with tickets can use them
/// up, but then the receiver only gets no more offers.
const ADDRESS: Limit = Limit::exact("transfer-address", 60, DAY);

/// The limits that apply when `buyer` offers a ticket to `to` from `network`.
pub(super) fn counts(state: &State, buyer: &Purchaser, to: &Email, network: &ClientNetwork) -> [Count; 3] {
    let fingerprints = state.keys.fingerprints();
    [
        SENDER.of(&[&buyer.user.suffix()]),
        NETWORK.of(&[&fingerprints.source(&network.0)]),
        ADDRESS.of(&[&fingerprints.email(to)]),
    ]
}
