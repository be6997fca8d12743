//! Receipts of fee payments. The supervisor's page uploads them straight to a private
//! bucket, and reads them there, with requests that this function signs.

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
/// How long a signed upload is valid.
const UPLOAD_TIME: Duration = Duration::from_secs(15 * 60);
/// How long a link to a receipt is good: short, because the receipt names a bank account.
const VIEW_TIME: Duration = Duration::from_secs(5 * 60);

/// The private bucket with the receipts.
#[derive(Clone, Debug)]
pub(crate) struct Receipts(Bucket);

/// The media type of a receipt.
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
    /// The media type of the file.
    content_type: ReceiptType,
    /// The exact size of the file in bytes, at most 10 MB.
    #[schemars(range(min = 1, max = 10_485_760))]
    size: u32,
}

impl NewReceipt {
    /// Notes a size of 0 bytes or of more than 10 MB.
    pub(crate) fn check(self, fields: &mut Fields) {
        fields.check(
            (1..=MAX_BYTES).contains(&self.size),
            "/receipt/size",
            format!("Must be between 1 and {MAX_BYTES} bytes."),
        );
    }

    /// The key in the bucket of this receipt for a payment. It has the payment's version: a
    /// payment gets another version with another receipt, so no link leads to the wrong one.
    pub(crate) fn key(self, payment: &FeePayment) -> String {
        let FeePayment { id, tenant_id, version, .. } = payment;
        format!("receipts/{tenant_id}/{id}-{version}.{}", self.content_type.extension())
    }
}

/// The signed request with which to upload a receipt.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ReceiptUpload {
    /// The HTTP method of the upload.
    method: String,
    /// The address of the upload.
    upload_url: String,
    /// The headers of the upload, which must be sent exactly as they are.
    headers: BTreeMap<String, String>,
    /// When the signed upload expires: after 15 minutes.
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
