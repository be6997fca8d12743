use domain::testing::at;

use super::*;

/// The credential of the site example.org among the test vectors of WebAuthn Level 3 ("ES256 Credential
/// with No Attestation").
const ID: &str = "f91f391db4c9b2fde0ea70189cba3fb63f579ba6122b33ad94ff3ec330084be4";
const CREATION_CHALLENGE: &str = "00c30fb78531c464d2b6771dab8d7b603c01162f2fa486bea70f283ae556e130";
const CREATION_CLIENT: &str = "7b2274797065223a22776562617574686e2e637265617465222c226368616c6c656e6765223a22414d4d507434557878475453746e63647134313759447742466938767049612d7077386f4f755657345441222c226f726967696e223a2268747470733a2f2f6578616d706c652e6f7267222c2263726f73734f726967696e223a66616c73652c22657874726144617461223a22636c69656e74446174614a534f4e206d617920626520657874656e6465642077697468206164646974696f6e616c206669656c647320696e20746865206675747572652c207375636820617320746869733a20426b5165446a646354427258426941774a544c453551227d";
const ATTESTATION: &str = "a363666d74646e6f6e656761747453746d74a068617574684461746158a4bfabc37432958b063360d3ad6461c9c4735ae7f8edd46592a5e0f01452b2e4b559000000008446ccb9ab1db374750b2367ff6f3a1f0020f91f391db4c9b2fde0ea70189cba3fb63f579ba6122b33ad94ff3ec330084be4a5010203262001215820afefa16f97ca9b2d23eb86ccb64098d20db90856062eb249c33a9b672f26df61225820930a56b87a2fca66334b03458abf879717c12cc68ed73290af2e2664796b9220";
const CHALLENGE: &str = "39c0e7521417ba54d43e8dc95174f423dee9bf3cd804ff6d65c857c9abf4d408";
const CLIENT: &str = "7b2274797065223a22776562617574686e2e676574222c226368616c6c656e6765223a224f63446e55685158756c5455506f334a5558543049393770767a7a59425039745a63685879617630314167222c226f726967696e223a2268747470733a2f2f6578616d706c652e6f7267222c2263726f73734f726967696e223a66616c73657d";
const DATA: &str = "bfabc37432958b063360d3ad6461c9c4735ae7f8edd46592a5e0f01452b2e4b51900000000";
const SIGNATURE: &str = "3046022100f50a4e2e4409249c4a853ba361282f09841df4dd4547a13a87780218deffcd380221008480ac0f0b93538174f575bf11a1dd5d78c6e486013f937295ea13653e331e87";

fn bytes(hex: &str) -> Base64Url {
    Base64Url(hex::decode(hex).expect("hex"))
}

fn site() -> Site {
    Site::new("https://example.org").expect("an address")
}

fn user() -> User {
    User::new("ana@example.com".parse().expect("valid"), at(0))
}

/// The new credential; at its first byte that is `change`d, another one.
fn new_passkey(change: impl FnOnce(&mut NewPasskey)) -> NewPasskey {
    let response =
        NewPasskeyResponse { client_data: bytes(CREATION_CLIENT), attestation_object: bytes(ATTESTATION) };
    let mut new = NewPasskey { id: bytes(ID), kind: CredentialKind::PublicKey, response };
    change(&mut new);
    new
}

fn assertion(change: impl FnOnce(&mut Assertion)) -> Assertion {
    let response = AssertionResponse {
        client_data: bytes(CLIENT),
        authenticator_data: bytes(DATA),
        signature: bytes(SIGNATURE),
        user_handle: None,
    };
    let mut answer = Assertion { id: bytes(ID), kind: CredentialKind::PublicKey, response };
    change(&mut answer);
    answer
}

/// The factors of a user with the credential.
fn factors() -> SecondFactors {
    let registered = site().register(&bytes(CREATION_CHALLENGE).text(), &new_passkey(|_| ()));
    let (id, key, counter) = registered.expect("the vector");
    assert_eq!((id.as_str(), counter), (bytes(ID).text().as_str(), 0));
    let mut factors = SecondFactors::default();
    let passkey = Passkey { id, name: "Llave".to_owned(), key, counter, added_at: at(0), last_used_at: None };
    factors.add_passkey(passkey).expect("added");
    factors
}

fn is_taken(challenge: &str, answer: &Assertion) -> bool {
    site().check(challenge, &user(), &factors(), answer).is_ok()
}

#[test]
fn the_vectors_of_the_standard_are_taken() {
    let challenge = bytes(CHALLENGE).text();
    let checked = site().check(&challenge, &user(), &factors(), &assertion(|_| ())).expect("the vector");
    assert_eq!(checked, (bytes(ID).text(), 0));
    let own = user();
    let named = assertion(|answer| answer.response.user_handle = Base64Url::parse(&handle(&own)));
    assert!(site().check(&challenge, &own, &factors(), &named).is_ok());
}

