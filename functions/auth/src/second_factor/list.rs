//! The list of one's factors, and their removal.

use aide::axum::ApiRouter;
use aide::axum::routing::{delete_with, get_with};
use axum::response::NoContent;
use domain::Timestamp;
use domain::second_factor::SecondFactors;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use web::{Answer, Buyer, Json, Path, Recent, Refuses, Shared};

use crate::State;
use crate::passkey::Base64Url;

pub(super) fn routes() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route(
            "/api/v1/auth/me/factors",
            get_with(list, |op| op.id("listFactors").tag("Second factor").summary("One's second factors")),
        )
        .api_route(
            "/api/v1/auth/me/factors/totp",
            delete_with(remove_app, |op| {
                op.id("removeTotp").tag("Second factor").summary("Remove the authenticator app").description(
                    "Needs a session that was opened with a second factor. With the last factor, the recovery \
                     codes end, too.",
                )
                .refuses(["factor_not_found", "second_factor_required", "email_unverified"])
                .refuses(["session_over", "changed_meanwhile"])
            }),
        )
        .api_route(
            "/api/v1/auth/me/factors/passkeys/{id}",
            delete_with(remove_passkey, |op| {
                op.id("removePasskey").tag("Second factor").summary("Remove a passkey").description(
                    "Needs a session that was opened with a second factor. With the last factor, the recovery \
                     codes end, too.",
                )
                .refuses(["factor_not_found", "second_factor_required", "email_unverified"])
                .refuses(["session_over", "changed_meanwhile"])
            }),
        )
}

/// The second factors of an account, without their secrets.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct FactorsView {
    /// When the authenticator app was added. Absent without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    totp_added_at: Option<Timestamp>,
    /// The passkeys, the oldest first.
    passkeys: Vec<PasskeyView>,
    /// How many recovery codes are left.
    recovery_codes_left: usize,
    /// When the recovery codes were made. Absent without any.
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery_codes_made_at: Option<Timestamp>,
}

/// A passkey.
#[derive(Debug, Serialize, JsonSchema)]
struct PasskeyView {
    /// The credential's id, as browsers write it.
    id: String,
    /// The name that the user gave it.
    name: String,
    /// When it was added.
    added_at: Timestamp,
    /// When it was last used to sign in. Absent if never.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_at: Option<Timestamp>,
}

impl From<SecondFactors> for FactorsView {
    fn from(factors: SecondFactors) -> Self {
        let passkeys = factors.passkeys.into_iter().map(|passkey| PasskeyView {
            id: passkey.id,
            name: passkey.name,
            added_at: passkey.added_at,
            last_used_at: passkey.last_used_at,
        });
        Self {
            totp_added_at: factors.app.map(|app| app.added_at),
            passkeys: passkeys.collect(),
            recovery_codes_left: factors.recovery.len(),
            recovery_codes_made_at: factors.recovery_made_at,
        }
    }
}

async fn list(Shared(state): Shared<State>, buyer: Buyer) -> Answer<Json<FactorsView>> {
    Ok(Json(state.store.second_factors(buyer.user).await?.into()))
}

async fn remove_app(Shared(state): Shared<State>, Recent(buyer): Recent<Buyer>) -> Answer<NoContent> {
    let now = state.clock.now();
    state.may_change_factors(&buyer, now).await?;
    state.store.change_factors(buyer.user, now, SecondFactors::remove_app).await?;
    Ok(NoContent)
}

#[derive(Deserialize, JsonSchema)]
struct PasskeyPath {
    /// The credential's id.
    id: Base64Url,
}

async fn remove_passkey(
    Shared(state): Shared<State>,
    Recent(buyer): Recent<Buyer>,
    Path(PasskeyPath { id }): Path<PasskeyPath>,
) -> Answer<NoContent> {
    let now = state.clock.now();
    state.may_change_factors(&buyer, now).await?;
    state.store.change_factors(buyer.user, now, |factors| factors.remove_passkey(&id.text())).await?;
    Ok(NoContent)
}
