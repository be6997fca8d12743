//! What authenticators write: their data (WebAuthn, section 6.1) and public keys (COSE, RFC 9052).

use ciborium::Value;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};

/// Flags of the authenticator's data.
const USER_PRESENT: u8 = 1;
const BACKUP_ELIGIBLE: u8 = 1 << 3;
const BACKED_UP: u8 = 1 << 4;
const HAS_CREDENTIAL: u8 = 1 << 6;
const HAS_EXTENSIONS: u8 = 1 << 7;

/// The longest id of a credential (section 5.8.3).
const MAX_ID: usize = 1023;

/// The signed data of an authenticator.
pub(super) struct AuthenticatorData<'a> {
    /// The SHA-256 of the site that the browser named.
    pub(super) site_hash: &'a [u8],
    flags: u8,
    /// How many signatures it made; 0 if it does not count.
    pub(super) counter: u32,
    /// Id and public key of a new credential.
    pub(super) credential: Option<(&'a [u8], &'a [u8])>,
}

impl<'a> AuthenticatorData<'a> {
    /// Reads all of `bytes`; `None` if they are anything else.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (site_hash, rest) = bytes.split_at_checked(32)?;
        let (flags, rest) = rest.split_first()?;
        let (counter, mut rest) = rest.split_first_chunk::<4>()?;
        let mut credential = None;
        if flags & HAS_CREDENTIAL != 0 {
            let (_model, after) = rest.split_at_checked(16)?;
            let (length, after) = after.split_first_chunk::<2>()?;
            let length = usize::from(u16::from_be_bytes(*length));
            let (id, after) = after.split_at_checked(length).filter(|_| length <= MAX_ID)?;
            let (key, after) = cbor(after)?;
            (credential, rest) = (Some((id, key)), after);
        }
        if flags & HAS_EXTENSIONS != 0 {
            (_, rest) = cbor(rest)?;
        }
        let counter = u32::from_be_bytes(*counter);
        rest.is_empty().then_some(Self { site_hash, flags: *flags, counter, credential })
    }

    /// True if somebody touched the authenticator, and what it says of backups can be true.
    pub(super) fn is_sound(&self) -> bool {
        let is_impossible = self.flags & BACKED_UP != 0 && self.flags & BACKUP_ELIGIBLE == 0;
        self.flags & USER_PRESENT != 0 && !is_impossible
    }
}

/// Splits the first CBOR value off.
fn cbor(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut rest = bytes;
    ciborium::from_reader::<Value, _>(&mut rest).ok()?;
    bytes.split_at_checked(bytes.len() - rest.len())
}

/// The data in an attestation object. Its statement about the make of the authenticator is not
/// asked for and proves nothing here.
pub(super) fn attested(object: &[u8]) -> Option<Vec<u8>> {
    let mut rest = object;
    let Value::Map(fields) = ciborium::from_reader(&mut rest).ok()? else { return None };
    let data = fields.into_iter().find(|(name, _)| name.as_text() == Some("authData"));
    data.filter(|_| rest.is_empty())?.1.into_bytes().ok()
}

/// The algorithms that keys may have, by their COSE numbers, the best first: ECDSA on P-256, Ed25519,
/// and RSA for Windows.
pub(super) const ALGORITHMS: [i64; 3] = [-7, -8, -257];

/// A public key of a passkey.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Key {
    Es256([u8; 65]),
    EdDsa([u8; 32]),
    Rs256 { n: Vec<u8>, e: Vec<u8> },
}

impl Key {
    /// Reads a COSE key of one of [`ALGORITHMS`].
    pub(super) fn parse(cose: &[u8]) -> Option<Self> {
        let Value::Map(fields) = ciborium::from_reader(cose).ok()? else { return None };
        let field = |label: i64| {
            let found = fields.iter().find(|(name, _)| name.as_integer() == Some(label.into()));
            found.map(|(_, value)| value)
        };
        let number = |label| field(label)?.as_integer().and_then(|number| i64::try_from(number).ok());
        let bytes = |label| field(label)?.as_bytes().cloned();
        match (number(1)?, number(3)?, number(-1)) {
            // An elliptic curve, ES256, P-256: a point with both coordinates.
            (2, -7, Some(1)) => {
                let [x, y] = [bytes(-2)?, bytes(-3)?].map(<[u8; 32]>::try_from);
                let point = [&[4][..], &x.ok()?, &y.ok()?].concat();
                point.try_into().ok().map(Self::Es256)
            }
            // An octet pair, EdDSA, Ed25519.
            (1, -8, Some(6)) => bytes(-2)?.try_into().ok().map(Self::EdDsa),
            // RSA, PKCS #1 with SHA-256: its -1 is the modulus.
            (3, -257, _) => Some(Self::Rs256 { n: bytes(-1)?, e: bytes(-2)? }),
            _ => None,
        }
    }

    /// True if `signature` is this key's for `message`.
    pub(super) fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let result = match self {
            Self::Es256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).verify(message, signature)
            }
            Self::EdDsa(key) => UnparsedPublicKey::new(&ED25519, key).verify(message, signature),
            Self::Rs256 { n, e } => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            }
        };
        result.is_ok()
    }
}
