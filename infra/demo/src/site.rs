//! An organiser's own host, which browsers find on this machine.

use domain::audit::AuditNote;
use domain::site::{Site, SiteHost, SiteProof, SiteToken};
use domain::{Error, Result, TenantId, Timestamp, UserId};
use store::Store;

/// The host. Everything below `localhost` leads to this machine.
const HOST: &str = "sala.localhost";

/// The same in every data folder, because the simulated internet has it from the start.
const TOKEN: u128 = 0x5a1a_0190_0000_7000_8000_0000_0000_0002;

fn host() -> SiteHost {
    HOST.parse().expect("a host that is written here")
}

/// The host.
pub fn site_host() -> &'static str {
    HOST
}

/// The name and the text of the DNS record that proves whose host it is.
pub fn site_record() -> (String, String) {
    (host().record_name(), SiteToken::from_bits(TOKEN).record())
}

/// Makes the host the tenant's, as its admin does by the proof.
pub(crate) async fn open_site(
    store: &Store,
    tenant: TenantId,
    by: (UserId, &str),
    now: Timestamp,
) -> Result<()> {
    let (admin, address) = by;
    let note = |action: &str| AuditNote {
        tenant_id: tenant,
        by: admin,
        by_email: address.to_owned(),
        action: format!("site.{action}"),
        subject: HOST.to_owned(),
        at: now,
    };
    let site = Site::new(tenant, host(), SiteToken::from_bits(TOKEN), now);
    let site = store.create_site(&site, &note("create")).await?.proved(SiteProof::Dns, now);
    let claim = site.claim(admin).ok_or_else(|| Error::internal("a proved site has a claim"))?;
    Ok(store.prove_site(&site, &claim, None, None, &note("prove")).await?)
}
