//! The organiser as a legal person.

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use domain::error::Fields;
use domain::tenant::{LegalInfo, Tenant};
use domain::text::{Line, plain};
use domain::{Error, Result};
use schemars::JsonSchema;
use serde::Deserialize;
use store::OnRefused;
use web::{Admin, Answer, Json, Refuses, Shared};

use crate::State;
use crate::check::country;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
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
