//! Credentials as an organiser enters them and as they are kept: an object of texts.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::super::{BadCredential, GatewayName};

/// The names of a gateway's credentials.
struct Form {
    required: &'static [&'static str],
    optional: &'static [&'static str],
}

const fn form(gateway: GatewayName) -> Form {
    match gateway {
        GatewayName::Sandbox => Form { required: &[], optional: &[] },
        GatewayName::MercadoPago => Form { required: &["access_token", "webhook_secret"], optional: &[] },
        GatewayName::Wompi => Form {
            required: &["public_key", "private_key", "events_secret", "integrity_secret"],
            optional: &[],
        },
        GatewayName::Payu => Form {
            required: &["merchant_id", "account_id", "api_login", "api_key"],
            // The first is the only one that is not free text.
            optional: &["algorithm", "hmac_secret"],
        },
    }
}

/// Reads the credentials of an account at `gateway`.
///
/// # Errors
/// Which one is missing or of a wrong form. The field is empty if it is none of the
/// gateway's.
pub(super) fn read<T: DeserializeOwned>(
    gateway: GatewayName,
    credentials: &Value,
) -> Result<T, BadCredential> {
    let Form { required, optional } = form(gateway);
    let Some(given) = credentials.as_object() else {
        return Err(BadCredential::new("", "Must be an object of texts."));
    };
    if given.keys().any(|name| !required.contains(&name.as_str()) && !optional.contains(&name.as_str())) {
        return Err(BadCredential::new("", "There are fields that are not credentials of this gateway."));
    }
    for field in required.iter().chain(optional) {
        match given.get(*field) {
            Some(Value::String(_)) => {}
            None | Some(Value::Null) if optional.contains(field) => {}
            None => return Err(BadCredential::new(field, "This is missing.")),
            Some(_) => return Err(BadCredential::new(field, "Must be a text.")),
        }
    }
    let known = given.iter().filter(|(_, value)| !value.is_null());
    let known: Value = known.map(|(name, value)| (name.clone(), value.clone())).collect();
    // All texts are there, so that just the one which is not free can be wrong.
    let field = optional.first().copied().unwrap_or_default();
    T::deserialize(known).map_err(|_| BadCredential::new(field, "This is none of the values that there are."))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::{mercado_pago, payu, wompi};
    use super::*;

    fn bad<T: DeserializeOwned>(gateway: GatewayName, credentials: &Value) -> &'static str {
        read::<T>(gateway, credentials).err().map_or("fine", |bad| bad.field)
    }

    #[test]
    fn missing_and_strange_credentials_are_named() {
        let name = GatewayName::MercadoPago;
        let check = |credentials| bad::<mercado_pago::Credentials>(name, &credentials);
        assert_eq!(check(json!({"access_token": "a", "webhook_secret": "b"})), "fine");
        assert_eq!(check(json!({"access_token": "a"})), "webhook_secret");
        assert_eq!(check(json!({"access_token": null, "webhook_secret": "b"})), "access_token");
        assert_eq!(check(json!({"access_token": "a", "webhook_secret": 4711})), "webhook_secret");
        assert_eq!(check(json!({"access_token": "a", "webhook_secret": "b", "x": "c"})), "");
        assert_eq!(check(json!("secret")), "");
    }

    #[test]
    fn what_may_be_missing_may() {
        let check = |more: Value| {
            let mut all = json!({"merchant_id": "1", "account_id": "2", "api_login": "l", "api_key": "k"});
            let given = all.as_object_mut().expect("an object");
            given.extend(more.as_object().expect("an object").clone());
            bad::<payu::Credentials>(GatewayName::Payu, &all)
        };
        assert_eq!(check(json!({})), "fine");
        assert_eq!(check(json!({"algorithm": "HMAC-SHA256", "hmac_secret": "abcd"})), "fine");
        assert_eq!(check(json!({"algorithm": null, "hmac_secret": null})), "fine");
        assert_eq!(check(json!({"algorithm": "ROT13"})), "algorithm");
        assert_eq!(check(json!({"hmac_secret": 4711})), "hmac_secret");
    }

    #[test]
    fn the_names_are_those_that_are_stored() {
        let all = |gateway, credentials: Value| {
            let Form { required, optional } = form(gateway);
            let mut named: Vec<_> = required.iter().chain(optional).copied().collect();
            named.sort_unstable();
            let mut stored: Vec<_> = credentials.as_object().expect("an object").keys().cloned().collect();
            stored.sort_unstable();
            assert_eq!(named, stored, "{gateway}");
        };
        let text = || "x".to_owned();
        all(
            GatewayName::MercadoPago,
            serde_json::to_value(mercado_pago::Credentials { access_token: text(), webhook_secret: text() })
                .expect("JSON"),
        );
        all(
            GatewayName::Wompi,
            serde_json::to_value(wompi::Credentials {
                public_key: text(),
                private_key: text(),
                events_secret: text(),
                integrity_secret: text(),
            })
            .expect("JSON"),
        );
        all(
            GatewayName::Payu,
            serde_json::to_value(payu::Credentials {
                merchant_id: text(),
                account_id: text(),
                api_login: text(),
                api_key: text(),
                algorithm: payu::Algorithm::Md5,
                hmac_secret: Some(text()),
            })
            .expect("JSON"),
        );
    }
}
