use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use axum::Router;
use boot::{Boot, Clock, Env, SecretText, Vault};
use tokio::net::TcpListener;

use crate::services::testing::{Folder, Local};
use crate::services::{Denied, Guard};

const NAME: &str = "taquilla/local/gateway/one";

/// Longer than a vault keeps what it read.
const LONG: Duration = Duration::from_secs(3600);

fn text(text: &str) -> SecretText {
    SecretText::new(text)
}

async fn create(client: &Client, name: &str, text: &str) -> String {
    let made = client.create_secret().name(name).secret_string(text).send().await.expect("made");
    made.version_id.expect("a version")
}

#[tokio::test]
async fn a_secret_has_versions_that_do_not_change() {
    let local = Local::start().await;
    let client = local.secretsmanager();
    let first = create(&client, NAME, "one").await;
    let put = client.put_secret_value().secret_id(NAME).secret_string("two").send().await.expect("put");
    let current = client.get_secret_value().secret_id(NAME).send().await.expect("there");
    assert_eq!(current.secret_string(), Some("two"));
    assert_eq!(current.version_id(), put.version_id());
    assert_eq!(current.version_stages(), ["AWSCURRENT"]);
    let before = client.get_secret_value().secret_id(NAME).version_id(&first).send().await.expect("there");
    assert_eq!(before.secret_string(), Some("one"));
    assert_eq!(before.version_stages(), ["AWSPREVIOUS"]);
    let arn = current.arn().expect("an ARN");
    let by_arn = client.get_secret_value().secret_id(arn).send().await.expect("there");
    assert_eq!(by_arn.secret_string(), Some("two"));
    let named = client.get_secret_value().secret_id(NAME).version_stage("AWSPREVIOUS").send().await;
    assert_eq!(named.expect("there").secret_string(), Some("one"));
}

#[tokio::test]
async fn the_same_request_twice_is_one_and_another_with_its_token_is_refused() {
    let local = Local::start().await;
    let client = local.secretsmanager();
    create(&client, NAME, "one").await;
    let put = |text: &str| {
        let token = "0123456789abcdef0123456789abcdef";
        client.put_secret_value().secret_id(NAME).client_request_token(token).secret_string(text).send()
    };
    assert_eq!(put("two").await.expect("put").version_id, put("two").await.expect("put again").version_id);
    let refused = put("three").await.expect_err("another text").into_service_error();
    assert!(refused.is_resource_exists_exception(), "{refused}");
    let refused =
        client.create_secret().name(NAME).secret_string("four").send().await.expect_err("it exists");
    assert!(refused.into_service_error().is_resource_exists_exception());
    let stays = client.get_secret_value().secret_id(NAME).send().await.expect("there");
    assert_eq!(stays.secret_string(), Some("two"));
}

#[tokio::test]
async fn what_is_not_there_cannot_be_read_or_changed_but_deleted() {
    let local = Local::start().await;
    let client = local.secretsmanager();
    let read = client.get_secret_value().secret_id(NAME).send().await.expect_err("nothing");
    assert!(read.into_service_error().is_resource_not_found_exception());
    let put = client.put_secret_value().secret_id(NAME).secret_string("x").send().await.expect_err("nothing");
    assert!(put.into_service_error().is_resource_not_found_exception());
    let delete = || client.delete_secret().secret_id(NAME);
    delete().force_delete_without_recovery(true).send().await.expect("deleted");
    let refused = delete().send().await.expect_err("only for good").into_service_error();
    assert!(refused.is_invalid_parameter_exception(), "{refused}");
}

#[tokio::test]
async fn secrets_survive_a_restart_in_a_file_that_only_the_owner_reads() {
    let folder = Folder::new();
    let local = Local::start_in(&folder).await;
    create(&local.secretsmanager(), NAME, "one").await;
    create(&local.secretsmanager(), "taquilla/local/gateway/two", "two").await;
    let gone = local.secretsmanager().delete_secret().secret_id(NAME).force_delete_without_recovery(true);
    gone.send().await.expect("deleted");
    local.services.stop().await;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let file = std::fs::metadata(folder.path().join("secretsmanager.json")).expect("a file");
        assert_eq!(file.permissions().mode() & 0o777, 0o600);
    }
    let local = Local::start_in(&folder).await;
    let client = local.secretsmanager();
    let kept = client.get_secret_value().secret_id("taquilla/local/gateway/two").send().await;
    assert_eq!(kept.expect("there").secret_string(), Some("two"));
    let gone = client.get_secret_value().secret_id(NAME).send().await.expect_err("deleted");
    assert!(gone.into_service_error().is_resource_not_found_exception());
}

