//! What happens to purchases, by somebody or by itself.

use std::io;

use domain::Timestamp;

use crate::ledger::Record;
use crate::purchase::{Attempt, Dispute, Method, Origin, Purchase, Refund, RefundState, Stage, Status};

/// The most tries to pay one purchase.
const MAX_ATTEMPTS: usize = 20;
/// The most refunds of one payment.
const MAX_REFUNDS: usize = 50;

/// What somebody does to a purchase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The buyer tries to pay; somebody decides later.
    Begin(Method),
    /// The same, decided by itself at that time, which may be late.
    BeginThen(Method, Status, Timestamp),
    /// Has the try that is pending decided by itself at that time.
    Schedule(Status, Timestamp),
    /// Decides the try that is pending, or else a new one.
    Decide(Method, Status),
    /// The buyer complains to the gateway.
    Mediate,
    /// The buyer's bank takes the money back.
    ChargeBack,
    /// The dispute ends.
    CloseDispute {
        /// For the merchant.
        won: bool,
    },
    /// The merchant gives money back on the gateway's pages: this much, or the rest.
    Refund(Option<i64>),
}

/// Why an action was not done.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    /// There is no such payment.
    #[error("there is no such payment")]
    NoSuchPayment,
    /// The payment's state does not allow it.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// The file cannot be written.
    #[error("the gateway cannot store anything")]
    Storage(#[from] io::Error),
}

/// Why something cannot be done. The code is the protocol's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Refusal {
    /// The stable code.
    pub code: &'static str,
    /// A sentence for a person.
    pub message: &'static str,
}

impl Refusal {
    pub(crate) const fn new(code: &'static str, message: &'static str) -> Self {
        Self { code, message }
    }
}

/// What kind of change merchants hear about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Created,
    Updated,
    Refunded,
    Disputed,
}

/// Which try changed, and how; nothing if all was so already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Happened {
    pub(super) attempt: usize,
    pub(super) change: Option<Change>,
}

impl Happened {
    fn new(attempt: usize, change: Change) -> Self {
        Self { attempt, change: Some(change) }
    }
}

/// Ids for what an action makes.
#[derive(Debug, Clone)]
pub(super) struct Ids {
    pub(super) number: u64,
    pub(super) attempt: String,
    pub(super) payment: String,
    pub(super) refund: String,
}

/// What merchants are told of buyers who want their money back from others than them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Disputes {
    /// Nothing.
    Untold,
    /// That the bank took the money back, for good.
    Final,
    /// Mediation, charge-backs, and how both end.
    Staged,
}

/// In what gateways differ here.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    /// No new try after the expiry.
    pub(super) closes: bool,
    pub(super) disputes: Disputes,
    /// Until when a slip with that number is good, if it is begun now.
    pub(super) cash_end: fn(&Purchase, u64, Timestamp) -> Option<Timestamp>,
    /// What giving back so much on its pages is.
    pub(super) by_hand: fn(&Attempt, Option<i64>, Timestamp) -> Origin,
}

impl Refund {
    /// Money that goes back now.
    pub(super) fn done(ids: Ids, amount: i64, part: bool, origin: Origin, now: Timestamp) -> Self {
        Self {
            id: ids.refund,
            number: ids.number,
            amount,
            part,
            state: RefundState::Done,
            origin,
            key: None,
            reason: None,
            created_at: now,
            decided_at: Some(now),
            review_at: None,
        }
    }
}

impl Attempt {
    /// A try that begins now.
    pub(super) fn new(ids: Ids, method: Method, status: Status, now: Timestamp) -> Self {
        Self {
            id: ids.attempt,
            payment_id: ids.payment,
            number: ids.number,
            method,
            status,
            created_at: now,
            updated_at: now,
            decided_at: None,
            expires_at: None,
            slip_end: None,
            due: None,
            dispute: None,
            refunds: Vec::new(),
        }
    }

