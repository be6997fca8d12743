use aws_lambda_events::event::sqs::SqsEvent;
use domain::Language;

use super::*;

const NOW: &str = "2026-11-18T11:45:00Z";

fn message(event: &str) -> MailMessage {
    let event: SqsEvent = serde_json::from_str(event).expect("an event");
    serde_json::from_str(event.records[0].body.as_deref().expect("a body")).expect("a message")
}

pub(super) fn tickets() -> MailMessage {
    message(include_str!("../../../../events/mailer/tickets.json"))
}

pub(super) fn rendered(message: &MailMessage) -> Page {
    let templates = Templates::new().expect("templates");
    let now = NOW.parse().expect("a time");
    templates.render(message, Some("TOKEN"), "https://box.example", now).expect("rendered")
}

pub(super) fn text(message: &MailMessage) -> String {
    let rendered = rendered(message);
    format!("{}\n\n{}", rendered.subject, rendered.text)
}

/// The mails about tickets, transfers, invitations and links, in one language.
fn all(language: Language) -> Vec<MailMessage> {
    let message = tickets();
    let Mail::Tickets(tickets) = message.mail.clone() else { panic!("the event has tickets") };
    let order = queue::OrderMail {
        order: tickets.order,
        amount: tickets.total.expect("a total"),
        by_hand: false,
        unused: None,
        tickets_hold: false,
        order_link: None,
        show: tickets.show.clone(),
        organiser: tickets.organiser.clone(),
    };
    let withdrawal = queue::WithdrawalMail {
        order: tickets.order,
        code: "R-8A700C1V8A".to_owned(),
        amount: tickets.total.expect("a total"),
        tickets_hold: false,
        show: tickets.show.clone(),
        organiser: tickets.organiser.clone(),
    };
    let offer = queue::TransferMail {
        from: domain::Person { email: "ana@example.com".to_owned(), name: "Ana Ríos".to_owned() },
        reason: Some("No puedo ir".to_owned()),
        token: "OFFER".to_owned(),
        expires_at: "2026-11-19T15:00:00Z".parse().expect("a time"),
        ticket: tickets.tickets[0].clone(),
        show: tickets.show.clone(),
        organiser: tickets.organiser.clone(),
    };
    let one =
        queue::TicketsMail { total: None, tickets: vec![tickets.tickets[0].clone()], ..tickets.clone() };
    let invitation = queue::InvitationMail {
        tenant: "tnt_01jd8m3n7kf8bq4v3k7w2r9s5t".parse().expect("an id"),
        role: domain::access::Role::Scanner,
        by: "olga@example.com".to_owned(),
        expires_at: "2026-12-02T11:45:00Z".parse().expect("a time"),
        organiser: tickets.organiser.clone(),
    };
    let link = |purpose| {
        let expires_at = (purpose != LinkPurpose::AlreadyRegistered)
            .then(|| "2026-11-18T12:00:00Z".parse().expect("a time"));
        Mail::Link(queue::LinkMail { purpose, sealed_token: None, expires_at })
    };
    let mails = [
        Mail::Tickets(tickets),
        Mail::TransferAccepted(one),
        Mail::TransferOffered(offer),
        Mail::StaffInvitation(invitation),
        Mail::RefundDone(order.clone()),
        Mail::RefundDue(order),
        link(LinkPurpose::SignIn),
        link(LinkPurpose::Welcome),
        link(LinkPurpose::ResetPassword),
        link(LinkPurpose::AlreadyRegistered),
        Mail::Withdrawn(withdrawal),
    ];
    mails.into_iter().map(|mail| MailMessage { mail, language, ..message.clone() }).collect()
}

