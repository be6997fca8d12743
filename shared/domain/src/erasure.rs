//! The end of a person's data: what of it is emptied, what stays for tax, and what it has to wait for.
//!
//! Amounts, lines, ids and times stay: they are the organiser's books, and say nothing of a person.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::discount::DiscountRequest;
use crate::event::Event;
use crate::member::Member;
use crate::order::{Order, PaymentState};
use crate::payment::Dispute;
use crate::pricing::Promotion;
use crate::transfer::{Transfer, TransferState};
use crate::user::{Email, User};
use crate::{OrderId, TenantId, UserId};

/// How long access tokens from before can still order something: until then, the last step waits.
const LAST_TOKENS: SignedDuration = SignedDuration::from_mins(20);
/// How long after a hold has ended a gateway may still say that its payment was made.
const DECIDED: SignedDuration = SignedDuration::from_hours(24);

/// The erasure of a person's data, from the wish until nothing is left to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// The user who asked for it; of a guest, the id that follows from the address.
    pub user: UserId,
    /// True for who has no account, of whom only the orders are erased.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub guest: bool,
    /// All ids under which the person has ordered: the user's, and those of orders without an account.
    pub ids: Vec<UserId>,
    /// The person's address, by which memberships are found.
    pub email: Email,
    /// The organisers whose logs may name the person: those for which the person worked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tenants: Vec<TenantId>,
    /// When the person asked.
    pub asked_at: Timestamp,
    /// True once the memberships of that time are emptied. Who joins a community later is another
    /// member.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub left_communities: bool,
    /// Counts changes.
    pub version: u32,
}

impl Erasure {
    /// The erasure of the orders that a guest made, who is nowhere else.
    pub fn of_guest(user: UserId, email: Email, now: Timestamp) -> Self {
        Self {
            user,
            guest: true,
            ids: vec![user],
            email,
            tenants: Vec::new(),
            asked_at: now,
            left_communities: true,
            version: 1,
        }
    }

    /// True once no access token from before can order anything more.
    pub fn is_alone(&self, now: Timestamp) -> bool {
        self.asked_at + LAST_TOKENS <= now
    }

    /// True if the order is one of those that were to be erased. An address goes on to be somebody's:
    /// what its owner orders without an account later is another matter.
    pub fn covers(&self, order: &Order) -> bool {
        let is_of_account = !self.guest && order.user == self.user;
        is_of_account || order.id.created_at() <= self.asked_at
    }
}

/// Why an order still needs its buyer's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WaitsFor {
    /// A payment that is open, or about which its gateway has not decided.
    Payment,
    /// Money that is on its way back.
    Refund,
    /// The buyer's bank wants the money back, which is not decided.
    Dispute,
    /// A ticket of a show that is not over.
    Show,
}

/// An order that waits, and for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WaitingOrder {
    /// The order's id.
    pub order: OrderId,
    /// What it waits for.
    pub waits_for: WaitsFor,
}

/// The address of a person who is gone: of a domain that no mail leads to (RFC 2606).
fn nowhere(id: &str) -> Email {
    format!("{id}@deleted.invalid").parse().expect("an address by its form")
}

impl Order {
    /// True once it says nothing of its buyer.
    pub fn is_forgotten(&self) -> bool {
        self.buyer.email.is_empty()
    }

    /// What keeps it from being forgotten at `now`. `event` is its event, if that still exists.
    pub fn waits_for(&self, event: Option<&Event>, now: Timestamp) -> Option<WaitsFor> {
        let payments = &self.payments;
        if payments.iter().any(|payment| payment.refund_due > 0) {
            return Some(WaitsFor::Refund);
        }
        if payments.iter().any(|payment| payment.dispute == Some(Dispute::Open)) {
            return Some(WaitsFor::Dispute);
        }
        let is_undecided = payments.iter().any(|payment| match payment.state {
            // A slip may be paid for some days; then a person has to look at it, who needs no buyer.
            PaymentState::Processing => payment.later.is_none() || now < payment.decided_by(),
            PaymentState::Pending => payment.is_open() && now < self.expires_at + DECIDED,
            _ => false,
        });
        if is_undecided || (self.is_payable() && now < self.expires_at) {
            return Some(WaitsFor::Payment);
        }
        let to_come = event.is_some_and(|event| now < event.ends_at);
        (to_come && !self.valid_parts().is_empty()).then_some(WaitsFor::Show)
    }
}