    fn decide(&mut self, status: Status, now: Timestamp) {
        self.status = status;
        self.updated_at = now;
        self.decided_at = Some(now);
        // What expired may still be paid, if that is on its way.
        let goes_on = status == Status::Expired && self.expires_at.is_some();
        self.due = self.due.filter(|(_, next)| goes_on && *next != Status::Expired);
    }

    /// What becomes of it next by itself. On the dot of the expiry it is too late to pay.
    fn next(&self) -> Option<(Timestamp, Status)> {
        let undecided = matches!(self.status, Status::Open | Status::Pending);
        let expiry = self.expires_at.filter(|_| undecided).map(|end| (end, Status::Expired));
        expiry.into_iter().chain(self.due).min_by_key(|(at, _)| *at)
    }

    /// True if the money is back with the buyer, or on its way there.
    fn is_undone(&self, whole: i64) -> bool {
        let stage = self.dispute.as_ref().map(|dispute| dispute.stage);
        matches!(stage, Some(Stage::Open | Stage::Lost)) || self.refunded() >= whole
    }
}

const WRONG_STATE: Refusal = Refusal::new("wrong_state", "The payment's state does not allow this.");
const WRONG_METHOD: Refusal = Refusal::new("method", "This cannot be paid that way.");

impl Purchase {
    /// Does `action` to the try at `target`, or to the one that it fits.
    pub(super) fn apply(
        &mut self,
        target: Option<usize>,
        action: Action,
        ids: Ids,
        rules: Rules,
        now: Timestamp,
    ) -> Result<Happened, Refusal> {
        match action {
            Action::Begin(method) => self.begin(method, ids, rules, now),
            Action::BeginThen(method, status, at) => {
                let begun = self.begin(method, ids, rules, now)?;
                self.attempts[begun.attempt].due = Some((at, status));
                Ok(begun)
            }
            Action::Schedule(status, at) => {
                let pending = target.or_else(|| self.newest(Status::Pending)).ok_or(WRONG_STATE)?;
                self.attempts[pending].due = Some((at, status));
                Ok(Happened { attempt: pending, change: None })
            }
            Action::Decide(method, status) => self.decide(target, method, status, ids, rules, now),
            Action::Mediate | Action::ChargeBack | Action::CloseDispute { .. } => {
                self.dispute(target, action, ids.number, rules, now)
            }
            Action::Refund(amount) => {
                let at = target.or_else(|| self.newest(Status::Approved)).ok_or(WRONG_STATE)?;
                let left = self.left(&self.attempts[at]);
                let origin = (rules.by_hand)(&self.attempts[at], amount, now);
                let refund = Refund::done(ids, amount.unwrap_or(left), amount.is_some(), origin, now);
                self.refund(at, refund)
            }
        }
    }

    fn begin(&mut self, method: Method, ids: Ids, rules: Rules, now: Timestamp) -> Result<Happened, Refusal> {
        if self.newest(Status::Approved).is_some() {
            return Err(Refusal::new("already_paid", "This is paid already."));
        }
        if rules.closes && self.expires_at.is_some_and(|end| end <= now) {
            return Err(Refusal::new("expired", "The time to pay is over."));
        }
        if !self.methods.contains(&method) {
            return Err(WRONG_METHOD);
        }
        if self.attempts.len() >= MAX_ATTEMPTS {
            return Err(Refusal::new("too_many_attempts", "There were too many tries to pay this."));
        }
        let is_cash = method == Method::Cash;
        let slip_end = is_cash.then(|| (rules.cash_end)(self, ids.number, now)).flatten();
        if let Some(at) = self.only() {
            let only = &mut self.attempts[at];
            return match only.status {
                Status::Open => {
                    (only.method, only.status, only.updated_at) = (method, Status::Pending, now);
                    only.slip_end = slip_end;
                    only.expires_at = slip_end.or(only.expires_at);
                    Ok(Happened::new(at, Change::Created))
                }
                // It stays as it is until it is decided or, if it expired, paid.
                Status::Pending | Status::Expired => Ok(Happened { attempt: at, change: None }),
                _ => Err(WRONG_STATE),
            };
        }
        // Who pays at a counter does so until the slip's end, or never.
        let due = slip_end.map(|end| (end, Status::Expired));
        self.attempts.push(Attempt { due, slip_end, ..Attempt::new(ids, method, Status::Pending, now) });
        Ok(Happened::new(self.attempts.len() - 1, Change::Created))
    }

