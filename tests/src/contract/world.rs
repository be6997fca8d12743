//! Three organisers, the people around the first one's shows, and one of each thing that a
//! route can name.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use boot::{Env, Secret};
use cloud::services::sns::sign;
use domain::OrderId;
use domain::gateway_account::GatewayAccount;
use domain::order::Change;
use domain::order_link::OrderLink;
use domain::payment::GatewayName;
use domain::tenant::Tenant;
use hmac::{Hmac, KeyInit, Mac};
use mail_events::{Kind, Message};
use serde_json::{Value, json};
use sha2::Sha256;
use testkit::{Organizer, Show, TestApp, TestUser};

use super::calls::Links;
use crate::operator::operator;
use crate::products::{buy_with, drink};
use crate::table::{fingerprints, table_of};

/// A box office with data for every route.
pub(super) struct SampleBoxOffice {
    pub(super) app: TestApp,
    /// The first organiser's admin. Staff, shows, promotion and device are of this organiser unless
    /// they are said to be another's.
    pub(super) admin: Organizer,
    pub(super) organizer: TestUser,
    pub(super) coordinator: TestUser,
    pub(super) scanner: TestUser,
    /// The admin of another organiser, who must see nothing of the first one's.
    pub(super) stranger: Organizer,
    /// The admin of a third organiser, who invites the buyer.
    pub(super) inviting: Organizer,
    /// The operator of the installation.
    pub(super) operator: TestUser,
    /// The buyer of `order` and of reservations.
    pub(super) buyer: TestUser,
    /// The person to whom tickets are offered.
    pub(super) friend: TestUser,
    /// An expired access token of the buyer.
    pub(super) expired: String,
    /// A token of the first organiser's admin, who signed in longer ago than what is dangerous allows.
    pub(super) stale: String,
    /// The admin of an organiser whose staff signs in with two factors, signed in with one.
    pub(super) strict: Organizer,
    /// A show with general admission, on sale.
    pub(super) show: Show,
    /// A show with three rows of twelve seats, on sale.
    pub(super) seated: Show,
    /// The buyer's order of five tickets for `show`, paid.
    pub(super) order: Value,
    /// An order of one ticket for `show` with the buyer's address, made without an account and paid.
    pub(super) guest_order: Value,
    /// The links of `guest_order`.
    pub(super) guest_links: Links,
    /// The link of another guest's order.
    pub(super) other_link: String,
    pub(super) promotion: String,
    /// A drink that is sold at all shows: the id of its variant, of which the buyer's order has one.
    pub(super) drink: String,
    pub(super) device: String,
    /// The stranger's own show.
    pub(super) foreign: Show,
    /// The stranger's gateway account, at Mercado Pago.
    pub(super) foreign_account: GatewayAccount,
    counter: AtomicU32,
}

