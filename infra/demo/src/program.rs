//! The shows and promotion codes of the demo data. All bands, venues and streets are invented.

use domain::Currency;
use domain::event::AttendeeField;
use jiff::civil::Weekday;

use crate::act::{
    ANTOFAGASTA, Adjustment, BOGOTA, BUENOS_AIRES, CARTAGENA, CORDOBA, DemoArea, DemoShow, Discounts,
    Listing, MEDELLIN, MENDOZA, Off, PUNTA_ARENAS, Places, Price, ROSARIO, SANTIAGO, Seller, StageEnd,
    VALPARAISO, When,
};

/// The show with hundreds of numbered seats.
pub(super) const SEATED_SHOW: &str = "niebla-de-enero";
/// The free show.
pub(super) const FREE_SHOW: &str = "feria-de-las-semillas";
/// The promotion code for free tickets of [`SEATED_SHOW`].
pub(super) const INVITATION: &str = "INVITADO";

/// The defaults of a show.
pub(super) const PLAIN: DemoShow = DemoShow {
    slug: "",
    code: "",
    name: "",
    artist: "",
    genre: "",
    description: "",
    venue: BOGOTA.venue("", ""),
    when: When { week: 1, weekday: Weekday::Saturday, at: (20, 0), minutes: 120 },
    zones: &[],
    prices: &[],
    asks: &[],
    max_tickets: 8,
    transfers: 3,
    discounts: Discounts::NONE,
    seller: Seller::Us,
    products: &[],
    details: &[],
    listing: Listing::OnSale,
};

/// The plain price, until the end of the sale.
pub(super) const GENERAL: Price =
    Price { name: "General", adjustment: Adjustment::Percent(0), lasts: StageEnd::ToTheEnd };

const fn early_bird(percent: i64, tickets: u32) -> Price {
    Price { name: "Early Bird", adjustment: Adjustment::Percent(-percent), lasts: StageEnd::Tickets(tickets) }
}

/// A reduction in percent, until this many days before the show.
pub(super) const fn presale(percent: i64, days_before: i64) -> Price {
    Price {
        name: "Preventa",
        adjustment: Adjustment::Percent(-percent),
        lasts: StageEnd::UntilDaysBefore(days_before),
    }
}

/// Discounts for members: their number, percent, and the most tickets of each.
const fn for_members(count: u32, percent: i64, tickets: u8) -> Discounts {
    Discounts { count, off: Some(Off { percent, tickets }) }
}

/// The time of a show; see [`When`].
pub(super) const fn on(week: i32, weekday: Weekday, hour: i8, minute: i8, minutes: i64) -> When {
    When { week, weekday, at: (hour, minute), minutes }
}

/// All shows of the first organiser, without the dates of its series.
pub(super) const PROGRAM: [DemoShow; 13] = [
    MAREA_BAJA,
    FERIA,
    SOBREMESA,
    LOS_FAROLES,
    NIEBLA,
    QUIMERA,
    GRILLOS,
    CAMPAMENTO,
    ANDENES,
    TUCAN,
    ALTO_VIENTO,
    ORILLA,
    REHEARSAL,
];

const MAREA_BAJA: DemoShow = DemoShow {
    slug: "marea-baja-quinteto",
    code: "MB5-VAL",
    name: "Marea Baja Quinteto",
    artist: "Marea Baja Quinteto",
    genre: "jazz",
    description: "Jazz de puerto en cinco voces: trompeta, bandoneón, piano, contrabajo y una batería que \
                  suena a lluvia sobre lata. Dos sets y una pausa para mirar el mar.",
    venue: VALPARAISO.venue("Bodega del Muelle Viejo", "Pasaje de las Anclas 17"),
    when: on(1, Weekday::Thursday, 21, 0, 150),
    zones: &[
        DemoArea {
            description: "Una entrada es una mesa entera para cuatro personas.",
            unit_capacity: 4,
            service: Some("Tabla de quesos y una botella de vino de la casa"),
            blocked: &["M-1", "M-2"],
            ..DemoArea::plain("Mesas", 72_000, Places::Rows(&["M"], 18))
        },
        DemoArea {
            description: "De pie o en un taburete, junto a la barra.",
            ..DemoArea::plain("Barra", 14_000, Places::General(60))
        },
    ],
    prices: &[GENERAL],
    discounts: for_members(10, 25, 1),
    ..PLAIN
};

