use aide::axum::ApiRouter;
use aide::axum::routing::post_with;
use axum::response::NoContent;
use domain::error::Fields;
use domain::user::{LinkPurpose, Password, User};
use schemars::JsonSchema;
use serde::Deserialize;
use web::{Answer, ClientNetwork, Json, Refuses, Shared};

use crate::limits::Tries;
use crate::link::{self, Accepted, LinkRequest, NewLink};
use crate::{State, hashing, strength};

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route(
            "/api/v1/auth/password/forgot",
            post_with(forgot, |op| {
                op.id("forgotPassword").tag("Auth").summary("Mail a link to choose a new password").description(
                    "Mails a link that is good once within 15 minutes, if the address has an account. The \
                     answer does not tell whether it has. How often one is mailed is as with sign-in links.",
                )
                .refuses(["too_many_tries"])
            }),
        )
        .api_route(
            "/api/v1/auth/password/reset",
            post_with(reset, |op| {
                op.id("resetPassword").tag("Auth").summary("Choose a new password").description(
                    "Takes the token of the mailed link, sets the password and ends all sessions. Sign in \
                     with the new password afterwards. If the address was not confirmed before, the account's \
                     name and telephone go too: they may be of somebody who registered another person's \
                     address.",
                )
                .refuses(["link_invalid", "changed_meanwhile", "too_many_tries"])
            }),
        )
}

async fn forgot(
    Shared(state): Shared<State>,
    network: ClientNetwork,
    Json(LinkRequest { email, device_token }): Json<LinkRequest>,
) -> Answer<Accepted> {
    let now = state.clock.now();
    let user = state.store.user_by_email(&state.fingerprints, &email).await.map_err(domain::Error::from)?;
    let device = state.device_key.known(device_token.as_deref(), user.as_ref(), now);
    let owner = user.as_ref().filter(|_| device.is_some());
    let purpose = LinkPurpose::ResetPassword;
    if Tries::new(&state, &email, &network, device, now).count_link(purpose, owner).await? {
        NewLink::new()?.send(&state, user.as_ref(), purpose, now).await?;
    }
    Ok(Accepted)
}

/// A new password, and the token of the mailed link that allows it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Reset {
    /// The `token` in the mailed link.
    #[schemars(length(max = 64))]
    token: String,
    /// The new password: 10 to 128 characters, not a common one, and not made of the address
    /// or the name.
    #[schemars(length(min = 10))]
    password: Password,
}

async fn reset(
    Shared(state): Shared<State>,
    network: ClientNetwork,
    Json(Reset { token, password }): Json<Reset>,
) -> Answer<NoContent> {
    // Checked before the link is used up, so that a refused password costs no second mail.
    let mut fields = Fields::new();
    password.check_new("/password", None, &mut fields);
    fields.finish()?;
    let now = state.clock.now();
    let purposes = [LinkPurpose::ResetPassword];
    let owner = link::owner(&state, &token, &purposes, now);
    let owner = state.redeem_limited(&network, now, owner).await?;
    strength::check_new(&password, &owner.email, &owner.name)?;
    let grant = link::redeem_once(&state, &token, &purposes, now).await?;
    let hash = hashing::hash(password).await?;
    let change = |user: &mut User| {
        user.claim(now);
        user.change_password(hash.clone());
        Ok(())
    };
    let user = state.store.change_user(grant.user, now, change).await?;
    state.link_used(&user.email, grant.purpose, now).await?;
    state.store.end_other_sessions(user.id, None).await.map_err(domain::Error::from)?;
    Ok(NoContent)
}
