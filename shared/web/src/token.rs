use std::sync::Arc;

use boot::{ConfigError, Env, PublicKey, SigningKey, parse_public_keys};
use domain::access::Claims;
use domain::{Error, Result, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};

/// The `iss` claim of every access token.
pub const ISSUER: &str = "taquilla";

/// Signs access tokens: a JWT with EdDSA (RFC 8037) over Ed25519.
#[derive(Clone)]
pub struct TokenSigner {
    key: Arc<EncodingKey>,
    header: Header,
}

impl TokenSigner {
    /// Signs with `key`.
    pub fn new(key: &SigningKey) -> Self {
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(key.public().id());
        Self { key: Arc::new(EncodingKey::from_ed_der(&key.to_pkcs8())), header }
    }

    /// The signed token.
    pub fn sign(&self, claims: &Claims) -> Result<String> {
        jsonwebtoken::encode(&self.header, claims, &self.key).map_err(Error::internal)
    }
}

/// Verifies access tokens with the public keys in `JWT_PUBLIC_KEYS`.
#[derive(Clone)]
pub struct TokenVerifier {
    keys: Arc<[(String, DecodingKey)]>,
    clock: boot::Clock,
}

impl std::fmt::Debug for TokenVerifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|(id, _)| id)).finish()
    }
}

impl TokenVerifier {
    /// Reads the keys from `JWT_PUBLIC_KEYS`.
    pub fn from_env(env: &Env, clock: boot::Clock) -> Result<Self, ConfigError> {
        Ok(Self::new(&parse_public_keys(env, "JWT_PUBLIC_KEYS")?, clock))
    }

    /// Verifies with `keys`.
    pub fn new(keys: &[PublicKey], clock: boot::Clock) -> Self {
        let keys = keys.iter().map(|key| (key.id(), DecodingKey::from_ed_der(&key.0))).collect();
        Self { keys, clock }
    }

    /// The time by which tokens expire.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The claims of a token that is genuine and not expired.
    pub fn verify(&self, token: &str) -> Result<Claims> {
        self.verify_at(token, self.clock.now())
    }

    fn verify_at(&self, token: &str, now: Timestamp) -> Result<Claims> {
        let refused =
            || Error::unauthenticated("token_invalid", "The access token is not valid. Sign in again.");
        // A token of ours is under 1 KB; anything longer is not worth parsing.
        if token.len() > 4096 {
            return Err(refused());
        }
        let header = jsonwebtoken::decode_header(token).map_err(|error| refused().caused_by(error))?;
        let kid = header.kid.as_deref();
        let (_, key) = self.keys.iter().find(|(id, _)| Some(id.as_str()) == kid).ok_or_else(refused)?;
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["exp", "iss", "sub"]);
        // Expiry is checked below, against our own clock.
        validation.validate_exp = false;
        let claims = jsonwebtoken::decode::<Claims>(token, key, &validation)
            .map_err(|error| refused().caused_by(error))?
            .claims;
        if claims.exp <= now.as_second() {
            return Err(Error::unauthenticated(
                "token_expired",
                "The access token has expired. Refresh it or sign in again.",
            ));
        }
        Ok(claims)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use domain::access::Role;
    use domain::second_factor::Proof;
    use domain::{SessionId, UserId};
    use serde_json::json;

    use super::*;

    #[test]
    fn only_a_genuine_token_in_its_time_passes() {
        let clock = boot::Clock::movable();
        let now = clock.now();
        let [key, other] = ["a", "b"]
            .map(|name| boot::Secret::new(&name.repeat(32)).expect("long enough").signing_key("jwt"));
        let verifier = TokenVerifier::new(&[key.public()], clock.clone());
        let claims = Claims {
            user: UserId::generate(now),
            email: "ana@example.com".to_owned(),
            email_verified: true,
            name: String::new(),
            role: Role::User,
            tenant: None,
            workplaces: Vec::new(),
            operator: false,
            session: SessionId::generate(now),
            auth_time: Some(now.as_second()),
            amr: vec![Proof::Pwd],
            iat: now.as_second(),
            exp: now.as_second() + 900,
            iss: ISSUER.to_owned(),
        };
        let token = TokenSigner::new(&key).sign(&claims).expect("signed");
        assert_eq!(verifier.verify(&token).expect("genuine"), claims);

        let code = |token: &str| verifier.verify(token).expect_err("refused").code();
        assert_eq!(code(&TokenSigner::new(&other).sign(&claims).expect("signed")), "token_invalid");
        let foreign = Claims { iss: "elsewhere".to_owned(), ..claims };
        assert_eq!(code(&TokenSigner::new(&key).sign(&foreign).expect("signed")), "token_invalid");
        let (head, signature) = token.rsplit_once('.').expect("three parts");
        let (header, _) = head.split_once('.').expect("three parts");
        assert_eq!(code(&format!("{header}.e30.{signature}")), "token_invalid");
        assert_eq!(code("nonsense"), "token_invalid");
        clock.advance(Duration::from_secs(901));
        assert_eq!(code(&token), "token_expired");
    }

