//! Authorisation as arguments: each extractor yields what the query behind the
//! route needs, so a handler without one has nothing to ask the store for.

use std::ops::Deref;

use aide::OperationInput;
use aide::generate::GenContext;
use aide::openapi::Operation;
use axum::extract::{FromRef, FromRequestParts};
use domain::access::{Claims, OPERATOR, Permission, Role};
use domain::audit::AuditNote;
use domain::{Error, Result, TenantId, Timestamp, UserId};
use http::header;
use http::request::Parts;
use indexmap::IndexMap;
use serde_json::json;

use crate::refusals::may_refuse;
use crate::{Problem, TokenVerifier};

/// The codes with which a token is refused.
const TOKEN_REFUSALS: [&str; 2] = ["token_expired", "token_invalid"];

/// A caller that is signed in, whatever its role: the claims of its token.
#[derive(Debug, Clone)]
pub struct Buyer(pub Claims);

impl Deref for Buyer {
    type Target = Claims;

    fn deref(&self) -> &Claims {
        &self.0
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Buyer
where
    TokenVerifier: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        claims(parts, &TokenVerifier::from_ref(state))?.map(Self).ok_or_else(|| {
            Error::unauthenticated(
                "sign_in_required",
                "Sign in and send `Authorization: Bearer <access token>`.",
            )
            .into()
        })
    }
}

impl OperationInput for Buyer {
    fn operation_input(_: &mut GenContext, operation: &mut Operation) {
        require_roles(operation, &Role::ALL);
    }
}

/// A caller whose token says who it is.
pub trait HasClaims {
    /// The claims of the token.
    fn claims(&self) -> &Claims;
}

impl HasClaims for Buyer {
    fn claims(&self) -> &Claims {
        &self.0
    }
}

/// The extension of an operation's description that says that it needs a recent sign-in.
pub const RECENT_SIGN_IN: &str = "x-recent-sign-in";

/// A caller that signed in within the last half an hour, or proved since to be still there: for what
/// cannot be taken back, such as money and credentials.
#[derive(Debug, Clone)]
pub struct Recent<C>(pub C);

impl<S, C> FromRequestParts<S> for Recent<C>
where
    S: Send + Sync,
    C: HasClaims + FromRequestParts<S, Rejection = Problem>,
    TokenVerifier: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let caller = C::from_request_parts(parts, state).await?;
        caller.claims().signed_in_recently(TokenVerifier::from_ref(state).now())?;
        Ok(Self(caller))
    }
}

impl<C: OperationInput> OperationInput for Recent<C> {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        C::operation_input(ctx, operation);
        operation.extensions.insert(RECENT_SIGN_IN.to_owned(), json!(true));
        may_refuse(operation, ["recent_sign_in_required"]);
    }
}

/// A caller that may be signed in. A token that is sent must still be valid.
#[derive(Debug, Clone)]
pub struct MaybeBuyer(pub Option<Claims>);

impl<S: Send + Sync> FromRequestParts<S> for MaybeBuyer
where
    TokenVerifier: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Ok(Self(claims(parts, &TokenVerifier::from_ref(state))?))
    }
}

impl OperationInput for MaybeBuyer {
    fn operation_input(_: &mut GenContext, operation: &mut Operation) {
        may_refuse(operation, TOKEN_REFUSALS);
    }
}

macro_rules! staff {
    ($($(#[$doc:meta])* $name:ident: $permission:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub struct $name {
            /// The tenant that the caller may act for.
            pub tenant: TenantId,
            /// The caller.
            pub user: UserId,
            /// All claims of the token.
            pub claims: Claims,
        }

        impl $name {
            /// The note that the caller did `action` to `subject` at `at`.
            pub fn note(&self, action: String, subject: String, at: Timestamp) -> AuditNote {
                let by_email = self.claims.email.clone();
                AuditNote { tenant_id: self.tenant, by: self.user, by_email, action, subject, at }
            }
        }

        impl HasClaims for $name {
            fn claims(&self) -> &Claims {
                &self.claims
            }
        }

        impl<S: Send + Sync> FromRequestParts<S> for $name
        where
            TokenVerifier: FromRef<S>,
        {
            type Rejection = Problem;

            async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
                let Buyer(claims) = Buyer::from_request_parts(parts, state).await?;
                let tenant = claims.require(Permission::$permission)?;
                Ok(Self { tenant, user: claims.user, claims })
            }
        }

        impl OperationInput for $name {
            fn operation_input(_: &mut GenContext, operation: &mut Operation) {
                require_roles(operation, Permission::$permission.roles());
                may_refuse(operation, ["role_required"]);
            }
        }
    )*};
}

staff! {
    /// Puts events on sale.
    Organizer: ManageEvents;
    /// Looks at events and sales.
    Viewer: ViewEvents;
    /// Works at the door.
    Door: ScanTickets;
    /// Looks after members and decides about their discounts.
    Supervisor: SuperviseMembers;
    /// Runs the tenant.
    Admin: ManageTenant;
}

/// The operator of the installation, whom its configuration names. It works for no organiser, so a handler
/// has to name the one that it means.
#[derive(Debug, Clone)]
pub struct Operator {
    /// The caller.
    pub user: UserId,
    /// All claims of the token.
    pub claims: Claims,
}

impl Operator {
    /// The note that the caller did `action` to `subject` of the tenant at `at`, for the tenant's own log.
    pub fn note(&self, tenant_id: TenantId, action: &str, subject: String, at: Timestamp) -> AuditNote {
        let (by_email, action) = (self.claims.email.clone(), action.to_owned());
        AuditNote { tenant_id, by: self.user, by_email, action, subject, at }
    }
}

impl HasClaims for Operator {
    fn claims(&self) -> &Claims {
        &self.claims
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Operator
where
    TokenVerifier: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Buyer(claims) = Buyer::from_request_parts(parts, state).await?;
        claims.require_operator()?;
        Ok(Self { user: claims.user, claims })
    }
}

impl OperationInput for Operator {
    fn operation_input(_: &mut GenContext, operation: &mut Operation) {
        require_named(operation, vec![OPERATOR]);
        may_refuse(operation, ["role_required"]);
    }
}

fn claims(parts: &Parts, verifier: &TokenVerifier) -> Result<Option<Claims>> {
    let Some(value) = parts.headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let token = value
        .to_str()
        .ok()
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .ok_or_else(|| {
            Error::unauthenticated(
                "token_invalid",
                "Send the token as `Authorization: Bearer <access token>`.",
            )
        })?;
    verifier.verify(token).map(Some)
}

/// Notes in the API description the roles that may call the operation: `security`, and
/// `x-roles`, from which the authorisation tests are generated.
pub(crate) fn require_roles(operation: &mut Operation, roles: &[Role]) {
    require_named(operation, roles.iter().map(|role| role.name()).collect());
}

fn require_named(operation: &mut Operation, names: Vec<&'static str>) {
    operation.security = vec![IndexMap::from([("bearer".to_owned(), Vec::new())])];
    operation.extensions.insert("x-roles".to_owned(), json!(names));
    may_refuse(operation, TOKEN_REFUSALS);
    may_refuse(operation, ["sign_in_required"]);
}
