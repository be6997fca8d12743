//! The products of the demo data: one of each kind that people know. A drink and a shirt are sold at all
//! shows of the first organiser, a place to park at those of the series.

use std::collections::BTreeMap;

use domain::product::{PricedProduct, Product, ProductCategory, Variant};
use domain::{Currency, EventId, ProductId, Result, TenantId, Timestamp, VariantId};
use futures::future::try_join_all;
use store::Store;

use crate::act::minor;

/// A product.
#[derive(Debug, Clone, Copy)]
pub(super) struct DemoProduct {
    pub(super) name: &'static str,
    description: &'static str,
    kind: ProductCategory,
    needs_ticket: bool,
    max_per_order: u8,
    variants: &'static [DemoVariant],
}

/// A variant of a product.
#[derive(Debug, Clone, Copy)]
struct DemoVariant {
    /// Its name beside the product's; empty if there is only this one.
    name: &'static str,
    /// The price in whole units of the currency.
    price: i64,
    stock: Option<u32>,
    attributes: &'static [(&'static str, &'static str)],
}

const fn size(
    name: &'static str,
    stock: u32,
    attributes: &'static [(&'static str, &'static str)],
) -> DemoVariant {
    DemoVariant { name, price: 60_000, stock: Some(stock), attributes }
}

/// A hot drink at the bar, also for people without a ticket.
pub(super) const CHOCOLATE: DemoProduct = DemoProduct {
    name: "Chocolate con queso",
    description: "Se retira en la barra, antes de la función o en el intervalo.",
    kind: ProductCategory::Drink,
    needs_ticket: false,
    max_per_order: 10,
    variants: &[DemoVariant { name: "", price: 9_000, stock: Some(400), attributes: &[] }],
};

/// A shirt in three sizes.
pub(super) const SHIRT: DemoProduct = DemoProduct {
    name: "Camiseta de la farola",
    description: "Algodón negro, con la farola que a veces prende.",
    kind: ProductCategory::Merchandise,
    needs_ticket: false,
    max_per_order: 4,
    variants: &[
        size("S", 15, &[("talla", "S"), ("color", "negro")]),
        size("M", 30, &[("talla", "M"), ("color", "negro")]),
        size("L", 25, &[("talla", "L"), ("color", "negro")]),
    ],
};

/// A place for a car beside the theatre.
pub(super) const PARKING: DemoProduct = DemoProduct {
    name: "Parqueadero La Tramoya",
    description: "Un carro, desde una hora antes de la función hasta medianoche.",
    kind: ProductCategory::Parking,
    needs_ticket: true,
    max_per_order: 1,
    variants: &[DemoVariant { name: "", price: 15_000, stock: Some(20), attributes: &[] }],
};

/// Products that the first organiser sells at all of its shows.
pub(super) const HOUSE: [DemoProduct; 2] = [CHOCOLATE, SHIRT];

impl DemoProduct {
    /// The product of an event or, without one, of a tenant for all events.
    pub(super) fn priced(
        &self,
        (tenant_id, event_id): (TenantId, Option<EventId>),
        currency: Currency,
        position: u16,
        now: Timestamp,
    ) -> PricedProduct {
        let product = Product {
            id: ProductId::generate(now),
            tenant_id,
            event_id,
            name: self.name.to_owned(),
            description: self.description.to_owned(),
            kind: self.kind,
            currency,
            vat_rate: None,
            has_fee: false,
            needs_ticket: self.needs_ticket,
            max_per_order: self.max_per_order,
            start_time: None,
            end_time: None,
            image: None,
            position,
            active: true,
            version: 1,
        };
        let text = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let variant = |variant: &DemoVariant| Variant {
            id: VariantId::generate(now),
            product_id: product.id,
            name: variant.name.to_owned(),
            attributes: variant.attributes.iter().map(text).collect::<BTreeMap<_, _>>(),
            price: minor(currency, variant.price),
            stock: variant.stock,
            active: true,
            version: 1,
        };
        let variants = self.variants.iter().map(variant).collect();
        PricedProduct { product, variants }
    }
}

/// Writes products as organisers do: the stock first.
pub(super) async fn stock_up(store: &Store, products: &[PricedProduct], now: Timestamp) -> Result<()> {
    let written = products.iter().map(|priced| async move {
        try_join_all(priced.variants.iter().map(|variant| store.create_stock(variant))).await?;
        store.create_product(priced, now).await
    });
    Ok(try_join_all(written).await.map(drop)?)
}

/// Writes the products that the first organiser sells at all of its shows.
pub(super) async fn stock_house(store: &Store, tenant: TenantId, now: Timestamp) -> Result<()> {
    let products = (0..)
        .zip(&HOUSE)
        .map(|(position, product)| product.priced((tenant, None), Currency::COP, position, now));
    stock_up(store, &products.collect::<Vec<_>>(), now).await
}