impl Transfer {
    /// Empties what the transfer says of `user`, who sent or received it. True if that was something.
    /// An offer that was not accepted was made to an address that is the sender's affair, and goes too.
    pub fn forget(&mut self, user: UserId) -> bool {
        let before = self.clone();
        if self.from == user {
            (self.sender.email, self.sender.name, self.reason) = (String::new(), String::new(), None);
            if self.state != TransferState::Accepted {
                self.to_email.clear();
            }
        }
        if self.to == Some(user) {
            self.to_email.clear();
            self.receiver = None;
        }
        *self != before
    }
}

impl Member {
    /// Empties what the item says of the person. Its id stays, on which the community's books hang.
    pub fn forget(&mut self, now: Timestamp) {
        self.email = nowhere(&self.id.suffix());
        self.name.clear();
        (self.dni, self.phone, self.city) = (None, None, None);
        (self.how_did_you_find_us, self.favorite_music_genre, self.email_bounced_at) = (None, None, None);
        (self.subscription_active, self.monthly_fee_current) = (false, false);
        self.touch(None, now);
    }

    /// True once it says nothing of the person.
    pub fn is_forgotten(&self) -> bool {
        self.email == nowhere(&self.id.suffix())
    }
}

impl DiscountRequest {
    /// Empties what the request says of the member who asked. True if that was something.
    pub fn forget(&mut self) -> bool {
        let before = self.clone();
        (self.user_email, self.user_name) = (String::new(), String::new());
        (self.message, self.mail, self.supervisor_notes) = (None, None, None);
        let changed = *self != before;
        self.version += u32::from(changed);
        changed
    }
}

impl Promotion {
    /// Makes a code that is bound to a member nobody's, for good.
    pub fn forget_owner(&mut self) {
        // Its name has the member's.
        self.promotion_name = self.promotion_code.as_str().to_owned();
        self.bound_email = Some(nowhere("member").to_string());
        self.active = false;
        self.version += 1;
    }
}

impl User {
    /// Closes the account at `now`: nobody signs in to it, works with it or is found by its address any
    /// more. The address stays until the last order no longer needs it.
    pub fn close(&mut self, now: Timestamp) {
        self.closed_at.get_or_insert(now);
        self.password_hash = None;
        self.session_epoch += 1;
        (self.last_tenant, self.phone) = (None, None);
    }

