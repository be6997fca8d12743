//! Mails about a person's data, account and rights.

use domain::Language;
use domain::second_factor::FactorNews;
use queue::{ErasureMail, FactorsMail, WithdrawableFacts, WithdrawalLinksMail};

use super::tests::{leaves_nothing_open, rendered, text, tickets};
use super::*;

const LINK: &str = "https://box.example/purchases/ord_01jd8m4p2sf3x9d0h6c1v8a700#a=LINK";

fn news() -> Vec<FactorNews> {
    let name = || "Celular".to_owned();
    vec![
        FactorNews::AppAdded,
        FactorNews::AppReplaced,
        FactorNews::AppRemoved { last: true },
        FactorNews::PasskeyAdded { name: name() },
        FactorNews::PasskeyRemoved { name: name(), last: false },
        FactorNews::PasskeyRemoved { name: String::new(), last: true },
        FactorNews::RecoveryRenewed,
        FactorNews::RecoveryUsed { left: 8 },
        FactorNews::RecoveryUsed { left: 1 },
        FactorNews::RecoveryUsed { left: 0 },
    ]
}

fn message(mail: Mail, language: Language) -> MailMessage {
    MailMessage { mail, language, images: Vec::new(), ..tickets() }
}

fn of_factors(language: Language) -> Vec<MailMessage> {
    let at: Timestamp = "2026-11-18T11:45:00Z".parse().expect("a time");
    let mails = news().into_iter().map(|news| Mail::FactorsChanged(FactorsMail { news, at }));
    mails.map(|mail| message(mail, language)).collect()
}

/// The mails beside those about factors.
fn others(language: Language) -> Vec<MailMessage> {
    let Mail::Tickets(tickets) = tickets().mail else { panic!("the event has tickets") };
    let erasure = ErasureMail {
        order: tickets.order,
        confirm_link: format!("{LINK}&e=CONFIRMATION"),
        expires_at: "2026-11-19T11:45:00Z".parse().expect("a time"),
        show: tickets.show.clone(),
        organiser: tickets.organiser.clone(),
    };
    let order = WithdrawableFacts {
        order: tickets.order,
        order_link: LINK.to_owned(),
        until: "2026-11-20T05:00:00Z".parse().expect("a time"),
        show: tickets.show,
    };
    let links = WithdrawalLinksMail { orders: vec![order.clone(), order] };
    [Mail::ErasureAsked(erasure), Mail::WithdrawalLinks(links)].map(|mail| message(mail, language)).into()
}

/// All of these mails, in one language.
pub(super) fn all(language: Language) -> Vec<MailMessage> {
    of_factors(language).into_iter().chain(others(language)).collect()
}

fn body(message: &MailMessage) -> String {
    text(message).split("\n--").next().expect("a first part").trim().to_owned()
}

/// What each mail about factors says was done.
fn sentences(language: Language) -> String {
    let said = of_factors(language);
    let said = said.iter().map(|message| body(message).lines().nth(4).expect("a sentence").to_owned());
    said.collect::<Vec<_>>().join("\n")
}

#[test]
fn what_was_done_to_factors_in_spanish() {
    insta::assert_snapshot!(body(&of_factors(Language::Es)[0]), @"");
    insta::assert_snapshot!(sentences(Language::Es), @"");
}

#[test]
fn what_was_done_to_factors_in_english() {
    insta::assert_snapshot!(body(&of_factors(Language::En)[0]), @"");
    insta::assert_snapshot!(sentences(Language::En), @"");
}

#[test]
fn other_mails_to_persons_in_spanish() {
    let texts: Vec<_> = others(Language::Es).iter().map(body).collect();
    insta::assert_snapshot!(texts.join("\n\n==========\n\n"), @"");
}

#[test]
fn other_mails_to_persons_in_english() {
    let texts: Vec<_> = others(Language::En).iter().map(body).collect();
    insta::assert_snapshot!(texts.join("\n\n==========\n\n"), @"");
}

#[test]
fn mails_to_persons_have_their_links_and_leave_nothing_open() {
    for language in Language::ALL {
        for message in all(language) {
            let page = rendered(&message);
            let link = match &message.mail {
                Mail::FactorsChanged(_) => "https://box.example/#/reset-password".to_owned(),
                Mail::ErasureAsked(mail) => mail.confirm_link.clone(),
                _ => LINK.to_owned(),
            };
            assert!(page.html.contains(&format!("href=\"{link}\"")), "{}", page.html);
            assert!(page.text.contains(&link), "{}", page.text);
            leaves_nothing_open(&page.html, &message.mail);
        }
    }
}
