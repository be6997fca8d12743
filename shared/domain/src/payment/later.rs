//! Payments that come after their buyer has left the gateway's page: in cash at a counter, or by
//! transfer from a bank.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{PaymentReport, PaymentStatus};

/// A way to pay, in words that all gateways share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MethodKind {
    /// By credit or debit card.
    Card,
    /// With the balance of an app.
    Wallet,
    /// From a bank account: the bank decides within minutes, or some hours later.
    BankTransfer,
    /// In cash at a counter, with a slip that is good until its due time.
    Cash,
    /// Another way, of which nothing is known.
    Other,
}

/// What a gateway tells of a payment that its buyer has yet to make.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Due {
    /// Until when the gateway takes the money; `None` if it does not say.
    pub by: Option<Timestamp>,
    /// The address of the slip, checked to be one for a browser.
    pub slip_url: Option<String>,
    /// The number that the buyer says at the counter, at most 64 characters.
    pub code: Option<String>,
}

/// How the buyer of an undecided payment pays later, as far as its gateway told. Absent for cards.
///
/// It is part of the order's item, so its names are short.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayLater {
    /// The way to pay.
    #[serde(rename = "k")]
    pub kind: MethodKind,
    /// The gateway's name of it, such as `efecty`; at most 32 characters.
    #[serde(rename = "n", default)]
    pub name: Option<String>,
    /// Until when the gateway takes the money.
    #[serde(rename = "d", default, with = "jiff::fmt::serde::timestamp::second::optional")]
    pub due_at: Option<Timestamp>,
    /// The address of the slip.
    #[serde(rename = "u", default)]
    pub slip_url: Option<String>,
    /// The number that the buyer says at the counter.
    #[serde(rename = "c", default)]
    pub code: Option<String>,
    /// True if the places were gone when the gateway told of the slip: the buyer was told not to
    /// pay it.
    #[serde(rename = "g", default, skip_serializing_if = "std::ops::Not::not")]
    pub without_places: bool,
}

impl PayLater {
    /// What a report of a pending payment tells; `None` if its buyer has nothing left to do.
    pub fn of(report: &PaymentReport) -> Option<Self> {
        let is_later = report.due.is_some()
            || matches!(report.method, Some(MethodKind::Cash | MethodKind::BankTransfer));
        let due = report.due.clone().unwrap_or_default();
        (report.status == PaymentStatus::Pending && is_later).then(|| Self {
            kind: report.method.unwrap_or(MethodKind::Other),
            name: report.method_name.clone(),
            // Whole seconds, as they are stored: else a report would be news for ever.
            due_at: due.by.and_then(|by| Timestamp::from_second(by.as_second()).ok()),
            slip_url: due.slip_url,
            code: due.code,
            without_places: false,
        })
    }

    /// What is known after a further report of the same payment: a gateway's answers do not all
    /// tell the same.
    #[must_use]
    pub fn with(self, news: Self) -> Self {
        Self {
            kind: if news.kind == MethodKind::Other { self.kind } else { news.kind },
            name: news.name.or(self.name),
            due_at: news.due_at.or(self.due_at),
            slip_url: news.slip_url.or(self.slip_url),
            code: news.code.or(self.code),
            without_places: self.without_places,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::at;
    use crate::{Currency, Money};

    fn report(method: Option<MethodKind>, due: Option<Due>) -> PaymentReport {
        let amount = Money::new(100, Currency::CLP);
        let made = PaymentReport::new("1".to_owned(), String::new(), PaymentStatus::Pending, amount);
        PaymentReport { method, due, ..made }
    }

    #[test]
    fn a_report_is_of_a_payment_that_comes_later_if_it_says_so() {
        let kind = |method, due| PayLater::of(&report(method, due)).map(|later| later.kind);
        assert_eq!(kind(Some(MethodKind::Card), None), None);
        assert_eq!(kind(None, None), None);
        assert_eq!(kind(Some(MethodKind::Cash), None), Some(MethodKind::Cash));
        assert_eq!(kind(Some(MethodKind::BankTransfer), None), Some(MethodKind::BankTransfer));
        assert_eq!(kind(None, Some(Due::default())), Some(MethodKind::Other));
        let paid = PaymentReport {
            status: PaymentStatus::Approved,
            ..report(Some(MethodKind::Cash), Some(Due::default()))
        };
        assert_eq!(PayLater::of(&paid), None);
    }

    #[test]
    fn what_a_further_report_leaves_out_stays_known() {
        let due = Due { by: Some(at(60)), slip_url: None, code: Some("4711".to_owned()) };
        let first = PayLater::of(&report(Some(MethodKind::Cash), Some(due))).expect("later");
        let bare = PayLater::of(&report(None, Some(Due::default()))).expect("later");
        assert_eq!(first.clone().with(bare), first);
        let moved = Due { by: Some(at(90)), ..Due::default() };
        let moved = PayLater::of(&report(Some(MethodKind::Cash), Some(moved))).expect("later");
        let merged = first.clone().with(moved);
        assert_eq!((merged.due_at, merged.code), (Some(at(90)), first.code));
    }
}
