//! The tenant's accounts at payment gateways.

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::response::NoContent;
use domain::error::Fields;
use domain::gateway_account::{GatewayAccount, MAX_GATEWAY_ACCOUNTS, MAX_INSTALLMENTS, MAX_POSITION, Mode};
use domain::payment::GatewayName;
use domain::{Currency, Error, GatewayAccountId, RequestId, Result, Timestamp};
use payments::credentials_name;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{OnRefused, Once};
use web::{Admin, Answer, Created, IdempotencyKey, Json, Page, Path, Recent, Refuses, Shared, based_on};

use crate::view::GatewayView;
use crate::{AccountPath, State, changed_meanwhile, note};

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route(
            "/api/v1/tenant/gateways",
            get_with(list, |op| {
                op.id("listGateways")
                    .summary("List your accounts at payment gateways")
                    .tag("Gateways")
                    .description("All of them, the oldest first.")
            })
            .post_with(create, |op| {
                op.id("createGateway").summary("Add an account at a payment gateway").tag("Gateways").description(
                    "It takes payments once it has credentials. Enter its webhook address in the gateway's dashboard \
                     first: some gateways then show the secret that belongs to the credentials.",
                )
                .refuses(["too_many_gateways", "refused_fields"])
            }),
        )
        .api_route(
            "/api/v1/tenant/gateways/{id}",
            get_with(show, |op| {
                op.id("showGateway")
                    .summary("Show an account")
                    .tag("Gateways")
                    .refuses(["gateway_not_found"])
            })
                .patch_with(update, |op| {
                    op.id("updateGateway").summary("Change an account").tag("Gateways").description(
                        "Its gateway and its mode stay as they are: payments that were made with it are asked about \
                         with it. For another gateway or mode, add another account.",
                    )
                    .refuses(["gateway_not_found", "changed_meanwhile", "gateway_closing"])
                    .refuses(["refused_fields"])
                })
                .delete_with(delete, |op| {
                    op.id("deleteGateway").summary("Delete an account and its credentials").tag("Gateways").description(
                        "Payments that were made with it can neither be asked about nor be given back by us any \
                         more. To start no more payments, send `active: false` instead.",
                    )
                    .refuses(["gateway_not_found", "changed_meanwhile"])
                }),
        )
}

/// A new account at a payment gateway, without credentials yet.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewGateway {
    /// The gateway; not the sandbox, which needs no account.
    gateway: GatewayName,
    /// `test` takes play money, `live` real money; it can not be changed later.
    mode: Mode,
    /// The currencies for which payments are started with it, such as `COP`; each once.
    #[schemars(length(min = 1, max = 8), extend("uniqueItems" = true))]
    currencies: Vec<Currency>,
    /// Order in which accounts are tried for a currency, 0 first; of equal ones the older first.
    #[serde(default)]
    #[schemars(range(max = MAX_POSITION))]
    position: u16,
    /// False to start no payments with it yet.
    #[serde(default = "web::yes")]
    active: bool,
    /// The most instalments in which buyers may pay; only Mercado Pago can be told. Absent: as many as
    /// the gateway offers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = MAX_INSTALLMENTS))]
    max_installments: Option<u8>,
}

/// A change of a gateway account: absent fields stay as they are. Gateway and mode can not change.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct GatewayChanges {
    /// The `version` that you read. If the account was changed since, the change is refused.
    /// Absent: no check.
    version: Option<u32>,
    /// The currencies for which payments are started with it, such as `COP`; each once.
    #[schemars(length(min = 1, max = 8), extend("uniqueItems" = true))]
    currencies: Option<Vec<Currency>>,
    /// Order in which accounts are tried for a currency, 0 first; of equal ones the older first.
    #[schemars(range(max = MAX_POSITION))]
    position: Option<u16>,
    /// False to start no more payments with it.
    active: Option<bool>,
    /// The most instalments in which buyers may pay; only Mercado Pago can be told.
    #[schemars(range(min = 1, max = MAX_INSTALLMENTS))]
    max_installments: Option<u8>,
}

async fn list(Shared(state): Shared<State>, admin: Admin) -> Answer<Json<Page<GatewayView>>> {
    // A tenant has at most 20 accounts: there is never a second page.
    let all = state.store.gateway_accounts(admin.tenant).await?;
    Ok(Json(Page::new(all.into_iter().map(|account| state.view(account)).collect(), None)))
}

