//! Mails that need a consent: sent only while it is there, and with the headers that take it back.

use boot::{Boot, Env};
use domain::consent::ConsentPurpose;
use domain::user::LinkPurpose;
use domain::{Language, Person};
use queue::{LinkMail, Mail, MailMessage, NeededConsent, Queue};
use serde_json::json;
use testkit::{Organizer, TestApp};

/// Queues a mail to an address, as one that needs a consent to the organiser's news or as one that needs
/// none. Its words do not matter.
async fn send(app: &TestApp, to: &str, needs: Option<&Organizer>) {
    let mut env = app.cloud.environment_of("mailer").expect("a function of the template");
    env.insert("AWS_ACCESS_KEY_ID".to_owned(), "test".to_owned());
    let boot = Boot::new(env.into_iter().collect::<Env>(), app.clock.clone()).expect("complete");
    let consent = needs.map(|organizer| NeededConsent {
        tenant: organizer.tenant.parse().expect("an id"),
        purpose: ConsentPurpose::News,
    });
    let link = LinkMail { purpose: LinkPurpose::AlreadyRegistered, sealed_token: None, expires_at: None };
    let message = MailMessage {
        to: Person { email: to.to_owned(), name: String::new() },
        language: Language::Es,
        reply_to: None,
        mail: Mail::Link(link),
        images: Vec::new(),
        consent,
    };
    Queue::<MailMessage>::new(&boot).expect("complete").send(&message).await.expect("queued");
    app.idle().await;
}

/// The headers of the mails to an address about unsubscribing, one entry a mail.
fn offers(app: &TestApp, to: &str) -> Vec<Vec<(String, String)>> {
    let of = |(name, _): &(String, String)| name.to_ascii_lowercase().starts_with("list-unsubscribe");
    app.mails(to)
        .iter()
        .map(|mail| mail.headers.iter().filter(|header| of(header)).cloned().collect())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_that_needs_a_consent_has_it_and_the_way_out() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let other = app.organizer("mareas").await;
    let ana = app.confirmed("ana").await;
    app.idle().await;
    let before = offers(&app, &ana.email).len();
    send(&app, &ana.email, Some(&organizer)).await;
    assert_eq!(offers(&app, &ana.email).len(), before, "without a word there is no consent");
    let given = json!({"tenant": organizer.tenant, "purpose": "news", "given": true, "text_version": 1});
    let said = app.put("/api/v1/auth/me/consents").token(&ana.token).json(given).ok().await;
    send(&app, &ana.email, Some(&other)).await;
    assert_eq!(offers(&app, &ana.email).len(), before, "given to another organiser");
    send(&app, &ana.email, Some(&organizer)).await;
    let offered = offers(&app, &ana.email).pop().expect("a mail");
    let url = said["unsubscribe_url"].as_str().expect("an address");
    let header = |name: &str, value: String| (name.to_owned(), value);
    let expected = [
        header("List-Unsubscribe", format!("<{url}>")),
        header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned()),
    ];
    assert_eq!(offered, expected, "RFC 8058");

    // As a mail program does it: one POST to the address in the header, with the other header as a form.
    let path = url.strip_prefix(app.cloud.url()).expect("ours");
    app.post(path).form([("List-Unsubscribe", "One-Click")]).send().await.ok_empty();
    let mails = offers(&app, &ana.email).len();
    send(&app, &ana.email, Some(&organizer)).await;
    assert_eq!(offers(&app, &ana.email).len(), mails, "taken back");
    // What belongs to a purchase or an account is sent, and offers no way out of it.
    send(&app, &ana.email, None).await;
    let all = offers(&app, &ana.email);
    assert_eq!((all.len(), all.last()), (mails + 1, Some(&Vec::new())));
    app.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mails_of_purchases_and_accounts_offer_no_way_out() {
    let app = TestApp::start().await;
    let organizer = app.organizer("faroles").await;
    let show = app.show(&organizer, "Los Faroles", 10, 20_000).await;
    app.buy_as_guest("ana@example.com", &show.id, json!({"area_id": show.area, "quantity": 1})).await;
    for to in ["ana@example.com", organizer.person.email.as_str()] {
        let offered = offers(&app, to);
        assert!(!offered.is_empty() && offered.iter().all(Vec::is_empty), "{to}: {offered:?}");
    }
    app.close().await;
}
