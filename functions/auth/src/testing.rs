//! For tests: a software authenticator with the browser in front of it, which has one passkey on P-256.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ciborium::{Value as Cbor, cbor};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

/// An authenticator that counts its signatures.
pub struct Authenticator {
    key: EcdsaKeyPair,
    id: Vec<u8>,
    /// The last count.
    pub counter: u32,
    /// The origin of the page that asks.
    pub origin: String,
}

impl Authenticator {
    /// An authenticator on which pages of `origin` ask for a passkey with the id `id`.
    pub fn new(id: u8, origin: &str) -> Self {
        let (random, algorithm) = (SystemRandom::new(), &ECDSA_P256_SHA256_ASN1_SIGNING);
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("a key");
        let key = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).expect("a key");
        Self { key, id: vec![id; 20], counter: 0, origin: origin.to_owned() }
    }

    /// The id of its passkey, as browsers write it.
    pub fn id(&self) -> String {
        URL_SAFE_NO_PAD.encode(&self.id)
    }

    /// What `navigator.credentials.create` gives for these options.
    pub fn create(&mut self, options: &Value) -> Value {
        let (x, y) = self.key.public_key().as_ref()[1..].split_at(32);
        let key =
            cbor!({1 => 2, 3 => -7, -1 => 1, -2 => Cbor::Bytes(x.to_vec()), -3 => Cbor::Bytes(y.to_vec())});
        let mut bytes = Vec::new();
        ciborium::into_writer(&key.expect("a map"), &mut bytes).expect("written");
        let length = u16::try_from(self.id.len()).expect("short").to_be_bytes();
        let credential = [&[0; 16][..], &length, &self.id, &bytes].concat();
        let data = self.data(text(&options["rp"]["id"]), 0x41, &credential);
        let object = cbor!({"fmt" => "none", "attStmt" => {}, "authData" => Cbor::Bytes(data)});
        let mut attestation = Vec::new();
        ciborium::into_writer(&object.expect("a map"), &mut attestation).expect("written");
        let client = self.client("webauthn.create", options);
        json!({"id": self.id(), "rawId": self.id(), "type": "public-key", "clientExtensionResults": {}, "response": {
            "clientDataJSON": URL_SAFE_NO_PAD.encode(client),
            "attestationObject": URL_SAFE_NO_PAD.encode(attestation),
            "transports": ["internal"],
        }})
    }

    /// What `navigator.credentials.get` gives for these options.
    pub fn get(&mut self, options: &Value) -> Value {
        let allowed = options["allowCredentials"].as_array().expect("passkeys");
        assert!(allowed.iter().any(|passkey| passkey["id"] == self.id()), "{options}");
        let data = self.data(text(&options["rpId"]), 0x01, &[]);
        let client = self.client("webauthn.get", options);
        let message = [&data[..], digest(&SHA256, client.as_bytes()).as_ref()].concat();
        let signature = self.key.sign(&SystemRandom::new(), &message).expect("signed");
        json!({"id": self.id(), "rawId": self.id(), "type": "public-key", "clientExtensionResults": {}, "response": {
            "clientDataJSON": URL_SAFE_NO_PAD.encode(client),
            "authenticatorData": URL_SAFE_NO_PAD.encode(data),
            "signature": URL_SAFE_NO_PAD.encode(signature),
            "userHandle": null,
        }})
    }

    fn data(&mut self, site: &str, flags: u8, credential: &[u8]) -> Vec<u8> {
        self.counter += 1;
        let counter = self.counter.to_be_bytes();
        [digest(&SHA256, site.as_bytes()).as_ref(), &[flags], &counter, credential].concat()
    }

    fn client(&self, ceremony: &str, options: &Value) -> String {
        let challenge = &options["challenge"];
        json!({"type": ceremony, "challenge": challenge, "origin": self.origin, "crossOrigin": false})
            .to_string()
    }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}
