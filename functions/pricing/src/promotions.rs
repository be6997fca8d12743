//! Promotions: reductions of an order by a code.

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::response::NoContent;
use domain::error::Fields;
use domain::moment::check_zone;
use domain::pricing::{AdjustmentType, AppliesTo, Promotion, PromotionCode};
use domain::text::Line;
use domain::user::Email;
use domain::{
    Amount, AreaId, Currency, Error, EventId, Moment, PromotionId, RequestId, Result, TenantId, VariantId,
    Worth, Written,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{OnRefused, Once, Refusal, StoredEvent};
use web::{
    Answer, Created, IdempotencyKey, Json, Organizer, Page, Paging, Path, Refuses, Shared, Viewer, based_on,
    nullable,
};

use crate::State;
use crate::promotion_view::PromotionView;
use crate::shelf::NO_SUCH_PRODUCT;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route(
            "/api/v1/promotions",
            get_with(list, |op| op.id("listPromotions").summary("List your promotions").tag("Prices"))
                .post_with(create, |op| op.id("createPromotion").summary("Create a promotion").tag("Prices")
                .refuses(["event_not_found", "code_taken", "refused_fields", "too_many_decimals"])),
        )
        .api_route(
            "/api/v1/promotions/{code}",
            get_with(show, |op| {
                op.id("showPromotion")
                    .summary("Show a promotion")
                    .tag("Prices")
                    .refuses(["promotion_not_found"])
            })
                .patch_with(update, |op| op.id("updatePromotion").summary("Change a promotion").tag("Prices")
                .refuses(["event_not_found", "promotion_not_found"])
                .refuses(["changed_meanwhile", "not_enough_free"])
                .refuses(["refused_fields", "too_many_decimals"]))
                .delete_with(delete, |op| {
                    op.id("deletePromotion").summary("Delete a promotion").tag("Prices").description(
                        "Only one with a limit that nobody has used, or one without a limit. Switch off the others.",
                    )
                    .refuses(["promotion_not_found", "changed_meanwhile", "promotion_in_use"])
                }),
        )
}

/// JSON pointer of the reduction in a request, for refusals.
const VALUE: &str = "/discount_value";
/// JSON pointer of the largest reduction in a request, for refusals.
const MOST: &str = "/max_discount_amount";
/// JSON pointers of the promotion's times.
const START: &str = "/start_date";
const END: &str = "/end_date";
/// The most uses that a limited promotion can have.
const MAX_USES: u32 = 100_000;
/// The highest limit that can be set on the uses of one buyer.
const MAX_USES_PER_BUYER: u32 = 20;

/// `/promotions/{code}`.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct CodePath {
    /// The promotion's code; capital and small letters are the same.
    pub(crate) code: PromotionCode,
}

