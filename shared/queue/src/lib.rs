//! Messages between the functions: those on the queues, the outbox that an item
//! carries until its message is on its way, sending, and the loop that handles a
//! batch.
//!
//! Everything here may arrive twice, late and out of order. A message therefore
//! names an order, and claims nothing about it: its handler reads the order and takes
//! the steps that are left.

#![warn(missing_docs)]

mod batch;
mod dead_letters;
mod mail;
mod message;
mod payment_mail;
mod person_mail;
mod producer;
mod sanitise;
mod sealed;

pub use batch::process;
pub use dead_letters::DeadLetters;
pub use mail::{
    Admission, DiscountMail, Image, InvitationMail, LinkMail, Mail, MailMessage, OrderLinkMail, OrderMail,
    Organiser, REQUEST_TAG, Show, TicketsMail, TransferMail, VoucherFacts, WithdrawalMail,
};
pub use message::{IssueMessage, Message, Notification, PaymentMessage};
pub use payment_mail::{
    DifferencesMail, PaymentFacts, PaymentsMail, RefundsWaitingMail, SlipMail, WaitingRefund,
};
pub use person_mail::{ErasureMail, FactorsMail, NeededConsent, WithdrawableFacts, WithdrawalLinksMail};
pub use producer::Queue;
pub use sealed::{TokenSeal, Unsealable};
