use domain::discount::{DecisionSource, DecisionType, Reasoning, RequestStatus, Reviewer, Suggestion};
use domain::event::Event;
use domain::mail_template::Wording;
use domain::pricing::{AdjustmentType, AppliesTo, PromotionCode};
use domain::testing::at;
use domain::{Language, MemberId, PromotionId, UserId};
use jiff::SignedDuration;

use super::*;
use crate::allotment::Pool;
use crate::event::tests::event;
use crate::testing::{at_once, forgetful, store, store_with_clock};

fn tenant(number: u128) -> TenantId {
    TenantId::from_uuid(uuid::Uuid::from_u128(number))
}

fn request(second: i64) -> DiscountRequest {
    let (member_id, show_id) = (MemberId::generate(at(0)), EventId::generate(at(0)));
    DiscountRequest {
        id: DiscountRequestId::of(member_id, show_id, 0),
        tenant_id: tenant(1),
        member_id,
        show_id,
        attempt: 0,
        user_email: "ana@example.com".to_owned(),
        user_name: "Ana Ejemplo".to_owned(),
        show_description: "Los Faroles, Teatro Inventado, Bogotá".to_owned(),
        message: None,
        language: Language::Es,
        suggestion: Suggestion {
            decision_type: DecisionType::Approved,
            confidence: 9_500,
            reasoning: Reasoning::Eligible { left: 40 },
        },
        decision_source: DecisionSource::PrefilterTemplate,
        decision_type: None,
        taken_back: 0,
        status: RequestStatus::Pending,
        template_version: 0,
        mail: None,
        code: None,
        email_delivery_status: None,
        processing_us: 1_234,
        created_at: at(second),
        reviewed_at: None,
        reviewed_by: None,
        supervisor_notes: None,
        signed_in: false,
        sent_at: None,
        sent_by: None,
        version: 1,
    }
}

fn eva() -> Reviewer {
    Reviewer { user: UserId::from_uuid(uuid::Uuid::from_u128(7)), email: "eva@example.com".to_owned() }
}

fn note(request: &DiscountRequest, action: &str) -> AuditNote {
    AuditNote {
        tenant_id: request.tenant_id,
        by: eva().user,
        by_email: eva().email,
        action: action.to_owned(),
        subject: request.id.to_string(),
        at: at(9),
    }
}

async fn decided(store: &Store, request: &DiscountRequest, decision: DecisionType) -> DiscountRequest {
    let after = request.decide(decision, None, &eva(), None, 0, at(5)).expect("possible");
    store.replace_discount_request(&after, &note(request, "decide")).await.expect("written");
    after
}

fn mail() -> Wording {
    Wording { subject: "Tu descuento".to_owned(), body: "Tu código es SOCIO-1".to_owned() }
}

fn promotion(request: &DiscountRequest) -> Promotion {
    Promotion {
        id: PromotionId::from_uuid(request.id.uuid()),
        tenant_id: request.tenant_id,
        promotion_name: "Ana".to_owned(),
        promotion_code: PromotionCode::of_member(request.id.uuid().as_bytes()),
        discount_type: AdjustmentType::Percentage,
        discount_value: 2_000,
        currency: None,
        applies_to: AppliesTo::Event,
        target_event_id: Some(request.show_id),
        target_area_id: None,
        target_product_variant_id: None,
        min_quantity: None,
        max_quantity: Some(1),
        max_discount_amount: None,
        start_date: None,
        end_date: None,
        total_uses: Some(1),
        uses_per_buyer: None,
        active: true,
        bound_email: Some(request.user_email.clone()),
        version: 1,
    }
}

async fn listed(store: &Store, wanted: RequestFilter<'_>) -> Vec<i64> {
    let page = store.discount_requests(tenant(1), wanted, None, 100).await.expect("listed");
    assert_eq!(page.last, None);
    page.items.iter().map(|request| request.created_at.as_second() - at(0).as_second()).collect()
}

const ALL: RequestFilter<'static> = RequestFilter { newest_first: true, ..RequestFilter::of(&Tab::PENDING) };

