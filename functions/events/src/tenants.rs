//! The tenant: the organiser's name, country, currency, fees, tax and legal person.

use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, post_with};
use domain::error::Fields;
use domain::event::{LegalInfo, Tenant};
use domain::text::{Line, plain};
use domain::user::Email;
use domain::{Currency, Error, Result, TenantId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{OnRefused, Once};
use web::{
    Admin, Answer, Buyer, Created, FeesView, IdempotencyKey, Json, NewConvenienceFees, NewVat, Refuses,
    Shared, VatView, based_on,
};

use crate::State;
use crate::check::country;

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
            }),
        )
        .api_route(
            "/api/v1/tenant",
            get_with(show, |op| op.id("showTenant").summary("Show the organiser").tag("Organisers"))
                .patch_with(update, |op| op.id("updateTenant").summary("Change the organiser").tag("Organisers")
                .refuses(["changed_meanwhile", "refused_fields", "too_many_decimals"])),
        )
        .api_route(
            "/api/v1/tenant/legal-info",
            get_with(show_legal_info, |op| {
                op.id("showLegalInfo")
                    .summary("Show who the organiser is in law")
                    .tag("Organisers")
                    .refuses(["legal_info_missing"])
            })
            .put_with(replace_legal_info, |op| {
                op.id("replaceLegalInfo")
                    .summary("Say who the organiser is in law")
                    .tag("Organisers")
                    .refuses(["changed_meanwhile"])
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
}

/// The pattern of tax numbers, with the space around them that copying leaves.
const NIT: &str = r"^[\t-\r ]*[0-9A-Za-z.-]{5,20}[\t-\r ]*$";

/// The organiser as a legal person.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewLegalInfo {
    /// The tax number: NIT, RUT or CUIT.
    #[schemars(regex(pattern = NIT))]
    nit: String,
    /// The registered name.
    legal_name: Line<1, 200>,
    /// Colombia's PULEP code of the producer's show, if there is one.
    #[schemars(regex(pattern = r"^[\t-\r ]*[0-9A-Za-z-]{1,20}[\t-\r ]*$"))]
    pulep_code: Option<String>,
    /// The street address.
    address: Line<1, 200>,
    /// The city of the address.
    city: Line<1, 100>,
    /// The country, as an ISO 3166-1 alpha-2 code such as `CO`.
    #[schemars(regex(pattern = "^[A-Z]{2}$"), extend("x-must" = "Must be the two capital letters of a country, such as CO, CL or AR."))]
    country: String,
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
        let tenant = Tenant {
            id: TenantId::from_uuid(id.uuid()),
            name: new.name.to_string(),
            email: new.email.as_ref().map_or(buyer.email.clone(), ToString::to_string),
            country: new.country.clone(),
            currency: new.currency,
            fees: new.fees.read(new.currency, "/fees", &mut fields),
            vat: new.vat.read("/vat", &mut fields),
            legal_info: None,
            created_at: now,
            version: 1,
        };
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
) -> Answer<Json<TenantView>> {
    let before = state.tenant(admin.tenant).await?;
    based_on(changes.version, before.version)?;
    let mut fields = Fields::new();
    let currency = changes.currency.unwrap_or(before.currency);
    fields.rule(
        currency == before.currency || before.fees.convenience_fixed == 0 || changes.fees.is_some(),
        "/fees",
        format!("Send the fees as well: the fixed one is in {}.", before.currency),
    );
    let after = Tenant {
        name: changes.name.map_or(before.name, String::from),
        email: changes.email.map_or(before.email, |email| email.to_string()),
        country: changes.country.unwrap_or(before.country),
        currency,
        fees: changes.fees.map_or(before.fees, |fees| fees.read(currency, "/fees", &mut fields)),
        vat: changes.vat.map_or(before.vat, |vat| vat.read("/vat", &mut fields)),
        version: before.version + 1,
        ..before
    };
    check(&after, fields)?;
    state.store.replace_tenant(&after).await.on_refused(Error::changed_meanwhile)?;
    Ok(Json(after.into()))
}

async fn show_legal_info(Shared(state): Shared<State>, admin: Admin) -> Answer<Json<LegalInfo>> {
    let tenant = state.tenant(admin.tenant).await?;
    let legal_info = tenant.legal_info.ok_or_else(|| {
        Error::not_found("legal_info_missing", "You have not said yet who you are in law. PUT it here.")
    })?;
    Ok(Json(legal_info))
}

async fn replace_legal_info(
    Shared(state): Shared<State>,
    admin: Admin,
    Json(info): Json<NewLegalInfo>,
) -> Answer<Json<LegalInfo>> {
    let info = info.tidy();
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

/// Checks an organiser before it is stored. `fields` already has what is wrong with its
/// fees and tax.
fn check(tenant: &Tenant, mut fields: Fields) -> Result<()> {
    country(&mut fields, "/country", &tenant.country);
    fields.finish()
}

impl NewLegalInfo {
    /// The record with numbers and codes in one spelling: they come from documents with stray
    /// spaces and any letter case.
    fn tidy(self) -> LegalInfo {
        LegalInfo {
            nit: plain(&self.nit).to_ascii_uppercase(),
            legal_name: self.legal_name.into(),
            pulep_code: self.pulep_code.map(|code| plain(&code).to_ascii_uppercase()),
            address: self.address.into(),
            city: self.city.into(),
            country: self.country,
        }
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
    fields.check(
        info.pulep_code.as_deref().is_none_or(|code| is_code(code, 20, "-")),
        "/pulep_code",
        "Must be at most 20 letters, digits and hyphens.",
    );
    country(&mut fields, "/country", &info.country);
    fields.finish()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn info(changes: Value) -> LegalInfo {
        let mut info = json!({
            "nit": " 900123456\u{2011}7\n\u{0B}", "legal_name": "Faroles del Sur S.A.S.", "pulep_code": "abc123",
            "address": "Calle Inventada 12", "city": "Bogotá", "country": "CO",
        });
        info.as_object_mut().expect("an object").extend(changes.as_object().expect("an object").clone());
        serde_json::from_value::<NewLegalInfo>(info).expect("reads").tidy()
    }

    #[test]
    fn legal_info_is_tidied_and_bounded() {
        let tidied = info(json!({}));
        assert_eq!((tidied.nit.as_str(), tidied.pulep_code.as_deref()), ("900123456-7", Some("ABC123")));
        check_legal_info(&tidied).expect("valid");
        let bad = info(json!({"nit": "12#4567", "pulep_code": "", "country": "Colombia"}));
        let error = check_legal_info(&bad).expect_err("refused");
        let pointers: Vec<_> = error.field_errors().iter().map(|field| field.pointer.as_str()).collect();
        assert_eq!(pointers, ["/nit", "/pulep_code", "/country"]);
    }
}
