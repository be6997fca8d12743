//! What an organiser owes the operator for a month's sales, added up a part at a time.
//!
//! What was added up so far travels in the cursor, with the client that asks, so that nothing is stored. It
//! is the client's own: who changes it deceives nobody else.

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use domain::audit::Month;
use domain::payment::GatewayName;
use domain::statement::{Statement, StatementLine};
use domain::tenant::{Tenant, tenant_not_found};
use domain::{Currency, Error, Money, Result, TenantId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::StatementPlace;
use web::{Admin, Answer, Json, MoneyView, Page, Query, Refuses, Shared, cursor_text};

use crate::State;

/// The most characters of a cursor, as descriptions say: lines for all currencies and gateways fit.
const MAX_STATEMENT_CURSOR: usize = 4_000;
/// Steps of one call: far from the 30 seconds that API Gateway waits.
pub(crate) const STEPS: usize = 40;
/// The most orders that a step reads of each shard of an event.
const ORDERS: u16 = 50;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/tenant/statements",
        get_with(list, |op| {
            op.id("listOwnStatements").summary("What you owe the operator for a month").tag("Organisers").description(
                "A line for each currency and gateway, of what was paid in the month (UTC) and is kept now: a refund \
                 takes its share of the commission away, whenever it comes. A call adds up a part; the lines come \
                 with the last one. Go on with `next_cursor` until there is none.",
            )
            .refuses(["tenant_not_found", "refused_fields"])
        }),
    )
}

/// A line of a statement: what was sold through one gateway in one currency.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "StatementLine")]
pub(crate) struct StatementView {
    /// The organiser's tenant id.
    tenant_id: TenantId,
    /// The organiser's name.
    tenant_name: String,
    /// The month in UTC.
    month: Month,
    /// The currency of all amounts.
    currency: Currency,
    /// The gateway that has the money.
    gateway: GatewayName,
    /// The number of payments of which something is kept.
    payments: u32,
    /// The money that the organiser keeps.
    kept: MoneyView,
    /// The operator's commission of it.
    commission: MoneyView,
    /// What the gateway was told to keep for the operator, of refunded payments, too.
    taken: MoneyView,
    /// The commission less what the gateway took; negative if it took more.
    owed: MoneyView,
}

impl StatementView {
    fn new(tenant: &Tenant, month: &Month, line: &StatementLine) -> Self {
        let money = |minor| MoneyView::from(Money::new(minor, line.currency));
        Self {
            tenant_id: tenant.id,
            tenant_name: tenant.name.clone(),
            month: month.clone(),
            currency: line.currency,
            gateway: line.gateway,
            payments: line.payments,
            kept: money(line.kept),
            commission: money(line.commission),
            taken: money(line.taken),
            owed: money(line.owed()),
        }
    }
}

/// An organiser's sales that are being added up.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Summing {
    /// The organiser.
    #[serde(rename = "t")]
    pub(crate) tenant: TenantId,
    #[serde(rename = "p")]
    place: StatementPlace,
    #[serde(rename = "s")]
    so_far: Statement,
}

impl Summing {
    /// Nothing yet.
    pub(crate) fn of(tenant: TenantId) -> Self {
        Self { tenant, place: StatementPlace::start(), so_far: Statement::default() }
    }
}

/// Where a statement goes on.
#[serde_with::skip_serializing_none]
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StatementCursor {
    /// The place of the last organiser that was begun, in the list of all.
    #[serde(rename = "a")]
    pub(crate) after: Option<String>,
    /// The organiser that is not complete.
    #[serde(rename = "o")]
    pub(crate) sums: Option<Summing>,
}

impl StatementCursor {
    /// The beginning without a cursor.
    ///
    /// # Errors
    /// `refused_fields` for what is no cursor of a statement.
    pub(crate) fn read(cursor: Option<&str>) -> Result<Self> {
        let Some(cursor) = cursor else { return Ok(Self::default()) };
        let text = cursor_text(cursor, MAX_STATEMENT_CURSOR);
        text.and_then(|text| serde_json::from_str(&text).ok()).ok_or_else(|| {
            Error::refused_field("#cursor", "Must be the `next_cursor` of an earlier answer, unchanged.")
        })
    }

