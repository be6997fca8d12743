//! The people who can sign in to the demo, as its reader is told of them.

use std::fmt;

use domain::TenantId;
use domain::access::Role;

/// The password of every login.
pub(super) const PASSWORD: &str = "taquilla-demo";

/// A person of the demo who can sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Login {
    /// The address.
    pub email: &'static str,
    /// The name.
    pub name: &'static str,
    /// For which organiser, and as what; `None` buys only.
    pub works: Option<(TenantId, Role)>,
    /// What the person does, for the one who reads it at start.
    pub does: &'static str,
}

/// The people who can sign in to the demo. Displayed as lines for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Logins {
    /// The password of all of them.
    pub password: &'static str,
    /// The logins.
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
