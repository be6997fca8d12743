//! The names of columns: those of the API, and those that people write.

use deunicode::deunicode;

/// The columns that are read, each with the names that people give it: without accents and
/// signs, in small letters, with one `_` between words.
static COLUMNS: [(&str, &[&str]); 12] = [
    (
        "email",
        &[
            "correo",
            "correo_electronico",
            "e_mail",
            "mail",
            "direccion_de_correo_electronico",
            "email_address",
        ],
    ),
    (
        "name",
        &[
            "nombre",
            "nombre_completo",
            "nombre_y_apellido",
            "nombre_y_apellidos",
            "nombres_y_apellidos",
            "full_name",
        ],
    ),
    (
        "dni",
        &[
            "rut",
            "run",
            "documento",
            "numero_de_documento",
            "documento_de_identidad",
            "cedula",
            "cedula_de_ciudadania",
            "cuit",
            "cuil",
            "identificacion",
            "numero_de_identificacion",
            "national_id",
        ],
    ),
    ("country", &["pais"]),
    ("phone", &["telefono", "celular", "movil", "whatsapp", "numero_de_telefono", "telefono_celular"]),
    ("city", &["ciudad"]),
    (
        "registration_date",
        &[
            "fecha_de_registro",
            "fecha_de_ingreso",
            "fecha_de_inscripcion",
            "fecha_de_alta",
            "miembro_desde",
            "socio_desde",
            "member_since",
        ],
    ),
    ("how_did_you_find_us", &["como_nos_conociste", "como_nos_conocio", "como_supiste_de_nosotros"]),
    (
        "favorite_music_genre",
        &[
            "genero_musical",
            "genero_musical_favorito",
            "genero_favorito",
            "musica_favorita",
            "genero_musical_preferido",
        ],
    ),
    ("subscription_active", &["suscripcion_activa", "suscripcion", "inscripcion_activa", "activo", "activa"]),
    (
        "monthly_fee_current",
        &["cuota", "cuota_al_dia", "cuota_mensual", "cuota_mensual_al_dia", "mensualidad_al_dia", "al_dia"],
    ),
    ("language", &["idioma", "lengua"]),
];

/// Columns of this API's own lists, and of forms, that a file can not set.
const SKIPPED: [&str; 10] = [
    "id",
    "created_at",
    "updated_at",
    "updated_by",
    "version",
    "dni_formatted",
    "dni_kind",
    "email_bounced_at",
    // The time at which a Google form was answered.
    "marca_temporal",
    "timestamp",
];

/// The meaning of a column by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    /// A field of members, by its name in the API.
    Known(&'static str),
    /// A column of this API's own lists or of forms, which is ignored.
    Skipped,
    /// A column without a name.
    Unnamed,
    /// A column whose name is not known.
    Unknown,
}

impl Column {
    pub(super) fn of(name: &str) -> Self {
        let plain = plain(name);
        let known =
            COLUMNS.iter().find(|(column, names)| *column == plain || names.contains(&plain.as_str()));
        match known {
            Some(&(column, _)) => Self::Known(column),
            None if SKIPPED.contains(&plain.as_str()) => Self::Skipped,
            None if name.trim().is_empty() => Self::Unnamed,
            None => Self::Unknown,
        }
    }
}

/// A column's name in the form of [`COLUMNS`]: small letters without accents and signs.
fn plain(name: &str) -> String {
    let name = deunicode(&domain::text::plain(name)).to_lowercase();
    let words = name.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("_")
}

/// The letters of a column, the first being 0: `A`, `Z`, `AA`.
pub(super) fn letters(column: usize) -> String {
    let (rest, last) = (column / 26, u8::try_from(column % 26).unwrap_or(0));
    let last = char::from(b'A' + last);
    if rest == 0 { last.to_string() } else { format!("{}{last}", letters(rest - 1)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_known_by_the_names_people_give_them() {
        for (name, column) in [
            ("Correo electrónico", "email"),
            ("E-MAIL", "email"),
            ("Nombre", "name"),
            ("RUT", "dni"),
            ("Cédula:", "dni"),
            ("Número de teléfono", "phone"),
            ("¿Cómo nos conociste?", "how_did_you_find_us"),
            ("\u{feff}cuota al día\u{a0}", "monthly_fee_current"),
            ("Monthly fee current", "monthly_fee_current"),
        ] {
            assert_eq!(Column::of(name), Column::Known(column), "{name}");
        }
        assert_eq!(Column::of("created-at"), Column::Skipped);
        assert_eq!(Column::of(" "), Column::Unnamed);
        for unknown in ["apellido", "???", "tel\u{fffd}fono"] {
            assert_eq!(Column::of(unknown), Column::Unknown, "{unknown}");
        }
    }

    #[test]
    fn columns_have_the_letters_of_spreadsheets() {
        assert_eq!([0, 25, 26, 51, 52, 701, 702].map(letters), ["A", "Z", "AA", "AZ", "BA", "ZZ", "AAA"]);
    }
}
