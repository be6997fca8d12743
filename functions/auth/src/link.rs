//! Mailed links that sign a user in, confirm the address or reset the password.

use aide::OperationOutput;
use aide::axum::ApiRouter;
use aide::axum::routing::post_with;
use aide::generate::GenContext;
use aide::openapi::{Operation, Response as ApiResponse};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::access::Claims;
use domain::outbox::Outbox;
use domain::second_factor::Proof;
use domain::session::Session;
use domain::user::{Email, LinkPurpose, User};
use domain::{Error, Person, Result, TenantId, Timestamp, UserId};
use http::{HeaderMap, StatusCode};
use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{Link, LinkGrant, OnRefused};
use web::{Answer, ClientNetwork, Json, MaybeBuyer, Refuses, Shared};

use crate::State;
use crate::limits::Tries;
use crate::tokens::{self, SignedIn};

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route(
            "/api/v1/auth/magic-link",
            post_with(send, |op| {
                op.id("sendMagicLink").tag("Auth").summary("Mail a sign-in link").description(
                    "Mails a link that signs in once within 15 minutes, if the address has an account. The \
                     answer does not tell whether it has. If links are asked for too often, from wherever, one is \
                     mailed every ten minutes, so that the last one is always good; a device that sends the \
                     `device_token` of an earlier sign-in still gets its own. Whoever is signed in to an account \
                     whose address is not confirmed yet gets the confirmation again.",
                )
                .refuses(["too_many_tries"])
            }),
        )
        .api_route(
            "/api/v1/auth/magic-link/redeem",
            post_with(redeem, |op| {
                op.id("redeemMagicLink").tag("Auth").summary("Sign in with a link").description(
                    "Takes the token of a mailed link, confirms the address and signs in. Send the access \
                     token, too, if the browser is signed in to the account: an address that was not confirmed \
                     before is then confirmed, and nothing else changes. Without it, password, name, telephone \
                     and all sessions of such an account end: they may be of somebody who registered another \
                     person's address. `has_password` in the answer says whether to offer choosing one. A link is one factor: \
                     an account with a second one goes on as after its password.",
                )
                .refuses(["second_factor_required"])
                .refuses(["link_invalid", "not_a_member", "changed_meanwhile", "too_many_tries"])
            }),
        )
}

/// The account to which a link is mailed.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkRequest {
    /// The account's e-mail address.
    pub(crate) email: Email,
    /// The `device_token` of an earlier sign-in on this device. With it, requests of strangers
    /// do not delay the link.
    pub(crate) device_token: Option<String>,
}

/// The answer 202, the same whether the address has an account or not.
#[derive(Debug)]
pub(crate) struct Accepted;

/// The next step of the user.
#[derive(Debug, Serialize, JsonSchema)]
struct Next {
    /// Always `check_your_email`.
    status: NextStatus,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum NextStatus {
    /// The user looks into the mailbox of the address. A mail follows if the address has an
    /// account, a new one included, and no limit is reached.
    CheckYourEmail,
}

impl IntoResponse for Accepted {
    fn into_response(self) -> Response {
        (StatusCode::ACCEPTED, Json(Next { status: NextStatus::CheckYourEmail })).into_response()
    }
}

impl OperationOutput for Accepted {
    type Inner = Self;

    fn operation_response(ctx: &mut GenContext, operation: &mut Operation) -> Option<ApiResponse> {
        Json::<Next>::operation_response(ctx, operation)
    }

    fn inferred_responses(ctx: &mut GenContext, op: &mut Operation) -> Vec<(Option<u16>, ApiResponse)> {
        Self::operation_response(ctx, op).map(|response| (Some(202), response)).into_iter().collect()
    }
}

async fn send(
    Shared(state): Shared<State>,
    network: ClientNetwork,
    MaybeBuyer(buyer): MaybeBuyer,
    Json(LinkRequest { email, device_token }): Json<LinkRequest>,
) -> Answer<Accepted> {
    let now = state.clock.now();
    let user = state.store.user_by_email(&state.fingerprints, &email).await?;
    let own = buyer.zip(user.as_ref()).filter(|(buyer, user)| buyer.user == user.id);
    let unverified = user.as_ref().is_some_and(|user| user.email_verified_at.is_none());
    let purpose = if own.is_some() && unverified { LinkPurpose::Welcome } else { LinkPurpose::SignIn };
    let device = state.device_key.known(device_token.as_deref(), user.as_ref(), now);
    let owner = user.as_ref().filter(|_| device.is_some() || own.is_some());
    if Tries::new(&state, &email, &network, device, now).count_link(purpose, owner).await? {
        NewLink::new()?.send(&state, user.as_ref(), purpose, now).await?;
    }
    Ok(Accepted)
}

/// The token of a mailed link.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Redemption {
    /// The `token` in the mailed link.
    #[schemars(length(max = 64))]
    token: String,
    /// The organiser to act for. If missing, the one chosen last.
    tenant: Option<TenantId>,
}

