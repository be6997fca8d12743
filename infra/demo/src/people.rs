//! The users of the demo data.

use argon2::{Argon2, PasswordHasher};
use domain::access::Role;
use domain::discount::Reviewer;
use domain::user::{Email, PasswordHash, User};
use domain::{Error, Result, TenantId, Timestamp, UserId};
use futures::future::try_join_all;
use store::{Fingerprints, OnRefused, Store};

use crate::TENANT;
use crate::login::{Login, PASSWORD};

const fn works(role: Role) -> Option<(TenantId, Role)> {
    Some((TENANT, role))
}

/// The address of the first organiser's admin.
pub(super) const ORGANIZER: &str = "organiza@example.com";

/// Logins of the first organiser, and of its buyers.
pub(super) const FIRST: [Login; 5] = [
    Login { email: "ana@example.com", name: "Ana Ejemplo", works: None, does: "buys tickets" },
    Login {
        email: "socia@example.com",
        name: "Sonia Socia",
        works: None,
        does: "belongs to the community, which has discounts",
    },
    Login { email: ORGANIZER, name: "Olga Organiza", works: works(Role::Admin), does: "organises the shows" },
    Login {
        email: "puerta@example.com",
        name: "Pedro Puerta",
        works: works(Role::Scanner),
        does: "scans tickets at the door",
    },
    Login {
        email: "coordina@example.com",
        name: "Coral Coordina",
        works: works(Role::Coordinator),
        does: "looks after members and their discounts",
    },
];

/// Users with free tickets, who sign in by mailed links only.
const GUESTS: [(&str, &str); 3] = [
    ("bruno@example.com", "Bruno Butaca"),
    ("carmen@example.com", "Carmen Candileja"),
    ("dario@example.com", "Darío Decorado"),
];

/// Registers users with confirmed addresses and their roles.
pub(super) async fn register(
    store: &Store,
    fingerprints: &Fingerprints,
    logins: &[Login],
    now: Timestamp,
) -> Result<Vec<User>> {
    // Hashing is slow on purpose: done on a thread of its own, and once, as all share the password.
    let hash = tokio::task::spawn_blocking(hash).await.map_err(Error::internal)??;
    let registered = logins.iter().map(|login| {
        let hash = hash.clone();
        async move {
            let user = User { password_hash: Some(hash), ..person(login.email, login.name, now)? };
            create(store, fingerprints, &user).await?;
            if let Some((tenant, role)) = login.works {
                store.add_staff(tenant, user.id, role, now).await?;
            }
            Ok(user)
        }
    });
    try_join_all(registered).await
}

/// Registers the users with free tickets.
pub(super) async fn invite(store: &Store, fingerprints: &Fingerprints, now: Timestamp) -> Result<Vec<User>> {
    let guests = GUESTS.map(|(email, name)| async move {
        let user = person(email, name, now)?;
        create(store, fingerprints, &user).await?;
        Ok(user)
    });
    try_join_all(guests).await
}

/// The coordinator who looks after the members.
pub(super) async fn supervisor(store: &Store, fingerprints: &Fingerprints) -> Result<UserId> {
    find(store, fingerprints, supervising()?.email).await
}

/// The user who was registered with this address.
pub(super) async fn find(store: &Store, fingerprints: &Fingerprints, email: &str) -> Result<UserId> {
    let address: Email = email.parse().map_err(Error::internal)?;
    let user = store.user_by_email(fingerprints, &address).await?;
    user.map(|user| user.id).ok_or_else(|| Error::internal(format!("{email} has no account")))
}

/// The [`supervisor`] as requests name the person who decided.
pub(super) fn reviewer(user: UserId) -> Result<Reviewer> {
    Ok(Reviewer { user, email: supervising()?.email.to_owned() })
}

fn supervising() -> Result<&'static Login> {
    let login = FIRST.iter().find(|login| login.works == works(Role::Coordinator));
    login.ok_or_else(|| Error::internal("nobody supervises"))
}

fn person(email: &str, name: &str, now: Timestamp) -> Result<User> {
    let email: Email = email.parse().map_err(Error::internal)?;
    Ok(User { name: name.to_owned(), email_verified_at: Some(now), ..User::new(email, now) })
}

async fn create(store: &Store, fingerprints: &Fingerprints, user: &User) -> Result<()> {
    let taken = || Error::conflict("email_taken", format!("{} has an account already", user.email));
    store.create_user(fingerprints, user, None).await.on_refused(taken)
}

/// Argon2id with its default parameters, which registration uses, too.
fn hash() -> Result<PasswordHash> {
    let hash = Argon2::default().hash_password(PASSWORD.as_bytes()).map_err(Error::internal)?;
    Ok(PasswordHash(hash.to_string()))
}
