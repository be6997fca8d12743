use domain::{Currency, Language, Timestamp};
use serde::{Deserialize, Serialize};

use crate::actions::Refusal;
use crate::purchase::Buyer;

/// The state of a payment. The names are the protocol's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The buyer has not decided.
    Pending,
    /// Paid. Parts of it may have been refunded.
    Approved,
    /// The bank said no.
    Declined,
    /// The buyer gave up.
    Cancelled,
    /// The buyer let the time pass; may still be paid late.
    Expired,
    /// All of it was refunded.
    Refunded,
    /// The buyer's bank took it back.
    ChargedBack,
}

/// How the buyer paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// By card: refunds by API.
    Card,
    /// In cash at a counter: the API cannot refund it.
    Cash,
}

/// Money given back. Always done at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// The refund's id.
    pub id: String,
    /// Minor units of the payment's currency.
    pub amount: i64,
    /// When.
    pub created_at: Timestamp,
    /// The key that makes it happen once.
    pub idempotency_key: String,
}

/// A payment, as the gateway keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// The payment's id.
    pub id: String,
    /// The merchant's reference.
    pub reference: String,
    /// The state.
    pub status: Status,
    /// Minor units.
    pub amount: i64,
    /// The currency of all its amounts.
    pub currency: Currency,
    /// The name of who sells, for the page.
    pub seller: String,
    /// What is sold, for the page.
    pub description: String,
    /// The person who pays.
    pub buyer: Buyer,
    /// The language of the page.
    pub language: Language,
    /// The address that the browser goes to afterwards.
    pub return_url: String,
    /// The address for notifications.
    pub notification_url: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// Until when the buyer may pay.
    pub expires_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it was paid.
    pub approved_at: Option<Timestamp>,
    /// When it is going to be paid, for "pay later".
    pub approve_at: Option<Timestamp>,
    /// How it was paid.
    pub method: Option<Method>,
    /// Why it was not, in a word.
    pub reason: Option<String>,
    /// What was given back.
    pub refunds: Vec<Refund>,
    /// The key that makes creating happen once.
    pub idempotency_key: String,
    /// A digest of the body that came with the key.
    pub fingerprint: String,
}

/// What the buyer, the bank or a tester does to a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Pays; also late, after the expiry.
    Approve(Method),
    /// Will pay then, whether or not that is in time.
    ApproveAt(Timestamp),
    /// The bank says no.
    Decline,
    /// The buyer gives up.
    Cancel,
    /// The time is over.
    Expire,
    /// The buyer's bank takes the money back.
    Chargeback,
}

/// The same key with another request.
pub(super) const KEY_REUSED: Refusal =
    Refusal::new("idempotency_conflict", "This Idempotency-Key was used for another request.");

/// The most refunds of one payment.
const MAX_REFUNDS: usize = 50;

impl Payment {
    /// Does `action`. `Ok(false)` if it is done already.
    pub(super) fn apply(&mut self, action: Action, now: Timestamp) -> Result<bool, Refusal> {
        use Status::{Approved, Cancelled, ChargedBack, Declined, Expired, Pending};
        let (status, reason) = match (self.status, action) {
            (Pending | Expired, Action::Approve(method)) => {
                self.method = Some(method);
                self.approved_at = Some(now);
                (Approved, None)
            }
            (Pending | Expired, Action::ApproveAt(time)) => {
                self.approve_at = Some(time);
                return Ok(true);
            }
            (Pending, Action::Decline) => (Declined, Some("insufficient_funds")),
            (Pending | Expired, Action::Cancel) => (Cancelled, Some("cancelled_by_buyer")),
            (Pending, Action::Expire) => (Expired, Some("not_paid_in_time")),
            (Approved, Action::Chargeback) => (ChargedBack, Some("disputed_by_cardholder")),
            (Approved, Action::Approve(_))
            | (Declined, Action::Decline)
            | (Cancelled, Action::Cancel)
            | (Expired, Action::Expire)
            | (ChargedBack, Action::Chargeback) => return Ok(false),
            _ => {
                return Err(Refusal::new("wrong_state", "The payment's state does not allow this any more."));
            }
        };
        if status != Expired {
            self.approve_at = None;
        }
        self.status = status;
        self.reason = reason.map(str::to_owned);
        self.updated_at = now;
        Ok(true)
    }

    /// When something happens to it by itself, if nothing else does before.
    pub(super) fn due_at(&self) -> Option<Timestamp> {
        match self.status {
            Status::Pending => {
                Some(self.approve_at.map_or(self.expires_at, |time| time.min(self.expires_at)))
            }
            Status::Expired => self.approve_at,
            _ => None,
        }
    }

    /// Does what is due at `now`, one step; false if nothing is.
    pub(super) fn step(&mut self, now: Timestamp) -> bool {
        let Some(due) = self.due_at().filter(|due| *due <= now) else { return false };
        let action = match self.approve_at {
            // On the dot of the expiry it is too late, as at real gateways.
            Some(time) if time == due && (self.status == Status::Expired || time < self.expires_at) => {
                Action::Approve(Method::Card)
            }
            _ => Action::Expire,
        };
        self.apply(action, now).unwrap_or(false)
    }

    /// How much was given back.
    pub fn refunded(&self) -> i64 {
        self.refunds.iter().map(|refund| refund.amount).sum()
    }