#[test]
fn no_bit_of_an_answer_can_be_changed() {
    let challenge = bytes(CHALLENGE).text();
    type Part = fn(&mut Assertion) -> &mut Vec<u8>;
    let parts: [Part; 4] = [
        |answer| &mut answer.id.0,
        |answer| &mut answer.response.client_data.0,
        |answer| &mut answer.response.authenticator_data.0,
        |answer| &mut answer.response.signature.0,
    ];
    for part in parts {
        for place in 0..part(&mut assertion(|_| ())).len() {
            for bit in 0..8 {
                let changed = assertion(|answer| part(answer)[place] ^= 1 << bit);
                assert!(!is_taken(&challenge, &changed), "{place}: bit {bit}");
            }
            let cut = assertion(|answer| part(answer).truncate(place));
            assert!(!is_taken(&challenge, &cut), "cut at {place}");
        }
        assert!(!is_taken(&challenge, &assertion(|answer| part(answer).push(0))), "longer");
    }
}

#[test]
fn an_answer_to_something_else_proves_nothing() {
    let challenge = bytes(CHALLENGE).text();
    assert!(is_taken(&challenge, &assertion(|_| ())));
    assert!(!is_taken(&bytes(CREATION_CHALLENGE).text(), &assertion(|_| ())), "another challenge");
    let other = Site::new("https://example.net").expect("an address");
    assert!(other.check(&challenge, &user(), &factors(), &assertion(|_| ())).is_err(), "another site");
    let port = Site::new("https://example.org:8443").expect("an address");
    assert!(port.check(&challenge, &user(), &factors(), &assertion(|_| ())).is_err(), "another origin");
    assert!(site().check(&challenge, &user(), &SecondFactors::default(), &assertion(|_| ())).is_err());
    let foreign = assertion(|answer| answer.response.user_handle = Some(Base64Url(vec![1; 16])));
    assert!(!is_taken(&challenge, &foreign), "kept for another user");
    let registration = assertion(|answer| answer.response.client_data = bytes(CREATION_CLIENT));
    assert!(!is_taken(&bytes(CREATION_CHALLENGE).text(), &registration), "another ceremony");
}

#[test]
fn a_registration_is_for_its_site_and_challenge_and_a_key_that_can_be_checked() {
    let challenge = bytes(CREATION_CHALLENGE).text();
    let refused = |new: &NewPasskey| site().register(&challenge, new).is_err();
    assert!(!refused(&new_passkey(|_| ())));
    assert!(site().register(&bytes(CHALLENGE).text(), &new_passkey(|_| ())).is_err());
    let other = Site::new("https://example.net").expect("an address");
    assert!(other.register(&challenge, &new_passkey(|_| ())).is_err());
    assert!(refused(&new_passkey(|new| new.id.0[0] ^= 1)), "another id than the signed one");
    let at = |needle: &str| ATTESTATION.find(needle).expect("there") / 2;
    let flags = at("b55900000000") + 1;
    assert!(refused(&new_passkey(|new| new.response.attestation_object.0[flags] &= !1)), "nobody was there");
    assert!(refused(&new_passkey(|new| new.response.attestation_object.0[flags] &= !(1 << 6))), "no key");
    let impossible = new_passkey(|new| {
        let object = &mut new.response.attestation_object.0;
        object[flags] = (object[flags] | 1 << 4) & !(1 << 3);
    });
    assert!(refused(&impossible), "a backup of what cannot be backed up");
    // The map of the key: 1 is its type, 3 its algorithm, -1 its curve.
    let key = at("a50102032620012158");
    for (place, what) in [(2, "type"), (4, "algorithm"), (6, "curve")] {
        assert!(refused(&new_passkey(|new| new.response.attestation_object.0[key + place] ^= 1)), "{what}");
    }
    for length in 0..bytes(ATTESTATION).0.len() {
        assert!(refused(&new_passkey(|new| new.response.attestation_object.0.truncate(length))), "{length}");
    }
    assert!(refused(&new_passkey(|new| new.response.attestation_object.0.push(0))));
}

#[test]
fn an_origin_is_written_as_browsers_write_it() {
    for (address, origin, host) in [
        ("https://Boletas.Example/", "https://boletas.example", "boletas.example"),
        ("https://boletas.example:443", "https://boletas.example", "boletas.example"),
        ("http://localhost:8000", "http://localhost:8000", "localhost"),
    ] {
        let site = Site::new(address).expect("an address");
        assert_eq!((site.origin.as_str(), site.host()), (origin, host));
    }
    assert!(Site::new("boletas").is_err());
}
