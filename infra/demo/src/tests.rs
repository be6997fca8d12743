mod house;
mod selling;

use std::collections::{BTreeSet, HashMap, HashSet};

use argon2::{Argon2, PasswordVerifier};
use boot::Clock;
use domain::access::Role;
use domain::discount::Tab;
use domain::error::Fields;
use domain::event::{AreaKind, EventStatus, EventSummary, PricedEvent};
use domain::gateway_account::choose;
use domain::member::Ineligible;
use domain::pricing::{PromotionOffer, Quote, QuoteInput, QuoteRequest, QuoteRequestLine, StageOffer, quote};
use domain::search::{Entry, Index};
use domain::seat::SeatState;
use domain::text::{Line, Paragraph};
use domain::user::Demand;
use domain::{EventId, QuoteId};
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use payments::credentials_name;
use store::{RequestFilter, StoredEvent};

use super::*;
use crate::act::DemoShow;
use crate::program::{CODES, FREE_SHOW, INVITATION, SEATED_SHOW};
use crate::season::DATES;
use cloud::services::Reading;
use house::{TestStore, house, house_at};

impl TestStore {
    async fn shows(&self) -> Vec<EventSummary> {
        self.store.shows(self.now(), 100).await.expect("the list")
    }

    async fn sheet(&self, slug: &str) -> StoredEvent {
        let id: EventId = self.store.event_by_slug(slug).await.expect("read").expect(slug);
        self.store.priced_event(id).await.expect("read").expect(slug)
    }

    /// The quote for tickets of the show's first area of this kind.
    async fn quote(&self, slug: &str, kind: AreaKind, seats: &[&str], code: Option<&str>) -> Quote {
        let sheet = self.sheet(slug).await;
        let area = sheet.areas.iter().find(|area| area.kind == kind).expect("an area");
        let seats: Vec<_> = seats.iter().map(|seat| seat.parse().expect("a seat")).collect();
        let quantity = seats.is_empty().then_some(2);
        let promotion = match code {
            Some(code) => self.store.promotion(TENANT, code).await.expect("read"),
            None => None,
        };
        let stages: Vec<_> = sheet.stages.iter().map(|stage| StageOffer { stage, remaining: None }).collect();
        let request = QuoteRequest {
            event_id: sheet.event.id,
            lines: vec![QuoteRequestLine {
                area_id: area.id,
                quantity,
                seats,
                together: None,
                accessible: 0,
                companions: 0,
            }],
            extras: Vec::new(),
            currency: None,
            promotion_code: code.map(|code| code.parse().expect("a line")),
            require_promotion: false,
            require_stage: false,
        };
        let input = QuoteInput {
            id: QuoteId::generate(self.now()),
            event: &sheet.event,
            areas: &sheet.areas,
            products: &[],
            stages: &stages,
            promotion: promotion.as_ref().map(|promotion| PromotionOffer {
                promotion,
                remaining: None,
                buyer_remaining: None,
            }),
            request: &request,
            buyer: None,
        };
        quote(&input, self.now()).expect("a quote")
    }
}

/// The demo data is written once, for all checks.
#[tokio::test]
async fn the_demo_is_complete() {
    let house = house().await;
    let demo = write(&house.boot).await.expect("planted");
    a_dozen_shows_are_listed_and_found(&house).await;
    prices_come_from_stages_and_codes(&house).await;
    the_house_is_drawn_with_what_is_sold_and_blocked(&house).await;
    everybody_can_sign_in_as_what_they_are(&house).await;
    houses_take_money_through_what_the_gateways_know(&house).await;
    a_house_has_a_host_of_its_own(&house).await;
    the_community_is_there(&house).await;
    members_have_discounts_here_and_elsewhere(&house).await;
    forty_requests_are_in_all_lists(&house).await;
    selling::three_dates_share_a_drawn_plan(&house).await;
    selling::a_product_of_each_kind_is_for_sale(&house).await;
    selling::an_organiser_has_a_page_with_policies(&house).await;
    selling::two_guests_are_at_the_gateways(&house, &demo).await;
    house.stop().await;
}