    /// The cursor within an organiser's sales.
    pub(crate) fn within(sums: Summing) -> Self {
        Self { after: None, sums: Some(sums) }
    }

    /// The cursor as [`Page::new`] takes it.
    pub(crate) fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Which statement to make.
#[derive(Debug, Deserialize, JsonSchema)]
struct OfMonth {
    /// The month in UTC, such as `2026-11`. If missing, the current one.
    month: Option<Month>,
    /// The `next_cursor` of the call before, with the same `month`.
    #[schemars(regex(pattern = "^[A-Za-z0-9_-]{1,4000}$"))]
    cursor: Option<String>,
}

async fn list(
    Shared(state): Shared<State>,
    admin: Admin,
    Query(query): Query<OfMonth>,
) -> Answer<Json<Page<StatementView>>> {
    let month = query.month.unwrap_or_else(|| Month::of(state.clock.now()));
    let tenant = state.store.tenant(admin.tenant).await?.ok_or_else(tenant_not_found)?;
    // Whoever's the cursor says, the sales are the caller's.
    let sums = StatementCursor::read(query.cursor.as_deref())?.sums;
    let sums = sums.map_or_else(|| Summing::of(tenant.id), |sums| Summing { tenant: tenant.id, ..sums });
    let mut left = STEPS;
    let (lines, unfinished) = state.add_up(&tenant, sums, &month, &mut left).await?;
    Ok(Json(Page::new(lines, unfinished.map(StatementCursor::within).map(|at| at.text()))))
}

impl State {
    /// Adds up a tenant's sales of the month, in as many steps as are left at most. The lines once they
    /// are complete, or what is added up so far.
    pub(crate) async fn add_up(
        &self,
        tenant: &Tenant,
        mut sums: Summing,
        month: &Month,
        left: &mut usize,
    ) -> Result<(Vec<StatementView>, Option<Summing>)> {
        while *left > 0 {
            *left -= 1;
            let step = self.store.statement_step(tenant.id, &sums.place, month, ORDERS).await?;
            step.orders.iter().for_each(|order| sums.so_far.add(order, month));
            let Some(next) = step.next else {
                let lines = sums.so_far.lines().iter();
                return Ok((lines.map(|line| StatementView::new(tenant, month, line)).collect(), None));
            };
            sums.place = next;
        }
        Ok((Vec::new(), Some(sums)))
    }
}

#[cfg(test)]
mod tests {
    use domain::order::{OrderStatus, PaymentState, fixture};
    use domain::testing::at;

    use super::*;

    /// The longest cursor that can come: lines of all currencies that gateways take, with huge amounts.
    #[test]
    fn a_cursor_reads_as_it_was_written_and_fits_into_an_address() {
        let mut sums = Summing::of(TenantId::generate(at(0)));
        let month = Month::of(fixture::now());
        for code in ["ARS", "BRL", "CLP", "COP", "MXN", "PEN", "USD", "UYU"] {
            for gateway in GatewayName::ALL {
                let order = fixture::order(OrderStatus::Paid, &[PaymentState::Approved]).with(|order| {
                    let huge = 99_999_999_999_999;
                    order.currency = Currency::from_code(code).expect("a currency");
                    (order.total, order.commission, order.payments[0].amount) = (huge, huge, huge);
                    (order.payments[0].marketplace_fee, order.payments[0].gateway) = (huge, gateway);
                });
                sums.so_far.add(&order, &month);
            }
        }
        let cursor =
            StatementCursor { after: Some("2026-11-18T11:06:40Z#01jd".to_owned()), sums: Some(sums) };
        let page: Page<()> = Page::new(Vec::new(), Some(cursor.text()));
        let text = page.next_cursor.expect("a cursor");
        assert!(text.len() <= MAX_STATEMENT_CURSOR, "{}", text.len());
        assert_eq!(StatementCursor::read(Some(&text)).expect("a cursor"), cursor);
        for wrong in ["", "e30x", "%", "bm9uc2Vuc2U"] {
            assert_eq!(StatementCursor::read(Some(wrong)).expect_err("no cursor").code(), "refused_fields");
        }
        assert_eq!(StatementCursor::read(Some("e30")).expect("the beginning"), StatementCursor::default());
    }
}
