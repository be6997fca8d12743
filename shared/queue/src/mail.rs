//! What `mailer` needs to write and send one e-mail: facts, not sentences. It
//! words them, in the reader's language and the event's time zone.

use domain::access::Role;
use domain::event::LegalInfo;
use domain::order::UnusedReason;
use domain::user::LinkPurpose;
use domain::{DiscountRequestId, Language, Money, OrderId, Person, TenantId, TicketId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use crate::{DifferencesMail, PaymentsMail, RefundsWaitingMail};

/// To `mailer`: one e-mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailMessage {
    /// Who gets it.
    pub to: Person,
    /// In which language.
    pub language: Language,
    /// Where answers go, if not nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// What it says.
    pub mail: Mail,
    /// The pictures in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<Image>,
}

/// A picture inside of an e-mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// By which the text names it: `cid:` and this.
    pub content_id: String,
    /// The PNG file in base64.
    pub png: String,
}

/// What an e-mail says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "template", rename_all = "snake_case")]
pub enum Mail {
    /// The tickets of a paid order; sent once per order.
    Tickets(TicketsMail),
    /// A link that does something to an account.
    Link(LinkMail),
    /// Somebody offers a ticket.
    TransferOffered(TransferMail),
    /// An accepted ticket, for its new holder.
    TransferAccepted(TicketsMail),
    /// An organiser wants somebody on its staff.
    StaffInvitation(InvitationMail),
    /// The money is on its way back.
    RefundDone(OrderMail),
    /// The payment came too late, or to a cancelled reservation; the money goes back.
    RefundDue(OrderMail),
    /// For the organiser: a payment does not match its order.
    PaymentMismatch(PaymentsMail),
    /// For the organiser: a buyer's bank wants the money back.
    DisputeOpened(PaymentsMail),
    /// For the organiser: the bank took the money back.
    DisputeLost(PaymentsMail),
    /// For the organiser: the money stays theirs.
    DisputeWon(PaymentsMail),
    /// For the organiser: money was given back at the gateway.
    RefundedElsewhere(PaymentsMail),
    /// The money went back by another way than ours, and took the tickets with it.
    TicketsWorthless(OrderMail),
    /// For the organiser: a person has to give money back.
    RefundByHand(PaymentsMail),
    /// The organiser gives the money back by hand.
    RefundByHandDue(OrderMail),
    /// For the organiser: refunds wait for a person.
    RefundsWaiting(RefundsWaitingMail),
    /// For the organiser: what gateways and orders did not agree about on a day.
    PaymentDifferences(DifferencesMail),
    /// The answer to a request for a discount; sent once per request.
    Discount(DiscountMail),
}

/// The facts of a show that its mails need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Show {
    /// The title.
    pub name: String,
    /// Who plays.
    pub artist: String,
    /// Where.
    pub venue: String,
    /// The street address, possibly empty.
    #[serde(default)]
    pub address: String,
    /// The city.
    pub city: String,
    /// When it starts.
    pub starts_at: Timestamp,
    /// When the doors open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doors_at: Option<Timestamp>,
    /// The IANA time zone in which people read these times.
    pub time_zone: String,
}

/// Who sells, as the foot of a mail names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organiser {
    /// The name that buyers know.
    pub name: String,
    /// Where to ask.
    pub email: String,
    /// Who it is in law.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal: Option<LegalInfo>,
}

/// One ticket in a mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admission {
    /// The ticket.
    pub ticket: TicketId,
    /// The area's name.
    pub area: String,
    /// The seat's label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seat: Option<String>,
    /// Who will use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attendee: Option<String>,
    /// How many people it admits.
    pub admits: u8,
    /// The content id of its QR code's picture, if the mail has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
}

/// What a mail with tickets says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketsMail {
    /// Who bought.
    pub user: UserId,
    /// The order.
    pub order: OrderId,
    /// What was paid; not said to somebody who got the ticket from the buyer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<Money>,
    /// The show.
    pub show: Show,
    /// Who sells.
    pub organiser: Organiser,
    /// The tickets.
    pub tickets: Vec<Admission>,
}

/// What a mail about an order says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderMail {
    /// The order.
    pub order: OrderId,
    /// The money that it is about.
    pub amount: Money,
    /// True if a person gave it back, perhaps another way than it was paid.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_hand: bool,
    /// Why it goes back, if it is a payment that paid for no tickets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unused: Option<UnusedReason>,
    /// True if the order has tickets that are valid.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tickets_hold: bool,
    /// The show.
    pub show: Show,
    /// Who sells.
    pub organiser: Organiser,
}

/// What the offer of a ticket says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferMail {
    /// Who offers, by their confirmed address.
    pub from: Person,
    /// What they say about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The token with which the offer is accepted.
    pub token: String,
    /// When the offer ends.
    pub expires_at: Timestamp,
    /// The ticket.
    pub ticket: Admission,
    /// The show.
    pub show: Show,
    /// Who sells.
    pub organiser: Organiser,
}

/// What an invitation to an organiser's staff says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvitationMail {
    /// The organiser.
    pub tenant: TenantId,
    /// The role that is offered.
    pub role: Role,
    /// The confirmed address of the admin that invites.
    pub by: String,
    /// When the invitation ends.
    pub expires_at: Timestamp,
    /// The organiser, as the foot of the mail names it.
    pub organiser: Organiser,
}

/// The tag of an answer's mail that names the request: SES repeats it in all that
/// it says about the mail.
pub const REQUEST_TAG: &str = "discount_request";

/// The answer to a request for a discount. What it says stands in the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiscountMail {
    /// The request.
    pub request: DiscountRequestId,
}

/// A link that does something to an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkMail {
    /// What it does.
    pub purpose: LinkPurpose,
    /// Its token, encrypted until the moment of sending: neither the table nor a
    /// dead letter queue holds one in the clear.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed_token: Option<String>,
    /// When it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}