async fn a_house_has_a_host_of_its_own(house: &TestStore) {
    let host = site_host().parse().expect("a host");
    let tenant = house.store.site_tenant(&host).await.expect("read").expect("somebody's");
    let organizer = ORGANIZERS.iter().find(|organizer| organizer.id == tenant).expect("one of the demo");
    assert!(house.shows().await.iter().any(|show| show.tenant_id == tenant), "it has shows to show");
    let [site] = &house.store.own_sites(organizer.id).await.expect("listed")[..] else { panic!("one site") };
    // What the simulated internet has from the start proves it again, when it is looked for.
    let (name, text) = site_record();
    assert_eq!((name, site.token.is_in_records(&[text])), (site.host.record_name(), true));
}

async fn a_dozen_shows_are_listed_and_found(house: &TestStore) {
    let shows = house.shows().await;
    assert_eq!(shows.len(), acts().count() - 1, "the draft is not listed");
    let currencies: BTreeSet<&str> = shows.iter().map(|show| show.currency.code()).collect();
    assert_eq!(currencies, BTreeSet::from(["ARS", "CLP", "COP"]));
    let index = Index::new(shows.iter().map(|show| Entry {
        id: show.slug.as_str(),
        title: &show.name,
        artist: &show.artist,
        venue: &show.venue,
        city: &show.city,
        genre: &show.genre,
    }));
    for (query, first) in
        [("los farols", "los-faroles"), ("marea baja", "marea-baja-quinteto"), ("chicharra", SEATED_SHOW)]
    {
        assert_eq!(index.search(query, 5).first().map(|(slug, _)| *slug), Some(first), "{query}");
    }
    let draft = house.sheet("ensayo-abierto-los-faroles").await.record();
    assert_eq!((draft.status, draft.unlisted), (EventStatus::Draft, true));
}

/// The shows of all organisers.
fn acts() -> impl Iterator<Item = &'static DemoShow> {
    const ALL: [&[DemoShow]; 5] =
        [&PROGRAM, &DATES, ORGANIZERS[0].program, ORGANIZERS[1].program, ORGANIZERS[2].program];
    ALL.into_iter().flatten()
}

/// On whatever day the demo is started.
#[test]
fn shows_begin_on_coming_evenings() {
    let first: Timestamp = "2026-11-21T23:59:00Z".parse().expect("a time");
    for day in 0..366 {
        let now = first + hours(24 * day);
        let mut soonest = Timestamp::MAX;
        for act in acts() {
            let event = act.draft(TENANT, now).expect("a draft");
            let local =
                event.starts_at.to_zoned(TimeZone::get(act.venue.city.time_zone).expect("a time zone"));
            assert_eq!((local.weekday(), (local.hour(), local.minute())), (act.when.weekday, act.when.at));
            assert!((16..=22).contains(&local.hour()), "{}: {local}", act.slug);
            assert!(
                event.starts_at > now && event.starts_at < now + hours(24 * 100),
                "{}: {local}",
                act.slug
            );
            assert_eq!(event.doors_at, Some(event.starts_at - hours(1)));
            let ends = act.stages(&event, now).into_iter().filter_map(|stage| stage.end_time);
            assert!(ends.into_iter().all(|end| end > now), "{}: a stage is over before it began", act.slug);
            soonest = soonest.min(event.starts_at);
        }
        assert!(soonest < now + hours(24 * 8), "no show is soon after {now}");
    }
}

fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

async fn prices_come_from_stages_and_codes(house: &TestStore) {
    let seated = house.quote(SEATED_SHOW, AreaKind::Seated, &["B-1", "B-2"], Some("NIEBLA50")).await;
    let line = &seated.lines[0];
    assert_eq!((line.base, line.stage_adjustment, line.promotion), (9_600_000, -1_440_000, -2_040_000));
    let early = house.quote("los-faroles", AreaKind::GeneralAdmission, &[], Some("FAROL10")).await;
    let totals = early.totals;
    assert_eq!(
        (early.currency.code(), totals.base, totals.stage_adjustment),
        ("COP", 24_000_000, -4_800_000)
    );
    assert_eq!((totals.promotion, early.vat_included), (-1_920_000, true));
    let fixed = house.quote("campamento-estelar", AreaKind::GeneralAdmission, &[], Some("VAMOSJUNTOS")).await;
    assert_eq!((fixed.totals.base, fixed.totals.promotion), (18_000, -5_000));
    let free = house.quote(FREE_SHOW, AreaKind::GeneralAdmission, &[], None).await;
    assert_eq!(free.totals.total, 0);
}

