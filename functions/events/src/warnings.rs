//! What an organiser should know about an event that was published or changed, although
//! nothing was wrong enough to refuse it.

use domain::Result;
use domain::event::{Area, Event, EventStatus};
use domain::gateway_account::{GatewayAccount, Mode, choose};
use schemars::JsonSchema;
use serde::Serialize;
use store::EventSheet;

use crate::State;
use crate::view::EventView;

/// An event after a change, with what its organiser should know.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Noted {
    #[serde(flatten)]
    pub(crate) event: EventView,
    /// What should be looked at. The change was made all the same.
    pub(crate) warnings: Vec<EventWarning>,
}

/// Something to look at.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct EventWarning {
    /// What it is about; stable.
    code: EventWarningCode,
    /// What is so, and what to do.
    message: String,
}

/// What a warning is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EventWarningCode {
    /// An area on sale has no places.
    AreaWithoutPlaces,
    /// Tickets cost something, and no gateway takes the money.
    NoWayToPay,
    /// Tickets are paid with a gateway's play money.
    OnlyPlayMoney,
    /// Tickets were sold for another time or place.
    TicketsSold,
}

/// Who takes the money of this installation's buyers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tills {
    /// A sandbox takes what no account takes.
    pub(crate) has_sandbox: bool,
    /// Money is real.
    pub(crate) is_production: bool,
}

impl State {
    /// What is to be said about an event as it is now: `sheet`. `before` is the event
    /// as it was, if it was changed. Nothing about drafts, which nobody buys.
    pub(crate) async fn warnings(
        &self,
        sheet: &EventSheet,
        before: Option<&Event>,
    ) -> Result<Vec<EventWarning>> {
        let event = &sheet.event;
        let mut warnings = Vec::new();
        if event.status == EventStatus::Published && event.ticketing_link.is_none() {
            warnings.extend(sheet.areas.iter().filter_map(without_places));
            if sheet.areas.iter().any(|area| area.capacity > 0 && area.price > 0) {
                let accounts = self.store.gateway_accounts(event.tenant_id).await?;
                warnings.extend(self.tills.warning(&accounts, event));
            }
        }
        if let Some(change) = before.and_then(|before| told_otherwise(before, event)) {
            for area in &sheet.areas {
                if !self.is_untouched(area).await? {
                    warnings.push(sold(change));
                    break;
                }
            }
        }
        Ok(warnings)
    }
}

fn without_places(area: &Area) -> Option<EventWarning> {
    (area.capacity == 0).then(|| EventWarning {
        code: EventWarningCode::AreaWithoutPlaces,
        message: format!(
            "The area {} has no places, so nobody can buy there. Give it rows or a capacity, or delete it.",
            area.area_name
        ),
    })
}

impl Tills {
    fn warning(self, accounts: &[GatewayAccount], event: &Event) -> Option<EventWarning> {
        let currency = event.currency;
        let (code, message) = match choose(accounts, currency).first() {
            None if self.has_sandbox => return None,
            None => (
                EventWarningCode::NoWayToPay,
                format!(
                    "You have no account at a payment gateway that takes {}, so nobody can pay. Add one, with \
                     its credentials, at /api/v1/tenant/gateways.",
                    currency.code()
                ),
            ),
            Some(first) if self.is_production && first.mode == Mode::Test => (
                EventWarningCode::OnlyPlayMoney,
                format!(
                    "Your first account for {} is a gateway's test account: tickets are paid with play money.",
                    currency.code()
                ),
            ),
            Some(_) => return None,
        };
        Some(EventWarning { code, message })
    }
}

/// What the buyers of an event were told otherwise, if anything.
fn told_otherwise(before: &Event, after: &Event) -> Option<&'static str> {
    let times = |event: &Event| (event.starts_at, event.ends_at, event.doors_at, event.time_zone.clone());
    let place = |event: &Event| {
        (event.venue.clone(), event.address.clone(), event.city.clone(), event.country.clone())
    };
    match (times(before) != times(after), place(before) != place(after)) {
        (true, true) => Some("time and place"),
        (true, false) => Some("time"),
        (false, true) => Some("place"),
        (false, false) => None,
    }
}

fn sold(change: &'static str) -> EventWarning {
    EventWarning {
        code: EventWarningCode::TicketsSold,
        message: format!(
            "Tickets are sold or held, and their buyers know another {change}. Nothing has told them yet: do it."
        ),
    }
}

#[cfg(test)]
mod tests {
    use domain::payment::GatewayName;
    use domain::{Currency, GatewayAccountId};

    use super::*;
    use crate::writing::tests::{at, draft};

    fn account(mode: Mode, position: u16, currency: Currency) -> GatewayAccount {
        GatewayAccount {
            id: GatewayAccountId::generate(at(1_795_000_000)),
            tenant_id: draft().tenant_id,
            gateway: GatewayName::Payu,
            mode,
            currencies: vec![currency],
            position,
            holder: None,
            active: true,
            credentials_version: Some("v1".to_owned()),
            closing: false,
            checked_at: None,
            created_at: at(0),
            updated_at: at(0),
            version: 1,
        }
    }

    #[test]
    fn tickets_that_nobody_can_pay_and_play_money_are_pointed_out() {
        let check = |has_sandbox, is_production, accounts: &[GatewayAccount]| {
            let warning = Tills { has_sandbox, is_production }.warning(accounts, &draft());
            warning.map(|warning| warning.code)
        };
        let [live, test] = [Mode::Live, Mode::Test].map(|mode| account(mode, 1, Currency::COP));
        assert_eq!(check(false, true, &[]), Some(EventWarningCode::NoWayToPay));
        assert_eq!(check(true, false, &[]), None, "the sandbox takes it");
        assert_eq!(
            check(false, true, &[account(Mode::Live, 0, Currency::CLP)]),
            Some(EventWarningCode::NoWayToPay)
        );
        let off = GatewayAccount { active: false, ..live.clone() };
        let empty = GatewayAccount { credentials_version: None, ..live.clone() };
        assert_eq!(check(false, true, &[off, empty]), Some(EventWarningCode::NoWayToPay));
        assert_eq!(check(false, true, std::slice::from_ref(&live)), None);
        assert_eq!(check(false, true, std::slice::from_ref(&test)), Some(EventWarningCode::OnlyPlayMoney));
        assert_eq!(check(false, false, std::slice::from_ref(&test)), None, "staging plays");
        let first = GatewayAccount { position: 0, ..live };
        assert_eq!(check(false, true, &[test, first]), None, "the first choice counts");
    }

    #[test]
    fn buyers_were_told_of_times_and_places() {
        let before = draft();
        assert_eq!(told_otherwise(&before, &Event { name: "Otro".to_owned(), ..before.clone() }), None);
        let later = Event { starts_at: at(1_800_000_000), ..before.clone() };
        let elsewhere = Event { city: "Cali".to_owned(), ..before.clone() };
        assert_eq!(told_otherwise(&before, &later), Some("time"));
        assert_eq!(told_otherwise(&before, &elsewhere), Some("place"));
        assert_eq!(
            told_otherwise(&before, &Event { city: "Cali".to_owned(), ..later }),
            Some("time and place")
        );
    }
}
