//! The installation's organisers: who may sell, how much, and for which commission.

use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, patch_with};
use domain::error::Fields;
use domain::gateway_account::{GatewayAccount, keeps_fees};
use domain::operator::{MAX_COMMISSION, MAX_REASON, Suspension};
use domain::staff::MAX_STAFF;
use domain::tenant::{Tenant, tenant_not_found};
use domain::text::{Line, Paragraph};
use domain::{Error, GatewayAccountId, Result, TenantId, Timestamp, Written};
use schemars::JsonSchema;
use serde::Deserialize;
use store::{OnRefused, Store};
use tokio::try_join;
use web::{
    Answer, Json, Operator, Page, Paging, Path, Query, QuotasView, Recent, Refuses, Shared, based_on,
    nullable,
};

use super::TAG;
use super::tenant_view::{OverseenGateway, OverseenTenant, TenantDetail};
use crate::{State, changed_meanwhile, unknown};

/// The most tenants that one search looks at; the next call goes on.
const MAX_LOOKED_AT: usize = 1_000;
/// Tenants that are read at once while a search looks for some.
const READ_AT_ONCE: u16 = 100;
/// The fewest and the most characters of a search.
const SEARCH: usize = 100;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route(
            "/api/v1/operator/tenants",
            get_with(list, |op| {
                op.id("listAllTenants").summary("List the organisers").tag(TAG).description(
                    "The oldest first. A search looks at a thousand of them at a time: it may answer with few or none \
                     and a `next_cursor`, with which it goes on.",
                )
            }),
        )
        .api_route(
            "/api/v1/operator/tenants/{id}",
            get_with(show, |op| {
                op.id("showAnyTenant")
                    .summary("Show an organiser")
                    .tag(TAG)
                    .refuses(["tenant_not_found"])
            })
            .patch_with(update, |op| {
                op.id("overseeTenant").summary("Suspend an organiser, limit it, set its commission").tag(TAG).description(
                    "A suspended organiser gets no new quotes, reservations and payments, publishes nothing, and is in no \
                     list of shows. What is sold stays: money that is under way is settled, and tickets, refunds and \
                     doors work. The commission is that of new reservations. Every change is in the organiser's own \
                     audit log.",
                )
                .refuses(["tenant_not_found", "changed_meanwhile", "refused_fields", "too_many_decimals"])
            }),
        )
        .api_route(
            "/api/v1/operator/tenants/{id}/gateways/{account}",
            patch_with(set_marketplace, |op| {
                op.id("overseeGateway").summary("Have a gateway keep the commission").tag(TAG).description(
                    "For an account at Mercado Pago whose access token the organiser gave to your application there \
                     (OAuth): its payments then name the commission as `marketplace_fee`. With any other token, the \
                     gateway would refuse it, or pay it to the organiser. A payment whose fee the gateway refuses is \
                     made without, and stands in the statement as owed. New credentials end it.",
                )
                .refuses(["tenant_not_found", "gateway_not_found", "changed_meanwhile", "refused_fields"])
            }),
        )
}

/// Which organisers to list.
#[derive(Debug, Deserialize, JsonSchema)]
struct Search {
    /// Only those whose name, slug, address or tax number contains this; capitals do not matter.
    q: Option<Line<1, SEARCH>>,
    /// Only those that are suspended, or only those that are not.
    suspended: Option<bool>,
}

impl Search {
    fn is_everything(&self) -> bool {
        self.q.is_none() && self.suspended.is_none()
    }

    fn finds(&self, tenant: &Tenant) -> bool {
        let wanted = self.q.as_ref().map(|q| q.as_str().to_lowercase());
        let nit = tenant.legal_info.as_ref().map(|info| info.nit.as_str());
        let texts = [Some(tenant.name.as_str()), tenant.slug.as_deref(), Some(tenant.email.as_str()), nit];
        let has = |wanted: String| texts.iter().flatten().any(|text| text.to_lowercase().contains(&wanted));
        wanted.is_none_or(has) && self.suspended.is_none_or(|is| is == tenant.suspended.is_some())
    }
}

/// Path of `/operator/tenants/{id}`.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
struct TenantPath {
    /// The tenant's id.
    id: TenantId,
}

/// Path of `/operator/tenants/{id}/gateways/{account}`.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
struct GatewayPath {
    /// The tenant's id.
    id: TenantId,
    /// The account's id.
    account: GatewayAccountId,
}

