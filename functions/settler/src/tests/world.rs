//! An order's item, the doors and a gateway, all in memory.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use domain::gateway_account::AccountRef;
use domain::order::{
    Order, OrderStatus, PaymentState, RefundAsk, RefundOutcome, Source, TaskChange, fixture,
};
use domain::outbox::Outbox;
use domain::payment::{Dispute, Due, GatewayName, ManualReason, MethodKind, PaymentReport, PaymentStatus};
use domain::{Currency, GatewayAccountId, Money, OrderPart, TenantId, Timestamp, UserId};

/// The price of three tickets and three units of products, in minor units.
pub(super) const PRICE: i64 = 151;

/// How long the buyer has to pay in cash.
const CASH: Duration = Duration::from_secs(24 * 3600);

pub(super) type Shared = Rc<RefCell<World>>;

pub(super) struct World {
    pub(super) now: Timestamp,
    /// The order as stored in the table.
    pub(super) order: Order,
    pub(super) tasks: BTreeSet<u8>,
    /// Tickets and vouchers that were used at the door.
    pub(super) used: BTreeSet<OrderPart>,
    /// Tickets and vouchers that the doors refuse.
    pub(super) revoked: BTreeSet<OrderPart>,
    /// True if another order has the places.
    pub(super) places_gone: bool,
    /// Until when the order's claims last, if it has any.
    pub(super) claimed_until: Option<Timestamp>,
    /// What must never be written, but was.
    pub(super) wrong: Vec<String>,
    /// Queued messages that ask for a refund.
    pub(super) refund_messages: u8,
    pub(super) payments: Vec<GatewayPayment>,
    /// The organiser's account; payments with another one must not count.
    pub(super) own: Source,
    /// How the gateway reacts to the next refunds, the last one first.
    pub(super) moods: Vec<RefundBehaviour>,
    /// The amount that the organiser promised to give back for tickets.
    pub(super) promised: i64,
    /// The payment that bought the tickets.
    pub(super) payer: Option<String>,
}

/// A payment as the gateway has it.
pub(super) struct GatewayPayment {
    pub(super) id: String,
    pub(super) attempt: u8,
    pub(super) foreign: bool,
    pub(super) amount: i64,
    pub(super) status: PaymentStatus,
    /// Until when a slip has to be paid; `None` for a card.
    pub(super) due: Option<Timestamp>,
    pub(super) dispute: Option<Dispute>,
    pub(super) refunds: Vec<GatewayRefund>,
}

pub(super) struct GatewayRefund {
    pub(super) amount: i64,
    /// `None` while the gateway has not decided.
    pub(super) done: Option<bool>,
    /// True if the box office asked for it, or a person made it because of a task.
    pub(super) ours: bool,
}

/// How a gateway reacts to a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RefundBehaviour {
    Does,
    DecidesLater,
    Declines,
    HasNoCall,
    /// Makes the refund, but its answer is lost.
    DoesInSilence,
    /// Does not answer, and makes no refund.
    IsDown,
    /// Refuses for now; it can be asked again after ten minutes.
    IsTooSoon,
    /// Makes the refund at once, later or not at all, without saying which; repeated, it would
    /// refund twice.
    IsUncertain,
}

impl GatewayPayment {
    pub(super) fn back(&self) -> i64 {
        self.refunds.iter().filter(|refund| refund.done == Some(true)).map(|refund| refund.amount).sum()
    }

    /// The amount that went back or still may.
    fn promised(&self) -> i64 {
        self.refunds.iter().filter(|refund| refund.done != Some(false)).map(|refund| refund.amount).sum()
    }

    pub(super) fn ours(&self) -> i64 {
        let ours = self.refunds.iter().filter(|refund| refund.ours && refund.done == Some(true));
        ours.map(|refund| refund.amount).sum()
    }

    pub(super) fn is_paid(&self) -> bool {
        self.status == PaymentStatus::Approved
    }

    pub(super) fn give(&mut self, amount: i64, ours: bool, done: Option<bool>) -> bool {
        let fits = self.is_paid()
            && self.dispute != Some(Dispute::Lost)
            && amount > 0
            && self.promised() + amount <= self.amount;
        if fits {
            self.refunds.push(GatewayRefund { amount, done, ours });
        }
        fits
    }

    pub(super) fn report(&self) -> PaymentReport {
        let money = |amount| Money::new(amount, Currency::CLP);
        let status = match (self.status, self.dispute) {
            (PaymentStatus::Approved, Some(Dispute::Lost)) => PaymentStatus::ChargedBack,
            (PaymentStatus::Approved, _) if self.back() == self.amount => PaymentStatus::Refunded,
            (status, _) => status,
        };
        let is_pending = status == PaymentStatus::Pending;
        PaymentReport {
            refunded: money(self.back()),
            dispute: self.dispute,
            method: self.due.map(|_| MethodKind::Cash),
            due: self.due.filter(|_| is_pending).map(|by| Due { by: Some(by), ..Due::default() }),
            ..PaymentReport::new(self.id.clone(), String::new(), status, money(self.amount))
        }
    }
}

