//! What must happen because of a write, as the item that is written carries it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::payment::ManualReason;
use crate::user::LinkPurpose;
use crate::{Error, Language, Money, Person, Result};

/// What must happen because of the write that carries this.
///
/// Stands as JSON text in the attribute `ob` of an item; the table's stream wakes
/// `relay`, which turns it into messages. Which item it is follows from the
/// item's key, so the outbox does not repeat it. Written in the same write as
/// the change that causes it, it can not be lost between the two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Outbox {
    /// On an order that was just paid: mail its tickets.
    Tickets,
    /// On an order with nothing to pay that just got its tickets: mail them, and look
    /// later whether its places are sold, for which no gateway's message comes.
    FreeTickets,
    /// On an order whose payment was just started: ask the gateway about it
    /// later, in case its notification never comes.
    AwaitPayment,
    /// On an order of which a gateway knows more than the order says: ask the gateway now.
    AskNow,
    /// On an order with money to be given back: have the gateway do it, and tell
    /// the buyer if there is something to tell now.
    Refund {
        /// What to tell the buyer before the money is back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        news: Option<OrderNews>,
    },
    /// On an order: tell somebody about it.
    News {
        /// What.
        news: OrderNews,
    },
    /// On a sign-in item: mail its link.
    Link {
        /// Who gets it.
        to: Person,
        /// In which language.
        language: Language,
        /// What the link is for.
        purpose: LinkPurpose,
        /// The link's token, encrypted: the table holds no token in the clear.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sealed_token: Option<String>,
        /// When the link ends.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires_at: Option<Timestamp>,
    },
    /// On a transfer that was just offered: mail the offer to its receiver.
    TransferOffered,
    /// On a transfer that was just accepted: mail the ticket to its new holder.
    TransferAccepted,
    /// On an invitation to an organiser's staff: mail it.
    StaffInvited,
    /// On a discount request whose answer was just sent: mail it.
    Discount {
        /// Who gets it.
        to: Person,
        /// In which language.
        language: Language,
        /// Where answers go, if not nowhere.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reply_to: Option<String>,
    },
    /// On a refund task: remind its organiser of all that wait.
    RefundsWaiting,
    /// On what says that an organiser is told: mail what gateways and orders did not
    /// agree about on a day.
    PaymentDifferences {
        /// The day, in UTC, by its first moment.
        day: Timestamp,
    },
}

impl Outbox {
    /// As the attribute `ob` holds it.
    ///
    /// # Errors
    /// None that its fields allow.
    pub fn text(&self) -> Result<String> {
        serde_json::to_string(self).map_err(Error::internal)
    }
}

/// Something that a person should hear about an order, with what it is about: when its mail
/// is written, the order may be further already. `payment` is the place of the payment in
/// the order, from 0; amounts are minor units of the order's currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum OrderNews {
    /// To the buyer: the money is on its way back.
    RefundDone {
        /// The payment.
        payment: u8,
        /// How much of it went back this time.
        amount: i64,
        /// True if a person gave it back, perhaps another way than it was paid.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        by_hand: bool,
    },
    /// To the buyer: the payment came too late for tickets; all of it goes back.
    RefundDue {
        /// The payment.
        payment: u8,
        /// How much of it goes back.
        amount: i64,
    },
    /// To the buyer: others have the places of tickets for which no money is to go back.
    PlacesLost,
    /// To the organiser: a payment's amount or currency is not the order's.
    PaymentMismatch {
        /// The payment.
        payment: u8,
        /// What the gateway has.
        paid: Money,
    },
    /// To the organiser: the buyer's bank wants the money back. The tickets stay valid
    /// until it is decided.
    DisputeOpened {
        /// The payment.
        payment: u8,
    },
    /// To the organiser: the bank took the money back.
    DisputeLost {
        /// The payment.
        payment: u8,
        /// What it did to the tickets.
        loss: Loss,
    },
    /// To the organiser: the money stays theirs after all.
    DisputeWon {
        /// The payment.
        payment: u8,
    },
    /// To the organiser: money was given back at the gateway that nobody asked us for.
    RefundedElsewhere {
        /// The payment.
        payment: u8,
        /// How much of it went back this time.
        amount: i64,
        /// What it did to the tickets.
        loss: Loss,
    },
    /// To the organiser and the buyer: the gateway does not do a refund by itself, a person
    /// has to.
    RefundByHand {
        /// The payment.
        payment: u8,
        /// How much is to be given back.
        amount: i64,
        /// Why the gateway does not do it.
        reason: ManualReason,
        /// Since when it waits, which tells it from what waited before.
        since: Timestamp,
    },
}

/// What money that left by another way than ours did to an order's tickets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Loss {
    /// True if those that nobody had used became worthless, which the buyer is told, too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub revoked: bool,
    /// What tickets cost that stay valid though their money is gone.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub uncovered: i64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde wants")]
fn is_zero(amount: &i64) -> bool {
    *amount == 0
}

impl Outbox {
    /// Says what a loss did to the tickets, if this is about one: it is known once they
    /// were looked at.
    #[must_use]
    pub fn with_loss(mut self, what: Loss) -> Self {
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
        let lost = Outbox::News { news: OrderNews::DisputeLost { payment: 0, loss: Loss::default() } };
        insta::assert_snapshot!(
            text(&lost.with_loss(Loss { revoked: true, uncovered: 5 })),
            @r#"{"do":"news","news":{"is":"dispute_lost","payment":0,"loss":{"revoked":true,"uncovered":5}}}"#
        );
        insta::assert_snapshot!(
            text(&Outbox::Refund { news: Some(OrderNews::PlacesLost) }),
            @r#"{"do":"refund","news":{"is":"places_lost"}}"#
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
