//! Known signatures: official ones where there are any, else made with independent
//! code.

use http::HeaderMap;
use payments::mercado_pago::{self, manifest};
use payments::payu::{Algorithm, SignatureKeys, confirmation_value, response_value};
use payments::wompi::{event_checksum, integrity_signature};
use payments::{PaymentGateway, Subject};
use serde_json::Value;

use crate::stub::{about, fixture, notification};

fn vectors(text: &str) -> Value {
    serde_json::from_str(text).expect("vectors")
}

fn list<'a>(vectors: &'a Value, name: &str) -> &'a [Value] {
    vectors[name].as_array().expect(name)
}

fn text<'a>(vector: &'a Value, name: &str) -> &'a str {
    vector[name].as_str().expect(name)
}

#[test]
fn mercado_pago_signs_the_address_the_request_and_the_time() {
    let vectors = vectors(include_str!("../vectors/mercado_pago.json"));
    let vectors = vectors.as_array().expect("a list");
    assert_eq!(vectors.len(), 6);
    for vector in vectors {
        let (header, secret) = (text(vector, "x-signature"), text(vector, "secret"));
        let (data_id, request_id) = (vector["data.id"].as_str(), vector["x-request-id"].as_str());
        let (ts, v1) = header.split_once(",v1=").expect("both parts");
        let ts = ts.trim_start_matches("ts=");
        assert_eq!(manifest(data_id, request_id, ts), text(vector, "manifest"));
        assert_eq!(mercado_pago::sign(secret, text(vector, "manifest")), v1);

        let mut headers = HeaderMap::new();
        headers.insert("x-signature", header.parse().expect("a header"));
        if let Some(request_id) = request_id {
            headers.insert("x-request-id", request_id.parse().expect("a header"));
        }
        // As it comes in the address, whatever is signed of it.
        let upper = data_id.map(str::to_uppercase);
        let query = upper.map_or("type=order".to_owned(), |id| format!("data.id={id}&type=order"));
        let seconds: i64 = ts[..10].parse().expect("a time");
        let request = notification(&headers, &query, b"{}", seconds + 3600);
        let gateway = crate::mercado_pago::gateway("https://api.mercadopago.com", secret);
        let name = text(vector, "name");
        let notice = gateway.verify_webhook(&request).expect(name);
        assert_eq!(notice.subject, Subject::Unknown { kind: "order".to_owned() });
    }
}

#[test]
fn wompi_signs_what_is_to_be_paid() {
    let vectors = vectors(include_str!("../vectors/wompi.json"));
    let vectors = list(&vectors, "integrity");
    assert_eq!(vectors.len(), 3);
    for vector in vectors {
        let signature = integrity_signature(
            text(vector, "reference"),
            vector["amount_in_cents"].as_i64().expect("cents"),
            text(vector, "currency"),
            vector["expiration_time"].as_str(),
            text(vector, "integrity_secret"),
        );
        assert_eq!(signature, text(vector, "sha256"), "{}", text(vector, "name"));
    }
}

#[test]
fn wompi_signs_the_values_that_an_event_lists() {
    let vectors = vectors(include_str!("../vectors/wompi.json"));
    let vectors = list(&vectors, "event");
    assert_eq!(vectors.len(), 2);
    for vector in vectors {
        let (secret, checksum) = (text(vector, "events_secret"), text(vector, "sha256"));
        let timestamp = vector["timestamp"].as_i64().expect("a time");
        let values = list(vector, "properties").iter().map(|path| {
            let path = format!("/{}", path.as_str().expect("a path").replace('.', "/"));
            let value = vector["data"].pointer(&path).expect("a value");
            value.as_str().map_or_else(|| value.to_string(), str::to_owned)
        });
        let computed = event_checksum(values, &timestamp.to_string(), secret);
        assert_eq!(hex::encode(computed), checksum);

        let event = serde_json::json!({
            "event": "transaction.updated",
            "data": vector["data"],
            "environment": "test",
            "signature": {"properties": vector["properties"], "checksum": checksum.to_uppercase()},
            "timestamp": timestamp,
        });
        let gateway = crate::wompi::gateway("https://sandbox.wompi.co/v1", secret);
        let headers = HeaderMap::from_iter([(
            "x-event-checksum".parse().expect("a name"),
            checksum.parse().expect("a header"),
        )]);
        let body = event.to_string();
        let request = notification(&headers, "", body.as_bytes(), timestamp + 60);
        let id = vector["data"]["transaction"]["id"].as_str().expect("an id");
        let name = text(vector, "name");
        let notice = gateway.verify_webhook(&request).expect(name);
        assert_eq!(notice.subject, about(id, None));
    }
}

