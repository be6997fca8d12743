//! Files of pictures in the bucket. Organisers' pages send them straight there, with a request that this
//! function signs: no picture passes through a function.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aide::OperationOutput;
use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use aide::generate::GenContext;
use aide::openapi::{Operation, Response as ApiResponse};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use boot::{Boot, ConfigError};
use bucket::Bucket;
use domain::error::Fields;
use domain::{Error, EventId, ImageId, InvalidId, Result, TenantId, Timestamp};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};
use web::{Answer, Path, Refuses, Shared};

use crate::State;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route(
            "/images/{owner}/{file}",
            get_with(show, |op| {
                op.id("showImage").summary("Show a picture").tag("Storefront").description(
                    "Leads to where the picture is, for an hour. This is the address that events and organisers name for it.",
                )
                .refuses(["image_not_found"])
            }),
        )
}

/// How long a signed upload is valid.
const UPLOAD_TIME: Duration = Duration::from_secs(15 * 60);
/// How long the signed address of a picture in the bucket is valid.
const VIEW_TIME: Duration = Duration::from_secs(60 * 60);
/// How long caches may keep that address, in seconds: shorter than it is valid, or they
/// would hand it out when it is about to expire.
const VIEW_SECONDS: u32 = 45 * 60;

/// The bucket with the pictures, and the public address that they are shown below.
#[derive(Clone, Debug)]
pub(crate) struct Images {
    bucket: Bucket,
    public_url: Arc<str>,
}

impl Images {
    pub(crate) fn new(boot: &Boot) -> std::result::Result<Self, ConfigError> {
        Ok(Self { bucket: Bucket::from_env(boot, "IMAGES_BUCKET")?, public_url: boot.env.public_url()? })
    }

    /// The address that shows what has this key.
    pub(crate) fn url(&self, key: &str) -> String {
        format!("{}/{key}", self.public_url)
    }

    /// The key in the bucket of what is shown at `url`.
    fn key<'a>(&self, url: &'a str) -> Option<&'a str> {
        url.strip_prefix(&*self.public_url)?.strip_prefix('/')
    }

    /// Deletes the file that is shown at `url`.
    pub(crate) async fn delete(&self, url: &str, now: Timestamp) -> Result<()> {
        let Some(key) = self.key(url) else { return Ok(()) };
        self.bucket.delete(key, now).await.map_err(|error| {
            Error::unavailable("busy", "The picture could not be deleted. Repeat the request in a moment.")
                .retry_after(5)
                .caused_by(error)
        })
    }

    /// A signed request that uploads a file which is then shown at `url`.
    pub(crate) fn sign(&self, url: &str, file: NewFile, now: Timestamp) -> Result<SignedUpload> {
        let key = self.key(url).unwrap_or_default();
        let signed = self.bucket.upload(
            key,
            (file.content_type.mime(), file.size),
            &[("cache-control", "public, max-age=31536000, immutable")],
            (now, UPLOAD_TIME),
        )?;
        Ok(SignedUpload {
            method: signed.method.to_owned(),
            upload_url: signed.url,
            headers: signed.headers,
            expires_at: now.checked_add(UPLOAD_TIME).unwrap_or(Timestamp::MAX),
        })
    }
}

/// The media type of a picture, of the types that browsers show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) enum ImageType {
    #[serde(rename = "image/jpeg")]
    Jpeg,
    #[serde(rename = "image/png")]
    Png,
    #[serde(rename = "image/webp")]
    Webp,
}

impl ImageType {
    const fn mime(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
        }
    }

    const fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::Webp => "webp",
        }
    }

    fn of_extension(extension: &str) -> Option<Self> {
        [Self::Jpeg, Self::Png, Self::Webp].into_iter().find(|kind| kind.extension() == extension)
    }
}

/// A file that is about to be uploaded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewFile {
    pub(crate) content_type: ImageType,
    /// The exact size in bytes.
    pub(crate) size: u32,
}

impl NewFile {
    /// Checks that the file has at most `most` bytes, and some.
    pub(crate) fn check(self, most: u32) -> Result<()> {
        let detail = format!("Must be between 1 and {most} bytes.");
        Fields::new().check((1..=most).contains(&self.size), "/size", detail).finish()
    }
}

/// The event or organiser that a picture belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    Event(EventId),
    Tenant(TenantId),
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event(event) => event.fmt(f),
            Self::Tenant(tenant) => tenant.fmt(f),
        }
    }
}

