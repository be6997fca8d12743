//! Products that are sold beside tickets: parking, drinks, shirts.

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::response::NoContent;
use domain::error::Fields;
use domain::event::ADDRESS_PATTERN;
use domain::moment::check_zone;
use domain::product::{MAX_PRODUCTS, MAX_VARIANTS, PricedProduct, Product, ProductCategory};
use domain::text::{Line, Paragraph};
use domain::{
    Currency, Error, EventId, Moment, ProductId, RequestId, Result, TenantId, Timestamp, VariantId, Written,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{OnRefused, Once, Refusal, StoredEvent, recount};
use web::{
    Answer, Created, IdempotencyKey, Json, Organizer, Path, Query, Refuses, Shared, Viewer, based_on,
    nullable,
};

use crate::State;
use crate::product_view::ProductView;
use crate::shelf::OfEvent;
use crate::variants::NewVariant;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route(
            "/api/v1/products",
            get_with(list, |op| {
                op.id("listProducts")
                    .summary("List what you sell beside tickets")
                    .tag("Products")
                    .description("Those of one event or, without `event_id`, those that are sold at all of your events.")
                    .refuses(["event_not_found"])
            })
            .post_with(create, |op| {
                op.id("createProduct")
                    .summary("Create a product")
                    .tag("Products")
                    .description(
                        "Of one event or, without `event_id`, of all of your events in its currency. Each unit that \
                         is sold is a voucher with a code of its own, which is handed out once. Variants have \
                         their own prices and stocks.",
                    )
                    .refuses(["event_not_found", "changed_meanwhile", "too_many_products"])
                    .refuses(["refused_fields", "too_many_decimals"])
            }),
        )
        .api_route(
            "/api/v1/products/{id}",
            get_with(show, |op| {
                op.id("showProduct")
                    .summary("Show a product")
                    .tag("Products")
                    .refuses(["event_not_found", "product_not_found"])
            })
            .patch_with(update, |op| {
                op.id("updateProduct")
                    .summary("Change a product")
                    .tag("Products")
                    .description("What was bought or quoted keeps its name and price.")
                    .refuses(["event_not_found", "product_not_found", "changed_meanwhile"])
                    .refuses(["refused_fields", "too_many_decimals"])
            })
            .delete_with(delete, |op| {
                op.id("deleteProduct")
                    .summary("Delete a product")
                    .tag("Products")
                    .description(
                        "With its variants. Not while orders have units of a stock of it: switch it off with \
                         `active` instead. Vouchers keep the name of what they are for.",
                    )
                    .refuses(["event_not_found", "product_not_found"])
                    .refuses(["product_has_sales", "changed_meanwhile"])
            }),
        )
}

/// JSON pointers of the product's times.
const START: &str = "/start_time";
const END: &str = "/end_time";
/// `/products/{id}`.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
struct ProductPath {
    /// The product's id.
    id: ProductId,
}

/// All products of an event, or all that are sold at all events.
#[derive(Debug, Serialize, JsonSchema)]
struct Products {
    /// The products, by their position.
    items: Vec<ProductView>,
}