    fn decide(
        &mut self,
        target: Option<usize>,
        method: Method,
        status: Status,
        ids: Ids,
        rules: Rules,
        now: Timestamp,
    ) -> Result<Happened, Refusal> {
        if let Some(at) = target.or_else(|| self.newest(Status::Pending)).or_else(|| self.only()) {
            let attempt = &mut self.attempts[at];
            if attempt.status == status && !attempt.is_undone(self.amount.amount) {
                return Ok(Happened { attempt: at, change: None });
            }
            match (attempt.status, status) {
                (Status::Open | Status::Pending, _) => {}
                (Status::Expired, Status::Approved | Status::Cancelled) if attempt.expires_at.is_some() => {}
                _ => return Err(WRONG_STATE),
            }
            if attempt.status != Status::Pending {
                if !self.methods.contains(&method) {
                    return Err(WRONG_METHOD);
                }
                attempt.method = method;
            }
            attempt.decide(status, now);
            return Ok(Happened::new(at, Change::Updated));
        }
        if let Some(paid) = self.newest(Status::Approved).filter(|_| status == Status::Approved) {
            return Ok(Happened { attempt: paid, change: None });
        }
        let begun = self.begin(method, ids, rules, now)?;
        self.attempts[begun.attempt].decide(status, now);
        Ok(begun)
    }

    fn dispute(
        &mut self,
        target: Option<usize>,
        action: Action,
        number: u64,
        rules: Rules,
        now: Timestamp,
    ) -> Result<Happened, Refusal> {
        let told = match rules.disputes {
            Disputes::Untold => false,
            Disputes::Final => action == Action::ChargeBack,
            Disputes::Staged => true,
        };
        if !told {
            return Err(Refusal::new("no_disputes", "This gateway tells merchants nothing of that."));
        }
        let at = target.or_else(|| self.newest(Status::Approved)).ok_or(WRONG_STATE)?;
        let whole = self.left(&self.attempts[at]) == 0;
        let attempt = &mut self.attempts[at];
        if attempt.status != Status::Approved || whole {
            return Err(WRONG_STATE);
        }
        let stage = match (attempt.dispute.as_ref().map(|dispute| dispute.stage), action) {
            (None | Some(Stage::Won), Action::Mediate) => Stage::Mediation,
            (None | Some(Stage::Won | Stage::Mediation), Action::ChargeBack) => Stage::Open,
            (Some(Stage::Open | Stage::Mediation), Action::CloseDispute { won: true }) => Stage::Won,
            (Some(Stage::Open | Stage::Mediation), Action::CloseDispute { won: false }) => Stage::Lost,
            (Some(Stage::Mediation), Action::Mediate) | (Some(Stage::Open), Action::ChargeBack) => {
                return Ok(Happened { attempt: at, change: None });
            }
            _ => return Err(WRONG_STATE),
        };
        match &mut attempt.dispute {
            Some(dispute) if dispute.stage != Stage::Won => dispute.stage = stage,
            dispute => *dispute = Some(Dispute { number, stage, opened_at: now }),
        }
        attempt.updated_at = now;
        Ok(Happened::new(at, Change::Disputed))
    }

