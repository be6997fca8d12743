//! The second step of a sign-in.

use aide::axum::ApiRouter;
use aide::axum::routing::post_with;
use domain::second_factor::{Proof, challenge_over};
use domain::user::User;
use domain::{Result, TenantId, Timestamp};
use http::HeaderMap;
use schemars::JsonSchema;
use serde::Deserialize;
use web::{Answer, ClientNetwork, Json, Refuses, Shared};

use super::Given;
use super::challenge::{Challenge, Purpose};
use crate::State;
use crate::limits::Tries;
use crate::passkey::Assertion;
use crate::tokens::SignedIn;

pub(super) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/auth/second-factor",
        post_with(answer, |op| {
            op.id("answerSecondFactor")
                .tag("Second factor")
                .summary("Sign in with a second factor")
                .description(
                    "Finishes a sign-in that was refused with `second_factor_required`. That refusal has the \
                 `challenge` to send back within five minutes, the `factors` that the account has and, for \
                 passkeys, `passkey`: the options that \
                 `PublicKeyCredential.parseRequestOptionsFromJSON` reads. Every code and every challenge is \
                 good once. After 5 wrong answers for an account from one network or device within a quarter \
                 of an hour, further ones are refused; codes of the app also after 100 in a day, from \
                 wherever. Then a passkey, a recovery code and a device that signed in before still work.",
                )
                .refuses(["challenge_over", "wrong_code", "code_used", "passkey_refused", "too_many_tries"])
                .refuses(["second_factor_required", "not_a_member", "email_unverified"])
                .refuses(["refused_fields", "changed_meanwhile"])
        }),
    )
}

/// The answer to a challenge: one of `code`, `recovery_code` and `assertion`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SecondStep {
    /// The `challenge` of the refusal.
    #[schemars(length(max = 2000))]
    challenge: String,
    /// The six digits that the authenticator app shows.
    #[schemars(regex(pattern = "^[0-9 ]{6,8}$"))]
    code: Option<String>,
    /// One of the recovery codes, which is used up.
    #[schemars(length(max = 40))]
    recovery_code: Option<String>,
    /// The answer of a passkey.
    assertion: Option<Assertion>,
    /// The `device_token` of an earlier sign-in on this device.
    device_token: Option<String>,
}

async fn answer(
    Shared(state): Shared<State>,
    network: ClientNetwork,
    headers: HeaderMap,
    Json(step): Json<SecondStep>,
) -> Answer<Json<SignedIn>> {
    let now = state.clock.now();
    let given = Given::one_of(step.code, step.recovery_code, step.assertion)?;
    let challenge = Challenge::open(&step.challenge, &state.factor_seal, now).ok_or_else(challenge_over)?;
    let Purpose::SignIn { proof, tenant } = challenge.purpose else { return Err(challenge_over().into()) };
    let user = state.store.user(challenge.user).await?;
    let user = user.filter(|user| challenge.is_for(user)).ok_or_else(challenge_over)?;
    let device = state.device_key.known(step.device_token.as_deref(), Some(&user), now);
    let tries = Tries::new(&state, &user.email, &network, device, now);
    let second = state.prove(&user, Some(&challenge), &given, &tries, now).await?;
    Ok(Json(state.start(&user, &[proof, second], tenant, &headers, now).await?))
}

impl State {
    /// Signs `user` in, who gave the first proof; or asks for a second one, if the account has any.
    ///
    /// # Errors
    /// `second_factor_required`, and those of a sign-in.
    pub(crate) async fn sign_in(
        &self,
        user: &User,
        proof: Proof,
        asked: Option<TenantId>,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<SignedIn> {
        let factors = self.store.second_factors(user.id).await?;
        if factors.is_empty() {
            return self.start(user, &[proof], asked, headers, now).await;
        }
        Err(self.ask(user, &factors, Purpose::SignIn { proof, tenant: asked }, now)?)
    }
}