/// A new promotion.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewPromotion {
    /// The name for your own lists; buyers do not see it.
    promotion_name: Line<1, { Promotion::MAX_NAME_CHARS }>,
    /// The code that the buyer types, such as `SOCIOS-10`; capital and small letters are the
    /// same.
    promotion_code: PromotionCode,
    /// Whether `discount_value` is a percentage or an amount.
    discount_type: AdjustmentType,
    /// The reduction: a percentage of the price of the tickets that it is for, or an amount
    /// **per order**, not per ticket.
    #[schemars(range(min = 0, max = 1_000_000_000_000_i64))]
    discount_value: Written,
    /// The currency of its amounts. If missing, that of the event that it is for.
    #[serde(default)]
    currency: Option<Currency>,
    /// The tickets or products that it is for.
    applies_to: AppliesTo,
    /// The event's id, if it is for an event or for one of its areas.
    #[serde(default, alias = "target_cluster_id")]
    #[schemars(extend("x-aliases" = ["target_cluster_id"]))]
    target_event_id: Option<EventId>,
    /// The area's id, if it is for an area.
    #[serde(default)]
    target_area_id: Option<AreaId>,
    /// The id of a product's variant, if it is for one. If missing and `applies_to` is `product`, it is for
    /// all products.
    #[serde(default)]
    target_product_variant_id: Option<VariantId>,
    /// The fewest tickets or units that the order must have, of those that it is for.
    #[serde(default)]
    #[schemars(range(min = 1))]
    min_quantity: Option<u32>,
    /// The most tickets of an order that are reduced, the most expensive first. If missing, all.
    #[serde(default)]
    #[schemars(range(min = 1))]
    max_quantity: Option<u32>,
    /// The largest reduction of one order, in `currency`.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1_000_000_000_000_i64))]
    max_discount_amount: Option<Written>,
    /// The first moment at which the code works. If missing, at once.
    #[serde(default)]
    start_date: Option<Moment>,
    /// The first moment at which the code no longer works. If missing, it never ends.
    #[serde(default)]
    end_date: Option<Moment>,
    /// The most orders that can use it. If missing, there is no limit.
    #[serde(default)]
    #[schemars(range(min = 1, max = 100_000))]
    total_uses: Option<u32>,
    /// The most orders of one buyer that can use it. If missing, there is no limit.
    #[serde(default)]
    #[schemars(range(min = 1, max = 20))]
    uses_per_buyer: Option<u32>,
    /// False creates it switched off. True if missing.
    #[serde(default = "web::yes")]
    active: bool,
    /// The e-mail address of the only buyer who can use it.
    #[serde(default)]
    bound_email: Option<Email>,
}

/// A change of a promotion. A missing field stays as it is; the code never changes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PromotionChanges {
    /// The version that the change is based on; refused if the promotion has another by now.
    version: Option<u32>,
    /// The name for your own lists; buyers do not see it.
    promotion_name: Option<Line<1, { Promotion::MAX_NAME_CHARS }>>,
    /// Whether `discount_value` is a percentage or an amount.
    discount_type: Option<AdjustmentType>,
    /// The reduction. If missing, the number stays, and is a percentage or an amount as
    /// `discount_type` and `currency` now say.
    discount_value: Option<Written>,
    /// The currency of its amounts, or `null` for that of the event that it is for.
    #[serde(default, deserialize_with = "nullable")]
    currency: Option<Option<Currency>>,
    /// The tickets that it is for.
    applies_to: Option<AppliesTo>,
    /// The event's id, or `null`.
    #[serde(default, deserialize_with = "nullable", alias = "target_cluster_id")]
    #[schemars(extend("x-aliases" = ["target_cluster_id"]))]
    target_event_id: Option<Option<EventId>>,
    /// The area's id, or `null`.
    #[serde(default, deserialize_with = "nullable")]
    target_area_id: Option<Option<AreaId>>,
    /// The id of a product's variant, or `null`.
    #[serde(default, deserialize_with = "nullable")]
    target_product_variant_id: Option<Option<VariantId>>,
    /// The fewest tickets that the order must have, of those that it is for, or `null`.
    #[serde(default, deserialize_with = "nullable")]
    #[schemars(range(min = 1))]
    min_quantity: Option<Option<u32>>,
    /// The most tickets of an order that are reduced, or `null` for all.
    #[serde(default, deserialize_with = "nullable")]
    #[schemars(range(min = 1))]
    max_quantity: Option<Option<u32>>,
    /// The largest reduction of one order, in `currency`, or `null`.
    #[serde(default, deserialize_with = "nullable")]
    max_discount_amount: Option<Option<Written>>,
    /// The first moment at which the code works, or `null`.
    #[serde(default, deserialize_with = "nullable")]
    start_date: Option<Option<Moment>>,
    /// The first moment at which the code no longer works, or `null`.
    #[serde(default, deserialize_with = "nullable")]
    end_date: Option<Option<Moment>>,
    /// The most orders that can use it, or `null` for no limit. A new limit counts from now
    /// on.
    #[serde(default, deserialize_with = "nullable")]
    #[schemars(range(min = 1, max = 100_000))]
    total_uses: Option<Option<u32>>,
    /// False switches it off, true on again.
    active: Option<bool>,
    /// The e-mail address of the only buyer who can use it, or `null` for all buyers.
    #[serde(default, deserialize_with = "nullable")]
    bound_email: Option<Option<Email>>,
}

