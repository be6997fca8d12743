//! Adding factors: first the secret or the challenge, then the proof that the user has it.

use aide::axum::ApiRouter;
use aide::axum::routing::post_with;
use domain::second_factor::{Passkey, Proof, SecondFactors, factor_not_found, wrong_code};
use domain::session::Session;
use domain::text::Line;
use domain::user::User;
use domain::{Error, Result, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use web::{Answer, Buyer, Json, Recent, Refuses, Shared};

use super::app::AppSecret;
use super::challenge::{Challenge, Purpose};
use super::list::FactorsView;
use super::recovery;
use crate::State;
use crate::passkey::NewPasskey;

pub(super) fn routes() -> ApiRouter<State> {
    let may_refuse = ["second_factor_required", "email_unverified", "session_over"];
    ApiRouter::new()
        .api_route(
            "/api/v1/auth/me/factors/totp",
            post_with(begin_app, |op| {
                op.id("beginTotp").tag("Second factor").summary("A secret for an authenticator app").description(
                    "Draws the secret, as text and as the address for a QR code. Nothing changes until \
                     `/factors/totp/confirm` has a code of the app and the `enrolment`.",
                )
                .refuses(may_refuse)
            }),
        )
        .api_route(
            "/api/v1/auth/me/factors/totp/confirm",
            post_with(add_app, |op| {
                op.id("addTotp").tag("Second factor").summary("Add the authenticator app").description(
                    "Replaces the app that there was. With the first factor of an account come its recovery codes, \
                     which are shown this once. Every later sign-in asks for a factor; this session counts as \
                     opened with it: refresh it for a token that says so.",
                )
                .refuses(may_refuse)
                .refuses(["enrolment_not_found", "wrong_code", "changed_meanwhile"])
            }),
        )
        .api_route(
            "/api/v1/auth/me/factors/passkeys/options",
            post_with(begin_passkey, |op| {
                op.id("beginPasskey").tag("Second factor").summary("The options of a new passkey").description(
                    "What `PublicKeyCredential.parseCreationOptionsFromJSON` reads (WebAuthn Level 3). Nothing \
                     changes until `/factors/passkeys` has the new passkey and the `enrolment`.",
                )
                .refuses(may_refuse)
            }),
        )
        .api_route(
            "/api/v1/auth/me/factors/passkeys",
            post_with(add_passkey, |op| {
                op.id("addPasskey").tag("Second factor").summary("Add a passkey").description(
                    "At most ten. Recovery codes and session are as with an authenticator app.",
                )
                .refuses(may_refuse)
                .refuses(["enrolment_not_found", "passkey_refused", "passkey_taken", "too_many_passkeys"])
                .refuses(["changed_meanwhile"])
            }),
        )
        .api_route(
            "/api/v1/auth/me/recovery-codes",
            post_with(renew_recovery, |op| {
                op.id("renewRecoveryCodes").tag("Second factor").summary("New recovery codes").description(
                    "Ten codes that each stand in once for a lost factor. They are shown this once, and those \
                     before end.",
                )
                .refuses(may_refuse)
                .refuses(["factor_not_found", "changed_meanwhile"])
            }),
        )
}

/// The secret of a new authenticator app.
#[derive(Debug, Serialize, JsonSchema)]
struct NewApp {
    /// The secret in base32, for typing.
    secret: String,
    /// The same as an address for a QR code.
    otpauth_url: String,
    /// Send it back with the app's code.
    enrolment: String,
    /// The end of its time: five minutes.
    expires_at: Timestamp,
}

/// The options of a new passkey.
#[derive(Debug, Serialize, JsonSchema)]
struct PasskeyOptions {
    /// `PublicKeyCredentialCreationOptionsJSON` of WebAuthn Level 3.
    options: Map<String, Value>,
    /// Send it back with the passkey.
    enrolment: String,
    /// The end of its time: five minutes.
    expires_at: Timestamp,
}

/// A code of the app that is added.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AppProof {
    /// The `enrolment` that came with the secret.
    #[schemars(length(max = 2000))]
    enrolment: String,
    /// The six digits that the app shows.
    #[schemars(regex(pattern = "^[0-9 ]{6,8}$"))]
    code: String,
}

/// A passkey that is added.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PasskeyProof {
    /// The `enrolment` that came with the options.
    #[schemars(length(max = 2000))]
    enrolment: String,
    /// A name by which the user knows it again, such as that of the device.
    name: Line<1, 60>,
    /// The passkey.
    credential: NewPasskey,
}

/// The factors after one was added.
#[derive(Debug, Serialize, JsonSchema)]
struct Added {
    /// All factors.
    factors: FactorsView,
    /// The recovery codes, with the first factor only. They are never shown again.
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery_codes: Option<Vec<String>>,
}

/// New recovery codes.
#[derive(Debug, Serialize, JsonSchema)]
struct RecoveryCodes {
    /// The codes. They are never shown again.
    recovery_codes: Vec<String>,
}