impl SampleBoxOffice {
    /// Opens the box office and fills it.
    pub(super) async fn open() -> Self {
        let app = TestApp::start().await;
        let buyer = app.confirmed("ana").await;
        let expired = buyer.token.clone();
        let admin = app.organizer("faroles").await;
        let before = app.sign_in(&admin.person.email, Some(&admin.tenant)).await;
        app.clock.advance(Duration::from_secs(31 * 60));
        let buyer = app.sign_in(&buyer.email, None).await;
        let (admin, stale) = (app.again(&admin).await, app.refreshed(&before).await);
        let friend = app.confirmed("beto").await;
        let strict = strict(&app).await;
        let operator = operator(&app).await;

        let stranger = app.organizer("mareas").await;
        let inviting = app.organizer("calesita").await;
        let organizer = app.staff(&admin, "olga", "organizer").await;
        let coordinator = app.staff(&admin, "carlos", "coordinator").await;
        let scanner = app.staff(&admin, "elena", "scanner").await;

        // Of each kind: an order's shape must not depend on what was published before it.
        for kind in ["terms", "privacy", "refunds"] {
            let mut policy = json!({"es": "Lo que vale para tus entradas."});
            if kind == "refunds" {
                policy["withdrawal"] = json!("argentina_button");
            }
            app.put(format!("/api/v1/tenant/policies/{kind}")).token(&admin.token).json(policy).ok().await;
        }
        let show = app.show(&admin, "Los Faroles", 500, 50_000).await;
        let seated = app.seated_show(&admin, "Marea Baja", 3, 12, 40_000).await;
        let foreign = app.show(&stranger, "Otra Orilla", 100, 10_000).await;
        let foreign_account = app.connect(&stranger, GatewayName::MercadoPago, 0).await;
        let discount = json!({"discount_type": "percentage", "discount_value": 50});
        let discounts = json!({"max_discounts": 500, "member_discount": discount});
        app.patch(format!("/api/v1/events/{}", show.id)).token(&admin.token).json(discounts).ok().await;
        let drink = drink(&app, &admin, 500, 8_000).await;
        let tickets = json!({"area_id": show.area, "quantity": 5});
        let drinks = json!({"variant_id": drink, "quantity": 1});
        let order = buy_with(&app, &buyer.token, &show.id, tickets, drinks).await;
        app.idle().await;
        let place = json!({"area_id": show.area, "quantity": 1});
        let (guest_order, link) = app.buy_as_guest(&buyer.email, &show.id, place.clone()).await;
        let guest_links = renewed(&app, &buyer.email, &guest_order, link).await;
        let other = app.reserve_as_guest("otra@example.com", &show.id, place).await;
        let mut world = Self {
            app,
            admin,
            organizer,
            coordinator,
            scanner,
            stranger,
            inviting,
            operator,
            buyer,
            friend,
            expired,
            stale,
            strict,
            show,
            seated,
            order,
            guest_order,
            guest_links,
            other_link: text(&other["order_access"]),
            promotion: String::new(),
            drink,
            device: String::new(),
            foreign,
            foreign_account,
            counter: AtomicU32::new(1),
        };
        world.promotion = world.new_promotion().await;
        world.device = world.new_device().await;
        world
    }

    /// Posts as the admin. Returns a field of the answer as text.
    pub(super) async fn make(&self, path: &str, body: Value, field: &str) -> String {
        text(&self.app.post(path).token(&self.admin.token).json(body).ok().await[field])
    }

    /// The id of a new draft with one area.
    pub(super) async fn new_draft(&self) -> String {
        let draft = text(&self.app.draft(&self.admin, "Ensayo").await["id"]);
        self.new_area(&draft).await;
        draft
    }

    /// The id of a new area of general admission.
    pub(super) async fn new_area(&self, event: &str) -> String {
        let area =
            json!({"area_name": "Balcón", "kind": "general_admission", "capacity": 50, "price": 9_000});
        self.make(&format!("/api/v1/events/{event}/areas"), area, "id").await
    }

    /// The code of a new promotion for `show`.
    async fn new_promotion(&self) -> String {
        let promotion = json!({
            "promotion_name": "Amigos", "promotion_code": self.new_code(), "discount_type": "percentage",
            "discount_value": 10, "applies_to": "event", "target_event_id": self.show.id, "total_uses": 50,
        });
        self.make("/api/v1/promotions", promotion, "promotion_code").await
    }

    /// The id of a newly paired scanner.
    pub(super) async fn new_device(&self) -> String {
        self.make("/api/v1/door/devices", json!({"name": "Puerta 1"}), "device_id").await
    }

    /// Adds a picture of four bytes in place of the event's others. Returns how to upload it.
    pub(super) async fn new_image(&self, event: &str) -> Value {
        let (path, token) = (format!("/api/v1/events/{event}"), &self.admin.token);
        for image in self.app.get(&path).token(token).ok().await["images"].as_array().expect("pictures") {
            self.app.delete(format!("{path}/images/{}", text(&image["id"]))).token(token).ok().await;
        }
        let image = json!({"kind": "cover", "content_type": "image/png", "size": 4});
        self.app.post(format!("{path}/images")).token(token).json(image).ok().await
    }

