//! The tenant: the organiser's name, contact, looks, and the defaults of its events.

use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, post_with};
use domain::cash::{CashPolicy, MAX_CASH_HOURS};
use domain::colour::Colour;
use domain::error::Fields;
use domain::event::{ADDRESS_PATTERN, check_address};
use domain::second_factor::two_factors_needed;
use domain::tenant::{LegalInfo, Tenant, check_reserved, tenant_not_found};
use domain::text::{Line, Phone};
use domain::user::Email;
use domain::{Currency, Language, Percent, Result, TenantId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::Once;
use web::{
    Admin, Answer, Buyer, Created, FeesView, IdempotencyKey, Json, NewConvenienceFees, NewVat,
    PolicyVersionsView, QuotasView, Refuses, Shared, SuspensionView, VatView, based_on, nullable,
};

use crate::check::{NO_ZONE, country, some_text, time_zone};
use crate::{State, slug};

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route(
            "/api/v1/tenants",
            post_with(create, |op| {
                op.id("createTenant").summary("Become an organiser").tag("Organisers").description(
                    "Creates an organiser whose admin is the caller, who must have confirmed the e-mail address. The \
                     role is in the next access token: refresh the session, or sign in, with the new tenant's id.",
                )
                .refuses(["email_unverified", "user_not_found"])
                .refuses(["changed_meanwhile", "too_many_memberships", "too_many_decimals"])
                .refuses(["refused_fields", "slug_taken"])
            }),
        )
        .api_route(
            "/api/v1/tenant",
            get_with(show, |op| op.id("showTenant").summary("Show the organiser").tag("Organisers"))
                .patch_with(update, |op| {
                    op.id("updateTenant")
                        .summary("Change the organiser")
                        .tag("Organisers")
                        .description(
                            "With a `slug`, everybody sees the organiser's page at `/public/organizers/{slug}`. What \
                             should be looked at comes back as `warnings`.",
                        )
                        .refuses(["changed_meanwhile", "refused_fields", "too_many_decimals"])
                        .refuses(["slug_taken", "too_many_slugs"])
                        .refuses(["recent_sign_in_required", "second_factor_required"])
                }),
        )
}

/// An organiser, with the currency, fees and tax that its new events get.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Tenant")]
struct TenantView {
    /// The tenant's id.
    id: TenantId,
    /// The name that buyers see.
    name: String,
    /// The e-mail address at which buyers reach the organiser.
    email: String,
    /// The organiser's country, as an ISO 3166-1 alpha-2 code such as `CO`.
    country: String,
    /// The currency that new events get.
    currency: Currency,
    /// The fees on top of the ticket price that new events get, in `currency`.
    fees: FeesView,
    /// The value added tax that new events get.
    vat: VatView,
    /// The organiser as a legal person. Absent until an admin enters it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    legal_info: Option<LegalInfo>,
    /// The readable part of the address of the organiser's page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    slug: Option<String>,
    /// Slugs of before, which still lead to the page; you can take them again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    former_slugs: Vec<String>,
    /// The telephone number for buyers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    phone: Option<String>,
    /// The address of the organiser's own site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    website: Option<String>,
    /// The address of the logo. `POST /tenant/logo` sets it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    logo: Option<String>,
    /// The colour of the organiser's page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    accent: Option<Colour>,
    /// IANA time zone that new events get.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    time_zone: Option<String>,
    /// The language of mails that new events get.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    language: Option<Language>,
    /// The versions of the policies that hold.
    #[serde(default)]
    policies: PolicyVersionsView,
    /// True if staff must sign in with a second factor to have a role here.
    #[serde(default)]
    requires_second_factor: bool,
    /// How long a buyer has to pay a slip in cash, in hours; 0 takes no cash.
    cash_hours: u16,
    /// The operator's commission of what is sold from now on: 2.5 is 2.5 % of prices and fees.
    commission: Percent,
    /// How much the operator lets you do; what is absent is not limited.
    quotas: QuotasView,
    /// Why and since when the operator keeps you from selling. Absent if it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    suspended: Option<SuspensionView>,
    /// When the tenant was created.
    created_at: Timestamp,
    /// Counts changes, from 1. A change can name the version that it is based on.
    version: u32,
}

