//! Second factors: asked for at a sign-in by whoever has one, added and removed by their user.

mod app;
mod challenge;
mod enrol;
mod list;
mod reauthenticate;
mod recovery;
mod sign_in;

use aide::axum::ApiRouter;
use domain::second_factor::{Proof, SecondFactors, challenge_over, two_factors_needed, wrong_code};
use domain::session::Session;
use domain::user::User;
use domain::{Error, Result, Timestamp};
use serde_json::json;
use web::Buyer;

use crate::State;
use crate::limits::Tries;
use crate::passkey::Assertion;
use app::AppSecret;
use challenge::{Challenge, Purpose};
pub(crate) use list::FactorsView;
pub(crate) use recovery::RecoveryKey;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new()
        .merge(sign_in::routes())
        .merge(reauthenticate::routes())
        .merge(list::routes())
        .merge(enrol::routes())
}

/// What a user answers with.
enum Given {
    Code(String),
    RecoveryCode(String),
    Assertion(Assertion),
}

impl Given {
    /// The one that is there.
    ///
    /// # Errors
    /// `refused_fields` if there are none or several.
    fn one_of(code: Option<String>, recovery: Option<String>, assertion: Option<Assertion>) -> Result<Self> {
        match (code, recovery, assertion) {
            (Some(code), None, None) => Ok(Self::Code(code)),
            (None, Some(code), None) => Ok(Self::RecoveryCode(code)),
            (None, None, Some(assertion)) => Ok(Self::Assertion(assertion)),
            _ => Err(Error::refused_field("/code", "Send one of `code`, `recovery_code` and `assertion`.")),
        }
    }

    /// What it proves.
    fn proof(&self) -> Proof {
        match self {
            Self::Code(_) => Proof::Otp,
            Self::RecoveryCode(_) => Proof::Recovery,
            Self::Assertion(_) => Proof::Pop,
        }
    }
}

impl State {
    /// The refusal that asks `user` for one of `factors`.
    fn ask(&self, user: &User, factors: &SecondFactors, purpose: Purpose, now: Timestamp) -> Result<Error> {
        let challenge = Challenge::new(user, purpose, now)?;
        let asked = two_factors_needed(
            "Send `challenge` with the code of your app, the answer of your passkey or a recovery code.",
        )
        .with("factors", json!(factors.kinds()))
        .with("challenge", challenge.sealed(&self.factor_seal)?)
        .with("expires_at", challenge.end.to_string());
        Ok(match factors.passkeys.is_empty() {
            true => asked,
            false => asked.with("passkey", self.site.request(factors, &challenge.random)),
        })
    }

    /// Checks what `user` gave as an answer to `challenge`, and uses it up.
    ///
    /// # Errors
    /// `wrong_code`, `code_used`, `passkey_refused`, `challenge_over`; `too_many_tries` after too many
    /// of these.
    async fn prove(
        &self,
        user: &User,
        challenge: Option<&Challenge>,
        given: &Given,
        tries: &Tries<'_>,
        now: Timestamp,
    ) -> Result<Proof> {
        let proof = given.proof();
        tries.check_second(proof).await?;
        let used = self.store.change_factors(user.id, now, |factors| {
            if let Some(challenge) = challenge {
                factors.answer(challenge.id, challenge.end, now)?;
            }
            self.use_up(user, factors, challenge, given, now)
        });
        match used.await {
            // Other tries may have failed while this one was checked: of many concurrent guesses, the
            // right one must not get through above the limit.
            Ok(_) => tries.check_second(proof).await.map(|()| proof),
            Err(error) if ["wrong_code", "code_used", "passkey_refused"].contains(&error.code()) => {
                tries.count_second(proof).await?;
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    fn use_up(
        &self,
        user: &User,
        factors: &mut SecondFactors,
        challenge: Option<&Challenge>,
        given: &Given,
        now: Timestamp,
    ) -> Result<()> {
        match given {
            Given::Code(code) => {
                let app = factors.app.as_ref().ok_or_else(wrong_code)?;
                let secret = self.factor_seal.open(&app.sealed_secret, &user.id.suffix());
                let secret = AppSecret::parse(&secret.map_err(Error::internal)?)?;
                factors.use_step(secret.step_of(code, now).ok_or_else(wrong_code)?)
            }
            Given::RecoveryCode(code) => factors.use_recovery(&self.recovery_key.hash(user.id, code)),
            Given::Assertion(assertion) => {
                let challenge = challenge.ok_or_else(challenge_over)?;
                let (id, counter) = self.site.check(&challenge.random, user, factors, assertion)?;
                factors.use_passkey(&id, counter, now)
            }
        }
    }

    /// The caller with the session of the token, if neither is gone.
    async fn own_session(&self, buyer: &Buyer, now: Timestamp) -> Result<(User, Session)> {
        let over = || Error::unauthenticated("session_over", "The session is over. Sign in again.");
        let user = self.store.user(buyer.user).await?.ok_or_else(over)?;
        let session = self.store.session(buyer.user, buyer.session).await?.ok_or_else(over)?;
        if session.is_current(user.session_epoch, now) { Ok((user, session)) } else { Err(over()) }
    }

    /// The caller, session and factors, if the caller may change these: somebody who has factors
    /// already must have opened the session with one, or a stolen password would be enough to remove
    /// them.
    async fn may_change_factors(
        &self,
        buyer: &Buyer,
        now: Timestamp,
    ) -> Result<(User, Session, SecondFactors)> {
        buyer.confirmed_email()?;
        let (user, session) = self.own_session(buyer, now).await?;
        let factors = self.store.second_factors(user.id).await?;
        if factors.is_empty() || session.proofs.iter().any(|proof| proof.is_second()) {
            return Ok((user, session, factors));
        }
        Err(self.ask(&user, &factors, Purpose::Again { session: session.id }, now)?)
    }

    /// Notes in the caller's session what was proved, whatever else happens to the session at the same
    /// moment.
    async fn note_proof(&self, session: Session, proof: Proof, now: Timestamp) -> Result<Session> {
        let mut before = session;
        for _ in 0..4 {
            let proved = before.proved(proof, now);
            if store::was_done(self.store.strengthen_session(&proved, &before).await)? {
                return Ok(proved);
            }
            let read = self.store.session(before.user, before.id).await?;
            before = read.ok_or_else(|| {
                Error::unauthenticated("session_over", "The session is over. Sign in again.")
            })?;
        }
        Err(Error::changed_meanwhile())
    }
}
