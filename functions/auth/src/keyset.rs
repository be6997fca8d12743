use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use boot::PublicKey;
use schemars::JsonSchema;
use serde::Serialize;
use web::{Answer, Cached, Freshness, Shared};

use crate::State;

/// How long clients may cache the keys: one hour. A new key is published that long before
/// the first token is signed with it.
const KEEP_SECONDS: u32 = 3600;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/.well-known/jwks.json",
        get_with(show, |op| {
            op.id("showKeySet").tag("Auth").summary("The public keys of access tokens").description(
                "A JSON Web Key Set (RFC 7517) of Ed25519 keys (RFC 8037), with which anybody can verify the \
                 access tokens.",
            )
        }),
    )
}

/// A JSON Web Key Set (RFC 7517).
#[derive(Debug, Serialize, JsonSchema)]
struct KeySet {
    /// The keys; the first is the one that signs.
    keys: Vec<Key>,
}

/// The public key of a pair that signs, or signed, access tokens.
#[derive(Debug, Serialize, JsonSchema)]
struct Key {
    /// Always `OKP`: an octet key pair.
    kty: &'static str,
    /// Always `Ed25519`.
    crv: &'static str,
    /// The 32 bytes of the public key, in base64url.
    x: String,
    /// The key's id, as in the header of the tokens that it signed.
    kid: String,
    /// Always `sig`: it is for signatures.
    #[serde(rename = "use")]
    purpose: &'static str,
    /// Always `EdDSA`.
    alg: &'static str,
}

impl From<&PublicKey> for Key {
    fn from(key: &PublicKey) -> Self {
        let x = URL_SAFE_NO_PAD.encode(key.0);
        Self { kty: "OKP", crv: "Ed25519", x, kid: key.id(), purpose: "sig", alg: "EdDSA" }
    }
}

async fn show(Shared(state): Shared<State>, freshness: Freshness) -> Answer<Cached<KeySet>> {
    let set = KeySet { keys: state.public_keys.iter().map(Key::from).collect() };
    Cached::public(&set, KEEP_SECONDS, &freshness)
}