    /// A token with this header and these claims, signed with the key that verifiers trust.
    fn forged(key: &SigningKey, header: &serde_json::Value, claims: &serde_json::Value) -> String {
        let part = |json: &serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let message = format!("{}.{}", part(header), part(claims));
        let key = EncodingKey::from_ed_der(&key.to_pkcs8());
        let signature =
            jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::EdDSA).expect("signed");
        format!("{message}.{signature}")
    }

    /// Claims of wrong types must open nothing, even if they are signed, nor must extensions
    /// that we do not know pass for checked.
    #[test]
    fn claims_of_other_types_and_unknown_extensions_are_refused() {
        let clock = boot::Clock::movable();
        let now = clock.now();
        let key = boot::Secret::new(&"a".repeat(32)).expect("long enough").signing_key("jwt");
        let verifier = TokenVerifier::new(&[key.public()], clock);
        let header = json!({"typ": "JWT", "alg": "EdDSA", "kid": key.public().id()});
        let claims = json!({
            "sub": UserId::generate(now), "email": "ana@example.com", "name": "", "role": "user",
            "sid": SessionId::generate(now), "iat": now.as_second(), "exp": now.as_second() + 900, "iss": ISSUER,
        });
        let code = |header: &serde_json::Value, claims: &serde_json::Value| {
            verifier.verify(&forged(&key, header, claims)).map_err(|error| error.code())
        };
        assert!(code(&header, &claims).is_ok(), "the token that all others differ from");
        let with = |json: &serde_json::Value, name: &str, value: serde_json::Value| {
            let mut json = json.clone();
            json[name] = value;
            json
        };
        let sub = claims["sub"].clone();
        let changes = [
            ("sub", vec![json!(7), json!([sub]), json!({"id": sub}), json!(null), json!(true), json!("")]),
            (
                "iss",
                vec![
                    json!([ISSUER]),
                    json!([ISSUER, "elsewhere"]),
                    json!({"0": ISSUER}),
                    json!(7),
                    json!(null),
                ],
            ),
            ("aud", vec![json!("elsewhere"), json!(["elsewhere"]), json!({"0": "x"}), json!(7)]),
            ("exp", vec![json!("9999999999"), json!([9_999_999_999_i64]), json!(null), json!(1e300)]),
            ("iat", vec![json!("0"), json!(null)]),
            ("role", vec![json!("root"), json!(["admin"])]),
        ];
        for (name, values) in changes {
            for value in values {
                let changed = with(&claims, name, value);
                assert_eq!(code(&header, &changed), Err("token_invalid"), "{name} {}", changed[name]);
            }
        }
        for crit in [json!(["exp"]), json!(["b64"]), json!([]), json!(["unheard-of"]), json!("b64")] {
            let changed = with(&header, "crit", crit);
            assert_eq!(code(&changed, &claims), Err("token_invalid"), "{changed}");
        }
        let unencoded = with(&with(&header, "crit", json!(["b64"])), "b64", json!(false));
        assert_eq!(code(&unencoded, &claims), Err("token_invalid"));
        for alg in ["none", "HS256", "ES256", "eddsa", ""] {
            assert_eq!(code(&with(&header, "alg", json!(alg)), &claims), Err("token_invalid"), "{alg}");
        }
    }

    #[test]
    fn no_key_is_no_key_at_all() {
        let clock = boot::Clock::movable();
        let key = boot::Secret::new(&"a".repeat(32)).expect("long enough").signing_key("jwt");
        let header = json!({"typ": "JWT", "alg": "HS256", "kid": key.public().id()});
        let claims = json!({"iss": ISSUER, "exp": clock.now().as_second() + 900});
        let verifier = TokenVerifier::new(&[key.public()], clock.clone());
        // Neither an empty text nor the public key is a secret.
        for secret in [&b"0"[..], &key.public().0] {
            let secret = EncodingKey::from_secret(secret).expect("not empty");
            let header = serde_json::from_value(header.clone()).expect("a header");
            let token = jsonwebtoken::encode::<serde_json::Value>(&header, &claims, &secret).expect("signed");
            assert_eq!(verifier.verify(&token).expect_err("refused").code(), "token_invalid");
        }
        assert!(EncodingKey::from_secret(b"").is_err() && DecodingKey::from_secret(b"").is_err());
        let without = TokenVerifier::new(&[], clock);
        let token = forged(&key, &json!({"alg": "EdDSA", "kid": key.public().id()}), &claims);
        assert_eq!(without.verify(&token).expect_err("refused").code(), "token_invalid");
        let env: Env = [("JWT_PUBLIC_KEYS".to_owned(), String::new())].into_iter().collect();
        assert!(TokenVerifier::from_env(&env, boot::Clock::movable()).is_err());
    }
}