#[test]
fn tickets_in_spanish() {
    insta::assert_snapshot!(text(&tickets()), @r#"
    Tus entradas para Los Faroles

    Hola Ana Ríos:

    Tus entradas están listas. Sus códigos QR vienen en este correo
    como imagen; también los encuentras en https://box.example/#/tickets

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

    --
    Organiza Producciones Almendra · hola@almendra.example
    Producciones Almendra S.A.S. · 900123456-7 · PULEP ABC123
    Carrera 7 # 12-34, Bogotá, CO
    https://box.example
    "#);
}

#[test]
fn free_tickets_show_no_total() {
    for language in [Language::Es, Language::En] {
        let mut message = MailMessage { language, ..tickets() };
        assert!(text(&message).contains("Total pa"), "what was paid is said");
        if let Mail::Tickets(tickets) = &mut message.mail {
            tickets.total.as_mut().expect("a total").amount = 0;
        }
        assert!(!text(&message).contains("Total"), "{}", text(&message));
        assert!(!rendered(&message).html.contains("Total"));
    }
}

/// The tickets' message with two vouchers.
fn with_vouchers() -> MailMessage {
    let mut message = tickets();
    if let Mail::Tickets(tickets) = &mut message.mail {
        let order: domain::OrderId = tickets.order;
        let voucher = |index: u8, name: &str| queue::VoucherFacts {
            voucher: order.voucher(index),
            name: name.to_owned(),
            image: Some(format!("voucher-{}", index + 1)),
        };
        tickets.vouchers = vec![voucher(0, "Cerveza, 500 ml"), voucher(1, "Parqueadero")];
    }
    message
}

#[test]
fn vouchers_stand_apart_from_the_tickets() {
    let message = with_vouchers();
    let text = text(&message);
    let (before, after) =
        text.split_once("Para mostrar donde se entrega cada producto:").expect("a part of its own");
    assert!(before.contains("Tus entradas para Los Faroles") && !before.contains("Cerveza"), "{text}");
    assert!(after.contains("- Cerveza, 500 ml\n  vch_") && after.contains("- Parqueadero\n  vch_"), "{text}");
    let html = rendered(&message).html;
    for part in ["cid:ticket-1", "cid:voucher-1", "cid:voucher-2", "Código QR del vale 2: Parqueadero"] {
        assert!(html.contains(part), "{part}");
    }
    assert!(html.find("cid:ticket-1") < html.find("cid:voucher-1"), "tickets come first");
    assert!(!rendered(&tickets()).html.contains("producto"), "without them nothing is said");
}

#[test]
fn an_order_without_tickets_speaks_of_none() {
    for (language, order, ticket) in
        [(Language::Es, "Tu compra", "entrada"), (Language::En, "Your order", "ticket")]
    {
        let mut message = MailMessage { language, ..with_vouchers() };
        if let Mail::Tickets(tickets) = &mut message.mail {
            tickets.tickets.clear();
        }
        let said = text(&message);
        let body = said.split("--").next().expect("a text");
        assert!(said.starts_with(order) && !body.contains(ticket), "{said}");
    }
}

#[test]
fn a_withdrawal_names_its_code_and_what_goes_back() {
    for (language, worthless, kept) in [
        (Language::Es, "Las entradas de este pedido ya no valen.", "pasaste a otra"),
        (Language::En, "The tickets of this order are worthless now.", "handed on"),
    ] {
        let mut message = all(language).pop().expect("the last one");
        let all_back = text(&message);
        assert!(all_back.contains("R-8A700C1V8A") && all_back.contains(worthless), "{all_back}");
        assert!(all_back.contains("212"), "{all_back}");
        let Mail::Withdrawn(mail) = &mut message.mail else { panic!("the last one is a withdrawal") };
        (mail.tickets_hold, mail.amount.amount) = (true, 0);
        let some_back = text(&message);
        assert!(some_back.contains(kept) && !some_back.contains("COP"), "{some_back}");
        assert!(rendered(&message).html.contains("R-8A700C1V8A"));
    }
}

#[test]
fn tickets_in_html() {
    insta::assert_snapshot!(rendered(&tickets()).html, @r#"
    <!doctype html>
    <html lang="es" dir="ltr">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <meta name="supported-color-schemes" content="light dark">
    <meta name="format-detection" content="telephone=no, date=no, address=no, email=no">
    <title>Los Faroles</title>
    <style>
    :root { color-scheme: light dark; supported-color-schemes: light dark; }
    @media (prefers-color-scheme: dark) {
      .page { background: #14141a !important; }
      .card { background: #1f1f29 !important; }
      .text, .text h1, .text h2 { color: #f2f2f7 !important; }
      .muted { color: #b3b3c2 !important; }
      .link { color: #a5b4fc !important; }
      .rule { border-color: #3a3a4a !important; }
    }
    @media (max-width: 480px) { .card { padding: 20px !important; } }
    </style>
    </head>
    <body class="page" style="margin:0;padding:0;background:#f3f3f8;">
    <div style="display:none;max-height:0;overflow:hidden;">viernes 20 de noviembre de 2026, 20:30 h · Teatro Almendra</div>
    <table role="presentation" class="page" width="100%" cellpadding="0" cellspacing="0" style="background:#f3f3f8;">
    <tr><td align="center" style="padding:24px 12px;">
    <table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="max-width:600px;">
    <tr><td class="card text" style="background:#ffffff;border-radius:12px;padding:32px;color:#1c1c28;font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;font-size:16px;line-height:1.5;">
    <h1 style="margin:0 0 12px;font-size:24px;">Tus entradas están listas</h1>
    <p style="margin:0;">Hola Ana Ríos: muestra estos códigos en la puerta, en el teléfono o en papel. Cada código entra una sola vez, así que no lo compartas.</p>
    <table role="presentation" width="100%" cellpadding="0" cellspacing="0" class="rule" style="margin:16px 0;border-top:1px solid #dcdce6;border-bottom:1px solid #dcdce6;">
    <tr><td style="padding:16px 0;">
    <h2 style="margin:0 0 4px;font-size:18px;">Los Faroles</h2>
    <p style="margin:0 0 4px;">Los Faroles del Sur</p>
    <p style="margin:0;">viernes 20 de noviembre de 2026, 20:30 h</p>
    <p class="muted" style="margin:0;color:#5b5b6b;">Puertas: 19:00 h</p>
    <p style="margin:0;">Teatro Almendra, Carrera 7 # 12-34, Bogotá</p>
    </td></tr></table><table role="presentation" width="100%" cellpadding="0" cellspacing="0" class="rule" style="margin:0 0 20px;border:1px solid #dcdce6;border-radius:12px;">
    <tr><td align="center" style="padding:20px;">
    <p style="margin:0 0 4px;font-size:18px;font-weight:600;">Platea · Asiento AA-101</p>
    <p style="margin:0 0 4px;">Ana Ríos</p>
    <div style="background:#ffffff;display:inline-block;padding:4px;margin:8px 0;">
    <img src="cid:ticket-1" width="240" height="240" alt="Código QR de la entrada 1: Platea, AA-101" style="display:block;width:240px;height:240px;image-rendering:pixelated;">
    </div>
    <p class="muted" style="margin:0;color:#5b5b6b;font-size:12px;">tkt_01jd8m4p2sf3x9d0h6c1v8a701</p>
    </td></tr></table><table role="presentation" width="100%" cellpadding="0" cellspacing="0" class="rule" style="margin:0 0 20px;border:1px solid #dcdce6;border-radius:12px;">
    <tr><td align="center" style="padding:20px;">
    <p style="margin:0 0 4px;font-size:18px;font-weight:600;">Palco</p>
    <p style="margin:0 0 4px;">Entran 4 personas</p>
    <div style="background:#ffffff;display:inline-block;padding:4px;margin:8px 0;">
    <img src="cid:ticket-2" width="240" height="240" alt="Código QR de la entrada 2: Palco" style="display:block;width:240px;height:240px;image-rendering:pixelated;">
    </div>
    <p class="muted" style="margin:0;color:#5b5b6b;font-size:12px;">tkt_01jd8m4p2sf3x9d0h6c1v8a702</p>
    </td></tr></table><p style="margin:0;"><strong>Total pagado:</strong> COP 212.382</p>
    <p class="muted" style="margin:0;color:#5b5b6b;font-size:14px;">Pedido ord_01jd8m4p2sf3x9d0h6c1v8a700</p>
    <table role="presentation" cellpadding="0" cellspacing="0" style="margin:24px 0;"><tr><td style="background:#4338ca;border-radius:8px;">
    <a href="https://box.example/#/tickets" style="display:inline-block;padding:12px 24px;color:#ffffff;font-weight:600;text-decoration:none;">Ver mis entradas</a>
    </td></tr></table></td></tr>
    <tr><td class="muted" style="padding:20px 32px;color:#5b5b6b;font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;font-size:13px;line-height:1.5;">
    <p style="margin:0 0 8px;">Organiza Producciones Almendra ·
    <a class="link" style="color:#4338ca;" href="mailto:hola@almendra.example">hola@almendra.example</a></p>
    <p style="margin:0 0 8px;">Producciones Almendra S.A.S. · 900123456-7 · PULEP ABC123<br>
    Carrera 7 # 12-34, Bogotá, CO</p>
    <p style="margin:0;">Este mensaje salió de <a class="link" style="color:#4338ca;" href="https://box.example">Taquilla</a>, que vende las entradas.</p></td></tr>
    </table>
    </td></tr>
    </table>
    </body>
    </html>
    "#);
}

#[test]
fn every_text_in_english() {
    let texts: Vec<_> = all(Language::En)
        .iter()
        .map(|message| {
            let text = text(message);
            text.split("\n--").next().expect("a first part").trim().to_owned()
        })
        .collect();
    insta::assert_snapshot!(texts.join("\n\n==========\n\n"), @"
    Your tickets for Los Faroles

    Hello Ana Ríos,

    your tickets are ready. Their QR codes are in this e-mail as
    pictures; you also find them at https://box.example/#/tickets

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

    ==========

    Your ticket for Los Faroles

    Hello Ana Ríos,

    the ticket is yours now. Its new code is in this e-mail as a picture; the old
    one is worth nothing any more. You also find it at https://box.example/#/tickets

    Los Faroles
    Los Faroles del Sur
    Friday, 20 November 2026, 20:30
    Doors: 19:00
    Teatro Almendra, Carrera 7 # 12-34, Bogotá

    Platea · seat AA-101 · Ana Ríos
    tkt_01jd8m4p2sf3x9d0h6c1v8a701

    ==========

    Somebody offers you a ticket

    You are offered a ticket. It comes from ana@example.com, who goes by
    “Ana Ríos”.

    Their message, which Taquilla did not write: “No puedo ir”

    Los Faroles
    Los Faroles del Sur
    Friday, 20 November 2026, 20:30
    Doors: 19:00
    Teatro Almendra, Carrera 7 # 12-34, Bogotá

    Platea · seat AA-101 · Ana Ríos

    Accept it before Thursday, 19 November 2026, 10:00:
    https://box.example/#/transfers/accept?token=OFFER

    You get a new code, and the one of whoever hands it to you ends. If you did
    not expect this, ignore this e-mail.

    ==========

    You are invited to work for an organiser on Taquilla

    An organiser called “Producciones Almendra” wants you to work with them on
    Taquilla, to check tickets at the door. The invitation was made by olga@example.com.

    Sign in with this address to accept or decline; if you have no account yet,
    register with this address and confirm it:
    https://box.example/#/workplaces/tnt_01jd8m3n7kf8bq4v3k7w2r9s5t

    The invitation is good for 14 days. If you did not expect it, ignore this
    e-mail: without your answer nothing happens, and whatever else you do on
    Taquilla stays as it is.

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

    ==========

    Your payment for Los Faroles came too late

    Your payment reached us after your reservation had ended, and the places belong
    to somebody else by now. You have no tickets from this order: you get
    COP 212,382 back the way you paid, without having to do anything.

    Los Faroles
    Los Faroles del Sur
    Friday, 20 November 2026, 20:30
    Doors: 19:00
    Teatro Almendra, Carrera 7 # 12-34, Bogotá

    Order ord_01jd8m4p2sf3x9d0h6c1v8a700

    ==========

    Your link to sign in to Taquilla

    Hello Ana Ríos,

    this link signs you in to Taquilla without a password. It is good for
    15 minutes and works once:

    https://box.example/#/sign-in?token=TOKEN

    If you did not ask for it, ignore this e-mail: nobody gets in without the link.

    ==========

    Confirm your address for Taquilla

    Welcome to Taquilla. Confirm that this address is yours, and sign in to your
    account. The link is good for 15 minutes and works once:

    https://box.example/#/confirm?token=TOKEN

    If you did not open this account, ignore this e-mail.

    ==========

    Choose a new password

    Somebody, hopefully you, asked to change the password of your Taquilla account.
    Choose a new one here; the link is good for 15 minutes and works once:

    https://box.example/#/reset-password?token=TOKEN

    If it was not you, ignore this e-mail: your password stays as it is.

    ==========

    You have a Taquilla account already

    Somebody, perhaps you, tried to register this address with Taquilla, but it has
    an account. Sign in with it; if you forgot the password, ask for a link to
    choose another:

    https://box.example/#/sign-in

    If it was not you, there is nothing to do: your account stays as it is.

    ==========

    You withdrew from your purchase for Los Faroles: R-8A700C1V8A

    We have your withdrawal. Your code is R-8A700C1V8A.

    The tickets of this order are worthless now.
    COP 212,382 goes back the way you paid. There is nothing for you to do.

    Los Faroles
    Los Faroles del Sur
    Friday, 20 November 2026, 20:30
    Doors: 19:00
    Teatro Almendra, Carrera 7 # 12-34, Bogotá

    Order ord_01jd8m4p2sf3x9d0h6c1v8a700
    ");
}

#[test]
fn every_text_in_spanish() {
    let texts: Vec<_> = all(Language::Es)
        .iter()
        .skip(1)
        .map(|message| {
            let text = text(message);
            text.split("\n--").next().expect("a first part").trim().to_owned()
        })
        .collect();
    insta::assert_snapshot!(texts.join("\n\n==========\n\n"), @"
    Tu entrada para Los Faroles

    Hola Ana Ríos:

    La entrada ya es tuya. Su código nuevo viene en este correo como imagen; el
    anterior ya no vale. También lo encuentras en https://box.example/#/tickets

    Los Faroles
    Los Faroles del Sur
    viernes 20 de noviembre de 2026, 20:30 h
    Puertas: 19:00 h
    Teatro Almendra, Carrera 7 # 12-34, Bogotá

    Platea · asiento AA-101 · Ana Ríos
    tkt_01jd8m4p2sf3x9d0h6c1v8a701

    ==========

    Te ofrecen una entrada

    Te ofrecen una entrada. Te la pasa ana@example.com, que se presenta
    como «Ana Ríos».

    Su mensaje, que no escribió Taquilla: «No puedo ir»

    Los Faroles
    Los Faroles del Sur
    viernes 20 de noviembre de 2026, 20:30 h
    Puertas: 19:00 h
    Teatro Almendra, Carrera 7 # 12-34, Bogotá

    Platea · asiento AA-101 · Ana Ríos

    Acéptala antes del jueves 19 de noviembre de 2026, 10:00 h:
    https://box.example/#/transfers/accept?token=OFFER

    Recibirás un código nuevo, y el de quien te la pasa dejará de valer. Si no
    esperabas esto, ignora este correo.

    ==========

    Te invitan a trabajar con un organizador en Taquilla

    Un organizador que se llama «Producciones Almendra» quiere que trabajes con él en
    Taquilla, para revisar entradas en la puerta. La invitación la hizo olga@example.com.

    Entra con este correo para aceptar o rechazar; si todavía no tienes una cuenta,
    créala con este correo y confírmalo:
    https://box.example/#/workplaces/tnt_01jd8m3n7kf8bq4v3k7w2r9s5t

    La invitación vale 14 días. Si no la esperabas, ignora este correo: sin tu
    respuesta no pasa nada, y lo demás que haces en Taquilla sigue igual.

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

    ==========

    Tu pago para Los Faroles llegó tarde

    Recibimos tu pago después de que terminó la reserva, y esos lugares ya son de
    otra persona. No tienes entradas por este pedido: te devolvemos
    COP 212.382 por el mismo medio con que pagaste, sin que tengas que
    hacer nada.

    Los Faroles
    Los Faroles del Sur
    viernes 20 de noviembre de 2026, 20:30 h
    Puertas: 19:00 h
    Teatro Almendra, Carrera 7 # 12-34, Bogotá

    Pedido ord_01jd8m4p2sf3x9d0h6c1v8a700

    ==========

    Tu enlace para entrar a Taquilla

    Hola Ana Ríos:

    con este enlace entras a Taquilla sin contraseña. Vale 15 minutos y una
    sola vez:

    https://box.example/#/sign-in?token=TOKEN

    Si no lo pediste tú, ignora este correo: nadie entra sin el enlace.

    ==========

    Confirma tu correo para Taquilla

    Te damos la bienvenida a Taquilla. Confirma que este correo es tuyo y entra a
    tu cuenta. El enlace vale 15 minutos y una sola vez:

    https://box.example/#/confirm?token=TOKEN

    Si no abriste tú esta cuenta, ignora este correo.

    ==========

    Elige una contraseña nueva

    Alguien, ojalá tú, pidió cambiar la contraseña de tu cuenta de Taquilla. Elige
    una nueva aquí; el enlace vale 15 minutos y una sola vez:

    https://box.example/#/reset-password?token=TOKEN

    Si no fuiste tú, ignora este correo: tu contraseña sigue igual.

    ==========

    Ya tienes una cuenta en Taquilla

    Alguien, quizá tú, quiso registrar este correo en Taquilla, pero ya tiene una
    cuenta. Entra con ella; si olvidaste la contraseña, pide un enlace para elegir
    otra:

    https://box.example/#/sign-in

    Si no fuiste tú, no hagas nada: tu cuenta sigue igual.

    ==========

    Te arrepentiste de tu compra para Los Faroles: R-8A700C1V8A

    Recibimos tu arrepentimiento. Tu código es R-8A700C1V8A.

    Las entradas de este pedido ya no valen.
    Te devolvemos COP 212.382 por el mismo medio con que pagaste, sin
    que tengas que hacer nada.

    Los Faroles
    Los Faroles del Sur
    viernes 20 de noviembre de 2026, 20:30 h
    Puertas: 19:00 h
    Teatro Almendra, Carrera 7 # 12-34, Bogotá

    Pedido ord_01jd8m4p2sf3x9d0h6c1v8a700
    ");
}

#[test]
fn already_registered_mail_carries_no_token() {
    let mail = rendered(&message(include_str!("../../../../events/mailer/already-registered.json")));
    assert_eq!(mail.subject, "You have a Taquilla account already");
    assert!(!mail.html.contains("TOKEN") && !mail.text.contains("TOKEN"));
}

#[test]
fn every_page_names_its_language_and_closes_its_elements() {
    for language in [Language::Es, Language::En] {
        for message in all(language) {
            let html = rendered(&message).html;
            let lang = if language == Language::Es { "<html lang=\"es\"" } else { "<html lang=\"en\"" };
            assert!(html.contains(lang) && html.contains("prefers-color-scheme: dark"));
            leaves_nothing_open(&html, &message.mail);
            assert_eq!(html.matches("<img ").count(), html.matches(" alt=\"").count());
        }
    }
}

/// Checks that every element of a mail's page is closed.
pub(super) fn leaves_nothing_open(html: &str, mail: &Mail) {
    for tag in ["table", "tr", "td", "p", "h1", "h2", "a", "div"] {
        let count = |open: &str| html.matches(open).count();
        let opened = count(&format!("<{tag} ")) + count(&format!("<{tag}>"));
        assert_eq!(opened, count(&format!("</{tag}>")), "{tag} in {mail:?}");
    }
}

/// Every text that users typed is replaced by a link, a phone number and a sentence.
#[test]
fn typed_text_smuggles_no_links_into_mails() {
    let evil = "Tu cuenta fue bloqueada. Entra en https://premio.malo.example/x o llama al 300 555 0100";
    for language in [Language::Es, Language::En] {
        for message in all(language).into_iter().chain(person_tests::all(language)) {
            let facts = serde_json::to_string(&message).expect("JSON");
            // All typed text of the event's facts. Not ids, addresses and times, nor the official
            // numbers, which are checked when they are entered.
            let typed = [
                "Los Faroles del Sur",
                "Los Faroles",
                "Teatro Almendra",
                "Calle 10 # 20-30",
                "Platea",
                "Palco",
                "Bogotá",
                "Producciones Almendra S.A.S.",
                "Producciones Almendra",
                "Carrera 7 # 12-34",
                "Ana Ríos",
                "No puedo ir",
                "Celular",
            ];
            let facts = typed
                .iter()
                .fold(facts, |facts, typed| facts.replace(&format!("\"{typed}\""), &format!("{evil:?}")));
            let message: MailMessage = serde_json::from_str(&facts).expect("a message");
            let Page { subject, html, text } = rendered(&message.clone().sanitised());
            for part in [&subject, &html, &text] {
                assert!(!part.contains("malo.example") && !part.contains("https://premio"), "{part}");
            }
            if let Mail::TransferOffered(_) | Mail::StaffInvitation(_) = message.mail {
                assert!(
                    !subject.contains("cuenta"),
                    "who did not ask for it reads no words of others: {subject}"
                );
                assert!(!text.contains("300 555"), "{text}");
            }
        }
    }
}

#[test]
fn typed_text_is_escaped() {
    let mut message = tickets();
    let Mail::Tickets(mail) = &mut message.mail else { panic!("the event has tickets") };
    let evil = "<script>alert('x')</script>\r\nBcc: all@example.com";
    mail.show.name = evil.to_owned();
    mail.tickets[0].attendee = Some(evil.to_owned());
    mail.organiser.name = evil.to_owned();
    message.to.name = evil.to_owned();
    let rendered = rendered(&message);
    assert!(!rendered.html.contains("<script"), "{}", rendered.html);
    assert!(!rendered.subject.contains(['\r', '\n']), "{}", rendered.subject);
    let mut offers = all(Language::En);
    let Mail::TransferOffered(mut offer) = offers.swap_remove(2).mail else {
        panic!("the third is the offer")
    };
    offer.from.name = evil.to_owned();
    offer.reason = Some(evil.to_owned());
    offer.ticket.attendee = Some(evil.to_owned());
    let message = MailMessage { mail: Mail::TransferOffered(offer), ..message };
    assert!(!self::rendered(&message).html.contains("<script"));
}
