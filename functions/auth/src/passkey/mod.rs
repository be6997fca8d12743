//! Passkeys: the two ceremonies of WebAuthn (Level 3, sections 7.1 and 7.2), for credentials that are
//! a second factor and whose make does not matter.
//!
//! The formats are read by ciborium and the signatures checked by ring, which TLS needs anyway. What is
//! between them are the comparisons below.

mod authenticator;
mod base64url;
#[cfg(test)]
mod tests;

use boot::ConfigError;
use domain::Result;
use domain::second_factor::{Passkey, SecondFactors, passkey_refused};
use domain::user::User;
use http::Uri;
use ring::digest::{SHA256, digest};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use authenticator::{ALGORITHMS, AuthenticatorData, Key, attested};
pub(crate) use base64url::Base64Url;

/// The site to which passkeys belong: the one at `PUBLIC_URL`, never an organiser's own. A browser
/// uses a passkey for its site alone, so one that was lured elsewhere signs nothing of worth.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    /// Scheme, host and port, as browsers write an origin.
    origin: String,
    /// The host, by which passkeys know the site.
    host: String,
}

/// The kind of credential that WebAuthn knows.
#[derive(Debug, Deserialize, JsonSchema)]
enum CredentialKind {
    /// A key pair, of which the site knows the public half.
    #[serde(rename = "public-key")]
    PublicKey,
}

/// A new passkey, as `PublicKeyCredential.toJSON()` writes it. Further members are ignored.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct NewPasskey {
    /// The credential's id.
    id: Base64Url,
    /// Always `public-key`.
    #[serde(rename = "type")]
    #[expect(dead_code, reason = "serde checks it")]
    kind: CredentialKind,
    /// What browser and authenticator say.
    response: NewPasskeyResponse,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct NewPasskeyResponse {
    /// What the browser did, as JSON.
    #[serde(rename = "clientDataJSON")]
    client_data: Base64Url,
    /// What the authenticator made, as CBOR.
    #[serde(rename = "attestationObject")]
    attestation_object: Base64Url,
}

/// The answer of a passkey, as `PublicKeyCredential.toJSON()` writes it. Further members are ignored.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Assertion {
    /// The credential's id.
    id: Base64Url,
    /// Always `public-key`.
    #[serde(rename = "type")]
    #[expect(dead_code, reason = "serde checks it")]
    kind: CredentialKind,
    /// What browser and authenticator say.
    response: AssertionResponse,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct AssertionResponse {
    /// What the browser did, as JSON.
    #[serde(rename = "clientDataJSON")]
    client_data: Base64Url,
    /// What the authenticator signed.
    #[serde(rename = "authenticatorData")]
    authenticator_data: Base64Url,
    /// Its signature.
    signature: Base64Url,
    /// The user for whom the authenticator keeps the passkey, if it says so.
    #[serde(rename = "userHandle")]
    user_handle: Option<Base64Url>,
}

/// What a browser says of its part in a ceremony (section 5.8.1).
#[derive(Deserialize)]
struct ClientData {
    #[serde(rename = "type")]
    ceremony: String,
    challenge: String,
    origin: String,
    #[serde(default, rename = "crossOrigin")]
    cross_origin: bool,
}

