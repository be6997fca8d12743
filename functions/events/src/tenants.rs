//! The tenant: who sells, in which country and currency, and who that is in law.

use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, post_with};
use axum::extract::State as Of;
use domain::access::Role;
use domain::error::Fields;
use domain::event::{Fees, LegalInfo, Tenant, Vat};
use domain::user::Email;
use domain::{Currency, Error, Result, TenantId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{OnRefused, Once};
use web::{Admin, Answer, Buyer, Created, IdempotencyKey, Json, based_on};

use crate::State;
use crate::check::country;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route(
            "/api/v1/tenants",
            post_with(create, |op| {
                op.id("createTenant").summary("Become an organiser").tag("Organisers").description(
                    "Creates an organiser whose admin is the caller. The role is in the next access token: refresh \
                     the session, or sign in, with the new tenant's id.",
                )
            }),
        )
        .api_route(
            "/api/v1/tenant",
            get_with(show, |op| op.id("showTenant").summary("Show the organiser").tag("Organisers"))
                .patch_with(update, |op| op.id("updateTenant").summary("Change the organiser").tag("Organisers")),
        )
        .api_route(
            "/api/v1/tenant/legal-info",
            get_with(show_legal_info, |op| {
                op.id("showLegalInfo").summary("Show who the organiser is in law").tag("Organisers")
            })
            .put_with(replace_legal_info, |op| {
                op.id("replaceLegalInfo").summary("Say who the organiser is in law").tag("Organisers")
            }),
        )
}

/// A new organiser.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewTenant {
    /// The name that buyers see.
    #[schemars(length(min = 2, max = 100))]
    name: String,
    /// Where buyers reach the organiser; the caller's own address if absent.
    #[serde(default)]
    email: Option<Email>,
    /// ISO 3166-1 alpha-2 country.
    country: String,
    /// The currency that new events get.
    currency: Currency,
    /// The convenience fee that new events get.
    #[serde(default)]
    fees: Fees,
    /// The value added tax that new events get.
    #[serde(default)]
    vat: Vat,
}

/// A change of the organiser: what is absent stays.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TenantChanges {
    /// The version that the change is based on.
    version: Option<u32>,
    /// The name that buyers see.
    #[schemars(length(min = 2, max = 100))]
    name: Option<String>,
    /// Where buyers reach the organiser.
    email: Option<Email>,
    /// ISO 3166-1 alpha-2 country.
    country: Option<String>,
    /// The currency that new events get.
    currency: Option<Currency>,
    /// The convenience fee that new events get.
    fees: Option<Fees>,
    /// The value added tax that new events get.
    vat: Option<Vat>,
}

async fn create(
    Of(state): Of<State>,
    buyer: Buyer,
    IdempotencyKey(key): IdempotencyKey,
    Json(new): Json<NewTenant>,
) -> Answer<Created<Tenant>> {
    let now = state.clock.now();
    let once = Once { user: buyer.user, route: "POST /api/v1/tenants", key: key.as_deref() };
    let create = |id: domain::RequestId| {
        let tenant = Tenant {
            id: TenantId::from_uuid(id.uuid()),
            name: new.name.trim().to_owned(),
            email: new.email.as_ref().map_or(buyer.email.clone(), ToString::to_string),
            country: new.country.clone(),
            currency: new.currency,
            fees: new.fees,
            vat: new.vat,
            legal_info: None,
            created_at: now,
            version: 1,
        };
        let state = &state;
        async move {
            check(&tenant)?;
            let tenant = state.store.create_tenant(&tenant).await?;
            state.store.add_staff(tenant.id, buyer.user, Role::Admin, now).await?;
            Ok(tenant)
        }
    };
    Ok(Created(state.store.once(once, &new, now, create).await?))
}

async fn show(Of(state): Of<State>, admin: Admin) -> Answer<Json<Tenant>> {
    Ok(Json(state.tenant(admin.tenant).await?))
}

async fn update(
    Of(state): Of<State>,
    admin: Admin,
    Json(changes): Json<TenantChanges>,
) -> Answer<Json<Tenant>> {
    let before = state.tenant(admin.tenant).await?;
    based_on(changes.version, before.version)?;
    let after = Tenant {
        name: changes.name.map_or(before.name, |name| name.trim().to_owned()),
        email: changes.email.map_or(before.email, |email| email.to_string()),
        country: changes.country.unwrap_or(before.country),
        currency: changes.currency.unwrap_or(before.currency),
        fees: changes.fees.unwrap_or(before.fees),
        vat: changes.vat.unwrap_or(before.vat),
        version: before.version + 1,
        ..before
    };
    check(&after)?;
    state.store.replace_tenant(&after).await.on_refused(Error::changed_meanwhile)?;
    Ok(Json(after))
}

