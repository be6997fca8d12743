//! The form of an account's credentials at each gateway: an object of texts, as
//! organisers enter it and as it is kept.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::payu::Algorithm;
use crate::{BadCredential, GatewayName};

/// One text of a gateway's credentials.
#[derive(Debug, Clone, Copy)]
pub struct CredentialField {
    /// Its name, which is the one that the gateway's client has for it.
    pub name: &'static str,
    /// Its meaning, and the page of the gateway that shows it, for the organiser.
    pub about: &'static str,
    /// False if it can be left out.
    pub required: bool,
    /// The values that it can have; empty if any text will do.
    pub choices: &'static [&'static str],
}

const fn required(name: &'static str, about: &'static str) -> CredentialField {
    CredentialField { name, about, required: true, choices: &[] }
}

static MERCADO_PAGO: [CredentialField; 2] = [
    required("access_token", "The application's access token: `APP_USR-..`, or `TEST-..` for test accounts."),
    required("webhook_secret", "The secret that the application's page shows beside its webhook address."),
];

static WOMPI: [CredentialField; 4] = [
    required("public_key", "`pub_prod_..` or `pub_test_..`."),
    required("private_key", "`prv_prod_..` or `prv_test_..`."),
    required("events_secret", "The secret of events: `prod_events_..` or `test_events_..`."),
    required("integrity_secret", "The secret of integrity: `prod_integrity_..` or `test_integrity_..`."),
];

static PAYU: [CredentialField; 6] = [
    required("merchant_id", "The shop's number."),
    required("account_id", "The number of the shop's account in a country."),
    required("api_login", "The API login."),
    required("api_key", "The API key."),
    CredentialField {
        name: "algorithm",
        about: "How the payment form is signed, as the account is set up at PayU; MD5 if left out.",
        required: false,
        choices: &Algorithm::NAMES,
    },
    CredentialField {
        name: "hmac_secret",
        about: "The key of HMAC signatures, if PayU gave another than the API key.",
        required: false,
        choices: &[],
    },
];

/// The fields of a gateway's credentials; none if it has no accounts.
pub fn credential_fields(gateway: GatewayName) -> &'static [CredentialField] {
    match gateway {
        GatewayName::Sandbox => &[],
        GatewayName::MercadoPago => &MERCADO_PAGO,
        GatewayName::Wompi => &WOMPI,
        GatewayName::Payu => &PAYU,
    }
}

/// Reads the credentials of an account at `gateway`.
///
/// # Errors
/// All the fields that are missing, are no text, or do not belong there, and nothing of
/// what was entered.
pub(super) fn read_credentials<T: DeserializeOwned>(
    gateway: GatewayName,
    credentials: &Value,
) -> Result<T, Vec<BadCredential>> {
    let faults = faults(gateway, credentials);
    if !faults.is_empty() {
        return Err(faults);
    }
    // `null` is as good as nothing.
    let given = credentials.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    let given: Value = given.map(|(name, value)| (name.clone(), value.clone())).collect();
    // Not by the error, which may quote them.
    T::deserialize(given)
        .map_err(|_| vec![BadCredential::new("", "These are not this gateway's credentials.")])
}

/// The faults that the form of credentials shows, without asking the gateway.
fn faults(gateway: GatewayName, credentials: &Value) -> Vec<BadCredential> {
    let fields = credential_fields(gateway);
    let names = || fields.iter().map(|field| field.name).collect::<Vec<_>>().join(", ");
    let Some(given) = credentials.as_object() else {
        return vec![BadCredential::new("", format!("Must be an object with {}.", names()))];
    };
    let mut faults: Vec<_> = fields.iter().filter_map(|field| field.fault(given.get(field.name))).collect();
    if given.keys().any(|name| fields.iter().all(|field| field.name != name)) {
        // Not by their names: an organiser may have entered a secret as one.
        let detail = format!("There are other fields than this gateway's, which are {}.", names());
        faults.push(BadCredential::new("", detail));
    }
    faults
}

impl CredentialField {
    /// The fault of the value that was given for it.
    fn fault(&self, given: Option<&Value>) -> Option<BadCredential> {
        let detail: Option<Cow<'static, str>> = match (given, self.choices) {
            (None | Some(Value::Null), _) => self.required.then(|| "This is missing.".into()),
            (Some(Value::String(text)), []) => text.is_empty().then(|| "This is empty.".into()),
            (Some(Value::String(text)), choices) if choices.contains(&text.as_str()) => None,
            (Some(_), []) => Some("Must be a text.".into()),
            (Some(_), choices) => Some(format!("Must be {}.", choices.join(", ")).into()),
        };
        detail.map(|detail| BadCredential::new(self.name, detail))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;
    use crate::{mercado_pago, payu, wompi};

    const WITH_ACCOUNTS: [GatewayName; 3] = [GatewayName::MercadoPago, GatewayName::Wompi, GatewayName::Payu];

    type Faults = Vec<(&'static str, Cow<'static, str>)>;

    fn named(faults: Vec<BadCredential>) -> Faults {
        faults.into_iter().map(|bad| (bad.field, bad.detail)).collect()
    }

    fn wrong(gateway: GatewayName, entered: &Value) -> Faults {
        named(faults(gateway, entered))
    }

