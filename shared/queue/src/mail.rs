//! The facts of one e-mail, from which `mailer` writes it in the reader's language and
//! the event's time zone.

use domain::access::Role;
use domain::order::UnusedReason;
use domain::tenant::LegalInfo;
use domain::user::LinkPurpose;
use domain::{
    DiscountRequestId, Language, Money, OrderId, Person, TenantId, TicketId, Timestamp, UserId, VoucherId,
};
use serde::{Deserialize, Serialize};

use crate::{
    DifferencesMail, ErasureMail, FactorsMail, NeededConsent, PaymentsMail, RefundsWaitingMail, SlipMail,
    WithdrawalLinksMail,
};

/// A message to `mailer`: one e-mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailMessage {
    /// The receiver.
    pub to: Person,
    /// The receiver's language.
    pub language: Language,
    /// The address for answers; `None` if they are not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// The subject with its facts.
    pub mail: Mail,
    /// The pictures in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<Image>,
    /// The consent that it needs; `None` if it belongs to a purchase or an account, as most do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<NeededConsent>,
}

/// A picture inside of an e-mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// The name under which the text shows it: `cid:` and this.
    pub content_id: String,
    /// The PNG file in base64.
    pub png: String,
}

/// The subject of an e-mail with its facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "template", rename_all = "snake_case")]
pub enum Mail {
    /// The tickets of a paid order; sent once per order.
    Tickets(TicketsMail),
    /// A link that does something to an account.
    Link(LinkMail),
    /// A ticket that its holder offers to the receiver.
    TransferOffered(TransferMail),
    /// An accepted ticket, for its new holder.
    TransferAccepted(TicketsMail),
    /// An invitation to an organiser's staff.
    StaffInvitation(InvitationMail),
    /// The newest link to an order.
    OrderLink(OrderLinkMail),
    /// The money is on its way back.
    RefundDone(OrderMail),
    /// The payment came too late, or to a cancelled reservation; the money goes back.
    RefundDue(OrderMail),
    /// The buyer withdrew from the purchase.
    Withdrawn(WithdrawalMail),
    /// The orders from which their buyer can withdraw.
    WithdrawalLinks(WithdrawalLinksMail),
    /// A guest confirms that all data is to be erased.
    ErasureAsked(ErasureMail),
    /// Something was done to a user's second factors.
    FactorsChanged(FactorsMail),
    /// The places are kept until the money of a slip or transfer is there.
    PaymentPending(SlipMail),
    /// The places were gone when the gateway told of the slip.
    SlipWithoutPlaces(SlipMail),
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
    /// The artist.
    pub artist: String,
    /// The venue's name.
    pub venue: String,
    /// The street address, possibly empty.
    #[serde(default)]
    pub address: String,
    /// The city.
    pub city: String,
    /// The start of the show.
    pub starts_at: Timestamp,
    /// The opening of the doors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doors_at: Option<Timestamp>,
    /// The IANA time zone in which people read these times.
    pub time_zone: String,
}

/// The organiser, as the foot of a mail names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organiser {
    /// The name that buyers know.
    pub name: String,
    /// The address for questions.
    pub email: String,
    /// The legal person behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal: Option<LegalInfo>,
}

/// One ticket in a mail.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admission {
    /// The ticket.
    pub ticket: TicketId,
    /// The area's name.
    pub area: String,
    /// The seat's label.
    pub seat: Option<String>,
    /// The attendee, if the buyer named one.
    pub attendee: Option<String>,
    /// The number of people that it admits.
    pub admits: u8,
    /// The content id of its QR code's picture, if the mail has it.
    pub image: Option<String>,
}

/// One voucher in a mail: what a unit of a product is handed out for.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoucherFacts {
    /// The voucher.
    pub voucher: VoucherId,
    /// What is handed out.
    pub name: String,
    /// The content id of its QR code's picture, if the mail has it.
    pub image: Option<String>,
}

/// The facts of a mail with tickets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketsMail {
    /// The buyer.
    pub user: UserId,
    /// The order.
    pub order: OrderId,
    /// The price paid; `None` to a holder that got the ticket from the buyer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<Money>,
    /// The address that opens a guest's order; `None` to a buyer with an account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_link: Option<String>,
    /// The show.
    pub show: Show,
    /// The organiser.
    pub organiser: Organiser,
    /// The tickets.
    pub tickets: Vec<Admission>,
    /// The vouchers for products.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vouchers: Vec<VoucherFacts>,
}

/// The facts of a mail about an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderMail {
    /// The order.
    pub order: OrderId,
    /// The money that it is about.
    pub amount: Money,
    /// True if a person gave it back, perhaps another way than it was paid.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_hand: bool,
    /// The reason of the refund, if it is a payment that paid for no tickets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unused: Option<UnusedReason>,
    /// True if the order has tickets that are valid.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tickets_hold: bool,
    /// The address that opens a guest's order; `None` to a buyer with an account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_link: Option<String>,
    /// The show.
    pub show: Show,
    /// The organiser.
    pub organiser: Organiser,
}

/// The facts of a mail with the link to an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderLinkMail {
    /// The order.
    pub order: OrderId,
    /// The address that opens it.
    pub order_link: String,
    /// The show.
    pub show: Show,
    /// The organiser.
    pub organiser: Organiser,
}

/// The facts of the mail to a buyer who withdrew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WithdrawalMail {
    /// The order.
    pub order: OrderId,
    /// The name of the withdrawal.
    pub code: String,
    /// The money that goes back.
    pub amount: Money,
    /// True if the order has tickets that are valid: used ones, or those that were handed on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tickets_hold: bool,
    /// The show.
    pub show: Show,
    /// The organiser.
    pub organiser: Organiser,
}

/// The facts of the offer of a ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferMail {
    /// The ticket's holder, with the confirmed address.
    pub from: Person,
    /// The holder's note to the receiver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The token with which the offer is accepted.
    pub token: String,
    /// The end of the offer.
    pub expires_at: Timestamp,
    /// The ticket.
    pub ticket: Admission,
    /// The show.
    pub show: Show,
    /// The organiser.
    pub organiser: Organiser,
}

/// The facts of an invitation to an organiser's staff.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvitationMail {
    /// The organiser.
    pub tenant: TenantId,
    /// The role that is offered.
    pub role: Role,
    /// The confirmed address of the admin that invites.
    pub by: String,
    /// The end of the invitation.
    pub expires_at: Timestamp,
    /// The organiser, as the foot of the mail names it.
    pub organiser: Organiser,
}

/// The tag of an answer's mail that names the request: SES repeats it in all that
/// it says about the mail.
pub const REQUEST_TAG: &str = "discount_request";

/// The answer to a request for a discount. Its wording stands in the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiscountMail {
    /// The request.
    pub request: DiscountRequestId,
}

/// A link that does something to an account.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkMail {
    /// The action behind the link.
    pub purpose: LinkPurpose,
    /// Its token, encrypted until the moment of sending: neither the table nor a
    /// dead letter queue holds one in the clear.
    pub sealed_token: Option<String>,
    /// The end of the link.
    pub expires_at: Option<Timestamp>,
}
