use super::*;

fn boot(stage: &str, without: &str, and: &[(&str, &str)]) -> Boot {
    let secret = "s".repeat(32);
    let aws = [("AWS_REGION", "us-east-1"), ("AWS_ACCESS_KEY_ID", "k"), ("AWS_SECRET_ACCESS_KEY", "s")];
    let env: Env = [
        ("STAGE", stage),
        ("SANDBOX_GATEWAY_URL", "http://127.0.0.1:4010"),
        ("SANDBOX_API_KEY", &secret),
        ("SANDBOX_WEBHOOK_SECRET", &secret),
    ]
    .iter()
    .chain(&aws)
    .chain(and)
    .filter(|(name, _)| !without.split(' ').any(|without| without == *name))
    .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
    .collect();
    Boot::new(env, Clock::movable()).expect("AWS")
}

fn refused(boot: &Boot) -> String {
    PaymentGateways::new(boot).expect_err("refused").variable
}

const SANDBOX: &str = "SANDBOX_GATEWAY_URL SANDBOX_API_KEY SANDBOX_WEBHOOK_SECRET";

#[test]
fn the_sandbox_is_there_where_it_is_configured() {
    for stage in ["local", "staging"] {
        let gateways = PaymentGateways::new(&boot(stage, "", &[])).expect("configured");
        assert_eq!(gateways.sandbox().expect("there").name(), GatewayName::Sandbox);
    }
    for stage in ["staging", "production"] {
        let gateways = PaymentGateways::new(&boot(stage, SANDBOX, &[])).expect("starts");
        assert!(gateways.sandbox().is_none(), "{stage}");
    }
    assert_eq!(refused(&boot("local", SANDBOX, &[])), "SANDBOX_GATEWAY_URL");
}

#[test]
fn functions_without_payments_need_no_sandbox() {
    for (stage, without) in [("local", ""), ("local", SANDBOX), ("production", SANDBOX)] {
        let gateways = PaymentGateways::without_sandbox(&boot(stage, without, &[])).expect("starts");
        assert!(gateways.sandbox().is_none(), "{stage}");
    }
    let boot = boot("staging", "", &[("PAYU_URL", "http://127.0.0.1:9")]);
    assert_eq!(PaymentGateways::without_sandbox(&boot).expect_err("refused").variable, "PAYU_URL");
}

#[test]
fn production_refuses_to_start_with_any_part_of_the_sandbox() {
    assert_eq!(refused(&boot("production", "", &[])), "SANDBOX_GATEWAY_URL");
    assert_eq!(refused(&boot("production", "SANDBOX_GATEWAY_URL", &[])), "SANDBOX_API_KEY");
    let only = "SANDBOX_GATEWAY_URL SANDBOX_API_KEY";
    assert_eq!(refused(&boot("production", only, &[])), "SANDBOX_WEBHOOK_SECRET");
}

#[test]
fn every_missing_or_weak_variable_is_named() {
    for name in ["STAGE", "SANDBOX_GATEWAY_URL", "SANDBOX_API_KEY", "SANDBOX_WEBHOOK_SECRET"] {
        assert_eq!(refused(&boot("local", name, &[])), name);
        assert_eq!(refused(&boot("staging", name, &[])), name);
    }
    assert_eq!(refused(&boot("local", "", &[("SANDBOX_API_KEY", "short")])), "SANDBOX_API_KEY");
    assert_eq!(refused(&boot("local", "", &[("SANDBOX_WEBHOOK_SECRET", "short")])), "SANDBOX_WEBHOOK_SECRET");
    let unresolved = [("SANDBOX_API_KEY", "arn:aws:secretsmanager:us-east-1:111122223333:secret:sandbox")];
    assert_eq!(refused(&boot("staging", "", &unresolved)), "SANDBOX_API_KEY");
    let remote = [("SANDBOX_GATEWAY_URL", "http://gateway.example")];
    assert_eq!(refused(&boot("staging", "", &remote)), "SANDBOX_GATEWAY_URL");
}

const STAND_INS: [&str; 5] =
    ["MERCADO_PAGO_URL", "WOMPI_URL", "WOMPI_CHECKOUT_URL", "PAYU_URL", "PAYU_CHECKOUT_URL"];

