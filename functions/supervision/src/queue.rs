//! The queue of requests: lists by state, and one request in full.

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use domain::discount::{DecisionType, DiscountRequest, Tab};
use domain::error::Fields;
use domain::search::{Entry, Index, MAX_QUERY_CHARS};
use domain::text::Line;
use domain::{EventId, Result, TenantId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{Listing, RequestFilter, Store};
use web::{Answer, Json, Page, Paging, Path, Query, Refuses, Shared, Supervisor};

use crate::State;
use crate::staff::RequestPath;
use crate::view::{QueueItem, RequestDetail};

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route(
            "/api/v1/supervision/queue",
            get_with(list, |op| {
                op.id("listQueue").summary("List requests").tag("Supervision").description(
                    "By when they were made, without the texts of their mails. `approved`, `rejected` and `needs_clarification` are those that were \
                     decided and not sent; `pending` is all that was not sent. With `q`, only requests whose \
                     e-mail address, name or show it may mean; a page may then have few of them, or none, and go on.",
                )
            }),
        )
        .api_route(
            "/api/v1/supervision/queue/{id}",
            get_with(show, |op| {
                op.id("showQueued").summary("Show a request").tag("Supervision").description(
                    "With the mail as it would be sent, and how many discounts the show has left.",
                )
                .refuses(["request_not_found"])
            }),
        )
}

/// The most requests that a search reads before it answers with what it found.
const MOST_SEARCHED: usize = 1_000;
/// The requests that a search reads at once.
const SEARCHED_AT_ONCE: u16 = 100;

/// A list of the queue, by the state of its requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Status {
    /// All requests that are not sent.
    #[default]
    Pending,
    /// Not decided yet.
    Undecided,
    /// Approved and not sent.
    Approved,
    /// Rejected and not sent.
    Rejected,
    /// To be clarified by the member, and not sent.
    NeedsClarification,
    /// Sent.
    Sent,
}

impl Status {
    const fn tabs(self) -> &'static [Tab] {
        match self {
            Self::Pending => &Tab::PENDING,
            Self::Undecided => &[Tab::Undecided],
            Self::Approved => &[Tab::Decided(DecisionType::Approved)],
            Self::Rejected => &[Tab::Decided(DecisionType::Rejected)],
            Self::NeedsClarification => &[Tab::Decided(DecisionType::NeedsClarification)],
            Self::Sent => &Tab::SENT,
        }
    }
}

/// The order of a list by when the requests were made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum QueueOrder {
    /// The newest request first.
    #[default]
    NewestFirst,
    /// The oldest request first.
    OldestFirst,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
struct Filter {
    /// Only requests in this state. If missing, `pending`.
    #[serde(default)]
    status: Status,
    /// The order of the list. If missing, `newest_first`.
    #[serde(default)]
    order: QueueOrder,
    /// Words of the member's address or name or of the show; typos are forgiven.
    q: Option<Line<0, MAX_QUERY_CHARS>>,
    /// Only requests for the show with this id.
    show_id: Option<EventId>,
    /// Only requests for which this decision was suggested.
    suggestion: Option<DecisionType>,
    /// Only requests made at this time or later.
    from: Option<Timestamp>,
    /// Only requests made before this time.
    to: Option<Timestamp>,
}

impl Filter {
    fn wanted(&self) -> RequestFilter<'static> {
        RequestFilter {
            tabs: self.status.tabs(),
            from: self.from,
            to: self.to,
            newest_first: self.order == QueueOrder::NewestFirst,
            show: self.show_id,
            suggestion: self.suggestion,
        }
    }
}

/// A request with its mail and the discounts that its show has left.
#[derive(Debug, Serialize, JsonSchema)]
struct Detail {
    #[serde(flatten)]
    request: RequestDetail,
    /// The most discounts that members get for the show; 0 if it was deleted.
    max_discounts: u32,
    /// The discounts that no approval has taken yet.
    remaining_discounts: u32,
}

async fn list(
    Shared(state): Shared<State>,
    supervisor: Supervisor,
    Query(filter): Query<Filter>,
    paging: Paging,
) -> Answer<Json<Page<QueueItem>>> {
    let tenant = supervisor.tenant;
    let mut fields = Fields::new();
    let query = filter.q.as_deref().filter(|query| !query.is_empty());
    fields.rule(
        filter.from.zip(filter.to).is_none_or(|(from, to)| from < to),
        "#to",
        "Must be later than `from`.",
    );
    fields.finish()?;
    let found = match query {
        Some(query) => state.search(tenant, filter.wanted(), query, &paging).await?,
        None => {
            let after = paging.after.as_deref();
            let page = state.store.discount_requests(tenant, filter.wanted(), after, paging.limit).await;
            page?
        }
    };
    let desk = state.mail_context(tenant, &found.items).await?;
    let item = |request| QueueItem::new(request, &desk);
    let items = found.items.into_iter().map(item).collect::<Result<_>>()?;
    Ok(Json(Page::new(items, found.last)))
}

async fn show(
    Shared(state): Shared<State>,
    supervisor: Supervisor,
    Path(path): Path<RequestPath>,
) -> Answer<Json<Detail>> {
    let request = state.request_of(supervisor.tenant, path.id).await?;
    let desk = state.mail_context(supervisor.tenant, std::slice::from_ref(&request)).await?;
    let (max_discounts, remaining_discounts) = match desk.show(&request) {
        Some(show) => {
            let left = state.store.discounts_left(show, state.clock.now()).await?;
            (show.max_discounts, left)
        }
        None => (0, 0),
    };
    Ok(Json(Detail { request: RequestDetail::new(request, &desk)?, max_discounts, remaining_discounts }))
}

impl State {
    /// A page of the requests that `query` may mean, in the order of the list.
    async fn search(
        &self,
        tenant: TenantId,
        wanted: RequestFilter<'_>,
        query: &str,
        paging: &Paging,
    ) -> Result<Listing<DiscountRequest>> {
        let (mut found, mut after, mut searched) = (Vec::new(), paging.after.clone(), 0);
        loop {
            let page =
                self.store.discount_requests(tenant, wanted, after.as_deref(), SEARCHED_AT_ONCE).await?;
            searched += usize::from(SEARCHED_AT_ONCE);
            for request in matching(page.items, query) {
                if found.len() == usize::from(paging.limit) {
                    let last = found.last().map(Store::after_discount_request);
                    return Ok(Listing { items: found, last });
                }
                found.push(request);
            }
            if page.last.is_none() || searched >= MOST_SEARCHED {
                return Ok(Listing { items: found, last: page.last });
            }
            after = page.last;
        }
    }
}

/// The requests that `query` may mean, in the same order.
fn matching(mut requests: Vec<DiscountRequest>, query: &str) -> Vec<DiscountRequest> {
    let index = Index::new(requests.iter().map(|request| Entry {
        id: request.id,
        title: &request.user_name,
        artist: &request.user_email,
        venue: &request.show_description,
        city: "",
        genre: "",
    }));
    let found: Vec<_> = index.search(query, requests.len()).into_iter().map(|(id, _)| id).collect();
    requests.retain(|request| found.contains(&request.id));
    requests
}
