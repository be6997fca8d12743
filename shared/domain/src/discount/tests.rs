use super::*;
use crate::error::Kind;
use crate::national_id::NationalId;
use crate::testing::at;

fn reviewer(name: &str) -> Reviewer {
    Reviewer { user: UserId::generate(at(0)), email: format!("{name}@example.com") }
}

fn member() -> Member {
    Member {
        id: MemberId::generate(at(0)),
        tenant_id: TenantId::generate(at(0)),
        name: "Ana Ejemplo".to_owned(),
        email: "ana@example.com".parse().expect("valid"),
        country: "CO".to_owned(),
        dni: None::<NationalId>,
        phone: None,
        city: None,
        registration_date: at(0),
        how_did_you_find_us: None,
        favorite_music_genre: None,
        subscription_active: true,
        monthly_fee_current: true,
        language: Language::Es,
        email_bounced_at: None,
        updated_by: None,
        created_at: at(0),
        updated_at: at(0),
        version: 1,
    }
}

fn show() -> Event {
    Event {
        name: "Los Faroles en vivo".to_owned(),
        artist: "Los Faroles".to_owned(),
        venue: "Teatro Inventado".to_owned(),
        city: "Córdoba".to_owned(),
        max_discounts: 10,
        ..crate::pricing::fixture::event()
    }
}

fn request() -> DiscountRequest {
    let suggestion = suggest(&Case { remaining: 40, ..Case::default() });
    DiscountRequest::open(&member(), &show(), 0, suggestion, 3, at(0))
}

fn mail(body: &str) -> Wording {
    Wording { subject: "Tu descuento".to_owned(), body: body.to_owned() }
}

#[test]
fn the_same_case_has_the_same_suggestion() {
    use DecisionType::{Approved, NeedsClarification, Rejected};
    let case = Case::default();
    let table = [
        (Case { remaining: 40, ..case }, Approved, 9_500, "40 discounts are left"),
        (Case { remaining: 6, ..case }, Approved, 9_500, "6 discounts are left"),
        (Case { remaining: 5, ..case }, Approved, 8_500, "5 discounts are left; open requests"),
        (Case { remaining: 1, ..case }, Approved, 8_500, "1 discount is left"),
        (Case { remaining: 40, waiting: 20, ..case }, Approved, 9_500, "20 discounts are left"),
        (Case { remaining: 40, waiting: 39, ..case }, Approved, 8_500, "1 discount is left"),
        (Case { remaining: 40, waiting: 40, ..case }, Rejected, 9_000, "40 earlier requests"),
        (Case { remaining: 1, waiting: 3, ..case }, Rejected, 9_000, "1 discount is left, and 3 earlier"),
        (Case { remaining: 0, ..case }, Rejected, 9_900, "no discounts left"),
        (Case { remaining: 0, address_bounces: true, ..case }, Rejected, 9_900, "no discounts left"),
        (Case { remaining: 9, address_bounces: true, ..case }, NeedsClarification, 9_000, "come back"),
        (Case { remaining: 9, same_day: Some("Faro"), ..case }, NeedsClarification, 7_000, "same day: Faro."),
        (Case { remaining: 9, before: Some(Rejected), ..case }, Approved, 6_500, "was rejected"),
        (Case { remaining: 9, before: Some(NeedsClarification), ..case }, Approved, 9_500, "9 discounts"),
    ];
    for (case, decision, confidence, said) in table {
        let suggestion = suggest(&case);
        assert_eq!((suggestion.decision_type, suggestion.confidence), (decision, confidence), "{case:?}");
        let [english, spanish] =
            [Language::En, Language::Es].map(|language| suggestion.reasoning.sentence(language));
        assert!(english.contains(said), "{suggestion:?}");
        assert!(english.ends_with('.') && spanish.ends_with('.') && english != spanish);
        assert_eq!(suggest(&case), suggestion);
    }
}

