//! Pays reservations, and shows buyers their orders.

use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, post_with};
use domain::order::attendees::{self, NewAttendee};
use domain::order::{Order, OrderStatus};
use domain::payment::GatewayName;
use domain::{Error, OrderId, Result, Timestamp};
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{Failure, GateError, StoredEvent};
use web::{
    Answer, ClientNetwork, IdempotencyKey, Json, Opener, Page, Paging, Path, Purchaser, Refuses, Shared,
};

use crate::billing::{self, NewBilling};
use crate::checkout::{CheckoutForm, CheckoutPage, PaymentRequest};
use crate::gateways::PaymentAccounts;
use crate::guest::count_free_order;
use crate::polling::{processing, refresh_from_gateways};
use crate::view::OrderView;
use crate::{OrderPath, State, checkout};
use actions::RequestDigest;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route(
            "/api/v1/purchases",
            post_with(pay, |op| {
                op.id("createPurchase")
                    .tag("Purchases")
                    .summary("Pay a reservation")
                    .description(
                        "Starts a payment at the organiser's gateway and answers with the page to send the buyer \
                         to; called again, it answers with the way to the same payment. If there is nothing to \
                         pay, the tickets are issued at once. After a declined payment it can be called again \
                         while the reservation lives. While a payment is `processing`, only who names a `gateway` \
                         can begin another (`payment_processing`, 409, with `due_at` if it is one in cash). \
                         The gateway's page offers cash as `GET /api/v1/reservations/{id}/payment-methods` \
                         says, unless `cash` is false; a slip keeps the places until its money is there. If the gateway does not answer, nothing is started: \
                         `payment_gateway_unavailable` (503) has in `alternatives` which others of the organiser's \
                         work, each as `{\"gateway\": ..}` to send with the same request. Who has not confirmed \
                         the e-mail address has at most ten orders a day for which nothing is paid \
                         (`email_unverified`, 403); without an account, ten an address and fifty a network \
                         (`too_many_tries`, 429).",
                    )
                    .response::<201, Json<PurchaseView>>()
                    .refuses(["email_unverified", "event_not_found", "reservation_not_found"])
                    .refuses(["already_paid", "billing_locked", "changed_meanwhile", "payment_gateway_cannot"])
                    .refuses(["organiser_suspended", "payment_gateway_missing", "payment_gateway_refused"])
                    .refuses(["payment_gateway_uncertain", "payment_processing", "too_many_payments"])
                    .refuses(["reservation_expired", "reservation_expiring", "too_many_tries"])
                    .refuses(["payment_gateway_unavailable"])
            }),
        )
        .api_route(
            "/api/v1/purchases",
            get_with(list, |op| op.id("listPurchases").tag("Purchases").summary("Your orders, newest first").description("Also those that were made without an account and with your address, once you have confirmed it.")),
        )
        .api_route(
            "/api/v1/purchases/{id}",
            get_with(show, |op| {
                op.id("getPurchase").tag("Purchases").summary("One of your orders").description(
                    "While a payment is open its gateway is asked, every few seconds at most: who comes back from \
                     there reads `processing` until the tickets are there, even if the gateway's notification is \
                     slow or lost.",
                )
                .refuses(["event_not_found", "reservation_not_found"])
            }),
        )
}

/// A reservation to be paid.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Pay {
    /// The reservation's id.
    reservation_id: OrderId,
    /// The attendees, one for each ticket in the order of the lines, if the event asks for them and
    /// the reservation does not have them yet.
    #[serde(default)]
    #[schemars(length(max = 20))]
    attendees: Vec<NewAttendee>,
    /// Who the invoice is for, in place of what was said before; see
    /// `/api/v1/purchases/{id}/billing`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    billing: Option<NewBilling>,
    /// The gateway, if the buyer chooses among the organiser's. Another one than before starts
    /// another payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gateway: Option<GatewayName>,
    /// False to keep cash out of the gateway's page, where it can be: then nothing is paid later.
    #[serde(default = "web::yes", skip_serializing_if = "is_true")]
    cash: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde wants")]
fn is_true(value: &bool) -> bool {
    *value
}

/// An order with the page on which it is paid.
#[serde_with::skip_serializing_none]
#[derive(Debug, Serialize, JsonSchema)]
struct PurchaseView {
    /// The order.
    #[serde(flatten)]
    order: OrderView,
    /// The page to send the buyer to; absent if nothing is left to pay.
    checkout_url: Option<String>,
    /// The form that this page posts to the gateway, for clients that post it themselves; absent if
    /// the page is the gateway's own.
    checkout_form: Option<CheckoutForm>,
}

impl PurchaseView {
    fn new(order: &Order, sheet: &StoredEvent, way: Option<CheckoutPage>, now: Timestamp) -> Self {
        let (checkout_url, checkout_form) = way.map_or((None, None), |way| (Some(way.url), way.form));
        Self { order: OrderView::new(order, Some(sheet), now), checkout_url, checkout_form }
    }
}

