//! `GET /auth/me/export`.

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use domain::discount::MAX_ATTEMPTS;
use domain::member::Member;
use domain::order::Order;
use domain::user::{User, user_not_found};
use domain::{DiscountRequestId, Error, Result, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use web::{Answer, Buyer, Json, Page, Paging, Recent, Refuses, Shared};

use super::consents::ConsentView;
use super::order_view::{BillingData, OrderData};
use super::view::{MemberData, SessionData, TransferData};
use crate::State;
use crate::me::Profile;
use crate::second_factor::FactorsView;

/// The most sessions of an export: those that are swept by their time are not the person's concern.
const SESSIONS: u16 = 100;
/// The most events of an organiser whose requests are looked for.
const EVENTS: u16 = 2000;

pub(super) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/auth/me/export",
        get_with(export, |op| {
            op.id("exportMe").tag("A person's data").summary("All data of the person who is signed in").description(
                "As one JSON document: account, sessions, second factors without their secrets, consents, orders \
                 with payments, slips, tickets, vouchers, data for invoices and what organisers' own systems keep \
                 with them, transfers, and what organisers' communities have of the confirmed \
                 address. Whoever has more than fits a page, which is far under 5 MB, goes on with \
                 `next_cursor`; account and communities are on the first page.",
            )
            .refuses(["user_not_found", "refused_fields"])
        }),
    )
}

/// A person's data.
#[serde_with::skip_serializing_none]
#[derive(Serialize, JsonSchema)]
struct Export {
    /// When it was put together.
    exported_at: Timestamp,
    /// What stands once for the person; on the first page.
    person: Option<PersonData>,
    /// Orders, the latest first.
    orders: Vec<OrderData>,
    /// Transfers sent and received, the latest first.
    transfers: Vec<TransferData>,
    /// Send it as `cursor` for what is left; absent on the last page.
    next_cursor: Option<String>,
}

/// What stands once for a person.
#[derive(Serialize, JsonSchema)]
struct PersonData {
    /// The account.
    account: Profile,
    /// The sessions, the latest first.
    sessions: Vec<SessionData>,
    /// The second factors.
    second_factors: FactorsView,
    /// What the confirmed address was given to organisers for.
    consents: Vec<ConsentView>,
    /// The data for an invoice that were given last, which the next order is offered.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_billing: Option<BillingData>,
    /// The communities that have a member with the account's confirmed address.
    communities: Vec<MemberData>,
}

/// Where a page goes on: in the orders or the transfers of one of the person's ids.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    id: usize,
    in_transfers: bool,
    after: Option<String>,
}

impl Place {
    const START: Self = Self { id: 0, in_transfers: false, after: None };

    /// Reads what [`Self::text`] wrote.
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '.');
        let id = parts.next()?.parse().ok()?;
        let in_transfers = match parts.next()? {
            "o" => false,
            "x" => true,
            _ => return None,
        };
        let after = Some(parts.next()?.to_owned()).filter(|after| !after.is_empty());
        Some(Self { id, in_transfers, after })
    }

    fn text(&self) -> String {
        let list = if self.in_transfers { "x" } else { "o" };
        format!("{}.{list}.{}", self.id, self.after.as_deref().unwrap_or_default())
    }

    /// The place after a page whose list goes on after `last`, if there is any among `ids` ids.
    fn next(&self, last: Option<String>, ids: usize) -> Option<Self> {
        match (last, self.in_transfers) {
            (Some(last), _) => Some(Self { after: Some(last), ..self.clone() }),
            (None, false) => Some(Self { in_transfers: true, after: None, ..self.clone() }),
            (None, true) => {
                Some(Self { id: self.id + 1, in_transfers: false, after: None }).filter(|next| next.id < ids)
            }
        }
    }
}

