//! National ids of people and companies: one spelling for each, check digits
//! where a country has them.
//!
//! The rules are those of python-stdnum for Argentina (DNI, CUIT/CUIL), Chile (RUT) and Colombia
//! (NIT). Documents of other countries are only checked for length and characters.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Language;
use crate::text::plain;

/// The most characters of an id as a person writes it.
pub const MAX_WRITTEN_CHARS: usize = 40;

/// The type of document of a national id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IdKind {
    /// Argentina: documento nacional de identidad, without a check digit.
    Dni,
    /// Argentina: CUIT or CUIL, with a check digit.
    Cuit,
    /// Chile: RUT or RUN, with a check digit.
    Rut,
    /// Colombia: cédula de ciudadanía.
    Cc,
    /// Colombia: cédula de extranjería.
    Ce,
    /// Colombia: tarjeta de identidad.
    Ti,
    /// Colombia: passport.
    Pp,
    /// Colombia: NIT, with a check digit.
    Nit,
    /// A document of another country.
    Other,
}

/// A national id that is plausible for its country, in one spelling: letters and
/// digits only, letters in capitals.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NationalId {
    kind: IdKind,
    number: String,
}

/// The reason why a text is no national id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.sentence(Language::En))]
pub enum InvalidNationalId {
    /// It does not have the form of the country's ids.
    Form(Expected),
    /// The check digit does not fit the other digits.
    CheckDigit,
    /// It is a number as spreadsheets write it, whose digits may have changed.
    Number,
}

/// The form of the ids of a country.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Argentina: a DNI, or a CUIT or CUIL.
    Dni,
    /// Argentina: a CUIT or CUIL, which begins with one of ten prefixes.
    Cuit,
    /// Chile: a RUT.
    Rut,
    /// Colombia: a cédula, or another document with its name before it.
    Cedula,
    /// Any other country: 4 to 20 letters and digits.
    Document,
}

impl InvalidNationalId {
    /// The reason and how to correct the id, as a sentence.
    pub const fn sentence(self, language: Language) -> &'static str {
        let [spanish, english] = match self {
            Self::Form(Expected::Dni) => [
                "Debe ser un DNI de 7 u 8 dígitos, o un CUIT o CUIL de 11.",
                "Must be a DNI of 7 or 8 digits, or a CUIT or CUIL of 11.",
            ],
            Self::Form(Expected::Cuit) => [
                "Debe ser un CUIT o CUIL que empiece con 20, 23, 24, 27, 30, 33, 34, 50, 51 o 55.",
                "Must be a CUIT or CUIL that starts with 20, 23, 24, 27, 30, 33, 34, 50, 51 or 55.",
            ],
            Self::Form(Expected::Rut) => [
                "Debe ser un RUT como 12.345.678-5: 7 u 8 dígitos y el dígito verificador.",
                "Must be a RUT such as 12.345.678-5: 7 or 8 digits and the check digit.",
            ],
            Self::Form(Expected::Cedula) => [
                "Debe ser una cédula de 6 a 10 dígitos, o empezar con CC, CE, TI, PP o NIT y tener la forma de ese \
                 documento.",
                "Must be a cédula of 6 to 10 digits, or start with CC, CE, TI, PP or NIT and have that document's \
                 form.",
            ],
            Self::Form(Expected::Document) => {
                ["Debe tener de 4 a 20 letras y dígitos.", "Must have 4 to 20 letters and digits."]
            }
            Self::CheckDigit => [
                "El dígito verificador no corresponde a los otros dígitos; busca el error de tipeo.",
                "The check digit does not fit the other digits; look for a typo.",
            ],
            Self::Number => [
                "Una hoja de cálculo lo convirtió en un número con decimales o potencias de diez. Da formato de texto \
                 a las celdas y escribe los dígitos de nuevo, como 20123456.",
                "A spreadsheet made a number with decimals or powers of ten of it. Format the cells as text and \
                 write the digits again, such as 20123456.",
            ],
        };
        match language {
            Language::Es => spanish,
            Language::En => english,
        }
    }
}

