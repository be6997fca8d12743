//! The community of the demo data's first organiser: about 300 invented members in every state that
//! a member can have.

use domain::member::{FeePayment, Member, PaymentMethod};
use domain::national_id::NationalId;
use domain::{Currency, Error, FeePaymentId, Language, MemberId, Result, TenantId, Timestamp, UserId};
use futures::future::try_join_all;
use jiff::SignedDuration;
use store::{Fingerprints, MEMBERS_AT_ONCE, Store};

use crate::act::minor;

/// Members for trying the demo by hand: address, name, whether the subscription is active, whether
/// the fee is paid.
pub(super) const KNOWN: [(&str, &str, bool, bool); 3] = [
    ("socia@example.com", "Sonia Socia", true, true),
    ("morosa@example.com", "Mora Morosa", true, false),
    ("exsocio@example.com", "Elio Exsocio", false, false),
];

const FIRST_NAMES: [&str; 20] = [
    "Abril", "Baltasar", "Celeste", "Dante", "Estrella", "Fausto", "Gala", "Homero", "Iris", "Jacinto",
    "Kenia", "Lautaro", "Marina", "Nicanor", "Olimpia", "Plácido", "Quena", "Rosendo", "Serena", "Tadeo",
];

const SURNAMES: [&str; 15] = [
    "Acomodador",
    "Bambalina",
    "Candileja",
    "Decorado",
    "Entreacto",
    "Foyer",
    "Gallinero",
    "Hemiciclo",
    "Intermedio",
    "Jolgorio",
    "Libreto",
    "Marquesina",
    "Obertura",
    "Proscenio",
    "Telón",
];

const CITIES: [&str; 6] = ["Bogotá", "Medellín", "Cali", "Barranquilla", "Santiago", "Buenos Aires"];
const GENRES: [&str; 7] = ["Indie", "Cumbia", "Rock", "Jazz", "Folclore", "Electrónica", "Salsa"];
const CHANNELS: [&str; 5] = ["Instagram", "Una amiga", "Un cartel", "En un show", "La radio"];

/// One in this many members has fee payments.
const PAYS: usize = 25;
/// The monthly fee, in whole pesos.
const FEE: i64 = 25_000;

/// Writes all members and returns them, those of [`KNOWN`] first.
pub(super) async fn enrol(
    store: &Store,
    fingerprints: &Fingerprints,
    tenant: TenantId,
    now: Timestamp,
) -> Result<Vec<Member>> {
    let members = members(tenant, now)?;
    let written = members.chunks(MEMBERS_AT_ONCE).map(|chunk| store.create_members(fingerprints, chunk));
    try_join_all(written).await?;
    Ok(members)
}

/// Records fee payments of some members, as the staff would.
pub(super) async fn collect(
    store: &Store,
    fingerprints: &Fingerprints,
    members: &[Member],
    by: UserId,
    now: Timestamp,
) -> Result<()> {
    let payments = members.iter().step_by(PAYS).enumerate().flat_map(|(index, member)| {
        // A member who owes has reported a payment that the staff has not confirmed yet.
        let is_seen = member.monthly_fee_current;
        let newest = payment(member, index, 3, is_seen, by, now);
        let older = payment(member, index + 1, 33, true, by, now);
        [newest, older]
    });
    let payments: Vec<FeePayment> = payments.collect();
    let written = payments.iter().map(|payment| store.create_fee_payment(fingerprints, payment, false));
    try_join_all(written).await.map(drop)
}

fn payment(
    member: &Member,
    index: usize,
    days_ago: i64,
    confirmed: bool,
    by: UserId,
    now: Timestamp,
) -> FeePayment {
    let day = now - SignedDuration::from_hours(24 * days_ago);
    let methods = [PaymentMethod::Transfer, PaymentMethod::Card, PaymentMethod::Cash];
    FeePayment {
        id: FeePaymentId::generate(day),
        tenant_id: member.tenant_id,
        member_id: member.id,
        amount_paid: minor(Currency::COP, FEE),
        currency: Currency::COP,
        payment_date: day,
        payment_method: methods[index % methods.len()],
        description: Some(day.strftime("Cuota de %m/%Y").to_string()),
        receipt: None,
        confirmed,
        updated_by: by,
        created_at: day,
        updated_at: day,
        version: 1,
    }
}