async fn export(
    Shared(state): Shared<State>,
    Recent(buyer): Recent<Buyer>,
    paging: Paging,
) -> Answer<Json<Export>> {
    let now = state.clock.now();
    let user = state.store.user(buyer.user).await?.ok_or_else(user_not_found)?;
    let ids = state.erasures.ids_of(&user);
    let place = match &paging.after {
        None => Place::START,
        Some(text) => Place::parse(text).filter(|place| place.id < ids.len()).ok_or_else(no_cursor)?,
    };
    let person = match paging.after {
        None => Some(state.person(&user, &buyer).await?),
        Some(_) => None,
    };
    let (id, after) = (ids[place.id], place.after.as_deref());
    let (mut orders, mut transfers) = (Vec::new(), Vec::new());
    let last = if place.in_transfers {
        let page = state.store.transfers(id, after, paging.limit).await?;
        transfers.extend(page.items.into_iter().map(|transfer| TransferData::of(transfer, id, now)));
        page.last
    } else {
        let page = state.store.orders(id, after, paging.limit).await?;
        let ids: Vec<_> = page.items.iter().map(|order| order.id).collect();
        let mut beside = state.store.beside_orders(id, &ids).await?;
        let data = |order: &Order| OrderData::new(order, beside.remove(&order.id).unwrap_or_default());
        orders.extend(page.items.iter().map(data));
        page.last
    };
    let next = place.next(last, ids.len()).map(|place| place.text());
    let Page { next_cursor, .. } = Page::<()>::new(Vec::new(), next);
    Ok(Json(Export { exported_at: now, person, orders, transfers, next_cursor }))
}

fn no_cursor() -> Error {
    Error::refused_field("#cursor", "Must be the `next_cursor` of an earlier page, unchanged.")
}

impl State {
    async fn person(&self, user: &User, buyer: &Buyer) -> Result<PersonData> {
        let sessions = self.store.sessions(user.id, None, SESSIONS).await?.items;
        let (mut communities, mut consents) = (Vec::new(), Vec::new());
        if user.email_verified_at.is_some() {
            consents = self.consents_of(&user.email).await?;
            for (tenant, id) in self.store.memberships(&self.fingerprints, &user.email).await? {
                if let Some(member) = self.store.member(tenant, id).await? {
                    communities.push(self.member_data(member).await?);
                }
            }
        }
        let work = self.work(user).await?;
        let standing = domain::user::ActingRole { role: buyer.role, tenant: buyer.tenant };
        Ok(PersonData {
            account: Profile::new(user, standing, work.workplaces, buyer.operator),
            sessions: sessions.into_iter().map(SessionData::from).collect(),
            second_factors: self.store.second_factors(user.id).await?.into(),
            consents,
            last_billing: self.store.last_billing(user.id).await?.map(BillingData::from),
            communities,
        })
    }

    async fn member_data(&self, member: Member) -> Result<MemberData> {
        let events = self.store.events_ever(member.tenant_id, EVENTS).await?;
        let attempts = |event| (0..MAX_ATTEMPTS).map(move |attempt| (event, attempt));
        let ids: Vec<_> = events
            .into_iter()
            .flat_map(attempts)
            .map(|(event, attempt)| DiscountRequestId::of(member.id, event, attempt))
            .collect();
        let requests = self.store.discount_requests_of(&ids).await?;
        Ok(MemberData::of(member, requests))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_lead_through_both_lists_of_every_id() {
        let mut place = Place::START;
        let mut seen = Vec::new();
        for last in [Some("O#1".to_owned()), None, Some("X#1".to_owned()), None, None] {
            seen.push(place.text());
            assert_eq!(Place::parse(&place.text()), Some(place.clone()));
            place = place.next(last, 2).expect("there is more");
        }
        seen.push(place.text());
        assert_eq!(seen, ["0.o.", "0.o.O#1", "0.x.", "0.x.X#1", "1.o.", "1.x."]);
        assert_eq!(place.next(None, 2), None);
        for text in ["", "0", "0.o", "0.y.", "x.o.", "-1.o."] {
            assert_eq!(Place::parse(text), None, "{text}");
        }
    }
}
