//! Each function's role allows exactly what the function does.
//!
//! The local cloud refuses what a role does not allow, in every test (see `cloud::iam`), so a
//! policy that allows too little fails some other test. The tests here find policies that allow
//! too much.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use cloud::template::{Stack, Surroundings, Template};
use gateways::Faults;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::Organizer;

use crate::flows::mail_feedback::Unmailed;
use crate::flows::sites::prove;
use crate::table::{leave_to_person, table_of};

use super::calls::{call, in_order, rightful};
use super::world::{SampleBoxOffice, text};

/// The stack, with `secret:` and its name for the value of each secret.
pub(super) fn stack() -> Stack {
    let template = Template::repository().expect("the template makes sense");
    let parameters = [
        ("Stage", "staging"),
        ("PublicUrl", "https://taquilla.example"),
        ("SenderAddress", "boleteria@taquilla.example"),
        ("SandboxGatewayUrl", "https://sandbox.example"),
    ];
    let surroundings = Surroundings {
        parameters: parameters.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        secrets: template.secrets().map(|id| (id.to_owned(), format!("secret:{}", kebab(id)))).collect(),
        endpoint: "https://aws.example".to_owned(),
    };
    template.stack(&surroundings).expect("the template makes sense")
}

/// The local name of a secret: `taquilla-jwt-secret` for `JwtSecret`.
fn kebab(id: &str) -> String {
    let mut name = "taquilla".to_owned();
    for c in id.chars() {
        if c.is_ascii_uppercase() {
            name.push('-');
        }
        name.push(c.to_ascii_lowercase());
    }
    name
}

const READ_SECRET: &str = "secretsmanager:GetSecretValue";
/// The end of the ARNs of credentials that organisers enter.
const ENTERED: &str = ":secret:taquilla/staging/gateway/*";

#[test]
fn a_function_may_read_the_secrets_of_its_environment_and_no_others() {
    for function in stack().functions {
        let in_environment: BTreeSet<&str> =
            function.env.values().filter_map(|value| value.strip_prefix("secret:")).collect();
        let statements = function.statements.iter();
        let readable: BTreeSet<&str> = statements
            .filter(|statement| statement.actions.iter().any(|action| action == READ_SECRET))
            .flat_map(|statement| &statement.resources)
            // Credentials that organisers enter are in no environment.
            .filter(|resource| !resource.ends_with(ENTERED))
            .map(|resource| resource.rsplit(':').next().unwrap_or_default())
            .collect();
        assert_eq!(
            in_environment, readable,
            "{}: environment on the left, policy on the right",
            function.name
        );
    }
}

/// Otherwise the function that writes credentials could also show them.
#[test]
fn credentials_are_written_by_a_function_that_cannot_read_them() {
    let (mut readers, mut writers) = (BTreeSet::new(), BTreeSet::new());
    for function in stack().functions {
        for statement in &function.statements {
            if statement.resources.iter().any(|resource| resource.contains(ENTERED.trim_end_matches('*'))) {
                for action in &statement.actions {
                    let who = if action == READ_SECRET { &mut readers } else { &mut writers };
                    who.insert(function.name.clone());
                }
            }
        }
    }
    assert_eq!(writers, BTreeSet::from(["admin".to_owned()]));
    assert!(!readers.contains("admin"));
}

#[test]
fn no_policy_allows_everything() {
    for function in stack().functions {
        for statement in &function.statements {
            for action in &statement.actions {
                assert!(!action.contains('*'), "{}: {action}", function.name);
            }
            for resource in &statement.resources {
                assert!(resource.starts_with("arn:aws:"), "{}: {resource}", function.name);
            }
        }
    }
}

