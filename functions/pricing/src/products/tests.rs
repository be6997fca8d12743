use serde_json::json;

use super::*;

fn new(change: serde_json::Value) -> (NewProduct, PricedProduct, Fields) {
    let mut body = json!({
        "name": " Camiseta ", "kind": "merchandise", "vat_rate": 19,
        "variants": [
            {"name": "M", "price": 45_000, "stock": 20, "attributes": [{"name": "size", "value": "M"}]},
            {"name": "L", "price": "45000.5"},
        ],
    });
    if let (Some(body), Some(change)) = (body.as_object_mut(), change.as_object()) {
        body.extend(change.clone());
    }
    let now = Timestamp::UNIX_EPOCH;
    let new: NewProduct = serde_json::from_value(body).expect("a new product");
    let mut fields = Fields::new();
    let priced =
        new.product(ProductId::generate(now), TenantId::generate(now), None, Currency::COP, &mut fields);
    new.check(&priced, &mut fields);
    (new, priced, fields)
}

fn bad(change: serde_json::Value) -> Vec<String> {
    let error = new(change).2.finish().err();
    error.iter().flat_map(Error::field_errors).map(|field| field.pointer.clone()).collect()
}

#[test]
fn a_new_product_has_ids_and_numbers_of_its_own() {
    let (_, priced, mut fields) = new(json!({}));
    fields.finish().expect("valid");
    let PricedProduct { product, variants } = priced;
    assert_eq!((product.name.as_str(), product.needs_ticket, product.has_fee), ("Camiseta", true, false));
    assert_eq!((product.max_per_order, product.vat_rate.map(|rate| rate.0)), (10, Some(1900)));
    assert_eq!(variants.iter().map(|v| v.price).collect::<Vec<_>>(), [4_500_000, 4_500_050]);
    assert_ne!(variants[0].id, variants[1].id);
    assert_eq!(variants[0].attributes["size"], "M");
}

#[test]
fn what_is_wrong_is_named() {
    assert_eq!(bad(json!({})), [""; 0]);
    assert_eq!(bad(json!({"currency": "CLP"})), ["/currency"]);
    assert_eq!(bad(json!({"variants": []})), ["/variants"]);
    assert_eq!(bad(json!({"vat_rate": 101, "max_per_order": 0})), ["/vat_rate", "/max_per_order"]);
    let twice = json!([{"name": "M", "price": 1}, {"name": "M", "price": 1}]);
    assert_eq!(bad(json!({"variants": twice})), ["/variants/1/name"]);
    let attributes = json!([{"name": "size", "value": "M"}, {"name": "size", "value": "L"}]);
    let variant = json!([{"price": "1.005", "stock": 200_001, "attributes": attributes}]);
    assert_eq!(
        bad(json!({"variants": variant})),
        ["/variants/0/price", "/variants/0/attributes/1/name", "/variants/0/stock"]
    );
}

#[test]
fn a_change_clears_null_fields_and_keeps_the_rest() {
    let before = new(json!({"image": "https://fotos.example/a.png"})).1.product;
    let changes: ProductChanges =
        serde_json::from_value(json!({"vat_rate": null, "image": "", "active": false})).expect("changes");
    let mut fields = Fields::new();
    let after = changes.apply(before.clone(), &mut fields);
    fields.finish().expect("valid");
    assert_eq!(after, Product { vat_rate: None, image: None, active: false, version: 2, ..before });
}
