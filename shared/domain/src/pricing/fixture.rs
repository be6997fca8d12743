//! A small event whose prices tests change: sold in ARS, which has centavos, from second 0 to
//! 100,000, and quoted at second 1000.

use jiff::Timestamp;
use type_safe_id::StaticType;

use crate::OwnAddress;
use crate::event::{Area, AreaKind, Event, EventStatus, Fees, RowLayout, Vat};
use crate::ids::Id;
use crate::product::{PricedProduct, Product, ProductCategory, Variant};
use crate::testing::at;
use crate::{AreaId, Currency, Language, ProductId, Result, SaleStageId, VariantId};

use super::{
    AdjustmentType, AppliesTo, ExtraRequest, Promotion, PromotionOffer, Quote, QuoteInput, QuoteRequest,
    QuoteRequestLine, SaleStage, StageOffer, quote,
};

/// Ids with the same number are equal, and higher numbers sort later.
fn id<K: StaticType>(n: u64) -> Id<K> {
    Id::from_uuid(uuid::Builder::from_unix_timestamp_millis(n, &[0; 10]).into_uuid())
}

pub(super) fn area_id(n: u64) -> AreaId {
    id(n)
}

pub(super) fn stage_id(n: u64) -> SaleStageId {
    id(n)
}

pub(super) fn variant_id(n: u64) -> VariantId {
    id(n)
}

/// A drink that needs no ticket, as many as an order can have.
pub(crate) fn product(n: u64) -> Product {
    Product {
        id: id(n),
        tenant_id: event().tenant_id,
        event_id: Some(event().id),
        name: format!("Drink-{n}"),
        description: String::new(),
        kind: ProductCategory::Drink,
        currency: Currency::ARS,
        vat_rate: None,
        has_fee: false,
        needs_ticket: false,
        max_per_order: 20,
        start_time: None,
        end_time: None,
        image: None,
        position: 0,
        active: true,
        version: 1,
    }
}

/// The variant `n` of the product `n`, without a stock.
pub(crate) fn variant(n: u64, price: i64) -> Variant {
    Variant {
        id: variant_id(n),
        product_id: ProductId::from_uuid(variant_id(n).uuid()),
        name: String::new(),
        attributes: std::collections::BTreeMap::new(),
        price,
        stock: None,
        active: true,
        version: 1,
    }
}

/// The product `n` with one variant of this price.
pub(super) fn priced_product(n: u64, price: i64) -> PricedProduct {
    PricedProduct { product: product(n), variants: vec![variant(n, price)] }
}

/// Units of variants, for a request.
pub(super) fn extras(units: &[(u64, u32)]) -> Vec<ExtraRequest> {
    units
        .iter()
        .map(|(n, quantity)| ExtraRequest { variant_id: variant_id(*n), quantity: *quantity })
        .collect()
}

pub(crate) fn event() -> Event {
    Event {
        id: id(1),
        tenant_id: id(1),
        slug: "noche-de-faroles".into(),
        name: "Noche de faroles".into(),
        artist: "Los Faroles".into(),
        series_id: None,
        genre: String::new(),
        cluster_type: String::new(),
        description: String::new(),
        venue: "Teatro Inventado".into(),
        address: String::new(),
        city: "Bogotá".into(),
        country: "CO".into(),
        time_zone: "America/Bogota".into(),
        starts_at: at(90_000),
        ends_at: at(100_000),
        doors_at: None,
        currency: Currency::ARS,
        language: Language::Es,
        status: EventStatus::Published,
        unlisted: false,
        shadowban: false,
        hold_minutes: 10,
        max_tickets_per_order: 10,
        transfer_limit: 3,
        transfers_close_at: None,
        attendee_fields: Vec::new(),
        fees: Fees::default(),
        vat: Vat::default(),
        images: Vec::new(),
        code: None,
        img: None,
        max_discounts: 0,
        ticketing_link: None,
        other_data: serde_json::Map::new(),
        member_discount: None,
        plan: None,
        created_at: at(0),
        updated_at: at(0),
        version: 1,
    }
}

/// A general admission area named `Area-<n>`.
pub(super) fn area(n: u64, price: i64) -> Area {
    Area {
        id: area_id(n),
        event_id: event().id,
        area_name: format!("Area-{n}"),
        description: String::new(),
        kind: AreaKind::GeneralAdmission,
        capacity: 1000,
        price,
        currency: Currency::ARS,
        nomenclature_letter: None,
        unit_capacity: 1,
        service: None,
        position: 0,
        rows: Vec::new(),
        category: None,
        layout: None,
        version: 1,
    }
}

/// An area with the rows A and B, each with the seats 1 to 10.
pub(super) fn seated_area(n: u64, price: i64) -> Area {
    let row = |label: &str| RowLayout::new(label, 1, 10);
    Area { kind: AreaKind::Seated, capacity: 20, rows: vec![row("A"), row("B")], ..area(n, price) }
}

