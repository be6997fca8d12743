//! Suggestions by fixed rules: equal cases get equal suggestions.

use serde::{Deserialize, Serialize};

use super::{DecisionType, Suggestion};
use crate::Language;

/// The facts that the rules look at. The member is eligible: others can not ask.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Case<'a> {
    /// Discounts that the show has left: neither given nor promised by an approval.
    pub remaining: u32,
    /// Earlier requests that are proposed for approval and not decided. They go first.
    pub waiting: u32,
    /// Whether mails to the member bounce.
    pub address_bounces: bool,
    /// Another show of the same day for which the member has a discount.
    pub same_day: Option<&'a str>,
    /// The outcome of the member's last request for this show.
    pub before: Option<DecisionType>,
}

/// The most discounts left at which open requests may still take them all.
const FEW: u32 = 5;

/// The rule behind a suggestion, with its figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "snake_case")]
pub enum Reasoning {
    /// The show has no discounts left.
    NoneLeft,
    /// All discounts that are left are proposed to earlier requests.
    Promised {
        /// Discounts that the show has left.
        left: u32,
        /// Earlier requests that are proposed for approval.
        waiting: u32,
    },
    /// Mails to the member bounce.
    AddressBounces,
    /// The member has a discount for another show of the same day.
    SameDay {
        /// The other show, cut after 60 characters.
        show: String,
    },
    /// The member's last request for the show was rejected.
    RejectedBefore {
        /// Discounts left after those proposed to earlier requests.
        left: u32,
    },
    /// So few discounts are left that open requests may take them.
    FewLeft {
        /// Discounts left after those proposed to earlier requests.
        left: u32,
    },
    /// The member is eligible, and no other rule applies.
    Eligible {
        /// Discounts left after those proposed to earlier requests.
        left: u32,
    },
}

impl Reasoning {
    /// The reasoning as a sentence for supervisors.
    pub fn sentence(&self, language: Language) -> String {
        match language {
            Language::Es => self.spanish(),
            Language::En => self.english(),
        }
    }

    fn english(&self) -> String {
        let are_left = |count: u32| match count {
            1 => "1 discount is left".to_owned(),
            count => format!("{count} discounts are left"),
        };
        match self {
            Self::NoneLeft => "The show has no discounts left for members.".to_owned(),
            Self::Promised { left, waiting: 1 } => {
                format!("{}, and an earlier request is proposed for approval.", are_left(*left))
            }
            Self::Promised { left, waiting } => {
                format!("{}, and {waiting} earlier requests are proposed for approval.", are_left(*left))
            }
            Self::AddressBounces => {
                "Mails to the member's address come back; ask for another address first.".to_owned()
            }
            Self::SameDay { show } => {
                format!("The member has a discount for another show of the same day: {show}.")
            }
            Self::RejectedBefore { left } => {
                format!("The member is eligible and {}; an earlier request was rejected.", are_left(*left))
            }
            Self::FewLeft { left } => {
                format!("The member is eligible and {}; open requests may take them.", are_left(*left))
            }
            Self::Eligible { left } => format!("The member is eligible and {}.", are_left(*left)),
        }
    }

    fn spanish(&self) -> String {
        let remain = |count: u32| match count {
            1 => "queda 1 descuento".to_owned(),
            count => format!("quedan {count} descuentos"),
        };
        match self {
            Self::NoneLeft => "No quedan descuentos para miembros en este show.".to_owned(),
            Self::Promised { left, waiting: 1 } => {
                format!("Solo {} y hay una solicitud anterior con aprobación propuesta.", remain(*left))
            }
            Self::Promised { left, waiting } => format!(
                "Solo {} y hay {waiting} solicitudes anteriores con aprobación propuesta.",
                remain(*left)
            ),
            Self::AddressBounces => {
                "Los correos a la dirección del miembro rebotan; pide primero otra dirección.".to_owned()
            }
            Self::SameDay { show } => {
                format!("El miembro tiene un descuento para otro show del mismo día: {show}.")
            }
            Self::RejectedBefore { left } => format!(
                "El miembro cumple los requisitos y {}; una solicitud anterior fue rechazada.",
                remain(*left)
            ),
            Self::FewLeft { left } => format!(
                "El miembro cumple los requisitos y {}; las solicitudes abiertas pueden ocuparlos.",
                remain(*left)
            ),
            Self::Eligible { left } => {
                format!("El miembro cumple los requisitos y {}.", remain(*left))
            }
        }
    }
}

/// The suggestion for a request.
///
/// The rules go from the certain to the doubtful: first no discounts left, then no working address
/// for an answer, then unusual cases, which are for a person to judge.
pub fn suggest(case: &Case<'_>) -> Suggestion {
    use DecisionType::{Approved, NeedsClarification, Rejected};
    let left = case.remaining.saturating_sub(case.waiting);
    let (decision_type, confidence, reasoning) = match *case {
        Case { remaining: 0, .. } => (Rejected, 9_900, Reasoning::NoneLeft),
        Case { remaining, waiting, .. } if left == 0 => {
            (Rejected, 9_000, Reasoning::Promised { left: remaining, waiting })
        }
        Case { address_bounces: true, .. } => (NeedsClarification, 9_000, Reasoning::AddressBounces),
        Case { same_day: Some(show), .. } => {
            (NeedsClarification, 7_000, Reasoning::SameDay { show: short(show) })
        }
        Case { before: Some(Rejected), .. } => (Approved, 6_500, Reasoning::RejectedBefore { left }),
        Case { .. } if left <= FEW => (Approved, 8_500, Reasoning::FewLeft { left }),
        Case { .. } => (Approved, 9_500, Reasoning::Eligible { left }),
    };
    Suggestion { decision_type, confidence, reasoning }
}

/// The show's name, cut after 60 characters so that the item stays small.
fn short(show: &str) -> String {
    show.chars().take(60).collect()
}
