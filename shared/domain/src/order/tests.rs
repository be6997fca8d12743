use super::fixture::{extra, now, order};
use super::*;

#[test]
fn an_unpaid_hold_ends_by_itself() {
    let order = order(OrderStatus::Held, &[]);
    assert_eq!(order.status_at(now()), OrderStatus::Held);
    assert_eq!(order.status_at(order.expires_at), OrderStatus::Released);
    assert_eq!(order.payable(order.expires_at).expect_err("ended").code(), "reservation_expired");
    order.cancellable(order.expires_at).expect("giving back what is free already harms nobody");
    let paid = order.with(|order| order.status = OrderStatus::Paid);
    assert_eq!(paid.status_at(paid.expires_at), OrderStatus::Paid);
    assert_eq!(paid.cancellable(now()).expect_err("paid").code(), "already_paid");
}

#[test]
fn tickets_of_a_paid_order_know_their_holder() {
    let mut order = order(OrderStatus::Held, &[]);
    assert_eq!(order.tickets().count(), 0);
    order.0.status = OrderStatus::Paid;
    let receiver = UserId::generate(now());
    order.0.tickets.insert(1, TicketState { serial: 1, holder: Some(receiver), ..TicketState::default() });
    let holders: Vec<_> = order.tickets().map(|ticket| (ticket.id, ticket.serial, ticket.holder)).collect();
    let expected = [
        (order.id.ticket(0), 0, order.user),
        (order.id.ticket(1), 1, receiver),
        (order.id.ticket(2), 0, order.user),
    ];
    assert_eq!(holders, expected);
}

#[test]
fn part_totals_add_up_to_the_lines_and_extras() {
    let order = order(OrderStatus::Paid, &[]).with(|order| order.extras = vec![extra(2, 31)]);
    let totals: Vec<_> = order.part_totals().collect();
    let expected = [
        (order.id.ticket(0).into(), 34),
        (order.id.ticket(1).into(), 33),
        (order.id.ticket(2).into(), 33),
        (order.id.voucher(0).into(), 16),
        (order.id.voucher(1).into(), 15),
    ];
    assert_eq!(totals, expected);
}

#[test]
fn a_paid_order_has_a_voucher_for_each_unit() {
    let mut order = order(OrderStatus::Held, &[]).with(|order| order.extras = vec![extra(1, 5), extra(2, 8)]);
    assert_eq!(order.vouchers().count(), 0);
    order.0.status = OrderStatus::Paid;
    order.0.tickets.insert(129, TicketState { refunded: true, ..TicketState::default() });
    let vouchers: Vec<_> =
        order.vouchers().map(|voucher| (voucher.id, voucher.extra.total, voucher.refunded)).collect();
    let expected =
        [(order.id.voucher(0), 5, false), (order.id.voucher(1), 8, true), (order.id.voucher(2), 8, false)];
    assert_eq!(vouchers, expected);
    assert_eq!((order.ticket_count(), order.tickets().count()), (3, 3), "vouchers are no tickets");
}

#[test]
fn a_declined_buyer_may_pay_with_another_card_until_the_page_ends() {
    let mut order = order(OrderStatus::AwaitingPayment, &[PaymentState::Declined]);
    let if_paid = |order: &Order, now| order.if_paid(&order.payments[0], now);
    assert_eq!(if_paid(&order, now()), None, "the sandbox has no second card");
    order.0.payments[0].gateway = GatewayName::MercadoPago;
    assert_eq!(if_paid(&order, now()), Some(IfPaid::Tickets));
    assert_eq!(if_paid(&order, order.expires_at), Some(IfPaid::TicketsOrRefund));
    let end = order.expires_at + GatewayName::MercadoPago.grace();
    assert_eq!(if_paid(&order, end), None);
    order.0.payments[0].state = PaymentState::Pending;
    assert_eq!(if_paid(&order, end), Some(IfPaid::TicketsOrRefund), "nothing is known of it");
    order.0.payments[0].state = PaymentState::Declined;
    order.0.status = OrderStatus::Released;
    assert_eq!(if_paid(&order, now()), Some(IfPaid::Refund));
    order.0.payments[0].closed = true;
    assert_eq!(if_paid(&order, now()), None);
}

#[test]
fn the_last_open_try_is_found_again_at_each_gateway() {
    let (pending, declined) = (PaymentState::Pending, PaymentState::Declined);
    let mut order = order(OrderStatus::AwaitingPayment, &[pending, pending, pending, declined]);
    order.0.payments[1].gateway = GatewayName::Payu;
    let attempt = |gateway| order.open_payment(gateway).map(|payment| payment.attempt);
    assert_eq!(attempt(None), Some(2));
    assert_eq!(attempt(Some(GatewayName::Payu)), Some(1));
    assert_eq!(attempt(Some(GatewayName::Wompi)), None);
}

#[test]
fn an_order_has_a_maximum_of_payments() {
    let mut order = order(OrderStatus::AwaitingPayment, &[PaymentState::Declined; MAX_PAYMENT_ATTEMPTS]);
    assert_eq!(order.next_attempt().expect_err("too many").code(), "too_many_payments");
    order.payable(now()).expect("the last try may go on");
    order.0.payments.pop();
    assert_eq!(order.next_attempt().expect("one more"), 4);
}