/// A stage without limits that changes nothing.
pub(super) fn stage(n: u64) -> SaleStage {
    SaleStage {
        id: stage_id(n),
        event_id: event().id,
        stage_name: format!("Stage {n}"),
        price_adjustment_type: AdjustmentType::Percentage,
        price_adjustment_value: 0,
        quantity_available: None,
        start_time: None,
        end_time: None,
        target_area_id: None,
        target_product_variant_id: None,
        priority_order: 1,
        active: true,
        version: 1,
    }
}

/// 10 % off everything of the tenant with the code `DIEZ`.
pub(super) fn promotion() -> Promotion {
    Promotion {
        id: id(1),
        tenant_id: event().tenant_id,
        promotion_name: "Ten percent".into(),
        promotion_code: "DIEZ".parse().expect("a code"),
        discount_type: AdjustmentType::Percentage,
        discount_value: 1000,
        currency: None,
        applies_to: AppliesTo::Tenant,
        target_event_id: None,
        target_area_id: None,
        target_product_variant_id: None,
        min_quantity: None,
        max_quantity: None,
        max_discount_amount: None,
        start_date: None,
        end_date: None,
        total_uses: None,
        uses_per_buyer: None,
        active: true,
        bound_email: None,
        version: 1,
    }
}

/// A request for quantities of general admission areas.
pub(super) fn request(lines: &[(u64, u32)]) -> QuoteRequest {
    let line = |(n, quantity): &(u64, u32)| QuoteRequestLine {
        area_id: area_id(*n),
        quantity: Some(*quantity),
        seats: vec![],
        together: None,
        accessible: 0,
        companions: 0,
    };
    QuoteRequest {
        event_id: event().id,
        lines: lines.iter().map(line).collect(),
        extras: Vec::new(),
        currency: None,
        promotion_code: None,
        require_promotion: false,
        require_stage: false,
    }
}

/// Everything that a quote depends on, owned.
#[derive(Debug, Clone)]
pub(super) struct QuoteFixture {
    pub(super) event: Event,
    pub(super) areas: Vec<Area>,
    pub(super) products: Vec<PricedProduct>,
    /// Stages with what is left of them.
    pub(super) stages: Vec<(SaleStage, Option<u32>)>,
    pub(super) promotion: Option<Promotion>,
    pub(super) promotion_remaining: Option<u32>,
    pub(super) buyer_remaining: Option<u32>,
    pub(super) request: QuoteRequest,
    pub(super) buyer: Option<OwnAddress<'static>>,
}

impl QuoteFixture {
    /// An event with these areas, and a request for one ticket of area 1.
    pub(super) fn new(areas: impl IntoIterator<Item = Area>) -> Self {
        Self {
            event: event(),
            areas: areas.into_iter().collect(),
            products: Vec::new(),
            stages: Vec::new(),
            promotion: None,
            promotion_remaining: None,
            buyer_remaining: None,
            request: request(&[(1, 1)]),
            buyer: None,
        }
    }

    pub(super) fn in_currency(currency: Currency, areas: impl IntoIterator<Item = Area>) -> Self {
        let mut house = Self::new(areas);
        house.event.currency = currency;
        for area in &mut house.areas {
            area.currency = currency;
        }
        house
    }

    /// The same with these products, in the event's currency, and a request for units of them beside
    /// what is asked for already.
    pub(super) fn with_products(&self, products: Vec<PricedProduct>, units: &[(u64, u32)]) -> Self {
        let mut house = self.clone();
        house.products = products;
        for priced in &mut house.products {
            priced.product.currency = house.event.currency;
        }
        house.request.extras = extras(units);
        house
    }

    /// The same with the code of [`promotion`] in the request.
    pub(super) fn with_code(&self) -> Self {
        let mut house = self.clone();
        house.request.promotion_code = " diez".parse().ok();
        house
    }

    pub(super) fn offers(&self) -> Vec<StageOffer<'_>> {
        self.stages.iter().map(|(stage, remaining)| StageOffer { stage, remaining: *remaining }).collect()
    }

    pub(super) fn quote_at(&self, now: Timestamp) -> Result<Quote> {
        let promotion = self.promotion.as_ref().map(|promotion| PromotionOffer {
            promotion,
            remaining: self.promotion_remaining,
            buyer_remaining: self.buyer_remaining,
        });
        let products: Vec<&PricedProduct> = self.products.iter().collect();
        let input = QuoteInput {
            id: id(1),
            event: &self.event,
            areas: &self.areas,
            products: &products,
            stages: &self.offers(),
            promotion,
            request: &self.request,
            buyer: self.buyer,
        };
        quote(&input, now)
    }

    pub(super) fn quote(&self) -> Quote {
        self.quote_at(at(1000)).expect("a possible request")
    }
}
