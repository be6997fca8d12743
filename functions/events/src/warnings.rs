//! Warnings for the organiser of an event that was published or changed: problems that
//! were no reason to refuse the request.

use std::collections::BTreeSet;

use domain::Result;
use domain::event::{Area, AreaKind, Event, EventStatus, PricedEvent};
use domain::gateway_account::{GatewayAccount, Mode, choose};
use domain::payable::PriceUnit;
use domain::plan::{Plan, View, categories};
use domain::pricing::{AdjustmentType, Target};
use domain::product::PricedProduct;
use domain::{Language, Money, format};
use schemars::JsonSchema;
use serde::Serialize;
use store::StoredEvent;

use crate::State;
use crate::view::EventView;

/// An event after a change, with warnings for its organiser.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct EventWithWarnings {
    #[serde(flatten)]
    pub(crate) event: EventView,
    /// Problems that the organiser should look at. The change was made all the same.
    pub(crate) warnings: Vec<EventWarning>,
}

/// A problem that the organiser should look at.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct EventWarning {
    /// The kind of problem; stable, for programs.
    code: EventWarningCode,
    /// The problem and what to do about it, in English.
    message: String,
    /// The same as `message`, in Spanish.
    message_es: String,
}

impl EventWarning {
    fn new(code: EventWarningCode, message: impl Into<String>, message_es: impl Into<String>) -> Self {
        Self { code, message: message.into(), message_es: message_es.into() }
    }
}

/// The kind of problem that a warning names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EventWarningCode {
    /// An area on sale has no places.
    AreaWithoutPlaces,
    /// Tickets cost something, and no gateway account takes the event's currency.
    NoWayToPay,
    /// Tickets are paid with play money: the first gateway account is a test account.
    OnlyPlayMoney,
    /// Tickets were sold or are held for another time or place.
    TicketsSold,
    /// A price has more decimals than gateways take, so buyers pay a rounded one.
    PriceRounded,
    /// Tickets of a postponed or cancelled event are sold or held, and nobody was refunded.
    RefundsNotStarted,
    /// The event's start was moved, but its sale stages with dates were not.
    StagesNotMoved,
    /// The plan has seats of a category that no area sells.
    CategoryNotSold,
    /// Views of the plan have pictures that are another event's.
    PicturesMissing,
}

/// What this installation can take payments with, besides the organiser's accounts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PaymentMeans {
    /// A sandbox gateway takes the payments that no account takes.
    pub(crate) has_sandbox: bool,
    /// The stage is production, where buyers expect to pay real money.
    pub(crate) is_production: bool,
}

impl State {
    /// The warnings about the event in `sheet`. `before` is the event before the change, if
    /// it was changed. Nothing about areas and payment of a draft, which is not on sale.
    pub(crate) async fn warnings(
        &self,
        sheet: &PricedEvent,
        before: Option<&StoredEvent>,
    ) -> Result<Vec<EventWarning>> {
        let event = &sheet.event;
        let mut warnings = Vec::new();
        if event.status == EventStatus::Published && event.ticketing_link.is_none() {
            warnings.extend(sheet.areas.iter().flat_map(|area| of_area(event, area)));
            if costs_something(sheet) {
                let accounts = self.store.gateway_accounts(event.tenant_id).await?;
                warnings.extend(self.payment_means.warning(&accounts, event));
            }
        }
        let Some(before) = before else { return Ok(warnings) };
        if let Some((change, cambio)) = changed_time_or_place(&before.event, event)
            && self.has_sales(before).await?
        {
            warnings.push(tickets_sold_warning(change, cambio));
        }
        if before.event.starts_at != event.starts_at {
            warnings.extend(stages_not_moved(sheet));
        }
        Ok(warnings)
    }
}

impl State {
    /// The warning about a postponed or cancelled event, if its tickets are sold or held.
    pub(crate) async fn refunds_not_started(&self, sheet: &StoredEvent) -> Result<Option<EventWarning>> {
        let warning = || {
            EventWarning::new(
                EventWarningCode::RefundsNotStarted,
                "Tickets of this event are sold or held. Their buyers were not told and nothing was refunded. Refund \
                 the orders whose buyers do not keep their tickets.",
                "Hay entradas de este evento vendidas o apartadas. No se avisó a quienes las compraron ni se \
                 devolvió nada. Devuelve el dinero de las compras de quienes no conservan sus entradas.",
            )
        };
        Ok(self.has_sales(sheet).await?.then(warning))
    }

