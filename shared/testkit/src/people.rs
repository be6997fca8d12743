//! The users and shows that most tests need.

use serde_json::{Value, json};

use crate::TestApp;

/// The password of all users in tests.
pub const PASSWORD: &str = "correct horse battery";

/// A user who has signed up and in.
#[derive(Debug, Clone)]
pub struct TestUser {
    /// E-mail address of the user.
    pub email: String,
    /// Id of the user.
    pub id: String,
    /// Access token of the user's sign-in.
    pub token: String,
    /// Refresh token of the user's sign-in.
    pub refresh_token: String,
}

impl TestUser {
    /// The user in the answer to a sign-in.
    fn new(email: &str, signed_in: &Value) -> Self {
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        Self {
            email: email.to_owned(),
            id: text(&signed_in["user"]["id"]),
            token: text(&signed_in["access_token"]),
            refresh_token: text(&signed_in["refresh_token"]),
        }
    }
}

/// The admin of a tenant, who may do everything in it.
#[derive(Debug, Clone)]
pub struct Organizer {
    /// The admin, signed in without a tenant.
    pub person: TestUser,
    /// Access token of the admin, for the tenant.
    pub token: String,
    /// Id of the tenant.
    pub tenant: String,
    /// The tenant's country.
    pub country: Country,
}

/// A country with its currency, its VAT and a city.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Country {
    /// ISO 3166-1 alpha-2 code, such as `CO`.
    pub code: &'static str,
    /// ISO 4217 code of the currency, such as `COP`.
    pub currency: &'static str,
    /// General rate of VAT in per cent.
    pub vat: i32,
    /// Name of a city.
    pub city: &'static str,
    /// IANA time zone of the city.
    pub time_zone: &'static str,
}

impl Country {
    /// Argentina, where pesos have cents.
    pub const ARGENTINA: Self = Self {
        code: "AR",
        currency: "ARS",
        vat: 21,
        city: "Rosario",
        time_zone: "America/Argentina/Buenos_Aires",
    };
    /// Chile, where pesos have no cents.
    pub const CHILE: Self =
        Self { code: "CL", currency: "CLP", vat: 19, city: "Valparaíso", time_zone: "America/Santiago" };
    /// Colombia, where pesos have cents that are not in use.
    pub const COLOMBIA: Self =
        Self { code: "CO", currency: "COP", vat: 19, city: "Bogotá", time_zone: "America/Bogota" };
}

/// A published event with one area.
#[derive(Debug, Clone)]
pub struct Show {
    /// Id of the event.
    pub id: String,
    /// Slug: the readable part of the event's address.
    pub slug: String,
    /// Id of the event's only area.
    pub area: String,
}

impl TestApp {
    /// Signs a user up and in, who confirms the address in the same browser: without that, no user can
    /// act for a tenant.
    pub async fn confirmed(&self, name: &str) -> TestUser {
        let person = self.somebody(name).await;
        self.idle().await;
        let body = json!({"token": self.mailed_token(&person.email)});
        let redeem = self.post("/api/v1/auth/magic-link/redeem").token(&person.token);
        TestUser::new(&person.email, &redeem.json(body).ok().await)
    }

    /// The token in the latest link that was mailed to an address.
    pub fn mailed_token(&self, to: &str) -> String {
        let texts = self.mails(to).into_iter().rev().filter_map(|mail| mail.text.clone());
        let token = texts.filter_map(|text| {
            let (_, token) = text.split_once("token=")?;
            token.split_whitespace().next().map(str::to_owned)
        });
        token.into_iter().next().expect("a mail with a link")
    }

    /// The link to an order in the latest mail to an address that has one.
    pub fn mailed_order_link(&self, to: &str) -> String {
        let texts = self.mails(to).into_iter().rev().filter_map(|mail| mail.text.clone());
        let link = texts.filter_map(|text| {
            let (_, link) = text.split_once("#a=")?;
            link.split_whitespace().next().map(str::to_owned)
        });
        link.into_iter().next().expect("a mail with a link to an order")
    }

    /// Signs a user up and in. The address is `name` at example.com.
    pub async fn somebody(&self, name: &str) -> TestUser {
        let email = format!("{name}@example.com");
        let body = json!({"email": email, "password": PASSWORD, "name": name});
        self.post("/api/v1/auth/register").json(body).ok().await;
        self.sign_in(&email, None).await
    }

    /// Signs a user in, for a tenant if given.
    pub async fn sign_in(&self, email: &str, tenant: Option<&str>) -> TestUser {
        let mut body = json!({"email": email, "password": PASSWORD});
        if let Some(tenant) = tenant {
            body["tenant"] = tenant.into();
        }
        TestUser::new(email, &self.post("/api/v1/auth/login").json(body).ok().await)
    }