impl World {
    pub(super) fn new() -> Shared {
        let now = fixture::now();
        let (user, tenant) = (UserId::generate(now), TenantId::generate(now));
        let account = AccountRef { tenant_id: tenant, id: GatewayAccountId::generate(now) };
        // The first attempt was noted, the second was not.
        let order = fixture::order(OrderStatus::AwaitingPayment, &[PaymentState::Pending]).with(|order| {
            (order.user, order.tenant) = (user, tenant);
            order.extras = vec![fixture::extra(1, 20), fixture::extra(2, 31)];
            (order.total, order.payments[0].amount) = (PRICE, PRICE);
            order.payments[0].gateway = GatewayName::Payu;
            order.payments[0].account = Some(account.id);
            order.payments[0].may_extend_to = Some(now + CASH);
        });
        let claimed_until = Some(order.expires_at);
        Rc::new(RefCell::new(Self {
            now,
            order,
            tasks: BTreeSet::new(),
            used: BTreeSet::new(),
            revoked: BTreeSet::new(),
            places_gone: false,
            claimed_until,
            wrong: Vec::new(),
            refund_messages: 0,
            payments: Vec::new(),
            own: Source { gateway: GatewayName::Payu, account: Some(account) },
            moods: Vec::new(),
            promised: 0,
            payer: None,
        }))
    }

    /// The organiser's own account or, if `note_foreign_account`, that of another organiser.
    pub(super) fn source(&self, foreign: bool) -> Source {
        if !foreign {
            return self.own;
        }
        let (tenant_id, id) = (TenantId::generate(self.now), GatewayAccountId::generate(self.now));
        Source { account: Some(AccountRef { tenant_id, id }), ..self.own }
    }

    /// Claims the places until then, unless the order has them longer.
    pub(super) fn claim(&mut self, until: Timestamp) {
        self.claimed_until = self.claimed_until.max(Some(until));
    }

    /// The buyer cancels, and the places are returned.
    pub(super) fn cancel(&mut self) {
        let now = self.now;
        if !self.order.is_payable() {
            return;
        }
        if let Ok(change) = self.order.cancel(now) {
            self.order = self.order.written(&change, &[]).0;
            self.claimed_until = None;
        }
    }

    /// Does what a transaction of the store does; false if a condition failed. Like the store, it
    /// counts an identical item as its own success.
    pub(super) fn write(
        &mut self,
        order: &Order,
        outbox: Option<&Outbox>,
        tasks: &[TaskChange],
        revoked: &[OrderPart],
    ) -> bool {
        if order.version != self.order.version + 1 || revoked.iter().any(|part| self.used.contains(part)) {
            return self.order == *order;
        }
        if order.is_payable()
            && !self.places_gone
            && self.claimed_until.is_none_or(|end| end < order.expires_at)
        {
            self.wrong.push(format!("it ends at {}, its claims {:?}", order.expires_at, self.claimed_until));
        }
        self.order = order.clone();
        self.revoked.extend(revoked);
        for change in tasks {
            match change {
                TaskChange::Open(place) => assert!(self.tasks.insert(*place), "a task twice"),
                TaskChange::Close(place) => assert!(self.tasks.remove(place), "no task to close"),
            }
        }
        self.refund_messages += u8::from(matches!(outbox, Some(Outbox::Refund { .. })));
        true
    }

    /// The gateway client's answer to a refund, as at PayU, which would refund twice. `before` is
    /// the refunded amount by the order, `seen` the one that the gateway showed just now.
    pub(super) fn refund(&mut self, id: &str, asked: RefundAsk, before: i64, seen: i64) -> RefundOutcome {
        let RefundAsk { amount, may_have_been_asked, .. } = asked;
        let mood = self.moods.pop().unwrap_or(RefundBehaviour::Does);
        let payment = self.payments.iter_mut().find(|payment| payment.id == id).expect("known");
        if seen == before + amount {
            return RefundOutcome::Done;
        }
        let fits = match mood {
            _ if seen != before => return RefundOutcome::Manual(ManualReason::Declined),
            RefundBehaviour::HasNoCall => return RefundOutcome::Manual(ManualReason::Unsupported),
            RefundBehaviour::IsDown => return RefundOutcome::Again,
            RefundBehaviour::IsTooSoon => return RefundOutcome::Later(Duration::from_secs(600)),
            _ if may_have_been_asked => return RefundOutcome::Manual(ManualReason::Uncertain),
            RefundBehaviour::Declines => return RefundOutcome::Manual(ManualReason::Declined),
            RefundBehaviour::Does | RefundBehaviour::DoesInSilence => payment.give(amount, true, Some(true)),
            RefundBehaviour::DecidesLater => payment.give(amount, true, None),
            RefundBehaviour::IsUncertain => {
                match amount % 4 {
                    0 | 3 => payment.give(amount, true, Some(true)),
                    1 => false,
                    _ => payment.give(amount, true, None),
                };
                return RefundOutcome::Manual(ManualReason::Uncertain);
            }
        };
        match mood {
            _ if !fits => RefundOutcome::Manual(ManualReason::Declined),
            RefundBehaviour::DoesInSilence => RefundOutcome::Again,
            RefundBehaviour::DecidesLater => RefundOutcome::Pending("r".to_owned()),
            _ => RefundOutcome::Done,
        }
    }

    /// The refunded amount that PayU shows: without refunds that it has not decided.
    pub(super) fn seen_back(&self, id: &str) -> i64 {
        self.payments.iter().find(|payment| payment.id == id).map_or(0, GatewayPayment::back)
    }
}
