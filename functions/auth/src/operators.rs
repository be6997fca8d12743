//! The operators of the installation, whom its configuration alone names.

use std::sync::Arc;

use boot::{ConfigError, Env};
use domain::second_factor::has_two_factors;
use domain::session::Session;
use domain::user::{Email, User};

/// The variable with the operators' addresses.
const VARIABLE: &str = "OPERATOR_ADDRESSES";

/// The addresses of the operators. No route changes them.
#[derive(Clone)]
pub(crate) struct Operators(Arc<[Email]>);

impl Operators {
    /// Reads `OPERATOR_ADDRESSES`: addresses separated by commas; without it, there is no operator.
    pub(crate) fn from_env(env: &Env) -> Result<Self, ConfigError> {
        let listed = env.optional(VARIABLE).unwrap_or_default();
        let addresses = listed.split(',').map(str::trim).filter(|address| !address.is_empty());
        let parsed = addresses.map(|address| {
            address.parse().map_err(|error| ConfigError::new(VARIABLE, format!("{address}: {error}")))
        });
        Ok(Self(parsed.collect::<Result<_, _>>()?))
    }

    /// True if this session makes its user an operator: the user reads mail at an address of the
    /// configuration, and signed in with a second factor.
    pub(crate) fn has(&self, user: &User, session: &Session) -> bool {
        self.0.contains(&user.email)
            && user.email_verified_at.is_some()
            && user.closed_at.is_none()
            && has_two_factors(&session.proofs)
    }
}

#[cfg(test)]
mod tests {
    use domain::second_factor::Proof;
    use domain::session::session_end;
    use domain::testing::at;
    use domain::{SessionId, Timestamp, UserId};

    use super::*;

    fn operators(text: &str) -> Result<Operators, ConfigError> {
        Operators::from_env(&Env::from_iter([(VARIABLE.to_owned(), text.to_owned())]))
    }

    fn session(user: UserId, proofs: &[Proof]) -> Session {
        let now: Timestamp = at(0);
        Session {
            id: SessionId::generate(now),
            user,
            tenant: None,
            epoch: 0,
            refresh_hash: String::new(),
            previous_hash: None,
            last_used_at: now,
            created_at: now,
            authenticated_at: Some(now),
            proofs: proofs.to_vec(),
            expires_at: session_end(now),
            user_agent: String::new(),
        }
    }

    #[test]
    fn an_operator_has_a_confirmed_address_of_the_list_and_two_factors() {
        let operators = operators(" Operadora@example.com,otra@example.com ,").expect("addresses");
        let mut user = User::new("operadora@example.com".parse().expect("an address"), at(0));
        let (one, two) = (session(user.id, &[Proof::Pwd]), session(user.id, &[Proof::Pwd, Proof::Otp]));
        assert!(!operators.has(&user, &two), "anybody can register the address");
        user.verify_email(at(0));
        assert!(operators.has(&user, &two) && !operators.has(&user, &one));
        let closed = User { closed_at: Some(at(1)), ..user.clone() };
        assert!(!operators.has(&closed, &two));
        let other = User { email: "ana@example.com".parse().expect("an address"), ..user };
        assert!(!operators.has(&other, &two));
    }

    #[test]
    fn an_installation_may_have_no_operator_but_no_wrong_one() {
        let user = User::new("operadora@example.com".parse().expect("an address"), at(0));
        let session = session(user.id, &[Proof::Pwd, Proof::Otp]);
        for text in ["", " ", ",,"] {
            assert!(!operators(text).expect("nobody").has(&user, &session));
        }
        let error = operators("operadora@example.com, operadora").err().expect("no address");
        assert_eq!(error.variable, VARIABLE);
    }
}