async fn show_legal_info(Of(state): Of<State>, admin: Admin) -> Answer<Json<LegalInfo>> {
    let tenant = state.tenant(admin.tenant).await?;
    let legal_info = tenant.legal_info.ok_or_else(|| {
        Error::not_found("legal_info_missing", "You have not said yet who you are in law. PUT it here.")
    })?;
    Ok(Json(legal_info))
}

async fn replace_legal_info(
    Of(state): Of<State>,
    admin: Admin,
    Json(info): Json<LegalInfo>,
) -> Answer<Json<LegalInfo>> {
    let info = tidy(info);
    check_legal_info(&info)?;
    let before = state.tenant(admin.tenant).await?;
    let after = Tenant { legal_info: Some(info.clone()), version: before.version + 1, ..before };
    state.store.replace_tenant(&after).await.on_refused(Error::changed_meanwhile)?;
    Ok(Json(info))
}

impl State {
    pub(crate) async fn tenant(&self, id: TenantId) -> Result<Tenant> {
        let tenant = self.store.tenant(id).await?;
        tenant.ok_or_else(|| Error::not_found("tenant_not_found", "There is no such organiser any more."))
    }
}

fn check(tenant: &Tenant) -> Result<()> {
    let mut fields = Fields::new();
    fields.text("/name", &tenant.name, 2, 100);
    country(&mut fields, "/country", &tenant.country);
    tenant.fees.check("/fees", &mut fields);
    tenant.vat.check("/vat", &mut fields);
    fields.finish()
}

/// Numbers and codes come from documents with stray spaces and any letter case.
fn tidy(info: LegalInfo) -> LegalInfo {
    let code = |text: String| text.trim().to_ascii_uppercase();
    LegalInfo {
        nit: code(info.nit),
        legal_name: info.legal_name.trim().to_owned(),
        pulep_code: info.pulep_code.map(code),
        address: info.address.trim().to_owned(),
        city: info.city.trim().to_owned(),
        country: info.country,
    }
}

/// Tax numbers are checked for their characters only: NIT, RUT and CUIT differ
/// in length and check digit, and a foreign organiser has yet another. For PULEP
/// codes no official format is published (Ley 1493 de 2011 only demands one).
fn check_legal_info(info: &LegalInfo) -> Result<()> {
    let is_code = |text: &str, max: usize, also: &str| {
        (1..=max).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || also.contains(c))
    };
    let mut fields = Fields::new();
    fields.check(
        info.nit.len() >= 5 && is_code(&info.nit, 20, ".-"),
        "/nit",
        "Must be a tax number of 5 to 20 digits, letters, dots and hyphens.",
    );
    fields.text("/legal_name", &info.legal_name, 1, 200);
    fields.check(
        info.pulep_code.as_deref().is_none_or(|code| is_code(code, 20, "-")),
        "/pulep_code",
        "Must be at most 20 letters, digits and hyphens.",
    );
    fields.text("/address", &info.address, 1, 200);
    fields.text("/city", &info.city, 1, 100);
    country(&mut fields, "/country", &info.country);
    fields.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info() -> LegalInfo {
        LegalInfo {
            nit: " 900123456-7 ".to_owned(),
            legal_name: "Faroles del Sur S.A.S.".to_owned(),
            pulep_code: Some("abc123".to_owned()),
            address: "Calle Inventada 12".to_owned(),
            city: "Bogotá".to_owned(),
            country: "CO".to_owned(),
        }
    }

    #[test]
    fn legal_info_is_tidied_and_bounded() {
        let tidied = tidy(info());
        assert_eq!((tidied.nit.as_str(), tidied.pulep_code.as_deref()), ("900123456-7", Some("ABC123")));
        check_legal_info(&tidied).expect("valid");
        let bad = LegalInfo {
            nit: "12#4567".to_owned(),
            legal_name: String::new(),
            pulep_code: Some(String::new()),
            country: "Colombia".to_owned(),
            ..info()
        };
        let error = check_legal_info(&bad).expect_err("refused");
        let pointers: Vec<_> = error.field_errors().iter().map(|field| field.pointer.as_str()).collect();
        assert_eq!(pointers, ["/nit", "/legal_name", "/pulep_code", "/country"]);
    }
}
