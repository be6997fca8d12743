//! Typed texts made harmless for our mails: see [`domain::words`].
//!
//! The mailer does this to every message before it renders one, so that no template
//! and no composer can forget it. The answer to a discount request is worded by its
//! organiser, and says its facts so ([`domain::discount::facts`]).

use domain::Person;
use domain::second_factor::FactorNews;
use domain::tenant::LegalInfo;
use domain::words::{line, note, person_name, title};

use crate::{
    Admission, DifferencesMail, ErasureMail, FactorsMail, InvitationMail, Mail, MailMessage, OrderLinkMail,
    OrderMail, Organiser, PaymentsMail, RefundsWaitingMail, Show, SlipMail, TicketsMail, TransferMail,
    VoucherFacts, WaitingRefund, WithdrawableFacts, WithdrawalLinksMail, WithdrawalMail,
};

impl MailMessage {
    /// The message with all typed texts as a mail may say them.
    #[must_use]
    pub fn sanitised(self) -> Self {
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
            show: unsolicited_show(mail.show),
            organiser: unsolicited_organiser(mail.organiser),
            ..mail
        }),
        Mail::StaffInvitation(mail) => {
            let organiser = unsolicited_organiser(mail.organiser);
            Mail::StaffInvitation(InvitationMail { organiser, ..mail })
        }
        Mail::OrderLink(mail) => Mail::OrderLink(OrderLinkMail {
            show: show(mail.show),
            organiser: organiser(mail.organiser),
            ..mail
        }),
        Mail::RefundDone(mail) => Mail::RefundDone(order(mail)),
        Mail::RefundDue(mail) => Mail::RefundDue(order(mail)),
        Mail::Withdrawn(mail) => Mail::Withdrawn(WithdrawalMail {
            show: show(mail.show),
            organiser: organiser(mail.organiser),
            ..mail
        }),
        Mail::WithdrawalLinks(mail) => {
            let named = |facts: WithdrawableFacts| WithdrawableFacts { show: show(facts.show), ..facts };
            Mail::WithdrawalLinks(WithdrawalLinksMail {
                orders: mail.orders.into_iter().map(named).collect(),
            })
        }
        Mail::ErasureAsked(mail) => Mail::ErasureAsked(ErasureMail {
            show: show(mail.show),
            organiser: organiser(mail.organiser),
            ..mail
        }),
        Mail::FactorsChanged(mail) => {
            Mail::FactorsChanged(FactorsMail { news: factor_news(mail.news), ..mail })
        }
        Mail::PaymentPending(mail) => Mail::PaymentPending(slip(mail)),
        Mail::SlipWithoutPlaces(mail) => Mail::SlipWithoutPlaces(slip(mail)),
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
        // These have no typed texts.
        Mail::Link(_) | Mail::Discount(_) => mail,
    }
}

/// The user's own name for a passkey, which somebody else may have chosen.
fn factor_news(news: FactorNews) -> FactorNews {
    match news {
        FactorNews::PasskeyAdded { name } => FactorNews::PasskeyAdded { name: title(&name) },
        FactorNews::PasskeyRemoved { name, last } => FactorNews::PasskeyRemoved { name: title(&name), last },
        other => other,
    }
}

fn recipient(to: Person) -> Person {
    Person { name: person_name(&to.name).unwrap_or_default(), ..to }
}

fn show(show: Show) -> Show {
    Show {
        name: title(&show.name),
        artist: title(&show.artist),
        venue: title(&show.venue),
        address: line(&show.address),
        city: line(&show.city),
        ..show
    }
}

/// The show in a mail that its receiver did not ask for: its address gives no number to
/// call either, though a postal code may be lost with it.
fn unsolicited_show(show: Show) -> Show {
    let show = self::show(show);
    Show { address: title(&show.address), city: title(&show.city), ..show }
}

fn organiser(organiser: Organiser) -> Organiser {
    let legal = |legal: LegalInfo| LegalInfo {
        nit: line(&legal.nit),
        legal_name: title(&legal.legal_name),
        pulep_code: legal.pulep_code.as_deref().map(line),
        address: line(&legal.address),
        city: line(&legal.city),
        country: legal.country,
    };
    Organiser { name: title(&organiser.name), legal: organiser.legal.map(legal), ..organiser }
}

/// The organiser in a mail that its receiver did not ask for, as [`unsolicited_show`].
fn unsolicited_organiser(organiser: Organiser) -> Organiser {
    let organiser = self::organiser(organiser);
    let legal =
        |legal: LegalInfo| LegalInfo { address: title(&legal.address), city: title(&legal.city), ..legal };
    Organiser { legal: organiser.legal.map(legal), ..organiser }
}

fn admission(ticket: Admission) -> Admission {
    Admission {
        area: title(&ticket.area),
        seat: ticket.seat.as_deref().map(title),
        attendee: ticket.attendee.as_deref().and_then(person_name),
        ..ticket
    }
}

fn voucher(voucher: VoucherFacts) -> VoucherFacts {
    VoucherFacts { name: title(&voucher.name), ..voucher }
}

fn tickets(mail: TicketsMail) -> TicketsMail {
    TicketsMail {
        show: show(mail.show),
        organiser: organiser(mail.organiser),
        tickets: mail.tickets.into_iter().map(admission).collect(),
        vouchers: mail.vouchers.into_iter().map(voucher).collect(),
        ..mail
    }
}

fn order(mail: OrderMail) -> OrderMail {
    OrderMail { show: show(mail.show), organiser: organiser(mail.organiser), ..mail }
}

fn slip(mail: SlipMail) -> SlipMail {
    SlipMail { show: show(mail.show), organiser: organiser(mail.organiser), ..mail }
}

fn payments(mail: PaymentsMail) -> PaymentsMail {
    PaymentsMail {
        buyer: recipient(mail.buyer),
        show: show(mail.show),
        organiser: organiser(mail.organiser),
        ..mail
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buyer_reads_the_whole_address() {
        let addresses = ["Av. Providencia 1208, 7500000", "Carrera 13 # 26-45 110311"];
        for address in addresses.map(str::to_owned) {
            let legal = LegalInfo {
                nit: "900123456-7".to_owned(),
                legal_name: "Faroles S.A.S.".to_owned(),
                pulep_code: None,
                address: address.clone(),
                city: "Santiago 7500000".to_owned(),
                country: "CL".to_owned(),
            };
            let (name, email) = ("Faroles".to_owned(), "hola@faroles.example".to_owned());
            let faroles = Organiser { name, email, legal: Some(legal) };
            assert_eq!(organiser(faroles.clone()), faroles);
            let fest = Show {
                name: "Festival 2025-2026 15 años".to_owned(),
                artist: "Los 1280 Almas".to_owned(),
                venue: "Teatro 24 de Mayo 1822".to_owned(),
                address: address.clone(),
                city: "Santiago 7500000".to_owned(),
                starts_at: domain::Timestamp::UNIX_EPOCH,
                doors_at: None,
                time_zone: "America/Santiago".to_owned(),
            };
            assert_eq!(show(fest.clone()), fest);
        }
    }
}