/// A suspension.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewSuspension {
    /// The reason, for the organiser.
    reason: Paragraph<3, MAX_REASON>,
}

/// A change of what an organiser may do. A missing field stays as it is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TenantOversight {
    /// The version that the change is based on; refused if the organiser has another by now.
    version: Option<u32>,
    /// A suspension, or `null` to end one.
    #[serde(default, deserialize_with = "nullable")]
    suspended: Option<Option<NewSuspension>>,
    /// All quotas of the organiser; what is left out of them is not limited.
    quotas: Option<QuotasView>,
    /// The commission of new reservations: 2.5 is 2.5 % of prices and fees, without the tax on top.
    #[schemars(range(min = 0, max = 50))]
    commission: Option<Written>,
}

/// A change of an account.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct GatewayOversight {
    /// True if the gateway is to keep the commission.
    marketplace: bool,
}

async fn list(
    Shared(state): Shared<State>,
    _operator: Operator,
    Query(search): Query<Search>,
    paging: Paging,
) -> Answer<Json<Page<OverseenTenant>>> {
    let (limit, mut after) = (usize::from(paging.limit), paging.after);
    if search.is_everything() {
        let page = state.store.tenant_page(after.as_deref(), paging.limit).await?;
        return Ok(Json(Page::of(page, OverseenTenant::from)));
    }
    let (mut found, mut looked_at) = (Vec::new(), 0);
    loop {
        let page = state.store.tenant_page(after.as_deref(), READ_AT_ONCE).await?;
        looked_at += page.items.len();
        for tenant in page.items {
            if !search.finds(&tenant) {
                continue;
            }
            if found.len() == limit {
                let last = found.last().map(Store::after_tenant);
                return Ok(Json(views(found, last)));
            }
            found.push(tenant);
        }
        after = page.last;
        if after.is_none() || looked_at >= MAX_LOOKED_AT {
            return Ok(Json(views(found, after)));
        }
    }
}

fn views(tenants: Vec<Tenant>, last: Option<String>) -> Page<OverseenTenant> {
    Page::new(tenants.into_iter().map(OverseenTenant::from).collect(), last)
}

async fn show(
    Shared(state): Shared<State>,
    _operator: Operator,
    Path(path): Path<TenantPath>,
) -> Answer<Json<TenantDetail>> {
    let tenant = state.any_tenant(path.id).await?;
    Ok(Json(state.tenant_detail(tenant).await?))
}

async fn update(
    Shared(state): Shared<State>,
    Recent(operator): Recent<Operator>,
    Path(path): Path<TenantPath>,
    Json(changes): Json<TenantOversight>,
) -> Answer<Json<TenantDetail>> {
    let before = state.any_tenant(path.id).await?;
    based_on(changes.version, before.version)?;
    let now = state.clock.now();
    let after = changes.apply(&before, now)?;
    let note = operator.note(after.id, "tenant.oversee", after.id.to_string(), now);
    state.store.oversee_tenant(&after, &note).await.on_refused(Error::changed_meanwhile)?;
    Ok(Json(state.tenant_detail(after).await?))
}

async fn set_marketplace(
    Shared(state): Shared<State>,
    Recent(operator): Recent<Operator>,
    Path(path): Path<GatewayPath>,
    Json(change): Json<GatewayOversight>,
) -> Answer<Json<OverseenGateway>> {
    let tenant = state.any_tenant(path.id).await?;
    let before = state.store.gateway_account(tenant.id, path.account).await?.ok_or_else(unknown)?;
    if change.marketplace && !keeps_fees(before.gateway) {
        let detail = "This gateway keeps no fee for anybody: its payments are in the statement.";
        return Err(Error::refused_field("/marketplace", detail).into());
    }
    let now = state.clock.now();
    let after = GatewayAccount {
        marketplace: change.marketplace,
        updated_at: now,
        version: before.version + 1,
        ..before
    };
    let note = operator.note(tenant.id, "gateway_account.marketplace", after.id.to_string(), now);
    state.store.replace_gateway_account(&after, &note).await.on_refused(changed_meanwhile)?;
    Ok(Json(after.into()))
}

