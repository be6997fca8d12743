//! The way of a buyer's browser to the gateway's page.

use domain::Timestamp;

/// A payment that waits for its buyer at the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkout {
    /// The gateway's id of the payment. `None` where it has one only once the buyer
    /// has chosen how to pay; it then comes with the notification, or by reference.
    pub payment_id: Option<String>,
    /// The step that takes the browser to the page.
    pub step: BuyerStep,
    /// True if asking again with the same idempotency key leads to the same payment.
    /// Otherwise the address has to be kept, or the buyer might pay two.
    pub is_repeatable: bool,
    /// True if the gateway said that it keeps [`CreatePayment::marketplace_fee`] for the operator.
    ///
    /// [`CreatePayment::marketplace_fee`]: crate::CreatePayment::marketplace_fee
    pub keeps_fee: bool,
    /// The end of the payment: the gateway takes no money after it.
    pub expires_at: Timestamp,
}

/// The step that takes a browser to the gateway's page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuyerStep {
    /// Open this address.
    Open {
        /// An `https` address, or `http` on this machine.
        url: String,
    },
    /// Post a form, `application/x-www-form-urlencoded`.
    Post {
        /// The address that the form is posted to.
        action: String,
        /// Names and values, in the order of the gateway's documentation. No value
        /// is a secret.
        fields: Vec<(&'static str, String)>,
    },
}
