//! The fee payments of a member.

use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, patch_with};
use domain::error::Fields;
use domain::member::{FeePayment, MAX_DESCRIPTION, Member, PaymentMethod};
use domain::text::Paragraph;
use domain::{
    Amount, Currency, Error, FeePaymentId, MemberId, Moment, RequestId, Result, TenantId, Timestamp, UserId,
    Written,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::Once;
use web::{
    Answer, Created, IdempotencyKey, Json, Page, Paging, Path, Refuses, Shared, Supervisor, based_on,
    formatted, nullable,
};

use crate::fields::check_past;
use crate::receipts::{NewReceipt, ReceiptUpload};
use crate::{MemberPath, State};
use domain::member::member_not_found;

pub(crate) fn routes() -> ApiRouter<State> {
    ApiRouter::new()
        .api_route(
            "/api/v1/users/{id}/payments",
            get_with(list, |op| {
                op.id("listFeePayments").summary("List what a member paid").tag("Members").description(
                    "The latest first. `receipt` leads to the uploaded file for five minutes.",
                )
                .refuses(["member_not_found"])
            })
            .post_with(create, |op| {
                op.id("createFeePayment").summary("Note a payment of a member's fee").tag("Members").description(
                    "A confirmed payment makes the member's monthly fee current, unless `marks_current` is \
                     false. With `receipt`, the answer has a signed request in `receipt_upload`: send the file's \
                     bytes with exactly that method, address and headers within 15 minutes.",
                )
                .refuses(["member_not_found", "refused_fields", "too_many_decimals"])
            }),
        )
        .api_route(
            "/api/v1/users/{id}/payments/{payment}",
            patch_with(update, |op| {
                op.id("updateFeePayment").summary("Confirm or correct a payment").tag("Members").description(
                    "What is not sent stays as it is. A payment that is confirmed with this request makes the \
                     member's monthly fee current, unless `marks_current` is false; taking the confirmation \
                     back leaves the member as it is. `receipt` replaces the file by another one.",
                )
                .refuses(["member_not_found", "payment_not_found", "changed_meanwhile"])
                .refuses(["too_many_decimals"])
            }),
        )
}

/// JSON pointer of the amount in a request, for refusals.
const AMOUNT: &str = "/amount_paid";

/// `/users/{id}/payments/{payment}`.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
struct PaymentPath {
    /// The member's id.
    id: MemberId,
    /// The payment's id.
    payment: FeePaymentId,
}

/// A new payment of a member's fee.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewFeePayment {
    /// The amount, in `currency`.
    #[schemars(range(min = 0, max = 1_000_000_000_000_i64))]
    amount_paid: Written,
    /// The currency of the amount. If missing, the organiser's.
    currency: Option<Currency>,
    /// When the member paid. If missing, now.
    payment_date: Option<Moment>,
    /// How the member paid.
    payment_method: PaymentMethod,
    /// What the payment is for, such as `November`.
    description: Option<Paragraph<0, MAX_DESCRIPTION>>,
    /// The receipt that the client is going to upload.
    receipt: Option<NewReceipt>,
    /// True if a supervisor saw the money arrive. False if missing.
    #[serde(default)]
    confirmed: bool,
    /// False leaves `monthly_fee_current` of the member as it is although the payment is
    /// confirmed.
    #[serde(default = "web::yes")]
    marks_current: bool,
}

