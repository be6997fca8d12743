//! Three organisers with accounts at simulations of Mercado Pago, Wompi and PayU. Each has a show
//! with admissions and one with seats; one has a page and a host of its own.

use boot::Vault;
use domain::access::Role;
use domain::payment::GatewayName;
use domain::policy::Accepted;
use domain::tenant::Tenant;
use domain::{Error, GatewayAccountId, Result, TenantId, Timestamp};
use futures::future::try_join_all;
use gateways::Merchant;
use jiff::civil::Weekday;
use store::{Fingerprints, Store};
use uuid::Uuid;

use crate::act::{
    ARGENTINA, CALI, CHILE, COLOMBIA, Country, DemoArea, DemoShow, IQUIQUE, LA_PLATA, MEDELLIN, Places,
    TUCUMAN, VALPARAISO,
};
use crate::connect::Connection;
use crate::login::Login;
use crate::page::{OwnPage, VOLANTIN};
use crate::people;
use crate::program::{GENERAL, PLAIN, on, presale};
use crate::shows::{self, Sheets};
use crate::site::open_site;

/// An organiser with its admin, gateway accounts and shows.
pub(super) struct DemoOrganizer {
    pub(super) id: TenantId,
    name: &'static str,
    email: &'static str,
    country: Country,
    pub(super) admin: Login,
    pub(super) accounts: &'static [DemoAccount],
    pub(super) program: &'static [DemoShow],
    /// The page of the organiser that has the demo's own host.
    pub(super) page: Option<&'static OwnPage>,
}

/// An account at a gateway; the first one of an organiser is its first choice.
pub(super) struct DemoAccount {
    pub(super) id: GatewayAccountId,
    pub(super) gateway: GatewayName,
    /// The merchant's number at the gateway.
    number: u32,
}

/// The same ids in every data folder, because the simulations' own data names them.
const fn id(number: u128) -> Uuid {
    Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + number)
}

const fn account(place: u128, gateway: GatewayName, number: u32) -> DemoAccount {
    DemoAccount { id: GatewayAccountId::from_uuid(id(place)), gateway, number }
}

const fn admin(tenant: TenantId, email: &'static str, name: &'static str, does: &'static str) -> Login {
    Login { email, name, works: Some((tenant, Role::Admin)), does }
}

const IN_CHILE: TenantId = TenantId::from_uuid(id(2));
const IN_COLOMBIA: TenantId = TenantId::from_uuid(id(3));
const IN_ARGENTINA: TenantId = TenantId::from_uuid(id(4));

/// All three organisers.
pub(super) const ORGANIZERS: [DemoOrganizer; 3] = [
    DemoOrganizer {
        id: IN_CHILE,
        name: "Volantín Imaginario",
        email: "hola@volantin.example",
        country: CHILE,
        admin: admin(
            IN_CHILE,
            "chile@example.com",
            "Violeta Volantín",
            "organises in Chile, paid through Mercado Pago",
        ),
        accounts: &[account(0x21, GatewayName::MercadoPago, 990_000_021)],
        program: &[VOLANTINES, SALAR],
        page: Some(&VOLANTIN),
    },
    DemoOrganizer {
        id: IN_COLOMBIA,
        name: "Papagayo Imaginario",
        email: "hola@papagayo.example",
        country: COLOMBIA,
        admin: admin(
            IN_COLOMBIA,
            "colombia@example.com",
            "Pilar Papagayo",
            "organises in Colombia, paid through Wompi, else PayU",
        ),
        accounts: &[account(0x31, GatewayName::Wompi, 99_031), account(0x32, GatewayName::Payu, 990_032)],
        program: &[PAPAGAYOS, MARIMBA],
        page: None,
    },
    DemoOrganizer {
        id: IN_ARGENTINA,
        name: "Ombú Imaginario",
        email: "hola@ombu.example",
        country: ARGENTINA,
        admin: admin(
            IN_ARGENTINA,
            "argentina@example.com",
            "Octavio Ombú",
            "organises in Argentina, paid through Mercado Pago",
        ),
        accounts: &[account(0x41, GatewayName::MercadoPago, 990_000_041)],
        program: &[CALESITA, OMBU],
        page: None,
    },
];

