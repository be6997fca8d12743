//! What a step of a settlement makes of an order, in memory.

use domain::gateway_account::AccountRef;
use domain::order::{
    ManualReason, Order, OrderStatus, Payment, PaymentState, RefundProgress, Settlement, UnusedReason,
};
use domain::payment::{Dispute, GatewayName, PaymentReport};
use domain::{TicketId, Timestamp};
use queue::{Loss, OrderNews, Outbox};
use store::{Secured, TaskChange};

/// Where a report comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source {
    pub(crate) gateway: GatewayName,
    /// Whose account there; `None` at the sandbox.
    pub(crate) account: Option<AccountRef>,
}

impl Source {
    /// True if a payment seen there counts for the try `attempt` of the order: made with
    /// the account that the try names or, for a try that was never noted, with one of the
    /// order's own organiser. Else one organiser's money could pay for another's tickets.
    pub(crate) fn may_pay(&self, order: &Order, attempt: u8) -> bool {
        let account = self.account.map(|account| account.id);
        self.account.is_none_or(|account| account.tenant_id == order.tenant)
            && (order.payments.iter().filter(|payment| payment.attempt == attempt))
                .all(|payment| payment.gateway == self.gateway && payment.account == account)
    }
}

/// What must happen in the same write as a change of an order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) outbox: Option<Outbox>,
    pub(crate) tasks: Vec<TaskChange>,
    /// What nobody used of the tickets becomes worthless: none of the money is left.
    pub(crate) revokes: bool,
}

impl Change {
    fn tell(news: OrderNews) -> Self {
        Self { outbox: Some(Outbox::News { news }), ..Self::default() }
    }
}

/// The place of the payment in the order that the report is about; it is put there if
/// it was never noted.
pub(crate) fn place_of(
    order: &mut Order,
    (source, attempt): (Source, u8),
    report: &PaymentReport,
    now: Timestamp,
) -> usize {
    let place = order.payment_of(attempt, report).unwrap_or_else(|| {
        let account = source.account.map(|account| account.id);
        order.payments.push(Payment::pending(attempt, (source.gateway, account), order.total, now));
        order.payments.len() - 1
    });
    order.payments[place].payment_id = Some(report.payment_id.clone());
    place
}

/// Notes a step that needs no look at the allotments.
pub(crate) fn note(
    order: &mut Order,
    place: usize,
    settlement: Settlement,
    report: &PaymentReport,
) -> Change {
    let number = number(place);
    let payment = &mut order.payments[place];
    match settlement {
        // What `Settle` makes of the order, its places decide: see `settled`.
        Settlement::Nothing | Settlement::Settle => Change::default(),
        Settlement::Process => {
            payment.state = PaymentState::Processing;
            Change::default()
        }
        Settlement::Decline => {
            payment.state = PaymentState::Declined;
            Change::default()
        }
        Settlement::Return => {
            payment.state = PaymentState::Returned;
            Change::default()
        }
        Settlement::Alert => {
            payment.state = PaymentState::Mismatched;
            Change::tell(OrderNews::PaymentMismatch { payment: number, paid: report.amount })
        }
        Settlement::GiveBack(reason) => {
            payment.give_back(reason);
            if reason == UnusedReason::Cancelled {
                order.status = OrderStatus::RefundDue;
            }
            // Whose tickets hold needs no more than to hear that the money went back.
            let is_told = reason != UnusedReason::PaidTwice;
            let news = is_told.then_some(OrderNews::RefundDue { payment: number, amount: payment.amount });
            Change { outbox: Some(Outbox::Refund { news }), ..Change::default() }
        }
        Settlement::ConfirmRefund(amount) => booked(order, place, amount),
        Settlement::RefundedElsewhere(amount) => {
            payment.refunded += amount;
            let loss = Loss::default();
            after_loss(order, OrderNews::RefundedElsewhere { payment: number, amount, loss })
        }
        Settlement::Dispute(dispute) => disputed(order, place, dispute),
    }
}

/// Notes whether the places of a payment that was just approved were still there.
pub(crate) fn settled(order: &mut Order, place: usize, secured: Secured, now: Timestamp) -> Change {
    let payment = &mut order.payments[place];
    payment.state = PaymentState::Approved;
    let outbox = match secured {
        Secured::All(holdings) => {
            order.holdings = holdings;
            order.status = OrderStatus::Paid;
            order.paid_at = Some(now);
            Outbox::Tickets
        }
        Secured::Gone(some) => {
            // Whoever gives the money back gives these back, too.
            order.holdings = some;
            payment.give_back(UnusedReason::PlacesGone);
            order.status = OrderStatus::RefundDue;
            let news = OrderNews::RefundDue { payment: number(place), amount: payment.amount };
            Outbox::Refund { news: Some(news) }
        }
    };
    Change { outbox: Some(outbox), ..Change::default() }
}

