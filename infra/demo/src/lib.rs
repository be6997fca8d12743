//! The demo data of `cargo run`: an organiser with a dozen shows, one of them a series on a drawn plan,
//! products, members and a few tickets; three more organisers with accounts at simulated payment
//! gateways, one of them with a page and a host of its own; users with logins; and two buyers without an
//! account who are at a gateway's page ([`Visit`]). All of it is invented.
//!
//! It is written through the store, as the functions of the box office would, before any other
//! program uses the table. This crate must depend on neither the table's layout nor any function.

mod act;
mod checkouts;
mod connect;
mod login;
mod members;
mod organizers;
mod page;
mod people;
mod products;
mod program;
mod requests;
mod sales;
mod season;
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

use checkouts::CheckoutDesk;
use login::PASSWORD;
use organizers::ORGANIZERS;
use program::PROGRAM;
use shows::Sheets;

pub use checkouts::Visit;
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

/// What whoever opens the box office does with the demo data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demo {
    /// Who can sign in.
    pub logins: Logins,
    /// What buyers do at gateways' pages once the box office is open; nothing if the demo data was there
    /// before.
    pub visits: Vec<Visit>,
}

/// Writes the demo data, unless it exists. Nothing else may use the table meanwhile; the simulated
/// gateways must answer, and know the [`merchants`]. Reads `STAGE`, `TABLE_NAME`, `HASH_SECRET`,
/// `DISCOUNT_SECRET`, `REFERENCE_SECRET`, `IMAGES_BUCKET`, `PUBLIC_URL` and the gateways' variables.
///
/// # Errors
/// If the stage is not `local`, or an address or slug of the demo data is taken. What was written
/// by then stays.
pub async fn write(boot: &Boot) -> Result<Demo, DemoError> {
    if boot.env.stage()? != Stage::Local {
        return Err(DemoError::NotLocal);
    }
    let store = Store::new(boot)?;
    let fingerprints = Fingerprints::from_env(&boot.env)?;
    let [.., last] = &ORGANIZERS;
    let is_there = store.tenant(last.id).await.map_err(domain::Error::from)?.is_some();
    let visits = if is_there { Vec::new() } else { write_all(boot, &store, &fingerprints).await? };
    Ok(Demo { logins: LOGINS, visits })
}

async fn write_all(boot: &Boot, store: &Store, fingerprints: &Fingerprints) -> Result<Vec<Visit>, DemoError> {
    let (now, vault) = (boot.clock.now(), Vault::new(boot)?);
    let desk = CheckoutDesk::new(boot, store, fingerprints)?;
    let hanging = async {
        match organizers::with_page() {
            Some(organizer) => Ok(Some(page::hang_logo(boot, organizer.id, now).await?)),
            None => Ok(None),
        }
    };
    let others = async { Ok::<_, DemoError>(organizers::write(store, fingerprints, &vault, now).await?) };
    // A data folder of an earlier version has only the first organiser.
    let has_first = store.tenant(TENANT).await.map_err(domain::Error::from)?.is_some();
    let tenant = tenant(now);
    let ours = async {
        match has_first {
            true => Ok(Sheets::new()),
            false => write_first(boot, store, fingerprints, &tenant, now).await,
        }
    };
    let (logo, mut sheets, ours) = tokio::try_join!(hanging, others, ours)?;
    sheets.extend(ours);
    let visits = desk.send(&sheets, now).await?;
    if !has_first {
        store.create_tenant(&tenant).await.map_err(domain::Error::from)?;
    }
    organizers::open(store, fingerprints, logo.as_deref(), now).await?;
    Ok(visits)
}

/// Writes all of the first organiser's data except its own item. Returns its shows.
async fn write_first(
    boot: &Boot,
    store: &Store,
    fingerprints: &Fingerprints,
    tenant: &Tenant,
    now: Timestamp,
) -> Result<Sheets, DemoError> {
    let (guests, _, mut sheets, members, ()) = tokio::try_join!(
        people::invite(store, fingerprints, now),
        people::register(store, fingerprints, &people::FIRST, now),
        shows::write_program(store, TENANT, &PROGRAM, now),
        members::enrol(store, fingerprints, TENANT, now),
        products::stock_house(store, TENANT, now),
    )?;
    let supervisor = people::supervisor(store, fingerprints).await?;
    let office = requests::DiscountReviewer::new(boot, store, tenant, people::reviewer(supervisor)?)?;
    let community = async {
        members::collect(store, fingerprints, &members, supervisor, now).await?;
        shows::create_promotions(store, TENANT, &sheets, now).await?;
        sales::give_away(store, &sheets, &guests, now).await?;
        office.open(&members, members::KNOWN.len(), &sheets, now).await
    };
    let season = async {
        let organizer = people::find(store, fingerprints, people::ORGANIZER).await?;
        season::write_season(store, TENANT, organizer, now).await
    };
    let ((), dates) = tokio::try_join!(community, season)?;
    sheets.extend(dates);
    Ok(sheets)
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
