//! Purchasers: buyers and holders of tickets, and what opens an order.

use crate::access::{Claims, email_unverified};
use crate::order::GuestTrace;
use crate::order_link::OrderLink;
use crate::{OwnAddress, Person, Result, UserId};

/// A person as orders and tickets know them: signed in, or a guest.
///
/// A guest's user id follows from the e-mail address, so that all guest orders of one address stand
/// together. Whoever confirms the address as a user has these orders, too, without anything being moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purchaser {
    /// The user id, under which new orders are stored.
    pub user: UserId,
    /// The user id that the guest orders of the confirmed address have; `None` for a guest, and for
    /// a user whose address is not confirmed: it may be anybody's.
    pub as_guest: Option<UserId>,
    /// The e-mail address and name.
    pub person: Person,
    /// True once the address is proved to be the person's.
    pub confirmed: bool,
    /// What orders keep of a guest; `None` for who is signed in.
    pub guest: Option<GuestTrace>,
}

impl Purchaser {
    /// A buyer without an account, whose user id follows from the address.
    pub fn guest(user: UserId, person: Person, trace: GuestTrace) -> Self {
        Self { user, as_guest: None, person, confirmed: false, guest: Some(trace) }
    }

    /// The person of a token. `as_guest` is the user id that guest orders of the token's address have.
    pub fn signed_in(claims: &Claims, as_guest: UserId) -> Self {
        Self {
            user: claims.user,
            as_guest: claims.email_verified.then_some(as_guest),
            person: claims.person(),
            confirmed: claims.email_verified,
            guest: None,
        }
    }

    /// The user ids under which the person's orders are: their own, then the one as a guest.
    pub fn ids(&self) -> impl Iterator<Item = UserId> {
        [self.user].into_iter().chain(self.as_guest)
    }

    /// True if the person has this user id.
    pub fn is(&self, user: UserId) -> bool {
        self.ids().any(|id| id == user)
    }

    /// The address, if the person is signed in with it. A guest's was only typed.
    pub fn own_address(&self) -> Option<OwnAddress<'_>> {
        let address = OwnAddress { email: &self.person.email, confirmed: self.confirmed };
        self.guest.is_none().then_some(address)
    }

    /// Checks that the person proved to read mail at the address.
    ///
    /// # Errors
    /// `email_unverified`.
    pub fn check_confirmed(&self) -> Result<()> {
        if self.confirmed { Ok(()) } else { Err(email_unverified()) }
    }
}

/// What a caller has to open an order: a sign-in, the order's link, or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderAccess {
    /// The caller, if signed in.
    pub purchaser: Option<Purchaser>,
    /// The link, if one was sent. It opens the one order that it names.
    pub link: Option<OrderLink>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SessionId;
    use crate::access::Role;
    use crate::testing::at;

    #[test]
    fn only_a_confirmed_address_has_its_guest_orders() {
        let (user, as_guest) = (UserId::generate(at(0)), UserId::generate(at(1)));
        let claims = |email_verified| Claims {
            user,
            email: "ana@example.com".to_owned(),
            email_verified,
            name: "Ana".to_owned(),
            role: Role::User,
            tenant: None,
            workplaces: Vec::new(),
            operator: false,
            session: SessionId::generate(at(0)),
            auth_time: None,
            amr: Vec::new(),
            iat: 0,
            exp: 900,
            iss: "taquilla".to_owned(),
        };
        let confirmed = Purchaser::signed_in(&claims(true), as_guest);
        assert_eq!(confirmed.ids().collect::<Vec<_>>(), [user, as_guest]);
        assert!(confirmed.is(as_guest) && confirmed.check_confirmed().is_ok());
        let registered = Purchaser::signed_in(&claims(false), as_guest);
        assert_eq!(registered.ids().collect::<Vec<_>>(), [user]);
        assert!(!registered.is(as_guest) && registered.check_confirmed().is_err());
        assert!(registered.own_address().is_some_and(|address| !address.confirmed));

        let trace = GuestTrace { network: "q83vEjRWeJo".to_owned(), phone: None };
        let guest = Purchaser::guest(as_guest, registered.person, trace);
        assert_eq!(guest.ids().collect::<Vec<_>>(), [as_guest]);
        assert!(guest.own_address().is_none() && guest.check_confirmed().is_err());
    }
}