    /// True if tickets of the event are sold or held.
    async fn has_sales(&self, sheet: &StoredEvent) -> Result<bool> {
        for area in &sheet.areas {
            if !self.store.is_untouched(sheet, area, self.clock.now()).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The warning about seats of a plan that no area sells, so that it cannot be published.
pub(crate) fn unsold_categories(sheet: &PricedEvent, plan: &Plan) -> Option<EventWarning> {
    let sold: Vec<String> = categories(&sheet.areas)
        .into_iter()
        .zip(&sheet.areas)
        .filter(|(_, area)| area.kind == AreaKind::Seated)
        .map(|((_, category), _)| category)
        .collect();
    let unsold: BTreeSet<&str> = plan
        .seats()
        .map(|(_, seat)| seat.category.as_str())
        .filter(|category| !sold.iter().any(|sold| sold == category))
        .collect();
    let names = unsold.into_iter().collect::<Vec<_>>().join(", ");
    (!names.is_empty()).then(|| {
        EventWarning::new(
            EventWarningCode::CategoryNotSold,
            format!("No area sells these categories of the plan: {names}. Create areas for them before you publish it."),
            format!("Ningún sector vende estas categorías del plano: {names}. Crea los sectores antes de publicarlo."),
        )
    })
}

/// The warning about a plan whose views have pictures that the event does not have.
pub(crate) fn pictures_missing(sheet: &PricedEvent, plan: &Plan) -> Option<EventWarning> {
    let has = |view: &View| {
        let known = |image| sheet.event.images.iter().any(|own| own.id == image);
        view.image.is_none_or(known)
    };
    let sections = plan.sections.iter().filter_map(|section| section.view.as_ref());
    let seats = plan.seats().filter_map(|(_, seat)| seat.view.as_ref());
    (!sections.chain(seats).all(has)).then(|| {
        EventWarning::new(
            EventWarningCode::PicturesMissing,
            "Views of the plan have pictures that this event does not have. Upload them here, and name them in a new \
             version of the plan.",
            "Hay vistas del plano con imágenes que este evento no tiene. Súbelas aquí y nómbralas en una versión \
             nueva del plano.",
        )
    })
}

/// The warnings about an area after it was created or changed. Missing places do not
/// matter before its event is on sale.
pub(crate) fn of_area(event: &Event, area: &Area) -> Vec<EventWarning> {
    let is_on_sale = event.status == EventStatus::Published && event.ticketing_link.is_none();
    let without_places = Some(area).filter(|_| is_on_sale).and_then(without_places);
    without_places.into_iter().chain(price_rounded_warning(area)).collect()
}

fn without_places(area: &Area) -> Option<EventWarning> {
    let name = &area.area_name;
    (area.capacity == 0).then(|| {
        EventWarning::new(
            EventWarningCode::AreaWithoutPlaces,
            format!("The area {name} has no places, so nobody can buy there. Give it rows or a capacity, or delete it."),
            format!("El área {name} no tiene lugares, así que nadie puede comprar allí. Dale filas o una capacidad, o bórrala."),
        )
    })
}

fn price_rounded_warning(area: &Area) -> Option<EventWarning> {
    let (name, paid) = (&area.area_name, PriceUnit::of(area.currency).round(area.price));
    let [price_en, price_es, paid_en, paid_es] =
        [(area.price, Language::En), (area.price, Language::Es), (paid, Language::En), (paid, Language::Es)]
            .map(|(amount, language)| format::money(Money::new(amount, area.currency), language));
    let (effect, efecto) = match paid {
        0 => ("is free for buyers".to_owned(), "es gratis para el comprador".to_owned()),
        _ => (format!("costs buyers {paid_en}"), format!("le cuesta {paid_es} al comprador")),
    };
    (paid != area.price).then(|| {
        EventWarning::new(
            EventWarningCode::PriceRounded,
            format!("No gateway takes the decimals of {price_en}: a ticket of {name} {effect}."),
            format!("Ninguna pasarela recibe los decimales de {price_es}: una entrada de {name} {efecto}."),
        )
    })
}

/// True if a ticket costs something, in an area with a price or by a sale stage that gives a price to a
/// free area, or a product of the event does.
fn costs_something(sheet: &PricedEvent) -> bool {
    let charges = |area: &Area| {
        sheet.stages.iter().any(|stage| {
            stage.active
                && stage.price_adjustment_type == AdjustmentType::Fixed
                && stage.price_adjustment_value > 0
                && stage.is_for(Target::Area(area.id))
        })
    };
    let is_dear = |priced: &PricedProduct| {
        priced.product.active && priced.variants.iter().any(|variant| variant.active && variant.price > 0)
    };
    sheet.areas_with_places().any(|area| area.price > 0 || charges(area))
        || sheet.products.iter().any(is_dear)
}

fn stages_not_moved(sheet: &PricedEvent) -> Option<EventWarning> {
    let dated = sheet.stages.iter().filter(|stage| stage.start_time.is_some() || stage.end_time.is_some());
    let names: Vec<&str> = dated.map(|stage| stage.stage_name.as_str()).collect();
    let names = names.join(", ");
    (!names.is_empty()).then(|| {
        EventWarning::new(
            EventWarningCode::StagesNotMoved,
            format!(
                "Sale stages with dates stay on theirs: {names}. Change them if they are to move with the show; \
                 promotions with dates, too."
            ),
            format!(
                "Las etapas de venta con fechas se quedan en las suyas: {names}. Cámbialas si deben moverse con el \
                 evento; las promociones con fechas, también."
            ),
        )
    })
}

impl PaymentMeans {
    fn warning(self, accounts: &[GatewayAccount], event: &Event) -> Option<EventWarning> {
        let currency = event.currency.code();
        Some(match choose(accounts, event.currency).first() {
            None if self.has_sandbox => return None,
            None => EventWarning::new(
                EventWarningCode::NoWayToPay,
                format!(
                    "You have no account at a payment gateway that takes {currency}, so nobody can pay. Add one, \
                     with its credentials, at /api/v1/tenant/gateways."
                ),
                format!(
                    "No tienes ninguna cuenta en una pasarela de pagos que reciba {currency}, así que nadie puede \
                     pagar. Agrega una, con sus credenciales, en /api/v1/tenant/gateways."
                ),
            ),
            Some(first) if self.is_production && first.mode == Mode::Test => EventWarning::new(
                EventWarningCode::OnlyPlayMoney,
                format!(
                    "Your first account for {currency} is a gateway's test account: tickets are paid with play money."
                ),
                format!(
                    "Tu primera cuenta para {currency} es la cuenta de pruebas de una pasarela: las entradas se pagan \
                     con dinero de mentira."
                ),
            ),
            Some(_) => return None,
        })
    }
}

/// The part of what buyers were told that the change made wrong: time, place or both, in
/// English and in Spanish.
fn changed_time_or_place(before: &Event, after: &Event) -> Option<(&'static str, &'static str)> {
    let times = |event: &Event| (event.starts_at, event.ends_at, event.doors_at, event.time_zone.clone());
    let place = |event: &Event| {
        (event.venue.clone(), event.address.clone(), event.city.clone(), event.country.clone())
    };
    match (times(before) != times(after), place(before) != place(after)) {
        (true, true) => Some(("time and place", "otra hora y otro lugar")),
        (true, false) => Some(("time", "otra hora")),
        (false, true) => Some(("place", "otro lugar")),
        (false, false) => None,
    }
}

fn tickets_sold_warning(change: &str, cambio: &str) -> EventWarning {
    EventWarning::new(
        EventWarningCode::TicketsSold,
        format!(
            "Tickets are sold or held, and their buyers know another {change}. Nothing has told them yet: do it."
        ),
        format!(
            "Hay entradas vendidas o reservadas, y sus compradores conocen {cambio}. Nada se lo ha dicho todavía: hazlo tú."
        ),
    )
}

#[cfg(test)]
mod tests {
    use domain::payment::GatewayName;
    use domain::pricing::SaleStage;
    use domain::testing::at;
    use domain::{Currency, GatewayAccountId, SaleStageId};

    use super::*;
    use crate::writing::tests::draft;

    fn account(mode: Mode, position: u16, currency: Currency) -> GatewayAccount {
        GatewayAccount {
            id: GatewayAccountId::generate(at(0)),
            tenant_id: draft().tenant_id,
            gateway: GatewayName::Payu,
            mode,
            currencies: vec![currency],
            position,
            holder: None,
            active: true,
            credentials_version: Some("v1".to_owned()),
            max_installments: None,
            marketplace: false,
            closing: false,
            checked_at: None,
            created_at: at(0),
            updated_at: at(0),
            version: 1,
        }
    }

    #[test]
    fn missing_and_test_accounts_are_warned_about() {
        let check = |has_sandbox, is_production, accounts: &[GatewayAccount]| {
            let warning = PaymentMeans { has_sandbox, is_production }.warning(accounts, &draft());
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
    fn a_changed_time_or_place_is_warned_about() {
        let before = draft();
        let told = |after: &Event| changed_time_or_place(&before, after).map(|(change, _)| change);
        assert_eq!(told(&Event { name: "Otro".to_owned(), ..before.clone() }), None);
        let later = Event { starts_at: at(5_000_000), ..before.clone() };
        let elsewhere = Event { city: "Cali".to_owned(), ..before.clone() };
        assert_eq!(told(&later), Some("time"));
        assert_eq!(told(&elsewhere), Some("place"));
        assert_eq!(told(&Event { city: "Cali".to_owned(), ..later }), Some("time and place"));
    }

    #[test]
    fn a_stage_gives_a_price_to_a_free_area() {
        let area = crate::areas::tests::area(serde_json::json!({
            "area_name": "Campo", "kind": "general_admission", "capacity": 120, "price": 0,
        }));
        let stage = |kind, value| SaleStage {
            id: SaleStageId::generate(at(1)),
            event_id: area.event_id,
            stage_name: "Taquilla".to_owned(),
            price_adjustment_type: kind,
            price_adjustment_value: value,
            quantity_available: None,
            start_time: None,
            end_time: None,
            target_area_id: Some(area.id),
            target_product_variant_id: None,
            priority_order: 0,
            active: true,
            version: 1,
        };
        for (kind, value, expected) in [
            (AdjustmentType::Fixed, 500_000, true),
            (AdjustmentType::Fixed, -500_000, false),
            (AdjustmentType::Percentage, 5000, false),
        ] {
            let stages = vec![stage(kind, value)];
            let sheet =
                PricedEvent { event: draft(), areas: vec![area.clone()], stages, products: Vec::new() };
            assert_eq!(costs_something(&sheet), expected, "{kind:?} {value}");
        }
    }
}
