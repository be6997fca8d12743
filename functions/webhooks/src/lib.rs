//! Notifications of payment gateways, and SES's events. A gateway's notification is only a hint,
//! for which the settler asks the gateway; SES's event is believed once SNS's signature is
//! verified.

mod gateways;
mod ses;

use std::sync::Arc;

use aide::axum::ApiRouter;
use aide::axum::routing::post_with;
use boot::{Boot, Clock, ConfigError};
use domain::gateway_account::{AccountRef, GatewayAccount};
use mail_events::Sns;
use payments::PaymentGateways;
use queue::{PaymentMessage, Queue};
use store::{Cache, Fingerprints, Store};
use web::Refuses;

/// How long a gateway account is cached, in milliseconds.
const ACCOUNT_MILLIS: i64 = 5000;

/// The function's clients and settings.
#[derive(Clone, Debug)]
pub struct State {
    clock: Clock,
    gateways: PaymentGateways,
    accounts: Arc<Cache<AccountRef, GatewayAccount>>,
    payments: Queue<PaymentMessage>,
    sns: Sns,
    store: Store,
    fingerprints: Fingerprints,
}

impl State {
    /// Reads `TABLE_NAME`, `PAYMENTS_QUEUE_URL`, `MAIL_EVENTS_TOPIC`, `HASH_SECRET` and the
    /// gateways' variables.
    pub fn new(boot: &Boot) -> Result<Self, ConfigError> {
        Ok(Self {
            clock: boot.clock.clone(),
            gateways: PaymentGateways::new(boot)?,
            accounts: Arc::new(Cache::new(1024, ACCOUNT_MILLIS)),
            payments: Queue::new(boot)?,
            sns: Sns::from_env(&boot.env, "MAIL_EVENTS_TOPIC")?,
            store: Store::new(boot)?,
            fingerprints: Fingerprints::from_env(&boot.env)?,
        })
    }
}

/// The function's routes.
pub fn router(state: State) -> ApiRouter {
    let routes = ApiRouter::new()
        .api_route(
            "/api/v1/webhooks/{gateway}",
            post_with(gateways::notify, |op| {
                op.id("notifyPayment")
                    .tag("Webhooks")
                    .summary("A gateway's notification about a payment")
                    .description(
                        "Called by payment gateways only, at the address that they were given: it names the \
                         organiser's account, and what comes must be signed as that account's is. Mercado Pago \
                         and Wompi sign the time, and what was signed too long ago is refused. PayU does not: an \
                         old notification of PayU's has it asked once more, which changes nothing.",
                    )
                    .response_with::<200, (), _>(|response| response.description("Taken note of."))
                    .refuses(["webhook_refused", "payment_gateway_not_found", "body_too_large"])
            }),
        )
        .api_route(
            "/api/v1/purchases/webhook",
            post_with(gateways::notify_mercado_pago, |op| {
                op.id("notifyMercadoPago")
                    .tag("Webhooks")
                    .summary("Mercado Pago's notification about a payment")
                    .description("The same as `/api/v1/webhooks/mercado_pago`.")
                    .response_with::<200, (), _>(|response| response.description("Taken note of."))
                    .refuses(["webhook_refused", "payment_gateway_not_found"])
            }),
        )
        .api_route(
            "/api/v1/webhooks/ses",
            post_with(ses::notify, |op| {
                op.id("notifyMail")
                    .tag("Webhooks")
                    .summary("An event of a mail that was sent")
                    .description("Called by Amazon SNS only, which signs what it sends.")
                    .response_with::<200, (), _>(|response| response.description("Taken note of."))
                    .refuses(["webhook_refused", "body_too_large", "sns_unavailable"])
            }),
        );
    routes.with_state(state)
}
