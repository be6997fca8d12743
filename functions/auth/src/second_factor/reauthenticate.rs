//! Proving oneself again in a session, for what needs a recent sign-in.

use aide::axum::ApiRouter;
use aide::axum::routing::post_with;
use domain::second_factor::{Proof, challenge_over, wrong_code};
use domain::user::Password;
use domain::{Error, Result};
use schemars::JsonSchema;
use serde::Deserialize;
use web::{Answer, Buyer, ClientNetwork, Json, Refuses, Shared};

use super::Given;
use super::challenge::{Challenge, Purpose};
use crate::State;
use crate::hashing;
use crate::limits::Tries;
use crate::passkey::Assertion;
use crate::tokens::NewAccess;

pub(super) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/auth/reauthenticate",
        post_with(reauthenticate, |op| {
            op.id("reauthenticate").tag("Second factor").summary("Prove again who one is").description(
                "Gives the session a new access token whose `auth_time` is now, for what is refused with \
                 `recent_sign_in_required`; the refresh token stays. An account without a second factor sends \
                 its password. One with a second factor sends that: the code of its app, a recovery code, or \
                 the answer of a passkey with the `challenge` that it answers. Anything else, such as `{}`, is \
                 refused with `second_factor_required`, which has the challenge. Accounts without both sign in \
                 again by a mailed link.",
            )
            .refuses(["session_over", "wrong_password", "no_password", "link_needed", "too_many_tries"])
            .refuses(["second_factor_required", "challenge_over", "wrong_code", "code_used", "passkey_refused"])
            .refuses(["refused_fields", "changed_meanwhile"])
        }),
    )
}

/// A proof: one of `password`, `code`, `recovery_code` and `assertion`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Again {
    /// The account's password, if it has no second factor.
    password: Option<Password>,
    /// The `challenge` of a `second_factor_required`, with `assertion`.
    #[schemars(length(max = 2000))]
    challenge: Option<String>,
    /// The six digits that the authenticator app shows.
    #[schemars(regex(pattern = "^[0-9 ]{6,8}$"))]
    code: Option<String>,
    /// One of the recovery codes, which is used up.
    #[schemars(length(max = 40))]
    recovery_code: Option<String>,
    /// The answer of a passkey.
    assertion: Option<Assertion>,
}

async fn reauthenticate(
    Shared(state): Shared<State>,
    network: ClientNetwork,
    buyer: Buyer,
    Json(again): Json<Again>,
) -> Answer<Json<NewAccess>> {
    let now = state.clock.now();
    let (user, session) = state.own_session(&buyer, now).await?;
    let tries = Tries::new(&state, &user.email, &network, Some(session.id), now);
    let factors = state.store.second_factors(user.id).await?;
    let has_second = again.code.is_some() || again.recovery_code.is_some() || again.assertion.is_some();
    let proof = if factors.is_empty() {
        if has_second || again.challenge.is_some() {
            return Err(wrong_code().into());
        }
        check_password(again.password, user.password_hash.clone(), &tries).await?
    } else if !has_second {
        return Err(state.ask(&user, &factors, Purpose::Again { session: session.id }, now)?.into());
    } else {
        let given = Given::one_of(again.code, again.recovery_code, again.assertion)?;
        let open = |text: String| Challenge::open(&text, &state.factor_seal, now);
        let challenge = again.challenge.map(|text| open(text).ok_or_else(challenge_over)).transpose()?;
        let is_own = |challenge: &Challenge| {
            challenge.is_for(&user) && challenge.purpose == Purpose::Again { session: session.id }
        };
        if challenge.as_ref().is_some_and(|challenge| !is_own(challenge)) {
            return Err(challenge_over().into());
        }
        state.prove(&user, challenge.as_ref(), &given, &tries, now).await?
    };
    let session = state.note_proof(session, proof, now).await?;
    Ok(Json(state.new_access(&user, &session, now).await?))
}

async fn check_password(
    password: Option<Password>,
    hash: Option<domain::user::PasswordHash>,
    tries: &Tries<'_>,
) -> Result<Proof> {
    if hash.is_none() {
        return Err(Error::conflict(
            "no_password",
            "This account has no password and no second factor. Sign in again by a mailed link.",
        ));
    }
    let password =
        password.ok_or_else(|| Error::refused_field("/password", "Send the account's password."))?;
    let mut fields = domain::error::Fields::new();
    password.check_length("/password", &mut fields);
    fields.finish()?;
    tries.check_login().await?;
    if !hashing::verify(password, hash).await? {
        tries.count_login().await?;
        return Err(Error::forbidden("wrong_password", "The password is wrong."));
    }
    tries.check_login().await?;
    Ok(Proof::Pwd)
}