    /// The id of a new reservation of the buyer. All but two of the earlier ones are cancelled.
    pub(super) async fn new_reservation(&self) -> String {
        self.cancel_earlier().await;
        text(&self.app.reserve(&self.buyer.token, &self.show.id, self.places(1)).await["id"])
    }

    /// The id of a new reservation with the buyer's address and without an account, and its links. All
    /// but two of the earlier ones are cancelled.
    pub(super) async fn new_guest_reservation(&self) -> (String, Links) {
        self.cancel_earlier().await;
        let held = self.app.reserve_as_guest(&self.buyer.email, &self.show.id, self.places(1)).await;
        let links = renewed(&self.app, &self.buyer.email, &held, text(&held["order_access"])).await;
        (text(&held["id"]), links)
    }

    /// A new paid order with the buyer's address and without an account, and its links.
    pub(super) async fn new_guest_order(&self) -> (Value, Links) {
        let (order, link) = self.app.buy_as_guest(&self.buyer.email, &self.show.id, self.places(1)).await;
        let links = renewed(&self.app, &self.buyer.email, &order, link).await;
        (order, links)
    }

    /// Cancels all but two of the buyer's reservations.
    async fn cancel_earlier(&self) {
        let token = &self.buyer.token;
        let orders = self.app.get("/api/v1/purchases").token(token).ok().await;
        let unpaid = |order: &&Value| order["status"] == "held" || order["status"] == "awaiting_payment";
        for order in orders["items"].as_array().expect("orders").iter().filter(unpaid).skip(2) {
            let path = format!("/api/v1/reservations/{}", text(&order["id"]));
            self.app.delete(path).token(token).ok().await;
        }
    }

    /// A new quote's token.
    pub(super) async fn new_quote(&self) -> String {
        text(&self.app.quote(&self.show.id, self.places(1)).await["quote"])
    }

    /// A line of a quote for `show`.
    pub(super) fn places(&self, quantity: u32) -> Value {
        json!({"area_id": self.show.area, "quantity": quantity})
    }

    /// A new fee payment of a member, with how to upload its receipt of four bytes.
    pub(super) async fn new_receipt(&self) -> Value {
        let member = json!({"name": "Ana Farola", "email": self.new_address()});
        let member = self.make("/api/v1/users/register", member, "id").await;
        let payment = json!({
            "amount_paid": 25_000, "payment_method": "cash",
            "receipt": {"content_type": "image/png", "size": 4},
        });
        let path = format!("/api/v1/users/{member}/payments");
        self.app.post(path).token(&self.admin.token).json(payment).ok().await
    }

    /// A new paid order of `person`, with one ticket for `show`.
    pub(super) async fn new_order(&self, person: &TestUser) -> Value {
        self.app.buy(&person.token, &self.show.id, self.places(1)).await
    }

    /// The id of one of the tickets of `order`.
    pub(super) fn ticket(&self, index: usize) -> String {
        text(&self.order["tickets"][index]["id"])
    }

    /// The id of a new offer of a new ticket.
    pub(super) async fn new_transfer(&self, from: &TestUser, to: &str) -> String {
        let ticket = self.new_order(from).await["tickets"][0]["id"].clone();
        let offer = json!({"ticket_id": ticket, "to_email": to});
        text(&self.app.post("/api/v1/transfers/initiate").token(&from.token).json(offer).ok().await["id"])
    }

    /// A new e-mail address.
    pub(super) fn new_address(&self) -> String {
        format!("persona{}@example.com", self.next())
    }

    /// A new promotion code.
    pub(super) fn new_code(&self) -> String {
        format!("AMIGOS{}", self.next())
    }

    fn next(&self) -> u32 {
        self.counter.fetch_add(1, Ordering::Relaxed)
    }