#[test]
fn stand_ins_are_for_one_machine() {
    for name in STAND_INS {
        for stage in ["staging", "production"] {
            assert_eq!(refused(&boot(stage, SANDBOX, &[(name, "http://127.0.0.1:9")])), name);
            PaymentGateways::new(&boot(stage, SANDBOX, &[(name, "")])).expect("empty is as good as none");
        }
        assert_eq!(refused(&boot("local", "", &[(name, "nonsense")])), name);
        PaymentGateways::new(&boot("local", "", &[(name, "http://127.0.0.1:9")])).expect("an address");
    }
}

#[test]
fn each_stand_in_has_its_place_and_the_mode_decides_otherwise() {
    let set = STAND_INS.map(|name| (name, format!("http://127.0.0.1:9/{name}")));
    let set: Vec<_> = set.iter().map(|(name, url)| (*name, url.as_str())).collect();
    let addresses =
        |and: &[(&str, &str)]| Addresses::from_env(&boot("local", "", and).env).expect("addresses");
    let shown = |addresses: &Addresses, mode| {
        let (wompi, payu) = (addresses.wompi(mode), addresses.payu(mode));
        [addresses.mercado_pago(), wompi.api, wompi.checkout, payu.api, payu.checkout]
            .map(|url| url.to_string())
            .join("\n")
    };
    let local = addresses(&set);
    assert_eq!(shown(&local, Mode::Live), shown(&local, Mode::Test));
    insta::assert_snapshot!(shown(&local, Mode::Live), @r"
    http://127.0.0.1:9/MERCADO_PAGO_URL
    http://127.0.0.1:9/WOMPI_URL
    http://127.0.0.1:9/WOMPI_CHECKOUT_URL
    http://127.0.0.1:9/PAYU_URL
    http://127.0.0.1:9/PAYU_CHECKOUT_URL
    ");
    insta::assert_snapshot!(shown(&addresses(&[]), Mode::Live), @r"
    https://api.mercadopago.com/
    https://production.wompi.co/v1
    https://checkout.wompi.co/p/
    https://api.payulatam.com/
    https://checkout.payulatam.com/ppp-web-gateway-payu/
    ");
    insta::assert_snapshot!(shown(&addresses(&[]), Mode::Test), @r"
    https://api.mercadopago.com/
    https://sandbox.wompi.co/v1
    https://checkout.wompi.co/p/
    https://sandbox.api.payulatam.com/
    https://sandbox.checkout.payulatam.com/ppp-web-gateway-payu/
    ");
}

#[test]
fn clients_are_made_of_credentials_that_can_be_some() {
    let gateways = PaymentGateways::new(&boot("staging", SANDBOX, &[])).expect("starts");
    let made = |gateway, credentials: Value| {
        gateways
            .client(gateway, Mode::Test, &credentials)
            .map(|client| client.name())
            .map_err(|bad| bad.iter().map(|bad| bad.field).collect::<Vec<_>>())
    };
    let mercado_pago =
        serde_json::json!({"access_token": "APP_USR-1234567890-abc", "webhook_secret": "secret-4711"});
    let wompi = serde_json::json!({
        "public_key": "pub_test_4711", "private_key": "prv_test_4711",
        "events_secret": "test_events_4711", "integrity_secret": "test_integrity_4711",
    });
    let payu = serde_json::json!({
        "merchant_id": "508029", "account_id": "512321", "api_login": "login", "api_key": "api-key",
    });
    let all = [
        (GatewayName::MercadoPago, mercado_pago, "access_token"),
        (GatewayName::Wompi, wompi, "public_key"),
        (GatewayName::Payu, payu, "merchant_id"),
    ];
    for (name, credentials, field) in all {
        assert_eq!(made(name, credentials.clone()), Ok(name));
        let mut wrong = credentials.clone();
        wrong[field] = "no such thing".into();
        assert_eq!(made(name, wrong), Err(vec![field]));
        assert_eq!(made(GatewayName::Sandbox, credentials), Err(vec![""]), "the sandbox has no accounts");
        assert!(made(name, serde_json::json!({})).is_err_and(|bad| bad.len() > 1), "all that are missing");
    }
}
