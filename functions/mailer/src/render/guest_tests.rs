//! Mails to buyers without an account, who come to their order by its link.

use domain::Language;
use queue::{OrderLinkMail, OrderMail};

use super::tests::{leaves_nothing_open, rendered, text, tickets};
use super::*;

const LINK: &str = "https://box.example/purchases/ord_01jd8m4p2sf3x9d0h6c1v8a700#a=LINK";

/// The mails about a guest's order, in one language.
fn all(language: Language) -> Vec<MailMessage> {
    let message = tickets();
    let Mail::Tickets(mut tickets) = message.mail.clone() else { panic!("the event has tickets") };
    tickets.order_link = Some(LINK.to_owned());
    let link = OrderLinkMail {
        order: tickets.order,
        order_link: LINK.to_owned(),
        show: tickets.show.clone(),
        organiser: tickets.organiser.clone(),
    };
    let order = OrderMail {
        order: tickets.order,
        amount: tickets.total.expect("a total"),
        by_hand: false,
        unused: None,
        tickets_hold: false,
        order_link: Some(LINK.to_owned()),
        show: tickets.show.clone(),
        organiser: tickets.organiser.clone(),
    };
    let mails = [
        Mail::Tickets(tickets),
        Mail::OrderLink(link),
        Mail::RefundDone(order.clone()),
        Mail::RefundDue(order.clone()),
        Mail::RefundByHandDue(order.clone()),
        Mail::TicketsWorthless(order),
    ];
    mails.into_iter().map(|mail| MailMessage { mail, language, ..message.clone() }).collect()
}

/// The first three mails; the link of the others looks as in the third.
fn texts(language: Language) -> String {
    let texts: Vec<_> = all(language)
        .iter()
        .take(3)
        .map(|message| {
            let text = text(message);
            text.split("\n--").next().expect("a first part").trim().to_owned()
        })
        .collect();
    texts.join("\n\n==========\n\n")
}

#[test]
fn mails_to_guests_in_spanish() {
    insta::assert_snapshot!(texts(Language::Es), @"
    Tus entradas para Los Faroles

    Hola Ana Ríos:

    Tus entradas están listas. Sus códigos QR vienen en este correo
    como imagen; también los encuentras en https://box.example/purchases/ord_01jd8m4p2sf3x9d0h6c1v8a700#a=LINK

    Los Faroles
    Los Faroles del Sur
    viernes 20 de noviembre de 2026, 20:30 h
    Puertas: 19:00 h
    Teatro Almendra, Carrera 7 # 12-34, Bogotá

    1. Platea · asiento AA-101 · Ana Ríos
       tkt_01jd8m4p2sf3x9d0h6c1v8a701
    2. Palco · 4 personas
       tkt_01jd8m4p2sf3x9d0h6c1v8a702

    Total pagado: COP 212.382
    Pedido ord_01jd8m4p2sf3x9d0h6c1v8a700

    El enlace abre este pedido sin contraseña: no reenvíes este correo. Si algún día
    creas una cuenta con esta dirección y la confirmas, allí estará también.

    ==========

    El enlace a tu pedido para Los Faroles

    Hola Ana Ríos:

    este enlace abre tu pedido sin contraseña. Los que te enviamos antes ya no lo
    abren. No lo compartas: quien lo tiene, tiene tus entradas.

    https://box.example/purchases/ord_01jd8m4p2sf3x9d0h6c1v8a700#a=LINK

    Si no lo pediste, lo hizo alguien que tenía el enlace anterior, que ya no le
    sirve.

    Los Faroles
    Los Faroles del Sur
    viernes 20 de noviembre de 2026, 20:30 h
    Puertas: 19:00 h
    Teatro Almendra, Carrera 7 # 12-34, Bogotá

    Pedido ord_01jd8m4p2sf3x9d0h6c1v8a700

    ==========

    Tu reembolso para Los Faroles

    Devolvimos COP 212.382 por el mismo medio con que pagaste. Según el
    banco, tarda entre unas horas y diez días hábiles en verse.

    Los Faroles
    Los Faroles del Sur
    viernes 20 de noviembre de 2026, 20:30 h
    Puertas: 19:00 h
    Teatro Almendra, Carrera 7 # 12-34, Bogotá

    Pedido ord_01jd8m4p2sf3x9d0h6c1v8a700

    El enlace lo abre sin contraseña, así que no lo compartas:
    https://box.example/purchases/ord_01jd8m4p2sf3x9d0h6c1v8a700#a=LINK
    ");
}

#[test]
fn mails_to_guests_in_english() {
    insta::assert_snapshot!(texts(Language::En), @"
    Your tickets for Los Faroles

    Hello Ana Ríos,

    your tickets are ready. Their QR codes are in this e-mail as
    pictures; you also find them at https://box.example/purchases/ord_01jd8m4p2sf3x9d0h6c1v8a700#a=LINK

    Los Faroles
    Los Faroles del Sur
    Friday, 20 November 2026, 20:30
    Doors: 19:00
    Teatro Almendra, Carrera 7 # 12-34, Bogotá

    1. Platea · seat AA-101 · Ana Ríos
       tkt_01jd8m4p2sf3x9d0h6c1v8a701
    2. Palco · 4 people
       tkt_01jd8m4p2sf3x9d0h6c1v8a702

    Total paid: COP 212,382
    Order ord_01jd8m4p2sf3x9d0h6c1v8a700

    The link opens this order without a password: do not forward this e-mail. If you
    ever open an account with this address and confirm it, the order is there, too.

    ==========

    The link to your order for Los Faroles

    Hello Ana Ríos,

    this link opens your order without a password. Those that we sent before open it
    no more. Keep it to yourself: whoever has it has your tickets.

    https://box.example/purchases/ord_01jd8m4p2sf3x9d0h6c1v8a700#a=LINK

    If you did not ask for it, somebody with the link before did, which is of no use
    to them now.

    Los Faroles
    Los Faroles del Sur
    Friday, 20 November 2026, 20:30
    Doors: 19:00
    Teatro Almendra, Carrera 7 # 12-34, Bogotá

    Order ord_01jd8m4p2sf3x9d0h6c1v8a700

    ==========

    Your refund for Los Faroles

    We returned COP 212,382 the way you paid. Depending on the bank it
    takes between some hours and ten working days to show up.

    Los Faroles
    Los Faroles del Sur
    Friday, 20 November 2026, 20:30
    Doors: 19:00
    Teatro Almendra, Carrera 7 # 12-34, Bogotá

    Order ord_01jd8m4p2sf3x9d0h6c1v8a700

    The link opens it without a password, so keep it to yourself:
    https://box.example/purchases/ord_01jd8m4p2sf3x9d0h6c1v8a700#a=LINK
    ");
}

#[test]
fn every_mail_about_a_guests_order_has_its_link_and_no_way_to_an_account() {
    for language in Language::ALL {
        for message in all(language) {
            let page = rendered(&message);
            assert!(page.html.contains(&format!("href=\"{LINK}\"")), "{}", page.html);
            assert!(page.text.contains(LINK), "{}", page.text);
            assert!(!page.html.contains("#/tickets") && !page.text.contains("#/tickets"), "{}", page.text);
            leaves_nothing_open(&page.html, &message.mail);
        }
    }
}
