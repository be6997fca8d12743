//! The organiser's policies: terms, privacy, refunds. Each published version stays as it is.

use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, put_with};
use domain::audit::AuditNote;
use domain::error::Fields;
use domain::policy::{Law, Policy, PolicyKind, PolicyText, policy_not_found};
use domain::tenant::Tenant;
use domain::text::Paragraph;
use domain::{Error, Result, TenantId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::limit::DAY;
use store::{Limit, was_done};
use web::{Admin, Answer, Json, Path, PolicyView, Refuses, Shared};

use crate::State;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route(
            "/api/v1/tenant/policies",
            get_with(list, |op| {
                op.id("listPolicies")
                    .summary("Show the policies that hold")
                    .tag("Organisers")
                    .description("Those that were published, in the order terms, privacy, refunds.")
            }),
        )
        .api_route(
            "/api/v1/tenant/policies/{kind}",
            put_with(publish, |op| {
                op.id("publishPolicy")
                    .summary("Publish a policy")
                    .tag("Organisers")
                    .description(
                        "Makes a new version, which holds from then on: buyers have to accept it (`accepts` of `POST \
                         /reservations`), and orders keep the versions that their buyers accepted. Versions stay as \
                         they are. Sending the text that holds changes nothing.",
                    )
                    .refuses(["changed_meanwhile", "refused_fields", "too_many_tries"])
            }),
        )
}

/// Published versions of one organiser's policies.
const A_DAY: Limit = Limit::exact("policies-tenant", 50, DAY);
/// How often a publication is tried while others change the organiser.
const ATTEMPTS: usize = 8;

/// The policies that hold.
#[derive(Debug, Serialize, JsonSchema)]
struct Policies {
    /// The policies that were published.
    items: Vec<PolicyView>,
}

/// A policy to publish.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewPolicy {
    /// The version that the text is based on, 0 if there is none yet; refused if another one holds by now.
    #[serde(default)]
    based_on: Option<u16>,
    /// The text in Spanish.
    es: Paragraph<1, 20_000>,
    /// The text in English.
    #[serde(default)]
    en: Option<Paragraph<1, 20_000>>,
    /// The right to withdraw that a refund policy gives, where the law has one.
    #[serde(default)]
    withdrawal: Option<Law>,
}

/// `/tenant/policies/{kind}`.
#[derive(Debug, Deserialize, JsonSchema)]
struct KindPath {
    /// The kind of the policy.
    kind: PolicyKind,
}

async fn list(Shared(state): Shared<State>, admin: Admin) -> Answer<Json<Policies>> {
    let tenant = state.tenant(admin.tenant).await?;
    let mut items = Vec::new();
    for kind in PolicyKind::ALL.into_iter().filter(|kind| tenant.policies.get(*kind) > 0) {
        items.push(state.holding(&tenant, kind).await?.into());
    }
    Ok(Json(Policies { items }))
}

async fn publish(
    Shared(state): Shared<State>,
    admin: Admin,
    Path(path): Path<KindPath>,
    Json(new): Json<NewPolicy>,
) -> Answer<Json<PolicyView>> {
    let now = state.clock.now();
    let based_on = new.based_on;
    let text = new.text(path.kind)?;
    let note = admin.note("policy.publish".to_owned(), path.kind.as_str().to_owned(), now);
    Ok(Json(state.publish_text(&note, path.kind, based_on, text).await?.into()))
}

impl State {
    /// The version of the tenant's policy that holds.
    async fn holding(&self, tenant: &Tenant, kind: PolicyKind) -> Result<Policy> {
        let policy = self.store.policy_version(tenant.id, kind, tenant.policies.get(kind)).await?;
        policy.ok_or_else(policy_not_found)
    }

    async fn publish_text(
        &self,
        note: &AuditNote,
        kind: PolicyKind,
        based_on: Option<u16>,
        text: PolicyText,
    ) -> Result<Policy> {
        let (tenant_id, now): (TenantId, Timestamp) = (note.tenant_id, note.at);
        let mut is_counted = false;
        for _ in 0..ATTEMPTS {
            let before = self.tenant(tenant_id).await?;
            let holds = before.policies.get(kind);
            if holds > 0 {
                let policy = self.holding(&before, kind).await?;
                if policy.text == text {
                    return Ok(policy);
                }
            }
            if based_on.is_some_and(|based_on| based_on != holds) {
                return Err(Error::changed_meanwhile().with("version", holds));
            }
            if !std::mem::replace(&mut is_counted, true) {
                self.store.count(&[A_DAY.of(&[&tenant_id.suffix()])], now).await?;
            }
            let version = holds.checked_add(1).ok_or_else(|| Error::internal("too many versions"))?;
            let policy = Policy { tenant_id, kind, version, text: text.clone(), published_at: now };
            let policies = before.policies.with(kind, version);
            let after = Tenant { policies, version: before.version + 1, ..before };
            if was_done(self.store.publish_policy(&policy, &after, note).await)? {
                return Ok(policy);
            }
        }
        Err(Error::changed_meanwhile())
    }
}

impl NewPolicy {
    fn text(self, kind: PolicyKind) -> Result<PolicyText> {
        Fields::new()
            .rule(
                self.withdrawal.is_none() || kind == PolicyKind::Refunds,
                "/withdrawal",
                "Only the refund policy gives a right to withdraw.",
            )
            .finish()?;
        Ok(PolicyText { es: self.es.into(), en: self.en.map(String::from), withdrawal: self.withdrawal })
    }
}
