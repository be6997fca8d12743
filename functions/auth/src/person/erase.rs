//! `DELETE /auth/me`.

use aide::OperationOutput;
use aide::axum::ApiRouter;
use aide::axum::routing::delete_with;
use aide::generate::GenContext;
use aide::openapi::{Operation, Response as ApiResponse};
use axum::response::{IntoResponse, Response};
use domain::Error;
use domain::erasure::WaitingOrder;
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use web::{Answer, Buyer, Json, Recent, Refuses, Shared};

use crate::State;

/// The address of the account; the methods beside it are of [`crate::me`].
pub(super) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/auth/me",
        delete_with(erase, |op| {
            op.id("eraseMe").tag("A person's data").summary("Close the account and erase one's data").description(
                "At once, all sessions, links, second factors and places on organisers' staff end, open offers of \
                 tickets are taken back, unpaid reservations are given back, and the address is free. Orders, \
                 memberships, discount requests and organisers' logs lose name, address, telephone and ids of the \
                 person; amounts, places, ids and times stay, for the organisers' books. An order with a payment, \
                 a refund or a dispute under way, or with a ticket of a show that is not over, keeps its buyer's \
                 address until that is done: `waiting_for` lists them. The rest follows within half an hour. \
                 Nobody can take it back.",
            )
            .refuses(["last_admin", "user_not_found", "changed_meanwhile", "refused_fields"])
        }),
    )
}

/// The word of the person that the account is to be closed.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Farewell {
    /// Must be true.
    erase: bool,
}

/// The answer 202: what is still to be done.
#[derive(Debug, Serialize, JsonSchema)]
struct Erasing {
    /// The orders that still need their buyer's address, and for what.
    waiting_for: Vec<WaitingOrder>,
}

/// [`Erasing`] as an answer.
#[derive(Debug)]
struct Begun(Erasing);

impl IntoResponse for Begun {
    fn into_response(self) -> Response {
        (StatusCode::ACCEPTED, Json(self.0)).into_response()
    }
}

impl OperationOutput for Begun {
    type Inner = Self;

    fn operation_response(ctx: &mut GenContext, operation: &mut Operation) -> Option<ApiResponse> {
        Json::<Erasing>::operation_response(ctx, operation)
    }

    fn inferred_responses(ctx: &mut GenContext, op: &mut Operation) -> Vec<(Option<u16>, ApiResponse)> {
        Self::operation_response(ctx, op).map(|response| (Some(202), response)).into_iter().collect()
    }
}

async fn erase(
    Shared(state): Shared<State>,
    Recent(buyer): Recent<Buyer>,
    Json(farewell): Json<Farewell>,
) -> Answer<Begun> {
    if !farewell.erase {
        return Err(Error::refused_field("/erase", "Must be true: nobody can take it back.").into());
    }
    let now = state.clock.now();
    let erasure = state.erasures.begin(buyer.user, now).await?;
    // If this pass dies, the janitor makes the next one.
    let progress = state.erasures.pass(&erasure, now).await?;
    Ok(Begun(Erasing { waiting_for: progress.waiting }))
}
