//! The suggestion that fixed rules make: the same case, the same suggestion.

use super::{DecisionType, Suggestion};

/// What the rules look at. The member is eligible: who is not can not ask.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Case<'a> {
    /// Discounts that the show has left: neither given nor promised by an approval.
    pub remaining: u32,
    /// Earlier requests that are proposed for approval and not decided. They were first.
    pub waiting: u32,
    /// Whether mails to the member come back.
    pub address_bounces: bool,
    /// Another show of the same day for which the member has a discount.
    pub same_day: Option<&'a str>,
    /// What the member's last request for this show came to.
    pub before: Option<DecisionType>,
}

/// When so few discounts are left, requests that are still open may take them.
const FEW: u32 = 5;

/// What to do about a request.
///
/// Rules come from the certain to the doubtful: nobody gets what is gone, nobody
/// is answered where no mail arrives, and whatever is unusual is for a person.
pub fn suggest(case: &Case<'_>) -> Suggestion {
    use DecisionType::{Approved, NeedsClarification, Rejected};
    let free = case.remaining.saturating_sub(case.waiting);
    let (decision_type, confidence, reasoning) = match *case {
        Case { remaining: 0, .. } => {
            (Rejected, 9_900, "The show has no discounts left for members.".to_owned())
        }
        Case { remaining, waiting, .. } if free == 0 => (
            Rejected,
            9_000,
            format!(
                "{} left, and {waiting} earlier requests are proposed for approval.",
                discounts(remaining)
            ),
        ),
        Case { address_bounces: true, .. } => (
            NeedsClarification,
            9_000,
            "Mails to the member's address come back; ask for another address first.".to_owned(),
        ),
        Case { same_day: Some(show), .. } => (
            NeedsClarification,
            7_000,
            format!("The member has a discount for another show of the same day: {}.", short(show)),
        ),
        Case { before: Some(Rejected), .. } => (
            Approved,
            6_500,
            format!("The member is eligible and {} left; an earlier request was rejected.", discounts(free)),
        ),
        Case { .. } if free <= FEW => (
            Approved,
            8_500,
            format!("The member is eligible and {} left; open requests may take them.", discounts(free)),
        ),
        Case { .. } => (Approved, 9_500, format!("The member is eligible and {} left.", discounts(free))),
    };
    Suggestion { decision_type, confidence, reasoning }
}

fn discounts(count: u32) -> String {
    if count == 1 { "1 discount is".to_owned() } else { format!("{count} discounts are") }
}

/// Keeps the sentence short enough for the item.
fn short(show: &str) -> String {
    show.chars().take(60).collect()
}
