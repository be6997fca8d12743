//! The logins of the demo data, as shown in the terminal.

use std::fmt;

use domain::TenantId;
use domain::access::Role;

/// The password of every login.
pub(super) const PASSWORD: &str = "taquilla-demo";

/// A user of the demo data who can sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Login {
    /// The address with which they sign in.
    pub email: &'static str,
    /// The full name.
    pub name: &'static str,
    /// Organiser and role of a staff member; `None` for a user who only buys.
    pub works: Option<(TenantId, Role)>,
    /// What the user does, in words for the terminal.
    pub does: &'static str,
}

/// The users of the demo data who can sign in; displayed as lines for the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Logins {
    /// The password of all of them.
    pub password: &'static str,
    /// The users, in the order in which they are shown.
    pub people: &'static [Login],
}

impl fmt::Display for Logins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.people.iter().map(|login| login.email.len()).max().unwrap_or_default();
        write!(f, "  Logins, all with the password {}:", self.password)?;
        for Login { email, does, .. } in self.people {
            write!(f, "\n    {email:width$}   {does}")?;
        }
        Ok(())
    }
}
