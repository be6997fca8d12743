//! Orders in any state, for tests and demo data of other crates.

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::testing::at;
use crate::{AreaId, ProductId, QuoteId, VariantId};

/// When the orders of tests were held.
pub fn now() -> Timestamp {
    at(0)
}

/// A line of `quantity` tickets without seats, for `total` minor units.
pub fn line(quantity: u8, total: i64) -> OrderLine {
    OrderLine {
        area: AreaId::generate(now()),
        quantity,
        seats: Vec::new(),
        stage: None,
        base: total,
        stage_adjustment: 0,
        promotion: 0,
        fee: 0,
        vat: 0,
        total,
    }
}

/// An extra of `quantity` units of a product, for `total` minor units.
pub fn extra(quantity: u8, total: i64) -> ExtraLine {
    ExtraLine {
        kind: ExtraKind::Product { product: ProductId::generate(now()), variant: VariantId::generate(now()) },
        name: "Cerveza, 500 ml".to_owned(),
        quantity,
        stage: None,
        base: total,
        stage_adjustment: 0,
        promotion: 0,
        fee: 0,
        vat: 0,
        total,
    }
}

/// An order of three tickets for 100 CLP, with payments in these states, each of another
/// try at the sandbox.
pub fn order(status: OrderStatus, payments: &[PaymentState]) -> Order {
    let user = UserId::generate(now());
    let payment = |(attempt, state): (u8, &PaymentState)| Payment {
        state: *state,
        ..Payment::pending(attempt, GatewayName::Sandbox, None, 100, now())
    };
    Order(OrderFields {
        id: OrderId::of_quote(QuoteId::generate(now()), user),
        user,
        tenant: TenantId::generate(now()),
        event: EventId::generate(now()),
        status,
        currency: Currency::CLP,
        lines: vec![line(3, 100)],
        extras: Vec::new(),
        total: 100,
        buyer: Person { email: "ana@example.com".to_owned(), name: "Ana".to_owned() },
        phone: None,
        guest_network: None,
        link_epoch: 0,
        language: Language::Es,
        attendees: Vec::new(),
        holdings: Vec::new(),
        expires_at: now() + Duration::from_secs(600),
        paid_at: status.is_settled().then(now),
        payments: (0..).zip(payments).map(payment).collect(),
        tickets: BTreeMap::new(),
        promotion_id: None,
        promotion_code: None,
        idempotency: None,
        commission: 0,
        accepted: None,
        withdrawn_at: None,
        mailed_at: None,
        version: 1,
    })
}

impl Order {
    /// The order with changed fields.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut OrderFields)) -> Self {
        self.edit(change);
        self
    }

    /// Changes fields without a transition.
    pub fn edit(&mut self, change: impl FnOnce(&mut OrderFields)) {
        change(&mut self.0);
    }
}
