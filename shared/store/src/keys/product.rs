//! Keys of products: of one event, or of a tenant for all of its events.

use domain::{EventId, ProductId, TenantId, VariantId};

use super::{Key, block, event_partition, tenant_partition};

/// Block `index` of a variant's stock.
pub(crate) fn variant_block(variant: VariantId, index: u16) -> Key {
    block(&format!("VR#{}", variant.suffix()), index)
}

/// The partition of the products of `event` or, without one, of those that the tenant has for all
/// events.
pub(crate) fn product_partition(tenant: TenantId, event: Option<EventId>) -> String {
    event.map_or_else(|| tenant_partition(tenant), event_partition)
}

/// A product.
pub(crate) fn product(tenant: TenantId, event: Option<EventId>, product: ProductId) -> Key {
    Key::new(product_partition(tenant, event), format!("{PRODUCT_PREFIX}{}", product.suffix()))
}

/// Prefix of the sort keys of products.
pub(crate) const PRODUCT_PREFIX: &str = "PR#";

/// A variant of a product.
pub(crate) fn variant(
    tenant: TenantId,
    event: Option<EventId>,
    product: ProductId,
    variant: VariantId,
) -> Key {
    Key::new(
        product_partition(tenant, event),
        format!("{VARIANT_PREFIX}{}#{}", product.suffix(), variant.suffix()),
    )
}

/// Prefix of the sort keys of variants.
pub(crate) const VARIANT_PREFIX: &str = "PV#";

/// Sorts after all sort keys of variants, as those of products do before them.
pub(crate) const VARIANTS_END: &str = "PV#~";