    /// Gives money back, or has a person look at it. Whether that is more than all
    /// counts only what went back already.
    pub(super) fn refund(&mut self, at: usize, refund: Refund) -> Result<Happened, Refusal> {
        let left = self.left(&self.attempts[at]);
        let attempt = &mut self.attempts[at];
        let taken = attempt.dispute.as_ref().map(|dispute| dispute.stage);
        if attempt.status != Status::Approved
            || matches!(taken, Some(Stage::Open | Stage::Lost | Stage::Mediation))
        {
            return Err(WRONG_STATE);
        }
        if refund.amount <= 0 || refund.amount > left {
            return Err(Refusal::new("amount", "The amount must be at most what is left of the payment."));
        }
        if attempt.refunds.len() >= MAX_REFUNDS {
            return Err(Refusal::new("too_many_refunds", "A payment has at most 50 refunds."));
        }
        attempt.updated_at = refund.created_at;
        let change = (refund.state == RefundState::Done).then_some(Change::Refunded);
        attempt.refunds.push(refund);
        Ok(Happened { attempt: at, change })
    }

    /// A person at the gateway looked at a refund.
    pub(super) fn review(
        &mut self,
        refund: &str,
        approve: bool,
        now: Timestamp,
    ) -> Result<Happened, Refusal> {
        let whole = self.amount.amount;
        for (at, attempt) in self.attempts.iter_mut().enumerate() {
            let left = whole - attempt.refunded();
            let Some(found) = attempt.refunds.iter_mut().find(|found| found.id == refund) else { continue };
            if found.state != RefundState::InReview {
                return Err(WRONG_STATE);
            }
            // Nobody gives back more than was paid, whatever was asked for meanwhile.
            let done = approve && found.amount <= left;
            found.state = if done { RefundState::Done } else { RefundState::Declined };
            found.decided_at = Some(now);
            found.review_at = None;
            attempt.updated_at = now;
            return Ok(Happened::new(at, Change::Refunded));
        }
        Err(Refusal::new("no_refund", "There is no such refund."))
    }
}

impl Record for Purchase {
    type Change = Happened;

    fn id(&self) -> &str {
        &self.id
    }

    fn names(&self) -> Vec<String> {
        let mut names = vec![self.id.clone(), self.number.to_string(), self.reference.clone()];
        for attempt in &self.attempts {
            names.push(attempt.id.clone());
            if attempt.payment_id != attempt.id {
                names.push(attempt.payment_id.clone());
            }
            names.extend(attempt.dispute.iter().map(|dispute| dispute.number.to_string()));
            names.extend(attempt.refunds.iter().map(|refund| refund.id.clone()));
        }
        names
    }

    fn highest_number(&self) -> u64 {
        let attempts = self.attempts.iter().flat_map(|attempt| {
            let disputes = attempt.dispute.iter().map(|dispute| dispute.number);
            disputes.chain(attempt.refunds.iter().map(|refund| refund.number)).chain([attempt.number])
        });
        attempts.chain([self.number]).max().unwrap_or_default()
    }

    fn due_at(&self) -> Option<Timestamp> {
        let decisions = self.attempts.iter().filter_map(|attempt| Some(attempt.next()?.0));
        let refunds = self.attempts.iter().flat_map(|attempt| &attempt.refunds);
        decisions.chain(refunds.filter_map(|refund| refund.review_at)).min()
    }

    fn step(&mut self, now: Timestamp) -> Option<Happened> {
        let first = self.due_at().filter(|due| *due <= now)?;
        for (at, attempt) in self.attempts.iter_mut().enumerate() {
            if let Some((_, status)) = attempt.next().filter(|(due, _)| *due == first) {
                attempt.decide(status, first);
                return Some(Happened::new(at, Change::Updated));
            }
        }
        let refunds = self.attempts.iter().flat_map(|attempt| &attempt.refunds);
        let due = refunds.filter(|refund| refund.review_at == Some(first)).map(|refund| refund.id.clone());
        let due = due.min()?;
        self.review(&due, true, first).ok()
    }
}