#[tokio::test]
async fn a_guard_is_asked_about_secrets_too() {
    let local = Local::start().await;
    let guard: Guard = Box::new(|call| match (call.service, call.operation) {
        ("secretsmanager", "GetSecretValue") => Err(Denied { message: "not you".to_owned() }),
        _ => Ok(()),
    });
    local.services.set_guard(guard);
    let client = local.secretsmanager();
    create(&client, NAME, "one").await;
    let denied = client.get_secret_value().secret_id(NAME).send().await.expect_err("denied");
    assert_eq!(denied.into_service_error().meta().code(), Some("AccessDeniedException"));
}

#[tokio::test]
async fn a_vault_keeps_what_it_read_for_some_minutes() {
    let local = Local::start().await;
    let vault = Vault::new(local.boot()).expect("a vault");
    let version = vault.put("gateway/one", &text("one")).await.expect("put");
    assert_eq!(vault.get("gateway/one", &version).await, Ok(Some(text("one"))));

    let behind_its_back =
        local.secretsmanager().delete_secret().secret_id(NAME).force_delete_without_recovery(true);
    behind_its_back.send().await.expect("deleted");
    assert_eq!(vault.get("gateway/one", &version).await, Ok(Some(text("one"))), "it does not ask again");
    let other = Vault::new(local.boot()).expect("another function's vault");
    assert_eq!(other.get("gateway/one", &version).await, Ok(None));
    local.clock.advance(LONG);
    assert_eq!(vault.get("gateway/one", &version).await, Ok(None), "it asks after a while");
}

#[tokio::test]
async fn a_vault_tells_versions_apart_and_forgets_what_it_deletes() {
    let local = Local::start().await;
    let vault = Vault::new(local.boot()).expect("a vault");
    let first = vault.put("gateway/one", &text("one")).await.expect("put");
    let second = vault.put("gateway/one", &text("two")).await.expect("put");
    vault.put("gateway/two", &text("three")).await.expect("put");
    assert_ne!(first, second);
    for _ in 0..2 {
        assert_eq!(vault.get("gateway/one", &first).await, Ok(Some(text("one"))));
        assert_eq!(vault.get("gateway/one", &second).await, Ok(Some(text("two"))));
    }
    assert_eq!(vault.get("gateway/two", &first).await, Ok(None), "a version is of one secret");
    vault.delete("gateway/one").await.expect("deleted");
    vault.delete("gateway/one").await.expect("deleted again");
    assert_eq!(vault.get("gateway/one", &second).await, Ok(None));
    let again = vault.put("gateway/one", &text("four")).await.expect("put");
    assert_eq!(vault.get("gateway/one", &again).await, Ok(Some(text("four"))));
}

#[tokio::test]
async fn secrets_do_not_show_in_debug_output_or_errors() {
    let local = Local::start().await;
    let guard: Guard = Box::new(|_| Err(Denied { message: "nobody".to_owned() }));
    local.services.set_guard(guard);
    let vault = Vault::new(local.boot()).expect("a vault");
    let secret = text("secret-4711");
    let error = vault.put("gateway/one", &secret).await.expect_err("denied");
    let shown = format!("{vault:?}{secret:?}{error:?}{error}");
    assert!(error.to_string().contains("AccessDenied"), "{error}");
    assert!(!shown.contains("4711"), "{shown}");
}

#[tokio::test]
async fn an_answer_that_does_not_read_is_not_quoted() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let cut_short = Router::new().fallback(async || r#"{"SecretString":"secret-4711","#);
    tokio::spawn(async move { axum::serve(listener, cut_short).await });
    let env = [
        ("AWS_ENDPOINT_URL", url.as_str()),
        ("STAGE", "local"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "tests"),
        ("AWS_SECRET_ACCESS_KEY", "tests"),
    ];
    let env: Env = env.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let boot = Boot::new(env, Clock::system()).expect("complete configuration");
    let quoted = Client::new(&boot.aws.config()).get_secret_value().secret_id(NAME).send().await;
    assert!(format!("{:?}", quoted.expect_err("cut short")).contains("4711"), "else there is nothing to see");
    let vault = Vault::new(&boot).expect("a vault");
    let error = vault.get("gateway/one", "v").await.expect_err("cut short");
    assert!(!format!("{error:?}{error}").contains("4711"), "{error}");
}
