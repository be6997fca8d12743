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
    insta::assert_snapshot!(body(&of_factors(Language::Es)[0]), @"
    Cambió el segundo factor de tu cuenta

    Hola Ana Ríos:

    Se agregó una app de autenticación a tu cuenta.
    miércoles 18 de noviembre de 2026, 11:45 h UTC

    Si fuiste tú, no tienes que hacer nada. Si no, alguien más entró a tu cuenta:
    elige una contraseña nueva, lo que cierra todas las sesiones, y revisa tus
    factores.

    https://box.example/#/reset-password
    ");
    insta::assert_snapshot!(sentences(Language::Es), @"
    Se agregó una app de autenticación a tu cuenta.
    Se cambió la app de autenticación de tu cuenta por otra.
    Se quitó la app de autenticación de tu cuenta. Tu cuenta ya no tiene segundo factor: para entrar basta tu contraseña o un enlace.
    Se agregó una llave de acceso a tu cuenta: «Celular».
    Se quitó una llave de acceso de tu cuenta: «Celular».
    Se quitó una llave de acceso de tu cuenta. Tu cuenta ya no tiene segundo factor: para entrar basta tu contraseña o un enlace.
    Se hicieron códigos de recuperación nuevos para tu cuenta; los de antes ya no valen.
    Se usó un código de recuperación de tu cuenta. Te quedan 8.
    Se usó un código de recuperación de tu cuenta. Te queda uno.
    Se usó un código de recuperación de tu cuenta. Era el último: haz nuevos.
    ");
}

#[test]
fn what_was_done_to_factors_in_english() {
    insta::assert_snapshot!(body(&of_factors(Language::En)[0]), @"
    The second factor of your account changed

    Hello Ana Ríos.

    An authenticator app was added to your account.
    Wednesday, 18 November 2026, 11:45 UTC

    If it was you, there is nothing to do. If not, somebody else got into your
    account: choose a new password, which ends all sessions, and look at your
    factors.

    https://box.example/#/reset-password
    ");
    insta::assert_snapshot!(sentences(Language::En), @"
    An authenticator app was added to your account.
    The authenticator app of your account was replaced by another one.
    The authenticator app of your account was removed. Your account has no second factor any more: your password or a link is enough to sign in.
    A passkey was added to your account: “Celular”.
    A passkey of your account was removed: “Celular”.
    A passkey of your account was removed. Your account has no second factor any more: your password or a link is enough to sign in.
    New recovery codes were made for your account; those before are of no use any more.
    A recovery code of your account was used. 8 are left.
    A recovery code of your account was used. One is left.
    A recovery code of your account was used. It was the last one: make new ones.
    ");
}

#[test]
fn other_mails_to_persons_in_spanish() {
    let texts: Vec<_> = others(Language::Es).iter().map(body).collect();
    insta::assert_snapshot!(texts.join("\n\n==========\n\n"), @"
    ¿Borramos tus datos?

    Hola Ana Ríos:

    alguien, ojalá tú, pidió borrar tus datos de los pedidos que hiciste sin cuenta
    con este correo. Los pedidos pierden tu nombre, correo y teléfono, y sus enlaces
    dejan de abrirlos. No se puede deshacer. Lo que está por pagarse o devolverse, y
    las entradas de funciones que todavía no pasaron, esperan hasta entonces.

    https://box.example/purchases/ord_01jd8m4p2sf3x9d0h6c1v8a700#a=LINK&e=CONFIRMATION

    El enlace vale 24 horas. Si no lo pediste, ignora este correo: todo sigue
    igual.

    Los Faroles
    Los Faroles del Sur
    viernes 20 de noviembre de 2026, 20:30 h
    Puertas: 19:00 h
    Teatro Almendra, Carrera 7 # 12-34, Bogotá

    Pedido ord_01jd8m4p2sf3x9d0h6c1v8a700

    ==========

    Tus compras de las que te puedes arrepentir

    Hola Ana Ríos:

    de estas compras te puedes arrepentir. Abre la que quieras devolver y toca
    «Arrepentirme de la compra». Los enlaces abren sin contraseña: no los compartas.

    Los Faroles
    Los Faroles del Sur
    viernes 20 de noviembre de 2026, 20:30 h
    Puertas: 19:00 h
    Teatro Almendra, Carrera 7 # 12-34, Bogotá
    Hasta el viernes 20 de noviembre de 2026, 00:00 h (UTC−5)
    Pedido ord_01jd8m4p2sf3x9d0h6c1v8a700
    https://box.example/purchases/ord_01jd8m4p2sf3x9d0h6c1v8a700#a=LINK

    Los Faroles
    Los Faroles del Sur
    viernes 20 de noviembre de 2026, 20:30 h
    Puertas: 19:00 h
    Teatro Almendra, Carrera 7 # 12-34, Bogotá
    Hasta el viernes 20 de noviembre de 2026, 00:00 h (UTC−5)
    Pedido ord_01jd8m4p2sf3x9d0h6c1v8a700
    https://box.example/purchases/ord_01jd8m4p2sf3x9d0h6c1v8a700#a=LINK

    Si no lo pediste, ignora este correo: nada cambió.
    ");
}

#[test]
fn other_mails_to_persons_in_english() {
    let texts: Vec<_> = others(Language::En).iter().map(body).collect();
    insta::assert_snapshot!(texts.join("\n\n==========\n\n"), @"
    Shall we erase your data?

    Hello Ana Ríos,

    somebody, hopefully you, asked to erase your data from the orders that you made
    without an account with this address. The orders lose your name, address and
    telephone number, and their links open them no more. It cannot be undone. What
    is about to be paid or given back, and tickets of shows that are not over, wait
    until then.

    https://box.example/purchases/ord_01jd8m4p2sf3x9d0h6c1v8a700#a=LINK&e=CONFIRMATION

    The link is good for 24 hours. If you did not ask for it, ignore this
    e-mail: everything stays as it is.

    Los Faroles
    Los Faroles del Sur
    Friday, 20 November 2026, 20:30
    Doors: 19:00
    Teatro Almendra, Carrera 7 # 12-34, Bogotá

    Order ord_01jd8m4p2sf3x9d0h6c1v8a700

    ==========

    Your purchases from which you can withdraw

    Hello Ana Ríos,

    you can withdraw from these purchases. Open the one that you want to give back
    and choose “Withdraw from this purchase”. The links open without a password:
    keep them to yourself.

    Los Faroles
    Los Faroles del Sur
    Friday, 20 November 2026, 20:30
    Doors: 19:00
    Teatro Almendra, Carrera 7 # 12-34, Bogotá
    Until Friday, 20 November 2026, 00:00 (UTC−5)
    Order ord_01jd8m4p2sf3x9d0h6c1v8a700
    https://box.example/purchases/ord_01jd8m4p2sf3x9d0h6c1v8a700#a=LINK

    Los Faroles
    Los Faroles del Sur
    Friday, 20 November 2026, 20:30
    Doors: 19:00
    Teatro Almendra, Carrera 7 # 12-34, Bogotá
    Until Friday, 20 November 2026, 00:00 (UTC−5)
    Order ord_01jd8m4p2sf3x9d0h6c1v8a700
    https://box.example/purchases/ord_01jd8m4p2sf3x9d0h6c1v8a700#a=LINK

    If you did not ask for it, ignore this e-mail: nothing has changed.
    ");
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
