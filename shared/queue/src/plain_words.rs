//! What people typed, as a mail of ours may say it: see [`domain::words`].
//!
//! The mailer does this to every message before it renders one, so that no template
//! and no composer can forget it. The answer to a discount request is worded by its
//! organiser, and says its facts so ([`domain::discount::facts`]).

use domain::event::LegalInfo;
use domain::words::{line, note, person_name, title};

use crate::{
    Admission, DifferencesMail, InvitationMail, Mail, MailMessage, OrderMail, Organiser, PaymentsMail,
    Recipient, RefundsWaitingMail, Show, TicketsMail, TransferMail, WaitingRefund,
};

impl MailMessage {
    /// The message with all words that somebody typed as a mail may say them.
    #[must_use]
    pub fn in_plain_words(self) -> Self {
        Self { to: recipient(self.to), mail: mail(self.mail), ..self }
    }
}

fn mail(mail: Mail) -> Mail {
    match mail {
        Mail::Tickets(mail) => Mail::Tickets(tickets(mail)),
        Mail::TransferAccepted(mail) => Mail::TransferAccepted(tickets(mail)),
        Mail::TransferOffered(mail) => Mail::TransferOffered(TransferMail {
            from: recipient(mail.from),
            reason: mail.reason.as_deref().map(note).filter(|reason| !reason.is_empty()),
            ticket: admission(mail.ticket),
            show: show(mail.show),
            organiser: organiser(mail.organiser),
            ..mail
        }),
        Mail::StaffInvitation(mail) => {
            Mail::StaffInvitation(InvitationMail { organiser: organiser(mail.organiser), ..mail })
        }
        Mail::RefundDone(mail) => Mail::RefundDone(order(mail)),
        Mail::RefundDue(mail) => Mail::RefundDue(order(mail)),
        Mail::PaymentMismatch(mail) => Mail::PaymentMismatch(payments(mail)),
        Mail::TicketsWorthless(mail) => Mail::TicketsWorthless(order(mail)),
        Mail::RefundByHandDue(mail) => Mail::RefundByHandDue(order(mail)),
        Mail::DisputeOpened(mail) => Mail::DisputeOpened(payments(mail)),
        Mail::DisputeLost(mail) => Mail::DisputeLost(payments(mail)),
        Mail::DisputeWon(mail) => Mail::DisputeWon(payments(mail)),
        Mail::RefundedElsewhere(mail) => Mail::RefundedElsewhere(payments(mail)),
        Mail::RefundByHand(mail) => Mail::RefundByHand(payments(mail)),
        Mail::RefundsWaiting(mail) => {
            let waiting = |refund: WaitingRefund| WaitingRefund { buyer: recipient(refund.buyer), ..refund };
            Mail::RefundsWaiting(RefundsWaitingMail {
                refunds: mail.refunds.into_iter().map(waiting).collect(),
                organiser: organiser(mail.organiser),
                ..mail
            })
        }
        Mail::PaymentDifferences(mail) => {
            Mail::PaymentDifferences(DifferencesMail { organiser: organiser(mail.organiser), ..mail })
        }
        // Nobody typed anything in these.
        Mail::Link(_) | Mail::Discount(_) => mail,
    }
}

fn recipient(to: Recipient) -> Recipient {
    Recipient { name: person_name(&to.name).unwrap_or_default(), ..to }
}

fn show(show: Show) -> Show {
    Show {
        name: title(&show.name),
        artist: title(&show.artist),
        venue: title(&show.venue),
        address: title(&show.address),
        city: title(&show.city),
        ..show
    }
}

fn organiser(organiser: Organiser) -> Organiser {
    let legal = |legal: LegalInfo| LegalInfo {
        nit: line(&legal.nit),
        legal_name: title(&legal.legal_name),
        pulep_code: legal.pulep_code.as_deref().map(line),
        address: title(&legal.address),
        city: title(&legal.city),
        country: legal.country,
    };
    Organiser { name: title(&organiser.name), legal: organiser.legal.map(legal), ..organiser }
}

fn admission(ticket: Admission) -> Admission {
    Admission {
        area: title(&ticket.area),
        seat: ticket.seat.as_deref().map(title),
        attendee: ticket.attendee.as_deref().and_then(person_name),
        ..ticket
    }
}

fn tickets(mail: TicketsMail) -> TicketsMail {
    TicketsMail {
        show: show(mail.show),
        organiser: organiser(mail.organiser),
        tickets: mail.tickets.into_iter().map(admission).collect(),
        ..mail
    }
}

fn order(mail: OrderMail) -> OrderMail {
    OrderMail { show: show(mail.show), organiser: organiser(mail.organiser), ..mail }
}

fn payments(mail: PaymentsMail) -> PaymentsMail {
    PaymentsMail {
        buyer: recipient(mail.buyer),
        show: show(mail.show),
        organiser: organiser(mail.organiser),
        ..mail
    }
}
