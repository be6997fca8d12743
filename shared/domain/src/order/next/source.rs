//! A gateway's report with where it comes from.

use super::super::Order;
use crate::gateway_account::AccountRef;
use crate::payment::{GatewayName, PaymentReport};

/// The account at a gateway from which a report comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    /// The gateway.
    pub gateway: GatewayName,
    /// The organiser's account there; `None` at the sandbox.
    pub account: Option<AccountRef>,
}

impl Source {
    /// True if a payment reported from there counts for the try `attempt` of the order: it was made
    /// with the account that the try names or, for a try that was never noted, with one of the
    /// order's own organiser. Otherwise one organiser's money could pay for another's tickets.
    pub fn may_pay(&self, order: &Order, attempt: u8) -> bool {
        let account = self.account.map(|account| account.id);
        self.account.is_none_or(|account| account.tenant_id == order.tenant)
            && (order.payments.iter().filter(|payment| payment.attempt == attempt))
                .all(|payment| payment.gateway == self.gateway && payment.account == account)
    }
}

/// A gateway's report about a payment, with its source and try.
#[derive(Debug, Clone, Copy)]
pub struct Report<'a> {
    /// The account from which it comes.
    pub source: Source,
    /// The number of the try.
    pub attempt: u8,
    /// The report itself.
    pub is: &'a PaymentReport,
}
