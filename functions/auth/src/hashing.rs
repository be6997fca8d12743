//! Hashes and verifies passwords, on blocking threads so that other requests do not wait.

use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use domain::user::{Password, PasswordHash};
use domain::{Error, Result};

/// The hash that a password is checked against when there is no account: no password
/// has it, and the check is as slow as with a real one.
const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Argon2id with 19 MiB, two passes, one lane: the first choice of OWASP's
/// Password Storage Cheat Sheet that fits the memory of a small function.
fn argon2() -> Result<Argon2<'static>> {
    let params = Params::new(19 * 1024, 2, 1, None).map_err(Error::internal)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// The hash of a new password, with a random salt.
pub(crate) async fn hash(password: Password) -> Result<PasswordHash> {
    blocking(move || {
        let hash = argon2()?.hash_password(password.as_bytes()).map_err(Error::internal)?;
        Ok(PasswordHash(hash.to_string()))
    })
    .await
}

/// True if the password has this hash. Without a hash the check takes as long and
/// answers false.
pub(crate) async fn verify(password: Password, hash: Option<PasswordHash>) -> Result<bool> {
    blocking(move || {
        let text = hash.as_ref().map_or(NOBODYS, |hash| hash.0.as_str());
        match argon2()?.verify_password(password.as_bytes(), text) {
            Ok(()) => Ok(hash.is_some()),
            Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
            Err(error) => Err(Error::internal(error)),
        }
    })
    .await
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(Error::internal)?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_password_has_its_hash() {
        let password = Password::new("tres tristes tigres");
        let hash = hash(password.clone()).await.expect("hashed");
        assert!(verify(password.clone(), Some(hash.clone())).await.expect("checked"));
        assert!(!verify(Password::new("tres tristes tigre"), Some(hash.clone())).await.expect("checked"));
        assert!(!verify(password.clone(), None).await.expect("checked"));
        assert!(verify(password, Some(PasswordHash("nonsense".to_owned()))).await.is_err());
        // The hash for a missing account has the method and cost of a real one, so it is as slow.
        let cost = |phc: &str| phc.rsplitn(3, '$').last().map(str::to_owned);
        assert_eq!(cost(&hash.0), cost(NOBODYS));
        assert_eq!(hash.0.len(), NOBODYS.len());
    }
}
