//! Pictures of events. The organiser's page sends them straight to the bucket, with a
//! request that this function signs: no picture passes through a function.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aide::OperationOutput;
use aide::axum::ApiRouter;
use aide::axum::routing::{delete_with, get_with, post_with};
use aide::generate::GenContext;
use aide::openapi::{Operation, Response as ApiResponse};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, NoContent, Response};
use boot::{Boot, ConfigError};
use bucket::Bucket;
use domain::error::Fields;
use domain::event::{Event, EventImage, ImageKind};
use domain::{Error, EventId, ImageId, Result, TenantId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{Once, StoredEvent, was_done};
use web::{Answer, Created, EventPath, IdempotencyKey, Json, Organizer, Path, Refuses, Shared};

use crate::State;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route(
            "/api/v1/events/{id}/images",
            post_with(create, |op| {
                op.id("createImage").summary("Add a picture to an event").tag("Events").description(
                    "Answers with a signed request: send the picture's bytes with exactly that method, address and \
                     headers within 15 minutes.",
                )
                .refuses(["event_not_found", "changed_meanwhile", "too_many_images"])
            }),
        )
        .api_route(
            "/api/v1/events/{id}/images/{image}",
            delete_with(delete, |op| {
                op.id("deleteImage")
                    .summary("Remove a picture from an event")
                    .tag("Events")
                    .refuses(["event_not_found", "image_not_found", "changed_meanwhile"])
            }),
        )
        .api_route(
            "/images/{event}/{file}",
            get_with(show, |op| {
                op.id("showImage").summary("Show a picture").tag("Storefront").description(
                    "Leads to where the picture is, for an hour. This is the address that events name for it.",
                )
                .refuses(["image_not_found"])
            }),
        )
}

/// The most pictures of one event.
const MAX_IMAGES: usize = 12;
/// The largest picture, in bytes: 8 MB.
const MAX_BYTES: u32 = 8 * 1024 * 1024;
/// How long a signed upload is valid.
const UPLOAD_TIME: Duration = Duration::from_secs(15 * 60);
/// How long the signed address of a picture in the bucket is valid.
const VIEW_TIME: Duration = Duration::from_secs(60 * 60);
/// How long caches may keep that address, in seconds: shorter than it is valid, or they
/// would hand it out when it is about to expire.
const VIEW_SECONDS: u32 = 45 * 60;
/// How often a change is tried when a page adds several pictures at the same moment.
const ATTEMPTS: usize = 8;

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

    fn url(&self, key: &str) -> String {
        format!("{}/{key}", self.public_url)
    }

    /// The key in the bucket of what is shown at `url`.
    fn key<'a>(&self, url: &'a str) -> Option<&'a str> {
        url.strip_prefix(&*self.public_url)?.strip_prefix('/')
    }
}

