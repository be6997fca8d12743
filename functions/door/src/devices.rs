use aide::OperationInput;
use aide::axum::ApiRouter;
use aide::axum::routing::{delete_with, post_with};
use aide::generate::GenContext;
use aide::openapi::Operation;
use axum::extract::FromRequestParts;
use axum::response::NoContent;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::text::Line;
use domain::{DeviceId, Error, FieldError, Result, TenantId, Timestamp, UserId};
use http::StatusCode;
use http::request::Parts;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use store::{Device, MAX_DEVICES, recount};
use subtle::ConstantTimeEq;
use web::{Answer, Door, Json, Organizer, Page, Path, Problem, Refuses, Shared};

use crate::State;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route(
            "/api/v1/door/devices",
            post_with(pair, |op| {
                op.id("pairDevice")
                    .tag("Door")
                    .summary("Pair a scanner")
                    .description(
                        "The secret is told only now. A scanner that sends it with its scans has them recorded \
                         under its name, until it is removed.",
                    )
                    .response::<201, Json<Paired>>()
                    .refuses(["changed_meanwhile", "too_many_devices"])
            })
            .get_with(list, |op| op.id("listDevices").tag("Door").summary("List the paired scanners")),
        )
        .api_route(
            "/api/v1/door/devices/{id}",
            delete_with(remove, |op| {
                op.id("removeDevice").tag("Door").summary("Remove a scanner").description(
                    "It stops counting as paired within half a minute. The person who scans with it stays \
                     signed in.",
                )
                .refuses(["device_not_found"])
            }),
        )
}

/// Path of `/door/devices/{id}`.
#[derive(Debug, Deserialize, JsonSchema)]
struct DevicePath {
    /// The scanner's id.
    id: DeviceId,
}

/// A scanner to be paired.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PairRequest {
    /// A name for the staff, such as the door where the scanner stands.
    name: Line<1, 60>,
}

/// A scanner that was just paired, with its secret.
#[derive(Debug, Serialize, JsonSchema)]
struct Paired {
    /// The scanner's id.
    device_id: DeviceId,
    /// The name that was given to it.
    name: String,
    /// The scanner's secret, for the header `X-Device-Secret`. Keep it on the scanner; it can not
    /// be read again.
    secret: String,
}

/// A paired scanner.
#[derive(Debug, Serialize, JsonSchema)]
struct PairedDevice {
    /// The scanner's id.
    device_id: DeviceId,
    /// The name that was given to it.
    name: String,
    /// The user id of the organiser's person who paired it.
    paired_by: UserId,
    /// When it was paired.
    paired_at: Timestamp,
}

async fn pair(
    Shared(state): Shared<State>,
    organizer: Organizer,
    Json(request): Json<PairRequest>,
) -> Answer<(StatusCode, Json<Paired>)> {
    if state.store.devices(organizer.tenant).await?.len() >= MAX_DEVICES {
        return Err(too_many().into());
    }
    let mut secret = [0; 24];
    getrandom::fill(&mut secret).map_err(Error::internal)?;
    let secret = URL_SAFE_NO_PAD.encode(secret);
    let now = state.clock.now();
    let device = Device {
        id: DeviceId::generate(now),
        name: request.name.into(),
        secret_hash: hash(&secret),
        paired_by: organizer.user,
        paired_at: now,
    };
    state.store.create_device(organizer.tenant, &device).await?;
    // Another request may have paired a scanner at the same moment.
    let there = || async {
        let devices = state.store.devices_consistent(organizer.tenant).await?;
        Ok(devices.into_iter().map(|device| device.id).collect())
    };
    if !recount::is_within_limit(MAX_DEVICES, &device.id, there).await? {
        state.store.delete_device(organizer.tenant, device.id).await?;
        return Err(too_many().into());
    }
    Ok((StatusCode::CREATED, Json(Paired { device_id: device.id, name: device.name, secret })))
}

fn too_many() -> Error {
    Error::conflict("too_many_devices", "Remove scanners that are not used any more first.")
}

async fn list(Shared(state): Shared<State>, door: Door) -> Answer<Json<Page<PairedDevice>>> {
    let devices = state.store.devices(door.tenant).await?;
    let devices = devices.into_iter().map(|device| PairedDevice {
        device_id: device.id,
        name: device.name,
        paired_by: device.paired_by,
        paired_at: device.paired_at,
    });
    Ok(Json(Page::new(devices.collect(), None)))
}

async fn remove(
    Shared(state): Shared<State>,
    organizer: Organizer,
    Path(path): Path<DevicePath>,
) -> Answer<NoContent> {
    if state.store.device(organizer.tenant, path.id).await?.is_none() {
        return Err(Error::not_found("device_not_found", "There is no such scanner.").into());
    }
    state.store.delete_device(organizer.tenant, path.id).await?;
    Ok(NoContent)
}

/// Digest of a scanner's secret. The secret has 192 random bits, so a plain SHA-256 can not be
/// inverted by guessing.
fn hash(secret: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(secret))
}

/// The header `X-Device-Secret`, with which a paired scanner proves its identity.
#[derive(Debug, Clone)]
pub(crate) struct DeviceSecret(Option<String>);

impl DeviceSecret {
    /// Checks that the scan comes from the scanner `device`; a scan without one passes.
    pub(crate) async fn check(
        &self,
        state: &State,
        tenant: TenantId,
        device: Option<DeviceId>,
    ) -> Result<()> {
        let Some(id) = device else { return Ok(()) };
        let read = || async { Ok(state.store.device(tenant, id).await?) };
        let device = state.devices.get((tenant, id), state.clock.now(), read).await?;
        let proven = match (&device, &self.0) {
            (Some(device), Some(secret)) => {
                bool::from(device.secret_hash.as_bytes().ct_eq(hash(secret).as_bytes()))
            }
            _ => false,
        };
        proven.then_some(()).ok_or_else(|| {
            Error::forbidden(
                "device_not_paired",
                "This scanner is not paired, or was removed. Pair it, send its secret in `X-Device-Secret`, \
                 or leave `device_id` out.",
            )
        })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for DeviceSecret {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get("x-device-secret") else { return Ok(Self(None)) };
        let Some(secret) = web::visible(value) else {
            let detail = "Must be the secret that pairing answered with, unchanged.";
            return Err(Error::fields(vec![FieldError::new("#X-Device-Secret", detail)]).into());
        };
        Ok(Self(Some(secret.to_owned())))
    }
}

impl OperationInput for DeviceSecret {
    fn operation_input(_: &mut GenContext, operation: &mut Operation) {
        let description = "The secret of the paired scanner; needed with `device_id`.";
        web::header_parameter(operation, "X-Device-Secret", description);
    }
}
