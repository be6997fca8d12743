use aide::axum::ApiRouter;
use aide::axum::routing::post_with;
use axum::extract;
use domain::error::Fields;
use domain::user::{Email, Password};
use domain::{Error, TenantId};
use http::HeaderMap;
use schemars::JsonSchema;
use serde::Deserialize;
use web::{Answer, Json, SourceAddress};

use crate::limits::Tries;
use crate::tokens::SignedIn;
use crate::{State, hashing};

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/auth/login",
        post_with(login, |op| {
            op.id("login").tag("Auth").summary("Sign in").description(
                "Signs in with e-mail address and password. After 10 failures for an account, or 50 from a \
                 network, within a quarter of an hour, further tries are refused with `too_many_tries`; a \
                 mailed link still signs in.",
            )
        }),
    )
}

/// Who signs in.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Login {
    /// The account's e-mail address.
    email: Email,
    /// The password.
    password: Password,
    /// The organiser to act for. Without it: the only one that has this person
    /// as staff, or none.
    tenant: Option<TenantId>,
}

async fn login(
    extract::State(state): extract::State<State>,
    SourceAddress(source): SourceAddress,
    headers: HeaderMap,
    Json(login): Json<Login>,
) -> Answer<Json<SignedIn>> {
    let mut fields = Fields::new();
    login.password.check_length("/password", &mut fields);
    fields.finish()?;
    let now = state.clock.now();
    let tries = Tries::new(&state, &login.email, &source, now);
    tries.check_login().await?;
    let user = state.store.user_by_email(&state.fingerprints, &login.email).await.map_err(Error::from)?;
    let hash = user.as_ref().and_then(|user| user.password_hash.clone());
    let matches = hashing::verify(login.password, hash).await?;
    let Some(user) = user.filter(|_| matches) else {
        tries.count_login().await?;
        return Err(wrong_credentials().into());
    };
    // Others may have failed while this password was checked: of many guesses
    // sent at once, the right one must not get through behind the limit.
    tries.check_login().await?;
    Ok(Json(state.sign_in(&user, login.tenant, &headers, now).await?))
}

fn wrong_credentials() -> Error {
    Error::unauthenticated(
        "wrong_credentials",
        "The e-mail address or the password is wrong. You can also ask for a sign-in link by mail.",
    )
}
