//! Products and variants as their organiser sees them.

use domain::product::{PricedProduct, Product, ProductCategory, Variant};
use domain::{Amount, Currency, EventId, Percent, ProductId, Timestamp, VariantId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::StockLeft;
use web::formatted;

/// A product with its variants.
#[serde_with::skip_serializing_none]
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Product")]
pub(crate) struct ProductView {
    /// The product's id.
    id: ProductId,
    /// The id of the only event at which it is sold. Absent if it is sold at all events in its currency.
    event_id: Option<EventId>,
    /// The name that buyers see.
    name: String,
    /// The description for buyers; possibly empty.
    description: String,
    /// The product's kind.
    kind: ProductCategory,
    /// The currency of its prices.
    currency: Currency,
    /// Its own rate of value added tax, in per cent. Absent if it has that of the event.
    vat_rate: Option<Percent>,
    /// True if the event's convenience fee is charged on it, too.
    has_fee: bool,
    /// True if it is only sold together with a ticket.
    needs_ticket: bool,
    /// The most units of it, over all variants, in one order.
    max_per_order: u8,
    /// The first moment at which it is sold. Absent if as soon as the event is.
    start_time: Option<Timestamp>,
    /// The first moment at which it is no longer sold. Absent if it is until the event ends.
    end_time: Option<Timestamp>,
    /// The address of a picture.
    image: Option<String>,
    /// Its place in lists, the lowest first.
    position: u16,
    /// False while it is switched off.
    active: bool,
    /// Counts changes and new variants, from 1. A change can name the version that it is based on.
    version: u32,
    /// The variants, the oldest first.
    variants: Vec<VariantView>,
}

/// A variant of a product: what has a price and a stock.
#[serde_with::skip_serializing_none]
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Variant")]
pub(crate) struct VariantView {
    /// The variant's id, which quotes, stages and promotions name.
    id: VariantId,
    /// Its name beside the product's, such as `M`; empty if the product has only this one.
    name: String,
    /// Its properties, such as its size, sorted by name.
    attributes: Vec<Attribute>,
    /// The currency of its price.
    currency: Currency,
    /// The price of one unit, without fee.
    price: Amount,
    /// The price as people write it, such as `COP 45.000`.
    price_formatted: String,
    /// How many there are in all, sold ones included. Absent if they do not run out.
    stock: Option<u32>,
    /// How many are left. Absent if they do not run out.
    remaining: Option<u32>,
    /// False while it is switched off.
    active: bool,
    /// Counts changes, from 1. A change can name the version that it is based on.
    version: u32,
}

/// A property of a variant.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "VariantAttribute")]
struct Attribute {
    /// The property, such as `size`.
    name: String,
    /// Its value, such as `M`.
    value: String,
}

impl ProductView {
    pub(crate) fn new(priced: PricedProduct, left: &StockLeft) -> Self {
        let PricedProduct { product, variants } = priced;
        let currency = product.currency;
        let variants = variants.into_iter().map(|variant| {
            let remaining = left.of(variant.id);
            VariantView::new(variant, currency, remaining)
        });
        let variants = variants.collect();
        let Product { id, event_id, name, description, kind, has_fee, needs_ticket, .. } = product;
        Self {
            id,
            event_id,
            name,
            description,
            kind,
            currency,
            vat_rate: product.vat_rate.map(Percent::of),
            has_fee,
            needs_ticket,
            max_per_order: product.max_per_order,
            start_time: product.start_time,
            end_time: product.end_time,
            image: product.image,
            position: product.position,
            active: product.active,
            version: product.version,
            variants,
        }
    }
}

impl VariantView {
    pub(crate) fn new(variant: Variant, currency: Currency, remaining: Option<u32>) -> Self {
        Self {
            id: variant.id,
            name: variant.name,
            attributes: (variant.attributes.into_iter())
                .map(|(name, value)| Attribute { name, value })
                .collect(),
            currency,
            price: Amount::of(variant.price, currency),
            price_formatted: formatted(variant.price, currency),
            stock: variant.stock,
            remaining,
            active: variant.active,
            version: variant.version,
        }
    }
}
