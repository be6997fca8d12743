//! The organiser's logo.

use aide::axum::ApiRouter;
use aide::axum::routing::post_with;
use axum::response::NoContent;
use domain::tenant::Tenant;
use domain::{Error, ImageId, Result, TenantId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{Once, was_done};
use web::{Admin, Answer, Created, IdempotencyKey, Json, Refuses, Shared};

use crate::State;
use crate::pictures::{ImageType, NewFile, Owner, SignedUpload, key};

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/tenant/logo",
        post_with(create, |op| {
            op.id("createLogo")
                .summary("Give the organiser a logo")
                .tag("Organisers")
                .description(
                    "Answers with a signed request: send the picture's bytes with exactly that method, address and \
                     headers within 15 minutes. It takes the place of the logo before, whose file stays, because mails \
                     and pages that were sent name it.",
                )
                .refuses(["changed_meanwhile"])
        })
        .delete_with(delete, |op| {
            op.id("deleteLogo")
                .summary("Remove the organiser's logo")
                .tag("Organisers")
                .description("Deletes its file, too. Repeating the request changes nothing.")
                .refuses(["changed_meanwhile"])
        }),
    )
}

/// The largest logo, in bytes: 1 MB.
const MAX_BYTES: u32 = 1024 * 1024;
/// How often a change is tried while others change the organiser.
const ATTEMPTS: usize = 8;

/// A logo that is about to be uploaded.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewLogo {
    /// The media type of the file.
    content_type: ImageType,
    /// The exact size of the file in bytes, at most 1 MB.
    #[schemars(range(min = 1, max = 1_048_576))]
    size: u32,
}

/// A logo and how to upload it.
#[derive(Debug, Serialize, JsonSchema)]
struct LogoUpload {
    /// The address of the logo, which shows it once it is uploaded.
    logo: String,
    #[serde(flatten)]
    upload: SignedUpload,
}

async fn create(
    Shared(state): Shared<State>,
    admin: Admin,
    IdempotencyKey(id_key): IdempotencyKey,
    Json(new): Json<NewLogo>,
) -> Answer<Created<LogoUpload>> {
    let now = state.clock.now();
    let once = Once { user: admin.user, route: "POST /api/v1/tenant/logo", key: id_key.as_deref() };
    let file = NewFile { content_type: new.content_type, size: new.size };
    let create = |id: domain::RequestId| {
        let (image, owner) = (ImageId::from_uuid(id.uuid()), Owner::Tenant(admin.tenant));
        let logo = state.images.url(&key(owner, image, new.content_type));
        let state = &state;
        async move {
            file.check(MAX_BYTES)?;
            state.change_logo(admin.tenant, Some(&logo)).await?;
            Ok(logo)
        }
    };
    let logo: String = state.store.once(once, &(admin.tenant, &new), now, create).await?;
    // Signed again at every retry: a stored signature would expire too soon.
    let upload = state.images.sign(&logo, file, now)?;
    Ok(Created(LogoUpload { logo, upload }))
}

async fn delete(Shared(state): Shared<State>, admin: Admin) -> Answer<NoContent> {
    state.delete_logo(admin.tenant, state.clock.now()).await?;
    Ok(NoContent)
}

impl State {
    async fn delete_logo(&self, tenant: TenantId, now: Timestamp) -> Result<()> {
        // The file first: once the organiser no longer names it, a retry would not find it.
        if let Some(logo) = self.tenant(tenant).await?.logo {
            self.images.delete(&logo, now).await?;
        }
        self.change_logo(tenant, None).await
    }

    /// Sets the logo, again from the start if another request changed the organiser first.
    async fn change_logo(&self, tenant: TenantId, logo: Option<&str>) -> Result<()> {
        for _ in 0..ATTEMPTS {
            let before = self.tenant(tenant).await?;
            if before.logo.as_deref() == logo {
                return Ok(());
            }
            let logo = logo.map(str::to_owned);
            let after = Tenant { logo, version: before.version + 1, ..before };
            if was_done(self.store.replace_tenant(&after).await)? {
                return Ok(());
            }
        }
        Err(Error::changed_meanwhile())
    }
}
