//! Transitions of an order by its buyer and its organiser. Those by gateways' reports are in
//! `next`.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::change::{Change, Revocation, TaskChange};
use super::{
    Attendee, ChosenSeats, ExtraLine, Holding, Order, OrderFields, OrderLine, OrderStatus, Payment,
    PaymentState, RefundProgress, RefundStep, Secured, TicketState,
};
use crate::outbox::{OrderNews, Outbox};
use crate::payment::{GatewayName, ManualReason};
use crate::policy::Accepted;
use crate::pricing::Quote;
use crate::{BasisPoints, Error, GatewayAccountId, Language, OrderId, OrderPart, Person, Result, UserId};

/// What the order keeps of a buyer without an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestTrace {
    /// The mark of the network that the hold came from.
    pub network: String,
    /// The telephone number, if one was given.
    pub phone: Option<String>,
}

/// The data of a buyer's hold that its quote does not have.
#[derive(Debug)]
pub struct Hold {
    /// The buyer's user id.
    pub user: UserId,
    /// The buyer's e-mail address and name.
    pub buyer: Person,
    /// What is known of a buyer without an account; `None` for one with.
    pub guest: Option<GuestTrace>,
    /// The language of the order's mails.
    pub language: Language,
    /// The attendees: one for each ticket in the order of the lines, or none yet.
    pub attendees: Vec<Attendee>,
    /// The claims on allotments.
    pub holdings: Vec<Holding>,
    /// The seats of the lines for which they were chosen.
    pub chosen: Vec<ChosenSeats>,
    /// When the hold ends.
    pub expires_at: Timestamp,
    /// A digest of the request, if it had an idempotency key.
    pub idempotency: Option<String>,
    /// The organiser's policies that the buyer accepted.
    pub accepted: Option<Accepted>,
    /// The rate of the operator's commission.
    pub commission: BasisPoints,
}

/// A payment that was made at a gateway and has yet to be paid.
#[derive(Debug)]
pub struct StartedPayment {
    /// The number of the try.
    pub attempt: u8,
    /// The gateway of the payment.
    pub gateway: GatewayName,
    /// The organiser's account there; `None` at the sandbox.
    pub account: Option<GatewayAccountId>,
    /// The gateway's id of it, if it has one already.
    pub payment_id: Option<String>,
    /// The URL of the checkout, where asking the gateway again would make a second payment.
    pub checkout_url: Option<String>,
    /// A digest of the request, if it had an idempotency key.
    pub idempotency: Option<String>,
    /// Until when its buyer may pay it in cash or by transfer; `None` if its page offers no cash.
    pub cash_until: Option<Timestamp>,
    /// The fee that the gateway keeps for the operator, in minor units; 0 if it keeps none.
    pub marketplace_fee: i64,
}

impl Order {
    /// The reservation that a hold makes of a quote. The order charges the price that the quote
    /// showed.
    pub fn hold(quote: Quote, hold: Hold) -> Self {
        let promotion = quote.promotion.filter(|promotion| promotion.applied);
        let mut lines: Vec<OrderLine> = quote.lines.into_iter().map(OrderLine::from).collect();
        for ChosenSeats { line, seats } in hold.chosen {
            if let Some(line) = lines.get_mut(usize::from(line)) {
                line.seats = seats;
            }
        }
        let (guest_network, phone) =
            hold.guest.map_or((None, None), |guest| (Some(guest.network), guest.phone));
        let mut order = Self(OrderFields {
            id: OrderId::of_quote(quote.id, hold.user),
            user: hold.user,
            tenant: quote.tenant_id,
            event: quote.event_id,
            status: OrderStatus::Held,
            currency: quote.currency,
            lines,
            extras: quote.extras.into_iter().map(ExtraLine::from).collect(),
            total: quote.totals.total,
            buyer: hold.buyer,
            phone,
            guest_network,
            link_epoch: 0,
            language: hold.language,
            attendees: hold.attendees,
            holdings: hold.holdings,
            expires_at: hold.expires_at,
            paid_at: None,
            payments: Vec::new(),
            tickets: BTreeMap::new(),
            promotion_id: promotion.as_ref().and_then(|promotion| promotion.id),
            promotion_code: promotion.map(|promotion| promotion.code),
            idempotency: hold.idempotency,
            commission: 0,
            accepted: hold.accepted,
            withdrawn_at: None,
            mailed_at: None,
            version: 1,
        });
        order.0.commission = order.commission_at(hold.commission);
        order
    }

    /// Ends a reservation in favour of another one of its buyer. With `forgets_key`, the other one
    /// has its idempotency key, and this one loses it.
    #[must_use]
    pub fn release_for_other(&mut self, forgets_key: bool) -> Change {
        self.0.status = OrderStatus::Released;
        if forgets_key {
            self.0.idempotency = None;
        }
        Change::default()
    }