async fn begin_app(Shared(state): Shared<State>, Recent(buyer): Recent<Buyer>) -> Answer<Json<NewApp>> {
    let now = state.clock.now();
    let (user, ..) = state.may_change_factors(&buyer, now).await?;
    let app = AppSecret::random()?;
    let challenge = Challenge::new(&user, Purpose::App { secret: app.text() }, now)?;
    Ok(Json(NewApp {
        secret: app.text(),
        otpauth_url: app.url(state.site.host(), user.email.as_str()),
        enrolment: challenge.sealed(&state.factor_seal)?,
        expires_at: challenge.end,
    }))
}

async fn add_app(
    Shared(state): Shared<State>,
    Recent(buyer): Recent<Buyer>,
    Json(proof): Json<AppProof>,
) -> Answer<Json<Added>> {
    let now = state.clock.now();
    let (user, session, _) = state.may_change_factors(&buyer, now).await?;
    let challenge = state.enrolment(&proof.enrolment, &user, now)?;
    let Purpose::App { secret } = &challenge.purpose else { return Err(enrolment_not_found().into()) };
    let step = AppSecret::parse(secret)?.step_of(&proof.code, now).ok_or_else(wrong_code)?;
    let sealed = state.factor_seal.seal(secret, &user.id.suffix())?;
    let add = |factors: &mut SecondFactors| {
        factors.set_app(sealed.clone(), step, now);
        Ok(())
    };
    state.add(session, &challenge, Proof::Otp, now, add).await
}

async fn begin_passkey(
    Shared(state): Shared<State>,
    Recent(buyer): Recent<Buyer>,
) -> Answer<Json<PasskeyOptions>> {
    let now = state.clock.now();
    let (user, _, factors) = state.may_change_factors(&buyer, now).await?;
    let challenge = Challenge::new(&user, Purpose::Passkey, now)?;
    Ok(Json(PasskeyOptions {
        options: state.site.creation(&user, &factors, &challenge.random),
        enrolment: challenge.sealed(&state.factor_seal)?,
        expires_at: challenge.end,
    }))
}

async fn add_passkey(
    Shared(state): Shared<State>,
    Recent(buyer): Recent<Buyer>,
    Json(proof): Json<PasskeyProof>,
) -> Answer<Json<Added>> {
    let now = state.clock.now();
    let (user, session, _) = state.may_change_factors(&buyer, now).await?;
    let challenge = state.enrolment(&proof.enrolment, &user, now)?;
    if challenge.purpose != Purpose::Passkey {
        return Err(enrolment_not_found().into());
    }
    let (id, key, counter) = state.site.register(&challenge.random, &proof.credential)?;
    let name = proof.name.to_string();
    let passkey = Passkey { id, name, key, counter, added_at: now, last_used_at: None };
    let add = |factors: &mut SecondFactors| factors.add_passkey(passkey.clone());
    state.add(session, &challenge, Proof::Pop, now, add).await
}

async fn renew_recovery(
    Shared(state): Shared<State>,
    Recent(buyer): Recent<Buyer>,
) -> Answer<Json<RecoveryCodes>> {
    let now = state.clock.now();
    let (user, ..) = state.may_change_factors(&buyer, now).await?;
    let codes = recovery::new_codes()?;
    let renew = |factors: &mut SecondFactors| {
        if factors.is_empty() {
            return Err(factor_not_found());
        }
        factors.renew_recovery(state.hashes(&user, &codes), now);
        Ok(())
    };
    state.store.change_factors(user.id, now, renew).await?;
    Ok(Json(RecoveryCodes { recovery_codes: codes }))
}

impl State {
    /// The challenge behind an enrolment of this user.
    fn enrolment(&self, text: &str, user: &User, now: Timestamp) -> Result<Challenge> {
        let challenge = Challenge::open(text, &self.factor_seal, now);
        challenge.filter(|challenge| challenge.is_for(user)).ok_or_else(enrolment_not_found)
    }

    fn hashes(&self, user: &User, codes: &[String]) -> Vec<String> {
        codes.iter().map(|code| self.recovery_key.hash(user.id, code)).collect()
    }

    /// Adds a factor that was proved by the answer to `challenge`, and recovery codes with the first
    /// one.
    async fn add(
        &self,
        session: Session,
        challenge: &Challenge,
        proof: Proof,
        now: Timestamp,
        add: impl Fn(&mut SecondFactors) -> Result<()>,
    ) -> Answer<Json<Added>> {
        let user = self.store.user(session.user).await?.ok_or_else(enrolment_not_found)?;
        let codes = recovery::new_codes()?;
        let add = |factors: &mut SecondFactors| {
            factors.answer(challenge.id, challenge.end, now).map_err(|_| enrolment_not_found())?;
            let is_first = factors.is_empty();
            add(factors)?;
            if is_first {
                factors.renew_recovery(self.hashes(&user, &codes), now);
            }
            Ok(is_first)
        };
        let (factors, is_first) = self.store.change_factors(session.user, now, add).await?;
        self.note_proof(session, proof, now).await?;
        Ok(Json(Added { factors: factors.into(), recovery_codes: is_first.then_some(codes) }))
    }
}

fn enrolment_not_found() -> Error {
    Error::not_found("enrolment_not_found", "You have no such enrolment, or its time is over. Begin again.")
}
