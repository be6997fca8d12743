//! The products of one event, or of a tenant for all of its events.

use domain::product::{PricedProduct, find_variant, product_not_found};
use domain::{EventId, ProductId, Result, TenantId, VariantId};
use schemars::JsonSchema;
use serde::Deserialize;
use store::{StockLeft, StoredEvent, StoredProducts};

use crate::State;
use crate::product_view::ProductView;

/// Why a stage or promotion can not be for a variant.
pub(crate) const NO_SUCH_PRODUCT: &str = "There is no such variant of a product that is sold at this event.";

/// The event of a product.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
pub(crate) struct OfEvent {
    /// The id of the event that has it alone. Leave it out for a product of all of your events.
    pub(crate) event_id: Option<EventId>,
}

/// The products of one event or of a tenant, with the event.
#[derive(Debug)]
pub(crate) enum Shelf {
    /// Those of one event.
    Event(Box<StoredEvent>),
    /// Those that are sold at all events of a tenant.
    Tenant(StoredProducts),
}

impl Shelf {
    pub(crate) fn products(&self) -> &[PricedProduct] {
        match self {
            Self::Event(sheet) => &sheet.products,
            Self::Tenant(products) => products,
        }
    }

    pub(crate) fn product(&self, id: ProductId) -> Result<&PricedProduct> {
        self.products().iter().find(|priced| priced.product.id == id).ok_or_else(product_not_found)
    }

    pub(crate) fn sheet(&self) -> Option<&StoredEvent> {
        match self {
            Self::Event(sheet) => Some(sheet),
            Self::Tenant(_) => None,
        }
    }
}

impl State {
    /// The products of the tenant's event or, without one, those for all events.
    pub(crate) async fn shelf(&self, tenant: TenantId, event: Option<EventId>) -> Result<Shelf> {
        Ok(match event {
            Some(event) => Shelf::Event(Box::new(self.sheet(tenant, event).await?)),
            None => Shelf::Tenant(self.store.tenant_products(tenant, true).await?),
        })
    }

    /// What is left of these products of the shelf.
    pub(crate) async fn left(&self, shelf: &Shelf, products: &[PricedProduct]) -> Result<StockLeft> {
        let others = match shelf {
            Shelf::Event(_) => None,
            Shelf::Tenant(products) => Some(products),
        };
        Ok(self.store.stock_left(products, shelf.sheet(), others, self.clock.now()).await?)
    }

    pub(crate) async fn product_view(&self, shelf: &Shelf, priced: PricedProduct) -> Result<ProductView> {
        let left = self.left(shelf, std::slice::from_ref(&priced)).await?;
        Ok(ProductView::new(priced, &left))
    }

    /// True if the variant is sold at the event or, without one, at all events of the tenant. Without a
    /// variant there is nothing to be sold.
    pub(crate) async fn is_sold_variant(
        &self,
        variant: Option<VariantId>,
        sheet: Option<&StoredEvent>,
        tenant: TenantId,
    ) -> Result<bool> {
        let Some(variant) = variant else { return Ok(true) };
        if sheet.is_some_and(|sheet| find_variant(&sheet.products, variant).is_some()) {
            return Ok(true);
        }
        let others = self.store.tenant_products(tenant, true).await?;
        Ok(find_variant(others.iter(), variant).is_some())
    }
}
