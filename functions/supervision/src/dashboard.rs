//! The counters of the dashboard.

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use domain::discount::{DecisionType, Tab};
use domain::{Error, Result, TenantId};
use futures::future::try_join_all;
use schemars::JsonSchema;
use serde::Serialize;
use web::{Answer, Json, Shared, Supervisor};

use crate::State;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/supervision/dashboard",
        get_with(dashboard, |op| {
            op.id("showDashboard").summary("How many requests are where").tag("Supervision")
        }),
    )
}

/// Numbers of requests by state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Counters {
    /// Requests that are approved and not sent.
    pub(crate) approved: u64,
    /// Requests that are rejected and not sent.
    pub(crate) rejected: u64,
    /// Requests whose answer was sent.
    pub(crate) sent: u64,
    /// Requests that are ready to be sent: `approved` and `rejected` together.
    pub(crate) pending: u64,
    /// Requests that are not decided.
    pub(crate) undecided: u64,
    /// Requests that the member has to clarify, with the answer not sent.
    pub(crate) needs_clarification: u64,
}

/// The number of requests in each list of the queue.
pub(crate) struct Counted(Vec<(Tab, u64)>);

impl Counted {
    pub(crate) fn of(&self, tab: Tab) -> u64 {
        self.0.iter().find(|(counted, _)| *counted == tab).map_or(0, |(_, count)| *count)
    }

    pub(crate) fn all(&self) -> u64 {
        self.0.iter().map(|(_, count)| count).sum()
    }

    pub(crate) fn counters(&self) -> Counters {
        let decided = |decision| self.of(Tab::Decided(decision));
        let (approved, rejected) = (decided(DecisionType::Approved), decided(DecisionType::Rejected));
        Counters {
            approved,
            rejected,
            sent: Tab::SENT.iter().map(|tab| self.of(*tab)).sum(),
            pending: approved + rejected,
            undecided: self.of(Tab::Undecided),
            needs_clarification: decided(DecisionType::NeedsClarification),
        }
    }
}

impl State {
    /// Counts all of a tenant's requests.
    pub(crate) async fn count(&self, tenant: TenantId) -> Result<Counted> {
        let counts = Tab::PENDING.into_iter().chain(Tab::SENT).map(|tab| async move {
            Ok::<_, Error>((tab, self.store.count_discount_requests(tenant, tab).await?))
        });
        Ok(Counted(try_join_all(counts).await?))
    }
}

async fn dashboard(Shared(state): Shared<State>, supervisor: Supervisor) -> Answer<Json<Counters>> {
    Ok(Json(state.count(supervisor.tenant).await?.counters()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_add_up_the_lists_of_the_queue() {
        let tabs = Tab::PENDING.into_iter().chain(Tab::SENT);
        // 1, 2, 4 and so on: every sum shows which counts are in it.
        let counted = Counted(tabs.enumerate().map(|(index, tab)| (tab, 1 << index)).collect());
        let counters = Counters {
            undecided: 1,
            approved: 2,
            rejected: 4,
            pending: 2 + 4,
            needs_clarification: 8,
            sent: 16 + 32 + 64,
        };
        assert_eq!((counted.counters(), counted.all()), (counters, 127));
    }
}
