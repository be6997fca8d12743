//! The access tokens and refresh tokens of sessions.

use std::collections::{BTreeSet, HashMap};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::access::{Claims, MAX_NAMED_WORKPLACES, Role, Workplace};
use domain::second_factor::Proof;
use domain::session::{self, Session};
use domain::user::{ActingRole, Demand, User};
use domain::{Error, Result, SessionId, TenantId, Timestamp, UserId};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, header};
use schemars::JsonSchema;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::State;
use crate::me::Profile;

/// How long an access token lives: 15 minutes. A user whose role was taken away keeps it
/// at most that long.
const ACCESS_TOKEN_SECONDS: u32 = 15 * 60;

/// The most successors of a refresh token that are searched: forty days of a renewal every
/// 15 minutes. The search takes some milliseconds.
const MAX_SUCCESSORS: usize = 4000;

/// The tokens of a session, and its user.
#[derive(Serialize, JsonSchema)]
pub(crate) struct SignedIn {
    /// The access token, a JWT. Send it as `Authorization: Bearer <access_token>`.
    access_token: String,
    /// Always `bearer`.
    token_type: TokenType,
    /// Seconds until the access token expires.
    expires_in: u32,
    /// The refresh token. It is good once, for new tokens at `/api/v1/auth/refresh`, and ends
    /// after 30 days without use.
    refresh_token: String,
    /// Proves that the device signed in before. Keep it on the device, also after signing
    /// out, and send it with the next sign-in: then strangers who try this account's password
    /// too often do not stop the device. It does not sign in by itself. It ends after 400
    /// days, and with a new password.
    device_token: String,
    /// The user who is signed in.
    user: Profile,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum TokenType {
    /// A bearer token (RFC 6750): any client that has it can use it.
    Bearer,
}

/// A refresh token: the ids that lead to its session, and a secret of 32 bytes.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct RefreshToken {
    pub(crate) user: UserId,
    pub(crate) session: SessionId,
    secret: [u8; 32],
}

impl RefreshToken {
    /// The first token of a session.
    fn random(user: UserId, session: SessionId) -> Result<Self> {
        Ok(Self { user, session, secret: random()? })
    }

    /// Reads a token: the suffixes of both ids and the secret, with dots between.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let user = UserId::from_suffix(parts.next()?).ok()?;
        let session = SessionId::from_suffix(parts.next()?).ok()?;
        let secret = parse_secret(parts.next()?)?;
        parts.next().is_none().then_some(Self { user, session, secret })
    }

    /// The token that replaces this one, derived from this one and a key that never leaves
    /// the function. A client that repeats a refresh because the answer got lost gets the
    /// same successor, though only its hash is stored.
    pub(crate) fn next(&self, key: &[u8; 32]) -> Self {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length");
        mac.update(self.session.uuid().as_bytes());
        mac.update(&self.secret);
        Self { secret: mac.finalize().into_bytes().into(), ..self.clone() }
    }

    /// The token's hash, as the session stores it.
    pub(crate) fn hash(&self) -> String {
        hash(&self.secret)
    }

    /// True if the token with this hash is among the next [`MAX_SUCCESSORS`] successors of
    /// this one. Then this one was good once; an invented token has no such successor.
    pub(crate) fn leads_to(&self, hash: &str, key: &[u8; 32]) -> bool {
        let successors = std::iter::successors(Some(self.next(key)), |token| Some(token.next(key)));
        successors.take(MAX_SUCCESSORS).any(|token| token.hash() == hash)
    }

    fn text(&self) -> String {
        let secret = URL_SAFE_NO_PAD.encode(self.secret);
        format!("{}.{}.{secret}", self.user.suffix(), self.session.suffix())
    }
}

/// A secret of 32 random bytes, too long to be guessed.
pub(crate) fn random() -> Result<[u8; 32]> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(Error::internal)?;
    Ok(secret)
}

/// [`random`] in base64url.
pub(crate) fn random_text() -> Result<String> {
    Ok(URL_SAFE_NO_PAD.encode(random()?))
}

/// Reads a secret from base64url. `None` unless it has 32 bytes.
pub(crate) fn parse_secret(text: &str) -> Option<[u8; 32]> {
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

/// The SHA-256 of a random secret, as it is stored. It needs no salt and no slow
/// function: 256 random bits cannot be guessed.
pub(crate) fn hash(secret: &[u8; 32]) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(secret))
}

/// A new access token of a session, whose refresh token stays.
#[derive(Serialize, JsonSchema)]
pub(crate) struct NewAccess {
    /// The access token, a JWT. Send it as `Authorization: Bearer <access_token>`.
    access_token: String,
    /// Always `bearer`.
    token_type: TokenType,
    /// Seconds until the access token expires.
    expires_in: u32,
}

/// The organisers that a user works for.
pub(crate) struct Work {
    /// Each with its name and the user's role.
    pub(crate) workplaces: Vec<Workplace>,
    /// Those whose staff signs in with a second factor.
    strict: BTreeSet<TenantId>,
}

impl Work {
    /// What the organisers demand of a session whose user gave these `proofs`.
    pub(crate) fn demand<'a>(&'a self, proofs: &'a [Proof]) -> Demand<'a> {
        Demand { strict: &self.strict, proofs }
    }
}

