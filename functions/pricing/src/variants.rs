//! Variants of products: prices and stocks.

use std::collections::BTreeMap;

use aide::axum::ApiRouter;
use aide::axum::routing::{patch_with, post_with};
use axum::response::NoContent;
use domain::error::Fields;
use domain::product::{MAX_VARIANTS, PricedProduct, Variant, variant_not_found};
use domain::text::Line;
use domain::{Amount, Currency, Error, EventId, ProductId, RequestId, Result, TenantId, VariantId, Written};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{OnRefused, Once, Refusal};
use web::{
    Answer, Created, IdempotencyKey, Json, Organizer, Path, Query, Refuses, Shared, based_on, nullable,
};

use crate::State;
use crate::product_view::{ProductView, VariantView};
use crate::products::has_sales;
use crate::shelf::OfEvent;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route(
            "/api/v1/products/{id}/variants",
            post_with(create, |op| {
                op.id("createVariant")
                    .summary("Add a variant to a product")
                    .tag("Products")
                    .description("Answers with the whole product.")
                    .refuses(["event_not_found", "product_not_found", "changed_meanwhile"])
                    .refuses(["too_many_variants", "refused_fields", "too_many_decimals"])
            }),
        )
        .api_route(
            "/api/v1/products/{id}/variants/{variant}",
            patch_with(update, |op| {
                op.id("updateVariant")
                    .summary("Change a variant")
                    .tag("Products")
                    .description("What was bought or quoted keeps its price.")
                    .refuses(["event_not_found", "product_not_found", "variant_not_found"])
                    .refuses(["changed_meanwhile", "not_enough_free"])
                    .refuses(["refused_fields", "too_many_decimals"])
            })
            .delete_with(delete, |op| {
                op.id("deleteVariant")
                    .summary("Delete a variant")
                    .tag("Products")
                    .description(
                        "Not while orders have units of its stock: switch it off with `active` instead.",
                    )
                    .refuses(["event_not_found", "product_not_found", "variant_not_found"])
                    .refuses(["product_has_sales", "changed_meanwhile"])
            }),
        )
}

/// `/products/{id}/variants`.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
struct ProductPath {
    /// The product's id.
    id: ProductId,
}

/// `/products/{id}/variants/{variant}`.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
struct VariantPath {
    /// The product's id.
    id: ProductId,
    /// The variant's id.
    variant: VariantId,
}

/// A new variant of a product.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewVariant {
    /// Its name beside the product's, such as `M`; no other variant of the product may have it. Empty if
    /// the product has only this one.
    #[serde(default)]
    name: Line<0, { Variant::MAX_NAME_CHARS }>,
    /// Its properties, such as its size.
    #[serde(default)]
    #[schemars(length(max = 10))]
    attributes: Vec<NewAttribute>,
    /// The price of one unit, without fee, in the product's currency.
    #[schemars(range(min = 0, max = 1_000_000_000_000_i64))]
    price: Written,
    /// How many there are. If missing, they do not run out.
    #[serde(default)]
    #[schemars(range(max = 200_000))]
    stock: Option<u32>,
    /// False creates it switched off. True if missing.
    #[serde(default = "web::yes")]
    active: bool,
}

/// A property of a variant.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewAttribute {
    /// The property, such as `size`; each once.
    name: Line<1, 40>,
    /// Its value, such as `M`.
    value: Line<1, 100>,
}

/// A change of a variant. A missing field stays as it is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct VariantChanges {
    /// The version that the change is based on; refused if the variant has another by now.
    version: Option<u32>,
    /// Its name beside the product's.
    name: Option<Line<0, { Variant::MAX_NAME_CHARS }>>,
    /// Its properties. They replace all former ones.
    #[schemars(length(max = 10))]
    attributes: Option<Vec<NewAttribute>>,
    /// The price of one unit, without fee.
    #[schemars(range(min = 0, max = 1_000_000_000_000_i64))]
    price: Option<Written>,
    /// How many there are, sold ones included, or `null` if they do not run out. A new limit counts from
    /// now on; a lower one must not be less than orders have.
    #[serde(default, deserialize_with = "nullable")]
    #[schemars(range(max = 200_000))]
    stock: Option<Option<u32>>,
    /// False switches it off, true on again.
    active: Option<bool>,
}

async fn create(
    Shared(state): Shared<State>,
    organizer: Organizer,
    Path(path): Path<ProductPath>,
    Query(of): Query<OfEvent>,
    IdempotencyKey(key): IdempotencyKey,
    Json(new): Json<NewVariant>,
) -> Answer<Created<ProductView>> {
    let now = state.clock.now();
    let route = "POST /api/v1/products/{id}/variants";
    let once = Once { user: organizer.user, route, key: key.as_deref() };
    let request = (path.id, of.event_id, &new);
    let create = |id: RequestId| {
        let id = VariantId::from_uuid(id.uuid());
        state.new_variant(organizer.tenant, of.event_id, path.id, &new, id)
    };
    Ok(Created(state.store.once(once, &request, now, create).await?))
}