async fn pay(
    Shared(state): Shared<State>,
    opener: Opener,
    network: ClientNetwork,
    key: IdempotencyKey,
    Json(request): Json<Pay>,
) -> Answer<(StatusCode, Json<PurchaseView>)> {
    let now = state.clock.now();
    let digest = RequestDigest::new("pay", key.0.as_deref(), &request)?;
    let billing = request.billing.as_ref().map(|billing| billing.read("/billing")).transpose()?;
    let mut order = state.orders.own(&opener, request.reservation_id, now).await?;
    // Concurrently: the buyer is waiting.
    let event = state.orders.event(order.event, now);
    let (sheet, accounts) = tokio::try_join!(event, PaymentAccounts::of(&state, &order))?;
    if repeats(&state, &order, digest.as_ref(), now).await? && order.status.is_settled() {
        return Ok((StatusCode::CREATED, Json(PurchaseView::new(&order, &sheet, None, now))));
    }
    order.payable(now)?;
    state.check_sells(order.tenant).await?;
    // A buyer who names a gateway wants to pay again.
    if request.gateway.is_none()
        && let Some(payment) = processing(&state, &order, now).await
    {
        let error = Error::conflict(
            "payment_processing",
            "Your payment is being decided, or waits for you at a counter until `due_at`: do not pay again. To \
             pay in another way all the same, name the `gateway`; what is paid twice goes back.",
        );
        return Err(match payment.pay_by() {
            Some(due) => error.with("due_at", due.to_string()).into(),
            None => error.into(),
        });
    }
    let attendees = attendees::read(request.attendees, order.ticket_count(), &sheet.event, now)?;
    let corrects = order.name_attendees(attendees);
    attendees::check_complete(&sheet.event, &order.attendees, order.ticket_count())?;
    if let Some(said) = billing {
        let based = request.billing.and_then(|billing| billing.version);
        billing::save(&state, &opener, &order, said, based).await?;
    }
    let way = if order.total == 0 {
        state.orders.check_still_sells(order.tenant).await?;
        count_free_order(&state, &opener, &order, &network, now).await?;
        settle_free(&state, &mut order, &sheet, now).await?;
        None
    } else {
        let asked = PaymentRequest { gateway: request.gateway, corrects, digest, cash: request.cash };
        Some(checkout::start(&accounts, &mut order, &sheet, asked, now).await?)
    };
    Ok((StatusCode::CREATED, Json(PurchaseView::new(&order, &sheet, way, now))))
}

/// True if the same request was made before for this order.
async fn repeats(
    state: &State,
    order: &Order,
    digest: Option<&RequestDigest>,
    now: Timestamp,
) -> Result<bool> {
    let Some(digest) = digest else { return Ok(false) };
    let mut repeats = false;
    for kept in order.payments.iter().filter_map(|payment| payment.idempotency.as_ref()) {
        repeats |= digest.repeats(kept)?;
    }
    if !repeats {
        state.orders.check_key_of_payment(order.user, digest, now).await?;
    }
    Ok(repeats)
}

/// Issues the tickets of an order with nothing to pay. On a lost update, `order` becomes what the
/// other writer saved.
async fn settle_free(state: &State, order: &mut Order, sheet: &StoredEvent, now: Timestamp) -> Result<()> {
    let secured = state.store.secure_holdings(order, sheet, now).await?;
    let change = order.settle_free(secured, now);
    match state.store.save_order(order, &change, now).await {
        Ok(saved) => {
            *order = saved;
            // The tickets are issued. The queued message sells the places that are not sold now.
            if order.status.is_settled() {
                match state.store.sell_holdings(order).await {
                    Ok(true) => {}
                    Ok(false) => tracing::warn!(order = %order.id, "places are left to be sold"),
                    Err(failure) => tracing::warn!(order = %order.id, %failure, "places are left to be sold"),
                }
            }
        }
        Err(GateError::Failure(Failure::Refused(_))) => {
            let current = state.store.order(order.user, order.id).await?;
            *order = current.ok_or_else(|| Error::internal("an order vanished"))?;
        }
        // The order may have been saved. If not, its secured places expire.
        Err(error) => return Err(error.into()),
    }
    match order.status {
        OrderStatus::Held | OrderStatus::AwaitingPayment => Err(Failure::Refused(None).into()),
        status if status.is_settled() => Ok(()),
        _ => order.payable(now),
    }
}

async fn list(
    Shared(state): Shared<State>,
    buyer: Purchaser,
    paging: Paging,
) -> Answer<Json<Page<OrderView>>> {
    let now = state.clock.now();
    let page = state.orders.list(&buyer, paging.after.as_deref(), paging.limit, now).await?;
    Ok(Json(Page::of(page, |(order, event)| OrderView::new(&order, event.as_deref(), now))))
}

/// An order as it is at the gateways now: of the routes of purchases and of reservations.
pub(crate) async fn show(
    Shared(state): Shared<State>,
    opener: Opener,
    Path(path): Path<OrderPath>,
) -> Answer<Json<OrderView>> {
    let now = state.clock.now();
    let order = state.orders.own(&opener, path.id, now).await?;
    let order = refresh_from_gateways(&state, order, now).await;
    let sheet = state.orders.event(order.event, now).await.ok();
    let until = match &sheet {
        Some(sheet) => state.orders.withdraw_until(&order, &sheet.event, now).await?,
        None => None,
    };
    let vouchers: Vec<_> = order.vouchers().map(|voucher| voucher.id).collect();
    let handed_out = state.store.handed_out(order.event, &vouchers).await?;
    let order = OrderView::new(&order, sheet.as_deref(), now).with_withdrawal(until);
    Ok(Json(order.with_handed_out(&handed_out)))
}