async fn redeem(
    Shared(state): Shared<State>,
    network: ClientNetwork,
    headers: HeaderMap,
    MaybeBuyer(buyer): MaybeBuyer,
    Json(redemption): Json<Redemption>,
) -> Answer<Json<SignedIn>> {
    let now = state.clock.now();
    let purposes = [LinkPurpose::SignIn, LinkPurpose::Welcome];
    let redeemed = async {
        if redemption.tenant.is_some() {
            // Checked before the link is used up, so that a wrong organiser costs no second mail.
            let mut user = owner(&state, &redemption.token, &purposes, now).await?;
            user.verify_email(now);
            // Who has a second factor is asked for it afterwards.
            let work = state.work(&user).await?;
            let has_factor = !state.store.second_factors(user.id).await?.is_empty();
            let demand = work.demand(if has_factor { &[Proof::Link, Proof::Otp] } else { &[Proof::Link] });
            user.standing(redemption.tenant, None, &demand)?;
        }
        redeem_once(&state, &redemption.token, &purposes, now).await
    };
    let grant = state.redeem_limited(&network, now, redeemed).await?;
    let user = open_account(&state, grant.user).await?;
    state.link_used(&user.email, grant.purpose, now).await?;
    let user = if user.email_verified_at.is_some() {
        user
    } else {
        let session = own_session(&state, buyer.as_ref(), user.id).await?;
        let confirm = |user: &mut User| {
            match &session {
                // The reader of the mail has the session, so the same person registered.
                Some(session) if session.is_current(user.session_epoch, now) => user.verify_email(now),
                _ => user.claim(now),
            }
            Ok(())
        };
        let confirmed = state.store.change_user(user.id, now, confirm).await?;
        if confirmed.session_epoch != user.session_epoch {
            state.store.end_other_sessions(user.id, None).await?;
        }
        confirmed
    };
    Ok(Json(state.sign_in(&user, Proof::Link, redemption.tenant, &headers, now).await?))
}

/// The session of the browser that opened the link, if it is this user's.
async fn own_session(state: &State, buyer: Option<&Claims>, user: UserId) -> Result<Option<Session>> {
    match buyer.filter(|buyer| buyer.user == user) {
        Some(buyer) => Ok(state.store.session(user, buyer.session).await?),
        None => Ok(None),
    }
}

/// Redeems the link with this token, which works once, and returns what it grants.
pub(crate) async fn redeem_once(
    state: &State,
    token: &str,
    purposes: &[LinkPurpose],
    now: Timestamp,
) -> Result<LinkGrant> {
    let secret = tokens::parse_secret(token).ok_or_else(invalid)?;
    state.store.redeem_link(&tokens::hash(&secret), purposes, now).await.on_refused(invalid)
}

/// The account of a mailed link that is still good. Does not use the link up.
pub(crate) async fn owner(
    state: &State,
    token: &str,
    purposes: &[LinkPurpose],
    now: Timestamp,
) -> Result<User> {
    let secret = tokens::parse_secret(token).ok_or_else(invalid)?;
    let grant = state.store.link_grant(&tokens::hash(&secret), purposes, now).await?.ok_or_else(invalid)?;
    open_account(state, grant.user).await
}

/// The account that a link leads to, if it was not closed since.
async fn open_account(state: &State, user: UserId) -> Result<User> {
    let user = state.store.user(user).await?;
    user.filter(|user| user.closed_at.is_none()).ok_or_else(invalid)
}

fn invalid() -> Error {
    Error::unauthenticated(
        "link_invalid",
        "This link was used already, or its time is over. Ask for a new one.",
    )
}

/// The secret of a link that is about to be written and mailed.
pub(crate) struct NewLink {
    secret: [u8; 32],
}

impl NewLink {
    /// A link with a random token.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self { secret: tokens::random()? })
    }

    /// The hash of the token, under which the link is stored.
    pub(crate) fn hash(&self) -> String {
        tokens::hash(&self.secret)
    }

    /// The item with the link and its mail to `user`.
    pub(crate) fn item(&self, state: &State, user: &User, grant: LinkGrant, now: Timestamp) -> Result<Link> {
        let expires_at = end(grant.purpose, now);
        let sealed = state.seal.seal(&URL_SAFE_NO_PAD.encode(self.secret), user.email.as_str())?;
        let outbox = outbox(user, grant.purpose, Some(sealed), Some(expires_at));
        Ok(Link { grant: Some(grant), expires_at, outbox: Some(outbox) })
    }

    /// Writes the link, with the outbox that mails it. Without a `user` it writes a link that
    /// grants nothing, without a mail.
    pub(crate) async fn send(
        &self,
        state: &State,
        user: Option<&User>,
        purpose: LinkPurpose,
        now: Timestamp,
    ) -> Result<()> {
        let link = match user {
            Some(user) => self.item(state, user, LinkGrant { purpose, user: user.id }, now)?,
            None => Link { grant: None, expires_at: end(purpose, now), outbox: None },
        };
        Ok(state.store.put_link(&self.hash(), &link).await?)
    }

    /// Mails to `user` that the address was registered again. The mail has no link.
    pub(crate) async fn mail_already_registered(
        &self,
        state: &State,
        user: &User,
        now: Timestamp,
    ) -> Result<()> {
        let outbox = outbox(user, LinkPurpose::AlreadyRegistered, None, None);
        let expires_at = end(LinkPurpose::Welcome, now);
        let link = Link { grant: None, expires_at, outbox: Some(outbox) };
        Ok(state.store.put_link(&self.hash(), &link).await?)
    }
}

fn end(purpose: LinkPurpose, now: Timestamp) -> Timestamp {
    let lifetime = SignedDuration::from_secs(purpose.lifetime_seconds());
    now.saturating_add(lifetime).unwrap_or(Timestamp::MAX)
}

fn outbox(
    user: &User,
    purpose: LinkPurpose,
    sealed_token: Option<String>,
    expires_at: Option<Timestamp>,
) -> Outbox {
    // Before the address is confirmed, a stranger may have typed the name, to have us mail
    // those words to the owner of the address.
    let name = if user.email_verified_at.is_some() { user.name.clone() } else { String::new() };
    let to = Person { email: user.email.as_str().to_owned(), name };
    Outbox::Link { to, language: user.language, purpose, sealed_token, expires_at }
}
