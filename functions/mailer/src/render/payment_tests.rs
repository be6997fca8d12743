//! Mails about payments that a person has to look at.

use domain::order::UnusedReason;
use domain::payment::{ManualReason, MethodKind};
use domain::payment_difference::{DifferenceKind, PaymentDifference};
use domain::{Currency, Money, Person};
use queue::{
    DifferencesMail, OrderMail, PaymentFacts, PaymentsMail, RefundsWaitingMail, SlipMail, WaitingRefund,
};

use super::tests::{leaves_nothing_open, rendered, text, tickets};
use super::*;

fn cop(amount: i64) -> Money {
    Money::new(amount, Currency::COP)
}

fn payment(reason: Option<ManualReason>) -> PaymentFacts {
    PaymentFacts {
        gateway: GatewayName::Wompi,
        payment_id: "1234-1610641025-49201".to_owned(),
        amount: cop(2_500_000),
        reason,
    }
}

/// All mails about payments, in one language.
fn all(language: Language) -> Vec<MailMessage> {
    let message = tickets();
    let Mail::Tickets(tickets) = message.mail.clone() else { panic!("the event has tickets") };
    let (show, organiser, order) = (tickets.show, tickets.organiser, tickets.order);
    let buyer = message.to.clone();
    let about = OrderMail {
        order,
        amount: cop(2_500_000),
        by_hand: true,
        unused: None,
        tickets_hold: true,
        order_link: None,
        show: show.clone(),
        organiser: organiser.clone(),
    };
    let payments = |reason, uncovered, worthless| PaymentsMail {
        order,
        buyer: buyer.clone(),
        payments: vec![payment(reason)],
        asked: None,
        uncovered,
        worthless,
        show: show.clone(),
        organiser: organiser.clone(),
    };
    let since = "2026-11-17T15:00:00Z".parse().expect("a time");
    let waiting = |reason, email: &str| WaitingRefund {
        order,
        buyer: Person { email: email.to_owned(), name: String::new() },
        since,
        payment: payment(Some(reason)),
    };
    let difference = |kind, payment_id: Option<&str>| PaymentDifference {
        order,
        payment_id: payment_id.map(str::to_owned),
        kind,
        detail: "Asked for COP 100.00, paid COP 99.00.".to_owned(),
        at: since,
    };
    let unused = |reason| OrderMail { by_hand: false, unused: Some(reason), ..about.clone() };
    let slip = |kind| SlipMail {
        order,
        order_link: None,
        amount: cop(2_500_000),
        gateway: GatewayName::MercadoPago,
        kind,
        method: Some("efecty".to_owned()),
        until: Some("2026-11-19T15:00:00Z".parse().expect("a time")),
        slip_url: Some("https://www.mercadopago.com.co/payments/1/ticket?a=1&b=2".to_owned()),
        code: Some("1234567890".to_owned()),
        show: show.clone(),
        organiser: organiser.clone(),
    };
    let mails = [
        Mail::DisputeOpened(payments(None, None, false)),
        Mail::DisputeLost(payments(None, None, true)),
        Mail::DisputeWon(payments(None, None, false)),
        Mail::RefundedElsewhere(payments(None, Some(cop(900_000)), false)),
        Mail::TicketsWorthless(about.clone()),
        Mail::RefundByHand(payments(Some(ManualReason::Unsupported), None, false)),
        Mail::RefundByHandDue(about.clone()),
        Mail::RefundDone(about.clone()),
        Mail::RefundDone(unused(UnusedReason::PaidTwice)),
        Mail::RefundDone(unused(UnusedReason::PlacesGone)),
        Mail::RefundByHandDue(unused(UnusedReason::PaidTwice)),
        Mail::RefundDue(unused(UnusedReason::Cancelled)),
        Mail::RefundDue(unused(UnusedReason::PlacesGone)),
        Mail::RefundDue(unused(UnusedReason::PlacesLost)),
        Mail::PaymentPending(slip(MethodKind::Cash)),
        Mail::PaymentPending(SlipMail {
            method: Some("pse".to_owned()),
            slip_url: None,
            code: None,
            ..slip(MethodKind::BankTransfer)
        }),
        Mail::SlipWithoutPlaces(SlipMail {
            until: None,
            order_link: Some("https://box.example/purchases/ord_1#a=LINK".to_owned()),
            ..slip(MethodKind::Cash)
        }),
        Mail::PaymentMismatch(PaymentsMail { asked: Some(cop(2_600_000)), ..payments(None, None, false) }),
        Mail::RefundsWaiting(RefundsWaitingMail {
            refunds: vec![
                waiting(ManualReason::Declined, "ana@example.com"),
                waiting(ManualReason::Uncertain, "beto@example.com"),
                waiting(ManualReason::Disputed, "carla@example.com"),
            ],
            more: true,
            organiser: organiser.clone(),
        }),
        Mail::PaymentDifferences(DifferencesMail {
            day: "2026-11-17T00:00:00Z".parse().expect("a time"),
            differences: vec![
                difference(DifferenceKind::AmountDiffers, Some("1234-1610641025-49201")),
                difference(DifferenceKind::Uncovered, None),
            ],
            more: true,
            organiser,
        }),
    ];
    mails.into_iter().map(|mail| MailMessage { mail, language, ..message.clone() }).collect()
}

