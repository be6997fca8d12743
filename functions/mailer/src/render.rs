//! Renders a mail's facts into subject, HTML and text.

use std::str::FromStr;

use domain::mail_template::{FOOTER_HTML, FOOTER_TEXT, LAYOUT, Page, date};
use domain::payment::GatewayName;
use domain::user::LinkPurpose;
use domain::{Error, Language, Money, Result, Timestamp};
use jiff::SignedDuration;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, Error as TemplateError, ErrorKind, UndefinedBehavior, Value, context};
use queue::{Mail, MailMessage};
use serde::Deserialize;

use crate::format;

/// All mail templates, parsed once.
#[derive(Debug)]
pub(crate) struct Templates(Environment<'static>);

macro_rules! templates {
    ($($name:literal),* $(,)?) => { [$(($name, include_str!(concat!("../templates/", $name)))),*] };
}

impl Templates {
    /// # Errors
    /// If a template does not parse, which the tests would have found.
    pub(crate) fn new() -> Result<Self> {
        let mut environment = Environment::new();
        // A missing name must fail loudly, but may be tested with `if`.
        environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        // Lines that hold only a tag must not leave an empty line.
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.map_err(Error::internal)?);
        environment.add_filter("when", |state: &minijinja::State, time: String, zone: String| {
            Ok::<_, TemplateError>(date(parsed(&time)?, &zone, language(state)))
        });
        environment.add_filter("clock", |state: &minijinja::State, time: String, zone: String| {
            Ok::<_, TemplateError>(format::clock(parsed(&time)?, &zone, language(state)))
        });
        environment.add_filter("offset", |time: String, zone: String| {
            Ok::<_, TemplateError>(format::offset(parsed(&time)?, &zone))
        });
        environment.add_filter("money", |state: &minijinja::State, money: Value| {
            let money = Money::deserialize(money)?;
            Ok::<_, TemplateError>(domain::format::money(money, language(state)))
        });
        environment.add_filter("gateway", |name: Value| {
            Ok::<_, TemplateError>(format::gateway(GatewayName::deserialize(name)?))
        });
        let sources = templates![
            "button.html",
            "show.html",
            "show.txt",
            "place.html",
            "place.txt",
            "ticket.html",
            "order.html",
            "order.txt",
            "order_link.es.html",
            "order_link.en.html",
            "voucher.html",
            "tickets.es.html",
            "tickets.en.html",
            "transfer_accepted.es.html",
            "transfer_accepted.en.html",
            "transfer_offered.es.html",
            "transfer_offered.en.html",
            "role.txt",
            "staff_invitation.es.html",
            "staff_invitation.en.html",
            "refund_done.es.html",
            "refund_done.en.html",
            "unused.txt",
            "worthless.txt",
            "refund_due.es.txt",
            "refund_due.en.txt",
            "refund_due.es.html",
            "refund_due.en.html",
            "withdrawn.es.html",
            "withdrawn.en.html",
            "withdrawal_links.es.html",
            "withdrawal_links.en.html",
            "erasure_asked.es.html",
            "erasure_asked.en.html",
            "factors_changed.es.html",
            "factors_changed.en.html",
            "factor.es.txt",
            "factor.en.txt",
            "slip.es.txt",
            "slip.en.txt",
            "payment_pending.es.html",
            "payment_pending.en.html",
            "slip_without_places.es.html",
            "slip_without_places.en.html",
            "payment_mismatch.es.html",
            "payment_mismatch.en.html",
            "payments.html",
            "payments.txt",
            "reason.txt",
            "dispute_opened.es.html",
            "dispute_opened.en.html",
            "loss.html",
            "loss.txt",
            "dispute_lost.es.html",
            "dispute_lost.en.html",
            "dispute_won.es.html",
            "dispute_won.en.html",
            "refunded_elsewhere.es.html",
            "refunded_elsewhere.en.html",
            "tickets_worthless.es.html",
            "tickets_worthless.en.html",
            "refund_by_hand.es.html",
            "refund_by_hand.en.html",
            "refund_by_hand_due.es.html",
            "refund_by_hand_due.en.html",
            "refunds_waiting.es.html",
            "refunds_waiting.en.html",
            "difference.txt",
            "payment_differences.es.html",
            "payment_differences.en.html",
            "sign_in.es.html",
            "sign_in.en.html",
            "welcome.es.html",
            "welcome.en.html",
            "reset_password.es.html",
            "reset_password.en.html",
            "already_registered.es.html",
            "already_registered.en.html",
        ];
        // The layout and the footers are shared with tenants' own wordings.
        let shared = [("layout.html", LAYOUT), ("footer.html", FOOTER_HTML), ("footer.txt", FOOTER_TEXT)];
        for (name, source) in sources.into_iter().chain(shared) {
            environment.add_template(name, source).map_err(Error::internal)?;
        }
        Ok(Self(environment))
    }

    /// Renders the mail in its reader's language. `token` is the opened token of its link.
    pub(crate) fn render(
        &self,
        message: &MailMessage,
        token: Option<&str>,
        public_url: &str,
        now: Timestamp,
    ) -> Result<Page> {
        let (name, facts, title) = match &message.mail {
            Mail::Tickets(mail) => ("tickets", Value::from(Serde(mail)), &*mail.show.name),
            Mail::TransferAccepted(mail) => ("transfer_accepted", Value::from(Serde(mail)), &*mail.show.name),
            Mail::TransferOffered(mail) => ("transfer_offered", Value::from(Serde(mail)), &*mail.show.name),
            Mail::StaffInvitation(mail) => ("staff_invitation", Value::from(Serde(mail)), "Taquilla"),
            Mail::OrderLink(mail) => ("order_link", Value::from(Serde(mail)), &*mail.show.name),
            Mail::RefundDone(mail) => ("refund_done", Value::from(Serde(mail)), &*mail.show.name),
            Mail::RefundDue(mail) => ("refund_due", Value::from(Serde(mail)), &*mail.show.name),
            Mail::Withdrawn(mail) => ("withdrawn", Value::from(Serde(mail)), &*mail.show.name),
            Mail::WithdrawalLinks(mail) => ("withdrawal_links", Value::from(Serde(mail)), "Taquilla"),
            Mail::ErasureAsked(mail) => ("erasure_asked", Value::from(Serde(mail)), &*mail.show.name),
            Mail::FactorsChanged(mail) => ("factors_changed", Value::from(Serde(mail)), "Taquilla"),
            Mail::PaymentPending(mail) => ("payment_pending", Value::from(Serde(mail)), &*mail.show.name),
            Mail::SlipWithoutPlaces(mail) => {
                ("slip_without_places", Value::from(Serde(mail)), &*mail.show.name)
            }
            Mail::PaymentMismatch(mail) => ("payment_mismatch", Value::from(Serde(mail)), &*mail.show.name),
            Mail::DisputeOpened(mail) => ("dispute_opened", Value::from(Serde(mail)), &*mail.show.name),
            Mail::DisputeLost(mail) => ("dispute_lost", Value::from(Serde(mail)), &*mail.show.name),
            Mail::DisputeWon(mail) => ("dispute_won", Value::from(Serde(mail)), &*mail.show.name),
            Mail::RefundedElsewhere(mail) => {
                ("refunded_elsewhere", Value::from(Serde(mail)), &*mail.show.name)
            }
            Mail::TicketsWorthless(mail) => ("tickets_worthless", Value::from(Serde(mail)), &*mail.show.name),
            Mail::RefundByHand(mail) => ("refund_by_hand", Value::from(Serde(mail)), &*mail.show.name),
            Mail::RefundByHandDue(mail) => ("refund_by_hand_due", Value::from(Serde(mail)), &*mail.show.name),
            Mail::RefundsWaiting(mail) => ("refunds_waiting", Value::from(Serde(mail)), "Taquilla"),
            Mail::PaymentDifferences(mail) => ("payment_differences", Value::from(Serde(mail)), "Taquilla"),
            Mail::Link(mail) => (link_template(mail.purpose), Value::from(Serde(mail)), "Taquilla"),
            Mail::Discount(_) => return Err(Error::internal("an answer's wording stands in its request")),
        };
        let lang = if message.language == Language::Es { "es" } else { "en" };
        let context = context! {
            lang,
            title,
            public_url => url(public_url.to_owned()),
            tickets_url => url(format!("{public_url}/#/tickets")),
            name => &*message.to.name,
            link => link(&message.mail, token, public_url).map(url),
            valid_for => valid_for(&message.mail, now, message.language),
            ..facts
        };
        self.fill(&format!("{name}.{lang}.html"), context).map_err(Error::internal)
    }

    fn fill(&self, template: &str, context: Value) -> Result<Page, TemplateError> {
        let mut filled = self.0.get_template(template)?.render_captured(context.clone())?;
        let html = filled.output().to_owned();
        let mut block = |name| filled.with_state_mut(|state| state.render_block(name));
        // A line break in a subject would end the header.
        let subject = block("subject")?.split_whitespace().collect::<Vec<_>>().join(" ");
        let text = block("text")?;
        let footer = self.0.get_template("footer.txt")?.render(context)?;
        Ok(Page { subject, html, text: format!("{}\n\n{}\n", text.trim(), footer.trim()) })
    }
}

