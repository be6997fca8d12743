//! S3: objects in buckets, path style, with presigned URLs for browsers.
//!
//! Written here because the box office uses four operations, and
//! `winterbaume-s3` 1.0 does not look at the signatures and expiries of
//! presigned URLs, which are what the upload of images depends on.

mod objects;
mod presigned;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::header::{self, HeaderName};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use boot::Clock;
use jiff::fmt::rfc2822;
use sha2::{Digest, Sha256};

pub use self::objects::ObjectInfo;
use self::objects::Objects;
use self::presigned::Refused;

/// The largest object that is taken. S3's own limit is far above what the box
/// office stores.
pub(super) const MOST_BYTES: usize = 20 * 1024 * 1024;
/// The longest key, as at S3.
const LONGEST_KEY: usize = 1_024;

/// The local S3. Clones share it.
#[derive(Clone)]
pub struct S3 {
    objects: Objects,
    buckets: Arc<Mutex<BTreeSet<String>>>,
    secret_key: Arc<str>,
    clock: Clock,
}

impl S3 {
    /// Opens the objects under a folder, or in memory.
    pub(super) fn open(folder: Option<PathBuf>, secret_key: &str, clock: Clock) -> std::io::Result<Self> {
        Ok(Self {
            objects: Objects::open(folder)?,
            buckets: Arc::default(),
            secret_key: secret_key.into(),
            clock,
        })
    }