#[test]
fn wompis_printed_hash_is_wrong_and_refused() {
    // The documentation prints it for the values of this event; it cannot be made of them.
    let printed = "3476DDA50F64CD7CBD160689640506FEBEA93239BC524FC0469B2C68A3CC8BD0";
    let event = fixture!("wompi/event.json");
    let right = "5a18ec5e8fdb7df463e9f94774cba8f583ba21bd04a09ceff2ea68a4bc0aefbe";
    let secret = "prod_events_OcHnIzeBl5socpwByQ4hA52Em3USQ93Z";
    let gateway = crate::wompi::gateway("https://production.wompi.co/v1", secret);
    let check = |body: &str| {
        let headers = HeaderMap::new();
        gateway.verify_webhook(&notification(&headers, "", body.as_bytes(), 1_530_291_500)).is_ok()
    };
    assert!(check(event));
    assert!(!check(&event.replace(right, printed)));
}

/// Checks the hashes of a vector, and that they are recognised.
fn check_payu(vector: &Value, hmac_secret: Option<&str>) {
    let parts: Vec<_> = text(vector, "string").split('~').collect();
    let keys = SignatureKeys { api_key: parts[0], hmac_secret, merchant_id: parts[1] };
    for (algorithm, name) in [
        (Algorithm::Md5, "md5"),
        (Algorithm::Sha1, "sha1"),
        (Algorithm::Sha256, "sha256"),
        (Algorithm::HmacSha256, "hmac_sha256"),
    ] {
        let expected = text(vector, name);
        assert_eq!(keys.sign(algorithm, &parts[2..]), expected, "{name} of {}", text(vector, "note"));
        assert!(keys.fits(expected, &parts[2..]));
    }
}

#[test]
fn payu_signs_forms_confirmations_and_return_pages() {
    let vectors = vectors(include_str!("../vectors/payu.json"));
    let (form, confirmation, response) =
        (list(&vectors, "form"), list(&vectors, "confirmation"), list(&vectors, "response"));
    assert_eq!((form.len(), confirmation.len(), response.len()), (2, 6, 4));
    for vector in form {
        check_payu(vector, None);
    }
    for vector in confirmation {
        let value = confirmation_value(text(vector, "value")).expect("an amount");
        assert_eq!(text(vector, "string").split('~').nth(3), Some(value.as_str()));
        check_payu(vector, Some("test123"));
    }
    for vector in response {
        let value = response_value(text(vector, "TX_VALUE")).expect("an amount");
        assert_eq!(text(vector, "string").split('~').nth(3), Some(value.as_str()));
        check_payu(vector, Some("test123"));
    }
}

#[test]
fn payus_further_printed_signatures_are_right() {
    let keys = |hmac_secret| SignatureKeys {
        api_key: "4Vj8eK4rloUd272L48hsrarnUA",
        hmac_secret,
        merchant_id: "508029",
    };
    let hmac = |secret, values: &[&str]| keys(Some(secret)).sign(Algorithm::HmacSha256, values);
    assert_eq!(
        hmac("secret123", &["TestPayU", "20000", "COP"]),
        "9b269405c01c725fcc5d1667a2e1166a810fd34b5a5ac82295d0f59fddf1c472"
    );
    assert_eq!(
        keys(None).sign(Algorithm::Md5, &["TestPayU", "3", "USD"]),
        "ba9ffa71559580175585e45ce70b6c37"
    );
    for (value, expected) in [
        ("150.25", "5ac639cc57ea3ceccef66243f7a20412ea4ae0c86b5121ca6aa67597266057d1"),
        ("150.35", "7bbb5dd21b3c668bbfec8455c4f4fd3887dff1caa9c5da3895ddd914065b4905"),
        ("150.34", "50c8aae35caf923fbdbd791d7842b916ab7d6597b7c4032dd92ab67b7bb43e8a"),
    ] {
        let value = response_value(value).expect("an amount");
        assert_eq!(hmac("test123", &["PayUTest01", &value, "USD", "6"]), expected);
    }
}

#[test]
fn payus_two_roundings_differ() {
    let vectors = vectors(include_str!("../vectors/payu.json"));
    let formatting = vectors["confirmation_value_formatting"].as_object().expect("pairs");
    let rounding = vectors["response_value_rounding"].as_object().expect("pairs");
    assert_eq!((formatting.len(), rounding.len()), (9, 8));
    for (value, expected) in formatting {
        assert_eq!(confirmation_value(value).as_deref(), expected.as_str(), "{value}");
    }
    for (value, expected) in rounding {
        assert_eq!(response_value(value).as_deref(), expected.as_str(), "{value}");
    }
}