/// A change of a payment. A missing field stays as it is, and `null` removes a value.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FeePaymentChanges {
    /// The version that the change is based on; refused if the payment has another by now.
    version: Option<u32>,
    /// The amount, in `currency` or, without it, in the payment's currency.
    #[schemars(range(min = 0, max = 1_000_000_000_000_i64))]
    amount_paid: Option<Written>,
    /// The currency. Without `amount_paid`, the number stays and is an amount in the new
    /// currency.
    currency: Option<Currency>,
    /// When the member paid.
    payment_date: Option<Moment>,
    /// How the member paid.
    payment_method: Option<PaymentMethod>,
    /// What the payment is for, or `null`.
    #[serde(default, deserialize_with = "nullable")]
    description: Option<Option<Paragraph<0, MAX_DESCRIPTION>>>,
    /// Another receipt that the client is going to upload, or `null` for none.
    #[serde(default, deserialize_with = "nullable")]
    receipt: Option<Option<NewReceipt>>,
    /// True if a supervisor saw the money arrive.
    confirmed: Option<bool>,
    /// False leaves `monthly_fee_current` of the member as it is although this confirms the
    /// payment.
    #[serde(default = "web::yes")]
    marks_current: bool,
}

/// A payment of a member's fee.
#[derive(Debug, Serialize, JsonSchema)]
struct FeePaymentView {
    /// The payment's id.
    id: FeePaymentId,
    /// The id of the member who paid.
    user_id: MemberId,
    /// The amount, in `currency`.
    amount_paid: Amount,
    /// The amount as people write it, such as `COP 50.000`.
    amount_paid_formatted: String,
    /// The currency of the amount.
    currency: Currency,
    /// When the member paid.
    payment_date: Timestamp,
    /// How the member paid.
    payment_method: PaymentMethod,
    /// What the payment is for.
    description: Option<String>,
    /// A link to the receipt that is good for five minutes.
    receipt: Option<String>,
    /// True if a supervisor saw the money arrive.
    confirmed: bool,
    /// When a supervisor entered the payment.
    created_at: Timestamp,
    /// When the payment was last changed.
    updated_at: Timestamp,
    /// The id of the supervisor who made the last change.
    updated_by: UserId,
    /// Counts changes, from 1. A change can name the version that it is based on.
    version: u32,
}

/// A payment and, if a receipt was announced, how to upload it.
#[derive(Debug, Serialize, JsonSchema)]
struct WrittenFeePayment {
    #[serde(flatten)]
    payment: FeePaymentView,
    /// How to upload the receipt that was announced.
    receipt_upload: Option<ReceiptUpload>,
}

async fn list(
    Shared(state): Shared<State>,
    supervisor: Supervisor,
    Path(path): Path<MemberPath>,
    paging: Paging,
) -> Answer<Json<Page<FeePaymentView>>> {
    state.fee_payer(supervisor.tenant, path.id).await?;
    let page = state.store.fee_payments(path.id, paging.after.as_deref(), paging.limit).await;
    let page = page?;
    let mut items = Vec::with_capacity(page.items.len());
    for payment in page.items {
        items.push(state.payment_view(payment)?);
    }
    Ok(Json(Page::new(items, page.last)))
}

async fn create(
    Shared(state): Shared<State>,
    supervisor: Supervisor,
    Path(path): Path<MemberPath>,
    IdempotencyKey(key): IdempotencyKey,
    Json(new): Json<NewFeePayment>,
) -> Answer<Created<WrittenFeePayment>> {
    let now = state.clock.now();
    let route = "POST /api/v1/users/{id}/payments";
    let once = Once { user: supervisor.user, route, key: key.as_deref() };
    let request = (path.id, &new);
    let create =
        |id: RequestId| state.create_payment(&supervisor, path.id, FeePaymentId::from_uuid(id.uuid()), &new);
    let payment = state.store.once(once, &request, now, create).await?;
    // Signed again at every retry: a stored signature would expire too soon.
    Ok(Created(state.written(payment, new.receipt)?))
}

