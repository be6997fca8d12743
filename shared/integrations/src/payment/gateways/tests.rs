use super::*;

fn env(stage: &str, without: &str, and: &[(&str, &str)]) -> Env {
    let secret = "s".repeat(32);
    [
        ("STAGE", stage),
        ("SANDBOX_GATEWAY_URL", "http://127.0.0.1:4010"),
        ("SANDBOX_API_KEY", &secret),
        ("SANDBOX_WEBHOOK_SECRET", &secret),
    ]
    .iter()
    .chain(and)
    .filter(|(name, _)| *name != without)
    .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
    .collect()
}

fn refused(env: &Env) -> String {
    PaymentGateways::from_env(env).expect_err("refused").variable
}

#[test]
fn the_sandbox_is_found_by_name_and_path() {
    for stage in ["local", "staging"] {
        let gateways = PaymentGateways::from_env(&env(stage, "", &[])).expect("configured");
        assert_eq!(gateways.get(GatewayName::Sandbox).expect("there").name(), GatewayName::Sandbox);
        assert_eq!(gateways.at_path("sandbox").expect("there").name(), GatewayName::Sandbox);
        assert_eq!(gateways.for_new_payments().expect("there").name(), GatewayName::Sandbox);
        assert_eq!(gateways.at_path("Sandbox").expect_err("unknown").code(), "payment_gateway_unknown");
    }
}

#[test]
fn production_refuses_to_start_with_any_part_of_the_sandbox() {
    assert_eq!(refused(&env("production", "", &[])), "SANDBOX_GATEWAY_URL");
    assert_eq!(refused(&env("production", "SANDBOX_GATEWAY_URL", &[])), "SANDBOX_API_KEY");
    let only_secret = [("STAGE", "production"), ("SANDBOX_WEBHOOK_SECRET", "x")];
    let only_secret = only_secret.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    assert_eq!(refused(&only_secret.collect()), "SANDBOX_WEBHOOK_SECRET");
}

#[test]
fn a_deployment_may_do_without_a_gateway() {
    for stage in ["staging", "production"] {
        let without = [("STAGE".to_owned(), stage.to_owned())].into_iter().collect();
        let gateways = PaymentGateways::from_env(&without).expect("starts");
        assert_eq!(gateways.for_new_payments().expect_err("none").code(), "payment_gateway_missing");
        assert_eq!(gateways.at_path("sandbox").expect_err("none").code(), "payment_gateway_unknown");
    }
    let local = [("STAGE".to_owned(), "local".to_owned())].into_iter().collect();
    assert_eq!(refused(&local), "SANDBOX_GATEWAY_URL");
}

#[test]
fn every_missing_or_weak_variable_is_named() {
    for name in ["STAGE", "SANDBOX_GATEWAY_URL", "SANDBOX_API_KEY", "SANDBOX_WEBHOOK_SECRET"] {
        assert_eq!(refused(&env("local", name, &[])), name);
        assert_eq!(refused(&env("staging", name, &[])), name);
    }
    assert_eq!(refused(&env("local", "", &[("SANDBOX_API_KEY", "short")])), "SANDBOX_API_KEY");
    assert_eq!(refused(&env("local", "", &[("SANDBOX_WEBHOOK_SECRET", "short")])), "SANDBOX_WEBHOOK_SECRET");
    let unresolved = [("SANDBOX_API_KEY", "arn:aws:secretsmanager:us-east-1:111122223333:secret:sandbox")];
    assert_eq!(refused(&env("staging", "", &unresolved)), "SANDBOX_API_KEY");
    let remote = [("SANDBOX_GATEWAY_URL", "http://gateway.example")];
    assert_eq!(refused(&env("staging", "", &remote)), "SANDBOX_GATEWAY_URL");
}
