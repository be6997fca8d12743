//! Signatures in a URL (AWS Signature Version 4, query parameters), as browsers
//! use them to put and get objects.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>

use axum::http::{HeaderMap, Method, Uri};
use hmac::{Hmac, KeyInit, Mac};
use jiff::civil::DateTime;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// S3 refuses URLs that are valid for more than a week.
const LONGEST: i64 = 7 * 24 * 3600;
/// The lead that the signer's clock may have.
const SKEW: SignedDuration = SignedDuration::from_mins(15);

/// Why a signed URL is refused: S3's code and message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused(pub(super) &'static str, pub(super) &'static str);

const MALFORMED: Refused = Refused(
    "AuthorizationQueryParametersError",
    "Query-string authentication needs X-Amz-Algorithm, X-Amz-Credential, X-Amz-Date, X-Amz-Expires (1 to \
     604800), X-Amz-SignedHeaders and X-Amz-Signature.",
);
const EXPIRED: Refused = Refused("AccessDenied", "Request has expired");
const NOT_YET: Refused = Refused("AccessDenied", "Request is not valid yet");
const FORGED: Refused = Refused(
    "SignatureDoesNotMatch",
    "The request signature we calculated does not match the signature you provided.",
);

/// True if the request carries its signature in the URL.
pub(super) fn is_presigned(uri: &Uri) -> bool {
    uri.query().is_some_and(|query| query.contains("X-Amz-Signature="))
}

/// Checks the signature and the expiry of a signed URL.
pub(super) fn check(
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    secret_key: &str,
    now: Timestamp,
) -> Result<(), Refused> {
    let query = uri.query().unwrap_or_default();
    let mut pairs: Vec<(&str, &str)> =
        query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, ""))).collect();
    let value = |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);

    if value("X-Amz-Algorithm") != Some("AWS4-HMAC-SHA256") {
        return Err(MALFORMED);
    }
    let date = value("X-Amz-Date").ok_or(MALFORMED)?;
    let signed_at = DateTime::strptime("%Y%m%dT%H%M%SZ", date)
        .and_then(|date| date.to_zoned(TimeZone::UTC))
        .map_err(|_| MALFORMED)?
        .timestamp();
    let life = value("X-Amz-Expires").and_then(|text| text.parse::<i64>().ok()).ok_or(MALFORMED)?;
    if !(1..=LONGEST).contains(&life) {
        return Err(MALFORMED);
    }
    let credential = decode(value("X-Amz-Credential").ok_or(MALFORMED)?);
    let (_, scope) = credential.split_once('/').ok_or(MALFORMED)?;
    let signed_headers = decode(value("X-Amz-SignedHeaders").ok_or(MALFORMED)?);
    let signature = value("X-Amz-Signature").ok_or(MALFORMED)?.to_owned();

    pairs.retain(|(name, _)| *name != "X-Amz-Signature");
    pairs.sort_unstable();
    let canonical_query: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let canonical_headers: String =
        signed_headers.split(';').map(|name| format!("{name}:{}\n", header(headers, name))).collect();
    let canonical = format!(
        "{method}\n{}\n{}\n{canonical_headers}\n{signed_headers}\nUNSIGNED-PAYLOAD",
        uri.path(),
        canonical_query.join("&"),
    );
    let to_sign =
        format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", hex::encode(Sha256::digest(canonical.as_bytes())));
    let first = format!("AWS4{secret_key}").into_bytes();
    let key = scope.split('/').fold(first, |key, part| authenticate(&key, part));
    let expected = hex::encode(authenticate(&key, &to_sign));
    if !bool::from(expected.as_bytes().ct_eq(signature.as_bytes())) {
        return Err(FORGED);
    }
    if now > signed_at + SignedDuration::from_secs(life) {
        return Err(EXPIRED);
    }
    if now + SKEW < signed_at {
        return Err(NOT_YET);
    }
    Ok(())
}

fn authenticate(key: &[u8], message: &str) -> Vec<u8> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn header(headers: &HeaderMap, name: &str) -> String {
    let values: Vec<&str> =
        headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).map(str::trim).collect();
    values.join(",")
}

/// Takes percent-encoding off; what is not valid stays as it is, and then does
/// not match the signature.
pub(super) fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = if *first == b'%' { after.get(..2) } else { None };
        let byte = digits
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