const FERIA: DemoShow = DemoShow {
    slug: FREE_SHOW,
    code: "SEMILLAS",
    name: "Feria de las Semillas",
    artist: "Colectivo Tierra de Papel",
    genre: "feria",
    description: "Libros ilustrados, semillas para cambiar y cuentos al aire libre. La entrada es gratuita; \
                  reserva la tuya para que alcance el chocolate.",
    venue: SANTIAGO.venue("Patio de los Inventores", "Avenida del Caleidoscopio 400"),
    when: on(1, Weekday::Sunday, 16, 30, 240),
    zones: &[DemoArea::plain("Entrada general", 0, Places::General(300))],
    max_tickets: 4,
    ..PLAIN
};

const SOBREMESA: DemoShow = DemoShow {
    slug: "sobremesa",
    code: "SOBREMESA-MZA",
    name: "Sobremesa",
    artist: "Berta Quitapenas",
    genre: "comedia",
    description: "Una hora y media de comedia sobre suegras, asados y grupos de mensajes que nadie se anima a \
                  dejar. Para mayores de dieciséis.",
    venue: MENDOZA.venue("Teatro del Umbral", "Calle del Telón 88"),
    when: on(2, Weekday::Friday, 21, 30, 90),
    zones: &[DemoArea::plain("General", 18_000, Places::General(150))],
    prices: &[presale(10, 5), GENERAL],
    discounts: for_members(15, 30, 1),
    ..PLAIN
};

const LOS_FAROLES: DemoShow = DemoShow {
    slug: "los-faroles",
    code: "FAROLES-BOG",
    name: "Los Faroles",
    artist: "Los Faroles",
    genre: "rock",
    description: "Rock de barrio con vientos y coros para cantar a los gritos. Los Faroles presentan su disco \
                  «Luz de esquina» y repasan quince años de canciones.",
    venue: BOGOTA.venue("Galpón La Luciérnaga", "Carrera de los Espejos 12-34"),
    when: on(3, Weekday::Saturday, 20, 0, 180),
    zones: &[
        DemoArea {
            description: "De pie, frente al escenario.",
            ..DemoArea::plain("Campo", 120_000, Places::General(800))
        },
        DemoArea {
            description: "Plataforma lateral con buena vista y barra propia.",
            service: Some("Un trago de bienvenida"),
            ..DemoArea::plain("VIP", 260_000, Places::General(120))
        },
    ],
    prices: &[early_bird(20, 100), presale(10, 7), GENERAL],
    discounts: for_members(40, 50, 1),
    ..PLAIN
};

const NIEBLA: DemoShow = DemoShow {
    slug: SEATED_SHOW,
    code: "NIEBLA-BUE",
    name: "Niebla de Enero",
    artist: "Niebla de Enero",
    genre: "post-rock",
    description: "El cuarteto vuelve con cuerdas, sintetizadores y proyecciones para escuchar sentados y en \
                  silencio. Concierto sin intervalo; no se entra a la sala una vez empezado.",
    venue: BUENOS_AIRES.venue("Teatro La Chicharra", "Avenida de los Grillos 1450"),
    when: on(5, Weekday::Saturday, 20, 30, 110),
    zones: &[
        DemoArea {
            description: "Butacas frente al escenario. La consola ocupa el centro de la fila K.",
            blocked: &["A-1", "A-2", "A-25", "A-26", "K-12", "K-13", "K-14", "K-15"],
            ..DemoArea::plain(
                "Platea",
                48_000,
                Places::Rows(
                    &["A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M", "N", "O", "P"],
                    26,
                ),
            )
        },
        DemoArea {
            description: "Primer piso.",
            ..DemoArea::plain("Pullman", 33_000, Places::Rows(&["AA", "BB", "CC", "DD", "EE", "FF"], 22))
        },
        DemoArea {
            description: "Palcos laterales de seis sillas.",
            service: Some("Copa de espumante"),
            blocked: &["P1-1", "P1-2", "P1-3", "P1-4", "P1-5", "P1-6"],
            ..DemoArea::plain(
                "Palcos",
                65_000,
                Places::Rows(&["P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8"], 6),
            )
        },
    ],
    prices: &[presale(15, 14), GENERAL],
    discounts: for_members(25, 40, 2),
    ..PLAIN
};