impl TryFrom<String> for Owner {
    type Error = InvalidId;

    fn try_from(text: String) -> std::result::Result<Self, InvalidId> {
        match text.parse() {
            Ok(tenant) => Ok(Self::Tenant(tenant)),
            Err(_) => text.parse().map(Self::Event),
        }
    }
}

impl<'de> Deserialize<'de> for Owner {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        Self::try_from(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Owner {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ImageOwner".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": "^(evt|tnt)_[0-7][0-9a-hjkmnp-tv-z]{25}$"})
    }
}

/// The key of a picture in the bucket, and its path below the public address.
pub(crate) fn key(owner: Owner, image: ImageId, kind: ImageType) -> String {
    format!("images/{owner}/{image}.{}", kind.extension())
}

/// `/images/{owner}/{file}`.
#[derive(Debug, Deserialize, JsonSchema)]
struct FilePath {
    /// The id of the event or organiser whose picture it is.
    owner: Owner,
    /// The picture's id with an extension: `jpg`, `png` or `webp`.
    file: String,
}

impl FilePath {
    /// The key of the picture, if this can be one.
    fn key(&self) -> Option<String> {
        let (image, extension) = self.file.split_once('.')?;
        Some(key(self.owner, image.parse().ok()?, ImageType::of_extension(extension)?))
    }
}

/// A redirect to a picture in the bucket.
struct ImageRedirect {
    to: String,
}

impl IntoResponse for ImageRedirect {
    fn into_response(self) -> Response {
        let kept = format!("public, max-age={VIEW_SECONDS}");
        let headers = [(header::LOCATION, self.to), (header::CACHE_CONTROL, kept)];
        (StatusCode::TEMPORARY_REDIRECT, headers).into_response()
    }
}

impl OperationOutput for ImageRedirect {
    type Inner = Self;

    fn operation_response(_: &mut GenContext, _: &mut Operation) -> Option<ApiResponse> {
        Some(ApiResponse { description: "Where the picture is.".to_owned(), ..ApiResponse::default() })
    }

    fn inferred_responses(ctx: &mut GenContext, op: &mut Operation) -> Vec<(Option<u16>, ApiResponse)> {
        Self::operation_response(ctx, op).map(|response| (Some(307), response)).into_iter().collect()
    }
}

/// A signed request that uploads a file.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SignedUpload {
    /// The HTTP method of the upload.
    method: String,
    /// The address of the upload.
    upload_url: String,
    /// The headers of the upload, which must be sent exactly as they are.
    headers: BTreeMap<String, String>,
    /// When the signed upload expires: after 15 minutes.
    expires_at: Timestamp,
}

/// Redirects to a signed address, because the bucket itself is private.
async fn show(Shared(state): Shared<State>, Path(path): Path<FilePath>) -> Answer<ImageRedirect> {
    let key = path.key().ok_or_else(|| Error::not_found("image_not_found", "There is no such picture."))?;
    Ok(ImageRedirect { to: state.images.bucket.link(&key, state.clock.now(), VIEW_TIME)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_possible_file_names_have_a_key() {
        let (event, image) =
            (EventId::generate(Timestamp::UNIX_EPOCH), ImageId::generate(Timestamp::UNIX_EPOCH));
        let owner = Owner::Event(event);
        let path = |file: String| FilePath { owner, file };
        assert_eq!(path(format!("{image}.webp")).key(), Some(key(owner, image, ImageType::Webp)));
        for file in [
            image.to_string(),
            format!("{image}.gif"),
            format!("{event}.png"),
            "..".to_owned(),
            "a/b.png".to_owned(),
        ] {
            assert_eq!(path(file.clone()).key(), None, "{file}");
        }
    }

    #[test]
    fn pictures_belong_to_events_and_organisers() {
        let now = Timestamp::UNIX_EPOCH;
        let (event, tenant) = (EventId::generate(now), TenantId::generate(now));
        for owner in [Owner::Event(event), Owner::Tenant(tenant)] {
            assert_eq!(Owner::try_from(owner.to_string()), Ok(owner));
        }
        for text in [ImageId::generate(now).to_string(), String::new(), "..".to_owned()] {
            assert!(Owner::try_from(text.clone()).is_err(), "{text}");
        }
    }
}