pub(super) const VOLANTINES: DemoShow = DemoShow {
    slug: "los-volantines",
    code: "VOLANTINES-VAP",
    name: "Los Volantines",
    artist: "Los Volantines",
    description: "Cueca brava con guitarra eléctrica y una pared de acordeones. Se baila.",
    venue: VALPARAISO.venue("Galpón del Viento Sur", "Pasaje de la Cometa 18"),
    when: on(2, Weekday::Saturday, 21, 0, 150),
    zones: &[DemoArea::plain("Cancha", 18_000, Places::General(250))],
    prices: &[GENERAL],
    ..PLAIN
};

const SALAR: DemoShow = DemoShow {
    slug: "cuarteto-salar",
    code: "SALAR-IQQ",
    name: "Cuarteto Salar",
    artist: "Cuarteto Salar",
    description: "Cuerdas frotadas, charango y mucho silencio, en una sala de ochenta butacas.",
    venue: IQUIQUE.venue("Teatro de la Camanchaca", "Calle de los Espejismos 301"),
    when: on(4, Weekday::Thursday, 20, 0, 90),
    zones: &[DemoArea::plain("Platea", 24_900, Places::Rows(&["A", "B", "C", "D", "E"], 16))],
    prices: &[presale(10, 7), GENERAL],
    ..PLAIN
};

const PAPAGAYOS: DemoShow = DemoShow {
    slug: "los-papagayos",
    code: "PAPAGAYOS-MDE",
    name: "Los Papagayos",
    artist: "Los Papagayos",
    description: "Chirimía, bajo y sintetizadores de segunda mano, con coros de todo el barrio.",
    venue: MEDELLIN.venue("Patio de la Chirimía", "Carrera de los Plumajes 7-70"),
    when: on(2, Weekday::Saturday, 20, 0, 150),
    zones: &[DemoArea::plain("Patio", 80_000, Places::General(250))],
    prices: &[GENERAL],
    ..PLAIN
};

const MARIMBA: DemoShow = DemoShow {
    slug: "marimba-de-agua",
    code: "MARIMBA-CLO",
    name: "Marimba de Agua",
    artist: "Marimba de Agua",
    description: "Currulaos lentos para marimba, cununo y una gota que cae cuando quiere.",
    venue: CALI.venue("Teatro del Manglar Quieto", "Calle de los Remos 15-02"),
    when: on(4, Weekday::Thursday, 19, 30, 90),
    zones: &[DemoArea::plain("Platea", 95_000, Places::Rows(&["A", "B", "C", "D", "E"], 16))],
    prices: &[presale(10, 7), GENERAL],
    ..PLAIN
};

const CALESITA: DemoShow = DemoShow {
    slug: "la-calesita-veloz",
    code: "CALESITA-LPG",
    name: "La Calesita Veloz",
    artist: "La Calesita Veloz",
    description: "Rock de kermese: dos baterías, un organito y ninguna balada.",
    venue: LA_PLATA.venue("Club Social La Sortija", "Diagonal de los Trompos 55"),
    when: on(2, Weekday::Saturday, 21, 30, 150),
    zones: &[DemoArea::plain("Campo", 26_000, Places::General(250))],
    prices: &[GENERAL],
    ..PLAIN
};

const OMBU: DemoShow = DemoShow {
    slug: "trio-del-ombu",
    code: "OMBU-TUC",
    name: "Trío del Ombú",
    artist: "Trío del Ombú",
    description: "Zambas y chacareras a tres voces, sentados, bajo un ombú de cartón.",
    venue: TUCUMAN.venue("Sala del Zaguán", "Pasaje de la Siesta 1212"),
    when: on(4, Weekday::Thursday, 20, 30, 90),
    zones: &[DemoArea::plain("Platea", 31_500, Places::Rows(&["A", "B", "C", "D", "E"], 16))],
    prices: &[presale(10, 7), GENERAL],
    ..PLAIN
};

