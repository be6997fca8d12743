//! Who an order's invoice is for.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::Fields;
use crate::national_id::{IdKind, InvalidNationalId, NationalId};
use crate::{Error, Language, Result};

/// The person or company that an order's invoice names. The buyer changes it until it is invoiced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Billing {
    /// The name, or a company's registered name.
    #[serde(rename = "n")]
    pub name: String,
    /// The type of document.
    #[serde(rename = "k")]
    pub id_kind: IdKind,
    /// The document's number in its one spelling: letters and digits.
    #[serde(rename = "d")]
    pub id_number: String,
    /// The street address.
    #[serde(rename = "a")]
    pub address: String,
    /// The city.
    #[serde(rename = "c")]
    pub city: String,
    /// The country, as ISO 3166-1 alpha-2.
    #[serde(rename = "co")]
    pub country: String,
    /// Where the invoice is mailed, if not to the order's address.
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Counts changes, from 1.
    #[serde(rename = "v")]
    pub version: u32,
    /// When it was invoiced; it cannot be changed since.
    #[serde(rename = "iv", default, skip_serializing_if = "Option::is_none")]
    pub invoiced_at: Option<Timestamp>,
}

impl Billing {
    /// Checks that the buyer may still change it.
    ///
    /// # Errors
    /// `billing_locked`.
    pub fn editable(&self) -> Result<()> {
        if self.invoiced_at.is_none() { Ok(()) } else { Err(billing_locked()) }
    }

    /// The data that take the place of `before`; `None` if they are the same.
    ///
    /// # Errors
    /// `billing_locked` if `before` was invoiced.
    pub fn replacing(self, before: Option<&Self>) -> Result<Option<Self>> {
        let Some(before) = before else { return Ok(Some(Self { version: 1, ..self })) };
        let after = Self { version: before.version, invoiced_at: before.invoiced_at, ..self };
        if after == *before {
            return Ok(None);
        }
        before.editable()?;
        Ok(Some(Self { version: before.version + 1, ..after }))
    }
}

/// The error for billing data that an invoice has used.
pub fn billing_locked() -> Error {
    Error::conflict(
        "billing_locked",
        "The invoice of this order was made with these data. Ask the organiser to correct it.",
    )
}

/// The number of a document of this kind in its one spelling. Beneath the pointer `place`, a fault is
/// noted at `/id_number`, or at `/id_kind` if the number is one of another kind.
pub fn read_id_number(
    kind: IdKind,
    country: &str,
    written: &str,
    place: &str,
    fields: &mut Fields,
) -> String {
    match parse(kind, country, written) {
        Ok(id) if id.kind() == kind => id.number().to_owned(),
        Ok(_) => {
            fields.rule(
                false,
                format!("{place}/id_kind"),
                "The number is not one of this kind in this country.",
            );
            String::new()
        }
        Err(fault) => {
            fields.rule(false, format!("{place}/id_number"), fault.sentence(Language::En));
            String::new()
        }
    }
}

fn parse(kind: IdKind, country: &str, written: &str) -> Result<NationalId, InvalidNationalId> {
    // Colombia's documents are told apart by their names, which people put before the number or not.
    let name = match kind {
        IdKind::Cc => "CC ",
        IdKind::Ce => "CE ",
        IdKind::Ti => "TI ",
        IdKind::Pp => "PP ",
        IdKind::Nit => "NIT ",
        // A document that the country's own rules do not know, such as a foreign one.
        IdKind::Other => return NationalId::parse("", written),
        IdKind::Dni | IdKind::Cuit | IdKind::Rut => return NationalId::parse(country, written),
    };
    let is_named = written
        .trim_start()
        .get(..name.len() - 1)
        .is_some_and(|start| start.eq_ignore_ascii_case(name.trim_end()));
    if country == "CO" && !is_named {
        return NationalId::parse(country, &format!("{name}{}", written.trim_start()));
    }
    NationalId::parse(country, written)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::at;

    #[test]
    fn a_number_is_one_of_its_kind_and_country() {
        let read = |kind, country: &str, written: &str| {
            let mut fields = Fields::new();
            let number = read_id_number(kind, country, written, "", &mut fields);
            fields.finish().map(|()| number).map_err(|error| {
                error.field_errors().iter().map(|field| field.pointer.clone()).collect::<Vec<_>>()
            })
        };
        let at = |pointer: &str| Err(vec![pointer.to_owned()]);
        for (kind, country, written, expected) in [
            (IdKind::Cc, "CO", "1.020.304.050", Ok("1020304050".to_owned())),
            (IdKind::Ce, "CO", "123456", Ok("123456".to_owned())),
            (IdKind::Ce, "CO", " ce 123456", Ok("123456".to_owned())),
            (IdKind::Cc, "CO", "CE 123456", at("/id_number")),
            (IdKind::Nit, "CO", "890.903.938-8", Ok("8909039388".to_owned())),
            (IdKind::Nit, "CO", "890.903.938-7", at("/id_number")),
            (IdKind::Cuit, "AR", "20-05536168-2", Ok("20055361682".to_owned())),
            (IdKind::Cuit, "AR", "20-05536168-3", at("/id_number")),
            (IdKind::Dni, "AR", "20-05536168-2", at("/id_kind")),
            (IdKind::Rut, "CL", "12.531.909-2", Ok("125319092".to_owned())),
            (IdKind::Rut, "AR", "20123456", at("/id_kind")),
            (IdKind::Nit, "CL", "12.531.909-2", at("/id_kind")),
            (IdKind::Other, "CO", "AB-123", Ok("AB123".to_owned())),
            (IdKind::Other, "UY", "AB", at("/id_number")),
            (IdKind::Cc, "UY", "1234567", at("/id_kind")),
        ] {
            assert_eq!(read(kind, country, written), expected, "{kind:?} {country} {written}");
        }
    }

    #[test]
    fn the_data_change_until_they_are_invoiced() {
        let data = Billing {
            name: "Ana Ríos".to_owned(),
            id_kind: IdKind::Cc,
            id_number: "1020304050".to_owned(),
            address: "Calle Inventada 12".to_owned(),
            city: "Bogotá".to_owned(),
            country: "CO".to_owned(),
            email: None,
            version: 0,
            invoiced_at: None,
        };
        let first = data.clone().replacing(None).expect("new").expect("new");
        assert_eq!(first.version, 1);
        assert_eq!(data.clone().replacing(Some(&first)).expect("the same"), None);
        let moved = Billing { city: "Cali".to_owned(), ..data.clone() };
        let second = moved.clone().replacing(Some(&first)).expect("editable").expect("changed");
        assert_eq!((second.version, second.city.as_str()), (2, "Cali"));
        let invoiced = Billing { invoiced_at: Some(at(0)), ..second };
        assert_eq!(moved.replacing(Some(&invoiced)).expect("the same"), None);
        assert_eq!(data.replacing(Some(&invoiced)).expect_err("refused").code(), "billing_locked");
    }
}
