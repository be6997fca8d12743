//! The outbox: what must happen after a write, carried by the written item.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::payment::ManualReason;
use crate::second_factor::FactorNews;
use crate::user::LinkPurpose;
use crate::{Error, Language, Money, Person, Result};

/// What must happen after the write that carries this.
///
/// It is JSON text in the attribute `ob` of an item; the table's stream wakes `relay`, which turns
/// it into messages. The item's key says which item it is, so the outbox does not repeat that. It
/// is part of the write that causes it, so it can not be lost between the two.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Outbox {
    /// On an order that was just paid: mail its tickets.
    Tickets,
    /// On an order with nothing to pay that just got its tickets: mail them, and check later that
    /// its places are sold, because no gateway's notification comes for it.
    FreeTickets,
    /// On an order whose payment was just started: ask the gateway about it
    /// later, in case its notification never comes.
    AwaitPayment,
    /// On an order of which a gateway knows more than the order says: ask the gateway now.
    AskNow,
    /// On an order with a refund due: have the gateway make it, and send the buyer the news, if
    /// any.
    Refund {
        /// The news for the buyer before the money is back.
        news: Option<OrderNews>,
    },
    /// On an order: tell the buyer or the organiser about it.
    News {
        /// The news to tell.
        news: OrderNews,
    },
    /// On a sign-in item: mail its link.
    Link {
        /// The recipient.
        to: Person,
        /// The language of the mail.
        language: Language,
        /// The purpose of the link.
        purpose: LinkPurpose,
        /// The link's token, encrypted: the table holds no token in the clear.
        sealed_token: Option<String>,
        /// When the link expires.
        expires_at: Option<Timestamp>,
    },
    /// On a transfer that was just offered: mail the offer to its receiver.
    TransferOffered,
    /// On a transfer that was just accepted: mail the ticket to its new holder.
    TransferAccepted,
    /// On an invitation to an organiser's staff: mail it.
    StaffInvited,
    /// On a user's second factors: mail the user what was done to them.
    FactorsChanged {
        /// What was done.
        news: FactorNews,
        /// When.
        at: Timestamp,
    },
    /// On a discount request whose answer was just sent: mail it.
    Discount {
        /// The recipient.
        to: Person,
        /// The language of the mail.
        language: Language,
        /// The address for replies, if there is one.
        reply_to: Option<String>,
    },
    /// On a refund task: remind its organiser of all open tasks.
    RefundsWaiting,
    /// On the item that notes the report to an organiser: mail the payment differences of a day.
    PaymentDifferences {
        /// The first moment of the day, in UTC.
        day: Timestamp,
    },
}

impl Outbox {
    /// The text for the attribute `ob`.
    ///
    /// # Errors
    /// None that its fields allow.
    pub fn text(&self) -> Result<String> {
        serde_json::to_string(self).map_err(Error::internal)
    }
}

/// News about an order for its buyer or organiser, with the details: the order may have changed
/// again when the mail is written. `payment` is the index of the payment in the order, from 0;
/// amounts are minor units of the order's currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum OrderNews {
    /// To the buyer: the money is on its way back.
    RefundDone {
        /// The payment's index.
        payment: u8,
        /// The amount that went back this time.
        amount: i64,
        /// True if a person gave it back, perhaps by another way than it was paid.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        by_hand: bool,
    },
    /// To the buyer: the payment came too late for tickets; all of it goes back.
    RefundDue {
        /// The payment's index.
        payment: u8,
        /// The amount that goes back.
        amount: i64,
    },
    /// To the buyer, who withdrew from the purchase: the tickets are worthless, and the money goes back.
    Withdrawn {
        /// The amount that goes back.
        amount: i64,
    },
    /// To the buyer: the places went to other orders, and there is no money to give back.
    PlacesLost,
    /// To the buyer: the order's link is another one, which this brings.
    LinkRenewed,
    /// To the buyer, a guest: how to confirm that all data is to be erased.
    ErasureAsked {
        /// The end of the confirmation.
        until: Timestamp,
    },
    /// To the buyer: the places are kept until the money of a slip or transfer is there.
    PaymentPending {
        /// The payment's index.
        payment: u8,
        /// Until when the buyer has to pay.
        until: Timestamp,
    },
    /// To the buyer: the places were gone when the gateway told of the slip, which is better not
    /// paid.
    SlipWithoutPlaces {
        /// The payment's index.
        payment: u8,
    },
    /// To the organiser: a payment's amount or currency is not the order's.
    PaymentMismatch {
        /// The payment's index.
        payment: u8,
        /// The amount that the gateway has.
        paid: Money,
    },
    /// To the organiser: the buyer's bank wants the money back. The tickets stay valid
    /// until it is decided.
    DisputeOpened {
        /// The payment's index.
        payment: u8,
    },
    /// To the organiser: the bank took the money back.
    DisputeLost {
        /// The payment's index.
        payment: u8,
        /// The effect on the tickets.
        loss: TicketLoss,
    },
    /// To the organiser: the money stays theirs after all.
    DisputeWon {
        /// The payment's index.
        payment: u8,
    },
    /// To the organiser: money was given back at the gateway without us.
    RefundedElsewhere {
        /// The payment's index.
        payment: u8,
        /// The amount that went back this time.
        amount: i64,
        /// The effect on the tickets.
        loss: TicketLoss,
    },
    /// To the organiser and the buyer: the gateway does not make a refund by itself, so a person
    /// has to.
    RefundByHand {
        /// The payment's index.
        payment: u8,
        /// The amount to give back.
        amount: i64,
        /// The reason why the gateway does not do it.
        reason: ManualReason,
        /// When it was left to a person, which tells this task from an earlier one.
        since: Timestamp,
    },
}

