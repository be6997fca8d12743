use aide::axum::ApiRouter;
use aide::axum::routing::{delete_with, get_with, post_with};
use axum::response::NoContent;
use domain::access::Role;
use domain::second_factor::has_two_factors;
use domain::session::Session;
use domain::{Error, SessionId, TenantId, Timestamp, UserId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use web::{Answer, Buyer, Json, Page, Paging, Path, Refuses, Shared};

use crate::State;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route(
            "/api/v1/auth/logout",
            post_with(logout, |op| {
                op.id("logout")
                    .tag("Auth")
                    .summary("Sign out")
                    .description(
                        "Ends the session of the access token. The token itself ends within 15 minutes.",
                    )
                    .refuses(["body_too_large"])
            }),
        )
        .api_route(
            "/api/v1/auth/verify",
            get_with(verify, |op| {
                op.id("verifySession")
                    .tag("Auth")
                    .summary("Check the session")
                    .description(
                        "Says who is signed in, if neither the access token nor its session is over.",
                    )
                    .refuses(["session_over"])
            }),
        )
        .api_route(
            "/api/v1/auth/sessions",
            get_with(list, |op| {
                op.id("listSessions").tag("Auth").summary("List one's sessions, the latest first")
            }),
        )
        .api_route(
            "/api/v1/auth/sessions/{id}",
            delete_with(end, |op| {
                op.id("endSession")
                    .tag("Auth")
                    .summary("End one of one's sessions")
                    .refuses(["session_not_found"])
            }),
        )
}

async fn logout(Shared(state): Shared<State>, buyer: Buyer) -> Answer<NoContent> {
    state.store.end_session(buyer.user, buyer.session).await?;
    Ok(NoContent)
}

/// The user, role and session of the access token.
#[derive(Debug, Serialize, JsonSchema)]
struct Verified {
    /// Always true: otherwise the answer is a 401.
    valid: bool,
    /// The user's id.
    user_id: UserId,
    /// The user's e-mail address.
    email: String,
    /// The role in `tenant`, or `user`.
    role: Role,
    /// The organiser in which the role holds. Absent for role `user`.
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<TenantId>,
    /// True if the user is the operator of the box office in this session. Absent for all others.
    operator: bool,
    /// The session's id, as in the list of sessions.
    session_id: SessionId,
    /// When the access token expires.
    expires_at: Timestamp,
}

async fn verify(Shared(state): Shared<State>, Buyer(caller): Buyer) -> Answer<Json<Verified>> {
    let session = state.store.session(caller.user, caller.session).await?;
    if !session.is_some_and(|session| session.is_live(state.clock.now())) {
        return Err(Error::unauthenticated("session_over", "The session is over. Sign in again.").into());
    }
    Ok(Json(Verified {
        valid: true,
        user_id: caller.user,
        email: caller.email,
        role: caller.role,
        tenant: caller.tenant,
        operator: caller.operator,
        session_id: caller.session,
        expires_at: Timestamp::from_second(caller.exp).map_err(Error::internal)?,
    }))
}

/// A browser or app in which the user is signed in.
#[derive(Debug, Serialize, JsonSchema)]
struct SessionEntry {
    /// The session's id.
    id: SessionId,
    /// When the user signed in there.
    created_at: Timestamp,
    /// When its tokens were last renewed, or issued.
    last_used_at: Timestamp,
    /// When it ends unless its tokens are renewed before: 30 days after `last_used_at`.
    expires_at: Timestamp,
    /// The `User-Agent` header of the sign-in, at most 200 characters; empty if there was none.
    user_agent: String,
    /// True if it was opened with a second factor.
    two_factors: bool,
    /// True for the session of the request's own access token.
    current: bool,
}

async fn list(
    Shared(state): Shared<State>,
    buyer: Buyer,
    paging: Paging,
) -> Answer<Json<Page<SessionEntry>>> {
    let now = state.clock.now();
    let page = state.store.sessions(buyer.user, paging.after.as_deref(), paging.limit).await;
    let page = page?;
    let live = page.items.into_iter().filter(|session| session.is_live(now));
    let entry = |session: Session| SessionEntry {
        id: session.id,
        created_at: session.created_at,
        last_used_at: session.last_used_at,
        expires_at: session.expires_at,
        user_agent: session.user_agent,
        two_factors: has_two_factors(&session.proofs),
        current: session.id == buyer.session,
    };
    Ok(Json(Page::new(live.map(entry).collect(), page.last)))
}

#[derive(Deserialize, JsonSchema)]
struct SessionPath {
    /// The session's id.
    id: SessionId,
}

async fn end(
    Shared(state): Shared<State>,
    buyer: Buyer,
    Path(SessionPath { id }): Path<SessionPath>,
) -> Answer<NoContent> {
    if state.store.end_session(buyer.user, id).await? {
        Ok(NoContent)
    } else {
        Err(Error::not_found("session_not_found", "You have no such session; it may be over already.").into())
    }
}