#[test]
fn a_request_goes_through_the_states_of_the_diagram() {
    let (eva, now) = (reviewer("eva"), at(60));
    let open = request();
    assert_eq!((open.status, open.decision_type, open.reviewed_at), (RequestStatus::Pending, None, None));
    assert_eq!((open.tab(), open.outcome()), (Tab::Undecided, DecisionType::Approved));
    assert_eq!(open.show_description, "Los Faroles en vivo, Los Faroles, Teatro Inventado, Córdoba");
    assert_eq!(open.sending(&eva, None).expect_err("undecided").code(), "not_decided");

    for decision in DecisionType::ALL {
        let decided = open.decide(decision, Some(" ok "), &eva, None, 7, now).expect("decided");
        assert_eq!(decided.tab(), Tab::Decided(decision));
        assert_eq!((decided.reviewed_at, decided.status), (Some(now), RequestStatus::Pending));
        assert_eq!(decided.supervisor_notes.as_deref(), Some("ok"));
        let as_proposed = decision == open.suggestion.decision_type;
        assert_eq!(decided.template_version, if as_proposed { 3 } else { 7 });
        assert_eq!(decided.sending(&eva, None).expect("possible"), Sending::Ready(decision));

        let sent = decided.sent(mail("Hola"), None, &eva, at(70));
        assert_eq!((sent.tab(), sent.version), (Tab::Sent(decision), 3));
        assert_eq!(sent.email_delivery_status, Some(DeliveryStatus::Sent));
        let asks_again = sent.check_may_ask_again().map_err(|error| error.code());
        let expected =
            if decision == DecisionType::Approved { Err("discount_already_given") } else { Ok(()) };
        assert_eq!(asks_again, expected);
        assert_eq!(decided.check_may_ask_again().expect_err("open").code(), "request_open");
    }
}

#[test]
fn the_second_supervisor_learns_who_decided_first() {
    let (eva, ben, now) = (reviewer("eva"), reviewer("ben"), at(60));
    let decided = request().decide(DecisionType::Approved, None, &eva, None, 0, now).expect("decided");
    for based_on in [None, Some(1)] {
        let error =
            decided.decide(DecisionType::Rejected, None, &ben, based_on, 0, now).expect_err("refused");
        assert_eq!((error.code(), error.kind()), ("already_decided", Kind::Conflict));
        assert_eq!(error.members()["reviewed_by"], "eva@example.com");
        assert_eq!(error.members()["decision_type"], "approved");
        assert_eq!(error.members()["version"], 2);
    }
    let again = decided.decide(DecisionType::Approved, None, &ben, None, 0, now);
    assert_eq!(again.expect_err("also the same decision").code(), "already_decided");
    let repeated = decided.decide(DecisionType::Approved, None, &eva, None, 0, at(90)).expect("a repetition");
    assert_eq!(repeated, decided, "changes nothing");
    let changed = decided.decide(DecisionType::Rejected, None, &ben, Some(2), 5, at(90)).expect("changed");
    assert_eq!((changed.decision_type, changed.version), (Some(DecisionType::Rejected), 3));
    let stale = request().decide(DecisionType::Rejected, None, &ben, Some(9), 0, now);
    assert_eq!(stale.expect_err("edited meanwhile").code(), "changed_meanwhile");
}

#[test]
fn a_sent_request_does_not_change() {
    let (eva, ben) = (reviewer("eva"), reviewer("ben"));
    let decided = request().decide(DecisionType::Rejected, None, &eva, None, 0, at(1)).expect("decided");
    let sent = decided.sent(mail("Hola"), None, &eva, at(2));
    let error = sent.sending(&ben, None).expect_err("refused");
    assert_eq!((error.code(), &error.members()["sent_by"]), ("already_sent", &"eva@example.com".into()));
    assert_eq!(sent.sending(&eva, Some(2)).expect("a repetition"), Sending::Done);
    let decide = sent.decide(DecisionType::Approved, None, &eva, Some(3), 0, at(3));
    assert_eq!(decide.expect_err("refused").code(), "already_sent");
    let edit = Edit { notes: Some("x".to_owned()), ..Edit::default() };
    assert_eq!(sent.edit(&edit, mail("Hola"), None, None).expect_err("refused").code(), "already_sent");
}