/// A new product with its variants.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewProduct {
    /// The name that buyers see.
    name: Line<1, { Product::MAX_NAME_CHARS }>,
    /// The description for buyers.
    #[serde(default)]
    description: Paragraph<0, 1000>,
    /// The product's kind.
    kind: ProductCategory,
    /// The currency of its prices. If missing, that of its event, or yours.
    #[serde(default)]
    currency: Option<Currency>,
    /// Its own rate of value added tax, in per cent. If missing, that of the event.
    #[serde(default)]
    #[schemars(range(min = 0, max = 100))]
    vat_rate: Option<Written>,
    /// True to charge the event's convenience fee on it, too.
    #[serde(default)]
    has_fee: bool,
    /// False to sell it also without a ticket. True if missing.
    #[serde(default = "web::yes")]
    needs_ticket: bool,
    /// The most units of it, over all variants, in one order. 10 if missing.
    #[serde(default = "ten")]
    #[schemars(range(min = 1, max = 20))]
    max_per_order: u8,
    /// The first moment at which it is sold. If missing, as soon as the event is.
    #[serde(default)]
    start_time: Option<Moment>,
    /// The first moment at which it is no longer sold. If missing, when the event ends.
    #[serde(default)]
    end_time: Option<Moment>,
    /// The https address of a picture.
    #[serde(default)]
    #[schemars(length(max = 500), regex(pattern = ADDRESS_PATTERN))]
    image: Option<String>,
    /// Its place in lists, the lowest first.
    #[serde(default)]
    position: u16,
    /// False creates it switched off. True if missing.
    #[serde(default = "web::yes")]
    active: bool,
    /// The variants, at least one.
    #[schemars(length(min = 1, max = 20))]
    variants: Vec<NewVariant>,
}

const fn ten() -> u8 {
    10
}

/// A change of a product. A missing field stays as it is; event and currency never change.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ProductChanges {
    /// The version that the change is based on; refused if the product has another by now.
    version: Option<u32>,
    /// The name that buyers see.
    name: Option<Line<1, { Product::MAX_NAME_CHARS }>>,
    /// The description for buyers.
    description: Option<Paragraph<0, 1000>>,
    /// The product's kind.
    kind: Option<ProductCategory>,
    /// Its own rate of value added tax, in per cent, or `null` for that of the event.
    #[serde(default, deserialize_with = "nullable")]
    #[schemars(range(min = 0, max = 100))]
    vat_rate: Option<Option<Written>>,
    /// True to charge the event's convenience fee on it, too.
    has_fee: Option<bool>,
    /// False to sell it also without a ticket.
    needs_ticket: Option<bool>,
    /// The most units of it, over all variants, in one order.
    #[schemars(range(min = 1, max = 20))]
    max_per_order: Option<u8>,
    /// The first moment at which it is sold, or `null`.
    #[serde(default, deserialize_with = "nullable")]
    start_time: Option<Option<Moment>>,
    /// The first moment at which it is no longer sold, or `null`.
    #[serde(default, deserialize_with = "nullable")]
    end_time: Option<Option<Moment>>,
    /// The https address of a picture, or `null`.
    #[serde(default, deserialize_with = "nullable")]
    #[schemars(length(max = 500), regex(pattern = ADDRESS_PATTERN))]
    image: Option<Option<String>>,
    /// Its place in lists, the lowest first.
    position: Option<u16>,
    /// False switches it off, true on again.
    active: Option<bool>,
}

async fn list(
    Shared(state): Shared<State>,
    viewer: Viewer,
    Query(of): Query<OfEvent>,
) -> Answer<Json<Products>> {
    let shelf = state.shelf(viewer.tenant, of.event_id).await?;
    let left = state.left(&shelf, shelf.products()).await?;
    let items = shelf.products().iter().map(|priced| ProductView::new(priced.clone(), &left));
    Ok(Json(Products { items: items.collect() }))
}

async fn show(
    Shared(state): Shared<State>,
    viewer: Viewer,
    Path(path): Path<ProductPath>,
    Query(of): Query<OfEvent>,
) -> Answer<Json<ProductView>> {
    let shelf = state.shelf(viewer.tenant, of.event_id).await?;
    Ok(Json(state.product_view(&shelf, shelf.product(path.id)?.clone()).await?))
}

async fn create(
    Shared(state): Shared<State>,
    organizer: Organizer,
    Query(of): Query<OfEvent>,
    IdempotencyKey(key): IdempotencyKey,
    Json(new): Json<NewProduct>,
) -> Answer<Created<ProductView>> {
    let now = state.clock.now();
    let once = Once { user: organizer.user, route: "POST /api/v1/products", key: key.as_deref() };
    let request = (organizer.tenant, of.event_id, &new);
    let create = |id: RequestId| state.new_product(organizer.tenant, of.event_id, &new, id, now);
    Ok(Created(state.store.once(once, &request, now, create).await?))
}

