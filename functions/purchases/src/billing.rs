//! Who an order's invoice is for: the buyer says so, until it is invoiced.

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use domain::billing::{Billing, billing_locked, read_id_number};
use domain::error::Fields;
use domain::member::is_country;
use domain::national_id::{IdKind, MAX_WRITTEN_CHARS};
use domain::order::Order;
use domain::purchaser::OrderAccess;
use domain::text::Line;
use domain::user::Email;
use domain::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::Failure;
use web::{Answer, Json, Opener, Path, Refuses, Shared, based_on};

use crate::{OrderPath, State};

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/purchases/{id}/billing",
        get_with(show, |op| {
            op.id("showBilling")
                .tag("Purchases")
                .summary("Who an order's invoice is for")
                .description(
                    "If the order has no such data yet (`billing_not_found`, 404), `last` has those that the \
                     signed-in user gave before.",
                )
                .refuses(["billing_not_found", "reservation_not_found"])
        })
        .put_with(replace, |op| {
            op.id("replaceBilling")
                .tag("Purchases")
                .summary("Say who an order's invoice is for")
                .description("Can be changed until the order is invoiced (`editable`).")
                .refuses(["billing_locked", "changed_meanwhile", "refused_fields", "reservation_not_found"])
        }),
    )
}

/// The person or company that an invoice names.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewBilling {
    /// The name, or a company's registered name.
    name: Line<1, 200>,
    /// The type of document; `other` for one that the country's own rules do not know.
    id_kind: IdKind,
    /// The document's number, as people write it. A wrong check digit is refused.
    id_number: Line<1, MAX_WRITTEN_CHARS>,
    /// The street address.
    address: Line<1, 200>,
    /// The city.
    city: Line<1, 100>,
    /// The country, as an ISO 3166-1 alpha-2 code such as `CO`.
    #[schemars(regex(pattern = "^[A-Z]{2}$"), extend("x-must" = "Must be an ISO 3166-1 alpha-2 code such as CO."))]
    country: String,
    /// Where the invoice is mailed, if not to the order's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    email: Option<Email>,
    /// The version that the change is based on; another one now is `changed_meanwhile` (409).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<u32>,
}

impl NewBilling {
    /// The data, checked. They are at the pointer `place` of the request.
    ///
    /// # Errors
    /// `invalid_fields` and `refused_fields`.
    pub(crate) fn read(&self, place: &str) -> Result<Billing> {
        let (mut fields, country) = (Fields::new(), &*self.country);
        fields.check(
            is_country(country),
            format!("{place}/country"),
            "Must be an ISO 3166-1 alpha-2 code such as CO.",
        );
        let id_number = read_id_number(self.id_kind, country, self.id_number.as_str(), place, &mut fields);
        fields.finish()?;
        Ok(Billing {
            name: self.name.to_string(),
            id_kind: self.id_kind,
            id_number,
            address: self.address.to_string(),
            city: self.city.to_string(),
            country: self.country.clone(),
            email: self.email.as_ref().map(ToString::to_string),
            version: 0,
            invoiced_at: None,
        })
    }
}

/// The person or company that an order's invoice names.
#[derive(Debug, Serialize, JsonSchema)]
struct BillingView {
    /// The name, or a company's registered name.
    name: String,
    /// The type of document.
    id_kind: IdKind,
    /// The document's number in its one spelling: letters and digits.
    id_number: String,
    /// The street address.
    address: String,
    /// The city.
    city: String,
    /// The country, as an ISO 3166-1 alpha-2 code.
    country: String,
    /// Where the invoice is mailed, if not to the order's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    /// Counts changes, from 1.
    version: u32,
    /// True until the order is invoiced.
    editable: bool,
}

impl From<Billing> for BillingView {
    fn from(billing: Billing) -> Self {
        let editable = billing.invoiced_at.is_none();
        let Billing { name, id_kind, id_number, address, city, country, email, version, .. } = billing;
        Self { name, id_kind, id_number, address, city, country, email, version, editable }
    }
}

async fn show(
    Shared(state): Shared<State>,
    opener: Opener,
    Path(path): Path<OrderPath>,
) -> Answer<Json<BillingView>> {
    let order = state.orders.own(&opener, path.id, state.clock.now()).await?;
    if let Some(billing) = state.store.billing(order.user, order.id).await? {
        return Ok(Json(billing.into()));
    }
    let refusal = Error::not_found("billing_not_found", "This order has no data for an invoice yet.");
    let last = match &opener.purchaser {
        Some(person) => state.store.last_billing(person.user).await?,
        None => None,
    };
    Err(match last {
        Some(Billing { name, id_kind, id_number, address, city, country, email, .. }) => {
            let last = json!({
                "name": name, "id_kind": id_kind, "id_number": id_number, "address": address, "city": city,
                "country": country, "email": email,
            });
            refusal.with("last", last)
        }
        None => refusal,
    }
    .into())
}

async fn replace(
    Shared(state): Shared<State>,
    opener: Opener,
    Path(path): Path<OrderPath>,
    Json(request): Json<NewBilling>,
) -> Answer<Json<BillingView>> {
    let said = request.read("")?;
    let order = state.orders.own(&opener, path.id, state.clock.now()).await?;
    Ok(Json(save(&state, &opener, &order, said, request.version).await?.into()))
}

/// Writes the billing data of an order; nothing if they are as they were. Whoever is signed in is
/// offered them for the next order.
///
/// # Errors
/// `billing_locked` and `changed_meanwhile`.
pub(crate) async fn save(
    state: &State,
    access: &OrderAccess,
    order: &Order,
    said: Billing,
    based: Option<u32>,
) -> Result<Billing> {
    let before = state.store.billing(order.user, order.id).await?;
    based_on(based, before.as_ref().map_or(0, |before| before.version))?;
    let Some(after) = said.clone().replacing(before.as_ref())? else { return Ok(before.unwrap_or(said)) };
    match state.store.put_billing(order.user, order.id, &after).await {
        Ok(()) => {}
        Err(Failure::Refused(_)) => {
            let now = state.store.billing(order.user, order.id).await?;
            let is_locked = now.is_some_and(|now| now.invoiced_at.is_some());
            return Err(if is_locked { billing_locked() } else { Error::changed_meanwhile() });
        }
        Err(failure) => return Err(failure.into()),
    }
    if let Some(person) = &access.purchaser {
        state.store.keep_last_billing(person.user, &after).await?;
    }
    Ok(after)
}