#[test]
fn an_edit_keeps_absent_fields_and_the_code_of_an_approval() {
    let open = request();
    let edit = |subject: Option<&str>, content: Option<&str>| Edit {
        subject: subject.map(str::to_owned),
        content: content.map(str::to_owned),
        notes: None,
    };
    let draft = mail("Tu código es SOCIO-1");
    let edited =
        open.edit(&edit(Some("Otro"), None), draft.clone(), Some("SOCIO-1"), Some(1)).expect("edited");
    assert_eq!(edited.mail, Some(Wording { subject: "Otro".to_owned(), ..draft.clone() }));
    assert_eq!((edited.version, edited.decision_type), (2, None));
    let stale = open.edit(&edit(Some("Otro"), None), draft.clone(), None, Some(9));
    assert_eq!(stale.expect_err("refused").code(), "changed_meanwhile");

    let error =
        open.edit(&edit(None, Some("Sin nada")), draft.clone(), Some("SOCIO-1"), None).expect_err("refused");
    assert_eq!(error.field_errors()[0].pointer, "/email_content");
    assert!(error.field_errors()[0].detail.contains("SOCIO-1"));

    let eva = reviewer("eva");
    let kept = edited.decide(DecisionType::Approved, None, &eva, None, 9, at(5)).expect("decided");
    assert_eq!((kept.mail.is_some(), kept.template_version, kept.taken_back), (true, 3, 0));
    let rejected = kept.decide(DecisionType::Rejected, None, &eva, Some(3), 9, at(6)).expect("decided");
    let again = rejected.decide(DecisionType::Approved, None, &eva, Some(4), 9, at(7)).expect("decided");
    assert_eq!((rejected.taken_back, again.taken_back), (1, 1));
    let undone = again.with_approval_undone(&rejected);
    assert_eq!((undone.decision_type, undone.version), (Some(DecisionType::Rejected), 6));
    assert_eq!(undone.taken_back, 2, "what it may have reserved is nobody else's");
    let other = edited.decide(DecisionType::Rejected, None, &eva, None, 9, at(5)).expect("decided");
    assert_eq!((other.mail, other.template_version), (None, 9), "an approval's text is no rejection's");
    let same = open.edit(&Edit::default(), draft, None, None).expect("nothing to do");
    assert_eq!(same, open);
}

#[test]
fn the_delivery_status_only_gets_worse() {
    use DeliveryStatus::{Bounced, Complained, Delivered, Failed, Sent};
    for (from, to) in [(Sent, Delivered), (Sent, Failed), (Sent, Bounced), (Delivered, Complained)] {
        assert!(from.may_become(to) && !to.may_become(from), "{from:?} {to:?}");
    }
    assert!(!Delivered.may_become(Delivered) && !Bounced.may_become(Delivered));
}

#[test]
fn discounts_are_for_published_shows_that_offer_some() {
    use crate::event::EventStatus;
    let show = show();
    let code = |show: &Event, now| offered(show, now).map_err(|error| error.code());
    assert_eq!(code(&show, show.starts_at), Ok(()));
    assert_eq!(code(&show, show.ends_at), Err("show_over"));
    assert_eq!(
        code(&Event { max_discounts: 0, ..show.clone() }, show.starts_at),
        Err("no_discounts_offered")
    );
    for (status, expected) in [
        (EventStatus::Draft, "show_not_found"),
        (EventStatus::Postponed, "event_postponed"),
        (EventStatus::Cancelled, "event_cancelled"),
    ] {
        let show = Event { status, ..show.clone() };
        assert_eq!(code(&show, show.starts_at), Err(expected));
    }
}

#[test]
fn a_code_follows_from_its_request_and_the_secret() {
    let [one, two] = [0, 1].map(|attempt| DiscountRequestId::of(member().id, show().id, attempt));
    assert_eq!(code(one, &[1; 32]), code(one, &[1; 32]));
    assert_ne!(code(one, &[1; 32]), code(two, &[1; 32]));
    assert_ne!(code(one, &[1; 32]), code(one, &[2; 32]));
    assert!(code(one, &[1; 32]).is_of_member());
}

#[test]
fn a_promotion_is_for_one_order_of_one_person_for_one_show() {
    use crate::event::MemberDiscount;
    use crate::pricing::AdjustmentType;
    let discount =
        MemberDiscount { discount_type: AdjustmentType::Percentage, discount_value: 2_000, max_tickets: 2 };
    let show = Event { member_discount: Some(discount), ..show() };
    let request = request();
    let code = code(request.id, &[1; 32]);
    let promotion = promotion(&request, &show, code.clone()).expect("a discount");
    let mut fields = crate::error::Fields::new();
    promotion.check(&mut fields);
    fields.finish().expect("it can be stored");
    let buyer = |email| Some(crate::OwnAddress { email, confirmed: true });
    assert!(
        promotion.refuses(buyer("Ana@example.com")).is_none()
            && promotion.refuses(buyer("eva@example.com")).is_some()
    );
    assert_eq!((promotion.total_uses, promotion.max_quantity), (Some(1), Some(2)));
    assert_eq!((promotion.target_event_id, promotion.end_date), (Some(show.id), Some(show.ends_at)));
    assert_eq!(super::promotion(&request, &Event { member_discount: None, ..show }, code), None);
}

