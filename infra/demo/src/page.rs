//! The page of an organiser: its address, looks, logo and policies.

use std::time::Duration;

use boot::Boot;
use bucket::Bucket;
use domain::audit::AuditNote;
use domain::policy::{Policy, PolicyKind, PolicyText, PolicyVersions};
use domain::tenant::Tenant;
use domain::{Error, ImageId, Result, TenantId, Timestamp, UserId};
use store::Store;

use crate::DemoError;

/// A kite, drawn for this.
const LOGO: &[u8] = include_bytes!("logo.png");

/// How long storing the logo may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What an organiser says of itself.
pub(super) struct OwnPage {
    pub(super) slug: &'static str,
    phone: &'static str,
    website: &'static str,
    accent: &'static str,
    /// The texts of the policies, in Spanish and English.
    pub(super) policies: [(PolicyKind, &'static str, &'static str); 3],
}

pub(super) const VOLANTIN: OwnPage = OwnPage {
    slug: "volantin-imaginario",
    phone: "+56 32 000 0000",
    website: "https://volantin.example",
    accent: "#0b6b4f",
    policies: [
        (
            PolicyKind::Terms,
            "Tu entrada vale para la función, la fecha y el lugar que dice. Si la revendes más cara, no la \
             reconocemos.\n\nEn la puerta se entra con el código: quien lo muestra primero, entra.",
            "Your ticket is good for the show, date and place that it names. We do not honour tickets that are \
             resold at a higher price.\n\nThe code opens the door: whoever shows it first comes in.",
        ),
        (
            PolicyKind::Privacy,
            "Guardamos tu nombre y tu correo para enviarte las entradas y avisarte si la función cambia. No se \
             los damos a nadie.",
            "We keep your name and address to send you the tickets, and to tell you if the show changes. We give \
             them to nobody.",
        ),
        (
            PolicyKind::Refunds,
            "Devolvemos todo si la función se cancela. Hasta siete días antes, también si no puedes venir: \
             escríbenos. Lo que pediste en la barra se devuelve mientras no lo hayas retirado.",
            "We give everything back if the show is cancelled. Up to seven days before, also if you can not \
             come: write to us. What you ordered at the bar is refunded as long as you have not fetched it.",
        ),
    ],
};

impl OwnPage {
    /// The versions of its policies that hold.
    pub(super) const VERSIONS: PolicyVersions = PolicyVersions { terms: 1, privacy: 1, refunds: 1 };

    /// The tenant with this page, as yet without policies.
    pub(super) fn of(&self, tenant: Tenant, logo: Option<&str>) -> Result<Tenant> {
        Ok(Tenant {
            slug: Some(self.slug.to_owned()),
            phone: Some(self.phone.to_owned()),
            website: Some(self.website.to_owned()),
            logo: logo.map(str::to_owned),
            accent: Some(self.accent.parse().map_err(Error::internal)?),
            ..tenant
        })
    }

    /// Publishes the policies, as the tenant's admin does.
    pub(super) async fn publish(
        &self,
        store: &Store,
        mut tenant: Tenant,
        (by, by_email): (UserId, &str),
        now: Timestamp,
    ) -> Result<()> {
        for (kind, es, en) in self.policies {
            let text = PolicyText { es: es.to_owned(), en: Some(en.to_owned()), withdrawal: None };
            let version = Self::VERSIONS.get(kind);
            let policy = Policy { tenant_id: tenant.id, kind, version, text, published_at: now };
            let note = AuditNote {
                tenant_id: tenant.id,
                by,
                by_email: by_email.to_owned(),
                action: "policy.publish".to_owned(),
                subject: kind.as_str().to_owned(),
                at: now,
            };
            tenant.policies = tenant.policies.with(kind, version);
            tenant.version += 1;
            store.publish_policy(&policy, &tenant, &note).await?;
        }
        Ok(())
    }
}

/// Puts the logo of a tenant's page into the bucket of pictures, as the admin's browser does. Returns its
/// address. Reads `IMAGES_BUCKET` and `PUBLIC_URL`.
pub(super) async fn hang_logo(boot: &Boot, tenant: TenantId, now: Timestamp) -> Result<String, DemoError> {
    let bucket = Bucket::from_env(boot, "IMAGES_BUCKET")?;
    let key = format!("images/{tenant}/{}.png", ImageId::generate(now));
    let size = u32::try_from(LOGO.len()).map_err(Error::internal)?;
    let kept = ("cache-control", "public, max-age=31536000, immutable");
    let upload = bucket.upload(&key, ("image/png", size), &[kept], (now, PATIENCE * 30))?;
    let http = outbound::connection_pool(false, PATIENCE).map_err(Error::internal)?;
    let mut request = http.put(&upload.url).timeout(PATIENCE).body(LOGO);
    // The length comes from the body.
    for (name, value) in upload.headers.iter().filter(|(name, _)| *name != "content-length") {
        request = request.header(name, value);
    }
    let answer = request.send().await.and_then(|answer| answer.error_for_status());
    answer.map_err(|error| Error::internal(format!("the logo cannot be stored: {error}")))?;
    Ok(format!("{}/{key}", boot.env.public_url()?))
}
