//! What each gateway's credentials consist of, checked before anybody is asked.

use std::borrow::Cow;

use domain::Result;
use domain::error::Fields;
use domain::payment::GatewayName;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Map, Value};

/// One text of a gateway's credentials, under the name that the gateway's client has
/// for it.
struct Part {
    name: &'static str,
    /// What it is and where to find it.
    about: &'static str,
    needed: bool,
    /// What it can be, if that is not open.
    choices: &'static [&'static str],
}

const fn needed(name: &'static str, about: &'static str) -> Part {
    Part { name, about, needed: true, choices: &[] }
}

static MERCADO_PAGO: [Part; 2] = [
    needed("access_token", "The application's access token: `APP_USR-..`, or `TEST-..` for test accounts."),
    needed("webhook_secret", "The secret that the application's page shows beside its webhook address."),
];

static WOMPI: [Part; 4] = [
    needed("public_key", "`pub_prod_..` or `pub_test_..`."),
    needed("private_key", "`prv_prod_..` or `prv_test_..`."),
    needed("events_secret", "The secret of events: `prod_events_..` or `test_events_..`."),
    needed("integrity_secret", "The secret of integrity: `prod_integrity_..` or `test_integrity_..`."),
];

static PAYU: [Part; 6] = [
    needed("merchant_id", "The shop's number."),
    needed("account_id", "The number of the shop's account in a country."),
    needed("api_login", "The API login."),
    needed("api_key", "The API key."),
    Part {
        name: "algorithm",
        about: "How the payment form is signed, as the account is set up at PayU; MD5 if left out.",
        needed: false,
        choices: &["MD5", "SHA", "SHA256", "HMAC-SHA256"],
    },
    Part {
        name: "hmac_secret",
        about: "The key of HMAC signatures, if PayU gave another than the API key.",
        needed: false,
        choices: &[],
    },
];

fn parts_of(gateway: GatewayName) -> &'static [Part] {
    match gateway {
        GatewayName::Sandbox => &[],
        GatewayName::MercadoPago => &MERCADO_PAGO,
        GatewayName::Wompi => &WOMPI,
        GatewayName::Payu => &PAYU,
    }
}

/// Credentials as somebody enters them. Nothing of them is ever shown: there is no
/// debug output, and what is wrong with them is said without them.
#[derive(Deserialize)]
#[serde(transparent)]
pub(crate) struct EnteredCredentials(Value);

impl EnteredCredentials {
    /// The credentials, if they have the parts of this gateway's and no others.
    ///
    /// # Errors
    /// All the parts that are missing, are no text, or do not belong there.
    pub(crate) fn of(self, gateway: GatewayName) -> Result<Value> {
        let parts = parts_of(gateway);
        let names: Vec<_> = parts.iter().map(|part| part.name).collect();
        let mut fields = Fields::new();
        let empty = Map::new();
        let entered = self.0.as_object();
        fields.check(entered.is_some(), "", format!("Must be an object with {}.", names.join(", ")));
        for part in parts {
            let pointer = format!("/{}", part.name);
            match entered.unwrap_or(&empty).get(part.name) {
                None | Some(Value::Null) => {
                    fields.check(!part.needed || entered.is_none(), pointer, "This is missing.");
                }
                Some(Value::String(text)) if part.choices.is_empty() => {
                    fields.check(!text.is_empty(), pointer, "This is empty.");
                }
                Some(value) => {
                    let fits = value.as_str().is_some_and(|text| part.choices.contains(&text));
                    let must = match part.choices {
                        [] => "Must be a text.".to_owned(),
                        choices => format!("Must be {}.", choices.join(", ")),
                    };
                    fields.check(fits, pointer, must);
                }
            }
        }
        let strange = entered.unwrap_or(&empty).keys().filter(|name| !names.contains(&name.as_str()));
        if strange.count() > 0 {
            // Not by their names: somebody may have entered a secret as one.
            let known = names.join(", ");
            fields.check(
                false,
                "",
                format!("There are other fields than this gateway's, which are {known}."),
            );
        }
        fields.finish()?;
        Ok(self.0)
    }
}

impl JsonSchema for EnteredCredentials {
    fn schema_name() -> Cow<'static, str> {
        "EnteredCredentials".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let gateways = GatewayName::ALL.into_iter().filter(|gateway| !parts_of(*gateway).is_empty());
        let forms: Vec<Schema> = gateways.map(form).collect();
        json_schema!({
            "description": "The credentials of an account, by the names of its gateway.",
            "oneOf": forms,
        })
    }
}