async fn update(
    Shared(state): Shared<State>,
    organizer: Organizer,
    Path(path): Path<ProductPath>,
    Query(of): Query<OfEvent>,
    Json(changes): Json<ProductChanges>,
) -> Answer<Json<ProductView>> {
    let shelf = state.shelf(organizer.tenant, of.event_id).await?;
    let before = shelf.product(path.id)?;
    based_on(changes.version, before.product.version)?;
    let mut fields = Fields::new();
    let times = [(START, changes.start_time.flatten()), (END, changes.end_time.flatten())];
    check_times(&times, shelf.sheet(), &mut fields);
    let product = changes.apply(before.product.clone(), &mut fields);
    product.check(&mut fields);
    fields.finish()?;
    state.store.replace_product(&product).await.on_refused(Error::changed_meanwhile)?;
    let priced = PricedProduct { product, variants: before.variants.clone() };
    Ok(Json(state.product_view(&shelf, priced).await?))
}

async fn delete(
    Shared(state): Shared<State>,
    organizer: Organizer,
    Path(path): Path<ProductPath>,
    Query(of): Query<OfEvent>,
) -> Answer<NoContent> {
    let shelf = state.shelf(organizer.tenant, of.event_id).await?;
    let deleted = state.store.delete_product(shelf.product(path.id)?, state.clock.now()).await;
    deleted.map_err(has_sales)?;
    Ok(NoContent)
}

/// What is to be deleted has a stock of which orders have units.
pub(crate) fn has_sales(refusal: Refusal) -> Error {
    refusal.meaning(|_| {
        Error::conflict(
            "product_has_sales",
            "Orders have units of it. Switch it off with `active` instead of deleting it.",
        )
    })
}

fn too_many() -> Error {
    let detail = format!(
        "An event has at most {MAX_PRODUCTS} products, and as many are sold at all of your events. Delete one."
    );
    Error::conflict("too_many_products", detail)
}