async fn list(
    Shared(state): Shared<State>,
    viewer: Viewer,
    paging: Paging,
) -> Answer<Json<Page<PromotionView>>> {
    let promotions = state.store.promotions(viewer.tenant, paging.after.as_deref(), paging.limit).await;
    // Without the uses left of each: they would cost more reads than the list.
    Ok(Json(Page::of(promotions?, |promotion| PromotionView::new(promotion, None))))
}

async fn show(
    Shared(state): Shared<State>,
    viewer: Viewer,
    Path(path): Path<CodePath>,
) -> Answer<Json<PromotionView>> {
    let promotion = state.promotion(viewer.tenant, &path.code).await?;
    Ok(Json(state.promotion_view(promotion).await?))
}

async fn create(
    Shared(state): Shared<State>,
    organizer: Organizer,
    IdempotencyKey(key): IdempotencyKey,
    Json(new): Json<NewPromotion>,
) -> Answer<Created<PromotionView>> {
    let now = state.clock.now();
    let once = Once { user: organizer.user, route: "POST /api/v1/promotions", key: key.as_deref() };
    let request = (organizer.tenant, &new);
    let create =
        |id: RequestId| state.create_promotion(PromotionId::from_uuid(id.uuid()), organizer.tenant, &new);
    Ok(Created(state.store.once(once, &request, now, create).await?))
}

async fn update(
    Shared(state): Shared<State>,
    organizer: Organizer,
    Path(path): Path<CodePath>,
    Json(changes): Json<PromotionChanges>,
) -> Answer<Json<PromotionView>> {
    let before = state.promotion(organizer.tenant, &path.code).await?;
    based_on(changes.version, before.version)?;
    let target = changes.target_event_id.unwrap_or(before.target_event_id);
    let sheet = state.target(organizer.tenant, target).await?;
    let mut fields = Fields::new();
    let times = [(START, changes.start_date.flatten()), (END, changes.end_date.flatten())];
    check_times(&times, sheet.as_ref(), &mut fields);
    let after = changes.apply(before.clone(), sheet.as_ref().map(|sheet| sheet.event.currency), &mut fields);
    state.check_product(&after, sheet.as_ref(), &mut fields).await?;
    check(&after, sheet.as_ref(), fields)?;
    let replaced = state.store.replace_promotion(&before, &after, state.clock.now()).await;
    replaced.map_err(not_enough_uses)?;
    Ok(Json(state.promotion_view(after).await?))
}

async fn delete(
    Shared(state): Shared<State>,
    organizer: Organizer,
    Path(path): Path<CodePath>,
) -> Answer<NoContent> {
    let promotion = state.promotion(organizer.tenant, &path.code).await?;
    let in_use = |_| {
        Error::conflict(
            "promotion_in_use",
            "Orders have used this code. Switch it off with `active` instead of deleting it.",
        )
    };
    let deleted = state.store.delete_promotion(&promotion, state.clock.now()).await;
    deleted.map_err(|refusal| refusal.meaning(in_use))?;
    Ok(NoContent)
}

impl State {
    async fn promotion(&self, tenant: TenantId, code: &PromotionCode) -> Result<Promotion> {
        let promotion = match code.is_of_member() {
            // Only supervisors see whose code it is and whether it was used.
            true => None,
            false => self.store.promotion(tenant, code.as_str()).await?,
        };
        promotion
            .ok_or_else(|| Error::not_found("promotion_not_found", "You have no promotion with this code."))
    }