    /// Ends a reservation at its buyer's request.
    ///
    /// # Errors
    /// `already_paid` (409).
    pub fn cancel(&mut self, now: Timestamp) -> Result<Change> {
        self.cancellable(now)?;
        self.0.status = OrderStatus::Released;
        Ok(Change::default())
    }

    /// Ends the order's link, and mails another to its buyer.
    #[must_use]
    pub fn renew_link(&mut self) -> Change {
        // A renewal is limited to a few an hour, so the last epoch is centuries away.
        self.0.link_epoch = self.link_epoch.saturating_add(1);
        Change::with_message(Outbox::News { news: OrderNews::LinkRenewed })
    }

    /// Mails its buyer, a guest, what confirms that all data is to be erased, good until `until`.
    pub fn ask_erasure(&self, until: Timestamp) -> Change {
        Change::with_message(Outbox::News { news: OrderNews::ErasureAsked { until } })
    }

    /// Empties what the order says of its buyer and attendees, for good: names, addresses, slips and
    /// pages of payments. Ends its link. Nobody hears of it.
    pub fn forget_buyer(&mut self) -> Change {
        (self.0.buyer.email, self.0.buyer.name) = (String::new(), String::new());
        self.0.attendees.clear();
        (self.0.idempotency, self.0.guest_network, self.0.phone) = (None, None, None);
        for payment in &mut self.0.payments {
            (payment.checkout_url, payment.idempotency) = (None, None);
            if let Some(later) = &mut payment.later {
                (later.slip_url, later.code) = (None, None);
            }
        }
        self.0.link_epoch = self.link_epoch.saturating_add(1);
        Change::default()
    }

    /// Sets the attendees; true if they are new.
    pub fn name_attendees(&mut self, attendees: Vec<Attendee>) -> bool {
        let is_new = !attendees.is_empty() && attendees != self.attendees;
        if is_new {
            self.0.attendees = attendees;
        }
        is_new
    }

    /// Adds a payment to which the buyer is sent.
    #[must_use]
    pub fn payment_started(&mut self, started: StartedPayment, now: Timestamp) -> Change {
        let StartedPayment {
            attempt,
            gateway,
            account,
            payment_id,
            checkout_url,
            idempotency,
            cash_until,
            marketplace_fee,
        } = started;
        self.0.payments.push(Payment {
            payment_id,
            checkout_url,
            idempotency,
            may_extend_to: cash_until,
            marketplace_fee,
            ..Payment::pending(attempt, gateway, account, self.total, now)
        });
        self.0.status = OrderStatus::AwaitingPayment;
        Change::with_message(Outbox::AwaitPayment)
    }

    /// Issues the tickets of an order with nothing to pay or, if its places are gone, ends it.
    #[must_use]
    pub fn settle_free(&mut self, secured: Secured, now: Timestamp) -> Change {
        match secured {
            Secured::All(holdings) => {
                self.sold(holdings, now);
                Change::with_message(Outbox::FreeTickets)
            }
            Secured::Gone(_) => {
                self.0.status = OrderStatus::Released;
                Change::default()
            }
        }
    }

    /// Notes that the order has its places and is paid.
    pub(super) fn sold(&mut self, holdings: Vec<Holding>, now: Timestamp) {
        self.0.holdings = holdings;
        self.0.status = OrderStatus::Paid;
        self.0.paid_at = Some(now);
    }

    /// Notes that gateways closed these payments at our request, so that they can no longer be
    /// paid.
    #[must_use]
    pub fn payments_closed(&mut self, places: &[usize]) -> Change {
        for place in places {
            self.0.payments[*place].state = PaymentState::Declined;
            self.0.payments[*place].closed = true;
        }
        Change::default()
    }

    /// Notes that the buyer has paid these tries, each with the gateway's id of the payment, and
    /// that the gateway has not decided. With `is_to_settle`, a gateway has decided about one, and
    /// is asked.
    #[must_use]
    pub fn payments_processing(&mut self, paid: &[(u8, String)], is_to_settle: bool) -> Change {
        self.show_processing(paid);
        Change { outbox: is_to_settle.then_some(Outbox::AskNow), ..Change::default() }
    }

    /// Shows these tries as paid, for the answer to a waiting buyer; see
    /// [`Order::payments_processing`].
    pub fn show_processing(&mut self, paid: &[(u8, String)]) {
        for payment in &mut self.0.payments {
            let known = paid.iter().find(|(attempt, _)| *attempt == payment.attempt);
            if let Some((_, id)) = known
                && payment.is_undecided()
            {
                payment.state = PaymentState::Processing;
                payment.payment_id = Some(id.clone());
            }
        }
    }

