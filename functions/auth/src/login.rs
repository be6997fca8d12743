use aide::axum::ApiRouter;
use aide::axum::routing::post_with;
use domain::error::Fields;
use domain::second_factor::Proof;
use domain::user::{Email, Password};
use domain::{Error, TenantId};
use http::HeaderMap;
use schemars::JsonSchema;
use serde::Deserialize;
use web::{Answer, ClientNetwork, Json, Refuses, Shared};

use crate::limits::Tries;
use crate::tokens::SignedIn;
use crate::{State, hashing};

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/auth/login",
        post_with(login, |op| {
            op.id("login").tag("Auth").summary("Sign in").description(
                "Signs in with e-mail address and password. After 10 failures for an account from one network, or \
                 50 from it for any account, within a quarter of an hour, further tries from there are refused \
                 with `too_many_tries`. After 100 failures for an account in a day, from wherever, its password \
                 is refused with `link_needed`. A device that sends the `device_token` of an earlier sign-in is \
                 counted apart, and a mailed link always signs in. An account with a second factor is refused \
                 with `second_factor_required` once the password is right: `POST /api/v1/auth/second-factor` \
                 goes on from there. So is staff without one, for an organiser that requires it.",
            )
            .refuses(["second_factor_required", "wrong_credentials", "not_a_member", "link_needed", "too_many_tries"])
        }),
    )
}

/// The credentials of a sign-in.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Login {
    /// The account's e-mail address.
    email: Email,
    /// The account's password.
    password: Password,
    /// The organiser to act for. If missing, the one chosen last.
    tenant: Option<TenantId>,
    /// The `device_token` of an earlier sign-in on this device. With it, wrong passwords from
    /// elsewhere do not stop this device.
    device_token: Option<String>,
}

async fn login(
    Shared(state): Shared<State>,
    network: ClientNetwork,
    headers: HeaderMap,
    Json(login): Json<Login>,
) -> Answer<Json<SignedIn>> {
    let mut fields = Fields::new();
    login.password.check_length("/password", &mut fields);
    fields.finish()?;
    let now = state.clock.now();
    let user = state.store.user_by_email(&state.fingerprints, &login.email).await?;
    let device = state.device_key.known(login.device_token.as_deref(), user.as_ref(), now);
    let tries = Tries::new(&state, &login.email, &network, device, now);
    tries.check_login().await?;
    let hash = user.as_ref().and_then(|user| user.password_hash.clone());
    let matches = hashing::verify(login.password, hash).await?;
    let Some(user) = user.filter(|_| matches) else {
        tries.count_login().await?;
        return Err(wrong_credentials().into());
    };
    // Other tries may have failed while this password was checked: of many concurrent
    // guesses, the right one must not get through above the limit.
    tries.check_login().await?;
    Ok(Json(state.sign_in(&user, Proof::Pwd, login.tenant, &headers, now).await?))
}

fn wrong_credentials() -> Error {
    Error::unauthenticated(
        "wrong_credentials",
        "The e-mail address or the password is wrong. You can also ask for a sign-in link by mail.",
    )
}