async fn update(
    Shared(state): Shared<State>,
    supervisor: Supervisor,
    Path(path): Path<PaymentPath>,
    Json(changes): Json<FeePaymentChanges>,
) -> Answer<Json<WrittenFeePayment>> {
    state.fee_payer(supervisor.tenant, path.id).await?;
    let before = state.store.fee_payment(path.id, path.payment).await?;
    let before = before.ok_or_else(|| {
        Error::not_found("payment_not_found", "The member has no such payment. List the member's payments.")
    })?;
    based_on(changes.version, before.version)?;
    let now = state.clock.now();
    let after = changes.apply(before.clone(), supervisor.user, now)?;
    let marks_current = changes.confirmed == Some(true) && changes.marks_current;
    state.store.replace_fee_payment(&state.fingerprints, &before, &after, marks_current).await?;
    Ok(Json(state.written(after, changes.receipt.flatten())?))
}

impl State {
    async fn fee_payer(&self, tenant: TenantId, member: MemberId) -> Result<Member> {
        self.store.member(tenant, member).await?.ok_or_else(member_not_found)
    }

    async fn create_payment(
        &self,
        supervisor: &Supervisor,
        member: MemberId,
        id: FeePaymentId,
        new: &NewFeePayment,
    ) -> Result<FeePayment> {
        self.fee_payer(supervisor.tenant, member).await?;
        let currency = match new.currency {
            Some(currency) => currency,
            None => {
                let tenant = self.store.tenant(supervisor.tenant).await?;
                tenant.ok_or_else(member_not_found)?.currency
            }
        };
        // Not the time of this try: a retry of the request must get the same payment.
        let now = id.created_at();
        let mut fields = Fields::new();
        let mut payment = FeePayment {
            id,
            tenant_id: supervisor.tenant,
            member_id: member,
            amount_paid: new.amount_paid.amount(currency, AMOUNT, &mut fields),
            currency,
            payment_date: new.payment_date.map_or(now, Moment::time),
            payment_method: new.payment_method,
            description: new.description.clone().and_then(Paragraph::some),
            receipt: None,
            confirmed: new.confirmed,
            updated_by: supervisor.user,
            created_at: now,
            updated_at: now,
            version: 1,
        };
        payment.receipt = new.receipt.map(|receipt| receipt.key(&payment));
        check(&payment, new.receipt, now, fields)?;
        let marks_current = new.confirmed && new.marks_current;
        self.store.create_fee_payment(&self.fingerprints, &payment, marks_current).await?;
        Ok(payment)
    }

    fn written(&self, payment: FeePayment, new: Option<NewReceipt>) -> Result<WrittenFeePayment> {
        let receipt_upload = match new.zip(payment.receipt.as_deref()) {
            Some((new, key)) => Some(self.receipts.upload(key, new, self.clock.now())?),
            None => None,
        };
        Ok(WrittenFeePayment { payment: self.payment_view(payment)?, receipt_upload })
    }

    fn payment_view(&self, payment: FeePayment) -> Result<FeePaymentView> {
        let receipt = match &payment.receipt {
            Some(key) => Some(self.receipts.link(key, self.clock.now())?),
            None => None,
        };
        Ok(FeePaymentView {
            id: payment.id,
            user_id: payment.member_id,
            amount_paid: Amount::of(payment.amount_paid, payment.currency),
            amount_paid_formatted: formatted(payment.amount_paid, payment.currency),
            currency: payment.currency,
            payment_date: payment.payment_date,
            payment_method: payment.payment_method,
            description: payment.description,
            receipt,
            confirmed: payment.confirmed,
            created_at: payment.created_at,
            updated_at: payment.updated_at,
            updated_by: payment.updated_by,
            version: payment.version,
        })
    }
}

