//! Looks at the proofs of organisers' sites, each once a week, or daily while it is missing. A site whose
//! proof was missing for fourteen days is its organiser's no longer.

use domain::site::{Checked, SiteHost};
use domain::{Result, TenantId, Timestamp};
use futures::{StreamExt, stream};
use store::was_done;

use crate::State;

/// Sites per run; with a run every hour, 16,000 a week. Those that are left come first in the next.
const SITES: u16 = 100;

/// Sites that are looked at concurrently. A look takes some six seconds at most, so a run ends in time.
const AT_ONCE: usize = 16;

/// Looks at the sites that are due; returns their number.
pub(crate) async fn look(state: &State) -> Result<usize> {
    let now = state.clock.now();
    let due = state.store.sites_due(now, SITES).await?;
    let looks = due.into_iter().map(|(tenant, host)| look_at(state, tenant, host, now));
    let looked: Vec<Result<bool>> = stream::iter(looks).buffer_unordered(AT_ONCE).collect().await;
    let mut done = 0;
    for one in looked {
        done += usize::from(one?);
    }
    Ok(done)
}

/// Looks at one site. False if it is due no more, or was changed meanwhile.
async fn look_at(state: &State, tenant: TenantId, host: SiteHost, now: Timestamp) -> Result<bool> {
    let Some(site) = state.store.own_site(tenant, &host).await? else { return Ok(false) };
    if site.check_at.is_none_or(|check_at| now < check_at) {
        return Ok(false);
    }
    let look = state.proofs.look(&site).await;
    let saved = match site.checked(look, now) {
        Checked::Stays(site) => state.store.save_checked_site(&site).await,
        Checked::Ends(site) => {
            tracing::warn!(%tenant, %host, "a site is lost: its proof was missing for fourteen days");
            state.store.end_site(&site).await
        }
    };
    Ok(was_done(saved)?)
}