/// The media type of a picture, of the types that browsers show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
enum ImageType {
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

/// The key of a picture in the bucket, and its path below the public address.
fn key(event: EventId, image: ImageId, kind: ImageType) -> String {
    format!("images/{event}/{image}.{}", kind.extension())
}

/// `/images/{event}/{file}`.
#[derive(Debug, Deserialize, JsonSchema)]
struct FilePath {
    /// The event's id.
    event: EventId,
    /// The picture's id with an extension: `jpg`, `png` or `webp`.
    file: String,
}

impl FilePath {
    /// The key of the picture, if this can be one.
    fn key(&self) -> Option<String> {
        let (image, extension) = self.file.split_once('.')?;
        Some(key(self.event, image.parse().ok()?, ImageType::of_extension(extension)?))
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

/// A picture that is about to be uploaded.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewImage {
    /// The use of the picture.
    kind: ImageKind,
    /// The media type of the file.
    content_type: ImageType,
    /// The exact size of the file in bytes, at most 8 MB.
    #[schemars(range(min = 1, max = 8_388_608))]
    size: u32,
}

/// A picture and how to upload it.
#[derive(Debug, Serialize, JsonSchema)]
struct ImageUpload {
    /// The picture. Its address shows it once it is uploaded.
    image: EventImage,
    /// The HTTP method of the upload.
    method: String,
    /// The address of the upload.
    upload_url: String,
    /// The headers of the upload, which must be sent exactly as they are.
    headers: BTreeMap<String, String>,
    /// When the signed upload expires: after 15 minutes.
    expires_at: Timestamp,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct ImagePath {
    /// The event's id.
    id: EventId,
    /// The picture's id.
    image: ImageId,
}

async fn create(
    Shared(state): Shared<State>,
    organizer: Organizer,
    Path(path): Path<EventPath>,
    IdempotencyKey(key): IdempotencyKey,
    Json(new): Json<NewImage>,
) -> Answer<Created<ImageUpload>> {
    let now = state.clock.now();
    let route = "POST /api/v1/events/{id}/images";
    let once = Once { user: organizer.user, route, key: key.as_deref() };
    let request = (path.id, &new);
    let create = |id: domain::RequestId| {
        let id = ImageId::from_uuid(id.uuid());
        state.add_image(organizer.tenant, path.id, id, &new, now)
    };
    let image = state.store.once(once, &request, now, create).await?;
    // Signed again at every retry: a stored signature would expire too soon.
    Ok(Created(state.sign_upload(image, &new, now)?))
}

async fn delete(
    Shared(state): Shared<State>,
    organizer: Organizer,
    Path(path): Path<ImagePath>,
) -> Answer<NoContent> {
    let now = state.clock.now();
    let sheet = state.sheet(organizer.tenant, path.id).await?;
    let image = sheet.event.images.iter().find(|image| image.id == path.image);
    let image = image.ok_or_else(|| Error::not_found("image_not_found", "The event has no such picture."))?;
    // The file is deleted first: once the event no longer names it, a retry would not find the
    // picture, and its address would still show it.
    if let Some(key) = state.images.key(&image.url) {
        state.images.bucket.delete(key, now).await.map_err(|error| {
            Error::unavailable("busy", "The picture could not be deleted. Repeat the request in a moment.")
                .retry_after(5)
                .caused_by(error)
        })?;
    }
    state
        .change_images(organizer.tenant, path.id, now, |images| {
            images.retain(|image| image.id != path.image);
            Ok(())
        })
        .await?;
    Ok(NoContent)
}

/// Redirects to a signed address, because the bucket itself is private.
async fn show(Shared(state): Shared<State>, Path(path): Path<FilePath>) -> Answer<ImageRedirect> {
    let key = path.key().ok_or_else(|| Error::not_found("image_not_found", "There is no such picture."))?;
    Ok(ImageRedirect { to: state.images.bucket.link(&key, state.clock.now(), VIEW_TIME)? })
}

impl State {
    async fn add_image(
        &self,
        tenant: TenantId,
        event: EventId,
        id: ImageId,
        new: &NewImage,
        now: Timestamp,
    ) -> Result<EventImage> {
        Fields::new()
            .check(
                (1..=MAX_BYTES).contains(&new.size),
                "/size",
                format!("Must be between 1 and {MAX_BYTES} bytes."),
            )
            .finish()?;
        let url = self.images.url(&key(event, id, new.content_type));
        let image = EventImage { id, kind: new.kind, url };
        self.change_images(tenant, event, now, |images| {
            if images.iter().any(|image| image.id == id) {
                return Ok(());
            }
            if images.len() >= MAX_IMAGES {
                return Err(Error::conflict(
                    "too_many_images",
                    format!("An event has at most {MAX_IMAGES} pictures. Delete one first."),
                ));
            }
            images.push(image.clone());
            Ok(())
        })
        .await?;
        Ok(image)
    }

    /// Applies `change` to the pictures of the event, again from the start if another request
    /// changed the event first.
    async fn change_images(
        &self,
        tenant: TenantId,
        event: EventId,
        now: Timestamp,
        mut change: impl FnMut(&mut Vec<EventImage>) -> Result<()>,
    ) -> Result<()> {
        for _ in 0..ATTEMPTS {
            let before: StoredEvent = self.sheet(tenant, event).await?;
            let mut images = before.event.images.clone();
            change(&mut images)?;
            if images == before.event.images {
                return Ok(());
            }
            let version = before.event.version + 1;
            let after = Event { images, updated_at: now, version, ..before.event.clone() };
            if was_done(self.store.update_event(&before, &after).await)? {
                return Ok(());
            }
        }
        Err(Error::changed_meanwhile())
    }

    fn sign_upload(&self, image: EventImage, new: &NewImage, now: Timestamp) -> Result<ImageUpload> {
        let key = self.images.key(&image.url).unwrap_or_default();
        let signed = self.images.bucket.upload(
            key,
            (new.content_type.mime(), new.size),
            &[("cache-control", "public, max-age=31536000, immutable")],
            (now, UPLOAD_TIME),
        )?;
        Ok(ImageUpload {
            method: signed.method.to_owned(),
            upload_url: signed.url,
            headers: signed.headers,
            expires_at: now.checked_add(UPLOAD_TIME).unwrap_or(Timestamp::MAX),
            image,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_possible_file_names_have_a_key() {
        let (event, image) =
            (EventId::generate(Timestamp::UNIX_EPOCH), ImageId::generate(Timestamp::UNIX_EPOCH));
        let path = |file: String| FilePath { event, file };
        assert_eq!(path(format!("{image}.webp")).key(), Some(key(event, image, ImageType::Webp)));
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
}
