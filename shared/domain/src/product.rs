//! Products that are sold beside tickets: parking, drinks, shirts.
//!
//! A product belongs to an event, or to the tenant and then to all of its events. What is priced,
//! stocked and sold is a [`Variant`] of it. Each unit that is sold is a voucher: it is handed out
//! once, at a door or a bar.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Fields;
use crate::event::is_https;
use crate::pricing::MAX_PRICE;
use crate::{
    BasisPoints, Currency, Error, EventId, MAX_VOUCHERS_PER_ORDER, Money, ProductId, TenantId, VariantId,
};

/// The most products of one event, and the most that a tenant has for all of its events.
pub const MAX_PRODUCTS: usize = 50;

/// The most variants of one product.
pub const MAX_VARIANTS: usize = 20;

/// The kind of a product, for lists and pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProductCategory {
    /// A place for a car.
    Parking,
    /// A drink.
    Drink,
    /// Food.
    Food,
    /// Merchandise, such as a shirt.
    Merchandise,
    /// Anything else.
    Other,
}

/// A product, without its variants.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// The product's id.
    pub id: ProductId,
    /// The organiser's tenant id.
    pub tenant_id: TenantId,
    /// The only event at which it is sold; without it, all events of the tenant in its currency.
    pub event_id: Option<EventId>,
    /// The name that buyers see.
    pub name: String,
    /// The description for buyers, possibly empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Its kind.
    pub kind: ProductCategory,
    /// The currency of its variants' prices.
    pub currency: Currency,
    /// Its own rate of value added tax; without it, that of the event. Whether prices contain the tax
    /// is the event's matter in either case.
    pub vat_rate: Option<BasisPoints>,
    /// True if the event's convenience fee is charged on it, too.
    #[serde(default)]
    pub has_fee: bool,
    /// True if it is only sold together with a ticket.
    pub needs_ticket: bool,
    /// The most units of it, over all variants, in one order.
    pub max_per_order: u8,
    /// The first moment at which it is sold; without it, as soon as the event is.
    pub start_time: Option<Timestamp>,
    /// The first moment at which it is no longer sold; without it, the event's end.
    pub end_time: Option<Timestamp>,
    /// The address of a picture.
    pub image: Option<String>,
    /// Its place in lists, the lowest first.
    #[serde(default)]
    pub position: u16,
    /// False while the organiser has switched it off.
    pub active: bool,
    /// Counts changes.
    pub version: u32,
}

/// A variant of a product, such as a size: what has a price and a stock.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variant {
    /// The variant's id.
    pub id: VariantId,
    /// The product.
    pub product_id: ProductId,
    /// Its name beside the product's, such as `M`; empty if the product has only this one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Its properties for shops that sort by them, such as `size` and `colour`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
    /// The price of one unit, in minor units of the product's currency.
    pub price: i64,
    /// How many there are in all, sold ones included; `None` if they do not run out.
    pub stock: Option<u32>,
    /// False while the organiser has switched it off.
    pub active: bool,
    /// Counts changes.
    pub version: u32,
}

impl Product {
    /// The most characters in a product's name.
    pub const MAX_NAME_CHARS: usize = 60;

    /// Notes every field with which the product can not be stored.
    pub fn check(&self, fields: &mut Fields) {
        if let Some(rate) = self.vat_rate {
            fields.percent("/vat_rate", rate.0.into(), 0..=BasisPoints::WHOLE.0);
        }
        fields.check(
            (1..=MAX_VOUCHERS_PER_ORDER).contains(&self.max_per_order),
            "/max_per_order",
            format!("Must be between 1 and {MAX_VOUCHERS_PER_ORDER}."),
        );
        fields.check(
            self.image.as_deref().is_none_or(is_https),
            "/image",
            "Must be an address that begins with https://.",
        );
        let ends_later = self.start_time.zip(self.end_time).is_none_or(|(start, end)| start < end);
        fields.rule(ends_later, "/end_time", "Must be later than start_time.");
    }

    /// True if it is sold at `now`, as far as it says itself.
    pub fn is_on_sale(&self, now: Timestamp) -> bool {
        self.active
            && self.start_time.is_none_or(|start| start <= now)
            && self.end_time.is_none_or(|end| now < end)
    }
}

