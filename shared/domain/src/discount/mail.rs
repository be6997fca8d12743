//! The texts of the mails that answer discount requests.

use super::{DecisionType, DiscountRequest, in_words};
use crate::event::Event;
use crate::mail_template::{Facts, Wording, date};
use crate::pricing::PromotionCode;
use crate::words::{person_name, title};

impl DiscountRequest {
    /// `mail` as it may be sent. An organiser can enter any address as a member and ask for it, so
    /// only a member who was signed in gets the links of the wording. Others get only links to the
    /// tickets: `link`, if another shop sells them, and ours, below `public_url`.
    pub fn sendable(&self, mail: Wording, link: Option<&str>, public_url: &str) -> Wording {
        if self.signed_in {
            return mail;
        }
        let is_ours = |word: &str| {
            word.strip_prefix(public_url).is_some_and(|path| path.starts_with('/') && path.is_ascii())
        };
        mail.unlinked(|word| word == self.user_email || Some(word) == link || is_ours(word))
    }
}

/// The values of a template's variables for the mail that answers `request`. `show` is `None` if it
/// no longer exists, `organizer` is the tenant's name, `code` the request's code, and `public_url`
/// the address of the box office without a slash at its end.
///
/// Only an approval says how to get the discount: the link of the shop that sells the tickets, or
/// our code.
pub fn facts(
    request: &DiscountRequest,
    show: Option<&Event>,
    organizer: &str,
    code: &PromotionCode,
    public_url: &str,
) -> Facts {
    let facts = Facts {
        name: person_name(&request.user_name).unwrap_or_default(),
        email: request.user_email.clone(),
        show: title(&request.show_description),
        organizer: title(organizer),
        ..Facts::default()
    };
    let Some(show) = show else { return facts };
    let facts = Facts {
        show: title(&show.name),
        artist: title(&show.artist),
        venue: title(&show.venue),
        city: title(&show.city),
        date: date(show.starts_at, &show.time_zone, request.language),
        ..facts
    };
    if request.outcome() != DecisionType::Approved {
        return facts;
    }
    let discount = show.member_discount.map(|discount| in_words(&discount, show.currency, request.language));
    match &show.ticketing_link {
        Some(link) => Facts { link: Some(link.clone()), discount, ..facts },
        None => Facts {
            code: Some(code.to_string()),
            link: Some(format!("{public_url}/#/events/{}", show.slug)),
            discount,
            ..facts
        },
    }
}