async fn update(
    Shared(state): Shared<State>,
    organizer: Organizer,
    Path(path): Path<VariantPath>,
    Query(of): Query<OfEvent>,
    Json(changes): Json<VariantChanges>,
) -> Answer<Json<VariantView>> {
    let shelf = state.shelf(organizer.tenant, of.event_id).await?;
    let priced = shelf.product(path.id)?;
    let before = priced.variant(path.variant).ok_or_else(variant_not_found)?;
    based_on(changes.version, before.version)?;
    let (product, now) = (&priced.product, state.clock.now());
    let mut fields = Fields::new();
    let after = changes.apply(before.clone(), product.currency, &mut fields);
    after.check(product.currency, "", &mut fields);
    check_name(priced, &after, &mut fields);
    fields.finish()?;
    let replaced = state.store.replace_variant(product, before, &after, now).await;
    replaced.map_err(not_enough_units)?;
    let changed = PricedProduct { product: product.clone(), variants: vec![after.clone()] };
    let left = state.left(&shelf, &[changed]).await?;
    let remaining = left.of(after.id);
    Ok(Json(VariantView::new(after, product.currency, remaining)))
}

async fn delete(
    Shared(state): Shared<State>,
    organizer: Organizer,
    Path(path): Path<VariantPath>,
    Query(of): Query<OfEvent>,
) -> Answer<NoContent> {
    let shelf = state.shelf(organizer.tenant, of.event_id).await?;
    let priced = shelf.product(path.id)?;
    let variant = priced.variant(path.variant).ok_or_else(variant_not_found)?;
    let deleted = state.store.delete_variant(&priced.product, variant, state.clock.now()).await;
    deleted.map_err(has_sales)?;
    Ok(NoContent)
}

fn not_enough_units(refusal: Refusal) -> Error {
    refusal.not_enough_free(|free| format!("Only {free} units are left; orders have taken the others."))
}

fn check_name(priced: &PricedProduct, variant: &Variant, fields: &mut Fields) {
    let others = priced.variants.iter().filter(|other| other.id != variant.id);
    let is_new = others.map(|other| &other.name).all(|name| *name != variant.name);
    fields.rule(is_new, "/name", "Another variant of the product has this name.");
}

impl State {
    async fn new_variant(
        &self,
        tenant: TenantId,
        event: Option<EventId>,
        product: ProductId,
        new: &NewVariant,
        id: VariantId,
    ) -> Result<ProductView> {
        let shelf = self.shelf(tenant, event).await?;
        let priced = shelf.product(product)?;
        if priced.variant(id).is_none() {
            if priced.variants.len() >= MAX_VARIANTS {
                let detail = format!("A product has at most {MAX_VARIANTS} variants. Delete one.");
                return Err(Error::conflict("too_many_variants", detail));
            }
            let currency = priced.product.currency;
            let mut fields = Fields::new();
            let variant = new.variant(id, product, currency, "", &mut fields);
            variant.check(currency, "", &mut fields);
            check_name(priced, &variant, &mut fields);
            fields.finish()?;
            // The stock comes first: a variant without its items would count as sold out.
            self.store.create_stock(&variant).await?;
            let created = self.store.create_variant(&priced.product, &variant).await;
            created.on_refused(Error::changed_meanwhile)?;
        }
        let shelf = self.shelf(tenant, event).await?;
        self.product_view(&shelf, shelf.product(product)?.clone()).await
    }
}

impl NewVariant {
    /// The new variant; its JSON object is at `pointer`.
    pub(crate) fn variant(
        &self,
        id: VariantId,
        product_id: ProductId,
        currency: Currency,
        pointer: &str,
        fields: &mut Fields,
    ) -> Variant {
        Variant {
            id,
            product_id,
            name: self.name.to_string(),
            price: self.price.amount(currency, &format!("{pointer}/price"), fields),
            attributes: read(&self.attributes, pointer, fields),
            stock: self.stock,
            active: self.active,
            version: 1,
        }
    }
}

/// The properties by their names.
fn read(attributes: &[NewAttribute], pointer: &str, fields: &mut Fields) -> BTreeMap<String, String> {
    let mut by_name = BTreeMap::new();
    for (index, attribute) in attributes.iter().enumerate() {
        let former = by_name.insert(attribute.name.to_string(), attribute.value.to_string());
        fields.rule(
            former.is_none(),
            format!("{pointer}/attributes/{index}/name"),
            "Name each property once.",
        );
    }
    by_name
}

impl VariantChanges {
    fn apply(self, variant: Variant, currency: Currency, fields: &mut Fields) -> Variant {
        let before = Amount::of(variant.price, currency);
        let price = self.price.unwrap_or(before.into());
        Variant {
            name: self.name.map_or(variant.name, String::from),
            attributes: match self.attributes {
                Some(attributes) => read(&attributes, "", fields),
                None => variant.attributes,
            },
            price: price.amount(currency, "/price", fields),
            stock: self.stock.unwrap_or(variant.stock),
            active: self.active.unwrap_or(variant.active),
            version: variant.version + 1,
            ..variant
        }
    }
}