impl From<Tenant> for TenantView {
    fn from(tenant: Tenant) -> Self {
        Self {
            id: tenant.id,
            name: tenant.name,
            email: tenant.email,
            country: tenant.country,
            currency: tenant.currency,
            fees: FeesView::new(tenant.fees, tenant.currency),
            vat: tenant.vat.into(),
            legal_info: tenant.legal_info,
            slug: tenant.slug,
            former_slugs: tenant.former_slugs,
            phone: tenant.phone,
            website: tenant.website,
            logo: tenant.logo,
            accent: tenant.accent,
            time_zone: tenant.time_zone,
            language: tenant.language,
            policies: tenant.policies.into(),
            requires_second_factor: tenant.requires_second_factor,
            cash_hours: tenant.cash.hours,
            commission: Percent::of(tenant.commission),
            quotas: tenant.quotas.into(),
            suspended: tenant.suspended.map(SuspensionView::from),
            created_at: tenant.created_at,
            version: tenant.version,
        }
    }
}

/// A new organiser.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewTenant {
    /// The name that buyers see.
    name: Line<2, 100>,
    /// The e-mail address at which buyers reach the organiser. If missing, the caller's own.
    #[serde(default)]
    email: Option<Email>,
    /// The country, as an ISO 3166-1 alpha-2 code such as `CO`.
    #[schemars(regex(pattern = "^[A-Z]{2}$"), extend("x-must" = "Must be the two capital letters of a country, such as CO, CL or AR."))]
    country: String,
    /// The currency that new events get.
    currency: Currency,
    /// The convenience fee that new events in `currency` get; in another currency they
    /// get the percentage only.
    #[serde(default)]
    fees: NewConvenienceFees,
    /// The value added tax that new events get.
    #[serde(default)]
    vat: NewVat,
    /// The readable part of the address of a page that everybody sees. If missing, there is no such page.
    #[serde(default)]
    #[schemars(length(min = 3, max = 80), regex(pattern = "^[a-z0-9]+(-[a-z0-9]+)*$"))]
    slug: Option<String>,
    /// IANA time zone that new events get, such as `America/Bogota`.
    #[serde(default)]
    time_zone: Option<String>,
    /// The language of mails that new events get. Spanish if missing.
    #[serde(default)]
    language: Option<Language>,
}

/// An organiser after a change, with warnings.
#[derive(Debug, Serialize, JsonSchema)]
struct TenantWithWarnings {
    #[serde(flatten)]
    tenant: TenantView,
    /// Problems that should be looked at. The change was made all the same.
    warnings: Vec<TenantWarning>,
}

/// A problem that the organiser should look at.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
struct TenantWarning {
    /// The kind of problem; stable, for programs.
    code: TenantWarningCode,
    /// The problem and what to do about it, in English.
    message: String,
    /// The same as `message`, in Spanish.
    message_es: String,
}

/// The kind of problem that a warning names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum TenantWarningCode {
    /// Texts in the accent colour are hard to read on a white page.
    AccentTooPale,
}

