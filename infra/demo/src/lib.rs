//! The demo data of `cargo run`: an organiser with a dozen shows, a community and a
//! few sold tickets, three more who take money through simulations of real payment
//! gateways, people with logins. All of it is invented.
//!
//! It is written through the store's own functions, as the functions of the box
//! office write it, before anybody else can see the table. It must not know how the
//! table is kept, nor any function.

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
#[cfg(test)]
mod tests;

use std::error::Error as _;
use std::fmt;

use boot::{Boot, ConfigError, Stage, Vault};
use domain::event::{LegalInfo, Tenant};
use domain::{Currency, TenantId, Timestamp};
use gateways::Merchant;
use store::{Fingerprints, Store};
use uuid::Uuid;

use login::PASSWORD;
use organizers::ORGANIZERS;
use program::PROGRAM;

pub use connect::Connection;
pub use login::{Login, Logins};

/// The demo's organisers have the same ids in every data folder, and their items are
/// written last: where the last of them is, the demo data is complete.
const TENANT: TenantId = TenantId::from_uuid(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001));

const PEOPLE: [Login; 8] = {
    let [ana, sonia, olga, pedro, coral] = people::FIRST;
    let [chile, colombia, argentina] = ORGANIZERS;
    [ana, sonia, olga, pedro, coral, chile.admin, colombia.admin, argentina.admin]
};

const LOGINS: Logins = Logins { password: PASSWORD, people: &PEOPLE };

/// Why there is no demo data.
#[derive(Debug)]
pub enum DemoError {
    /// The box office is not a local one: everybody knows the demo's passwords.
    NotLocal,
    /// The environment is incomplete.
    Config(ConfigError),
    /// Something could not be written, perhaps because it is there already.
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

/// The accounts of the demo's organisers as the simulated gateways know them, for a box
/// office at this address.
pub fn merchants(public_url: &str) -> Vec<Merchant> {
    ORGANIZERS
        .iter()
        .flat_map(|organizer| {
            organizer.merchants(public_url).map(|(_, merchant)| merchant).collect::<Vec<_>>()
        })
        .collect()
}

/// Writes the demo data, unless it is there, and tells who can sign in. Nobody
/// may use the table meanwhile. Reads `STAGE`, `TABLE_NAME`, `HASH_SECRET`,
/// `DISCOUNT_SECRET` and `PUBLIC_URL`.
///
/// # Errors
/// If the stage is not the local one, or somebody else has a demo address or the
/// slug of a demo show. What was written by then stays.
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
    // A folder of an earlier version has the first organiser alone.
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

/// Writes everything of the first organiser but its own item.
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
    let office = requests::Office::new(boot, store, tenant, people::reviewer(supervisor)?)?;
    Ok(office.open(&members, members::KNOWN.len(), &sheets, now).await?)
}

fn tenant(now: Timestamp) -> Tenant {
    Tenant {
        id: TENANT,
        name: "Farola Imaginaria".to_owned(),
        email: "hola@farola.example".to_owned(),
        country: "CO".to_owned(),
        currency: Currency::COP,
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
        created_at: now,
        version: 1,
    }
}
