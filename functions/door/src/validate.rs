use aide::axum::ApiRouter;
use aide::axum::routing::post_with;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::error::Fields;
use domain::{DeviceId, Error, EventId, Moment, Result, Timestamp, VariantId};
use schemars::JsonSchema;
use serde::Deserialize;
use store::Scan;
use web::{Answer, Door, Json, Refuses, Shared};

use crate::State;
use crate::devices::DeviceSecret;
use crate::judge::{Accepted, CodeKind, Verdict, judge, read, tickets_only};

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/qr/validate",
        post_with(validate, |op| {
            op.id("validateCode").tag("Door").summary("Check a ticket or voucher and use it up").description(
                "Every code that was judged gets a 200, with `result` to go by. The first scan of a valid \
                 ticket admits and uses it up; at a bar, that of a voucher hands its product out, once. What a \
                 scanner does not take (`accepts`, `variants`) is refused as `wrong_kind`, and stays good.",
            )
            .refuses(["device_not_paired", "event_not_found"])
        }),
    )
}

/// The most variants that one scanner names.
const MAX_VARIANTS: usize = 100;

/// A scan at the door.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ValidateRequest {
    /// The text of the QR code, up to 1000 bytes, as a camera or a keyboard scanner gives it. Caps
    /// Lock, another keyboard layout and marks at both ends are undone.
    #[schemars(length(min = 1, max = 1000))]
    code: String,
    /// The id of the event at whose door it is scanned.
    event_id: EventId,
    /// The scan's own name, such as a UUID: sent again by the same person and scanner, it gets the
    /// same verdict instead of "already used". A scanner that is not paired is known by its
    /// session.
    #[serde(default)]
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[!-~]+$"))]
    nonce: Option<String>,
    /// The paired scanner's id; its secret comes in the header `X-Device-Secret`.
    #[serde(default)]
    device_id: Option<DeviceId>,
    /// The kinds of codes that are taken there: `ticket` if missing. At a bar, `voucher`.
    #[serde(default = "tickets_only")]
    #[schemars(length(min = 1, max = 2), extend("uniqueItems" = true))]
    accepts: Vec<CodeKind>,
    /// The ids of the only variants of products that are handed out there. If missing, all.
    #[serde(default)]
    #[schemars(length(min = 1, max = 100))]
    variants: Option<Vec<VariantId>>,
    /// When it was scanned, if not now. Later than now counts as now. It does not change whether
    /// the holder may enter; report past entries to `/door/sync`.
    #[serde(default)]
    scanned_at: Option<Moment>,
}

async fn validate(
    Shared(state): Shared<State>,
    door: Door,
    secret: DeviceSecret,
    Json(request): Json<ValidateRequest>,
) -> Answer<Json<Verdict>> {
    let mut fields = Fields::new();
    check_code(&mut fields, "/code", &request.code);
    check_accepted(&mut fields, &request.accepts, request.variants.as_deref());
    if let Some(nonce) = &request.nonce {
        check_nonce(&mut fields, "/nonce", nonce);
    }
    fields.finish()?;
    let sheet = state.sheet(door.tenant, request.event_id).await?;
    secret.check(&state, door.tenant, request.device_id).await?;
    let now = state.clock.now();
    let scan = Scan {
        nonce: request.nonce.map_or_else(fresh_nonce, Ok)?,
        by: door.user,
        device: request.device_id,
        session: request.device_id.is_none().then_some(door.claims.session),
        at: clamp_scan_time(request.scanned_at.map(Moment::time), sheet.event.created_at, now),
    };
    let accepted = Accepted { kinds: &request.accepts, variants: request.variants.as_deref() };
    Ok(Json(match read(&state, &sheet.event, &request.code, accepted) {
        Ok(code) => judge(&state, &sheet, code, &scan).await?,
        Err(verdict) => *verdict,
    }))
}

pub(crate) fn check_code(fields: &mut Fields, pointer: &str, code: &str) {
    // The first 1000 bytes are enough: a ticket's code has fewer than 300.
    fields.check((1..=1000).contains(&code.len()), pointer, "Must have between 1 and 1000 bytes.");
}

pub(crate) fn check_accepted(fields: &mut Fields, kinds: &[CodeKind], variants: Option<&[VariantId]>) {
    let valid = matches!(kinds, [_]) || matches!(kinds, [one, other] if one != other);
    fields.check(valid, "/accepts", "Must name `ticket`, `voucher` or both.");
    let valid = variants.is_none_or(|variants| (1..=MAX_VARIANTS).contains(&variants.len()));
    fields.check(valid, "/variants", format!("Must have between 1 and {MAX_VARIANTS} variants."));
}

pub(crate) fn check_nonce(fields: &mut Fields, pointer: &str, nonce: &str) {
    let valid = (1..=64).contains(&nonce.len()) && nonce.bytes().all(|byte| byte.is_ascii_graphic());
    fields.check(valid, pointer, "Must be 1 to 64 visible ASCII characters, such as a UUID.");
}

/// The time of a scan by its scanner's clock, limited to the span between `earliest` and `now`.
pub(crate) fn clamp_scan_time(said: Option<Timestamp>, earliest: Timestamp, now: Timestamp) -> Timestamp {
    said.map_or(now, |said| said.max(earliest).min(now))
}

/// A nonce for a request without one: it makes the retries of the table's client the same scan.
fn fresh_nonce() -> Result<String> {
    let mut nonce = [0; 9];
    getrandom::fill(&mut nonce).map_err(Error::internal)?;
    Ok(URL_SAFE_NO_PAD.encode(nonce))
}