    async fn promotion_view(&self, promotion: Promotion) -> Result<PromotionView> {
        let remaining = self.store.promotion_left(&promotion, self.clock.now()).await?;
        Ok(PromotionView::new(promotion, remaining))
    }

    async fn create_promotion(
        &self,
        id: PromotionId,
        tenant: TenantId,
        new: &NewPromotion,
    ) -> Result<PromotionView> {
        let sheet = self.target(tenant, new.target_event_id).await?;
        let mut fields = Fields::new();
        let currency = sheet.as_ref().map(|sheet| sheet.event.currency);
        check_times(&[(START, new.start_date), (END, new.end_date)], sheet.as_ref(), &mut fields);
        let promotion = new.promotion(id, tenant, currency, &mut fields);
        self.check_product(&promotion, sheet.as_ref(), &mut fields).await?;
        check(&promotion, sheet.as_ref(), fields)?;
        // The code is claimed first: only the request that has it may change its uses.
        let promotion = self.store.create_promotion(&promotion).await.on_refused(|| {
            Error::conflict("code_taken", "You have a promotion with this code already. Choose another code.")
        })?;
        self.store.reset_uses(&promotion, self.clock.now()).await.map_err(not_enough_uses)?;
        self.promotion_view(promotion).await
    }

    /// Notes a product that the promotion is for and that does not exist.
    async fn check_product(
        &self,
        promotion: &Promotion,
        sheet: Option<&StoredEvent>,
        fields: &mut Fields,
    ) -> Result<()> {
        let known =
            self.is_sold_variant(promotion.target_product_variant_id, sheet, promotion.tenant_id).await?;
        let detail = if sheet.is_some() { NO_SUCH_PRODUCT } else { "Name the event of the product." };
        fields.rule(known, "/target_product_variant_id", detail);
        Ok(())
    }

    /// The event that a promotion is for, with its areas, if it is for one.
    async fn target(&self, tenant: TenantId, event: Option<EventId>) -> Result<Option<StoredEvent>> {
        match event {
            Some(event) => Ok(Some(self.sheet(tenant, event).await?)),
            None => Ok(None),
        }
    }
}

fn not_enough_uses(refusal: Refusal) -> Error {
    refusal.not_enough_free(|free| format!("Only {free} uses are left; orders have taken the others."))
}

