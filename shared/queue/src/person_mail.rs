//! The facts of mails about a person's own data, account and rights.

use domain::consent::ConsentPurpose;
use domain::second_factor::FactorNews;
use domain::{OrderId, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Organiser, Show};

/// The consent without which a mail is not sent. Its address is told how to take it back with one click.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NeededConsent {
    /// The organiser for whom it is sent.
    pub tenant: TenantId,
    /// What it is for.
    pub purpose: ConsentPurpose,
}

/// The facts of the mail by which a guest confirms that all data is to be erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasureMail {
    /// The order by which it was asked for.
    pub order: OrderId,
    /// The address that confirms it.
    pub confirm_link: String,
    /// The end of the confirmation.
    pub expires_at: Timestamp,
    /// The show.
    pub show: Show,
    /// The organiser.
    pub organiser: Organiser,
}

/// The facts of the mail about a user's second factors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactorsMail {
    /// What was done to them.
    pub news: FactorNews,
    /// When.
    pub at: Timestamp,
}

/// The facts of the mail with the links of orders from which their buyer can withdraw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WithdrawalLinksMail {
    /// The orders, the latest first.
    pub orders: Vec<WithdrawableFacts>,
}

/// One order from which its buyer can withdraw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WithdrawableFacts {
    /// The order.
    pub order: OrderId,
    /// The address that opens it.
    pub order_link: String,
    /// Until when its buyer can withdraw.
    pub until: Timestamp,
    /// The show.
    pub show: Show,
}