impl DemoOrganizer {
    /// The accounts as the gateways know them, for a box office at `public_url`.
    pub(super) fn merchants(&self, public_url: &str) -> impl Iterator<Item = (&DemoAccount, Merchant)> {
        self.accounts.iter().filter_map(move |account| {
            let DemoAccount { id, gateway, number } = *account;
            let merchant = match gateway {
                GatewayName::Sandbox => return None,
                GatewayName::MercadoPago => Merchant::mercado_pago(number, self.name, self.country.currency),
                GatewayName::Wompi => {
                    let events_url = Connection::notification_url(public_url, gateway, self.id, id);
                    Merchant::wompi(number, self.name, events_url)
                }
                GatewayName::Payu => Merchant::payu(number, self.name, self.country.currency),
            };
            Some((account, merchant))
        })
    }

    /// Writes all of an organiser's data except its own item and its policies.
    async fn write(
        &self,
        store: &Store,
        fingerprints: &Fingerprints,
        vault: &Vault,
        now: Timestamp,
    ) -> Result<Sheets> {
        let connecting = async {
            let admins = people::register(store, fingerprints, &[self.admin], now).await?;
            let admin = admins.first().ok_or_else(|| Error::internal("nobody organises"))?;
            // The address for notifications is not part of the data written here.
            for (position, (account, merchant)) in (0..).zip(self.merchants("")) {
                let connection = Connection {
                    id: account.id,
                    tenant: self.id,
                    currency: self.country.currency,
                    position,
                    by: (admin.id, self.admin.email),
                };
                connection.make(&merchant, store, vault, now).await?;
            }
            if self.page.is_some() {
                open_site(store, self.id, (admin.id, self.admin.email), now).await?;
            }
            Ok(())
        };
        let (_, sheets) =
            tokio::try_join!(connecting, shows::write_program(store, self.id, self.program, now))?;
        Ok(sheets)
    }

    /// The organiser's own item, before its policies are published.
    fn tenant(&self, logo: Option<&str>, now: Timestamp) -> Result<Tenant> {
        let country = (self.country.code, self.country.currency);
        let tenant = Tenant {
            fees: self.country.fees(),
            vat: self.country.vat(),
            ..Tenant::new(self.id, self.name, self.email, country, now)
        };
        match self.page {
            Some(page) => page.of(tenant, logo),
            None => Ok(tenant),
        }
    }
}

/// Writes all of the organisers' data except their own items. Returns their shows.
pub(super) async fn write(
    store: &Store,
    fingerprints: &Fingerprints,
    vault: &Vault,
    now: Timestamp,
) -> Result<Sheets> {
    let written = ORGANIZERS.iter().map(|organizer| organizer.write(store, fingerprints, vault, now));
    Ok(try_join_all(written).await?.into_iter().flatten().collect())
}

/// Writes the organisers' own items, one after the other, with the policies of those that have a page.
/// `logo` is the address of that page's logo.
pub(super) async fn open(
    store: &Store,
    fingerprints: &Fingerprints,
    logo: Option<&str>,
    now: Timestamp,
) -> Result<()> {
    for organizer in &ORGANIZERS {
        let tenant = store.create_tenant(&organizer.tenant(logo, now)?).await?;
        if let Some(page) = organizer.page {
            let admin = people::find(store, fingerprints, organizer.admin.email).await?;
            page.publish(store, tenant, (admin, organizer.admin.email), now).await?;
        }
    }
    Ok(())
}

/// The organiser that has a page.
pub(super) fn with_page() -> Option<&'static DemoOrganizer> {
    ORGANIZERS.iter().find(|organizer| organizer.page.is_some())
}

/// What a buyer accepts who reserves at this organiser's.
pub(super) fn accepted_policies(tenant: TenantId, now: Timestamp) -> Result<Option<Accepted>> {
    let organizer = ORGANIZERS.iter().find(|organizer| organizer.id == tenant);
    let versions = organizer.and_then(|organizer| organizer.page).map(|_| OwnPage::VERSIONS);
    versions.map_or(Ok(None), |versions| versions.accept(versions, now))
}