const NO_DNI: InvalidNationalId = InvalidNationalId::Form(Expected::Dni);
const NO_RUT: InvalidNationalId = InvalidNationalId::Form(Expected::Rut);
const NO_CEDULA: InvalidNationalId = InvalidNationalId::Form(Expected::Cedula);
const NO_DOCUMENT: InvalidNationalId = InvalidNationalId::Form(Expected::Document);

impl NationalId {
    /// Reads an id of `country`, an ISO 3166-1 alpha-2 code in capitals.
    ///
    /// A Colombian text may name its document first (`CE 123456`). Without that, a number is a
    /// cédula de ciudadanía, or with 11 digits a tarjeta de identidad; a number with a hyphen
    /// before its last digit is a NIT, and a text with letters is a passport.
    ///
    /// # Errors
    /// If the text does not have the form of such an id, has a wrong check digit, or is a number
    /// with decimals.
    pub fn parse(country: &str, text: &str) -> Result<Self, InvalidNationalId> {
        let text = plain(text).to_ascii_uppercase();
        match country {
            "AR" => argentine(&text),
            "CL" => chilean(&text),
            "CO" => colombian(&text),
            _ => {
                let number = bare(&text, NO_DOCUMENT)?;
                if (4..=20).contains(&number.len()) {
                    Ok(Self { kind: IdKind::Other, number })
                } else {
                    Err(NO_DOCUMENT)
                }
            }
        }
    }

    /// The type of document.
    pub fn kind(&self) -> IdKind {
        self.kind
    }

    /// Letters and digits, without any signs between them.
    pub fn number(&self) -> &str {
        &self.number
    }

    /// The key of a person within a country: two ids with the same key belong to the same person.
    ///
    /// A CUIT of a person contains the DNI, and a tarjeta de identidad has the number that the
    /// cédula will have.
    pub fn identity(&self) -> String {
        let number = self.number.as_str();
        match self.kind {
            IdKind::Cuit if ["20", "23", "24", "27"].contains(&&number[..2]) => {
                format!("dni:{}", number[2..10].trim_start_matches('0'))
            }
            IdKind::Dni => format!("dni:{}", number.trim_start_matches('0')),
            IdKind::Cuit => format!("cuit:{number}"),
            IdKind::Rut => format!("rut:{number}"),
            IdKind::Cc | IdKind::Ti => format!("cc:{}", number.trim_start_matches('0')),
            IdKind::Ce => format!("ce:{number}"),
            IdKind::Pp => format!("pp:{number}"),
            IdKind::Nit => format!("nit:{number}"),
            IdKind::Other => number.to_owned(),
        }
    }
}

impl fmt::Display for NationalId {
    /// As people of the country write it: `20.123.456`, `20-05536168-2`,
    /// `12.531.909-2`, `890.903.938-8`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.number.as_str();
        match self.kind {
            IdKind::Dni => f.write_str(&with_dots(number)),
            IdKind::Cuit => write!(f, "{}-{}-{}", &number[..2], &number[2..10], &number[10..]),
            IdKind::Rut | IdKind::Nit => {
                let (digits, check) = number.split_at(number.len() - 1);
                write!(f, "{}-{check}", with_dots(digits))
            }
            _ => f.write_str(number),
        }
    }
}

impl fmt::Debug for NationalId {
    /// Keeps ids out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NationalId(..)")
    }
}

/// The digits with dots between thousands.
fn with_dots(digits: &str) -> String {
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('.');
        }
        text.push(digit);
    }
    text
}

