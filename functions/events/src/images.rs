//! Pictures of events.

use aide::axum::ApiRouter;
use aide::axum::routing::{delete_with, post_with};
use axum::response::NoContent;
use domain::event::{Event, EventImage, ImageKind};
use domain::{Error, EventId, ImageId, Result, TenantId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{Once, StoredEvent, was_done};
use web::{Answer, Created, EventPath, IdempotencyKey, Json, Organizer, Path, Refuses, Shared};

use crate::State;
use crate::pictures::{ImageType, NewFile, Owner, SignedUpload, key};

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
}

/// The most pictures of one event.
const MAX_IMAGES: usize = 12;
/// The largest picture, in bytes: 8 MB.
const MAX_BYTES: u32 = 8 * 1024 * 1024;
/// How often a change is tried when a page adds several pictures at the same moment.
const ATTEMPTS: usize = 8;

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
    #[serde(flatten)]
    upload: SignedUpload,
}

impl NewImage {
    const fn file(&self) -> NewFile {
        NewFile { content_type: self.content_type, size: self.size }
    }
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
    let upload = state.images.sign(&image.url, new.file(), now)?;
    Ok(Created(ImageUpload { image, upload }))
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
    state.images.delete(&image.url, now).await?;
    state
        .change_images(organizer.tenant, path.id, now, |images| {
            images.retain(|image| image.id != path.image);
            Ok(())
        })
        .await?;
    Ok(NoContent)
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
        new.file().check(MAX_BYTES)?;
        let url = self.images.url(&key(Owner::Event(event), id, new.content_type));
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
}
