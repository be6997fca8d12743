//! The personal promotion code of an approved request.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::DiscountRequest;
use crate::event::{Event, MemberDiscount};
use crate::pricing::{AdjustmentType, AppliesTo, Promotion, PromotionCode};
use crate::{Currency, DiscountRequestId, Language, PromotionId, format};

/// The code of a request's discount. It is derived from the request's id: a preview shows the code
/// that will be sent, and a repeated sending makes no second code.
pub fn code(request: DiscountRequestId, secret: &[u8; 32]) -> PromotionCode {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret).expect("HMAC takes keys of any length");
    mac.update(b"taquilla member discount\0");
    mac.update(request.uuid().as_bytes());
    PromotionCode::of_member(&mac.finalize().into_bytes())
}

/// The value of a member's discount in words: `12,5 %`, `COP 20.000`.
pub fn in_words(discount: &MemberDiscount, currency: Currency, language: Language) -> String {
    format::worth(discount.discount_value, discount.discount_type, currency, language)
}

/// The promotion behind the code of an approved request for `show`: for one order of one person.
/// `None` if the show has no [`Event::member_discount`], as shows that are sold elsewhere may.
///
/// It needs no limit per buyer, because it can be used only once.
pub fn promotion(request: &DiscountRequest, show: &Event, code: PromotionCode) -> Option<Promotion> {
    let discount = show.member_discount?;
    let name: String =
        format!("{}, {}", request.user_name, show.name).chars().take(Promotion::MAX_NAME_CHARS).collect();
    Some(Promotion {
        id: PromotionId::from_uuid(request.id.uuid()),
        tenant_id: request.tenant_id,
        promotion_name: name,
        promotion_code: code,
        discount_type: discount.discount_type,
        discount_value: discount.discount_value,
        currency: (discount.discount_type == AdjustmentType::Fixed).then_some(show.currency),
        applies_to: AppliesTo::Event,
        target_event_id: Some(show.id),
        target_area_id: None,
        target_product_variant_id: None,
        min_quantity: None,
        max_quantity: Some(discount.max_tickets.into()),
        max_discount_amount: None,
        start_date: None,
        end_date: Some(show.ends_at),
        total_uses: Some(1),
        uses_per_buyer: None,
        active: true,
        bound_email: Some(request.user_email.clone()),
        version: 1,
    })
}