#[test]
fn a_discount_is_written_in_the_notation_of_its_language() {
    use crate::Currency;
    use crate::event::MemberDiscount;
    use crate::pricing::AdjustmentType::{Fixed, Percentage};
    for (discount_type, discount_value, currency, es, en) in [
        (Percentage, 2_000, Currency::COP, "20 %", "20 %"),
        (Percentage, 1_250, Currency::COP, "12,5 %", "12.5 %"),
        (Percentage, 5, Currency::COP, "0,05 %", "0.05 %"),
        (Percentage, 10_000, Currency::COP, "100 %", "100 %"),
        (Fixed, 2_000_000, Currency::COP, "COP 20.000", "COP 20,000"),
        (Fixed, 5_000, Currency::CLP, "CLP 5.000", "CLP 5,000"),
        (Fixed, 1_234_567, Currency::CLP, "CLP 1.234.567", "CLP 1,234,567"),
        (Fixed, 99, Currency::CLP, "CLP 99", "CLP 99"),
    ] {
        let discount = MemberDiscount { discount_type, discount_value, max_tickets: 1 };
        assert_eq!(in_words(&discount, currency, Language::Es), es);
        assert_eq!(in_words(&discount, currency, Language::En), en);
    }
}

#[test]
fn only_an_approval_says_how_to_get_the_discount() {
    let (request, show) = (request(), show());
    let code = code(request.id, &[1; 32]);
    let told = |request: &DiscountRequest, show: Option<&Event>| {
        facts(request, show, "Producciones Almendra", &code, "https://box.example")
    };
    let ours = told(&request, Some(&show));
    assert_eq!((ours.code.as_deref(), ours.show.as_str()), (Some(code.as_str()), "Los Faroles en vivo"));
    assert_eq!(ours.link, Some(format!("https://box.example/#/events/{}", show.slug)));
    let elsewhere = Event { ticketing_link: Some("https://boletos.example/f".to_owned()), ..show.clone() };
    let theirs = told(&request, Some(&elsewhere));
    assert_eq!((theirs.code, theirs.link.as_deref()), (None, Some("https://boletos.example/f")));
    let eva = reviewer("eva");
    let rejected = request.decide(DecisionType::Rejected, None, &eva, None, 0, at(1)).expect("decided");
    for show in [&show, &elsewhere] {
        let facts = told(&rejected, Some(show));
        assert_eq!((facts.code, facts.link, facts.discount), (None, None, None));
    }
    let nowhere = told(&request, None);
    assert_eq!((nowhere.code, nowhere.show), (None, request.show_description));
}

#[test]
fn a_shows_day_is_on_the_venues_clocks() {
    let time = |text: &str| text.parse::<Timestamp>().expect("a time");
    let day = |zone: &str, starts_at: &str| {
        let (from, to) = day_of(&Event { time_zone: zone.to_owned(), starts_at: time(starts_at), ..show() });
        format!("{from} {to}")
    };
    assert_eq!(day("America/Bogota", "2026-11-21T01:30:00Z"), "2026-11-20T05:00:00Z 2026-11-21T05:00:00Z");
    assert_eq!(day("Nowhere/Else", "2026-11-21T01:30:00Z"), "2026-11-21T00:00:00Z 2026-11-22T00:00:00Z");
    // In Santiago a Saturday of April has 25 hours, and a Sunday of September 23.
    let santiago = |starts_at| day("America/Santiago", starts_at);
    assert_eq!(santiago("2027-04-04T01:00:00Z"), "2027-04-03T03:00:00Z 2027-04-04T04:00:00Z");
    assert_eq!(santiago("2027-09-05T23:00:00Z"), "2027-09-05T04:00:00Z 2027-09-06T03:00:00Z");
}

#[test]
fn a_request_round_trips_through_json() {
    let eva = reviewer("eva");
    let decided =
        request().decide(DecisionType::Approved, Some("ok"), &eva, None, 0, at(1)).expect("decided");
    let sent = decided.sent(mail("Hola"), Some(code(decided.id, &[1; 32])), &eva, at(2));
    for request in [request(), decided, sent] {
        let json = serde_json::to_value(&request).expect("JSON");
        assert_eq!(serde_json::from_value::<DiscountRequest>(json).expect("reads"), request);
    }
}
