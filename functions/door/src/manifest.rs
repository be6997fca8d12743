use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use domain::product::unit_name;
use domain::ticket::{AreaTag, VariantTag};
use domain::{
    AreaId, Error, EventId, Language, OrderPart, ProductId, TicketId, Timestamp, VariantId, VoucherId,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{Gate, GateCursor, StoredEvent};
use web::{Answer, Cached, Door, EventPath, Freshness, Path, Query, Refuses, Shared};

use crate::State;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/door/events/{id}/manifest",
        get_with(show, |op| {
            op.id("showManifest").tag("Door").summary("What a scanner needs without the network").description(
                "The keys with which it verifies codes, the areas that codes name, and every ticket that is \
                 not simply valid: a genuine code whose ticket is not in `gates` admits. Codes that begin with \
                 `TP1:` are vouchers, in `voucher_gates`: they admit nobody. Read all pages; \
                 `If-None-Match` makes looking again cheap.",
            )
            .refuses(["event_not_found", "refused_fields"])
        }),
    )
}

#[derive(Deserialize, JsonSchema)]
struct ManifestQuery {
    /// `next_cursor` of the page before; absent for the first page.
    #[schemars(regex(pattern = r"^[0-9]{1,3}(\.[0-9a-z]{26})?$"))]
    cursor: Option<String>,
}

/// All that a scanner needs to admit tickets without the network.
#[derive(Debug, Serialize, JsonSchema)]
struct Manifest {
    /// The event.
    event: DoorEvent,
    /// The Ed25519 public keys that sign codes, each as 64 hexadecimal digits.
    public_keys: Vec<String>,
    /// All areas of the event.
    areas: Vec<DoorArea>,
    /// The variants of the event's own products. A code says itself what is handed out for it.
    products: Vec<DoorProduct>,
    /// A page of the tickets that were used, refunded, or got another code.
    gates: Vec<DoorGate>,
    /// The vouchers of the page that were handed out or refunded.
    voucher_gates: Vec<VoucherGate>,
    /// Send it as `cursor` to get the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// The event's facts for the door.
#[derive(Debug, Serialize, JsonSchema)]
struct DoorEvent {
    /// The event's id.
    id: EventId,
    /// The event's title.
    name: String,
    /// Name of the venue, such as `Teatro Colón`.
    venue: String,
    /// IANA time zone of the venue, such as `America/Bogota`.
    time_zone: String,
    /// When the doors open.
    #[serde(skip_serializing_if = "Option::is_none")]
    doors_at: Option<Timestamp>,
    /// Start of the show.
    starts_at: Timestamp,
    /// End of the show.
    ends_at: Timestamp,
    /// The language of the messages at its doors.
    language: Language,
}

/// An area and its tag in codes.
#[derive(Debug, Serialize, JsonSchema)]
struct DoorArea {
    /// The area's id.
    id: AreaId,
    /// The tag that stands for the area in a code: four bytes as 8 hexadecimal digits.
    tag: String,
    /// The area's name.
    name: String,
    /// How many people may enter with one of its tickets.
    admits: u8,
}

/// A ticket that was used or refunded, or that has a newer code than its first.
#[serde_with::skip_serializing_none]
#[derive(Debug, Serialize, JsonSchema)]
struct DoorGate {
    /// The ticket's id.
    ticket_id: TicketId,
    /// The serial of the latest code; codes with another serial are void.
    serial: u16,
    /// When the ticket was used; absent if it was not.
    used_at: Option<Timestamp>,
    /// When the ticket was refunded or voided; absent if it was not.
    revoked_at: Option<Timestamp>,
}

/// A variant of a product and its tag in codes.
#[derive(Debug, Serialize, JsonSchema)]
struct DoorProduct {
    /// The product's id.
    product_id: ProductId,
    /// The variant's id.
    variant_id: VariantId,
    /// The tag that stands for the variant in a code: four bytes as 8 hexadecimal digits.
    tag: String,
    /// The name of a unit.
    name: String,
}

/// A voucher that was handed out or refunded.
#[serde_with::skip_serializing_none]
#[derive(Debug, Serialize, JsonSchema)]
struct VoucherGate {
    /// The voucher's id.
    voucher_id: VoucherId,
    /// When its product was handed out; absent if it was not.
    used_at: Option<Timestamp>,
    /// When it was refunded or voided; absent if it was not.
    revoked_at: Option<Timestamp>,
}

/// The gates of tickets, and those of vouchers.
fn sorted(page: Vec<Gate>) -> (Vec<DoorGate>, Vec<VoucherGate>) {
    let (mut gates, mut vouchers) = (Vec::with_capacity(page.len()), Vec::new());
    for Gate { part, used_at, revoked_at, serial } in page {
        match part {
            OrderPart::Ticket(ticket_id) => {
                gates.push(DoorGate { ticket_id, serial, used_at, revoked_at });
            }
            OrderPart::Voucher(voucher_id) => {
                vouchers.push(VoucherGate { voucher_id, used_at, revoked_at });
            }
        }
    }
    (gates, vouchers)
}

impl From<&StoredEvent> for DoorEvent {
    fn from(sheet: &StoredEvent) -> Self {
        let event = &sheet.event;
        Self {
            id: event.id,
            name: event.name.clone(),
            venue: event.venue.clone(),
            time_zone: event.time_zone.clone(),
            doors_at: event.doors_at,
            starts_at: event.starts_at,
            ends_at: event.ends_at,
            language: event.language,
        }
    }
}

async fn show(
    Shared(state): Shared<State>,
    door: Door,
    Path(EventPath { id: event }): Path<EventPath>,
    Query(query): Query<ManifestQuery>,
    freshness: Freshness,
) -> Answer<Cached<Manifest>> {
    let from = query.cursor.as_deref().map_or(Ok(GateCursor::START), str::parse);
    let from = from.map_err(|detail| Error::refused_field("#cursor", detail))?;
    let sheet = state.sheet(door.tenant, event).await?;
    let (gates, next) = state.store.gates(event, from).await?;
    let areas = sheet.areas.iter().map(|area| DoorArea {
        id: area.id,
        tag: AreaTag::of(area.id).to_hex(),
        name: area.area_name.clone(),
        admits: area.unit_capacity,
    });
    let products = sheet.products.iter().flat_map(|priced| {
        priced.variants.iter().map(|variant| DoorProduct {
            product_id: priced.product.id,
            variant_id: variant.id,
            tag: VariantTag::of(variant.id).to_hex(),
            name: unit_name(&priced.product.name, &variant.name),
        })
    });
    let (gates, voucher_gates) = sorted(gates);
    let manifest = Manifest {
        event: DoorEvent::from(&*sheet),
        public_keys: state.public_keys.iter().map(ToString::to_string).collect(),
        areas: areas.collect(),
        products: products.collect(),
        gates,
        voucher_gates,
        next_cursor: next.map(|cursor| cursor.to_string()),
    };
    Cached::private(&manifest, &freshness)
}