impl TenantOversight {
    fn apply(self, before: &Tenant, now: Timestamp) -> Result<Tenant> {
        let mut fields = Fields::new();
        let commission = match self.commission {
            Some(written) => {
                let rate = written.percent("/commission", &mut fields);
                fields.percent("/commission", rate.0.into(), 0..=MAX_COMMISSION.0);
                rate
            }
            None => before.commission,
        };
        fields.finish()?;
        let since = before.suspended.as_ref().map_or(now, |suspension| suspension.since);
        Ok(Tenant {
            suspended: match self.suspended {
                Some(suspended) => suspended.map(|new| Suspension { reason: new.reason.into(), since }),
                None => before.suspended.clone(),
            },
            quotas: self.quotas.map_or(before.quotas, QuotasView::into),
            commission,
            version: before.version + 1,
            ..before.clone()
        })
    }
}

impl State {
    /// Any organiser, for the operator alone.
    pub(super) async fn any_tenant(&self, id: TenantId) -> Result<Tenant> {
        self.store.tenant(id).await?.ok_or_else(tenant_not_found)
    }

    async fn tenant_detail(&self, tenant: Tenant) -> Result<TenantDetail> {
        let most = u16::try_from(MAX_STAFF).unwrap_or(u16::MAX);
        let (published, staff, gateways) = try_join!(
            self.store.published_events(tenant.id, self.clock.now()),
            self.store.staff(tenant.id, None, most),
            self.store.gateway_accounts(tenant.id),
        )?;
        Ok(TenantDetail::new(tenant, published, staff.items.len(), gateways))
    }
}

#[cfg(test)]
mod tests {
    use domain::operator::Quotas;
    use domain::testing::at;
    use domain::{BasisPoints, Currency};
    use serde_json::{Value, json};

    use super::*;

    fn tenant() -> Tenant {
        let (id, country) = (TenantId::generate(at(0)), ("CO", Currency::COP));
        Tenant {
            slug: Some("faroles-del-sur".to_owned()),
            ..Tenant::new(id, "Los Faroles", "hola@faroles.example", country, at(0))
        }
    }

    fn changed(before: &Tenant, changes: Value, second: i64) -> Result<Tenant> {
        serde_json::from_value::<TenantOversight>(changes).expect("fits").apply(before, at(second))
    }

    #[test]
    fn a_change_leaves_what_it_does_not_name() {
        let first =
            changed(&tenant(), json!({"suspended": {"reason": "Sin contrato"}, "commission": 2.5}), 7);
        let first = first.expect("possible");
        let suspension = first.suspended.clone().expect("suspended");
        assert_eq!((suspension.reason.as_str(), suspension.since), ("Sin contrato", at(7)));
        let second = changed(&first, json!({"quotas": {"published_events": 3}}), 9).expect("possible");
        assert_eq!((&second.suspended, second.commission), (&first.suspended, BasisPoints(250)));
        let third = changed(&second, json!({"suspended": {"reason": "Otra razón"}, "quotas": {}}), 11);
        let third = third.expect("possible");
        assert_eq!(
            third.suspended.as_ref().map(|suspension| suspension.since),
            Some(at(7)),
            "since the first"
        );
        assert_eq!((third.quotas, third.version), (Quotas::default(), 4));
        assert_eq!(changed(&third, json!({"suspended": null}), 13).expect("possible").suspended, None);
    }

    #[test]
    fn a_commission_is_at_most_a_half_and_has_two_decimals() {
        let code = |commission| {
            changed(&tenant(), json!({"commission": commission}), 0).map(|_| ()).map_err(|error| error.code())
        };
        assert_eq!([code(json!(0)), code(json!(50)), code(json!("12.34"))], [Ok(()); 3]);
        assert_eq!(code(json!(50.01)), Err("refused_fields"));
        assert_eq!(code(json!(-1)), Err("refused_fields"));
        assert_eq!(code(json!(1.234)), Err("too_many_decimals"));
    }

    #[test]
    fn a_search_finds_names_slugs_and_addresses() {
        let finds =
            |query: Value| serde_json::from_value::<Search>(query).expect("a search").finds(&tenant());
        for q in ["los far", "FAROLES", "del-sur", "@faroles.example"] {
            assert!(finds(json!({"q": q})), "{q}");
        }
        assert!(!finds(json!({"q": "mareas"})));
        assert!(finds(json!({"suspended": false})) && !finds(json!({"suspended": true})));
    }
}
