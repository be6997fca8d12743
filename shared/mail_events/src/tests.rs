use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use proptest::prelude::*;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};

use super::*;

const CERTIFICATE: &[u8] = include_bytes!("../../../infra/cloud/src/services/sns/certificate.pem");
const KEY: &[u8] = include_bytes!("../../../infra/cloud/src/services/sns/key.pem");
const ADDRESS: &str = "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-test.pem";
const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:ses-events";

/// Has one certificate, at one address.
#[derive(Debug)]
struct OneCertificate;

impl Fetch for OneCertificate {
    fn get<'a>(&'a self, address: &'a Url) -> BoxFuture<'a, Result<Bytes, FetchError>> {
        let there = address.as_str() == ADDRESS;
        let missing = FetchError::Refused(http::StatusCode::NOT_FOUND);
        std::future::ready(if there { Ok(Bytes::from_static(CERTIFICATE)) } else { Err(missing) }).boxed()
    }
}

/// Never answers.
#[derive(Debug)]
struct Down;

impl Fetch for Down {
    fn get<'a>(&'a self, _: &'a Url) -> BoxFuture<'a, Result<Bytes, FetchError>> {
        std::future::ready(Err(FetchError::Unavailable(None))).boxed()
    }
}

fn sns() -> Sns {
    Sns::new([TOPIC.to_owned()], Arc::new(OneCertificate))
}

fn verify_at(body: &[u8], now: &str) -> Result<Verified, Refused> {
    let now = now.parse().expect("a time");
    sns().verify(body, now).now_or_never().expect("nothing waits")
}

fn verify(message: &Value) -> Result<Verified, Refused> {
    verify_at(message.to_string().as_bytes(), "2026-11-20T10:00:05Z")
}

/// The reason of a refusal.
fn refused(message: &Value) -> &'static str {
    match verify(message) {
        Err(Refused::Forged(why)) => why,
        other => panic!("{message}: {other:?}"),
    }
}

fn vectors() -> Value {
    serde_json::from_str(include_str!("vectors.json")).expect("JSON")
}

fn vector(name: &str) -> Value {
    vectors()[name]["message"].clone()
}

/// Signs as SNS does, in version 2.
fn sign(mut message: Value) -> Value {
    let key = PrivatePkcs8KeyDer::from_pem_slice(KEY).expect("a key");
    let key = RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).expect("an RSA key");
    message["SignatureVersion"] = "2".into();
    message["Signature"] = "".into();
    message["SigningCertURL"] = ADDRESS.into();
    let parsed: Message = serde_json::from_value(message.clone()).expect("a message");
    let text = parsed.string_to_sign().expect("complete");
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).expect("signed");
    message["Signature"] = STANDARD.encode(signature).into();
    message
}

#[test]
fn every_vector_verifies() {
    for (name, vector) in vectors().as_object().expect("vectors") {
        let parsed: Message = serde_json::from_value(vector["message"].clone()).expect("a message");
        assert_eq!(parsed.string_to_sign().as_deref(), vector["string_to_sign"].as_str(), "{name}");
        match verify(&vector["message"]).unwrap_or_else(|error| panic!("{name}: {error}")) {
            Verified::Notification { id, message } => {
                assert_eq!(id, "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324");
                let event = ses::Event::parse(&message).expect("an event");
                assert!(matches!(event.kind, ses::EventKind::Bounced { permanent: true, .. }), "{name}");
            }
            Verified::Subscription(Confirmation(url)) => {
                assert_eq!(name, "subscription_v2");
                assert!(url.as_str().ends_with("&Token=2336412f37"));
            }
            Verified::Unsubscribed { .. } => panic!("{name}"),
        }
    }
    assert_eq!(vectors().as_object().map(serde_json::Map::len), Some(4));
}

#[test]
fn signing_is_deterministic_and_gives_the_vectors_signatures() {
    for name in ["notification_v2", "notification_v2_with_subject", "subscription_v2"] {
        assert_eq!(sign(vector(name))["Signature"], vector(name)["Signature"], "{name}");
    }
}

#[test]
fn an_unsubscription_is_signed_like_a_subscription() {
    let mut message = vector("subscription_v2");
    message["Type"] = "UnsubscribeConfirmation".into();
    let signed = sign(message);
    assert_eq!(verify(&signed).expect("signed"), Verified::Unsubscribed { topic: TOPIC.to_owned() });
    let mut forged = signed;
    forged["Token"] = "another".into();
    assert_eq!(refused(&forged), "the signature is wrong");
}

