//! The demo data of `cargo run`: an organiser with a dozen shows, members and a few tickets; three
//! more organisers with accounts at simulated payment gateways, one of them with a host of its own;
//! users with logins. All of it is invented.
//!
//! It is written through the store, as the functions of the box office would, before any other
//! program uses the table. This crate must depend on neither the table's layout nor any function.

mod act;
mod connect;
mod login;
mod members;
mod organizers;
mod people;
mod program;
mod requests;
mod sales;
mod shows;
mod site;
#[cfg(test)]
mod tests;

use std::error::Error as _;
use std::fmt;

use boot::{Boot, ConfigError, Stage, Vault};
use domain::tenant::{LegalInfo, Tenant};
use domain::{Currency, TenantId, Timestamp};
use gateways::Merchant;
use store::{Fingerprints, Store};
use uuid::Uuid;

use login::PASSWORD;
use organizers::ORGANIZERS;
use program::PROGRAM;

pub use connect::Connection;
pub use login::{Login, Logins};
pub use site::{site_host, site_record};

/// The demo data's organisers have the same ids in every data folder, and their items are written
/// last: where the last of them exists, the demo data is complete.
const TENANT: TenantId = TenantId::from_uuid(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001));

const PEOPLE: [Login; 8] = {
    let [ana, sonia, olga, pedro, coral] = people::FIRST;
    let [chile, colombia, argentina] = ORGANIZERS;
    [ana, sonia, olga, pedro, coral, chile.admin, colombia.admin, argentina.admin]
};

const LOGINS: Logins = Logins { password: PASSWORD, people: &PEOPLE };

/// Why the demo data was not written.
#[derive(Debug)]
pub enum DemoError {
    /// The box office is not a local one: the demo data's passwords are public.
    NotLocal,
    /// The environment is incomplete.
    Config(ConfigError),
    /// An item could not be written, perhaps because it already exists.
    Refused(domain::Error),
}

impl fmt::Display for DemoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLocal => f.write_str("demo data: only for a box office whose STAGE is local"),
            Self::Config(error) => write!(f, "demo data: {error}"),
            Self::Refused(error) => {
                write!(f, "the demo data could not be written: {error}")?;
                if let Some(source) = error.source() {
                    write!(f, " ({source})")?;
                }
                f.write_str(
                    "; --fresh forgets what is in the data folder and begins anew, --no-seed goes on without",
                )
            }
        }
    }
}

impl std::error::Error for DemoError {}

impl From<ConfigError> for DemoError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<domain::Error> for DemoError {
    fn from(error: domain::Error) -> Self {
        Self::Refused(error)
    }
}

/// The organisers' accounts as the simulated gateways know them, for a box office at `public_url`.
pub fn merchants(public_url: &str) -> Vec<Merchant> {
    ORGANIZERS
        .iter()
        .flat_map(|organizer| {
            organizer.merchants(public_url).map(|(_, merchant)| merchant).collect::<Vec<_>>()
        })
        .collect()
}

/// Writes the demo data, unless it exists; returns the logins. Nothing else may use the table
/// meanwhile. Reads `STAGE`, `TABLE_NAME`, `HASH_SECRET`, `DISCOUNT_SECRET` and `PUBLIC_URL`.
///
/// # Errors
/// If the stage is not `local`, or an address or slug of the demo data is taken. What was written
/// by then stays.
pub async fn write(boot: &Boot) -> Result<Logins, DemoError> {
    if boot.env.stage()? != Stage::Local {
        return Err(DemoError::NotLocal);
    }
    let store = Store::new(boot)?;
    let fingerprints = Fingerprints::from_env(&boot.env)?;
    let [.., last] = &ORGANIZERS;
    if store.tenant(last.id).await.map_err(domain::Error::from)?.is_none() {
        write_all(boot, &store, &fingerprints).await?;
    }
    Ok(LOGINS)
}

async fn write_all(boot: &Boot, store: &Store, fingerprints: &Fingerprints) -> Result<(), DemoError> {
    let (now, vault) = (boot.clock.now(), Vault::new(boot)?);
    let others = async { Ok(organizers::write(store, fingerprints, &vault, now).await?) };
    // A data folder of an earlier version has only the first organiser.
    if store.tenant(TENANT).await.map_err(domain::Error::from)?.is_some() {
        others.await?;
    } else {
        let tenant = tenant(now);
        tokio::try_join!(others, write_first(boot, store, fingerprints, &tenant, now))?;
        store.create_tenant(&tenant).await.map_err(domain::Error::from)?;
    }
    for tenant in organizers::tenants(now) {
        store.create_tenant(&tenant).await.map_err(domain::Error::from)?;
    }
    Ok(())
}

/// Writes all of the first organiser's data except its own item.
async fn write_first(
    boot: &Boot,
    store: &Store,
    fingerprints: &Fingerprints,
    tenant: &Tenant,
    now: Timestamp,
) -> Result<(), DemoError> {
    let (guests, _, sheets, members) = tokio::try_join!(
        people::invite(store, fingerprints, now),
        people::register(store, fingerprints, &people::FIRST, now),
        shows::write_program(store, TENANT, &PROGRAM, now),
        members::enrol(store, fingerprints, TENANT, now),
    )?;
    let supervisor = people::supervisor(store, fingerprints).await?;
    members::collect(store, fingerprints, &members, supervisor, now).await?;
    shows::create_promotions(store, TENANT, &sheets, now).await?;
    sales::give_away(store, TENANT, &sheets, &guests, now).await?;
    let office = requests::DiscountReviewer::new(boot, store, tenant, people::reviewer(supervisor)?)?;
    Ok(office.open(&members, members::KNOWN.len(), &sheets, now).await?)
}

fn tenant(now: Timestamp) -> Tenant {
    let new = Tenant::new(TENANT, "Farola Imaginaria", "hola@farola.example", ("CO", Currency::COP), now);
    Tenant {
        fees: act::COLOMBIA.fees(),
        vat: act::COLOMBIA.vat(),
        legal_info: Some(LegalInfo {
            nit: "000000000-0".to_owned(),
            legal_name: "Farola Imaginaria Producciones S.A.S.".to_owned(),
            pulep_code: Some("DEMO-000".to_owned()),
            address: "Carrera de los Inventos 0-00".to_owned(),
            city: "Bogotá".to_owned(),
            country: "CO".to_owned(),
        }),
        ..new
    }
}