    /// A new access token of the user's session, whose sign-in stays as long ago as it is. Who has to
    /// have signed in lately signs in again.
    pub async fn refreshed(&self, person: &TestUser) -> String {
        let body = json!({"refresh_token": person.refresh_token});
        let refreshed = self.post("/api/v1/auth/refresh").json(body).ok().await;
        refreshed["access_token"].as_str().expect("a token").to_owned()
    }

    /// The organiser, signed in again now: for tests in which much time has passed.
    pub async fn again(&self, organizer: &Organizer) -> Organizer {
        let email = &organizer.person.email;
        let token = self.sign_in(email, Some(&organizer.tenant)).await.token;
        Organizer { person: self.sign_in(email, None).await, token, ..organizer.clone() }
    }

    /// Creates a tenant in Colombia and its admin.
    pub async fn organizer(&self, name: &str) -> Organizer {
        self.organizer_in(name, Country::COLOMBIA).await
    }

    /// Creates a tenant and its admin.
    pub async fn organizer_in(&self, name: &str, country: Country) -> Organizer {
        let person = self.confirmed(name).await;
        let body = json!({
            "name": format!("{name} produce"),
            "country": country.code,
            "currency": country.currency,
            "vat": {"rate": country.vat, "included": true},
        });
        let tenant = self.post("/api/v1/tenants").token(&person.token).json(body).ok().await;
        let tenant = tenant["id"].as_str().expect("an id").to_owned();
        let token = self.sign_in(&person.email, Some(&tenant)).await.token;
        Organizer { person, token, tenant, country }
    }

    /// A user who accepted an invitation to a tenant's staff in this role, signed in for the tenant.
    pub async fn staff(&self, organizer: &Organizer, name: &str, role: &str) -> TestUser {
        let person = self.confirmed(name).await;
        let body = json!({"email": person.email, "role": role});
        self.post("/api/v1/tenant/staff").token(&organizer.token).json(body).ok().await;
        let accept = format!("/api/v1/workplaces/{}/invitation/accept", organizer.tenant);
        self.post(accept).token(&person.token).ok().await;
        self.sign_in(&person.email, Some(&organizer.tenant)).await
    }

    /// A draft of an event that starts in a week.
    pub async fn draft(&self, organizer: &Organizer, name: &str) -> Value {
        let Country { code, city, time_zone, .. } = organizer.country;
        let starts_at = self.clock.now() + std::time::Duration::from_secs(7 * 24 * 3600);
        let body = json!({
            "name": name,
            "artist": name,
            "venue": "Teatro La Chicharra",
            "city": city,
            "country": code,
            "time_zone": time_zone,
            "starts_at": starts_at.to_string(),
        });
        self.post("/api/v1/events").token(&organizer.token).json(body).ok().await
    }

    /// A published event with one general admission area; the price is in major units.
    pub async fn show(&self, organizer: &Organizer, name: &str, capacity: u32, price: i64) -> Show {
        let area =
            json!({"area_name": "Campo", "kind": "general_admission", "capacity": capacity, "price": price});
        self.show_with(organizer, name, area, None).await
    }

    /// A published event with rows `A`, `B` and so on of `seats` numbered seats; the price is
    /// in major units.
    pub async fn seated_show(
        &self,
        organizer: &Organizer,
        name: &str,
        rows: u8,
        seats: u16,
        price: i64,
    ) -> Show {
        let area = json!({"area_name": "Platea", "kind": "seated", "price": price});
        let row =
            |index: u8| json!({"label": char::from(b'A' + index).to_string(), "first": 1, "last": seats});
        let rows: Vec<Value> = (0..rows).map(row).collect();
        self.show_with(organizer, name, area, Some(json!({"rows": rows}))).await
    }

    async fn show_with(&self, organizer: &Organizer, name: &str, area: Value, units: Option<Value>) -> Show {
        let event = self.draft(organizer, name).await;
        let id = event["id"].as_str().expect("an id").to_owned();
        let events = format!("/api/v1/events/{id}");
        let area = self.post(format!("{events}/areas")).token(&organizer.token).json(area).ok().await;
        let area = area["id"].as_str().expect("an id").to_owned();
        if let Some(units) = units {
            self.post(format!("{events}/areas/{area}/units")).token(&organizer.token).json(units).ok().await;
        }
        let event = self.post(format!("{events}/publish")).token(&organizer.token).ok().await;
        Show { id, slug: event["slug"].as_str().expect("a slug").to_owned(), area }
    }
}