/// A snapshot, so that reviewers see when a role gets more or less.
#[test]
fn the_policies_match_the_snapshot() {
    let mut roles: BTreeMap<String, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    for function in stack().functions {
        let role = roles.entry(function.name).or_default();
        for statement in function.statements {
            for resource in statement.resources {
                let (_, name) = resource.split_once("taquilla-").unwrap_or(("", &resource));
                let (service, _) = statement.actions[0].split_once(':').expect("an action");
                let actions =
                    statement.actions.iter().map(|action| action.rsplit(':').next().unwrap_or_default());
                let actions = actions.map(str::to_owned);
                role.entry(format!("{service} {name}")).or_default().extend(actions);
            }
        }
    }
    let mut lines = String::new();
    for (function, role) in roles {
        lines.push_str(&format!("{function}\n"));
        for (resource, actions) in role {
            let actions: Vec<_> = actions.into_iter().collect();
            lines.push_str(&format!("  {resource}: {}\n", actions.join(", ")));
        }
    }
    insta::assert_snapshot!(lines, @"
    admin
      dynamodb table: BatchGetItem, DeleteItem, GetItem, PutItem, Query, UpdateItem
      dynamodb table/index/GSI1: Query
      secretsmanager arn:aws:secretsmanager:us-east-1:000000000000:secret:taquilla/staging/gateway/*: CreateSecret, DeleteSecret, PutSecretValue
    auth
      dynamodb table: BatchGetItem, DeleteItem, GetItem, PutItem, Query, UpdateItem
      secretsmanager hash-secret: GetSecretValue
      secretsmanager jwt-secret: GetSecretValue
      secretsmanager mail-secret: GetSecretValue
    discounts
      dynamodb table: BatchGetItem, GetItem, PutItem, Query, UpdateItem
      dynamodb table/index/GSI1: Query
      secretsmanager hash-secret: GetSecretValue
    door
      dynamodb table: DeleteItem, GetItem, PutItem, Query, UpdateItem
    events
      dynamodb table: BatchGetItem, ConditionCheckItem, DeleteItem, GetItem, PutItem, Query, UpdateItem
      dynamodb table/index/GSI1: Query
      s3 images-bucket/*: DeleteObject, GetObject, PutObject
      secretsmanager hash-secret: GetSecretValue
    issuer
      dynamodb table: BatchGetItem, GetItem, Query
      dynamodb table/index/GSI1: Query
      secretsmanager hash-secret: GetSecretValue
      secretsmanager order-link-secret: GetSecretValue
      secretsmanager ticket-secret: GetSecretValue
      sqs mail-queue: SendMessage
    janitor
      dynamodb table: BatchGetItem, DeleteItem, GetItem, PutItem, Query, UpdateItem
      dynamodb table/index/GSI1: Query
      secretsmanager hash-secret: GetSecretValue
      sqs payments-dead-letters: DeleteMessage, ReceiveMessage
      sqs payments-queue: SendMessage
    mailer
      dynamodb table: GetItem, UpdateItem
      secretsmanager hash-secret: GetSecretValue
      secretsmanager mail-secret: GetSecretValue
      ses arn:aws:ses:us-east-1:000000000000:*: SendEmail
      sqs mail-queue: SendMessage
    members
      dynamodb table: BatchGetItem, DeleteItem, GetItem, PutItem, Query, UpdateItem
      s3 receipts-bucket/*: GetObject, PutObject
      secretsmanager hash-secret: GetSecretValue
    pricing
      dynamodb table: ConditionCheckItem, DeleteItem, GetItem, PutItem, Query, UpdateItem
      secretsmanager hash-secret: GetSecretValue
    purchases
      dynamodb table: GetItem, PutItem, Query, UpdateItem
      dynamodb table/index/GSI1: Query
      secretsmanager arn:aws:secretsmanager:us-east-1:000000000000:secret:taquilla/staging/gateway/*: GetSecretValue
      secretsmanager hash-secret: GetSecretValue
      secretsmanager order-link-secret: GetSecretValue
      secretsmanager quote-secret: GetSecretValue
      secretsmanager reference-secret: GetSecretValue
      secretsmanager sandbox-api-key: GetSecretValue
      secretsmanager sandbox-webhook-secret: GetSecretValue
      sqs issue-queue: SendMessage
    relay
      dynamodb table: GetItem, PutItem
      sqs issue-queue: SendMessage
      sqs mail-queue: SendMessage
      sqs payments-queue: SendMessage
    settler
      dynamodb table: DeleteItem, GetItem, PutItem, Query, UpdateItem
      secretsmanager arn:aws:secretsmanager:us-east-1:000000000000:secret:taquilla/staging/gateway/*: GetSecretValue
      secretsmanager reference-secret: GetSecretValue
      secretsmanager sandbox-api-key: GetSecretValue
      secretsmanager sandbox-webhook-secret: GetSecretValue
      sqs payments-queue: SendMessage
    site
      dynamodb table: GetItem
    storefront
      dynamodb table: GetItem, Query, UpdateItem
      secretsmanager hash-secret: GetSecretValue
      secretsmanager quote-secret: GetSecretValue
    supervision
      dynamodb table: BatchGetItem, GetItem, PutItem, Query, UpdateItem
      dynamodb table/index/GSI1: Query
      secretsmanager discount-secret: GetSecretValue
      secretsmanager hash-secret: GetSecretValue
    tickets
      dynamodb table: DeleteItem, GetItem, PutItem, Query, UpdateItem
      secretsmanager hash-secret: GetSecretValue
      secretsmanager order-link-secret: GetSecretValue
      secretsmanager ticket-secret: GetSecretValue
    webhooks
      dynamodb table: GetItem, PutItem, Query, UpdateItem
      secretsmanager arn:aws:secretsmanager:us-east-1:000000000000:secret:taquilla/staging/gateway/*: GetSecretValue
      secretsmanager hash-secret: GetSecretValue
      secretsmanager sandbox-api-key: GetSecretValue
      secretsmanager sandbox-webhook-secret: GetSecretValue
      sqs payments-queue: SendMessage
    ");
}

/// The tour: every route once, and the work behind the routes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_permission_is_unused() {
    let world = SampleBoxOffice::open().await;
    for operation in in_order() {
        let call = call(&world, operation).await;
        let token = rightful(&world, operation, call.whose);
        let answer = call.request(&world, operation, token.as_deref()).send().await;
        assert!(answer.status < 500, "{}: {}", operation.route(), answer.text());
        world.app.idle().await;
    }
    behind_the_routes(&world).await;
    let unused: Vec<String> = world.app.cloud.unused_permissions().into_iter().collect();
    assert!(
        unused.is_empty(),
        "The tour of tests/src/contract/policies.rs never used these permissions. Take them out of template.yaml, \
         or add what needs them to the tour:\n{}",
        unused.join("\n")
    );
    world.app.close().await;
}

/// Work that no single route does: tickets handed back, uploads, schedules, and gateways that
/// fail.
async fn behind_the_routes(world: &SampleBoxOffice) {
    let app = &world.app;
    there_and_back(world).await;
    mails_that_come_back(world).await;

    let guess = json!({
        "event_id": world.show.id, "promotion_code": "GUESSED",
        "lines": [{"area_id": world.show.area, "quantity": 1}],
    });
    app.post("/api/v1/public/quotes").json(guess).ok().await;

    // An amount is written on the condition that the event sells in its currency.
    let fixed = json!({"stage_name": "Taquilla", "price_adjustment_type": "fixed", "price_adjustment_value": 500, "active": false});
    let stages = app.post(format!("/api/v1/events/{}/sale-stages", world.show.id));
    stages.token(&world.admin.token).json(fixed).ok().await;

    let image = world.new_image(&world.show.id).await;
    upload(world, &image).await;
    let shown = app.elsewhere(Method::GET, &text(&image["image"]["url"])).send().await;
    let shown = app.elsewhere(Method::GET, shown.header("location")).send().await;
    assert_eq!((shown.status, &shown.body[..]), (200, &b"\x89PNG"[..]));

    let receipt = world.new_receipt().await;
    upload(world, &receipt["receipt_upload"]).await;
    let shown = app.elsewhere(Method::GET, &text(&receipt["receipt"])).send().await;
    assert_eq!((shown.status, &shown.body[..]), (200, &b"\x89PNG"[..]));

    // An organiser's own gateway account, whose credentials only the vault has.
    let place = json!({"area_id": world.foreign.area, "quantity": 1});
    let bought = app.buy(&world.buyer.token, &world.foreign.id, place).await;
    assert_eq!(bought["status"], "paid", "{bought}");

    // If a payment is still open when the gateway is asked, the gateway is asked again later.
    let seat = json!({"area_id": world.seated.area, "seats": ["C-1"]});
    app.start_buying(&world.buyer.token, &world.seated.id, seat).await;
    app.clock.advance(Duration::from_secs(200));
    app.idle().await;

    // A refund that fails too often becomes a dead letter, which the janitor queues again.
    let seats = json!({"area_id": world.seated.area, "seats": ["B-1", "B-2"]});
    let order = app.buy(&world.buyer.token, &world.seated.id, seats).await;
    app.cloud.sandbox().set_faults(Faults { refund_500: 100, ..Faults::default() }).expect("possible faults");
    let path = format!("/api/v1/purchases/{}/refund", text(&order["id"]));
    app.post(path).token(&world.admin.token).json(json!({"event_id": world.seated.id})).ok().await;
    app.idle().await;
    app.cloud.sandbox().set_faults(Faults::default()).expect("possible faults");
    app.cloud.run_schedule_now("Reconcile").await.expect("the janitor runs");
    app.idle().await;
    let path = format!("/api/v1/purchases/{}", text(&order["id"]));
    let order = app.get(path).token(&world.buyer.token).ok().await;
    assert_eq!(order["refunded"], order["total"], "{order}");

    // A refund task that a dispute makes unnecessary.
    let seats = json!({"area_id": world.seated.area, "seats": ["B-5"]});
    let order = app.buy(&world.buyer.token, &world.seated.id, seats).await;
    let unit = format!("/api/v1/events/{}/areas/{}/units/B-5", world.seated.id, world.seated.area);
    assert_eq!(app.get(unit).token(&world.admin.token).ok().await["order_id"], order["id"]);
    leave_to_person(app, &world.buyer, &order, 1000).await;
    let payment = text(&order["payments"][0]["payment_gateway_transaction_id"]);
    app.cloud.sandbox().charge_back(&payment).expect("charged back");
    app.idle().await;

    // Last, because access tokens expire meanwhile: the open refund tasks are a day old.
    app.clock.advance(Duration::from_secs(25 * 3600));
    for schedule in ["Audit", "Remind", "Report", "Erase"] {
        app.cloud.run_schedule_now(schedule).await.expect("the janitor runs");
        app.idle().await;
    }
    lose_site(world).await;
}

/// Lets a site's proof be missing for as long as it takes to lose the site.
async fn lose_site(world: &SampleBoxOffice) {
    let app = &world.app;
    // Access tokens expired meanwhile.
    let token = app.sign_in(&world.admin.person.email, Some(&world.admin.tenant)).await.token;
    let admin = Organizer { token, ..world.admin.clone() };
    let site = prove(app, &admin, "perdida.example").await;
    app.cloud.services().internet().remove_texts(&text(&site["record_name"]));
    for days in [8, 15] {
        app.clock.advance(Duration::from_secs(days * 24 * 3600));
        app.cloud.run_schedule_now("Sites").await.expect("the janitor runs");
        app.idle().await;
    }
    assert_eq!(
        table_of(app, "admin").site_claim(&"perdida.example".parse().expect("a host")).await.expect("read"),
        None
    );
}

/// Uploads four bytes by a signed request.
async fn upload(world: &SampleBoxOffice, signed: &Value) {
    let mut request = world.app.elsewhere(Method::PUT, &text(&signed["upload_url"]));
    for (name, value) in signed["headers"].as_object().expect("headers") {
        request = request.header(name, text(value));
    }
    let uploaded = request.raw(&b"\x89PNG"[..]).send().await;
    assert_eq!(uploaded.status, 200, "{}", uploaded.text());
}

/// Transfers a ticket to the friend and back.
async fn there_and_back(world: &SampleBoxOffice) {
    let (buyer, friend) = (&world.buyer, &world.friend);
    world.new_reservation().await;
    let ticket = world.new_order(buyer).await["tickets"][0]["id"].clone();
    for (from, to) in [(buyer, friend), (friend, buyer)] {
        let offer = json!({"ticket_id": ticket, "to_email": to.email});
        world.app.post("/api/v1/transfers/initiate").token(&from.token).json(offer).ok().await;
        let token = world.mailed_token(&to.email).await;
        world.app.post("/api/v1/transfers/accept").token(&to.token).json(json!({"token": token})).ok().await;
    }
    // A refused offer frees its idempotency key.
    let offer = json!({"ticket_id": "tkt_01h455vb4pex5vsknk084sn02q", "to_email": friend.email});
    let refused = world.app.post("/api/v1/transfers/initiate").token(&buyer.token).idempotent("refused");
    refused.json(offer).refused(404, "ticket_not_found").await;
}

/// An answer to a discount request that bounces, one whose mailer died, and feedback about a
/// mail without a request.
async fn mails_that_come_back(world: &SampleBoxOffice) {
    let app = &world.app;
    let token = &world.admin.token;
    let email = format!("bounce+{}", world.new_address());
    let member = json!({
        "name": "Ana Farola", "email": email, "subscription_active": true, "monthly_fee_current": true,
    });
    app.post("/api/v1/users/register").token(token).json(member).ok().await;
    let request = json!({"email": email, "show_id": world.show.id});
    let id = text(&app.post("/api/v1/discounts/request").json(request).ok().await["id"]);
    let queued = format!("/api/v1/supervision/queue/{id}");
    app.post(format!("{queued}/action")).token(token).json(json!({"action": "approve"})).ok().await;
    app.post(format!("{queued}/send")).token(token).ok().await;
    app.idle().await;
    assert_eq!(app.get(&queued).token(token).ok().await["email_delivery_status"], "bounced");

    Unmailed::like(app, &id).await.abandoned(app.clock.now()).await.mail(&email).await;
    app.idle().await;

    let feedback = json!({
        "notificationType": "Bounce", "mail": {"messageId": "0100"},
        "bounce": {"bounceType": "Permanent", "bouncedRecipients": [{"emailAddress": email}]},
    });
    let body = serde_json::to_vec(&world.signed_by_sns(&feedback.to_string())).expect("JSON");
    app.post("/api/v1/webhooks/ses").raw(body).send().await.ok();
}
