//! Roles, permissions and the claims of an access token.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::second_factor::{Proof, RECENT, has_two_factors};
use crate::{Error, OwnAddress, Person, Result, SessionId, TenantId, Timestamp, UserId};

/// The role of a user. Every user has at least [`Role::User`]; the other roles hold within one
/// tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Buys tickets; has no rights at any organiser.
    User,
    /// Checks tickets at the door of the tenant's events.
    Scanner,
    /// Manages members and decides their discount requests; sees events and sales, and scans
    /// tickets.
    Coordinator,
    /// Creates and changes events, refunds, sees sales and scans tickets.
    Organizer,
    /// Has every permission in the tenant, including its settings and staff.
    Admin,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 5] = [Self::User, Self::Scanner, Self::Coordinator, Self::Organizer, Self::Admin];

    /// The name in JSON and in tokens, such as `scanner`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Scanner => "scanner",
            Self::Coordinator => "coordinator",
            Self::Organizer => "organizer",
            Self::Admin => "admin",
        }
    }
}

/// The name of the operator among the roles that descriptions and refusals name. It is no [`Role`], which
/// holds in a tenant: the operator has its own claim.
pub const OPERATOR: &str = "operator";

/// A right that a role can have beyond being signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Create and change events, areas, prices; refund.
    ManageEvents,
    /// See events, sales and statistics of the tenant.
    ViewEvents,
    /// Scan tickets.
    ScanTickets,
    /// Manage members and decide their discount requests.
    SuperviseMembers,
    /// Change the tenant itself and its staff.
    ManageTenant,
}

impl Permission {
    /// The roles that have the permission.
    pub const fn roles(self) -> &'static [Role] {
        match self {
            Self::ManageEvents => &[Role::Organizer, Role::Admin],
            Self::ViewEvents => &[Role::Coordinator, Role::Organizer, Role::Admin],
            Self::ScanTickets => &[Role::Scanner, Role::Coordinator, Role::Organizer, Role::Admin],
            Self::SuperviseMembers => &[Role::Coordinator, Role::Admin],
            Self::ManageTenant => &[Role::Admin],
        }
    }
}

/// An organiser for which the user works, and the user's role there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Workplace {
    /// The organiser's tenant id.
    pub tenant: TenantId,
    /// The organiser's name, as buyers see it.
    pub name: String,
    /// The user's role at this organiser.
    pub role: Role,
}

/// The most workplaces that a token names besides its own. A token travels with every request.
pub const MAX_NAMED_WORKPLACES: usize = 10;

/// The claims of an access token, once its signature and time are checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The user's id.
    #[serde(rename = "sub")]
    pub user: UserId,
    /// The user's e-mail address, lower case. A user can register any: what depends on its being
    /// the user's own asks for [`Claims::confirmed_email`].
    pub email: String,
    /// True once the user confirmed the address by a mailed link. Until then it was only typed, and
    /// proves nothing.
    #[serde(default)]
    pub email_verified: bool,
    /// The user's name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The user's role in `tenant`, or [`Role::User`] without one.
    pub role: Role,
    /// The tenant in which the role holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantId>,
    /// Other organisers for which the user works, so that a refusal can name them; at most
    /// [`MAX_NAMED_WORKPLACES`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub workplaces: Vec<Workplace>,
    /// True if the user is an operator of the installation, by its configuration and a second factor.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub operator: bool,
    /// The session that the token belongs to.
    #[serde(rename = "sid")]
    pub session: SessionId,
    /// When the user last proved to be the owner of the account, in seconds since 1970 (OpenID
    /// Connect). Absent in sessions from before that was noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    /// How the user proved it (RFC 8176).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<Proof>,
    /// Issued at, in seconds since 1970 (RFC 7519).
    pub iat: i64,
    /// Expires at, in seconds since 1970.
    pub exp: i64,
    /// The issuer of the token.
    pub iss: String,
}

