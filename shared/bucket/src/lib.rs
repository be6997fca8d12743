//! Files in a closed S3 bucket. They go straight between the bucket and browsers, with
//! requests that we sign: none passes through a function.
//!
//! Signing is all that is needed here, so this is AWS's own signer without the S3
//! client, which would make a function 3 MB larger and its start slower.

#![warn(missing_docs)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_sigv4::http_request::{
    PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4::SigningParams;
use boot::{Aws, Boot, ConfigError};
use domain::{Error, Result, Timestamp};
use http::Request;
use url::Url;

/// The limit of a call of ours to the bucket.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A bucket; cheap to clone.
#[derive(Clone, Debug)]
pub struct Bucket(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    base: Url,
    aws: Aws,
}

/// A request that the bucket accepts from any sender for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedRequest {
    /// The method.
    pub method: &'static str,
    /// The address.
    pub url: String,
    /// Headers that must be sent as they are.
    pub headers: BTreeMap<String, String>,
}

impl Bucket {
    /// The bucket named in the environment variable `variable`.
    ///
    /// # Errors
    /// If the variable is missing or no name of a bucket.
    pub fn from_env(boot: &Boot, variable: &str) -> std::result::Result<Self, ConfigError> {
        let name = boot.env.required(variable)?;
        let region = boot.aws.region();
        let base = match boot.aws.endpoint() {
            // The local cloud has no name for every bucket.
            Some(endpoint) => format!("{}/{name}/", endpoint.trim_end_matches('/')),
            None => format!("https://{name}.s3.{region}.amazonaws.com/"),
        };
        let base = base.parse().map_err(|_| ConfigError::new(variable, "must be the name of a bucket"))?;
        Ok(Self(Arc::new(Inner { base, aws: boot.aws.clone() })))
    }

    /// Lets a browser store a file under `key` until `lifetime` after `now`. It must
    /// be of just this type and size, and later readers get `headers` with it.
    ///
    /// # Errors
    /// A fault of ours: a header that is none.
    pub fn upload(
        &self,
        key: &str,
        (content_type, size): (&str, u32),
        headers: &[(&str, &str)],
        (now, lifetime): (Timestamp, Duration),
    ) -> Result<SignedRequest> {
        let size = size.to_string();
        let own = [("content-type", content_type), ("content-length", &size)];
        let headers: Vec<(&str, &str)> = own.into_iter().chain(headers.iter().copied()).collect();
        self.sign("PUT", key, &headers, now, lifetime)
    }

    /// A link to the file under `key` that is good until `lifetime` after `now`.
    ///
    /// # Errors
    /// None that a caller could cause.
    pub fn link(&self, key: &str, now: Timestamp, lifetime: Duration) -> Result<String> {
        Ok(self.sign("GET", key, &[], now, lifetime)?.url)
    }

    /// Deletes the file under `key`, if there is one.
    ///
    /// # Errors
    /// If the bucket refuses or does not answer.
    pub async fn delete(&self, key: &str, now: Timestamp) -> Result<()> {
        let signed = self.sign("DELETE", key, &[], now, Duration::from_secs(60))?;
        let status = self.0.aws.send(signed.method, &signed.url, TIMEOUT).await;
        match status.map_err(|error| Error::internal(format!("the bucket does not answer: {error}")))? {
            200..300 => Ok(()),
            status => Err(Error::internal(format!("the bucket answers {status}"))),
        }
    }

    fn sign(
        &self,
        method: &'static str,
        key: &str,
        headers: &[(&str, &str)],
        now: Timestamp,
        lifetime: Duration,
    ) -> Result<SignedRequest> {
        let mut url = self.0.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(key.split('/'));
        }
        // S3 takes paths as they are sent, encoded once and not normalised, and does
        // not ask for a hash of what is uploaded.
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(lifetime);
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        let identity = self.0.aws.credentials().clone().into();
        let parameters = SigningParams::builder()
            .identity(&identity)
            .region(self.0.aws.region())
            .name("s3")
            .time(SystemTime::from(now))
            .settings(settings)
            .build()
            .map_err(Error::internal)?
            .into();
        let request = SignableRequest::new(
            method,
            url.as_str(),
            headers.iter().copied(),
            SignableBody::UnsignedPayload,
        )
        .map_err(Error::internal)?;
        let (instructions, _) = sign(request, &parameters).map_err(Error::internal)?.into_parts();
        let mut signed =
            Request::builder().method(method).uri(url.as_str()).body(()).map_err(Error::internal)?;
        instructions.apply_to_request_http1x(&mut signed);
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Ok(SignedRequest { method, url: signed.uri().to_string(), headers: headers.collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With the credentials, bucket and time of the example in "Authenticating
    /// Requests: Using Query Parameters" of Amazon's S3 API reference.
    fn example() -> (Bucket, Timestamp) {
        let variables = [
            ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
            ("AWS_REGION", "us-east-1"),
            ("FILES_BUCKET", "examplebucket"),
        ];
        let env = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let boot = Boot::new(env.into_iter().collect(), boot::Clock::system()).expect("complete");
        let bucket = Bucket::from_env(&boot, "FILES_BUCKET").expect("complete");
        (bucket, "2013-05-24T00:00:00Z".parse().expect("a time"))
    }

    #[test]
    fn links_are_signed_as_amazons_example_is() {
        let (bucket, now) = example();
        let bucket = Bucket(Arc::new(Inner {
            // The example is older than addresses with regions.
            base: "https://examplebucket.s3.amazonaws.com/".parse().expect("an address"),
            aws: bucket.0.aws.clone(),
        }));
        let link = bucket.link("test.txt", now, Duration::from_secs(86_400)).expect("signed");
        assert!(
            link.ends_with(
                "X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
            ),
            "{link}"
        );
    }

    #[test]
    fn an_upload_is_for_one_type_size_and_name() {
        let (bucket, now) = example();
        let sign = |key: &str, what| {
            let lifetime = (now, Duration::from_secs(60));
            bucket.upload(key, what, &[("cache-control", "no-store")], lifetime).expect("signed")
        };
        let signed = sign("images/a b.png", ("image/png", 10));
        assert!(
            signed.url.starts_with("https://examplebucket.s3.us-east-1.amazonaws.com/images/a%20b.png?"),
            "{}",
            signed.url
        );
        assert!(
            signed.url.contains("X-Amz-SignedHeaders=cache-control%3Bcontent-length%3Bcontent-type%3Bhost"),
            "{}",
            signed.url
        );
        let names: Vec<&str> = signed.headers.keys().map(String::as_str).collect();
        assert_eq!(names, ["cache-control", "content-length", "content-type"]);
        for other in [sign("images/a b.png", ("image/png", 11)), sign("images/a b.jpg", ("image/png", 10))] {
            assert_ne!(other.url, signed.url);
        }
    }
}