/// A change of the organiser. A missing field stays as it is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TenantChanges {
    /// The version that the change is based on; refused if the organiser has another by now.
    version: Option<u32>,
    /// The name that buyers see.
    name: Option<Line<2, 100>>,
    /// The e-mail address at which buyers reach the organiser.
    email: Option<Email>,
    /// The country, as an ISO 3166-1 alpha-2 code such as `CO`.
    #[schemars(regex(pattern = "^[A-Z]{2}$"), extend("x-must" = "Must be the two capital letters of a country, such as CO, CL or AR."))]
    country: Option<String>,
    /// The currency that new events get.
    currency: Option<Currency>,
    /// The convenience fee that new events get. Required with another currency if the fee has
    /// a fixed part.
    fees: Option<NewConvenienceFees>,
    /// The value added tax that new events get.
    vat: Option<NewVat>,
    /// The readable part of the address of the organiser's page. Addresses of before still lead there.
    #[schemars(length(min = 3, max = 80), regex(pattern = "^[a-z0-9]+(-[a-z0-9]+)*$"))]
    slug: Option<String>,
    /// The telephone number for buyers, or `null`.
    #[serde(default, deserialize_with = "nullable")]
    phone: Option<Option<Phone>>,
    /// The https address of the organiser's own site, or `null`.
    #[serde(default, deserialize_with = "nullable")]
    #[schemars(length(max = 500), regex(pattern = ADDRESS_PATTERN))]
    website: Option<Option<String>>,
    /// The colour of the organiser's page, or `null`.
    #[serde(default, deserialize_with = "nullable")]
    accent: Option<Option<Colour>>,
    /// IANA time zone that new events get, or `null`.
    #[serde(default, deserialize_with = "nullable")]
    time_zone: Option<Option<String>>,
    /// The language of mails that new events get, or `null` for Spanish.
    #[serde(default, deserialize_with = "nullable")]
    language: Option<Option<Language>>,
    /// True to have staff sign in with a second factor; roles that were given out before end
    /// within 15 minutes. Needs a recent sign-in; to turn it on, one with a second factor.
    requires_second_factor: Option<bool>,
    /// How long a buyer has to pay a slip in cash, in hours; 0 takes no cash. Slips always end
    /// two and a half hours before the doors open, and are not offered for less than three hours.
    #[schemars(range(max = MAX_CASH_HOURS))]
    cash_hours: Option<u16>,
}

async fn create(
    Shared(state): Shared<State>,
    buyer: Buyer,
    IdempotencyKey(key): IdempotencyKey,
    Json(new): Json<NewTenant>,
) -> Answer<Created<TenantView>> {
    buyer.confirmed_email()?;
    let now = state.clock.now();
    let once = Once { user: buyer.user, route: "POST /api/v1/tenants", key: key.as_deref() };
    let create = |id: domain::RequestId| {
        let mut fields = Fields::new();
        let (id, country) = (TenantId::from_uuid(id.uuid()), (new.country.as_str(), new.currency));
        let email = new.email.as_ref().map_or(buyer.email.clone(), ToString::to_string);
        let tenant = Tenant {
            fees: new.fees.read(new.currency, "/fees", &mut fields),
            vat: new.vat.read("/vat", &mut fields),
            slug: new.slug.clone(),
            time_zone: new.time_zone.as_deref().map(known_zone),
            language: new.language,
            ..Tenant::new(id, &new.name, &email, country, now)
        };
        if let Some(slug) = &tenant.slug {
            slug::check(&mut fields, slug);
            check_reserved(slug, &mut fields);
        }
        let state = &state;
        async move {
            check(&tenant, fields)?;
            Ok(state.store.create_tenant_with_admin(&tenant, buyer.user, now).await?.into())
        }
    };
    Ok(Created(state.store.once(once, &new, now, create).await?))
}

async fn show(Shared(state): Shared<State>, admin: Admin) -> Answer<Json<TenantView>> {
    Ok(Json(state.tenant(admin.tenant).await?.into()))
}

