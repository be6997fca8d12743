//! Tenants: organisers' accounts, with the defaults for their events.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cash::CashPolicy;
use crate::colour::Colour;
use crate::error::Fields;
use crate::event::{Fees, Vat};
use crate::operator::{Quotas, Suspension};
use crate::policy::PolicyVersions;
use crate::{BasisPoints, Currency, Error, Language, Result, TenantId};

/// The most slugs that a tenant had before its own; they stay its own and lead to it.
pub const MAX_FORMER_SLUGS: usize = 9;

/// Slugs that would look like a part of the box office, or like somebody official.
const RESERVED: [&str; 40] = [
    "about",
    "account",
    "admin",
    "api",
    "app",
    "assets",
    "auth",
    "ayuda",
    "blog",
    "buscar",
    "checkout",
    "contacto",
    "docs",
    "entradas",
    "eventos",
    "events",
    "health",
    "help",
    "images",
    "legal",
    "login",
    "organizador",
    "organizers",
    "pagos",
    "payments",
    "privacidad",
    "problems",
    "purchases",
    "ready",
    "redoc",
    "root",
    "series",
    "soporte",
    "static",
    "status",
    "support",
    "taquilla",
    "terminos",
    "tickets",
    "www",
];

/// An organiser's account, with the defaults for its events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tenant {
    /// The tenant's id.
    pub id: TenantId,
    /// The name that buyers see.
    pub name: String,
    /// The address at which buyers reach the organiser.
    pub email: String,
    /// ISO 3166-1 alpha-2 country.
    pub country: String,
    /// The currency that new events get.
    pub currency: Currency,
    /// The fees on top of the ticket price that new events get.
    pub fees: Fees,
    /// The value added tax that new events get.
    pub vat: Vat,
    /// The organiser as a legal person, as tickets name it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_info: Option<LegalInfo>,
    /// The readable part of its page's address; unique among tenants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slug: Option<String>,
    /// The slugs that it had before, at most [`MAX_FORMER_SLUGS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub former_slugs: Vec<String>,
    /// The telephone number for buyers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// The https address of its own site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub website: Option<String>,
    /// The URL of the logo on its page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logo: Option<String>,
    /// The colour of its page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accent: Option<Colour>,
    /// IANA time zone that new events get.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// The language of mails that new events get.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
    /// The versions of its policies that hold.
    #[serde(default, skip_serializing_if = "PolicyVersions::is_none")]
    pub policies: PolicyVersions,
    /// True if a role in the tenant needs a sign-in with a second factor.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub requires_second_factor: bool,
    /// How long buyers have to pay in cash.
    #[serde(default, skip_serializing_if = "CashPolicy::is_usual")]
    pub cash: CashPolicy,
    /// The operator's suspension, during which it sells nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended: Option<Suspension>,
    /// How much it may do, as the operator says.
    #[serde(default, skip_serializing_if = "Quotas::is_none")]
    pub quotas: Quotas,
    /// The operator's commission of what it sells from now on.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub commission: BasisPoints,
    /// When the tenant was created.
    pub created_at: Timestamp,
    /// Counts changes; a change names the version that it is based on.
    pub version: u32,
}

/// The organiser as a legal person, as tickets and invoices must name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LegalInfo {
    /// The tax number: NIT, RUT or CUIT.
    pub nit: String,
    /// The registered name.
    pub legal_name: String,
    /// Colombia's PULEP code of the producer's show, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pulep_code: Option<String>,
    /// Street address, without the city.
    pub address: String,
    /// City of the street address.
    pub city: String,
    /// Country, as ISO 3166-1 alpha-2, such as `CO`.
    pub country: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde wants")]
fn is_nothing(rate: &BasisPoints) -> bool {
    *rate == BasisPoints(0)
}

/// No tenant has the id or slug.
pub fn tenant_not_found() -> Error {
    Error::not_found("tenant_not_found", "There is no such organiser.")
}

