//! One flipped bit anywhere in what is signed, and it is no notification any more.

use http::{HeaderMap, HeaderName, HeaderValue};
use payments::PaymentGateway;
use payments::mercado_pago::{manifest, sign};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::stub::{fixture, notification};

const SECRET: &str = "mp_test_secret_01";
const NOW: i64 = 1_795_000_000;

/// `bytes` with one bit flipped.
fn flipped(bytes: &[u8], at: Index, bit: u8) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let at = at.index(bytes.len());
    bytes[at] ^= 1 << bit;
    bytes
}

/// A query value that decodes to these bytes.
fn encoded(bytes: &[u8]) -> String {
    form_urlencoded::byte_serialize(bytes).collect()
}

/// True if Mercado Pago's notification is believed; `None` if no HTTP can carry it.
fn mercado_pago(data_id: &[u8], request_id: &[u8], ts: &[u8], v1: &str) -> Option<bool> {
    let signature = [b"ts=", ts, b",v1=", v1.as_bytes()].concat();
    let mut headers = HeaderMap::new();
    headers.insert("x-signature", HeaderValue::from_bytes(&signature).ok()?);
    headers.insert("x-request-id", HeaderValue::from_bytes(request_id).ok()?);
    let query = format!("data.id={}&type=payment", encoded(data_id));
    let gateway = crate::mercado_pago::gateway("https://api.mercadopago.com", SECRET);
    Some(gateway.verify_webhook(&notification(&headers, &query, b"", NOW)).is_ok())
}

proptest! {
    #[test]
    fn mercado_pago_notices_every_flipped_bit(
        data_id in "[0-9]{1,18}", request_id in "[0-9a-f-]{1,36}", milliseconds: bool,
        part in 0_usize..4, at: Index, bit in 0_u8..8,
    ) {
        let ts = if milliseconds { format!("{NOW}123") } else { NOW.to_string() };
        let v1 = sign(SECRET, &manifest(Some(&data_id), Some(&request_id), &ts));
        let (id, request, time) = (data_id.as_bytes(), request_id.as_bytes(), ts.as_bytes());
        prop_assert_eq!(mercado_pago(id, request, time, &v1), Some(true));
        let believed = match part {
            0 => mercado_pago(&flipped(id, at, bit), request, time, &v1),
            1 => mercado_pago(id, &flipped(request, at, bit), time, &v1),
            2 => mercado_pago(id, request, &flipped(time, at, bit), &v1),
            _ => {
                let v1 = hex::encode(flipped(&hex::decode(&v1).expect("hexadecimal"), at, bit));
                mercado_pago(id, request, time, &v1)
            }
        };
        prop_assert!(believed != Some(true));
    }

    #[test]
    fn wompi_notices_every_flipped_bit(part in 0_usize..5, at: Index, bit in 0_u8..8, with_header: bool) {
        let secret = "prod_events_OcHnIzeBl5socpwByQ4hA52Em3USQ93Z";
        let gateway = crate::wompi::gateway("https://production.wompi.co/v1", secret);
        let checksum = "5a18ec5e8fdb7df463e9f94774cba8f583ba21bd04a09ceff2ea68a4bc0aefbe";
        let believed = |body: &[u8], header: &str| {
            let header = (HeaderName::from_static("x-event-checksum"), header.parse().expect("a header"));
            let headers = with_header.then_some(header).into_iter().collect();
            gateway.verify_webhook(&notification(&headers, "", body, 1_530_291_500)).is_ok()
        };
        let event = fixture!("wompi/event.json");
        prop_assert!(believed(event.as_bytes(), checksum));
        let other = || hex::encode(flipped(&hex::decode(checksum).expect("hexadecimal"), at, bit));
        let values = ["1234-1610641025-49201", "APPROVED", "4490000", "1530291411"];
        match values.get(part) {
            Some(&value) => {
                let start = event.find(value).expect("in the event");
                let mut body = event.as_bytes().to_vec();
                let end = start + value.len();
                body.splice(start..end, flipped(value.as_bytes(), at, bit));
                prop_assert!(!believed(&body, checksum));
            }
            None => {
                let changed = event.replace(checksum, &other());
                prop_assert!(!believed(changed.as_bytes(), checksum));
                prop_assert!(!with_header || !believed(event.as_bytes(), &other()));
            }
        }
    }

    #[test]
    fn payu_notices_every_flipped_bit(part in 0_usize..6, at: Index, bit in 0_u8..8) {
        let gateway = crate::payu::gateway("https://api.payulatam.com");
        let form = fixture!("payu/confirmation.txt").trim_end();
        let believed = |body: &str| {
            let headers = HeaderMap::new();
            gateway.verify_webhook(&notification(&headers, "", body.as_bytes(), NOW)).is_ok()
        };
        prop_assert!(believed(form));
        let name = ["merchant_id", "reference_sale", "value", "currency", "state_pol", "sign"][part];
        let mut fields = form_urlencoded::Serializer::new(String::new());
        let mut raw = Vec::new();
        for (field, value) in form_urlencoded::parse(form.as_bytes()) {
            if field != name {
                fields.append_pair(&field, &value);
            } else if name == "sign" {
                raw = hex::encode(flipped(&hex::decode(&*value).expect("hexadecimal"), at, bit)).into_bytes();
            } else {
                raw = flipped(value.as_bytes(), at, bit);
            }
        }
        let body = format!("{}&{name}={}", fields.finish(), encoded(&raw));
        prop_assert!(!believed(&body), "{}", body);
    }

    #[test]
    fn payus_return_page_notices_every_flipped_bit(part in 0_usize..6, at: Index, bit in 0_u8..8) {
        let gateway = crate::payu::gateway("https://api.payulatam.com");
        let page = [
            ("merchantId", "508029"),
            ("referenceCode", "TestPayU04"),
            ("TX_VALUE", "150.35"),
            ("currency", "USD"),
            ("transactionState", "6"),
            ("signature", "9df2bb60e2838170009040982967923f"),
        ];
        let query = |change: usize| {
            let pairs = page.iter().enumerate().map(|(index, (name, value))| {
                let value = match (index == change, *name) {
                    (false, _) => value.as_bytes().to_vec(),
                    (true, "signature") => {
                        hex::encode(flipped(&hex::decode(value).expect("hexadecimal"), at, bit)).into_bytes()
                    }
                    (true, _) => flipped(value.as_bytes(), at, bit),
                };
                format!("{name}={}", encoded(&value))
            });
            pairs.collect::<Vec<_>>().join("&")
        };
        prop_assert!(gateway.return_page(&query(usize::MAX)).is_some());
        let changed = query(part);
        // The signature is over the amount rounded to a tenth: 150.35 and 150.37 have the same.
        let same_tenth = changed.contains("TX_VALUE=150.3") || changed.contains("TX_VALUE=150.4");
        prop_assert!((part == 2 && same_tenth) || gateway.return_page(&changed).is_none(), "{}", changed);
    }
}