async fn the_house_is_drawn_with_what_is_sold_and_blocked(house: &TestStore) {
    let now = house.now();
    let sheet = house.sheet(SEATED_SHOW).await;
    let mut states: HashMap<(String, SeatState), usize> = HashMap::new();
    for area in &sheet.areas {
        let rows = house.store.area_rows(area, now).await.expect("read");
        for state in rows.iter().flat_map(store::RowState::states) {
            *states.entry((area.area_name.clone(), state)).or_default() += 1;
        }
    }
    let count = |area: &str, state| states.get(&(area.to_owned(), state)).copied().unwrap_or(0);
    assert_eq!((count("Platea", SeatState::Sold), count("Platea", SeatState::Blocked)), (6, 8));
    assert_eq!(count("Palcos", SeatState::Blocked), 6);
    assert_eq!(states.values().sum::<usize>(), 596);
    let invitations = house.store.promotion(TENANT, INVITATION).await.expect("read").expect("there");
    assert_eq!(house.store.promotion_left(&invitations, now).await.expect("read"), Some(8));
    let fair = house.sheet(FREE_SHOW).await;
    assert_eq!(house.store.area_state(&fair, &fair.areas[0], now).await.expect("read").sold, 9);
}

async fn everybody_can_sign_in_as_what_they_are(house: &TestStore) {
    let logins = LOGINS;
    for login in logins.people {
        let email = login.email.parse().expect("an address");
        let user =
            house.store.user_by_email(&house.fingerprints, &email).await.expect("read").expect(login.email);
        let hash = user.password_hash.clone().expect("a password");
        Argon2::default().verify_password(logins.password.as_bytes(), hash.0.as_str()).expect("the password");
        let standing = user.standing(None, None, &Demand::NONE).expect("a standing");
        assert_eq!(standing.role, login.works.map_or(Role::User, |(_, role)| role));
        assert_eq!(standing.tenant, login.works.map(|(tenant, _)| tenant));
    }
    assert_eq!(house.store.staff(TENANT, None, 10).await.expect("read").items.len(), 3);
    insta::assert_snapshot!(logins, @r"
    Logins, all with the password taquilla-demo:
      ana@example.com         buys tickets
      socia@example.com       belongs to the community, which has discounts
      organiza@example.com    organises the shows
      puerta@example.com      scans tickets at the door
      coordina@example.com    looks after members and their discounts
      chile@example.com       organises in Chile, paid through Mercado Pago
      colombia@example.com    organises in Colombia, paid through Wompi, else PayU
      argentina@example.com   organises in Argentina, paid through Mercado Pago
    ");
}

async fn houses_take_money_through_what_the_gateways_know(house: &TestStore) {
    let vault = Vault::new(&house.boot).expect("a vault");
    let mut chosen = Vec::new();
    for demo in &ORGANIZERS {
        let tenant = house.store.tenant(demo.id).await.expect("read").expect("a tenant");
        let accounts = house.store.gateway_accounts(demo.id).await.expect("read");
        let merchants: Vec<_> = demo.merchants("http://127.0.0.1").collect();
        assert_eq!(accounts.len(), merchants.len());
        let currency = tenant.currency;
        let choices = choose(&accounts, currency);
        for (account, (_, merchant)) in choices.iter().zip(&merchants) {
            let version = account.credentials_version.as_deref().expect("stored");
            let stored = vault.get(&credentials_name(account.id), version).await.expect("read");
            let stored = stored.expect("a secret");
            assert_eq!(stored.reveal(), merchant.credentials().to_string());
        }
        let gateways = choices.iter().map(|account| account.gateway.as_str()).collect::<Vec<_>>();
        chosen.push(format!("{} {}: {}", tenant.country, currency.code(), gateways.join(", then ")));
        let zones = demo.program.iter().flat_map(|act| act.zones);
        let kinds: BTreeSet<_> = zones.map(|zone| matches!(zone.places, act::Places::Rows(..))).collect();
        assert_eq!(kinds, BTreeSet::from([false, true]), "general admission and seats");
    }
    assert_eq!(chosen, ["CL CLP: mercado_pago", "CO COP: wompi, then payu", "AR ARS: mercado_pago"]);
}

async fn the_community_is_there(house: &TestStore) {
    let mut found = Vec::new();
    for (email, ..) in members::KNOWN {
        let email = email.parse().expect("an address");
        let member = house.store.member_by_email(&house.fingerprints, TENANT, &email).await.expect("read");
        let member = member.expect("a member");
        let payments = house.store.fee_payments(member.id, None, 10).await.expect("read").items.len();
        found.push((member.eligible().map_err(Ineligible::code), payments));
    }
    assert_eq!(found, [(Ok(()), 2), (Err("fee_overdue"), 0), (Err("subscription_inactive"), 0)]);
    let everybody = house.store.members(TENANT, None, 1000).await.expect("read").items;
    assert_eq!(everybody.len(), 303);
}

async fn members_have_discounts_here_and_elsewhere(house: &TestStore) {
    let now = house.now();
    let mut here = 0;
    for show in house.shows().await.iter().filter(|show| show.max_discounts > 0) {
        let event = house.sheet(&show.slug).await.record();
        let state = house.store.discounts_state(&event, now).await.expect("read");
        assert_eq!((state.capacity, event.max_discounts), (show.max_discounts, show.max_discounts));
        assert_eq!(event.member_discount.is_some(), event.ticketing_link.is_none(), "{}", show.slug);
        here += u32::from(event.ticketing_link.is_none());
    }
    assert_eq!(here, 7);
    assert_eq!(house.sheet("los-faroles").await.event.max_discounts, 40);
    let elsewhere = house.sheet("la-orilla-prestada").await;
    let link = elsewhere.event.ticketing_link.as_deref().expect("a link");
    assert!(link.starts_with("https://") && link.contains(".example/"), "{link}");
    assert!(elsewhere.areas.is_empty() && elsewhere.event.status == EventStatus::Published);
}

async fn forty_requests_are_in_all_lists(house: &TestStore) {
    let mut counts = Vec::new();
    for tab in Tab::PENDING.into_iter().chain(Tab::SENT) {
        counts.push(house.store.count_discount_requests(TENANT, tab).await.expect("counted"));
    }
    assert_eq!(counts, [14, 7, 5, 4, 7, 2, 1]);
    let tabs = Tab::SENT;
    let wanted = RequestFilter { newest_first: true, ..RequestFilter::of(&tabs) };
    let sent = house.store.discount_requests(TENANT, wanted, None, 100).await.expect("listed").items;
    let statuses: HashSet<_> = sent.iter().filter_map(|request| request.email_delivery_status).collect();
    assert_eq!(statuses.len(), 3, "{statuses:?}");
    let mut with_code = 0;
    for request in &sent {
        let Some(code) = &request.code else { continue };
        let promotion = house.store.promotion(TENANT, code.as_str()).await.expect("read").expect("works");
        assert_eq!(promotion.bound_email.as_ref(), Some(&request.user_email));
        assert!(request.mail.as_ref().is_some_and(|mail| mail.body.contains(code.as_str())));
        with_code += 1;
    }
    assert!(with_code >= 4, "{with_code}");
    let faroles = house.sheet("los-faroles").await.record();
    assert!(house.store.discounts_left(&faroles, house.now()).await.expect("read") < 40);
}

#[tokio::test]
async fn writing_the_demo_data_is_short_and_done_once() {
    let house = house().await;
    let calls = |before: &Reading| house.services.meter().snapshot().since(before).total();
    let empty = house.services.meter().snapshot();
    write(&house.boot).await.expect("planted");
    // Each takes about two milliseconds in a debug build, of the two seconds that a start may take.
    assert!(calls(&empty).calls <= 480, "{:?}", calls(&empty));
    let planted = house.services.meter().snapshot();
    assert_eq!(write(&house.boot).await.expect("is there").visits, []);
    assert_eq!((calls(&planted).calls, calls(&planted).write_units), (1, 0.0), "it only looked");
    house.stop().await;
}

#[tokio::test]
async fn a_data_folder_of_an_earlier_version_gets_the_new_organisers() {
    let house = house().await;
    house.store.create_tenant(&tenant(house.now())).await.expect("created");
    write(&house.boot).await.expect("planted");
    let shows = house.shows().await;
    assert_eq!(shows.len(), acts().count() - PROGRAM.len() - DATES.len());
    assert!(!shows.iter().any(|show| show.slug == "los-faroles"), "that one has been planted once");
    house.stop().await;
}

#[tokio::test]
async fn a_taken_slug_is_named_in_the_error() {
    let house = house().await;
    let mut event = PROGRAM[3].draft(TENANT, house.now()).expect("a draft");
    event.tenant_id = TenantId::generate(house.now());
    house.store.create_event(&event).await.expect("created");
    let error = write(&house.boot).await.expect_err("refused").to_string();
    assert!(error.contains("los-faroles") && error.contains("--fresh"), "{error}");
    house.stop().await;
}

#[tokio::test]
async fn only_a_local_box_office_is_seeded() {
    let house = house_at("staging").await;
    assert!(matches!(write(&house.boot).await, Err(DemoError::NotLocal)));
    assert!(house.shows().await.is_empty());
    house.stop().await;
}

/// The API would accept everything in the program.
#[test]
fn the_program_is_valid() {
    let now = Clock::system().now();
    let (mut slugs, mut codes, mut sheets) = (BTreeSet::new(), BTreeSet::new(), Sheets::new());
    for act in acts() {
        let event = act.draft(TENANT, now).expect("a draft");
        let is_slug = |text: &str| {
            text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        };
        assert!(is_slug(act.slug) && slugs.insert(act.slug), "{}", act.slug);
        let zone = TimeZone::get(act.venue.city.time_zone).expect("a time zone");
        assert_eq!(zone.iana_name(), Some(act.venue.city.time_zone));
        let mut fields = Fields::new();
        let description = event.description.parse::<Paragraph<1, 10_000>>();
        assert_eq!(description.as_deref(), Ok(event.description.as_str()));
        for text in [&event.name, &event.artist, &event.venue, &event.address, &event.city] {
            assert_eq!(text.parse::<Line<1, 150>>().as_deref(), Ok(text.as_str()));
        }
        event.check_show(&mut fields);
        let code = event.code.clone().expect("a code");
        assert!(codes.insert(code.to_ascii_uppercase()), "{code} is there twice");
        event.fees.check(event.currency, "/fees", &mut fields);
        event.vat.check("/vat", &mut fields);
        let stages = act.stages(&event, now);
        for stage in &stages {
            stage.check(event.currency, &mut fields);
        }
        let areas = act.areas(&event, now);
        for area in &areas {
            assert_eq!(area.area_name.parse::<Line<1, 100>>().as_deref(), Ok(area.area_name.as_str()));
            fields.check(area.rows.iter().all(|row| store::row_blocks(row).len() == 1), "/rows", "");
            fields.check((1..=50).contains(&area.unit_capacity) && area.capacity > 0, "/area", "");
        }
        fields.finish().unwrap_or_else(|error| panic!("{}: {:?}", act.slug, error.field_errors()));
        sheets.insert(act.slug, PricedEvent { event, areas, stages, products: Vec::new() }.into());
    }
    for code in &CODES {
        let mut fields = Fields::new();
        shows::promotion(code, TENANT, &sheets, now).expect("a promotion").check(&mut fields);
        fields.finish().unwrap_or_else(|error| panic!("{}: {:?}", code.code, error.field_errors()));
    }
}