#[tokio::test]
async fn of_many_requests_at_once_one_is_opened_and_the_others_find_it() {
    let store = store().await;
    let request = request(0);
    let opened = at_once(12, |index| {
        let (store, mut request) = (store.clone(), request.clone());
        request.message = Some(format!("Soy el número {index}"));
        async move { store.open_discount_request(&request).await.expect("answers") }
    })
    .await;
    let winner = store.discount_request(request.id).await.expect("read").expect("there");
    assert_eq!(opened.iter().filter(|found| found.is_none()).count(), 1);
    assert!(opened.into_iter().flatten().all(|found| found == winner));
    let again = forgetful(&store, 1).open_discount_request(&winner).await.expect("answers");
    assert_eq!(again, None, "its own success is no other's request");
}

#[tokio::test]
async fn a_request_is_in_the_list_of_its_state_and_in_no_other() {
    let store = store().await;
    let mut requests = Vec::new();
    for second in 0..7 {
        let request = request(second);
        assert_eq!(store.open_discount_request(&request).await.expect("answers"), None);
        requests.push(request);
    }
    let foreign = DiscountRequest { tenant_id: tenant(2), ..request(3) };
    store.open_discount_request(&foreign).await.expect("answers");
    for (index, decision) in [(1, DecisionType::Approved), (2, DecisionType::Rejected)] {
        requests[index] = decided(&store, &requests[index], decision).await;
    }
    let approved = decided(&store, &requests[3], DecisionType::Approved).await;
    let sent = approved.sent(mail(), None, &eva(), at(8));
    store
        .send_discount_request(&sent, None, Some(&Outbox::RefundsWaiting), &note(&sent, "send"))
        .await
        .expect("sent");

    let tabs = |tabs| RequestFilter { tabs, ..ALL };
    assert_eq!(listed(&store, ALL).await, [6, 5, 4, 2, 1, 0]);
    assert_eq!(listed(&store, RequestFilter { newest_first: false, ..ALL }).await, [0, 1, 2, 4, 5, 6]);
    assert_eq!(listed(&store, tabs(&[Tab::Decided(DecisionType::Approved)])).await, [1]);
    assert_eq!(listed(&store, tabs(&[Tab::Undecided])).await, [6, 5, 4, 0]);
    assert_eq!(listed(&store, tabs(&Tab::SENT)).await, [3]);
    let suggested = |suggestion| RequestFilter { suggestion: Some(suggestion), ..ALL };
    assert_eq!(listed(&store, suggested(DecisionType::Approved)).await, [6, 5, 4, 2, 1, 0]);
    assert_eq!(listed(&store, suggested(DecisionType::Rejected)).await, [0; 0]);
    let window = RequestFilter { from: Some(at(1)), to: Some(at(5)), ..ALL };
    assert_eq!(listed(&store, window).await, [4, 2, 1]);
    assert_eq!(store.count_discount_requests(tenant(1), Tab::Undecided).await.expect("counted"), 4);
    assert_eq!(
        store.count_discount_requests(tenant(1), Tab::Sent(DecisionType::Approved)).await.expect("counted"),
        1
    );
}

#[tokio::test]
async fn pages_merge_several_lists_in_order_and_leave_nothing_out() {
    let store = store().await;
    for second in 0..11 {
        // Pairs of requests were made in the same second.
        let request = request(second / 2 * 2);
        store.open_discount_request(&request).await.expect("answers");
        if second % 3 == 0 {
            decided(&store, &request, DecisionType::Rejected).await;
        }
    }
    for newest_first in [true, false] {
        let wanted = RequestFilter { newest_first, ..ALL };
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = store.discount_requests(tenant(1), wanted, after.as_deref(), 3).await.expect("listed");
            assert!(page.items.len() <= 3);
            seen.extend(page.items.iter().map(|request| (request.created_at, request.id)));
            after = page.last;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(seen.len(), 11);
        assert!(
            seen.windows(2).all(|pair| (pair[0].0 >= pair[1].0) == newest_first || pair[0].0 == pair[1].0)
        );
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 11, "nobody is on two pages");
    }
    for forged in ["x", "2026-11-21T00:00:00Z", "x#00000000000000000000000000", "~#~"] {
        let page = store.discount_requests(tenant(1), ALL, Some(forged), 3).await;
        assert!(matches!(page, Err(Failure::ForeignCursor)), "{forged}");
    }
}