/// The effect on an order's tickets of money that left by another way than ours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TicketLoss {
    /// True if the unused tickets became worthless, of which the buyer is told, too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub revoked: bool,
    /// The price of tickets that stay valid although their money is gone, in minor units.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub uncovered: i64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde wants")]
fn is_zero(amount: &i64) -> bool {
    *amount == 0
}

impl Outbox {
    /// Sets the effect on the tickets, if this is news of a loss. It is known only once the store
    /// has looked at the tickets.
    #[must_use]
    pub fn with_loss(mut self, what: TicketLoss) -> Self {
        if let Self::News { news } | Self::Refund { news: Some(news) } = &mut self
            && let OrderNews::DisputeLost { loss, .. } | OrderNews::RefundedElsewhere { loss, .. } = news
        {
            *loss = what;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_in_the_table_is_locked() {
        let text = |outbox: &Outbox| serde_json::to_string(outbox).expect("JSON");
        insta::assert_snapshot!(text(&Outbox::Tickets), @r#"{"do":"tickets"}"#);
        insta::assert_snapshot!(text(&Outbox::FreeTickets), @r#"{"do":"free_tickets"}"#);
        insta::assert_snapshot!(
            text(&Outbox::Refund { news: Some(OrderNews::RefundDue { payment: 1, amount: 2_088_900 }) }),
            @r#"{"do":"refund","news":{"is":"refund_due","payment":1,"amount":2088900}}"#
        );
        let news = OrderNews::RefundDone { payment: 0, amount: 2_088_900, by_hand: false };
        insta::assert_snapshot!(
            text(&Outbox::News { news }),
            @r#"{"do":"news","news":{"is":"refund_done","payment":0,"amount":2088900}}"#
        );
        let lost = Outbox::News { news: OrderNews::DisputeLost { payment: 0, loss: TicketLoss::default() } };
        insta::assert_snapshot!(
            text(&lost.with_loss(TicketLoss { revoked: true, uncovered: 5 })),
            @r#"{"do":"news","news":{"is":"dispute_lost","payment":0,"loss":{"revoked":true,"uncovered":5}}}"#
        );
        insta::assert_snapshot!(
            text(&Outbox::Refund { news: Some(OrderNews::PlacesLost) }),
            @r#"{"do":"refund","news":{"is":"places_lost"}}"#
        );
        insta::assert_snapshot!(
            text(&Outbox::News { news: OrderNews::LinkRenewed }),
            @r#"{"do":"news","news":{"is":"link_renewed"}}"#
        );
        let news = OrderNews::ErasureAsked { until: Timestamp::UNIX_EPOCH };
        insta::assert_snapshot!(
            text(&Outbox::News { news }),
            @r#"{"do":"news","news":{"is":"erasure_asked","until":"1970-01-01T00:00:00Z"}}"#
        );
        let news = FactorNews::RecoveryUsed { left: 9 };
        insta::assert_snapshot!(
            text(&Outbox::FactorsChanged { news, at: Timestamp::UNIX_EPOCH }),
            @r#"{"do":"factors_changed","news":{"is":"recovery_used","left":9},"at":"1970-01-01T00:00:00Z"}"#
        );
        let pending = OrderNews::PaymentPending { payment: 0, until: Timestamp::UNIX_EPOCH };
        insta::assert_snapshot!(
            text(&Outbox::News { news: pending }),
            @r#"{"do":"news","news":{"is":"payment_pending","payment":0,"until":"1970-01-01T00:00:00Z"}}"#
        );
        insta::assert_snapshot!(
            text(&Outbox::News { news: OrderNews::SlipWithoutPlaces { payment: 0 } }),
            @r#"{"do":"news","news":{"is":"slip_without_places","payment":0}}"#
        );
        insta::assert_snapshot!(text(&Outbox::AskNow), @r#"{"do":"ask_now"}"#);
        insta::assert_snapshot!(text(&Outbox::TransferOffered), @r#"{"do":"transfer_offered"}"#);
        insta::assert_snapshot!(text(&Outbox::StaffInvited), @r#"{"do":"staff_invited"}"#);
        insta::assert_snapshot!(text(&Outbox::RefundsWaiting), @r#"{"do":"refunds_waiting"}"#);
        insta::assert_snapshot!(
            text(&Outbox::PaymentDifferences { day: Timestamp::UNIX_EPOCH }),
            @r#"{"do":"payment_differences","day":"1970-01-01T00:00:00Z"}"#
        );
        let to = Person { email: "ana@example.com".to_owned(), name: "Ana".to_owned() };
        let reply_to = Some("hola@almendra.example".to_owned());
        insta::assert_snapshot!(
            text(&Outbox::Discount { to, language: Language::Es, reply_to }),
            @r#"{"do":"discount","to":{"email":"ana@example.com","name":"Ana"},"language":"es","reply_to":"hola@almendra.example"}"#
        );
    }
}