    /// Empties a closed account. Its id stays, which books and logs name.
    pub fn forget(&mut self) {
        self.email = nowhere(&self.id.suffix());
        self.name.clear();
        (self.phone, self.password_hash, self.last_tenant) = (None, None, None);
        self.staff.clear();
        self.email_verified_at = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::fixture::{now, order};
    use crate::order::{Change, OrderStatus};
    use crate::payment::{MethodKind, PayLater};
    use crate::pricing::fixture::event;
    use crate::testing::at;
    use crate::{Person, TransferId};

    fn paid() -> Order {
        order(OrderStatus::Paid, &[PaymentState::Approved])
    }

    #[test]
    fn an_order_waits_for_its_money_and_its_show() {
        let order = paid();
        let show = event();
        let over = show.ends_at;
        assert_eq!(order.waits_for(Some(&show), show.starts_at), Some(WaitsFor::Show));
        assert_eq!(order.waits_for(Some(&show), over), None);
        assert_eq!(order.waits_for(None, show.starts_at), None, "a show that was deleted");
        let mut refunded = order.clone();
        refunded.edit(|order| order.payments[0].refund_due = 1);
        assert_eq!(refunded.waits_for(Some(&show), over), Some(WaitsFor::Refund));
        let mut processing = order.clone();
        processing.edit(|order| order.payments[0].state = PaymentState::Processing);
        assert_eq!(processing.waits_for(Some(&show), over + DECIDED), Some(WaitsFor::Payment));
        let mut pending = order;
        pending.edit(|order| {
            order.status = OrderStatus::AwaitingPayment;
            order.payments[0].state = PaymentState::Pending;
        });
        let end = pending.expires_at;
        assert_eq!(
            pending.waits_for(None, end + DECIDED - SignedDuration::from_secs(1)),
            Some(WaitsFor::Payment)
        );
        assert_eq!(pending.waits_for(None, end + DECIDED), None);
    }

    #[test]
    fn an_order_waits_for_its_slip_until_somebody_has_to_look_at_it() {
        let due = now() + SignedDuration::from_hours(48);
        let slip = order(OrderStatus::AwaitingPayment, &[PaymentState::Processing]).with(|order| {
            order.payments[0].later = Some(slip_due(due));
        });
        let decided = slip.payments[0].decided_by();
        assert!(decided > due);
        assert_eq!(slip.waits_for(None, due), Some(WaitsFor::Payment));
        assert_eq!(slip.waits_for(None, decided), None);
    }

    fn slip_due(due: Timestamp) -> PayLater {
        PayLater {
            kind: MethodKind::Cash,
            name: Some("efecty".to_owned()),
            due_at: Some(due),
            slip_url: Some("https://pagos.example/slip/4711".to_owned()),
            code: Some("4711".to_owned()),
            without_places: false,
        }
    }

    #[test]
    fn later_orders_of_an_address_are_another_matter() {
        let order = paid();
        let made = order.id.created_at();
        let guest = |at| Erasure::of_guest(order.user, "ana@example.com".parse().expect("valid"), at);
        assert!(guest(made).covers(&order));
        assert!(!guest(made - SignedDuration::from_secs(1)).covers(&order));
        let account = |user| Erasure { user, guest: false, ..guest(made - SignedDuration::from_secs(1)) };
        assert!(account(order.user).covers(&order), "until the last token has ended");
        assert!(!account(UserId::generate(at(9))).covers(&order), "of the guest with its address");
    }

    #[test]
    fn an_order_keeps_its_books_and_loses_its_buyer() {
        let mut order = paid().with(|order| {
            order.phone = Some("300 555 0199".to_owned());
            order.payments[0].later = Some(slip_due(now()));
            order.payments[0].checkout_url = Some("https://pagos.example/4711".to_owned());
        });
        let before = order.clone();
        let change = order.forget_buyer();
        assert_eq!(change, Change::default(), "nobody hears of it");
        assert!(order.is_forgotten() && order.buyer.name.is_empty() && order.attendees.is_empty());
        assert_eq!((&order.phone, &order.payments[0].checkout_url), (&None, &None));
        let later = order.payments[0].later.as_ref().expect("how it was paid stays");
        assert_eq!((later.name.as_deref(), &later.slip_url, &later.code), (Some("efecty"), &None, &None));
        assert_eq!((order.id, order.total, &order.lines), (before.id, before.total, &before.lines));
        assert_eq!(order.valid_parts(), before.valid_parts());
    }

    #[test]
    fn a_transfer_forgets_each_of_two_persons_alone() {
        let [ana, eva] = [1, 2].map(|second| UserId::generate(at(second)));
        let person = |name: &str| Person { email: format!("{name}@example.com"), name: name.to_owned() };
        let order = paid();
        let accepted = Transfer {
            id: TransferId::generate(at(0)),
            from: ana,
            sender: person("ana"),
            to_email: "eva@example.com".to_owned(),
            to: Some(eva),
            receiver: Some(person("eva")),
            ticket: order.id.ticket(0),
            serial: 0,
            buyer: ana,
            event: order.event,
            reason: Some("Ana can not come".to_owned()),
            state: TransferState::Accepted,
            created_at: at(0),
            expires_at: at(1),
            decided_at: Some(at(1)),
        };
        let mut without_ana = accepted.clone();
        assert!(without_ana.forget(ana) && !without_ana.forget(ana));
        assert_eq!((without_ana.sender.email.as_str(), without_ana.reason.as_ref()), ("", None));
        assert_eq!(without_ana.receiver, accepted.receiver);
        let mut without_eva = accepted.clone();
        assert!(without_eva.forget(eva));
        assert_eq!((without_eva.to_email.as_str(), &without_eva.receiver), ("", &None));
        assert_eq!(without_eva.sender, accepted.sender);
        assert!(!accepted.clone().forget(UserId::generate(at(3))));
        let mut open = Transfer { state: TransferState::Cancelled, to: None, receiver: None, ..accepted };
        assert!(open.forget(ana));
        assert!(open.to_email.is_empty());
    }

    #[test]
    fn a_closed_account_is_emptied_at_the_end() {
        let mut user = User::new("ana@example.com".parse().expect("valid"), at(0));
        user.name = "Ana".to_owned();
        user.close(at(1));
        assert_eq!(
            (user.closed_at, user.session_epoch, user.email.as_str()),
            (Some(at(1)), 1, "ana@example.com")
        );
        user.forget();
        assert!(user.email.as_str().ends_with("@deleted.invalid") && user.name.is_empty());
    }
}