const QUIMERA: DemoShow = DemoShow {
    slug: "orquesta-quimera",
    code: "QUIMERA-COR",
    name: "Milonga con la Orquesta Quimera",
    artist: "Orquesta Quimera",
    genre: "tango",
    description: "Tango en vivo con ocho músicos y pista abierta hasta tarde. A las nueve hay una clase para \
                  quienes nunca bailaron.",
    venue: CORDOBA.venue("Club El Compás Perdido", "Pasaje del Bandoneón 230"),
    when: on(6, Weekday::Friday, 22, 0, 270),
    zones: &[
        DemoArea::plain("Salón", 22_000, Places::General(200)),
        DemoArea {
            description: "Una entrada es una mesa para cuatro personas junto a la pista.",
            unit_capacity: 4,
            service: Some("Picada y una jarra de sidra"),
            ..DemoArea::plain("Mesas de pista", 110_000, Places::General(20))
        },
    ],
    prices: &[GENERAL],
    ..PLAIN
};

const GRILLOS: DemoShow = DemoShow {
    slug: "los-grillos-de-cobre",
    code: "GRILLOS-MDE",
    name: "Los Grillos de Cobre: gira Metal Dulce",
    artist: "Los Grillos de Cobre",
    genre: "cumbia",
    description: "Cumbia eléctrica con guitarras oxidadas. La única fecha de la gira en la ciudad, con el \
                  grupo Telar de Ruido como invitado.",
    venue: MEDELLIN.venue("Teatro Bambalina", "Carrera del Azogue 43-10"),
    when: on(7, Weekday::Thursday, 20, 0, 150),
    zones: &[
        DemoArea::plain("General", 75_000, Places::General(300)),
        DemoArea::plain("Balcón", 95_000, Places::General(80)),
    ],
    prices: &[early_bird(15, 50), GENERAL],
    discounts: for_members(20, 35, 1),
    ..PLAIN
};

const CAMPAMENTO: DemoShow = DemoShow {
    slug: "campamento-estelar",
    code: "ESTELAR",
    name: "Campamento Estelar",
    artist: "Planetario Cometa de Papel",
    genre: "astronomía",
    description: "Una noche de telescopios, cuentos y chocolate caliente para niñas y niños de seis a doce \
                  años. Por seguridad pedimos el nombre, el RUT y la fecha de nacimiento de cada asistente.",
    venue: ANTOFAGASTA.venue("Planetario Cometa de Papel", "Camino de las Órbitas 9"),
    when: on(8, Weekday::Friday, 19, 0, 180),
    zones: &[
        DemoArea::plain("Niñas y niños", 9_000, Places::General(80)),
        DemoArea::plain("Acompañantes", 5_000, Places::General(80)),
    ],
    prices: &[GENERAL],
    asks: &[AttendeeField::Nombre, AttendeeField::Rut, AttendeeField::FechaNacimiento],
    max_tickets: 6,
    transfers: 1,
    ..PLAIN
};

const ANDENES: DemoShow = DemoShow {
    slug: "coro-de-los-andenes",
    code: "ANDENES",
    name: "Coro de los Andenes",
    artist: "Coro de los Andenes",
    genre: "coral",
    description: "Sesenta voces sin micrófonos en una estación sin trenes. Repertorio de arrullos, valses y \
                  canciones de viaje.",
    venue: BOGOTA.venue("Estación Quinta Campana", "Calle del Guardagujas 26-90"),
    when: on(9, Weekday::Wednesday, 19, 0, 75),
    zones: &[DemoArea::plain("Nave central", 40_000, Places::General(200))],
    prices: &[GENERAL],
    ..PLAIN
};

const TUCAN: DemoShow = DemoShow {
    slug: "tucan-electrico",
    code: "TUCAN-CTG",
    name: "Tucán Eléctrico",
    artist: "Tucán Eléctrico",
    genre: "música electrónica",
    description: "Sesión de seis horas frente al agua, del atardecer imaginario al amanecer real. Solo para \
                  mayores de edad.",
    venue: CARTAGENA.venue("Terraza Muelle Siete", "Avenida de las Boyas 7"),
    when: on(11, Weekday::Saturday, 22, 30, 360),
    zones: &[
        DemoArea::plain("Pista", 90_000, Places::General(400)),
        DemoArea {
            service: Some("Acceso sin fila y guardarropa"),
            ..DemoArea::plain("Terraza VIP", 180_000, Places::General(60))
        },
    ],
    prices: &[early_bird(25, 50), presale(10, 21), GENERAL],
    discounts: for_members(3, 20, 2),
    ..PLAIN
};

