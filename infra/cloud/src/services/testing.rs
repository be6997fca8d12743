//! Services for tests, and the real clients of AWS's SDK to drive them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use boot::{Boot, Clock, Env};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{Chaos, REGION, SECRET_ACCESS_KEY, Services, ServicesConfig};

/// The table of the tests: keys, an index of keys, and a stream, like the box
/// office's.
pub(super) const TABLE: &str = "box-office";

/// A folder that goes away with the test.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new() -> Self {
        let path = std::env::temp_dir().join(format!("taquilla-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Running services and a caller's connection to them.
pub(super) struct Local {
    pub(super) services: Services,
    pub(super) clock: Clock,
    boot: Boot,
}

pub(super) fn create_table() -> Value {
    let attribute = |name: &str| json!({ "AttributeName": name, "AttributeType": "S" });
    let attributes = ["PK", "SK", "GSI1PK", "GSI1SK"].map(attribute);
    let keys = |partition: &str, sort: &str| {
        json!([
            { "AttributeName": partition, "KeyType": "HASH" },
            { "AttributeName": sort, "KeyType": "RANGE" },
        ])
    };
    json!({
        "TableName": TABLE,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": attributes,
        "KeySchema": keys("PK", "SK"),
        "GlobalSecondaryIndexes": [{
            "IndexName": "GSI1",
            "KeySchema": keys("GSI1PK", "GSI1SK"),
            "Projection": { "ProjectionType": "KEYS_ONLY" },
        }],
        "StreamSpecification": { "StreamEnabled": true, "StreamViewType": "NEW_IMAGE" },
    })
}

impl Local {
    /// Services in memory.
    pub(super) async fn start() -> Self {
        Self::start_with(None).await
    }

    /// Services that keep their state in the folder.
    pub(super) async fn start_in(folder: &Folder) -> Self {
        Self::start_with(Some(folder.path().to_owned())).await
    }

    async fn start_with(data_dir: Option<PathBuf>) -> Self {
        let (chaos, clock) = (Chaos::seeded(11), Clock::movable());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let config = ServicesConfig { listener, data_dir, chaos, clock: clock.clone() };
        let services = Services::start(config).await.unwrap();
        services.create_table(create_table()).await.unwrap();
        services.create_bucket("images").await.unwrap();
        let env = [
            ("AWS_ENDPOINT_URL", services.endpoint()),
            ("STAGE", "local"),
            ("AWS_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", "tests"),
            ("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY),
        ];
        let env: Env = env.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let boot = Boot::new(env, clock.clone()).unwrap();
        Self { services, clock, boot }
    }

    /// What a function of this process starts from.
    pub(super) fn boot_inside(&self) -> Boot {
        Boot::with_http(self.boot.env.clone(), self.clock.clone(), self.services.client()).unwrap()
    }

    pub(super) fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.boot.aws.config())
    }

    pub(super) fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.boot.aws.config())
    }

    pub(super) fn secretsmanager(&self) -> aws_sdk_secretsmanager::Client {
        aws_sdk_secretsmanager::Client::new(&self.boot.aws.config())
    }

    /// What a function starts from.
    pub(super) fn boot(&self) -> &Boot {
        &self.boot
    }

    pub(super) fn sesv2(&self) -> aws_sdk_sesv2::Client {
        aws_sdk_sesv2::Client::new(&self.boot.aws.config())
    }

    pub(super) fn s3(&self) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::config::Builder::from(&self.boot.aws.config());
        aws_sdk_s3::Client::from_conf(config.force_path_style(true).build())
    }
}

/// What fetches URLs without AWS's SDK.
pub(super) fn browser() -> reqwest::Client {
    outbound::connection_pool(false, Duration::from_secs(2)).unwrap()
}