    /// The address of a newly registered user.
    pub(super) async fn new_person(&self) -> String {
        let email = self.new_address();
        let body = json!({"email": email, "password": testkit::PASSWORD});
        self.app.post("/api/v1/auth/register").json(body).ok().await;
        email
    }

    /// The token in the last link that was mailed to `email`.
    pub(super) async fn mailed_token(&self, email: &str) -> String {
        self.app.idle().await;
        self.app.mailed_token(email)
    }

    /// The user id of a new scanner on the first organiser's staff.
    pub(super) async fn new_staff(&self) -> String {
        let name = format!("persona{}", self.next());
        self.app.staff(&self.admin, &name, "scanner").await.id
    }

    /// The sandbox's signature of a notification with this body.
    pub(super) fn signature(&self, body: &[u8]) -> String {
        let webhooks = self.app.cloud.stack().function("webhooks").expect("a function of the template");
        let mut mac =
            Hmac::<Sha256>::new_from_slice(webhooks.env["SANDBOX_WEBHOOK_SECRET"].as_bytes()).expect("a key");
        let time = self.app.clock.now().as_second();
        mac.update(format!("{time}.").as_bytes());
        mac.update(body);
        format!("t={time},v1={}", hex::encode(mac.finalize().into_bytes()))
    }

    /// A message on the topic of SES's events, as SNS signs it.
    pub(super) fn signed_by_sns(&self, text: &str) -> Message {
        let webhooks = self.app.cloud.stack().function("webhooks").expect("a function of the template");
        sign(Message {
            kind: Kind::Notification,
            message_id: format!("message-{}", self.next()),
            topic_arn: webhooks.env["MAIL_EVENTS_TOPIC"].clone(),
            subject: None,
            message: text.to_owned(),
            timestamp: self.app.clock.now().to_string(),
            signature_version: String::new(),
            signature: String::new(),
            signing_cert_url: String::new(),
            subscribe_url: None,
            token: None,
        })
    }

    /// Values that must not be in an answer to the stranger.
    pub(super) fn secrets(&self) -> Vec<String> {
        let mut secrets = vec![
            text(&self.order["id"]),
            text(&self.guest_order["id"]),
            self.guest_links.newest.clone(),
            self.device.clone(),
            self.buyer.email.clone(),
            self.scanner.email.clone(),
        ];
        secrets.extend((0..5).map(|index| self.ticket(index)));
        secrets
    }
}

/// Renews the link of a guest's order in the table, as if it had been mailed anew.
async fn renewed(app: &TestApp, email: &str, order: &Value, old: String) -> Links {
    let (store, now) = (table_of(app, "purchases"), app.clock.now());
    let guest = fingerprints(app).guest(&email.parse().expect("an address"));
    let id: OrderId = text(&order["id"]).parse().expect("an id");
    let mut order = store.order(guest, id).await.expect("read").expect("an order");
    order.edit(|order| order.link_epoch += 1);
    let order = store.save_order(&order, &Change::default(), now).await.expect("written");
    let env = Env::from_iter(app.cloud.environment_of("purchases").expect("a function of the template"));
    let key = Secret::from_env(&env, "ORDER_LINK_SECRET").expect("a secret").derive(OrderLink::PURPOSE);
    Links { newest: OrderLink::of(&order).encode(&key), old }
}

/// The admin of an organiser who requires two factors, signed in with one.
async fn strict(app: &TestApp) -> Organizer {
    let strict = app.organizer("estricta").await;
    let (store, id) = (table_of(app, "events"), strict.tenant.parse().expect("an id"));
    let before = store.tenant(id).await.expect("read").expect("there");
    let after = Tenant { requires_second_factor: true, version: before.version + 1, ..before };
    store.replace_tenant(&after).await.expect("changed");
    let token = app.sign_in(&strict.person.email, None).await.token;
    Organizer { token, ..strict }
}

/// A value that must be text.
pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}