impl Site {
    /// The site at `public_url`.
    pub(crate) fn new(public_url: &str) -> Result<Self, ConfigError> {
        let wrong = || ConfigError::new("PUBLIC_URL", "must be an address such as https://boletas.example");
        let uri: Uri = public_url.parse().map_err(|_| wrong())?;
        let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.host()) else { return Err(wrong()) };
        let host = host.to_ascii_lowercase();
        // Browsers leave out the port that the scheme has anyway.
        let port = uri.port_u16().filter(|port| !matches!((scheme, port), ("https", 443) | ("http", 80)));
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        Ok(Self { origin: format!("{scheme}://{host}{port}"), host })
    }

    /// The host, which apps show as the name of the account's site.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// The options with which a browser makes a passkey: for `navigator.credentials.create`, once
    /// `PublicKeyCredential.parseCreationOptionsFromJSON` has read them.
    pub(crate) fn creation(
        &self,
        user: &User,
        factors: &SecondFactors,
        challenge: &str,
    ) -> Map<String, Value> {
        let name = if user.name.is_empty() { user.email.as_str() } else { user.name.as_str() };
        object(json!({
            "rp": {"id": self.host, "name": self.host},
            "user": {"id": handle(user), "name": user.email.as_str(), "displayName": name},
            "challenge": challenge,
            "pubKeyCredParams": ALGORITHMS.map(|alg| json!({"type": "public-key", "alg": alg})),
            "timeout": 300_000,
            "excludeCredentials": credentials(factors),
            "authenticatorSelection": {"residentKey": "discouraged", "userVerification": "preferred"},
            "attestation": "none",
        }))
    }

    /// The options with which a browser asks for one of the user's passkeys: for
    /// `navigator.credentials.get`, once `PublicKeyCredential.parseRequestOptionsFromJSON` has read them.
    pub(crate) fn request(&self, factors: &SecondFactors, challenge: &str) -> Map<String, Value> {
        object(json!({
            "rpId": self.host,
            "challenge": challenge,
            "timeout": 300_000,
            "allowCredentials": credentials(factors),
            "userVerification": "preferred",
        }))
    }

    /// The id, key and counter of a passkey that was made for `challenge`.
    ///
    /// # Errors
    /// `passkey_refused`.
    pub(crate) fn register(&self, challenge: &str, new: &NewPasskey) -> Result<(String, String, u32)> {
        self.check_client(&new.response.client_data, "webauthn.create", challenge)?;
        let data = attested(&new.response.attestation_object.0).ok_or_else(passkey_refused)?;
        let data = self.check_authenticator(&data)?;
        let (id, key) = data.credential.ok_or_else(passkey_refused)?;
        if id != new.id.0 || Key::parse(key).is_none() {
            return Err(passkey_refused());
        }
        Ok((new.id.text(), Base64Url(key.to_vec()).text(), data.counter))
    }

    /// The id of the user's passkey that answered `challenge`, and its counter.
    ///
    /// # Errors
    /// `passkey_refused`.
    pub(crate) fn check(
        &self,
        challenge: &str,
        user: &User,
        factors: &SecondFactors,
        answer: &Assertion,
    ) -> Result<(String, u32)> {
        let id = answer.id.text();
        let passkey = factors.passkey(&id).ok_or_else(passkey_refused)?;
        let response = &answer.response;
        if response.user_handle.as_ref().is_some_and(|other| other.text() != handle(user)) {
            return Err(passkey_refused());
        }
        self.check_client(&response.client_data, "webauthn.get", challenge)?;
        let signed = &response.authenticator_data.0;
        let data = self.check_authenticator(signed)?;
        let message = [signed, digest(&SHA256, &response.client_data.0).as_ref()].concat();
        let key = stored_key(passkey).ok_or_else(passkey_refused)?;
        if !key.signed(&message, &response.signature.0) {
            return Err(passkey_refused());
        }
        Ok((id, data.counter))
    }

    fn check_client(&self, data: &Base64Url, ceremony: &str, challenge: &str) -> Result<()> {
        let client: ClientData = serde_json::from_slice(&data.0).map_err(|_| passkey_refused())?;
        let is_ours = client.ceremony == ceremony
            && client.challenge == challenge
            && client.origin == self.origin
            && !client.cross_origin;
        if is_ours { Ok(()) } else { Err(passkey_refused()) }
    }

    fn check_authenticator<'a>(&self, data: &'a [u8]) -> Result<AuthenticatorData<'a>> {
        let data = AuthenticatorData::parse(data).ok_or_else(passkey_refused)?;
        let is_ours = data.site_hash == digest(&SHA256, self.host.as_bytes()).as_ref();
        if is_ours && data.is_sound() { Ok(data) } else { Err(passkey_refused()) }
    }
}

fn stored_key(passkey: &Passkey) -> Option<Key> {
    Key::parse(&Base64Url::parse(&passkey.key)?.0)
}

/// The user as authenticators know them: the id, which says nothing of the person.
fn handle(user: &User) -> String {
    Base64Url(user.id.uuid().as_bytes().to_vec()).text()
}

fn credentials(factors: &SecondFactors) -> Vec<Value> {
    factors.passkeys.iter().map(|passkey| json!({"type": "public-key", "id": passkey.id})).collect()
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