impl Variant {
    /// The most characters in a variant's name.
    pub const MAX_NAME_CHARS: usize = 40;
    /// The largest stock of a variant.
    pub const MAX_STOCK: u32 = 200_000;
    /// The most attributes of a variant.
    pub const MAX_ATTRIBUTES: usize = 10;

    /// Notes every field with which the variant can not be stored, in the JSON object at `pointer`.
    pub fn check(&self, currency: Currency, pointer: &str, fields: &mut Fields) {
        fields.amount(format!("{pointer}/price"), Money::new(self.price, currency), 0..=MAX_PRICE);
        fields.check(
            self.stock.is_none_or(|stock| stock <= Self::MAX_STOCK),
            format!("{pointer}/stock"),
            format!("Must be at most {}.", Self::MAX_STOCK),
        );
        fields.check(
            self.attributes.len() <= Self::MAX_ATTRIBUTES,
            format!("{pointer}/attributes"),
            format!("Must have at most {} attributes.", Self::MAX_ATTRIBUTES),
        );
    }
}

/// A product with its variants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PricedProduct {
    /// The product.
    pub product: Product,
    /// Its variants, the oldest first.
    pub variants: Vec<Variant>,
}

impl PricedProduct {
    /// The variant with this id.
    pub fn variant(&self, id: VariantId) -> Option<&Variant> {
        self.variants.iter().find(|variant| variant.id == id)
    }
}

/// The product and its variant with this id, among `products`.
pub fn find_variant<'a>(
    products: impl IntoIterator<Item = &'a PricedProduct>,
    id: VariantId,
) -> Option<(&'a Product, &'a Variant)> {
    products.into_iter().find_map(|priced| Some((&priced.product, priced.variant(id)?)))
}

/// The name of a unit as receipts and doors have it: the product's, and the variant's if it has one.
pub fn unit_name(product: &str, variant: &str) -> String {
    if variant.is_empty() { product.to_owned() } else { format!("{product}, {variant}") }
}

/// The caller has no such product.
pub fn product_not_found() -> Error {
    Error::not_found("product_not_found", "You have no such product.")
}

/// The product has no such variant.
pub fn variant_not_found() -> Error {
    Error::not_found("variant_not_found", "The product has no such variant.")
}

/// The product is only sold together with a ticket, and the order has none.
pub(crate) fn needs_ticket(variant: VariantId) -> Error {
    Error::conflict(
        "product_needs_ticket",
        "This product is only sold together with a ticket. Add a ticket to the order.",
    )
    .with("variant_id", variant.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pricing::fixture::{product, variant};
    use crate::testing::at;

    #[test]
    fn bad_fields_are_named() {
        let pointers = |product: Product, variant: Variant| {
            let mut fields = Fields::new();
            product.check(&mut fields);
            variant.check(Currency::ARS, "/variants/0", &mut fields);
            let bad = fields.finish().map_or_else(|error| error.field_errors().to_vec(), |()| Vec::new());
            bad.into_iter().map(|field| field.pointer).collect::<Vec<_>>()
        };
        assert_eq!(pointers(product(1), variant(1, 1000)), [""; 0]);
        let bad = Product {
            vat_rate: Some(BasisPoints(10_001)),
            max_per_order: 21,
            image: Some("http://fotos.example/a.png".into()),
            start_time: Some(at(5)),
            end_time: Some(at(5)),
            ..product(1)
        };
        let attributes = (0..11).map(|n| (n.to_string(), String::new())).collect();
        let dear = Variant { price: -1, stock: Some(Variant::MAX_STOCK + 1), attributes, ..variant(1, 1000) };
        assert_eq!(
            pointers(bad, dear),
            [
                "/vat_rate",
                "/max_per_order",
                "/image",
                "/end_time",
                "/variants/0/price",
                "/variants/0/stock",
                "/variants/0/attributes"
            ]
        );
    }

    #[test]
    fn a_product_is_sold_in_its_window() {
        let window = Product { start_time: Some(at(10)), end_time: Some(at(20)), ..product(1) };
        assert_eq!([9, 10, 19, 20].map(|second| window.is_on_sale(at(second))), [false, true, true, false]);
        assert!(!Product { active: false, ..window }.is_on_sale(at(15)));
        assert_eq!(unit_name("Camiseta", "M"), "Camiseta, M");
        assert_eq!(unit_name("Cerveza", ""), "Cerveza");
    }
}
