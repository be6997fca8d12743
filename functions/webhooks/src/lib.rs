//! What gateways call when something happens to a payment: checks who says so,
//! puts the hint on the queue and answers within milliseconds. Nothing in the
//! notification is believed; `settler` asks the gateway.
//!
//! And what SES has to say about mails, which is believed once SNS signed it.

mod ses;

use aide::NoApi;
use aide::axum::ApiRouter;
use aide::axum::routing::post_with;
use axum::extract::{RawQuery, State as Shared};
use boot::{Boot, Clock, ConfigError};
use bytes::Bytes;
use domain::{Error, Result};
use http::{HeaderMap, StatusCode};
use integrations::payment::{MAX_WEBHOOK_BYTES, PaymentGateways, Subject, WebhookRequest};
use integrations::sns::Sns;
use queue::{Notification, PaymentMessage, Queue};
use schemars::JsonSchema;
use serde::Deserialize;
use store::{Fingerprints, Store};
use web::{Answer, Path};

/// What the function works with.
#[derive(Clone, Debug)]
pub struct State {
    clock: Clock,
    gateways: PaymentGateways,
    payments: Queue<PaymentMessage>,
    sns: Sns,
    store: Store,
    fingerprints: Fingerprints,
}

impl State {
    /// Reads the configuration.
    pub fn new(boot: &Boot) -> Result<Self, ConfigError> {
        Ok(Self {
            clock: boot.clock.clone(),
            gateways: PaymentGateways::new(boot)?,
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
            post_with(notify, |op| {
                op.id("notifyPayment")
                    .tag("Webhooks")
                    .summary("A gateway's notification about a payment")
                    .description(
                        "Called by payment gateways only: the raw body must carry the gateway's signature.",
                    )
                    .response_with::<200, (), _>(|response| response.description("Taken note of."))
            }),
        )
        .api_route(
            "/api/v1/webhooks/ses",
            post_with(ses::notify, |op| {
                op.id("notifyMail")
                    .tag("Webhooks")
                    .summary("What became of a mail")
                    .description("Called by Amazon SNS only, which signs what it sends.")
                    .response_with::<200, (), _>(|response| response.description("Taken note of."))
            }),
        );
    routes.with_state(state)
}

/// Which gateway calls.
#[derive(Debug, Deserialize, JsonSchema)]
struct GatewayPath {
    /// The gateway's name.
    gateway: String,
}

async fn notify(
    Shared(state): Shared<State>,
    Path(path): Path<GatewayPath>,
    RawQuery(query): RawQuery,
    NoApi(headers): NoApi<HeaderMap>,
    NoApi(body): NoApi<Bytes>,
) -> Answer<StatusCode> {
    let gateway = state.gateways.at_path(&path.gateway)?;
    if body.len() > MAX_WEBHOOK_BYTES {
        return Err(Error::too_large("body_too_large", "No gateway sends notifications of this size.").into());
    }
    let received_at = state.clock.now();
    let query = query.unwrap_or_default();
    let request = WebhookRequest { headers: &headers, query: &query, body: &body, received_at };
    let notification = gateway.verify_webhook(&request).map_err(Error::from)?;
    match notification.subject {
        Subject::Payments(hint) => {
            let notification = Notification { gateway: gateway.name(), account: None, hint, received_at };
            state.payments.send(&PaymentMessage::Notification(notification)).await?;
        }
        Subject::Unknown { kind } => {
            tracing::info!(gateway = %gateway.name(), kind, "a notification of no concern");
        }
    }
    Ok(StatusCode::OK)
}