/// The letters and digits of a text, without its spaces, hyphens and slashes, and without dots and
/// commas that are no decimal points: between thousands, and beside letters. Any other sign is an
/// error.
fn bare(text: &str, wrong: InvalidNationalId) -> Result<String, InvalidNationalId> {
    if text.chars().count() > MAX_WRITTEN_CHARS {
        return Err(wrong);
    }
    let kept: String = text.chars().filter(|c| !matches!(c, ' ' | '.' | ',' | '-' | '/')).collect();
    if [text, &kept].into_iter().any(is_power_of_ten) || text.split([' ', '-', '/']).any(has_decimals) {
        return Err(InvalidNationalId::Number);
    }
    if kept.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()) {
        Ok(kept)
    } else {
        Err(wrong)
    }
}

/// True for digits with dots or commas that do not separate thousands: `2012345.0`.
fn has_decimals(part: &str) -> bool {
    let number = part.trim_matches(|c: char| c.is_ascii_uppercase());
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b','));
    let mut groups = number.split(if number.contains(',') { ',' } else { '.' });
    let first = groups.next().unwrap_or_default();
    let are_thousands = (1..=3).contains(&first.len())
        && are_digits(first)
        && groups.all(|group| group.len() == 3 && are_digits(group));
    is_number && number.contains(['.', ',']) && !are_thousands
}

/// True for a number with an exponent such as `1.5E+07`, which spreadsheets make of long numbers.
fn is_power_of_ten(text: &str) -> bool {
    let Some((number, power)) = text.split_once('E') else { return false };
    let (whole, decimals) = number.split_once(['.', ',']).unwrap_or((number, ""));
    let power = power.strip_prefix(['+', '-']).unwrap_or(power);
    whole.len() == 1
        && are_digits(whole)
        && are_digits(decimals)
        && (2..=3).contains(&power.len())
        && are_digits(power)
}

/// True if an id has a wrong check digit after a hyphen, by the rules of `country` or of Chile. An
/// id that is right in `country`, Chile or Uruguay passes: people travel with these. In Chile nine
/// digits are a RUT without its hyphen, too; eight may be another country's document.
pub fn has_wrong_check_digit(country: &str, text: &str) -> bool {
    let text = plain(text);
    let mut read = [country, "CL"].map(|country| NationalId::parse(country, &text).err());
    match uruguayan(&text) {
        Some(true) => return false,
        Some(false) if country == "UY" => read[0] = Some(InvalidNationalId::CheckDigit),
        Some(false) | None => {}
    }
    let is_written =
        text.contains('-') || country == "CL" && bare(&text, NO_RUT).is_ok_and(|id| id.len() == 9);
    is_written && read.contains(&Some(InvalidNationalId::CheckDigit)) && !read.contains(&None)
}

/// Whether a text with the form of Uruguay's cédula (`1.234.567-2`) has the right check digit.
fn uruguayan(text: &str) -> Option<bool> {
    let (digits, check) = text.rsplit_once('-')?;
    let digits = bare(digits, NO_DOCUMENT).ok()?;
    let is_cedula =
        (6..=7).contains(&digits.len()) && are_digits(&digits) && check.len() == 1 && are_digits(check);
    is_cedula.then(|| {
        let sum = weighted(&digits, &[4, 3, 6, 7, 8, 9, 2]);
        check == ((10 - sum % 10) % 10).to_string()
    })
}

fn are_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The sum of the digits from the right, each times its weight; the weights
/// begin anew when there are no more.
fn weighted(digits: &str, weights: &[u32]) -> u32 {
    let digits = digits.bytes().rev().map(|byte| u32::from(byte - b'0'));
    digits.zip(weights.iter().cycle()).map(|(digit, weight)| digit * weight).sum()
}

