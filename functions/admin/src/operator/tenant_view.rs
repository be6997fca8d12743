//! Organisers as the operator sees them.

use domain::gateway_account::{GatewayAccount, Mode};
use domain::payment::GatewayName;
use domain::tenant::Tenant;
use domain::{Currency, GatewayAccountId, Percent, TenantId, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use web::{QuotasView, SuspensionView};

/// An organiser, with what the operator decided about it.
#[serde_with::skip_serializing_none]
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct OverseenTenant {
    /// The tenant's id.
    id: TenantId,
    /// The name that buyers see.
    name: String,
    /// The e-mail address for buyers.
    email: String,
    /// The organiser's country, as an ISO 3166-1 alpha-2 code such as `CO`.
    country: String,
    /// The currency that its new events get.
    currency: Currency,
    /// The readable part of the address of its page. Absent if it has none.
    slug: Option<String>,
    /// The tax number, once it is entered.
    nit: Option<String>,
    /// Why and since when it may not sell. Absent if it may.
    suspended: Option<SuspensionView>,
    /// How much it may do; what is absent is not limited.
    quotas: QuotasView,
    /// The commission of what it sells from now on: 2.5 is 2.5 % of prices and fees.
    commission: Percent,
    /// When the tenant was created.
    created_at: Timestamp,
    /// Counts changes, from 1. A change can name the version that it is based on.
    version: u32,
}

impl From<Tenant> for OverseenTenant {
    fn from(tenant: Tenant) -> Self {
        Self {
            id: tenant.id,
            name: tenant.name,
            email: tenant.email,
            country: tenant.country,
            currency: tenant.currency,
            slug: tenant.slug,
            nit: tenant.legal_info.map(|info| info.nit),
            suspended: tenant.suspended.map(SuspensionView::from),
            quotas: tenant.quotas.into(),
            commission: Percent::of(tenant.commission),
            created_at: tenant.created_at,
            version: tenant.version,
        }
    }
}

/// An organiser in full.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct TenantDetail {
    #[serde(flatten)]
    tenant: OverseenTenant,
    /// The number of its events that are published and not over, which its quota limits.
    published_events: usize,
    /// The number of people on its staff.
    staff: usize,
    /// Its accounts at payment gateways, without their credentials, the oldest first.
    gateways: Vec<OverseenGateway>,
}

impl TenantDetail {
    pub(super) fn new(
        tenant: Tenant,
        published_events: usize,
        staff: usize,
        gateways: Vec<GatewayAccount>,
    ) -> Self {
        let gateways = gateways.into_iter().map(OverseenGateway::from).collect();
        Self { tenant: tenant.into(), published_events, staff, gateways }
    }
}

/// An account of an organiser at a payment gateway.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct OverseenGateway {
    /// The account's id.
    id: GatewayAccountId,
    /// The gateway.
    gateway: GatewayName,
    /// `test` takes play money, `live` real money.
    mode: Mode,
    /// The currencies for which payments are started with it.
    currencies: Vec<Currency>,
    /// False: no new payments are started with it.
    active: bool,
    /// True if the gateway is told to keep the commission of its payments.
    marketplace: bool,
    /// Counts the changes, from 1.
    version: u32,
}

impl From<GatewayAccount> for OverseenGateway {
    fn from(account: GatewayAccount) -> Self {
        Self {
            id: account.id,
            gateway: account.gateway,
            mode: account.mode,
            currencies: account.currencies,
            active: account.active,
            marketplace: account.marketplace,
            version: account.version,
        }
    }
}