fn texts(language: Language) -> String {
    let texts: Vec<_> = all(language)
        .iter()
        .map(|message| {
            let text = text(message);
            text.split("\n--").next().expect("a first part").trim().to_owned()
        })
        .collect();
    texts.join("\n\n==========\n\n")
}

#[test]
fn payment_mails_in_english() {
    insta::assert_snapshot!(texts(Language::En), @"
    A bank wants a payment for Los Faroles back

    The buyer asked their bank for the money. Answer in the gateway's panel before
    its deadline. The tickets stay valid until it is decided; if you do not want to
    wait for that, give the money back.

    - COP 25,000 · Wompi · 1234-1610641025-49201

    Los Faroles
    Los Faroles del Sur
    Friday, 20 November 2026, 20:30
    Doors: 19:00
    Teatro Almendra, Carrera 7 # 12-34, Bogotá

    Order ord_01jd8m4p2sf3x9d0h6c1v8a700
    Bought by Ana Ríos · ana@example.com

    ==========

    The bank took a payment for Los Faroles back

    The dispute was decided for the buyer: the bank took this money back.

    - COP 25,000 · Wompi · 1234-1610641025-49201

    The tickets that nobody had used are worthless now, and their places are on sale
    again.

    Los Faroles
    Los Faroles del Sur
    Friday, 20 November 2026, 20:30
    Doors: 19:00
    Teatro Almendra, Carrera 7 # 12-34, Bogotá

    Order ord_01jd8m4p2sf3x9d0h6c1v8a700
    Bought by Ana Ríos · ana@example.com

    ==========

    A payment for Los Faroles stays yours

    The dispute was decided for you: the money stays with you, and the tickets are
    valid.

    - COP 25,000 · Wompi · 1234-1610641025-49201

    Los Faroles
    Los Faroles del Sur
    Friday, 20 November 2026, 20:30
    Doors: 19:00
    Teatro Almendra, Carrera 7 # 12-34, Bogotá

    Order ord_01jd8m4p2sf3x9d0h6c1v8a700
    Bought by Ana Ríos · ana@example.com

    ==========

    Money for Los Faroles was given back at the gateway

    Somebody gave money of this order back at the gateway, without asking for it
    here. We noted it; this is what went back:

    - COP 25,000 · Wompi · 1234-1610641025-49201

    Valid tickets worth COP 9,000 are not paid any more: talk to the
    buyer, or revoke them.

    Los Faroles
    Los Faroles del Sur
    Friday, 20 November 2026, 20:30
    Doors: 19:00
    Teatro Almendra, Carrera 7 # 12-34, Bogotá

    Order ord_01jd8m4p2sf3x9d0h6c1v8a700
    Bought by Ana Ríos · ana@example.com

    ==========

    Your tickets for Los Faroles are not valid any more

    The money of this order went back to you, by your bank or by the organiser. So
    the tickets that were not used are not valid any more. If you did not expect
    that, answer this e-mail.

    Los Faroles
    Los Faroles del Sur
    Friday, 20 November 2026, 20:30
    Doors: 19:00
    Teatro Almendra, Carrera 7 # 12-34, Bogotá

    Order ord_01jd8m4p2sf3x9d0h6c1v8a700

    ==========

    Give money for Los Faroles back

    This money has to go back, and the gateway did not do it:

    - COP 25,000 · Wompi · 1234-1610641025-49201
      The gateway does not do it by itself: give it back in its panel, or by bank transfer.

    Once it is back, mark it as done in your list of refunds: then we tell the
    buyer. Until then we remind you each day.

    Los Faroles
    Los Faroles del Sur
    Friday, 20 November 2026, 20:30
    Doors: 19:00
    Teatro Almendra, Carrera 7 # 12-34, Bogotá

    Order ord_01jd8m4p2sf3x9d0h6c1v8a700
    Bought by Ana Ríos · ana@example.com

    ==========

    You get COP 25,000 back for Los Faroles

    Producciones Almendra gives COP 25,000 back to you by hand, because the
    payment gateway cannot do it by itself. You need do nothing: we tell you when it
    is done.

    Los Faroles
    Los Faroles del Sur
    Friday, 20 November 2026, 20:30
    Doors: 19:00
    Teatro Almendra, Carrera 7 # 12-34, Bogotá

    Order ord_01jd8m4p2sf3x9d0h6c1v8a700

    ==========

    Your refund for Los Faroles

    Producciones Almendra gave COP 25,000 back to you. If it is not
    the way you paid, they will tell you how; and if it does not arrive, answer this
    e-mail.

    Los Faroles
    Los Faroles del Sur
    Friday, 20 November 2026, 20:30
    Doors: 19:00
    Teatro Almendra, Carrera 7 # 12-34, Bogotá

    Order ord_01jd8m4p2sf3x9d0h6c1v8a700

    ==========

    You paid twice for Los Faroles: one payment went back

    This order was paid twice, and this is the payment too many.
    Your purchase stands: your tickets are valid all the same.

    We returned COP 25,000 the way you paid. Depending on the bank it
    takes between some hours and ten working days to show up.

    Los Faroles
    Los Faroles del Sur
    Friday, 20 November 2026, 20:30
    Doors: 19:00
    Teatro Almendra, Carrera 7 # 12-34, Bogotá

    Order ord_01jd8m4p2sf3x9d0h6c1v8a700

    ==========

    Your refund for Los Faroles

    This payment came when the places belonged to somebody else, so you have no
    tickets from this order.

    We returned COP 25,000 the way you paid. Depending on the bank it
    takes between some hours and ten working days to show up.

    Los Faroles
    Los Faroles del Sur
    Friday, 20 November 2026, 20:30
    Doors: 19:00
    Teatro Almendra, Carrera 7 # 12-34, Bogotá

    Order ord_01jd8m4p2sf3x9d0h6c1v8a700

    ==========

    You get COP 25,000 back for Los Faroles

    This order was paid twice, and this is the payment too many.
    Your purchase stands: your tickets are valid all the same.

    Producciones Almendra gives COP 25,000 back to you by hand, because the
    payment gateway cannot do it by itself. You need do nothing: we tell you when it
    is done.

    Los Faroles
    Los Faroles del Sur
    Friday, 20 November 2026, 20:30
    Doors: 19:00
    Teatro Almendra, Carrera 7 # 12-34, Bogotá

    Order ord_01jd8m4p2sf3x9d0h6c1v8a700

    ==========

    Your payment for Los Faroles came after you cancelled

    You cancelled the reservation, and your payment reached us after that. You have
    no tickets from this order: you get COP 25,000 back the way you paid,
    without having to do anything.

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
    COP 25,000 back the way you paid, without having to do anything.

    Los Faroles
    Los Faroles del Sur
    Friday, 20 November 2026, 20:30
    Doors: 19:00
    Teatro Almendra, Carrera 7 # 12-34, Bogotá

    Order ord_01jd8m4p2sf3x9d0h6c1v8a700

    ==========

    We lost your places for Los Faroles

    You paid in time, but by a fault of ours your places went to somebody else. The
    tickets of this order are not valid any more: you get COP 25,000 back
    the way you paid, without having to do anything. We are sorry.

    Los Faroles
    Los Faroles del Sur
    Friday, 20 November 2026, 20:30
    Doors: 19:00
    Teatro Almendra, Carrera 7 # 12-34, Bogotá

    Order ord_01jd8m4p2sf3x9d0h6c1v8a700

    ==========

    Pay your reservation for Los Faroles

    Pay COP 25,000 in cash with Mercado Pago (efecty).
    Until: Thursday, 19 November 2026, 10:00 (UTC−5).
    We keep your places until the money is credited, which can take some hours more;
    then the tickets come by mail. Do not pay after that time: the places go back on
    sale.

    Number to pay with: 1234567890
    Slip: https://www.mercadopago.com.co/payments/1/ticket?a=1&b=2

    Los Faroles
    Los Faroles del Sur
    Friday, 20 November 2026, 20:30
    Doors: 19:00
    Teatro Almendra, Carrera 7 # 12-34, Bogotá

    Order ord_01jd8m4p2sf3x9d0h6c1v8a700

    ==========

    We await your payment for Los Faroles

    Your bank has yet to confirm the payment of COP 25,000 with
    Mercado Pago (pse). Do not pay again: the tickets come by mail
    once it is confirmed. Until when we keep your places:
    Thursday, 19 November 2026, 10:00 (UTC−5).

    Los Faroles
    Los Faroles del Sur
    Friday, 20 November 2026, 20:30
    Doors: 19:00
    Teatro Almendra, Carrera 7 # 12-34, Bogotá

    Order ord_01jd8m4p2sf3x9d0h6c1v8a700

    ==========

    Do not pay the slip for Los Faroles

    When Mercado Pago told us of your slip for COP 25,000, your reservation
    was over and somebody else has the places. Do not pay it. If you have already,
    you get the money back or, should the places be free again, the tickets.

    Los Faroles
    Los Faroles del Sur
    Friday, 20 November 2026, 20:30
    Doors: 19:00
    Teatro Almendra, Carrera 7 # 12-34, Bogotá

    Order ord_01jd8m4p2sf3x9d0h6c1v8a700

    The link opens it without a password, so keep it to yourself:
    https://box.example/purchases/ord_1#a=LINK

    ==========

    Look at a payment for Los Faroles

    The order costs COP 26,000, and the gateway reports this payment:

    - COP 25,000 · Wompi · 1234-1610641025-49201

    So we issued no tickets. Look at it in the gateway's panel: give the money back,
    or talk to the buyer.

    Los Faroles
    Los Faroles del Sur
    Friday, 20 November 2026, 20:30
    Doors: 19:00
    Teatro Almendra, Carrera 7 # 12-34, Bogotá

    Order ord_01jd8m4p2sf3x9d0h6c1v8a700
    Bought by Ana Ríos · ana@example.com

    ==========

    Refunds are waiting for you

    This money has to go back to the buyers, and the gateway did not give it back.
    What waits longest comes first:

    - COP 25,000 · Wompi · 1234-1610641025-49201
      ana@example.com · since 2026-11-17
      ord_01jd8m4p2sf3x9d0h6c1v8a700
      The gateway or the bank said no: give it back by bank transfer, or have us try again.
    - COP 25,000 · Wompi · 1234-1610641025-49201
      beto@example.com · since 2026-11-17
      ord_01jd8m4p2sf3x9d0h6c1v8a700
      It is unknown whether the gateway gave it back already: look there first.
    - COP 25,000 · Wompi · 1234-1610641025-49201
      carla@example.com · since 2026-11-17
      ord_01jd8m4p2sf3x9d0h6c1v8a700
      The buyer's bank wants the money, too: see at the gateway who gives it back.

    There are more: you find them in your list of refunds.

    Once one is back, mark it as done in your list of refunds: then we tell the
    buyer.

    ==========

    Look at the payments of 2026-11-17

    This is what gateways and orders did not agree about on 2026-11-17, and what
    settles by nobody's doing. Look at it in the gateway's panel.

    - The payment's amount is not the order's.
      Asked for COP 100.00, paid COP 99.00.
      ord_01jd8m4p2sf3x9d0h6c1v8a700 · 1234-1610641025-49201
    - There are valid tickets that no money pays for.
      Asked for COP 100.00, paid COP 99.00.
      ord_01jd8m4p2sf3x9d0h6c1v8a700

    There are more: you find them in the list of differences.
    ");
}

#[test]
fn payment_mails_in_spanish() {
    insta::assert_snapshot!(texts(Language::Es), @"
    Un banco reclama un pago de Los Faroles

    Quien compró pidió a su banco que le devuelva el dinero. Responde en el panel de
    la pasarela antes de que venza el plazo. Las entradas siguen valiendo hasta que
    se decida; si no quieres esperar, devuelve el dinero.

    - COP 25.000 · Wompi · 1234-1610641025-49201

    Los Faroles
    Los Faroles del Sur
    viernes 20 de noviembre de 2026, 20:30 h
    Puertas: 19:00 h
    Teatro Almendra, Carrera 7 # 12-34, Bogotá

    Pedido ord_01jd8m4p2sf3x9d0h6c1v8a700
    Compró Ana Ríos · ana@example.com

    ==========

    El banco se llevó un pago de Los Faroles

    La disputa se decidió a favor de quien compró: el banco se llevó este dinero.

    - COP 25.000 · Wompi · 1234-1610641025-49201

    Las entradas que nadie había usado ya no valen, y sus lugares están a la venta
    otra vez.

    Los Faroles
    Los Faroles del Sur
    viernes 20 de noviembre de 2026, 20:30 h
    Puertas: 19:00 h
    Teatro Almendra, Carrera 7 # 12-34, Bogotá

    Pedido ord_01jd8m4p2sf3x9d0h6c1v8a700
    Compró Ana Ríos · ana@example.com

    ==========

    Un pago de Los Faroles sigue siendo tuyo

    La disputa se decidió a tu favor: el dinero queda contigo y las entradas valen.

    - COP 25.000 · Wompi · 1234-1610641025-49201

    Los Faroles
    Los Faroles del Sur
    viernes 20 de noviembre de 2026, 20:30 h
    Puertas: 19:00 h
    Teatro Almendra, Carrera 7 # 12-34, Bogotá

    Pedido ord_01jd8m4p2sf3x9d0h6c1v8a700
    Compró Ana Ríos · ana@example.com

    ==========

    Se devolvió dinero de Los Faroles en la pasarela

    Alguien devolvió dinero de este pedido en la pasarela, sin pedirlo aquí. Lo
    anotamos; esto es lo que volvió:

    - COP 25.000 · Wompi · 1234-1610641025-49201

    Entradas válidas por COP 9.000 ya no están pagadas: habla con
    quien compró, o anúlalas.

    Los Faroles
    Los Faroles del Sur
    viernes 20 de noviembre de 2026, 20:30 h
    Puertas: 19:00 h
    Teatro Almendra, Carrera 7 # 12-34, Bogotá

    Pedido ord_01jd8m4p2sf3x9d0h6c1v8a700
    Compró Ana Ríos · ana@example.com

    ==========

    Tus entradas para Los Faroles ya no valen

    El dinero de este pedido volvió a ti, por tu banco o por quien organiza. Por eso
    las entradas que no se habían usado ya no valen. Si no lo esperabas, responde a
    este correo.

    Los Faroles
    Los Faroles del Sur
    viernes 20 de noviembre de 2026, 20:30 h
    Puertas: 19:00 h
    Teatro Almendra, Carrera 7 # 12-34, Bogotá

    Pedido ord_01jd8m4p2sf3x9d0h6c1v8a700

    ==========

    Devuelve dinero de Los Faroles

    Hay que devolver este dinero, y la pasarela no lo hizo:

    - COP 25.000 · Wompi · 1234-1610641025-49201
      La pasarela no lo hace por sí sola: devuélvelo en su panel o por transferencia.

    Cuando esté devuelto, márcalo como hecho en tu lista de reembolsos: entonces
    avisamos a quien compró. Hasta entonces te lo recordamos cada día.

    Los Faroles
    Los Faroles del Sur
    viernes 20 de noviembre de 2026, 20:30 h
    Puertas: 19:00 h
    Teatro Almendra, Carrera 7 # 12-34, Bogotá

    Pedido ord_01jd8m4p2sf3x9d0h6c1v8a700
    Compró Ana Ríos · ana@example.com

    ==========

    Te devolverán COP 25.000 de Los Faroles

    Producciones Almendra te devuelve COP 25.000 a mano, porque la pasarela
    no puede hacerlo por sí sola. No tienes que hacer nada: te avisamos cuando esté
    hecho.

    Los Faroles
    Los Faroles del Sur
    viernes 20 de noviembre de 2026, 20:30 h
    Puertas: 19:00 h
    Teatro Almendra, Carrera 7 # 12-34, Bogotá

    Pedido ord_01jd8m4p2sf3x9d0h6c1v8a700

    ==========

    Tu reembolso para Los Faroles

    Producciones Almendra te devolvió COP 25.000. Si no es por el
    mismo medio con que pagaste, te dirá cómo; y si no llega, responde a este
    correo.

    Los Faroles
    Los Faroles del Sur
    viernes 20 de noviembre de 2026, 20:30 h
    Puertas: 19:00 h
    Teatro Almendra, Carrera 7 # 12-34, Bogotá

    Pedido ord_01jd8m4p2sf3x9d0h6c1v8a700

    ==========

    Pagaste dos veces Los Faroles: te devolvimos un pago

    Este pedido se pagó dos veces, y este pago es el que sobra.
    Tu compra sigue en pie: tus entradas valen igual.

    Devolvimos COP 25.000 por el mismo medio con que pagaste. Según el
    banco, tarda entre unas horas y diez días hábiles en verse.

    Los Faroles
    Los Faroles del Sur
    viernes 20 de noviembre de 2026, 20:30 h
    Puertas: 19:00 h
    Teatro Almendra, Carrera 7 # 12-34, Bogotá

    Pedido ord_01jd8m4p2sf3x9d0h6c1v8a700

    ==========

    Tu reembolso para Los Faroles

    Este pago llegó cuando los lugares ya eran de otra persona, así que no tienes
    entradas por este pedido.

    Devolvimos COP 25.000 por el mismo medio con que pagaste. Según el
    banco, tarda entre unas horas y diez días hábiles en verse.

    Los Faroles
    Los Faroles del Sur
    viernes 20 de noviembre de 2026, 20:30 h
    Puertas: 19:00 h
    Teatro Almendra, Carrera 7 # 12-34, Bogotá

    Pedido ord_01jd8m4p2sf3x9d0h6c1v8a700

    ==========

    Te devolverán COP 25.000 de Los Faroles

    Este pedido se pagó dos veces, y este pago es el que sobra.
    Tu compra sigue en pie: tus entradas valen igual.

    Producciones Almendra te devuelve COP 25.000 a mano, porque la pasarela
    no puede hacerlo por sí sola. No tienes que hacer nada: te avisamos cuando esté
    hecho.

    Los Faroles
    Los Faroles del Sur
    viernes 20 de noviembre de 2026, 20:30 h
    Puertas: 19:00 h
    Teatro Almendra, Carrera 7 # 12-34, Bogotá

    Pedido ord_01jd8m4p2sf3x9d0h6c1v8a700

    ==========

    Tu pago para Los Faroles llegó después de cancelar

    Cancelaste la reserva y después recibimos tu pago. No tienes entradas por este
    pedido: te devolvemos COP 25.000 por el mismo medio con que pagaste,
    sin que tengas que hacer nada.

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
    COP 25.000 por el mismo medio con que pagaste, sin que tengas que
    hacer nada.

    Los Faroles
    Los Faroles del Sur
    viernes 20 de noviembre de 2026, 20:30 h
    Puertas: 19:00 h
    Teatro Almendra, Carrera 7 # 12-34, Bogotá

    Pedido ord_01jd8m4p2sf3x9d0h6c1v8a700

    ==========

    Perdimos tus lugares para Los Faroles

    Pagaste a tiempo, pero por un error nuestro tus lugares quedaron para otra
    persona. Las entradas de este pedido ya no valen: te devolvemos
    COP 25.000 por el mismo medio con que pagaste, sin que tengas que
    hacer nada. Perdónanos.

    Los Faroles
    Los Faroles del Sur
    viernes 20 de noviembre de 2026, 20:30 h
    Puertas: 19:00 h
    Teatro Almendra, Carrera 7 # 12-34, Bogotá

    Pedido ord_01jd8m4p2sf3x9d0h6c1v8a700

    ==========

    Paga tu reserva para Los Faroles

    Paga COP 25.000 en efectivo con Mercado Pago (efecty).
    Hasta cuándo: jueves 19 de noviembre de 2026, 10:00 h (UTC−5).
    Guardamos tus lugares hasta que el dinero se acredite, lo que puede tardar unas
    horas más; entonces te llegan las entradas por correo. Después de esa hora no
    pagues: los lugares vuelven a la venta.

    Número para pagar: 1234567890
    Comprobante: https://www.mercadopago.com.co/payments/1/ticket?a=1&b=2

    Los Faroles
    Los Faroles del Sur
    viernes 20 de noviembre de 2026, 20:30 h
    Puertas: 19:00 h
    Teatro Almendra, Carrera 7 # 12-34, Bogotá

    Pedido ord_01jd8m4p2sf3x9d0h6c1v8a700

    ==========

    Esperamos tu pago para Los Faroles

    Tu banco todavía no confirma el pago de COP 25.000 con
    Mercado Pago (pse). No pagues otra vez: las entradas te llegan por
    correo en cuanto se confirme. Hasta cuándo guardamos tus lugares:
    jueves 19 de noviembre de 2026, 10:00 h (UTC−5).

    Los Faroles
    Los Faroles del Sur
    viernes 20 de noviembre de 2026, 20:30 h
    Puertas: 19:00 h
    Teatro Almendra, Carrera 7 # 12-34, Bogotá

    Pedido ord_01jd8m4p2sf3x9d0h6c1v8a700

    ==========

    No pagues el comprobante para Los Faroles

    Cuando Mercado Pago nos avisó de tu comprobante de COP 25.000, tu reserva
    ya había terminado y otra persona tiene los lugares. No lo pagues. Si ya lo
    hiciste, te devolvemos el dinero o, si los lugares quedan libres otra vez, te
    enviamos las entradas.

    Los Faroles
    Los Faroles del Sur
    viernes 20 de noviembre de 2026, 20:30 h
    Puertas: 19:00 h
    Teatro Almendra, Carrera 7 # 12-34, Bogotá

    Pedido ord_01jd8m4p2sf3x9d0h6c1v8a700

    El enlace lo abre sin contraseña, así que no lo compartas:
    https://box.example/purchases/ord_1#a=LINK

    ==========

    Revisa un pago de Los Faroles

    El pedido cuesta COP 26.000, y la pasarela informa este pago:

    - COP 25.000 · Wompi · 1234-1610641025-49201

    Por eso no emitimos entradas. Revísalo en el panel de la pasarela: devuelve el
    dinero o habla con quien compró.

    Los Faroles
    Los Faroles del Sur
    viernes 20 de noviembre de 2026, 20:30 h
    Puertas: 19:00 h
    Teatro Almendra, Carrera 7 # 12-34, Bogotá

    Pedido ord_01jd8m4p2sf3x9d0h6c1v8a700
    Compró Ana Ríos · ana@example.com

    ==========

    Hay reembolsos que te esperan

    Este dinero tiene que volver a quien compró, y la pasarela no lo devolvió. Lo
    que espera hace más tiempo va primero:

    - COP 25.000 · Wompi · 1234-1610641025-49201
      ana@example.com · desde 2026-11-17
      ord_01jd8m4p2sf3x9d0h6c1v8a700
      La pasarela o el banco dijo que no: devuélvelo por transferencia, o pide que lo intentemos otra vez.
    - COP 25.000 · Wompi · 1234-1610641025-49201
      beto@example.com · desde 2026-11-17
      ord_01jd8m4p2sf3x9d0h6c1v8a700
      No se sabe si la pasarela ya lo devolvió: míralo allí primero.
    - COP 25.000 · Wompi · 1234-1610641025-49201
      carla@example.com · desde 2026-11-17
      ord_01jd8m4p2sf3x9d0h6c1v8a700
      El banco de quien compró también reclama el dinero: mira en la pasarela quién lo devuelve.

    Hay más: los encuentras en tu lista de reembolsos.

    Cuando uno esté devuelto, márcalo como hecho en tu lista de reembolsos: entonces
    avisamos a quien compró.

    ==========

    Revisa los pagos del 2026-11-17

    Esto es lo que las pasarelas y los pedidos no tenían igual el 2026-11-17 y
    no se arregla solo. Míralo en el panel de la pasarela.

    - El monto del pago no es el del pedido.
      Asked for COP 100.00, paid COP 99.00.
      ord_01jd8m4p2sf3x9d0h6c1v8a700 · 1234-1610641025-49201
    - Hay entradas válidas sin dinero que las pague.
      Asked for COP 100.00, paid COP 99.00.
      ord_01jd8m4p2sf3x9d0h6c1v8a700

    Hay más: los encuentras en la lista de diferencias.
    ");
}

#[test]
fn every_page_closes_its_elements() {
    for language in [Language::Es, Language::En] {
        for message in all(language) {
            leaves_nothing_open(&rendered(&message).html, &message.mail);
        }
    }
}

#[test]
fn free_orders_without_places_do_not_mention_money() {
    for (language, says, money) in [
        (Language::Es, "otras personas tienen los lugares", "dinero"),
        (Language::En, "other people have the places", "money"),
    ] {
        let worthless = |message: &MailMessage| match &message.mail {
            Mail::TicketsWorthless(mail) => Some(OrderMail { amount: cop(0), ..mail.clone() }),
            _ => None,
        };
        let (message, mail) = all(language)
            .into_iter()
            .find_map(|message| worthless(&message).map(|mail| (message, mail)))
            .expect("one of them");
        let mail = Mail::TicketsWorthless(OrderMail { unused: Some(UnusedReason::PlacesGone), ..mail });
        let message = MailMessage { mail, ..message };
        let page = rendered(&message);
        leaves_nothing_open(&page.html, &message.mail);
        for said in [page.html.replace('\n', " "), text(&message).replace('\n', " ")] {
            assert!(said.contains(says) && !said.contains(money), "{said}");
        }
    }
}

#[test]
fn every_kind_of_difference_has_its_own_text() {
    let mut all = all(Language::En);
    let Some(MailMessage { mail: Mail::PaymentDifferences(mail), .. }) = all.last_mut() else {
        panic!("the last is the report")
    };
    let one = mail.differences[0].clone();
    mail.differences = DifferenceKind::ALL.map(|kind| PaymentDifference { kind, ..one.clone() }).into();
    let text = text(all.last().expect("the report"));
    let mut words: Vec<_> =
        text.lines().filter(|line| line.starts_with("- ") && line.ends_with('.')).collect();
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), DifferenceKind::ALL.len(), "{text}");
}

#[test]
fn payment_ids_are_escaped() {
    let mut message = all(Language::En).swap_remove(0);
    let Mail::DisputeOpened(mail) = &mut message.mail else { panic!("the first is a dispute") };
    mail.payments[0].payment_id = "<script>alert('x')</script>".to_owned();
    mail.buyer.name = "<script>".to_owned();
    assert!(!rendered(&message).html.contains("<script"));
}
