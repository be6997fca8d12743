//! Mercado Pago's `x-signature`.

use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderName, HeaderValue};
use sha2::Sha256;

use crate::WebhookRefused;

/// The header that carries a notification's signature.
pub const SIGNATURE_HEADER: HeaderName = HeaderName::from_static("x-signature");

/// The header with the request's id, which is signed along.
pub const REQUEST_ID_HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The text that is signed. A pair without a value is left out with its label.
pub fn manifest(data_id: Option<&str>, request_id: Option<&str>, ts: &str) -> String {
    let mut text = String::new();
    for (label, value) in [("id", data_id), ("request-id", request_id), ("ts", Some(ts))] {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            text.extend([label, ":", value, ";"]);
        }
    }
    text
}

/// The hexadecimal `v1` of a manifest.
pub fn sign(secret: &str, manifest: &str) -> String {
    hex::encode(mac(secret, manifest).finalize().into_bytes())
}

fn mac(secret: &str, manifest: &str) -> Hmac<Sha256> {
    let mut mac =
        <Hmac<Sha256> as KeyInit>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(manifest.as_bytes());
    mac
}

/// The parts of `x-signature`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SignatureHeader<'a> {
    /// The time, as it is written and signed.
    pub(super) ts: &'a str,
    v1: [u8; 32],
}

impl<'a> SignatureHeader<'a> {
    /// Reads the header; `None` if there is none.
    pub(super) fn read(headers: &'a HeaderMap) -> Result<Option<Self>, WebhookRefused> {
        let Some(value) = only(headers, &SIGNATURE_HEADER)? else { return Ok(None) };
        let text = value.to_str().map_err(|_| WebhookRefused::Malformed)?;
        if text.len() > 1024 {
            return Err(WebhookRefused::Malformed);
        }
        let (mut ts, mut v1) = (None, None);
        for part in text.split(',') {
            let (name, value) = part.split_once('=').ok_or(WebhookRefused::Malformed)?;
            let place = match name.trim().to_ascii_lowercase().as_str() {
                "ts" => &mut ts,
                "v1" => &mut v1,
                _ => continue,
            };
            if place.replace(value.trim()).is_some() {
                return Err(WebhookRefused::Malformed);
            }
        }
        let ts = ts.ok_or(WebhookRefused::Malformed)?;
        let mut signature = [0; 32];
        hex::decode_to_slice(v1.ok_or(WebhookRefused::Unsigned)?, &mut signature)
            .map_err(|_| WebhookRefused::Malformed)?;
        Ok(Some(Self { ts, v1: signature }))
    }

    /// True if this is the signature with one of these ids: the documentation has a
    /// resource's id signed in lower case, the vendor's own library as it is. All are
    /// compared, so that the time does not tell which fits.
    pub(super) fn fits(&self, secret: &str, data_ids: &[Option<&str>], request_id: Option<&str>) -> bool {
        let fits = |data_id: &&Option<&str>| {
            mac(secret, &manifest(**data_id, request_id, self.ts)).verify_slice(&self.v1).is_ok()
        };
        data_ids.iter().filter(fits).count() > 0
    }
}

/// The id of the request, if it has one.
pub(super) fn request_id(headers: &HeaderMap) -> Result<Option<&str>, WebhookRefused> {
    only(headers, &REQUEST_ID_HEADER)?
        .map(|value| value.to_str().map_err(|_| WebhookRefused::Malformed))
        .transpose()
}

/// The only value of a header: two would leave open which one is signed.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a HeaderValue>, WebhookRefused> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        _ => Err(WebhookRefused::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: &str) -> Result<Option<String>, WebhookRefused> {
        let headers = HeaderMap::from_iter([(SIGNATURE_HEADER, header.parse().expect("a header"))]);
        SignatureHeader::read(&headers).map(|header| header.map(|header| header.ts.to_owned()))
    }

    #[test]
    fn pairs_without_a_value_are_left_out_of_the_manifest() {
        let all = manifest(Some("1"), Some("r"), "9");
        assert_eq!(all, "id:1;request-id:r;ts:9;");
        assert_eq!(manifest(None, Some("r"), "9"), "request-id:r;ts:9;");
        assert_eq!(manifest(Some(""), Some(""), "9"), "ts:9;");
    }

    #[test]
    fn the_header_is_read_as_the_vendors_library_reads_it() {
        let v1 = "ab".repeat(32);
        for fine in [
            format!("ts=1,v1={v1}"),
            format!(" V1 = {v1} , TS = 1 , v2=x=y"),
            format!("v1={},ts=1", v1.to_uppercase()),
        ] {
            assert_eq!(read(&fine), Ok(Some("1".to_owned())), "{fine}");
        }
        assert_eq!(read("ts=1"), Err(WebhookRefused::Unsigned));
        for wrong in [
            String::new(),
            "nonsense".to_owned(),
            format!("v1={v1}"),
            format!("ts=1,ts=2,v1={v1}"),
            format!("ts=1,v1={v1},v1={v1}"),
            format!("ts=1,v1={}", &v1[2..]),
            format!("ts=1,v1={}", "zz".repeat(32)),
            format!("ts=1,v1={v1},{}", "a=b,".repeat(400)),
        ] {
            assert_eq!(read(&wrong), Err(WebhookRefused::Malformed), "{wrong}");
        }
        assert_eq!(SignatureHeader::read(&HeaderMap::new()), Ok(None));
    }

    #[test]
    fn two_headers_leave_open_which_one_counts() {
        let value = || format!("ts=1,v1={}", "ab".repeat(32)).parse().expect("a header");
        let mut headers = HeaderMap::from_iter([(SIGNATURE_HEADER, value())]);
        headers.append(SIGNATURE_HEADER, value());
        assert_eq!(SignatureHeader::read(&headers), Err(WebhookRefused::Malformed));
        headers.append(REQUEST_ID_HEADER, value());
        headers.append(REQUEST_ID_HEADER, value());
        assert_eq!(request_id(&headers), Err(WebhookRefused::Malformed));
    }
}