fn argentine(text: &str) -> Result<NationalId, InvalidNationalId> {
    let number = bare(text, NO_DNI)?;
    if !are_digits(&number) {
        return Err(NO_DNI);
    }
    match number.len() {
        7 | 8 => Ok(NationalId { kind: IdKind::Dni, number }),
        11 => {
            let (digits, check) = number.split_at(10);
            let prefixes = ["20", "23", "24", "27", "30", "33", "34", "50", "51", "55"];
            if !prefixes.contains(&&number[..2]) {
                return Err(InvalidNationalId::Form(Expected::Cuit));
            }
            let sum = weighted(digits, &[2, 3, 4, 5, 6, 7]) % 11;
            let right = &"012345678990"[11 - sum as usize..][..1];
            checked(check, right)?;
            Ok(NationalId { kind: IdKind::Cuit, number })
        }
        _ => Err(NO_DNI),
    }
}

fn chilean(text: &str) -> Result<NationalId, InvalidNationalId> {
    let number = bare(text, NO_RUT)?;
    let number = number.strip_prefix("CL").unwrap_or(&number).to_owned();
    if !(8..=9).contains(&number.len()) {
        return Err(NO_RUT);
    }
    let (digits, check) = number.split_at(number.len() - 1);
    if !are_digits(digits) || !(are_digits(check) || check == "K") {
        return Err(NO_RUT);
    }
    let sum = weighted(digits, &[2, 3, 4, 5, 6, 7]) % 11;
    let right = &"0K987654321"[sum as usize..][..1];
    checked(check, right)?;
    Ok(NationalId { kind: IdKind::Rut, number })
}

fn colombian(text: &str) -> Result<NationalId, InvalidNationalId> {
    let documents = [
        ("NIT", IdKind::Nit),
        ("C.C", IdKind::Cc),
        ("C.E", IdKind::Ce),
        ("T.I", IdKind::Ti),
        ("CC", IdKind::Cc),
        ("CE", IdKind::Ce),
        ("TI", IdKind::Ti),
        ("PP", IdKind::Pp),
    ];
    let named = documents.into_iter().find_map(|(name, kind)| {
        let rest = text.strip_prefix(name)?;
        let is_apart = rest.starts_with([' ', '.', ':', '-']);
        // A passport's own number may begin with the same letters.
        (is_apart || rest.starts_with(|c: char| c.is_ascii_digit()) && kind != IdKind::Pp)
            .then(|| (kind, rest.trim_start_matches([' ', '.', ':', '-'])))
    });
    let (kind, rest) = named.unwrap_or((IdKind::Other, text));
    let number = bare(rest, NO_CEDULA)?;
    let kind = match kind {
        IdKind::Other if !are_digits(&number) => IdKind::Pp,
        IdKind::Other if has_check_digit(rest) => IdKind::Nit,
        IdKind::Other if number.len() == 11 => IdKind::Ti,
        IdKind::Other => IdKind::Cc,
        named => named,
    };
    let length = number.len();
    let fits = match kind {
        IdKind::Nit => are_digits(&number) && (8..=16).contains(&length),
        IdKind::Cc => are_digits(&number) && (6..=10).contains(&length),
        IdKind::Ti => are_digits(&number) && (10..=11).contains(&length),
        IdKind::Ce => (4..=12).contains(&length),
        _ => (4..=20).contains(&length),
    };
    if !fits {
        return Err(NO_CEDULA);
    }
    if kind == IdKind::Nit {
        let (digits, check) = number.split_at(length - 1);
        let sum = weighted(digits, &[3, 7, 13, 17, 19, 23, 29, 37, 41, 43, 47, 53, 59, 67, 71]) % 11;
        let right = &"01987654321"[sum as usize..][..1];
        checked(check, right)?;
    }
    Ok(NationalId { kind, number })
}

/// True for digits that end in a hyphen and one digit more: `890.903.938-8`.
fn has_check_digit(text: &str) -> bool {
    let (digits, check) = text.rsplit_once('-').unwrap_or((text, ""));
    check.len() == 1 && are_digits(check) && !digits.contains('-')
}

fn checked(check: &str, right: &str) -> Result<(), InvalidNationalId> {
    if check == right { Ok(()) } else { Err(InvalidNationalId::CheckDigit) }
}

#[cfg(test)]
mod tests;
