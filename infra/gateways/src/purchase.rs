//! What a merchant sells through a simulated gateway, and how its buyer tries to pay.
//!
//! All real gateways have the same three levels under different names: something
//! that waits for its buyer (preference, checkout, order), tries to pay it (payment,
//! transaction), and money that goes back (refund, void).

use std::collections::BTreeMap;

use domain::{Language, Money, Timestamp};
use serde::{Deserialize, Serialize};

/// The person who pays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Buyer {
    /// The e-mail address.
    pub email: String,
    /// The name.
    pub name: String,
}

/// How a buyer pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// By card.
    Card,
    /// With an app on the phone.
    Wallet,
    /// From a bank account.
    Bank,
    /// In cash at a counter, some time later.
    Cash,
}

/// The state of a try to pay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Made with its purchase; the buyer has not tried to pay.
    Open,
    /// Not decided yet: a bank, a reviewer, the buyer at a counter.
    Pending,
    /// Paid. Parts of it may have been refunded since.
    Approved,
    /// The bank said no.
    Declined,
    /// Something broke on the way to the bank.
    Failed,
    /// The buyer gave up.
    Cancelled,
    /// Not paid in time.
    Expired,
}

/// The stage of a dispute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The buyer complained to the gateway, which keeps the merchant's money for now.
    Mediation,
    /// The buyer's bank took the money back; the merchant may object.
    Open,
    /// The merchant has the money again.
    Won,
    /// The buyer keeps it.
    Lost,
}

/// A buyer who wants the money back from somebody else than the merchant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispute {
    /// The gateway's number of it.
    pub number: u64,
    /// The state.
    pub stage: Stage,
    /// When it began.
    pub opened_at: Timestamp,
}

/// The state of a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundState {
    /// A person at the gateway has yet to look.
    InReview,
    /// The money went back.
    Done,
    /// It did not.
    Declined,
}

/// The origin of a refund: by whom, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The merchant's program.
    Api,
    /// The merchant or its program undid a payment before it was settled.
    Void,
    /// A person, on the gateway's own pages.
    Merchant,
}

/// Money that goes back, or should.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// The gateway's id of it.
    pub id: String,
    /// The number that is in the id.
    pub number: u64,
    /// Minor units of the purchase's currency.
    pub amount: i64,
    /// True if it was asked for as a part.
    pub part: bool,
    /// The state.
    pub state: RefundState,
    /// The one who asked for it.
    pub origin: Origin,
    /// The key against doing it twice, where a gateway takes one.
    pub key: Option<String>,
    /// What the merchant gave as reason.
    pub reason: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it was done or declined.
    pub decided_at: Option<Timestamp>,
    /// When the reviewer approves it, if nobody reviews by hand.
    pub review_at: Option<Timestamp>,
}

/// A try to pay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The id on the wire.
    pub id: String,
    /// The id as `payments` has it; at most gateways the same.
    pub payment_id: String,
    /// The number that is in the id.
    pub number: u64,
    /// How the buyer pays.
    pub method: Method,
    /// The state.
    pub status: Status,
    /// When it began.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it was decided.
    pub decided_at: Option<Timestamp>,
    /// When it expires, if the gateway made it with its purchase, before the buyer came.
    /// Such a payment is the only one of its purchase: what the bank declines stays
    /// declined, and what expired can still be paid.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
    /// Until when it can be paid at a counter, if it is in cash.
    #[serde(default)]
    pub slip_end: Option<Timestamp>,
    /// What becomes of it by itself, and when.
    pub due: Option<(Timestamp, Status)>,
    /// The newest dispute about it.
    pub dispute: Option<Dispute>,
    /// What was given back, the oldest first.
    pub refunds: Vec<Refund>,
}

impl Attempt {
    /// How much went back.
    pub fn refunded(&self) -> i64 {
        self.refunds
            .iter()
            .filter(|refund| refund.state == RefundState::Done)
            .map(|refund| refund.amount)
            .sum()
    }
}

/// Something that waits for its buyer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purchase {
    /// The id of its page, which nobody can guess.
    pub id: String,
    /// The gateway's number of it.
    pub number: u64,
    /// Whose it is: the merchant's number or public key.
    pub merchant: String,
    /// The merchant's reference.
    pub reference: String,
    /// What is to be paid.
    pub amount: Money,
    /// The merchant's name.
    pub seller: String,
    /// What is sold.
    pub description: String,
    /// The person who pays.
    pub buyer: Buyer,
    /// The language of the page.
    pub language: Language,
    /// The addresses that the browser goes to after success, while pending, and after failure.
    pub return_urls: [Option<String>; 3],
    /// The address for notifications.
    pub notification_url: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when the merchant wants the money.
    pub expires_at: Option<Timestamp>,
    /// The ways to pay it.
    pub methods: Vec<Method>,
    /// What only this gateway keeps.
    pub details: BTreeMap<String, String>,
    /// The tries to pay it, the oldest first.
    pub attempts: Vec<Attempt>,
}

impl Purchase {
    /// The try with this id, as the wire or the client has it.
    pub(super) fn position(&self, id: &str) -> Option<usize> {
        self.attempts.iter().position(|attempt| attempt.id == id || attempt.payment_id == id)
    }

    /// The payment that was made with the purchase, where the gateway does that.
    pub(super) fn only(&self) -> Option<usize> {
        self.attempts.first()?.expires_at.map(|_| 0)
    }

    /// The newest try with this status.
    pub(super) fn newest(&self, status: Status) -> Option<usize> {
        self.attempts.iter().rposition(|attempt| attempt.status == status)
    }

    /// The newest try, if its buyer has yet to go to a counter.
    pub(super) fn slip(&self) -> Option<&Attempt> {
        let newest = &self.attempts[self.newest(Status::Pending)?];
        (newest.method == Method::Cash).then_some(newest)
    }

    /// How much of a payment has not gone back.
    pub(super) fn left(&self, attempt: &Attempt) -> i64 {
        self.amount.amount - attempt.refunded()
    }
}