impl Claims {
    /// The e-mail address, with whether it is proved to be the user's.
    pub fn address(&self) -> OwnAddress<'_> {
        OwnAddress { email: &self.email, confirmed: self.email_verified }
    }

    /// The e-mail address, if the user proved to read mail there.
    ///
    /// # Errors
    /// `email_unverified`.
    pub fn confirmed_email(&self) -> Result<&str> {
        if self.email_verified { Ok(&self.email) } else { Err(email_unverified()) }
    }

    /// The user as others see them, such as on a transfer.
    pub fn person(&self) -> Person {
        Person { email: self.email.clone(), name: self.name.clone() }
    }

    /// True if the user signed in with a second factor.
    pub fn has_two_factors(&self) -> bool {
        has_two_factors(&self.amr)
    }

    /// Checks that the user signed in within the last [`RECENT`] minutes, or proved since to be still
    /// there: a browser that somebody left open must not be enough for what cannot be taken back.
    ///
    /// # Errors
    /// `recent_sign_in_required`, with where to prove it.
    pub fn signed_in_recently(&self, now: Timestamp) -> Result<()> {
        let since = self.auth_time.map(|at| now.as_second().saturating_sub(at));
        if since.is_some_and(|seconds| seconds <= RECENT.as_secs()) {
            return Ok(());
        }
        Err(Error::forbidden(
            "recent_sign_in_required",
            "You signed in too long ago for this. Send your password or second factor to \
             `POST /api/v1/auth/reauthenticate`, or sign in again, and repeat the request with the new access token.",
        )
        .with("max_age_seconds", RECENT.as_secs())
        .with("reauthenticate", "/api/v1/auth/reauthenticate"))
    }

    /// Checks that the caller is an operator of the installation.
    ///
    /// # Errors
    /// `role_required`, with how an address of the configuration gets the right.
    pub fn require_operator(&self) -> Result<()> {
        if self.operator {
            return Ok(());
        }
        Err(Error::forbidden(
            "role_required",
            "Only the operator of the box office may do this: sign in with a confirmed address that its \
             configuration names, and with a second factor.",
        )
        .with("roles", [OPERATOR].as_slice())
        .with("workplaces", serde_json::json!([])))
    }

    /// The tenant for which the caller has `permission`.
    ///
    /// # Errors
    /// `role_required`, with the roles that have it and the workplaces where the
    /// caller has one of them.
    pub fn require(&self, permission: Permission) -> Result<TenantId> {
        let roles = permission.roles();
        match self.tenant {
            Some(tenant) if roles.contains(&self.role) => Ok(tenant),
            _ => {
                let elsewhere: Vec<_> =
                    self.workplaces.iter().filter(|workplace| roles.contains(&workplace.role)).collect();
                let detail = match elsewhere.first() {
                    None => "Your role does not allow this. Sign in with an account that has the right role."
                        .to_owned(),
                    Some(first) => format!(
                        "Your role at the organiser for whom you act does not allow this. It does at {}: refresh \
                         your session with its `tenant`.",
                        first.name
                    ),
                };
                Err(Error::forbidden("role_required", detail)
                    .with("roles", roles.iter().map(|role| role.name()).collect::<Vec<_>>())
                    .with("workplaces", serde_json::json!(elsewhere)))
            }
        }
    }
}

/// The error for an operation that needs a confirmed e-mail address when the caller's is not.
pub fn email_unverified() -> Error {
    Error::forbidden(
        "email_unverified",
        "First confirm your e-mail address with the link that we mailed you, then sign in again.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::at;

    fn workplace(name: &str, role: Role) -> Workplace {
        Workplace { tenant: TenantId::generate(at(0)), name: name.to_owned(), role }
    }

    fn claims() -> Claims {
        let now = at(0);
        Claims {
            user: UserId::generate(now),
            email: "ana@example.com".to_owned(),
            email_verified: true,
            name: String::new(),
            role: Role::Scanner,
            tenant: Some(TenantId::generate(now)),
            workplaces: vec![workplace("Faroles", Role::Coordinator), workplace("Mareas", Role::Admin)],
            operator: false,
            session: SessionId::generate(now),
            auth_time: None,
            amr: Vec::new(),
            iat: 0,
            exp: 900,
            iss: "taquilla".to_owned(),
        }
    }

    #[test]
    fn who_signed_in_half_an_hour_ago_is_recent_and_who_did_at_no_known_time_is_not() {
        let old = claims();
        let new = Claims { auth_time: Some(at(0).as_second()), ..old.clone() };
        let code =
            |claims: &Claims, second| claims.signed_in_recently(at(second)).map_err(|error| error.code());
        assert_eq!((code(&new, 0), code(&new, 1800)), (Ok(()), Ok(())));
        assert_eq!(code(&new, 1801), Err("recent_sign_in_required"));
        assert_eq!(code(&old, 0), Err("recent_sign_in_required"));
    }

    #[test]
    fn no_role_makes_an_operator() {
        let admin = Claims { role: Role::Admin, ..claims() };
        let refused = admin.require_operator().expect_err("refused");
        assert_eq!(
            (refused.code(), &refused.members()["roles"]),
            ("role_required", &serde_json::json!([OPERATOR]))
        );
        let operator = Claims { role: Role::User, tenant: None, operator: true, ..admin };
        assert!(operator.require_operator().is_ok());
        assert!(operator.require(Permission::ViewEvents).is_err(), "it works for no organiser");
    }

    #[test]
    fn a_refusal_names_where_the_caller_has_the_role() {
        let claims = claims();
        assert_eq!(claims.require(Permission::ScanTickets).ok(), claims.tenant);
        let refused = claims.require(Permission::ManageTenant).expect_err("refused");
        assert_eq!(refused.members()["workplaces"], serde_json::json!([claims.workplaces[1]]));
        assert!(refused.detail().contains("Mareas"), "{}", refused.detail());
        let nowhere = Claims { workplaces: Vec::new(), ..claims };
        let refused = nowhere.require(Permission::ManageTenant).expect_err("refused");
        assert_eq!(refused.members()["workplaces"], serde_json::json!([]));
    }
}
