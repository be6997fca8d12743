//! Replacing the credentials of a gateway account: written once, never readable again.

use aide::axum::ApiRouter;
use aide::axum::routing::put_with;
use boot::SecretText;
use domain::gateway_account::GatewayAccount;
use domain::{Error, Result};
use payments::{CredentialCheck, GatewayError, credentials_name};
use serde_json::Value;
use store::limit::QUARTER;
use store::{Failure, Limit, OnRefused};
use web::{Admin, Answer, Json, Path, Recent, Refuses, Shared};

use crate::form::{EnteredCredentials, field_error};
use crate::view::GatewayView;
use crate::{AccountPath, State, changed_meanwhile, note, unknown};

/// Credential checks of one tenant in a quarter of an hour. More would serve only a thief who tries
/// which stolen credentials are good.
const CHECKS: Limit = Limit::exact("gateway-credentials", 60, QUARTER);

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/tenant/gateways/{id}/credentials",
        put_with(replace, |op| {
            op.id("replaceGatewayCredentials").summary("Enter the credentials of an account").tag("Gateways").description(
                "The gateway is asked whether it takes them, by a call that costs nothing. If it does they are \
                 stored, and can never be read again. They must be of the same account at the gateway as those \
                 before: payments that were made with it are asked about with them. An account at which the operator's \
                 fee was kept (`marketplace`) is not one any more, until the operator says so again. \
                 `credentials_refused` says which one the gateway does not take.",
            )
            .refuses(["gateway_not_found", "changed_meanwhile", "gateway_closing"])
            .refuses(["credentials_refused", "refused_fields", "too_many_tries"])
            .refuses(["payment_gateway_unavailable"])
        }),
    )
}

async fn replace(
    Shared(state): Shared<State>,
    Recent(admin): Recent<Admin>,
    Path(path): Path<AccountPath>,
    Json(EnteredCredentials(credentials)): Json<EnteredCredentials>,
) -> Answer<Json<GatewayView>> {
    let before = state.open_account(&admin, path.id).await?;
    let holder = state.accepted(&before, &credentials).await?;
    let text = SecretText::new(&credentials.to_string());
    let version = state.vault.put(&credentials_name(before.id), &text).await.map_err(|error| {
        Error::unavailable(
            "busy",
            "The credentials could not be stored, and those before still hold. Repeat the request in a moment.",
        )
        .retry_after(5)
        .caused_by(error)
    })?;
    // Only after the secret is stored: the version that an account names always exists.
    let now = state.clock.now();
    let after = GatewayAccount {
        holder,
        credentials_version: Some(version),
        checked_at: Some(now),
        // Who enters them may have them from elsewhere: then the fee would be the organiser's own.
        marketplace: false,
        updated_at: now,
        version: before.version + 1,
        ..before
    };
    match state.store.replace_gateway_account(&after, &note(&admin, &after, "credentials", now)).await {
        Err(refused @ Failure::Refused(_)) => {
            state.drop_without_account(&admin, &after).await?;
            Err(refused)
        }
        other => other,
    }
    .on_refused(changed_meanwhile)?;
    Ok(Json(state.view(after)))
}

impl State {
    /// Asks the gateway whether it takes the credentials; answers with the name of the account's
    /// holder, if the gateway tells it.
    async fn accepted(&self, account: &GatewayAccount, credentials: &Value) -> Result<Option<String>> {
        let gateway = self.gateways.client(account.gateway, account.mode, credentials);
        let gateway =
            gateway.map_err(|bad| Error::refused_fields(bad.into_iter().map(field_error).collect()))?;
        self.store.count(&[CHECKS.of(&[&account.tenant_id.suffix()])], self.clock.now()).await?;
        match gateway.check_credentials().await.map_err(unchecked)? {
            CredentialCheck::Accepted { account } => Ok(account),
            CredentialCheck::Refused(bad) => Err(Error::unprocessable(
                "credentials_refused",
                "The gateway does not take these credentials; see `errors`. Nothing was changed.",
            )
            .with_fields(vec![field_error(bad)])),
        }
    }

    /// Deletes the secret that was just written if the account was deleted at the same moment:
    /// otherwise the secret would stay for ever.
    async fn drop_without_account(&self, admin: &Admin, account: &GatewayAccount) -> Result<()> {
        if self.store.gateway_account(admin.tenant, account.id).await?.is_some() {
            return Ok(());
        }
        if let Err(error) = self.vault.delete(&credentials_name(account.id)).await {
            tracing::error!(account = %account.id, %error, "the credentials of a deleted account stay: delete the secret by hand");
        }
        Err(unknown())
    }
}

/// The error for a gateway that did not decide about the credentials.
fn unchecked(error: GatewayError) -> Error {
    let retry_after = match &error {
        GatewayError::Unavailable { retry_after, .. } => retry_after.map_or(5, |pause| pause.as_secs()),
        _ => 60,
    };
    Error::unavailable(
        "payment_gateway_unavailable",
        "The payment gateway does not say whether it takes these credentials. Nothing was changed; repeat the request in a while.",
    )
    .retry_after(u32::try_from(retry_after.clamp(1, 300)).unwrap_or(300))
    .caused_by(error)
}
