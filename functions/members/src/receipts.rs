//! Receipts of fee payments. They go straight from the supervisor's page to a
//! closed bucket and back, with requests that we sign.

use std::collections::BTreeMap;
use std::time::Duration;

use boot::{Boot, ConfigError};
use bucket::Bucket;
use domain::error::Fields;
use domain::member::FeePayment;
use domain::{Result, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The largest receipt, in bytes: 10 MB.
const MAX_BYTES: u32 = 10 * 1024 * 1024;
/// For how long an upload stays signed.
const UPLOAD_TIME: Duration = Duration::from_secs(15 * 60);
/// For how long a link to a receipt is good: it names somebody's bank account.
const VIEW_TIME: Duration = Duration::from_secs(5 * 60);

/// Where receipts are kept.
#[derive(Clone, Debug)]
pub(crate) struct Receipts(Bucket);

/// The types of receipts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
enum ReceiptType {
    #[serde(rename = "application/pdf")]
    Pdf,
    #[serde(rename = "image/jpeg")]
    Jpeg,
    #[serde(rename = "image/png")]
    Png,
    #[serde(rename = "image/webp")]
    Webp,
}

impl ReceiptType {
    const fn mime(self) -> &'static str {
        match self {
            Self::Pdf => "application/pdf",
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
        }
    }

    const fn extension(self) -> &'static str {
        match self {
            Self::Pdf => "pdf",
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::Webp => "webp",
        }
    }
}

/// A receipt that is about to be uploaded.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewReceipt {
    /// Its type.
    content_type: ReceiptType,
    /// Its exact size in bytes, at most 10 MB.
    #[schemars(range(min = 1, max = 10_485_760))]
    size: u32,
}

impl NewReceipt {
    /// Notes a size that is not taken.
    pub(crate) fn check(self, fields: &mut Fields) {
        fields.check(
            (1..=MAX_BYTES).contains(&self.size),
            "/receipt/size",
            format!("Must be between 1 and {MAX_BYTES} bytes."),
        );
    }

    /// The key in the bucket of this receipt for a payment. A payment that gets
    /// another one has another version, so no link ever leads to the wrong one.
    pub(crate) fn key(self, payment: &FeePayment) -> String {
        let FeePayment { id, tenant_id, version, .. } = payment;
        format!("receipts/{tenant_id}/{id}-{version}.{}", self.content_type.extension())
    }
}

/// How to upload a receipt.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ReceiptUpload {
    /// The method of the upload.
    method: String,
    /// The address of the upload.
    upload_url: String,
    /// The headers of the upload.
    headers: BTreeMap<String, String>,
    /// Until when the upload is signed.
    expires_at: Timestamp,
}

impl Receipts {
    pub(crate) fn new(boot: &Boot) -> std::result::Result<Self, ConfigError> {
        Ok(Self(Bucket::from_env(boot, "RECEIPTS_BUCKET")?))
    }

    /// Signs the upload of a receipt under `key`.
    pub(crate) fn upload(&self, key: &str, new: NewReceipt, now: Timestamp) -> Result<ReceiptUpload> {
        let signed = self.0.upload(key, (new.content_type.mime(), new.size), &[], (now, UPLOAD_TIME))?;
        Ok(ReceiptUpload {
            method: signed.method.to_owned(),
            upload_url: signed.url,
            headers: signed.headers,
            expires_at: now.checked_add(UPLOAD_TIME).unwrap_or(Timestamp::MAX),
        })
    }

    /// A link to the receipt under `key`, good for five minutes.
    pub(crate) fn link(&self, key: &str, now: Timestamp) -> Result<String> {
        self.0.link(key, now, VIEW_TIME)
    }
}