const ALTO_VIENTO: DemoShow = DemoShow {
    slug: "festival-alto-viento",
    code: "ALTO-VIENTO",
    name: "Festival Alto Viento",
    artist: "Ovejas Magnéticas, Kilómetro Cero y Tía Aurora",
    genre: "rock",
    description: "Tres escenarios, diez horas de música y el viento de siempre. Hay cocina local, zona de \
                  abrigo y fogones hasta el cierre.",
    venue: PUNTA_ARENAS.venue("Explanada del Faro Quieto", "Ruta de los Coirones, kilómetro 3"),
    when: on(14, Weekday::Saturday, 18, 0, 480),
    zones: &[
        DemoArea::plain("Explanada", 45_000, Places::General(1_000)),
        DemoArea {
            description: "Frente al escenario mayor.",
            ..DemoArea::plain("Cancha preferente", 68_000, Places::General(200))
        },
        DemoArea {
            description: "Carpa con calefacción y baños propios.",
            service: Some("Sopa y bebida caliente"),
            ..DemoArea::plain("Refugio VIP", 98_000, Places::General(50))
        },
    ],
    prices: &[
        early_bird(25, 150),
        Price {
            name: "Preventa",
            adjustment: Adjustment::Amount(-6_000),
            lasts: StageEnd::UntilDaysBefore(30),
        },
        GENERAL,
    ],
    discounts: for_members(60, 15, 4),
    ..PLAIN
};

const ORILLA: DemoShow = DemoShow {
    slug: "la-orilla-prestada",
    code: "ORILLA-ROS",
    name: "La Orilla Prestada",
    artist: "Dúo Marejada",
    genre: "milonga",
    description: "Milongas lentas y boleros con arena en los zapatos. Las entradas las vende la casa de la \
                  función; aquí pueden pedir su descuento quienes son de la comunidad.",
    venue: ROSARIO.venue("Salón del Farolero", "Calle de las Mareas 31"),
    when: on(6, Weekday::Saturday, 21, 0, 100),
    discounts: Discounts { count: 12, off: None },
    seller: Seller::At("https://boletos-de-papel.example/funciones/la-orilla-prestada"),
    details: &[("price", "desde 24.000 pesos")],
    ..PLAIN
};

const REHEARSAL: DemoShow = DemoShow {
    slug: "ensayo-abierto-los-faroles",
    code: "ENSAYO",
    name: "Ensayo abierto",
    artist: "Los Faroles",
    genre: "rock",
    description: "Borrador: ensayo para amigos de la banda, solo con enlace.",
    venue: BOGOTA.venue("Sala de ensayo La Bombilla", "Calle del Filamento 60-01"),
    when: on(2, Weekday::Thursday, 19, 0, 90),
    zones: &[DemoArea::plain("Sala", 25_000, Places::General(40))],
    max_tickets: 2,
    listing: Listing::UnlistedDraft,
    ..PLAIN
};

/// A promotion code.
#[derive(Debug, Clone, Copy)]
pub(super) struct Code {
    pub(super) code: &'static str,
    pub(super) name: &'static str,
    pub(super) worth: Worth,
    /// The slug of the only show for which it is valid; `None` for all.
    pub(super) event: Option<&'static str>,
    pub(super) min_quantity: Option<u32>,
    pub(super) total_uses: Option<u32>,
    pub(super) uses_per_buyer: Option<u32>,
}

/// The reduction of a code.
#[derive(Debug, Clone, Copy)]
pub(super) enum Worth {
    /// Percent.
    Percent(i64),
    /// Whole units of this currency.
    Amount(Currency, i64),
}

/// All promotion codes.
pub(super) const CODES: [Code; 4] = [
    Code {
        code: "FAROL10",
        name: "10 % para Los Faroles",
        worth: Worth::Percent(10),
        event: Some(LOS_FAROLES.slug),
        min_quantity: None,
        total_uses: None,
        uses_per_buyer: None,
    },
    Code {
        code: "VAMOSJUNTOS",
        name: "5.000 pesos chilenos desde dos entradas",
        worth: Worth::Amount(Currency::CLP, 5_000),
        event: None,
        min_quantity: Some(2),
        total_uses: None,
        uses_per_buyer: None,
    },
    Code {
        code: "NIEBLA50",
        name: "25 % para los primeros cincuenta",
        worth: Worth::Percent(25),
        event: Some(SEATED_SHOW),
        min_quantity: None,
        total_uses: Some(50),
        uses_per_buyer: Some(1),
    },
    Code {
        code: INVITATION,
        name: "Invitaciones de la casa",
        worth: Worth::Percent(100),
        event: Some(SEATED_SHOW),
        min_quantity: None,
        total_uses: Some(10),
        uses_per_buyer: Some(1),
    },
];
