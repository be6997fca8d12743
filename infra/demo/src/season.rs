//! A series of the demo data: one play on three evenings, on one seating plan with bent rows, a side for
//! odd numbers and a side for even ones, and a balcony.

use domain::event::{Area, Event};
use domain::plan::{PinnedPlan, Plan, SeatKind, View, generate};
use domain::series::Series;
use domain::{Error, PlanId, Result, SeriesId, TenantId, Timestamp, UserId};
use jiff::civil::Weekday;
use store::{OnRefused, Store};

use crate::act::{CALI, DemoArea, DemoShow, Places};
use crate::products::PARKING;
use crate::program::{GENERAL, PLAIN, on, presale};
use crate::shows::{self, Sheets};

/// The readable part of the address of the series' page.
pub(super) const SERIES: &str = "temporada-de-lluvia";

const IRENE: DemoShow = DemoShow {
    slug: "la-lluvia-segun-irene",
    code: "IRENE-CLO",
    name: "La lluvia según Irene",
    artist: "Compañía La Tramoya",
    genre: "teatro",
    description: "Una meteoróloga que nunca acierta, un paraguas con memoria y un pueblo que espera el agua. \
                  Teatro para todas las edades, con música en vivo.",
    venue: CALI.venue("Sala La Tramoya", "Calle del Apuntador 5-21"),
    when: on(4, Weekday::Friday, 19, 30, 100),
    zones: &[
        DemoArea {
            description: "Ocho filas alrededor del escenario, con un pasillo en el medio.",
            ..DemoArea::plain(
                "Sala",
                55_000,
                Places::Sides(&["A", "B", "C", "D", "E", "F", "G", "H"], 14, 45),
            )
        },
        DemoArea {
            description: "Primer piso, detrás de la baranda.",
            ..DemoArea::plain("Balcón", 38_000, Places::Sides(&["AA", "BB"], 18, 70))
        },
    ],
    prices: &[presale(15, 10), GENERAL],
    products: &[PARKING],
    ..PLAIN
};

/// The dates of the series, the first one first in the terminal and in the documents.
pub(super) const DATES: [DemoShow; 3] = [
    IRENE,
    DemoShow {
        slug: "la-lluvia-segun-irene-sabado",
        code: "IRENE-CLO-SAB",
        when: on(4, Weekday::Saturday, 19, 30, 100),
        ..IRENE
    },
    DemoShow {
        slug: "la-lluvia-segun-irene-domingo",
        code: "IRENE-CLO-DOM",
        when: on(4, Weekday::Sunday, 17, 0, 100),
        ..IRENE
    },
];

/// Writes the series with its plan, and its dates. `by` draws the plan.
pub(super) async fn write_season(
    store: &Store,
    tenant: TenantId,
    by: UserId,
    now: Timestamp,
) -> Result<Sheets> {
    let (series, pinned) = (series(tenant, now), PinnedPlan { id: PlanId::generate(now), version: 1 });
    let taken = || Error::conflict("slug_taken", format!("another page has the slug {SERIES}"));
    store.create_series(&series).await.on_refused(taken)?;
    let mut dates = Vec::new();
    for date in &DATES {
        let event = Event { series_id: Some(series.id), plan: Some(pinned), ..date.draft(tenant, now)? };
        dates.push((date, event));
    }
    let areas = dates.first().map(|(date, event)| date.areas(event, now)).unwrap_or_default();
    store.save_plan(tenant, pinned.id, &plan(&areas), (0, by, now)).await?;
    shows::write_drafts(store, dates, now).await
}

fn series(tenant_id: TenantId, now: Timestamp) -> Series {
    Series {
        id: SeriesId::generate(now),
        tenant_id,
        slug: SERIES.to_owned(),
        name: "La lluvia según Irene: tres noches".to_owned(),
        artist: IRENE.artist.to_owned(),
        description: "La misma obra, tres pronósticos. Cada fecha tiene otro final.".to_owned(),
        img: None,
        dates: 0,
        created_at: now,
        updated_at: now,
        version: 1,
    }
}

/// The plan of the theatre: as it is drawn from its rows, with places for wheelchairs at both ends of the
/// first row, each with one for who comes along, and words about the view.
pub(super) fn plan(areas: &[Area]) -> Plan {
    let mut plan = generate(areas);
    "Sala La Tramoya".clone_into(&mut plan.name);
    for (category, color) in plan.categories.iter_mut().zip(["#1f6f8b", "#8b4a1f"]) {
        category.color = Some(color.to_owned());
    }
    for section in &mut plan.sections {
        for row in section.rows.iter_mut().filter(|row| row.label == "A") {
            for seat in &mut row.seats {
                seat.kind = match seat.number {
                    13 | 14 => SeatKind::Accessible,
                    11 | 12 => SeatKind::Companion,
                    _ => SeatKind::Standard,
                };
            }
        }
        if section.name == "Balcón" {
            section.view = Some(View { text: "Se ve la lluvia desde arriba".to_owned(), image: None });
        }
    }
    plan
}