#[test]
fn what_is_not_ours_or_not_now_is_refused() {
    let changed = |name: &str, value: &str| {
        let mut message = vector("notification_v2");
        message[name] = value.into();
        refused(&message)
    };
    assert_eq!(changed("TopicArn", "arn:aws:sns:us-east-1:210987654321:ses-events"), "the topic is not ours");
    assert_eq!(changed("Message", "{}"), "the signature is wrong");
    assert_eq!(changed("Subject", "added"), "the signature is wrong");
    assert_eq!(changed("SignatureVersion", "1"), "the signature is wrong");
    assert_eq!(changed("SignatureVersion", "3"), "the signature is wrong");
    assert_eq!(changed("Signature", "?"), "the signature is not base64");
    assert_eq!(changed("Type", "SubscriptionConfirmation"), "a signed part is missing");
    assert_eq!(changed("Type", "Something"), "it is not a message of SNS");
    let mut subscription = vector("subscription_v2");
    subscription["SubscribeURL"] = "https://example.com/".into();
    assert_eq!(refused(&subscription), "the signature is wrong");
    assert_eq!(refused(&sign(subscription)), "the confirmation is not at SNS");

    let body = vector("notification_v2").to_string();
    let at = |now| verify_at(body.as_bytes(), now).is_ok();
    assert!(at("2026-11-20T11:59:59Z") && !at("2026-11-20T12:00:02Z"));
    assert!(at("2026-11-20T09:56:00Z") && !at("2026-11-20T09:54:00Z"));
    for body in ["", "null", "{}", "[]", "\u{feff}{}"] {
        assert!(matches!(verify_at(body.as_bytes(), "2026-11-20T10:00:05Z"), Err(Refused::Forged(_))));
    }
}

#[test]
fn certificates_come_from_the_topics_own_sns_only() {
    for address in [
        "http://sns.us-east-1.amazonaws.com/SimpleNotificationService-test.pem",
        "https://sns.us-east-1.amazonaws.com.example.com/SimpleNotificationService-test.pem",
        "https://example.com/sns.us-east-1.amazonaws.com/SimpleNotificationService-test.pem",
        "https://sns.us-east-1.amazonaws.com@example.com/test.pem",
        "https://user@sns.us-east-1.amazonaws.com/SimpleNotificationService-test.pem",
        "https://sns.us-east-1.amazonaws.com:8443/SimpleNotificationService-test.pem",
        "https://sns.us-east-1.amazonaws.com:443/SimpleNotificationService-test.pem",
        "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-test.pem?x=.pem",
        "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-test.pem#x",
        "https://sns.us-east-1.amazonaws.com/certificate.txt",
        "https://sns.us-east-1.amazonaws.com\\@example.com/test.pem",
        "https://SNS.us-east-1.amazonaws.com/SimpleNotificationService-test.pem",
        // A bucket called sns, in the old form of S3's addresses.
        "https://sns.s3-us-west-2.amazonaws.com/test.pem",
        "https://sns.us-west-2.amazonaws.com/SimpleNotificationService-test.pem",
        "https://sns.us-east-1.amazonaws.com.cn/SimpleNotificationService-test.pem",
        "file:///test.pem",
        "",
    ] {
        let mut message = vector("notification_v2");
        message["SigningCertURL"] = address.into();
        assert_eq!(refused(&message), "the certificate is not at SNS", "{address}");
    }
    let mut missing = vector("notification_v2");
    missing["SigningCertURL"] = "https://sns.us-east-1.amazonaws.com/another.pem".into();
    assert_eq!(refused(&missing), "there is no such certificate");
    assert_eq!(host_of("arn:aws-cn:sns:cn-north-1:1:x").as_deref(), Some("sns.cn-north-1.amazonaws.com.cn"));
    for topic in [
        "",
        "arn:aws:sqs:us-east-1:1:x",
        "arn:aws:sns:a.b/c:1:x",
        "arn:aws:sns:us-east-1:1",
        "arn:aws:sns::1:x",
    ] {
        assert_eq!(host_of(topic), None, "{topic}");
    }
}

