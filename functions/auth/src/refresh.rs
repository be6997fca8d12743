use aide::axum::ApiRouter;
use aide::axum::routing::post_with;
use domain::session::Refresh;
use domain::{Error, TenantId};
use futures::future::try_join;
use schemars::JsonSchema;
use serde::Deserialize;
use store::was_done;
use web::{Answer, Json, Refuses, Shared};

use crate::State;
use crate::tokens::{RefreshToken, SignedIn};

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/auth/refresh",
        post_with(refresh, |op| {
            op.id("refresh").tag("Auth").summary("Get new tokens").description(
                "Replaces a refresh token, which is good once. Within 10 seconds the same token gets the same \
                 successor again, for clients that lost the answer; later it ends the session with \
                 `refresh_reused`, because somebody else has a copy. What never was a token of the session \
                 changes nothing.",
            )
            .refuses(["not_a_member", "refresh_reused", "session_over", "second_factor_required"])
        }),
    )
}

/// The refresh token to replace.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RefreshRequest {
    /// The latest refresh token of the session.
    #[schemars(length(max = 128))]
    refresh_token: String,
    /// The organiser to act for from now on, also after signing in again. If missing, the
    /// session keeps its organiser.
    tenant: Option<TenantId>,
}

async fn refresh(
    Shared(state): Shared<State>,
    Json(request): Json<RefreshRequest>,
) -> Answer<Json<SignedIn>> {
    let token = RefreshToken::parse(&request.refresh_token).ok_or_else(over)?;
    let (hash, next) = (token.hash(), token.next(&state.refresh_key));
    let now = state.clock.now();
    // A request that loses the race to replace the token reads again, and finds it just
    // replaced, or that the user proved something meanwhile.
    for _ in 0..3 {
        let (user, session) =
            try_join(state.store.user(token.user), state.store.session(token.user, token.session)).await?;
        let (Some(user), Some(session)) = (user, session) else { return Err(over().into()) };
        match session.judge(&hash, user.session_epoch, now) {
            Refresh::Rotate => {
                let work = state.work(&user).await?;
                let standing =
                    user.standing(request.tenant, session.tenant, &work.demand(&session.proofs))?;
                state.remember(&user, request.tenant, now).await?;
                let rotated = session.rotated(next.hash(), standing.tenant, now);
                if was_done(state.store.rotate_session(&rotated, &session).await)? {
                    return Ok(Json(state.tokens(&user, standing, work.workplaces, &rotated, &next, now)?));
                }
            }
            Refresh::Repeat => {
                let work = state.work(&user).await?;
                let standing =
                    user.standing(request.tenant, session.tenant, &work.demand(&session.proofs))?;
                return Ok(Json(state.tokens(&user, standing, work.workplaces, &session, &next, now)?));
            }
            Refresh::Unknown if !token.leads_to(&session.refresh_hash, &state.refresh_key) => {
                return Err(over().into());
            }
            Refresh::Reused | Refresh::Unknown => {
                state.store.end_session(token.user, token.session).await?;
                return Err(Error::unauthenticated(
                    "refresh_reused",
                    "This refresh token was used before, so somebody may have a copy of it. Sign in again.",
                )
                .into());
            }
            Refresh::Over => {
                state.store.end_session(token.user, token.session).await?;
                return Err(over().into());
            }
        }
    }
    Err(over().into())
}

fn over() -> Error {
    Error::unauthenticated(
        "session_over",
        "The session is over, or the refresh token is not one. Sign in again.",
    )
}
