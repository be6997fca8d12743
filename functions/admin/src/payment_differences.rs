//! Differences between what a gateway has and what an order says.

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use domain::payment_difference::PaymentDifference;
use domain::{Error, Result, Timestamp};
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::Deserialize;
use web::{Admin, Answer, Json, Page, Paging, Query, Shared};

use crate::State;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/tenant/payment-differences",
        get_with(list, |op| {
            op.id("listPaymentDifferences")
                .summary("List what gateways and orders did not agree about")
                .tag("Refund tasks")
                .description(
                    "The payments of orders with tickets are compared with the gateway's once a day, for three days \
                     after the order was made, whether its event is still on sale or not. What settles by nobody's \
                     doing is here, each day that it is seen, the latest day first; an empty list means that all is \
                     well. Of a day that has something, its organiser gets a mail when it is over.",
                )
        }),
    )
}

/// Filter by day.
#[derive(Debug, Deserialize, JsonSchema)]
struct OfDay {
    /// Only differences seen on this day (UTC), such as `2026-11-21`.
    day: Option<Date>,
}

async fn list(
    Shared(state): Shared<State>,
    admin: Admin,
    Query(query): Query<OfDay>,
    paging: Paging,
) -> Answer<Json<Page<PaymentDifference>>> {
    let (after, limit) = (paging.after.as_deref(), paging.limit);
    let page = match query.day.map(start_of).transpose()? {
        Some(day) => state.store.payment_differences_of(admin.tenant, day, after, limit).await,
        None => state.store.payment_differences(admin.tenant, after, limit).await,
    };
    let page = page?;
    Ok(Json(Page::new(page.items, page.last)))
}

/// Midnight (UTC) at which the day begins.
fn start_of(day: Date) -> Result<Timestamp> {
    format!("{day}T00:00:00Z")
        .parse()
        .map_err(|_| Error::refused_field("#day", "Must be a day of our time, such as 2026-11-21."))
}