/// Notes times that contradict the time zone of the product's event.
fn check_times(times: &[(&'static str, Option<Moment>)], sheet: Option<&StoredEvent>, fields: &mut Fields) {
    if let Some(sheet) = sheet {
        check_zone(times, &sheet.event.time_zone, fields);
    }
}

impl State {
    async fn new_product(
        &self,
        tenant: TenantId,
        event: Option<EventId>,
        new: &NewProduct,
        id: RequestId,
        now: Timestamp,
    ) -> Result<ProductView> {
        let shelf = self.shelf(tenant, event).await?;
        let id = ProductId::from_uuid(id.uuid());
        let is_repetition = shelf.product(id).is_ok();
        if shelf.products().len() >= MAX_PRODUCTS && !is_repetition {
            return Err(too_many());
        }
        let currency = match shelf.sheet() {
            Some(sheet) => sheet.event.currency,
            None => {
                let tenant = self.store.tenant(tenant).await?;
                let tenant = tenant.ok_or_else(|| Error::internal("an organiser without a tenant"))?;
                new.currency.unwrap_or(tenant.currency)
            }
        };
        let mut fields = Fields::new();
        check_times(&[(START, new.start_time), (END, new.end_time)], shelf.sheet(), &mut fields);
        let priced = new.product(id, tenant, event, currency, &mut fields);
        new.check(&priced, &mut fields);
        fields.finish()?;
        // The stocks come first: a variant without its items would count as sold out.
        for variant in &priced.variants {
            self.store.create_stock(variant).await?;
        }
        let product = self.store.create_product(&priced, now).await.on_refused(Error::changed_meanwhile)?;
        // Other requests may have created products at the same moment.
        let there = || async {
            let products = match event {
                Some(event) => {
                    let sheet = self.store.priced_event_of(tenant, event).await?;
                    sheet.map(|sheet| sheet.into_priced().products).unwrap_or_default()
                }
                None => self.store.tenant_products(tenant, true).await?.to_vec(),
            };
            Ok(products.into_iter().map(|priced| priced.product.id).collect())
        };
        if !recount::is_within_limit(MAX_PRODUCTS, &product.id, there).await? {
            self.store.drop_product(&priced).await?;
            return Err(too_many());
        }
        let shelf = self.shelf(tenant, event).await?;
        self.product_view(&shelf, shelf.product(product.id)?.clone()).await
    }
}

impl NewProduct {
    fn product(
        &self,
        id: ProductId,
        tenant_id: TenantId,
        event_id: Option<EventId>,
        currency: Currency,
        fields: &mut Fields,
    ) -> PricedProduct {
        let product = Product {
            id,
            tenant_id,
            event_id,
            name: self.name.to_string(),
            description: self.description.to_string(),
            kind: self.kind,
            currency,
            vat_rate: self.vat_rate.map(|rate| rate.percent("/vat_rate", fields)),
            has_fee: self.has_fee,
            needs_ticket: self.needs_ticket,
            max_per_order: self.max_per_order,
            start_time: self.start_time.map(Moment::time),
            end_time: self.end_time.map(Moment::time),
            image: self.image.as_deref().and_then(address),
            position: self.position,
            active: self.active,
            version: 1,
        };
        let variants = (0..).zip(self.variants.iter().take(MAX_VARIANTS)).map(|(index, new)| {
            let variant = VariantId::from_uuid(id.nth(index).uuid());
            new.variant(variant, id, currency, &format!("/variants/{index}"), fields)
        });
        let variants = variants.collect();
        PricedProduct { product, variants }
    }

    /// Notes what is wrong with the new product.
    fn check(&self, priced: &PricedProduct, fields: &mut Fields) {
        let PricedProduct { product, variants } = priced;
        product.check(fields);
        fields.check(
            (1..=MAX_VARIANTS).contains(&self.variants.len()),
            "/variants",
            format!("Must have between 1 and {MAX_VARIANTS} variants."),
        );
        for (index, variant) in variants.iter().enumerate() {
            let pointer = format!("/variants/{index}");
            variant.check(product.currency, &pointer, fields);
            let is_new = variants[..index].iter().all(|earlier| earlier.name != variant.name);
            fields.rule(is_new, format!("{pointer}/name"), "Another variant of the product has this name.");
        }
        fields.rule(
            self.currency.is_none_or(|currency| currency == product.currency),
            "/currency",
            "The event sells in another currency.",
        );
    }
}

/// The address without the space around it; `None` for an empty one.
fn address(text: &str) -> Option<String> {
    Some(text.trim()).filter(|address| !address.is_empty()).map(str::to_owned)
}

impl ProductChanges {
    fn apply(self, product: Product, fields: &mut Fields) -> Product {
        let vat_rate = match self.vat_rate {
            Some(rate) => rate.map(|rate| rate.percent("/vat_rate", fields)),
            None => product.vat_rate,
        };
        Product {
            name: self.name.map_or(product.name, String::from),
            description: self.description.map_or(product.description, String::from),
            kind: self.kind.unwrap_or(product.kind),
            vat_rate,
            has_fee: self.has_fee.unwrap_or(product.has_fee),
            needs_ticket: self.needs_ticket.unwrap_or(product.needs_ticket),
            max_per_order: self.max_per_order.unwrap_or(product.max_per_order),
            start_time: self.start_time.map_or(product.start_time, |time| time.map(Moment::time)),
            end_time: self.end_time.map_or(product.end_time, |time| time.map(Moment::time)),
            image: self.image.map_or(product.image, |image| image.as_deref().and_then(address)),
            position: self.position.unwrap_or(product.position),
            active: self.active.unwrap_or(product.active),
            version: product.version + 1,
            ..product
        }
    }
}

#[cfg(test)]
mod tests;
