//! The products that are sold at a show, with their prices and what is left.

use actions::{ProductOffer, VariantOffer};
use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use domain::product::ProductCategory;
use domain::{Currency, EventId, ProductId, Timestamp, VariantId};
use schemars::JsonSchema;
use serde::Serialize;
use web::{Answer, Cached, Freshness, Path, Refuses, Shared};

use crate::areas::{AVAILABILITY_SECONDS, Availability};
use crate::price::PriceView;
use crate::{SlugPath, State};

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new().api_route(
        "/api/v1/public/events/{slug}/products",
        get_with(list, |op| {
            op.id("listShowProducts")
                .summary("List what is sold beside tickets")
                .tag("Storefront")
                .description(
                    "Parking, drinks, shirts: of this show, and of all shows of the organiser. Ask for a quote with \
                     `extras` to buy them. Who gets the last one is decided when it is reserved.",
                )
                .refuses(["event_not_found", "prices_not_valid"])
        }),
    )
}

/// The products that are sold at a show.
#[derive(Debug, Serialize, JsonSchema)]
struct PublicProducts {
    /// The event's id.
    event_id: EventId,
    /// The currency of all prices.
    currency: Currency,
    /// The products, in the organiser's order: those of the show before those of all shows.
    items: Vec<PublicProduct>,
}

/// A product with its variants.
#[serde_with::skip_serializing_none]
#[derive(Debug, Serialize, JsonSchema)]
struct PublicProduct {
    /// The product's id.
    id: ProductId,
    /// The product's name.
    name: String,
    /// The organiser's description; possibly empty.
    description: String,
    /// The product's kind.
    kind: ProductCategory,
    /// The address of a picture.
    image: Option<String>,
    /// True if it is only sold together with a ticket.
    needs_ticket: bool,
    /// The most units of it, over all variants, in one order.
    max_per_order: u8,
    /// False before `sale_starts_at`.
    on_sale: bool,
    /// When its sale begins. Absent if it has begun with the show's.
    sale_starts_at: Option<Timestamp>,
    /// When its sale ends. Absent if it ends with the show's.
    sale_ends_at: Option<Timestamp>,
    /// The variants, at least one: what a quote names.
    variants: Vec<PublicVariant>,
}

/// A variant with its current price.
#[serde_with::skip_serializing_none]
#[derive(Debug, Serialize, JsonSchema)]
struct PublicVariant {
    /// The variant's id.
    id: VariantId,
    /// Its name beside the product's, such as `M`; empty if the product has only this one.
    name: String,
    /// Its properties, such as its size.
    attributes: Vec<Attribute>,
    /// The current price of one unit.
    price: PriceView,
    /// The number of units that are left. Absent if they do not run out.
    left: Option<u32>,
    /// The units that are left, in a word.
    availability: Availability,
}

/// A property of a variant.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PublicVariantAttribute")]
struct Attribute {
    /// The property, such as `size`.
    name: String,
    /// Its value, such as `M`.
    value: String,
}

impl From<ProductOffer> for PublicProduct {
    fn from(offer: ProductOffer) -> Self {
        let ProductOffer { product, on_sale, variants } = offer;
        Self {
            id: product.id,
            name: product.name,
            description: product.description,
            kind: product.kind,
            image: product.image,
            needs_ticket: product.needs_ticket,
            max_per_order: product.max_per_order,
            on_sale,
            sale_starts_at: product.start_time,
            sale_ends_at: product.end_time,
            variants: variants.into_iter().map(PublicVariant::from).collect(),
        }
    }
}

impl From<VariantOffer> for PublicVariant {
    fn from(offer: VariantOffer) -> Self {
        let VariantOffer { variant, price, left } = offer;
        let stock = left.zip(variant.stock);
        Self {
            id: variant.id,
            name: variant.name,
            attributes: (variant.attributes.into_iter())
                .map(|(name, value)| Attribute { name, value })
                .collect(),
            price: PriceView::from(price),
            left,
            availability: stock
                .map_or(Availability::Available, |(left, stock)| Availability::new(left, stock)),
        }
    }
}

async fn list(
    Shared(state): Shared<State>,
    Path(path): Path<SlugPath>,
    freshness: Freshness,
) -> Answer<Cached<PublicProducts>> {
    let now = state.clock.now();
    let event = state.catalog.event_by_slug(&path.slug, now).await?;
    let products = state.catalog.products(&event, now).await?;
    let products = PublicProducts {
        event_id: event.event.id,
        currency: event.event.currency,
        items: products.into_iter().map(PublicProduct::from).collect(),
    };
    Cached::public(&products, AVAILABILITY_SECONDS, &freshness)
}