    /// True if the gateway's client takes this as it is.
    fn is_known_to_client(gateway: GatewayName, credentials: &Value) -> bool {
        fn is<T: DeserializeOwned>(credentials: &Value) -> bool {
            T::deserialize(credentials).is_ok()
        }
        match gateway {
            GatewayName::Sandbox => false,
            GatewayName::MercadoPago => is::<mercado_pago::Credentials>(credentials),
            GatewayName::Wompi => is::<wompi::Credentials>(credentials),
            GatewayName::Payu => is::<payu::Credentials>(credentials),
        }
    }

    /// Credentials with a text for each field.
    fn complete(gateway: GatewayName) -> Map<String, Value> {
        let text = |field: &CredentialField| field.choices.first().map_or("text", |choice| *choice).into();
        credential_fields(gateway).iter().map(|field| (field.name.to_owned(), text(field))).collect()
    }

    #[test]
    fn the_fields_are_those_that_the_clients_read() {
        for gateway in WITH_ACCOUNTS {
            let (fields, all) = (credential_fields(gateway), complete(gateway));
            for without in std::iter::once(None).chain(fields.iter().map(Some)) {
                let mut some = all.clone();
                some.retain(|name, _| without.is_none_or(|field| field.name != name));
                let some = Value::from(some);
                let accepted = wrong(gateway, &some).is_empty();
                assert_eq!(accepted, without.is_none_or(|field| !field.required), "{gateway}: {some}");
                assert_eq!(is_known_to_client(gateway, &some), accepted, "{gateway}: {some}");
            }
            for field in fields {
                for choice in field.choices {
                    let mut other = all.clone();
                    other.insert(field.name.to_owned(), (*choice).into());
                    assert!(is_known_to_client(gateway, &other.into()), "{choice}");
                }
            }
        }
    }

    #[test]
    fn the_fields_are_those_that_the_clients_write() {
        let text = || "x".to_owned();
        let mercado_pago = mercado_pago::Credentials { access_token: text(), webhook_secret: text() };
        let wompi = wompi::Credentials {
            public_key: text(),
            private_key: text(),
            events_secret: text(),
            integrity_secret: text(),
        };
        let payu = payu::Credentials {
            merchant_id: text(),
            account_id: text(),
            api_login: text(),
            api_key: text(),
            algorithm: Algorithm::Md5,
            hmac_secret: Some(text()),
        };
        let written = [json!(mercado_pago), json!(wompi), json!(payu)];
        for (gateway, written) in WITH_ACCOUNTS.into_iter().zip(written) {
            let names: Vec<_> = complete(gateway).keys().cloned().collect();
            let written: Vec<_> = written.as_object().expect("an object").keys().cloned().collect();
            assert_eq!(names, written, "{gateway}");
        }
    }

    #[test]
    fn all_that_is_wrong_is_said_and_nothing_of_it_shown() {
        let entered = json!({
            "private_key": 4711, "events_secret": "", "integrity_secret": "4711", "prv_test_4711": "4711",
        });
        let others = "There are other fields than this gateway's, which are \
                      public_key, private_key, events_secret, integrity_secret.";
        let expected = [
            ("public_key", "This is missing."),
            ("private_key", "Must be a text."),
            ("events_secret", "This is empty."),
            ("", others),
        ];
        assert_eq!(
            wrong(GatewayName::Wompi, &entered),
            expected.map(|(name, detail)| (name, Cow::from(detail)))
        );
        let must = "Must be an object with public_key, private_key, events_secret, integrity_secret.";
        for entered in [json!("prv_test_4711"), json!(["4711"]), json!(4711), json!(null)] {
            assert_eq!(wrong(GatewayName::Wompi, &entered), [("", Cow::from(must))]);
        }
    }

    #[test]
    fn what_may_be_missing_may() {
        let check = |more: Value| {
            let mut all = json!({"merchant_id": "1", "account_id": "2", "api_login": "l", "api_key": "k"});
            let given = all.as_object_mut().expect("an object");
            given.extend(more.as_object().expect("an object").clone());
            let read = read_credentials::<payu::Credentials>(GatewayName::Payu, &all);
            read.map(|read| (read.algorithm, read.hmac_secret)).map_err(named)
        };
        assert_eq!(check(json!({})), Ok((Algorithm::Md5, None)));
        assert_eq!(check(json!({"algorithm": null, "hmac_secret": null})), Ok((Algorithm::Md5, None)));
        let hmac = json!({"algorithm": "HMAC-SHA256", "hmac_secret": "abcd"});
        assert_eq!(check(hmac), Ok((Algorithm::HmacSha256, Some("abcd".to_owned()))));
        let must = "Must be MD5, SHA, SHA256, HMAC-SHA256.";
        for wrong in [json!("ROT13"), json!(""), json!(4711)] {
            assert_eq!(check(json!({"algorithm": wrong})), Err(vec![("algorithm", must.into())]));
        }
        assert_eq!(check(json!({"hmac_secret": ""})), Err(vec![("hmac_secret", "This is empty.".into())]));
        assert_eq!(check(json!({"api_key": null})), Err(vec![("api_key", "This is missing.".into())]));
    }
}