/// Notes times that contradict the time zone of the event that the promotion is for.
fn check_times(times: &[(&'static str, Option<Moment>)], sheet: Option<&StoredEvent>, fields: &mut Fields) {
    if let Some(sheet) = sheet {
        check_zone(times, &sheet.event.time_zone, fields);
    }
}

/// Checks a promotion for the event of `sheet` before it is stored. `fields` already has
/// what is wrong with its numbers.
fn check(promotion: &Promotion, sheet: Option<&StoredEvent>, mut fields: Fields) -> Result<()> {
    check_bounds(promotion, &mut fields);
    if let Some(sheet) = sheet {
        let has_area = promotion.target_area_id.is_none_or(|area| sheet.area(area).is_some());
        fields.rule(has_area, "/target_area_id", "The event has no such area.");
        let is_same = promotion.currency == Some(sheet.event.currency);
        fields.rule(is_same, "/currency", "The event sells in another currency.");
    }
    fields.finish()
}

fn check_bounds(promotion: &Promotion, fields: &mut Fields) {
    promotion.check(fields);
    fields.rule(
        !promotion.promotion_code.is_of_member(),
        "/promotion_code",
        format!(
            "Codes that begin with {} are those of members' discounts. Choose another.",
            PromotionCode::MEMBER_PREFIX
        ),
    );
    fields.rule(
        promotion.target_area_id.is_none() || promotion.target_event_id.is_some(),
        "/target_event_id",
        "Name the event of the area.",
    );
    fields.check(
        promotion.total_uses.is_none_or(|uses| uses <= MAX_USES),
        "/total_uses",
        format!("Must be at most {MAX_USES}."),
    );
    fields.check(
        promotion.uses_per_buyer.is_none_or(|uses| uses <= MAX_USES_PER_BUYER),
        "/uses_per_buyer",
        format!("Must be at most {MAX_USES_PER_BUYER}."),
    );
}

impl NewPromotion {
    /// The new promotion. `currency` is that of the event that it is for, if it is for one.
    fn promotion(
        &self,
        id: PromotionId,
        tenant: TenantId,
        currency: Option<Currency>,
        fields: &mut Fields,
    ) -> Promotion {
        let currency = self.currency.or(currency);
        let counted = currency.unwrap_or(Currency::NONE);
        Promotion {
            id,
            tenant_id: tenant,
            promotion_name: self.promotion_name.to_string(),
            promotion_code: self.promotion_code.clone(),
            discount_type: self.discount_type,
            discount_value: self.discount_value.worth(self.discount_type, counted, VALUE, fields),
            currency,
            applies_to: self.applies_to,
            target_event_id: self.target_event_id,
            target_area_id: self.target_area_id,
            target_product_variant_id: self.target_product_variant_id,
            min_quantity: self.min_quantity,
            max_quantity: self.max_quantity,
            max_discount_amount: self.max_discount_amount.map(|most| most.amount(counted, MOST, fields)),
            start_date: self.start_date.map(Moment::time),
            end_date: self.end_date.map(Moment::time),
            total_uses: self.total_uses,
            uses_per_buyer: self.uses_per_buyer,
            active: self.active,
            bound_email: self.bound_email.as_ref().map(ToString::to_string),
            version: 1,
        }
    }
}

impl PromotionChanges {
    /// The changed promotion. `of_event` is the currency of the event that it is for, if it is
    /// for one.
    fn apply(self, promotion: Promotion, of_event: Option<Currency>, fields: &mut Fields) -> Promotion {
        let before = promotion.currency();
        let currency = self.currency.unwrap_or(promotion.currency).or(of_event);
        let counted = currency.unwrap_or(Currency::NONE);
        let kind = self.discount_type.unwrap_or(promotion.discount_type);
        let value = Worth::of(promotion.discount_value, promotion.discount_type, before);
        let value = self.discount_value.unwrap_or(value.into());
        let most = promotion.max_discount_amount.map(|most| Amount::of(most, before).into());
        let most = self.max_discount_amount.unwrap_or(most);
        Promotion {
            promotion_name: self.promotion_name.map_or(promotion.promotion_name, String::from),
            discount_type: kind,
            discount_value: value.worth(kind, counted, VALUE, fields),
            currency,
            applies_to: self.applies_to.unwrap_or(promotion.applies_to),
            target_event_id: self.target_event_id.unwrap_or(promotion.target_event_id),
            target_area_id: self.target_area_id.unwrap_or(promotion.target_area_id),
            target_product_variant_id: (self.target_product_variant_id)
                .unwrap_or(promotion.target_product_variant_id),
            min_quantity: self.min_quantity.unwrap_or(promotion.min_quantity),
            max_quantity: self.max_quantity.unwrap_or(promotion.max_quantity),
            max_discount_amount: most.map(|most| most.amount(counted, MOST, fields)),
            start_date: self.start_date.map_or(promotion.start_date, |time| time.map(Moment::time)),
            end_date: self.end_date.map_or(promotion.end_date, |time| time.map(Moment::time)),
            total_uses: self.total_uses.unwrap_or(promotion.total_uses),
            active: self.active.unwrap_or(promotion.active),
            bound_email: match self.bound_email {
                Some(changed) => changed.map(String::from),
                None => promotion.bound_email,
            },
            version: promotion.version + 1,
            ..promotion
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;
    use serde_json::json;

    use super::*;

    fn promotion(change: serde_json::Value) -> Promotion {
        let mut body = json!({
            "promotion_name": "Socios", "promotion_code": "socios-10", "discount_type": "percentage",
            "discount_value": 10, "applies_to": "tenant",
        });
        if let (Some(body), Some(change)) = (body.as_object_mut(), change.as_object()) {
            body.extend(change.clone());
        }
        let now = Timestamp::UNIX_EPOCH;
        let new: NewPromotion = serde_json::from_value(body).expect("a new promotion");
        new.promotion(PromotionId::generate(now), TenantId::generate(now), None, &mut Fields::new())
    }

    fn bad(change: serde_json::Value) -> Vec<String> {
        let mut fields = Fields::new();
        check_bounds(&promotion(change), &mut fields);
        let error = fields.finish().err();
        error.iter().flat_map(|error| error.field_errors()).map(|field| field.pointer.clone()).collect()
    }

    #[test]
    fn codes_and_addresses_have_one_spelling() {
        let promotion = promotion(json!({"bound_email": " Ana@Example.com"}));
        assert_eq!(promotion.promotion_code.as_str(), "SOCIOS-10");
        assert_eq!(promotion.bound_email.as_deref(), Some("ana@example.com"));
    }

    #[test]
    fn a_promotion_is_bounded() {
        let area = AreaId::generate(Timestamp::UNIX_EPOCH);
        assert_eq!(bad(json!({})), [""; 0]);
        assert_eq!(
            bad(json!({"total_uses": 100_001, "uses_per_buyer": 21})),
            ["/total_uses", "/uses_per_buyer"]
        );
        assert_eq!(bad(json!({"applies_to": "area", "target_area_id": area})), ["/target_event_id"]);
        assert_eq!(bad(json!({"discount_value": 0})), ["/discount_value"]);
        assert_eq!(bad(json!({"discount_type": "fixed"})), ["/currency"]);
        assert_eq!(bad(json!({"max_quantity": 0})), ["/max_quantity"]);
        assert_eq!(bad(json!({"promotion_code": "socio-1234"})), ["/promotion_code"]);
    }

    #[test]
    fn a_change_never_changes_the_code() {
        assert!(serde_json::from_value::<PromotionChanges>(json!({"promotion_code": "OTRO"})).is_err());
        let before = promotion(json!({"total_uses": 5}));
        let changes: PromotionChanges =
            serde_json::from_value(json!({"total_uses": null, "active": false})).expect("changes");
        let after = changes.apply(before.clone(), None, &mut Fields::new());
        assert_eq!(after, Promotion { total_uses: None, active: false, version: 2, ..before });
    }

    #[test]
    fn a_kept_number_is_read_in_the_new_type_and_currency() {
        let before = promotion(json!({
            "discount_type": "fixed", "discount_value": "5000", "currency": "COP", "max_discount_amount": 20_000.5,
        }));
        assert_eq!((before.discount_value, before.max_discount_amount), (500_000, Some(2_000_050)));
        let changed = |changes: serde_json::Value| {
            let changes: PromotionChanges = serde_json::from_value(changes).expect("changes");
            let mut fields = Fields::new();
            let after = changes.apply(before.clone(), None, &mut fields);
            check(&after, None, fields).map(|()| (after.discount_value, after.max_discount_amount))
        };
        let moved = changed(json!({"currency": "CLP", "max_discount_amount": null}));
        assert_eq!(moved.expect("5000 pesos"), (5000, None));
        let error = changed(json!({"currency": "CLP"})).expect_err("half a peso");
        assert_eq!((error.code(), error.field_errors()[0].pointer.as_str()), ("too_many_decimals", MOST));
        let percentage = json!({"discount_type": "percentage", "discount_value": 12.5});
        assert_eq!(changed(percentage).expect("12.5 %"), (1250, Some(2_000_050)));
        assert!(changed(json!({"discount_type": "percentage"})).is_err(), "5000 %");
    }
}