impl FeePaymentChanges {
    fn apply(&self, before: FeePayment, by: UserId, now: Timestamp) -> Result<FeePayment> {
        let mut fields = Fields::new();
        let currency = self.currency.unwrap_or(before.currency);
        let amount = self.amount_paid.unwrap_or(Amount::of(before.amount_paid, before.currency).into());
        let mut after = FeePayment {
            amount_paid: amount.amount(currency, AMOUNT, &mut fields),
            currency,
            payment_date: self.payment_date.map_or(before.payment_date, Moment::time),
            payment_method: self.payment_method.unwrap_or(before.payment_method),
            description: match &self.description {
                Some(changed) => changed.clone().and_then(Paragraph::some),
                None => before.description,
            },
            confirmed: self.confirmed.unwrap_or(before.confirmed),
            updated_by: by,
            updated_at: now,
            version: before.version + 1,
            ..before
        };
        if let Some(changed) = self.receipt {
            after.receipt = changed.map(|receipt| receipt.key(&after));
        }
        check(&after, self.receipt.flatten(), now, fields)?;
        Ok(after)
    }
}

/// Checks a payment before it is stored. `fields` already has what is wrong with its amount.
fn check(
    payment: &FeePayment,
    receipt: Option<NewReceipt>,
    now: Timestamp,
    mut fields: Fields,
) -> Result<()> {
    payment.check(&mut fields);
    check_past("/payment_date", payment.payment_date, now, &mut fields);
    if let Some(receipt) = receipt {
        receipt.check(&mut fields);
    }
    fields.finish()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use domain::testing::at;

    use super::*;

    fn payment() -> FeePayment {
        FeePayment {
            id: FeePaymentId::generate(at(0)),
            tenant_id: TenantId::generate(at(0)),
            member_id: MemberId::generate(at(0)),
            amount_paid: 1_500_000,
            currency: Currency::COP,
            payment_date: at(0),
            payment_method: PaymentMethod::Cash,
            description: Some("Noviembre".to_owned()),
            receipt: Some("receipts/a.pdf".to_owned()),
            confirmed: false,
            updated_by: UserId::generate(at(0)),
            created_at: at(0),
            updated_at: at(0),
            version: 1,
        }
    }

    fn changed(changes: Value) -> Result<FeePayment> {
        let changes: FeePaymentChanges = serde_json::from_value(changes).expect("changes");
        changes.apply(payment(), UserId::generate(at(0)), at(0))
    }

    #[test]
    fn missing_fields_stay() {
        let after = changed(json!({"confirmed": true})).expect("changed");
        assert_eq!((after.confirmed, after.amount_paid, after.version), (true, 1_500_000, 2));
        assert_eq!(after.receipt.as_deref(), Some("receipts/a.pdf"));
        let without = changed(json!({"receipt": null, "description": null})).expect("changed");
        assert_eq!((without.receipt, without.description), (None, None));
        let receipt = json!({"content_type": "application/pdf", "size": 4});
        let other = changed(json!({"receipt": receipt})).expect("changed");
        assert_eq!(other.receipt, Some(format!("receipts/{}/{}-2.pdf", other.tenant_id, other.id)));
    }

    #[test]
    fn an_amount_is_in_the_currency_sent_with_it() {
        let of = |changes: Value| changed(changes).map(|after| (after.amount_paid, after.currency));
        assert_eq!(of(json!({"amount_paid": "20000.5"})).expect("changed"), (2_000_050, Currency::COP));
        let corrected = of(json!({"currency": "CLP"})).expect("a mistake in the currency");
        assert_eq!(corrected, (15_000, Currency::CLP), "15,000 stay 15,000");
        let error = of(json!({"currency": "CLP", "amount_paid": 0.5})).expect_err("no centavos");
        assert_eq!((error.code(), error.field_errors()[0].pointer.as_str()), ("too_many_decimals", AMOUNT));
    }

    #[test]
    fn all_bad_fields_are_named() {
        let receipt = json!({"content_type": "image/png", "size": 10_485_761});
        let error = changed(json!({
            "amount_paid": 0, "payment_date": "2090-01-01T00:00:00Z",
            "receipt": receipt,
        }))
        .expect_err("refused");
        let pointers: Vec<_> = error.field_errors().iter().map(|field| field.pointer.as_str()).collect();
        assert_eq!(pointers, ["/amount_paid", "/payment_date", "/receipt/size"]);
    }
}