impl State {
    /// Starts a session for `user`, after the caller checked the `proofs`, and remembers the tenant
    /// that was `asked` for.
    pub(crate) async fn start(
        &self,
        user: &User,
        proofs: &[Proof],
        asked: Option<TenantId>,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<SignedIn> {
        let work = self.work(user).await?;
        let standing = user.standing(asked, None, &work.demand(proofs))?;
        self.remember(user, asked, now).await?;
        let token = RefreshToken::random(user.id, SessionId::generate(now))?;
        let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let session = Session {
            id: token.session,
            user: user.id,
            tenant: standing.tenant,
            epoch: user.session_epoch,
            refresh_hash: token.hash(),
            previous_hash: None,
            last_used_at: now,
            created_at: now,
            authenticated_at: Some(now),
            proofs: proofs.to_vec(),
            expires_at: session::session_end(now),
            user_agent: session::user_agent(agent),
        };
        self.store.start_session(&session).await?;
        self.tokens(user, standing, work.workplaces, &session, &token, now)
    }

    /// Stores the tenant that the user chose, so that the next sign-in acts for it, too.
    pub(crate) async fn remember(&self, user: &User, asked: Option<TenantId>, now: Timestamp) -> Result<()> {
        if asked.is_some() && asked != user.last_tenant {
            let choose = |user: &mut User| {
                user.last_tenant = asked;
                Ok(())
            };
            self.store.change_user(user.id, now, choose).await?;
        }
        Ok(())
    }

    /// The organisers that the user works for. What they demand may be a second old.
    pub(crate) async fn work(&self, user: &User) -> Result<Work> {
        let ids: Vec<TenantId> = user.staff.keys().copied().collect();
        let tenants: HashMap<_, _> =
            self.store.tenants(&ids).await?.into_iter().map(|tenant| (tenant.id, tenant)).collect();
        let workplace = |(&tenant, &role): (&TenantId, &Role)| {
            let name = tenants.get(&tenant).map(|tenant| tenant.name.clone()).unwrap_or_default();
            Workplace { tenant, name, role }
        };
        let strict = tenants.values().filter(|tenant| tenant.requires_second_factor).map(|tenant| tenant.id);
        Ok(Work { workplaces: user.staff.iter().map(workplace).collect(), strict: strict.collect() })
    }

    /// The answer with `refresh_token` and a new access token.
    pub(crate) fn tokens(
        &self,
        user: &User,
        standing: ActingRole,
        workplaces: Vec<Workplace>,
        session: &Session,
        refresh_token: &RefreshToken,
        now: Timestamp,
    ) -> Result<SignedIn> {
        Ok(SignedIn {
            access_token: self.access_token(user, standing, &workplaces, session, now)?,
            token_type: TokenType::Bearer,
            expires_in: ACCESS_TOKEN_SECONDS,
            refresh_token: refresh_token.text(),
            device_token: self.device_key.token(user, refresh_token.session, now),
            user: Profile::new(user, standing, workplaces, self.operators.has(user, session)),
        })
    }

    /// A new access token of a session.
    pub(crate) async fn new_access(
        &self,
        user: &User,
        session: &Session,
        now: Timestamp,
    ) -> Result<NewAccess> {
        let work = self.work(user).await?;
        let standing = user.standing(None, session.tenant, &work.demand(&session.proofs))?;
        Ok(NewAccess {
            access_token: self.access_token(user, standing, &work.workplaces, session, now)?,
            token_type: TokenType::Bearer,
            expires_in: ACCESS_TOKEN_SECONDS,
        })
    }

    fn access_token(
        &self,
        user: &User,
        standing: ActingRole,
        workplaces: &[Workplace],
        session: &Session,
        now: Timestamp,
    ) -> Result<String> {
        let is_elsewhere = |workplace: &&Workplace| Some(workplace.tenant) != standing.tenant;
        self.signer.sign(&Claims {
            user: user.id,
            email: user.email.as_str().to_owned(),
            email_verified: user.email_verified_at.is_some(),
            name: user.name.clone(),
            role: standing.role,
            tenant: standing.tenant,
            workplaces: workplaces.iter().filter(is_elsewhere).take(MAX_NAMED_WORKPLACES).cloned().collect(),
            operator: self.operators.has(user, session),
            session: session.id,
            auth_time: session.authenticated_at.map(Timestamp::as_second),
            amr: session.proofs.clone(),
            iat: now.as_second(),
            exp: now.as_second() + i64::from(ACCESS_TOKEN_SECONDS),
            iss: web::ISSUER.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use domain::testing::at;

    use super::*;

    fn token() -> RefreshToken {
        RefreshToken::random(UserId::generate(at(0)), SessionId::generate(at(0))).expect("randomness")
    }

    #[test]
    fn a_refresh_token_reads_as_it_was_written() {
        let token = token();
        assert!(RefreshToken::parse(&token.text()) == Some(token.clone()));
        assert_eq!(token.text().len(), 26 + 1 + 26 + 1 + 43);
        let text = token.text();
        for broken in [
            "",
            "..",
            &text[1..],
            &text[..text.len() - 1],
            &format!("{text}."),
            &format!("{text}A"),
            &text.replace('.', "_"),
        ] {
            assert!(RefreshToken::parse(broken).is_none(), "{broken}");
        }
    }

    #[test]
    fn the_successor_of_a_token_follows_from_token_and_key() {
        let token = token();
        let next = token.next(&[1; 32]);
        assert!(next == token.next(&[1; 32]));
        assert_eq!((next.user, next.session), (token.user, token.session));
        let others = [token.hash(), token.next(&[2; 32]).hash(), next.next(&[1; 32]).hash()];
        assert!(!others.contains(&next.hash()));
        assert!(token.leads_to(&next.next(&[1; 32]).hash(), &[1; 32]));
        assert!(!next.leads_to(&token.hash(), &[1; 32]), "not backwards");
        assert!(!token.leads_to(&next.next(&[1; 32]).hash(), &[2; 32]));
    }
}