async fn update(
    Shared(state): Shared<State>,
    admin: Admin,
    Json(changes): Json<TenantChanges>,
) -> Answer<Json<TenantWithWarnings>> {
    let before = state.tenant(admin.tenant).await?;
    based_on(changes.version, before.version)?;
    let strict = changes.requires_second_factor.unwrap_or(before.requires_second_factor);
    if strict != before.requires_second_factor {
        may_demand(&admin, strict, state.clock.now())?;
    }
    let mut fields = Fields::new();
    let currency = changes.currency.unwrap_or(before.currency);
    fields.rule(
        currency == before.currency || before.fees.convenience_fixed == 0 || changes.fees.is_some(),
        "/fees",
        format!("Send the fees as well: the fixed one is in {}.", before.currency),
    );
    let mut after = Tenant {
        name: changes.name.map_or(before.name, String::from),
        email: changes.email.map_or(before.email, |email| email.to_string()),
        country: changes.country.unwrap_or(before.country),
        currency,
        fees: changes.fees.map_or(before.fees, |fees| fees.read(currency, "/fees", &mut fields)),
        vat: changes.vat.map_or(before.vat, |vat| vat.read("/vat", &mut fields)),
        phone: changes.phone.map_or(before.phone, |phone| phone.and_then(Phone::some)),
        website: match changes.website {
            Some(website) => website.as_deref().and_then(some_text),
            None => before.website,
        },
        accent: changes.accent.unwrap_or(before.accent),
        time_zone: match changes.time_zone {
            Some(zone) => zone.as_deref().map(known_zone),
            None => before.time_zone,
        },
        language: changes.language.unwrap_or(before.language),
        requires_second_factor: strict,
        cash: changes.cash_hours.map_or(before.cash, |hours| CashPolicy { hours }),
        version: before.version + 1,
        ..before
    };
    let slug = changes.slug.filter(|slug| after.slug.as_ref() != Some(slug));
    if let Some(slug) = &slug {
        slug::check(&mut fields, slug);
        check_reserved(slug, &mut fields);
    }
    check(&after, fields)?;
    if let Some(slug) = &slug {
        after.rename_slug(slug)?;
    }
    state.store.update_tenant(&after).await?;
    let warnings = after.accent.and_then(too_pale).into_iter().collect();
    Ok(Json(TenantWithWarnings { tenant: after.into(), warnings }))
}

/// Checks that the admin may change whether staff needs a second factor. Who turns it on has one, or
/// would be shut out with the next token.
fn may_demand(admin: &Admin, strict: bool, now: Timestamp) -> Result<()> {
    admin.claims.signed_in_recently(now)?;
    if strict && !admin.claims.has_two_factors() {
        return Err(two_factors_needed(
            "First add a second factor of your own at `/api/v1/auth/me/factors`, and sign in with it.",
        ));
    }
    Ok(())
}

impl State {
    pub(crate) async fn tenant(&self, id: TenantId) -> Result<Tenant> {
        self.store.tenant(id).await?.ok_or_else(tenant_not_found)
    }
}

/// Checks an organiser before it is stored. `fields` already has what is wrong with its
/// fees and tax.
fn check(tenant: &Tenant, mut fields: Fields) -> Result<()> {
    country(&mut fields, "/country", &tenant.country);
    check_address(tenant.website.as_deref(), "/website", &mut fields);
    let is_zone = tenant.time_zone.as_deref().is_none_or(|zone| time_zone(zone).is_some());
    fields.rule(is_zone, "/time_zone", NO_ZONE);
    tenant.cash.check("/cash_hours", &mut fields);
    fields.finish()
}

/// The database's name of a time zone, or the name as it is, which [`check`] refuses.
fn known_zone(name: &str) -> String {
    time_zone(name).unwrap_or_else(|| name.to_owned())
}

/// The least contrast that texts need on their ground (WCAG 2, level AA).
const READABLE: f64 = 4.5;

fn too_pale(accent: Colour) -> Option<TenantWarning> {
    let contrast = accent.contrast(Colour::PAPER);
    (contrast < READABLE).then(|| TenantWarning {
        code: TenantWarningCode::AccentTooPale,
        message: format!(
            "Texts in {accent} are hard to read on a white page: the contrast is {contrast:.1}, and 4.5 is needed. \
             Choose a darker colour."
        ),
        message_es: format!(
            "Los textos en {accent} se leen mal sobre una página blanca: el contraste es {contrast:.1} y se \
             necesita 4.5. Elige un color más oscuro."
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pale_accent_is_warned_of() {
        let warned = |text: &str| too_pale(text.parse().expect("a colour")).map(|warning| warning.code);
        assert_eq!(warned("#0b6b4f"), None);
        assert_eq!(warned("#ffee00"), Some(TenantWarningCode::AccentTooPale));
    }
}
