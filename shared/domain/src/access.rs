//! Who may do what.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Error, Result, SessionId, TenantId, UserId};

/// What a person may do. Everybody with a login is at least [`Role::User`]; the
/// others hold within one tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Buys tickets.
    User,
    /// Checks tickets at the door of the tenant's events.
    Scanner,
    /// Supervises discount requests and looks at events and sales.
    Coordinator,
    /// Puts events on sale.
    Organizer,
    /// Everything in the tenant, staff included.
    Admin,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 5] = [Self::User, Self::Scanner, Self::Coordinator, Self::Organizer, Self::Admin];

    /// The wire name.
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

/// Something that needs more than being signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Create and change events, areas, prices; refund.
    ManageEvents,
    /// See events, sales and statistics of the tenant.
    ViewEvents,
    /// Scan tickets.
    ScanTickets,
    /// Look after members and decide about their discounts.
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

/// The claims of an access token, once its signature and time are checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The user.
    pub sub: UserId,
    /// The user's e-mail address, lower case.
    pub email: String,
    /// The user's name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The role in `tenant`, or [`Role::User`] without one.
    pub role: Role,
    /// The tenant that the role holds for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantId>,
    /// The session that the token belongs to.
    pub sid: SessionId,
    /// Issued at, in seconds since 1970 (RFC 7519).
    pub iat: i64,
    /// Expires at, in seconds since 1970.
    pub exp: i64,
    /// The issuer.
    pub iss: String,
}

impl Claims {
    /// The tenant for which the caller has `permission`.
    pub fn require(&self, permission: Permission) -> Result<TenantId> {
        match self.tenant {
            Some(tenant) if permission.roles().contains(&self.role) => Ok(tenant),
            _ => Err(Error::forbidden(
                "role_required",
                "Your role does not allow this. Sign in with an account that has the right role.",
            )
            .with("roles", permission.roles().iter().map(|role| role.name()).collect::<Vec<_>>())),
        }
    }
}