async fn show(
    Shared(state): Shared<State>,
    admin: Admin,
    Path(path): Path<AccountPath>,
) -> Answer<Json<GatewayView>> {
    Ok(Json(state.view(state.account(&admin, path.id).await?)))
}

async fn create(
    Shared(state): Shared<State>,
    admin: Admin,
    IdempotencyKey(key): IdempotencyKey,
    Json(new): Json<NewGateway>,
) -> Answer<Created<GatewayView>> {
    let now = state.clock.now();
    let once = Once { user: admin.user, route: "POST /api/v1/tenant/gateways", key: key.as_deref() };
    let create = |id: RequestId| {
        let account = new.account(GatewayAccountId::from_uuid(id.uuid()), &admin, now);
        state.create(&admin, account)
    };
    Ok(Created(state.store.once(once, &(admin.tenant, &new), now, create).await?))
}

async fn update(
    Shared(state): Shared<State>,
    admin: Admin,
    Path(path): Path<AccountPath>,
    Json(changes): Json<GatewayChanges>,
) -> Answer<Json<GatewayView>> {
    let before = state.open_account(&admin, path.id).await?;
    based_on(changes.version, before.version)?;
    let now = state.clock.now();
    let after = GatewayAccount {
        currencies: changes.currencies.unwrap_or(before.currencies),
        position: changes.position.unwrap_or(before.position),
        active: changes.active.unwrap_or(before.active),
        max_installments: changes.max_installments.or(before.max_installments),
        updated_at: now,
        version: before.version + 1,
        ..before
    };
    check(&after)?;
    let note = note(&admin, &after, "update", now);
    state.store.replace_gateway_account(&after, &note).await.on_refused(changed_meanwhile)?;
    Ok(Json(state.view(after)))
}

async fn delete(
    Shared(state): Shared<State>,
    Recent(admin): Recent<Admin>,
    Path(path): Path<AccountPath>,
) -> Answer<NoContent> {
    let now = state.clock.now();
    let mut account = state.account(&admin, path.id).await?;
    // In this order, a deletion that is cut off can be repeated: the account never names a deleted
    // secret, and no secret is left without its account.
    if !account.closing {
        account = GatewayAccount {
            active: false,
            credentials_version: None,
            closing: true,
            checked_at: None,
            updated_at: now,
            version: account.version + 1,
            ..account
        };
        state.store.close_gateway_account(&account).await.on_refused(changed_meanwhile)?;
    }
    let name = credentials_name(account.id);
    state.vault.delete(&name).await.map_err(|error| {
        Error::unavailable(
            "busy",
            "The credentials could not be deleted. The account takes no payments; delete it again in a moment.",
        )
        .retry_after(5)
        .caused_by(error)
    })?;
    let note = note(&admin, &account, "delete", now);
    state.store.delete_gateway_account(&account, &note).await.on_refused(changed_meanwhile)?;
    // Deletes the secret again: a request that had read the account before may have stored one.
    if let Err(error) = state.vault.delete(&name).await {
        tracing::warn!(account = %account.id, %error, "credentials that were entered at the last moment may stay");
    }
    Ok(NoContent)
}

impl State {
    pub(crate) fn view(&self, account: GatewayAccount) -> GatewayView {
        GatewayView::new(account, &self.public_url)
    }

    async fn create(&self, admin: &Admin, account: GatewayAccount) -> Result<GatewayView> {
        check(&account)?;
        let note = note(admin, &account, "create", account.created_at);
        let account = self.store.create_gateway_account(&account, &note).await.on_refused(|| {
            Error::conflict(
                "too_many_gateways",
                format!("You have {MAX_GATEWAY_ACCOUNTS} accounts already. Delete one that you do not use."),
            )
        })?;
        Ok(self.view(account))
    }
}

impl NewGateway {
    fn account(&self, id: GatewayAccountId, admin: &Admin, now: Timestamp) -> GatewayAccount {
        GatewayAccount {
            id,
            tenant_id: admin.tenant,
            gateway: self.gateway,
            mode: self.mode,
            currencies: self.currencies.clone(),
            position: self.position,
            holder: None,
            active: self.active,
            credentials_version: None,
            max_installments: self.max_installments,
            marketplace: false,
            closing: false,
            checked_at: None,
            created_at: now,
            updated_at: now,
            version: 1,
        }
    }
}

fn check(account: &GatewayAccount) -> Result<()> {
    let mut fields = Fields::new();
    account.check(&mut fields);
    fields.finish()
}