#[test]
fn while_sns_is_down_nothing_is_believed_and_everything_may_come_again() {
    let sns = Sns::new([TOPIC.to_owned()], Arc::new(Down));
    let body = vector("notification_v2").to_string();
    let now = "2026-11-20T10:00:05Z".parse().expect("a time");
    let result = sns.verify(body.as_bytes(), now).now_or_never().expect("nothing waits");
    let Err(error @ Refused::Unavailable(_)) = result else { panic!("{result:?}") };
    assert_eq!(Error::from(error).kind(), domain::Kind::Unavailable);
    assert_eq!(Error::from(Refused::Forged("why")).kind(), domain::Kind::Unauthenticated);
}

#[test]
fn a_certificate_is_fetched_once() {
    #[derive(Debug, Default)]
    struct Counting(std::sync::atomic::AtomicU32);
    impl Fetch for Counting {
        fn get<'a>(&'a self, address: &'a Url) -> BoxFuture<'a, Result<Bytes, FetchError>> {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            OneCertificate
                .get(address)
                .now_or_never()
                .map_or_else(|| unreachable!(), |got| std::future::ready(got).boxed())
        }
    }
    let counting = Arc::new(Counting::default());
    let sns = Sns::new([TOPIC.to_owned()], counting.clone());
    let now = "2026-11-20T10:00:05Z".parse().expect("a time");
    for name in ["notification_v1", "notification_v2", "subscription_v2"] {
        let body = vector(name).to_string();
        assert!(sns.verify(body.as_bytes(), now).now_or_never().expect("nothing waits").is_ok());
    }
    assert_eq!(counting.0.load(std::sync::atomic::Ordering::Relaxed), 1);
}

#[test]
fn only_the_local_cloud_may_name_a_simulated_sns() {
    let from = |stage: &str, instead: Option<&str>, topic: &str| {
        let variables = [("STAGE", Some(stage)), ("AWS_ENDPOINT_URL_SNS", instead), ("TOPIC", Some(topic))];
        let set =
            variables.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
        Sns::from_env(&set.collect(), "TOPIC").map(drop).map_err(|error| error.variable)
    };
    let local = Some("http://127.0.0.1:4002");
    assert_eq!(from("local", local, TOPIC), Ok(()));
    assert_eq!(from("production", None, TOPIC), Ok(()));
    for stage in ["production", "staging"] {
        assert_eq!(from(stage, local, TOPIC), Err("AWS_ENDPOINT_URL_SNS".to_owned()));
    }
    assert_eq!(from("local", Some("http://example.com"), TOPIC), Err("AWS_ENDPOINT_URL_SNS".to_owned()));
    assert_eq!(from("local", local, "ses-events"), Err("TOPIC".to_owned()));
}

#[test]
fn what_stands_in_is_asked_for_the_same_path() {
    let web = Web::at_endpoint("http://127.0.0.1:4002".parse().expect("a URL"));
    let address =
        "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&Token=a".parse().expect("a URL");
    assert_eq!(web.address(&address).as_str(), "http://127.0.0.1:4002/?Action=ConfirmSubscription&Token=a");
    let own = Web::default();
    assert_eq!(own.address(&address), address);
}

/// The vector as compact JSON, without what SNS does not sign.
fn signed_bytes(name: &str) -> Vec<u8> {
    let mut message = vector(name);
    message.as_object_mut().expect("an object").remove("UnsubscribeURL");
    message.to_string().into_bytes()
}

proptest! {
    #[test]
    fn one_flipped_bit_anywhere_is_refused(
        name in prop::sample::select(vec![
            "notification_v1", "notification_v2", "notification_v2_with_subject", "subscription_v2",
        ]),
        place in any::<prop::sample::Index>(),
        bit in 0..8_u32,
    ) {
        let mut body = signed_bytes(name);
        prop_assert!(verify_at(&body, "2026-11-20T10:00:05Z").is_ok());
        let place = place.index(body.len());
        body[place] ^= 1 << bit;
        prop_assert!(verify_at(&body, "2026-11-20T10:00:05Z").is_err(), "bit {} of byte {}", bit, place);
    }

    #[test]
    fn nonsense_is_refused_and_never_panics(body in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(verify_at(&body, "2026-11-20T10:00:05Z").is_err());
    }

    #[test]
    fn any_field_may_hold_anything_without_harm(
        field in prop::sample::select(vec![
            "Type", "TopicArn", "Timestamp", "SignatureVersion", "Signature", "SigningCertURL", "Subject",
        ]),
        value in ".{0,60}",
    ) {
        let mut message = vector("notification_v2");
        prop_assume!(message[field] != json!(value));
        message[field] = value.into();
        prop_assert!(verify(&message).is_err());
    }
}