    /// Gives `amount` back, once per `key`. The second value is false if that was
    /// done before.
    pub(super) fn refund(
        &mut self,
        amount: i64,
        currency: Currency,
        key: &str,
        now: Timestamp,
    ) -> Result<(Refund, bool), Refusal> {
        if let Some(done) = self.refunds.iter().find(|refund| refund.idempotency_key == key) {
            return if (done.amount, self.currency) == (amount, currency) {
                Ok((done.clone(), false))
            } else {
                Err(KEY_REUSED)
            };
        }
        if self.status != Status::Approved {
            return Err(Refusal::new("not_refundable", "Only an approved payment can be refunded."));
        }
        if self.method == Some(Method::Cash) {
            return Err(Refusal::new("refund_unsupported", "A payment in cash cannot be refunded by API."));
        }
        if currency != self.currency {
            return Err(Refusal::new("currency_mismatch", "The currency must be the payment's."));
        }
        if amount <= 0 || amount > self.amount - self.refunded() {
            return Err(Refusal::new(
                "refund_exceeds_payment",
                "The amount must be at most what is left of the payment.",
            ));
        }
        if self.refunds.len() >= MAX_REFUNDS {
            return Err(Refusal::new("too_many_refunds", "A payment has at most 50 refunds."));
        }
        let refund =
            Refund { id: super::new_id("rfd"), amount, created_at: now, idempotency_key: key.to_owned() };
        self.refunds.push(refund.clone());
        self.updated_at = now;
        if self.refunded() == self.amount {
            self.status = Status::Refunded;
        }
        Ok((refund, true))
    }
}

/// A pending payment of CLP 1000 that was created at second 0 and expires at 100.
#[cfg(test)]
pub(super) fn payment_for_tests() -> Payment {
    let at = |second| Timestamp::from_second(second).expect("in range");
    Payment {
        id: "pay_1".to_owned(),
        reference: "r".to_owned(),
        status: Status::Pending,
        amount: 1000,
        currency: Currency::CLP,
        seller: "Sala Ficticia".to_owned(),
        description: "2 entradas".to_owned(),
        buyer: Buyer { email: "ana@example.com".to_owned(), name: "Ana".to_owned() },
        language: Language::Es,
        return_url: "http://127.0.0.1/back".to_owned(),
        notification_url: "http://127.0.0.1/hook".to_owned(),
        created_at: at(0),
        expires_at: at(100),
        updated_at: at(0),
        approved_at: None,
        approve_at: None,
        method: None,
        reason: None,
        refunds: Vec::new(),
        idempotency_key: "k".to_owned(),
        fingerprint: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::payment_for_tests as payment;
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    #[test]
    fn every_action_in_every_state() {
        use Status::{Approved, Cancelled, ChargedBack, Declined, Expired, Pending, Refunded};
        let actions = [
            Action::Approve(Method::Card),
            Action::Decline,
            Action::Cancel,
            Action::Expire,
            Action::Chargeback,
        ];
        let mut table = String::new();
        for status in [Pending, Approved, Declined, Cancelled, Expired, Refunded, ChargedBack] {
            let outcomes = actions.map(|action| {
                let mut payment = Payment { status, ..payment() };
                match payment.apply(action, at(1)) {
                    Ok(true) => format!("{:?}", payment.status),
                    Ok(false) => "same".to_owned(),
                    Err(_) => "-".to_owned(),
                }
            });
            table += &format!("{:<11} | {}\n", format!("{status:?}"), outcomes.join(" | "));
        }
        // Columns: approve, decline, cancel, expire, chargeback.
        insta::assert_snapshot!(table, @r"
        Pending     | Approved | Declined | Cancelled | Expired | -
        Approved    | same | - | - | - | ChargedBack
        Declined    | - | same | - | - | -
        Cancelled   | - | - | same | - | -
        Expired     | Approved | - | Cancelled | same | -
        Refunded    | - | - | - | - | -
        ChargedBack | - | - | - | - | same
        ");
    }

    #[test]
    fn what_is_due_happens_in_its_order() {
        let states = |approve_at: Option<i64>, now: i64| {
            let mut payment = Payment { approve_at: approve_at.map(at), ..payment() };
            let mut states = vec![payment.status];
            while payment.step(at(now)) {
                states.push(payment.status);
            }
            states
        };
        use Status::{Approved, Expired, Pending};
        assert_eq!(states(None, 99), [Pending]);
        assert_eq!(states(None, 100), [Pending, Expired]);
        assert_eq!(states(Some(50), 49), [Pending]);
        assert_eq!(states(Some(50), 500), [Pending, Approved]);
        assert_eq!(states(Some(100), 500), [Pending, Expired, Approved]);
        assert_eq!(states(Some(150), 120), [Pending, Expired]);
        assert_eq!(states(Some(150), 150), [Pending, Expired, Approved]);
    }

    #[test]
    fn refunds_happen_once_and_never_exceed() {
        let mut payment = payment();
        payment.apply(Action::Approve(Method::Card), at(1)).expect("paid");
        let mut refund = |amount, key: &str| {
            payment
                .refund(amount, Currency::CLP, key, at(2))
                .map(|(_, new)| new)
                .map_err(|refusal| refusal.code)
        };
        assert_eq!(refund(600, "a"), Ok(true));
        assert_eq!(refund(600, "a"), Ok(false));
        assert_eq!(refund(500, "a"), Err("idempotency_conflict"));
        assert_eq!(refund(401, "b"), Err("refund_exceeds_payment"));
        assert_eq!(refund(0, "b"), Err("refund_exceeds_payment"));
        assert_eq!(refund(-1, "b"), Err("refund_exceeds_payment"));
        assert_eq!(refund(400, "b"), Ok(true));
        assert_eq!(refund(400, "b"), Ok(false));
        assert_eq!(refund(1, "c"), Err("not_refundable"));
        assert_eq!((payment.status, payment.refunded()), (Status::Refunded, 1000));
        let other = payment.refund(400, Currency::COP, "b", at(3)).expect_err("another currency");
        assert_eq!(other.code, "idempotency_conflict");
    }
}