#[tokio::test]
async fn of_several_decisions_at_once_one_wins() {
    let store = store().await;
    let request = request(0);
    store.open_discount_request(&request).await.expect("answers");
    let results = at_once(8, |index| {
        let (store, request) = (store.clone(), request.clone());
        let decision = DecisionType::ALL[index % 3];
        async move {
            let by = Reviewer { user: UserId::generate(at(0)), ..eva() };
            let after = request.decide(decision, None, &by, None, 0, at(5)).expect("possible");
            store.replace_discount_request(&after, &note(&request, "decide")).await
        }
    })
    .await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert!(results.iter().all(|result| matches!(result, Ok(()) | Err(Failure::Refused(_)))));
}

#[tokio::test]
async fn a_code_works_from_the_write_that_sends_its_request() {
    let store = store().await;
    let request = request(0);
    store.open_discount_request(&request).await.expect("answers");
    let approved = decided(&store, &request, DecisionType::Approved).await;
    let promotion = promotion(&request);
    let code = promotion.promotion_code.as_str();
    let sent = approved.sent(mail(), Some(promotion.promotion_code.clone()), &eva(), at(8));

    let stale = DiscountRequest { version: 2, ..sent.clone() };
    let note = note(&sent, "send");
    let refused = store.send_discount_request(&stale, Some(&promotion), None, &note).await;
    assert!(matches!(refused, Err(Failure::Refused(_))));
    assert_eq!(store.promotion(tenant(1), code).await.expect("read"), None);

    let lost = forgetful(&store, 2);
    let told =
        lost.send_discount_request(&sent, Some(&promotion), Some(&Outbox::RefundsWaiting), &note).await;
    told.expect("whatever became of the answers");
    assert_eq!(store.promotion(tenant(1), code).await.expect("read"), Some(promotion.clone()));
    assert_eq!(store.promotion_left(&promotion, at(9)).await.expect("read"), Some(1));
    assert_eq!(store.discount_request(request.id).await.expect("read"), Some(sent));
}

#[tokio::test]
async fn a_discount_is_taken_once_and_returned_once() {
    let store = store().await;
    let show = EventId::generate(at(0));
    let pool = Pool::discounts(show, 2);
    store.create_pool(&pool, 60).await.expect("created");
    let token = |number: u128| {
        Token::of_approval(DiscountRequestId::from_uuid(uuid::Uuid::from_u128(number << 20)), 0)
    };
    let left = async || store.pool_state(&pool, at(2)).await.expect("read").left;
    for _ in 0..2 {
        let client = forgetful(&store, 1);
        client.claim_admissions(&pool, 1, token(1), Claim::Sold, at(1)).await.expect("taken");
        client.claim_admissions(&pool, 1, token(2), Claim::Sold, at(1)).await.expect("taken");
        assert_eq!(left().await, 58);
    }
    for _ in 0..2 {
        forgetful(&store, 1).return_claims(&pool, token(1)).await.expect("returned");
        assert_eq!(left().await, 59);
    }
}

#[tokio::test]
async fn an_approval_keeps_its_discount_however_many_were_taken_back_before() {
    let (store, clock) = store_with_clock().await;
    let event = Event { max_discounts: 3, ..event(&clock, "noche") };
    store.create_discounts(&event).await.expect("created");
    let (show, first) = (EventRecord::new(event), request(0));
    for taken_back in 0..=70 {
        let request = DiscountRequest { taken_back, ..first.clone() };
        store.take_discount(&show, &request, at(1)).await.expect("one is left");
        store.return_discounts(&show, &request).await.expect("answers");
        assert_eq!(store.discounts_left(&show, at(2)).await.expect("read"), 2, "{taken_back}");
    }
}

#[tokio::test]
async fn events_of_a_day_are_found_by_their_start() {
    let store = store().await;
    let day = SignedDuration::from_hours(24);
    let mut ids = Vec::new();
    for hours in [-1, 0, 23, 24] {
        let (id, start) = (EventId::generate(at(0)), at(0) + SignedDuration::from_hours(hours));
        let pointer = serde_json::json!({"event_id": id});
        store.put(&keys::tenant_event(tenant(1), start, id), &pointer).await.expect("written");
        ids.push(id);
    }
    let found = store.events_starting(tenant(1), (at(0), at(0) + day), 10).await.expect("found");
    assert_eq!(found, ids[1..3]);
}