impl Tenant {
    /// A new account without fees, taxes and everything that can be said later.
    pub fn new(id: TenantId, name: &str, email: &str, country: (&str, Currency), now: Timestamp) -> Self {
        Self {
            id,
            name: name.to_owned(),
            email: email.to_owned(),
            country: country.0.to_owned(),
            currency: country.1,
            fees: Fees::default(),
            vat: Vat::default(),
            legal_info: None,
            slug: None,
            former_slugs: Vec::new(),
            phone: None,
            website: None,
            logo: None,
            accent: None,
            time_zone: None,
            language: None,
            policies: PolicyVersions::default(),
            requires_second_factor: false,
            cash: CashPolicy::default(),
            suspended: None,
            quotas: Quotas::default(),
            commission: BasisPoints(0),
            created_at: now,
            version: 1,
        }
    }

    /// Gives it another slug. The one before stays its own.
    ///
    /// # Errors
    /// `too_many_slugs`: addresses cannot be collected.
    pub fn rename_slug(&mut self, slug: &str) -> Result<()> {
        if self.slug.as_deref() == Some(slug) {
            return Ok(());
        }
        let mut former = self.former_slugs.clone();
        former.retain(|old| old != slug);
        former.extend(self.slug.clone());
        if former.len() > MAX_FORMER_SLUGS {
            let detail = format!(
                "You have had {} addresses already. Take one of them, or keep this one.",
                MAX_FORMER_SLUGS + 1
            );
            return Err(Error::conflict("too_many_slugs", detail).with("slugs", former));
        }
        self.former_slugs = former;
        self.slug = Some(slug.to_owned());
        Ok(())
    }
}

/// Notes a slug that no organiser may have, at `/slug`.
pub fn check_reserved(slug: &str, fields: &mut Fields) {
    let is_free = RESERVED.binary_search(&slug).is_err();
    fields.rule(is_free, "/slug", "This word is reserved. Choose another.");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::at;

    fn tenant() -> Tenant {
        Tenant::new(
            TenantId::generate(at(0)),
            "Faroles",
            "hola@faroles.example",
            ("CO", Currency::COP),
            at(0),
        )
    }

    #[test]
    fn reserved_words_are_sorted_and_refused() {
        assert!(RESERVED.is_sorted());
        for (slug, refused) in [("admin", true), ("www", true), ("about", true), ("faroles", false)] {
            let mut fields = Fields::new();
            check_reserved(slug, &mut fields);
            assert_eq!(fields.finish().is_err(), refused, "{slug}");
        }
    }

    #[test]
    fn former_slugs_stay_and_are_bounded() {
        let mut tenant = tenant();
        for number in 0..=MAX_FORMER_SLUGS {
            tenant.rename_slug(&format!("casa-{number}")).expect("room");
        }
        tenant.rename_slug("casa-9").expect("it has that one");
        let refused = tenant.rename_slug("casa-10").expect_err("too many");
        assert_eq!(refused.code(), "too_many_slugs");
        tenant.rename_slug("casa-0").expect("a former one");
        assert_eq!((tenant.slug.as_deref(), tenant.former_slugs.len()), (Some("casa-0"), MAX_FORMER_SLUGS));
        assert!(tenant.former_slugs.contains(&"casa-9".to_owned()));
    }

    #[test]
    fn an_account_of_before_these_fields_is_read_and_written_as_it_was() {
        let old = serde_json::json!({
            "id": TenantId::generate(at(0)), "name": "Faroles", "email": "hola@faroles.example", "country": "CO",
            "currency": "COP", "fees": {"convenience_rate": 0, "convenience_fixed": 0},
            "vat": {"rate": 0, "included": false}, "created_at": at(0), "version": 3,
        });
        let tenant: Tenant = serde_json::from_value(old.clone()).expect("read");
        assert_eq!(serde_json::to_value(tenant).expect("JSON"), old);
    }
}