/// The schema of one gateway's credentials.
fn form(gateway: GatewayName) -> Schema {
    let parts = parts_of(gateway);
    let properties: Map<String, Value> = parts
        .iter()
        .map(|part| {
            let mut schema = json_schema!({"description": part.about, "type": "string"});
            if !part.choices.is_empty() {
                schema.insert("enum".to_owned(), part.choices.into());
            }
            (part.name.to_owned(), schema.into())
        })
        .collect();
    let needed: Vec<_> = parts.iter().filter(|part| part.needed).map(|part| part.name).collect();
    json_schema!({
        "title": gateway.as_str(),
        "type": "object",
        "properties": properties,
        "required": needed,
        "additionalProperties": false,
    })
}

#[cfg(test)]
mod tests {
    use integrations::payment::{mercado_pago, payu, wompi};
    use serde_json::json;

    use super::*;

    fn wrong(gateway: GatewayName, entered: Value) -> Vec<(String, String)> {
        let Err(error) = EnteredCredentials(entered).of(gateway) else { return Vec::new() };
        assert_eq!(error.code(), "invalid_fields");
        let fields = error.field_errors().iter();
        fields.map(|field| (field.pointer.clone(), field.detail.clone())).collect()
    }

    /// Credentials with a text for each part.
    fn complete(gateway: GatewayName) -> Map<String, Value> {
        let text = |part: &Part| part.choices.first().map_or("text", |choice| *choice).into();
        parts_of(gateway).iter().map(|part| (part.name.to_owned(), text(part))).collect()
    }

    fn is_known_to_client(gateway: GatewayName, credentials: &Value) -> bool {
        match gateway {
            GatewayName::Sandbox => false,
            GatewayName::MercadoPago => mercado_pago::Credentials::deserialize(credentials).is_ok(),
            GatewayName::Wompi => wompi::Credentials::deserialize(credentials).is_ok(),
            GatewayName::Payu => payu::Credentials::deserialize(credentials).is_ok(),
        }
    }

    #[test]
    fn the_parts_are_those_of_the_clients() {
        for gateway in [GatewayName::MercadoPago, GatewayName::Wompi, GatewayName::Payu] {
            let all = complete(gateway);
            for without in std::iter::once(None).chain(parts_of(gateway).iter().map(Some)) {
                let mut some = all.clone();
                some.retain(|name, _| without.is_none_or(|part| part.name != name));
                let some = Value::from(some);
                let accepted = wrong(gateway, some.clone()).is_empty();
                assert_eq!(accepted, without.is_none_or(|part| !part.needed), "{gateway}: {some}");
                assert_eq!(is_known_to_client(gateway, &some), accepted, "{gateway}: {some}");
            }
            for part in parts_of(gateway) {
                for choice in part.choices {
                    let mut other = all.clone();
                    other.insert(part.name.to_owned(), (*choice).into());
                    assert!(is_known_to_client(gateway, &other.into()), "{choice}");
                }
            }
        }
    }

    #[test]
    fn all_that_is_wrong_is_said_and_nothing_of_it_shown() {
        let entered = json!({
            "private_key": 4711, "events_secret": "", "integrity_secret": "4711", "prv_test_4711": "4711",
        });
        let wrong_parts = wrong(GatewayName::Wompi, entered);
        let pointers: Vec<_> = wrong_parts.iter().map(|(pointer, _)| pointer.as_str()).collect();
        assert_eq!(pointers, ["/public_key", "/private_key", "/events_secret", ""]);
        assert!(!format!("{wrong_parts:?}").contains("4711"), "{wrong_parts:?}");
        for entered in [json!("prv_test_4711"), json!(["4711"]), json!(4711), json!(null)] {
            let wrong_parts = wrong(GatewayName::Wompi, entered);
            assert_eq!(wrong_parts.len(), 1, "{wrong_parts:?}");
            assert!(!format!("{wrong_parts:?}").contains("4711"), "{wrong_parts:?}");
        }
        let payu = json!({
            "merchant_id": "1", "account_id": "2", "api_login": "l", "api_key": "k", "algorithm": "4711",
        });
        assert_eq!(
            wrong(GatewayName::Payu, payu),
            [("/algorithm".to_owned(), "Must be MD5, SHA, SHA256, HMAC-SHA256.".to_owned())]
        );
    }
}