/// Notes that the places of a paid order ran out before they were sold, and others have
/// them: its tickets are worthless, and its money goes back.
pub(crate) fn lost(order: &mut Order) -> Change {
    // One payment at most is kept, and none of free tickets.
    let mut news = OrderNews::PlacesLost;
    for (place, payment) in order.payments.iter_mut().enumerate().filter(|(_, payment)| payment.kept() > 0) {
        let amount = payment.kept();
        payment.refund_due += amount;
        payment.unused = Some(UnusedReason::PlacesLost);
        news = OrderNews::RefundDue { payment: number(place), amount };
    }
    Change { outbox: Some(Outbox::Refund { news: Some(news) }), tasks: Vec::new(), revokes: true }
}

/// Notes that money which was due is back with the buyer, and goes on with what is due
/// beyond that.
pub(crate) fn booked(order: &mut Order, place: usize, amount: i64) -> Change {
    let payment = &mut order.payments[place];
    let tasks = closed(payment, place);
    payment.book_refund(amount);
    let news = OrderNews::RefundDone { payment: number(place), amount, by_hand: false };
    let outbox =
        if order.has_refund_to_begin() { Outbox::Refund { news: Some(news) } } else { Outbox::News { news } };
    Change { outbox: Some(outbox), tasks, revokes: false }
}

/// The end of the task that the payment is, if it is one.
pub(crate) fn closed(payment: &Payment, place: usize) -> Vec<TaskChange> {
    let is_task = matches!(payment.refund, Some(RefundProgress::Manual { .. }));
    is_task.then(|| TaskChange::Close(number(place))).into_iter().collect()
}

/// A payment's place as tasks and news have it.
pub(crate) fn number(place: usize) -> u8 {
    // An order has as many payments as somebody paid, which is not 255 times.
    u8::try_from(place).unwrap_or(u8::MAX)
}

fn disputed(order: &mut Order, place: usize, dispute: Dispute) -> Change {
    let number = number(place);
    let payment = &mut order.payments[place];
    payment.dispute = Some(dispute);
    if dispute == Dispute::Open {
        return Change::tell(OrderNews::DisputeOpened { payment: number });
    }
    // It is decided who gives the money back, so nobody has to look any more, unless it
    // is us and the gateway may have done it.
    let uncertain =
        matches!(&payment.refund, Some(RefundProgress::Manual { reason: ManualReason::Uncertain, .. }));
    if uncertain && dispute == Dispute::Won {
        return Change::tell(OrderNews::DisputeWon { payment: number });
    }
    let tasks = closed(payment, place);
    if !tasks.is_empty() {
        payment.refund = None;
    }
    let change = match dispute {
        Dispute::Lost => after_loss(order, OrderNews::DisputeLost { payment: number, loss: Loss::default() }),
        // What was due waited for this.
        _ if payment.refund_due > 0 => {
            let outbox = Outbox::Refund { news: Some(OrderNews::DisputeWon { payment: number }) };
            Change { outbox: Some(outbox), ..Change::default() }
        }
        _ => Change::tell(OrderNews::DisputeWon { payment: number }),
    };
    Change { tasks, ..change }
}

/// Money left by another way than ours.
fn after_loss(order: &Order, news: OrderNews) -> Change {
    if order.status.is_settled() && order.kept() <= 0 && order.uncovered() > 0 {
        // The refund also puts the places back on sale.
        let outbox = Some(Outbox::Refund { news: Some(news) });
        return Change { outbox, tasks: Vec::new(), revokes: true };
    }
    Change::tell(news)
}

/// The tickets that still admit, as far as the order knows.
pub(crate) fn valid_tickets(order: &Order) -> Vec<TicketId> {
    order.tickets().filter(|ticket| !ticket.refunded).map(|ticket| ticket.id).collect()
}

/// Notes in the order that these of its tickets are worthless.
pub(crate) fn revoke(order: &mut Order, tickets: &[TicketId]) {
    if tickets.is_empty() {
        return;
    }
    for (_, index) in tickets.iter().filter_map(TicketId::order) {
        order.tickets.entry(index).or_default().refunded = true;
    }
    let all = order.tickets().all(|ticket| ticket.refunded);
    order.status = if all { OrderStatus::Refunded } else { OrderStatus::PartlyRefunded };
}