fn members(tenant: TenantId, now: Timestamp) -> Result<Vec<Member>> {
    let known = KNOWN.iter().enumerate().map(|(index, (email, name, active, current))| {
        member(tenant, index, name, email, *active, *current, now)
    });
    let names = FIRST_NAMES.iter().flat_map(|first| SURNAMES.iter().map(move |last| (*first, *last)));
    let others = names.zip(KNOWN.len()..).map(|((first, last), index)| {
        let email = format!("{}.{}@example.com", plain(first), plain(last));
        // Of twenty members, twelve may request discounts, four owe fees, and four have ended the
        // subscription.
        let (active, current) = match index % 20 {
            0..12 => (true, true),
            12..16 => (true, false),
            16..19 => (false, false),
            _ => (false, true),
        };
        member(tenant, index, &format!("{first} {last}"), &email, active, current, now)
    });
    known.chain(others).collect()
}

fn member(
    tenant: TenantId,
    index: usize,
    name: &str,
    email: &str,
    subscription_active: bool,
    monthly_fee_current: bool,
    now: Timestamp,
) -> Result<Member> {
    let days = i64::try_from(index).map_err(Error::internal)? * 3 + 1;
    let joined = now - SignedDuration::from_hours(24 * days);
    let (country, dni) = national_id(index)?;
    // Not every member fills in every field.
    let said = |texts: &[&str], unless: usize| {
        (index % unless != unless - 1).then(|| texts[index * 7 % texts.len()].to_owned())
    };
    Ok(Member {
        id: MemberId::generate(joined),
        tenant_id: tenant,
        name: name.to_owned(),
        email: email.parse().map_err(Error::internal)?,
        country: country.to_owned(),
        dni: Some(dni),
        phone: (!index.is_multiple_of(3)).then(|| format!("+57 300 000 {:04}", index % 10_000)),
        city: said(&CITIES, 13),
        registration_date: joined,
        how_did_you_find_us: said(&CHANNELS, 4),
        favorite_music_genre: said(&GENRES, 6),
        subscription_active,
        monthly_fee_current,
        language: if index % 25 == 24 { Language::En } else { Language::Es },
        email_bounced_at: (index % 30 == 29).then(|| now - SignedDuration::from_hours(48)),
        updated_by: None,
        created_at: joined,
        updated_at: joined,
        version: 1,
    })
}

/// A national id from a range that no country has issued.
fn national_id(index: usize) -> Result<(&'static str, NationalId)> {
    let country = ["CO", "CO", "CO", "CL", "AR"][index % 5];
    let first: usize = if country == "CO" { 9_900_000_000 } else { 99_000_000 };
    let number = (first + index).to_string();
    let ends: &[&str] =
        if country == "CL" { &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "K"] } else { &[""] };
    let mut ids = ends.iter().filter_map(|end| NationalId::parse(country, &format!("{number}{end}")).ok());
    let id = ids.next().ok_or_else(|| Error::internal(format!("no id for {index}")))?;
    Ok((country, id))
}

/// A name as the local part of an address.
fn plain(name: &str) -> String {
    name.to_lowercase().replace('á', "a").replace('ó', "o")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn members_are_distinct_and_cover_all_states() {
        let now = domain::testing::at(0);
        let members = members(TenantId::generate(now), now).expect("people");
        assert_eq!(members.len(), 303);
        let emails: BTreeSet<_> = members.iter().map(|member| member.email.as_str()).collect();
        let identities: BTreeSet<_> = members.iter().filter_map(Member::identity).collect();
        assert_eq!((emails.len(), identities.len()), (303, 303));
        assert!(emails.iter().all(|email| email.ends_with("@example.com")));
        let month_ago = now - SignedDuration::from_hours(30 * 24);
        let count = |is: &dyn Fn(&Member) -> bool| members.iter().filter(|member| is(member)).count();
        assert!(count(&|member| member.eligible().is_ok()) > 150);
        assert!(count(&|member| member.subscription_active && !member.monthly_fee_current) > 50);
        assert!(count(&|member| !member.subscription_active && !member.monthly_fee_current) > 30);
        assert!(count(&|member| !member.subscription_active && member.monthly_fee_current) > 10);
        assert!(count(&|member| member.email_bounced_at.is_some()) >= 10);
        assert!(count(&|member| member.registration_date > month_ago) >= 9);
    }
}