    /// Makes a bucket. Does nothing if it exists.
    ///
    /// # Errors
    /// If the name is not 3 to 63 lower-case letters, digits, dots and hyphens
    /// that begins with a letter or digit, or its folder cannot be made.
    pub(super) async fn create_bucket(&self, name: &str) -> std::io::Result<()> {
        let valid =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-');
        if !(3..=63).contains(&name.len()) || !name.bytes().all(valid) || name.starts_with(['.', '-']) {
            let problem = format!("{name} is not the name of a bucket");
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, problem));
        }
        self.objects.create_bucket(name).await?;
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned());
        Ok(())
    }

    /// An object and its content, if it exists: for those who do not need to be
    /// authorised, as the distribution in front of a bucket.
    ///
    /// # Errors
    /// If its files cannot be read.
    pub async fn object(&self, bucket: &str, key: &str) -> std::io::Result<Option<(ObjectInfo, Bytes)>> {
        match self.has_bucket(bucket) {
            true => self.objects.get(bucket, key).await,
            false => Ok(None),
        }
    }

    fn has_bucket(&self, name: &str) -> bool {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner).contains(name)
    }

    /// Answers one request of the REST protocol.
    pub(super) async fn answer(&self, request: Request) -> Response {
        let origin = request.headers().get(header::ORIGIN).cloned();
        let presigned = presigned::is_presigned(request.uri());
        let mut response = match *request.method() {
            Method::OPTIONS => StatusCode::NO_CONTENT.into_response(),
            _ => self.serve(request).await,
        };
        // A bucket allows any origin here; what protects it is the signature. A
        // preflight carries the query of the request that it asks about.
        if origin.is_some() && presigned {
            let headers = response.headers_mut();
            for (name, value) in [
                (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
                (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, PUT"),
                (header::ACCESS_CONTROL_ALLOW_HEADERS, "*"),
                (header::ACCESS_CONTROL_EXPOSE_HEADERS, "ETag"),
            ] {
                headers.insert(name, HeaderValue::from_static(value));
            }
        }
        response
    }

    async fn serve(&self, request: Request) -> Response {
        let path = presigned::decode(request.uri().path());
        let (bucket, key) = path.trim_start_matches('/').split_once('/').unwrap_or((&path, ""));
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        if let Err(Refused(code, message)) = self.authorise(&request) {
            return error(StatusCode::FORBIDDEN, code, message);
        }
        if !self.has_bucket(&bucket) {
            return error(StatusCode::NOT_FOUND, "NoSuchBucket", "The specified bucket does not exist");
        }
        if key.is_empty() || key.len() > LONGEST_KEY {
            return error(
                StatusCode::NOT_IMPLEMENTED,
                "NotImplemented",
                "The local S3 knows objects with keys of 1 to 1024 bytes, and nothing else.",
            );
        }
        let done = match *request.method() {
            Method::PUT => self.put(&bucket, &key, request).await,
            Method::GET => self.get(&bucket, &key, true).await,
            Method::HEAD => self.get(&bucket, &key, false).await,
            Method::DELETE => {
                self.objects.delete(&bucket, &key).await.map(|()| StatusCode::NO_CONTENT.into_response())
            }
            _ => {
                return error(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", "Not a method of objects.");
            }
        };
        done.unwrap_or_else(|problem| {
            error(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", &problem.to_string())
        })
    }

    /// A signed URL must be good; a signed request is believed, since only
    /// processes on this machine know that there is nobody to fool.
    fn authorise(&self, request: &Request) -> Result<(), Refused> {
        let (uri, headers) = (request.uri(), request.headers());
        if presigned::is_presigned(uri) {
            return presigned::check(request.method(), uri, headers, &self.secret_key, self.clock.now());
        }
        match headers.contains_key(header::AUTHORIZATION) {
            true => Ok(()),
            false => Err(Refused("AccessDenied", "Access Denied")),
        }
    }

    async fn put(&self, bucket: &str, key: &str, request: Request) -> std::io::Result<Response> {
        let (parts, body) = request.into_parts();
        let chunked = parts
            .headers
            .get(HeaderName::from_static("x-amz-content-sha256"))
            .is_some_and(|value| value.as_bytes().starts_with(b"STREAMING-"));
        // Room for the framing of chunks.
        let Ok(content) = axum::body::to_bytes(body, MOST_BYTES + MOST_BYTES / 100).await else {
            return Ok(too_large());
        };
        let content = match chunked {
            false => content,
            true => match unframe(&content) {
                Some(content) => content.into(),
                None => {
                    let problem = "The body is not what its aws-chunked encoding says.";
                    return Ok(error(StatusCode::BAD_REQUEST, "IncompleteBody", problem));
                }
            },
        };
        if content.len() > MOST_BYTES {
            return Ok(too_large());
        }
        if parts.headers.contains_key(header::IF_NONE_MATCH) && self.objects.get(bucket, key).await?.is_some()
        {
            let problem = "At least one of the pre-conditions you specified did not hold";
            return Ok(error(StatusCode::PRECONDITION_FAILED, "PreconditionFailed", problem));
        }
        let etag = hex::encode(&Sha256::digest(&content)[..16]);
        let info = ObjectInfo {
            key: key.to_owned(),
            size: content.len() as u64,
            modified: self.clock.now(),
            etag: etag.clone(),
            headers: kept(&parts.headers),
        };
        self.objects.put(bucket, info, content).await?;
        Ok(([(header::ETAG, format!("\"{etag}\""))], ()).into_response())
    }

    async fn get(&self, bucket: &str, key: &str, with_content: bool) -> std::io::Result<Response> {
        let Some((info, content)) = self.objects.get(bucket, key).await? else {
            return Ok(error(StatusCode::NOT_FOUND, "NoSuchKey", "The specified key does not exist."));
        };
        let mut response = Response::new(if with_content { Body::from(content) } else { Body::empty() });
        let headers = response.headers_mut();
        let modified = rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&info.modified);
        let own = [
            ("content-length".to_owned(), info.size.to_string()),
            ("etag".to_owned(), format!("\"{}\"", info.etag)),
            ("last-modified".to_owned(), modified.unwrap_or_default()),
        ];
        for (name, value) in own.into_iter().chain(info.headers) {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                headers.insert(name, value);
            }
        }
        Ok(response)
    }
}

fn too_large() -> Response {
    let problem = "Your proposed upload exceeds the maximum allowed object size, 20 MB here";
    error(StatusCode::PAYLOAD_TOO_LARGE, "EntityTooLarge", problem)
}

/// The headers that are stored with an object.
fn kept(headers: &HeaderMap) -> Vec<(String, String)> {
    const KEPT: [&str; 5] =
        ["cache-control", "content-disposition", "content-language", "content-type", "content-encoding"];
    headers
        .iter()
        .filter(|(name, _)| KEPT.contains(&name.as_str()) || name.as_str().starts_with("x-amz-meta-"))
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        // This one belongs to the upload, not to the object.
        .filter(|(name, value)| name != "content-encoding" || value != "aws-chunked")
        .collect()
}

/// Takes the `aws-chunked` framing off: each chunk is its size in hexadecimal
/// digits, perhaps a signature, and its bytes; trailers follow a chunk of zero.
fn unframe(body: &[u8]) -> Option<Vec<u8>> {
    let (mut content, mut rest) = (Vec::with_capacity(body.len()), body);
    loop {
        let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
        let line = std::str::from_utf8(&rest[..end]).ok()?;
        let size = usize::from_str_radix(line.split(';').next()?, 16).ok()?;
        rest = &rest[end + 2..];
        if size == 0 {
            return Some(content);
        }
        content.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size..)?.strip_prefix(b"\r\n")?;
    }
}

/// An error in S3's XML. Codes and messages are constants of this module or
/// text without markup.
fn error(status: StatusCode, code: &str, message: &str) -> Response {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    );
    (status, [(header::CONTENT_TYPE, "application/xml")], body).into_response()
}