    /// Refunds tickets and vouchers at their price, less the money that went back before without one.
    ///
    /// # Errors
    /// `nothing_to_refund` (409) if less than that is left of the order's money.
    pub fn refund_parts(&mut self, parts: &[OrderPart]) -> Result<Change> {
        // Money that went back before without a ticket or voucher: at the gateway, or through the bank.
        let before = self.uncovered();
        let wanted = self.part_totals().filter(|(part, _)| parts.contains(part));
        let worth: i64 = wanted.map(|(_, amount)| amount).sum();
        let mut due = (worth - before).max(0);
        let mut payments = self.payments.clone();
        for payment in &mut payments {
            let part = due.min(payment.kept().max(0));
            payment.refund_due += part;
            due -= part;
        }
        if due > 0 {
            return Err(Error::conflict("nothing_to_refund", "The money of this order is back already."));
        }
        self.0.payments = payments;
        self.revoke(parts);
        let revokes = Revocation::Parts(parts.to_vec());
        Ok(Change { outbox: Some(Outbox::Refund { news: None }), revokes, ..Change::default() })
    }

    /// Notes that these tickets and vouchers of the order are refunded.
    pub(super) fn revoke(&mut self, parts: &[OrderPart]) {
        if parts.is_empty() {
            return;
        }
        for (_, place) in parts.iter().filter_map(OrderPart::order) {
            self.0.tickets.entry(place).or_default().refunded = true;
        }
        let all = self.valid_parts().is_empty();
        self.0.status = if all { OrderStatus::Refunded } else { OrderStatus::PartlyRefunded };
    }

    /// Gives a ticket a new holder at `now`, and so its next code.
    #[must_use]
    pub fn transfer_ticket(&mut self, index: u8, to: UserId, now: Timestamp) -> Change {
        let buyer = self.user;
        let serial = self.tickets.get(&index).map_or(0, |state| state.serial);
        let holder = Some(to).filter(|holder| *holder != buyer);
        self.0.tickets.insert(
            index,
            TicketState { serial: serial + 1, refunded: false, holder, transferred_at: Some(now) },
        );
        Change::default()
    }

    /// Notes that a person gave back the amount of a payment's refund task, perhaps without the
    /// gateway.
    #[must_use]
    pub fn refunded_by_hand(&mut self, place: u8) -> Change {
        let at = usize::from(place);
        let amount = self.payments[at].refund_under_way().unwrap_or_default();
        self.0.payments[at].by_hand += amount;
        self.booked(at, amount, true)
    }

    /// Closes a payment's refund task, so that the gateway is asked again.
    ///
    /// # Errors
    /// `refund_disputed` (409) if the buyer's bank wants the money back, too.
    pub fn retry_refund(&mut self, place: u8, now: Timestamp) -> Result<Change> {
        let at = usize::from(place);
        let payment = Payment { refund: None, ..self.payments[at].clone() };
        match payment.refund_step(now) {
            RefundStep::Ask { .. } => {
                self.0.payments[at] = payment;
                let tasks = vec![TaskChange::Close(place)];
                Ok(Change { outbox: Some(Outbox::Refund { news: None }), tasks, ..Change::default() })
            }
            _ => Err(Error::conflict(
                "refund_disputed",
                "The buyer's bank wants this money back, too, so the gateway is not asked for it. Look there who \
                 gives it back, and then say that it is done.",
            )),
        }
    }

    /// Claims the refund of a payment for one worker.
    #[must_use]
    pub fn claim_refund(&mut self, place: usize, claim: RefundProgress) -> Change {
        self.0.payments[place].refund = Some(claim);
        Change::default()
    }

    /// Leaves `amount` of what is due of a payment to a person.
    #[must_use]
    pub(super) fn leave_to_person(
        &mut self,
        place: usize,
        amount: i64,
        reason: ManualReason,
        since: Timestamp,
    ) -> Change {
        self.0.payments[place].refund = Some(RefundProgress::Manual { amount, reason, since });
        let payment = number(place);
        let news = OrderNews::RefundByHand { payment, amount, reason, since };
        let tasks = vec![TaskChange::Open(payment)];
        Change { outbox: Some(Outbox::News { news }), tasks, ..Change::default() }
    }

    /// Notes that the buyer has this part of the money that was due, and continues with the rest.
    #[must_use]
    pub(super) fn booked(&mut self, place: usize, amount: i64, by_hand: bool) -> Change {
        let payment = &mut self.0.payments[place];
        let tasks = ended_task(payment, place);
        payment.book_refund(amount);
        let news = OrderNews::RefundDone { payment: number(place), amount, by_hand };
        let outbox = if self.has_refund_to_begin() {
            Outbox::Refund { news: Some(news) }
        } else {
            Outbox::News { news }
        };
        Change { outbox: Some(outbox), tasks, ..Change::default() }
    }
}

/// The closing of the payment's refund task, if it has one.
pub(super) fn ended_task(payment: &Payment, place: usize) -> Vec<TaskChange> {
    let is_task = matches!(payment.refund, Some(RefundProgress::Manual { .. }));
    is_task.then(|| TaskChange::Close(number(place))).into_iter().collect()
}

/// The index of a payment, as tasks and news have it.
pub(super) fn number(place: usize) -> u8 {
    // An order has as many payments as its buyer made, which is never 255.
    u8::try_from(place).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests;
