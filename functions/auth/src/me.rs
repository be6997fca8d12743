use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use domain::access::{Role, Workplace};
use domain::error::Fields;
use domain::text::{Line, Phone};
use domain::user::{ActingRole, MAX_NAME, Password, PasswordHash, User, user_not_found};
use domain::{Error, Language, Result, TenantId, Timestamp, UserId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::was_done;
use web::{Answer, Buyer, ClientNetwork, Json, Refuses, Shared};

use crate::limits::Tries;
use crate::{State, hashing, strength};

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/auth/me",
        get_with(show, |op| op.id("showMe").tag("Auth").summary("Who is signed in")).patch_with(
            update,
            |op| {
                op.id("updateMe").tag("Auth").summary("Change one's profile or password").description(
                    "Changes what the body has and leaves the rest. A new password needs the current one and \
                     ends all other sessions.",
                )
                .refuses(["wrong_password", "user_not_found", "changed_meanwhile", "no_password"])
                .refuses(["refused_fields", "too_many_tries"])
            },
        ),
    )
}

/// The signed-in user's own profile.
#[serde_with::skip_serializing_none]
#[derive(Serialize, JsonSchema)]
pub(crate) struct Profile {
    /// The user's id.
    id: UserId,
    /// The e-mail address.
    email: String,
    /// True once the user proved to read mail at the address, by opening a mailed link.
    email_verified: bool,
    /// The name, possibly empty.
    name: String,
    /// The telephone number. Absent if the user gave none.
    phone: Option<String>,
    /// The language of mails to the user.
    language: Language,
    /// The role in the access token: one in `tenant`, or `user`.
    role: Role,
    /// The organiser in which the role holds. Absent for role `user`.
    tenant: Option<TenantId>,
    /// True if the user is the operator of the box office in this session.
    operator: bool,
    /// The organisers that the user works for. Sign in or refresh with `tenant` to act for
    /// another one.
    workplaces: Vec<Workplace>,
    /// False if the user has no password and signs in by mailed links only.
    has_password: bool,
    /// When the account was made.
    created_at: Timestamp,
}

impl Profile {
    /// The profile of `user`, with the role and tenant of `standing`.
    pub(crate) fn new(user: &User, standing: ActingRole, workplaces: Vec<Workplace>, operator: bool) -> Self {
        Self {
            id: user.id,
            email: user.email.as_str().to_owned(),
            email_verified: user.email_verified_at.is_some(),
            name: user.name.clone(),
            phone: user.phone.clone(),
            language: user.language,
            role: standing.role,
            tenant: standing.tenant,
            operator,
            workplaces,
            has_password: user.password_hash.is_some(),
            created_at: user.created_at,
        }
    }
}

async fn show(Shared(state): Shared<State>, buyer: Buyer) -> Answer<Json<Profile>> {
    let user = state.store.user(buyer.user).await?.ok_or_else(unknown)?;
    profile(&state, &user, &buyer).await
}

async fn profile(state: &State, user: &User, buyer: &Buyer) -> Answer<Json<Profile>> {
    let work = state.work(user).await?;
    Ok(Json(Profile::new(user, standing(buyer), work.workplaces, buyer.operator)))
}

fn standing(buyer: &Buyer) -> ActingRole {
    ActingRole { role: buyer.role, tenant: buyer.tenant }
}

fn unknown() -> Error {
    Error::unauthenticated("sign_in_required", "This account does not exist any more.")
}

/// Changes to the signed-in user's profile. A missing field stays as it is.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Changes {
    /// The name as it should stand on tickets.
    name: Option<Line<0, MAX_NAME>>,
    /// A telephone number; `null` removes it.
    #[serde(default, deserialize_with = "web::nullable")]
    phone: Option<Option<Phone>>,
    /// The language of mails to the user.
    language: Option<Language>,
    /// A new password: 10 to 128 characters, not a common one, and not made of the address or
    /// the name.
    #[schemars(length(min = 10))]
    password: Option<Password>,
    /// The current password. Required with `password`, and refused without it.
    current_password: Option<Password>,
}

impl Changes {
    fn check(&self) -> Result<()> {
        let mut fields = Fields::new();
        fields.rule(
            self.password.is_some() == self.current_password.is_some(),
            "/current_password",
            "Must be there with a new password, and only then.",
        );
        if let Some(current) = &self.current_password {
            current.check_length("/current_password", &mut fields);
        }
        fields.finish()
    }
}

async fn update(
    Shared(state): Shared<State>,
    network: ClientNetwork,
    buyer: Buyer,
    Json(changes): Json<Changes>,
) -> Answer<Json<Profile>> {
    changes.check()?;
    let Changes { name, phone, language, password, current_password } = changes;
    let hash = match password.zip(current_password) {
        Some((new, current)) => Some(check_passwords(&state, &buyer, &network, new, current).await?),
        None => None,
    };
    let change = |user: &mut User| {
        if user.closed_at.is_some() {
            return Err(user_not_found());
        }
        if let Some(name) = &name {
            name.as_str().clone_into(&mut user.name);
        }
        if let Some(phone) = &phone {
            user.phone = phone.clone().and_then(Phone::some);
        }
        user.language = language.unwrap_or(user.language);
        if let Some(hash) = &hash {
            user.change_password(hash.clone());
        }
        Ok(())
    };
    let user = state.store.change_user(buyer.user, state.clock.now(), change).await?;
    if hash.is_some() {
        end_other_sessions(&state, &buyer, user.session_epoch).await?;
    }
    profile(&state, &user, &buyer).await
}

/// Checks both passwords and hashes the `new` one. The `current` one is asked for because
/// a borrowed browser must not be enough to take an account over.
async fn check_passwords(
    state: &State,
    buyer: &Buyer,
    network: &ClientNetwork,
    new: Password,
    current: Password,
) -> Result<PasswordHash> {
    let user = state.store.user(buyer.user).await?.ok_or_else(unknown)?;
    strength::check_new(&new, &user.email, &user.name)?;
    if user.password_hash.is_none() {
        return Err(Error::conflict(
            "no_password",
            "This account has no password yet. Choose one with `/api/v1/auth/password/forgot`.",
        ));
    }
    let tries = Tries::new(state, &user.email, network, Some(buyer.session), state.clock.now());
    tries.check_login().await?;
    if !hashing::verify(current, user.password_hash).await? {
        tries.count_login().await?;
        return Err(Error::forbidden("wrong_password", "The current password is wrong."));
    }
    hashing::hash(new).await
}

/// Ends all sessions but the buyer's own, which moves to the new epoch.
async fn end_other_sessions(state: &State, buyer: &Buyer, epoch: u32) -> Result<()> {
    // If the session ended meanwhile, there is none to keep.
    was_done(state.store.keep_session(buyer.user, buyer.session, epoch).await)?;
    Ok(state.store.end_other_sessions(buyer.user, Some(buyer.session)).await?)
}