/// An address of the box office, marked safe: its slashes need no escaping.
fn url(address: String) -> Value {
    Value::from_safe_string(address)
}

fn parsed(time: &str) -> Result<Timestamp, TemplateError> {
    Timestamp::from_str(time)
        .map_err(|error| TemplateError::new(ErrorKind::InvalidOperation, error.to_string()))
}

fn language(state: &minijinja::State) -> Language {
    let es = state.lookup("lang").is_none_or(|lang| lang.as_str() != Some("en"));
    if es { Language::Es } else { Language::En }
}

fn link_template(purpose: LinkPurpose) -> &'static str {
    match purpose {
        LinkPurpose::SignIn => "sign_in",
        LinkPurpose::Welcome => "welcome",
        LinkPurpose::ResetPassword => "reset_password",
        LinkPurpose::AlreadyRegistered => "already_registered",
    }
}

/// The address of the mail's button. Tokens stand after the `#`: browsers do not send that part, so
/// no log on the way has them.
fn link(mail: &Mail, token: Option<&str>, public_url: &str) -> Option<String> {
    let path = match mail {
        Mail::Link(link) => match (link.purpose, token) {
            (LinkPurpose::SignIn, Some(token)) => format!("sign-in?token={token}"),
            (LinkPurpose::Welcome, Some(token)) => format!("confirm?token={token}"),
            (LinkPurpose::ResetPassword, Some(token)) => format!("reset-password?token={token}"),
            _ => "sign-in".to_owned(),
        },
        Mail::Tickets(mail) => return mail.order_link.clone(),
        Mail::PaymentPending(mail) | Mail::SlipWithoutPlaces(mail) => return mail.order_link.clone(),
        Mail::OrderLink(mail) => return Some(mail.order_link.clone()),
        Mail::ErasureAsked(mail) => return Some(mail.confirm_link.clone()),
        Mail::FactorsChanged(_) => "reset-password".to_owned(),
        Mail::RefundDone(mail)
        | Mail::RefundDue(mail)
        | Mail::TicketsWorthless(mail)
        | Mail::RefundByHandDue(mail) => return mail.order_link.clone(),
        Mail::TransferOffered(offer) => format!("transfers/accept?token={}", offer.token),
        Mail::StaffInvitation(invitation) => format!("workplaces/{}", invitation.tenant),
        _ => return None,
    };
    Some(format!("{public_url}/#/{path}"))
}

fn valid_for(mail: &Mail, now: Timestamp, language: Language) -> Option<String> {
    let expires_at = match mail {
        Mail::Link(link) => link.expires_at?,
        Mail::StaffInvitation(invitation) => invitation.expires_at,
        Mail::ErasureAsked(mail) => mail.expires_at,
        _ => return None,
    };
    let left: SignedDuration = expires_at.duration_since(now);
    Some(format::lifetime(left, language))
}

#[cfg(test)]
mod guest_tests;
#[cfg(test)]
mod payment_tests;
#[cfg(test)]
mod person_tests;
#[cfg(test)]
mod tests;
